//! Reports: how fast help came and what alarms were, how lines and numbers stand; as tables with bars, as CSV, on paper.
//! And the page for everybody, which needs no sign-in and says nothing of single people.

mod bars;
mod duration;
mod public;
mod standing;

use crate::Shared;
use crate::api::Failure;
use crate::form::Form;
use crate::frame::{Frame, show};
use crate::lang::Lang;
use crate::visit::Signed;
use askama::Template;
use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bars::{Bar, Stack};
pub(crate) use duration::duration;
use jiff::Timestamp;
use serde::Deserialize;

/// Seconds after which a page that is still being counted is asked for again.
const AGAIN_S: &str = "3";
/// Longest sheet, in bytes: a hundred for each community.
const SHEET_MAX: usize = 4 * 1024 * 1024;

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/reports", get(alarms))
        .route("/reports/csv/{what}", get(csv))
        .merge(standing::routes())
        .merge(public::routes())
}

/// A report on alarms, as the API tells it.
#[derive(Deserialize)]
struct Report {
    from: String,
    until: String,
    counted_at: Timestamp,
    total: Figures,
    months: Vec<Month>,
    communities: Vec<OfCommunity>,
    #[serde(default)]
    communities_left_out: u32,
    kinds: Vec<OfKind>,
}

#[derive(Deserialize)]
struct Month {
    month: String,
    #[serde(flatten)]
    figures: Figures,
}

#[derive(Deserialize)]
struct OfCommunity {
    community_id: Option<u64>,
    community: String,
    #[serde(flatten)]
    figures: Figures,
}

