//! Compares the files with the directory: what is new, what differs, what goes.

use super::file::{Cells, Header, decode};
use super::holders::{self, Held, Holding};
use super::known::{Known, Within};
use super::named;
use super::problem::{Problem, Problems, Reason};
use super::table::{Noun, Table};
use super::{Changes, ImportError, ImportOptions, ImportReport, Progress, Secrets};
use crate::store::StoreError;
use lianfang_domain::directory::DigestAlgorithm;
use lianfang_domain::id::CommunityId;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, SqliteConnection};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Rows that are read or written by one statement.
pub(super) const ROWS_AT_ONCE: u32 = 20_000;

/// What changes in one table. Rows are JSON arrays: id, parent, key, fields.
#[derive(Debug, Default)]
pub(super) struct TableChanges {
    pub(super) added: Vec<String>,
    pub(super) changed: Vec<String>,
    /// The fields of what changes, as they are.
    pub(super) was: Vec<String>,
    pub(super) removed: Vec<u32>,
    /// What is removed, as rows.
    pub(super) gone: Vec<String>,
    unchanged: usize,
}

/// Everything that changes.
#[derive(Debug)]
pub(super) struct Comparison {
    pub(super) tables: BTreeMap<Noun, TableChanges>,
    /// Line, realm, algorithm, HA1.
    pub(super) secrets: Vec<(u32, String, &'static str, String)>,
    pub(super) communities: BTreeSet<CommunityId>,
    /// Who holds posts round the clock, where that changes.
    pub(super) holdings: Vec<Holding>,
}

impl Comparison {
    pub(super) fn is_change(&self) -> bool {
        let is_change = |changes: &TableChanges| {
            !(changes.added.is_empty() && changes.changed.is_empty() && changes.removed.is_empty())
        };
        let has_more = !self.secrets.is_empty() || !self.holdings.is_empty();
        has_more || self.tables.values().any(is_change)
    }

    pub(super) fn report(&self, dry_run: bool) -> ImportReport {
        let changes = self.tables.iter().map(|(noun, changes)| {
            let counts = Changes {
                added: changes.added.len(),
                changed: changes.changed.len(),
                removed: changes.removed.len(),
                unchanged: changes.unchanged,
            };
            (*noun, counts)
        });
        let lines: BTreeSet<u32> = self.secrets.iter().map(|secret| secret.0).collect();
        ImportReport {
            changes: changes.collect(),
            secrets: lines.len(),
            posts_held: self.holdings.len(),
            dry_run,
        }
    }
}

/// A row of the database.
#[derive(Debug)]
struct Existing {
    id: u32,
    /// The other columns as JSON.
    fields: String,
    is_wanted: bool,
}

type ExistingRows = BTreeMap<(u32, Box<str>), Existing>;

/// Compares everything. All problems are found before it fails.
pub(super) async fn compare(
    change: &mut SqliteConnection,
    files: &[(Noun, Vec<u8>)],
    (options, within, progress): (&ImportOptions, Within, &Progress),
) -> Result<Comparison, ImportError> {
    progress.begin(files.iter().map(|(_, text)| lines_of(text)).sum());
    let mut work = Work {
        options,
        within,
        progress,
        problems: Problems::default(),
        known: Known::default(),
        secrets: Vec::new(),
        communities: BTreeSet::new(),
        has_all_numbers: has_all_numbers(change, files).await?,
        held: Held::read(change).await?,
    };
    let mut tables = BTreeMap::new();
    for noun in Noun::ALL {
        let existing = read_existing(change, noun.table()).await?;
        let bytes = files.iter().find(|file| file.0 == noun).map(|file| &*file.1);
        let next_id = next_id(change, noun.table()).await?;
        tables.insert(noun, work.compare_table(noun, existing, bytes, next_id));
        progress.go_on()?;
    }
    let shifts: Vec<i64> = holders::changed(work.held.changes()).collect();
    named::refuse(change, &tables, (&shifts, &mut work.problems)).await?;
    if 0 < work.problems.total() {
        return Err(ImportError::Problems(work.problems));
    }
    let secrets = only_new(change, work.secrets).await?;
    let mut communities = work.communities;
    communities.extend(secrets.iter().filter_map(|secret| work.known.community_of_line(secret.0)));
    let holdings = work.held.into_changes();
    Ok(Comparison { tables, secrets, communities, holdings })
}

fn lines_of(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte == b'\n').count()
}

