//! Who said that they are coming, and whether they are there.

use super::followed::*;
use super::*;

#[test]
fn who_is_not_there_after_ten_minutes_is_asked_by_call_and_sms() {
    let mut story = Story::all_set();
    story.pass(599);
    assert_eq!(story.fresh(), Vec::<String>::new());
    story.pass(1);
    assert_eq!(
        story.fresh(),
        [
            "call duty AreYouThere",
            "sms duty AreYouThere",
            "call bob AreYouThere",
            "sms bob AreYouThere",
            "call eve AreYouThere",
            "sms eve AreYouThere",
        ]
    );
    let bob = story.voice("bob");
    assert_eq!(story.alarm.leg(bob).unwrap().why, LegWhy::ArrivalCheck);
}

#[test]
fn the_person_who_said_so_is_asked_not_the_household() {
    let mut story = Story::begin(plan(&[&["bob", "wife"]]), Proof::Digest);
    story.sms_arrive();
    let bob = story.voice("bob");
    story.ends(bob, LegOutcome::NoAnswer);
    story.says("wife", '1');
    story.fresh();
    story.pass(600);
    let asked: Vec<String> =
        story.fresh().into_iter().filter(|name| name.contains("AreYou")).collect();
    assert_eq!(asked, ["call wife AreYouThere", "sms wife AreYouThere"]);
}

#[test]
fn no_answer_means_that_they_count_no_longer_and_the_others_ring_at_once() {
    let mut story = Story::all_set();
    story.pass(600);
    for key in ["bob", "duty"] {
        story.says(key, '1');
    }
    story.sms_arrive();
    let eve = story.voice("eve");
    story.ends(eve, LegOutcome::NoAnswer);
    story.fresh();
    story.pass(119);
    assert!(story.alarm.has_enough());
    let eve = story.voice("eve");
    story.ends(eve, LegOutcome::NoAnswer);
    story.fresh();
    story.pass(1);
    assert_eq!(story.lapses(), [(720, EVE)]);
    assert!(!story.alarm.has_enough());
    assert_eq!(story.alarm.party(EVE).unwrap().lapsed_at, Some(at(720)));
    assert_eq!(story.fresh(), ["call eve Alarm", "call joe Alarm"], "a wave, though none was due");
}

#[test]
fn a_lapse_that_leaves_enough_rings_nobody() {
    let mut story = Story::all_set();
    story.presses(story.alarm.legs()[6].number, '1');
    assert!(story.is_coming(JOE));
    story.pass(600);
    for key in ["bob", "eve", "duty"] {
        story.says(key, '1');
    }
    story.sms_arrive();
    story.ends(story.voice("joe"), LegOutcome::Declined);
    story.fresh();
    story.pass(120);
    assert_eq!(story.lapses(), [(720, JOE)]);
    assert_eq!(story.fresh(), Vec::<String>::new());
}

#[test]
fn still_on_the_way_is_believed_twice() {
    let mut story = Story::all_set();
    for times in 1..=2 {
        story.pass(600);
        for key in ["bob", "eve", "duty"] {
            story.says(key, '1');
        }
        story.sms_arrive();
        assert_eq!(story.alarm.party(BOB).unwrap().coming.unwrap().renewals, times);
    }
    story.pass(600);
    for key in ["bob", "eve", "duty"] {
        let leg = story.voice(key);
        assert_eq!(story.presses(leg, '1'), [], "{key} says so a third time");
    }
    story.pass(120);
    assert_eq!(story.lapses(), [(1920, DUTY), (1920, BOB), (1920, EVE)]);
    assert_eq!(story.told, [], "the resident heard of them once");
}

#[test]
fn who_lapsed_may_acknowledge_anew() {
    let mut story = Story::all_set();
    story.pass(720);
    assert_eq!(story.lapses().len(), 3);
    story.told.clear();
    let events = story.by_page(BOB, '1');
    assert!(matches!(events[..], [Event::Acknowledged { party: BOB, .. }]));
    let coming = story.alarm.party(BOB).unwrap().coming.unwrap();
    assert_eq!((coming.since, coming.renewals), (at(720), 0));
    assert_eq!(story.told, [ResidentNotice::Coming { party: BOB }]);
}

