//! What a hand-over says to a worker, and the leg that says it.

use crate::directory::{Address, Community, Worker};
use crate::id::{GridId, GroupId, HouseholdId, LegId, LineId};
use crate::kind::AlarmKind;
use crate::leg::{Channel, Class, LegOrder, Message};
use crate::plan::{Party, PartyId, PartyNumber, Plan, Policy, Role, Scene};
use jiff::Timestamp;
use std::sync::Arc;

/// Doors of open alarms that are named.
pub const DOORS_MAX: usize = 3;
/// Shorter than for help: nobody is in danger, and the line is wanted for those who are.
const RING_S: u16 = 30;

/// What is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Word {
    /// Take over the post: 1 does, 2 cannot. The only one that is spoken.
    TakeOver,
    /// To an old holder: nobody took over, you stay on duty.
    StayOn,
    /// To a new holder: you did not take over, the old one stays besides you.
    NotTaken,
    /// To whoever is in charge: the new holder cannot.
    Cannot,
    /// To whoever is in charge and to an old holder: there is no new one, the old one stays.
    Nobody,
    /// To an old holder: somebody took over, you may go.
    TakenOver,
}

/// What a hand-over says. Everything that the words need travels with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What.
    pub word: Word,
    /// The name of the post.
    pub post: Arc<str>,
    /// The name of the other whom it is about; empty where there is none.
    pub about: Arc<str>,
    /// How many alarms are open.
    pub open: usize,
    /// Where, of the oldest [`DOORS_MAX`] of them.
    pub doors: Vec<Address>,
}

impl Notice {
    /// The leg that says it to a worker: a call if it asks, and an SMS otherwise. Each further call takes the next of the
    /// worker's numbers. `None` if they have none that fits.
    ///
    /// Its plan has the worker as the only party and no door: nobody is in trouble.
    #[must_use]
    pub fn order(
        self,
        leg: LegId,
        call: u8,
        (community, worker): (&Community, &Worker),
        now: Timestamp,
    ) -> Option<LegOrder> {
        let channel = if self.word == Word::TakeOver { Channel::Voice } else { Channel::Sms };
        let fits = worker.numbers.iter().enumerate().filter(|(_, number)| match channel {
            Channel::Voice => number.has_voice,
            Channel::Sms => number.has_sms,
        });
        let fitting: Vec<_> = fits.collect();
        let turn = usize::from(call.saturating_sub(1)).checked_rem(fitting.len())?;
        let (index, number) = fitting.get(turn)?;
        Some(LegOrder {
            leg,
            channel,
            party: PartyId(0),
            role: Role::DutyWorker,
            number_index: u8::try_from(*index).ok()?,
            number: number.number.clone(),
            language: worker.language,
            message: Message::HandOver,
            along: Vec::new(),
            coming: Vec::new(),
            class: Class::Drill,
            ring_timeout_s: RING_S,
            routes_failed: Vec::new(),
            plan: Arc::new(plan_of(community, worker, &number.number)),
            raised_at: now,
            moment: None,
            hand_over: Some(Arc::new(self)),
            link: None,
        })
    }
}

fn plan_of(community: &Community, worker: &Worker, number: &crate::phone::PhoneNumber) -> Plan {
    let numbers = worker.numbers.iter().map(|known| PartyNumber {
        contact: None,
        name: Arc::clone(&worker.name),
        language: worker.language,
        number: known.number.clone(),
        has_voice: known.has_voice,
        has_sms: known.has_sms,
    });
    let party = Party {
        role: Role::DutyWorker,
        household: None,
        worker: Some(worker.id),
        responder: None,
        step: 0,
        is_added: false,
        name: Arc::clone(&worker.name),
        numbers: numbers.collect(),
    };
    Plan {
        revision: 1,
        directory_version: 0,
        scene: Scene {
            line: LineId::default(),
            household: HouseholdId::default(),
            group: GroupId::default(),
            grid: GridId::default(),
            community: community.id,
            community_name: Arc::clone(&community.name),
            household_name: Arc::default(),
            address: Address::default(),
            pronunciation: None,
            number: number.clone(),
            language: worker.language,
            is_silent: false,
        },
        parties: vec![party],
        policy: Policy::default(),
        kind: AlarmKind::Unknown,
        is_drill: false,
        steps: Vec::new(),
        made_by: None,
        left_out: Vec::new(),
    }
}
