//! Cases: who owns an alarm, which of its steps are late, what was written of it, and the call or visit next day.

use super::Web;
use super::alarms::{Wanted, act};
use super::caller::{Caller, Operator};
use super::extract::{Body, Parameters, PathId, wrong};
use super::ports::{ActError, Action};
use super::problem::{ApiError, Must};
use super::reach::To;
use super::search::Index;
use crate::store::StoreError;
use crate::store::alarm_log::{AlarmRow, CaseError, FollowUp, FollowUpKind, Note, StoredAlarm};
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use lianfang_domain::alarm::{Alarm, CaseStep, Event, Reminders};
use lianfang_domain::id::AlarmId;
use lianfang_domain::kind::AlarmKind;
use lianfang_domain::plan::PartyId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest page.
const LIMIT_MAX: u32 = 200;
/// Length of a page where the client names none.
const LIMIT: u32 = 50;
/// A follow-up that nobody did is asked for so long, in days.
const FOLLOW_UP_DAYS: i64 = 30;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default()
        .routes(routes!(list))
        .routes(routes!(add_note))
        .routes(routes!(change_owner))
        .routes(routes!(follow_up))
}

/// A case: an alarm on its way to its end and after.
#[derive(Serialize, ToSchema)]
pub(super) struct CaseView {
    /// What is the matter, as far as anybody has said.
    #[schema(schema_with = kinds)]
    kind: AlarmKind,
    /// An exercise.
    is_drill: bool,
    /// The party that owns it; null while nobody has accepted.
    #[schema(value_type = Option<u16>)]
    owner: Option<PartyId>,
    /// The resident was made to withdraw it.
    is_duress: bool,
    /// What has to be done in time.
    steps: Vec<StepView>,
    /// When the household is due to be asked how it is; null if it need not, or the case is open.
    #[schema(value_type = Option<String>, format = DateTime)]
    follow_up_due_at: Option<Timestamp>,
    /// How often a duty worker was reminded of it, three times at most.
    follow_up_reminders: u8,
    /// How it was.
    follow_up: Option<FollowUpView>,
    /// Something of it is late.
    is_overdue: bool,
}

/// A step of a case.
#[derive(Serialize, ToSchema)]
struct StepView {
    /// `accepted`, `arrived` or `closed`.
    step: &'static str,
    /// By when.
    #[schema(value_type = String, format = DateTime)]
    due_at: Timestamp,
    /// When it was done.
    #[schema(value_type = Option<String>, format = DateTime)]
    done_at: Option<Timestamp>,
    /// It was done too late, or it is too late.
    is_late: bool,
}

/// What was done for the household next day.
#[derive(Serialize, ToSchema)]
struct FollowUpView {
    /// `call` or `visit`.
    kind: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    done_at: Timestamp,
    /// Who.
    author: String,
    /// The name of who it was; null for programs and accounts that are gone.
    author_name: Option<String>,
    /// How it went; empty when it was erased.
    text: String,
}

/// Something that somebody wrote of an alarm.
#[derive(Serialize, ToSchema)]
pub(super) struct NoteView {
    /// Counts the notes of the alarm, from 1.
    note: u32,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Who.
    author: String,
    /// The name of who it was; null for programs and accounts that are gone.
    author_name: Option<String>,
    /// What.
    text: String,
}

impl NoteView {
    /// A note, with these names of accounts.
    pub(super) fn new(note: Note, names: &BTreeMap<String, String>) -> Self {
        let Note { note, at_us, author, text } = note;
        Self { note, at: time(at_us), author_name: names.get(&author).cloned(), author, text }
    }
}

/// What was done for the household after its alarm.
pub(super) struct LookedAfter {
    followed_up: Option<FollowUp>,
    reminders: Reminders,
}

impl LookedAfter {
    /// Reads it.
    pub(super) async fn read(web: &Web, id: AlarmId) -> Result<Self, StoreError> {
        let followed_up = web.alarm_log.followed_up(id).await?;
        Ok(Self { followed_up, reminders: web.alarm_log.follow_up_reminders(id).await? })
    }
}

