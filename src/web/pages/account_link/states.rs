//! The states of the pages that links lead to.

use super::{
    AppFacts, Form, InvalidLink, LinkErrors, LinkKind, PasskeyChoice, PasskeyChoices, PasskeysStay, invalid_template,
    template, why_passkeys_stay,
};
use crate::{
    accounts::FactorState,
    web::{
        pages::passkeys::states::sample_rows,
        sample::{PageState, Sample},
    },
};

pub(in crate::web) fn all(sample: &Sample) -> Vec<PageState> {
    let words = sample.words;
    let form = |kind| Form {
        kind,
        token: Sample::token(),
        email: sample.email(),
        app: None,
        passkeys: PasskeyChoices::default(),
        has_to_set_up: false,
    };
    let set_up = |kind| {
        let form = Form { has_to_set_up: true, ..form(kind) };
        template(sample.visitor(), words, Sample::token(), form, LinkErrors::default())
    };
    let page = |kind, errors| template(sample.visitor(), words, Sample::token(), form(kind), errors);
    let factor = FactorState {
        added_at: sample.minutes_ago(60 * 24 * 12),
        added_in: None,
        is_readable: true,
        recovery_codes: 8,
    };
    let app = Some(AppFacts::new(words, &factor, |_| None, sample.now));
    let with_app = Form { app, ..form(LinkKind::Reset) };
    let with_app = template(sample.visitor(), words, Sample::token(), with_app, LinkErrors::default());
    let with_passkeys = |stay: Option<PasskeysStay>| {
        let rows = sample_rows(sample).into_iter().enumerate();
        let rows = rows.map(|(index, row)| PasskeyChoice { row, is_kept: index == 1 }).collect();
        let form = Form {
            passkeys: PasskeyChoices { rows, stay: stay.map(|reason| why_passkeys_stay(words, reason)) },
            ..form(LinkKind::Reset)
        };
        template(sample.visitor(), words, Sample::token(), form, LinkErrors::default())
    };
    let invalid = |kind, problem| invalid_template(sample.visitor(), words, kind, problem, false);
    let expired = invalid_template(sample.visitor(), words, LinkKind::Reset, InvalidLink::Expired, true);
    let every_error = LinkErrors {
        form: None,
        password: Some(words.password_too_easy().to_owned()),
        password_again: Some(words.passwords_differ().to_owned()),
    };
    let unchecked = words.password_not_changed_unchecked().to_owned();
    let not_set = LinkErrors { form: Some(unchecked), ..LinkErrors::default() };
    vec![
        PageState::new("reset", &page(LinkKind::Reset, LinkErrors::default())),
        PageState::new("reset-app", &with_app),
        PageState::new("reset-passkeys", &with_passkeys(None)),
        PageState::new("reset-passkeys-stay", &with_passkeys(Some(PasskeysStay::SecondFactor))),
        PageState::new("reset-passkeys-stay-address", &with_passkeys(Some(PasskeysStay::NewAddress))),
        PageState::new("reset-set-up", &set_up(LinkKind::Reset)),
        PageState::new("invitation-set-up", &set_up(LinkKind::Invitation)),
        PageState::new("reset-errors", &page(LinkKind::Reset, every_error)),
        PageState::new("reset-not-set", &page(LinkKind::Reset, not_set)),
        PageState::new("invitation", &page(LinkKind::Invitation, LinkErrors::default())),
        PageState::new("reset-expired", &expired),
        PageState::new("reset-expired-no-mail", &invalid(LinkKind::Reset, InvalidLink::Expired)),
        PageState::new("link-used", &invalid(LinkKind::Reset, InvalidLink::Used)),
        PageState::new("invitation-expired", &invalid(LinkKind::Invitation, InvalidLink::Expired)),
    ]
}
