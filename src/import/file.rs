//! Reading a CSV file whatever made it: UTF-8 or GB18030, English or Chinese headers.

use super::Secrets;
use super::problem::{Problem, Problems, Reason};
use super::table::{Noun, Table};
use super::upload::{DATE_MARK, FORMULA_MARK};
use crate::store::nouns::{Community, CommunityDraft, Fault, FieldError, Noun as _};
use crate::store::number::{NUMBERS_MAX, StoredNumber, is_mobile};
use crate::store::secrets::ha1;
use encoding_rs::{Encoding, GB18030, UTF_8};
use lianfang_domain::directory::{DigestAlgorithm, Language};
use lianfang_domain::id::StreetId;
use lianfang_domain::phone::{Home, Normalised, may_be_called, normalise};
use lianfang_domain::reachability::VisitClass;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::ops::RangeInclusive;

/// What stands for no codes, where an empty cell means those that are usual.
pub(super) const NONE: &str = "-";
/// Columns that are read and written as they are. What people wrote anywhere else may begin like a formula.
const NEVER_FORMULAS: [&str; 6] =
    ["number", "numbers", "silent_codes", "arrival_code", "realm", "password"];

/// Skills of one responder, and characters of one.
const SKILLS_MAX: usize = 16;
const SKILL_LEN_MAX: usize = 40;
/// When somebody must hold a post.
const COVERS: [(&str, &str); 2] = [("always", "全天"), ("shifts", "按班次")];
/// What a responder is to the community.
const RESPONDER_KINDS: [(&str, &str); 7] = [
    ("helper", "帮扶人"),
    ("building_head", "楼长"),
    ("patrol", "巡逻队"),
    ("volunteer", "志愿者"),
    ("street", "街道值班"),
    ("hotline", "热线"),
    ("loudspeaker", "喇叭"),
];

/// Rows elsewhere that a row names beside its path.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    pub(super) grid: Option<u32>,
    pub(super) household: Option<u32>,
}

/// Several words in one cell, with `;` between them. What holds one itself stands as a JSON list, as an export writes it.
pub(super) fn list(cell: &str) -> Vec<String> {
    let as_json = cell.starts_with('[').then(|| serde_json::from_str(cell).ok()).flatten();
    as_json.unwrap_or_else(|| {
        let words = cell.split([';', '；']).map(str::trim).filter(|word| !word.is_empty());
        words.map(str::to_owned).collect()
    })
}

/// Whether an export puts an apostrophe before a text, which an import takes away: a spreadsheet would take the text for a
/// formula, or it is one with such an apostrophe itself.
pub(super) fn is_guarded(column: &str, text: &str) -> bool {
    let formulas = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];
    !NEVER_FORMULAS.contains(&column) && text.trim_start_matches('\'').starts_with(formulas)
}

