//! Before anything else: do our connections read the times in `user_sessions` as the peers' do?

use std::process::{Command, Stdio};

use super::{Failure, settings::Settings};
use crate::db::{self, DatabaseUrl, TimeZone};

/// The hidden command that prints what the server gives to whoever asks for nothing.
pub(super) const ASK: &str = "server-time-zone";

/// What a difference leads to.
const DAMAGE: &str =
    "each would read the other's times in user_sessions wrongly, and a peer's prune delete sessions that are alive";

/// Refuses a zone that only we have, because our own side asked for it.
pub(super) fn check(settings: &Settings) -> Result<Option<TimeZone>, Failure> {
    let url = settings.database_url()?;
    let zone = db::time_zone(&url)?;
    let Some(requested_by_client) = zone.as_ref().filter(|zone| zone.requested_by_client) else { return Ok(zone) };
    let name = &requested_by_client.name;
    let how = "unset PGTZ, and take the time zone out of PGOPTIONS and DATABASE_URL";
    match ask_as_a_peer(&url) {
        Some(servers) if db::is_same_zone(&url, name, &servers)? => Ok(zone),
        Some(servers) => Err(Failure::usage(format!(
            "Keyrack's connections to {url} are in {name}, because PGTZ, PGOPTIONS or DATABASE_URL asks for it, and others' in \
             {servers}: {DAMAGE}; {how}"
        ))),
        None => Err(Failure::usage(format!(
            "Keyrack's connections to {url} are in {name}, because PGTZ, PGOPTIONS or DATABASE_URL asks for it, and it can't be \
             told whether others' are: {how}"
        ))),
    }
}

/// The same, and says in the log what else is worth knowing.
pub(super) fn check_and_say(settings: &Settings) -> Result<(), Failure> {
    let Some(zone) = check(settings)? else { return Ok(()) };
    let name = &zone.name;
    for (role, its) in &zone.other_roles {
        tracing::warn!(
            "the role {role} has the time zone {its}, and Keyrack {name}: if an application of that role uses user_sessions, \
             {DAMAGE}; ALTER ROLE {role} RESET timezone, also IN DATABASE"
        );
    }
    if let Some(role) = &zone.role_setting {
        tracing::warn!(
            "Keyrack's role {role} has the time zone {name} by ALTER ROLE, which other roles need not have: if their \
             applications use user_sessions, {DAMAGE}; give the zone to the database instead, by ALTER DATABASE"
        );
    }
    if zone.clocks_change {
        tracing::info!(
            "the database is in {name}, whose clocks change: in the autumn hour that comes twice, a session may live up to an \
             hour longer than it should; a database in UTC has no such hour"
        );
    }
    Ok(())
}

/// Runs the hidden command without what asks for a zone: libpq reads it from the process's own environment.
fn ask_as_a_peer(url: &DatabaseUrl) -> Option<String> {
    let mut asking = Command::new(std::env::current_exe().ok()?);
    asking.arg(ASK).env_remove("PGTZ").env_remove("PGOPTIONS").env("DATABASE_URL", url.without_options());
    let answer =
        asking.stdin(Stdio::null()).stderr(Stdio::null()).output().ok().filter(|answer| answer.status.success())?;
    let zone = String::from_utf8(answer.stdout).ok()?.trim().to_owned();
    Some(zone).filter(|zone| !zone.is_empty())
}

/// The hidden command itself.
pub(super) fn tell(settings: &Settings) -> Result<(), Failure> {
    match db::time_zone(&settings.database_url()?)? {
        Some(zone) if !zone.requested_by_client => println!("{}", zone.name),
        _ => return Err(Failure::failed("it can't be told which time zone the server gives")),
    }
    Ok(())
}
