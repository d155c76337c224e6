//! Looks a policy through before it is saved: refuses what could end in silence or reach nobody, and tells how late its
//! last leg leaves.
//!
//! [`form`] needs the document alone; [`check`] tries it on every door of its scope and over the next two weeks of the
//! roster. A plan that finds nobody rings everybody all the same (`plan::build`): this is for noticing it by day.

mod finding;
mod words;

pub use finding::{Problem, Report, Warning, Why};

use super::{
    HELPERS_LEAD_MAX_S, NAME_MAX, PolicyDocument, PolicyScope, STEPS_MAX, StoredPolicy,
    TARGETS_MAX, Target, WAIT_MAX_S, WANTED_MAX, duty,
};
use crate::directory::{Community, Household};
use crate::dispatch::{Dispatch, Route};
use crate::id::GridId;
use crate::leg::Channel;
use crate::plan::{LeftOutWhy, Party, Role, StepWhen, Survey, survey};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How far ahead the roster is looked through.
pub const DAYS: i64 = 14;
/// Moments of it that are looked at: shifts begin on the quarter hour.
const EVERY: SignedDuration = SignedDuration::from_mins(15);
/// A last leg that leaves after so long is late, in milliseconds.
pub const LATE_MS: u64 = 1000;
/// Problems and warnings that are told of; who reads a hundred knows what to do.
const TOLD_MAX: usize = 100;

/// What is wrong with the document by itself.
#[must_use]
pub fn form(document: &PolicyDocument) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut tell = |pointer: String, why| problems.push(Problem { pointer, why });
    if !is_name(&document.name) {
        tell("/name".into(), Why::Name);
    }
    for (index, kind) in document.kinds.iter().enumerate() {
        if document.kinds.iter().take(index).any(|before| before == kind) {
            tell(format!("/kinds/{index}"), Why::Twice);
        }
    }
    let bounded = [
        (
            "/acknowledgements_wanted",
            document.acknowledgements_wanted.map(u32::from),
            1,
            WANTED_MAX.into(),
        ),
        ("/together", document.together.map(u32::from), 1, WANTED_MAX.into()),
        ("/helpers_first_s", Some(document.helpers_first_s.into()), 0, HELPERS_LEAD_MAX_S.into()),
        ("/drill/announced_min", Some(document.drill.announced_min.into()), 0, 7 * 24 * 60),
    ];
    for (pointer, value, min, max) in bounded {
        if let Some(value) = value.filter(|value| !(min..=max).contains(value)) {
            tell(pointer.into(), Why::Bounds { value, min, max });
        }
    }
    for field in document.pace.out_of_bounds() {
        let (min, max) = field.range.into_inner();
        tell(format!("/pace/{}", field.name), Why::Bounds { value: field.value, min, max });
    }
    let drill = document.drill;
    if drill.until_hour <= drill.from_hour || 24 < drill.until_hour {
        tell("/drill/until_hour".into(), Why::Hours);
    }
    steps(document, &mut problems);
    problems.truncate(TOLD_MAX);
    problems
}

fn steps(document: &PolicyDocument, problems: &mut Vec<Problem>) {
    let mut tell = |pointer: String, why| problems.push(Problem { pointer, why });
    if !(1..=STEPS_MAX).contains(&document.steps.len()) {
        return tell("/steps".into(), Why::Length { max: STEPS_MAX });
    }
    let mut known = BTreeSet::new();
    for (index, step) in document.steps.iter().enumerate() {
        let at = format!("/steps/{index}");
        if !(1..=TARGETS_MAX).contains(&step.targets.len()) {
            tell(format!("{at}/targets"), Why::Length { max: TARGETS_MAX });
        }
        if index == 0 && (step.wait_s != 0 || step.when != StepWhen::Always) {
            tell(at.clone(), Why::FirstWaits);
        }
        if WAIT_MAX_S < step.wait_s {
            let (value, max) = (step.wait_s.into(), WAIT_MAX_S.into());
            tell(format!("{at}/wait_s"), Why::Bounds { value, min: 0, max });
        }
        for (place, target) in step.targets.iter().enumerate().take(TARGETS_MAX) {
            let word = match target {
                Target::Post { code } => Some(code),
                Target::Responders { skill, .. } => skill.as_ref(),
                Target::Helpers | Target::Group | Target::AllWorkers => None,
            };
            if word.is_some_and(|word| !is_name(word)) {
                tell(format!("{at}/targets/{place}"), Why::Name);
            }
            if !known.insert(target) {
                tell(format!("{at}/targets/{place}"), Why::Twice);
            }
        }
    }
}

