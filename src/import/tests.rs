mod kept;

use super::*;
use crate::store::Store;
use crate::store::secrets::ha1;
use crate::store::snapshot::DirectoryHandle;
use lianfang_domain::directory::{LineUse, ResponderKind};
use lianfang_domain::dispatch::Route;
use lianfang_domain::leg::Channel;
use lianfang_domain::policy::{PolicyDocument, check};
use proptest::prelude::*;
use serde_json::json;
use std::fmt::Write;
use tempfile::TempDir;

const REALM: &str = "lianfang";

const TOWN: [(&str, &str); 10] = [
    ("streets.csv", "name\n筼筜街道\n"),
    ("communities.csv", "street,name,area_code\n筼筜街道,文园社区,0592\n"),
    ("grids.csv", "street,community,name\n筼筜街道,文园社区,第一网格\n"),
    ("groups.csv", "street,community,grid,name\n筼筜街道,文园社区,第一网格,一组\n"),
    (
        "households.csv",
        "street,community,grid,group,name,door,position\n筼筜街道,文园社区,第一网格,一组,陈阿姨,502,1\n筼筜街道,文园社区,第一网格,一组,李强,301,2\n",
    ),
    (
        "lines.csv",
        "street,community,grid,group,household,account,number,hotline_grace_s,silent,password\n筼筜街道,文园社区,第一网格,一组,陈阿姨,a1,5551234,,,sesame\n筼筜街道,文园社区,第一网格,一组,李强,a2,0592-5551235,5,是,\n",
    ),
    (
        "contacts.csv",
        "street,community,grid,group,household,name,rank,numbers\n筼筜街道,文园社区,第一网格,一组,李强,李强,0,13800000000;5551235/voice\n",
    ),
    (
        "workers.csv",
        "street,community,name,on_duty,numbers\n筼筜街道,文园社区,王值班,yes,13900000000\n",
    ),
    (
        "posts.csv",
        "street,community,name,code,grid,cover,workers\n筼筜街道,文园社区,A 岗,A,,,王值班\n筼筜街道,文园社区,网格长,grid,第一网格,按班次,\n",
    ),
    (
        "responders.csv",
        "street,community,name,kind,skills,building,grid,helps_grid,helps_group,helps_household,numbers\n筼筜街道,文园社区,三号楼郭伯,楼长,,3,第一网格,,,,13700000000\n筼筜街道,文园社区,小蔡,helper,keyholder;first_aid,,,第一网格,一组,陈阿姨,13700000001/sms\n",
    ),
];

fn options() -> ImportOptions {
    ImportOptions { replace: false, dry_run: false, realm: REALM.to_owned() }
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("writes");
    }
    folder
}

async fn town() -> Store {
    let store = Store::open_in_memory().await.expect("opens");
    run(&store, &TOWN, &options()).await.expect("imports");
    store
}

async fn run(
    store: &Store,
    files: &[(&str, &str)],
    options: &ImportOptions,
) -> Result<ImportReport, ImportError> {
    import(&by(store), folder(files).path(), options).await
}

async fn counts(
    store: &Store,
    files: &[(&str, &str)],
    options: &ImportOptions,
    noun: Noun,
) -> [usize; 4] {
    let report = run(store, files, options).await.expect("imports");
    let changes = report.changes.iter().find(|changes| changes.0 == noun).expect("is there").1;
    [changes.added, changes.changed, changes.removed, changes.unchanged]
}

async fn exported(store: &Store) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    export(store, folder.path(), REALM).await.expect("exports");
    let read = |noun: Noun| std::fs::read_to_string(folder.path().join(noun.file()));
    Noun::ALL.into_iter().map(|noun| read(noun).expect("reads")).collect()
}

async fn problems(files: &[(&str, &str)]) -> Vec<String> {
    let store = town().await;
    let before = exported(&store).await;
    let error = run(&store, files, &options()).await.expect_err("refuses");
    let ImportError::Problems(problems) = error else { panic!("{error:?}") };
    assert_eq!(exported(&store).await, before, "nothing was changed");
    assert_eq!(problems.total(), problems.listed().len() as u64);
    problems.listed().iter().map(Problem::to_string).collect()
}

/// An edit by somebody.
fn by(store: &Store) -> crate::store::audit::Editor<'_> {
    store.directory().edited_by("cli:test", jiff::Timestamp::UNIX_EPOCH)
}

