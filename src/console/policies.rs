//! Policies (预案): who is called for what, in words; their versions and what differs; the editor with what-if beside it.
//!
//! What may be saved is decided by the API, which refuses what could end in silence.

mod document;
mod edit;
mod history;
#[cfg(test)]
mod tests;
mod versions;
mod whatif;
mod words;

use crate::Shared;
use crate::api::Failure;
use crate::board;
use crate::form::Form;
use crate::frame::{Frame, failed, show};
use crate::lang::Lang;
use crate::visit::Signed;
use crate::wall::{Named, communities};
use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use whatif::{Asked, Shown};

/// A last leg that leaves after so many milliseconds is late.
const LATE_MS: i64 = 1000;

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/policies", get(list))
        .route("/policies/add", get(edit::ask_new).post(edit::add))
        .route("/policies/history", get(history::page))
        .route("/policies/undo/{edit}", post(history::undo))
        .route("/policies/{id}", get(page))
        .route("/policies/{id}/edit", get(edit::ask).post(edit::save))
        .route("/policies/{id}/remove", get(edit::ask_remove).post(edit::remove))
        .route("/policies/{id}/versions", get(versions::page))
        .route("/policies/{id}/versions/{version}/restore", post(versions::restore))
}

/// A policy, as the API tells it.
#[derive(Clone, Debug, Deserialize)]
struct Policy {
    id: u64,
    community_id: u64,
    document: Value,
    version: u64,
    /// When this version was saved.
    #[serde(default)]
    at: Option<Timestamp>,
    #[serde(default)]
    who: Option<String>,
    #[serde(default)]
    who_name: Option<String>,
    #[serde(default)]
    why: Option<String>,
}

impl Policy {
    fn name(&self) -> &str {
        self.document.get("name").and_then(Value::as_str).unwrap_or_default()
    }
}

/// What a policy does today.
#[derive(Debug, Deserialize)]
struct Report {
    last_leg_after_ms: Option<i64>,
    calls: u64,
    messages: u64,
    doors: u64,
    warnings: Vec<String>,
}

/// What a policy does, with the moment at which the last leg of the first step leaves as a figure.
#[derive(Debug, PartialEq, Eq)]
struct Figure {
    words: String,
    is_late: bool,
    /// Where the last leg and the promise stand, of 600.
    last: i64,
    promise: i64,
    summary: String,
    warnings: Vec<String>,
}

impl Report {
    fn figure(self, l: Lang) -> Figure {
        let Self { last_leg_after_ms, calls, messages, doors, warnings } = self;
        let ms = last_leg_after_ms.unwrap_or_default();
        let whole = (2 * LATE_MS).max(ms);
        Figure {
            words: match last_leg_after_ms {
                Some(ms) => whatif::seconds(ms, l),
                None => l.t("没有能用的线路", "no route can be used").to_owned(),
            },
            is_late: last_leg_after_ms.is_none_or(|ms| LATE_MS < ms),
            last: (600 * ms.max(0) / whole).clamp(2, 600),
            promise: 600 * LATE_MS / whole,
            summary: match l {
                Lang::Chinese => format!(
                    "适用于 {doors} 户；呼叫最多的一户，第一级 {calls} 路电话、{messages} 条短信"
                ),
                Lang::English => format!(
                    "it holds for {doors} doors; at the one that calls most, the first step has {calls} calls and {messages} messages"
                ),
            },
            warnings,
        }
    }
}

