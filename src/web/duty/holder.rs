//! Who is on duty at a moment, as the API shows it, and what they are to a hand-over that is open.
//!
//! Must not decide who is: see [`lianfang_domain::roster`] and [`lianfang_domain::handover`].

use super::words;
use crate::web::words::in_language;
use jiff::Timestamp;
use lianfang_domain::directory::{Community, Language, Written};
use lianfang_domain::handover::awaited;
use lianfang_domain::id::{GridId, PostId, WorkerId};
use serde::Serialize;
use utoipa::ToSchema;

/// One who is on duty.
#[derive(Serialize, ToSchema)]
pub(super) struct HolderView {
    /// The post; none without a roster.
    #[schema(value_type = Option<u32>)]
    post_id: Option<PostId>,
    /// The code of the post.
    code: Option<String>,
    /// The name of the post.
    post: Option<String>,
    /// The grid of the post; the whole community if none.
    #[schema(value_type = Option<u32>)]
    grid_id: Option<GridId>,
    /// Who.
    #[schema(value_type = u32)]
    worker_id: WorkerId,
    /// Their name.
    name: String,
    /// `awaited`: their shift, but they have not taken over yet; `kept`: the old shift, which stays until then; null
    /// where no hand-over is open.
    hand_over: Option<&'static str>,
}

/// Who holds which post; without a roster, who is marked.
pub(super) fn at(community: &Community, at: Timestamp) -> Vec<HolderView> {
    let roster = &community.roster;
    if roster.is_empty() {
        let marked = community.workers.iter().filter(|worker| worker.is_on_duty);
        return marked.map(|worker| holder(community, None, (worker.id, None))).collect();
    }
    let (awaited, scheduled) = (awaited(roster, at), roster.scheduled(at));
    let held = roster.on_duty(at).into_iter();
    held.map(|(post, worker)| {
        let hand_over =
            match (awaited.contains(&(post, worker)), scheduled.contains(&(post, worker))) {
                (true, _) => Some("awaited"),
                (false, true) => None,
                (false, false) => Some("kept"),
            };
        holder(community, Some(post), (worker, hand_over))
    })
    .collect()
}

fn holder(
    community: &Community,
    post: Option<PostId>,
    (worker, hand_over): (WorkerId, Option<&'static str>),
) -> HolderView {
    let post = post.and_then(|id| community.roster.post(id));
    HolderView {
        post_id: post.map(|post| post.id),
        code: post.map(|post| post.code.to_string()),
        post: post.map(|post| post.name.to_string()),
        grid_id: post.and_then(|post| post.grid),
        worker_id: worker,
        name: words::worker_name(community, worker),
        hand_over,
    }
}

/// In words.
pub(super) fn summary(on_duty: &[HolderView], language: Language) -> String {
    if on_duty.is_empty() {
        return in_language!(language, "无人值班", "Nobody is on duty");
    }
    let one = |held: &HolderView| match &held.post {
        Some(post) => format!("{post} {}", held.name),
        None => held.name.clone(),
    };
    let all: Vec<String> = on_duty.iter().map(one).collect();
    match language.written() {
        Written::Chinese => all.join("，"),
        Written::English => all.join(", "),
    }
}
