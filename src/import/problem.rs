//! What is wrong with the files, cell by cell.

use lianfang_domain::phone::PhoneError;
use std::fmt;

/// Problems that are listed; more are counted. Nobody reads a longer list.
const LISTED_MAX: usize = 1000;

/// Something wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: &'static str,
    /// The line, from 1.
    pub line: u64,
    /// The column, by its English header.
    pub column: Option<&'static str>,
    /// What is wrong.
    pub reason: Reason,
}

/// What is wrong with a file or a cell.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Neither UTF-8 nor GB18030.
    #[error("the file is neither UTF-8 nor GB18030")]
    Encoding,
    /// The CSV itself is broken.
    #[error("the row is no CSV or has another number of cells than the header")]
    Row,
    /// A header that we do not know.
    #[error("unknown column {0:?}")]
    UnknownColumn(Box<str>),
    /// A column that is needed.
    #[error("the column is missing")]
    MissingColumn,
    /// Too short or too long.
    #[error("need {0} to {1} characters")]
    Length(usize, usize),
    /// Control characters.
    #[error("has control characters")]
    Control,
    /// No number, or out of range.
    #[error("need a number from {0} to {1}")]
    Count(u32, u32),
    /// Neither yes nor no.
    #[error("need yes or no (是, 否, 1, 0)")]
    Flag,
    /// A language without prompts.
    #[error("need zh-CN, en or a dialect such as nan (闽南语)")]
    Language,
    /// No IANA time zone.
    #[error("need a time zone such as Asia/Shanghai")]
    TimeZone,
    /// No area code.
    #[error("need an area code with its zero, such as 0592")]
    AreaCode,
    /// The area code of a community changes, but not all of its numbers are in the files.
    #[error(
        "the area code changes: lines.csv, contacts.csv, workers.csv and, where there are any, responders.csv are needed, too"
    )]
    AreaCodeAlone,
    /// No visit class.
    #[error("need week, month or half_year")]
    VisitClass,
    /// Not keys of a telephone.
    #[error("need codes of at most 16 keys with spaces between them")]
    Codes,
    /// No code of a post.
    #[error("need a code without blanks, such as A, B, leader or grid")]
    PostCode,
    /// Not one of the words.
    #[error("need one of {}", words(.0))]
    Word(&'static [(&'static str, &'static str)]),
    /// Skills.
    #[error("need at most 16 skills of 1 to 40 characters with ; between them, each once")]
    Skills,
    /// A helper helps one household, and nobody else does.
    #[error("a helper needs a household, and nobody else has one")]
    HelperHousehold,
    /// Too many who hold a post.
    #[error("has more than {0} names")]
    Holders(usize),
    /// A post has shifts that cannot be written in one cell.
    #[error("the post has shifts of its own: leave the cell empty and change them over the API")]
    HasShifts,
    /// No telephone number, or one that is never called.
    #[error("{0}")]
    Number(PhoneError),
    /// 110 and the like: nothing of ours ever calls them.
    #[error("this number is never called")]
    NeverCalled,
    /// Too many numbers.
    #[error("has more than {0} numbers")]
    Numbers(usize),
    /// Unknown word behind the slash.
    #[error("need /voice, /sms or /both behind a number")]
    Channels,
    /// No hash.
    #[error("need {0} hexadecimal digits")]
    Ha1(usize),
    /// The row's parent is neither in the files nor in the directory.
    #[error("there is no such entry in the directory or the files")]
    Unknown,
    /// The row is there twice.
    #[error("the same stands in line {0}")]
    Twice(u64),
    /// Another line of the directory has the number.
    #[error("another line has this number: account {0:?}")]
    NumberTaken(Box<str>),
}

fn words(words: &[(&str, &str)]) -> String {
    let words: Vec<String> = words.iter().map(|(en, zh)| format!("{en} ({zh})")).collect();
    words.join(", ")
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file, self.line)?;
        if let Some(column) = self.column {
            write!(f, "{column}: ")?;
        }
        write!(f, "{}", self.reason)
    }
}

/// All problems of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    listed: Vec<Problem>,
    total: u64,
}

impl Problems {
    pub(super) fn add(&mut self, problem: Problem) {
        self.total += 1;
        if self.listed.len() < LISTED_MAX {
            self.listed.push(problem);
        }
    }

    /// The first thousand.
    #[must_use]
    pub fn listed(&self) -> &[Problem] {
        &self.listed
    }

    /// How many there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.listed {
            writeln!(f, "{problem}")?;
        }
        let more = self.total - self.listed.len() as u64;
        if 0 < more {
            writeln!(f, "and {more} more")?;
        }
        write!(f, "{} problems; nothing was changed", self.total)
    }
}
