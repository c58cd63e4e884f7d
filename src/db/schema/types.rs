//! The SQL types of the schema, and the Rust values that travel through them.
//!
//! Each SQL type is the engine's native one on PostgreSQL and TEXT on SQLite, so that one Diesel schema serves both.

use std::{fmt, io::Write, str::FromStr};

use diesel::{
    deserialize::{self, FromSql, FromSqlRow},
    expression::AsExpression,
    pg::{Pg, PgValue},
    query_builder::QueryId,
    serialize::{self, IsNull, Output, ToSql},
    sql_types::{HasSqlType, SqlType},
    sqlite::Sqlite,
};
use uuid::Uuid;

use crate::{
    clock::Timestamp,
    db::{MultiBackend, connect::connection::MultiRawValue},
};

/// A point in time: `timestamptz`, or fixed-width UTC text.
#[derive(Debug, Clone, Copy, SqlType, QueryId)]
#[diesel(postgres_type(oid = 1184, array_oid = 1185), sqlite_type(name = "Text"))]
pub struct Instant;

/// The column `user_sessions.expire`: `timestamp` without zone on PostgreSQL.
///
/// It is written and compared as a `timestamptz`, which the server converts by the connection's `TimeZone`, as the
/// peers' `to_timestamp()` does; a naive UTC value would mean another time on a connection in another zone. There is no
/// way to read it as it stands: select it through [`crate::db::sql::as_instant`].
#[derive(Debug, Clone, Copy, SqlType, QueryId)]
#[diesel(postgres_type(oid = 1184, array_oid = 1185), sqlite_type(name = "Text"))]
pub struct Expire;

/// `uuid`, or its hyphenated lower-case text.
#[derive(Debug, Clone, Copy, SqlType, QueryId)]
#[diesel(postgres_type(oid = 2950, array_oid = 2951), sqlite_type(name = "Text"))]
pub struct SqlUuid;

/// `json` (not `jsonb`: the text is kept as it was written), or text.
#[derive(Debug, Clone, Copy, SqlType, QueryId)]
#[diesel(postgres_type(oid = 114, array_oid = 199), sqlite_type(name = "Text"))]
pub struct SqlJson;

/// JSON as text, not yet parsed.
#[derive(Debug, Clone, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = SqlJson)]
pub struct Json(pub String);

/// Lets a SQL type and a value that exist on both engines travel through the connection that is either.
macro_rules! on_either_engine {
    ($sql:ty => $value:ty) => {
        impl ToSql<$sql, MultiBackend> for $value {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, MultiBackend>) -> serialize::Result {
                out.set_value((<$sql>::default(), self));
                Ok(IsNull::No)
            }
        }
    };
}

macro_rules! readable_on_either_engine {
    ($sql:ty => $value:ty) => {
        on_either_engine!($sql => $value);

        impl FromSql<$sql, MultiBackend> for $value {
            fn from_sql(raw: MultiRawValue<'_>) -> deserialize::Result<Self> {
                raw.from_sql::<$value, $sql>()
            }
        }
    };
}

macro_rules! known_to_either_engine {
    ($($sql:ident),*) => {$(
        impl Default for $sql {
            fn default() -> Self {
                Self
            }
        }

        impl HasSqlType<$sql> for MultiBackend {
            fn metadata(lookup: &mut Self::MetadataLookup) -> Self::TypeMetadata {
                MultiBackend::lookup_sql_type::<$sql>(lookup)
            }
        }
    )*};
}

known_to_either_engine!(Instant, Expire, SqlUuid, SqlJson);

/// The time as a value of the SQL types [`Instant`] and [`Expire`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Instant)]
#[diesel(sql_type = Expire)]
pub struct SqlTime(Timestamp);

impl From<Timestamp> for SqlTime {
    fn from(time: Timestamp) -> Self {
        Self(time)
    }
}

impl From<SqlTime> for Timestamp {
    fn from(time: SqlTime) -> Self {
        time.0
    }
}

/// PostgreSQL counts microseconds from 2000-01-01.
const POSTGRES_EPOCH_MICROS: i64 = 946_684_800_000_000;

macro_rules! time_as {
    ($sql:ty) => {
        impl ToSql<$sql, Pg> for SqlTime {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
                out.write_all(&self.0.as_micros().saturating_sub(POSTGRES_EPOCH_MICROS).to_be_bytes())?;
                Ok(IsNull::No)
            }
        }

        impl ToSql<$sql, Sqlite> for SqlTime {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
                out.set_value(self.0.to_iso_micros());
                Ok(IsNull::No)
            }
        }
    };
}

time_as!(Instant);
time_as!(Expire);
readable_on_either_engine!(Instant => SqlTime);
on_either_engine!(Expire => SqlTime);

impl FromSql<Instant, Pg> for SqlTime {
    fn from_sql(raw: PgValue<'_>) -> deserialize::Result<Self> {
        let micros = i64::from_be_bytes(raw.as_bytes().try_into()?);
        Ok(Self(Timestamp::from_micros(micros.saturating_add(POSTGRES_EPOCH_MICROS))))
    }
}

impl FromSql<Instant, Sqlite> for SqlTime {
    fn from_sql(raw: <Sqlite as diesel::backend::Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let text = <String as FromSql<diesel::sql_types::Text, Sqlite>>::from_sql(raw)?;
        Timestamp::parse(&text).map(Self).ok_or_else(|| format!("not a time: {text:?}").into())
    }
}

impl ToSql<SqlJson, Pg> for Json {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(self.0.as_bytes())?;
        Ok(IsNull::No)
    }
}

impl FromSql<SqlJson, Pg> for Json {
    fn from_sql(raw: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(String::from_utf8(raw.as_bytes().to_vec())?))
    }
}

impl ToSql<SqlJson, Sqlite> for Json {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.as_str());
        Ok(IsNull::No)
    }
}

impl FromSql<SqlJson, Sqlite> for Json {
    fn from_sql(raw: <Sqlite as diesel::backend::Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        <String as FromSql<diesel::sql_types::Text, Sqlite>>::from_sql(raw).map(Self)
    }
}

readable_on_either_engine!(SqlJson => Json);

/// Declares the newtype of a row's id.
macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, AsExpression, FromSqlRow, serde::Serialize)]
        #[diesel(sql_type = SqlUuid)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new random id (UUID version 4).
            pub fn random() -> Self {
                Self(Uuid::new_v4())
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl ToSql<SqlUuid, Pg> for $name {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
                out.write_all(self.0.as_bytes())?;
                Ok(IsNull::No)
            }
        }

        impl FromSql<SqlUuid, Pg> for $name {
            fn from_sql(raw: PgValue<'_>) -> deserialize::Result<Self> {
                Ok(Self(Uuid::from_slice(raw.as_bytes())?))
            }
        }

        impl ToSql<SqlUuid, Sqlite> for $name {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
                out.set_value(self.0.to_string());
                Ok(IsNull::No)
            }
        }

        impl FromSql<SqlUuid, Sqlite> for $name {
            fn from_sql(raw: <Sqlite as diesel::backend::Backend>::RawValue<'_>) -> deserialize::Result<Self> {
                let text = <String as FromSql<diesel::sql_types::Text, Sqlite>>::from_sql(raw)?;
                Ok(Self(Uuid::parse_str(&text)?))
            }
        }

        readable_on_either_engine!(SqlUuid => $name);
    };
}

id_type!(
    /// `sessions.id`: names a session in pages, APIs, commands and logs. Safe to show.
    SessionId
);
id_type!(
    /// `users.id`.
    UserId
);
