//! `keyrack user import`

use std::{
    collections::HashMap,
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
};

use serde::Serialize;

use super::{Failure, output};
use crate::{
    accounts::{Accounts, Email, ImportReport, ImportedUser},
    sessions::UserId,
};

/// Users that are added in one transaction: others can sign in between two.
const BATCH_USERS: usize = 500;
/// The longest line. A right one comes nowhere near it.
const MAX_LINE_BYTES: u64 = 64 * 1024;
/// Faults that are told: a fault of every line needs no more.
const MAX_FAULTS: usize = 20;
/// How often progress is told, in users.
const PROGRESS_USERS: usize = 10_000;

/// What is printed with `--json`.
#[derive(Serialize)]
struct PrintedReport<'a> {
    #[serde(flatten)]
    report: &'a ImportReport,
    dry_run: bool,
}

/// Imports the users of a file. It is read twice: nothing is written before every line was found right.
pub(super) async fn run(accounts: &Accounts, file: &Path, dry_run: bool, json: bool) -> Result<(), Failure> {
    let expected = Checker::new(accounts).check(Lines::open(file)?).await?;
    let report = if dry_run { expected } else { import(accounts, Lines::open(file)?).await? };
    if json {
        return output::json(&PrintedReport { report: &report, dry_run });
    }
    output::line(format_args!("{}", in_words(&report, dry_run)));
    Ok(())
}

/// Adds the users batch by batch. If it fails in between, the same command adds the rest.
async fn import(accounts: &Accounts, mut lines: Lines) -> Result<ImportReport, Failure> {
    let (mut report, mut batch) = (ImportReport::default(), Vec::new());
    loop {
        let line = lines.next()?;
        if let Some((number, text)) = &line {
            let changed = |error| Failure::failed(format!("line {number}: {error} (the file has changed meanwhile)"));
            batch.push(accounts.read_imported_user(text).map_err(changed)?);
        }
        if batch.len() == BATCH_USERS || line.is_none() {
            report.merge(accounts.import(std::mem::take(&mut batch)).await?);
            let done = report.imported + report.existing;
            if done.is_multiple_of(PROGRESS_USERS) && done > 0 {
                output::error_lines(format_args!("imported {done} users"));
            }
        }
        if line.is_none() {
            return Ok(report);
        }
    }
}

/// The lines of a file that are not blank.
struct Lines {
    reader: BufReader<File>,
    number: usize,
}

impl Lines {
    fn open(path: &Path) -> Result<Self, Failure> {
        let file = File::open(path)
            .and_then(
                |file| if file.metadata()?.is_file() { Ok(file) } else { Err(std::io::ErrorKind::InvalidInput.into()) },
            )
            .map_err(|error| Failure::failed(format!("cannot read {} as a file: {error}", path.display())))?;
        Ok(Self { reader: BufReader::new(file), number: 0 })
    }

    /// The next line with its number.
    fn next(&mut self) -> Result<Option<(usize, String)>, Failure> {
        loop {
            let mut bytes = Vec::new();
            self.number += 1;
            let failed = |reason: &str| Failure::failed(format!("line {}: {reason}", self.number));
            let read = (&mut self.reader).take(MAX_LINE_BYTES).read_until(b'\n', &mut bytes);
            if read.map_err(|error| failed(&error.to_string()))? == 0 {
                return Ok(None);
            }
            if !bytes.ends_with(b"\n") && bytes.len() as u64 == MAX_LINE_BYTES {
                return Err(failed("it is longer than 64 kB; the file must have one JSON object per line"));
            }
            let text = String::from_utf8(bytes).map_err(|_| failed("it is not UTF-8"))?;
            let text = text.trim_start_matches('\u{feff}').trim();
            if !text.is_empty() {
                return Ok(Some((self.number, text.to_owned())));
            }
        }
    }
}

