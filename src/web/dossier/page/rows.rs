//! The chapters of a dossier and their rows, written one by one, so that it is known how large each of them is. What has
//! no end, such as a message of the network or the keys of a call, goes on in a row that says so. Must not know of parts.

use super::super::super::audit::NamedEntry;
use super::super::super::deliveries::{DeliveryView, KeyView, answer_words};
use super::super::super::timeline::{Moment, why_words};
use super::super::{Dossier, PlanView};
use super::Writer;
use crate::store::audit::EntryView;
use crate::store::traces::TraceMessage;
use askama::Template;
use lianfang_domain::delivery::DeliveryAnswer;
use lianfang_domain::leg::Channel;

/// Characters of text in one row: at most 20 KB when each of them is escaped.
const TEXT_MAX: usize = 4000;
/// Characters of a message in the list of messages; all of it stands below.
const FIRST_LINE_MAX: usize = 200;
/// Answers in one row, each of some 50 bytes.
const KEYS_MAX: usize = 200;

/// A chapter of the dossier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chapter {
    Timeline,
    Calls,
    Plans,
    Reads,
    Audit,
    Trace,
    Messages,
}

impl Chapter {
    /// What links call it.
    pub(super) fn id(self) -> &'static str {
        match self {
            Self::Timeline => "timeline",
            Self::Calls => "calls",
            Self::Plans => "plans",
            Self::Reads => "reads",
            Self::Audit => "audit",
            Self::Trace => "trace",
            Self::Messages => "messages",
        }
    }

    pub(super) fn title(self, writer: &Writer) -> &'static str {
        match self {
            Self::Timeline => writer.t("时间线", "Timeline"),
            Self::Calls => writer.t("呼叫与短信", "Calls and messages"),
            Self::Plans => writer.t("方案", "Plans"),
            Self::Reads => writer.t("查阅记录", "Who saw it"),
            Self::Audit => writer.t("审计记录", "Audit trail"),
            Self::Trace => writer.t("SIP 信令", "SIP trace"),
            Self::Messages => writer.t("SIP 消息全文", "SIP messages in full"),
        }
    }

    /// What it says when it has no rows.
    pub(super) fn nothing(self, writer: &Writer, is_erased: bool) -> &'static str {
        match self {
            Self::Trace if is_erased => writer.t("（已删除）", "(erased)"),
            Self::Reads => writer.t("无", "Nobody"),
            Self::Timeline
            | Self::Calls
            | Self::Plans
            | Self::Audit
            | Self::Trace
            | Self::Messages => writer.t("无", "None"),
        }
    }

    /// The heads of its columns, and whether numbers stand in them; none for what is no table.
    pub(super) fn columns(self, writer: &Writer) -> Vec<(&'static str, bool)> {
        let columns: &[(&str, &str, bool)] = match self {
            Self::Timeline => &[
                ("报警后", "After", true),
                ("时间", "Time", false),
                ("经过", "What happened", false),
            ],
            Self::Calls => &[
                ("序号", "No.", true),
                ("对象", "To", false),
                ("方式、原因", "How, why", false),
                ("发起", "Ordered", true),
                ("发出", "Sent", true),
                ("振铃", "Rings", true),
                ("接通", "Answered", true),
                ("按键、回复", "Keys, replies", false),
                ("结束", "Over", true),
                ("结果", "Outcome", false),
            ],
            Self::Plans => &[
                ("版次", "Revision", true),
                ("时间", "Time", false),
                ("原因", "Why", false),
                ("对象数", "Reaches", false),
            ],
            Self::Reads => {
                &[("时间", "Time", false), ("查阅人", "Who", false), ("哈希", "Hash", false)]
            }
            Self::Audit => &[
                ("序号", "Entry", true),
                ("时间", "Time", false),
                ("内容", "What", false),
                ("哈希", "Hash", false),
            ],
            Self::Trace => &[
                ("时间", "Time", false),
                ("方向、对方", "Direction, with", false),
                ("首行", "First line", false),
            ],
            Self::Messages => &[],
        };
        columns
            .iter()
            .map(|(chinese, english, is_number)| (writer.t(chinese, english), *is_number))
            .collect()
    }
}

/// A chapter with its rows as they are written.
pub(super) struct Rows {
    pub(super) chapter: Chapter,
    /// How many things it tells of: what has several rows is one.
    pub(super) count: usize,
    pub(super) html: Vec<String>,
}

/// All chapters of a dossier, in order.
pub(super) fn chapters(dossier: &Dossier, writer: &Writer) -> Result<Vec<Rows>, askama::Error> {
    let mut chapters = vec![
        written(Chapter::Timeline, &dossier.timeline, writer, moment)?,
        written(Chapter::Calls, &dossier.legs, writer, leg)?,
        written(Chapter::Plans, &dossier.plans, writer, |plan| vec![Row::Plan(plan)])?,
        written(Chapter::Reads, &dossier.reads, writer, |read| vec![Row::Read(read)])?,
        written(Chapter::Audit, &dossier.audit, writer, |entry| vec![Row::Entry(entry)])?,
        written(Chapter::Trace, &dossier.trace, writer, |message| vec![Row::Line(message)])?,
    ];
    if !dossier.trace.is_empty() {
        chapters.push(written(Chapter::Messages, &dossier.trace, writer, message)?);
    }
    Ok(chapters)
}

