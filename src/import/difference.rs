//! What an import would change, row by row, for people to look at before it is applied.
//!
//! Numbers are masked. The digest is over everything that would be written and what it takes the place of: what is applied
//! is what was shown, or nothing.

use super::compare::{Comparison, TableChanges};
use super::table::{Noun, Table};
use super::{ImportError, ImportReport};
use crate::store::StoreError;
use crate::store::number::StoredNumber;
use lianfang_domain::phone::PhoneNumber;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, SqliteConnection};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};

/// Rows that are told; all are counted.
pub const ROWS_MAX: usize = 2000;

/// What an import would change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// How many rows of which table.
    pub report: ImportReport,
    /// Of everything that would be written, in hexadecimal.
    pub digest: String,
    /// The first [`ROWS_MAX`].
    pub rows: Vec<RowDifference>,
}

/// A row that an import would change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowDifference {
    /// The table.
    pub noun: Noun,
    /// How it would change.
    pub action: RowAction,
    /// Its name or account.
    pub name: String,
    /// The name of what it hangs below; none for a street.
    pub above: Option<String>,
    /// What differs.
    pub changes: Vec<Cell>,
}

/// How a row would change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowAction {
    /// It is new.
    Added,
    /// It differs.
    Changed,
    /// It is gone.
    Removed,
}

/// A value that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The column of the file, by its English header.
    pub column: &'static str,
    /// What it is.
    pub before: Option<String>,
    /// What it would be.
    pub after: Option<String>,
}

/// The digest of what would be written.
pub(super) fn digest(comparison: &Comparison) -> String {
    struct Hashing(Sha256);
    impl Write for Hashing {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.update(text);
            Ok(())
        }
    }
    let mut hash = Hashing(Sha256::new());
    let written = write!(hash, "{comparison:?}");
    debug_assert!(written.is_ok(), "a hash takes everything");
    hash.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A row as it is told, with the ids of what it names.
struct Told {
    noun: Noun,
    action: RowAction,
    above: u32,
    name: String,
    before: Vec<Value>,
    after: Vec<Value>,
}

/// Names of rows that others name by their ids.
type Names = BTreeMap<(Noun, u32), String>;

/// Tells the differences of a comparison.
pub(super) async fn tell(
    change: &mut SqliteConnection,
    comparison: &Comparison,
) -> Result<Difference, ImportError> {
    let mut told = Vec::new();
    for (noun, changes) in &comparison.tables {
        let room = ROWS_MAX.saturating_sub(told.len());
        told.extend(rows_of(*noun, changes).take(room));
    }
    let names = names_of(change, comparison, &told).await?;
    let row = |told: Told| RowDifference {
        noun: told.noun,
        action: told.action,
        above: told.noun.parent().and_then(|noun| names.get(&(noun, told.above)).cloned()),
        changes: cells(told.noun.table(), (&told.before, &told.after), &names),
        name: told.name,
    };
    let (report, digest) = (comparison.report(true), digest(comparison));
    Ok(Difference { report, digest, rows: told.into_iter().map(row).collect() })
}

fn rows_of(noun: Noun, changes: &TableChanges) -> impl Iterator<Item = Told> {
    let row = move |text: &String, action: RowAction, was: Option<&String>| {
        let (_, above, name, fields): (u32, u32, String, Vec<Value>) =
            serde_json::from_str(text).ok()?;
        let above = match (noun, fields.first().and_then(Value::as_u64)) {
            (Noun::Line, Some(household)) => household.try_into().unwrap_or_default(),
            (_, _) => above,
        };
        let was = was.and_then(|was| serde_json::from_str(was).ok()).unwrap_or_default();
        let (before, after) = match action {
            RowAction::Added | RowAction::Changed => (was, fields),
            RowAction::Removed => (fields, Vec::new()),
        };
        Some(Told { noun, action, above, name, before, after })
    };
    let added = changes.added.iter().filter_map(move |text| row(text, RowAction::Added, None));
    let changed = changes.changed.iter().zip(&changes.was);
    let changed = changed.filter_map(move |(text, was)| row(text, RowAction::Changed, Some(was)));
    let gone = changes.gone.iter().filter_map(move |text| row(text, RowAction::Removed, None));
    added.chain(changed).chain(gone)
}

