//! What makes an alarm, and what #9 means while there is one.

use super::{ALL, NEIGHBOURS};
use crate::town::{Does, Town, answer, trigger};
use lianfang::switchboard::{Action, Raised};
use lianfang_domain::alarm::{CloseOutcome, Event, Proof, ResidentNotice, Trigger, TriggerSource};
use lianfang_domain::leg::Message;

#[tokio::test]
async fn nine_again_rings_who_is_not_coming_by_todays_roster_and_tells_those_who_are() {
    let mut town = Town::new().await;
    let first = town.dials("#9").await;
    for who in ["103", "107", "duty"] {
        town.phone(who, Does::Press('1')).await;
        town.phone(who, Does::HangUp).await;
    }
    town.expect_silence();
    town.edit("UPDATE worker SET is_on_duty = 1 - is_on_duty WHERE community_id = 1").await;
    town.pass(60).await;

    let again = town.dials("#9").await;

    assert_eq!(again, Raised { alarm: first.alarm, is_new: false });
    town.expect_ringing(&["102", "104", "105", "106", "108", "109", "110", "deputy"]);
    for who in ["103", "107"] {
        assert_eq!(town.texts_to(who), [Message::Alarm, Message::StillInDanger], "{who}");
        assert_eq!(town.calls_to(who).len(), 1, "{who}");
    }
    assert_eq!(town.calls_to("deputy"), [Message::StillInDanger]);
    assert_eq!(town.alarm(first.alarm).await.plan().revision, 2);
}

#[tokio::test]
async fn the_same_call_told_twice_is_one_alarm() {
    let town = Town::new().await;
    let first = town.presses(1, trigger("#9", "call-a")).await;
    let second = town.presses(1, trigger("#9", "call-a")).await;
    assert_eq!(second, Raised { alarm: first.alarm, is_new: false });
    town.expect_ringing(&ALL);
    let is_again = |event: &Event| matches!(event, Event::StillInDanger { .. });
    assert!(!town.events(first.alarm).await.iter().any(is_again));
}

/// A telephone that counts its Call-IDs from one again after each power failure.
#[tokio::test]
async fn a_call_id_that_was_used_long_ago_swallows_no_alarm() {
    let mut town = Town::new().await;
    let first = town.presses(1, trigger("#9", "1@192.168.1.2")).await.alarm;
    town.acts(first, Action::Close(CloseOutcome::Genuine, None)).await.expect("is open");
    town.leap(3600).await;

    let second = town.presses(1, trigger("#9", "1@192.168.1.2")).await;
    let again = town.presses(1, trigger("#9", "1@192.168.1.2")).await;
    assert_eq!(again, Raised { alarm: second.alarm, is_new: false });
    assert!(second.is_new);
    assert_ne!(second.alarm, first);
    town.expect_ringing(&ALL);

    // The log, which alone knows after a restart, swallows none either.
    town.acts(second.alarm, Action::Close(CloseOutcome::Genuine, None)).await.expect("is open");
    town.leap(3600).await;
    town.restarts().await;
    let third = town.presses(1, trigger("#9", "1@192.168.1.2")).await;
    assert!(third.is_new);
    assert!(![first, second.alarm].contains(&third.alarm));
    town.expect_ringing(&ALL);
}

#[tokio::test]
async fn the_same_call_told_twice_at_once_is_answered_twice_with_one_alarm() {
    let town = Town::new().await;
    let first = town.press(1, trigger("#9", "call-a"));
    let second = town.press(1, trigger("#9", "call-a"));
    let (first, second) = (answer(first).await, answer(second).await);
    assert!(first.is_new && !second.is_new);
    assert_eq!(first.alarm, second.alarm);
}

#[tokio::test]
async fn nine_after_somebody_arrived_is_a_new_alarm_that_follows() {
    let mut town = Town::new().await;
    let first = town.dials("#9").await.alarm;
    town.phone("103", Does::Press('1')).await;
    town.phone("103", Does::Press('3')).await;
    for who in town.wire.ringing() {
        town.phone(&who, Does::HangUp).await;
    }

    town.pass(10).await;
    let second = town.dials("#9").await;

    assert!(second.is_new);
    assert_eq!(town.alarm(second.alarm).await.follows(), Some(first));
    for who in ALL {
        assert!(2 <= town.calls_to(who).len(), "{who}");
    }
}

#[tokio::test]
async fn nine_after_two_hours_in_which_nobody_did_anything_is_a_new_alarm() {
    let mut town = Town::new().await;
    let first = town.dials("#9").await.alarm;
    town.press_and_hang_up(&["103", "107", "duty"], '1').await;
    town.leap(2 * 3600).await;
    town.expect_ringing(&["103", "107", "duty"]);
    assert_eq!(town.calls_to("103").last(), Some(&Message::AreYouThere));

    let second = town.dials("#9").await;

    assert!(second.is_new, "our own questions made the old one no younger");
    assert_ne!(second.alarm, first);
    town.expect_ringing(&ALL);
    assert_eq!(town.calls_to("104").last(), Some(&Message::Alarm), "as at the first time");
    assert_eq!(town.alarm(second.alarm).await.follows(), Some(first));
    assert!(!town.alarm(first).await.is_over(), "a person closes the old one");
}

