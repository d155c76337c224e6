//! Again, by what came of the call, and as often as callee and carrier bear.

use super::{ALL, all_and, all_but};
use crate::town::{Does, LINES, Power, SMS_1, Setup, TRUNK_1, TRUNK_2, Town, routes};
use lianfang::switchboard::Action;
use lianfang_domain::alarm::CloseOutcome;
use lianfang_domain::dispatch::{CalleeBudget, Route};
use lianfang_domain::leg::Message;

/// Trunks that take one call to the same number a minute and five an hour, as real ones do.
fn strict(trunks: &[&str]) -> Setup {
    let mut strict: Vec<Route> = routes(100);
    strict.retain(|route| trunks.contains(&&*route.name) || &*route.name == SMS_1);
    for route in strict.iter_mut().filter(|route| trunks.contains(&&*route.name)) {
        let budget = |calls, per_s| CalleeBudget { calls, per_s };
        route.callee_budgets = vec![budget(1, 60), budget(5, 3600)];
    }
    Setup { routes: strict, ..Setup::default() }
}

fn routes_to(town: &Town, who: &str) -> Vec<String> {
    let calls = town.wire.calls().into_iter().filter(|(_, called, _)| called == who);
    calls.map(|(_, _, route)| route.to_string()).collect()
}

#[tokio::test]
async fn a_trunk_that_takes_one_call_a_minute_makes_the_busy_retry_wait() {
    let mut town = Town::with(strict(&[TRUNK_1])).await;
    town.dials("#9").await;
    town.phone("104", Does::Busy).await;
    town.pass(55).await;
    assert_eq!(town.calls_to("104").len(), 1, "fifteen seconds are over, the minute is not");
    town.pass(5).await;
    assert_eq!(town.calls_to("104").len(), 2);
}

#[tokio::test]
async fn another_trunk_has_a_budget_of_its_own() {
    let mut town = Town::with(strict(&[TRUNK_1, TRUNK_2])).await;
    town.dials("#9").await;
    town.phone("104", Does::Busy).await;
    town.pass(15).await;
    assert_eq!(routes_to(&town, "104"), [TRUNK_1, TRUNK_2]);
}

#[tokio::test]
async fn a_call_that_failed_costs_its_budget_too() {
    let mut town = Town::with(strict(&[TRUNK_1])).await;
    town.wire.breaks(TRUNK_1);
    town.dials("#9").await;
    town.wire.mends(TRUNK_1);
    town.pass(55).await;
    assert_eq!(town.calls_to("103").len(), 1, "the trunk would refuse it");
    town.pass(5).await;
    town.expect_ringing(&ALL);
}

#[tokio::test]
async fn one_trunk_calls_nobody_more_than_five_times_in_an_hour() {
    let mut town = Town::with(strict(&[TRUNK_1])).await;
    town.dials("#9").await;
    for _ in 0..40 {
        town.everybody(Does::NoAnswer).await;
        town.pass(85).await;
    }
    assert_eq!(town.calls_to("duty").len(), 5, "though the policy allows a duty worker sixty");
    town.everybody(Does::NoAnswer).await;
    town.pass(300).await;
    assert!(5 < town.calls_to("duty").len(), "the hour of the first is over");
}

#[tokio::test]
async fn a_neighbour_is_called_five_times_in_an_hour_and_goes_on_next_hour() {
    let mut town = Town::new().await;
    town.dials("#9").await;
    for _ in 0..56 {
        town.everybody(Does::NoAnswer).await;
        town.pass(60).await;
    }
    assert_eq!(town.calls_to("105").len(), 5);
    assert!(20 < town.calls_to("duty").len(), "the duty worker rings on and on");
    town.pass(1200).await;
    assert!(5 < town.calls_to("105").len());
}

#[tokio::test]
async fn the_second_ring_comes_from_the_same_number_within_three_minutes() {
    let mut town = Town::new().await;
    town.dials("#9").await;
    town.phone("105", Does::NoAnswer).await;
    town.pass(65).await;
    assert_eq!(routes_to(&town, "105"), [TRUNK_1, TRUNK_1], "Do Not Disturb lets it through");
}

#[tokio::test]
async fn who_is_busy_for_the_third_time_waits_for_the_next_wave() {
    let mut town = Town::new().await;
    town.dials("#9").await;
    for pause in [15, 30] {
        town.phone("104", Does::Busy).await;
        town.pass(pause).await;
    }
    town.phone("104", Does::Busy).await;
    town.pass(70).await;
    town.expect_ringing(&all_but(&["104"]));
    town.pass(5).await;
    town.expect_ringing(&ALL);
}

