//! A SIP user agent without I/O: it knows no socket, clock, task or alarm.

pub mod agent;
pub mod transaction;
