//! Challenges, and what answers them.

use serde::{Deserialize, Serialize};
use webauthn_rs::prelude::{
    AuthenticationResult, CreationChallengeResponse, DiscoverableAuthentication, DiscoverableKey, PasskeyRegistration,
    PublicKeyCredential, RegisterPublicKeyCredential, RequestChallengeResponse, Uuid, WebauthnError,
};
use webauthn_rs_proto::{AllowCredentials, CollectedClientData, PublicKeyCredentialDescriptor, ResidentKeyRequirement};

use super::{
    credential::{StoredCredential, VerifiedUse, encode_id},
    relying_party::{NoPasskeys, RelyingParty},
};
use crate::{
    clock::Timestamp,
    db::UserId,
    error::{Error, Result},
    sessions::User,
};

/// Longer answers are not read. Those of browsers have about 2,000 bytes.
const MAX_ANSWER_BYTES: usize = 8 * 1024;

/// A challenge that was sent to a browser, as its form brings it back. The signature of the form was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PasskeyChallenge {
    /// What webauthn-rs needs to check the answer: JSON.
    pub state: String,
    pub made_at: Timestamp,
}

/// What a browser is asked.
#[derive(Debug, Clone)]
pub(crate) struct PasskeyRequest {
    /// The options for `navigator.credentials`: JSON.
    pub options: String,
    pub challenge: PasskeyChallenge,
}

/// Why an answer is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::accounts) enum Rejection {
    /// It is not one to this challenge, on this site, by this passkey and after its user was verified.
    Wrong,
    /// Its counter is not higher than that of an earlier answer: the passkey may have been copied.
    Copied,
}

/// An answer that was read, but not checked yet.
pub(in crate::accounts) struct ReadAnswer {
    credential: PublicKeyCredential,
    /// The id of the passkey, as it is stored.
    pub credential_id: String,
    /// Whose passkey it says that it is.
    pub user_handle: Option<Uuid>,
}

impl ReadAnswer {
    /// Reads the JSON of a form; `None` if it is no answer.
    pub fn parse(json: &str) -> Option<Self> {
        let credential: PublicKeyCredential = parse(json)?;
        let credential_id = encode_id(credential.get_credential_id());
        let user_handle = credential.get_user_unique_id().map(Uuid::from_slice);
        let user_handle = user_handle.transpose().ok()?;
        Some(Self { credential, credential_id, user_handle })
    }
}

fn parse<T: for<'a> Deserialize<'a>>(json: &str) -> Option<T> {
    if json.len() > MAX_ANSWER_BYTES {
        return None;
    }
    serde_json::from_str(json).ok()
}

impl RelyingParty {
    /// Asks for a passkey: for one of `allowed`, or, if that is empty, for any that the device has for this site.
    pub(in crate::accounts) fn request(
        &self,
        allowed: &[StoredCredential],
        now: Timestamp,
    ) -> Result<Result<PasskeyRequest, NoPasskeys>> {
        let webauthn = match self.webauthn() {
            Ok(webauthn) => webauthn,
            Err(reason) => return Ok(Err(reason)),
        };
        let (RequestChallengeResponse { mut public_key, .. }, state) =
            webauthn.start_discoverable_authentication().map_err(Error::internal)?;
        for credential in allowed {
            let (id, transports) = (credential.id()?.to_vec().into(), credential.transports());
            let transports = Some(transports).filter(|transports| !transports.is_empty());
            public_key.allow_credentials.push(AllowCredentials { type_: "public-key".to_owned(), id, transports });
        }
        // An unlocked device would answer them at no gain.
        public_key.extensions = None;
        new_request(&public_key, &state, now).map(Ok)
    }

    /// Asks for a new passkey of this user. A device that has one of `existing` refuses.
    pub(in crate::accounts) fn request_new(
        &self,
        user: &User,
        existing: &[StoredCredential],
        now: Timestamp,
    ) -> Result<Result<PasskeyRequest, NoPasskeys>> {
        let webauthn = match self.webauthn() {
            Ok(webauthn) => webauthn,
            Err(reason) => return Ok(Err(reason)),
        };
        let shown_name = user.display_name();
        let (CreationChallengeResponse { mut public_key }, state) = webauthn
            .start_passkey_registration(user_handle(user.id), &user.email, &shown_name, None)
            .map_err(Error::internal)?;
        // Not by webauthn-rs, whose state the form carries: their ids can be long. The table decides in the end.
        let exclude = existing.iter().map(exclude).collect::<Result<Vec<_>>>()?;
        public_key.exclude_credentials = Some(exclude);
        // Only a passkey that the device finds by the site lets its user in without an address.
        if let Some(selection) = &mut public_key.authenticator_selection {
            selection.resident_key = Some(ResidentKeyRequirement::Required);
            selection.require_resident_key = true;
        }
        new_request(&public_key, &state, now).map(Ok)
    }

