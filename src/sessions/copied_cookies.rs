//! Copied cookies: the one by which an account knows a browser can be copied to another device.

use super::{
    browsers::{BrowserIdHash, SignInBrowser},
    device::{ClientHints, Device},
    model::Client,
    queries::{self, BrowserDevice},
};
use crate::{
    db::{DbConnection, UserId},
    error::Result,
};

/// The browser without the ids that were last used on a device of another kind, or with another system. A sign-in with
/// such an id is one on a new browser: it gets an id of its own, and does not take over the session of the other
/// device.
pub(super) fn without_ids_of_other_devices(
    connection: &mut DbConnection,
    user: UserId,
    browser: SignInBrowser,
    client: &Client,
) -> Result<SignInBrowser> {
    let devices = queries::devices_of_browsers(connection, user, &browser.presented)?;
    let is_other = |hash: &BrowserIdHash| devices.iter().any(|last| last.hash == *hash && !may_be_of(last, client));
    // The id of the form was not in a cookie.
    let keeps = |hash: &&BrowserIdHash| **hash == browser.new || !is_other(hash);
    let presented = browser.presented.iter().filter(keeps).cloned().collect();
    Ok(SignInBrowser { presented, ..browser })
}

fn may_be_of(last: &BrowserDevice, client: &Client) -> bool {
    let (Some(last_agent), Some(agent)) = (&last.user_agent, &client.user_agent) else { return true };
    let device =
        |agent: &str, hints: Option<&str>| Device::recognise(agent, hints.and_then(ClientHints::parse).as_ref());
    last_agent == agent
        || device(last_agent, last.client_hints.as_deref()).may_be(&device(agent, client.client_hints.as_deref()))
}