#[tokio::test]
async fn who_refuses_the_call_is_left_alone_until_the_next_wave() {
    let mut town = Town::new().await;
    town.dials("#9").await;
    town.phone("104", Does::Decline).await;
    town.pass(115).await;
    assert_eq!(town.calls_to("104").len(), 1);
    town.pass(5).await;
    town.expect_ringing(&ALL);
}

#[tokio::test]
async fn a_number_that_is_none_is_never_called_again() {
    let mut town = Town::new().await;
    town.dials("#9").await;
    town.phone("104", Does::BadNumber).await;
    town.pass(500).await;
    assert_eq!(town.calls_to("104"), [Message::Alarm]);
}

#[tokio::test]
async fn the_duty_worker_rings_every_65_seconds_while_neighbours_wait_for_their_wave() {
    let mut town = Town::new().await;
    town.dials("#9").await;
    for times in 1..=4 {
        assert_eq!(town.calls_to("duty").len(), times);
        town.phone("duty", Does::Answer).await;
        town.phone("duty", Does::HangUp).await;
        town.pass(65).await;
    }
}

#[tokio::test]
async fn with_every_trunk_dead_the_sms_arrive_and_the_phones_ring_when_one_comes_back() {
    let mut town = Town::new().await;
    for trunk in [LINES, TRUNK_1, TRUNK_2] {
        town.wire.breaks(trunk);
    }
    town.dials("#9").await;
    town.expect_silence();
    assert_eq!(town.texts_to("103"), [Message::Alarm]);

    town.wire.mends(TRUNK_2);
    town.pass(120).await;
    town.expect_ringing(&ALL);
}

#[tokio::test]
async fn voicemail_of_the_first_rings_the_second_of_the_household() {
    let mut town = Town::where_also(
        r#"INSERT INTO contact (household_id, name, rank, numbers) VALUES (103, '奶奶', 1,
            '[{"key":"+8613800010999","written":"13800010999","voice":true,"sms":true}]')"#,
    )
    .await;
    town.dials("#9").await;
    town.phone("104", Does::Answer).await;
    town.phone("104", Does::HangUp).await;
    town.expect_ringing(&[&all_but(&["104"])[..], &["999"]].concat());
}

#[tokio::test]
async fn a_second_ring_comes_at_its_time_whatever_the_power_does() {
    for power in Power::BOTH {
        let mut town = Town::with_chain_of_duty().await;
        town.dials("#9").await;
        town.phone("105", Does::NoAnswer).await;
        town.pass(30).await;
        town.power(power).await;
        town.expect_ringing(&all_but(&["105"]));
        town.pass(30).await;
        town.expect_ringing(&[&all_but(&["105"])[..], &["deputy"]].concat());
        town.pass(5).await;
        town.expect_ringing(&all_and(&["deputy"]));
    }
}

/// A household has a mobile and a landline; the trunk takes the mobile five times an hour.
#[tokio::test]
async fn a_number_that_the_trunk_takes_no_more_makes_way_for_the_next_of_the_household() {
    let sql = r#"INSERT INTO contact (household_id, name, rank, numbers) VALUES (103, '奶奶', 1,
        '[{"key":"+8613800010999","written":"13800010999","voice":true,"sms":false}]')"#;
    let mut town = Town::with(Setup { sql, ..strict(&[TRUNK_1]) }).await;
    // Five calls of an alarm that is over used up what the trunk takes.
    let old = town.dials("#9").await.alarm;
    for _ in 0..200 {
        if town.wire.ringing().contains(&"104".to_owned()) {
            town.phone("104", Does::NoAnswer).await;
        }
        if town.wire.ringing().contains(&"999".to_owned()) {
            town.phone("999", Does::Decline).await;
        }
        if 5 <= town.calls_to("104").len() {
            break;
        }
        town.pass(10).await;
    }
    assert_eq!(town.calls_to("104").len(), 5);
    town.acts(old, Action::Close(CloseOutcome::FalseAlarm, None)).await.expect("is open");
    town.pass(120).await;
    let before = town.calls_to("999").len();

    town.dials("#9").await;

    assert_eq!(town.calls_to("104").len(), 5, "the trunk takes no sixth");
    assert_eq!(town.calls_to("999").len(), before + 1, "the next telephone rings at once");
    assert!(town.wire.ringing().contains(&"999".to_owned()));
    assert!(town.wire.ringing().contains(&"103".to_owned()), "and everybody else's");
}
