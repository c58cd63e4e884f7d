//! A difference from the migrations, and its repair.

use diesel::{connection::SimpleConnection, sql_types::Text};

use crate::{db::DbConnection, error::Result};

/// Limits how long a repair waits for a lock, because every later statement queues behind it.
const REPAIR_LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '2s'; SET LOCAL standard_conforming_strings = on;";

/// What differs from the migrations.
#[derive(Debug, Clone)]
pub(crate) struct SchemaProblem {
    /// The rule, in a word or two.
    pub rule: &'static str,
    /// What is wrong, and what to do.
    pub detail: String,
    /// The statements that restore it, if that is safe.
    repair: Option<String>,
}

impl SchemaProblem {
    pub(super) fn new(rule: &'static str, detail: String) -> Self {
        Self { rule, detail, repair: None }
    }

    pub(super) fn repaired_by(self, statements: String) -> Self {
        Self { repair: Some(statements), ..self }
    }

    pub(super) fn without_repair(self) -> Self {
        Self { repair: None, ..self }
    }

    /// Whether [`SchemaProblem::repair`] restores it.
    pub(crate) fn is_repairable(&self) -> bool {
        self.repair.is_some()
    }

    /// Restores what the migrations created, within the caller's transaction. Does nothing if that is not safe.
    pub(crate) fn repair(&self, connection: &mut DbConnection) -> Result<()> {
        let Some(statements) = &self.repair else { return Ok(()) };
        match connection {
            DbConnection::Postgres(connection) => {
                connection.batch_execute(&format!("{REPAIR_LOCK_TIMEOUT} {statements}"))?;
            }
            DbConnection::Sqlite(connection) => connection.batch_execute(statements)?,
        }
        Ok(())
    }
}

/// A row with one text, named `name`.
#[derive(diesel::QueryableByName)]
pub(super) struct Name {
    #[diesel(sql_type = Text)]
    pub name: String,
}
