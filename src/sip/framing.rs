//! Cuts a TCP or TLS stream into messages, RFC 3261 18.3.
//!
//! Incremental and bounded; knows nothing of connections. Whatever the chunks, the same packets come out. When a
//! stream cannot be cut any more, the framer says so once and is silent from then on: close the connection.

#[cfg(test)]
mod tests;

use crate::reader::{Block, MESSAGE_MAX, is_token_byte};
use jiff::Timestamp;
use std::time::Duration;
use thiserror::Error;

/// The keepalive ping of RFC 5626 3.5.1, handed out as a packet of its own.
pub const PING: &[u8] = b"\r\n\r\n";

/// Bytes that may wait here: a message that is not whole yet, and what came behind it. Read at most [`MESSAGE_MAX`]
/// bytes at a time; more than fits ends the stream.
pub const BUFFER_MAX: usize = 2 * MESSAGE_MAX;

/// How long a peer may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FramingConfig {
    /// From a message's first byte to its last. Not moved by bytes in between, which is what slow senders live on.
    pub message: Duration,
    /// From the connection's start to its first whole message.
    pub first: Duration,
    /// Between any two reads.
    pub idle: Duration,
}

impl Default for FramingConfig {
    fn default() -> Self {
        Self {
            // 64 * T1, as long as a transaction lives.
            message: Duration::from_secs(32),
            first: Duration::from_secs(32),
            // A line refreshes its registration at least hourly.
            idle: Duration::from_secs(2 * 3600),
        }
    }
}

/// Why a connection is to be closed at a certain time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A message is not whole.
    Message,
    /// No message has come at all.
    First,
    /// Nothing has come for long.
    Idle,
}

/// Why a stream cannot be cut any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FramingError {
    /// A message beyond [`MESSAGE_MAX`], or more waiting than [`BUFFER_MAX`].
    #[error("message too large for a stream")]
    TooLarge,
    /// A length that is none, or two that differ.
    #[error("unusable Content-Length")]
    Length,
    /// The bytes are of another protocol.
    #[error("not SIP")]
    NotSip,
    /// The peer took too long.
    #[error("too slow: {0:?}")]
    Slow(Timer),
}

/// What comes out of a stream.
#[derive(Debug, PartialEq, Eq)]
pub enum Framed {
    /// One whole message, or [`PING`]; for the gate.
    Packet(Vec<u8>),
    /// The end: close the connection. Nothing follows.
    Close(FramingError),
}

/// One direction of one connection.
#[derive(Debug)]
pub struct Framer {
    config: FramingConfig,
    buffer: Vec<u8>,
    /// Bytes at the start of the buffer that were handed out; they go when the next are read.
    taken: usize,
    /// Bytes after those that hold no end of headers, so that each is looked at once.
    scanned: usize,
    /// The length of the message in front, once its headers are whole.
    whole: Option<usize>,
    opened: Timestamp,
    heard: Timestamp,
    /// When the message in front began.
    begun: Option<Timestamp>,
    served: bool,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Failed(FramingError),
    Closed,
}

impl Framer {
    /// A framer for a connection that begins now.
    #[must_use]
    pub fn new(config: FramingConfig, now: Timestamp) -> Self {
        Self {
            config,
            buffer: Vec::new(),
            taken: 0,
            scanned: 0,
            whole: None,
            opened: now,
            heard: now,
            begun: None,
            served: false,
            state: State::Open,
        }
    }

    /// Takes bytes that were read. Call [`Self::poll_output`] until it gives nothing before the next.
    pub fn on_bytes(&mut self, bytes: &[u8], now: Timestamp) {
        if self.state != State::Open {
            return;
        }
        if BUFFER_MAX < self.waiting().len().saturating_add(bytes.len()) {
            self.fail(FramingError::TooLarge);
            return;
        }
        self.buffer.drain(..self.taken.min(self.buffer.len()));
        self.taken = 0;
        self.buffer.extend_from_slice(bytes);
        self.heard = now;
    }

    /// The next packet or the end; `None` until more bytes come.
    pub fn poll_output(&mut self) -> Option<Framed> {
        match self.state {
            State::Closed => return None,
            State::Failed(_) => {}
            State::Open => match self.next_packet() {
                Ok(packet) => return packet.map(Framed::Packet),
                Err(error) => self.fail(error),
            },
        }
        let State::Failed(error) = std::mem::replace(&mut self.state, State::Closed) else {
            return None;
        };
        Some(Framed::Close(error))
    }

