//! Several homes of one building in trouble: a neighbour has one telephone and one pair of legs.

use crate::town::{Does, Setup, Town, answer, trigger};
use lianfang::switchboard::Action;
use lianfang_domain::alarm::CloseOutcome;
use lianfang_domain::id::AlarmId;
use lianfang_domain::leg::Message;

/// The homes behind 101 to 105 have telephones of their own.
async fn five_lines() -> Town {
    let sql = "INSERT INTO line (household_id, number_key, number_written, account)
        SELECT id, '+865926660' || door, '6660' || door, 'home-' || door
        FROM household WHERE group_id = 1 AND door IN ('102', '103', '104', '105')";
    Town::with(Setup { sql, ..Setup::default() }).await
}

/// #9 behind a door.
async fn presses(town: &Town, door: &str) -> AlarmId {
    let account = if door == "101" { "line-1".to_owned() } else { format!("home-{door}") };
    let line = town.line_of_account(&account);
    let raised = answer(town.press_on(line, trigger("#9", &format!("call-{door}")))).await;
    assert!(raised.is_new);
    town.settle().await;
    raised.alarm
}

async fn is_coming(town: &Town, alarm: AlarmId, door: &str) -> bool {
    let alarm = town.alarm(alarm).await;
    alarm.parties().any(|(_, party, state)| {
        *party.name == *format!("{door} {door}家") && state.coming.is_some()
    })
}

#[tokio::test]
async fn one_call_tells_of_three_homes_and_one_key_answers_for_all() {
    let town = five_lines().await;
    let first = presses(&town, "101").await;
    let second = presses(&town, "102").await;
    let third = presses(&town, "103").await;

    assert_eq!(town.calls_to("110"), [Message::Alarm], "one call, not three");
    let heard = town.wire.heard_by("110");
    assert!(
        heard.contains("幺零幺") && heard.contains("同楼求助的还有幺零二室幺零三室"),
        "{heard}"
    );
    assert!(town.wire.read_by("110").contains("同楼102、101"), "{}", town.wire.read_by("110"));

    town.phone("110", Does::Press('1')).await;
    for alarm in [first, second, third] {
        assert!(is_coming(&town, alarm, "110").await);
    }
    town.phone("110", Does::HangUp).await;
    assert_eq!(town.calls_to("110").len(), 1, "nobody calls again who is coming to the building");
}

#[tokio::test]
async fn five_homes_are_told_by_two_doors_and_their_number() {
    let town = five_lines().await;
    for door in ["101", "102", "103", "104", "105"] {
        presses(&town, door).await;
    }
    let heard = town.wire.heard_by("110");
    assert!(heard.contains("同楼求助的还有") && heard.contains("一共五户求助"), "{heard}");
}

#[tokio::test]
async fn who_has_picked_up_already_is_called_again_for_the_next_home() {
    let town = five_lines().await;
    presses(&town, "101").await;
    town.phone("110", Does::Answer).await;
    let second = presses(&town, "102").await;
    assert_eq!(town.calls_to("110").len(), 1);

    town.phone("110", Does::Press('1')).await;
    assert!(!is_coming(&town, second, "110").await, "they have not heard of it");
    town.phone("110", Does::HangUp).await;

    assert_eq!(town.calls_to("110").len(), 2);
    let heard = town.wire.heard_by("110");
    assert!(heard.contains("幺零二室") && !heard.contains("同楼"), "{heard}");
}

#[tokio::test]
async fn an_alarm_that_ends_while_the_phone_rings_leaves_the_call_to_the_other() {
    let town = five_lines().await;
    let first = presses(&town, "101").await;
    let second = presses(&town, "102").await;
    let close = Action::Close(CloseOutcome::FalseAlarm, None);
    assert_eq!(town.acts(first, close).await, Ok(()));

    assert!(town.wire.ringing().contains(&"110".to_owned()), "the other home still needs help");
    let heard = town.wire.heard_by("110");
    assert!(heard.contains("幺零二室") && !heard.contains("幺零幺"), "{heard}");
    town.phone("110", Does::Press('1')).await;
    assert!(is_coming(&town, second, "110").await);
}

#[tokio::test]
async fn a_phone_that_nobody_picks_up_is_tried_again_for_all_of_them() {
    let town = five_lines().await;
    presses(&town, "101").await;
    presses(&town, "102").await;
    town.phone("110", Does::NoAnswer).await;
    town.pass(65).await;
    assert_eq!(town.calls_to("110").len(), 2, "the second ring is one call, too");
    assert!(town.wire.heard_by("110").contains("同楼求助的还有"));
}

#[tokio::test]
async fn homes_in_two_buildings_are_two_calls() {
    let sql = "UPDATE household SET building = '4' WHERE group_id = 1 AND door = '102';
        INSERT INTO line (household_id, number_key, number_written, account)
        SELECT id, '+865926660' || door, '6660' || door, 'home-' || door
        FROM household WHERE group_id = 1 AND door = '102'";
    let town = Town::with(Setup { sql, ..Setup::default() }).await;
    presses(&town, "101").await;
    presses(&town, "102").await;
    assert!(!town.wire.heard_by("110").contains("同楼"));
    town.phone("110", Does::Press('1')).await;
    town.phone("110", Does::HangUp).await;
    assert_eq!(town.calls_to("110").len(), 2);
}

#[tokio::test]
async fn after_a_restart_one_call_tells_of_both_again() {
    let mut town = five_lines().await;
    let first = presses(&town, "101").await;
    let second = presses(&town, "102").await;
    town.restarts().await;
    town.phone("110", Does::Press('1')).await;
    assert!(is_coming(&town, first, "110").await || is_coming(&town, second, "110").await);
    town.phone("110", Does::HangUp).await;
    town.pass(130).await;
    town.expect_no_silence();
}
