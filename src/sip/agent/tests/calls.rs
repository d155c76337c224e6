//! Calls between two agents over a network that loses what the test says.

use super::world::{Habit, Side, World, outbound, ring_up, sdp};
use crate::agent::api::{CallHandle, Command, Transport};

const CALL: CallHandle = CallHandle(1);
/// 64 × T1 and a margin: by then everything is forgotten.
const REST_MS: i64 = 40_000;

fn answers_after(ms: i64) -> Habit {
    Habit { ring: Some(20), accept: Some(ms), ..Habit::default() }
}

fn call_with(habit: Habit, fate: impl FnMut(Side, &str) -> u32 + 'static) -> World {
    let mut world = World::with_fate(habit, Box::new(fate));
    world.plan(0, Side::Ours, ring_up(1));
    world
}

#[test]
fn a_call_is_made_answered_and_hung_up() {
    let mut world = World::new(answers_after(100));
    world.plan(0, Side::Ours, ring_up(1));
    world.plan(5_000, Side::Ours, Command::Hangup { call: CALL });
    world.run_to(5_000 + REST_MS);
    assert_eq!(
        world.told(Side::Ours),
        ["trying", "ringing 180 false", "answered true", "ended Local"]
    );
    assert_eq!(world.told(Side::Theirs), ["incoming #9", "confirmed false", "ended Remote"]);
    assert_eq!(world.wire.len(), 7, "100, 180, 200, ACK, BYE, 200 and the INVITE");
    world.assert_at_rest("a plain call");
}

#[test]
fn a_refusal_is_told_and_acknowledged() {
    let habit = Habit { reject: Some((50, 486)), ..Habit::default() };
    let mut world = World::new(habit);
    world.plan(0, Side::Ours, ring_up(1));
    world.run_to(REST_MS);
    assert_eq!(world.told(Side::Ours), ["trying", "failed 486"]);
    assert_eq!(world.sent(Side::Ours, "ACK"), 1);
    world.assert_at_rest("a refusal");
}

#[test]
fn what_is_lost_is_repeated() {
    // (what is lost once, by whom, what is told to the caller at the end)
    let rows = [
        (Side::Ours, "INVITE"),
        (Side::Theirs, "SIP/2.0 100"),
        (Side::Theirs, "SIP/2.0 200 OK [CSeq: 1 INVITE]"),
        (Side::Ours, "ACK"),
        (Side::Ours, "BYE"),
        (Side::Theirs, "SIP/2.0 200 OK [CSeq: 2 BYE]"),
    ];
    for (loser, lost) in rows {
        let mut is_lost = false;
        let mut world = call_with(answers_after(100), move |side, line| {
            let loses = !is_lost && side == loser && line.starts_with(lost);
            is_lost |= loses;
            u32::from(!loses)
        });
        world.plan(5_000, Side::Ours, Command::Hangup { call: CALL });
        world.run_to(10_000 + REST_MS);
        assert!(world.told(Side::Ours).contains(&"answered true".to_owned()), "{lost}");
        assert_eq!(world.told(Side::Ours).last().unwrap(), "ended Local", "{lost}");
        assert_eq!(
            world.told(Side::Theirs),
            ["incoming #9", "confirmed false", "ended Remote"],
            "{lost}"
        );
        world.assert_at_rest(lost);
    }
}

#[test]
fn a_200_without_ack_is_repeated_and_hung_up() {
    let mut world = call_with(answers_after(100), |_, line| u32::from(!line.starts_with("ACK")));
    world.run_to(31_000);
    assert_eq!(world.sent(Side::Theirs, "SIP/2.0 200 OK [CSeq: 1 INVITE]"), 10);
    world.run_to(80_000);
    assert_eq!(world.told(Side::Theirs), ["incoming #9", "ended NoAck"]);
    assert_eq!(world.told(Side::Ours).last().unwrap(), "ended Remote");
    world.assert_at_rest("no ACK");
}

