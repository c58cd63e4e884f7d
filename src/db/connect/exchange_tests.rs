//! A SQLite file that is exchanged at the moment when it is opened.

use std::{fs, path::Path, time::Duration};

use diesel::connection::SimpleConnection;

use super::{connection::DbConnection, opener::Opener, url::DatabaseUrl};

const TIMEOUT: Duration = Duration::from_secs(10);

fn run(connection: &mut DbConnection, sql: &str) {
    match connection {
        DbConnection::Sqlite(connection) => connection.batch_execute(sql).unwrap(),
        DbConnection::Postgres(_) => unreachable!("the database is a file"),
    }
}

fn url_of(path: &Path) -> DatabaseUrl {
    format!("sqlite:{}", path.display()).parse().unwrap()
}

/// Makes a database with a journal, and a backup of an earlier state. The connection keeps the journal.
fn database_and_backup(folder: &Path) -> (DatabaseUrl, DbConnection) {
    let url = url_of(&folder.join("keyrack.db"));
    let mut connection = DbConnection::create_or_open(&url, TIMEOUT).unwrap();
    run(&mut connection, "CREATE TABLE sessions (id INTEGER PRIMARY KEY, data TEXT)");
    run(&mut connection, &format!("VACUUM INTO '{}'", folder.join("backup.db").display()));
    for _ in 0..20 {
        run(&mut connection, "INSERT INTO sessions (data) VALUES (hex(randomblob(5000)))");
    }
    (url, connection)
}

#[test]
fn exchanged_file_gets_nothing_of_the_former_journal() {
    let folder = tempfile::tempdir().unwrap();
    let (path, backup) = (folder.path().join("keyrack.db"), folder.path().join("backup.db"));
    let (url, _former) = database_and_backup(folder.path());
    let content = fs::read(&backup).unwrap();
    let exchange = || {
        fs::rename(&backup, &path).unwrap();
        false
    };
    let opened = DbConnection::open_file(&url, TIMEOUT, &exchange);
    assert!(opened.is_err_and(|error| error.to_string().contains("was exchanged")));
    assert!(fs::read(&path).unwrap() == content);
}

/// The new file gets a connection of its own once those to the former one are closed.
#[test]
fn connections_to_a_former_file_leave_the_new_one_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (path, backup) = (folder.path().join("keyrack.db"), folder.path().join("backup.db"));
    let (url, former) = database_and_backup(folder.path());
    let opener = Opener::new(url, TIMEOUT);
    let first = opener.open().unwrap();
    drop(former);
    let content = fs::read(&backup).unwrap();
    fs::rename(&backup, &path).unwrap();
    assert!(opener.open().is_err(), "the connections to the former file are not closed yet");
    drop(first);
    assert!(fs::read(&path).unwrap() == content);
    let mut second = opener.open().unwrap();
    run(&mut second, "INSERT INTO sessions (data) VALUES ('first')");
}
