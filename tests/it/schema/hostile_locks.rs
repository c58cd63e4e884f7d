//! Locks that another role, or a transaction that does not end, keeps: what waits for them gives up, and says who holds
//! them.

use std::io::{BufRead, BufReader};

use diesel::{
    Connection, PgConnection, QueryableByName, RunQueryDsl, connection::SimpleConnection, sql_types::Integer,
};

use super::hostile_tables::TwoRoles;
use crate::support::Finished;

/// The advisory locks that a version of Keyrack has used: "keyrack" in ASCII, then a byte for the kind of work.
const ADVISORY_LOCKS: [i64; 3] = [0x6b65_7972_6163_6b00, 0x6b65_7972_6163_6b01, 0x6b65_7972_6163_6b02];

/// A connection of the other role that has run this SQL, and the number of its process. The locks are free again once it
/// is dropped.
fn holding(roles: &TwoRoles, sql: &str) -> (PgConnection, String) {
    #[derive(QueryableByName)]
    struct Process {
        #[diesel(sql_type = Integer)]
        pid: i32,
    }

    let mut connection = PgConnection::establish(&roles.other_url).unwrap();
    connection.batch_execute(sql).unwrap();
    let Process { pid } = diesel::sql_query("SELECT pg_backend_pid() AS pid").get_result(&mut connection).unwrap();
    (connection, pid.to_string())
}

fn advisory_locks() -> String {
    ADVISORY_LOCKS.map(|number| format!("SELECT pg_advisory_lock({number});")).concat()
}

#[test]
fn advisory_locks_of_another_role_stop_neither_purge_nor_upgrade() {
    let Some(roles) = TwoRoles::new("advisory") else { return };
    roles.migrate().unwrap();
    let _locks = holding(&roles, &advisory_locks());
    assert_eq!(roles.program().run(&["purge"]).status, 0);
    roles.execute_as(
        &roles.keyrack,
        "ALTER TABLE sessions DROP COLUMN form_id;
         DELETE FROM __diesel_schema_migrations WHERE version = '20261127000076'",
    );
    assert_eq!(roles.migrate().unwrap(), ["2026-11-27-000076_form_ids"]);
}

#[test]
fn first_migration_says_who_keeps_its_lock() {
    let Some(roles) = TwoRoles::new("first") else { return };
    let (locks, pid) = holding(&roles, &advisory_locks());
    let mut child = roles.program().start(&["migrate"]);
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let warning = lines.find(|line| line.contains("waiting for the lock of migrations")).unwrap();
    let holder = format!("process {pid} of the role {}", roles.other);
    assert!(warning.contains(&holder) && warning.contains("pg_terminate_backend"), "{warning}");
    drop(locks);
    assert_eq!(Finished::wait_for(child).status, 0);
}

/// It has the right to write to the table. Keyrack's role does not see since when.
#[test]
fn purge_gives_up_and_doctor_names_who_keeps_its_lock() {
    let Some(roles) = TwoRoles::new("purge") else { return };
    roles.migrate().unwrap();
    roles.execute_as(&roles.keyrack, &format!("GRANT UPDATE ON keyrack_settings TO \"{}\"", roles.other));
    let lock = "BEGIN; LOCK TABLE keyrack_settings IN SHARE UPDATE EXCLUSIVE MODE";
    let (_lock, pid) = holding(&roles, lock);
    roles
        .database
        .execute("INSERT INTO public.user_sessions VALUES ('sid', '{\"cookie\":{}}', now() - interval '1 day')");
    let purged = roles.program().run(&["purge"]);
    assert_eq!(purged.status, 1, "{purged:?}");
    purged.assert_stderr_contains(&["another transaction keeps the lock of keyrack_settings", "keyrack doctor"]);
    let found = roles.program().run(&["doctor"]);
    let holder = format!("process {pid} of the role {} has held a lock of keyrack_settings", roles.other);
    found.assert_stderr_contains(&[&holder, "nothing is purged", "pg_terminate_backend"]);
}
