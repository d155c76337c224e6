//! How a drill went: figures for the desk, and a summary for everybody.

use crate::store::StoreError;
use crate::store::alarm_log::{AlarmLog, StoredAlarm};
use crate::store::drills::notices::{self, NoticeRow, NoticeState, Whose};
use crate::store::reach::Reach;
use crate::web::Web;
use crate::web::caller::{Caller, Reports};
use crate::web::extract::PathId;
use crate::web::guard::language_of;
use crate::web::problem::ApiError;
use crate::web::reach::{Area, To};
use crate::web::timeline::ended;
use crate::web::words::in_language;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use lianfang_domain::alarm::{Alarm, Event};
use lianfang_domain::directory::{Community, Language};
use lianfang_domain::drill::HomeState;
use lianfang_domain::drill::report::{self as figures, Figures, NotReached, Reached, percentile};
use lianfang_domain::id::{AlarmId, ContactId, DrillId, HouseholdId, ResponderId, WorkerId};
use lianfang_domain::leg::{Channel, LegOutcome};
use lianfang_domain::plan::Plan;
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::runtime::Handle;
use utoipa::ToSchema;

/// Alarms that are read at once.
const CHUNK: usize = 200;

/// How a drill went.
#[derive(Serialize, ToSchema)]
pub(super) struct DrillReport {
    /// Every household has rung out: the figures stay what they are.
    is_final: bool,
    /// Households that began.
    homes: u32,
    /// Households that began and whose plan was erased since: they are in no other figure.
    erased: usize,
    /// Households whose drill gave way to a real alarm.
    yielded: u32,
    /// Telephone numbers that were called, each counted once.
    phones: u32,
    /// Of them, those that rang.
    rung: u32,
    /// Of them, those that a person answered by a key.
    answered: u32,
    /// Of them, those that were picked up without a key: voicemail, or nobody.
    voicemail: u32,
    /// Numbers that were sent SMS.
    texted: u32,
    /// Of them, those whose handset confirmed it.
    delivered: u32,
    /// From the beginning of a household to its last call on the wire, in milliseconds.
    last_leg_ms: Spread,
    /// From the beginning of a household to the first answer, in milliseconds.
    first_key_ms: Spread,
    /// How many households took how long to each step, in the order of the steps.
    times: Vec<TimesView>,
    /// Numbers that no person answered, of households that the caller reaches.
    not_reached: Vec<NotReachedView>,
    /// Numbers that could not be told of the drill before it; while it has not begun, those that are not told yet. Of
    /// households, those that the caller reaches.
    not_told: Vec<NotToldView>,
    /// For everybody, without names and numbers, in Chinese.
    summary_zh: String,
    /// The same in English.
    summary_en: String,
}

/// Half of all, and nearly all, took no longer than this; null of none.
#[derive(Serialize, ToSchema)]
struct Spread {
    /// The median.
    p50: Option<u64>,
    /// 99 of 100.
    p99: Option<u64>,
}

impl Spread {
    fn of(sorted: &[u64]) -> Self {
        Self { p50: percentile(sorted, 50), p99: percentile(sorted, 99) }
    }
}

/// How many households took how long to a step.
#[derive(Serialize, ToSchema)]
struct TimesView {
    /// The step: `last_leg` (the last call of the first wave on the wire), `first_ring`, `first_key`, `coming`, `arrived`.
    step: &'static str,
    /// Households that came so far.
    homes: usize,
    /// The median, in milliseconds; null of none.
    p50: Option<u64>,
    /// 99 of 100 took no longer, in milliseconds; null of none.
    p99: Option<u64>,
    /// The households by how long it took; the first span begins at 0, each of the others where the one before ends.
    spans: Vec<SpanView>,
}

/// A span of a histogram.
#[derive(Serialize, ToSchema)]
struct SpanView {
    /// Its end in milliseconds, which belongs to it; null of the last, which has none.
    until_ms: Option<u64>,
    /// Households in it.
    homes: usize,
}

impl TimesView {
    fn of(step: &'static str, sorted: &[u64]) -> Self {
        let Spread { p50, p99 } = Spread::of(sorted);
        let ends = figures::SPANS_MS.into_iter().map(Some).chain(std::iter::once(None));
        let spans = ends.zip(figures::spans(sorted));
        let spans = spans.map(|(until_ms, homes)| SpanView { until_ms, homes }).collect();
        Self { step, homes: sorted.len(), p50, p99, spans }
    }
}