/// The names of grids and groups that policies are for.
#[derive(Default)]
struct Places(BTreeMap<(&'static str, u64), String>);

impl Places {
    /// Those of these documents; of one that is gone the number stays.
    async fn of(signed: &Signed, documents: &[&Value]) -> Self {
        let mut names = BTreeMap::new();
        for document in documents {
            let scope = document.get("scope").unwrap_or(&Value::Null);
            for (plural, field) in [("grids", "grid"), ("groups", "group")] {
                let Some(id) = scope.get(field).and_then(Value::as_u64) else { continue };
                if names.contains_key(&(plural, id)) {
                    continue;
                }
                let row = signed.api().get::<Named>(&format!("/{plural}/{id}")).await;
                if let Ok(row) = row {
                    names.insert((plural, id), row.name);
                }
            }
        }
        Self(names)
    }

    fn name(&self, plural: &str, id: u64) -> String {
        let found = self.0.iter().find(|((known, of), _)| *known == plural && *of == id);
        found.map_or_else(|| id.to_string(), |(_, name)| name.clone())
    }
}

#[derive(Template)]
#[template(path = "policies/list.html")]
struct ListPage {
    frame: Frame,
    l: Lang,
    communities: Vec<Named>,
    community: Option<u64>,
    name: String,
    rows: Vec<Row>,
    built_in: Vec<&'static str>,
    may_act: bool,
    may_edit: bool,
}

impl ListPage {
    fn is_chosen(&self, id: &u32) -> bool {
        self.community == Some((*id).into())
    }
}

/// A policy in the list.
struct Row {
    id: u64,
    name: String,
    scope: String,
    kinds: String,
    steps: usize,
    version: u64,
}

/// What a community without a policy of its own does, step by step.
fn built_in(l: Lang) -> Vec<&'static str> {
    vec![
        l.t("立即：岗位 A、帮扶人、本组其他各户", "At once: post A, personal helpers, the other households of the group"),
        l.t("60 秒后，没有值班人员接手：岗位 B", "60 s later, if no duty worker has taken the case: post B"),
        l.t("再过 60 秒，没有值班人员接手：带班领导、网格岗", "60 s later, if no duty worker has taken the case: leader and grid"),
        l.t("同时，前往的人不够：楼长；60 秒后巡逻队、志愿者", "With them, if not enough are coming: head of the building; 60 s later patrol and volunteers"),
        l.t("再过 120 秒，无人前往：街道值班；再过 120 秒：热线", "120 s later, if nobody is coming: desk of the street; 120 s later: hotline"),
    ]
}

async fn list(signed: Signed) -> Result<Response, Response> {
    let l = signed.lang();
    let query = signed.visitor.path.split_once('?').map_or("", |(_, query)| query);
    let named = communities(&signed).await;
    let asked: Option<u64> = Form::parse(query.as_bytes()).get("community").parse().ok();
    let only = if let [one] = named.as_slice() { Some(u64::from(one.id)) } else { None };
    let community = asked.or(only);
    let mut rows = Vec::new();
    if let Some(id) = community {
        let path = format!("/policies?community_id={id}&limit=200");
        let policies: Vec<Policy> = signed.api().get_all(&path).await.map_err(signed.fails())?;
        let documents: Vec<&Value> = policies.iter().map(|policy| &policy.document).collect();
        let places = Places::of(&signed, &documents).await;
        let place = |plural: &str, id| places.name(plural, id);
        rows.extend(policies.iter().map(|policy| Row {
            id: policy.id,
            name: policy.name().to_owned(),
            scope: words::scope(&policy.document, &place, l),
            kinds: words::kinds(&policy.document, l),
            steps: policy.document.get("steps").and_then(Value::as_array).map_or(0, Vec::len),
            version: policy.version,
        }));
    }
    let chosen = named.iter().find(|one| community == Some(one.id.into()));
    let page = ListPage {
        frame: Frame::signed(&signed, l.t("预案", "Policies")).await,
        l,
        name: chosen.map(|one| one.name.clone()).unwrap_or_default(),
        communities: named,
        community,
        rows,
        built_in: built_in(l),
        may_act: signed.me.may_act(),
        may_edit: signed.me.is_admin(),
    };
    Ok(show(StatusCode::OK, &page))
}

#[derive(Template)]
#[template(path = "policies/page.html")]
struct PolicyPage {
    frame: Frame,
    l: Lang,
    policy: Policy,
    community: String,
    lines: Vec<String>,
    figure: Option<Figure>,
    /// Why it would be refused today.
    refused: Vec<String>,
    asked: Asked,
    kinds: Vec<(&'static str, &'static str)>,
    shown: Option<Shown>,
    form: Form,
    may_act: bool,
    may_edit: bool,
}

/// The kinds of alarms, to choose from.
fn kinds(l: Lang) -> Vec<(&'static str, &'static str)> {
    document::KINDS.into_iter().map(|kind| (kind, board::kind(kind, l))).collect()
}

async fn page(signed: Signed, Path(id): Path<u64>) -> Result<Response, Response> {
    render(&signed, id, (Form::default(), StatusCode::OK)).await.map_err(signed.fails())
}

/// A community: its name, and by which zone its clocks go.
#[derive(Deserialize)]
struct Town {
    name: String,
    #[serde(default)]
    time_zone: String,
}

async fn town_of(signed: &Signed, id: u64) -> Result<Town, Failure> {
    signed.api().get(&format!("/communities/{id}")).await
}

/// The name of a community.
async fn community_of(signed: &Signed, id: u64) -> Result<String, Failure> {
    Ok(town_of(signed, id).await?.name)
}

async fn render(
    signed: &Signed,
    id: u64,
    (form, status): (Form, StatusCode),
) -> Result<Response, Failure> {
    let l = signed.lang();
    let policy: Policy = signed.api().get(&format!("/policies/{id}")).await?;
    let town = town_of(signed, policy.community_id).await?;
    let places = Places::of(signed, &[&policy.document]).await;
    let lines = words::lines(&policy.document, &|plural, id| places.name(plural, id), l);
    let mut refused = Vec::new();
    let report = match signed.api().get::<Report>(&format!("/policies/{id}/report")).await {
        Ok(report) => Some(report),
        // The directory has changed since it was saved.
        Err(Failure::Problem(problem)) if problem.status == 422 => {
            refused.extend(problem.errors.into_iter().map(|mistake| mistake.detail));
            None
        }
        Err(failure) => return Err(failure),
    };
    let query = signed.visitor.path.split_once('?').map_or("", |(_, query)| query);
    let may_act = signed.me.may_act();
    let mut asked = Asked::default();
    if may_act {
        let usual = policy.document.pointer("/kinds/0").and_then(Value::as_str);
        let usual = (&town, usual.unwrap_or_default());
        asked = Asked::of(signed, &Form::parse(query.as_bytes()), usual).await?;
    }
    let told = whatif::stored(signed, &asked).await?;
    let status = if asked.error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { status };
    let page = PolicyPage {
        frame: Frame::signed(signed, format!("{} {}", l.t("预案", "Policy"), policy.name())).await,
        l,
        lines,
        figure: report.map(|report| report.figure(l)),
        refused,
        shown: told.map(|told| told.shown(Some(id), &town, l)),
        community: town.name,
        asked,
        kinds: kinds(l),
        form,
        may_act,
        may_edit: signed.me.is_admin(),
        policy,
    };
    Ok(show(status, &page))
}

/// The page of a policy again, with what was refused.
async fn refused(signed: &Signed, id: u64, failure: Failure) -> Result<Response, Response> {
    match failure {
        Failure::Problem(problem) if matches!(problem.status, 409 | 412 | 422) => {
            let mut form = Form::default();
            form.take(&problem, |_| None);
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::CONFLICT);
            render(signed, id, (form, status)).await.map_err(signed.fails())
        }
        failure @ (Failure::Problem(_) | Failure::Unreadable(_)) => {
            Err(failed(&signed.visitor, &failure))
        }
    }
}
