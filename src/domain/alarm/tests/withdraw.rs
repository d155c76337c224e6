//! PINs: right, wrong and under duress.

use super::followed::*;
use super::*;

#[test]
fn the_right_pin_cancels_and_everybody_who_was_told_is_told() {
    let mut story = Story::begin(plan(&[&["bob"], &["land eve"], &["joe"]]), Proof::Digest);
    story.sms_arrive();
    story.says("land eve", '1');
    let joe = story.voice("joe");
    story.fresh();
    story.told.clear();
    let cancel = Input::Cancel { actor: "".into() };
    assert_eq!(story.alarm.rings_if(&cancel, at(story.now)), 1, "who has no mobile");
    let events = story.withdraws(PinVerdict::Right);
    assert_eq!(story.alarm.rings_if(&cancel, at(story.now)), 0, "it is over");
    let cancelled = Event::Cancelled { actor: "".into(), means: Some(WithdrawMeans::Resident) };
    assert_eq!(events[0], cancelled);
    assert_eq!(
        story.fresh(),
        [
            "sms duty Cancelled",
            "sms bob Cancelled",
            "sms joe Cancelled",
            "sms son Cancelled",
            "call land eve Cancelled"
        ]
    );
    assert!(story.is_cancelled(joe, CancelReason::AlarmOver));
    assert_eq!(story.told, [ResidentNotice::Cancelled]);
    assert_eq!(story.withdraws(PinVerdict::Right), [], "once");
}

/// The calls of a number that say that it is cancelled, while nobody takes them.
fn rings_with_the_cancel(story: &mut Story, key: &str, outcome: LegOutcome) -> usize {
    let mut calls = 0;
    for _ in 0..600 {
        let is_notice = |leg: &&Leg| leg.is_live() && leg.message == Message::Cancelled;
        let mut live = story.alarm.legs().iter().filter(is_notice);
        let live = live.find(|leg| leg.channel == Channel::Voice).map(|leg| leg.number);
        if let Some(leg) = live {
            assert_eq!(leg, story.voice(key));
            calls += 1;
            story.ends(leg, outcome);
        } else {
            story.pass(10);
        }
    }
    calls
}

#[test]
fn who_wants_no_sms_is_called_when_it_is_cancelled() {
    let mut story = Story::small();
    story.sms_arrive();
    let sms = story.alarm.legs().iter().find(|leg| leg.party == BOB && leg.channel == Channel::Sms);
    let sms = sms.unwrap().number;
    story.tell(sms, LegReport::OptedOut);
    story.fresh();
    story.cancels();
    let told = story.fresh();
    assert!(told.contains(&"call bob Cancelled".to_owned()), "{told:?}");
    assert!(!told.contains(&"sms bob Cancelled".to_owned()), "{told:?}");
}

#[test]
fn whom_the_sms_of_the_cancel_does_not_reach_is_called() {
    for outcome in [LegOutcome::Undelivered, LegOutcome::OptedOut, LegOutcome::NoSms] {
        let mut story = Story::small();
        story.sms_arrive();
        story.cancels();
        story.fresh();
        story.ends(story.sms("bob"), outcome);
        assert_eq!(story.fresh(), ["call bob Cancelled"], "{outcome:?}");
        story.ends(story.sms("eve"), LegOutcome::Delivered);
        assert_eq!(story.fresh(), Vec::<String>::new());
    }
}

#[test]
fn a_cancel_that_nobody_takes_is_told_three_times_and_no_more() {
    let busy = |outcome| {
        let mut story = Story::begin(plan(&[&["land bob"], &["eve"]]), Proof::Digest);
        story.says("land bob", '1');
        story.cancels();
        let calls = rings_with_the_cancel(&mut story, "land bob", outcome);
        (calls, story)
    };
    for outcome in [LegOutcome::Busy, LegOutcome::NoAnswer, LegOutcome::Declined] {
        assert_eq!(busy(outcome).0, 3, "{outcome:?}");
    }
    assert_eq!(busy(LegOutcome::AnsweredNoKey).0, 1, "it was said");
    let (failed, story) = busy(LegOutcome::CarrierFailed);
    assert!((10..=90).contains(&failed), "{failed}");
    let orders = story.orders.iter().filter(|order| order.message == Message::Cancelled);
    assert!(orders.clone().all(|order| order.class == Class::Notice), "after every live alarm");
}

#[test]
fn after_duress_nobody_is_called_with_the_cancel_any_more() {
    let mut story = Story::begin(plan(&[&["land bob"], &["eve"]]), Proof::Digest);
    story.says("land bob", '1');
    story.cancels();
    let notice = story.voice("land bob");
    story.withdraws(PinVerdict::Duress);
    assert!(story.is_cancelled(notice, CancelReason::AlarmOver), "it is not true any more");
    story.ends(notice, LegOutcome::Cancelled);
    story.fresh();
    story.pass(600);
    assert!(!story.fresh().iter().any(|name| name.ends_with("bob Cancelled")));
}