fn is_name(text: &str) -> bool {
    let len = text.chars().count();
    !text.trim().is_empty() && len <= NAME_MAX && !text.chars().any(char::is_control)
}

/// Tries a policy on every door of its scope. `stored` is the policy that it takes the place of, if any.
///
/// # Errors
/// Everything for which it is refused.
pub fn check(
    document: &Arc<PolicyDocument>,
    community: &Community,
    routes: &[Route],
    now: Timestamp,
) -> Result<Report, Vec<Problem>> {
    let mut problems = form(document);
    if problems.is_empty() {
        problems.extend(scope_problem(document, community));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut trial = Trial::new(document, community, now);
    for household in &community.households {
        trial.door(household);
    }
    trial.duty();
    trial.dead_steps();
    if !trial.problems.is_empty() {
        trial.problems.truncate(TOLD_MAX);
        return Err(trial.problems);
    }
    Ok(trial.report(routes))
}

fn scope_problem(document: &PolicyDocument, community: &Community) -> Option<Problem> {
    let is_known = match document.scope {
        PolicyScope::Community => true,
        PolicyScope::Grid(id) => community.grids.iter().any(|grid| grid.id == id),
        PolicyScope::Group(id) => community.group(id).is_some(),
    };
    (!is_known).then(|| Problem { pointer: "/scope".into(), why: Why::UnknownScope })
}

/// Whether another of the policies holds for the same doors and a kind that this one is for.
#[must_use]
pub fn rival<'a>(
    document: &PolicyDocument,
    others: impl IntoIterator<Item = &'a StoredPolicy>,
) -> Option<Problem> {
    let is_same = |other: &&StoredPolicy| {
        let other = &other.document;
        let shares = document.kinds.iter().any(|kind| other.kinds.contains(kind))
            || (document.kinds.is_empty() && other.kinds.is_empty());
        other.scope == document.scope && shares
    };
    let name = Arc::clone(&others.into_iter().find(is_same)?.document.name);
    Some(Problem { pointer: "/kinds".into(), why: Why::OtherPolicy { name } })
}

/// A policy while it is tried.
struct Trial<'a> {
    document: &'a PolicyDocument,
    /// The same without duty posts: who is called whatever the hour.
    timeless: PolicyDocument,
    community: &'a Community,
    now: Timestamp,
    problems: Vec<Problem>,
    doors: usize,
    /// Steps that call somebody somewhere.
    alive: BTreeSet<usize>,
    /// Steps that call nobody at some doors: how many, and one of them.
    empty: BTreeMap<usize, (usize, Arc<str>)>,
    /// Doors at which the first step depends on a duty post alone, one for each grid.
    on_duty_alone: BTreeMap<Option<GridId>, Arc<str>>,
    grids: BTreeSet<Option<GridId>>,
    fewer: Option<(usize, Arc<str>)>,
    warnings: Vec<Warning>,
    calls: u32,
    messages: u32,
}

