//! One alarm as a wall shows it. Figures say what is known: who picked up without a key was not reached, and a message
//! that a carrier took has not arrived.

use super::Known;
use crate::web::alarms::role_name;
use jiff::Timestamp;
use lianfang_domain::alarm::{Alarm, CaseStep, CloseOutcome, Deadline, Stage};
use lianfang_domain::delivery::{Delivery, DeliveryState};
use lianfang_domain::directory::Directory;
use lianfang_domain::id::{AccountId, AlarmId, CommunityId};
use lianfang_domain::kind::AlarmKind;
use lianfang_domain::leg::{Channel, LegOutcome, Message};
use lianfang_domain::plan::{Party, PartyId, Plan, Role};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Names that are told of those who are called next.
const NAMES_MAX: usize = 3;

/// Where an alarm stands for who looks at a wall; in the order of urgency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::web) enum Standing {
    /// Nobody is coming.
    Unattended,
    /// Somebody is coming.
    Coming,
    /// Somebody is there.
    Arrived,
    /// Withdrawn, and not closed yet.
    Cancelled,
    /// Closed.
    Closed,
}

impl Standing {
    /// An alarm that cannot be read is one where nobody is coming.
    pub(in crate::web) fn of(alarm: Option<&Alarm>) -> Self {
        let Some(alarm) = alarm else { return Self::Unattended };
        match alarm.stage() {
            Stage::Closed { .. } => Self::Closed,
            Stage::Cancelled { .. } => Self::Cancelled,
            Stage::Open if alarm.arrived_at().is_some() => Self::Arrived,
            Stage::Open if alarm.has_anybody() => Self::Coming,
            Stage::Open => Self::Unattended,
        }
    }

    /// 1 is the most urgent.
    fn urgency(self) -> u8 {
        match self {
            Self::Unattended => 1,
            Self::Coming | Self::Arrived => 2,
            Self::Cancelled => 3,
            Self::Closed => 4,
        }
    }
}

/// An open alarm.
#[derive(Serialize, ToSchema)]
pub(in crate::web) struct BoardRow {
    /// Its id.
    #[schema(value_type = String)]
    id: AlarmId,
    /// When it was raised.
    #[schema(value_type = String, format = DateTime)]
    raised_at: Timestamp,
    /// Seconds since then.
    age_s: i64,
    /// When it was closed; null while it is open.
    #[schema(value_type = Option<String>, format = DateTime)]
    closed_at: Option<Timestamp>,
    /// What it was, once it is closed.
    #[schema(value_type = Option<String>)]
    outcome: Option<CloseOutcome>,
    /// It is a drill.
    is_drill: bool,
    /// The line is not proven to be the line.
    is_weak: bool,
    /// The resident was made to withdraw it.
    is_duress: bool,
    /// What is the matter, as far as anybody has said.
    #[schema(schema_with = crate::web::alarms::kinds)]
    kind: AlarmKind,
    /// Where; null when it cannot be read.
    place: Option<PlaceView>,
    /// `unattended` (nobody is coming), `coming`, `arrived`, `cancelled` (withdrawn, to be closed) or `closed`.
    #[schema(value_type = String)]
    state: Standing,
    /// 1 nobody is coming, 2 somebody is coming or there, 3 withdrawn, 4 closed.
    urgency: u8,
    /// A wall need not sound: somebody took it in hand or a duty worker took the case, or it is a drill or over.
    is_answered: bool,
    /// Who took it in hand since #9 was pressed last.
    in_hand: Option<InHand>,
    /// How often #9 was pressed again.
    presses_again: u16,
    /// Waves that were called.
    waves: u16,
    /// What became of the calls and messages.
    counts: Counts,
    /// Who is coming or there, who said so first first.
    people: Vec<PersonView>,
    /// Others who may come: for whom somebody may say so.
    others: Vec<OtherView>,
    /// When telephones ring next by themselves; null when nobody more is wanted.
    next: Option<NextView>,
    /// What is late.
    late: Vec<LateView>,
    /// Who owns the case.
    owner: Option<OtherView>,
    /// How many telephones ring at once if everybody is called again now.
    rings_if_called_again: usize,
}

