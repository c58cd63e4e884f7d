//! What error pages say: what happened, and what to do.

use std::borrow::Cow;

use actix_web::{HttpRequest, http::StatusCode};

use super::{location::sign_in_page, web_error::WebError};
use crate::{
    error::Error,
    web::{csrf::FormRefusal, page::ErrorPageContext, received_form::page_of_form},
    words::Words,
};

/// What a response says.
pub(super) struct ErrorMessage {
    pub title: &'static str,
    pub message: Cow<'static, str>,
    pub link: Option<Link>,
}

/// Where the page leads.
pub(super) struct Link {
    pub href: Cow<'static, str>,
    pub text: &'static str,
}

impl Link {
    fn devices(words: Words) -> Self {
        Self { href: "/account/sessions".into(), text: words.your_devices() }
    }

    fn password(words: Words) -> Self {
        Self { href: "/account/password".into(), text: words.change_password() }
    }

    fn sign_in(words: Words, request: &HttpRequest) -> Self {
        Self { href: sign_in_page(request).into(), text: words.sign_in() }
    }

    /// The page that shows the form which the request has sent.
    fn open_again(words: Words, request: &HttpRequest) -> Self {
        let again = page_of_form(request).map(|page| Self { href: page.into(), text: words.open_page_again() });
        again.unwrap_or_else(|| Self::devices(words))
    }
}

/// A message without a link.
fn message(title: &'static str, message: impl Into<Cow<'static, str>>) -> ErrorMessage {
    ErrorMessage { title, message: message.into(), link: None }
}

impl ErrorMessage {
    fn with(mut self, link: Link) -> Self {
        self.link = Some(link);
        self
    }
}

/// What a response says about a request.
pub(super) fn message_for(
    words: Words,
    request: &HttpRequest,
    status: StatusCode,
    error: Option<&WebError>,
) -> ErrorMessage {
    let message = message_for_status(words, status, error);
    if status == StatusCode::UNAUTHORIZED { message.with(Link::sign_in(words, request)) } else { message }
}

fn message_for_status(words: Words, status: StatusCode, error: Option<&WebError>) -> ErrorMessage {
    let (message, link) = match status {
        StatusCode::FORBIDDEN if matches!(error, Some(WebError::ProofRequired { .. })) => {
            (message(words.confirm_its_you(), words.error_proof_required()), Some(Link::devices(words)))
        }
        StatusCode::FORBIDDEN if matches!(error, Some(WebError::PasswordChangeRequired)) => {
            (message(words.error_password_change(), words.error_password_change_text()), Some(Link::password(words)))
        }
        StatusCode::BAD_REQUEST if matches!(error, Some(WebError::NotUtf8)) => {
            (message(words.error_not_utf8(), words.error_not_utf8_text()), Some(Link::devices(words)))
        }
        StatusCode::UNAUTHORIZED => (message(words.error_not_signed_in(), words.error_not_signed_in_text()), None),
        StatusCode::NOT_FOUND if matches!(error, Some(WebError::NoSuchSession)) => {
            (message(words.error_no_such_session(), words.error_no_such_session_text()), Some(Link::devices(words)))
        }
        StatusCode::NOT_FOUND => {
            (message(words.error_not_found(), words.error_not_found_text()), Some(Link::devices(words)))
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            (message(words.error_wrong_method(), words.error_wrong_method_text()), Some(Link::devices(words)))
        }
        StatusCode::REQUEST_TIMEOUT => (message(words.error_timeout(), words.error_timeout_text()), None),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            (message(words.error_headers_too_large(), words.error_headers_too_large_text()), None)
        }
        StatusCode::PAYLOAD_TOO_LARGE => (message(words.error_too_large(), words.error_too_large_text()), None),
        StatusCode::SERVICE_UNAVAILABLE if matches!(error, Some(WebError::Failed(Error::Busy { .. }))) => {
            (message(words.error_busy(), words.error_busy_text()), Some(Link::devices(words)))
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            (message(words.error_unavailable(), words.error_unavailable_text()), Some(Link::devices(words)))
        }
        StatusCode::INTERNAL_SERVER_ERROR if matches!(error, Some(WebError::Failed(Error::Incomplete(_)))) => {
            (message(words.error_incomplete(), words.error_incomplete_text()), Some(Link::devices(words)))
        }
        status if status.is_client_error() => {
            (message(words.error_malformed(), words.error_malformed_text()), Some(Link::devices(words)))
        }
        _ => (message(words.error_internal(), words.error_internal_text()), None),
    };
    ErrorMessage { link, ..message }
}

/// Says what to do about a refused form. Where the cookie is the problem, the sign-in page at the public URL is the
/// place where it works.
pub(super) fn message_for_refusal(
    words: Words,
    request: &HttpRequest,
    refusal: FormRefusal,
    context: Option<&ErrorPageContext>,
) -> ErrorMessage {
    let url = context.map(|context| context.0.public_url()).unwrap_or_default();
    let message = match refusal {
        FormRefusal::WrongToken | FormRefusal::ForeignOrigin => {
            return message(words.form_outdated(), words.form_outdated_text()).with(Link::devices(words));
        }
        FormRefusal::FormerSid => {
            let message = message(words.form_outdated(), words.form_former_session_text());
            return message.with(Link::open_again(words, request));
        }
        FormRefusal::NoCookie => message(words.form_no_cookie(), words.form_no_cookie_text(&url)),
        FormRefusal::NotOverHttps => message(words.form_not_https(), words.form_not_https_text(&url)),
        FormRefusal::UnknownCookie => message(words.form_unknown_cookie(), words.form_unknown_cookie_text(&url)),
        FormRefusal::TwoCookies => message(words.form_two_cookies(), words.form_two_cookies_text(&url)),
    };
    message.with(Link { href: format!("{url}/login").into(), text: words.sign_in() })
}
