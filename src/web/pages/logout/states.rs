//! The state of the page that asks for a press of the button.

use super::LogoutPage;
use crate::web::sample::{PageState, Sample};

pub(in crate::web) fn all(sample: &Sample) -> Vec<PageState> {
    let page = LogoutPage { page: sample.page(), csrf_token: Sample::token(), user: sample.user_name() };
    vec![PageState::new("sign-out", &page)]
}
