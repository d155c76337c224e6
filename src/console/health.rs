//! How the service fares: routes, lines, databases, clock and disks in figures, and for admins the configuration in force.

use crate::Shared;
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
    Router::new().route("/health-page", get(look))
}

/// A commit that takes longer than this is slow, in microseconds: design allows 100 ms in all.
const SLOW_US: u64 = 50_000;
/// Less free space than this is little, in bytes.
const LITTLE: u64 = 1 << 30;
/// A clock that is off by more than this is wrong, in milliseconds: codes of second factors are good for half a minute.
const OFF_MS: u64 = 5_000;

#[derive(Template)]
#[template(path = "settings/health.html")]
struct HealthPage {
    frame: Frame,
    l: Lang,
    health: Health,
}

#[derive(Deserialize)]
struct Health {
    now: Timestamp,
    is_ready: bool,
    reasons: Vec<Reason>,
    started_at: Timestamp,
    uptime_s: i64,
    alarms_open: Option<u64>,
    legs_waiting: Option<u64>,
    routes: Vec<Route>,
    over_minutes: u32,
    lines: Lines,
    databases: Vec<Database>,
    log: Log,
    clock: Clock,
    disks: Vec<Disk>,
    versions: Versions,
    configuration: Option<Vec<Section>>,
}

#[derive(Deserialize)]
struct Reason {
    part: String,
    reason: String,
}

#[derive(Deserialize)]
struct Route {
    name: String,
    channel: String,
    is_up: bool,
    under_way: u32,
    channels: u32,
    left_lately: u32,
    per_second: u32,
    legs: u64,
    failures: u64,
}

#[derive(Deserialize)]
struct Lines {
    registered: u64,
    down: u64,
}

#[derive(Deserialize)]
struct Database {
    file: String,
    bytes: Option<u64>,
    wal_bytes: Option<u64>,
}

#[derive(Deserialize)]
struct Log {
    last_commit_us: Option<u64>,
    is_behind: bool,
    committed: u64,
    journalled: u64,
    uncommitted: u64,
    dropped: u64,
}

#[derive(Deserialize)]
struct Clock {
    offset_ms: i64,
    steps: u64,
    last_step_ms: Option<i64>,
}

#[derive(Deserialize)]
struct Disk {
    folder: String,
    free_bytes: Option<u64>,
    bytes: Option<u64>,
}

#[derive(Deserialize)]
struct Versions {
    lianfang: String,
    sqlite: Option<String>,
    time_zones: Option<String>,
}

#[derive(Deserialize)]
struct Section {
    name: String,
    values: Vec<Setting>,
}

#[derive(Deserialize)]
struct Setting {
    key: String,
    value: String,
}

impl Reason {
    /// What to do about it: what is missing is told by the API, in the language of the reader.
    fn advice(&self, l: &Lang) -> &'static str {
        match self.part.as_str() {
            "switchboard" => {
                l.t("请重启服务并查看日志。", "Restart the service and look at its log.")
            }
            "alarm_log" => l.t("请查看数据库所在的磁盘。", "Look at the disk of the database."),
            "trunk" => {
                l.t("请查看网络，并联系运营商。", "Look at the network, and ask the carrier.")
            }
            "tls" => l.t("请更新证书文件，不用重启。", "Renew the files; no restart is needed."),
            _ => "",
        }
    }
}

impl Route {
    fn channel(&self, l: &Lang) -> &str {
        match self.channel.as_str() {
            "voice" => l.t("电话", "calls"),
            "sms" => l.t("短信", "SMS"),
            other => other,
        }
    }

    /// Colour and words of its state: a route that fails a tenth of its legs is degraded.
    fn state(&self, l: &Lang) -> (&'static str, &'static str) {
        if !self.is_up {
            ("red", l.t("中断", "down"))
        } else if 0 < self.failures && self.legs <= self.failures.saturating_mul(10) {
            ("amber", l.t("多次失败", "fails often"))
        } else {
            ("green", l.t("正常", "up"))
        }
    }
}

