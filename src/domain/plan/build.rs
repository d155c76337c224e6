//! Makes a plan from the directory at one moment: who is reached, in which order, and who is left out and why.
//!
//! Pure. Fails toward ringing: when a group has nobody to ring and nobody is on duty, all workers of the community are
//! rung, on duty or not; and a community with a roster always has a worker rung, see [`Builder::add_duty`]. A plan
//! without any number is made all the same: the alarm is raised, shown and planned again at each wave.

use super::{
    LeftOut, LeftOutWhy, PARTY_NUMBERS_MAX, Party, PartyNumber, Plan, Policy, Role, Scene,
};
use crate::directory::{
    Community, ContactNumber, Directory, Group, Household, Language, Line, LineRef, Worker,
};
use crate::id::{ContactId, GridId, HouseholdId, WorkerId};
use crate::kind::AlarmKind;
use crate::phone::{PhoneNumber, may_be_called};
use crate::roster::CODE_A;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Freezes whom an alarm on `line` reaches, by today's directory and by who is on duty now. `policy` is the service's;
/// the group's own wish for acknowledgements goes before it. `None` if the directory no longer has the line.
#[must_use]
pub fn build(
    directory: &Directory,
    line: LineRef,
    revision: u16,
    policy: &Policy,
    now: Timestamp,
) -> Option<Plan> {
    let (community, household, line) = directory.resolve(line)?;
    let group = community.group(household.group);
    let mut builder = Builder::new(&line.number);
    builder.add_duty(community, group.map(|group| group.grid), now);
    for neighbour in neighbours(community, group, household) {
        builder.add_household(neighbour, Role::Neighbour);
    }
    if !builder.has_voice() {
        builder.add_workers(&community.workers);
        // Stable: workers who were added last still stand before the neighbours, of whom none can be rung.
        builder.parties.sort_by_key(|party| party.role);
    }
    builder.add_household(household, Role::OwnHousehold);
    let mut policy = policy.clone();
    if let Some(group) = group {
        policy.acknowledgements_wanted = group.acknowledgements_wanted.max(1);
    }
    Some(Plan {
        revision,
        directory_version: directory.version,
        scene: scene(community, group, household, line),
        parties: builder.parties,
        policy,
        kind: AlarmKind::Unknown,
        is_drill: false,
        steps: Vec::new(),
        made_by: None,
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
    policy: &Policy,
    now: Timestamp,
) -> Option<Plan> {
    Some(build(directory, line, previous.revision, policy, now)?.succeeding(previous))
}

/// The other households of the group, nearest first; ties by position, then id.
fn neighbours<'a>(
    community: &'a Community,
    group: Option<&'a Group>,
    own: &Household,
) -> Vec<&'a Household> {
    let ids = group.map_or([].as_slice(), |group| group.households.as_slice());
    let mut found: Vec<&Household> = ids
        .iter()
        .filter(|id| **id != own.id)
        .filter_map(|id| community.household(*id).map(Arc::as_ref))
        .collect();
    found.sort_by_key(|other| (other.position.abs_diff(own.position), other.position, other.id));
    found.dedup_by_key(|other| other.id);
    found
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

/// Collects parties and remembers which numbers are taken.
struct Builder<'a> {
    alarm_line: &'a PhoneNumber,
    taken: BTreeSet<Arc<str>>,
    parties: Vec<Party>,
    left_out: Vec<LeftOut>,
}

/// Whose numbers are being added.
#[derive(Clone, Copy)]
struct Owner {
    household: Option<HouseholdId>,
    worker: Option<WorkerId>,
}

/// The person of a number.
struct Person<'a> {
    contact: Option<ContactId>,
    name: &'a Arc<str>,
    language: Language,
}

impl<'a> Builder<'a> {
    fn new(alarm_line: &'a PhoneNumber) -> Self {
        Self { alarm_line, taken: BTreeSet::new(), parties: Vec::new(), left_out: Vec::new() }
    }

