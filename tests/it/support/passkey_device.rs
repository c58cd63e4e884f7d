//! A browser's passkeys in software (passkey-rs), which know no more of Keyrack than what its pages ask.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use passkey::{
    authenticator::{Authenticator, UiHint, UserCheck, UserValidationMethod},
    client::{Client, DefaultClientData, WebauthnError},
    crypto::rust_crypto::RustCryptoBackend,
    types::{
        Passkey,
        ctap2::{Aaguid, Ctap2Error},
        webauthn::{CredentialCreationOptions, CredentialRequestOptions},
    },
};
use public_suffix::PublicSuffixList;
use serde_json::{Value, json};

use super::app::wait;

/// A device with at most one passkey, and a browser at one origin.
pub struct PasskeyDevice {
    pub origin: String,
    aaguid: Aaguid,
    passkey: Option<Passkey>,
    has_counter: bool,
    verifies_user: bool,
}

type SoftwareClient = Client<Option<Passkey>, Confirmation, RustCryptoBackend, PublicSuffixList, ()>;

/// Confirms at once, after checking who its user is or not.
struct Confirmation(bool);

#[async_trait::async_trait]
impl UserValidationMethod for Confirmation {
    type PasskeyItem = Passkey;

    async fn check_user<'a>(
        &self,
        _: UiHint<'a, Passkey>,
        _: bool,
        verification: bool,
    ) -> Result<UserCheck, Ctap2Error> {
        Ok(UserCheck { presence: true, verification: verification && self.0 })
    }

    fn is_presence_enabled(&self) -> bool {
        true
    }

    fn is_verification_enabled(&self) -> Option<bool> {
        Some(self.0)
    }
}

impl PasskeyDevice {
    /// A device whose passkeys have no counter, as most have.
    pub fn new(origin: &str) -> Self {
        Self {
            origin: origin.to_owned(),
            aaguid: Aaguid::new_empty(),
            passkey: None,
            has_counter: false,
            verifies_user: true,
        }
    }

    /// One that counts its signatures.
    pub fn with_counter(origin: &str) -> Self {
        Self { has_counter: true, ..Self::new(origin) }
    }

    /// One of this model.
    pub fn of_model(origin: &str, aaguid: [u8; 16]) -> Self {
        Self { aaguid: Aaguid(aaguid), ..Self::new(origin) }
    }

    /// One that does not check who uses it.
    pub fn without_verification(self) -> Self {
        Self { verifies_user: false, ..self }
    }

    /// Another device, with a copy of the passkey as it is now.
    pub fn copy(&self) -> Self {
        Self { passkey: self.passkey.clone(), origin: self.origin.clone(), ..*self }
    }

    /// Makes a passkey for these options. Returns what the browser's script would put into the form.
    pub fn create(&mut self, options: &Value) -> String {
        let options: CredentialCreationOptions = serde_json::from_value(json!({ "publicKey": options })).unwrap();
        let origin = self.origin.parse::<url::Url>().unwrap();
        let mut client = self.client();
        let created = wait(client.register(&origin, options, DefaultClientData)).unwrap();
        self.passkey.clone_from(client.authenticator().store());
        in_base64(serde_json::to_value(&created).unwrap()).to_string()
    }

    /// Answers these options with its passkey.
    pub fn answer(&mut self, options: &Value) -> String {
        self.try_answer(options).unwrap()
    }

    /// The same; fails if they ask for other passkeys.
    pub fn try_answer(&mut self, options: &Value) -> Result<String, WebauthnError> {
        let options: CredentialRequestOptions = serde_json::from_value(json!({ "publicKey": options })).unwrap();
        let origin = self.origin.parse::<url::Url>().unwrap();
        let mut client = self.client();
        let answer = wait(client.authenticate(&origin, options, DefaultClientData))?;
        self.passkey.clone_from(client.authenticator().store());
        Ok(in_base64(serde_json::to_value(&answer).unwrap()).to_string())
    }

