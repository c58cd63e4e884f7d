//! Opens a connection to the first of several hosts that accepts one.

use std::{
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use diesel::ConnectionError;

/// How long one host may stay silent before the next one is tried beside it.
///
/// libpq tries the hosts of a URL in turn and waits at least two seconds for each, which is longer than a server's
/// timeout for an operation. A server in the same data centre accepts a connection within milliseconds.
const NEXT_HOST_DELAY: Duration = Duration::from_millis(250);

/// Calls `open` with each host's connection string, beginning with number `first`, until one succeeds. Returns the
/// number of that host, and the connection.
///
/// A host that fails is followed by the next one at once, and a silent one after [`NEXT_HOST_DELAY`], while its own
/// attempt continues on its thread. An attempt that succeeds too late is dropped.
///
/// # Errors
/// The messages of all hosts, if all of them failed.
pub(super) fn open_first<T: Send + 'static>(
    hosts: &Arc<[String]>,
    first: usize,
    open: impl Fn(&str) -> Result<T, ConnectionError> + Send + Clone + 'static,
) -> Result<(usize, T), ConnectionError> {
    if let [only] = &**hosts {
        return Ok((0, open(only)?));
    }
    let mut order = (0..hosts.len()).map(|offset| (first + offset) % hosts.len());
    let (sender, outcomes) = mpsc::channel();
    let mut errors = Vec::new();
    let mut pending = 0;
    loop {
        let next = order.next();
        if let Some(index) = next {
            let (hosts, open, sender) = (Arc::clone(hosts), open.clone(), sender.clone());
            let attempt = move || _ = sender.send((index, open(&hosts[index])));
            let started = thread::Builder::new().name("keyrack-connect".to_owned()).spawn(attempt);
            started.map_err(|error| ConnectionError::BadConnection(error.to_string()))?;
            pending += 1;
        } else if pending == 0 {
            return Err(ConnectionError::BadConnection(errors.join("; ")));
        }
        let outcome = if next.is_some() && order.len() > 0 {
            outcomes.recv_timeout(NEXT_HOST_DELAY).ok()
        } else {
            outcomes.recv().ok()
        };
        match outcome {
            Some((index, Ok(connection))) => return Ok((index, connection)),
            Some((_, Err(error))) => {
                pending -= 1;
                errors.push(error.to_string().trim_end().to_owned());
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(names: &[&str]) -> Arc<[String]> {
        names.iter().map(|&name| name.to_owned()).collect()
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
        assert_eq!(open_first(&hosts(&["a"]), 0, refuse).unwrap_err().to_string(), "a refuses\n");
    }
}
