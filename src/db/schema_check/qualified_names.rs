//! The names of tables and functions in the source of Keyrack's functions, which `keyrack_secure_functions` qualifies.

use std::collections::BTreeMap;

use diesel::{
    PgConnection, RunQueryDsl,
    sql_types::{Array, Text},
};

use crate::error::Result;

/// The tables that the functions use. A test compares them with the list in the migrations.
pub(super) const TABLES: [&str; 9] = [
    "users",
    "sessions",
    "user_sessions",
    "replaced_sids",
    "ended_sids",
    "ends_for_journal",
    "keyrack_settings",
    "known_browsers",
    "security_events",
];

/// The words before the name of a table.
pub(super) const BEFORE_TABLE: [&str; 4] = ["FROM", "JOIN", "INTO", "UPDATE"];

/// The schemas in which a connection finds Keyrack's tables and functions, each quoted and with a dot.
pub(super) struct QualifiedNames {
    tables: BTreeMap<String, String>,
    functions: String,
}

impl QualifiedNames {
    pub fn read(connection: &mut PgConnection) -> Result<Self> {
        #[derive(diesel::QueryableByName)]
        struct Row {
            #[diesel(sql_type = Text)]
            name: String,
            #[diesel(sql_type = Text)]
            schema: String,
        }

        let query = diesel::sql_query(include_str!("schemas.sql")).bind::<Array<Text>, _>(TABLES.to_vec());
        let rows: Vec<Row> = query.load(connection)?;
        let mut tables: BTreeMap<String, String> = rows.into_iter().map(|row| (row.name, row.schema)).collect();
        let functions = tables.remove("").unwrap_or_default();
        Ok(Self { tables, functions })
    }

    /// Qualifies the names in the source of a function, as `keyrack_secure_functions` does.
    pub fn qualify(&self, body: &str) -> String {
        let mut qualified = String::with_capacity(body.len() * 2);
        let (mut rest, mut last_word) = (body, "");
        while let Some(start) = rest.find(is_word) {
            let (between, from_word) = rest.split_at(start);
            let (word, after) = from_word.split_at(from_word.find(|c| !is_word(c)).unwrap_or(from_word.len()));
            let is_after_keyword =
                BEFORE_TABLE.contains(&last_word) && !between.is_empty() && between.trim_start().is_empty();
            let is_call = word.starts_with("keyrack_") && after.starts_with('(') && !between.ends_with(['.', '"']);
            let schema = match self.tables.get(word) {
                Some(schema) if is_after_keyword => schema,
                _ if is_call => self.functions.as_str(),
                _ => "",
            };
            qualified.extend([between, schema, word]);
            (rest, last_word) = (after, word);
        }
        qualified + rest
    }
}

/// Removes the schemas that [`QualifiedNames::qualify`] adds, whichever they are.
pub(super) fn unqualified(body: &str) -> String {
    let mut plain = String::with_capacity(body.len());
    let mut rest = body;
    while let Some(start) = rest.find('"') {
        let (before, quoted) = rest.split_at(start);
        let after = after_quoted(quoted);
        let name = after.strip_prefix('.').map(|name| name.split(|c| !is_word(c)).next().unwrap_or_default());
        let is_keyracks = name.is_some_and(|name| TABLES.contains(&name) || name.starts_with("keyrack_"));
        plain.push_str(before);
        if !is_keyracks {
            plain.push_str(&quoted[..quoted.len() - after.len()]);
        }
        rest = if is_keyracks { &after[1..] } else { after };
    }
    plain + rest
}

/// What follows a quoted name, in which a quote is doubled.
fn after_quoted(quoted: &str) -> &str {
    let mut rest = &quoted[1..];
    while let Some(end) = rest.find('"') {
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(more) => rest = more,
            None => return rest,
        }
    }
    ""
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_qualified_and_the_reverse() {
        let tables = [("sessions", "\"My \"\"App\".".to_owned()), ("users", "\"public\".".to_owned())];
        let names = QualifiedNames {
            tables: tables.map(|(name, schema)| (name.to_owned(), schema)).into(),
            functions: "\"f\".".to_owned(),
        };
        for (plain, qualified) in [
            ("FROM sessions WHERE sid = 1", "FROM \"My \"\"App\".sessions WHERE sid = 1"),
            ("DELETE FROM\n    users;", "DELETE FROM\n    \"public\".users;"),
            ("JOIN sessions ON sessions.id = x", "JOIN \"My \"\"App\".sessions ON sessions.id = x"),
            ("SELECT keyrack_adopt(a)", "SELECT \"f\".keyrack_adopt(a)"),
            ("INTO session FROM known, FROM user_sessions_x", "INTO session FROM known, FROM user_sessions_x"),
            ("to_char(a, 'YYYY\"T\"HH') || '{\"reason\":1}'", "to_char(a, 'YYYY\"T\"HH') || '{\"reason\":1}'"),
        ] {
            assert_eq!(names.qualify(plain), qualified);
            assert_eq!(unqualified(qualified), plain);
            assert_eq!(names.qualify(qualified), qualified, "a second time changes nothing");
        }
    }
}
