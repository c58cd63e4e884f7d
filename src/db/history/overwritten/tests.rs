//! What is written by checkpoints, and what by others.

use std::{fs::OpenOptions, time::Duration};

use diesel::connection::SimpleConnection;
use tempfile::TempDir;

use super::*;

const SCHEMA: &str = "CREATE TABLE keyrack_settings (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID; \
                      CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT); \
                      INSERT INTO keyrack_settings VALUES ('committed_ends', '0'); INSERT INTO events (kind) VALUES ('first')";
const END: &str = "UPDATE keyrack_settings SET value = value + 1";
const ATTEMPTED_AT: u64 = 128;

/// A database that is open, and what was last seen of it.
struct Fixture {
    _folder: TempDir,
    path: PathBuf,
    opener: Opener,
    connection: DbConnection,
    content: FileContent,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keyrack.db");
        let opener = Opener::new(url_of(&path), Duration::from_secs(10));
        let mut connection = DbConnection::create_or_open(&url_of(&path), Duration::from_secs(10)).unwrap();
        run(&mut connection, SCHEMA);
        assert!(connection.checkpoint());
        let mut content = FileContent::default();
        content.prepare(&mut connection, &opener).unwrap();
        let mut fixture = Self { _folder: folder, path, opener, connection, content };
        assert!(!fixture.is_overwritten(0));
        fixture
    }

    fn run(&mut self, sql: &str) {
        run(&mut self.connection, sql);
    }

    fn is_overwritten(&mut self, position: i64) -> bool {
        self.content.is_overwritten(&self.opener, Some(position)).unwrap()
    }

    /// Copies the file as it is, to be written over it later.
    fn copy(&self) -> Vec<u8> {
        let mut copy = vec![0; usize::try_from(self.path.metadata().unwrap().len()).unwrap()];
        kept_file::open(&self.path).unwrap().read_exact_at(&mut copy, 0).unwrap();
        copy
    }

    /// The journal as it is.
    fn journal(&self) -> Vec<u8> {
        std::fs::read(beside(&self.path, WAL)).unwrap()
    }

    /// Replaces the content of the journal, as `cp` does.
    fn replace_journal(&self, content: &[u8]) {
        std::fs::write(beside(&self.path, WAL), content).unwrap();
    }

    /// Commits as a connection does that knows the index, and not what has become of the journal.
    fn commit(&mut self) {
        self.run("INSERT INTO events (kind) VALUES ('another')");
    }

    /// Writes as another process does: closing the file here would release the locks of the connection.
    fn overwrite(path: &Path, at: u64, content: &[u8]) {
        let file = OpenOptions::new().write(true).open(path).unwrap();
        file.write_all_at(content, at).unwrap();
        std::mem::forget(file);
    }

    /// What a checkpoint that is running says in the index.
    fn pretend_checkpoint(&self, attempted: u32) {
        Self::overwrite(&index_of(&self.path).unwrap(), ATTEMPTED_AT, &attempted.to_ne_bytes());
    }
}

fn url_of(path: &Path) -> crate::db::connect::url::DatabaseUrl {
    format!("sqlite:{}", path.display()).parse().unwrap()
}

fn run(connection: &mut DbConnection, sql: &str) {
    match connection {
        DbConnection::Sqlite(connection) => connection.batch_execute(sql).unwrap(),
        DbConnection::Postgres(_) => unreachable!("the database is a file"),
    }
}

#[test]
fn commits_and_checkpoints_are_not_taken_for_overwriting() {
    let mut fixture = Fixture::new();
    for position in 1..50 {
        fixture.run(END);
        assert!(!fixture.is_overwritten(position));
        if position % 3 == 0 {
            assert!(fixture.connection.checkpoint());
            assert!(!fixture.is_overwritten(position));
        }
    }
    fixture.run("VACUUM");
    assert!(fixture.connection.checkpoint());
    assert!(!fixture.is_overwritten(49));
}

/// A page is half written, or does not fit the others yet.
#[test]
fn file_is_not_judged_while_a_checkpoint_is_running() {
    let mut fixture = Fixture::new();
    fixture.run(END);
    let pages = fixture.copy();
    fixture.pretend_checkpoint(1000);
    Fixture::overwrite(&fixture.path, 0, &vec![b'x'; pages.len()]);
    for _ in 0..5 {
        assert!(!fixture.is_overwritten(1));
    }
    fixture.pretend_checkpoint(0);
    assert!(fixture.is_overwritten(1));
}

