//! The page of a roster: who is on duty now, the proof of the next two weeks, and a month or a week as a drawing.

use super::chart::{self, Chart, Told};
use super::local::{self, Local};
use super::proof::{Cell, Findings, Place, Shown};
use super::{Day, Roster, Tab, tabs};
use crate::api::{Failure, Problem};
use crate::board;
use crate::form::{Form, Sent};
use crate::frame::{Frame, failed, go, show};
use crate::lang::Lang;
use crate::visit::Signed;
use askama::Template;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Value, json};

/// Posts of one drawing: of a month and of a week. More are one link away.
const POSTS: [usize; 2] = [10, 24];

#[derive(Template)]
#[template(path = "roster/month.html")]
struct MonthPage {
    frame: Frame,
    l: Lang,
    id: u64,
    community: String,
    tabs: Vec<Tab>,
    form: Form,
    has_roster: bool,
    on_duty: Vec<Holder>,
    asked: Vec<String>,
    next_change: Option<String>,
    now: String,
    strip: Vec<Cell>,
    gaps: usize,
    findings: Vec<Shown>,
    more_findings: usize,
    faults: Vec<String>,
    /// The week or month that is shown.
    period: Period,
    heading: String,
    chart: Chart,
    days: Vec<(String, Vec<Told>)>,
    weeks: Vec<(String, String)>,
    more_posts: Option<String>,
    may_act: bool,
    may_edit: bool,
    calendars: Vec<(String, String)>,
}

impl MonthPage {
    fn width(&self) -> i32 {
        chart::WIDTH
    }

    /// What the next two weeks are, in words.
    fn verdict(&self) -> String {
        let l = self.l;
        match (self.gaps, l) {
            (0, _) => l.t("都有人值班", "somebody is always there").to_owned(),
            (gaps, Lang::Chinese) => format!("{gaps} 处没有人"),
            (1, Lang::English) => "nobody is there once".to_owned(),
            (gaps, Lang::English) => format!("nobody is there {gaps} times"),
        }
    }
}

/// What is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Period {
    is_week: bool,
    /// The day that was asked for.
    at: Date,
    first: Date,
    days: u32,
}

impl Period {
    fn of(asked: &Form, today: Date) -> Self {
        let at = asked.get("at").parse().unwrap_or(today);
        let is_week = asked.get("view") == "week";
        let first = local::monday(if is_week { at } else { at.first_of_month() });
        let last = if is_week { first } else { local::monday(at.last_of_month()) };
        let weeks = u32::try_from(last.duration_since(first).as_hours() / (7 * 24)).unwrap_or(0);
        Self { is_week, at, first, days: 7 * (weeks + 1) }
    }

    fn view(&self) -> &'static str {
        if self.is_week { "week" } else { "month" }
    }

    fn link(&self, id: u64, at: Date) -> String {
        format!("/roster/{id}?view={}&at={at}", self.view())
    }

    /// The page before.
    fn before(&self, id: &u64) -> String {
        let first = if self.is_week { self.first } else { self.at.first_of_month() };
        self.link(*id, local::days_later(first, -1))
    }

    /// The page behind.
    fn behind(&self, id: &u64) -> String {
        let last =
            if self.is_week { local::days_later(self.first, 6) } else { self.at.last_of_month() };
        self.link(*id, local::days_later(last, 1))
    }

    fn heading(&self, l: Lang) -> String {
        if !self.is_week {
            return local::month(self.at, l);
        }
        let last = local::days_later(self.first, 6);
        format!("{} – {}", local::day(self.first, l), local::day(last, l))
    }
}

/// Who is on duty, as the API tells it.
#[derive(Deserialize)]
struct Duty {
    has_roster: bool,
    on_duty: Vec<OnDuty>,
    next_change: Option<Timestamp>,
    #[serde(default)]
    asked: Vec<Asked>,
}

#[derive(Deserialize)]
struct OnDuty {
    post_id: Option<u64>,
    post: Option<String>,
    worker_id: u64,
    name: String,
    hand_over: Option<String>,
}

