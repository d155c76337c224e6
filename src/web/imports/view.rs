//! An import as whoever sent it sees it, in their language.

use super::{Job, JobState};
use crate::import::{
    Cell, Changes, ImportReport, Noun, Problem, RowAction, RowDifference, UploadError,
};
use crate::web::words;
use lianfang_domain::directory::{Language, Written};
use serde::Serialize;
use utoipa::ToSchema;

/// Which rows or mistakes are shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    after: usize,
    limit: usize,
}

impl Page {
    pub(super) fn of(after: u32, limit: u32) -> Self {
        let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        Self { after: size(after), limit: size(limit) }
    }

    pub(super) fn first() -> Self {
        Self::of(0, super::LIMIT)
    }

    fn of_list<T>(self, all: &[T]) -> (&[T], Option<usize>) {
        let rest = all.get(self.after..).unwrap_or_default();
        let page = rest.get(..self.limit.min(rest.len())).unwrap_or_default();
        let next = self.after.saturating_add(page.len());
        (page, (next < all.len()).then_some(next))
    }
}

/// An import.
#[derive(Serialize, ToSchema)]
pub(super) struct ImportView {
    /// Its id.
    id: String,
    /// `comparing`, `ready`, `unreadable`, `faulty`, `applying`, `applied`, `cancelled` or `failed`.
    state: &'static str,
    /// SHA-256 of what was sent.
    fingerprint: String,
    /// Whether rows that are not in a file go.
    replace: bool,
    /// The directory was edited since it was last shown: this is the difference anew.
    is_anew: bool,
    /// Rows that are done, while it is read or written.
    done: u64,
    /// Rows that there are to do.
    of: u64,
    /// How many rows of which file.
    files: Vec<FileView>,
    /// Lines whose secrets are new or differ.
    secrets: usize,
    /// Posts that somebody else holds round the clock.
    posts_held: usize,
    /// A page of the first 2,000 rows that would change; numbers are masked.
    rows: Vec<RowView>,
    /// A page of the first 1,000 mistakes.
    problems: Vec<ProblemView>,
    /// How many mistakes there are.
    problems_total: u64,
    /// Why nothing can be read.
    detail: Option<String>,
    /// `after` of the next page; null on the last one.
    next: Option<usize>,
    /// The change in the history that it is, once it is applied.
    change_id: Option<i64>,
}

/// The changes of one file.
#[derive(Serialize, ToSchema)]
struct FileView {
    /// Its name, such as `households.csv`; the sheet of a workbook is called the same without `.csv`.
    file: &'static str,
    /// What it is about, in the language of the reader.
    label: &'static str,
    /// Rows that are new.
    added: usize,
    /// Rows that differ.
    changed: usize,
    /// Rows that go.
    removed: usize,
    /// Rows that stay as they are.
    unchanged: usize,
}

/// A row that would change.
#[derive(Serialize, ToSchema)]
struct RowView {
    /// The file.
    file: &'static str,
    /// What it is about, in the language of the reader.
    label: &'static str,
    /// `added`, `changed` or `removed`.
    action: &'static str,
    /// Its name or account.
    name: String,
    /// The name of what it hangs below.
    above: Option<String>,
    /// What differs.
    changes: Vec<CellView>,
}

/// A value that differs.
#[derive(Serialize, ToSchema)]
struct CellView {
    /// The column, by its English header.
    column: &'static str,
    /// Its header in the language of the reader.
    label: &'static str,
    /// What it is.
    before: Option<String>,
    /// What it would be.
    after: Option<String>,
}

/// Something wrong in a file or sheet.
#[derive(Serialize, ToSchema)]
struct ProblemView {
    /// The file or sheet.
    file: &'static str,
    /// What it is about, in the language of the reader.
    label: &'static str,
    /// The row, from 1; the header is the first.
    row: u64,
    /// The column, by its English header.
    column: Option<&'static str>,
    /// Its header in the language of the reader.
    column_label: Option<&'static str>,
    /// What is wrong.
    detail: String,
}

