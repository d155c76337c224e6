//! What somebody who is called may see: names of those who come, never numbers.

use crate::store::alarm_log::Note;
use crate::web::ports::Page;
use crate::web::words::in_language;
use jiff::Timestamp;
use lianfang_domain::alarm::{Alarm, PartyState, Stage};
use lianfang_domain::directory::{Address, Language};
use lianfang_domain::id::AlarmId;
use lianfang_domain::kind::AlarmKind;
use lianfang_domain::plan::{Plan, Role};
use lianfang_domain::words::{self, Told};
use serde::Serialize;
use utoipa::ToSchema;

/// Notes that are shown.
const NOTES_MAX: usize = 5;
/// Characters of a note that are shown: a screen of a telephone.
const NOTE_CHARS_MAX: usize = 300;

/// An alarm as somebody who was told of it sees it.
#[derive(Serialize, ToSchema)]
pub(in crate::web) struct PageView {
    /// The alarm.
    #[schema(value_type = String)]
    pub(super) alarm: AlarmId,
    /// `open`, `cancelled` or `closed`.
    pub(super) state: &'static str,
    /// An exercise.
    pub(super) is_drill: bool,
    /// What is the matter: `unknown`, `fire`, `intruder`, `illness`, `flood` or `other`.
    #[schema(value_type = String)]
    pub(super) kind: AlarmKind,
    /// The same in words, with who and where, as it was written in the message.
    pub(super) text: String,
    /// When it was raised.
    #[schema(value_type = String, format = DateTime)]
    pub(super) raised_at: Timestamp,
    /// Seconds since then.
    pub(super) since_raised_s: i64,
    /// Who is in trouble, and where.
    pub(super) scene: PageScene,
    /// You.
    pub(super) you: PageYou,
    /// Who is coming besides you.
    pub(super) coming: Vec<PageParty>,
    /// Households wanted to be coming.
    pub(super) wanted: u16,
    /// As many are coming as are wanted.
    pub(super) is_enough: bool,
    /// Nobody goes in alone.
    pub(super) is_together: bool,
    /// Somebody is at the door.
    pub(super) is_reached: bool,
    /// Somebody has called 110.
    pub(super) is_police_called: bool,
    /// Doors of the other open alarms of the building.
    pub(super) others: Vec<String>,
    /// What duty workers wrote of it, the newest first; at most five, and none once it is closed.
    pub(super) notes: Vec<PageNote>,
    /// Keys that you may answer with now.
    pub(super) keys: Vec<char>,
}

/// Who is in trouble, and where. Empty once the alarm is closed.
#[derive(Default, Serialize, ToSchema)]
pub(in crate::web) struct PageScene {
    /// How neighbours call the household.
    pub(super) household: String,
    /// Community.
    pub(super) community: String,
    /// Estate or road.
    pub(super) place: String,
    /// Building.
    pub(super) building: String,
    /// Unit (staircase).
    pub(super) unit: String,
    /// Floor.
    pub(super) floor: String,
    /// Door.
    pub(super) door: String,
}

/// The reader.
#[derive(Serialize, ToSchema)]
pub(in crate::web) struct PageYou {
    /// How you are called.
    pub(super) name: String,
    /// You take the case when you come, and close it in the end.
    pub(super) is_duty_worker: bool,
    /// `none`, `coming`, `cannot` or `arrived`.
    pub(super) answer: &'static str,
}

/// Somebody who is coming.
#[derive(Serialize, ToSchema)]
pub(in crate::web) struct PageParty {
    /// How they are called.
    pub(super) name: String,
    /// They are at the door.
    pub(super) has_arrived: bool,
}

/// Something that is good to know.
#[derive(Serialize, ToSchema)]
pub(in crate::web) struct PageNote {
    /// When it was written.
    #[schema(value_type = String, format = DateTime)]
    pub(super) at: Timestamp,
    /// What it says, at most 300 characters.
    pub(super) text: String,
}

impl PageNote {
    /// The newest of the notes of an alarm.
    pub(super) fn newest(notes: Vec<Note>) -> Vec<Self> {
        let shown = notes.into_iter().rev().take(NOTES_MAX).filter_map(|note| {
            let at = Timestamp::from_microsecond(note.at_us).ok()?;
            Some(Self { at, text: note.text.chars().take(NOTE_CHARS_MAX).collect() })
        });
        shown.collect()
    }
}