impl CaseView {
    /// The case of an alarm; `None` when its plans were erased.
    pub(super) fn of(
        stored: &StoredAlarm,
        looked_after: LookedAfter,
        now: Timestamp,
    ) -> Option<Self> {
        let LookedAfter { followed_up, reminders } = looked_after;
        let plans: Vec<_> = stored.plans.iter().cloned().map(std::sync::Arc::new).collect();
        let events = stored.events.iter().map(|stored| (stored.at, &stored.event));
        let alarm = Alarm::fold(stored.row.id, &plans, events).ok()?;
        let steps = alarm.steps(now).map(|state| StepView {
            step: match state.step {
                CaseStep::Accepted => "accepted",
                CaseStep::Arrived => "arrived",
                CaseStep::Closed => "closed",
            },
            due_at: state.due_at,
            done_at: state.done_at,
            is_late: state.is_late,
        });
        let closing = alarm.closing();
        let due = closing.and_then(|closing| closing.follow_up_at);
        let is_waiting =
            |due: &Timestamp| followed_up.is_none() && !alarm.plan().is_drill && *due <= now;
        let is_late = |step: &StepView| step.is_late && step.done_at.is_none();
        Some(Self {
            kind: closing.and_then(|closing| closing.matter).unwrap_or(alarm.plan().kind),
            is_drill: alarm.plan().is_drill,
            owner: alarm.owner(),
            is_duress: alarm.duress_at().is_some(),
            is_overdue: due.as_ref().is_some_and(is_waiting)
                || (closing.is_none() && steps.iter().any(is_late)),
            steps: steps.into(),
            follow_up_due_at: due,
            follow_up_reminders: reminders.times,
            follow_up: followed_up.map(|done| FollowUpView {
                kind: done.kind,
                done_at: time(done.done_us),
                author_name: None,
                author: done.author,
                text: done.text,
            }),
        })
    }

    /// Who says how the household was, if anybody.
    pub(super) fn author(&self) -> Option<&str> {
        self.follow_up.as_ref().map(|done| done.author.as_str())
    }

    /// Names who says how the household was.
    pub(super) fn name_author(&mut self, names: &BTreeMap<String, String>) {
        if let Some(done) = &mut self.follow_up {
            done.author_name = names.get(&done.author).cloned();
        }
    }

    fn wants_something(&self) -> bool {
        let is_open = self.steps.iter().any(|step| step.step == "closed" && step.done_at.is_none());
        is_open || (self.follow_up_due_at.is_some() && self.follow_up.is_none())
    }
}

/// A case in a list.
#[derive(Serialize, ToSchema)]
struct CaseRow {
    /// The alarm.
    #[schema(value_type = String)]
    id: AlarmId,
    /// When it was raised.
    #[schema(value_type = String, format = DateTime)]
    raised_at: Timestamp,
    /// The case.
    #[serde(flatten)]
    case: CaseView,
}

/// A page of cases, the latest first.
#[derive(Serialize, ToSchema)]
struct CasePage {
    /// The cases.
    items: Vec<CaseRow>,
    /// `after` of the next page; null on the last one. A page may be shorter than asked and not the last.
    #[schema(value_type = Option<String>)]
    next: Option<AlarmId>,
}

