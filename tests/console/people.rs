//! People who sign in, with the second factor where their role needs it.

use crate::browser::Browser;
use crate::stage::{PASSWORD, Stage};
use lianfang_loadtest::totp::code_now;

/// Signs in on the page that the browser is at.
pub(crate) async fn sign_in(browser: &Browser, name: &str, password: &str) {
    browser.fill("name", name).await;
    browser.fill("password", password).await;
    browser.press("main button.main").await;
}

/// Somebody new of this role, who is called like it, signs in.
pub(crate) async fn arrives(browser: &Browser, stage: &Stage, role: &str) {
    stage.person(role, role);
    browser.goto(&stage.page("/login")).await;
    sign_in(browser, role, PASSWORD).await;
    if role == "admin" {
        sets_up_the_second_factor(browser, PASSWORD).await;
    } else {
        browser.find("nav.places").await;
    }
}

/// What those sign in with who had to choose a password.
const OTHER: &str = "seven loud magpies";

/// Another admin signs in, who first has to choose a password.
pub(crate) async fn joins(browser: &Browser, stage: &Stage, name: &str) {
    follows(browser, stage, (name, "admin")).await;
    browser.goto(&stage.page("/second-factor")).await;
    sets_up_the_second_factor(browser, OTHER).await;
}

/// Somebody of this role signs in when others have before, and first has to choose a password.
pub(crate) async fn follows(browser: &Browser, stage: &Stage, (name, role): (&str, &str)) {
    stage.person(name, role);
    browser.goto(&stage.page("/login")).await;
    sign_in(browser, name, PASSWORD).await;
    for (name, text) in [("old", PASSWORD), ("new", OTHER), ("again", OTHER)] {
        browser.fill(name, text).await;
    }
    browser.press("main button.main").await;
}

async fn sets_up_the_second_factor(browser: &Browser, password: &str) {
    browser.find("main form[action='/second-factor'] [name='password']").await;
    browser.fill("password", password).await;
    browser.press("main button.main").await;
    let key = browser.find("main kbd").await.text().await.expect("is shown");
    browser.fill("code", &code_now(&key)).await;
    browser.press("main button.main").await;
    browser.find("main ul kbd").await;
}
