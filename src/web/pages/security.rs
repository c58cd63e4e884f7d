//! `GET /account/security`: what protects the account, and where no code is asked for.

pub(in crate::web) mod states;

use std::{collections::HashMap, iter};

use actix_web::{HttpRequest, HttpResponse, http::StatusCode};
use askama::Template;

use super::{html, sessions::notice_text, with_cookie};
use crate::{
    accounts::{FactorState, PendingEmail, SecondFactorOverview},
    clock::Timestamp,
    sessions::{SessionId, SessionRecord, User},
    text::printable,
    web::{
        AppState, SignedIn,
        errors::WebError,
        flash::Notice,
        labels::title_with_device,
        page::{FlashMessage, Page},
        time_text::TimeText,
    },
    words::Words,
};

#[derive(Template)]
#[template(path = "security.html")]
struct SecurityPage {
    page: Page,
    csrf_token: String,
    email: String,
    /// The address that was asked for and not proved yet: "A change to …"
    pending_email: Option<String>,
    /// When the password was set; `None` if the user has none that Keyrack can check.
    password_set: Option<TimeText>,
    app: Option<AppFacts>,
    is_demanded: bool,
    trusted: Vec<TrustedRow>,
    /// "You have 2 passkeys."
    passkeys: String,
}

/// The authenticator app.
pub(super) struct AppFacts {
    /// "Set up 5 days ago on Firefox 140 on Linux"
    pub added: String,
    is_readable: bool,
    /// "8 codes are left"
    pub codes_left: String,
    is_low: bool,
}

/// A browser that needs no code.
struct TrustedRow {
    session: String,
    device: String,
    /// "Needs a code again in 30 days"
    until: String,
}

/// With no more codes than this, the page advises to make new ones.
const FEW_CODES: usize = 3;

pub(crate) async fn show(session: SignedIn, words: Words, request: HttpRequest) -> Result<HttpResponse, WebError> {
    let state = session.state();
    let now = state.clock.now();
    let overview = state.accounts.second_factor_overview(&session.user).await?;
    let password = state.accounts.password_state(session.user.id).await?;
    let password_set = password.filter(|password| password.is_checkable);
    let ids = overview.trusted.iter().map(|browser| browser.session);
    let ids = ids.chain(overview.factor.iter().filter_map(|factor| factor.added_in)).collect();
    let records = state.sessions.find_all_own(session.user.id, ids).await?;
    let records: HashMap<SessionId, SessionRecord> = records.into_iter().map(|record| (record.id, record)).collect();
    let mut page = Page::of(&session, &session.csrf_token()?, words);
    let notice = state.flash.read(session.id, request.headers());
    let is_shown_here = |notice: &Notice| {
        matches!(
            notice,
            Notice::SecondFactorRemoved
                | Notice::CodesAskedAgain
                | Notice::RemovalTooSoon
                | Notice::EmailChangeCancelled
        )
    };
    let notice = notice.filter(is_shown_here);
    if let Some(notice) = notice {
        let text = notice_text(&session, words, notice, iter::empty(), now).await?;
        let is_success = notice != Notice::RemovalTooSoon;
        page.flash = text.map(|text| FlashMessage { text, is_success });
    }
    let password_set = password_set.map(|password| TimeText::ago(words, password.changed_at, now));
    let passkeys = state.accounts.passkeys_of(session.user.id).await?.len();
    let pending = state.accounts.pending_email(session.user.id).await?;
    let mut template = SecurityPage::new(page, password_set, (&overview, passkeys), &records, now);
    template.pending_email = pending.map(|pending| pending_text(words, &pending, now));
    with_cookie(html(words, StatusCode::OK, &template)?, notice.map(|_| state.flash.removal()))
}

impl SecurityPage {
    fn new(
        page: Page,
        password_set: Option<TimeText>,
        (overview, passkeys): (&SecondFactorOverview, usize),
        records: &HashMap<SessionId, SessionRecord>,
        now: Timestamp,
    ) -> Self {
        let words = page.words;
        let device = |session: SessionId| records.get(&session).map(|record| title_with_device(words, record));
        let trusted = overview.trusted.iter().map(|browser| TrustedRow {
            session: browser.session.to_string(),
            device: device(browser.session).unwrap_or_else(|| words.unknown_device().to_owned()),
            until: words.security_browser_until(TimeText::ahead(words, browser.trusted_until, now).text),
        });
        Self {
            csrf_token: page.csrf_token.clone(),
            email: page.viewer.as_ref().map(|viewer| viewer.email.clone()).unwrap_or_default(),
            pending_email: None,
            password_set,
            app: overview.factor.as_ref().map(|factor| AppFacts::new(words, factor, device, now)),
            is_demanded: overview.is_demanded,
            trusted: trusted.collect(),
            passkeys: words.security_passkeys_count(passkeys),
            page,
        }
    }
}

/// "A change to … was asked for …"
pub(super) fn pending_text(words: Words, pending: &PendingEmail, now: Timestamp) -> String {
    let ago = TimeText::ago(words, pending.asked_at, now).text;
    words.security_email_pending(printable(&pending.address), ago)
}

impl AppFacts {
    /// The app of a user who sets a new password by a link; `None` if the user has none.
    pub(super) async fn of(state: &AppState, user: &User, words: Words) -> Result<Option<Self>, WebError> {
        let overview = state.accounts.second_factor_overview(user).await?;
        let Some(factor) = overview.factor else { return Ok(None) };
        let records = state.sessions.find_all_own(user.id, factor.added_in.into_iter().collect()).await?;
        let device = |_| records.first().map(|record| title_with_device(words, record));
        Ok(Some(Self::new(words, &factor, device, state.clock.now())))
    }

    pub(super) fn new(
        words: Words,
        factor: &FactorState,
        device: impl Fn(SessionId) -> Option<String>,
        now: Timestamp,
    ) -> Self {
        let ago = TimeText::ago(words, factor.added_at, now).text;
        let added = match factor.added_in.and_then(device) {
            Some(device) => words.security_app_since_on(ago, device),
            None => words.security_app_since(ago),
        };
        Self {
            added,
            is_readable: factor.is_readable,
            codes_left: words.security_codes_left(factor.recovery_codes),
            is_low: factor.recovery_codes <= FEW_CODES,
        }
    }
}