#[test]
fn the_resident_of_a_silent_line_hears_no_cancel() {
    for verdict in [PinVerdict::Right, PinVerdict::Wrong, PinVerdict::Duress] {
        let mut silent = plan(&[&["bob"]]);
        silent.scene.is_silent = true;
        let mut story = Story::begin(silent, Proof::Digest);
        assert!(!story.withdraws(verdict).is_empty());
        assert_eq!(story.told, []);
    }
}

#[test]
fn a_wrong_pin_is_refused_and_the_phones_ring_on() {
    let mut story = Story::small();
    story.told.clear();
    let means = WithdrawMeans::CallBack { number_index: 0 };
    let input = Input::Withdraw { means: means.clone(), verdict: PinVerdict::Wrong };
    assert_eq!(story.input(&input), [Event::PinRefused { means }]);
    assert_eq!(story.told, [ResidentNotice::PinRefused]);
    assert_eq!(story.cancels, []);
    assert_eq!(story.alarm.stage(), Stage::Open);
}

#[test]
fn after_five_wrong_pins_the_right_one_is_refused_too() {
    for last in [PinVerdict::Right, PinVerdict::Duress] {
        let mut story = Story::small();
        for _ in 0..5 {
            story.withdraws(PinVerdict::Wrong);
        }
        assert!(matches!(story.withdraws(last)[..], [Event::PinRefused { .. }]), "{last:?}");
        assert_eq!(story.alarm.stage(), Stage::Open);
    }
}

#[test]
fn four_wrong_pins_and_the_right_one_cancel() {
    let mut story = Story::small();
    for _ in 0..4 {
        story.withdraws(PinVerdict::Wrong);
    }
    story.withdraws(PinVerdict::Right);
    assert!(story.alarm.is_over());
}

#[test]
fn a_thousand_wrong_pins_fill_no_log() {
    let mut story = Story::small();
    let before = story.log.len();
    for _ in 0..1000 {
        story.withdraws(PinVerdict::Wrong);
    }
    assert_eq!(story.log.len(), before + 30);
}

#[test]
fn duress_sounds_like_a_cancel_and_the_phones_ring_on() {
    let mut story = Story::small();
    let legs = [story.voice("bob"), story.voice("eve"), story.voice("joe"), story.voice("duty")];
    story.sms_arrive();
    story.fresh();
    story.told.clear();
    story.withdraws(PinVerdict::Duress);
    assert_eq!(story.told, [ResidentNotice::Cancelled]);
    assert!(!story.cancels.iter().any(|(leg, _)| legs.contains(leg)));
    assert_eq!(
        story.fresh(),
        [
            "sms duty Duress",
            "sms bob Duress",
            "sms eve Duress",
            "sms joe Duress",
            "sms son Cancelled"
        ]
    );
    let reworded: Vec<String> = story.reworded.iter().map(name).collect();
    assert_eq!(
        reworded,
        ["call duty Duress", "call bob Duress", "call eve Duress", "call joe Duress"],
        "who picks up now is careful from the first word"
    );
    assert_eq!(story.alarm.stage(), Stage::Open);
    assert_eq!(story.alarm.duress_at(), Some(at(0)));
}

#[test]
fn under_duress_nobody_is_announced() {
    let mut story = Story::small();
    story.withdraws(PinVerdict::Duress);
    story.told.clear();
    story.says("bob", '1');
    story.says("eve", '3');
    story.pass(3600);
    assert_eq!(story.told, []);
    assert!(story.alarm.has_enough());
}

#[test]
fn under_duress_whoever_is_called_later_is_told_to_be_careful() {
    let mut story = Story::small();
    story.withdraws(PinVerdict::Duress);
    story.ends(story.voice("bob"), LegOutcome::NoAnswer);
    story.fresh();
    story.pass(65);
    assert_eq!(story.fresh(), ["call bob Duress"]);
}

#[test]
fn under_duress_the_own_household_hears_of_the_cancel_alone() {
    let mut story = Story::small();
    let waiting = story.sms("son");
    story.withdraws(PinVerdict::Duress);
    assert!(story.is_cancelled(waiting, CancelReason::AlarmOver), "help is called, it says");
    let mut story = Story::small();
    story.sms_arrive();
    story.withdraws(PinVerdict::Duress);
    story.fresh();
    let called = story.rings_in_vain(7200);
    assert!(!called.iter().any(|(_, name)| name.contains("son")), "{called:?}");
    let events = story.calls_back(OWN, 0);
    let [Event::CalledBack { leg }] = &events[..] else { panic!("{events:?}") };
    assert_eq!(leg.message, Message::Cancelled);
    story.fresh();
    story.cancels();
    assert!(!story.fresh().iter().any(|name| name.contains("son")), "a second one would show it");
}

