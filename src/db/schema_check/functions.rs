//! Compares Keyrack's functions in a PostgreSQL database with the migrations.

use std::{collections::BTreeMap, iter};

use diesel::{
    PgConnection, RunQueryDsl,
    sql_types::{Bool, Text},
};

use super::{
    definitions::{Function, functions},
    problem::SchemaProblem,
    qualified_names::{QualifiedNames, unqualified},
};
use crate::error::Result;

/// Qualifies the names in all functions and sets their rights, as the migrations do.
const SECURE: &str = "keyrack_secure_functions";

/// The functions that use no table, and run with the rights of their caller.
const WITHOUT_TABLES: [&str; 3] = ["keyrack_readable", "keyrack_user_of", SECURE];

/// The function that docs/partitions.sql replaces.
const REPLACED_BY_PARTITIONS: &str = "keyrack_keep_active_sessions";

/// Where the functions look for the names that are not qualified.
const SEARCH_PATH: &str = "pg_catalog, pg_temp";

/// The rule about functions.
const CHANGED: &str = "changed function";

#[derive(diesel::QueryableByName)]
struct ExistingFunction {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    signature: String,
    #[diesel(sql_type = Text)]
    body: String,
    #[diesel(sql_type = Bool)]
    runs_as_owner: bool,
    #[diesel(sql_type = Text)]
    search_path: String,
    /// `PUBLIC`, `others` or nothing.
    #[diesel(sql_type = Text)]
    other_callers: String,
    #[diesel(sql_type = Text)]
    owner: String,
    #[diesel(sql_type = Bool)]
    owner_may_write: bool,
}

/// What one function differs in.
enum Difference {
    Missing,
    Source,
    /// Only the schema of its tables.
    Schema,
    Rights,
    PublicMayCall,
    OthersMayCall,
}

impl Difference {
    fn words(&self) -> &'static str {
        match self {
            Self::Missing => "is missing",
            Self::Source => "differs from the migrations",
            Self::Schema => "looks for its tables elsewhere",
            Self::Rights => "runs with the rights or the search_path of its caller",
            Self::PublicMayCall => "may be called by every role",
            Self::OthersMayCall => "may be called by a role other than its owner",
        }
    }
}

/// Finds what differs. `has_partitions`: whether docs/partitions.sql was applied.
pub(super) fn function_problems(connection: &mut PgConnection, has_partitions: bool) -> Result<Vec<SchemaProblem>> {
    let rows: Vec<ExistingFunction> = diesel::sql_query(include_str!("functions.sql")).load(connection)?;
    let names = QualifiedNames::read(connection)?;
    let mut existing: BTreeMap<&str, Vec<&ExistingFunction>> = BTreeMap::new();
    for row in &rows {
        existing.entry(&row.name).or_default().push(row);
    }
    let mut definitions: Vec<_> = functions().into_iter().collect();
    // Restoring any other function needs this one.
    definitions.sort_by_key(|(name, _)| *name != SECURE);
    let (mut problems, mut moved) = (Vec::new(), Vec::new());
    for (name, definition) in definitions {
        // The first one belongs to the owner of the tables, if any does.
        let mut functions = existing.remove(name).unwrap_or_default().into_iter();
        let function = functions.next();
        problems.extend(functions.map(namesake));
        if let Some(function) = function.filter(|function| !function.owner_may_write) {
            problems.push(wrong_owner(function));
            continue;
        }
        let is_replaced = has_partitions && name == REPLACED_BY_PARTITIONS;
        match difference(name, function, &definition, &names, is_replaced) {
            None => {}
            Some(Difference::Schema) => moved.push(definition.statement),
            Some(difference) => {
                let what = difference.words();
                let detail = format!("the function {name} {what}: restore it by keyrack doctor --repair");
                let restore = iter::once(definition.statement).collect();
                problems.push(SchemaProblem::new(CHANGED, detail).repaired_by(secured(restore)));
            }
        }
    }
    if !moved.is_empty() {
        let detail = "the triggers look for their tables in another schema than Keyrack, where they are not, or where \
                      others of the same names are; a schema was probably renamed: run keyrack doctor --repair";
        problems.push(SchemaProblem::new("renamed schema", detail.to_owned()).repaired_by(secured(moved)));
    }
    Ok(problems)
}

fn difference(
    name: &str,
    function: Option<&ExistingFunction>,
    definition: &Function,
    names: &QualifiedNames,
    is_replaced: bool,
) -> Option<Difference> {
    let Some(function) = function else { return Some(Difference::Missing) };
    let expected = if name == SECURE { definition.body.to_owned() } else { names.qualify(definition.body) };
    let is_in_path = WITHOUT_TABLES.contains(&name) || function.runs_as_owner && function.search_path == SEARCH_PATH;
    if !is_replaced && function.body != expected {
        let is_moved = unqualified(&function.body) == definition.body;
        Some(if is_moved { Difference::Schema } else { Difference::Source })
    } else if !is_in_path {
        Some(Difference::Rights)
    } else if function.other_callers == "PUBLIC" && !WITHOUT_TABLES.contains(&name) {
        Some(Difference::PublicMayCall)
    } else if function.other_callers == "others" && !WITHOUT_TABLES.contains(&name) {
        Some(Difference::OthersMayCall)
    } else {
        None
    }
}

/// The statements that restore functions.
fn secured(mut statements: Vec<String>) -> String {
    statements.push(format!("SELECT {SECURE}()"));
    statements.join("; ")
}

fn wrong_owner(function: &ExistingFunction) -> SchemaProblem {
    let ExistingFunction { owner, signature, .. } = function;
    let detail = format!(
        "the function {signature} belongs to the role {owner}, which may not write to the tables: run ALTER FUNCTION \
         {signature} OWNER TO their owner"
    );
    SchemaProblem::new(CHANGED, detail)
}

/// Another function that has the name of one of Keyrack's.
fn namesake(function: &ExistingFunction) -> SchemaProblem {
    let ExistingFunction { owner, signature, .. } = function;
    let detail = format!(
        "the function {signature} of the role {owner} has the name of one of Keyrack's, and might be called in its place: \
         run DROP FUNCTION {signature}"
    );
    SchemaProblem::new("function of another program", detail)
}
