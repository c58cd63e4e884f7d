//! Prints results: a table for people, JSON for programs. All commands print through it, so that no text of another
//! program reaches the terminal with control characters.

use std::{
    fmt::Arguments,
    io::{self, Write},
};

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
pub(super) fn table<const N: usize>(headings: [&'static str; N], rows: &[[String; N]]) {
    let mut table = Table::new(headings);
    // A closed pipe is no error: its reader has seen enough.
    let _ = table.print(rows).and_then(|()| table.finish());
}

/// A table that is printed in batches of rows. A column is as wide as the widest cell of the batches so far.
pub(super) struct Table<const N: usize> {
    headings: [&'static str; N],
    widths: [usize; N],
    has_headings: bool,
}

impl<const N: usize> Table<N> {
    pub fn new(headings: [&'static str; N]) -> Self {
        Self { headings, widths: headings.map(str::len), has_headings: false }
    }

    /// Prints the next rows, and the headings before the first.
    pub fn print(&mut self, rows: &[[String; N]]) -> io::Result<()> {
        let rows: Vec<_> = rows.iter().map(|row| row.each_ref().map(|cell| printable(cell))).collect();
        for row in &rows {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut out = io::stdout().lock();
        if !self.has_headings {
            self.has_headings = true;
            writeln!(out, "{}", self.line(self.headings))?;
        }
        for row in &rows {
            writeln!(out, "{}", self.line(row.each_ref().map(|cell| &**cell)))?;
        }
        Ok(())
    }

    /// Prints the headings of an empty table.
    pub fn finish(&mut self) -> io::Result<()> {
        self.print(&[])
    }

    fn line(&self, cells: [&str; N]) -> String {
        let padded = cells.iter().zip(self.widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    }
}

/// A JSON array that is printed in batches of elements.
#[derive(Default)]
pub(super) struct JsonArray {
    has_elements: bool,
}

impl JsonArray {
    /// Prints the next elements.
    pub fn print(&mut self, elements: &[impl Serialize]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        for element in elements {
            let text = printable_json(&serde_json::to_string_pretty(element)?).replace('\n', "\n  ");
            write!(out, "{}\n  {text}", if self.has_elements { "," } else { "[" })?;
            self.has_elements = true;
        }
        Ok(())
    }

    /// Prints the end of the array.
    pub fn finish(&mut self) -> io::Result<()> {
        writeln!(io::stdout().lock(), "{}", if self.has_elements { "\n]" } else { "[]" })
    }
}

/// JSON objects, one per line.
pub(super) struct JsonLines;

impl JsonLines {
    /// Prints the next objects.
    pub fn print(objects: &[impl Serialize]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        for object in objects {
            writeln!(out, "{}", printable_json(&serde_json::to_string(object)?))?;
        }
        out.flush()
    }
}
