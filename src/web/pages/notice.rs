//! `/not-me`: where the links of notices lead. Signs out what the notice tells of, without a sign-in, and lets no one in.
//! A GET ends nothing: the scanners of mail servers open links, too.

pub(in crate::web) mod states;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web::Query};
use askama::Template;
use serde::Deserialize;

use super::{html, passkeys::PASSKEYS, with_cookie};
use crate::{
    accounts::{Notice, NoticeScope},
    events::Source,
    mail::{Content, MailKind, NoticeFacts},
    web::{RequestSession, csrf_form::CsrfForm, errors::WebError, page::Page},
    words::Words,
};

#[derive(Template)]
#[template(path = "notice.html")]
struct NoticePage {
    page: Page,
    csrf_token: String,
    token: String,
    /// What the mail has said.
    paragraphs: Vec<String>,
    facts: Vec<String>,
    /// What helps besides, if no session is at fault; the path of its button, and the label.
    advice: Option<(&'static str, &'static str, &'static str)>,
    /// What the button does.
    effect: &'static str,
    button: &'static str,
}

#[derive(Template)]
#[template(path = "link_over.html")]
struct NoticeOverPage {
    page: Page,
    title: &'static str,
    text: &'static str,
    /// Notices are not asked for.
    asks_again: bool,
}

#[derive(Deserialize)]
pub(crate) struct NoticeFields {
    #[serde(default)]
    token: String,
}

/// `GET /not-me?token=…`
pub(crate) async fn show(
    session: RequestSession,
    words: Words,
    request: HttpRequest,
    query: Query<NoticeFields>,
) -> Result<HttpResponse, WebError> {
    let (csrf_token, cookie) = session.csrf_token(request.headers())?;
    let page = Page::of_visitor(&csrf_token, words);
    let response = match session.state().accounts.find_notice(&query.token).await? {
        Some(notice) if notice.used_at.is_none() => {
            let Notice { kind, facts, scope, .. } = notice;
            let template = notice_page(page, words, csrf_token, &query.token, (kind, &facts, scope));
            html(words, StatusCode::OK, &template)?
        }
        Some(notice) => html(words, StatusCode::OK, &done(page, words, notice.scope))?,
        None => html(words, StatusCode::GONE, &expired(page, words))?,
    };
    with_cookie(response, cookie)
}

/// `POST /not-me`
pub(crate) async fn submit(
    session: RequestSession,
    words: Words,
    request: HttpRequest,
    CsrfForm(fields): CsrfForm<NoticeFields>,
) -> Result<HttpResponse, WebError> {
    // Who has the link does it, not the session that this browser may have: that can be another user's.
    let accounts = session.state().accounts.on_behalf_of(Source::user(session.ip_address()));
    let (csrf_token, cookie) = session.csrf_token(request.headers())?;
    let page = Page::of_visitor(&csrf_token, words);
    let response = match accounts.find_notice(&fields.token).await? {
        Some(notice) => {
            accounts.end_by_notice(&notice).await?;
            html(words, StatusCode::OK, &done(page, words, notice.scope))?
        }
        None => html(words, StatusCode::GONE, &expired(page, words))?,
    };
    with_cookie(response, cookie)
}

fn notice_page(
    page: Page,
    words: Words,
    csrf_token: String,
    token: &str,
    (kind, facts, scope): (MailKind, &NoticeFacts, NoticeScope),
) -> NoticePage {
    let new_password = |text| (text, "/forgot", words.notice_new_password());
    let advice = match kind {
        MailKind::ManyFailures if facts.of_passkeys => {
            Some((words.notice_passkey_failures_advice(), PASSKEYS, words.security_passkeys_manage()))
        }
        MailKind::ManyFailures => Some(new_password(words.notice_failures_advice())),
        MailKind::WrongCodes => Some(new_password(words.notice_wrong_codes_advice())),
        _ => None,
    };
    let message: Option<Content> = kind.message(words, facts);
    let (paragraphs, facts) = message.map(|message| (message.paragraphs, message.facts)).unwrap_or_default();
    let (effect, button) = match scope {
        NoticeScope::Session(_) => (words.notice_ends_device(), words.notice_end_device()),
        NoticeScope::Account if advice.is_some() => (words.notice_ends_all_to_be_sure(), words.notice_end_all()),
        NoticeScope::Account => (words.notice_ends_all(), words.notice_end_all()),
    };
    NoticePage { page, csrf_token, token: token.to_owned(), paragraphs, facts, advice, effect, button }
}

fn done(page: Page, words: Words, scope: NoticeScope) -> NoticeOverPage {
    let text = match scope {
        NoticeScope::Session(_) => words.notice_done_device(),
        NoticeScope::Account => words.notice_done_all(),
    };
    NoticeOverPage { page, title: words.notice_done(), text, asks_again: false }
}

fn expired(page: Page, words: Words) -> NoticeOverPage {
    NoticeOverPage { page, title: words.notice_expired(), text: words.notice_expired_text(), asks_again: false }
}