#[test]
fn nobody_there_is_said_early_and_late() {
    let mut world = call_with(Habit::default(), |side, _| u32::from(side != Side::Ours));
    world.run_to(1_600);
    assert_eq!(world.told(Side::Ours), ["no trying"]);
    world.run_to(REST_MS);
    assert_eq!(world.told(Side::Ours), ["no trying", "failed 408"]);
    assert_eq!(world.sent(Side::Ours, "INVITE"), 7);
    world.assert_at_rest("nobody there");
}

#[test]
fn a_ringing_call_is_cancelled() {
    let mut world = World::new(Habit { ring: Some(20), ..Habit::default() });
    world.plan(0, Side::Ours, ring_up(1));
    let reason = Some("SIP;cause=200;text=\"Call completed elsewhere\"".into());
    world.plan(1_000, Side::Ours, Command::Cancel { call: CALL, reason });
    world.run_to(REST_MS);
    assert_eq!(world.told(Side::Ours), ["trying", "ringing 180 false", "failed 487"]);
    assert_eq!(world.told(Side::Theirs), ["incoming #9", "cancelled"]);
    world.assert_at_rest("cancel");
}

#[test]
fn a_cancel_waits_for_a_provisional() {
    let mut world = World::new(Habit { ring: Some(20), ..Habit::default() });
    world.plan(0, Side::Ours, ring_up(1));
    world.plan(0, Side::Ours, Command::Cancel { call: CALL, reason: None });
    world.run_to(REST_MS);
    let lines: Vec<&str> = world.wire.iter().take(3).map(|(_, _, line)| line.as_str()).collect();
    assert!(lines[0].starts_with("INVITE"), "{lines:?}");
    assert!(lines[1].starts_with("SIP/2.0 100"), "{lines:?}");
    assert!(lines[2].starts_with("CANCEL"), "{lines:?}");
    assert_eq!(world.told(Side::Ours), ["trying", "failed 487"]);
    assert_eq!(world.told(Side::Theirs), ["incoming #9", "cancelled"]);
    world.assert_at_rest("early cancel");
}

#[test]
fn a_cancel_that_crosses_the_200_ends_in_bye() {
    // The CANCEL leaves at 100 ms, the 200 too: each is under way when the other is sent.
    let mut world = World::new(answers_after(99));
    world.plan(0, Side::Ours, ring_up(1));
    world.plan(100, Side::Ours, Command::Cancel { call: CALL, reason: None });
    world.run_to(REST_MS);
    assert_eq!(world.told(Side::Ours), ["trying", "ringing 180 false", "failed 487"]);
    assert_eq!(world.told(Side::Theirs), ["incoming #9", "confirmed false", "ended Remote"]);
    assert_eq!(world.sent(Side::Ours, "BYE"), 1);
    world.assert_at_rest("crossing");
}

#[test]
fn a_cancel_without_any_answer_is_given_up() {
    let mut world = call_with(Habit { ring: Some(20), ..Habit::default() }, |_, line| {
        u32::from(!line.contains("CANCEL") && !line.contains(" 480 "))
    });
    world.plan(1_000, Side::Ours, Command::Cancel { call: CALL, reason: None });
    world.run_to(34_000);
    assert_eq!(world.told(Side::Ours).last().unwrap(), "failed 487");
    assert_eq!(world.ours.load().calls, 0);
}

#[test]
fn byes_may_cross() {
    let mut world =
        World::new(Habit { accept: Some(10), hang_up: Some(1_000), ..Habit::default() });
    world.plan(0, Side::Ours, ring_up(1));
    world.plan(1_001, Side::Ours, Command::Hangup { call: CALL });
    world.run_to(REST_MS);
    assert_eq!(world.told(Side::Ours).last().unwrap(), "ended Local");
    assert_eq!(world.told(Side::Theirs).last().unwrap(), "ended Local");
    assert_eq!((world.sent(Side::Ours, "BYE"), world.sent(Side::Theirs, "BYE")), (1, 1));
    world.assert_at_rest("crossing BYE");
}

