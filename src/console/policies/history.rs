//! The latest edits of the policies of a community, by whom and why, with a button that undoes one: there a policy that was
//! removed comes back.

use super::{Policy, community_of};
use crate::api::{Failure, Problem};
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
use std::collections::BTreeMap;

#[derive(Template)]
#[template(path = "policies/history.html")]
struct HistoryPage {
    frame: Frame,
    l: Lang,
    community_id: u64,
    community: String,
    edits: Vec<Edit>,
    /// Those that stand, by id.
    names: BTreeMap<u64, String>,
    more: Option<String>,
    may_edit: bool,
    form: Form,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Edit>,
    next: Option<u64>,
}

#[derive(Deserialize)]
struct Edit {
    id: u64,
    at: Timestamp,
    who: String,
    #[serde(default)]
    who_name: Option<String>,
    why: Option<String>,
    row_id: u64,
    action: String,
    changes: Vec<Change>,
}

#[derive(Deserialize)]
struct Change {
    field: String,
    before: Option<String>,
    after: Option<String>,
}

impl Edit {
    fn who(&self, l: &Lang) -> String {
        who_words(&self.who, self.who_name.as_deref(), *l)
    }

    fn what(&self, l: &Lang) -> &str {
        match self.action.as_str() {
            "created" => l.t("添加", "Added"),
            "replaced" => l.t("修改", "Changed"),
            "deleted" => l.t("删除", "Removed"),
            other => other,
        }
    }

    /// How the policy was called then, or is called now.
    fn name(&self, names: &BTreeMap<u64, String>) -> String {
        let told = self.changes.iter().find(|change| change.field == "name");
        let told = told.and_then(|change| change.after.as_ref().or(change.before.as_ref()));
        let known = told.or_else(|| names.get(&self.row_id)).cloned();
        known.unwrap_or_else(|| self.row_id.to_string())
    }
}

pub(super) async fn page(signed: Signed) -> Result<Response, Response> {
    let query = signed.visitor.path.split_once('?').map_or("", |(_, query)| query);
    let asked = Form::parse(query.as_bytes());
    render(&signed, &asked, (Form::default(), StatusCode::OK)).await.map_err(signed.fails())
}

async fn render(
    signed: &Signed,
    asked: &Form,
    (form, status): (Form, StatusCode),
) -> Result<Response, Failure> {
    let l = signed.lang();
    let nowhere = || Failure::Problem(Box::new(Problem { status: 404, ..Problem::default() }));
    let id: u64 = asked.get("community").parse().map_err(|_| nowhere())?;
    let community = community_of(signed, id).await?;
    let after: u64 = asked.get("after").parse().unwrap_or_default();
    let mut list = format!("/history?noun=policies&community_id={id}&limit=50");
    if 0 < after {
        list.push_str(&format!("&after={after}"));
    }
    let Page { items: edits, next } = signed.api().get(&list).await?;
    let path = format!("/policies?community_id={id}&limit=200");
    let stand: Vec<Policy> = signed.api().get_all(&path).await?;
    let page = HistoryPage {
        frame: Frame::signed(signed, l.t("预案的修改和删除", "Changes and removals of policies"))
            .await,
        l,
        community_id: id,
        community,
        names: stand.iter().map(|one| (one.id, one.name().to_owned())).collect(),
        more: next.map(|next| format!("/policies/history?community={id}&after={next}")),
        edits,
        may_edit: signed.me.is_admin(),
        form,
    };
    Ok(show(status, &page))
}

/// Undoes an edit.
pub(super) async fn undo(
    signed: Signed,
    Path(edit): Path<u64>,
    Sent(mut form): Sent,
) -> Result<Response, Response> {
    let api = signed.api().because(form.get("reason"));
    match api.post::<Value>(&format!("/history/{edit}/undo"), &json!({})).await {
        Ok(_) => {
            let community: u64 = form.get("community").parse().unwrap_or_default();
            Ok(go(&format!("/policies/history?community={community}"), "undone"))
        }
        Err(Failure::Problem(problem)) if matches!(problem.status, 404 | 409 | 422) => {
            let asked = form.clone();
            let said: Vec<&str> = problem.errors.iter().map(|one| &*one.detail).collect();
            if said.is_empty() {
                form.take(&problem, |_| None);
            } else {
                form.problem = Some(said.join(" "));
            }
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::CONFLICT);
            render(&signed, &asked, (form, status)).await.map_err(signed.fails())
        }
        Err(failure) => Err(failed(&signed.visitor, &failure)),
    }
}
