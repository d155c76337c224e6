//! The API against Schemathesis: requests made of the description, right and wrong ones, over every path.
//!
//! It runs the real program with an admin's token and leaves nothing out but the feed, whose answer has no end, and the
//! readiness, which truly says 503: no carrier answers here. `nothing_makes_the_feed_or_the_readiness_fail` looks at both.

use super::skip;
use super::stage::{Stage, binary};
use std::path::Path;
use std::process::Command;

/// How long it may look for something, in seconds. Then it has looked at every path many times.
const LOOK_S: &str = "90";
/// When it is ended whatever it does, in seconds: on a machine that is busy with much else, one round takes that long.
const END_S: &str = "600";
/// What answers must be: no failure of ours, and what the description says of status, headers, type and content.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance";
/// Paths that may have been busy: a service that keeps refusing is no machine with much else to do.
const BUSY_MAX: usize = 5;
/// Tokens that it may revoke: it tries the first ids, and its own must not be among them.
const OTHERS: u32 = 40;

#[test]
fn nothing_that_the_description_allows_makes_the_api_fail() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = folder.join("target/schemathesis/bin/schemathesis");
    if skip::needs(&program.to_string_lossy()).is_none() {
        return;
    }
    let stage = Stage::new();
    for number in 0..OTHERS {
        let token = serde_json::json!({"name": format!("spare-{number}"), "scope": "metrics"});
        let (status, body) = stage.api.post("/api/v1/tokens", &token).expect("answers");
        assert_eq!(status, 201, "{body}");
    }
    let arguments = ["token", "create", "schemathesis", "--scope", "admin"];
    let token = stage.setup.command(binary(), &arguments).expect("makes a token");
    let output = Command::new("timeout")
        .args(["--kill-after=10", END_S])
        .arg(&program)
        .args(["run", &format!("http://{}/api/v1/openapi.json", stage.setup.http)])
        .args(["--header", &format!("Authorization: Bearer {}", token.trim())])
        .args(["--exclude-operation-id", "follow_alarms", "--exclude-path", "/readyz"])
        .args(["--checks", CHECKS])
        .args(["--phases", "examples,coverage,fuzzing", "--max-time", LOOK_S])
        .args(["--max-examples", "20", "--seed", "9", "--workers", "1", "--no-shrink"])
        .args(["--request-timeout", "30", "--suppress-health-check", "all"])
        .args(["--continue-on-failure", "--warnings", "off", "--no-color"])
        .env("PYTHONPATH", folder.join("tests/interop/schemathesis"))
        .env("SCHEMATHESIS_HOOKS", "lianfang_hooks")
        .current_dir(stage.folder())
        .output()
        .expect("runs");
    let told = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let is_well = output.status.success() || has_only_asked_to_wait(&told);
    assert!(is_well, "{told}\n{errors}\n{}", stage.log_end());
    assert!(told.contains("generated"), "it looked at nothing: {told}\n{errors}");
}

/// Every failure that it tells of is the answer of a service that is busy and says so: a machine with much else to do.
fn has_only_asked_to_wait(told: &str) -> bool {
    let failures = told.matches("\n- ST").count();
    let busy = told.matches("[503] Service Unavailable:").count();
    let said = told.matches("urn:lianfang:problem:busy").count();
    0 < failures
        && failures == told.matches("\n- ST101").count()
        && failures == busy
        && busy <= said
        && busy <= BUSY_MAX
}

#[test]
fn few_that_ask_to_wait_are_let_pass_and_nothing_else() {
    const BUSY: &str = "\n- ST101\n[503] Service Unavailable:\n urn:lianfang:problem:busy\n";
    const BROKEN: &str =
        "\n- ST101\n[500] Internal Server Error:\n urn:lianfang:problem:internal\n";
    for (told, is_let_pass) in [
        (BUSY.to_owned(), true),
        (BUSY.repeat(BUSY_MAX), true),
        (BUSY.repeat(BUSY_MAX + 1), false),
        (format!("{BUSY}{BROKEN}"), false),
        (BUSY.replace("busy", "counting"), false),
        (BUSY.replace("ST101", "ST102"), false),
        (String::new(), false),
    ] {
        assert_eq!(has_only_asked_to_wait(&told), is_let_pass, "{told}");
    }
}
