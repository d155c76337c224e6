//! Plans by policy: who is in which step, for which kind of alarm, and who is left out.

use super::*;
use crate::directory::{Responder, ResponderKind};
use crate::id::{PolicyId, ResponderId};
use crate::plan::PolicyVersion;
use crate::policy::{DrillRules, Pace, PolicyScope, PolicyStep, Target, Within};
use proptest::prelude::*;

fn responder(id: u32, kind: ResponderKind, key: &str) -> Responder {
    Responder {
        id: ResponderId(id),
        kind,
        name: format!("{kind:?} {id}").into(),
        language: Language::Chinese,
        skills: Vec::new(),
        household: None,
        grid: None,
        building: None,
        numbers: vec![contact_number(key)],
    }
}

fn helper(id: u32, household: u32, key: &str) -> Responder {
    let household = Some(HouseholdId(household));
    Responder { household, ..responder(id, ResponderKind::Helper, key) }
}

fn stored(id: u32, document: PolicyDocument) -> StoredPolicy {
    let version = PolicyVersion { policy: PolicyId(id), version: 3 };
    StoredPolicy { version, document: Arc::new(document) }
}

fn step(wait_s: u16, when: StepWhen, targets: Vec<Target>) -> PolicyStep {
    PolicyStep { targets, wait_s, when }
}

fn document(steps: Vec<PolicyStep>) -> PolicyDocument {
    PolicyDocument {
        name: "p".into(),
        scope: PolicyScope::Community,
        kinds: Vec::new(),
        steps,
        acknowledgements_wanted: None,
        together: None,
        helpers_first_s: 0,
        pace: Pace::default(),
        drill: DrillRules::default(),
    }
}

fn post(code: &str) -> Target {
    Target::Post { code: code.into() }
}

fn responders(kind: ResponderKind, within: Within) -> Target {
    Target::Responders { kind, skill: None, within }
}

/// Home 5 raises; homes 1 and 2 are in its group, worker 1 is on duty and worker 2 is not.
fn town(responders: Vec<Responder>, policies: Vec<StoredPolicy>) -> Directory {
    let homes =
        vec![household(1, 1, &[&["a"]]), household(2, 2, &[&["b"]]), household(5, 5, &[&["own"]])];
    let workers = vec![worker(1, true, &["w1"]), worker(2, false, &["w2"])];
    let mut community = community(homes, workers);
    community.responders = responders;
    community.policies = policies;
    Directory::new(7, Vec::new(), vec![community])
}

fn planned(directory: &Directory, kind: AlarmKind, is_drill: bool) -> Plan {
    let line = directory.line_by_account("line5").unwrap();
    let defaults = Policy::default();
    let wanted = PlanFor { kind, is_drill, now: Timestamp::UNIX_EPOCH, defaults: &defaults };
    build(directory, line, &wanted).unwrap()
}

/// The parties with their steps.
fn called(plan: &Plan) -> Vec<(u8, &str)> {
    plan.parties.iter().map(|party| (party.step, &*party.name)).collect()
}

#[test]
fn the_built_in_policy_calls_whom_the_community_has() {
    let others = vec![
        responder(1, ResponderKind::Hotline, "h"),
        responder(2, ResponderKind::Street, "s"),
        responder(3, ResponderKind::Volunteer, "v"),
        helper(4, 5, "help"),
        helper(5, 1, "of another household"),
        responder(6, ResponderKind::Loudspeaker, "loud"),
    ];
    let directory = town(others, Vec::new());
    let plan = planned(&directory, AlarmKind::Unknown, false);
    assert_eq!(
        called(&plan),
        [
            (0, "worker 1"),
            (0, "Helper 4"),
            (0, "2 home 2"),
            (0, "1 home 1"),
            (1, "Volunteer 3"),
            (2, "Street 2"),
            (3, "Hotline 1"),
            (0, "5 home 5"),
        ]
    );
    // Without post B, leader and building head their steps are gone; who follows waits as long as one of them.
    let waits: Vec<(u16, StepWhen)> = plan.steps.iter().map(|one| (one.wait_s, one.when)).collect();
    assert_eq!(
        waits,
        [(60, StepWhen::NotEnough), (120, StepWhen::NobodyComing), (120, StepWhen::NobodyComing)]
    );
    assert_eq!((plan.due_s(0), plan.due_s(2), plan.due_s(3)), (0, 180, 300));
    assert_eq!(plan.made_by, None);
    let off_duty = plan.left_out.iter().find(|left| left.worker == Some(WorkerId(2)));
    assert_eq!(off_duty.map(|left| left.why), Some(LeftOutWhy::OffDuty));
    let speaker = plan.left_out.iter().find(|left| left.responder == Some(ResponderId(6)));
    assert_eq!(speaker.map(|left| left.why), Some(LeftOutWhy::NotInPolicy));
    assert!(plan.left_out.iter().all(|left| left.responder != Some(ResponderId(5))));
}

