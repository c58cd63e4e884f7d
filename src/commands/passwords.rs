//! `keyrack passwords …`

use std::{
    fs::File,
    io::{BufRead, BufReader, stdin},
    path::{Path, PathBuf},
};

use clap::Subcommand;

use super::{
    Failure,
    output::{self, Format},
};
use crate::accounts::{BreachFileBuilder, BuildError, BuildReport, ListFormat};

/// Bytes of the list that are read at a time.
const READ_BYTES: usize = 1 << 20;

#[derive(Subcommand)]
#[expect(clippy::doc_markdown, reason = "these comments are what --help prints, not Markdown")]
pub(super) enum Command {
    /// Build the file for KEYRACK_BREACHED_PASSWORDS from a list of leaked passwords
    ///
    /// The list has lines SHA1:COUNT, as Have I Been Pwned publishes them, in any order. It may be larger than the
    /// memory: about 100 MB are needed, and for more than 8 million lines, 8 bytes of disk space per line beside FILE
    /// until it is written. FILE has 2.75 bytes per password. One in a million passwords that are not in the list is
    /// refused as if it were.
    Build {
        /// List of leaked passwords; - reads standard input
        list: PathBuf,
        /// File to write; an older one is replaced [default: LIST with the extension breached]
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        /// The list contains passwords, one per line, instead of hashes
        #[arg(long)]
        plain: bool,
        #[command(flatten)]
        format: Format,
    },
}

pub(super) fn run(command: Command) -> Result<(), Failure> {
    let Command::Build { list, output, plain, format } = command;
    let is_stdin = list == Path::new("-");
    let output = match output {
        Some(output) => output,
        None if is_stdin => {
            return Err(Failure::usage("the list is read from standard input: name a file with --output"));
        }
        None => list.with_extension("breached"),
    };
    let reader: Box<dyn BufRead> = if is_stdin {
        Box::new(stdin().lock())
    } else {
        let file = File::open(&list)
            .map_err(|error| Failure::failed(format!("cannot read the list {}: {error}", list.display())))?;
        Box::new(BufReader::with_capacity(READ_BYTES, file))
    };
    let list_format = if plain { ListFormat::Plain } else { ListFormat::Sha1 };
    let report_lines = |lines| output::error_lines(format_args!("read {lines} lines"));
    let report = BreachFileBuilder::new(&output, list_format).build(reader, report_lines).map_err(failure)?;
    if format.json {
        return output::json(&report);
    }
    let BuildReport { lines, skipped, entries, bytes } = report;
    output::line(format_args!(
        "Wrote {}. Passwords: {entries}; bytes: {bytes}; lines of the list: {lines}, of which {skipped} name no \
         password. Set KEYRACK_BREACHED_PASSWORDS to it and restart Keyrack; servers that have that setting use the \
         new file at once.",
        output.display()
    ));
    Ok(())
}

fn failure(error: BuildError) -> Failure {
    match error {
        BuildError::WouldOverwrite(_) => Failure::usage(error),
        error => Failure::failed(error),
    }
}
