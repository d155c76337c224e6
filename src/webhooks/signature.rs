//! Signatures by Standard Webhooks 1.0.0 (symmetric, `v1`), and the secrets they are made with.
//!
//! A secret is not kept: it derives from the node's key and the salt in the row. Must not log.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;
use std::fmt;
use std::sync::Arc;

/// What secrets are made with, so that they are no other keys of the node.
const PURPOSE: &[u8] = b"lianfang webhook 1";
/// What a secret begins with when it is shown.
const PREFIX: &str = "whsec_";

/// What secrets of webhooks are made of. Cheap to clone; never printed.
#[derive(Clone)]
pub struct WebhookKey(Arc<[u8; 32]>);

impl fmt::Debug for WebhookKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookKey(***)")
    }
}

impl WebhookKey {
    /// Makes it from the node's key.
    #[must_use]
    pub fn new(node_key: &[u8; 32]) -> Self {
        Self(Arc::new(mac(node_key, &[PURPOSE])))
    }

    /// The secret of a webhook, as it is shown once.
    #[must_use]
    pub fn secret(&self, webhook: u32, salt: &str) -> String {
        format!("{PREFIX}{}", BASE64_STANDARD.encode(self.bytes(webhook, salt)))
    }

    /// The value of `webhook-signature`: one signature for each salt, with a space between.
    #[must_use]
    pub fn sign(
        &self,
        (webhook, salts): (u32, &[&str]),
        (id, at, body): (&str, Timestamp, &str),
    ) -> String {
        let signature = |salt: &&str| {
            let at = at.as_second().to_string();
            let parts = [id.as_bytes(), b".", at.as_bytes(), b".", body.as_bytes()];
            format!("v1,{}", BASE64_STANDARD.encode(mac(&self.bytes(webhook, salt), &parts)))
        };
        salts.iter().map(signature).collect::<Vec<_>>().join(" ")
    }

    fn bytes(&self, webhook: u32, salt: &str) -> [u8; 32] {
        mac(self.0.as_slice(), &[&webhook.to_be_bytes(), salt.as_bytes()])
    }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector of the specification's reference libraries.
    #[test]
    fn a_signature_is_that_of_the_standard() {
        let secret = BASE64_STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("base64");
        let body = br#"{"test": 2432232314}"#;
        let parts: [&[u8]; 5] = [b"msg_p5jXN8AQM9LWM0D4loKWxJek", b".", b"1614265330", b".", body];
        let signed = BASE64_STANDARD.encode(mac(&secret, &parts));
        assert_eq!(signed, "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn each_webhook_and_salt_has_a_secret_of_its_own() {
        let key = WebhookKey::new(&[7; 32]);
        let secret = key.secret(1, "a");
        assert!(secret.starts_with("whsec_") && secret.len() == 50, "{secret}");
        for other in
            [key.secret(2, "a"), key.secret(1, "b"), WebhookKey::new(&[8; 32]).secret(1, "a")]
        {
            assert_ne!(secret, other);
        }
        let at = Timestamp::from_second(1_614_265_330).expect("a time");
        let both = key.sign((1, &["b", "a"]), ("msg_1", at, "{}"));
        let one = key.sign((1, &["a"]), ("msg_1", at, "{}"));
        assert_eq!(both.split(' ').count(), 2);
        assert_eq!(both.split(' ').nth(1), Some(one.as_str()));
        assert_eq!(format!("{key:?}"), "WebhookKey(***)");
    }
}
