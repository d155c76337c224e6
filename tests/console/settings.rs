//! Settings: accounts, tokens, webhooks, health, and how the console looks to oneself.

use crate::browser::{Browser, CHINESE, Look};
use crate::hand::ENGLISH_PLAIN;
use crate::people::{arrives, sign_in};
use crate::stage::{HOOKS, PASSWORD, Stage, story};
use serde_json::{Value, json};

/// What is said, in the language of the look.
struct Words {
    saved: &'static str,
    disabled: &'static str,
    revoked: &'static str,
}

const IN_CHINESE: Words = Words { saved: "已保存", disabled: "已停用", revoked: "已吊销" };
const IN_ENGLISH: Words = Words { saved: "Saved.", disabled: "disabled", revoked: "revoked" };

fn accounts(stage: &Stage) -> Vec<Value> {
    stage.get("/accounts")["items"].as_array().expect("accounts").clone()
}

/// What is shown this once.
async fn once(browser: &Browser) -> String {
    let secret = browser.words_of("main kbd.once").await;
    browser.press("main a.button.main").await;
    secret
}

/// Somebody gets an account and signs in with the password of the first day; the next is given anew, then it is over.
async fn keeps_accounts(browser: &Browser, stage: &Stage, (look, words): (Look, &Words)) {
    browser.goto(&stage.page("/accounts")).await;
    browser.press("main a[href='/accounts/new']").await;
    browser.fill("name", "l").await;
    browser.fill("display_name", "林涛").await;
    browser.press("input[name='role'][value='operator']").await;
    browser.choose("reach", "community:1").await;
    browser.press("main button.main").await;
    browser.find("#name-error").await;
    assert_eq!(browser.value("display_name").await, "林涛");
    browser.fill("name", "lintao").await;
    // Who they are is found by name, and what was typed stays.
    browser.fill("person_q", "王敏").await;
    browser.press("main #person_q + button").await;
    browser.find("#person option[value^='worker:']").await;
    assert_eq!(browser.value("name").await, "lintao");
    browser.press("main button.main").await;
    let first = once(browser).await;
    let lin = accounts(stage).into_iter().find(|one| one["name"] == "lintao").expect("is there");
    assert_eq!((&lin["role"], &lin["must_change"]), (&json!("operator"), &json!(true)));
    let page = format!("/accounts/{}", lin["id"]);
    browser.goto(&stage.page(&page)).await;
    browser.press("main a[href$='/password']").await;
    browser.press("main form[action$='/password'] button").await;
    let second = once(browser).await;
    assert!(first != second && 8 < second.len());
    let person = Browser::open(look).await;
    person.goto(&stage.page("/login")).await;
    sign_in(&person, "lintao", &first).await;
    person.find("main .summary").await;
    sign_in(&person, "lintao", &second).await;
    gets_in_with_a_password_of_their_own(&person, stage, (look, &second)).await;
    browser.goto(&stage.page(&page)).await;
    browser.find("main tbody tr").await;
    browser.press("main input[name='is_disabled']").await;
    browser.press("main form.narrow button.main").await;
    browser.waits_for(words.saved).await;
    let lin = stage.get(&page);
    assert_eq!(lin["is_disabled"], true);
    browser.goto(&stage.page("/accounts")).await;
    browser.waits_for(words.disabled).await;
    person.goto(&stage.page("/")).await;
    person.find("main [name='password']").await;
    person.close().await;
}

/// Nothing else is there before; a weak one is refused, with the reason beside it.
async fn gets_in_with_a_password_of_their_own(
    person: &Browser,
    stage: &Stage,
    (look, given): (Look, &str),
) {
    person.waits_for(look.t("请先设置自己的密码", "Please set a password of your own")).await;
    person.goto(&stage.page("/directory")).await;
    for (new, is_taken) in [("12345678", false), (PASSWORD, true)] {
        for (name, text) in [("old", given), ("new", new), ("again", new)] {
            person.fill(name, text).await;
        }
        person.press("main button.main").await;
        if !is_taken {
            person.find("#new-error").await;
            person.is_looked_at("password", look).await;
        }
    }
    person.find("nav.places").await;
}

async fn keeps_tokens(browser: &Browser, stage: &Stage, words: &Words) {
    browser.goto(&stage.page("/accounts/tokens")).await;
    browser.fill("name", "pbx").await;
    browser.choose("scope", "trigger").await;
    browser.press("main form.narrow button").await;
    let secret = once(browser).await;
    assert!(secret.starts_with("lf_"), "{secret}");
    browser.says(&["pbx"], &[&secret]).await;
    let token = |tokens: &Value| {
        let mut items = tokens["items"].as_array().expect("tokens").iter();
        items.find(|one| one["name"] == "pbx").expect("is there").clone()
    };
    assert_eq!(token(&stage.get("/tokens"))["scope"], "trigger");
    let id = token(&stage.get("/tokens"))["id"].clone();
    browser.press(&format!("main a[href='/accounts/tokens/{id}/revoke']")).await;
    browser.press("main form[action$='/revoke'] button").await;
    browser.waits_for(words.revoked).await;
    assert!(token(&stage.get("/tokens"))["revoked_at"].is_string());
}

