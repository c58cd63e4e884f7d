//! What a thief can do.

use proptest::{prelude::*, sample::Index};

/// The hours of the longest wait: longer than what was added lately is too new to remove older things.
const MAX_WAIT: u32 = 30;

/// What a thief does in one of the sessions at hand, which the index chooses.
#[derive(Debug, Clone)]
pub enum Action {
    AddApp(Index),
    RemoveApp(Index),
    MakeRecoveryCodes(Index),
    AddPasskey(Index),
    /// Names a passkey of the account.
    RenamePasskey(Index, Index),
    RemovePasskey(Index, Index),
    /// Signs in with a passkey that was added.
    UsePasskey(Index),
    /// Names a session of the account.
    Rename(Index, Index),
    /// Signs out all sessions but the one at hand.
    RevokeOthers(Index),
    /// Says of a session that it was not the owner's.
    Report(Index, Index),
    /// Changes the password, where it is known.
    ChangePassword(Index),
    /// Signs in with what is known, on a new browser or one at hand, and has it trusted.
    SignIn(Option<Index>),
    SignOut(Index),
    /// Asks for an address of the thief's.
    AskForAddress(Index),
    /// Proves it by the link that was mailed there.
    ProveAddress,
    /// Asks for a link for a new password at that address, and uses it.
    ResetPassword,
    /// Waits for this number of hours.
    Wait(u32),
}

pub fn any_action() -> impl Strategy<Value = Action> {
    let index = any::<Index>;
    prop_oneof![
        3 => index().prop_map(Action::AddApp),
        1 => index().prop_map(Action::RemoveApp),
        2 => index().prop_map(Action::MakeRecoveryCodes),
        3 => index().prop_map(Action::AddPasskey),
        1 => (index(), index()).prop_map(|(at, of)| Action::RenamePasskey(at, of)),
        1 => (index(), index()).prop_map(|(at, of)| Action::RemovePasskey(at, of)),
        3 => index().prop_map(Action::UsePasskey),
        2 => (index(), index()).prop_map(|(at, of)| Action::Rename(at, of)),
        1 => index().prop_map(Action::RevokeOthers),
        1 => (index(), index()).prop_map(|(at, of)| Action::Report(at, of)),
        1 => index().prop_map(Action::ChangePassword),
        4 => proptest::option::of(index()).prop_map(Action::SignIn),
        1 => index().prop_map(Action::SignOut),
        3 => index().prop_map(Action::AskForAddress),
        3 => Just(Action::ProveAddress),
        2 => Just(Action::ResetPassword),
        1 => (1..=MAX_WAIT).prop_map(Action::Wait),
    ]
}
