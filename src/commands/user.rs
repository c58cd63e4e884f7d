//! `keyrack user …`

use std::{collections::HashSet, path::PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{
    Failure,
    output::{self, Format},
    password,
    settings::Settings,
    user_import, user_links,
};
use crate::{
    accounts::{Account, Accounts, CreateUserError, Email, ForgottenFailures, InvitedUser, NewUser, PasswordUse, Role},
    sessions::UserId,
};

/// What a new user is called, and may do.
#[derive(Args)]
pub(super) struct Profile {
    /// User name
    #[arg(long, value_name = "NAME")]
    user_name: Option<String>,
    /// First name
    #[arg(long, value_name = "NAME")]
    first_name: Option<String>,
    /// Last name
    #[arg(long, value_name = "NAME")]
    last_name: Option<String>,
    /// What the user may do [default: user]
    #[arg(long, value_enum)]
    role: Option<Role>,
}

#[derive(Subcommand)]
#[expect(clippy::doc_markdown, reason = "these comments are what --help prints, not Markdown")]
pub(super) enum Command {
    /// Add a user; asks for the password, or reads it as one line from standard input
    Add {
        /// Email address
        email: Email,
        #[command(flatten)]
        profile: Profile,
        /// Make the password good for one sign-in, after which the user must change it
        #[arg(long)]
        must_change: bool,
    },
    /// Add the users of another program, with the passwords that they have there
    ///
    /// FILE has one JSON object per line, with the fields email, password_hash, user_name, first_name, last_name, role
    /// (user or admin), id (a UUID), created_at and disabled, of which only email is required. The hashes of bcrypt, argon2,
    /// scrypt and PBKDF2 are read as many programs write them; each is replaced by Keyrack's own when its user signs in.
    /// Addresses that have an account are skipped. If any line is wrong, nothing is imported.
    Import {
        /// File to read
        file: PathBuf,
        /// Check the file, and say what would be imported
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        format: Format,
    },
    /// List all users, and which of them are disabled, locked for browsers that they have not used before, have a password
    /// that is good for one sign-in, or have a second factor
    List(Format),
    /// Disable a user and end their sessions
    Disable {
        /// Email address
        email: Email,
    },
    /// Enable a disabled user and forget the account's failed sign-ins
    Enable {
        /// Email address
        email: Email,
    },
    /// Change what a user may do; live sessions have the new role at their next request
    SetRole {
        /// Email address
        email: Email,
        /// What the user may do
        #[arg(value_enum)]
        role: Role,
    },
    /// Set a user's password, end their sessions and forget the account's failed sign-ins; asks for the password, or
    /// reads it from standard input
    SetPassword {
        /// Email address
        email: Email,
        /// Make the password good for one sign-in, after which the user must change it
        #[arg(long)]
        must_change: bool,
    },
    /// Add a user without a password, and print a link with which they set one; mail it if mail is set up
    ///
    /// A user who was invited before and has no password yet gets another link, and the names and the role that are given.
    Invite {
        /// Email address
        email: Email,
        #[command(flatten)]
        profile: Profile,
        #[command(flatten)]
        format: Format,
    },
    /// Change a user's email address, and mail that to the former one if mail is set up; make sure first who asks
    ///
    /// Links that were mailed to the former address no longer work. Sessions go on.
    SetEmail {
        /// Email address
        email: Email,
        /// New email address
        new: Email,
    },
    /// Print a link with which a user sets a new password; mail it if mail is set up
    ResetLink {
        /// Email address
        email: Email,
        #[command(flatten)]
        format: Format,
    },
    /// Remove a user's authenticator app and recovery codes, for one who has lost them; make sure first who asks
    RemoveSecondFactor {
        /// Email address
        email: Email,
    },
    /// Forget an account's failed sign-ins, so that browsers that have not been used for it may try again
    Unlock {
        /// Email address
        email: Email,
        #[command(flatten)]
        format: Format,
    },
}

pub(super) async fn run(settings: &Settings, command: Command) -> Result<(), Failure> {
    let (_, accounts) = super::open(settings)?;
    match command {
        Command::Add { email, profile, must_change } => {
            let Profile { user_name, first_name, last_name, role } = profile;
            let role = role.unwrap_or_default();
            let accounts = accounts.with_password_policy(settings.password_policy()?);
            let password = password::read()?;
            let user = NewUser { email, user_name, first_name, last_name, role, password };
            add(&accounts, user, must_change).await
        }
        Command::Import { file, dry_run, format } => user_import::run(&accounts, &file, dry_run, format.json).await,
        Command::List(format) => list(&accounts, format).await,
        Command::Disable { email } => {
            let ended = accounts.disable(&email).await?.ok_or_else(|| Failure::unknown_user(&email))?;
            output::line(format_args!("Disabled {email} and ended {}.", output::sessions(ended)));
            Ok(())
        }
        Command::Enable { email } => {
            if !accounts.enable(&email).await? {
                return Err(Failure::unknown_user(&email));
            }
            output::line(format_args!("Enabled {email}."));
            Ok(())
        }
        Command::SetRole { email, role } => {
            if !accounts.set_role(&email, role).await? {
                return Err(Failure::unknown_user(&email));
            }
            output::line(format_args!("{email} is now {}.", role.description()));
            Ok(())
        }
        Command::SetPassword { email, must_change } => {
            let accounts = accounts.with_password_policy(settings.password_policy()?);
            if accounts.find(&email).await?.is_none() {
                return Err(Failure::unknown_user(&email));
            }
            let failed = |problem| failure(&format!("cannot set the password of {email}"), problem);
            let password = password::read()?;
            let ended = if must_change {
                accounts.set_one_time_password(&email, password).await
            } else {
                accounts.set_password(&email, password).await
            };
            output::line(format_args!(
                "Set the password of {email} and ended {}.{}",
                output::sessions(ended.map_err(failed)?.unwrap_or(0)),
                one_time_note(must_change)
            ));
            Ok(())
        }
        Command::Invite { email, profile, format } => {
            let Profile { user_name, first_name, last_name, role } = profile;
            let user = InvitedUser { email, user_name, first_name, last_name, role };
            user_links::invite(settings, accounts, user, format.json).await
        }
        Command::SetEmail { email, new } => user_links::set_email(settings, accounts, &email, &new).await,
        Command::ResetLink { email, format } => user_links::reset_link(settings, accounts, &email, format.json).await,
        Command::RemoveSecondFactor { email } => {
            let had_one =
                accounts.remove_lost_second_factor(&email).await?.ok_or_else(|| Failure::unknown_user(&email))?;
            if !had_one {
                return Err(Failure::failed(format!("{email} has no second factor")));
            }
            output::line(format_args!(
                "Removed the second factor and the passkeys of {email}: their password alone signs them in now."
            ));
            Ok(())
        }
        Command::Unlock { email, format } => {
            let forgotten = accounts.unlock(&email).await?.ok_or_else(|| Failure::unknown_user(&email))?;
            if format.json {
                return output::json(&forgotten);
            }
            output::line(format_args!("{}", unlocked(&email, forgotten)));
            Ok(())
        }
    }
}

async fn add(accounts: &Accounts, user: NewUser, must_change: bool) -> Result<(), Failure> {
    let email = user.email.clone();
    let added =
        if must_change { accounts.create_with_one_time_password(user).await } else { accounts.create(user).await };
    let id = added.map_err(|problem| failure(&format!("cannot add {email}"), problem))?;
    output::line(format_args!("Added {email} with ID {id}.{}", one_time_note(must_change)));
    Ok(())
}

/// Continues a sentence that says that a password was set.
fn one_time_note(must_change: bool) -> &'static str {
    if must_change { " The password is good for one sign-in, after which it must be changed." } else { "" }
}

