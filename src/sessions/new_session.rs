//! What a sign-in starts a session with.

use super::{
    binding::Binding,
    browsers::{BrowserIdHash, SignInBrowser},
    checked_factor::CheckedFactor,
    data::DataPatch,
    model::{Client, Proof, Sid, UsedPasskey},
    sent_form::SentForm,
    way_in::WayIn,
};
use crate::{
    clock::Timestamp,
    db::{FormId, SessionId, UserId},
};

/// A sign-in: the user, their device, and how long the session lives.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// The user, already authenticated.
    pub user_id: UserId,
    /// The proof by password; `None` if the user was authenticated in another way.
    pub proof: Option<Proof>,
    /// "Keep me signed in".
    pub remember: bool,
    /// The device.
    pub client: Client,
    /// The application's first data for the session.
    pub data: DataPatch,
    /// The sid that the browser already has, whether its session is alive or not. No request succeeds with it
    /// afterwards.
    pub previous_sid: Option<Sid>,
    /// Further sids that it has, if another site of the domain has planted some. Nor does one with these.
    pub other_sids: Vec<Sid>,
    /// Until when the browser signs in without a second factor from now on; `None` if that does not change.
    pub trust_until: Option<Timestamp>,
    /// The browser, to be known to the account from now on; `None` if the sign-in does not tell.
    pub browser: Option<SignInBrowser>,
    /// The form that was sent, if it may be sent twice.
    pub form: Option<SentForm>,
    /// The sessions that are bound to the browser, as its cookies prove.
    pub bound_sessions: Vec<SessionId>,
}

impl NewSession {
    /// A sign-in of which only the user is known.
    pub fn of(user_id: UserId) -> Self {
        Self {
            user_id,
            proof: None,
            remember: false,
            client: Client::default(),
            data: DataPatch::default(),
            previous_sid: None,
            other_sids: Vec::new(),
            trust_until: None,
            browser: None,
            form: None,
            bound_sessions: Vec::new(),
        }
    }

    /// What lets the session in.
    pub(super) fn way_in(&self) -> WayIn {
        match &self.proof {
            Some(proof) if proof.must_change_password => WayIn::OneTimePassword(proof.way_in.second_factor()),
            Some(proof) => proof.way_in,
            None => WayIn::Application,
        }
    }

    /// The passkey that lets the session in, alone or as the second factor.
    pub(super) fn passkey(&self) -> Option<UsedPasskey> {
        self.proof.as_ref().and_then(|proof| proof.passkey)
    }

    /// When the passkey was added that lets the session in without anything else, if one does.
    pub(super) fn passkey_added_at(&self) -> Option<Timestamp> {
        self.passkey().filter(|_| self.way_in() == WayIn::Passkey).map(|passkey| passkey.added_at)
    }

    /// What was checked besides the password, as the database had it.
    pub(super) fn checked_factor(&self) -> Option<&CheckedFactor> {
        self.proof.as_ref().and_then(|proof| proof.second_factor.as_ref())
    }

    /// Whether the user gave the account's password, which is good for more sign-ins, and nothing else.
    pub(super) fn is_by_password(&self) -> bool {
        self.way_in() == WayIn::Password(None)
    }

    pub(super) fn must_change_password(&self) -> bool {
        self.way_in().is_one_time()
    }

    pub(super) fn presented_sids(&self) -> impl Iterator<Item = &Sid> {
        self.previous_sid.iter().chain(&self.other_sids)
    }

    /// Whether a session with this binding is one of its browser: it is not bound, or the browser has proved that it is bound
    /// to it.
    pub(super) fn has_proved(&self, id: SessionId, binding: Binding, now: Timestamp) -> bool {
        !binding.is_enforced(now) || self.bound_sessions.contains(&id)
    }

    /// Whether the browser may bind this session: it has shown no proof of a key for it.
    pub(super) fn can_bind(&self, id: SessionId) -> bool {
        !self.bound_sessions.contains(&id)
    }

    /// The id by which its form finds the session that it starts, if the form has started so many before; `None` if it
    /// has started too many, or there is no form.
    pub(super) fn form_id(&self, started_before: u32) -> Option<FormId> {
        self.form.as_ref().and_then(|form| form.id(started_before))
    }

    /// Its browser, which gets an id from the form, if that has started so many sessions before. The browser presents that
    /// one, too: the account may know it by a sign-in whose history was deleted.
    pub(super) fn browser_of_form(&self, started_before: u32) -> Option<SignInBrowser> {
        let SignInBrowser { presented, new, language } = self.browser.as_ref()?;
        let of_form = self.form.as_ref().and_then(|form| form.browser_id(started_before));
        let of_form = of_form.map(|id| BrowserIdHash::of(&id));
        Some(SignInBrowser {
            presented: presented.iter().chain(&of_form).cloned().collect(),
            new: of_form.unwrap_or_else(|| new.clone()),
            language: *language,
        })
    }
}
