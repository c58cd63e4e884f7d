use openssl::{
    ec::{EcGroup, EcKey},
    ecdsa::EcdsaSig,
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    rsa::Rsa,
    sign::Signer,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::*;

const REGISTRATION: &str = include_str!("../../../../tests/vectors/dbsc/registration.json");
const REFRESH: &str = include_str!("../../../../tests/vectors/dbsc/refresh.json");

fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// A key of a browser.
enum Device {
    Es256(EcKey<Private>),
    Rs256(Rsa<Private>),
}

impl Device {
    fn es256() -> Self {
        Self::Es256(EcKey::generate(&EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap()).unwrap())
    }

    fn rs256(bits: u32) -> Self {
        Self::Rs256(Rsa::generate(bits).unwrap())
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Es256(_) => "ES256",
            Self::Rs256(_) => "RS256",
        }
    }

    fn jwk(&self) -> Value {
        match self {
            Self::Es256(key) => {
                let (mut x, mut y) = (openssl::bn::BigNum::new().unwrap(), openssl::bn::BigNum::new().unwrap());
                let mut context = openssl::bn::BigNumContext::new().unwrap();
                key.public_key().affine_coordinates(key.group(), &mut x, &mut y, &mut context).unwrap();
                let coordinate = |number: openssl::bn::BigNum| encode(number.to_vec_padded(32).unwrap());
                json!({ "kty": "EC", "crv": "P-256", "x": coordinate(x), "y": coordinate(y) })
            }
            Self::Rs256(key) => json!({ "kty": "RSA", "e": encode(key.e().to_vec()), "n": encode(key.n().to_vec()) }),
        }
    }

    fn sign(&self, header: &Value, payload: &Value) -> String {
        let signed = format!("{}.{}", encode(header.to_string()), encode(payload.to_string()));
        let signature = match self {
            Self::Es256(key) => {
                let signature = EcdsaSig::sign(&Sha256::digest(&signed), key).unwrap();
                let half = |number: &openssl::bn::BigNumRef| number.to_vec_padded(32).unwrap();
                [half(signature.r()), half(signature.s())].concat()
            }
            Self::Rs256(key) => {
                let key = PKey::from_rsa(key.clone()).unwrap();
                Signer::new(MessageDigest::sha256(), &key).unwrap().sign_oneshot_to_vec(signed.as_bytes()).unwrap()
            }
        };
        format!("{signed}.{}", encode(signature))
    }

    fn registration(&self) -> String {
        let header = json!({ "alg": self.algorithm(), "typ": TYPE, "jwk": self.jwk() });
        self.sign(&header, &json!({ "jti": "challenge" }))
    }
}

fn new_key(text: &str) -> Option<DeviceKey> {
    DeviceProof::parse(text)?.into_new_key()
}

#[test]
fn published_vectors_are_accepted() {
    let registration: Value = serde_json::from_str(REGISTRATION).unwrap();
    let text = registration["secureSessionResponse"].as_str().unwrap();
    let proof = DeviceProof::parse(text).unwrap();
    assert_eq!(proof.challenge(), registration["challenge"]);
    let key = proof.into_new_key().unwrap();
    let stored: Value = serde_json::from_str(&key.to_text()).unwrap();
    assert_eq!(stored, registration["expectedStoredBoundKey"]["jwk"]);
    assert_eq!(key.algorithm(), registration["expectedStoredBoundKey"]["algorithm"]);

    let refresh: Value = serde_json::from_str(REFRESH).unwrap();
    let stored = DeviceKey::parse(&refresh["storedPublicKeyJwk"].to_string()).unwrap();
    assert_eq!(stored, key, "the order of the members means nothing");
    let proof = DeviceProof::parse(refresh["secureSessionResponse"].as_str().unwrap()).unwrap();
    assert!(proof.is_made_by(&stored));
    assert_eq!(proof.challenge(), refresh["expectedResult"]["jti"]);
    assert!(!proof.is_made_by(&new_key(&Device::es256().registration()).unwrap()));
    assert!(!DeviceProof::parse(text).unwrap().is_made_by(&stored), "a proof that brings a key along");
    assert!(proof.into_new_key().is_none(), "one that brings none");
}

