//! Fills in the bodies of error responses.

use actix_web::{
    Error as ActixError, HttpMessage, HttpRequest, HttpResponse,
    body::BoxBody,
    http::header::{CONTENT_TYPE, HeaderValue},
};

use super::{
    api_message::api_message,
    location::is_api,
    message::{message_for, message_for_refusal},
    page::page,
    problem::{ProblemKind, problem},
    web_error::WebError,
};
use crate::web::{
    page::ErrorPageContext,
    request_words::{set_language, words_for},
};

/// Fills in the body of an error response by the request's path: as HTML in the language of its user, or as JSON for the
/// author of a program, in English.
pub(in crate::web) fn render<B>(request: &HttpRequest, bare: HttpResponse<B>) -> HttpResponse {
    let status = bare.status();
    let context = request.extensions().get::<ErrorPageContext>().cloned();
    let words = (!is_api(request)).then(|| words_for(request));
    let error = bare.error().and_then(ActixError::as_error::<WebError>);
    let (content_type, body) = if let Some(words) = words {
        let message = match error {
            Some(WebError::FormRefused(refusal)) => message_for_refusal(words, request, *refusal, context.as_ref()),
            error => message_for(words, request, status, error),
        };
        ("text/html; charset=utf-8", page(words, request, context.as_ref(), status, message))
    } else {
        ("application/problem+json", problem(status, ProblemKind::of(error), &api_message(status, error)))
    };
    bare.map_body(|head, _| {
        if let Some(words) = words {
            set_language(head.headers_mut(), words);
        }
        head.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        BoxBody::new(body)
    })
}
