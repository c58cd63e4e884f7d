//! `/account/password`: changes the user's own password (ASVS 6.2.2, 6.2.3, 7.4.3).

pub(in crate::web) mod states;

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Query},
};
use askama::Template;
use serde::Deserialize;

use super::{
    HOME,
    form_error::{FormError, FormStatus, password_problem},
    html, reauth,
    revoke::max_wait,
    revoke_progress, see_other, with_cookie,
};
use crate::{
    accounts::{ChangePasswordError, MIN_LENGTH, OwnPasswordError, Password, PasswordChange},
    clock::Timestamp,
    error::Error,
    sessions::{EndReason, EndedOthers, RevokeProgress},
    web::{
        Destinations, SignedIn,
        errors::WebError,
        flash::Notice,
        page::{FlashMessage, Page},
        password_change::password_page,
        proof_form::ProofForm,
        recent_proof,
    },
    words::Words,
};

#[derive(Template)]
#[template(path = "password.html")]
struct PasswordPage {
    page: Page,
    csrf_token: String,
    email: String,
    /// Where the form is sent. The address keeps where it leads, so that it is not lost if the session is over.
    action: String,
    next: String,
    keep_others: bool,
    /// What a new password must have.
    hint: String,
    /// Whether the user has a password that can be checked.
    has_password: bool,
    /// Whether the session is good for nothing else before the password was changed.
    is_required: bool,
    /// Why a new password is urgent; empty if it is not.
    warning: &'static str,
    errors: PasswordErrors,
}

