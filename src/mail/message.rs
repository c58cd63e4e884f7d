//! Makes messages, and hands them over.

use std::time::SystemTime;

use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart,
        header::{Header, HeaderName, HeaderValue},
    },
};

use super::{
    content::Content,
    settings::{MailSettings, SmtpUrl},
    smtp::{SmtpConnection, SmtpError},
};
use crate::{
    db::MailId,
    error::{Error, Result},
};

/// `Auto-Submitted: auto-generated` (RFC 3834), so that out-of-office notices are not sent back.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> std::result::Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// A message on its way.
pub(crate) struct OutgoingMail {
    to: Address,
    content: Vec<u8>,
}

/// Makes messages of one site and opens connections for them.
#[derive(Debug, Clone)]
pub(crate) struct Mailer {
    settings: MailSettings,
    /// The host of the public URL, by which Keyrack introduces itself.
    own_host: String,
}

impl Mailer {
    pub fn new(settings: MailSettings, own_host: &str) -> Self {
        Self { settings, own_host: own_host.to_owned() }
    }

    /// The mail server.
    pub fn smtp(&self) -> &SmtpUrl {
        &self.settings.smtp
    }

    /// By which name Keyrack introduces itself to the server.
    pub fn own_host(&self) -> &str {
        &self.own_host
    }

    /// Connects to the mail server.
    pub async fn open(&self) -> std::result::Result<SmtpConnection, SmtpError> {
        SmtpConnection::open(&self.settings.smtp, &self.own_host).await
    }

    /// Makes the message. Its `Message-ID` is the mail's id, so that a receiver drops a second copy.
    ///
    /// # Errors
    /// [`Error::Invalid`] if no mail can be sent to the address.
    pub fn message(&self, id: MailId, to: &str, content: &Content, now: SystemTime) -> Result<OutgoingMail> {
        let address = address(to)?;
        let (text, html) = (content.text().map_err(Error::internal)?, content.html().map_err(Error::internal)?);
        let domain = self.settings.from.address().domain();
        let message = Message::builder()
            .from(self.settings.from.mailbox(content.words.product()))
            .to(Mailbox::new(None, address.clone()))
            .subject(content.subject.as_str())
            .message_id(Some(format!("<{id}@{domain}>")))
            .date(now)
            .header(AutoSubmitted)
            .multipart(MultiPart::alternative_plain_html(text, html))
            .map_err(Error::internal)?;
        Ok(OutgoingMail { to: address, content: message.formatted() })
    }

    /// Hands a message over. Returns what the server answered.
    pub async fn send(
        &self,
        connection: &mut SmtpConnection,
        mail: &OutgoingMail,
    ) -> std::result::Result<String, SmtpError> {
        connection.send(self.settings.from.address(), &mail.to, &mail.content).await
    }
}

/// The address as servers take it: with the domain's ASCII name.
fn address(email: &str) -> Result<Address> {
    let invalid = || Error::Invalid("no mail can be sent to this address".to_owned());
    let (local, domain) = email.rsplit_once('@').ok_or_else(invalid)?;
    let domain = idna::domain_to_ascii(domain).map_err(|_| invalid())?;
    Address::new(local, domain).map_err(|_| invalid())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::words::{Language, Site, Words};

    fn mailer() -> Mailer {
        let settings =
            MailSettings { smtp: "smtp://127.0.0.1:25".parse().unwrap(), from: "keyrack@example.org".parse().unwrap() };
        Mailer::new(settings, "keys.example.org")
    }

    fn message(name: &str, language: Language, to: &str) -> String {
        let site = Box::leak(Box::new(Site { name: name.to_owned().into(), ..Site::KEYRACK }));
        let content = Content::test(Words::new(language).of_site(site));
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let mail =
            mailer().message("00000000-0000-0000-0000-000000000000".parse().unwrap(), to, &content, now).unwrap();
        String::from_utf8(mail.content).unwrap()
    }

    #[test]
    fn message_has_text_html_and_the_headers_of_a_program() {
        let text = message("Northwind", Language::En, "rajat@example.org");
        for part in [
            "From: Northwind <keyrack@example.org>\r\n",
            "To: rajat@example.org\r\n",
            "Message-ID: <00000000-0000-0000-0000-000000000000@example.org>\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Date: Fri, 15 Jan 2027 08:00:00 +0000\r\n",
            "Content-Type: multipart/alternative;",
            "Content-Type: text/plain; charset=utf-8",
            "Content-Type: text/html; charset=utf-8",
        ] {
            assert!(text.contains(part), "{part} is missing:\n{text}");
        }
        assert!(!text.to_ascii_lowercase().contains("reply-to"), "{text}");
    }

    /// A name comes from the settings today, and from users in later mails.
    #[test]
    fn line_breaks_in_a_name_add_no_header() {
        let text = message("North\r\nBcc: mallory@example.org\r\n\r\nwind", Language::De, "rajat@example.org");
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
        assert!(head.contains("Auto-Submitted"), "{head}");
    }

    #[test]
    fn domains_are_sent_in_ascii() {
        let text = message("Northwind", Language::De, "rajat@b\u{fc}cher.example");
        assert!(text.contains("To: rajat@xn--bcher-kva.example\r\n"), "{text}");
        assert!(text.is_ascii(), "{text}");
        assert!(matches!(address("no address"), Err(Error::Invalid(_))));
    }
}
