//! Signing in as an admin, with the second factor that admins must have, and accounts of others.

use crate::api::Api;
use crate::totp;
use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use std::net::SocketAddr;

const PASSWORD: &str = "three quiet herons";

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
    let code = totp::code_now(key);
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
