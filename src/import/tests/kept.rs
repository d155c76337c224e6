//! What an import does not remove and an undo does not take along: what others made, and what would ring nobody.

use super::{TOWN, by, counts, exported, options, run, town};
use crate::import::{
    ImportError, ImportOptions, Noun, Problem, Progress, UndoChangeError, Within, import_files,
    undo_change,
};
use crate::store::Store;
use crate::store::nouns::Kind;
use crate::store::reach::{Place, Reach, place_of};
use crate::store::snapshot::count_edit;
use lianfang_domain::id::{CommunityId, GridId};
use std::fmt::Write;

const WORKERS: &str = "street,community,name,numbers\n";
const POSTS: &str = "street,community,name,code,grid,workers\n";
const REPLACE: &str = "筼筜街道,文园社区,";

async fn sql(store: &Store, sql: &'static str) {
    let mut change = store.directory().write().await.expect("begins");
    sqlx::raw_sql(sql).execute(&mut *change).await.expect("is good SQL");
    change.commit().await.expect("commits");
}

/// What is wrong with replacing rows by those of these files; nothing is changed then.
async fn refused(store: &Store, files: &[(&str, &str)]) -> Vec<String> {
    let before = exported(store).await;
    let replace = ImportOptions { replace: true, ..options() };
    let error = run(store, files, &replace).await.expect_err("refuses");
    assert_eq!(exported(store).await, before, "nothing was changed");
    let ImportError::Problems(problems) = error else { panic!("{error:?}") };
    problems.listed().iter().map(Problem::to_string).collect()
}

/// Imports files, and gives the change that it is.
async fn changed(store: &Store, files: &[(Noun, &str)]) -> i64 {
    let files: Vec<(Noun, Vec<u8>)> =
        files.iter().map(|(noun, text)| (*noun, text.as_bytes().to_vec())).collect();
    let progress = Progress::default();
    let how = (&options(), Within::EVERYTHING, &progress);
    let done = import_files(&by(store), &files, how, None).await.expect("imports");
    done.1.expect("a change")
}

#[tokio::test]
async fn a_worker_who_has_a_turn_is_not_removed() {
    let store = town().await;
    let others = format!("{WORKERS}{REPLACE}李强,13900000001\n");
    let on_duty = "workers.csv:1: \"王值班\" would go and still has a turn in the duty roster: change the roster first";
    assert_eq!(refused(&store, &[("workers.csv", &others)]).await, [on_duty]);
    // Whoever takes over in the same files may.
    let both = format!("{others}{REPLACE}王值班,13900000000\n");
    let posts = format!("{POSTS}{REPLACE}A 岗,A,,李强\n{REPLACE}网格长,grid,第一网格,\n");
    let files = [("workers.csv", &*others), ("posts.csv", &*posts)];
    let replace = ImportOptions { replace: true, ..options() };
    assert_eq!(counts(&store, &files, &replace, Noun::Worker).await, [1, 0, 1, 0]);
    // Nobody who is named for a while, or in turns.
    run(&store, &[("workers.csv", &both)], &options()).await.expect("imports");
    let table = [
        (
            "INSERT INTO duty_override (community_id, post_id, worker_id, from_us, to_us) SELECT 1, 1, id, 0, 1 FROM worker WHERE name = '王值班'",
            "DELETE FROM duty_override",
        ),
        (
            "INSERT INTO duty_absence (community_id, worker_id, stand_in_id, from_us, to_us) SELECT 1, o.id, w.id, 0, 1 FROM worker AS w, worker AS o WHERE w.name = '王值班' AND o.name = '李强'",
            "DELETE FROM duty_absence",
        ),
        (
            "INSERT INTO duty_rotation (community_id, name, worker_ids, unit, every, anchor) SELECT 1, 'r', json_array(id), 'days', 1, '2026-01-01' FROM worker WHERE name = '王值班'",
            "DELETE FROM duty_rotation",
        ),
        (
            "INSERT INTO duty_swap (community_id, proposer_id, other_id, gives_post_id, gives_from_us, gives_to_us) SELECT 1, o.id, w.id, 1, 0, 1 FROM worker AS w, worker AS o WHERE w.name = '王值班' AND o.name = '李强'",
            "DELETE FROM duty_swap",
        ),
    ];
    for (named, gone) in table {
        sql(&store, named).await;
        assert_eq!(refused(&store, &files).await, [on_duty], "{named}");
        sql(&store, gone).await;
    }
    assert_eq!(counts(&store, &files, &replace, Noun::Worker).await, [0, 0, 1, 1]);
}

#[tokio::test]
async fn a_grid_does_not_go_while_a_post_or_a_responder_is_for_it() {
    let store = town().await;
    let grids = "street,community,name\n筼筜街道,文园社区,第二网格\n";
    let stays = |file, name| {
        format!(
            "{file}:1: grid: \"{name}\" stays and is for a grid that would go: give it another grid first"
        )
    };
    assert_eq!(
        refused(&store, &[("grids.csv", grids)]).await,
        [stays("posts.csv", "网格长"), stays("responders.csv", "三号楼郭伯")]
    );
    let posts = format!("{POSTS}{REPLACE}网格长,grid,第二网格,\n{REPLACE}A 岗,A,,王值班\n");
    let responders =
        "street,community,name,kind,grid\n筼筜街道,文园社区,三号楼郭伯,楼长,第二网格\n";
    let files = [("grids.csv", grids), ("posts.csv", &*posts), ("responders.csv", responders)];
    let replace = ImportOptions { replace: true, ..options() };
    assert_eq!(counts(&store, &files, &replace, Noun::Grid).await, [1, 0, 1, 0]);
}

