//! What happens at a change of shift: who is called, who stays on duty, and what open alarms make of it.

use crate::town::{Does, Hears, Setup, TRUNK_1, Town, answer, routes, trigger};
use lianfang_domain::alarm::CancelReason;
use lianfang_domain::dispatch::{CalleeBudget, Route};
use lianfang_domain::id::AlarmId;
use lianfang_domain::leg::Message;
use std::time::Duration;

/// It is eight; at ten past, 王芳 (the deputy) follows 李强 on post A, and new holders are called.
const SHIFTS: &str = "
    UPDATE community SET hand_over_calls = 1;
    INSERT INTO line (household_id, number_key, number_written, account)
    VALUES (101, '+865925559002', '5559002', 'second');
    INSERT INTO duty_post (id, community_id, code, name) VALUES (1, 1, 'A', 'A岗');
    INSERT INTO duty_shift (community_id, post_id, worker_ids, weekdays, day_kinds, starts, ends, days_later) VALUES
    (1, 1, '[1]', '[\"monday\",\"tuesday\",\"wednesday\",\"thursday\",\"friday\",\"saturday\",\"sunday\"]', '[\"workday\",\"rest_day\",\"holiday\"]', '00:10:00', '08:10:00', 0),
    (1, 1, '[2]', '[\"monday\",\"tuesday\",\"wednesday\",\"thursday\",\"friday\",\"saturday\",\"sunday\"]', '[\"workday\",\"rest_day\",\"holiday\"]', '08:10:00', '00:10:00', 1);";
const CHANGE: u64 = 600;

impl Town {
    fn on_duty(&self) -> Vec<u32> {
        let directory = self.directory();
        let community = directory.communities().next().expect("a community");
        community.roster.holders("A", None, self.clock.now()).into_iter().map(u32::from).collect()
    }

    /// Everybody who is called presses 1 and hangs up.
    async fn all_come(&self) {
        self.wire.all_press('1');
        self.settle().await;
        while let Some(who) = self.wire.ringing().first() {
            self.phone(who, Does::HangUp).await;
        }
    }

    async fn until_on_duty(&self, expected: &[u32]) {
        self.until(|town| town.on_duty() == expected).await;
    }

    /// All five calls of a change in vain.
    async fn deputy_sleeps(&self) {
        for calls in 1..=5 {
            self.until_called("deputy", &vec![Message::HandOver; calls]).await;
            self.phone("deputy", Does::NoAnswer).await;
            self.pass(70).await;
        }
        self.until(|town| town.texts_to("deputy") == [Message::HandOver]).await;
    }

    /// The worker calls the alarm number, and is asked to take over.
    async fn is_asked_after(&self, heard: &[AlarmId]) -> AlarmId {
        let hears = self.calls_back_after("deputy", heard).await;
        let Hears::Call(id, Message::HandOver) = hears else { panic!("{hears:?}") };
        id
    }

    async fn until_called(&self, who: &str, expected: &[Message]) {
        self.until(|town| town.calls_to(who) == expected).await;
    }
}

#[tokio::test]
async fn one_takes_over_with_two_alarms_open() {
    let mut town = Town::where_also(SHIFTS).await;
    town.dials("#9").await;
    answer(town.press_on(town.line_of_account("second"), trigger("#9", "second"))).await;
    town.settle().await;
    town.all_come().await;
    town.leap(CHANGE).await;
    // Who is called into the alarms themselves is asked about the post after that.
    for _ in 0..20 {
        town.until(|town| town.wire.ringing().contains(&"deputy".to_owned())).await;
        if town.calls_to("deputy").last() == Some(&Message::HandOver) {
            break;
        }
        town.all_come().await;
        town.pass(5).await;
    }
    let said = town.wire.heard_by("deputy");
    for words in ["现在请您接", "A岗", "未结警情有两起", "幺零幺", "接班请按一"]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
    town.until_on_duty(&[2, 1]).await;
    town.phone("deputy", Does::Press('1')).await;
    town.until_on_duty(&[2]).await;
    town.until(|town| town.texts_to("duty").contains(&Message::HandOver)).await;
    assert!(town.wire.read_by("duty").contains("王芳已接A岗"), "{}", town.wire.read_by("duty"));
}