/// Where an alarm is.
#[derive(Serialize, ToSchema)]
struct PlaceView {
    /// The community.
    #[schema(value_type = u32)]
    community_id: CommunityId,
    /// Its name.
    community: String,
    /// The time zone there; null when the community is gone.
    #[schema(examples("Asia/Shanghai"))]
    time_zone: Option<String>,
    /// Estate or road.
    place: String,
    /// Building.
    building: String,
    /// Unit (staircase).
    unit: String,
    /// Floor.
    floor: String,
    /// Door.
    door: String,
    /// How neighbours call the household.
    household: String,
}

/// Who took an alarm in hand.
#[derive(Serialize, ToSchema)]
struct InHand {
    /// The name of the person or of the token; `account:` and an id where the account is gone.
    by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
}

/// What became of the calls and messages. Calls are counted by party, by the last one to it; messages by number.
#[derive(Default, Serialize, ToSchema)]
struct Counts {
    /// Households and responders that were called.
    households: u16,
    /// Duty workers that were called.
    duty_workers: u16,
    /// Dialled, or waits for a free route.
    calling: u16,
    /// The telephone rings.
    ringing: u16,
    /// Picked up, no key pressed that answers.
    answered_without_key: u16,
    /// Busy.
    busy: u16,
    /// Nobody picked up, or it was refused.
    no_answer: u16,
    /// The call failed.
    failed: u16,
    /// They cannot come.
    cannot: u16,
    /// They are coming.
    coming: u16,
    /// They are there.
    arrived: u16,
    /// Messages that a carrier took, the confirmed and the late ones among them.
    sms_submitted: u16,
    /// Of these: confirmed at the handset.
    sms_confirmed: u16,
    /// Of these: no receipt in time.
    sms_late: u16,
    /// Messages that did not arrive or were not taken.
    sms_failed: u16,
}

/// Somebody who is coming or there.
#[derive(Serialize, ToSchema)]
struct PersonView {
    /// The party.
    #[schema(value_type = u16)]
    party: PartyId,
    /// What they are to the alarm.
    role: &'static str,
    /// Their name.
    name: String,
    /// Since when they are coming; null if they were there without a word before.
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// When they were there.
    #[schema(value_type = Option<String>, format = DateTime)]
    arrived_at: Option<Timestamp>,
}

/// A party.
#[derive(Serialize, ToSchema)]
struct OtherView {
    /// The party.
    #[schema(value_type = u16)]
    party: PartyId,
    /// What they are to the alarm.
    role: &'static str,
    /// Their name.
    name: String,
}

/// The next time that telephones ring by themselves.
#[derive(Serialize, ToSchema)]
struct NextView {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// `wave` (everybody again), `widen` (the neighbours of an unproven line), `step` (more people), `duty` or `retry`.
    what: &'static str,
    /// Some of those who are called then.
    names: Vec<String>,
    /// How many are called then.
    count: usize,
}

/// Something that is late.
#[derive(Serialize, ToSchema)]
struct LateView {
    /// `accepted` (nobody is coming), `arrived` (nobody is there), `closed` (not closed) or `receipt` (messages).
    what: &'static str,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// How many.
    count: u16,
}

impl BoardRow {
    /// An alarm as it is now.
    pub(in crate::web) fn new(known: &Known, directory: &Directory, now: Timestamp) -> Self {
        let (row, alarm) = (&known.stored.row, known.alarm.as_ref());
        let state = Standing::of(alarm);
        let plan = alarm.map(Alarm::plan);
        let is_drill = plan.map_or(row.is_drill, |plan| plan.is_drill);
        let in_hand = alarm.and_then(Alarm::in_hand);
        let has_duty_worker = alarm.is_some_and(Alarm::has_duty_worker);
        let closing = alarm.and_then(Alarm::closing);
        let is_over = matches!(state, Standing::Cancelled | Standing::Closed);
        let others = alarm.into_iter().flat_map(others).collect();
        Self {
            id: row.id,
            raised_at: row.raised,
            age_s: now.duration_since(row.raised).as_secs().max(0),
            closed_at: row.closed,
            outcome: closing.map(|closing| closing.outcome),
            is_drill,
            is_weak: alarm.is_some_and(Alarm::is_weak),
            is_duress: alarm.is_some_and(|alarm| alarm.duress_at().is_some()),
            kind: plan.map_or(AlarmKind::Unknown, |plan| plan.kind),
            place: plan.map(|plan| place(plan, directory)),
            state,
            urgency: state.urgency(),
            is_answered: in_hand.is_some() || has_duty_worker || is_drill || is_over,
            in_hand: in_hand.map(|(by, since)| InHand { by: by.to_string(), since }),
            presses_again: alarm.map_or(0, Alarm::presses_again),
            waves: alarm.map_or(0, Alarm::waves),
            counts: alarm.map_or_else(Counts::default, |alarm| counts(alarm, &known.deliveries)),
            people: alarm.map_or_else(Vec::new, people),
            others,
            next: alarm.and_then(next),
            late: alarm.map_or_else(Vec::new, |alarm| late(alarm, &known.deliveries, now)),
            owner: alarm.and_then(|alarm| {
                let owner = alarm.owner()?;
                alarm.plan().party(owner).map(|party| other(owner, party))
            }),
            rings_if_called_again: alarm.map_or(0, |alarm| alarm.rings_if_called_again(now)),
        }
    }

