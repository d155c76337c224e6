//! Reads `WWW-Authenticate`, `Authorization` and their proxy twins: one scheme and a list of parameters.
//!
//! Tolerant where phones are sloppy (quotes or none, any case, stray commas), strict where doubt would open a
//! door: a parameter given twice is refused. Judges no secret.

use super::{DigestAlgorithm, Qop, Session};
use std::borrow::Cow;

/// Longest header value that is read, in bytes; real ones have about 400.
const VALUE_LEN_MAX: usize = 4096;
/// Most parameters that are read; RFC 7616 knows 11.
const PARAMS_MAX: usize = 32;

/// A header value that cannot be digest authentication as we know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Longer than any honest one, or with too many parameters.
    #[error("authentication header is too long")]
    TooLong,
    /// No list of `name=value`.
    #[error("authentication header is no list of parameters")]
    Syntax,
    /// Another scheme than Digest.
    #[error("authentication scheme is not Digest")]
    Scheme,
    /// The same parameter twice.
    #[error("authentication parameter is given twice")]
    Twice,
    /// A parameter is missing that the computation needs.
    #[error("authentication header lacks `{0}`")]
    Missing(&'static str),
    /// A parameter has a value that we cannot use.
    #[error("authentication header has an unusable `{0}`")]
    Unusable(&'static str),
}

/// The parameters of one header value, quotes removed and escapes kept.
struct Params<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Params<'a> {
    /// Reads `Digest name=value, name="value"`.
    fn parse(value: &'a str) -> Result<Self, ParseError> {
        if VALUE_LEN_MAX < value.len() {
            return Err(ParseError::TooLong);
        }
        let (scheme, list) =
            value.trim().split_once(|c: char| c.is_ascii_whitespace()).ok_or(ParseError::Syntax)?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return Err(ParseError::Scheme);
        }
        Self::parse_list(list)
    }

    /// Reads `name=value, name="value"`.
    fn parse_list(list: &'a str) -> Result<Self, ParseError> {
        if VALUE_LEN_MAX < list.len() {
            return Err(ParseError::TooLong);
        }
        let mut params = Self(Vec::new());
        let mut rest = list;
        loop {
            rest = rest.trim_start_matches(|c: char| c == ',' || c.is_ascii_whitespace());
            if rest.is_empty() {
                return Ok(params);
            }
            let (name, after) = rest.split_once('=').ok_or(ParseError::Syntax)?;
            let name = name.trim();
            if name.is_empty() || !name.bytes().all(is_token) {
                return Err(ParseError::Syntax);
            }
            let (value, after) = take_value(after.trim_start())?;
            if params.get(name).is_some() {
                return Err(ParseError::Twice);
            }
            if PARAMS_MAX <= params.0.len() {
                return Err(ParseError::TooLong);
            }
            params.0.push((name, value));
            rest = after;
        }
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    fn need(&self, name: &'static str) -> Result<&'a str, ParseError> {
        self.get(name).ok_or(ParseError::Missing(name))
    }

    fn algorithm(&self) -> Result<DigestAlgorithm, ParseError> {
        match self.get("algorithm") {
            Some(token) => {
                DigestAlgorithm::from_token(token.trim()).ok_or(ParseError::Unusable("algorithm"))
            }
            None => Ok(DigestAlgorithm::MD5),
        }
    }
}

/// Takes one value from the front; what follows must be a comma or the end.
fn take_value(text: &str) -> Result<(&str, &str), ParseError> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_once(',').unwrap_or((text, ""));
        let value = value.trim();
        // White space or a quote inside a bare value means that two parameters ran together.
        if value.is_empty() || value.contains(|c: char| c == '"' || c.is_ascii_whitespace()) {
            return Err(ParseError::Syntax);
        }
        return Ok((value, rest));
    };
    let mut escaped = false;
    let end = quoted
        .find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        })
        .ok_or(ParseError::Syntax)?;
    let (value, rest) = quoted.split_at_checked(end).ok_or(ParseError::Syntax)?;
    let rest = rest.strip_prefix('"').unwrap_or(rest).trim_start();
    if rest.is_empty() || rest.starts_with(',') {
        Ok((value, rest))
    } else {
        Err(ParseError::Syntax)
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)
}

/// Removes the escapes of a quoted string (RFC 3261 25.1).
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        clean.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
    }
    Cow::Owned(clean)
}

