//! Proving the whole trail: how far it is and what was found, a form that begins it and one that ends it. Works without
//! script: who waits loads the page again.

use super::words;
use crate::Shared;
use crate::api::Failure;
use crate::form::{Form, Sent};
use crate::frame::{Frame, show};
use crate::lang::Lang;
use crate::visit::Signed;
use askama::Template;
use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

/// Where it is.
const PATH: &str = "/audit/verification";

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route(PATH, get(look).post(begin))
        .route("/audit/verification/cancel", post(cancel))
}

#[derive(Template)]
#[template(path = "audit_proof.html")]
struct ProofPage {
    frame: Frame,
    l: Lang,
    form: Form,
    proof: Proof,
}

/// A verification as the API tells it.
#[derive(Deserialize)]
struct Proof {
    state: String,
    begun_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    read: u64,
    entries: u64,
    chains: Vec<Proven>,
}

#[derive(Deserialize)]
struct Proven {
    chain: String,
    is_whole: bool,
    entries: u64,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    head: Option<String>,
    faults: Vec<String>,
    faults_total: u64,
}

impl Proof {
    fn is(&self, state: &str) -> bool {
        self.state == state
    }

    /// Whether it was read to its end.
    fn has_proved(&self) -> bool {
        self.is("whole") || self.is("broken")
    }

    /// Entries that were read so far; what they tell of is read besides and not counted here.
    fn done(&self) -> u64 {
        self.read.min(self.entries)
    }
}

impl Proven {
    fn of_chain(&self, l: &Lang) -> &str {
        words::chain(&self.chain, *l)
    }
}

async fn look(signed: Signed) -> Result<Response, Response> {
    page(&signed, (Form::default(), StatusCode::OK)).await
}

async fn page(signed: &Signed, (form, status): (Form, StatusCode)) -> Result<Response, Response> {
    let proof: Proof = signed.api().get(PATH).await.map_err(signed.fails())?;
    let l = signed.lang();
    let frame = Frame::signed(signed, l.t("验证审计记录", "Verify the trail")).await;
    Ok(show(status, &ProofPage { frame, l, form, proof }))
}

async fn begin(signed: Signed, Sent(mut form): Sent) -> Result<Response, Response> {
    let heads: Vec<&str> = form.get("heads").split_whitespace().collect();
    match signed.api().post::<Value>(PATH, &json!({"heads": heads})).await {
        Ok(_) => Ok(Redirect::to(PATH).into_response()),
        Err(Failure::Problem(problem)) if problem.status == 422 => {
            form.blame(
                "heads",
                signed.lang().t(
                    "这里应是链头，如 alarms:1234:9f86…，每行一个，最多 20 个。",
                    "These must be heads such as alarms:1234:9f86…, one a line, 20 at most.",
                ),
            );
            page(&signed, (form, StatusCode::UNPROCESSABLE_ENTITY)).await
        }
        Err(failure) => Err(signed.fails()(failure)),
    }
}

async fn cancel(signed: Signed, _form: Sent) -> Result<Redirect, Response> {
    signed.api().delete(PATH, None).await.map_err(signed.fails())?;
    Ok(Redirect::to(PATH))
}
