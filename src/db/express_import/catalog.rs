//! What is there already, from PostgreSQL's catalog.

use diesel::{
    PgConnection, RunQueryDsl,
    sql_types::{Array, BigInt, Bool, Integer, Nullable, Text},
};

use super::shape::{self, Column, Table};
use crate::error::Result;

/// The tables that are there, of the three.
pub(super) struct Catalog {
    relations: Vec<Relation>,
    attributes: Vec<Attribute>,
}

/// One of them.
#[derive(Debug, diesel::QueryableByName)]
pub(super) struct Relation {
    #[diesel(sql_type = Text)]
    pub name: String,
    /// Schema and name, quoted.
    #[diesel(sql_type = Text)]
    pub qualified: String,
    /// What it is, in the catalog's letter.
    #[diesel(sql_type = Text)]
    pub kind: String,
    /// Whether it survives a crash of the server.
    #[diesel(sql_type = Bool)]
    pub durable: bool,
    /// Whether our role may change its shape.
    #[diesel(sql_type = Bool)]
    pub ours: bool,
    #[diesel(sql_type = Text)]
    pub owner: String,
    /// The names of its constraints and of those that are not validated yet.
    #[diesel(sql_type = Array<Text>)]
    pub constraints: Vec<String>,
    #[diesel(sql_type = Array<Text>)]
    pub not_validated: Vec<String>,
    /// Whether `user_id` refers to some table.
    #[diesel(sql_type = Bool)]
    pub refers: bool,
}

/// A column that is there.
#[derive(Debug, diesel::QueryableByName)]
pub(super) struct Attribute {
    #[diesel(sql_type = Text)]
    relation: String,
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Text)]
    pub type_name: String,
    /// The type for people.
    #[diesel(sql_type = Text)]
    pub declared: String,
    #[diesel(sql_type = Nullable<Integer>)]
    pub length: Option<i32>,
    #[diesel(sql_type = Bool)]
    pub not_null: bool,
    /// The default, also that of an identity or a computed column.
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

    /// The relation of this name, if there is one.
    pub(super) fn get(&self, table: &Table) -> Option<&Relation> {
        self.relations.iter().find(|relation| relation.name == table.name)
    }

    /// Its columns.
    pub(super) fn columns(&self, table: &Table) -> impl Iterator<Item = &Attribute> {
        self.attributes.iter().filter(|attribute| attribute.relation == table.name)
    }

    /// One of them.
    pub(super) fn column(&self, table: &Table, column: &Column) -> Option<&Attribute> {
        self.columns(table).find(|attribute| attribute.name == column.name)
    }

    /// Those that are there, with what they should look like.
    pub(super) fn tables(&self) -> impl Iterator<Item = (&Relation, &'static Table)> {
        shape::TABLES.into_iter().filter_map(|table| Some((self.get(table)?, table)))
    }

    /// The same without views, which stay as they are.
    pub(super) fn real_tables(&self) -> impl Iterator<Item = (&Relation, &'static Table)> {
        self.tables().filter(|(relation, _)| !relation.is_view())
    }
}

impl Relation {
    pub(super) fn is_view(&self) -> bool {
        self.kind == "v"
    }
}

/// How many rows a query finds. It must select a `bigint` named `count`.
pub(super) fn count(connection: &mut PgConnection, sql: &str) -> Result<i64> {
    Ok(diesel::sql_query(sql).get_result::<Count>(connection)?.count)
}

/// Whether there is, where we would make ours, the table that connect-pg-simple makes unless it is told another name.
pub(super) fn has_table_of_other_name(connection: &mut PgConnection) -> Result<bool> {
    let columns = "SELECT count(*) FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid \
                   WHERE relname = 'session' AND relnamespace = current_schema()::regnamespace AND NOT attisdropped \
                   AND attname IN ('sid', 'sess', 'expire')";
    Ok(count(connection, columns)? == 3)
}
