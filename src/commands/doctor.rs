//! `keyrack doctor`

use clap::Args;

use super::{
    Failure,
    output::{self, Format},
    settings::Settings,
};

#[derive(Args)]
pub(super) struct Options {
    /// Mend what has one safe answer
    #[arg(long)]
    repair: bool,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(settings: &Settings, options: Options) -> Result<(), Failure> {
    super::time_zone::check_and_say(settings)?;
    let (sessions, _) = super::open(settings)?;
    let report = sessions.doctor(options.repair).await?;
    if options.format.json {
        output::json(&report)?;
    } else {
        for breach in &report.breaches {
            let session = breach.session_id.map_or_else(|| "-".to_owned(), |id| id.to_string());
            let repaired = if breach.repaired { " (repaired)" } else { "" };
            println!("{session}  {}: {}{repaired}", breach.rule, breach.detail);
        }
    }
    let left = report.breaches.iter().filter(|breach| !breach.repaired).count();
    match (left, report.breaches.len()) {
        (0, 0) if !options.format.json => println!("Every rule is kept."),
        (0, _) => {}
        (left, all) => {
            let repaired = all - left;
            return Err(Failure::failed(format!("{left} breach(es) left, {repaired} repaired")));
        }
    }
    Ok(())
}
