//! The signature of a Twilio webhook: base64 of HMAC over the URL and the sorted form fields, or over the URL alone
//! when the query carries the hash of a JSON body (Twilio documentation, "Webhooks Security").
//!
//! The URL is the configured public one, never what a Host header says. Fails closed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use subtle::ConstantTimeEq;

/// What a request claims.
#[derive(Clone, Debug)]
pub struct SignatureCheck<'a> {
    /// The whole public URL with its query.
    pub url: &'a str,
    /// The form fields, as they came.
    pub fields: &'a [(String, String)],
    /// The raw body, for JSON.
    pub body: &'a [u8],
    /// The header `X-Twilio-Signature`.
    pub signature: &'a str,
    /// SHA-256 instead of SHA-1, as the settings header says.
    pub is_sha256: bool,
}

/// Whether one of the tokens signed the request. Tries the URL with and without its port, because providers differ.
pub fn is_signed<'t>(
    check: &SignatureCheck<'_>,
    tokens: impl IntoIterator<Item = &'t str>,
) -> bool {
    let Ok(claimed) = STANDARD.decode(check.signature) else { return false };
    let urls = url_forms(check.url);
    let hash = body_hash(check.url);
    if hash.as_ref().is_some_and(|hash| !is_hash_of(hash, check.body)) {
        return false;
    }
    let fields = if hash.is_some() { String::new() } else { joined(check.fields) };
    let mut is_true = false;
    for token in tokens {
        for url in &urls {
            let message = format!("{url}{fields}");
            let expected = sign(token, &message, check.is_sha256);
            is_true |= bool::from(expected.ct_eq(&claimed));
        }
    }
    is_true
}

fn sign(token: &str, message: &str, is_sha256: bool) -> Vec<u8> {
    fn mac<M: Mac + KeyInit>(token: &str, message: &str) -> Vec<u8> {
        let mut mac = <M as KeyInit>::new_from_slice(token.as_bytes())
            .expect("HMAC takes keys of any length");
        mac.update(message.as_bytes());
        mac.finalize().into_bytes().to_vec()
    }
    if is_sha256 { mac::<Hmac<Sha256>>(token, message) } else { mac::<Hmac<Sha1>>(token, message) }
}

/// Keys sorted by bytes; of each key the values sorted and without doubles.
fn joined(fields: &[(String, String)]) -> String {
    let mut sorted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (key, value) in fields {
        sorted.entry(key).or_default().insert(value);
    }
    let mut text = String::new();
    for (key, values) in sorted {
        for value in values {
            text.push_str(key);
            text.push_str(value);
        }
    }
    text
}

/// The URL as given, and the same with the standard port written out or left out.
fn url_forms(url: &str) -> Vec<String> {
    let mut forms = vec![url.to_owned()];
    let Some((scheme, rest)) = url.split_once("://") else { return forms };
    let standard = if scheme == "https" { "443" } else { "80" };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            forms.push(format!("{scheme}://{host}{path}"));
        }
        _ => forms.push(format!("{scheme}://{authority}:{standard}{path}")),
    }
    forms
}

fn body_hash(url: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    let value = query.split('&').find_map(|pair| pair.strip_prefix("bodySHA256="))?;
    Some(value.to_ascii_lowercase())
}

