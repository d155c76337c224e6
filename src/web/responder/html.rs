//! The page as HTML: large buttons, forms, no script, nothing fetched from elsewhere, a few kilobytes.

use super::Html;
use super::view::PageView;
use crate::web::problem::ApiError;
use crate::web::words::in_language;
use lianfang_domain::directory::Language;
use lianfang_domain::kind::AlarmKind;
use std::fmt::Write;

const STYLE: &str = "body{font:20px/1.4 sans-serif;margin:0 auto;max-width:32em;padding:.6em;color:#111;background:#fff}\
    h1{font-size:1.4em;margin:.2em 0}button{display:block;width:100%;padding:.8em;margin:.5em 0;font-size:1.2em;\
    border:2px solid #111;border-radius:.4em;background:#fff;color:#111}button.go{background:#0a6b2d;color:#fff;border-color:#0a6b2d}\
    .drill{background:#ffe9a8;padding:.4em}.now{font-weight:bold;padding:.4em;border-left:.3em solid #0a6b2d}ul{padding-left:1.2em}";

/// The page of an alarm.
pub(super) fn page(view: &PageView, language: Language) -> Html {
    let scene = &view.scene;
    let mut body = String::new();
    let mut add = |text: String| body.push_str(&text);
    if view.is_drill {
        let drill = in_language!(language, "演练", "Drill");
        add(format!("<p class=\"drill\"><strong>{drill}</strong></p>"));
    }
    if view.state == "closed" {
        add(format!("<p class=\"now\" role=\"status\">{}</p>", escaped(&view.text)));
        return whole_page(&body, language);
    }
    let kind = escaped(kind_words(view.kind, language));
    let place = [&scene.place, &scene.building, &scene.unit, &scene.floor, &scene.door];
    let place: Vec<String> =
        place.into_iter().filter(|part| !part.is_empty()).map(|part| escaped(part)).collect();
    add(format!("<h1>{kind} {}</h1>", escaped(&scene.household)));
    add(format!("<p><strong>{}</strong><br>{}</p>", place.join(" · "), escaped(&scene.community)));
    if !view.others.is_empty() {
        let doors = view.others.iter().map(|door| escaped(door)).collect::<Vec<_>>().join(" · ");
        let also = in_language!(language, "同楼求助：", "Also in the building: ");
        add(format!("<p>{also}{doors}</p>"));
    }
    add(format!("<p class=\"now\" role=\"status\">{}</p>", standing(view, language)));
    if view.is_together && view.state == "open" {
        let alone = in_language!(language, "请勿单独进入。", "Nobody goes in alone.");
        add(format!("<p><strong>{alone}</strong></p>"));
    }
    add(coming(view, language));
    if !view.keys.is_empty() {
        add(buttons(view, language));
    }
    whole_page(&body, language)
}

fn whole_page(body: &str, language: Language) -> Html {
    let title = in_language!(language, "平安联防", "Neighbourhood alarm");
    Html(axum::http::StatusCode::OK, whole(&title, body, language))
}

fn standing(view: &PageView, language: Language) -> String {
    match (view.state, view.you.answer) {
        ("open", "arrived") => in_language!(language, "您已到场。", "You are at the door."),
        ("open", "coming") => in_language!(language, "您正赶来。", "You are coming."),
        ("open", "cannot") => in_language!(language, "您去不了。", "You cannot come."),
        ("open", _) => {
            in_language!(language, "请回答：您能前往吗？", "Please answer: can you come?")
        }
        ("cancelled", _) => {
            in_language!(language, "求助已取消，谢谢您。", "The alarm is cancelled. Thank you.")
        }
        (_, _) => view.text.clone(),
    }
}

fn coming(view: &PageView, language: Language) -> String {
    if view.coming.is_empty() {
        let nobody = in_language!(language, "还没有其他人前往。", "Nobody else is coming yet.");
        return if view.state == "open" { format!("<p>{nobody}</p>") } else { String::new() };
    }
    let mut list = in_language!(language, "<p>正在前往：</p><ul>", "<p>Coming:</p><ul>");
    let there = in_language!(language, "（已到场）", " (there)");
    for party in &view.coming {
        let there = if party.has_arrived { there.as_str() } else { "" };
        let written = write!(list, "<li>{}{there}</li>", escaped(&party.name));
        debug_assert!(written.is_ok(), "a String takes everything");
    }
    list + "</ul>"
}

fn buttons(view: &PageView, language: Language) -> String {
    let mut form = "<form method=\"post\">".to_owned();
    for key in &view.keys {
        let words = match key {
            '1' => in_language!(language, "1 我去", "1 I am coming"),
            '2' => in_language!(language, "2 去不了", "2 I cannot come"),
            '3' => in_language!(language, "3 已到场", "3 I am at the door"),
            '4' => in_language!(language, "4 已拨打110", "4 I have called 110"),
            '7' => in_language!(language, "7 是误报", "7 It is a mistake"),
            '6' => in_language!(
                language,
                "6 结案（10秒内再按 1 属实 2 误报 3 不明）",
                "6 Close it (then within 10 s: 1 genuine, 2 false alarm, 3 unknown)"
            ),
            _ => continue,
        };
        let class = if *key == '1' { " class=\"go\"" } else { "" };
        let written = write!(
            form,
            "<button name=\"key\" value=\"{key}\"{class}>{}</button>",
            escaped(&words)
        );
        debug_assert!(written.is_ok(), "a String takes everything");
    }
    form + "</form>"
}

/// A page that says why there is none.
pub(super) fn refused(error: &ApiError, language: Language) -> Html {
    let words = if matches!(error, ApiError::NotFound) {
        in_language!(
            language,
            "链接无效或已过期。紧急情况请拨110。",
            "The link is wrong or has expired. In danger call 110."
        )
    } else {
        in_language!(
            language,
            "现在无法处理，请稍后重试。紧急情况请拨110。",
            "This cannot be done now, please try again. In danger call 110."
        )
    };
    let title = in_language!(language, "平安联防", "Neighbourhood alarm");
    Html(error.status(), whole(&title, &format!("<p>{words}</p>"), language))
}

fn whole(title: &str, body: &str, language: Language) -> String {
    let tag = in_language!(language, "zh-CN", "en");
    format!(
        "<!doctype html><html lang=\"{tag}\"><head><meta charset=\"utf-8\">\
        <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
        <meta name=\"robots\" content=\"noindex\"><title>{title}</title><style>{STYLE}</style></head>\
        <body>{body}</body></html>"
    )
}

fn kind_words(kind: AlarmKind, language: Language) -> &'static str {
    let is_english = language == Language::English;
    match (kind, is_english) {
        (AlarmKind::Unknown, false) => "求助：",
        (AlarmKind::Fire, false) => "火情：",
        (AlarmKind::Intruder, false) => "有人闯入：",
        (AlarmKind::Illness, false) => "急病或受伤：",
        (AlarmKind::Flood, false) => "水患：",
        (AlarmKind::Other, false) => "险情：",
        (AlarmKind::Unknown, true) => "Help:",
        (AlarmKind::Fire, true) => "Fire:",
        (AlarmKind::Intruder, true) => "Intruder:",
        (AlarmKind::Illness, true) => "Illness or injury:",
        (AlarmKind::Flood, true) => "Flood:",
        (AlarmKind::Other, true) => "Danger:",
    }
}

/// Text that cannot become markup.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(sign),
        }
    }
    escaped
}