#[tokio::test]
async fn no_answer_keeps_the_old_shift_besides_the_new() {
    let town = Town::where_also(SHIFTS).await;
    town.leap(CHANGE).await;
    for calls in 1..=5 {
        town.until_called("deputy", &vec![Message::HandOver; calls]).await;
        town.until_on_duty(&[2, 1]).await;
        town.phone("deputy", Does::NoAnswer).await;
        town.pass(70).await;
    }
    town.until(|town| town.texts_to("deputy") == [Message::HandOver]).await;
    town.until(|town| town.texts_to("duty") == [Message::HandOver]).await;
    town.pass(600).await;
    assert_eq!(town.calls_to("deputy").len(), 5);
    assert_eq!(town.on_duty(), [2, 1]);
}

#[tokio::test]
async fn who_cannot_take_over_is_asked_no_more_and_the_old_shift_stays() {
    let town = Town::where_also(SHIFTS).await;
    town.leap(CHANGE).await;
    town.until_called("deputy", &[Message::HandOver]).await;
    town.phone("deputy", Does::Press('2')).await;
    town.phone("deputy", Does::HangUp).await;
    town.until(|town| 2 <= town.texts_to("duty").len()).await;
    town.pass(300).await;
    assert_eq!(town.calls_to("deputy").len(), 1);
    assert_eq!(town.on_duty(), [2, 1]);
}

#[tokio::test]
async fn where_calls_are_off_the_change_is_silent_and_open_alarms_follow_it() {
    let mut town = Town::where_also(SHIFTS).await;
    town.edit("UPDATE community SET hand_over_calls = 0").await;
    town.dials("#9").await;
    assert_eq!(town.calls_to("deputy"), []);
    town.pass(CHANGE).await;
    town.until_called("deputy", &[Message::Alarm]).await;
    assert_eq!(town.on_duty(), [2]);
    assert!(!town.texts_to("duty").contains(&Message::HandOver));
}

#[tokio::test]
async fn an_alarm_in_the_same_second_goes_first() {
    let mut town = Town::where_also(SHIFTS).await;
    town.leap(CHANGE).await;
    town.until_called("deputy", &[Message::HandOver]).await;
    town.until_on_duty(&[2, 1]).await;
    town.phone("deputy", Does::Answer).await;
    town.dials("#9").await;
    town.until_called("deputy", &[Message::HandOver, Message::Alarm]).await;
    let ringing = town.wire.ringing();
    assert_eq!(ringing.iter().filter(|who| *who == "deputy").count(), 1);
    assert!(ringing.contains(&"duty".to_owned()), "the old shift is on duty too");
}

#[tokio::test]
async fn a_restart_in_the_middle_of_the_calls_goes_on_with_them() {
    let mut town = Town::where_also(SHIFTS).await;
    town.leap(CHANGE).await;
    town.until_called("deputy", &[Message::HandOver]).await;
    town.phone("deputy", Does::NoAnswer).await;
    town.until_on_duty(&[2, 1]).await;
    town.restarts().await;
    assert_eq!(town.on_duty(), [2, 1]);
    town.pass(70).await;
    town.until_called("deputy", &[Message::HandOver; 2]).await;
    town.phone("deputy", Does::Press('1')).await;
    town.until_on_duty(&[2]).await;
    town.restarts().await;
    town.pass(300).await;
    assert_eq!(town.calls_to("deputy").len(), 2);
    assert_eq!(town.on_duty(), [2]);
}

