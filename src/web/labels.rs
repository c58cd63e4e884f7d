//! What devices, ends of sessions and ways in are called on pages. Commands and logs use the words in the tables, and
//! English titles of devices.

use crate::{
    sessions::{Device, DeviceKind, EndReason, IN_APP_BROWSER, SecondFactor, SessionRecord, WayIn},
    words::Words,
};

/// One line for lists: "Firefox 140 on Linux", "Linux computer".
pub(super) fn device_title(words: Words, device: &Device) -> String {
    let browser = device.browser.as_deref().map(|name| browser_name(words, name));
    match (browser, &device.platform()) {
        (Some(browser), Some(system)) => words.browser_on_system(browser, system),
        (Some(browser), None) => browser.to_owned(),
        (None, Some(system)) => match device.kind {
            DeviceKind::Computer => words.system_computer(system),
            DeviceKind::Phone => words.system_phone(system),
            DeviceKind::Tablet => words.system_tablet(system),
            DeviceKind::Television => words.system_television(system),
            DeviceKind::Console => words.system_console(system),
            DeviceKind::Car => words.system_car(system),
            DeviceKind::Headset => words.system_headset(system),
            DeviceKind::Watch => words.system_watch(system),
            DeviceKind::EReader => words.system_e_reader(system),
            DeviceKind::Program => words.system_program(system),
            DeviceKind::Bot => words.system_bot(system),
            DeviceKind::Unknown => words.system_device(system),
        },
        (None, None) => unknown_device(words, device.kind).to_owned(),
    }
}

/// What its owner calls a session, or else the title of its device.
pub(super) fn session_title(words: Words, record: &SessionRecord) -> String {
    record.name.clone().unwrap_or_else(|| device_title(words, &record.device()))
}

/// The title of a session's device, after what its owner calls it: "Work laptop (Firefox 140 on Linux)". A thief can
/// name a session as well, so texts and lists that show no more than a title have the device, too.
pub(super) fn title_with_device(words: Words, record: &SessionRecord) -> String {
    let device = device_title(words, &record.device());
    match &record.name {
        Some(name) => words.named_device(name, device),
        None => device,
    }
}

/// The title of a session's device, if the session has another one.
pub(super) fn device_of_named(words: Words, record: &SessionRecord) -> String {
    if record.name.is_some() { device_title(words, &record.device()) } else { String::new() }
}

/// Browsers have names of their own, except for one that no app names.
fn browser_name(words: Words, name: &str) -> &str {
    if name == IN_APP_BROWSER { words.in_app_browser() } else { name }
}

fn unknown_device(words: Words, kind: DeviceKind) -> &'static str {
    match kind {
        DeviceKind::Computer => words.unknown_computer(),
        DeviceKind::Phone => words.unknown_phone(),
        DeviceKind::Tablet => words.unknown_tablet(),
        DeviceKind::Television => words.unknown_television(),
        DeviceKind::Console => words.unknown_console(),
        DeviceKind::Car => words.unknown_car(),
        DeviceKind::Headset => words.unknown_headset(),
        DeviceKind::Watch => words.unknown_watch(),
        DeviceKind::EReader => words.unknown_e_reader(),
        DeviceKind::Program => words.unknown_program(),
        DeviceKind::Bot => words.unknown_bot(),
        DeviceKind::Unknown => words.unknown_device(),
    }
}

/// "Phone"
pub(super) fn kind(words: Words, kind: DeviceKind) -> &'static str {
    match kind {
        DeviceKind::Computer => words.kind_computer(),
        DeviceKind::Phone => words.kind_phone(),
        DeviceKind::Tablet => words.kind_tablet(),
        DeviceKind::Television => words.kind_television(),
        DeviceKind::Console => words.kind_console(),
        DeviceKind::Car => words.kind_car(),
        DeviceKind::Headset => words.kind_headset(),
        DeviceKind::Watch => words.kind_watch(),
        DeviceKind::EReader => words.kind_e_reader(),
        DeviceKind::Program => words.kind_program(),
        DeviceKind::Bot => words.kind_bot(),
        DeviceKind::Unknown => words.kind_unknown(),
    }
}

/// Why a session ended: "Revoked from another device".
pub(super) fn end_reason(words: Words, reason: EndReason) -> &'static str {
    match reason {
        EndReason::SignedOut => words.end_signed_out(),
        EndReason::Revoked => words.end_revoked(),
        EndReason::RevokedByAdmin => words.end_revoked_by_admin(),
        EndReason::PasswordChanged => words.end_password_changed(),
        EndReason::IdleTimeout => words.end_idle_timeout(),
        EndReason::AbsoluteTimeout => words.end_absolute_timeout(),
        EndReason::Replaced => words.end_replaced(),
        EndReason::AccountDisabled => words.end_account_disabled(),
    }
}

/// Why a session ended, also if another program has written a reason of its own.
pub(super) fn end_of(words: Words, record: &SessionRecord) -> &'static str {
    let reason = record.end_reason.as_deref().and_then(EndReason::parse);
    reason.map_or(words.end_other(), |reason| end_reason(words, reason))
}

/// What let a session in. One without an absolute expiry was started by another application, also if it is older than
/// the record. A word that only another program uses is shown as it is.
pub(super) fn way_in(words: Words, record: &SessionRecord) -> String {
    let label = match WayIn::parse(&record.authorised_by) {
        Some(WayIn::Password(factor)) => return with_factor(words, words.way_in_password(), factor),
        Some(WayIn::OneTimePassword(factor)) => return with_factor(words, words.way_in_one_time_password(), factor),
        Some(WayIn::Reset(factor)) => return with_factor(words, words.way_in_reset(), factor),
        Some(WayIn::Invitation(factor)) => return with_factor(words, words.way_in_invitation(), factor),
        Some(WayIn::Registration(factor)) => return with_factor(words, words.way_in_registration(), factor),
        Some(WayIn::Passkey) => words.way_in_passkey(),
        Some(WayIn::Application) => words.way_in_application(),
        Some(WayIn::Unknown) if record.has_absolute_expiry => words.way_in_unknown(),
        Some(WayIn::Peer | WayIn::Unknown) => words.way_in_peer(),
        None => &record.authorised_by,
    };
    label.to_owned()
}

fn with_factor(words: Words, password: &'static str, factor: Option<SecondFactor>) -> String {
    match factor {
        None => password.to_owned(),
        Some(SecondFactor::Totp) => words.way_in_with_totp(password),
        Some(SecondFactor::RecoveryCode) => words.way_in_with_recovery_code(password),
        Some(SecondFactor::Passkey) => words.way_in_with_passkey(password),
        Some(SecondFactor::TrustedBrowser) => words.way_in_on_trusted_browser(password),
    }
}
