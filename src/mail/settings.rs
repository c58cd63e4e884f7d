//! Where mails are handed over, and whom they come from.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use lettre::{Address, message::Mailbox};
use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use url::Url;

use crate::text::{is_unsafe, printable};

/// What is needed to send mails.
#[derive(Debug, Clone)]
pub struct MailSettings {
    /// The server that takes them.
    pub smtp: SmtpUrl,
    /// Their sender.
    pub from: MailFrom,
}

/// How the connection to the mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    /// From its first byte (RFC 8314).
    Implicit,
    /// By STARTTLS, which is required: it would otherwise be up to an attacker whether the connection is encrypted.
    StartTls,
    /// Not at all.
    None,
}

/// The mail server: host, port, encryption, and whom to sign in as. `Debug` and `Display` hide the password.
#[derive(Debug, Clone)]
pub struct SmtpUrl {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: SmtpTls,
    pub(super) credentials: Option<(String, SecretString)>,
}

/// Why a text is no URL of a mail server. The messages contain nothing of it, since it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSmtpUrl {
    /// Its form is wrong.
    #[error(
        "use smtps://USER:PASSWORD@HOST or smtp://USER:PASSWORD@HOST:PORT, without a path; percent-encode special \
         characters of user and password"
    )]
    Form,
    /// It has an unknown parameter.
    #[error("the only parameter is tls: ?tls=starttls or ?tls=none, for smtp://")]
    Parameter,
    /// The password would travel unencrypted.
    #[error("the password would travel to another machine unencrypted: remove ?tls=none, or user and password")]
    ExposedPassword,
}

impl SmtpUrl {
    /// The server's host.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// How the connection is encrypted.
    pub fn tls(&self) -> SmtpTls {
        self.tls
    }

    /// The user that Keyrack signs in as.
    pub fn user(&self) -> Option<&str> {
        self.credentials.as_ref().map(|(user, _)| user.as_str())
    }

    /// Whether mails would reach another machine unencrypted.
    pub(crate) fn is_exposed(&self) -> bool {
        self.tls == SmtpTls::None && !is_loopback(&self.host)
    }
}

/// The server without its user.
impl fmt::Display for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        write!(f, "{}://{host}:{}", if self.tls == SmtpTls::Implicit { "smtps" } else { "smtp" }, self.port)
    }
}

impl FromStr for SmtpUrl {
    type Err = InvalidSmtpUrl;

    fn from_str(text: &str) -> Result<Self, InvalidSmtpUrl> {
        let url = Url::parse(text.trim()).map_err(|_| InvalidSmtpUrl::Form)?;
        let is_implicit = match url.scheme() {
            "smtps" => true,
            "smtp" => false,
            _ => return Err(InvalidSmtpUrl::Form),
        };
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase();
        let has_rest = !matches!(url.path(), "" | "/") || url.fragment().is_some();
        if host.is_empty() || host.contains('%') || has_rest {
            return Err(InvalidSmtpUrl::Form);
        }
        let tls = match (is_implicit, url.query()) {
            (true, None) => SmtpTls::Implicit,
            (false, Some("tls=starttls")) => SmtpTls::StartTls,
            (false, Some("tls=none")) => SmtpTls::None,
            // A mail server on the same machine often has no certificate that could be checked.
            (false, None) => {
                if is_loopback(&host) {
                    SmtpTls::None
                } else {
                    SmtpTls::StartTls
                }
            }
            (_, Some(_)) => return Err(InvalidSmtpUrl::Parameter),
        };
        let port = url.port().unwrap_or(if is_implicit { 465 } else { 587 });
        let credentials = credentials(&url)?;
        let parsed = Self { host, port, tls, credentials };
        if parsed.credentials.is_some() && parsed.is_exposed() {
            return Err(InvalidSmtpUrl::ExposedPassword);
        }
        Ok(parsed)
    }
}

fn credentials(url: &Url) -> Result<Option<(String, SecretString)>, InvalidSmtpUrl> {
    let decode = |text: &str| match percent_decode_str(text).decode_utf8() {
        Ok(text) if !text.chars().any(char::is_control) => Ok(text.into_owned()),
        _ => Err(InvalidSmtpUrl::Form),
    };
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        ("", Some(_)) | (_, None) => Err(InvalidSmtpUrl::Form),
        (user, Some(password)) => Ok(Some((decode(user)?, decode(password)?.into()))),
    }
}

