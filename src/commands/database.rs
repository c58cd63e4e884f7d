//! Opens the database for a command.

use super::{failure::Failure, settings::Settings, time_zone};
use crate::{
    accounts::Accounts,
    clock::Clock,
    db::{Database, DatabaseOptions},
    sessions::Sessions,
};

/// Migrates the database of the settings and opens it, so that any command can be the first.
pub fn open(settings: &Settings) -> Result<(Sessions, Accounts), Failure> {
    time_zone::check(settings)?;
    let url = settings.database_url()?;
    crate::db::migrate(&url)?;
    Ok(on(settings, Database::open(DatabaseOptions::for_command(url))))
}

/// Opens the database of the settings without migrating it, for commands that only read it.
pub async fn open_migrated(settings: &Settings) -> Result<(Sessions, Accounts), Failure> {
    let url = settings.database_url()?;
    let unready = Failure::failed(format!("the database {url} is not migrated: run `keyrack migrate` first"));
    let database = Database::open(DatabaseOptions::for_command(url));
    if !database.is_ready().await? {
        return Err(unready);
    }
    Ok(on(settings, database))
}

fn on(settings: &Settings, database: Database) -> (Sessions, Accounts) {
    let sessions = Sessions::new(database.clone(), Clock::System, settings.policy());
    let accounts = Accounts::new(database, Clock::System, sessions.clone(), settings.hash_cost);
    (sessions, accounts)
}
