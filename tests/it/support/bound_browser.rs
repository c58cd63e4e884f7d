//! A browser that binds its sessions to a key (Device Bound Session Credentials), in software. It knows no more of Keyrack than
//! what the responses say.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use keyrack::clock::{Clock, Timestamp};
use openssl::{
    bn::{BigNum, BigNumContext, BigNumRef},
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

use super::{Answer, Browser, PASSWORD, TestApp};

/// How long before its end a browser renews a cookie.
const RENEW_AHEAD_SECONDS: u64 = 30;

/// A key that its browser does not give away.
#[derive(Clone)]
pub enum DeviceKey {
    Es256(EcKey<Private>),
    Rs256(Rsa<Private>),
}

impl DeviceKey {
    pub fn es256() -> Self {
        Self::Es256(EcKey::generate(&EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap()).unwrap())
    }

    pub fn rs256() -> Self {
        Self::Rs256(Rsa::generate(2048).unwrap())
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
                let (mut x, mut y) = (BigNum::new().unwrap(), BigNum::new().unwrap());
                let mut context = BigNumContext::new().unwrap();
                key.public_key().affine_coordinates(key.group(), &mut x, &mut y, &mut context).unwrap();
                json!({ "kty": "EC", "crv": "P-256", "x": encode(padded(&x)), "y": encode(padded(&y)) })
            }
            Self::Rs256(key) => json!({ "kty": "RSA", "e": encode(key.e().to_vec()), "n": encode(key.n().to_vec()) }),
        }
    }

    /// The first proof of a key, which brings it along.
    pub fn registration(&self, challenge: &str) -> String {
        self.sign(&json!({ "alg": self.algorithm(), "typ": "dbsc+jwt", "jwk": self.jwk() }), challenge)
    }

    /// A later proof.
    pub fn answer(&self, challenge: &str) -> String {
        self.sign(&json!({ "alg": self.algorithm(), "typ": "dbsc+jwt" }), challenge)
    }

    fn sign(&self, header: &Value, challenge: &str) -> String {
        let payload = json!({ "jti": challenge });
        let signed = format!("{}.{}", encode(header.to_string()), encode(payload.to_string()));
        let signature = match self {
            Self::Es256(key) => {
                let signature = EcdsaSig::sign(&Sha256::digest(&signed), key).unwrap();
                [padded(signature.r()), padded(signature.s())].concat()
            }
            Self::Rs256(key) => {
                let key = PKey::from_rsa(key.clone()).unwrap();
                Signer::new(MessageDigest::sha256(), &key).unwrap().sign_oneshot_to_vec(signed.as_bytes()).unwrap()
            }
        };
        format!("{signed}.{}", encode(signature))
    }
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn padded(number: &BigNumRef) -> Vec<u8> {
    number.to_vec_padded(32).unwrap()
}

/// A browser with a key, and a session that is bound to it.
pub struct BoundBrowser {
    pub browser: Browser,
    pub key: DeviceKey,
    /// The session, as the server names it.
    pub session: String,
    refresh_url: String,
    /// The name of the cookie that is renewed.
    pub cookie: String,
    /// When the browser deletes it.
    cookie_until: Timestamp,
    clock: Clock,
}

impl BoundBrowser {
    /// Signs in, binds the session, and opens a page with the proof.
    pub fn signed_in(app: &TestApp, email: &str) -> Self {
        Self::signed_in_with(app, email, DeviceKey::es256(), &[])
    }

    /// The same with this key, and further fields of the form.
    pub fn signed_in_with(app: &TestApp, email: &str, key: DeviceKey, fields: &[(&str, &str)]) -> Self {
        let mut browser = app.browser();
        let fields = [&[("email", email), ("password", PASSWORD)], fields].concat();
        let answer = browser.post_from("/login", "/login", &fields);
        assert_eq!(answer.status, 303, "{}", answer.body);
        let mut bound = Self::bind(browser, &answer, key, app.clock.clone()).unwrap();
        assert_eq!(bound.get("/api/session").json()["session"]["bound"], true);
        bound
    }

