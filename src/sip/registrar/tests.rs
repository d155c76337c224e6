use super::*;
use crate::agent::api::Transport;
use crate::digest::{ClientAccount, DigestClient, DigestConfig};
use crate::message::{Method, SipUri, new_request};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::mem::size_of;

const REALM: &str = "xm.example";
const START: i64 = 1_795_300_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(START + second).unwrap()
}

fn udp(remote: &str) -> Flow {
    Flow {
        transport: Transport::Udp,
        local: "10.0.0.1:5060".parse().unwrap(),
        remote: remote.parse().unwrap(),
        connection: 0,
    }
}

fn tcp(remote: &str, connection: u64) -> Flow {
    Flow { transport: Transport::Tcp, connection, ..udp(remote) }
}

/// Every account exists whose name begins with a digit; its password is its name backwards.
struct Town;

impl Accounts for Town {
    fn secrets(&self, account: &str) -> Option<Secrets> {
        let exists = account.starts_with(|c: char| c.is_ascii_digit());
        exists.then(|| Secrets::from_password(account, REALM, &password(account)))
    }

    fn challenge_offer(&self, account: &str) -> ChallengeOffer {
        if account == "old" { ChallengeOffer::Md5Only } else { ChallengeOffer::Sha256ThenMd5 }
    }
}

fn password(account: &str) -> String {
    account.chars().rev().collect()
}

/// A registrar and the phones before it.
struct Exchange {
    registrar: Registrar,
    digest: DigestServer,
    cseq: u32,
}

/// What a phone puts into its REGISTER.
#[derive(Clone, Copy)]
struct Register<'a> {
    aor: &'a str,
    username: &'a str,
    contacts: &'a [&'a str],
    expires: Option<&'a str>,
    call_id: &'a str,
    cseq: Option<u32>,
}

const PHONE: Register<'static> = Register {
    aor: "801",
    username: "801",
    contacts: &["<sip:801@192.168.1.7:5062>"],
    expires: Some("3600"),
    call_id: "c1",
    cseq: None,
};

impl Exchange {
    fn new(config: RegistrarConfig) -> Self {
        let digest = DigestConfig {
            realm: REALM.into(),
            nonce_lifetime: Duration::from_secs(300),
            nonces_max: 1000,
        };
        Self {
            registrar: Registrar::new(config),
            digest: DigestServer::new(digest, &[3; 32], at(0)),
            cseq: 0,
        }
    }

    fn request(&mut self, register: &Register<'_>) -> Request {
        self.cseq += 1;
        let cseq = register.cseq.unwrap_or(self.cseq);
        let mut request = new_request(Method::Register, &SipUri::parse("sip:xm.example").unwrap());
        request.push_header("From", format!("<sip:{}@xm.example>;tag=f", register.aor));
        request.push_header("To", format!("<sip:{}@xm.example>", register.aor));
        request.push_header("Call-ID", register.call_id);
        request.push_header("CSeq", format!("{cseq} REGISTER"));
        request.push_header("User-Agent", "x".repeat(500));
        for contact in register.contacts {
            request.push_header("Contact", *contact);
        }
        if let Some(expires) = register.expires {
            request.push_header("Expires", expires);
        }
        request
    }

    fn send(&mut self, request: &Request, flow: &Flow, now: i64) -> RegisterAnswer {
        self.registrar.on_register((request, flow), &Town, &mut self.digest, at(now))
    }

    /// Sends, is challenged, and sends again with credentials.
    fn register(&mut self, register: &Register<'_>, flow: &Flow, now: i64) -> RegisterAnswer {
        let mut request = self.request(register);
        let challenged = self.send(&request, flow, now);
        assert_eq!(challenged.status, 401);
        sign(&mut request, register.username, &challenged);
        self.send(&request, flow, now)
    }

    fn told(&mut self) -> Vec<Supervision> {
        std::iter::from_fn(|| self.registrar.poll_output()).collect()
    }
}