#[test]
fn the_narrowest_scope_wins_then_the_policy_of_the_kind() {
    let named = |name: &str, scope, kinds: &[AlarmKind]| PolicyDocument {
        name: name.into(),
        scope,
        kinds: kinds.to_vec(),
        ..document(vec![step(0, StepWhen::Always, vec![Target::Group])])
    };
    let (fire, all) = (&[AlarmKind::Fire][..], &[][..]);
    let policies = vec![
        stored(1, named("community", PolicyScope::Community, all)),
        stored(2, named("community fire", PolicyScope::Community, fire)),
        stored(3, named("grid", PolicyScope::Grid(GridId(1)), fire)),
        stored(4, named("group 2", PolicyScope::Group(GroupId(2)), all)),
        stored(5, named("grid 2", PolicyScope::Grid(GridId(2)), all)),
    ];
    let check = |policies: &[StoredPolicy], kind, wanted: Option<u32>| {
        let directory = town(Vec::new(), policies.to_vec());
        let made_by = planned(&directory, kind, false).made_by;
        assert_eq!(made_by.map(|made| made.policy.0), wanted, "{kind:?}");
    };
    check(&policies, AlarmKind::Fire, Some(3));
    check(&policies, AlarmKind::Flood, Some(1));
    check(&policies[..2], AlarmKind::Fire, Some(2));
    check(&policies[1..2], AlarmKind::Unknown, None);
    check(&policies[3..], AlarmKind::Fire, None);
}

#[test]
fn the_kind_decides_who_goes_in_together() {
    let directory = town(Vec::new(), Vec::new());
    for kind in AlarmKind::ALL {
        let together = planned(&directory, kind, false).policy.together;
        assert_eq!(together, if kind == AlarmKind::Intruder { 2 } else { 1 }, "{kind:?}");
    }
    let own = PolicyDocument {
        together: Some(3),
        acknowledgements_wanted: Some(4),
        pace: Pace { wave_s: Some(45), ..Pace::default() },
        ..document(vec![step(0, StepWhen::Always, vec![Target::Group])])
    };
    let plan = planned(&town(Vec::new(), vec![stored(1, own)]), AlarmKind::Fire, false);
    let policy = &plan.policy;
    assert_eq!((policy.together, policy.acknowledgements_wanted, policy.wave_s), (3, 4, 45));
    assert_eq!(policy.ring_timeout_s, Policy::default().ring_timeout_s);
}

#[test]
fn personal_helpers_may_be_called_before_the_group() {
    let first = PolicyDocument { helpers_first_s: 20, ..(*PolicyDocument::built_in()).clone() };
    let people = |key: &str| {
        let mut helper = helper(4, 5, "help");
        helper.numbers[0].has_voice = key == "voice";
        vec![helper, responder(2, ResponderKind::Street, "s")]
    };
    let plan =
        planned(&town(people("voice"), vec![stored(1, first.clone())]), AlarmKind::Illness, false);
    assert_eq!(
        called(&plan),
        [
            (0, "worker 1"),
            (0, "Helper 4"),
            (1, "2 home 2"),
            (1, "1 home 1"),
            (2, "Street 2"),
            (0, "5 home 5")
        ]
    );
    assert_eq!(plan.steps[0], Step { wait_s: 20, when: StepWhen::Always });
    // A helper who cannot be rung holds up nobody.
    let plan = planned(&town(people("sms"), vec![stored(1, first)]), AlarmKind::Illness, false);
    assert_eq!(called(&plan)[..3], [(0, "worker 1"), (0, "Helper 4"), (0, "2 home 2")]);
}

