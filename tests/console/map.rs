//! The map: a drawing is sent, a building is put on it by a click and by numbers, an alarm comes to it by itself, and
//! nothing is fetched from elsewhere.

use crate::browser::{Browser, CHINESE, Look};
use crate::hand::ENGLISH_PLAIN;
use crate::people::arrives;
use crate::stage::{Stage, story};
use serde_json::json;

/// What was loaded from elsewhere.
const ELSEWHERE: &str = "return performance.getEntries().map((one) => one.name).filter((name) => \
     name.includes('://') && !name.startsWith(location.origin))";

fn spots(stage: &Stage) -> serde_json::Value {
    stage.get("/communities/1/plan")["spots"].clone()
}

async fn puts_a_building_on_the_plan(browser: &Browser, stage: &Stage, look: Look) {
    let saved = look.t("已保存", "Saved");
    browser.goto(&stage.page("/map/1")).await;
    // Buildings are drawn as the directory has them where there is no plan.
    browser.find("svg.plan a").await;
    browser.follow(look.t("设置平面图", "Set up the plan")).await;
    let drawing = browser.client.screenshot().await.expect("is drawn");
    browser.attach("picture", &[stage.file("plan.txt", "no picture")]).await;
    browser.press("main button.main").await;
    browser.find("main .summary").await;
    browser.attach("picture", &[stage.file("plan.png", drawing)]).await;
    browser.press("main button.main").await;
    browser.waits_for(saved).await;
    browser.press("input.clicked").await;
    browser.waits_for(saved).await;
    let is_placed = |plan: &serde_json::Value| plan["spots"][0].is_object();
    let placed = stage.until("/communities/1/plan", is_placed)["spots"].clone();
    let middle = |name: &str| placed[0][name].as_i64().is_some_and(|at| (at - 500).abs() < 20);
    assert!(placed[0]["building"] == "3" && middle("x") && middle("y"), "{placed}");
    browser.fill("x.0", "2500").await;
    browser
        .run("document.querySelectorAll('main form').forEach((form) => form.noValidate = true)")
        .await;
    browser.press("table + button.main").await;
    browser.find("#x\\.0-error").await;
    assert_eq!(browser.value("x.0").await, "2500");
    browser.fill("x.0", "250").await;
    browser.fill("y.0", "400").await;
    browser.press("table + button.main").await;
    browser.waits_for(saved).await;
    assert_eq!(spots(stage)[0]["x"], json!(250));
}

async fn sees_an_alarm_on_it(browser: &Browser, stage: &Stage, look: Look) {
    browser.goto(&stage.page("/map/1")).await;
    browser.find("svg.plan image").await;
    assert!(!browser.has("svg.plan path.f-red").await);
    let alarm = stage.raises("05925551502");
    browser.awaits("502", look).await;
    browser.find("svg.plan path.f-red").await;
    browser.find(&format!("#map a[href='/alarms/{alarm}']")).await;
    let loaded =
        browser.client.find(fantoccini::Locator::Css("svg.plan image")).await.expect("is there");
    let picture = loaded.attr("href").await.expect("has one").expect("has one");
    assert_eq!(browser.answer(&picture).await.0, 200);
    browser.is_looked_at("map-alarm", look).await;
    assert_eq!(browser.run(ELSEWHERE).await, json!([]));
    // The floors of the building say it at its door.
    browser.press("main tbody a").await;
    browser.find(&format!("table.doors a[href='/alarms/{alarm}']")).await;
    browser.is_looked_at("map-building", look).await;
}

async fn draws(browser: &Browser, stage: &Stage, look: Look) {
    arrives(browser, stage, "admin").await;
    puts_a_building_on_the_plan(browser, stage, look).await;
    sees_an_alarm_on_it(browser, stage, look).await;
    browser.goto(&stage.page("/map/1/plan")).await;
    browser.press("form[action$='/plan/remove'] button").await;
    browser.goto(&stage.page("/map/1")).await;
    assert!(!browser.has("svg.plan image").await);
}

#[test]
fn an_admin_draws_the_map_and_an_alarm_is_on_it() {
    story(CHINESE, async |browser, stage| draws(browser, stage, CHINESE).await);
}

#[test]
fn an_admin_draws_the_map_in_english_without_script() {
    story(ENGLISH_PLAIN, async |browser, stage| draws(browser, stage, ENGLISH_PLAIN).await);
}