    /// The account that took it in hand.
    pub(super) fn account_in_hand(&self) -> Option<AccountId> {
        let id = self.in_hand.as_ref()?.by.strip_prefix("account:")?;
        id.parse().ok().map(AccountId)
    }

    pub(super) fn name_in_hand(&mut self, name: String) {
        if let Some(in_hand) = &mut self.in_hand {
            in_hand.by = name;
        }
    }

    pub(super) fn id(&self) -> AlarmId {
        self.id
    }

    pub(super) fn community(&self) -> Option<CommunityId> {
        self.place.as_ref().map(|place| place.community_id)
    }

    /// What the board is sorted by; see [`super::Board::items`].
    pub(super) fn order(&self) -> (bool, u8, Reverse<(Timestamp, AlarmId)>) {
        (self.is_drill, self.urgency, Reverse((self.raised_at, self.id)))
    }
}

fn place(plan: &Plan, directory: &Directory) -> PlaceView {
    let scene = &plan.scene;
    let community = directory.community(scene.community);
    let address = &scene.address;
    PlaceView {
        community_id: scene.community,
        community: scene.community_name.to_string(),
        time_zone: community.map(|community| community.time_zone.to_string()),
        place: address.place.to_string(),
        building: address.building.to_string(),
        unit: address.unit.to_string(),
        floor: address.floor.to_string(),
        door: address.door.to_string(),
        household: scene.household_name.to_string(),
    }
}

fn is_helper(role: Role) -> bool {
    match role {
        Role::DutyWorker | Role::Neighbour | Role::Responder => true,
        Role::Loudspeaker | Role::OwnHousehold => false,
    }
}

fn other(id: PartyId, party: &Party) -> OtherView {
    OtherView { party: id, role: role_name(party.role), name: party.name.to_string() }
}

/// Who may still say that they are coming.
fn others(alarm: &Alarm) -> impl Iterator<Item = OtherView> {
    let may_come = alarm.parties().filter(|(_, party, state)| {
        is_helper(party.role) && state.coming.is_none() && state.arrived_at.is_none()
    });
    may_come.map(|(id, party, _)| other(id, party))
}

fn people(alarm: &Alarm) -> Vec<PersonView> {
    let there = alarm.parties().filter(|(_, party, state)| {
        is_helper(party.role) && (state.coming.is_some() || state.arrived_at.is_some())
    });
    let mut people: Vec<PersonView> = there
        .map(|(id, party, state)| PersonView {
            party: id,
            role: role_name(party.role),
            name: party.name.to_string(),
            since: state.coming.map(|coming| coming.since),
            arrived_at: state.arrived_at,
        })
        .collect();
    people.sort_by_key(|person| (person.since.or(person.arrived_at), person.party));
    people
}

fn counts(alarm: &Alarm, deliveries: &[Delivery]) -> Counts {
    let mut counts = Counts::default();
    let is_call = |one: &&Delivery| {
        let is_meant = one.message.calls_for_help() || one.message == Message::AreYouThere;
        is_meant && one.channel == Channel::Voice
    };
    // The last one to each party, and to each number.
    let calls: BTreeMap<PartyId, &Delivery> =
        deliveries.iter().filter(is_call).map(|one| (one.party, one)).collect();
    let is_sms = |one: &&Delivery| one.message.calls_for_help() && one.channel == Channel::Sms;
    let messages: BTreeMap<(PartyId, u8), &Delivery> =
        deliveries.iter().filter(is_sms).map(|one| ((one.party, one.number_index), one)).collect();
    for (id, party, state) in alarm.parties().filter(|(_, party, _)| is_helper(party.role)) {
        if state.arrived_at.is_some() {
            counts.arrived += 1;
        } else if state.coming.is_some() {
            counts.coming += 1;
        }
        let Some(call) = calls.get(&id) else { continue };
        if party.role == Role::DutyWorker {
            counts.duty_workers += 1;
        } else {
            counts.households += 1;
        }
        if state.coming.is_none() && state.arrived_at.is_none() {
            counts.call(call.state());
        }
    }
    messages.values().for_each(|sms| counts.message(sms.state()));
    counts
}