#[test]
fn two_to_the_question_sends_the_others() {
    let mut story = Story::all_set();
    story.pass(600);
    story.fresh();
    story.says("bob", '2');
    assert!(!story.is_coming(BOB));
    assert!(story.fresh().contains(&"call joe Alarm".to_owned()));
}

#[test]
fn three_to_the_question_is_an_arrival_and_asks_nobody_else() {
    let mut story = Story::all_set();
    story.pass(600);
    let (bob, eve, duty) = (story.voice("bob"), story.voice("eve"), story.voice("duty"));
    story.tell(bob, LegReport::Answered);
    let events = story.presses(bob, '3');
    assert!(matches!(events[..], [Event::Arrived { party: BOB, .. }]), "{events:?}");
    assert!(story.is_cancelled(eve, CancelReason::EnoughComing));
    assert!(!story.cancels.iter().any(|(leg, _)| *leg == duty), "never the duty worker's");
    story.fresh();
    story.pass(3000);
    assert_eq!(story.lapses(), [], "nobody lapses once somebody is there");
    assert!(!story.fresh().iter().any(|name| name.contains("AreYouThere")));
}

#[test]
fn an_acknowledgement_by_an_operator_lapses_the_same_way() {
    let mut story = Story::begin(plan(&[&["land bob", "bob"]]), Proof::Digest);
    let input = Input::Acknowledge { party: BOB, actor: "op".into() };
    story.input(&input);
    story.ends(story.voice("land bob"), LegOutcome::Cancelled);
    story.sms_arrive();
    story.fresh();
    story.pass(600);
    let names = story.fresh();
    assert!(names.contains(&"call land bob AreYouThere".to_owned()), "{names:?}");
    assert!(names.contains(&"sms bob AreYouThere".to_owned()), "{names:?}");
    story.pass(120);
    assert_eq!(story.lapses(), [(720, BOB)]);
    let mut story = Story::all_set();
    story.pass(600);
    assert!(matches!(story.input(&input)[..], [Event::Acknowledged { .. }]), "or is renewed");
}

#[test]
fn whom_nobody_can_ask_lapses_after_the_same_time() {
    let mut group = plan(&[&["bob"]]);
    group.parties[1].numbers.clear();
    let mut story = Story::begin(group, Proof::Digest);
    story.input(&Input::Acknowledge { party: BOB, actor: "op".into() });
    story.pass(719);
    assert!(story.is_coming(BOB));
    story.pass(1);
    assert!(!story.is_coming(BOB));
}

#[test]
fn the_question_is_busy_and_comes_again_within_its_grace() {
    let mut story = Story::all_set();
    story.pass(600);
    let bob = story.voice("bob");
    story.ends(bob, LegOutcome::Busy);
    story.fresh();
    story.pass(15);
    assert_eq!(story.fresh(), ["call bob AreYouThere"]);
    let bob = story.voice("bob");
    story.tell(bob, LegReport::Placed { route: "a".into() });
    story.ends(bob, LegOutcome::CarrierFailed);
    assert_eq!(story.fresh(), ["call bob AreYouThere"], "over another route");
    let bob = story.voice("bob");
    story.input(&Input::Restarted);
    assert!(story.is_cancelled(bob, CancelReason::Lost));
    assert!(story.fresh().contains(&"call bob AreYouThere".to_owned()), "and after a crash");
}

#[test]
fn after_a_long_stop_they_are_asked_before_they_lapse() {
    let mut story = Story::all_set();
    story.now += 7200;
    story.input(&Input::TimePassed);
    assert!(story.fresh().contains(&"call bob AreYouThere".to_owned()));
    assert_eq!(story.lapses(), []);
    story.pass(120);
    assert_eq!(story.lapses().len(), 3);
}

#[test]
fn an_sms_answers_the_question_as_a_key_does() {
    let mut story = Story::all_set();
    story.pass(600);
    let (call, sms) = (story.voice("bob"), story.sms("bob"));
    assert!(matches!(story.presses(sms, '1')[..], [Event::Acknowledged { party: BOB, .. }]));
    assert!(story.is_cancelled(call, CancelReason::AnsweredElsewhere));
}

