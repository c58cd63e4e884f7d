//! What error responses say: what happened, and what to do.

use std::borrow::Cow;

use actix_web::{HttpRequest, http::StatusCode};

use super::{location::sign_in_page, web_error::WebError};
use crate::{
    error::Error,
    web::{csrf::FormRefusal, page::ErrorPageContext, received_form::page_of_form},
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
    const DEVICES: Option<Self> = Some(Self { href: Cow::Borrowed("/account/sessions"), text: "Your devices" });
    const PASSWORD: Option<Self> = Some(Self { href: Cow::Borrowed("/account/password"), text: "Change password" });

    fn sign_in(request: &HttpRequest) -> Self {
        Self { href: sign_in_page(request).into(), text: "Sign in" }
    }

    /// The page that shows the form which the request has sent.
    fn open_again(request: &HttpRequest) -> Option<Self> {
        let devices = Self::DEVICES;
        let again = page_of_form(request).map(|page| Self { href: page.into(), text: "Open the page again" });
        again.or(devices)
    }
}

/// What a response says about a request.
pub(super) fn message_for(request: &HttpRequest, status: StatusCode, error: Option<&WebError>) -> ErrorMessage {
    let mut message = message_for_status(status, error);
    if status == StatusCode::UNAUTHORIZED {
        message.link = Some(Link::sign_in(request));
    }
    message
}

/// What a response says about a request that is not known.
pub(super) fn message_for_status(status: StatusCode, error: Option<&WebError>) -> ErrorMessage {
    let (title, message, link) = match status {
        StatusCode::FORBIDDEN if matches!(error, Some(WebError::ProofRequired { .. })) => (
            "Confirm that it’s you",
            "The last sign-in on this device was too long ago for this. Nothing was changed. Give the password again \
             at /reauth, then try again.",
            Link::DEVICES,
        ),
        StatusCode::FORBIDDEN if matches!(error, Some(WebError::PasswordChangeRequired)) => (
            "Change your password first",
            "The password of this sign-in was for one use. Nothing was changed. Choose your own at /account/password, \
             then try again.",
            Link::PASSWORD,
        ),
        StatusCode::UNAUTHORIZED => ("You are not signed in", "Sign in, then try again.", None),
        StatusCode::NOT_FOUND if matches!(error, Some(WebError::NoSuchSession)) => (
            "This session does not exist",
            "Its address may be mistyped, or it ended so long ago that its record was deleted. Nothing was changed.",
            Link::DEVICES,
        ),
        StatusCode::NOT_FOUND => {
            ("This does not exist", "The address may be mistyped, or what it led to is no longer there.", Link::DEVICES)
        }
        StatusCode::METHOD_NOT_ALLOWED => (
            "This page can’t be opened directly",
            "Use the links and buttons on Keyrack’s pages instead.",
            Link::DEVICES,
        ),
        StatusCode::REQUEST_TIMEOUT => ("This took too long", "Check your connection and try again.", None),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => (
            "This request is too large",
            "The address and the cookies of this request are too long. Delete this site’s cookies and try again.",
            None,
        ),
        StatusCode::PAYLOAD_TOO_LARGE => ("This is too large", "Shorten what you entered and try again.", None),
        StatusCode::SERVICE_UNAVAILABLE if matches!(error, Some(WebError::Failed(Error::Busy { .. }))) => (
            "Many people are signing in",
            "Too many passwords are waiting to be checked. Nothing was changed. Try again in a few seconds.",
            Link::DEVICES,
        ),
        StatusCode::SERVICE_UNAVAILABLE => (
            "Back in a moment",
            "Keyrack can’t reach its database right now. You are still signed in where you were. Try again in a few \
             seconds.",
            Link::DEVICES,
        ),
        StatusCode::INTERNAL_SERVER_ERROR if matches!(error, Some(WebError::Failed(Error::Incomplete(_)))) => (
            "Not everything was done",
            "Keyrack did what it could, but some devices could not be signed out. See which ones are left in the list of \
             your devices, and give your administrator the request ID below.",
            Link::DEVICES,
        ),
        status if status.is_client_error() => {
            ("This request can’t be read", "Go back, reload the page and try again.", Link::DEVICES)
        }
        _ => (
            "Something went wrong",
            "Something failed on our side. If it happens again, give your administrator the request ID below.",
            None,
        ),
    };
    ErrorMessage { title, message: message.into(), link }
}

