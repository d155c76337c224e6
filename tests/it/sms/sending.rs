//! What becomes of a message: whatever the provider does, one end, and no message twice where it can be helped.

use super::provider::{Deed, Provider};
use super::{Sender, ended, leg, pauses, placed, route, text};
use lianfang::sms::{Pauses, Text};
use lianfang_domain::leg::{LegOutcome, LegReport};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use std::time::Duration;

fn refused(status: u16, code: u32) -> Deed {
    Deed::Answer(status, "", json!({ "code": code, "status": status }).to_string())
}

fn failing(status: u16) -> Deed {
    Deed::Answer(status, "", String::new())
}

/// Sends one message to a provider that does these deeds: how it ends, how often it was asked to send, and how many
/// messages it took.
async fn check(deeds: &[Deed], outcome: LegOutcome, posts: usize, taken: usize) -> Provider {
    let provider = Provider::start(deeds.to_vec()).await;
    let mut sender = Sender::new(route(&provider));
    assert_eq!(sender.send().await, outcome, "{deeds:?}");
    assert_eq!((provider.posts(), provider.taken().len()), (posts, taken), "{deeds:?}");
    provider
}

#[tokio::test]
async fn a_message_is_taken() {
    let provider = check(&[], LegOutcome::Sent, 1, 1).await;
    let form = &provider.taken()[0].form;
    let field = |name: &str| form.get(name).map(String::as_str);
    assert_eq!(field("To"), Some("+8613800000001"));
    assert_eq!(field("From"), Some("+8659212349"));
    assert_eq!(field("Body"), Some("[平安联防] 1-2-502"));
    assert_eq!(field("ValidityPeriod"), Some("600"));
    assert_eq!(field("StatusCallback"), None);
    assert_eq!(form.len(), 4);
}

#[tokio::test]
async fn a_busy_provider_is_asked_again() {
    let busy = || refused(429, 20_429);
    let patient = Deed::Answer(429, "Retry-After: 1", String::new());
    let odd = Deed::Answer(429, "Retry-After: Wed, 21 Oct 2026 07:28:00 GMT", String::new());
    check(&[busy(), patient, odd], LegOutcome::Sent, 4, 1).await;
    let endless = |status| Deed::Answer(status, "Retry-After: 18446744073709551615", String::new());
    check(&[endless(429), endless(503)], LegOutcome::Sent, 3, 1).await;
    let provider = check(&[busy(), busy(), busy(), busy()], LegOutcome::CarrierFailed, 4, 0).await;
    assert_eq!(provider.looks(), 0, "what was never processed need not be looked for");
}

#[tokio::test]
async fn a_failure_before_it_was_taken_is_repaired() {
    for status in [500, 502, 503, 504] {
        let provider = check(&[failing(status)], LegOutcome::Sent, 2, 1).await;
        assert_eq!(provider.looks(), 1);
    }
}

#[tokio::test]
async fn what_was_taken_is_found_and_not_sent_twice() {
    let garbage = Deed::TakenAnd(201, "<html>created</html>".to_owned());
    let endless = Deed::TakenAnd(201, "x".repeat(1 << 20));
    let broken = Deed::TakenAnd(503, String::new());
    let no_sid = Deed::TakenAnd(201, json!({ "status": "queued" }).to_string());
    for deed in [garbage, endless, broken, no_sid, Deed::TakenAndBroken] {
        let provider = check(&[deed], LegOutcome::Sent, 1, 1).await;
        assert_eq!(provider.looks(), 1);
    }
}

/// The very words went to a neighbour, and to the same person an hour ago: neither is this message.
#[tokio::test]
async fn another_message_is_not_taken_for_this_one() {
    let Text { to, body, .. } = text(1);
    let provider = Provider::start([failing(503)]).await;
    provider.take_before("+8613800000002", &body, 0);
    provider.take_before(&to, "other words", 0);
    provider.take_before(&to, &body, 3_600);
    let mut sender = Sender::new(route(&provider));
    assert_eq!(sender.send().await, LegOutcome::Sent);
    assert_eq!((provider.posts(), provider.taken().len()), (2, 4));
}

