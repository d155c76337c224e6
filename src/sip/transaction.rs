//! Transactions (RFC 3261 17, RFC 6026): one small protocol machine for each of the four figures.
//!
//! A machine holds the bytes that it repeats and knows status codes, nothing else of SIP. Must not parse, route or
//! know calls; the agent does.

pub mod timers;
