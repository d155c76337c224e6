//! Stories of alarms, as the incident reports would tell them.
//!
//! | what is promised | where it is told |
//! |---|---|
//! | the press becomes one alarm | `presses` |
//! | who is called: the first wave, the steps after it, helpers first | `calls`, `escalation` |
//! | who is called: policies by kind and door, refused where they end in silence | `policies` |
//! | who is called: the duty roster | `duty` |
//! | how they are reached: again, by outcome and budget | `calls`, `retries` |
//! | how they are reached: receipts of SMS | `receipts` |
//! | answers: keys, replies, the page, calls back | `answers`, `replies`, `pages`, `callbacks` |
//! | answers: who is coming is asked, counts no longer, or is there | `arrivals` |
//! | never alone | `together` |
//! | one call for a building | `buildings` |
//! | what the resident gets: kinds, silence, talk | `kinds`, `silence`, `talk` |
//! | what the resident gets: cancel and duress | `withdrawals`, `duress` |
//! | the case: owner, reminders, close | `cases`, `endings` |
//! | the case: what an operator has done besides | `desk` |
//! | the case: drills | `drills` |
//! | the case: whose number reaches them, and whom to ask in person | `reach` |
//! | speed and bounds: storms, dead disks, restarts | `storms`, `disk` |
//!
//! A story that is told "whatever the power does" is told twice: the second time the power fails in its middle, and the
//! end is the same.

mod answers;
mod arrivals;
mod buildings;
mod callbacks;
mod calls;
mod cases;
mod desk;
mod disk;
mod drills;
mod duress;
mod duty;
mod endings;
mod escalation;
mod hand_over;
mod kinds;
mod pages;
mod policies;
mod presses;
mod reach;
mod receipts;
mod replies;
mod retries;
mod silence;
mod storms;
mod talk;
mod together;
mod withdrawals;

/// The nine neighbours.
const NEIGHBOURS: [&str; 9] = ["102", "103", "104", "105", "106", "107", "108", "109", "110"];
/// Everybody whom the first wave rings.
const ALL: [&str; 10] = ["102", "103", "104", "105", "106", "107", "108", "109", "110", "duty"];

/// All but some.
fn all_but(some: &[&str]) -> Vec<&'static str> {
    ALL.into_iter().filter(|who| !some.contains(who)).collect()
}

/// Everybody of the first wave and some more.
fn all_and(more: &[&'static str]) -> Vec<&'static str> {
    ALL.into_iter().chain(more.iter().copied()).collect()
}
