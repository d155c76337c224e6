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
mod drills;
mod edits;
mod entry;
mod imports;
mod keyboard;
mod languages;
mod map;
mod pictures;
mod policies;
mod reports;
mod responder;
mod roster;
mod settings;
mod walk;
mod wall;
