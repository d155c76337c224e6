//! Drills: planned with one look at how many telephones will ring, watched, stopped, reported and printed.

mod choice;
mod histogram;
mod plan;
mod report;

use crate::Shared;
use crate::directory::who_words;
use crate::frame::{Frame, go, show};
use crate::lang::Lang;
use crate::narrow::{Choice, Narrow};
use crate::visit::Signed;
use crate::wall::{Named, communities};
use crate::wall_clock::WallClock;
use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

/// Households that a page of a drill shows: those that began last, and those that are next.
const HOMES_SHOWN: usize = 200;

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/drills", get(list))
        .route("/drills/plan", get(plan::ask).post(plan::plan))
        .route("/drills/{id}", get(watch))
        .route("/drills/{id}/stop", post(stop))
        .route("/drills/{id}/report", get(report::report))
}

#[derive(Deserialize)]
struct Drills {
    items: Vec<Drill>,
    next: Option<u32>,
}

#[derive(Deserialize)]
struct Drill {
    id: u32,
    #[serde(default)]
    community: String,
    #[serde(default)]
    time_zone: String,
    plan: Plan,
    state: String,
    created_at: Timestamp,
    created_by: String,
    #[serde(default)]
    created_by_name: Option<String>,
    announced_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Plan {
    #[serde(default)]
    group_ids: Vec<u32>,
    per_group: Option<u16>,
    kind: String,
    starts_at: Timestamp,
    ends_at: Timestamp,
    announce_before_s: u32,
    per_minute: u16,
}

#[derive(Deserialize)]
struct Detail {
    #[serde(flatten)]
    drill: Drill,
    waiting: usize,
    started: usize,
    skipped: usize,
    homes: Vec<Home>,
}

#[derive(Deserialize)]
struct Home {
    household_id: u32,
    /// None for who does not read the directory.
    household: Option<String>,
    place: Option<String>,
    alarm_id: Option<String>,
    started_at: Option<Timestamp>,
    skipped: Option<String>,
}

impl Drill {
    fn clock(&self) -> WallClock {
        WallClock::of(&self.time_zone)
    }

    fn moment(&self, at: &Timestamp, l: &Lang) -> String {
        self.clock().moment(*at, *l)
    }

    /// Households still begin.
    fn is_going(&self) -> bool {
        matches!(self.state.as_str(), "planned" | "announced" | "running")
    }

    fn state(&self, l: &Lang) -> &'static str {
        match self.state.as_str() {
            "planned" => l.t("已计划", "planned"),
            "announced" => l.t("已通知", "announced"),
            "running" => l.t("演练中", "under way"),
            "over" => l.t("已结束", "over"),
            "cancelled" => l.t("已停止", "stopped"),
            _ => l.t("不明", "not known"),
        }
    }

    fn scope(&self, l: &Lang) -> String {
        let groups = self.plan.group_ids.len();
        match (self.plan.per_group, groups, l) {
            (None, 0, _) => l.t("全社区", "whole community").to_owned(),
            (None, groups, Lang::Chinese) => format!("{groups} 个群组，每一户"),
            (None, groups, Lang::English) => format!("all of {groups} groups"),
            (Some(few), 0, Lang::Chinese) => format!("每组抽 {few} 户"),
            (Some(few), 0, Lang::English) => format!("{few} of each group"),
            (Some(few), groups, Lang::Chinese) => format!("{groups} 个群组，每组抽 {few} 户"),
            (Some(few), groups, Lang::English) => format!("{few} of each of {groups} groups"),
        }
    }

    /// Who planned it, as they are known.
    fn planner(&self, l: &Lang) -> String {
        who_words(&self.created_by, self.created_by_name.as_deref(), *l)
    }

    fn kind(&self, l: &Lang) -> &'static str {
        kind(&self.plan.kind, *l)
    }
}

