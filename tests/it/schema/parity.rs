//! Compares the schemas of both engines, and `user_sessions` with the table of connect-pg-simple.

use std::collections::{BTreeMap, BTreeSet};

use super::migrate::folders;
use crate::support::{EngineKind, TestDatabase, on_both_engines};

/// The triggers that only SQLite has: it stores times as text, which triggers bring to one format; a BEFORE trigger can't
/// change the row, and a trigger has one event, so that some rules of PostgreSQL take a trigger more; and it has REPLACE,
/// which deletes rows without firing the triggers of a DELETE.
const SQLITE_ONLY: [&str; 34] = [
    "keyrack_settings keyrack_note_existing_setting",
    "keyrack_settings keyrack_record_setting_deleted",
    "keyrack_settings keyrack_record_setting_inserted",
    "keyrack_settings keyrack_record_setting_updated",
    "keyrack_settings keyrack_refuse_overwritten_setting",
    "keyrack_settings keyrack_refuse_replaced_setting",
    "security_events keyrack_refuse_distant_event_id",
    "security_events keyrack_refuse_event_id",
    "security_events keyrack_refuse_malformed_event",
    "security_events keyrack_refuse_replaced_event",
    "sessions keyrack_note_existing_session",
    "sessions keyrack_refuse_overwritten_session",
    "sessions keyrack_refuse_replaced_session",
    "sessions keyrack_refuse_return",
    "sessions keyrack_refuse_session_id_inserted",
    "sessions keyrack_refuse_session_id_updated",
    "sessions keyrack_widen_authenticated_at_inserted",
    "sessions keyrack_widen_authenticated_at_updated",
    "sessions keyrack_widen_session_times_inserted",
    "sessions keyrack_widen_session_times_updated",
    "user_sessions keyrack_cap_expire_inserted",
    "user_sessions keyrack_cap_expire_updated",
    "user_sessions keyrack_refuse_data_rowid",
    "user_sessions keyrack_refuse_overwritten_data",
    "user_sessions keyrack_refuse_replaced_data",
    "user_sessions keyrack_widen_expire_inserted",
    "user_sessions keyrack_widen_expire_updated",
    "users keyrack_note_existing_user",
    "users keyrack_refuse_overwritten_user",
    "users keyrack_refuse_replaced_user",
    "users keyrack_refuse_user_id_inserted",
    "users keyrack_refuse_user_id_updated",
    "users keyrack_widen_user_times_inserted",
    "users keyrack_widen_user_times_updated",
];

/// The triggers that only PostgreSQL has: SQLite has no concurrent writers, no infinite times, no TRUNCATE and no
/// notifications, and no Express application shares its tables.
const POSTGRES_ONLY: [&str; 11] = [
    "keyrack_settings keyrack_record_all_settings",
    "keyrack_settings keyrack_record_setting",
    "security_events keyrack_announce_event",
    "security_events keyrack_keep_all_events",
    "sessions keyrack_clamp_times",
    "sessions keyrack_keep_ends_of_all",
    "sessions keyrack_prefer_row_of_peer",
    "sessions keyrack_record_deletion",
    "sessions keyrack_remember_all_sids",
    "user_sessions keyrack_end_without_all_data",
    "user_sessions keyrack_remove_data_of_dead_sid",
];

/// The tables that only PostgreSQL has: several instances share a database there.
const POSTGRES_ONLY_TABLES: [&str; 1] = ["keyrack_instances"];

/// The table that only SQLite has: its triggers note there what they need to refuse REPLACE.
const SQLITE_ONLY_TABLES: [&str; 1] = ["conflicting_inserts"];

/// The indexes that only PostgreSQL has: on SQLite, an integer key is the row's place, and ids are in the order of the
/// commits.
const POSTGRES_ONLY_INDEXES: [&str; 2] =
    ["security_events  (id) t", "security_events security_events_by_transaction (transaction_id, id) f"];

/// A schema in terms that both engines share.
#[derive(Debug, PartialEq, Eq)]
pub struct Description {
    /// By table, in their order: name, whether it is nullable, whether it has a default; and the type.
    columns: BTreeMap<String, Vec<(String, String)>>,
    /// Table, name (empty if it belongs to a constraint), columns, predicate, uniqueness.
    indexes: BTreeSet<String>,
    /// Table, column, referenced table, referenced column.
    foreign_keys: BTreeSet<String>,
    /// Table and name.
    pub triggers: BTreeSet<String>,
}

impl Description {
    pub fn of(database: &TestDatabase) -> Self {
        let queries = match database.kind() {
            EngineKind::Postgres => POSTGRES,
            EngineKind::Sqlite => SQLITE,
        };
        let [columns, indexes, foreign_keys, triggers] = queries.map(|sql| database.texts(sql));
        let mut by_table: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        for line in columns {
            let [table, column, declared] = line.splitn(3, '|').collect::<Vec<_>>().try_into().unwrap();
            by_table.entry(table.to_owned()).or_default().push((column.to_owned(), declared.to_owned()));
        }
        let set = |lines: Vec<String>| lines.into_iter().collect();
        Self { columns: by_table, indexes: set(indexes), foreign_keys: set(foreign_keys), triggers: set(triggers) }
    }