#[derive(Default)]
struct PasswordErrors {
    /// What is wrong although no field is.
    form: Option<String>,
    current_password: Option<String>,
    password: Option<String>,
    password_again: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct PasswordQuery {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct PasswordFields {
    current_password: String,
    password: String,
    password_again: String,
    keep_others: String,
    next: String,
}

impl PasswordFields {
    fn keeps_others(&self) -> bool {
        self.keep_others == "on"
    }
}

/// `GET /.well-known/change-password`: where password managers look for the form (W3C, "A Well-Known URL for Changing
/// Passwords").
pub(crate) async fn well_known() -> HttpResponse {
    see_other("/account/password")
}

/// `GET /account/password`. After a sign-in, it says whether the form was sent before, and was not handled.
pub(crate) async fn show(
    session: SignedIn,
    words: Words,
    request: HttpRequest,
    query: Query<PasswordQuery>,
    destinations: Data<Destinations>,
) -> Result<HttpResponse, WebError> {
    let state = session.state();
    let has_password = recent_proof::can_prove(state, &session).await?;
    let fields = PasswordFields { next: query.into_inner().next, ..PasswordFields::default() };
    let mut template = template(&session, words, &destinations, &fields, has_password, PasswordErrors::default())?;
    if has_reported(&session).await? {
        template.warning = template.page.words.password_after_report();
    }
    let is_unmade = state.flash.has_unmade_change(request.headers(), state.clock.now());
    template.page.flash = is_unmade.then(|| FlashMessage::unmade_change(words));
    with_cookie(html(words, StatusCode::OK, &template)?, is_unmade.then(|| state.flash.removal()))
}

/// Whether the user has reported a session since the password was set.
async fn has_reported(session: &SignedIn) -> Result<bool, WebError> {
    let state = session.state();
    let Some(password) = state.accounts.password_state(session.user.id).await? else { return Ok(false) };
    Ok(state.sessions.has_reported_since(session.user.id, password.changed_at).await?)
}

/// `POST /account/password`: the current password is the proof, so no other is asked for.
pub(crate) async fn submit(
    session: SignedIn,
    words: Words,
    request: HttpRequest,
    destinations: Data<Destinations>,
    ProofForm(fields): ProofForm<PasswordFields>,
) -> Result<HttpResponse, WebError> {
    let errors = match check(&session, words, &fields).await {
        Ok(errors) => errors,
        Err(error) => return refuse_current(&session, words, &destinations, &fields, error.into()),
    };
    if errors.any() {
        return refused(&session, words, &destinations, &fields, errors).await;
    }
    let change = PasswordChange {
        current: Password::new(&fields.current_password),
        new: Password::new(&fields.password),
        keeps_others: fields.keeps_others() && !session.must_change_password,
    };
    let accounts = &session.state().accounts;
    match accounts.change_password(session.presented()?, &session.user, change).await {
        Ok(changed) => {
            session.set_renewed(changed.session.issued);
            let next = destinations.accept(&fields.next).unwrap_or(HOME);
            changed_response(&session, &request, changed.others, changed.session.proved_at, next).await
        }
        Err(ChangePasswordError::Current(error)) => refuse_current(&session, words, &destinations, &fields, error),
        Err(ChangePasswordError::Unchecked(_)) => {
            let error = FormError::unchecked_password(words.password_not_changed_unchecked());
            let status = FormStatus::from(&error);
            let errors = PasswordErrors { form: Some(error.text), ..PasswordErrors::default() };
            page(&session, words, &destinations, &fields, status, errors)
        }
        Err(ChangePasswordError::ChangedMeanwhile) => {
            let text = words.password_changed_meanwhile().to_owned();
            let errors = PasswordErrors { form: Some(text), ..PasswordErrors::default() };
            page(&session, words, &destinations, &fields, StatusCode::CONFLICT, errors)
        }
        Err(ChangePasswordError::SameAsCurrent) => {
            let text = words.same_as_current_password().to_owned();
            let errors = PasswordErrors { password: Some(text), ..PasswordErrors::default() };
            page(&session, words, &destinations, &fields, StatusCode::UNPROCESSABLE_ENTITY, errors)
        }
        Err(ChangePasswordError::Policy(problem)) => {
            let text = password_problem(words, problem);
            let errors = PasswordErrors { password: Some(text), ..PasswordErrors::default() };
            page(&session, words, &destinations, &fields, StatusCode::UNPROCESSABLE_ENTITY, errors)
        }
    }
}

/// Ends the rest of the other sessions, if there are many, and says what was done.
async fn changed_response(
    session: &SignedIn,
    request: &HttpRequest,
    others: EndedOthers,
    changed_at: Timestamp,
    next: &str,
) -> Result<HttpResponse, WebError> {
    let (sessions, user) = (session.sessions(), session.user.id);
    let (reason, max_wait) = (EndReason::PasswordChanged, max_wait(request));
    let progress = match others {
        EndedOthers::Kept => None,
        EndedOthers::FirstBatch(first) => {
            Some(sessions.end_rest_after_proof(user, first, reason, changed_at, max_wait).await?)
        }
        EndedOthers::Before => Some(sessions.end_others_again(user, session.id, reason, changed_at, max_wait).await?),
    };
    let notice = match progress {
        None => Notice::PasswordChanged(None),
        Some(RevokeProgress::Done(ended)) => Notice::PasswordChanged(Some(ended)),
        Some(RevokeProgress::InProgress { started_until }) => {
            return Ok(see_other(&revoke_progress::location(started_until)));
        }
    };
    with_cookie(see_other(next), Some(session.state().flash.cookie(session.id, notice)))
}

/// Finds what is wrong with the fields, as far as that needs neither the current password nor a file.
async fn check(session: &SignedIn, words: Words, fields: &PasswordFields) -> Result<PasswordErrors, Error> {
    let mut errors = PasswordErrors::default();
    if fields.current_password.is_empty() {
        errors.current_password = Some(words.enter_current_password().to_owned());
    }
    if fields.password.is_empty() {
        errors.password = Some(words.enter_new_password().to_owned());
        return Ok(errors);
    }
    let password = Password::new(&fields.password);
    if !password.is_same_as(&Password::new(&fields.password_again)) {
        errors.password_again = Some(words.passwords_differ().to_owned());
    }
    if let Err(problem) = session.state().accounts.check_new_password_of(&session.user, password).await? {
        errors.password = Some(password_problem(words, problem));
    }
    Ok(errors)
}

/// Answers a form that can't be handled. Checks the current password nevertheless, so that the page says at once
/// everything that is wrong.
async fn refused(
    session: &SignedIn,
    words: Words,
    destinations: &Destinations,
    fields: &PasswordFields,
    mut errors: PasswordErrors,
) -> Result<HttpResponse, WebError> {
    let mut status = FormStatus::from(StatusCode::UNPROCESSABLE_ENTITY);
    if errors.current_password.is_none() {
        let current = Password::new(&fields.current_password);
        let is_same = current.is_same_as(&Password::new(&fields.password));
        match session.state().accounts.check_current_password(&session.presented()?, current).await {
            Ok(()) if is_same => {
                errors.password.get_or_insert_with(|| words.same_as_current_password().to_owned());
            }
            Ok(()) => {}
            Err(error) => {
                let is_wrong = matches!(error, OwnPasswordError::Wrong);
                let error = current_error(words, error)?;
                // Another status tells when to try again.
                if !is_wrong {
                    status = FormStatus::from(&error);
                }
                errors.current_password = Some(error.text);
            }
        }
    }
    page(session, words, destinations, fields, status, errors)
}

/// Answers a form whose current password was not accepted, or not checked.
fn refuse_current(
    session: &SignedIn,
    words: Words,
    destinations: &Destinations,
    fields: &PasswordFields,
    error: OwnPasswordError,
) -> Result<HttpResponse, WebError> {
    let error = current_error(words, error)?;
    let status = FormStatus::from(&error);
    let errors = PasswordErrors { current_password: Some(error.text), ..PasswordErrors::default() };
    page(session, words, destinations, fields, status, errors)
}

/// The message for a current password that was not accepted.
fn current_error(words: Words, error: OwnPasswordError) -> Result<FormError, WebError> {
    match error {
        OwnPasswordError::Wrong => Ok(FormError::unauthorized(words.not_your_current_password())),
        error => reauth::form_error(words, error),
    }
}

impl PasswordErrors {
    fn any(&self) -> bool {
        self.form.is_some() || self.any_field()
    }

    fn any_field(&self) -> bool {
        [&self.current_password, &self.password, &self.password_again].into_iter().any(Option::is_some)
    }
}

/// The form again, with what is wrong.
fn page(
    session: &SignedIn,
    words: Words,
    destinations: &Destinations,
    fields: &PasswordFields,
    status: impl Into<FormStatus>,
    errors: PasswordErrors,
) -> Result<HttpResponse, WebError> {
    status.into().show(words, &template(session, words, destinations, fields, true, errors)?)
}

/// The form, without the passwords.
fn template(
    session: &SignedIn,
    words: Words,
    destinations: &Destinations,
    fields: &PasswordFields,
    has_password: bool,
    errors: PasswordErrors,
) -> Result<PasswordPage, WebError> {
    let csrf_token = session.csrf_token()?;
    let next = destinations.accept(&fields.next).unwrap_or_default().to_owned();
    Ok(PasswordPage {
        page: Page::of(session, &csrf_token, words),
        csrf_token,
        email: session.user.email.clone(),
        action: password_page(&next),
        next,
        keep_others: fields.keeps_others(),
        hint: words.password_hint(MIN_LENGTH),
        has_password,
        is_required: session.must_change_password,
        warning: "",
        errors,
    })
}
