//! What can't be taken over: a sentence for each, that says what to do.

use diesel::{
    PgConnection, RunQueryDsl,
    connection::SimpleConnection,
    sql_types::{BigInt, Text},
};

use super::{
    catalog::{Attribute, Catalog, Relation, count},
    shape::{Column, Kind, Missing, Presence, SESSIONS, Table, USERS},
};
use crate::{
    db::schema::indexes::{INDEXES, Index},
    error::Result,
};

/// Where the view is explained.
const GUIDE: &str = "docs/express.md says how";

/// Looks at everything before anything is changed.
pub(super) fn all(connection: &mut PgConnection, catalog: &Catalog) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for (relation, table) in catalog.tables() {
        found.extend(relation_findings(relation, table));
        found.extend(column_findings(catalog, relation, table));
    }
    if found.is_empty() {
        // Only of tables that have the columns.
        for (relation, table) in catalog.tables() {
            found.extend(row_findings(connection, catalog, relation, table)?);
        }
        found.extend(orphans(connection, catalog)?);
    }
    if let Some(users) = catalog.get(&USERS).filter(|users| users.is_view() && found.is_empty()) {
        found.extend(view_findings(connection, users));
    }
    Ok(found)
}

/// What it is, and whose.
fn relation_findings(relation: &Relation, table: &Table) -> Vec<String> {
    let name = &relation.qualified;
    let is_users = table.name == USERS.name;
    let mut found = Vec::new();
    let what = match relation.kind.as_str() {
        "r" => None,
        "v" if is_users => return found,
        "v" => Some("a view"),
        "p" => Some("a partitioned table"),
        "m" => Some("a materialized view"),
        "f" => Some("a foreign table"),
        _ => Some("no table"),
    };
    if let Some(what) = what {
        let needed = if is_users { "a table or a plain view" } else { "a plain table, for its triggers" };
        found.push(format!("{name} is {what}, and Keyrack needs {needed}"));
    } else if !relation.durable {
        found.push(format!(
            "{name} would be empty after a crash of the server, and everybody signed out: ALTER TABLE {name} SET LOGGED"
        ));
    }
    if !relation.ours {
        found.push(format!(
            "{name} belongs to the role {owner}, and only its owner may prepare it: connect as {owner}, or GRANT {owner} TO \
             CURRENT_USER as an administrator",
            owner = relation.owner
        ));
    }
    found
}

/// Columns that are missing, of another type, or unknown and needed.
fn column_findings(catalog: &Catalog, relation: &Relation, table: &Table) -> Vec<String> {
    let mut found = Vec::new();
    let name = &relation.qualified;
    let foreign: Vec<&str> = table
        .columns
        .iter()
        .filter(|column| catalog.column(table, column).is_none())
        .filter(|column| relation.is_view() || column.missing == Missing::Foreign)
        .map(|column| column.name)
        .collect();
    if !foreign.is_empty() && relation.is_view() {
        found.push(format!(
            "the view {name} has no column {}: give it to the view, as in NULL::text AS user_name; {GUIDE}",
            foreign.join(", ")
        ));
    } else if !foreign.is_empty() {
        let elsewhere = if table.name == USERS.name {
            format!("if your users have other columns, give Keyrack a view of them; {GUIDE}")
        } else {
            format!("if it is another application's, give Keyrack a schema of its own; {GUIDE}")
        };
        found.push(format!("{name} has no column {}: {elsewhere}", foreign.join(", ")));
    }
    for column in table.columns {
        let Some(attribute) = catalog.column(table, column) else { continue };
        if !column.kind.is(&attribute.type_name, attribute.length) {
            found.push(wrong_type(relation, table, column, attribute));
        }
        let active = |default: &String| default.starts_with("'active'");
        if column.name == "status" && attribute.default.as_ref().is_some_and(|default| !active(default)) {
            found.push(format!(
                "{name}.status is not 'active' by default: ALTER TABLE {name} ALTER COLUMN status SET DEFAULT 'active'"
            ));
        }
    }
    let is_known = |attribute: &Attribute| table.columns.iter().any(|column| column.name == attribute.name);
    let needed = |attribute: &&Attribute| attribute.not_null && attribute.default.is_none() && !is_known(attribute);
    for attribute in catalog.columns(table).filter(needed) {
        let column = quoted(&attribute.name);
        let view =
            if table.name == USERS.name { format!("; or give Keyrack a view of them; {GUIDE}") } else { String::new() };
        found.push(format!(
            "{name}.{column} must be given with every row, and Keyrack's rows don't know it: ALTER TABLE {name} ALTER \
             COLUMN {column} DROP NOT NULL, or SET DEFAULT{view}"
        ));
    }
    found
}

fn wrong_type(relation: &Relation, table: &Table, column: &Column, attribute: &Attribute) -> String {
    let (qualified, name, wanted) = (&relation.qualified, column.name, column.kind.name());
    let declared = &attribute.declared;
    let using = match (column.kind, attribute.type_name.as_str()) {
        (Kind::Instant, "timestamp") => {
            format!(" USING {name} AT TIME ZONE 'UTC', with the zone that it was written in")
        }
        (Kind::LocalTime, "timestamptz") => String::new(),
        (Kind::Text(_), "inet") => format!(" USING host({name})"),
        _ => format!(" USING {name}::{wanted}"),
    };
    if column.kind == Kind::Uuid && !matches!(attribute.type_name.as_str(), "text" | "varchar" | "bpchar") {
        let (what, mend) = if table.name == USERS.name {
            ("users", "add a uuid column and give Keyrack a view")
        } else {
            let what = if name == "id" { table.name } else { "users" };
            (what, "rename this column, and add a uuid column under its name")
        };
        return format!(
            "{qualified}.{name} is {declared}, and Keyrack names {what} by uuid: {mend}: docs/express.md, \"What can't be mapped\""
        );
    }
    if relation.is_view() {
        return format!(
            "{qualified}.{name} is {declared}, and Keyrack needs {wanted}: cast it in the view, as {name}::{wanted}, or map \
             another column; {GUIDE}"
        );
    }
    let default = match column.presence {
        Presence::Default(_) if attribute.default.is_some() => format!(", after ALTER COLUMN {name} DROP DEFAULT"),
        _ => String::new(),
    };
    format!(
        "{qualified}.{name} is {declared}, and Keyrack needs {wanted}: ALTER TABLE {qualified} ALTER COLUMN {name} TYPE \
         {wanted}{using}{default}"
    )
}

