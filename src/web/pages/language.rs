//! `POST /language`: keeps the language that a user chooses at the end of a page, and leads back to the page.

use actix_web::{HttpRequest, HttpResponse, http::header::REFERER, web::Data};
use serde::Deserialize;

use super::{HOME, see_other, with_cookie};
use crate::web::{AppState, Pages, csrf_form::CsrfForm, errors::WebError};

#[derive(Deserialize)]
pub(crate) struct LanguageFields {
    #[serde(default)]
    language: String,
}

pub(crate) async fn submit(
    request: HttpRequest,
    state: Data<AppState>,
    pages: Data<Pages>,
    CsrfForm(fields): CsrfForm<LanguageFields>,
) -> Result<HttpResponse, WebError> {
    let language = state.languages.find(&fields.language);
    let language = language.ok_or_else(|| WebError::Malformed("the language is not offered".to_owned()))?;
    let page = page_of_form(&request).and_then(|page| pages.accept(page)).unwrap_or(HOME);
    with_cookie(see_other(page), Some(state.languages.cookie(language)))
}

/// The path and the query of the page that has sent the form. Its origin is this one, which the form's token proves.
fn page_of_form(request: &HttpRequest) -> Option<&str> {
    let referer = request.headers().get(REFERER)?.to_str().ok()?;
    let (_, rest) = referer.split_once("://")?;
    rest.find('/').map(|start| &rest[start..])
}
