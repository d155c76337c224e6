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
