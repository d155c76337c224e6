//! Stories of what an operator has done: everybody called again, somebody added, taken in hand.

use super::*;

fn again(story: &mut Story) -> Vec<Event> {
    story.input(&Input::CallAgain { actor: "wang".into() })
}

/// Adds a party, as `Plan::with` would.
fn add(story: &mut Story, role: Role, id: u32, keys: &[&str]) -> Vec<Event> {
    let mut plan = Plan::clone(story.alarm.plan());
    plan.revision += 1;
    let index = u16::try_from(plan.parties.len()).unwrap();
    plan.parties.push(Party { is_added: true, ..party(role, id, keys) });
    let (party, actor) = (PartyId(index), "wang".into());
    story.input(&Input::AddParty { party, actor, plan: Arc::new(plan) })
}

#[test]
fn another_wave_rings_at_once_whoever_is_not_coming_and_whose_phone_is_free() {
    let mut story = Story::small();
    story.presses(story.voice("bob"), '1');
    story.presses(story.voice("eve"), '2');
    story.ends(story.voice("joe"), LegOutcome::NoAnswer);
    story.fresh();
    assert_eq!(story.alarm.rings_if_called_again(at(story.now)), 1);
    let events = again(&mut story);
    assert_eq!(events[0], Event::CalledAgain { actor: "wang".into() });
    assert!(matches!(events[1], Event::WaveStarted { wave: 1, .. }), "{events:?}");
    // Eve said that she cannot, the duty worker's telephone still rings, Bob is on his way.
    assert_eq!(story.fresh(), ["call joe Alarm"]);
    assert_eq!(again(&mut story), [], "all that may ring do");
    assert_eq!(story.alarm.rings_if_called_again(at(story.now)), 0);
}

#[test]
fn one_more_is_wanted_after_enough_were_coming() {
    let mut story = Story::small();
    for key in ["duty", "bob", "eve"] {
        story.presses(story.voice(key), '1');
    }
    assert!(story.alarm.is_satisfied());
    let joe = story.voice("joe");
    story.ends(joe, LegOutcome::Cancelled);
    story.fresh();
    again(&mut story);
    assert!(!story.alarm.has_enough());
    assert_eq!(story.fresh(), ["call joe Alarm"]);
    story.ends(story.voice("joe"), LegOutcome::NoAnswer);
    story.pass(400);
    assert!(story.fresh().contains(&"call joe Alarm".to_owned()), "and goes on");
    story.presses(story.voice("joe"), '1');
    assert!(story.alarm.is_satisfied());
}

#[test]
fn an_operator_who_calls_again_vouches_for_a_weak_alarm() {
    let mut story = Story::begin(plan(&[&["bob"]]), Proof::Weak);
    assert_eq!(
        story.fresh(),
        ["call duty WeakAlarm", "sms duty WeakAlarm", "sms son OwnHousehold"]
    );
    again(&mut story);
    assert_eq!(story.fresh(), ["call bob WeakAlarm", "sms bob WeakAlarm"]);
    assert!(!story.alarm.is_held_back());
}

#[test]
fn calling_again_keeps_within_the_budget_of_a_number() {
    let mut story = Story::begin(plan(&[&["bob"]]), Proof::Digest);
    let mut calls = 0;
    for _ in 0..20 {
        calls += story.fresh().iter().filter(|name| name.starts_with("call bob")).count();
        let bob =
            story.alarm.legs().iter().rev().find(|leg| {
                leg.is_live() && leg.channel == Channel::Voice && leg.party == PartyId(1)
            });
        let bob = bob.map(|leg| leg.number);
        if let Some(leg) = bob {
            story.tell(leg, LegReport::Ringing);
            story.ends(leg, LegOutcome::Declined);
        }
        story.now += 10;
        again(&mut story);
    }
    assert_eq!(calls, usize::from(Policy::default().calls_per_hour_max));
}

