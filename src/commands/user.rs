//! `keyrack user …`

use clap::Subcommand;

use super::{
    Failure,
    output::{self, Format},
    password,
    settings::Settings,
};
use crate::accounts::{Account, Accounts, CreateUserError, Email, NewUser, Role};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Add a user; asks for the password, or reads it as one line from standard input
    Add {
        /// Email address
        email: Email,
        /// User name
        #[arg(long, value_name = "NAME")]
        user_name: Option<String>,
        /// First name
        #[arg(long, value_name = "NAME")]
        first_name: Option<String>,
        /// Last name
        #[arg(long, value_name = "NAME")]
        last_name: Option<String>,
        /// What the user may do
        #[arg(long, value_enum, default_value_t)]
        role: Role,
    },
    /// List all users
    List(Format),
    /// Disable a user and end their sessions
    Disable {
        /// Email address
        email: Email,
    },
    /// Enable a disabled user
    Enable {
        /// Email address
        email: Email,
    },
    /// Set a user's password and end their sessions; asks for the password, or reads it from standard input
    SetPassword {
        /// Email address
        email: Email,
    },
}

pub(super) async fn run(settings: &Settings, command: Command) -> Result<(), Failure> {
    let (_, accounts) = super::open(settings)?;
    match command {
        Command::Add { email, user_name, first_name, last_name, role } => {
            let password = password::read()?;
            add(&accounts, NewUser { email, user_name, first_name, last_name, role, password }).await
        }
        Command::List(format) => list(&accounts, format).await,
        Command::Disable { email } => {
            let ended = accounts.disable(&email).await?.ok_or_else(|| unknown(&email))?;
            output::line(format_args!("Disabled {email} and ended {}.", output::sessions(ended)));
            Ok(())
        }
        Command::Enable { email } => {
            if !accounts.enable(&email).await? {
                return Err(unknown(&email));
            }
            output::line(format_args!("Enabled {email}."));
            Ok(())
        }
        Command::SetPassword { email } => {
            if accounts.find(&email).await?.is_none() {
                return Err(unknown(&email));
            }
            let failed = |problem| failure(&format!("cannot set the password of {email}"), problem);
            let ended = accounts.set_password(&email, password::read()?).await.map_err(failed)?;
            output::line(format_args!(
                "Set the password of {email} and ended {}.",
                output::sessions(ended.unwrap_or(0))
            ));
            Ok(())
        }
    }
}

async fn add(accounts: &Accounts, user: NewUser) -> Result<(), Failure> {
    let email = user.email.clone();
    let id = accounts.create(user).await.map_err(|problem| failure(&format!("cannot add {email}"), problem))?;
    output::line(format_args!("Added {email} with ID {id}."));
    Ok(())
}

async fn list(accounts: &Accounts, format: Format) -> Result<(), Failure> {
    let users = accounts.list().await?;
    if format.json {
        return output::json(&users);
    }
    let row = |account: &Account| {
        let Account { user, disabled_at, .. } = account;
        let names = [&user.first_name, &user.last_name].into_iter().flatten().map(String::as_str);
        let name = names.collect::<Vec<_>>().join(" ");
        let state = if disabled_at.is_some() { "disabled" } else { "enabled" };
        [user.email.clone(), name, user.role.clone(), state.to_owned(), user.id.to_string()]
    };
    output::table(["EMAIL", "NAME", "ROLE", "STATE", "ID"], &users.iter().map(row).collect::<Vec<_>>());
    Ok(())
}

fn unknown(email: &Email) -> Failure {
    Failure::failed(format!("no user {email}; `keyrack user list` shows all users"))
}

fn failure(action: &str, problem: CreateUserError) -> Failure {
    match problem {
        CreateUserError::Failed(error) => error.into(),
        problem => Failure::failed(format!("{action}: {problem}")),
    }
}
