//! The SIP messages of an alarm as a ladder: we and the other sides as columns, a row a message, and marked what was sent
//! again and what nobody answered. What is drawn stands in the list below it, too.

use super::detail::Trace;
use crate::lang::Lang;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Other sides with a column of their own; those beyond share the last one.
const SIDES_MAX: usize = 4;
/// Where we stand, right of the times, and how far the columns are from each other, in units of the drawing.
const OURS: i64 = 150;
const COLUMN: i64 = 210;
/// Height of the names, and of a row.
const HEAD: i64 = 34;
const ROW: i64 = 32;

/// A message, and what it is among the others.
pub(crate) struct Message {
    pub(crate) trace: Trace,
    /// The method, or the status and what it answers.
    pub(crate) name: String,
    /// Counts the calls of the alarm, from 1.
    pub(crate) call: usize,
    /// The same was sent before.
    pub(crate) is_again: bool,
    /// It wants an answer, and none is on record.
    pub(crate) is_unanswered: bool,
}

/// The drawing.
pub(crate) struct Ladder {
    pub(crate) width: i64,
    pub(crate) height: i64,
    /// Where the words of messages begin.
    pub(crate) words_x: i64,
    pub(crate) columns: Vec<Column>,
    pub(crate) rungs: Vec<Rung>,
}

/// We, or another side.
pub(crate) struct Column {
    pub(crate) x: i64,
    pub(crate) name: String,
}

/// A message in the drawing.
pub(crate) struct Rung {
    pub(crate) y: i64,
    /// Since the alarm was raised.
    pub(crate) since: String,
    pub(crate) words: String,
    pub(crate) from: i64,
    pub(crate) to: i64,
    /// Where the point of the arrow begins.
    pub(crate) head: &'static str,
    pub(crate) stroke: &'static str,
    pub(crate) fill: &'static str,
    /// Dashes of a line that is not whole.
    pub(crate) dash: &'static str,
}

impl Message {
    /// What is to be marked, in words.
    pub(crate) fn marks(&self, l: &Lang) -> Vec<&'static str> {
        let again = self.is_again.then(|| l.t("↻ 重发", "↻ sent again"));
        let lost = self.is_unanswered.then(|| l.t("✕ 无应答", "✕ no answer"));
        again.into_iter().chain(lost).collect()
    }
}

/// What a message says of itself.
struct Said<'a> {
    call: &'a str,
    /// Number and method of the CSeq.
    turn: (u32, &'a str),
    /// Of an answer.
    status: Option<u16>,
}

impl<'a> Said<'a> {
    fn of(text: &'a str) -> Self {
        let mut said = Self { call: "", turn: (0, ""), status: None };
        let mut lines = text.lines();
        let first = lines.next().unwrap_or_default();
        let status = first.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3));
        said.status = status.and_then(|status| status.parse().ok());
        for line in lines.take_while(|line| !line.is_empty()) {
            let Some((name, value)) = line.split_once(':') else { continue };
            let (name, value) = (name.trim(), value.trim());
            if name.eq_ignore_ascii_case("call-id") || name.eq_ignore_ascii_case("i") {
                said.call = value;
            } else if name.eq_ignore_ascii_case("cseq") {
                let (number, method) = value.split_once(' ').unwrap_or_default();
                said.turn = (number.parse().unwrap_or_default(), method.trim());
            }
        }
        said
    }

    fn name(&self, first: &str) -> String {
        match self.status {
            None => first.split(' ').next().unwrap_or_default().to_owned(),
            Some(_) => {
                let status = first.strip_prefix("SIP/2.0 ").unwrap_or(first);
                format!("{status} ({})", self.turn.1)
            }
        }
    }

    /// What would answer it: its call, its CSeq, and who would send that. Nothing answers an ACK or a provisional answer.
    fn wants(&self, is_sent: bool) -> Option<(&'a str, (u32, &'a str), bool)> {
        match (self.status, self.turn.1) {
            (None, "ACK") => None,
            (None, _) => Some((self.call, self.turn, !is_sent)),
            (Some(200..), "INVITE") => Some((self.call, (self.turn.0, "ACK"), !is_sent)),
            (Some(_), _) => None,
        }
    }
}

