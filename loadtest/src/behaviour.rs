//! What a called phone does: a short script of acts.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// One thing that a called phone, or the network before it, does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// 100 Trying.
    Trying,
    /// 180 Ringing.
    Ring,
    /// 183 with SDP, and sound before the answer.
    EarlyMedia,
    /// 200 with SDP.
    Answer,
    /// A second 200 of another phone behind the same number, with a tag of its own.
    AnswerTwice,
    /// A final failure.
    Refuse(u16),
    /// A key by RFC 4733.
    Press(char),
    /// A key by SIP INFO, `application/dtmf-relay`.
    PressByInfo(char),
    /// Speaks until the end of the call.
    Speak,
    /// BYE.
    HangUp,
}

/// What a called phone does: acts, each so long after the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behaviour(pub Vec<(Duration, Act)>);

const AT_ONCE: Duration = Duration::ZERO;
/// A greeting of a voicemail, until it hangs up.
const GREETING: Duration = Duration::from_secs(8);

impl Behaviour {
    /// Rings, answers after `answer` and presses a key `then` later.
    #[must_use]
    pub fn presses(key: char, answer: Duration, then: Duration) -> Self {
        Self(vec![
            (AT_ONCE, Act::Trying),
            (AT_ONCE, Act::Ring),
            (answer, Act::Answer),
            (then, Act::Press(key)),
        ])
    }

    /// As [`Self::presses`], but the key comes by SIP INFO.
    #[must_use]
    pub fn presses_by_info(key: char, answer: Duration, then: Duration) -> Self {
        let mut script = Self::presses(key, answer, then).0;
        script.pop();
        script.push((then, Act::PressByInfo(key)));
        Self(script)
    }

    /// Answers, listens, hangs up without a key.
    #[must_use]
    pub fn listens(answer: Duration, hang_up: Duration) -> Self {
        Self(vec![
            (AT_ONCE, Act::Trying),
            (AT_ONCE, Act::Ring),
            (answer, Act::Answer),
            (hang_up, Act::HangUp),
        ])
    }

    /// Rings for ever.
    #[must_use]
    pub fn never_answers() -> Self {
        Self(vec![(AT_ONCE, Act::Trying), (AT_ONCE, Act::Ring)])
    }

    /// Refuses with a status after a while: 486 busy, 603 declined, 404 no such number, 503 overload.
    #[must_use]
    pub fn refuses(status: u16, after: Duration) -> Self {
        Self(vec![(AT_ONCE, Act::Trying), (after, Act::Refuse(status))])
    }

    /// A machine answers, speaks and hangs up.
    #[must_use]
    pub fn voicemail(answer: Duration) -> Self {
        Self(vec![
            (AT_ONCE, Act::Trying),
            (AT_ONCE, Act::Ring),
            (answer, Act::Answer),
            (AT_ONCE, Act::Speak),
            (GREETING, Act::HangUp),
        ])
    }

    /// Colour ring-back before the answer, then a key.
    #[must_use]
    pub fn early_media(key: char, answer: Duration, then: Duration) -> Self {
        Self(vec![
            (AT_ONCE, Act::Trying),
            (AT_ONCE, Act::EarlyMedia),
            (answer, Act::Answer),
            (then, Act::Press(key)),
        ])
    }

    /// Two phones behind one number answer at the same time.
    #[must_use]
    pub fn forks(key: char, answer: Duration, then: Duration) -> Self {
        Self(vec![
            (AT_ONCE, Act::Ring),
            (answer, Act::Answer),
            (AT_ONCE, Act::AnswerTwice),
            (then, Act::Press(key)),
        ])
    }

    /// The first sign of life comes late.
    #[must_use]
    pub fn slow(trying: Duration, rest: Self) -> Self {
        let mut script = rest.0;
        if let Some(first) = script.first_mut() {
            first.0 += trying;
        }
        Self(script)
    }
}