/// A number that no person answered.
#[derive(Serialize, ToSchema)]
struct NotReachedView {
    /// The alarm in which it was called.
    #[schema(value_type = String)]
    alarm_id: AlarmId,
    /// The household that was called, if it is one.
    #[schema(value_type = Option<u32>)]
    household_id: Option<HouseholdId>,
    /// The person.
    #[schema(value_type = Option<u32>)]
    contact_id: Option<ContactId>,
    /// The worker.
    #[schema(value_type = Option<u32>)]
    worker_id: Option<WorkerId>,
    /// The responder.
    #[schema(value_type = Option<u32>)]
    responder_id: Option<ResponderId>,
    /// How the person is called.
    name: String,
    /// The number, masked.
    number: String,
    /// Why: `no_key`, `declined`, `busy`, `no_answer`, `stopped`, `failed` or `bad_number`.
    why: &'static str,
    /// The same in words.
    reason: String,
}

/// A number that could not be told of the drill.
#[derive(Serialize, ToSchema)]
struct NotToldView {
    /// The household, if it is one.
    #[schema(value_type = Option<u32>)]
    household_id: Option<HouseholdId>,
    /// The person.
    #[schema(value_type = Option<u32>)]
    contact_id: Option<ContactId>,
    /// The worker.
    #[schema(value_type = Option<u32>)]
    worker_id: Option<WorkerId>,
    /// The responder.
    #[schema(value_type = Option<u32>)]
    responder_id: Option<ResponderId>,
    /// Which of their numbers, from 0.
    number_index: u8,
    /// By what it was tried last: `sms` or `voice`.
    channel: &'static str,
    /// How the last try ended, in words.
    reason: String,
}

impl NotToldView {
    /// `None` of who was told.
    fn of(row: &NoticeRow, language: Language) -> Option<Self> {
        let reason = match (row.state, row.outcome) {
            (NoticeState::Told, _) => return None,
            (NoticeState::Waiting, None) => in_language!(language, "尚未通知", "not told yet"),
            (NoticeState::Failed, None) => {
                in_language!(language, "没有可用的方式或时间", "no way or no time to tell them")
            }
            (NoticeState::Waiting | NoticeState::Failed, Some(LegOutcome::Lost)) => {
                in_language!(language, "已发出，没有回音", "sent, nothing was heard of it")
            }
            (NoticeState::Waiting | NoticeState::Failed, Some(outcome)) => {
                ended(outcome, language).to_owned()
            }
        };
        let Whose { household, contact, worker, responder, number_index } = row.whose;
        Some(Self {
            household_id: household,
            contact_id: contact,
            worker_id: worker,
            responder_id: responder,
            number_index,
            channel: match row.channel {
                Channel::Sms => "sms",
                Channel::Voice => "voice",
            },
            reason,
        })
    }
}

/// How a drill went, in figures and in words that can be published.
#[utoipa::path(
    get, path = "/drills/{id}/report", tag = "drills", operation_id = "report_drill",
    params(("id" = u32, Path, description = "Id of the drill")),
    responses((status = 200, description = "The report", body = DrillReport)),
)]
pub(super) async fn report(
    caller: Caller<Reports>,
    State(web): State<Web>,
    PathId(id): PathId<DrillId>,
    headers: HeaderMap,
) -> Result<Json<DrillReport>, ApiError> {
    let stored = super::within(&web, &caller, To::See, id).await?;
    let area = caller.area(&web).await?;
    let directory = web.directory.current();
    let community = directory.community(stored.drill.community);
    let (mut started, mut shown) = (Vec::new(), BTreeSet::new());
    for home in &stored.homes {
        if let HomeState::Started { alarm, .. } = home.state {
            started.push(alarm);
            shown.extend(super::is_shown(&area, community, home.group).then_some(alarm));
        }
    }
    let begun = started.len();
    // Ten thousand alarms take a while to read: aside, so that nothing else of ours waits for them.
    let (log, runtime) = (web.alarm_log.clone(), Handle::current());
    let counted = tokio::task::spawn_blocking(move || runtime.block_on(count(&log, &started)));
    let mut counted = counted.await.map_err(|error| ApiError::Internal(error.into()))??;
    counted.not_reached.retain(|missed| shown.contains(&missed.alarm));
    let name = community.map_or_else(|| "".into(), |community| Arc::clone(&community.name));
    let language = language_of(&headers);
    let is_told_of = |row: &&NoticeRow| {
        area.reach == Reach::Everything
            || community.is_some_and(|found| shows(&area, found, row.whose))
    };
    let rows = notices::all(web.store.alarms(), id).await?;
    let not_told = rows.iter().filter(is_told_of).filter_map(|row| NotToldView::of(row, language));
    Ok(Json(DrillReport {
        is_final: stored.ended.is_some() && !counted.may_grow,
        erased: begun.saturating_sub(usize::try_from(counted.homes).unwrap_or(usize::MAX)),
        summary_zh: figures::summary(&name, &counted, Language::Chinese),
        summary_en: figures::summary(&name, &counted, Language::English),
        not_told: not_told.collect(),
        ..view(counted, language)
    }))
}

