//! The provider as a client sees it.

use super::*;
use crate::api::http_client;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(5);

fn provider(change: impl FnOnce(&mut ProviderConfig)) -> Provider {
    let mut config = ProviderConfig::faultless(SocketAddr::from(([127, 0, 0, 1], 0)));
    change(&mut config);
    Provider::start(config).expect("starts")
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("builds")
}

/// Sends a message; returns the status and the body.
async fn send(provider: &Provider, token: &str, form: &[(&str, &str)]) -> (u16, Value) {
    let account = &provider.desk.config.account_sid;
    let url = format!("{}/2010-04-01/Accounts/{account}/Messages.json", provider.base_url());
    let client = http_client(TIMEOUT).expect("builds");
    let request = client.post(url).basic_auth(account, Some(token)).form(form);
    // A broken connection is an answer of the provider, too.
    let Ok(answer) = request.send().await else { return (0, Value::Null) };
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap_or_default())
}

const GOOD: [(&str, &str); 3] = [("To", "+8613800000001"), ("From", "9"), ("Body", "文园社区")];

#[test]
fn takes_a_message_and_keeps_its_words() {
    let provider = provider(|_| {});
    let token = provider.desk.config.auth_token.clone();
    let (status, body) = runtime().block_on(send(&provider, &token, &GOOD));
    assert_eq!((status, body["status"].as_str()), (201, Some("queued")));
    let messages = provider.messages();
    assert_eq!(messages.len(), 1);
    assert_eq!((&*messages[0].to, &*messages[0].body), (GOOD[0].1, GOOD[2].1));
}

#[test]
fn refuses_with_the_codes_of_the_original() {
    let provider = provider(|config| {
        config.refused.insert("+8613800000001".to_owned(), 21610);
    });
    let token = provider.desk.config.auth_token.clone();
    for (token, form, expected) in [
        ("wrong", GOOD.to_vec(), (401, 20003)),
        (&token, GOOD[1..].to_vec(), (400, 21604)),
        (&token, [&[("To", "nobody")], &GOOD[1..]].concat(), (400, 21211)),
        (&token, GOOD[..2].to_vec(), (400, 21602)),
        (&token, GOOD.to_vec(), (400, 21610)),
    ] {
        let (status, body) = runtime().block_on(send(&provider, token, &form));
        assert_eq!((status, body["code"].as_u64()), (expected.0, Some(expected.1)), "{form:?}");
    }
    assert_eq!(provider.counts().accepted, 0);
    assert_eq!(provider.counts().refused, 5);
}

#[test]
fn fails_as_often_as_it_was_told() {
    let provider = provider(|config| {
        config.faults = Faults { seed: 7, too_many: 0.5, ..Faults::default() };
    });
    let token = provider.desk.config.auth_token.clone();
    let statuses: Vec<u16> = runtime().block_on(async {
        let mut statuses = Vec::new();
        for _ in 0..40 {
            statuses.push(send(&provider, &token, &GOOD).await.0);
        }
        statuses
    });
    let refused = statuses.iter().filter(|status| **status == 429).count();
    assert!((8..=32).contains(&refused), "{statuses:?}");
    assert_eq!(provider.counts().accepted, 40 - u64::try_from(refused).expect("is small"));
}

#[test]
fn a_broken_answer_is_a_taken_message() {
    let provider = provider(|config| config.faults.drop = 1.0);
    let token = provider.desk.config.auth_token.clone();
    let (_, body) = runtime().block_on(send(&provider, &token, &GOOD));
    assert_eq!(body, Value::Null);
    assert_eq!(provider.counts().accepted, 1);
}

/// The example that the original's documentation gives.
#[test]
fn signs_like_the_original() {
    let fields = [
        ("To", "+18005551212"),
        ("CallSid", "CA1234567890ABCDE"),
        ("Digits", "1234"),
        ("From", "+14158675309"),
        ("Caller", "+14158675309"),
    ]
    .map(|(name, value)| (name, value.to_owned()));
    let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
    assert_eq!(signature("12345", url, &fields), "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
}
