//! Status callbacks: believed only with a true signature, whatever their order and number.

use super::provider::Provider;
use super::{BASE_URL, NEXT_TOKEN, ROUTE, Sender, TOKEN, ended, leg, pauses, placed, route};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use lianfang::sms::{self, Pauses, SignatureCheck};
use lianfang_domain::leg::{LegOutcome, LegReport};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;
use sha1::Sha1;
use std::cell::RefCell;
use std::time::Duration;
use tower::ServiceExt;

/// A callback to be sent.
pub(super) struct Callback<'a> {
    pub(super) token: &'a str,
    pub(super) path: String,
    pub(super) fields: Vec<(&'a str, &'a str)>,
}

impl<'a> Callback<'a> {
    pub(super) fn of(number: u32, status: &'a str) -> Self {
        let path = format!("/hooks/sms/{ROUTE}/status?leg={}", leg(number));
        Self { token: TOKEN, path, fields: vec![("MessageSid", "SM1"), ("MessageStatus", status)] }
    }

    fn with(mut self, name: &'a str, value: &'a str) -> Self {
        self.fields.push((name, value));
        self
    }

    /// Signs over the fields in their order here, which is sorted, at the public address.
    pub(super) fn signature(&self) -> String {
        let mut fields = self.fields.clone();
        fields.sort_unstable();
        let fields: String = fields.iter().flat_map(|(name, value)| [*name, *value]).collect();
        let mut mac = Hmac::<Sha1>::new_from_slice(self.token.as_bytes()).expect("any key");
        mac.update(format!("{BASE_URL}{}{fields}", self.path).as_bytes());
        STANDARD.encode(mac.finalize().into_bytes())
    }

    pub(super) async fn send(&self, router: &Router) -> StatusCode {
        self.answer(router).await.status()
    }

    pub(super) async fn answer(&self, router: &Router) -> Response<Body> {
        let request = Self::post(&self.path, &self.signature(), &self.body());
        Self::answer_of(router, request).await
    }

    pub(super) async fn send_signed(&self, router: &Router, signature: &str) -> StatusCode {
        let request = Self::post(&self.path, signature, &self.body());
        Self::answer_of(router, request).await.status()
    }

    fn body(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.fields).finish()
    }

    pub(super) fn post(path: &str, signature: &str, body: &str) -> Request<Body> {
        Request::post(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("host", "an.inner.name")
            .header("x-twilio-signature", signature)
            .body(Body::from(body.to_owned()))
            .expect("a request")
    }

    pub(super) async fn answer_of(router: &Router, request: Request<Body>) -> Response<Body> {
        router.clone().oneshot(request).await.expect("an answer")
    }
}

/// A carrier whose messages wait for receipts, and the door through which these come.
async fn with_receipts() -> (Provider, Sender, Router) {
    let provider = Provider::start([]).await;
    let mut config = route(&provider);
    config.wants_status_callbacks = true;
    let pauses = Pauses { receipt: Duration::from_secs(3_600), ..pauses() };
    let sender = Sender::with_pauses(config, pauses);
    let router = sms::router(&sender.carrier, &sender.configs, Some(BASE_URL));
    (provider, sender, router)
}

#[tokio::test]
async fn the_receipt_ends_the_leg() {
    let (provider, mut sender, router) = with_receipts().await;
    sender.place(1);
    assert_eq!(sender.report().await, (leg(1), placed()));
    assert!(matches!(sender.report().await, (_, LegReport::Accepted { .. })));
    let url = provider.taken()[0].form.get("StatusCallback").cloned().expect("a callback");
    let delivered = Callback::of(1, "delivered");
    assert_eq!(url, format!("{BASE_URL}{}", delivered.path));
    assert_eq!(delivered.send(&router).await, StatusCode::NO_CONTENT);
    assert_eq!(sender.report().await, (leg(1), ended(LegOutcome::Delivered)));
}

/// Each status that is told, and what comes of it; what is not final is not reported at all.
#[tokio::test]
async fn statuses_come_in_any_order_and_number() {
    let (_provider, mut sender, router) = with_receipts().await;
    for (number, status) in
        [(1, "sent"), (2, "delivered"), (2, "delivered"), (2, "sending"), (2, "")]
    {
        assert_eq!(Callback::of(number, status).send(&router).await, StatusCode::NO_CONTENT);
    }
    let failed = Callback::of(3, "undelivered").with("ErrorCode", "30006");
    assert_eq!(failed.send(&router).await, StatusCode::NO_CONTENT);
    let odd = Callback::of(4, "failed").with("ErrorCode", "many").with("Of next year", "ü&=%");
    assert_eq!(odd.send(&router).await, StatusCode::NO_CONTENT);
    for (number, outcome) in [
        (2, LegOutcome::Delivered),
        (2, LegOutcome::Delivered),
        (3, LegOutcome::NoSms),
        (4, LegOutcome::Undelivered),
    ] {
        assert_eq!(sender.report().await, (leg(number), ended(outcome)));
    }
    assert!(sender.reports.try_recv().is_err());
}

