//! Mutated headers, destinations and forms. See `crate::fuzz`.

use std::net::IpAddr;

use actix_web::{
    FromRequest, HttpMessage,
    cookie::Cookie,
    http::header::{COOKIE, HeaderMap, HeaderName, HeaderValue},
    test::TestRequest,
    web::Form,
};
use url::{Origin, Url};

use super::{
    browser_cookie::BrowserCookie,
    client_ip::TrustedProxies,
    cookie::{Presented, SessionCookie},
    csrf_form::ProtectedFields,
    flash::{Flash, Notice},
    next::Destinations,
    pages::login::SignInFields,
};
use crate::{
    accounts::BrowserId,
    clock::Timestamp,
    config::{PublicUrl, Secrets},
    fuzz::fuzz,
    sessions::{SessionId, Sid},
};

fn secrets() -> Secrets {
    "the secret of the corpus 7Qm2xV9rTb4K".parse().unwrap()
}

/// A request's headers with a `Cookie` header; `None` if it can't be one.
fn cookie_header(value: &[u8]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert(COOKIE, HeaderValue::from_bytes(value).ok()?);
    Some(headers)
}

fn pair(cookie: &Cookie<'_>) -> String {
    format!("{}={}", cookie.name(), cookie.value())
}

/// Cookies by another reading of RFC 6265: the names and values between semicolons.
fn reference_cookies(header: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let text: String = header.iter().map(|byte| char::from(*byte)).collect();
    let bytes = |text: &str| text.chars().map(|c| u8::try_from(c).unwrap()).collect::<Vec<u8>>();
    let is_blank = |c: char| matches!(c, ' ' | '\t' | '\n' | '\x0c' | '\r');
    let parts = text.split(';').map(|part| part.trim_matches(is_blank)).filter(|part| !part.is_empty());
    let pairs = parts.map(|part| part.split_once('=').unwrap_or(("", part)));
    pairs.map(|(name, value)| (bytes(name.trim_matches(is_blank)), bytes(value.trim_matches(is_blank)))).collect()
}

#[test]
fn session_cookie_is_taken_only_if_it_was_issued() {
    let cookie = SessionCookie::new(Some("connect.sid".to_owned()), None, &PublicUrl::default(), &secrets());
    let issued = ["sid-of-the-corpus", "another.sid"].map(|sid| cookie.issue(&Sid::from_trusted(sid), None));
    let tokens: Vec<String> = issued.iter().map(pair).collect();
    let tokens = [tokens[0].as_str(), &tokens[1], "connect.sid=", "s%3A", "s:", ".", "; ", ";", "=", "\"", "%25"];
    fuzz("cookie", &tokens, |input| {
        let Some(mut headers) = cookie_header(input) else { return };
        let Presented { verified, twins, has_twins } = cookie.take(&mut headers);
        for sid in verified.iter().map(|verified| &verified.sid).chain(&twins) {
            assert!(["sid-of-the-corpus", "another.sid"].contains(&sid.expose()), "forged: {sid:?}");
        }
        let sent = reference_cookies(input);
        let (own, others): (Vec<_>, Vec<_>) = sent.into_iter().partition(|(name, _)| name == b"connect.sid");
        assert_eq!(has_twins, own.len() > 1);
        assert!(verified.is_none() || own.len() == 1 && twins.is_empty());
        let left = headers.get(COOKIE).map(|value| reference_cookies(value.as_bytes())).unwrap_or_default();
        assert_eq!(left, others, "the other cookies stay");
    });
}

#[test]
fn browser_and_flash_cookies_are_read_only_if_issued() {
    let (browsers, flash) =
        (BrowserCookie::new(&PublicUrl::default(), &secrets()), Flash::new(&secrets(), &PublicUrl::default()));
    let now = Timestamp::from_micros(1_769_600_000_000_000);
    let session: SessionId = "7c9e6679-7425-40de-944b-e07fc1f90ae7".parse().unwrap();
    let ids = ['a', 'b'].map(|letter| BrowserId::from_trusted(&letter.to_string().repeat(BrowserId::LENGTH)).unwrap());
    let tokens = [
        pair(&browsers.issue(Some(&ids[0]), &ids[1..])),
        pair(&flash.cookie(session, Notice::RevokedOthers(3))),
        pair(&flash.cookie(session, Notice::RevokedAllOthers)),
        pair(&flash.unmade_change(now)),
    ];
    let unmade = flash.unmade_change(now).value().as_bytes().to_vec();
    let parts = ["keyrack.browser=", "keyrack.done=others.", "keyrack.done=unmade.", "revoked.", ".", "; "];
    let tokens: Vec<&str> = tokens.iter().map(String::as_str).chain(parts).collect();
    fuzz("signed_cookies", &tokens, |input| {
        let Some(headers) = cookie_header(input) else { return };
        let read = browsers.read(&headers);
        assert!(read.len() <= 2 && read.iter().all(|id| ids.contains(id)), "forged: {read:?}");
        let notice = flash.read(session, &headers);
        assert!(matches!(notice, None | Some(Notice::RevokedOthers(3) | Notice::RevokedAllOthers)), "{notice:?}");
        assert_eq!(flash.read(SessionId::random(), &headers), None);
        let is_issued = input.windows(unmade.len()).any(|part| part == unmade);
        assert!(is_issued || !flash.has_unmade_change(&headers, now), "forged: {headers:?}");
    });
}

