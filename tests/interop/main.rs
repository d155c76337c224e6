//! The real service against foreign programs: SIPp, baresip, Schemathesis, and simulated phones that share no code with it; and the
//! demonstration.
//!
//! Each case starts the service on free ports of the loopback with a folder of its own. Where a program is missing the
//! case says so and is skipped; with `LIANFANG_INTEROP=require` it fails.

mod baresip;
mod demo;
mod lines;
mod schemathesis;
mod sipp;
mod skip;
mod stage;
