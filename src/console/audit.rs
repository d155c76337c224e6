//! The audit trail, entry by entry: who did what to which row or alarm, and the hash that proves it.

use crate::Shared;
use crate::frame::{Frame, show};
use crate::lang::Lang;
use crate::visit::Signed;
use askama::Template;
use axum::Router;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use jiff::Timestamp;
use serde::Deserialize;

pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/audit", get(trail))
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    l: Lang,
    chain: &'static str,
    entries: Vec<Entry>,
    next: Option<u64>,
    heads: Vec<Head>,
}

impl AuditPage {
    fn is_of(&self, chain: &str) -> bool {
        self.chain == chain
    }
}

/// What is asked for; anything else is the beginning of the trail of alarms.
#[derive(Deserialize)]
struct Wanted {
    chain: Option<String>,
    after: Option<String>,
}

#[derive(Deserialize)]
struct Entries {
    items: Vec<Entry>,
    next: Option<u64>,
}

#[derive(Deserialize)]
struct Entry {
    sequence: u64,
    at: Timestamp,
    actor: String,
    action: String,
    noun: String,
    id: Option<String>,
    hash: String,
}

#[derive(Deserialize)]
struct Heads {
    items: Vec<Head>,
}

#[derive(Deserialize)]
struct Head {
    chain: String,
    sequence: u64,
    hash: String,
}

async fn trail(signed: Signed, Query(wanted): Query<Wanted>) -> Result<Response, Response> {
    let chain = if wanted.chain.as_deref() == Some("directory") { "directory" } else { "alarms" };
    let after: u32 = wanted.after.and_then(|after| after.parse().ok()).unwrap_or(0);
    let path = format!("/audit?chain={chain}&after={after}");
    let entries: Entries = signed.api().get(&path).await.map_err(signed.fails())?;
    let heads: Heads = signed.api().get("/audit/head").await.map_err(signed.fails())?;
    let l = signed.lang();
    let frame = Frame::signed(&signed, l.t("审计", "Audit")).await;
    let (entries, next) = (entries.items, entries.next);
    Ok(show(StatusCode::OK, &AuditPage { frame, l, chain, entries, next, heads: heads.items }))
}

#[cfg(test)]
mod tests {
    use crate::fake::Fake;
    use serde_json::json;

    #[tokio::test]
    async fn the_trail_is_shown_entry_by_entry() {
        let fake = Fake::new("auditor");
        let hash = "1d78509f52fe59cf1dc3b6d220d97ad1";
        let entry = json!({"chain": "directory", "sequence": 7, "at": "2026-11-22T03:00:00Z", "actor": "account:2",
            "action": "replace", "noun": "household", "id": "12", "number": 0, "count": 1, "content": null,
            "previous_hash": hash, "hash": hash});
        let page = json!({"items": [entry], "next": 7});
        fake.answers("GET /audit?chain=directory&after=0", 200, page);
        let head = json!({"items": [{"chain": "directory", "sequence": 7, "hash": hash}]});
        fake.answers("GET /audit/head", 200, head);
        let page = fake.get("/audit?chain=directory").await;
        page.shows(&["account:2", "household 12", "1d78509f52fe…", "after=7", "Next page"]);
        fake.get_chinese("/audit?chain=directory&after=x").await.shows(&["审计", "链头"]);
    }
}