#[tokio::test]
async fn an_open_alarm_calls_the_new_shift_besides_the_old() {
    let mut town = Town::where_also(SHIFTS).await;
    town.dials("#9").await;
    town.pass(CHANGE).await;
    town.until(|town| town.calls_to("deputy").contains(&Message::Alarm)).await;
    town.until_on_duty(&[2, 1]).await;
}

/// Nothing of the change can be written: its call waits, and no alarm does.
#[tokio::test]
async fn a_directory_that_takes_no_writes_holds_up_the_change_and_no_alarm() {
    let mut town = Town::where_also(SHIFTS).await;
    town.dials("#9").await;
    let lock = town.store().directory().write().await.expect("locks");
    town.clock.advance(Duration::from_secs(CHANGE));
    town.until(|town| town.calls_to("deputy").contains(&Message::Alarm)).await;
    answer(town.press_on(town.line_of_account("second"), trigger("#9", "second"))).await;
    assert!(!town.calls_to("deputy").contains(&Message::HandOver));
    lock.rollback().await.expect("lets go");
    town.all_come().await;
    for _ in 0..20 {
        if town.calls_to("deputy").contains(&Message::HandOver) {
            break;
        }
        town.all_come().await;
        town.pass(5).await;
    }
    assert!(town.calls_to("deputy").contains(&Message::HandOver), "the change goes on");
    town.until_on_duty(&[2, 1]).await;
}

#[tokio::test]
async fn who_was_not_reached_calls_later_and_takes_over() {
    let town = Town::where_also(SHIFTS).await;
    assert_eq!(town.calls_back("deputy").await, Hears::Nothing, "it is not their shift yet");
    town.leap(CHANGE).await;
    town.deputy_sleeps().await;
    assert!(town.wire.read_by("deputy").contains("按1接班"), "{}", town.wire.read_by("deputy"));
    assert_eq!(town.on_duty(), [2, 1]);
    assert_eq!(town.calls_back("duty").await, Hears::Nothing, "whoever is kept is not asked");

    let call = town.is_asked_after(&[]).await;
    assert!(town.wire.heard_by("deputy").contains("接班请按一"));
    town.phone("deputy", Does::HangUp).await;
    assert_eq!(town.on_duty(), [2, 1], "who only listened has not taken over");

    let again = town.is_asked_after(&[]).await;
    assert_ne!(call, again);
    town.phone("deputy", Does::Press('1')).await;
    town.until_on_duty(&[2]).await;
    town.phone("deputy", Does::HangUp).await;
    assert_eq!(town.calls_back_after("deputy", &[again]).await, Hears::Nothing);
    assert_eq!(town.calls_back("deputy").await, Hears::Nothing);
    town.until(|town| town.wire.read_by("duty").contains("王芳已接A岗")).await;
}

#[tokio::test]
async fn who_calls_while_asked_takes_over_and_is_called_no_more() {
    let town = Town::where_also(SHIFTS).await;
    town.leap(CHANGE).await;
    town.until_called("deputy", &[Message::HandOver]).await;
    town.until_on_duty(&[2, 1]).await;
    town.phone("deputy", Does::NoAnswer).await;
    town.is_asked_after(&[]).await;
    town.phone("deputy", Does::Press('1')).await;
    town.until_on_duty(&[2]).await;
    town.phone("deputy", Does::HangUp).await;
    town.pass(300).await;
    assert_eq!(town.calls_to("deputy").len(), 2, "our call and theirs");
    assert_eq!(town.texts_to("deputy"), []);
}

#[tokio::test]
async fn whoever_calls_to_take_over_hears_a_live_alarm_first() {
    let mut town = Town::where_also(SHIFTS).await;
    town.leap(CHANGE).await;
    town.deputy_sleeps().await;
    let alarm = town.dials("#9").await.alarm;
    town.phone("deputy", Does::NoAnswer).await;
    assert_eq!(town.calls_back("deputy").await, Hears::Call(alarm, Message::Alarm));
    town.press_and_hang_up(&["deputy"], '1').await;
    town.is_asked_after(&[alarm]).await;
    assert!(town.wire.heard_by("deputy").contains("未结警情有一起"));
    town.phone("deputy", Does::Press('1')).await;
    town.until_on_duty(&[2]).await;
}