#[test]
fn an_sms_of_the_cancel_that_failed_under_duress_is_sent_again() {
    let mut story = Story::small();
    story.sms_arrive();
    story.withdraws(PinVerdict::Duress);
    for _ in 0..3 {
        let son = story.sms("son");
        story.fresh();
        story.ends(son, LegOutcome::CarrierFailed);
        story.pass(60);
    }
    assert!(story.fresh().contains(&"sms son Cancelled".to_owned()));
}

#[test]
fn after_duress_the_right_pin_sounds_the_same_and_cancels_nothing() {
    let mut story = Story::small();
    story.withdraws(PinVerdict::Duress);
    story.fresh();
    story.told.clear();
    assert!(matches!(story.withdraws(PinVerdict::Right)[..], [Event::Duress { .. }]));
    assert_eq!(story.told, [ResidentNotice::Cancelled]);
    assert_eq!(story.fresh(), Vec::<String>::new(), "nobody is told twice");
    assert_eq!(story.alarm.stage(), Stage::Open);
    story.told.clear();
    story.cancels();
    assert_eq!(story.told, [], "an operator's cancel is not heard a second time");
    assert!(story.alarm.is_over());
}

#[test]
fn the_duress_pin_after_a_cancel_opens_the_alarm_again() {
    let mut story = Story::small();
    story.sms_arrive();
    for key in ["bob", "eve", "joe", "duty"] {
        let leg = story.voice(key);
        story.ends(leg, LegOutcome::NoAnswer);
    }
    story.withdraws(PinVerdict::Right);
    story.sms_arrive();
    story.fresh();
    story.withdraws(PinVerdict::Duress);
    assert_eq!(story.alarm.stage(), Stage::Open);
    let names = story.fresh();
    for name in ["sms duty Duress", "sms bob Duress", "call bob Duress", "call joe Duress"] {
        assert!(names.contains(&name.to_owned()), "{name} of {names:?}");
    }
    assert!(!names.iter().any(|name| name.contains("son")), "{names:?}");
    story.pass(65);
    assert!(story.fresh().contains(&"call duty Duress".to_owned()));
    story.cancels();
    story.fresh();
    story.withdraws(PinVerdict::Duress);
    let names = story.fresh();
    assert!(names.contains(&"sms bob Duress".to_owned()), "and again: {names:?}");
}

#[test]
fn who_talks_with_the_resident_is_cut_off_as_by_a_cancel_and_warned() {
    let mut story = Story::begin(plan(&[&["land bob"], &["eve"]]), Proof::Digest);
    let bob = story.voice("land bob");
    story.tell(bob, LegReport::Answered);
    story.presses(bob, '1');
    story.talk(bob, true);
    story.fresh();
    story.withdraws(PinVerdict::Duress);
    assert!(story.is_cancelled(bob, CancelReason::AlarmOver));
    story.fresh();
    story.ends(bob, LegOutcome::Cancelled);
    assert_eq!(story.fresh(), ["call land bob Duress"], "no mobile, so by voice");
    assert!(story.alarm.talk().is_empty());
}

#[test]
fn who_is_coming_without_a_mobile_and_listens_is_warned_after_the_call() {
    let mut story = Story::begin(plan(&[&["land bob"], &["eve"]]), Proof::Digest);
    let bob = story.voice("land bob");
    story.tell(bob, LegReport::Answered);
    story.presses(bob, '1');
    story.withdraws(PinVerdict::Duress);
    story.fresh();
    story.ends(bob, LegOutcome::Answered);
    assert_eq!(story.fresh(), ["call land bob Duress"]);
    story.ends(story.voice("land bob"), LegOutcome::Answered);
    assert_eq!(story.fresh(), Vec::<String>::new(), "once");
}

#[test]
fn duress_in_the_plan_of_a_loudspeaker_keeps_it_silent() {
    let mut loud = plan(&[&["bob"]]);
    loud.parties.push(party(Role::Loudspeaker, 50, &["land horn"]));
    let mut story = Story::begin(loud, Proof::Digest);
    let horn = story.voice("land horn");
    story.withdraws(PinVerdict::Duress);
    assert!(story.is_cancelled(horn, CancelReason::AlarmOver));
    story.ends(horn, LegOutcome::Cancelled);
    story.fresh();
    let called = story.rings_in_vain(3600);
    assert!(!called.iter().any(|(_, name)| name.contains("horn")), "{called:?}");
}
