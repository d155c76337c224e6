//! The names of those who did something, for people who read it. The audit trail itself holds ids only.

use super::Web;
use crate::store::accounts;
use crate::store::nouns::{self, Worker};
use lianfang_domain::id::{AccountId, WorkerId};
use std::collections::{BTreeMap, BTreeSet};

/// The names of accounts and workers, by what they are called in the audit trail; each is looked up once. Others, and who
/// is gone, have none.
pub(super) async fn names_of(web: &Web, who: BTreeSet<String>) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for who in who {
        if let Some(name) = name_of(web, &who).await {
            names.insert(who, name);
        }
    }
    names
}

async fn name_of(web: &Web, who: &str) -> Option<String> {
    let database = web.store.directory();
    let id = |start: &str| who.strip_prefix(start)?.parse().ok();
    if let Some(id) = id("account:") {
        return Some(accounts::get(database, AccountId(id)).await.ok()?.display_name);
    }
    let worker = nouns::get::<Worker>(database, WorkerId(id("worker ")?)).await.ok()?;
    Some(worker.name)
}
