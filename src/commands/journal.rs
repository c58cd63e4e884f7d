//! Opens the journal of ended sessions.

use std::path::PathBuf;

use super::{
    Failure,
    settings::{JournalSetting, Settings},
};
use crate::db::{Database, DatabaseOptions, Engine, Journal};

/// Opens the journal for a server. If no file is set and the default one can't be written, the server goes on without
/// a journal and says so once, because a folder that is read-only is no reason not to serve.
pub(super) fn open_for_server(settings: &Settings, warnings: &mut Vec<String>) -> Result<Option<Journal>, Failure> {
    match settings.journal()? {
        JournalSetting::Off => Ok(None),
        JournalSetting::File(path) => open(path).map(Some),
        JournalSetting::Default(path) => match Journal::open(path) {
            Ok(journal) => Ok(Some(journal)),
            Err(error) => {
                warnings.push(format!(
                    "{error}: after a failover or a restored backup, ended sessions may be alive again; set \
                     KEYRACK_JOURNAL to a file that Keyrack can write, or to off"
                ));
                Ok(None)
            }
        },
    }
}

/// Gives the options of a command its journal. Where no file is set and no server has created one on this machine, a
/// command on PostgreSQL has none: the servers record its ends within a second.
pub(super) fn use_for_command(settings: &Settings, options: &mut DatabaseOptions) -> Result<(), Failure> {
    options.requires_synchronous_standby = settings.require_sync;
    options.journal = match settings.journal()? {
        JournalSetting::File(path) => Some(open(path)?),
        JournalSetting::Default(path) if options.url.engine() == Engine::Sqlite || path.exists() => {
            Journal::open(path).ok()
        }
        JournalSetting::Off | JournalSetting::Default(_) => None,
    };
    Ok(())
}

fn open(path: PathBuf) -> Result<Journal, Failure> {
    let failed = |error| Failure::failed(format!("{error}; set KEYRACK_JOURNAL to a file that Keyrack can write"));
    Journal::open(path).map_err(failed)
}

/// The warning for a server that requires a synchronous standby and has none: it answers every write with 503.
pub(super) async fn missing_standby(settings: &Settings) -> Result<Option<String>, Failure> {
    let url = settings.database_url()?;
    let is_missing = settings.require_sync
        && url.engine() == Engine::Postgres
        && !Database::open(DatabaseOptions::for_command(url)).has_synchronous_standby().await?;
    let warning = "KEYRACK_REQUIRE_SYNC is set, but no synchronous standby is connected, so every sign-in and sign-out \
                   is answered with 503: set synchronous_standby_names, start the standby, and let Keyrack's role see \
                   it (GRANT pg_read_all_stats)";
    Ok(is_missing.then(|| warning.to_owned()))
}
