//! One call from a line: dialled code, access number or hotline. Pure: events and the time go in, steps come out.
//!
//! A dialled code raises the alarm at the INVITE, before the answer. Hanging up never withdraws it. The answer waits
//! for the alarm to be on disk, but never longer than [`ANSWER_WITHIN`].

use jiff::Timestamp;
use lianfang_domain::alarm::TriggerSource;
use lianfang_domain::digits::Key;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// The resident hears an answer within 300 ms; this leaves room for the way there and back.
const ANSWER_WITHIN: Duration = Duration::from_millis(200);

/// What the call is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The code was dialled.
    Alarm {
        /// Which.
        code: Arc<str>,
    },
    /// An access number was called; the code is keyed.
    Access,
    /// A hotline went off-hook.
    Hotline {
        /// How long 0 or hanging up cancels; zero raises at once.
        grace: Duration,
    },
}

/// How long calls may last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// A call that raised an alarm.
    pub(super) resident: Duration,
    /// A call that waits for a code.
    pub(super) access: Duration,
}

/// What is said without the switchboard asking for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Saying {
    /// For help press the code.
    ForHelpPress,
    /// Help is called soon; 0 or hanging up cancels.
    Grace,
    /// Your 0 was taken.
    Noted,
}

/// What the call asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Raise the alarm, or say that the danger goes on.
    Raise {
        /// The code; empty for a hotline.
        code: Arc<str>,
        /// How it was heard.
        source: TriggerSource,
    },
    /// 200.
    Accept,
    /// Say something.
    Say(Saying),
    /// BYE.
    HangUp,
    /// Free the media session and forget the call.
    Forget,
}

/// What happens to the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    /// The alarm is on disk, or its deadline has passed.
    Raised,
    /// A key, one press heard once.
    Key(Key),
    /// The keys made a code.
    Code(Arc<str>),
    /// What was said has ended.
    Said,
    /// Nothing was heard of the phone for so long that it is gone: the power failed, or the line was cut.
    Silent,
    /// CANCEL or BYE.
    HungUp,
    /// The call cannot go on, and nobody hung up: no media, no ACK, a connection that broke.
    Lost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The alarm is raised, the call not yet answered.
    Unanswered {
        accept_by: Timestamp,
    },
    /// Answered; the resident hears what happens.
    Up {
        until: Timestamp,
    },
    Access {
        until: Timestamp,
    },
    Grace {
        raise_at: Timestamp,
    },
    /// A last word, then we hang up.
    Leaving {
        until: Timestamp,
    },
    Over,
}

/// See the module.
#[derive(Debug)]
pub(super) struct ResidentCall {
    state: State,
    limits: Limits,
    steps: VecDeque<Step>,
}

impl ResidentCall {
    pub(super) fn new(kind: Kind, limits: Limits, now: Timestamp) -> Self {
        let mut call = Self { state: State::Over, limits, steps: VecDeque::new() };
        match kind {
            Kind::Alarm { code } => call.raise_unanswered(code, TriggerSource::Dialled, now),
            Kind::Hotline { grace: Duration::ZERO } => {
                call.raise_unanswered("".into(), TriggerSource::Hotline, now);
            }
            Kind::Hotline { grace } => {
                call.steps.extend([Step::Accept, Step::Say(Saying::Grace)]);
                call.state = State::Grace { raise_at: now + grace };
            }
            Kind::Access => {
                call.steps.extend([Step::Accept, Step::Say(Saying::ForHelpPress)]);
                call.state = State::Access { until: now + limits.access };
            }
        }
        call
    }