#[tokio::test]
async fn a_town_arrives_in_the_directory() {
    let store = town().await;
    let directory = DirectoryHandle::load(&store).await.expect("loads").current();
    let place = directory.line_by_number("+865925551235").expect("is there");
    let (community, household, line) = directory.resolve(place).expect("is there");
    assert_eq!((&*community.name, &*household.name), ("文园社区", "李强"));
    assert_eq!((line.line_use, line.is_silent), (LineUse::Hotline { grace_s: 5 }, true));
    let numbers = &household.contacts[0].numbers;
    let channels: Vec<_> = numbers
        .iter()
        .map(|number| (number.number.key(), number.has_voice, number.has_sms))
        .collect();
    assert_eq!(channels, [("+8613800000000", true, true), ("+865925551235", true, false)]);
    assert!(community.workers[0].is_on_duty);
    let midnight = jiff::Timestamp::UNIX_EPOCH;
    assert_eq!(community.roster.holders("A", None, midnight), [community.workers[0].id]);
    let [head, helper] = &community.responders[..] else { panic!("{:?}", community.responders) };
    assert_eq!((head.kind, head.building.as_deref()), (ResponderKind::BuildingHead, Some("3")));
    assert_eq!((head.grid, head.household), (Some(community.grids[0].id), None));
    assert_eq!((helper.kind, &*helper.skills[1]), (ResponderKind::Helper, "first_aid"));
    let helped = helper.household.and_then(|id| community.household(id));
    assert_eq!(helped.map(|household| &*household.name), Some("陈阿姨"));
    assert!(helper.numbers[0].has_sms && !helper.numbers[0].has_voice);
    let place = directory.line_by_account("a1").expect("is there");
    let secrets = &directory.resolve(place).expect("is there").2.secrets;
    assert_eq!(secrets.len(), 2);
    for secret in secrets {
        assert_eq!(*secret.ha1, ha1(secret.algorithm, "a1", REALM, "sesame"));
    }
}

#[tokio::test]
async fn the_same_once_more_changes_nothing() {
    let store = town().await;
    let version = DirectoryHandle::load(&store).await.expect("loads").current().version;
    let report = run(&store, &TOWN, &options()).await.expect("imports");
    for (noun, changes) in &report.changes {
        assert_eq!((changes.added, changes.changed, changes.removed), (0, 0, 0), "{noun:?}");
    }
    assert_eq!(report.secrets, 0);
    assert_eq!(DirectoryHandle::load(&store).await.expect("loads").current().version, version);
}

#[tokio::test]
async fn a_change_reaches_a_running_service_and_a_dry_run_does_not() {
    let store = town().await;
    let handle = DirectoryHandle::load(&store).await.expect("loads");
    let moved =
        "街道,社区,网格,联防组,联防户,账号,号码\n筼筜街道,文园社区,第一网格,一组,李强,a1,5559999\n";
    let dry = ImportOptions { dry_run: true, ..options() };
    for options in [&dry, &options()] {
        assert_eq!(
            counts(&store, &[("lines.csv", moved)], options, Noun::Line).await,
            [0, 1, 0, 1]
        );
        assert_eq!(handle.refresh().await.expect("reads"), !options.dry_run);
    }
    let directory = handle.current();
    let place = directory.line_by_number("+865925559999").expect("is there");
    assert_eq!(&*directory.resolve(place).expect("is there").1.name, "李强");
    assert_eq!(directory.line_by_number("+865925551234"), None);
}

#[tokio::test]
async fn two_lines_may_swap_their_numbers() {
    let store = town().await;
    let swapped = "street,community,grid,group,household,account,number\n筼筜街道,文园社区,第一网格,一组,陈阿姨,a1,5551235\n筼筜街道,文园社区,第一网格,一组,李强,a2,5551234\n";
    assert_eq!(
        counts(&store, &[("lines.csv", swapped)], &options(), Noun::Line).await,
        [0, 2, 0, 0]
    );
}

#[tokio::test]
async fn replacing_removes_what_is_not_there_and_all_below_it() {
    let store = town().await;
    let replace = ImportOptions { replace: true, ..options() };
    let one = "street,community,grid,group,name,door,position\n筼筜街道,文园社区,第一网格,一组,陈阿姨,502,1\n";
    let report = run(&store, &[("households.csv", one)], &replace).await.expect("imports");
    let removed: Vec<_> = report.changes.iter().map(|changes| changes.1.removed).collect();
    assert_eq!(removed, [0, 0, 0, 0, 1, 1, 1, 0, 0, 0]);
    let directory = DirectoryHandle::load(&store).await.expect("loads").current();
    assert_eq!((directory.lines_len(), directory.line_by_account("a2")), (1, None));
}

