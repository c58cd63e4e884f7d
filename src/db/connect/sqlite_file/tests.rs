//! Comparing the files, by the time at which their folder changed.

use std::fs;

use tempfile::TempDir;

use super::*;

/// A database file with a `-wal` file, whose folder has not changed for a while.
fn opened() -> (TempDir, SqliteFile) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keyrack.db");
    fs::write(&path, "database").unwrap();
    fs::write(folder.path().join("keyrack.db-wal"), "wal").unwrap();
    let file = SqliteFile::new(&path);
    file.note_opened(None).unwrap();
    settle(folder.path());
    (folder, file)
}

/// Waits until a folder has not changed for a while. No program can set the time of its last change.
fn settle(folder: &Path) {
    while !FolderStamp::read(folder).is_some_and(FolderStamp::is_settled) {
        std::thread::yield_now();
    }
}

fn is_compared(file: &SqliteFile) -> bool {
    file.state.lock().compared.is_some()
}

#[test]
fn unchanged_folder_is_compared_once() {
    let (folder, file) = opened();
    assert!(!is_compared(&file));
    assert_eq!(file.change(), None);
    assert!(is_compared(&file));
    fs::remove_file(folder.path().join("keyrack.db-wal")).unwrap();
    assert_eq!(file.change(), Some(FileChange::JournalRemoved), "another time than that of the comparison");
}

/// Programs that restore a folder, such as tar and rsync, set its time of modification back to that of the backup.
#[test]
fn folder_whose_time_of_modification_is_set_back_is_compared() {
    let (folder, file) = opened();
    let modified_at = fs::metadata(folder.path()).unwrap().modified().unwrap();
    assert_eq!(file.change(), None);
    assert!(is_compared(&file));
    fs::write(folder.path().join("restored.db"), "database").unwrap();
    fs::rename(folder.path().join("restored.db"), file.path()).unwrap();
    fs::File::open(folder.path()).unwrap().set_modified(modified_at).unwrap();
    assert_eq!(file.change(), Some(FileChange::Replaced));
}

#[test]
fn folder_that_has_just_changed_is_compared_each_time() {
    let (folder, file) = opened();
    fs::write(folder.path().join("another"), "file").unwrap();
    assert_eq!(file.change(), None);
    assert!(!is_compared(&file), "another change in this tick of the clock would not be seen");
}

#[test]
fn changes_of_files_are_noticed_after_a_comparison() {
    let (folder, file) = opened();
    assert_eq!(file.change(), None);
    fs::write(folder.path().join("other.db"), "other").unwrap();
    fs::rename(folder.path().join("other.db"), file.path()).unwrap();
    assert_eq!(file.change(), Some(FileChange::Replaced));
    fs::remove_file(file.path()).unwrap();
    assert_eq!(file.change(), Some(FileChange::Missing));
}

#[test]
fn replaced_folder_is_noticed() {
    let (folder, file) = opened();
    let used = folder.path().join("used");
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    for path in [&first, &second] {
        fs::create_dir(path).unwrap();
        fs::write(path.join("keyrack.db"), "database").unwrap();
    }
    std::os::unix::fs::symlink(&first, &used).unwrap();
    drop(file);
    let file = SqliteFile::new(&used.join("keyrack.db"));
    file.note_opened(None).unwrap();
    settle(&first);
    settle(&second);
    assert_eq!(file.change(), None);
    assert!(is_compared(&file));
    fs::remove_file(&used).unwrap();
    std::os::unix::fs::symlink(&second, &used).unwrap();
    assert_eq!(file.change(), Some(FileChange::Replaced));
}

/// Its `-wal` file lies beside the file that the link leads to, in a folder that is not looked at.
#[test]
fn file_behind_a_link_is_compared_each_time() {
    let (folder, file) = opened();
    let elsewhere = tempfile::tempdir().unwrap();
    let link = elsewhere.path().join("link.db");
    std::os::unix::fs::symlink(file.path(), &link).unwrap();
    settle(elsewhere.path());
    let linked = SqliteFile::new(&link);
    linked.note_opened(None).unwrap();
    assert_eq!(linked.change(), None);
    fs::remove_file(folder.path().join("keyrack.db-wal")).unwrap();
    assert_eq!(linked.change(), Some(FileChange::JournalRemoved));
}
