//! Fills in the bodies of error responses.

use actix_web::{
    Error as ActixError, HttpMessage, HttpRequest, HttpResponse,
    body::BoxBody,
    http::header::{CONTENT_TYPE, HeaderValue},
};

use super::{
    location::is_api,
    message::{message_for, message_for_api_refusal, message_for_refusal},
    page::page,
    problem::{ProblemKind, problem},
    web_error::WebError,
};
use crate::{
    web::{
        page::ErrorPageContext,
        request_words::{set_language, words_for},
    },
    words::{Language, Words},
};

/// Fills in the body of an error response by the request's path: as HTML in the language of its user, or as JSON for the
/// author of a program, in English.
pub(in crate::web) fn render<B>(request: &HttpRequest, bare: HttpResponse<B>) -> HttpResponse {
    let status = bare.status();
    let context = request.extensions().get::<ErrorPageContext>().cloned();
    let words = if is_api(request) { Words::new(Language::En) } else { words_for(request) };
    let message = match bare.error().and_then(ActixError::as_error) {
        Some(WebError::FormRefused(refusal)) if is_api(request) => message_for_api_refusal(*refusal),
        Some(WebError::FormRefused(refusal)) => message_for_refusal(words, request, *refusal, context.as_ref()),
        error => message_for(words, request, status, error),
    };
    let (content_type, body) = if is_api(request) {
        let kind = ProblemKind::of(bare.error().and_then(ActixError::as_error));
        ("application/problem+json", problem(status, kind, &message))
    } else {
        ("text/html; charset=utf-8", page(words, request, context.as_ref(), status, message))
    };
    bare.map_body(|head, _| {
        if !is_api(request) {
            set_language(head.headers_mut(), words);
        }
        head.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        BoxBody::new(body)
    })
}
