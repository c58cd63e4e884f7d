//! The commands: one file each.
//!
//! Exit status: 0 done, 1 failed or unsound, 2 wrong usage or configuration. What a command prints goes to standard output,
//! what went wrong and the log to standard error.

mod adopt;
mod database;
mod demo;
mod doctor;
mod failure;
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

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use database::{open, open_migrated};
use failure::Failure;
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
