//! Settings of sign-ins and of proofs.

use std::time::Duration;

use clap::Args;

use super::values::{minutes, parse_limit, parse_timeout};
use crate::{
    accounts::{DEFAULT_NEW_ADDRESS_MAILS, SecondFactorPolicy, SignInPace},
    config::{BoundSessions, DEFAULT_REAUTH_WINDOW, Registration},
};

#[derive(Args, Debug)]
pub(in crate::commands) struct SignInSettings {
    /// Successful sign-ins of one user that may follow each other: BURST/INTERVAL, so many at once and then one after
    /// each interval, or off
    #[arg(long, env = "KEYRACK_SIGN_IN_PACE", global = true, value_name = "PACE", default_value_t = SignInPace::default())]
    pub sign_in_pace: SignInPace,

    /// How long after a proof of identity (a sign-in, or the password given again) sensitive changes need no new one
    #[arg(
        long, env = "KEYRACK_REAUTH_WINDOW", global = true, value_name = "DURATION",
        default_value = minutes(DEFAULT_REAUTH_WINDOW), value_parser = parse_timeout
    )]
    pub reauth_window: Duration,

    /// Who must have a second factor, a code of an authenticator app: those who want one, administrators, or everyone. Who
    /// has none yet sets it up at the next sign-in
    #[arg(long, env = "KEYRACK_SECOND_FACTOR", global = true, value_name = "WHO", value_enum, default_value_t)]
    pub second_factor: SecondFactorPolicy,

    /// Whether visitors may create accounts themselves, with an address that they prove by a mail; open needs a mail server
    #[arg(long, env = "KEYRACK_REGISTRATION", global = true, value_name = "WHO", value_enum, default_value_t)]
    pub registration: Registration,

    /// Mails per hour to addresses that have no account, for new accounts and changed addresses; 0 for no limit
    #[arg(
        long, env = "KEYRACK_NEW_ADDRESS_MAILS", global = true, value_name = "NUMBER",
        default_value_t = DEFAULT_NEW_ADDRESS_MAILS.get(), value_parser = parse_limit
    )]
    pub new_address_mails: u32,

    /// Whether sessions are bound to a key of the browser that signs in, where it can (Device Bound Session Credentials), so
    /// that a copied cookie is of no use; over https only
    #[arg(long, env = "KEYRACK_BOUND_SESSIONS", global = true, value_name = "WHEN", value_enum, default_value_t)]
    pub bound_sessions: BoundSessions,
}
