//! The reader's language: Chinese first, English complete.

use axum::http::{HeaderMap, header};

/// A language that pages are written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lang {
    /// Simplified Chinese.
    #[default]
    Chinese,
    /// English.
    English,
}

impl Lang {
    /// The words in this language.
    #[must_use]
    pub fn t<'a>(self, chinese: &'a str, english: &'a str) -> &'a str {
        match self {
            Self::Chinese => chinese,
            Self::English => english,
        }
    }

    /// Its tag (BCP 47), for `lang=` and Accept-Language.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::Chinese => "zh-CN",
            Self::English => "en",
        }
    }

    /// The other language, to change to.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Chinese => Self::English,
            Self::English => Self::Chinese,
        }
    }

    /// The language of a tag, if it is one of ours.
    #[must_use]
    pub fn of_tag(tag: &str) -> Option<Self> {
        match tag.split('-').next()? {
            primary if primary.eq_ignore_ascii_case("zh") => Some(Self::Chinese),
            primary if primary.eq_ignore_ascii_case("en") => Some(Self::English),
            _ => None,
        }
    }

    /// The first of ours that the browser asks for: browsers list what they like best first.
    #[must_use]
    pub fn wanted(headers: &HeaderMap) -> Option<Self> {
        let wanted = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
        wanted.split(',').find_map(|range| Self::of_tag(range.trim()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_language_that_we_have_is_taken() {
        for (wanted, lang) in [
            ("zh-CN,zh;q=0.9,en;q=0.8", Some(Lang::Chinese)),
            ("de, en-GB;q=0.7, zh;q=0.3", Some(Lang::English)),
            ("fr", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, wanted.parse().unwrap());
            assert_eq!(Lang::wanted(&headers), lang, "{wanted}");
        }
    }
}
