//! The dossier of an alarm (警情档案): everything that is known of it in one document, for those who have to answer for
//! it afterwards. As JSON, and as a page to print, or several when one has no room for it.
//!
//! What was erased is shown as erased. Must not decide and must not change anything, but for noting who read it.

mod page;

use super::Web;
use super::alarms::{AlarmView, BeginningView, PartyView, SceneView, party, scene};
use super::audit::NamedEntry;
use super::caller::{Auditor, Caller};
use super::deliveries::{DeliveryView, deliveries};
use super::extract::{Parameters, PathId, wrong};
use super::guard::language_of;
use super::problem::{ApiError, Must};
use super::reach::{To, place_of_alarm};
use super::reads::Noted;
use super::session::USUAL_ZONE;
use super::timeline::{Moment, accounts_in, plan_why, timeline};
use super::who::names_of;
use crate::store::alarm_log::StoredAlarm;
use crate::store::audit::{self, Chain, EntryView};
use crate::store::traces::TraceMessage;
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use lianfang_domain::alarm::{Event, PlanWhy};
use lianfang_domain::directory::Language;
use lianfang_domain::id::AlarmId;
use lianfang_domain::plan::Plan;
use page::Wanted;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Entries of the trail that a dossier shows: an alarm has some hundred.
const ENTRIES_MAX: u32 = 1000;
/// Parts that are asked for: far more than any dossier has.
const PARTS_MAX: u32 = 10_000;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default().routes(routes!(read)).routes(routes!(print))
}

/// Everything that is known of an alarm.
#[derive(Serialize, ToSchema)]
struct Dossier {
    /// The alarm.
    #[serde(flatten)]
    alarm: AlarmView,
    /// How its beginning was measured.
    #[serde(flatten)]
    beginning: BeginningView,
    /// When this was written.
    #[schema(value_type = String, format = DateTime)]
    written_at: Timestamp,
    /// Time zone of the place (IANA), in which the printed page tells the time; that of China if the place is gone.
    time_zone: String,
    /// Names, numbers and addresses were erased; the record of what happened stays.
    is_erased: bool,
    /// Who is in trouble, and where; null when it was erased.
    scene: Option<SceneView>,
    /// Whom the latest plan reaches; empty when it was erased.
    parties: Vec<PartyView>,
    /// What happened, in order.
    timeline: Vec<Moment>,
    /// Every call and message, with its steps.
    legs: Vec<DeliveryView>,
    /// Every revision of the plan, and why there is one.
    plans: Vec<PlanView>,
    /// Who saw names, numbers and addresses of this alarm.
    reads: Vec<NamedEntry>,
    /// What the audit trail has of this alarm.
    audit: Vec<EntryView>,
    /// The SIP messages of its calls; empty when there were none or they were erased.
    trace: Vec<TraceMessage>,
}

/// A revision of the plan.
#[derive(Serialize, ToSchema)]
struct PlanView {
    /// Its number.
    revision: u16,
    /// When it was frozen.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Why there is another one, in words; empty for the first.
    why: String,
    /// Its names and numbers were erased.
    is_erased: bool,
    /// How many it reaches; null when it was erased.
    parties: Option<usize>,
    /// From which version of the directory it was made; null when it was erased.
    directory_version: Option<u64>,
}

/// Everything that is known of an alarm: timeline, calls with their steps and keys, plans, who saw it, audit hashes, SIP
/// trace.
#[utoipa::path(
    get, path = "/alarms/{id}/dossier", tag = "alarms", operation_id = "read_dossier",
    params(("id" = String, Path, description = "Id of the alarm")),
    responses((status = 200, description = "The dossier", body = Dossier)),
)]
async fn read(
    caller: Caller<Auditor>,
    State(web): State<Web>,
    Extension(noted): Extension<Noted>,
    PathId(id): PathId<AlarmId>,
    headers: HeaderMap,
) -> Result<Json<Dossier>, ApiError> {
    caller.reaches_alarm(&web, To::See, id).await?;
    Ok(Json(dossier(&web, &noted, (id, &caller.who()), (language_of(&headers), None)).await?))
}

