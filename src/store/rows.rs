//! Many rows in few statements: values are bound, and each statement is prepared once for each of a few lengths.
//!
//! The same rows as one JSON text would be written here, parsed by SQLite, and texts in them written and parsed once
//! more: in a storm that took most of the time of a commit.

use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments as _, AssertSqlSafe, SqliteConnection};
use std::sync::Arc;

/// Rows of a statement. What a statement has more is filled with rows of nothing, which are left out.
const LENGTHS: [usize; 4] = [4, 16, 64, 256];

/// A value of a row.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cell<'a> {
    /// NULL.
    Nothing,
    /// An integer.
    Number(i64),
    /// A text, kept as it is.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
}

/// An INSERT of any number of rows with N values each. The first value of a row is never [`Cell::Nothing`].
#[derive(Debug)]
pub(super) struct Insert<const N: usize> {
    texts: [Arc<str>; LENGTHS.len()],
}

impl<const N: usize> Insert<N> {
    /// `into` is a table with its columns; `conflict` what is to be done about a row that is there, or nothing.
    pub(super) fn new(into: &str, conflict: &str) -> Self {
        let row = format!("({})", vec!["?"; N].join(", "));
        let texts = LENGTHS.map(|length| {
            let rows = vec![row.as_str(); length].join(", ");
            let text = format!(
                "INSERT INTO {into} SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL {conflict}"
            );
            text.into()
        });
        Self { texts }
    }

