//! The frozen plan: whom an alarm reaches, in which order, by which numbers, and what it says about where.
//!
//! Built once per revision from the directory at that moment. Editing the group during an alarm changes nobody's
//! ringing. The plan holds names, numbers and addresses, so it is stored beside the events, where it can be erased;
//! events refer to it by [`PartyId`] and number index only. Both stay what they are from one revision of an alarm to
//! the next ([`Plan::succeeding`]), so that the newest plan explains every event of the alarm.

mod build;

pub use build::{ADDED_MAX, AddError, Added, LEFT_OUT_MAX, PARTIES_MAX, PlanFor, build, rebuild};
pub(crate) use build::{Survey, survey};

use crate::directory::{Address, Language};
use crate::id::{
    CommunityId, ContactId, GridId, GroupId, HouseholdId, LineId, PolicyId, ResponderId, WorkerId,
};
use crate::kind::AlarmKind;
use crate::phone::PhoneNumber;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A party of the plan: its index in [`Plan::parties`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PartyId(pub u16);

/// Whom an alarm reaches, frozen at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Counts the revisions of one alarm, from 1.
    pub revision: u16,
    /// Version of the directory that it was made from.
    pub directory_version: u64,
    /// Who is in trouble, and where.
    pub scene: Scene,
    /// Who is reached, in the order in which they are rung: the duty worker first, then the nearest.
    pub parties: Vec<Party>,
    /// How long things take and how often they repeat.
    pub policy: Policy,
    /// What is the matter, as far as anybody has said.
    #[serde(default)]
    pub kind: AlarmKind,
    /// An exercise: said in every voice, message and screen; yields to any real alarm.
    #[serde(default)]
    pub is_drill: bool,
    /// When the parties of [`Party::step`] 1, 2 and so on are called; those of step 0 are called at once.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// The stored policy that it was made by; `None` for the built-in one.
    #[serde(default)]
    pub made_by: Option<PolicyVersion>,
    /// Whom and what the plan does not reach, and why; for those who look a plan through before it is needed.
    #[serde(default)]
    pub left_out: Vec<LeftOut>,
}

/// A version of a stored policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyVersion {
    /// The policy.
    pub policy: PolicyId,
    /// Counts its versions, from 1.
    pub version: u32,
}

/// A step of escalation: more people are called.
///
/// Steps hold up no other: each is due at the sum of the waits up to it, counted from the first wave, whether those
/// before it were taken or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Pause since the step before it was due, in seconds; since the first wave for the first step.
    pub wait_s: u16,
    /// What must hold then. If it does not, the step is taken as soon as it does; those after it do not wait for it.
    pub when: StepWhen,
}

/// When a step of escalation is taken, once its wait is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepWhen {
    /// In any case.
    Always,
    /// Nobody is coming.
    NobodyComing,
    /// Fewer are coming than are wanted.
    NotEnough,
    /// No duty worker has taken the case.
    NoDutyWorker,
    /// Nobody is at the door.
    NobodyArrived,
}

/// A party or one of its numbers that the plan does not reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The household, unless a worker is left out.
    pub household: Option<HouseholdId>,
    /// The worker, if one is left out.
    pub worker: Option<WorkerId>,
    /// The responder, if one is left out.
    #[serde(default)]
    pub responder: Option<ResponderId>,
    /// The number that is left out; `None` if the party has no number that is left.
    pub number: Option<PhoneNumber>,
    /// Why.
    pub why: LeftOutWhy,
}

/// Why a plan does not reach somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftOutWhy {
    /// It is the line that raises the alarm: busy, and in the room.
    AlarmLine,
    /// An emergency or service number; people call it, we do not.
    Refused,
    /// It takes neither calls nor SMS.
    NoUse,
    /// It is in the plan already, for a party that is rung before.
    ListedBefore,
    /// The party has more numbers than [`PARTY_NUMBERS_MAX`].
    TooMany,
    /// The party has no number that can be used.
    NoNumber,
    /// A worker who is not on duty.
    OffDuty,
    /// The policy calls nobody like them for this kind of alarm.
    NotInPolicy,
}

/// Numbers of one party in a plan. Ten are more than any household has; the bound keeps an alarm small.
pub const PARTY_NUMBERS_MAX: usize = 32;

/// Who is in trouble, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scene {
    /// The line that raised the alarm.
    pub line: LineId,
    /// Its household.
    pub household: HouseholdId,
    /// The household's group.
    pub group: GroupId,
    /// The group's grid.
    pub grid: GridId,
    /// The grid's community.
    pub community: CommunityId,
    /// Name of the community.
    pub community_name: Arc<str>,
    /// How neighbours call the household.
    pub household_name: Arc<str>,
    /// Where the door is.
    pub address: Address,
    /// How name and address are spoken, where the plain text would be read wrongly.
    pub pronunciation: Option<Arc<str>>,
    /// Number of the line.
    pub number: PhoneNumber,
    /// Language of the household.
    pub language: Language,
    /// Nothing is said to the caller.
    pub is_silent: bool,
}