#[derive(Deserialize)]
struct OfKind {
    kind: String,
    #[serde(flatten)]
    figures: Figures,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Figures {
    alarms: u32,
    open: u32,
    genuine: u32,
    false_alarms: u32,
    tests: u32,
    unknown: u32,
    false_percent: Option<u8>,
    nobody_came: u32,
    drills: u32,
    first_ring_ms: Spread,
    first_key_ms: Spread,
    coming_ms: Spread,
    arrived_ms: Spread,
    closed_ms: Spread,
    late: Late,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct Spread {
    count: u32,
    p50: Option<u64>,
    p90: Option<u64>,
    p99: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Late {
    judged: u32,
    accepted: u32,
    arrived: u32,
    closed: u32,
    follow_ups: u32,
    followed_up: u32,
    follow_ups_late: u32,
}

/// A community to choose.
#[derive(Deserialize)]
struct Choice {
    id: u64,
    name: String,
}
#[derive(Template)]
#[template(path = "reports/alarms.html")]
struct AlarmsPage {
    frame: Frame,
    l: Lang,
    form: Form,
    choices: Vec<Choice>,
    /// The report; none while the form has mistakes.
    report: Option<Report>,
    /// What was asked for, as it stands in links.
    query: String,
}

/// A time of a month, with its bar.
struct TimeCell {
    words: &'static str,
    half: String,
    most: String,
    bar: Bar,
}

#[derive(Template)]
#[template(path = "reports/counting.html")]
struct CountingPage {
    frame: Frame,
    l: Lang,
    detail: String,
}

impl AlarmsPage {
    fn time(&self, ms: &Option<u64>) -> String {
        ms.map_or_else(|| "–".to_owned(), |ms| duration(ms, self.l))
    }

    fn percent(&self, percent: &Option<u8>) -> String {
        percent.map_or_else(|| "–".to_owned(), |percent| format!("{percent}%"))
    }

    /// The times of all alarms: words, and how long they took.
    fn times<'a>(&self, figures: &'a Figures) -> [(&'static str, &'a Spread); 5] {
        let l = self.l;
        [
            (l.t("首次响铃", "First ring"), &figures.first_ring_ms),
            (l.t("首次按键", "First key"), &figures.first_key_ms),
            (l.t("表示前往", "Coming"), &figures.coming_ms),
            (l.t("已到场", "Here"), &figures.arrived_ms),
            (l.t("已结案", "Closed"), &figures.closed_ms),
        ]
    }

    /// What was late: words, how many, of how many.
    fn late<'a>(&self, late: &'a Late) -> [(&'static str, &'a u32, &'a u32); 4] {
        let l = self.l;
        [
            (l.t("接警超时", "Nobody coming in time"), &late.accepted, &late.judged),
            (l.t("到场超时", "Nobody there in time"), &late.arrived, &late.judged),
            (l.t("结案超时", "Not closed in time"), &late.closed, &late.judged),
            (
                l.t("回访超时", "Not asked how they are in time"),
                &late.follow_ups_late,
                &late.follow_ups,
            ),
        ]
    }

    fn kind(&self, kind: &str) -> &'static str {
        let l = self.l;
        match kind {
            "fire" => l.t("火警", "fire"),
            "intruder" => l.t("入侵", "intruder"),
            "illness" => l.t("急病", "illness"),
            "flood" => l.t("水患", "flood"),
            "other" => l.t("其他", "other"),
            _ => l.t("不明", "not known"),
        }
    }

    fn name<'a>(&self, row: &'a OfCommunity) -> &'a str {
        match row.community_id {
            Some(_) if !row.community.is_empty() => &row.community,
            Some(_) => self.l.t("已删除的社区", "a community that is gone"),
            None => self.l.t("已无法得知在哪里", "nobody knows any more where"),
        }
    }

    /// Alarms of a month beside those of the month with most: somebody was in trouble, nobody was, all others. How each
    /// part looks, where it begins and how wide it is.
    fn stack(&self, month: &Month, report: &Report) -> [(&'static str, u64, u64); 3] {
        let most = report.months.iter().map(|month| month.figures.alarms).max().unwrap_or(0);
        let Figures { alarms, genuine, false_alarms, .. } = month.figures;
        let rest = alarms.saturating_sub(genuine).saturating_sub(false_alarms);
        let Stack { parts: [genuine, wrong, rest] } =
            Stack::of([genuine, false_alarms, rest], most);
        [
            ("class=\"f-blue\"", genuine.0, genuine.1),
            ("fill=\"url(#striped)\"", wrong.0, wrong.1),
            ("class=\"f-line\"", rest.0, rest.1),
        ]
    }

    /// Half of the alarms of a month within, beside the slowest month: to the first ring, and to the first who was coming.
    fn bars(&self, month: &Month, report: &Report) -> [TimeCell; 2] {
        let l = self.l;
        let cell = |words, of: fn(&Figures) -> Spread| {
            let all = report.months.iter().map(|month| of(&month.figures));
            let most = all.flat_map(|times| [times.p50, times.p90]).flatten().max().unwrap_or(0);
            let Spread { p50, p90, .. } = of(&month.figures);
            let bar = Bar::of((p50, p90), most);
            TimeCell { words, half: self.time(&p50), most: self.time(&p90), bar }
        };
        [
            cell(l.t("首次响铃", "First ring"), |figures| figures.first_ring_ms),
            cell(l.t("表示前往", "Coming"), |figures| figures.coming_ms),
        ]
    }

    fn is_chosen(&self, choice: &Choice) -> bool {
        self.form.get("community") == choice.id.to_string()
    }
}

/// What is asked for: the form, and the query for the API.
fn asked(signed: &Signed) -> (Form, String) {
    let query = signed.visitor.path.split_once('?').map_or("", |(_, query)| query);
    let form = Form::parse(query.as_bytes());
    let mut written = form_urlencoded::Serializer::new(String::new());
    for name in ["from", "until"] {
        if !form.get(name).is_empty() {
            written.append_pair(name, form.get(name));
        }
    }
    if let Ok(community) = form.get("community").parse::<u32>() {
        written.append_pair("community_id", &community.to_string());
    }
    let query = written.finish();
    (form, query)
}

async fn alarms(signed: Signed) -> Result<Response, Response> {
    let l = signed.lang();
    let (mut form, query) = asked(&signed);
    let (report, status) =
        match signed.api().get::<Report>(&format!("/reports/alarms?{query}")).await {
            Ok(report) => (Some(report), StatusCode::OK),
            Err(Failure::Problem(problem)) if problem.status == 400 => {
                // The API names the parameter; its words say what it must be.
                let named = problem.detail.trim_start_matches(['“', '`']);
                let field = if named.starts_with("from") { "from" } else { "until" };
                form.blame(field, problem.detail.clone());
                (None, StatusCode::UNPROCESSABLE_ENTITY)
            }
            Err(failure) => return Err(counting(&signed, failure).await),
        };
    if let Some(report) = &report {
        form.set("from", report.from.clone());
        form.set("until", report.until.clone());
    }
    let choices = choices(&signed, report.as_ref()).await;
    let frame = Frame::signed(&signed, l.t("报表", "Reports")).await;
    Ok(show(status, &AlarmsPage { frame, l, form, choices, report, query }))
}

