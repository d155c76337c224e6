//! One voice leg: ring, speak, hear a key, let talk, hang up. Pure: events and the time go in, steps come out. A call
//! that came in to us is the same without the ringing.
//!
//! Early media is no answer and keys before the answer count for nothing. The key counts at any moment after it, also
//! in the middle of a word. Every leg ends with exactly one [`LegReport::Ended`].

use jiff::Timestamp;
use lianfang_domain::alarm::CancelReason;
use lianfang_domain::digits::Key;
use lianfang_domain::leg::{LegOutcome, LegReport};
use lianfang_domain::plan::Role;
use std::collections::VecDeque;
use std::time::Duration;

/// How often the message is spoken to somebody who presses nothing.
const TIMES_SPOKEN: u8 = 3;
/// How long we listen after the message before it is spoken again.
const LISTEN: Duration = Duration::from_secs(5);
/// Nobody needs longer between two keys, and a voicemail must not hold the channel.
const ANSWERED_MAX: Duration = Duration::from_secs(120);
/// The whole of an answered call: whoever presses 9 again and again does not hold the channel without end.
const CALL_MAX: Duration = Duration::from_secs(300);
/// A talk with the resident: longer than help takes to come, and a line that was left lying does not hold the channel.
const TALK_MAX: Duration = Duration::from_secs(1_800);
/// How long we listen after a talk: whoever left it may have something to answer.
const AFTER_TALK: Duration = Duration::from_secs(15);
/// How often a loudspeaker says the message before it carries the talk.
const TIMES_ALOUD: u8 = 2;
/// How long the end of a call may take before we forget it.
const CLOSING_MAX: Duration = Duration::from_secs(40);

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speech {
    /// Who needs help, where, what to press.
    Message,
    /// The answer to a key.
    Thanks(Key),
    /// You are no longer needed.
    StandDown,
    /// It is over.
    Over,
    /// Which digit says what it was.
    WhichOutcome,
    /// The talk has no place left.
    TalkFull,
}

/// What the leg asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Tell the switchboard.
    Report(LegReport),
    /// Take a place in the talk.
    JoinTalk,
    /// Give it back.
    LeaveTalk,
    /// Speak, from the start, in place of what is spoken now.
    Speak(Speech),
    /// CANCEL.
    CancelCall(Option<CancelReason>),
    /// BYE.
    HangUp,
    /// Nothing more will come: free the media session and forget the leg.
    Forget,
}

/// What happens to the leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    /// 180.
    Ringing,
    /// 200 with media that we can use.
    Answered,
    /// 200 without media that we can use.
    AnsweredWithoutMedia,
    /// A key, by RTP or INFO.
    Key(Key),
    /// What was spoken has ended.
    Spoken,
    /// A final failure of the INVITE, as an outcome.
    Failed(LegOutcome),
    /// The other side hung up, or the dialog is over.
    HungUp,
    /// The alarm needs the leg no longer.
    Unneeded(CancelReason),
    /// The alarm lets the callee talk.
    Joins,
    /// There was no place.
    TalkFull,
    /// The caller wants something else: the call goes on without the leg.
    GivenUp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Calling {
        ring_limit: Timestamp,
    },
    /// CANCEL is sent; the final response is awaited.
    Cancelling {
        outcome: LegOutcome,
        until: Timestamp,
    },
    Speaking {
        times: u8,
        until: Timestamp,
    },
    Listening {
        times: u8,
        speak_again: Timestamp,
        until: Timestamp,
    },
    /// In the talk.
    Talking {
        until: Timestamp,
    },
    /// A key was pressed that needs no more: thanks are spoken, then we hang up.
    Thanking {
        outcome: LegOutcome,
        until: Timestamp,
    },
    /// BYE is sent.
    Closing {
        until: Timestamp,
    },
    Over,
}

/// See the module.
#[derive(Debug)]
pub(super) struct VoiceLeg {
    state: State,
    /// When an answered call ends at the latest.
    call_limit: Timestamp,
    /// A key that answers the question was pressed.
    has_answered: bool,
    /// What the callee is to the alarm.
    role: Role,
    steps: VecDeque<Step>,
}

