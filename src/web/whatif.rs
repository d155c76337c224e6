//! What-if: whom a line would call if it pressed #9 now. Calls nobody, writes nothing.

mod cost;
mod draft;
mod load;

use super::Web;
use super::caller::{Caller, Operator};
use super::extract::{Parameters, PathId, wrong};
use super::guard::language_of;
use super::ports::LineState;
use super::problem::{ApiError, Must};
use super::reach::To;
use crate::store::nouns::Kind;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use cost::{CostView, LegCostView, Pricing};
use jiff::Timestamp;
use lianfang_domain::alarm::{LegWhy, Proof, Trigger, TriggerSource};
use lianfang_domain::directory::{Community, Directory, Language, Written};
use lianfang_domain::dispatch::Dispatch;
use lianfang_domain::id::LineId;
use lianfang_domain::kind::AlarmKind;
use lianfang_domain::leg::{Channel, LegOrder};
use lianfang_domain::plan::{
    self, LeftOut, LeftOutWhy, PartyId, Plan, PlanFor, Policy, PolicyVersion,
};
use lianfang_domain::whatif::{self, Departure, Ways, WhatIf};
use lianfang_domain::words::{self, Told};
use load::LoadView;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default().routes(routes!(read, draft::read))
}

/// What an alarm on a line would do, if nobody answered.
#[derive(Serialize, ToSchema)]
struct WhatIfView {
    /// The moment that it is told for.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// The kind of alarm.
    kind: &'static str,
    /// It would be a drill.
    is_drill: bool,
    /// The stored policy that would be used; null for the built-in one.
    policy_id: Option<u32>,
    /// Its version.
    policy_version: Option<u32>,
    /// The policy that was sent along would be used.
    is_draft: bool,
    /// Households wanted to be coming; the duty worker is wanted besides.
    acknowledgements_wanted: u8,
    /// How many must be coming before any of them goes in.
    together: u8,
    /// When the last leg of the first wave would leave, in milliseconds; null when none would.
    last_leg_of_first_wave_ms: Option<i64>,
    /// The same if no other alarm were on the routes.
    last_leg_of_first_wave_idle_ms: Option<i64>,
    /// What other alarms have on the routes now; null when it was not counted in: another moment was asked for, it was
    /// left out on purpose, or there is too much of it to try things on.
    load: Option<LoadView>,
    /// What it would cost.
    cost: CostView,
    /// Every leg of the first thirty minutes, in the order of leaving.
    legs: Vec<LegView>,
    /// Legs that would still wait for a slot then.
    waiting: usize,
    /// There would be more legs than are shown.
    is_cut: bool,
    /// Whom and what the plan does not reach, and why.
    left_out: Vec<LeftOutView>,
}

/// A leg that would leave.
#[derive(Serialize, ToSchema)]
struct LegView {
    /// When it would leave, in milliseconds after the press.
    at_ms: i64,
    /// The same if no other alarm were on the routes; of the first wave.
    idle_at_ms: Option<i64>,
    /// Waves and steps before it.
    wave: u16,
    /// Why it would be ordered.
    why: &'static str,
    /// The step of its party; 0 is called at once.
    step: u8,
    /// The party's number in the plan.
    #[schema(value_type = u16)]
    party: PartyId,
    /// How the party is called.
    name: String,
    /// The number, masked.
    number: String,
    /// `voice` or `sms`.
    channel: &'static str,
    /// The route that it would take.
    route: String,
    /// What would be written, or said.
    words: String,
    /// What it would cost, if it were answered; null where the route has no tariff.
    cost: Option<LegCostView>,
}

/// Somebody or some number that the plan does not reach.
#[derive(Serialize, ToSchema)]
struct LeftOutView {
    /// The household's id.
    household_id: Option<u32>,
    /// The worker's id.
    worker_id: Option<u32>,
    /// The responder's id.
    responder_id: Option<u32>,
    /// Their name.
    name: String,
    /// The number, masked; null for all of them.
    number: Option<String>,
    /// Why, as a word that never changes.
    reason: &'static str,
    /// Why, in words.
    words: String,
}

