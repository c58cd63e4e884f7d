//! The database's address: the engine, and how to reach it.

mod invalid;
mod postgres;

use std::{fmt, io, os::unix::fs::OpenOptionsExt, path::Path, str::FromStr, sync::Arc, time::Duration};

pub use invalid::InvalidDatabaseUrl;

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
    hosts: Arc<[String]>,
    has_remote_host: bool,
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

    /// The connection string of each PostgreSQL host that the URL names, in its order.
    pub(in crate::db) fn hosts(&self) -> &Arc<[String]> {
        &self.hosts
    }

    /// How long libpq waits for a host that does not let it in.
    pub(in crate::db) fn connect_timeout(&self) -> Duration {
        let parameters = self.connection_string.split_once('?').map_or("", |(_, parameters)| parameters);
        let seconds = parameters.split('&').find_map(|parameter| parameter.strip_prefix("connect_timeout="));
        // As libpq, which takes no less than 2, and 0 for no limit.
        Duration::from_secs(match seconds.and_then(|seconds| seconds.parse::<u32>().ok()) {
            Some(0) => 3600,
            seconds => u64::from(seconds.unwrap_or(2).max(2)),
        })
    }

    /// Whether a PostgreSQL host is on another machine: no socket, no loopback address.
    pub(in crate::db) fn has_remote_host(&self) -> bool {
        self.has_remote_host
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

    /// Creates the database file readable by its owner only; SQLite gives its journals the same mode. Fails if it exists and
    /// can't be written, which SQLite would notice later and say in fewer words.
    pub(in crate::db) fn create_private_file(&self) -> io::Result<()> {
        let Some(path) = self.path() else { return Ok(()) };
        if path.is_dir() {
            return Err(io::Error::other(format!("{} is a folder, not a file", path.display())));
        }
        match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Ok(_) => Ok(()),
            // Not opened: closing it would release the locks that other connections of this process have on it.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                rustix::fs::access(path, rustix::fs::Access::WRITE_OK).map_err(|error| {
                    let (path, error) = (path.display(), io::Error::from(error));
                    let advice = "the user that Keyrack runs as must own, or be allowed to write, this file";
                    io::Error::new(error.kind(), format!("{path}: {error}; {advice}"))
                })
            }
            Err(error) => Err(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
        }
    }
}

/// Schemes that other programs use; a message may repeat them.
const OTHER_SCHEMES: [&str; 20] = [
    "mysql",
    "mariadb",
    "mongodb",
    "redis",
    "file",
    "http",
    "https",
    "jdbc",
    "cockroachdb",
    "cockroach",
    "mssql",
    "sqlserver",
    "oracle",
    "sqlite3",
    "libsql",
    "pg",
    "pgsql",
    "psql",
    "mysql2",
    "clickhouse",
];

impl FromStr for DatabaseUrl {
    type Err = InvalidDatabaseUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // A file that the variable was read from may end in a line break.
        let text = text.trim();
        let (scheme, rest) = text.split_once(':').ok_or(InvalidDatabaseUrl::NoScheme)?;
        match scheme.to_ascii_lowercase().as_str() {
            "sqlite" => {
                let path = parse_path(rest)?;
                Ok(Self {
                    engine: Engine::Sqlite,
                    connection_string: path.to_owned(),
                    hosts: Arc::new([]),
                    has_remote_host: false,
                })
            }
            scheme @ ("postgres" | "postgresql") => {
                let rest = rest.strip_prefix("//").ok_or(InvalidDatabaseUrl::NoSlashes)?;
                let url = postgres::parse(scheme, rest)?;
                Ok(Self {
                    engine: Engine::Postgres,
                    connection_string: url.connection_string,
                    hosts: url.hosts.into(),
                    has_remote_host: url.has_remote_host,
                })
            }
            scheme if OTHER_SCHEMES.contains(&scheme) => Err(InvalidDatabaseUrl::Scheme(scheme.to_owned())),
            _ => Err(InvalidDatabaseUrl::NoScheme),
        }
    }
}

