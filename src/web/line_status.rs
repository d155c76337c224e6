//! How the lines are: registered or not, since when, with which device, and what they last sent when an alarm was raised.

use super::Web;
use super::caller::{Caller, Operator};
use super::extract::{Parameters, PathId, wrong};
use super::groups::place_of;
use super::ports::{Binding, LineState};
use super::problem::{ApiError, Must};
use super::reach::To;
use crate::store::alarm_log::{AlarmOfLine, LastOfLine};
use crate::store::nouns::Kind;
use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use lianfang_domain::alarm::{CloseOutcome, Event, Proof, Trigger, TriggerSource};
use lianfang_domain::directory::{Community, Household, Line};
use lianfang_domain::id::{AlarmId, CommunityId, HouseholdId, LineId};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest page.
const LIMIT_MAX: u32 = 200;
/// Length of a page where the client names none.
const LIMIT: u32 = 50;
/// Lines that are looked through for one page; those that follow are on the next.
const LOOKED_THROUGH: usize = 10_000;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default().routes(routes!(list)).routes(routes!(one))
}

/// A page of lines.
#[derive(Serialize, ToSchema)]
struct StatusPage {
    /// The lines, by id.
    items: Vec<StatusView>,
    /// `after` of the next page; null on the last one. A page may be short or empty and yet have a next one.
    next: Option<u32>,
}

/// How a line is.
#[derive(Serialize, ToSchema)]
struct StatusView {
    /// The line.
    #[schema(value_type = u32)]
    id: LineId,
    /// The account under which it registers.
    account: String,
    /// Its number, masked.
    number: String,
    /// The household that it stands in.
    #[schema(value_type = u32)]
    household_id: HouseholdId,
    /// How neighbours call it.
    household: String,
    /// Where it is, such as `3-2-502`.
    place: String,
    /// Its community.
    #[schema(value_type = u32)]
    community_id: CommunityId,
    /// The time zone there.
    #[schema(examples("Asia/Shanghai"))]
    time_zone: String,
    /// `up` (registered), `down` (was registered since the service runs, and is not any more) or `never`.
    state: &'static str,
    /// How it is heard: `registration` (it is registered, or has a password to register with) or `trunk` (nothing can
    /// register as it: its calls come through a switchboard or trunk, or it is told of by HTTP).
    heard_by: &'static str,
    /// Since when it is so; null for `never`.
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Where it registered from, such as `udp 192.0.2.7:5060`.
    from: Option<String>,
    /// The device, as it calls itself.
    device: Option<String>,
    /// When the registration ends unless it is renewed.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires: Option<Timestamp>,
    /// The last alarm, drill or test that it raised; null if it raised none.
    last: Option<LastView>,
}

/// The last alarm of a line.
#[derive(Serialize, ToSchema)]
struct LastView {
    /// The alarm.
    #[schema(value_type = String)]
    alarm_id: AlarmId,
    /// When it was raised.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// It was a drill.
    is_drill: bool,
    /// What the line really sent, such as `#9`; empty for a hotline, null when it cannot be read.
    code: Option<String>,
    /// How: `dialled`, `keyed`, `hotline`, `http` or `drill`.
    #[schema(value_type = Option<String>)]
    source: Option<TriggerSource>,
    /// Why it was believed: `digest`, `trunk`, `token` or `weak`.
    #[schema(value_type = Option<String>)]
    proof: Option<Proof>,
}

/// How one line is, with what it last sent of each kind. Its last 200 alarms are looked at.
#[derive(Serialize, ToSchema)]
struct LineStatus {
    #[serde(flatten)]
    status: StatusView,
    /// The last alarm that was neither a drill nor closed as a drill or test; it may still be open.
    last_alarm: Option<LastView>,
    /// The last drill, begun as one or closed as one.
    last_drill: Option<LastView>,
    /// The last alarm that was closed as a test.
    last_test: Option<LastView>,
    /// The last that came from the line itself: what it really sent when its alarm code was last dialled.
    last_press: Option<LastView>,
}

/// List how the lines are, by id.
#[utoipa::path(
    get, path = "/lines/status", tag = "lines", operation_id = "list_line_status",
    params(
        ("state" = Option<String>, Query, description = "Only those that are so", pattern = "^(up|down|never)$"),
        ("community_id" = Option<u32>, Query, description = "Only those of this community", minimum = 0,
            maximum = 4_294_967_295_u32),
        ("after" = Option<u32>, Query, description = "Only lines after this id: `next` of the page before",
            minimum = 0, maximum = 4_294_967_295_u32),
        ("limit" = Option<u32>, Query, description = "Length of the page; 50 if not given", minimum = 1, maximum = 200),
    ),
    responses((status = 200, description = "A page", body = StatusPage)),
)]
async fn list(
    caller: Caller<Operator>,
    State(web): State<Web>,
    mut parameters: Parameters,
) -> Result<Json<StatusPage>, ApiError> {
    let state = match parameters.take("state").as_deref() {
        None => None,
        Some("up") => Some(LineState::Up),
        Some("down") => Some(LineState::Down),
        Some("never") => Some(LineState::Never),
        Some(_) => return Err(wrong("state", Must::LineState)),
    };
    let community = parameters.take_number("community_id", 0..=u32::MAX)?.map(CommunityId);
    let after = parameters.take_number("after", 0..=u32::MAX)?.unwrap_or(0);
    let limit = parameters.take_number("limit", 1..=LIMIT_MAX)?.unwrap_or(LIMIT) as usize;
    parameters.finish()?;
    let area = caller.area(&web).await?;
    let directory = web.directory.current();
    let is_meant = |found: &Community| {
        community.is_none_or(|id| id == found.id) && area.shows_community(found)
    };
    let mut items = Vec::new();
    let mut next = None;
    let mut last = None;
    for (index, place) in directory.lines_after(LineId(after), is_meant).enumerate() {
        if items.len() == limit || index == LOOKED_THROUGH {
            next = last;
            break;
        }
        last = Some(place.line.0);
        let Some(found) = directory.resolve(place) else { continue };
        let (community, household, line) = found;
        let is_so = |wanted| wanted == web.registrations.state_of(&line.account);
        if area.shows_household(community, household) && state.is_none_or(is_so) {
            items.push(view(&web, found).await);
        }
    }
    let ids: Vec<LineId> = items.iter().map(|view| view.id).collect();
    let mut of_lines = web.alarm_log.last_of_lines(&ids).await?;
    for view in &mut items {
        view.last = of_lines.remove(&view.id).map(last_view);
    }
    Ok(Json(StatusPage { items, next }))
}

