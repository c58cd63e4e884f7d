//! Fault injection: the n-th statement to a database is not sent, and its operation stops there.
//!
//! It needs no support from the program: Diesel's instrumentation unwinds the thread that is about to send the
//! statement, and the connection is lost with it, as in a crash at that point.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, Once},
};

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};

/// The number of statements until the fault, by the database's address. The fault removes its entry.
static COUNTDOWNS: LazyLock<Mutex<HashMap<String, u32>>> = LazyLock::new(Mutex::default);

/// Injects faults into one database. Must be prepared before the server opens its connections.
pub struct Faults {
    address: String,
}

impl Faults {
    /// Prepares faults in the database at this `DATABASE_URL`.
    pub fn prepare(url: &str) -> Self {
        static INSTALLED: Once = Once::new();
        INSTALLED.call_once(|| set_default_instrumentation(|| Some(Box::<StatementCounter>::default())).unwrap());
        Self { address: address_of(url) }
    }

    /// Makes the `n`-th statement from now on fail.
    pub fn fail_statement(&self, n: u32) {
        COUNTDOWNS.lock().unwrap().insert(self.address.clone(), n);
    }

    /// Cancels the fault; returns whether it had already happened.
    pub fn triggered(&self) -> bool {
        COUNTDOWNS.lock().unwrap().remove(&self.address).is_none()
    }
}

/// The part of a URL that identifies the database, without the parameters that the program adds.
fn address_of(url: &str) -> String {
    let url = url.strip_prefix("sqlite:").or(url.strip_prefix("file://")).unwrap_or(url);
    url.split('?').next().unwrap_or(url).to_owned()
}

#[derive(Default)]
struct StatementCounter {
    address: String,
}

impl Instrumentation for StatementCounter {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartEstablishConnection { url, .. } => self.address = address_of(url),
            InstrumentationEvent::StartQuery { query, .. } if !is_setup(&query.to_string()) => self.count(),
            _ => {}
        }
    }
}

/// Whether a statement sets up a new connection, and so is not part of any operation.
fn is_setup(statement: &str) -> bool {
    statement.starts_with("RESET TIME ZONE") || statement.starts_with("PRAGMA") || statement.contains("sqlite_schema")
}

impl StatementCounter {
    fn count(&self) {
        let mut countdowns = COUNTDOWNS.lock().unwrap();
        let fails = countdowns.get_mut(&self.address).is_some_and(|left| {
            *left -= 1;
            *left == 0
        });
        if fails {
            countdowns.remove(&self.address);
            drop(countdowns);
            // Unlike `panic!`, this prints nothing.
            std::panic::resume_unwind(Box::new("an injected fault"));
        }
    }
}
