//! How a drill went, in figures: from the alarms of its doors alone, which the log tells for ever.
//!
//! Whoever publishes it publishes [`summary`]: it names nobody and no number.

use crate::alarm::{Alarm, Stage};
use crate::directory::{Language, Written};
use crate::id::{AlarmId, ContactId, HouseholdId, ResponderId, WorkerId};
use crate::leg::{Channel, LegOutcome, Message};
use crate::phone::PhoneNumber;
use crate::plan::{Party, PartyNumber};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What came of the calls to a number, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reached {
    /// A person answered by a key.
    Key,
    /// It was picked up, and nobody pressed a key: voicemail, an announcement, a child.
    NoKey,
    /// Refused by the callee.
    Declined,
    /// Busy.
    Busy,
    /// It rang, and nobody picked up.
    NoAnswer,
    /// We ended it: enough were coming, or a real alarm needed the telephone.
    Stopped,
    /// It never rang: the carrier failed, or the drill was over before.
    Failed,
    /// There is no such number.
    BadNumber,
}

/// A number of a door's plan that no person answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotReached {
    /// The alarm of the door.
    pub alarm: AlarmId,
    /// The household that was called, if it is one.
    pub household: Option<HouseholdId>,
    /// The person of the household.
    pub contact: Option<ContactId>,
    /// The worker.
    pub worker: Option<WorkerId>,
    /// The responder.
    pub responder: Option<ResponderId>,
    /// How the person is called.
    pub name: Arc<str>,
    /// The number.
    pub number: PhoneNumber,
    /// Why.
    pub why: Reached,
}

/// The figures of a drill.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Doors that began.
    pub homes: u32,
    /// Of them, doors whose drill gave way to a real alarm.
    pub yielded: u32,
    /// Telephone numbers that were called, each counted once.
    pub phones: u32,
    /// Of them, those that rang or were picked up.
    pub rung: u32,
    /// Of them, those that a person answered by a key.
    pub answered: u32,
    /// Of them, those that were picked up without a key.
    pub voicemail: u32,
    /// Numbers that were sent SMS.
    pub texted: u32,
    /// Of them, those whose handset confirmed it.
    pub delivered: u32,
    /// From the beginning of a door to the last leg of its first wave on the wire, in milliseconds, sorted.
    pub last_leg_ms: Vec<u64>,
    /// From the beginning of a door to the first key, in milliseconds, sorted.
    pub first_key_ms: Vec<u64>,
    /// From the beginning of a door to the first telephone that rang, in milliseconds, sorted.
    pub first_ring_ms: Vec<u64>,
    /// From the beginning of a door to the first who said that they are coming, in milliseconds, sorted.
    pub coming_ms: Vec<u64>,
    /// From the beginning of a door to the first who said that they are there, in milliseconds, sorted.
    pub arrived_ms: Vec<u64>,
    /// Numbers that were called and that no person answered in any door.
    pub not_reached: Vec<NotReached>,
    /// Some alarm is not over: figures may grow.
    pub may_grow: bool,
}

/// Counts the alarms of a drill one after the other, and keeps none of them.
#[derive(Clone, Debug, Default)]
pub struct Count {
    figures: Figures,
    calls: BTreeMap<PhoneNumber, NotReached>,
    rung: BTreeMap<PhoneNumber, bool>,
    texts: BTreeMap<PhoneNumber, bool>,
}

impl Count {
    /// Counts one more, which gave way to a real one or did not.
    pub fn add(&mut self, alarm: &Alarm, has_yielded: bool) {
        let Self { figures, calls, rung, texts } = self;
        figures.homes += 1;
        figures.yielded += u32::from(has_yielded);
        figures.may_grow |= !matches!(alarm.stage(), Stage::Closed { .. });
        figures.last_leg_ms.extend(last_leg(alarm).map(|at| since(alarm, at)));
        figures.first_key_ms.extend(first_key(alarm).map(|at| since(alarm, at)));
        figures.first_ring_ms.extend(first_ring(alarm).map(|at| since(alarm, at)));
        let said = alarm.parties().map(|(_, _, state)| state);
        let coming = said.filter_map(|state| Some(state.coming?.since)).min();
        figures.coming_ms.extend(coming.map(|at| since(alarm, at)));
        let there = alarm.parties().filter_map(|(_, _, state)| state.arrived_at).min();
        figures.arrived_ms.extend(there.map(|at| since(alarm, at)));
        for leg in alarm
            .legs()
            .iter()
            .filter(|leg| leg.message.calls_for_help() || leg.message == Message::OwnHousehold)
        {
            let Some(party) = alarm.plan().party(leg.party) else { continue };
            let Some(called) = party.numbers.get(usize::from(leg.number_index)) else { continue };
            let number = called.number.clone();
            match leg.channel {
                Channel::Sms => {
                    let arrived = matches!(leg.ended, Some((_, LegOutcome::Delivered)));
                    *texts.entry(number).or_default() |= arrived;
                }
                Channel::Voice => {
                    *rung.entry(number.clone()).or_default() |=
                        leg.ringing_at.is_some() || leg.answered_at.is_some();
                    let why = reached(leg);
                    if calls.get(&number).is_none_or(|known| why < known.why) {
                        calls.insert(number, not_reached(alarm.id(), party, called, why));
                    }
                }
            }
        }
    }

