//! The settings file (TOML), whose values become the defaults of the flags.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use clap::Command;

use super::arguments::{CONFIG_FILE_ID, cause, is_blank};
use crate::commands::Failure;

/// The settings file that is read if it exists and `--config` names no other.
const DEFAULT_FILE: &str = "keyrack.toml";
/// The setting of which an array is not a list with commas: a secret may contain one.
const SECRETS_ID: &str = "secrets";
/// The settings whose values are secrets.
const SECRET_IDS: [&str; 3] = [SECRETS_ID, "bcrypt_pepper", "firebase_signer_key"];

/// What is to be told about the settings file.
#[derive(Debug, Clone)]
pub(in crate::commands) struct SettingsFile {
    path: PathBuf,
    /// The settings that have a value in it.
    names: Vec<String>,
    holds_secrets: bool,
}

impl SettingsFile {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether this setting has a value in it.
    pub(super) fn sets(&self, name: &str) -> bool {
        self.names.iter().any(|set| set == name)
    }

    /// The file's path and mode, if it holds secrets that other users can read.
    pub(in crate::commands) fn exposed(&self) -> Option<(&Path, u32)> {
        let mode = fs::metadata(&self.path).ok()?.permissions().mode() & 0o777;
        (self.holds_secrets && mode & 0o077 != 0).then_some((&self.path, mode))
    }
}

/// Makes the values of the settings file the defaults of the flags, so that flags and variables override them. An empty
/// text or list is an unset value.
pub(in crate::commands) fn with_file_defaults(
    mut command: Command,
) -> Result<(Command, Option<SettingsFile>), Failure> {
    let Some(path) = find_config_file() else { return Ok((command, None)) };
    let invalid = |message: String| Failure::usage(format!("{}: {message}", path.display()));
    let text = fs::read_to_string(&path).map_err(|error| invalid(error.to_string()))?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| invalid(without_source(&error, &text)))?;
    let (mut names, mut holds_secrets) = (Vec::new(), false);
    for (name, value) in table {
        let is_setting =
            name != CONFIG_FILE_ID && command.get_arguments().any(|argument| argument.get_id() == name.as_str());
        if !is_setting {
            return Err(invalid(format!("unknown setting {name:?}; `keyrack --help` lists all settings")));
        }
        let text = if name == SECRETS_ID { secrets_text(&value) } else { as_text(&value) };
        let text = text.map_err(|kind| invalid(format!("{name} must be {kind}")))?;
        if text.trim().is_empty() {
            continue;
        }
        holds_secrets |= is_secret(&name, &text);
        validate(&command, &name, &text).map_err(invalid)?;
        names.push(name.clone());
        command = command.mut_arg(name, |argument| {
            // `--help` prints defaults, so a setting whose variable is hidden there is hidden here too.
            let is_secret = argument.is_hide_env_values_set();
            argument.default_value(text).hide_default_value(is_secret)
        });
    }
    Ok((command, Some(SettingsFile { path, names, holds_secrets })))
}

/// Finds the settings file before the command line is parsed, since the file changes the defaults.
fn find_config_file() -> Option<PathBuf> {
    let mut arguments = std::env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--config" {
            return arguments.next().map(PathBuf::from);
        }
        if let Some(path) = argument.to_str().and_then(|text| text.strip_prefix("--config=")) {
            return Some(PathBuf::from(path));
        }
    }
    let default = || Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.exists());
    std::env::var_os("KEYRACK_CONFIG").filter(|path| !is_blank(path)).map(PathBuf::from).or_else(default)
}

/// The value as the flag takes it; an array as a list with commas.
fn as_text(value: &toml::Value) -> Result<String, &'static str> {
    let text = match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(_) | toml::Value::Boolean(_) => Some(value.to_string()),
        toml::Value::Array(items) => {
            items.iter().map(as_text).collect::<Result<Vec<_>, _>>().ok().map(|items| items.join(","))
        }
        _ => None,
    };
    text.ok_or("a string, a number, a boolean or a list")
}

/// An array of secrets as a JSON array, which keeps each of them as it is.
fn secrets_text(value: &toml::Value) -> Result<String, &'static str> {
    match value {
        toml::Value::String(text) => Ok(text.clone()),
        toml::Value::Array(items) if items.is_empty() => Ok(String::new()),
        toml::Value::Array(items) if items.iter().all(toml::Value::is_str) => {
            serde_json::to_string(items).map_err(|_| "a list of strings")
        }
        _ => Err("a string or a list of strings"),
    }
}

/// Whether the value of a setting is a secret, or contains one.
pub(super) fn is_secret(name: &str, value: &str) -> bool {
    SECRET_IDS.contains(&name) || has_password(value)
}

/// Whether a value is a URL with a password.
fn has_password(text: &str) -> bool {
    let authority = text.split_once("://").map(|(_, rest)| rest.split(['/', '?']).next().unwrap_or_default());
    let user = authority.and_then(|authority| authority.rsplit_once('@')).map(|(user, _)| user);
    user.is_some_and(|user| user.contains(':')) || text.contains("password=")
}

/// The place and the reason of a syntax error. toml's own text quotes the line, which may hold a secret.
fn without_source(error: &toml::de::Error, text: &str) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    format!("line {}: {}", before.matches('\n').count() + 1, error.message())
}

/// Parses one value of the settings file without the variables, so that an invalid variable is not reported as an error
/// in the file.
fn validate(command: &Command, name: &str, text: &str) -> Result<(), String> {
    let flag = format!("--{}={text}", name.replace('_', "-"));
    let without_variables = command.clone().mut_args(|argument| argument.env(None));
    let parsed = without_variables.try_get_matches_from(["keyrack", &flag]);
    parsed.map(drop).map_err(|error| Failure::invalid_value(text, name, cause(&error)).message)
}