/// Whether somebody may see that a number could not be told.
fn shows(area: &Area, community: &Community, whose: Whose) -> bool {
    match (whose.household, whose.responder) {
        (Some(household), _) => area.shows_home(community, household),
        (None, Some(responder)) => area.shows_responder(community, responder),
        (None, None) => area.shows_community(community),
    }
}

/// Counts alarms, a few at a time.
async fn count(log: &AlarmLog, alarms: &[AlarmId]) -> Result<Figures, StoreError> {
    let mut count = figures::Count::default();
    for chunk in alarms.chunks(CHUNK) {
        for stored in log.alarms(chunk).await? {
            if let Some((alarm, has_yielded)) = fold(&stored) {
                count.add(&alarm, has_yielded);
            }
        }
    }
    Ok(count.figures())
}

/// The alarm, and whether it gave way; `None` where its plan was erased.
fn fold(stored: &StoredAlarm) -> Option<(Alarm, bool)> {
    let plans: Vec<Arc<Plan>> = stored.plans.iter().cloned().map(Arc::new).collect();
    let events = stored.events.iter().map(|stored| (stored.at, &stored.event));
    let alarm = Alarm::fold(stored.row.id, &plans, events).ok()?;
    let has_yielded =
        stored.events.iter().any(|stored| matches!(stored.event, Event::Yielded { .. }));
    Some((alarm, has_yielded))
}

fn view(counted: Figures, language: Language) -> DrillReport {
    let not_reached = counted.not_reached.into_iter();
    DrillReport {
        is_final: false,
        homes: counted.homes,
        erased: 0,
        yielded: counted.yielded,
        phones: counted.phones,
        rung: counted.rung,
        answered: counted.answered,
        voicemail: counted.voicemail,
        texted: counted.texted,
        delivered: counted.delivered,
        last_leg_ms: Spread::of(&counted.last_leg_ms),
        first_key_ms: Spread::of(&counted.first_key_ms),
        times: vec![
            TimesView::of("last_leg", &counted.last_leg_ms),
            TimesView::of("first_ring", &counted.first_ring_ms),
            TimesView::of("first_key", &counted.first_key_ms),
            TimesView::of("coming", &counted.coming_ms),
            TimesView::of("arrived", &counted.arrived_ms),
        ],
        not_reached: not_reached.filter_map(|missed| missed_view(missed, language)).collect(),
        not_told: Vec::new(),
        summary_zh: String::new(),
        summary_en: String::new(),
    }
}

/// `None` of who answered.
fn missed_view(missed: NotReached, language: Language) -> Option<NotReachedView> {
    let (why, reason) = match missed.why {
        Reached::Key => return None,
        Reached::NoKey => ("no_key", in_language!(language, "接通但未按键", "picked up, no key")),
        Reached::Declined => ("declined", in_language!(language, "拒接", "declined")),
        Reached::Busy => ("busy", in_language!(language, "忙线", "busy")),
        Reached::NoAnswer => ("no_answer", in_language!(language, "无人接听", "no answer")),
        Reached::Stopped => {
            ("stopped", in_language!(language, "响铃中提前结束", "ended before an answer"))
        }
        Reached::Failed => ("failed", in_language!(language, "未能呼出", "the call failed")),
        Reached::BadNumber => ("bad_number", in_language!(language, "空号", "no such number")),
    };
    Some(NotReachedView {
        alarm_id: missed.alarm,
        household_id: missed.household,
        contact_id: missed.contact,
        worker_id: missed.worker,
        responder_id: missed.responder,
        name: missed.name.to_string(),
        number: missed.number.to_string(),
        why,
        reason,
    })
}