    /// The figures of all that were counted.
    #[must_use]
    pub fn figures(self) -> Figures {
        let Self { mut figures, calls, rung, texts } = self;
        let count = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        figures.phones = count(calls.len());
        figures.rung = count(rung.values().filter(|rang| **rang).count());
        figures.texted = count(texts.len());
        figures.delivered = count(texts.values().filter(|arrived| **arrived).count());
        let with = |what| count(calls.values().filter(|call| call.why == what).count());
        (figures.answered, figures.voicemail) = (with(Reached::Key), with(Reached::NoKey));
        figures.not_reached = calls.into_values().filter(|call| call.why != Reached::Key).collect();
        for times in [
            &mut figures.last_leg_ms,
            &mut figures.first_key_ms,
            &mut figures.first_ring_ms,
            &mut figures.coming_ms,
            &mut figures.arrived_ms,
        ] {
            times.sort_unstable();
        }
        figures
    }
}

fn not_reached(alarm: AlarmId, party: &Party, called: &PartyNumber, why: Reached) -> NotReached {
    NotReached {
        alarm,
        household: party.household,
        contact: called.contact,
        worker: party.worker,
        responder: party.responder,
        name: Arc::clone(&called.name),
        number: called.number.clone(),
        why,
    }
}

fn reached(leg: &crate::alarm::Leg) -> Reached {
    if leg.has_key {
        return Reached::Key;
    }
    if leg.answered_at.is_some() {
        return Reached::NoKey;
    }
    match leg.ended.map(|(_, outcome)| outcome) {
        Some(LegOutcome::Answered | LegOutcome::AnsweredNoKey) => Reached::NoKey,
        Some(LegOutcome::Declined) => Reached::Declined,
        Some(LegOutcome::Busy) => Reached::Busy,
        Some(LegOutcome::NoAnswer) => Reached::NoAnswer,
        Some(LegOutcome::BadNumber) => Reached::BadNumber,
        Some(LegOutcome::Cancelled) | None => Reached::Stopped,
        Some(
            LegOutcome::CarrierFailed
            | LegOutcome::Lost
            | LegOutcome::Delivered
            | LegOutcome::Sent
            | LegOutcome::Undelivered
            | LegOutcome::OptedOut
            | LegOutcome::NoSms
            | LegOutcome::PutOff,
        ) => Reached::Failed,
    }
}

/// When the last call of the first wave was on the wire; `None` if none was.
fn last_leg(alarm: &Alarm) -> Option<Timestamp> {
    let first = alarm
        .legs()
        .iter()
        .filter(|leg| leg.channel == Channel::Voice && leg.ordered_at == alarm.raised_at());
    first.filter_map(|leg| leg.placed_at).max()
}

fn first_ring(alarm: &Alarm) -> Option<Timestamp> {
    let calls = alarm.legs().iter().filter(|leg| leg.channel == Channel::Voice);
    calls.filter_map(|leg| leg.ringing_at.or(leg.answered_at)).min()
}

fn first_key(alarm: &Alarm) -> Option<Timestamp> {
    let said = alarm.parties().filter_map(|(_, _, state)| {
        let coming = state.coming.map(|coming| coming.since);
        coming.into_iter().chain(state.declined_at).chain(state.arrived_at).min()
    });
    said.min()
}

fn since(alarm: &Alarm, at: Timestamp) -> u64 {
    u64::try_from(at.duration_since(alarm.raised_at()).as_millis()).unwrap_or_default()
}

