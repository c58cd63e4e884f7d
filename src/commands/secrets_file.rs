//! The file that holds the signing secrets when no setting does.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{ErrorKind, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

use base64::{Engine as _, prelude::BASE64_STANDARD_NO_PAD};

use super::Failure;
use crate::config::Secrets;

/// Reads the secrets file, or creates it with a random secret, accessible only to its owner. Also returns whether it
/// was created, and adds to the warnings.
///
/// The secrets are not in the database, so that a copy of the database is not enough to sign in.
pub(super) fn read_or_create(path: &Path, warnings: &mut Vec<String>) -> Result<(Secrets, bool), Failure> {
    let is_new = !path.exists();
    if is_new {
        create(path)
            .map_err(|error| Failure::failed(format!("cannot create the secrets file {}: {error}", path.display())))?;
    }
    let unreadable = |error| Failure::usage(format!("cannot read the secrets file {}: {error}", path.display()));
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(Failure::usage(format!("the secrets file {} is not a regular file", path.display())));
    }
    // Of the open file, so that no other one is checked than the one that is read.
    let mut file = File::open(path).map_err(unreadable)?;
    check_access(path, &file.metadata().map_err(unreadable)?)?;
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(unreadable)?;
    let secrets = parse(&text);
    if secrets.iter().any(|secret| secret.trim() != *secret) {
        warnings.push(format!(
            "a line of the secrets file {} begins or ends with white space, which belongs to the secret: remove it \
             unless the other applications' secret has it too",
            path.display()
        ));
    }
    let secrets = Secrets::new(secrets.into_iter().map(str::to_owned).collect());
    let invalid = |error| Failure::usage(format!("the secrets file {}: {error}", path.display()));
    Ok((secrets.map_err(invalid)?, is_new))
}

/// Refuses a file that another user can read, or has chosen the secrets of: such a user could make cookies out of a
/// copy of the database. A link may lead to it, and its owner may be root, as for the secrets of containers.
fn check_access(path: &Path, found: &Metadata) -> Result<(), Failure> {
    let mode = found.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(Failure::usage(format!(
            "the secrets file {0} is accessible to other users (mode {1:o}): run `chmod 600 {0}`, and replace the \
             secrets if another user may have read them",
            path.display(),
            mode & 0o777
        )));
    }
    let (owner, own) = (found.uid(), rustix::process::geteuid().as_raw());
    if owner != own && owner != 0 {
        return Err(Failure::usage(format!(
            "the secrets file {0} belongs to another user (user ID {owner}, Keyrack runs with {own}): run `chown {own} \
             {0}`, and replace the secrets, which that user knows",
            path.display()
        )));
    }
    Ok(())
}

/// One secret per line, which ends with LF or CRLF. Everything else on a line belongs to the secret; blank lines, and
/// the byte order mark of some editors, do not.
fn parse(text: &str) -> Vec<&str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.lines().filter(|line| !line.trim().is_empty()).collect()
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
