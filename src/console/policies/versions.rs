//! The versions of a policy, what differs between two of them, and putting an old one back.

use super::{Places, Policy, community_of, refused, words};
use crate::api::{Failure, Versioned};
use crate::directory::who_words;
use crate::form::{Form, Sent};
use crate::frame::{Frame, failed, go, show};
use crate::lang::Lang;
use crate::visit::Signed;
use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use words::{Change, Line};

#[derive(Template)]
#[template(path = "policies/versions.html")]
struct VersionsPage {
    frame: Frame,
    l: Lang,
    id: u64,
    community_id: u64,
    community: String,
    title: String,
    versions: Vec<u64>,
    saved: Vec<Saved>,
    older: u64,
    newer: u64,
    lines: Vec<Line>,
    is_same: bool,
    /// Of the stored policy; empty when it is gone.
    etag: String,
    may_edit: bool,
}

/// Who saved a version, when and why.
struct Saved {
    version: u64,
    /// The one before it, to compare with.
    before: Option<u64>,
    at: Option<Timestamp>,
    who: String,
    why: String,
}

/// Who saved each of the versions, the newest first.
fn saved(versions: &[Policy], l: Lang) -> Vec<Saved> {
    let before = versions.iter().skip(1).map(|one| Some(one.version)).chain([None]);
    let told = |(one, before): (&Policy, Option<u64>)| Saved {
        version: one.version,
        before,
        at: one.at,
        who: one
            .who
            .as_ref()
            .map(|who| who_words(who, one.who_name.as_deref(), l))
            .unwrap_or_default(),
        why: one.why.clone().unwrap_or_default(),
    };
    versions.iter().zip(before).map(told).collect()
}

impl VersionsPage {
    fn is_older(&self, version: &u64) -> bool {
        self.older == *version
    }

    fn is_newer(&self, version: &u64) -> bool {
        self.newer == *version
    }

    fn is_gone(&self, line: &Line) -> bool {
        line.change == Change::Gone
    }

    fn is_new(&self, line: &Line) -> bool {
        line.change == Change::New
    }
}

#[derive(Deserialize)]
struct Versions {
    items: Vec<Policy>,
}

pub(super) async fn page(signed: Signed, Path(id): Path<u64>) -> Result<Response, Response> {
    render(&signed, id).await.map_err(signed.fails())
}

async fn render(signed: &Signed, id: u64) -> Result<Response, Failure> {
    let l = signed.lang();
    let Versions { items } = signed.api().get(&format!("/policies/{id}/versions")).await?;
    let query = signed.visitor.path.split_once('?').map_or("", |(_, query)| query);
    let asked = Form::parse(query.as_bytes());
    let numbers: Vec<u64> = items.iter().map(|policy| policy.version).collect();
    let newest = numbers.first().copied().unwrap_or_default();
    let wanted =
        |name: &str| asked.get(name).parse().ok().filter(|number| numbers.contains(number));
    let newer = wanted("newer").unwrap_or(newest);
    let before = numbers.iter().copied().find(|number| *number < newer);
    let older = wanted("older").or(before).unwrap_or(newer);
    let of = |number: u64| items.iter().find(|policy| policy.version == number);
    let document = |number| of(number).map_or(Value::Null, |policy| policy.document.clone());
    let (old, new) = (document(older), document(newer));
    let places = Places::of(signed, &[&old, &new]).await;
    let told = |document: &Value| words::lines(document, &|plural, id| places.name(plural, id), l);
    let lines = words::difference(&told(&old), &told(&new));
    let community_id = items.first().map(|policy| policy.community_id).unwrap_or_default();
    let name = items.first().map(Policy::name).unwrap_or_default();
    // It may be gone; its versions stay.
    let stored = signed.api().get_versioned::<Policy>(&format!("/policies/{id}")).await;
    let title = format!("{} {name}", l.t("版本：", "Versions of"));
    let page = VersionsPage {
        frame: Frame::signed(signed, title.clone()).await,
        l,
        id,
        community_id,
        community: community_of(signed, community_id).await?,
        title,
        is_same: lines.iter().all(|line| line.change == Change::Both),
        lines,
        older,
        newer,
        versions: numbers,
        saved: saved(&items, l),
        etag: stored.map(|Versioned { etag, .. }| etag).unwrap_or_default(),
        may_edit: signed.me.is_admin(),
    };
    Ok(show(StatusCode::OK, &page))
}

/// Saves an old version as the newest one.
pub(super) async fn restore(
    signed: Signed,
    Path((id, version)): Path<(u64, u64)>,
    Sent(form): Sent,
) -> Result<Response, Response> {
    let old: Result<Policy, _> =
        signed.api().get(&format!("/policies/{id}/versions/{version}")).await;
    let old = old.map_err(|failure| failed(&signed.visitor, &failure))?;
    let draft = json!({"community_id": old.community_id, "document": old.document});
    let etag = form.get("etag").to_owned();
    let api = signed.api().because(form.get("reason"));
    match api.put::<Policy>(&format!("/policies/{id}"), Some(&etag), &draft).await {
        Ok(_) => Ok(go(&format!("/policies/{id}"), "saved")),
        Err(failure) => refused(&signed, id, failure).await,
    }
}
