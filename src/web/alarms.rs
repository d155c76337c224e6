//! Alarms: which there are, what happened to one, and what an operator does to it.

use super::Web;
use super::board::{BoardRow, Known, lines_of, name_account};
use super::caller::{Caller, Operator, Reports};
use super::cases::{CaseView, LookedAfter, NoteView};
use super::deliveries::{DeliveryView, deliveries};
use super::extract::{Body, Parameters, PathId, wrong};
use super::guard::language_of;
use super::ports::Action;
use super::problem::{ApiError, Must};
use super::reach::{Area, To};
use super::reads::Noted;
use super::timeline::{Moment, timeline};
use crate::store::alarm_log::{AlarmFilter, AlarmRow, Note, StoredAlarm};
use crate::store::reach::Reach;
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use lianfang_domain::alarm::{CloseOutcome, Input};
use lianfang_domain::directory::Address;
use lianfang_domain::id::{AlarmId, CommunityId, LineId};
use lianfang_domain::kind::AlarmKind;
use lianfang_domain::plan::{Party, PartyId, Plan, Role};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest page.
const LIMIT_MAX: u32 = 200;
/// Length of a page where the client names none.
const LIMIT: u32 = 50;
/// Alarms that are looked through at a time, for those within what the caller reaches.
const CHUNK: u32 = 200;
/// How many times.
const CHUNKS_MAX: u32 = 20;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default()
        .routes(routes!(list))
        .routes(routes!(read))
        .routes(routes!(acknowledge))
        .routes(routes!(arrive))
        .routes(routes!(name_kind))
        .routes(routes!(cancel))
        .routes(routes!(close))
}

/// An alarm in a list.
#[derive(Serialize, ToSchema)]
pub(super) struct AlarmView {
    /// Its id: 13 characters that people can read aloud.
    #[schema(value_type = String)]
    pub(super) id: AlarmId,
    /// The line that raised it.
    #[schema(value_type = u32)]
    pub(super) line_id: LineId,
    /// When it was raised.
    #[schema(value_type = String, format = DateTime)]
    pub(super) raised_at: Timestamp,
    /// When it was closed or cancelled; null while it is open.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(super) closed_at: Option<Timestamp>,
    /// It is a drill.
    pub(super) is_drill: bool,
}

impl From<&AlarmRow> for AlarmView {
    fn from(row: &AlarmRow) -> Self {
        Self {
            id: row.id,
            line_id: row.line,
            raised_at: row.raised,
            closed_at: row.closed,
            is_drill: row.is_drill,
        }
    }
}

/// A page of alarms, the latest first.
#[derive(Serialize, ToSchema)]
struct AlarmPage {
    /// The alarms.
    items: Vec<AlarmView>,
    /// `after` of the next page; null on the last one.
    #[schema(value_type = Option<String>)]
    next: Option<AlarmId>,
}

/// An alarm with everything that happened.
#[derive(Serialize, ToSchema)]
struct AlarmDetail {
    /// The alarm.
    #[serde(flatten)]
    alarm: AlarmView,
    /// How it stands, as on the board.
    board: BoardRow,
    /// Who is in trouble, and where; null when it was erased.
    scene: Option<SceneView>,
    /// Whom the latest plan reaches; empty when it was erased.
    parties: Vec<PartyView>,
    /// The case; null when what it was planned by was erased.
    case: Option<CaseView>,
    /// What people wrote of it.
    notes: Vec<NoteView>,
    /// Every call and message: to whom, how, when each step was, and where it stands.
    deliveries: Vec<DeliveryView>,
    /// What happened, in order.
    timeline: Vec<Moment>,
    /// Telephones that ring at once if it is cancelled now.
    rings_if_cancelled: usize,
    /// Telephones that ring at once if it is closed now.
    rings_if_closed: usize,
}

/// Who is in trouble, and where.
#[derive(Serialize, ToSchema)]
pub(super) struct SceneView {
    /// The community.
    pub(super) community: String,
    /// How neighbours call the household.
    pub(super) household: String,
    /// Estate or road.
    pub(super) place: String,
    /// Building.
    pub(super) building: String,
    /// Unit (staircase).
    pub(super) unit: String,
    /// Floor.
    pub(super) floor: String,
    /// Door.
    pub(super) door: String,
    /// Number of the line, masked.
    pub(super) number: String,
}

