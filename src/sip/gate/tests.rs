use super::torture::message;
use super::*;
use crate::agent::api::Transport;
use jiff::SignedDuration;
use proptest::prelude::*;

pub(super) fn flow(remote: &str) -> Flow {
    let local = "192.0.2.1:5060".parse().unwrap();
    Flow { transport: Transport::Udp, local, remote: remote.parse().unwrap(), connection: 0 }
}

pub(super) fn gate_for_all_methods() -> Gate {
    gate(GateConfig { methods: Method::all(), ..GateConfig::default() })
}

fn gate(config: GateConfig) -> Gate {
    Gate::new(config, Timestamp::UNIX_EPOCH)
}

fn at(millis: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_millis(millis)
}

fn answer(message: &str) -> (SocketAddr, String) {
    let mut gate = gate(GateConfig::default());
    let verdict = gate.on_packet(&flow("192.0.2.7:40000"), message.as_bytes(), at(0));
    let Verdict::Answer(answer) = verdict else { panic!("{verdict:?}") };
    (answer.to, String::from_utf8(answer.bytes).unwrap())
}

#[test]
fn an_answer_copies_what_stood_there_and_adds_what_is_due() {
    let (to, text) = answer(&message("REFER sip:a@xm.example SIP/2.0", &[]));
    assert!(text.starts_with("SIP/2.0 405 Method Not Allowed\r\nVia: SIP/2.0/UDP 192.0.2.7:5060;"));
    assert!(text.contains("\r\nAllow: INVITE, ACK, CANCEL, BYE,"), "{text}");
    assert!(text.contains("\r\nTo: <sip:alarm@xm.example>;tag="), "{text}");
    assert!(text.ends_with("\r\nContent-Length: 0\r\n\r\n"), "{text}");
    assert_eq!(to, "192.0.2.7:5060".parse().unwrap(), "the port of sent-by, RFC 3261 18.2.2");
    assert_eq!(
        text,
        answer(&message("REFER sip:a@xm.example SIP/2.0", &[])).1,
        "the tag is stable"
    );
}

#[test]
fn an_answer_goes_to_the_source_and_nowhere_else() {
    let via = "Via: SIP/2.0/UDP 203.0.113.9:53;maddr=224.0.0.1;branch=z9hG4bKx;rport";
    let (to, text) = answer(&message("REFER sip:a@xm.example SIP/2.0", &[via]));
    assert_eq!(to, "192.0.2.7:40000".parse().unwrap());
    assert!(text.contains(";received=192.0.2.7;rport=40000"), "{text}");
    let unreadable = message("INVITE sip:a@xm.example SIP/2.0", &["Via: nonsense"]);
    assert_eq!(answer(&unreadable).0, "192.0.2.7:40000".parse().unwrap());
}

#[test]
fn what_require_names_comes_back_as_unsupported() {
    let require = "Require: 100rel, nonsense, TIMER";
    let (_, text) = answer(&message("INVITE sip:a@xm.example SIP/2.0", &[require, "Require: x"]));
    assert!(text.starts_with("SIP/2.0 420 ") && text.contains("\r\nUnsupported: nonsense, x\r\n"));
}

#[test]
fn bodies_and_lines_are_bounded() {
    let large = "a".repeat(33 * 1024);
    let text = answer(&(message("INVITE sip:a@xm.example SIP/2.0", &[]) + &large)).1;
    assert!(text.starts_with("SIP/2.0 413 "), "{text}");
    let uri = format!("INVITE sip:{large}@xm.example SIP/2.0");
    assert!(answer(&message(&uri, &[])).1.starts_with("SIP/2.0 414 "));
    let tag = format!("From: <sip:a@xm.example>;tag={large}");
    let text = answer(&message("INVITE sip:a@xm.example SIP/2.0", &[&tag])).1;
    assert!(text.starts_with("SIP/2.0 513 ") && text.contains("\r\nCall-ID: "), "{text}");
    let many = vec!["Accept: a/b"; 5_000];
    assert!(
        answer(&message("INVITE sip:a@xm.example SIP/2.0", &many)).1.starts_with("SIP/2.0 513 ")
    );
    let vias = format!("Via: {}", "SIP/2.0/UDP h, ".repeat(500));
    let text = answer(&message("INVITE sip:a@xm.example SIP/2.0", &[&vias])).1;
    assert!(text.starts_with("SIP/2.0 513 "), "{text}");
    let body = "a".repeat(70 * 1024);
    let text = answer(&(message("INVITE sip:a@xm.example SIP/2.0", &[]) + &body)).1;
    assert!(text.starts_with("SIP/2.0 513 "), "{text}");
}

#[test]
fn an_ack_is_never_answered() {
    let mut gate = gate(GateConfig::default());
    let flow = flow("192.0.2.7:5060");
    let bad = message("ACK sip:a@xm.example SIP/2.0", &["Content-Length: -1"]);
    let verdict = gate.on_packet(&flow, bad.as_bytes(), at(0));
    assert_eq!(
        verdict,
        Verdict::Drop(DropReason::Malformed(Reason::Bad(reader::Field::ContentLength)))
    );
    let opaque = message("ACK isbn:1 SIP/2.0", &[]);
    let verdict = gate.on_packet(&flow, opaque.as_bytes(), at(0));
    assert_eq!(verdict, Verdict::Drop(DropReason::RefusedAck));
    let require = message("ACK sip:a@xm.example SIP/2.0", &["Require: nonsense"]);
    assert!(matches!(gate.on_packet(&flow, require.as_bytes(), at(0)), Verdict::Pass(_)));
}

