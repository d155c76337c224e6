//! Proving the trail over the API: both chains are read aside, one verification at a time, and whoever asks sees how far
//! it is and what the last one found, and may end it.
//!
//! It reads by connections of its own, with nothing of the alarm path, and holds its view of a database at most
//! [`LONGEST`]: for so long what is written meanwhile stays in the write-ahead log.

use super::database;
use crate::store::audit::{self, Anchor, AnchorError, Chain, Verified};
use crate::store::reach::Reach;
use crate::web::Web;
use crate::web::caller::{Auditor, Caller};
use crate::web::extract::Body;
use crate::web::guard::language_of;
use crate::web::problem::ApiError;
use crate::web::words;
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use lianfang_domain::directory::Language;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

/// How long one may read. A town has some hundred thousand entries a year, which take seconds.
const LONGEST: Duration = Duration::from_secs(600);
/// Heads that may be held against the chains.
const HEADS_MAX: usize = 20;

/// The verification that is under way or was the last one, since the service started.
#[derive(Clone, Debug, Default)]
pub(in crate::web) struct Verifications(Arc<Mutex<Option<Verification>>>);

#[derive(Clone, Debug)]
struct Verification {
    begun: Timestamp,
    ended: Option<Timestamp>,
    /// Entries of both chains when it began.
    entries: u64,
    /// Entries and rows that were read.
    read: u64,
    outcome: Outcome,
    end: End,
}

/// How one is ended, and that it has ended, so that its connection is free for the next.
#[derive(Clone, Debug, Default)]
struct End {
    is_wanted: CancellationToken,
    is_there: CancellationToken,
}

#[derive(Clone, Debug)]
enum Outcome {
    Running,
    Found(Vec<Verified>),
    /// Somebody ended it before it was through; that proves nothing.
    Cancelled,
    /// The database could not be read, or it took too long; that proves nothing.
    Failed,
}

impl Verifications {
    fn last(&self) -> MutexGuard<'_, Option<Verification>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the only place; none where somebody has it.
    fn take_place(&self, begun: Timestamp, entries: u64) -> Option<End> {
        let mut last = self.last();
        let is_taken = last.as_ref().is_some_and(|one| matches!(one.outcome, Outcome::Running));
        if is_taken {
            return None;
        }
        let (outcome, end) = (Outcome::Running, End::default());
        let kept = end.clone();
        *last = Some(Verification { begun, ended: None, entries, read: 0, outcome, end: kept });
        Some(end)
    }

    /// Ends the one that is under way, if one is. Returns once it has.
    async fn cancel(&self) {
        let end = self.last().as_ref().map(|one| one.end.clone());
        if let Some(end) = end {
            end.is_wanted.cancel();
            end.is_there.cancelled().await;
        }
    }

    fn note(&self, note: impl FnOnce(&mut Verification)) {
        if let Some(last) = self.last().as_mut() {
            note(last);
        }
    }
}

/// What is held against the chains.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct VerificationDraft {
    /// Heads that were noted elsewhere (`note` of `/audit/head`), at most 20. Without one, entries that were cut off at
    /// the end are not missed.
    #[serde(default)]
    #[schema(max_items = 20, value_type = Vec<String>)]
    heads: Vec<Noted>,
}

/// A head as it was noted.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Noted(Anchor);

impl TryFrom<String> for Noted {
    type Error = AnchorError;

    fn try_from(text: String) -> Result<Self, AnchorError> {
        text.trim().parse().map(Self)
    }
}

/// A verification of the audit trail (审计验证).
#[derive(Serialize, ToSchema)]
pub(super) struct VerificationView {
    /// `none` since the service started, `running`, `whole`, `broken`, `cancelled`: somebody ended it before it was
    /// through, which proves nothing, or `failed`: it could not be read, or took longer than ten minutes.
    state: &'static str,
    /// When it began.
    #[schema(value_type = Option<String>, format = DateTime)]
    begun_at: Option<Timestamp>,
    /// When it ended; null while it is running.
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
    /// Entries and rows that were read so far.
    read: u64,
    /// Entries that there were when it began; what they tell of is read besides.
    entries: u64,
    /// What was found of each chain, once it has ended.
    chains: Vec<ChainView>,
}

