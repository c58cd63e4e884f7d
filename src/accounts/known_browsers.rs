//! The ids of known browsers at a sign-in; see [`crate::sessions::SignInBrowser`].

use std::time::Duration;

use super::browser_id::{BrowserId, BrowserIdHash};
use crate::{
    error::Result,
    sessions::{SentForm, SignInBrowser},
    words::Language,
};

/// How long a browser stays known after its last sign-in: the longest lifetime that browsers give a cookie (RFC
/// 6265bis).
pub(crate) const BROWSER_LIFETIME: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// The ids of the browser that signs in.
pub(crate) struct SignInBrowserIds {
    presented: Vec<BrowserId>,
    new: BrowserId,
    form: Option<SentForm>,
    language: Option<Language>,
}

impl SignInBrowserIds {
    /// `presented` are the ids in its cookie. It gets another one, in case the account knows none of them: by the form
    /// that was sent, so that it is the same if the form is sent twice, or at random. `language` is the one of its pages.
    pub(crate) fn new(presented: Vec<BrowserId>, form: Option<SentForm>, language: Option<Language>) -> Result<Self> {
        Ok(Self { presented, new: BrowserId::random()?, form, language })
    }

    /// What a sign-in writes.
    pub(crate) fn hashes(&self) -> SignInBrowser {
        SignInBrowser {
            presented: self.presented.iter().map(BrowserId::hash).collect(),
            new: self.new.hash(),
            language: self.language,
        }
    }

    /// The ids in its cookie.
    pub(crate) fn presented(&self) -> &[BrowserId] {
        &self.presented
    }

    /// The id with this hash.
    pub(crate) fn find(&self, hash: &BrowserIdHash) -> Option<BrowserId> {
        let of_form = self.form.iter().flat_map(SentForm::browser_ids).filter_map(|id| BrowserId::from_trusted(&id));
        let known = self.presented.iter().chain([&self.new]).cloned();
        known.chain(of_form).find(|id| id.hash() == *hash)
    }
}