/// Checks the lines of a file against each other and against the database.
struct Checker<'a> {
    accounts: &'a Accounts,
    report: ImportReport,
    /// The lines and the reasons.
    faults: Vec<(usize, String)>,
    fault_count: usize,
    /// The lines of the addresses and ids so far.
    line_of_email: HashMap<Email, usize>,
    line_of_id: HashMap<UserId, usize>,
}

impl<'a> Checker<'a> {
    fn new(accounts: &'a Accounts) -> Self {
        Self {
            accounts,
            report: ImportReport::default(),
            faults: Vec::new(),
            fault_count: 0,
            line_of_email: HashMap::new(),
            line_of_id: HashMap::new(),
        }
    }

    /// Returns what an import would do.
    async fn check(mut self, mut lines: Lines) -> Result<ImportReport, Failure> {
        let mut batch = Vec::new();
        loop {
            let line = lines.next()?;
            if let Some((number, text)) = &line {
                match self.accounts.read_imported_user(text) {
                    Ok(user) => batch.push((*number, user)),
                    Err(problem) => self.add_fault(*number, &problem.to_string()),
                }
            }
            if batch.len() == BATCH_USERS || line.is_none() {
                self.compare(std::mem::take(&mut batch)).await?;
            }
            if line.is_none() {
                return self.finish();
            }
        }
    }

    async fn compare(&mut self, batch: Vec<(usize, ImportedUser)>) -> Result<(), Failure> {
        let (numbers, users): (Vec<usize>, Vec<ImportedUser>) = batch.into_iter().unzip();
        let existing = self.accounts.find_existing(&users).await?;
        for (number, user) in numbers.into_iter().zip(&users) {
            if let Some(earlier) = self.line_of_email.insert(user.email().clone(), number) {
                self.add_fault(number, &format!("line {earlier} has the same address, {}", user.email()));
            } else if let Some(earlier) = self.line_of_id.insert(user.id(), number) {
                self.add_fault(number, &format!("line {earlier} has the same id, {}", user.id()));
            } else if existing.addresses.contains(user.email()) {
                self.report.existing += 1;
            } else if existing.ids_of_others.contains(&user.id()) {
                self.add_fault(number, &format!("another user has the id {} already", user.id()));
            } else {
                self.report.count(user);
            }
        }
        Ok(())
    }

    fn add_fault(&mut self, line: usize, reason: &str) {
        self.fault_count += 1;
        if self.faults.len() < MAX_FAULTS {
            self.faults.push((line, reason.to_owned()));
        }
    }

    fn finish(mut self) -> Result<ImportReport, Failure> {
        if self.fault_count == 0 {
            return Ok(self.report);
        }
        self.faults.sort_by_key(|(line, _)| *line);
        let faults: Vec<String> = self.faults.iter().map(|(line, reason)| format!("line {line}: {reason}")).collect();
        output::error_lines(format_args!("{}", faults.join("\n")));
        let more = match self.fault_count - self.faults.len() {
            0 => String::new(),
            more => format!(" ({more} more are not shown)"),
        };
        let count = self.fault_count;
        let (lines, them) =
            if count == 1 { ("1 line is".to_owned(), "it") } else { (format!("{count} lines are"), "them") };
        Err(Failure::failed(format!(
            "nothing was imported: {lines} wrong{more}; correct {them} and run the command again"
        )))
    }
}

fn in_words(report: &ImportReport, dry_run: bool) -> String {
    let ImportReport { imported, existing, password_hashes, without_password } = report;
    let mut passwords: Vec<String> =
        password_hashes.iter().map(|(algorithm, count)| format!("{count} hashed by {algorithm}")).collect();
    if *without_password > 0 {
        passwords.push(format!("{without_password} without one"));
    }
    let passwords = if passwords.is_empty() { "none".to_owned() } else { passwords.join(", ") };
    let action = if dry_run { "Nothing was written. Users to import" } else { "Users imported" };
    format!("{action}: {imported}; skipped, since the address has an account: {existing}. Passwords: {passwords}.")
}