#[tokio::test]
async fn a_community_does_not_go_with_what_no_file_has() {
    let store = town().await;
    let none = [("communities.csv", "street,name,area_code\n")];
    for (more, gone) in [
        (
            "INSERT INTO policy (community_id, name, document) VALUES (1, 'p', '{}')",
            "DELETE FROM policy",
        ),
        (
            "INSERT INTO calendar_day (community_id, day, kind) VALUES (1, '2026-10-01', 'holiday')",
            "DELETE FROM calendar_day",
        ),
    ] {
        sql(&store, more).await;
        assert_eq!(
            refused(&store, &none).await,
            [
                "communities.csv:1: \"文园社区\" would go and has policies, rotations, holidays, recordings or a plan: delete them first"
            ]
        );
        sql(&store, gone).await;
    }
    let replace = ImportOptions { replace: true, ..options() };
    assert_eq!(counts(&store, &none, &replace, Noun::Community).await, [0, 0, 1, 0]);
}

#[tokio::test]
async fn more_posts_than_a_roster_has_are_refused() {
    let store = town().await;
    let mut posts = POSTS.to_owned();
    for post in 0..255 {
        writeln!(posts, "{REPLACE}{post},A,,王值班").expect("writes");
    }
    let before = exported(&store).await;
    let error = run(&store, &[("posts.csv", &posts)], &options()).await.expect_err("refuses");
    assert!(error.to_string().contains("the duty roster would be impossible"), "{error}");
    assert_eq!(exported(&store).await, before, "nothing was changed");
    let last = posts.trim_end().rfind('\n').expect("a line");
    run(&store, &[("posts.csv", &posts[..=last])], &options()).await.expect("imports");
}

#[tokio::test]
async fn an_undo_takes_nothing_along_that_others_made() {
    let households = "street,community,grid,group,name\n筼筜街道,文园社区,第一网格,一组,陈家\n";
    let lines = "street,community,grid,group,household,account,number\n筼筜街道,文园社区,第一网格,一组,陈家,a9,5559999\n";
    let workers = format!("{WORKERS}{REPLACE}李强,13900000001\n");
    let grids = "street,community,name\n筼筜街道,文园社区,第二网格\n";
    let files = [
        (Noun::Grid, grids),
        (Noun::Household, households),
        (Noun::Line, lines),
        (Noun::Worker, &*workers),
    ];
    let table = [
        "INSERT INTO responder (community_id, name, kind, household_id) SELECT 1, '孙女', 'helper', id FROM household WHERE name = '陈家'",
        "INSERT INTO responder (community_id, name, kind, grid_id) SELECT 1, '巡逻', 'patrol', id FROM grid WHERE name = '第二网格'",
        "INSERT INTO household_pin (household_id, cancel) SELECT id, hex(zeroblob(32)) FROM household WHERE name = '陈家'",
        "INSERT INTO worker_pin (worker_id, hash) SELECT id, 'x' FROM worker WHERE name = '李强'",
        "INSERT INTO line_secret (line_id, realm, algorithm, ha1) SELECT id, 'lianfang', 'MD5', 'x' FROM line WHERE account = 'a9'",
        "INSERT INTO duty_rotation (community_id, name, worker_ids, unit, every, anchor) SELECT 1, 'r', json_array(id), 'days', 1, '2026-01-01' FROM worker WHERE name = '李强'",
        "INSERT INTO duty_absence (community_id, worker_id, from_us, to_us) SELECT 1, id, 0, 1 FROM worker WHERE name = '李强'",
        "INSERT INTO contact (household_id, name) SELECT id, '陈' FROM household WHERE name = '陈家'",
    ];
    for more in table {
        let store = town().await;
        let change = changed(&store, &files).await;
        sql(&store, more).await;
        let before = exported(&store).await;
        let undone = undo_change(&by(&store), change, Reach::Everything).await;
        assert!(matches!(undone, Err(UndoChangeError::HasChildren)), "{more}: {undone:?}");
        assert_eq!(exported(&store).await, before, "nothing was changed");
    }
    let store = town().await;
    let before = exported(&store).await;
    let change = changed(&store, &files).await;
    undo_change(&by(&store), change, Reach::Everything).await.expect("undoes");
    assert_eq!(exported(&store).await, before);
}

