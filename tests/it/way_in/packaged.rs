//! What stands in `packaging` and in the guides to install it is there and works.

use super::certify;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

const PROGRAM: &str = env!("CARGO_BIN_EXE_lianfang");
const GUIDES: [&str; 2] = ["docs/install.md", "docs/install.zh-CN.md"];

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

/// What `check-config` says of this configuration.
fn check_config(text: &str) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("lianfang.toml");
    std::fs::write(&config, text).expect("a file");
    let config = config.to_str().expect("UTF-8");
    Command::new(PROGRAM).args(["--config", config, "check-config"]).output().expect("runs")
}

/// The values of a key of the unit, in order.
fn values<'a>(unit: &'a str, key: &str) -> Vec<&'a str> {
    let lines = unit.lines().filter_map(|line| line.split_once('='));
    lines.filter(|(known, _)| *known == key).map(|(_, value)| value).collect()
}

#[test]
fn the_unit_is_understood_and_hardened() {
    let unit = read("packaging/lianfang.service").replace("/usr/local/bin/lianfang", PROGRAM);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("lianfang.service");
    std::fs::write(&path, &unit).expect("a file");
    let path = path.to_str().expect("UTF-8");
    let analyze = |arguments: &[&str]| Command::new("systemd-analyze").args(arguments).output();
    // Where there is no systemd, there is nobody to ask.
    let Ok(verified) = analyze(&["verify", "--man=no", path]) else { return };
    let ours: String = said(&verified)
        .lines()
        .filter(|line| line.contains("lianfang"))
        .collect::<Vec<_>>()
        .join("\n");
    assert!(verified.status.success() && ours.is_empty(), "{}", said(&verified));
    // 10 is a service without any protection; the threshold is in tenths.
    let security = analyze(&["security", "--offline=true", "--threshold=25", path]).expect("runs");
    assert!(security.status.success(), "{}", said(&security));
}

#[test]
fn the_unit_may_write_where_the_configuration_keeps_things() {
    let unit = read("packaging/lianfang.service");
    let config: toml::Table = read("packaging/lianfang.toml").parse().expect("TOML");
    let writable: BTreeSet<&str> =
        values(&unit, "ReadWritePaths").iter().flat_map(|value| value.split(' ')).collect();
    for key in ["data_dir", "journal_dir"] {
        let path = config[key].as_str().expect("text");
        assert!(writable.contains(path), "{key}: {path}");
        let name = path.strip_prefix("/var/lib/").expect("a state directory");
        assert!(values(&unit, "StateDirectory")[0].split(' ').any(|known| known == name), "{name}");
    }
    assert_eq!(values(&unit, "User"), ["lianfang"]);
    assert!(read("packaging/sysusers.conf").lines().any(|line| line.starts_with("u lianfang ")));
    assert_eq!(values(&unit, "Type"), ["notify"], "`supervised` shows that it notifies");
    // An admin token that is printed once must not stand in the journal.
    assert_eq!(values(&unit, "StandardOutput"), ["null"]);
}

#[test]
fn every_sample_of_the_configuration_is_valid() {
    let folder = tempfile::tempdir().expect("a folder");
    let (certificate, key, _) = certify(folder.path());
    let first = read("packaging/lianfang.toml")
        .replace("/etc/lianfang/tls/fullchain.pem", certificate.to_str().expect("UTF-8"))
        .replace("/etc/lianfang/tls/privkey.pem", key.to_str().expect("UTF-8"));
    let mut samples = vec![("packaging/lianfang.toml", first)];
    samples.push(("sip-config/lianfang.toml", read("sip-config/lianfang.toml")));
    for path in ["packaging/nginx.conf", "packaging/Caddyfile"] {
        let text = read(path);
        let lines = text.lines().filter_map(|line| line.strip_prefix("#   "));
        samples.push((path, lines.collect::<Vec<_>>().join("\n")));
    }
    for (path, text) in samples {
        assert!(text.contains("[http]"), "{path}: {text}");
        let checked = check_config(&text);
        assert!(checked.status.success(), "{path}: {}", said(&checked));
    }
}

/// Commands with their options, such as `account add --role`: of `run` in the guides, `lianfang` elsewhere.
fn commands(text: &str, program: &str) -> Vec<Vec<String>> {
    let is_word = |word: &&str| {
        !word.is_empty() && word.chars().all(|sign| sign.is_ascii_lowercase() || sign == '-')
    };
    let mut commands = Vec::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with(['#', '|', '*'])) {
        for rest in line.split(&format!("{program} ")).skip(1) {
            let rest = rest.split(['#', '&', '|', ')', '`', '。', '，']).next().unwrap_or_default();
            let words: Vec<&str> =
                rest.split(' ').map(|word| word.trim_matches(['"', ']'])).collect();
            let verbs =
                words.iter().copied().take_while(is_word).take_while(|word| !word.starts_with('-'));
            let options = words.iter().copied().filter(|word| word.starts_with("--"));
            let found: Vec<String> = verbs.take(2).chain(options).map(ToOwned::to_owned).collect();
            commands.extend((!found.is_empty()).then_some(found));
        }
    }
    commands
}