/// The communities to choose from: all that an operator sees; an auditor may list none, and chooses of the report.
async fn choices(signed: &Signed, report: Option<&Report>) -> Vec<Choice> {
    if signed.me.may_act()
        && let Ok(found) = signed.api().get_all("/communities?limit=200").await
    {
        return found;
    }
    let rows = report.into_iter().flat_map(|report| &report.communities);
    let choice =
        |row: &OfCommunity| Some(Choice { id: row.community_id?, name: row.community.clone() });
    rows.filter_map(choice).collect()
}

/// A page that asks again by itself while the API still counts; any other failure as it is.
async fn counting(signed: &Signed, failure: Failure) -> Response {
    let detail = match &failure {
        Failure::Problem(problem) if problem.is("counting") => problem.detail.clone(),
        Failure::Problem(_) | Failure::Unreadable(_) => return signed.fails()(failure),
    };
    let l = signed.lang();
    let frame = Frame::signed(signed, l.t("报表", "Reports")).await;
    come_again(&CountingPage { frame, l, detail })
}

fn come_again(page: &CountingPage) -> Response {
    let mut response = show(StatusCode::SERVICE_UNAVAILABLE, page);
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static(AGAIN_S));
    headers.insert("refresh", HeaderValue::from_static(AGAIN_S));
    response
}

/// The sheets, as the API writes them.
async fn csv(signed: Signed, Path(what): Path<String>) -> Response {
    let (_, query) = asked(&signed);
    let response = match what.as_str() {
        "month" | "community" | "kind" | "community_month" => {
            let path = format!("/reports/alarms.csv?by={what}&{query}");
            signed.api().raw(Method::GET, &path, "text/csv", Body::empty()).await
        }
        "communities" => communities_csv(&signed, &query).await,
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    match response.status() {
        StatusCode::SERVICE_UNAVAILABLE => {
            let detail = signed
                .lang()
                .t("正在统计，完成后自动下载。", "Counting; the file comes when it is done.");
            let frame = Frame::signed(&signed, signed.lang().t("报表", "Reports")).await;
            come_again(&CountingPage { frame, l: signed.lang(), detail: detail.to_owned() })
        }
        _ => response,
    }
}

/// The sheet of all communities, or of the one that is asked for: page after page, with the names of the columns once.
async fn communities_csv(signed: &Signed, query: &str) -> Response {
    let of_one = query.split('&').find(|pair| pair.starts_with("community_id="));
    let of_one = of_one.map(|pair| format!("&{pair}")).unwrap_or_default();
    let first = format!("/reports/communities.csv?limit=50{of_one}");
    let (mut sheet, mut path) = (Vec::new(), first.clone());
    loop {
        let response = signed.api().raw(Method::GET, &path, "text/csv", Body::empty()).await;
        if response.status() != StatusCode::OK {
            return response;
        }
        let (mut head, body) = response.into_parts();
        let Ok(page) = axum::body::to_bytes(body, SHEET_MAX).await else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        let names = page.iter().position(|byte| *byte == b'\n').filter(|_| !sheet.is_empty());
        sheet.extend(page.iter().skip(names.map_or(0, |end| end + 1)));
        let link = head.headers.remove(header::LINK);
        let next = link.as_ref().and_then(|link| after_of(link.to_str().ok()?));
        let Some(next) = next.filter(|_| sheet.len() <= SHEET_MAX) else {
            // It was that of the last page.
            head.headers.remove(header::CONTENT_LENGTH);
            return Response::from_parts(head, Body::from(sheet));
        };
        path = format!("{first}&after={next}");
    }
}

/// Where the next page begins, as a `Link` says it.
fn after_of(link: &str) -> Option<u32> {
    let (target, _) = link.strip_prefix('<')?.split_once('>')?;
    target.split_once("after=")?.1.parse().ok()
}

#[cfg(test)]
mod tests;