/// How a line is heard: without a password nothing can register as it, and nothing has.
pub(super) fn heard_by(line: &Line, was_registered: bool) -> &'static str {
    if line.secrets.is_empty() && !was_registered { "trunk" } else { "registration" }
}

/// What an alarm was: somebody in trouble so far as is known, an exercise, or a test of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Was {
    Alarm,
    Drill,
    Test,
}

fn trigger_of(alarm: &AlarmOfLine) -> Option<&Trigger> {
    match &alarm.event {
        Some(Event::Raised { trigger, .. }) => Some(trigger),
        Some(_) | None => None,
    }
}

fn was(alarm: &AlarmOfLine) -> Was {
    if trigger_of(alarm).is_some_and(|trigger| trigger.source == TriggerSource::Drill) {
        return Was::Drill;
    }
    match alarm.outcome {
        Some(CloseOutcome::Drill) => Was::Drill,
        Some(CloseOutcome::Test) => Was::Test,
        Some(CloseOutcome::Genuine | CloseOutcome::FalseAlarm | CloseOutcome::Unknown) | None => {
            Was::Alarm
        }
    }
}

/// How one line is: registered or not, since when, from where, with which device; its last alarm, drill and test, and
/// what it sent when it was last pressed.
#[utoipa::path(
    get, path = "/lines/{id}/status", tag = "lines", operation_id = "read_line_status",
    params(("id" = u32, Path, description = "Id of the line")),
    responses((status = 200, description = "How it is", body = LineStatus)),
)]
async fn one(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId(id): PathId<LineId>,
) -> Result<Json<LineStatus>, ApiError> {
    caller.reaches(&web, To::See, (Kind::Line, id)).await?;
    let directory = web.directory.current();
    let place = directory.line_by_id(id).ok_or(ApiError::NotFound)?;
    let found = directory.resolve(place).ok_or(ApiError::NotFound)?;
    let mut status = view(&web, found).await;
    let latest = web.alarm_log.latest_of_line(id).await?;
    status.last = latest.first().map(seen_view);
    let last = |wanted| latest.iter().find(|alarm| was(alarm) == wanted).map(seen_view);
    let is_press = |alarm: &&AlarmOfLine| {
        trigger_of(alarm).is_some_and(|trigger| trigger.source != TriggerSource::Drill)
    };
    Ok(Json(LineStatus {
        status,
        last_alarm: last(Was::Alarm),
        last_drill: last(Was::Drill),
        last_test: last(Was::Test),
        last_press: latest.iter().find(is_press).map(seen_view),
    }))
}

async fn view(
    web: &Web,
    (community, household, line): (&Community, &Household, &Line),
) -> StatusView {
    let bindings = web.registrations.of_account(&line.account).await;
    let binding: Option<Binding> = bindings.into_iter().max_by_key(|binding| binding.expires);
    let lost = match binding {
        Some(_) => None,
        None => web.registrations.lost(&line.account).await,
    };
    let heard_by = heard_by(line, binding.is_some() || lost.is_some());
    let state = match (&binding, lost) {
        (Some(_), _) => "up",
        (None, Some(_)) => "down",
        (None, None) => "never",
    };
    let (from, device, since, expires) = match binding {
        Some(binding) => {
            (Some(binding.from), binding.device, Some(binding.since), Some(binding.expires))
        }
        None => (None, None, lost, None),
    };
    StatusView {
        id: line.id,
        account: line.account.to_string(),
        number: line.number.to_string(),
        household_id: household.id,
        household: household.name.to_string(),
        place: place_of(household),
        community_id: community.id,
        time_zone: community.time_zone.to_string(),
        state,
        heard_by,
        since,
        from,
        device,
        expires,
        last: None,
    }
}

fn last_view(last: LastOfLine) -> LastView {
    let trigger = match last.event {
        Some(Event::Raised { trigger, .. }) => Some(trigger),
        Some(_) | None => None,
    };
    told((last.alarm, last.raised), trigger.as_ref())
}

fn seen_view(alarm: &AlarmOfLine) -> LastView {
    let view = told((alarm.alarm, alarm.raised), trigger_of(alarm));
    LastView { is_drill: was(alarm) == Was::Drill, ..view }
}

fn told((alarm_id, at): (AlarmId, Timestamp), trigger: Option<&Trigger>) -> LastView {
    LastView {
        alarm_id,
        at,
        is_drill: trigger.is_some_and(|trigger| trigger.source == TriggerSource::Drill),
        code: trigger.map(|trigger| trigger.code.to_string()),
        source: trigger.map(|trigger| trigger.source),
        proof: trigger.map(|trigger| trigger.proof),
    }
}
