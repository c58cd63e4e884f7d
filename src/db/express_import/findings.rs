//! Finds what prevents an import. Each finding is a sentence that names the problem and what to do about it.

use diesel::{
    PgConnection, RunQueryDsl,
    connection::SimpleConnection,
    sql_types::{BigInt, Text},
};

use super::{
    catalog::{Attribute, Catalog, Relation, count},
    expected_tables::{Column, ColumnType, IfMissing, Nullability, SESSIONS, Table, USERS},
};
use crate::{
    db::schema::indexes::{INDEXES, Index},
    error::Result,
};

/// Ends a finding whose solution takes more than a sentence.
const GUIDE: &str = "docs/express.md explains how";

/// Checks tables, then columns, then rows, and changes nothing.
pub(super) fn find_all(connection: &mut PgConnection, catalog: &Catalog) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for (relation, table) in catalog.tables() {
        findings.extend(check_relation(relation, table));
        findings.extend(check_columns(catalog, relation, table));
    }
    if findings.is_empty() {
        // The queries need the columns.
        for (relation, table) in catalog.tables() {
            findings.extend(check_rows(connection, catalog, relation, table)?);
        }
        findings.extend(check_users_of_sessions(connection, catalog)?);
    }
    if let Some(users) = catalog.get(&USERS).filter(|users| users.is_view() && findings.is_empty()) {
        findings.extend(check_view(connection, users));
    }
    Ok(findings)
}

/// Finds columns of an imported or migrated database that Keyrack can't read or write any longer.
pub(in crate::db) fn column_problems(connection: &mut PgConnection) -> Result<Vec<String>> {
    let catalog = Catalog::read(connection)?;
    let mut problems = Vec::new();
    for (relation, table) in catalog.tables() {
        let name = &relation.qualified_name;
        for column in table.columns {
            match catalog.column(table, column) {
                None => problems.push(format!("{name} has no column {}: add it as in the migrations", column.name)),
                Some(attribute) if !column.sql_type.accepts(&attribute.type_name, attribute.length) => {
                    problems.push(wrong_type(relation, table, column, attribute));
                }
                Some(attribute)
                    if !attribute.not_null && column.nullability != Nullability::Nullable && !relation.is_view() =>
                {
                    problems.push(format!(
                        "{name}.{column} accepts NULL: run ALTER TABLE {name} ALTER COLUMN {column} SET NOT NULL",
                        column = column.name
                    ));
                }
                Some(_) => {}
            }
        }
    }
    Ok(problems)
}

/// Checks the kind of a relation, its durability and its owner.
fn check_relation(relation: &Relation, table: &Table) -> Vec<String> {
    let name = &relation.qualified_name;
    let is_users = table.name == USERS.name;
    let mut findings = Vec::new();
    let other_kind = match relation.kind.as_str() {
        "r" => None,
        "v" if is_users => return findings,
        "v" => Some("a view"),
        "p" => Some("a partitioned table"),
        "m" => Some("a materialized view"),
        "f" => Some("a foreign table"),
        _ => Some("not a table"),
    };
    if let Some(kind) = other_kind {
        let needed = if is_users { "a table or a plain view" } else { "a plain table, for its triggers" };
        findings.push(format!("{name} is {kind}, and Keyrack needs {needed}"));
    } else if !relation.is_durable {
        findings.push(format!(
            "{name} is unlogged: after a crash of the server it would be empty and all users signed out. Run ALTER \
             TABLE {name} SET LOGGED"
        ));
    }
    if !relation.can_alter {
        findings.push(format!(
            "{name} belongs to the role {owner}, and only its owner can alter it: connect as {owner}, or run GRANT \
             {owner} TO CURRENT_USER as an administrator",
            owner = relation.owner
        ));
    }
    findings
}

/// Finds columns that are missing, have another type or default, or need a value that Keyrack's INSERTs don't supply.
fn check_columns(catalog: &Catalog, relation: &Relation, table: &Table) -> Vec<String> {
    let mut findings = Vec::new();
    findings.extend(missing_columns(catalog, relation, table));
    let name = &relation.qualified_name;
    for column in table.columns {
        let Some(attribute) = catalog.column(table, column) else { continue };
        if !column.sql_type.accepts(&attribute.type_name, attribute.length) {
            findings.push(wrong_type(relation, table, column, attribute));
        }
        let is_active = |default: &String| default.starts_with("'active'");
        if column.name == "status" && attribute.default.as_ref().is_some_and(|default| !is_active(default)) {
            findings.push(format!(
                "the default of {name}.status is not 'active': run ALTER TABLE {name} ALTER COLUMN status SET DEFAULT \
                 'active'"
            ));
        }
    }
    let is_known = |attribute: &Attribute| table.columns.iter().any(|column| column.name == attribute.name);
    let needs_value =
        |attribute: &&Attribute| attribute.not_null && attribute.default.is_none() && !is_known(attribute);
    for attribute in catalog.columns(table).filter(needs_value) {
        let column = quoted(&attribute.name);
        let view = if table.name == USERS.name {
            format!("; or give Keyrack a view of your users; {GUIDE}")
        } else {
            String::new()
        };
        findings.push(format!(
            "{name}.{column} has no default and does not accept NULL, and Keyrack's INSERTs don't know it: run ALTER \
             TABLE {name} ALTER COLUMN {column} DROP NOT NULL, or SET DEFAULT{view}"
        ));
    }
    findings
}

