//! One story for each rule.

use super::*;

#[test]
fn everybody_rings_at_once_and_the_duty_worker_first() {
    let mut story = Story::begin(plan(&[&["bob", "bobs wife"], &["land eve"]]), Proof::Digest);
    let orders = story.fresh_orders();
    let names: Vec<String> = orders.iter().map(name).collect();
    assert_eq!(
        names,
        [
            "call duty Alarm",
            "sms duty Alarm",
            "call bob Alarm",
            "sms bob Alarm",
            "sms bobs wife Alarm",
            "call land eve Alarm",
            "sms son OwnHousehold",
        ]
    );
    assert!(orders.iter().all(|order| order.class == Class::First));
    assert_eq!(story.told, [ResidentNotice::HelpCalled { households: 2 }]);
}

#[test]
fn a_group_of_ten_is_ten_calls_and_ten_sms() {
    let keys: Vec<String> = (0..9).map(|index| format!("n{index}")).collect();
    let lists: Vec<[&str; 1]> = keys.iter().map(|key| [key.as_str()]).collect();
    let lists: Vec<&[&str]> = lists.iter().map(<[&str; 1]>::as_slice).collect();
    let mut group = plan(&lists);
    group.parties.pop();
    let mut story = Story::begin(group, Proof::Trunk);
    let orders = story.fresh_orders();
    let voice = orders.iter().filter(|order| order.channel == Channel::Voice).count();
    assert_eq!((voice, orders.len()), (10, 20));
}

#[test]
fn the_next_number_rings_as_soon_as_one_fails() {
    for outcome in [
        LegOutcome::Busy,
        LegOutcome::NoAnswer,
        LegOutcome::Declined,
        LegOutcome::BadNumber,
        LegOutcome::AnsweredNoKey,
    ] {
        let mut story = Story::begin(plan(&[&["bob", "wife"]]), Proof::Digest);
        let bob = story.voice("bob");
        story.fresh();
        story.ends(bob, outcome);
        assert_eq!(story.fresh(), ["call wife Alarm"], "{outcome:?}");
    }
}

#[test]
fn a_busy_number_rings_again_after_15_and_30_seconds() {
    let mut story = Story::small();
    for pause in [15, 30] {
        let bob = story.voice("bob");
        story.fresh();
        story.ends(bob, LegOutcome::Busy);
        story.pass(pause - 1);
        assert_eq!(story.fresh(), Vec::<String>::new());
        story.pass(1);
        assert_eq!(story.fresh(), ["call bob Alarm"]);
    }
    let bob = story.voice("bob");
    story.ends(bob, LegOutcome::Busy);
    story.pass(60);
    assert_eq!(story.fresh(), Vec::<String>::new(), "then it waits for the wave");
}

#[test]
fn nobody_answered_so_it_rings_once_more_inside_the_window() {
    let mut story = Story::small();
    let bob = story.voice("bob");
    story.pass(40);
    story.fresh();
    story.ends(bob, LegOutcome::NoAnswer);
    story.pass(64);
    assert_eq!(story.fresh(), Vec::<String>::new());
    story.pass(1);
    assert_eq!(story.fresh(), ["call bob Alarm"]);
}

#[test]
fn a_carrier_failure_goes_over_another_route_at_once_and_not_for_ever() {
    let mut story = Story::small();
    story.fresh();
    for route in ["a", "b"] {
        let bob = story.alarm.legs().iter().rev().find(|leg| leg.party == PartyId(1)).unwrap();
        let bob = if route == "a" { bob.number - 1 } else { bob.number };
        story.tell(bob, LegReport::Placed { route: route.into() });
        story.ends(bob, LegOutcome::CarrierFailed);
        let orders = story.fresh_orders();
        assert_eq!(orders.len(), 1);
        assert_eq!(orders[0].number.key(), "bob");
        assert_eq!(orders[0].class, Class::First);
        assert!(orders[0].routes_failed.contains(&route.into()));
    }
    let last = story.alarm.legs().last().unwrap().number;
    story.ends(last, LegOutcome::CarrierFailed);
    assert_eq!(story.fresh(), Vec::<String>::new());
    story.pass(120);
    assert!(story.fresh().contains(&"call bob Alarm".to_owned()), "the wave tries it again");
}