/// What an alarm on this line would do now, or at another moment, if nobody answered: through the same code as a real
/// one. Calls nobody and writes nothing. What other alarms have on the routes is in the way as it would be. The cost is
/// that of legs which are all answered.
#[utoipa::path(
    get, path = "/lines/{id}/what-if", tag = "lines", operation_id = "what_if",
    params(
        ("id" = u32, Path, description = "Id of the line"),
        ("kind" = Option<String>, Query, description = "The kind of alarm; `unknown` if not given",
            pattern = "^(unknown|fire|intruder|illness|flood|other)$"),
        ("at" = Option<String>, Query, description = "The moment; now if not given"),
        ("drill" = Option<bool>, Query, description = "It would be a drill"),
        ("load" = Option<bool>, Query, description = "Count in what other alarms have on the routes; true if not given"),
    ),
    responses((status = 200, description = "What it would do", body = WhatIfView)),
)]
async fn read(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId(id): PathId<LineId>,
    headers: HeaderMap,
    mut parameters: Parameters,
) -> Result<Json<WhatIfView>, ApiError> {
    let asked = Asked::take(&mut parameters)?;
    parameters.finish()?;
    caller.reaches(&web, To::See, (Kind::Line, id)).await?;
    tell(&web, &web.directory.current(), (id, asked), language_of(&headers)).await
}

/// What is asked besides the line.
#[derive(Clone, Copy)]
struct Asked {
    kind: AlarmKind,
    at: Option<Timestamp>,
    is_drill: bool,
    has_load: bool,
}

impl Asked {
    fn take(parameters: &mut Parameters) -> Result<Self, ApiError> {
        let kind = parameters.take("kind").map(|name| kind_of(&name).ok_or("kind")).transpose();
        let at = parameters.take("at").map(|at| at.parse().map_err(|_| "at")).transpose();
        let is_drill = flag(parameters, "drill", false);
        let has_load = flag(parameters, "load", true);
        let refused = |name| wrong(name, Must::WhatIf);
        let at: Option<Timestamp> = at.map_err(refused)?;
        Ok(Self {
            kind: kind.map_err(refused)?.unwrap_or_default(),
            at,
            is_drill: is_drill.map_err(refused)?,
            // What is on the routes is known of no other moment.
            has_load: has_load.map_err(refused)? && at.is_none(),
        })
    }
}

async fn tell(
    web: &Web,
    directory: &Directory,
    (id, asked): (LineId, Asked),
    language: Language,
) -> Result<Json<WhatIfView>, ApiError> {
    let Asked { kind, at, is_drill, has_load } = asked;
    let now = at.unwrap_or_else(|| web.clock.now());
    let line = directory.line_by_id(id).ok_or(ApiError::NotFound)?;
    let defaults = Policy::default();
    let wanted = PlanFor { kind, is_drill, now, defaults: &defaults };
    let plan = plan::build(directory, line, &wanted).map(Arc::new).ok_or(ApiError::NotFound)?;
    let here = registered(web, directory, &plan);
    let on_routes = if has_load { web.alarms.on_routes().await } else { None };
    let is_here = |order: &LegOrder| here.contains(order.number.key());
    let show = |load: Option<&Dispatch>| {
        let ways = Ways {
            routes: web.routes.clone(),
            load,
            lines_route: Arc::clone(&web.lines_route),
            is_here: &is_here,
        };
        let shown = whatif::show(trigger(&plan, is_drill), Arc::clone(&plan), &ways, now);
        shown.map_err(|error| ApiError::Internal(error.into()))
    };
    let idle = show(None)?;
    let shown = on_routes.as_ref().map(|load| show(Some(load))).transpose()?;
    let community = directory.community(line.community);
    let pricing = Pricing::new(web, line.community, language);
    let told = Answer {
        community: community.map(Arc::as_ref),
        language,
        now,
        idle: &idle,
        load: on_routes.as_ref(),
    };
    Ok(Json(told.view(&plan, shown.as_ref().unwrap_or(&idle), pricing).await))
}

