//! The headers and the JSON of Device Bound Session Credentials (<https://w3c.github.io/webappsec-dbsc/>).

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::cookie::BoundCookie;
use crate::{
    config::{AppOrigin, PublicUrl},
    sessions::SessionId,
};

/// Where a browser sends the key.
pub(crate) const BIND: &str = "/session/bind";
/// Where it renews its proof.
pub(crate) const REFRESH: &str = "/session/refresh";

/// Asks the browser of a sign-in to make a key.
pub(in crate::web) const REGISTRATION_HEADER: &str = "secure-session-registration";
/// Asks a browser to sign.
pub(in crate::web) const CHALLENGE_HEADER: &str = "secure-session-challenge";
/// Carries what it has signed.
const RESPONSE_HEADER: &str = "secure-session-response";
/// Names the session whose proof is renewed. No script can send a header of such a name.
const SESSION_ID_HEADER: &str = "sec-secure-session-id";
/// Says that a request comes without a proof, and why.
const SKIPPED_HEADER: &str = "secure-session-skipped";

/// Paths whose requests need no proof, so that the browser does not renew it for them.
const PATHS_WITHOUT_SESSION: [&str; 3] = ["/static", "/healthz", "/readyz"];

/// The value of the header that registers a session.
pub(super) fn registration(algorithms: &str, path: &str, challenge: &str) -> String {
    format!(r#"({algorithms});path="{path}";challenge="{challenge}""#)
}

/// The value of the header with a challenge for a session.
pub(super) fn challenge(challenge: &str, session: impl std::fmt::Display) -> String {
    format!(r#""{challenge}";id="{session}""#)
}

/// What a browser has signed.
pub(in crate::web) fn proof_header(headers: &HeaderMap) -> Option<&str> {
    string_header(headers, RESPONSE_HEADER)
}

/// The session whose proof a browser wants to renew, as it writes its id.
pub(in crate::web) fn requested_session(headers: &HeaderMap) -> Option<&str> {
    string_header(headers, SESSION_ID_HEADER)
}

/// Whether a browser says that it has a key, but no proof, since it could not renew it.
pub(in crate::web) fn was_refresh_skipped(headers: &HeaderMap) -> bool {
    headers.contains_key(SKIPPED_HEADER)
}

/// Sets a header of a response.
pub(in crate::web) fn set_header(headers: &mut HeaderMap, name: &'static str, value: &str) {
    match HeaderValue::from_str(value) {
        Ok(value) => drop(headers.insert(HeaderName::from_static(name), value)),
        Err(error) => tracing::error!(%error, name, "a header was not sent"),
    }
}

/// A header with one string, with or without its quotes: browsers have sent both.
fn string_header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let value = headers.get(name)?.to_str().ok()?.trim();
    Some(value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value))
}

/// Tells a browser that a session is over, so that it forgets its key.
pub(in crate::web) fn end_of_session(session: &str) -> Value {
    json!({ "session_identifier": session, "continue": false })
}

/// What a browser is told about a session that is bound.
pub(super) struct Instructions(Value);

impl Instructions {
    pub fn new(public_url: &PublicUrl, app_origins: &[AppOrigin], cookie: &BoundCookie) -> Self {
        let exclude = |path: &str| json!({ "type": "exclude", "domain": public_url.host(), "path": path });
        let mut instructions = json!({
            "session_identifier": "",
            "refresh_url": REFRESH,
            "scope": {
                "origin": public_url.to_string(),
                "include_site": false,
                "scope_specification": PATHS_WITHOUT_SESSION.map(exclude),
            },
            "credentials": [{ "type": "cookie", "name": cookie.name(), "attributes": cookie.attributes() }],
        });
        if !app_origins.is_empty() {
            // Their pages read the stream of events, for which the browser may have to renew the proof.
            let hosts: Vec<&str> =
                std::iter::once(public_url.host()).chain(app_origins.iter().map(AppOrigin::host)).collect();
            instructions["allowed_refresh_initiators"] = json!(hosts);
        }
        Self(instructions)
    }

    pub fn of(&self, session: SessionId) -> Value {
        let mut instructions = self.0.clone();
        instructions["session_identifier"] = json!(session);
        instructions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_match_published_vectors() {
        let vectors = include_str!("../../../tests/vectors/dbsc/registration-header.json");
        let vectors: Value = serde_json::from_str(vectors).unwrap();
        let input = |name: &str| vectors["inputs"][name].as_str().unwrap();
        let expected = &vectors["expected"];
        let (sent, id) = (input("challenge"), input("sessionId"));
        let registration = registration(input("algorithm"), input("registrationPath"), sent);
        assert_eq!(registration, expected["Secure-Session-Registration"]);
        assert_eq!(challenge(sent, id), expected["Secure-Session-Challenge (with id)"]);
    }

    #[test]
    fn strings_are_read_with_and_without_quotes() {
        for (sent, read) in [("\"a.b\"", "a.b"), ("a.b", "a.b"), ("\"a", "\"a"), ("", ""), ("\"", "\"")] {
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::from_static(RESPONSE_HEADER), HeaderValue::from_str(sent).unwrap());
            assert_eq!(proof_header(&headers), Some(read), "{sent}");
        }
        assert_eq!(requested_session(&HeaderMap::new()), None);
    }
}