#[test]
fn a_wrong_number_never_rings_again_in_this_alarm() {
    let mut story = Story::small();
    story.ends(story.voice("bob"), LegOutcome::BadNumber);
    story.fresh();
    let called = story.rings_in_vain(7200);
    assert!(!called.iter().any(|(_, name)| name.contains("call bob")));
    assert!(called.iter().any(|(_, name)| name.contains("call eve")));
}

#[test]
fn voicemail_is_nobody_and_rings_again_with_the_wave() {
    let mut story = Story::small();
    let bob = story.voice("bob");
    story.tell(bob, LegReport::Answered);
    story.ends(bob, LegOutcome::AnsweredNoKey);
    story.fresh();
    assert_eq!(story.alarm.households_coming(), 0);
    story.pass(119);
    assert_eq!(story.fresh(), Vec::<String>::new());
    story.pass(1);
    assert_eq!(story.fresh(), ["call bob Alarm"]);
}

#[test]
fn one_neighbour_does_not_stop_the_others_two_do() {
    let mut story = Story::small();
    let legs = [story.voice("bob"), story.voice("eve"), story.voice("joe"), story.voice("duty")];
    for sms in [story.sms("joe"), story.sms("eve")] {
        story.tell(sms, accepted());
    }
    story.presses(legs[0], '1');
    assert_eq!(story.cancels, []);
    story.fresh();
    let events = story.presses(legs[1], '1');
    assert!(events.contains(&Event::EnoughComing));
    assert_eq!(
        story.cancels,
        [(legs[2], CancelReason::EnoughComing)],
        "the duty worker's rings on"
    );
    assert_eq!(story.fresh(), ["sms joe StandDown"]);
    assert_eq!(
        story.told[1..],
        [
            ResidentNotice::Coming { party: PartyId(1) },
            ResidentNotice::Coming { party: PartyId(2) },
        ]
    );
    story.ends(legs[2], LegOutcome::Cancelled);
    story.ends(legs[3], LegOutcome::NoAnswer);
    story.pass(65);
    assert_eq!(story.fresh(), ["call duty Alarm"], "still wanted besides the households");
    story.presses(story.voice("duty"), '1');
    story.pass(300);
    assert_eq!(story.fresh(), Vec::<String>::new(), "now it is quiet");
    let until = Some((at(600), Deadline::Arrival));
    assert_eq!(story.alarm.poll_timeout(), until, "until they should be there");
    story.presses(legs[2], '1');
    assert_eq!(story.alarm.households_coming(), 3, "late, and welcome");
}

#[test]
fn a_household_that_replies_by_sms_is_not_rung_on() {
    let mut story = Story::small();
    let (call, sms) = (story.voice("bob"), story.sms("bob"));
    story.presses(sms, '1');
    assert!(story.is_cancelled(call, CancelReason::AnsweredElsewhere));
    let (call, sms) = (story.voice("duty"), story.sms("duty"));
    story.presses(sms, '1');
    assert!(!story.cancels.iter().any(|(leg, _)| *leg == call), "never the duty worker's");
}

#[test]
fn waves_go_on_without_end_and_grow_to_ten_minutes() {
    let mut story = Story::small();
    story.rings_in_vain(2 * 86_400);
    let waves: Vec<i64> = story
        .log
        .iter()
        .filter(|(_, event)| matches!(event, Event::WaveStarted { .. }))
        .map(|(when, _)| when.duration_since(at(0)).as_secs())
        .collect();
    let pauses: Vec<i64> = waves.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(pauses[..6], [120, 180, 270, 405, 600, 600]);
    assert!(280 < pauses.len());
    assert!(story.alarm.legs().len() < 400, "{}", story.alarm.legs().len());
}

#[test]
fn a_neighbour_is_called_five_times_an_hour_and_the_duty_worker_every_65_seconds() {
    let mut story = Story::small();
    let called = story.rings_in_vain(3 * 3600);
    let of = |who: &str| -> Vec<i64> {
        let name = format!("call {who} Alarm");
        called.iter().filter(|(_, known)| *known == name).map(|(at, _)| *at).collect()
    };
    for times in [of("bob"), of("eve")] {
        assert!(times.windows(6).all(|six| 3600 <= six[5] - six[0]), "{times:?}");
        assert!(14 <= times.len() && times.len() <= 15, "{times:?}");
    }
    assert_eq!(story.told.len(), 1, "the resident hears of the first wave alone");
    let duty = of("duty");
    assert!(duty.windows(2).all(|pair| pair[1] - pair[0] <= 66), "{duty:?}");
}

