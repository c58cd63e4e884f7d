//! `/account/security/authenticator` and what else changes the second factor of a signed-in user.

pub(in crate::web) mod states;

use actix_web::{HttpResponse, http::StatusCode, web::Path};
use askama::Template;
use serde::Deserialize;

use super::{
    form_error::{FormError, FormStatus},
    html,
    qr_code::QrPicture,
    see_other, with_cookie,
};
use crate::{
    accounts::{FactorSetUp, RecoveryCodesError, SetUpBinding, SetUpError, SetUpRequest},
    error::Error,
    sessions::SessionId,
    web::{
        SignedIn,
        csrf_form::{CsrfForm, CsrfOnlyForm},
        errors::WebError,
        flash::Notice,
        page::Page,
    },
    words::Words,
};

/// The page that lists what protects an account.
pub(crate) const SECURITY: &str = "/account/security";
/// The page that sets up an app.
pub(crate) const SET_UP: &str = "/account/security/authenticator";

/// Characters of the secret between two blanks.
const SECRET_GROUP: usize = 4;

/// Sets up an app, in a session or at a sign-in.
#[derive(Template)]
#[template(path = "authenticator.html")]
pub(super) struct AuthenticatorPage {
    pub page: Page,
    pub csrf_token: String,
    pub set_up: String,
    pub qr: QrPicture,
    /// The secret in groups.
    pub secret: String,
    /// The same for apps on this device.
    pub uri: String,
    pub next: String,
    /// Whether the sign-in goes on only with an app.
    pub is_demanded: bool,
    pub error: Option<String>,
}

