//! Recordings and synthesised names, encoded before any alarm.

mod script;

pub use script::{Script, scripts, scripts_tsv};