/// Somebody who was called to take over.
#[derive(Deserialize)]
struct Asked {
    post_id: u64,
    name: String,
    calls: u32,
    called_at: Option<Timestamp>,
    answer: String,
}

/// Somebody on duty, ready to be written.
struct Holder {
    post_id: Option<u64>,
    post: String,
    worker_id: u64,
    name: String,
    /// They have not said yet that they took over.
    is_awaited: bool,
    /// They stay until somebody does.
    is_kept: bool,
}

impl Asked {
    fn words(&self, roster: &Roster, local: &Local, l: Lang) -> String {
        let (calls, name) = (self.calls, &self.name);
        let post = roster.post(self.post_id);
        let answer = match self.answer.as_str() {
            "open" => l.t("尚未答复", "no answer yet"),
            "taken_over" => l.t("已接班", "took over"),
            "cannot" => l.t("来不了", "cannot"),
            _ => l.t("未接班", "did not take over"),
        };
        let last = self.called_at.map(|at| local.time(at)).unwrap_or_default();
        match l {
            Lang::Chinese => format!("{post}：{name}，已呼叫 {calls} 次，最近 {last}，{answer}"),
            Lang::English => format!("{post}: {name}, called {calls} times, last {last}, {answer}"),
        }
    }
}

pub(super) async fn page(signed: Signed, Path(id): Path<u64>) -> Result<Response, Response> {
    render(&signed, id, (Form::default(), StatusCode::OK)).await.map_err(signed.fails())
}

async fn render(
    signed: &Signed,
    id: u64,
    (form, status): (Form, StatusCode),
) -> Result<Response, Failure> {
    let l = signed.lang();
    let query = signed.visitor.path.split_once('?').map_or("", |(_, query)| query);
    let asked = Form::parse(query.as_bytes());
    let today = Roster::of(signed, id, "days=1").await?;
    let period = Period::of(&asked, today.local().date(today.now));
    let Period { first, days, .. } = &period;
    let roster = Roster::of(signed, id, &format!("from={first}&days={days}")).await?;
    let duty: Duty = signed.api().get(&format!("/communities/{id}/duty")).await?;
    let findings: Findings =
        signed.api().get(&format!("/communities/{id}/roster/findings?days=14")).await?;
    let local = roster.local();
    let place = Place { id, local: &local, now: roster.now, l };
    let shown = shown(&roster, &period, &asked);
    let title = format!("{} {}", roster.community, l.t("值班", "roster"));
    let month = (!period.is_week).then(|| period.at.month());
    let page = MonthPage {
        frame: Frame::signed(signed, title).await,
        l,
        id,
        tabs: tabs(signed, id, "", local.date(roster.now).year()),
        form,
        has_roster: duty.has_roster,
        asked: duty.asked.iter().map(|asked| asked.words(&roster, &local, l)).collect(),
        on_duty: duty.on_duty.into_iter().map(holder).collect(),
        next_change: duty.next_change.map(|at| local.moment(at, l)),
        now: local.moment(roster.now, l),
        strip: findings.strip(&place),
        gaps: findings.gaps(),
        findings: findings.shown(&place, &signed.me),
        more_findings: findings.more(),
        heading: period.heading(l),
        chart: chart::draw(&roster, shown, month, l),
        days: days_of(&roster, &period, shown, l),
        weeks: if period.is_week { Vec::new() } else { weeks_of(id, &roster, l) },
        more_posts: more_posts(&roster, &period, shown, id),
        may_act: signed.me.may_act(),
        may_edit: signed.me.is_admin(),
        calendars: calendars(signed, id, &roster),
        community: roster.community,
        faults: findings.faults,
        period,
    };
    Ok(show(status, &page))
}

fn holder(on_duty: OnDuty) -> Holder {
    let OnDuty { post_id, post, worker_id, name, hand_over } = on_duty;
    let is = |word: &str| hand_over.as_deref() == Some(word);
    Holder {
        post_id,
        post: post.unwrap_or_default(),
        worker_id,
        is_awaited: is("awaited"),
        is_kept: is("kept"),
        name,
    }
}

