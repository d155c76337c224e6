//! A drill: planned with one look at how many telephones will ring, told before, run, watched, stopped, reported.

use crate::browser::{Browser, CHINESE, Look};
use crate::hand::ENGLISH_PLAIN;
use crate::people::{arrives, follows};
use crate::stage::{Stage, living_story};
use fantoccini::Locator;
use jiff::tz::TimeZone;
use jiff::{ToSpan, Zoned};
use lianfang::clock::Clock;
use serde_json::Value;

/// A time zone in which it is about noon now: drills ring by day.
fn noon() -> (String, Zoned) {
    let now = Clock::system().now();
    let hour = now.to_zoned(TimeZone::UTC).hour();
    // The names of these zones have their sign the other way round.
    let ahead = 12 - i32::from(hour);
    let name = if ahead == 0 { "Etc/GMT".to_owned() } else { format!("Etc/GMT{:+}", -ahead) };
    let local = now.in_tz(&name).expect("is known");
    (name, local)
}

/// The community is where it is noon, and has a policy by which a drill need not be announced an hour before.
async fn makes_ready(browser: &Browser, stage: &Stage, zone: &str) {
    browser.goto(&stage.page("/directory/communities/1/edit")).await;
    browser.fill("time_zone", zone).await;
    browser.press("main button.main").await;
    browser.waits_for(zone).await;
    browser.goto(&stage.page("/policies/add?community=1")).await;
    browser.fill("name", "随时可演练").await;
    browser.press("main form details summary").await;
    for (name, text) in
        [("drill.from_hour", "0"), ("drill.until_hour", "24"), ("drill.announced_min", "0")]
    {
        browser.fill(name, text).await;
    }
    browser.press("button.main[value='save']").await;
    browser.find("main .notice").await;
}

async fn plans(browser: &Browser, stage: &Stage, (local, look): (&Zoned, Look)) {
    browser.goto(&stage.page("/drills")).await;
    browser.follow(look.t("计划演练", "Plan a drill")).await;
    let at = |seconds: i64| {
        let at = local.checked_add(seconds.seconds()).expect("is soon");
        at.strftime("%Y-%m-%dT%H:%M:%S").to_string()
    };
    browser.run("document.querySelector('form[action=\"/drills/plan\"]').noValidate = true").await;
    browser.fill("per_group", "3").await;
    browser.sets("starts", &at(-60)).await;
    browser.sets("ends", &at(3600)).await;
    for (at, from, until) in [(0, "00:00", "23:59"), (1, "", "")] {
        browser.sets(&format!("from.{at}"), from).await;
        browser.sets(&format!("until.{at}"), until).await;
    }
    browser.fill("announce", "0").await;
    browser.fill("per_minute", "60").await;
    browser.press("main input[name='holidays']").await;
    browser.press("main button.main").await;
    // What is past is no plan; the rest of what was typed stays.
    browser.find("#starts-error").await;
    assert_eq!(browser.value("per_minute").await, "60");
    browser.is_looked_at("drill-refused", look).await;
    browser.run("document.querySelector('form[action=\"/drills/plan\"]').noValidate = true").await;
    let now = Clock::system()
        .now()
        .in_tz(stage.get("/communities/1")["time_zone"].as_str().expect("has one"));
    let soon = now.expect("is known").checked_add(6.seconds()).expect("is soon");
    browser.sets("starts", &soon.strftime("%Y-%m-%dT%H:%M:%S").to_string()).await;
    browser.press("main button.main").await;
    let ring = look.t("部电话响铃", "telephones will ring");
    browser.says(&[ring, look.t("确定计划", "Plan it")], &[]).await;
    assert_eq!(stage.get("/drills")["items"], serde_json::json!([]));
    browser.press("main button.main").await;
    browser.waits_for(look.t("已添加", "Added")).await;
    assert_eq!(stage.get("/drills/1")["plan"]["per_minute"], 60);
}

async fn watches(browser: &Browser, stage: &Stage, look: Look) {
    let began = stage.until("/drills/1", |drill| 0 < drill["started"].as_u64().unwrap_or(0));
    assert!(began["announced_at"].is_string(), "{began}");
    browser.goto(&stage.page("/drills/1")).await;
    let told = [" / 3", look.t("已开始", "began"), look.t("已通知", "told at")];
    browser.says(&told, &[]).await;
    browser.is_looked_at("drill-watched", look).await;
    let other = Browser::open(look).await;
    follows(&other, stage, ("wang", "operator")).await;
    other.find("nav.places").await;
    other.goto(&stage.page("/drills/1")).await;
    other.says(&told, &[look.t("计划演练", "Plan a drill")]).await;
    assert_eq!(other.sends("/drills/plan", "community=1").await, 403);
    other.close().await;
    // On the wall it stands apart and makes no noise.
    browser.goto(&stage.page("/")).await;
    browser.find("#drills li").await;
    browser.says(&[look.t("演练", "Drill")], &[]).await;
    assert!(!browser.has("#alarms li").await);
    browser.goto(&stage.page("/drills/1")).await;
    // It may be over by itself at any moment.
    if let Ok(stop) = browser.client.find(Locator::Css("form[action$='/stop'] button")).await {
        stop.click().await.ok();
    }
    let is_over = |drill: &Value| drill["ended_at"].is_string();
    stage.until("/drills/1", is_over);
}

async fn reports(browser: &Browser, stage: &Stage, look: Look) {
    stage.until("/drills/1/report", |report| 0 < report["homes"].as_u64().unwrap_or(0));
    browser.goto(&stage.page("/drills/1")).await;
    browser.follow(look.t("报告", "Report")).await;
    let long = look.t("用了多久", "How long it took");
    let words = look.t("可以公开的文字", "Words that can be published");
    browser.says(&[look.t("演练报告", "Report of drill"), long, words], &[]).await;
    browser.find("main .charts svg").await;
    browser.is_looked_at("drill-report", look).await;
    // What went out went by a carrier and by a provider of messages, and the page of health knows both.
    browser.goto(&stage.page("/health-page")).await;
    browser.says(&["carrier", "sms", look.t("短信", "SMS"), " / 1000"], &[]).await;
    let routes = stage.get("/health")["routes"].as_array().expect("routes").clone();
    assert!(routes.iter().any(|route| route["name"] == "sms" && route["channel"] == "sms"));
}

async fn holds(browser: &Browser, stage: &Stage, look: Look) {
    arrives(browser, stage, "admin").await;
    let (zone, local) = noon();
    makes_ready(browser, stage, &zone).await;
    plans(browser, stage, (&local, look)).await;
    watches(browser, stage, look).await;
    reports(browser, stage, look).await;
}

#[test]
fn an_admin_holds_a_drill() {
    living_story(CHINESE, async |browser, stage, _| holds(browser, stage, CHINESE).await);
}

#[test]
fn an_admin_holds_a_drill_in_english_without_script() {
    living_story(ENGLISH_PLAIN, async |browser, stage, _| {
        holds(browser, stage, ENGLISH_PLAIN).await;
    });
}
