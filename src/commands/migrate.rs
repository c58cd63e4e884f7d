//! `keyrack migrate`

use super::{Failure, output, settings::Settings, time_zone};

pub(super) fn run(settings: &Settings) -> Result<(), Failure> {
    time_zone::check_and_log(settings)?;
    let url = settings.database_url()?;
    let applied = crate::db::migrate(&url)?;
    settings.store_peers()?;
    match applied.as_slice() {
        [] => output::line(format_args!("{url} is up to date.")),
        names => output::line(format_args!("{url}: applied {}.", names.join(", "))),
    }
    Ok(())
}
