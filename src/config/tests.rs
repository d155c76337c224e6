#![expect(clippy::unwrap_in_result, reason = "a test may panic")]

use super::*;
use lianfang_domain::dispatch::CalleeBudget;
use proptest::prelude::*;

fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, Vec<Mistake>> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("lianfang.toml");
    std::fs::write(&path, text).expect("a file");
    let environment =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    match Config::load(Some(&path), environment) {
        Ok(config) => Ok(config),
        Err(ConfigError::Mistakes(mistakes)) => Err(mistakes),
        Err(other) => panic!("{other}"),
    }
}

fn paths(mistakes: &[Mistake]) -> Vec<&str> {
    mistakes.iter().map(|mistake| mistake.path.as_str()).collect()
}

#[test]
fn runs_without_a_file() {
    let config = Config::load(None, []).expect("defaults are valid");
    assert_eq!(config.sip.listen.len(), 2);
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.sip.advertised.to_string(), "127.0.0.1");
    assert_eq!(config.warnings(jiff::Timestamp::UNIX_EPOCH).len(), 3);
}

#[test]
fn nobody_reads_figures_without_signing_in_unless_it_is_written() {
    let config = Config::load(None, []).expect("defaults are valid");
    assert!(config.http.public_reports.is_empty());
    let config = load("[http]\npublic_reports = [\"2\", \"1\"]", &[]).expect("is valid");
    let ids: Vec<u32> = config.http.public_reports.iter().map(|id| id.0).collect();
    assert_eq!(ids, [1, 2]);
    let mistakes = load("[http]\npublic_reports = [\"everybody\"]", &[]).expect_err("is wrong");
    assert_eq!(paths(&mistakes), ["http.public_reports"]);
}

#[test]
fn reports_every_mistake_at_once() {
    let mistakes = load(
        r#"
        colour = "red"
        [sip]
        listen = ["udp://nowhere", "tcp://127.0.0.1:5060"]
        realm = 7
        ordinary_calls = "110"
        call_back_numbers = ["05925550009"]
        recording_numbers = ["05925550009", "sip:x"]
        [rtp]
        port_first = 20000
        port_last = 10000
        [[trunk]]
        name = "lines"
        address = "carrier.example"
        channels = 0
        number_format = "roman"
        username = "us"
        [[sms]]
        name = "sms"
        base_url = "ftp://x"
        status_callbacks = true
        "#,
        &[],
    )
    .expect_err("all wrong");
    for path in [
        "colour",
        "sip.listen",
        "sip.realm",
        "sip.ordinary_calls",
        "sip.recording_numbers",
        "sip.recording_numbers",
        "rtp.port_last",
        "trunk[0].address",
        "trunk[0].channels",
        "trunk[0].number_format",
        "trunk[0].password",
        "trunk[0].caller_number",
        "sms[0].base_url",
        "sms[0].status_callbacks",
        "sms[0].account_sid",
        "trunk",
    ] {
        assert!(paths(&mistakes).contains(&path), "{path} in {mistakes:#?}");
    }
}

#[test]
fn the_environment_wins_over_the_file() {
    let environment =
        [("LIANFANG_SIP__REALM", "xm.example"), ("LIANFANG_NODE", "7"), ("HOME", "/")];
    let config = load("[sip]\nrealm = \"other\"", &environment).expect("valid");
    assert_eq!((config.sip.realm.as_str(), config.node), ("xm.example", 7));
}

#[test]
fn an_unknown_variable_is_a_mistake() {
    let mistakes = load("", &[("LIANFANG_SIP__RELAM", "typo")]).expect_err("unknown");
    assert_eq!(paths(&mistakes), ["sip.relam"]);
}

#[test]
fn listening_everywhere_needs_an_advertised_address() {
    let mistakes =
        load("[sip]\nlisten = [\"udp://0.0.0.0:5060\"]", &[]).expect_err("which address?");
    assert_eq!(paths(&mistakes), ["sip.advertised"]);
}

