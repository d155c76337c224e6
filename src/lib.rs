//! Lianfang (联防): a neighbour presses #9, the neighbours come.
//!
//! The map of this crate, in the order of an alarm:
//!
//! | module | what it does |
//! |---|---|
//! | `telephone` | the shell of the SIP agent: sockets, shards, inbound calls, outbound legs |
//! | `media` | RTP: paced prompts out, keys in |
//! | `prompts` | recordings and synthesised names, encoded before any alarm |
//! | `switchboard` | owns the live alarms: decide, commit, apply, act |
//! | `drills`, `evidence` | hold drills; keep what drills and alarms have shown of numbers |
//! | `follow_ups` | reminds of households that nobody has looked after since their alarm |
//! | `sms` | text messages over a Twilio-compatible provider |
//! | `import` | the directory as CSV files, in and out |
//! | `store` | the database: directory, alarm log, tokens; the journal for when it fails |
//! | `web` | the admin API |
//! | `webhooks` | tells programs elsewhere what happens |
//! | `app` | wires everything; start and stop order |
//!
//! Decisions are not here: they are in `lianfang-domain` and `lianfang-sip`, which know no clock and no socket.

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod drills;
pub mod evidence;
pub mod follow_ups;
pub mod import;
pub mod media;
pub mod prompts;
pub mod sms;
pub mod store;
pub mod switchboard;
pub mod tasks;
pub mod telemetry;
pub mod telephone;
pub mod web;
pub mod webhooks;