#[test]
fn who_is_added_is_called_at_once_and_again() {
    let mut story = Story::small();
    for key in ["duty", "bob", "eve"] {
        story.presses(story.voice(key), '1');
    }
    story.fresh();
    let events = add(&mut story, Role::Responder, 70, &["smith"]);
    let party = PartyId(5);
    assert_eq!(events[0], Event::PartyAdded { party, actor: "wang".into() });
    assert_eq!(events[1], Event::Planned { revision: 2, why: Some(PlanWhy::PartyAdded) });
    assert_eq!(story.fresh(), ["call smith Alarm", "sms smith Alarm"], "though enough are coming");
    story.ends(story.voice("smith"), LegOutcome::Busy);
    story.pass(20);
    assert_eq!(story.fresh(), ["call smith Alarm"], "and is not given up when busy");
    story.presses(story.voice("smith"), '1');
    assert!(story.alarm.party(party).unwrap().coming.is_some());
}

#[test]
fn who_is_added_stays_when_the_plan_is_made_anew() {
    let mut story = Story::small();
    add(&mut story, Role::DutyWorker, 9, &["night"]);
    story.fresh();
    // Today's directory knows nothing of it: the worker is off duty.
    let plan = story.next_plan(|plan| {
        plan.parties.retain(|party| !party.is_added);
        plan.parties.push(party(Role::DutyWorker, 3, &["relief"]));
    });
    let added = plan.party(PartyId(5)).unwrap();
    assert!(added.is_added && added.has_voice(), "{added:?}");
    story.input(&Input::HandedOver { plan });
    story.ends(story.voice("night"), LegOutcome::NoAnswer);
    story.fresh();
    story.pass(70);
    assert!(story.fresh().contains(&"call night Alarm".to_owned()));
}

#[test]
fn nobody_is_added_to_what_is_over_or_to_a_drill() {
    let mut story = Story::small();
    story.input(&Input::Cancel { actor: "op".into() });
    assert_eq!(add(&mut story, Role::Responder, 70, &["smith"]), []);
    assert_eq!(again(&mut story), []);
    let mut story = Story::begin(Plan { is_drill: true, ..plan(&[&["bob"]]) }, Proof::Digest);
    assert_eq!(add(&mut story, Role::Responder, 70, &["smith"]), []);
    assert_eq!(again(&mut story), []);
}

#[test]
fn it_is_taken_in_hand_until_the_code_is_pressed_again() {
    let mut story = Story::small();
    assert_eq!(story.alarm.in_hand(), None);
    story.now = 5;
    story.input(&Input::TakeInHand { actor: "wang".into() });
    assert_eq!(story.alarm.in_hand(), Some((&"wang".into(), at(5))));
    assert_eq!(story.input(&Input::TakeInHand { actor: "wang".into() }), []);
    assert!(story.alarm.next().is_some(), "telephones go on");
    story.input(&Input::TakeInHand { actor: "li".into() });
    assert_eq!(story.alarm.in_hand().unwrap().0.as_ref(), "li");
    let plan = story.next_plan(|_| {});
    story.input(&Input::PressedAgain { trigger: trigger(Proof::Digest), plan });
    assert_eq!(story.alarm.in_hand(), None);
}

#[test]
fn what_comes_next_is_known_before_it_comes() {
    let mut story = Story::small();
    for key in ["bob", "eve", "joe"] {
        story.ends(story.voice(key), LegOutcome::Declined);
    }
    story.ends(story.voice("duty"), LegOutcome::Declined);
    let next = story.alarm.next().unwrap();
    assert_eq!((next.at, next.what, next.parties), (at(65), Deadline::DutyWave, vec![DUTY]));
    story.presses_of_duty_worker();
    let next = story.alarm.next().unwrap();
    let neighbours = [1, 2, 3].map(PartyId);
    assert_eq!((next.at, next.what), (at(120), Deadline::Wave));
    assert_eq!(next.parties, neighbours);
    for key in ["bob", "eve"] {
        story.pass(130);
        story.presses(story.voice(key), '1');
    }
    assert_eq!(story.alarm.next(), None, "enough are coming");
}

impl Story {
    fn presses_of_duty_worker(&mut self) {
        self.input(&Input::Acknowledge { party: DUTY, actor: "wang".into() });
    }
}
