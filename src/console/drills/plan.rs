//! Planning a drill: a form, then one page that says how many telephones will ring, then it is planned.

use super::choice::Groups;
use crate::Shared;
use crate::api::{Failure, Problem};
use crate::form::{Form, Sent};
use crate::frame::{Frame, go, show};
use crate::lang::Lang;
use crate::visit::Signed;
use crate::wall_clock::WallClock;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::SignedDuration;
use jiff::civil::Time;
use serde::Deserialize;
use serde_json::{Value, json};

/// The fields of the form, as the page that asks once more hands them on; those of the hours have a number behind them.
const FIELDS: [&str; 11] = [
    "community",
    "scope",
    "group",
    "per_group",
    "kind",
    "starts",
    "ends",
    "announce",
    "per_minute",
    "seed",
    "holidays",
];
/// Spans of a day that can be typed.
const HOURS: usize = 3;
/// The hours that a drill has where nobody says otherwise.
const USUAL: [(&str, &str); 2] = [("09:00", "11:30"), ("14:30", "17:30")];
/// Households of each group where nobody says how many.
const PER_GROUP: &str = "2";
const KINDS: [&str; 6] = ["unknown", "fire", "intruder", "illness", "flood", "other"];

#[derive(Deserialize)]
struct Community {
    id: u32,
    name: String,
    #[serde(default)]
    time_zone: String,
}

#[derive(Template)]
#[template(path = "drills/plan.html")]
struct PlanPage {
    frame: Frame,
    l: Lang,
    form: Form,
    communities: Vec<Community>,
    groups: Groups,
}

impl PlanPage {
    /// Spans of the day: the number of each, from when and until when.
    fn hours(&self) -> impl Iterator<Item = (usize, &str, &str)> {
        let typed = |at: usize, name| self.form.get(hours_field(name, at));
        (0..HOURS).map(move |at| (at, typed(at, "from"), typed(at, "until")))
    }

    fn is_community(&self, id: &u32) -> bool {
        self.form.get("community") == id.to_string()
    }

    fn kinds(&self) -> impl Iterator<Item = (&'static str, &'static str)> + '_ {
        KINDS.into_iter().map(|name| (name, super::kind(name, self.l)))
    }
}

/// What the API says that a drill would do.
#[derive(Deserialize)]
struct Preview {
    homes: u64,
    phones: u64,
    texts: u64,
    minutes: u64,
}

#[derive(Template)]
#[template(path = "drills/sure.html")]
struct SurePage {
    frame: Frame,
    l: Lang,
    form: Form,
    preview: Preview,
    /// Sent twice, it is planned once.
    key: String,
    starts: String,
    announced: String,
}

impl SurePage {
    /// What was typed, to be sent again; a group or an hour comes more than once.
    fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        let is_ours = |name: &str| {
            FIELDS.contains(&name) || name.starts_with("from.") || name.starts_with("until.")
        };
        let typed = self.form.fields().iter().filter(move |(name, _)| is_ours(name));
        typed.map(|(name, value)| (name.as_str(), value.trim()))
    }

    /// How many groups were chosen; none stands for all of them.
    fn groups(&self) -> usize {
        self.form.all("group").count()
    }

    /// The hours, such as `09:00–11:30, 14:30–17:30`.
    fn hours(&self) -> String {
        let typed = |at: usize, name| self.form.get(hours_field(name, at));
        let spans = (0..HOURS).map(|at| (typed(at, "from"), typed(at, "until")));
        let spans = spans.filter(|(from, until)| !from.is_empty() && !until.is_empty());
        spans.map(|(from, until)| format!("{from}–{until}")).collect::<Vec<_>>().join(", ")
    }
}

/// The field of the beginning or the end of a span of the day.
fn hours_field(name: &str, at: usize) -> &'static str {
    match (name, at) {
        ("from", 0) => "from.0",
        ("from", 1) => "from.1",
        ("from", _) => "from.2",
        (_, 0) => "until.0",
        (_, 1) => "until.1",
        (_, _) => "until.2",
    }
}

