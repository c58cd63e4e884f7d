//! The limit of open files, which bounds the number of connections.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Connections that the server accepts if the limit of open files allows more. An idle connection needs about 11 kB,
/// so all of them need about 180 MB.
const DEFAULT_MAX_CONNECTIONS: usize = 16 * 1024;

/// Files besides connections and the database: logs, timers, and a few per worker thread.
const OTHER_FILES: u64 = 128;

/// Files per database connection. SQLite has three: the database, its log, and the index of the log.
const FILES_PER_DATABASE_CONNECTION: u64 = 4;

/// Raises the limit of open files as far as the process may. Many systems start programs with a limit of 1,024, and
/// allow more.
pub(crate) fn raise_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::debug!(%error, "could not raise the limit of open files");
    }
}

/// The number of connections to accept: `wanted`, or the default, if the limit of open files allows it.
pub(crate) fn max_connections(wanted: Option<usize>, pool_size: u32) -> usize {
    let limit = getrlimit(Resource::Nofile).current;
    let (max, is_reduced) = within_limit(wanted, limit, u64::from(pool_size));
    if is_reduced {
        tracing::warn!(
            max_connections = max,
            open_files = limit,
            "KEYRACK_MAX_CONNECTIONS is more than the limit of open files allows; raise that limit (ulimit -n, in \
             systemd LimitNOFILE=)"
        );
    }
    max
}

/// Also returns whether `wanted` is reduced. `None` as a limit means that there is none.
fn within_limit(wanted: Option<usize>, limit: Option<u64>, pool_size: u64) -> (usize, bool) {
    let reserved = OTHER_FILES + FILES_PER_DATABASE_CONNECTION * pool_size;
    let allowed = limit.map_or(u64::MAX, |limit| limit.saturating_sub(reserved).max(limit / 4).max(1));
    let allowed = usize::try_from(allowed).unwrap_or(usize::MAX);
    (wanted.unwrap_or(DEFAULT_MAX_CONNECTIONS).min(allowed), wanted.is_some_and(|wanted| wanted > allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_file_limit_bounds_connections() {
        let max = |wanted, limit| within_limit(wanted, limit, 10);
        assert_eq!(max(None, None), (16_384, false));
        assert_eq!(max(None, Some(1_048_576)), (16_384, false));
        assert_eq!(max(None, Some(1024)), (1024 - 128 - 40, false));
        assert_eq!(max(Some(50_000), Some(1_048_576)), (50_000, false));
        assert_eq!(max(Some(5000), Some(1024)), (856, true));
        assert_eq!(max(Some(100), Some(1024)), (100, false));
        assert_eq!(max(None, Some(100)), (25, false));
    }
}
