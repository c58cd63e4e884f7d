//! The existing tables and columns, from PostgreSQL's catalog.

use diesel::{
    PgConnection, RunQueryDsl,
    pg::Pg,
    sql_types::{Array, BigInt, Bool, Integer, Nullable, Text},
};

use super::expected_tables::{Column, TABLES, Table};
use crate::error::Result;

/// Those of the three tables that exist, with their columns.
pub(super) struct Catalog {
    relations: Vec<Relation>,
    attributes: Vec<Attribute>,
}

/// An existing table or view.
#[derive(Debug, diesel::QueryableByName)]
pub(super) struct Relation {
    #[diesel(sql_type = Text)]
    pub name: String,
    /// Schema and name, quoted.
    #[diesel(sql_type = Text)]
    pub qualified_name: String,
    /// `pg_class.relkind`.
    #[diesel(sql_type = Text)]
    pub kind: String,
    /// Whether it survives a crash of the server.
    #[diesel(sql_type = Bool)]
    pub is_durable: bool,
    /// Whether the connected role may alter it.
    #[diesel(sql_type = Bool)]
    pub can_alter: bool,
    #[diesel(sql_type = Text)]
    pub owner: String,
    #[diesel(sql_type = Array<Text>)]
    pub constraints: Vec<String>,
    #[diesel(sql_type = Array<Text>)]
    pub unvalidated_constraints: Vec<String>,
    /// Whether `user_id` has a foreign key, to whichever table.
    #[diesel(sql_type = Bool)]
    pub has_user_foreign_key: bool,
}

/// An existing column.
#[derive(Debug, diesel::QueryableByName)]
pub(super) struct Attribute {
    #[diesel(sql_type = Text)]
    relation: String,
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Text)]
    pub type_name: String,
    /// The type as shown to people.
    #[diesel(sql_type = Text)]
    pub displayed_type: String,
    #[diesel(sql_type = Nullable<Integer>)]
    pub length: Option<i32>,
    #[diesel(sql_type = Bool)]
    pub not_null: bool,
    /// The default; also set for an identity or a generated column.
    #[diesel(sql_type = Nullable<Text>)]
    pub default: Option<String>,
}

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

impl Catalog {
    pub(super) fn read(connection: &mut PgConnection) -> Result<Self> {
        let relations = diesel::sql_query(include_str!("relations.sql")).load(connection)?;
        let attributes = diesel::sql_query(include_str!("attributes.sql")).load(connection)?;
        Ok(Self { relations, attributes })
    }

    /// The existing relation for `table`, if any.
    pub(super) fn get(&self, table: &Table) -> Option<&Relation> {
        self.relations.iter().find(|relation| relation.name == table.name)
    }

    /// The existing columns of `table`.
    pub(super) fn columns(&self, table: &Table) -> impl Iterator<Item = &Attribute> {
        self.attributes.iter().filter(|attribute| attribute.relation == table.name)
    }

    /// The existing column of `table`, if any.
    pub(super) fn column(&self, table: &Table, column: &Column) -> Option<&Attribute> {
        self.columns(table).find(|attribute| attribute.name == column.name)
    }

    /// The existing tables and views, each with its expected table.
    pub(super) fn tables(&self) -> impl Iterator<Item = (&Relation, &'static Table)> {
        TABLES.into_iter().filter_map(|table| Some((self.get(table)?, table)))
    }

    /// The same without views, which are never altered.
    pub(super) fn real_tables(&self) -> impl Iterator<Item = (&Relation, &'static Table)> {
        self.tables().filter(|(relation, _)| !relation.is_view())
    }
}

impl Relation {
    pub(super) fn is_view(&self) -> bool {
        self.kind == "v"
    }
}

/// Runs a query with text parameters that selects one `bigint` named `count`.
pub(super) fn count(connection: &mut PgConnection, sql: &str, parameters: &[&str]) -> Result<i64> {
    let mut query = diesel::sql_query(sql).into_boxed::<Pg>();
    for parameter in parameters {
        query = query.bind::<Text, _>(parameter.to_string());
    }
    Ok(query.get_result::<Count>(connection)?.count)
}

/// Whether the current schema has the table `session`, connect-pg-simple's default name.
pub(super) fn has_session_table(connection: &mut PgConnection) -> Result<bool> {
    Ok(count(connection, include_str!("session_table_columns.sql"), &[])? == 3)
}
