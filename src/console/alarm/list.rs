//! The list of alarms, latest first.

use crate::board::{self, Row};
use crate::frame::{Frame, show};
use crate::lang::Lang;
use crate::visit::Signed;
use crate::wall::{Named, communities};
use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

/// What is looked for.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Filter {
    state: String,
    community: String,
    drill: String,
    after: String,
}

#[derive(Template)]
#[template(path = "alarms.html")]
struct ListPage {
    frame: Frame,
    l: Lang,
    rows: Vec<Row>,
    /// The query of the next page, if there is one.
    next: Option<String>,
    filter: Filter,
    communities: Vec<Named>,
    /// What is late is only for those who act.
    may_act: bool,
}

#[derive(Deserialize)]
struct Items {
    items: Vec<Row>,
    next: Option<String>,
}

impl Filter {
    /// The parameters that say something, checked.
    fn pairs(&self) -> Vec<(&'static str, &str)> {
        let state = matches!(self.state.as_str(), "open" | "closed").then_some(self.state.as_str());
        let drill = matches!(self.drill.as_str(), "true" | "false").then_some(self.drill.as_str());
        let community = self.community.parse::<u32>().ok().map(|_| self.community.as_str());
        [("state", state), ("drill", drill), ("community", community)]
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }

    fn is(&self, name: &str, value: &str) -> bool {
        let chosen = match name {
            "state" => &self.state,
            "drill" => &self.drill,
            _ => &self.community,
        };
        chosen == value
    }

    fn is_community(&self, id: &u32) -> bool {
        self.community == id.to_string()
    }
}

fn query(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

pub(super) async fn list(
    signed: Signed,
    Query(filter): Query<Filter>,
) -> Result<Response, Response> {
    let l = signed.lang();
    let pairs = filter.pairs();
    let mut asked = vec![("limit", "20")];
    asked.extend(pairs.iter().map(|(name, value)| match *name {
        "community" => ("community_id", *value),
        name => (name, *value),
    }));
    if !filter.after.is_empty() {
        asked.push(("after", &filter.after));
    }
    let path = format!("/alarms/cards?{}", query(&asked));
    let found: Items = signed.api().get(&path).await.map_err(signed.fails())?;
    let next = found.next.map(|after| {
        let mut pairs = pairs;
        pairs.push(("after", &after));
        query(&pairs)
    });
    let communities = communities(&signed).await;
    let frame = Frame::signed(&signed, l.t("以往警情", "Past alarms")).await;
    let rows = found.items;
    Ok(show(
        StatusCode::OK,
        &ListPage { frame, l, rows, next, filter, communities, may_act: signed.me.may_act() },
    ))
}
