//! What an alarm remembers: legs, parties and numbers. Only `apply` changes it.

use super::Stage;
use super::case::Case;
use super::event::{LegWhy, Trigger};
use super::matter::Matter;
use crate::id::{AlarmId, LegId};
use crate::leg::{Channel, LegOutcome, Message, RouteName};
use crate::plan::{Party, PartyId, PartyNumber, Plan, Role};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use std::sync::Arc;

/// `seconds` after `at`; the end of time where there is no later one.
pub(super) fn after(at: Timestamp, seconds: u64) -> Timestamp {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    at.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

/// Budgets count the calls of this long, in seconds.
pub(super) const BUDGET_WINDOW_S: u64 = 3600;

/// One alarm, from the trigger to the close.
#[derive(Clone, Debug, PartialEq)]
pub struct Alarm {
    pub(super) id: AlarmId,
    pub(super) trigger: Trigger,
    pub(super) follows: Option<AlarmId>,
    pub(super) raised_at: Timestamp,
    pub(super) plan: Arc<Plan>,
    /// What the next `Planned` takes up.
    pub(super) offered: Option<Arc<Plan>>,
    pub(super) stage: Stage,
    pub(super) parties: Vec<PartyState>,
    /// Sorted by number.
    pub(super) legs: Vec<Leg>,
    /// The highest number that any leg has had.
    pub(super) last_leg: u32,
    /// Waves that were started, the first one included.
    pub(super) waves: u16,
    /// The same since the neighbours were first called or #9 was pressed again: sets the pause to the next one.
    pub(super) pause_waves: u16,
    pub(super) wave_at: Timestamp,
    /// No press has proven the line yet.
    pub(super) is_weak: bool,
    /// Weak, and the neighbours are not called yet.
    pub(super) is_held_back: bool,
    /// How often #9 was pressed again.
    pub(super) presses_again: u16,
    /// Steps of escalation that were taken, counted from 1.
    pub(super) steps_taken: BTreeSet<u8>,
    pub(super) matter: Matter,
    /// When SMS last went to everybody.
    pub(super) sms_at: Timestamp,
    /// Households wanted to be coming.
    pub(super) goal: u16,
    pub(super) enough_at: Option<Timestamp>,
    pub(super) case: Case,
    pub(super) last_event_at: Timestamp,
    /// When a person last did anything: pressed, answered, came, wrote, acted.
    pub(super) last_word_at: Timestamp,
}

/// How a household or a worker stands to the alarm.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartyState {
    /// They are coming.
    pub coming: Option<Coming>,
    /// When they said last that they cannot; a household may be coming all the same, by another person.
    pub declined_at: Option<Timestamp>,
    /// When they last ceased to count as coming, because they were not there and did not answer.
    pub lapsed_at: Option<Timestamp>,
    /// When they were at the door.
    pub arrived_at: Option<Timestamp>,
    /// When they said that they have called 110.
    pub police_called_at: Option<Timestamp>,
    /// When they said that it is a mistake.
    pub said_mistake_at: Option<Timestamp>,
    pub(super) numbers: Vec<NumberState>,
    /// The step of the party was taken: it is called from then on.
    pub(super) is_called: bool,
    /// A worker whose duty ended during the alarm: keeps what they said, but another one is wanted.
    pub(super) is_off_duty: bool,
    /// How often they called back.
    pub(super) call_backs: u8,
    /// Somebody or something of theirs took a call or a message of the alarm: they may know of it.
    pub(super) was_told: bool,
    /// They were told that enough are coming to go in together.
    pub(super) was_told_to_go: bool,
    /// Voice legs without an end.
    pub(super) voice_live: u16,
    /// When the last voice leg was ordered or ended.
    pub(super) voice_at: Option<Timestamp>,
    /// Waves that called the party, since the last press.
    pub(super) rounds: u16,
}

impl PartyState {
    /// They said whether they come, or are there.
    #[must_use]
    pub fn has_answered(&self) -> bool {
        self.coming.is_some() || self.declined_at.is_some() || self.arrived_at.is_some()
    }
}

/// That a party is coming.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coming {
    /// When they said so last.
    pub at: Timestamp,
    /// When they said so first.
    pub since: Timestamp,
    /// By which of the party's numbers; `None` if an operator said it.
    pub number_index: Option<u8>,
    /// When they were asked where they are; `None` if they were not, or have answered.
    pub asked_at: Option<Timestamp>,
    /// How often they answered that they are still on the way.
    pub renewals: u8,
}