#[tokio::test]
async fn only_a_true_signature_is_believed() {
    let (_provider, mut sender, router) = with_receipts().await;
    let delivered = Callback::of(1, "delivered");
    for signature in ["", "%%%", "AAAA", &Callback::of(2, "delivered").signature()] {
        assert_eq!(delivered.send_signed(&router, signature).await, StatusCode::FORBIDDEN);
    }
    let of_another = Callback { token: "another", ..Callback::of(1, "delivered") };
    assert_eq!(of_another.send(&router).await, StatusCode::FORBIDDEN);
    let more = Callback::of(1, "delivered").with("ErrorCode", "0");
    assert_eq!(more.send_signed(&router, &delivered.signature()).await, StatusCode::FORBIDDEN);
    assert!(sender.reports.try_recv().is_err());
    let rotated = Callback { token: NEXT_TOKEN, ..Callback::of(1, "delivered") };
    assert_eq!(rotated.send(&router).await, StatusCode::NO_CONTENT);
    assert_eq!(sender.report().await, (leg(1), ended(LegOutcome::Delivered)));
}

#[tokio::test]
async fn what_names_no_leg_is_taken_and_forgotten() {
    let (_provider, mut sender, router) = with_receipts().await;
    for query in ["", "?leg=", "?leg=x", "?leg=1-", "?other=1"] {
        let path = format!("/hooks/sms/{ROUTE}/status{query}");
        let callback = Callback { path, ..Callback::of(1, "delivered") };
        assert_eq!(callback.send(&router).await, StatusCode::NO_CONTENT, "{query}");
    }
    let path = format!("/hooks/sms/other/status?leg={}", leg(1));
    let elsewhere = Callback { path, ..Callback::of(1, "delivered") };
    assert_eq!(elsewhere.send(&router).await, StatusCode::NOT_FOUND);
    assert!(sender.reports.try_recv().is_err());
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let (_provider, mut sender, router) = with_receipts().await;
    let large = "x".repeat(17 * 1024);
    let callback = Callback::of(1, "delivered").with("Body", &large);
    assert_eq!(callback.send(&router).await, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(sender.reports.try_recv().is_err());
}

/// Signed or not, with sense or without: an answer at once, no failure of ours, and no report that nobody signed.
#[test]
fn whatever_a_callback_says_is_answered() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let (_provider, sender, router) = runtime.block_on(with_receipts());
    let sender = RefCell::new(sender);
    let name = prop_oneof![Just("MessageStatus"), Just("ErrorCode"), Just("MessageSid"), Just("")];
    let value = prop_oneof![Just("delivered".to_owned()), Just("21610".to_owned()), ".{0,12}"];
    let fields = proptest::collection::btree_map(name, value, 0..4);
    let body = proptest::collection::vec(any::<u8>(), 0..64);
    let mut runner =
        TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&(fields, body, ".{0,24}"), |(fields, body, signature)| {
        let signed = Callback {
            fields: fields.iter().map(|(name, value)| (*name, value.as_str())).collect(),
            ..Callback::of(1, "")
        };
        prop_assert_eq!(runtime.block_on(signed.send(&router)), StatusCode::NO_CONTENT);
        while sender.borrow_mut().reports.try_recv().is_ok() {}
        let request = Request::post(&signed.path)
            .header(
                "x-twilio-signature",
                HeaderValue::from_bytes(signature.as_bytes())
                    .unwrap_or(HeaderValue::from_static("")),
            )
            .body(Body::from(body))
            .expect("a request");
        let answer = runtime.block_on(router.clone().oneshot(request)).expect("an answer");
        prop_assert_eq!(answer.status(), StatusCode::FORBIDDEN);
        prop_assert!(sender.borrow_mut().reports.try_recv().is_err());
        Ok(())
    });
    outcome.expect("no failure of ours");
}

#[tokio::test]
async fn a_full_switchboard_is_told_again() {
    let (_provider, mut sender, router) = with_receipts().await;
    for _ in 0..64 {
        assert_eq!(Callback::of(1, "delivered").send(&router).await, StatusCode::NO_CONTENT);
    }
    let next = Callback::of(2, "delivered");
    assert_eq!(next.send(&router).await, StatusCode::SERVICE_UNAVAILABLE);
    sender.report().await;
    assert_eq!(next.send(&router).await, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn without_a_public_address_nobody_can_sign() {
    let provider = Provider::start([]).await;
    let sender = Sender::new(route(&provider));
    let router = sms::router(&sender.carrier, &sender.configs, None);
    assert_eq!(Callback::of(1, "delivered").send(&router).await, StatusCode::NOT_FOUND);
}

/// Signatures computed by the provider's own library, from the file that LIANFANG_TWILIO_VECTORS names.
#[test]
fn signatures_of_the_provider_itself() {
    let Ok(path) = std::env::var("LIANFANG_TWILIO_VECTORS") else { return };
    let text = std::fs::read_to_string(path).expect("the file");
    let file: Value = serde_json::from_str(&text).expect("JSON");
    let vectors = file["vectors"].as_array().expect("vectors");
    assert!(!vectors.is_empty());
    for vector in vectors {
        let of = |name: &str| vector[name].as_str().unwrap_or_default();
        let fields = fields_of(&vector["params"]);
        let check = |signature| {
            let check = SignatureCheck {
                url: of("url"),
                fields: &fields,
                body: of("body").as_bytes(),
                signature,
                is_sha256: of("algorithm") == "HMAC_SHA256",
            };
            sms::is_signed(&check, [of("auth_token")])
        };
        assert!(check(of("signature")), "{vector}");
        assert!(!check("AAAAAAAAAAAAAAAAAAAAAAAAAAA="), "{vector}");
    }
}

fn fields_of(params: &Value) -> Vec<(String, String)> {
    let Some(params) = params.as_object() else { return Vec::new() };
    let mut fields = Vec::new();
    for (name, value) in params {
        let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        let values = values.iter().map(|value| value.as_str().unwrap_or_default().to_owned());
        fields.extend(values.map(|value| (name.clone(), value)));
    }
    fields
}
