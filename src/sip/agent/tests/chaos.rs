//! Many calls over a network that loses, doubles and reorders: each ends once on both sides, and nothing is left.

use super::world::{Habit, PASSWORD, Random, Side, World, outbound, ring_up};
use crate::agent::api::{CallHandle, Command, Credentials, Event};
use std::sync::Arc;

const CALL: CallHandle = CallHandle(1);

/// A habit and the caller's plans, from a seed.
fn story(seed: u64) -> World {
    let mut random = Random(seed.wrapping_mul(77));
    let mut habit = Habit::default();
    if random.below(2) == 0 {
        habit.ring = Some(random.millis(2_000));
    }
    match random.below(3) {
        0 => habit.accept = Some(random.millis(8_000)),
        1 => habit.reject = Some((random.millis(8_000), 486)),
        _ => {}
    }
    if random.below(3) == 0 {
        habit.hang_up = Some(random.millis(20_000));
    } else {
        // In the end everybody puts the receiver down.
        habit.hang_up = Some(100_000);
    }
    let mut world = World::chaotic(seed, habit);
    world.plan(0, Side::Ours, ring_up(1));
    if random.below(2) == 0 {
        let call = CALL;
        world.plan(random.millis(9_000), Side::Ours, Command::Cancel { call, reason: None });
    }
    world.plan(random.millis(20_000), Side::Ours, Command::Hangup { call: CALL });
    world.plan(60_000, Side::Ours, Command::Hangup { call: CALL });
    world
}

fn ends(world: &World, side: Side, call: CallHandle) -> usize {
    let is_end = |event: &Event| match event {
        Event::Cancelled { call: ended }
        | Event::Ended { call: ended, .. }
        | Event::Failed { call: ended, .. } => *ended == call,
        Event::IncomingCall(_)
        | Event::ChallengeFailed(_)
        | Event::ChallengeUnanswered(_)
        | Event::Confirmed { .. }
        | Event::Info { .. }
        | Event::SessionChange { .. }
        | Event::Trying { .. }
        | Event::NoTrying { .. }
        | Event::Ringing { .. }
        | Event::Answered { .. }
        | Event::ProbeAnswered { .. }
        | Event::ProbeLost { .. }
        | Event::Line(_) => false,
    };
    world.events.iter().filter(|(_, whose, event)| *whose == side && is_end(event)).count()
}

#[test]
fn every_call_ends_once_on_both_sides_and_leaves_nothing() {
    let (mut answered, mut cancelled) = (0, 0);
    for seed in 0..1_000 {
        let mut world = story(seed);
        world.run_to(240_000);
        assert_eq!(ends(&world, Side::Ours, CALL), 1, "seed {seed}: {:#?}", world.wire);
        let incoming: Vec<CallHandle> = world
            .events
            .iter()
            .filter_map(|(_, _, event)| {
                let Event::IncomingCall(incoming) = event else { return None };
                Some(incoming.call)
            })
            .collect();
        assert!(incoming.len() <= 1, "seed {seed}: the INVITE raised {} calls", incoming.len());
        for call in incoming {
            let told = ends(&world, Side::Theirs, call);
            let refused = usize::from(world.rejected.contains(&call));
            assert_eq!(told + refused, 1, "seed {seed}: {:#?}", world.wire);
        }
        world.assert_at_rest(&format!("seed {seed}"));
        answered += usize::from(world.told(Side::Ours).contains(&"answered true".to_owned()));
        cancelled += usize::from(world.told(Side::Theirs).contains(&"cancelled".to_owned()));
    }
    // The seeds do tell different stories.
    assert!(100 < answered && 100 < cancelled, "{answered} answered, {cancelled} cancelled");
}

#[test]
fn a_seed_is_a_story() {
    let run = |seed| {
        let mut world = story(seed);
        world.run_to(240_000);
        world.wire
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}

#[test]
fn a_line_that_has_to_prove_itself_gets_through_a_bad_network() {
    let mut answered = 0;
    for seed in 0..500 {
        let habit = Habit { ring: Some(100), accept: Some(500), ..Habit::default() };
        let mut world = World::chaotic(seed, habit);
        world.town.has_trunks = false;
        let mut invite = outbound(1);
        invite.leg.from = "<sip:8001@town.example>".into();
        invite.credentials = Some(Arc::new(Credentials {
            realm: Some("lianfang".into()),
            username: "8001".into(),
            password: PASSWORD.into(),
        }));
        world.plan(0, Side::Ours, Command::Invite(Box::new(invite)));
        world.plan(40_000, Side::Ours, Command::Hangup { call: CALL });
        world.run_to(240_000);
        assert_eq!(ends(&world, Side::Ours, CALL), 1, "seed {seed}: {:#?}", world.wire);
        let told = world.told(Side::Theirs);
        let incoming = told.iter().filter(|word| word.starts_with("incoming")).count();
        assert!(incoming <= 1, "seed {seed}: {told:?}");
        assert_eq!(world.theirs.counters().proofs_wrong, 0, "seed {seed}");
        world.assert_at_rest(&format!("seed {seed}"));
        answered += usize::from(world.told(Side::Ours).contains(&"answered true".to_owned()));
    }
    assert!(490 <= answered, "{answered} of 500 answered");
}

/// One to four edits: a byte changed, a piece cut out, doubled, or taken from another message.
fn mutate(bytes: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(4) {
        let place = |random: &mut Random, length: usize| {
            usize::try_from(random.below(u64::try_from(length).unwrap() + 1)).unwrap()
        };
        let start = place(random, bytes.len());
        let end = (start + place(random, 40)).min(bytes.len());
        match random.below(4) {
            0 if start < bytes.len() => bytes[start] = u8::try_from(random.below(256)).unwrap(),
            1 => drop(bytes.drain(start..end)),
            2 => {
                let piece = bytes[start..end].to_vec();
                bytes.splice(start..start, piece);
            }
            _ => {
                let from = place(random, other.len());
                let piece = other[from..(from + 60).min(other.len())].to_vec();
                bytes.splice(start..end, piece);
            }
        }
    }
    bytes
}

#[test]
fn no_packet_breaks_a_call_agent() {
    let mut raw = Vec::new();
    for seed in 0..10 {
        let mut world = story(seed);
        world.run_to(120_000);
        raw.extend(world.raw);
    }
    let mut random = Random(4475);
    let pick = |random: &mut Random| {
        raw[usize::try_from(random.below(u64::try_from(raw.len()).unwrap())).unwrap()].clone()
    };
    // Calls of the same names are under way, so that what still fits meets them in every state.
    let mut world = World::new(Habit { ring: Some(5), accept: Some(900), ..Habit::default() });
    world.plan(0, Side::Ours, ring_up(1));
    for step in 0..20_000 {
        let bytes = mutate(&pick(&mut random), &pick(&mut random), &mut random);
        let side = if random.below(2) == 0 { Side::Ours } else { Side::Theirs };
        world.inject(side, &bytes);
        if step % 10 == 0 {
            let now = world.now_ms;
            world.run_to(now + 20);
        }
        if step % 500 == 0 {
            let call = CallHandle(u64::try_from(step).unwrap() / 500 + 2);
            let mut again = outbound(1);
            again.call = call;
            world.plan(world.now_ms, Side::Ours, Command::Invite(Box::new(again)));
            world.plan(world.now_ms + 300, Side::Ours, Command::Hangup { call });
        }
    }
    let now = world.now_ms;
    world.run_to(now + 100_000);
    let left = [world.ours.load().transactions, world.theirs.load().transactions];
    assert_eq!(left, [0, 0], "every transaction ends by itself");
}