#[tokio::test]
async fn a_line_survives_its_household_when_it_moves() {
    let store = town().await;
    let replace = ImportOptions { replace: true, ..options() };
    let files = [
        (
            "households.csv",
            "street,community,grid,group,name\n筼筜街道,文园社区,第一网格,一组,新人\n",
        ),
        (
            "lines.csv",
            "street,community,grid,group,household,account,number\n筼筜街道,文园社区,第一网格,一组,新人,a1,5551234\n",
        ),
    ];
    run(&store, &files, &replace).await.expect("imports");
    let directory = DirectoryHandle::load(&store).await.expect("loads").current();
    let place = directory.line_by_account("a1").expect("is there");
    let (_, household, line) = directory.resolve(place).expect("is there");
    assert_eq!((&*household.name, line.secrets.len()), ("新人", 2), "with its secrets");
}

#[tokio::test]
async fn a_post_with_shifts_of_its_own_is_not_touched_by_a_cell() {
    let store = town().await;
    let has_rotation = "UPDATE duty_shift SET days_later = 0, ends = '12:00:00'";
    let mut change = store.directory().write().await.expect("begins");
    sqlx::raw_sql(has_rotation).execute(&mut *change).await.expect("is good SQL");
    change.commit().await.expect("commits");
    let header = "street,community,name,code,workers\n筼筜街道,文园社区,A 岗,A,";
    let error = run(&store, &[("posts.csv", &format!("{header}王值班\n"))], &options()).await;
    let problem = "posts.csv:2: workers: the post has shifts of its own: leave the cell empty and change them over the API";
    assert!(error.expect_err("refuses").to_string().contains(problem));
    let none = format!("{header}\n");
    assert_eq!(counts(&store, &[("posts.csv", &none)], &options(), Noun::Post).await, [0, 0, 0, 2]);
    assert!(exported(&store).await[8].contains("A 岗,A,,always,\n"), "it fits in no cell");
}

#[tokio::test]
async fn another_holder_of_a_post_is_a_change_and_a_post_goes_with_its_shifts() {
    let store = town().await;
    let files = [
        ("workers.csv", "street,community,name,numbers\n筼筜街道,文园社区,李强,13900000001\n"),
        ("posts.csv", "街道,社区,名称,代号,值守人\n筼筜街道,文园社区,A 岗,A,李强；王值班\n"),
    ];
    let report = run(&store, &files, &options()).await.expect("imports");
    assert_eq!(report.posts_held, 1);
    let at = jiff::Timestamp::UNIX_EPOCH;
    let directory = DirectoryHandle::load(&store).await.expect("loads").current();
    let community = directory.communities().next().expect("is there");
    assert_eq!(community.roster.holders("A", None, at).len(), 2);
    assert_eq!(run(&store, &files, &options()).await.expect("imports").posts_held, 0);
    let replace = ImportOptions { replace: true, ..options() };
    let other = [("posts.csv", "street,community,name,code\n筼筜街道,文园社区,B 岗,B\n")];
    assert_eq!(counts(&store, &other, &replace, Noun::Post).await, [1, 0, 2, 0]);
    let directory = DirectoryHandle::load(&store).await.expect("loads").current();
    let community = directory.communities().next().expect("is there");
    assert!(community.roster.holders("A", None, at).is_empty());
}

#[tokio::test]
async fn a_helper_goes_with_the_household_or_moves_to_another() {
    let replace = ImportOptions { replace: true, ..options() };
    let one = "street,community,grid,group,name,door,position\n筼筜街道,文园社区,第一网格,一组,李强,301,2\n";
    let store = town().await;
    let gone = counts(&store, &[("households.csv", one)], &replace, Noun::Responder).await;
    assert_eq!(gone, [0, 0, 1, 1]);
    let store = town().await;
    let moved = "street,community,name,kind,helps_grid,helps_group,helps_household,numbers\n筼筜街道,文园社区,小蔡,helper,第一网格,一组,李强,13700000001\n";
    let files = [("households.csv", one), ("responders.csv", moved)];
    assert_eq!(counts(&store, &files, &replace, Noun::Responder).await, [0, 1, 1, 0]);
    let directory = DirectoryHandle::load(&store).await.expect("loads").current();
    let community = directory.communities().next().expect("is there");
    let helped = community.responders[0].household.and_then(|id| community.household(id));
    assert_eq!(helped.map(|household| &*household.name), Some("李强"));
}

