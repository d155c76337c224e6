//! What people hear on the telephone: the clips of a community with their words, who recorded them and how, versions,
//! uploads, recording by telephone, and listening to exactly what a neighbour will hear.

mod clip;
mod pins;
mod preview;
mod shelf;
#[cfg(test)]
mod tests;

use crate::Shared;
use crate::api::{Failure, Problem};
use crate::directory::{Crumb, LANGUAGES};
use crate::frame::{Frame, show};
use crate::lang::Lang;
use crate::visit::Signed;
use askama::Template;
use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use jiff::Timestamp;
use serde::Deserialize;

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/prompts", get(top))
        .merge(preview::routes())
        .route("/prompts/households/{id}", get(shelf::of_household))
        .route("/prompts/{shelf}", get(shelf::of_community))
        .route("/prompts/{shelf}/order", post(shelf::set_order))
        .route("/prompts/{shelf}/pins", get(pins::ask).post(pins::set))
        .merge(clip::routes())
}

/// Where recordings are played: in a community, or in all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shelf(String);

impl Shelf {
    /// The shelf of a path; nothing is there for another text.
    fn of(text: &str) -> Result<Self, Failure> {
        let is_id = text.parse::<u32>().is_ok_and(|id| id.to_string() == text);
        if is_id || text == "all" { Ok(Self(text.to_owned())) } else { Err(nothing()) }
    }

    fn is_all(&self) -> bool {
        self.0 == "all"
    }

    /// Its page.
    fn path(&self) -> String {
        format!("/prompts/{}", self.0)
    }

    /// Its recordings in the API.
    fn api(&self) -> String {
        format!("/communities/{}/recordings", self.0)
    }
}

/// Nothing is there.
fn nothing() -> Failure {
    Failure::Problem(Box::new(Problem { status: 404, ..Problem::default() }))
}

/// The tag of a language, if it is one; anything else leads nowhere.
fn language_of(tag: &str) -> Result<&'static str, Failure> {
    let known = LANGUAGES.iter().find(|(known, _)| *known == tag);
    known.map(|(tag, _)| *tag).ok_or_else(nothing)
}

/// How people call a language.
fn language_words(tag: &str, l: Lang) -> String {
    let known = LANGUAGES.iter().find(|(known, _)| *known == tag);
    known.map_or(tag, |(_, (chinese, english))| l.t(chinese, english)).to_owned()
}

/// A clip that can be recorded.
#[derive(Clone, Debug, Deserialize)]
struct Clip {
    clip: String,
    /// What is keyed to record it by telephone.
    keys: Option<String>,
    /// The words to read out; empty for a name that is only known as a recording.
    text: String,
    source: String,
    recording: Option<Recording>,
}

/// The clips of a community or household in one language.
#[derive(Debug, Deserialize)]
struct Clips {
    community_id: Option<u64>,
    language: String,
    order: Vec<String>,
    /// The numbers that workers call to record.
    numbers: Vec<String>,
    items: Vec<Clip>,
}

/// A version of a recording.
#[derive(Clone, Debug, Deserialize)]
struct Recording {
    version: u32,
    state: String,
    made_at: Timestamp,
    made_by: String,
    #[serde(default)]
    made_by_name: Option<String>,
    length_ms: u32,
    level_db: f64,
}

/// The parts that a list of clips is shown in: its name in addresses, its words, and the first digit of its codes.
const PARTS: [(&str, (&str, &str), char); 6] = [
    ("phrases", ("整句", "Sentences"), '1'),
    ("words", ("地址用字", "Words of addresses"), '2'),
    ("signs", ("数字和字母", "Digits and letters"), '3'),
    ("counts", ("几户", "How many homes"), '4'),
    ("floors", ("楼层", "Floors"), '5'),
    ("names", ("姓名和地名", "Names and places"), '9'),
];

