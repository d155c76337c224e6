//! A wall that stands open, and what happens in its town meanwhile: at moments of a script, and by chance.

use super::level::Words;
use super::served::{PASSWORD, Served};
use crate::browser::Browser;
use crate::town::{Does, Random, Setup, Town, answer, trigger};
use axum::http::Method;
use fantoccini::actions::{InputSource, MOUSE_BUTTON_LEFT, MouseActions, PointerAction};
use lianfang_domain::alarm::PinVerdict;
use lianfang_domain::id::AlarmId;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Longest real wait until the page shows what it should.
const PATIENCE: Duration = Duration::from_secs(60);
/// Five homes of one building have telephones of their own. In the second community two have. At 09:25 王芳 (the deputy)
/// follows 李强 on post A of the first community, and is called.
const SQL: &str = "
    INSERT INTO line (household_id, number_key, number_written, account)
    SELECT id, '+865926660' || door, '6660' || door, 'home-' || door
    FROM household WHERE group_id = 1 AND door IN ('102', '103', '104', '105');
    INSERT INTO line (household_id, number_key, number_written, account)
    SELECT id, '+865925559002', '5559002', 'second' FROM household WHERE group_id = 2 AND door = '102';
    UPDATE community SET hand_over_calls = 1 WHERE id = 1;
    INSERT INTO duty_post (id, community_id, code, name) VALUES (1, 1, 'A', 'A岗');
    INSERT INTO duty_shift (community_id, post_id, worker_ids, weekdays, day_kinds, starts, ends, days_later) VALUES
    (1, 1, '[1]', '[\"monday\",\"tuesday\",\"wednesday\",\"thursday\",\"friday\",\"saturday\",\"sunday\"]', '[\"workday\",\"rest_day\",\"holiday\"]', '01:25:00', '09:25:00', 0),
    (1, 1, '[2]', '[\"monday\",\"tuesday\",\"wednesday\",\"thursday\",\"friday\",\"saturday\",\"sunday\"]', '[\"workday\",\"rest_day\",\"holiday\"]', '09:25:00', '01:25:00', 1);";
/// Lines on which #9 is pressed by chance; those of the second community only when its drill is over.
const LINES: [&str; 11] = [
    "line-1", "home-102", "home-103", "home-104", "home-105", "line-3", "line-4", "line-5",
    "line-6", "line-2", "second",
];
const LINES_BEFORE_THE_DRILL_ENDS: usize = 9;
/// More open alarms than this are closed again first.
const OPEN_MAX: usize = 9;
/// Whoever looks at the wall points here when they point nowhere.
const NOWHERE: (f64, f64) = (2.0, 2.0);

pub(super) struct Hour<'a> {
    pub(super) browser: &'a Browser,
    pub(super) town: Town,
    pub(super) served: Served,
    pub(super) words: &'static Words,
    pub(super) random: Random,
    /// The drill is over.
    pub(super) is_free: bool,
    pub(super) raised: BTreeSet<AlarmId>,
    /// From a change until the page shows it, in real time.
    pub(super) delays: Vec<Duration>,
    /// Every state and every sign that stood on the page.
    pub(super) seen: BTreeSet<String>,
    /// What the page showed last.
    shown: Value,
    presses: u32,
    minute: u32,
}

#[expect(clippy::disallowed_methods, reason = "how long people really wait is measured")]
fn now() -> Instant {
    Instant::now()
}

