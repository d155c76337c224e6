//! Messages that were given up: all of them sent again, or discarded once it was asked twice.

use super::draft::path;
use super::{Webhook, crumbs, read};
use crate::api::Failure;
use crate::directory::Crumb;
use crate::form::{Form, Sent};
use crate::frame::{Frame, failed, go, show};
use crate::lang::Lang;
use crate::visit::Signed;
use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

#[derive(Template)]
#[template(path = "webhooks/discard.html")]
struct DiscardPage {
    frame: Frame,
    l: Lang,
    crumbs: Vec<Crumb>,
    webhook: Webhook,
    /// The message; all that were given up without one.
    message: Option<u32>,
}

/// Sends all that was given up again.
pub(super) async fn again(
    signed: Signed,
    Path(id): Path<u64>,
    Sent(_): Sent,
) -> Result<Response, Response> {
    let again = format!("/webhooks/{id}/dead-letters/redeliver");
    signed.api().post::<Value>(&again, &json!({})).await.map_err(signed.fails())?;
    Ok(go(&format!("{}#messages", path(id)), "sent"))
}

/// Asks whether a message, or all that was given up, shall go.
pub(super) async fn ask(signed: Signed, Path(id): Path<u64>) -> Result<Response, Response> {
    let l = signed.lang();
    let webhook = read(&signed, id).await?.row;
    let query = signed.visitor.path.split_once('?').map_or("", |(_, query)| query);
    let message = Form::parse(query.as_bytes()).get("message").parse().ok();
    let frame = Frame::signed(&signed, l.t("丢弃消息", "Discard messages")).await;
    Ok(show(StatusCode::OK, &DiscardPage { frame, l, crumbs: crumbs(l), webhook, message }))
}

/// Discards a message, or all that was given up.
pub(super) async fn discard(
    signed: Signed,
    Path(id): Path<u64>,
    Sent(form): Sent,
) -> Result<Response, Response> {
    let what = match form.get("message").parse::<u32>() {
        Ok(message) => format!("/webhooks/{id}/deliveries/{message}"),
        Err(_) => format!("/webhooks/{id}/dead-letters"),
    };
    match signed.api().delete(&what, None).await {
        Ok(()) => {}
        // Somebody was quicker: it is gone, or waits to be sent again.
        Err(Failure::Problem(problem)) if matches!(problem.status, 404 | 409) => {}
        Err(failure) => return Err(failed(&signed.visitor, &failure)),
    }
    Ok(go(&format!("{}#messages", path(id)), "removed"))
}
