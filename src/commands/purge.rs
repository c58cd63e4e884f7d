//! `keyrack purge`

use super::{
    Failure,
    os_user::os_user,
    output::{self, Format},
    settings::Settings,
};
use crate::{events::Source, sessions::Purged};

pub(super) async fn run(settings: &Settings, format: Format) -> Result<(), Failure> {
    let (sessions, accounts) = super::open(settings)?;
    let purged = sessions.purge(|so_far| output::error_lines(format_args!("{}", sentence(so_far)))).await?;
    accounts.purge().await?;
    let (events, retention) = (sessions.events(), settings.policy().events_retention);
    events.set_retention(retention, &Source::command(&os_user())).await?;
    events.purge(retention).await?;
    super::record_command(&sessions, "purge").await?;
    if format.json {
        return output::json(&purged);
    }
    output::line(format_args!("{}", sentence(purged)));
    Ok(())
}

fn sentence(purged: Purged) -> String {
    let Purged { ended, data_removed, history_removed } = purged;
    format!("Ended {}; deleted data of {data_removed} and history of {history_removed}.", output::sessions(ended))
}
