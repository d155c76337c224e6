//! Getting in: signing in and out, in both languages, with and without script, and the places that are there then.

use crate::browser::{Browser, CHINESE, ENGLISH, Look, WITHOUT_SCRIPT};
use crate::hand::ENGLISH_PLAIN;
use crate::people::sign_in;
use crate::stage::{PASSWORD, Stage, first_story, story};
use lianfang_loadtest::totp::code_now;

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

/// The first start shows a token once: with it, in English and without script, somebody becomes the first administrator.
#[test]
fn the_first_administrator_is_made_with_the_token_of_the_first_start() {
    first_story(ENGLISH_PLAIN, async |browser, stage, token| {
        browser.goto(&stage.page("/setup")).await;
        browser.waits_for("First use").await;
        let fills = async |token: &str| {
            let fields = [("token", token), ("name", "chief"), ("display_name", "王敏")];
            for (name, text) in
                [&fields[..], &[("password", PASSWORD), ("again", PASSWORD)]].concat()
            {
                browser.fill(name, text).await;
            }
            browser.leaves_by("main button.main").await;
        };
        fills("lf_not-the-token").await;
        browser.find("#token-error").await;
        assert_eq!(browser.value("name").await, "chief", "what was typed stays");
        assert_eq!(browser.value("token").await, "", "what is secret does not");
        let found = browser.faults("setup-refused-en-plain", (&[320], &[320])).await;
        assert_eq!(found, Vec::<String>::new());
        fills(token).await;
        assert!(
            !browser.has("main [name='display_name']").await,
            "{}",
            browser.words_of("main").await
        );
        let accounts = stage.get("/accounts")["items"].clone();
        assert_eq!(
            (&accounts[0]["name"], &accounts[0]["role"]),
            (&"chief".into(), &"admin".into())
        );
        sign_in(browser, "chief", PASSWORD).await;
        browser.find("main form[action='/second-factor'] [name='password']").await;
        browser.fill("password", PASSWORD).await;
        browser.press("main button.main").await;
        let key = browser.words_of("main kbd").await;
        browser.fill("code", &code_now(&key)).await;
        browser.press("main button.main").await;
        browser.find("main ul kbd").await;
        browser.goto(&stage.page("/directory")).await;
        browser.find("nav.places").await;
    });
}
