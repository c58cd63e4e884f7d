//! Opens a connection to the first of several hosts that accepts one, within a bounded time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use diesel::ConnectionError;

/// How long one host may stay silent before the next one is tried beside it.
///
/// libpq tries the hosts of a URL in turn and waits at least two seconds for each, which is longer than a server's
/// timeout for an operation. A server in the same data centre accepts a connection within milliseconds.
const NEXT_HOST_DELAY: Duration = Duration::from_millis(250);

/// Maximum attempts that have not ended. libpq gives up by itself on a server that does not let it in; but one that lets
/// it in and then answers nothing, while the network in between acknowledges everything, occupies a thread for as long
/// as that lasts.
const MAX_PENDING_ATTEMPTS: usize = 128;

/// The attempts to connect to one database that have not ended.
#[derive(Debug, Clone, Default)]
pub(super) struct ConnectAttempts(Arc<AtomicUsize>);

/// Counts an attempt until it is dropped.
struct Pending(ConnectAttempts);

impl Drop for Pending {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl ConnectAttempts {
    /// Calls `open` with each host's connection string, beginning with number `first`, until one succeeds. Returns the
    /// number of that host, and the connection.
    ///
    /// A host that fails is followed by the next one at once, and a silent one after [`NEXT_HOST_DELAY`], while its own
    /// attempt continues on its thread. An attempt that succeeds too late is dropped.
    ///
    /// # Errors
    /// The messages of all hosts, if all of them failed or `timeout` has passed.
    pub fn open_first<T: Send + 'static>(
        &self,
        hosts: &Arc<[String]>,
        first: usize,
        timeout: Duration,
        open: impl Fn(&str) -> Result<T, ConnectionError> + Send + Clone + 'static,
    ) -> Result<(usize, T), ConnectionError> {
        let deadline = Instant::now() + timeout;
        let mut order = (0..hosts.len()).map(|offset| (first + offset) % hosts.len());
        let (sender, outcomes) = mpsc::channel();
        let mut errors = Vec::new();
        let mut pending = 0;
        loop {
            let next = order.next();
            if let Some(index) = next {
                let (hosts, open, sender, counted) = (Arc::clone(hosts), open.clone(), sender.clone(), self.count()?);
                let attempt = move || {
                    let outcome = open(&hosts[index]);
                    drop(counted);
                    _ = sender.send((index, outcome));
                };
                let started = thread::Builder::new().name("keyrack-connect".to_owned()).spawn(attempt);
                started.map_err(|error| ConnectionError::BadConnection(error.to_string()))?;
                pending += 1;
            } else if pending == 0 {
                return Err(ConnectionError::BadConnection(errors.join("; ")));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let has_next = next.is_some() && order.len() > 0;
            match outcomes.recv_timeout(if has_next { NEXT_HOST_DELAY.min(left) } else { left }) {
                Ok((index, Ok(connection))) => return Ok((index, connection)),
                Ok((_, Err(error))) => {
                    pending -= 1;
                    errors.push(error.to_string().trim_end().to_owned());
                }
                Err(_) if left.is_zero() || !has_next => {
                    errors.push(format!("no answer within {}", humantime::format_duration(timeout)));
                    return Err(ConnectionError::BadConnection(errors.join("; ")));
                }
                Err(_) => {}
            }
        }
    }

    fn count(&self) -> Result<Pending, ConnectionError> {
        let pending = Pending(self.clone());
        if self.0.fetch_add(1, Ordering::Relaxed) >= MAX_PENDING_ATTEMPTS {
            let message = format!("{MAX_PENDING_ATTEMPTS} attempts to connect still wait for an answer");
            return Err(ConnectionError::BadConnection(message));
        }
        Ok(pending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(names: &[&str]) -> Arc<[String]> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    /// Opens connections without a time limit that a test could reach.
    fn open_first<T: Send + 'static>(
        hosts: &Arc<[String]>,
        first: usize,
        open: impl Fn(&str) -> Result<T, ConnectionError> + Send + Clone + 'static,
    ) -> Result<(usize, T), ConnectionError> {
        ConnectAttempts::default().open_first(hosts, first, Duration::from_secs(60), open)
    }

    fn refuse(host: &str) -> Result<String, ConnectionError> {
        Err(ConnectionError::BadConnection(format!("{host} refuses\n")))
    }

    #[test]
    fn preferred_host_is_tried_first() {
        for first in 0..3 {
            let (index, host) = open_first(&hosts(&["0", "1", "2"]), first, |host| Ok(host.to_owned())).unwrap();
            assert_eq!((index, host), (first, first.to_string()));
        }
    }

    #[test]
    fn hosts_that_fail_are_followed_by_the_others() {
        let open = |host: &str| if host == "good" { Ok(host.to_owned()) } else { refuse(host) };
        for first in 0..3 {
            assert_eq!(open_first(&hosts(&["a", "good", "b"]), first, open).unwrap().0, 1);
        }
    }

    #[test]
    fn silent_host_does_not_delay_the_next_one_until_it_fails() {
        let (release, blocked) = mpsc::channel::<()>();
        let blocked = Arc::new(std::sync::Mutex::new(blocked));
        let open = move |host: &str| {
            if host == "silent" {
                let _ = blocked.lock().unwrap().recv();
            }
            Ok(host.to_owned())
        };
        assert_eq!(open_first(&hosts(&["silent", "good"]), 0, open).unwrap(), (1, "good".to_owned()));
        drop(release);
    }

    #[test]
    fn error_names_every_host() {
        let error = open_first(&hosts(&["a", "b"]), 1, refuse).unwrap_err();
        assert_eq!(error.to_string(), "b refuses; a refuses");
        assert_eq!(open_first(&hosts(&["a"]), 0, refuse).unwrap_err().to_string(), "a refuses");
    }

    #[test]
    fn hosts_that_never_answer_occupy_a_bounded_number_of_threads() {
        let (release, blocked) = mpsc::channel::<()>();
        let blocked = Arc::new(std::sync::Mutex::new(blocked));
        let open = move |_: &str| {
            let _ = blocked.lock().unwrap().recv();
            Ok(())
        };
        let attempts = ConnectAttempts::default();
        let open = |hosts: &[&str]| {
            let outcome = attempts.open_first(&self::hosts(hosts), 0, Duration::from_millis(1), open.clone());
            outcome.unwrap_err().to_string()
        };
        assert_eq!(open(&["a", "b"]), "no answer within 1ms");
        for _ in attempts.0.load(Ordering::Relaxed)..MAX_PENDING_ATTEMPTS {
            assert_eq!(open(&["a"]), "no answer within 1ms");
        }
        assert_eq!(open(&["a"]), "128 attempts to connect still wait for an answer");
        assert_eq!(attempts.0.load(Ordering::Relaxed), MAX_PENDING_ATTEMPTS);
        drop(release);
        while attempts.0.load(Ordering::Relaxed) > 0 {
            thread::yield_now();
        }
    }
}
