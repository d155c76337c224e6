//! The lines: registered or not, since when, from where, with which device, and what they sent when #9 was last pressed.

use crate::Shared;
use crate::form::Form;
use crate::frame::{Frame, show};
use crate::lang::Lang;
use crate::visit::Signed;
use askama::Template;
use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use jiff::Timestamp;
use serde::Deserialize;

pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/lines", get(list))
}

#[derive(Template)]
#[template(path = "lines/list.html")]
struct LinesPage {
    frame: Frame,
    l: Lang,
    /// Which are shown: `up`, `down`, `never`, or empty for all.
    state: &'static str,
    /// The community that they are of, as it stands in links; empty for all.
    of_community: String,
    lines: Vec<Line>,
    more: Option<String>,
}

#[derive(Deserialize)]
struct Lines {
    items: Vec<Line>,
    next: Option<u64>,
}

#[derive(Deserialize)]
struct Line {
    id: u64,
    account: String,
    number: String,
    household_id: u64,
    household: String,
    place: String,
    /// That of its community.
    #[serde(default)]
    time_zone: String,
    state: String,
    since: Option<Timestamp>,
    from: Option<String>,
    device: Option<String>,
    last: Option<Last>,
}

/// The last alarm of a line.
#[derive(Deserialize)]
struct Last {
    alarm_id: String,
    at: Timestamp,
    is_drill: bool,
    code: Option<String>,
    source: Option<String>,
    proof: Option<String>,
}

impl Last {
    /// What the line really sent.
    fn sent(&self, l: &Lang) -> String {
        let code = self.code.as_deref().unwrap_or_default();
        let how = match self.source.as_deref() {
            Some("dialled") => l.t("直接拨出", "dialled"),
            Some("keyed") => l.t("接通后按键", "keyed in a call"),
            Some("hotline") => l.t("摘机", "went off-hook"),
            Some("http") => l.t("由交换机通报", "told by a PBX"),
            Some("drill") => l.t("演练", "drill"),
            Some(_) | None => l.t("记录无法读取", "the record cannot be read"),
        };
        let weak = match self.proof.as_deref() {
            Some("weak") => l.t("，未通过认证", ", without proof"),
            Some(_) | None => "",
        };
        format!("{code} {how}{weak}").trim_start().to_owned()
    }
}

/// The states that may be asked for.
const STATES: [&str; 3] = ["up", "down", "never"];

impl LinesPage {
    /// The choices above the list: state and words.
    fn states(&self) -> [(&'static str, &'static str); 4] {
        let l = self.l;
        [
            ("", l.t("全部", "All")),
            ("up", l.t("正常", "Up")),
            ("down", l.t("中断", "Down")),
            ("never", l.t("没有注册过", "Never registered")),
        ]
    }
}

async fn list(signed: Signed) -> Result<Response, Response> {
    let l = signed.lang();
    let query = signed.visitor.path.split_once('?').map_or("", |(_, query)| query);
    let asked = Form::parse(query.as_bytes());
    let state = STATES.into_iter().find(|state| *state == asked.get("state")).unwrap_or_default();
    let after: u64 = asked.get("after").parse().unwrap_or_default();
    let community = asked.get("community").parse::<u64>().ok();
    let mut path = format!("/lines/status?after={after}&limit=50");
    if !state.is_empty() {
        path.push_str(&format!("&state={state}"));
    }
    let mut of_community = String::new();
    if let Some(id) = community {
        path.push_str(&format!("&community_id={id}"));
        of_community = format!("&community={id}");
    }
    let lines: Lines = signed.api().get(&path).await.map_err(signed.fails())?;
    let more = lines.next.map(|next| format!("/lines?state={state}{of_community}&after={next}"));
    let frame = Frame::signed(&signed, l.t("线路", "Lines")).await;
    let page = LinesPage { frame, l, state, of_community, lines: lines.items, more };
    Ok(show(StatusCode::OK, &page))
}

#[cfg(test)]
mod tests {
    use crate::fake::Fake;
    use serde_json::json;

    fn line(state: &str) -> serde_json::Value {
        json!({"id": 8, "account": "l8", "number": "059****1234", "household_id": 5, "household": "陈阿姨",
            "place": "3-2-502", "community_id": 2, "state": state, "since": "2026-11-21T03:12:00Z",
            "from": "udp 192.0.2.7:5060", "device": "Grandstream HT801", "expires": null, "last": {
                "alarm_id": "0ABCDEFGHJKMN", "at": "2026-11-20T03:12:00Z", "is_drill": false, "code": "#9",
                "source": "dialled", "proof": "weak"}})
    }

    #[tokio::test]
    async fn a_line_says_how_it_is_and_what_it_sent() {
        let fake = Fake::new("operator");
        fake.answers(
            "GET /lines/status?after=0&limit=50",
            200,
            json!({"items": [line("up")], "next": 8}),
        );
        let page = fake.get("/lines").await;
        page.shows(&[
            "/directory/lines/8",
            "陈阿姨",
            "Grandstream HT801",
            "udp 192.0.2.7:5060",
            "/alarms/0ABCDEFGHJKMN",
        ]);
        page.shows(&[
            "#9 dialled, without proof",
            "/lines?state=&#38;after=8",
            "21 Nov 2026, 11:12",
        ]);
        fake.get_chinese("/lines").await.shows(&[
            "线路正常",
            "#9 直接拨出，未通过认证",
            "没有注册过",
        ]);
    }

    #[tokio::test]
    async fn times_are_those_of_the_place() {
        let fake = Fake::new("operator");
        let account = json!({"name": "wang", "role": "operator"});
        let session = json!({"account": account, "time_zone": "Europe/Berlin"});
        fake.answers("GET /session", 200, session);
        let lines = json!({"items": [line("up")], "next": null});
        fake.answers("GET /lines/status?after=0&limit=50", 200, lines);
        let page = fake.get("/lines").await;
        page.shows(&["21 Nov 2026, 04:12"]);
        assert!(!page.html.contains("UTC"));
        fake.get_chinese("/lines").await.shows(&["2026年11月21日 04:12"]);
    }

    #[tokio::test]
    async fn each_line_has_the_time_of_its_own_community() {
        let fake = Fake::new("operator");
        let (mut near, mut far) = (line("up"), line("down"));
        near["time_zone"] = json!("Asia/Shanghai");
        far["time_zone"] = json!("America/New_York");
        let lines = json!({"items": [near, far], "next": null});
        fake.answers("GET /lines/status?after=0&limit=50", 200, lines);
        fake.get("/lines").await.shows(&["21 Nov 2026, 11:12", "20 Nov 2026, 22:12"]);
    }

    #[tokio::test]
    async fn lines_that_are_down_are_asked_for() {
        let fake = Fake::new("operator");
        let path = "GET /lines/status?after=4&limit=50&state=down&community_id=2";
        fake.answers(path, 200, json!({"items": [line("down")], "next": null}));
        let page = fake.get("/lines?state=down&community=2&after=4").await;
        page.shows(&["line down", "aria-current=\"page\"", "/lines?state=never&#38;community=2"]);
        fake.answers("GET /lines/status?after=0&limit=50", 200, json!({"items": [], "next": null}));
        fake.get("/lines?state=wrong&after=x").await.shows(&["No line is so."]);
    }
}