    /// Inserts the rows, in order; how many were not there before.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn run(
        &self,
        change: &mut SqliteConnection,
        rows: &[[Cell<'_>; N]],
    ) -> Result<u64, sqlx::Error> {
        let mut inserted = 0;
        let longest = LENGTHS.last().copied().unwrap_or(1);
        for rows in rows.chunks(longest) {
            let Some((length, text)) = self.fitting(rows.len()) else { continue };
            let mut arguments = SqliteArguments::default();
            bind(&mut arguments, rows, length)?;
            let query = sqlx::query_with(AssertSqlSafe(Arc::clone(text)), arguments);
            inserted += query.execute(&mut *change).await?.rows_affected();
        }
        Ok(inserted)
    }

    /// The shortest statement that takes so many rows, with its length.
    fn fitting(&self, rows: usize) -> Option<(usize, &Arc<str>)> {
        LENGTHS.into_iter().zip(&self.texts).find(|(length, _)| rows <= *length)
    }
}

/// Statements that go to the connection in one trip, each with what is bound to it. They take parameters as `?` alone.
#[derive(Default)]
pub(super) struct Batch {
    text: String,
    arguments: SqliteArguments,
}

impl Batch {
    /// Adds a statement.
    pub(super) fn statement(&mut self, sql: &str, cells: &[Cell<'_>]) -> Result<(), sqlx::Error> {
        self.text.push_str(sql);
        self.text.push_str(";\n");
        cells.iter().try_for_each(|cell| add(&mut self.arguments, *cell))
    }

    /// Adds an INSERT, unless there are no rows. False when they are more than one statement takes.
    pub(super) fn insert<const N: usize>(
        &mut self,
        insert: &Insert<N>,
        rows: &[[Cell<'_>; N]],
    ) -> Result<bool, sqlx::Error> {
        if rows.is_empty() {
            return Ok(true);
        }
        let Some((length, text)) = insert.fitting(rows.len()) else { return Ok(false) };
        self.statement(text, &[])?;
        bind(&mut self.arguments, rows, length)?;
        Ok(true)
    }

    /// Runs the statements one after another, up to the first that fails. None of them returns rows.
    ///
    /// # Errors
    /// That of the statement; [`sqlx::Error::WorkerCrashed`] when the thread of the connection ended before the last one,
    /// which without a word from that one looks like a good end.
    pub(super) async fn run(
        mut self,
        connection: &mut SqliteConnection,
    ) -> Result<(), sqlx::Error> {
        self.statement("SELECT 1", &[])?;
        let query = sqlx::query_with(AssertSqlSafe(self.text), self.arguments);
        let last = query.fetch_optional(connection).await?;
        last.map(drop).ok_or(sqlx::Error::WorkerCrashed)
    }
}

/// Binds the rows, and nothing for the rest of so many.
fn bind<const N: usize>(
    arguments: &mut SqliteArguments,
    rows: &[[Cell<'_>; N]],
    length: usize,
) -> Result<(), sqlx::Error> {
    let rest = std::iter::repeat_n(Cell::Nothing, length.saturating_sub(rows.len()) * N);
    rows.iter().flatten().copied().chain(rest).try_for_each(|cell| add(arguments, cell))
}

fn add(arguments: &mut SqliteArguments, cell: Cell<'_>) -> Result<(), sqlx::Error> {
    let added = match cell {
        Cell::Nothing => arguments.add(None::<i64>),
        Cell::Number(number) => arguments.add(number),
        Cell::Text(text) => arguments.add(text.to_owned()),
        Cell::Bytes(bytes) => arguments.add(bytes.to_owned()),
    };
    added.map_err(sqlx::Error::Encode)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::Connection as _;

    #[tokio::test]
    async fn a_batch_that_stops_halfway_is_none_that_ended_well() {
        let mut database = SqliteConnection::connect("sqlite::memory:").await.expect("opens");
        let mut batch = Batch::default();
        batch.statement("CREATE TABLE t (a INTEGER)", &[]).expect("is added");
        batch.statement("INSERT INTO t (a) VALUES (?)", &[Cell::Number(7)]).expect("is added");
        batch.run(&mut database).await.expect("runs");
        let mut batch = Batch::default();
        batch.statement("SELECT a FROM t WHERE a = ?", &[Cell::Number(8)]).expect("is added");
        batch.statement("INSERT INTO t (a) VALUES (?)", &[Cell::Number(8)]).expect("is added");
        batch.run(&mut database).await.expect("runs");
        let mut batch = Batch::default();
        batch.statement("INSERT INTO nowhere (a) VALUES (1)", &[]).expect("is added");
        batch.statement("INSERT INTO t (a) VALUES (9)", &[]).expect("is added");
        batch.run(&mut database).await.expect_err("there is no such table");
        let kept: Vec<i64> =
            sqlx::query_scalar("SELECT a FROM t").fetch_all(&mut database).await.expect("reads");
        assert_eq!(kept, [7, 8]);
    }

    #[tokio::test]
    async fn any_number_of_rows_arrives_once_and_in_order() {
        let mut database = SqliteConnection::connect("sqlite::memory:").await.expect("opens");
        sqlx::raw_sql("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT, c BLOB) STRICT")
            .execute(&mut database)
            .await
            .expect("is made");
        let insert = Insert::<3>::new("t (a, b, c)", "ON CONFLICT DO NOTHING");
        let mut wanted = 0;
        for length in [0, 1, 3, 4, 5, 16, 17, 64, 65, 256, 257, 700] {
            let keys: Vec<(i64, String)> = (wanted..wanted + length)
                .map(|key| (key, format!("{{\"a\":  \"{key}'\"}}")))
                .collect();
            let rows: Vec<_> = keys
                .iter()
                .map(|(key, text)| match key % 2 {
                    0 => [Cell::Number(*key), Cell::Text(text), Cell::Bytes(text.as_bytes())],
                    _ => [Cell::Number(*key), Cell::Nothing, Cell::Nothing],
                })
                .collect();
            let done = insert.run(&mut database, &rows).await.expect("is written");
            assert_eq!(i64::try_from(done), Ok(length));
            assert_eq!(insert.run(&mut database, &rows).await.expect("is written"), 0, "again");
            wanted += length;
        }
        let kept: Vec<(i64, Option<String>, Option<Vec<u8>>)> =
            sqlx::query_as("SELECT a, b, c FROM t ORDER BY rowid")
                .fetch_all(&mut database)
                .await
                .expect("is read");
        assert_eq!(i64::try_from(kept.len()), Ok(wanted));
        for (place, (key, text, bytes)) in (0..).zip(kept) {
            let wanted = (key % 2 == 0).then(|| format!("{{\"a\":  \"{key}'\"}}"));
            assert_eq!((key, text.as_ref()), (place, wanted.as_ref()));
            assert_eq!(bytes, wanted.map(String::into_bytes));
        }
    }
}
