//! A seed is a whole story with crashes in it; a failing seed is a bug report that anybody can replay.

use crate::town::{Does, Random, Town};
use lianfang::switchboard::Action;
use lianfang_domain::alarm::CloseOutcome;
use lianfang_domain::id::AlarmId;
use std::collections::BTreeSet;

/// Stories of one run; more of them find more, and take longer.
const SEEDS: u64 = 4;

async fn step(town: &mut Town, random: &mut Random, alarms: &mut BTreeSet<AlarmId>) {
    let ringing = town.wire.ringing();
    let who = random.one_of(&ringing).cloned();
    match (random.below(13), who) {
        (0, _) => {
            alarms.insert(town.dials("#9").await.alarm);
        }
        (1, _) => {
            // Whoever was told of an alarm can rely on it.
            let mut pressed = town.dials_and_hangs_up(1, "#9");
            tokio::task::yield_now().await;
            town.restarts().await;
            alarms.extend(pressed.try_recv().map(|raised| raised.alarm));
        }
        (10, _) => town.restarts().await,
        (2, _) => {
            town.stops().await;
            town.starts().await;
        }
        (3, _) => town.leap(random.below(700)).await,
        (4, Some(who)) => town.phone(&who, Does::Busy).await,
        (5, Some(who)) => town.phone(&who, Does::NoAnswer).await,
        (6, Some(who)) => town.phone(&who, Does::HangUp).await,
        (7, Some(who)) => {
            let key = random.one_of(&['1', '1', '2', '3', '7', '9']).copied();
            town.phone(&who, Does::Press(key.unwrap_or('1'))).await;
        }
        (8, _) => {
            // It may be over already.
            if let Some(alarm) = random.one_of(&alarms.iter().copied().collect::<Vec<_>>()) {
                let action = [Action::Cancel, Action::Close(CloseOutcome::Unknown, None)];
                let _ = town.acts(*alarm, *random.one_of(&action).expect("two")).await;
            }
        }
        (9, _) => town.edit("UPDATE worker SET is_on_duty = 1 - is_on_duty").await,
        (_, _) => town.pass(random.below(40)).await,
    }
}

/// No phone has two calls of ours; every open alarm that still wants somebody calls somebody within ten minutes.
async fn check(town: &mut Town, alarms: &BTreeSet<AlarmId>, seed: u64) {
    for alarm in alarms {
        let state = town.alarm(*alarm).await;
        if state.is_over() || state.is_satisfied() {
            continue;
        }
        let calls = |town: &Town| {
            let calls = town.wire.calls();
            calls.iter().filter(|(of, _, _)| of == alarm).count()
        };
        let before = calls(town);
        // Phones ring for 55 seconds at most, also those that another alarm waits for.
        for _ in 0..11 {
            for who in town.wire.ringing() {
                town.wire.phone(&who, Does::NoAnswer);
            }
            town.leap(55).await;
        }
        assert!(before < calls(town), "seed {seed}: {alarm} is silent and wants somebody");
    }
}

async fn story(seed: u64) {
    let mut random = Random(seed);
    let mut town = Town::new().await;
    let mut alarms = BTreeSet::from([town.dials("#9").await.alarm]);
    for _ in 0..25 {
        step(&mut town, &mut random, &mut alarms).await;
        let ringing = town.wire.ringing();
        let once: BTreeSet<&String> = ringing.iter().collect();
        assert_eq!(once.len(), ringing.len(), "seed {seed}: {ringing:?}");
    }
    check(&mut town, &alarms, seed).await;
}

#[tokio::test]
async fn no_story_rings_a_phone_twice_or_ends_in_silence() {
    for seed in 0..SEEDS {
        story(seed).await;
    }
}