/// Whom an alarm reaches.
#[derive(Serialize, ToSchema)]
pub(super) struct PartyView {
    /// What `acknowledge` and `arrive` call it.
    #[schema(value_type = u16)]
    party: PartyId,
    /// What it is to the alarm.
    role: &'static str,
    /// How it is called.
    name: String,
    /// Its numbers, masked.
    numbers: Vec<String>,
}

/// List alarms, the latest first.
#[utoipa::path(
    get, path = "/alarms", tag = "alarms", operation_id = "list_alarms",
    params(
        ("state" = Option<String>, Query, description = "`open` or `closed`; all if not given", pattern = "^(open|closed)$"),
        ("drill" = Option<String>, Query, description = "`true`: only drills; `false`: none", pattern = "^(true|false)$"),
        ("community_id" = Option<u32>, Query, description = "Only alarms of lines that this community has", minimum = 0, maximum = 4_294_967_295_u32),
        ("line_id" = Option<u32>, Query, description = "Only alarms of this line", minimum = 0, maximum = 4_294_967_295_u32),
        ("after" = Option<String>, Query, description = "Only alarms before this one: `next` of the page before",
            pattern = "^[0-9a-f][0-9a-hjkmnp-tv-z]{12}$"),
        ("limit" = Option<u32>, Query, description = "Length of the page; 50 if not given", minimum = 1, maximum = 200),
    ),
    responses((status = 200, description = "A page", body = AlarmPage)),
)]
async fn list(
    caller: Caller<Reports>,
    State(web): State<Web>,
    mut parameters: Parameters,
) -> Result<Json<AlarmPage>, ApiError> {
    let limit = parameters.take_number("limit", 1..=LIMIT_MAX)?.unwrap_or(LIMIT);
    let before = parameters.take("after").map(|text| text.parse()).transpose();
    let before = before.map_err(|_| wrong("after", Must::AlarmId))?;
    let is_open = parameters.take_either("state", ("open", "closed"), Must::State)?;
    let is_drill = parameters.take_either("drill", ("true", "false"), Must::Flag)?;
    let community = parameters.take_number("community_id", 0..=u32::MAX)?;
    let line = parameters.take_number("line_id", 0..=u32::MAX)?.map(LineId);
    parameters.finish()?;
    let lines = community.map(|id| lines_of(&web, CommunityId(id)));
    let lines = lines.as_deref();
    let filter = AlarmFilter { is_open, is_drill, line, lines, before };
    let (rows, next) = page(&web, caller.area(&web).await?, filter, limit).await?;
    Ok(Json(AlarmPage { items: rows.iter().map(AlarmView::from).collect(), next }))
}

/// A page of those that are within, and where the next one begins. So many are looked through that a community finds its
/// own among those of a town, and no request takes long.
pub(super) async fn page(
    web: &Web,
    area: Area,
    mut filter: AlarmFilter<'_>,
    limit: u32,
) -> Result<(Vec<AlarmRow>, Option<AlarmId>), ApiError> {
    let wanted = limit as usize;
    let mut rows = Vec::new();
    for _ in 0..CHUNKS_MAX {
        // One more than asked tells whether there is another page.
        let is_all = area.reach == Reach::Everything;
        let chunk = if is_all { limit } else { limit.max(CHUNK) } + 1;
        let found = web.alarm_log.list(&filter, chunk).await?;
        let is_last = found.len() < chunk as usize;
        filter.before = found.last().map(|row| row.id).or(filter.before);
        rows.extend(area.keep_alarms(web, found).await?);
        if wanted < rows.len() {
            rows.truncate(wanted);
            let next = rows.last().map(|row| row.id);
            return Ok((rows, next));
        }
        if is_last {
            return Ok((rows, None));
        }
    }
    Ok((rows, filter.before))
}