/// What was found of a chain.
#[derive(Serialize, ToSchema)]
struct ChainView {
    /// `alarms` or `directory`.
    #[schema(value_type = String)]
    chain: &'static str,
    /// Whether nothing is broken.
    is_whole: bool,
    /// Entries that it has.
    entries: u64,
    /// When the first of them happened.
    #[schema(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// When the newest of them happened.
    #[schema(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// The newest entry, to be noted elsewhere, such as `alarms:12:9f86…`.
    head: Option<String>,
    /// What is broken and why, in the language of the reader: the first 100, the first entry that does not hold before
    /// others. None for who does not reach everything, since they name alarms and rows.
    faults: Vec<String>,
    /// How many are.
    faults_total: u64,
}

impl VerificationView {
    fn of(last: Option<&Verification>, reach: Reach, language: Language) -> Self {
        let Some(last) = last else {
            let (begun_at, ended_at, chains) = (None, None, Vec::new());
            return Self { state: "none", begun_at, ended_at, read: 0, entries: 0, chains };
        };
        let (state, found) = match &last.outcome {
            Outcome::Running => ("running", [].as_slice()),
            Outcome::Cancelled => ("cancelled", [].as_slice()),
            Outcome::Failed => ("failed", [].as_slice()),
            Outcome::Found(found) if found.iter().all(Verified::is_whole) => ("whole", &**found),
            Outcome::Found(found) => ("broken", &**found),
        };
        Self {
            state,
            begun_at: Some(last.begun),
            ended_at: last.ended,
            read: last.read,
            entries: last.entries,
            chains: found.iter().map(|one| ChainView::of(one, reach, language)).collect(),
        }
    }
}

impl ChainView {
    fn of(found: &Verified, reach: Reach, language: Language) -> Self {
        let mut faults = Vec::new();
        if reach == Reach::Everything {
            faults.extend(found.faults.iter().map(|fault| words::broken(fault, language)));
        }
        Self {
            chain: found.chain.name(),
            is_whole: found.is_whole(),
            entries: found.entries,
            from: found.span.map(|(from, _)| from),
            to: found.span.map(|(_, to)| to),
            head: found.head.map(|head| format!("{}:{head}", found.chain)),
            faults,
            faults_total: found.faults_total,
        }
    }
}

/// Begin to verify the whole trail, unless that is under way: that nothing was changed, left out, added or cut off since it
/// was written. `GET` says how far it is, and what was found.
#[utoipa::path(
    post, path = "/audit/verification", tag = "audit", operation_id = "verify_audit",
    request_body = VerificationDraft,
    responses((status = 202, description = "It is under way", body = VerificationView)),
)]
pub(super) async fn begin(
    caller: Caller<Auditor>,
    State(web): State<Web>,
    Extension(all): Extension<Verifications>,
    headers: HeaderMap,
    Body(draft): Body<VerificationDraft>,
) -> Result<(StatusCode, Json<VerificationView>), ApiError> {
    if HEADS_MAX < draft.heads.len() {
        let cause = format!("more than {HEADS_MAX}");
        return Err(ApiError::Form { pointer: "/heads".to_owned(), cause });
    }
    let mut entries = 0;
    for chain in Chain::ALL {
        entries += audit::head(database(&web, chain)).await?.map_or(0, |head| head.sequence);
    }
    if let Some(end) = all.take_place(web.clock.now(), entries) {
        let anchors: Vec<Anchor> = draft.heads.into_iter().map(|Noted(anchor)| anchor).collect();
        let (service, all) = (Arc::clone(&web), all.clone());
        web.tasks.start("verification", |stop| async move {
            let _told = end.is_there.drop_guard();
            let proof = end.is_wanted.run_until_cancelled(prove(&service, &all, &anchors));
            // Whoever stops the service waits for no proof.
            if let Some(None) = stop.run_until_cancelled(proof).await {
                let ended = Some(service.clock.now());
                all.note(|last| (last.ended, last.outcome) = (ended, Outcome::Cancelled));
            }
        });
    }
    let view = VerificationView::of(all.last().as_ref(), caller.reach(), language_of(&headers));
    Ok((StatusCode::ACCEPTED, Json(view)))
}

