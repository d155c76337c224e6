//! One call from a line or from anybody who calls back: dialled code, access number, hotline, somebody at the door.
//! Pure: events and the time go in, steps come out.
//!
//! A dialled code raises the alarm at the INVITE, before the answer. Hanging up never withdraws it. The answer waits
//! for the alarm to be on disk, but never longer than [`ANSWER_WITHIN`]. What is keyed is read by [`Pad`].

use super::pad::{Codes, Keyed, Pad, Pin};
use jiff::Timestamp;
use lianfang_domain::alarm::TriggerSource;
use lianfang_domain::digits::Key;
use lianfang_domain::kind::AlarmKind;
use lianfang_domain::trigger::HeardCode;
use std::collections::VecDeque;
use std::time::Duration;

/// The resident hears an answer within 300 ms; this leaves room for the way there and back.
const ANSWER_WITHIN: Duration = Duration::from_millis(200);
/// How long the switchboard may take to say whose alarm it is.
const ASK_MAX: Duration = Duration::from_secs(2);

/// What the call is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The code was dialled.
    Alarm(HeardCode),
    /// An access number was called by a line; the code is keyed.
    Access,
    /// A hotline went off-hook.
    Hotline {
        /// How long 0 or hanging up cancels; zero raises at once.
        grace: Duration,
    },
    /// The arrival code was dialled.
    Arrival,
    /// Somebody who is no line calls us.
    CallBack,
    /// A worker calls to record clips.
    Recording,
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
    /// Key the PIN.
    KeyPin,
    /// That was no PIN.
    PinRefused,
    /// Thank you for being at the door.
    ArrivalNoted,
    /// This telephone has no open alarm.
    NoOpenAlarm,
    /// Who we are, and that nobody needs the caller now.
    Welcome,
}

/// What the call asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Raise the alarm, or say that the danger goes on.
    Raise {
        /// The code; empty for a hotline.
        heard: HeardCode,
        /// How it was heard.
        source: TriggerSource,
    },
    /// Say what is the matter.
    NameKind(AlarmKind),
    /// The line is to hear nothing more.
    Silence,
    /// Compare the PIN.
    TryPin(Pin),
    /// Somebody is at the door.
    DoorReached,
    /// Ask whose alarm the caller is wanted in.
    AskWanted,
    /// Let a worker record: that call is driven elsewhere until it is done.
    Record,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    /// The alarm is on disk, or its deadline has passed.
    Raised,
    /// A key, one press heard once.
    Key(Key),
    /// What was said has ended.
    Said,
    /// The PIN was wrong.
    PinWrong,
    /// Whether somebody at the door was expected.
    Door {
        /// The line has an open alarm.
        is_open: bool,
    },
    /// The caller is of the household in trouble: the call belongs to its alarm now.
    Household,
    /// The caller is told of an alarm: a leg drives the call until it comes back.
    Lent,
    /// The leg is over and the caller is still there.
    Returned,
    /// The worker has recorded.
    Done,
    /// The caller hears that the alarms they were told of are over.
    Over,
    /// No open alarm wants the caller.
    NotWanted,
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
    /// Answered; the caller hears what happens in the alarm.
    Up {
        until: Timestamp,
    },
    Access {
        until: Timestamp,
    },
    Grace {
        raise_at: Timestamp,
    },
    /// Answered; the switchboard is asked what to say.
    Asking {
        until: Timestamp,
    },
    /// A leg drives the call, or a worker records in it. That ends by itself.
    Lent,
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
    pad: Pad,
    /// Somebody at the door may be expected: the answer is awaited.
    is_arrival: bool,
    /// The caller was told of an alarm.
    is_told: bool,
    steps: VecDeque<Step>,
}

