use super::chain::append;
use super::entry::NewEntry;
use super::*;
use crate::clock::Clock;
use crate::store::alarm_log::tests::{closed, raised, ringing};
use crate::store::alarm_log::{AlarmLog, LogOptions, NewEvents};
use crate::store::nouns::{self, Household, Line, Street};
use crate::store::secrets::{Hashes, make_line_secret};
use crate::store::tokens::{self, NewToken, Scope};
use crate::store::{Store, migrations};
use crate::tasks::Tasks;
use jiff::Timestamp;
use lianfang_domain::id::{LineId, StreetId};
use proptest::prelude::*;
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection};
use std::path::Path;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(20);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("a time")
}

fn opened(alarm: u64) -> NewEvents {
    raised(alarm, u32::try_from(alarm).expect("few"), &alarm.to_string())
}

/// A service with three alarms, of which the first is closed, and a street that was edited.
struct Town {
    folder: tempfile::TempDir,
}

impl Town {
    async fn new() -> Self {
        let town = Self { folder: tempfile::tempdir().expect("a folder") };
        town.live(async |store, log| {
            let batch = vec![opened(1), opened(2), opened(3), ringing(1, 3), ringing(2, 3)];
            log.append(batch).expect("is taken").await.expect("is kept");
            let batch = vec![ringing(1, 4), closed(1, 5), ringing(2, 4), ringing(2, 5)];
            log.append(batch).expect("is taken").await.expect("is kept");
            edit(store).await;
        })
        .await;
        town
    }

    /// Runs the service for a while.
    async fn live(&self, what: impl AsyncFnOnce(&Store, &AlarmLog)) {
        let store = Store::open(self.path()).await.expect("opens");
        let tasks = Tasks::new(tokio::runtime::Handle::current(), CancellationToken::new());
        let options = LogOptions::in_folder(&self.path().join("journal"));
        let (log, _) =
            AlarmLog::start(&store, &options, &Clock::system(), &tasks).await.expect("starts");
        what(&store, &log).await;
        assert!(tasks.stop(PATIENCE).await);
        store.close().await;
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    async fn verify(&self, chain: Chain, anchors: &[Anchor]) -> Verified {
        verify_in(self.path(), chain, anchors).await
    }

    async fn head(&self, chain: Chain) -> Head {
        let mut database = AuditFiles::in_folder(self.path()).open(chain).await.expect("opens");
        let head = head_on(&mut database).await.expect("reads").expect("has a head");
        database.close().await.expect("closes");
        head
    }

    /// Changes a database as somebody would who has the file.
    async fn tamper(&self, chain: Chain, sql: &str) {
        let mut database = raw(&AuditFiles::in_folder(self.path()).path(chain)).await;
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut database).await.expect(sql);
        // One that is dropped is closed some time later, beside whoever opens the file next.
        database.close().await.expect("closes");
    }
}

async fn raw(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path).foreign_keys(false);
    options.create_if_missing(true).connect().await.expect("opens")
}

async fn verify_in(folder: &Path, chain: Chain, anchors: &[Anchor]) -> Verified {
    let mut database = AuditFiles::in_folder(folder).open(chain).await.expect("opens");
    let verified = verify(&mut database, chain, anchors, &mut |_| {}).await.expect("reads");
    database.close().await.expect("closes");
    verified
}

fn street(name: &str) -> nouns::StreetDraft {
    serde_json::from_value(serde_json::json!({ "name": name })).expect("a draft")
}

fn by(store: &Store) -> Editor<'_> {
    store.directory().edited_by("token:admin", at(60))
}

