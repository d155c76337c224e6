//! The page as HTML: three large buttons, forms, no script, nothing fetched from elsewhere, a few kilobytes.

use super::Html;
use super::view::PageView;
use crate::web::door::door_in_words;
use crate::web::problem::ApiError;
use crate::web::words::in_language;
use axum::http::HeaderValue;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use lianfang_domain::directory::{Language, Written};
use lianfang_domain::kind::AlarmKind;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::sync::LazyLock;

/// The style of the page, which comes along with it: a second request takes seconds over 2G.
const STYLE: &str = include_str!("page.css");

/// What the page may do: show itself in its own style, and send its forms here.
pub(in crate::web) static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let style = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    );
    // Letters, digits and signs that a header takes.
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

/// The page of an alarm.
pub(super) fn page(view: &PageView, language: Language) -> Html {
    let mut body = String::new();
    let mut add = |text: String| body.push_str(&text);
    if view.is_drill {
        let drill = in_language!(language, "演练，不是真的警情", "A drill, not a real alarm");
        add(format!("<p class=\"drill\">{drill}</p>"));
    }
    if view.state == "closed" {
        add(format!("<p class=\"now\" role=\"status\">{}</p>", escaped(&view.text)));
        return whole_page(&body, language);
    }
    add(scene(view, language));
    add(status(view, language));
    add(buttons(view, language));
    add(notes(view, language));
    add(coming(view, language));
    add(others(view, language));
    let again = in_language!(language, "刷新", "Look again");
    add(format!("<p><a href=\"\">{again}</a></p>"));
    whole_page(&body, language)
}

fn whole_page(body: &str, language: Language) -> Html {
    let title = in_language!(language, "平安联防", "Neighbourhood alarm");
    Html(axum::http::StatusCode::OK, whole(&title, body, language))
}

/// Who, and where.
fn scene(view: &PageView, language: Language) -> String {
    let scene = &view.scene;
    let kind = kind_words(view.kind, language);
    let joined = |parts: &[&String]| {
        let parts: Vec<String> =
            parts.iter().filter(|part| !part.is_empty()).map(|part| escaped(part)).collect();
        parts.join(" ")
    };
    let around = joined(&[&scene.community, &scene.place]);
    let door = [&*scene.building, &*scene.unit, &*scene.floor, &*scene.door];
    let door = escaped(&door_in_words(door, language));
    let mut text =
        format!("<h1>{kind}{}</h1><p class=\"door\">{door}</p>", escaped(&scene.household));
    let minutes = view.since_raised_s / 60;
    let since = match minutes {
        0 => in_language!(language, "不到 1 分钟前报警", "raised less than a minute ago"),
        1 => in_language!(language, "1 分钟前报警", "raised a minute ago"),
        minutes => in_language!(language, "{minutes} 分钟前报警", "raised {minutes} minutes ago"),
    };
    add(&mut text, format_args!("<p>{around} · {since}</p>"));
    text
}

/// How it stands, in colour, shape and words; then what the reader has said, and what happens next.
fn status(view: &PageView, language: Language) -> String {
    let (class, sign, words) = match () {
        () if view.state == "cancelled" => {
            ("grey", '▬', in_language!(language, "已撤销", "cancelled"))
        }
        () if view.is_reached => {
            ("green", '●', in_language!(language, "已有人到场", "somebody is there"))
        }
        () if view.is_enough => {
            ("blue", '◆', in_language!(language, "人手已够", "enough are coming"))
        }
        () if view.is_anybody() => {
            ("blue", '◆', in_language!(language, "有人前往", "somebody is coming"))
        }
        () => ("red", '■', in_language!(language, "无人接警", "nobody is coming yet")),
    };
    let mut text =
        format!("<p class=\"state {class}\"><span aria-hidden=\"true\">{sign}</span> {words}</p>");
    add(&mut text, format_args!("<p class=\"now\" role=\"status\">{}</p>", next(view, language)));
    if view.is_together && view.state == "open" {
        let alone = in_language!(language, "请勿单独进入。", "Nobody goes in alone.");
        add(&mut text, format_args!("<p><strong>{alone}</strong></p>"));
    }
    if view.is_police_called {
        let called = in_language!(language, "已有人拨打 110。", "Somebody has called 110.");
        add(&mut text, format_args!("<p>{called}</p>"));
    }
    text
}

