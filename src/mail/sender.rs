//! Sends the mails of the queue.
//!
//! A mail belongs to one attempt at a time, whose lease stands in its row: of several instances, one sends it, and if that
//! one is killed, another one begins anew when the lease is over. It is marked as sent right after the server has accepted
//! it. If the process dies in between, the mail is sent again, with the same `Message-ID`.

use std::time::{Duration, SystemTime};

use super::{
    content::Content,
    kind::MailKind,
    link_state::LinkProblem,
    link_tokens::LinkTokens,
    message::{Mailer, OutgoingMail},
    queries::{self, AttemptOutcome, ClaimedMail},
    queue::{GIVEN_UP_AFTER, Outbox},
    smtp::{SmtpConnection, SmtpError, SmtpStep},
};
use crate::{
    clock::{Clock, Timestamp},
    db::Database,
    error::{Error, Result},
    events::{EventKind, NewEvent, Source, record},
    words::{Language, Site, Words},
};

/// How long a mail belongs to an attempt: well beyond the end of one and of its marking, or two processes would send it.
const LEASE: Duration = Duration::from_secs(6 * 60);

/// How long an attempt may take, whatever its steps take: it may connect twice.
const MAX_ATTEMPT: Duration = Duration::from_secs(3 * 60);

/// How long a sender tries to record the end of an attempt.
const MARK_TIMEOUT: Duration = Duration::from_secs(60);

const _: () = assert!(MAX_ATTEMPT.as_secs() + MARK_TIMEOUT.as_secs() < LEASE.as_secs());

/// The pauses after the first attempts. Later ones follow every hour.
const PAUSES: [Duration; 4] =
    [Duration::from_secs(10), Duration::from_secs(60), Duration::from_secs(5 * 60), Duration::from_secs(15 * 60)];
const LAST_PAUSE: Duration = Duration::from_secs(60 * 60);

/// How long a mail waits at most that another process has added, such as a command.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// How long the sender waits for a mail server that can't be reached, so that not every mail has to find out by itself.
const LONGEST_SERVER_PAUSE: Duration = Duration::from_secs(60);

/// Sends the mails of one database.
#[derive(Clone)]
pub(crate) struct MailSender {
    pub db: Database,
    pub clock: Clock,
    pub outbox: Outbox,
    pub mailer: Mailer,
    pub tokens: LinkTokens,
    /// What the links in mails begin with.
    pub public_url: String,
    pub site: &'static Site,
}

/// What the mails that were due have become.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SentMails {
    pub sent: usize,
    /// Whether the server could not be reached, so that others are still due.
    pub is_server_down: bool,
}

impl MailSender {
    /// Sends mails until the outbox says that it is enough.
    pub async fn run(self) {
        let (mut is_failing, mut failures) = (false, 0);
        while !self.outbox.is_stopping() {
            let wait = match self.send_due().await {
                Ok(SentMails { is_server_down: true, .. }) => {
                    failures += 1;
                    LONGEST_SERVER_PAUSE.min(Duration::from_secs(1 << failures.min(6)))
                }
                Ok(_) => {
                    (is_failing, failures) = (false, 0);
                    self.outbox.wait(POLL_INTERVAL).await;
                    continue;
                }
                Err(error) => {
                    if !std::mem::replace(&mut is_failing, true) {
                        tracing::warn!(error = error.chain(), "could not read or mark mails; they are sent later");
                    }
                    POLL_INTERVAL
                }
            };
            self.outbox.pause(wait).await;
        }
    }