    /// Makes a passkey whose id has so many bytes. Its answers need [`PasskeyDevice::long_id`] in place of their own.
    pub fn create_with_long_id(&mut self, options: &Value, bytes: usize) -> String {
        let mut created: Value = serde_json::from_str(&self.create(options)).unwrap();
        let id = created["rawId"].as_str().unwrap().to_owned();
        let own = BASE64_URL_SAFE_NO_PAD.decode(id).unwrap();
        let object = BASE64_URL_SAFE_NO_PAD.decode(created["response"]["attestationObject"].as_str().unwrap()).unwrap();
        let long = Self::long_id(bytes);
        let object = BASE64_URL_SAFE_NO_PAD.encode(with_id(&object, &own, &long));
        let id = BASE64_URL_SAFE_NO_PAD.encode(long);
        created["response"]["attestationObject"] = object.into();
        // What else repeats it is optional.
        for copy in ["authenticatorData", "publicKey", "publicKeyAlgorithm"] {
            created["response"].as_object_mut().unwrap().remove(copy);
        }
        (created["id"], created["rawId"]) = (id.clone().into(), id.into());
        created.to_string()
    }

    /// An id of so many bytes.
    pub fn long_id(bytes: usize) -> Vec<u8> {
        (0..bytes).map(|place| u8::try_from(place % 251).unwrap()).collect()
    }

    /// Answers as a device whose passkey has this id. No signature covers it.
    pub fn answer_with_id(&mut self, options: &Value, id: &[u8]) -> String {
        let mut answer: Value = serde_json::from_str(&self.answer(options)).unwrap();
        let id = BASE64_URL_SAFE_NO_PAD.encode(id);
        (answer["id"], answer["rawId"]) = (id.clone().into(), id.into());
        answer.to_string()
    }

    fn client(&self) -> SoftwareClient {
        let confirmation = Confirmation(self.verifies_user);
        let mut authenticator = Authenticator::new(self.aaguid, self.passkey.clone(), confirmation, RustCryptoBackend);
        authenticator.set_make_credentials_with_signature_counter(self.has_counter);
        Client::new(authenticator).allows_insecure_localhost(true)
    }
}

/// Puts another id into an attestation object (CBOR, without a signature): its bytes, their length, and the length of the
/// byte string around them.
fn with_id(object: &[u8], own: &[u8], id: &[u8]) -> Vec<u8> {
    let key = b"authData";
    let after_key = object.windows(key.len()).position(|window| window == key).unwrap() + key.len();
    let (header, length) = match object[after_key] {
        0x58 => (2, usize::from(object[after_key + 1])),
        0x59 => (3, usize::from(u16::from_be_bytes([object[after_key + 1], object[after_key + 2]]))),
        other => panic!("not a byte string: {other:#x}"),
    };
    let (start, end) = (after_key + header, after_key + header + length);
    let data = &object[start..end];
    let at = data.windows(own.len()).position(|window| window == own).unwrap();
    let length_of = |bytes: usize| u16::try_from(bytes).unwrap().to_be_bytes();
    let data = [&data[..at - 2], &length_of(id.len()), id, &data[at + own.len()..]].concat();
    [&object[..after_key], &[0x59], &length_of(data.len()), &data, &object[end..]].concat()
}

/// Writes bytes as browsers do: in base64url, where passkey-rs has arrays of numbers.
fn in_base64(mut answer: Value) -> Value {
    let response = answer["response"].as_object_mut().unwrap();
    for (_, value) in response.iter_mut() {
        to_base64(value);
    }
    to_base64(&mut answer["rawId"]);
    answer
}

fn to_base64(value: &mut Value) {
    let bytes: Option<Vec<u8>> = serde_json::from_value(value.clone()).ok();
    if let Some(bytes) = bytes {
        *value = BASE64_URL_SAFE_NO_PAD.encode(bytes).into();
    }
}