#[test]
fn every_command_of_the_guides_is_there() {
    let mut checked = BTreeSet::new();
    let guides = GUIDES.iter().flat_map(|path| commands(&read(path), "run"));
    let unit = read("packaging/lianfang.service").replace("/usr/local/bin/lianfang", "lianfang");
    let unit: Vec<&str> = unit.lines().filter(|line| line.starts_with("Exec")).collect();
    let unit = commands(&unit.join("\n"), "=lianfang");
    let container = read("packaging/Containerfile")
        .replace("[\"lianfang\", \"--log\", \"error\", ", "[lianfang ");
    let container =
        commands(&container.replace("CMD [\"serve\"]", "CMD [lianfang serve"), "[lianfang");
    assert_eq!((unit.len(), container.len()), (2, 2), "{unit:?} {container:?}");
    for command in guides.chain(unit).chain(container) {
        let (options, verbs): (Vec<&String>, Vec<&String>) =
            command.iter().partition(|word| word.starts_with("--"));
        // A name or an account may stand where a second verb would: then the first alone has the help.
        let help = (1..=verbs.len()).rev().find_map(|count| {
            let shown =
                Command::new(PROGRAM).args(&verbs[..count]).arg("--help").output().expect("runs");
            shown.status.success().then(|| said(&shown))
        });
        let help = help.unwrap_or_else(|| panic!("no such command: {command:?}"));
        for option in options {
            assert!(help.contains(option.as_str()), "{command:?}: {help}");
        }
        checked.insert(verbs[0].clone());
    }
    let wanted = ["account", "audit", "check-config", "health", "import", "line", "serve", "token"];
    assert_eq!(checked.iter().collect::<Vec<_>>(), wanted);
}

/// The keys of `docs/configuration.md`, such as `http.tls.key`.
fn documented_keys() -> BTreeSet<String> {
    let (mut keys, mut section) = (BTreeSet::new(), String::new());
    for line in read("docs/configuration.md").lines() {
        if line.starts_with('#') {
            let name = line.split('`').nth(1).unwrap_or_default();
            section = name.trim_matches(['[', ']']).to_owned();
        } else if let Some(cell) = line.strip_prefix("| `").and_then(|rest| rest.split('|').next())
        {
            let names = cell.split(", ").map(|name| name.trim().trim_matches('`'));
            let dotted = |name: &str| {
                if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") }
            };
            keys.extend(names.map(dotted));
        }
    }
    keys
}

#[test]
fn every_key_of_the_configuration_that_is_named_is_there() {
    let known = documented_keys();
    assert!(known.contains("http.tls.certificate") && known.contains("data_dir"), "{known:?}");
    let sections = ["http.", "sip.", "rtp."];
    for path in GUIDES.iter().chain(&["docs/security.md"]) {
        let text = read(path);
        let quoted = text
            .split('`')
            .skip(1)
            .step_by(2)
            .map(|quoted| quoted.split(' ').next().unwrap_or_default());
        for key in
            quoted.filter(|quoted| sections.iter().any(|section| quoted.starts_with(section)))
        {
            assert!(known.contains(key), "{path}: {key}");
        }
    }
}

#[test]
fn a_renewed_certificate_is_handed_over_whole() {
    // The hook gives the files to the group of the service, which only root can, and only where it is.
    let hook = read("packaging/tls-deploy-hook.sh");
    let folder = tempfile::tempdir().expect("a folder");
    let (lineage, target) = (folder.path().join("live"), folder.path().join("tls"));
    std::fs::create_dir(&lineage).expect("a folder");
    std::fs::write(lineage.join("fullchain.pem"), "new certificate").expect("written");
    std::fs::write(lineage.join("privkey.pem"), "new key").expect("written");
    let script = folder.path().join("hook.sh");
    std::fs::write(&script, hook.replace("-o root -g lianfang ", "")).expect("written");
    for _ in 0..2 {
        let run =
            Command::new("sh").arg(&script).arg(&target).env("RENEWED_LINEAGE", &lineage).output();
        let run = run.expect("runs");
        assert!(run.status.success(), "{}", said(&run));
    }
    let names = |path: &Path| -> BTreeSet<String> {
        let entries = std::fs::read_dir(path).expect("a folder");
        entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect()
    };
    assert_eq!(
        names(&target),
        BTreeSet::from(["fullchain.pem".to_owned(), "privkey.pem".to_owned()])
    );
    assert_eq!(std::fs::read_to_string(target.join("privkey.pem")).expect("readable"), "new key");
    let missing =
        Command::new("sh").arg(&script).arg(&target).env_remove("RENEWED_LINEAGE").output();
    assert!(!missing.expect("runs").status.success());
}

#[test]
fn the_container_runs_as_nobody_and_copies_what_is_there() {
    let text = read("packaging/Containerfile");
    let lines: Vec<&str> = text.lines().collect();
    let of = |word: &str| -> Vec<&str> {
        lines.iter().filter_map(|line| line.strip_prefix(word)?.strip_prefix(' ')).collect()
    };
    assert_eq!(of("USER"), ["nobody:nogroup"]);
    assert_eq!(of("FROM").len(), 2, "built in one image, run in another");
    let kept = of("VOLUME");
    assert_eq!(kept, ["/var/lib/lianfang"]);
    let environment = text.replace("\\\n", " ");
    for name in [
        "LIANFANG_CONFIG=/etc/lianfang/lianfang.toml",
        "LIANFANG_DATA_DIR=/var/lib/lianfang",
        "LIANFANG_JOURNAL_DIR=/var/lib/lianfang/",
    ] {
        assert!(environment.contains(name), "{name}");
    }
    let copied =
        of("COPY").into_iter().filter(|copy| !copy.starts_with("--from") && *copy != ". .");
    for copy in copied {
        let sources: Vec<&str> = copy.split(' ').collect();
        for source in &sources[..sources.len() - 1] {
            assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(source).exists(), "{source}");
        }
    }
}
