//! The database's address: the engine, and how to reach it.

use std::{fmt, io, os::unix::fs::OpenOptionsExt, path::Path, str::FromStr};

/// Which engine a connection or URL belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// `postgres://…`
    Postgres,
    /// `sqlite:PATH`
    Sqlite,
}

/// A parsed `DATABASE_URL`. Its `Debug` and `Display` hide the password.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    engine: Engine,
    connection_string: String,
}

impl DatabaseUrl {
    /// The engine that the scheme names.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// The string that the engine's client library takes: a file path, or a URL, which may contain a password.
    pub fn connection_string(&self) -> &str {
        &self.connection_string
    }

    /// The connection string without the `options` parameter, which changes settings of a connection.
    pub fn without_options(&self) -> String {
        match self.connection_string.split_once('?') {
            Some((address, parameters)) if self.engine == Engine::Postgres => {
                let kept: Vec<&str> =
                    parameters.split('&').filter(|parameter| !parameter.starts_with("options=")).collect();
                format!("{address}?{}", kept.join("&"))
            }
            _ => self.connection_string.clone(),
        }
    }

    /// The database file. `None` for PostgreSQL.
    pub fn path(&self) -> Option<&Path> {
        match self.engine {
            Engine::Sqlite => Some(Path::new(&self.connection_string)),
            Engine::Postgres => None,
        }
    }

    /// Creates the database file readable by its owner only; SQLite gives its journals the same mode.
    pub(in crate::db) fn create_private_file(&self) -> io::Result<()> {
        let Some(path) = self.path() else { return Ok(()) };
        if path.is_dir() {
            return Err(io::Error::other(format!("{} is a folder, not a file", path.display())));
        }
        match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(io::Error::new(error.kind(), format!("{}: {error}", path.display())))
            }
            _ => Ok(()),
        }
    }
}

/// Why a `DATABASE_URL` is rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDatabaseUrl {
    /// Another scheme than `sqlite`, `postgres` and `postgresql`.
    #[error("the database scheme {0:?} is not supported: use sqlite:PATH or postgres://USER@HOST/DATABASE")]
    Scheme(String),
    /// `sqlite:` without a path, with a URI instead of one, or a database in memory.
    #[error(
        "a SQLite database needs a file, as in sqlite:keyrack.db: an in-memory one would be lost with its connection"
    )]
    NoFile,
}

impl FromStr for DatabaseUrl {
    type Err = InvalidDatabaseUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.split_once(':').unwrap_or((text, ""));
        match scheme {
            "sqlite" => {
                let path = rest.strip_prefix("//").unwrap_or(rest);
                if path.is_empty() || path.starts_with(":memory:") || path.starts_with("file:") {
                    return Err(InvalidDatabaseUrl::NoFile);
                }
                Ok(Self { engine: Engine::Sqlite, connection_string: path.to_owned() })
            }
            "postgres" | "postgresql" if rest.starts_with("//") => {
                Ok(Self { engine: Engine::Postgres, connection_string: with_connection_defaults(text) })
            }
            _ => Err(InvalidDatabaseUrl::Scheme(scheme.chars().take(32).collect())),
        }
    }
}

/// Adds parameters that the URL does not set: a timeout for connecting to a server that does not answer, and the name
/// under which the server lists our connections.
fn with_connection_defaults(url: &str) -> String {
    let mut url = url.to_owned();
    for (name, value) in [("connect_timeout", "2"), ("application_name", "keyrack")] {
        if !url.contains(&format!("{name}=")) {
            let separator = if url.contains('?') { "&" } else { "?" };
            url.extend([separator, name, "=", value]);
        }
    }
    url
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.engine == Engine::Sqlite {
            return write!(f, "sqlite:{}", self.connection_string);
        }
        let url = self.connection_string.split('?').next().unwrap_or_default();
        let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", ""));
        let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        write!(f, "{scheme}://{host}")
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parsing_accepts_both_engines() {
        for (text, path) in [("sqlite:a.db", "a.db"), ("sqlite:///var/a.db", "/var/a.db"), ("sqlite:/a.db", "/a.db")] {
            let url: DatabaseUrl = text.parse().unwrap();
            assert_eq!((url.engine(), url.connection_string()), (Engine::Sqlite, path));
        }
        let url: DatabaseUrl = "postgres://u@h/d?sslmode=require".parse().unwrap();
        assert_eq!(url.engine(), Engine::Postgres);
        assert!(url.connection_string().starts_with("postgres://u@h/d?sslmode=require&connect_timeout=2&"));
    }

    #[test]
    fn without_options_keeps_other_parameters() {
        let url: DatabaseUrl = "postgres://u@h/d?options=-ctimezone%3DUTC&sslmode=require".parse().unwrap();
        assert_eq!(
            url.without_options(),
            "postgres://u@h/d?sslmode=require&connect_timeout=2&application_name=keyrack"
        );
    }

    #[test]
    fn parsing_rejects_other_schemes_and_names_valid_ones() {
        for text in ["mysql://h/d", "keyrack.db", "", "postgres:nothing"] {
            let error = text.parse::<DatabaseUrl>().unwrap_err();
            assert!(error.to_string().contains("use sqlite:PATH or postgres://"), "{text}: {error}");
        }
        for text in ["sqlite:", "sqlite::memory:", "sqlite://", "sqlite:file:x?mode=memory"] {
            assert_eq!(text.parse::<DatabaseUrl>(), Err(InvalidDatabaseUrl::NoFile));
        }
    }

    #[test]
    fn display_and_debug_hide_password() {
        let url: DatabaseUrl = "postgres://app:p@ss@db.example:5432/keyrack?password=hidden".parse().unwrap();
        assert_eq!(format!("{url} {url:?}"), "postgres://db.example:5432/keyrack postgres://db.example:5432/keyrack");
    }
}