#[derive(Deserialize)]
struct Planned {
    id: u32,
}

/// Drills are planned by admins; others get no form for it.
fn admins_only(signed: &Signed) -> Result<(), Failure> {
    if signed.me.is_admin() {
        return Ok(());
    }
    let problem = Problem { status: 403, ..Problem::default() };
    Err(Failure::Problem(Box::new(problem)))
}

pub(super) async fn ask(
    State(shared): State<Shared>,
    signed: Signed,
) -> Result<Response, Response> {
    admins_only(&signed).map_err(signed.fails())?;
    let communities = communities(&signed).await.map_err(signed.fails())?;
    let clock = clock_of(&communities, communities.first().map_or(0, |first| first.id));
    // The day after tomorrow at ten: everybody can be told before.
    let now = (shared.settings.now)();
    let day = now.saturating_add(SignedDuration::from_hours(48)).unwrap_or(now);
    let day = clock.typed(day);
    let day = day.split('T').next().unwrap_or_default();
    let (starts, ends) = (format!("{day}T10:00"), format!("{day}T11:30"));
    let mut form = Form::of([
        ("scope", "sample"),
        ("per_group", PER_GROUP),
        ("starts", &starts),
        ("ends", &ends),
        ("announce", "60"),
        ("per_minute", "2"),
    ]);
    for (at, (from, until)) in USUAL.into_iter().enumerate() {
        form.set(hours_field("from", at), from);
        form.set(hours_field("until", at), until);
    }
    page(&signed, form, communities, StatusCode::OK).await
}

async fn page(
    signed: &Signed,
    form: Form,
    communities: Vec<Community>,
    status: StatusCode,
) -> Result<Response, Response> {
    let l = signed.lang();
    let first = communities.first().map(|community| community.id);
    let community = form.get("community").parse().ok().or(first);
    let groups = Groups::read(signed, community, &form).await.map_err(signed.fails())?;
    let frame = Frame::signed(signed, l.t("计划演练", "Plan a drill")).await;
    Ok(show(status, &PlanPage { frame, l, form, communities, groups }))
}

async fn communities(signed: &Signed) -> Result<Vec<Community>, Failure> {
    signed.api().get_all("/communities?limit=200").await
}

fn clock_of(communities: &[Community], id: u32) -> WallClock {
    let community = communities.iter().find(|community| community.id == id);
    WallClock::of(community.map_or("", |community| &community.time_zone))
}

/// Asks once how many telephones may ring, and then plans.
pub(super) async fn plan(
    State(shared): State<Shared>,
    signed: Signed,
    Sent(mut form): Sent,
) -> Result<Response, Response> {
    let l = signed.lang();
    admins_only(&signed).map_err(signed.fails())?;
    let communities = communities(&signed).await.map_err(signed.fails())?;
    let id = form.get("community").parse().unwrap_or(0);
    if form.has("find", "1") {
        return page(&signed, form, communities, StatusCode::OK).await;
    }
    let clock = clock_of(&communities, id);
    if form.get("seed").is_empty() {
        // Other households each time; the page that asks once more hands the number on.
        let now = (shared.settings.now)().as_second();
        form.set("seed", now.rem_euclid(1_000_000).to_string());
    }
    let Some(draft) = draft(&mut form, &clock, l) else {
        return page(&signed, form, communities, StatusCode::UNPROCESSABLE_ENTITY).await;
    };
    let is_sure = form.has("sure", "1");
    let done = if is_sure {
        let api = signed.api().once(form.get("key"));
        let planned = api.post::<Planned>("/drills", &draft).await;
        planned.map(|planned| go(&format!("/drills/{}", planned.id), "added"))
    } else {
        match signed.api().post::<Preview>("/drills/preview", &draft).await {
            Ok(preview) => Ok(sure(&signed, form.clone(), preview).await),
            Err(failure) => Err(failure),
        }
    };
    match done {
        Ok(response) => Ok(response),
        Err(Failure::Problem(problem)) if problem.status == 422 => {
            form.take(&problem, field_of);
            page(&signed, form, communities, StatusCode::UNPROCESSABLE_ENTITY).await
        }
        Err(failure) => Err(signed.fails()(failure)),
    }
}

