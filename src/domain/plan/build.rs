//! Makes a plan from the directory at one moment: who is reached, in which order, and who is left out and why.
//!
//! Pure. The policy of the door says who is called in which step (`targets`); `numbers` decides which of their numbers
//! can be used. Fails toward ringing: when nobody of the first step can be rung, everybody of the plan and all workers of
//! the community are rung at once, on duty or not. A plan without any number is made all the same: the alarm is raised,
//! shown and planned again at each wave.

mod added;
mod numbers;
mod targets;

pub use added::{ADDED_MAX, AddError, Added};

use super::{LeftOut, LeftOutWhy, Party, Plan, Policy, Role, Scene, Step, StepWhen};
use crate::directory::{Community, Directory, Group, Household, Line, LineRef};
use crate::id::GridId;
use crate::kind::AlarmKind;
use crate::policy::{self, DoorPlace, PolicyDocument, StoredPolicy};
use jiff::Timestamp;
use numbers::Builder;
use std::sync::Arc;
use targets::{Candidate, Chosen, Door};

/// Parties of one plan. The largest target gives up its farthest when there would be more.
pub const PARTIES_MAX: usize = 200;
/// Those left out that a plan tells of: it is kept with the alarm.
pub const LEFT_OUT_MAX: usize = 128;

/// What a plan is made for.
#[derive(Clone, Copy, Debug)]
pub struct PlanFor<'a> {
    /// What is the matter, as far as anybody has said.
    pub kind: AlarmKind,
    /// An exercise.
    pub is_drill: bool,
    /// When: who is on duty depends on it.
    pub now: Timestamp,
    /// The pace of the service, where the policy of the door says nothing else.
    pub defaults: &'a Policy,
}

impl<'a> PlanFor<'a> {
    /// For an alarm of which nobody has said what is the matter.
    #[must_use]
    pub fn unknown(defaults: &'a Policy, now: Timestamp) -> Self {
        Self { kind: AlarmKind::Unknown, is_drill: false, now, defaults }
    }

    /// For the next revision of a plan, which stays what it is.
    #[must_use]
    pub fn again(previous: &Plan, defaults: &'a Policy, now: Timestamp) -> Self {
        Self { kind: previous.kind, is_drill: previous.is_drill, now, defaults }
    }
}

/// Freezes whom an alarm on `line` reaches, by today's directory, as revision 1. `None` if the directory no longer has
/// the line.
#[must_use]
pub fn build(directory: &Directory, line: LineRef, wanted: &PlanFor<'_>) -> Option<Plan> {
    let (community, household, line) = directory.resolve(line)?;
    let group = community.group(household.group);
    let scene = scene(community, group, household, line);
    let place = DoorPlace { grid: scene.grid, group: scene.group };
    let stored = policy::find(community, place, wanted.kind);
    let document = stored.map_or_else(PolicyDocument::built_in, document_of);
    let door =
        Door { community, group, household, grid: group.map(|group| group.grid), now: wanted.now };
    let mut chosen = targets::choose(&door, &document, wanted.is_drill);
    let mut builder = Builder::new(&line.number);
    builder.add_all(&chosen.candidates);
    if !builder.has_voice_at_once() {
        chosen.call_all_at_once(&door);
        builder = Builder::new(&line.number);
        builder.add_all(&chosen.candidates);
    }
    builder.add(&Candidate::OwnHousehold(household), 0);
    let steps = squeeze(&mut builder.parties, &chosen.steps);
    builder.left_out.extend(chosen.left_out);
    builder.left_out.truncate(LEFT_OUT_MAX);
    Some(Plan {
        revision: 1,
        directory_version: directory.version,
        scene,
        parties: builder.parties,
        policy: pace(&document, group, wanted),
        kind: wanted.kind,
        is_drill: wanted.is_drill,
        steps,
        made_by: stored.map(|stored| stored.version),
        left_out: builder.left_out,
    })
}

/// The next revision of a plan by today's directory: parties and numbers keep their indices, see
/// [`Plan::succeeding`]. `None` if the directory no longer has the line; the old plan then holds on.
#[must_use]
pub fn rebuild(
    previous: &Plan,
    directory: &Directory,
    line: LineRef,
    wanted: &PlanFor<'_>,
) -> Option<Plan> {
    Some(build(directory, line, wanted)?.succeeding(previous))
}

