//! `keyrack adopt`

use std::time::{Duration, Instant};

use clap::Args;

use super::{
    Failure,
    output::{self, Format},
    settings::Settings,
};
use crate::sessions::Adoption;

/// Time between two progress messages.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(2);

#[derive(Args)]
pub(super) struct Options {
    /// Only count the sessions
    #[arg(long)]
    dry_run: bool,
    /// Import the sessions
    #[arg(long)]
    apply: bool,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(settings: &Settings, options: Options) -> Result<(), Failure> {
    if options.dry_run == options.apply {
        return Err(Failure::usage(
            "choose one: `keyrack adopt --dry-run` counts the sessions to adopt, `keyrack adopt --apply` adopts them",
        ));
    }
    super::time_zone::check_and_log(settings)?;
    let (sessions, _) = super::open_migrated(settings).await?;
    let mut last = Instant::now();
    let progress = |so_far: Adoption| {
        if last.elapsed() > PROGRESS_INTERVAL {
            last = Instant::now();
            output::error_lines(format_args!("so far {} live, {} to adopt", so_far.live, so_far.adopted));
        }
    };
    if options.apply {
        super::record_command(&sessions, "adopt --apply").await?;
    }
    let adoption = sessions.adopt(options.apply, progress).await?;
    if options.format.json {
        return output::json(&adoption);
    }
    for (count, what) in lines(adoption) {
        output::line(format_args!("{count:>9}  {what}"));
    }
    if !adoption.applied && adoption.adopted + adoption.disabled + adoption.resurrected > 0 {
        output::line(format_args!("Nothing was changed. Run `keyrack adopt --apply` to adopt them."));
    }
    Ok(())
}

fn lines(adoption: Adoption) -> [(usize, &'static str); 11] {
    let (adopted, resurrected) = if adoption.applied {
        ("adopted", "data of ended sessions, which was deleted")
    } else {
        ("to adopt", "data of ended sessions, to be deleted")
    };
    [
        (adoption.live, "live rows in user_sessions, of which"),
        (adoption.known, "already known"),
        (adoption.adopted, adopted),
        (adoption.without_user, "without a `userId`: guests' sessions"),
        (adoption.user_id_not_uuid, "with a `userId` that is not a UUID"),
        (adoption.unknown_user, "with a `userId` that is not in the table users"),
        (adoption.disabled, "of users who are disabled"),
        (adoption.unreadable, "unreadable, because they are not JSON objects"),
        (adoption.busy, "skipped, because another program was writing them; run this again"),
        (adoption.expired, "expired rows, which the next prune or purge will delete"),
        (adoption.resurrected, resurrected),
    ]
}
