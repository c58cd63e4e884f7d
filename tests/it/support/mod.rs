//! What the tests share: a server with a database of its own, browsers that talk to it, and a look into the tables.

mod app;
mod browser;
mod database;
mod postgres;

pub use app::{CLOCK_START, TestApp, wait};
pub use browser::{Answer, Browser};
pub use database::{EngineKind, TestDatabase};

/// The password of every user that the tests make.
pub const PASSWORD: &str = "green tea, twice a day";

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