struct Work<'a> {
    options: &'a ImportOptions,
    within: Within,
    progress: &'a Progress,
    problems: Problems,
    known: Known,
    secrets: Vec<(u32, Secrets)>,
    communities: BTreeSet<CommunityId>,
    /// Lines, contacts and workers are all in the files, so every number is read anew.
    has_all_numbers: bool,
    held: Held,
}

async fn has_all_numbers(
    change: &mut SqliteConnection,
    files: &[(Noun, Vec<u8>)],
) -> Result<bool, ImportError> {
    const HAS_RESPONDERS: &str = "SELECT EXISTS (SELECT 1 FROM responder)";
    let has = |noun: Noun| files.iter().any(|file| file.0 == noun);
    let asked = sqlx::query_scalar(HAS_RESPONDERS).fetch_one(change).await;
    let has_responders: bool = asked.map_err(StoreError::Read)?;
    let all = [Noun::Line, Noun::Contact, Noun::Worker].into_iter().all(has);
    Ok(all && (has(Noun::Responder) || !has_responders))
}

/// A table while it is compared.
struct Comparing {
    noun: Noun,
    existing: ExistingRows,
    changes: TableChanges,
    next_id: u32,
    /// Rows of the file by parent and key: in which line.
    seen: HashMap<(u32, Box<str>), u64>,
    /// Lines of the file by number: account and in which line.
    numbers: HashMap<String, (Box<str>, u64)>,
}

