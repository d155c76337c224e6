//! What was changed in a roster, by whom and why, with a button that undoes it: posts, rotations, shifts, overrides, swaps
//! and absences, the latest first.

use super::local::Local;
use super::part::{self, PARTS, Part};
use super::rules::{all, name_of};
use super::{Roster, Tab, nothing, tabs};
use crate::api::Failure;
use crate::directory::who_words;
use crate::form::{Form, Sent};
use crate::frame::{Frame, failed, go, show};
use crate::lang::Lang;
use crate::visit::Signed;
use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

/// Edits of one page; of each part so many are read.
const ROWS: usize = 50;

#[derive(Template)]
#[template(path = "roster/history.html")]
struct HistoryPage {
    frame: Frame,
    l: Lang,
    id: u64,
    community: String,
    tabs: Vec<Tab>,
    form: Form,
    edits: Vec<Told>,
    more: Option<String>,
}

/// An edit in words.
struct Told {
    id: u64,
    at: Timestamp,
    when: String,
    who: String,
    why: String,
    what: String,
    /// Where its list stands.
    list: String,
    /// The field, what it was and what it is.
    changes: Vec<(String, String, String)>,
    may_undo: bool,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Edit>,
    next: Option<u64>,
}

/// An edit as the API tells it.
#[derive(Deserialize)]
struct Edit {
    id: u64,
    at: Timestamp,
    who: String,
    #[serde(default)]
    who_name: Option<String>,
    why: Option<String>,
    row_id: u64,
    action: String,
    changes: Vec<Change>,
}

#[derive(Deserialize)]
struct Change {
    field: String,
    before: Option<String>,
    after: Option<String>,
}

/// What values are told with.
struct Telling<'a> {
    roster: &'a Roster,
    local: Local,
    rotations: &'a [Value],
    l: Lang,
}

impl Telling<'_> {
    fn told(&self, signed: &Signed, part: &'static Part, edit: Edit) -> Told {
        let l = self.l;
        let action = match edit.action.as_str() {
            "created" => l.t("添加", "Added"),
            "replaced" => l.t("修改", "Changed"),
            "deleted" => l.t("删除", "Removed"),
            _ => "",
        };
        let change = |change: &Change| {
            let value = |value: &Option<String>| {
                value.as_deref().map(|value| self.value(&change.field, value)).unwrap_or_default()
            };
            (self.label(part, &change.field), value(&change.before), value(&change.after))
        };
        let is_nothing = |text: &Option<String>| text.as_deref().is_none_or(str::is_empty);
        // What was and is nothing tells nothing.
        let is_told = |change: &&Change| {
            change.field != "community_id"
                && !(is_nothing(&change.before) && is_nothing(&change.after))
        };
        Told {
            id: edit.id,
            at: edit.at,
            when: self.local.moment(edit.at, l),
            who: who_words(&edit.who, edit.who_name.as_deref(), l),
            why: edit.why.unwrap_or_default(),
            what: format!("{action} {} {}", part.words(l), edit.row_id),
            list: part.list(self.roster.community_id),
            changes: edit.changes.iter().filter(is_told).map(change).collect(),
            may_undo: part.may_edit(&signed.me),
        }
    }

    /// The words of a column: those of its field; a turn of a swap is two words of one field.
    fn label(&self, part: &'static Part, column: &str) -> String {
        let l = self.l;
        let dotted = column.replacen('_', ".", 1);
        let field = part.fields.iter().find(|field| field.name == column || field.name == dotted);
        match (field, column) {
            (Some(field), _) => field.label(l).to_owned(),
            (None, "state") => l.t("状态", "State").to_owned(),
            (None, "decided") => l.t("答复时间", "Answered").to_owned(),
            (None, "decided_by_id") => l.t("谁答复", "Answered by").to_owned(),
            (None, other) => other.to_owned(),
        }
    }

    fn value(&self, column: &str, value: &str) -> String {
        let l = self.l;
        let id = value.parse::<u64>().ok();
        let words = |choices, value: &str| {
            let words = part::chosen(choices, value, l);
            if words.is_empty() { value.to_owned() } else { words.to_owned() }
        };
        let list = |one: &dyn Fn(&Value) -> String| {
            let values: Vec<Value> = serde_json::from_str(value).unwrap_or_default();
            values.iter().map(one).collect::<Vec<_>>().join(l.t("、", ", "))
        };
        match (column, id) {
            ("post_id" | "gives_post_id" | "takes_post_id", Some(id)) => self.roster.post(id),
            (
                "worker_id" | "instead_of_id" | "stand_in_id" | "proposer_id" | "other_id"
                | "decided_by_id",
                Some(id),
            ) => self.roster.worker(id),
            ("rotation_id", Some(id)) => name_of(self.rotations, id),
            ("worker_ids", _) => {
                list(&|id| id.as_u64().map(|id| self.roster.worker(id)).unwrap_or_default())
            }
            ("weekdays", _) => list(&|day| words(part::WEEKDAYS, day.as_str().unwrap_or_default())),
            ("day_kinds", _) => {
                list(&|kind| words(part::DAY_KINDS, kind.as_str().unwrap_or_default()))
            }
            ("unit", _) => words(part::UNITS, value),
            ("cover", _) => words(part::COVERS, value),
            ("state", _) => match value {
                "proposed" => l.t("等对方答复", "waits for the other").to_owned(),
                "agreed" => l.t("已同意", "agreed").to_owned(),
                "withdrawn" => l.t("已撤回或拒绝", "withdrawn or refused").to_owned(),
                other => other.to_owned(),
            },
            ("starts" | "ends", _) => value.chars().take(5).collect(),
            _ => match value.parse::<Timestamp>() {
                Ok(at) => self.local.moment(at, l),
                Err(_) => value.to_owned(),
            },
        }
    }
}