    pub fn tables(&self) -> Vec<&str> {
        self.columns.keys().map(String::as_str).collect()
    }

    /// The tables of both engines, without Diesel's own.
    fn keyrack_tables(&self) -> impl Iterator<Item = (&String, &Vec<(String, String)>)> {
        let of_one_engine = [POSTGRES_ONLY_TABLES, SQLITE_ONLY_TABLES].concat();
        let is_shared = move |table: &str| table != "__diesel_schema_migrations" && !of_one_engine.contains(&table);
        self.columns.iter().filter(move |(table, _)| is_shared(table))
    }

    fn column_names(&self) -> BTreeMap<&String, Vec<&String>> {
        self.keyrack_tables().map(|(table, columns)| (table, columns.iter().map(|(name, _)| name).collect())).collect()
    }
}

/// Queries for columns, indexes, foreign keys, triggers.
const POSTGRES: [&str; 4] = [
    "SELECT concat(table_name, '|', column_name, ' ', is_nullable = 'YES', ' ', column_default IS NOT NULL, '|',
         format_type(atttypid, atttypmod)) AS v
     FROM information_schema.columns
     JOIN pg_attribute ON attrelid = format('%I', table_name)::regclass AND attname = column_name
     WHERE table_schema = current_schema() ORDER BY table_name, ordinal_position",
    "SELECT concat(t.relname, ' ', CASE WHEN NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.oid)
             THEN i.relname END, ' (', (
             SELECT string_agg(regexp_replace(pg_get_indexdef(i.oid, n, true), '::text| COLLATE \"C\"', '', 'g'), ', '
                 ORDER BY n)
             FROM generate_series(1, x.indnatts) n
         ), ')', ' WHERE ' || regexp_replace(pg_get_expr(x.indpred, x.indrelid), '::text|[()]', '', 'g'), ' ', x.indisunique) AS v
     FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
     WHERE t.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())",
    "SELECT concat(conrelid::regclass, ' ', f.attname, ' ', confrelid::regclass, ' ', r.attname) AS v
     FROM pg_constraint
     JOIN pg_attribute f ON f.attrelid = conrelid AND f.attnum = conkey[1]
     JOIN pg_attribute r ON r.attrelid = confrelid AND r.attnum = confkey[1]
     WHERE contype = 'f'",
    "SELECT concat(tgrelid::regclass, ' ', tgname) AS v FROM pg_trigger WHERE NOT tgisinternal",
];

const SQLITE: [&str; 4] = [
    "SELECT t.name || '|' || c.name || ' ' || iif(c.\"notnull\", 'f', 't') || ' '
         || iif(c.dflt_value IS NULL, 'f', 't') || '|' || c.type AS v
     FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'
     ORDER BY t.name, c.cid",
    "SELECT t.name || ' ' || iif(i.origin = 'c', i.name, '') || ' ' || coalesce(
             (SELECT substr(sql, instr(sql, ' (') + 1) FROM sqlite_master WHERE type = 'index' AND name = i.name),
             '(' || (SELECT group_concat(name, ', ') FROM pragma_index_info(i.name)) || ')'
         ) || ' ' || iif(i.\"unique\", 't', 'f') AS v
     FROM sqlite_master t, pragma_index_list(t.name) i WHERE t.type = 'table'",
    "SELECT t.name || ' ' || f.\"from\" || ' ' || f.\"table\" || ' ' || f.\"to\" AS v
     FROM sqlite_master t, pragma_foreign_key_list(t.name) f WHERE t.type = 'table'",
    "SELECT tbl_name || ' ' || name AS v FROM sqlite_master WHERE type = 'trigger'",
];

fn both() -> Option<(Description, Description)> {
    let new = |engine| Description::of(&TestDatabase::new(engine));
    EngineKind::Postgres.is_available().then(|| (new(EngineKind::Postgres), new(EngineKind::Sqlite)))
}

