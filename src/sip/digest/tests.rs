use super::server::Counts;
use super::*;
use crate::agent::api::{Flow, Transport};
use jiff::Timestamp;
use proptest::prelude::*;
use std::time::Duration;

const REALM: &str = "xm.example";
const USER: &str = "05925551234";
const URI: &str = "sip:%239@xm.example";
const START: i64 = 1_795_300_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(START + second).unwrap()
}

fn flow(remote: &str) -> Flow {
    Flow {
        transport: Transport::Udp,
        local: "10.0.0.1:5060".parse().unwrap(),
        remote: remote.parse().unwrap(),
        connection: 0,
    }
}

fn phone() -> Flow {
    flow("192.0.2.7:5062")
}

fn config() -> DigestConfig {
    DigestConfig { realm: REALM.into(), nonce_lifetime: Duration::from_secs(300), nonces_max: 100 }
}

fn server() -> DigestServer {
    DigestServer::new(config(), &[7; 32], at(0))
}

fn secrets() -> Secrets {
    Secrets::from_password(USER, REALM, "hunter2")
}

fn client() -> DigestClient {
    DigestClient::new(ClientAccount {
        username: USER.into(),
        password: "hunter2".into(),
        realm: Some(REALM.into()),
        host: "trunk.example".into(),
    })
}

fn invite() -> SignedRequest<'static> {
    SignedRequest { method: "INVITE", uri: URI, body: b"v=0\r\n" }
}

/// A client that holds a fresh challenge of `server`.
fn challenged(server: &mut DigestServer, offer: ChallengeOffer, now: Timestamp) -> DigestClient {
    let values = server.challenge(offer, &phone(), ChallengeReason::Unproven, now);
    let mut client = client();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    client.on_challenge("trunk.example", &values).unwrap();
    client
}