#[test]
fn a_trunk_trusts_its_networks_only() {
    let trunk = "[[trunk]]\nname = \"a\"\naddress = \"10.0.0.1:5060\"\ncaller_number = \"1\"\n";
    let config = load(&format!("{trunk}inbound = [\"10.1.0.0/29\", \"2001:db8::/64\"]"), &[])
        .expect("valid");
    for (address, is_trusted) in [
        ("10.1.0.7", true),
        ("10.1.0.8", false),
        ("10.0.0.1", false),
        ("2001:db8::9", true),
        ("2001:db9::9", false),
        ("::ffff:10.1.0.1", true),
    ] {
        assert_eq!(
            config.trunks[0].is_source(address.parse().expect("address")),
            is_trusted,
            "{address}"
        );
    }
    let addresses: Vec<String> =
        config.trunks[0].addresses().take(9).map(|address| address.to_string()).collect();
    assert_eq!(addresses.first().map(String::as_str), Some("10.0.0.1"));
    assert_eq!(addresses.last().map(String::as_str), Some("10.1.0.7"));
    let config = load(trunk, &[]).expect("valid");
    assert!(config.trunks[0].is_source("10.0.0.1".parse().expect("address")));
}

#[test]
fn a_way_out_that_leads_nowhere_is_a_mistake() {
    let trunk = |address: &str, more: &str| {
        format!("[[trunk]]\nname = \"a\"\naddress = \"{address}\"\ncaller_number = \"1\"\n{more}")
    };
    let sms = "[[sms]]\nname = \"a b\"\naccount_sid = \"A\"\nauth_token = \"t\"\nfrom = \"1\"\n";
    let tcp = "[sip]\nlisten = [\"tcp://127.0.0.1:5060\"]\n";
    for (text, path) in [
        (trunk("10.0.0.1:0", ""), "trunk[0].address"),
        (trunk("0.0.0.0:5060", ""), "trunk[0].address"),
        (trunk("[2001:db8::1]:5060", ""), "trunk[0].address"),
        (format!("{tcp}{}", trunk("10.0.0.1:5060", "")), "trunk[0].address"),
        (trunk("10.0.0.1:5060", "inbound = [\"0.0.0.0/0\"]"), "trunk[0].inbound"),
        (trunk("10.0.0.1:5060", "inbound = [\"::/0\"]"), "trunk[0].inbound"),
        (sms.to_owned(), "sms[0].name"),
    ] {
        assert_eq!(paths(&load(&text, &[]).expect_err("wrong")), [path], "{text}");
    }
    load(&trunk("10.0.0.1:5060", "inbound = [\"10.0.0.0/8\"]"), &[]).expect("valid");
}

#[test]
fn budgets_of_a_callee_are_read_or_explained() {
    let routes = |budgets: &str| {
        let trunk = "[[trunk]]\nname = \"a\"\naddress = \"10.0.0.1:5060\"\ncaller_number = \"1\"\n";
        let sms = "[[sms]]\nname = \"b\"\naccount_sid = \"A\"\nauth_token = \"t\"\nfrom = \"1\"\n";
        format!("{trunk}callee_budgets = {budgets}\n{sms}callee_budgets = {budgets}\n")
    };
    let config = load(&routes("[\"1/60\", \" 5 / 3600 \"]"), &[]).expect("valid");
    let read = |budgets: &[CalleeBudget]| {
        budgets.iter().map(|budget| (budget.calls, budget.per_s)).collect::<Vec<_>>()
    };
    assert_eq!(read(&config.trunks[0].callee_budgets), [(1, 60), (5, 3600)]);
    assert_eq!(read(&config.sms[0].callee_budgets), [(1, 60), (5, 3600)]);
    assert_eq!(load(&routes("[]"), &[]).expect("valid").trunks[0].callee_budgets, []);
    for wrong in [
        "60",
        "[60]",
        "[\"\"]",
        "[\"60\"]",
        "[\"1/\"]",
        "[\"0/60\"]",
        "[\"1/0\"]",
        "[\"-1/60\"]",
        "[\"1001/60\"]",
        "[\"1/86401\"]",
        "[\"1/60/60\"]",
        "[\"1/1\", \"1/2\", \"1/3\", \"1/4\", \"1/5\"]",
    ] {
        let mistakes = load(&routes(wrong), &[]).expect_err("wrong");
        let wanted = ["trunk[0].callee_budgets", "sms[0].callee_budgets"];
        assert_eq!(paths(&mistakes), wanted, "{wrong}");
    }
    let mistakes = load(&routes("[\"often\"]"), &[]).expect_err("wrong");
    assert!(mistakes[0].hint.contains("\"1/60\" for one a minute"), "{}", mistakes[0]);
}

