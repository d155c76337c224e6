//! What happened to calls, for tests and for people.

use super::stream::Heard;
use std::time::Instant;

/// Entries that are kept until somebody takes them; later ones are dropped.
const ENTRIES_MAX: usize = 100_000;

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Happening {
    /// When.
    pub at: Instant,
    /// The number or account whose phone it was.
    pub who: String,
    /// What.
    pub what: What,
}

/// What happened on a phone.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// It is registered.
    Registered,
    /// It was not registered; with the status.
    NotRegistered(u16),
    /// It sent the press: the INVITE with the code, or the last key of it.
    PressedAlarm,
    /// Its call was answered by the service.
    CallAnswered,
    /// Its call was refused.
    CallRefused(u16),
    /// Its call ended; what it heard.
    CallEnded(Heard),
    /// A call came in.
    Called,
    /// It rings.
    Ringing,
    /// It was answered.
    Answered,
    /// It refused.
    Refused(u16),
    /// A key was pressed on it.
    Pressed(char),
    /// The caller gave up.
    Cancelled,
    /// The service ended the call; what was heard.
    HungUpByService(Heard),
    /// It ended the call itself; what was heard.
    HungUp(Heard),
}

#[derive(Debug)]
pub(crate) struct Diary {
    is_kept: bool,
    entries: Vec<Happening>,
}

impl Diary {
    pub(crate) fn new(is_kept: bool) -> Self {
        Self { is_kept, entries: Vec::new() }
    }

    pub(crate) fn note(&mut self, at: Instant, who: &str, what: What) {
        if self.is_kept && self.entries.len() < ENTRIES_MAX {
            self.entries.push(Happening { at, who: who.to_owned(), what });
        }
    }

    pub(crate) fn take(&mut self) -> Vec<Happening> {
        std::mem::take(&mut self.entries)
    }
}
