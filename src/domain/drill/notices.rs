//! Who is told of a drill before it: by SMS, and by a call where no SMS can be read or none arrives. A protocol machine.
//!
//! By each channel somebody is tried at most [`TRIES_MAX`] times, by call only in waking hours, and nobody any more once
//! the first door began. Must not know names or numbers: places in a list are enough.

use crate::leg::{Channel, LegOutcome};
use jiff::civil::time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Times that one person is tried by one channel.
pub const TRIES_MAX: u8 = 3;
/// What a provider or trunk did not take is tried again after this.
const AFTER_FAILURE: SignedDuration = SignedDuration::from_secs(60);
/// Who did not pick up is called again after this.
const AFTER_MISS: SignedDuration = SignedDuration::from_mins(10);
/// Whoever tells the end of a try has so long; then it is taken for lost.
const TRY_LASTS: SignedDuration = SignedDuration::from_mins(10);
/// Hours of the day in which people are called to be told of a drill: from the first until the second.
const WAKING: (i8, i8) = (8, 21);

/// How far somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// Not yet, or again: not before this time.
    Waits {
        /// When.
        not_before: Timestamp,
    },
    /// On its way since then.
    UnderWay {
        /// Since when.
        since: Timestamp,
    },
    /// Told: the message left or arrived, or the call was picked up.
    Told,
    /// Not told, and not tried any more.
    Failed,
}

/// One person's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Person {
    /// By what they are told.
    pub channel: Channel,
    /// They can be called.
    pub has_voice: bool,
    /// How often they were tried by that channel.
    pub tries: u8,
    /// How far.
    pub telling: Telling,
    /// How the last try ended; `None` while there was none.
    pub last: Option<LegOutcome>,
}

impl Person {
    /// Somebody who is to be told: by SMS where one can be read, else by a call.
    #[must_use]
    pub fn new(has_voice: bool, has_sms: bool) -> Self {
        let channel = if has_sms { Channel::Sms } else { Channel::Voice };
        let telling = if has_voice || has_sms {
            Telling::Waits { not_before: Timestamp::MIN }
        } else {
            Telling::Failed
        };
        Self { channel, has_voice, tries: 0, telling, last: None }
    }

    /// Nothing is left to be done for them.
    #[must_use]
    pub fn is_done(&self) -> bool {
        match self.telling {
            Telling::Told | Telling::Failed => true,
            Telling::Waits { .. } | Telling::UnderWay { .. } => false,
        }
    }

    fn ended(&mut self, outcome: LegOutcome, now: Timestamp) {
        self.last = Some(outcome);
        let pause = match outcome {
            LegOutcome::Answered
            | LegOutcome::AnsweredNoKey
            | LegOutcome::Delivered
            | LegOutcome::Sent => {
                self.telling = Telling::Told;
                return;
            }
            // Something real needed the telephone or the route: that was no try.
            LegOutcome::Cancelled => {
                self.tries = self.tries.saturating_sub(1);
                Some(AFTER_FAILURE)
            }
            LegOutcome::Busy | LegOutcome::NoAnswer | LegOutcome::Declined => Some(AFTER_MISS),
            LegOutcome::CarrierFailed | LegOutcome::PutOff | LegOutcome::Undelivered => {
                Some(AFTER_FAILURE)
            }
            // A message that was taken and of which nothing is heard may still arrive: it is not sent twice.
            LegOutcome::Lost => (self.channel == Channel::Voice).then_some(AFTER_FAILURE),
            LegOutcome::OptedOut | LegOutcome::NoSms | LegOutcome::BadNumber => None,
        };
        self.telling = match pause.filter(|_| self.tries < TRIES_MAX) {
            Some(pause) => {
                Telling::Waits { not_before: now.saturating_add(pause).unwrap_or(Timestamp::MAX) }
            }
            None if self.channel == Channel::Sms && self.has_voice => {
                (self.channel, self.tries) = (Channel::Voice, 0);
                Telling::Waits { not_before: now }
            }
            None => Telling::Failed,
        };
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Notices {
    people: Vec<Person>,
    zone: TimeZone,
}

impl Notices {
    /// Those who are to be told, where clocks show this zone.
    #[must_use]
    pub fn new(people: Vec<Person>, zone: TimeZone) -> Self {
        Self { people, zone }
    }

    /// Everybody, by place.
    #[must_use]
    pub fn people(&self) -> &[Person] {
        &self.people
    }

    /// Whether every SMS left that can: the drill need not wait for calls, which take long and say that it is a drill.
    #[must_use]
    pub fn is_begun(&self, now: Timestamp) -> bool {
        let is_untried = |person: &Person| person.channel == Channel::Sms && person.tries == 0;
        !self.people.iter().any(|person| is_untried(person) && self.is_due(person, now))
    }

    /// Whether nobody is left to be told.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.people.iter().all(Person::is_done)
    }

    /// Calls that are under way.
    #[must_use]
    pub fn calls(&self) -> usize {
        let is_called = |person: &&Person| {
            person.channel == Channel::Voice && matches!(person.telling, Telling::UnderWay { .. })
        };
        self.people.iter().filter(is_called).count()
    }

    fn is_due(&self, person: &Person, now: Timestamp) -> bool {
        let Telling::Waits { not_before } = person.telling else { return false };
        not_before <= now && (person.channel == Channel::Sms || self.is_waking(now))
    }

    fn is_waking(&self, now: Timestamp) -> bool {
        let (from, until) = WAKING;
        let clock = now.to_zoned(self.zone.clone()).time();
        time(from, 0, 0, 0) <= clock && clock < time(until, 0, 0, 0)
    }

    /// The next who are to be told now by this channel, at most so many.
    #[must_use]
    pub fn due(&self, channel: Channel, at_most: usize, now: Timestamp) -> Vec<usize> {
        let places = self.people.iter().enumerate();
        let due = places.filter(|(_, it)| it.channel == channel && self.is_due(it, now));
        due.map(|(place, _)| place).take(at_most).collect()
    }

    /// They were handed over.
    pub fn on_sent(&mut self, places: &[usize], now: Timestamp) {
        for place in places {
            if let Some(person) = self.people.get_mut(*place) {
                person.tries = person.tries.saturating_add(1);
                person.telling = Telling::UnderWay { since: now };
            }
        }
    }

    /// A try by this channel ended. That a message arrived counts however late it is told; anything else only of the try
    /// that is under way.
    pub fn on_ended(
        &mut self,
        place: usize,
        (channel, outcome): (Channel, LegOutcome),
        now: Timestamp,
    ) {
        let Some(person) = self.people.get_mut(place) else { return };
        let is_under_way = matches!(person.telling, Telling::UnderWay { .. });
        if outcome == LegOutcome::Delivered {
            (person.channel, person.telling) = (channel, Telling::Told);
            person.last = Some(outcome);
        } else if is_under_way && person.channel == channel {
            person.ended(outcome, now);
        }
    }

    /// Gives up tries of which nothing is heard, and, once it is too late, everybody who is left.
    pub fn on_time(&mut self, is_too_late: bool, now: Timestamp) {
        for person in &mut self.people {
            if let Telling::UnderWay { since } = person.telling
                && TRY_LASTS <= now.duration_since(since)
            {
                person.ended(LegOutcome::Lost, now);
            }
            if let Telling::Waits { .. } = person.telling
                && is_too_late
            {
                person.telling = Telling::Failed;
            }
        }
    }
}

#[cfg(test)]
mod tests;