#[test]
fn hanging_up_waits_for_the_ack() {
    let mut is_lost = false;
    let habit = Habit { accept: Some(10), hang_up: Some(11), ..Habit::default() };
    let mut world = call_with(habit, move |_, line| {
        let loses = !is_lost && line.starts_with("ACK");
        is_lost |= loses;
        u32::from(!loses)
    });
    world.run_to(REST_MS);
    let ack = world.wire.iter().rposition(|(_, _, line)| line.starts_with("ACK")).unwrap();
    let bye = world.wire.iter().position(|(_, _, line)| line.starts_with("BYE")).unwrap();
    assert!(ack < bye, "{:?}", world.wire);
    assert_eq!(world.told(Side::Theirs).last().unwrap(), "ended Local");
    world.assert_at_rest("BYE after ACK");
}

#[test]
fn a_restarted_node_ends_what_still_rings() {
    let mut world = World::new(Habit { ring: Some(20), ..Habit::default() });
    world.plan(0, Side::Ours, ring_up(1));
    world.run_to(1_000);
    world.ours = super::world::agent(crate::agent::api::AgentConfig::default(), 9);
    let leg = super::world::leg(1, super::world::udp(super::world::SERVICE, super::world::TRUNK));
    let orphan = Command::CancelOrphan { call: CALL, leg: Box::new(leg), had_credentials: false };
    world.plan(2_000, Side::Ours, orphan);
    world.run_to(REST_MS);
    assert_eq!(world.told(Side::Theirs), ["incoming #9", "cancelled"]);
    assert_eq!(world.told(Side::Ours).last().unwrap(), "ended Orphan");
    world.assert_at_rest("orphan");
}

#[test]
fn a_restarted_node_is_told_that_nothing_rings() {
    let mut world = World::new(Habit::default());
    let leg = super::world::leg(1, super::world::udp(super::world::SERVICE, super::world::TRUNK));
    let orphan = Command::CancelOrphan { call: CALL, leg: Box::new(leg), had_credentials: true };
    world.plan(0, Side::Ours, orphan);
    world.run_to(REST_MS);
    assert_eq!(world.told(Side::Ours), ["ended Orphan"]);
    assert_eq!(world.sent(Side::Ours, "CANCEL"), 2);
    world.assert_at_rest("no orphan");
}

#[test]
fn a_restarted_node_hangs_up_an_orphan_that_was_answered_meanwhile() {
    // Nothing of the old process gets through after 100 ms but what it sent: the 200 meets the new one.
    let mut world = World::new(answers_after(1_500));
    world.plan(0, Side::Ours, ring_up(1));
    world.run_to(1_000);
    world.ours = super::world::agent(crate::agent::api::AgentConfig::default(), 9);
    let leg = super::world::leg(1, super::world::udp(super::world::SERVICE, super::world::TRUNK));
    let orphan = Command::CancelOrphan { call: CALL, leg: Box::new(leg), had_credentials: false };
    world.plan(1_501, Side::Ours, orphan);
    world.run_to(60_000);
    assert_eq!(world.told(Side::Ours).last().unwrap(), "ended Orphan");
    assert_eq!(world.told(Side::Theirs), ["incoming #9", "confirmed false", "ended Remote"]);
    world.assert_at_rest("late orphan");
}

