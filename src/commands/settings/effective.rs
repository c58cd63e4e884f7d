//! The settings in effect, and where each comes from.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::{Arg, ArgMatches, Command, parser::ValueSource};
use serde::Serialize;

use super::{JournalSetting, Settings, arguments::CONFIG_FILE_ID, file::is_secret};
use crate::{
    app::open_files,
    commands::Failure,
    config::Secrets,
    db::{DatabaseUrl, Peers},
    words::Language,
};

/// Stands in the place of a secret.
const HIDDEN: &str = "(hidden)";

/// A setting with its value. Secrets are hidden.
#[derive(Debug, Serialize)]
pub(in crate::commands) struct EffectiveSetting {
    /// Its key in the settings file; its flag has hyphens in the place of underscores.
    pub name: String,
    pub variable: String,
    /// `None` if it is not set, and nothing stands in its place.
    pub value: Option<String>,
    pub source: Source,
    /// The settings file, if the value is from there.
    pub file: Option<PathBuf>,
    /// What a default follows from: another setting, the machine or the database.
    pub derived_from: Option<&'static str>,
}

/// Where the value of a setting comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::commands) enum Source {
    Flag,
    Variable,
    File,
    Default,
}

/// What the values of settings that are not set follow from.
struct Derived<'a> {
    settings: &'a Settings,
    address: SocketAddr,
    database_url: &'a DatabaseUrl,
    /// `None` if they are still to be created.
    secrets: Option<&'a Secrets>,
    /// `None` if the database can't be read.
    peers: Option<Peers>,
}

impl Settings {
    /// All settings with their values, in the order of `--help`. The configuration has been checked.
    pub(in crate::commands) fn effective(
        &self,
        (command, matches): (&Command, &ArgMatches),
        (address, database_url): (SocketAddr, &DatabaseUrl),
        secrets: Option<&Secrets>,
        peers: Option<Peers>,
    ) -> Result<Vec<EffectiveSetting>, Failure> {
        let derived = Derived { settings: self, address, database_url, secrets, peers };
        let settings = command.get_arguments().filter_map(|argument| Some((argument, argument.get_env()?)));
        let effective = settings.map(|(argument, variable)| {
            let name = argument.get_id().as_str();
            let source = self.source_of(name, matches);
            let given = given_value(argument, matches);
            let (value, derived_from) = match given {
                Some(given) => (Some(derived.shown(argument, given)), None),
                None => derived.value_of(name)?.map_or((None, None), |(value, from)| (Some(value), Some(from))),
            };
            let file = self.file.as_ref().filter(|_| source == Source::File).map(|file| file.path().to_owned());
            let variable = variable.to_string_lossy().into_owned();
            Ok(EffectiveSetting { name: name.to_owned(), variable, value, source, file, derived_from })
        });
        effective.collect()
    }

    fn source_of(&self, name: &str, matches: &ArgMatches) -> Source {
        match matches.value_source(name) {
            Some(ValueSource::CommandLine) => Source::Flag,
            Some(ValueSource::EnvVariable) => Source::Variable,
            _ if self.file.as_ref().is_some_and(|file| file.sets(name)) => Source::File,
            _ => Source::Default,
        }
    }
}

/// The value as it was given, or the default that `--help` prints.
fn given_value(argument: &Arg, matches: &ArgMatches) -> Option<String> {
    let values = matches.get_raw(argument.get_id().as_str())?;
    let values: Vec<String> = values.map(|value| value.to_string_lossy().into_owned()).collect();
    Some(values.join(","))
}

impl Derived<'_> {
    /// A value that was given, without its secrets.
    fn shown(&self, argument: &Arg, given: String) -> String {
        match argument.get_id().as_str() {
            "database_url" => self.database_url.to_string(),
            "secrets" => self.secrets_text(),
            name if argument.is_hide_env_values_set() || is_secret(name, &given) => HIDDEN.to_owned(),
            _ => given,
        }
    }

    /// What stands in the place of a setting that is not set, and what it follows from.
    fn value_of(&self, name: &str) -> Result<Option<(String, &'static str)>, Failure> {
        let settings = self.settings;
        let path = |path: &Path| path.display().to_string();
        let beside = if self.database_url.path().is_some() { "database_url" } else { "secrets_file" };
        Ok(match name {
            CONFIG_FILE_ID => settings.file.as_ref().map(|file| (path(file.path()), "the current folder")),
            "public_url" => Some((settings.public_url(self.address).to_string(), "bind")),
            "secrets" => Some((self.secrets_text(), "secrets_file")),
            "secrets_file" => Some((path(&settings.secrets_path(self.database_url)), "database_url")),
            "cookie_name" => {
                let name = settings.public_url(self.address).default_cookie_name();
                Some((name.to_owned(), "public_url"))
            }
            "peers" => self.peers.map(|peers| (peers.as_str().to_owned(), "the database")),
            "languages" => {
                let codes: Vec<&str> = Language::for_people().iter().map(|language| language.code()).collect();
                Some((codes.join(","), "all languages"))
            }
            "workers" => Some((settings.workers().to_string(), "the number of cores")),
            "max_connections" => {
                open_files::raise_limit();
                let max = open_files::max_connections(None, settings.db_pool_size);
                Some((max.to_string(), "the limit of open files"))
            }
            "journal" => match settings.journal()? {
                JournalSetting::Default(file) => Some((path(&file), beside)),
                JournalSetting::Off | JournalSetting::File(_) => None,
            },
            _ => None,
        })
    }

    /// How many secrets there are.
    fn secrets_text(&self) -> String {
        match self.secrets.map(Secrets::count) {
            None => "(created by the first start)".to_owned(),
            Some(1) => "1 secret (hidden)".to_owned(),
            Some(count) => format!("{count} secrets (hidden)"),
        }
    }
}