/// What is known of one number of a party.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct NumberState {
    /// Its person cannot come.
    pub(super) said_no: bool,
    /// The number does not exist: never again in this alarm.
    pub(super) is_bad: bool,
    /// It takes no SMS, or none from us.
    pub(super) refuses_sms: bool,
    /// Replies that said nothing we understand.
    pub(super) unclear_replies: u8,
    pub(super) sms: SmsState,
    /// An SMS of the alarm was taken for it: its owner may know.
    pub(super) has_had_sms: bool,
    /// SMS that did not arrive, though taken.
    pub(super) sms_undelivered: u8,
    /// SMS that no provider took.
    pub(super) sms_failed: u8,
    /// Calls with the cancel that nobody took.
    pub(super) notices_missed: u8,
    /// Calls with the cancel that never came to ring.
    pub(super) notices_failed: u8,
    /// Calls in all: below the budget nobody has to count those of the last hour.
    pub(super) calls: u32,
    /// Called in this wave.
    pub(super) is_tried: bool,
    pub(super) busy_tries: u8,
    pub(super) no_answer_tries: u8,
    /// Calls of this wave that the carrier failed.
    pub(super) voice_failed: u8,
    /// Routes that failed in this wave.
    pub(super) routes_failed: Vec<RouteName>,
    /// The next call.
    pub(super) retry: Option<Retry>,
    /// When the SMS of the cancel is sent again.
    pub(super) sms_retry: Option<Timestamp>,
}

/// Whether the number has its SMS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum SmsState {
    #[default]
    Unsent,
    UnderWay,
    Taken,
    Failed,
}

/// Another call to the same number, for later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Retry {
    pub(super) at: Timestamp,
    pub(super) why: LegWhy,
}

/// A leg as the alarm knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Its number within the alarm.
    pub number: u32,
    /// Whom it reaches.
    pub party: PartyId,
    /// Which of the party's numbers.
    pub number_index: u8,
    /// How.
    pub channel: Channel,
    /// What it says.
    pub message: Message,
    /// Why it was ordered.
    pub why: LegWhy,
    /// When it was ordered.
    pub ordered_at: Timestamp,
    /// When it was on the wire.
    pub placed_at: Option<Timestamp>,
    /// Over which route.
    pub route: Option<RouteName>,
    /// When the phone rang.
    pub ringing_at: Option<Timestamp>,
    /// When somebody or something picked up.
    pub answered_at: Option<Timestamp>,
    /// When the provider took the message.
    pub accepted_at: Option<Timestamp>,
    /// The provider's own id of the message.
    pub reference: Option<Arc<str>>,
    /// The provider is to tell when it arrives.
    pub has_receipts: bool,
    /// That word did not come in time.
    pub is_receipt_late: bool,
    /// A person pressed a key or replied.
    pub has_key: bool,
    /// When and how it ended.
    pub ended: Option<(Timestamp, LegOutcome)>,
}

impl Leg {
    /// It has no end yet.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.ended.is_none()
    }

    /// When something was last heard of it.
    pub(super) fn last_heard_at(&self) -> Timestamp {
        let heard = [self.placed_at, self.ringing_at, self.answered_at].into_iter().flatten().max();
        heard.map_or(self.ordered_at, |at| at.max(self.ordered_at))
    }

    /// Whether it uses up the budget of the number: a call that never came to ring does not, nor one that has to be made
    /// whatever it costs, nor one that the callee made.
    pub(super) fn counts(&self) -> bool {
        let has_rung = self.ringing_at.is_some() || self.answered_at.is_some();
        self.channel == Channel::Voice
            && self.message != Message::Cancelled
            && !matches!(self.why, LegWhy::CallBack | LegWhy::Notice)
            && match self.ended {
                Some((
                    _,
                    LegOutcome::CarrierFailed
                    | LegOutcome::PutOff
                    | LegOutcome::Cancelled
                    | LegOutcome::Lost,
                )) => has_rung,
                Some(_) | None => true,
            }
    }
}

/// A number of a party, as the plan says it and as the alarm knows it.
#[derive(Clone, Copy)]
pub(super) struct Number<'a> {
    pub(super) party: PartyId,
    pub(super) index: u8,
    pub(super) plan: &'a PartyNumber,
    pub(super) state: &'a NumberState,
}

impl Number<'_> {
    /// The number exists, and its person did not say that they cannot come.
    pub(super) fn is_willing(&self) -> bool {
        self.plan.has_voice && !self.state.is_bad && !self.state.said_no
    }

    /// It may be sent SMS, or was and so hears of what follows.
    pub(super) fn takes_sms(&self) -> bool {
        (self.plan.has_sms || self.state.has_had_sms) && !self.state.refuses_sms
    }
}

impl Alarm {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> AlarmId {
        self.id
    }

    /// What was heard when it was raised.
    #[must_use]
    pub fn trigger(&self) -> &Trigger {
        &self.trigger
    }

    /// The alarm before it on the same line, if it follows one.
    #[must_use]
    pub fn follows(&self) -> Option<AlarmId> {
        self.follows
    }

    /// When it was raised.
    #[must_use]
    pub fn raised_at(&self) -> Timestamp {
        self.raised_at
    }

    /// When anything last happened to it.
    #[must_use]
    pub fn last_event_at(&self) -> Timestamp {
        self.last_event_at
    }

    /// When a person last did anything in it.
    #[must_use]
    pub fn last_word_at(&self) -> Timestamp {
        self.last_word_at
    }

