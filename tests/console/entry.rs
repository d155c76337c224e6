//! Getting in: the first account, signing in and out, in both languages, with and without script.

use crate::browser::CHINESE;
use crate::stage::story;

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
