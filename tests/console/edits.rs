//! Two people at two browsers change the same thing: nothing of either is lost unseen.

use crate::browser::{Browser, CHINESE, Look};
use crate::hand::ENGLISH_PLAIN;
use crate::people::{arrives, joins};
use crate::stage::{Stage, story};

/// The name of a group as the API tells it.
fn name_of(stage: &Stage) -> String {
    let group = stage.ask(|api| api.get_json("/api/v1/groups/1")).expect("is there");
    group["name"].as_str().expect("a name").to_owned()
}

async fn opens_the_group(browser: &Browser, stage: &Stage) {
    browser.goto(&stage.page("/directory/groups/1/edit")).await;
    browser.find("main [name='name']").await;
}

async fn lose_nothing(first: &Browser, stage: &Stage, look: Look) {
    arrives(first, stage, "admin").await;
    let second = Browser::open(look).await;
    joins(&second, stage, "wang").await;
    opens_the_group(first, stage).await;
    opens_the_group(&second, stage).await;
    first.fill("name", "三号楼东").await;
    first.press("main button.main").await;
    first.waits_for("三号楼东").await;
    second.fill("name", "三号楼西").await;
    second.press("main button.main").await;
    // Nothing is saved: what the other wrote stands beside what was typed here.
    second.waits_for(look.t("别人刚刚改过", "Somebody else has just changed this")).await;
    second.waits_for(look.t("现在是：三号楼东", "It is now: 三号楼东")).await;
    assert_eq!(name_of(stage), "三号楼东");
    assert_eq!(second.value("name").await, "三号楼西");
    second.is_looked_at("conflict", look).await;
    // Who has seen both may decide.
    second.press("main button.main").await;
    second.waits_for("三号楼西").await;
    assert_eq!(name_of(stage), "三号楼西");
    second.close().await;
}

#[test]
fn two_browsers_that_edit_one_group_lose_nothing() {
    story(CHINESE, async |first, stage| lose_nothing(first, stage, CHINESE).await);
}

#[test]
fn two_browsers_do_so_in_english_without_script() {
    story(ENGLISH_PLAIN, async |first, stage| lose_nothing(first, stage, ENGLISH_PLAIN).await);
}
