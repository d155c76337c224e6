//! Clips: the pieces of speech of which every announcement is put together.
//!
//! Fixed clips are recorded or synthesised once per language and shipped as `prompts/<language>/<stem>.wav`. Names and
//! places are rendered when a household is saved, never during an alarm. Knows no file and no voice.

use super::phrase::Phrase;
use super::surname::with_surnames;
use super::{en, zh_cn};
use crate::directory::{Language, Written};
use std::sync::Arc;

/// A piece of speech.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Clip {
    /// The attention tone, 0.8 s; the only clip without words.
    Tone,
    /// A fixed phrase.
    Phrase(Phrase),
    /// A word that tells what a number of an address counts.
    Unit(Unit),
    /// A digit, letter or key, said alone.
    Sign(Sign),
    /// A number of households, 1 to [`Clip::COUNT_MAX`].
    Count(u8),
    /// A number of a floor, said as a number: one of [`Clip::NUMBERS`].
    Number(u8),
    /// The name of a person or household: surnames are read as surnames.
    Name(Arc<str>),
    /// A place, or words with a pronunciation given: said as written.
    Text(Arc<str>),
}

/// The words of an address. Chinese says them after the number, English before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    /// 号楼.
    Building,
    /// 座, as in `A座`.
    Block,
    /// 栋.
    Dong,
    /// 幢.
    Zhuang,
    /// 单元.
    Staircase,
    /// 梯.
    Stairs,
    /// 门, a staircase in the north.
    Gate,
    /// 层.
    Floor,
    /// 楼, where it counts floors.
    Storey,
    /// 室.
    Door,
    /// 房, a door in the south.
    Room,
    /// 号.
    House,
    /// 户.
    Household,
    /// 弄.
    Lane,
    /// 巷.
    Alley,
    /// 号院.
    Court,
    /// 排.
    Row,
    /// 区.
    Zone,
    /// 期.
    Phase,
    /// 负, below the ground; said before the number in both languages.
    Basement,
    /// 之, as in `五号之一`; said between two numbers in both languages.
    Part,
}

impl Unit {
    /// Every word.
    pub const ALL: [Self; 21] = [
        Self::Building,
        Self::Block,
        Self::Dong,
        Self::Zhuang,
        Self::Staircase,
        Self::Stairs,
        Self::Gate,
        Self::Floor,
        Self::Storey,
        Self::Door,
        Self::Room,
        Self::House,
        Self::Household,
        Self::Lane,
        Self::Alley,
        Self::Court,
        Self::Row,
        Self::Zone,
        Self::Phase,
        Self::Basement,
        Self::Part,
    ];

    fn stem(self) -> &'static str {
        match self {
            Self::Building => "building",
            Self::Block => "block",
            Self::Dong => "dong",
            Self::Zhuang => "zhuang",
            Self::Staircase => "unit",
            Self::Stairs => "stairs",
            Self::Gate => "gate",
            Self::Floor => "floor",
            Self::Storey => "storey",
            Self::Door => "door",
            Self::Room => "room",
            Self::House => "house",
            Self::Household => "household",
            Self::Lane => "lane",
            Self::Alley => "alley",
            Self::Court => "court",
            Self::Row => "row",
            Self::Zone => "zone",
            Self::Phase => "phase",
            Self::Basement => "basement",
            Self::Part => "part",
        }
    }
}

/// A character that is said alone: 0-9, A-Z, `*`, `#` or `-`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sign(char);

impl Sign {
    /// Every sign.
    pub fn all() -> impl Iterator<Item = Self> {
        ('0'..='9').chain('A'..='Z').chain(['*', '#', '-']).map(Self)
    }

    /// The sign of a character, in either case.
    #[must_use]
    pub fn of_char(character: char) -> Option<Self> {
        let upper = character.to_ascii_uppercase();
        (upper.is_ascii_alphanumeric() || matches!(upper, '*' | '#' | '-')).then_some(Self(upper))
    }

    /// Its character; letters are capitals.
    #[must_use]
    pub fn as_char(self) -> char {
        self.0
    }
}

impl Clip {
    /// The greatest number of households that is told; it is more than any group has.
    pub const COUNT_MAX: u8 = 20;

    /// The numbers that have a clip of their own; [`Clip::number`] puts the others together.
    pub const NUMBERS: [u8; 27] = [
        1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 30, 40, 50, 60, 70,
        80, 90,
    ];

    /// A number from 1 to 99 as it is said: `二十` `三`, "twenty" "three". Nothing for any other.
    #[must_use]
    pub fn number(number: u8) -> Vec<Self> {
        let (tens, ones) = (number / 10 * 10, number % 10);
        match number {
            1..=20 => vec![Self::Number(number)],
            21..=99 if ones == 0 => vec![Self::Number(tens)],
            21..=99 => vec![Self::Number(tens), Self::Number(ones)],
            0 | 100..=255 => Vec::new(),
        }
    }