/// What an administrator begins with: each sample is accepted on the sample directory, and all of them beside each other.
#[tokio::test]
async fn every_sample_policy_is_accepted_on_the_sample_directory() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/sample");
    let store = Store::open_in_memory().await.expect("opens");
    import(&by(&store), &sample, &options()).await.expect("imports");
    let directory = DirectoryHandle::load(&store).await.expect("loads").current();
    let community = directory.communities().next().expect("is there");
    let route = |name: &str, channel| Route {
        name: name.into(),
        channel,
        per_second: 50,
        channels: 300,
        callee_budgets: Vec::new(),
        preference: 1,
    };
    let routes = [route("carrier", Channel::Voice), route("sms", Channel::Sms)];
    let mut accepted: Vec<std::sync::Arc<PolicyDocument>> = Vec::new();
    for entry in std::fs::read_dir(sample.join("policies")).expect("a folder") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("reads");
        let draft: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(draft["community_id"], community.id.0);
        let document: PolicyDocument =
            serde_json::from_value(draft["document"].clone()).expect("a policy");
        let document = std::sync::Arc::new(document);
        let report = check::check(&document, community, &routes, jiff::Timestamp::UNIX_EPOCH);
        let report = report.unwrap_or_else(|problems| panic!("{}: {problems:?}", path.display()));
        assert_eq!(report.doors, 10, "{}", path.display());
        assert!(report.warnings.is_empty(), "{}: {:?}", path.display(), report.warnings);
        let kinds = |document: &PolicyDocument| document.kinds.clone();
        assert!(accepted.iter().all(|other| kinds(other) != kinds(&document)));
        accepted.push(document);
    }
    assert_eq!(accepted.len(), 6);
}

#[tokio::test]
async fn every_mistake_is_named_at_once() {
    let files = [
        (
            "communities.csv",
            "street,name,area_code,time_zone\n别处,甲,0592,\n筼筜街道,乙,592,Mars/Base\n",
        ),
        (
            "households.csv",
            "street,community,grid,group,name,position,language\n筼筜街道,文园社区,第一网格,二组,甲,1,\n筼筜街道,文园社区,第一网格,一组,,x,fr\n筼筜街道,文园社区\n",
        ),
        (
            "lines.csv",
            "street,community,grid,group,household,account,number,ha1_md5\n筼筜街道,文园社区,第一网格,一组,李强,a3,abc,12\n筼筜街道,文园社区,第一网格,一组,李强,a4,5551234,\n筼筜街道,文园社区,第一网格,一组,李强,a4,1,\n",
        ),
        (
            "contacts.csv",
            "street,community,grid,group,household,name,numbers\n筼筜街道,文园社区,第一网格,一组,李强,甲,110\n筼筜街道,文园社区,第一网格,一组,李强,乙,5551234/fax\n",
        ),
        ("workers.csv", "street,community,name,duty\n"),
        (
            "posts.csv",
            "street,community,name,code,grid,cover,workers\n筼筜街道,文园社区,甲,A B,第九网格,always,\n筼筜街道,文园社区,乙,,,sometimes,无名氏\n筼筜街道,无此社区,丙,A,,,\n",
        ),
        (
            "responders.csv",
            "street,community,name,kind,skills,grid,helps_grid,helps_group,helps_household,numbers\n筼筜街道,文园社区,甲,knight,,,,,,\n筼筜街道,文园社区,乙,helper,a;a,,,,,119\n筼筜街道,文园社区,丙,patrol,,,第一网格,一组,李强,\n筼筜街道,文园社区,丁,helper,,,第一网格,一组,无此户,\n筼筜街道,文园社区,丁,street,,,,,,\n",
        ),
    ];
    let expected = [
        "communities.csv:2: street: there is no such entry in the directory or the files",
        "communities.csv:3: time_zone: need a time zone such as Asia/Shanghai",
        "communities.csv:3: area_code: need an area code with its zero, such as 0592",
        "households.csv:2: group: there is no such entry in the directory or the files",
        "households.csv:3: name: need 1 to 60 characters",
        "households.csv:3: position: need a number from 0 to 65535",
        "households.csv:3: language: need zh-CN, en or a dialect such as nan (闽南语)",
        "households.csv:4: the row is no CSV or has another number of cells than the header",
        "lines.csv:2: number: cannot read a phone number: need digits, blanks, brackets and dashes",
        "lines.csv:2: ha1_md5: need 32 hexadecimal digits",
        "lines.csv:4: account: the same stands in line 3",
        "lines.csv:3: number: another line has this number: account \"a1\"",
        "contacts.csv:2: numbers: this number is never called",
        "contacts.csv:3: numbers: need /voice, /sms or /both behind a number",
        "workers.csv:1: unknown column \"duty\"",
        "posts.csv:2: grid: there is no such entry in the directory or the files",
        "posts.csv:2: code: need a code without blanks, such as A, B, leader or grid",
        "posts.csv:3: code: need 1 to 32 characters",
        "posts.csv:3: cover: need one of always (全天), shifts (按班次)",
        "posts.csv:3: workers: there is no such entry in the directory or the files",
        "posts.csv:4: community: there is no such entry in the directory or the files",
        "responders.csv:2: kind: need one of helper (帮扶人), building_head (楼长), patrol (巡逻队), volunteer (志愿者), street (街道值班), hotline (热线), loudspeaker (喇叭)",
        "responders.csv:3: helps_household: a helper needs a household, and nobody else has one",
        "responders.csv:3: skills: need at most 16 skills of 1 to 40 characters with ; between them, each once",
        "responders.csv:3: numbers: this number is never called",
        "responders.csv:4: helps_household: a helper needs a household, and nobody else has one",
        "responders.csv:5: helps_household: there is no such entry in the directory or the files",
        "responders.csv:6: name: the same stands in line 5",
    ];
    assert_eq!(problems(&files).await, expected);
}

