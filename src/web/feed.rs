//! The feed of alarms: server-sent events for walls and other screens.
//!
//! Whoever connects gets all open alarms first, and then each alarm again whenever something happens to it, within a
//! second. Events carry ids, so that a broken connection goes on where it was. `pump` reads what changed, once for all;
//! here each subscriber has a task with a short queue. Nothing on the path of an alarm waits for any of it: who reads too
//! slowly is cut off, and comes back.

mod pump;

use super::Web;
use super::alarms::AlarmView;
use super::caller::{Caller, Operator};
use super::extract::Parameters;
use super::ports::Ports;
use super::problem::ApiError;
use crate::store::alarm_log::{AlarmFilter, AlarmLog, Place};
use crate::store::reach::{Place as Where, Reach};
use crate::store::snapshot::DirectoryHandle;
use axum::body::{Body, Bytes};
use axum::extract::{Extension, FromRequestParts, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use http_body::Frame;
use lianfang_domain::id::{AlarmId, CommunityId};
use pump::{Batch, Event, News};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, mpsc};
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Subscribers at once: a screen for every community of a large city district.
const SUBSCRIBERS_MAX: usize = 200;
/// Batches that a subscriber may be behind the pump, which makes ten a second at most.
const NEWS_MAX: usize = 256;
/// Pieces that wait for one subscriber's connection; beyond it, news wait in the queue that all share.
const QUEUE_MAX: usize = 4;
/// How long a piece waits for a connection that takes nothing, before its subscriber is cut off.
const STALL_MAX: Duration = Duration::from_secs(10);
/// How often something is sent, whatever happens, and the caller's right to it is looked at again.
const BEAT: Duration = Duration::from_secs(15);
/// Alarms in the first event.
const SNAPSHOT_MAX: usize = 1_000;
/// Alarms that are read at once for it, and how many times.
const PAGE: u32 = 500;
const PAGES_MAX: usize = 20;
/// Alarms that are caught up with one by one; more are told as all open ones.
const CAUGHT_UP_MAX: usize = 500;
/// First events that are read at once: the log has few connections for reading, and they are not all ours.
const READS_MAX: usize = 2;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default().routes(routes!(follow))
}

/// Where subscribers get their news. Cheap to clone.
#[derive(Clone)]
pub(super) struct Feed {
    news: broadcast::Sender<News>,
    places: Arc<Semaphore>,
    reads: Arc<Semaphore>,
}

impl Feed {
    /// Starts the task that reads what changed.
    pub(super) fn start(ports: &Ports) -> Self {
        let (news, _) = broadcast::channel(NEWS_MAX);
        let (sender, log, clock) = (news.clone(), ports.alarm_log.clone(), ports.clock.clone());
        ports.tasks.start("alarm feed", |stop| async move {
            stop.run_until_cancelled(pump::run(log, sender, clock)).await;
        });
        let places = Arc::new(Semaphore::new(SUBSCRIBERS_MAX));
        Self { news, places, reads: Arc::new(Semaphore::new(READS_MAX)) }
    }
}

/// Which alarms a subscriber sees.
#[derive(Clone, Debug)]
struct Sight {
    /// Only those of this community.
    community: Option<CommunityId>,
    /// Only those within what the subscriber reaches.
    reach: Reach,
    /// Where communities are.
    directory: DirectoryHandle,
}

impl Sight {
    fn is_all(&self) -> bool {
        self.community.is_none() && self.reach == Reach::Everything
    }

    /// An alarm of which nobody knows where it is, because its plan is damaged, is for all who reach everything.
    fn has(&self, place: Option<&Place>) -> bool {
        let Some(place) = place else { return self.reach == Reach::Everything };
        if self.community.is_some_and(|wanted| wanted != place.community) {
            return false;
        }
        let street = self.directory.current().community(place.community).map(|found| found.street);
        let (community, grid) = (Some(place.community), Some(place.grid));
        self.reach.covers(Where { street, community, grid })
    }
}

/// Follow the alarms (server-sent events).
///
/// First `snapshot`: `items` as in the list of open alarms, the latest first; `is_complete`, false when there are more
/// than 1,000; `is_behind`. Then `changed` with one such item whenever something happened to an alarm, its end too
/// (`closed_at`), and `behind` when `is_behind` changes: events wait for the database, what is shown may be old. A comment
/// comes every 15 seconds at least. Send the last id as `Last-Event-ID` to go on from there: without a snapshot, or with
/// one when too much has happened. An alarm may come twice; it says how it is now.
#[utoipa::path(
    get, path = "/alarms/feed", tag = "alarms", operation_id = "follow_alarms",
    params(
        ("community_id" = Option<u32>, Query, description = "Only alarms of this community", minimum = 0),
        ("Last-Event-ID" = Option<String>, Header, description = "The last id that was read"),
    ),
    responses((status = 200, description = "Events until either side ends it", content_type = "text/event-stream", body = String)),
)]
async fn follow(
    caller: Caller<Operator>,
    State(web): State<Web>,
    Extension(feed): Extension<Feed>,
    mut parameters: Parameters,
    parts: Parts,
) -> Result<Response, ApiError> {
    let community = parameters.take_number("community_id", 0..=u32::MAX)?;
    parameters.finish()?;
    let sight = Sight {
        community: community.map(CommunityId),
        reach: caller.reach(),
        directory: web.directory.clone(),
    };
    let place = Arc::clone(&feed.places).try_acquire_owned().map_err(|_| ApiError::Busy)?;
    // Before anything is read: what changes meanwhile comes twice rather than never.
    let news = feed.news.subscribe();
    let last_id = parts.headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let beginning = {
        let _read = feed.reads.acquire().await.map_err(|_| ApiError::Busy)?;
        beginning(&web.alarm_log, &sight, last_id).await?
    };
    let (out, frames) = mpsc::channel(QUEUE_MAX);
    let subscriber = Subscriber { web: web.clone(), parts, sight, news, out, _place: place };
    web.tasks.start("feed subscriber", |stop| subscriber.run(beginning, stop));
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        // A proxy in between must not collect what is meant for now.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::new(Frames(frames))).into_response())
}

