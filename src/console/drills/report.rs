//! How a drill went: figures with bars, who could not be reached, who was not told, and words that can be published.

use super::histogram::{Chart, Table, Times};
use crate::frame::{Frame, show};
use crate::lang::Lang;
use crate::visit::Signed;
use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

/// Rows of each list on one page; the API has them all.
const ROWS: usize = 300;

#[derive(Deserialize)]
struct Report {
    is_final: bool,
    homes: u64,
    erased: u64,
    yielded: u64,
    phones: u64,
    rung: u64,
    answered: u64,
    voicemail: u64,
    texted: u64,
    delivered: u64,
    last_leg_ms: Spread,
    first_key_ms: Spread,
    #[serde(default)]
    times: Vec<Times>,
    not_reached: Vec<NotReached>,
    not_told: Vec<NotTold>,
    summary_zh: String,
    summary_en: String,
}

#[derive(Clone, Copy, Deserialize)]
struct Spread {
    p50: Option<u64>,
    p99: Option<u64>,
}

#[derive(Deserialize)]
struct NotReached {
    alarm_id: String,
    contact_id: Option<u32>,
    worker_id: Option<u32>,
    responder_id: Option<u32>,
    name: String,
    number: String,
    reason: String,
}

#[derive(Deserialize)]
struct NotTold {
    household_id: Option<u32>,
    contact_id: Option<u32>,
    worker_id: Option<u32>,
    responder_id: Option<u32>,
    reason: String,
}

/// The page of whoever a row is about.
fn link_of(contact: Option<u32>, worker: Option<u32>, responder: Option<u32>) -> Option<String> {
    let (plural, id) = match (contact, worker, responder) {
        (Some(id), _, _) => ("contacts", id),
        (None, Some(id), _) => ("workers", id),
        (None, None, Some(id)) => ("responders", id),
        (None, None, None) => return None,
    };
    Some(format!("/directory/{plural}/{id}"))
}

impl NotReached {
    fn link(&self) -> Option<String> {
        link_of(self.contact_id, self.worker_id, self.responder_id)
    }
}

impl NotTold {
    /// Who it is, by number: names stand on the page behind the link.
    fn who(&self, l: &Lang) -> String {
        let (words, id) = match (self.contact_id, self.worker_id, self.responder_id) {
            (Some(id), _, _) => (l.t("联系人", "contact"), Some(id)),
            (None, Some(id), _) => (l.t("社区工作者", "worker"), Some(id)),
            (None, None, Some(id)) => (l.t("响应人", "responder"), Some(id)),
            (None, None, None) => (l.t("住户", "household"), self.household_id),
        };
        id.map_or_else(|| words.to_owned(), |id| format!("{words} {id}"))
    }

    fn link(&self) -> Option<String> {
        link_of(self.contact_id, self.worker_id, self.responder_id)
    }
}

#[derive(Template)]
#[template(path = "drills/report.html")]
struct ReportPage {
    frame: Frame,
    l: Lang,
    id: u32,
    report: Report,
    /// The times of the steps, drawn; nothing of what no household did.
    charts: Vec<Chart>,
    table: Table,
    may_open: bool,
}

impl ReportPage {
    /// Steps of a telephone, each with its count and its share of a hundred units.
    fn steps(&self) -> [(&'static str, u64, u64); 4] {
        let (l, report) = (self.l, &self.report);
        let row = |words, count: u64| {
            let share = count.saturating_mul(100).checked_div(report.phones).unwrap_or(0);
            (words, count, share.min(100))
        };
        [
            row(l.t("呼叫的电话", "Telephones called"), report.phones),
            row(l.t("响铃", "rang"), report.rung),
            row(l.t("本人按键应答", "answered with a key"), report.answered),
            row(l.t("已接听，未按键", "answered, no key"), report.voicemail),
        ]
    }

    fn time(&self, ms: &Option<u64>) -> String {
        let none = || "–".to_owned();
        ms.map_or_else(none, |ms| crate::reports::duration(ms, self.l))
    }

    /// The words that can be published, in the reader's language first.
    fn summary(&self) -> &str {
        self.l.t(&self.report.summary_zh, &self.report.summary_en)
    }

    fn shown<'a, T>(&self, rows: &'a [T]) -> &'a [T] {
        rows.get(..ROWS).unwrap_or(rows)
    }

    fn more<T>(&self, rows: &[T]) -> usize {
        rows.len().saturating_sub(ROWS)
    }
}

pub(super) async fn report(signed: Signed, Path(id): Path<u32>) -> Result<Response, Response> {
    let l = signed.lang();
    let path = format!("/drills/{id}/report");
    let report: Report = signed.api().get(&path).await.map_err(signed.fails())?;
    let frame =
        Frame::signed(&signed, format!("{} {id}", l.t("演练报告", "Report of drill"))).await;
    let may_open = signed.me.may_act();
    let charts = report.times.iter().filter_map(|times| Chart::of(times, l)).collect();
    let table = Table::of(&report.times, l);
    Ok(show(StatusCode::OK, &ReportPage { frame, l, id, report, charts, table, may_open }))
}