#[tokio::test]
async fn codes_are_checked_as_the_api_checks_them() {
    let check = async |cells: &str, expected: &str| {
        let row = format!(
            "street,name,area_code,alarm_codes,access_numbers,silent_codes,arrival_code\n筼筜街道,文园社区,0592,{cells}\n"
        );
        assert_eq!(
            problems(&[("communities.csv", &row)]).await,
            [format!("communities.csv:2: {expected}")]
        );
    };
    let other = "is another code of the community, alone or with a digit behind it";
    let codes =
        "need at most 16 codes of 1 to 8 keys of 0-9, * and # with spaces between them, each once";
    let arrival =
        "need 2 to 8 keys of 0-9, * and # that begin with * or #, such as #97, or - for none";
    // Who keys #9 and then the digit of a kind would be taken for somebody at the door.
    check(",,,#91", &format!("arrival_code: {other}")).await;
    check("#97,,,", &format!("arrival_code: {other}")).await;
    check("#9 *9,,#9,", &format!("silent_codes: {other}")).await;
    check("#9A,,,", &format!("alarm_codes: {codes}")).await;
    check("#9 #9,,,", &format!("alarm_codes: {codes}")).await;
    check("-,,,", &format!("alarm_codes: {codes}")).await;
    check(",,#99999999,", &format!("silent_codes: {codes}")).await;
    check(",,,97", &format!("arrival_code: {arrival}")).await;
    let numbers = "need at most 16 numbers of 2 to 16 digits with spaces between them, each once";
    check(",9*,,", &format!("access_numbers: {numbers}")).await;
}

#[tokio::test]
async fn what_the_api_takes_comes_back_from_an_export() {
    let long = "长".repeat(60);
    let communities =
        "street,name,area_code,silent_codes,arrival_code\n筼筜街道,文园社区,0592,-,-\n";
    let households = format!(
        "street,community,grid,group,name,building,door\n筼筜街道,文园社区,第一网格,一组,'=HYPERLINK(1),{long},'-1+2\n筼筜街道,文园社区,第一网格,一组,''@x,'abc,＝1\n"
    );
    let store = town().await;
    let files = [("communities.csv", communities), ("households.csv", &*households)];
    run(&store, &files, &options()).await.expect("imports");
    let homes =
        sqlx::query_as("SELECT name, building, door FROM household WHERE 2 < id ORDER BY id");
    let homes: Vec<(String, String, String)> =
        homes.fetch_all(store.directory().reader()).await.expect("reads");
    let text = str::to_owned;
    assert_eq!(
        homes,
        [
            (text("=HYPERLINK(1)"), long.clone(), text("-1+2")),
            (text("'@x"), text("'abc"), text("＝1"))
        ]
    );
    let exported = exported(&store).await;
    assert!(exported[1].ends_with(",#9 *9,,-,-\n"), "{}", exported[1]);
    for cell in [",'=HYPERLINK(1),", ",'-1+2,", ",''@x,", ",'abc,", ",'＝1,"] {
        assert!(exported[4].contains(cell), "{cell}: {}", exported[4]);
    }
    let files = Noun::ALL.map(Noun::file).into_iter().zip(exported.iter().map(|text| &**text));
    let files: Vec<(&str, &str)> = files.collect();
    let report = run(&store, &files, &options()).await.expect("imports its own export");
    assert!(report.changes.iter().all(|(_, changes)| changes.changed + changes.added == 0));
}

#[tokio::test]
async fn columns_and_encodings_that_do_not_fit_are_named() {
    let check = async |files: &[(&str, &str)], expected: &str| {
        assert_eq!(problems(files).await, [expected]);
    };
    check(&[("streets.csv", "")], "streets.csv:1: name: the column is missing").await;
}

