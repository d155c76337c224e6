//! Calls in hand: what residents and those who call back say by keys, and who is wanted in which alarm.
//!
//! Everything here is bounded and may be refused: a word that finds no room is one of somebody who hears nothing and
//! keys again. Presses, which may not be lost, have a queue of their own that goes first.

use super::driver::Driver;
use super::ended::{End, Over, TOLD};
use super::live::Live;
use super::pages::{Guest, PageSeen};
use super::texts::TextFate;
use jiff::Timestamp;
use lianfang_domain::alarm::{Alarm, Input, LegWhy, NamedBy, PinVerdict, Stage, WithdrawMeans};
use lianfang_domain::answer::Said;
use lianfang_domain::digits::Key;
use lianfang_domain::id::{AlarmId, LegId, LineId};
use lianfang_domain::kind::AlarmKind;
use lianfang_domain::leg::LegOrder;
use lianfang_domain::phone::PhoneNumber;
use lianfang_domain::plan::{PartyId, Plan, Role};
use std::collections::BTreeSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Words that may wait: more than all calls of a node say in a second.
pub(super) const WORDS_MAX: usize = 8_192;
/// Alarms that one caller is asked about in one call.
const HEARD_MAX: usize = 16;

/// How an answer comes back: called once, on the switchboard's task, so it must not wait.
pub type Tell<T> = Box<dyn FnOnce(T) + Send>;

/// What is said in a call in hand.
pub enum CallWord {
    /// A digit after the code.
    Kind {
        /// The alarm of the call.
        alarm: AlarmId,
        /// What is the matter.
        matter: AlarmKind,
    },
    /// The line is to hear nothing more of the alarm.
    Silence {
        /// The alarm of the call.
        alarm: AlarmId,
    },
    /// A PIN was keyed, and compared.
    Withdraw {
        /// The alarm of the call.
        alarm: AlarmId,
        /// In which call.
        means: WithdrawMeans,
        /// Whether it is right.
        verdict: PinVerdict,
        /// Told what counts: a right PIN after too many wrong ones does not.
        tell: Tell<PinVerdict>,
    },
    /// Somebody is at the door.
    DoorReached {
        /// The telephone that says so.
        line: LineId,
        /// Told whether it has an open alarm.
        tell: Tell<Option<AlarmId>>,
    },
    /// Somebody calls.
    Wanted {
        /// Who.
        caller: CallerId,
        /// Alarms that they were told of in this call.
        heard: Vec<AlarmId>,
        /// Told what they are to hear.
        tell: Tell<Wanted>,
    },
    /// A text came from a number.
    Text {
        /// Whose.
        from: PhoneNumber,
        /// What it says.
        said: Said,
        /// Told what becomes of it.
        tell: Tell<TextFate>,
    },
    /// Somebody opens their page, or answers by it.
    Page {
        /// Who.
        guest: Guest,
        /// What they answer.
        key: Option<Key>,
        /// Told how it stands then; nothing where the alarm is not driven here.
        tell: Tell<Option<Box<PageSeen>>>,
    },
    /// A leg entered or left the talk.
    Talk {
        /// The leg.
        leg: LegId,
        /// It entered.
        is_in: bool,
    },
}

impl std::fmt::Debug for CallWord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Kind { .. } => "Kind",
            Self::Silence { .. } => "Silence",
            Self::Withdraw { .. } => "Withdraw",
            Self::DoorReached { .. } => "DoorReached",
            Self::Wanted { .. } => "Wanted",
            Self::Text { .. } => "Text",
            Self::Page { .. } => "Page",
            Self::Talk { .. } => "Talk",
        })
    }
}

/// Who calls, by a word that we trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerId {
    /// The number; `None` where it is withheld.
    pub number: Option<PhoneNumber>,
    /// The line, if the caller is one of ours.
    pub line: Option<LineId>,
}

/// What a caller is to hear.
#[derive(Debug)]
pub enum Wanted {
    /// What a called person hears, as this leg.
    Leg(Box<LegOrder>),
    /// How it stands with the alarm of their own household.
    Household(Box<HouseholdCall>),
    /// Alarms that they were told of are over.
    Over(Vec<Over>),
    /// No open alarm wants them.
    Nobody,
}

impl Wanted {
    /// The alarms that the caller is told of.
    #[must_use]
    pub fn alarms(&self) -> Vec<AlarmId> {
        match self {
            Self::Leg(order) => {
                let along = order.along.iter().map(|along| along.leg.alarm);
                std::iter::once(order.leg.alarm).chain(along).collect()
            }
            Self::Household(household) => vec![household.alarm],
            Self::Over(over) => over.iter().map(|over| over.alarm).collect(),
            Self::Nobody => Vec::new(),
        }
    }
}

