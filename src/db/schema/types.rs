//! The SQL types of the schema, and the Rust types of their values.
//!
//! Each SQL type is a native type on PostgreSQL and TEXT on SQLite, so that one Diesel schema serves both.

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
/// It is written and compared as a `timestamptz`, which the server converts by the connection's `TimeZone`, as it does
/// with the peers' `to_timestamp()`. A UTC value without zone would be another time on a connection in another zone. It
/// can't be read directly: select it through [`crate::db::sql::as_instant`].
#[derive(Debug, Clone, Copy, SqlType, QueryId)]
#[diesel(postgres_type(oid = 1184, array_oid = 1185), sqlite_type(name = "Text"))]
pub struct Expire;

/// `uuid`, or its hyphenated lower-case text.
#[derive(Debug, Clone, Copy, SqlType, QueryId)]
#[diesel(postgres_type(oid = 2950, array_oid = 2951), sqlite_type(name = "Text"))]
pub struct SqlUuid;

/// `json` (not `jsonb`, which does not keep the text as it was written), or text.
#[derive(Debug, Clone, Copy, SqlType, QueryId)]
#[diesel(postgres_type(oid = 114, array_oid = 199), sqlite_type(name = "Text"))]
pub struct SqlJson;

/// JSON as text, not yet parsed.
#[derive(Debug, Clone, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = SqlJson)]
pub struct Json(pub String);

/// Implements `ToSql` for a connection to either engine, from the implementations for both.
macro_rules! impl_to_sql_multi {
    ($sql:ty => $value:ty) => {
        impl ToSql<$sql, MultiBackend> for $value {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, MultiBackend>) -> serialize::Result {
                out.set_value((<$sql>::default(), self));
                Ok(IsNull::No)
            }
        }
    };
}

/// Implements `ToSql` and `FromSql` for a connection to either engine.
macro_rules! impl_to_and_from_sql_multi {
    ($sql:ty => $value:ty) => {
        impl_to_sql_multi!($sql => $value);

        impl FromSql<$sql, MultiBackend> for $value {
            fn from_sql(raw: MultiRawValue<'_>) -> deserialize::Result<Self> {
                raw.from_sql::<$value, $sql>()
            }
        }
    };
}

/// Implements `HasSqlType` for a connection to either engine.
macro_rules! impl_has_sql_type_multi {
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

impl_has_sql_type_multi!(Instant, Expire, SqlUuid, SqlJson);

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

/// 2000-01-01, from which PostgreSQL counts, in microseconds since 1970.
const POSTGRES_EPOCH_MICROS: i64 = 946_684_800_000_000;

/// Implements `ToSql` for [`SqlTime`] on both engines.
macro_rules! impl_time_to_sql {
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

impl_time_to_sql!(Instant);
impl_time_to_sql!(Expire);
impl_to_and_from_sql_multi!(Instant => SqlTime);
impl_to_sql_multi!(Expire => SqlTime);

impl FromSql<Instant, Pg> for SqlTime {
    fn from_sql(raw: PgValue<'_>) -> deserialize::Result<Self> {
        // The smallest and the largest number mean -infinity and infinity.
        let micros = i64::from_be_bytes(raw.as_bytes().try_into()?);
        Ok(Self(Timestamp::from_micros(micros.saturating_add(POSTGRES_EPOCH_MICROS)).clamped()))
    }
}

impl FromSql<Instant, Sqlite> for SqlTime {
    fn from_sql(mut raw: <Sqlite as diesel::backend::Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let text = raw.read_text();
        Timestamp::parse(text).map(Self).ok_or_else(|| format!("not a time: {text:?}").into())
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

impl_to_and_from_sql_multi!(SqlJson => Json);

/// Defines the newtype of a row's id.
macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, AsExpression, FromSqlRow, serde::Serialize)]
        #[diesel(sql_type = SqlUuid)]
        #[serde(transparent)]
        pub struct $name(Uuid);

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
            /// Takes only the text that `to_sql` writes: no query would find the row by the id if it has another one.
            fn from_sql(mut raw: <Sqlite as diesel::backend::Backend>::RawValue<'_>) -> deserialize::Result<Self> {
                let text = raw.read_text();
                let id = Uuid::parse_str(text)?;
                if id.hyphenated().encode_lower(&mut Uuid::encode_buffer()) != text {
                    return Err(format!("not a UUID in lower case: {text:?}").into());
                }
                Ok(Self(id))
            }
        }

        impl_to_and_from_sql_multi!(SqlUuid => $name);
    };
}

id_type!(
    /// `sessions.id`: names a session in pages, APIs, commands and logs. Safe to show.
    SessionId
);

impl SessionId {
    /// A new id: the time in milliseconds, which is no secret, and 74 random bits (UUID version 7, RFC 9562). Sessions that
    /// start one after the other are neighbours in each index, also in those of their browsers and events. So many
    /// sign-ins that are committed together change few pages.
    pub fn random() -> Self {
        Self(Uuid::now_v7())
    }
}

id_type!(
    /// `mails.id`.
    MailId
);

impl MailId {
    /// A new random id.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

id_type!(
    /// `mails.attempt_id`: an attempt to send a mail.
    AttemptId
);

impl AttemptId {
    /// A new random id.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

id_type!(
    /// `passkeys.id`: names a passkey in pages and events. Safe to show.
    PasskeyId
);

impl PasskeyId {
    /// A new random id.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

id_type!(
    /// `account_links.id`.
    LinkId
);

impl LinkId {
    /// A new random id.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// The id with these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

id_type!(
    /// `users.id`.
    UserId
);

impl UserId {
    /// A new random id (UUID version 4).
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// Its bytes.
    pub(crate) const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

id_type!(
    /// `sessions.form_id`: the sign-in form that has started a session.
    FormId
);

impl FormId {
    /// Makes the id (UUID version 4) of these random bytes.
    pub(crate) fn from_random(bytes: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}
