//! A call in which a worker records clips: number and PIN, code of the clip, beep, words, #, play back, 1 keeps. Pure:
//! events and the time go in, steps come out.
//!
//! Whoever drives it says what is to be said, looks up PINs and codes, records and keeps. Three wrong PINs end the call.

use super::Refusal;
use jiff::Timestamp;
use lianfang_domain::digits::Key;
use lianfang_domain::words::Phrase;
use std::collections::VecDeque;
use std::time::Duration;

/// Wrong PINs that end a call.
pub const TRIES_MAX: u8 = 3;
/// Digits of a number, PIN or code; more are not looked at.
pub const DIGITS_MAX: usize = 12;
/// How long nothing may be keyed or said, after which the line is freed.
const PATIENCE: Duration = Duration::from_secs(45);
/// The longest recording, silence at its ends included; the recorder ends by itself before.
const SPEECH_MAX: Duration = Duration::from_secs(40);
/// The longest call.
const CALL_MAX: Duration = Duration::from_secs(900);
/// How long a # alone waits before it ends the call: it may begin an alarm code.
const END_AFTER: Duration = Duration::from_secs(3);

/// What the call asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Say these, instead of what is said now; answered by [`Happening::Said`].
    Say(Vec<Phrase>),
    /// Whether the PIN is the worker's; answered by [`Happening::Checked`].
    Check {
        /// Number of the worker, as it was keyed.
        worker: String,
        /// The PIN, as it was keyed.
        pin: String,
    },
    /// Which clip the code names; answered by [`Happening::Found`].
    Find {
        /// The code, as it was keyed.
        code: String,
    },
    /// Beep and record until #; answered by [`Happening::Recorded`].
    Record,
    /// End what is recorded, unless it has ended by itself: not every recorder hears every #.
    Finish,
    /// Make a prompt of what was recorded; answered by [`Happening::Cut`].
    Cut,
    /// Say [`Phrase::YouSaid`], what was recorded, and [`Phrase::KeepKeys`].
    PlayBack,
    /// Keep what was recorded; answered by [`Happening::Kept`].
    Keep,
    /// BYE.
    HangUp,
    /// Free what the call holds.
    Forget,
}

/// Whether a PIN is a worker's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinCheck {
    /// It is.
    Right,
    /// It is not, or there is no such worker.
    Wrong,
    /// Too many wrong ones were tried lately: it is not even looked at.
    Locked,
}

/// What happens to the call.
#[derive(Clone, Debug, PartialEq)]
pub enum Happening {
    /// A key, one press heard once.
    Key(Key),
    /// What was said has ended.
    Said,
    /// The answer to [`Step::Check`].
    Checked(PinCheck),
    /// The answer to [`Step::Find`]: whether the code names a clip.
    Found(bool),
    /// The recording has ended.
    Recorded,
    /// The answer to [`Step::Cut`].
    Cut(Result<(), Refusal>),
    /// The answer to [`Step::Keep`]: whether it is kept.
    Kept(bool),
    /// What was asked for could not be done.
    Failed,
    /// The other side hung up, or the call cannot go on.
    Gone,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Worker {
        digits: String,
    },
    Pin {
        worker: String,
        digits: String,
    },
    Checking,
    Clip {
        digits: String,
    },
    Finding,
    /// The words before the beep are said.
    Asking,
    Recording,
    /// # was keyed: the recorder is about to hand over what it has. Another # may begin an alarm code.
    Stopping,
    Cutting,
    /// 1 keeps, 2 records again, 9 plays again.
    Choosing,
    Keeping,
    /// # was keyed: we hang up unless an alarm code comes of it.
    Ending,
    /// A last word, then we hang up.
    Leaving,
    Over,
}

/// See the module.
#[derive(Debug)]
pub struct RecordingCall {
    state: State,
    tries: u8,
    until: Timestamp,
    idle_at: Timestamp,
    /// An alarm code may have begun.
    is_code: bool,
    steps: VecDeque<Step>,
}

