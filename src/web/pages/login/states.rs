//! The states of the sign-in page.

use super::{Duration, FormError, LoginPage, end_notice, rejected, strangers_locked, used_up};
use crate::sessions::{EndReason, SessionEnd};
use crate::web::sample::{PageState, Sample};

pub(in crate::web) fn all(sample: &Sample) -> Vec<PageState> {
    let words = sample.words;
    let noticed = |text: String| LoginPage { notice: Some(text), ..empty(sample) };
    let refused = |error: FormError| LoginPage {
        email: sample.email(),
        remember: true,
        error: Some(error.text),
        ..empty(sample)
    };
    let mut states = vec![
        PageState::new("sign-in", &empty(sample)),
        PageState::new("sign-in-to-continue", &noticed(words.sign_in_to_continue().to_owned())),
        PageState::new("sign-in-unmade", &noticed(words.unmade_change_sign_in().to_owned())),
        PageState::new("sign-in-twin-cookies", &noticed(words.twin_cookies())),
        PageState::new("sign-in-bound-elsewhere", &noticed(words.bound_elsewhere().to_owned())),
        PageState::new("sign-in-passkey", &with_passkeys(empty(sample))),
        PageState::new(
            "sign-in-passkey-rejected",
            &with_passkeys(refused(FormError::unauthorized(words.passkey_rejected()))),
        ),
        PageState::new("sign-in-wrong", &refused(rejected(words))),
        PageState::new("sign-in-used-up", &refused(used_up(words))),
        PageState::new("sign-in-throttled", &refused(FormError::throttled(words, Duration::from_secs(40)))),
        PageState::new("sign-in-throttled-long", &refused(FormError::throttled(words, Duration::from_secs(840)))),
        PageState::new("sign-in-locked", &refused(strangers_locked(words, Duration::from_secs(840)))),
        PageState::new("sign-in-busy", &refused(FormError::busy(words, Duration::from_secs(3)))),
        PageState::new("sign-in-open", &LoginPage { is_open: true, ..empty(sample) }),
        PageState::new("sign-in-unavailable", &refused(FormError::unauthorized(&words.database_unreachable()))),
    ];
    let end = |reason, is_continued| SessionEnd { reason, at: sample.minutes_ago(12), is_continued };
    let ended = |name, end: SessionEnd| {
        let ended = Some(end_notice::text(words, &end, sample.now));
        PageState::new(name, &LoginPage { ended, ..empty(sample) })
    };
    states.extend(ENDS.map(|(name, reason)| ended(name, end(Some(reason), false))));
    states.push(ended("sign-in-after-other-end", end(None, false)));
    states.push(ended("sign-in-after-continued", end(None, true)));
    states
}

const ENDS: [(&str, EndReason); 8] = [
    ("sign-in-after-sign-out", EndReason::SignedOut),
    ("sign-in-after-revoked", EndReason::Revoked),
    ("sign-in-after-revoked-by-admin", EndReason::RevokedByAdmin),
    ("sign-in-after-password-changed", EndReason::PasswordChanged),
    ("sign-in-after-idle", EndReason::IdleTimeout),
    ("sign-in-after-absolute", EndReason::AbsoluteTimeout),
    ("sign-in-after-replaced", EndReason::Replaced),
    ("sign-in-after-disabled", EndReason::AccountDisabled),
];

fn empty(sample: &Sample) -> LoginPage {
    LoginPage {
        page: sample.visitor(),
        csrf_token: Sample::token(),
        next: String::new(),
        email: String::new(),
        remember: false,
        error: None,
        notice: None,
        ended: None,
        passkey_site: None,
        is_open: false,
        unknown_passkey: None,
    }
}

fn with_passkeys(page: LoginPage) -> LoginPage {
    LoginPage { passkey_site: Some("id.example.com".to_owned()), ..page }
}
