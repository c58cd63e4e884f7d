//! Sample data, and the states of pages that are shown with it: see `page_states.rs`.

mod devices;
mod places;

use std::{rc::Rc, time::Duration};

use askama::Template;

use self::{
    devices::{DEVICE_COUNT, DEVICES},
    places::places,
};
use super::{
    page::{ErrorPageContext, ErrorPageSource, FlashMessage, Page, Viewer},
    places::Places,
};
use crate::{
    clock::Timestamp,
    sessions::{Binding, EndReason, SessionId, SessionRecord, UsedAddress, UserId, WayIn},
    words::Words,
};

/// The time on all pages: 2026-01-28T11:50:14Z. It does not move, so that pages can be compared.
const NOW: Timestamp = Timestamp::from_micros(1_769_601_014_000_000);

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Where a form's token would be. Forms of these pages are not sent.
const TOKEN: &str = "sample";

/// A page in one of its states.
pub(crate) struct PageState {
    /// Such as `sign-in-throttled`.
    pub name: &'static str,
    /// The type of its template.
    pub template: &'static str,
    /// The page, or the error of its template as a text.
    pub html: Result<String, String>,
    /// The event that the page's script is told, as a name and its detail in JSON.
    pub event: Option<(&'static str, String)>,
}

impl PageState {
    pub fn new<T: Template>(name: &'static str, template: &T) -> Self {
        Self {
            name,
            template: std::any::type_name::<T>(),
            html: template.render().map_err(|error| error.to_string()),
            event: None,
        }
    }

    /// The name of the type of its template, without its path.
    pub fn template_name(&self) -> &'static str {
        self.template.rsplit("::").next().unwrap_or(self.template)
    }
}

/// Makes sample data in one language.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    pub words: Words,
    pub now: Timestamp,
    /// Whether texts of users are as long as they may be.
    pub is_long: bool,
    /// Whether the operator has files of places.
    pub has_places: bool,
}

impl Sample {
    pub fn new(words: Words) -> Self {
        Self { words, now: NOW, is_long: false, has_places: true }
    }

    pub fn email(&self) -> String {
        let long = || format!("{}verma@{}example.com", "rajat.".repeat(9), "department-of-long-names.".repeat(5));
        if self.is_long { long() } else { "rajat.verma@example.com".to_owned() }
    }

    pub fn user_name(&self) -> String {
        let long = || format!("{} {}", "Wolfeschlegelsteinhausen".repeat(2), "W".repeat(64));
        if self.is_long { long() } else { "Rajat Verma".to_owned() }
    }

    pub fn places(&self) -> Places {
        if self.has_places { Places::sample(self.words, places(self.is_long)) } else { Places::unknown(self.words) }
    }

    /// The frame of a visitor's page.
    pub fn visitor(&self) -> Page {
        Page::of_visitor(TOKEN, self.words)
    }

    /// The frame of a signed-in user's page.
    pub fn page(&self) -> Page {
        let viewer = Viewer {
            session: session_id(0).to_string(),
            is_followed: true,
            name: self.user_name(),
            email: self.email(),
            csrf_token: TOKEN.to_owned(),
        };
        Page { viewer: Some(viewer), ..self.visitor() }
    }

    /// The frame of a signed-in user's page with places.
    pub fn page_with_places(&self) -> Page {
        self.page().with_places(&self.places())
    }

    /// The frame of an error page for a request that is not signed in.
    pub fn anonymous(&self) -> Page {
        Page::anonymous(self.words)
    }

    /// The frame of a page after a change.
    pub fn page_after(&self, text: impl Into<String>, is_success: bool) -> Page {
        Page { flash: Some(FlashMessage { text: text.into(), is_success }), ..self.page() }
    }

    pub fn token() -> String {
        TOKEN.to_owned()
    }

    pub fn minutes_ago(&self, minutes: u64) -> Timestamp {
        self.now - Duration::from_secs(minutes * 60)
    }

