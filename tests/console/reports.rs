//! What is counted, proven and printed: reports and their sheets, figures for everybody, the audit trail, paper.

use crate::browser::{Browser, CHINESE, ENGLISH, Look};
use crate::hand::ENGLISH_PLAIN;
use crate::people::arrives;
use crate::stage::{LONGEST, Stage, story};
use lianfang::store::ALARMS_FILE;
use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};

/// What is said, in the language of the look.
struct Words {
    by_month: &'static str,
    linked: &'static str,
    published: &'static str,
}

const IN_CHINESE: Words =
    Words { by_month: "按月", linked: "已核对", published: "邻里联防数据" };
const IN_ENGLISH: Words = Words {
    by_month: "By month",
    linked: "Each of these entries",
    published: "neighbours who help",
};

async fn reads_every_report(browser: &Browser, stage: &Stage, (look, words): (Look, &Words)) {
    browser.goto(&stage.page("/reports")).await;
    browser.says(&[words.by_month, "文园社区"], &[]).await;
    let figures = stage.get("/reports/alarms")["total"].clone();
    assert_eq!((&figures["alarms"], &figures["false_alarms"]), (&json!(1), &json!(1)));
    browser.find("main svg rect").await;
    browser.sets("from", "2031-02").await;
    browser.sets("until", "2031-01").await;
    browser.press("form[action='/reports'] button").await;
    browser.find("main .summary").await;
    assert_eq!(browser.value("from").await, "2031-02");
    browser.goto(&stage.page("/reports?community=1")).await;
    let sheets = "return [...document.querySelectorAll('main a')].map((a) => a.getAttribute('href')).filter((a) => \
         a.includes('/csv/'))";
    let mut sheets: Vec<String> =
        serde_json::from_value(browser.run(sheets).await).expect("addresses");
    assert_eq!(sheets.len(), 4);
    sheets.push("/reports/csv/communities".to_owned());
    for sheet in sheets {
        let (status, kind, size) = browser.answer(&sheet).await;
        assert!(
            status == 200 && kind.starts_with("text/csv") && 20 < size,
            "{sheet}: {status} {kind} {size}"
        );
    }
    browser.goto(&stage.page("/reports/lines")).await;
    browser.find("main tbody tr").await;
    browser.looks_right(&format!("report-lines-{}", look.lang)).await;
}

/// What can be read on paper, and what is there that is none of it.
const ON_PAPER: &str = "return [document.body.innerText, [...document.querySelectorAll('nav, header.top, form, button, \
     .noprint, dialog')].filter((one) => one.checkVisibility()).map((one) => one.outerHTML.slice(0, 80))]";

/// A page on paper has these words and nothing to go elsewhere with.
async fn prints(browser: &Browser, stage: &Stage, (path, words): (&str, &[&str])) {
    browser.goto(&stage.page(path)).await;
    is_on_paper(browser, words).await;
}

/// The page that is open has these words on paper and nothing to go elsewhere with.
pub(crate) async fn is_on_paper(browser: &Browser, words: &[&str]) {
    let path = browser.client.current_url().await.expect("is somewhere");
    browser.shows_as("print", false).await;
    let (said, extra): (String, Vec<String>) =
        serde_json::from_value(browser.run(ON_PAPER).await).expect("words and parts");
    browser.shows_as("", false).await;
    assert_eq!(extra, Vec::<String>::new(), "{path}");
    for words in words {
        assert!(said.contains(words), "{path}: no {words} in {said}");
    }
    let paper = browser.tool("Page.printToPDF", json!({})).await;
    // `%PDF-` in Base64.
    assert!(paper["data"].as_str().is_some_and(|data| data.starts_with("JVBERi")), "{path}");
}

/// As many entries are shown as the API has.
async fn shows_what_is_of(browser: &Browser, stage: &Stage, query: &str) {
    let found = stage.get(&format!("/audit?{query}"))["items"].clone();
    let entries = found.as_array().expect("entries").len();
    assert_ne!(entries, 0, "{query}");
    let row = format!("main tbody tr:nth-child({entries}):last-child");
    browser.find(&row).await;
}

