//! What stands around every page: bar of state, places, search, and the page of an error.

use crate::Shared;
use crate::api::Failure;
use crate::assets;
use crate::audit::entries_about;
use crate::lang::Lang;
use crate::visit::{self, Me, Signed, Visitor};
use askama::Template;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Redirect, Response};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;

/// A place in the list of places: its path, its key behind `g`, its words.
pub(crate) struct Place {
    pub(crate) path: &'static str,
    pub(crate) key: char,
    chinese: &'static str,
    english: &'static str,
    roles: &'static [&'static str],
}

const DUTY: &[&str] = &["admin", "operator"];
const ALL: &[&str] = &["admin", "operator", "auditor", "responder"];
const READERS: &[&str] = &["admin", "operator", "auditor"];
const PLACES: [Place; 13] = [
    Place { path: "/", key: 'w', chinese: "警情墙", english: "Alarms", roles: DUTY },
    Place {
        path: "/", key: 'w', chinese: "我的警情", english: "My alarms", roles: &["responder"]
    },
    Place { path: "/alarms", key: 'w', chinese: "警情", english: "Alarms", roles: &["auditor"] },
    Place { path: "/map", key: 'm', chinese: "地图", english: "Map", roles: DUTY },
    Place { path: "/directory", key: 'g', chinese: "群组", english: "Directory", roles: DUTY },
    Place { path: "/lines", key: 'l', chinese: "线路", english: "Lines", roles: DUTY },
    Place { path: "/roster", key: 'r', chinese: "值班", english: "Roster", roles: READERS },
    Place { path: "/policies", key: 'y', chinese: "预案", english: "Policies", roles: READERS },
    Place { path: "/prompts", key: 'p', chinese: "语音", english: "Prompts", roles: DUTY },
    Place {
        path: "/drills",
        key: 'd',
        chinese: "演练",
        english: "Drills",
        roles: &["admin", "operator", "auditor"],
    },
    Place {
        path: "/reports",
        key: 'b',
        chinese: "报表",
        english: "Reports",
        roles: &["admin", "operator", "auditor"],
    },
    Place {
        path: "/audit",
        key: 'a',
        chinese: "审计",
        english: "Audit",
        roles: &["admin", "auditor"],
    },
    Place { path: "/settings", key: 's', chinese: "设置", english: "Settings", roles: ALL },
];

impl Place {
    pub(crate) fn words(&self, lang: &Lang) -> &'static str {
        lang.t(self.chinese, self.english)
    }
}

/// How it stands, on every page: `GET /api/v1/state`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub(crate) struct Standing {
    /// Alarms that are open, drills left out.
    pub(crate) open: u32,
    /// Those of them where nobody is coming.
    pub(crate) unattended: u32,
    /// Lines that should be registered and are not.
    pub(crate) lines_down: u32,
    /// Trunks and providers that cannot be used.
    pub(crate) routes_down: u32,
    /// Drills that are under way.
    pub(crate) drills: u32,
}

/// The frame of one page.
pub(crate) struct Frame {
    pub(crate) lang: Lang,
    pub(crate) title: String,
    pub(crate) look: String,
    pub(crate) path: String,
    pub(crate) me: Option<Me>,
    pub(crate) csrf: String,
    pub(crate) standing: Standing,
    /// A word on what was just done, such as "saved".
    pub(crate) notice: Option<String>,
    /// The page changes by itself while it is open.
    pub(crate) is_live: bool,
    /// Alarms that nobody has taken in hand, for which the bar sounds; of pages that show them themselves, none.
    pub(crate) unanswered: usize,
    /// The open alarms one by one, which the bar tells those who do not see the page.
    pub(crate) said: String,
    /// The time zone that times are shown in.
    pub(crate) zone: TimeZone,
}

impl Frame {
    /// The frame for somebody who is signed in. When the state cannot be read, the page is there all the same.
    pub(crate) async fn signed(signed: &Signed, title: impl Into<String>) -> Self {
        let standing = signed.api().get("/state").await.unwrap_or_default();
        Self {
            me: Some(Me::clone(&signed.me)),
            csrf: signed.csrf.clone(),
            standing,
            notice: notice(&signed.visitor),
            zone: signed.me.zone(),
            ..Self::visitor(&signed.visitor, title)
        }
    }

    /// The frame for anybody.
    pub(crate) fn visitor(visitor: &Visitor, title: impl Into<String>) -> Self {
        Self {
            lang: visitor.lang,
            title: title.into(),
            look: visitor.look.clone(),
            path: visitor.path.clone(),
            me: None,
            // A session that is over leaves its cookie behind; forms bring along what belongs to it all the same.
            csrf: visitor.secret.as_deref().map(visit::csrf_of).unwrap_or_default(),
            standing: Standing::default(),
            notice: None,
            is_live: false,
            unanswered: 0,
            said: String::new(),
            zone: visit::zone_of(None),
        }
    }