/// The answer to a challenge, from `Authorization` or `Proxy-Authorization`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials<'a> {
    pub(super) username: Cow<'a, str>,
    pub(super) nonce: &'a str,
    pub(super) uri: &'a str,
    pub(super) response: &'a str,
    pub(super) algorithm: DigestAlgorithm,
    pub(super) opaque: Option<&'a str>,
    pub(super) cnonce: &'a str,
    /// What is protected, the count as it was written, and its value; absent with RFC 2069.
    pub(super) count: Option<(Qop, &'a str, u32)>,
}

impl<'a> Credentials<'a> {
    /// Finds the credentials for `realm` among the values of all `Authorization` headers of a request.
    ///
    /// Other realms and other schemes are another server's business and passed over.
    ///
    /// # Errors
    /// When there are none for `realm` and one could not be read.
    pub fn find(
        values: impl IntoIterator<Item = &'a str>,
        realm: &str,
    ) -> Result<Option<Self>, ParseError> {
        let mut failed = None;
        for value in values {
            match Self::read(value, realm) {
                Ok(Some(credentials)) => return Ok(Some(credentials)),
                Ok(None) | Err(ParseError::Scheme) => {}
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(None), Err)
    }

    /// The user name, for the look-up of the account.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.username
    }

    fn read(value: &'a str, realm: &str) -> Result<Option<Self>, ParseError> {
        let params = Params::parse(value)?;
        if unescaped(params.need("realm")?) != realm {
            return Ok(None);
        }
        let algorithm = params.algorithm()?;
        let count = params.get("qop").map(|qop| read_count(&params, qop)).transpose()?;
        let needs_cnonce = count.is_some() || algorithm.session == Session::Yes;
        let cnonce = if needs_cnonce { params.need("cnonce")? } else { "" };
        Ok(Some(Self {
            username: unescaped(params.need("username")?),
            nonce: params.need("nonce")?,
            uri: params.need("uri")?,
            response: params.need("response")?,
            algorithm,
            opaque: params.get("opaque"),
            cnonce,
            count,
        }))
    }
}

/// The count is hexadecimal, eight digits by the book, fewer from some phones.
fn read_count<'a>(params: &Params<'a>, qop: &str) -> Result<(Qop, &'a str, u32), ParseError> {
    let qop = Qop::from_token(qop.trim()).ok_or(ParseError::Unusable("qop"))?;
    let text = params.need("nc")?;
    let is_hex = !text.is_empty() && text.len() <= 8 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let count = is_hex.then(|| u32::from_str_radix(text, 16).ok()).flatten();
    match count {
        Some(count) if 0 < count => Ok((qop, text, count)),
        Some(_) | None => Err(ParseError::Unusable("nc")),
    }
}

/// A challenge, from `WWW-Authenticate` or `Proxy-Authenticate`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge<'a> {
    /// The protection space, escapes removed.
    pub realm: Cow<'a, str>,
    /// The nonce, to be sent back as it is.
    pub nonce: &'a str,
    /// To be sent back as it is.
    pub opaque: Option<&'a str>,
    /// MD5 where none is named.
    pub algorithm: DigestAlgorithm,
    /// What we would choose of what is offered; absent with RFC 2069.
    pub qop: Option<Qop>,
    /// Whether only the nonce was old, not the password wrong.
    pub is_stale: bool,
}

impl<'a> Challenge<'a> {
    /// Reads one header value.
    ///
    /// # Errors
    /// When it is no digest challenge, or one of an algorithm or qop that we do not know.
    pub fn parse(value: &'a str) -> Result<Self, ParseError> {
        let params = Params::parse(value)?;
        let qop = match params.get("qop") {
            Some(list) => {
                let offered = || list.split(',').filter_map(|token| Qop::from_token(token.trim()));
                let chosen = offered().find(|qop| *qop == Qop::Auth).or_else(|| offered().next());
                Some(chosen.ok_or(ParseError::Unusable("qop"))?)
            }
            None => None,
        };
        Ok(Self {
            realm: unescaped(params.need("realm")?),
            nonce: params.need("nonce")?,
            opaque: params.get("opaque"),
            algorithm: params.algorithm()?,
            qop,
            is_stale: params.get("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }
}

/// The next nonce that an `Authentication-Info` header names.
pub(super) fn next_nonce(value: &str) -> Option<&str> {
    Params::parse_list(value).ok()?.get("nextnonce")
}
