//! The alarm wall in real Chromium, left open while alarms come and go on a simulated clock: what stands there is what the
//! API says and what a page shows that is loaded now, whatever happens to the service, to the connection and to the clock
//! of the machine, and wherever somebody points, presses or types.
//!
//! The page lives by the clock of the town, too: `wall/page.js` stands in front of its script.

mod hour;
mod level;
mod served;

use crate::browser::{Browser, CHINESE, ENGLISH, WITHOUT_SCRIPT, browse};
use hour::Hour;
use lianfang_domain::alarm::PinVerdict;
use lianfang_domain::id::AlarmId;
use lianfang_domain::leg::LegReport;
use serde_json::{Value, json};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// One browser at a time: two cores are few.
static ONE: Mutex<()> = Mutex::new(());
/// A failing seed is a bug report that anybody can replay.
const SEED: u64 = 9;
/// How soon half of all changes are seen: within a second, as is promised, and more where other tests run besides.
const SOON: Duration = Duration::from_secs(3);
const FIRST: &str = "#alarms > li:first-child";

/// Runs a test where there is a browser.
fn alone(told: impl FnOnce()) {
    if Browser::is_there() {
        let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        eprintln!("seed {SEED}");
        told();
    }
}

#[test]
fn a_wall_left_open_through_an_hour_of_alarms_stays_correct() {
    alone(|| {
        browse(CHINESE, async |browser| {
            an_hour(Hour::begins(browser, &level::CHINESE, SEED).await).await
        })
    });
}

async fn an_hour(mut hour: Hour<'_>) {
    hour.level().await;
    hour.browser.run("town.mark = 'the same page'").await;
    let before = hour.weight().await;
    // A click allows the sound.
    hour.clicks("h1").await;
    for minute in 1..=52 {
        match minute {
            3 => hour.somebody_presses_twice().await,
            6 => hour.an_operator_takes_one_in_hand().await,
            8 => hour.several_homes_of_a_building(&["home-102", "home-103", "home-104"]).await,
            10 => hour.an_operator_accepts_for_somebody().await,
            12 => hour.until_the_drill().await,
            15 => hour.the_drill_gives_way().await,
            18 => hour.a_resident_is_made_to_withdraw().await,
            21 => hour.the_power_fails().await,
            24 => hour.somebody_types().await,
            28 => hour.somebody_presses_a_button_slowly().await,
            32 => hour.the_pointer_rests_on_the_list().await,
            36 => hour.the_clock_of_the_machine_is_set().await,
            40 => hour.a_proxy_refuses_everybody().await,
            44 => hour.several_homes_of_a_building(&["line-1", "home-105", "home-103"]).await,
            _ => {}
        }
        let acts = hour.random.below(3);
        hour.minute(acts).await;
    }
    hour.all_is_over().await;
    let after = hour.weight().await;
    assert_eq!(after["nodes"], before["nodes"], "as many as before the first alarm");
    assert_eq!(after["timers"], before["timers"], "nothing ticks on");
    let listeners = |weight: &Value| weight["listeners"].as_u64().expect("a number");
    // Those of a connection that was made anew.
    assert!(listeners(&after) <= listeners(&before) + 12, "{before} {after}");
    assert_eq!(
        hour.browser.run("return town.mark").await,
        "the same page",
        "it was never loaded again"
    );
    for sign in ["无人接警", "有人前往", "已到场", "已撤销", "再次按下", "受胁迫撤销", "演练"]
    {
        assert!(hour.seen.contains(sign), "{sign} was never seen: {:?}", hour.seen);
    }
    assert!(40 <= hour.raised.len(), "{} alarms", hour.raised.len());
    hour.tells_how_soon();
    eprintln!("before {before}, after {after}");
}

#[test]
fn a_wall_in_english_stays_correct_and_looks_right() {
    alone(|| {
        browse(ENGLISH, async |browser| {
            let mut hour = Hour::begins(browser, &level::ENGLISH, SEED + 1).await;
            hour.town.wire.promises_receipts();
            hour.level().await;
            hour.several_homes_of_a_building(&["line-1", "home-102"]).await;
            hour.town.provider("105", LegReport::Delivered).await;
            for acts in [2, 0, 1, 0] {
                hour.minute(acts).await;
            }
            hour.passes(30).await;
            hour.level().await;
            browser.looks_right("wall-busy-en").await;
            hour.level().await;
            hour.all_is_over().await;
            hour.tells_how_soon();
        });
    });
}

