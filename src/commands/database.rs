//! Opens the database for a command.

use super::{failure::Failure, journal, os_user::os_user, settings::Settings, time_zone};
use crate::{
    accounts::Accounts,
    clock::Clock,
    db::{Database, DatabaseOptions},
    events::{EventKind, NewEvent, Source},
    sessions::Sessions,
};

/// Migrates the database and opens it, so that any command can be the first one. A command that sets a password adds
/// the policy for it ([`Settings::password_policy`]): all others work without the file of leaked passwords.
pub(super) fn open(settings: &Settings) -> Result<(Sessions, Accounts), Failure> {
    time_zone::check(settings)?;
    let url = settings.database_url()?;
    crate::db::migrate(&url)?;
    let mut options = DatabaseOptions::for_command(url);
    journal::use_for_command(settings, &mut options)?;
    open_parts(settings, Database::open(options))
}

/// Opens the database without migrating it, for a command that must not change an Express application's database.
pub(super) async fn open_migrated(settings: &Settings) -> Result<(Sessions, Accounts), Failure> {
    let url = settings.database_url()?;
    let not_migrated = Failure::failed(format!("the database {url} is not migrated: run `keyrack migrate` first"));
    let of_others = crate::db::find_tables_of_others(&url)?;
    if !of_others.is_empty() {
        return Err(Failure::failed(of_others.join("; ")));
    }
    let database = Database::open(DatabaseOptions::for_command(url));
    if !database.is_migrated().await? {
        return Err(not_migrated);
    }
    open_parts(settings, database)
}

fn open_parts(settings: &Settings, database: Database) -> Result<(Sessions, Accounts), Failure> {
    let source = Source::command(&os_user());
    let sessions = Sessions::new(database.clone(), Clock::System, settings.policy()).on_behalf_of(source.clone());
    let accounts = Accounts::new(database, Clock::System, sessions.clone(), settings.hash_cost)
        .with_hash_secrets(settings.hash_secrets.read()?)
        .on_behalf_of(source);
    Ok((sessions, accounts))
}

/// Records that an operator has run a command that changes more than one account or session.
pub(super) async fn record_command(sessions: &Sessions, command: &str) -> Result<(), Failure> {
    let event = NewEvent::new(EventKind::CommandRun, &Source::command(&os_user())).detail("command", command);
    Ok(sessions.events().write(event).await?)
}