fn sign(request: &mut Request, username: &str, challenged: &RegisterAnswer) {
    let mut client = DigestClient::new(ClientAccount {
        username: username.into(),
        password: password(username).into(),
        realm: None,
        host: "h".into(),
    });
    client.on_challenge("h", &headers(challenged, "WWW-Authenticate")).unwrap();
    let signed = SignedRequest { method: "REGISTER", uri: "sip:xm.example", body: b"" };
    request.push_header("Authorization", client.authorization(&signed, 1).unwrap());
}

fn headers<'a>(answer: &'a RegisterAnswer, name: &str) -> Vec<&'a str> {
    let found = answer.headers.iter().filter(|(known, _)| *known == name);
    found.map(|(_, value)| value.as_str()).collect()
}

fn account(name: &str) -> Arc<str> {
    name.into()
}

#[test]
fn a_phone_registers_refreshes_moves_and_leaves() {
    let mut exchange = Exchange::new(RegistrarConfig::default());
    let (home, moved) = (udp("203.0.113.9:40000"), udp("203.0.113.9:40001"));
    let answer = exchange.register(&PHONE, &home, 0);
    assert_eq!(answer.status, 200);
    assert_eq!(headers(&answer, "Contact"), ["<sip:801@192.168.1.7:5062>;expires=3600"]);
    assert_eq!(headers(&answer, "Date"), ["Sat, 21 Nov 2026 22:26:40 GMT"]);
    assert!(headers(&answer, "Authentication-Info")[0].starts_with("nextnonce=\""));
    let binding = &exchange.registrar.bindings("801")[0];
    assert_eq!((binding.flow, binding.expires_at), (home, at(3600)));
    assert_eq!(binding.user_agent.as_deref().map(str::len), Some(64));
    assert_eq!(exchange.told(), [Supervision::Registered { account: account("801"), flow: home }]);

    assert_eq!(exchange.register(&PHONE, &home, 1800).status, 200);
    assert_eq!(exchange.told(), [Supervision::Refreshed { account: account("801") }]);
    assert_eq!(exchange.register(&PHONE, &moved, 1900).status, 200);
    let told = exchange.told();
    assert_eq!(told, [Supervision::Moved { account: account("801"), from: home, to: moved }]);
    assert!(exchange.registrar.is_live_binding("801", &moved, at(1900)));
    assert!(!exchange.registrar.is_live_binding("801", &home, at(1900)));
    assert!(!exchange.registrar.is_live_binding("802", &moved, at(1900)));
    assert!(!exchange.registrar.is_live_binding("801", &moved, at(5500)), "expired");

    let left = exchange.register(&Register { expires: Some("0"), ..PHONE }, &moved, 2000);
    assert_eq!((left.status, headers(&left, "Contact").len()), (200, 0));
    let cause = LossCause::Unregistered;
    let lost = Supervision::Lost { account: account("801"), flow: moved, cause, left: 0 };
    assert_eq!(exchange.told(), [lost]);
    assert!(exchange.registrar.is_empty());
    assert_eq!(exchange.registrar.poll_timeout(), None);
}

#[test]
fn nobody_registers_unproven_or_for_another() {
    let mut exchange = Exchange::new(RegistrarConfig::default());
    let flow = udp("203.0.113.9:40000");
    let third_party = Register { aor: "802", ..PHONE };
    assert_eq!(exchange.register(&third_party, &flow, 0).status, 403);
    let unknown = exchange.register(&Register { aor: "x", username: "x", ..PHONE }, &flow, 0);
    assert_eq!(unknown.status, 401);

    let mut request = exchange.request(&PHONE);
    let challenged = exchange.send(&request, &flow, 0);
    assert_eq!(headers(&challenged, "WWW-Authenticate").len(), 2);
    request.push_header("Authorization", "Digest nonsense");
    assert_eq!(exchange.send(&request, &flow, 0).status, 401);
    request.remove_header("Authorization");
    sign(&mut request, "801", &challenged);
    let elsewhere = exchange.send(&request, &udp("198.51.100.1:5060"), 0);
    assert!(headers(&elsewhere, "WWW-Authenticate")[0].contains("stale=true"), "{elsewhere:?}");
    assert!(exchange.registrar.is_empty());
    assert_eq!(exchange.told(), []);

    assert_eq!(exchange.send(&request, &flow, 0).status, 200);
    let replayed = exchange.send(&request, &flow, 0);
    assert_eq!(replayed.status, 401);
    assert!(headers(&replayed, "WWW-Authenticate")[0].contains("stale=true"));
    let mut old = exchange.request(&Register { aor: "old", username: "old", ..PHONE });
    let challenged = exchange.send(&old, &flow, 0);
    assert_eq!(headers(&challenged, "WWW-Authenticate").len(), 1, "MD5 alone");
    old.remove_header("To");
    assert_eq!(exchange.send(&old, &flow, 0).status, 400);
}

