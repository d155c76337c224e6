//! Key presses from `telephone-event` packets (RFC 4733, RFC 2833). Sans-IO: packets and the time go in, keys come out.
//!
//! A key is reported at the first packet that is heard of its press, whichever that is, and once. What makes packets
//! belong together is their identity (source, RTP timestamp, event), never an order: senders exist whose timestamps and
//! sequence numbers run backwards between two keys, stand still, or move with every packet of one press. Where a
//! sender breaks the RFC so that one press and two look alike, two are heard: one key too many in front of a code does
//! no harm, one too few loses the alarm. Must not know the clock rate, the payload type or a socket.

use super::Key;
use jiff::{SignedDuration, Timestamp};
use std::collections::VecDeque;

/// What the detector needs of one RTP packet of the negotiated payload type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventPacket<'a> {
    /// Source of the packet.
    pub ssrc: u32,
    /// RTP timestamp, in the unit of the sender's clock; the same in every packet of a press.
    pub rtp_timestamp: u32,
    /// Sequence number. Only for those who look into a trace: senders repeat it and run it backwards.
    pub sequence: u16,
    /// The marker bit: the first packet of a press, if it was not lost or forgotten.
    pub marker: bool,
    /// Event blocks of four bytes, one or more (2.3).
    pub payload: &'a [u8],
}

/// Presses remembered: enough for late packets of the last keys, however fast one types. The oldest is forgotten first.
const REMEMBERED_MAX: usize = 16;
/// Blocks read of one packet; a packet with more is malformed.
const BLOCKS_MAX: usize = 16;
const BLOCK_LEN: usize = 4;
/// The same identity with a marker this long after its end is a second press (senders that freeze time).
const SAME_KEY_AGAIN: SignedDuration = SignedDuration::from_millis(150);
/// A press is over this long after its end, or without one after its last packet.
const CLOSED_AFTER: SignedDuration = SignedDuration::from_millis(400);
/// An end with another timestamp this soon after an end of the same key repeats it.
const END_REPEATED: SignedDuration = SignedDuration::from_millis(60);
/// A packet with another timestamp and no marker this soon after a packet of a press without end belongs to it. Longer,
/// and a second press whose marker was lost after a first whose ends were lost would be taken for one.
const CONTINUED: SignedDuration = SignedDuration::from_millis(100);
/// Nobody lifts and presses a key again as fast as this, so not even a marker begins another press.
const CONTINUED_DESPITE_MARKER: SignedDuration = SignedDuration::from_millis(40);

/// The key presses of one call. Its memory is bounded.
#[derive(Debug, Default)]
pub struct KeyPresses {
    recent: VecDeque<Press>,
    malformed: u64,
}

/// A press that was heard. Its timestamps are a range, since some senders move them while the key is held, and a long
/// press is sent in segments (2.5.1.3).
#[derive(Debug)]
struct Press {
    ssrc: u32,
    event: u8,
    ts_first: u32,
    ts_last: u32,
    duration: u16,
    heard_at: Timestamp,
    ended_at: Option<Timestamp>,
}

/// One event block.
#[derive(Clone, Copy)]
struct Block {
    ssrc: u32,
    ts: u32,
    event: u8,
    is_end: bool,
    duration: u16,
    marker: bool,
    /// It stands behind another block, so it is no repetition of a press with another timestamp.
    is_behind: bool,
}

impl KeyPresses {
    /// Takes a packet and returns the keys whose presses are heard in it for the first time: mostly none, or one.
    /// Events that are no keys, such as flash and fax tones, and malformed packets yield none.
    pub fn on_packet(&mut self, packet: EventPacket<'_>, now: Timestamp) -> Vec<Key> {
        let (blocks, rest) = packet.payload.as_chunks::<BLOCK_LEN>();
        if blocks.is_empty() || !rest.is_empty() || BLOCKS_MAX < blocks.len() {
            self.malformed = self.malformed.saturating_add(1);
            return Vec::new();
        }
        let mut keys = Vec::new();
        let mut ts = packet.rtp_timestamp;
        for (index, &[event, flags, high, low]) in blocks.iter().enumerate() {
            let duration = u16::from_be_bytes([high, low]);
            let block = Block {
                ssrc: packet.ssrc,
                ts,
                event,
                is_end: flags & 0x80 != 0,
                duration,
                marker: packet.marker && index == 0,
                is_behind: 0 < index,
            };
            // The events of one packet follow each other without a gap (2.5.1.5).
            ts = ts.wrapping_add(u32::from(duration));
            if let Some(key) = Key::of_event(event) {
                keys.extend(self.on_block(block, now).then_some(key));
            }
        }
        keys
    }

