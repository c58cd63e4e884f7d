//! What can be wrong with a `DATABASE_URL`.

/// Why a `DATABASE_URL` is rejected. No message contains a part of the URL that may be a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDatabaseUrl {
    /// Another scheme than `sqlite`, `postgres` and `postgresql`.
    #[error("the database scheme {0:?} is not supported: use sqlite:PATH or postgres://USER@HOST/DATABASE")]
    Scheme(String),
    /// No scheme that is known, as in a list of `key=value`; the text may be or contain a password.
    #[error("it does not begin with the scheme of a database: use sqlite:PATH or postgres://USER@HOST/DATABASE")]
    NoScheme,
    /// `postgres:` without `//`.
    #[error("after postgres: two slashes are missing: use sqlite:PATH or postgres://USER@HOST/DATABASE")]
    NoSlashes,
    /// `postgres://` without anything, or a list with an empty host.
    #[error("a host is missing: use postgres://USER@HOST/DATABASE")]
    NoHost,
    /// A blank, a line break or a control character.
    #[error("it contains a blank or a line break: remove it or, inside of a password, write %20 for a blank")]
    Blank,
    /// A part that is only valid if a character of the user name or password should have been encoded.
    #[error(
        "it is not a valid URL, probably because of a special character in the password: percent-encode it (@ as %40, \
         / as %2F, : as %3A, ? as %3F, # as %23, % as %25)"
    )]
    Credentials,
    /// A port that is not a number, which may be a password.
    #[error(
        "a port is not a number from 1 to 65535; if it is not meant as a port, percent-encode the special characters \
         of the password (@ as %40, / as %2F, : as %3A, ? as %3F)"
    )]
    Port,
    /// A parameter that libpq does not know, or without a value.
    #[error(
        "a parameter after the question mark is not one that libpq knows, or has no value; if that is a part of the \
         password, percent-encode its special characters (? as %3F, & as %26, @ as %40, / as %2F)"
    )]
    Parameter,
    /// `sqlite:` without a path, with a URI instead of one, or a database in memory.
    #[error(
        "a SQLite database needs a file, as in sqlite:keyrack.db: an in-memory one would be lost with its connection"
    )]
    NoFile,
    /// `sqlite:PATH?…`: parameters of other programs.
    #[error(
        "a SQLite database has only a path, as in sqlite:keyrack.db or sqlite:///var/lib/keyrack.db: remove the \
         question mark or # and what follows; Keyrack creates a missing file by itself"
    )]
    SqliteParameters,
}