#[test]
fn wishes_are_bounded_and_malformed_ones_refused() {
    #[track_caller]
    fn check(contacts: &[&str], expires: Option<&str>, status: u16, kept: &[i64]) {
        let mut exchange = Exchange::new(RegistrarConfig::default());
        let register = Register { contacts, expires, ..PHONE };
        let answer = exchange.register(&register, &udp("203.0.113.9:40000"), 0);
        assert_eq!(answer.status, status, "{answer:?}");
        let bindings = exchange.registrar.bindings("801");
        let lifetimes: Vec<i64> =
            bindings.iter().map(|b| b.expires_at.duration_since(at(0)).as_secs()).collect();
        assert_eq!(lifetimes, kept);
        let min_expires = headers(&answer, "Min-Expires");
        assert_eq!(min_expires, if status == 423 { vec!["60"] } else { vec![] });
    }
    let a = "<sip:a@192.0.2.1>";
    check(&[], None, 200, &[]);
    check(&[a], None, 200, &[3600]);
    check(&[a], Some("120"), 200, &[120]);
    check(&[a], Some("99999999999999"), 200, &[3600]);
    check(&[a], Some("soon"), 200, &[3600]);
    check(&[a], Some("30"), 423, &[]);
    check(&["<sip:a@192.0.2.1>;expires=120, sip:b@192.0.2.1;expires=0"], Some("9"), 200, &[120]);
    check(&["<sip:a@192.0.2.1>;expires=120", "<sip:b@192.0.2.1>;expires=59"], None, 423, &[]);
    check(&["<sip:a@192.0.2.1>;expires=\"90\""], None, 200, &[90]);
    check(&["<sip:a@[2001:db8::1]:5060;transport=tcp>"], Some("60"), 200, &[60]);
    check(&["*"], Some("0"), 200, &[]);
    check(&["*"], Some("60"), 400, &[]);
    check(&["*"], None, 400, &[]);
    check(&["*", a], Some("0"), 400, &[]);
    check(&[a, "<sip:unclosed"], None, 400, &[]);
    check(&[a, a], None, 400, &[]);
    check(&["<tel:110>"], None, 400, &[]);
    check(&[&format!("<sip:{}@192.0.2.1>", "x".repeat(600))], None, 400, &[]);
    let nine: Vec<String> = (0..9).map(|n| format!("<sip:{n}@192.0.2.1>")).collect();
    let nine: Vec<&str> = nine.iter().map(String::as_str).collect();
    check(&nine, None, 403, &[]);
    check(&nine[..8], Some("60"), 200, &[60; 8]);
}

#[test]
fn a_late_request_of_the_same_phone_changes_nothing() {
    let mut exchange = Exchange::new(RegistrarConfig::default());
    let flow = udp("203.0.113.9:40000");
    let mut register = |call_id, cseq, expires| {
        let register = Register { call_id, cseq: Some(cseq), expires: Some(expires), ..PHONE };
        exchange.register(&register, &flow, 0).status
    };
    assert_eq!(register("c1", 7, "600"), 200);
    assert_eq!(register("c1", 7, "0"), 400);
    assert_eq!(register("c1", 6, "0"), 400);
    assert_eq!(register("c2", 1, "500"), 200, "another Call-ID: the phone was restarted");
    assert_eq!(register("c1", 8, "400"), 200);
    let star = Register { contacts: &["*"], expires: Some("0"), cseq: Some(8), ..PHONE };
    assert_eq!(exchange.register(&star, &flow, 0).status, 400);
    assert_eq!(exchange.registrar.bindings("801")[0].expires_at, at(400));
    assert_eq!(exchange.register(&Register { cseq: Some(9), ..star }, &flow, 0).status, 200);
    assert!(exchange.registrar.is_empty());
}