/// A call of the household in trouble.
#[derive(Clone, Debug)]
pub struct HouseholdCall {
    /// The alarm.
    pub alarm: AlarmId,
    /// How they may withdraw it.
    pub means: WithdrawMeans,
    /// The plan of the moment.
    pub plan: Arc<Plan>,
    /// Who is coming.
    pub coming: Vec<PartyId>,
}

/// Whose number it is in an alarm.
#[derive(Clone, Copy)]
struct Place {
    alarm: AlarmId,
    party: PartyId,
    number_index: u8,
    role: Role,
    has_answered: bool,
    /// The alarm is cancelled, and they were told of it.
    is_cancelled: bool,
}

/// Open alarms by the numbers in their plans. Sixteen bytes for each: the numbers themselves stand in the plans.
#[derive(Debug, Default)]
pub(super) struct Numbers(BTreeSet<(u64, AlarmId)>);

impl Numbers {
    pub(super) fn add(&mut self, alarm: AlarmId, plan: &Plan) {
        self.0.extend(numbers_of(plan).map(|number| (digest(number), alarm)));
    }

    /// The newest plan has every number of those before it.
    pub(super) fn remove(&mut self, alarm: AlarmId, plan: &Plan) {
        for number in numbers_of(plan) {
            self.0.remove(&(digest(number), alarm));
        }
    }

    /// Whether the alarm may have the number.
    pub(super) fn has(&self, number: &PhoneNumber, alarm: AlarmId) -> bool {
        self.0.contains(&(digest(number), alarm))
    }

    /// Alarms that may have the number, the oldest first.
    pub(super) fn of(&self, number: &PhoneNumber) -> impl Iterator<Item = AlarmId> {
        let digest = digest(number);
        let range = (digest, AlarmId(0))..=(digest, AlarmId(u64::MAX));
        self.0.range(range).map(|(_, alarm)| *alarm)
    }
}

fn numbers_of(plan: &Plan) -> impl Iterator<Item = &PhoneNumber> {
    plan.parties.iter().flat_map(|party| &party.numbers).map(|number| &number.number)
}

fn digest(number: &PhoneNumber) -> u64 {
    let mut hasher = DefaultHasher::new();
    number.key().hash(&mut hasher);
    hasher.finish()
}

impl Driver {
    pub(super) fn on_word(&mut self, word: CallWord) {
        match word {
            CallWord::Kind { alarm, matter } => self.name_kind(alarm, matter),
            CallWord::Silence { alarm } => {
                self.feed(alarm, &Input::Silence);
            }
            CallWord::Withdraw { alarm, means, verdict, tell } => {
                let verdict = self.withdraw(alarm, means, verdict);
                tell(verdict);
            }
            CallWord::DoorReached { line, tell } => {
                let open = self.open_on(line);
                if let Some(alarm) = open {
                    self.feed(alarm, &Input::DoorReached);
                }
                tell(open);
            }
            CallWord::Wanted { caller, heard, tell } => {
                let wanted = self.wanted(&caller, &heard);
                tell(wanted);
            }
            CallWord::Text { from, said, tell } => {
                let fate = self.on_text(&from, said);
                tell(fate);
            }
            CallWord::Page { guest, key, tell } => {
                let seen = self.on_page(guest, key);
                tell(seen.map(Box::new));
            }
            CallWord::Talk { leg, is_in } => {
                self.feed(leg.alarm, &Input::Talk { leg: leg.number, is_in });
            }
        }
    }

    /// Today's plan for what is the matter becomes the next revision.
    pub(super) fn name_kind(&mut self, id: AlarmId, matter: AlarmKind) {
        let Some(plan) = self.plan_again(id, Some(matter)) else { return };
        self.ports.carriers.prepare(&plan);
        self.feed(id, &Input::KindNamed { matter, by: NamedBy::Resident, plan });
    }

    fn withdraw(&mut self, id: AlarmId, means: WithdrawMeans, verdict: PinVerdict) -> PinVerdict {
        let Some(live) = self.alarms.get(&id) else { return PinVerdict::Wrong };
        // Whoever keys one must not hear that it was taken when the alarm takes none any more.
        let verdict = if live.alarm.refuses_pins() { PinVerdict::Wrong } else { verdict };
        if verdict == PinVerdict::Wrong {
            metrics::counter!("lianfang_pins_refused_total").increment(1);
        }
        self.feed(id, &Input::Withdraw { means, verdict });
        verdict
    }

    /// The newest open alarm of a line.
    fn open_on(&self, line: LineId) -> Option<AlarmId> {
        let id = *self.last_by_line.get(&line)?;
        self.alarms.get(&id).filter(|live| !live.alarm.is_over()).map(|_| id)
    }

