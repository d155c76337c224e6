//! Getting in: signing in and out, in both languages, with and without script, and the places that are there then.

use crate::browser::{Browser, CHINESE, ENGLISH, Look, WITHOUT_SCRIPT};
use crate::hand::ENGLISH_PLAIN;
use crate::people::sign_in;
use crate::stage::{PASSWORD, Stage, story};

#[test]
fn the_pages_before_signing_in_look_right() {
    story(CHINESE, async |browser, stage| {
        for (path, name) in [("/login", "login"), ("/setup", "setup")] {
            browser.goto(&stage.page(path)).await;
            browser.looks_right(&format!("{name}-zh")).await;
            browser.goto(&stage.page(&format!("{path}?lang=en"))).await;
            browser.looks_right(&format!("{name}-en")).await;
        }
    });
}

/// A duty worker comes from a link, mistypes the password, signs in, looks around and signs out.
async fn looks_around(browser: &Browser, stage: &Stage, look: Look, refused: &str) {
    stage.person("wang", "operator");
    browser.goto(&stage.page("/directory")).await;
    sign_in(browser, "wang", "not the password").await;
    browser.find("main .summary").await;
    browser.waits_for(refused).await;
    if look.has_script {
        browser.looks_right(&format!("login-refused-{}", look.lang)).await;
    }
    sign_in(browser, "wang", PASSWORD).await;
    browser.find("nav a[aria-current][href='/directory']").await;
    browser.waits_for("湖滨街道").await;
    for (path, name) in [("/directory", "directory"), ("/", "wall"), ("/lines", "lines")] {
        browser.goto(&stage.page(path)).await;
        browser.find(&format!("nav a[aria-current][href='{path}']")).await;
        if look.has_script {
            browser.looks_right(&format!("{name}-{}", look.lang)).await;
        }
    }
    browser.press(".who summary").await;
    browser.press("form[action='/logout'] button").await;
    browser.find("main [name='password']").await;
    browser.goto(&stage.page("/lines")).await;
    browser.find("main [name='next'][value='/lines']").await;
}

#[test]
fn a_duty_worker_signs_in_looks_around_and_signs_out() {
    story(CHINESE, async |browser, stage| looks_around(browser, stage, CHINESE, "请更正").await);
}

#[test]
fn a_duty_worker_does_so_in_english() {
    story(ENGLISH, async |browser, stage| {
        looks_around(browser, stage, ENGLISH, "Please correct").await;
    });
}

#[test]
fn a_duty_worker_does_so_without_script() {
    story(WITHOUT_SCRIPT, async |browser, stage| {
        looks_around(browser, stage, WITHOUT_SCRIPT, "请更正").await;
    });
}

async fn sets_up_the_second_factor(browser: &Browser, stage: &Stage, look: Look) {
    stage.person("chief", "admin");
    browser.goto(&stage.page("/login")).await;
    sign_in(browser, "chief", PASSWORD).await;
    browser.waits_for(look.t("两步验证", "Second factor")).await;
    browser.fill("password", "not the password").await;
    browser.press("main button.main").await;
    browser.find("main .summary").await;
    browser.fill("password", PASSWORD).await;
    browser.press("main button.main").await;
    browser.find(".qr svg").await;
    browser.is_looked_at("second-factor", look).await;
    browser.fill("code", "000000").await;
    browser.press("main button.main").await;
    browser.find("main .summary").await;
    browser.find(".qr svg").await;
    // A wrong code sets up nothing.
    browser.goto(&stage.page("/")).await;
    browser.waits_for(look.t("管理员必须设置", "Administrators have to set it up")).await;
}

#[test]
fn an_administrator_sets_up_the_second_factor_before_anything_else() {
    story(CHINESE, async |browser, stage| {
        sets_up_the_second_factor(browser, stage, CHINESE).await;
    });
}

#[test]
fn an_administrator_does_so_in_english_without_script() {
    story(ENGLISH_PLAIN, async |browser, stage| {
        sets_up_the_second_factor(browser, stage, ENGLISH_PLAIN).await;
    });
}