/// Rows that the constraints would refuse.
fn row_findings(
    connection: &mut PgConnection,
    catalog: &Catalog,
    relation: &Relation,
    table: &Table,
) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let name = &relation.qualified;
    for index in INDEXES.iter().filter(|index| index.unique && index.table == table.name) {
        let Index { key, .. } = index;
        let twins = count(
            connection,
            &format!("SELECT count(*) FROM (SELECT FROM {name} GROUP BY {key} HAVING count(*) > 1) t"),
        )?;
        if twins > 0 {
            let mend = if *key == "sid" {
                format!(
                    "keep the newest of each: DELETE FROM {name} a USING {name} b WHERE a.sid = b.sid AND a.ctid < b.ctid"
                )
            } else {
                format!("they are shown by SELECT {key}, count(*) FROM {name} GROUP BY 1 HAVING count(*) > 1")
            };
            found.push(format!("{twins} value(s) of {key} stand in several rows of {name}: {mend}"));
        }
    }
    for column in table.columns.iter().filter(|column| column.presence != Presence::Optional) {
        let Some(attribute) = catalog.column(table, column) else { continue };
        if attribute.not_null || matches!(column.missing, Missing::Filled(_)) {
            continue;
        }
        let empty = count(connection, &format!("SELECT count(*) FROM {name} WHERE {} IS NULL", column.name))?;
        if empty > 0 {
            let mend = match column.presence {
                _ if relation.is_view() => format!("coalesce({}, …) in the view", column.name),
                Presence::Default(value) => {
                    format!("UPDATE {name} SET {column} = {value} WHERE {column} IS NULL", column = column.name)
                }
                // An account is never the one to go.
                _ if table.name == USERS.name => {
                    format!("give each an address, or give Keyrack a view that leaves these users out; {GUIDE}")
                }
                _ => format!("DELETE FROM {name} WHERE {} IS NULL, or give them one", column.name),
            };
            found.push(format!("{empty} row(s) of {name} have no {}: {mend}", column.name));
        }
    }
    if table.name == SESSIONS.name {
        found.extend(unknown_statuses(connection, name)?);
    }
    Ok(found)
}

#[derive(diesel::QueryableByName)]
struct Status {
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = BigInt)]
    count: i64,
}

fn unknown_statuses(connection: &mut PgConnection, name: &str) -> Result<Option<String>> {
    let unknown: Vec<Status> = diesel::sql_query(format!(
        "SELECT status::text, count(*) FROM {name} WHERE status NOT IN ('active', 'logged_out') GROUP BY 1 ORDER BY 2 DESC \
         LIMIT 5"
    ))
    .load(connection)?;
    if unknown.is_empty() {
        return Ok(None);
    }
    let values: Vec<String> = unknown.iter().map(|row| format!("{:?} in {} row(s)", row.status, row.count)).collect();
    Ok(Some(format!(
        "{name}.status is {}, and Keyrack knows 'active' and 'logged_out': first UPDATE {name} SET status = 'active' WHERE \
         status IN (those of yours that mean signed in), then UPDATE {name} SET status = 'logged_out' WHERE status NOT IN \
         ('active', 'logged_out'), which signs out whoever has one of these, and let the application write these two",
        values.join(", ")
    )))
}

/// Sessions of nobody.
fn orphans(connection: &mut PgConnection, catalog: &Catalog) -> Result<Option<String>> {
    let Some(sessions) = catalog.get(&SESSIONS) else { return Ok(None) };
    let name = &sessions.qualified;
    let Some(users) = catalog.get(&USERS) else {
        let rows = count(connection, &format!("SELECT count(*) FROM {name}"))?;
        return Ok((rows > 0).then(|| {
            format!("{name} has {rows} row(s), and there is no table users: if your users are elsewhere, give Keyrack a view of them; {GUIDE}")
        }));
    };
    let users = &users.qualified;
    let orphan = format!("FROM {name} s WHERE NOT EXISTS (SELECT FROM {users} u WHERE u.id = s.user_id)");
    let rows = count(connection, &format!("SELECT count(*) {orphan}"))?;
    Ok((rows > 0).then(|| format!("{rows} row(s) of {name} have a user_id that is not in {users}: DELETE {orphan}")))
}

/// What Keyrack asks of a view, tried without doing anything.
fn view_findings(connection: &mut PgConnection, users: &Relation) -> Option<String> {
    let locking =
        connection.batch_execute("EXPLAIN SELECT id FROM users WHERE lower(email) = '' FOR NO KEY UPDATE").err()?;
    Some(format!(
        "Keyrack must be able to lock rows of the view {}, and can't ({locking}): let its role SELECT and UPDATE it; {GUIDE}",
        users.qualified
    ))
}

fn quoted(name: &str) -> String {
    let is_plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if is_plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}