#[test]
fn keys_are_recorded_once_and_stop_nothing_that_they_should_not() {
    let mut story = Story::small();
    let bob = story.voice("bob");
    for key in ['5', '6', '8', '9', '0', '*', '#', 'A'] {
        assert_eq!(story.presses(bob, key), [], "{key}");
    }
    assert_eq!(story.presses(bob, '4').len(), 1);
    assert_eq!(story.presses(bob, '4').len(), 0);
    story.fresh();
    story.presses(bob, '7');
    assert_eq!(story.presses(bob, '7'), []);
    assert_eq!(story.fresh(), ["sms duty SaidMistake"]);
    assert_eq!(story.cancels, [], "a mistake, says one: the phones ring on");
    assert_eq!(story.presses(bob, '3').len(), 2, "who is there was coming");
    assert_eq!(story.presses(bob, '3'), []);
    assert_eq!(story.presses(bob, '1'), []);
    assert_eq!(story.presses(bob, '2'), [], "they are at the door");
    let state = story.alarm.party(PartyId(1)).unwrap();
    assert!(state.arrived_at.is_some() && state.police_called_at.is_some());
    assert!(state.said_mistake_at.is_some() && state.declined_at.is_none());
}

#[test]
fn who_cannot_come_is_left_in_peace_while_another_phone_is_left() {
    let mut story = Story::begin(plan(&[&["bob"], &["eve"]]), Proof::Digest);
    let bob = story.voice("bob");
    story.presses(bob, '2');
    story.ends(bob, LegOutcome::AnsweredNoKey);
    assert_eq!(story.alarm.leg(bob).unwrap().ended.unwrap().1, LegOutcome::Answered);
    story.fresh();
    let called = story.rings_in_vain(1800);
    assert!(!called.iter().any(|(_, name)| name == "call bob Alarm"));
}

#[test]
fn a_second_thought_rings_the_others_again() {
    let mut story = Story::small();
    let (bob, eve, joe) = (story.voice("bob"), story.voice("eve"), story.voice("joe"));
    story.presses(bob, '1');
    story.presses(eve, '1');
    story.ends(joe, LegOutcome::Cancelled);
    story.pass(600);
    story.fresh();
    story.presses(bob, '2');
    assert!(!story.alarm.has_enough());
    assert!(story.fresh().contains(&"call joe Alarm".to_owned()));
}

#[test]
fn another_person_of_the_household_does_not_send_the_first_one_back() {
    let mut story = Story::begin(plan(&[&["bob", "wife"]]), Proof::Digest);
    let wife = story.sms("wife");
    story.presses(story.voice("bob"), '1');
    assert_eq!(story.presses(wife, '2'), []);
    assert_eq!(story.alarm.households_coming(), 1);
}

#[test]
fn a_weak_alarm_goes_to_the_duty_worker_and_widens_by_itself() {
    let mut story = Story::begin(plan(&[&["bob"]]), Proof::Weak);
    assert_eq!(
        story.fresh(),
        ["call duty WeakAlarm", "sms duty WeakAlarm", "sms son OwnHousehold"]
    );
    story.pass(29);
    assert_eq!(story.fresh(), Vec::<String>::new());
    story.pass(1);
    assert_eq!(story.fresh(), ["call bob WeakAlarm", "sms bob WeakAlarm"]);
    assert_eq!(story.told[1], ResidentNotice::HelpCalled { households: 1 });
}

#[test]
fn a_weak_alarm_widens_by_the_duty_worker() {
    let mut story = Story::begin(plan(&[&["bob"]]), Proof::Weak);
    story.fresh();
    story.presses(story.voice("duty"), '7');
    assert_eq!(story.fresh(), Vec::<String>::new(), "a mistake, they say: it still widens in time");
    story.presses(story.voice("duty"), '1');
    assert_eq!(story.fresh(), ["call bob WeakAlarm", "sms bob WeakAlarm"]);
}

#[test]
fn a_weak_alarm_without_a_duty_worker_widens_at_once() {
    let mut nobody = plan(&[&["bob"]]);
    nobody.parties[0].numbers.clear();
    let mut story = Story::begin(nobody, Proof::Weak);
    assert!(story.fresh().contains(&"call bob WeakAlarm".to_owned()));
}

