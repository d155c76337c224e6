//! The world around the service, simulated: phones that press #9, a carrier whose phones ring and answer, a
//! Twilio-compatible provider, and the figures of it all.
//!
//! Shares no code with the service on purpose: a mistake made on both sides would look right. Nothing here may be
//! used by the service itself.

pub mod api;
pub mod behaviour;
pub mod board;
pub mod clock;
pub mod demo;
pub mod digest;
pub mod directory;
pub mod pages;
pub mod provider;
pub mod run;
pub mod say;
pub mod scenario;
pub mod service;
pub mod totp;
pub mod usage;
pub mod wire;
pub mod world;
