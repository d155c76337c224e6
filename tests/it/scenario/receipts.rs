//! SMS whose arrival nobody confirms are answered by voice.

use super::{ALL, NEIGHBOURS, all_but};
use crate::town::{Does, Power, Town};
use lianfang_domain::alarm::{Alarm, Event};
use lianfang_domain::delivery::DeliveryAnswer::Coming;
use lianfang_domain::delivery::DeliveryState::{
    AcceptedUnconfirmed, AnsweredWithoutKey, Confirmed, Late, Sent, Told, Undelivered,
};
use lianfang_domain::leg::{Channel, LegOutcome, LegReport, Message};

/// Providers promise receipts, everybody's voicemail has answered, and the duty worker takes the case.
async fn only_voicemail() -> Town {
    let mut town = Town::new().await;
    town.wire.promises_receipts();
    town.dials("#9").await;
    for who in NEIGHBOURS {
        town.phone(who, Does::Answer).await;
        town.phone(who, Does::HangUp).await;
    }
    town.press_and_hang_up(&["duty"], '1').await;
    town.expect_silence();
    town
}

fn has_late_receipt(alarm: &Alarm) -> bool {
    alarm.legs().iter().any(|leg| leg.channel == Channel::Sms && leg.is_receipt_late)
}

#[tokio::test]
async fn a_message_without_a_receipt_for_20_seconds_is_answered_by_a_call() {
    let town = only_voicemail().await;
    for who in all_but(&["104"]) {
        town.provider(who, LegReport::Delivered).await;
    }
    town.pass(15).await;
    town.expect_silence();
    town.pass(5).await;
    town.expect_ringing(&["104"]);
    assert_eq!(town.calls_to("104"), [Message::Alarm, Message::Alarm]);
}

#[tokio::test]
async fn messages_that_arrived_call_nobody() {
    let town = only_voicemail().await;
    for who in ALL {
        town.provider(who, LegReport::Delivered).await;
    }
    town.provider("101", LegReport::Delivered).await;
    town.pass(110).await;
    town.expect_silence();
}

#[tokio::test]
async fn a_phone_that_rings_is_not_called_twice_since_its_message_is_late() {
    let mut town = Town::new().await;
    town.wire.promises_receipts();
    let alarm = town.dials("#9").await.alarm;
    town.pass(25).await;
    assert!(has_late_receipt(&town.alarm(alarm).await), "it is shown");
    for who in ALL {
        assert_eq!(town.calls_to(who).len(), 1, "{who}");
    }
}

#[tokio::test]
async fn a_message_that_did_not_arrive_is_answered_by_a_call_at_once() {
    let town = only_voicemail().await;
    let undelivered = LegReport::Ended { outcome: LegOutcome::Undelivered };
    town.provider("106", undelivered).await;
    town.expect_ringing(&["106"]);
}

#[tokio::test]
async fn who_said_that_they_cannot_come_is_not_called_for_a_late_message() {
    let mut town = Town::new().await;
    town.wire.promises_receipts();
    town.dials("#9").await;
    town.press_and_hang_up(&["104"], '2').await;
    town.pass(25).await;
    assert_eq!(town.calls_to("104").len(), 1);
}

#[tokio::test]
async fn a_receipt_that_comes_after_all_is_recorded() {
    let mut town = Town::new().await;
    town.wire.promises_receipts();
    let alarm = town.dials("#9").await.alarm;
    town.pass(25).await;
    town.provider("104", LegReport::Delivered).await;
    let events = town.events(alarm).await;
    let late = events.iter().position(|event| matches!(event, Event::ReceiptLate { .. }));
    let delivered = events
        .iter()
        .position(|event| matches!(event, Event::LegEnded { outcome: LegOutcome::Delivered, .. }));
    assert!(late.is_some() && late < delivered);
}

#[tokio::test]
async fn who_refuses_messages_is_called_and_sent_no_more() {
    let town = only_voicemail().await;
    town.provider("106", LegReport::Ended { outcome: LegOutcome::OptedOut }).await;
    town.pass(120).await;
    assert_eq!(town.texts_to("106").len(), 1);
    assert!(1 < town.calls_to("106").len());
}

#[tokio::test]
async fn a_late_message_is_answered_by_voice_whatever_the_power_does() {
    for power in Power::BOTH {
        let mut town = only_voicemail().await;
        town.pass(10).await;
        town.power(power).await;
        town.expect_silence();
        town.pass(10).await;
        town.expect_ringing(&NEIGHBOURS);
    }
}

#[tokio::test]
async fn who_looks_sees_the_late_message_and_the_call_that_answered_it() {
    let mut town = Town::new().await;
    town.wire.promises_receipts();
    let alarm = town.dials("#9").await.alarm;
    for who in NEIGHBOURS {
        town.phone(who, Does::Answer).await;
        town.phone(who, Does::HangUp).await;
    }
    town.press_and_hang_up(&["duty"], '1').await;
    for who in all_but(&["104", "106"]) {
        town.provider(who, LegReport::Delivered).await;
    }
    let undelivered = LegReport::Ended { outcome: LegOutcome::Undelivered };
    town.provider("106", undelivered).await;
    let states = async |town: &Town, who| {
        let of: Vec<_> = town.deliveries(alarm, who).await;
        of.iter().map(|one| (one.channel, one.state())).collect::<Vec<_>>()
    };
    let call = (Channel::Voice, AnsweredWithoutKey);
    assert_eq!(states(&town, "105").await, [call, (Channel::Sms, Confirmed)]);
    assert_eq!(states(&town, "104").await, [call, (Channel::Sms, AcceptedUnconfirmed)]);
    let failed = (Channel::Sms, Undelivered(LegOutcome::Undelivered));
    assert_eq!(states(&town, "106").await, [call, failed, (Channel::Voice, Sent)]);

    town.pass(20).await;
    let late = town.deliveries(alarm, "104").await;
    let [first, sms, second] = &late[..] else { panic!("{late:?}") };
    assert_eq!((first.attempt, sms.state(), second.attempt), (1, Late, 2));
    assert_eq!(sms.called_instead, Some(second.leg));
    let waited = |from: Option<jiff::Timestamp>| {
        sms.late_at.zip(from).map(|(at, from)| (at - from).get_seconds())
    };
    assert_eq!(waited(sms.accepted_at), Some(20));
    town.press_and_hang_up(&["104"], '1').await;
    assert_eq!(town.deliveries(alarm, "104").await[2].state(), Told(Coming));
}
