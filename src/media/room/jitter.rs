//! What one member says, put in order and made steady: packets in at any time, 20 ms of samples out at each tick.
//!
//! Samples have their place by RTP timestamp, so order, loss, doubling and packet length need no thought of their own.
//! The delay is fixed; when the peer's clock is faster than ours a piece is dropped, when it is slower one is
//! inserted. Must not decide who is heard.

use super::mixer::{Frame, TICK};
use crate::media::session::Audio;
use std::collections::VecDeque;

/// How much later than its predecessor's pace a packet may be without a gap: 40 ms.
const DELAY: usize = 320;
/// What waits at most: 200 ms. After a stall of the network the older samples go, for who talks wants an answer.
const WAITING_MAX: usize = 1600;
/// Longest packet that is heard: 120 ms. The rest of a longer one is left out.
const PACKET_MAX: usize = 960;
/// Ticks over which the lowest level is looked for: one second.
const WINDOW_TICKS: u8 = 50;
/// A lowest level above this for a whole window is more delay than the network needs: 80 ms.
const LEVEL_HIGH: usize = 640;
/// A timestamp that is further back than this is a sender that has started anew, not a late packet: one second.
const LATE_MAX: i32 = 8000;

/// The samples of one member that wait for their tick, at most [`WAITING_MAX`].
#[derive(Debug)]
pub(super) struct Jitter {
    waiting: VecDeque<i16>,
    /// Whom we hear and the timestamp of the first sample that waits. `None` before the first packet.
    next: Option<Position>,
    /// Samples were missing at the last tick.
    is_dry: bool,
    /// Fewest samples that were left after a tick of this window.
    level_min: usize,
    ticks: u8,
}

#[derive(Clone, Copy, Debug)]
struct Position {
    ssrc: u32,
    timestamp: u32,
}

impl Jitter {
    pub(super) fn new() -> Self {
        // Room for a packet at the far end before the oldest samples are dropped: nothing is allocated later.
        let waiting = VecDeque::with_capacity(WAITING_MAX + PACKET_MAX);
        Self { waiting, next: None, is_dry: false, level_min: usize::MAX, ticks: 0 }
    }

    /// Takes a packet. One that is too late is left out; one from another sender, or with a timestamp that is far
    /// off, begins anew.
    pub(super) fn hear(&mut self, audio: &Audio<'_>) {
        let payload = audio.payload.get(..PACKET_MAX).unwrap_or(audio.payload);
        let offset = self.offset(audio).unwrap_or_else(|| self.begin(audio));
        let late = usize::try_from(offset.saturating_neg()).unwrap_or(0);
        let Some(payload) = payload.get(late..).filter(|payload| !payload.is_empty()) else {
            return;
        };
        let begin = usize::try_from(offset).unwrap_or(0);
        if self.waiting.len() < begin {
            self.waiting.resize(begin, 0);
        }
        let mut samples = payload.iter().map(|octet| audio.codec.decode(*octet));
        let known = self.waiting.iter_mut().skip(begin);
        known.zip(samples.by_ref()).for_each(|(to, from)| *to = from);
        self.waiting.extend(samples);
        self.drop_oldest(self.waiting.len().saturating_sub(WAITING_MAX));
    }

    /// Writes the samples of the next tick. What is missing is silence; while nothing waits, time stands still for
    /// this member, which inserts a frame.
    pub(super) fn take(&mut self, frame: &mut Frame) {
        let count = self.waiting.len().min(TICK);
        frame.fill(0);
        frame.iter_mut().zip(self.waiting.drain(..count)).for_each(|(to, from)| *to = from);
        self.move_on(count);
        self.is_dry = count < TICK;
        self.level_min = self.level_min.min(self.waiting.len());
        self.ticks += 1;
        if WINDOW_TICKS <= self.ticks {
            if LEVEL_HIGH < self.level_min {
                self.drop_oldest(self.level_min - DELAY);
            }
            (self.level_min, self.ticks) = (usize::MAX, 0);
        }
    }

    /// How far behind the first waiting sample a packet begins; negative if before. `None` when that means nothing.
    fn offset(&self, audio: &Audio<'_>) -> Option<i32> {
        let next = self.next.filter(|next| next.ssrc == audio.ssrc)?;
        let offset = audio.timestamp.wrapping_sub(next.timestamp).cast_signed();
        let far = i32::try_from(WAITING_MAX).unwrap_or(i32::MAX);
        // After a pause of the sender the delay has to be built up again.
        let is_after_pause = self.is_dry && 0 <= offset;
        ((-LATE_MAX..=far).contains(&offset) && !is_after_pause).then_some(offset)
    }

    /// Begins with this packet, which is played when the delay has passed. Returns its offset.
    fn begin(&mut self, audio: &Audio<'_>) -> i32 {
        let delay = u32::try_from(DELAY).unwrap_or(0);
        let timestamp = audio.timestamp.wrapping_sub(delay);
        self.next = Some(Position { ssrc: audio.ssrc, timestamp });
        self.waiting.clear();
        self.is_dry = false;
        delay.cast_signed()
    }

    fn drop_oldest(&mut self, count: usize) {
        let count = count.min(self.waiting.len());
        self.waiting.drain(..count);
        self.move_on(count);
    }

    fn move_on(&mut self, count: usize) {
        if let Some(next) = &mut self.next {
            next.timestamp = next.timestamp.wrapping_add(u32::try_from(count).unwrap_or(0));
        }
    }
}

#[cfg(test)]
mod tests;
