//! One connection to the mail server, step by step: so that an error names the step that failed, and each step has its
//! own timeout.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use lettre::{
    Address,
    transport::smtp::{
        Error as LettreError,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, TlsParameters},
        commands::{Data, Mail, Rcpt, Rset},
        extension::{ClientId, Extension, MailBodyParameter, MailParameter},
        response::Response,
    },
};
use secrecy::ExposeSecret;
use tokio::{net::TcpStream, time::timeout};

use super::{
    plain_stream::PlainStream,
    settings::{SmtpTls, SmtpUrl},
};
use crate::text::printable;

/// How long a look-up of the host's addresses, and a connection to one of them, may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the server may take for one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// How long it may take to accept a mail that it has received. RFC 5321 (4.5.3.2.6) asks for ten minutes, because a client
/// that gives up too soon sends the mail twice. The receiver drops the second one by its `Message-ID`.
const ACCEPT_TIMEOUT: Duration = Duration::from_secs(60);

/// The longest reason that is kept of what a server answers.
const MAX_REASON_CHARS: usize = 300;

/// A step on the way of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SmtpStep {
    Resolve,
    Connect,
    Encrypt,
    SignIn,
    Sender,
    Recipient,
    Content,
}

impl fmt::Display for SmtpStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "the server's name could not be resolved",
            Self::Connect => "no connection to the server",
            Self::Encrypt => "the connection could not be encrypted",
            Self::SignIn => "the server refused user and password",
            Self::Sender => "the server refused the sender",
            Self::Recipient => "the server refused the recipient",
            Self::Content => "the server refused the mail",
        })
    }
}

/// Why a mail was not handed over. It holds nothing of the credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{step}: {reason}")]
pub(crate) struct SmtpError {
    pub step: SmtpStep,
    pub reason: String,
    /// Whether the same mail would be refused again.
    pub is_permanent: bool,
}

impl SmtpError {
    fn new(step: SmtpStep, reason: impl fmt::Display) -> Self {
        let reason = reason.to_string();
        let reason = printable(&reason).chars().take(MAX_REASON_CHARS).collect();
        Self { step, reason, is_permanent: false }
    }

    fn timed_out(step: SmtpStep) -> Self {
        Self::new(step, "timed out")
    }

    /// A mail is refused for good by 5xx about its recipient or its content (RFC 5321, 4.2.1). Other refusals are about
    /// what an operator can mend: user and password, the sender, and the server's rules (5.7.x, RFC 3463), such as that
    /// it relays mails of this machine.
    fn of_answer(step: SmtpStep, error: &LettreError) -> Self {
        let reason = match (step, error.status()) {
            // Some servers repeat what was sent.
            (SmtpStep::SignIn, Some(code)) => code.to_string(),
            (_, Some(code)) => format!("{code} {}", source_of(error)),
            _ => source_of(error),
        };
        let is_about_mail = matches!(step, SmtpStep::Recipient | SmtpStep::Content);
        let is_rule = reason.split_whitespace().nth(1).is_some_and(|code| code.starts_with("5.7."));
        Self { is_permanent: error.is_permanent() && is_about_mail && !is_rule, ..Self::new(step, reason) }
    }
}

/// What a server answered, or what failed, without lettre's own words around it.
fn source_of(error: &LettreError) -> String {
    let source = std::error::Error::source(error);
    source.map_or_else(|| error.to_string(), |source| source.to_string().replace(['\r', '\n'], " "))
}

/// Waits for an answer, but not for ever.
async fn answer<T>(
    step: SmtpStep,
    limit: Duration,
    waiting: impl Future<Output = Result<T, LettreError>>,
) -> Result<T, SmtpError> {
    match timeout(limit, waiting).await {
        Ok(answer) => answer.map_err(|error| SmtpError::of_answer(step, &error)),
        Err(_) => Err(SmtpError::timed_out(step)),
    }
}

/// A connection that is ready for mails.
pub(crate) struct SmtpConnection {
    connection: AsyncSmtpConnection,
    /// Whether a mail was refused since the last reset.
    is_in_transaction: bool,
}

impl SmtpConnection {
    /// Connects, encrypts and signs in.
    pub async fn open(url: &SmtpUrl, own_host: &str) -> Result<Self, SmtpError> {
        let addresses = Self::resolve(url).await?;
        let mut connection = Self::connect(url, &addresses, own_host).await?;
        connection.encrypt(url, own_host).await?;
        connection.sign_in(url).await?;
        Ok(connection)
    }

    /// Looks up the server's addresses.
    pub async fn resolve(url: &SmtpUrl) -> Result<Vec<SocketAddr>, SmtpError> {
        const STEP: SmtpStep = SmtpStep::Resolve;
        let looked_up = timeout(CONNECT_TIMEOUT, tokio::net::lookup_host((url.host.as_str(), url.port))).await;
        let found = looked_up.map_err(|_| SmtpError::timed_out(STEP))?;
        let addresses: Vec<SocketAddr> = found.map_err(|error| SmtpError::new(STEP, error))?.collect();
        if addresses.is_empty() { Err(SmtpError::new(STEP, "it has no address")) } else { Ok(addresses) }
    }

