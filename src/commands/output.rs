//! Prints results: a table for people, JSON for programs. All commands print through it, so that no text of another
//! program reaches the terminal with control characters.

use std::fmt::Arguments;

use clap::Args;
use serde::Serialize;

use super::Failure;
use crate::text::{printable, printable_json, printable_lines};

/// The output format.
#[derive(Args, Debug, Clone, Copy)]
pub(super) struct Format {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Prints a value as indented JSON.
pub(super) fn json(value: &impl Serialize) -> Result<(), Failure> {
    println!("{}", printable_json(&serde_json::to_string_pretty(value).map_err(Failure::failed)?));
    Ok(())
}

/// Prints a line. Line breaks in its parts are replaced, too: they could look like another line.
pub(super) fn line(text: Arguments<'_>) {
    println!("{}", printable(&text.to_string()));
}

/// Prints a text of several lines, whose parts contain no line breaks.
pub(super) fn lines(text: Arguments<'_>) {
    println!("{}", printable_lines(&text.to_string()));
}

/// Prints progress, remarks and errors to standard error.
pub(super) fn error_lines(text: Arguments<'_>) {
    eprintln!("{}", printable_lines(&text.to_string()));
}

/// "1 session", "2 sessions".
pub(super) fn sessions(count: usize) -> String {
    if count == 1 { "1 session".to_owned() } else { format!("{count} sessions") }
}

/// Prints rows under headings, each column as wide as its widest cell.
pub(super) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) {
    let rows: Vec<_> = rows.iter().map(|row| row.each_ref().map(|cell| printable(cell))).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([headings[column].len()]).max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let print = |cells: [&str; N]| {
        let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        println!("{}", padded.collect::<Vec<_>>().join("  ").trim_end());
    };
    print(headings);
    for row in &rows {
        print(row.each_ref().map(|cell| &**cell));
    }
}