/// A user, as `user list --json` prints it.
#[derive(Serialize)]
struct ListedUser<'a> {
    #[serde(flatten)]
    account: &'a Account,
    /// Whether so many sign-ins have failed that only browsers may sign in that have been used for the account.
    locked_for_unknown_browsers: bool,
    /// `lasting`; `one_time` if the password is good for one sign-in; `used_up` if it was, until another one is set.
    password: PasswordUse,
    /// Whether the user has an authenticator app.
    second_factor: bool,
    /// Whether the user has a passkey.
    passkey: bool,
}

async fn list(accounts: &Accounts, format: Format) -> Result<(), Failure> {
    let users = accounts.list().await?;
    let locked: HashSet<UserId> = accounts.locked_among(&users).await?.iter().map(|account| account.user.id).collect();
    let password_uses = accounts.one_time_passwords().await?;
    let with_factor = accounts.users_with_second_factor().await?;
    let with_passkey = accounts.users_with_passkeys().await?;
    let password_use = |user: &UserId| password_uses.get(user).copied().unwrap_or_default();
    if format.json {
        let listed = users.iter().map(|account| {
            let id = &account.user.id;
            let (password, passkey) = (password_use(id), with_passkey.contains(id));
            let (second_factor, locked_for_unknown_browsers) = (with_factor.contains(id), locked.contains(id));
            ListedUser { account, locked_for_unknown_browsers, password, second_factor, passkey }
        });
        return output::json(&listed.collect::<Vec<_>>());
    }
    let row = |account: &Account| {
        let Account { user, disabled_at, .. } = account;
        let names = [&user.first_name, &user.last_name].into_iter().flatten().map(String::as_str);
        let name = names.collect::<Vec<_>>().join(" ");
        let state = match (disabled_at, locked.contains(&user.id), password_use(&user.id)) {
            (Some(_), _, _) => "disabled",
            (None, true, _) => "locked",
            (None, false, PasswordUse::Lasting) => "enabled",
            (None, false, PasswordUse::OneTime) => "one-time password",
            (None, false, PasswordUse::UsedUp) => "one-time password used",
        };
        let factor = match (with_factor.contains(&user.id), with_passkey.contains(&user.id)) {
            (true, true) => "app, passkey",
            (true, false) => "app",
            (false, true) => "passkey",
            (false, false) => "-",
        };
        [user.email.clone(), name, user.role.clone(), state.to_owned(), factor.to_owned(), user.id.to_string()]
    };
    output::table(
        ["EMAIL", "NAME", "ROLE", "STATE", "SECOND FACTOR", "ID"],
        &users.iter().map(row).collect::<Vec<_>>(),
    );
    Ok(())
}

fn unlocked(email: &Email, forgotten: ForgottenFailures) -> String {
    let ForgottenFailures { by_unknown_browsers, by_known_browsers, was_locked } = forgotten;
    let count = by_unknown_browsers + by_known_browsers;
    let plural = if count == 1 { "" } else { "s" };
    let locked = if was_locked { " Browsers that have not been used for it may try again." } else { "" };
    format!(
        "Forgot {count} failed sign-in{plural} of {email}: {by_unknown_browsers} on unknown browsers, \
         {by_known_browsers} on known ones.{locked}"
    )
}

fn failure(action: &str, problem: CreateUserError) -> Failure {
    match problem {
        CreateUserError::Failed(error) => error.into(),
        problem => Failure::failed(format!("{action}: {problem}")),
    }
}