#[test]
fn signs_of_life() {
    let mut gate = gate(GateConfig::default());
    let udp = flow("192.0.2.7:5060");
    let tcp = Flow { transport: Transport::Tcp, ..udp };
    let cases: [(&Flow, &[u8], Option<Keepalive>); 6] = [
        (&udp, b"", Some(Keepalive::Quiet)),
        (&udp, b"\r\n", Some(Keepalive::Quiet)),
        (&udp, b"\r\n\r\n", Some(Keepalive::Quiet)),
        (&udp, &[0; 4], Some(Keepalive::Quiet)),
        (&tcp, b"\r\n\r\n", Some(Keepalive::Pong(b"\r\n"))),
        (&udp, &[0; 5], None),
    ];
    for (flow, bytes, expected) in cases {
        let got = match gate.on_packet(flow, bytes, at(0)) {
            Verdict::Keepalive(keepalive) => Some(keepalive),
            Verdict::Pass(_) | Verdict::Answer(_) | Verdict::Drop(_) => None,
        };
        assert_eq!(got, expected, "{bytes:?}");
    }
    assert_eq!(gate.counters().keepalives, 5);
    assert_eq!(gate.counters().dropped_malformed, 1);
    assert_eq!(gate.counters().each().map(|(_, count)| count).sum::<u64>(), 6);
}

#[test]
fn a_flood_does_not_reach_the_lines() {
    let config = GateConfig {
        per_source: Rate { per_s: 1, burst: 10 },
        strangers: Rate { per_s: 100, burst: 100 },
        protected: Rate { per_s: 1_000, burst: 1_000 },
        sources_max: 64,
        ..GateConfig::default()
    };
    let mut gate = gate(config);
    let line = flow("198.51.100.9:5060");
    assert!(gate.protect(line.remote.ip(), at(0)));
    let invite = message("INVITE sip:%239@xm.example SIP/2.0", &[]);
    let mut passed = 0;
    for i in 0..5_000_u32 {
        let flow =
            Flow { remote: SocketAddr::new((0x0a00_0000 + i).to_be_bytes().into(), 5060), ..line };
        passed +=
            u32::from(matches!(gate.on_packet(&flow, invite.as_bytes(), at(1)), Verdict::Pass(_)));
    }
    assert_eq!(passed, 100);
    assert!(gate.sources.remembered() <= 64);
    for _ in 0..500 {
        assert!(matches!(gate.on_packet(&line, invite.as_bytes(), at(1)), Verdict::Pass(_)));
    }
    let counters = gate.counters();
    assert_eq!((counters.passed, counters.dropped_strangers_rate), (600, 4_900));
}

#[test]
fn one_loud_source_is_shed_alone_and_recovers() {
    let rate = Rate { per_s: 10, burst: 20 };
    let mut gate = gate(GateConfig { per_source: rate, ..GateConfig::default() });
    let loud = flow("[2001:db8::1]:5060");
    let same_household = flow("[2001:db8::2]:5060");
    let calm = flow("192.0.2.7:5060");
    let passes = |gate: &mut Gate, flow: &Flow, now| {
        let verdict = gate.on_packet(flow, b"\r\n", now);
        verdict == Verdict::Keepalive(Keepalive::Quiet)
    };
    assert_eq!((0..100).filter(|_| passes(&mut gate, &loud, at(0))).count(), 20);
    assert!(!passes(&mut gate, &same_household, at(0)));
    assert!(passes(&mut gate, &calm, at(0)));
    assert!(!passes(&mut gate, &loud, at(99)));
    assert!(passes(&mut gate, &loud, at(100)));
    assert!(!passes(&mut gate, &loud, at(50)), "time that runs backwards adds nothing");
    assert_eq!((0..100).filter(|_| passes(&mut gate, &loud, at(3_600_000))).count(), 20);
    assert_eq!(gate.counters().dropped_source_rate, 80 + 1 + 1 + 1 + 80);
}

#[test]
fn marks_are_counted_and_bounded() {
    let rate = Rate { per_s: 1, burst: 1 };
    let mut gate = gate(GateConfig { per_source: rate, protected_max: 1, ..GateConfig::default() });
    let line = flow("192.0.2.7:5060");
    let heard = |gate: &mut Gate| {
        (0..5)
            .filter(|_| gate.on_packet(&line, b"", at(0)) == Verdict::Keepalive(Keepalive::Quiet))
            .count()
    };
    assert!(gate.protect(line.remote.ip(), at(0)) && gate.protect(line.remote.ip(), at(0)));
    assert!(!gate.protect("192.0.2.8".parse().unwrap(), at(0)), "the table is full");
    gate.unprotect(line.remote.ip());
    assert_eq!(heard(&mut gate), 5);
    gate.unprotect(line.remote.ip());
    assert_eq!(heard(&mut gate), 1);
}

proptest! {
    #[test]
    fn a_bucket_never_gives_more_than_burst_and_rate(
        rate in (1_u32..200, 1_u32..50), steps in prop::collection::vec(0_i64..50, 1..300),
    ) {
        let rate = Rate { per_s: rate.0, burst: rate.1 };
        let mut bucket = Bucket::full(rate, at(0));
        let mut now = 0;
        let mut given = 0_u64;
        for step in steps {
            now += step;
            given += u64::from(bucket.take(rate, at(now)));
            let most = u64::from(rate.burst) * 1000 + now.unsigned_abs() * u64::from(rate.per_s);
            prop_assert!(given * 1000 <= most);
        }
    }
}
