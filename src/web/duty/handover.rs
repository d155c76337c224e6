//! Hand-overs of duty over the API: who was asked to take over, who is kept on duty meanwhile, and taking over.

use super::{Parameters, SaidBy, community, words};
use crate::store::hand_over;
use crate::store::nouns::{Fault, FieldError, Kind};
use crate::web::Web;
use crate::web::caller::{Caller, Operator};
use crate::web::extract::{Body, PathId};
use crate::web::problem::ApiError;
use crate::web::reach::To;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use lianfang_domain::directory::Community;
use lianfang_domain::handover::Answer;
use lianfang_domain::id::{CommunityId, PostId, WorkerId};
use serde::Serialize;
use utoipa::ToSchema;

/// Changes of shift that are told, back from the moment.
const ASKED_SINCE: SignedDuration = SignedDuration::from_hours(24);

/// One who was asked to take over a post.
#[derive(Serialize, ToSchema)]
pub(super) struct AskedView {
    /// The post.
    #[schema(value_type = u32)]
    post_id: PostId,
    /// When it changed hands.
    #[schema(value_type = String, format = DateTime)]
    changed_at: Timestamp,
    /// Who.
    #[schema(value_type = u32)]
    worker_id: WorkerId,
    /// Their name.
    name: String,
    /// How often they were called.
    calls: u8,
    /// When they were called last.
    #[schema(value_type = Option<String>, format = DateTime)]
    called_at: Option<Timestamp>,
    /// `open` while they are asked, `taken_over`, `cannot`, or `none`.
    #[schema(value_type = String)]
    answer: Answer,
}

/// An old holder who stays on duty, since nobody took over.
#[derive(Serialize, ToSchema)]
pub(super) struct KeptView {
    /// The post.
    #[schema(value_type = u32)]
    post_id: PostId,
    /// Who.
    #[schema(value_type = u32)]
    worker_id: WorkerId,
    /// Their name.
    name: String,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
}

/// Who was asked to take over within a day before the moment.
pub(super) async fn asked(
    web: &Web,
    community: &Community,
    at: Timestamp,
) -> Result<Vec<AskedView>, ApiError> {
    let since = at.saturating_sub(ASKED_SINCE).unwrap_or(Timestamp::MIN);
    let known = hand_over::known(web.store.directory(), community.id, since).await?;
    let until_then = known.into_iter().filter(|asked| asked.changed_at <= at);
    Ok(until_then
        .map(|asked| AskedView {
            post_id: asked.post,
            changed_at: asked.changed_at,
            worker_id: asked.worker,
            name: words::worker_name(community, asked.worker),
            calls: asked.calls,
            called_at: asked.called_at,
            answer: asked.answer,
        })
        .collect())
}

/// Who is kept on duty at the moment.
pub(super) fn kept(community: &Community, at: Timestamp) -> Vec<KeptView> {
    let posts = community.roster.posts().map(|post| post.id);
    let kept = posts.flat_map(|post| community.roster.kept(post));
    kept.filter(|kept| kept.from <= at && kept.until_handed_over.is_none_or(|until| at < until))
        .map(|kept| KeptView {
            post_id: kept.post,
            worker_id: kept.worker,
            name: words::worker_name(community, kept.worker),
            since: kept.from,
        })
        .collect()
}

/// Take over a post, as a worker whose shift it is: nobody is asked any more, and the old shift may go. Doing so
/// twice is no error.
#[utoipa::path(
    post, path = "/communities/{id}/duty/{post}/take-over", tag = "roster", operation_id = "take_over_duty",
    params(
        ("id" = u32, Path, description = "Id of the community"),
        ("post" = u32, Path, description = "Id of the post"),
    ),
    request_body = SaidBy,
    responses((status = 204, description = "Taken over")),
)]
pub(super) async fn take_over(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId((id, post)): PathId<(CommunityId, PostId)>,
    parameters: Parameters,
    Body(by): Body<SaidBy>,
) -> Result<StatusCode, ApiError> {
    parameters.finish()?;
    caller.reaches(&web, To::Edit, (Kind::Community, id)).await?;
    let community = community(&web, id)?;
    community.roster.post(post).ok_or(ApiError::NotFound)?;
    let now = web.clock.now();
    // Nobody takes over from themselves: whoever is only kept stays so.
    if !community.roster.scheduled(now).contains(&(post, by.worker_id)) {
        let pointer = "/worker_id".to_owned();
        return Err(ApiError::Faulty(vec![FieldError { pointer, fault: Fault::NotOnDuty }]));
    }
    let editor_is = caller.who();
    hand_over::take_over(&web.edited_by(&editor_is), id, (post, by.worker_id)).await?;
    crate::web::nouns::take_up(&web).await;
    Ok(StatusCode::NO_CONTENT)
}