impl<'a> Trial<'a> {
    fn new(document: &'a PolicyDocument, community: &'a Community, now: Timestamp) -> Self {
        let mut timeless = document.clone();
        let is_timeless = |target: &Target| !matches!(target, Target::Post { .. });
        timeless.steps.iter_mut().for_each(|step| step.targets.retain(is_timeless));
        Self {
            document,
            timeless,
            community,
            now,
            problems: Vec::new(),
            doors: 0,
            alive: BTreeSet::new(),
            empty: BTreeMap::new(),
            on_duty_alone: BTreeMap::new(),
            grids: BTreeSet::new(),
            fewer: None,
            warnings: Vec::new(),
            calls: 0,
            messages: 0,
        }
    }

    fn tell(&mut self, pointer: String, why: Why) {
        let is_known = |problem: &Problem| {
            problem.pointer == pointer
                && std::mem::discriminant(&problem.why) == std::mem::discriminant(&why)
        };
        // One door tells it for all others.
        if !self.problems.iter().any(is_known) {
            self.problems.push(Problem { pointer, why });
        }
    }

    fn door(&mut self, household: &Household) {
        let group = self.community.group(household.group);
        let grid = group.map(|group| group.grid);
        let place = super::DoorPlace { grid: grid.unwrap_or_default(), group: household.group };
        if household.lines.is_empty() || !self.document.scope.has(place) {
            return;
        }
        self.doors += 1;
        self.grids.insert(grid);
        let name = &household.name;
        let timeless = survey(self.community, household, &self.timeless, self.now);
        let all = survey(self.community, household, self.document, self.now);
        if !timeless.parties.iter().any(|party| party.step == 0 && is_person(party)) {
            self.on_duty_alone.entry(grid).or_insert_with(|| Arc::clone(name));
        }
        self.reach(name, &all);
        let called: BTreeSet<usize> =
            timeless.parties.iter().map(|party| usize::from(party.step)).collect();
        for (index, step) in self.document.steps.iter().enumerate() {
            let has_post = step.targets.iter().any(|target| matches!(target, Target::Post { .. }));
            if called.contains(&index) {
                self.alive.insert(index);
            } else if !has_post {
                let entry = self.empty.entry(index).or_insert_with(|| (0, Arc::clone(name)));
                entry.0 += 1;
            }
        }
    }

    /// How many can be reached at a door, by whom it must not be, and what it costs the routes.
    fn reach(&mut self, door: &Arc<str>, all: &Survey) {
        let reachable = all.parties.iter().filter(|party| is_person(party)).count();
        if reachable < usize::from(self.document.together.unwrap_or(1)) {
            self.tell("/together".into(), Why::Together { door: Arc::clone(door), reachable });
        }
        let is_coming = |party: &&Party| is_person(party) && party.role != Role::DutyWorker;
        let coming = all.parties.iter().filter(is_coming).count();
        if coming < usize::from(self.document.acknowledgements_wanted.unwrap_or(1)) {
            self.fewer.get_or_insert_with(|| (0, Arc::clone(door))).0 += 1;
        }
        let refused = all.left_out.iter().filter(|left| left.why == LeftOutWhy::Refused);
        for left in refused {
            let responders = &self.community.responders;
            let found = responders.iter().find(|one| Some(one.id) == left.responder);
            if let Some(responder) = found {
                let name = Arc::clone(&responder.name);
                self.tell("/steps".into(), Why::NeverCalled { name });
            }
        }
        let first = || all.parties.iter().filter(|party| party.step == 0);
        let calls = first().filter(|party| party.has_voice()).count();
        let messages = first().flat_map(|party| &party.numbers).filter(|one| one.has_sms).count();
        let [calls, messages] =
            [calls, messages].map(|count| u32::try_from(count).unwrap_or(u32::MAX));
        if (self.calls, self.messages) < (calls, messages) {
            (self.calls, self.messages) = (calls, messages);
        }
    }

