//! Sample data, and the states of pages that are shown with it: see `page_states.rs`.

use std::{rc::Rc, time::Duration};

use askama::Template;

use super::{
    page::{ErrorPageContext, ErrorPageSource, FlashMessage, Page, Viewer},
    places::Places,
};
use crate::{
    clock::Timestamp,
    sessions::{EndReason, SessionId, SessionRecord, UsedAddress, UserId, WayIn},
    words::Words,
};

/// The time on all pages: 2026-01-28T11:50:14Z. It does not move, so that pages can be compared.
const NOW: Timestamp = Timestamp::from_micros(1_769_601_014_000_000);

/// Where a form's token would be. Forms of these pages are not sent.
const TOKEN: &str = "sample";

/// User agents and addresses of devices, one of each kind, and some that are hard to lay out.
const DEVICES: [(&str, &str); 12] = [
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
        "192.0.2.17",
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
        "203.0.113.24",
    ),
    (
        "Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.6 Mobile/15E148 Safari/604.1",
        "2001:db8:85a3:1319:8a2e:370:7334:9c41",
    ),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "198.51.100.7"),
    (
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
        "203.0.113.77",
    ),
    (
        "Mozilla/5.0 (SMART-TV; Linux; Tizen 7.0) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/5.0 Chrome/85.0.4183.93 TV Safari/537.36",
        "203.0.113.78",
    ),
    (
        "Mozilla/5.0 (PlayStation 5/3.11) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/15.4 Safari/605.1.15",
        "203.0.113.79",
    ),
    ("curl/8.5.0", "198.51.100.201"),
    ("Googlebot/2.1 (+http://www.google.com/bot.html)", "192.0.2.80"),
    ("a-program-whose-name-does-not-end/123456.7", "192.0.2.81"),
    ("WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW", ""),
    ("", ""),
];

/// A page in one of its states.
pub(crate) struct PageState {
    /// Such as `sign-in-throttled`.
    pub name: &'static str,
    /// The type of its template.
    pub template: &'static str,
    /// The page, or the error of its template.
    pub html: askama::Result<String>,
    /// The event that the page's script is told, as a name and its detail in JSON.
    pub event: Option<(&'static str, &'static str)>,
}

impl PageState {
    pub fn new<T: Template>(name: &'static str, template: &T) -> Self {
        Self { name, template: std::any::type_name::<T>(), html: template.render(), event: None }
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
}

impl Sample {
    pub fn new(words: Words) -> Self {
        Self { words, now: NOW, is_long: false }
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
        Places::unknown(self.words)
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

    /// The same after a change.
    pub fn page_after(&self, text: impl Into<String>, is_success: bool) -> Page {
        Page { flash: Some(FlashMessage { text: text.into(), is_success }), ..self.page() }
    }

    pub fn token() -> String {
        TOKEN.to_owned()
    }

    pub fn minutes_ago(&self, minutes: u64) -> Timestamp {
        self.now - Duration::from_secs(minutes * 60)
    }

    /// An active session; that of the viewer has the number 0.
    pub fn session(&self, number: u16) -> SessionRecord {
        let number_of_device = usize::from(number);
        let (user_agent, address) = DEVICES[number_of_device % DEVICES.len()];
        let optional = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let minutes = u64::from(number) * 97;
        SessionRecord {
            id: session_id(number),
            user_id: UserId::random(),
            email: self.email(),
            ip_address: optional(address),
            last_ip_address: (number == 4).then(|| "192.0.2.200".to_owned()),
            user_agent: optional(user_agent),
            client_hints: None,
            created_at: self.minutes_ago(minutes * 8 + 5),
            last_seen_at: self.minutes_ago(minutes),
            expires_at: self.now + Duration::from_secs(3600 * (u64::from(number) + 14)),
            has_absolute_expiry: number != 3,
            remembered: number % 2 == 1,
            authorised_by: WayIn::Password.as_str().to_owned(),
            logged_out_at: None,
            end_reason: None,
            name: None,
            from_new_browser: number == 1,
            authenticated_at: None,
        }
    }

    /// A session that has ended.
    pub fn ended(&self, number: u16, reason: EndReason) -> SessionRecord {
        let minutes = u64::from(number) * 170;
        SessionRecord {
            logged_out_at: Some(self.minutes_ago(minutes + 2)),
            end_reason: Some(reason.as_str().to_owned()),
            created_at: self.minutes_ago(minutes * 2 + 500),
            last_seen_at: self.minutes_ago(minutes + 10),
            ..self.session(number)
        }
    }

    /// The addresses of a session that moved.
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

fn session_id(number: u16) -> SessionId {
    let text = format!("550e8400-e29b-41d4-a716-44665544{number:04}");
    text.parse().unwrap_or_else(|_| SessionId::random())
}