fn is_hash_of(hash: &str, body: &[u8]) -> bool {
    let expected: String = Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect();
    bool::from(expected.as_bytes().ct_eq(hash.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "12345";

    fn check(url: &str, fields: &[(&str, &str)], signature: &str, is_sha256: bool) -> bool {
        let fields: Vec<_> =
            fields.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let check = SignatureCheck { url, fields: &fields, body: b"", signature, is_sha256 };
        is_signed(&check, [TOKEN])
    }

    const CALL: &[(&str, &str)] = &[
        ("To", "+18005551212"),
        ("CallSid", "CA1234567890ABCDE"),
        ("Caller", "+12349013030"),
        ("Digits", "1234"),
        ("From", "+12349013030"),
    ];

    /// Values computed with the provider's own library.
    #[test]
    fn true_signatures_are_accepted() {
        type Fields = &'static [(&'static str, &'static str)];
        let rows: &[(&str, Fields, &str, bool)] = &[
            (
                "https://mycompany.com/myapp.php?foo=1&bar=2",
                CALL,
                "0/KCTR6DLpKmkAf8muzZqo1nDgQ=",
                false,
            ),
            (
                "https://mycompany.com:443/myapp.php?foo=1&bar=2",
                CALL,
                "EpDEmp1PyjDYp77YxYU3GILBWzE=",
                false,
            ),
            (
                "https://a.example/tw/sms",
                &[("Body", "收到,马上到"), ("From", "+8613800000001")],
                "A3ay1PNY8NMeUbUL/hPcNM3FR1w=",
                false,
            ),
            (
                "https://a.example/tw/sms",
                &[("Body", ""), ("From", "+8613800000001")],
                "IB4XBJlZp0HNztSJb4yeu1l9rgQ=",
                false,
            ),
            (
                "https://a.example/tw/x",
                &[("A", "2"), ("A", "1"), ("A", "2"), ("B", "x")],
                "r4tmtgX4YnYbplspnrPJDfAxCD8=",
                false,
            ),
            (
                "https://a.example/tw/x",
                &[("a", "1"), ("B", "2"), ("A", "3")],
                "SmTGoLwHJX4tKWJ+yjV662cPwg4=",
                false,
            ),
            (
                "https://a.example/tw/x?CallSid=CA1&Digits=1",
                &[],
                "qcZdOEzDVFgkcgqqEJ8JT8wZHzo=",
                false,
            ),
            ("https://a.example/tw/x", CALL, "FN2Ay/ANmi27C6sAclV90V8E1aAO5OniPiHMrem5ZD8=", true),
        ];
        for (url, fields, signature, is_sha256) in rows {
            assert!(check(url, fields, signature, *is_sha256), "{url} {fields:?}");
        }
    }

    #[test]
    fn the_port_may_be_written_or_not() {
        let without = "https://mycompany.com/myapp.php?foo=1&bar=2";
        assert!(check(without, CALL, "EpDEmp1PyjDYp77YxYU3GILBWzE=", false));
    }

    #[test]
    fn whatever_differs_is_refused() {
        let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
        let signature = "0/KCTR6DLpKmkAf8muzZqo1nDgQ=";
        let mut more = CALL.to_vec();
        more.push(("Extra", "1"));
        assert!(!check(url, &more, signature, false), "an extra field");
        assert!(!check(url, CALL.get(1..).expect("fields"), signature, false), "a field less");
        assert!(
            !check("https://mycompany.com/myapp.php?bar=2&foo=1", CALL, signature, false),
            "query order"
        );
        assert!(
            !check("https://mycompany.com/Myapp.php?foo=1&bar=2", CALL, signature, false),
            "case"
        );
        assert!(
            !check("http://mycompany.com/myapp.php?foo=1&bar=2", CALL, signature, false),
            "scheme"
        );
        assert!(!check(url, CALL, "", false), "no signature");
        assert!(!check(url, CALL, "%%%", false), "no base64");
        assert!(!check(url, CALL, signature, true), "another hash");
    }

    #[test]
    fn a_json_body_is_signed_by_its_hash() {
        let url = "https://a.example/tw/json?bodySHA256=015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862";
        let signature = "71V1BqxZp1yPXt0lALc6ZE8XBwM=";
        let of_body = |body| {
            is_signed(
                &SignatureCheck { url, fields: &[], body, signature, is_sha256: false },
                [TOKEN],
            )
        };
        assert!(of_body(b"{\"a\":1}"));
        assert!(!of_body(b"{\"a\":2}"));
    }

    #[test]
    fn a_second_token_is_accepted_while_the_first_is_replaced() {
        let check = SignatureCheck {
            url: "https://a.example/tw/x?CallSid=CA1&Digits=1",
            fields: &[],
            body: b"",
            signature: "qcZdOEzDVFgkcgqqEJ8JT8wZHzo=",
            is_sha256: false,
        };
        assert!(is_signed(&check, ["old", TOKEN]));
        assert!(!is_signed(&check, ["old"]));
        assert!(!is_signed(&check, []));
    }
}