impl ResidentCall {
    pub(super) fn new(kind: Kind, codes: Codes, limits: Limits, now: Timestamp) -> Self {
        let is_arrival = kind == Kind::Arrival;
        let pad = Pad::new(codes);
        let mut call = Self {
            state: State::Over,
            limits,
            pad,
            is_arrival,
            is_told: false,
            steps: VecDeque::new(),
        };
        match kind {
            Kind::Alarm(heard) => call.raise_unanswered(heard, TriggerSource::Dialled, now),
            Kind::Hotline { grace: Duration::ZERO } => {
                call.raise_unanswered(off_hook(), TriggerSource::Hotline, now);
            }
            Kind::Hotline { grace } => {
                call.steps.extend([Step::Accept, Step::Say(Saying::Grace)]);
                call.state = State::Grace { raise_at: now + grace };
            }
            Kind::Access => {
                let steps = [Step::Accept, Step::Say(Saying::ForHelpPress), Step::AskWanted];
                call.steps.extend(steps);
                call.state = State::Access { until: now + limits.access };
            }
            Kind::Arrival => {
                call.steps.extend([Step::Accept, Step::DoorReached]);
                call.state = State::Asking { until: now + ASK_MAX };
            }
            Kind::CallBack => {
                call.steps.push_back(Step::Accept);
                call.ask(now);
            }
            Kind::Recording => {
                call.steps.extend([Step::Accept, Step::Record]);
                call.state = State::Lent;
            }
        }
        call
    }

    pub(super) fn poll_step(&mut self) -> Option<Step> {
        self.steps.pop_front()
    }