impl<'a> Hour<'a> {
    /// It is 08:58, a drill is announced for 09:10, and an operator has the wall before them.
    pub(super) async fn begins(browser: &'a Browser, words: &'static Words, seed: u64) -> Self {
        let town =
            Town::with(Setup { groups: 6, sql: SQL, holds_drills: true, ..Setup::default() });
        let town = town.await;
        let served = Served::new(&town).await;
        let drill = json!({"community_id": 2, "starts_at": "2026-11-22T09:10:00+08:00",
            "ends_at": "2026-11-22T09:30:00+08:00", "per_minute": 1});
        let (status, said) = served.command((Method::POST, "/drills"), drill).await;
        assert_eq!(status, 201, "{said}");
        town.leap(600).await;
        town.until(|town| 11 <= town.wire.announced().len()).await;
        town.leap(48 * 60).await;
        browser.goto(&served.page("/")).await;
        browser.fill("name", "wang").await;
        browser.fill("password", PASSWORD).await;
        browser.press("main button.main").await;
        browser.find("#alarms").await;
        let hour = Self {
            browser,
            town,
            served,
            words,
            random: Random(seed),
            is_free: false,
            raised: BTreeSet::new(),
            delays: Vec::new(),
            seen: BTreeSet::new(),
            shown: Value::Null,
            presses: 0,
            minute: 0,
        };
        hour.points_at(NOWHERE).await;
        hour
    }

    // Time.

    /// Time passes, for the town and for the page.
    pub(super) async fn passes(&self, seconds: u64) {
        self.town.pass(seconds).await;
        self.page_passes(seconds).await;
    }

    pub(super) async fn page_passes(&self, seconds: u64) {
        self.browser.run(&format!("town.pass({})", seconds * 1_000)).await;
    }

    /// A minute in which telephones ring; then so many things happen, and one more.
    pub(super) async fn minute(&mut self, acts: u64) {
        self.minute += 1;
        for _ in 0..2 {
            self.passes(30).await;
            self.phones().await;
        }
        self.level().await;
        for _ in 0..acts {
            self.acts().await;
        }
        let (before, since) = (self.shown.take(), now());
        match acts {
            0 => self.somebody_presses().await,
            _ => self.acts().await,
        }
        let delay = self.level_since(since).await;
        // What happened just before has the page look anyway.
        if acts == 0 && before != self.shown {
            self.delays.push(delay);
        }
    }

    // What has to be seen.

    /// What the API says that stands on the wall.
    pub(super) async fn wanted(&self) -> Value {
        let (board, state) =
            (self.board().await, self.served.ask((Method::GET, "/state"), Value::Null).await);
        self.words.wall(&board, &state.1)
    }

    /// The open alarms in their order.
    async fn order(&self) -> Vec<Value> {
        let board = self.board().await;
        let rows = board["items"].as_array().expect("items").iter();
        rows.map(|row| json!([row["id"], row["state"]])).collect()
    }

    pub(super) async fn board(&self) -> Value {
        let (status, board) = self.served.ask((Method::GET, "/alarms/board"), Value::Null).await;
        assert_eq!(status, 200, "{board}");
        board
    }

    /// The open alarms that are real, as the board has them.
    pub(super) async fn open(&self) -> Vec<Value> {
        let board = self.board().await;
        let items = board["items"].as_array().expect("items").iter();
        items.filter(|row| row["is_drill"] == false).cloned().collect()
    }

    /// The page shows what the API says and what a page shows that is loaded now.
    pub(super) async fn level(&mut self) {
        self.level_since(now()).await;
    }

    /// The same; tells how long after a moment it is so.
    pub(super) async fn level_since(&mut self, since: Instant) -> Duration {
        let mut found = Value::Null;
        // Tasks beside the alarms may still be at work: what is wanted is asked again.
        while since.elapsed() < PATIENCE {
            let wanted = self.wanted().await;
            let asked = since.elapsed();
            let script = "const done = arguments[2]; town.until(arguments[0], arguments[1])
                .then(done, (error) => done({error: String(error)}))";
            let told =
                self.browser.client.execute_async(script, vec![wanted.clone(), json!(2_000)]);
            found = told.await.expect("the page answers");
            if let Some(ms) = found["ms"].as_f64() {
                self.remembers(&wanted);
                self.shown = wanted;
                return asked + Duration::from_secs_f64(ms / 1_000.0);
            }
            found["wanted"] = wanted;
        }
        panic!("minute {}: {found:#}", self.minute);
    }

