//! Compares `SECURITY.md` with the tests: each row of its table names tests that exist.

use std::collections::HashSet;

use super::File;

/// Rows without a test, and names of tests that do not exist.
pub fn unproven_rows(document: &str, source: &[File]) -> Vec<String> {
    let tests: HashSet<&str> = source.iter().flat_map(|file| functions(&file.text)).collect();
    let mut problems = Vec::new();
    for (number, row) in table_rows(document) {
        let names: Vec<&str> = row.rsplit('|').nth(1).unwrap_or_default().split('`').skip(1).step_by(2).collect();
        if names.is_empty() {
            problems.push(format!("SECURITY.md:{number}: the row names no test"));
        }
        let missing = names.into_iter().filter(|name| !tests.contains(name));
        problems.extend(missing.map(|name| format!("SECURITY.md:{number}: there is no test {name}")));
    }
    problems
}

/// The rows below the head of the table, with the numbers of their lines.
pub fn table_rows(document: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = document.lines().enumerate().map(|(index, line)| (index + 1, line));
    lines.filter(|(_, line)| line.starts_with("| ") && !line.starts_with("| ASVS "))
}

fn functions(text: &str) -> impl Iterator<Item = &str> {
    let declarations = text.lines().filter_map(|line| {
        let line = line.trim_start();
        line.strip_prefix("fn ").or_else(|| line.strip_prefix("async fn "))
    });
    declarations.filter_map(|rest| rest.split_once('(').map(|(name, _)| name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_without_an_existing_test_is_reported() {
        let file = File { name: "tests/x.rs".to_owned(), text: "fn a_is_b() {}\n    async fn c_is_d() {}".to_owned() };
        let table = "| ASVS | Keyrack | tests |\n|---|---|---|\n| 1 | `x` | `a_is_b`, `c_is_d` |\n";
        assert_eq!(unproven_rows(table, std::slice::from_ref(&file)), [""; 0]);
        let table = format!("{table}| 2 | y | none |\n| 3 | z | `a_is_b`, `gone` |\n");
        let expected = ["SECURITY.md:4: the row names no test", "SECURITY.md:5: there is no test gone"];
        assert_eq!(unproven_rows(&table, &[file]), expected);
    }
}
