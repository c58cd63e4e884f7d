//! Finds what other users of the machine can read, and what travels unencrypted: a warning of one line each.
//!
//! They are no errors: volumes of containers often have modes that can't be changed, a settings file is often mounted
//! read-only for all, and a proxy may encrypt what Keyrack doesn't.

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use super::file::SettingsFile;
use crate::config::{Config, Hsts};

/// The shortest prefixes that are probably meant, of IPv4 and IPv6: the largest private networks.
const SHORTEST_PREFIXES: [u8; 2] = [8, 7];

/// Adds a warning for each setting and file that exposes more than it should.
pub(super) fn check(
    settings_file: Option<&SettingsFile>,
    config: &Config,
    address: SocketAddr,
    warnings: &mut Vec<String>,
) {
    if let Some((path, mode)) = settings_file.and_then(SettingsFile::exposed) {
        warnings.push(format!(
            "the settings file {0} holds secrets, and other users can read it (mode {mode:o}): run `chmod 600 {0}`",
            path.display()
        ));
    }
    let exposed = config.database.url.path().map(exposed_files).unwrap_or_default();
    if let Some((_, mode)) = exposed.first() {
        let files = exposed.iter().map(|(path, _)| path.display().to_string()).collect::<Vec<_>>().join(" ");
        warnings.push(format!("other users can access the database (mode {mode:o}): run `chmod 600 {files}`"));
    }
    let public_url = &config.public_url;
    if !public_url.is_https() && !address.ip().is_loopback() {
        warnings.push(format!(
            "Keyrack listens on {address}, which other machines can reach, and its public URL is {public_url}: \
             passwords and cookies travel unencrypted; put a proxy with TLS in front and set KEYRACK_PUBLIC_URL to its \
             https URL, or listen on 127.0.0.1 only (KEYRACK_BIND)"
        ));
    }
    if !public_url.is_https() && config.hsts == Hsts::Subdomains {
        warnings.push(format!(
            "KEYRACK_HSTS is not sent, since the public URL is {public_url}: set KEYRACK_PUBLIC_URL to an https URL"
        ));
    }
    if let Some(smtp) = config.mail.as_ref().map(|mail| &mail.smtp).filter(|smtp| smtp.is_exposed()) {
        warnings.push(format!(
            "mails with links to accounts travel to {smtp} unencrypted: remove ?tls=none from KEYRACK_SMTP_URL, unless the \
             network encrypts"
        ));
    }
    for network in &config.trusted_proxies {
        let [ipv4, ipv6] = SHORTEST_PREFIXES;
        if network.prefix_len() < if network.addr().is_ipv4() { ipv4 } else { ipv6 } {
            warnings.push(format!(
                "KEYRACK_TRUSTED_PROXIES contains {network}, whose addresses may all claim to be other clients: name \
                 the networks of your proxies only"
            ));
        }
    }
}

/// The files of a SQLite database that other users can access, with their modes.
fn exposed_files(database: &Path) -> Vec<(PathBuf, u32)> {
    let files = ["", "-wal", "-shm"].map(|suffix| {
        let mut path = database.as_os_str().to_owned();
        path.push(suffix);
        PathBuf::from(path)
    });
    let mode = |path: &PathBuf| fs::metadata(path).map(|found| found.permissions().mode() & 0o777);
    let modes = files.into_iter().filter_map(|path| mode(&path).ok().map(|mode| (path, mode)));
    modes.filter(|(_, mode)| mode & 0o077 != 0).collect()
}