/// The trail is searched without an id, its links hold, and it is taken along as a sheet.
async fn reads_the_trail(browser: &Browser, stage: &Stage, words: &Words) {
    browser.goto(&stage.page("/audit?chain=directory")).await;
    browser.says(&[words.linked, "household"], &[]).await;
    browser.choose("noun", "household").await;
    browser.press("form[action='/audit'] button").await;
    browser.press("main td a[href*='noun=household'][href$='id=3']").await;
    browser.says(&["3 household"], &["4 household"]).await;
    let query = "chain=directory&noun=household&id=3";
    shows_what_is_of(browser, stage, query).await;
    // Who did something is chosen by name.
    let actors = stage.get("/audit/actors")["items"].clone();
    let has_acted = |actor: &serde_json::Value| {
        let who = actor["who"].as_str()?;
        let page = stage.get(&format!("/audit?chain=directory&who={who}"));
        page["items"].get(0).map(|_| who.to_owned())
    };
    let who = actors.as_array().expect("a list").iter().find_map(has_acted).expect("somebody");
    browser.goto(&stage.page("/audit?chain=directory")).await;
    browser.choose("who", &who).await;
    browser.press("form[action='/audit'] button").await;
    browser.find(&format!("main option[value='{who}'][selected]")).await;
    shows_what_is_of(browser, stage, &format!("chain=directory&who={who}")).await;
    let sheet = browser.find("main a[download]").await.attr("href").await.expect("has one");
    let (status, kind, size) = browser.answer(&sheet.expect("has one")).await;
    assert!(status == 200 && kind.starts_with("text/csv") && 100 < size, "{status} {kind} {size}");
    browser.goto(&stage.page("/audit?chain=directory&noun=household&id=%23")).await;
    browser.find("#id-error").await;
}

/// All of the trail is verified, with a head that was noted elsewhere; one that the chain does not have is missed.
async fn verifies_the_trail(browser: &Browser, stage: &Stage, look: Look) {
    const PROOF: &str = "/audit/verification";
    let head = stage.get("/audit/head")["items"][1]["note"].as_str().expect("a head").to_owned();
    browser.goto(&stage.page("/audit")).await;
    browser.press("main form[action='/audit/verification'] button").await;
    let whole = look.t("记录完整", "The trail is whole");
    browser.awaits(whole, look).await;
    browser.says(&["directory:", "alarms:"], &[]).await;
    browser.is_looked_at("audit-verified", look).await;
    browser.fill("heads", "x").await;
    browser.press("main button.main").await;
    browser.find("#heads-error").await;
    let cut_off = format!("directory:999999:{}", "9f".repeat(32));
    for (head, words) in [(&head, whole), (&cut_off, look.t("末尾被截去", "its end was cut off"))]
    {
        let before = stage.get(PROOF)["begun_at"].clone();
        browser.fill("heads", head).await;
        browser.press("main button.main").await;
        // What the page said before says nothing of this time.
        stage.until(PROOF, |proof| proof["begun_at"] != before && proof["state"] != "running");
        browser.goto(&stage.page(PROOF)).await;
        browser.waits_for(words).await;
    }
    browser.find("main p.danger").await;
    let found = stage.get(PROOF);
    assert_eq!(
        (&found["state"], &found["chains"][1]["faults_total"]),
        (&json!("broken"), &json!(1))
    );
}

/// The trail of alarms, for who has the file.
async fn writes_the_trail(stage: &Stage, sql: &'static str) {
    let file = stage.setup.folder.join("data").join(ALARMS_FILE);
    // Neither checked nor on disk at once: it is only there to be read.
    let options = SqliteConnectOptions::new().filename(file).busy_timeout(LONGEST);
    let options = options.foreign_keys(false).synchronous(SqliteSynchronous::Off);
    let mut connection = options.connect().await.expect("opens");
    sqlx::query(sql).execute(&mut connection).await.expect("is written");
    connection.close().await.expect("closes");
}

