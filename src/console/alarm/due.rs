//! Alarms of which something is late: open ones that nobody accepted, reached or closed in time, and households that are
//! due to be asked how they are.
//!
//! Where they are is not told here: opening an alarm is entered in the audit trail, and this is only a list to open from.

use super::detail::{CaseStep, step_words};
use super::filter::Filter;
use crate::board;
use crate::frame::{Frame, show};
use crate::lang::Lang;
use crate::visit::Signed;
use crate::wall::{Named, communities};
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde::Deserialize;

/// Cases that a wall counts; of more it says only that there are more.
const COUNTED: usize = 25;

/// The choices of this list.
const CHOICES: [&str; 2] = ["kind", "outcome"];

#[derive(Template)]
#[template(path = "alarms_due.html")]
struct DuePage {
    frame: Frame,
    l: Lang,
    cases: Vec<Case>,
    more: Option<String>,
    communities: Vec<Named>,
    filter: Filter,
}

#[derive(Default, Deserialize)]
struct Cases {
    items: Vec<Case>,
    #[serde(default)]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Case {
    id: String,
    raised_at: Timestamp,
    kind: String,
    #[serde(default)]
    is_drill: bool,
    steps: Vec<CaseStep>,
    follow_up_due_at: Option<Timestamp>,
    #[serde(default)]
    follow_up_reminders: u8,
}

impl Case {
    fn kind(&self, l: &Lang) -> &'static str {
        board::kind(&self.kind, *l)
    }

    /// What is late, and since when.
    fn late(&self, l: &Lang) -> Vec<(&'static str, Timestamp)> {
        let steps = self.steps.iter().filter(|step| step.is_late && step.done_at.is_none());
        let steps = steps.map(|step| (step_words(&step.step, *l), step.due_at));
        let words = l.t("回访", "Call or visit after");
        steps.chain(self.follow_up_due_at.map(|due| (words, due))).collect()
    }

    fn reminders(&self, l: &Lang) -> String {
        match (self.follow_up_reminders, l) {
            (0, _) => String::new(),
            (times, Lang::Chinese) => format!("已提醒值班人员 {times} 次"),
            (times, Lang::English) => format!("duty workers reminded: {times}"),
        }
    }
}

pub(super) async fn list(signed: Signed) -> Result<Response, Response> {
    let (l, filter) = (signed.lang(), Filter::of(&signed));
    let asked = filter.of_api(&[("overdue", "true"), ("limit", "25")], &CHOICES);
    let found: Cases =
        signed.api().get(&format!("/cases?{asked}")).await.map_err(signed.fails())?;
    let more = found.next.map(|next| format!("/alarms/due?{}", filter.link(&next, &CHOICES)));
    let communities = communities(&signed).await;
    let frame = Frame::signed(&signed, l.t("待回访或逾时", "Due or late")).await;
    let status = if filter.is_wrong() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok(show(status, &DuePage { frame, l, cases: found.items, more, communities, filter }))
}

/// How many there are, as a calm wall says it: `3`, or `50+`; `None` when there are none or they cannot be read.
pub(crate) async fn count(signed: &Signed, community: Option<u32>) -> Option<String> {
    let of = community.map(|id| format!("&community_id={id}")).unwrap_or_default();
    let path = format!("/cases?overdue=true&limit={COUNTED}{of}");
    let Cases { items, next } = signed.api().get(&path).await.unwrap_or_default();
    match (items.len(), next) {
        (0, _) => None,
        (count, None) => Some(count.to_string()),
        (count, Some(_)) => Some(format!("{count}+")),
    }
}

#[cfg(test)]
mod tests {
    use crate::fake::Fake;
    use axum::http::StatusCode;
    use serde_json::{Value, json};

    fn case(is_open: bool) -> Value {
        let done = (!is_open).then_some("2026-11-20T05:00:00Z");
        json!({"id": "0abcdefghjkmn", "raised_at": "2026-11-20T03:12:00Z", "kind": "illness", "is_drill": false,
            "owner": null, "is_duress": false, "follow_up": null, "is_overdue": true, "follow_up_reminders": 2,
            "follow_up_due_at": (!is_open).then_some("2026-11-21T05:00:00Z"), "steps": [
            {"step": "accepted", "due_at": "2026-11-20T03:13:00Z", "done_at": "2026-11-20T03:14:00Z", "is_late": true},
            {"step": "arrived", "due_at": "2026-11-20T03:22:00Z", "done_at": done, "is_late": true},
            {"step": "closed", "due_at": "2026-11-20T05:12:00Z", "done_at": done, "is_late": is_open}]})
    }

