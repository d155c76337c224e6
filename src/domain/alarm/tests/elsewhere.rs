//! Answers that come by no leg of ours: page, operator, call-back; and the talk with the resident.

use super::followed::*;
use super::*;

#[test]
fn the_page_answers_by_the_rules_of_the_keys() {
    let mut story = Story::small();
    let bob = story.voice("bob");
    assert_eq!(story.by_page(BOB, '1').len(), 1);
    assert!(story.is_cancelled(bob, CancelReason::AnsweredElsewhere));
    assert_eq!(story.by_page(BOB, '4').len(), 1);
    assert_eq!(story.by_page(BOB, '4').len(), 0);
    story.fresh();
    story.by_page(BOB, '7');
    assert_eq!(story.fresh(), ["sms duty SaidMistake"]);
    assert_eq!(story.by_page(BOB, '3').len(), 1);
    for key in ['1', '2', '3', '4', '5', '6', '7', '8', '9', '0', '#', '*'] {
        assert_eq!(story.by_page(BOB, key), [], "{key}");
    }
}

#[test]
fn two_on_the_page_leaves_that_telephone_in_peace() {
    let mut story = Story::begin(plan(&[&["bob", "wife"], &["eve"]]), Proof::Digest);
    story.by_page(BOB, '2');
    story.ends(story.voice("bob"), LegOutcome::NoAnswer);
    assert!(story.fresh().contains(&"call wife Alarm".to_owned()));
    let called = story.rings_in_vain(1800);
    assert!(!called.iter().any(|(_, name)| name == "call bob Alarm"));
}

#[test]
fn an_operator_says_for_the_household_that_it_cannot() {
    let mut story = Story::begin(plan(&[&["bob", "wife"], &["eve"]]), Proof::Digest);
    story.says("bob", '1');
    assert_eq!(story.by_operator(BOB, '2').len(), 1);
    assert_eq!(story.by_operator(BOB, '2'), []);
    assert!(!story.is_coming(BOB));
    story.fresh();
    let called = story.rings_in_vain(1800);
    let is_theirs = |name: &str| name.contains("call bob") || name.contains("call wife");
    assert!(!called.iter().any(|(_, name)| is_theirs(name)), "{called:?}");
}

#[test]
fn strangers_and_strange_means_are_ignored() {
    let mut story = Story::small();
    let bob = story.voice("bob");
    for (party, means) in [
        (PartyId(99), AnswerMeans::Page { number_index: 0 }),
        (BOB, AnswerMeans::Page { number_index: 7 }),
        (BOB, AnswerMeans::Key { leg: bob }),
        (BOB, AnswerMeans::Reply { leg: 999 }),
        (BOB, AnswerMeans::Line),
        (PartyId(99), AnswerMeans::Api { actor: "op".into() }),
    ] {
        assert_eq!(story.answers(party, '1', means.clone()), [], "{party:?} {means:?}");
    }
    assert_eq!(story.calls_back(PartyId(99), 0), []);
    assert_eq!(story.calls_back(BOB, 9), []);
}

#[test]
fn who_calls_back_has_a_leg_and_their_telephone_stops_ringing() {
    let mut story = Story::small();
    let ringing = story.voice("bob");
    story.fresh();
    let events = story.calls_back(BOB, 0);
    let [Event::CalledBack { leg: start }] = &events[..] else { panic!("{events:?}") };
    assert_eq!(start.message, Message::Alarm);
    assert!(story.is_cancelled(ringing, CancelReason::AnsweredElsewhere));
    assert_eq!(story.fresh(), Vec::<String>::new(), "the call is there already");
    let leg = story.alarm.leg(start.leg).unwrap();
    assert!(leg.answered_at.is_some() && leg.is_live());
    let number = start.leg;
    story.ends(ringing, LegOutcome::Cancelled);
    assert_eq!(story.presses(number, '1').len(), 1);
    assert!(story.is_coming(BOB));
    assert_eq!(story.ends(number, LegOutcome::Answered).len(), 1);
    assert_eq!(story.fresh(), Vec::<String>::new());
}

#[test]
fn a_call_back_without_a_key_is_nobody_and_the_next_number_rings() {
    let mut story = Story::begin(plan(&[&["bob", "wife"]]), Proof::Digest);
    let ringing = story.voice("bob");
    story.calls_back(BOB, 0);
    story.ends(ringing, LegOutcome::Cancelled);
    story.fresh();
    let back = story.voice("bob");
    story.ends(back, LegOutcome::AnsweredNoKey);
    assert_eq!(story.fresh(), ["call wife Alarm"]);
}

#[test]
fn call_backs_use_up_no_budget() {
    let mut story = Story::small();
    story.ends(story.voice("bob"), LegOutcome::NoAnswer);
    for _ in 0..10 {
        story.calls_back(BOB, 0);
        let back = story.voice("bob");
        story.ends(back, LegOutcome::AnsweredNoKey);
    }
    story.fresh();
    story.pass(120);
    assert!(story.fresh().contains(&"call bob Alarm".to_owned()));
}