/// A trail that takes far longer to read than to press a button is begun, and cancelled halfway; then it is begun anew.
async fn cancels_a_verification(browser: &Browser, stage: &Stage, look: Look) {
    const PROOF: &str = "/audit/verification";
    const LENGTHEN: &str = "WITH RECURSIVE place (sequence) AS (SELECT MAX(sequence) + 1 FROM audit
            UNION ALL SELECT sequence + 1 FROM place LIMIT 400000)
        INSERT INTO audit (sequence, at_us, actor, action, noun, row_id, number, count, previous_hash, hash)
        SELECT sequence, 0, 'service', 'append', 'alarm_event', 0, 0, 0, randomblob(32), randomblob(32) FROM place";
    writes_the_trail(stage, LENGTHEN).await;
    browser.goto(&stage.page(PROOF)).await;
    browser.press("main button.main").await;
    browser.waits_for(look.t("正在验证", "Verifying")).await;
    let running = stage.until(PROOF, |proof| proof["read"] != 0);
    assert_eq!(running["state"], "running");
    browser.press("main form[action='/audit/verification/cancel'] button").await;
    browser.awaits(look.t("没有读完就被取消", "was cancelled before its end"), look).await;
    assert!(
        !browser.has("main progress").await && !browser.has("main form[action$='/cancel']").await
    );
    let cancelled = stage.get(PROOF);
    assert_eq!(cancelled["state"], "cancelled");
    assert_eq!(cancelled["begun_at"], running["begun_at"]);
    assert!(cancelled["read"].as_u64() < cancelled["entries"].as_u64(), "{cancelled}");
    browser.is_looked_at("audit-cancelled", look).await;
    writes_the_trail(stage, "DELETE FROM audit WHERE at_us = 0").await;
    browser.press("main button.main").await;
    browser.awaits(look.t("记录完整", "The trail is whole"), look).await;
}

/// Words find a row of the directory, for whoever may search.
async fn finds_a_row_by_its_name(browser: &Browser, stage: &Stage) {
    browser.goto(&stage.page("/audit?chain=directory")).await;
    browser.fill("words", "陈阿姨").await;
    browser.leaves_by("form[action='/audit'] button").await;
    browser.looks_right("audit-found").await;
    browser.press("section a[href*='noun=household']").await;
    browser.waits_for("household 陈阿姨").await;
    let path = browser.client.current_url().await.expect("is somewhere");
    let query = path.query().expect("asks for something").to_owned();
    shows_what_is_of(browser, stage, &query).await;
    browser.press("#id a[href^='/directory/households/']").await;
    browser.press("main a[href*='/audit?']").await;
    browser.waits_for("household 陈阿姨").await;
}

/// An alarm is found by its community, and its own page leads to its entries.
async fn finds_an_alarm_by_its_place(browser: &Browser, stage: &Stage) {
    let alarm = stage.get("/alarms")["items"][0]["id"].as_str().expect("an id").to_owned();
    browser.goto(&stage.page("/audit")).await;
    browser.choose("community", "1").await;
    browser.press("form[action='/audit'] button").await;
    browser.press(&format!("section a[href$='id={alarm}']")).await;
    let query = format!("chain=alarms&id={alarm}");
    shows_what_is_of(browser, stage, &query).await;
    browser.press("#id a[href^='/alarms/']").await;
    browser.press("main a[href*='/audit?chain=alarms']").await;
    shows_what_is_of(browser, stage, &query).await;
    browser.says(&[&alarm], &[]).await;
}

/// What is told to everybody needs no signing in, and gives nobody away.
async fn reads_what_is_public(browser: &Browser, stage: &Stage, (look, words): (Look, &Words)) {
    browser.client.delete_all_cookies().await.expect("are forgotten");
    browser.goto(&stage.page("/public")).await;
    browser.press("main a[href='/public/1']").await;
    browser.says(&[words.published], &["陈阿姨", "502", "0592"]).await;
    browser.looks_right(&format!("public-{}", look.lang)).await;
    browser.goto(&stage.page("/public/2")).await;
    browser.find("main h1").await;
    assert!(!browser.words_of("main").await.contains(words.published));
    browser.goto(&stage.page("/reports")).await;
    browser.find("main [name='password']").await;
}

fn has_happened(stage: &Stage) {
    let alarm = stage.raises("05925551502");
    stage.post(&format!("/alarms/{alarm}/close"), &json!({"outcome": "false_alarm"}));
    stage.until("/reports/alarms", |report| report["total"]["alarms"] == 1);
}