#[tokio::test]
async fn what_the_import_itself_made_and_moved_is_taken_back() {
    let store = town().await;
    let before = exported(&store).await;
    let grids = "street,community,name\n筼筜街道,文园社区,第二网格\n";
    let households = "street,community,grid,group,name\n筼筜街道,文园社区,第一网格,一组,陈家\n";
    let responders = "street,community,name,kind,grid,helps_grid,helps_group,helps_household,numbers\n筼筜街道,文园社区,三号楼郭伯,楼长,第二网格,,,,13700000000\n筼筜街道,文园社区,小蔡,helper,,第一网格,一组,陈家,13700000001\n筼筜街道,文园社区,新人,helper,第二网格,第一网格,一组,陈家,13700000002\n";
    let files = [(Noun::Grid, grids), (Noun::Household, households), (Noun::Responder, responders)];
    let change = changed(&store, &files).await;
    assert_ne!(exported(&store).await, before);
    undo_change(&by(&store), change, Reach::Everything).await.expect("undoes");
    assert_eq!(exported(&store).await, before);
}

#[tokio::test]
async fn an_undo_ends_at_the_reach_of_who_undoes() {
    let door = |door: &str| {
        format!(
            "street,community,grid,group,name,door,position\n筼筜街道,文园社区,第一网格,一组,陈阿姨,{door},1\n"
        )
    };
    let store = town().await;
    let grid = Reach::Grid(GridId(1));
    let own = place_of(store.directory(), Kind::Grid, 1).await.expect("reads").expect("is there");
    assert_eq!(Within::of(grid, Place::default()), None, "what is gone reaches nothing");
    assert!(Within::of(grid, own).is_some());
    let change = changed(&store, &[(Noun::Household, &door("503"))]).await;
    sql(
        &store,
        "INSERT INTO grid (community_id, name) VALUES (1, '二'); UPDATE household_group SET grid_id = 2",
    )
    .await;
    let before = exported(&store).await;
    let undone = undo_change(&by(&store), change, grid).await;
    assert!(matches!(undone, Err(UndoChangeError::OutOfReach)), "{undone:?}");
    assert_eq!(exported(&store).await, before, "nothing was changed");
    let undone = undo_change(&by(&store), change, Reach::Community(CommunityId(1))).await;
    undone.expect("undoes");

    // A line that comes back to a household that moved away.
    let store = town().await;
    let replace = ImportOptions { replace: true, ..options() };
    let one = TOWN[5].1.lines().take(2).collect::<Vec<_>>().join("\n");
    run(&store, &[("lines.csv", &one)], &replace).await.expect("imports");
    sql(
        &store,
        "INSERT INTO grid (community_id, name) VALUES (1, '二'); INSERT INTO household_group (grid_id, name) VALUES (2, '二组');
        UPDATE household SET group_id = 2 WHERE name = '李强'",
    )
    .await;
    let change = 2;
    let undone = undo_change(&by(&store), change, grid).await;
    assert!(matches!(undone, Err(UndoChangeError::OutOfReach)), "{undone:?}");
    undo_change(&by(&store), change, Reach::Everything).await.expect("undoes");
}

#[tokio::test]
async fn a_row_that_was_made_anew_keeps_an_undo_from_doing_half() {
    let store = town().await;
    let replace = ImportOptions { replace: true, ..options() };
    let none = [("contacts.csv", "street,community,grid,group,household,name\n")];
    run(&store, &none, &replace).await.expect("imports");
    sql(&store, "INSERT INTO contact (household_id, name) SELECT id, '李强' FROM household WHERE name = '李强'")
        .await;
    let before = exported(&store).await;
    let undone = undo_change(&by(&store), 2, Reach::Everything).await;
    assert!(matches!(undone, Err(UndoChangeError::Changed)), "{undone:?}");
    assert_eq!(exported(&store).await, before, "nothing was changed");
}

#[tokio::test]
async fn nobody_who_edits_waits_while_files_are_compared() {
    let door = |door: &str| {
        let text = format!(
            "street,community,grid,group,name,door,position\n筼筜街道,文园社区,第一网格,一组,陈阿姨,{door},1\n"
        );
        [(Noun::Household, text.into_bytes())]
    };
    // Beside each other as in a file: in memory there is one connection.
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).await.expect("opens");
    run(&store, &TOWN, &options()).await.expect("imports");
    let progress = Progress::default();
    let how = (&options(), Within::EVERYTHING, &progress);
    // Somebody edits all the time, and the files are compared.
    let editing = store.directory().write().await.expect("begins");
    let compared = import_files(&by(&store), &door("503"), how, Some("0")).await;
    assert!(matches!(compared, Err(ImportError::Changed)), "{compared:?}");
    // What they did in the meantime is not overlooked.
    let again = Progress::default();
    let how = (&options(), Within::EVERYTHING, &again);
    let edit = async {
        while again.rows().0 < 1 {
            tokio::task::yield_now().await;
        }
        let mut editing = editing;
        let edit = "UPDATE household SET door = '503' WHERE name = '陈阿姨'";
        sqlx::raw_sql(edit).execute(&mut *editing).await.expect("is good SQL");
        count_edit(&mut editing, &[CommunityId(1)]).await.expect("counts");
        editing.commit().await.expect("commits");
    };
    let (editor, files) = (by(&store), door("503"));
    let (done, ()) = tokio::join!(import_files(&editor, &files, how, None), edit);
    assert_eq!(done.expect("imports").1, None, "it is as the files have it by now");
}
