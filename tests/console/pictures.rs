//! The pictures of the README: `make screenshots` draws them into docs/screenshots. Without `LIANFANG_SCREENSHOTS` there
//! is nothing to draw.

use crate::browser::{Browser, CHINESE, ENGLISH};
use crate::people::arrives;
use crate::stage::{Stage, living_story};
use crate::town::Town;
use serde_json::json;
use std::ffi::OsString;
use std::path::PathBuf;

/// Bytes of a picture, so that the README opens over a slow line.
const BYTES_MAX: usize = 150 * 1024;
/// A picture that is too large is cut below, but not lower than so.
const LOWEST: u32 = 480;
/// Other buildings of the estate: number, and where on the plan.
const BUILDINGS: [(&str, u32, u32); 5] =
    [("1", 160, 260), ("2", 370, 220), ("5", 300, 640), ("6", 640, 650), ("7", 800, 420)];
/// Where building 3 is.
const OURS: (u32, u32) = (640, 300);
const FAMILIES: [&str; 8] =
    ["许家", "蔡伯家", "柯阿姨", "洪家", "曾老师家", "苏家", "杜师傅家", "叶奶奶"];
/// Other lines of the group.
const LINES: [&str; 9] = ["302", "402", "201", "202", "301", "401", "101", "102", "501"];

/// Makes the page itself so large; a window has borders besides.
async fn resizes(browser: &Browser, (width, height): (u32, u32)) {
    browser.client.set_window_size(width, height).await.expect("is resized");
    let inner = browser.run("return [innerWidth, innerHeight]").await;
    let inner: (u32, u32) = serde_json::from_value(inner).expect("two numbers");
    let whole = (2 * width - inner.0, 2 * height - inner.1);
    browser.client.set_window_size(whole.0, whole.1).await.expect("is resized");
}

/// Draws what the browser is at, as high as it has to be.
async fn draws(browser: &Browser, folder: &OsString, name: &str, size: (u32, u32)) {
    let (width, mut height) = size;
    loop {
        resizes(browser, (width, height)).await;
        // A click lets the sound on, which is asked for else.
        browser.press("h1").await;
        browser.run("document.activeElement.blur(); scrollTo(0, 0)").await;
        let picture = browser.client.screenshot().await.expect("is drawn");
        if picture.len() <= BYTES_MAX {
            let file = PathBuf::from(folder).join(format!("{name}.png"));
            std::fs::write(file, picture).expect("is written");
            return;
        }
        height -= height / 10;
        assert!(LOWEST < height, "{name} has {} bytes", picture.len());
    }
}

/// A plan of the estate, as a property manager would have one.
async fn plan(browser: &Browser) -> Vec<u8> {
    let block = |(x, y): (u32, u32)| {
        let (x, y) = (x.saturating_sub(70), y * 7 / 10);
        format!(
            "<rect x='{x}' y='{y}' width='140' height='64' fill='%23d9d3c7' stroke='%23857f73'/>"
        )
    };
    let blocks = BUILDINGS.map(|(_, x, y)| block((x, y))).concat() + &block(OURS);
    let picture = format!(
        "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1000 700' width='1000' height='700'>\
         <rect width='1000' height='700' fill='%23eef2e6'/><path d='M0 400H1000M500 0V700' stroke='white' stroke-width='44'/>\
         <path d='M60 620Q300 540 560 600T980 560' stroke='%23a9cbe0' stroke-width='46' fill='none'/>\
         <circle cx='120' cy='480' r='34' fill='%23bcd6a8'/><circle cx='820' cy='470' r='46' fill='%23bcd6a8'/>\
         <circle cx='900' cy='120' r='52' fill='%23bcd6a8'/>{blocks}</svg>"
    );
    browser.goto(&picture).await;
    resizes(browser, (1000, 700)).await;
    browser.client.screenshot().await.expect("is drawn")
}

