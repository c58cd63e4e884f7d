//! Compares `SECURITY.md` with the standard and with the tests: every requirement has a row, and rows name living
//! tests.

use std::collections::{BTreeMap, BTreeSet};

use super::{File, test_names::names_of_tests};

/// The sections of OWASP ASVS 5.0.0, chapters V6 and V7, and how many requirements of levels 1 and 2 each has. Those of
/// level 3 come last in a section; 6.7 has no others.
const SECTIONS: [(&str, usize); 13] = [
    ("6.1", 3),
    ("6.2", 12),
    ("6.3", 4),
    ("6.4", 4),
    ("6.5", 5),
    ("6.6", 3),
    ("6.8", 4),
    ("7.1", 3),
    ("7.2", 4),
    ("7.3", 2),
    ("7.4", 5),
    ("7.5", 2),
    ("7.6", 2),
];

/// The states of requirements that are not simply met, and whether such a row names tests.
const STATES: [(&str, bool); 4] =
    [("deviates", true), ("if set up", true), ("not met", false), ("not applicable", false)];

/// A row of one of the tables of requirements.
struct Row<'a> {
    line: usize,
    /// The numbers of its requirements, ranges expanded.
    numbers: Vec<String>,
    /// `None` in the tables of what is met.
    state: Option<&'a str>,
    tests: Vec<&'a str>,
}

/// What is wrong with the tables, as `SECURITY.md:line: problem`.
pub fn problems(document: &str, source: &[File], browser_tests: &[File]) -> Vec<String> {
    let rows = rows(document);
    let tests = names_of_tests(source);
    // The names of browser tests are sentences.
    let is_browser_test = |name: &str| browser_tests.iter().any(|file| file.text.contains(&format!("('{name}', ")));
    let is_living = |name: &str| tests.contains(name) || (name.contains(' ') && is_browser_test(name));
    let mut problems: Vec<String> = rows.iter().flat_map(|row| problems_of(row, is_living)).collect();
    problems.extend(wrong_occurrences(&rows));
    problems.extend(unlisted_tests(&rows, &tests));
    problems
}

/// The rows of the tables whose first column is called ASVS.
fn rows(document: &str) -> Vec<Row<'_>> {
    let mut has_state = None;
    let mut rows = Vec::new();
    for (index, line) in document.lines().enumerate() {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        if !line.starts_with('|') {
            has_state = None;
        } else if cells[0] == "ASVS" {
            has_state = Some(cells[1] == "state");
        } else if let Some(has_state) = has_state.filter(|_| !line.starts_with("|-")) {
            rows.push(Row {
                line: index + 1,
                numbers: cells[0].split(", ").flat_map(expand).collect(),
                state: has_state.then(|| cells[1]),
                tests: cells[cells.len() - 1].split('`').skip(1).step_by(2).collect(),
            });
        }
    }
    rows
}

/// `6.5.1–6.5.3` as three numbers.
fn expand(cell: &str) -> Vec<String> {
    let ends = cell.split_once('–').map(|(first, last)| (first.rsplit_once('.'), last.rsplit_once('.')));
    let Some((Some((section, first)), Some((_, last)))) = ends else { return vec![cell.to_owned()] };
    let (Ok(first), Ok(last)) = (first.parse::<usize>(), last.parse::<usize>()) else { return vec![cell.to_owned()] };
    (first..=last).map(|number| format!("{section}.{number}")).collect()
}

/// The chapters whose every requirement has tests that are named by its number.
fn is_named_by_number(number: &str) -> bool {
    SECTIONS.iter().any(|(section, count)| (1..=*count).any(|last| number == format!("{section}.{last}")))
}

fn problems_of(row: &Row<'_>, is_living: impl Fn(&str) -> bool) -> Vec<String> {
    let Row { line, numbers, state, tests } = row;
    let needs_tests = match state {
        None => true,
        Some(state) => match STATES.iter().find(|(known, _)| known == state) {
            Some((_, needs_tests)) => *needs_tests,
            None => return vec![format!("SECURITY.md:{line}: {state:?} is none of the states")],
        },
    };
    let mut problems = Vec::new();
    if needs_tests && tests.is_empty() {
        problems.push(format!("SECURITY.md:{line}: the row names no test"));
    }
    let missing = tests.iter().filter(|name| !is_living(name));
    problems.extend(missing.map(|name| format!("SECURITY.md:{line}: there is no test {name}")));
    for number in numbers.iter().filter(|number| needs_tests && is_named_by_number(number)) {
        let prefix = format!("asvs_{}_", number.replace('.', "_"));
        if !tests.iter().any(|name| name.starts_with(&prefix)) {
            problems.push(format!("SECURITY.md:{line}: none of the tests is named {prefix}…"));
        }
    }
    problems
}