impl ImportView {
    pub(super) fn of(job: &Job, language: Language, page: Page) -> Self {
        let (done, of) = job.progress.rows();
        let mut view = Self {
            id: job.id.clone(),
            state: "",
            fingerprint: job.fingerprint.clone(),
            replace: job.replace,
            is_anew: false,
            done,
            of,
            files: Vec::new(),
            secrets: 0,
            posts_held: 0,
            rows: Vec::new(),
            problems: Vec::new(),
            problems_total: 0,
            detail: None,
            next: None,
            change_id: None,
        };
        view.state = match &*job.state() {
            JobState::Comparing => "comparing",
            JobState::Ready(difference, is_anew) => {
                view.is_anew = *is_anew;
                view.report(&difference.report, language);
                let (rows, next) = page.of_list(&difference.rows);
                view.rows = rows.iter().map(|row| row_view(row, language)).collect();
                view.next = next;
                "ready"
            }
            JobState::Unreadable(error) => {
                view.detail = Some(unreadable(*error, language));
                "unreadable"
            }
            JobState::Faulty(problems) => {
                let (listed, next) = page.of_list(problems.listed());
                view.problems = listed.iter().map(|one| problem_view(one, language)).collect();
                view.problems_total = problems.total();
                view.next = next;
                "faulty"
            }
            JobState::Applying(difference) => {
                view.report(&difference.report, language);
                "applying"
            }
            JobState::Applied(report, change) => {
                view.report(report, language);
                view.change_id = *change;
                "applied"
            }
            JobState::Cancelled => "cancelled",
            JobState::Failed => "failed",
        };
        view
    }

    fn report(&mut self, report: &ImportReport, language: Language) {
        let file = |(noun, changes): &(Noun, Changes)| FileView {
            file: noun.file(),
            label: label(*noun, language),
            added: changes.added,
            changed: changes.changed,
            removed: changes.removed,
            unchanged: changes.unchanged,
        };
        self.files = report.changes.iter().map(file).collect();
        (self.secrets, self.posts_held) = (report.secrets, report.posts_held);
    }
}

fn label(noun: Noun, language: Language) -> &'static str {
    match language.written() {
        Written::Chinese => noun.chinese(),
        Written::English => noun.file().strip_suffix(".csv").unwrap_or(noun.file()),
    }
}

fn header(noun: Noun, column: &'static str, language: Language) -> &'static str {
    match language.written() {
        Written::Chinese => noun.header_in_chinese(column).unwrap_or(column),
        Written::English => column,
    }
}

fn row_view(row: &RowDifference, language: Language) -> RowView {
    let cell = |cell: &Cell| CellView {
        column: cell.column,
        label: header(row.noun, cell.column, language),
        before: cell.before.clone(),
        after: cell.after.clone(),
    };
    RowView {
        file: row.noun.file(),
        label: label(row.noun, language),
        action: match row.action {
            RowAction::Added => "added",
            RowAction::Changed => "changed",
            RowAction::Removed => "removed",
        },
        name: row.name.clone(),
        above: row.above.clone(),
        changes: row.changes.iter().map(cell).collect(),
    }
}

fn problem_view(problem: &Problem, language: Language) -> ProblemView {
    let noun = Noun::ALL.into_iter().find(|noun| noun.file() == problem.file);
    ProblemView {
        file: problem.file,
        label: noun.map_or(problem.file, |noun| label(noun, language)),
        row: problem.line,
        column: problem.column,
        column_label: problem.column.zip(noun).map(|(column, noun)| header(noun, column, language)),
        detail: problem.reason.words(language),
    }
}

/// Why what was sent is no import, and what to do.
pub(in crate::web) fn unreadable(error: UploadError, language: Language) -> String {
    use words::in_language;
    match error {
        UploadError::Damaged => in_language!(
            language,
            "文件已损坏，无法打开。请重新保存后再上传。",
            "The file is damaged and cannot be opened. Save it again and send it again."
        ),
        UploadError::OldWorkbook => in_language!(
            language,
            "这是旧版 Excel 文件（.xls）或加了密码。请不设密码另存为 .xlsx 再上传。",
            "This is a file of an older Excel (.xls) or has a password. Save it as .xlsx without a password."
        ),
        UploadError::TooLarge => in_language!(
            language,
            "文件最大 16 MiB，解开后最大 128 MiB。请按社区分几次导入。",
            "A file has at most 16 MiB, and 128 MiB unpacked. Import one community after the other."
        ),
        UploadError::NoFiles => in_language!(
            language,
            "没有认得的文件或工作表。文件名须如 households.csv，工作表名须如 households 或 联防户。",
            "No file or sheet has a known name. Files are named like households.csv, sheets like households or 联防户."
        ),
        UploadError::Twice(noun) => {
            let (chinese, english) = (noun.chinese(), noun.file());
            in_language!(
                language,
                "“{chinese}”给了两份，请只留一份。",
                "{english} is there twice. Send it once."
            )
        }
    }
}
