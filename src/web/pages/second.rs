//! `/login/second`: the second step of a sign-in. It asks for a code, or lets a user set up an app who must have one.

pub(in crate::web) mod states;

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Query},
};
use askama::Template;
use serde::Deserialize;

use super::{
    authenticator::{AuthenticatorPage, RecoveryCodesPage},
    form_error::{FormError, FormStatus},
    landing,
    passkey_sign_in::{self, PasskeyPrompt},
    see_other, sign_in, sign_in_form, with_cookie,
};
use crate::{
    accounts::{
        AuthenticatedUser, CodeError, FactorSetUp, SecondStep, SetUpBinding, SetUpError, SetUpRequest, TRUST_LIFETIME,
        TypedCode,
    },
    error::Error,
    sessions::User,
    web::{
        Destinations, RequestSession,
        csrf_form::SignInForm,
        errors::WebError,
        page::Page,
        passkey_challenge::ChallengePlace,
        pending_sign_in::{WaitingSignIn, first_page, second_page},
    },
    words::Words,
};

/// The value of `with` for the form that takes recovery codes.
const RECOVERY: &str = "recovery";

#[derive(Template)]
#[template(path = "second.html")]
struct SecondPage {
    page: Page,
    csrf_token: String,
    next: String,
    /// Where the form is that takes the other kind of code.
    other_form: String,
    takes_recovery_code: bool,
    /// Whether the user has an app, so that codes are taken.
    takes_codes: bool,
    /// What a passkey of the user would answer.
    passkey: Option<PasskeyPrompt>,
    trust: bool,
    error: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct SecondQuery {
    #[serde(default)]
    next: String,
    #[serde(default)]
    with: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct SecondFields {
    code: String,
    /// "Don't ask on this browser"
    trust: String,
    next: String,
    with: String,
    /// The sealed secret of an app that is set up.
    set_up: String,
    /// The answer of a passkey, in place of a code, and its challenge.
    passkey: String,
    challenge: String,
}

impl SecondFields {
    fn takes_recovery_code(&self) -> bool {
        self.with == RECOVERY
    }
}

/// `GET /login/second`. Writes nothing.
pub(crate) async fn show(
    session: RequestSession,
    words: Words,
    request: HttpRequest,
    query: Query<SecondQuery>,
    destinations: Data<Destinations>,
) -> Result<HttpResponse, WebError> {
    let SecondQuery { next, with } = query.into_inner();
    let next = destinations.accept(&next).unwrap_or_default().to_owned();
    let fields = SecondFields { next, with, ..SecondFields::default() };
    let Some(waiting) = waiting(&session, &request) else { return Ok(over(&session, &fields.next)) };
    match session.state().accounts.second_step(&waiting.pending).await? {
        SecondStep::Code => page(&session, words, &request, (&waiting, true), &fields, None).await,
        SecondStep::Passkey => page(&session, words, &request, (&waiting, false), &fields, None).await,
        SecondStep::SetUp(user) => set_up_page(&session, words, &request, (&waiting, &user), &fields, None),
        SecondStep::Over => Ok(over(&session, &fields.next)),
    }
}

/// `POST /login/second`
pub(crate) async fn submit(
    session: RequestSession,
    words: Words,
    request: HttpRequest,
    destinations: Data<Destinations>,
    SignInForm(mut fields): SignInForm<SecondFields>,
) -> Result<HttpResponse, WebError> {
    fields.next = destinations.accept(&fields.next).unwrap_or_default().to_owned();
    // A sign-in replaces the session that the browser has, so that has to be readable.
    if let Some(error) = session.read_error() {
        return Err(error.into());
    }
    let Some(waiting) = waiting(&session, &request) else { return Ok(over(&session, &fields.next)) };
    if !fields.set_up.is_empty() {
        return set_up(&session, words, &request, waiting, fields).await;
    }
    match check(&session, words, &request, &waiting, &fields).await? {
        Checked::Passed(user) => {
            let to = landing(user.must_change_password, &fields.next);
            if fields.trust == "on" {
                session.trust_browser_until(session.state().clock.now() + TRUST_LIFETIME);
            }
            sign_in(&session, &request, *user, waiting.remember)?;
            let next = fields.next;
            session.on_refused_sign_in(move |session, _, _| Ok(over(session, &next)));
            with_cookie(see_other(&to), Some(session.state().pending_sign_ins.removal()))
        }
        Checked::Over => Ok(over(&session, &fields.next)),
        Checked::Refused(error) => match session.state().accounts.second_step(&waiting.pending).await? {
            step @ (SecondStep::Code | SecondStep::Passkey) => {
                let takes_codes = step == SecondStep::Code;
                page(&session, words, &request, (&waiting, takes_codes), &fields, Some(error)).await
            }
            SecondStep::SetUp(_) => Ok(see_other(&second_page(&fields.next))),
            SecondStep::Over => Ok(over(&session, &fields.next)),
        },
    }
}

/// What a form has brought.
enum Checked {
    Passed(Box<AuthenticatedUser>),
    Refused(FormError),
    /// The sign-in has to begin anew.
    Over,
}

/// Checks what a form brings: a code, or the answer of a passkey.
async fn check(
    session: &RequestSession,
    words: Words,
    request: &HttpRequest,
    waiting: &WaitingSignIn,
    fields: &SecondFields,
) -> Result<Checked, WebError> {
    let (accounts, pending) = (&session.state().accounts, waiting.pending.clone());
    if !fields.passkey.is_empty() {
        let (answer, client) = passkey_sign_in::answer(session, request, &fields.passkey, &fields.challenge);
        return match accounts.give_passkey(pending, answer, client).await {
            Ok(user) => Ok(Checked::Passed(Box::new(user))),
            Err(error) => passkey_sign_in::form_error(words, error).map(Checked::Refused),
        };
    }
    let typed = TypedCode {
        code: fields.code.clone(),
        form: session.form_id(),
        ip_address: session.client().ip_address,
        browsers: session.presented_browsers(request.headers()),
    };
    match accounts.give_code(pending, typed).await {
        Ok(user) => Ok(Checked::Passed(Box::new(user))),
        Err(CodeError::Over) => Ok(Checked::Over),
        Err(error) => code_error(words, error, fields.takes_recovery_code()).map(Checked::Refused),
    }
}

/// Adds the app that the form has shown, and signs in. The answer shows the recovery codes.
async fn set_up(
    session: &RequestSession,
    words: Words,
    request: &HttpRequest,
    waiting: WaitingSignIn,
    fields: SecondFields,
) -> Result<HttpResponse, WebError> {
    let accounts = &session.state().accounts;
    let set_up = SetUpRequest {
        binding: binding(session, &waiting),
        token: fields.set_up.clone(),
        code: fields.code.clone(),
        form: session.form_id(),
    };
    let error = match accounts.add_second_factor(set_up).await {
        Ok((codes, Some(user))) => {
            let next = landing(user.must_change_password, &fields.next);
            sign_in(session, request, user, waiting.remember)?;
            session.on_refused_sign_in(move |session, _, _| Ok(over(session, &fields.next)));
            let page = RecoveryCodesPage { page: Page::anonymous(words), codes, next, is_new_app: true };
            let response = super::html(words, StatusCode::OK, &page)?;
            return with_cookie(response, Some(session.state().pending_sign_ins.removal()));
        }
        Ok((_, None)) => return Err(Error::internal("a sign-in has set up an app for no user").into()),
        // Another browser has set one up meanwhile: its code is asked for now.
        Err(SetUpError::Exists) => return Ok(see_other(&second_page(&fields.next))),
        Err(SetUpError::Over) => return Ok(over(session, &fields.next)),
        Err(SetUpError::WrongCode) => FormError::unauthorized(words.second_wrong_code()),
        Err(SetUpError::Expired) => FormError::unauthorized(words.authenticator_expired()),
        Err(SetUpError::Failed(Error::Unavailable(cause))) => FormError::unavailable(words, &cause),
        Err(SetUpError::Failed(error)) => return Err(error.into()),
    };
    match accounts.second_step(&waiting.pending).await? {
        SecondStep::SetUp(user) => set_up_page(session, words, request, (&waiting, &user), &fields, Some(error)),
        SecondStep::Code | SecondStep::Passkey => Ok(see_other(&second_page(&fields.next))),
        SecondStep::Over => Ok(over(session, &fields.next)),
    }
}

/// The sign-in that waits in this browser.
fn waiting(session: &RequestSession, request: &HttpRequest) -> Option<WaitingSignIn> {
    let state = session.state();
    state.pending_sign_ins.read(request.headers(), state.clock.now())
}

fn binding(session: &RequestSession, waiting: &WaitingSignIn) -> SetUpBinding {
    SetUpBinding::SignIn(waiting.pending.clone(), session.ip_address())
}

/// Leads back to the first step, which says why, unless the browser is signed in.
fn over(session: &RequestSession, next: &str) -> HttpResponse {
    let page = first_page(next);
    let reason = if page.contains('?') { "&again=on" } else { "?again=on" };
    let mut response = see_other(&format!("{page}{reason}"));
    // Fails only for a cookie that is none.
    response.add_cookie(&session.state().pending_sign_ins.removal()).ok();
    response
}

fn code_error(words: Words, error: CodeError, is_recovery: bool) -> Result<FormError, WebError> {
    Ok(match error {
        CodeError::Wrong if is_recovery => FormError::unauthorized(words.second_wrong_recovery_code()),
        CodeError::Wrong => FormError::unauthorized(words.second_wrong_code()),
        CodeError::Used if is_recovery => FormError::unauthorized(words.second_used_recovery_code()),
        CodeError::Used => FormError::unauthorized(words.second_used_code()),
        CodeError::Unreadable => FormError {
            status: StatusCode::SERVICE_UNAVAILABLE,
            text: words.second_unreadable().to_owned(),
            retry_after: None,
        },
        CodeError::Throttled { retry_after } => FormError::throttled(words, retry_after),
        CodeError::Locked => FormError {
            status: StatusCode::TOO_MANY_REQUESTS,
            text: words.second_locked().to_owned(),
            retry_after: None,
        },
        CodeError::Failed(Error::Unavailable(cause)) => FormError::unavailable(words, &cause),
        CodeError::Over => return Err(Error::SessionEnded.into()),
        CodeError::Failed(error) => return Err(error.into()),
    })
}

/// The form that asks for a code.
async fn page(
    session: &RequestSession,
    words: Words,
    request: &HttpRequest,
    (waiting, takes_codes): (&WaitingSignIn, bool),
    fields: &SecondFields,
    error: Option<FormError>,
) -> Result<HttpResponse, WebError> {
    let (csrf_token, cookie) = session.csrf_token(request.headers())?;
    let status = FormStatus::of(error.as_ref());
    let takes_recovery_code = fields.takes_recovery_code();
    let this = second_page(&fields.next);
    let other_form = match takes_recovery_code {
        true => this,
        false if this.contains('?') => format!("{this}&with={RECOVERY}"),
        false => format!("{this}?with={RECOVERY}"),
    };
    let passkey = match passkey_sign_in::browser(session, request.headers()) {
        Some(browser) => {
            PasskeyPrompt::of(session.state(), waiting.pending.user, ChallengePlace::SignIn(&browser)).await?
        }
        None => None,
    };
    let template = SecondPage {
        page: Page::of_visitor(&csrf_token, words),
        csrf_token,
        next: fields.next.clone(),
        other_form,
        takes_recovery_code,
        takes_codes,
        passkey,
        trust: fields.trust == "on",
        error: error.map(|error| error.text),
    };
    sign_in_form(status.show(words, &template)?, cookie)
}

/// The form that sets up an app, with the secret that it has shown before, if that has not expired.
fn set_up_page(
    session: &RequestSession,
    words: Words,
    request: &HttpRequest,
    (waiting, user): (&WaitingSignIn, &User),
    fields: &SecondFields,
    error: Option<FormError>,
) -> Result<HttpResponse, WebError> {
    let (accounts, binding) = (&session.state().accounts, binding(session, waiting));
    let site = words.product();
    let set_up: FactorSetUp = match accounts.open_set_up(&binding, site, user, &fields.set_up) {
        Some(set_up) => set_up,
        None => accounts.new_set_up(&binding, site, user)?,
    };
    let (csrf_token, cookie) = session.csrf_token(request.headers())?;
    let status = FormStatus::of(error.as_ref());
    let page = Page::of_visitor(&csrf_token, words);
    let mut template = AuthenticatorPage::new(page, csrf_token, set_up, error.map(|error| error.text))?;
    template.next.clone_from(&fields.next);
    template.is_demanded = true;
    sign_in_form(status.show(words, &template)?, cookie)
}