#[test]
fn an_auditor_reads_reports_and_the_trail() {
    story(CHINESE, async |browser, stage| {
        has_happened(stage);
        arrives(browser, stage, "auditor").await;
        reads_every_report(browser, stage, (CHINESE, &IN_CHINESE)).await;
        reads_the_trail(browser, stage, &IN_CHINESE).await;
        verifies_the_trail(browser, stage, CHINESE).await;
        cancels_a_verification(browser, stage, CHINESE).await;
        finds_an_alarm_by_its_place(browser, stage).await;
        nothing_acts(browser, stage).await;
        let alarm = stage.get("/alarms?limit=5")["items"][0]["id"].clone();
        let dossier = format!("/alarms/{}/dossier", alarm.as_str().expect("an id"));
        prints(browser, stage, ("/reports", &["文园社区", IN_CHINESE.by_month, "误报"])).await;
        prints(browser, stage, ("/reports/lines", &["文园社区"])).await;
        prints(browser, stage, (&dossier, &["302", "李强"])).await;
        reads_what_is_public(browser, stage, (CHINESE, &IN_CHINESE)).await;
    });
}

#[test]
fn an_auditor_does_so_in_english_without_script() {
    story(ENGLISH_PLAIN, async |browser, stage| {
        has_happened(stage);
        arrives(browser, stage, "auditor").await;
        reads_every_report(browser, stage, (ENGLISH_PLAIN, &IN_ENGLISH)).await;
        reads_the_trail(browser, stage, &IN_ENGLISH).await;
        verifies_the_trail(browser, stage, ENGLISH_PLAIN).await;
        cancels_a_verification(browser, stage, ENGLISH_PLAIN).await;
        finds_an_alarm_by_its_place(browser, stage).await;
    });
}

/// Bytes of a page, and what is written of the numbers of the messages that it has in full.
const PART: &str = "return [performance.getEntriesByType('navigation')[0].decodedBodySize, [...document.querySelectorAll('pre')]\
     .map((one) => one.textContent).join('').match(/CSeq: \\d+ OPTIONS/g) ?? [], document.querySelector('.part').textContent]";

/// Which part of three it says that it is.
fn numbered(look: Look, part: u32) -> String {
    let (before, behind) = (look.t("第", "Part"), look.t("部分，共 3 部分", "of 3"));
    format!("{before} {part} {behind}")
}

/// A dossier that a page has no room for is read part by part to its end, and each part is printed: nothing is missing
/// and nothing stands twice.
async fn reads_a_long_dossier(browser: &Browser, stage: &Stage, look: Look) {
    const MESSAGES: u32 = 45;
    let alarm = stage.get("/alarms?limit=5")["items"][0]["id"].clone();
    let path = format!("/alarms/{}/dossier", alarm.as_str().expect("an id"));
    stage.traces(alarm.as_str().expect("an id"), MESSAGES);
    browser.goto(&stage.page(&path)).await;
    browser.is_looked_at("dossier-first", look).await;
    browser.says(&[&numbered(look, 1), look.t("目录", "Contents")], &[]).await;
    let (mut numbers, mut part) = (Vec::new(), 1);
    loop {
        let told = numbered(look, part);
        if look.has_script {
            let here = browser.client.current_url().await.expect("is somewhere");
            let here = format!("{}?{}", here.path(), here.query().unwrap_or_default());
            prints(browser, stage, (&here, &["502", &told])).await;
        }
        let found = browser.run(PART).await;
        let (bytes, found, said): (u64, Vec<String>, String) =
            serde_json::from_value(found).expect("what a part has");
        assert!(bytes <= 100 * 1024, "part {part}: {bytes} bytes");
        assert_eq!(said, told);
        numbers.extend(found);
        if !browser.has("main nav:last-of-type a[rel='next']").await {
            break;
        }
        browser.press("main nav:last-of-type a[rel='next']").await;
        part += 1;
        browser.waits_for(&numbered(look, part)).await;
    }
    browser.is_looked_at("dossier-last", look).await;
    let wanted: Vec<String> =
        (0..MESSAGES).map(|number| format!("CSeq: {number} OPTIONS")).collect();
    assert_eq!((part, numbers), (3, wanted));
    // The contents lead from the first part to where a chapter begins.
    browser.press("main nav a[href*='part=1&']:last-of-type").await;
    browser.press("#contents a[href$='#messages']").await;
    browser.find("h2#messages").await;
    browser.press("main nav a[rel='next']").await;
    browser.find("main nav a[rel='prev']").await;
}

