//! The states of the activity.

use super::ActivityPage;
use crate::web::{
    pages::event_list::samples,
    sample::{PageState, Sample},
};

pub(in crate::web) fn all(sample: &Sample) -> Vec<PageState> {
    let show = |name, events| PageState::new(name, &ActivityPage { page: sample.page_with_places(), events });
    vec![
        show("activity", samples::of_account(sample)),
        show("activity-every-kind", samples::every(sample, &sample.session(2))),
        show("activity-empty", samples::none(sample, true)),
        show("activity-past-the-end", samples::none(sample, false)),
    ]
}
