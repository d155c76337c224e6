//! Who is on duty, as policies ask for it: by the code of a post.
//!
//! The roster says it; in a community without one, the workers who are marked as on duty hold post A. In doubt more are
//! on duty, never fewer: post A always has somebody who can be rung, as long as the community has.

use crate::directory::{Community, Worker};
use crate::id::{GridId, WorkerId};
use crate::phone::may_be_called;
use crate::roster::CODE_A;
use jiff::Timestamp;

/// Who holds the posts of this code at a moment, in order and each once. Where nobody who holds post A can be rung, who is
/// on duty at all holds it too, then who is marked as on duty, and in the end everybody.
pub(crate) fn holders<'a>(
    community: &'a Community,
    code: &str,
    grid: Option<GridId>,
    at: Timestamp,
) -> Vec<&'a Worker> {
    let roster = &community.roster;
    let mut holders = named(community, code, grid, at);
    if code != CODE_A {
        return holders;
    }
    let on_duty = || roster.on_duty(at).into_iter().map(|(_, worker)| worker).collect();
    let everybody = || community.workers.iter().map(|worker| worker.id).collect();
    let fallbacks: [&dyn Fn() -> Vec<WorkerId>; 3] =
        [&on_duty, &|| marked(community).collect(), &everybody];
    // Without a roster nobody is on duty but who is marked; their absence is for the plan to make good.
    for fallback in fallbacks.into_iter().filter(|_| !roster.is_empty()) {
        if holders.iter().any(|worker| has_voice(worker)) {
            break;
        }
        add(community, fallback(), &mut holders);
    }
    holders
}

/// Whom the roster names for the posts of this code, or in a community without one who is marked, for post A.
pub(crate) fn named<'a>(
    community: &'a Community,
    code: &str,
    grid: Option<GridId>,
    at: Timestamp,
) -> Vec<&'a Worker> {
    let mut holders = Vec::new();
    if !community.roster.is_empty() {
        add(community, community.roster.holders(code, grid, at), &mut holders);
    } else if code == CODE_A {
        add(community, marked(community).collect(), &mut holders);
    }
    holders
}

/// Everybody who is on duty at a moment, whatever the post.
pub(crate) fn on_duty(community: &Community, at: Timestamp) -> Vec<WorkerId> {
    if community.roster.is_empty() {
        return marked(community).collect();
    }
    community.roster.on_duty(at).into_iter().map(|(_, worker)| worker).collect()
}

/// Whether a worker can be rung.
pub(crate) fn has_voice(worker: &Worker) -> bool {
    worker.numbers.iter().any(|number| number.has_voice && may_be_called(&number.number))
}

fn marked(community: &Community) -> impl Iterator<Item = WorkerId> {
    community.workers.iter().filter(|worker| worker.is_on_duty).map(|worker| worker.id)
}

fn add<'a>(community: &'a Community, ids: Vec<WorkerId>, holders: &mut Vec<&'a Worker>) {
    for worker in ids.into_iter().filter_map(|id| community.worker(id)) {
        if !holders.iter().any(|known| known.id == worker.id) {
            holders.push(worker);
        }
    }
}