#[tokio::test]
async fn refusals_end_the_leg_by_what_they_say() {
    for (status, code, outcome) in [
        (400, 21_211, LegOutcome::BadNumber),
        (400, 21_610, LegOutcome::OptedOut),
        (400, 21_614, LegOutcome::NoSms),
        (400, 21_606, LegOutcome::CarrierFailed),
        (401, 20_003, LegOutcome::CarrierFailed),
        (404, 20_404, LegOutcome::CarrierFailed),
    ] {
        check(&[refused(status, code)], outcome, 1, 0).await;
    }
    let as_text = Deed::Answer(400, "", json!({ "code": "21610" }).to_string());
    check(&[as_text], LegOutcome::OptedOut, 1, 0).await;
    let as_page = Deed::Answer(403, "", "<html>Forbidden</html>".to_owned());
    check(&[as_page], LegOutcome::CarrierFailed, 1, 0).await;
}

#[tokio::test]
async fn an_answer_may_tell_the_end_already() {
    let opted_out = Deed::Taken("failed", json!(21_610));
    check(&[opted_out], LegOutcome::OptedOut, 1, 1).await;
    check(&[Deed::Taken("undelivered", json!("30006"))], LegOutcome::NoSms, 1, 1).await;
    check(&[Deed::Taken("failed", json!({ "odd": true }))], LegOutcome::Undelivered, 1, 1).await;
    check(&[Deed::Taken("delivered", Value::Null)], LegOutcome::Delivered, 1, 1).await;
}

#[tokio::test]
async fn wrong_credentials_are_not_tried_again() {
    let provider = Provider::start([]).await;
    let mut config = route(&provider);
    config.account_sid = "AC2".to_owned();
    let mut sender = Sender::new(config);
    assert_eq!(sender.send().await, LegOutcome::CarrierFailed);
    assert_eq!(provider.posts(), 1);
}

#[tokio::test]
async fn nobody_follows_a_redirect_with_the_token() {
    let away = Deed::Answer(307, "Location: /elsewhere", String::new());
    let provider = check(&[away], LegOutcome::CarrierFailed, 1, 0).await;
    assert_eq!(provider.redirected(), 0);
}

#[tokio::test]
async fn a_provider_that_never_answers_holds_nobody_up() {
    let provider = Provider::start(vec![Deed::Silence; 9]).await;
    let mut config = route(&provider);
    config.timeout = Duration::from_millis(100);
    let mut sender = Sender::with_pauses(config, Pauses { give_up: Duration::ZERO, ..pauses() });
    assert_eq!(sender.send().await, LegOutcome::CarrierFailed);
    assert_eq!(provider.posts(), 1, "no further try begins after the deadline");
    assert_eq!(provider.looks(), 1, "but what it may have taken is looked for");
}

#[tokio::test]
async fn a_provider_that_is_not_there_ends_the_leg() {
    let provider = Provider::start([]).await;
    let config = route(&provider);
    drop(provider);
    assert_eq!(Sender::new(config).send().await, LegOutcome::CarrierFailed);
}

#[tokio::test]
async fn a_full_route_refuses_at_once_and_has_room_again() {
    let provider = Provider::start([Deed::Silence]).await;
    let mut config = route(&provider);
    (config.in_flight, config.timeout) = (1, Duration::from_millis(700));
    let mut sender = Sender::with_pauses(config, Pauses { give_up: Duration::ZERO, ..pauses() });
    sender.place(1);
    provider.wait_for_posts(1).await;
    sender.place(2);
    assert_eq!(sender.report().await, (leg(1), placed()));
    assert_eq!(sender.report().await, (leg(2), ended(LegOutcome::CarrierFailed)));
    assert_eq!(sender.report().await, (leg(1), ended(LegOutcome::CarrierFailed)));
    sender.place(3);
    assert_eq!(sender.report().await, (leg(3), placed()));
}

/// The word that a message was taken gives its slot to the next one, which must then find room.
#[tokio::test]
async fn a_message_that_was_taken_holds_no_room() {
    let provider = Provider::start([]).await;
    let mut config = route(&provider);
    (config.in_flight, config.wants_status_callbacks) = (1, true);
    let pauses = Pauses { receipt: Duration::from_secs(3_600), ..pauses() };
    let mut sender = Sender::with_pauses(config, pauses);
    for number in 1..=20 {
        sender.place(number);
        assert_eq!(sender.report().await, (leg(number), placed()));
        let (_, report) = sender.report().await;
        assert!(matches!(report, LegReport::Accepted { .. }), "{number}: {report:?}");
    }
    assert_eq!(provider.taken().len(), 20);
}

