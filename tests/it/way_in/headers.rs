//! What every answer says to the browser, whoever made it.

use super::{Program, tls_section};

/// Headers that are the same everywhere.
const EVERYWHERE: [(&str, &str); 2] = [
    ("strict-transport-security", "max-age=31536000; includeSubDomains"),
    ("x-content-type-options", "nosniff"),
];
/// Headers of whatever has a body of ours.
const OURS: [(&str, &str); 3] = [
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

#[tokio::test]
async fn pages_the_api_and_the_page_of_a_responder_have_safe_headers() {
    let folder = tempfile::tempdir().expect("a folder");
    let (section, trusted) = tls_section(folder.path());
    let program = Program::start(folder, &section).await;
    let check = async |path: &str, status: u16, policy: &str, referrer: &str| {
        let answer = program.ask("GET", path).trusting(&trusted).send().await;
        assert_eq!(answer.status, status, "{path}: {}", answer.head);
        for (name, value) in EVERYWHERE.iter().chain(&OURS) {
            assert_eq!(answer.header(name), *value, "{path}: {}", answer.head);
        }
        let found = answer.header("content-security-policy");
        assert!(found.starts_with("default-src") && found.contains(policy), "{path}: {found}");
        assert!(found.contains("frame-ancestors 'none'"), "{path}: {found}");
        assert!(!found.contains("unsafe-eval") && !found.contains('*'), "{path}: {found}");
        assert_eq!(answer.header("referrer-policy"), referrer, "{path}");
        assert!(answer.header("permissions-policy").contains("geolocation=()"), "{path}");
        assert!(!answer.header("content-type").is_empty() || answer.text.is_empty(), "{path}");
        let is_asset = path.starts_with("/assets/");
        assert_eq!(answer.header("cache-control") == "no-store", !is_asset, "{path}");
        for absent in ["server", "x-powered-by", "access-control-allow-origin"] {
            assert_eq!(answer.header(absent), "", "{path}");
        }
    };
    let own = "script-src 'self'";
    check("/login", 200, own, "same-origin").await;
    check("/setup", 200, own, "same-origin").await;
    check("/", 303, own, "same-origin").await;
    check("/nowhere-at-all", 404, "default-src 'none'", "same-origin").await;
    check("/assets/console.css", 200, own, "same-origin").await;
    check("/assets/console.js", 200, own, "same-origin").await;
    check("/assets/plan.js", 200, own, "same-origin").await;
    check("/api/v1/session", 401, "default-src 'none'", "no-referrer").await;
    check("/api/v1/nowhere", 404, "default-src 'none'", "same-origin").await;
    check("/healthz", 200, "default-src 'none'", "no-referrer").await;
    check("/r/0123456789abcde", 404, "form-action 'self'", "no-referrer").await;
}
