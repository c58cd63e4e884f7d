//! A sensitive change that waits until the user has proved again who they are.
//!
//! The form that asked for it is not lost: the page that asks for the password carries the change as a code with a
//! signature, and it is made after the proof. The signature is bound to the sid, which the proof replaces, so a change
//! is made once at most. It holds no text that was typed, never a password.

use std::time::Duration;

use actix_web::{HttpMessage, HttpRequest};

use super::{
    received_form::{ReceivedForm, WaitingChange},
    signing::Signer,
};
use crate::{
    clock::Timestamp,
    config::Secrets,
    db::PasskeyId,
    sessions::{SessionId, Sid},
};

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PendingChange {
    /// To end this session of the user.
    Revoke(SessionId),
    /// To end these sessions of the user.
    RevokeSelected(Vec<SessionId>),
    /// To end all other sessions of the user.
    RevokeOthers,
    /// To end all sessions of the user, with the one that asks for it.
    RevokeAll,
    /// To end this session of the user, who has not started it.
    Report(SessionId),
    /// To remove the authenticator app of the user.
    RemoveSecondFactor,
    /// To make new recovery codes.
    RenewRecoveryCodes,
    /// To ask for a code again on the browser of this session of the user.
    ForgetBrowser(SessionId),
    /// To ask for a code again on all browsers of the user.
    ForgetBrowsers,
    /// To remove this passkey of the user.
    RemovePasskey(PasskeyId),
}

/// The sessions that the form of a request names, for a change that waits. The form's extractor puts them into the request's
/// extensions.
pub(super) struct SelectedSessions(pub Vec<SessionId>);

/// How long a change waits for the password.
const LIFETIME: Duration = Duration::from_secs(10 * 60);

/// Longer values are ignored. Keyrack's own have about 110 bytes, and 2 kB with as many sessions as a page shows.
const MAX_BYTES: usize = 4096;

/// Maximum sessions that are selected in one change. A page shows fewer.
const MAX_SELECTED: usize = 100;

/// Separates the parts. Neither UUIDs, numbers nor base64url contain it.
const SEPARATOR: char = '.';

/// Separates the ids of selected sessions.
const ID_SEPARATOR: char = '_';

const REVOKE: &str = "revoke";
const REVOKE_SELECTED: &str = "revoke-selected";
const REVOKE_OTHERS: &str = "revoke-others";
const REVOKE_ALL: &str = "revoke-all";
const REPORT: &str = "report";
const REMOVE_SECOND_FACTOR: &str = "remove-second-factor";
const RENEW_RECOVERY_CODES: &str = "renew-recovery-codes";
const FORGET_BROWSER: &str = "forget-browser";
const FORGET_BROWSERS: &str = "forget-browsers";
const REMOVE_PASSKEY: &str = "remove-passkey";

impl PendingChange {
    /// The change that a form asks for; `None` if none can be made later.
    pub fn of(request: &HttpRequest) -> Option<Self> {
        let id = || request.match_info().get("id")?.parse().ok();
        match ReceivedForm::of(request).waiting? {
            WaitingChange::RevokeOne => id().map(Self::Revoke),
            WaitingChange::RevokeSelected => {
                let selected = request.extensions().get::<SelectedSessions>()?.0.clone();
                (1..=MAX_SELECTED).contains(&selected.len()).then_some(Self::RevokeSelected(selected))
            }
            WaitingChange::RevokeOthers => Some(Self::RevokeOthers),
            WaitingChange::RevokeAll => Some(Self::RevokeAll),
            WaitingChange::Report => id().map(Self::Report),
            WaitingChange::RemoveSecondFactor => Some(Self::RemoveSecondFactor),
            WaitingChange::RenewRecoveryCodes => Some(Self::RenewRecoveryCodes),
            WaitingChange::ForgetBrowser => id().map(Self::ForgetBrowser),
            WaitingChange::ForgetBrowsers => Some(Self::ForgetBrowsers),
            WaitingChange::RemovePasskey => request.match_info().get("id")?.parse().ok().map(Self::RemovePasskey),
        }
    }

    fn code(&self) -> String {
        match self {
            Self::Revoke(id) => format!("{REVOKE}{SEPARATOR}{id}"),
            Self::RevokeSelected(ids) => {
                let ids: Vec<String> = ids.iter().map(SessionId::to_string).collect();
                format!("{REVOKE_SELECTED}{SEPARATOR}{}", ids.join(&ID_SEPARATOR.to_string()))
            }
            Self::RevokeOthers => format!("{REVOKE_OTHERS}{SEPARATOR}"),
            Self::RevokeAll => format!("{REVOKE_ALL}{SEPARATOR}"),
            Self::Report(id) => format!("{REPORT}{SEPARATOR}{id}"),
            Self::RemoveSecondFactor => format!("{REMOVE_SECOND_FACTOR}{SEPARATOR}"),
            Self::RenewRecoveryCodes => format!("{RENEW_RECOVERY_CODES}{SEPARATOR}"),
            Self::ForgetBrowser(id) => format!("{FORGET_BROWSER}{SEPARATOR}{id}"),
            Self::ForgetBrowsers => format!("{FORGET_BROWSERS}{SEPARATOR}"),
            Self::RemovePasskey(id) => format!("{REMOVE_PASSKEY}{SEPARATOR}{id}"),
        }
    }