/// Reads messages in the order in which they passed.
pub(super) fn read(trace: Vec<Trace>) -> Vec<Message> {
    let said: Vec<Said<'_>> = trace.iter().map(|one| Said::of(&one.text)).collect();
    // An answer has the CSeq of what it answers.
    let answers: BTreeSet<_> = said
        .iter()
        .zip(&trace)
        .filter(|(said, _)| said.status.is_some() || said.turn.1 == "ACK")
        .map(|(said, one)| (said.call, said.turn, one.is_sent))
        .collect();
    let mut calls: BTreeMap<&str, usize> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let read: Vec<_> = said
        .iter()
        .zip(&trace)
        .map(|(said, one)| {
            let next = calls.len() + 1;
            let call = *calls.entry(said.call).or_insert(next);
            let is_again = !seen.insert((one.is_sent, one.remote.as_str(), one.text.as_str()));
            let wanted = said.wants(one.is_sent);
            let is_unanswered = wanted.is_some_and(|wanted| !answers.contains(&wanted));
            (said.name(one.first_line()), call, is_again, is_unanswered)
        })
        .collect();
    let message = |(trace, (name, call, is_again, is_unanswered))| Message {
        trace,
        name,
        call,
        is_again,
        is_unanswered,
    };
    trace.into_iter().zip(read).map(message).collect()
}

impl Ladder {
    /// Draws the messages of a page.
    pub(super) fn draw(messages: &[Message], raised: Timestamp, l: Lang) -> Self {
        let mut sides: Vec<&str> = Vec::new();
        for message in messages {
            if !sides.contains(&message.trace.remote.as_str()) {
                sides.push(&message.trace.remote);
            }
        }
        let x = |index: usize| {
            let place = i64::try_from(index.min(SIDES_MAX - 1)).unwrap_or_default();
            OURS + COLUMN * (place + 1)
        };
        let is_cut = SIDES_MAX < sides.len();
        let name = |(index, side): (usize, &&str)| match is_cut && index == SIDES_MAX - 1 {
            true => l.t("其他地址", "other addresses").to_owned(),
            false => (*side).to_owned(),
        };
        let ours = Column { x: OURS, name: l.t("联防", "Lianfang").to_owned() };
        let others = sides.iter().enumerate().take(SIDES_MAX);
        let others = others.map(|one| Column { x: x(one.0), name: name(one) });
        let columns: Vec<Column> = std::iter::once(ours).chain(others).collect();
        let place = |remote: &str| x(sides.iter().position(|side| *side == remote).unwrap_or(0));
        let rungs: Vec<Rung> = (0..)
            .zip(messages)
            .map(|(row, message)| {
                let y = HEAD + ROW * row + ROW - 8;
                rung(message, (y, place(&message.trace.remote)), raised, l)
            })
            .collect();
        let count = i64::try_from(rungs.len()).unwrap_or_default();
        let last = columns.last().map_or(OURS, |column| column.x);
        let (width, height) = (last + COLUMN / 2, HEAD + ROW * count + 8);
        Self { width, height, words_x: OURS + 8, columns, rungs }
    }
}

fn rung(message: &Message, (y, side): (i64, i64), raised: Timestamp, l: Lang) -> Rung {
    let ms = message.trace.at.duration_since(raised).as_millis();
    let call = match l {
        Lang::Chinese => format!("呼叫 {}", message.call),
        Lang::English => format!("call {}", message.call),
    };
    let marks = message.marks(&l).into_iter().map(|mark| format!(" {mark}")).collect::<String>();
    let (from, to, head) = match message.trace.is_sent {
        true => (OURS, side, "l-9-4v8z"),
        false => (side, OURS, "l9-4v8z"),
    };
    let (stroke, fill) = match (message.is_unanswered, message.is_again) {
        (true, _) => ("s-red", "f-red"),
        (false, true) => ("s-edge", "f-grey"),
        (false, false) => ("s-accent", "f-blue"),
    };
    Rung {
        y,
        since: exact(i64::try_from(ms).unwrap_or_default()),
        words: format!("{call} · {}{marks}", message.name),
        from,
        to,
        head,
        stroke,
        fill,
        dash: if message.is_again || message.is_unanswered { "6 4" } else { "none" },
    }
}

