//! The four figures as tables, and client against server over a bad network.

use super::timers::{Timer, TimerConfig};
use super::*;
use std::collections::BTreeMap;

const TIMERS: TimerConfig = TimerConfig {
    t1: Duration::from_millis(500),
    t2: Duration::from_secs(4),
    t4: Duration::from_secs(5),
};

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_800_000_000_000 + ms).unwrap()
}

fn bytes(text: &str) -> Bytes {
    Bytes::from(text.as_bytes())
}

/// One input to a machine.
#[derive(Clone, Copy)]
enum In {
    /// A response with this status comes (client) or goes (server).
    Status(u16),
    /// The ACK or the repeated request comes.
    Ack,
    /// The clock reaches this many milliseconds.
    At(i64),
}
use In::{Ack, At, Status};

fn millis(deadline: Option<(Timestamp, Timer)>) -> Option<(i64, Timer)> {
    deadline.map(|(when, timer)| (when.as_millisecond() - 1_800_000_000_000, timer))
}

#[test]
fn figure_5_invite_client() {
    // (reliable, inputs, the next timer, over)
    type Row = (bool, &'static [In], Option<(i64, Timer)>, bool);
    let rows: &[Row] = &[
        (false, &[], Some((500, Timer::A)), false),
        (false, &[At(500)], Some((1_500, Timer::A)), false),
        (false, &[At(500), At(1_500), At(3_500)], Some((7_500, Timer::A)), false),
        (false, &[At(40_000), At(40_001)], None, true),
        (true, &[], Some((32_000, Timer::B)), false),
        (true, &[At(32_000)], None, true),
        (false, &[Status(100)], None, false),
        (false, &[Status(183), Status(180)], None, false),
        (false, &[Status(180), Status(200)], Some((32_000, Timer::M)), false),
        (false, &[Status(200), Status(200), At(32_000)], None, true),
        (true, &[Status(200)], Some((32_000, Timer::M)), false),
        (false, &[Status(486)], Some((32_000, Timer::D)), false),
        (false, &[Status(180), Status(486), Status(486), At(32_000)], None, true),
        (true, &[Status(486)], None, true),
    ];
    for (number, (is_reliable, inputs, timer, is_over)) in rows.iter().enumerate() {
        let mut machine = ClientInvite::new(bytes("INVITE"), *is_reliable, &TIMERS, at(0));
        for input in *inputs {
            match input {
                Status(status) => {
                    machine.on_response(*status, &TIMERS, at(0));
                }
                At(ms) => {
                    machine.on_timeout(at(*ms));
                }
                Ack => unreachable!("a client gets no ACK"),
            }
        }
        assert_eq!(millis(machine.poll_timeout()), *timer, "row {number}");
        assert_eq!(machine.is_over(), *is_over, "row {number}");
    }
}

#[test]
fn figure_5_a_failure_is_acknowledged_each_time() {
    let mut machine = ClientInvite::new(bytes("INVITE"), false, &TIMERS, at(0));
    assert_eq!(machine.on_response(486, &TIMERS, at(10)), Heard::Failure);
    machine.acknowledge(bytes("ACK"));
    assert_eq!(machine.on_response(486, &TIMERS, at(600)), Heard::Repeated);
    assert_eq!(machine.repeated_ack(), Some(bytes("ACK")));
    assert_eq!(machine.on_response(200, &TIMERS, at(700)), Heard::Repeated);
}

#[test]
fn figure_5_each_success_is_passed_on() {
    let mut machine = ClientInvite::new(bytes("INVITE"), false, &TIMERS, at(0));
    assert_eq!(machine.on_response(200, &TIMERS, at(10)), Heard::Success);
    assert_eq!(machine.on_response(200, &TIMERS, at(510)), Heard::Success);
    assert_eq!(machine.on_response(180, &TIMERS, at(520)), Heard::Repeated);
    assert_eq!(machine.on_response(486, &TIMERS, at(530)), Heard::Repeated);
    assert_eq!(machine.repeated_ack(), None);
}

#[test]
fn figure_5_a_cancelled_call_is_given_up() {
    let mut machine = ClientInvite::new(bytes("INVITE"), false, &TIMERS, at(0));
    machine.on_response(180, &TIMERS, at(10));
    machine.on_cancel(&TIMERS, at(1_000));
    machine.on_response(180, &TIMERS, at(2_000));
    assert_eq!(millis(machine.poll_timeout()), Some((33_000, Timer::B)));
    assert_eq!(machine.on_timeout(at(32_999)), Fired::Nothing);
    assert_eq!(machine.on_timeout(at(33_000)), Fired::GivenUp);
    assert!(machine.is_over());
}

#[test]
fn figure_6_other_client() {
    type Row = (bool, &'static [In], Option<(i64, Timer)>, bool);
    let rows: &[Row] = &[
        (false, &[], Some((500, Timer::E)), false),
        (false, &[At(500)], Some((1_500, Timer::E)), false),
        (false, &[At(500), At(1_500), At(3_500)], Some((7_500, Timer::E)), false),
        (false, &[At(500), At(1_500), At(3_500), At(7_500)], Some((11_500, Timer::E)), false),
        (false, &[Status(100), At(500)], Some((4_500, Timer::E)), false),
        (false, &[At(31_900), At(32_000)], None, true),
        (false, &[Status(200)], Some((5_000, Timer::K)), false),
        (false, &[Status(100), Status(481)], Some((5_000, Timer::K)), false),
        (false, &[Status(200), At(5_000)], None, true),
        (true, &[], Some((32_000, Timer::F)), false),
        (true, &[Status(200)], None, true),
    ];
    for (number, (is_reliable, inputs, timer, is_over)) in rows.iter().enumerate() {
        let mut machine = ClientNonInvite::new(bytes("BYE"), *is_reliable, &TIMERS, at(0));
        for input in *inputs {
            match input {
                Status(status) => {
                    machine.on_response(*status, &TIMERS, at(0));
                }
                At(ms) => {
                    machine.on_timeout(at(*ms));
                }
                Ack => unreachable!("a client gets no ACK"),
            }
        }
        assert_eq!(millis(machine.poll_timeout()), *timer, "row {number}");
        assert_eq!(machine.is_over(), *is_over, "row {number}");
    }
}

#[test]
fn figure_7_invite_server() {
    type Row = (bool, &'static [In], Option<(i64, Timer)>, bool);
    let rows: &[Row] = &[
        (false, &[], None, false),
        (false, &[Status(100)], None, false),
        (false, &[Status(100), Status(200)], Some((32_000, Timer::L)), false),
        (false, &[Status(200), Ack], Some((32_000, Timer::L)), false),
        (false, &[Status(200), At(32_000)], None, true),
        (true, &[Status(200)], Some((32_000, Timer::L)), false),
        (false, &[Status(486)], Some((500, Timer::G)), false),
        (false, &[Status(486), At(500)], Some((1_500, Timer::G)), false),
        (
            false,
            &[Status(486), At(500), At(1_500), At(3_500), At(7_500)],
            Some((11_500, Timer::G)),
            false,
        ),
        (false, &[Status(486), Ack], Some((5_000, Timer::I)), false),
        (false, &[Status(486), Ack, At(5_000)], None, true),
        (true, &[Status(486)], Some((32_000, Timer::H)), false),
        (true, &[Status(486), Ack], None, true),
        (true, &[Status(486), At(32_000)], None, true),
        (false, &[Status(486), Status(200)], Some((500, Timer::G)), false),
    ];
    for (number, (is_reliable, inputs, timer, is_over)) in rows.iter().enumerate() {
        let mut machine = ServerInvite::new(*is_reliable);
        for input in *inputs {
            match input {
                Status(status) => {
                    machine.on_respond(*status, &bytes("response"), &TIMERS, at(0));
                }
                At(ms) => {
                    machine.on_timeout(at(*ms));
                }
                Ack => machine.on_ack(at(0)),
            }
        }
        assert_eq!(millis(machine.poll_timeout()), *timer, "row {number}");
        assert_eq!(machine.is_over(), *is_over, "row {number}");
    }
}

#[test]
fn figure_8_other_server() {
    type Row = (bool, &'static [In], Option<(i64, Timer)>, Option<&'static str>);
    let rows: &[Row] = &[
        (false, &[], None, None),
        (false, &[Status(100)], None, Some("response")),
        (false, &[Status(200)], Some((32_000, Timer::J)), Some("response")),
        (false, &[Status(200), At(32_000)], None, None),
        (true, &[Status(200)], None, None),
    ];
    for (number, (is_reliable, inputs, timer, repeated)) in rows.iter().enumerate() {
        let mut machine = ServerNonInvite::new(*is_reliable);
        for input in *inputs {
            match input {
                Status(status) => {
                    machine.on_respond(*status, &bytes("response"), &TIMERS, at(0));
                }
                At(ms) => {
                    machine.on_timeout(at(*ms));
                }
                Ack => unreachable!("no ACK outside of INVITE"),
            }
        }
        assert_eq!(millis(machine.poll_timeout()), *timer, "row {number}");
        assert_eq!(machine.on_repeated_request(), repeated.map(bytes), "row {number}");
    }
}

#[test]
fn machines_are_small() {
    assert!(size_of::<Transaction>() <= 112, "{}", size_of::<Transaction>());
}

/// SplitMix64: a seed is a whole story.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Packet {
    Request,
    Response(u16),
    Ack,
}

/// A network that loses, doubles, delays and so reorders a fifth of what it carries.
struct Network {
    random: Random,
    /// By arrival time and number.
    flying: BTreeMap<(i64, u64), Packet>,
    sent: u64,
}

impl Network {
    fn send(&mut self, packet: Packet, now_ms: i64) {
        let copies = match self.random.below(10) {
            0 | 1 => 0,
            2 | 3 => 2,
            _ => 1,
        };
        for _ in 0..copies {
            self.sent += 1;
            let delay = 1 + i64::try_from(self.random.below(700)).unwrap();
            self.flying.insert((now_ms + delay, self.sent), packet);
        }
    }
}

/// Runs one INVITE with this final status. Returns the outcomes at the client and the give-ups at the server.
fn invite_over_bad_network(seed: u64, status: u16) -> (Vec<Heard>, u32, u32) {
    let mut net = Network { random: Random(seed), flying: BTreeMap::new(), sent: 0 };
    let mut client = ClientInvite::new(bytes("INVITE"), false, &TIMERS, at(0));
    let mut server: Option<ServerInvite> = None;
    let (mut heard, mut given_up, mut ack_missing) = (Vec::new(), 0, 0);
    net.send(Packet::Request, 0);
    for _ in 0..10_000 {
        let due = [client.poll_timeout(), server.as_ref().and_then(ServerInvite::poll_timeout)];
        let timer =
            due.iter().flatten().map(|(when, _)| millis(Some((*when, Timer::A))).unwrap().0);
        let arrival = net.flying.first_key_value().map(|((when, _), _)| *when);
        let Some(now_ms) = timer.chain(arrival).min() else { break };
        let now = at(now_ms);
        if arrival == Some(now_ms) {
            let (_, packet) = net.flying.pop_first().unwrap();
            match packet {
                Packet::Request => match &mut server {
                    None => {
                        let mut machine = ServerInvite::new(false);
                        machine.on_respond(100, &bytes("100"), &TIMERS, now);
                        net.send(Packet::Response(100), now_ms);
                        machine.on_respond(status, &bytes("final"), &TIMERS, now);
                        net.send(Packet::Response(status), now_ms);
                        server = Some(machine);
                    }
                    Some(machine) => {
                        if machine.on_repeated_request().is_some() {
                            net.send(Packet::Response(status), now_ms);
                        }
                    }
                },
                Packet::Response(status) => match client.on_response(status, &TIMERS, now) {
                    Heard::Failure => {
                        client.acknowledge(bytes("ACK"));
                        heard.push(Heard::Failure);
                        net.send(Packet::Ack, now_ms);
                    }
                    Heard::Repeated if client.repeated_ack().is_some() => {
                        net.send(Packet::Ack, now_ms);
                    }
                    other @ (Heard::Provisional | Heard::Success | Heard::Repeated) => {
                        heard.push(other);
                    }
                },
                Packet::Ack => server.as_mut().unwrap().on_ack(now),
            }
        }
        match client.on_timeout(now) {
            Fired::Repeat(_) => net.send(Packet::Request, now_ms),
            Fired::GivenUp => given_up += 1,
            Fired::Nothing | Fired::Over => {}
        }
        match server.as_mut().map_or(Fired::Nothing, |server| server.on_timeout(now)) {
            Fired::Repeat(_) => net.send(Packet::Response(status), now_ms),
            Fired::GivenUp => ack_missing += 1,
            Fired::Nothing | Fired::Over => {}
        }
    }
    // A client that heard a provisional only waits for ever; whoever made the call cancels it.
    if client.poll_timeout().is_none() && !client.is_over() {
        heard.push(Heard::Provisional);
    }
    assert!(server.is_none_or(|server| server.is_over()), "seed {seed}: server left over");
    (heard, given_up, ack_missing)
}

#[test]
fn an_invite_ends_in_one_outcome_over_a_bad_network() {
    for seed in 0..1_000 {
        let (heard, given_up, _) = invite_over_bad_network(seed, 486);
        let failures = heard.iter().filter(|heard| **heard == Heard::Failure).count();
        assert_eq!(failures + given_up as usize, 1, "seed {seed}: {heard:?}");
        let (heard, given_up, ack_missing) = invite_over_bad_network(seed, 200);
        assert!(!heard.contains(&Heard::Failure), "seed {seed}");
        assert!(!heard.is_empty() || given_up == 1, "seed {seed}");
        assert_eq!(ack_missing, 0, "seed {seed}: a 2xx is not the transaction's to repeat");
    }
}

#[test]
fn another_request_ends_in_one_outcome_over_a_bad_network() {
    for seed in 0..1_000 {
        let mut net = Network { random: Random(seed), flying: BTreeMap::new(), sent: 0 };
        let mut client = ClientNonInvite::new(bytes("BYE"), false, &TIMERS, at(0));
        let mut server: Option<ServerNonInvite> = None;
        let mut outcomes = 0;
        net.send(Packet::Request, 0);
        for _ in 0..10_000 {
            let due =
                [client.poll_timeout(), server.as_ref().and_then(ServerNonInvite::poll_timeout)];
            let timer =
                due.iter().flatten().map(|(when, _)| millis(Some((*when, Timer::A))).unwrap().0);
            let arrival = net.flying.first_key_value().map(|((when, _), _)| *when);
            let Some(now_ms) = timer.chain(arrival).min() else { break };
            let now = at(now_ms);
            if arrival == Some(now_ms) {
                match net.flying.pop_first().unwrap().1 {
                    Packet::Request => {
                        let machine = server.get_or_insert_with(|| {
                            let mut machine = ServerNonInvite::new(false);
                            machine.on_respond(200, &bytes("200"), &TIMERS, now);
                            machine
                        });
                        if machine.on_repeated_request().is_some() {
                            net.send(Packet::Response(200), now_ms);
                        }
                    }
                    Packet::Response(status) => {
                        if client.on_response(status, &TIMERS, now) == Heard::Success {
                            outcomes += 1;
                        }
                    }
                    Packet::Ack => unreachable!("no ACK outside of INVITE"),
                }
            }
            match client.on_timeout(now) {
                Fired::Repeat(_) => net.send(Packet::Request, now_ms),
                Fired::GivenUp => outcomes += 1,
                Fired::Nothing | Fired::Over => {}
            }
            if let Some(server) = &mut server {
                server.on_timeout(now);
            }
        }
        assert_eq!(outcomes, 1, "seed {seed}");
        assert!(client.is_over(), "seed {seed}");
        assert!(server.is_none_or(|server| server.is_over()), "seed {seed}");
    }
}
