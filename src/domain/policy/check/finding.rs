//! What looking a policy through finds. `words` says it to people.

use crate::leg::Channel;
use jiff::Timestamp;
use std::sync::Arc;

/// Why a policy is refused, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// JSON pointer (RFC 6901) into the document.
    pub pointer: String,
    /// Why.
    pub why: Why,
}

/// Why a policy is refused. [`Why::words`] says it to people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Empty, too long, or with control characters.
    Name,
    /// Out of bounds.
    Bounds {
        /// What it is.
        value: u32,
        /// The least.
        min: u32,
        /// The greatest.
        max: u32,
    },
    /// None, or too many.
    Length {
        /// At most so many.
        max: usize,
    },
    /// The first step is taken at once: it waits for nothing.
    FirstWaits,
    /// The same stands before.
    Twice,
    /// Hours of drills that never come.
    Hours,
    /// The grid or group of the scope is not in the community.
    UnknownScope,
    /// Another policy holds for the same doors and kind.
    OtherPolicy {
        /// Its name.
        name: Arc<str>,
    },
    /// Nobody whom the first step calls at this door can be rung.
    NobodyAtOnce {
        /// The door.
        door: Arc<str>,
    },
    /// At this moment nobody holds the posts that the first step calls, and nobody else is called at this door.
    NobodyOnDuty {
        /// The door.
        door: Arc<str>,
        /// The moment.
        at: Timestamp,
    },
    /// The step never reaches anybody, at no door and at no time.
    DeadStep,
    /// More are to go in together than can be reached at this door.
    Together {
        /// The door.
        door: Arc<str>,
        /// How many can be reached.
        reachable: usize,
    },
    /// It calls a number that is never called.
    NeverCalled {
        /// Whose.
        name: Arc<str>,
    },
}

/// What whoever saves a policy should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The last leg of the first step leaves late on the routes.
    LeavesLate {
        /// After so long, in milliseconds.
        after_ms: u64,
    },
    /// No route takes such legs.
    NoRoute {
        /// Which legs.
        channel: Channel,
    },
    /// The first step calls no duty post.
    NoDutyAtOnce,
    /// Doors at which a step calls nobody.
    EmptyStep {
        /// The step, counted from 1.
        step: usize,
        /// At how many doors.
        doors: usize,
        /// One of them.
        door: Arc<str>,
    },
    /// Nobody who can be rung holds a post at some time.
    PostWithoutHolder {
        /// The code of the post.
        code: Arc<str>,
        /// From this moment.
        at: Timestamp,
    },
    /// Doors at which fewer can be reached than are wanted to be coming.
    FewerThanWanted {
        /// At how many doors.
        doors: usize,
        /// One of them.
        door: Arc<str>,
    },
}

/// What an accepted policy does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How long after the press the last leg of the first step leaves, in milliseconds, at the door that calls most;
    /// `None` without a route.
    pub last_leg_after_ms: Option<u64>,
    /// Calls of the first step at that door.
    pub calls: u32,
    /// Messages of the first step at that door.
    pub messages: u32,
    /// Doors that it holds for.
    pub doors: usize,
    /// What else is to be known.
    pub warnings: Vec<Warning>,
}
