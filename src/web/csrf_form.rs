//! Forms that check their CSRF token while they are extracted: a handler that has the fields can't have forgotten the
//! check.

use std::{fmt, future::Future, pin::Pin};

use actix_web::{
    Error as ActixError, FromRequest, HttpMessage, HttpRequest,
    dev::Payload,
    http::header::{HeaderName, ORIGIN},
    web::{Bytes, Form},
};
use percent_encoding::percent_decode;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, Visitor},
};
use tracing::field;

use crate::{
    events::{NewEvent, Source},
    sessions::{SessionId, Sid},
    web::{
        RequestSession, csrf::FormRefusal, errors::WebError, pending_change::SelectedSessions,
        received_form::is_sign_out, recent_proof, request_id::RequestId,
    },
};

/// A form whose token belongs to this session, or to this visitor if there is none.
pub(crate) struct CsrfForm<T>(pub T);

/// A form that carries nothing but its token.
pub(crate) type CsrfOnlyForm = CsrfForm<NoFields>;

#[derive(Deserialize)]
pub(crate) struct NoFields {}

/// A form that signs in. It may have been opened before another tab signed in, so the visitor's token is accepted too. If
/// it is sent twice, both answers carry one session.
pub(crate) struct SignInForm<T>(pub T);

/// A form whose checkboxes name sessions. Those that are not ids name none of the user's.
pub(crate) struct SelectionForm(pub Vec<SessionId>);

/// The token of a request to the API, in the header `X-CSRF-Token`. It belongs to this session. As for a form, the proof
/// of the session's user is checked after it.
pub(crate) struct CsrfHeader;

/// The header of [`CsrfHeader`].
static X_CSRF_TOKEN: HeaderName = HeaderName::from_static("x-csrf-token");

/// Marks the arguments of a handler whose last one checks a CSRF token. Only such handlers can be mounted for POST and
/// DELETE.
#[diagnostic::on_unimplemented(
    message = "a handler for POST or DELETE must take an argument that checks a CSRF token",
    label = "the last argument must be a `CsrfForm`, a `CsrfOnlyForm`, a `SignInForm`, a `SelectionForm`, a `ProofForm` or a `CsrfHeader`"
)]
pub(crate) trait ChecksCsrf {}

impl<T> ChecksCsrf for CsrfForm<T> {}
impl<T> ChecksCsrf for SignInForm<T> {}
impl ChecksCsrf for SelectionForm {}
impl ChecksCsrf for CsrfHeader {}
impl<A: ChecksCsrf> ChecksCsrf for (A,) {}
impl<A, B: ChecksCsrf> ChecksCsrf for (A, B) {}
impl<A, B, C: ChecksCsrf> ChecksCsrf for (A, B, C) {}
impl<A, B, C, D: ChecksCsrf> ChecksCsrf for (A, B, C, D) {}
impl<A, B, C, D, E: ChecksCsrf> ChecksCsrf for (A, B, C, D, E) {}

#[derive(Deserialize)]
pub(super) struct ProtectedFields<T> {
    #[serde(default)]
    pub csrf_token: String,
    #[serde(flatten)]
    pub fields: T,
}

type Check = fn(&RequestSession, &HttpRequest, &str) -> Result<(), FormRefusal>;

/// Accepts the token of this session, or of this visitor if there is none.
fn verify_own(session: &RequestSession, request: &HttpRequest, token: &str) -> Result<(), FormRefusal> {
    session.state().csrf.verify(session.current_sid(), request.headers(), token)
}

/// Reads the form, then checks its token: a form that can't be read is reported as such. Then checks the proof of the
/// session's user, if the route requires a recent one.
fn checked<T: DeserializeOwned + 'static>(
    request: &HttpRequest,
    payload: &mut Payload,
    check: Check,
) -> impl Future<Output = Result<T, ActixError>> + use<T> {
    let form = read_form::<T>(request, payload);
    let request = request.clone();
    async move {
        let (token, fields) = form.await?;
        check_token(&request, &token, check).await?;
        let session = RequestSession::extract(&request).await?;
        session.note_form(&token);
        recent_proof::check_form(&session, &request).await?;
        Ok(fields)
    }
}

/// Reads the token and the other fields of a form. The reader of forms would put the same character in the place of every
/// byte that is not UTF-8, and so make one password of many.
pub(super) fn read_form<T: DeserializeOwned + 'static>(
    request: &HttpRequest,
    payload: &mut Payload,
) -> impl Future<Output = Result<(String, T), ActixError>> + use<T> {
    let body = Bytes::from_request(request, payload);
    let request = request.clone();
    async move {
        let body = body.await?;
        let is_utf8 = request.encoding().is_ok_and(|encoding| encoding.name() == "UTF-8");
        if !is_utf8 || percent_decode(&body).decode_utf8().is_err() {
            return Err(WebError::NotUtf8.into());
        }
        let form = Form::<ProtectedFields<T>>::from_request(&request, &mut Payload::from(body));
        let ProtectedFields { csrf_token, fields } = form.await?.into_inner();
        Ok((csrf_token, fields))
    }
}