/// What the server makes of one header value, `None` where it holds no credentials for the realm.
fn judge(
    server: &mut DigestServer,
    value: &str,
    (request, flow): (&SignedRequest<'_>, &Flow),
    now: Timestamp,
) -> Option<Verdict> {
    let credentials = match Credentials::find([value], REALM) {
        Ok(found) => found?,
        Err(_) => return Some(Verdict::Malformed),
    };
    let secrets = (credentials.username() == USER).then(secrets);
    Some(server.verify(&credentials, secrets.as_ref(), (request, flow), now))
}

fn is_proven(verdict: Option<Verdict>) -> bool {
    matches!(verdict, Some(Verdict::Proven(_)))
}

/// Foreign nonces are never proven, so a right response shows as `Stale` and any other as `Wrong`.
#[test]
fn published_vectors_verify() {
    #[track_caller]
    fn check(realm: &str, password: &str, method: &str, credentials: &str) {
        let mut server =
            DigestServer::new(DigestConfig { realm: realm.into(), ..config() }, &[1; 32], at(0));
        let mut verdict = |password: &str| {
            let found = Credentials::find([credentials], realm).unwrap().unwrap();
            let secrets = Secrets::from_password(found.username(), realm, password);
            let request = SignedRequest { method, uri: found.uri, body: b"v=0\r\n" };
            server.verify(&found, Some(&secrets), (&request, &phone()), at(1))
        };
        assert_eq!(verdict(password), Verdict::Stale);
        assert_eq!(verdict("something else"), Verdict::Wrong);
    }
    // RFC 2617 3.5.
    check(
        "testrealm@host.com",
        "Circle Of Life",
        "GET",
        r#"Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",
         uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b", response="6629fae49393a05397450978507c4ef1""#,
    );
    // RFC 7616 3.9.1, both algorithms.
    for (algorithm, response) in [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ] {
        let value = format!(
            r#"Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm={algorithm},
            nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001,
            cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, response="{response}",
            opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#
        );
        check("http-auth@example.org", "Circle of Life", "GET", &value);
    }
    // Computed with Python's hashlib from the formulas of RFC 7616 3.4 and RFC 2069 2.1.2.
    for (rest, response) in [
        (
            "algorithm=MD5-sess, qop=auth, nc=00000001, cnonce=\"c0nce\"",
            "36e4048215b9f6e45781f8e7af04825c",
        ),
        ("algorithm=\"md5-SESS\", cnonce=\"c0nce\"", "c6f5a77bd4087497955613efb7d6d87a"),
        (
            "algorithm=md5, qop=\"auth-int\", nc=000001ff, cnonce=\"c0nce\"",
            "1e1e221f166bf7e6f78f57336ebffbd8",
        ),
        ("algorithm=\"MD5\"", "808b2c045e2f44a21738a2e66ccc8c64"),
        ("opaque=\"x\"", "808b2c045e2f44a21738a2e66ccc8c64"),
        (
            "algorithm=SHA-256-sess, qop=auth, nc=00000001, cnonce=c0nce",
            "684eaaff78c0cf4532d3e9168836ac5a9c2641a884f59575c3a14f150f3262b9",
        ),
        (
            "algorithm=SHA-256-sess, cnonce=\"c0nce\"",
            "fe5cf1ca5ae2693ad021ac1a9a13081f9381352aa758551769a925428a8f0deb",
        ),
        (
            "algorithm=\"sha-256\", qop=auth-int, nc=\"000001ff\", cnonce=\"c0nce\"",
            "6cccc771841c147012e7b8c6bddfec89f7ee55491256733ed0b8e8c0ea1b58e2",
        ),
        ("algorithm=Sha-256", "c906a7bd0a18a9e92fe27cc1e4435092fc9d9293d0bde25c6bdf18b42e6f8c0e"),
    ] {
        let value = format!(
            "digest username=\"{USER}\",realm=\"{REALM}\",nonce=\"n0nce\",uri=\"sip:xm.example\",\
             response=\"{response}\",{rest}"
        );
        check(REALM, "hunter2", "REGISTER", &value);
    }
}

#[test]
fn challenges_sha256_first_and_md5_alone_where_asked() {
    let mut server = server();
    let values =
        server.challenge(ChallengeOffer::Sha256ThenMd5, &phone(), ChallengeReason::Unproven, at(0));
    let read: Vec<Challenge<'_>> = values.iter().map(|v| Challenge::parse(v).unwrap()).collect();
    assert_eq!(read.len(), 2);
    assert_eq!(read[0].algorithm, DigestAlgorithm::SHA256);
    assert_eq!(read[1].algorithm, DigestAlgorithm::MD5);
    assert_eq!(read[0].nonce, read[1].nonce);
    assert!(read.iter().all(|c| c.realm == REALM && c.qop == Some(Qop::Auth) && !c.is_stale));
    assert!(read[0].opaque.is_some());

    let stale = server.challenge(ChallengeOffer::Md5Only, &phone(), ChallengeReason::Stale, at(0));
    assert_eq!(stale.len(), 1);
    let stale = Challenge::parse(&stale[0]).unwrap();
    assert_eq!((stale.algorithm, stale.is_stale), (DigestAlgorithm::MD5, true));
    assert_ne!(stale.nonce, read[0].nonce, "every challenge has its own nonce");
}

#[test]
fn the_count_is_hexadecimal_beyond_one_and_two_bytes() {
    let mut server = server();
    let mut client = challenged(&mut server, ChallengeOffer::Sha256ThenMd5, at(0));
    for count in 1..=0x1_0001_u32 {
        let value = client.authorization(&invite(), 0).unwrap();
        if [9, 10, 0xff, 0x100, 0x101, 0xffff, 0x1_0000, 0x1_0001].contains(&count) {
            assert!(value.contains(&format!("nc={count:08x}")), "{value}");
            assert!(is_proven(judge(&mut server, &value, (&invite(), &phone()), at(1))), "{count}");
        }
    }
}

#[test]
fn a_count_is_taken_once_and_late_ones_only_in_the_window() {
    let mut counts = Counts::default();
    let taken =
        [1, 3, 2, 2, 3, 70, 6, 7, 7, u32::MAX, u32::MAX, 71].map(|count| counts.take(count));
    let wanted = [true, true, true, false, false, true, false, true, false, true, false, false];
    assert_eq!(taken, wanted);
}

#[test]
fn a_replay_is_stale_and_so_is_another_source_and_an_old_nonce() {
    let mut server = server();
    let mut client = challenged(&mut server, ChallengeOffer::Md5Only, at(0));
    let first = client.authorization(&invite(), 1).unwrap();
    assert!(is_proven(judge(&mut server, &first, (&invite(), &phone()), at(1))));
    let replay = judge(&mut server, &first, (&invite(), &phone()), at(1));
    assert_eq!(replay, Some(Verdict::Stale));
    assert_eq!(replay.unwrap().challenge_reason(), ChallengeReason::Stale);

    let second = client.authorization(&invite(), 1).unwrap();
    for elsewhere in [
        flow("192.0.2.7:5063"),
        flow("192.0.2.8:5062"),
        Flow { transport: Transport::Tcp, ..phone() },
        Flow { connection: 1, ..phone() },
    ] {
        assert_eq!(
            judge(&mut server, &second, (&invite(), &elsewhere), at(2)),
            Some(Verdict::Stale)
        );
    }
    assert_eq!(judge(&mut server, &second, (&invite(), &phone()), at(301)), Some(Verdict::Stale));
    assert!(is_proven(judge(&mut server, &second, (&invite(), &phone()), at(299))));
}

#[test]
fn a_nonce_lives_as_long_as_its_binding() {
    let mut server = server();
    let mut client = challenged(&mut server, ChallengeOffer::Md5Only, at(0));
    let first = client.authorization(&invite(), 1).unwrap();
    let Some(Verdict::Proven(proof)) = judge(&mut server, &first, (&invite(), &phone()), at(1))
    else {
        panic!("not proven");
    };
    server.keep_nonce(proof.nonce, at(3600));
    let later = client.authorization(&invite(), 1).unwrap();
    assert!(is_proven(judge(&mut server, &later, (&invite(), &phone()), at(3599))));
    let last = client.authorization(&invite(), 1).unwrap();
    assert_eq!(judge(&mut server, &last, (&invite(), &phone()), at(3600)), Some(Verdict::Stale));
}

#[test]
fn the_next_nonce_spares_the_challenge_and_belongs_to_its_account() {
    let mut server = server();
    let mut client = challenged(&mut server, ChallengeOffer::Sha256ThenMd5, at(0));
    client.authorization(&invite(), 1).unwrap();
    let info = server.authentication_info(USER, &phone(), at(3600), at(1));
    client.on_accepted(Some(&info));
    let value = client.authorization(&invite(), 1).unwrap();
    assert!(value.contains("nc=00000001"), "{value}");
    assert!(is_proven(judge(&mut server, &value, (&invite(), &phone()), at(3000))));

    let other = server.authentication_info("somebody else", &phone(), at(3600), at(1));
    client.on_accepted(Some(&other));
    let value = client.authorization(&invite(), 1).unwrap();
    assert_eq!(judge(&mut server, &value, (&invite(), &phone()), at(2)), Some(Verdict::Stale));
}

#[test]
fn without_qop_a_nonce_is_good_once() {
    let mut server = server();
    let values =
        server.challenge(ChallengeOffer::Md5Only, &phone(), ChallengeReason::Unproven, at(0));
    let old_style = values[0].replace(", qop=\"auth\"", "");
    let mut client = client();
    client.on_challenge("trunk.example", &[&old_style]).unwrap();
    let value = client.authorization(&invite(), 1).unwrap();
    assert!(!value.contains("nc=") && !value.contains("qop="), "{value}");
    assert!(is_proven(judge(&mut server, &value, (&invite(), &phone()), at(1))));
    assert_eq!(judge(&mut server, &value, (&invite(), &phone()), at(1)), Some(Verdict::Stale));
}

#[test]
fn the_uri_may_write_its_hash_and_host_in_another_way_but_not_the_user() {
    #[track_caller]
    fn check(signed: &str, sent: &str, wanted: bool) {
        let mut server = server();
        let mut client = challenged(&mut server, ChallengeOffer::Md5Only, at(0));
        let signed = SignedRequest { uri: signed, ..invite() };
        let value = client.authorization(&signed, 1).unwrap();
        let sent = SignedRequest { uri: sent, ..invite() };
        let verdict = judge(&mut server, &value, (&sent, &phone()), at(1));
        assert_eq!(is_proven(verdict), wanted, "{verdict:?}");
    }
    check("sip:#9@xm.example", "sip:%239@xm.example", true);
    check("sip:%239@xm.example", "sip:#9@xm.example", true);
    check("sip:%239@xm.example", "sip:%239@xm.example", true);
    check("sip:%239@10.0.0.1:5060", "sip:#9@xm.example;user=phone", true);
    check("sip:10.0.0.1:5060", "sip:xm.example", true);
    check("sip:xm.example", "sip:%239@xm.example", false);
    check("tel:%239", "sip:%239@xm.example", false);
    check("sip:%239@xm.example", "sip:110@xm.example", false);
    check("sip:%25239@xm.example", "sip:%239@xm.example", false);
}

#[test]
fn a_full_table_forgets_the_oldest_and_never_takes_a_replay() {
    let mut server = DigestServer::new(DigestConfig { nonces_max: 3, ..config() }, &[7; 32], at(0));
    let mut first = challenged(&mut server, ChallengeOffer::Md5Only, at(0));
    let replayed = first.authorization(&invite(), 1).unwrap();
    assert!(is_proven(judge(&mut server, &replayed, (&invite(), &phone()), at(0))));
    for _ in 0..10 {
        let mut next = challenged(&mut server, ChallengeOffer::Md5Only, at(0));
        let value = next.authorization(&invite(), 1).unwrap();
        assert!(is_proven(judge(&mut server, &value, (&invite(), &phone()), at(0))));
        assert!(server.nonces_in_use() <= 3);
    }
    assert_eq!(judge(&mut server, &replayed, (&invite(), &phone()), at(0)), Some(Verdict::Stale));
}

#[test]
fn nonces_that_are_over_are_swept_and_strangers_cost_nothing() {
    let mut server = DigestServer::new(config(), &[7; 32], at(0));
    for second in 0..2000 {
        server.challenge(ChallengeOffer::Md5Only, &phone(), ChallengeReason::Unproven, at(second));
    }
    assert_eq!(server.nonces_in_use(), 0);
    for second in 2000..2050 {
        server.authentication_info(USER, &phone(), at(0), at(second));
    }
    assert_eq!(server.nonces_in_use(), 50);
    for _ in 0..30 {
        server.authentication_info(USER, &phone(), at(0), at(3000));
    }
    assert_eq!(server.nonces_in_use(), 30);
}

#[test]
fn a_restart_with_the_same_key_voids_what_was_used_before() {
    let mut before = server();
    let mut client = challenged(&mut before, ChallengeOffer::Md5Only, at(1));
    let value = client.authorization(&invite(), 1).unwrap();
    assert!(is_proven(judge(&mut before, &value, (&invite(), &phone()), at(2))));
    let mut after = DigestServer::new(config(), &[7; 32], at(3));
    assert_eq!(judge(&mut after, &value, (&invite(), &phone()), at(4)), Some(Verdict::Stale));
}

#[test]
fn an_unknown_account_is_told_apart_inside_only() {
    let mut server = server();
    let mut client = challenged(&mut server, ChallengeOffer::Md5Only, at(0));
    let value = client.authorization(&invite(), 1).unwrap().replace(USER, "nobody");
    let verdict = judge(&mut server, &value, (&invite(), &phone()), at(1)).unwrap();
    assert_eq!(verdict, Verdict::UnknownAccount);
    assert_eq!(verdict.challenge_reason(), Verdict::Wrong.challenge_reason());
}

#[test]
fn credentials_are_found_by_realm_and_refused_when_malformed() {
    #[track_caller]
    fn check(values: &[&str], wanted: Result<Option<&str>, ParseError>) {
        let found = Credentials::find(values.iter().copied(), REALM);
        assert_eq!(
            found.as_ref().map(|c| c.as_ref().map(Credentials::username)),
            wanted.as_ref().map(|u| *u)
        );
    }
    let good = r#"Digest username="a\"b", realm="xm.example", nonce="n", uri="u", response="r""#;
    let foreign = r#"Digest username="c", realm="other", nonce="n", uri="u", response="r""#;
    check(&[], Ok(None));
    check(&[foreign], Ok(None));
    check(&["Basic YTpi"], Ok(None));
    check(&["Digest nonsense", foreign, good], Ok(Some("a\"b")));
    check(&["Digest"], Err(ParseError::Syntax));
    check(&["Digest nonsense"], Err(ParseError::Syntax));
    check(&[r#"Digest realm="xm.example"#], Err(ParseError::Syntax));
    check(&[r#"Digest realm="xm.example" nonce="n""#], Err(ParseError::Syntax));
    check(&[r#"Digest realm="xm.example", nonce=a b"#], Err(ParseError::Syntax));
    check(&[r#"Digest realm="xm.example""#], Err(ParseError::Missing("username")));
    check(&[&format!("{good}, USERNAME=x")], Err(ParseError::Twice));
    check(&[&format!("{good}, qop=auth, cnonce=c")], Err(ParseError::Missing("nc")));
    check(&[&format!("{good}, qop=auth, nc=00000001")], Err(ParseError::Missing("cnonce")));
    for count in ["00000000", "000000001", "-1", "+1", "0x1", "g"] {
        check(
            &[&format!("{good}, qop=auth, cnonce=c, nc={count}")],
            Err(ParseError::Unusable("nc")),
        );
    }
    check(&[&format!("{good}, qop=token")], Err(ParseError::Unusable("qop")));
    check(&[&format!("{good}, algorithm=SHA-512-256")], Err(ParseError::Unusable("algorithm")));
    check(&[&format!("{good}, x={}", "y".repeat(5000))], Err(ParseError::TooLong));
    let many: String = (0..40).map(|n| format!(", p{n}=1")).collect();
    check(&[&format!("{good}{many}")], Err(ParseError::TooLong));
}

#[test]
fn secrets_are_read_from_hexadecimal_and_stay_secret() {
    let secrets = secrets();
    let (md5, sha256) =
        (secrets.ha1_hex(Hash::Md5).unwrap(), secrets.ha1_hex(Hash::Sha256).unwrap());
    assert_eq!(Secrets::from_hex(Some(&md5.to_uppercase()), Some(&sha256)), Ok(secrets.clone()));
    assert_eq!(Secrets::from_hex(Some("12"), None), Err(SecretsError::Md5));
    assert_eq!(Secrets::from_hex(None, Some(&"g".repeat(64))), Err(SecretsError::Sha256));
    assert_eq!(format!("{secrets:?}"), "Secrets(***)");
}

#[test]
fn an_account_with_one_hash_is_not_proven_by_the_other() {
    let mut server = server();
    let mut client = challenged(&mut server, ChallengeOffer::Md5Only, at(0));
    let value = client.authorization(&invite(), 1).unwrap();
    let found = Credentials::find([value.as_str()], REALM).unwrap().unwrap();
    let only_sha256 = Secrets { md5: None, ..secrets() };
    let verdict = server.verify(&found, Some(&only_sha256), (&invite(), &phone()), at(1));
    assert_eq!(verdict, Verdict::Wrong);
}

#[test]
fn the_client_answers_its_trunk_only() {
    let sha = r#"Digest realm="xm.example", nonce="n1", algorithm=SHA-256, qop="auth,auth-int""#;
    let md5 = r#"Digest realm="xm.example", nonce="n1", algorithm=MD5, qop="auth""#;
    let foreign = r#"Digest realm="elsewhere", nonce="n1", qop="auth""#;
    let mut client = client();
    assert_eq!(client.authorization(&invite(), 1), None);
    assert_eq!(client.on_challenge("evil.example", &[md5]), Err(ChallengeRefused::ForeignHost));
    assert_eq!(
        client.on_challenge("trunk.example", &[foreign]),
        Err(ChallengeRefused::NothingUsable)
    );
    assert_eq!(
        client.on_challenge("trunk.example", &["Basic x"]),
        Err(ChallengeRefused::NothingUsable)
    );
    assert_eq!(client.authorization(&invite(), 1), None);

    client.on_challenge("Trunk.Example", &[md5, sha, foreign]).unwrap();
    let value = client.authorization(&invite(), 1).unwrap();
    assert!(value.contains("algorithm=SHA-256, ") && value.contains("qop=auth, "), "{value}");
    assert_eq!(client.on_challenge("trunk.example", &[md5]), Err(ChallengeRefused::WrongSecret));
}

#[test]
fn the_client_repeats_after_stale_and_after_a_nonce_ran_out() {
    let fresh = r#"Digest realm="xm.example", nonce="n1", qop="auth""#;
    let stale = r#"Digest realm="xm.example", nonce="n2", qop="auth", stale=TRUE"#;
    let mut client = client();
    client.on_challenge("trunk.example", &[fresh]).unwrap();
    client.authorization(&invite(), 1).unwrap();
    client.on_challenge("trunk.example", &[stale]).unwrap();
    let value = client.authorization(&invite(), 1).unwrap();
    assert!(value.contains("nonce=\"n2\"") && value.contains("nc=00000001"), "{value}");
    client.on_accepted(None);
    client.on_challenge("trunk.example", &[fresh]).unwrap();
}

#[test]
fn the_client_signs_the_body_where_only_that_is_offered() {
    let mut server = server();
    let values =
        server.challenge(ChallengeOffer::Sha256ThenMd5, &phone(), ChallengeReason::Unproven, at(0));
    let offered = values[0].replace("qop=\"auth\"", "qop=\"auth-int\"");
    let mut client = client();
    client.on_challenge("trunk.example", &[&offered]).unwrap();
    let value = client.authorization(&invite(), 1).unwrap();
    let tampered = SignedRequest { body: b"v=1\r\n", ..invite() };
    assert_eq!(judge(&mut server, &value, (&tampered, &phone()), at(1)), Some(Verdict::Wrong));
    assert!(is_proven(judge(&mut server, &value, (&invite(), &phone()), at(1))));
}

/// One parameter of the header value, quoted or not, with another value.
fn changed(value: &str, name: &str) -> String {
    let start = value.find(&format!("{name}=")).unwrap() + name.len() + 1;
    let (head, tail) = value.split_at(start);
    let end = tail.find(',').unwrap_or(tail.len());
    let (old, rest) = tail.split_at(end);
    let quote = if old.starts_with('"') { "\"" } else { "" };
    let new = match name {
        "nc" => "00000abc".to_owned(),
        "qop" => "auth-int".to_owned(),
        "algorithm" => if old == "MD5" { "MD5-sess" } else { "MD5" }.to_owned(),
        _ => {
            let inner = old.trim_matches('"');
            let first = if inner.starts_with('0') { '1' } else { '0' };
            format!("{first}{}", inner.chars().skip(1).collect::<String>())
        }
    };
    format!("{head}{quote}{new}{quote}{rest}")
}

const FIELDS: [&str; 10] =
    ["username", "realm", "nonce", "uri", "response", "algorithm", "cnonce", "qop", "nc", "opaque"];

/// What the server reads in a header value, but for `opaque`, which a phone may leave out.
fn meaning(value: &str) -> Option<(Credentials<'_>, String)> {
    let mut found = Credentials::find([value], REALM).ok()??;
    found.opaque = None;
    let response = std::mem::take(&mut found.response).to_ascii_lowercase();
    Some((found, response))
}

proptest! {
    #[test]
    fn what_the_client_makes_is_proven_until_one_thing_changes(
        user in "[a-z0-9\"\\\\陈 ]{1,12}", password in ".{0,20}", seed: u64, uses in 1..4_u32,
        md5_only: bool, body in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut server = server();
        let secrets = Secrets::from_password(&user, REALM, &password);
        let offer = if md5_only { ChallengeOffer::Md5Only } else { ChallengeOffer::Sha256ThenMd5 };
        let values = server.challenge(offer, &phone(), ChallengeReason::Unproven, at(0));
        let mut client = DigestClient::new(ClientAccount {
            username: user.as_str().into(), password: password.as_str().into(), realm: None, host: "h".into(),
        });
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        client.on_challenge("h", &values).unwrap();
        let request = SignedRequest { body: &body, ..invite() };
        let mut judge = |value: &str, request: &SignedRequest<'_>| {
            let found = Credentials::find([value], REALM).ok().flatten()?;
            let known = (found.username() == user).then_some(&secrets);
            Some(server.verify(&found, known, (request, &phone()), at(1)))
        };
        for _ in 0..uses {
            let value = client.authorization(&request, seed).unwrap();
            for field in FIELDS {
                let verdict = judge(&changed(&value, field), &request);
                prop_assert!(!is_proven(verdict), "{field}: {verdict:?}");
            }
            let other = SignedRequest { method: "REGISTER", ..request };
            prop_assert_eq!(judge(&value, &other), Some(Verdict::Wrong));
            prop_assert!(is_proven(judge(&value, &request)));
            prop_assert_eq!(judge(&value, &request), Some(Verdict::Stale));
        }
    }

    #[test]
    fn no_header_value_panics(value in ".{0,300}", list in "(Digest )?([a-z]{1,8}[= ]\"?[^\"]{0,9}[\",\\\\]{0,2}){0,40}") {
        for text in [&value, &list, &format!("Digest {value}")] {
            let _ = Credentials::find([text.as_str()], REALM);
            let _ = Challenge::parse(text);
            let _ = params::next_nonce(text);
        }
    }

    #[test]
    fn no_mutation_panics_or_is_proven(at_byte: prop::sample::Index, with in any::<char>(), cut: bool) {
        let mut server = server();
        let value = challenged(&mut server, ChallengeOffer::Sha256ThenMd5, at(0))
            .authorization(&invite(), 3)
            .unwrap();
        let mut chars: Vec<char> = value.chars().collect();
        let index = at_byte.index(chars.len());
        chars[index] = with;
        if cut {
            chars.truncate(index);
        }
        let mutated: String = chars.into_iter().collect();
        let verdict = judge(&mut server, &mutated, (&invite(), &phone()), at(1));
        if is_proven(verdict) {
            // Then nothing changed that means anything: white space, the case of names and of the response.
            prop_assert_eq!(meaning(&mutated), meaning(&value));
        }
    }
}