    /// Sends all mails that are due, over one connection.
    pub async fn send_due(&self) -> Result<SentMails> {
        let mut done = SentMails::default();
        let mut connection = None;
        while !self.outbox.is_stopping() && self.is_any_due().await? {
            let Some(mail) = self.claim().await? else { break };
            let outcome = match self.prepare(&mail) {
                Ok(message) => within(MAX_ATTEMPT, self.attempt(&message, &mut connection)).await,
                Err(reason) => Err(Refusal { reason, is_permanent: true, is_server_down: false }),
            };
            done.sent += usize::from(outcome.is_ok());
            done.is_server_down = outcome.as_ref().is_err_and(|refusal| refusal.is_server_down);
            self.end(mail, outcome).await?;
            if done.is_server_down {
                break;
            }
        }
        if let Some(connection) = connection {
            connection.close().await;
        }
        Ok(done)
    }

    /// Asks without a transaction, since mostly there is none.
    async fn is_any_due(&self) -> Result<bool> {
        let due = self.db.read(queries::next_due).await?;
        Ok(due.is_some_and(|due| due <= self.clock.now()))
    }

    async fn claim(&self) -> Result<Option<ClaimedMail>> {
        let now = self.clock.now();
        self.db.transaction(move |connection| queries::claim(connection, now, now + LEASE)).await
    }

    /// Makes the message, or says why that is no longer possible.
    fn prepare(&self, mail: &ClaimedMail) -> std::result::Result<OutgoingMail, String> {
        let content = self.content(mail)?;
        let message = self.mailer.message(mail.id, &mail.mail.address, &content, self.system_time());
        message.map_err(|error| error.chain())
    }

    fn system_time(&self) -> SystemTime {
        let micros = u64::try_from(self.clock.now().as_micros()).unwrap_or_default();
        SystemTime::UNIX_EPOCH + Duration::from_micros(micros)
    }

    fn content(&self, mail: &ClaimedMail) -> std::result::Result<Content, String> {
        let kind = MailKind::parse(&mail.mail.kind).ok_or("this version of Keyrack does not know this kind of mail")?;
        let language = Language::parse(&mail.mail.language).or(self.outbox.language()).unwrap_or(Language::En);
        let words = Words::new(language).of_site(self.site);
        let message = kind.message(words, &mail.mail.facts());
        if let (Some(notice), None) = (&message, mail.mail.link_id) {
            return Ok(notice.clone());
        }
        let link = mail.link.as_ref().ok_or("its link was deleted")?;
        let problem = link.state.problem(self.clock.now());
        if let Some(problem) = problem.filter(|problem| !kind.outlives_password() || *problem != LinkProblem::Void) {
            return Err(problem.reason().to_owned());
        }
        let token = self.tokens.find(link.id, &link.token_hash).ok_or(
            "its link was made with other secrets: every instance, and every command, needs the same KEYRACK_SECRETS",
        )?;
        let url = format!("{}{}", self.public_url, kind.path_with(&token));
        let content = match message {
            Some(notice) => notice.with_link(kind, url),
            None => kind.content(words, url, link.state.expires_at.since(link.state.created_at)),
        };
        Ok(content)
    }

    /// Hands a message over, by the connection that is there, or by a new one.
    async fn attempt(
        &self,
        message: &OutgoingMail,
        connection: &mut Option<SmtpConnection>,
    ) -> std::result::Result<(), Refusal> {
        let is_new = connection.is_none();
        let mut open = match connection.take() {
            Some(open) => open,
            None => self.mailer.open().await?,
        };
        match self.mailer.send(&mut open, message).await {
            // Some servers take few mails per connection. Nothing was handed over yet.
            Err(error) if error.step == SmtpStep::Sender && !is_new => {
                open = self.mailer.open().await?;
                self.mailer.send(&mut open, message).await?;
            }
            // The connection is as good as before.
            Err(error) if error.is_permanent => {
                *connection = Some(open);
                return Err(error.into());
            }
            sent => drop(sent?),
        }
        *connection = Some(open);
        Ok(())
    }