#[test]
fn an_auditor_prints_a_long_dossier_part_by_part() {
    story(CHINESE, async |browser, stage| {
        has_happened(stage);
        arrives(browser, stage, "auditor").await;
        reads_a_long_dossier(browser, stage, CHINESE).await;
    });
}

#[test]
fn an_auditor_reads_a_long_dossier_in_english_without_script() {
    story(ENGLISH_PLAIN, async |browser, stage| {
        has_happened(stage);
        arrives(browser, stage, "auditor").await;
        reads_a_long_dossier(browser, stage, ENGLISH_PLAIN).await;
    });
}

/// An auditor sees and changes nothing: no page has a form, and a form that is written by hand is refused.
async fn nothing_acts(browser: &Browser, stage: &Stage) {
    let alarm = stage.raises("05925551302");
    const OWN: &str = "return [...document.querySelectorAll('form[method=post]')].map((form) => \
         new URL(form.action).pathname).filter((path) => !['/look', '/logout', '/audit/verification'].includes(path))";
    let alarm_page = format!("/alarms/{alarm}");
    let pages = [
        "/alarms",
        alarm_page.as_str(),
        "/roster",
        "/roster/1",
        "/policies",
        "/drills",
        "/reports",
        "/audit",
    ];
    for page in pages {
        browser.goto(&stage.page(page)).await;
        assert_eq!(browser.run(OWN).await, json!([]), "{page}");
    }
    for (path, fields) in [
        (format!("/alarms/{alarm}/take"), ""),
        (format!("/alarms/{alarm}/close"), "outcome=test&sure=1"),
        ("/directory/groups/1/edit".to_owned(), "name=x"),
        ("/directory/households/1/remove".to_owned(), "etag=1"),
        (
            "/roster/1/overrides/add".to_owned(),
            "post_id=1&worker_id=2&from=2031-01-01T00:00&to=2031-01-02T00:00",
        ),
        ("/policies/add?community=1".to_owned(), "do=save&name=x"),
        ("/drills/plan".to_owned(), "sure=1&community=1"),
        ("/accounts/new".to_owned(), "name=xx&role=admin"),
        ("/settings/webhooks/new".to_owned(), "url=https://hooks.example.com/"),
        ("/map/1/plan/spots".to_owned(), "row=0&x.0=1&y.0=1"),
    ] {
        let status = browser.sends(&path, fields).await;
        assert!(matches!(status, 403 | 404 | 405 | 422), "{path}: {status}");
    }
    let after = stage.get(&format!("/alarms/{alarm}"));
    assert!(after["closed_at"].is_null() && after["board"]["in_hand"].is_null(), "{after}");
    assert_eq!(stage.get("/groups/1")["name"], "3号楼一组");
    assert_eq!(stage.get("/drills")["items"], json!([]));
    assert_eq!(stage.get("/accounts")["items"].as_array().map(Vec::len), Some(1));
}

#[test]
fn an_admin_prints_what_is_needed_when_nothing_works() {
    story(ENGLISH, async |browser, stage| {
        has_happened(stage);
        arrives(browser, stage, "admin").await;
        reads_every_report(browser, stage, (ENGLISH, &IN_ENGLISH)).await;
        reads_the_trail(browser, stage, &IN_ENGLISH).await;
        finds_a_row_by_its_name(browser, stage).await;
        finds_an_alarm_by_its_place(browser, stage).await;
        browser.goto(&stage.page("/paper?community=1")).await;
        browser.press("main button.main").await;
        browser.waits_for("Phone tree").await;
        // On paper numbers stand in full; who prints is entered.
        let said = browser.words_of("main").await;
        assert!(
            said.contains("5551302") && said.contains("王敏") && said.contains("3号楼一组"),
            "{said}"
        );
        let printed = stage.get("/audit?chain=directory&noun=community&id=1").to_string();
        assert!(printed.contains("\"action\":\"read\""), "{printed}");
        is_on_paper(browser, &["Phone tree", "5551302", "王敏", "3号楼一组"]).await;
        reads_what_is_public(browser, stage, (ENGLISH, &IN_ENGLISH)).await;
    });
}
