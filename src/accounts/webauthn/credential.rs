//! A passkey as it is stored, in the terms of webauthn-rs.

use std::collections::BTreeSet;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use webauthn_rs::prelude::{
    AttestationFormat, AuthenticationResult, COSEKey, Credential, CredentialID, ParsedAttestation, Passkey,
    RegisterPublicKeyCredential,
};
use webauthn_rs_proto::{AuthenticatorTransport, RegisteredExtensions, UserVerificationPolicy};

use super::provider::{Aaguid, find_aaguid};
use crate::{
    clock::Timestamp,
    error::{Error, Result},
};

/// The longest id of a passkey (Web Authentication level 3, section 7.1).
const MAX_ID_BYTES: usize = 1023;

/// What webauthn-rs calls a transport that it does not know.
const UNKNOWN_TRANSPORT: &str = "unknown";

/// What the row of a passkey keeps of the key itself.
#[derive(Debug, Clone)]
pub(in crate::accounts) struct StoredCredential {
    /// Its id in base64url.
    pub credential_id: String,
    /// The public key in JSON.
    pub public_key: String,
    /// How browsers reach it, separated by blanks.
    pub transports: String,
    pub aaguid: String,
    pub counter: u32,
    pub backup_eligible: bool,
    pub backed_up: bool,
}

/// A verified answer, to be recorded in the row.
#[derive(Debug, Clone)]
pub(in crate::accounts) struct VerifiedUse {
    /// When its challenge was made.
    pub challenged_at: Timestamp,
    /// Names the form that has sent it.
    pub form: String,
    pub counter: u32,
    pub backed_up: bool,
}

impl StoredCredential {
    /// What to store of a new passkey; `None` if its id is longer than an id may be.
    pub fn new(passkey: Passkey, answer: &RegisterPublicKeyCredential) -> Result<Option<Self>> {
        let credential = Credential::from(passkey);
        if credential.cred_id.len() > MAX_ID_BYTES {
            return Ok(None);
        }
        // webauthn-rs takes them over with an attestation only. Each once, since nothing keeps a client from repeating them.
        let transports = answer.response.transports.iter().flatten().map(ToString::to_string);
        let transports: BTreeSet<String> = transports.filter(|word| word != UNKNOWN_TRANSPORT).collect();
        Ok(Some(Self {
            credential_id: encode_id(credential.cred_id.as_slice()),
            public_key: serde_json::to_string(&credential.cred).map_err(Error::internal)?,
            transports: Vec::from_iter(transports).join(" "),
            aaguid: find_aaguid(answer.response.attestation_object.as_slice()).unwrap_or(Aaguid::UNKNOWN).to_string(),
            counter: credential.counter,
            backup_eligible: credential.backup_eligible,
            backed_up: credential.backup_state,
        }))
    }

    /// The passkey, for checking an answer. `counter` is what the answer's counter has to exceed.
    pub(in crate::accounts) fn to_passkey(&self, counter: u32) -> Result<Passkey> {
        let cred: COSEKey = serde_json::from_str(&self.public_key).map_err(Error::internal)?;
        Ok(Passkey::from(Credential {
            cred_id: self.id()?,
            cred,
            counter,
            transports: None,
            user_verified: true,
            backup_eligible: self.backup_eligible,
            backup_state: self.backed_up,
            registration_policy: UserVerificationPolicy::Required,
            extensions: RegisteredExtensions::none(),
            attestation: ParsedAttestation::default(),
            attestation_format: AttestationFormat::None,
        }))
    }

    pub(in crate::accounts) fn id(&self) -> Result<CredentialID> {
        let id = BASE64_URL_SAFE_NO_PAD.decode(&self.credential_id).map_err(Error::internal)?;
        Ok(CredentialID::from(id))
    }

    /// The transports, as hints for browsers.
    pub(in crate::accounts) fn transports(&self) -> Vec<AuthenticatorTransport> {
        self.transports.split(' ').filter_map(|word| word.parse().ok()).collect()
    }
}

impl VerifiedUse {
    pub(in crate::accounts) fn new(result: &AuthenticationResult, challenged_at: Timestamp, form: &str) -> Self {
        Self { challenged_at, form: form.to_owned(), counter: result.counter(), backed_up: result.backup_state() }
    }
}

/// A credential's id as it is stored.
pub(in crate::accounts) fn encode_id(id: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(id)
}
