//! `keyrack doctor`

use std::time::Duration;

use clap::Args;

use super::{
    Failure,
    output::{self, Format},
    settings::Settings,
};
use crate::{
    accounts::Accounts,
    clock::Clock,
    db::{self, Peers, Replication},
    geoip::InvalidGeoFile,
    sessions::{Breach, Report},
};

/// Providers make their files anew each month or more often.
const MAX_AGE_OF_PLACES: Duration = Duration::from_secs(90 * 24 * 3600);

/// A mail that waits for longer has failed several times, or there is no server that sends it.
const MAX_WAIT_OF_MAILS: Duration = Duration::from_secs(10 * 60);

#[derive(Args)]
pub(super) struct Options {
    /// Repair what can be repaired safely
    #[arg(long)]
    repair: bool,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(settings: &Settings, options: Options) -> Result<(), Failure> {
    let of_others = db::find_tables_of_others(&settings.database_url()?)?;
    if !of_others.is_empty() {
        // Any other statement might run code of that role.
        let breach = |detail| Breach { rule: db::OBJECT_OF_ANOTHER_ROLE, session_id: None, detail, repaired: false };
        let breaches = of_others.into_iter().map(breach).collect();
        return print(&Report { breaches, ..Report::default() }, options.format);
    }
    super::time_zone::check_and_log(settings)?;
    let (sessions, accounts) = super::open(settings)?;
    if let Some(problem) = sessions.clock_problem().await? {
        tracing::warn!("{problem}");
    }
    if options.repair {
        super::record_command(&sessions, "doctor --repair").await?;
    }
    let mut report = sessions.doctor(options.repair).await?;
    report.breaches.extend(accounts.doctor().await?);
    check_second_factors(settings, accounts.clone(), &mut report).await?;
    check_passkeys(settings, &accounts, &mut report).await?;
    report.breaches.extend(unusable_breach_file(settings));
    check_places(settings, &mut report);
    check_mails(&accounts, &mut report).await?;
    print(&report, options.format)
}

fn print(report: &Report, format: Format) -> Result<(), Failure> {
    if format.json {
        output::json(report)?;
    } else {
        if report.peers == Peers::Express {
            output::error_lines(format_args!(
                "KEYRACK_PEERS is express: sessions that other programs write to user_sessions are adopted."
            ));
        }
        if let Some(Replication { is_required: true, synchronous_standbys }) = report.replication {
            output::error_lines(format_args!(
                "KEYRACK_REQUIRE_SYNC is on; synchronous standbys connected: {synchronous_standbys}."
            ));
        }
        for warning in &report.warnings {
            output::error_lines(format_args!("Warning: {warning}."));
        }
        for breach in &report.breaches {
            let session = breach.session_id.map_or_else(|| "-".to_owned(), |id| id.to_string());
            let repaired = if breach.repaired { " (repaired)" } else { "" };
            output::line(format_args!("{session}  {}: {}{repaired}", breach.rule, breach.detail));
        }
    }
    let left = report.breaches.iter().filter(|breach| !breach.repaired).count();
    let repaired = report.breaches.len() - left;
    match (left, repaired) {
        (0, _) if format.json => Ok(()),
        (0, 0) => {
            output::line(format_args!("No problems found."));
            Ok(())
        }
        (0, _) => {
            output::line(format_args!("No problems left, {repaired} repaired."));
            Ok(())
        }
        (1, _) => Err(Failure::failed(format!("1 problem left, {repaired} repaired"))),
        _ => Err(Failure::failed(format!("{left} problems left, {repaired} repaired"))),
    }
}

/// Finds out whether the file of leaked passwords can be used, as a server would. It verifies the whole file.
fn unusable_breach_file(settings: &Settings) -> Option<Breach> {
    let problem = settings.open_breached_passwords().err()?;
    let detail = format!(
        "{problem}; until it can be used, servers refuse every new password, and don't start (KEYRACK_BREACHED_PASSWORDS)"
    );
    Some(Breach { rule: "leaked passwords", session_id: None, detail, repaired: false })
}

/// Finds out whether mails wait for a server that does not take them.
async fn check_mails(accounts: &Accounts, report: &mut Report) -> Result<(), Failure> {
    if let Some((count, oldest)) = accounts.overdue_mails(MAX_WAIT_OF_MAILS).await? {
        report.warnings.push(format!(
            "mails wait to be sent: {count}, the oldest since {}; `keyrack mail list` says why",
            oldest.to_iso_millis()
        ));
    }
    Ok(())
}

/// Finds second factors that no secret can read, and users who must have one and have none.
async fn check_second_factors(settings: &Settings, accounts: Accounts, report: &mut Report) -> Result<(), Failure> {
    if accounts.users_with_second_factor().await?.is_empty() && settings.sign_in.second_factor.is_optional() {
        return Ok(());
    }
    let accounts = match settings.existing_secrets()? {
        Some(secrets) => accounts.with_second_factors(settings.sign_in.second_factor, secrets.expose()),
        None => accounts,
    };
    report.breaches.extend(accounts.check_second_factors().await?);
    let missing = accounts.users_without_demanded_factor().await?;
    if missing > 0 {
        report.warnings.push(format!(
            "users who must have a second factor and have none yet: {missing}. Until they sign in, their password alone is \
             enough to set one up (KEYRACK_SECOND_FACTOR)"
        ));
    }
    Ok(())
}

/// Counts passkeys that the host of the public URL makes useless.
async fn check_passkeys(settings: &Settings, accounts: &Accounts, report: &mut Report) -> Result<(), Failure> {
    let Some(public_url) = &settings.public_url else { return Ok(()) };
    let host = public_url.host();
    let useless = accounts.passkeys_of_other_hosts(host).await?;
    if useless > 0 {
        report.warnings.push(format!(
            "passkeys that were made for another host than {host}, and work there only: {useless}. Their users have to add \
             new ones (KEYRACK_PUBLIC_URL)"
        ));
    }
    Ok(())
}

/// Finds out whether the files of places can be used, all of them, and whether they are still updated.
fn check_places(settings: &Settings, report: &mut Report) {
    let breach = |problem: &InvalidGeoFile, consequence: &str| {
        let detail = format!("{problem}; {consequence} (KEYRACK_GEOIP)");
        Breach { rule: "places", session_id: None, detail, repaired: false }
    };
    let geoip = match settings.open_geoip() {
        Ok(geoip) => geoip,
        Err(problem) => return report.breaches.push(breach(&problem, "until it can be used, servers don't start")),
    };
    let files = geoip.files();
    report.breaches.extend(files.problems().map(|problem| breach(&problem, "pages miss places until then")));
    let now = Clock::System.now();
    for (path, built_at) in files.built().filter(|(_, built_at)| now.since(*built_at) > MAX_AGE_OF_PLACES) {
        report.warnings.push(format!(
            "{} was made {} days ago, and networks move: download it again, and have that done regularly (KEYRACK_GEOIP)",
            path.display(),
            now.since(built_at).as_secs() / (24 * 3600)
        ));
    }
}
