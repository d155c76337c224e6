//! What is measured, from our own packets with one clock: trigger sent, first leg, last leg, first key; lost, doubled,
//! sent again.

use hdrhistogram::Histogram;
use serde::Serialize;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// An hour: nothing takes longer here.
const MICROSECONDS_MAX: u64 = 3_600_000_000;
/// Examples of lost alarms and doubled legs that a report names.
const EXAMPLES_MAX: usize = 10;

/// Durations, in microseconds.
#[derive(Debug)]
pub struct Durations(Histogram<u64>);

impl Default for Durations {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(1, MICROSECONDS_MAX, 3);
        Self(histogram.expect("the bounds are valid"))
    }
}

impl Durations {
    /// Counts a duration.
    pub fn record(&mut self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(MICROSECONDS_MAX);
        self.0.saturating_record(us.max(1));
    }

    /// Percentiles in milliseconds.
    #[must_use]
    pub fn summary(&self) -> Summary {
        #[expect(clippy::cast_precision_loss, reason = "a figure to read")]
        let at = |quantile| self.0.value_at_quantile(quantile) as f64 / 1e3;
        #[expect(clippy::cast_precision_loss, reason = "a figure to read")]
        let max = self.0.max() as f64 / 1e3;
        Summary { n: self.0.len(), p50: at(0.5), p95: at(0.95), p99: at(0.99), max }
    }
}

/// Percentiles, in milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Summary {
    /// How many were measured.
    pub n: u64,
    /// Half took no longer.
    pub p50: f64,
    /// 95 % took no longer.
    pub p95: f64,
    /// 99 % took no longer.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

#[derive(Debug)]
struct Group {
    caller: String,
    wanted: u32,
    press: Option<Press>,
}

#[derive(Debug)]
struct Press {
    at: Instant,
    legs: u32,
    has_key: bool,
    is_counted: bool,
}

#[derive(Debug, Default)]
struct Callee {
    group: usize,
    /// Calls to it that are up or ringing.
    up: u32,
    /// The press that it was last called for, by its time.
    called_for: Option<Instant>,
}

/// Counts alarms and legs.
#[derive(Debug, Default)]
pub struct Board {
    groups: Vec<Group>,
    callers: HashMap<String, usize>,
    callees: HashMap<String, Callee>,
    doubled: Vec<String>,
    warm_up: u64,
    counts: Counts,
    to_first: Durations,
    to_last: Durations,
    to_key: Durations,
    to_answer: Durations,
    answer_to_sound: Durations,
}

/// What is counted.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Counts {
    /// Presses that went out, warm-up included.
    pub pressed: u64,
    /// Presses whose group was called completely, warm-up included.
    pub complete: u64,
    /// First INVITEs of legs.
    pub legs: u64,
    /// Legs that were answered.
    pub answered: u64,
    /// Keys that called phones pressed.
    pub keys: u64,
    /// INVITEs to a phone that another leg was still calling.
    pub doubled: u64,
    /// Copies of INVITEs: retransmissions of the service.
    pub invites_again: u64,
    /// Copies of other requests of the service.
    pub requests_again: u64,
    /// INVITEs to numbers that are in no group.
    pub strangers: u64,
    /// Legs that the service cancelled.
    pub cancelled: u64,
    /// Calls of residents that the service refused, by the last status.
    pub refused_callers: u64,
    /// Requests of ours that we sent again.
    pub ours_again: u64,
    /// RTP packets that we received.
    pub sound_packets: u64,
    /// RTP packets that are missing by their numbers.
    pub sound_missing: u64,
    /// Pauses of more than 60 ms in what a called phone heard.
    pub sound_gaps: u64,
}

/// The figures of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// What was counted.
    pub counts: Counts,
    /// Presses whose group was not called completely.
    pub lost: u64,
    /// Some of their callers, and how many legs they got.
    pub lost_examples: Vec<String>,
    /// Some doubled numbers.
    pub doubled_examples: Vec<String>,
    /// Trigger sent to the first INVITE.
    pub trigger_to_first_leg_ms: Summary,
    /// Trigger sent to the INVITE of the last one of the group.
    pub trigger_to_last_leg_ms: Summary,
    /// Trigger sent to the first key of a called person.
    pub trigger_to_first_key_ms: Summary,
    /// Trigger sent to the 200 that the resident gets.
    pub trigger_to_answer_ms: Summary,
    /// A called phone's 200 to the first packet of sound.
    pub answer_to_sound_ms: Summary,
}

impl Figures {
    /// Whether nothing was lost or doubled.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.lost == 0 && self.counts.doubled == 0 && 0 < self.counts.pressed
    }
}

impl Board {
    /// A group: who presses, and who has to be called then.
    pub fn add_group(&mut self, caller: &str, callees: impl IntoIterator<Item = String>) {
        let group = self.groups.len();
        let mut wanted = 0;
        for callee in callees {
            self.callees.insert(callee, Callee { group, ..Callee::default() });
            wanted += 1;
        }
        self.callers.insert(caller.to_owned(), group);
        self.groups.push(Group { caller: caller.to_owned(), wanted, press: None });
    }

    /// The first so many presses are not measured, only checked.
    pub fn set_warm_up(&mut self, presses: u64) {
        self.warm_up = presses;
    }

    /// A press went out.
    pub(crate) fn on_press(&mut self, caller: &str, now: Instant) {
        let Some(group) = self.callers.get(caller).and_then(|at| self.groups.get_mut(*at)) else {
            return;
        };
        self.counts.pressed += 1;
        let is_counted = self.warm_up < self.counts.pressed;
        group.press = Some(Press { at: now, legs: 0, has_key: false, is_counted });
    }