fn is_loopback(host: &str) -> bool {
    let is_address = || {
        host.parse::<Ipv4Addr>()
            .map(IpAddr::V4)
            .or_else(|_| host.parse::<Ipv6Addr>().map(IpAddr::V6))
            .is_ok_and(|address| address.is_loopback())
    };
    host == "localhost" || is_address()
}

/// The sender of all mails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailFrom(Mailbox);

/// A text that is no sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("use an address, such as keyrack@example.org, or one with a name: Example <keyrack@example.org>")]
pub struct InvalidMailFrom;

impl MailFrom {
    /// The sender, by the site's name if it has no other. A line break in it would end the header.
    pub(super) fn mailbox(&self, site: &str) -> Mailbox {
        let Mailbox { name, email } = self.0.clone();
        Mailbox { name: name.or_else(|| Some(printable(site).into_owned())), email }
    }

    /// Where mails come from, which is also where the server reports failures to.
    pub(super) fn address(&self) -> &Address {
        &self.0.email
    }
}

impl fmt::Display for MailFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for MailFrom {
    type Err = InvalidMailFrom;

    fn from_str(text: &str) -> Result<Self, InvalidMailFrom> {
        if text.contains(is_unsafe) {
            return Err(InvalidMailFrom);
        }
        text.trim().parse().map(Self).map_err(|_| InvalidMailFrom)
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn urls_have_port_and_encryption_by_their_scheme() {
        for (text, shown, tls) in [
            ("smtps://mail.example.org", "smtps://mail.example.org:465", SmtpTls::Implicit),
            ("smtp://MAIL.example.org/", "smtp://mail.example.org:587", SmtpTls::StartTls),
            ("smtp://mail.example.org:25?tls=none", "smtp://mail.example.org:25", SmtpTls::None),
            ("smtp://localhost:25", "smtp://localhost:25", SmtpTls::None),
            ("smtp://127.0.0.2:25", "smtp://127.0.0.2:25", SmtpTls::None),
            ("smtp://[::1]:25", "smtp://[::1]:25", SmtpTls::None),
            ("smtp://localhost?tls=starttls", "smtp://localhost:587", SmtpTls::StartTls),
            ("smtp://localhost.example.org", "smtp://localhost.example.org:587", SmtpTls::StartTls),
        ] {
            let url: SmtpUrl = text.parse().unwrap();
            assert_eq!((url.to_string().as_str(), url.tls()), (shown, tls), "{text}");
        }
    }

    #[test]
    fn user_and_password_are_decoded_and_hidden() {
        let url: SmtpUrl = "smtp://keyrack%40example.org:p%40ss%2F%3A@mail.example.org".parse().unwrap();
        let (user, password) = url.credentials.as_ref().unwrap();
        assert_eq!((user.as_str(), password.expose_secret()), ("keyrack@example.org", "p@ss/:"));
        assert!(!format!("{url:?} {url}").contains("p@ss"));
    }

    #[test]
    fn other_urls_are_refused_without_repeating_them() {
        for text in [
            "",
            "mail.example.org",
            "http://mail.example.org",
            "smtp://",
            "smtp://host/path",
            "smtp://host#part",
            "smtp://user@host",
            "smtp://:secret@host",
            "smtp://user:a%0ab@host",
            "smtp://host:99999",
            "smtp://a%20b",
        ] {
            assert_eq!(text.parse::<SmtpUrl>().unwrap_err(), InvalidSmtpUrl::Form, "{text}");
        }
        for text in ["smtp://host?tls=maybe", "smtps://host?tls=none", "smtp://host?pool=1"] {
            assert_eq!(text.parse::<SmtpUrl>().unwrap_err(), InvalidSmtpUrl::Parameter, "{text}");
        }
        let exposed = "smtp://user:secret@mail.example.org?tls=none".parse::<SmtpUrl>().unwrap_err();
        assert_eq!(exposed, InvalidSmtpUrl::ExposedPassword);
        assert!("smtp://user:secret@localhost".parse::<SmtpUrl>().is_ok());
    }

    #[test]
    fn senders_are_addresses_with_or_without_a_name() {
        let from: MailFrom = "keyrack@example.org".parse().unwrap();
        assert_eq!(from.mailbox("Northwind").to_string(), "Northwind <keyrack@example.org>");
        let named: MailFrom = "Sign-in <keyrack@example.org>".parse().unwrap();
        assert_eq!(named.mailbox("Northwind").name.as_deref(), Some("Sign-in"));
        for text in ["", "keyrack", "a@b, c@d", "a@example.org\r\nBcc: c@example.org", "<a@example.org"] {
            assert_eq!(text.parse::<MailFrom>(), Err(InvalidMailFrom), "{text:?}");
        }
    }
}
