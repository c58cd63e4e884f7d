//! The states of the pages about a session that another person has started.

use super::{
    AddressUse, DeviceCard, Follows, NotMePage, ReportedPage, SessionRecord, SessionSince, TimeText, ended, set_labels,
    steps, title_with_device,
};
use crate::{
    accounts::{EmailUndoing, Undoing},
    sessions::EndReason,
    web::{
        pages::event_list::samples,
        sample::{PageState, Sample},
    },
};

pub(in crate::web) fn all(sample: &Sample) -> Vec<PageState> {
    let used = |count| {
        let addresses = sample.addresses().into_iter().take(count);
        addresses.map(|used| AddressUse::new(&sample.places(), &used, sample.now)).collect()
    };
    let question = |record: &SessionRecord, undoing: Undoing| NotMePage {
        page: sample.page(),
        csrf_token: Sample::token(),
        id: record.id.to_string(),
        title: title_with_device(sample.words, record),
        is_current: record.id == sample.session(0).id,
        steps: steps(
            sample.words,
            &Follows {
                has_ended: record.logged_out_at.is_some(),
                forgets_browser: record.logged_out_at.is_none(),
                undoing,
            },
        ),
        prove_at: undoing.is_held_back.then(|| "/reauth".to_owned()),
        addresses: used(if record.logged_out_at.is_some() { 3 } else { 1 }),
    };
    let nothing = Undoing::default();
    let everything = Undoing {
        sessions: 3,
        removes_app: true,
        removes_recovery_codes: false,
        passkeys: 2,
        names: 1,
        passkey_names: 1,
        is_held_back: false,
        email: EmailUndoing::IsRestored { removes_password: true },
    };
    let some = Undoing {
        removes_recovery_codes: true,
        passkeys: 1,
        names: 2,
        email: EmailUndoing::IsTaken { removes_password: true },
        ..nothing
    };
    let held_back = Undoing { is_held_back: true, ..nothing };
    let since = [sample.session(0), sample.session(2), sample.ended(3, EndReason::SignedOut), sample.session(4)];
    vec![
        PageState::new("not-me", &question(&sample.session(1), nothing)),
        PageState::new("not-me-ended", &question(&sample.ended(1, EndReason::SignedOut), nothing)),
        PageState::new("not-me-current", &question(&sample.session(0), nothing)),
        PageState::new("not-me-undoes", &question(&sample.session(1), everything)),
        PageState::new("not-me-undoes-some", &question(&sample.ended(1, EndReason::SignedOut), some)),
        PageState::new("not-me-held-back", &question(&sample.session(1), held_back)),
        PageState::new("reported-passkey", &ReportedPage { is_by_passkey: true, ..reported(sample, &[], false) }),
        PageState::new("reported", &reported(sample, &since, false)),
        PageState::new("reported-alone", &reported(sample, &[], false)),
        PageState::new("reported-many", &reported(sample, &sample.sessions(0..20), true)),
    ]
}

fn reported(sample: &Sample, since: &[SessionRecord], has_more: bool) -> ReportedPage {
    let words = sample.words;
    let reported_at = sample.minutes_ago(1);
    // Older than all those that the same password has let in since.
    let record = SessionRecord {
        logged_out_at: Some(reported_at),
        end_reason: Some(EndReason::Revoked.as_str().to_owned()),
        created_at: sample.minutes_ago(29 * 24 * 60),
        ..if has_more { sample.moved() } else { sample.session(17) }
    };
    let since = since.iter().map(|other| SessionSince {
        card: DeviceCard::new(&sample.places(), other, sample.now),
        is_current: other.id == sample.session(0).id,
        ended: ended(words, other, sample.now),
    });
    let mut since: Vec<_> = since.collect();
    set_labels(words, since.iter_mut().map(|since| &mut since.card));
    let addresses = if has_more { sample.addresses() } else { Vec::new() };
    ReportedPage {
        is_by_passkey: false,
        page: sample.page_with_places(),
        csrf_token: Sample::token(),
        title: title_with_device(words, &record),
        reported: TimeText::ago(words, reported_at, sample.now),
        since,
        has_more,
        addresses: addresses.iter().map(|used| AddressUse::new(&sample.places(), used, sample.now)).collect(),
        events: samples::of_reported(sample, &record),
    }
}
