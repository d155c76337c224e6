//! Cuts a message into its first line, unfolded header lines and body.
//!
//! The framing of streams uses the same cut, so that both always agree where a message ends.

use super::malformed::{Field, Reason};
use super::{HEADERS_MAX, LINE_MAX, text};
use crate::message::{long_name, values};
use std::borrow::Cow;

/// One header, unfolded and decoded: the long name as written or resolved, the value trimmed.
#[derive(Debug)]
pub(crate) struct Line {
    pub(super) name: String,
    pub(super) value: String,
}

/// A message cut up. Lines without a colon or with a name that is no token are left out (RFC 3261 8.2).
#[derive(Debug)]
pub(crate) struct Block<'a> {
    pub(super) start: Cow<'a, str>,
    pub(super) lines: Vec<Line>,
    pub(super) body: &'a [u8],
    /// The first bound that was passed; what was cut until then is kept for the answer.
    pub(super) fault: Option<Reason>,
}

impl<'a> Block<'a> {
    /// Cuts; never fails. Empty lines before the first are skipped (RFC 3261 7.5).
    pub(crate) fn read(bytes: &'a [u8]) -> Self {
        let mut rest = bytes;
        while let [b'\r' | b'\n', tail @ ..] = rest {
            rest = tail;
        }
        let (first, mut rest, mut complete) = physical(rest);
        let mut block =
            Self { start: Cow::Borrowed(""), lines: Vec::new(), body: &[], fault: None };
        block.start = text::decode(first.get(..LINE_MAX).unwrap_or(first));
        if first.len() > LINE_MAX {
            block.fault = Some(Reason::UriTooLong);
        }
        let mut unfolded: Vec<u8> = Vec::new();
        while complete && !rest.is_empty() {
            let (line, tail, ended) = physical(rest);
            (rest, complete) = (tail, ended);
            if line.is_empty() && ended {
                block.push(&unfolded);
                block.body = rest;
                return block;
            }
            if matches!(line, [b' ' | b'\t', ..]) {
                unfolded.push(b' ');
                unfolded.extend_from_slice(line.trim_ascii());
            } else {
                block.push(&unfolded);
                unfolded.clear();
                unfolded.extend_from_slice(line);
            }
            if HEADERS_MAX <= block.lines.len() {
                block.fault.get_or_insert(Reason::TooManyHeaders);
                return block;
            }
            if LINE_MAX < unfolded.len() {
                block.fault.get_or_insert(Reason::LineTooLong);
                unfolded.clear();
            }
        }
        // No empty line: complete headers are taken, as some devices leave it out; a line cut short is not.
        if complete {
            block.push(&unfolded);
        } else {
            block.fault.get_or_insert(Reason::Unterminated);
        }
        block
    }

    fn push(&mut self, unfolded: &[u8]) {
        let Some(colon) = unfolded.iter().position(|&byte| byte == b':') else { return };
        let Some((name, value)) = unfolded.split_at_checked(colon) else { return };
        let Ok(name) = std::str::from_utf8(name.trim_ascii()) else { return };
        if !is_token(name) {
            return;
        }
        let value = text::decode(value.get(1..).unwrap_or_default());
        self.lines.push(Line { name: long_name(name).to_owned(), value: value.trim().to_owned() });
    }

    /// Every line of a header.
    pub(super) fn values(&self, field: Field) -> impl Iterator<Item = &str> {
        let lines = self.lines.iter();
        lines
            .filter(move |line| line.name.eq_ignore_ascii_case(field.name()))
            .map(|line| line.value.as_str())
    }

    /// The one value of a header: repeating it word for word does no harm, anything else does.
    pub(super) fn single(&self, field: Field) -> Result<Option<&str>, Reason> {
        let mut values = self.values(field);
        let first = values.next();
        match values.all(|other| Some(other) == first) {
            true => Ok(first),
            false => Err(Reason::Repeated(field)),
        }
    }

    /// The value of a header that must be there, and only once unless it is Via.
    pub(super) fn required(&self, field: Field) -> Result<&str, Reason> {
        let value = if field == Field::Via {
            self.values(field).flat_map(values).next()
        } else {
            self.single(field)?
        };
        value.filter(|value| !value.is_empty()).ok_or(Reason::Missing(field))
    }

    /// Whether the line repeats an earlier one of the headers that stand once.
    pub(super) fn is_repeat(&self, at: usize) -> bool {
        let Some(line) = self.lines.get(at) else { return false };
        let once = [Field::From, Field::To, Field::CallId, Field::CSeq, Field::MaxForwards];
        let is = |other: &Line, field: Field| other.name.eq_ignore_ascii_case(field.name());
        let Some(field) = once.into_iter().find(|field| is(line, *field)) else { return false };
        self.lines.iter().take(at).any(|earlier| is(earlier, field))
    }

    /// The announced length of the body.
    pub(crate) fn content_length(&self) -> Result<Option<usize>, Reason> {
        let Some(value) = self.single(Field::ContentLength)? else { return Ok(None) };
        let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        let length = value.parse().ok().filter(|_| digits);
        length.map(Some).ok_or(Reason::Bad(Field::ContentLength))
    }

    /// Whether a bound was passed before the end.
    pub(crate) fn is_faulty(&self) -> bool {
        self.fault.is_some()
    }

    /// Whether a body is announced by its type.
    pub(crate) fn has_content_type(&self) -> bool {
        self.lines.iter().any(|line| line.name.eq_ignore_ascii_case("Content-Type"))
    }
}

/// The first line without its end, the rest, and whether the line did end.
fn physical(bytes: &[u8]) -> (&[u8], &[u8], bool) {
    let Some(end) = bytes.iter().position(|&byte| byte == b'\n') else {
        return (bytes, &[], false);
    };
    let (line, rest) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    (line, rest.get(1..).unwrap_or_default(), true)
}

/// Whether it is a `token` of RFC 3261 25.1.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// Whether a byte may stand in a token.
pub(crate) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)
}