/// The names of all rows that are told by their ids: from the database, and from the files for those that are new.
async fn names_of(
    change: &mut SqliteConnection,
    comparison: &Comparison,
    told: &[Told],
) -> Result<Names, ImportError> {
    let mut wanted: BTreeMap<Noun, BTreeSet<u32>> = BTreeMap::new();
    for row in told {
        if let Some(noun) = row.noun.parent() {
            wanted.entry(noun).or_default().insert(row.above);
        }
        let fields = row.noun.table().fields();
        for value in [&row.before, &row.after] {
            for (field, value) in fields.iter().zip(value) {
                let id = value.as_u64().and_then(|id| u32::try_from(id).ok());
                if let Some((noun, id)) = noun_of(field).zip(id) {
                    wanted.entry(noun).or_default().insert(id);
                }
            }
        }
    }
    let mut names = Names::new();
    for (noun, ids) in wanted {
        let table = noun.table();
        let sql = format!(
            "SELECT id, {} FROM {} WHERE id IN (SELECT value FROM json_each(?1))",
            table.key_sql(),
            table.name
        );
        let query = sqlx::query_as(AssertSqlSafe(sql)).bind(json!(ids).to_string());
        let rows: Vec<(u32, String)> =
            query.fetch_all(&mut *change).await.map_err(StoreError::Read)?;
        names.extend(rows.into_iter().map(|(id, name)| ((noun, id), name)));
        let added = comparison.tables.get(&noun).map_or(&[][..], |changes| &changes.added);
        let added = added.iter().filter_map(|text| {
            let (id, _, name, _): (u32, Value, String, Value) = serde_json::from_str(text).ok()?;
            ids.contains(&id).then_some(((noun, id), name))
        });
        names.extend(added);
    }
    Ok(names)
}

/// What a column names by an id.
fn noun_of(field: &str) -> Option<Noun> {
    match field {
        "grid_id" => Some(Noun::Grid),
        "household_id" => Some(Noun::Household),
        _ => None,
    }
}

fn cells(table: &Table, (before, after): (&[Value], &[Value]), names: &Names) -> Vec<Cell> {
    let place = |name: &str| table.fields().iter().position(|field| *field == name);
    // A number may be read anew and be written as before.
    let key = place("number_key");
    let is_read_anew = key.is_some_and(|key| before.get(key) != after.get(key));
    let cell = |(at, field): (usize, &&'static str)| {
        let (was, is) = (before.get(at), after.get(at));
        let differs = was != is || (*field == "number_written" && is_read_anew);
        let column = table.column_of(field).filter(|_| differs)?.0;
        let (before, after) = (shown(field, was, names), shown(field, is, names));
        (before.is_some() || after.is_some()).then_some(Cell { column, before, after })
    };
    table.fields().iter().enumerate().filter_map(cell).collect()
}

/// A value as files have it; numbers are masked.
fn shown(field: &str, value: Option<&Value>, names: &Names) -> Option<String> {
    let masked = |written: &str| PhoneNumber::from_parts(written, written).to_string();
    let id = |noun: Noun, id: u64| {
        let name = names.get(&(noun, u32::try_from(id).ok()?));
        Some(name.cloned().unwrap_or_else(|| format!("#{id}")))
    };
    let text = match value? {
        Value::Null => return None,
        Value::Number(number) => match (noun_of(field), number.as_u64()) {
            (Some(noun), Some(number)) => return id(noun, number),
            (_, _) if matches!(field, "is_silent" | "is_on_duty") => {
                return Some(if number.as_u64() == Some(0) { "no" } else { "yes" }.to_owned());
            }
            (_, _) => number.to_string(),
        },
        Value::String(text) => match field {
            "number_written" => masked(text),
            "numbers" => {
                let numbers: Vec<StoredNumber> = serde_json::from_str(text).unwrap_or_default();
                let number = |number: &StoredNumber| {
                    format!("{}/{}", masked(&number.written), super::export::channels(number))
                };
                numbers.iter().map(number).collect::<Vec<_>>().join("; ")
            }
            "alarm_codes" | "access_numbers" | "silent_codes" | "skills" => {
                serde_json::from_str::<Vec<String>>(text).unwrap_or_default().join(" ")
            }
            _ => text.clone(),
        },
        other @ (Value::Bool(_) | Value::Array(_) | Value::Object(_)) => other.to_string(),
    };
    (!text.is_empty()).then_some(text)
}
