//! Whom the phones ring, and what follows when nobody picks up.

use super::{ALL, NEIGHBOURS, all_but};
use crate::town::{Does, LINES, SMS_1, SMS_2, Setup, TRUNK_1, TRUNK_2, Town};
use lianfang_domain::alarm::ResidentNotice;
use lianfang_domain::leg::{LegOutcome, LegReport, Message};

#[tokio::test]
async fn nine_neighbours_and_the_duty_worker_ring_at_once_and_get_an_sms() {
    let mut town = Town::new().await;

    let raised = town.dials("#9").await;

    assert!(raised.is_new);
    town.expect_ringing(&ALL);
    for who in ALL {
        assert_eq!(town.calls_to(who), [Message::Alarm], "{who}");
        assert_eq!(town.texts_to(who), [Message::Alarm], "{who}");
    }
    assert_eq!(town.texts_to("101"), [Message::OwnHousehold]);
    assert!(town.calls_to("101").is_empty() && town.calls_to("deputy").is_empty());
    assert_eq!(town.wire.texts(), 11);
    assert_eq!(town.wire.told(), [ResidentNotice::HelpCalled { households: 9 }]);
}

#[tokio::test]
async fn the_duty_worker_is_called_first_then_the_nearest() {
    let mut town = Town::new().await;
    town.dials("#9").await;
    let order: Vec<String> = town.wire.calls().into_iter().map(|(_, who, _)| who).collect();
    assert_eq!(order[0], "duty");
    assert_eq!(order[1..], NEIGHBOURS);
}

#[tokio::test]
async fn a_busy_phone_rings_after_15_and_then_after_30_seconds() {
    let mut town = Town::new().await;
    town.dials("#9").await;

    town.phone("104", Does::Busy).await;
    town.pass(10).await;
    town.expect_ringing(&all_but(&["104"]));
    town.pass(5).await;
    town.expect_ringing(&ALL);

    town.phone("104", Does::Busy).await;
    town.pass(25).await;
    town.expect_ringing(&all_but(&["104"]));
    town.pass(5).await;
    town.expect_ringing(&ALL);
}

#[tokio::test]
async fn a_phone_that_nobody_answers_rings_again_after_65_seconds() {
    let mut town = Town::new().await;
    town.dials("#9").await;
    town.phone("105", Does::Ring).await;

    town.phone("105", Does::NoAnswer).await;
    town.pass(60).await;
    town.expect_ringing(&all_but(&["105"]));
    town.pass(5).await;

    town.expect_ringing(&ALL);
    assert_eq!(town.calls_to("105").len(), 2);
}

#[tokio::test]
async fn the_next_number_of_a_household_rings_as_soon_as_one_fails() {
    let mut town = Town::where_also(
        r#"INSERT INTO contact (household_id, name, rank, numbers) VALUES (103, '奶奶', 1,
            '[{"key":"+8613800010999","written":"13800010999","voice":true,"sms":true}]')"#,
    )
    .await;
    town.dials("#9").await;
    town.expect_ringing(&ALL);
    assert_eq!(town.texts_to("999"), [Message::Alarm], "every mobile of the household");

    town.phone("104", Does::BadNumber).await;

    let mut ringing = all_but(&["104"]);
    ringing.push("999");
    town.expect_ringing(&ringing);
}

#[tokio::test]
async fn voicemail_reaches_nobody() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    for who in NEIGHBOURS {
        town.phone(who, Does::Answer).await;
        town.phone(who, Does::HangUp).await;
    }
    assert!(!town.alarm(alarm).await.has_anybody());

    town.pass(120).await;

    town.expect_ringing(&ALL);
}

#[tokio::test]
async fn when_a_trunk_fails_the_call_takes_the_other_one_at_once() {
    let mut town = Town::new().await;
    town.wire.breaks(TRUNK_1);

    town.dials("#9").await;

    town.expect_ringing(&ALL);
    let calls = town.wire.calls();
    for who in ALL {
        let routes = calls.iter().filter(|(_, called, _)| called == who);
        let routes: Vec<&str> = routes.map(|(_, _, route)| &**route).collect();
        assert_eq!(routes, [TRUNK_1, TRUNK_2], "{who}");
    }
}

