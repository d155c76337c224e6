//! Dividing a community into groups by the rule of the scheme (地域相邻、规模相当、人员相熟): proposed, explained, and taken
//! as a whole or group by group.

use super::Crumb;
use super::group::below_community;
use crate::Shared;
use crate::api::Failure;
use crate::form::{Form, Sent};
use crate::frame::{Frame, failed, go, show};
use crate::lang::Lang;
use crate::visit::Signed;
use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/directory/communities/{id}/groups", get(propose).post(divide))
}

#[derive(Template)]
#[template(path = "directory/proposal.html")]
struct ProposalPage {
    frame: Frame,
    l: Lang,
    crumbs: Vec<Crumb>,
    title: String,
    path: String,
    proposal: Proposal,
    /// A digest of what is shown: only that is applied.
    seen: String,
    may_edit: bool,
    form: Form,
}

#[derive(Deserialize)]
struct Proposal {
    groups: Vec<Proposed>,
    emptied: Vec<u64>,
    moved: u64,
}

#[derive(Deserialize)]
struct Proposed {
    group_id: Option<u64>,
    grid_id: u64,
    name: String,
    households: Vec<ProposedHousehold>,
    #[serde(default)]
    staircases: u64,
    #[serde(default)]
    acquainted: u64,
    warnings: Vec<String>,
}

#[derive(Deserialize)]
struct ProposedHousehold {
    id: u64,
    version: u64,
    name: String,
    place: String,
    group_id: u64,
}

impl Proposed {
    fn warning<'a>(&'a self, warning: &'a str, l: &Lang) -> &'a str {
        match warning {
            "small" => l.t("住户太少", "few households"),
            "scattered" => l.t("不在同一栋楼", "several buildings"),
            "separated" => l.t("有熟人在别的组", "acquaintances elsewhere"),
            "unreachable" => l.t("有人呼叫不到", "somebody cannot be reached"),
            other => other,
        }
    }

    /// Why it is a group by the rule: adjacent, alike in size, acquainted.
    fn reasons(&self, l: &Lang) -> [String; 3] {
        let (size, stairs, known) = (self.households.len(), self.staircases, self.acquainted);
        match l {
            Lang::Chinese => [
                match stairs {
                    1 => "地域相邻：在同一单元".to_owned(),
                    stairs => format!("地域相邻：分在 {stairs} 个单元"),
                },
                format!("规模相当：{size} 户（以 10 户为宜）"),
                match known {
                    0 => "人员相熟：没有登记互为联系人的".to_owned(),
                    known => format!("人员相熟：{known} 户互为联系人，没有分开"),
                },
            ],
            Lang::English => [
                match stairs {
                    1 => "Adjacent: in one staircase".to_owned(),
                    stairs => format!("Adjacent: in {stairs} staircases"),
                },
                format!("Alike in size: {size} households (10 are best)"),
                match known {
                    0 => "Acquainted: nobody here is a contact of another".to_owned(),
                    known => format!(
                        "Acquainted: {known} households are contacts of each other and together"
                    ),
                },
            ],
        }
    }

    /// Whether anything would change by taking this group alone.
    fn is_new(&self) -> bool {
        self.households.iter().any(|household| self.moves(household))
    }

    fn moves(&self, household: &ProposedHousehold) -> bool {
        self.group_id != Some(household.group_id)
    }
}

/// The page that divides a community.
fn path_of(id: u64) -> String {
    format!("/directory/communities/{id}/groups")
}

/// How a community would be divided by the rule of the scheme.
async fn propose(signed: Signed, Path(id): Path<u64>) -> Result<Response, Response> {
    proposal_page(&signed, id, (Form::default(), StatusCode::OK)).await.map_err(signed.fails())
}

async fn proposal(signed: &Signed, id: u64) -> Result<(Proposal, String), Failure> {
    let found: Value =
        signed.api().post(&format!("/communities/{id}/groups/proposal"), &json!({})).await?;
    let seen = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(found.to_string()));
    let proposal =
        serde_json::from_value(found).map_err(|error| Failure::Unreadable(error.into()))?;
    Ok((proposal, seen))
}

async fn proposal_page(
    signed: &Signed,
    id: u64,
    (form, status): (Form, StatusCode),
) -> Result<Response, Failure> {
    let l = signed.lang();
    let (proposal, seen) = proposal(signed, id).await?;
    let title = l.t("重新分组", "Divide into groups");
    let page = ProposalPage {
        frame: Frame::signed(signed, title).await,
        l,
        crumbs: below_community(signed, id).await?,
        title: title.to_owned(),
        path: path_of(id),
        proposal,
        seen,
        may_edit: signed.me.is_admin(),
        form,
    };
    Ok(show(status, &page))
}

/// Applies a proposal, if it is still the one that was shown.
async fn divide(
    signed: Signed,
    Path(id): Path<u64>,
    Sent(mut form): Sent,
) -> Result<Response, Response> {
    let l = signed.lang();
    let (proposal, seen) = proposal(&signed, id).await.map_err(signed.fails())?;
    let group = |group: &Proposed| {
        let households = group.households.iter();
        let households: Vec<Value> =
            households.map(|one| json!({"id": one.id, "version": one.version})).collect();
        json!({"group_id": group.group_id, "grid_id": group.grid_id, "name": group.name, "households": households})
    };
    // One by one: the others stay as they are, and are proposed anew.
    let only = form.get("only").parse::<usize>().ok();
    let meant =
        proposal.groups.iter().enumerate().filter(|(at, _)| only.is_none_or(|one| one == *at));
    let groups: Vec<Value> = meant.map(|(_, one)| group(one)).collect();
    let api = signed.api().because(form.get("reason"));
    let path = format!("/communities/{id}/groups");
    let applied = if form.get("seen") == seen {
        api.put::<Value>(&path, None, &json!({"groups": groups})).await.map(|_| true)
    } else {
        Ok(false)
    };
    match applied {
        Ok(true) if only.is_some() => Ok(go(&path_of(id), "saved")),
        Ok(true) => Ok(go(&format!("/directory/communities/{id}/checks"), "saved")),
        Err(Failure::Problem(problem)) if problem.status != 412 => {
            Err(failed(&signed.visitor, &Failure::Problem(problem)))
        }
        Err(failure @ Failure::Unreadable(_)) => Err(failed(&signed.visitor, &failure)),
        Ok(false) | Err(Failure::Problem(_)) => {
            let words = l.t(
                "这期间有人改过住户，建议变了，还没有保存。请再看一遍。",
                "Somebody changed households meanwhile, and so the proposal; nothing is saved. Please look again.",
            );
            form.problem = Some(words.to_owned());
            let status = StatusCode::PRECONDITION_FAILED;
            proposal_page(&signed, id, (form, status)).await.map_err(signed.fails())
        }
    }
}
