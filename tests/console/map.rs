//! The map: a drawing is sent, a building is put on it by a click, by numbers and by dragging, an alarm comes to it by itself, and
//! nothing is fetched from elsewhere.

use crate::browser::{Browser, CHINESE, Look};
use crate::hand::ENGLISH_PLAIN;
use crate::people::arrives;
use crate::stage::{Stage, story};
use fantoccini::actions::{
    InputSource, KeyAction, KeyActions, MOUSE_BUTTON_LEFT, MouseActions, PointerAction,
    TouchActions,
};
use fantoccini::key::Key;
use serde_json::json;
use std::time::Duration;

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
    browser.leaves_by("input.clicked").await;
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

/// Where the building stands that is dragged, and its plan: left, top, width, height.
const STANDS: &str = "const box = (selector) => { const it = document.querySelector(selector).getBoundingClientRect(); \
     return [it.left, it.top, it.width, it.height] }; return [box('.pin'), box('.ground')]";

/// The middle of the building, in thousandths of the plan.
async fn stands_at(browser: &Browser) -> [f64; 2] {
    let [pin, plan] = boxes(browser).await;
    [0, 1].map(|at| (pin[at] + pin[at + 2] / 2.0 - plan[at]) / plan[at + 2] * 1000.0)
}

async fn boxes(browser: &Browser) -> [[f64; 4]; 2] {
    serde_json::from_value(browser.run(STANDS).await).expect("two boxes")
}

/// The real pointer takes hold of the building, off its middle, and drags it there.
async fn drags(browser: &Browser, by_touch: bool, to: [f64; 2], lets_go: bool) {
    browser.run("document.querySelector('.ground').scrollIntoView()").await;
    let [pin, plan] = boxes(browser).await;
    let hold = [0, 1].map(|at| pin[at] + pin[at + 2] / 2.0 + 5.0);
    let drop = [0, 1].map(|at| plan[at] + plan[at + 2] * to[at] / 1000.0 + 5.0);
    let between = [0, 1].map(|at| f64::midpoint(hold[at], drop[at]));
    let step = |[x, y]: [f64; 2]| PointerAction::MoveTo {
        duration: Some(Duration::from_millis(20)),
        x: x.round(),
        y: y.round(),
    };
    let mut steps = vec![
        step(hold),
        PointerAction::Down { button: MOUSE_BUTTON_LEFT },
        step(between),
        step(drop),
    ];
    if lets_go {
        steps.push(PointerAction::Up { button: MOUSE_BUTTON_LEFT });
    }
    let client = &browser.client;
    let dragged = if by_touch {
        let pointer = TouchActions::new("finger".to_owned());
        client.perform_actions(steps.into_iter().fold(pointer, TouchActions::then)).await
    } else {
        let pointer = MouseActions::new("mouse".to_owned());
        client.perform_actions(steps.into_iter().fold(pointer, MouseActions::then)).await
    };
    dragged.expect("is dragged");
}

/// With script a building goes where the pointer takes it, the numbers follow, and the form saves.
async fn drags_a_building(browser: &Browser, stage: &Stage, look: Look) {
    let saved = look.t("已保存", "Saved");
    let close = |[x, y]: [f64; 2], [a, b]: [f64; 2]| (x - a).abs() < 3.0 && (y - b).abs() < 3.0;
    for (by_touch, to) in [(false, [600.0, 700.0]), (true, [300.0, 200.0])] {
        browser.goto(&stage.page("/map/1/plan")).await;
        let before = spots(stage);
        browser.find(".pin").await;
        drags(browser, by_touch, to, true).await;
        let at = stands_at(browser).await;
        assert!(close(at, to), "{at:?} is not {to:?}");
        let typed = [browser.value("x.0").await, browser.value("y.0").await];
        let typed = typed.map(|text| text.parse::<f64>().expect("a number"));
        assert!(close(typed, to), "{typed:?}");
        assert_eq!(spots(stage), before, "nothing is saved yet");
        browser.press("#drag button").await;
        browser.waits_for(saved).await;
        assert_eq!(spots(stage)[0]["x"].as_f64(), Some(typed[0]));
        assert_eq!(spots(stage)[0]["y"].as_f64(), Some(typed[1]));
        let at = stands_at(browser).await;
        assert!(close(at, to), "{at:?} is not {to:?}");
    }
    // Who thinks better of it has it back, and numbers that are typed move it.
    drags(browser, false, [900.0, 900.0], false).await;
    let escape = KeyActions::new("keys".to_owned());
    let escape = escape.then(KeyAction::Down { value: char::from(Key::Escape) });
    browser.client.perform_actions(escape).await.expect("is pressed");
    assert!(close(stands_at(browser).await, [300.0, 200.0]));
    browser.client.release_actions().await.expect("is let go");
    browser.fill("x.0", "450").await;
    assert!(close(stands_at(browser).await, [450.0, 200.0]));
    browser.looks_right("map-dragged").await;
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
    if look.has_script {
        drags_a_building(browser, stage, look).await;
    } else {
        // Nothing is promised that is not there.
        assert!(!browser.has(".pin").await && !browser.has("#drag:not([hidden])").await);
    }
    sees_an_alarm_on_it(browser, stage, look).await;
    browser.goto(&stage.page("/map/1/plan")).await;
    browser.leaves_by("form[action$='/plan/remove'] button").await;
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