    /// The workers on duty. With a roster: who holds the A posts of the grid; where they have no number, whoever is on
    /// duty at all; then those who are marked as on duty, and in the end everybody. Without one: those who are marked.
    fn add_duty(&mut self, community: &Community, grid: Option<GridId>, now: Timestamp) {
        let marked = community.workers.iter().filter(|worker| worker.is_on_duty);
        let roster = &community.roster;
        if roster.is_empty() {
            return self.add_workers(marked);
        }
        let by_id = |id: &WorkerId| community.worker(*id);
        self.add_workers(roster.holders(CODE_A, grid, now).iter().filter_map(by_id));
        if !self.has_voice() {
            let on_duty = roster.on_duty(now);
            self.add_workers(on_duty.iter().filter_map(|(_, worker)| by_id(worker)));
        }
        if !self.has_voice() {
            self.add_workers(marked);
        }
        if !self.has_voice() {
            self.add_workers(&community.workers);
        }
    }

    fn has_voice(&self) -> bool {
        self.parties.iter().any(Party::has_voice)
    }

    /// Adds those of the workers who are not in the plan yet.
    fn add_workers<'w>(&mut self, workers: impl IntoIterator<Item = &'w Worker>) {
        for worker in workers {
            let is_in = |id: Option<WorkerId>| id == Some(worker.id);
            let is_party = self.parties.iter().any(|party| is_in(party.worker));
            if !is_party && !self.left_out.iter().any(|left| is_in(left.worker)) {
                self.add_worker(worker);
            }
        }
    }

    fn add_worker(&mut self, worker: &Worker) {
        let owner = Owner { household: None, worker: Some(worker.id) };
        let person = Person { contact: None, name: &worker.name, language: worker.language };
        let mut numbers = Vec::new();
        for number in &worker.numbers {
            numbers.extend(self.number(owner, &person, number));
        }
        self.add_party(Role::DutyWorker, owner, Arc::clone(&worker.name), numbers);
    }

    fn add_household(&mut self, household: &Household, role: Role) {
        let owner = Owner { household: Some(household.id), worker: None };
        let mut numbers = Vec::new();
        for contact in &household.contacts {
            let person = Person {
                contact: Some(contact.id),
                name: &contact.name,
                language: contact.language,
            };
            for number in &contact.numbers {
                // The household in trouble is not rung: its mobiles are told.
                let has_voice = number.has_voice && role != Role::OwnHousehold;
                let number = ContactNumber { has_voice, ..number.clone() };
                numbers.extend(self.number(owner, &person, &number));
            }
        }
        let name = match household.address.door.as_ref() {
            "" => Arc::clone(&household.name),
            door => format!("{door} {}", household.name).into(),
        };
        self.add_party(role, owner, name, numbers);
    }

    fn add_party(
        &mut self,
        role: Role,
        owner: Owner,
        name: Arc<str>,
        mut numbers: Vec<PartyNumber>,
    ) {
        for extra in numbers.drain(PARTY_NUMBERS_MAX.min(numbers.len())..) {
            self.left_out.push(owner.left_out(Some(extra.number), LeftOutWhy::TooMany));
        }
        if numbers.is_empty() {
            self.left_out.push(owner.left_out(None, LeftOutWhy::NoNumber));
            return;
        }
        let Owner { household, worker } = owner;
        self.parties.push(Party {
            role,
            household,
            worker,
            responder: None,
            step: 0,
            name,
            numbers,
        });
    }

    /// The number as it enters the plan, unless there is a reason against it.
    fn number(
        &mut self,
        owner: Owner,
        person: &Person<'_>,
        known: &ContactNumber,
    ) -> Option<PartyNumber> {
        let why = if known.number == *self.alarm_line {
            LeftOutWhy::AlarmLine
        } else if !may_be_called(&known.number) {
            LeftOutWhy::Refused
        } else if !known.has_voice && !known.has_sms {
            LeftOutWhy::NoUse
        } else if !self.taken.insert(known.number.key().into()) {
            LeftOutWhy::ListedBefore
        } else {
            return Some(PartyNumber {
                contact: person.contact,
                name: Arc::clone(person.name),
                language: person.language,
                number: known.number.clone(),
                has_voice: known.has_voice,
                has_sms: known.has_sms,
            });
        };
        self.left_out.push(owner.left_out(Some(known.number.clone()), why));
        None
    }
}

impl Owner {
    fn left_out(self, number: Option<PhoneNumber>, why: LeftOutWhy) -> LeftOut {
        LeftOut { household: self.household, worker: self.worker, responder: None, number, why }
    }
}

#[cfg(test)]
mod tests;
