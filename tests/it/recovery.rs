//! The service dies and comes back: ringing goes on, and nobody is rung twice for nothing.

mod binary;
mod crashes;
mod seeds;