    /// The newest plan; explains the parties and numbers of every event so far.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Where it stands.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// It is cancelled or closed: nobody is rung any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        match self.stage {
            Stage::Open => false,
            Stage::Cancelled { .. } | Stage::Closed { .. } => true,
        }
    }

    /// No press has proven that the line is the line.
    #[must_use]
    pub fn is_weak(&self) -> bool {
        self.is_weak
    }

    /// It waits for the duty worker before it calls the neighbours.
    #[must_use]
    pub fn is_held_back(&self) -> bool {
        self.is_held_back
    }

    /// How many waves were started.
    #[must_use]
    pub fn waves(&self) -> u16 {
        self.waves
    }

    /// How often #9 was pressed again.
    #[must_use]
    pub fn presses_again(&self) -> u16 {
        self.presses_again
    }

    /// How a party stands to the alarm.
    #[must_use]
    pub fn party(&self, id: PartyId) -> Option<&PartyState> {
        self.parties.get(usize::from(id.0))
    }

    /// Every party: who it is by the plan, and how it stands.
    pub fn parties(&self) -> impl Iterator<Item = (PartyId, &Party, &PartyState)> {
        self.plan.parties().zip(&self.parties).map(|((id, party), state)| (id, party, state))
    }

    /// The legs of the last hour and every SMS that can still be replied to, by number.
    #[must_use]
    pub fn legs(&self) -> &[Leg] {
        &self.legs
    }

    /// The leg of this number, unless it is unknown or long over.
    #[must_use]
    pub fn leg(&self, number: u32) -> Option<&Leg> {
        let index = self.legs.binary_search_by_key(&number, |leg| leg.number).ok()?;
        self.legs.get(index)
    }

    pub(super) fn leg_id(&self, number: u32) -> LegId {
        LegId { alarm: self.id, number }
    }

    /// Neighbours and responders that are coming; duty workers are not counted.
    #[must_use]
    pub fn households_coming(&self) -> u16 {
        self.count(|party, state| party.role.counts() && state.coming.is_some())
    }

    /// Neighbours and responders wanted to be coming: never more than can be reached.
    #[must_use]
    pub fn households_wanted(&self) -> u16 {
        let in_reach = |party: &Party, state: &PartyState| {
            let can_come = party.is_reachable() && self.may_be_called(party, state);
            party.role.counts() && (can_come || state.coming.is_some())
        };
        self.goal.max(u16::from(self.plan.policy.together)).min(self.count(in_reach))
    }

    /// A duty worker has taken the case.
    #[must_use]
    pub fn has_duty_worker(&self) -> bool {
        self.count(|party, state| party.role == Role::DutyWorker && state.coming.is_some()) > 0
    }

    /// The case is taken by a duty worker who is still on duty, as far as the newest plan knows.
    pub(super) fn is_case_taken(&self) -> bool {
        let is_taken = |party: &Party, state: &PartyState| {
            party.role == Role::DutyWorker && state.coming.is_some() && !state.is_off_duty
        };
        self.count(is_taken) > 0
    }

    /// Somebody is at the door.
    pub(super) fn has_arrival(&self) -> bool {
        self.arrived_at().is_some()
    }

    /// As many households are coming as are wanted, and enough to go in together.
    #[must_use]
    pub fn has_enough(&self) -> bool {
        self.households_wanted() <= self.households_coming() && !self.waits_for_others()
    }

    /// Somebody is coming.
    #[must_use]
    pub fn has_anybody(&self) -> bool {
        self.count(|party, state| party.role != Role::OwnHousehold && state.coming.is_some()) > 0
    }

    /// Enough are coming or somebody is at the door, and a duty worker comes too, where one was called: nobody is rung until
    /// #9 is pressed again, a step of escalation is taken, or somebody falls away.
    #[must_use]
    pub fn is_satisfied(&self) -> bool {
        let wants_duty = self.count(|party, state| {
            party.role == Role::DutyWorker && party.has_voice() && state.is_called
        }) > 0;
        let has_households = self.has_anybody() && self.has_enough() || self.is_door_reached();
        has_households && (self.is_case_taken() || !wants_duty) && self.missed_step().is_none()
    }

    pub(super) fn count(&self, is_counted: impl Fn(&Party, &PartyState) -> bool) -> u16 {
        let found = self.parties().filter(|(_, party, state)| is_counted(party, state)).count();
        u16::try_from(found).unwrap_or(u16::MAX)
    }

    /// The numbers of a party, in order.
    pub(super) fn numbers(&self, party: PartyId) -> impl Iterator<Item = Number<'_>> {
        let planned = self.plan.party(party).map_or([].as_slice(), |party| &party.numbers);
        let states = self.party(party).map_or([].as_slice(), |state| &state.numbers);
        let both = (0..=u8::MAX).zip(planned.iter().zip(states));
        both.map(move |(index, (plan, state))| Number { party, index, plan, state })
    }

    pub(super) fn number(&self, party: PartyId, index: u8) -> Option<Number<'_>> {
        let plan = self.plan.party(party)?.numbers.get(usize::from(index))?;
        let state = self.party(party)?.numbers.get(usize::from(index))?;
        Some(Number { party, index, plan, state })
    }
}
