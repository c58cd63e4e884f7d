//! `keyrack user invite` and `keyrack user reset-link`: print a link, and mail it if mail is set up.

use serde::Serialize;

use super::{Failure, output, settings::Settings};
use crate::{
    accounts::{AccountLink, Accounts, CreateUserError, Email, InvitedUser},
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
    let link = with_links(settings, accounts)?.create_reset_link(email, None).await?;
    let link = link.ok_or_else(|| {
        Failure::failed(format!("no user {email} who can sign in; `keyrack user list` shows all users and their state"))
    })?;
    print(settings, &format!("Made a link with which {email} sets a new password."), email, &link, as_json)
}

fn with_links(settings: &Settings, accounts: Accounts) -> Result<Accounts, Failure> {
    let secrets = settings.secrets_for_links()?;
    let outbox = if settings.mail()?.is_some() { Outbox::new(settings.first_language()) } else { Outbox::closed() };
    Ok(accounts.with_links(LinkTokens::new(secrets.expose()), outbox))
}

fn print(settings: &Settings, done: &str, email: &Email, link: &AccountLink, as_json: bool) -> Result<(), Failure> {
    let url = format!("{}{}", settings.link_base(), link.path());
    let (expires_at, mailed) = (link.expires_at, link.is_mailed);
    if as_json {
        return output::json(&PrintedLink { email: email.as_str(), url, expires_at, mailed });
    }
    let way = if mailed { "The server mails it." } else { "Mail is not set up, so pass it on yourself." };
    output::line(format_args!("{done} The link works once, until {}. {way}", expires_at.to_iso_millis()));
    output::line(format_args!("{url}"));
    Ok(())
}
