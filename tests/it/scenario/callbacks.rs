//! Who missed the call calls back, from any telephone of the household.

use super::{ALL, all_but};
use crate::town::{Does, HELPER, Hears, Power, Setup, Town, answer};
use lianfang::switchboard::{Action, CallerId};
use lianfang_domain::alarm::{CancelReason, CloseOutcome};
use lianfang_domain::directory::Language;
use lianfang_domain::leg::Message;

#[tokio::test]
async fn a_neighbour_who_missed_the_call_calls_back_and_presses_one() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.phone("105", Does::NoAnswer).await;
    town.pass(20).await;

    assert_eq!(town.calls_back("105").await, Hears::Call(alarm, Message::Alarm));
    assert!(town.wire.heard_by("105").contains("幺零幺"), "the same words as in our call");
    town.press_and_hang_up(&["105"], '1').await;

    assert_eq!(town.alarm(alarm).await.households_coming(), 1);
    town.pass(100).await;
    assert_eq!(town.calls_to("105").len(), 2, "our call and theirs, no second ring");
}

#[tokio::test]
async fn whoever_calls_while_their_own_phone_rings_hears_it_stop() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    assert_eq!(town.calls_back("105").await, Hears::Call(alarm, Message::Alarm));
    let elsewhere = ("105".to_owned(), CancelReason::AnsweredElsewhere);
    assert_eq!(town.wire.cancelled(), [elsewhere]);
    town.expect_ringing(&ALL);
}

#[tokio::test]
async fn the_grandmother_whom_nobody_has_rung_yet_may_answer_for_the_household() {
    let mut town = Town::where_also(
        r#"INSERT INTO contact (household_id, name, rank, numbers) VALUES (103, '奶奶', 1,
            '[{"key":"+8613800010999","written":"13800010999","voice":true,"sms":true}]')"#,
    )
    .await;
    let alarm = town.dials("#9").await.alarm;
    assert_eq!(town.calls_back("999").await, Hears::Call(alarm, Message::Alarm));
    town.phone("999", Does::Press('1')).await;
    let elsewhere = ("104".to_owned(), CancelReason::AnsweredElsewhere);
    assert!(town.wire.cancelled().contains(&elsewhere), "the first phone need not ring on");
    assert_eq!(town.alarm(alarm).await.households_coming(), 1);
}

#[tokio::test]
async fn somebody_who_is_to_be_called_later_may_call_before() {
    let mut town = Town::with_chain_of_duty().await;
    let alarm = town.dials("#9").await.alarm;
    assert_eq!(town.calls_back("patrol").await, Hears::Call(alarm, Message::Alarm));
    town.press_and_hang_up(&["patrol"], '1').await;
    assert_eq!(town.alarm(alarm).await.households_coming(), 1);
    town.pass(200).await;
    assert_eq!(town.calls_to("patrol").len(), 1);
}

#[tokio::test]
async fn the_resident_who_calls_back_hears_who_is_coming() {
    let mut town = Town::with_also(&[HELPER]).await;
    let alarm = town.dials("#9").await.alarm;
    town.press_and_hang_up(&["helper", "duty"], '1').await;
    let coming = vec!["李强".to_owned(), "孙女小林".to_owned()];
    assert_eq!(town.calls_back("101").await, Hears::OwnAlarm(alarm, coming.clone()));
    let line = Some(town.line(1).line);
    let from_home = town.calls_in(CallerId { number: None, line }, &[]).await;
    assert_eq!(from_home, Hears::OwnAlarm(alarm, coming));
}

#[tokio::test]
async fn a_stranger_and_a_withheld_number_hear_of_nobodys_trouble() {
    let mut town = Town::new().await;
    town.dials("#9").await;
    assert_eq!(town.calls_back("+8613811112222").await, Hears::Nothing);
    let withheld = CallerId { number: None, line: None };
    assert_eq!(town.calls_in(withheld, &[]).await, Hears::Nothing);
    town.expect_ringing(&ALL);
}

#[tokio::test]
async fn without_an_alarm_there_is_nothing_to_hear() {
    let town = Town::new().await;
    assert_eq!(town.calls_back("105").await, Hears::Nothing);
}

#[tokio::test]
async fn a_worker_of_two_alarms_hears_of_the_one_that_waits_first_and_then_of_the_other() {
    let town = Town::with(Setup {
        groups: 2,
        sql: "UPDATE worker SET numbers = (SELECT numbers FROM worker WHERE id = 1)
            WHERE is_on_duty = 1",
        ..Setup::default()
    });
    let mut town = town.await;
    let first = answer(town.dials_and_hangs_up(1, "#9")).await.alarm;
    let second = answer(town.dials_and_hangs_up(2, "#9")).await.alarm;
    town.settle().await;
    town.press_and_hang_up(&["duty"], '1').await;
    town.phone("duty", Does::NoAnswer).await;

    assert_eq!(town.calls_back("duty").await, Hears::Call(second, Message::Alarm));
    town.press_and_hang_up(&["duty"], '1').await;
    assert_eq!(town.calls_back_after("duty", &[second]).await, Hears::Nothing);
    assert!(town.alarm(first).await.has_anybody() && town.alarm(second).await.has_anybody());
}