/// Which posts are drawn: from which one, and how many.
fn shown(roster: &Roster, period: &Period, asked: &Form) -> (usize, usize) {
    let [of_month, of_week] = POSTS;
    let count = if period.is_week { of_week } else { of_month };
    let first: usize = asked.get("posts").parse().unwrap_or(0);
    (if first < roster.posts.len() { first } else { 0 }, count)
}

fn more_posts(
    roster: &Roster,
    period: &Period,
    (first, count): (usize, usize),
    id: u64,
) -> Option<String> {
    let next = first + count;
    let is_all = first == 0 && roster.posts.len() <= next;
    let next = if next < roster.posts.len() { next } else { 0 };
    (!is_all).then(|| format!("{}&posts={next}", period.link(id, period.at)))
}

/// The days of a week, hour by hour. Those of a month are one link away, week by week.
fn days_of(
    roster: &Roster,
    period: &Period,
    shown: (usize, usize),
    l: Lang,
) -> Vec<(String, Vec<Told>)> {
    if !period.is_week {
        return Vec::new();
    }
    let words = |day: &Day| format!("{} {}", local::day(day.date, l), day.mark(l));
    let told = |day: &Day| (words(day).trim_end().to_owned(), chart::told(roster, day, shown, l));
    roster.days.iter().map(told).collect()
}

fn weeks_of(id: u64, roster: &Roster, l: Lang) -> Vec<(String, String)> {
    let mondays = roster.days.iter().step_by(7).map(|day| day.date);
    let link = |date| (format!("/roster/{id}?view=week&at={date}"), local::day(date, l));
    mondays.map(link).collect()
}

/// Calendars to take along: of whoever looks, of the community, of each worker.
fn calendars(signed: &Signed, id: u64, roster: &Roster) -> Vec<(String, String)> {
    let l = signed.lang();
    let of = |worker: u64| format!("/roster/{id}/workers/{worker}/roster.ics");
    let is_here = |worker: &u64| roster.workers.iter().any(|known| known.id == *worker);
    let own = signed.me.worker_id.filter(is_here);
    let own = own.map(|worker| (of(worker), l.t("我的值班", "My duty").to_owned()));
    let all =
        (format!("/roster/{id}/roster.ics"), l.t("整个社区", "The whole community").to_owned());
    let workers = roster.workers.iter().filter(|_| signed.me.may_act());
    let each = workers.map(|worker| (of(worker.id), worker.name.clone()));
    own.into_iter().chain([all]).chain(each).collect()
}

/// Notes that somebody took over a post.
pub(super) async fn take_over(
    signed: Signed,
    Path((id, post)): Path<(u64, u64)>,
    Sent(mut form): Sent,
) -> Result<Response, Response> {
    let worker: u64 = form.get("worker_id").parse().unwrap_or_default();
    let path = format!("/communities/{id}/duty/{post}/take-over");
    match signed.api().post::<Value>(&path, &json!({"worker_id": worker})).await {
        Ok(_) => Ok(go(&format!("/roster/{id}#duty"), "done")),
        Err(Failure::Problem(problem)) if matches!(problem.status, 409 | 422) => {
            form.take(&problem, |_| None);
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::CONFLICT);
            render(&signed, id, (form, status)).await.map_err(signed.fails())
        }
        Err(failure) => Err(failed(&signed.visitor, &failure)),
    }
}

pub(super) async fn community_ics(signed: Signed, Path(id): Path<u64>) -> Response {
    ics(&signed, &format!("/communities/{id}/roster.ics?days=92")).await
}

pub(super) async fn worker_ics(signed: Signed, Path((_, worker)): Path<(u64, u64)>) -> Response {
    ics(&signed, &format!("/workers/{worker}/roster.ics?days=92")).await
}

/// A calendar as a file.
async fn ics(signed: &Signed, path: &str) -> Response {
    let mut response = signed.api().raw(Method::GET, path, "text/calendar", Body::empty()).await;
    if !response.status().is_success() {
        let status = response.status().as_u16();
        let problem = Problem { status, ..Problem::default() };
        return failed(&signed.visitor, &Failure::Problem(Box::new(problem)));
    }
    let file = HeaderValue::from_static("attachment; filename=\"roster.ics\"");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, file);
    response
}
