//! What requirements of security ask of the sources, the manifests and the documents.

use super::{rust_files, without_tests};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

const PACKAGES: [&str; 6] = [".", "src/console", "src/domain", "src/http", "src/sip", "loadtest"];
/// Engines that read templates while they run.
const ENGINES: &[&str] = &["tera", "minijinja", "handlebars", "liquid", "ramhorns"];
/// Libraries that know public keys, besides the one of TLS.
const OTHER_KEYS: &[&str] = &[
    "rsa",
    "p256",
    "p384",
    "ecdsa",
    "ed25519-dalek",
    "x25519-dalek",
    "openssl",
    "aws-lc-rs",
    "native-tls",
    "sequoia-openpgp",
];
/// Modules that open a connection or start a program, and the row of "Who talks to whom" that says so.
const TALKS: &[(&str, &str)] = &[
    ("src/app/http.rs", "people's browsers"),
    ("src/app/names.rs", "espeak-ng"),
    ("src/app/supervisor.rs", "systemd"),
    ("src/cli/health.rs", "the service itself"),
    ("src/media.rs", "telephones"),
    ("src/prompts/voice.rs", "espeak-ng"),
    ("src/sms/client.rs", "SMS providers"),
    ("src/telephone/sockets.rs", "telephones"),
    ("src/webhooks/sender.rs", "targets of webhooks"),
];
const CONNECTS: &[&str] = &[
    "TcpStream::connect",
    "TcpListener::bind",
    "TcpSocket::new",
    "UdpSocket::bind",
    "Socket::new(",
    "UnixDatagram::",
    "Command::new(",
    "lookup_host(",
    "Client::builder(",
];

fn manifest(package: &str) -> toml::Table {
    let path = Path::new(package).join("Cargo.toml");
    fs::read_to_string(path).expect("readable").parse().expect("TOML")
}

fn names(manifest: &toml::Table, table: &str) -> BTreeSet<String> {
    let found = manifest.get(table).and_then(toml::Value::as_table);
    found.map(|table| table.keys().cloned().collect()).unwrap_or_default()
}

/// Every crate of the lock file.
fn locked() -> BTreeSet<String> {
    let lock: toml::Table =
        fs::read_to_string("Cargo.lock").expect("readable").parse().expect("TOML");
    let crates = lock["package"].as_array().expect("a list").iter();
    crates.map(|one| one["name"].as_str().expect("a name").to_owned()).collect()
}

/// The code of the service, without its tests.
fn code() -> BTreeMap<String, String> {
    let files = rust_files(Path::new("src")).into_iter();
    let files = files.map(|path| (path.display().to_string(), path));
    let ours = files.filter(|(shown, _)| !shown.contains("tests") && !shown.contains("/fuzz"));
    ours.map(|(shown, path)| {
        let text = fs::read_to_string(path).expect("readable");
        (shown, without_tests(&text).to_owned())
    })
    .collect()
}

/// The cells of the rows of the first table of a chapter.
fn table(document: &str, heading: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(document).expect("readable");
    let (_, chapter) = text.split_once(&format!("\n## {heading}\n")).expect("the chapter");
    let lines = chapter.lines().skip_while(|line| !line.starts_with('|'));
    let rows = lines.take_while(|line| line.starts_with('|')).skip(2);
    let cells =
        |row: &str| row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect();
    rows.map(cells).collect()
}

/// Each row says so much.
fn assert_full(document: &str, heading: &str, rows_min: usize, columns: usize) {
    let rows = table(document, heading);
    assert!(rows_min <= rows.len(), "{document}, {heading}: {} rows", rows.len());
    for row in rows {
        let filled = row.iter().filter(|cell| !cell.is_empty()).count();
        assert!(columns <= filled, "{document}, {heading}: {row:?}");
    }
}

