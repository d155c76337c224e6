//! Why a roster, or a part of it, is impossible, and what to do about it.

use crate::id::{AbsenceId, OverrideId, PostId, RotationId, ShiftId, SwapId, WorkerId};
use std::fmt;
use std::sync::Arc;

/// A part of a roster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// A post.
    Post(PostId),
    /// A shift.
    Shift(ShiftId),
    /// A rotation.
    Rotation(RotationId),
    /// An override.
    Override(OverrideId),
    /// A swap.
    Swap(SwapId),
    /// An absence.
    Absence(AbsenceId),
    /// An old shift that is kept at this post.
    Kept(PostId),
    /// The table of days.
    Calendar,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Post(id) => write!(f, "post {id}"),
            Self::Shift(id) => write!(f, "shift {id}"),
            Self::Rotation(id) => write!(f, "rotation {id}"),
            Self::Override(id) => write!(f, "override {id}"),
            Self::Swap(id) => write!(f, "swap {id}"),
            Self::Absence(id) => write!(f, "absence {id}"),
            Self::Kept(post) => write!(f, "the old shift kept at post {post}"),
            Self::Calendar => f.write_str("the calendar"),
        }
    }
}

/// What is impossible in a roster. Says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RosterError {
    /// The time zone is not known; the one of China is used.
    #[error(
        "time zone `{name}` is not known: give the community an IANA zone, such as Asia/Shanghai"
    )]
    UnknownZone {
        /// Its name.
        name: Arc<str>,
    },
    /// A shift ends before it starts.
    #[error("{part} ends before it starts: let it end later, or a day later")]
    EndBeforeStart {
        /// Which.
        part: Part,
    },
    /// A shift ends too many days later.
    #[error("{part} lasts more than 7 days: make several of it, or a rotation by weeks")]
    TooLong {
        /// Which.
        part: Part,
    },
    /// A shift is on no day.
    #[error(
        "{part} is on no day: give it a weekday and a kind of day, and a last day after its first"
    )]
    NoDay {
        /// Which.
        part: Part,
    },
    /// It belongs to a post that is not there.
    #[error("{part} belongs to post {post}, which is not there: choose a post of the community")]
    UnknownPost {
        /// Which part.
        part: Part,
        /// The post.
        post: PostId,
    },
    /// It names a worker who is not there.
    #[error("{part} names worker {worker}, who is not there: choose a worker of the community")]
    UnknownWorker {
        /// Which part.
        part: Part,
        /// The worker.
        worker: WorkerId,
    },
    /// It is held by a rotation that is not there.
    #[error(
        "{part} is held by rotation {rotation}, which is not there: choose one of the community"
    )]
    UnknownRotation {
        /// Which part.
        part: Part,
        /// The rotation.
        rotation: RotationId,
    },
    /// A shift or a rotation has nobody.
    #[error("{part} has nobody: name at least one worker")]
    Nobody {
        /// Which part.
        part: Part,
    },
    /// A turn of a rotation has no length.
    #[error("{part} hands on every 0 days, weeks or shifts: hand on every 1 or more")]
    NoTurn {
        /// Which rotation.
        part: Part,
    },
    /// Two overrides of one post, or two absences of one worker, at the same time.
    #[error("{part} overlaps {with}: end one before the other begins")]
    Overlap {
        /// The later one, which is left out.
        part: Part,
        /// The one that is used.
        with: Part,
    },
    /// Somebody swaps with or stands in for themselves.
    #[error("{part} names worker {worker} on both sides: choose somebody else")]
    Themselves {
        /// Which part.
        part: Part,
        /// The worker.
        worker: WorkerId,
    },
    /// Two parts have one id, or too many of something.
    #[error("{part} is one too many: at most {max} are kept")]
    TooMany {
        /// The first that is left out.
        part: Part,
        /// At most so many.
        max: usize,
    },
}