    fn parse(code: &str) -> Option<Self> {
        match code.split_once(SEPARATOR)? {
            (REVOKE, id) => id.parse().ok().map(Self::Revoke),
            (REVOKE_SELECTED, ids) => {
                let ids: Result<_, _> = ids.split(ID_SEPARATOR).map(str::parse).collect();
                ids.ok().map(Self::RevokeSelected)
            }
            (REVOKE_OTHERS, "") => Some(Self::RevokeOthers),
            (REVOKE_ALL, "") => Some(Self::RevokeAll),
            (REMOVE_PASSKEY, id) => id.parse().ok().map(Self::RemovePasskey),
            (REPORT, id) => id.parse().ok().map(Self::Report),
            (REMOVE_SECOND_FACTOR, "") => Some(Self::RemoveSecondFactor),
            (RENEW_RECOVERY_CODES, "") => Some(Self::RenewRecoveryCodes),
            (FORGET_BROWSER, id) => id.parse().ok().map(Self::ForgetBrowser),
            (FORGET_BROWSERS, "") => Some(Self::ForgetBrowsers),
            _ => None,
        }
    }
}

/// Signs and verifies pending changes.
#[derive(Clone)]
pub(crate) struct PendingChanges(Signer);

impl PendingChanges {
    pub fn new(secrets: &Secrets) -> Self {
        Self(Signer::derived(secrets, "pending change"))
    }

    /// The text for the form that asks for the password. Only a change whose form token was right may be signed.
    pub(super) fn seal(&self, change: &PendingChange, sid: &Sid, now: Timestamp) -> String {
        let expiring = format!("{}{SEPARATOR}{}", change.code(), (now + LIFETIME).as_micros());
        let signature = self.0.sign(message(&expiring, sid).as_bytes());
        format!("{expiring}{SEPARATOR}{signature}")
    }

    /// The change in such a text; `None` if it is not genuine, belongs to another sid, or has expired.
    pub(super) fn open(&self, text: &str, sid: &Sid, now: Timestamp) -> Option<PendingChange> {
        if text.len() > MAX_BYTES {
            return None;
        }
        let (expiring, signature) = text.rsplit_once(SEPARATOR)?;
        self.0.verify(message(expiring, sid).as_bytes(), signature)?;
        let (code, expiry) = expiring.rsplit_once(SEPARATOR)?;
        Timestamp::parse_micros(expiry).filter(|expiry| now < *expiry)?;
        PendingChange::parse(code)
    }
}

fn message(expiring: &str, sid: &Sid) -> String {
    format!("{expiring}{SEPARATOR}{}", sid.expose())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_769_600_000_000_000);

    fn changes() -> PendingChanges {
        PendingChanges::new(&"pending 7Qm2xV9rTb4K".parse().unwrap())
    }

    #[test]
    fn change_is_read_under_its_own_sid_only() {
        let (changes, sid, other) = (changes(), Sid::random().unwrap(), Sid::random().unwrap());
        let id = SessionId::random();
        let selected = (0..MAX_SELECTED).map(|_| SessionId::random()).collect();
        for change in [
            PendingChange::Revoke(id),
            PendingChange::RevokeSelected(selected),
            PendingChange::RevokeOthers,
            PendingChange::RevokeAll,
            PendingChange::Report(id),
            PendingChange::RemoveSecondFactor,
            PendingChange::RenewRecoveryCodes,
            PendingChange::ForgetBrowser(id),
            PendingChange::ForgetBrowsers,
        ] {
            let text = changes.seal(&change, &sid, NOW);
            assert!(text.len() < MAX_BYTES && !text.contains(sid.expose()), "{text}");
            assert_eq!(changes.open(&text, &other, NOW), None);
            assert_eq!(changes.open(&text, &sid, NOW), Some(change));
        }
    }

    #[test]
    fn change_expires() {
        let (changes, sid) = (changes(), Sid::random().unwrap());
        let text = changes.seal(&PendingChange::RevokeOthers, &sid, NOW);
        let last = NOW + LIFETIME - Duration::from_micros(1);
        assert_eq!(changes.open(&text, &sid, last), Some(PendingChange::RevokeOthers));
        assert_eq!(changes.open(&text, &sid, NOW + LIFETIME), None);
    }

    #[test]
    fn forged_change_is_ignored() {
        let (changes, sid) = (changes(), Sid::random().unwrap());
        let text = changes.seal(&PendingChange::Revoke(SessionId::random()), &sid, NOW);
        let (expiring, signature) = text.rsplit_once('.').unwrap();
        let other = format!("revoke.{}.{}.{signature}", SessionId::random(), (NOW + LIFETIME).as_micros());
        let later = expiring.replace(&(NOW + LIFETIME).as_micros().to_string(), "9999999999999999");
        let long = format!("{text}{}", "x".repeat(MAX_BYTES));
        for forged in [
            "",
            ".",
            "..",
            "revoke-others..9999999999999999.",
            &other,
            expiring,
            &format!("{later}.{signature}"),
            &long,
        ] {
            assert_eq!(changes.open(forged, &sid, NOW), None, "{forged}");
        }
    }
}