#[test]
fn page_that_no_checkpoint_has_written_is_noticed() {
    let mut fixture = Fixture::new();
    let former = fixture.copy();
    fixture.run(END);
    assert!(fixture.connection.checkpoint());
    // The journal has commits that the file lacks: by itself, that the file is older would prove nothing.
    fixture.run("INSERT INTO events (kind) VALUES ('second')");
    assert!(!fixture.is_overwritten(1));
    Fixture::overwrite(&fixture.path, 0, &former);
    assert!(fixture.is_overwritten(1));
    assert!(!fixture.is_overwritten(1), "it is told once");
}

#[test]
fn same_content_with_other_times_is_not_taken_for_overwritten() {
    let mut fixture = Fixture::new();
    fixture.run(END);
    let same = fixture.copy();
    Fixture::overwrite(&fixture.path, 0, &same);
    assert!(!fixture.is_overwritten(1));
}

/// A restore through SQLite goes through the journal, and must not lose it.
#[test]
fn older_state_in_the_journal_is_not_taken_for_overwritten() {
    let mut fixture = Fixture::new();
    fixture.run(END);
    assert!(fixture.connection.checkpoint());
    assert!(!fixture.is_overwritten(1));
    fixture.run("UPDATE keyrack_settings SET value = '0'");
    assert!(!fixture.is_overwritten(1));
}

/// Whether the first commit comes before the next look or after it.
#[test]
fn emptied_journal_is_noticed_also_if_a_commit_follows() {
    for commits in 0..3 {
        let mut fixture = Fixture::new();
        fixture.run(END);
        assert!(!fixture.is_overwritten(1));
        fixture.replace_journal(&[]);
        for _ in 0..commits {
            fixture.commit();
        }
        assert!(fixture.is_overwritten(1), "{commits} commits");
    }
}

#[test]
fn older_journal_is_noticed_also_if_a_commit_follows() {
    for commits in 0..3 {
        let mut fixture = Fixture::new();
        fixture.commit();
        let older = fixture.journal();
        fixture.run(END);
        fixture.run(END);
        assert!(!fixture.is_overwritten(1));
        fixture.replace_journal(&older);
        for _ in 0..commits {
            fixture.commit();
        }
        assert!(fixture.is_overwritten(1), "{commits} commits");
    }
}

/// That of a time when the journal had begun at another moment may be long enough.
#[test]
fn journal_of_another_beginning_is_noticed() {
    let mut fixture = Fixture::new();
    fixture.run(END);
    fixture.run(END);
    let former = fixture.journal();
    assert!(fixture.connection.checkpoint());
    fixture.commit();
    assert!(!fixture.is_overwritten(1));
    fixture.replace_journal(&former);
    assert!(fixture.is_overwritten(1));
}

/// A watcher that has just begun has seen nothing yet.
#[test]
fn journal_emptied_before_the_first_look_is_noticed() {
    let mut fixture = Fixture::new();
    fixture.run(END);
    fixture.content = FileContent::default();
    fixture.content.prepare(&mut fixture.connection, &fixture.opener).unwrap();
    fixture.replace_journal(&[]);
    assert!(fixture.is_overwritten(1));
}

/// What a crash of the machine has left, before the database is opened.
#[test]
fn journal_emptied_before_it_is_opened_is_no_overwriting() {
    let mut fixture = Fixture::new();
    fixture.run(END);
    fixture.content = FileContent::default();
    fixture.replace_journal(&[]);
    assert!(!fixture.is_overwritten(1));
}

#[test]
fn interrupted_checkpoint_is_completed() {
    let mut fixture = Fixture::new();
    fixture.run(END);
    fixture.pretend_checkpoint(1000);
    fixture.content = FileContent::default();
    fixture.content.prepare(&mut fixture.connection, &fixture.opener).unwrap();
    let index = JournalIndex::read(&kept_file::open(&index_of(&fixture.path).unwrap()).unwrap()).unwrap();
    assert!(!index.is_checkpoint_running());
}

/// A backup that was moved over the file: its index says nothing before something was written.
#[test]
fn file_without_a_journal_is_not_overwritten_until_it_is() {
    let mut fixture = Fixture::new();
    let copy = fixture.path.with_file_name("copy.db");
    fixture.run(&format!("VACUUM INTO '{}'", copy.display()));
    let (url, mut content) = (url_of(&copy), FileContent::default());
    let opener = Opener::new(url.clone(), Duration::from_secs(10));
    let mut connection = DbConnection::open(&url, Duration::from_secs(10)).unwrap();
    content.prepare(&mut connection, &opener).unwrap();
    let mut is_overwritten = || content.is_overwritten(&opener, Some(0)).unwrap();
    assert_eq!([is_overwritten(), is_overwritten()], [false, false]);
    run(&mut connection, END);
    assert!(!is_overwritten());
    Fixture::overwrite(&copy, 0, &vec![b'x'; 100_000]);
    assert!(is_overwritten());
}
