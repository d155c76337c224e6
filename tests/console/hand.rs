//! What people do on a page and read there, beside pressing and typing.

use crate::browser::{Browser, LONGEST, Look};
use fantoccini::Locator;
use serde_json::json;
use std::path::PathBuf;

pub(crate) const ENGLISH_PLAIN: Look = Look { lang: "en", has_script: false };

impl Look {
    /// These words in its language.
    pub(crate) fn t(self, chinese: &'static str, english: &'static str) -> &'static str {
        if self.lang == "en" { english } else { chinese }
    }
}

impl Browser {
    /// Chooses in the list of this name.
    pub(crate) async fn choose(&self, name: &str, value: &str) {
        let list = self.find(&format!("main select[name='{name}']")).await;
        let chosen = list.select_by_value(value).await;
        chosen.unwrap_or_else(|error| panic!("{name} has no {value}: {error}"));
    }

    /// Gives the field of this name a value as a whole: dates and times are typed otherwise in each language.
    pub(crate) async fn sets(&self, name: &str, value: &str) {
        self.find(&format!("main [name='{name}']")).await;
        let script = "document.querySelector(`main [name='${arguments[0]}']`).value = arguments[1]";
        let done = self.client.execute(script, vec![json!(name), json!(value)]).await;
        done.unwrap_or_else(|error| panic!("{name}: {error}"));
    }

    /// Waits for words; without script people load the page again, as often as they like.
    pub(crate) async fn awaits(&self, words: &str, look: Look) {
        let path = format!("//main[contains(normalize-space(.), '{words}')]");
        let reloads = async {
            while self.client.find(Locator::XPath(&path)).await.is_err() {
                self.client.refresh().await.expect("is loaded again");
            }
        };
        if !look.has_script {
            tokio::time::timeout(LONGEST, reloads).await.expect("it is said in time");
        }
        self.waits_for(words).await;
    }

    /// Looks at the page with all there is to look with; without script, which shows other things, at its narrowest.
    pub(crate) async fn is_looked_at(&self, name: &str, look: Look) {
        if look.has_script {
            self.looks_right(&format!("{name}-zh")).await;
        } else {
            let found = self.faults(&format!("{name}-{}-plain", look.lang), (&[320], &[320])).await;
            assert_eq!(found, Vec::<String>::new());
            self.client.set_window_size(1440, 900).await.expect("is resized");
        }
    }

    /// Chooses files to be sent.
    pub(crate) async fn attach(&self, name: &str, files: &[PathBuf]) {
        let field = self.find(&format!("main input[type='file'][name='{name}']")).await;
        let files: Vec<_> = files.iter().map(|file| file.to_string_lossy()).collect();
        field.send_keys(&files.join("\n")).await.expect("are chosen");
    }

    /// What stands in the field of this name.
    pub(crate) async fn value(&self, name: &str) -> String {
        let field = self.find(&format!("main [name='{name}']")).await;
        field.prop("value").await.expect("is a field").unwrap_or_default()
    }

    /// Follows the link of the page that says this.
    pub(crate) async fn follow(&self, words: &str) {
        let path = format!("//main//a[contains(normalize-space(.), '{words}')]");
        self.press_at(Locator::XPath(&path)).await;
    }

    /// Presses what leads to another page and waits for it: what is looked at next is never the page before.
    pub(crate) async fn leaves_by(&self, selector: &str) {
        const IS_LEFT: &str = "return !window.isLeft && document.readyState == 'complete'";
        self.run("window.isLeft = true").await;
        self.press(selector).await;
        let left = async {
            // Between two pages there is nothing to ask.
            while !self.client.execute(IS_LEFT, Vec::new()).await.is_ok_and(|left| left == true) {}
        };
        let left = tokio::time::timeout(LONGEST, left).await;
        assert!(left.is_ok(), "{selector} leads nowhere: {}", self.words_of("body").await);
    }

    /// Whether the page has this now.
    pub(crate) async fn has(&self, selector: &str) -> bool {
        self.client.find(Locator::Css(selector)).await.is_ok()
    }

    /// The page says all of this, and none of that.
    pub(crate) async fn says(&self, words: &[&str], not: &[&str]) {
        for words in words {
            self.waits_for(words).await;
        }
        let said = self.words_of("main").await;
        for words in not {
            assert!(!said.contains(words), "`{words}` is said: {said}");
        }
    }

    /// The words of a part of the page as they can be read.
    pub(crate) async fn words_of(&self, selector: &str) -> String {
        self.find(selector).await.text().await.expect("is a part")
    }

    /// Status, type and bytes of what an address answers to who is signed in here.
    pub(crate) async fn answer(&self, path: &str) -> (u16, String, u64) {
        const ASK: &str = "const done = arguments[arguments.length - 1]; fetch(arguments[0]).then(async (answer) => \
             done([answer.status, answer.headers.get('content-type'), (await answer.arrayBuffer()).byteLength]))";
        let answer = self.client.execute_async(ASK, vec![json!(path)]).await;
        let answer = answer.unwrap_or_else(|error| panic!("{path}: {error}"));
        serde_json::from_value(answer).expect("status, type and size")
    }

    /// The status of a form that was written by hand and brings along what a form of this page would.
    pub(crate) async fn sends(&self, path: &str, fields: &str) -> u16 {
        const SEND: &str = "const done = arguments[arguments.length - 1]; const csrf = \
             document.querySelector('[name=csrf]').value; fetch(arguments[0], {method: 'POST', redirect: 'manual', body: \
             new URLSearchParams(`${arguments[1]}&csrf=${csrf}`)}).then((answer) => done(answer.status))";
        let status = self.client.execute_async(SEND, vec![json!(path), json!(fields)]).await;
        let status = status.unwrap_or_else(|error| panic!("{path}: {error}"));
        serde_json::from_value(status).expect("a status")
    }
}