#[test]
fn no_template_is_read_while_the_program_runs() {
    let locked = locked();
    assert!(locked.contains("askama"), "pages are templates of askama, which are compiled in");
    let found: Vec<_> = ENGINES.iter().filter(|name| locked.contains(**name)).collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn no_package_allows_unsafe_code() {
    let workspace = manifest(".");
    assert_eq!(workspace["workspace"]["lints"]["rust"]["unsafe_code"].as_str(), Some("forbid"));
    for package in PACKAGES {
        let lints = &manifest(package)["lints"];
        assert_eq!(lints["workspace"].as_bool(), Some(true), "{package}");
    }
}

#[test]
fn one_library_knows_public_keys() {
    let locked = locked();
    assert!(locked.contains("rustls") && locked.contains("ring"));
    let found: Vec<_> = OTHER_KEYS.iter().filter(|name| locked.contains(**name)).collect();
    assert!(found.is_empty(), "say in docs/security.md what for: {found:?}");
}

#[test]
fn nothing_of_the_tests_is_in_the_program() {
    for package in PACKAGES.into_iter().filter(|package| *package != "loadtest") {
        let manifest = manifest(package);
        let used = names(&manifest, "dependencies");
        for name in ["proptest", "insta", "fantoccini", "rcgen", "jsonschema", "lianfang-loadtest"]
        {
            assert!(!used.contains(name), "{package} needs {name}");
        }
    }
    for (path, code) in code() {
        let lines: Vec<&str> = code.lines().map(str::trim).collect();
        for pair in lines.windows(2) {
            let is_test =
                ["mod tests", "mod fake", "mod fuzz", "mod torture", "mod hostile", "mod testing"]
                    .iter()
                    .any(|name| {
                        pair[1].split("pub").last().is_some_and(|rest| rest.contains(name))
                    });
            assert!(!is_test || pair[0] == "#[cfg(test)]", "{path}: {}", pair[1]);
        }
    }
}

#[test]
fn there_is_no_mode_for_debugging() {
    for (path, code) in code() {
        for switch in
            ["cfg!(debug_assertions)", "cfg(debug_assertions)", "cfg(feature", "RUST_BACKTRACE"]
        {
            assert!(!code.contains(switch), "{path}: {switch}");
        }
    }
    for package in PACKAGES {
        assert!(names(&manifest(package), "features").is_empty(), "{package} has a switch");
    }
}

#[test]
fn one_program_is_called_and_no_shell() {
    let code = code();
    let calls = |(_, code): &(&String, &String)| code.contains("Command::new(");
    let calling: Vec<&str> = code.iter().filter(calls).map(|(path, _)| path.as_str()).collect();
    assert_eq!(
        calling,
        ["src/app/names.rs", "src/prompts/voice.rs"],
        "whether it is there; to speak"
    );
    for path in calling {
        for shell in ["\"sh\"", "\"bash\"", "\"/bin/", "\"-c\""] {
            assert!(!code[path].contains(shell), "{path}: {shell}");
        }
    }
}

#[test]
fn whoever_opens_a_connection_stands_in_the_table() {
    let rows = table("docs/security.md", "Who talks to whom");
    for (path, with) in TALKS {
        assert!(rows.iter().any(|row| row[0].contains(with)), "{path}: no row for {with}");
    }
    let code = code();
    let opens = |path: &str, code: &str| {
        CONNECTS.iter().any(|call| code.contains(call)) && !path.starts_with("src/config")
    };
    let found: BTreeSet<&str> = code
        .iter()
        .filter(|(path, code)| opens(path, code))
        .map(|(path, _)| path.as_str())
        .collect();
    let known: BTreeSet<&str> = TALKS.iter().map(|(path, _)| *path).collect();
    assert_eq!(found, known);
}

#[test]
fn what_has_to_be_written_down_is_written_down() {
    assert_full("docs/security.md", "What is keyed with what", 6, 4);
    assert_full("docs/security.md", "Who talks to whom", 8, 3);
    assert_full("docs/security.md", "Who proves what, and how often", 7, 4);
    assert_full("ARCHITECTURE.md", "Overload", 40, 3);
    assert_full("docs/operations.md", "Logs", 60, 3);
    let text = fs::read_to_string("docs/security.md").expect("readable");
    let row = text.lines().find(|line| line.starts_with("| 15.1.1 ")).expect("the row");
    assert!(row.contains("within a week") && row.contains("within a quarter"), "{row}");
}