impl Health {
    /// For how long it runs.
    fn uptime(&self, l: &Lang) -> String {
        let (days, hours) = (self.uptime_s / 86_400, self.uptime_s / 3_600 % 24);
        let minutes = self.uptime_s / 60 % 60;
        let [day, hour, minute] = [l.t("天", "d"), l.t("小时", "h"), l.t("分钟", "min")];
        match (days, hours) {
            (0, 0) => format!("{minutes} {minute}"),
            (0, _) => format!("{hours} {hour} {minutes} {minute}"),
            (_, _) => format!("{days} {day} {hours} {hour}"),
        }
    }
}

impl Log {
    /// How long the last commit took, with its colour.
    fn commit(&self, l: &Lang) -> (&'static str, String) {
        match self.last_commit_us {
            None => ("grey", l.t("启动后还没有", "none since the start").to_owned()),
            Some(us) => {
                let colour = if SLOW_US < us { "amber" } else { "green" };
                (colour, format!("{}.{} ms", us / 1_000, us % 1_000 / 100))
            }
        }
    }
}

impl Clock {
    fn is_off(&self) -> bool {
        OFF_MS < self.offset_ms.unsigned_abs()
    }
}

impl Disk {
    /// Colour and words of what is free.
    fn free(&self, l: &Lang) -> (&'static str, String) {
        match (self.free_bytes, self.bytes) {
            (Some(free), Some(all)) => {
                let colour = if free < LITTLE { "red" } else { "green" };
                let of = l.t("空闲，共", "free of");
                (colour, format!("{} {of} {}", size(free), size(all)))
            }
            (_, _) => ("amber", l.t("无法读取", "cannot be read").to_owned()),
        }
    }
}

impl Database {
    fn sizes(&self, l: &Lang) -> String {
        let known = |bytes: Option<u64>| bytes.map_or_else(|| "–".to_owned(), size);
        format!("{}, {} {}", known(self.bytes), l.t("预写日志", "WAL"), known(self.wal_bytes))
    }
}

/// A number of bytes as people read it.
fn size(bytes: u64) -> String {
    let (unit, words) = match bytes {
        0..1_048_576 => (1_024, "KiB"),
        1_048_576..1_073_741_824 => (1_048_576, "MiB"),
        _ => (1_073_741_824, "GiB"),
    };
    format!("{}.{} {words}", bytes / unit, bytes % unit * 10 / unit)
}

