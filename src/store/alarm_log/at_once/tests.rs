use super::*;
use crate::store::Store;
use crate::store::alarm_log::commit::{Committer, Mode, Trail, write};
use crate::store::alarm_log::tests::{closed, raised, ringing};
use crate::store::alarm_log::{Beginning, NewEvents};
use crate::store::audit::{self, Chain};
use lianfang_domain::id::AlarmId;
use proptest::prelude::*;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// Everything but the salts, and the hashes that come of them.
const ALL: [&str; 5] = [
    "SELECT * FROM alarm ORDER BY id",
    "SELECT * FROM alarm_event ORDER BY alarm_id, sequence",
    "SELECT alarm_id, revision, plan, length(salt) FROM alarm_plan ORDER BY alarm_id, revision",
    "SELECT * FROM alarm_beginning ORDER BY alarm_id",
    "SELECT sequence, at_us, actor, action, noun, row_id, number, count FROM audit
        WHERE action <> 'begin' ORDER BY sequence",
];

struct Bench {
    folder: TempDir,
    store: Store,
}

impl Bench {
    async fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).await.expect("opens");
        Self { folder, store }
    }

    async fn tries(&self, news: &[NewEvents], head: Option<Head>) -> Option<Head> {
        let records = encoded(news);
        let records: Vec<&Record> = records.iter().collect();
        match commit(self.store.alarms(), &records, head).await.expect("can be written") {
            Tried::Committed(head) => Some(head),
            Tried::Unusual => None,
        }
    }

    async fn row_by_row(&self, news: &[NewEvents]) {
        let records = encoded(news);
        let records: Vec<&Record> = records.iter().collect();
        let mut change = self.store.alarms().write().await.expect("begins");
        let written = write(&mut change, &records, Mode::New, Trail::Kept).await;
        assert!(written.expect("is written").refused.is_empty());
        change.commit().await.expect("commits");
    }

    async fn sql(&self, sql: &'static str) {
        let done = sqlx::raw_sql(sql).execute(&self.store.alarms().writer).await;
        done.expect("is done");
    }

    async fn head(&self) -> Option<Head> {
        audit::head(self.store.alarms()).await.expect("reads")
    }

    /// Everything that is kept.
    async fn all(&self) -> Vec<String> {
        let mut found = Vec::new();
        for sql in ALL {
            let rows = sqlx::query(sql).fetch_all(self.store.alarms().reader()).await;
            found.extend(rows.expect("reads").iter().map(|row| format!("{row:?}")));
        }
        found
    }

    async fn close(self) {
        self.store.close().await;
        is_whole(self.folder.path()).await;
    }
}

async fn is_whole(folder: &Path) {
    let files = audit::AuditFiles::in_folder(folder);
    let mut database = files.open(Chain::Alarms).await.expect("opens");
    let verified = audit::verify(&mut database, Chain::Alarms, &[], &mut |_| {}).await;
    let verified = verified.expect("reads");
    assert!(verified.is_whole(), "{verified}");
}

fn encoded(news: &[NewEvents]) -> Vec<Record> {
    news.iter().map(|new| Record::new(new).expect("encodes")).collect()
}

fn begun(alarm: u64, sequence: u32) -> NewEvents {
    let ringing = ringing(alarm, sequence);
    let beginning = Beginning { heard: ringing.at, committed: Some(ringing.at) };
    NewEvents { beginning: Some(beginning), ..ringing }
}

/// The next alarm of a line of which one is open.
fn following(alarm: u64, line: u32, before: u64) -> NewEvents {
    let mut raised = raised(alarm, line, &format!("press {alarm}"));
    if let Some(opened) = &mut raised.opened {
        opened.follows = Some(AlarmId(before));
    }
    raised
}

#[tokio::test]
async fn all_that_alarms_go_through_is_committed_at_once_as_row_by_row() {
    let (at_once, row_by_row) = (Bench::open().await, Bench::open().await);
    let turns: [&[NewEvents]; 5] = [
        &[raised(1, 1, "one"), raised(2, 2, "two"), ringing(1, 3)],
        &[begun(1, 4), ringing(2, 3), ringing(1, 5)],
        &[following(3, 1, 1), closed(2, 4)],
        &[closed(1, 6), raised(4, 2, "again"), begun(3, 3), closed(3, 4)],
        &[ringing(4, 3)],
    ];
    let mut head = None;
    for news in turns {
        head = Some(at_once.tries(news, head).await.expect("as it should be"));
        assert_eq!(head, at_once.head().await, "it knows where the trail ends");
        row_by_row.row_by_row(news).await;
    }
    assert_eq!(at_once.all().await, row_by_row.all().await);
    at_once.close().await;
    row_by_row.close().await;
}