/// The dossier as a page to print (A4, no script). One of more than 100 KB is written in numbered parts, which link to each
/// other; all of them tell what had happened when the first was opened.
#[utoipa::path(
    get, path = "/alarms/{id}/dossier.html", tag = "alarms", operation_id = "print_dossier",
    params(
        ("id" = String, Path, description = "Id of the alarm"),
        ("lang" = Option<String>, Query, description = "`zh` or `en`; as Accept-Language says if not given", pattern = "^(zh|en)$"),
        ("part" = Option<u32>, Query, description = "Which part, from 1; the first if not given. 404 when there are fewer",
            minimum = 1, maximum = 10000),
        ("as_of" = Option<String>, Query, description = "Only what had happened at this moment, such as \
            `2026-11-23T08:00:00+08:00`; parts with the same are of one dossier. Everything if not given"),
    ),
    responses((status = 200, description = "The page", body = String, content_type = "text/html")),
)]
async fn print(
    caller: Caller<Auditor>,
    State(web): State<Web>,
    Extension(noted): Extension<Noted>,
    PathId(id): PathId<AlarmId>,
    headers: HeaderMap,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let named = match parameters.take("lang").as_deref() {
        None => None,
        Some("zh") => Some(Language::Chinese),
        Some("en") => Some(Language::English),
        Some(_) => return Err(wrong("lang", Must::PageLanguage)),
    };
    let part = parameters.take_number("part", 1..=PARTS_MAX)?.unwrap_or(1);
    let as_of = parameters.take_moment("as_of")?;
    parameters.finish()?;
    caller.reaches_alarm(&web, To::See, id).await?;
    let language = named.unwrap_or_else(|| language_of(&headers));
    let dossier = dossier(&web, &noted, (id, &caller.who()), (language, as_of)).await?;
    let wanted = Wanted { language, is_language_named: named.is_some(), part: part as usize };
    let html = page::write(&dossier, &wanted).map_err(|error| ApiError::Internal(error.into()))?;
    let html = html.ok_or(ApiError::NotFound)?;
    Ok(([(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response())
}

/// Collects it for somebody, who is noted to have seen it; only what had happened at a moment, if one is given.
async fn dossier(
    web: &Web,
    noted: &Noted,
    (id, who): (AlarmId, &str),
    (language, as_of): (Language, Option<Timestamp>),
) -> Result<Dossier, ApiError> {
    let mut stored = web.alarm_log.alarm(id).await?.ok_or(ApiError::NotFound)?;
    let is_there = |at: Timestamp| as_of.is_none_or(|as_of| at <= as_of);
    stored.events.retain(|event| is_there(event.at));
    noted.note(web, who, id).await;
    let row_id = id.0.cast_signed();
    let mut of_alarm = audit::entries_of_row(web.store.alarms(), row_id, 0, ENTRIES_MAX).await?;
    of_alarm.retain(|entry| is_there(entry.at));
    let mut reads = audit::reads_of(web.store.directory(), id, ENTRIES_MAX).await?;
    reads.retain(|entry| is_there(entry.at));
    let mut trace = trace(web, id).await?;
    trace.retain(|message| is_there(message.at));
    let readers = reads.iter().map(|entry| entry.actor.to_string());
    let names = names_of(web, accounts_in(&stored).into_iter().chain(readers).collect()).await;
    let named = |entry| NamedEntry::new(Chain::Directory, entry, &names);
    let plan = stored.plans.last();
    let plans = plans(&stored, language);
    Ok(Dossier {
        alarm: AlarmView::from(&stored.row),
        beginning: BeginningView::read(web, &stored.row).await?,
        written_at: as_of.unwrap_or_else(|| web.clock.now()),
        time_zone: time_zone(web, &stored).await?,
        is_erased: plans.iter().any(|plan| plan.is_erased),
        scene: plan.map(scene),
        parties: plan.into_iter().flat_map(Plan::parties).map(party).collect(),
        timeline: timeline(&stored, &names, language),
        legs: deliveries(&stored, language),
        plans,
        reads: reads.into_iter().map(named).collect(),
        audit: of_alarm.into_iter().map(|one| EntryView::new(Chain::Alarms, one)).collect(),
        trace,
    })
}

/// The time zone of the place of an alarm.
async fn time_zone(web: &Web, stored: &StoredAlarm) -> Result<String, ApiError> {
    let community = place_of_alarm(web, stored).await?.and_then(|place| place.community);
    let directory = web.directory.current();
    let found = community.and_then(|id| directory.community(id));
    Ok(found.map_or(USUAL_ZONE, |community| &community.time_zone).to_owned())
}

fn plans(stored: &StoredAlarm, language: Language) -> Vec<PlanView> {
    let revisions = stored.events.iter().filter_map(|stored| {
        let Event::Planned { revision, why } = &stored.event else { return None };
        Some((stored.at, *revision, *why))
    });
    let view = |(at, revision, why): (Timestamp, u16, Option<PlanWhy>)| {
        let plan = stored.plans.iter().find(|plan| plan.revision == revision);
        PlanView {
            revision,
            at,
            why: why.map_or_else(String::new, |why| plan_why(why, language).to_owned()),
            is_erased: plan.is_none(),
            parties: plan.map(|plan| plan.parties.len()),
            directory_version: plan.map(|plan| plan.directory_version),
        }
    };
    revisions.map(view).collect()
}

async fn trace(web: &Web, id: AlarmId) -> Result<Vec<TraceMessage>, ApiError> {
    let Some(traces) = web.store.traces().cloned() else { return Ok(Vec::new()) };
    let read = tokio::task::spawn_blocking(move || traces.read(id)).await;
    let read = read.map_err(|error| ApiError::Internal(error.into()))?;
    read.map_err(|error| ApiError::Internal(error.into()))
}