    /// How many packets were dropped because their payload is no list of event blocks.
    #[must_use]
    pub fn malformed(&self) -> u64 {
        self.malformed
    }

    /// Whether the block is the first that is heard of its press.
    fn on_block(&mut self, block: Block, now: Timestamp) -> bool {
        if let Some(press) = self.recent.iter_mut().rev().find(|press| press.is_of(&block)) {
            let is_again = press.is_again(&block, now);
            if is_again {
                *press = Press::new(&block, now);
            } else {
                press.take(&block, now);
            }
            return is_again;
        }
        let continued = self.recent.iter_mut().rev().find(|press| press.is_continued(&block, now));
        if let Some(press) = continued {
            press.widen(&block);
            press.take(&block, now);
            return false;
        }
        if self.recent.len() == REMEMBERED_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(Press::new(&block, now));
        true
    }
}

impl Press {
    fn new(block: &Block, now: Timestamp) -> Self {
        Self {
            ssrc: block.ssrc,
            event: block.event,
            ts_first: block.ts,
            ts_last: block.ts,
            duration: block.duration,
            heard_at: now,
            ended_at: block.is_end.then_some(now),
        }
    }

    /// The block has the identity of this press.
    fn is_of(&self, block: &Block) -> bool {
        let is_in_range =
            block.ts.wrapping_sub(self.ts_first) <= self.ts_last.wrapping_sub(self.ts_first);
        self.ssrc == block.ssrc && self.event == block.event && is_in_range
    }

    /// The block has the identity of this press, which is over: the sender's time stands still.
    fn is_again(&self, block: &Block, now: Timestamp) -> bool {
        match self.ended_at {
            Some(ended_at) => {
                let since = now.duration_since(ended_at);
                CLOSED_AFTER <= since || (block.marker && !block.is_end && SAME_KEY_AGAIN <= since)
            }
            None => {
                let starts_over = block.marker || block.duration < self.duration;
                starts_over && CLOSED_AFTER <= now.duration_since(self.heard_at)
            }
        }
    }

    /// The block has another timestamp or source and belongs to this press all the same.
    fn is_continued(&self, block: &Block, now: Timestamp) -> bool {
        if self.event != block.event || block.is_behind {
            return false;
        }
        let since = now.duration_since(self.heard_at);
        match (self.ended_at, block.is_end) {
            (Some(_), true) => since <= END_REPEATED,
            // A late packet of a press whose timestamps move; a new press would come later in time.
            (Some(_), false) => {
                let is_before = block.ts.wrapping_sub(self.ts_last) > u32::MAX / 2;
                let is_source = self.ssrc == block.ssrc;
                is_source && is_before && !block.marker && since < CONTINUED_DESPITE_MARKER
            }
            (None, true) => since < CONTINUED,
            (None, false) => {
                (!block.marker && since < CONTINUED)
                    || (self.ssrc == block.ssrc && since < CONTINUED_DESPITE_MARKER)
            }
        }
    }

    fn widen(&mut self, block: &Block) {
        if self.ssrc != block.ssrc {
            (self.ssrc, self.ts_first, self.ts_last) = (block.ssrc, block.ts, block.ts);
        } else if block.ts.wrapping_sub(self.ts_last) <= u32::MAX / 2 {
            self.ts_last = block.ts;
        } else {
            self.ts_first = block.ts;
        }
    }

    fn take(&mut self, block: &Block, now: Timestamp) {
        self.heard_at = now;
        self.duration = block.duration;
        if block.is_end {
            self.ended_at = Some(now);
        }
    }
}

#[cfg(test)]
mod tests;