/// Checks a token, and records and logs a refusal. The form that signs out is accepted if it was opened under any sid
/// of the session: another tab may have given it a new one since.
async fn check_token(request: &HttpRequest, token: &str, check: Check) -> Result<(), ActixError> {
    let session = RequestSession::extract(request).await?;
    let refusal = match check(&session, request, token) {
        Ok(()) => return Ok(()),
        Err(FormRefusal::WrongToken) => match find_former_sid(&session, request, token).await? {
            Some(_) if session.live().is_some_and(|live| is_sign_out(request, live.id)) => return Ok(()),
            Some(_) => FormRefusal::FormerSid,
            None => FormRefusal::WrongToken,
        },
        Err(refusal) => refusal,
    };
    Err(refuse_form(refusal, &session, request).await)
}

/// The former sid of the session that a token belongs to. Another site can't have such a token either.
pub(super) async fn find_former_sid(
    session: &RequestSession,
    request: &HttpRequest,
    token: &str,
) -> Result<Option<Sid>, WebError> {
    let Some(live) = session.live() else { return Ok(None) };
    let state = session.state();
    let former = state.sessions.former_sids(live.id).await?;
    Ok(state.csrf.find_sid(former, request.headers(), token))
}

/// Records and logs a refusal. Returns the error that answers it.
pub(super) async fn refuse_form(refusal: FormRefusal, session: &RequestSession, request: &HttpRequest) -> ActixError {
    record_refusal(refusal, session).await;
    refused(refusal, session, request).into()
}

/// Records that a form was refused in a session, at most once per quarter of an hour: another site may send forms all the
/// time. Without a session it is only logged, since there is no account that it concerns.
async fn record_refusal(refusal: FormRefusal, session: &RequestSession) {
    let Some(current) = session.live() else { return };
    let (state, cause) = (session.state(), refusal.cause());
    let Some(count) = state.event_rate.admit(format!("{} {}", cause.as_str(), current.id), state.clock.now()) else {
        return;
    };
    let event = NewEvent::of_cause(cause, &Source::user(session.ip_address()));
    let event = event.user(current.user.id).session(current.id).detail("count", count);
    if let Err(error) = state.sessions.events().write(event).await {
        tracing::warn!(error = error.chain(), "could not record a refused form");
    }
}

/// Logs the reason, since several are mistakes in the settings, which operators see nowhere else.
fn refused(refusal: FormRefusal, session: &RequestSession, request: &HttpRequest) -> WebError {
    const MAX_ORIGIN_CHARS: usize = 200;
    let origin = request.headers().get(ORIGIN).map(|origin| String::from_utf8_lossy(origin.as_bytes()));
    let origin: Option<String> = origin.map(|origin| origin.chars().take(MAX_ORIGIN_CHARS).collect());
    tracing::info!(
        request_id = request.extensions().get::<RequestId>().map(field::display),
        client = session.ip_address().map(field::display),
        origin = origin.as_ref().map(field::debug),
        reason = %refusal,
        "form refused"
    );
    WebError::FormRefused(refusal)
}

impl<T: DeserializeOwned + 'static> FromRequest for CsrfForm<T> {
    type Error = ActixError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ActixError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let fields = checked(request, payload, verify_own);
        Box::pin(async move { Ok(Self(fields.await?)) })
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for SignInForm<T> {
    type Error = ActixError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ActixError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let check: Check = |session, request, token| {
            let csrf = &session.state().csrf;
            let visitor = csrf.verify_sign_in(session.sign_in_sid(), request.headers(), token)?;
            session.note_sign_in_form(token, visitor);
            Ok(())
        };
        let fields = checked(request, payload, check);
        Box::pin(async move { Ok(Self(fields.await?)) })
    }
}

impl FromRequest for SelectionForm {
    type Error = ActixError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ActixError>>>>;

    /// The selection is kept while the user proves who they are, so it is noted before the proof is checked.
    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let form = read_form::<SelectedIds>(request, payload);
        let request = request.clone();
        Box::pin(async move {
            let (token, SelectedIds(ids)) = form.await?;
            check_token(&request, &token, verify_own).await?;
            let mut selected: Vec<SessionId> = ids.iter().filter_map(|id| id.parse().ok()).collect();
            selected.sort_unstable();
            selected.dedup();
            request.extensions_mut().insert(SelectedSessions(selected.clone()));
            recent_proof::check_form(&RequestSession::extract(&request).await?, &request).await?;
            Ok(Self(selected))
        })
    }
}

/// The fields `id` of a form. A derived reader would refuse the second one.
struct SelectedIds(Vec<String>);

impl<'de> Deserialize<'de> for SelectedIds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = SelectedIds;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the fields of a form")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<SelectedIds, A::Error> {
                let mut ids = Vec::new();
                while let Some((name, value)) = fields.next_entry::<String, String>()? {
                    if name == "id" {
                        ids.push(value);
                    }
                }
                Ok(SelectedIds(ids))
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

impl FromRequest for CsrfHeader {
    type Error = ActixError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ActixError>>>>;

    /// A repeated header is no token.
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let headers = request.headers();
            let mut values = headers.get_all(&X_CSRF_TOKEN).map(|value| value.to_str().unwrap_or_default());
            let token = values.next().filter(|_| values.next().is_none()).unwrap_or_default();
            check_token(&request, token, verify_own).await?;
            recent_proof::check_form(&RequestSession::extract(&request).await?, &request).await?;
            Ok(Self)
        })
    }
}
