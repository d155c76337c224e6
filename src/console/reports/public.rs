//! The page for everybody: no sign-in, whole months, nothing that is made of few alarms. Only of communities whose
//! configuration says so; the API decides.

use super::duration::duration;
use super::{CountingPage, come_again};
use crate::Shared;
use crate::api::Failure;
use crate::frame::{Frame, failed, show};
use crate::lang::Lang;
use crate::visit::Visitor;
use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/public", get(list)).route("/public/{id}", get(community))
}

#[derive(Deserialize)]
struct Communities {
    items: Vec<Community>,
}

#[derive(Deserialize)]
struct Community {
    id: u64,
    name: String,
}

#[derive(Deserialize)]
struct Published {
    community: String,
    from: String,
    until: String,
    few: u32,
    alarms: Option<u32>,
    false_percent: Option<u8>,
    first_ring_ms: Times,
    coming_ms: Times,
    arrived_ms: Times,
    months: Vec<Month>,
}

#[derive(Clone, Copy, Deserialize)]
struct Times {
    p50: Option<u64>,
    p90: Option<u64>,
}

#[derive(Deserialize)]
struct Month {
    month: String,
    alarms: Option<u32>,
    drills: Option<u32>,
}

#[derive(Template)]
#[template(path = "reports/public_list.html")]
struct ListPage {
    frame: Frame,
    l: Lang,
    communities: Vec<Community>,
}

#[derive(Template)]
#[template(path = "reports/public.html")]
struct PublicPage {
    frame: Frame,
    l: Lang,
    report: Published,
}

impl PublicPage {
    fn count(&self, count: &Option<u32>) -> String {
        count.map_or_else(|| format!("<{}", self.report.few), |count| count.to_string())
    }

    fn time(&self, ms: &Option<u64>) -> String {
        let few = || self.l.t("样本太少", "too few").to_owned();
        ms.map_or_else(few, |ms| duration(ms, self.l))
    }

    fn times(&self) -> [(&'static str, Times); 3] {
        let l = self.l;
        [
            (
                l.t("从报警到邻居电话响铃", "From the alarm to the first telephone that rang"),
                self.report.first_ring_ms,
            ),
            (
                l.t("从报警到有人表示前往", "From the alarm to somebody who was coming"),
                self.report.coming_ms,
            ),
            (
                l.t("从报警到有人到场", "From the alarm to somebody at the door"),
                self.report.arrived_ms,
            ),
        ]
    }
}

/// Anybody may keep what anybody may read.
fn kept(mut response: Response) -> Response {
    let value = HeaderValue::from_static("private, max-age=600");
    response.headers_mut().insert(header::CACHE_CONTROL, value);
    response
}

async fn list(visitor: Visitor) -> Result<Response, Response> {
    let l = visitor.lang;
    let found = visitor.api.get::<Communities>("/public/communities").await;
    let communities = found.map_err(|failure| failed(&visitor, &failure))?.items;
    let frame = Frame::visitor(&visitor, l.t("公开数据", "Public figures"));
    Ok(kept(show(StatusCode::OK, &ListPage { frame, l, communities })))
}

async fn community(visitor: Visitor, Path(id): Path<u32>) -> Result<Response, Response> {
    let l = visitor.lang;
    let report = match visitor.api.get::<Published>(&format!("/public/communities/{id}")).await {
        Ok(report) => report,
        Err(Failure::Problem(problem)) if problem.is("counting") => {
            let frame = Frame::visitor(&visitor, l.t("公开数据", "Public figures"));
            return Ok(come_again(&CountingPage { frame, l, detail: problem.detail.clone() }));
        }
        Err(failure) => return Err(failed(&visitor, &failure)),
    };
    let frame = Frame::visitor(&visitor, report.community.clone());
    Ok(kept(show(StatusCode::OK, &PublicPage { frame, l, report })))
}
