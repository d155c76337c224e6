//! Duty as a calendar that telephones and office programs subscribe to: iCalendar (RFC 5545).
//!
//! Times are in UTC, so no rule of a time zone is needed and every program shows the same moment. The UID of an event is
//! made of post, worker and begin, so that a fresh copy replaces the old one.

use jiff::Timestamp;
use lianfang_domain::directory::{Community, Language, Written};
use lianfang_domain::id::WorkerId;
use lianfang_domain::roster::{Segment, Span};
use std::fmt::Write;

/// Longest line in bytes, without its end (RFC 5545 3.1).
const LINE_MAX: usize = 75;

/// Writes a calendar of the duty of one community, or of one of its workers, within a span.
pub(super) fn write(
    community: &Community,
    worker: Option<WorkerId>,
    span: Span,
    language: Language,
    now: Timestamp,
) -> String {
    let mut text = String::new();
    let title = match language.written() {
        Written::Chinese => "值班",
        Written::English => "Duty",
    };
    let title = match worker {
        Some(worker) => format!("{} {title}", super::words::worker_name(community, worker)),
        None => format!("{} {title}", community.name),
    };
    for fixed in ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Lianfang//Roster//EN"] {
        line(&mut text, fixed);
    }
    line(&mut text, &format!("X-WR-CALNAME:{}", escape(&title)));
    let posts: Vec<_> = community.roster.posts().map(|post| post.id).collect();
    for segment in posts.into_iter().flat_map(|post| community.roster.segments(post, span)) {
        for holder in &segment.holders {
            if worker.is_none_or(|wanted| wanted == *holder) {
                event(&mut text, community, &segment, *holder, now);
            }
        }
    }
    line(&mut text, "END:VCALENDAR");
    text
}

fn event(
    text: &mut String,
    community: &Community,
    segment: &Segment,
    worker: WorkerId,
    now: Timestamp,
) {
    let post = super::words::post_name(community, segment.post);
    let worker_name = super::words::worker_name(community, worker);
    let begin = stamp(segment.span.from);
    line(text, "BEGIN:VEVENT");
    line(text, &format!("UID:duty-{}-{worker}-{begin}@lianfang", segment.post));
    line(text, &format!("DTSTAMP:{}", stamp(now)));
    line(text, &format!("DTSTART:{begin}"));
    line(text, &format!("DTEND:{}", stamp(segment.span.to)));
    line(text, &format!("SUMMARY:{}", escape(&format!("{post} {worker_name}"))));
    line(text, &format!("LOCATION:{}", escape(&community.name)));
    line(text, "END:VEVENT");
}

/// A moment in UTC (RFC 5545 3.3.5, form 2).
fn stamp(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// A text value (RFC 5545 3.3.11).
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' | ';' | ',' => {
                escaped.push('\\');
                escaped.push(character);
            }
            '\n' => escaped.push_str("\\n"),
            control if control.is_control() => {}
            other => escaped.push(other),
        }
    }
    escaped
}

/// A content line, folded where it is long, never within a character (RFC 5545 3.1).
fn line(text: &mut String, content: &str) {
    let mut room = LINE_MAX;
    for character in content.chars() {
        if room < character.len_utf8() {
            text.push_str("\r\n ");
            room = LINE_MAX - 1;
        }
        room -= character.len_utf8();
        let written = text.write_char(character);
        debug_assert!(written.is_ok(), "a String takes everything");
    }
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_folded_between_characters() {
        let mut text = String::new();
        line(&mut text, &"值".repeat(60));
        assert!(text.lines().all(|line| line.len() <= LINE_MAX), "{text}");
        assert!(text.ends_with("\r\n"));
        assert_eq!(text.replace("\r\n ", "").trim_end(), "值".repeat(60));
        let mut short = String::new();
        line(&mut short, "VERSION:2.0");
        assert_eq!(short, "VERSION:2.0\r\n");
    }

    #[test]
    fn what_has_a_meaning_is_escaped() {
        assert_eq!(escape("A岗, 夜;班\\1\n二\u{7}"), "A岗\\, 夜\\;班\\\\1\\n二");
    }
}
