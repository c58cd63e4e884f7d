use std::{os::unix::fs::PermissionsExt, thread};

use super::*;
use crate::db::history::record::EndedSession;

const NOW: Timestamp = Timestamp::from_micros(1_000);

fn ended(expires_at: i64) -> Record {
    Record::Ended(EndedSession {
        id: SessionId::random(),
        reason: "revoked".to_owned(),
        ended_at: NOW,
        expires_at: Timestamp::from_micros(expires_at),
    })
}

fn journal(folder: &tempfile::TempDir) -> Journal {
    Journal::open(folder.path().join("test.ends")).unwrap()
}

#[test]
fn appended_ends_are_read_by_another_journal() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (journal(&folder), journal(&folder));
    let records = [ended(2_000), ended(2_000), ended(2_000)];
    one.append(&records[..1], Durability::Synced).wait().unwrap();
    two.append(&records[1..], Durability::Written).wait().unwrap();
    one.withdraw(&records[1..2]);
    one.sync().unwrap();
    let contents = one.read(NOW).unwrap();
    assert_eq!(contents.count(), 2);
    assert!(!contents.has_ended(records[1].ended_session().unwrap()));
    assert_eq!(fs::metadata(one.path()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn torn_line_does_not_damage_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(&folder);
    let (first, second) = (ended(2_000), ended(2_000));
    journal.append(std::slice::from_ref(&first), Durability::Synced).wait().unwrap();
    let text = fs::read(journal.path()).unwrap();
    fs::write(journal.path(), &text[..text.len() / 2]).unwrap();
    journal.append(std::slice::from_ref(&second), Durability::Synced).wait().unwrap();
    let contents = Journal::open(journal.path()).unwrap().read(NOW).unwrap();
    assert_eq!((contents.count(), contents.damaged_lines), (1, 1));
    assert!(contents.has_ended(second.ended_session().unwrap()));
}

#[test]
fn compaction_keeps_live_records_and_lines_of_other_writers() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (journal(&folder), journal(&folder));
    let expired: Vec<Record> = (0..20_000).map(|_| ended(500)).collect();
    let live: Vec<Record> = (0..50).map(|_| ended(2_000)).collect();
    two.append(&live[..10], Durability::Synced).wait().unwrap();
    one.append(&expired, Durability::Synced).wait().unwrap();
    let before = fs::metadata(one.path()).unwrap().len();
    thread::scope(|scope| {
        scope.spawn(|| {
            for record in &live[10..] {
                two.append(std::slice::from_ref(record), Durability::Written).wait().unwrap();
            }
        });
        one.compact(NOW).unwrap();
    });
    let fresh = || Journal::open(one.path()).unwrap().read(NOW).unwrap();
    let contents = fresh();
    assert_eq!((contents.count(), contents.damaged_lines), (live.len(), 0));
    assert!(fs::metadata(one.path()).unwrap().len() < before / 10);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    one.compact(NOW).unwrap();
    one.append(&[ended(2_000)], Durability::Synced).wait().unwrap();
    assert_eq!(fresh().count(), live.len() + 1);
}

#[test]
fn unwritable_journal_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Journal::open(folder.path()).unwrap_err().to_string().contains("cannot use the journal of ends"));
    let journal = Journal::open("/dev/full");
    assert!(journal.is_err(), "not a regular file");
    let lost = Journal::open(folder.path().join("gone/test.ends"));
    assert!(lost.is_err());
}

/// Puts a folder in the file's place, which can't be written, and returns what undoes it.
fn make_unwritable(journal: &Journal) -> impl Fn() + use<> {
    let (path, aside) = (journal.path().to_owned(), journal.path().with_extension("aside"));
    fs::rename(&path, &aside).unwrap();
    fs::create_dir(&path).unwrap();
    move || {
        fs::remove_dir(&path).unwrap();
        fs::rename(&aside, &path).unwrap();
    }
}

/// What another process reads.
fn has_ended(journal: &Journal, record: &Record) -> bool {
    let contents = Journal::open(journal.path()).unwrap().read(NOW).unwrap();
    contents.has_ended(record.ended_session().unwrap())
}