/// What a party is to the alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A community worker on duty: voice and SMS in the first wave, wanted besides the households, never cancelled.
    DutyWorker,
    /// A household of the group: rung one number at a time, SMS to every mobile.
    Neighbour,
    /// A helper, building head, patrol or volunteer: rung like a neighbour, and counts like one when they come.
    Responder,
    /// A loudspeaker: rung in its step, answers itself, counts for nobody.
    Loudspeaker,
    /// The household in trouble itself: SMS only.
    OwnHousehold,
}

impl Role {
    /// Whether those who come count toward the acknowledgements wanted.
    #[must_use]
    pub fn counts(self) -> bool {
        match self {
            Self::Neighbour | Self::Responder => true,
            Self::DutyWorker | Self::Loudspeaker | Self::OwnHousehold => false,
        }
    }
}

/// A household or a worker that the alarm reaches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// What it is to the alarm.
    pub role: Role,
    /// The household, unless the party is a worker.
    pub household: Option<HouseholdId>,
    /// The worker, if the party is one.
    pub worker: Option<WorkerId>,
    /// The responder, if the party is one.
    #[serde(default)]
    pub responder: Option<ResponderId>,
    /// The step of escalation in which it is first called; 0 is at once.
    #[serde(default)]
    pub step: u8,
    /// An operator had it called in the middle of the alarm: it is wanted whatever the policy says, and stays in later
    /// revisions.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_added: bool,
    /// How the party is called when it is told of to others, such as `李强` or `302 李强家`.
    pub name: Arc<str>,
    /// Every number of the party, in the order in which they are called.
    pub numbers: Vec<PartyNumber>,
}

/// A number of a party.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartyNumber {
    /// The person who has it; `None` for a worker's own number.
    pub contact: Option<ContactId>,
    /// How the person is called.
    pub name: Arc<str>,
    /// The language that they are spoken to in.
    pub language: Language,
    /// The number.
    pub number: PhoneNumber,
    /// It may be called.
    pub has_voice: bool,
    /// It may be sent SMS.
    pub has_sms: bool,
}

/// How long things take and how often they repeat. Times are in seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Households wanted to be coming; the duty worker is wanted besides.
    pub acknowledgements_wanted: u8,
    /// How long a phone rings before we give up.
    pub ring_timeout_s: u16,
    /// Pause after a busy signal, first, second and any later time.
    pub busy_retry_s: [u16; 2],
    /// Pause before a number that nobody answered rings once more: inside 61-170 s, so that the second ring passes Do Not Disturb.
    pub no_answer_retry_s: u16,
    /// Pause between waves for neighbours at first; grows by half each time.
    pub wave_s: u16,
    /// Longest pause between waves for neighbours.
    pub wave_max_s: u16,
    /// Pause between waves for duty workers; does not grow.
    pub duty_wave_s: u16,
    /// Calls to one number in any hour of one alarm, for neighbours.
    pub calls_per_hour_max: u16,
    /// Calls to one number in any hour of one alarm, for duty workers.
    pub duty_calls_per_hour_max: u16,
    /// How long an alarm that the line did not prove waits for the duty worker before it widens to the neighbours.
    pub weak_wait_s: u16,
    /// How many must be coming before any of them goes in; 1 says nothing of it. For intruders two: never alone.
    #[serde(default = "defaults::together")]
    pub together: u8,
    /// An SMS without a receipt for so long is shown as late, and answered by voice.
    #[serde(default = "defaults::receipt_s")]
    pub receipt_s: u16,
    /// Who is coming and not at the door for so long is asked again.
    #[serde(default = "defaults::arrival_s")]
    pub arrival_s: u16,
    /// How long an answer to that question is waited for before they count as not coming.
    #[serde(default = "defaults::arrival_grace_s")]
    pub arrival_grace_s: u16,
    /// From the arrival until the owner of the case is reminded to close it; reminders repeat at this pace.
    #[serde(default = "defaults::close_s")]
    pub close_s: u32,
    /// How long a drill lasts at most.
    #[serde(default = "defaults::drill_s")]
    pub drill_s: u16,
}

/// What plans that were stored before these fields existed are read with.
mod defaults {
    pub(super) fn together() -> u8 {
        1
    }
    pub(super) fn receipt_s() -> u16 {
        20
    }
    pub(super) fn arrival_s() -> u16 {
        600
    }
    pub(super) fn arrival_grace_s() -> u16 {
        120
    }
    pub(super) fn close_s() -> u32 {
        3600
    }
    pub(super) fn drill_s() -> u16 {
        600
    }
}

