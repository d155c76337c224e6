//! Everything that a roster is made of, in words: the rules (posts, rotations, shifts) and the changes laid over them
//! (overrides, swaps, absences).

use super::local::Local;
use super::part::{self, PARTS, Part};
use super::{Roster, Tab, tabs};
use crate::api::Failure;
use crate::board;
use crate::form::Form;
use crate::frame::{Frame, show};
use crate::lang::Lang;
use crate::visit::Signed;
use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// Pages of 200 rows that are read of each part: more than a roster takes.
const PAGES_MAX: usize = 25;
/// Rows of one part on a page; of what is over the latest.
const ROWS_MAX: usize = 200;

#[derive(Template)]
#[template(path = "roster/rules.html")]
struct RulesPage {
    frame: Frame,
    l: Lang,
    id: u64,
    community: String,
    heading: &'static str,
    tabs: Vec<Tab>,
    form: Form,
    sections: Vec<Section>,
    faults: Vec<String>,
    /// The other half: what is over, or only what is still to come; none for rules.
    other: Option<(String, &'static str)>,
}

/// The rows of one part.
struct Section {
    part: &'static Part,
    heading: &'static str,
    hint: &'static str,
    rows: Vec<Row>,
    may_edit: bool,
    is_cut: bool,
}

/// A row in words.
struct Row {
    id: u64,
    etag: String,
    title: String,
    detail: String,
    is_over: bool,
    /// How far a swap is: a colour and words.
    state: Option<(&'static str, &'static str)>,
    /// What can be said to a swap.
    answers: Vec<Answer>,
    may_change: bool,
}

/// A button below a swap.
struct Answer {
    action: &'static str,
    worker_id: u64,
    words: String,
    is_main: bool,
}

#[derive(Deserialize)]
struct Listed {
    items: Vec<Value>,
    #[serde(default)]
    next: Option<u64>,
}

pub(super) async fn rules(signed: Signed, Path(id): Path<u64>) -> Result<Response, Response> {
    let shown = (Form::default(), StatusCode::OK);
    render(&signed, id, "/rules", shown).await.map_err(signed.fails())
}

pub(super) async fn changes(signed: Signed, Path(id): Path<u64>) -> Result<Response, Response> {
    let shown = (Form::default(), StatusCode::OK);
    render(&signed, id, "/changes", shown).await.map_err(signed.fails())
}

/// The list again, with what was refused.
pub(super) async fn refused(
    signed: &Signed,
    (id, part): (u64, &Part),
    shown: (Form, StatusCode),
) -> Result<Response, Response> {
    let here = if part.is_rule() { "/rules" } else { "/changes" };
    render(signed, id, here, shown).await.map_err(signed.fails())
}

async fn render(
    signed: &Signed,
    id: u64,
    here: &'static str,
    (form, status): (Form, StatusCode),
) -> Result<Response, Failure> {
    let l = signed.lang();
    let is_rules = here == "/rules";
    let roster = Roster::of(signed, id, "days=1").await?;
    let query = signed.visitor.path.split_once('?').map_or("", |(_, query)| query);
    let with_past = Form::parse(query.as_bytes()).has("past", "1");
    let rotations = all(signed, "rotations", id).await?;
    let grids = if is_rules { all(signed, "grids", id).await? } else { Vec::new() };
    let telling =
        Telling { roster: &roster, local: roster.local(), rotations: &rotations, grids: &grids, l };
    let mut sections = Vec::new();
    for part in PARTS.iter().filter(|part| part.is_rule() == is_rules) {
        let rows = match part.plural {
            "rotations" => rotations.clone(),
            plural => all(signed, plural, id).await?,
        };
        sections.push(telling.section(signed, part, &rows, with_past));
    }
    let other = (!is_rules).then(|| match with_past {
        false => (
            format!("/roster/{id}/changes?past=1"),
            l.t("也显示已过去的", "Show what is over, too"),
        ),
        true => (
            format!("/roster/{id}/changes"),
            l.t("只显示现在和以后的", "Show only what is still to come"),
        ),
    });
    let heading = if is_rules {
        l.t("岗位与班次", "Posts and shifts")
    } else {
        l.t("替班、换班、请假", "Overrides, swaps, absences")
    };
    let year = roster.local().date(roster.now).year();
    let page = RulesPage {
        frame: Frame::signed(signed, format!("{} {heading}", roster.community)).await,
        l,
        id,
        heading,
        tabs: tabs(signed, id, here, year),
        form,
        sections,
        other,
        faults: roster.faults.clone(),
        community: roster.community,
    };
    Ok(show(status, &page))
}

/// All rows of a part of a community, up to a bound.
pub(super) async fn all(signed: &Signed, plural: &str, id: u64) -> Result<Vec<Value>, Failure> {
    let mut rows = Vec::new();
    let mut after = 0;
    for _ in 0..PAGES_MAX {
        let path = format!("/{plural}?community_id={id}&after={after}&limit=200");
        let Listed { items, next } = signed.api().get(&path).await?;
        rows.extend(items);
        let Some(next) = next else { break };
        after = next;
    }
    Ok(rows)
}

/// Tells rows in words.
struct Telling<'a> {
    roster: &'a Roster,
    local: Local,
    rotations: &'a [Value],
    grids: &'a [Value],
    l: Lang,
}

