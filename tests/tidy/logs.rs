//! What the log says and what `docs/operations.md` explains of it are the same.

use super::{rust_files, without_tests};
use std::fs;
use std::path::Path;

/// The phrases in the first column of the table of the log.
fn explained() -> Vec<String> {
    let text = fs::read_to_string("docs/operations.md").expect("readable");
    let (_, chapter) = text.split_once("\n## Logs\n").expect("the chapter");
    let (chapter, _) = chapter.split_once("\n## ").expect("its end");
    let rows = chapter.lines().filter(|line| line.starts_with("| `"));
    let first = rows.filter_map(|row| row.split(" | ").next());
    let phrases = first.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    phrases.map(|phrase| phrase.trim_end_matches('…').to_owned()).collect()
}

/// The code of the service without its tests.
fn sources() -> Vec<(String, String)> {
    let is_test = |path: &Path| path.to_string_lossy().contains("tests");
    let files = rust_files(Path::new("src")).into_iter().filter(|path| !is_test(path));
    let read = |path: &Path| fs::read_to_string(path).expect("readable");
    files.map(|path| (path.display().to_string(), without_tests(&read(&path)).to_owned())).collect()
}

/// The texts of the errors that are logged, with `{…}` where something is put in.
fn errors(code: &str) -> Vec<String> {
    let calls = code.split("tracing::error!(").skip(1);
    calls.filter_map(|call| last_text(&call[..end_of(call)])).collect()
}

/// Where the arguments of a call end: at the bracket that closes what was open.
fn end_of(call: &str) -> usize {
    let mut depth = 1;
    for (at, character) in call.char_indices() {
        depth += match character {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        if depth == 0 {
            return at;
        }
    }
    call.len()
}

/// The last text in quotes. None of ours has a quote within.
fn last_text(arguments: &str) -> Option<String> {
    let text = arguments.rsplit('"').nth(1)?;
    let lines: Vec<&str> = text.split("\\\n").map(str::trim_start).collect();
    Some(lines.concat())
}

/// Whether one explains the other: they are the same up to the first hole.
fn fits(text: &str, phrase: &str) -> bool {
    let fixed = text.split('{').next().unwrap_or_default();
    if fixed.len() < text.len() { phrase.starts_with(fixed) } else { text.starts_with(phrase) }
}

#[test]
fn every_error_of_the_log_is_explained() {
    let explained = explained();
    let mut unknown = Vec::new();
    for (path, code) in sources() {
        for text in errors(&code).into_iter().filter(|text| !text.starts_with('{')) {
            if !explained.iter().any(|phrase| fits(&text, phrase)) {
                unknown.push(format!("{path}: {text}"));
            }
        }
    }
    assert!(
        unknown.is_empty(),
        "docs/operations.md does not say what to do:\n{}",
        unknown.join("\n")
    );
}

#[test]
fn what_is_explained_of_the_log_can_be_said() {
    let explained = explained();
    assert!(60 < explained.len(), "{}", explained.len());
    let sources = sources();
    // A text that goes over the end of a line, or has something in it that is put together.
    let is_said = |phrase: &str| {
        let start: String = phrase.split(' ').take(3).collect::<Vec<_>>().join(" ");
        sources.iter().any(|(_, code)| code.contains(phrase) || code.contains(&format!("{start} ")))
            || sources.iter().any(|(_, code)| {
                errors(code).iter().any(|text| text.contains('{') && fits(text, phrase))
            })
    };
    let gone: Vec<_> = explained.iter().filter(|phrase| !is_said(phrase)).collect();
    assert!(gone.is_empty(), "nothing says so any more: {gone:?}");
}
