//! Sheets: CSV (RFC 4180) that a spreadsheet opens as it is and takes for nothing else than text and numbers.

use crate::web::problem::ApiError;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use lianfang_domain::directory::{Language, Written};
use lianfang_domain::report::{Figures, Late, Spread};

/// Spreadsheets take a file without this mark for one in an older code.
const MARK: &str = "\u{feff}";

/// The columns of figures, in Chinese and English.
const COLUMNS: [(&str, &str); 16] = [
    ("报警", "alarms"),
    ("未结案", "open"),
    ("属实", "genuine"),
    ("误报", "false_alarms"),
    ("测试", "tests"),
    ("不明", "unknown"),
    ("误报率%", "false_percent"),
    ("无人前往", "nobody_came"),
    ("演练", "drills"),
    ("有时限的报警", "late_judged"),
    ("接警超时", "late_accepted"),
    ("到场超时", "late_arrived"),
    ("结案超时", "late_closed"),
    ("应回访", "follow_ups"),
    ("已回访", "followed_up"),
    ("回访超时", "follow_ups_late"),
];
/// The columns of times: how many, and three percentiles in milliseconds.
const TIMES: [(&str, &str); 5] = [
    ("首次响铃", "first_ring"),
    ("首次按键", "first_key"),
    ("表示前往", "coming"),
    ("到场", "arrived"),
    ("结案", "closed"),
];

/// A sheet that is being written.
pub(super) struct Sheet {
    rows: csv::Writer<Vec<u8>>,
}

impl Sheet {
    /// A sheet with these names above its columns.
    pub(super) fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, ApiError> {
        let mut sheet = Self { rows: csv::Writer::from_writer(MARK.as_bytes().to_vec()) };
        sheet.row(names.into_iter().map(str::to_owned))?;
        Ok(sheet)
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: impl Iterator<Item = String>) -> Result<(), ApiError> {
        let written = self.rows.write_record(cells);
        written.map_err(|error| ApiError::Internal(error.into()))
    }

    /// The answer with the sheet as a file of this name.
    pub(super) fn answer(self, name: &str) -> Result<Response, ApiError> {
        let bytes = self.rows.into_inner().map_err(|error| {
            ApiError::Internal(std::io::Error::from(error.error().kind()).into())
        })?;
        let headers = [
            (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
            (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.csv\"")),
            (header::VARY, "accept, accept-language".to_owned()),
        ];
        Ok((headers, bytes).into_response())
    }
}

/// Text that people wrote, so that no spreadsheet takes it for a formula.
pub(super) fn text(written: &str) -> String {
    let begins = written.trim_start_matches([' ', '\u{3000}']).chars().next();
    let is_formula = matches!(
        begins,
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠' | '|' | '%')
    );
    if is_formula { format!("'{written}") } else { written.to_owned() }
}

/// A number, or nothing.
pub(super) fn number(number: Option<impl ToString>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

/// One of two words.
pub(super) fn word(
    (chinese, english): (&'static str, &'static str),
    language: Language,
) -> &'static str {
    match language.written() {
        Written::Chinese => chinese,
        Written::English => english,
    }
}

/// The names of the columns of figures.
pub(super) fn names(language: Language) -> Vec<String> {
    let plain = COLUMNS.iter();
    let mut names: Vec<String> = plain.map(|column| word(*column, language).to_owned()).collect();
    for times in TIMES {
        let time = word(times, language);
        let count = word(("有记录的报警", "count"), language);
        names.push(format!("{time}_{count}"));
        let ms = word(("毫秒", "ms"), language);
        names.extend(["p50", "p90", "p99"].map(|percent| format!("{time}_{percent}_{ms}")));
    }
    names
}

/// The cells of figures, in the order of their names.
pub(super) fn cells(figures: &Figures) -> Vec<String> {
    let Late { judged, accepted, arrived, closed, follow_ups, followed_up, follow_ups_late } =
        figures.late;
    let mut cells = vec![
        figures.alarms.to_string(),
        figures.open.to_string(),
        figures.genuine.to_string(),
        figures.false_alarms.to_string(),
        figures.tests.to_string(),
        figures.unknown.to_string(),
        number(figures.false_percent()),
        figures.nobody_came.to_string(),
        figures.drills.to_string(),
    ];
    let late = [judged, accepted, arrived, closed, follow_ups, followed_up, follow_ups_late];
    cells.extend(late.map(|count| count.to_string()));
    for Spread { count, p50, p90, p99 } in
        [figures.first_ring, figures.first_key, figures.coming, figures.arrived, figures.closed]
    {
        cells.push(count.to_string());
        cells.extend([p50, p90, p99].map(number));
    }
    cells
}

/// Whether the client wants a sheet rather than JSON.
pub(super) fn is_wanted(headers: &HeaderMap) -> Result<bool, ApiError> {
    use crate::web::guard::{accepts_json, weight_of};
    let sheet = weight_of(headers, "text/csv");
    let json = weight_of(headers, "application/json");
    match () {
        () if 0.0 < sheet && json <= sheet => Ok(true),
        () if accepts_json(headers) => Ok(false),
        () => Err(ApiError::NotAcceptable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn no_name_becomes_a_formula() {
        let check = |written: &str, wanted: &str| assert_eq!(text(written), wanted, "{written}");
        check("康乐社区", "康乐社区");
        check("", "");
        check("3-2-502", "3-2-502");
        check("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0");
        check("+86", "'+86");
        check("-1", "'-1");
        check("@SUM(A1)", "'@SUM(A1)");
        check("\t=1", "'\t=1");
        check("\r=1", "'\r=1");
        check("  =1", "'  =1");
        check("　＝1", "'　＝1");
    }

    #[test]
    fn figures_have_as_many_cells_as_names() {
        let cells = cells(&Figures::default());
        for language in [Language::Chinese, Language::English] {
            assert_eq!(names(language).len(), cells.len());
        }
        assert_eq!(cells.len(), 16 + 20);
    }

    proptest! {
        #[test]
        fn a_sheet_is_read_as_it_was_written(
            rows in proptest::collection::vec(proptest::collection::vec(".*", 3), 0..8),
        ) {
            let mut sheet = Sheet::new(["a", "b", "c"]).expect("a sheet");
            for row in &rows {
                sheet.row(row.iter().map(|cell| text(cell))).expect("a row");
            }
            let bytes = sheet.rows.into_inner().expect("bytes");
            let mut reader = csv::Reader::from_reader(&bytes[MARK.len()..]);
            let read: Vec<Vec<String>> = reader
                .records()
                .map(|row| row.expect("a row").iter().map(str::to_owned).collect())
                .collect();
            prop_assert_eq!(read.len(), rows.len());
            for (read, written) in read.iter().zip(&rows) {
                for (read, written) in read.iter().zip(written) {
                    let quoted = format!("'{written}");
                    prop_assert!(read == written || *read == quoted);
                    prop_assert!(!read.starts_with(['=', '+', '-', '@', '\t', '\r']));
                }
            }
        }
    }
}