    pub(super) fn poll_step(&mut self) -> Option<Step> {
        self.steps.pop_front()
    }

    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        match self.state {
            State::Unanswered { accept_by: due }
            | State::Up { until: due }
            | State::Access { until: due }
            | State::Grace { raise_at: due }
            | State::Leaving { until: due } => Some(due),
            State::Over => None,
        }
    }

    pub(super) fn on_timeout(&mut self, now: Timestamp) {
        if self.poll_timeout().is_none_or(|due| now < due) {
            return;
        }
        match self.state {
            State::Unanswered { .. } => self.accept(now),
            State::Grace { .. } => {
                self.steps
                    .push_back(Step::Raise { code: "".into(), source: TriggerSource::Hotline });
                self.state = State::Up { until: now + self.limits.resident };
            }
            State::Up { .. } | State::Access { .. } | State::Leaving { .. } => self.hang_up(),
            State::Over => {}
        }
    }

    pub(super) fn on(&mut self, happening: Happening, now: Timestamp) {
        match (self.state, happening) {
            (State::Over, _) => {}
            // Nobody took the alarm back, and nobody can any more.
            (State::Grace { .. }, Happening::Lost) => {
                self.steps
                    .push_back(Step::Raise { code: "".into(), source: TriggerSource::Hotline });
                self.forget();
            }
            (_, Happening::HungUp | Happening::Lost) => self.forget(),
            (State::Unanswered { .. }, Happening::Raised) => self.accept(now),
            // A grace goes on: the alarm of a phone that was cut off is all the more needed.
            (
                State::Up { .. } | State::Access { .. } | State::Leaving { .. },
                Happening::Silent,
            ) => {
                self.hang_up();
            }
            (State::Access { .. } | State::Up { .. }, Happening::Code(code)) => {
                self.steps.push_back(Step::Raise { code, source: TriggerSource::Keyed });
                self.state = State::Up { until: now + self.limits.resident };
            }
            (State::Grace { .. }, Happening::Code(code)) => {
                // Whoever presses the code does not want to wait for the end of the grace.
                self.steps.push_back(Step::Raise { code, source: TriggerSource::Keyed });
                self.state = State::Up { until: now + self.limits.resident };
            }
            (State::Grace { .. }, Happening::Key(key)) if key.as_char() == '0' => {
                self.steps.push_back(Step::Say(Saying::Noted));
                self.state = State::Leaving { until: now + self.limits.access };
            }
            (State::Leaving { .. }, Happening::Said) => self.hang_up(),
            // Nothing to do: said while it goes on, keys that make no code, a late answer of the switchboard.
            (
                State::Unanswered { .. }
                | State::Up { .. }
                | State::Access { .. }
                | State::Grace { .. }
                | State::Leaving { .. },
                Happening::Raised
                | Happening::Key(_)
                | Happening::Code(_)
                | Happening::Said
                | Happening::Silent,
            ) => {}
        }
    }

    fn raise_unanswered(&mut self, code: Arc<str>, source: TriggerSource, now: Timestamp) {
        self.steps.push_back(Step::Raise { code, source });
        self.state = State::Unanswered { accept_by: now + ANSWER_WITHIN };
    }

    fn accept(&mut self, now: Timestamp) {
        self.steps.push_back(Step::Accept);
        self.state = State::Up { until: now + self.limits.resident };
    }

    fn hang_up(&mut self) {
        self.steps.push_back(Step::HangUp);
        self.forget();
    }

    fn forget(&mut self) {
        self.steps.push_back(Step::Forget);
        self.state = State::Over;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits =
        Limits { resident: Duration::from_secs(300), access: Duration::from_secs(120) };

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(milliseconds).expect("a time")
    }

    fn key(character: char) -> Key {
        Key::of_char(character).expect("a key")
    }

    fn raise(code: &str, source: TriggerSource) -> Step {
        Step::Raise { code: code.into(), source }
    }

    /// Plays what happens at which millisecond and returns every step with its time.
    fn check(kind: Kind, happenings: &[(i64, Happening)]) -> Vec<(i64, Step)> {
        let mut call = ResidentCall::new(kind, LIMITS, at(0));
        let mut steps: Vec<(i64, Step)> = Vec::new();
        let mut pending = happenings.iter().peekable();
        for now in 0..400_000 {
            call.on_timeout(at(now));
            while let Some((_, happening)) = pending.next_if(|(when, _)| *when == now) {
                call.on(happening.clone(), at(now));
            }
            steps.extend(std::iter::from_fn(|| call.poll_step()).map(|step| (now, step)));
        }
        steps
    }

    fn dialled() -> Kind {
        Kind::Alarm { code: "#9".into() }
    }

    #[test]
    fn a_dialled_code_raises_before_the_answer() {
        let steps = check(dialled(), &[(4, Happening::Raised), (9_000, Happening::HungUp)]);
        let expected =
            [(0, raise("#9", TriggerSource::Dialled)), (4, Step::Accept), (9_000, Step::Forget)];
        assert_eq!(steps, expected);
    }

    #[test]
    fn a_slow_disk_does_not_hold_up_the_answer() {
        let steps = check(dialled(), &[(5_000, Happening::Raised), (9_000, Happening::HungUp)]);
        assert_eq!(steps.get(1), Some(&(200, Step::Accept)));
    }

    #[test]
    fn hanging_up_at_once_withdraws_nothing() {
        let steps = check(dialled(), &[(1, Happening::HungUp), (3, Happening::Raised)]);
        assert_eq!(steps, [(0, raise("#9", TriggerSource::Dialled)), (1, Step::Forget)]);
    }

    #[test]
    fn the_line_is_freed_in_the_end() {
        let steps = check(dialled(), &[(1, Happening::Raised)]);
        assert_eq!(steps.get(2), Some(&(300_001, Step::HangUp)));
    }

    #[test]
    fn a_code_keyed_into_an_access_number_raises() {
        let keyed = [
            (900, Happening::Key(key('#'))),
            (1_400, Happening::Key(key('9'))),
            (1_400, Happening::Code("#9".into())),
            (2_000, Happening::HungUp),
        ];
        let expected = [
            (0, Step::Accept),
            (0, Step::Say(Saying::ForHelpPress)),
            (1_400, raise("#9", TriggerSource::Keyed)),
            (2_000, Step::Forget),
        ];
        assert_eq!(check(Kind::Access, &keyed), expected);
    }

    #[test]
    fn nobody_keys_anything() {
        let steps = check(Kind::Access, &[]);
        assert_eq!(steps.get(2), Some(&(120_000, Step::HangUp)));
    }

    #[test]
    fn a_phone_that_is_gone_frees_the_line() {
        let steps = check(dialled(), &[(2, Happening::Raised), (60_000, Happening::Silent)]);
        assert_eq!(steps.get(2), Some(&(60_000, Step::HangUp)));
        let kind = Kind::Hotline { grace: Duration::from_secs(5) };
        let steps = check(kind, &[(2_000, Happening::Silent)]);
        assert_eq!(steps.get(2), Some(&(5_000, raise("", TriggerSource::Hotline))));
    }

    #[test]
    fn a_hotline_that_is_cut_off_in_its_grace_raises_at_once() {
        let kind = || Kind::Hotline { grace: Duration::from_secs(5) };
        let steps = check(kind(), &[(2_000, Happening::Lost)]);
        assert_eq!(
            steps.get(2..),
            Some(&[(2_000, raise("", TriggerSource::Hotline)), (2_000, Step::Forget)][..])
        );
        let steps = check(kind(), &[(2_000, Happening::HungUp)]);
        assert_eq!(steps.get(2..), Some(&[(2_000, Step::Forget)][..]));
    }

    #[test]
    fn a_hotline_raises_after_its_grace() {
        let kind = Kind::Hotline { grace: Duration::from_secs(5) };
        let steps = check(kind, &[(6_000, Happening::HungUp)]);
        assert_eq!(steps.get(2), Some(&(5_000, raise("", TriggerSource::Hotline))));
    }

    #[test]
    fn a_hotline_without_grace_raises_at_once() {
        let steps = check(Kind::Hotline { grace: Duration::ZERO }, &[(1, Happening::HungUp)]);
        assert_eq!(steps.first(), Some(&(0, raise("", TriggerSource::Hotline))));
    }

    #[test]
    fn zero_or_hanging_up_cancels_a_hotline() {
        let kind = || Kind::Hotline { grace: Duration::from_secs(5) };
        let zero = check(kind(), &[(2_000, Happening::Key(key('0'))), (3_000, Happening::Said)]);
        let gone = check(kind(), &[(2_000, Happening::HungUp)]);
        for steps in [&zero, &gone] {
            assert!(!steps.iter().any(|(_, step)| matches!(step, Step::Raise { .. })), "{steps:?}");
        }
        assert_eq!(
            zero.get(2..4),
            Some(&[(2_000, Step::Say(Saying::Noted)), (3_000, Step::HangUp)][..])
        );
    }

    #[test]
    fn the_code_again_says_that_the_danger_goes_on() {
        let again = [
            (2, Happening::Raised),
            (9_000, Happening::Code("#9".into())),
            (9_500, Happening::HungUp),
        ];
        let steps = check(dialled(), &again);
        assert_eq!(steps.get(2), Some(&(9_000, raise("#9", TriggerSource::Keyed))));
    }
}
