//! The dossier as pages to print: HTML without script, images or fonts of others, so that they can be kept as files.
//!
//! A dossier that one page has no room for is written in numbered parts, each a page of its own with at most [`PAGE_MAX`]
//! bytes, whatever happened. Every row stands in one part. All parts of one dossier are of one moment, so that what
//! happens while somebody prints them moves nothing from one part into another. Must not decide what somebody may see.

mod parts;
mod rows;

use super::super::alarms::SceneView;
use super::super::door::door_in_words;
use super::super::timeline::pick;
use super::super::words::in_language;
use super::Dossier;
use askama::Template;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use lianfang_domain::directory::Language;
use parts::Span;
use rows::{Chapter, Rows};

/// Bytes of a page: those of every page, so that it comes soon over a bad line.
const PAGE_MAX: usize = 100 * 1024;
/// Bytes of a page for all but rows: style, summary, contents, and the head of every chapter. Names and addresses of the
/// summary are bounded where they are entered.
const FRAME_MAX: usize = 20 * 1024;
/// Bytes of the rows of a page.
const ROOM: usize = PAGE_MAX - FRAME_MAX;

/// What is wanted of the dossier.
pub(super) struct Wanted {
    /// Its language.
    pub(super) language: Language,
    /// Links to the other parts name the language, as it was asked for.
    pub(super) is_language_named: bool,
    /// Which part, from 1.
    pub(super) part: usize,
}

/// Writes a part; nothing when there are fewer.
pub(super) fn write(dossier: &Dossier, wanted: &Wanted) -> Result<Option<String>, askama::Error> {
    let zone = TimeZone::get(&dossier.time_zone).unwrap_or(TimeZone::UTC);
    let writer = Writer { language: wanted.language, zone };
    let chapters = rows::chapters(dossier, &writer)?;
    let sizes: Vec<Vec<usize>> =
        chapters.iter().map(|rows| rows.html.iter().map(String::len).collect()).collect();
    let parts = parts::divide(&sizes, ROOM);
    let Some(spans) = wanted.part.checked_sub(1).and_then(|index| parts.get(index)) else {
        return Ok(None);
    };
    let sections = spans.iter().map(|span| Section::of(&chapters, span)).collect();
    let contents = contents(&chapters, &parts);
    let (as_of, count) = (latest(dossier), parts.len());
    Page { dossier, writer, wanted, sections, contents, as_of, count }.render().map(Some)
}

/// When all that stands in the dossier had happened: when it was written, or later if the clock was put back.
fn latest(dossier: &Dossier) -> Timestamp {
    let moments = dossier.timeline.iter().map(|moment| moment.at);
    let reads = dossier.reads.iter().map(|read| read.entry.at);
    let entries = dossier.audit.iter().map(|entry| entry.at);
    let messages = dossier.trace.iter().map(|message| message.at);
    let all = moments.chain(reads).chain(entries).chain(messages);
    all.fold(dossier.written_at, Timestamp::max)
}

/// Writes words and times for one reader.
struct Writer {
    language: Language,
    zone: TimeZone,
}

impl Writer {
    fn t(&self, chinese: &'static str, english: &'static str) -> &'static str {
        pick(self.language, chinese, english)
    }

    /// The moment where it happened, to the millisecond.
    fn local(&self, at: &Timestamp) -> String {
        self.zone.to_datetime(*at).strftime("%Y-%m-%d %H:%M:%S%.3f").to_string()
    }

    /// What was erased is shown as erased, not left out.
    fn or_erased<'a>(&self, text: Option<&'a str>) -> &'a str {
        text.unwrap_or_else(|| self.t("（已删除）", "(erased)"))
    }

    fn seconds(&self, ms: &i64) -> String {
        let (sign, ms) = (if *ms < 0 { "−" } else { "" }, ms.unsigned_abs());
        format!("{sign}{}.{:03} s", ms / 1000, ms % 1000)
    }

    fn or_none(&self, ms: &Option<i64>) -> String {
        ms.as_ref().map_or_else(|| "–".to_owned(), |ms| self.seconds(ms))
    }
}