#[tokio::test]
async fn of_what_is_unusual_nothing_stays_and_the_next_commit_goes_as_ever() {
    let bench = Bench::open().await;
    let opened = [raised(1, 1, "one"), raised(2, 2, "two")];
    let head = bench.tries(&opened, None).await.expect("as it should be");
    let before = bench.all().await;
    let stale = Head { sequence: head.sequence - 1, ..head };
    let foreign = Head { hash: audit::Hash::NONE, ..head };
    let far = Head { sequence: head.sequence + 1, ..head };
    let many: Vec<NewEvents> = (3..=260).map(|sequence| ringing(1, sequence)).collect();
    let unusual: [(&str, &[NewEvents], Head); 11] = [
        ("an event again", &[ringing(1, 3), ringing(1, 3)], head),
        ("an event that is there", &[ringing(2, 3), ringing(1, 1)], head),
        ("an alarm again", &[ringing(2, 3), raised(1, 9, "nine")], head),
        ("a press again", &[ringing(2, 3), raised(3, 9, "one")], head),
        ("a line again", &[ringing(2, 3), raised(3, 1, "three")], head),
        ("closed twice", &[closed(1, 3), closed(1, 4)], head),
        ("closed and never open", &[closed(2, 3), closed(7, 3)], head),
        ("too many", &many, head),
        ("the trail went back", &[ringing(1, 3)], stale),
        ("the trail went on", &[ringing(1, 3)], far),
        ("another trail", &[ringing(1, 3)], foreign),
    ];
    for (name, news, head) in unusual {
        assert!(bench.tries(news, Some(head)).await.is_none(), "{name}");
        assert_eq!(bench.all().await, before, "{name}");
    }
    bench.tries(&[ringing(1, 3), closed(2, 3)], Some(head)).await.expect("as it should be");
    bench.close().await;
}

#[tokio::test]
async fn somebody_else_may_write_into_the_trail() {
    let bench = Bench::open().await;
    let mut committer = Committer::new(bench.store.alarms().clone());
    let opening = encoded(&[raised(1, 1, "one")]);
    committer.commit(&[&opening[0]], Mode::New).await.expect("commits");
    let mut change = bench.store.alarms().write().await.expect("begins");
    audit::chain_erasures(&mut change, &[(1, 1)], 5).await.expect("is chained");
    sqlx::query("DELETE FROM alarm_plan").execute(&mut *change).await.expect("is erased");
    change.commit().await.expect("commits");
    for sequence in 3..6 {
        let next = encoded(&[ringing(1, sequence)]);
        let committed = committer.commit(&[&next[0]], Mode::New).await.expect("commits");
        assert_eq!((committed.conflicts, committed.unchained), (0, 0));
        assert!(committed.trail_error.is_none());
    }
    bench.close().await;
}

#[tokio::test]
async fn without_a_trail_or_without_its_measure_an_alarm_is_kept() {
    for table in ["audit", "alarm_beginning"] {
        let bench = Bench::open().await;
        let mut committer = Committer::new(bench.store.alarms().clone());
        let opening = encoded(&[raised(1, 1, "one")]);
        committer.commit(&[&opening[0]], Mode::New).await.expect("commits");
        bench
            .sql(match table {
                "audit" => "ALTER TABLE audit RENAME TO hidden",
                _ => "DROP TABLE alarm_beginning",
            })
            .await;
        let next = encoded(&[begun(1, 3)]);
        let committed = committer.commit(&[&next[0]], Mode::New).await.expect("commits");
        assert_eq!(committed.unchained, 1, "{table}");
        assert!(committed.trail_error.is_some(), "{table}");
        bench.store.close().await;
    }
}

#[tokio::test]
async fn a_commit_that_is_given_up_leaves_no_transaction_behind() {
    let bench = Bench::open().await;
    let other = Store::open(bench.folder.path()).await.expect("opens");
    let lock = other.alarms().write().await.expect("locks");
    let records = encoded(&[raised(1, 1, "one")]);
    let records: Vec<&Record> = records.iter().collect();
    let waiting = commit(bench.store.alarms(), &records, None);
    tokio::time::timeout(Duration::from_millis(100), waiting).await.expect_err("it is locked");
    drop(lock);
    other.close().await;
    bench.store.alarms().write().await.expect("begins").commit().await.expect("commits");
    // The thread of the database may have had it all, or nothing.
    let kept = bench.all().await;
    if kept.is_empty() {
        bench.tries(&[raised(1, 1, "one")], None).await.expect("as it should be");
    }
    bench.close().await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever comes in whatever order: at once or not, the same is kept and told.
    #[test]
    fn committing_is_the_same_either_way(
        turns in prop::collection::vec(prop::collection::vec((0_u8..5, 1_u64..4, 1_u32..4), 1..5), 1..8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let (mine, other) = (Bench::open().await, Bench::open().await);
            let mut committer = Committer::new(mine.store.alarms().clone());
            for turn in turns {
                let news: Vec<NewEvents> = turn.into_iter().map(|(what, alarm, number)| match what {
                    0 => raised(alarm, number, &format!("press {alarm}")),
                    1 => closed(alarm, number + 2),
                    2 => begun(alarm, number + 2),
                    3 => following(alarm + 3, number, alarm),
                    _ => ringing(alarm, number + 2),
                }).collect();
                let records = encoded(&news);
                let records: Vec<&Record> = records.iter().collect();
                let one = committer.commit(&records, Mode::New).await.expect("commits");
                let mut change = other.store.alarms().write().await.expect("begins");
                let two = write(&mut change, &records, Mode::New, Trail::Kept).await.expect("is written");
                change.commit().await.expect("commits");
                assert_eq!(one.refused, two.refused);
                assert_eq!((one.conflicts, one.unchained), (two.conflicts, two.unchained));
            }
            assert_eq!(mine.all().await, other.all().await);
            mine.close().await;
            other.close().await;
        });
    }
}
