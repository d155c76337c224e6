//! What can be broken, in words that name the place.

use lianfang_domain::id::AlarmId;

/// What is broken, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There is no first entry.
    #[error("the chain has no beginning")]
    NoBeginning,
    /// Entries are missing.
    #[error("entries {first} to {last} are missing")]
    Gap {
        /// The first that is missing.
        first: u64,
        /// The last.
        last: u64,
    },
    /// The hash of an entry is not that of what it says.
    #[error("entry {sequence} was changed: its hash is not that of what it says")]
    EntryChanged {
        /// The entry.
        sequence: u64,
    },
    /// An entry follows another one than that before it.
    #[error(
        "entry {sequence} does not follow the entry before it: one of them was put in or rewritten"
    )]
    NotLinked {
        /// The entry.
        sequence: u64,
    },
    /// Entries after this one were cut off.
    #[error(
        "the chain ends with entry {last}, but entry {noted} was noted elsewhere: its end was cut off"
    )]
    CutOff {
        /// The last entry.
        last: u64,
        /// The one that was noted.
        noted: u64,
    },
    /// An entry has another hash than was noted.
    #[error(
        "entry {sequence} is not the one that was noted elsewhere: the chain up to it was rewritten"
    )]
    Rewritten {
        /// The entry.
        sequence: u64,
    },
    /// A head that was noted without its chain's name is in neither.
    #[error(
        "no chain has the head {sequence} that was noted elsewhere: it was cut off or rewritten"
    )]
    HeadUnknown {
        /// Its sequence.
        sequence: u64,
    },
    /// Events are not what was entered.
    #[error("alarm {alarm}: events {first} to {last} are not those of entry {entry}")]
    EventsChanged {
        /// The alarm.
        alarm: AlarmId,
        /// The first event of the entry.
        first: i64,
        /// The last.
        last: i64,
        /// The entry.
        entry: i64,
    },
    /// Events were entered and are gone.
    #[error(
        "alarm {alarm}: of events {first} to {last}, entered as {entry}, some or all are missing"
    )]
    EventsMissing {
        /// The alarm.
        alarm: AlarmId,
        /// The first event of the entry.
        first: i64,
        /// The last.
        last: i64,
        /// The entry.
        entry: i64,
    },
    /// An event was never entered.
    #[error("alarm {alarm}: event {sequence} was never entered")]
    EventUnknown {
        /// The alarm.
        alarm: AlarmId,
        /// The event.
        sequence: i64,
    },
    /// An alarm is not what was entered when it opened.
    #[error("alarm {alarm}: its line, time or press is not what was entered")]
    AlarmChanged {
        /// The alarm.
        alarm: AlarmId,
    },
    /// The end of an alarm is not what was entered.
    #[error("alarm {alarm}: its end is not what was entered")]
    EndChanged {
        /// The alarm.
        alarm: AlarmId,
    },
    /// An alarm was entered and is gone.
    #[error("alarm {alarm} is missing, entered as {entry}")]
    AlarmMissing {
        /// The alarm.
        alarm: AlarmId,
        /// The entry.
        entry: i64,
    },
    /// An alarm was never entered.
    #[error("alarm {alarm} was never entered")]
    AlarmUnknown {
        /// The alarm.
        alarm: AlarmId,
    },
    /// A plan is not what was entered.
    #[error("alarm {alarm}: plan {revision} is not what was entered")]
    PlanChanged {
        /// The alarm.
        alarm: AlarmId,
        /// The revision.
        revision: i64,
    },
    /// A plan is gone, and nobody entered that it was erased.
    #[error("alarm {alarm}: plan {revision} is missing, and its erasure was never entered")]
    PlanMissing {
        /// The alarm.
        alarm: AlarmId,
        /// The revision.
        revision: i64,
    },
    /// A plan was never entered.
    #[error("alarm {alarm}: plan {revision} was never entered")]
    PlanUnknown {
        /// The alarm.
        alarm: AlarmId,
        /// The revision.
        revision: i64,
    },
    /// A plan was erased and stands there.
    #[error("alarm {alarm}: plan {revision} was erased, but one stands there")]
    PlanBack {
        /// The alarm.
        alarm: AlarmId,
        /// The revision.
        revision: i64,
    },
    /// A row is not what its last edit made of it.
    #[error("{noun} {row_id} is not what its last edit made of it, entry {entry}")]
    RowChanged {
        /// The table.
        noun: Box<str>,
        /// The row.
        row_id: i64,
        /// The entry.
        entry: i64,
    },
    /// A row is gone, and nobody entered that it was deleted.
    #[error("{noun} {row_id} is missing, and its deletion was never entered")]
    RowMissing {
        /// The table.
        noun: Box<str>,
        /// The row.
        row_id: i64,
    },
    /// A row was deleted and stands there.
    #[error("{noun} {row_id} was deleted, but one stands there")]
    RowBack {
        /// The table.
        noun: Box<str>,
        /// The row.
        row_id: i64,
    },
    /// Rows that were never entered are more or fewer than there were before the trail began.
    #[error(
        "{expected} rows are older than the trail, {found} are there that it does not know or knows as older"
    )]
    RowsUnknown {
        /// How many there were.
        expected: i64,
        /// How many there are.
        found: i64,
    },
    /// The directory was edited, and nobody entered it.
    #[error("the directory went from version {from} to {to} with edits that were never entered")]
    EditsUnknown {
        /// The version that was entered before.
        from: i64,
        /// The version after.
        to: i64,
    },
}