fn flag(
    parameters: &mut Parameters,
    name: &'static str,
    default: bool,
) -> Result<bool, &'static str> {
    match parameters.take(name).as_deref() {
        None => Ok(default),
        Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(name),
    }
}

fn kind_of(name: &str) -> Option<AlarmKind> {
    AlarmKind::ALL.into_iter().find(|kind| kind_name(*kind) == name)
}

fn kind_name(kind: AlarmKind) -> &'static str {
    match kind {
        AlarmKind::Unknown => "unknown",
        AlarmKind::Fire => "fire",
        AlarmKind::Intruder => "intruder",
        AlarmKind::Illness => "illness",
        AlarmKind::Flood => "flood",
        AlarmKind::Other => "other",
    }
}

/// The numbers of the plan that are lines which are registered here.
fn registered(web: &Web, directory: &Directory, plan: &Plan) -> BTreeSet<Arc<str>> {
    let mut here = BTreeSet::new();
    for number in plan.parties.iter().flat_map(|party| &party.numbers) {
        let key = number.number.key();
        let line = directory.line_by_number(key).and_then(|place| directory.resolve(place));
        let Some((_, _, line)) = line else { continue };
        if web.registrations.state_of(&line.account) == LineState::Up {
            here.insert(key.into());
        }
    }
    here
}

fn trigger(plan: &Plan, is_drill: bool) -> Trigger {
    let scene = &plan.scene;
    Trigger {
        line: scene.line,
        household: scene.household,
        group: scene.group,
        code: "".into(),
        source: if is_drill { TriggerSource::Drill } else { TriggerSource::Dialled },
        proof: Proof::Digest,
        idempotency_key: "what-if".into(),
    }
}

/// What an answer is made of beside the plan.
struct Answer<'a> {
    community: Option<&'a Community>,
    language: Language,
    now: Timestamp,
    /// What would happen on idle routes.
    idle: &'a WhatIf,
    /// What others have on the routes, where it was counted in.
    load: Option<&'a Dispatch>,
}

impl Answer<'_> {
    async fn view(&self, plan: &Plan, shown: &WhatIf, mut pricing: Pricing<'_>) -> WhatIfView {
        let of_first_wave = self.idle.departures.iter().filter(|one| is_first_wave(one));
        let idle: BTreeMap<u32, i64> =
            of_first_wave.map(|one| (one.order.leg.number, self.ms(one.at))).collect();
        let mut legs = Vec::with_capacity(shown.departures.len());
        for departure in &shown.departures {
            let cost = pricing.leg(departure, is_first_wave(departure)).await;
            let idle_at_ms =
                idle.get(&departure.order.leg.number).filter(|_| is_first_wave(departure));
            legs.push(LegView {
                idle_at_ms: idle_at_ms.copied(),
                cost,
                ..self.leg(plan, departure)
            });
        }
        let is_draft = plan.made_by.is_some_and(draft::is_draft);
        let made_by = plan.made_by.filter(|_| !is_draft);
        let first = shown.departures.iter().filter(|one| is_first_wave(one));
        WhatIfView {
            at: self.now,
            kind: kind_name(plan.kind),
            is_drill: plan.is_drill,
            policy_id: made_by.map(|PolicyVersion { policy, .. }| policy.0),
            policy_version: made_by.map(|made| made.version),
            is_draft,
            acknowledgements_wanted: plan.policy.acknowledgements_wanted,
            together: plan.policy.together,
            last_leg_of_first_wave_ms: first.map(|one| self.ms(one.at)).max(),
            last_leg_of_first_wave_idle_ms: idle.into_values().max(),
            load: self.load.map(|load| LoadView::new(load, self.now, self.language)),
            cost: pricing.view(),
            legs,
            waiting: shown.waiting,
            is_cut: shown.is_cut,
            left_out: plan
                .left_out
                .iter()
                .map(|left| left_out(left, self.community, self.language))
                .collect(),
        }
    }

    fn ms(&self, at: Timestamp) -> i64 {
        i64::try_from(at.duration_since(self.now).as_millis()).unwrap_or(i64::MAX)
    }

    fn leg(&self, plan: &Plan, departure: &Departure) -> LegView {
        let Departure { at, why, wave, route, order } = departure;
        let party = plan.party(order.party);
        let told = Told::from(order);
        let (channel, words) = match order.channel {
            Channel::Sms => ("sms", words::sms(&told, order.language)),
            Channel::Voice => {
                let clips = words::spoken(&told, order.language);
                let texts = clips.iter().map(|clip| clip.text(order.language));
                let texts: Vec<String> = texts.filter(|text| !text.is_empty()).collect();
                ("voice", texts.join(" "))
            }
        };
        LegView {
            at_ms: self.ms(*at),
            idle_at_ms: None,
            wave: *wave,
            why: why_name(*why),
            step: party.map_or(0, |party| party.step),
            party: order.party,
            name: party.map(|party| party.name.to_string()).unwrap_or_default(),
            number: order.number.to_string(),
            channel,
            route: route.to_string(),
            words,
            cost: None,
        }
    }
}

