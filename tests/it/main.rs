//! Tests of the whole service over its real database, in one binary.

mod api;
mod recovery;
mod scenario;
mod sms;
mod telephone;
mod town;
mod way_in;
mod webhooks;
