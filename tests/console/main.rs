//! The console in a real browser: Debian's Chromium by WebDriver, over the real service with the sample directory.
//!
//! `LIANFANG_INTEROP=require` makes a missing browser a failure; otherwise a case says that it was skipped. With
//! `LIANFANG_SCREENSHOTS=<folder>` pictures of the pages are kept there.

mod browser;
mod devtools;
mod hand;
mod people;
mod reading;
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
mod old;
mod pictures;
mod pins;
mod policies;
mod reports;
mod responder;
mod roster;
mod said;
mod settings;
mod slow;
mod talk;
mod tiles;
mod walk;
mod wall;
