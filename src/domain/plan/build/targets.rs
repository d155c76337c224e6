//! Whom the steps of a policy mean at one door and moment, in the order in which they are called.

use super::{LeftOut, LeftOutWhy, PARTIES_MAX, Role, Step, StepWhen};
use crate::directory::{Community, Group, Household, Responder, ResponderKind, Worker};
use crate::id::{GridId, HouseholdId, ResponderId, WorkerId};
use crate::policy::{PolicyDocument, PolicyStep, Target, Within, duty};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The door of the alarm, and the moment.
pub(super) struct Door<'a> {
    pub(super) community: &'a Community,
    pub(super) group: Option<&'a Group>,
    pub(super) household: &'a Household,
    pub(super) grid: Option<GridId>,
    pub(super) now: Timestamp,
}

/// Somebody who may become a party.
#[derive(Clone, Copy)]
pub(super) enum Candidate<'a> {
    Worker(&'a Worker),
    Neighbour(&'a Household),
    Responder(&'a Responder),
    OwnHousehold(&'a Household),
}

/// Who somebody is: nobody stands in a plan twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum CandidateId {
    Worker(WorkerId),
    Household(HouseholdId),
    Responder(ResponderId),
}

impl Candidate<'_> {
    pub(super) fn id(&self) -> CandidateId {
        match self {
            Self::Worker(worker) => CandidateId::Worker(worker.id),
            Self::Neighbour(household) | Self::OwnHousehold(household) => {
                CandidateId::Household(household.id)
            }
            Self::Responder(responder) => CandidateId::Responder(responder.id),
        }
    }

    pub(super) fn role(&self) -> Role {
        match self {
            Self::Worker(_) => Role::DutyWorker,
            Self::Neighbour(_) => Role::Neighbour,
            Self::OwnHousehold(_) => Role::OwnHousehold,
            Self::Responder(responder) => match responder.kind {
                ResponderKind::Loudspeaker => Role::Loudspeaker,
                ResponderKind::Helper
                | ResponderKind::BuildingHead
                | ResponderKind::Patrol
                | ResponderKind::Volunteer
                | ResponderKind::Street
                | ResponderKind::Hotline => Role::Responder,
            },
        }
    }

    /// Place among those of one step: duty workers, personal helpers, neighbours, others.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Worker(_) => 0,
            Self::Responder(responder) if responder.kind == ResponderKind::Helper => 1,
            Self::Neighbour(_) => 2,
            Self::Responder(_) => 3,
            Self::OwnHousehold(_) => 4,
        }
    }

    fn has_voice(&self) -> bool {
        match self {
            Self::Worker(worker) => worker.numbers.iter().any(|number| number.has_voice),
            Self::Responder(responder) => responder.numbers.iter().any(|number| number.has_voice),
            Self::Neighbour(household) | Self::OwnHousehold(household) => {
                let mut contacts = household.contacts.iter();
                contacts.any(|contact| contact.numbers.iter().any(|number| number.has_voice))
            }
        }
    }

    pub(super) fn left_out(&self, why: LeftOutWhy) -> LeftOut {
        let mut left =
            LeftOut { household: None, worker: None, responder: None, number: None, why };
        match self.id() {
            CandidateId::Worker(id) => left.worker = Some(id),
            CandidateId::Household(id) => left.household = Some(id),
            CandidateId::Responder(id) => left.responder = Some(id),
        }
        left
    }
}

/// Whom a policy means.
pub(super) struct Chosen<'a> {
    /// In the order of calling, each with the step.
    pub(super) candidates: Vec<(u8, Candidate<'a>)>,
    /// The steps after the first.
    pub(super) steps: Vec<Step>,
    /// Who is not meant, or one too many.
    pub(super) left_out: Vec<LeftOut>,
}

/// Reads the steps of a policy for a door. A drill stays with the first one unless the policy says otherwise.
pub(super) fn choose<'a>(door: &Door<'a>, document: &PolicyDocument, is_drill: bool) -> Chosen<'a> {
    let escalates = !is_drill || document.drill.escalates;
    let mut known = BTreeSet::new();
    let mut found: Vec<(u8, Vec<Candidate<'a>>)> = Vec::new();
    for (step, target) in document.targets().filter(|(step, _)| *step == 0 || escalates) {
        let mut meant = door.meant_by(target);
        meant.retain(|one| known.insert(one.id()));
        found.push((u8::try_from(step).unwrap_or(u8::MAX), meant));
    }
    let mut left_out = crop(&mut found);
    let mut steps: Vec<Step> = document.steps.iter().skip(1).map(step_of).collect();
    steps.truncate(usize::from(u8::MAX - 1));
    if 0 < document.helpers_first_s {
        let lead = Step { wait_s: document.helpers_first_s, when: StepWhen::Always };
        put_helpers_first(&mut found, &mut steps, lead);
    }
    let listed =
        found.into_iter().flat_map(|(step, ones)| ones.into_iter().map(move |one| (step, one)));
    let mut candidates: Vec<_> = listed.collect();
    candidates.sort_by_key(|(step, one)| (*step, one.rank()));
    left_out.extend(door.others(&known));
    Chosen { candidates, steps, left_out }
}

fn step_of(step: &PolicyStep) -> Step {
    Step { wait_s: step.wait_s, when: step.when }
}

