//! The states of the pages about a session that another person has started.

use super::{
    AddressUse, DeviceCard, NotMePage, ReportedPage, SessionRecord, SessionSince, TimeText, ended, set_labels,
    title_with_device,
};
use crate::{
    sessions::EndReason,
    web::{
        pages::event_list::samples,
        sample::{PageState, Sample},
    },
};

pub(in crate::web) fn all(sample: &Sample) -> Vec<PageState> {
    let question = |is_current, has_ended| NotMePage {
        page: sample.page(),
        csrf_token: Sample::token(),
        id: sample.session(1).id.to_string(),
        title: title_with_device(sample.words, &sample.session(1)),
        is_current,
        has_ended,
        forgets_browser: !has_ended,
    };
    let since = [sample.session(0), sample.session(2), sample.ended(3, EndReason::SignedOut), sample.session(4)];
    vec![
        PageState::new("not-me", &question(false, false)),
        PageState::new("not-me-ended", &question(false, true)),
        PageState::new("not-me-current", &question(true, false)),
        PageState::new("reported", &reported(sample, &since, false)),
        PageState::new("reported-alone", &reported(sample, &[], false)),
        PageState::new("reported-many", &reported(sample, &sample.sessions(0..20), true)),
    ]
}

fn reported(sample: &Sample, since: &[SessionRecord], has_more: bool) -> ReportedPage {
    let (words, record) = (sample.words, sample.ended(1, EndReason::Revoked));
    let since = since.iter().map(|other| SessionSince {
        card: DeviceCard::new(&sample.places(), other, sample.now),
        is_current: other.id == sample.session(0).id,
        ended: ended(words, other, sample.now),
    });
    let mut since: Vec<_> = since.collect();
    set_labels(words, since.iter_mut().map(|since| &mut since.card));
    let addresses = if has_more { sample.addresses() } else { Vec::new() };
    ReportedPage {
        page: sample.page(),
        csrf_token: Sample::token(),
        title: title_with_device(words, &record),
        reported: TimeText::ago(words, sample.minutes_ago(1), sample.now),
        since,
        has_more,
        addresses: addresses.iter().map(|used| AddressUse::new(&sample.places(), used, sample.now)).collect(),
        events: samples::few(sample, &record),
    }
}
