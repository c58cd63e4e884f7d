//! Fixtures: a server with a database of its own, browsers that talk to it, and access to the tables.

mod app;
mod authenticator;
pub mod bound_browser;
mod browser;
mod cluster;
pub mod cookies;
mod database;
mod embedded_app;
mod event_stream;
pub mod express;
mod fault;
mod installed;
pub mod log;
pub mod mail_server;
mod mmdb;
mod passkey_device;
mod pooler;
mod postgres;
mod program;
pub mod raw;
mod relay;
mod replicated_pair;
mod write_lock;

pub use app::{CLOCK_START, SECRETS, TestApp, wait};
pub use authenticator::Authenticator;
pub use bound_browser::BoundBrowser;
pub use browser::{Answer, Browser};
pub use cluster::Cluster;
pub use database::{EngineKind, TestDatabase};
pub use embedded_app::{EmbeddedApp, MemoryStore};
pub use event_stream::EventStream;
pub use fault::Faults;
pub use installed::{installed, installed_on_some_systems};
pub use mail_server::MailServer;
pub use mmdb::Mmdb;
pub use passkey_device::PasskeyDevice;
pub use pooler::Pooler;
pub use postgres::detached;
pub use program::{Finished, Program, Serving, Stopped};
pub use relay::Relay;
pub use replicated_pair::ReplicatedPair;
pub use write_lock::{WriteLock, change_before, change_rows_before};

/// The password of every user that the tests create.
pub const PASSWORD: &str = "green tea, twice a day";

/// Polls until the condition is true, at most 60 s. The condition itself should take a while: there is no pause.
pub fn wait_until(mut is_true: impl FnMut() -> bool) {
    let started = std::time::Instant::now();
    while !is_true() {
        assert!(started.elapsed() < std::time::Duration::from_secs(60), "the condition is still false after 60 s");
        std::thread::yield_now();
    }
}

/// Defines each function, which takes the engine, as two tests: `sqlite::name` and `postgres::name`.
///
/// Without PostgreSQL the second test prints a warning and tests nothing; CI makes that a failure.
macro_rules! on_both_engines {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[test]
            fn $name() {
                super::$name($crate::support::EngineKind::Sqlite);
            })+
        }

        mod postgres {
            $(#[test]
            fn $name() {
                if $crate::support::EngineKind::Postgres.is_available() {
                    super::$name($crate::support::EngineKind::Postgres);
                }
            })+
        }
    };
}

pub(crate) use on_both_engines;
