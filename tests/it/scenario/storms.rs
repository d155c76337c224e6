//! Many alarms at once.

use crate::town::{Does, LINES, Setup, TRUNK_1, TRUNK_2, Town, answer, routes, trigger};
use lianfang::switchboard::{Press, Switchboard};
use lianfang_domain::id::AlarmId;
use lianfang_domain::kind::AlarmKind;
use lianfang_domain::leg::Channel;
use std::collections::BTreeMap;

#[tokio::test]
async fn in_a_storm_each_alarm_gets_its_duty_worker_before_any_gets_its_tenth_call() {
    let setup = Setup { groups: 200, routes: routes(50), ..Setup::default() };
    let mut town = Town::with(setup).await;

    // The trunks come back when all have pressed: else the first to press would find every channel free.
    let trunks = [LINES, TRUNK_1, TRUNK_2];
    trunks.iter().for_each(|trunk| town.route_is(trunk, false));
    let pressed: Vec<_> = (1..=200).map(|group| town.dials_and_hangs_up(group, "#9")).collect();
    for raised in pressed {
        assert!(answer(raised).await.is_new);
    }
    town.settle().await;
    assert!(town.wire.calls().is_empty());
    trunks.iter().for_each(|trunk| town.route_is(trunk, true));
    town.settle().await;

    let mut calls = 0;
    let mut of_alarm = BTreeMap::new();
    // Each call ends at some time and makes room for another.
    while calls < 2000 {
        let made = town.wire.calls();
        for (alarm, who, _) in &made[calls..] {
            let nth = of_alarm.entry(*alarm).or_insert(0);
            *nth += 1;
            assert_eq!(*nth == 1, who.ends_with("duty"), "{who} is number {nth} of {alarm}");
            if *nth == 10 {
                assert_eq!(of_alarm.len(), 200, "{alarm} has all of its calls first");
            }
        }
        assert!(calls < made.len(), "somebody is called");
        calls = made.len();
        let ringing = town.wire.ringing();
        for who in ringing {
            town.wire.phone(&who, Does::BadNumber);
        }
        town.leap(1).await;
    }
    assert_eq!(of_alarm.len(), 200);
}

#[tokio::test]
async fn with_one_channel_everybody_is_called_one_after_the_other() {
    let mut few = routes(1);
    few.retain(|route| route.channel == Channel::Sms || &*route.name == "trunk-1");
    let mut town = Town::with(Setup { routes: few, ..Setup::default() }).await;
    town.dials("#9").await;
    for nth in 1..=10 {
        assert_eq!(town.wire.calls().len(), nth);
        let ringing = town.wire.ringing();
        assert_eq!(ringing.len(), 1);
        town.phone(&ringing[0], Does::BadNumber).await;
    }
}

#[tokio::test]
async fn a_worker_of_two_alarms_is_called_for_one_after_the_other() {
    let (town, first, second) = two_groups_with_one_worker().await;
    assert_eq!(calls_to_duty(&town), [first]);

    town.phone("duty", Does::Press('1')).await;
    town.phone("duty", Does::HangUp).await;

    assert_eq!(calls_to_duty(&town), [first, second]);
}

#[tokio::test]
async fn a_worker_whose_call_never_ended_is_called_for_the_other_alarm_all_the_same() {
    let (town, first, second) = two_groups_with_one_worker().await;
    town.phone("duty", Does::Press('1')).await;
    town.wire.loses_reports(true);
    town.phone("duty", Does::HangUp).await;
    town.wire.loses_reports(false);
    town.leap(1800).await;
    assert_eq!(calls_to_duty(&town), [first], "they may still talk");

    town.leap(1800).await;

    assert_eq!(calls_to_duty(&town), [first, second]);
}

/// Both groups have pressed.
async fn two_groups_with_one_worker() -> (Town, AlarmId, AlarmId) {
    let setup = Setup {
        groups: 2,
        sql: "UPDATE worker SET numbers = (SELECT numbers FROM worker WHERE id = 1)
            WHERE is_on_duty = 1",
        ..Setup::default()
    };
    let mut town = Town::with(setup).await;
    let first = answer(town.dials_and_hangs_up(1, "#9")).await;
    let second = answer(town.dials_and_hangs_up(2, "#9")).await;
    town.settle().await;
    (town, first.alarm, second.alarm)
}

/// The alarms for which the worker was called, in order.
fn calls_to_duty(town: &Town) -> Vec<AlarmId> {
    let calls = town.wire.calls().into_iter().filter(|(_, who, _)| who == "duty");
    calls.map(|(alarm, _, _)| alarm).collect()
}

#[tokio::test]
async fn a_press_that_finds_no_room_is_given_back() {
    let town = Town::new().await;
    let line = town.line(1);
    // Nobody takes from these inboxes.
    let (switchboard, inboxes) = Switchboard::channel();
    let press = |number: usize| Press {
        trigger: trigger("#9", &format!("call-{number}")),
        line,
        kind: AlarmKind::Unknown,
        heard_at: town.clock.now(),
        is_silent: false,
        reply: Box::new(|_| {}),
    };
    let taken = (0..).take_while(|number| switchboard.press(press(*number)).is_ok()).count();
    assert_eq!(taken, 65_536);
    drop(inboxes);
    let refused = switchboard.press(press(5000)).expect_err("nobody is there");
    assert_eq!(&*refused.trigger.idempotency_key, "call-5000");
}
