//! Checks, before a command does anything else, that Keyrack's connections to PostgreSQL have the same time zone as
//! those of peers. `user_sessions.expire` is a timestamp without time zone, so each connection reads it in its own.

use std::process::{Command, Stdio};

use super::{Failure, output, settings::Settings};
use crate::db::{self, DatabaseUrl, TimeZone};

/// The hidden command that prints the time zone that the server gives to connections that request none.
pub(super) const HIDDEN_COMMAND: &str = "server-time-zone";

/// What happens if the time zones differ.
const CONSEQUENCE: &str =
    "each would misread the other's times in user_sessions, and a peer's prune would delete live sessions";

/// Rejects a time zone that only Keyrack has, because its own environment or URL requests it.
pub(super) fn check(settings: &Settings) -> Result<Option<TimeZone>, Failure> {
    let url = settings.database_url()?;
    let zone = db::time_zone(&url)?;
    let Some(requested) = zone.as_ref().filter(|zone| zone.requested_by_client) else { return Ok(zone) };
    let name = &requested.name;
    let problem = match server_time_zone(&url) {
        Some(server) if db::is_same_zone(&url, name, &server)? => return Ok(zone),
        Some(server) => format!("those of peers use {server}: {CONSEQUENCE}"),
        None => "Keyrack cannot tell which one peers use".to_owned(),
    };
    Err(Failure::usage(format!(
        "PGTZ, PGOPTIONS or DATABASE_URL sets the time zone {name} for Keyrack's connections to {url}, but {problem}; \
         unset PGTZ, and remove the time zone from PGOPTIONS and DATABASE_URL"
    )))
}

/// Checks the time zone, and logs what else an operator should know about it.
pub(super) fn check_and_log(settings: &Settings) -> Result<(), Failure> {
    let Some(zone) = check(settings)? else { return Ok(()) };
    let name = &zone.name;
    for (role, other) in &zone.other_roles {
        tracing::warn!(
            "the role {role} has the time zone {other}, but Keyrack uses {name}: if an application with that role uses \
             user_sessions, {CONSEQUENCE}; run ALTER ROLE {role} RESET timezone, also with IN DATABASE"
        );
    }
    if let Some(role) = &zone.role_setting {
        tracing::warn!(
            "ALTER ROLE sets the time zone {name} for Keyrack's role {role}, but other roles may have another one: if \
             their applications use user_sessions, {CONSEQUENCE}; set it for the database instead, with ALTER \
             DATABASE"
        );
    }
    if zone.clocks_change {
        tracing::info!(
            "the database has the time zone {name}, with daylight saving time: in the hour that repeats in autumn, a \
             session may live up to an hour longer than it should; a database in UTC avoids this"
        );
    }
    Ok(())
}

/// Runs the hidden command in a process whose environment and URL request no time zone, since libpq reads both itself.
fn server_time_zone(url: &DatabaseUrl) -> Option<String> {
    let mut command = Command::new(std::env::current_exe().ok()?);
    command.arg(HIDDEN_COMMAND).env_remove("PGTZ").env_remove("PGOPTIONS").env("DATABASE_URL", url.without_options());
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok();
    let output = output.filter(|output| output.status.success())?;
    let zone = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    Some(zone).filter(|zone| !zone.is_empty())
}

/// `keyrack server-time-zone`
pub(super) fn print_server_time_zone(settings: &Settings) -> Result<(), Failure> {
    match db::time_zone(&settings.database_url()?)? {
        Some(zone) if !zone.requested_by_client => output::line(format_args!("{}", zone.name)),
        _ => return Err(Failure::failed("cannot determine the server's time zone")),
    }
    Ok(())
}