#[test]
fn responders_are_chosen_by_kind_skill_and_place() {
    let place = |id, grid, building: Option<&str>| Responder {
        grid,
        building: building.map(Arc::from),
        ..responder(id, ResponderKind::Volunteer, &format!("v{id}"))
    };
    let mut aider = place(4, None, None);
    aider.skills = vec!["first_aid".into()];
    let people = vec![
        place(1, Some(GridId(2)), Some("3")),
        place(2, Some(GridId(1)), Some("4")),
        place(3, None, Some("")),
        aider,
    ];
    let check = |target: Target, wanted: &[u32]| {
        let policy = document(vec![
            step(0, StepWhen::Always, vec![Target::Group]),
            step(30, StepWhen::NotEnough, vec![target.clone()]),
        ]);
        let plan = planned(&town(people.clone(), vec![stored(1, policy)]), AlarmKind::Fire, false);
        let found: Vec<u32> =
            plan.parties.iter().filter_map(|party| party.responder).map(|id| id.0).collect();
        assert_eq!(found, wanted, "{target:?}");
    };
    // The building of the alarm is the one without a name: that of all homes here.
    check(responders(ResponderKind::Volunteer, Within::Building), &[3]);
    check(responders(ResponderKind::Volunteer, Within::Grid), &[3, 2, 4]);
    check(responders(ResponderKind::Volunteer, Within::Community), &[3, 2, 1, 4]);
    check(responders(ResponderKind::Patrol, Within::Community), &[]);
    let skill = Some("first_aid".into());
    check(Target::Responders { kind: ResponderKind::Volunteer, skill, within: Within::Grid }, &[4]);
}

#[test]
fn a_first_step_that_rings_nobody_rings_everybody() {
    // Post C has no holder: the street and all workers ring at once.
    let policy = document(vec![
        step(0, StepWhen::Always, vec![post("C")]),
        step(
            300,
            StepWhen::NobodyComing,
            vec![responders(ResponderKind::Street, Within::Community)],
        ),
    ]);
    let people = vec![responder(2, ResponderKind::Street, "s")];
    let plan = planned(&town(people, vec![stored(1, policy)]), AlarmKind::Fire, false);
    assert_eq!(called(&plan), [(0, "worker 1"), (0, "worker 2"), (0, "Street 2"), (0, "5 home 5")]);
    assert_eq!(plan.steps, []);
    assert!(plan.left_out.iter().any(|left| left.household == Some(HouseholdId(1))));
    assert!(plan.left_out.iter().all(|left| left.worker.is_none()));
}

#[test]
fn a_drill_stays_with_the_first_step_unless_the_policy_says_otherwise() {
    let people = vec![responder(2, ResponderKind::Street, "s")];
    let plan = planned(&town(people.clone(), Vec::new()), AlarmKind::Unknown, true);
    assert!(plan.is_drill && plan.steps.is_empty());
    assert!(plan.parties.iter().all(|party| party.responder.is_none()));
    let mut wide = (*PolicyDocument::built_in()).clone();
    wide.drill.escalates = true;
    let plan = planned(&town(people, vec![stored(1, wide)]), AlarmKind::Unknown, true);
    assert_eq!(plan.steps.len(), 1);
}

#[test]
fn a_plan_is_bounded_and_the_largest_target_gives_way() {
    let homes = (1..=300).map(|id| household(id, id as u16, &[&[&*format!("n{id}")]])).collect();
    let mut community = community(homes, vec![worker(1, true, &["w1"])]);
    community.responders = (1..=90)
        .map(|id| responder(id, ResponderKind::Volunteer, &format!("v{id}")))
        .chain([responder(99, ResponderKind::Hotline, "hot")])
        .collect();
    let directory = Directory::new(7, Vec::new(), vec![community]);
    let plan = planned(&directory, AlarmKind::Unknown, false);
    assert_eq!(plan.parties.len(), PARTIES_MAX);
    assert_eq!(plan.left_out.len(), LEFT_OUT_MAX);
    assert!(plan.left_out.iter().all(|left| left.why == LeftOutWhy::TooMany));
    assert!(plan.parties.iter().any(|party| &*party.name == "Hotline 99"));
    // Home 5 stands at door 5: the nearest stay.
    let of_group: Vec<&str> = plan
        .parties
        .iter()
        .filter(|one| one.role == Role::Neighbour)
        .map(|one| &*one.name)
        .collect();
    assert!(of_group.len() < 110 && of_group.starts_with(&["4 home 4", "6 home 6"]));
}

