//! What the tests share: a server with a database of its own, browsers that talk to it, and a look into the tables.

mod app;
mod browser;
mod cluster;
pub mod cookies;
mod database;
mod embedded_app;
pub mod express;
mod fault;
pub mod log;
mod pooler;
mod postgres;
mod program;
pub mod raw;

pub use app::{CLOCK_START, SECRETS, TestApp, wait};
pub use browser::{Answer, Browser};
pub use cluster::Cluster;
pub use database::{EngineKind, TestDatabase};
pub use embedded_app::EmbeddedApp;
pub use fault::Faults;
pub use pooler::Pooler;
pub use program::{Finished, Program, Serving};

/// The password of every user that the tests make.
pub const PASSWORD: &str = "green tea, twice a day";

/// Asks again and again until it is so: for what a busy machine may make wait. Asking itself must take a while.
pub fn wait_until(mut is_so: impl FnMut() -> bool) {
    let started = std::time::Instant::now();
    while !is_so() {
        assert!(started.elapsed() < std::time::Duration::from_secs(60), "it never came true");
        std::thread::yield_now();
    }
}

/// Runs each function on both engines, as `sqlite::name` and `postgres::name`. They take the engine.
///
/// Without PostgreSQL the second half says loudly that it tested nothing; CI makes that a failure.
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
