use super::*;
use crate::alarm::tests::plan;
use crate::directory::Language;
use crate::id::AlarmId;
use crate::leg::{Class, LegOutcome};
use crate::plan::{PartyId, Plan};
use jiff::Timestamp;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn plan_in(building: &str) -> Arc<Plan> {
    let mut plan = plan(&[&["bob"]]);
    plan.scene.address.building = building.into();
    Arc::new(plan)
}

fn leg(alarm: u64) -> LegId {
    LegId { alarm: AlarmId(alarm), number: 1 }
}

fn order(alarm: u64, building: &str) -> LegOrder {
    LegOrder {
        leg: leg(alarm),
        channel: Channel::Voice,
        party: PartyId(1),
        role: Role::Neighbour,
        number_index: 0,
        number: PhoneNumber::from_parts("bob", "bob"),
        language: Language::Chinese,
        message: Message::Alarm,
        along: Vec::new(),
        link: None,
        moment: None,
        coming: Vec::new(),
        class: Class::First,
        ring_timeout_s: 40,
        routes_failed: Vec::new(),
        plan: plan_in(building),
        raised_at: Timestamp::UNIX_EPOCH,
        hand_over: None,
    }
}

fn key(key: char) -> LegReport {
    LegReport::Key { key: Key::of_char(key).unwrap() }
}

fn three() -> Bundles {
    let mut bundles = Bundles::default();
    bundles.begin(order(1, "3"), "trunk".into());
    assert_eq!(bundles.join(leg(1), order(2, "3")), []);
    bundles.on_report(leg(1), &LegReport::Placed { route: "trunk".into() });
    bundles.on_report(leg(1), &LegReport::Ringing);
    let caught_up = bundles.join(leg(1), order(3, "3"));
    assert_eq!(caught_up, [LegReport::Placed { route: "trunk".into() }, LegReport::Ringing]);
    bundles
}

#[test]
fn only_calls_for_help_of_one_building_go_along() {
    let call = order(1, "3");
    assert!(goes_along(&call, &order(2, "3")));
    assert!(!goes_along(&call, &order(1, "3")), "the same alarm");
    assert!(!goes_along(&call, &order(2, "4")), "another building");
    assert!(!goes_along(&order(1, ""), &order(2, "")), "no building");
    let elsewhere = PhoneNumber::from_parts("eve", "eve");
    assert!(!goes_along(&call, &LegOrder { number: elsewhere, ..order(2, "3") }));
    assert!(!goes_along(&call, &LegOrder { message: Message::Cancelled, ..order(2, "3") }));
    assert!(!goes_along(&call, &LegOrder { role: Role::Loudspeaker, ..order(2, "3") }));
    assert!(!goes_along(&call, &LegOrder { channel: Channel::Sms, ..order(2, "3") }));
    let mut drill = (*plan_in("3")).clone();
    drill.is_drill = true;
    assert!(!goes_along(&call, &LegOrder { plan: Arc::new(drill), ..order(2, "3") }));
}

#[test]
fn one_key_answers_for_all_of_them() {
    let mut bundles = three();
    let call = bundles.order(leg(1)).unwrap();
    assert_eq!(call.leg, leg(1));
    assert_eq!(call.along.iter().map(|along| along.leg).collect::<Vec<_>>(), [leg(2), leg(3)]);
    assert_eq!(bundles.on_report(leg(1), &LegReport::Answered), [leg(1), leg(2), leg(3)]);
    assert!(bundles.open_call(&call.number).is_none(), "who listens is not told of one more");
    assert_eq!(bundles.on_report(leg(1), &key('1')), [leg(1), leg(2), leg(3)]);
    assert_eq!(bundles.on_report(leg(1), &key('5')), [leg(1)], "the talk is of one alarm");
    let ended = LegReport::Ended { outcome: LegOutcome::Answered };
    assert_eq!(bundles.on_report(leg(1), &ended), [leg(1), leg(2), leg(3)]);
    assert!(matches!(bundles.leave(leg(2)), Left::Unknown), "the call is over");
}

#[test]
fn an_alarm_that_is_over_leaves_the_call_to_the_others() {
    let mut bundles = three();
    let Left::GoesOn(Some(words)) = bundles.leave(leg(1)) else { panic!("others are told") };
    assert_eq!(words.leg, leg(1), "the call on the wire stays the same");
    assert_eq!(words.along.iter().map(|along| along.leg).collect::<Vec<_>>(), [leg(3)]);
    assert!(matches!(bundles.leave(leg(1)), Left::Unknown), "it has left");
    assert_eq!(bundles.on_report(leg(1), &LegReport::Answered), [leg(2), leg(3)]);
    assert!(matches!(bundles.leave(leg(3)), Left::GoesOn(None)), "nobody is interrupted");
    assert!(matches!(bundles.leave(leg(2)), Left::Last(call) if call == leg(1)));
    let ended = LegReport::Ended { outcome: LegOutcome::Cancelled };
    assert_eq!(bundles.on_report(leg(1), &ended), [leg(2)], "the last one hears the end");
}

#[test]
fn new_words_of_one_leg_are_words_of_the_call() {
    let mut bundles = three();
    let fire = LegOrder { message: Message::StillInDanger, ..order(1, "3") };
    let call = bundles.reword(fire).unwrap();
    assert_eq!((call.message, call.along.len()), (Message::StillInDanger, 2));
    assert_eq!(bundles.call_of(leg(3)), leg(1));
}

proptest! {
    /// Whatever happens in whatever order: no leg is in two calls, and every leg that joined hears its end once.
    #[test]
    fn every_leg_ends_once(steps in proptest::collection::vec((0..6_u8, 1..7_u64), 0..60)) {
        let mut bundles = Bundles::default();
        let mut live = BTreeSet::new();
        let number = order(1, "3").number;
        for (step, alarm) in steps {
            match (step, bundles.open_call(&number)) {
                (0 | 1, None) if bundles.calls.is_empty() => {
                    bundles.begin(order(alarm, "3"), "trunk".into());
                    live.insert(leg(alarm));
                }
                (0 | 1, Some(call)) if !live.contains(&leg(alarm)) => {
                    prop_assert!(goes_along(&call, &order(alarm, "3")) || call.leg == leg(alarm));
                    if call.leg != leg(alarm) {
                        bundles.join(call.leg, order(alarm, "3"));
                        live.insert(leg(alarm));
                    }
                }
                (2, Some(call)) => {
                    let heard = bundles.on_report(call.leg, &LegReport::Answered);
                    prop_assert_eq!(heard.into_iter().collect::<BTreeSet<_>>(), live.clone());
                }
                (3, _) => match bundles.leave(leg(alarm)) {
                    Left::GoesOn(_) => prop_assert!(live.remove(&leg(alarm))),
                    Left::Last(_) => prop_assert_eq!(live.len(), 1),
                    Left::Unknown => prop_assert!(!live.contains(&leg(alarm))),
                },
                (4, _) => {
                    let placed = bundles.by_number.get(&number).copied();
                    if let Some(placed) = placed {
                        let ended = LegReport::Ended { outcome: LegOutcome::NoAnswer };
                        let heard = bundles.on_report(placed, &ended);
                        prop_assert_eq!(heard.into_iter().collect::<BTreeSet<_>>(), live.clone());
                        live.clear();
                    }
                }
                _ => {}
            }
        }
        if live.is_empty() {
            prop_assert!(bundles.call_of.is_empty() && bundles.by_number.len() <= 1);
        }
    }
}