    /// Does what the answer to a sign-in asks for. Returns `None` if its key is refused.
    pub fn bind(mut browser: Browser, answer: &Answer, key: DeviceKey, clock: Clock) -> Option<Self> {
        let (path, challenge) = registration(answer);
        let bound = browser.send("POST", &path, None, &[("secure-session-response", &key.registration(&challenge))]);
        if bound.status != 200 {
            return None;
        }
        assert_eq!(bound.header("secure-session-challenge"), None, "browsers report an error");
        let instructions = bound.json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let credential = &instructions["credentials"][0];
        let mut this = Self {
            browser,
            key,
            session: text(&instructions["session_identifier"]),
            refresh_url: text(&instructions["refresh_url"]),
            cookie: text(&credential["name"]),
            cookie_until: clock.now(),
            clock,
        };
        this.keep(&bound, &text(&credential["attributes"]));
        Some(this)
    }

    /// Notes how long the cookie of a response is kept, whose attributes must be those that were told.
    fn keep(&mut self, answer: &Answer, attributes: &str) {
        let cookies = answer.set_cookies();
        let [cookie] = &cookies[..] else { panic!("{cookies:?}") };
        let (_, set) = cookie.strip_prefix(&format!("{}=", self.cookie)).unwrap().split_once("; ").unwrap();
        let (age, mut others): (Vec<&str>, Vec<&str>) = set.split("; ").partition(|part| part.starts_with("Max-Age="));
        let mut told: Vec<&str> = attributes.split("; ").collect();
        told.sort_unstable();
        others.sort_unstable();
        assert_eq!(told, others, "the browser would give up");
        let seconds: u64 = age[0].strip_prefix("Max-Age=").unwrap().parse().unwrap();
        self.cookie_until = self.clock.now() + std::time::Duration::from_secs(seconds);
    }

    /// Deletes the cookie if its time is over, and renews it if that is near. Returns what kept it from being renewed.
    pub fn renew_if_due(&mut self) -> Option<Answer> {
        let now = self.clock.now();
        if now >= self.cookie_until {
            self.browser.cookies.remove(&self.cookie);
        }
        let is_missing = !self.browser.cookies.contains_key(&self.cookie);
        let is_due = is_missing || self.cookie_until.since(now).as_secs() < RENEW_AHEAD_SECONDS;
        is_due.then(|| self.renew()).filter(|answer| answer.status != 200)
    }

    /// Renews the proof: asks for a challenge, and answers it.
    pub fn renew(&mut self) -> Answer {
        let asked = self.ask();
        let Some(challenge) = challenge(&asked) else { return asked };
        assert_eq!(asked.status, 403);
        let proof = self.key.answer(&challenge);
        let renewed = self.answer(&proof);
        if renewed.status == 200 && renewed.json()["continue"] != false {
            let attributes = renewed.json()["credentials"][0]["attributes"].as_str().unwrap().to_owned();
            self.keep(&renewed, &attributes);
        }
        renewed
    }

    /// Asks for a challenge.
    pub fn ask(&mut self) -> Answer {
        self.browser.send("POST", &self.refresh_url, None, &[("sec-secure-session-id", &self.session)])
    }

    /// Sends a proof.
    pub fn answer(&mut self, proof: &str) -> Answer {
        let headers = [("sec-secure-session-id", self.session.as_str()), ("secure-session-response", proof)];
        self.browser.send("POST", &self.refresh_url, None, &headers)
    }

    /// Opens a page as such a browser does: with a proof, or with the reason why there is none.
    pub fn get(&mut self, path: &str) -> Answer {
        match self.renew_if_due() {
            Some(refused) if refused.status == 503 => {
                let skipped = format!("server_error;session_identifier=\"{}\"", self.session);
                self.browser.send("GET", path, None, &[("secure-session-skipped", &skipped)])
            }
            _ => self.browser.get(path),
        }
    }

    /// Another client with a copy of all its cookies, but not of its key.
    pub fn copied(&self) -> Browser {
        self.browser.clone()
    }
}

/// Where the answer to a sign-in wants the key, and the challenge that goes with it.
pub fn registration(answer: &Answer) -> (String, String) {
    let header = answer.header("secure-session-registration").expect("the browser is asked to bind its session");
    let rest = header.strip_prefix("(ES256 RS256);path=\"").unwrap();
    let (path, rest) = rest.split_once("\";challenge=\"").unwrap();
    (path.to_owned(), rest.strip_suffix('"').unwrap().to_owned())
}

/// The challenge of a response.
pub fn challenge(answer: &Answer) -> Option<String> {
    let header = answer.header("secure-session-challenge")?;
    Some(header.strip_prefix('"').unwrap().split_once('"').unwrap().0.to_owned())
}