    #[tokio::test]
    async fn what_is_late_is_listed_with_since_when() {
        let fake = Fake::new("operator");
        let two = json!({"items": [{"id": 2, "name": "文园社区"}]});
        fake.answers("GET /communities?limit=200", 200, two);
        let asked = "GET /cases?overdue=true&limit=25&community_id=2&after=0abcdefghjkmp";
        let cases = json!({"items": [case(true), case(false)], "next": "0abcdefghjkmn"});
        fake.answers(asked, 200, cases);
        let path = "/alarms/due?community=2&after=0abcdefghjkmp";
        let page = fake.get(path).await;
        page.shows(&[
            "href=\"/alarms/0abcdefghjkmn\"",
            "Illness or injury",
            "Somebody is there",
            "20 Nov 2026, 11:22",
            "Call or visit after",
            "21 Nov 2026, 13:00",
            "duty workers reminded: 2",
            "/alarms/due?community=2&#38;after=0abcdefghjkmn",
            "<option value=\"2\" selected>",
        ]);
        assert!(!page.html.contains("20 Nov 2026, 11:13"), "what was done late is done");
        fake.get_chinese(path).await.shows(&["待回访或逾时", "急病或受伤", "有人到场", "回访"]);
    }

    #[tokio::test]
    async fn what_is_late_is_narrowed_down() {
        let fake = Fake::new("operator");
        let path = "GET /cases?overdue=true&limit=25&to=2026-11-20T16%3A00%3A00Z";
        fake.answers(path, 200, json!({"items": [], "next": null}));
        fake.get("/alarms/due?to=2026-11-20").await.shows(&["Nothing is late."]);
        let query = "community=2&kind=illness&outcome=genuine&q=3-502&from=2026-11-20";
        let asked = "GET /cases?overdue=true&limit=25&community_id=2&kind=illness&outcome=genuine&q=3-502&from=2026-11-19T16%3A00%3A00Z";
        fake.answers(asked, 200, json!({"items": [case(false)], "next": "0abcdefghjkmn"}));
        let page = fake.get(&format!("/alarms/due?{query}")).await;
        page.shows(&[
            "<option value=\"illness\" selected>",
            "value=\"3-502\"",
            "q=3-502&#38;from=2026-11-20&#38;after=0abcdefghjkmn",
        ]);
    }

    #[tokio::test]
    async fn nothing_is_late_and_who_may_not_act_is_not_shown_any() {
        let fake = Fake::new("operator");
        fake.answers("GET /cases?overdue=true&limit=25", 200, json!({"items": []}));
        fake.get("/alarms/due?community=x&after=%26state").await.shows(&["Nothing is late."]);
        let list = json!({"items": [], "next": null});
        fake.answers("GET /alarms/cards?limit=20", 200, list.clone());
        fake.get("/alarms").await.shows(&["href=\"/alarms/due\""]);
        let fake = Fake::new("auditor");
        fake.answers("GET /alarms/cards?limit=20", 200, list);
        assert!(!fake.get("/alarms").await.html.contains("/alarms/due"));
        let refused =
            json!({"type": "urn:lianfang:problem:forbidden", "title": "No", "status": 403});
        fake.answers("GET /cases?overdue=true&limit=25", 403, refused);
        assert_eq!(fake.get("/alarms/due").await.status, StatusCode::FORBIDDEN);
    }

    #[tokio::test]
    async fn a_calm_wall_counts_what_is_late() {
        let fake = Fake::new("operator");
        let board = json!({"now": "2026-11-22T03:12:00Z", "items": [], "is_cut": false});
        fake.answers("GET /alarms/board", 200, board.clone());
        fake.answers("GET /alarms/board?community_id=2", 200, board);
        let page = fake.get("/").await;
        assert!(!page.html.contains("/alarms/due"), "not when it cannot be read");
        for (next, words) in [
            (Value::Null, "</svg>1 due or late</a>"),
            (json!("0abcdefghjkmn"), "</svg>1+ due or late</a>"),
        ] {
            let cases = json!({"items": [case(false)], "next": next});
            fake.answers("GET /cases?overdue=true&limit=25", 200, cases);
            fake.get("/").await.shows(&["href=\"/alarms/due\"", words]);
        }
        let cases = json!({"items": [case(false)], "next": null});
        fake.answers("GET /cases?overdue=true&limit=25&community_id=2", 200, cases);
        fake.get_chinese("/?community=2")
            .await
            .shows(&["/alarms/due?community=2", "1 起待回访或逾时"]);
        let none = json!({"items": [], "next": null});
        fake.answers("GET /cases?overdue=true&limit=25", 200, none);
        assert!(!fake.get("/").await.html.contains("/alarms/due"));
    }
}