fn missing_columns(catalog: &Catalog, relation: &Relation, table: &Table) -> Option<String> {
    let missing: Vec<&str> = table
        .columns
        .iter()
        .filter(|column| catalog.column(table, column).is_none())
        .filter(|column| relation.is_view() || column.if_missing == IfMissing::Reject)
        .map(|column| column.name)
        .collect();
    if missing.is_empty() {
        return None;
    }
    let (name, missing) = (&relation.qualified_name, missing.join(", "));
    Some(if relation.is_view() {
        format!("the view {name} has no column {missing}: add it to the view, as in NULL::text AS user_name; {GUIDE}")
    } else if table.name == USERS.name {
        format!(
            "{name} has no column {missing}: if your users have other columns, give Keyrack a view of them; {GUIDE}"
        )
    } else {
        format!(
            "{name} has no column {missing}: if the table serves another purpose, give Keyrack a schema of its own; \
             {GUIDE}"
        )
    })
}

fn wrong_type(relation: &Relation, table: &Table, column: &Column, attribute: &Attribute) -> String {
    let (table_name, name, needed) = (&relation.qualified_name, column.name, column.sql_type.sql_name());
    let actual = &attribute.displayed_type;
    let is_text = matches!(attribute.type_name.as_str(), "text" | "varchar" | "bpchar");
    if column.sql_type == ColumnType::Uuid && !is_text {
        let (rows, fix) = if table.name == USERS.name {
            ("users", "add a uuid column and give Keyrack a view")
        } else {
            let rows = if name == "id" { table.name } else { "users" };
            (rows, "rename this column, and add a uuid column under its name")
        };
        return format!(
            "{table_name}.{name} is {actual}, and Keyrack identifies {rows} by uuid: {fix}; see \"What can't be \
             mapped\" in docs/express.md"
        );
    }
    if relation.is_view() {
        return format!(
            "{table_name}.{name} is {actual}, and Keyrack needs {needed}: cast it in the view, as {name}::{needed}, \
             or map another column; {GUIDE}"
        );
    }
    let using = match (column.sql_type, attribute.type_name.as_str()) {
        (ColumnType::Timestamptz, "timestamp") => {
            format!(" USING {name} AT TIME ZONE 'UTC', or with the time zone that it was written in")
        }
        (ColumnType::Timestamp, "timestamptz") => String::new(),
        (ColumnType::Text(_), "inet") => format!(" USING host({name})"),
        _ => format!(" USING {name}::{needed}"),
    };
    let default = match column.nullability {
        Nullability::RequiredWithDefault(_) if attribute.default.is_some() => {
            format!(", after ALTER COLUMN {name} DROP DEFAULT")
        }
        _ => String::new(),
    };
    format!(
        "{table_name}.{name} is {actual}, and Keyrack needs {needed}: run ALTER TABLE {table_name} ALTER COLUMN \
         {name} TYPE {needed}{using}{default}"
    )
}

/// Finds rows that the unique indexes and constraints would reject.
fn check_rows(
    connection: &mut PgConnection,
    catalog: &Catalog,
    relation: &Relation,
    table: &Table,
) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    let is_missing = |name: &str| {
        let column = table.columns.iter().find(|column| column.name == name);
        column.is_some_and(|column| catalog.column(table, column).is_none())
    };
    let of_table = |index: &&Index| index.unique && index.table == table.name && !is_missing(index.key);
    for index in INDEXES.iter().filter(of_table) {
        findings.extend(check_duplicates(connection, relation, index)?);
    }
    for column in table.columns.iter().filter(|column| column.nullability != Nullability::Nullable) {
        let Some(attribute) = catalog.column(table, column) else { continue };
        if !attribute.not_null && !matches!(column.if_missing, IfMissing::AddAndBackfill(_)) {
            findings.extend(check_nulls(connection, relation, table, column)?);
        }
    }
    if table.name == SESSIONS.name {
        findings.extend(check_statuses(connection, &relation.qualified_name)?);
    }
    Ok(findings)
}