    /// Connects to one of the addresses, over TLS for `smtps://`, and says hello.
    pub async fn connect(url: &SmtpUrl, addresses: &[SocketAddr], own_host: &str) -> Result<Self, SmtpError> {
        if url.tls == SmtpTls::StartTls {
            return Self::connect_plain(addresses, own_host).await;
        }
        let is_implicit = url.tls == SmtpTls::Implicit;
        let tls = if is_implicit { Some(tls_parameters(url)?) } else { None };
        let hello = hello(own_host);
        let step = if is_implicit { SmtpStep::Encrypt } else { SmtpStep::Connect };
        let connecting = AsyncSmtpConnection::connect_tokio1(addresses, Some(CONNECT_TIMEOUT), &hello, tls, None);
        let connection = answer(step, CONNECT_TIMEOUT + ANSWER_TIMEOUT, connecting).await;
        // Without a certificate to complain about, TLS is not what failed.
        let is_plain_failure =
            |error: &SmtpError| !error.reason.contains("certificate") && !error.reason.contains("SSL");
        let connection = connection.map_err(|error| {
            if is_plain_failure(&error) { SmtpError { step: SmtpStep::Connect, ..error } } else { error }
        });
        Ok(Self { connection: connection?, is_in_transaction: false })
    }

    /// Connects for STARTTLS.
    async fn connect_plain(addresses: &[SocketAddr], own_host: &str) -> Result<Self, SmtpError> {
        const STEP: SmtpStep = SmtpStep::Connect;
        let mut failed = SmtpError::timed_out(STEP);
        for address in addresses {
            match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
                Ok(Ok(tcp)) => {
                    let (stream, hello) = (Box::new(PlainStream::new(tcp)), hello(own_host));
                    let connecting = AsyncSmtpConnection::connect_with_transport(stream, &hello);
                    let connection = answer(STEP, ANSWER_TIMEOUT, connecting).await?;
                    return Ok(Self { connection, is_in_transaction: false });
                }
                Ok(Err(error)) => failed = SmtpError::new(STEP, error),
                Err(_) => failed = SmtpError::timed_out(STEP),
            }
        }
        Err(failed)
    }

    /// Encrypts the connection, if that is not done, by STARTTLS. A server that does not offer it is refused.
    pub async fn encrypt(&mut self, url: &SmtpUrl, own_host: &str) -> Result<(), SmtpError> {
        const STEP: SmtpStep = SmtpStep::Encrypt;
        if url.tls != SmtpTls::StartTls {
            return Ok(());
        }
        if !self.connection.can_starttls() {
            return Err(SmtpError::new(
                STEP,
                "the server does not offer STARTTLS; use smtps://, or ?tls=none if it is reached by a network that \
                 encrypts",
            ));
        }
        let hello = hello(own_host);
        answer(STEP, ANSWER_TIMEOUT, self.connection.starttls(tls_parameters(url)?, &hello)).await
    }

    /// Signs in, if the URL names a user.
    pub async fn sign_in(&mut self, url: &SmtpUrl) -> Result<(), SmtpError> {
        let Some((user, password)) = &url.credentials else { return Ok(()) };
        let credentials = Credentials::new(user.clone(), password.expose_secret().to_owned());
        let signing_in = self.connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials);
        answer(SmtpStep::SignIn, ANSWER_TIMEOUT, signing_in).await.map(drop)
    }

    /// Hands over one mail. Returns what the server answered.
    pub async fn send(&mut self, from: &Address, to: &Address, content: &[u8]) -> Result<String, SmtpError> {
        if std::mem::replace(&mut self.is_in_transaction, true) {
            answer(SmtpStep::Sender, ANSWER_TIMEOUT, self.connection.command(Rset)).await?;
        }
        let mail = Mail::new(Some(from.clone()), self.mail_parameters(from, to)?);
        answer(SmtpStep::Sender, ANSWER_TIMEOUT, self.connection.command(mail)).await?;
        let recipient = Rcpt::new(to.clone(), Vec::new());
        answer(SmtpStep::Recipient, ANSWER_TIMEOUT, self.connection.command(recipient)).await?;
        answer(SmtpStep::Content, ANSWER_TIMEOUT, self.connection.command(Data)).await?;
        let accepted = answer(SmtpStep::Content, ACCEPT_TIMEOUT, self.connection.message(content)).await?;
        self.is_in_transaction = false;
        Ok(first_line(&accepted))
    }

    /// Says goodbye. The mails are handed over already, so it does not matter what is answered.
    pub async fn close(mut self) {
        let _ = timeout(CONNECT_TIMEOUT, self.connection.quit()).await;
    }

    /// Extensions that this mail needs (RFC 6531, RFC 6152).
    fn mail_parameters(&self, from: &Address, to: &Address) -> Result<Vec<MailParameter>, SmtpError> {
        let is_ascii = [from, to].iter().all(|address| AsRef::<str>::as_ref(address).is_ascii());
        if is_ascii {
            return Ok(Vec::new());
        }
        let server = self.connection.server_info();
        if !server.supports_feature(Extension::SmtpUtfEight) {
            let error =
                SmtpError::new(SmtpStep::Recipient, "the server takes no addresses with other than ASCII letters");
            return Err(SmtpError { is_permanent: true, ..error });
        }
        Ok(vec![MailParameter::SmtpUtfEight, MailParameter::Body(MailBodyParameter::EightBitMime)])
    }
}

/// How Keyrack introduces itself to the server: by its host, or an address (RFC 5321, 4.1.3).
fn hello(own_host: &str) -> ClientId {
    match own_host.trim_matches(['[', ']']).parse() {
        Ok(IpAddr::V4(address)) => ClientId::Ipv4(address),
        Ok(IpAddr::V6(address)) => ClientId::Ipv6(address),
        Err(_) if own_host.is_empty() => ClientId::Domain("localhost".to_owned()),
        Err(_) => ClientId::Domain(own_host.to_owned()),
    }
}

fn tls_parameters(url: &SmtpUrl) -> Result<TlsParameters, SmtpError> {
    TlsParameters::new(url.host.clone()).map_err(|error| SmtpError::new(SmtpStep::Encrypt, source_of(&error)))
}

fn first_line(response: &Response) -> String {
    let line = format!("{} {}", response.code(), response.first_line().unwrap_or_default());
    printable(line.trim()).into_owned()
}
