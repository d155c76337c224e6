//! What goes before the shifts for a while: overrides, swaps, absences, and old shifts that are kept.

use crate::id::{AbsenceId, OverrideId, PostId, SwapId, WorkerId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A stretch of time: from its first moment until just before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The first moment.
    pub from: Timestamp,
    /// The moment after the last one.
    pub to: Timestamp,
}

impl Span {
    /// Whether it has this moment.
    #[must_use]
    pub fn has(self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }

    /// Whether the two have a moment in common.
    #[must_use]
    pub fn meets(self, other: Self) -> bool {
        self.from < other.to && other.from < self.to
    }

    /// Whether it has no moment.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.to <= self.from
    }
}

/// This worker holds the post, whatever its shifts say (替班). Where no shift is, there is one then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Override {
    /// Its id.
    pub id: OverrideId,
    /// The post.
    pub post: PostId,
    /// Who holds it.
    pub worker: WorkerId,
    /// Instead of whom; of everybody on the post if not said. Where that one does not hold the post, nothing changes.
    pub instead_of: Option<WorkerId>,
    /// When.
    pub span: Span,
}

/// Duty that is given away in a swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The post.
    pub post: PostId,
    /// When.
    pub span: Span,
}

/// How far a swap is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SwapState {
    /// One asked; nothing changes yet.
    Proposed,
    /// The other agreed; in force.
    Agreed,
    /// Taken back or declined; nothing changes.
    Withdrawn,
}

/// Two workers swap duty (换班), in force only once the other agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Swap {
    /// Its id.
    pub id: SwapId,
    /// Who asked.
    pub proposer: WorkerId,
    /// Who is asked.
    pub other: WorkerId,
    /// The duty of the proposer that the other takes.
    pub gives: Turn,
    /// The duty of the other that the proposer takes in return, if any.
    pub takes: Option<Turn>,
    /// How far it is.
    pub state: SwapState,
}

/// Why a swap cannot be agreed or withdrawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SwapError {
    /// Only the worker who was asked may agree.
    #[error("only worker {asked} may agree to it")]
    NotAsked {
        /// Who was asked.
        asked: WorkerId,
    },
    /// Only the two may withdraw it.
    #[error("only workers {proposer} and {other} may withdraw it")]
    NotTheirs {
        /// Who proposed it.
        proposer: WorkerId,
        /// Who was asked.
        other: WorkerId,
    },
    /// It was agreed; neither may take it back alone.
    #[error("it was agreed: propose a swap back")]
    Agreed,
    /// It was withdrawn.
    #[error("it was withdrawn: propose another")]
    Withdrawn,
    /// All of its duty is over.
    #[error("its duty is over")]
    Over,
}

impl Swap {
    /// The state after this worker agreed. Agreeing twice is no error.
    ///
    /// # Errors
    /// When somebody else was asked, it was withdrawn, or its duty is over.
    pub fn agree(&self, by: WorkerId, now: Timestamp) -> Result<SwapState, SwapError> {
        if by != self.other {
            return Err(SwapError::NotAsked { asked: self.other });
        }
        match self.state {
            SwapState::Agreed => Ok(SwapState::Agreed),
            SwapState::Withdrawn => Err(SwapError::Withdrawn),
            SwapState::Proposed if self.is_over(now) => Err(SwapError::Over),
            SwapState::Proposed => Ok(SwapState::Agreed),
        }
    }

    /// The state after one of the two took it back or declined it. Doing so twice is no error.
    ///
    /// # Errors
    /// When it is somebody else's, or agreed already.
    pub fn withdraw(&self, by: WorkerId) -> Result<SwapState, SwapError> {
        let Self { proposer, other, .. } = *self;
        if by != proposer && by != other {
            return Err(SwapError::NotTheirs { proposer, other });
        }
        match self.state {
            SwapState::Agreed => Err(SwapError::Agreed),
            SwapState::Proposed | SwapState::Withdrawn => Ok(SwapState::Withdrawn),
        }
    }

    /// Whether all of its duty is over.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.turns().all(|turn| turn.span.to <= now)
    }

    /// The duty that changes hands.
    pub fn turns(&self) -> impl Iterator<Item = Turn> {
        std::iter::once(self.gives).chain(self.takes)
    }

    /// Puts the one in the place of the other, wherever it is in force.
    pub(super) fn change(&self, post: PostId, at: Timestamp, holders: &mut [WorkerId]) {
        if self.state != SwapState::Agreed {
            return;
        }
        let here = |turn: Turn| turn.post == post && turn.span.has(at);
        let (gives, takes) = (here(self.gives), self.takes.is_some_and(here));
        for holder in holders {
            if gives && *holder == self.proposer {
                *holder = self.other;
            } else if takes && *holder == self.other {
                *holder = self.proposer;
            }
        }
    }
}

/// A worker is away; another takes all of their duty (全程代理).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Absence {
    /// Its id.
    pub id: AbsenceId,
    /// Who is away.
    pub worker: WorkerId,
    /// Who stands in on every post. With nobody, or somebody who is away too, the one who is away still rings where
    /// nobody else holds the post, and a finding says so.
    pub stand_in: Option<WorkerId>,
    /// When.
    pub span: Span,
}

/// An old holder who stays on duty besides the new one, since the new one did not confirm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The post.
    pub post: PostId,
    /// The old holder.
    pub worker: WorkerId,
    /// From the change of shift until the hand-over; without an end while nobody took over.
    pub from: Timestamp,
    /// When somebody took over.
    pub until_handed_over: Option<Timestamp>,
}

impl Kept {
    /// Whether they stay on duty at this moment.
    #[must_use]
    pub fn has(&self, at: Timestamp) -> bool {
        self.from <= at && self.until_handed_over.is_none_or(|until| at < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn swap(state: SwapState) -> Swap {
        let span = Span { from: Timestamp::UNIX_EPOCH, to: Timestamp::MAX };
        Swap {
            id: SwapId(1),
            proposer: WorkerId(1),
            other: WorkerId(2),
            gives: Turn { post: PostId(1), span },
            takes: None,
            state,
        }
    }

    #[test]
    fn only_the_other_agrees_and_only_the_two_withdraw() {
        use SwapState::{Agreed, Proposed, Withdrawn};
        let now = Timestamp::UNIX_EPOCH;
        let not_asked = Err(SwapError::NotAsked { asked: WorkerId(2) });
        let (proposer, other) = (WorkerId(1), WorkerId(2));
        let not_theirs = Err(SwapError::NotTheirs { proposer, other });
        for (state, by, agreed, withdrawn) in [
            (Proposed, 1, not_asked, Ok(Withdrawn)),
            (Proposed, 2, Ok(Agreed), Ok(Withdrawn)),
            (Proposed, 3, not_asked, not_theirs),
            (Agreed, 2, Ok(Agreed), Err(SwapError::Agreed)),
            (Agreed, 1, not_asked, Err(SwapError::Agreed)),
            (Withdrawn, 2, Err(SwapError::Withdrawn), Ok(Withdrawn)),
        ] {
            assert_eq!(swap(state).agree(WorkerId(by), now), agreed, "{state:?} by {by}");
            assert_eq!(swap(state).withdraw(WorkerId(by)), withdrawn, "{state:?} by {by}");
        }
        assert_eq!(swap(Proposed).agree(WorkerId(2), Timestamp::MAX), Err(SwapError::Over));
    }
}