#[test]
fn the_only_one_who_is_coming_is_who_is_at_the_door() {
    let mut story = Story::small();
    story.says("bob", '1');
    let events = story.at_the_door();
    let means = AnswerMeans::Line;
    assert_eq!(events, [Event::Arrived { party: BOB, means }]);
    assert_eq!(story.at_the_door(), [], "dialled twice");
}

#[test]
fn of_several_nobody_knows_who_is_at_the_door() {
    let mut story = Story::all_set();
    assert_eq!(story.at_the_door(), [Event::DoorReached]);
    assert_eq!(story.at_the_door(), []);
    assert_eq!(story.alarm.arrived_at(), Some(at(0)));
    assert_eq!(story.alarm.takes_another_press(at(1)), Press::NewAlarm);
    story.pass(3000);
    assert_eq!(story.lapses(), []);
    let mut story = Story::small();
    assert_eq!(story.at_the_door(), [Event::DoorReached], "nor if nobody had said so");
}

#[test]
fn somebody_at_the_door_stops_the_households_but_not_the_duty_worker() {
    let mut story = Story::small();
    story.says("bob", '3');
    assert!(!story.alarm.has_enough());
    for key in ["eve", "joe"] {
        let leg = story.voice(key);
        story.ends(leg, LegOutcome::NoAnswer);
    }
    story.sms_arrive();
    story.fresh();
    let called = story.rings_in_vain(1800);
    assert!(!called.is_empty());
    assert!(called.iter().all(|(_, name)| name.contains("duty")), "{called:?}");
}

#[test]
fn somebody_at_the_door_ends_the_ringing_as_when_enough_come() {
    for is_known in [true, false] {
        let mut story = Story::small();
        story.sms_arrive();
        let (eve, joe, duty) = (story.voice("eve"), story.voice("joe"), story.voice("duty"));
        story.tell(joe, LegReport::Answered);
        story.fresh();
        if is_known {
            story.says("bob", '3');
        } else {
            story.at_the_door();
        }
        for leg in [eve, joe] {
            assert!(story.is_cancelled(leg, CancelReason::EnoughComing), "{is_known}");
        }
        assert!(!story.cancels.iter().any(|(leg, _)| *leg == duty), "the duty worker's stays");
        let told = story.fresh();
        let of_bob = told.contains(&"sms bob StandDown".to_owned());
        assert_eq!(of_bob, !is_known, "who is there needs no message: {told:?}");
        for who in ["eve", "joe"] {
            assert!(told.contains(&format!("sms {who} StandDown")), "{told:?}");
        }
        // Another one comes all the same, and another arrives: nobody is told twice.
        story.by_page(EVE, '1');
        story.by_page(EVE, '3');
        assert!(!story.fresh().iter().any(|name| name.contains("StandDown")));
    }
}

#[test]
fn never_alone_the_others_ring_on_until_enough_are_there_or_coming() {
    let mut group = plan(&[&["bob"], &["eve"], &["joe"]]);
    group.policy.together = 2;
    let mut story = Story::begin(group, Proof::Digest);
    story.sms_arrive();
    story.says("bob", '3');
    let joe = story.voice("joe");
    assert!(!story.is_cancelled(joe, CancelReason::EnoughComing), "one alone does not go in");
    story.says("eve", '1');
    assert!(story.is_cancelled(joe, CancelReason::EnoughComing));
}

#[test]
fn never_alone_one_at_the_door_does_not_stop_the_others() {
    let mut group = plan(&[&["bob"], &["eve"], &["joe"]]);
    group.policy.together = 2;
    let mut story = Story::begin(group, Proof::Digest);
    story.says("bob", '3');
    story.ends(story.voice("eve"), LegOutcome::NoAnswer);
    story.fresh();
    story.pass(65);
    assert!(story.fresh().contains(&"call eve Alarm".to_owned()));
}

#[test]
fn the_own_household_at_the_door_is_no_arrival() {
    let mut story = Story::all_set();
    story.by_page(OWN, '3');
    assert_eq!(story.alarm.arrived_at(), None, "whoever threatens them may hold that mobile");
    story.pass(720);
    assert_eq!(story.lapses().len(), 3);
}
