//! `/setup`: creates the first account, an administrator's, while there is none.
//!
//! Its link, which holds a token, is printed when Keyrack starts.

pub(in crate::web) mod states;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web::Query};
use askama::Template;
use serde::Deserialize;

use super::{
    after_password,
    form_error::{FormError, FormStatus, name_problem, password_problem},
    sign_in_form,
};
use crate::{
    accounts::{CreateUserError, InvalidEmail, MIN_LENGTH, NewUser, Password, Role, SignInClient, check_name},
    error::Error,
    web::{RequestSession, csrf_form::SignInForm, errors::WebError, page::Page},
    words::Words,
};

#[derive(Template)]
#[template(path = "setup.html")]
struct SetupPage {
    page: Page,
    csrf_token: String,
    token: String,
    fields: SetupFields,
    /// What a password must have.
    hint: String,
    errors: SetupErrors,
}

#[derive(Default)]
struct SetupErrors {
    form: Option<String>,
    email: Option<String>,
    user_name: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    password: Option<String>,
    password_again: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct SetupQuery {
    #[serde(default)]
    token: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct SetupFields {
    token: String,
    email: String,
    user_name: String,
    first_name: String,
    last_name: String,
    password: String,
    password_again: String,
}

/// `GET /setup?token=…`
pub(crate) async fn show(
    session: RequestSession,
    words: Words,
    request: HttpRequest,
    query: Query<SetupQuery>,
) -> Result<HttpResponse, WebError> {
    require_token(&session, &query.token)?;
    if session.state().accounts.has_been_set_up().await? {
        return Err(WebError::NotFound);
    }
    let fields = SetupFields { token: query.into_inner().token, ..SetupFields::default() };
    page(&session, words, &request, StatusCode::OK, fields, SetupErrors::default())
}

/// `POST /setup`: creates the account and signs it in.
pub(crate) async fn submit(
    session: RequestSession,
    words: Words,
    request: HttpRequest,
    SignInForm(fields): SignInForm<SetupFields>,
) -> Result<HttpResponse, WebError> {
    require_token(&session, &fields.token)?;
    if session.state().accounts.has_been_set_up().await? {
        return sign_in_again(&session, &request, &fields).await;
    }
    let user = match check(&session, words, &fields) {
        Ok(user) => user,
        Err(errors) => return page(&session, words, &request, StatusCode::UNPROCESSABLE_ENTITY, fields, *errors),
    };
    match session.state().accounts.on_behalf_of(session.source()).create_first(user).await {
        Ok(user) => after_password(&session, &request, user, false, ""),
        Err(CreateUserError::Failed(error)) => Err(error.into()),
        Err(CreateUserError::NotFirst) => sign_in_again(&session, &request, &fields).await,
        Err(CreateUserError::Unchecked(_)) => {
            let error = FormError::unchecked_password(words.account_not_created_unchecked());
            let status = FormStatus::from(&error);
            let errors = SetupErrors { form: Some(error.text), ..SetupErrors::default() };
            page(&session, words, &request, status, fields, errors)
        }
        Err(error) => {
            let errors = errors_for(words, error)?;
            page(&session, words, &request, StatusCode::UNPROCESSABLE_ENTITY, fields, errors)
        }
    }
}

/// Signs in to the account that the same form has created a moment ago: it was sent twice, and the browser drops the
/// first answer. Otherwise the page is not found, as for everyone once there is a user.
async fn sign_in_again(
    session: &RequestSession,
    request: &HttpRequest,
    fields: &SetupFields,
) -> Result<HttpResponse, WebError> {
    let (Some(arrived), Ok(email)) = (session.sign_in_form_arrived(), fields.email.parse()) else {
        return Err(WebError::NotFound);
    };
    let client = SignInClient {
        ip_address: session.client().ip_address,
        browsers: session.presented_browsers(request.headers()),
    };
    let accounts = &session.state().accounts;
    let password = Password::new(&fields.password);
    let user = accounts.authenticate_new(&email, password, client, arrived).await?.ok_or(WebError::NotFound)?;
    after_password(session, request, user, false, "")
}

/// Reports the page as not found without the link's token.
fn require_token(session: &RequestSession, token: &str) -> Result<(), WebError> {
    if session.state().setup_token.matches(token) { Ok(()) } else { Err(WebError::NotFound) }
}

fn check(session: &RequestSession, words: Words, fields: &SetupFields) -> Result<NewUser, Box<SetupErrors>> {
    let mut errors = SetupErrors::default();
    let email = fields.email.parse().map_err(|InvalidEmail| errors.email = Some(words.email_invalid().to_owned())).ok();
    if fields.first_name.trim().is_empty() {
        errors.first_name = Some(words.enter_first_name().to_owned());
    }
    if !Password::new(&fields.password).is_same_as(&Password::new(&fields.password_again)) {
        errors.password_again = Some(words.passwords_differ().to_owned());
    }
    let names = [
        (&fields.user_name, &mut errors.user_name),
        (&fields.first_name, &mut errors.first_name),
        (&fields.last_name, &mut errors.last_name),
    ];
    for (name, error) in names {
        if let Err(problem) = check_name(name) {
            *error = Some(name_problem(words, problem));
        }
    }
    let optional = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let password = Password::new(&fields.password);
    let names = [&fields.user_name, &fields.first_name, &fields.last_name].map(String::as_str);
    if let Err(problem) = session.state().accounts.check_new_password(&password, email.as_ref(), names) {
        errors.password = Some(password_problem(words, problem));
    }
    let user = email.map(|email| NewUser {
        email,
        user_name: optional(&fields.user_name),
        first_name: optional(&fields.first_name),
        last_name: optional(&fields.last_name),
        role: Role::Admin,
        password,
    });
    user.filter(|_| !errors.any()).ok_or_else(|| Box::new(errors))
}

impl SetupErrors {
    fn any(&self) -> bool {
        let all = [
            &self.form,
            &self.email,
            &self.user_name,
            &self.first_name,
            &self.last_name,
            &self.password,
            &self.password_again,
        ];
        all.into_iter().any(Option::is_some)
    }
}

fn errors_for(words: Words, error: CreateUserError) -> Result<SetupErrors, WebError> {
    match error {
        CreateUserError::EmailTaken => {
            Ok(SetupErrors { email: Some(words.email_taken().to_owned()), ..SetupErrors::default() })
        }
        CreateUserError::Password(problem) => {
            Ok(SetupErrors { password: Some(password_problem(words, problem)), ..SetupErrors::default() })
        }
        // The names were checked before.
        error => Err(Error::internal(error).into()),
    }
}

/// The form with what was typed, except for the passwords.
fn page(
    session: &RequestSession,
    words: Words,
    request: &HttpRequest,
    status: impl Into<FormStatus>,
    fields: SetupFields,
    errors: SetupErrors,
) -> Result<HttpResponse, WebError> {
    let (csrf_token, cookie) = session.csrf_token(request.headers())?;
    let template = SetupPage {
        page: Page::of_visitor(&csrf_token, words),
        csrf_token,
        token: fields.token.clone(),
        hint: words.password_hint(MIN_LENGTH),
        fields,
        errors,
    };
    sign_in_form(status.into().show(words, &template)?, cookie)
}
