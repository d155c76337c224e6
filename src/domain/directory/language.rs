//! The languages that people are spoken to in, and the two that words are written in.
//!
//! Mandarin and English are shipped: every prompt of theirs is in the binary. A dialect is heard where people recorded
//! it and is written as Chinese; what nobody recorded is said in Mandarin.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A language that people hear or read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Language {
    /// Mandarin, `zh-CN`.
    #[default]
    Chinese,
    /// English, `en`.
    English,
    /// A Chinese language of a region: recordings of people only, no voice and no texts of its own.
    Dialect(Dialect),
}

/// A Chinese language beside Mandarin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// 闽南语, `nan`.
    Minnan,
    /// 粤语, `yue`.
    Cantonese,
    /// 客家话, `hak`.
    Hakka,
    /// 吴语, `wuu`.
    Wu,
    /// 闽东语 (福州话), `cdo`.
    Mindong,
    /// 莆仙语, `cpx`.
    Puxian,
    /// 闽北语, `mnp`.
    Minbei,
    /// 闽中语, `czo`.
    Minzhong,
    /// 赣语, `gan`.
    Gan,
    /// 湘语, `hsn`.
    Xiang,
    /// 晋语, `cjy`.
    Jin,
    /// 徽语, `czh`.
    Hui,
}

/// A language that words are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Written {
    /// Chinese characters.
    Chinese,
    /// English.
    English,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 12] = [
        Self::Minnan,
        Self::Cantonese,
        Self::Hakka,
        Self::Wu,
        Self::Mindong,
        Self::Puxian,
        Self::Minbei,
        Self::Minzhong,
        Self::Gan,
        Self::Xiang,
        Self::Jin,
        Self::Hui,
    ];

    /// The code of ISO 639-3, which is its BCP 47 tag, and its names.
    fn called(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Minnan => ("nan", &["闽南语", "闽南话"]),
            Self::Cantonese => ("yue", &["粤语", "广东话"]),
            Self::Hakka => ("hak", &["客家话", "客家语"]),
            Self::Wu => ("wuu", &["吴语", "上海话"]),
            Self::Mindong => ("cdo", &["闽东语", "福州话"]),
            Self::Puxian => ("cpx", &["莆仙语", "莆仙话"]),
            Self::Minbei => ("mnp", &["闽北语", "闽北话"]),
            Self::Minzhong => ("czo", &["闽中语", "闽中话"]),
            Self::Gan => ("gan", &["赣语"]),
            Self::Xiang => ("hsn", &["湘语"]),
            Self::Jin => ("cjy", &["晋语"]),
            Self::Hui => ("czh", &["徽语"]),
        }
    }
}

impl Language {
    /// Those whose every prompt is shipped, and that texts are written in.
    pub const ALL: [Self; 2] = [Self::Chinese, Self::English];

    /// Every language that somebody can be spoken to in: the shipped ones first.
    pub fn spoken() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().chain(Dialect::ALL.map(Self::Dialect))
    }

    /// The BCP 47 tag.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::Chinese => "zh-CN",
            Self::English => "en",
            Self::Dialect(dialect) => dialect.called().0,
        }
    }

    /// Reads a BCP 47 tag, without regard to case.
    #[must_use]
    pub fn of_tag(tag: &str) -> Option<Self> {
        Self::spoken().find(|language| language.tag().eq_ignore_ascii_case(tag))
    }

    /// Reads a tag or a Chinese name, such as `闽南语`.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        match name {
            "中文" | "普通话" => Some(Self::Chinese),
            "英文" | "英语" => Some(Self::English),
            _ => Dialect::ALL
                .into_iter()
                .find(|dialect| dialect.called().1.contains(&name))
                .map(Self::Dialect)
                .or_else(|| Self::of_tag(name)),
        }
    }

    /// The language of the texts that go with it: order of words, SMS, what a recording says.
    #[must_use]
    pub fn written(self) -> Written {
        match self {
            Self::Chinese | Self::Dialect(_) => Written::Chinese,
            Self::English => Written::English,
        }
    }

    /// The shipped language that is said where there is no recording: itself, or Mandarin for a dialect.
    #[must_use]
    pub fn shipped(self) -> Self {
        match self.written() {
            Written::Chinese => Self::Chinese,
            Written::English => Self::English,
        }
    }
}

impl Serialize for Language {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.tag())
    }
}

impl<'de> Deserialize<'de> for Language {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let tag = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let is_tag = |language: &Self| language.tag() == tag;
        Self::spoken().find(is_tag).ok_or_else(|| {
            let wanted = "a language such as zh-CN, en or nan";
            serde::de::Error::invalid_value(serde::de::Unexpected::Str(&tag), &wanted)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_is_found_by_its_tag_and_its_names() {
        for language in Language::spoken() {
            let tag = language.tag();
            assert_eq!(Language::of_tag(&tag.to_uppercase()), Some(language));
            assert_eq!(Language::of_name(tag), Some(language));
            let json = serde_json::to_string(&language).expect("writes");
            assert_eq!(json, format!("\"{tag}\""));
            assert_eq!(serde_json::from_str::<Language>(&json).expect("reads"), language);
        }
        let minnan = Language::Dialect(Dialect::Minnan);
        assert_eq!(Language::of_name("闽南语"), Some(minnan));
        assert_eq!(minnan.written(), Written::Chinese);
        assert_eq!(minnan.shipped(), Language::Chinese);
        assert_eq!(Language::English.shipped(), Language::English);
        assert_eq!(Language::of_tag("cmn"), None);
        let error = serde_json::from_str::<Language>("\"fr\"").expect_err("unknown").to_string();
        assert!(error.contains("such as zh-CN, en or nan"), "{error}");
    }
}
