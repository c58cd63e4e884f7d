//! `keyrack session …`

use std::{io, sync::Arc};

use clap::{Args, Subcommand};
use parking_lot::Mutex;
use serde::Serialize;

use super::{
    Failure,
    output::{self, Format, JsonArray, Table},
    settings::Settings,
};
use crate::{
    accounts::{Accounts, Email},
    sessions::{ClientHints, EndReason, SessionId, SessionRecord, Sessions, UserId},
};

#[derive(Subcommand)]
pub(super) enum Command {
    /// List active sessions, or ended ones
    List {
        /// Only sessions of this user
        #[arg(long, value_name = "EMAIL")]
        user: Option<Email>,
        /// List ended sessions
        #[arg(long)]
        ended: bool,
        #[command(flatten)]
        format: Format,
    },
    /// End a session
    Revoke {
        /// Session ID, as `keyrack session list` shows it
        #[arg(value_parser = session_id)]
        id: SessionId,
    },
    /// End all sessions of one user, or of all users
    RevokeAll(RevokeAllTarget),
}

#[derive(Args)]
#[group(required = true, multiple = false)]
pub(super) struct RevokeAllTarget {
    /// End the sessions of this user
    #[arg(long, value_name = "EMAIL")]
    user: Option<Email>,
    /// End the sessions of all users
    #[arg(long)]
    everyone: bool,
}

pub(super) async fn run(settings: &Settings, command: Command) -> Result<(), Failure> {
    let (sessions, accounts) = super::open(settings)?;
    match command {
        Command::List { user, ended, format } => {
            let user = match user {
                Some(email) => Some(find(&accounts, &email).await?),
                None => None,
            };
            list(&sessions, user, ended, format).await
        }
        Command::Revoke { id } => {
            if !sessions.revoke_by_admin(id).await? {
                return Err(Failure::failed(format!(
                    "no active session {id}; `keyrack session list` shows the active ones"
                )));
            }
            output::line(format_args!("Revoked {id}."));
            Ok(())
        }
        Command::RevokeAll(RevokeAllTarget { user, .. }) => {
            let ended = if let Some(email) = user {
                sessions.end_all_of(find(&accounts, &email).await?, EndReason::RevokedByAdmin).await?
            } else {
                super::record_command(&sessions, "session revoke-all --everyone").await?;
                sessions.revoke_everyone().await?
            };
            output::line(format_args!("Revoked {}.", output::sessions(ended)));
            Ok(())
        }
    }
}

fn session_id(text: &str) -> Result<SessionId, String> {
    text.parse().map_err(|_| "not a session ID; `keyrack session list` shows them".to_owned())
}

pub(super) async fn find(accounts: &Accounts, email: &Email) -> Result<UserId, Failure> {
    let account = accounts.find(email).await?;
    account
        .map(|account| account.user.id)
        .ok_or_else(|| Failure::failed(format!("no user {email}; `keyrack user list` shows all users")))
}

/// Prints the sessions while the database sends them, so that any number of them can be listed.
async fn list(sessions: &Sessions, user: Option<UserId>, ended: bool, format: Format) -> Result<(), Failure> {
    let printer = Arc::new(Mutex::new(Printer::new(ended, format)));
    let batches = Arc::clone(&printer);
    // A closed pipe ends the list: its reader has seen enough.
    let print = move |records: Vec<SessionRecord>| batches.lock().print(&records).is_ok();
    sessions.list(user, ended, print).await?;
    let _ = printer.lock().finish();
    Ok(())
}

enum Printer {
    Active(Table<7>),
    Ended(Table<7>),
    Json(JsonArray),
}

impl Printer {
    fn new(ended: bool, format: Format) -> Self {
        if format.json {
            Self::Json(JsonArray::default())
        } else if ended {
            Self::Ended(Table::new(["ID", "USER", "DEVICE", "IP", "SIGNED IN", "ENDED", "REASON"]))
        } else {
            Self::Active(Table::new(["ID", "USER", "DEVICE", "IP", "SIGNED IN", "LAST ACTIVE", "EXPIRES"]))
        }
    }

    fn print(&mut self, records: &[SessionRecord]) -> io::Result<()> {
        let lines: Vec<Line> = records.iter().map(Line::new).collect();
        match self {
            Self::Active(table) => table.print(&lines.into_iter().map(Line::into_active_row).collect::<Vec<_>>()),
            Self::Ended(table) => table.print(&lines.into_iter().map(Line::into_ended_row).collect::<Vec<_>>()),
            Self::Json(array) => array.print(&lines),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Active(table) | Self::Ended(table) => table.finish(),
            Self::Json(array) => array.finish(),
        }
    }
}

/// A session in the list. Times are RFC 3339 in UTC.
#[derive(Serialize)]
struct Line {
    id: SessionId,
    user: String,
    user_id: UserId,
    name: Option<String>,
    device: String,
    kind: &'static str,
    model: Option<String>,
    ip_address: Option<String>,
    last_ip_address: Option<String>,
    bound: bool,
    user_agent: Option<String>,
    client_hints: Option<String>,
    created_at: String,
    last_seen_at: String,
    expires_at: String,
    remembered: bool,
    logged_out_at: Option<String>,
    end_reason: Option<String>,
}

impl Line {
    fn new(record: &SessionRecord) -> Self {
        let device = record.device();
        Self {
            id: record.id,
            user: record.email.clone(),
            user_id: record.user_id,
            name: record.name.clone(),
            device: device.title(),
            kind: device.kind.as_str(),
            model: device.model,
            ip_address: record.ip_address.clone(),
            last_ip_address: record.last_ip_address.clone(),
            bound: record.binding.is_bound(),
            user_agent: record.user_agent.clone(),
            client_hints: record.client_hints.as_ref().map(ClientHints::to_text),
            created_at: record.created_at.to_iso_millis(),
            last_seen_at: record.last_seen_at.to_iso_millis(),
            expires_at: record.expires_at.to_iso_millis(),
            remembered: record.remembered,
            logged_out_at: record.logged_out_at.map(crate::clock::Timestamp::to_iso_millis),
            end_reason: record.end_reason.clone(),
        }
    }

    /// The device, after the name that its owner gave the session.
    fn named_device(&self) -> String {
        match &self.name {
            Some(name) => format!("{name} ({})", self.device),
            None => self.device.clone(),
        }
    }

    fn into_active_row(self) -> [String; 7] {
        let (device, ip_address) = (self.named_device(), self.ip_address.unwrap_or_default());
        [self.id.to_string(), self.user, device, ip_address, self.created_at, self.last_seen_at, self.expires_at]
    }

    fn into_ended_row(self) -> [String; 7] {
        let device = self.named_device();
        let [ip_address, ended, reason] =
            [self.ip_address, self.logged_out_at, self.end_reason].map(Option::unwrap_or_default);
        [self.id.to_string(), self.user, device, ip_address, self.created_at, ended, reason]
    }
}
