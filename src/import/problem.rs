//! What is wrong with the files, cell by cell.

use lianfang_domain::directory::{Language, Written};
use lianfang_domain::phone::PhoneError;
use lianfang_domain::roster::RosterError;
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
    #[error(
        "need at most 16 codes of 1 to 8 keys of 0-9, * and # with spaces between them, each once"
    )]
    Codes,
    /// No numbers to call.
    #[error("need at most 16 numbers of 2 to 16 digits with spaces between them, each once")]
    AccessNumbers,
    /// No code for somebody at the door.
    #[error("need 2 to 8 keys of 0-9, * and # that begin with * or #, such as #97, or - for none")]
    ArrivalCode,
    /// A code that would be heard as another.
    #[error("is another code of the community, alone or with a digit behind it")]
    OtherCode,
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
    /// Excel made a date of what was typed.
    #[error("Excel took this for a date: format the column as text and type it again")]
    Date,
    /// A formula that failed.
    #[error("the formula of this cell fails")]
    Formula,
    /// The row belongs to where whoever imports may change nothing.
    #[error("this is not within what your account reaches")]
    OutOfReach,
    /// No hash.
    #[error("need {0} hexadecimal digits")]
    Ha1(usize),
    /// The row's parent is neither in the files nor in the directory.
    #[error("there is no such entry in the directory or the files")]
    Unknown,
    /// The row is there twice.
    #[error("the same stands in line {0}")]
    Twice(u64),
    /// A worker who goes is still in the duty roster.
    #[error("{0:?} would go and still has a turn in the duty roster: change the roster first")]
    OnDuty(Box<str>),
    /// The grid of a post or a responder goes, and they would stay.
    #[error("{0:?} stays and is for a grid that would go: give it another grid first")]
    GridGoes(Box<str>),
    /// A community that goes has what no file has.
    #[error(
        "{0:?} would go and has policies, rotations, holidays, recordings or a plan: delete them first"
    )]
    HasMore(Box<str>),
    /// The duty roster would be impossible.
    #[error("the duty roster would be impossible: {0}")]
    Roster(RosterError),
    /// Another line of the directory has the number.
    #[error("another line has this number{}", account(.0))]
    NumberTaken(Box<str>),
}

fn account(account: &str) -> String {
    if account.is_empty() { String::new() } else { format!(": account {account:?}") }
}

fn words(words: &[(&str, &str)]) -> String {
    let words: Vec<String> = words.iter().map(|(en, zh)| format!("{en} ({zh})")).collect();
    words.join(", ")
}

impl Reason {
    /// What is wrong, in a language.
    #[must_use]
    pub fn words(&self, language: Language) -> String {
        match language.written() {
            Written::English => self.to_string(),
            Written::Chinese => self.chinese(),
        }
    }

    fn chinese(&self) -> String {
        let fixed = match self {
            Self::UnknownColumn(name) => return format!("没有“{name}”这一列"),
            Self::Length(min, max) => return format!("须为 {min} 到 {max} 个字符"),
            Self::Count(min, max) => return format!("须为 {min} 到 {max} 的整数"),
            Self::Word(words) => {
                let words: Vec<&str> = words.iter().map(|(_, chinese)| *chinese).collect();
                return format!("须为以下之一：{}", words.join("、"));
            }
            Self::Holders(max) => return format!("不得超过 {max} 人"),
            Self::Numbers(max) => return format!("不得超过 {max} 个号码"),
            Self::Ha1(len) => return format!("须为 {len} 位十六进制数字"),
            Self::OnDuty(name) => {
                return format!("“{name}”将被删除，但值班表里还有其班次：请先改值班表");
            }
            Self::GridGoes(name) => return format!("“{name}”保留，但其网格将被删除：请先改其网格"),
            Self::HasMore(name) => {
                return format!(
                    "“{name}”将被删除，但还有规则、轮班、节假日、录音或平面图：请先删除这些"
                );
            }
            Self::Twice(line) => return format!("与第 {line} 行重复"),
            Self::NumberTaken(account) if !account.is_empty() => {
                return format!("另一条线路已用此号码：账号 {account}");
            }
            Self::NumberTaken(_) => "另一条线路已用此号码",
            Self::Encoding => "文件编码既不是 UTF-8 也不是 GB18030",
            Self::Row => "此行不是 CSV，或列数与表头不同",
            Self::MissingColumn => "缺少这一列",
            Self::Control => "不得含控制字符",
            Self::Flag => "须为 是 或 否（也可写 1、0、yes、no）",
            Self::Language => "须为 zh-CN、en，或方言如 nan（闽南语）",
            Self::TimeZone => "须为时区，如 Asia/Shanghai",
            Self::AreaCode => "须为带 0 的区号，如 0592",
            Self::AreaCodeAlone => {
                "区号变了：须同时提供线路、联系人、社区工作者（有响应人的还有响应人）各表"
            }
            Self::VisitClass => "须为 每周、每月 或 每半年",
            Self::Codes => {
                "须为以空格分隔的代码，最多 16 个，每个 1 到 8 个按键（0-9、*、#），不得重复"
            }
            Self::AccessNumbers => {
                "须为以空格分隔的号码，最多 16 个，每个 2 到 16 位数字，不得重复"
            }
            Self::ArrivalCode => "须以 * 或 # 开头，2 到 8 个按键，如 #97；不用则填 -",
            Self::OtherCode => "与本社区另一代码相同，或会被当成另一代码后加一位数字",
            Self::PostCode => "须为不含空格的代号，如 A、B、leader 或 grid",
            Self::Skills => "最多 16 项技能，以分号分隔，每项 1 到 40 字，不得重复",
            Self::HelperHousehold => "帮扶人须填所帮扶的联防户，其他人不填",
            Self::HasShifts => "此岗位另有班次：此格留空，班次在值班表里改",
            Self::Number(PhoneError::Empty) => "不是电话号码：没有数字",
            Self::Number(PhoneError::TooLong) => "不是电话号码：位数过多",
            Self::Number(PhoneError::Unreadable) => "不是电话号码：只能有数字、空格、括号和短横",
            Self::Number(PhoneError::NoAreaCode) => "号码没有区号，社区也没有填区号",
            Self::NeverCalled => "紧急或服务号码，本系统从不呼叫",
            Self::Channels => "号码后的用途须为 /语音、/短信、/全部 或 /停用",
            Self::Unknown => "目录和文件里都没有",
            Self::Date => "被 Excel 当成了日期：请把这一列设为文本格式，再重新填写",
            Self::Formula => "单元格的公式出错",
            Self::Roster(_) => "值班表将无法成立：请先改值班表",
            Self::OutOfReach => "不在您的管辖范围",
        };
        fixed.to_owned()
    }
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
