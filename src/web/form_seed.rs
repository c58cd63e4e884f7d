//! The seed of a sign-in form: what is the same if the form is sent twice, and different for any other form.

use super::signing::Signer;
use crate::{
    clock::Timestamp,
    config::Secrets,
    sessions::{Client, SentForm, UserId},
};

/// A form's token that was verified, and when the request arrived.
pub(super) struct VerifiedToken {
    pub token: String,
    /// The random part of the visitor's cookie, if the token belongs to a visitor.
    pub visitor: Option<String>,
    pub arrived: Timestamp,
}

/// Derives seeds.
#[derive(Clone)]
pub(crate) struct FormSeeds(Signer);

impl FormSeeds {
    pub fn new(secrets: &Secrets) -> Self {
        Self(Signer::derived(secrets, "sign-in form"))
    }

    /// The form of a sign-in. Its token has random bits of its own for each time that the page is loaded. The user, the
    /// choice of "Keep me signed in" and the kind of browser are part of the seed, since whatever differs between two
    /// requests tells that they are not one form sent twice. Another site that plants a form's token does not know the
    /// seed, since it does not know the secrets.
    pub(super) fn form(&self, verified: &VerifiedToken, user: UserId, remember: bool, client: &Client) -> SentForm {
        let VerifiedToken { token, visitor, arrived } = verified;
        // The user agent comes last, since it may contain the separator.
        let user_agent = client.user_agent.as_deref().unwrap_or_default();
        let seed = |of: &str| self.0.sign_bytes(format!("{user} {remember} {of} {user_agent}").as_bytes());
        let form = SentForm::new(seed(token), *arrived);
        match visitor {
            // No token begins so.
            Some(visitor) => form.of_visitor(seed(&format!("visitor:{visitor}"))),
            None => form,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_769_600_000_000_000);

    fn first_id(seeds: &FormSeeds, token: &str, user: UserId, remember: bool, user_agent: &str) -> String {
        let verified = VerifiedToken { token: token.to_owned(), visitor: None, arrived: NOW };
        let client = Client::new(None, Some(user_agent));
        seeds.form(&verified, user, remember, &client).browser_ids().next().unwrap()
    }

    #[test]
    fn seed_depends_on_everything_but_the_address_and_the_time() {
        let (seeds, user) = (FormSeeds::new(&"forms 7Qm2xV9rTb4K".parse().unwrap()), UserId::random());
        let other_secret = FormSeeds::new(&"forms 8Qm2xV9rTb4K".parse().unwrap());
        let base = first_id(&seeds, "token", user, false, "Firefox");
        assert_eq!(base, first_id(&seeds, "token", user, false, "Firefox"));
        for other in [
            first_id(&other_secret, "token", user, false, "Firefox"),
            first_id(&seeds, "nekot", user, false, "Firefox"),
            first_id(&seeds, "token", UserId::random(), false, "Firefox"),
            first_id(&seeds, "token", user, true, "Firefox"),
            first_id(&seeds, "token", user, false, "Chromium"),
        ] {
            assert_ne!(base, other);
        }
    }
}
