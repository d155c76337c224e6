//! Checks what the compiler and clippy cannot: layers, sizes, leftovers, pure manifests, personal data in events.

mod asvs;
mod logs;
mod secure;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Modules of the service and the modules they may use. `app`, `cli` and `main` may use all; nobody may use them.
const MAY_USE: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("tasks", &[]),
    ("telemetry", &[]),
    ("config", &[]),
    ("store", &["clock", "tasks"]),
    ("import", &["store"]),
    ("media", &["clock", "tasks"]),
    ("prompts", &["media", "clock", "tasks", "store"]),
    ("sms", &["clock", "tasks", "config"]),
    ("telephone", &["clock", "tasks", "config", "media", "prompts", "switchboard", "store"]),
    ("switchboard", &["clock", "tasks", "store", "telemetry"]),
    ("drills", &["clock", "tasks", "store", "switchboard"]),
    ("evidence", &["clock", "tasks", "store"]),
    ("follow_ups", &["clock", "tasks", "store", "switchboard"]),
    ("webhooks", &["clock", "tasks", "store"]),
    ("web", &["clock", "tasks", "store", "switchboard", "prompts", "webhooks", "import"]),
];
/// What the console must not depend on: it is a client of the API and knows nothing else of the service.
const NOT_OF_CONSOLE: &[&str] = &["lianfang", "lianfang-domain", "lianfang-sip", "sqlx"];
const FILE_LINES_MAX: usize = 500;
const LEFTOVERS: &[&str] = &["todo!", "dbg!", "unimplemented!", "FIXME", "XXX", "TODO", "#[ignore"];
/// What the pure packages may depend on. No clock, socket, task, log or random number can come in by the back door.
const PURE: &[(&str, &[&str])] = &[
    (
        "src/domain/Cargo.toml",
        &["jiff", "serde", "thiserror", "rlibphonenumber", "unicode-normalization"],
    ),
    (
        "src/sip/Cargo.toml",
        &["jiff", "thiserror", "rsip", "encoding_rs", "md-5", "sha2", "hmac", "subtle"],
    ),
];

#[test]
fn tidy() {
    let mut untidy = Vec::new();
    for path in
        rust_files(Path::new("src")).into_iter().chain(rust_files(Path::new("loadtest/src")))
    {
        let text = fs::read_to_string(&path).expect("readable");
        let code = without_tests(&text);
        let shown = path.display();
        let is_test = path.file_stem().is_some_and(|stem| stem == "tests")
            || path.components().any(|part| part.as_os_str() == "tests");
        if !is_test && FILE_LINES_MAX < code.lines().count() {
            untidy.push(format!(
                "{shown}: {} lines, longer than {FILE_LINES_MAX}",
                code.lines().count()
            ));
        }
        if !text.trim_start().starts_with("//!") && !is_test {
            untidy.push(format!("{shown}: no `//!` that says what it is for"));
        }
        for leftover in LEFTOVERS.iter().filter(|leftover| code.contains(**leftover)) {
            untidy.push(format!("{shown}: leftover {leftover}"));
        }
        if !is_test {
            untidy.extend(forbidden_uses(&path, code));
        }
    }
    assert!(untidy.is_empty(), "untidy:\n{}", untidy.join("\n"));
}

#[test]
fn the_pure_packages_stay_pure() {
    for (manifest, allowed) in PURE {
        let table: toml::Table =
            fs::read_to_string(manifest).expect("readable").parse().expect("TOML");
        let dependencies = table["dependencies"].as_table().expect("a table");
        for name in dependencies.keys() {
            assert!(allowed.contains(&name.as_str()), "{manifest}: `{name}` is not allowed there");
        }
    }
}

#[test]
fn the_console_is_a_client() {
    let manifest = fs::read_to_string("src/console/Cargo.toml").expect("readable");
    let table: toml::Table = manifest.parse().expect("TOML");
    for name in table["dependencies"].as_table().expect("a table").keys() {
        assert!(!NOT_OF_CONSOLE.contains(&name.as_str()), "the console may not use `{name}`");
    }
}

#[test]
fn no_registry_or_machine_is_named() {
    let lock = fs::read_to_string("Cargo.lock").expect("readable");
    let sources = lock.lines().filter(|line| line.starts_with("source = "));
    for source in sources {
        assert_eq!(source, "source = \"registry+https://github.com/rust-lang/crates.io-index\"");
    }
}

/// Links from document to document, with the headings that they lead to.
/// A target that the script does not name is never run.
#[test]
fn every_test_of_the_workspace_is_run() {
    let script = fs::read_to_string("tests/all.sh").expect("readable");
    let named: BTreeSet<&str> = script.split("--test ").skip(1).filter_map(first_word).collect();
    let mut there = BTreeSet::new();
    for package in [".", "src/console", "src/domain", "src/http", "src/sip", "loadtest"] {
        let Ok(entries) = fs::read_dir(Path::new(package).join("tests")) else { continue };
        for path in entries.map(|entry| entry.expect("readable").path()) {
            let is_target =
                path.extension().is_some_and(|end| end == "rs") || path.join("main.rs").is_file();
            if let Some(stem) = path.file_stem().and_then(|stem| stem.to_str())
                && is_target
            {
                there.insert(stem.to_owned());
            }
        }
    }
    let there: BTreeSet<&str> = there.iter().map(String::as_str).collect();
    assert_eq!(named, there);
}

fn first_word(text: &str) -> Option<&str> {
    text.split_whitespace().next()
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut broken = Vec::new();
    for path in documents() {
        let text = fs::read_to_string(&path).expect("readable");
        let folder = path.parent().expect("a folder");
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains(':') && !target.contains(' ')) {
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { path.clone() } else { folder.join(file) };
            let is_there = file.exists()
                && (heading.is_empty() || headings(&file).contains(&heading.to_lowercase()));
            if !is_there {
                broken.push(format!("{}: {target}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "broken:\n{}", broken.join("\n"));
}

fn documents() -> Vec<PathBuf> {
    let mut found =
        vec![PathBuf::from("README.md"), "ARCHITECTURE.md".into(), "CONTRIBUTING.md".into()];
    for folder in ["docs", "docs/adr", "sip-config", "prompts"] {
        let entries =
            fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
        found.extend(
            entries.filter(|path| path.extension().is_some_and(|extension| extension == "md")),
        );
    }
    found
}

/// What headings of a document are called in links to them, as GitHub makes it.
fn headings(path: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(path).expect("readable");
    let lines = text.lines().filter_map(|line| line.strip_prefix('#'));
    let slug = |line: &str| {
        let kept = line.trim_start_matches('#').trim().chars();
        let kept = kept.filter(|sign| sign.is_alphanumeric() || matches!(sign, ' ' | '-' | '_'));
        kept.flat_map(char::to_lowercase).map(|sign| if sign == ' ' { '-' } else { sign }).collect()
    };
    lines.map(slug).collect()
}

fn forbidden_uses(path: &Path, code: &str) -> Vec<String> {
    let Ok(below) = path.strip_prefix("src") else { return Vec::new() };
    let first =
        below.components().next().map(|part| part.as_os_str().to_string_lossy().into_owned());
    let module = first.unwrap_or_default().trim_end_matches(".rs").to_owned();
    let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == module) else {
        return Vec::new();
    };
    let used = code.split("crate::").skip(1).filter_map(|rest| {
        rest.split(|character: char| !character.is_alphanumeric() && character != '_').next()
    });
    used.filter(|used| *used != module && !used.is_empty() && !allowed.contains(used))
        .map(|used| format!("{}: may not use `{used}`", path.display()))
        .collect()
}

fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text)
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
