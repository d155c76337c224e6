//! Stories of alarms, as the incident reports would tell them.

mod answers;
mod buildings;
mod calls;
mod disk;
mod endings;
mod pages;
mod presses;
mod replies;
mod storms;

/// The nine neighbours.
const NEIGHBOURS: [&str; 9] = ["102", "103", "104", "105", "106", "107", "108", "109", "110"];
/// Everybody whom the first wave rings.
const ALL: [&str; 10] = ["102", "103", "104", "105", "106", "107", "108", "109", "110", "duty"];

/// All but some.
fn all_but(some: &[&str]) -> Vec<&'static str> {
    ALL.into_iter().filter(|who| !some.contains(who)).collect()
}