    /// Their own alarm first; then the oldest that waits for their answer; if none does, the newest that they answered;
    /// then what was cancelled, the post that waits for them to take it over, and at last what was closed.
    fn wanted(&mut self, caller: &CallerId, heard: &[AlarmId]) -> Wanted {
        if HEARD_MAX <= heard.len() {
            return Wanted::Nobody;
        }
        let own = caller.line.and_then(|line| self.open_on(line));
        if let Some(id) = own.filter(|id| !heard.contains(id)) {
            return self.household_call(id, WithdrawMeans::Resident);
        }
        let now = self.ports.clock.now();
        let places = caller
            .number
            .iter()
            .flat_map(|number| self.numbers.of(number).map(move |id| (id, number)))
            .filter(|(id, _)| !heard.contains(id))
            .filter_map(|(id, number)| place_in(self.alarms.get(&id)?, number, now));
        let (cancelled, places): (Vec<Place>, Vec<Place>) =
            places.partition(|place| place.is_cancelled);
        let own = places.iter().find(|place| place.role == Role::OwnHousehold);
        if let Some(Place { alarm, number_index, .. }) = own.copied() {
            return self.household_call(alarm, WithdrawMeans::CallBack { number_index });
        }
        let unanswered = places.iter().find(|place| !place.has_answered);
        let open = unanswered.or_else(|| places.last().filter(|_| heard.is_empty())).copied();
        let next = open.or(cancelled.last().copied());
        if let Some(order) = next.and_then(|place| self.call_back(place)) {
            return Wanted::Leg(Box::new(order));
        }
        if let Some(order) = self.offer_post(caller, heard) {
            return Wanted::Leg(Box::new(order));
        }
        match self.ended.of(caller, heard, now) {
            over if over.is_empty() => Wanted::Nobody,
            over => Wanted::Over(over),
        }
    }

    /// Alarms were closed, here or by the process before this one.
    pub(super) fn note_ends(&mut self, ends: impl IntoIterator<Item = End>) {
        let now = self.ports.clock.now();
        for end in ends {
            self.ended.note(end, now);
        }
    }

    /// Whether an alarm waits for the answer of somebody with this number.
    pub(super) fn is_wanted_now(&self, number: &PhoneNumber) -> bool {
        let now = self.ports.clock.now();
        let mut places =
            self.numbers.of(number).filter_map(|id| place_in(self.alarms.get(&id)?, number, now));
        places.any(|place| !place.has_answered && !place.is_cancelled)
    }

    fn household_call(&self, alarm: AlarmId, means: WithdrawMeans) -> Wanted {
        let Some(live) = self.alarms.get(&alarm) else { return Wanted::Nobody };
        // As after a cancel: who stands beside them must not hear that anybody is coming.
        if live.alarm.duress_at().is_some() {
            return Wanted::Nobody;
        }
        let coming = live.alarm.parties().filter(|(_, _, state)| state.coming.is_some());
        let coming = coming.map(|(party, _, _)| party).collect();
        let plan = Arc::clone(live.alarm.plan());
        Wanted::Household(Box::new(HouseholdCall { alarm, means, plan, coming }))
    }

    /// The call as a leg of the alarm, answered from the start.
    fn call_back(&mut self, place: Place) -> Option<LegOrder> {
        let Place { alarm, party, number_index, .. } = place;
        if !self.feed(alarm, &Input::CalledBack { party, number_index }) {
            return None;
        }
        let live = self.alarms.get(&alarm)?;
        let mut legs = live.alarm.legs().iter().rev();
        let leg = legs.find(|leg| leg.why == LegWhy::CallBack && leg.party == party)?.number;
        live.alarm.order_of(leg)
    }
}

/// Whose number it is, in an alarm that is open, or cancelled and not closed. Of a cancel those are told who were told of
/// the alarm, for a while; the duty worker may close it as long as it takes.
fn place_in(live: &Live, number: &PhoneNumber, now: Timestamp) -> Option<Place> {
    let alarm = &live.alarm;
    let cancelled_at = match alarm.stage() {
        Stage::Open => None,
        Stage::Cancelled { at } => Some(at),
        Stage::Closed { .. } => return None,
    };
    let (id, party, state, index) = alarm
        .parties()
        .filter(|(_, party, _)| party.role != Role::Loudspeaker)
        .find_map(|(id, party, state)| {
            let index = party.numbers.iter().position(|known| known.number == *number)?;
            Some((id, party, state, index))
        })?;
    let is_news = |at: Timestamp| {
        let is_fresh = party.role == Role::DutyWorker || now.duration_since(at) < TOLD;
        is_fresh && was_called(alarm, id)
    };
    cancelled_at.is_none_or(is_news).then_some(Place {
        alarm: alarm.id(),
        party: id,
        number_index: u8::try_from(index).ok()?,
        role: party.role,
        has_answered: state.has_answered(),
        is_cancelled: cancelled_at.is_some(),
    })
}

/// Whether we called or wrote to the party.
fn was_called(alarm: &Alarm, party: PartyId) -> bool {
    alarm.legs().iter().any(|leg| leg.party == party && leg.placed_at.is_some())
}