#[test]
fn without_script_the_wall_is_right_after_each_reload() {
    alone(|| {
        browse(WITHOUT_SCRIPT, async |browser| {
            let mut hour = Hour::begins(browser, &level::CHINESE, SEED).await;
            browser.waits_for("没有脚本").await;
            browser.waits_for("现在没有警情").await;
            for account in ["line-1", "line-3", "home-104"] {
                hour.nine(account).await;
                hour.town.pass(20).await;
                let open = hour.open().await;
                hour.somebody_comes(&open[open.len() - 1]).await;
                browser.goto(&hour.served.page("/")).await;
                let shown = browser.client.source().await.expect("a page");
                let wanted = hour.wanted().await;
                let cards = wanted["alarms"].as_array().expect("cards");
                let place = |card: &Value| {
                    let id = card["id"].as_str().expect("an id");
                    shown.find(&format!("id=\"{id}\"")).expect("it is there")
                };
                assert!(cards.is_sorted_by_key(place), "in the order of the API");
                for card in cards {
                    let card_shown = shown[place(card)..].split("<li id=").next().expect("a card");
                    for part in ["state", "age", "called"] {
                        let words = card[part].as_str().expect("words");
                        assert!(card_shown.contains(words), "{words}: {card_shown}");
                    }
                }
            }
        });
    });
}