/// The verification that is under way, or the last one since the service started.
#[utoipa::path(
    get, path = "/audit/verification", tag = "audit", operation_id = "read_audit_verification",
    responses((status = 200, description = "How far it is, or what was found", body = VerificationView)),
)]
pub(super) async fn show(
    caller: Caller<Auditor>,
    Extension(all): Extension<Verifications>,
    headers: HeaderMap,
) -> Json<VerificationView> {
    Json(VerificationView::of(all.last().as_ref(), caller.reach(), language_of(&headers)))
}

/// End the verification that is under way, if one is: `GET` says then that it was cancelled, and another may begin. What
/// one found that was through stays.
#[utoipa::path(
    delete, path = "/audit/verification", tag = "audit", operation_id = "cancel_audit_verification",
    responses((status = 204, description = "None is under way any more")),
)]
pub(super) async fn cancel(
    _caller: Caller<Auditor>,
    Extension(all): Extension<Verifications>,
) -> StatusCode {
    all.cancel().await;
    StatusCode::NO_CONTENT
}

async fn prove(web: &Web, all: &Verifications, anchors: &[Anchor]) {
    let outcome = match tokio::time::timeout(LONGEST, read(web, all, anchors)).await {
        Ok(Ok(found)) => {
            let broken = found.iter().filter(|one| !one.is_whole());
            broken.for_each(|one| {
                tracing::error!(
                    chain = one.chain.name(),
                    faults = one.faults_total,
                    "The audit trail is broken"
                );
            });
            Outcome::Found(found)
        }
        Ok(Err(error)) => {
            tracing::error!(%error, "The audit trail cannot be verified");
            Outcome::Failed
        }
        Err(error) => {
            tracing::error!(%error, "The audit trail cannot be verified");
            Outcome::Failed
        }
    };
    let ended = Some(web.clock.now());
    all.note(|last| (last.ended, last.outcome) = (ended, outcome));
}

async fn read(
    web: &Web,
    all: &Verifications,
    anchors: &[Anchor],
) -> Result<Vec<Verified>, sqlx::Error> {
    let mut found = Vec::new();
    let mut before = 0;
    for chain in Chain::ALL {
        let mut reader = database(web, chain).long_reader().acquire().await?;
        let mut read = before;
        let mut progress = |progress: audit::Progress| {
            read = before + progress.rows;
            all.note(|last| last.read = read);
        };
        found.push(audit::verify(&mut reader, chain, anchors, &mut progress).await?);
        before = read;
    }
    audit::miss_heads(&mut found, anchors);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_under_way_at_a_time_and_the_last_one_is_kept() {
        let all = Verifications::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        let view =
            || VerificationView::of(all.last().as_ref(), Reach::Everything, Language::default());
        assert_eq!(view().state, "none");
        assert!(all.take_place(at(1), 9).is_some());
        assert!(all.take_place(at(2), 10).is_none(), "it is taken");
        assert_eq!((view().state, view().begun_at, view().entries), ("running", Some(at(1)), 9));
        all.note(|last| (last.ended, last.outcome) = (Some(at(3)), Outcome::Failed));
        assert_eq!((view().state, view().ended_at), ("failed", Some(at(3))));
        assert!(all.take_place(at(4), 10).is_some());
        assert_eq!((view().state, view().ended_at, view().read), ("running", None, 0));
    }
}