impl Clip {
    /// Which part of the list it stands in.
    fn part(&self) -> &'static str {
        let digit = self.keys.as_deref().and_then(|keys| keys.rsplit('*').next()?.chars().next());
        let known = PARTS.iter().find(|(_, _, first)| digit == Some(*first));
        known.map_or("names", |(name, ..)| name)
    }

    /// The words, or what it is called where nobody knows them any more.
    fn words(&self) -> &str {
        if self.text.is_empty() { &self.clip } else { &self.text }
    }

    fn is_missing(&self) -> bool {
        self.source == "missing"
    }

    /// Whether there is anything to listen to besides recordings of it: fixed clips are always said in some language.
    fn can_be_heard(&self) -> bool {
        self.keys.is_some() && self.part() != "names" && !self.is_missing()
    }

    /// Its colour and words: where it comes from.
    fn source(&self, l: &Lang) -> (&'static str, &str) {
        source(&self.source, l)
    }
}

/// Where a clip comes from, with the colour of it.
fn source<'a>(name: &'a str, l: &Lang) -> (&'static str, &'a str) {
    match name {
        "community" => ("green", l.t("本社区录音", "recorded here")),
        "all" => ("green", l.t("通用录音", "recorded for all")),
        "file" => ("grey", l.t("文件", "a file")),
        "shipped" => ("grey", l.t("自带的合成语音", "built-in voice")),
        "name" => ("grey", l.t("合成的读音", "synthesised")),
        "missing" => ("amber", l.t("没有录音", "not recorded")),
        other => ("grey", other),
    }
}

impl Recording {
    /// Who made it.
    fn who(&self) -> &str {
        self.made_by_name.as_deref().unwrap_or(&self.made_by)
    }

    /// How long it is, in seconds with one digit behind the point.
    fn seconds(&self) -> String {
        format!("{}.{}", self.length_ms / 1000, self.length_ms % 1000 / 100)
    }

    /// How loud it is.
    fn level(&self) -> String {
        format!("{:.0} dB", self.level_db)
    }

    /// What it is to those who call, with its colour.
    fn state(&self, l: &Lang) -> (&'static str, &str) {
        match self.state.as_str() {
            "current" => ("green", l.t("正在使用", "played")),
            "kept" => ("grey", l.t("旧版", "an earlier one")),
            "withdrawn" => ("grey", l.t("已停用", "withdrawn")),
            other => ("grey", other),
        }
    }

    fn is_current(&self) -> bool {
        self.state == "current"
    }
}

#[derive(Deserialize)]
struct Communities {
    items: Vec<Community>,
    next: Option<u64>,
}

#[derive(Deserialize)]
struct Community {
    id: u64,
    name: String,
    language: String,
}

impl Community {
    fn language(&self, l: &Lang) -> String {
        language_words(&self.language, *l)
    }
}

#[derive(Template)]
#[template(path = "prompts/top.html")]
struct TopPage {
    frame: Frame,
    l: Lang,
    communities: Vec<Community>,
    more: Option<u64>,
}

/// The communities whose prompts can be seen.
async fn top(signed: Signed) -> Result<Response, Response> {
    let l = signed.lang();
    let query = signed.visitor.path.split_once('?').map_or("", |(_, query)| query);
    let after: u64 = crate::form::Form::parse(query.as_bytes()).get("after").parse().unwrap_or(0);
    let path = format!("/communities?after={after}&limit=50");
    let found: Communities = signed.api().get(&path).await.map_err(signed.fails())?;
    let frame = Frame::signed(&signed, l.t("语音", "Prompts")).await;
    let page = TopPage { frame, l, communities: found.items, more: found.next };
    Ok(show(StatusCode::OK, &page))
}

/// The way back from a page of a shelf.
fn crumbs(shelf: &Shelf, name: &str, l: Lang) -> Vec<Crumb> {
    let top = ("/prompts".to_owned(), l.t("语音", "Prompts").to_owned());
    vec![top, (shelf.path(), name.to_owned())]
}

/// How a shelf is called: the name of its community.
async fn name_of(signed: &Signed, shelf: &Shelf) -> Result<String, Failure> {
    let l = signed.lang();
    if shelf.is_all() {
        return Ok(l.t("各社区通用", "For all communities").to_owned());
    }
    let path = format!("/communities/{}", shelf.0);
    Ok(signed.api().get::<Community>(&path).await?.name)
}