    /// A leg drives the call, or a worker records in it.
    pub(super) fn is_lent(&self) -> bool {
        self.state == State::Lent
    }

    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        let due = match self.state {
            State::Unanswered { accept_by: due }
            | State::Up { until: due }
            | State::Access { until: due }
            | State::Grace { raise_at: due }
            | State::Asking { until: due }
            | State::Leaving { until: due } => due,
            State::Lent => return None,
            State::Over => return None,
        };
        Some(self.pad.poll_timeout().map_or(due, |keyed| keyed.min(due)))
    }

    pub(super) fn on_timeout(&mut self, now: Timestamp) {
        if self.poll_timeout().is_none_or(|due| now < due) {
            return;
        }
        if self.pad.poll_timeout().is_some_and(|due| due <= now) {
            let keyed = self.pad.on_timeout(now);
            return self.on_keyed(keyed, now);
        }
        match self.state {
            State::Unanswered { .. } => self.accept(now),
            State::Grace { .. } => self.raise(off_hook(), TriggerSource::Hotline, now),
            State::Asking { .. } => self.on_no_answer(now),
            State::Up { .. } | State::Access { .. } | State::Leaving { .. } => self.hang_up(),
            State::Lent | State::Over => {}
        }
    }

    pub(super) fn on(&mut self, happening: Happening, now: Timestamp) {
        match (self.state, happening) {
            (State::Over, _) => {}
            // Nobody took the alarm back, and nobody can any more.
            (State::Grace { .. }, Happening::Lost) => {
                let source = TriggerSource::Hotline;
                self.steps.push_back(Step::Raise { heard: off_hook(), source });
                self.forget();
            }
            (_, Happening::HungUp | Happening::Lost) => self.forget(),
            (State::Unanswered { .. }, Happening::Raised) => self.accept(now),
            (_, Happening::Key(key)) => self.on_key(key, now),
            // A grace goes on: the alarm of a phone that was cut off is all the more needed. A leg has its own end.
            (State::Unanswered { .. } | State::Grace { .. } | State::Lent, Happening::Silent) => {}
            (_, Happening::Silent) => self.hang_up(),
            (State::Access { .. } | State::Asking { .. }, Happening::Household) => {
                self.pad.has_alarm();
                self.state = State::Up { until: now + self.limits.resident };
            }
            (State::Access { .. } | State::Asking { .. }, Happening::Lent) => {
                self.state = State::Lent;
            }
            (State::Lent, Happening::Returned) => {
                self.is_told = true;
                self.ask(now);
            }
            (State::Lent, Happening::Done) => self.hang_up(),
            (State::Asking { .. }, Happening::Over) => {
                self.state = State::Leaving { until: now + self.limits.access };
            }
            (State::Asking { .. }, Happening::NotWanted) => self.on_no_answer(now),
            (State::Asking { .. }, Happening::Door { is_open: true }) if self.is_arrival => {
                self.leave(Saying::ArrivalNoted, now);
            }
            (State::Asking { .. }, Happening::Door { .. }) => self.on_no_answer(now),
            (State::Up { .. }, Happening::Door { is_open: true }) => {
                self.say(Saying::ArrivalNoted);
            }
            (State::Up { .. } | State::Access { .. }, Happening::Door { is_open: false }) => {
                self.say(Saying::NoOpenAlarm);
            }
            (_, Happening::PinWrong) => self.pad.on_wrong(),
            (State::Leaving { .. }, Happening::Said) => self.hang_up(),
            // Nothing to do: said while it goes on, a late answer of the switchboard.
            (
                State::Unanswered { .. }
                | State::Up { .. }
                | State::Access { .. }
                | State::Grace { .. }
                | State::Asking { .. }
                | State::Lent
                | State::Leaving { .. },
                Happening::Raised
                | Happening::Said
                | Happening::Door { .. }
                | Happening::Household
                | Happening::Lent
                | Happening::Returned
                | Happening::Done
                | Happening::Over
                | Happening::NotWanted,
            ) => {}
        }
    }

    fn on_key(&mut self, key: Key, now: Timestamp) {
        match self.state {
            State::Grace { .. } if key.as_char() == '0' => self.leave(Saying::Noted, now),
            // Whoever presses the code does not want to wait for the end of the grace. In a call that a leg drives the
            // code raises an alarm too: the caller may be in trouble as well.
            State::Grace { .. } | State::Access { .. } | State::Up { .. } | State::Lent => {
                let keyed = self.pad.on_key(key, now);
                self.on_keyed(keyed, now);
            }
            State::Unanswered { .. }
            | State::Asking { .. }
            | State::Leaving { .. }
            | State::Over => {}
        }
    }

    fn on_keyed(&mut self, keyed: Vec<Keyed>, now: Timestamp) {
        for keyed in keyed {
            match keyed {
                Keyed::Code(heard) => self.raise(heard, TriggerSource::Keyed, now),
                Keyed::Kind(matter) => self.steps.push_back(Step::NameKind(matter)),
                Keyed::Silence => self.steps.push_back(Step::Silence),
                Keyed::Arrival => self.steps.push_back(Step::DoorReached),
                Keyed::PinBegins => self.say(Saying::KeyPin),
                Keyed::Pin(pin) => self.steps.push_back(Step::TryPin(pin)),
                Keyed::NoPin => self.say(Saying::PinRefused),
            }
        }
    }

    fn ask(&mut self, now: Timestamp) {
        self.steps.push_back(Step::AskWanted);
        self.state = State::Asking { until: now + ASK_MAX };
    }

    /// Nobody wants the caller, or the switchboard does not say so in time.
    fn on_no_answer(&mut self, now: Timestamp) {
        if self.is_told {
            return self.hang_up();
        }
        self.leave(if self.is_arrival { Saying::NoOpenAlarm } else { Saying::Welcome }, now);
    }

    fn raise_unanswered(&mut self, heard: HeardCode, source: TriggerSource, now: Timestamp) {
        self.pad.has_alarm();
        self.steps.push_back(Step::Raise { heard, source });
        self.state = State::Unanswered { accept_by: now + ANSWER_WITHIN };
    }

    /// Raises in an answered call.
    fn raise(&mut self, heard: HeardCode, source: TriggerSource, now: Timestamp) {
        self.pad.has_alarm();
        self.steps.push_back(Step::Raise { heard, source });
        self.state = State::Up { until: now + self.limits.resident };
    }

    fn accept(&mut self, now: Timestamp) {
        self.steps.push_back(Step::Accept);
        self.state = State::Up { until: now + self.limits.resident };
    }

    fn say(&mut self, saying: Saying) {
        self.steps.push_back(Step::Say(saying));
    }

    fn leave(&mut self, saying: Saying, now: Timestamp) {
        self.say(saying);
        self.state = State::Leaving { until: now + self.limits.access };
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

/// What is heard of a hotline.
fn off_hook() -> HeardCode {
    HeardCode::plain("".into())
}

#[cfg(test)]
mod tests;