#[test]
fn secrets_are_not_printed() {
    let config = load(
        "[[sms]]\nname = \"s\"\naccount_sid = \"AC1\"\nauth_token = \"hush\"\nfrom = \"1\"",
        &[],
    )
    .expect("valid");
    assert!(!format!("{config:?}").contains("hush"));
}

#[test]
fn a_secret_in_a_broken_line_is_not_printed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("lianfang.toml");
    std::fs::write(&path, "[[sms]]\nname = \"s\"\nauth_token = \"hush\n").expect("a file");
    let error = Config::load(Some(&path), []).expect_err("broken");
    let told = format!("{error} {error:?}");
    assert!(!told.contains("hush"), "{told}");
    assert!(told.contains("line 3"), "{told}");
}

/// The example of the documentation, with the budgets and numbers that are only shown there in force.
fn example_in_full() -> String {
    let shown = include_str!("../../sip-config/lianfang.toml");
    let full = shown.replace("# callee_budgets", "callee_budgets");
    assert_ne!(full, shown);
    full
}

#[test]
fn what_the_example_only_shows_is_valid_too() {
    let config = load(&example_in_full(), &[]).expect("is valid");
    assert!(config.trunks.iter().any(|trunk| !trunk.callee_budgets.is_empty()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// The example of the documentation with some bytes changed: valid or a mistake that is told, never a panic.
    #[test]
    fn no_damage_to_a_file_panics(
        edits in prop::collection::vec(
            (any::<prop::sample::Index>(), prop::sample::select(b"\"[]=#\n.,-0129 a:/\xff".to_vec())), 1..5),
    ) {
        let mut bytes = example_in_full().into_bytes();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lianfang.toml");
        std::fs::write(&path, bytes).expect("a file");
        match Config::load(Some(&path), []) {
            Ok(config) => drop(config.warnings(jiff::Timestamp::UNIX_EPOCH)),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}

const TWO_ROUTES: &str = r#"
    [[trunk]]
    name = "carrier"
    address = "10.0.0.1:5060"
    caller_number = "1"
    [[sms]]
    name = "sms"
    account_sid = "AC"
    auth_token = "t"
    from = "1"
    "#;

#[test]
fn tariffs_are_read_by_route_and_none_is_no_mistake() {
    let tariffs = |text: &str| load(&format!("{TWO_ROUTES}{text}"), &[]).expect("is good").tariffs;
    assert!(tariffs("").is_empty());
    let read = tariffs(
        r#"
        [routes.carrier]
        tariff = { currency = "CNY", price = 12, block_s = 6 }
        [routes.sms.tariff]
        currency = "CNY"
        price = 45
        price_per = 10
        "#,
    );
    let cost = |route: &str, units| read.get(route).map(|tariff| tariff.cost(units));
    assert_eq!((cost("carrier", 3), cost("sms", 2), cost("lines", 1)), (Some(36), Some(9), None));
    assert_eq!(read["carrier"].units_of_call(7_000), 2);
}

#[test]
fn every_mistake_in_a_tariff_is_reported_with_a_hint() {
    let wrong = r#"
        [routes.carrier]
        tariff = { currency = "yuan", price = -1, block_s = 0, price_per = 0, colour = "red" }
        [routes.sms]
        tariff = { price = 1, block_s = 60 }
        [routes.lines]
        [routes.nowhere]
        tariff = { currency = "CNY" }
        "#;
    let mistakes = load(&format!("{TWO_ROUTES}{wrong}"), &[]).expect_err("all wrong");
    for (path, hint) in [
        ("routes.carrier.tariff.currency", "ISO 4217"),
        ("routes.carrier.tariff.price", "0 to 1000000"),
        ("routes.carrier.tariff.block_s", "1 to 3600"),
        ("routes.carrier.tariff.price_per", "1 to 10000"),
        ("routes.carrier.tariff.colour", "unknown"),
        ("routes.sms.tariff.currency", "is missing"),
        ("routes.sms.tariff.block_s", "for calls"),
        ("routes.lines.tariff", "is missing"),
        ("routes.nowhere", "carrier, lines, sms"),
        ("routes.nowhere.tariff.price", "is missing"),
    ] {
        let is_told = |mistake: &Mistake| mistake.path == path && mistake.hint.contains(hint);
        assert!(mistakes.iter().any(is_told), "{path}: {hint} in {mistakes:#?}");
    }
    assert_eq!(mistakes.len(), 10, "{mistakes:#?}");
}

#[test]
fn plain_http_does_not_leave_the_machine_by_mistake() {
    let check = |text: &str, wanted: &[&str]| {
        let found = load(text, &[]).map(drop).err().unwrap_or_default();
        assert_eq!(paths(&found), wanted, "{text}");
    };
    check("[http]\nlisten = \"0.0.0.0:8080\"", &["http.listen"]);
    check("[http]\nlisten = \"192.0.2.1:8080\"", &["http.listen"]);
    check("[http]\nlisten = \"127.0.0.1:8080\"", &[]);
    check("[http]\nlisten = \"[::1]:8080\"", &[]);
    check("[http]\nlisten = \"0.0.0.0:8080\"\ninsecure = true", &[]);
    check("[http]\nlisten = \"0.0.0.0:8080\"\ntrusted_proxies = [\"10.0.0.1\", \"fd00::/8\"]", &[]);
    check(
        "[http]\ntrusted_proxies = [\"10.0.0.1/8\", \"x\"]",
        &["http.trusted_proxies", "http.trusted_proxies"],
    );
    check("[http]\nforwarded = \"x-real-ip\"", &["http.forwarded"]);
    check("[http.tls]\ncertificate = \"a\"", &["http.tls.key"]);
    check("[http.tls]\nkey = \"a\"", &["http.tls.certificate"]);
    check(
        "[http.tls]\ncertificate = \"/nowhere/a.pem\"\nkey = \"/nowhere/a.key\"\ncolour = 1",
        &["http.tls.certificate", "http.tls.colour"],
    );
}

#[test]
fn targets_of_webhooks_are_read_or_explained() {
    let config = load(
        r#"
        [webhooks]
        allowed_hosts = ["hooks.example.com", "10.20.0.7:8443"]
        allowed_networks = ["10.20.0.0/16"]
        ca_file = "/etc/lianfang/ca.pem"
        "#,
        &[],
    )
    .expect("valid");
    assert_eq!(config.webhooks.allowed_hosts.len(), 2);
    assert_eq!(config.webhooks.allowed_networks[0].to_string(), "10.20.0.0/16");
    assert!(load("", &[]).expect("valid").webhooks.allowed_hosts.is_empty(), "nobody by default");
    let check = |line: &str, path: &str| {
        let mistakes = load(&format!("[webhooks]\n{line}"), &[]).expect_err("a mistake");
        assert_eq!(paths(&mistakes), [path], "{line}");
    };
    for host in ["https://a.example", "*.example.com", "a.example/x", "a b", ""] {
        check(&format!("allowed_hosts = [\"{host}\"]"), "webhooks.allowed_hosts");
    }
    for network in ["0.0.0.0/0", "::/0", "10.0.0.1/8", "x"] {
        check(&format!("allowed_networks = [\"{network}\"]"), "webhooks.allowed_networks");
    }
    check("allowed = []", "webhooks.allowed");
}