fn again(story: &mut Story, proof: Proof) -> Vec<Event> {
    let plan = (*story.alarm.plan()).clone();
    let next = Arc::new((*plan).clone().succeeding(&plan));
    story.input(&Input::PressedAgain { trigger: trigger(proof), plan: next })
}

#[test]
fn nine_again_rings_whoever_is_not_coming_and_tells_the_others() {
    let mut story = Story::small();
    for key in ["bob", "eve", "duty"] {
        let leg = story.voice(key);
        story.presses(leg, '1');
        story.ends(leg, LegOutcome::Answered);
        let sms = story.sms(key);
        story.ends(sms, LegOutcome::Sent);
    }
    let joe = story.voice("joe");
    story.ends(joe, LegOutcome::Cancelled);
    story.ends(story.sms("joe"), LegOutcome::Sent);
    story.pass(300);
    story.fresh();
    again(&mut story, Proof::Digest);
    assert_eq!(
        story.fresh(),
        [
            "call joe StillInDanger",
            "sms joe StillInDanger",
            "sms duty StillInDanger",
            "sms bob StillInDanger",
            "sms eve StillInDanger",
        ]
    );
    assert_eq!(story.alarm.plan().revision, 2);
    let events = again(&mut story, Proof::Digest);
    assert!(!events.is_empty(), "recorded");
    assert_eq!(story.fresh(), Vec::<String>::new(), "no second SMS within a minute");
    story.presses(story.voice("joe"), '1');
    assert!(story.alarm.is_satisfied());
}

#[test]
fn nine_again_with_proof_widens_a_weak_alarm() {
    let mut story = Story::begin(plan(&[&["bob"]]), Proof::Weak);
    story.fresh();
    story.now = 5;
    again(&mut story, Proof::Digest);
    assert_eq!(story.fresh(), ["call bob StillInDanger", "sms bob StillInDanger"]);
    assert!(!story.alarm.is_weak());
}

#[test]
fn a_plan_that_does_not_follow_rings_by_the_old_one() {
    let mut story = Story::small();
    story.ends(story.voice("bob"), LegOutcome::Declined);
    story.fresh();
    let unrelated = Arc::new(plan(&[&["stranger"]]));
    let events =
        story.input(&Input::PressedAgain { trigger: trigger(Proof::Digest), plan: unrelated });
    assert!(!events.iter().any(|event| matches!(event, Event::Planned { .. })));
    assert_eq!(story.fresh(), ["call bob StillInDanger"]);
}

#[test]
fn when_nine_again_is_a_new_alarm() {
    let mut story = Story::small();
    assert_eq!(story.alarm.takes_another_press(at(7199)), Press::Again);
    assert_eq!(story.alarm.takes_another_press(at(7200)), Press::NewAlarm);
    story.rings_in_vain(7300);
    assert_eq!(story.alarm.takes_another_press(at(7300)), Press::NewAlarm, "only we were at it");
    story.fresh();
    story.by_page(followed::EVE, '2');
    assert_eq!(story.alarm.takes_another_press(at(7300 + 7199)), Press::Again, "somebody was");
    let mut story = Story::small();
    story.presses(story.voice("bob"), '3');
    assert_eq!(story.alarm.takes_another_press(at(1)), Press::NewAlarm);
    let mut story = Story::small();
    story.input(&Input::Cancel { actor: "op".into() });
    assert_eq!(story.alarm.takes_another_press(at(1)), Press::NewAlarm);
}