/// Says what to do about a refused form. Where the cookie is the problem, the sign-in page at the public URL is the
/// place where it works.
pub(super) fn message_for_refusal(
    request: &HttpRequest,
    refusal: FormRefusal,
    context: Option<&ErrorPageContext>,
) -> ErrorMessage {
    let public_url = context.map(|context| context.0.public_url()).unwrap_or_default();
    let (title, message) = match refusal {
        FormRefusal::WrongToken | FormRefusal::ForeignOrigin => {
            let message = "It was opened before you signed in or out, or it comes from another site. Nothing was \
                           changed. Go back, reload the page and try again.";
            return ErrorMessage {
                title: "This form is no longer valid",
                message: message.into(),
                link: Link::DEVICES,
            };
        }
        FormRefusal::FormerSid => {
            let message = "It was opened before this browser confirmed or changed your password, or signed in again. \
                           That makes older forms in other tabs invalid. You are still signed in, and nothing was \
                           changed by this one. Open the page again and repeat what you did.";
            return ErrorMessage {
                title: "This form is no longer valid",
                message: message.into(),
                link: Link::open_again(request),
            };
        }
        FormRefusal::NoCookie => (
            "No cookie came back",
            format!(
                "Keyrack needs a cookie to sign you in, and your browser sent none with the form. Nothing was \
                 changed. Allow cookies for this site, open {public_url} and try again."
            ),
        ),
        FormRefusal::NotOverHttps => (
            "This address can’t sign you in",
            format!(
                "This page was opened over http, and Keyrack’s cookies are only sent over https. Nothing was changed. \
                 Open {public_url} instead."
            ),
        ),
        FormRefusal::UnknownCookie => (
            "The form’s cookie can’t be verified",
            format!(
                "It was set by another server, or before Keyrack’s secrets changed. Nothing was changed. Open \
                 {public_url} and try again. If this happens again, tell your administrator: every instance of \
                 Keyrack needs the same secrets."
            ),
        ),
        FormRefusal::TwoCookies => (
            "Two cookies came back",
            format!(
                "Another site of this domain has set a cookie with the name of Keyrack’s. Nothing was changed. Delete \
                 the cookies of this site and of its domain in your browser’s settings, open {public_url} and try \
                 again."
            ),
        ),
    };
    let link = Some(Link { href: format!("{public_url}/login").into(), text: "Sign in" });
    ErrorMessage { title, message: message.into(), link }
}

/// Says what to do about a refused request to the API, to the author of the program.
pub(super) fn message_for_api_refusal(refusal: FormRefusal) -> ErrorMessage {
    let (title, message) = match refusal {
        FormRefusal::ForeignOrigin | FormRefusal::NotOverHttps => (
            "The request comes from another origin",
            "Nothing was changed. Only pages of Keyrack’s own origin may send it, and programs outside of browsers, \
             without the headers Origin and Sec-Fetch-Site.",
        ),
        FormRefusal::WrongToken
        | FormRefusal::FormerSid
        | FormRefusal::NoCookie
        | FormRefusal::UnknownCookie
        | FormRefusal::TwoCookies => (
            "The header X-CSRF-Token is missing or wrong",
            "Nothing was changed. Send the csrf_token from GET /api/session in this header, once. It changes whenever \
             the session’s cookie does.",
        ),
    };
    ErrorMessage { title, message: message.into(), link: None }
}
