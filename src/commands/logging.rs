//! The log: lines for people at a terminal, JSON for everything else, on standard error.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::{EnvFilter, filter::LevelFilter, fmt, prelude::*};

use super::{Failure, settings::Settings};

/// Starts logging as the settings say.
pub(super) fn init(settings: &Settings) -> Result<(), Failure> {
    let filter = filter(&settings.log)
        .map_err(|why| Failure::usage(format!("KEYRACK_LOG: {:?} is no filter: {why}", settings.log)))?;
    let registry = tracing_subscriber::registry().with(filter);
    let started = if stderr().is_terminal() {
        registry.with(fmt::layer().with_writer(stderr).with_target(false)).try_init()
    } else {
        registry.with(fmt::layer().json().flatten_event(true).with_target(false).with_writer(stderr)).try_init()
    };
    started.map_err(Failure::failed)
}

/// A word that is no level would be taken for a module of that name, and silence everything else.
fn filter(text: &str) -> Result<EnvFilter, String> {
    let mut words = text.split(',').map(str::trim).filter(|word| !word.contains(['=', ':', '[']));
    if let Some(word) = words.find(|word| word.parse::<LevelFilter>().is_err()) {
        return Err(format!("{word:?} is no level: use error, warn, info, debug or trace"));
    }
    let filter = EnvFilter::builder().parse(text).map_err(|error| error.to_string())?;
    // Actix says three things at each start that the first line says better.
    let quiet = "actix_server=warn".parse().map_err(|error| format!("{error}"))?;
    Ok(if text.contains("actix") { filter } else { filter.add_directive(quiet) })
}
