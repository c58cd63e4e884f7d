//! The operating-system user who runs a command, as security events name it.

use std::fs;

/// Returns the name of the user, or the number of one without a name. Adds who became that user by sudo.
///
/// The number comes from the system. Who became that user is what sudo leaves in the environment, where those who may
/// become that user can write another name.
pub(super) fn os_user() -> String {
    let uid = rustix::process::getuid().as_raw();
    let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = name_of(&accounts, uid).map_or_else(|| format!("uid {uid}"), str::to_owned);
    let by_sudo = std::env::var("SUDO_USER").ok().filter(|by| !by.is_empty());
    by_sudo.map_or(name.clone(), |by| format!("{name}, sudo by {by}"))
}

/// The name in the format of `/etc/passwd`: name, password, number, and more.
fn name_of(accounts: &str, uid: u32) -> Option<&str> {
    let uid = uid.to_string();
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_is_found_by_number() {
        let accounts = "root:x:0:0:root:/root:/bin/sh\n\nbroken\nalice:x:1000:1000::/home/alice:/bin/sh\n";
        assert_eq!(name_of(accounts, 0), Some("root"));
        assert_eq!(name_of(accounts, 1000), Some("alice"));
        assert_eq!(name_of(accounts, 1001), None);
    }
}