    /// Looks at the duty posts of every step over the next days.
    fn duty(&mut self) {
        let mut codes: BTreeMap<&'a Arc<str>, BTreeSet<usize>> = BTreeMap::new();
        for (index, target) in self.document.targets() {
            if let Target::Post { code } = target {
                codes.entry(code).or_default().insert(index);
            }
        }
        if !codes.values().any(|steps| steps.contains(&0)) {
            self.warnings.push(Warning::NoDutyAtOnce);
        }
        let mut gaps: BTreeMap<&Arc<str>, Timestamp> = BTreeMap::new();
        for grid in self.grids.clone() {
            let mut nobody_at = None;
            for at in moments(self.now) {
                let mut is_held_at_once = false;
                for (code, steps) in &codes {
                    let holders = duty::named(self.community, code, grid, at);
                    if holders.into_iter().any(duty::has_voice) {
                        self.alive.extend(steps);
                        is_held_at_once |= steps.contains(&0);
                    } else {
                        gaps.entry(code).or_insert(at);
                    }
                }
                if !is_held_at_once {
                    nobody_at = nobody_at.or(Some(at));
                }
            }
            let alone = self.on_duty_alone.get(&grid).cloned();
            if let Some((door, at)) = alone.zip(nobody_at) {
                let has_posts = codes.values().any(|steps| steps.contains(&0));
                let why = if has_posts && at != self.now {
                    Why::NobodyOnDuty { door, at }
                } else {
                    Why::NobodyAtOnce { door }
                };
                self.tell("/steps/0".into(), why);
            }
        }
        let gaps = gaps.into_iter();
        self.warnings.extend(
            gaps.map(|(code, at)| Warning::PostWithoutHolder { code: Arc::clone(code), at }),
        );
    }

    fn dead_steps(&mut self) {
        if self.doors == 0 {
            return;
        }
        for index in 0..self.document.steps.len() {
            if !self.alive.contains(&index) {
                self.tell(format!("/steps/{index}"), Why::DeadStep);
            }
        }
    }

    fn report(mut self, routes: &[Route]) -> Report {
        let empty = std::mem::take(&mut self.empty).into_iter();
        self.warnings.extend(empty.map(|(index, (doors, door))| Warning::EmptyStep {
            step: index + 1,
            doors,
            door,
        }));
        self.warnings
            .extend(self.fewer.map(|(doors, door)| Warning::FewerThanWanted { doors, door }));
        let mut last_leg_after_ms = None;
        if let Ok(dispatch) = Dispatch::new(routes.to_vec(), 1) {
            for (channel, legs) in [(Channel::Voice, self.calls), (Channel::Sms, self.messages)] {
                match dispatch.forecast(channel, legs.max(1), self.now) {
                    None => self.warnings.push(Warning::NoRoute { channel }),
                    Some(at) => {
                        let after = at.duration_since(self.now).as_millis();
                        let after = u64::try_from(after).unwrap_or(u64::MAX);
                        last_leg_after_ms = last_leg_after_ms.max(Some(after));
                    }
                }
            }
        }
        if let Some(after_ms) = last_leg_after_ms.filter(|after_ms| LATE_MS < *after_ms) {
            self.warnings.push(Warning::LeavesLate { after_ms });
        }
        self.warnings.truncate(TOLD_MAX);
        Report {
            last_leg_after_ms,
            calls: self.calls,
            messages: self.messages,
            doors: self.doors,
            warnings: self.warnings,
        }
    }
}

/// Somebody who can be rung and may come.
fn is_person(party: &Party) -> bool {
    party.has_voice()
        && match party.role {
            Role::DutyWorker | Role::Neighbour | Role::Responder => true,
            Role::Loudspeaker | Role::OwnHousehold => false,
        }
}

fn moments(now: Timestamp) -> impl Iterator<Item = Timestamp> {
    let end = now.saturating_add(SignedDuration::from_hours(24 * DAYS)).unwrap_or(Timestamp::MAX);
    std::iter::successors(Some(now), move |at| {
        at.checked_add(EVERY).ok().filter(|next| *next < end)
    })
}
