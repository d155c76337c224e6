//! What `check-config` says of `[http]`: every mistake at once, with its path and what to do.

use super::certify;
use std::process::Command;

/// What it prints, and whether it is content.
fn check_config(text: &str) -> (bool, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("lianfang.toml");
    std::fs::write(&config, text).expect("a file");
    let checked = Command::new(env!("CARGO_BIN_EXE_lianfang"))
        .args(["--config", config.to_str().expect("UTF-8"), "check-config"])
        .output()
        .expect("runs");
    let said = [checked.stdout, checked.stderr].concat();
    (checked.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn every_mistake_of_the_way_in_is_told_with_path_and_hint() {
    let (is_valid, said) = check_config(
        "[http]\nlisten = \"0.0.0.0:8080\"\npublic_base_url = \"alarm.example/x\"\ntrusted_proxies = [\"10.0.0.1/8\"]\n\
        forwarded = \"x-real-ip\"\ninsecure = \"yes\"\ncolour = \"red\"\n[http.tls]\nkey = \"/nowhere/a.key\"\n",
    );
    assert!(!is_valid);
    for (path, hint) in [
        ("http.public_base_url", "https://alarm.example"),
        ("http.trusted_proxies", "bits behind the prefix"),
        ("http.forwarded", "x-forwarded"),
        ("http.insecure", "true"),
        ("http.colour", ""),
        ("http.tls.certificate", "is missing"),
    ] {
        let line =
            said.lines().find(|line| line.contains(&format!("`{path}`")) || line.contains(path));
        let line = line.unwrap_or_else(|| panic!("nothing of {path}: {said}"));
        assert!(line.contains(hint), "{path}: {line}");
    }
    let (is_valid, said) = check_config("[http]\nlisten = \"0.0.0.0:8080\"\n");
    assert!(!is_valid);
    for hint in ["http.listen", "[http.tls]", "trusted_proxies", "insecure = true"] {
        assert!(said.contains(hint), "{hint}: {said}");
    }
}

#[test]
fn a_pair_of_files_that_does_not_fit_is_told_before_anybody_starts() {
    let (one, other) =
        (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let (certificate, key, _) = certify(one.path());
    let (_, other_key, _) = certify(other.path());
    let text = |key: &std::path::Path| {
        let certificate = certificate.display();
        format!(
            "[http]\nlisten = \"0.0.0.0:8443\"\n[http.tls]\ncertificate = \"{certificate}\"\nkey = \"{}\"\n",
            key.display()
        )
    };
    let (is_valid, said) = check_config(&text(&key));
    assert!(is_valid, "{said}");
    let (is_valid, said) = check_config(&text(&other_key));
    assert!(!is_valid && said.contains("http.tls.key") && said.contains("does not fit"), "{said}");
    let (is_valid, said) = check_config(&text(&one.path().join("none")));
    assert!(!is_valid && said.contains("http.tls.key") && said.contains("cannot read"), "{said}");
}

#[test]
fn what_is_allowed_and_probably_not_meant_is_said() {
    let (is_valid, said) = check_config(
        "[http]\nlisten = \"0.0.0.0:8080\"\ninsecure = true\ntrusted_proxies = [\"0.0.0.0/0\"]\npublic_base_url = \"http://alarm.example\"\n",
    );
    assert!(is_valid, "{said}");
    for hint in
        ["`http.insecure`", "`http.trusted_proxies` has every address", "`http.public_base_url`"]
    {
        assert!(said.contains(hint), "{hint}: {said}");
    }
}
