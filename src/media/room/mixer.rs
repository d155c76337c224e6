//! The mixer of one room: every 20 ms each member gets the sum of what the others say.
//!
//! A pure machine: time is an argument, and it is driven by its members when they send. Nothing is allocated once a
//! member sits. Must not know sockets, sessions or threads.

use super::Talk;
use super::floor::{Floor, Sound};
use super::jitter::Jitter;
use super::voice::Voice;
use crate::media::playlist::{Codec, Player, Playlist};
use crate::media::session::Audio;
use jiff::{SignedDuration, Timestamp};
use std::collections::VecDeque;

/// Members of a room at most: the resident and seven who come.
pub const MEMBERS_MAX: usize = 8;
/// Clips that wait in a room at most: as many as there are members to be announced.
pub const CLIPS_MAX: usize = 8;
/// Samples of a tick.
pub(super) const TICK: usize = 160;
/// The length of a tick.
const TICK_LEN: SignedDuration = SignedDuration::from_millis(20);
/// Ticks that are made up for when the members were late; beyond it they are left out, as the sessions do.
const CATCH_UP_TICKS: i32 = 5;
/// What waits to be sent to a member at most: our longest packet, a tick that fits badly into it, and one more.
const TO_HEAR_MAX: usize = 480 + 2 * TICK;

/// Samples of 20 ms at 8 kHz.
pub(super) type Frame = [i16; TICK];

/// The state of one room.
#[derive(Debug)]
pub(super) struct Mixer {
    places: [Option<Box<Place>>; MEMBERS_MAX],
    /// When the next tick is due; `None` before anybody was sent to.
    due: Option<Timestamp>,
    /// Clips that all hear, one after the other; at most [`CLIPS_MAX`].
    clips: VecDeque<Player>,
    floor: Floor,
}

/// Which place, and whose: a place that was given away is not the earlier member's any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chair {
    pub(super) index: usize,
    pub(super) ticket: u64,
}

/// One member.
#[derive(Debug)]
pub(super) struct Place {
    ticket: u64,
    talk: Talk,
    jitter: Jitter,
    voice: Voice,
    /// What the member said in this tick.
    said: Frame,
    /// What waits to be sent to the member, at most [`TO_HEAR_MAX`].
    to_hear: VecDeque<i16>,
}

impl Mixer {
    pub(super) fn new() -> Self {
        let clips = VecDeque::with_capacity(CLIPS_MAX);
        Self { places: Default::default(), due: None, clips, floor: Floor::new() }
    }

    /// Gives a place to a member, whoever had it.
    pub(super) fn sit(&mut self, index: usize, place: Box<Place>) {
        if let Some(free) = self.places.get_mut(index) {
            *free = Some(place);
            self.floor.on_new_member(index);
        }
    }

    /// Frees the place, if it is still the member's.
    pub(super) fn rise(&mut self, chair: Chair) {
        if let Some(place) = self.places.get_mut(chair.index)
            && place.as_ref().is_some_and(|place| place.ticket == chair.ticket)
        {
            *place = None;
        }
    }

    /// Takes what a member says.
    pub(super) fn hear(&mut self, chair: Chair, audio: &Audio<'_>) {
        if let Some(place) = self.place(chair) {
            place.jitter.hear(audio);
        }
    }

    /// Plays a clip to all, after those that wait. When [`CLIPS_MAX`] do, it is left out: it would be heard too late
    /// to be true.
    pub(super) fn play(&mut self, playlist: Playlist) {
        if self.clips.len() < CLIPS_MAX {
            self.clips.push_back(Player::new(playlist));
        }
    }

    /// Plays nothing to all.
    pub(super) fn stop(&mut self) {
        self.clips.clear();
    }

    /// Writes the next samples that a member hears. `has_clip`: the caller lays a clip of the member's own over it.
    pub(super) fn mix(
        &mut self,
        chair: Chair,
        has_clip: bool,
        samples: &mut [i16],
        now: Timestamp,
    ) {
        self.run(now);
        samples.fill(0);
        if has_clip {
            self.floor.on_clip(chair.index);
        }
        let Some(place) = self.place(chair) else { return };
        let count = samples.len().min(place.to_hear.len());
        samples.iter_mut().zip(place.to_hear.drain(..count)).for_each(|(to, from)| *to = from);
        // More than a tick is never needed again: it gathered while nothing was sent to the member.
        let excess = place.to_hear.len().saturating_sub(TICK);
        place.to_hear.drain(..excess);
    }

