//! `keyrack mail …`

use std::time::SystemTime;

use clap::Subcommand;

use super::{Failure, output, settings::Settings};
use crate::{
    accounts::Email,
    config::Brand,
    mail::{Content, MailId, Mailer, SmtpConnection, SmtpTls},
    words::{Site, Words},
};

#[derive(Subcommand)]
#[expect(clippy::doc_markdown, reason = "these comments are what --help prints, not Markdown")]
pub(super) enum Command {
    /// Send a test mail at once, and print each step
    Test {
        /// Email address
        address: Email,
    },
}

pub(super) async fn run(settings: &Settings, command: Command) -> Result<(), Failure> {
    match command {
        Command::Test { address } => test(settings, &address).await,
    }
}

async fn test(settings: &Settings, to: &Email) -> Result<(), Failure> {
    let mail = settings.mail()?.ok_or_else(not_set_up)?;
    let mailer = Mailer::new(mail, settings.public_host());
    let words = words_of(settings)?;
    let message = mailer.message(MailId::random(), to.as_str(), &Content::test(words), SystemTime::now())?;
    let smtp = mailer.smtp();
    let addresses = SmtpConnection::resolve(smtp).await.map_err(Failure::failed)?;
    let list = addresses.iter().map(|address| address.ip().to_string()).collect::<Vec<_>>().join(", ");
    output::line(format_args!("{} has the address {list}.", smtp.host()));
    let mut connection = SmtpConnection::connect(smtp, &addresses, mailer.own_host()).await.map_err(Failure::failed)?;
    output::line(format_args!("Connected to {smtp}."));
    connection.encrypt(smtp, mailer.own_host()).await.map_err(Failure::failed)?;
    output::line(format_args!("{}", encryption(smtp.tls())));
    connection.sign_in(smtp).await.map_err(Failure::failed)?;
    match smtp.user() {
        Some(user) => output::line(format_args!("Signed in as {user}.")),
        None => output::line(format_args!("Not signed in, since KEYRACK_SMTP_URL names no user.")),
    }
    let answer = mailer.send(&mut connection, &message).await.map_err(Failure::failed)?;
    output::line(format_args!("The server accepted the mail to {to}: {answer}"));
    connection.close().await;
    Ok(())
}

fn encryption(tls: SmtpTls) -> &'static str {
    match tls {
        SmtpTls::Implicit => "The connection is encrypted (TLS), and the certificate is valid.",
        SmtpTls::StartTls => "The connection is encrypted (STARTTLS), and the certificate is valid.",
        SmtpTls::None => "The connection is not encrypted.",
    }
}

/// The words of mails that are not for a user of Keyrack: in the first language, of the site.
fn words_of(settings: &Settings) -> Result<Words, Failure> {
    let Brand { name, .. } = settings.brand()?;
    let site: &'static Site = Box::leak(Box::new(Site { name: name.to_string().into(), ..Site::KEYRACK }));
    Ok(Words::new(settings.first_language()).of_site(site))
}

fn not_set_up() -> Failure {
    Failure::usage("mail is not set up: set KEYRACK_SMTP_URL and KEYRACK_MAIL_FROM")
}
