//! What takes long: the page of a responder over 2G, and an import that is watched and cancelled.

use crate::browser::{Browser, CHINESE, Look};
use crate::hand::ENGLISH_PLAIN;
use crate::people::arrives;
use crate::responder::{link, raised};
use crate::stage::{Stage, living_story, story};
use fantoccini::Locator;
use serde_json::json;
use std::fmt::Write;

/// Bytes of the page with all that belongs to it, as they come over the line.
const BYTES_MAX: u64 = 30 * 1024;
/// One that lets it ring: 老周.
const ZHOU: &str = "13805551201";
/// Requests, their bytes with heads, and milliseconds until the page can be used and is complete.
const COST: &str = "const page = performance.getEntriesByType('navigation')[0]; const rest = \
     performance.getEntriesByType('resource'); return [1 + rest.length, page.transferSize + rest.reduce((sum, one) => sum + \
     one.transferSize, 0), Math.round(page.domInteractive), Math.round(page.loadEventEnd)]";

#[test]
fn a_neighbour_answers_over_2g_with_one_request() {
    living_story(CHINESE, async |browser, stage, town| {
        let alarm = raised(stage, town);
        let link = link(stage, town, ZHOU);
        browser.tool("Network.enable", json!({})).await;
        // Bytes a second: 30 kbit/s each way.
        let line = json!({"offline": false, "latency": 800, "downloadThroughput": 3_750, "uploadThroughput": 3_750});
        browser.tool("Network.emulateNetworkConditions", line).await;
        browser.goto(&link).await;
        let cost = browser.run(COST).await;
        let (requests, bytes, usable, whole): (u64, u64, u64, u64) =
            serde_json::from_value(cost).expect("four numbers");
        eprintln!(
            "{requests} request, {bytes} bytes, usable after {usable} ms, whole after {whole} ms"
        );
        assert_eq!(requests, 1);
        assert!(0 < bytes && bytes <= BYTES_MAX, "{bytes}");
        assert!(800 <= usable, "the line is slow: {usable}");
        browser.press("button.go").await;
        browser.find("[role='status']").await;
        stage.until(&format!("/alarms/{alarm}"), |alarm| {
            alarm["board"]["people"].to_string().contains("老周家")
        });
    });
}

/// Rows of an import that nobody waits for.
const ROWS: usize = 150_000;

/// How many rows are done, as the page says.
async fn done(browser: &Browser) -> u64 {
    let done = browser.run("return document.querySelector('main progress')?.value ?? 0").await;
    done.as_f64().map_or(0, |done| done as u64)
}

async fn watches_and_cancels(browser: &Browser, stage: &Stage, look: Look) {
    arrives(browser, stage, "admin").await;
    let before = stage.get("/contacts?household_id=1&limit=200");
    let mut rows = String::from("street,community,grid,group,household,name,numbers\n");
    for at in 0..ROWS {
        let _ = writeln!(rows, "湖滨街道,文园社区,第一网格,3号楼一组,陈阿姨,人{at},138{at:08}");
    }
    browser.goto(&stage.page("/directory/import")).await;
    browser.attach("file", &[stage.file("contacts.csv", rows)]).await;
    browser.press("main button.main").await;
    browser.find("main [data-soon] progress").await;
    browser.waits_for(look.t("正在核对", "Comparing")).await;
    let first = done(browser).await;
    let moved = async {
        while done(browser).await <= first {
            if !look.has_script {
                browser.press("main p a.button").await;
            }
            assert!(
                browser.has("main [data-soon]").await,
                "it was over before it could be watched"
            );
        }
    };
    tokio::time::timeout(crate::browser::LONGEST, moved).await.expect("it goes on");
    let import = browser.client.current_url().await.expect("is somewhere").path().to_owned();
    browser.press("main form[action$='/discard'] button").await;
    let nothing = look.t("没有导入", "Thrown away");
    browser.find_at(Locator::XPath(&format!("//main[contains(., '{nothing}')]"))).await;
    assert!(!browser.has("main progress").await);
    browser.goto(&stage.page(&import)).await;
    browser.find("main h1").await;
    assert!(!browser.has("main progress").await, "it goes on, out of sight");
    assert_eq!(stage.get("/contacts?household_id=1&limit=200"), before);
}

#[test]
fn an_import_is_watched_and_cancelled() {
    story(CHINESE, async |browser, stage| watches_and_cancels(browser, stage, CHINESE).await);
}

#[test]
fn an_import_is_watched_and_cancelled_in_english_without_script() {
    story(ENGLISH_PLAIN, async |browser, stage| {
        watches_and_cancels(browser, stage, ENGLISH_PLAIN).await;
    });
}