/// List the cases that want something: open, or to be followed up.
#[utoipa::path(
    get, path = "/cases", tag = "alarms", operation_id = "list_cases",
    params(
        ("overdue" = Option<String>, Query, description = "`true`: only those of which something is late",
            pattern = "^(true|false)$"),
        ("community_id" = Option<u32>, Query, description = "Only cases of lines that this community has", minimum = 0, maximum = 4_294_967_295_u32),
        ("from" = Option<String>, Query, description = "Only alarms that were raised at this moment or later, such as `2026-11-23T08:00:00+08:00`"),
        ("to" = Option<String>, Query, description = "Only alarms that were raised before this moment"),
        ("kind" = Option<String>, Query, description = "Only alarms in which this was the matter, as far as anybody has said",
            pattern = "^(unknown|fire|intruder|illness|flood|other)$"),
        ("outcome" = Option<String>, Query, description = "Only alarms that were closed as this",
            pattern = "^(genuine|false_alarm|drill|test|unknown)$"),
        ("q" = Option<String>, Query, description = "Only alarms of lines that are found so now: a name, its pinyin, a number or a door, as for `/search`; for those who may search",
            max_length = 64),
        ("after" = Option<String>, Query, description = "Only alarms before this one: `next` of the page before",
            pattern = "^[0-9a-f][0-9a-hjkmnp-tv-z]{12}$"),
        ("limit" = Option<u32>, Query, description = "Length of the page; 50 if not given", minimum = 1, maximum = 200),
    ),
    responses((status = 200, description = "A page", body = CasePage)),
)]
async fn list(
    caller: Caller<Operator>,
    State(web): State<Web>,
    Extension(index): Extension<Index>,
    mut parameters: Parameters,
) -> Result<Json<CasePage>, ApiError> {
    let limit = parameters.take_number("limit", 1..=LIMIT_MAX)?.unwrap_or(LIMIT);
    let is_overdue = match parameters.take("overdue").as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(wrong("overdue", Must::Flag)),
    };
    let wanted = Wanted::take(&mut parameters)?;
    parameters.finish()?;
    let lines = wanted.lines((&web, &index), &caller).await?;
    let now = web.clock.now();
    let kept = SignedDuration::from_hours(24 * FOLLOW_UP_DAYS);
    let since = now.saturating_sub(kept).unwrap_or(Timestamp::MIN);
    let filter = wanted.filter(lines.as_deref());
    let stored = web.alarm_log.unfinished(since, &filter, limit).await?;
    let is_last = stored.len() < limit as usize;
    let next = if is_last { None } else { stored.last().map(|stored| stored.row.id) };
    let mut items = Vec::with_capacity(stored.len());
    let area = caller.area(&web).await?;
    let rows: Vec<AlarmRow> = stored.iter().map(|stored| stored.row.clone()).collect();
    let ids: Vec<AlarmId> = rows.iter().map(|row| row.id).collect();
    let mut reminders = web.alarm_log.reminders_of(&ids).await?;
    let within = area.keep_alarms(&web, rows).await?;
    let is_within = |id| within.iter().any(|row| row.id == id);
    for stored in stored.into_iter().filter(|stored| is_within(stored.row.id)) {
        let (id, raised_at) = (stored.row.id, stored.row.raised);
        // Whose household was looked after is not unfinished.
        let reminders = reminders.remove(&id).unwrap_or_default();
        let looked_after = LookedAfter { followed_up: None, reminders };
        let case = CaseView::of(&stored, looked_after, now);
        let outcome = stored.events.iter().rev().find_map(|stored| {
            let Event::Closed { outcome, .. } = stored.event else { return None };
            Some(outcome)
        });
        let is_meant = |case: &CaseView| {
            let is_late = case.is_overdue || !is_overdue;
            is_late && case.wants_something() && wanted.fits(case.kind, outcome)
        };
        items.extend(case.filter(is_meant).map(|case| CaseRow { id, raised_at, case }));
    }
    Ok(Json(CasePage { items, next }))
}

/// Text that somebody writes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Written {
    /// What.
    #[schema(min_length = 1, max_length = 2000)]
    text: String,
}

/// The number of a note.
#[derive(Serialize, ToSchema)]
struct Numbered {
    /// Counts the notes of the alarm, from 1.
    note: u32,
}

