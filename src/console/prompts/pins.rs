//! PINs by which workers record by telephone: set and taken away, never shown.

use super::{Clips, Shelf, crumbs, name_of, nothing};
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
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Template)]
#[template(path = "prompts/pins.html")]
struct PinsPage {
    frame: Frame,
    l: Lang,
    crumbs: Vec<Crumb>,
    path: String,
    workers: Vec<Worker>,
    numbers: Vec<String>,
    may_edit: bool,
    form: Form,
}

#[derive(Deserialize)]
struct Workers {
    items: Vec<Worker>,
}

#[derive(Deserialize)]
struct Worker {
    id: u64,
    name: String,
}

pub(super) async fn ask(signed: Signed, Path(shelf): Path<String>) -> Result<Response, Response> {
    let shelf = Shelf::of(&shelf).map_err(signed.fails())?;
    page(&signed, &shelf, Form::default(), StatusCode::OK).await.map_err(signed.fails())
}

async fn page(
    signed: &Signed,
    shelf: &Shelf,
    form: Form,
    status: StatusCode,
) -> Result<Response, Failure> {
    if shelf.is_all() {
        return Err(nothing());
    }
    let l = signed.lang();
    let path = format!("/workers?community_id={}&limit=200", shelf.0);
    let workers: Workers = signed.api().get(&path).await?;
    let clips: Clips = signed.api().get(&shelf.api()).await?;
    let name = name_of(signed, shelf).await?;
    let page = PinsPage {
        frame: Frame::signed(signed, l.t("录音密码", "PINs for recording")).await,
        l,
        crumbs: crumbs(shelf, &name, l),
        path: shelf.path(),
        workers: workers.items,
        numbers: clips.numbers,
        may_edit: signed.me.is_admin(),
        form,
    };
    Ok(show(status, &page))
}

/// Sets a PIN, or takes it away.
pub(super) async fn set(
    signed: Signed,
    Path(shelf): Path<String>,
    Sent(mut form): Sent,
) -> Result<Response, Response> {
    let shelf = Shelf::of(&shelf).map_err(signed.fails())?;
    let again = async |form: Form| {
        let page = page(&signed, &shelf, form, StatusCode::UNPROCESSABLE_ENTITY).await;
        page.map_err(signed.fails())
    };
    let Ok(worker) = form.get("worker").parse::<u32>() else {
        form.blame("worker", signed.lang().t("请选择一人。", "Choose somebody."));
        return again(form).await;
    };
    let is_removal = form.has("do", "remove");
    let pin = form.get("pin");
    if !is_removal && pin.is_empty() {
        let words = signed.lang().t("请填写 4 至 8 位数字。", "Enter 4 to 8 digits.");
        form.blame("pin", words);
        return again(form).await;
    }
    let body = json!({"pin": (!is_removal).then_some(pin)});
    match signed.api().put::<Value>(&format!("/workers/{worker}/pin"), None, &body).await {
        Ok(_) => {
            let did = if is_removal { "removed" } else { "saved" };
            Ok(go(&format!("{}/pins", shelf.path()), did))
        }
        Err(Failure::Problem(problem)) if matches!(problem.status, 400 | 422) => {
            form.take(&problem, |pointer| (pointer == "/pin").then(|| "pin".to_owned()));
            again(form).await
        }
        Err(failure) => Err(failed(&signed.visitor, &failure)),
    }
}