/// Requirements that no row has, and those that two have.
fn wrong_occurrences(rows: &[Row<'_>]) -> Vec<String> {
    let mut lines: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for row in rows {
        for number in &row.numbers {
            lines.entry(number).or_default().push(row.line);
        }
    }
    let required =
        SECTIONS.iter().flat_map(|(section, count)| (1..=*count).map(move |last| format!("{section}.{last}")));
    let missing = required.filter(|number| !lines.contains_key(number.as_str()));
    let missing = missing.map(|number| format!("SECURITY.md: no row has ASVS {number}"));
    let repeated = lines.iter().filter(|(_, lines)| lines.len() > 1);
    let repeated = repeated.map(|(number, lines)| format!("SECURITY.md: ASVS {number} is in several rows: {lines:?}"));
    missing.chain(repeated).collect()
}

/// Tests that are named by a requirement whose row does not name them.
fn unlisted_tests(rows: &[Row<'_>], tests: &BTreeSet<String>) -> Vec<String> {
    let number_of = |test: &str| {
        let parts: Vec<&str> = test.strip_prefix("asvs_")?.splitn(4, '_').take(3).collect();
        Some(parts.join("."))
    };
    let is_listed =
        |test: &str, number: &String| rows.iter().any(|row| row.numbers.contains(number) && row.tests.contains(&test));
    let named = tests.iter().filter_map(|test| Some((test, number_of(test)?)));
    let unlisted = named.filter(|(test, number)| !is_listed(test, number));
    unlisted
        .map(|(test, number)| format!("SECURITY.md: the row of ASVS {number} does not name the test {test}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A document that has every requirement, all but these two as not applicable.
    fn document(met: &str, others: &str) -> String {
        let sections = SECTIONS.map(|(section, count)| match section {
            "7.3" => "| 7.3.2 | not applicable | reason | – |".to_owned(),
            "7.5" => "| 7.5.1 | not met | reason | – |".to_owned(),
            _ => format!("| {section}.1–{section}.{count} | not applicable | reason | – |"),
        });
        let other_table = "| word | meaning |\n|---|---|\n| 9.9.9 | none |";
        format!(
            "| ASVS | Keyrack | tests |\n|---|---|---|\n{met}\n\n{other_table}\n\n\
             | ASVS | state | why | tests |\n|---|---|---|---|\n{}\n{others}\n",
            sections.join("\n")
        )
    }

    fn problems_with(met: &str, others: &str) -> Vec<String> {
        let text = "on_both_engines!(asvs_7_3_1_a_is_b);
            #[test] fn asvs_7_5_2_c_is_d() {}
            #[test] fn e_is_f() {}
            #[test] #[ignore] fn g_is_h() {}
            fn asvs_7_3_1_i_is_no_test() {}";
        let source = File { name: "tests/x.rs".to_owned(), text: text.to_owned() };
        let browser =
            File { name: "e2e/x.test.mjs".to_owned(), text: "suite.test('Back is safe', () => {})".to_owned() };
        problems(&document(met, others), &[source], &[browser])
    }

    const MET: &str = "| 7.3.1 | x | `asvs_7_3_1_a_is_b`, `Back is safe` |";
    const DEVIATES: &str = "| 7.5.2 | deviates | x | `asvs_7_5_2_c_is_d`, `e_is_f` |";

    #[test]
    fn complete_tables_of_requirements_have_no_problem() {
        assert_eq!(problems_with(MET, DEVIATES), [""; 0]);
    }

    #[test]
    fn requirement_without_a_row_or_with_two_is_reported() {
        let missing = "SECURITY.md: no row has ASVS 7.5.2";
        let unlisted = "SECURITY.md: the row of ASVS 7.5.2 does not name the test asvs_7_5_2_c_is_d";
        assert_eq!(problems_with(MET, ""), [missing, unlisted]);
        let twice = format!("{DEVIATES}\n| 7.3.1–7.3.2 | not met | x | – |");
        let found = problems_with(MET, &twice);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("SECURITY.md: ASVS 7.3.1 is in several rows"), "{found:?}");
    }

    #[test]
    fn row_without_living_tests_of_its_number_is_reported() {
        for (tests, expected) in [
            ("none", "the row names no test"),
            ("`asvs_7_3_1_a_is_b`, `gone`", "there is no test gone"),
            ("`asvs_7_3_1_a_is_b`, `Back is gone`", "there is no test Back is gone"),
            ("`asvs_7_3_1_a_is_b`, `g_is_h`", "there is no test g_is_h"),
            ("`asvs_7_3_1_a_is_b`, `asvs_7_3_1_i_is_no_test`", "there is no test asvs_7_3_1_i_is_no_test"),
            ("`e_is_f`", "none of the tests is named asvs_7_3_1_…"),
        ] {
            let found = problems_with(&format!("| 7.3.1 | x | {tests} |"), DEVIATES);
            assert!(found.contains(&format!("SECURITY.md:3: {expected}")), "{expected}: {found:?}");
        }
    }

    #[test]
    fn test_that_its_row_does_not_name_is_reported() {
        let found = problems_with(MET, "| 7.5.2 | not met | x | – |");
        assert_eq!(found, ["SECURITY.md: the row of ASVS 7.5.2 does not name the test asvs_7_5_2_c_is_d"]);
    }

    #[test]
    fn unknown_state_is_reported() {
        let found = problems_with(MET, &DEVIATES.replace("deviates", "fine"));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].ends_with("\"fine\" is none of the states"), "{found:?}");
    }
}