#[test]
fn keys_of_both_algorithms_sign_and_are_read_back() {
    for device in [Device::es256(), Device::rs256(2048), Device::rs256(4096)] {
        let registration = device.registration();
        assert!(registration.len() < MAX_BYTES, "{}", registration.len());
        let key = new_key(&registration).unwrap();
        assert_eq!(DeviceKey::parse(&key.to_text()).unwrap(), key);
        assert_eq!((key.algorithm(), key.thumbprint().len()), (device.algorithm(), 43));
        let refresh = device.sign(&json!({ "alg": device.algorithm(), "typ": TYPE }), &json!({ "jti": "next" }));
        assert!(DeviceProof::parse(&refresh).unwrap().is_made_by(&key));
        let other = device.sign(&json!({ "alg": "none", "typ": TYPE }), &json!({ "jti": "next" }));
        assert!(!DeviceProof::parse(&other).unwrap().is_made_by(&key));
    }
}

#[test]
fn thumbprint_matches_rfc_7638() {
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3\
             oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdA\
             ZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-\
             kEgU8awapJzKnqDKgw";
    let key = DeviceKey::parse(&json!({ "kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256" }).to_string()).unwrap();
    assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

#[test]
fn weak_and_malformed_keys_are_refused() {
    let (ec, rsa) = (Device::es256().jwk(), Device::rs256(2048).jwk());
    let with = |key: &Value, member: &str, value: &str| {
        let mut changed = key.clone();
        changed[member] = json!(value);
        changed
    };
    let short = Device::rs256(1024).jwk();
    let [long, padded] = [encode([0xff; 513]), encode([[0].as_slice(), &[0xff; 256]].concat())];
    for refused in [
        with(&ec, "crv", "P-384"),
        with(&ec, "kty", "OKP"),
        with(&ec, "kty", "oct"),
        with(&ec, "x", &encode([1; 32])),
        with(&ec, "x", &encode([1; 31])),
        with(&ec, "x", ""),
        with(&ec, "y", &format!("{}=", ec["y"].as_str().unwrap())),
        with(&rsa, "e", "Aw"),
        with(&rsa, "e", "AAEAAQ"),
        with(&rsa, "n", &long),
        with(&rsa, "n", &padded),
        with(&rsa, "n", short["n"].as_str().unwrap()),
        json!({}),
        json!(null),
        json!({ "kty": "EC", "crv": "P-256", "x": encode([0; 32]), "y": encode([0; 32]) }),
    ] {
        assert_eq!(DeviceKey::parse(&refused.to_string()), None, "{refused}");
    }
}

#[test]
fn headers_other_than_those_of_a_proof_are_refused() {
    let device = Device::es256();
    let header = || json!({ "alg": "ES256", "typ": TYPE, "jwk": device.jwk() });
    let with = |member: &str, value: Value| {
        let mut changed = header();
        changed[member] = value;
        new_key(&device.sign(&changed, &json!({ "jti": "c" })))
    };
    let key = with("typ", json!(TYPE)).unwrap();
    for ignored in ["kid", "jku", "x5u", "x5c"] {
        assert_eq!(with(ignored, json!("https://evil.example/keys")).as_ref(), Some(&key), "{ignored}");
    }
    for (member, value) in [
        ("typ", json!("JWT")),
        ("alg", json!("HS256")),
        ("alg", json!("RS256")),
        ("alg", json!("none")),
        ("crit", json!(["b64"])),
        ("jwk", json!(null)),
        ("jwk", Device::es256().jwk()),
        ("jwk", Device::rs256(2048).jwk()),
    ] {
        assert_eq!(with(member, value.clone()), None, "{member}: {value}");
    }
    let twice = format!(r#"{{"alg":"none","alg":"ES256","typ":"{TYPE}","jwk":{}}}"#, device.jwk());
    assert!(DeviceProof::parse(&format!("{}.{}.AA", encode(twice), encode(r#"{"jti":"c"}"#))).is_none());
}

#[test]
fn changed_proofs_are_refused() {
    let device = Device::es256();
    let (text, key) = (device.registration(), new_key(&device.registration()).unwrap());
    for position in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[position] ^= 1;
        let changed = String::from_utf8(bytes).unwrap();
        // The key itself may have been changed to another one, which did not sign either.
        assert_ne!(new_key(&changed).as_ref(), Some(&key), "byte {position}");
    }
    for malformed in
        ["", ".", "..", "...", "a.b.c", "e30.e30.", &format!("{text}."), &format!(".{text}"), &"a".repeat(5000)]
    {
        assert!(new_key(malformed).is_none(), "{malformed}");
    }
    let der = EcdsaSig::from_private_components(
        openssl::bn::BigNum::from_u32(1).unwrap(),
        openssl::bn::BigNum::from_u32(1).unwrap(),
    );
    let (signed, _) = text.rsplit_once('.').unwrap();
    for signature in [der.unwrap().to_der().unwrap(), vec![0; 64], vec![0xff; 64], Vec::new()] {
        assert!(new_key(&format!("{signed}.{}", encode(signature))).is_none());
    }
}
