//! Swaps with consent: the other agrees or refuses, who asked takes it back.

use super::part::Part;
use super::{nothing, rules};
use crate::api::Failure;
use crate::form::{Form, Sent};
use crate::frame::{failed, go};
use crate::visit::Signed;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

/// The other agrees.
pub(super) async fn agree(
    signed: Signed,
    Path((id, swap)): Path<(u64, u64)>,
    Sent(form): Sent,
) -> Result<Response, Response> {
    say(&signed, (id, swap), "agree", form).await
}

/// The other refuses, or who asked takes it back.
pub(super) async fn withdraw(
    signed: Signed,
    Path((id, swap)): Path<(u64, u64)>,
    Sent(form): Sent,
) -> Result<Response, Response> {
    say(&signed, (id, swap), "withdraw", form).await
}

async fn say(
    signed: &Signed,
    (id, swap): (u64, u64),
    what: &'static str,
    mut form: Form,
) -> Result<Response, Response> {
    let part = Part::of("swaps").ok_or_else(|| signed.fails()(nothing()))?;
    let worker: u64 = form.get("worker_id").parse().unwrap_or_default();
    let path = format!("/swaps/{swap}/{what}");
    match signed.api().post::<Value>(&path, &json!({"worker_id": worker})).await {
        Ok(_) => Ok(go(&part.list(id), "done")),
        Err(Failure::Problem(problem)) if matches!(problem.status, 409 | 422) => {
            form.take(&problem, |_| None);
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::CONFLICT);
            rules::refused(signed, (id, part), (form, status)).await
        }
        Err(failure) => Err(failed(&signed.visitor, &failure)),
    }
}
