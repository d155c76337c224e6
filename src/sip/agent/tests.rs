//! Whole calls: two agents, or one and a hand-made peer, over a network that the test controls.

mod calls;
mod chaos;
mod inbound;
mod outbound;
mod world;
