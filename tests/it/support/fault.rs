//! Faults on demand: the n-th statement that goes to a database is never sent, and whatever was doing it stops dead.
//!
//! It works from outside the program, through Diesel's instrumentation: the thread that is about to send the statement
//! unwinds, and the connection is lost with it, as in a crash at that point.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, Once},
};

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};

/// How many statements may still pass, by the database's address; at zero, the fault strikes and the entry is gone.
static PLANS: LazyLock<Mutex<HashMap<String, u32>>> = LazyLock::new(Mutex::default);

/// A fault that waits. Must be made before the server that it is for opens its connections.
pub struct Faults {
    address: String,
}

impl Faults {
    /// Prepares for faults in the database at this `DATABASE_URL`.
    pub fn prepare(url: &str) -> Self {
        static INSTALLED: Once = Once::new();
        INSTALLED.call_once(|| set_default_instrumentation(|| Some(Box::<Watch>::default())).unwrap());
        Self { address: address_of(url) }
    }

    /// Lets the `n`-th statement from now on fail.
    pub fn fail_statement(&self, n: u32) {
        PLANS.lock().unwrap().insert(self.address.clone(), n);
    }

    /// Takes the plan back. Returns whether the fault had struck.
    pub fn triggered(&self) -> bool {
        PLANS.lock().unwrap().remove(&self.address).is_none()
    }
}

/// Both forms of an address: with parameters, as the program has it, and bare.
fn address_of(url: &str) -> String {
    let url = url.strip_prefix("sqlite:").unwrap_or(url);
    url.split('?').next().unwrap_or(url).to_owned()
}

#[derive(Default)]
struct Watch {
    address: String,
}

impl Instrumentation for Watch {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartEstablishConnection { url, .. } => self.address = address_of(url),
            InstrumentationEvent::StartQuery { query, .. } if !sets_up(&query.to_string()) => self.count(),
            _ => {}
        }
    }
}

/// The statements that prepare a new connection are not part of any operation.
fn sets_up(statement: &str) -> bool {
    statement.starts_with("RESET TIME ZONE") || statement.starts_with("PRAGMA")
}

impl Watch {
    fn count(&self) {
        let mut plans = PLANS.lock().unwrap();
        let strikes = plans.get_mut(&self.address).is_some_and(|left| {
            *left -= 1;
            *left == 0
        });
        if strikes {
            plans.remove(&self.address);
            drop(plans);
            // Without the message of a panic: nothing is wrong with the program.
            std::panic::resume_unwind(Box::new("a fault on demand"));
        }
    }
}
