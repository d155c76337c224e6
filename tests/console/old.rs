//! Old browsers: what stands in docs/operations.md of which ones have everything, and that nobody needs a new one to answer.

use crate::skip;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Younger than Chromium 88, Firefox 85 and Safari 15.4, and not to be found by a parser.
const YOUNG_CALLS: &[&str] = &[
    ".at(",
    ".any(",
    "replaceAll(",
    "structuredClone",
    "hasOwn(",
    "findLast",
    "toSorted(",
    "toReversed(",
    "groupBy(",
    "checkVisibility",
    "showPopover",
    "requestIdleCallback",
    "startViewTransition",
    "randomUUID",
    "AbortSignal.timeout(",
    "showModal(",
];
const YOUNG_STYLE: &[&str] = &[
    ":has(",
    ":is(",
    ":where(",
    "@layer",
    "@container",
    "@scope",
    "@starting-style",
    "@property",
    "color-mix(",
    "oklch(",
    "light-dark(",
    "aspect-ratio",
    "inset:",
    "dvh",
    "svh",
    "subgrid",
    "text-wrap",
    "content-visibility",
    "&",
];
/// What the style of the page of a responder may not have either: it is for browsers of before 2016, too.
const NEW_FOR_RESPONDERS: &[&str] = &[
    "var(",
    "grid",
    "flex",
    "gap:",
    "calc(",
    "sticky",
    "min(",
    "max(",
    "clamp(",
    "@supports",
    "url(",
];

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn text(path: &str) -> String {
    fs::read_to_string(file(path)).expect("is there")
}

fn none_of(words: &[&str], path: &str) {
    let text = text(path);
    for word in words {
        assert!(!text.contains(word), "{path}: {word}");
    }
}

/// What the parser says against a script in the language of this year; nothing when it can be read.
fn refused(script: &Path, year: &str) -> Option<String> {
    let mut parser = Command::new("node");
    parser.arg(file("target/browser/acorn/bin/acorn")).args([year, "--silent"]).arg(script);
    let answer = parser.output().expect("node runs");
    (!answer.status.success()).then(|| String::from_utf8_lossy(&answer.stderr).into_owned())
}

#[test]
fn scripts_are_read_by_the_browsers_that_are_named() {
    let has_parser = file("target/browser/acorn/bin/acorn").is_file()
        || skip::needs("acorn (tests/packages.sh)").is_some();
    if !has_parser || skip::needs("node").is_none() {
        return;
    }
    for script in ["src/console/assets/console.js", "src/console/assets/plan.js"] {
        assert_eq!(refused(&file(script), "--ecma2020"), None, "{script}");
        none_of(YOUNG_CALLS, script);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let newer = folder.path().join("newer.js");
    fs::write(&newer, "let one; one ??= 1;").expect("is written");
    assert!(refused(&newer, "--ecma2020").is_some(), "the parser lets everything through");
    for document in ["docs/operations.md", "docs/operations.zh-CN.md"] {
        let said = text(document);
        for browser in ["Chromium 88", "Firefox 85", "Safari 15.4"] {
            assert!(said.contains(browser), "{document}: {browser}");
        }
    }
}

#[test]
fn styles_are_read_by_the_browsers_that_are_named() {
    none_of(YOUNG_STYLE, "src/console/assets/console.css");
    none_of(YOUNG_STYLE, "src/web/responder/page.css");
    // Where a colour of words is not known, neither is that below them: white words stood on white.
    none_of(NEW_FOR_RESPONDERS, "src/web/responder/page.css");
}