    fn remembers(&mut self, wanted: &Value) {
        for card in [&wanted["alarms"], &wanted["drills"]]
            .iter()
            .filter_map(|list| list.as_array())
            .flatten()
        {
            self.seen.extend(card["state"].as_str().map(str::to_owned));
            let tags = card["tags"].as_array().into_iter().flatten().filter_map(Value::as_str);
            self.seen.extend(tags.filter_map(|tag| tag.split(" ×").next()).map(str::to_owned));
        }
    }

    /// Until this is so on the page.
    pub(super) async fn until(&self, script: &str) {
        let reached = async {
            let mut tick = tokio::time::interval(Duration::from_millis(20));
            let script = format!("const is = Boolean({script}); is || town.again(); return is");
            while self.browser.run(&script).await != true {
                tick.tick().await;
            }
        };
        if tokio::time::timeout(PATIENCE, reached).await.is_err() {
            let page = self.browser.run("return town.told()").await;
            panic!(
                "minute {}: never {script}: {page}\nwanted: {:?}",
                self.minute,
                self.order().await
            );
        }
    }

    // What people do.

    /// #9 on this line.
    pub(super) async fn nine(&mut self, account: &str) -> AlarmId {
        self.presses += 1;
        let trigger = trigger("#9", &format!("press-{}", self.presses));
        let raised = answer(self.town.press_on(self.town.line_of_account(account), trigger)).await;
        self.town.settle().await;
        self.raised.insert(raised.alarm);
        raised.alarm
    }

    /// The same for a new alarm: what is open there is closed first.
    pub(super) async fn anew(&mut self, account: &str) -> AlarmId {
        let alarm = self.nine(account).await;
        let row = self.row(alarm).await;
        if row["presses_again"] == 0 {
            return alarm;
        }
        self.closes(&row, "genuine").await;
        self.nine(account).await
    }

    /// An open alarm, as the board has it.
    pub(super) async fn row(&self, alarm: AlarmId) -> Value {
        let mut open = self.open().await.into_iter();
        open.find(|row| row["id"] == alarm.to_string()).expect("is open")
    }

    /// The desk does something to an alarm.
    pub(super) async fn desk(&self, alarm: &Value, what: &str, body: Value) {
        let path = format!("/alarms/{}/{what}", alarm["id"].as_str().expect("an id"));
        let (status, said) = self.served.ask((Method::POST, &path), body).await;
        assert_eq!(status, 204, "minute {}: {path}: {said}", self.minute);
        self.town.settle().await;
    }

    pub(super) async fn closes(&self, alarm: &Value, outcome: &str) {
        self.desk(alarm, "close", json!({"outcome": outcome})).await;
    }

    pub(super) async fn pin(&self, alarm: AlarmId, verdict: PinVerdict) {
        self.town.resident_keys_pin(alarm, verdict).await;
    }

    /// Some of the telephones that ring are seen to.
    async fn phones(&mut self) {
        for who in self.town.wire.ringing() {
            let does: &[Does] = match self.random.below(100) {
                0..20 => &[Does::NoAnswer],
                20..28 => &[Does::Busy],
                28..34 => &[Does::Answer, Does::HangUp],
                34..40 => &[Does::Press('1'), Does::HangUp],
                40..44 => &[Does::Press('2'), Does::HangUp],
                44..50 => &[Does::Ring],
                _ => &[],
            };
            for does in does {
                if self.town.wire.ringing().contains(&who) {
                    self.town.phone(&who, *does).await;
                }
            }
        }
    }