#[test]
fn everybody_who_was_told_is_told_of_the_cancel() {
    let mut story = Story::begin(plan(&[&["bob"], &["land eve"], &["joe"]]), Proof::Digest);
    story.tell(story.sms("bob"), accepted());
    story.tell(story.sms("duty"), LegReport::Placed { route: "sms".into() });
    let eve = story.voice("land eve");
    story.tell(eve, LegReport::Answered);
    story.presses(eve, '1');
    story.ends(eve, LegOutcome::Answered);
    let (joe, waiting) = (story.voice("joe"), story.sms("joe"));
    story.fresh();
    story.input(&Input::Cancel { actor: "op".into() });
    assert_eq!(
        story.fresh(),
        ["sms duty Cancelled", "sms bob Cancelled", "call land eve Cancelled"]
    );
    assert!(story.is_cancelled(joe, CancelReason::AlarmOver));
    assert!(story.is_cancelled(waiting, CancelReason::AlarmOver), "it had not gone out");
    assert_eq!(story.presses(joe, '1'), [], "over");
    let eve = story.voice("land eve");
    story.ends(eve, LegOutcome::CarrierFailed);
    assert_eq!(story.fresh(), ["call land eve Cancelled"]);
    for _ in 0..3 {
        let bob = story.sms("bob");
        story.ends(bob, LegOutcome::CarrierFailed);
        story.pass(60);
    }
    assert!(story.fresh().iter().filter(|name| *name == "sms bob Cancelled").count() == 3);
    let events = story.input(&Input::Close {
        actor: "op".into(),
        outcome: CloseOutcome::FalseAlarm,
        matter: None,
    });
    assert_eq!(events.len(), 1, "a cancelled alarm is closed with what it was");
    assert_eq!(story.input(&Input::Cancel { actor: "op".into() }), []);
    assert_eq!(story.alarm.poll_timeout(), None);
}

#[test]
fn a_closed_alarm_rings_nobody() {
    let mut story = Story::small();
    story.fresh();
    story.input(&Input::Close { actor: "op".into(), outcome: CloseOutcome::Genuine, matter: None });
    assert_eq!(story.cancels.len(), 9, "four calls, and the five SMS that still waited");
    assert_eq!(story.input(&Input::TimePassed), []);
    story.input(&Input::Restarted);
    story.pass(86_400);
    assert_eq!(story.fresh(), Vec::<String>::new());
}

#[test]
fn a_restart_ends_the_orphans_first_and_rings_again() {
    let mut story = Story::small();
    let taken = story.sms("bob");
    story.tell(taken, accepted());
    let old: Vec<u32> = story.alarm.legs().iter().map(|leg| leg.number).collect();
    story.fresh();
    let events = story.input(&Input::Restarted);
    let lost = events.iter().take_while(|event| matches!(event, Event::LegEnded { .. })).count();
    assert_eq!(lost, 8, "all ends before all orders: {events:?}");
    assert_eq!(story.cancels.len(), 8);
    let names = story.fresh();
    assert_eq!(names.len(), 8);
    assert!(!names.contains(&"sms bob Alarm".to_owned()), "the provider has it");
    assert!(story.alarm.legs().iter().skip(old.len()).all(|leg| !old.contains(&leg.number)));
    let orphan = old[0];
    assert_eq!(story.ends(orphan, LegOutcome::NoAnswer), [], "a late report of an orphan");
    assert!(!story.presses(orphan, '1').is_empty(), "but a key is a key");
}

#[test]
fn a_crash_loop_does_not_use_up_the_budget() {
    let mut story = Story::small();
    for _ in 0..20 {
        story.fresh();
        story.input(&Input::Restarted);
        assert!(story.fresh().contains(&"call bob Alarm".to_owned()));
    }
}

#[test]
fn a_leg_that_says_nothing_is_given_up_within_ten_minutes() {
    let mut story = Story::small();
    let bob = story.voice("bob");
    story.fresh();
    story.pass(599);
    assert!(story.is_cancelled(bob, CancelReason::Lost));
    assert!(story.fresh().contains(&"call bob Alarm".to_owned()));
}

/// The word of its end was lost: its slot has to come free, and it may never have been sent.
#[test]
fn a_message_of_which_nothing_is_said_is_given_up_and_sent_again() {
    let mut story = Story::small();
    let (bob, waits) = (story.sms("bob"), story.sms("duty"));
    story.tell(bob, LegReport::Placed { route: "sms".into() });
    story.fresh();
    story.pass(599);
    assert!(story.is_cancelled(bob, CancelReason::Lost));
    assert!(story.fresh().contains(&"sms bob Alarm".to_owned()));
    assert!(!story.is_cancelled(waits, CancelReason::Lost), "no slot was free for it yet");
}

