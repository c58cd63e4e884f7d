//! `/reset` and `/invite`: set a password by a link that is good once. A GET uses nothing up, since the scanners of mail
//! servers open links, too.
//!
//! The token is in the URL of the page that the mail leads to, and then in the form. These pages are sent with the usual
//! `Referrer-Policy: same-origin`, so no other site learns of it, and the log of requests has no queries.

pub(in crate::web) mod states;

use std::collections::{HashMap, HashSet};

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web::Query};
use askama::Template;
use serde::Deserialize;

use super::{
    after_password,
    form_error::{FormError, FormStatus, password_problem},
    html,
    passkey_row::PasskeyRow,
    security::AppFacts,
    sign_in_form,
};
use crate::{
    accounts::{
        CreateUserError, InvalidLink, LinkKind, MIN_LENGTH, PasskeysAtReset, PasskeysStay, Password, SignInClient,
        UseLinkError,
    },
    db::PasskeyId,
    error::Error,
    events::Source,
    sessions::User,
    web::{AppState, RequestSession, csrf_form::SignInForm, errors::WebError, page::Page},
    words::Words,
};

#[derive(Template)]
#[template(path = "account_link.html")]
struct AccountLinkPage {
    page: Page,
    csrf_token: String,
    title: String,
    lead: &'static str,
    token: String,
    email: String,
    /// What a password must have.
    hint: String,
    /// What else the account is protected by, so that its user finds what another person has added.
    app: Option<AppFacts>,
    passkeys: PasskeyChoices,
    errors: LinkErrors,
}

/// The passkeys of the account, which go with the old password unless they are kept.
#[derive(Default)]
struct PasskeyChoices {
    rows: Vec<PasskeyChoice>,
    /// What the page says if all of them stay.
    stay: Option<&'static str>,
}

struct PasskeyChoice {
    row: PasskeyRow,
    is_kept: bool,
}

#[derive(Template)]
#[template(path = "link_over.html")]
struct InvalidLinkPage {
    page: Page,
    title: &'static str,
    text: &'static str,
    /// Whether users can ask for another one.
    asks_again: bool,
}

