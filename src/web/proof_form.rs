//! A form with which the user of a session proves who they are.

use std::{future::Future, pin::Pin};

use actix_web::{Error as ActixError, FromRequest, HttpRequest, dev::Payload};
use serde::de::DeserializeOwned;

use super::{
    csrf::FormRefusal,
    csrf_form::{ChecksCsrf, find_former_sid, read_form, refuse_form},
    session::RequestSession,
};

/// The fields of a form that contains the password of the session's user. Its token belongs to this session under its sid
/// or, just after a proof, under a former one: if the form is sent twice, the second request may present the sid that the
/// first one has given the session.
pub(crate) struct ProofForm<T>(pub T);

impl<T> ChecksCsrf for ProofForm<T> {}

impl<T: DeserializeOwned + 'static> FromRequest for ProofForm<T> {
    type Error = ActixError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ActixError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let form = read_form::<T>(request, payload);
        let request = request.clone();
        Box::pin(async move {
            let (token, fields) = form.await?;
            let session = RequestSession::extract(&request).await?;
            if let Err(refusal) = verify(&session, &request, &token).await? {
                return Err(refuse_form(refusal, &session, &request).await);
            }
            session.note_form(&token);
            Ok(Self(fields))
        })
    }
}

/// Accepts the token of this session, and one of a former sid if its user has proved a moment ago who they are.
async fn verify(
    session: &RequestSession,
    request: &HttpRequest,
    token: &str,
) -> Result<Result<(), FormRefusal>, ActixError> {
    let csrf = &session.state().csrf;
    let verified = csrf.verify(session.current_sid(), request.headers(), token);
    let (Err(FormRefusal::WrongToken), Some(current)) = (verified, session.live()) else { return Ok(verified) };
    Ok(match find_former_sid(session, request, token).await? {
        Some(former) if session.state().sessions.is_just_proved(current) => {
            session.set_form_sid(former);
            Ok(())
        }
        Some(_) => Err(FormRefusal::FormerSid),
        None => verified,
    })
}
