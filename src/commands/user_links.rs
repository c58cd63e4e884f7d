//! `keyrack user invite` and `keyrack user reset-link`: print a link, and mail it if mail is set up.

use serde::Serialize;

use super::{Failure, output, settings::Settings};
use crate::{
    accounts::{AccountLink, Accounts, CreateUserError, Email, InvitedUser, SetEmailError},
    clock::Timestamp,
    mail::{LinkTokens, Outbox},
};

/// A new link, as `--json` prints it.
#[derive(Serialize)]
struct PrintedLink<'a> {
    email: &'a str,
    url: String,
    expires_at: Timestamp,
    /// Whether a running server mails it.
    mailed: bool,
}

pub(super) async fn invite(
    settings: &Settings,
    accounts: Accounts,
    user: InvitedUser,
    as_json: bool,
) -> Result<(), Failure> {
    let email = user.email.clone();
    let link = with_links(settings, accounts)?.invite(user, None).await.map_err(|problem| match problem {
        CreateUserError::Failed(error) => error.into(),
        CreateUserError::Disabled => disabled(&email),
        CreateUserError::EmailTaken => Failure::failed(format!(
            "{email} has an account already; `keyrack user reset-link {email}` makes a link for a new password"
        )),
        problem => Failure::failed(format!("cannot invite {email}: {problem}")),
    })?;
    print(settings, &format!("Invited {email}."), &email, &link, as_json)
}

pub(super) async fn reset_link(
    settings: &Settings,
    accounts: Accounts,
    email: &Email,
    as_json: bool,
) -> Result<(), Failure> {
    let accounts = with_links(settings, accounts)?;
    let Some(link) = accounts.create_reset_link(email, None).await? else {
        return Err(if accounts.find(email).await?.is_some() { disabled(email) } else { Failure::unknown_user(email) });
    };
    print(settings, &format!("Made a link with which {email} sets a new password."), email, &link, as_json)
}

pub(super) async fn set_email(
    settings: &Settings,
    accounts: Accounts,
    email: &Email,
    new: &Email,
) -> Result<(), Failure> {
    let accounts = if settings.mail()?.is_some() { with_links(settings, accounts)? } else { accounts };
    let is_mailed = settings.mail()?.is_some();
    accounts.set_email(email, new).await.map_err(|problem| match problem {
        SetEmailError::NoUser => Failure::unknown_user(email),
        SetEmailError::Taken => Failure::failed(format!("{new} is the address of another account")),
        SetEmailError::Failed(error) => error.into(),
    })?;
    let way = if is_mailed { " The server mails that to the former address." } else { "" };
    output::line(format_args!("The address of {email} is now {new}.{way}"));
    Ok(())
}

fn disabled(email: &Email) -> Failure {
    Failure::failed(format!(
        "{email} is disabled, so no link would work; `keyrack user enable {email}` lets the user sign in again"
    ))
}

fn with_links(settings: &Settings, accounts: Accounts) -> Result<Accounts, Failure> {
    let secrets = settings.secrets_for_links()?;
    let outbox = if settings.mail()?.is_some() { Outbox::new(settings.languages()) } else { Outbox::closed() };
    Ok(accounts.with_links(LinkTokens::new(secrets.expose()), outbox))
}

fn print(settings: &Settings, done: &str, email: &Email, link: &AccountLink, as_json: bool) -> Result<(), Failure> {
    let url = format!("{}{}", settings.link_base(), link.path());
    let (expires_at, mailed) = (link.expires_at, link.is_mailed);
    if as_json {
        return output::json(&PrintedLink { email: email.as_str(), url, expires_at, mailed });
    }
    if let Some(assumed) = settings.assumed_link_base() {
        output::error_lines(format_args!(
            "KEYRACK_PUBLIC_URL is not set, so the link assumes that people reach the server at {assumed}; set it for \
             this command as for the server, or change the beginning of the link"
        ));
    }
    let way = if mailed { "The server mails it." } else { "Mail is not set up, so pass it on yourself." };
    output::line(format_args!("{done} The link works once, until {}. {way}", expires_at.to_iso_millis()));
    output::line(format_args!("{url}"));
    Ok(())
}
