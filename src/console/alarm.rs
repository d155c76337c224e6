//! One alarm with all that happened, what may be done to it, and the list of alarms.

mod act;
mod detail;
pub(crate) mod due;
mod filter;
mod ladder;
mod list;
mod raise;
mod trace;
mod waterfall;

use crate::Shared;
use crate::api::{Failure, Problem};
use crate::board::{self, Row};
use crate::form::Form;
use crate::frame::{Frame, failed, show};
use crate::lang::Lang;
use crate::visit::Signed;
use askama::Template;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use axum::routing::get;
use detail::{Candidate, Candidates, Detail, Human, Moment, Step};
use jiff::Timestamp;
use serde::Deserialize;
use std::ops::Range;
use trace::TracePage;
use waterfall::Chart;

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/alarms", get(list::list))
        .route("/alarms/due", get(due::list))
        .route("/alarms/{id}", get(alarm))
        .route("/alarms/{id}/dossier", get(dossier))
        .route("/alarms/{id}/{action}", get(act::form).post(act::act))
        .merge(raise::routes())
}

#[derive(Template)]
#[template(path = "alarm.html")]
struct AlarmPage {
    frame: Frame,
    l: Lang,
    now: Timestamp,
    id: String,
    row: Row,
    detail: Detail,
    humans: Vec<Human>,
    steps: Vec<Step>,
    charts: Vec<Chart>,
    form: Form,
    /// A note that is sent twice is added once.
    key: String,
    may_act: bool,
    /// The worker who is signed in, as the form says whom to call; empty for who is none.
    own: String,
    may_audit: bool,
    /// Who can be called besides, and the words that were looked for.
    candidates: Vec<Candidate>,
    words: String,
    /// The SIP messages, where they were asked for.
    trace: Option<TracePage>,
    /// Which moments of the story are told.
    told: Range<usize>,
}

/// Moments of the story on a page, and beside SIP messages: an alarm may go on for hours.
const MOMENTS: usize = 120;
const MOMENTS_BESIDE: usize = 30;

impl AlarmPage {
    /// The moments that this page tells.
    fn story(&self) -> &[Moment] {
        self.detail.timeline.get(self.told.clone()).unwrap_or_default()
    }

    /// How many were before, and the address of the page that tells the last of them.
    fn before(&self) -> Option<(usize, String)> {
        let first = self.story().first().filter(|_| 0 < self.told.start)?;
        Some((self.told.start, format!("/alarms/{}?before={}#story-head", self.id, first.sequence)))
    }

    /// Whether more has happened than this page tells.
    fn has_later(&self) -> bool {
        self.told.end < self.detail.timeline.len()
    }
}

/// The last of these moments, or of those before the one with this number.
fn told(timeline: &[Moment], before: Option<u32>, most: usize) -> Range<usize> {
    let is_before = |moment: &Moment| before.is_none_or(|before| moment.sequence < before);
    let end = timeline.partition_point(is_before);
    end.saturating_sub(most)..end
}

/// What is shown besides.
#[derive(Default, Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    q: String,
    #[serde(default)]
    sip: String,
    /// Moments before the one with this number.
    #[serde(default)]
    before: String,
}

async fn alarm(
    signed: Signed,
    Path(id): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Response> {
    page(&signed, &id, wanted).await
}

/// A part of a path of the API, so that nothing else than one part can come of it.
pub(super) fn segment(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).take(32).collect()
}

async fn page(signed: &Signed, id: &str, wanted: Wanted) -> Result<Response, Response> {
    let (api, l, id) = (signed.api(), signed.lang(), segment(id));
    let mut detail: Detail = api.get(&format!("/alarms/{id}")).await.map_err(signed.fails())?;
    let row = std::mem::take(&mut detail.board);
    let may_act = signed.me.may_act();
    let may_audit = matches!(signed.me.role.as_str(), "admin" | "auditor");
    let candidates =
        if may_act { candidates(signed, &row, &id, &wanted.q).await } else { Vec::new() };
    let trace = if may_audit && !wanted.sip.is_empty() {
        let dossier: detail::Dossier =
            api.get(&format!("/alarms/{id}/dossier")).await.map_err(signed.fails())?;
        let (messages, page) = (ladder::read(dossier.trace), wanted.sip.parse().unwrap_or(1));
        Some(TracePage::of(messages, page, row.raised_at, l))
    } else {
        None
    };
    let most = if trace.is_some() { MOMENTS_BESIDE } else { MOMENTS };
    let told = told(&detail.timeline, wanted.before.parse().ok(), most);
    let title = format!("{} {}", row.state_words(&l), row.where_words(&l));
    let mut frame = Frame::signed(signed, title).await;
    // The feed is for those who act.
    frame.is_live = row.is_open() && may_act;
    if row.is_open() {
        frame.said = board::said([&row], l);
    }
    frame.zone = frame.zone_in(row.zone());
    let page = AlarmPage {
        now: row.now(),
        humans: detail.humans(&row, l),
        steps: detail.steps(l),
        charts: if trace.is_some() { Vec::new() } else { waterfall::charts(&detail, l) },
        frame,
        l,
        id,
        row,
        detail,
        form: Form::default(),
        key: signed.new_key(),
        may_act,
        own: own(signed),
        may_audit,
        candidates,
        words: wanted.q,
        told,
        trace,
    };
    Ok(show(StatusCode::OK, &page))
}

/// Who could be called besides: those whom these words mean. The page is there without them.
async fn candidates(signed: &Signed, row: &Row, id: &str, words: &str) -> Vec<Candidate> {
    if !row.is_live() || row.is_drill {
        return Vec::new();
    }
    let words: String = form_urlencoded::byte_serialize(words.trim().as_bytes()).collect();
    let query = if words.is_empty() { String::new() } else { format!("?q={words}") };
    let found = signed.api().get::<Candidates>(&format!("/alarms/{id}/candidates{query}")).await;
    found.map_or_else(|_| Vec::new(), |found| found.items)
}

/// Whom the form calls that calls who is signed in.
fn own(signed: &Signed) -> String {
    let worker = signed.me.worker_id;
    worker.map_or_else(String::new, |id| format!("worker:{id}:{}", signed.me.display_name))
}

/// Which part of a dossier, and of which moment; the API writes both into its links.
#[derive(Deserialize)]
struct Printed {
    part: Option<String>,
    as_of: Option<String>,
}

/// The dossier to print, as the API writes it in the language of who asks.
async fn dossier(
    signed: Signed,
    Path(id): Path<String>,
    Query(printed): Query<Printed>,
) -> Response {
    let pairs = [("part", printed.part), ("as_of", printed.as_of)];
    let pairs = pairs.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let path = format!("/alarms/{}/dossier.html?{query}", segment(&id));
    let response = signed.api().raw(Method::GET, &path, "text/html", Body::empty()).await;
    if !response.status().is_success() {
        let status = response.status().as_u16();
        let problem = Problem { status, ..Problem::default() };
        return failed(&signed.visitor, &Failure::Problem(Box::new(problem)));
    }
    response
}

#[cfg(test)]
mod tests;