    /// Records what has become of an attempt. A mail that was handed over is marked as soon as the database can be reached,
    /// or it would be sent again.
    async fn end(&self, mail: ClaimedMail, sent: std::result::Result<(), Refusal>) -> Result<()> {
        let now = self.clock.now();
        let outcome = match sent {
            Ok(()) => AttemptOutcome::Sent,
            Err(refusal) => next_step(&mail, refusal, now),
        };
        log(&mail, &outcome);
        let deadline = std::time::Instant::now() + MARK_TIMEOUT;
        loop {
            let (mail, outcome) = (mail.clone(), outcome.clone());
            let ended = self.db.transaction(move |connection| {
                if !queries::end_attempt(connection, &mail, &outcome, now)? {
                    return Ok(());
                }
                match (&outcome, mail.mail.user_id) {
                    (AttemptOutcome::GivenUp { .. }, Some(user)) => {
                        let event = NewEvent::new(EventKind::MailGivenUp, &Source::system()).user(user);
                        record(connection, event.detail("mail", mail.mail.kind.as_str()), now)
                    }
                    _ => Ok(()),
                }
            });
            match ended.await {
                Err(Error::Unavailable(_)) if std::time::Instant::now() < deadline => {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                ended => return ended,
            }
        }
    }
}

/// Why a mail was not handed over.
struct Refusal {
    reason: String,
    is_permanent: bool,
    is_server_down: bool,
}

impl From<SmtpError> for Refusal {
    fn from(error: SmtpError) -> Self {
        let is_about_mail = matches!(error.step, SmtpStep::Recipient | SmtpStep::Content);
        Self { reason: error.to_string(), is_permanent: error.is_permanent, is_server_down: !is_about_mail }
    }
}

/// Ends an attempt that takes too long.
async fn within(
    limit: Duration,
    attempt: impl Future<Output = std::result::Result<(), Refusal>>,
) -> std::result::Result<(), Refusal> {
    tokio::time::timeout(limit, attempt).await.unwrap_or_else(|_| {
        let reason = format!("the mail server was too slow: it had not accepted the mail after {} s", limit.as_secs());
        Err(Refusal { reason, is_permanent: false, is_server_down: true })
    })
}

/// Whether and when a mail is tried again.
fn next_step(mail: &ClaimedMail, refusal: Refusal, now: Timestamp) -> AttemptOutcome {
    let Refusal { reason, is_permanent, .. } = refusal;
    let attempts = usize::try_from(mail.mail.attempts).unwrap_or(1);
    let pause = PAUSES.get(attempts.saturating_sub(1)).copied().unwrap_or(LAST_PAUSE);
    let next_attempt_at = now + pause;
    if is_permanent || next_attempt_at > mail.mail.created_at() + GIVEN_UP_AFTER {
        return AttemptOutcome::GivenUp { reason };
    }
    AttemptOutcome::Failed { reason, next_attempt_at }
}

/// Without the address, since more people read the log than may know who has an account. A server's answer may repeat it, so
/// the reason stays in the table.
fn log(mail: &ClaimedMail, outcome: &AttemptOutcome) {
    let (id, kind, attempts) = (mail.id, mail.mail.kind.as_str(), mail.mail.attempts);
    match outcome {
        AttemptOutcome::Sent => tracing::info!(mail = %id, kind, attempts, "mail sent"),
        AttemptOutcome::Failed { next_attempt_at, .. } => {
            let next = next_attempt_at.to_iso_millis();
            let message = "mail not sent; it is tried again, and `keyrack mail list` shows why";
            tracing::warn!(mail = %id, kind, attempts, next_attempt_at = next, "{message}");
        }
        AttemptOutcome::GivenUp { .. } => {
            tracing::error!(mail = %id, kind, attempts, "mail given up; `keyrack mail list` shows why");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers each step just in time.
    #[test]
    fn attempt_that_takes_too_long_ends_and_is_tried_again() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let limit = Duration::from_millis(20);
        let steps = async {
            loop {
                tokio::time::sleep(limit / 4).await;
            }
        };
        let refusal = runtime.block_on(within(limit, steps)).unwrap_err();
        assert!(refusal.is_server_down && !refusal.is_permanent, "{}", refusal.reason);
    }
}