/// Milliseconds since the alarm was raised, each of which counts.
fn exact(ms: i64) -> String {
    let sign = if ms < 0 { '−' } else { '+' };
    let ms = ms.unsigned_abs();
    if ms < 10_000 {
        format!("{sign}{ms} ms")
    } else {
        format!("{sign}{}.{:03} s", ms / 1000, ms % 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + ms).unwrap()
    }

    fn message(ms: i64, is_sent: bool, remote: &str, first: &str, cseq: &str) -> Trace {
        let call = if remote == "a" { "Call-ID: 1" } else { "i: 2" };
        let text = format!("{first}\r\nVia: x\r\n{call}\r\nCSeq: {cseq}\r\n\r\nCSeq: 9 BYE");
        Trace { at: at(ms), is_sent, remote: remote.into(), text }
    }

    fn story() -> Vec<Message> {
        read(vec![
            message(-3, false, "a", "INVITE sip:9 SIP/2.0", "1 INVITE"),
            message(0, true, "a", "SIP/2.0 200 OK", "1 INVITE"),
            message(4, true, "b", "INVITE sip:n SIP/2.0", "7 INVITE"),
            message(504, true, "b", "INVITE sip:n SIP/2.0", "7 INVITE"),
            message(520, false, "b", "SIP/2.0 180 Ringing", "7 INVITE"),
            message(600, false, "a", "ACK sip:9 SIP/2.0", "1 ACK"),
            message(12_007, true, "b", "CANCEL sip:n SIP/2.0", "7 CANCEL"),
        ])
    }

    #[test]
    fn what_was_sent_again_and_what_nobody_answered_is_told() {
        let read = story();
        let told: Vec<_> = read
            .iter()
            .map(|one| (one.name.as_str(), one.call, one.is_again, one.is_unanswered))
            .collect();
        assert_eq!(
            told,
            [
                ("INVITE", 1, false, false),
                ("200 OK (INVITE)", 1, false, false),
                ("INVITE", 2, false, false),
                ("INVITE", 2, true, false),
                ("180 Ringing (INVITE)", 2, false, false),
                ("ACK", 1, false, false),
                ("CANCEL", 2, false, true),
            ]
        );
        // A final answer wants an ACK; what cannot be read has no answer and breaks nothing.
        let mut alone = vec![message(0, true, "a", "SIP/2.0 200 OK", "1 INVITE")];
        alone.push(Trace { text: "\u{0}\r\n: :\r\nCSeq".into(), ..Trace::default() });
        let read = super::read(alone);
        assert!(read[0].is_unanswered && read[1].is_unanswered);
    }

    #[test]
    fn arrows_go_from_who_sent_to_who_got_it() {
        let ladder = Ladder::draw(&story(), at(0), Lang::English);
        let names: Vec<_> = ladder.columns.iter().map(|one| (one.x, one.name.as_str())).collect();
        assert_eq!(names, [(150, "Lianfang"), (360, "a"), (570, "b")]);
        let rungs: Vec<_> = ladder
            .rungs
            .iter()
            .map(|one| (one.since.as_str(), one.from, one.to, one.dash, one.stroke))
            .collect();
        assert_eq!(rungs[0], ("−3 ms", 360, 150, "none", "s-accent"));
        assert_eq!(rungs[3], ("+504 ms", 150, 570, "6 4", "s-edge"));
        assert_eq!(rungs[6], ("+12.007 s", 150, 570, "6 4", "s-red"));
        assert_eq!(ladder.rungs[6].words, "call 2 · CANCEL ✕ no answer");
        assert_eq!((ladder.width, ladder.height), (675, HEAD + 7 * ROW + 8));
        let many = (0..9).map(|side| message(0, true, &side.to_string(), "BYE x SIP/2.0", "1 BYE"));
        let ladder = Ladder::draw(&read(many.collect()), at(0), Lang::Chinese);
        assert_eq!((ladder.columns.len(), ladder.columns[4].name.as_str()), (5, "其他地址"));
        assert!(ladder.rungs.iter().all(|rung| rung.to <= ladder.columns[4].x));
    }
    /// Pieces of messages, as they are and as nobody should send them.
    fn any_text() -> impl Strategy<Value = String> {
        let pieces = [
            "INVITE sip:n SIP/2.0",
            "SIP/2.0 ",
            "SIP/2.0 200",
            "SIP/2.0 9é9 x",
            "\r\n",
            "\n",
            "CSeq",
            ":",
            " ",
            "Call-ID: 1",
            "i:",
            "CSeq: 1 INVITE",
            "CSeq: 99999999999 ACK",
            "é",
            "\u{0}",
            "：",
        ];
        let piece = prop_oneof![
            4 => prop::sample::select(pieces.to_vec()).prop_map(str::to_owned),
            1 => any::<String>(),
        ];
        prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn whatever_was_sent_has_its_place(
            sent in prop::collection::vec((any::<bool>(), any_text(), 0..9_u8, any::<i32>()), 0..30),
        ) {
            let trace = |(is_sent, text, side, ms): &(bool, String, u8, i32)| Trace {
                at: at(i64::from(*ms)),
                is_sent: *is_sent,
                remote: side.to_string(),
                text: text.clone(),
            };
            let messages = read(sent.iter().map(trace).collect());
            let ladder = Ladder::draw(&messages, at(0), Lang::English);
            prop_assert_eq!((messages.len(), ladder.rungs.len()), (sent.len(), sent.len()));
            let xs: Vec<i64> = ladder.columns.iter().map(|column| column.x).collect();
            let is_between = |rung: &Rung| xs.contains(&rung.from) && xs.contains(&rung.to);
            prop_assert!(ladder.rungs.iter().all(is_between));
        }
    }
}