#[test]
fn one_phone_keeps_one_binding_by_its_instance() {
    let mut exchange = Exchange::new(RegistrarConfig::default());
    let flow = udp("203.0.113.9:40000");
    for (contact, count) in [
        ("<sip:801@192.168.1.7:1000>;+sip.instance=\"<urn:uuid:1>\";reg-id=1", 1),
        ("<sip:801@192.168.1.7:2000>;+sip.instance=\"<urn:uuid:1>\";reg-id=1", 1),
        ("<sip:801@192.168.1.7:3000>;+sip.instance=\"<urn:uuid:1>\";reg-id=2", 2),
        ("<sip:801@192.168.1.7:4000>;+sip.instance=\"<urn:uuid:2>\"", 3),
        ("<sip:801@192.168.1.7:5000>", 4),
        ("<sip:801@192.168.1.7:5000;line=x>", 5),
        ("<sip:801@192.168.1.7:2000>;+sip.instance=\"<urn:uuid:2>\"", 4),
    ] {
        let answer = exchange.register(&Register { contacts: &[contact], ..PHONE }, &flow, 0);
        assert_eq!((answer.status, exchange.registrar.len()), (200, count), "{contact}");
    }
    let answer = exchange.register(&Register { contacts: &[], ..PHONE }, &flow, 10);
    let listed = headers(&answer, "Contact");
    assert!(
        listed.contains(
            &"<sip:801@192.168.1.7:3000>;expires=3590;+sip.instance=\"<urn:uuid:1>\";reg-id=2"
        ),
        "{listed:?}"
    );
}

#[test]
fn a_new_phone_displaces_the_one_that_expires_first() {
    let config = RegistrarConfig { bindings_per_account_max: 2, ..RegistrarConfig::default() };
    let mut exchange = Exchange::new(config);
    for (n, expires) in [("1", "500"), ("2", "400"), ("3", "600")] {
        let contact = format!("<sip:{n}@192.0.2.1>");
        let register = Register { contacts: &[&contact], expires: Some(expires), ..PHONE };
        let flow = udp(&format!("192.0.2.1:{n}"));
        assert_eq!(exchange.register(&register, &flow, 0).status, 200);
    }
    let contacts: Vec<&str> =
        exchange.registrar.bindings("801").iter().map(|b| &*b.contact).collect();
    assert_eq!(contacts, ["sip:1@192.0.2.1", "sip:3@192.0.2.1"]);
    let lost = Supervision::Lost {
        account: account("801"),
        flow: udp("192.0.2.1:2"),
        cause: LossCause::Displaced,
        left: 2,
    };
    assert_eq!(exchange.told().last(), Some(&lost));
}

#[test]
fn a_full_registrar_refuses_new_phones_and_refreshes_old_ones() {
    let mut exchange =
        Exchange::new(RegistrarConfig { bindings_max: 1, ..RegistrarConfig::default() });
    let flow = udp("203.0.113.9:40000");
    assert_eq!(exchange.register(&PHONE, &flow, 0).status, 200);
    let other = Register { aor: "802", username: "802", ..PHONE };
    let refused = exchange.register(&other, &flow, 0);
    assert_eq!((refused.status, headers(&refused, "Retry-After")), (503, vec!["30"]));
    assert_eq!(exchange.register(&PHONE, &flow, 1).status, 200);
    assert_eq!(exchange.registrar.len(), 1);
}