impl PageView {
    pub(super) fn of(
        (page, notes): (&Page, Vec<PageNote>),
        language: Language,
        now: Timestamp,
    ) -> Self {
        let view = Self { notes, ..Self::open(page, language, now) };
        match page.alarm.stage() {
            Stage::Open | Stage::Cancelled { .. } => view,
            Stage::Closed { .. } => view.over(language),
        }
    }

    /// Whether somebody is coming, the reader or another.
    pub(super) fn is_anybody(&self) -> bool {
        !self.coming.is_empty() || matches!(self.you.answer, "coming" | "arrived")
    }

    /// An alarm that is closed: only that it is over. Who was in trouble is nobody's business any more.
    fn over(self, language: Language) -> Self {
        let you = PageYou { name: String::new(), answer: "none", ..self.you };
        Self {
            kind: AlarmKind::Unknown,
            text: in_language!(language, "警情已结案，谢谢您。", "It is over. Thank you."),
            scene: PageScene::default(),
            you,
            coming: Vec::new(),
            is_police_called: false,
            others: Vec::new(),
            notes: Vec::new(),
            keys: Vec::new(),
            ..self
        }
    }

    fn open(page: &Page, language: Language, now: Timestamp) -> Self {
        let Page { alarm, party, others, .. } = page;
        let plan = alarm.plan();
        let told = alarm.parties().find(|(id, _, _)| id == party);
        let you = PageYou {
            name: told.map(|(_, party, _)| party.name.to_string()).unwrap_or_default(),
            is_duty_worker: told.is_some_and(|(_, party, _)| party.role == Role::DutyWorker),
            answer: told.map_or("none", |(_, _, state)| answer_of(page, state)),
        };
        let comes = alarm.parties().filter(|(id, other, state)| {
            id != party && other.role != Role::OwnHousehold && state.coming.is_some()
        });
        let message = lianfang_domain::leg::Message::Alarm;
        let since = now.duration_since(alarm.raised_at()).as_secs();
        Self {
            alarm: alarm.id(),
            state: state_of(alarm),
            is_drill: plan.is_drill,
            kind: plan.kind,
            text: words::sms(&Told::new(plan, message), language),
            raised_at: alarm.raised_at(),
            since_raised_s: since.max(0),
            scene: scene_of(plan),
            keys: keys_of(alarm, you.is_duty_worker),
            you,
            coming: comes
                .map(|(_, party, state)| PageParty {
                    name: party.name.to_string(),
                    has_arrived: state.arrived_at.is_some(),
                })
                .collect(),
            wanted: alarm.households_wanted(),
            is_enough: alarm.has_enough() && alarm.has_anybody(),
            is_together: 1 < plan.policy.together,
            is_reached: alarm.arrived_at().is_some(),
            is_police_called: alarm.parties().any(|(_, _, state)| state.police_called_at.is_some()),
            others: others.iter().map(|plan| plan.scene.address.door.to_string()).collect(),
            notes: Vec::new(),
        }
    }
}

fn answer_of(page: &Page, state: &PartyState) -> &'static str {
    match state {
        _ if state.arrived_at.is_some() => "arrived",
        _ if state.coming.is_some() => "coming",
        _ if page.alarm.has_answered(page.party, page.number_index) => "cannot",
        _ => "none",
    }
}

fn state_of(alarm: &Alarm) -> &'static str {
    match alarm.stage() {
        Stage::Open => "open",
        Stage::Cancelled { .. } => "cancelled",
        Stage::Closed { .. } => "closed",
    }
}

fn keys_of(alarm: &Alarm, is_duty_worker: bool) -> Vec<char> {
    let is_closable = is_duty_worker
        && match alarm.stage() {
            Stage::Open => alarm.arrived_at().is_some(),
            Stage::Cancelled { .. } => true,
            Stage::Closed { .. } => false,
        };
    let answers = if alarm.is_over() { "" } else { "12347" };
    answers.chars().chain(is_closable.then_some('6')).collect()
}

fn scene_of(plan: &Plan) -> PageScene {
    let Address { place, building, unit, floor, door } = &plan.scene.address;
    PageScene {
        household: plan.scene.household_name.to_string(),
        community: plan.scene.community_name.to_string(),
        place: place.to_string(),
        building: building.to_string(),
        unit: unit.to_string(),
        floor: floor.to_string(),
        door: door.to_string(),
    }
}
