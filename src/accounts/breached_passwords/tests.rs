use std::{
    fmt::Write,
    fs::{self, File},
    io::Cursor,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, UNIX_EPOCH},
};

use tempfile::TempDir;

use super::{header::Header, *};

/// A folder for the files of a test.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("list.breached")
    }

    fn build(&self, list: &str, format: ListFormat) -> Result<BuildReport, BuildError> {
        BreachFileBuilder::new(&self.path(), format).build(Cursor::new(list), |_| ())
    }

    fn open(&self) -> Result<BreachedPasswords, InvalidBreachFile> {
        BreachedPasswords::open(&self.path())
    }

    /// Writes the file as another program would, a second later each time.
    fn write(&self, contents: &[u8]) {
        static SECONDS: AtomicU64 = AtomicU64::new(1_769_600_000);
        fs::write(self.path(), contents).unwrap();
        let time = UNIX_EPOCH + Duration::from_secs(SECONDS.fetch_add(1, Ordering::Relaxed));
        File::options().write(true).open(self.path()).unwrap().set_modified(time).unwrap();
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

fn password(number: u32) -> String {
    format!("made-up password {number}")
}

fn sha1_line(password: &str) -> String {
    let mut line = String::new();
    for byte in hash_of(password) {
        write!(line, "{byte:02X}").unwrap();
    }
    line + ":12\n"
}

#[test]
fn listed_passwords_are_found_and_others_are_not() {
    let folder = Folder::new();
    for count in [1, 255, 256, 257, 20_000] {
        let list: String = (0..count).map(|number| sha1_line(&password(number))).collect();
        let report = folder.build(&list, ListFormat::Sha1).unwrap();
        assert_eq!((report.lines, report.entries, report.skipped), (count.into(), count.into(), 0));
        let breached = folder.open().unwrap();
        assert_eq!(breached.entries(), u64::from(count));
        for number in 0..count {
            assert!(breached.contains(&password(number)).unwrap(), "{number} of {count}");
        }
        let found = (count..count + 20_000).filter(|number| breached.contains(&password(*number)).unwrap()).count();
        assert!(found <= 1, "{found} false positives in 20,000, where one in 50 runs is expected to have one");
    }
}

#[test]
fn order_and_duplicates_make_no_difference() {
    let (first, second) = (Folder::new(), Folder::new());
    let lines: Vec<String> = (0..5000).map(|number| sha1_line(&password(number))).collect();
    first.build(&lines.concat(), ListFormat::Sha1).unwrap();
    let twice: String = lines.iter().rev().chain(&lines).map(|line| line.to_lowercase()).collect();
    let report = second.build(&twice, ListFormat::Sha1).unwrap();
    assert_eq!((report.lines, report.entries), (10_000, 5000));
    assert_eq!(fs::read(first.path()).unwrap(), fs::read(second.path()).unwrap());
}

#[test]
fn list_that_exceeds_the_memory_is_sorted_through_a_file() {
    let (small, large) = (Folder::new(), Folder::new());
    let list: String = (0..5000).chain(0..100).map(|number| sha1_line(&password(number))).collect();
    small.build(&list, ListFormat::Sha1).unwrap();
    let builder = BreachFileBuilder::new(&large.path(), ListFormat::Sha1).with_max_keys_in_memory(333);
    let report = builder.build(Cursor::new(&list), |_| ()).unwrap();
    assert_eq!(report.entries, 5000);
    let breached = large.open().unwrap();
    assert!((0..5000).all(|number| breached.contains(&password(number)).unwrap()));
    assert_eq!(large.names(), ["list.breached"], "no temporary file is left");
}

#[test]
fn every_line_of_a_plain_list_is_a_password() {
    let folder = Folder::new();
    let list = "first password\r\n\n trailing blank \nZoe\u{308} dances\nno line break at the end";
    let report = folder.build(list, ListFormat::Plain).unwrap();
    assert_eq!((report.lines, report.entries, report.skipped), (5, 4, 1));
    let breached = folder.open().unwrap();
    for listed in ["first password", " trailing blank ", "Zo\u{eb} dances", "no line break at the end"] {
        assert!(breached.contains(listed).unwrap(), "{listed}");
    }
    assert!(!breached.contains("trailing blank").unwrap());
}

#[test]
fn lines_without_a_password_are_skipped() {
    let folder = Folder::new();
    let listed = sha1_line("a password");
    let bare = sha1_line("without a count").split(':').next().unwrap().to_owned();
    let padding = format!("{}:0", "AB".repeat(20));
    let list = format!("\u{feff}{}\r\n\n  \n{padding}\n{bare}", listed.trim());
    let report = folder.build(&list, ListFormat::Sha1).unwrap();
    assert_eq!((report.lines, report.entries, report.skipped), (5, 2, 3));
    let breached = folder.open().unwrap();
    assert!(breached.contains("a password").unwrap() && breached.contains("without a count").unwrap());
}

#[test]
fn invalid_lines_are_reported_with_their_number() {
    let folder = Folder::new();
    let good = sha1_line("a password");
    for (line, message) in [
        ("password123".to_owned(), "--plain"),
        ("AB".repeat(16) + ":5", "NTLM"),
        ("AB".repeat(21), "--plain"),
        ("AB".repeat(20) + ":x", "colon and a number"),
        ("AB".repeat(20) + ":", "colon and a number"),
        ("AB".repeat(20) + " 5", "colon and a number"),
        ("x".repeat(10_000), "--plain"),
    ] {
        let error = folder.build(&format!("{good}{line}\n{good}"), ListFormat::Sha1).unwrap_err().to_string();
        assert!(error.starts_with("line 2 ") && error.contains(message), "{error}");
    }
    assert!(matches!(folder.build("\n\n", ListFormat::Sha1), Err(BuildError::Empty)));
    assert_eq!(folder.names(), [""; 0], "nothing is written");
}

#[test]
fn only_breach_files_are_overwritten() {
    let folder = Folder::new();
    fs::write(folder.path(), "somebody's thesis").unwrap();
    let list = sha1_line("a password");
    assert!(matches!(folder.build(&list, ListFormat::Sha1), Err(BuildError::WouldOverwrite(_))));
    assert_eq!(fs::read_to_string(folder.path()).unwrap(), "somebody's thesis");
    fs::remove_file(folder.path()).unwrap();
    folder.build(&list, ListFormat::Sha1).unwrap();
    let open = folder.open().unwrap();
    folder.build(&sha1_line("another one"), ListFormat::Sha1).unwrap();
    assert!(open.contains("another one").unwrap(), "a server uses the file that has taken the place of the first");
    assert!(!open.contains("a password").unwrap());
    assert_eq!(folder.names(), ["list.breached"]);
}

#[test]
fn altered_and_shortened_files_are_refused() {
    let folder = Folder::new();
    let list: String = (0..2000).map(|number| sha1_line(&password(number))).collect();
    folder.build(&list, ListFormat::Sha1).unwrap();
    let bytes = fs::read(folder.path()).unwrap();
    let open_with = |bytes: &[u8]| {
        fs::write(folder.path(), bytes).unwrap();
        folder.open()
    };
    for position in (0..bytes.len()).step_by(7).chain([bytes.len() - 1]) {
        let mut altered = bytes.clone();
        altered[position] ^= 0x10;
        let error = open_with(&altered).unwrap_err();
        let is_expected = match position {
            0..16 => matches!(error, InvalidBreachFile::Foreign(_)),
            16..20 => matches!(error, InvalidBreachFile::Version { .. }),
            _ => matches!(error, InvalidBreachFile::Damaged(_)),
        };
        assert!(is_expected, "byte {position}: {error}");
    }
    for length in [0, 10, 40, 71, 72, 100, bytes.len() - 1] {
        assert!(open_with(&bytes[..length]).is_err(), "the first {length} bytes");
    }
    assert!(open_with(&[bytes.as_slice(), b"x"].concat()).is_err(), "a longer file");
    assert!(open_with(&bytes).is_ok());
    fs::remove_file(folder.path()).unwrap();
    assert!(matches!(folder.open(), Err(InvalidBreachFile::Unreadable { .. })));
}

#[test]
fn file_that_changes_while_open_is_an_error_until_it_is_whole() {
    let folder = Folder::new();
    folder.build(&sha1_line("a password"), ListFormat::Sha1).unwrap();
    let breached = folder.open().unwrap();
    let bytes = fs::read(folder.path()).unwrap();
    let mut last_bit = bytes.clone();
    *last_bit.last_mut().unwrap() ^= 1;
    let endless_bucket = [&bytes[..72], &[0xff; 4], &bytes[76..]].concat();
    let contents: [(&[u8], &str); 6] = [
        (&last_bit, "is damaged or incomplete"),
        (&endless_bucket, "is damaged or incomplete"),
        (&bytes[..80], "is damaged or incomplete"),
        (&bytes[..72], "is damaged or incomplete"),
        (b"", "is not a breach file"),
        (b"another file altogether", "is not a breach file"),
    ];
    for (contents, message) in contents {
        folder.write(contents);
        for _ in 0..2 {
            let problem = breached.contains("a password").unwrap_err().to_string();
            assert!(problem.contains(message) && problem.contains("list.breached"), "{problem}");
        }
        assert!(!breached.contains_if_usable("a password"), "a sign-in goes on");
        assert_eq!(breached.entries(), 0);
        folder.write(&bytes);
        assert!(breached.contains("a password").unwrap() && breached.contains_if_usable("a password"), "{message}");
    }
    for _ in 0..2 {
        fs::remove_file(folder.path()).unwrap();
        assert!(breached.contains("a password").unwrap_err().to_string().contains("cannot read"));
        assert!(!breached.contains_if_usable("a password"));
        folder.write(&bytes);
        assert!(breached.contains("a password").unwrap());
    }
}

#[test]
fn file_that_takes_the_place_of_another_is_used() {
    let folder = Folder::new();
    folder.build(&sha1_line("a password"), ListFormat::Sha1).unwrap();
    let breached = folder.open().unwrap();
    let clone = breached.clone();
    let damaged = folder.0.path().join("damaged");
    fs::write(&damaged, "half a file").unwrap();
    fs::rename(&damaged, folder.path()).unwrap();
    assert!(breached.contains("a password").is_err(), "the first one is still open, but no longer the list");
    fs::remove_file(folder.path()).unwrap();
    folder.build(&(sha1_line("another one") + &sha1_line("a third")), ListFormat::Sha1).unwrap();
    for list in [&breached, &clone] {
        assert!(list.contains("another one").unwrap() && !list.contains("a password").unwrap());
        assert_eq!(list.entries(), 2);
    }
}

#[test]
fn lookups_at_once_share_the_verification_of_a_new_file() {
    let folder = Folder::new();
    folder.build(&sha1_line("a password"), ListFormat::Sha1).unwrap();
    let breached = folder.open().unwrap();
    let list: String = (0..50_000).map(|number| sha1_line(&password(number))).collect();
    folder.build(&list, ListFormat::Sha1).unwrap();
    thread::scope(|scope| {
        let lookups: Vec<_> = (0..8)
            .map(|number| {
                let breached = &breached;
                scope.spawn(move || breached.contains(&password(number)).unwrap())
            })
            .collect();
        assert!(lookups.into_iter().all(|lookup| lookup.join().unwrap()));
    });
}

#[test]
fn header_is_read_back_and_describes_the_length() {
    let header = Header { entries: 3, buckets: 2, bucket_bytes: 1000, body_checksum: [7; 16] };
    assert_eq!(Header::parse(&header.to_bytes()), Ok(header));
    assert_eq!(header.to_bytes().len() as u64, header::HEADER_BYTES);
    assert_eq!(header.file_bytes(), Some(72 + 1000 + 3 * 8));
    assert_eq!(Header { buckets: u64::MAX, ..header }.file_bytes(), None);
}
