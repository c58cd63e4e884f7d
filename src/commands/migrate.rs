//! `keyrack migrate`

use super::{Failure, settings::Settings};

pub(super) fn run(settings: &Settings) -> Result<(), Failure> {
    let url = settings.database_url()?;
    let applied = crate::db::migrate(&url)?;
    match applied.as_slice() {
        [] => println!("{url} is up to date."),
        names => println!("{url}: applied {}.", names.join(", ")),
    }
    Ok(())
}