/// What a part has of a chapter.
struct Section<'a> {
    chapter: Chapter,
    html: &'a [String],
    /// It began in a part before.
    is_continued: bool,
    /// It ends here.
    is_last: bool,
}

impl<'a> Section<'a> {
    fn of(chapters: &'a [Rows], span: &Span) -> Self {
        let rows = &chapters[span.chapter];
        Self {
            chapter: rows.chapter,
            html: &rows.html[span.rows.clone()],
            is_continued: 0 < span.rows.start,
            is_last: span.rows.end == rows.html.len(),
        }
    }
}

/// A line of the contents.
struct Line {
    chapter: Chapter,
    /// How many things it tells of.
    count: usize,
    /// In which part it begins and in which it ends, from 1.
    first: usize,
    last: usize,
}

fn contents(chapters: &[Rows], parts: &[Vec<Span>]) -> Vec<Line> {
    let line = |(index, rows): (usize, &Rows)| {
        let has = |spans: &Vec<Span>| spans.iter().any(|span| span.chapter == index);
        Some(Line {
            chapter: rows.chapter,
            count: rows.count,
            first: parts.iter().position(has)? + 1,
            last: parts.iter().rposition(has)? + 1,
        })
    };
    chapters.iter().enumerate().filter_map(line).collect()
}

#[derive(Template)]
#[template(path = "dossier.html")]
struct Page<'a> {
    dossier: &'a Dossier,
    writer: Writer,
    wanted: &'a Wanted,
    sections: Vec<Section<'a>>,
    contents: Vec<Line>,
    /// The moment that all parts tell of.
    as_of: Timestamp,
    /// How many parts there are.
    count: usize,
}

impl Page<'_> {
    fn t(&self, chinese: &'static str, english: &'static str) -> &'static str {
        self.writer.t(chinese, english)
    }

    fn tag(&self) -> &'static str {
        self.t("zh-CN", "en")
    }

    /// The time zone that the page is written in.
    fn zone(&self) -> &str {
        self.writer.zone.iana_name().unwrap_or("UTC")
    }

    /// When it was over, as far as that had happened.
    fn over(&self) -> Option<Timestamp> {
        self.dossier.alarm.closed_at.filter(|at| *at <= self.as_of)
    }

    fn door(&self, scene: &SceneView) -> String {
        let door = [&*scene.building, &*scene.unit, &*scene.floor, &*scene.door];
        door_in_words(door, self.wanted.language)
    }

    /// Which part this is, in words.
    fn numbered(&self) -> String {
        let (part, count) = (self.wanted.part, self.count);
        let language = self.wanted.language;
        in_language!(language, "第 {part} 部分，共 {count} 部分", "Part {part} of {count}")
    }

    /// What a chapter says that has no rows.
    fn nothing(&self, section: &Section<'_>) -> &'static str {
        section.chapter.nothing(&self.writer, self.dossier.is_erased)
    }

    /// How much a chapter has and where.
    fn extent(&self, line: &Line) -> String {
        let Line { count, first, last, .. } = line;
        let language = self.wanted.language;
        if first == last {
            in_language!(language, "{count} 条，第 {first} 部分", "{count} rows, part {first}")
        } else {
            in_language!(
                language,
                "{count} 条，第 {first}–{last} 部分",
                "{count} rows, parts {first} to {last}"
            )
        }
    }

    /// Where another part of the same dossier is, from this one.
    fn link(&self, part: &usize) -> String {
        let is_named = self.wanted.is_language_named;
        let language = if is_named { self.t("lang=zh&", "lang=en&") } else { "" };
        format!("?{language}part={part}&as_of={}", self.as_of)
    }

    fn first_link(&self) -> String {
        self.link(&1)
    }

    fn before(&self) -> Option<usize> {
        (1 < self.wanted.part).then(|| self.wanted.part - 1)
    }

    fn after(&self) -> Option<usize> {
        (self.wanted.part < self.count).then_some(self.wanted.part + 1)
    }
}

#[cfg(test)]
mod tests;
