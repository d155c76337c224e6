//! The console in a real browser: Debian's Chromium by WebDriver, over the real service with the sample directory.
//!
//! `LIANFANG_INTEROP=require` makes a missing browser a failure; otherwise a case says that it was skipped. With
//! `LIANFANG_SCREENSHOTS=<folder>` pictures of the pages are kept there.

mod browser;
mod hand;
mod people;
#[path = "../interop/skip.rs"]
mod skip;
mod stage;
mod town;

mod desk;
mod directory;
mod edits;
mod entry;
mod keyboard;
mod map;
mod policies;
mod reports;
mod walk;
mod wall;