/// The rows of things, each in one row or several.
fn written<'a, T>(
    chapter: Chapter,
    things: &'a [T],
    writer: &Writer,
    rows: impl Fn(&'a T) -> Vec<Row<'a>>,
) -> Result<Rows, askama::Error> {
    let rows = things.iter().flat_map(rows).map(|row| RowPage { row, writer }.render());
    Ok(Rows { chapter, count: things.len(), html: rows.collect::<Result<_, _>>()? })
}

/// A row, or what of it has room in one.
enum Row<'a> {
    Moment(&'a Moment, Piece<'a>),
    Leg(&'a DeliveryView, &'a [KeyView], bool),
    Plan(&'a PlanView),
    Read(&'a NamedEntry),
    Entry(&'a EntryView),
    Line(&'a TraceMessage),
    Message(&'a TraceMessage, Piece<'a>),
}

/// A piece of a text.
#[derive(Debug, PartialEq, Eq)]
struct Piece<'a> {
    text: &'a str,
    /// It goes on from the row before.
    is_continued: bool,
}

/// A text in pieces that have room in a row; one at least.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    loop {
        let end = rest.char_indices().nth(TEXT_MAX).map_or(rest.len(), |(end, _)| end);
        let (text, behind) = rest.split_at(end);
        pieces.push(Piece { text, is_continued: !pieces.is_empty() });
        if behind.is_empty() {
            return pieces;
        }
        rest = behind;
    }
}

fn moment(moment: &Moment) -> Vec<Row<'_>> {
    pieces(&moment.text).into_iter().map(|piece| Row::Moment(moment, piece)).collect()
}

fn leg(leg: &DeliveryView) -> Vec<Row<'_>> {
    if leg.keys.is_empty() {
        return vec![Row::Leg(leg, &[], false)];
    }
    let keys = leg.keys.chunks(KEYS_MAX).enumerate();
    keys.map(|(index, keys)| Row::Leg(leg, keys, 0 < index)).collect()
}

fn message(message: &TraceMessage) -> Vec<Row<'_>> {
    pieces(&message.text).into_iter().map(|piece| Row::Message(message, piece)).collect()
}

#[derive(Template)]
#[template(path = "dossier_row.html")]
struct RowPage<'a> {
    row: Row<'a>,
    writer: &'a Writer,
}

impl RowPage<'_> {
    fn channel(&self, leg: &DeliveryView) -> &'static str {
        match leg.channel {
            Channel::Voice => self.writer.t("电话", "call"),
            Channel::Sms => self.writer.t("短信", "SMS"),
        }
    }

    fn why(&self, leg: &DeliveryView) -> &'static str {
        why_words(leg.why, self.writer.language)
    }

    fn answer(&self, answer: &DeliveryAnswer) -> &'static str {
        answer_words(*answer, self.writer.language)
    }

    /// Who saw it, as people call them.
    fn reader<'a>(&self, read: &'a NamedEntry) -> &'a str {
        read.actor_name.as_deref().unwrap_or(&read.entry.actor)
    }

    /// What an entry of the trail proves; its codes stand beside it.
    fn proved(&self, entry: &EntryView) -> &'static str {
        match (&*entry.action, &*entry.noun) {
            ("open", "alarm") => self.writer.t("报警", "raised"),
            ("append", "alarm_event") => self.writer.t("经过", "what happened"),
            ("freeze", "alarm_plan") => self.writer.t("方案", "the plan"),
            ("close", "alarm") => self.writer.t("结束", "over"),
            ("erase", "alarm_plan") => self.writer.t("方案已删除", "the plan was erased"),
            _ => "",
        }
    }

    /// The first line, for the list.
    fn first_line(&self, text: &str) -> String {
        let line = text.lines().next().unwrap_or_default();
        match line.char_indices().nth(FIRST_LINE_MAX) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None => line.to_owned(),
        }
    }

    fn continued(&self) -> &'static str {
        self.writer.t("（续）", "(continued)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_goes_on_in_another_row() {
        let long = "警<".repeat(TEXT_MAX);
        let found = pieces(&long);
        assert_eq!(found.iter().map(|piece| piece.text).collect::<String>(), long);
        assert_eq!(found.iter().map(|piece| piece.is_continued).collect::<Vec<_>>(), [false, true]);
        assert_eq!(pieces(""), [Piece { text: "", is_continued: false }]);
        assert_eq!(pieces(&long[..8]), [Piece { text: "警<警<", is_continued: false }]);
    }
}
