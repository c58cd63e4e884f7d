//! The states of the history.

use super::{EndedCard, FIRST_PAGE, HistoryPage, Pagination};
use crate::sessions::EndReason;
use crate::web::sample::{PageState, Sample};

pub(in crate::web) fn all(sample: &Sample) -> Vec<PageState> {
    let words = sample.words;
    let page = |count: u16, is_first: bool, is_last: bool| {
        let reasons = EndReason::ALL.iter().cycle();
        let records = (1..=count).zip(reasons).map(|(number, reason)| sample.ended(number, *reason));
        HistoryPage {
            page: sample.page_with_places(),
            rows: records.map(|record| EndedCard::new(&sample.places(), &record, sample.now)).collect(),
            pagination: Pagination::newest_first(
                words,
                words.history_pages(),
                (!is_first).then(|| FIRST_PAGE.to_owned()),
                (!is_last).then(|| FIRST_PAGE.to_owned()),
            ),
        }
    };
    vec![
        PageState::new("history", &page(11, true, true)),
        PageState::new("history-empty", &page(0, true, true)),
        PageState::new("history-many", &page(50, true, false)),
        PageState::new("history-last", &page(3, false, true)),
        PageState::new("history-past-the-end", &page(0, false, true)),
    ]
}