    /// Checks the answer of a device that was asked for a new passkey; `None` if it is not accepted.
    pub(in crate::accounts) fn check_new(
        &self,
        challenge: &PasskeyChallenge,
        answer: &str,
    ) -> Result<Option<StoredCredential>> {
        let (Ok(webauthn), Some(answer)) = (self.webauthn(), parse::<RegisterPublicKeyCredential>(answer)) else {
            return Ok(None);
        };
        let Ok(state) = serde_json::from_str::<PasskeyRegistration>(&challenge.state) else { return Ok(None) };
        if is_cross_origin(answer.response.client_data_json.as_slice()) {
            return Ok(None);
        }
        let is_discoverable = answer.extensions.cred_props.as_ref().and_then(|props| props.rk) != Some(false);
        match webauthn.finish_passkey_registration(&answer, &state) {
            Ok(passkey) if is_discoverable => StoredCredential::new(passkey, &answer),
            Ok(_) => Ok(None),
            Err(error) => {
                tracing::debug!(%error, "new passkey not accepted");
                Ok(None)
            }
        }
    }

    /// Checks an answer of this passkey. `counter` is what its counter has to exceed, unless both are 0.
    pub(in crate::accounts) fn check(
        &self,
        challenge: &PasskeyChallenge,
        answer: &ReadAnswer,
        (stored, counter): (&StoredCredential, u32),
        form: &str,
    ) -> Result<Result<VerifiedUse, Rejection>> {
        let Ok(webauthn) = self.webauthn() else { return Ok(Err(Rejection::Wrong)) };
        let Ok(state) = serde_json::from_str::<DiscoverableAuthentication>(&challenge.state) else {
            return Ok(Err(Rejection::Wrong));
        };
        if is_cross_origin(answer.credential.response.client_data_json.as_slice()) {
            return Ok(Err(Rejection::Wrong));
        }
        let key = DiscoverableKey::from(stored.to_passkey(counter)?);
        let checked = webauthn.finish_discoverable_authentication(&answer.credential, state, &[key]);
        Ok(match checked {
            Ok(result) if AuthenticationResult::user_verified(&result) => {
                Ok(VerifiedUse::new(&result, challenge.made_at, form))
            }
            Err(WebauthnError::CredentialPossibleCompromise) => Err(Rejection::Copied),
            Ok(_) => Err(Rejection::Wrong),
            Err(error) => {
                tracing::debug!(%error, "answer of a passkey not accepted");
                Err(Rejection::Wrong)
            }
        })
    }
}

/// What devices store as the user of a passkey: the bytes of the id, which tell nothing about them.
pub(in crate::accounts) fn user_handle(user: UserId) -> Uuid {
    Uuid::from_bytes(*user.as_bytes())
}

/// Whether the answer was given in a frame of another site, or does not say where. Keyrack's pages can't be framed, so no
/// answer of theirs was.
fn is_cross_origin(client_data_json: &[u8]) -> bool {
    let client_data = serde_json::from_slice::<CollectedClientData>(client_data_json);
    client_data.map_or(true, |data| data.cross_origin == Some(true))
}

fn exclude(credential: &StoredCredential) -> Result<PublicKeyCredentialDescriptor> {
    let (id, transports) = (credential.id()?.to_vec().into(), credential.transports());
    let transports = Some(transports).filter(|transports| !transports.is_empty());
    Ok(PublicKeyCredentialDescriptor { type_: "public-key".to_owned(), id, transports })
}

fn new_request(options: &impl Serialize, state: &impl Serialize, now: Timestamp) -> Result<PasskeyRequest> {
    let json = |value: serde_json::Result<String>| value.map_err(Error::internal);
    let challenge = PasskeyChallenge { state: json(serde_json::to_string(state))?, made_at: now };
    Ok(PasskeyRequest { options: json(serde_json::to_string(options))?, challenge })
}