async fn sure(signed: &Signed, form: Form, preview: Preview) -> Response {
    let l = signed.lang();
    let shown = |text: &str| text.replace('T', " ");
    let (starts, announced) = (shown(form.get("starts")), form.get("announce").to_owned());
    let frame = Frame::signed(signed, l.t("计划演练", "Plan a drill")).await;
    let key = signed.new_key();
    show(StatusCode::OK, &SurePage { frame, l, form, preview, key, starts, announced })
}

/// The field that a mistake of the API stands beside.
fn field_of(pointer: &str) -> Option<String> {
    let field = match pointer.split('/').nth(1)? {
        "community_id" => "community",
        "per_group" => "per_group",
        "starts_at" => "starts",
        "ends_at" => "ends",
        "announce_before_s" => "announce",
        "per_minute" => "per_minute",
        "kind" => "kind",
        "group_ids" => "groups",
        "hours" => "hours",
        _ => return None,
    };
    Some(field.to_owned())
}

/// What the API is sent; `None` when something typed cannot be read, which then stands beside its field.
fn draft(form: &mut Form, clock: &WallClock, l: Lang) -> Option<Value> {
    let number = |form: &mut Form, name: &str, most: u32| {
        let read = form.get(name).parse::<u32>().ok().filter(|number| *number <= most);
        if read.is_none() {
            form.blame(name, l.t("请填写整数。", "Please write a whole number."));
        }
        read
    };
    let community = form.get("community").parse::<u32>().ok();
    if community.is_none() {
        form.blame("community", l.t("请选择社区。", "Please choose a community."));
    }
    let is_whole = form.has("scope", "all");
    let per_group = if is_whole { None } else { number(form, "per_group", u16::MAX.into()) };
    let moment = |form: &mut Form, name: &str| {
        let read = clock.read(form.get(name));
        if read.is_none() {
            let words = l.t(
                "请填写日期和时间，如 2026-11-24 10:00。",
                "Please write a date and a time, such as 2026-11-24 10:00.",
            );
            form.blame(name, words);
        }
        read
    };
    let (starts, ends) = (moment(form, "starts"), moment(form, "ends"));
    let hours = hours(form, l);
    let groups: Vec<u32> = form.all("group").filter_map(|id| id.parse().ok()).collect();
    let announce = number(form, "announce", 7 * 24 * 60);
    let per_minute = number(form, "per_minute", u16::MAX.into());
    if form.is_wrong() {
        return None;
    }
    let kind = KINDS.into_iter().find(|kind| form.has("kind", kind)).unwrap_or("unknown");
    Some(json!({
        "community_id": community?, "group_ids": groups, "hours": hours, "per_group": per_group, "kind": kind, "starts_at": starts?, "ends_at": ends?,
        "announce_before_s": announce? * 60, "per_minute": per_minute?,
        "seed": form.get("seed").parse::<u32>().unwrap_or(0), "on_holidays": form.has("holidays", "yes"),
    }))
}

/// The spans of the day that were typed; half a span is a mistake.
fn hours(form: &mut Form, l: Lang) -> Vec<Value> {
    let mut hours = Vec::new();
    for at in 0..HOURS {
        let typed = |name| form.get(hours_field(name, at)).to_owned();
        let read = |text: &str| text.parse::<Time>().ok();
        let (from, until) = (typed("from"), typed("until"));
        match (read(&from), read(&until)) {
            _ if from.is_empty() && until.is_empty() => {}
            (Some(from), Some(until)) => hours.push(json!({"from": from, "until": until})),
            (Some(_) | None, _) => {
                form.blame(
                    "hours",
                    l.t("请填写时刻，如 09:00。", "Please write times, such as 09:00."),
                );
            }
        }
    }
    hours
}