fn next(view: &PageView, language: Language) -> String {
    match (view.state, view.you.answer) {
        ("open", "arrived") => in_language!(
            language,
            "已记下：您已到场，大家都看得到。由值班人员结案；有危险请拨 110。",
            "Noted: you are there, and all can see it. The duty worker closes the case. In danger call 110."
        ),
        ("open", "coming") => in_language!(
            language,
            "已记下：您正赶来，大家都看得到。到了请按“我到了”。",
            "Noted: you are coming, and all can see it. Press “I am here” when you are."
        ),
        ("open", "cannot") => in_language!(
            language,
            "已记下：您去不了，不再呼叫这个号码。改主意可按“我去”。",
            "Noted: you cannot come, and this number is called no more. If you can after all, press “I am coming”."
        ),
        ("open", _) => in_language!(language, "您能去吗？请按一个键。", "Can you go? Press one."),
        ("cancelled", _) => in_language!(
            language,
            "求助已撤销，不用去了。谢谢您。",
            "The alarm is cancelled, you need not go. Thank you."
        ),
        (_, _) => escaped(&view.text),
    }
}

fn notes(view: &PageView, language: Language) -> String {
    if view.notes.is_empty() {
        return String::new();
    }
    let head = in_language!(language, "须知", "Good to know");
    let mut text = format!("<h2>{head}</h2><ul>");
    for note in &view.notes {
        add(&mut text, format_args!("<li>{}</li>", escaped(&note.text)));
    }
    text + "</ul>"
}

fn coming(view: &PageView, language: Language) -> String {
    let head = in_language!(language, "谁在前往", "Who is coming");
    let mut text = format!("<h2>{head}</h2>");
    if view.coming.is_empty() {
        let nobody = in_language!(language, "还没有其他人。", "Nobody else yet.");
        add(&mut text, format_args!("<p>{nobody}</p>"));
        return text;
    }
    text.push_str("<ul>");
    for party in &view.coming {
        let how = if party.has_arrived {
            in_language!(language, "已到场", "is there")
        } else {
            in_language!(language, "正赶来", "is coming")
        };
        add(&mut text, format_args!("<li>{} · {how}</li>", escaped(&party.name)));
    }
    text + "</ul>"
}

fn others(view: &PageView, language: Language) -> String {
    if view.others.is_empty() {
        return String::new();
    }
    let doors = view.others.iter().map(|door| escaped(door)).collect::<Vec<_>>().join(" · ");
    let also = in_language!(language, "同楼还有求助：", "Also in the building: ");
    format!("<p>{also}{doors}</p>")
}

/// The three answers, and what is rarely needed folded away below.
fn buttons(view: &PageView, language: Language) -> String {
    let button = |value: &str, class: &str, words: String| {
        let is_here = view.keys.iter().any(|key| value.starts_with(*key));
        let is_here = is_here.then(|| {
            format!("<button name=\"key\" value=\"{value}\" class=\"{class}\">{words}</button>")
        });
        is_here.unwrap_or_default()
    };
    let main = [
        button("1", "go", in_language!(language, "我去", "I am coming")),
        button("3", "here", in_language!(language, "我到了", "I am here")),
        button("2", "no", in_language!(language, "去不了", "I cannot")),
    ];
    let rare = [
        button("61", "", in_language!(language, "结案：属实", "Close: it was genuine")),
        button("62", "", in_language!(language, "结案：误报", "Close: false alarm")),
        button("63", "", in_language!(language, "结案：情况不明", "Close: nobody knows")),
        button("4", "", in_language!(language, "我已拨打 110", "I have called 110")),
        button("7", "", in_language!(language, "这是误报", "It is a mistake")),
    ];
    let (main, rare) = (main.concat(), rare.concat());
    if rare.is_empty() {
        return String::new();
    }
    let more = in_language!(language, "其他", "More");
    format!("<form method=\"post\">{main}<details><summary>{more}</summary>{rare}</details></form>")
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
    Html(error.status(), whole(&title, &format!("<h1>{title}</h1><p>{words}</p>"), language))
}

fn whole(title: &str, body: &str, language: Language) -> String {
    let tag = in_language!(language, "zh-CN", "en");
    format!(
        "<!doctype html><html lang=\"{tag}\"><head><meta charset=\"utf-8\">\
        <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
        <meta name=\"robots\" content=\"noindex\"><title>{title}</title><style>{STYLE}</style></head>\
        <body><main>{body}</main></body></html>"
    )
}

fn kind_words(kind: AlarmKind, language: Language) -> &'static str {
    let (chinese, english) = match kind {
        AlarmKind::Unknown => ("求助：", "Help: "),
        AlarmKind::Fire => ("火情：", "Fire: "),
        AlarmKind::Intruder => ("有人闯入：", "Intruder: "),
        AlarmKind::Illness => ("急病或受伤：", "Illness or injury: "),
        AlarmKind::Flood => ("水患：", "Flood: "),
        AlarmKind::Other => ("险情：", "Danger: "),
    };
    match language.written() {
        Written::Chinese => chinese,
        Written::English => english,
    }
}

fn add(text: &mut String, part: std::fmt::Arguments<'_>) {
    let written = text.write_fmt(part);
    debug_assert!(written.is_ok(), "a String takes everything");
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
