//! Logs to standard error: plain lines at a terminal, JSON otherwise.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::{EnvFilter, filter::LevelFilter, fmt, prelude::*};

use super::{Failure, settings::Settings};

/// Starts logging.
pub(super) fn init(settings: &Settings) -> Result<(), Failure> {
    let filter = filter(&settings.log.0)
        .map_err(|reason| Failure::invalid_value(&settings.log.0, "--log (KEYRACK_LOG)", reason))?;
    let registry = tracing_subscriber::registry().with(filter);
    let started = if stderr().is_terminal() {
        registry.with(fmt::layer().with_writer(stderr).with_target(false)).try_init()
    } else {
        registry.with(fmt::layer().json().flatten_event(true).with_target(false).with_writer(stderr)).try_init()
    };
    started.map_err(Failure::failed)
}

/// Parses a filter. Rejects a word that is not a level, which `EnvFilter` would take for the name of a module.
fn filter(text: &str) -> Result<EnvFilter, String> {
    let mut words = text.split(',').map(str::trim).filter(|word| !word.contains(['=', ':', '[']));
    if let Some(word) = words.find(|word| word.parse::<LevelFilter>().is_err()) {
        return Err(format!("{word:?} is not a log level; use error, warn, info, debug or trace"));
    }
    let filter = EnvFilter::builder().parse(text).map_err(|error| error.to_string())?;
    // Actix logs three lines at each start that repeat our first one.
    let quiet = "actix_server=warn".parse().map_err(|error| format!("{error}"))?;
    Ok(if text.contains("actix") { filter } else { filter.add_directive(quiet) })
}