impl RecordingCall {
    /// A call that was just answered.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        let state = State::Worker { digits: String::new() };
        let until = now + CALL_MAX;
        let steps = VecDeque::from([Step::Say(vec![Phrase::EnterWorker])]);
        Self { state, tries: 0, until, idle_at: now + PATIENCE, is_code: false, steps }
    }

    /// The next thing to do.
    pub fn poll_step(&mut self) -> Option<Step> {
        self.steps.pop_front()
    }

    /// When [`RecordingCall::on_timeout`] is wanted.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        (self.state != State::Over).then(|| self.until.min(self.idle_at))
    }

    /// Frees the line of somebody who says and keys nothing.
    pub fn on_timeout(&mut self, now: Timestamp) {
        if self.poll_timeout().is_some_and(|due| due <= now) {
            self.hang_up();
        }
    }

    /// Something has happened.
    pub fn on(&mut self, happening: Happening, now: Timestamp) {
        if self.state == State::Over {
            return;
        }
        self.idle_at = now + PATIENCE;
        match happening {
            Happening::Gone => self.forget(),
            Happening::Key(key) => self.on_key(key.as_char(), now),
            Happening::Said => self.on_said(now),
            Happening::Checked(check) => self.on_checked(check),
            Happening::Found(is_found) => self.on_found(is_found),
            Happening::Recorded => {
                if matches!(self.state, State::Recording | State::Stopping) {
                    self.go(State::Cutting, Step::Cut);
                }
            }
            Happening::Cut(cut) => self.on_cut(cut),
            Happening::Kept(is_kept) => self.on_kept(is_kept),
            Happening::Failed => self.leave(Phrase::NotKept),
        }
    }

    /// Only a last word is said yet.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        matches!(self.state, State::Leaving | State::Over)
    }

    /// Whether a key may belong to an alarm code. Ask once for each, before it happens.
    ///
    /// A code begins with a # or * that neither ends nor clears what was keyed, and ends no recording; so a PIN that
    /// begins with 9 raises nothing. Codes of digits alone are not heard in such a call.
    pub fn may_be_code(&mut self, key: Key) -> bool {
        let before = self.is_code;
        if matches!(key.as_char(), '#' | '*') {
            self.is_code = match &self.state {
                State::Worker { digits } | State::Pin { digits, .. } | State::Clip { digits } => {
                    digits.is_empty()
                }
                State::Recording => false,
                State::Checking
                | State::Finding
                | State::Asking
                | State::Stopping
                | State::Cutting
                | State::Choosing
                | State::Keeping
                | State::Ending
                | State::Leaving
                | State::Over => true,
            };
        }
        before || self.is_code
    }

    fn on_key(&mut self, key: char, now: Timestamp) {
        match &mut self.state {
            // Nothing to end: a slip, or the beginning of an alarm code.
            State::Worker { digits } | State::Pin { digits, .. }
                if key == '#' && digits.is_empty() => {}
            State::Worker { digits } if key == '#' => {
                let worker = std::mem::take(digits);
                self.state = State::Pin { worker, digits: String::new() };
                self.say(&[Phrase::EnterPin]);
            }
            State::Pin { worker, digits } if key == '#' => {
                let (worker, pin) = (std::mem::take(worker), std::mem::take(digits));
                self.go(State::Checking, Step::Check { worker, pin });
            }
            // Nothing but # ends the call: whoever has recorded all is done.
            State::Clip { digits } if key == '#' && digits.is_empty() => {
                self.state = State::Ending;
                self.idle_at = now + END_AFTER;
            }
            State::Clip { digits } if key == '#' => {
                let code = std::mem::take(digits);
                self.go(State::Finding, Step::Find { code });
            }
            State::Worker { digits } | State::Pin { digits, .. } if key == '*' => digits.clear(),
            State::Worker { digits } | State::Pin { digits, .. } | State::Clip { digits } => {
                if digits.len() < DIGITS_MAX {
                    digits.push(key);
                }
            }
            State::Choosing => match key {
                '1' => self.go(State::Keeping, Step::Keep),
                '2' => self.ask(&[]),
                '9' => self.steps.push_back(Step::PlayBack),
                _ => {}
            },
            State::Recording if key == '#' => self.go(State::Stopping, Step::Finish),
            State::Ending => self.idle_at = now + END_AFTER,
            State::Checking
            | State::Finding
            | State::Asking
            | State::Recording
            | State::Stopping
            | State::Cutting
            | State::Keeping
            | State::Leaving
            | State::Over => {}
        }
    }

    fn on_said(&mut self, now: Timestamp) {
        match self.state {
            State::Asking => {
                self.idle_at = now + SPEECH_MAX;
                self.go(State::Recording, Step::Record);
            }
            State::Leaving => self.hang_up(),
            State::Worker { .. }
            | State::Pin { .. }
            | State::Checking
            | State::Clip { .. }
            | State::Finding
            | State::Recording
            | State::Stopping
            | State::Cutting
            | State::Choosing
            | State::Keeping
            | State::Over => {}
            // It goes on to its end.
            State::Ending => self.idle_at = now + END_AFTER,
        }
    }

    fn on_checked(&mut self, check: PinCheck) {
        if self.state != State::Checking {
            return;
        }
        self.tries = self.tries.saturating_add(1);
        match check {
            PinCheck::Right => self.ask_clip(&[]),
            PinCheck::Wrong if self.tries < TRIES_MAX => {
                self.state = State::Worker { digits: String::new() };
                self.say(&[Phrase::NotRight, Phrase::EnterWorker]);
            }
            PinCheck::Wrong | PinCheck::Locked => self.leave(Phrase::TooManyTries),
        }
    }

    fn on_found(&mut self, is_found: bool) {
        match (self.state == State::Finding, is_found) {
            (true, true) => self.ask(&[]),
            (true, false) => self.ask_clip(&[Phrase::NoSuchClip]),
            (false, _) => {}
        }
    }

    fn on_cut(&mut self, cut: Result<(), Refusal>) {
        if self.state != State::Cutting {
            return;
        }
        match cut {
            Ok(()) => self.go(State::Choosing, Step::PlayBack),
            Err(refusal) => self.ask(&[why(refusal)]),
        }
    }

    fn on_kept(&mut self, is_kept: bool) {
        match (self.state == State::Keeping, is_kept) {
            (true, true) => self.ask_clip(&[Phrase::Kept]),
            (true, false) => self.leave(Phrase::NotKept),
            (false, _) => {}
        }
    }

    fn ask_clip(&mut self, before: &[Phrase]) {
        self.state = State::Clip { digits: String::new() };
        self.say(&[before, &[Phrase::EnterClip]].concat());
    }

    fn ask(&mut self, before: &[Phrase]) {
        self.state = State::Asking;
        self.say(&[before, &[Phrase::SpeakNow]].concat());
    }

    fn leave(&mut self, word: Phrase) {
        self.state = State::Leaving;
        self.say(&[word]);
    }

    fn say(&mut self, phrases: &[Phrase]) {
        self.steps.push_back(Step::Say(phrases.to_vec()));
    }

    fn go(&mut self, state: State, step: Step) {
        self.state = state;
        self.steps.push_back(step);
    }

    fn hang_up(&mut self) {
        self.steps.push_back(Step::HangUp);
        self.forget();
    }

    fn forget(&mut self) {
        self.go(State::Over, Step::Forget);
    }
}

/// What is said to whoever has to record again.
fn why(refusal: Refusal) -> Phrase {
    match refusal {
        Refusal::Silent | Refusal::Quiet { .. } => Phrase::TooQuiet,
        Refusal::Loud { .. } | Refusal::Clipped => Phrase::TooLoud,
        Refusal::Short { .. } => Phrase::TooShort,
        Refusal::Endless | Refusal::Long { .. } => Phrase::TooLong,
        Refusal::Unreadable | Refusal::Foreign(_) | Refusal::Format | Refusal::KeyTone => {
            Phrase::NotUsable
        }
    }
}

#[cfg(test)]
mod tests;
