//! The states of the pages that links about addresses lead to.

use super::{AddressLink, AddressLinkProblem, done, problem_page, registered, verify_page};
use crate::web::sample::{PageState, Sample};

pub(in crate::web) fn all(sample: &Sample) -> Vec<PageState> {
    let words = sample.words;
    let page = |link| verify_page(sample.visitor(), words, Sample::token(), &Sample::token(), link);
    let change = AddressLink::Change { current: sample.email(), new: "rajat.verma@example.net".to_owned() };
    let restore = AddressLink::Restore { former: sample.email() };
    let over = |problem| problem_page(sample.visitor(), words, problem);
    vec![
        PageState::new("verify", &page(change)),
        PageState::new("verify-done", &done(sample.visitor(), words)),
        PageState::new("verify-restore", &page(restore)),
        PageState::new("verify-used", &over(AddressLinkProblem::Used { just_now: false })),
        PageState::new("verify-registered", &registered(sample.visitor(), words)),
        PageState::new("verify-expired", &over(AddressLinkProblem::Expired)),
        PageState::new("verify-taken", &over(AddressLinkProblem::Taken)),
    ]
}