/// What is said to be the matter.
fn kind(name: &str, l: Lang) -> &'static str {
    match name {
        "fire" => l.t("火警", "fire"),
        "intruder" => l.t("入侵", "intruder"),
        "illness" => l.t("急病", "illness"),
        "flood" => l.t("水患", "flood"),
        "other" => l.t("其他", "other"),
        _ => l.t("不说明", "not said"),
    }
}

#[derive(Template)]
#[template(path = "drills/list.html")]
struct ListPage {
    frame: Frame,
    l: Lang,
    drills: Vec<Drill>,
    narrow: Narrow,
    communities: Vec<Named>,
    more: Option<String>,
    may_plan: bool,
}

async fn list(signed: Signed) -> Result<Response, Response> {
    const CHOICES: [Choice; 1] = [("state", "state", &["running", "ended"])];
    let l = signed.lang();
    let narrow = Narrow::of(&signed, &CHOICES).and_by("community", "community_id");
    let path = format!("/drills?{}", narrow.of_api(20));
    let found: Drills = signed.api().get(&path).await.map_err(signed.fails())?;
    let more = found.next.map(|next| narrow.more("/drills", next.into()));
    let communities = communities(&signed).await;
    let frame = Frame::signed(&signed, l.t("演练", "Drills")).await;
    let may_plan = signed.me.is_admin();
    let drills = found.items;
    Ok(show(StatusCode::OK, &ListPage { frame, l, drills, narrow, communities, more, may_plan }))
}

#[derive(Template)]
#[template(path = "drills/watch.html")]
struct WatchPage {
    frame: Frame,
    l: Lang,
    drill: Drill,
    waiting: usize,
    started: usize,
    skipped: usize,
    total: usize,
    homes: Vec<Home>,
    homes_left_out: usize,
    /// Households may be opened, and the drill stopped.
    may_act: bool,
}

impl WatchPage {
    /// How people know a household; its number for who does not read the directory.
    fn household(&self, home: &Home) -> String {
        match (&home.household, &home.place) {
            (Some(name), Some(place)) => format!("{place} {name}"),
            (Some(name), None) => name.clone(),
            (None, _) => format!("{} {}", self.l.t("住户", "household"), home.household_id),
        }
    }

    fn why(&self, skipped: &str) -> &'static str {
        match skipped {
            "line_has_alarm" => {
                self.l.t("线路上有未结的警情", "its line has an alarm that is open")
            }
            _ => self.l.t("已不在目录中", "is not in the directory any more"),
        }
    }
}

async fn watch(signed: Signed, Path(id): Path<u32>) -> Result<Response, Response> {
    let l = signed.lang();
    let found: Detail = signed.api().get(&format!("/drills/{id}")).await.map_err(signed.fails())?;
    let Detail { drill, waiting, started, skipped, mut homes } = found;
    let total = homes.len();
    // Where it is going on is what people look for: what began last, and what is next.
    let first_waiting =
        homes.iter().position(|home| home.alarm_id.is_none() && home.skipped.is_none());
    let from = first_waiting.unwrap_or(total).saturating_sub(HOMES_SHOWN / 2);
    homes = homes.into_iter().skip(from).take(HOMES_SHOWN).collect();
    let homes_left_out = total - homes.len();
    let mut frame = Frame::signed(&signed, format!("{} {id}", l.t("演练", "Drill"))).await;
    frame.is_live = drill.is_going() && signed.me.may_act();
    let may_act = signed.me.may_act();
    let page = WatchPage {
        frame,
        l,
        drill,
        waiting,
        started,
        skipped,
        total,
        homes,
        homes_left_out,
        may_act,
    };
    Ok(show(StatusCode::OK, &page))
}

/// Stops a drill. It rings nobody, so that nobody is asked whether they are sure.
async fn stop(
    signed: Signed,
    Path(id): Path<u32>,
    crate::form::Sent(_): crate::form::Sent,
) -> Result<Response, Response> {
    let done = signed.api().post::<Value>(&format!("/drills/{id}/cancel"), &json!({})).await;
    done.map_err(signed.fails())?;
    Ok(go(&format!("/drills/{id}"), "done"))
}

#[cfg(test)]
mod tests;