#[test]
fn one_live_call_back_for_a_number_and_thirty_for_a_party() {
    let mut story = Story::small();
    assert_eq!(story.calls_back(BOB, 0).len(), 1);
    assert_eq!(story.calls_back(BOB, 0), [], "the same telephone twice at once");
    let mut count = 1;
    for _ in 0..100 {
        let back = story.alarm.legs().iter().rev().find(|leg| leg.why == LegWhy::CallBack).unwrap();
        let back = back.number;
        story.ends(back, LegOutcome::AnsweredNoKey);
        count += story.calls_back(BOB, 0).len();
    }
    assert_eq!(count, 30);
    assert_eq!(story.calls_back(EVE, 0).len(), 1, "of each party");
}

#[test]
fn a_party_that_declined_calls_back_and_comes() {
    let mut story = Story::small();
    story.says("bob", '2');
    story.calls_back(BOB, 0);
    story.says("bob", '1');
    assert!(story.is_coming(BOB));
}

#[test]
fn what_the_own_household_keys_is_a_pin_and_no_answer() {
    let mut story = Story::small();
    let events = story.calls_back(OWN, 0);
    let [Event::CalledBack { leg }] = &events[..] else { panic!("{events:?}") };
    assert_eq!(leg.message, Message::OwnHousehold);
    for key in ['0', '1', '2', '3', '4', '7'] {
        assert_eq!(story.presses(leg.leg, key), [], "{key}");
    }
}

#[test]
fn who_calls_back_after_a_cancel_hears_of_it_and_after_the_close_nothing() {
    let mut story = Story::small();
    story.cancels();
    let events = story.calls_back(BOB, 0);
    let [Event::CalledBack { leg }] = &events[..] else { panic!("{events:?}") };
    assert_eq!(leg.message, Message::Cancelled);
    assert_eq!(story.presses(leg.leg, '1'), []);
    story.closes(CloseOutcome::FalseAlarm);
    assert_eq!(story.calls_back(EVE, 0), []);
}

#[test]
fn a_restart_calls_back_who_was_calling() {
    let mut story = Story::small();
    story.ends(story.voice("bob"), LegOutcome::NoAnswer);
    story.calls_back(BOB, 0);
    story.fresh();
    story.input(&Input::Restarted);
    assert!(story.fresh().contains(&"call bob Alarm".to_owned()));
}

/// Nine who listen, so that the ninth finds the talk full.
fn listeners() -> (Story, Vec<u32>) {
    let keys: Vec<String> = (0..9).map(|index| format!("n{index}")).collect();
    let lists: Vec<[&str; 1]> = keys.iter().map(|key| [key.as_str()]).collect();
    let lists: Vec<&[&str]> = lists.iter().map(<[&str; 1]>::as_slice).collect();
    let mut story = Story::begin(plan(&lists), Proof::Digest);
    let legs: Vec<u32> = keys.iter().map(|key| story.voice(key)).collect();
    for leg in &legs {
        story.tell(*leg, LegReport::Answered);
    }
    (story, legs)
}

#[test]
fn eight_talk_and_the_ninth_has_to_wait() {
    let (mut story, legs) = listeners();
    for leg in &legs[..8] {
        assert_eq!(story.presses(*leg, '5'), [], "the switchboard asks");
        assert_eq!(story.talk(*leg, true), [Event::TalkJoined { leg: *leg }]);
        assert_eq!(story.talk(*leg, true), [], "once");
    }
    assert_eq!(story.talking, legs[..8]);
    assert_eq!(story.talk(legs[8], true), []);
    assert_eq!(story.talk(legs[0], false), [Event::TalkLeft { leg: legs[0] }]);
    assert_eq!(story.talk(legs[0], false), []);
    story.ends(legs[1], LegOutcome::AnsweredNoKey);
    assert_eq!(story.alarm.talk(), &legs[2..8], "a leg that ends leaves");
    assert_eq!(story.talk(legs[8], true).len(), 1);
    assert_eq!(story.alarm.households_coming(), 0, "to talk is not to come");
}

#[test]
fn a_restart_joins_nobody_again() {
    let (mut story, legs) = listeners();
    story.talk(legs[0], true);
    story.talking.clear();
    story.input(&Input::Restarted);
    assert!(story.alarm.talk().is_empty());
    assert_eq!(story.talk(legs[0], true), [], "that leg is lost");
    assert!(story.talking.is_empty());
    let again = Event::TalkJoined { leg: legs[0] };
    assert!(story.alarm.effects(&again).is_empty(), "nor when effects are repeated");
}

#[test]
fn who_has_not_picked_up_or_is_of_the_house_does_not_talk() {
    let mut story = Story::small();
    let (bob, sms) = (story.voice("bob"), story.sms("eve"));
    story.calls_back(OWN, 0);
    let own = story.voice("son");
    for leg in [bob, sms, own, 999] {
        assert_eq!(story.talk(leg, true), [], "{leg}");
    }
    story.tell(bob, LegReport::Answered);
    story.withdraws(PinVerdict::Duress);
    assert_eq!(story.talk(bob, true), [], "it would show that the alarm goes on");
}

#[test]
fn a_line_that_asks_for_silence_hears_nothing_from_then_on() {
    let mut story = Story::small();
    story.told.clear();
    assert_eq!(story.input(&Input::Silence), [Event::Silenced]);
    assert_eq!(story.input(&Input::Silence), [], "once");
    story.says("bob", '1');
    story.withdraws(PinVerdict::Wrong);
    story.cancels();
    assert_eq!(story.told, []);
    assert!(story.alarm.is_silent(), "and the fold of the log says so too");
}