impl Default for Policy {
    /// The answers of practice: see `docs/adr` and the doc of each field.
    fn default() -> Self {
        Self {
            acknowledgements_wanted: 2,
            ring_timeout_s: 40,
            busy_retry_s: [15, 30],
            no_answer_retry_s: 65,
            wave_s: 120,
            wave_max_s: 600,
            duty_wave_s: 65,
            calls_per_hour_max: 5,
            duty_calls_per_hour_max: 60,
            weak_wait_s: 30,
            together: defaults::together(),
            receipt_s: defaults::receipt_s(),
            arrival_s: defaults::arrival_s(),
            arrival_grace_s: defaults::arrival_grace_s(),
            close_s: defaults::close_s(),
            drill_s: defaults::drill_s(),
        }
    }
}

impl Plan {
    /// The party of this id.
    #[must_use]
    pub fn party(&self, id: PartyId) -> Option<&Party> {
        self.parties.get(usize::from(id.0))
    }

    /// This plan as the next revision after `previous`: every party and number that was in `previous` keeps its index,
    /// what is new follows, and what is gone stays without a use, so that it is told but no longer rung. Nobody is called
    /// later than `previous` would have called them.
    #[must_use]
    pub fn succeeding(mut self, previous: &Self) -> Self {
        let mut fresh = std::mem::take(&mut self.parties);
        self.parties = previous.parties.clone();
        for party in &mut self.parties {
            match fresh.iter().position(|new| new.is_same(party)) {
                Some(index) => {
                    let mut newer = fresh.remove(index);
                    let due_s = previous.due_s(party.step);
                    newer.step = newer.step.min(last_step_by(&self.steps, due_s));
                    party.renew(newer);
                }
                // Nobody is rung twice by one number.
                None if party.is_added => party.retire_numbers_of(&fresh),
                None => party.retire(),
            }
        }
        self.parties.append(&mut fresh);
        self.revision = previous.revision.saturating_add(1);
        self
    }

    /// When a step is due, in seconds since the first wave; a step that the plan does not have is never late.
    #[must_use]
    pub fn due_s(&self, step: u8) -> u32 {
        self.steps.iter().take(step.into()).map(|step| u32::from(step.wait_s)).sum()
    }

    /// Whether this plan keeps every index of `previous` and is the revision after it.
    #[must_use]
    pub fn succeeds(&self, previous: &Self) -> bool {
        let keeps = |old: &Party, new: &Party| {
            let same_numbers =
                old.numbers.iter().zip(&new.numbers).all(|(old, new)| old.number == new.number);
            new.is_same(old) && old.numbers.len() <= new.numbers.len() && same_numbers
        };
        previous.revision < self.revision
            && previous.parties.len() <= self.parties.len()
            && previous.parties.iter().zip(&self.parties).all(|(old, new)| keeps(old, new))
    }

    /// Every party with its id, in order.
    pub fn parties(&self) -> impl Iterator<Item = (PartyId, &Party)> {
        (0..).map(PartyId).zip(&self.parties)
    }
}

/// The last step that is due after so many seconds.
fn last_step_by(steps: &[Step], due_s: u32) -> u8 {
    let mut sum = 0_u32;
    let is_due = |step: &&Step| {
        sum = sum.saturating_add(step.wait_s.into());
        sum <= due_s
    };
    u8::try_from(steps.iter().take_while(is_due).count()).unwrap_or(u8::MAX)
}

impl Party {
    /// Whether somebody of the party can be called.
    #[must_use]
    pub fn has_voice(&self) -> bool {
        self.numbers.iter().any(|number| number.has_voice)
    }

    /// Whether the party can be reached at all.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        self.numbers.iter().any(|number| number.has_voice || number.has_sms)
    }

    fn is_same(&self, other: &Self) -> bool {
        self.household == other.household
            && self.worker == other.worker
            && self.responder == other.responder
    }

    /// Takes over what a newer plan says of the same party.
    fn renew(&mut self, mut newer: Self) {
        self.role = newer.role;
        self.step = newer.step;
        self.name = newer.name;
        for known in &mut self.numbers {
            match newer.numbers.iter().position(|new| new.number == known.number) {
                Some(index) => *known = newer.numbers.remove(index),
                None => known.retire(),
            }
        }
        let room = usize::from(u8::MAX).saturating_sub(self.numbers.len());
        self.numbers.extend(newer.numbers.into_iter().take(room));
    }

    /// Leaves the numbers to others that have them too.
    fn retire_numbers_of(&mut self, others: &[Self]) {
        for known in &mut self.numbers {
            let mut all = others.iter().flat_map(|party| &party.numbers);
            if all.any(|other| other.number == known.number) {
                known.retire();
            }
        }
    }

    /// A neighbour who moved away or a worker who went off duty: told of what they were told before, not rung.
    fn retire(&mut self) {
        self.numbers.iter_mut().for_each(|number| number.has_voice = false);
    }
}

impl PartyNumber {
    fn retire(&mut self) {
        self.has_voice = false;
        self.has_sms = false;
    }
}