    fn place(&mut self, chair: Chair) -> Option<&mut Place> {
        let place = self.places.get_mut(chair.index)?.as_deref_mut();
        place.filter(|place| place.ticket == chair.ticket)
    }

    /// Makes the ticks that are due.
    fn run(&mut self, now: Timestamp) {
        let mut due = self.due.unwrap_or(now);
        if TICK_LEN * CATCH_UP_TICKS < now.duration_since(due) {
            due = now;
        }
        for _ in 0..=CATCH_UP_TICKS {
            if now < due {
                break;
            }
            self.tick();
            due = due.checked_add(TICK_LEN).unwrap_or(Timestamp::MAX);
        }
        self.due = Some(due);
    }

    fn tick(&mut self) {
        let clip = self.clip();
        let sounds = self.places.each_mut().map(|place| place.as_mut().map(|place| place.speak()));
        let open = self.floor.on_tick(&sounds, clip.is_some());
        let mut total = [0_i32; TICK];
        for (place, is_open) in self.places.iter_mut().zip(open) {
            let Some(place) = place else { continue };
            if !is_open {
                place.said.fill(0);
            }
            let pairs = total.iter_mut().zip(place.said);
            pairs.for_each(|(sum, sample)| *sum += i32::from(sample));
        }
        for place in self.places.iter_mut().flatten() {
            place.listen(&total, clip.as_ref());
        }
    }

    /// The next 20 ms of the clips that all hear.
    fn clip(&mut self) -> Option<Frame> {
        let codec = Codec::Pcma;
        let mut octets = [codec.silence(); TICK];
        let mut written = 0;
        while let Some(player) = self.clips.front_mut() {
            let Some(rest) = octets.get_mut(written..).filter(|rest| !rest.is_empty()) else {
                break;
            };
            let wanted = rest.len();
            let filled = player.fill(codec, rest);
            written += filled;
            if filled < wanted {
                self.clips.pop_front();
            }
        }
        (0 < written).then(|| octets.map(|octet| codec.decode(octet)))
    }
}

impl Place {
    pub(super) fn new(ticket: u64, talk: Talk) -> Self {
        Self {
            ticket,
            talk,
            jitter: Jitter::new(),
            voice: Voice::new(),
            said: [0; TICK],
            to_hear: VecDeque::with_capacity(TO_HEAR_MAX + TICK),
        }
    }

    /// Takes what the member says in this tick.
    fn speak(&mut self) -> Sound {
        self.jitter.take(&mut self.said);
        Sound { talk: self.talk, is_talking: self.voice.is_in(&self.said) }
    }

    /// Adds what the others say, of which `total` is the sum with its own.
    fn listen(&mut self, total: &[i32; TICK], clip: Option<&Frame>) {
        if self.talk == Talk::Unhearing {
            return;
        }
        let others = total.iter().zip(self.said).map(|(sum, own)| sum - i32::from(own));
        match clip {
            None => self.to_hear.extend(others.map(saturate)),
            Some(clip) => {
                let pairs = others.zip(clip);
                self.to_hear.extend(pairs.map(|(others, clip)| lay_over(others, *clip)));
            }
        }
        let excess = self.to_hear.len().saturating_sub(TO_HEAR_MAX);
        self.to_hear.drain(..excess);
    }
}

/// A clip over the talk, which goes on at a quarter: who talks is still heard, and the clip is understood.
pub(super) fn lay_over(talk: i32, clip: i16) -> i16 {
    saturate(talk / 4 + i32::from(clip))
}

/// As loud as there is, and never wrapped.
fn saturate(sample: i32) -> i16 {
    let (min, max) = (i32::from(i16::MIN), i32::from(i16::MAX));
    i16::try_from(sample.clamp(min, max)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