#[tokio::test]
async fn nine_within_two_hours_of_an_answer_is_the_same_alarm() {
    let mut town = Town::new().await;
    let first = town.dials("#9").await.alarm;
    town.press_and_hang_up(&["103", "107", "duty"], '1').await;
    town.leap(3600).await;
    town.press_and_hang_up(&["103"], '1').await;
    town.leap(7100).await;
    assert_eq!(town.dials("#9").await, Raised { alarm: first, is_new: false });
}

#[tokio::test]
async fn nine_after_a_cancel_rings_everybody_though_nobody_has_closed_the_first() {
    let mut town = Town::new().await;
    let first = town.dials("#9").await.alarm;
    town.acts(first, Action::Cancel).await.expect("is open");
    town.expect_silence();
    town.pass(5).await;

    let second = town.dials("#9").await;

    assert!(second.is_new);
    assert_ne!(second.alarm, first);
    town.expect_ringing(&ALL);
    assert_eq!(town.alarm(second.alarm).await.follows(), Some(first));
}

#[tokio::test]
async fn nine_after_the_close_is_an_alarm_of_its_own() {
    let mut town = Town::new().await;
    let first = town.dials("#9").await.alarm;
    town.acts(first, Action::Close(CloseOutcome::Genuine, None)).await.expect("is open");
    town.pass(5).await;

    let second = town.dials("#9").await;

    assert!(second.is_new);
    town.expect_ringing(&ALL);
    assert_eq!(town.alarm(second.alarm).await.follows(), None);
}

#[tokio::test]
async fn a_line_without_proof_rings_the_duty_worker_first_and_widens_by_itself() {
    let town = Town::new().await;
    let weak = Trigger { proof: Proof::Weak, ..trigger("#9", "call-a") };

    town.presses(1, weak).await;
    town.expect_ringing(&["duty"]);
    assert_eq!(town.calls_to("duty"), [Message::WeakAlarm]);

    town.pass(30).await;
    town.expect_ringing(&ALL);
    assert_eq!(town.calls_to("103"), [Message::WeakAlarm]);
}

#[tokio::test]
async fn a_duty_worker_who_takes_a_weak_alarm_widens_it() {
    let town = Town::new().await;
    let weak = Trigger { proof: Proof::Weak, ..trigger("#9", "call-a") };
    town.presses(1, weak).await;
    town.phone("duty", Does::Press('1')).await;
    town.expect_ringing(&ALL);
}

#[tokio::test]
async fn a_proven_press_on_the_same_line_makes_a_weak_alarm_strong() {
    let town = Town::new().await;
    let weak = Trigger { proof: Proof::Weak, ..trigger("#9", "call-a") };
    let first = town.presses(1, weak).await;

    let second = town.presses(1, trigger("#9", "call-b")).await;

    assert_eq!(second, Raised { alarm: first.alarm, is_new: false });
    town.expect_ringing(&ALL);
    assert!(!town.alarm(first.alarm).await.is_weak());
}

#[tokio::test]
async fn a_hotline_raises_like_any_other() {
    let town = Town::new().await;
    let hotline = Trigger { source: TriggerSource::Hotline, ..trigger("", "call-a") };
    assert!(town.presses(1, hotline).await.is_new);
    town.expect_ringing(&ALL);
}

#[tokio::test]
async fn on_a_silent_line_nothing_is_said() {
    let mut town = Town::where_also("UPDATE line SET is_silent = 1").await;
    town.dials("#9").await;
    town.phone("103", Does::Press('1')).await;
    town.expect_ringing(&ALL);
    assert_eq!(town.wire.told(), Vec::<ResidentNotice>::new());
}

#[tokio::test]
async fn editing_the_group_during_the_alarm_changes_nobodys_ringing() {
    let mut town = Town::new().await;
    let alarm = town.dials("#9").await.alarm;
    town.edit("DELETE FROM contact WHERE household_id BETWEEN 104 AND 109; DELETE FROM worker")
        .await;
    for who in ALL {
        town.phone(who, Does::NoAnswer).await;
    }
    town.pass(65).await;
    town.expect_ringing(&ALL);
    assert_eq!(town.alarm(alarm).await.plan().revision, 1);
}

#[tokio::test]
async fn a_line_that_left_the_directory_still_rings_those_of_its_open_alarm() {
    let mut town = Town::new().await;
    let first = town.dials("#9").await.alarm;
    let line = town.line(1);
    town.phone("103", Does::Press('3')).await;
    town.edit("DELETE FROM line").await;
    town.pass(5).await;

    let second = answer(town.press_on(line, trigger("#9", "call-b"))).await;
    town.settle().await;

    assert!(second.is_new);
    assert_ne!(second.alarm, first);
    for who in NEIGHBOURS {
        assert!(!town.calls_to(who).is_empty());
    }
    assert_eq!(town.alarm(second.alarm).await.follows(), Some(first));
}
