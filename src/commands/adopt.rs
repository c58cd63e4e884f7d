//! `keyrack adopt`

use std::time::{Duration, Instant};

use clap::Args;

use super::{
    Failure,
    output::{self, Format},
    settings::Settings,
};
use crate::sessions::Adoption;

/// How often a long run says how far it is.
const INTERVAL: Duration = Duration::from_secs(2);

#[derive(Args)]
pub(super) struct Options {
    /// Only count what there is to do
    #[arg(long)]
    dry_run: bool,
    /// Do it
    #[arg(long)]
    apply: bool,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(settings: &Settings, options: Options) -> Result<(), Failure> {
    if options.dry_run == options.apply {
        return Err(Failure::usage(
            "choose one: `keyrack adopt --dry-run` counts what there is to adopt, `keyrack adopt --apply` adopts it",
        ));
    }
    super::time_zone::check_and_say(settings)?;
    let (sessions, _) = super::open_migrated(settings).await?;
    let mut last = Instant::now();
    let progress = |so_far: Adoption| {
        if last.elapsed() > INTERVAL {
            last = Instant::now();
            eprintln!("{} live, {} to adopt so far", so_far.live, so_far.adopted);
        }
    };
    let adoption = sessions.adopt(options.apply, progress).await?;
    if options.format.json {
        return output::json(&adoption);
    }
    for (count, what) in lines(adoption) {
        println!("{count:>9}  {what}");
    }
    if !adoption.applied && (adoption.adopted > 0 || adoption.resurrected > 0) {
        println!("Nothing was changed: `keyrack adopt --apply` does it.");
    }
    Ok(())
}

fn lines(adoption: Adoption) -> [(usize, &'static str); 10] {
    let (adopted, returned) = if adoption.applied {
        ("adopted", "had come back after their end, and were removed")
    } else {
        ("to adopt", "have come back after their end, and are to be removed")
    };
    [
        (adoption.live, "live rows of user_sessions, of which"),
        (adoption.known, "already known"),
        (adoption.adopted, adopted),
        (adoption.without_user, "without user: nobody has signed in to them"),
        (adoption.user_id_not_uuid, "of a user whose id is not one of Keyrack's: `userId` is no UUID"),
        (adoption.unknown_user, "of an unknown user: the table users has no such id"),
        (adoption.unreadable, "unreadable: no JSON object"),
        (adoption.busy, "left, because somebody was writing them: run it again"),
        (adoption.expired, "expired rows, which a prune or purge will remove"),
        (adoption.resurrected, returned),
    ]
}
