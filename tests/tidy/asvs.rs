//! The tables of OWASP ASVS in `docs/security.md`: each requirement has one answer, each answer a test that is there.

use super::rust_files;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Sections of OWASP ASVS 5.0.0: how many requirements each has, and which of them are of level 3 alone.
const ASVS: &[(&str, u32, &[u32])] = &[
    ("1.1", 2, &[]),
    ("1.2", 10, &[10]),
    ("1.3", 12, &[12]),
    ("1.4", 3, &[]),
    ("1.5", 3, &[3]),
    ("2.1", 3, &[]),
    ("2.2", 3, &[]),
    ("2.3", 5, &[5]),
    ("2.4", 2, &[2]),
    ("3.1", 1, &[1]),
    ("3.2", 3, &[3]),
    ("3.3", 5, &[5]),
    ("3.4", 8, &[7, 8]),
    ("3.5", 8, &[6, 7, 8]),
    ("3.6", 1, &[1]),
    ("3.7", 5, &[3, 4, 5]),
    ("4.1", 5, &[4, 5]),
    ("4.2", 5, &[2, 3, 4, 5]),
    ("4.3", 2, &[]),
    ("4.4", 4, &[]),
    ("5.1", 1, &[]),
    ("5.2", 6, &[4, 5, 6]),
    ("5.3", 3, &[3]),
    ("5.4", 3, &[]),
    ("6.1", 3, &[]),
    ("6.2", 12, &[]),
    ("6.3", 8, &[5, 6, 7, 8]),
    ("6.4", 6, &[5, 6]),
    ("6.5", 8, &[6, 7, 8]),
    ("6.6", 4, &[4]),
    ("6.7", 2, &[1, 2]),
    ("6.8", 4, &[]),
    ("7.1", 3, &[]),
    ("7.2", 4, &[]),
    ("7.3", 2, &[]),
    ("7.4", 5, &[]),
    ("7.5", 3, &[3]),
    ("7.6", 2, &[]),
    ("8.1", 4, &[3, 4]),
    ("8.2", 4, &[4]),
    ("8.3", 3, &[2, 3]),
    ("8.4", 2, &[2]),
    ("9.1", 3, &[]),
    ("9.2", 4, &[]),
    ("10.1", 2, &[]),
    ("10.2", 3, &[3]),
    ("10.3", 5, &[5]),
    ("10.4", 16, &[12, 13, 14, 15, 16]),
    ("10.5", 5, &[]),
    ("10.6", 2, &[]),
    ("10.7", 3, &[]),
    ("11.1", 4, &[3, 4]),
    ("11.2", 5, &[4, 5]),
    ("11.3", 5, &[4, 5]),
    ("11.4", 4, &[]),
    ("11.5", 2, &[2]),
    ("11.6", 2, &[2]),
    ("11.7", 2, &[1, 2]),
    ("12.1", 5, &[4, 5]),
    ("12.2", 2, &[]),
    ("12.3", 5, &[5]),
    ("13.1", 4, &[2, 3, 4]),
    ("13.2", 6, &[6]),
    ("13.3", 4, &[3, 4]),
    ("13.4", 7, &[6, 7]),
    ("14.1", 2, &[]),
    ("14.2", 8, &[5, 6, 7, 8]),
    ("14.3", 3, &[]),
    ("15.1", 5, &[4, 5]),
    ("15.2", 5, &[4, 5]),
    ("15.3", 7, &[]),
    ("15.4", 4, &[1, 2, 3, 4]),
    ("16.1", 1, &[]),
    ("16.2", 5, &[]),
    ("16.3", 4, &[]),
    ("16.4", 3, &[]),
    ("16.5", 4, &[4]),
    ("17.1", 2, &[2]),
    ("17.2", 8, &[5, 6, 7, 8]),
    ("17.3", 2, &[]),
];

/// The rows of the tables of ASVS in `docs/security.md`: requirements, state, tests.
fn asvs_rows() -> Vec<(String, String, String)> {
    let text = fs::read_to_string("docs/security.md").expect("readable");
    let (_, tables) = text.split_once("## OWASP ASVS 5.0, level 2").expect("the chapter");
    let (tables, _) = tables.split_once("\n## ").expect("its end");
    let rows =
        tables.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| requirement"));
    let cells = |line: &str| {
        let cells: Vec<String> =
            line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
        assert_eq!(cells.len(), 4, "{line}");
        (cells[0].clone(), cells[1].clone(), cells[3].clone())
    };
    rows.map(cells).collect()
}

#[test]
fn every_requirement_of_asvs_has_an_answer_and_only_one() {
    let wanted: Vec<String> = ASVS
        .iter()
        .flat_map(|(section, count, level_3)| {
            let numbers = (1..=*count).filter(|number| !level_3.contains(number));
            numbers.map(move |number| format!("{section}.{number}"))
        })
        .collect();
    let place = |id: &str| {
        wanted
            .iter()
            .position(|known| known == id)
            .unwrap_or_else(|| panic!("no requirement of level 2: {id}"))
    };
    let mut answered = vec![0; wanted.len()];
    for (requirements, state, tests) in asvs_rows() {
        let states = ["yes", "partly", "no", "operator", "n/a"];
        assert!(states.contains(&state.as_str()), "{requirements}: {state}");
        let is_shown = tests.contains('`') || tests.starts_with("none: ");
        match state.as_str() {
            "yes" | "partly" => {
                let names_one = tests.contains('`') && !tests.starts_with("none");
                assert!(names_one, "{requirements}: no test shows it");
            }
            "n/a" => assert_eq!(tests, "", "{requirements}: what is not there has no test"),
            _ => assert!(is_shown, "{requirements}: say `none: ` and why"),
        }
        for part in requirements.split(", ") {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            answered[place(first)..=place(last)].iter_mut().for_each(|times| *times += 1);
        }
    }
    let wrong: Vec<_> = wanted.iter().zip(&answered).filter(|(_, times)| **times != 1).collect();
    assert!(wrong.is_empty(), "not answered once: {wrong:?}");
}

#[test]
fn every_test_that_the_security_tables_name_is_there() {
    let known: BTreeSet<String> = ["src", "tests", "loadtest/src"]
        .iter()
        .flat_map(|folder| rust_files(Path::new(folder)))
        .flat_map(|path| {
            let text = fs::read_to_string(path).expect("readable");
            let functions = text.split("fn ").skip(1).filter_map(|rest| rest.split('(').next());
            functions.map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    let mut named = 0;
    for (requirements, _, tests) in asvs_rows() {
        for name in tests.split('`').skip(1).step_by(2).filter(|name| !name.contains(['/', '.'])) {
            assert!(known.contains(name), "{requirements}: no test is called {name}");
            named += 1;
        }
    }
    assert!(100 < named, "{named}");
}