#[tokio::test]
async fn an_area_code_does_not_change_alone() {
    let files = [("communities.csv", "street,name,area_code\n筼筜街道,文园社区,010\n")];
    let expected = "communities.csv:2: area_code: the area code changes: lines.csv, contacts.csv, workers.csv and, where there are any, responders.csv are needed, too";
    assert_eq!(problems(&files).await, [expected]);
}

#[tokio::test]
async fn gb18030_utf16_and_marks_are_read() {
    let text = "名称\n筼筜街道\n";
    let utf16: Vec<u8> =
        [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let encodings = [
        text.as_bytes().to_vec(),
        [b"\xef\xbb\xbf", text.as_bytes()].concat(),
        encoding_rs::GB18030.encode(text).0.into_owned(),
        utf16,
    ];
    for bytes in encodings {
        let store = Store::open_in_memory().await.expect("opens");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("streets.csv"), &bytes).expect("writes");
        import(&by(&store), folder.path(), &options()).await.expect("imports");
        assert_eq!(exported(&store).await[0], "\u{feff}name\n筼筜街道\n", "{bytes:x?}");
    }
    let store = Store::open_in_memory().await.expect("opens");
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("streets.csv"), b"name\n\xff\xff\n").expect("writes");
    let error = import(&by(&store), folder.path(), &options()).await.expect_err("refuses");
    assert!(error.to_string().contains("neither UTF-8 nor GB18030"), "{error}");
}

#[tokio::test]
async fn a_folder_without_files_is_named() {
    let store = Store::open_in_memory().await.expect("opens");
    let error = run(&store, &[], &options()).await.expect_err("refuses");
    assert!(matches!(error, ImportError::NoFiles { .. }), "{error:?}");
}

/// The number plan of a load test: groups of ten households and a duty worker, eleven numbers each.
fn number_plan(groups: u32) -> Vec<(&'static str, String)> {
    let mut files: Vec<(&str, String)> = TOWN.map(|(name, _)| (name, String::new())).to_vec();
    let headers = [
        "name",
        "street,name,area_code",
        "street,community,name",
        "street,community,grid,name",
        "street,community,grid,group,name,position",
        "street,community,grid,group,household,account,number",
        "street,community,grid,group,household,name,numbers",
        "street,community,name,on_duty,numbers",
        "street,community,name,code,grid,cover,workers",
        "street,community,name,kind,skills,building,grid,helps_grid,helps_group,helps_household,language,numbers",
    ];
    for (file, header) in files.iter_mut().zip(headers) {
        writeln!(file.1, "{header}").expect("writes");
    }
    files[0].1 += "s\n";
    for group in 0..groups {
        let community = group / 100;
        if group % 100 == 0 {
            writeln!(files[1].1, "s,c{community},0592").expect("writes");
            writeln!(files[2].1, "s,c{community},g").expect("writes");
            writeln!(files[7].1, "s,c{community},w,1,139{community:08}").expect("writes");
        }
        writeln!(files[3].1, "s,c{community},g,{group}").expect("writes");
        for house in 0..10 {
            let number = group * 10 + house;
            let path = format!("s,c{community},g,{group}");
            writeln!(files[4].1, "{path},h{house},{house}").expect("writes");
            writeln!(files[5].1, "{path},h{house},l{number},0592{:07}", 5_000_000 + number)
                .expect("writes");
            writeln!(files[6].1, "{path},h{house},p,138{number:08}").expect("writes");
        }
    }
    files
}

#[tokio::test]
async fn a_large_number_plan_is_imported_quickly() {
    let files = number_plan(500);
    let files: Vec<(&str, &str)> = files.iter().map(|file| (file.0, &*file.1)).collect();
    let store = Store::open_in_memory().await.expect("opens");
    let clock = crate::clock::Clock::system();
    let begun = clock.now();
    let line = counts(&store, &files, &options(), Noun::Line).await;
    let took = clock.now().duration_since(begun);
    assert_eq!(line, [5000, 0, 0, 0]);
    println!("imported 5,000 households, lines and contacts in {took:?}");
    assert!(took.as_secs() < 60, "without optimisation and beside other tests");
}

/// Names with all that CSV, JSON and spreadsheets have to quote.
fn name() -> impl Strategy<Value = String> {
    "'{0,2}[a-zA-Z0-9甲乙丙\"',;\\\\/=+@-]{1,4}([ |,\"]{1,2}[a-z丁]{1,3})?"
}