#[test]
fn append_fails_until_the_lines_before_it_are_written() {
    for durability in [Durability::Written, Durability::Synced] {
        let folder = tempfile::tempdir().unwrap();
        let journal = journal(&folder);
        let [first, second, third] = [(); 3].map(|()| ended(2_000));
        journal.append(&[first], durability).wait().unwrap();
        let make_writable = make_unwritable(&journal);
        assert!(journal.append(std::slice::from_ref(&second), durability).wait().is_err());
        assert!(journal.append(&[], durability).wait().is_err(), "the same end again");
        assert!(journal.sync().is_err());
        make_writable();
        journal.append(std::slice::from_ref(&third), durability).wait().unwrap();
        assert!(has_ended(&journal, &second) && has_ended(&journal, &third));
        assert!(!journal.take_emptied());
    }
}

#[test]
fn removed_file_is_noticed_and_restored_from_memory() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(&folder);
    let records = [ended(2_000), ended(2_000)];
    journal.append(&records, Durability::Written).wait().unwrap();
    let remove: [fn(&Path); 2] = [|path| fs::remove_file(path).unwrap(), |path| fs::write(path, "").unwrap()];
    for remove in remove {
        assert!(!journal.take_emptied());
        remove(journal.path());
        journal.sync().unwrap();
        assert!(journal.take_emptied());
        assert!(!has_ended(&journal, &records[0]));
        assert_eq!(journal.restore(NOW).unwrap(), 2);
        assert!(records.iter().all(|record| has_ended(&journal, record)));
        assert_eq!(journal.restore(NOW).unwrap(), 0);
        assert_eq!(Journal::open(journal.path()).unwrap().id(), journal.id(), "its name is the same");
    }
}

/// An earlier state of the file, to which a line was added since: it may even be longer than what was lost.
#[test]
fn earlier_state_of_the_file_is_noticed_and_completed() {
    let put_back: [fn(&Path, &[u8]); 2] = [
        |path, earlier| fs::write(path, earlier).unwrap(),
        |path, earlier| {
            let copy = path.with_extension("copy");
            fs::write(&copy, earlier).unwrap();
            fs::rename(copy, path).unwrap();
        },
    ];
    for put_back in put_back {
        let folder = tempfile::tempdir().unwrap();
        let journal = journal(&folder);
        let [kept, lost] = [(); 2].map(|()| ended(2_000));
        let later: Vec<Record> = (0..20).map(|_| ended(2_000)).collect();
        journal.append(std::slice::from_ref(&kept), Durability::Written).wait().unwrap();
        let earlier = fs::read(journal.path()).unwrap();
        journal.append(std::slice::from_ref(&lost), Durability::Written).wait().unwrap();
        assert_eq!(journal.restore(NOW).unwrap(), 0);
        put_back(journal.path(), &earlier);
        for later in &later {
            journal.append(std::slice::from_ref(later), Durability::Written).wait().unwrap();
        }
        assert_eq!(journal.restore(NOW).unwrap(), 1);
        assert!([&kept, &lost].into_iter().chain(&later).all(|record| has_ended(&journal, record)));
        assert_eq!(journal.restore(NOW).unwrap(), 0);
        assert!(journal.0.state.seen_end.lock().as_ref().unwrap().is_at(journal.path()), "it is not read again");
    }
}

#[test]
fn end_of_a_file_holds_until_lines_before_it_may_be_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let lines = (0..30).fold(String::new(), |lines, number| format!("{lines}line {number} of the file\n"));
    for count in [0, 10, lines.len()] {
        fs::write(&path, &lines[..count]).unwrap();
        let end = FileEnd::read(&File::open(&path).unwrap(), count as u64).unwrap();
        assert!(end.is_at(&path));
        fs::write(&path, format!("{}and more", &lines[..count])).unwrap();
        assert!(end.is_at(&path));
    }
    let end = FileEnd::read(&File::open(&path).unwrap(), lines.len() as u64).unwrap();
    fs::write(&path, &lines[..lines.len() - 1]).unwrap();
    assert!(!end.is_at(&path), "shorter");
    fs::write(&path, lines.replace("29", "92")).unwrap();
    assert!(!end.is_at(&path), "another line in its place");
    fs::write(&path, &lines).unwrap();
    assert!(end.is_at(&path));
    fs::rename(&path, folder.path().join("aside")).unwrap();
    assert!(!end.is_at(&path), "removed");
    fs::write(&path, &lines).unwrap();
    assert!(!end.is_at(&path), "another file");
}