    pub(crate) fn places(&self) -> impl Iterator<Item = &'static Place> {
        let role = self.me.as_ref().map_or("", |me| me.role.as_str()).to_owned();
        PLACES.iter().filter(move |place| place.roles.contains(&role.as_str()))
    }

    /// The entries of the trail about a row, for whoever may read them.
    pub(crate) fn trail(&self, plural: &str, id: &str) -> Option<String> {
        let may_read = |me: &&Me| matches!(me.role.as_str(), "admin" | "auditor");
        self.me.as_ref().filter(may_read).and_then(|_| entries_about(plural, id))
    }

    /// Whether something may be done to alarms, and people be searched for.
    pub(crate) fn may_act(&self) -> bool {
        self.me.as_ref().is_some_and(Me::may_act)
    }

    /// Whether the bar follows by itself: not on pages on the way in, where nothing else may be asked for yet.
    pub(crate) fn has_live_bar(&self) -> bool {
        let is_in = !["/second-factor", "/password"].iter().any(|at| self.path.starts_with(at));
        !self.is_live && is_in && self.may_act()
    }

    pub(crate) fn is_here(&self, place: &&Place) -> bool {
        let path = self.path.split('?').next().unwrap_or_default();
        match place.path {
            "/" => path == "/" || path.starts_with("/alarms"),
            "/settings" => {
                ["/settings", "/accounts", "/health-page"].iter().any(|at| path.starts_with(at))
            }
            place => {
                path == place || path.strip_prefix(place).is_some_and(|rest| rest.starts_with('/'))
            }
        }
    }

    /// A moment as people write it, where they are.
    pub(crate) fn moment(&self, at: &Timestamp) -> String {
        self.written(at.to_zoned(self.zone.clone()))
    }

    /// A moment of something that stands in a community of this zone; where they are, if nobody says which.
    pub(crate) fn moment_in(&self, zone: &str, at: &Timestamp) -> String {
        self.written(at.to_zoned(self.zone_in(zone)))
    }

    /// The time of day to the millisecond, there.
    pub(crate) fn exact_in(&self, zone: &str, at: &Timestamp) -> String {
        at.to_zoned(self.zone_in(zone)).strftime("%H:%M:%S%.3f").to_string()
    }

    /// A zone by its name; that of where they are without one.
    pub(crate) fn zone_in(&self, zone: &str) -> TimeZone {
        if zone.is_empty() { self.zone.clone() } else { visit::zone_of(Some(zone)) }
    }

    fn written(&self, at: jiff::Zoned) -> String {
        match self.lang {
            Lang::Chinese => at.strftime("%Y年%-m月%-d日 %H:%M").to_string(),
            Lang::English => at.strftime("%-d %b %Y, %H:%M").to_string(),
        }
    }

    /// The time of day to the millisecond, where they are.
    pub(crate) fn exact(&self, at: &Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%H:%M:%S%.3f").to_string()
    }

    pub(crate) fn version(&self) -> &'static str {
        &assets::VERSION
    }

    /// This page in the other language.
    pub(crate) fn in_other(&self) -> String {
        let (path, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let kept = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "lang");
        let mut written = form_urlencoded::Serializer::new(String::new());
        written.extend_pairs(kept).append_pair("lang", self.lang.other().tag());
        format!("{path}?{}", written.finish())
    }
}

/// Words that a redirect brings along in `?did=`: only those that are known, so that no link can put words here.
fn notice(visitor: &Visitor) -> Option<String> {
    let query = visitor.path.split_once('?')?.1;
    let (_, did) = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "did")?;
    let l = visitor.lang;
    let words = match &*did {
        "saved" => l.t("已保存。", "Saved."),
        "added" => l.t("已添加。", "Added."),
        "removed" => l.t("已删除。", "Removed."),
        "undone" => l.t("已恢复。", "Undone."),
        "discarded" => l.t("没有导入，什么也没有改。", "Thrown away; nothing was changed."),
        "moved" => l.t("已移动。", "Moved."),
        "noted" => l.t("已登记。", "Noted."),
        "done" => l.t("已完成。", "Done."),
        "sent" => l.t("已发出，结果见下。", "On its way; what becomes of it stands below."),
        "joined" => {
            l.t("这条线路的警情未结，已并入。", "This line had an open alarm: this belongs to it.")
        }
        "called" => l.t("正在呼叫。", "Calling."),
        "closed" => l.t("已结案。", "Closed."),
        _ => return None,
    };
    Some(words.to_owned())
}