fn quoted(cells: &[&str]) -> String {
    let guard = |cell: &str| if file::is_guarded("name", cell) { "'" } else { "" };
    let cell = |cell: &&str| format!("\"{}{}\"", guard(cell), cell.replace('"', "\"\""));
    let cells: Vec<String> = cells.iter().map(cell).collect();
    cells.join(",") + "\n"
}

/// A directory of one street, as files: names of households with building, position, phones and flags.
fn random_town() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let household = (name(), name(), 0..5_u16, any::<bool>(), proptest::option::of(0..60_u8));
    let group = (name(), 1..20_u8, proptest::collection::btree_map(name(), household, 0..4));
    let grid = proptest::collection::btree_map(name(), group, 0..3);
    let post = (name(), any::<bool>(), any::<bool>(), any::<bool>());
    let responder = (
        prop::sample::select(vec!["building_head", "patrol", "志愿者", "hotline", "helper"]),
        prop::collection::btree_set(name(), 0..3),
        name(),
        any::<bool>(),
    );
    let grids = proptest::collection::btree_map(name(), grid, 0..3);
    let posts = proptest::collection::btree_map(name(), post, 0..3);
    let responders = proptest::collection::btree_map(name(), responder, 0..3);
    let community = (any::<bool>(), grids, posts, responders);
    proptest::collection::btree_map(name(), community, 0..3).prop_map(|communities| {
        let mut files = number_plan(0);
        files[3].1 = "street,community,grid,name,acknowledgements_wanted\n".into();
        files[4].1 = "street,community,grid,group,name,building,position,language\n".into();
        files[5].1 = "street,community,grid,group,household,account,number,hotline_grace_s,silent,password\n".into();
        let mut count = 0;
        for (community, (is_north, grids, posts, responders)) in &communities {
            files[1].1 += &quoted(&["s", community, if *is_north { "010" } else { "0592" }]);
            files[7].1 += &quoted(&["s", community, "w", "是", "13900000000/sms;8001"]);
            let first_grid = grids.keys().next().map_or("", String::as_str);
            for (post, (code, has_grid, is_held, is_always)) in posts {
                let code: String = code.split_whitespace().collect();
                let grid = if *has_grid { first_grid } else { "" };
                let cover = if *is_always { "" } else { "shifts" };
                let worker = if *is_held { "w" } else { "" };
                files[8].1 += &quoted(&["s", community, post, &code, grid, cover, worker]);
            }
            let homes = grids.iter().flat_map(|(grid, groups)| {
                groups.iter().flat_map(move |(group, (.., households))| {
                    households.keys().map(move |house| [grid.as_str(), group, house])
                })
            });
            let home = homes.clone().next();
            for (responder, (kind, skills, building, has_grid)) in responders {
                // Without a home nobody can help one.
                let kind = if *kind == "helper" && home.is_none() { "street" } else { kind };
                let helps = home.filter(|_| kind == "helper").unwrap_or_default();
                let skills: Vec<&str> = skills.iter().map(String::as_str).collect();
                let skills = json!(skills).to_string();
                let grid = if *has_grid { first_grid } else { "" };
                let row = ["s", community, responder, kind, &skills, building, grid];
                let numbers = ["en", "13700000000;8002/none"];
                files[9].1 += &quoted(&[&row[..], &helps, &numbers].concat());
            }
            for (grid, groups) in grids {
                files[2].1 += &quoted(&["s", community, grid]);
                for (group, (_, wanted, households)) in groups {
                    files[3].1 += &quoted(&["s", community, grid, group, &wanted.to_string()]);
                    for (house, (building, person, position, silent, grace)) in households {
                        count += 1;
                        let path = ["s", community, grid, group];
                        let position = position.to_string();
                        let language = if *silent { "en" } else { "" };
                        files[4].1 += &quoted(&[&path[..], &[house, building, &position, language]].concat());
                        let account = format!("account {count}");
                        let number = (5_000_000 + count).to_string();
                        let grace = grace.map(|grace| grace.to_string()).unwrap_or_default();
                        let silent = u8::from(*silent).to_string();
                        let line = [house, &*account, &number, &grace, &silent, "secret"];
                        files[5].1 += &quoted(&[&path[..], &line].concat());
                        files[6].1 += &quoted(&[&path[..], &[house, person, "13800000000;010-5551234;12349"]].concat());
                    }
                }
            }
        }
        files
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn an_export_of_an_import_of_an_export_is_the_same(files in random_town()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("builds");
        runtime.block_on(async {
            let files: Vec<(&str, &str)> = files.iter().map(|file| (file.0, &*file.1)).collect();
            let store = Store::open_in_memory().await.expect("opens");
            run(&store, &files, &options()).await.expect("imports");
            let first = exported(&store).await;
            let rows: usize = first.iter().map(|text| text.lines().count()).sum();
            let given: usize = files.iter().map(|file| file.1.lines().count()).sum();
            assert_eq!(rows, given, "every row is there");
            let again = Store::open_in_memory().await.expect("opens");
            let names = Noun::ALL.map(Noun::file);
            let files: Vec<(&str, &str)> = names.into_iter().zip(first.iter().map(|text| &**text)).collect();
            run(&again, &files, &options()).await.expect("imports its own export");
            assert_eq!(exported(&again).await, first);
            let report = run(&store, &files, &options()).await.expect("imports over itself");
            assert!(report.changes.iter().all(|(_, changes)| {
                (changes.added, changes.changed, changes.removed) == (0, 0, 0)
            }));
        });
    }

    /// Whatever a disk, an editor or a spreadsheet made of a file: it is refused as a whole, or it is a directory.
    #[test]
    fn a_damaged_file_changes_nothing_or_makes_a_directory(
        damaged in 0..TOWN.len(),
        edits in prop::collection::vec(
            (any::<prop::sample::Index>(), prop::sample::select(b",;\"\n\r\0#*019/+ \xff\xe5x".to_vec())), 1..6),
        replace: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("builds");
        runtime.block_on(async {
            let store = town().await;
            let before = exported(&store).await;
            let folder = folder(&TOWN);
            let (name, text) = TOWN[damaged];
            let mut bytes = text.as_bytes().to_vec();
            for (at, byte) in edits {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            std::fs::write(folder.path().join(name), &bytes).expect("writes");
            match import(&by(&store), folder.path(), &ImportOptions { replace, ..options() }).await {
                Ok(_) => drop(DirectoryHandle::load(&store).await.expect("a directory")),
                Err(ImportError::Problems(_)) => assert_eq!(exported(&store).await, before),
                Err(error) => panic!("{error}"),
            }
        });
    }
}

#[tokio::test]
async fn an_import_that_is_ended_changes_nothing() {
    let store = town().await;
    let before = exported(&store).await;
    let files = [(Noun::Street, "name\n新街道\n".as_bytes().to_vec())];
    let progress = Progress::default();
    let how = (&options(), Within::EVERYTHING, &progress);
    let found = difference(store.directory(), &files, how).await.expect("compares");
    assert_eq!((found.rows.len(), progress.rows()), (1, (1, 2)));
    progress.cancel();
    let ended = import_files(&by(&store), &files, how, Some(&found.digest)).await;
    assert!(matches!(ended, Err(ImportError::Cancelled)), "{ended:?}");
    let ended = difference(store.directory(), &files, how).await;
    assert!(matches!(ended, Err(ImportError::Cancelled)), "{ended:?}");
    assert_eq!(exported(&store).await, before);
}

#[tokio::test]
async fn what_is_shown_is_what_is_applied() {
    let store = town().await;
    let households =
        "street,community,grid,group,name,door\n筼筜街道,文园社区,第一网格,一组,陈阿姨,503\n";
    let lines = "street,community,grid,group,household,account,number\n筼筜街道,文园社区,第一网格,一组,陈阿姨,a2,5551235\n";
    let files = [
        (Noun::Household, households.as_bytes().to_vec()),
        (Noun::Line, lines.as_bytes().to_vec()),
    ];
    let progress = Progress::default();
    let how = (&options(), Within::EVERYTHING, &progress);
    let found = difference(store.directory(), &files, how).await.expect("compares");
    let again = difference(store.directory(), &files, how).await.expect("compares");
    assert_eq!(found, again, "the same every time");
    let moved = &found.rows[1];
    assert_eq!(
        (moved.noun, moved.name.as_str(), moved.above.as_deref()),
        (Noun::Line, "a2", Some("陈阿姨"))
    );
    let household = moved.changes.iter().find(|cell| cell.column == "household").expect("it moves");
    assert_eq!(
        (household.before.as_deref(), household.after.as_deref()),
        (Some("李强"), Some("陈阿姨"))
    );
    let other = import_files(&by(&store), &files, how, Some("0")).await;
    assert!(matches!(other, Err(ImportError::Changed)), "{other:?}");
    let (_, change) =
        import_files(&by(&store), &files, how, Some(&found.digest)).await.expect("imports");
    let after = exported(&store).await;
    let change = change.expect("a change");
    undo_change(&by(&store), change, crate::store::reach::Reach::Everything).await.expect("undoes");
    assert_ne!(exported(&store).await, after);
    let twice = undo_change(&by(&store), change, crate::store::reach::Reach::Everything).await;
    assert!(matches!(twice, Err(UndoChangeError::Changed)), "{twice:?}");
}