#[test]
fn the_next_revision_calls_nobody_later() {
    let slow = document(vec![
        step(0, StepWhen::Always, vec![post("A")]),
        step(300, StepWhen::NotEnough, vec![Target::Group]),
        step(300, StepWhen::NotEnough, vec![responders(ResponderKind::Street, Within::Community)]),
    ]);
    let fire = PolicyDocument { kinds: vec![AlarmKind::Fire], ..slow };
    let people =
        vec![responder(2, ResponderKind::Street, "s"), responder(3, ResponderKind::Patrol, "p")];
    let directory = town(people, vec![stored(1, fire)]);
    let line = directory.line_by_account("line5").unwrap();
    let (unknown, defaults) = (planned(&directory, AlarmKind::Unknown, false), Policy::default());
    let wanted =
        PlanFor { kind: AlarmKind::Fire, ..PlanFor::unknown(&defaults, Timestamp::UNIX_EPOCH) };
    let next = rebuild(&unknown, &directory, line, &wanted).unwrap();
    assert!(next.succeeds(&unknown));
    let steps: Vec<(u8, &str, bool)> =
        next.parties.iter().map(|one| (one.step, &*one.name, one.has_voice())).collect();
    assert_eq!(
        steps,
        [
            (0, "worker 1", true),
            // Called at once by the first plan, so not after five minutes now.
            (0, "2 home 2", true),
            (0, "1 home 1", true),
            (1, "Patrol 3", false),
            // Was due after 180 s, before any step of the new plan.
            (0, "Street 2", true),
            (0, "5 home 5", false),
        ]
    );
}

prop_compose! {
    fn any_target()(which in 0..8_u8, code in "[ABC]", wide in 0..3_u8) -> Target {
        let within = [Within::Building, Within::Grid, Within::Community][usize::from(wide)];
        match which {
            0 => Target::Helpers,
            1 => Target::Group,
            2 | 3 => Target::Post { code: code.as_str().into() },
            4 => responders(ResponderKind::Volunteer, within),
            5 => responders(ResponderKind::Street, within),
            6 => responders(ResponderKind::Loudspeaker, within),
            _ => Target::AllWorkers,
        }
    }
}

prop_compose! {
    fn any_document()(
        steps in prop::collection::vec(
            (prop::collection::vec(any_target(), 0..4), 0..700_u16), 0..6),
        helpers_first_s in 0..3_u16,
    ) -> PolicyDocument {
        let steps = steps.into_iter().map(|(targets, wait_s)| step(wait_s, StepWhen::NotEnough, targets));
        PolicyDocument { helpers_first_s, ..document(steps.collect()) }
    }
}

fn people() -> Vec<Responder> {
    vec![
        responder(1, ResponderKind::Volunteer, "v"),
        responder(2, ResponderKind::Street, "w1"),
        helper(3, 5, "help"),
        responder(4, ResponderKind::Loudspeaker, "loud"),
        responder(5, ResponderKind::Loudspeaker, "a"),
    ]
}

proptest! {
    /// Whatever a policy says: somebody is rung at once, nobody twice, and every step has a party.
    #[test]
    fn no_policy_makes_a_silent_plan(one in any_document(), other in any_document(), is_drill: bool) {
        let other = PolicyDocument { kinds: vec![AlarmKind::Fire], ..other };
        let directory = town(people(), vec![stored(1, one), stored(2, other)]);
        let line = directory.line_by_account("line5").unwrap();
        let plan = planned(&directory, AlarmKind::Unknown, is_drill);
        let is_rung = |party: &&Party| {
            party.step == 0 && party.has_voice() && party.role != Role::Loudspeaker
        };
        prop_assert!(plan.parties.iter().any(|party| is_rung(&party)));
        let mut keys: Vec<&str> =
            plan.parties.iter().flat_map(|one| &one.numbers).map(|one| one.number.key()).collect();
        keys.sort_unstable();
        let all = keys.len();
        keys.dedup();
        prop_assert_eq!(all, keys.len());
        for number in 1..=plan.steps.len() {
            prop_assert!(plan.parties.iter().any(|party| usize::from(party.step) == number));
        }
        prop_assert!(plan.parties.iter().all(|party| usize::from(party.step) <= plan.steps.len()));

        let defaults = Policy::default();
        let wanted = PlanFor { kind: AlarmKind::Fire, is_drill, ..PlanFor::again(&plan, &defaults, Timestamp::UNIX_EPOCH) };
        let next = rebuild(&plan, &directory, line, &wanted).unwrap();
        prop_assert!(next.succeeds(&plan));
        for (old, new) in plan.parties.iter().zip(&next.parties).filter(|(_, new)| new.has_voice()) {
            prop_assert!(next.due_s(new.step) <= plan.due_s(old.step), "{} is later", new.name);
        }
    }
}
