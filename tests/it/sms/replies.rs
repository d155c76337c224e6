//! What people write back, over real HTTP forms: believed only with a true signature, and counted once.

use super::callbacks::Callback;
use super::provider::Provider;
use super::{BASE_URL, NEXT_TOKEN, ROUTE, route};
use axum::Router;
use axum::http::StatusCode;
use lianfang::sms::{self, Received, Replies};
use std::pin::Pin;
use std::sync::{Arc, Mutex};

/// Remembers what came, and may have no room.
#[derive(Default)]
struct Inbox {
    texts: Mutex<Vec<Received>>,
    is_full: Mutex<bool>,
}

impl Replies for Inbox {
    fn take(&self, received: Received) -> Pin<Box<dyn Future<Output = bool> + Send + '_>> {
        let is_full = *self.is_full.lock().expect("no panic");
        if !is_full {
            self.texts.lock().expect("no panic").push(received);
        }
        Box::pin(std::future::ready(!is_full))
    }
}

impl Inbox {
    fn bodies(&self) -> Vec<String> {
        self.texts.lock().expect("no panic").iter().map(|text| text.body.clone()).collect()
    }
}

async fn open() -> (Arc<Inbox>, Router) {
    let provider = Provider::start([]).await;
    let inbox = Arc::new(Inbox::default());
    let router = sms::replies_router(&[route(&provider)], Some(BASE_URL), inbox.clone());
    (inbox, router)
}

fn reply<'a>(sid: &'a str, body: &'a str) -> Callback<'a> {
    let fields = vec![("Body", body), ("From", "+8613800000001"), ("MessageSid", sid)];
    Callback { path: format!("/hooks/sms/{ROUTE}/reply"), fields, ..Callback::of(1, "") }
}

#[tokio::test]
async fn a_signed_reply_is_handed_over_and_answered_with_nothing() {
    let (inbox, router) = open().await;
    let answer = reply("SM1", "回1 🏃").answer(&router).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "text/xml; charset=utf-8");
    let body = axum::body::to_bytes(answer.into_body(), 1024).await.expect("a body");
    assert!(body.ends_with(b"<Response/>"));
    let from = "+8613800000001".to_owned();
    let expected = Received { from, body: "回1 🏃".to_owned() };
    assert_eq!(*inbox.texts.lock().expect("no panic"), [expected]);
    let rotated = Callback { token: NEXT_TOKEN, ..reply("SM2", "2") };
    assert_eq!(rotated.send(&router).await, StatusCode::OK);
    assert_eq!(inbox.bodies(), ["回1 🏃", "2"]);
}

#[tokio::test]
async fn a_reply_that_comes_again_counts_once() {
    let (inbox, router) = open().await;
    for _ in 0..3 {
        assert_eq!(reply("SM1", "1").send(&router).await, StatusCode::OK);
    }
    assert_eq!(inbox.bodies(), ["1"]);
}

#[tokio::test]
async fn a_reply_for_which_there_was_no_room_counts_when_it_comes_again() {
    let (inbox, router) = open().await;
    *inbox.is_full.lock().expect("no panic") = true;
    assert_eq!(reply("SM1", "1").send(&router).await, StatusCode::SERVICE_UNAVAILABLE);
    *inbox.is_full.lock().expect("no panic") = false;
    assert_eq!(reply("SM1", "1").send(&router).await, StatusCode::OK);
    assert_eq!(inbox.bodies(), ["1"]);
}

#[tokio::test]
async fn what_nobody_signed_is_refused() {
    let (inbox, router) = open().await;
    for signature in ["", "%%%", "AAAA", &reply("SM1", "2").signature()] {
        let forged = reply("SM1", "1").send_signed(&router, signature).await;
        assert_eq!(forged, StatusCode::FORBIDDEN, "{signature}");
    }
    let of_another = Callback { token: "another", ..reply("SM1", "1") };
    assert_eq!(of_another.send(&router).await, StatusCode::FORBIDDEN);
    let path = "/hooks/sms/other/reply".to_owned();
    let elsewhere = Callback { path, ..reply("SM1", "1") };
    assert_eq!(elsewhere.send(&router).await, StatusCode::NOT_FOUND);
    assert_eq!(inbox.bodies(), Vec::<String>::new());
}

#[tokio::test]
async fn a_giant_reply_is_refused_and_an_odd_one_is_taken() {
    let (inbox, router) = open().await;
    let large = "1".repeat(17 * 1024);
    assert_eq!(reply("SM1", &large).send(&router).await, StatusCode::PAYLOAD_TOO_LARGE);
    for (sid, body) in [("SM2", ""), ("SM3", "\u{0}\u{fffd}&=%"), ("", "1"), ("", "1")] {
        assert_eq!(reply(sid, body).send(&router).await, StatusCode::OK, "{body:?}");
    }
    assert_eq!(inbox.bodies().len(), 4, "without a number of its own each is another");
}

/// A provider that sends GBK signs bytes that are no text: refused, and nothing breaks.
#[tokio::test]
async fn bytes_that_are_no_text_are_refused() {
    let (inbox, router) = open().await;
    let signature = reply("SM1", "去").signature();
    let body = "Body=%C8%A5&From=%2B8613800000001&MessageSid=SM1";
    let answer = Callback::post(&format!("/hooks/sms/{ROUTE}/reply"), &signature, body);
    let status = Callback::answer_of(&router, answer).await.status();
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(inbox.bodies(), Vec::<String>::new());
}

#[tokio::test]
async fn without_a_public_address_there_are_no_replies() {
    let router = sms::replies_router(&[], None, Arc::new(Inbox::default()));
    assert_eq!(reply("SM1", "1").send(&router).await, StatusCode::NOT_FOUND);
}
