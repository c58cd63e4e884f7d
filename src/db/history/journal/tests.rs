use std::os::unix::fs::PermissionsExt;

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
    one.append(&records[..1]).wait().unwrap();
    two.append(&records[1..]).wait().unwrap();
    one.withdraw(&records[1..2]);
    one.append(&[]).wait().unwrap();
    let contents = two.read(NOW).unwrap();
    assert_eq!(contents.ended.len(), 2);
    assert!(!contents.ended.contains_key(&records[1].ended_session().unwrap()));
    assert_eq!(fs::metadata(one.path()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn torn_line_does_not_damage_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(&folder);
    let (first, second) = (ended(2_000), ended(2_000));
    journal.append(std::slice::from_ref(&first)).wait().unwrap();
    let text = fs::read(journal.path()).unwrap();
    fs::write(journal.path(), &text[..text.len() / 2]).unwrap();
    journal.append(std::slice::from_ref(&second)).wait().unwrap();
    let contents = journal.read(NOW).unwrap();
    assert_eq!((contents.ended.len(), contents.damaged_lines), (1, 1));
    assert!(contents.ended.contains_key(&second.ended_session().unwrap()));
}

#[test]
fn compaction_keeps_live_records_and_lines_of_other_writers() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (journal(&folder), journal(&folder));
    let expired: Vec<Record> = (0..20_000).map(|_| ended(500)).collect();
    let live: Vec<Record> = (0..50).map(|_| ended(2_000)).collect();
    two.append(&live[..10]).wait().unwrap();
    one.append(&expired).wait().unwrap();
    let before = fs::metadata(one.path()).unwrap().len();
    thread::scope(|scope| {
        scope.spawn(|| {
            for record in &live[10..] {
                two.append(std::slice::from_ref(record)).wait().unwrap();
            }
        });
        one.compact(NOW).unwrap();
    });
    let contents = one.read(NOW).unwrap();
    assert_eq!((contents.ended.len(), contents.damaged_lines), (live.len(), 0));
    assert!(fs::metadata(one.path()).unwrap().len() < before / 10);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    one.compact(NOW).unwrap();
    one.append(&[ended(2_000)]).wait().unwrap();
    assert_eq!(two.read(NOW).unwrap().ended.len(), live.len() + 1);
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

#[test]
fn end_that_could_not_be_written_is_written_later() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(&folder);
    let Record::Ended(session) = ended(2_000) else { unreachable!() };
    journal.append(&[ended(2_000)]).wait().unwrap();
    fs::remove_file(journal.path()).unwrap();
    fs::create_dir(journal.path()).unwrap();
    assert!(journal.append(&[Record::Ended(session.clone())]).wait().is_err());
    assert!(journal.append_unknown(vec![session.clone()]).is_err());
    fs::remove_dir(journal.path()).unwrap();
    journal.append_unknown(vec![session.clone()]).unwrap();
    assert!(journal.read(NOW).unwrap().ended.contains_key(&session.id));
}
