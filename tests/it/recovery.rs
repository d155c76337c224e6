//! The service dies and comes back: ringing goes on, and nobody is rung twice for nothing.

mod audit;
mod binary;
mod crashes;
mod seeds;
