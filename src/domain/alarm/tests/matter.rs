//! Stories of naming what is the matter after the press.

use super::escalation::later;
use super::*;
use crate::kind::AlarmKind;
use crate::plan::{Step, StepWhen};

fn names(story: &mut Story, matter: AlarmKind, change: impl FnOnce(&mut Plan)) -> Vec<Event> {
    let plan = story.next_plan(|plan| {
        plan.kind = matter;
        change(plan);
    });
    story.input(&Input::KindNamed { matter, by: NamedBy::Resident, plan })
}

fn fire(story: &mut Story) -> Vec<Event> {
    names(story, AlarmKind::Fire, |_| {})
}

/// Everybody's SMS is taken by a provider.
fn sms_taken(story: &mut Story, keys: &[&str]) {
    for key in keys {
        let sms = story.sms(key);
        story.tell(sms, LegReport::Placed { route: "sms".into() });
        story.tell(sms, accepted());
    }
}

#[test]
fn the_kind_changes_the_words_of_every_phone_that_still_rings() {
    let mut story = Story::small();
    let (bob, eve) = (story.voice("bob"), story.voice("eve"));
    story.tell(bob, LegReport::Ringing);
    story.tell(eve, LegReport::Answered);
    fire(&mut story);
    assert_eq!(story.alarm.kind(), AlarmKind::Fire);
    let calls = |order: &&LegOrder| order.channel == Channel::Voice;
    let keys: Vec<&str> =
        story.reworded.iter().filter(calls).map(|order| order.number.key()).collect();
    assert_eq!(keys, ["duty", "bob", "joe"], "eve listens already");
    assert!(story.reworded.iter().all(|order| order.plan.kind == AlarmKind::Fire));
    assert!(story.reworded.iter().any(|order| order.leg.number == bob), "the same leg");
    assert_eq!(story.told[1..], [ResidentNotice::KindHeard { matter: AlarmKind::Fire }]);
}

#[test]
fn messages_that_did_not_leave_get_the_new_words_and_others_an_update() {
    let mut story = Story::small();
    sms_taken(&mut story, &["bob", "duty"]);
    story.fresh();
    fire(&mut story);
    assert_eq!(story.fresh(), ["sms duty KindNamed", "sms bob KindNamed"]);
    let messages = story.reworded.iter().filter(|order| order.channel == Channel::Sms);
    let keys: Vec<&str> = messages.map(|order| order.number.key()).collect();
    assert_eq!(keys, ["eve", "joe", "son"]);
    sms_taken(&mut story, &["eve"]);
    assert_eq!(story.fresh(), Vec::<String>::new(), "hers said it already");
}

#[test]
fn who_listens_or_is_coming_when_the_kind_is_named_gets_the_update() {
    let mut story = Story::small();
    story.tell(story.voice("eve"), LegReport::Answered);
    let bob = story.voice("bob");
    story.tell(bob, LegReport::Answered);
    story.presses(bob, '1');
    story.fresh();
    fire(&mut story);
    assert_eq!(story.fresh(), ["sms bob KindNamed", "sms eve KindNamed"]);
}

#[test]
fn the_same_kind_again_says_nothing() {
    let mut story = Story::small();
    assert_eq!(names(&mut story, AlarmKind::Unknown, |_| {}), [], "nobody had said");
    assert!(!fire(&mut story).is_empty());
    assert_eq!(fire(&mut story), []);
    story.input(&Input::Cancel { actor: "op".into() });
    assert_eq!(names(&mut story, AlarmKind::Flood, |_| {}), [], "over");
}

#[test]
fn updates_are_ten_seconds_apart_and_five_in_all() {
    let mut story = Story::small();
    sms_taken(&mut story, &["bob"]);
    story.fresh();
    fire(&mut story);
    assert_eq!(story.fresh(), ["sms bob KindNamed"]);
    sms_taken(&mut story, &["bob"]);
    story.pass(3);
    names(&mut story, AlarmKind::Illness, |_| {});
    names(&mut story, AlarmKind::Flood, |_| {});
    story.pass(6);
    let updates = |story: &mut Story| {
        let sent = story.fresh().iter().filter(|name| *name == "sms bob KindNamed").count();
        if 0 < sent {
            sms_taken(story, &["bob"]);
        }
        sent
    };
    assert_eq!(updates(&mut story), 0);
    story.pass(1);
    assert_eq!(updates(&mut story), 1, "one for both, with the last");
    assert_eq!(story.alarm.kind(), AlarmKind::Flood);
    let mut sent = 0;
    for _ in 0..30 {
        for matter in [AlarmKind::Fire, AlarmKind::Intruder] {
            names(&mut story, matter, |_| {});
            story.pass(10);
            sent += updates(&mut story);
        }
    }
    assert_eq!(sent, 2, "five changes are told");
    assert_eq!(story.alarm.plan().revision, 51, "and fifty taken up");
}

#[test]
fn whom_the_kind_adds_is_called_at_once_and_steps_stay_taken() {
    let mut story = Story::begin(
        Plan { steps: vec![Step { wait_s: 30, when: StepWhen::Always }], ..plan(&[&["bob"]]) },
        Proof::Digest,
    );
    story.pass(30);
    story.fresh();
    names(&mut story, AlarmKind::Fire, |plan| {
        plan.steps.push(Step { wait_s: 60, when: StepWhen::Always });
        plan.parties.push(later(Role::Responder, 1, "volunteer"));
        plan.parties.push(later(Role::DutyWorker, 2, "leader"));
    });
    assert_eq!(story.fresh(), ["call volunteer Alarm", "sms volunteer Alarm"]);
    assert!(story.alarm.is_step_taken(1));
    story.pass(60);
    assert!(story.fresh().contains(&"call leader Alarm".to_owned()));
    // Another plan without any steps: who was called stays called, who was not is not held up.
    names(&mut story, AlarmKind::Flood, |plan| {
        plan.steps.clear();
        plan.parties.push(later(Role::Responder, 1, "plumber"));
    });
    assert!(story.fresh().contains(&"call plumber Alarm".to_owned()));
}

#[test]
fn a_kind_that_wants_more_people_rings_the_others_again() {
    let mut story = Story::small();
    let joe = story.voice("joe");
    story.presses(story.voice("bob"), '1');
    story.presses(story.voice("eve"), '1');
    story.ends(joe, LegOutcome::Cancelled);
    story.fresh();
    names(&mut story, AlarmKind::Fire, |plan| plan.policy.acknowledgements_wanted = 3);
    assert!(story.fresh().contains(&"call joe Alarm".to_owned()));
}

#[test]
fn a_silent_line_hears_nothing_of_its_kind() {
    let mut silent = plan(&[&["bob"]]);
    silent.scene.is_silent = true;
    let mut story = Story::begin(silent, Proof::Digest);
    assert!(!fire(&mut story).is_empty());
    assert_eq!(story.told, []);
}

#[test]
fn a_plan_that_does_not_follow_leaves_the_kind_recorded() {
    let mut story = Story::small();
    let unrelated = Arc::new(plan(&[&["stranger"]]));
    let matter = AlarmKind::Fire;
    let events = story.input(&Input::KindNamed { matter, by: NamedBy::Resident, plan: unrelated });
    assert!(matches!(events[..], [Event::KindNamed { .. }]), "{events:?}");
    assert_eq!(story.alarm.kind(), matter);
}
