//! `keyrack mail …`

use std::time::SystemTime;

use clap::Subcommand;

use super::{
    Failure,
    output::{self, Format},
    settings::Settings,
};
use crate::{
    accounts::Email,
    clock::Timestamp,
    config::Brand,
    db::MailId,
    mail::{Content, ListedMail, Mailer, SmtpConnection, SmtpTls},
    words::{Site, Words},
};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Send a test mail at once, and print each step
    Test {
        /// Email address
        address: Email,
    },
    /// List the latest mails: those that wait, why, and what became of the others
    List {
        /// Only those that were given up
        #[arg(long)]
        failed: bool,
        #[command(flatten)]
        format: Format,
    },
}

pub(super) async fn run(settings: &Settings, command: Command) -> Result<(), Failure> {
    match command {
        Command::Test { address } => test(settings, &address).await,
        Command::List { failed, format } => list(settings, failed, format).await,
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

async fn list(settings: &Settings, only_failed: bool, format: Format) -> Result<(), Failure> {
    let (_, accounts) = super::open(settings)?;
    let mails = accounts.mails(only_failed).await?;
    if format.json {
        return output::json(&mails);
    }
    let row = |mail: &ListedMail| {
        let time = mail.sent_at.or(mail.given_up_at).or(mail.next_attempt_at);
        [
            mail.created_at.to_iso_millis(),
            mail.kind.clone(),
            mail.address.clone(),
            mail.state.replace('_', " "),
            time.map(Timestamp::to_iso_millis).unwrap_or_default(),
            mail.attempts.to_string(),
            mail.last_error.clone().unwrap_or_default(),
        ]
    };
    let headings = ["CREATED", "KIND", "ADDRESS", "STATE", "SENT OR NEXT", "ATTEMPTS", "ERROR"];
    output::table(headings, &mails.iter().map(row).collect::<Vec<_>>());
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
