//! Tests of the whole service over its real database, in one binary.

mod api;
#[path = "../console/browser.rs"]
mod browser;
mod recovery;
mod scenario;
#[path = "../interop/skip.rs"]
mod skip;
mod sms;
mod telephone;
mod town;
mod wall;
mod way_in;
mod webhooks;
