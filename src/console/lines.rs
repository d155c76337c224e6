//! The lines: registered or not, since when, from where, with which device, and what they sent when #9 was last pressed.

use crate::Shared;
use crate::api::Failure;
use crate::directory::Noun;
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

/// How one line is, on its page of the directory.
#[derive(Deserialize)]
pub(crate) struct Standing {
    #[serde(flatten)]
    pub(crate) line: Line,
    /// When the registration ends unless it is renewed.
    #[serde(default)]
    pub(crate) expires: Option<Timestamp>,
    last_alarm: Option<Last>,
    last_drill: Option<Last>,
    last_test: Option<Last>,
    /// The last that came from the line itself.
    last_press: Option<Last>,
    /// The other devices that are registered as it.
    #[serde(skip)]
    pub(crate) others: Vec<Device>,
}

/// A device that is registered.
#[derive(Deserialize)]
pub(crate) struct Device {
    pub(crate) from: String,
    pub(crate) device: Option<String>,
    pub(crate) since: Timestamp,
}

#[derive(Deserialize)]
struct Registration {
    bindings: Vec<Device>,
}

impl Standing {
    /// The last of each kind: its words, and what it was.
    pub(crate) fn lasts(&self, l: &Lang) -> [(&'static str, Option<&Last>); 4] {
        [
            (l.t("最近一次报警", "Last alarm"), self.last_alarm.as_ref()),
            (l.t("最近一次演练", "Last drill"), self.last_drill.as_ref()),
            (l.t("最近一次测试", "Last test"), self.last_test.as_ref()),
            (
                l.t("最近一次按键实际送来的", "What it really sent when it was last pressed"),
                self.last_press.as_ref(),
            ),
        ]
    }
}

/// How a line is; nothing for rows of other nouns and for a line that is not taken up yet.
pub(crate) async fn standing(
    signed: &Signed,
    noun: &Noun,
    id: u64,
) -> Result<Option<Standing>, Failure> {
    if noun.plural != "lines" {
        return Ok(None);
    }
    let mut standing: Standing = match signed.api().get(&format!("/lines/{id}/status")).await {
        Ok(standing) => standing,
        Err(Failure::Problem(problem)) if problem.status == 404 => return Ok(None),
        Err(failure) => return Err(failure),
    };
    if standing.line.state == "up" {
        let path = format!("/lines/{id}/registration");
        let registered: Registration = signed.api().get(&path).await?;
        let is_told = |device: &Device| Some(&device.from) == standing.line.from.as_ref();
        standing.others = registered.bindings.into_iter().filter(|one| !is_told(one)).collect();
    }
    Ok(Some(standing))
}

#[derive(Deserialize)]
pub(crate) struct Line {
    id: u64,
    account: String,
    number: String,
    household_id: u64,
    household: String,
    place: String,
    /// That of its community.
    #[serde(default)]
    pub(crate) time_zone: String,
    pub(crate) state: String,
    /// `registration`, or `trunk` for one that never registers.
    #[serde(default)]
    pub(crate) heard_by: String,
    pub(crate) since: Option<Timestamp>,
    pub(crate) from: Option<String>,
    pub(crate) device: Option<String>,
    last: Option<Last>,
}

/// The last alarm of a line.
#[derive(Deserialize)]
pub(crate) struct Last {
    pub(crate) alarm_id: String,
    pub(crate) at: Timestamp,
    pub(crate) is_drill: bool,
    code: Option<String>,
    source: Option<String>,
    proof: Option<String>,
}

impl Last {
    /// What the line really sent.
    pub(crate) fn sent(&self, l: &Lang) -> String {
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

    fn standing(state: &str, heard_by: &str) -> Fake {
        let fake = Fake::new("admin");
        let row = json!({"id": 8, "household_id": 5, "account": "l8", "is_silent": false,
            "number": {"key": "+865925551234", "written": "0592-5551234", "to_confirm": false}});
        fake.answers("GET /lines/8", 200, row);
        for (path, field, id) in [
            ("households/5", "group_id", 4),
            ("groups/4", "grid_id", 3),
            ("grids/3", "community_id", 2),
            ("communities/2", "street_id", 1),
            ("streets/1", "none", 0),
        ] {
            fake.answers(&format!("GET /{path}"), 200, json!({"id": 1, "name": "x", field: id}));
        }
        let mut one = line(state);
        if state != "up" {
            (one["from"], one["device"]) = (json!(null), json!(null));
        }
        one["heard_by"] = json!(heard_by);
        one["time_zone"] = json!("Asia/Shanghai");
        let last = |day: u32, is_drill: bool| {
            json!({"alarm_id": format!("0ABCDEFGHJK{day}"), "at": format!("2026-11-{day}T03:12:00Z"),
                "is_drill": is_drill, "code": "*9", "source": "keyed", "proof": "trunk"})
        };
        (one["last_alarm"], one["last_drill"]) = (json!(null), last(12, true));
        (one["last_test"], one["last_press"]) = (last(14, false), last(15, false));
        fake.answers("GET /lines/8/status", 200, one);
        let device = |from: &str, device: &str| json!({"from": from, "device": device, "since": "2026-11-20T03:12:00Z", "expires": "2026-11-22T03:14:00Z"});
        let bindings = [
            device("udp 192.0.2.7:5060", "Grandstream HT801"),
            device("tcp 192.0.2.9:40000", "Yealink W52P"),
        ];
        let registration = json!({"is_registered": true, "bindings": bindings});
        fake.answers("GET /lines/8/registration", 200, registration);
        fake
    }

    #[tokio::test]
    async fn the_page_of_a_line_tells_how_it_is() {
        let fake = standing("up", "registration");
        let page = fake.get("/directory/lines/8").await;
        page.shows(&[
            "line up",
            "udp 192.0.2.7:5060",
            "Grandstream HT801",
            "Another device",
            "tcp 192.0.2.9:40000 Yealink W52P",
            "Last alarm</dt><dd><span class=\"dim\">never",
        ]);
        page.shows(&[
            "12 Nov 2026, 11:12",
            "/alarms/0ABCDEFGHJK14",
            "What it really sent when it was last pressed",
            "*9 keyed in a call",
        ]);
        fake.get_chinese("/directory/lines/8").await.shows(&[
            "线路状态",
            "最近一次测试",
            "*9 接通后按键",
        ]);
        let fake = standing("down", "registration");
        let page = fake.get("/directory/lines/8").await;
        page.shows(&["line down", "since", "not registered now"]);
        assert!(!page.html.contains("Another device"));
    }

    #[tokio::test]
    async fn a_line_that_never_registers_is_not_one_that_fails() {
        let fake = standing("never", "trunk");
        fake.get("/directory/lines/8").await.shows(&[
            "through the switchboard, never registers",
            "through the switchboard or trunk",
        ]);
        fake.get_chinese("/directory/lines/8").await.shows(&["经交换机，不注册", "经交换机或中继"]);
        let fake = standing("never", "registration");
        fake.get("/directory/lines/8").await.shows(&["not registered since the start"]);
        let mut one = line("never");
        one["heard_by"] = json!("trunk");
        fake.answers(
            "GET /lines/status?after=0&limit=50",
            200,
            json!({"items": [one], "next": null}),
        );
        fake.get("/lines").await.shows(&["through the switchboard, never registers"]);
        // One that the service has not taken up yet has a page all the same.
        fake.answers(
            "GET /lines/8/status",
            404,
            json!({"type": "t", "title": "none", "status": 404}),
        );
        fake.get("/directory/lines/8").await.shows(&["l8"]);
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
