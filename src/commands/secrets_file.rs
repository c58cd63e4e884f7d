//! The file that holds the signing secrets when no setting does.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use base64::{Engine as _, prelude::BASE64_STANDARD_NO_PAD};

use super::Failure;
use crate::config::Secrets;

/// Reads the secrets file, or creates it with a random secret, accessible only to its owner.
///
/// The secrets are not in the database, so that a copy of the database is not enough to sign in.
pub(super) fn read_or_create(path: &Path) -> Result<Secrets, Failure> {
    if !path.exists() {
        create(path)
            .map_err(|error| Failure::failed(format!("cannot create the secrets file {}: {error}", path.display())))?;
    }
    let unreadable = |error| Failure::usage(format!("cannot read the secrets file {}: {error}", path.display()));
    let found = fs::metadata(path).map_err(unreadable)?;
    if !found.is_file() {
        return Err(Failure::usage(format!("the secrets file {} is not a regular file", path.display())));
    }
    let mode = found.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(Failure::usage(format!(
            "the secrets file {0} is accessible to other users (mode {1:o}): run `chmod 600 {0}`, and replace the \
             secrets if another user may have read them",
            path.display(),
            mode & 0o777
        )));
    }
    let text = fs::read_to_string(path).map_err(unreadable)?;
    // One secret per line, or all on one line with commas.
    let list = text.lines().collect::<Vec<_>>().join(",");
    list.parse().map_err(|error| Failure::usage(format!("the secrets file {}: {error}", path.display())))
}

/// Writes the secret to a draft and links it into place, so that of several instances that start at once, one creates
/// the file and none reads it half written.
fn create(path: &Path) -> std::io::Result<()> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    // Random rather than the process ID: in a container that is always the same, and a crash may have left a draft.
    let draft = path.with_extension(format!("secrets.{:08x}", getrandom::u32().map_err(std::io::Error::other)?));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    writeln!(file, "{}", BASE64_STANDARD_NO_PAD.encode(bytes))?;
    file.sync_all()?;
    let placed = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match placed {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}
