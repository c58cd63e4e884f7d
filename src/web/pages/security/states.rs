//! The states of the page that shows what protects an account.

use std::{collections::HashMap, time::Duration};

use super::{PendingEmail, SecondFactorOverview, SecurityPage, TimeText, pending_text};
use crate::{
    accounts::{FactorState, TrustedBrowser},
    sessions::SessionRecord,
    web::sample::{PageState, Sample},
};

pub(in crate::web) fn all(sample: &Sample) -> Vec<PageState> {
    let words = sample.words;
    let records: Vec<SessionRecord> = sample.sessions([1, 2, 11]);
    let by_id: HashMap<_, _> = records.iter().map(|record| (record.id, record.clone())).collect();
    let password_set = || Some(TimeText::ago(words, sample.minutes_ago(60 * 24 * 40), sample.now));
    let page = |password_set, overview: &SecondFactorOverview| {
        SecurityPage::new(sample.page(), password_set, (overview, 2), &by_id, sample.now)
    };
    let factor = |recovery_codes, is_readable| FactorState {
        added_at: sample.minutes_ago(60 * 24 * 12),
        added_in: Some(records[0].id),
        is_readable,
        recovery_codes,
    };
    let trusted = |record: &SessionRecord| TrustedBrowser {
        session: record.id,
        last_used_at: record.last_seen_at,
        trusted_until: sample.now + Duration::from_secs(29 * 24 * 60 * 60),
    };
    let overview = |factor, is_demanded, count| SecondFactorOverview {
        factor,
        is_demanded,
        trusted: records.iter().take(count).map(trusted).collect(),
    };
    let mut pending = page(password_set(), &overview(None, false, 0));
    let asked = PendingEmail { address: "rajat.verma@example.net".to_owned(), asked_at: sample.minutes_ago(5) };
    pending.pending_email = Some(pending_text(words, &asked, sample.now));
    vec![
        PageState::new("security-email", &pending),
        PageState::new("security", &page(password_set(), &overview(None, false, 0))),
        PageState::new("security-demanded", &page(password_set(), &overview(None, true, 0))),
        PageState::new("security-no-password", &page(None, &overview(None, false, 0))),
        PageState::new("security-app", &page(password_set(), &overview(Some(factor(10, true)), false, 0))),
        PageState::new("security-browsers", &page(password_set(), &overview(Some(factor(8, true)), true, 3))),
        PageState::new("security-few-codes", &page(password_set(), &overview(Some(factor(1, true)), false, 1))),
        PageState::new("security-no-codes", &page(password_set(), &overview(Some(factor(0, true)), false, 0))),
        PageState::new("security-unreadable", &page(password_set(), &overview(Some(factor(0, false)), false, 0))),
    ]
}