    /// When the peer will have been too slow, and with what.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Timestamp, Timer)> {
        if self.state != State::Open {
            return None;
        }
        let quiet = match self.served {
            true => (after(self.heard, self.config.idle), Timer::Idle),
            false => (after(self.opened, self.config.first), Timer::First),
        };
        let message = self.begun.map(|at| (after(at, self.config.message), Timer::Message));
        Some(message.map_or(quiet, |message| message.min(quiet)))
    }

    /// Ends the stream when its time is up; the end comes out of [`Self::poll_output`].
    pub fn on_timeout(&mut self, now: Timestamp) {
        if let Some((_, timer)) = self.poll_timeout().filter(|(at, _)| *at <= now) {
            self.fail(FramingError::Slow(timer));
        }
    }

    fn waiting(&self) -> &[u8] {
        self.buffer.get(self.taken..).unwrap_or_default()
    }

    fn fail(&mut self, error: FramingError) {
        self.state = State::Failed(error);
        self.buffer = Vec::new();
        self.taken = 0;
    }

    fn next_packet(&mut self) -> Result<Option<Vec<u8>>, FramingError> {
        if self.whole.is_none() {
            if self.skip_blank() {
                return Ok(Some(self.take(PING.len())));
            }
            let Some(&first) = self.waiting().first() else { return Ok(None) };
            if matches!(first, b'\r') {
                return Ok(None);
            }
            if !is_token_byte(first) {
                return Err(FramingError::NotSip);
            }
            self.begun.get_or_insert(self.heard);
            let Some(headers) = self.find_headers()? else { return Ok(None) };
            match length_after(self.waiting().get(..headers).unwrap_or_default()) {
                Ok(body) if headers.saturating_add(body) <= MESSAGE_MAX => {
                    self.whole = Some(headers.saturating_add(body));
                }
                // The headers alone go to the gate, which answers 400 for the same reason.
                refused => {
                    let packet = self.take(headers);
                    self.fail(refused.err().unwrap_or(FramingError::TooLarge));
                    return Ok(Some(packet));
                }
            }
        }
        let whole = self.whole.filter(|&whole| whole <= self.waiting().len());
        Ok(whole.map(|whole| self.take(whole)))
    }

    /// Skips line ends between messages; `true` when a ping stands in front. A part of a ping is left to grow.
    fn skip_blank(&mut self) -> bool {
        loop {
            let waiting = self.waiting();
            if waiting.starts_with(PING) {
                return true;
            }
            let growing = PING.starts_with(waiting);
            if growing || !matches!(waiting, [b'\r' | b'\n', ..]) {
                return false;
            }
            self.taken = self.taken.saturating_add(1);
        }
    }

    /// The length of the headers with the empty line, once it is there.
    fn find_headers(&mut self) -> Result<Option<usize>, FramingError> {
        let waiting = self.waiting();
        // The empty line may have begun in what was looked at before.
        let from = self.scanned.saturating_sub(2);
        let fresh = waiting.get(from..).unwrap_or_default();
        let ends = |at: usize| match fresh.get(at..) {
            Some([b'\n', b'\n', ..]) => Some(2),
            Some([b'\n', b'\r', b'\n', ..]) => Some(3),
            Some(_) | None => None,
        };
        let end =
            (0..fresh.len()).find_map(|at| Some(from.saturating_add(at).saturating_add(ends(at)?)));
        let length = waiting.len();
        if end.unwrap_or(length) > MESSAGE_MAX {
            return Err(FramingError::TooLarge);
        }
        self.scanned = length;
        Ok(end)
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        let packet = self.waiting().get(..length).unwrap_or_default().to_vec();
        self.taken = self.taken.saturating_add(length);
        (self.scanned, self.whole, self.begun) = (0, None, None);
        self.served = true;
        packet
    }
}

/// The length of the body that the headers announce. A message without a length has no body; one that names the type
/// of a body but not its length cannot be cut (RFC 3261 20.14).
fn length_after(headers: &[u8]) -> Result<usize, FramingError> {
    let block = Block::read(headers);
    match block.content_length() {
        _ if block.is_faulty() => Err(FramingError::TooLarge),
        Ok(Some(length)) => Ok(length),
        Ok(None) if !block.has_content_type() => Ok(0),
        Ok(None) | Err(_) => Err(FramingError::Length),
    }
}

fn after(start: Timestamp, wait: Duration) -> Timestamp {
    start.checked_add(wait).unwrap_or(Timestamp::MAX)
}
