//! A sans-IO SIP user agent: what arrives as bytes becomes calls, registrations and keys, and back.
//!
//! Nothing here knows a socket, a clock, a task or an alarm: bytes and the time go in, bytes and events come out.
//! [`message`] is the vocabulary all others share. The way of a packet: [`framing`] (streams only) → [`gate`], which
//! asks the [`reader`] → [`transaction`] → [`agent`].

pub mod agent;
pub mod dialog;
pub mod digest;
pub mod framing;
pub mod gate;
pub mod identity;
pub mod message;
pub mod reader;
pub mod registrar;
pub mod sdp;
pub mod transaction;