/// One alarm, with all that happened in milliseconds since it was raised.
#[utoipa::path(
    get, path = "/alarms/{id}", tag = "alarms", operation_id = "read_alarm",
    params(("id" = String, Path, description = "Id of the alarm")),
    responses((status = 200, description = "The alarm", body = AlarmDetail)),
)]
async fn read(
    caller: Caller<Reports>,
    State(web): State<Web>,
    Extension(noted): Extension<Noted>,
    PathId(id): PathId<AlarmId>,
    headers: HeaderMap,
) -> Result<Json<AlarmDetail>, ApiError> {
    caller.reaches_alarm(&web, To::See, id).await?;
    let stored = web.alarm_log.alarm(id).await?.ok_or(ApiError::NotFound)?;
    noted.note(&web, &caller.who(), id).await;
    let language = language_of(&headers);
    let told = (deliveries(&stored, language), timeline(&stored, language));
    let notes = web.alarm_log.notes(id).await?;
    let looked_after = LookedAfter::read(&web, id).await?;
    let case = CaseView::of(&stored, looked_after, web.clock.now());
    let known = Known::new(stored);
    let mut board = BoardRow::new(&known, &web.directory.current(), web.clock.now());
    name_account(&web, &mut board).await;
    let rings = rings_if_ended(&known, web.clock.now());
    Ok(Json(detail(&known.stored, (board, rings), (case, notes), told)))
}

/// How many telephones ring at once if an operator cancels it, and if one closes it.
fn rings_if_ended(known: &Known, now: Timestamp) -> (usize, usize) {
    let Some(alarm) = &known.alarm else { return (0, 0) };
    let actor: Arc<str> = "".into();
    let cancel = Input::Cancel { actor: Arc::clone(&actor) };
    let close = Input::Close { actor, outcome: CloseOutcome::Genuine, matter: None };
    (alarm.rings_if(&cancel, now), alarm.rings_if(&close, now))
}

fn detail(
    stored: &StoredAlarm,
    (board, rings): (BoardRow, (usize, usize)),
    (case, notes): (Option<CaseView>, Vec<Note>),
    (deliveries, timeline): (Vec<DeliveryView>, Vec<Moment>),
) -> AlarmDetail {
    let plan = stored.plans.last();
    let is_drill = plan.map_or(stored.row.is_drill, |plan| plan.is_drill);
    AlarmDetail {
        board,
        case,
        notes: notes.into_iter().map(NoteView::from).collect(),
        alarm: AlarmView { is_drill, ..AlarmView::from(&stored.row) },
        scene: plan.map(scene),
        parties: plan.into_iter().flat_map(Plan::parties).map(party).collect(),
        deliveries,
        timeline,
        rings_if_cancelled: rings.0,
        rings_if_closed: rings.1,
    }
}

pub(super) fn scene(plan: &Plan) -> SceneView {
    let scene = &plan.scene;
    let Address { place, building, unit, floor, door } = &scene.address;
    SceneView {
        community: scene.community_name.to_string(),
        household: scene.household_name.to_string(),
        place: place.to_string(),
        building: building.to_string(),
        unit: unit.to_string(),
        floor: floor.to_string(),
        door: door.to_string(),
        number: scene.number.to_string(),
    }
}

pub(super) fn party((id, party): (PartyId, &Party)) -> PartyView {
    PartyView {
        party: id,
        role: role_name(party.role),
        name: party.name.to_string(),
        numbers: party.numbers.iter().map(|number| number.number.to_string()).collect(),
    }
}

/// What a party is to the alarm, as a word that never changes.
pub(super) fn role_name(role: Role) -> &'static str {
    match role {
        Role::DutyWorker => "duty_worker",
        Role::Neighbour => "neighbour",
        Role::Responder => "responder",
        Role::Loudspeaker => "loudspeaker",
        Role::OwnHousehold => "own_household",
    }
}

/// A party of the plan.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NamedParty {
    /// Its number in `parties`.
    #[schema(value_type = u16)]
    party: PartyId,
}

/// What the alarm was.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Ending {
    /// What it was.
    #[schema(schema_with = outcomes)]
    outcome: CloseOutcome,
    /// What was the matter, if somebody was in trouble and it is known.
    #[serde(default)]
    #[schema(schema_with = super::cases::kinds)]
    matter: Option<AlarmKind>,
}

