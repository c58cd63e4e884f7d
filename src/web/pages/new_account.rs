//! The form of `/verify` that creates an account, which the link of a registration leads to.

pub(in crate::web) mod states;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode};
use askama::Template;
use serde::Deserialize;

use super::{
    after_password,
    form_error::{FormError, FormStatus, name_problem, password_problem},
    sign_in_form,
};
use crate::{
    accounts::{
        CreateUserError, Email, InvalidLink, MIN_LENGTH, NewAccount, Password, RegisterError, SignInClient, check_name,
    },
    error::Error,
    events::Source,
    web::{RequestSession, errors::WebError, page::Page},
    words::Words,
};

#[derive(Template)]
#[template(path = "new_account.html")]
struct NewAccountPage {
    page: Page,
    csrf_token: String,
    token: String,
    email: String,
    first_name: String,
    last_name: String,
    /// What a password must have.
    hint: String,
    errors: NewAccountErrors,
}

/// The fields of all forms of `/verify`: those about addresses send the token only.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct VerifyFields {
    pub token: String,
    pub first_name: String,
    pub last_name: String,
    pub password: String,
    pub password_again: String,
}

#[derive(Default)]
struct NewAccountErrors {
    form: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    password: Option<String>,
    password_again: Option<String>,
}

impl NewAccountErrors {
    fn any(&self) -> bool {
        self.form.is_some() || self.any_field()
    }

    fn any_field(&self) -> bool {
        [&self.first_name, &self.last_name, &self.password, &self.password_again].into_iter().any(Option::is_some)
    }
}

/// Shows the form of a good link.
pub(super) fn show(
    session: &RequestSession,
    words: Words,
    request: &HttpRequest,
    token: &str,
    email: Email,
) -> Result<HttpResponse, WebError> {
    let fields = VerifyFields { token: token.to_owned(), ..VerifyFields::default() };
    page(session, words, request, StatusCode::OK, (fields, email), NewAccountErrors::default())
}

/// Creates the account, and signs its user in; or says what is wrong with the form. `Err` if the link is not good.
pub(super) async fn submit(
    session: &RequestSession,
    words: Words,
    request: &HttpRequest,
    fields: VerifyFields,
) -> Result<Result<HttpResponse, InvalidLink>, WebError> {
    let accounts = session.state().accounts.on_behalf_of(Source::user(session.ip_address()));
    let email = match accounts.find_registration(&fields.token).await? {
        Ok(email) => email,
        Err(problem) => return sign_in_again(session, request, &fields, problem).await,
    };
    let errors = check(words, &fields);
    if errors.any() {
        return page(session, words, request, StatusCode::UNPROCESSABLE_ENTITY, (fields, email), errors).map(Ok);
    }
    let optional = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let new = NewAccount {
        first_name: optional(&fields.first_name),
        last_name: optional(&fields.last_name),
        password: Password::new(&fields.password),
    };
    let (status, errors) = match accounts.register(&fields.token, new).await {
        Ok(user) => return after_password(session, request, user, false, "").map(Ok),
        Err(RegisterError::Invalid(problem)) => return sign_in_again(session, request, &fields, problem).await,
        Err(RegisterError::Account(CreateUserError::EmailTaken)) => return Ok(Err(InvalidLink::Used)),
        Err(RegisterError::Account(CreateUserError::Password(problem))) => {
            let password = Some(password_problem(words, problem));
            (StatusCode::UNPROCESSABLE_ENTITY.into(), NewAccountErrors { password, ..NewAccountErrors::default() })
        }
        Err(RegisterError::Account(CreateUserError::Unchecked(_))) => {
            let error = FormError::unchecked_password(words.account_not_created_unchecked());
            let status = FormStatus::from(&error);
            (status, NewAccountErrors { form: Some(error.text), ..NewAccountErrors::default() })
        }
        Err(RegisterError::Account(CreateUserError::Failed(error))) => return Err(error.into()),
        Err(RegisterError::Account(error)) => return Err(Error::internal(error).into()),
    };
    page(session, words, request, status, (fields, email), errors).map(Ok)
}

/// Answers a form whose link is no longer good. If the same form has used it a moment ago, it was sent twice, and the browser
/// drops the first answer: the password that it has just set proves who sends it.
async fn sign_in_again(
    session: &RequestSession,
    request: &HttpRequest,
    fields: &VerifyFields,
    problem: InvalidLink,
) -> Result<Result<HttpResponse, InvalidLink>, WebError> {
    let Some(arrived) = session.sign_in_form_arrived().filter(|_| problem == InvalidLink::Used) else {
        return Ok(Err(problem));
    };
    let client = SignInClient {
        ip_address: session.client().ip_address,
        browsers: session.presented_browsers(request.headers()),
    };
    let (accounts, password) = (&session.state().accounts, Password::new(&fields.password));
    match accounts.authenticate_registered(&fields.token, password, client, arrived).await? {
        Some(user) => after_password(session, request, user, false, "").map(Ok),
        None => Ok(Err(problem)),
    }
}

/// Checks what does not need the account.
fn check(words: Words, fields: &VerifyFields) -> NewAccountErrors {
    let mut errors = NewAccountErrors::default();
    if fields.first_name.trim().is_empty() {
        errors.first_name = Some(words.enter_first_name().to_owned());
    }
    for (name, error) in [(&fields.first_name, &mut errors.first_name), (&fields.last_name, &mut errors.last_name)] {
        if let Err(problem) = check_name(name) {
            *error = Some(name_problem(words, problem));
        }
    }
    if !Password::new(&fields.password).is_same_as(&Password::new(&fields.password_again)) {
        errors.password_again = Some(words.passwords_differ().to_owned());
    }
    errors
}

/// The form with what was typed, except for the passwords.
fn page(
    session: &RequestSession,
    words: Words,
    request: &HttpRequest,
    status: impl Into<FormStatus>,
    (fields, email): (VerifyFields, Email),
    errors: NewAccountErrors,
) -> Result<HttpResponse, WebError> {
    let (csrf_token, cookie) = session.csrf_token(request.headers())?;
    let page = Page::of_visitor(&csrf_token, words);
    let template = template(page, csrf_token, fields, email.to_string(), errors);
    sign_in_form(status.into().show(words, &template)?, cookie)
}

fn template(
    page: Page,
    csrf_token: String,
    fields: VerifyFields,
    email: String,
    errors: NewAccountErrors,
) -> NewAccountPage {
    let VerifyFields { token, first_name, last_name, .. } = fields;
    let hint = page.words.password_hint(MIN_LENGTH);
    NewAccountPage { page, csrf_token, token, email, first_name, last_name, hint, errors }
}