/// How called phones behave, as a scenario file says it.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Kind {
    /// [`Behaviour::presses`]
    Presses {
        /// Which key.
        key: char,
        /// How long it rings.
        answer_ms: u64,
        /// How long a person listens before the key.
        then_ms: u64,
    },
    /// [`Behaviour::presses_by_info`]
    PressesByInfo {
        /// Which key.
        key: char,
        /// How long it rings.
        answer_ms: u64,
        /// How long a person listens before the key.
        then_ms: u64,
    },
    /// [`Behaviour::listens`]
    Listens {
        /// How long it rings.
        answer_ms: u64,
        /// How long it listens.
        hang_up_ms: u64,
    },
    /// [`Behaviour::never_answers`]
    NeverAnswers,
    /// [`Behaviour::refuses`]
    Refuses {
        /// With which status.
        status: u16,
        /// When.
        after_ms: u64,
    },
    /// [`Behaviour::voicemail`]
    Voicemail {
        /// How long it rings.
        answer_ms: u64,
    },
    /// [`Behaviour::early_media`]
    EarlyMedia {
        /// Which key.
        key: char,
        /// How long the music plays.
        answer_ms: u64,
        /// How long a person listens before the key.
        then_ms: u64,
    },
    /// [`Behaviour::forks`]
    Forks {
        /// Which key.
        key: char,
        /// How long it rings.
        answer_ms: u64,
        /// How long a person listens before the key.
        then_ms: u64,
    },
}

impl Kind {
    /// The script of this kind.
    #[must_use]
    pub fn behaviour(self) -> Behaviour {
        let ms = Duration::from_millis;
        match self {
            Self::Presses { key, answer_ms, then_ms } => {
                Behaviour::presses(key, ms(answer_ms), ms(then_ms))
            }
            Self::PressesByInfo { key, answer_ms, then_ms } => {
                Behaviour::presses_by_info(key, ms(answer_ms), ms(then_ms))
            }
            Self::Listens { answer_ms, hang_up_ms } => {
                Behaviour::listens(ms(answer_ms), ms(hang_up_ms))
            }
            Self::NeverAnswers => Behaviour::never_answers(),
            Self::Refuses { status, after_ms } => Behaviour::refuses(status, ms(after_ms)),
            Self::Voicemail { answer_ms } => Behaviour::voicemail(ms(answer_ms)),
            Self::EarlyMedia { key, answer_ms, then_ms } => {
                Behaviour::early_media(key, ms(answer_ms), ms(then_ms))
            }
            Self::Forks { key, answer_ms, then_ms } => {
                Behaviour::forks(key, ms(answer_ms), ms(then_ms))
            }
        }
    }
}

/// Who behaves how: some numbers their own way, all others by chance from a weighted list.
#[derive(Clone, Debug)]
pub struct Behaviours {
    own: BTreeMap<String, Behaviour>,
    others: Vec<(u32, Behaviour)>,
}

impl Behaviours {
    /// Everybody behaves alike.
    #[must_use]
    pub fn all(behaviour: Behaviour) -> Self {
        Self { own: BTreeMap::new(), others: vec![(1, behaviour)] }
    }

    /// Chosen by weight. An empty list rings for ever.
    #[must_use]
    pub fn by_weight(others: Vec<(u32, Behaviour)>) -> Self {
        Self { own: BTreeMap::new(), others }
    }

    /// One number behaves its own way from now on.
    pub fn set(&mut self, number: &str, behaviour: Behaviour) {
        self.own.insert(number.to_owned(), behaviour);
    }

    pub(crate) fn of(&self, number: &str, random: &mut fastrand::Rng) -> Behaviour {
        if let Some(own) = self.own.get(number) {
            return own.clone();
        }
        let sum: u32 = self.others.iter().map(|(weight, _)| *weight).sum();
        let mut left = random.u32(0..sum.max(1));
        for (weight, behaviour) in &self.others {
            match left.checked_sub(*weight) {
                None => return behaviour.clone(),
                Some(rest) => left = rest,
            }
        }
        Behaviour::never_answers()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_follows_the_weights_and_the_seed() {
        let busy = Behaviour::refuses(486, Duration::ZERO);
        let all = [(9, Behaviour::never_answers()), (1, busy.clone())].to_vec();
        let mut behaviours = Behaviours::by_weight(all);
        behaviours.set("1", Behaviour::refuses(603, Duration::ZERO));
        let draw = |seed| {
            let mut random = fastrand::Rng::with_seed(seed);
            (0..1_000).filter(|_| behaviours.of("2", &mut random) == busy).count()
        };
        assert!((60..140).contains(&draw(1)), "{}", draw(1));
        assert_eq!(draw(1), draw(1));
        let own = behaviours.of("1", &mut fastrand::Rng::with_seed(1));
        assert_eq!(own, Behaviour::refuses(603, Duration::ZERO));
    }
}