#[tokio::test]
async fn an_alarm_ends_the_call_of_whoever_takes_over_late() {
    let mut town = Town::where_also(SHIFTS).await;
    town.leap(CHANGE).await;
    town.deputy_sleeps().await;
    let call = town.is_asked_after(&[]).await;
    let alarm = town.dials("#9").await.alarm;
    assert_eq!(town.wire.cancelled(), [("deputy".to_owned(), CancelReason::AlarmOver)]);
    assert!(town.calls_to("deputy").contains(&Message::Alarm), "their telephone rings at once");
    assert_eq!(town.calls_back_after("deputy", &[call]).await, Hears::Call(alarm, Message::Alarm));
}

#[tokio::test]
async fn a_change_during_a_power_cut_is_asked_about_at_the_start() {
    let mut town = Town::where_also(SHIFTS).await;
    town.crashes().await;
    town.clock.advance(std::time::Duration::from_secs(CHANGE + 1_200));
    town.starts().await;
    town.until_called("deputy", &[Message::HandOver]).await;
    town.until_on_duty(&[2, 1]).await;
    town.phone("deputy", Does::Press('1')).await;
    town.until_on_duty(&[2]).await;
}

#[tokio::test]
async fn a_power_cut_while_the_phone_rings_calls_again() {
    let mut town = Town::where_also(SHIFTS).await;
    town.leap(CHANGE).await;
    town.until_called("deputy", &[Message::HandOver]).await;
    town.until_on_duty(&[2, 1]).await;
    town.restarts().await;
    assert_eq!(town.on_duty(), [2, 1], "nobody is let go by a power cut");
    town.pass(70).await;
    town.until_called("deputy", &[Message::HandOver; 2]).await;
}

/// One channel: the hand-over has it, and gives it to the alarm before anything else happens.
#[tokio::test]
async fn an_alarm_gets_the_only_channel() {
    let only_one = routes(1).into_iter().filter(|route| &*route.name == TRUNK_1);
    let texts = routes(100).into_iter().filter(|route| route.name.starts_with("sms"));
    let routes = only_one.chain(texts).collect();
    let mut town = Town::with(Setup { routes, sql: SHIFTS, ..Setup::default() }).await;
    town.leap(CHANGE).await;
    town.until_called("deputy", &[Message::HandOver]).await;
    town.until_on_duty(&[2, 1]).await;
    let alarm = town.dials("#9").await.alarm;
    let first = town.wire.calls().into_iter().find(|(id, ..)| *id == alarm);
    assert!(first.is_some(), "no second passes");
    assert_eq!(town.wire.ringing().len(), 1);
    town.pass(120).await;
    let later = town.calls_to("deputy").into_iter().filter(|said| *said == Message::HandOver);
    assert_eq!(later.count(), 1, "nobody is asked while calls wait for a channel");
}

/// A provider that takes a call a minute and five an hour to a number leaves them to alarms.
#[tokio::test]
async fn calls_that_a_provider_counts_are_left_to_alarms() {
    let budgets = [(1, 60), (5, 3_600)];
    let counted = routes(100).into_iter().map(|route| Route {
        callee_budgets: budgets.map(|(calls, per_s)| CalleeBudget { calls, per_s }).to_vec(),
        ..route
    });
    let setup = Setup { routes: counted.collect(), sql: SHIFTS, ..Setup::default() };
    let mut town = Town::with(setup).await;
    town.leap(CHANGE).await;
    town.until_on_duty(&[2, 1]).await;
    town.pass(300).await;
    assert_eq!(town.calls_to("deputy"), []);
    town.dials("#9").await;
    assert_eq!(town.calls_to("deputy"), [Message::Alarm]);
}