pub(super) async fn history(signed: Signed, Path(id): Path<u64>) -> Result<Response, Response> {
    page(&signed, id, (Form::default(), StatusCode::OK)).await.map_err(signed.fails())
}

async fn page(
    signed: &Signed,
    id: u64,
    (form, status): (Form, StatusCode),
) -> Result<Response, Failure> {
    let l = signed.lang();
    let roster = Roster::of(signed, id, "days=1").await?;
    let query = signed.visitor.path.split_once('?').map_or("", |(_, query)| query);
    let after = Form::parse(query.as_bytes()).get("after").parse::<u64>().ok();
    let rotations = all(signed, "rotations", id).await?;
    let telling = Telling { roster: &roster, local: roster.local(), rotations: &rotations, l };
    let mut edits: Vec<Told> = Vec::new();
    let mut has_more = false;
    for part in &PARTS {
        let mut path = format!("/history?noun={}&community_id={id}&limit={ROWS}", part.plural);
        if let Some(after) = after {
            path.push_str(&format!("&after={after}"));
        }
        let Page { items, next } = signed.api().get(&path).await?;
        has_more |= next.is_some();
        edits.extend(items.into_iter().map(|edit| telling.told(signed, part, edit)));
    }
    // Ids count the edits of all parts together.
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.id));
    has_more |= ROWS < edits.len();
    edits.truncate(ROWS);
    let last = edits.last().map(|edit| edit.id).filter(|_| has_more);
    let year = roster.local().date(roster.now).year();
    let heading = l.t("修改记录", "History");
    let page = HistoryPage {
        frame: Frame::signed(signed, format!("{} {heading}", roster.community)).await,
        l,
        id,
        tabs: tabs(signed, id, "/history", year),
        form,
        edits,
        more: last.map(|last| format!("/roster/{id}/history?after={last}")),
        community: roster.community,
    };
    Ok(show(status, &page))
}

/// Makes a part again what it was before an edit, if nobody changed it since.
pub(super) async fn undo(
    signed: Signed,
    Path((id, edit)): Path<(u64, u64)>,
    Sent(mut form): Sent,
) -> Result<Response, Response> {
    if !signed.me.may_act() {
        return Err(failed(&signed.visitor, &nothing()));
    }
    match signed.api().post::<Value>(&format!("/history/{edit}/undo"), &json!({})).await {
        Ok(_) => Ok(go(&format!("/roster/{id}/history"), "undone")),
        Err(Failure::Problem(problem)) if matches!(problem.status, 404 | 409 | 422) => {
            form.take(&problem, |_| None);
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::CONFLICT);
            page(&signed, id, (form, status)).await.map_err(signed.fails())
        }
        Err(failure) => Err(failed(&signed.visitor, &failure)),
    }
}