#[test]
fn accepted_destination_stays_on_this_origin() {
    let destinations = Destinations::new(["/logout", "/account/sessions/{id}/revoke"]);
    let base = Url::parse("https://keys.example.com/login").unwrap();
    let tokens =
        ["/", "//", "\\", "%2f", "%5C", "%252f", "..", "%2e", "?", "#", "@", ":", "evil.example", "https:", "\t"];
    fuzz("next", &tokens, |input| {
        let Ok(next) = std::str::from_utf8(input) else { return };
        let Some(accepted) = destinations.accept(next) else { return };
        assert_eq!(accepted, next);
        assert!(next.len() <= 4096 && next.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{next:?}");
        let target = base.join(next).unwrap();
        assert_eq!(target.origin(), base.origin(), "{next:?} leads to {target}");
        assert!(matches!(target.origin(), Origin::Tuple(..)) && target.username().is_empty());
        assert!(!matches!(target.path(), "/logout" | "/logout/"), "{next:?}");
        let path = next.split(['?', '#']).next().unwrap();
        assert!(target.path().starts_with('/') && !target.path().starts_with("//"), "{path:?}");
    });
}

#[test]
fn address_of_the_last_untrusted_hop_is_the_client() {
    let proxies = TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()]);
    let (proxy, stranger): (IpAddr, IpAddr) = ("10.0.0.1".parse().unwrap(), "198.51.100.7".parse().unwrap());
    let tokens = [
        "203.0.113.9",
        "10.1.2.3",
        "fd00::5",
        "2001:db8::1",
        "::ffff:192.0.2.1",
        "[",
        "]",
        ":443",
        "%eth0",
        ",",
        "unknown",
        "\"",
    ];
    fuzz("forwarded_for", &tokens, |input| {
        let headers = |suffix: &[u8]| {
            let mut headers = HeaderMap::new();
            let value = HeaderValue::from_bytes(&[input, suffix].concat()).ok()?;
            headers.insert(HeaderName::from_static("x-forwarded-for"), value);
            Some(headers)
        };
        let (Some(sent), Some(appended)) = (headers(b""), headers(b", 203.0.113.77")) else { return };
        assert_eq!(proxies.client_ip(Some(stranger), &sent), Some(stranger), "an untrusted peer is the client");
        let client = proxies.client_ip(Some(proxy), &sent).unwrap();
        assert_eq!(client, client.to_canonical());
        let hop = "203.0.113.77".parse().unwrap();
        assert_eq!(proxies.client_ip(Some(proxy), &appended), Some(hop), "what a client claims does not matter");
        let claimed = String::from_utf8_lossy(input);
        let is_reported = claimed.split(',').any(|hop| hop.contains(&client.to_string()));
        let is_rewritten = client.is_ipv6() || claimed.contains(':');
        assert!(client == proxy || is_reported || is_rewritten, "{client} is not among {claimed}");
    });
}

#[test]
fn sign_in_form_has_the_values_that_were_sent() {
    let tokens = [
        "email=",
        "password=",
        "&",
        "%26",
        "%3D",
        "+",
        "%2B",
        "csrf_token=",
        "next=%2F",
        "%",
        "%ff",
        "remember=on",
        "[]",
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    fuzz("form", &tokens, |input| {
        let request = TestRequest::post().insert_header(("content-type", "application/x-www-form-urlencoded"));
        let (request, mut payload) = request.set_payload(input.to_vec()).to_http_parts();
        assert!(request.content_type().starts_with("application/x-www-form"));
        let form = Form::<ProtectedFields<SignInFields>>::from_request(&request, &mut payload);
        let Ok(form) = runtime.block_on(form) else { return };
        let sent: Vec<_> = form_urlencoded::parse(input).collect();
        let value = |name: &str| sent.iter().rfind(|(sent, _)| sent == name).map_or("", |(_, value)| &**value);
        let ProtectedFields { csrf_token, fields } = form.into_inner();
        assert_eq!(csrf_token, value("csrf_token"));
        assert_eq!(fields.values(), ["email", "password", "remember", "next", "passkey", "challenge"].map(value));
    });
}
