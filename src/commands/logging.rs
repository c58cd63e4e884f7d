//! The log: lines for people at a terminal, JSON for everything else, on standard error.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::{EnvFilter, fmt, prelude::*};

use super::{Failure, settings::Settings};

/// Starts logging as the settings say.
pub(super) fn init(settings: &Settings) -> Result<(), Failure> {
    let filter = EnvFilter::builder()
        .parse(&settings.log)
        .map_err(|error| Failure::usage(format!("KEYRACK_LOG: {:?} is no filter: {error}", settings.log)))?;
    let registry = tracing_subscriber::registry().with(filter);
    let started = if stderr().is_terminal() {
        registry.with(fmt::layer().with_writer(stderr).with_target(false)).try_init()
    } else {
        registry.with(fmt::layer().json().flatten_event(true).with_target(false).with_writer(stderr)).try_init()
    };
    started.map_err(Failure::failed)
}