    /// A call that pressed was challenged: what counts is the press that is not.
    pub(crate) fn forget_press(&mut self, caller: &str) {
        let group = self.callers.get(caller).and_then(|at| self.groups.get_mut(*at));
        if group.and_then(|group| group.press.take()).is_some() {
            self.counts.pressed -= 1;
        }
    }

    pub(crate) fn on_caller_answered(&mut self, caller: &str, now: Instant) {
        let group = self.callers.get(caller).and_then(|at| self.groups.get(*at));
        let press = group.and_then(|group| group.press.as_ref());
        if let Some(press) = press.filter(|press| press.is_counted) {
            self.to_answer.record(now.duration_since(press.at));
        }
    }

    /// A leg arrived.
    pub(crate) fn on_leg(&mut self, callee: &str, now: Instant) {
        self.counts.legs += 1;
        let Some(known) = self.callees.get_mut(callee) else {
            self.counts.strangers += 1;
            return;
        };
        known.up += 1;
        if 1 < known.up {
            self.counts.doubled += 1;
            if self.doubled.len() < EXAMPLES_MAX {
                self.doubled.push(callee.to_owned());
            }
        }
        let Some(group) = self.groups.get_mut(known.group) else { return };
        let Some(press) = group.press.as_mut() else { return };
        if known.called_for == Some(press.at) {
            return;
        }
        known.called_for = Some(press.at);
        press.legs += 1;
        let took = now.duration_since(press.at);
        if press.legs == 1 && press.is_counted {
            self.to_first.record(took);
        }
        if press.legs == group.wanted {
            self.counts.complete += 1;
            if press.is_counted {
                self.to_last.record(took);
            }
        }
    }

    pub(crate) fn on_leg_over(&mut self, callee: &str) {
        if let Some(known) = self.callees.get_mut(callee) {
            known.up = known.up.saturating_sub(1);
        }
    }

    pub(crate) fn on_key(&mut self, callee: &str, now: Instant) {
        self.counts.keys += 1;
        let group = self.callees.get(callee).and_then(|known| self.groups.get_mut(known.group));
        if let Some(press) = group.and_then(|group| group.press.as_mut())
            && !std::mem::replace(&mut press.has_key, true)
            && press.is_counted
        {
            self.to_key.record(now.duration_since(press.at));
        }
    }

    pub(crate) fn on_first_sound(&mut self, after_answer: Duration) {
        self.answer_to_sound.record(after_answer);
    }

    pub(crate) fn count(&mut self) -> &mut Counts {
        &mut self.counts
    }

    /// What was counted so far.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Whether every press has all its legs.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.counts.complete == self.counts.pressed
    }

    /// The figures.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let is_short =
            |group: &&Group| group.press.as_ref().is_some_and(|press| press.legs < group.wanted);
        let tell = |group: &Group| {
            let legs = group.press.as_ref().map_or(0, |press| press.legs);
            format!("{}: {legs} of {}", group.caller, group.wanted)
        };
        Figures {
            counts: self.counts.clone(),
            lost: self.counts.pressed.saturating_sub(self.counts.complete),
            lost_examples: self
                .groups
                .iter()
                .filter(is_short)
                .take(EXAMPLES_MAX)
                .map(tell)
                .collect(),
            doubled_examples: self.doubled.clone(),
            trigger_to_first_leg_ms: self.to_first.summary(),
            trigger_to_last_leg_ms: self.to_last.summary(),
            trigger_to_first_key_ms: self.to_key.summary(),
            trigger_to_answer_ms: self.to_answer.summary(),
            answer_to_sound_ms: self.answer_to_sound.summary(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board() -> (Board, Instant) {
        let mut board = Board::default();
        board.add_group("00", ["01".to_owned(), "02".to_owned()]);
        (board, crate::clock::now())
    }

    #[test]
    fn a_press_is_complete_when_everybody_was_called() {
        let (mut board, start) = board();
        board.on_press("00", start);
        board.on_leg("01", start + Duration::from_millis(2));
        assert_eq!(board.figures().lost, 1, "one is missing");
        board.on_leg_over("01");
        board.on_leg("01", start + Duration::from_millis(3));
        assert_eq!(board.figures().lost, 1, "a second call of one is not the other");
        board.on_leg("02", start + Duration::from_millis(5));
        let figures = board.figures();
        assert!(figures.is_good(), "{figures:?}");
        assert!((4.9..5.1).contains(&figures.trigger_to_last_leg_ms.p50), "{figures:?}");
        assert!((1.9..2.1).contains(&figures.trigger_to_first_leg_ms.p99), "{figures:?}");
    }

    #[test]
    fn a_second_call_while_one_is_up_is_doubled() {
        let (mut board, start) = board();
        board.on_press("00", start);
        for _ in 0..2 {
            board.on_leg("01", start);
        }
        board.on_leg("02", start);
        let figures = board.figures();
        assert_eq!((figures.counts.doubled, figures.lost), (1, 0));
        assert!(!figures.is_good());
        assert_eq!(figures.doubled_examples, ["01"]);
    }

    #[test]
    fn warm_up_is_checked_but_not_measured() {
        let (mut board, start) = board();
        board.set_warm_up(1);
        board.on_press("00", start);
        board.on_leg("01", start);
        assert_eq!(board.figures().trigger_to_first_leg_ms.n, 0);
        assert_eq!(board.figures().lost, 1);
    }

    #[test]
    fn a_run_without_a_press_is_not_good() {
        assert!(!board().0.figures().is_good());
    }
}