    /// An active session; that of the viewer has the number 0. A higher one was active longer ago.
    pub fn session(&self, number: u16) -> SessionRecord {
        let (user_agent, address) = DEVICES[usize::from(number % DEVICE_COUNT)];
        let optional = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let is_of_application = number == 3;
        let remembered = !is_of_application && (number % 2 == 1 || number > 12);
        let idle = u64::from(number) * 97;
        // One that is not remembered was started less than a day ago.
        let age = if remembered { idle * 4 + 5 } else { idle + u64::from(number) * 20 + 5 };
        let (created_at, last_seen_at) = (self.minutes_ago(age), self.minutes_ago(idle));
        let way_in = if is_of_application { WayIn::Peer } else { WayIn::Password(None) };
        SessionRecord {
            id: session_id(number),
            user_id: UserId::random(),
            email: self.email(),
            ip_address: optional(address),
            last_ip_address: (number == 4).then(|| "192.0.2.200".to_owned()),
            user_agent: optional(user_agent),
            client_hints: None,
            created_at,
            last_seen_at,
            expires_at: if is_of_application { last_seen_at + DAY } else { created_at + lifetime(remembered) },
            has_absolute_expiry: !is_of_application,
            remembered,
            authorised_by: way_in.as_str().to_owned(),
            logged_out_at: None,
            end_reason: None,
            name: None,
            from_new_browser: number == 1,
            authenticated_at: None,
            binding: if number == 0 { Binding::From(created_at) } else { Binding::Unbound },
        }
    }

    /// A session that has ended. A higher number ended longer ago.
    pub fn ended(&self, number: u16, reason: EndReason) -> SessionRecord {
        let ended_at = self.minutes_ago(u64::from(number) * 170 + 2);
        let (age, idle) = match reason {
            EndReason::IdleTimeout => (15 * DAY, 14 * DAY),
            EndReason::AbsoluteTimeout => (DAY, DAY / 12),
            _ => (DAY / 3, DAY / 180),
        };
        let remembered = reason == EndReason::IdleTimeout;
        SessionRecord {
            logged_out_at: Some(ended_at),
            end_reason: Some(reason.as_str().to_owned()),
            created_at: ended_at - age,
            last_seen_at: ended_at - idle,
            expires_at: ended_at - age + lifetime(remembered),
            remembered,
            has_absolute_expiry: true,
            authorised_by: WayIn::Password(None).as_str().to_owned(),
            ..self.session(number)
        }
    }

    /// A session that was used from all of [`Self::addresses`].
    pub fn moved(&self) -> SessionRecord {
        let created_at = self.minutes_ago(3100);
        SessionRecord {
            created_at,
            last_seen_at: self.minutes_ago(3),
            expires_at: created_at + lifetime(true),
            remembered: true,
            ..self.session(4)
        }
    }

    /// The addresses that [`Self::moved`] was used from.
    pub fn addresses(&self) -> Vec<UsedAddress> {
        let used = |address: &str, first, last| UsedAddress {
            ip_address: address.to_owned(),
            first_seen_at: self.minutes_ago(first),
            last_seen_at: self.minutes_ago(last),
        };
        vec![
            used("192.0.2.200", 90, 3),
            used("2001:db8:85a3:1319:8a2e:370:7334:9c41", 1500, 95),
            used("203.0.113.77", 3100, 1510),
        ]
    }

    /// Sessions of the same kind of device as that with the number 1.
    pub fn twins(&self) -> [SessionRecord; 3] {
        [0, 1, 2].map(|turn| self.session(1 + turn * DEVICE_COUNT))
    }

    /// Sessions with these numbers.
    pub fn sessions(&self, numbers: impl IntoIterator<Item = u16>) -> Vec<SessionRecord> {
        numbers.into_iter().map(|number| self.session(number)).collect()
    }

    /// What error pages know of the request.
    pub fn context(&self) -> ErrorPageContext {
        ErrorPageContext(Rc::new(*self))
    }
}

impl ErrorPageSource for Sample {
    fn page(&self, _: Words) -> Option<Page> {
        Some(Self::page(self))
    }

    fn public_url(&self) -> String {
        "https://keys.example.com".to_owned()
    }
}

/// How long a session is good for at most, by default.
fn lifetime(remembered: bool) -> Duration {
    if remembered { 30 * DAY } else { DAY }
}

fn session_id(number: u16) -> SessionId {
    let text = format!("550e8400-e29b-41d4-a716-44665544{number:04}");
    text.parse().unwrap_or_else(|_| SessionId::random())
}
