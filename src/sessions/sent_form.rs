//! A sign-in form, as a request has sent it.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::{clock::Timestamp, db::FormId};

/// A sign-in form, as a request has sent it. If it is sent twice, the two are equal but for their arrival.
#[derive(Clone)]
pub struct SentForm {
    seed: [u8; 32],
    /// What all forms of one visitor have in common; `None` if the form was opened by a user who was signed in.
    visitor: Option<VisitorMark>,
    arrived: Timestamp,
}

/// Begins the id of a form; the rest is different for each form. Only with the server's secrets it tells who the visitor is.
type VisitorMark = [u8; 6];

/// Sign-ins by one form whose sessions are recognised when it is sent twice: with the browser's back button, a form may
/// serve for several.
const MAX_SIGN_INS: u32 = 64;

/// Bytes of an id: those of a UUID, and of the random id of a browser.
const ID_BYTES: usize = 16;

impl SentForm {
    /// `seed` is the same each time that this form is sent, and looks random to those who don't know the server's secrets.
    /// `arrived` is when the request arrived: the check of the password may take a while.
    pub fn new(seed: [u8; 32], arrived: Timestamp) -> Self {
        Self { seed, visitor: None, arrived }
    }

    /// The form of a visitor. `seed` is the same for all forms of this visitor.
    pub(crate) fn of_visitor(mut self, seed: [u8; 32]) -> Self {
        self.visitor = seed.first_chunk().copied();
        self
    }

    /// Whether the form with this id was the same visitor's.
    pub(super) fn is_of_same_visitor(&self, other: FormId) -> bool {
        self.visitor.is_some_and(|visitor| other.as_bytes().starts_with(&visitor))
    }

    /// When the request arrived.
    pub(super) fn arrived(&self) -> Timestamp {
        self.arrived
    }

    /// The id by which the session is found that the form starts, if it has started so many before; `None` if these are
    /// too many. The id of the session itself is random, so that it can never be that of one that has ended.
    pub(super) fn id(&self, started_before: u32) -> Option<FormId> {
        let mut bytes = self.derive("session", started_before)?;
        if let Some(visitor) = self.visitor {
            bytes[..visitor.len()].copy_from_slice(&visitor);
        }
        Some(FormId::from_random(bytes))
    }

    /// The id by which the account knows the browser after that sign-in, unless it knows one that the browser presents.
    pub(super) fn browser_id(&self, started_before: u32) -> Option<String> {
        self.derive("browser", started_before).map(|bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }

    /// All ids that a browser may get by this form.
    pub fn browser_ids(&self) -> impl Iterator<Item = String> {
        (0..MAX_SIGN_INS).filter_map(|number| self.browser_id(number))
    }

    fn derive(&self, purpose: &str, number: u32) -> Option<[u8; ID_BYTES]> {
        if number >= MAX_SIGN_INS {
            return None;
        }
        let hash = Sha256::new().chain_update(self.seed).chain_update(purpose).chain_update(number.to_be_bytes());
        let hash = hash.finalize();
        Some(std::array::from_fn(|index| hash[index]))
    }
}

/// Hides the seed: it predicts the id of a browser, which is a secret.
impl fmt::Debug for SentForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentForm").field("arrived", &self.arrived).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_769_600_000_000_000);

    #[test]
    fn ids_of_one_form_are_the_same_each_time_and_all_differ() {
        let (form, again) = (SentForm::new([1; 32], NOW), SentForm::new([1; 32], Timestamp::MAX));
        let other = SentForm::new([2; 32], NOW);
        let mut ids: Vec<String> = form.browser_ids().chain(other.browser_ids()).collect();
        for number in 0..MAX_SIGN_INS {
            assert_eq!(form.id(number), again.id(number));
            assert_eq!(form.browser_id(number), again.browser_id(number));
            ids.extend([&form, &other].map(|form| form.id(number).unwrap().to_string()));
        }
        let count = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!((ids.len(), count), (256, 256));
        assert_eq!((form.id(MAX_SIGN_INS), form.browser_id(MAX_SIGN_INS)), (None, None));
    }

    #[test]
    fn forms_of_one_visitor_recognise_each_other() {
        let form = |seed: u8, visitor: u8| SentForm::new([seed; 32], NOW).of_visitor([visitor; 32]);
        let (tab, other_tab) = (form(1, 7), form(2, 7));
        for number in 0..MAX_SIGN_INS {
            assert_ne!(tab.id(number), other_tab.id(number));
            assert!(tab.is_of_same_visitor(other_tab.id(number).unwrap()));
            assert!(!tab.is_of_same_visitor(form(2, 8).id(number).unwrap()));
            assert!(!tab.is_of_same_visitor(SentForm::new([7; 32], NOW).id(number).unwrap()));
        }
        assert!(!SentForm::new([1; 32], NOW).is_of_same_visitor(tab.id(0).unwrap()), "nor without a visitor");
    }

    #[test]
    fn debug_hides_the_seed() {
        let form = SentForm::new([171; 32], NOW);
        assert!(!format!("{form:?}").contains("171"), "{form:?}");
    }
}