/// The value that so many percent of the sorted ones do not exceed; `None` of none.
#[must_use]
pub fn percentile(sorted: &[u64], percent: u8) -> Option<u64> {
    let rank = (sorted.len() * usize::from(percent.min(100))).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

/// The ends of the spans of [`spans`], in milliseconds; the last span has none.
pub const SPANS_MS: [u64; 9] =
    [1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000];

/// How many took no longer than each of [`SPANS_MS`] and longer than the one before, and how many took longer still.
#[must_use]
pub fn spans(sorted: &[u64]) -> [usize; SPANS_MS.len() + 1] {
    let mut before = 0;
    let mut counts = [0; SPANS_MS.len() + 1];
    let ends = SPANS_MS.into_iter().map(Some).chain(std::iter::once(None));
    for (count, end) in counts.iter_mut().zip(ends) {
        let until = end.map_or(sorted.len(), |end| sorted.partition_point(|ms| *ms <= end));
        *count = until - before;
        before = until;
    }
    counts
}

/// The report for everybody: no name, no number.
#[must_use]
pub fn summary(community: &str, figures: &Figures, language: Language) -> String {
    let Figures { homes, phones, rung, answered, voicemail, texted, delivered, yielded, .. } =
        figures;
    let share = |part: u32, of: u32| u64::from(part) * 100 / u64::from(of.max(1));
    let (rang, spoke) = (share(*rung, *phones), share(*answered, *phones));
    let chinese = language.written() == Written::Chinese;
    let ms = |values: &[u64], percent| match percentile(values, percent) {
        Some(ms) if chinese => format!("{}.{}秒", ms / 1000, ms % 1000 / 100),
        Some(ms) => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        None => "—".to_owned(),
    };
    let (leg_50, leg_99) = (ms(&figures.last_leg_ms, 50), ms(&figures.last_leg_ms, 99));
    let (key_50, key_99) = (ms(&figures.first_key_ms, 50), ms(&figures.first_key_ms, 99));
    let answer = match (figures.first_key_ms.is_empty(), chinese) {
        (true, true) => "无人按键应答".to_owned(),
        (true, false) => "nobody answered by a key".to_owned(),
        (false, true) => format!("到第一个应答：中位{key_50}，99%在{key_99}内"),
        (false, false) => format!("to the first answer: median {key_50}, 99% within {key_99}"),
    };
    if chinese {
        format!(
            "{community}联防演练：{homes}户发起，呼叫电话{phones}部，振铃{rung}部（{rang}%），\
             本人按键应答{answered}部（{spoke}%），接通未按键{voicemail}部；短信{texted}条号码，确认送达{delivered}个。\
             从发起到最后一路呼出：中位{leg_50}，99%在{leg_99}内；{answer}。\
             为真实警情让位{yielded}户。"
        )
    } else {
        format!(
            "Drill of {community}: {homes} homes began it, {phones} telephones were called, {rung} rang ({rang}%), \
             {answered} were answered by a person with a key ({spoke}%), {voicemail} without a key; \
             {texted} numbers were sent SMS, {delivered} confirmed it. From the beginning to the last call on the wire: \
             median {leg_50}, 99% within {leg_99}; {answer}. \
             {yielded} homes gave way to a real alarm."
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_time_is_in_the_span_that_it_fills() {
        let counts = spans(&[0, 1_000, 1_001, 5_000, 299_999, 300_000, 300_001, u64::MAX]);
        assert_eq!(counts, [2, 1, 1, 0, 0, 0, 0, 0, 2, 2]);
        assert_eq!(spans(&[]), [0; 10]);
    }

    #[test]
    fn a_drill_that_nobody_answered_has_no_time_of_an_answer() {
        let mut figures = Figures { homes: 1, phones: 2, ..Figures::default() };
        let said = |figures: &Figures, language| summary("文园社区", figures, language);
        assert!(said(&figures, Language::Chinese).contains("；无人按键应答。"));
        assert!(said(&figures, Language::English).contains("; nobody answered by a key."));
        figures.first_key_ms = vec![4_200];
        assert!(said(&figures, Language::Chinese).contains("中位4.2秒，99%在4.2秒内。"));
        assert!(said(&figures, Language::English).contains("median 4.2 s, 99% within 4.2 s."));
    }

    proptest! {
        #[test]
        fn no_time_is_lost_or_counted_twice(mut times in prop::collection::vec(0_u64..400_000, 0..50)) {
            times.sort_unstable();
            prop_assert_eq!(spans(&times).iter().sum::<usize>(), times.len());
        }
    }
}