#[test]
fn migrations_have_same_names_on_both_engines() {
    let names = |engine| folders(engine).iter().map(|path| path.file_name().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(names(EngineKind::Postgres), names(EngineKind::Sqlite));
}

#[test]
fn columns_match_on_both_engines() {
    let Some((postgres, sqlite)) = both() else { return };
    let mut tables = sqlite.tables();
    tables.retain(|table| !SQLITE_ONLY_TABLES.contains(table));
    tables.extend(POSTGRES_ONLY_TABLES);
    tables.sort_unstable();
    assert_eq!(postgres.tables(), tables);
    assert_eq!(postgres.column_names(), sqlite.column_names());
    let expected: Vec<_> = postgres.keyrack_tables().collect();
    let sessions = expected.iter().find(|(table, _)| *table == "sessions").unwrap();
    assert!(sessions.1.iter().any(|(column, declared)| column == "sid f f" && declared == "character varying"));
    for ((table, native), (_, text)) in expected.into_iter().zip(sqlite.keyrack_tables()) {
        for ((column, native), (_, text)) in native.iter().zip(text) {
            let expected = match native.as_str() {
                "boolean" => "BOOLEAN",
                "integer" | "bigint" => "INTEGER",
                _ => "TEXT",
            };
            assert_eq!(text, expected, "{table}.{column} is {native} on PostgreSQL");
        }
    }
}

#[test]
fn indexes_and_foreign_keys_match_on_both_engines() {
    let Some((postgres, sqlite)) = both() else { return };
    let is_shared = |index: &&String| {
        let of_table = |table: &&str| index.starts_with(&format!("{table} "));
        ![POSTGRES_ONLY_TABLES, SQLITE_ONLY_TABLES].concat().iter().any(of_table)
            && !POSTGRES_ONLY_INDEXES.contains(&index.as_str())
    };
    assert_eq!(
        postgres.indexes.iter().filter(is_shared).collect::<Vec<_>>(),
        sqlite.indexes.iter().filter(is_shared).collect::<Vec<_>>()
    );
    assert_eq!(postgres.foreign_keys, sqlite.foreign_keys);
    for index in ["users users_email_key (lower(email)) t", "sessions  (sid) t"] {
        assert!(postgres.indexes.contains(index), "{index} is not in {:?}", postgres.indexes);
    }
    assert!(postgres.foreign_keys.contains("sessions user_id users id"));
}

/// Where few sessions were active at the last ANALYZE, the planner would prefer such an index to the one on `sid`, and
/// read all sessions that are active now.
#[test]
fn no_index_starts_with_status() {
    let Some((postgres, sqlite)) = both() else { return };
    for index in postgres.indexes.iter().chain(&sqlite.indexes) {
        assert!(!index.contains("(status"), "{index}");
    }
}

#[test]
fn triggers_match_on_both_engines() {
    let Some((mut postgres, mut sqlite)) = both() else { return };
    for name in POSTGRES_ONLY {
        assert!(postgres.triggers.remove(name), "{name} does not exist; remove the exception");
    }
    for name in SQLITE_ONLY {
        assert!(sqlite.triggers.remove(name), "{name} does not exist; remove the exception");
    }
    assert_eq!(postgres.triggers, sqlite.triggers);
    assert!(!postgres.triggers.is_empty());
}

on_both_engines!(doctor_finds_all_objects_after_migration);

fn doctor_finds_all_objects_after_migration(engine: EngineKind) {
    let app = crate::support::TestApp::new(engine);
    let report = crate::support::wait(app.keyrack.sessions().doctor(false)).unwrap();
    assert!(report.breaches.is_empty(), "{report:?}");
}

/// The statements of connect-pg-simple's `createTableIfMissing`, for a table of this name.
pub const CONNECT_PG_SIMPLE_TABLE: &str = r#"
    CREATE TABLE "user_sessions" (
      "sid" varchar NOT NULL COLLATE "default",
      "sess" json NOT NULL,
      "expire" timestamp(6) NOT NULL
    )
    WITH (OIDS=FALSE);
    ALTER TABLE "user_sessions" ADD CONSTRAINT "session_pkey" PRIMARY KEY ("sid") NOT DEFERRABLE INITIALLY IMMEDIATE;
    CREATE INDEX "IDX_session_expire" ON "user_sessions" ("expire");
"#;

#[test]
fn user_sessions_equals_table_of_connect_pg_simple() {
    if !EngineKind::Postgres.is_available() {
        return;
    }
    let peers = TestDatabase::blank(EngineKind::Postgres);
    peers.execute(CONNECT_PG_SIMPLE_TABLE);
    let (peers, keyracks) = (definition(&peers), definition(&TestDatabase::new(EngineKind::Postgres)));
    assert_eq!(keyracks, peers);
    assert_eq!(peers.len(), 6, "{peers:#?}");
}

/// The columns, indexes and constraints of `user_sessions`, as the server spells them.
fn definition(database: &TestDatabase) -> Vec<String> {
    database.texts(
        "SELECT concat_ws(' ', attnum, attname, format_type(atttypid, atttypmod),
         attnotnull, attcollation::regcollation,
             pg_get_expr(adbin, adrelid)) AS v
         FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
         WHERE attrelid = 'user_sessions'::regclass AND attnum > 0 AND NOT attisdropped
         UNION ALL SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'user_sessions'::regclass
         UNION ALL SELECT concat_ws(' ', conname, pg_get_constraintdef(oid)) FROM pg_constraint
         WHERE conrelid = 'user_sessions'::regclass AND contype <> 'n' ORDER BY v",
    )
}
