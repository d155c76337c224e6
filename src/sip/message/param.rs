//! Parameters (`;name=value`) and the splitting of header values that respects quotes and angle brackets.
//!
//! Knows no particular header. Works on text that was decoded to UTF-8 before.

use std::fmt;

/// An ordered list of parameters as they stand on the wire: names of any case, values with their quotes.
///
/// Equality is by text and order; look-ups ignore the case of names, RFC 3261 7.3.1.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Params(Vec<(String, Option<String>)>);

impl Params {
    /// Reads `;a=b;c` with white space anywhere; empty elements (`;;`) are skipped.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let pairs = pieces(text, ';').filter_map(pair);
        Self(pairs.map(|(name, value)| (name.to_owned(), value.map(str::to_owned))).collect())
    }

    /// Whether the parameter is there, with or without a value.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(n, _)| n.eq_ignore_ascii_case(name))
    }

    /// The value of the first parameter of that name, as on the wire; `None` too when it has none.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n.eq_ignore_ascii_case(name))?.1.as_deref()
    }

    /// Replaces the parameter, or appends it.
    pub fn set(&mut self, name: &str, value: Option<&str>) {
        let value = value.map(str::to_owned);
        match self.0.iter_mut().find(|(n, _)| n.eq_ignore_ascii_case(name)) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// Removes every parameter of that name and gives the value of the first.
    pub fn remove(&mut self, name: &str) -> Option<Option<String>> {
        let mut first = None;
        self.0.retain_mut(|(n, value)| {
            let same = n.eq_ignore_ascii_case(name);
            if same && first.is_none() {
                first = Some(value.take());
            }
            !same
        });
        first
    }

    /// All parameters in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_deref()))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.0 {
            match value {
                Some(value) => write!(f, ";{name}={value}")?,
                None => write!(f, ";{name}")?,
            }
        }
        Ok(())
    }
}

/// Finds a parameter in the raw text without copying: `Some(None)` when it stands there without a value.
#[must_use]
pub(crate) fn find<'a>(text: &'a str, name: &str) -> Option<Option<&'a str>> {
    pieces(text, ';').filter_map(pair).find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v)
}

fn pair(piece: &str) -> Option<(&str, Option<&str>)> {
    let (name, value) = match piece.split_once('=') {
        Some((name, value)) => (name.trim(), Some(value.trim())),
        None => (piece.trim(), None),
    };
    (!name.is_empty()).then_some((name, value))
}

/// Where in a value one is: inside of a quoted string, of angle brackets, or of neither.
#[derive(Debug, Default)]
struct Nesting {
    quoted: bool,
    escaped: bool,
    angle: bool,
}

impl Nesting {
    /// Moves past a character; `true` when it stands outside of both and is no delimiter of theirs.
    fn is_outside(&mut self, c: char) -> bool {
        if self.escaped {
            self.escaped = false;
            return false;
        }
        if self.quoted {
            self.escaped = c == '\\';
            self.quoted = c != '"';
            return false;
        }
        match c {
            '"' if !self.angle => self.quoted = true,
            '<' => self.angle = true,
            '>' => self.angle = false,
            _ => return !self.angle,
        }
        false
    }
}

/// Splits at `separator` outside of quoted strings and angle brackets. An unclosed quote or bracket runs to the end.
fn pieces(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut nesting = Nesting::default();
    text.split(move |c: char| nesting.is_outside(c) && c == separator)
}

/// Whether every quote and bracket is closed, so that nothing printed behind the text becomes a part of it.
pub(crate) fn is_closed(text: &str) -> bool {
    let mut nesting = Nesting::default();
    for c in text.chars() {
        nesting.is_outside(c);
    }
    !nesting.quoted && !nesting.angle
}

/// The values of a header that may hold several in one line, trimmed, without empty ones.
pub(crate) fn values(text: &str) -> impl Iterator<Item = &str> {
    pieces(text, ',').map(str::trim).filter(|piece| !piece.is_empty())
}

/// Takes the quotes off a quoted string and resolves its escapes; other text stays as it is.
#[must_use]
pub fn unquote(text: &str) -> String {
    let text = text.trim();
    let Some(inner) = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) else {
        return text.to_owned();
    };
    let mut plain = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        plain.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    plain
}

/// Puts text between quotes and escapes what must be, RFC 3261 25.1 `quoted-string`.
#[must_use]
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len().saturating_add(2));
    quoted.push('"');
    for c in text.chars().filter(|c| !matches!(c, '\r' | '\n')) {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}
