//! The command line and the variables: which count, and what is wrong with them.

use std::ffi::OsStr;

use clap::error::{ContextKind, ErrorKind};

use crate::commands::Failure;

/// The only setting that the settings file can't contain.
pub(super) const CONFIG_FILE_ID: &str = "config";

/// Ignores the variables that are empty or blank, as if they were not set.
pub(in crate::commands) fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty = |name: &OsStr| std::env::var_os(name).is_some_and(|value| is_blank(&value));
    command.mut_args(|argument| if argument.get_env().is_some_and(is_empty) { argument.env(None) } else { argument })
}

pub(super) fn is_blank(value: &OsStr) -> bool {
    value.to_str().is_some_and(|text| text.trim().is_empty())
}

/// Why a value is invalid, without the value.
pub(super) fn cause(error: &clap::Error) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    let choice = || Some(format!("use one of {}", error.get(ContextKind::ValidValue)?));
    cause.or_else(choice).unwrap_or_else(|| "not a valid value".to_owned())
}

/// Prints help or the version and exits, if the command line requests that. Otherwise converts clap's error: to one
/// sentence for an invalid value, and to clap's own text, with its tips and usage, for anything else.
pub(in crate::commands) fn failure_or_exit(command: &clap::Command, error: &clap::Error) -> Failure {
    let is_help = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if is_help || !error.use_stderr() {
        // Also lists the variables that are empty.
        command.clone().try_get_matches().as_ref().err().unwrap_or(error).exit();
    }
    let context = |kind| error.get(kind).map(ToString::to_string);
    let is_value = matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue);
    match (context(ContextKind::InvalidArg), context(ContextKind::InvalidValue)) {
        (Some(argument), Some(value)) if is_value => {
            Failure::invalid_value(&value, argument_name(command, &argument), cause(error))
        }
        _ => Failure::usage(error.to_string().trim_start_matches("error: ").trim_end()),
    }
}

/// The name of an argument in messages; that of a setting contains its variable: `--bind (KEYRACK_BIND)`, `EMAIL`.
fn argument_name(command: &clap::Command, argument: &str) -> String {
    let name = argument.split(['[', ' ', '=']).next().unwrap_or_default().trim_matches(['<', '>']);
    let setting = command.get_arguments().find(|setting| setting.get_long() == name.strip_prefix("--"));
    match setting.and_then(clap::Arg::get_env) {
        Some(variable) => format!("{name} ({})", variable.display()),
        None => name.to_owned(),
    }
}