/// Write a note. It is personal data and erased with the plans of the alarm.
#[utoipa::path(
    post, path = "/alarms/{id}/notes", tag = "alarms", operation_id = "add_note",
    params(("id" = String, Path, description = "Id of the alarm")), request_body = Written,
    responses((status = 201, description = "Written", body = Numbered)),
)]
async fn add_note(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId(id): PathId<AlarmId>,
    Body(Written { text }): Body<Written>,
) -> Result<(StatusCode, Json<Numbered>), ApiError> {
    caller.reaches_alarm(&web, To::Edit, id).await?;
    let text = checked(&text, 1)?;
    let actor: std::sync::Arc<str> = caller.name().into();
    let note = web.alarm_log.add_note(id, &actor, text).await?;
    match web.alarms.act(id, Action::Note { note }, actor).await {
        // The note of a closed alarm stands beside it.
        Ok(()) | Err(ActError::Closed | ActError::Unavailable) => {}
        Err(ActError::UnknownAlarm | ActError::UnknownParty | ActError::CannotAdd(_)) => {
            return Err(ApiError::NotFound);
        }
    }
    Ok((StatusCode::CREATED, Json(Numbered { note })))
}

/// Who owns the case from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewOwner {
    /// Its number in `parties`.
    #[schema(value_type = u16)]
    party: PartyId,
}

/// Give the case to somebody else.
#[utoipa::path(
    post, path = "/alarms/{id}/owner", tag = "alarms", operation_id = "change_owner",
    params(("id" = String, Path, description = "Id of the alarm")), request_body = NewOwner,
    responses((status = 204, description = "Given")),
)]
async fn change_owner(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId(id): PathId<AlarmId>,
    Body(NewOwner { party }): Body<NewOwner>,
) -> Result<StatusCode, ApiError> {
    act(&web, id, Action::ChangeOwner { party }, caller).await
}

/// How the household was looked after.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FollowUpDone {
    /// `call` or `visit`.
    #[schema(schema_with = follow_ups)]
    kind: Looked,
    /// How it went.
    #[serde(default)]
    #[schema(max_length = 2000)]
    text: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Looked {
    Call,
    Visit,
}

/// Say that the household was called or visited after the alarm. The first to say so stays.
#[utoipa::path(
    post, path = "/alarms/{id}/follow-up", tag = "alarms", operation_id = "follow_up",
    params(("id" = String, Path, description = "Id of the alarm")), request_body = FollowUpDone,
    responses((status = 204, description = "Noted")),
)]
async fn follow_up(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId(id): PathId<AlarmId>,
    Body(FollowUpDone { kind, text }): Body<FollowUpDone>,
) -> Result<StatusCode, ApiError> {
    let kind = match kind {
        Looked::Call => FollowUpKind::Call,
        Looked::Visit => FollowUpKind::Visit,
    };
    caller.reaches_alarm(&web, To::Edit, id).await?;
    let text = checked(&text, 0)?;
    web.alarm_log.follow_up(id, kind, (&caller.name(), text)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Longest text of a note or follow-up, in characters.
const TEXT_MAX: usize = 2000;

fn checked(text: &str, length_min: usize) -> Result<&str, ApiError> {
    let text = text.trim();
    let length = text.chars().count();
    if length < length_min || TEXT_MAX < length || text.contains('\0') {
        return Err(form("has 1 to 2000 characters"));
    }
    Ok(text)
}

fn form(cause: &str) -> ApiError {
    ApiError::Form { pointer: "/text".to_owned(), cause: cause.to_owned() }
}

fn time(us: i64) -> Timestamp {
    Timestamp::from_microsecond(us).unwrap_or(Timestamp::MAX)
}

pub(super) fn kinds() -> utoipa::openapi::schema::Schema {
    one_of(&["unknown", "fire", "intruder", "illness", "flood", "other"])
}

fn follow_ups() -> utoipa::openapi::schema::Schema {
    one_of(&["call", "visit"])
}

fn one_of(names: &[&str]) -> utoipa::openapi::schema::Schema {
    utoipa::openapi::ObjectBuilder::new()
        .schema_type(utoipa::openapi::Type::String)
        .enum_values(Some(names.iter().copied()))
        .into()
}

impl From<CaseError> for ApiError {
    fn from(error: CaseError) -> Self {
        match error {
            CaseError::UnknownAlarm => Self::NotFound,
            CaseError::TooManyNotes => form("an alarm has at most 200 notes"),
            CaseError::Store(error) => error.into(),
        }
    }
}