#[test]
fn nonsense_is_ignored() {
    let mut story = Story::small();
    let bob = story.voice("bob");
    assert_eq!(story.tell(999, LegReport::Ringing), []);
    assert_eq!(story.presses(999, '1'), []);
    assert_eq!(story.tell(bob, accepted()), []);
    assert_eq!(story.tell(bob, LegReport::Delivered), []);
    story.tell(bob, LegReport::Answered);
    assert_eq!(story.tell(bob, LegReport::Ringing), [], "out of order");
    assert_eq!(story.tell(bob, LegReport::Answered), []);
    story.ends(bob, LegOutcome::Declined);
    assert_eq!(story.ends(bob, LegOutcome::Busy), []);
    assert_eq!(story.input(&Input::TimePassed), [], "an old timer");
    let actor: Actor = "op".into();
    let nobody = PartyId(99);
    assert_eq!(story.input(&Input::Acknowledge { party: nobody, actor: Arc::clone(&actor) }), []);
    assert_eq!(story.input(&Input::Arrive { party: nobody, actor: Arc::clone(&actor) }), []);
    assert_eq!(
        story.input(&Input::Acknowledge { party: DUTY, actor: Arc::clone(&actor) }).len(),
        1
    );
    assert_eq!(story.input(&Input::Acknowledge { party: DUTY, actor }), []);
}

#[test]
fn an_alarm_with_nobody_to_ring_is_planned_again_at_each_wave() {
    let mut empty = plan(&[]);
    empty.parties.clear();
    let mut story = Story::begin(empty.clone(), Proof::Digest);
    assert!(story.fresh().is_empty() && story.alarm.wants_plan());
    story.pass(120);
    assert_eq!(story.alarm.waves(), 2);
    let same = Arc::new(empty.clone().succeeding(&empty));
    assert_eq!(story.input(&Input::Replanned { plan: same }), [], "still nobody");
    story.plans.pop();
    let found = Arc::new(plan(&[&["bob"]]).succeeding(&empty));
    story.input(&Input::Replanned { plan: found });
    let names = story.fresh();
    assert!(names.contains(&"call bob Alarm".to_owned()), "{names:?}");
    assert!(names.contains(&"call duty Alarm".to_owned()), "{names:?}");
    assert!(!story.alarm.wants_plan());
}

#[test]
fn the_resident_of_a_silent_line_hears_nothing() {
    let mut silent = plan(&[&["bob"]]);
    silent.scene.is_silent = true;
    let mut story = Story::begin(silent, Proof::Digest);
    story.presses(story.voice("bob"), '1');
    assert_eq!(story.told, []);
}

#[test]
fn retries_of_alarms_that_nobody_answered_go_before_other_retries() {
    let mut story = Story::small();
    story.ends(story.voice("bob"), LegOutcome::Busy);
    story.ends(story.voice("joe"), LegOutcome::Busy);
    story.fresh();
    story.pass(15);
    assert!(story.fresh_orders().iter().all(|order| order.class == Class::UnansweredRetry));
    story.presses(story.voice("eve"), '1');
    story.ends(story.voice("bob"), LegOutcome::Busy);
    story.pass(30);
    assert!(story.fresh_orders().iter().all(|order| order.class == Class::Retry));
}

#[test]
fn a_restart_while_the_phones_are_cancelled_rings_no_neighbour_again() {
    let mut story = Story::small();
    story.presses(story.voice("bob"), '1');
    story.presses(story.voice("eve"), '1');
    story.fresh();
    story.input(&Input::Restarted);
    let names = story.fresh();
    assert!(!names.iter().any(|name| name.starts_with("call") && !name.contains("duty")));
    assert!(names.contains(&"call duty Alarm".to_owned()), "{names:?}");
}

#[test]
fn an_operator_speaks_for_a_party_and_a_call_to_them_ends() {
    let mut story = Story::small();
    let bob = story.voice("bob");
    let input = Input::Arrive { party: PartyId(1), actor: "op".into() };
    let events = story.input(&input);
    assert!(matches!(events[..], [Event::Acknowledged { .. }, Event::Arrived { .. }]));
    assert!(story.is_cancelled(bob, CancelReason::AnsweredElsewhere));
    assert_eq!(story.input(&input), []);
}

#[test]
fn undelivered_sms_are_sent_again_with_the_wave_and_not_for_ever() {
    let mut story = Story::small();
    for _ in 0..3 {
        let bob = story.sms("bob");
        story.tell(bob, accepted());
        story.ends(bob, LegOutcome::Undelivered);
        story.fresh();
        story.pass(600);
    }
    assert!(!story.fresh().contains(&"sms bob Alarm".to_owned()));
    let mut story = Story::small();
    story.ends(story.sms("bob"), LegOutcome::NoSms);
    story.fresh();
    story.pass(600);
    assert!(!story.fresh().contains(&"sms bob Alarm".to_owned()));
}