#[test]
fn silence_and_closed_connections_are_told() {
    let mut exchange = Exchange::new(RegistrarConfig::default());
    let (first, second, third) =
        (tcp("203.0.113.9:1", 1), tcp("203.0.113.9:2", 2), udp("203.0.113.9:3"));
    for (name, contact, flow, expires) in [
        ("801", "<sip:a@192.0.2.1>", first, "100"),
        ("801", "<sip:b@192.0.2.1>", second, "200"),
        ("802", "<sip:c@192.0.2.1>", first, "300"),
        ("802", "<sip:d@192.0.2.1>", third, "150"),
    ] {
        let contacts = &[contact];
        let expires = Some(expires);
        let register = Register { aor: name, username: name, contacts, expires, ..PHONE };
        assert_eq!(exchange.register(&register, &flow, 0).status, 200);
    }
    exchange.told();
    let lost = |name: &str, flow, cause, left| Supervision::Lost {
        account: account(name),
        flow,
        cause,
        left,
    };

    exchange.registrar.on_connection_closed(1);
    let closed = LossCause::ConnectionClosed;
    assert_eq!(exchange.told(), [lost("801", first, closed, 1), lost("802", first, closed, 1)]);
    exchange.registrar.on_connection_closed(1);
    exchange.registrar.on_connection_closed(0);
    assert_eq!(exchange.told(), []);

    assert_eq!(exchange.registrar.poll_timeout(), Some((at(150), Timer::BindingExpires)));
    exchange.registrar.on_timeout(at(149));
    assert_eq!(exchange.told(), []);
    exchange.registrar.on_timeout(at(150));
    assert_eq!(exchange.told(), [lost("802", third, LossCause::Expired, 0)]);
    exchange.registrar.on_timeout(at(1000));
    assert_eq!(exchange.told(), [lost("801", second, LossCause::Expired, 0)]);
    assert_eq!(exchange.registrar.poll_timeout(), None);
}

#[test]
fn a_mass_expiry_is_taken_in_portions() {
    let mut exchange = Exchange::new(RegistrarConfig::default());
    let flow = udp("203.0.113.9:40000");
    for n in 0..300 {
        let name = n.to_string();
        let register = Register { aor: &name, username: &name, ..PHONE };
        assert_eq!(exchange.register(&register, &flow, 0).status, 200);
    }
    exchange.registrar.on_timeout(at(3600));
    assert_eq!(exchange.registrar.len(), 300 - EXPIRED_PER_TIMEOUT_MAX);
    assert_eq!(exchange.registrar.poll_timeout().map(|(at, _)| at), Some(at(3600)));
    exchange.registrar.on_timeout(at(3600));
    assert!(exchange.registrar.is_empty());
}

/// 10,000 idle lines have to fit well below 20 MiB. Counted: the binding, its texts, the account in the map with
/// its growth, the expiry index, and two nonces; each allocation with 16 bytes of the allocator's own.
#[test]
fn an_idle_line_is_small() {
    const ALLOCATION: usize = 16;
    let texts = 40 + 40 + 45 + 64; // Contact, Call-ID, instance, User-Agent.
    let binding = size_of::<Binding>() + texts + 5 * ALLOCATION;
    let name = 16 + 11 + ALLOCATION; // Arc counts and eleven digits.
    let map = 2 * (size_of::<(Arc<str>, Vec<Binding>)>() + 1);
    let expiry = 2 * size_of::<(Timestamp, Arc<str>)>();
    let nonces = 2 * 2 * 64;
    let line = binding + name + map + expiry + nonces;
    assert!(size_of::<Binding>() <= 240, "{}", size_of::<Binding>());
    assert!(10_000 * line < 12 << 20, "{line} bytes a line");
}

#[test]
fn a_phone_that_reconnects_survives_the_end_of_its_old_connection() {
    let mut exchange = Exchange::new(RegistrarConfig::default());
    let (old, new) = (tcp("203.0.113.9:1", 1), tcp("203.0.113.9:2", 2));
    assert_eq!(exchange.register(&PHONE, &old, 0).status, 200);
    assert_eq!(exchange.register(&PHONE, &new, 10).status, 200);
    exchange.registrar.on_connection_closed(1);
    assert!(exchange.registrar.is_live_binding("801", &new, at(20)));
    exchange.registrar.on_connection_closed(2);
    assert!(exchange.registrar.is_empty());
}