/// Moments of the hour.
impl Hour<'_> {
    async fn weight(&self) -> Value {
        self.browser.run("return town.weight()").await
    }

    async fn somebody_presses_twice(&mut self) {
        let first = self.anew("line-3").await;
        self.passes(30).await;
        self.level().await;
        assert_eq!(self.nine("line-3").await, first, "it is the same alarm");
        self.level().await;
        let tones = "return town.tones";
        let before = self.browser.run(tones).await;
        self.passes(30).await;
        assert_ne!(self.browser.run(tones).await, before, "the wall sounds");
        self.level().await;
    }

    async fn an_operator_takes_one_in_hand(&mut self) {
        let alarm = self.anew("line-4").await;
        self.level().await;
        self.clicks(&format!("#a-{alarm} form[action$='/take'] button")).await;
        self.until(&says(alarm, "王敏")).await;
        self.points_nowhere().await;
        self.passes(30).await;
        self.level().await;
    }

    async fn several_homes_of_a_building(&mut self, lines: &[&str]) {
        for line in lines {
            self.nine(line).await;
        }
        self.level().await;
        self.town.wire.all_press('1');
        self.town.settle().await;
        self.level().await;
    }

    async fn an_operator_accepts_for_somebody(&mut self) {
        let alarm = self.anew("line-5").await;
        self.level().await;
        let card = format!("#a-{alarm}");
        self.clicks(&format!("{card} summary")).await;
        let select = self.browser.find(&format!("{card} select")).await;
        select.select_by_index(2).await.expect("there is a third");
        self.clicks(&format!("{card} details button")).await;
        self.until(&format!("document.querySelector('{card} .people > li')")).await;
        self.points_nowhere().await;
        self.passes(30).await;
        self.level().await;
    }

    async fn until_the_drill(&mut self) {
        self.until("document.querySelector('#drills > li')").await;
        self.level().await;
    }

    async fn the_drill_gives_way(&mut self) {
        self.nine("line-2").await;
        self.level().await;
        self.until("!document.querySelector('#drills > li')").await;
        self.level().await;
        self.is_free = true;
    }

    async fn a_resident_is_made_to_withdraw(&mut self) {
        let alarm = self.anew("line-6").await;
        self.level().await;
        self.pin(alarm, PinVerdict::Duress).await;
        self.level().await;
    }

    /// Service and connections are gone for half a minute.
    async fn the_power_fails(&mut self) {
        self.served.is_cut();
        self.served.dies();
        self.town.crashes().await;
        self.until("town.read().lost").await;
        self.browser.waits_for(self.words.lost).await;
        self.town.clock.advance(Duration::from_secs(29));
        self.page_passes(29).await;
        self.town.starts().await;
        self.page_passes(1).await;
        assert_eq!(self.browser.run("return town.read().lost").await, true, "nobody listens yet");
        self.served.starts(&self.town).await;
        self.served.listens().await;
        self.level().await;
    }

    /// Somebody chooses in a card: it waits, for a minute, and all others go on.
    async fn somebody_types(&mut self) {
        let alarm = self.anew("line-5").await;
        self.level().await;
        let card = format!("#a-{alarm}");
        self.clicks(&format!("{card} summary")).await;
        self.points_nowhere().await;
        self.somebody_comes(&self.row(alarm).await).await;
        let other = self.anew("line-6").await;
        self.until(&format!("document.getElementById('a-{other}')")).await;
        let is_held = format!("return Boolean(document.querySelector('{card} details[open]'))");
        assert_eq!(self.browser.run(&is_held).await, true);
        for _ in 0..3 {
            self.passes(30).await;
        }
        self.level().await;
        assert_eq!(self.browser.run(&is_held).await, false, "no longer than a minute");
        self.clicks("h1").await;
        self.points_nowhere().await;
    }

    /// A button is down while its card and another change: it stays until it is up, and does what it says.
    async fn somebody_presses_a_button_slowly(&mut self) {
        let below = self.anew("line-3").await;
        let above = self.anew("line-4").await;
        self.level().await;
        self.points_to(&format!("#a-{above} form[action$='/take'] button")).await;
        self.button(true).await;
        for (alarm, kind) in [(above, "fire"), (below, "illness")] {
            self.desk(&json!({"id": alarm.to_string()}), "kind", json!({"kind": kind})).await;
        }
        self.until(&says(below, "急病或受伤")).await;
        let is_replaced = format!("return {}", says(above, "火情"));
        assert_eq!(self.browser.run(&is_replaced).await, false, "it waits for the button");
        self.button(false).await;
        self.until(&says(above, "王敏")).await;
        self.points_nowhere().await;
        self.level().await;
    }

    /// Where somebody points nothing changes places, for a minute.
    async fn the_pointer_rests_on_the_list(&mut self) {
        let second = self.anew("line-3").await;
        let first = self.anew("line-4").await;
        self.level().await;
        self.points_to(&format!("#a-{first} .place")).await;
        self.somebody_comes(&self.row(first).await).await;
        self.until(&format!("document.querySelector('#a-{first} .people > li')")).await;
        let is_first = |alarm| format!("document.querySelector('{FIRST}').id === 'a-{alarm}'");
        self.passes(30).await;
        self.until(&is_first(first)).await;
        self.passes(30).await;
        self.passes(30).await;
        self.until(&is_first(second)).await;
        self.level().await;
        self.until("document.getElementById('alarms').matches(':hover')").await;
        self.points_nowhere().await;
    }

    /// It was three minutes fast, and is right.
    async fn the_clock_of_the_machine_is_set(&mut self) {
        self.browser.run("town.offset -= 187000").await;
        self.passes(30).await;
        self.level().await;
    }

    /// What stands in front of the service says that nobody is there. A browser follows no feed again that was refused.
    async fn a_proxy_refuses_everybody(&mut self) {
        self.served.is_cut();
        self.served.refuses(true);
        self.served.listens().await;
        self.until("town.feed.readyState === 2").await;
        self.passes(30).await;
        self.anew("line-5").await;
        assert_eq!(self.browser.run("return town.read().lost").await, true);
        self.served.refuses(false);
        self.page_passes(5).await;
        self.level().await;
        // No time passes for the page: only the feed can tell it.
        self.anew("line-6").await;
        self.level().await;
    }

    /// Everything is closed, and the wall is calm.
    async fn all_is_over(&mut self) {
        for alarm in self.open().await {
            self.closes(&alarm, "genuine").await;
        }
        self.level().await;
        self.passes(30).await;
        self.level().await;
        let calm = "return [document.title, town.tones, document.getElementById('news').hidden, \
            document.getElementById('sound').hidden]";
        let before = self.browser.run(calm).await;
        self.passes(30).await;
        assert_eq!(self.browser.run(calm).await, before, "no sound");
        assert_eq!(before, json!([self.words.title, before[1], true, true]));
        self.level().await;
    }

    fn tells_how_soon(&mut self) {
        self.delays.sort();
        let part = |percent: usize| self.delays[(self.delays.len() - 1) * percent / 100];
        let (half, most, last) = (part(50), part(99), part(100));
        eprintln!("{} changes: p50 {half:?}, p99 {most:?}, max {last:?}", self.delays.len());
        assert!(half < SOON, "half of all changes take longer than {half:?}");
    }
}

/// Whether the card of an alarm says this, as a question to the page.
fn says(alarm: AlarmId, words: &str) -> String {
    format!("document.getElementById('a-{alarm}').textContent.includes('{words}')")
}