#[tokio::test]
async fn two_waiting_alarms_are_told_one_after_the_other_in_one_call() {
    let setup = Setup {
        groups: 2,
        sql: "UPDATE worker SET numbers = (SELECT numbers FROM worker WHERE id = 1)
            WHERE is_on_duty = 1",
        ..Setup::default()
    };
    let mut town = Town::with(setup).await;
    let first = answer(town.dials_and_hangs_up(1, "#9")).await.alarm;
    let second = answer(town.dials_and_hangs_up(2, "#9")).await.alarm;
    town.settle().await;
    assert_eq!(town.calls_back("duty").await, Hears::Call(first, Message::Alarm));
    town.press_and_hang_up(&["duty"], '1').await;
    let next = town.calls_back_after("duty", &[first]).await;
    assert_eq!(next, Hears::Call(second, Message::Alarm));
}

#[tokio::test]
async fn who_calls_back_after_a_cancel_hears_that_it_is_cancelled_and_is_sent_nowhere() {
    for power in Power::BOTH {
        let mut town = Town::new().await;
        let alarm = town.dials("#9").await.alarm;
        town.acts(alarm, Action::Cancel).await.expect("is open");
        town.power(power).await;
        assert_eq!(town.calls_back("105").await, Hears::Call(alarm, Message::Cancelled));
        assert!(town.wire.heard_by("105").contains("已取消"), "{power:?}");
        town.phone("105", Does::HangUp).await;
        assert_eq!(town.calls_back_after("105", &[alarm]).await, Hears::Nothing);
        town.pass(60).await;
        town.expect_silence();
    }
}

#[tokio::test]
async fn who_calls_back_after_the_close_hears_how_it_ended_for_two_hours() {
    for power in Power::BOTH {
        let mut town = Town::new().await;
        let alarm = town.dials("#9").await.alarm;
        town.acts(alarm, Action::Close(CloseOutcome::FalseAlarm, None)).await.expect("is open");
        town.power(power).await;
        let over = Hears::Over(vec![(alarm, CloseOutcome::FalseAlarm)], Language::Chinese);
        town.until_calls_back("105", &over).await;
        let line = Some(town.line(1).line);
        assert_eq!(town.calls_in(CallerId { number: None, line }, &[]).await, over, "at home too");
        assert_eq!(town.calls_back("+8613811112222").await, Hears::Nothing, "a stranger");
        town.leap(7_201).await;
        assert_eq!(town.calls_back("105").await, Hears::Nothing, "{power:?}");
    }
}

#[tokio::test]
async fn each_hears_in_their_own_language_how_it_ended() {
    let mut town =
        Town::where_also("UPDATE contact SET language = 'en' WHERE household_id = 105").await;
    let alarm = town.dials("#9").await.alarm;
    town.acts(alarm, Action::Close(CloseOutcome::Genuine, None)).await.expect("is open");
    let over = |language| Hears::Over(vec![(alarm, CloseOutcome::Genuine)], language);
    assert_eq!(town.calls_back("106").await, over(Language::English));
    assert_eq!(town.calls_back("105").await, over(Language::Chinese));
}

#[tokio::test]
async fn whom_nobody_called_hears_nothing_of_what_is_over() {
    let mut town = Town::with_chain_of_duty().await;
    let first = town.dials("#9").await.alarm;
    town.acts(first, Action::Cancel).await.expect("is open");
    assert_eq!(town.calls_back("patrol").await, Hears::Nothing, "cancelled before their turn");
    town.acts(first, Action::Close(CloseOutcome::Test, None)).await.expect("is cancelled");
    assert_eq!(town.calls_back("patrol").await, Hears::Nothing, "and closed");
}

#[tokio::test]
async fn a_live_alarm_comes_first_and_what_is_over_after_it() {
    let mut town = Town::new().await;
    let old = town.dials("#9").await.alarm;
    town.acts(old, Action::Close(CloseOutcome::Unknown, None)).await.expect("is open");
    let live = town.dials("#9").await.alarm;
    assert_eq!(town.calls_back("105").await, Hears::Call(live, Message::Alarm));
    town.press_and_hang_up(&["105"], '1').await;
    let over = Hears::Over(vec![(old, CloseOutcome::Unknown)], Language::Chinese);
    assert_eq!(town.calls_back_after("105", &[live]).await, over);
}

#[tokio::test]
async fn the_duty_worker_closes_a_cancelled_alarm_by_calling_back() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.acts(alarm, Action::Cancel).await.expect("is open");
    town.leap(3 * 3600).await;
    assert_eq!(town.calls_back("105").await, Hears::Nothing, "old news");
    assert_eq!(town.calls_back("duty").await, Hears::Call(alarm, Message::Cancelled));
    town.closes_by_phone("duty", '2').await;
    let closing = town.alarm(alarm).await.closing().map(|closing| closing.outcome);
    assert_eq!(closing, Some(CloseOutcome::FalseAlarm));
}

#[tokio::test]
async fn whoever_is_coming_already_may_call_back_to_say_that_they_cannot() {
    let mut town = Town::new().await;
    town.dials("#9").await;
    town.press_and_hang_up(&["103", "107", "duty"], '1').await;
    town.expect_silence();
    town.calls_back("107").await;
    town.press_and_hang_up(&["107"], '2').await;
    town.expect_ringing(&all_but(&["103", "107", "duty"]));
}

#[tokio::test]
async fn a_call_back_counts_whatever_the_power_does() {
    for power in Power::BOTH {
        let mut town = Town::new().await;
        let alarm = town.dials("#9").await.alarm;
        town.phone("105", Does::NoAnswer).await;
        town.power(power).await;
        town.calls_back("105").await;
        town.press_and_hang_up(&["105"], '1').await;
        town.power(power).await;
        assert_eq!(town.alarm(alarm).await.households_coming(), 1, "{power:?}");
        town.expect_ringing(&all_but(&["105"]));
    }
}