#[tokio::test]
async fn without_receipts_taken_is_the_end() {
    let provider = Provider::start([]).await;
    let mut sender = Sender::with_pauses(
        route(&provider),
        Pauses { receipt: Duration::from_secs(3_600), ..pauses() },
    );
    sender.place(1);
    let reports = sender.until_end().await;
    let reference = format!("SM{:032}", 0).as_str().into();
    let reference = LegReport::Accepted { reference, has_receipts: false };
    assert_eq!(reports, [placed(), reference, ended(LegOutcome::Sent)]);
}

#[tokio::test]
async fn a_receipt_that_never_comes_is_waited_for_and_then_no_longer() {
    let provider = Provider::start([]).await;
    let mut config = route(&provider);
    config.wants_status_callbacks = true;
    let mut sender = Sender::new(config);
    assert_eq!(sender.send().await, LegOutcome::Sent);
}

#[tokio::test]
async fn an_unknown_route_ends_the_leg() {
    let provider = Provider::start([]).await;
    let mut sender = Sender::new(route(&provider));
    sender.carrier.place(&"no such route".into(), text(1));
    assert_eq!(sender.report().await, (leg(1), ended(LegOutcome::CarrierFailed)));
}

#[tokio::test]
async fn connections_are_opened_before_anybody_needs_them_and_kept_open() {
    let provider = Provider::start([]).await;
    let pauses = Pauses { keep_warm: Duration::from_millis(1), ..pauses() };
    let sender = Sender::with_pauses(route(&provider), pauses);
    sender.carrier.keep_warm();
    // Four at once, as many as the route may have, and then again.
    provider.wait_for_heads(12).await;
}

/// Whatever the provider answers, the leg ends once, and at the worst as a failure of the carrier.
#[test]
fn whatever_is_answered_ends_the_leg() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let statuses = vec![200, 201, 204, 301, 400, 401, 429, 500, 503];
    let bytes =
        proptest::sample::select("{}[]\":,0-9 eE.nulltrue\\\u{0}陈".chars().collect::<Vec<_>>());
    let edits = proptest::collection::vec((any::<proptest::sample::Index>(), bytes), 0..4);
    let mut runner =
        TestRunner::new(Config { cases: 60, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&(proptest::sample::select(statuses), edits), |(status, edits)| {
        let valid = json!({"sid": "SM1", "status": "failed", "error_code": 30003, "code": 21211,
            "to": "+8613800000001", "body": "x", "date_created": "Sun, 22 Nov 2026 00:00:00 +0000"});
        let mut text: Vec<char> = valid.to_string().chars().collect();
        for (at, character) in edits {
            let at = at.index(text.len());
            text[at] = character;
        }
        let answer = Deed::Answer(status, "", text.into_iter().collect());
        runtime.block_on(async {
            let provider = Provider::start(vec![answer]).await;
            let mut sender = Sender::new(route(&provider));
            sender.send().await;
            assert!(sender.reports.try_recv().is_err(), "one end");
        });
        Ok(())
    });
    outcome.expect("an end");
}

/// Whatever certificates the machine has: who speaks no TLS gets no message, and the service goes on.
#[tokio::test]
async fn a_provider_without_tls_ends_the_leg() {
    let provider = Provider::start([]).await;
    let mut config = route(&provider);
    config.base_url = config.base_url.replace("http://", "https://");
    let mut sender = Sender::with_pauses(config, Pauses { give_up: Duration::ZERO, ..pauses() });
    assert_eq!(sender.send().await, LegOutcome::CarrierFailed);
}

/// Two of these tests again, in a process of their own that finds no certificate of any authority.
#[test]
fn a_machine_without_certificates_sends_where_none_are_needed() {
    let tests = std::env::current_exe().expect("a path");
    for name in ["a_message_is_taken", "a_provider_without_tls_ends_the_leg"] {
        let output = std::process::Command::new(&tests)
            .args([&format!("sms::sending::{name}"), "--exact"])
            .env("SSL_CERT_FILE", "/dev/null")
            .env("SSL_CERT_DIR", "/nonexistent")
            .output()
            .expect("a process");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
    }
}