#[tokio::test]
async fn when_a_provider_refuses_the_sms_takes_the_other_one_at_once() {
    let mut town = Town::new().await;
    town.wire.breaks(SMS_1);
    town.dials("#9").await;
    for who in ALL {
        let routes = town.wire.sms_routes(who);
        assert_eq!(routes.iter().map(|route| &**route).collect::<Vec<_>>(), [SMS_1, SMS_2]);
    }
}

#[tokio::test]
async fn a_trunk_that_is_known_to_be_down_is_not_tried() {
    let mut town = Town::new().await;
    town.route_is(TRUNK_1, false);
    town.dials("#9").await;
    assert!(town.wire.calls().iter().all(|(_, _, route)| &**route == TRUNK_2));
}

#[tokio::test]
async fn a_neighbour_whose_line_is_registered_here_is_rung_here() {
    let mut town = Town::where_also(
        r#"INSERT INTO line (household_id, number_key, number_written, account)
            VALUES (101, '+8613800010102', '13800010102', 'line-of-102')"#,
    )
    .await;
    let line = town.line_of_account("line-of-102");

    town.dials("#9").await;
    assert_eq!(route_of(&town, "102"), TRUNK_1, "it is not registered");

    town.phone("102", Does::NoAnswer).await;
    town.wire.registers(line);
    town.pass(65).await;
    assert_eq!(route_of(&town, "102"), LINES);
}

fn route_of(town: &Town, who: &str) -> String {
    let calls = town.wire.calls();
    let call = calls.into_iter().rev().find(|(_, called, _)| called == who);
    call.expect("was called").2.to_string()
}

#[tokio::test]
async fn the_end_of_a_call_that_no_report_tells_frees_phone_and_channel() {
    let setup = Setup { routes: crate::town::routes(10), ..Setup::default() };
    let mut town = Town::with(setup).await;
    town.dials("#9").await;
    town.wire.loses_reports(true);
    for who in ALL {
        town.phone(who, Does::NoAnswer).await;
    }
    town.wire.loses_reports(false);
    town.expect_silence();

    // Nothing is heard of the calls for nine minutes: they are given up, and their numbers are called again.
    town.pass(545).await;

    town.expect_ringing(&ALL);
}

#[tokio::test]
async fn nobody_on_duty_is_no_reason_to_be_silent() {
    let mut town = Town::where_also("UPDATE worker SET is_on_duty = 0").await;
    town.dials("#9").await;
    town.expect_ringing(&NEIGHBOURS);
}

#[tokio::test]
async fn a_group_without_neighbours_rings_every_worker_of_the_community() {
    let mut town = Town::where_also(
        "DELETE FROM contact WHERE household_id <> 100; UPDATE worker SET is_on_duty = 0",
    )
    .await;
    town.dials("#9").await;
    town.expect_ringing(&["deputy", "duty"]);
}

#[tokio::test]
async fn an_alarm_that_reaches_nobody_rings_whoever_is_added_later() {
    let mut town = Town::where_also("DELETE FROM contact; DELETE FROM worker").await;
    let alarm = town.dials("#9").await.alarm;
    town.expect_silence();

    town.edit(
        r#"INSERT INTO contact (household_id, name, numbers) VALUES (101, '新邻居',
            '[{"key":"+8613800010102","written":"13800010102","voice":true,"sms":true}]')"#,
    )
    .await;
    town.pass(120).await;

    town.expect_ringing(&["102"]);
    assert_eq!(town.alarm(alarm).await.plan().revision, 2);
}

#[tokio::test]
async fn an_alarm_that_nobody_answers_never_falls_silent() {
    let mut town = Town::new().await;
    town.dials("#9").await;
    // The longest silence is the longest pause between waves.
    for _ in 0..6 {
        let before = town.wire.calls().len();
        for who in town.wire.ringing() {
            town.phone(&who, Does::NoAnswer).await;
        }
        town.leap(600).await;
        assert!(before < town.wire.calls().len());
    }
}

#[tokio::test]
async fn a_receipt_is_recorded_after_the_provider_took_the_message() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    let delivered = LegReport::Ended { outcome: LegOutcome::Delivered };
    town.provider("103", delivered).await;
    let alarm = town.alarm(alarm).await;
    let is_delivered =
        |leg: &&lianfang_domain::alarm::Leg| matches!(leg.ended, Some((_, LegOutcome::Delivered)));
    assert_eq!(alarm.legs().iter().filter(is_delivered).count(), 1);
}
