//! Alarms: which there are, what happened to one, and what an operator does to it.

mod wanted;

pub(super) use wanted::Wanted;

use super::Web;
use super::board::{BoardRow, Known, name_account};
use super::caller::{Caller, Operator, Reports};
use super::cases::{CaseView, LookedAfter, NoteView};
use super::deliveries::{DeliveryView, deliveries};
use super::extract::{Body, Parameters, PathId};
use super::guard::language_of;
use super::ports::Action;
use super::problem::ApiError;
use super::reach::To;
use super::reads::Noted;
use super::reports::Ledger;
use super::search::Index;
use super::timeline::{Moment, accounts_in, timeline};
use super::who::names_of;
use crate::store::alarm_log::{AlarmRow, StoredAlarm};
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use lianfang_domain::alarm::{CloseOutcome, Input};
use lianfang_domain::directory::Address;
use lianfang_domain::id::{AlarmId, LineId};
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
    /// `after` of the next page; null on the last one. A page may be shorter than asked and not the last.
    #[schema(value_type = Option<String>)]
    next: Option<AlarmId>,
}

/// An alarm with everything that happened.
#[derive(Serialize, ToSchema)]
struct AlarmDetail {
    /// The alarm.
    #[serde(flatten)]
    alarm: AlarmView,
    /// How its beginning was measured.
    #[serde(flatten)]
    beginning: BeginningView,
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

/// How the beginning of an alarm was measured, in milliseconds since it was raised; null where it was not, as of alarms of
/// earlier releases.
#[derive(Serialize, ToSchema)]
pub(super) struct BeginningView {
    /// When the last digit was heard: 0, or a little before.
    pub(super) heard_ms: Option<i64>,
    /// When it was durable. Null, too, when the disk was slower than the deadline and the telephones rang before.
    pub(super) committed_ms: Option<i64>,
}

impl BeginningView {
    /// Reads it.
    pub(super) async fn read(web: &Web, row: &AlarmRow) -> Result<Self, ApiError> {
        let beginning = web.alarm_log.beginning(row.id).await?;
        let since = |at: Timestamp| i64::try_from(at.duration_since(row.raised).as_millis()).ok();
        Ok(Self {
            heard_ms: beginning.and_then(|beginning| since(beginning.heard)),
            committed_ms: beginning.and_then(|beginning| since(beginning.committed?)),
        })
    }
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
    responses((status = 200, description = "A page", body = AlarmPage)),
)]
async fn list(
    caller: Caller<Reports>,
    State(web): State<Web>,
    Extension(index): Extension<Index>,
    Extension(ledger): Extension<Ledger>,
    mut parameters: Parameters,
) -> Result<Json<AlarmPage>, ApiError> {
    let limit = parameters.take_number("limit", 1..=LIMIT_MAX)?.unwrap_or(LIMIT);
    let line = parameters.take_number("line_id", 0..=u32::MAX)?.map(LineId);
    let wanted = Wanted::take(&mut parameters)?.take_state(&mut parameters)?.of_line(line);
    parameters.finish()?;
    let lines = wanted.lines((&web, &index), &caller).await?;
    let within = (&caller.area(&web).await?, lines.as_deref());
    let (rows, next) = wanted.page((&web, &ledger), within, limit).await?;
    Ok(Json(AlarmPage { items: rows.iter().map(AlarmView::from).collect(), next }))
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
    let notes = web.alarm_log.notes(id).await?;
    let looked_after = LookedAfter::read(&web, id).await?;
    let mut case = CaseView::of(&stored, looked_after, web.clock.now());
    let authors = notes.iter().map(|note| note.author.as_str());
    let authors = authors.chain(case.iter().filter_map(CaseView::author)).map(str::to_owned);
    let names = names_of(&web, accounts_in(&stored).into_iter().chain(authors).collect()).await;
    case.iter_mut().for_each(|case| case.name_author(&names));
    let notes = notes.into_iter().map(|note| NoteView::new(note, &names)).collect();
    let told = (deliveries(&stored, language), timeline(&stored, &names, language));
    let known = Known::new(stored);
    let mut board = BoardRow::new(&known, &web.directory.current(), web.clock.now());
    name_account(&web, &mut board).await;
    let rings = rings_if_ended(&known, web.clock.now());
    let beginning = BeginningView::read(&web, &known.stored.row).await?;
    Ok(Json(detail(&known.stored, (board, beginning, rings), (case, notes), told)))
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
    (board, beginning, rings): (BoardRow, BeginningView, (usize, usize)),
    (case, notes): (Option<CaseView>, Vec<NoteView>),
    (deliveries, timeline): (Vec<DeliveryView>, Vec<Moment>),
) -> AlarmDetail {
    let plan = stored.plans.last();
    let is_drill = plan.map_or(stored.row.is_drill, |plan| plan.is_drill);
    AlarmDetail {
        board,
        beginning,
        case,
        notes,
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
