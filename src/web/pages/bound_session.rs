//! `POST /session/bind` and `POST /session/refresh`: a browser binds its session to a key, and proves later that it has it.
//!
//! Browsers send these requests by themselves, so they carry no form token. Neither changes anything without a signature
//! over a challenge that was made for this session.

use std::future::{Ready, ready};

use actix_web::{
    Error as ActixError, FromRequest, HttpRequest, HttpResponse, dev::Payload, http::StatusCode, web::Data,
};

use crate::{
    clock::Timestamp,
    error::Error,
    events::EventCause,
    sessions::{BoundKey, DeviceProof, LiveSession, Sid},
    web::{
        AppState, ChecksCsrf,
        bound::{
            CHALLENGE_HEADER, Challenge, ChallengeUse, end_of_session, proof_header, requested_session, set_header,
        },
        errors::WebError,
        session::record_refusal,
    },
};

/// What a browser sends about its key. It is signed, except for the request for a challenge, which changes nothing.
pub(crate) struct KeyProof {
    /// The session that it is about, as the browser knows it.
    session: Option<String>,
    /// What it has signed.
    text: Option<String>,
}

impl ChecksCsrf for KeyProof {}

impl FromRequest for KeyProof {
    type Error = ActixError;
    type Future = Ready<Result<Self, ActixError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let headers = request.headers();
        let owned = |text: Option<&str>| text.map(str::to_owned);
        ready(Ok(Self { session: owned(requested_session(headers)), text: owned(proof_header(headers)) }))
    }
}

/// `POST /session/bind`: the browser of a sign-in sends the public key, signed by itself.
pub(crate) async fn bind(
    state: Data<AppState>,
    request: HttpRequest,
    proof: KeyProof,
) -> Result<HttpResponse, WebError> {
    if !state.bound.is_on() {
        return Err(WebError::NotFound);
    }
    let (sid, now) = (presented_sid(&state, &request), state.clock.now());
    let Some(live) = find(&state, sid.as_ref()).await? else { return Err(Error::SessionEnded.into()) };
    let proof = proof.text.as_deref().and_then(DeviceProof::parse);
    let open =
        |proof: &DeviceProof<'_>| state.bound.open_challenge(proof.challenge(), live.id, ChallengeUse::Bind, now);
    let Some((challenge, proof)) = proof.and_then(|proof| Some((open(&proof)?, proof))) else {
        return Err(WebError::KeyRefused);
    };
    let Some(key) = proof.into_new_key() else { return Err(WebError::KeyRefused) };
    if !state.sessions.bind(live.id, &key, challenge.made_at).await? {
        return Err(WebError::KeyRefused);
    }
    bound_response(&state, &live, now)
}

/// `POST /session/refresh`: the browser asks for a challenge, or answers it.
pub(crate) async fn refresh(
    state: Data<AppState>,
    request: HttpRequest,
    proof: KeyProof,
) -> Result<HttpResponse, WebError> {
    let Some(requested) = proof.session else { return Err(WebError::KeyRefused) };
    let (sid, now) = (presented_sid(&state, &request), state.clock.now());
    if sid.is_none() && state.cookie.read(request.headers()).has_twins {
        // Which of the two cookies is the right one is not known, nor whether the session is over: the browser must not forget
        // its key.
        return Err(Error::Unavailable(anyhow::anyhow!("the browser sent several session cookies")).into());
    }
    let live = find(&state, sid.as_ref()).await?;
    let Some(live) = live.filter(|live| live.id.to_string() == requested) else {
        return over(&state, &request, sid.as_ref(), &requested).await;
    };
    let Some(BoundKey { key, answered }) = state.sessions.bound_key(live.id).await? else {
        return over(&state, &request, None, &requested).await;
    };
    let next = |answered| state.bound.challenge(live.id, Challenge { made_at: now, after: answered });
    let Some(text) = proof.text else { return Ok(ask(&next(answered))) };
    let Some(proof) = DeviceProof::parse(&text).filter(|proof| proof.is_made_by(&key)) else {
        let address = state.trusted_proxies.client_ip(request.peer_addr().map(|peer| peer.ip()), request.headers());
        record_refusal(&state, (live.id, live.user.id), EventCause::WrongKey, address).await;
        return Err(WebError::KeyRefused);
    };
    // A valid signature over another challenge is no theft: two tabs have asked, or an answer was lost.
    let Some(sent) = state.bound.open_challenge(proof.challenge(), live.id, ChallengeUse::Refresh, now) else {
        return Ok(ask(&next(answered)));
    };
    match state.sessions.use_challenge(live.id, &key, (sent.made_at, sent.after)).await? {
        Some(answered) => {
            let mut response = bound_response(&state, &live, now)?;
            // With a challenge at hand, the browser renews the next proof in one request.
            set_header(response.headers_mut(), CHALLENGE_HEADER, &next(answered));
            Ok(response)
        }
        None => Ok(ask(&next(answered))),
    }
}

/// The sid of the request, whether its session is alive or not. The session layer is not asked, since it would want the proof
/// that these requests are about.
fn presented_sid(state: &AppState, request: &HttpRequest) -> Option<Sid> {
    state.cookie.read(request.headers()).verified.map(|verified| verified.sid)
}

async fn find(state: &AppState, sid: Option<&Sid>) -> Result<Option<LiveSession>, WebError> {
    match sid {
        Some(sid) => Ok(state.sessions.resume_with(sid, |_| None).await?),
        None => Ok(None),
    }
}

/// Tells the browser that the session is over, unless it goes on under another sid, which the browser is about to get.
async fn over(
    state: &AppState,
    request: &HttpRequest,
    sid: Option<&Sid>,
    requested: &str,
) -> Result<HttpResponse, WebError> {
    if let Some(sid) = sid {
        let end = state.sessions.find_end(sid).await?;
        if end.is_some_and(|end| end.is_continued) {
            return Err(Error::Unavailable(anyhow::anyhow!("the session has got a new sid meanwhile")).into());
        }
        state.sessions.check_recorded_ends()?;
    }
    let mut response = HttpResponse::Ok().json(end_of_session(requested));
    if let Some(removal) = state.bound.removal(request.headers()) {
        response.add_cookie(&removal).map_err(Error::internal)?;
    }
    Ok(response)
}

/// The answer to a browser that has just proved that it has the key.
fn bound_response(state: &AppState, live: &LiveSession, now: Timestamp) -> Result<HttpResponse, WebError> {
    let mut response = HttpResponse::Ok().json(state.bound.instructions(live.id));
    response.add_cookie(&state.bound.cookie(live.id, now)).map_err(Error::internal)?;
    Ok(response)
}

/// Asks the browser to sign a challenge.
fn ask(challenge: &str) -> HttpResponse {
    let mut response = HttpResponse::new(StatusCode::FORBIDDEN);
    set_header(response.headers_mut(), CHALLENGE_HEADER, challenge);
    response
}