#[derive(Default)]
struct LinkErrors {
    form: Option<String>,
    password: Option<String>,
    password_again: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct LinkQuery {
    #[serde(default)]
    token: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct LinkFields {
    token: String,
    password: String,
    password_again: String,
    /// The ids of the passkeys that the form has shown.
    passkeys: String,
    /// The boxes that are ticked, and what else was sent: `remove_` and the id of a passkey that is to be removed.
    #[serde(flatten)]
    ticked: HashMap<String, String>,
}

impl LinkFields {
    /// The passkeys that are to stay: the form has shown them, and their boxes are not ticked.
    fn kept(&self) -> HashSet<PasskeyId> {
        let shown = self.passkeys.split(' ').filter(|id| !self.ticked.contains_key(&format!("remove_{id}")));
        shown.filter_map(|id| id.parse().ok()).collect()
    }
}

/// `GET /reset?token=…`
pub(crate) async fn show_reset(
    session: RequestSession,
    words: Words,
    request: HttpRequest,
    query: Query<LinkQuery>,
) -> Result<HttpResponse, WebError> {
    show(LinkKind::Reset, &session, words, &request, &query.token).await
}

/// `POST /reset`
pub(crate) async fn submit_reset(
    session: RequestSession,
    words: Words,
    request: HttpRequest,
    SignInForm(fields): SignInForm<LinkFields>,
) -> Result<HttpResponse, WebError> {
    submit(LinkKind::Reset, &session, words, &request, fields).await
}

/// `GET /invite?token=…`
pub(crate) async fn show_invitation(
    session: RequestSession,
    words: Words,
    request: HttpRequest,
    query: Query<LinkQuery>,
) -> Result<HttpResponse, WebError> {
    show(LinkKind::Invitation, &session, words, &request, &query.token).await
}

/// `POST /invite`
pub(crate) async fn submit_invitation(
    session: RequestSession,
    words: Words,
    request: HttpRequest,
    SignInForm(fields): SignInForm<LinkFields>,
) -> Result<HttpResponse, WebError> {
    submit(LinkKind::Invitation, &session, words, &request, fields).await
}

async fn show(
    kind: LinkKind,
    session: &RequestSession,
    words: Words,
    request: &HttpRequest,
    token: &str,
) -> Result<HttpResponse, WebError> {
    match session.state().accounts.find_link(kind, token).await? {
        Ok(user) => {
            let form = Form::new(session, words, kind, token, user, &HashSet::new()).await?;
            page(session, words, request, form, StatusCode::OK, LinkErrors::default())
        }
        Err(problem) => invalid(session, words, request, kind, problem),
    }
}

/// Sets the password, ends all sessions of the user, and signs them in, or leads to the second step.
async fn submit(
    kind: LinkKind,
    session: &RequestSession,
    words: Words,
    request: &HttpRequest,
    fields: LinkFields,
) -> Result<HttpResponse, WebError> {
    // Who has the link does it, not the session that this browser may have: that can be another user's.
    let accounts = session.state().accounts.on_behalf_of(Source::user(session.ip_address()));
    let user = match accounts.find_link(kind, &fields.token).await? {
        Ok(user) => user,
        Err(problem) => return refused(session, words, request, kind, &fields, problem).await,
    };
    let kept = fields.kept();
    let form = Form::new(session, words, kind, &fields.token, user, &kept).await?;
    let password = Password::new(&fields.password);
    if !password.is_same_as(&Password::new(&fields.password_again)) {
        let errors = LinkErrors { password_again: Some(words.passwords_differ().to_owned()), ..LinkErrors::default() };
        return page(session, words, request, form, StatusCode::UNPROCESSABLE_ENTITY, errors);
    }
    match accounts.use_link(kind, &fields.token, password, &kept).await {
        Ok(user) => after_password(session, request, user, false, ""),
        Err(UseLinkError::Invalid(problem)) => refused(session, words, request, kind, &fields, problem).await,
        Err(UseLinkError::Password(CreateUserError::Password(problem))) => {
            let errors = LinkErrors { password: Some(password_problem(words, problem)), ..LinkErrors::default() };
            page(session, words, request, form, StatusCode::UNPROCESSABLE_ENTITY, errors)
        }
        Err(UseLinkError::Password(CreateUserError::Unchecked(_))) => {
            let error = FormError::unchecked_password(words.password_not_changed_unchecked());
            let status = FormStatus::from(&error);
            let errors = LinkErrors { form: Some(error.text), ..LinkErrors::default() };
            page(session, words, request, form, status, errors)
        }
        Err(UseLinkError::Password(CreateUserError::Failed(error))) => Err(error.into()),
        Err(UseLinkError::Password(error)) => Err(Error::internal(error).into()),
    }
}

/// Answers a form whose link is no longer good. If the same form has used it a moment ago, it was sent twice, and the browser
/// drops the first answer: the password that it has just set proves who sends it.
async fn refused(
    session: &RequestSession,
    words: Words,
    request: &HttpRequest,
    kind: LinkKind,
    fields: &LinkFields,
    problem: InvalidLink,
) -> Result<HttpResponse, WebError> {
    if problem == InvalidLink::Used
        && let Some(arrived) = session.sign_in_form_arrived()
    {
        let client = SignInClient {
            ip_address: session.client().ip_address,
            browsers: session.presented_browsers(request.headers()),
        };
        let (accounts, password) = (&session.state().accounts, Password::new(&fields.password));
        if let Some(user) = accounts.authenticate_after_link(kind, &fields.token, password, client, arrived).await? {
            return after_password(session, request, user, false, "");
        }
    }
    invalid(session, words, request, kind, problem)
}

/// What the form needs.
struct Form {
    kind: LinkKind,
    token: String,
    email: String,
    app: Option<AppFacts>,
    passkeys: PasskeyChoices,
    /// Whether the user has to set up a second factor.
    has_to_set_up: bool,
}

impl Form {
    async fn new(
        session: &RequestSession,
        words: Words,
        kind: LinkKind,
        token: &str,
        user: User,
        kept: &HashSet<PasskeyId>,
    ) -> Result<Self, WebError> {
        let (app, passkeys) = match kind {
            LinkKind::Reset => (
                AppFacts::of(session.state(), &user, words).await?,
                PasskeyChoices::of(session.state(), &user, words, kept).await?,
            ),
            LinkKind::Invitation => (None, PasskeyChoices::default()),
        };
        let has_to_set_up =
            app.is_none() && passkeys.rows.is_empty() && session.state().accounts.demands_second_factor(&user);
        Ok(Self { kind, token: token.to_owned(), email: user.email, app, passkeys, has_to_set_up })
    }
}

impl PasskeyChoices {
    async fn of(state: &AppState, user: &User, words: Words, kept: &HashSet<PasskeyId>) -> Result<Self, WebError> {
        let PasskeysAtReset { passkeys, stay } = state.accounts.passkeys_at_reset(user).await?;
        let rows = PasskeyRow::all(state, words, user.id, &passkeys).await?.into_iter();
        let rows = rows.zip(&passkeys).map(|(row, passkey)| PasskeyChoice { row, is_kept: kept.contains(&passkey.id) });
        Ok(Self { rows: rows.collect(), stay: stay.map(|reason| why_passkeys_stay(words, reason)) })
    }

    /// The ids of those that the form shows.
    fn ids(&self) -> String {
        self.rows.iter().map(|choice| choice.row.id.as_str()).collect::<Vec<_>>().join(" ")
    }
}

fn why_passkeys_stay(words: Words, reason: PasskeysStay) -> &'static str {
    match reason {
        PasskeysStay::SecondFactor => words.reset_passkeys_stay_hint(),
        PasskeysStay::NewAddress => words.reset_passkeys_stay_address(),
    }
}

/// The form, without the passwords.
fn page(
    session: &RequestSession,
    words: Words,
    request: &HttpRequest,
    form: Form,
    status: impl Into<FormStatus>,
    errors: LinkErrors,
) -> Result<HttpResponse, WebError> {
    let (csrf_token, cookie) = session.csrf_token(request.headers())?;
    let template = template(Page::of_visitor(&csrf_token, words), words, csrf_token, form, errors);
    sign_in_form(status.into().show(words, &template)?, cookie)
}

fn template(page: Page, words: Words, csrf_token: String, form: Form, errors: LinkErrors) -> AccountLinkPage {
    let Form { kind, token, email, app, passkeys, has_to_set_up } = form;
    let title = match kind {
        LinkKind::Reset => words.reset_title().to_owned(),
        LinkKind::Invitation => words.invitation_title(),
    };
    let lead = match kind {
        LinkKind::Reset if app.is_some() => words.reset_lead_second(),
        LinkKind::Reset if has_to_set_up => words.reset_lead_set_up(),
        LinkKind::Reset => words.reset_lead(),
        LinkKind::Invitation if has_to_set_up => words.invitation_lead_set_up(),
        LinkKind::Invitation => words.invitation_lead(),
    };
    let hint = words.password_hint(MIN_LENGTH);
    AccountLinkPage { page, csrf_token, title, lead, token, email, hint, app, passkeys, errors }
}

/// The page of a link that is not good. Its text is the same for each link that can't be told.
fn invalid(
    session: &RequestSession,
    words: Words,
    request: &HttpRequest,
    kind: LinkKind,
    problem: InvalidLink,
) -> Result<HttpResponse, WebError> {
    let (csrf_token, cookie) = session.csrf_token(request.headers())?;
    let asks_again = kind == LinkKind::Reset && session.state().accounts.sends_mails();
    let template = invalid_template(Page::of_visitor(&csrf_token, words), words, kind, problem, asks_again);
    sign_in_form(html(words, StatusCode::GONE, &template)?, cookie)
}

fn invalid_template(
    page: Page,
    words: Words,
    kind: LinkKind,
    problem: InvalidLink,
    asks_again: bool,
) -> InvalidLinkPage {
    let (title, text) = match (problem, kind) {
        (InvalidLink::Used, _) => (words.link_used(), words.link_used_text()),
        (InvalidLink::Expired, LinkKind::Reset) if asks_again => {
            (words.link_expired(), words.reset_link_expired_text())
        }
        (InvalidLink::Expired, LinkKind::Reset) => (words.link_expired(), words.reset_link_expired_ask()),
        (InvalidLink::Expired, LinkKind::Invitation) => (words.link_expired(), words.invitation_expired_text()),
    };
    InvalidLinkPage { page, title, text, asks_again }
}

impl LinkErrors {
    fn any(&self) -> bool {
        self.form.is_some() || self.any_field()
    }

    fn any_field(&self) -> bool {
        self.password.is_some() || self.password_again.is_some()
    }
}
