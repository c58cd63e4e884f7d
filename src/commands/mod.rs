//! The commands: one file each.
//!
//! Exit status: 0 done, 1 failed or unsound, 2 wrong usage or configuration. What a command prints goes to standard output,
//! what went wrong and the log to standard error.

mod adopt;
mod demo;
mod doctor;
mod logging;
mod migrate;
mod output;
mod password;
mod purge;
mod secrets_file;
mod serve;
mod session;
mod settings;
mod time_zone;
mod user;

use std::{fmt, process::ExitCode};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::{
    accounts::Accounts,
    clock::Clock,
    db::{Database, DatabaseOptions},
    error::Error,
    sessions::Sessions,
};
use settings::Settings;

/// Sign-in and sessions that can be seen and taken back.
///
/// Without a command, Keyrack serves. Settings come from flags, then from variables, then from the file that --config names,
/// then from the defaults shown here.
#[derive(Parser)]
#[command(name = "keyrack", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Subcommand)]
enum Command {
    /// Migrate the database, then serve (the default)
    Serve,
    /// Migrate the database only
    Migrate,
    /// Add, list, disable and enable users, and set their passwords
    #[command(subcommand)]
    User(user::Command),
    /// List and revoke sessions; a running server honours it at once
    #[command(subcommand)]
    Session(session::Command),
    /// End what has run out, and remove history past its retention
    Purge(output::Format),
    /// Give the live sessions of an Express application their place in the list of devices
    Adopt(adopt::Options),
    /// Check every rule that the data can show to be kept or broken
    Doctor(doctor::Options),
    /// Print the time zone that the server gives to whoever asks for none
    #[command(name = time_zone::ASK, hide = true)]
    ServerTimeZone,
    /// Serve a throw-away database with a user and several devices, to look around
    Demo,
}

/// Why a command did not do what it was asked: a sentence, and the exit status.
#[derive(Debug)]
struct Failure {
    message: String,
    status: u8,
}

impl Failure {
    /// Wrong usage or configuration.
    fn usage(message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), status: 2 }
    }

    /// Anything else.
    fn failed(message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), status: 1 }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::failed(error.chain())
    }
}

/// Reads the command line and does what it says.
pub fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { message, status }) => {
            if !message.is_empty() {
                eprintln!("keyrack: {message}");
            }
            ExitCode::from(status)
        }
    }
}

fn run() -> Result<(), Failure> {
    let command = settings::with_file(Cli::command())?;
    let matches = command.clone().try_get_matches().map_err(|error| settings::explain(&command, &error))?;
    let cli = Cli::from_arg_matches(&matches).map_err(|error| Failure::usage(error.to_string().trim_end()))?;
    logging::init(&cli.settings)?;
    actix_web::rt::System::new().block_on(async {
        match cli.command {
            None | Some(Command::Serve) => serve::run(&cli.settings).await,
            Some(Command::Migrate) => migrate::run(&cli.settings),
            Some(Command::User(command)) => user::run(&cli.settings, command).await,
            Some(Command::Session(command)) => session::run(&cli.settings, command).await,
            Some(Command::Purge(format)) => purge::run(&cli.settings, format).await,
            Some(Command::Adopt(options)) => adopt::run(&cli.settings, options).await,
            Some(Command::Doctor(options)) => doctor::run(&cli.settings, options).await,
            Some(Command::ServerTimeZone) => time_zone::tell(&cli.settings),
            Some(Command::Demo) => demo::run(&cli.settings).await,
        }
    })
}

/// The database behind the settings, for commands that only work on it. It is migrated first, so that any command can be the
/// first.
fn open(settings: &Settings) -> Result<(Sessions, Accounts), Failure> {
    time_zone::check(settings)?;
    let url = settings.database_url()?;
    crate::db::migrate(&url)?;
    Ok(on(settings, Database::open(DatabaseOptions::for_command(url))))
}

/// The same, for what looks at a database before Keyrack works on it: nothing is changed by looking.
async fn open_migrated(settings: &Settings) -> Result<(Sessions, Accounts), Failure> {
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