    /// It has a file of its own in every language; the others are rendered when a household is saved.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        !matches!(self, Self::Name(_) | Self::Text(_))
    }

    /// Every fixed clip: those that a language must have as files.
    #[must_use]
    pub fn all_fixed() -> Vec<Self> {
        let mut clips = vec![Self::Tone];
        clips.extend(Phrase::ALL.iter().copied().map(Self::Phrase));
        clips.extend(Unit::ALL.map(Self::Unit));
        clips.extend(Sign::all().map(Self::Sign));
        clips.extend((1..=Self::COUNT_MAX).map(Self::Count));
        clips.extend(Self::NUMBERS.map(Self::Number));
        clips
    }

    /// The fixed clip of a file.
    #[must_use]
    pub fn of_stem(stem: &str) -> Option<Self> {
        Self::all_fixed().into_iter().find(|clip| clip.file_stem() == stem)
    }

    /// The name of its file under `prompts/<language>/`, without `.wav`: lower-case ASCII. The stem of a name or place
    /// is a hash of its words, the same on every machine and in every version.
    #[must_use]
    pub fn file_stem(&self) -> String {
        match self {
            Self::Tone => "tone".to_owned(),
            Self::Phrase(phrase) => phrase.stem().to_owned(),
            Self::Unit(unit) => format!("unit-{}", unit.stem()),
            Self::Sign(Sign('*')) => "sign-star".to_owned(),
            Self::Sign(Sign('#')) => "sign-hash".to_owned(),
            Self::Sign(Sign('-')) => "sign-dash".to_owned(),
            Self::Sign(Sign(sign)) => format!("sign-{}", sign.to_ascii_lowercase()),
            Self::Count(count) => format!("count-{count}"),
            Self::Number(number) => format!("number-{number}"),
            Self::Name(text) => format!("name-{:016x}", fnv1a(text)),
            Self::Text(text) => format!("text-{:016x}", fnv1a(text)),
        }
    }

    /// The words, as they are written: what a person reads out who records the clip. Empty for the tone.
    #[must_use]
    pub fn text(&self, language: Language) -> String {
        match self {
            Self::Tone => String::new(),
            Self::Name(text) | Self::Text(text) => text.to_string(),
            Self::Phrase(_) | Self::Unit(_) | Self::Sign(_) | Self::Count(_) | Self::Number(_) => {
                match language.written() {
                    Written::Chinese => zh_cn::said(self).0,
                    Written::English => en::said(self),
                }
            }
        }
    }

    /// What espeak-ng reads to make the clip, with the voice of [`Self::spoken_in`]. Chinese is pinyin with tone
    /// numbers for everything fixed and for what would be read wrongly; other characters stay. Empty for the tone.
    #[must_use]
    pub fn script(&self, language: Language) -> String {
        match (self, self.spoken_in(language).written()) {
            (Self::Tone, _) => String::new(),
            (Self::Name(text), Written::Chinese) => zh_cn::spell_digits(&with_surnames(text)),
            (Self::Text(text), Written::Chinese) => zh_cn::spell_digits(text),
            (Self::Name(text) | Self::Text(text), Written::English) => en::spell_digits(text),
            (_, Written::Chinese) => zh_cn::said(self).1,
            (_, Written::English) => en::said(self),
        }
    }

    /// The language of the voice that says the clip: a name in Chinese characters is said in Chinese in every
    /// announcement, since no English voice can read it, and a name in Latin letters in English.
    #[must_use]
    pub fn spoken_in(&self, language: Language) -> Language {
        match self {
            Self::Name(text) | Self::Text(text) if text.chars().any(is_han) => {
                match language.written() {
                    Written::Chinese => language,
                    Written::English => Language::Chinese,
                }
            }
            Self::Name(text) if text.contains(|c: char| c.is_ascii_alphabetic()) => {
                Language::English
            }
            Self::Name(_) | Self::Text(_) => language,
            Self::Tone
            | Self::Phrase(_)
            | Self::Unit(_)
            | Self::Sign(_)
            | Self::Count(_)
            | Self::Number(_) => language,
        }
    }

    /// How long it takes to say, in milliseconds: estimated to about a tenth, for [`SCRIPT_WORDS_PER_MINUTE`] and
    /// without the silence at the ends. 0 for the tone, which is not said.
    #[must_use]
    pub fn estimate_ms(&self, language: Language) -> u32 {
        if *self == Self::Tone {
            return 0;
        }
        let script = self.script(language);
        match self.spoken_in(language).written() {
            Written::Chinese => zh_cn::estimate_ms(&script),
            Written::English => en::estimate_ms(&script),
        }
    }
}

/// Speed of espeak-ng (`-s`) for every script: calm, and an announcement stays within its time.
pub const SCRIPT_WORDS_PER_MINUTE: u16 = 200;

/// Chinese characters, without punctuation.
pub(super) fn is_han(character: char) -> bool {
    matches!(u32::from(character), 0x3007 | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x3FFFF)
}

/// FNV-1a, 64 bits. The hashers of std may differ between releases of Rust; file names must not.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
