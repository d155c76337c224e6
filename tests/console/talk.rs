//! Talking with the resident from the page of an alarm, and an alarm that is withdrawn.

use crate::browser::CHINESE;
use crate::people::sign_in;
use crate::responder::raised;
use crate::stage::{PASSWORD, living_story};
use lianfang_loadtest::behaviour::Behaviour;
use serde_json::json;
use std::time::Duration;

/// The mobile of Lin Tao, who is not on duty.
const LIN_TAO: &str = "13805550002";

#[test]
fn a_worker_has_their_own_telephone_called_and_talks_then_the_alarm_is_withdrawn() {
    living_story(CHINESE, async |browser, stage, town| {
        let ms = Duration::from_millis;
        town.teaches(LIN_TAO, Behaviour::presses('5', ms(600), ms(1_500)));
        let account = json!({"name": "lintao", "display_name": "林涛", "role": "operator", "worker_id": 2,
            "reach": {"kind": "everything"}, "password": PASSWORD});
        stage.post("/accounts", &account);
        browser.goto(&stage.page("/login")).await;
        sign_in(browser, "lintao", PASSWORD).await;
        browser.find("nav.places").await;
        let alarm = raised(stage, town);
        let path = format!("/alarms/{alarm}");
        browser.goto(&stage.page(&path)).await;
        browser.says(&["呼叫我自己的电话"], &["正在通话：林涛"]).await;
        browser.press("form:has(input[name='who'][value^='worker:2:']) button").await;
        browser.find("main .notice").await;
        let said =
            stage.until(&path, |alarm| alarm["timeline"].to_string().contains("talk_joined"));
        // The page says it by itself.
        browser
            .find_at(fantoccini::Locator::XPath("//*[@id='talk'][contains(., '正在通话：林涛')]"))
            .await;
        let coming = said["board"]["people"].to_string();
        assert!(!coming.contains("林涛"), "to talk is not to come: {coming}");
        browser.press("form[action$='/cancel'] button").await;
        browser.find_at(fantoccini::Locator::XPath("//h1[contains(., '已撤销')]")).await;
        assert_eq!(stage.get(&path)["board"]["state"], "cancelled");
        // Nobody is called for it any more, and it has still to be closed.
        assert!(!browser.has("form[action$='/call-again']").await);
        assert!(browser.has("form[action$='/close']").await);
        browser.goto(&stage.page("/")).await;
        let card = format!("#a-{alarm}[data-alarm]");
        browser.find(&card).await;
        browser.says(&["已撤销"], &["无人接警"]).await;
    });
}
