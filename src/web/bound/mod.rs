//! Bound sessions: what browsers and Keyrack tell each other about the key that a session is bound to.
//!
//! A browser that can do it (Device Bound Session Credentials) makes a key after a sign-in, which it can't export, and gets a
//! cookie for ten minutes each time that it signs a challenge. That cookie is the proof which a request carries. See
//! `docs/bound-sessions.md`.

mod challenge;
mod cookie;
mod wire;

use actix_web::{cookie::Cookie, http::header::HeaderMap};

use crate::{
    clock::Timestamp,
    config::{self, AppOrigin, PublicUrl, Secrets},
    sessions::{Binding, LiveSession, SessionId},
};
use challenge::Challenges;
pub(super) use challenge::{Challenge, ChallengeUse};
use cookie::{BoundCookie, PresentedProof};
pub(crate) use wire::{BIND, REFRESH};
pub(super) use wire::{
    CHALLENGE_HEADER, REGISTRATION_HEADER, end_of_session, proof_header, requested_session, set_header,
};
use wire::{Instructions, was_refresh_skipped};

/// Binds sessions to browsers, and checks their proofs.
pub(crate) struct BoundSessions {
    /// Whether browsers are asked, and requests without a proof refused.
    is_on: bool,
    cookie: BoundCookie,
    challenges: Challenges,
    instructions: Instructions,
}

/// Marks a request whose session is refused, since it has no proof of the key that the session is bound to.
pub(super) struct UnprovedSession;

/// What the proof of a request says about its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProofCheck {
    /// The session needs none, or it is good until then.
    Passed { until: Option<Timestamp> },
    /// It is good, and the first one: the binding comes into force with it.
    First { until: Timestamp },
    /// There is none, or it is too old.
    Failed(FailedProof),
}

/// Why a request of a bound session is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FailedProof {
    Missing,
    Outdated,
    /// There is none, since the browser could not reach us for it, or did not want to; or it says so.
    Skipped,
}

impl BoundSessions {
    /// A cookie for a whole domain is not bound: the proof would have to go to its other hosts, and browsers bind a session to
    /// one host.
    pub fn new(
        setting: config::BoundSessions,
        cookie_domain: Option<&str>,
        public_url: &PublicUrl,
        app_origins: &[AppOrigin],
        secrets: &Secrets,
    ) -> Self {
        let can_be_bound = public_url.is_secure_context() && cookie_domain.is_none();
        let cookie = BoundCookie::new(public_url, secrets);
        Self {
            is_on: setting == config::BoundSessions::Auto && can_be_bound,
            instructions: Instructions::new(public_url, app_origins, &cookie),
            cookie,
            challenges: Challenges::new(secrets),
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.is_on
    }

    /// The value of the header that asks the browser of a sign-in to bind its session; `None` if it is not asked.
    pub(super) fn registration(&self, id: SessionId, now: Timestamp) -> Option<String> {
        // There is no key yet, so the mark means nothing.
        let challenge = || self.challenges.issue(id, ChallengeUse::Bind, Challenge { made_at: now, after: now });
        self.is_on.then(|| wire::registration("ES256 RS256", BIND, &challenge()))
    }

    /// The value of the header that asks a browser to prove that it has the key of a session.
    pub(super) fn challenge(&self, id: SessionId, challenge: Challenge) -> String {
        wire::challenge(&self.challenges.issue(id, ChallengeUse::Refresh, challenge), id)
    }

    /// The challenge in this text; `None` if it was not made for this session and use, or is too old.
    pub(super) fn open_challenge(
        &self,
        text: &str,
        id: SessionId,
        purpose: ChallengeUse,
        now: Timestamp,
    ) -> Option<Challenge> {
        self.challenges.open(text, id, purpose, now)
    }

    /// What the browser is told once it has bound a session or renewed its proof.
    pub(super) fn instructions(&self, id: SessionId) -> serde_json::Value {
        self.instructions.of(id)
    }

    /// The proof that a request carries from now on.
    pub(super) fn cookie(&self, id: SessionId, now: Timestamp) -> Cookie<'static> {
        self.cookie.issue(id, now)
    }

    /// The cookie that deletes the proof, if the request carries one. A browser that has the key then renews it before its
    /// next request.
    pub(super) fn removal(&self, headers: &HeaderMap) -> Option<Cookie<'static>> {
        self.cookie.is_present(headers).then(|| self.cookie.removal())
    }

    /// The sessions whose proof the request carries.
    pub(super) fn proved_sessions(&self, headers: &HeaderMap, now: Timestamp) -> Vec<SessionId> {
        self.cookie.proved_sessions(headers, now)
    }

    /// Checks the proof of a request for its session. Reads no table.
    pub(super) fn check(&self, session: &LiveSession, headers: &HeaderMap, now: Timestamp) -> ProofCheck {
        if session.binding == Binding::Unbound || !self.is_on {
            return ProofCheck::Passed { until: None };
        }
        let proof = self.cookie.find(headers, session.id, now);
        match (proof, session.binding) {
            (PresentedProof::Good { until }, Binding::Unconfirmed) => ProofCheck::First { until },
            (PresentedProof::Good { until }, _) => ProofCheck::Passed { until: Some(until) },
            _ if !session.binding.is_enforced(now) => ProofCheck::Passed { until: None },
            // Anyone can send the header, so it lets no request in: it only tells what the answer is.
            _ if was_refresh_skipped(headers) => ProofCheck::Failed(FailedProof::Skipped),
            (PresentedProof::Outdated, _) => ProofCheck::Failed(FailedProof::Outdated),
            (PresentedProof::Missing, _) => ProofCheck::Failed(FailedProof::Missing),
        }
    }
}

#[cfg(test)]
mod tests;
