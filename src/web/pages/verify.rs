//! `/verify`: where the links of mails lead that prove the address of an account, or put a former one back. A GET changes nothing: the
//! scanners of mail servers open links, too.

pub(in crate::web) mod states;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web::Query};
use askama::Template;
use serde::Deserialize;

use super::{
    html,
    new_account::{self, VerifyFields},
    register::is_open,
    see_other, with_cookie,
};
use crate::{
    accounts::{AddressLink, AddressLinkProblem, InvalidLink},
    events::Source,
    web::{RequestSession, csrf_form::SignInForm, errors::WebError, page::Page},
    words::Words,
};

/// The answer to a form that has changed an address.
const DONE_PAGE: &str = "/verify?done=on";

#[derive(Template)]
#[template(path = "verify.html")]
struct VerifyPage {
    page: Page,
    csrf_token: String,
    token: String,
    title: &'static str,
    lead: String,
    /// What the button does, if it does several things.
    steps: Vec<String>,
    button: &'static str,
    is_restore: bool,
}

#[derive(Template)]
#[template(path = "link_over.html")]
struct VerifyOverPage {
    page: Page,
    title: &'static str,
    text: &'static str,
    /// Another link is asked for on a page that needs a session.
    asks_again: bool,
}

#[derive(Deserialize)]
pub(crate) struct VerifyQuery {
    #[serde(default)]
    token: String,
    #[serde(default)]
    done: String,
}

/// `GET /verify?token=…`
pub(crate) async fn show(
    session: RequestSession,
    words: Words,
    request: HttpRequest,
    query: Query<VerifyQuery>,
) -> Result<HttpResponse, WebError> {
    if !query.done.is_empty() {
        return over(&session, words, &request, StatusCode::OK, done);
    }
    match session.state().accounts.find_address_link(&query.token).await? {
        Ok(link) => {
            let (csrf_token, cookie) = session.csrf_token(request.headers())?;
            let page = Page::of_visitor(&csrf_token, words);
            let template = verify_page(page, words, csrf_token, &query.token, link);
            with_cookie(html(words, StatusCode::OK, &template)?, cookie)
        }
        // It may be a link of another kind.
        Err(AddressLinkProblem::Expired) if !is_open(session.state()) => {
            refused_registration(&session, words, &request, InvalidLink::Expired)
        }
        Err(AddressLinkProblem::Expired) => match session.state().accounts.find_registration(&query.token).await? {
            Ok(email) => new_account::show(&session, words, &request, &query.token, email),
            Err(problem) => refused_registration(&session, words, &request, problem),
        },
        Err(problem) => refused(&session, words, &request, problem),
    }
}

/// `POST /verify`
pub(crate) async fn submit(
    session: RequestSession,
    words: Words,
    request: HttpRequest,
    SignInForm(fields): SignInForm<VerifyFields>,
) -> Result<HttpResponse, WebError> {
    // Who has the link does it, not the session that this browser may have: that can be another user's.
    let accounts = session.state().accounts.on_behalf_of(Source::user(session.ip_address()));
    let problem = match accounts.confirm_email_change(&fields.token).await? {
        Ok(()) | Err(AddressLinkProblem::Used { just_now: true }) => return Ok(see_other(DONE_PAGE)),
        // It may be a link of another kind.
        Err(AddressLinkProblem::Expired) => match accounts.restore_email(&fields.token).await? {
            Ok(reset) => return Ok(see_other(&reset.path())),
            Err(problem) => problem,
        },
        Err(problem) => problem,
    };
    if problem != AddressLinkProblem::Expired {
        return refused(&session, words, &request, problem);
    }
    if !is_open(session.state()) {
        return refused_registration(&session, words, &request, InvalidLink::Expired);
    }
    match new_account::submit(&session, words, &request, fields).await? {
        Ok(response) => Ok(response),
        Err(problem) => refused_registration(&session, words, &request, problem),
    }
}

fn verify_page(page: Page, words: Words, csrf_token: String, token: &str, link: AddressLink) -> VerifyPage {
    let token = token.to_owned();
    match link {
        AddressLink::Change { current, new } => VerifyPage {
            page,
            csrf_token,
            token,
            title: words.verify_title(),
            lead: words.verify_lead(current, new),
            steps: Vec::new(),
            button: words.verify_confirm(),
            is_restore: false,
        },
        AddressLink::Restore { former } => VerifyPage {
            page,
            csrf_token,
            token,
            title: words.verify_restore_title(),
            lead: words.verify_restore_lead().to_owned(),
            steps: vec![
                words.verify_restore_address(former),
                words.verify_restore_sessions().to_owned(),
                words.verify_restore_password().to_owned(),
            ],
            button: words.verify_restore(),
            is_restore: true,
        },
    }
}

fn refused(
    session: &RequestSession,
    words: Words,
    request: &HttpRequest,
    problem: AddressLinkProblem,
) -> Result<HttpResponse, WebError> {
    let status = if problem == AddressLinkProblem::Taken { StatusCode::CONFLICT } else { StatusCode::GONE };
    over(session, words, request, status, |page, words| problem_page(page, words, problem))
}

/// The page of a link that creates an account, and is not good; for one that was never made, the same as for all others.
fn refused_registration(
    session: &RequestSession,
    words: Words,
    request: &HttpRequest,
    problem: InvalidLink,
) -> Result<HttpResponse, WebError> {
    match problem {
        InvalidLink::Used => over(session, words, request, StatusCode::GONE, registered),
        InvalidLink::Expired => refused(session, words, request, AddressLinkProblem::Expired),
    }
}

fn registered(page: Page, words: Words) -> VerifyOverPage {
    VerifyOverPage { page, title: words.link_used(), text: words.verify_registered(), asks_again: false }
}

/// A page without a form.
fn over(
    session: &RequestSession,
    words: Words,
    request: &HttpRequest,
    status: StatusCode,
    template: impl FnOnce(Page, Words) -> VerifyOverPage,
) -> Result<HttpResponse, WebError> {
    let (csrf_token, cookie) = session.csrf_token(request.headers())?;
    let page = Page::of_visitor(&csrf_token, words);
    with_cookie(html(words, status, &template(page, words))?, cookie)
}

fn done(page: Page, words: Words) -> VerifyOverPage {
    VerifyOverPage { page, title: words.verify_done(), text: words.verify_done_text(), asks_again: false }
}

fn problem_page(page: Page, words: Words, problem: AddressLinkProblem) -> VerifyOverPage {
    let (title, text) = match problem {
        AddressLinkProblem::Used { .. } => (words.link_used(), words.verify_used()),
        AddressLinkProblem::Expired => (words.link_expired(), words.verify_expired()),
        AddressLinkProblem::Taken => (words.verify_taken(), words.verify_taken_text()),
    };
    VerifyOverPage { page, title, text, asks_again: false }
}
