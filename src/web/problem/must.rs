//! What parameters of a query have to be. The words are in `words/must.rs`.

/// What a parameter has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::web) enum Must {
    /// No parameter has this name.
    Known,
    /// A whole number in this range.
    Number {
        /// The least.
        min: u32,
        /// The greatest.
        max: u32,
    },
    /// An id of an alarm.
    AlarmId,
    /// `open` or `closed`.
    State,
    /// `create`, `replace` or `delete` with what each needs.
    Operation,
    /// `running` or `ended`.
    DrillState,
    /// A number, or the id of an alarm.
    RowId,
    /// `up`, `down` or `never`.
    LineState,
    /// `waiting`, `delivered` or `dead`.
    DeliveryState,
    /// The plural of a noun of the directory.
    Noun,
    /// `alarms` or `directory`.
    Chain,
    /// A state of a number.
    Reachable,
    /// What the page before gave as `next`.
    Next,
    /// `zh` or `en`.
    PageLanguage,
    /// A kind of alarm, a moment, whether it is a drill, or whether others are counted in.
    WhatIf,
    /// One entity tag, such as `"3"`.
    EntityTag,
    /// 1 to 255 visible characters.
    Key,
    /// UTF-8.
    Text,
    /// At most 200 characters.
    Reason,
    /// The tag of a language.
    Language,
    /// The name of a message.
    Message,
    /// A kind of alarm.
    Kind,
    /// How an alarm ended.
    Outcome,
    /// What a token may do.
    Scope,
    /// What somebody does here.
    Role,
    /// `true` or `false`.
    Flag,
    /// A moment with its offset.
    Moment,
    /// A date.
    Day,
    /// A month such as `2026-11`, three years at most, or what the rows of a sheet are.
    Report,
    /// Given once.
    Once,
}
