//! Signing in as an admin, with the second factor that admins must have, and accounts of others.

use crate::api::Api;
use crate::clock::unix_seconds;
use anyhow::{Context as _, ensure};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha1::Sha1;
use std::net::SocketAddr;

const PASSWORD: &str = "three quiet herons";
/// Seconds that a code is shown for.
const STEP_S: u64 = 30;

/// The secret of the session of a new admin, who has to be the first one.
pub(super) fn first_admin(service: SocketAddr, keeper: &Api) -> anyhow::Result<String> {
    let everything = json!({"kind": "everything"});
    let account = json!({"name": "admin", "display_name": "王敏", "role": "admin", "reach": everything, "password": PASSWORD});
    done(keeper.post("/api/v1/accounts", &account)?)?;
    let sign_in = json!({"name": "admin", "password": PASSWORD});
    let session = done(Api::new(service, "")?.post("/api/v1/session", &sign_in)?)?;
    let secret = session["secret"].as_str().context("there is no session")?.to_owned();
    let own = Api::new(service, &secret)?;
    let begun = done(own.post("/api/v1/session/totp", &json!({"password": PASSWORD}))?)?;
    let key = begun["secret"].as_str().context("there is no key")?;
    let code = code_of(key, unix_seconds() / STEP_S);
    done(own.put("/api/v1/session/totp", &json!({"code": code}))?)?;
    Ok(secret)
}

/// Accounts of duty workers, one for each of the first so many communities.
pub(super) fn duty_workers(keeper: &Api, count: u32) -> anyhow::Result<()> {
    for id in 1..=count {
        let reach = json!({"kind": "community", "id": id});
        let name = format!("duty{id}");
        let account = json!({"name": name, "display_name": format!("值班 {id}"), "role": "operator", "reach": reach});
        done(keeper.post("/api/v1/accounts", &account)?)?;
    }
    Ok(())
}

fn done((status, text): (u16, String)) -> anyhow::Result<Value> {
    ensure!((200..300).contains(&status), "it was answered with {status}: {text}");
    serde_json::from_str(&text).with_context(|| format!("no JSON: {text}"))
}

/// What an authenticator shows in a step for a key in base 32 (RFC 6238).
fn code_of(key: &str, step: u64) -> String {
    let digits = key.bytes().filter_map(|letter| match letter {
        b'A'..=b'Z' => Some(u32::from(letter - b'A')),
        b'2'..=b'7' => Some(u32::from(letter - b'2') + 26),
        _ => None,
    });
    let (mut secret, mut bits, mut held) = (Vec::new(), 0_u32, 0_u32);
    for digit in digits {
        (bits, held) = ((bits << 5) | digit, held + 5);
        if 8 <= held {
            held -= 8;
            secret.extend(u8::try_from((bits >> held) & 0xff));
            bits &= (1 << held) - 1;
        }
    }
    let mut mac = Hmac::<Sha1>::new_from_slice(&secret).expect("HMAC takes keys of any length");
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let offset = usize::from(hash.last().copied().unwrap_or_default() & 15);
    let word = hash.iter().skip(offset).take(4);
    let number = word.fold(0_u32, |number, byte| number << 8 | u32::from(*byte)) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_rfc_6238() {
        // Appendix B, SHA-1, six digits: "12345678901234567890" in base 32.
        let key = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        for (seconds, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")]
        {
            assert_eq!(code_of(key, seconds / STEP_S), code);
        }
    }
}