/// A page with a status.
pub(crate) fn show(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "A page of the console cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Goes on to a page after something was done, which says so in words of [`notice`].
pub(crate) fn go(path: &str, did: &str) -> Response {
    let (path, fragment) = path
        .split_once('#')
        .map_or((path, String::new()), |(path, rest)| (path, format!("#{rest}")));
    let joint = if path.contains('?') { '&' } else { '?' };
    Redirect::to(&format!("{path}{joint}did={did}{fragment}")).into_response()
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    frame: Frame,
    l: Lang,
    status: u16,
    heading: String,
    detail: String,
}

/// What a page of a failure says; kept beside the answer, for [`keep_frame`].
#[derive(Clone)]
struct Told {
    status: u16,
    /// What the API says it is, where we have no words of our own.
    title: String,
    detail: String,
}

impl Told {
    fn heading(&self, l: Lang) -> String {
        let known = match self.status {
            401 => l.t("请先登录", "Please sign in"),
            403 => l.t("您没有这项权限", "You may not do this"),
            404 => l.t("没有这一页", "There is no such page"),
            500 => l.t("出错了", "Something went wrong"),
            503 => l.t("服务正忙，请稍候再试", "Busy. Please try again in a moment"),
            _ => self.title.as_str(),
        };
        known.to_owned()
    }

    fn page(self, frame: Frame) -> Response {
        let l = frame.lang;
        let (status, heading) = (self.status, self.heading(l));
        let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        show(code, &ErrorPage { frame, l, status, heading, detail: self.detail })
    }
}

/// The page of a failure, in the language of the visitor.
pub(crate) fn failed(visitor: &Visitor, failure: &Failure) -> Response {
    let l = visitor.lang;
    let told = match failure {
        Failure::Problem(problem) => Told {
            status: problem.status,
            title: problem.title.clone(),
            detail: problem.detail.clone(),
        },
        Failure::Unreadable(error) => {
            tracing::error!(%error, "An answer of the API cannot be read");
            let detail =
                l.t("请联系管理员查看日志。", "Please ask an administrator to look at the log.");
            Told { status: 500, title: String::new(), detail: detail.to_owned() }
        }
    };
    let frame = Frame::visitor(visitor, told.heading(l));
    let mut page = told.clone().page(frame);
    page.extensions_mut().insert(told);
    page
}

/// Keeps the bar of state and the places on the page of a failure, for who is signed in: an alarm is not out of sight
/// because something else went wrong.
pub(crate) async fn keep_frame(
    State(shared): State<Shared>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let request = Request::from_parts(parts.clone(), body);
    let page = next.run(request).await;
    let Some(told) = page.extensions().get::<Told>().cloned() else { return page };
    match Signed::from_request_parts(&mut parts, &shared).await {
        Ok(signed) => {
            let frame = Frame::signed(&signed, told.heading(signed.lang())).await;
            told.page(frame)
        }
        // Whoever is not known sees the page without.
        Err(_) => page,
    }
}

/// The page instead of one that asks for secrets, where somebody on the way may read along.
pub(crate) fn unguarded(visitor: &Visitor) -> Response {
    let l = visitor.lang;
    let heading = l.t("需要 HTTPS", "HTTPS is needed").to_owned();
    let detail = l.t(
        "这条连接没有加密，密码会被他人看到，因此这里不能登录。请用 https:// 打开本页。管理员：在配置中填写 [http.tls]；\
         前面有代理的，把它写进 http.trusted_proxies，并让它转发 X-Forwarded-For 和 X-Forwarded-Proto；\
         网络本身受保护的，可写 http.insecure = true。",
        "This connection is not encrypted, so that others could read passwords: nobody signs in here. Open this page \
         with https://. Administrators: give [http.tls] in the configuration; or name the proxy in front in \
         http.trusted_proxies and let it pass on X-Forwarded-For and X-Forwarded-Proto; or, where the network itself \
         is protected, write http.insecure = true.",
    );
    let frame = Frame::visitor(visitor, heading.clone());
    let page = ErrorPage { frame, l, status: 403, heading, detail: detail.to_owned() };
    show(StatusCode::FORBIDDEN, &page)
}

/// A failure that ends a page: `?` in a handler after `.map_err(signed.fails())`.
impl Signed {
    pub(crate) fn fails(&self) -> impl Fn(Failure) -> Response + '_ {
        |failure| failed(&self.visitor, &failure)
    }
}

#[cfg(test)]
mod tests;