fn check_duplicates(connection: &mut PgConnection, relation: &Relation, index: &Index) -> Result<Option<String>> {
    let (name, key) = (&relation.qualified_name, index.key_sql());
    let condition = if index.predicate.is_empty() { String::new() } else { format!(" WHERE {}", index.predicate) };
    let duplicated =
        format!("SELECT count(*) FROM (SELECT FROM {name}{condition} GROUP BY {key} HAVING count(*) > 1) t");
    let values = count(connection, &duplicated, &[])?;
    let fix = if key == "sid" {
        format!(
            "keep the newest row of each: DELETE FROM {name} a USING {name} b WHERE a.sid = b.sid AND a.ctid < b.ctid"
        )
    } else {
        format!("list them by SELECT {key}, count(*) FROM {name} GROUP BY 1 HAVING count(*) > 1")
    };
    Ok((values > 0).then(|| format!("{values} value(s) of {key} occur in several rows of {name}: {fix}")))
}

fn check_nulls(
    connection: &mut PgConnection,
    relation: &Relation,
    table: &Table,
    column: &Column,
) -> Result<Option<String>> {
    let (name, column_name) = (&relation.qualified_name, column.name);
    let rows = count(connection, &format!("SELECT count(*) FROM {name} WHERE {column_name} IS NULL"), &[])?;
    let fix = match column.nullability {
        _ if relation.is_view() => format!("use coalesce({column_name}, …) in the view"),
        Nullability::RequiredWithDefault(value) => {
            format!("UPDATE {name} SET {column_name} = {value} WHERE {column_name} IS NULL")
        }
        // Deleting an account is never the advice.
        _ if table.name == USERS.name => {
            format!("give each an address, or give Keyrack a view that leaves these users out; {GUIDE}")
        }
        _ => format!("DELETE FROM {name} WHERE {column_name} IS NULL, or give them a value"),
    };
    Ok((rows > 0).then(|| format!("{rows} row(s) of {name} have no {column_name}: {fix}")))
}

#[derive(diesel::QueryableByName)]
struct StatusCount {
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = BigInt)]
    count: i64,
}

fn check_statuses(connection: &mut PgConnection, name: &str) -> Result<Option<String>> {
    let unknown: Vec<StatusCount> = diesel::sql_query(format!(
        "SELECT status::text, count(*) FROM {name} WHERE status NOT IN ('active', 'logged_out') GROUP BY 1 \
         ORDER BY 2 DESC LIMIT 5"
    ))
    .load(connection)?;
    if unknown.is_empty() {
        return Ok(None);
    }
    let values: Vec<String> = unknown.iter().map(|row| format!("{:?} in {} row(s)", row.status, row.count)).collect();
    Ok(Some(format!(
        "{name}.status is {}, and Keyrack knows 'active' and 'logged_out' only: first UPDATE {name} SET status = \
         'active' WHERE status IN (your values that mean signed in), then UPDATE {name} SET status = 'logged_out' \
         WHERE status NOT IN ('active', 'logged_out'), which signs out the users of these sessions; and let the \
         application write only the two",
        values.join(", ")
    )))
}

/// Finds sessions whose user does not exist.
fn check_users_of_sessions(connection: &mut PgConnection, catalog: &Catalog) -> Result<Option<String>> {
    let Some(sessions) = catalog.get(&SESSIONS) else { return Ok(None) };
    let name = &sessions.qualified_name;
    let Some(users) = catalog.get(&USERS) else {
        let rows = count(connection, &format!("SELECT count(*) FROM {name}"), &[])?;
        return Ok((rows > 0).then(|| {
            format!(
                "{name} has {rows} row(s), but the table users does not exist: if your users are in another table, \
                 give Keyrack a view of it; {GUIDE}"
            )
        }));
    };
    let users = &users.qualified_name;
    let orphaned = format!("FROM {name} s WHERE NOT EXISTS (SELECT FROM {users} u WHERE u.id = s.user_id)");
    let rows = count(connection, &format!("SELECT count(*) {orphaned}"), &[])?;
    Ok((rows > 0).then(|| format!("{rows} row(s) of {name} have a user_id that is not in {users}: DELETE {orphaned}")))
}

/// Plans the locking query that Keyrack sends to a view of users, without executing it.
fn check_view(connection: &mut PgConnection, users: &Relation) -> Option<String> {
    let lock = "EXPLAIN SELECT id FROM users WHERE lower(email::text COLLATE \"C\") = '' FOR NO KEY UPDATE";
    let error = connection.batch_execute(lock).err()?;
    let name = &users.qualified_name;
    Some(format!(
        "Keyrack can't lock rows of the view {name} ({error}): GRANT SELECT, UPDATE ON {name} to its role; {GUIDE}"
    ))
}

fn quoted(name: &str) -> String {
    let is_plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if is_plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}
