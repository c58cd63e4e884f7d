//! The commands, one file per command.
//!
//! Exit status: 0 done, 1 failed or problems found, 2 wrong usage or configuration. Results go to standard output,
//! errors and the log to standard error. Every error is printed as `keyrack: …`.

mod adopt;
mod config;
mod database;
mod demo;
mod doctor;
mod events;
mod failure;
mod journal;
mod logging;
mod mail;
mod migrate;
mod os_user;
mod output;
mod password;
mod passwords;
mod purge;
mod random_text;
mod secrets_file;
mod serve;
mod session;
mod settings;
mod time_zone;
mod user;
mod user_import;
mod user_links;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use database::{open, open_migrated, record_command};
use failure::Failure;
use settings::Settings;

/// A sign-in service whose users can see and revoke their sessions
///
/// Without a command, Keyrack serves. A flag overrides its environment variable, which overrides the settings file,
/// which overrides the default.
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
    /// Migrate the database and serve (default)
    Serve,
    /// Migrate the database
    Migrate,
    /// Add, import, list, disable, enable and unlock users, and set passwords and roles
    #[command(subcommand)]
    User(user::Command),
    /// List and revoke sessions; running servers obey at once
    #[command(subcommand)]
    Session(session::Command),
    /// Try the mail server, and list the mails that wait for it
    #[command(subcommand)]
    Mail(mail::Command),
    /// Build a file of leaked passwords, which users may not choose
    #[command(subcommand)]
    Passwords(passwords::Command),
    /// End expired sessions and delete old history
    Purge(output::Format),
    /// Import the live sessions of an Express application
    Adopt(adopt::Options),
    /// Print the security events: what happened to accounts and sessions, by whom, and from where
    Events(events::Options),
    /// Check the database for inconsistencies
    Doctor(doctor::Options),
    /// Print the settings in effect, and where each comes from
    Config(output::Format),
    /// Print the time zone that the server gives to connections that request none
    #[command(name = time_zone::HIDDEN_COMMAND, hide = true)]
    ServerTimeZone,
    /// Serve a demo with sample data
    Demo(demo::DemoOptions),
}

/// Parses the command line and runs the command.
pub fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { message, status }) => {
            output::error_lines(format_args!("keyrack: {message}"));
            ExitCode::from(status)
        }
    }
}

fn run() -> Result<(), Failure> {
    let (command, file) = settings::with_file_defaults(Cli::command())?;
    let invalid = |error: clap::Error| settings::failure_or_exit(&command, &error);
    let matches = settings::without_empty_variables(command.clone()).try_get_matches().map_err(invalid)?;
    let mut cli = Cli::from_arg_matches(&matches).map_err(invalid)?;
    cli.settings.file = file;
    logging::init(&cli.settings)?;
    actix_web::rt::System::new().block_on(async {
        match cli.command {
            None | Some(Command::Serve) => serve::run(&cli.settings).await,
            Some(Command::Migrate) => migrate::run(&cli.settings),
            Some(Command::User(command)) => user::run(&cli.settings, command).await,
            Some(Command::Session(command)) => session::run(&cli.settings, command).await,
            Some(Command::Mail(command)) => mail::run(&cli.settings, command).await,
            Some(Command::Passwords(command)) => passwords::run(command),
            Some(Command::Purge(format)) => purge::run(&cli.settings, format).await,
            Some(Command::Adopt(options)) => adopt::run(&cli.settings, options).await,
            Some(Command::Events(options)) => events::run(&cli.settings, options).await,
            Some(Command::Doctor(options)) => doctor::run(&cli.settings, options).await,
            Some(Command::Config(format)) => config::run(&cli.settings, (&command, &matches), format).await,
            Some(Command::ServerTimeZone) => time_zone::print_server_time_zone(&cli.settings),
            Some(Command::Demo(options)) => demo::run(&cli.settings, &options).await,
        }
    })
}
