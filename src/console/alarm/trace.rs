//! The SIP messages of an alarm in pages that stay small, however many and however long they are.

use super::ladder::{Ladder, Message};
use crate::lang::Lang;
use jiff::Timestamp;
use std::ops::Range;

/// SIP messages of a page: a first wave alone may have some hundred.
const MESSAGES: usize = 20;
/// Bytes of their text, as it is written in HTML.
const ROOM: usize = 40_000;
/// Bytes of one message that are shown; of a longer one the dossier has the rest.
const SHOWN: usize = 12_000;

/// A page of the SIP messages.
pub(super) struct TracePage {
    /// How many there are.
    pub(super) count: usize,
    pub(super) messages: Vec<Message>,
    /// The same, drawn.
    pub(super) ladder: Ladder,
    pub(super) earlier: Option<usize>,
    pub(super) later: Option<usize>,
}

impl TracePage {
    /// The page with this number, from 1; the last one for a number beyond.
    pub(super) fn of(mut trace: Vec<Message>, page: usize, raised: Timestamp, l: Lang) -> Self {
        let count = trace.len();
        let pages = pages(&trace);
        let page = page.clamp(1, pages.len());
        let range = pages.get(page - 1).cloned().unwrap_or_default();
        let messages: Vec<Message> = trace.drain(range).collect();
        let ladder = Ladder::draw(&messages, raised, l);
        let later = (page < pages.len()).then_some(page + 1);
        Self { count, messages, ladder, earlier: (1 < page).then_some(page - 1), later }
    }
}

/// Where the pages begin and end: each has a message at least, if there is one. There is one page at least.
fn pages(trace: &[Message]) -> Vec<Range<usize>> {
    let (mut pages, mut start, mut used) = (Vec::new(), 0, 0);
    for (at, message) in trace.iter().enumerate() {
        let weight = weight(message.shown());
        if start < at && (at - start == MESSAGES || ROOM < used + weight) {
            pages.push(start..at);
            (start, used) = (at, 0);
        }
        used += weight;
    }
    pages.push(start..trace.len());
    pages
}

/// Bytes in HTML, where some characters are written as up to five.
fn weight(text: &str) -> usize {
    text.len() + 4 * text.chars().filter(|one| matches!(one, '<' | '>' | '&' | '"' | '\'')).count()
}

impl Message {
    /// What of it is shown.
    pub(crate) fn shown(&self) -> &str {
        beginning(&self.trace.text)
    }

    /// Whether there is more of it.
    pub(crate) fn is_cut(&self) -> bool {
        self.shown().len() < self.trace.text.len()
    }
}

/// As many whole characters as may be shown.
fn beginning(text: &str) -> &str {
    let end = (0..=SHOWN.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or_default()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::detail::Trace;
    use super::super::ladder::read;
    use super::*;

    fn trace(lengths: &[usize]) -> Vec<Message> {
        let message = |(number, length): (usize, &usize)| Trace {
            at: Timestamp::UNIX_EPOCH,
            is_sent: true,
            remote: "192.0.2.1:5060".to_owned(),
            text: format!("{number:04}{}", "x".repeat(length - 4)),
        };
        read(lengths.iter().enumerate().map(message).collect())
    }

    #[test]
    fn no_page_has_too_much_and_every_message_is_on_one() {
        for lengths in
            [vec![], vec![700], vec![700; 41], vec![4_000; 40], vec![65_000, 700, 65_000, 65_000]]
        {
            let mut seen = Vec::new();
            let mut page = Some(1);
            while let Some(number) = page {
                let part =
                    TracePage::of(trace(&lengths), number, Timestamp::UNIX_EPOCH, Lang::Chinese);
                let bytes: usize = part.messages.iter().map(|one| one.shown().len()).sum();
                assert!(bytes <= ROOM && part.messages.len() <= MESSAGES, "{lengths:?}: {bytes}");
                assert_eq!(
                    (part.count, part.earlier),
                    (lengths.len(), number.checked_sub(1).filter(|at| 0 < *at))
                );
                seen.extend(part.messages.into_iter().map(|one| one.trace.text));
                page = part.later;
            }
            let all: Vec<String> = trace(&lengths).into_iter().map(|one| one.trace.text).collect();
            assert_eq!(seen, all);
        }
        let beyond = TracePage::of(trace(&[700; 21]), 99, Timestamp::UNIX_EPOCH, Lang::Chinese);
        assert_eq!((beyond.messages.len(), beyond.earlier, beyond.later), (1, Some(1), None));
    }

    #[test]
    fn a_character_is_shown_whole_or_not() {
        assert_eq!(beginning("短"), "短");
        let long = "短".repeat(SHOWN);
        assert_eq!(
            (beginning(&long).len(), beginning(&format!("x{long}")).len()),
            (12_000, 11_998)
        );
        assert_eq!(weight("<a>\"x\""), 6 + 16);
    }
}