#[test]
fn the_session_is_changed_by_the_layer_above() {
    use super::world::{SERVICE, TOWN, TRUNK, at, drained, udp, word};
    let mut world = World::new(answers_after(50));
    world.plan(0, Side::Ours, ring_up(1));
    world.run_to(1_000);
    let ok = world.wire.len();
    assert_eq!(ok, 5, "INVITE, 100, 180, 200, ACK");
    // The trunk's dialog: our From tag, its tag as it was in the 200.
    let to_tag = world.remote_tag();
    let request = |method: &str, cseq: u32, body: &str| {
        let branch = format!("z9hG4bKhold{method}{cseq}");
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} sip:alarm@10.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP {TRUNK};branch={branch}\r\n\
             From: <sip:%239@town.example;user=phone>;tag={to_tag}\r\n\
             To: \"Lianfang\" <sip:95@town.example>;tag=f1\r\nCall-ID: leg-1\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:held@10.0.0.2>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let flow = udp(SERVICE, TRUNK);
    let mut send = |text: String, ms: i64| {
        world.ours.on_packet(flow, text.as_bytes(), &TOWN, at(ms));
        let (sent, events) = drained(&mut world.ours);
        let sent: Vec<String> =
            sent.iter().map(|(_, text)| text.get(..11).unwrap().to_owned()).collect();
        (sent, events.iter().map(word).collect::<Vec<_>>())
    };
    let hold = "v=0\r\na=sendonly\r\n";
    let (sent, told) = send(request("INVITE", 5, hold), 2_000);
    assert_eq!((sent, told), (vec!["SIP/2.0 100".into()], vec!["change true".into()]));
    // Another change before the answer, then a number that is too low.
    let (sent, told) = send(request("UPDATE", 6, hold), 2_010);
    assert_eq!((sent, told), (vec!["SIP/2.0 500".into()], vec![]));
    let (sent, told) = send(request("INFO", 4, ""), 2_020);
    assert_eq!((sent, told), (vec!["SIP/2.0 500".into()], vec![]));
    world.ours.command(Command::AnswerSession { call: CALL, sdp: Some(sdp("held")) }, at(2_030));
    let (sent, _) = drained(&mut world.ours);
    assert!(sent[0].1.starts_with("SIP/2.0 200") && sent[0].1.ends_with("s=held\r\n"));
    let mut send = |text: String, ms: i64| {
        world.ours.on_packet(flow, text.as_bytes(), &TOWN, at(ms));
        let (sent, events) = drained(&mut world.ours);
        let sent: Vec<String> =
            sent.iter().map(|(_, text)| text.get(..11).unwrap().to_owned()).collect();
        (sent, events.iter().map(word).collect::<Vec<_>>())
    };
    // Our 200 waits for its ACK: a further INVITE glares.
    let (sent, _) = send(request("INVITE", 7, hold), 2_040);
    assert_eq!(sent, ["SIP/2.0 491"]);
    let (_, told) = send(request("ACK", 5, ""), 2_050);
    assert_eq!(told, ["confirmed false"]);
    let (sent, told) = send(request("UPDATE", 8, ""), 2_060);
    assert_eq!((sent, told), (vec!["SIP/2.0 200".into()], vec![]));
    let (sent, told) = send(request("INVITE", 9, ""), 2_070);
    assert_eq!((sent, told), (vec!["SIP/2.0 100".into()], vec!["change false".into()]));
    world.ours.command(Command::AnswerSession { call: CALL, sdp: None }, at(2_080));
    let (sent, _) = drained(&mut world.ours);
    assert!(sent[0].1.starts_with("SIP/2.0 488"));
    // Our BYE goes to the refreshed target.
    world.ours.command(Command::Hangup { call: CALL }, at(2_100));
    let (sent, _) = drained(&mut world.ours);
    assert!(sent[0].1.starts_with("BYE sip:held@10.0.0.2 "), "{}", sent[0].1);
}

#[test]
fn over_a_stream_nothing_is_repeated_but_a_200_without_ack() {
    let habits = [
        (answers_after(100), "ended Local"),
        (Habit { reject: Some((50, 486)), ..Habit::default() }, "failed 486"),
        (Habit { ring: Some(20), ..Habit::default() }, "failed 487"),
    ];
    for (habit, end) in habits {
        let mut world = World::new(habit);
        world.transport = Transport::Tcp;
        let mut invite = outbound(1);
        invite.leg.flow.transport = Transport::Tcp;
        world.plan(0, Side::Ours, Command::Invite(Box::new(invite)));
        if end == "failed 487" {
            world.plan(1_000, Side::Ours, Command::Cancel { call: CALL, reason: None });
        } else {
            world.plan(1_000, Side::Ours, Command::Hangup { call: CALL });
        }
        world.run_to(REST_MS);
        assert_eq!(world.told(Side::Ours).last().unwrap(), end);
        let repeated = world.ours.counters().retransmitted + world.theirs.counters().retransmitted;
        assert_eq!(repeated, 0, "{end}");
        world.assert_at_rest(end);
    }
    let mut world = call_with(answers_after(10), |_, line| u32::from(!line.starts_with("ACK")));
    world.transport = Transport::Tcp;
    world.run_to(20_000);
    assert!(1 < world.sent(Side::Theirs, "SIP/2.0 200 OK [CSeq: 1 INVITE]"));
}