/// What a subscriber reads first: what it missed, or all open alarms.
async fn beginning(
    log: &AlarmLog,
    sight: &Sight,
    last_id: Option<&str>,
) -> Result<Bytes, ApiError> {
    let changes = log.changes();
    let progress = changes.progress();
    let last = last_id.and_then(|id| pump::number(id, changes.epoch()));
    let missed = last.and_then(|number| changes.since(number));
    let missed = missed.filter(|alarms| alarms.len() <= CAUGHT_UP_MAX);
    let mut text = String::from("retry: 1000\n");
    if let Some(missed) = missed {
        let missed: Vec<AlarmId> = missed.into_iter().collect();
        let batch = Batch::read(log, &missed, Some(progress.number)).await?;
        text.push_str(&Event::behind(progress.is_behind));
        text.push_str(&batch.text(|place| sight.has(place)));
        return Ok(text.into());
    }
    let (items, is_complete) = open(log, sight).await?;
    let id = pump::id(changes.epoch(), progress.number);
    let snapshot = serde_json::json!({"items": items, "is_complete": is_complete, "is_behind": progress.is_behind});
    text.push_str(&Event { name: "snapshot", id: Some(&id), data: &snapshot.to_string() }.text());
    Ok(text.into())
}

/// The open alarms within sight, the latest first, and whether these are all.
async fn open(log: &AlarmLog, sight: &Sight) -> Result<(Vec<AlarmView>, bool), ApiError> {
    let mut items = Vec::new();
    let mut filter = AlarmFilter { is_open: Some(true), ..AlarmFilter::default() };
    for _ in 0..PAGES_MAX {
        let rows = log.list(&filter, PAGE).await?;
        let ids: Vec<AlarmId> = rows.iter().map(|row| row.id).collect();
        let places = if sight.is_all() { BTreeMap::new() } else { log.places(&ids).await? };
        let seen = rows.iter().filter(|row| sight.has(places.get(&row.id)));
        items.extend(seen.map(AlarmView::from));
        if SNAPSHOT_MAX < items.len() {
            items.truncate(SNAPSHOT_MAX);
            return Ok((items, false));
        }
        if rows.len() < PAGE as usize {
            return Ok((items, true));
        }
        filter.before = rows.last().map(|row| row.id);
    }
    Ok((items, false))
}

/// One who follows.
struct Subscriber {
    web: Web,
    /// What was asked, to look again whether the caller still may.
    parts: Parts,
    sight: Sight,
    news: broadcast::Receiver<News>,
    out: mpsc::Sender<Bytes>,
    _place: OwnedSemaphorePermit,
}

impl Subscriber {
    async fn run(mut self, beginning: Bytes, stop: CancellationToken) {
        metrics::gauge!("lianfang_feed_subscribers").increment(1.0);
        let followed = async {
            if self.send(beginning).await {
                self.follow().await;
            }
        };
        stop.run_until_cancelled(followed).await;
        metrics::gauge!("lianfang_feed_subscribers").decrement(1.0);
    }

    /// Until the other side hangs up, may no longer, or cannot keep up.
    async fn follow(&mut self) {
        let clock = self.web.clock.clone();
        let mut beat_at = clock.now() + BEAT;
        loop {
            let piece = tokio::select! {
                biased;
                () = self.out.closed() => return,
                () = clock.sleep_until(beat_at) => {
                    if !self.is_allowed().await {
                        return;
                    }
                    beat_at = clock.now() + BEAT;
                    Bytes::from_static(b":\n\n")
                }
                news = self.news.recv() => match news {
                    Ok(News::Changed(batch)) if self.sight.is_all() => batch.whole.clone(),
                    Ok(News::Changed(batch)) => batch.text(|place| self.sight.has(place)).into(),
                    Ok(News::Behind(is_behind)) => Event::behind(is_behind).into(),
                    Ok(News::Lost) | Err(broadcast::error::RecvError::Lagged(_)) => return self.cut_off(),
                    Err(broadcast::error::RecvError::Closed) => return,
                },
            };
            if !self.send(piece).await {
                return;
            }
        }
    }

    /// Whether whoever asked would be answered now. While the database does not say, nothing changes.
    async fn is_allowed(&mut self) -> bool {
        let asked = Caller::<Operator>::from_request_parts(&mut self.parts, &self.web).await;
        !matches!(asked, Err(ApiError::NoToken | ApiError::Forbidden { .. }))
    }

    /// Hands a piece to the connection. Whether it was taken.
    async fn send(&self, piece: Bytes) -> bool {
        if piece.is_empty() {
            return true;
        }
        let clock = &self.web.clock;
        tokio::select! {
            biased;
            taken = self.out.send(piece) => taken.is_ok(),
            () = clock.sleep_until(clock.now() + STALL_MAX) => {
                self.cut_off();
                false
            }
        }
    }

    fn cut_off(&self) {
        metrics::counter!("lianfang_feed_cut_off_total").increment(1);
        tracing::debug!("Somebody reads the alarm feed too slowly and is cut off");
    }
}

/// The body of the answer.
struct Frames(mpsc::Receiver<Bytes>);

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}
