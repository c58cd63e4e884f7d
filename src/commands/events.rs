//! `keyrack events`

use std::{
    collections::{HashMap, HashSet},
    io,
    time::Duration,
};

use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    Failure,
    output::{JsonLines, Table},
    session,
    settings::Settings,
};
use crate::{
    accounts::{Accounts, Email},
    clock::Timestamp,
    events::{EventCursor, EventFilter, Events, SecurityEvent},
    sessions::{SessionId, UserId},
};

/// How often new events are looked for.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Events that `--follow` prints before it waits for new ones.
const LAST_EVENTS: usize = 10;

#[derive(Args)]
pub(super) struct Options {
    /// Only events of this user
    #[arg(long, value_name = "EMAIL")]
    user: Option<Email>,
    /// Print the last ten, then each new one until interrupted
    #[arg(long)]
    follow: bool,
    /// Print JSON, one object per line
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(settings: &Settings, options: Options) -> Result<(), Failure> {
    let (sessions, accounts) = super::open(settings)?;
    let filter = match &options.user {
        Some(email) => EventFilter::User(session::find(&accounts, email).await?),
        None => EventFilter::All,
    };
    if filter == EventFilter::All {
        accounts.record_unknown_failures().await?;
    }
    let events = sessions.events();
    let mut printer = Printer::new(options.json, accounts);
    if options.follow { follow(&events, filter, &mut printer).await } else { list(&events, filter, &mut printer).await }
}

/// Prints all events while they are read, so that any number of them can be listed.
async fn list(events: &Events, filter: EventFilter, printer: &mut Printer) -> Result<(), Failure> {
    // Ids begin with 1, but SQLite took smaller ones from other programs once.
    let mut after = i64::MIN;
    loop {
        let page = events.page_after(filter, after).await?;
        let Some(last) = page.last().map(|event| event.id) else { break };
        after = last;
        if !printer.print(page).await? {
            return Ok(());
        }
    }
    printer.finish()
}

/// Prints the last events, then those that come, until the program is interrupted or its reader has gone.
async fn follow(events: &Events, filter: EventFilter, printer: &mut Printer) -> Result<(), Failure> {
    let mut cursor: EventCursor = events.current_cursor().await?;
    let mut last = events.newest(filter, None).await?.events;
    last.retain(|event| event.is_until(cursor));
    last.truncate(LAST_EVENTS);
    last.reverse();
    let mut is_open = printer.print(last).await?;
    while is_open {
        let (mut new, next) = events.next_after(cursor).await?;
        cursor = next;
        if new.is_empty() {
            actix_web::rt::time::sleep(POLL_INTERVAL).await;
        }
        new.retain(|event| filter.matches(event));
        is_open = printer.print(new).await?;
    }
    Ok(())
}

/// An event, as `--json` prints it.
#[derive(Serialize)]
struct Line {
    #[serde(flatten)]
    event: SecurityEvent,
    /// The user's email address; null if the account is deleted.
    user: Option<String>,
}

struct Printer {
    output: Output,
    accounts: Accounts,
    /// The addresses of users, as they were when their first event was printed.
    addresses: HashMap<UserId, Option<String>>,
}

enum Output {
    Table(Table<7>),
    Json,
}

impl Printer {
    fn new(json: bool, accounts: Accounts) -> Self {
        let headings = ["AT", "KIND", "ACTOR", "IP", "USER", "SESSION", "DETAIL"];
        let output = if json { Output::Json } else { Output::Table(Table::new(headings)) };
        Self { output, accounts, addresses: HashMap::new() }
    }

    /// Prints events. Returns whether standard output is still open: if its reader has closed it, it has seen enough.
    async fn print(&mut self, events: Vec<SecurityEvent>) -> Result<bool, Failure> {
        if events.is_empty() {
            return Ok(true);
        }
        let ids = events.iter().filter_map(|event| event.user_id);
        let unknown: HashSet<UserId> = ids.filter(|id| !self.addresses.contains_key(id)).collect();
        let mut found = self.accounts.addresses_of(unknown.iter().copied().collect()).await?;
        self.addresses.extend(unknown.into_iter().map(|id| (id, found.remove(&id))));
        let address = |event: &SecurityEvent| event.user_id.and_then(|id| self.addresses.get(&id).cloned().flatten());
        let lines: Vec<Line> = events.into_iter().map(|event| Line { user: address(&event), event }).collect();
        is_open_after(match &mut self.output {
            Output::Table(table) => table.print(&lines.into_iter().map(Line::into_row).collect::<Vec<_>>()),
            Output::Json => JsonLines::print(&lines),
        })
    }

    fn finish(&mut self) -> Result<(), Failure> {
        match &mut self.output {
            Output::Table(table) => is_open_after(table.finish()).map(drop),
            Output::Json => Ok(()),
        }
    }
}

impl Line {
    fn into_row(self) -> [String; 7] {
        let Self { event, user } = self;
        let user = user.or_else(|| event.user_id.map(|id| id.to_string())).unwrap_or_default();
        let session = event.session_id.as_ref().map(SessionId::to_string).unwrap_or_default();
        let at = event.at.map_or_else(|| "unreadable".to_owned(), Timestamp::to_iso_millis);
        let mut detail = detail_text(&event.detail);
        if !event.unreadable.is_empty() {
            detail = format!("unreadable: {} of the event {}. {detail}", event.unreadable.join(", "), event.id);
        }
        [at, event.kind, event.actor, event.ip_address.unwrap_or_default(), user, session, detail]
    }
}

/// The detail as `key=value`.
fn detail_text(detail: &Map<String, Value>) -> String {
    let texts = detail.iter().map(|(key, value)| match value {
        Value::String(text) => format!("{key}={text}"),
        value => format!("{key}={value}"),
    });
    texts.collect::<Vec<_>>().join(" ")
}

/// Whether standard output is still open after a write.
///
/// # Errors
/// If it could not be written for another reason, such as a full disk: an archive of events would lack some.
fn is_open_after(written: io::Result<()>) -> Result<bool, Failure> {
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::failed(format!("the events could not be written to standard output: {error}"))),
    }
}