#[test]
fn the_nonce_of_the_answer_serves_the_next_request_without_a_challenge() {
    let mut exchange = Exchange::new(RegistrarConfig::default());
    let flow = udp("203.0.113.9:40000");
    let mut client = DigestClient::new(ClientAccount {
        username: "801".into(),
        password: password("801").into(),
        realm: Some(REALM.into()),
        host: "h".into(),
    });
    let signed = SignedRequest { method: "REGISTER", uri: "sip:xm.example", body: b"" };
    let mut first = exchange.request(&PHONE);
    let challenged = exchange.send(&first, &flow, 0);
    client.on_challenge("h", &headers(&challenged, "WWW-Authenticate")).unwrap();
    first.push_header("Authorization", client.authorization(&signed, 1).unwrap());
    let mut answer = exchange.send(&first, &flow, 0);
    for now in [1800, 3600, 5400] {
        client.on_accepted(headers(&answer, "Authentication-Info").first().copied());
        let mut next = exchange.request(&PHONE);
        next.push_header("Authorization", client.authorization(&signed, 1).unwrap());
        answer = exchange.send(&next, &flow, now - 1);
        assert_eq!(answer.status, 200, "at {now}");
    }
}

/// What may happen to a store of three accounts.
#[derive(Clone, Debug)]
enum Step {
    Put { account: usize, contact: u8, connection: u64, expires: i64 },
    Close(u64),
    Expire(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_usize, 0..4_u8, 0..4_u64, 1..100_i64).prop_map(
            |(account, contact, connection, expires)| Step::Put { account, contact, connection, expires }
        ),
        1 => (1..4_u64).prop_map(Step::Close),
        1 => (1..100_i64).prop_map(Step::Expire),
    ]
}

proptest! {
    /// Whatever happens, the indexes say what a model without indexes says.
    #[test]
    fn the_indexes_stay_true(steps in prop::collection::vec(step(), 1..60)) {
        const NAMES: [&str; 3] = ["801", "802", "803"];
        let mut registrar = Registrar::new(RegistrarConfig::default());
        let mut model: BTreeMap<(&str, String), (u64, i64)> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Put { account, contact, connection, expires } => {
                    let contact = format!("sip:{contact}@x");
                    let flow = if connection == 0 { udp("192.0.2.1:1") } else { tcp("192.0.2.1:1", connection) };
                    let binding = Binding {
                        contact: contact.clone().into(), flow, call_id: "c".into(), cseq: 1,
                        instance: None, reg_id: None, user_agent: None, expires_at: at(expires),
                    };
                    let name = NAMES[account];
                    registrar.store.replace(&name.into(), binding, |known| *known.contact == contact);
                    model.insert((name, contact), (connection, expires));
                }
                Step::Close(connection) => {
                    registrar.on_connection_closed(connection);
                    model.retain(|_, (on, _)| *on != connection);
                }
                Step::Expire(now) => {
                    registrar.on_timeout(at(now));
                    model.retain(|_, (_, expires)| now < *expires);
                }
            }
            prop_assert_eq!(registrar.len(), model.len());
            let first = model.values().map(|(_, expires)| at(*expires)).min();
            prop_assert_eq!(registrar.poll_timeout().map(|(at, _)| at), first);
            for name in NAMES {
                let mut got: Vec<(&str, u64)> = registrar
                    .bindings(name).iter().map(|b| (&*b.contact, b.flow.connection)).collect();
                got.sort_unstable();
                let wanted: Vec<(&str, u64)> = model
                    .iter().filter(|((own, _), _)| *own == name)
                    .map(|((_, contact), (on, _))| (contact.as_str(), *on)).collect();
                prop_assert_eq!(got, wanted);
            }
        }
    }

    /// A proven phone that sends nonsense gets an answer, and keeps within its bounds.
    #[test]
    fn no_register_panics(contact in ".{0,80}", expires in ".{0,12}", odd in "<sip:[0-9a-z@;=:\\[\\]]{0,20}>(;expires=[0-9\"-]{0,12})?(;[+a-z.-]{0,12}=?.{0,9})?") {
        let mut exchange = Exchange::new(RegistrarConfig::default());
        let register = Register { contacts: &[&contact, &odd], expires: Some(&expires), ..PHONE };
        let answer = exchange.register(&register, &udp("192.0.2.1:1"), 0);
        prop_assert!([200, 400, 403, 423].contains(&answer.status), "{answer:?}");
        prop_assert!(exchange.registrar.len() <= 8);
        if answer.status != 200 {
            prop_assert!(exchange.registrar.is_empty());
        }
    }
}