fn is_first_wave(departure: &Departure) -> bool {
    departure.wave == 0 && departure.why == LegWhy::Wave
}

fn why_name(why: LegWhy) -> &'static str {
    match why {
        LegWhy::Wave => "wave",
        LegWhy::NextNumber => "next_number",
        LegWhy::BusyRetry => "busy_retry",
        LegWhy::NoAnswerRetry => "no_answer_retry",
        LegWhy::OtherRoute => "other_route",
        LegWhy::StillInDanger => "still_in_danger",
        LegWhy::Restart => "restart",
        LegWhy::Notice => "notice",
        LegWhy::Step => "step",
        LegWhy::ReceiptLate => "receipt_late",
        LegWhy::ArrivalCheck => "arrival_check",
        LegWhy::CallBack => "call_back",
        LegWhy::HandOver => "hand_over",
        LegWhy::Added => "added",
    }
}

fn left_out(left: &LeftOut, community: Option<&Community>, language: Language) -> LeftOutView {
    let name = community.and_then(|community| {
        let household = left.household.and_then(|id| community.household(id));
        let worker = left.worker.and_then(|id| community.worker(id));
        let responder = community.responders.iter().find(|one| Some(one.id) == left.responder);
        let names = [
            household.map(|household| &household.name),
            worker.map(|worker| &worker.name),
            responder.map(|responder| &responder.name),
        ];
        names.into_iter().flatten().next().map(Arc::to_string)
    });
    let (reason, chinese, english) = reason(left.why);
    LeftOutView {
        household_id: left.household.map(u32::from),
        worker_id: left.worker.map(u32::from),
        responder_id: left.responder.map(u32::from),
        name: name.unwrap_or_default(),
        number: left.number.as_ref().map(ToString::to_string),
        reason,
        words: match language.written() {
            Written::Chinese => chinese.to_owned(),
            Written::English => english.to_owned(),
        },
    }
}

fn reason(why: LeftOutWhy) -> (&'static str, &'static str, &'static str) {
    match why {
        LeftOutWhy::AlarmLine => ("alarm_line", "是报警的座机本身", "It is the line of the alarm"),
        LeftOutWhy::Refused => (
            "refused",
            "是紧急或服务号码，从不呼叫",
            "An emergency or service number, never called",
        ),
        LeftOutWhy::NoUse => ("no_use", "号码已停用", "It takes neither calls nor messages"),
        LeftOutWhy::ListedBefore => {
            ("listed_before", "号码已用于更先呼叫的人", "Somebody who is called before has it")
        }
        LeftOutWhy::TooMany => ("too_many", "超出数量上限", "There are too many before it"),
        LeftOutWhy::NoNumber => ("no_number", "没有可用的号码", "No number that can be used"),
        LeftOutWhy::OffDuty => ("off_duty", "此时不在岗", "Not on duty then"),
        LeftOutWhy::NotInPolicy => (
            "not_in_policy",
            "该种警情的方案不呼叫此人",
            "The policy does not call them for this kind",
        ),
    }
}