/// Parses what follows `sqlite:`: a path, which two slashes may precede.
fn parse_path(rest: &str) -> Result<&str, InvalidDatabaseUrl> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    let is_uri = path.starts_with("file:") || path.starts_with("sqlite:") || path.contains(":memory:");
    if path.is_empty() || is_uri {
        return Err(InvalidDatabaseUrl::NoFile);
    }
    if path.contains(['?', '#']) {
        return Err(InvalidDatabaseUrl::SqliteParameters);
    }
    Ok(path)
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
    fn connect_timeout_is_read_as_libpq_does() {
        for (parameters, seconds) in [("", 2), ("?connect_timeout=1", 2), ("?sslmode=require&connect_timeout=30", 30)] {
            let url: DatabaseUrl = format!("postgres://u@h/d{parameters}").parse().unwrap();
            assert_eq!(url.connect_timeout().as_secs(), seconds, "{parameters}");
        }
    }

    #[test]
    fn without_options_keeps_other_parameters() {
        let url: DatabaseUrl = "postgres://u@h/d?options=-ctimezone%3DUTC&sslmode=require".parse().unwrap();
        assert!(url.without_options().starts_with("postgres://u@h/d?sslmode=require&connect_timeout=2&"));
    }

    #[test]
    fn parsing_rejects_other_schemes_and_names_valid_ones() {
        for text in ["mysql://h/d", "keyrack.db", "", "postgres:nothing", "postgres:/h/d", "host=h dbname=d"] {
            let error = text.parse::<DatabaseUrl>().unwrap_err();
            assert!(error.to_string().contains("use sqlite:PATH or postgres://"), "{text}: {error}");
        }
    }

    #[test]
    fn parsing_rejects_what_is_no_sqlite_path() {
        for text in ["sqlite:", "sqlite::memory:", "sqlite://", "sqlite:file:x?mode=memory", "sqlite:sqlite://x"] {
            assert_eq!(text.parse::<DatabaseUrl>(), Err(InvalidDatabaseUrl::NoFile), "{text}");
        }
        for text in ["sqlite://data.db?mode=rwc", "sqlite:data.db?", "sqlite:///data.db#x"] {
            assert_eq!(text.parse::<DatabaseUrl>(), Err(InvalidDatabaseUrl::SqliteParameters), "{text}");
        }
    }

    #[test]
    fn line_break_at_the_end_is_ignored() {
        assert_eq!("sqlite:a.db\n".parse::<DatabaseUrl>().unwrap().connection_string(), "a.db");
        let url: DatabaseUrl = "postgres://u:p@h/d\r\n".parse().unwrap();
        assert!(url.connection_string().starts_with("postgres://u:p@h/d?"));
    }

    /// Passwords with every special character in it, at every place of the URL where it may end up.
    #[test]
    fn message_contains_nothing_of_a_password_that_is_not_encoded() {
        const SECRET: [&str; 3] = ["Tr0ub4", "dor", "xyzzy"];
        for special in
            ["@", "/", "?", "%", "%%", "#/", "?a=", "/?b=", ":/", "@/", " ", "\t", "\n", "/5432/", "%zz", "%00"]
        {
            for (first, second) in [(special, special), (special, ""), ("", special)] {
                let password = format!("{}{first}{}{second}{}", SECRET[0], SECRET[1], SECRET[2]);
                for text in [
                    format!("postgres://app:{password}@db.example:5432/keyrack"),
                    format!("postgres://app:{password}@db.example/keyrack?sslmode=require"),
                    format!("postgres:{password}"),
                    format!("{password}://db.example"),
                    format!("host=db.example user=app password={password}"),
                    format!("app:{password}@db.example/keyrack"),
                ] {
                    match text.parse::<DatabaseUrl>() {
                        Ok(url) => {
                            assert!(!SECRET.iter().any(|part| format!("{url} {url:?}").contains(part)), "{text}");
                        }
                        Err(error) => {
                            let message = error.to_string();
                            assert!(!SECRET.iter().any(|part| message.contains(part)), "{text:?}: {message}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn malformed_postgres_urls_are_rejected_in_words() {
        use InvalidDatabaseUrl::{Blank, Credentials, NoHost, NoSlashes, Parameter, Port};
        for (text, error) in [
            ("postgresql://", NoHost),
            ("postgres:///", NoHost),
            ("postgres:/h/d", NoSlashes),
            ("postgres://a,,b/d", NoHost),
            ("postgres://h:port/d", Port),
            ("postgres://h:0/d", Port),
            ("postgres://h:70000/d", Port),
            ("postgres://[::1/d", Port),
            ("postgres://h/d?port=x", Port),
            ("postgres://h/d e", Blank),
            ("postgres://u:p@ss@h/d", Credentials),
            ("postgres://u:p/ss@h/d", Credentials),
            ("postgres://u:100%@h/d", Credentials),
            ("postgres://h/d?sslmod=require", Parameter),
            ("postgres://h/d?sslmode", Parameter),
        ] {
            assert_eq!(text.parse::<DatabaseUrl>(), Err(error), "{text}");
        }
        for text in [
            "postgres:///d",
            "postgres://h",
            "postgres://u:p%40ss@[::1]:5432/d",
            "POSTGRES://h/d",
            "postgresql://%2Fvar%2Frun%2Fpostgresql/d",
            "postgres:///d?host=/var/run/postgresql",
            "postgres://a:1,b:2,c/d?target_session_attrs=primary",
        ] {
            text.parse::<DatabaseUrl>().unwrap_or_else(|error| panic!("{text}: {error}"));
        }
    }

    #[test]
    fn each_host_gets_a_connection_string() {
        let hosts = |text: &str| -> Vec<String> {
            let url: DatabaseUrl = text.parse().unwrap();
            url.hosts().iter().map(|host| host.split("connect_timeout").next().unwrap().to_owned()).collect()
        };
        assert_eq!(
            hosts("postgres://u:p@a:1,[::1]:2,c/d?sslmode=require"),
            [
                "postgres://u:p@a:1/d?sslmode=require&",
                "postgres://u:p@[::1]:2/d?sslmode=require&",
                "postgres://u:p@c/d?sslmode=require&",
            ]
        );
        assert_eq!(
            hosts("postgres://u@/d?host=a,b&port=1,2"),
            ["postgres://u@/d?host=a&port=1&", "postgres://u@/d?host=b&port=2&",]
        );
        assert_eq!(
            hosts("postgres://u@/d?host=a,b&port=1"),
            ["postgres://u@/d?host=a&port=1&", "postgres://u@/d?host=b&port=1&",]
        );
        assert_eq!(hosts("postgres:///d"), ["postgres:///d?"]);
    }

    #[test]
    fn remote_hosts_are_told_from_local_ones() {
        for (text, is_remote) in [
            ("postgres://localhost/d", false),
            ("postgres://127.0.0.2/d", false),
            ("postgres://[::1]:5432/d", false),
            ("postgres:///d", false),
            ("postgres://%2Fvar%2Frun/d", false),
            ("postgres:///d?host=/var/run", false),
            ("postgres://db/d", true),
            ("postgres://localhost,db/d", true),
            ("postgres://10.0.0.1/d", true),
            ("postgres://localhost/d?hostaddr=10.0.0.1", true),
        ] {
            assert_eq!(text.parse::<DatabaseUrl>().unwrap().has_remote_host(), is_remote, "{text}");
        }
    }

    #[test]
    fn display_and_debug_hide_password() {
        let url: DatabaseUrl = "postgres://app:p%40ss@db.example:5432/keyrack?password=hidden".parse().unwrap();
        assert_eq!(format!("{url} {url:?}"), "postgres://db.example:5432/keyrack postgres://db.example:5432/keyrack");
    }
}
