//! The file that records ended sessions.

use std::path::PathBuf;

use super::Settings;
use crate::commands::Failure;

/// Which file the journal is.
pub(in crate::commands) enum JournalSetting {
    Off,
    /// The one that was set.
    File(PathBuf),
    /// The one beside the database or the secrets.
    Default(PathBuf),
}

impl Settings {
    /// The journal of ended sessions.
    pub(in crate::commands) fn journal(&self) -> Result<JournalSetting, Failure> {
        match &self.journal {
            Some(word) if word.as_os_str() == "off" => Ok(JournalSetting::Off),
            Some(path) => Ok(JournalSetting::File(path.clone())),
            None => {
                let database_url = self.database_url()?;
                let path = database_url.path().unwrap_or(&self.secrets_path(&database_url)).with_extension("ends");
                Ok(JournalSetting::Default(path))
            }
        }
    }
}
