//! The states of the page that tells how far the end of all other sessions is.

use super::{RevokeProgressPage, Sessions};
use crate::web::sample::{PageState, Sample};

pub(in crate::web) fn all(sample: &Sample) -> Vec<PageState> {
    let words = sample.words;
    let page = |left| RevokeProgressPage { page: sample.page(), csrf_token: Sample::token(), left };
    vec![
        PageState::new("signing-out", &page(words.devices_left(412))),
        PageState::new("signing-out-many", &page(words.devices_or_more_left(Sessions::MAX_COUNTED))),
    ]
}