    /// Something happens.
    async fn acts(&mut self) {
        let open = self.open().await;
        let Some(alarm) = self.random.one_of(&open).cloned() else {
            return self.somebody_presses().await;
        };
        let is_live = alarm["state"] != "cancelled";
        let id: AlarmId = alarm["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
        match self.random.below(18) {
            _ if OPEN_MAX < open.len() => self.closes(&alarm, "false_alarm").await,
            0..7 => self.somebody_presses().await,
            7 if is_live => self.desk(&alarm, "take", json!({})).await,
            8 if is_live => self.somebody_comes(&alarm).await,
            9 if is_live => self.somebody_is_there(&alarm).await,
            10 if is_live => self.desk(&alarm, "call-again", json!({})).await,
            11 if is_live => {
                let kind = *self.random.one_of(&["fire", "illness"]).expect("two");
                self.desk(&alarm, "kind", json!({"kind": kind})).await;
            }
            12 if is_live => self.pin(id, PinVerdict::Right).await,
            13 if is_live => self.desk(&alarm, "cancel", json!({})).await,
            _ => {
                let outcome =
                    *self.random.one_of(&["genuine", "false_alarm", "test"]).expect("three");
                self.closes(&alarm, outcome).await;
            }
        }
    }

    async fn somebody_presses(&mut self) {
        let lines = if self.is_free { &LINES[..] } else { &LINES[..LINES_BEFORE_THE_DRILL_ENDS] };
        let line = *self.random.one_of(lines).expect("lines");
        self.nine(line).await;
    }

    /// The desk says that somebody is coming.
    pub(super) async fn somebody_comes(&self, alarm: &Value) {
        if let Some(other) = alarm["others"].as_array().and_then(|others| others.last()) {
            self.desk(alarm, "acknowledge", json!({"party": other["party"]})).await;
        }
    }

    async fn somebody_is_there(&self, alarm: &Value) {
        let people = alarm["people"].as_array().expect("a list");
        if let Some(person) = people.iter().find(|person| person["arrived_at"].is_null()) {
            self.desk(alarm, "arrive", json!({"party": person["party"]})).await;
        }
    }

    // What the operator does at the page.

    /// The pointer is moved here and left there.
    pub(super) async fn points_at(&self, (x, y): (f64, f64)) {
        let to = PointerAction::MoveTo { duration: Some(Duration::ZERO), x, y };
        self.mouse(vec![to]).await;
    }

    pub(super) async fn points_nowhere(&self) {
        self.points_at(NOWHERE).await;
    }

    /// Moves the pointer to the middle of what this selector finds, wherever that goes meanwhile.
    pub(super) async fn points_to(&self, selector: &str) {
        let script = format!(
            "const at = document.querySelector(\"{selector}\"); at.scrollIntoView({{block: 'nearest'}}); \
            const box = at.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]"
        );
        let is_there = format!("return document.querySelector(\"{selector}\").matches(':hover')");
        let moving = async {
            let mut tick = tokio::time::interval(Duration::from_millis(50));
            loop {
                tick.tick().await;
                let middle: (f64, f64) =
                    serde_json::from_value(self.browser.run(&script).await).expect("a place");
                self.points_at((middle.0.floor(), middle.1.floor())).await;
                if self.browser.run(&is_there).await == true {
                    return;
                }
            }
        };
        let reached = tokio::time::timeout(PATIENCE, moving).await;
        assert!(reached.is_ok(), "minute {}: the pointer does not get to {selector}", self.minute);
    }

    pub(super) async fn button(&self, is_down: bool) {
        let button = MOUSE_BUTTON_LEFT;
        let action =
            if is_down { PointerAction::Down { button } } else { PointerAction::Up { button } };
        self.mouse(vec![action]).await;
    }

    /// Clicks on what this selector finds.
    pub(super) async fn clicks(&self, selector: &str) {
        self.points_to(selector).await;
        self.button(true).await;
        self.button(false).await;
    }

    async fn mouse(&self, actions: Vec<PointerAction>) {
        let mouse = MouseActions::new("mouse".to_owned());
        let mouse = actions.into_iter().fold(mouse, |mouse, action| mouse.then(action));
        self.browser.client.perform_actions(mouse).await.expect("the pointer does it");
    }
}