impl Work<'_> {
    fn compare_table(
        &mut self,
        noun: Noun,
        existing: ExistingRows,
        bytes: Option<&[u8]>,
        next_id: u32,
    ) -> TableChanges {
        let mut table = Comparing {
            noun,
            existing,
            changes: TableChanges::default(),
            next_id,
            seen: HashMap::new(),
            numbers: HashMap::new(),
        };
        if let Some(bytes) = bytes {
            self.read_file(&mut table, bytes);
        }
        self.go_through_the_others(&mut table, bytes.is_some());
        table.changes
    }

    /// Rows of the database that the file does not have: they stay, or go.
    fn go_through_the_others(&mut self, table: &mut Comparing, has_file: bool) {
        let noun = table.noun;
        let others = table.existing.iter().filter(|(_, row)| !row.is_wanted);
        for ((parent, key), row) in others {
            let fields: Vec<Value> = serde_json::from_str(&row.fields).unwrap_or_default();
            let above = if noun == Noun::Line { first_id(&fields) } else { *parent };
            let place = self.known.place_of(noun, (above, row.id));
            let is_left_out = has_file && self.options.replace && self.within.covers(place);
            if is_left_out || self.known.is_orphan(noun, above, &fields) {
                table.changes.removed.push(row.id);
                table.changes.gone.push(json!([row.id, above, key, fields]).to_string());
                self.known.note_removed(noun, (above, row.id));
                self.communities.extend(self.known.place_below(noun, above).community);
                continue;
            }
            if self.known.is_for_a_removed_grid(noun, &fields) {
                let (file, reason) = (noun.file(), Reason::GridGoes(key.clone()));
                self.problems.add(Problem { file, line: 1, column: Some("grid"), reason });
            }
            table.changes.unchanged += usize::from(self.within.shows(place));
            self.known.note(noun, (above, key, row.id), &fields);
            let number = fields.get(1).and_then(Value::as_str).unwrap_or_default();
            if let (Noun::Line, Some((_, line))) = (noun, table.numbers.get(number)) {
                let account = if self.within.shows(place) { key.clone() } else { "".into() };
                let reason = Reason::NumberTaken(account);
                let (file, column) = (noun.file(), Some("number"));
                self.problems.add(Problem { file, line: *line, column, reason });
            }
        }
    }

    fn read_file(&mut self, table: &mut Comparing, bytes: &[u8]) {
        let file = table.noun.file();
        let fail = |line, reason| Problem { file, line, column: None, reason };
        let Some(text) = decode(bytes) else {
            self.problems.add(fail(1, Reason::Encoding));
            return;
        };
        let mut reader = csv::ReaderBuilder::new();
        let mut reader = reader.trim(csv::Trim::All).flexible(true).from_reader(text.as_bytes());
        let width;
        let header = match reader.headers() {
            Ok(header) => {
                width = header.len();
                Header::read(table.noun.table(), header, &mut self.problems)
            }
            Err(_) => {
                self.problems.add(fail(1, Reason::Row));
                return;
            }
        };
        let Some(header) = header else { return };
        for record in reader.records() {
            if self.progress.is_cancelled() {
                return;
            }
            self.progress.step(1);
            match record {
                Ok(record) if record.iter().all(str::is_empty) => {}
                Ok(record) if record.len() != width => {
                    let line = record.position().map_or(0, csv::Position::line);
                    self.problems.add(fail(line, Reason::Row));
                }
                Ok(record) => self.read_row(table, &header, &record),
                Err(error) => {
                    let line = error.position().map_or(0, csv::Position::line);
                    self.problems.add(fail(line, Reason::Row));
                }
            }
        }
    }

    fn read_row(&mut self, table: &mut Comparing, header: &Header, record: &csv::StringRecord) {
        let noun = table.noun;
        let key_column = noun.table().key.0;
        let mut cells = Cells { header, record, problems: &mut self.problems };
        if !cells.are_cells() {
            return;
        }
        let line = cells.line();
        let path = cells.path();
        let above = self.known.resolve(&path).and_then(|above| {
            let is_shown = self.within.shows(self.known.place_below(noun, above));
            if is_shown { Ok(above) } else { Err(path.len().saturating_sub(1)) }
        });
        let above = match above {
            Ok(above) => above,
            Err(depth) => {
                let column = noun.table().path().get(depth).map_or(key_column, |column| column.0);
                cells.fail(column, Reason::Unknown);
                return;
            }
        };
        let key = cells.text(key_column, 1..=noun.table().key_len_max());
        let parent = if noun == Noun::Line { 0 } else { above };
        if let Some(first) = table.seen.insert((parent, key.into()), line) {
            cells.fail(key_column, Reason::Twice(first));
            return;
        }
        let community = self.known.place_below(noun, above).community;
        let place = self.known.place(noun, &mut cells);
        let fields = cells.fields(above, &self.known.home(community), place);
        let secrets = (noun == Noun::Line).then(|| cells.secrets(&self.options.realm));
        let number = fields.get(1).and_then(Value::as_str).unwrap_or_default().to_owned();
        if noun == Noun::Line
            && let Some((_, first)) = table.numbers.insert(number, (key.into(), line))
        {
            cells.fail("number", Reason::Twice(first));
        }
        let was_at = table.household_of(key);
        let is_new = !table.existing.contains_key(&(parent, key.into()));
        let (id, is_different) = table.take(parent, key, &fields);
        if noun == Noun::Community
            && !self.has_all_numbers
            && let Some(before) = table.existing.get(&(parent, key.into()))
            && before.area_code() != fields.first().cloned()
        {
            cells.fail("area_code", Reason::AreaCodeAlone);
        }
        self.known.note(noun, (above, key, id), &fields);
        if let Some(secrets) = secrets.filter(|secrets| !secrets.hashes.is_empty()) {
            self.secrets.push((id, secrets));
        }
        let is_held_anew = noun == Noun::Post && {
            let mut cells = Cells { header, record, problems: &mut self.problems };
            self.held.compare((id, above), &mut cells, &self.known)
        };
        if !is_different && !is_held_anew {
            return;
        }
        let own = if noun == Noun::Community { Some(CommunityId(id)) } else { community };
        self.communities.extend(own);
        let below = self.known.place_below(noun, above);
        let own = if is_new { below } else { self.known.place_of(noun, (above, id)) };
        let left = was_at.map_or(own, |household| self.known.place_of_household(household));
        if !(self.within.covers(own) && self.within.covers(left)) {
            let mut cells = Cells { header, record, problems: &mut self.problems };
            cells.fail(key_column, Reason::OutOfReach);
        }
    }
}