async fn edit(store: &Store) {
    let editor = by(store);
    let made = nouns::create::<Street>(&editor, &street("筼筜")).await.expect("is made");
    nouns::update::<Street>(&editor, made.id, 1, &street("嘉莲")).await.expect("is replaced");
    let other = nouns::create::<Street>(&editor, &street("开元")).await.expect("is made");
    nouns::delete::<Street>(&editor, other.id, 1).await.expect("goes");
    let mut change = editor.write().await.expect("begins");
    for (table, sql) in [
        (
            "community",
            "INSERT INTO community (id, street_id, name, area_code) VALUES (1, 1, 'c', '0592')",
        ),
        ("grid", "INSERT INTO grid (id, community_id, name) VALUES (1, 1, 'g')"),
        ("household_group", "INSERT INTO household_group (id, grid_id, name) VALUES (1, 1, 'g')"),
    ] {
        sqlx::query(sql).execute(&mut *change).await.expect(sql);
        let rows = ImportedRows { added: vec![1], ..ImportedRows::default() };
        editor.enter_rows(&mut change, table, &rows).await.expect("is entered");
    }
    let version = crate::store::snapshot::count_edit(&mut change, &[]).await.expect("counts");
    editor.enter_import(&mut change, 3, version).await.expect("is entered");
    change.commit().await.expect("commits");
    let household = serde_json::from_str(r#"{"group_id":1,"name":"陈阿姨","door":"502"}"#);
    let household = nouns::create::<Household>(&editor, &household.expect("a draft")).await;
    let household = household.expect("is made").id;
    let line = format!(r#"{{"household_id":{household},"number":"5551234","account":"a1"}}"#);
    let line = serde_json::from_str(&line).expect("a draft");
    nouns::create::<Line>(&editor, &line).await.expect("is made");
    make_line_secret(&editor, "a1", "r", Hashes::Both).await.expect("is made");
    let token = NewToken { name: "pbx".to_owned(), scope: Scope::Trigger, expires: None };
    tokens::create(&editor, &token).await.expect("is made");
    tokens::revoke(&editor, "pbx").await.expect("is revoked");
}

#[tokio::test]
async fn a_trail_is_whole_as_it_was_written() {
    let town = Town::new().await;
    for chain in Chain::ALL {
        let verified = town.verify(chain, &[]).await;
        assert!(verified.is_whole(), "{verified}");
        let head = town.head(chain).await;
        assert_eq!((verified.head, verified.entries), (Some(head), head.sequence));
        let anchor = Anchor { chain: Some(chain), head };
        let noted: Anchor = format!("{chain}:{head}").parse().expect("a head");
        assert_eq!(noted, anchor);
        assert!(town.verify(chain, &[anchor]).await.is_whole());
        let bare: Anchor = head.to_string().parse().expect("a head");
        assert_eq!(town.verify(chain, &[bare]).await.met, [head]);
    }
    // It goes on where it was.
    town.live(async |_, log| {
        log.append(vec![ringing(3, 3)]).expect("is taken").await.expect("is kept");
    })
    .await;
    assert!(town.verify(Chain::Alarms, &[]).await.is_whole());
}

#[tokio::test]
async fn no_entry_names_or_numbers_anybody() {
    let town = Town::new().await;
    for chain in Chain::ALL {
        let mut database = AuditFiles::in_folder(town.path()).open(chain).await.expect("opens");
        for entry in entries_on(&mut database, 0, 1000).await.expect("reads") {
            let told = serde_json::to_string(&EntryView::new(chain, entry)).expect("writes");
            for secret in ["陈", "5551234", "文园", "502", "筼筜"] {
                assert!(!told.contains(&format!("\"{secret}")), "{told}");
            }
        }
    }
}

/// Somebody changes something; the verification says what and where.
#[tokio::test]
async fn every_tampering_is_found_and_named() {
    let alarms = &[
        ("UPDATE alarm_event SET event = replace(event, '\"leg\":3', '\"leg\":4') WHERE alarm_id = 2 AND sequence = 3",
            "events 3 to 3 are not those"),
        ("UPDATE alarm_event SET at_us = at_us + 1 WHERE alarm_id = 1 AND sequence = 4", "events 4 to 4 are not"),
        ("DELETE FROM alarm_event WHERE alarm_id = 2 AND sequence = 2", "of events 1 to 2, entered as"),
        ("DELETE FROM alarm_event WHERE alarm_id = 2 AND sequence = 4", "of events 4 to 4, entered as"),
        ("DELETE FROM alarm_event WHERE alarm_id = 3", "of events 1 to 2, entered as"),
        ("INSERT INTO alarm_event SELECT alarm_id, 6, at_us, schema_version, event FROM alarm_event
            WHERE alarm_id = 2 AND sequence = 5", "event 6 was never entered"),
        ("UPDATE alarm_event SET event = (SELECT other.event FROM alarm_event AS other
            WHERE other.alarm_id = 2 AND other.sequence = 9 - alarm_event.sequence)
            WHERE alarm_id = 2 AND sequence IN (4, 5)", "events 4 to 4 are not those"),
        ("UPDATE alarm_event SET sequence = 77 WHERE alarm_id = 2 AND sequence = 5", "event 77 was never entered"),
        ("UPDATE alarm SET line_id = 9 WHERE id = 2", "its line, time or press is not"),
        ("UPDATE alarm SET closed_us = NULL WHERE id = 1", "its end is not what was entered"),
        ("UPDATE alarm SET closed_us = 5 WHERE id = 2", "its end is not what was entered"),
        ("DELETE FROM alarm WHERE id = 3", "is missing, entered as"),
        ("INSERT INTO alarm (id, line_id, raised_us, idempotency_key) VALUES (9, 9, 9, '9')", "was never entered"),
        ("UPDATE alarm_plan SET plan = replace(plan, '陈', '王') WHERE alarm_id = 1", "plan 1 is not what was entered"),
        ("UPDATE alarm_plan SET salt = zeroblob(32) WHERE alarm_id = 1", "plan 1 is not what was entered"),
        ("DELETE FROM alarm_plan WHERE alarm_id = 1", "its erasure was never entered"),
        ("INSERT INTO alarm_plan (alarm_id, revision, plan) VALUES (1, 2, '{}')", "plan 2 was never entered"),
        ("UPDATE audit SET actor = 'token:other' WHERE sequence = 4", "entry 4 was changed"),
        ("UPDATE audit SET at_us = at_us - 1 WHERE sequence = 1", "entry 1 was changed"),
        ("UPDATE audit SET content = zeroblob(32) WHERE sequence = 4", "entry 4 was changed"),
        ("DELETE FROM audit WHERE sequence = 5", "entries 5 to 5 are missing"),
        ("DELETE FROM audit WHERE sequence = 1", "entries 1 to 1 are missing"),
        ("DELETE FROM audit", "the chain has no beginning"),
        ("UPDATE audit SET sequence = -4 WHERE sequence = 4", ""),
    ];
    let directory = &[
        ("UPDATE street SET name = '湖滨'", "street 1 is not what its last edit made of it"),
        ("DELETE FROM household", "household 1 is missing"),
        ("INSERT INTO street (id, name) VALUES (2, '开元')", "street 2 was deleted"),
        ("INSERT INTO street (name) VALUES ('新')", "0 rows are older than the trail, 1 are"),
        ("UPDATE line SET account = 'b'", "line 1 is not what"),
        ("UPDATE line_secret SET ha1 = 'x'", "line 1 is not what"),
        ("UPDATE api_token SET revoked_us = NULL", "api_token 1 is not what"),
        ("UPDATE api_token SET scope = 'admin'", "api_token 1 is not what"),
        ("DELETE FROM audit_salt WHERE noun = 'street'", "street 1 is not what"),
        (
            "UPDATE directory_version SET version = version + 1",
            "with edits that were never entered",
        ),
        ("UPDATE audit SET actor = 'token:other' WHERE sequence = 3", "entry 3 was changed"),
    ];
    let town = Town::new().await;
    for (chain, cases) in [(Chain::Alarms, alarms.as_slice()), (Chain::Directory, directory)] {
        let path = AuditFiles::in_folder(town.path()).path(chain);
        let whole = std::fs::read(&path).expect("reads");
        for (sql, wanted) in cases {
            let ignored = format!("PRAGMA ignore_check_constraints = ON; {sql}");
            town.tamper(chain, &ignored).await;
            let verified = town.verify(chain, &[]).await;
            let is_named = verified.to_string().contains(wanted);
            assert!(!verified.is_whole() && is_named, "{sql}\n{verified}");
            for suffix in ["-wal", "-shm"] {
                let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
            }
            std::fs::write(&path, &whole).expect("writes");
        }
        assert!(town.verify(chain, &[]).await.is_whole(), "restored");
    }
}

/// Makes the hashes fit again from this entry on, as somebody who knows the program would.
async fn rehash(database: &mut SqliteConnection, chain: Chain, from: u64, count: usize) {
    let mut previous: Option<Hash> = None;
    for mut entry in
        entries_on(database, from - 1, 1000).await.expect("reads").into_iter().take(count)
    {
        entry.previous_hash = previous.unwrap_or(entry.previous_hash);
        entry.hash = entry.computed_hash(chain);
        previous = Some(entry.hash);
        let sql = format!(
            "UPDATE audit SET previous_hash = x'{}', hash = x'{}' WHERE sequence = {}",
            entry.previous_hash, entry.hash, entry.sequence
        );
        sqlx::query(AssertSqlSafe(sql)).execute(&mut *database).await.expect("changes");
    }
}

#[tokio::test]
async fn a_chain_that_was_rewritten_or_cut_off_does_not_fit_what_was_noted() {
    let chain = Chain::Alarms;
    let (rewritten, cut) = (Town::new().await, Town::new().await);
    let head = rewritten.head(chain).await;
    let noted = [Anchor { chain: Some(chain), head }];

    rewritten.tamper(chain, "UPDATE audit SET actor = 'token:other' WHERE sequence = 4").await;
    let mut database = raw(&AuditFiles::in_folder(rewritten.path()).path(chain)).await;
    rehash(&mut database, chain, 4, 1).await;
    let told = rewritten.verify(chain, &[]).await.to_string();
    assert!(told.contains("entry 5 does not follow the entry before it"), "{told}");
    rehash(&mut database, chain, 4, 1000).await;
    assert!(rewritten.verify(chain, &[]).await.is_whole(), "nothing within the file shows it");
    let told = rewritten.verify(chain, &noted).await.to_string();
    assert!(told.contains("is not the one that was noted elsewhere"), "{told}");

    // The last event of an alarm, and its entry with it.
    let noted = [Anchor { chain: Some(chain), head: cut.head(chain).await }];
    let last = "DELETE FROM audit WHERE sequence = (SELECT max(sequence) FROM audit);
        DELETE FROM alarm_event WHERE alarm_id = 2 AND sequence = 5";
    cut.tamper(chain, last).await;
    assert!(cut.verify(chain, &[]).await.is_whole(), "nothing within the file shows it");
    let told = cut.verify(chain, &noted).await.to_string();
    assert!(told.contains("its end was cut off"), "{told}");
    let bare = [Anchor { chain: None, ..noted[0] }];
    assert_eq!(cut.verify(chain, &bare).await.met, []);
}

#[tokio::test]
async fn erasing_breaks_nothing_and_what_comes_back_is_found() {
    let town = Town::new().await;
    town.live(async |_, log| {
        assert_eq!(log.erase_plans_before(at(200)).await.expect("erases"), 1);
    })
    .await;
    let verified = town.verify(Chain::Alarms, &[]).await;
    assert!(verified.is_whole(), "{verified}");
    let back = "INSERT INTO alarm_plan (alarm_id, revision, plan) VALUES (1, 1, '{}')";
    town.tamper(Chain::Alarms, back).await;
    let told = town.verify(Chain::Alarms, &[]).await.to_string();
    assert!(told.contains("plan 1 was erased, but one stands there"), "{told}");
}

/// Who deletes a household may do so completely: neither it nor a key to its digests is left.
#[tokio::test]
async fn what_is_deleted_leaves_no_key_behind() {
    let town = Town::new().await;
    town.live(async |store, _| {
        let count = "SELECT count(*) FROM audit_salt WHERE noun = 'street'";
        let count = async || -> i64 {
            sqlx::query_scalar(count).fetch_one(store.directory().reader()).await.expect("counts")
        };
        assert_eq!(count().await, 1, "one street was deleted, one stands");
        nouns::delete::<Line>(&by(store), LineId(1), 2).await.expect("goes");
        let left: i64 = sqlx::query_scalar("SELECT count(*) FROM audit_salt WHERE noun = 'line'")
            .fetch_one(store.directory().reader())
            .await
            .expect("counts");
        assert_eq!(left, 0);
    })
    .await;
    assert!(town.verify(Chain::Directory, &[]).await.is_whole());
}

#[tokio::test]
async fn a_chain_neither_forks_nor_hangs_in_the_air() {
    let store = Store::open_in_memory().await.expect("opens");
    let mut change = store.alarms().write().await.expect("begins");
    for sql in [
        "INSERT INTO audit SELECT 1, at_us, actor, action, noun, row_id, number, count, content, previous_hash,
            randomblob(32) FROM audit WHERE sequence = 1",
        "INSERT INTO audit SELECT 2, at_us, actor, action, noun, row_id, number, count, content, randomblob(32),
            randomblob(32) FROM audit WHERE sequence = 1",
        "INSERT INTO audit SELECT 3, at_us, actor, action, noun, row_id, number, count, content, hash,
            randomblob(32) FROM audit WHERE sequence = 1",
    ] {
        let refused = sqlx::query(sql).execute(&mut *change).await;
        let error = refused.expect_err("refuses").to_string();
        assert!(error.contains("constraint failed"), "{sql}: {error}");
    }
    let good = "INSERT INTO audit SELECT 2, at_us, actor, action, noun, row_id, number, count, content, hash,
        randomblob(32) FROM audit WHERE sequence = 1";
    sqlx::query(good).execute(&mut *change).await.expect("follows");
}

#[tokio::test]
async fn what_is_not_committed_is_not_entered() {
    let store = Store::open_in_memory().await.expect("opens");
    let before = head(store.directory()).await.expect("reads");
    let mut change = store.directory().write().await.expect("begins");
    sqlx::query("INSERT INTO street (id, name) VALUES (1, 'x')")
        .execute(&mut *change)
        .await
        .unwrap();
    let rows = ImportedRows { added: vec![1], ..ImportedRows::default() };
    by(&store).enter_rows(&mut change, "street", &rows).await.expect("is entered");
    drop(change);
    assert_eq!(head(store.directory()).await.expect("reads"), before);
    let mut reader = store.directory().reader().acquire().await.expect("is free");
    let verified = verify(&mut reader, Chain::Directory, &[], &mut |_| {}).await.expect("reads");
    assert!(verified.is_whole(), "{verified}");
}

/// A database of the release before the trail.
async fn older(path: &Path, chain: Chain, rows: &'static str) {
    let first = migrations::of(chain);
    let first = first.iter().filter(|migration| !migration.description.contains("audit"));
    let mut database = raw(path).await;
    let migrator = Migrator::with_migrations(first.cloned().collect());
    migrator.run_direct(None, &mut database, false).await.expect("migrates");
    sqlx::raw_sql(rows).execute(&mut database).await.expect("is good SQL");
}

#[tokio::test]
async fn an_older_database_is_taken_into_the_chain() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = AuditFiles::in_folder(folder.path());
    let alarms = "WITH RECURSIVE n(i) AS (SELECT -3 UNION ALL SELECT i + 1 FROM n WHERE i < 450)
        INSERT INTO alarm (id, line_id, raised_us, closed_us, idempotency_key)
            SELECT i, i, 5, iif(i % 2, 7, NULL), 'k' || i FROM n;
        INSERT INTO alarm_event SELECT alarm.id, value, 5, 1, '{\"kind\":\"x\"}' FROM alarm, json_each('[1,2,3,5]');
        INSERT INTO alarm_plan (alarm_id, revision, plan) SELECT id, 1, '{}' FROM alarm;
        INSERT INTO alarm_event VALUES (9999, 1, 5, 1, '{}')";
    older(&files.path(Chain::Alarms), Chain::Alarms, alarms).await;
    let directory = "INSERT INTO street (id, name) VALUES (1, 'a'), (2, 'b');
        UPDATE directory_version SET version = 41;
        INSERT INTO api_token (id, name, secret_sha256, scope, created_us) VALUES (7, 'old', printf('%064d', 1), 'admin', 3)";
    older(&files.path(Chain::Directory), Chain::Directory, directory).await;
    assert!(matches!(files.open(Chain::Alarms).await, Err(OpenError::NoTrail { .. })));

    let store = Store::open(folder.path()).await.expect("opens");
    let begin = async |database| entries_after(database, 0, 1).await.expect("reads").remove(0);
    let first = begin(store.alarms()).await;
    assert_eq!((&*first.action, first.count), ("begin", 454 * 6 + 1));
    let first = begin(store.directory()).await;
    assert_eq!((&*first.action, first.number, first.count), ("begin", 3, 41));
    // What is older may be edited; the token is there still.
    nouns::update::<Street>(&by(&store), StreetId(2), 1, &street("c")).await.expect("changes");
    assert!(tokens::revoke(&by(&store), "old").await.expect("revokes"));
    store.close().await;
    for chain in Chain::ALL {
        let verified = verify_in(folder.path(), chain, &[]).await;
        assert!(verified.is_whole(), "{verified}");
    }
    // What was there before is guarded like everything after.
    let mut database = raw(&files.path(Chain::Alarms)).await;
    let sql = "UPDATE alarm_event SET event = '{}' WHERE alarm_id = 17 AND sequence = 2";
    sqlx::query(sql).execute(&mut database).await.expect("changes");
    let told = verify_in(folder.path(), Chain::Alarms, &[]).await.to_string();
    assert!(told.contains("events 1 to 3 are not those"), "{told}");
    let mut database = raw(&files.path(Chain::Directory)).await;
    sqlx::query("DELETE FROM street WHERE id = 1").execute(&mut database).await.expect("goes");
    let told = verify_in(folder.path(), Chain::Directory, &[]).await.to_string();
    assert!(told.contains("3 rows are older than the trail, 2 are"), "{told}");
}

#[tokio::test]
async fn a_copy_that_nobody_may_write_is_verified() {
    let town = Town::new().await;
    let copy = tempfile::tempdir().expect("a folder");
    for chain in Chain::ALL {
        let [from, to] =
            [town.path(), copy.path()].map(|path| AuditFiles::in_folder(path).path(chain));
        std::fs::copy(from, to).expect("copies");
    }
    let set_mode = |mode| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(copy.path(), mode).expect("sets");
    };
    set_mode(0o500);
    let verified = verify_in(copy.path(), Chain::Alarms, &[]).await;
    set_mode(0o700);
    assert!(verified.is_whole(), "{verified}");
    let left: Vec<_> = std::fs::read_dir(copy.path()).expect("reads").flatten().collect();
    assert!(left.iter().all(|file| !file.file_name().to_string_lossy().ends_with("-journal")));
}

#[tokio::test]
async fn a_live_database_is_verified_while_it_is_written() {
    let town = Town::new().await;
    town.live(async |_, log| {
        for sequence in 3..40 {
            log.append(vec![ringing(3, sequence)]).expect("is taken").await.expect("is kept");
            if sequence % 6 == 0 {
                let verified = town.verify(Chain::Alarms, &[]).await;
                assert!(verified.is_whole(), "{verified}");
            }
        }
    })
    .await;
}

/// The encoding is for ever: this hash was computed by another program from the description in the ADR.
#[test]
fn the_encoding_is_that_of_the_description() {
    let entry = NewEntry {
        at_us: 1_800_000_000_000_000,
        actor: "token:值班",
        action: Action::Append,
        noun: "alarm_event",
        row_id: -2,
        number: 3,
        count: 4,
        content: Some(Hash([7; 32])),
    };
    let hash = entry.hash(Chain::Alarms, Head { sequence: 41, hash: Hash([9; 32]) });
    assert_eq!(
        hash.to_string(),
        "8b6844a905d32abb0995b3b6d56a662690152fd26383c325995557611384d07e"
    );
    assert_eq!(hash.to_string().parse(), Ok(hash));
    for wrong in ["", "0", &"g".repeat(64), &"0".repeat(63), &"0".repeat(65), &"０".repeat(64)] {
        assert_eq!(wrong.parse::<Hash>(), Err(HashError), "{wrong}");
    }
    for wrong in ["", "5", "5:", ":5", "x:5:00", "alarms:x:00", "-5:00"] {
        assert_eq!(wrong.parse::<Anchor>(), Err(AnchorError), "{wrong}");
    }
}

/// What somebody does to the streets.
#[derive(Clone, Debug)]
enum Step {
    Create,
    Replace(usize),
    Delete(usize),
    Fail,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Create),
        2 => (0..9_usize).prop_map(Step::Replace),
        2 => (0..9_usize).prop_map(Step::Delete),
        1 => Just(Step::Fail),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is edited, the trail is whole; whatever column of whatever entry is changed then, it is not.
    #[test]
    fn any_edits_make_a_whole_trail_that_no_change_survives(
        steps in prop::collection::vec(step(), 1..25),
        place in any::<prop::sample::Index>(),
        column in prop::sample::select(vec![
            "at_us = at_us + 1", "actor = actor || 'x'", "action = 'read'", "noun = noun || 'x'",
            "row_id = row_id + 1", "number = number + 1", "count = count + 1", "content = randomblob(32)",
            "previous_hash = randomblob(32)", "hash = randomblob(32)",
        ]),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let store = Store::open_in_memory().await.expect("opens");
            let editor = by(&store);
            let mut standing: Vec<Street> = Vec::new();
            for (number, step) in steps.iter().enumerate() {
                let name = street(&format!("{number} 路"));
                match step {
                    Step::Create => standing.push(nouns::create(&editor, &name).await.expect("is made")),
                    Step::Replace(index) => {
                        let Some(row) = standing.get_mut(*index) else { continue };
                        *row = nouns::update(&editor, row.id, row.version, &name).await.expect("changes");
                    }
                    Step::Delete(index) if *index < standing.len() => {
                        let row = standing.swap_remove(*index);
                        nouns::delete::<Street>(&editor, row.id, row.version).await.expect("goes");
                    }
                    Step::Delete(_) => {}
                    Step::Fail => {
                        nouns::create::<Street>(&editor, &street("")).await.expect_err("refuses");
                    }
                }
            }
            drop(standing);
            let mut change = store.directory().write().await.expect("begins");
            let verified =
                verify(&mut change, Chain::Directory, &[], &mut |_| {}).await.expect("reads");
            assert!(verified.is_whole(), "{verified}");
            let entries = usize::try_from(verified.entries).unwrap();
            let sequence = place.index(entries) + 1;
            let sql = format!(
                "PRAGMA ignore_check_constraints = ON; PRAGMA defer_foreign_keys = ON;
                UPDATE audit SET {column} WHERE sequence = {sequence}"
            );
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *change).await.expect("changes");
            let verified =
                verify(&mut change, Chain::Directory, &[], &mut |_| {}).await.expect("reads");
            assert!(!verified.is_whole(), "{column} of {sequence}");
        });
    }
}

/// Somebody else's entry that came first is followed, not overwritten.
#[tokio::test]
async fn two_who_append_follow_each_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, two) =
        (Store::open(folder.path()).await.unwrap(), Store::open(folder.path()).await.unwrap());
    for (number, store) in [&one, &two, &two, &one].into_iter().enumerate() {
        let name = street(&number.to_string());
        nouns::create::<Street>(&by(store), &name).await.expect("is made");
    }
    let mut change = one.alarms().write().await.expect("begins");
    append(&mut change, Chain::Alarms, Vec::new()).await.expect("nothing to do");
    drop(change);
    one.close().await;
    two.close().await;
    let verified = verify_in(folder.path(), Chain::Directory, &[]).await;
    assert!(verified.is_whole() && verified.entries == 5, "{verified}");
}