impl Counts {
    fn call(&mut self, state: DeliveryState) {
        use lianfang_domain::delivery::DeliveryAnswer;
        let count = match state {
            DeliveryState::Queued | DeliveryState::Sent => &mut self.calling,
            DeliveryState::Ringing => &mut self.ringing,
            DeliveryState::AnsweredWithoutKey | DeliveryState::Keyed => {
                &mut self.answered_without_key
            }
            DeliveryState::Told(DeliveryAnswer::Cannot) => &mut self.cannot,
            DeliveryState::NotReached(LegOutcome::Busy) => &mut self.busy,
            DeliveryState::NotReached(LegOutcome::NoAnswer | LegOutcome::Declined) => {
                &mut self.no_answer
            }
            DeliveryState::NotReached(_) | DeliveryState::Undelivered(_) => &mut self.failed,
            DeliveryState::Told(_)
            | DeliveryState::AcceptedUnconfirmed
            | DeliveryState::Late
            | DeliveryState::Confirmed
            | DeliveryState::Withdrawn => return,
        };
        *count = count.saturating_add(1);
    }

    fn message(&mut self, state: DeliveryState) {
        match state {
            DeliveryState::AcceptedUnconfirmed => {}
            DeliveryState::Late => self.sms_late += 1,
            // A reply arrives by the handset.
            DeliveryState::Confirmed | DeliveryState::Told(_) | DeliveryState::Keyed => {
                self.sms_confirmed += 1;
            }
            DeliveryState::Undelivered(_) | DeliveryState::NotReached(_) => {
                self.sms_failed += 1;
                return;
            }
            DeliveryState::Queued
            | DeliveryState::Sent
            | DeliveryState::Ringing
            | DeliveryState::AnsweredWithoutKey
            | DeliveryState::Withdrawn => return,
        }
        self.sms_submitted += 1;
    }
}

fn next(alarm: &Alarm) -> Option<NextView> {
    let next = alarm.next()?;
    let parties = next.parties.iter().filter_map(|id| alarm.plan().party(*id));
    Some(NextView {
        at: next.at,
        what: match next.what {
            Deadline::Widen => "widen",
            Deadline::Wave => "wave",
            Deadline::Step => "step",
            Deadline::DutyWave => "duty",
            Deadline::Retry
            | Deadline::Receipt
            | Deadline::Update
            | Deadline::DrillEnd
            | Deadline::LegOverdue
            | Deadline::Notice
            | Deadline::Arrival
            | Deadline::Close => "retry",
        },
        names: parties.take(NAMES_MAX).map(|party| party.name.to_string()).collect(),
        count: next.parties.len(),
    })
}

fn late(alarm: &Alarm, deliveries: &[Delivery], now: Timestamp) -> Vec<LateView> {
    let steps = alarm.steps(now).into_iter().filter(|step| step.is_late && step.done_at.is_none());
    let mut late: Vec<LateView> = steps
        .filter(|_| !alarm.plan().is_drill)
        .map(|step| LateView {
            what: match step.step {
                CaseStep::Accepted => "accepted",
                CaseStep::Arrived => "arrived",
                CaseStep::Closed => "closed",
            },
            since: step.due_at,
            count: 1,
        })
        .collect();
    // What a cancel has made needless is not late; see `Alarm::steps`.
    let is_late = |one: &&Delivery| one.state() == DeliveryState::Late;
    let receipts = deliveries.iter().filter(is_late);
    let first = receipts.clone().filter_map(|one| one.late_at).min();
    late.extend(first.map(|since| LateView {
        what: "receipt",
        since,
        count: u16::try_from(receipts.count()).unwrap_or(u16::MAX),
    }));
    late
}
