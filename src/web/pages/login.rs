//! `/login`: the sign-in form.

use std::time::Duration;

use actix_identity::Identity;
use actix_web::{
    HttpMessage, HttpRequest, HttpResponse,
    http::{
        StatusCode,
        header::{HeaderValue, RETRY_AFTER},
    },
    web::Query,
};
use askama::Template;
use serde::Deserialize;

use super::{HOME, html, see_other, with_cookie};
use crate::{
    accounts::{AuthenticatedUser, AuthenticationResult, Password},
    error::Error,
    web::{RequestSession, csrf_form::SignInForm, errors::WebError, next, page::Page},
};

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    page: Page,
    csrf_token: String,
    next: String,
    email: String,
    remember: bool,
    error: Option<String>,
    notice: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct LoginQuery {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub(crate) struct LoginForm {
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    remember: String,
    #[serde(default)]
    next: String,
}

impl LoginForm {
    fn wants_remembering(&self) -> bool {
        self.remember == "on"
    }
}

/// Why the form is shown again.
struct Again {
    status: StatusCode,
    error: String,
    retry_after: Option<Duration>,
}

/// `GET /login`. Writes no row, and shows the form also while the database is down.
pub(crate) async fn show(
    visit: RequestSession,
    request: HttpRequest,
    query: Query<LoginQuery>,
) -> Result<HttpResponse, WebError> {
    let wanted = next::safe(&query.next);
    if visit.current().is_some() {
        return Ok(see_other(wanted.unwrap_or(HOME)));
    }
    let notice = wanted.map(|_| "Sign in to go on.".to_owned());
    let form = LoginForm {
        email: String::new(),
        password: String::new(),
        remember: String::new(),
        next: wanted.unwrap_or_default().to_owned(),
    };
    page(&visit, &request, form, notice, None)
}

/// `POST /login`
pub(crate) async fn submit(
    visit: RequestSession,
    request: HttpRequest,
    SignInForm(form): SignInForm<LoginForm>,
) -> Result<HttpResponse, WebError> {
    match visit.take_read_error() {
        None => {}
        // A sign-in replaces the session that the browser has, so it has to wait until that can be read.
        Some(Error::Unavailable(cause)) => return page(&visit, &request, form, None, Some(unavailable(&cause))),
        Some(error) => return Err(error.into()),
    }
    let client = visit.client().ip_address;
    let again = match visit.state().accounts.authenticate(&form.email, Password::new(&form.password), client).await {
        Ok(AuthenticationResult::Accepted(who)) => return accept(&visit, &request, who, &form),
        Ok(AuthenticationResult::Rejected) => rejected(),
        Ok(AuthenticationResult::Throttled { retry_after }) => throttled(retry_after),
        Err(Error::Busy { retry_after }) => busy(retry_after),
        Err(Error::Unavailable(cause)) => unavailable(&cause),
        Err(error) => return Err(error.into()),
    };
    page(&visit, &request, form, None, Some(again))
}

/// The session itself starts when the handler has returned: actix-session saves the state that names the user.
fn accept(
    visit: &RequestSession,
    request: &HttpRequest,
    who: AuthenticatedUser,
    form: &LoginForm,
) -> Result<HttpResponse, WebError> {
    let id = who.user.id.to_string();
    visit.prepare_sign_in(who, form.wants_remembering());
    Identity::login(&request.extensions(), id).map_err(|error| Error::internal(format!("{error:?}")))?;
    Ok(see_other(next::safe(&form.next).unwrap_or(HOME)))
}

fn rejected() -> Again {
    // One message for every cause: whether an account exists is nobody's business.
    Again { status: StatusCode::UNAUTHORIZED, error: "Invalid email or password.".to_owned(), retry_after: None }
}

fn throttled(retry_after: Duration) -> Again {
    let minutes = retry_after.as_secs().div_ceil(60).max(1);
    let error = format!("Too many attempts. Try again in {minutes} minute{}.", if minutes == 1 { "" } else { "s" });
    Again { status: StatusCode::TOO_MANY_REQUESTS, error, retry_after: Some(retry_after) }
}

fn busy(retry_after: Duration) -> Again {
    let seconds = retry_after.as_secs().max(1);
    let plural = if seconds == 1 { "" } else { "s" };
    let error = format!("Many people are signing in just now. Try again in {seconds} second{plural}.");
    Again { status: StatusCode::SERVICE_UNAVAILABLE, error, retry_after: Some(retry_after) }
}

fn unavailable(cause: &anyhow::Error) -> Again {
    tracing::warn!(error = format!("{cause:#}"), "a sign-in failed");
    let error = "Keyrack can’t reach its database just now. Try again in a few seconds.".to_owned();
    Again { status: StatusCode::SERVICE_UNAVAILABLE, error, retry_after: Some(Duration::from_secs(1)) }
}

/// The form, with what was typed (never the password).
fn page(
    visit: &RequestSession,
    request: &HttpRequest,
    form: LoginForm,
    notice: Option<String>,
    again: Option<Again>,
) -> Result<HttpResponse, WebError> {
    let (csrf_token, cookie) = visit.state().csrf.token(visit.current_sid(), request.headers())?;
    let (status, retry_after) =
        again.as_ref().map_or((StatusCode::OK, None), |again| (again.status, again.retry_after));
    let template = LoginPage {
        page: Page::bare(),
        csrf_token,
        next: next::safe(&form.next).unwrap_or_default().to_owned(),
        remember: form.wants_remembering(),
        email: form.email,
        error: again.map(|again| again.error),
        notice,
    };
    let mut response = html(status, &template)?;
    if let Some(after) = retry_after {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
    }
    with_cookie(response, cookie)
}