/// The name of a row of these; its id where it is not there.
pub(super) fn name_of(rows: &[Value], id: u64) -> String {
    let found = rows.iter().find(|row| number(row, "id") == Some(id));
    found.map_or_else(|| id.to_string(), |row| text(row, "name").to_owned())
}

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn number(row: &Value, name: &str) -> Option<u64> {
    row.get(name).and_then(Value::as_u64)
}

fn moment(row: &Value, name: &str) -> Timestamp {
    text(row, name).parse().unwrap_or_default()
}

impl Telling<'_> {
    fn section(
        &self,
        signed: &Signed,
        part: &'static Part,
        rows: &[Value],
        with_past: bool,
    ) -> Section {
        let may_edit = part.may_edit(&signed.me);
        let mut told: Vec<Row> = rows.iter().map(|row| self.row(part, row, may_edit)).collect();
        told.retain(|row| with_past || !row.is_over);
        let over = told.len().saturating_sub(ROWS_MAX);
        told.drain(..over);
        Section {
            part,
            heading: part.words(self.l),
            hint: part.hint(self.l),
            rows: told,
            may_edit,
            is_cut: 0 < over,
        }
    }

    fn row(&self, part: &Part, row: &Value, may_edit: bool) -> Row {
        let (title, detail) = match part.plural {
            "posts" => self.post(row),
            "rotations" => self.rotation(row),
            "shifts" => self.shift(row),
            "overrides" => self.replacement(row),
            "swaps" => self.swap(row),
            _ => self.absence(row),
        };
        let end = match part.plural {
            "overrides" | "absences" => Some(moment(row, "to")),
            "swaps" => {
                let of = |name: &str| row.get(name).filter(|turn| !turn.is_null());
                let ends = [of("gives"), of("takes")].into_iter().flatten();
                ends.map(|turn| moment(turn, "to")).max()
            }
            _ => None,
        };
        let state = text(row, "state");
        let is_open = state == "proposed";
        let is_over = end.is_some_and(|end| end <= self.roster.now) || state == "withdrawn";
        Row {
            id: number(row, "id").unwrap_or_default(),
            etag: format!("\"{}\"", number(row, "version").unwrap_or_default()),
            title,
            detail,
            is_over,
            state: self.state(state),
            answers: if may_edit && is_open { self.answers(row) } else { Vec::new() },
            may_change: may_edit && (state.is_empty() || is_open),
        }
    }

    fn workers(&self, row: &Value, between: &str) -> String {
        let ids = row.get("worker_ids").and_then(Value::as_array).into_iter().flatten();
        let names = ids.filter_map(Value::as_u64).map(|id| self.roster.worker(id));
        names.collect::<Vec<_>>().join(between)
    }

    fn worker(&self, row: &Value, name: &str) -> Option<String> {
        number(row, name).map(|id| self.roster.worker(id))
    }

    fn post(&self, row: &Value) -> (String, String) {
        let cover = part::chosen(part::COVERS, text(row, "cover"), self.l);
        let grid = number(row, "grid_id");
        let grid = grid.map(|id| format!(" · {}", name_of(self.grids, id)));
        let detail = format!("{} · {cover}{}", text(row, "code"), grid.unwrap_or_default());
        (text(row, "name").to_owned(), detail)
    }

    fn rotation(&self, row: &Value) -> (String, String) {
        let l = self.l;
        let every = number(row, "every").unwrap_or(1);
        let unit = part::chosen(part::UNITS, text(row, "unit"), l);
        let at_once = number(row, "at_once").unwrap_or(1);
        let who = self.workers(row, " → ");
        let anchor = text(row, "anchor");
        let detail = match l {
            Lang::Chinese => {
                format!("{who}；每 {every} {unit}换人，同时 {at_once} 人，自 {anchor} 起")
            }
            Lang::English => {
                format!("{who}; a turn lasts {every} {unit}, {at_once} at once, from {anchor}")
            }
        };
        (text(row, "name").to_owned(), detail)
    }

    fn shift(&self, row: &Value) -> (String, String) {
        let l = self.l;
        let clock = |name| text(row, name).chars().take(5).collect::<String>();
        let later = match number(row, "days_later").unwrap_or_default() {
            0 => String::new(),
            1 => l.t("（次日）", " (next day)").to_owned(),
            days => format!(" (+{days})"),
        };
        let post = self.roster.post(number(row, "post_id").unwrap_or_default());
        let title = format!("{post} {}–{}{later}", clock("starts"), clock("ends"));
        let rotation = number(row, "rotation_id");
        let who = match rotation {
            Some(id) => format!("{} {}", l.t("轮班", "rotation"), name_of(self.rotations, id)),
            None => self.workers(row, l.t("、", ", ")),
        };
        let mut detail = vec![who];
        detail.extend(some(row, "weekdays", part::WEEKDAYS, l));
        detail.extend(some(row, "day_kinds", part::DAY_KINDS, l));
        let days = [text(row, "first_day"), text(row, "last_day")];
        if days != ["", ""] {
            detail.push(days.join(" – "));
        }
        (title, detail.join(" · "))
    }

    fn turn(&self, turn: &Value) -> String {
        let post = self.roster.post(number(turn, "post_id").unwrap_or_default());
        format!("{post} {}", self.local.span(moment(turn, "from"), moment(turn, "to"), self.l))
    }

    fn replacement(&self, row: &Value) -> (String, String) {
        let l = self.l;
        let who = self.worker(row, "worker_id").unwrap_or_default();
        let detail = match self.worker(row, "instead_of_id") {
            Some(instead) => format!("{who} {} {instead}", l.t("代替", "instead of")),
            None => format!("{who} {}", l.t("代替岗上所有人", "instead of all who hold it")),
        };
        (self.turn(row), detail)
    }

    fn swap(&self, row: &Value) -> (String, String) {
        let l = self.l;
        let proposer = self.worker(row, "proposer_id").unwrap_or_default();
        let other = self.worker(row, "other_id").unwrap_or_default();
        let title = format!("{proposer} ⇄ {other}");
        let gives = row.get("gives").map(|turn| self.turn(turn)).unwrap_or_default();
        let takes = row.get("takes").filter(|turn| !turn.is_null()).map(|turn| self.turn(turn));
        let mut detail = match l {
            Lang::Chinese => format!("{other} 替 {proposer} 值 {gives}"),
            Lang::English => format!("{other} takes {gives} of {proposer}"),
        };
        if let Some(takes) = takes {
            detail.push_str(&match l {
                Lang::Chinese => format!("；{proposer} 替 {other} 值 {takes}"),
                Lang::English => format!("; {proposer} takes {takes} of {other}"),
            });
        }
        (title, detail)
    }

    fn absence(&self, row: &Value) -> (String, String) {
        let l = self.l;
        let who = self.worker(row, "worker_id").unwrap_or_default();
        let span = self.local.span(moment(row, "from"), moment(row, "to"), l);
        let stand_in = self.worker(row, "stand_in_id");
        let stand_in = stand_in.map(|name| format!("{} {name}", l.t("代理人", "stand-in")));
        let nobody = || l.t("无代理人", "nobody stands in").to_owned();
        (format!("{who} {span}"), stand_in.unwrap_or_else(nobody))
    }

    fn state(&self, state: &str) -> Option<(&'static str, &'static str)> {
        let l = self.l;
        match state {
            "proposed" => Some(("amber", l.t("等对方答复", "waits for the other"))),
            "agreed" => Some(("green", l.t("已同意", "agreed"))),
            "withdrawn" => Some(("grey", l.t("已撤回或拒绝", "withdrawn or refused"))),
            _ => None,
        }
    }

    fn answers(&self, row: &Value) -> Vec<Answer> {
        let l = self.l;
        let answer = |action, who, words: &str, is_main| {
            let worker_id = number(row, who).unwrap_or_default();
            let words = format!("{} {words}", self.roster.worker(worker_id));
            Answer { action, worker_id, words, is_main }
        };
        vec![
            answer("agree", "other_id", l.t("同意", "agrees"), true),
            answer("withdraw", "other_id", l.t("拒绝", "refuses"), false),
            answer("withdraw", "proposer_id", l.t("撤回", "takes it back"), false),
        ]
    }
}

/// The words of what is chosen, unless it is everything.
fn some(
    row: &Value,
    name: &str,
    choices: &'static [(&'static str, (&'static str, &'static str))],
    l: Lang,
) -> Option<String> {
    let chosen = row.get(name)?.as_array()?;
    if choices.len() <= chosen.len() {
        return None;
    }
    let words = chosen.iter().filter_map(Value::as_str);
    let words: Vec<&str> = words.map(|value| part::chosen(choices, value, l)).collect();
    Some(words.join(l.t("、", ", ")))
}
