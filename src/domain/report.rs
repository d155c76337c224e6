//! Reports: how fast help comes, and what becomes of alarms, counted by month, community and kind.
//!
//! [`measure`] takes from the events of an alarm what a report needs of it; [`Tally`] counts many into [`Figures`];
//! [`Month`] and [`Period`] say what is counted together. [`public`] leaves out what could tell of single people.
//!
//! Must not know names, numbers or addresses: it is handed events, which carry ids only.

mod measure;
mod month;
pub mod public;
mod tally;

pub use measure::{Measured, measure};
pub use month::{MONTHS_MAX, Month, MonthError, Period, PeriodError};
pub use tally::{Figures, Late, Spread, Tally};

#[cfg(test)]
mod tests;