/// Whom a policy calls at a door, without what is done when that is nobody.
pub(crate) struct Survey {
    /// The parties; steps are numbered as in the policy.
    pub(crate) parties: Vec<Party>,
    /// Numbers that are not used.
    pub(crate) left_out: Vec<LeftOut>,
}

/// Tries a policy at the door of a household, by its first line.
pub(crate) fn survey(
    community: &Community,
    household: &Household,
    document: &PolicyDocument,
    now: Timestamp,
) -> Survey {
    let Some(line) = household.lines.first() else {
        return Survey { parties: Vec::new(), left_out: Vec::new() };
    };
    let group = community.group(household.group);
    let door = Door { community, group, household, grid: group.map(|group| group.grid), now };
    // The lead of helpers would number the steps anew.
    let document = PolicyDocument { helpers_first_s: 0, ..document.clone() };
    let chosen = targets::choose(&door, &document, false);
    let mut builder = Builder::new(&line.number);
    builder.add_all(&chosen.candidates);
    builder.add(&Candidate::OwnHousehold(household), 0);
    Survey { parties: builder.parties, left_out: builder.left_out }
}

fn document_of(stored: &StoredPolicy) -> Arc<PolicyDocument> {
    Arc::clone(&stored.document)
}

/// The pace of the service, changed by the policy; the group's wish for acknowledgements goes before the service's.
fn pace(document: &PolicyDocument, group: Option<&Group>, wanted: &PlanFor<'_>) -> Policy {
    let mut policy = wanted.defaults.clone();
    document.pace.apply(&mut policy);
    if let Some(group) = group {
        policy.acknowledgements_wanted = group.acknowledgements_wanted;
    }
    policy.together = document.together(wanted.kind).max(1);
    let own = document.acknowledgements_wanted.unwrap_or(policy.acknowledgements_wanted);
    policy.acknowledgements_wanted = own.max(1);
    policy
}

/// The steps that have a party; the others are left out, and the parties are numbered anew. A step waits for the longest
/// of its own wait and those of the steps left out before it.
fn squeeze(parties: &mut [Party], steps: &[Step]) -> Vec<Step> {
    let mut kept = Vec::new();
    let mut longest = 0;
    for (number, step) in (1_u8..).zip(steps) {
        longest = step.wait_s.max(longest);
        let mut of_step = parties.iter_mut().filter(|party| party.step == number).peekable();
        if of_step.peek().is_none() {
            continue;
        }
        kept.push(Step { wait_s: longest, when: step.when });
        longest = 0;
        let renumbered = u8::try_from(kept.len()).unwrap_or(u8::MAX);
        of_step.for_each(|party| party.step = renumbered);
    }
    kept
}

fn scene(
    community: &Community,
    group: Option<&Group>,
    household: &Household,
    line: &Line,
) -> Scene {
    Scene {
        line: line.id,
        household: household.id,
        group: household.group,
        grid: group.map_or_else(GridId::default, |group| group.grid),
        community: community.id,
        community_name: Arc::clone(&community.name),
        household_name: Arc::clone(&household.name),
        address: household.address.clone(),
        pronunciation: household.pronunciation.clone(),
        number: line.number.clone(),
        language: household.language,
        is_silent: line.is_silent,
    }
}

impl<'a> Chosen<'a> {
    /// Nobody of the first step can be rung: whoever can be is rung at once, and every worker too.
    fn call_all_at_once(&mut self, door: &Door<'a>) {
        self.candidates.iter_mut().for_each(|(step, _)| *step = 0);
        let known: Vec<_> = self.candidates.iter().map(|(_, one)| one.id()).collect();
        let workers = door.community.workers.iter().map(Candidate::Worker);
        let workers = workers.filter(|worker| !known.contains(&worker.id()));
        self.candidates.extend(workers.take(PARTIES_MAX).map(|worker| (0, worker)));
        self.left_out.retain(|left| left.worker.is_none());
        self.candidates.sort_by_key(|(step, one)| (*step, one.rank()));
        self.candidates.truncate(PARTIES_MAX);
    }
}

#[cfg(test)]
mod tests;