/// What is the matter.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NamedKind {
    /// The kind of alarm.
    #[schema(schema_with = kinds)]
    kind: AlarmKind,
}

/// The schema of a kind of alarm.
pub(super) fn kinds() -> utoipa::openapi::schema::Schema {
    let names = ["unknown", "fire", "intruder", "illness", "flood", "other"];
    utoipa::openapi::ObjectBuilder::new()
        .schema_type(utoipa::openapi::Type::String)
        .enum_values(Some(names))
        .into()
}

/// Say what is the matter. The policy for it holds from then on, and who is not called yet hears it.
#[utoipa::path(
    post, path = "/alarms/{id}/kind", tag = "alarms", operation_id = "name_kind_of_alarm",
    params(("id" = String, Path, description = "Id of the alarm")), request_body = NamedKind,
    responses((status = 204, description = "Noted")),
)]
async fn name_kind(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId(id): PathId<AlarmId>,
    Body(NamedKind { kind }): Body<NamedKind>,
) -> Result<StatusCode, ApiError> {
    act(&web, id, Action::NameKind { kind }, caller).await
}

fn outcomes() -> utoipa::openapi::schema::Schema {
    let names = ["genuine", "false_alarm", "drill", "test", "unknown"];
    utoipa::openapi::ObjectBuilder::new()
        .schema_type(utoipa::openapi::Type::String)
        .enum_values(Some(names))
        .into()
}

/// Say that a party is coming. Saying it twice is no error.
#[utoipa::path(
    post, path = "/alarms/{id}/acknowledge", tag = "alarms", operation_id = "acknowledge_alarm",
    params(("id" = String, Path, description = "Id of the alarm")), request_body = NamedParty,
    responses((status = 204, description = "Noted")),
)]
async fn acknowledge(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId(id): PathId<AlarmId>,
    Body(which): Body<NamedParty>,
) -> Result<StatusCode, ApiError> {
    act(&web, id, Action::Acknowledge { party: which.party }, caller).await
}

/// Say that a party is at the door. Saying it twice is no error.
#[utoipa::path(
    post, path = "/alarms/{id}/arrive", tag = "alarms", operation_id = "arrive_at_alarm",
    params(("id" = String, Path, description = "Id of the alarm")), request_body = NamedParty,
    responses((status = 204, description = "Noted")),
)]
async fn arrive(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId(id): PathId<AlarmId>,
    Body(which): Body<NamedParty>,
) -> Result<StatusCode, ApiError> {
    act(&web, id, Action::Arrive { party: which.party }, caller).await
}

/// Withdraw an alarm. Everybody who was told is told.
#[utoipa::path(
    post, path = "/alarms/{id}/cancel", tag = "alarms", operation_id = "cancel_alarm",
    params(("id" = String, Path, description = "Id of the alarm")),
    responses((status = 204, description = "Withdrawn")),
)]
async fn cancel(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId(id): PathId<AlarmId>,
) -> Result<StatusCode, ApiError> {
    act(&web, id, Action::Cancel, caller).await
}

/// Close an alarm, and say what it was.
#[utoipa::path(
    post, path = "/alarms/{id}/close", tag = "alarms", operation_id = "close_alarm",
    params(("id" = String, Path, description = "Id of the alarm")), request_body = Ending,
    responses((status = 204, description = "Closed")),
)]
async fn close(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId(id): PathId<AlarmId>,
    Body(ending): Body<Ending>,
) -> Result<StatusCode, ApiError> {
    act(&web, id, Action::Close { outcome: ending.outcome, matter: ending.matter }, caller).await
}

pub(super) async fn act(
    web: &Web,
    alarm: AlarmId,
    action: Action,
    caller: Caller<Operator>,
) -> Result<StatusCode, ApiError> {
    caller.reaches_alarm(web, To::Edit, alarm).await?;
    web.alarms.act(alarm, action, caller.name().into()).await?;
    Ok(StatusCode::NO_CONTENT)
}
