//! `keyrack config`: the settings in effect, and where each comes from.

use std::time::Duration;

use clap::{ArgMatches, Command};

use super::{
    Failure, output,
    settings::{EffectiveSetting, SettingSource, Settings},
};
use crate::db::{Database, DatabaseOptions, DatabaseUrl, Peers};

/// How long the command waits for a database that gives no answer.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(3);

/// Prints the settings, once they have been checked as a server checks them. Creates and changes nothing.
pub(super) async fn run(
    settings: &Settings,
    command_line: (&Command, &ArgMatches),
    format: output::Format,
) -> Result<(), Failure> {
    let (address, database_url) = (settings.resolve_addresses()?, settings.database_url()?);
    let secrets = settings.check(address)?;
    let peers = stored_peers(&database_url).await;
    let effective = settings.effective(command_line, (address, &database_url), secrets.as_ref(), peers)?;
    if format.json {
        return output::json(&effective);
    }
    let rows: Vec<_> = effective.iter().map(row).collect();
    output::table(["SETTING", "VALUE", "FROM"], &rows);
    Ok(())
}

/// What the database says about sessions of other programs; `None` if it can't be read. A SQLite file is not created.
async fn stored_peers(database_url: &DatabaseUrl) -> Option<Peers> {
    if database_url.path().is_some_and(|path| !path.exists()) {
        return None;
    }
    let options = DatabaseOptions { timeout: DATABASE_TIMEOUT, ..DatabaseOptions::for_command(database_url.clone()) };
    Database::open(options).peers().await.ok()
}

fn row(setting: &EffectiveSetting) -> [String; 3] {
    let flag = setting.name.replace('_', "-");
    let from = match setting.source {
        SettingSource::Flag => format!("flag --{flag}"),
        SettingSource::Variable => format!("variable {}", setting.variable),
        SettingSource::File => {
            format!("file {}", setting.file.as_ref().map(|file| file.display().to_string()).unwrap_or_default())
        }
        SettingSource::Default => match setting.derived_from {
            Some(other) => format!("default, from {other}"),
            None => "default".to_owned(),
        },
    };
    [setting.name.clone(), setting.value.clone().unwrap_or_else(|| "-".to_owned()), from]
}
