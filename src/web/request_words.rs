//! The words of the page that answers a request.
//!
//! They are an argument of the handlers of pages, so that no other request pays for the choice of a language.

use std::future::{Ready, ready};

use actix_web::{
    Error as ActixError, FromRequest, HttpRequest,
    dev::Payload,
    http::header::{CONTENT_LANGUAGE, HeaderMap, HeaderValue, VARY},
    web::Data,
};

use super::app_state::AppState;
use crate::words::{Language, Words};

/// The words of the page that answers a request.
pub(super) fn words_for(request: &HttpRequest) -> Words {
    let state = request.app_data::<Data<AppState>>();
    state.map_or(Words::new(Language::En), |state| state.languages.words(request.headers()))
}

/// Says in which language a page is, and what that depends on.
pub(super) fn set_language(headers: &mut HeaderMap, words: Words) {
    headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(words.language().code()));
    headers.append(VARY, HeaderValue::from_static("accept-language, cookie"));
}

impl FromRequest for Words {
    type Error = ActixError;
    type Future = Ready<Result<Self, ActixError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(words_for(request)))
    }
}
