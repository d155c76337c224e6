//! The user agent: gate, reader, transactions, dialogs, registrar and calls composed into one machine without I/O.

pub mod api;
pub mod lines;