/// The columns with codes and access numbers of a community, and what is wrong with a cell that has another form.
fn codes() -> [(&'static str, Reason); 4] {
    [
        ("alarm_codes", Reason::Codes),
        ("access_numbers", Reason::AccessNumbers),
        ("silent_codes", Reason::Codes),
        ("arrival_code", Reason::ArrivalCode),
    ]
}

/// The text of a file: UTF-8, UTF-16 with a mark, or else GB18030, which is what Excel writes in China.
pub(super) fn decode(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let (encoding, skip) = Encoding::for_bom(bytes).unwrap_or((UTF_8, 0));
    let bytes = bytes.get(skip..).unwrap_or_default();
    encoding
        .decode_without_bom_handling_and_without_replacement(bytes)
        .or_else(|| GB18030.decode_without_bom_handling_and_without_replacement(bytes))
}

/// Where the columns of a table stand in a file.
#[derive(Debug)]
pub(super) struct Header {
    table: &'static Table,
    places: Vec<(&'static str, Option<usize>)>,
}

impl Header {
    /// Reads the first line; `None` when a column is missing or unknown, which is reported.
    pub(super) fn read(
        table: &'static Table,
        record: &csv::StringRecord,
        problems: &mut Problems,
    ) -> Option<Self> {
        let file = table.noun.file();
        let before = problems.total();
        let known = |header: &str| {
            table.columns().find(|(en, zh)| header.eq_ignore_ascii_case(en) || header == *zh)
        };
        for header in record.iter().filter(|header| known(header).is_none()) {
            let reason = Reason::UnknownColumn(header.chars().take(40).collect());
            problems.add(Problem { file, line: 1, column: None, reason });
        }
        let place = |(en, _)| {
            let found = |header: &str| known(header).is_some_and(|known| known.0 == en);
            (en, record.iter().position(found))
        };
        let places: Vec<_> = table.columns().map(place).collect();
        for name in table.needed() {
            if places.iter().any(|place| place.0 == name && place.1.is_none()) {
                let reason = Reason::MissingColumn;
                problems.add(Problem { file, line: 1, column: Some(name), reason });
            }
        }
        (problems.total() == before).then_some(Self { table, places })
    }
}

/// The cells of one row. What is wrong with one is reported, and a stand-in used for the rest of the check.
pub(super) struct Cells<'a> {
    pub(super) header: &'a Header,
    pub(super) record: &'a csv::StringRecord,
    pub(super) problems: &'a mut Problems,
}

impl<'a> Cells<'a> {
    pub(super) fn line(&self) -> u64 {
        self.record.position().map_or(0, csv::Position::line)
    }

    pub(super) fn fail(&mut self, column: &'static str, reason: Reason) {
        let (file, line) = (self.header.table.noun.file(), self.line());
        self.problems.add(Problem { file, line, column: Some(column), reason });
    }

    /// Whether the row has what was typed: Excel makes dates of doors, and formulas fail.
    pub(super) fn are_cells(&mut self) -> bool {
        let before = self.problems.total();
        let header = self.header;
        for &(column, at) in &header.places {
            match at.and_then(|at| self.record.get(at)?.chars().next()) {
                Some(DATE_MARK) => self.fail(column, Reason::Date),
                Some(FORMULA_MARK) => self.fail(column, Reason::Formula),
                Some(_) | None => {}
            }
        }
        self.problems.total() == before
    }

    /// The text of a cell; empty where the file has no such column.
    pub(super) fn get(&self, column: &str) -> &'a str {
        let place = self.header.places.iter().find(|place| place.0 == column);
        let cell = place.and_then(|place| self.record.get(place.1?)).unwrap_or_default();
        cell.strip_prefix('\'').filter(|text| is_guarded(column, text)).unwrap_or(cell)
    }

    pub(super) fn path(&self) -> Vec<&'a str> {
        self.header.table.path().iter().map(|column| self.get(column.0)).collect()
    }

    /// Text of limited length without control characters.
    pub(super) fn text(&mut self, column: &'static str, len: RangeInclusive<usize>) -> &'a str {
        let text = self.get(column);
        if !len.contains(&text.chars().count()) {
            self.fail(column, Reason::Length(*len.start(), *len.end()));
        } else if text.chars().any(char::is_control) {
            self.fail(column, Reason::Control);
        }
        text
    }

    fn optional(&mut self, column: &'static str, len_max: usize) -> Option<&'a str> {
        Some(self.text(column, 0..=len_max)).filter(|text| !text.is_empty())
    }

    /// A number in a range; `None` for an empty cell.
    fn count(&mut self, column: &'static str, range: RangeInclusive<u32>) -> Option<u32> {
        let text = self.get(column);
        if text.is_empty() {
            return None;
        }
        let read = text.parse().ok().filter(|count| range.contains(count));
        if read.is_none() {
            self.fail(column, Reason::Count(*range.start(), *range.end()));
        }
        read
    }

    fn flag(&mut self, column: &'static str) -> u8 {
        match self.get(column).to_lowercase().as_str() {
            "" | "0" | "no" | "false" | "否" => 0,
            "1" | "yes" | "true" | "是" => 1,
            _ => {
                self.fail(column, Reason::Flag);
                0
            }
        }
    }

    fn language(&mut self) -> Option<&'static str> {
        let text = self.get("language");
        let read = Language::of_name(text);
        if read.is_none() && !text.is_empty() {
            self.fail("language", Reason::Language);
        }
        read.map(Language::tag)
    }

    fn visit_class(&mut self) -> Option<&'static str> {
        let text = self.get("visit_class");
        let read = match text {
            "每周" => Some(VisitClass::Week),
            "每月" => Some(VisitClass::Month),
            "每半年" => Some(VisitClass::HalfYear),
            name => VisitClass::of_name(name),
        };
        if read.is_none() && !text.is_empty() {
            self.fail("visit_class", Reason::VisitClass);
        }
        read.map(VisitClass::name)
    }

    /// Codes with blanks between them; `-` is none.
    fn codes(&self, column: &str, default: &[&str]) -> Vec<String> {
        let given: Vec<&str> = self.get(column).split_whitespace().collect();
        let codes = match &given[..] {
            [] => default,
            [NONE] => &[],
            codes => codes,
        };
        codes.iter().map(|&code| code.to_owned()).collect()
    }

    /// The values of a community. A code may be heard as another, so the checks are those of the API.
    fn community(&mut self) -> Vec<Value> {
        let zone = self.optional("time_zone", 64).unwrap_or("Asia/Shanghai");
        if jiff::tz::TimeZone::get(zone).is_err() {
            self.fail("time_zone", Reason::TimeZone);
        }
        let draft = CommunityDraft {
            street_id: StreetId(0),
            name: self.get("name").to_owned(),
            area_code: self.area_code().to_owned(),
            language: self.language().and_then(Language::of_tag).unwrap_or_default(),
            time_zone: zone.to_owned(),
            alarm_codes: self.codes("alarm_codes", &["#9", "*9"]),
            access_numbers: self.codes("access_numbers", &[]),
            silent_codes: self.codes("silent_codes", &["#9*"]),
            arrival_code: match self.get("arrival_code") {
                "" => "#97".to_owned(),
                NONE => String::new(),
                code => code.to_owned(),
            },
            hand_over_calls: false,
        };
        for FieldError { pointer, fault } in
            Community::values(&draft, None).err().unwrap_or_default()
        {
            let field = pointer.split('/').nth(1).unwrap_or_default();
            let reason = if fault == Fault::OtherCode { Some(Reason::OtherCode) } else { None };
            // All other columns were looked at before.
            if let Some((column, form)) = codes().into_iter().find(|known| known.0 == field) {
                self.fail(column, reason.unwrap_or(form));
            }
        }
        vec![
            json!(draft.area_code),
            json!(draft.language.tag()),
            json!(draft.time_zone),
            json!(json!(draft.alarm_codes).to_string()),
            json!(json!(draft.access_numbers).to_string()),
            json!(json!(draft.silent_codes).to_string()),
            json!(draft.arrival_code),
        ]
    }

    fn number(&mut self, column: &'static str, text: &str, home: &Home) -> Option<Normalised> {
        match normalise(text, home) {
            Ok(number) => Some(number),
            Err(error) => {
                self.fail(column, Reason::Number(error));
                None
            }
        }
    }

    /// Numbers in the order of calling: `13800000000;5551234/voice`.
    fn numbers(&mut self, home: &Home) -> String {
        let column = "numbers";
        let mut numbers = Vec::new();
        for text in self.get(column).split([';', '；']).filter(|text| !text.trim().is_empty()) {
            let (text, channels) = text.rsplit_once('/').unwrap_or((text, ""));
            let Some(Normalised { number, to_confirm, .. }) =
                self.number(column, text.trim(), home)
            else {
                continue;
            };
            if !may_be_called(&number) {
                self.fail(column, Reason::NeverCalled);
            }
            let (voice, sms) = match channels.trim() {
                "" => (true, is_mobile(number.key())),
                "both" | "全部" => (true, true),
                "voice" | "语音" => (true, false),
                "sms" | "短信" => (false, true),
                "none" | "停用" => (false, false),
                _ => {
                    self.fail(column, Reason::Channels);
                    continue;
                }
            };
            let (key, written) = (number.key().into(), number.written().into());
            numbers.push(StoredNumber { key, written, voice, sms, to_confirm });
        }
        if NUMBERS_MAX < numbers.len() {
            self.fail(column, Reason::Numbers(NUMBERS_MAX));
        }
        json!(numbers).to_string()
    }

    /// The home area code, checked.
    pub(super) fn area_code(&mut self) -> &'a str {
        let text = self.get("area_code");
        let digits = text.strip_prefix('0').unwrap_or_default();
        let is_area_code = (2..=4).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0');
        if !is_area_code {
            self.fail("area_code", Reason::AreaCode);
        }
        text
    }

    /// The values of the other columns of the table, in its order.
    pub(super) fn fields(&mut self, parent: u32, home: &Home, place: Place) -> Vec<Value> {
        match self.header.table.noun {
            Noun::Street | Noun::Grid => Vec::new(),
            Noun::Community => self.community(),
            Noun::Group => {
                vec![json!(self.count("acknowledgements_wanted", 1..=20).unwrap_or(2))]
            }
            Noun::Household => vec![
                json!(self.text("place", 0..=60)),
                json!(self.text("building", 0..=60)),
                json!(self.text("unit", 0..=60)),
                json!(self.text("floor", 0..=60)),
                json!(self.text("door", 0..=60)),
                json!(self.optional("pronunciation", 200)),
                json!(self.count("position", 0..=65535).unwrap_or(0)),
                json!(self.language()),
                json!(self.visit_class()),
            ],
            Noun::Line => {
                let number = self.number("number", self.get("number"), home);
                let (key, written, to_confirm) = number.map_or_else(Default::default, |number| {
                    let (key, written) = (number.number.key(), number.number.written());
                    (key.to_owned(), written.to_owned(), number.to_confirm)
                });
                let grace = self.count("hotline_grace_s", 0..=60);
                let silent = self.flag("silent");
                vec![
                    json!(parent),
                    json!(key),
                    json!(written),
                    json!(u8::from(to_confirm)),
                    json!(grace),
                    json!(silent),
                ]
            }
            Noun::Contact => {
                let rank = self.count("rank", 0..=255).unwrap_or(0);
                vec![json!(rank), json!(self.language()), json!(self.numbers(home))]
            }
            Noun::Worker => {
                let on_duty = self.flag("on_duty");
                vec![json!(on_duty), json!(self.language()), json!(self.numbers(home))]
            }
            Noun::Post => self.post(place),
            Noun::Responder => self.responder(home, place),
        }
    }

    fn post(&mut self, place: Place) -> Vec<Value> {
        let code = self.text("code", 1..=32);
        if code.chars().any(char::is_whitespace) {
            self.fail("code", Reason::PostCode);
        }
        vec![json!(code), json!(place.grid), json!(self.word("cover", &COVERS, "always"))]
    }

    fn responder(&mut self, home: &Home, place: Place) -> Vec<Value> {
        let kind = self.word("kind", &RESPONDER_KINDS, "");
        if (kind == "helper") == self.get("helps_household").is_empty() {
            self.fail("helps_household", Reason::HelperHousehold);
        }
        vec![
            json!(kind),
            json!(self.skills()),
            json!(self.optional("building", 60)),
            json!(place.grid),
            json!(place.household),
            json!(self.language()),
            json!(self.numbers(home)),
        ]
    }

    /// One of some words, in English or Chinese, as it is stored; `default` for an empty cell, unless that is empty too.
    fn word(
        &mut self,
        column: &'static str,
        words: &'static [(&'static str, &'static str)],
        default: &'static str,
    ) -> &'static str {
        let text = self.get(column);
        let is_meant = |(en, zh): &&(&str, &str)| text.eq_ignore_ascii_case(en) || text == *zh;
        match words.iter().find(is_meant) {
            Some((word, _)) => word,
            None if text.is_empty() && !default.is_empty() => default,
            None => {
                self.fail(column, Reason::Word(words));
                default
            }
        }
    }

    fn skills(&mut self) -> String {
        let skills = list(self.get("skills"));
        let is_skill = |skill: &String| {
            let len = skill.chars().count();
            (1..=SKILL_LEN_MAX).contains(&len) && !skill.chars().any(char::is_control)
        };
        let is_twice = (1..)
            .zip(&skills)
            .any(|(next, skill)| skills.iter().skip(next).any(|one| one == skill));
        if SKILLS_MAX < skills.len() || !skills.iter().all(is_skill) || is_twice {
            self.fail("skills", Reason::Skills);
        }
        json!(skills).to_string()
    }

    /// HA1 per algorithm, given or made from the password, with the realm; empty when the row has none.
    pub(super) fn secrets(&mut self, realm: &str) -> Secrets {
        let password = self.get("password");
        let realm = self.optional("realm", 100).unwrap_or(realm).to_owned();
        let mut hashes = Vec::new();
        let columns =
            [(DigestAlgorithm::Md5, "ha1_md5", 32), (DigestAlgorithm::Sha256, "ha1_sha256", 64)];
        for (algorithm, column, len) in columns {
            let given = self.get(column).to_ascii_lowercase();
            if !password.is_empty() {
                hashes.push((algorithm, ha1(algorithm, self.get("account"), &realm, password)));
            } else if given.len() == len && given.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                hashes.push((algorithm, given));
            } else if !given.is_empty() {
                self.fail(column, Reason::Ha1(len));
            }
        }
        Secrets { realm, hashes }
    }
}