impl VoiceLeg {
    pub(super) fn new(role: Role, ring_timeout: Duration, now: Timestamp) -> Self {
        Self {
            state: State::Calling { ring_limit: now + ring_timeout },
            call_limit: now + CALL_MAX,
            has_answered: false,
            role,
            steps: VecDeque::new(),
        }
    }

    /// A leg whose callee called us.
    pub(super) fn called_back(role: Role, now: Timestamp) -> Self {
        let mut leg = Self::new(role, Duration::ZERO, now);
        leg.speak(Speech::Message);
        leg.state = State::Speaking { times: 0, until: leg.until(now) };
        leg
    }

    /// Nobody has answered yet: other words can still be said.
    pub(super) fn is_calling(&self) -> bool {
        matches!(self.state, State::Calling { .. })
    }

    pub(super) fn poll_step(&mut self) -> Option<Step> {
        self.steps.pop_front()
    }

    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        match self.state {
            State::Calling { ring_limit } => Some(ring_limit),
            State::Listening { speak_again, until, .. } => Some(speak_again.min(until)),
            State::Cancelling { until, .. }
            | State::Speaking { until, .. }
            | State::Thanking { until, .. }
            | State::Talking { until }
            | State::Closing { until } => Some(until),
            State::Over => None,
        }
    }

    pub(super) fn on_timeout(&mut self, now: Timestamp) {
        if self.poll_timeout().is_none_or(|due| now < due) {
            return;
        }
        match self.state {
            State::Calling { .. } => {
                self.cancel(LegOutcome::NoAnswer, None, now);
            }
            State::Cancelling { outcome, .. } => self.end(outcome),
            State::Listening { times, until, .. } if now < until && times < TIMES_SPOKEN => {
                self.speak(Speech::Message);
                self.state = State::Speaking { times, until };
            }
            State::Speaking { .. } | State::Listening { .. } => {
                self.hang_up(self.answered_outcome(), now)
            }
            State::Talking { .. } => {
                self.steps.push_back(Step::LeaveTalk);
                self.hang_up(self.answered_outcome(), now);
            }
            State::Thanking { outcome, .. } => self.hang_up(outcome, now),
            State::Closing { .. } => self.forget(),
            State::Over => {}
        }
    }

    pub(super) fn on(&mut self, happening: Happening, now: Timestamp) {
        match self.state {
            State::Calling { .. } | State::Cancelling { .. } => self.on_unanswered(happening, now),
            State::Talking { .. } => self.on_talking(happening, now),
            State::Speaking { .. }
            | State::Listening { .. }
            | State::Thanking { .. }
            | State::Closing { .. }
            | State::Over => self.on_answered(happening, now),
        }
    }

    fn on_unanswered(&mut self, happening: Happening, now: Timestamp) {
        match (self.state, happening) {
            (State::Calling { .. }, Happening::Ringing) => self.report(LegReport::Ringing),
            (State::Calling { .. }, Happening::Answered) => {
                self.report(LegReport::Answered);
                self.speak(Speech::Message);
                self.call_limit = now + CALL_MAX;
                self.state = State::Speaking { times: 0, until: self.until(now) };
            }
            (State::Calling { .. }, Happening::AnsweredWithoutMedia) => {
                self.report(LegReport::Answered);
                self.hang_up(LegOutcome::CarrierFailed, now);
            }
            (State::Calling { .. }, Happening::Failed(outcome)) => self.end(outcome),
            (State::Calling { .. }, Happening::HungUp) => self.end(LegOutcome::CarrierFailed),
            (State::Calling { .. }, Happening::Unneeded(reason)) => {
                self.cancel(LegOutcome::Cancelled, Some(reason), now);
            }
            (State::Cancelling { outcome, .. }, Happening::Failed(_) | Happening::HungUp) => {
                self.end(outcome)
            }
            (
                State::Cancelling { outcome, .. },
                Happening::Answered | Happening::AnsweredWithoutMedia,
            ) => {
                // The 200 crossed our CANCEL; the agent hangs up by itself (RFC 3261 9.1).
                self.end(outcome);
            }
            // Keys before the answer count for nothing.
            _ => {}
        }
    }

    fn on_talking(&mut self, happening: Happening, now: Timestamp) {
        match happening {
            Happening::Key(key) => self.on_key_in_talk(key, now),
            Happening::TalkFull => {
                self.speak(Speech::TalkFull);
                self.listen(now);
            }
            // They are in touch with the resident: that helps in any case.
            Happening::Unneeded(CancelReason::EnoughComing | CancelReason::AnsweredElsewhere) => {}
            Happening::Unneeded(reason @ (CancelReason::AlarmOver | CancelReason::Lost)) => {
                self.steps.push_back(Step::LeaveTalk);
                self.on_unneeded(reason, now);
            }
            Happening::HungUp => {
                self.steps.push_back(Step::LeaveTalk);
                self.end(self.answered_outcome());
            }
            Happening::GivenUp => {
                self.steps.push_back(Step::LeaveTalk);
                self.hang_up(self.answered_outcome(), now);
            }
            Happening::Ringing
            | Happening::Answered
            | Happening::AnsweredWithoutMedia
            | Happening::Spoken
            | Happening::Failed(_)
            | Happening::Joins => {}
        }
    }

    fn on_answered(&mut self, happening: Happening, now: Timestamp) {
        match (self.state, happening) {
            (State::Speaking { times, until }, Happening::Spoken)
                if self.role == Role::Loudspeaker =>
            {
                if times + 1 < TIMES_ALOUD {
                    self.speak(Speech::Message);
                    self.state = State::Speaking { times: times + 1, until };
                } else {
                    self.join(now);
                }
            }
            (State::Speaking { times, until }, Happening::Spoken) => {
                let speak_again = now + LISTEN;
                self.state = State::Listening { times: times + 1, speak_again, until };
            }
            (State::Speaking { .. } | State::Listening { .. }, Happening::Key(key)) => {
                self.on_key(key, now)
            }
            (State::Thanking { .. }, Happening::Key(key)) => self.on_later_key(key, now),
            (
                State::Speaking { .. } | State::Listening { .. } | State::Thanking { .. },
                Happening::Joins,
            ) => self.join(now),
            (
                State::Speaking { .. } | State::Listening { .. } | State::Thanking { .. },
                Happening::TalkFull,
            ) => {
                // The time of the call goes on: who asks again and again holds it no longer than others.
                self.speak(Speech::TalkFull);
                self.state = State::Speaking { times: TIMES_SPOKEN, until: self.until(now) };
            }
            (
                State::Speaking { .. } | State::Listening { .. } | State::Thanking { .. },
                Happening::GivenUp,
            ) => self.hang_up(self.answered_outcome(), now),
            (State::Speaking { .. } | State::Listening { .. }, Happening::Unneeded(reason)) => {
                self.on_unneeded(reason, now);
            }
            (State::Speaking { .. } | State::Listening { .. }, Happening::HungUp) => {
                self.end(self.answered_outcome());
            }
            (State::Thanking { outcome, .. }, Happening::Spoken) => self.hang_up(outcome, now),
            (State::Thanking { outcome, .. }, Happening::HungUp) => self.end(outcome),
            (State::Closing { .. }, Happening::HungUp | Happening::Failed(_)) => self.forget(),
            // Late, doubled or meaningless here.
            (
                State::Calling { .. }
                | State::Cancelling { .. }
                | State::Speaking { .. }
                | State::Listening { .. }
                | State::Thanking { .. }
                | State::Talking { .. }
                | State::Closing { .. }
                | State::Over,
                _,
            ) => {}
        }
    }

    /// 1 coming, 2 cannot, 3 arrived and 7 mistake answer the question; 4 (called 110) and 5 (talk) do not; 9 repeats; 6
    /// of a duty worker asks what it was, and the next digit closes the alarm.
    fn on_key(&mut self, key: Key, now: Timestamp) {
        if self.role == Role::Loudspeaker {
            return;
        }
        match key.as_char() {
            '1' | '2' | '3' | '7' => {
                self.has_answered = true;
                self.report(LegReport::Key { key });
                self.speak(Speech::Thanks(key));
                let until = self.until(now);
                self.state = State::Thanking { outcome: LegOutcome::Answered, until };
            }
            '4' | '5' => {
                self.has_answered |= key.as_char() == '4';
                self.report(LegReport::Key { key });
            }
            '6' if self.role == Role::DutyWorker => {
                self.report(LegReport::Key { key });
                self.speak(Speech::WhichOutcome);
                self.state = State::Speaking { times: TIMES_SPOKEN, until: self.until(now) };
            }
            '9' => {
                self.speak(Speech::Message);
                self.state = State::Speaking { times: 0, until: self.until(now) };
            }
            _ => {}
        }
    }

    /// Somebody who corrects himself while we thank him.
    fn on_later_key(&mut self, key: Key, now: Timestamp) {
        if matches!(key.as_char(), '1' | '2' | '3' | '4' | '5' | '6' | '7') {
            self.on_key(key, now);
        }
    }

    /// Answers count in a talk too, and nothing is said that would drown it.
    fn on_key_in_talk(&mut self, key: Key, now: Timestamp) {
        match key.as_char() {
            _ if self.role == Role::Loudspeaker => {}
            '1' | '2' | '3' | '4' | '7' => {
                self.has_answered = true;
                self.report(LegReport::Key { key });
            }
            '6' if self.role == Role::DutyWorker => self.report(LegReport::Key { key }),
            '5' => {
                self.steps.push_back(Step::LeaveTalk);
                self.listen(now);
            }
            _ => {}
        }
    }

    fn join(&mut self, now: Timestamp) {
        self.call_limit = now + TALK_MAX;
        self.steps.push_back(Step::JoinTalk);
        self.state = State::Talking { until: self.call_limit };
    }

    fn listen(&mut self, now: Timestamp) {
        let speak_again = now + AFTER_TALK;
        self.call_limit = now + CALL_MAX;
        self.state = State::Listening { times: TIMES_SPOKEN, speak_again, until: self.until(now) };
    }

    fn on_unneeded(&mut self, reason: CancelReason, now: Timestamp) {
        let speech = match reason {
            CancelReason::EnoughComing | CancelReason::AnsweredElsewhere => Speech::StandDown,
            CancelReason::AlarmOver | CancelReason::Lost => Speech::Over,
        };
        let outcome = if self.has_answered { LegOutcome::Answered } else { LegOutcome::Cancelled };
        self.speak(speech);
        self.state = State::Thanking { outcome, until: self.until(now) };
    }

    /// How long the answered call may go on without a key.
    fn until(&self, now: Timestamp) -> Timestamp {
        (now + ANSWERED_MAX).min(self.call_limit)
    }

    fn answered_outcome(&self) -> LegOutcome {
        if self.has_answered { LegOutcome::Answered } else { LegOutcome::AnsweredNoKey }
    }

    fn cancel(&mut self, outcome: LegOutcome, reason: Option<CancelReason>, now: Timestamp) {
        self.steps.push_back(Step::CancelCall(reason));
        self.state = State::Cancelling { outcome, until: now + CLOSING_MAX };
    }

    fn hang_up(&mut self, outcome: LegOutcome, now: Timestamp) {
        self.steps.push_back(Step::HangUp);
        self.report(LegReport::Ended { outcome });
        self.state = State::Closing { until: now + CLOSING_MAX };
    }

    fn end(&mut self, outcome: LegOutcome) {
        self.report(LegReport::Ended { outcome });
        self.forget();
    }

    fn forget(&mut self) {
        self.state = State::Over;
        self.steps.push_back(Step::Forget);
    }

    fn report(&mut self, report: LegReport) {
        self.steps.push_back(Step::Report(report));
    }

    fn speak(&mut self, speech: Speech) {
        self.steps.push_back(Step::Speak(speech));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RING: Duration = Duration::from_secs(40);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("a time")
    }

    fn key(character: char) -> Key {
        Key::of_char(character).expect("a key")
    }

    /// Plays what happens at which second and returns every step.
    fn check(happenings: &[(i64, Happening)], until: i64) -> Vec<Step> {
        check_leg(VoiceLeg::new(Role::Neighbour, RING, at(0)), happenings, until)
    }

    fn check_leg(mut leg: VoiceLeg, happenings: &[(i64, Happening)], until: i64) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut pending = happenings.iter().peekable();
        for second in 0..=until {
            leg.on_timeout(at(second));
            while let Some((_, happening)) = pending.next_if(|(when, _)| *when == second) {
                leg.on(happening.clone(), at(second));
            }
            steps.extend(std::iter::from_fn(|| leg.poll_step()));
        }
        steps
    }

    fn ended(outcome: LegOutcome) -> Step {
        Step::Report(LegReport::Ended { outcome })
    }

    #[test]
    fn a_neighbour_answers_and_presses_1() {
        let steps = check(
            &[
                (1, Happening::Ringing),
                (3, Happening::Answered),
                (5, Happening::Key(key('1'))),
                (7, Happening::Spoken),
                (8, Happening::HungUp),
            ],
            10,
        );
        let expected = [
            Step::Report(LegReport::Ringing),
            Step::Report(LegReport::Answered),
            Step::Speak(Speech::Message),
            Step::Report(LegReport::Key { key: key('1') }),
            Step::Speak(Speech::Thanks(key('1'))),
            Step::HangUp,
            ended(LegOutcome::Answered),
            Step::Forget,
        ];
        assert_eq!(steps, expected);
    }

    #[test]
    fn nobody_picks_up() {
        let steps =
            check(&[(1, Happening::Ringing), (41, Happening::Failed(LegOutcome::NoAnswer))], 50);
        let cancel = Step::CancelCall(None);
        assert_eq!(
            steps,
            [Step::Report(LegReport::Ringing), cancel, ended(LegOutcome::NoAnswer), Step::Forget]
        );
    }

    #[test]
    fn a_voicemail_hears_it_three_times_and_reaches_nobody() {
        let mut happenings = vec![(0, Happening::Answered)];
        happenings.extend((0..9).map(|round| (8 + round * 10, Happening::Spoken)));
        let steps = check(&happenings, 100);
        let spoken = steps.iter().filter(|step| **step == Step::Speak(Speech::Message)).count();
        assert_eq!(spoken, usize::from(TIMES_SPOKEN));
        assert!(steps.contains(&ended(LegOutcome::AnsweredNoKey)));
    }

    #[test]
    fn keys_before_the_answer_count_for_nothing() {
        let steps =
            check(&[(1, Happening::Key(key('1'))), (2, Happening::Failed(LegOutcome::Busy))], 3);
        assert_eq!(steps, [ended(LegOutcome::Busy), Step::Forget]);
    }

    #[test]
    fn enough_are_coming_while_it_rings() {
        let unneeded = Happening::Unneeded(CancelReason::EnoughComing);
        let steps = check(&[(1, unneeded), (2, Happening::Failed(LegOutcome::NoAnswer))], 3);
        let cancel = Step::CancelCall(Some(CancelReason::EnoughComing));
        assert_eq!(steps, [cancel, ended(LegOutcome::Cancelled), Step::Forget]);
    }

    #[test]
    fn the_answer_crosses_the_cancel() {
        let unneeded = Happening::Unneeded(CancelReason::EnoughComing);
        let steps = check(&[(1, unneeded), (1, Happening::Answered)], 3);
        assert!(steps.contains(&ended(LegOutcome::Cancelled)));
        assert_eq!(steps.last(), Some(&Step::Forget));
    }

    #[test]
    fn who_listens_is_told_that_enough_are_coming() {
        let unneeded = Happening::Unneeded(CancelReason::EnoughComing);
        let steps = check(&[(1, Happening::Answered), (3, unneeded), (6, Happening::Spoken)], 7);
        let expected = [
            Step::Report(LegReport::Answered),
            Step::Speak(Speech::Message),
            Step::Speak(Speech::StandDown),
            Step::HangUp,
            ended(LegOutcome::Cancelled),
        ];
        assert_eq!(steps, expected);
    }

    #[test]
    fn a_key_still_counts_while_the_stand_down_is_spoken() {
        let unneeded = Happening::Unneeded(CancelReason::EnoughComing);
        let steps =
            check(&[(1, Happening::Answered), (3, unneeded), (4, Happening::Key(key('1')))], 5);
        assert!(steps.contains(&Step::Report(LegReport::Key { key: key('1') })));
    }

    #[test]
    fn who_presses_nine_one_or_five_without_end_does_not_hold_the_channel() {
        for character in ['9', '1', '5'] {
            let mut happenings = vec![(1, Happening::Answered)];
            for second in 2..900 {
                happenings.push((second, Happening::Key(key(character))));
                if character == '5' {
                    happenings.push((second, Happening::TalkFull));
                }
            }
            let (last, steps) = (301, check(&happenings, 900));
            let heard = |steps: &[Step]| steps.iter().filter(|step| is_end(step)).count();
            assert_eq!(heard(&steps), 1, "{character}");
            assert_eq!(heard(&check(&happenings, last - 1)), 0, "{character}");
            assert_eq!(heard(&check(&happenings, last)), 1, "{character}");
        }
    }

    /// Whoever enters the talk leaves it once, unless it was full.
    fn is_in_and_out(steps: &[Step]) -> bool {
        let mut is_in = false;
        for step in steps {
            let (was_in, now_in) = match step {
                Step::JoinTalk => (false, true),
                Step::LeaveTalk => (true, false),
                Step::Speak(Speech::TalkFull) => (is_in, false),
                Step::Report(_)
                | Step::Speak(_)
                | Step::CancelCall(_)
                | Step::HangUp
                | Step::Forget => (is_in, is_in),
            };
            if was_in != is_in {
                return false;
            }
            is_in = now_in;
        }
        !is_in
    }

    #[test]
    fn who_called_us_hears_it_at_once_and_answers() {
        let leg = VoiceLeg::called_back(Role::Neighbour, at(0));
        let happenings = [(2, Happening::Key(key('1'))), (4, Happening::Spoken)];
        let expected = [
            Step::Speak(Speech::Message),
            Step::Report(LegReport::Key { key: key('1') }),
            Step::Speak(Speech::Thanks(key('1'))),
            Step::HangUp,
            ended(LegOutcome::Answered),
        ];
        assert_eq!(check_leg(leg, &happenings, 5), expected);
    }

    #[test]
    fn five_talks_and_five_leaves() {
        let happenings = [
            (1, Happening::Answered),
            (2, Happening::Key(key('5'))),
            (3, Happening::Joins),
            (4, Happening::Unneeded(CancelReason::EnoughComing)),
            (5, Happening::Key(key('3'))),
            (6, Happening::Key(key('5'))),
        ];
        let expected = [
            Step::Report(LegReport::Answered),
            Step::Speak(Speech::Message),
            Step::Report(LegReport::Key { key: key('5') }),
            Step::JoinTalk,
            Step::Report(LegReport::Key { key: key('3') }),
            Step::LeaveTalk,
            Step::HangUp,
            ended(LegOutcome::Answered),
        ];
        assert_eq!(check(&happenings, 21), expected);
    }

    #[test]
    fn a_talk_that_is_full_is_told() {
        let happenings =
            [(1, Happening::Answered), (3, Happening::Joins), (3, Happening::TalkFull)];
        let expected = [
            Step::Report(LegReport::Answered),
            Step::Speak(Speech::Message),
            Step::JoinTalk,
            Step::Speak(Speech::TalkFull),
        ];
        assert_eq!(check(&happenings, 10), expected);
    }

    #[test]
    fn who_is_not_let_into_the_talk_is_told_and_may_still_come() {
        let happenings = [
            (1, Happening::Answered),
            (2, Happening::Key(key('5'))),
            (2, Happening::TalkFull),
            (4, Happening::Key(key('1'))),
        ];
        let expected = [
            Step::Report(LegReport::Answered),
            Step::Speak(Speech::Message),
            Step::Report(LegReport::Key { key: key('5') }),
            Step::Speak(Speech::TalkFull),
            Step::Report(LegReport::Key { key: key('1') }),
            Step::Speak(Speech::Thanks(key('1'))),
        ];
        assert_eq!(check(&happenings, 5), expected);
    }

    #[test]
    fn a_talk_ends_with_the_alarm_and_within_its_time() {
        let joined = [(1, Happening::Answered), (2, Happening::Joins)];
        let over = (60, Happening::Unneeded(CancelReason::AlarmOver));
        let steps = check(&[joined.as_slice(), &[over]].concat(), 61);
        assert_eq!(steps.get(3..), Some(&[Step::LeaveTalk, Step::Speak(Speech::Over)][..]));
        let steps = check(&joined, 1_802);
        assert_eq!(steps.get(3..5), Some(&[Step::LeaveTalk, Step::HangUp][..]));
    }

    #[test]
    fn a_loudspeaker_says_it_twice_and_carries_the_talk() {
        let leg = || VoiceLeg::new(Role::Loudspeaker, RING, at(0));
        let happenings = [
            (1, Happening::Answered),
            (5, Happening::Key(key('1'))),
            (9, Happening::Spoken),
            (18, Happening::Spoken),
        ];
        let expected = [
            Step::Report(LegReport::Answered),
            Step::Speak(Speech::Message),
            Step::Speak(Speech::Message),
            Step::JoinTalk,
        ];
        assert_eq!(check_leg(leg(), &happenings, 600), expected);
    }

    #[test]
    fn six_and_a_digit_close_the_alarm_of_a_duty_worker() {
        let keys = |digit| {
            [
                (1, Happening::Answered),
                (2, Happening::Key(key('6'))),
                (4, Happening::Key(key(digit))),
            ]
        };
        let duty = || VoiceLeg::new(Role::DutyWorker, RING, at(0));
        let steps = check_leg(duty(), &keys('2'), 5);
        let expected = [
            Step::Report(LegReport::Key { key: key('6') }),
            Step::Speak(Speech::WhichOutcome),
            Step::Report(LegReport::Key { key: key('2') }),
            Step::Speak(Speech::Thanks(key('2'))),
        ];
        assert_eq!(steps.get(2..), Some(&expected[..]));
        let asked = Step::Report(LegReport::Key { key: key('6') });
        assert!(!check(&keys('2'), 5).contains(&asked), "a neighbour closes nothing");
    }

    fn is_end(step: &Step) -> bool {
        matches!(step, Step::Report(LegReport::Ended { .. }))
    }

    #[test]
    fn nine_repeats_and_four_goes_on() {
        let happenings = [
            (1, Happening::Answered),
            (2, Happening::Key(key('9'))),
            (3, Happening::Key(key('4'))),
            (4, Happening::Key(key('6'))),
            (5, Happening::HungUp),
        ];
        let steps = check(&happenings, 6);
        let expected = [
            Step::Report(LegReport::Answered),
            Step::Speak(Speech::Message),
            Step::Speak(Speech::Message),
            Step::Report(LegReport::Key { key: key('4') }),
            ended(LegOutcome::Answered),
            Step::Forget,
        ];
        assert_eq!(steps, expected);
    }

    /// Whatever happens in whatever order: one end, and after it nothing.
    #[test]
    fn every_leg_ends_exactly_once() {
        let all = [
            Happening::Ringing,
            Happening::Answered,
            Happening::AnsweredWithoutMedia,
            Happening::Key(key('1')),
            Happening::Key(key('9')),
            Happening::Spoken,
            Happening::Failed(LegOutcome::Busy),
            Happening::HungUp,
            Happening::Unneeded(CancelReason::AlarmOver),
            Happening::Unneeded(CancelReason::EnoughComing),
            Happening::Joins,
            Happening::TalkFull,
            Happening::Key(key('5')),
            Happening::Key(key('6')),
            Happening::GivenUp,
        ];
        let mut seed: u64 = 1;
        for _ in 0..5_000 {
            let mut happenings = Vec::new();
            for second in 0..20 {
                seed = seed
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                let index = usize::try_from(seed >> 33).expect("fits") % all.len();
                happenings.push((second, all[index].clone()));
            }
            let role = if seed.is_multiple_of(2) { Role::DutyWorker } else { Role::Loudspeaker };
            let steps = check_leg(VoiceLeg::new(role, RING, at(0)), &happenings, 2_400);
            assert!(is_in_and_out(&steps), "{happenings:?}");
            let ends = steps
                .iter()
                .filter(|step| matches!(step, Step::Report(LegReport::Ended { .. })))
                .count();
            assert_eq!(ends, 1, "{happenings:?}");
            assert_eq!(steps.last(), Some(&Step::Forget), "{happenings:?}");
        }
    }
}