/// Neighbours in the buildings around, without telephones of their own yet.
fn builds(stage: &Stage) {
    for (at, (building, ..)) in BUILDINGS.into_iter().enumerate() {
        let group = json!({"grid_id": 1, "name": format!("{building}号楼一组"), "acknowledgements_wanted": 2});
        let group = stage.post("/groups", &group)["id"].clone();
        for (place, family) in FAMILIES.into_iter().enumerate() {
            let door = format!("{}0{}", place / 2 + 1, place % 2 + 1);
            let household = json!({"group_id": group, "name": family, "place": "文园小区", "building": building,
                "unit": "1", "floor": (place / 2 + 1).to_string(), "door": door, "position": place});
            let household = stage.post("/households", &household)["id"].clone();
            let number = format!("0592-555{}{place}{}", 6 + at / 4, 10 + at);
            let line = json!({"household_id": household, "account": format!("wy{building}-{door}"), "number": number,
                "hotline_grace_s": null, "is_silent": false});
            stage.post("/lines", &line);
            let contact = json!({"household_id": household, "name": family, "rank": 0, "numbers": [
                {"number": format!("1380559{building}{door}")}]});
            stage.post("/contacts", &contact);
        }
    }
}

async fn puts_up_the_plan(browser: &Browser, stage: &Stage) {
    let plan = stage.file("plan.png", plan(browser).await);
    browser.goto(&stage.page("/map/1/plan")).await;
    browser.attach("picture", &[plan]).await;
    browser.press("main button.main").await;
    browser.waits_for("已保存").await;
    let names = browser.run("return [...document.querySelectorAll('[name^=\"building.\"]')].slice(-6).map((one) => one.value)");
    let names: Vec<String> = serde_json::from_value(names.await).expect("buildings");
    for (at, name) in names.iter().enumerate() {
        let spot = BUILDINGS.iter().find(|(building, ..)| building == name);
        let (x, y) = spot.map_or(OURS, |(_, x, y)| (*x, *y));
        browser.fill(&format!("x.{at}"), &x.to_string()).await;
        browser.fill(&format!("y.{at}"), &(y + 30).to_string()).await;
    }
    browser.press("table + button.main").await;
    browser.waits_for("已保存").await;
}

/// Auntie Chen presses, neighbours answer; another alarm has just come.
fn happens(stage: &Stage, town: &Town) -> String {
    stage.until("/lines/status?limit=1", |lines| lines["items"][0]["state"] == "up");
    town.presses();
    let alarms = stage.until("/alarms?limit=5", |alarms| alarms["items"][0]["id"].is_string());
    let alarm = alarms["items"][0]["id"].as_str().expect("an id").to_owned();
    stage.until(&format!("/alarms/{alarm}"), |alarm| {
        alarm["board"]["people"].as_array().is_some_and(|people| people.len() == 2)
    });
    stage.post(&format!("/alarms/{alarm}/kind"), &json!({"kind": "illness"}));
    stage.post(&format!("/alarms/{alarm}/notes"), &json!({"text": "钥匙在 302 李强家"}));
    alarm
}

async fn draws_all(browser: &Browser, stage: &Stage, (folder, lang): (&OsString, &str)) {
    for (name, path, size) in [("wall", "/", (1200, 770)), ("map", "/map/1", (1200, 1060))] {
        browser.goto(&stage.page(&format!("{path}?lang={lang}"))).await;
        draws(browser, folder, &format!("{name}-{lang}"), size).await;
    }
}

#[test]
fn pictures_of_the_readme() {
    let Some(folder) = std::env::var_os("LIANFANG_SCREENSHOTS") else { return };
    living_story(CHINESE, async |browser, stage, town| {
        for door in LINES {
            town.registers(&format!("05925551{door}"));
        }
        arrives(browser, stage, "admin").await;
        builds(stage);
        puts_up_the_plan(browser, stage).await;
        let alarm = happens(stage, town);
        browser.goto(&stage.page(&format!("/alarms/{alarm}"))).await;
        browser.leaves_by("form[action$='/take'] button").await;
        stage.raises("wy7-302");
        draws_all(browser, stage, (&folder, "zh-CN")).await;
        draws_all(browser, stage, (&folder, "en")).await;
        let neighbour = crate::responder::link(stage, town, "13805551201");
        let english = Browser::open(ENGLISH).await;
        for (browser, lang) in [(browser, "zh-CN"), (&english, "en")] {
            browser.goto(&neighbour).await;
            draws(browser, &folder, &format!("responder-{lang}"), (320, 620)).await;
        }
        english.close().await;
    });
}