impl Comparing {
    /// The household that a line of the database has.
    fn household_of(&self, account: &str) -> Option<u32> {
        let row = self.existing.get(&(0, account.into())).filter(|_| self.noun == Noun::Line)?;
        Some(first_id(&serde_json::from_str::<Vec<Value>>(&row.fields).ok()?))
    }

    /// Compares a row of the file with the one of the database; returns its id and whether they differ.
    fn take(&mut self, parent: u32, key: &str, fields: &[Value]) -> (u32, bool) {
        let text = Value::from(fields).to_string();
        let Some(row) = self.existing.get_mut(&(parent, key.into())) else {
            let id = self.next_id;
            self.next_id += 1;
            self.changes.added.push(json!([id, parent, key, fields]).to_string());
            return (id, true);
        };
        row.is_wanted = true;
        let is_different = row.fields != text;
        if is_different {
            self.changes.changed.push(json!([row.id, parent, key, fields]).to_string());
            self.changes.was.push(row.fields.clone());
        } else {
            self.changes.unchanged += 1;
        }
        (row.id, is_different)
    }
}

impl Existing {
    fn area_code(&self) -> Option<Value> {
        serde_json::from_str::<Vec<Value>>(&self.fields).ok()?.into_iter().next()
    }
}

fn first_id(fields: &[Value]) -> u32 {
    fields.first().and_then(Value::as_u64).and_then(|id| u32::try_from(id).ok()).unwrap_or_default()
}

async fn next_id(change: &mut SqliteConnection, table: &Table) -> Result<u32, ImportError> {
    const NEXT: &str = "SELECT coalesce(max(seq), 0) + 1 FROM sqlite_sequence WHERE name = ?1";
    let next = sqlx::query_scalar(NEXT).bind(table.name).fetch_one(change).await;
    next.map_err(|error| StoreError::Read(error).into())
}

async fn read_existing(
    change: &mut SqliteConnection,
    table: &'static Table,
) -> Result<ExistingRows, ImportError> {
    let end = next_id(change, table).await?;
    let mut rows = ExistingRows::new();
    let mut from = 0;
    while from < end {
        let to = from.saturating_add(ROWS_AT_ONCE);
        let query = sqlx::query_scalar(AssertSqlSafe(table.select())).bind(from).bind(to);
        let text: String = query.fetch_one(&mut *change).await.map_err(StoreError::Read)?;
        let read: Vec<(u32, u32, Box<str>, Value)> = serde_json::from_str(&text)
            .map_err(|error| ImportError::Decode { table: table.name, source: error.into() })?;
        for (id, parent, key, fields) in read {
            let row = Existing { id, fields: fields.to_string(), is_wanted: false };
            rows.insert((parent, key), row);
        }
        from = to;
    }
    Ok(rows)
}

/// Leaves out the secrets that the database has already.
async fn only_new(
    change: &mut SqliteConnection,
    wanted: Vec<(u32, Secrets)>,
) -> Result<Vec<(u32, String, &'static str, String)>, ImportError> {
    const HAS: &str =
        "SELECT json_group_array(json_array(line_id, realm, algorithm, ha1)) FROM line_secret";
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let text: String = sqlx::query_scalar(HAS).fetch_one(change).await.map_err(StoreError::Read)?;
    let has: BTreeSet<(u32, String, String, String)> = serde_json::from_str(&text)
        .map_err(|error| ImportError::Decode { table: "line_secret", source: error.into() })?;
    let mut new = Vec::new();
    for (line, Secrets { realm, hashes }) in wanted {
        for (algorithm, ha1) in hashes {
            let algorithm = match algorithm {
                DigestAlgorithm::Md5 => "MD5",
                DigestAlgorithm::Sha256 => "SHA-256",
            };
            if !has.contains(&(line, realm.clone(), algorithm.to_owned(), ha1.clone())) {
                new.push((line, realm.clone(), algorithm, ha1));
            }
        }
    }
    Ok(new)
}
