//! The pure core of Lianfang: from the keys of a telephone to the legs that ring the neighbours.
//!
//! Nothing here does I/O, reads a clock, starts a task, logs or draws a random number: events and the time go in,
//! decisions come out. The manifest keeps it so: std, jiff, serde, thiserror and two tables of characters and numbers.
//!
//! Read in the order of an alarm: [`digits`] → [`plan`] → [`alarm`] → [`leg`] → [`dispatch`]; [`directory`] is what
//! the plan is made from.

pub mod alarm;
pub mod answer;
pub mod bundle;
pub mod delivery;
pub mod digits;
pub mod directory;
pub mod dispatch;
pub mod drill;
pub mod groups;
pub mod handover;
pub mod id;
pub mod kind;
pub mod leg;
pub mod phone;
pub mod plan;
pub mod policy;
pub mod reachability;
pub mod report;
pub mod roster;
pub mod tariff;
pub mod trigger;
pub mod whatif;
pub mod words;