async fn look(signed: Signed) -> Result<Response, Response> {
    let l = signed.lang();
    let health: Health = signed.api().get("/health").await.map_err(signed.fails())?;
    let frame = Frame::signed(&signed, l.t("运行状况", "Health")).await;
    Ok(show(StatusCode::OK, &HealthPage { frame, l, health }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;
    use serde_json::{Value, json};

    fn health() -> Value {
        json!({"now": "2026-11-22T03:12:00Z", "is_ready": true, "reasons": [],
            "started_at": "2026-11-20T03:12:00Z", "uptime_s": 180_000, "alarms_open": 1, "legs_waiting": 0,
            "routes": [{"name": "carrier", "channel": "voice", "is_up": true, "under_way": 3, "channels": 300,
                "left_lately": 12, "per_second": 100, "legs": 400, "failures": 2},
                {"name": "aliyun", "channel": "sms", "is_up": true, "under_way": 5, "channels": 20,
                "left_lately": 7, "per_second": 10, "legs": 60, "failures": 30}],
            "over_minutes": 5, "lines": {"registered": 9, "down": 1},
            "databases": [{"file": "/var/lib/alarms.db", "bytes": 5_242_880, "wal_bytes": 4096}],
            "log": {"last_commit_us": 1234, "is_behind": false, "committed": 77, "journalled": 0, "uncommitted": 0,
                "dropped": 0},
            "clock": {"offset_ms": 3, "steps": 0, "last_step_ms": null},
            "disks": [{"folder": "/var/lib", "free_bytes": 53_687_091_200_u64, "bytes": 107_374_182_400_u64}],
            "versions": {"lianfang": "0.1.0", "sqlite": "3.50.0", "time_zones": "2026e"},
            "configuration": null})
    }

    #[tokio::test]
    async fn figures_are_shown_in_words() {
        let fake = Fake::new("operator");
        fake.answers("GET /health", 200, health());
        let page = fake.get("/health-page").await;
        page.shows(&[
            "carrier",
            "12 / 100",
            "3 / 300",
            "2 / 400",
            "1.2 ms",
            "5.0 MiB, WAL 4.0 KiB",
        ]);
        page.shows(&[
            "50.0 GiB free of 100.0 GiB",
            "2026e",
            "2 d 2 h",
            "20 Nov 2026, 11:12",
            "Everything works",
        ]);
        // A provider of messages, of which every second one failed, beside the trunk.
        page.shows(&[">aliyun<", ">SMS<", "fails often", "7 / 10", "5 / 20", "30 / 60"]);
        assert!(!page.html.contains("Configuration"), "an operator sees none");
        // Figures are looked at again and again; what was opened below them stays as it is.
        page.shows(&[
            "id=\"ready\" data-part data-soon",
            "id=\"routes\" data-part",
            "id=\"under-way\" data-part",
        ]);
        fake.get_chinese("/health-page").await.shows(&[
            "运行状况",
            "一切正常",
            "最近 5 分钟失败",
            ">短信<",
            "多次失败",
            "2 天 2 小时",
        ]);
    }

    #[tokio::test]
    async fn what_is_wrong_stands_out() {
        let fake = Fake::new("admin");
        let mut bad = health();
        bad["is_ready"] = json!(false);
        bad["reasons"] = json!([{"part": "trunk", "reason": "carrier does not answer"}]);
        bad["routes"][0]["is_up"] = json!(false);
        bad["routes"][1]["failures"] = json!(0);
        bad["log"] = json!({"last_commit_us": 90_000, "is_behind": true, "committed": 1, "journalled": 2,
            "uncommitted": 3, "dropped": 4});
        bad["clock"] = json!({"offset_ms": -9000, "steps": 2, "last_step_ms": 61_000});
        bad["disks"] = json!([{"folder": "/a", "free_bytes": 1000, "bytes": 5000},
            {"folder": "/b", "free_bytes": null, "bytes": null}]);
        bad["alarms_open"] = Value::Null;
        bad["configuration"] = json!([{"name": "", "values": [{"key": "node", "value": "0"}]},
            {"name": "trunk carrier", "values": [{"key": "password", "value": "***"}]}]);
        fake.answers("GET /health", 200, bad);
        let page = fake.get("/health-page").await;
        page.shows(&[
            "carrier does not answer",
            "Look at the network, and ask the carrier.",
            "class=\"tag red\"",
            "90.0 ms",
        ]);
        page.shows(&[
            "wait in the journal",
            "</svg>-9000 ms",
            "61000 ms",
            "cannot be read",
            "0.9 KiB free of 4.8 KiB",
        ]);
        page.shows(&["Configuration in force", "[trunk carrier]", "<td>***</td>"]);
        fake.get_chinese("/health-page").await.shows(&["中断", "无法读取", "现行配置"]);
    }

    #[test]
    fn a_route_that_fails_a_tenth_is_degraded() {
        let l = Lang::English;
        for (is_up, legs, failures, colour) in [
            (true, 0, 0, "green"),
            (true, 100, 9, "green"),
            (true, 100, 10, "amber"),
            (false, 0, 0, "red"),
        ] {
            let route = Route {
                name: String::new(),
                channel: "voice".to_owned(),
                is_up,
                under_way: 0,
                channels: 1,
                left_lately: 0,
                per_second: 1,
                legs,
                failures,
            };
            assert_eq!(route.state(&l).0, colour, "{is_up} {legs} {failures}");
        }
    }
}