/// A target that may not be told says why; one that may is made, tried, paused and deleted.
async fn keeps_webhooks(browser: &Browser, stage: &Stage, look: Look) {
    browser.goto(&stage.page("/settings/webhooks/new")).await;
    browser.fill("url", "https://elsewhere.example/alarm").await;
    browser.fill("description", "街道大屏").await;
    browser.press("input[name='event']").await;
    browser.press("main button.main").await;
    browser.find("#url-error").await;
    let why = browser.words_of("#url-error").await;
    assert!(why.contains("allowed_hosts"), "{why}");
    assert_eq!(browser.value("description").await, "街道大屏");
    if look.has_script {
        browser.looks_right("webhook-refused-zh").await;
    }
    browser.fill("url", &format!("https://{HOOKS}/alarm")).await;
    browser.press("main form.narrow button.main").await;
    let secret = once(browser).await;
    assert!(secret.starts_with("whsec_"), "{secret}");
    assert_eq!(stage.get("/webhooks/1")["url"], format!("https://{HOOKS}/alarm"));
    browser.goto(&stage.page("/settings/webhooks/1")).await;
    browser.press("form[action$='/ping'] button").await;
    browser.find("#sent tbody tr").await;
    stage.until("/webhooks/1/deliveries", |sent| sent["items"][0]["attempts"] != json!(0));
    browser.goto(&stage.page("/settings/webhooks/1")).await;
    if look.has_script {
        browser.looks_right("webhook-zh").await;
        browser.goto(&stage.page("/settings/webhooks/1?lang=en")).await;
        browser.looks_right("webhook-en").await;
        browser.goto(&stage.page("/settings/webhooks/1?lang=zh-CN")).await;
    }
    browser.press("form[action$='/pause'] button").await;
    browser.find("form[action$='/pause'] input[name='on']").await;
    assert_eq!(stage.get("/webhooks/1")["is_enabled"], false);
    browser.press("main a[href$='/remove']").await;
    browser.press("form[action$='/remove'] button").await;
    browser.find("main .notice").await;
    assert_eq!(stage.get("/webhooks")["items"], json!([]));
}

/// Routes and what is configured, with no secret in it.
async fn looks_at_health(browser: &Browser, stage: &Stage) {
    browser.goto(&stage.page("/health-page")).await;
    browser.says(&["carrier", "SQLite", "alarms.db"], &[]).await;
    let inside = browser.run("return document.querySelector('main').textContent").await;
    let inside = inside.as_str().expect("text");
    assert!(inside.contains("data_dir") && inside.contains("public_base_url"), "{inside}");
    let routes = stage.get("/health")["routes"].as_array().expect("routes").clone();
    assert!(routes.iter().any(|route| route["name"] == "carrier"), "{routes:?}");
}

/// Night and large type are kept in this browser, the language with the account.
async fn keeps_how_it_looks(browser: &Browser, stage: &Stage, look: Look) {
    browser.goto(&stage.page("/settings")).await;
    browser.press("main input[name='look'][value='night']").await;
    browser.press("main input[name='look'][value='large']").await;
    browser.press("main form[action='/look'] button").await;
    browser.find("html.night.large").await;
    browser.goto(&stage.page("/")).await;
    browser.find("html.night.large").await;
    if look.has_script {
        browser.looks_right("wall-night-large").await;
    } else {
        browser.is_looked_at("wall-night-large", look).await;
    }
    browser.goto(&stage.page("/settings")).await;
    browser.press("main input[name='look'][value='']").await;
    browser.press("main input[name='look'][value='large']").await;
    browser.press("main form[action='/look'] button").await;
    browser.find("html:not(.night):not(.large)").await;
    let other = look.t("en", "zh-CN");
    browser.press(&format!("main input[name='lang'][value='{other}']")).await;
    browser.press("main form[action='/settings/language'] button").await;
    browser.find(&format!("html[lang='{other}']")).await;
    assert!(accounts(stage).iter().any(|one| one["name"] == "admin" && one["language"] == other));
}

#[test]
fn an_admin_keeps_accounts_tokens_and_webhooks() {
    story(CHINESE, async |browser, stage| {
        arrives(browser, stage, "admin").await;
        keeps_accounts(browser, stage, (CHINESE, &IN_CHINESE)).await;
        keeps_tokens(browser, stage, &IN_CHINESE).await;
        keeps_webhooks(browser, stage, CHINESE).await;
        looks_at_health(browser, stage).await;
        keeps_how_it_looks(browser, stage, CHINESE).await;
    });
}

#[test]
fn an_admin_does_so_in_english_without_script() {
    story(ENGLISH_PLAIN, async |browser, stage| {
        arrives(browser, stage, "admin").await;
        keeps_accounts(browser, stage, (ENGLISH_PLAIN, &IN_ENGLISH)).await;
        keeps_tokens(browser, stage, &IN_ENGLISH).await;
        keeps_webhooks(browser, stage, ENGLISH_PLAIN).await;
        looks_at_health(browser, stage).await;
        keeps_how_it_looks(browser, stage, ENGLISH_PLAIN).await;
    });
}