/// Shows recovery codes, once.
#[derive(Template)]
#[template(path = "recovery_codes.html")]
pub(super) struct RecoveryCodesPage {
    pub page: Page,
    pub codes: Vec<String>,
    /// Where to go on.
    pub next: String,
    /// Whether the app was just set up. Otherwise the codes replace others.
    pub is_new_app: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct SetUpFields {
    code: String,
    set_up: String,
}

impl AuthenticatorPage {
    pub fn new(page: Page, csrf_token: String, set_up: FactorSetUp, error: Option<String>) -> Result<Self, WebError> {
        let FactorSetUp { token, uri, secret } = set_up;
        let groups = secret.as_bytes().chunks(SECRET_GROUP).map(|group| String::from_utf8_lossy(group));
        Ok(Self {
            page,
            csrf_token,
            set_up: token,
            qr: QrPicture::of(&uri)?,
            secret: groups.collect::<Vec<_>>().join(" "),
            uri,
            next: String::new(),
            is_demanded: false,
            error,
        })
    }
}

/// `GET /account/security/authenticator`. Stores nothing.
pub(crate) async fn show(session: SignedIn, words: Words) -> Result<HttpResponse, WebError> {
    if session.state().accounts.second_factor_overview(&session.user).await?.factor.is_some() {
        return Ok(see_other(SECURITY));
    }
    page(&session, words, "", None)
}

/// `POST /account/security/authenticator`: adds the app if its first code is right. The answer shows the recovery codes.
pub(crate) async fn submit(
    session: SignedIn,
    words: Words,
    CsrfForm(fields): CsrfForm<SetUpFields>,
) -> Result<HttpResponse, WebError> {
    let request = SetUpRequest {
        binding: SetUpBinding::Session(session.presented()?),
        token: fields.set_up.clone(),
        code: fields.code,
        form: session.form_id(),
    };
    let error = match session.state().accounts.add_second_factor(request).await {
        Ok((codes, _)) => return codes_page(&session, words, codes, true),
        Err(SetUpError::Exists) => return Ok(see_other(SECURITY)),
        Err(SetUpError::WrongCode) => FormError::unauthorized(words.second_wrong_code()),
        Err(SetUpError::Expired) => FormError::unauthorized(words.authenticator_expired()),
        Err(SetUpError::Over) => return Err(Error::SessionEnded.into()),
        Err(SetUpError::Failed(Error::Unavailable(cause))) => FormError::unavailable(words, &cause),
        Err(SetUpError::Failed(error)) => return Err(error.into()),
    };
    page(&session, words, &fields.set_up, Some(error))
}

/// `POST /account/security/authenticator/remove`
pub(crate) async fn remove(session: SignedIn, _: CsrfOnlyForm) -> Result<HttpResponse, WebError> {
    remove_app(&session).await
}

/// Removes the app of the session's user.
pub(super) async fn remove_app(session: &SignedIn) -> Result<HttpResponse, WebError> {
    if !session.state().accounts.remove_second_factor(&session.presented()?).await? {
        return see_security(session, Notice::RemovalTooSoon);
    }
    see_security(session, Notice::SecondFactorRemoved)
}

/// `POST /account/security/recovery-codes`
pub(crate) async fn renew(session: SignedIn, words: Words, _: CsrfOnlyForm) -> Result<HttpResponse, WebError> {
    renew_codes(&session, words).await
}

/// Makes new recovery codes, and shows them.
pub(super) async fn renew_codes(session: &SignedIn, words: Words) -> Result<HttpResponse, WebError> {
    match session.state().accounts.renew_recovery_codes(&session.presented()?, &session.form_id()).await {
        Ok(codes) => codes_page(session, words, codes, false),
        Err(RecoveryCodesError::NoFactor) => Ok(see_other(SECURITY)),
        Err(RecoveryCodesError::Failed(error)) => Err(error.into()),
    }
}

/// `POST /account/security/browsers/{id}/forget`: asks for a code again on the browser that last signed in to this session.
pub(crate) async fn forget_one(session: SignedIn, id: Path<String>, _: CsrfOnlyForm) -> Result<HttpResponse, WebError> {
    let id: SessionId = id.parse().map_err(|_| WebError::NoSuchSession)?;
    forget_browsers(&session, Some(id)).await
}

/// `POST /account/security/browsers/forget`: asks for a code again on all.
pub(crate) async fn forget_all(session: SignedIn, _: CsrfOnlyForm) -> Result<HttpResponse, WebError> {
    forget_browsers(&session, None).await
}

/// Asks for a code again. Another user's browser, and one that is not trusted, stay as they are, with the same answer.
pub(super) async fn forget_browsers(session: &SignedIn, of: Option<SessionId>) -> Result<HttpResponse, WebError> {
    session.state().accounts.end_trust(&session.presented()?, of).await?;
    see_security(session, Notice::CodesAskedAgain)
}

fn see_security(session: &SignedIn, notice: Notice) -> Result<HttpResponse, WebError> {
    with_cookie(see_other(SECURITY), Some(session.state().flash.cookie(session.id, notice)))
}

fn codes_page(
    session: &SignedIn,
    words: Words,
    codes: Vec<String>,
    is_new_app: bool,
) -> Result<HttpResponse, WebError> {
    let page = Page::of(session, &session.csrf_token()?, words);
    html(words, StatusCode::OK, &RecoveryCodesPage { page, codes, next: SECURITY.to_owned(), is_new_app })
}

/// The form, with the secret that it has shown before, if that has not expired.
fn page(session: &SignedIn, words: Words, shown: &str, error: Option<FormError>) -> Result<HttpResponse, WebError> {
    let (accounts, binding) = (&session.state().accounts, SetUpBinding::Session(session.presented()?));
    let site = words.product();
    let set_up = match accounts.open_set_up(&binding, site, &session.user, shown) {
        Some(set_up) => set_up,
        None => accounts.new_set_up(&binding, site, &session.user)?,
    };
    let csrf_token = session.csrf_token()?;
    let status = FormStatus::of(error.as_ref());
    let page = Page::of(session, &csrf_token, words);
    let template = AuthenticatorPage::new(page, csrf_token, set_up, error.map(|error| error.text))?;
    status.show(words, &template)
}