/// Keeps to the bound of parties: the target with the most gives up its farthest. One place is for the own household.
fn crop(found: &mut [(u8, Vec<Candidate<'_>>)]) -> Vec<LeftOut> {
    let mut left_out = Vec::new();
    let mut total: usize = found.iter().map(|(_, ones)| ones.len()).sum();
    while PARTIES_MAX <= total {
        let largest = found.iter_mut().max_by_key(|(_, ones)| ones.len());
        let Some(one) = largest.and_then(|(_, ones)| ones.pop()) else { break };
        left_out.push(one.left_out(LeftOutWhy::TooMany));
        total -= 1;
    }
    left_out
}

/// Those of the first step who are neither helpers nor on duty wait for the lead of the helpers, if there is a helper who
/// can be called.
fn put_helpers_first<'a>(
    found: &mut Vec<(u8, Vec<Candidate<'a>>)>,
    steps: &mut Vec<Step>,
    lead: Step,
) {
    let of_first = || found.iter().filter(|(step, _)| *step == 0).flat_map(|(_, ones)| ones);
    let has_helper = of_first().any(|one| one.rank() == 1 && one.has_voice());
    let has_others = of_first().any(|one| 1 < one.rank());
    if !has_helper || !has_others {
        return;
    }
    steps.insert(0, lead);
    let mut waiting = Vec::new();
    for (step, ones) in found.iter_mut() {
        if *step == 0 {
            waiting.extend(ones.extract_if(.., |one| 1 < one.rank()));
        } else {
            *step = step.saturating_add(1);
        }
    }
    found.push((1, waiting));
}

impl<'a> Door<'a> {
    fn meant_by(&self, target: &Target) -> Vec<Candidate<'a>> {
        match target {
            Target::Group => self.neighbours().into_iter().map(Candidate::Neighbour).collect(),
            Target::Helpers => {
                let own = Some(self.household.id);
                let is_meant =
                    |one: &Responder| one.household == own && one.kind == ResponderKind::Helper;
                self.responders(is_meant).into_iter().map(Candidate::Responder).collect()
            }
            Target::Post { code } => {
                let holders = duty::holders(self.community, code, self.grid, self.now);
                holders.into_iter().map(Candidate::Worker).collect()
            }
            Target::AllWorkers => self.community.workers.iter().map(Candidate::Worker).collect(),
            Target::Responders { kind, skill, within } => {
                let is_meant = |one: &Responder| {
                    one.kind == *kind
                        && has_skill(one, skill.as_ref())
                        && self.is_near(one, *within)
                };
                self.responders(is_meant).into_iter().map(Candidate::Responder).collect()
            }
        }
    }

    /// The other households of the group, nearest first; ties by position, then id.
    fn neighbours(&self) -> Vec<&'a Household> {
        let own = self.household;
        let ids = self.group.map_or([].as_slice(), |group| group.households.as_slice());
        let mut found: Vec<&Household> = ids
            .iter()
            .filter(|id| **id != own.id)
            .filter_map(|id| self.community.household(*id).map(Arc::as_ref))
            .collect();
        found
            .sort_by_key(|other| (other.position.abs_diff(own.position), other.position, other.id));
        found.dedup_by_key(|other| other.id);
        found
    }

    /// Responders, those of the building first, then those of the grid.
    fn responders(&self, is_meant: impl Fn(&Responder) -> bool) -> Vec<&'a Responder> {
        let mut found: Vec<&'a Responder> =
            self.community.responders.iter().filter(|one| is_meant(one)).collect();
        let building = &self.household.address.building;
        let is_far = |one: &Responder| {
            (one.building.as_ref() != Some(building), one.grid.is_none() || one.grid != self.grid)
        };
        found.sort_by_key(|one| is_far(one));
        found
    }

    fn is_near(&self, one: &Responder, within: Within) -> bool {
        let of_grid = one.grid.is_none() || one.grid == self.grid;
        // A helper is there for one household alone.
        let of_household = one.household.is_none_or(|household| household == self.household.id);
        let building = &self.household.address.building;
        of_household
            && match within {
                Within::Building => of_grid && one.building.as_ref() == Some(building),
                Within::Grid => of_grid,
                Within::Community => true,
            }
    }

    /// Those of the door whom the policy does not call: workers, the group, and responders who are for this place.
    fn others(&self, known: &BTreeSet<CandidateId>) -> Vec<LeftOut> {
        let workers = self.community.workers.iter().map(Candidate::Worker);
        let households = self.neighbours().into_iter().map(Candidate::Neighbour);
        let responders = self.responders(|one| self.is_near(one, Within::Grid));
        let all = workers.chain(households).chain(responders.into_iter().map(Candidate::Responder));
        let others = all.filter(|one| !known.contains(&one.id()));
        let on_duty = duty::on_duty(self.community, self.now);
        let left = others.map(|one| {
            let is_off = matches!(one, Candidate::Worker(worker) if !on_duty.contains(&worker.id));
            one.left_out(if is_off { LeftOutWhy::OffDuty } else { LeftOutWhy::NotInPolicy })
        });
        left.take(super::LEFT_OUT_MAX).collect()
    }
}

fn has_skill(one: &Responder, skill: Option<&Arc<str>>) -> bool {
    skill.is_none_or(|skill| one.skills.contains(skill))
}
