//! What everybody sets for themselves: how pages look, the language, the password, the second factor, and where they are
//! signed in. For admins, the way to accounts, tokens and how the service fares.

use crate::Shared;
use crate::accounts::{Session, role_words};
use crate::api::Failure;
use crate::form::{Form, Sent};
use crate::frame::{Frame, failed, go, show};
use crate::lang::Lang;
use crate::login;
use crate::visit::Signed;
use askama::Template;
use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/settings", get(ask))
        .route("/settings/language", post(set_language))
        .route("/settings/sessions", post(end_sessions))
        .route("/settings/second-factor", post(remove_factor))
}

#[derive(Template)]
#[template(path = "settings/own.html")]
struct OwnPage {
    frame: Frame,
    l: Lang,
    sessions: Vec<Session>,
    /// The one of this browser.
    current: u64,
    has_second_factor: bool,
    recovery_codes: u32,
    needs_second_factor: bool,
    role: String,
    form: Form,
}

#[derive(Deserialize)]
struct Sessions {
    items: Vec<Session>,
    current: u64,
}

async fn ask(signed: Signed) -> Result<Response, Response> {
    page(&signed, Form::default(), StatusCode::OK).await
}

async fn page(signed: &Signed, form: Form, status: StatusCode) -> Result<Response, Response> {
    let l = signed.lang();
    let Sessions { items, current } =
        signed.api().get("/sessions").await.map_err(signed.fails())?;
    let page = OwnPage {
        frame: Frame::signed(signed, l.t("设置", "Settings")).await,
        l,
        sessions: items,
        current,
        has_second_factor: signed.me.has_second_factor,
        recovery_codes: signed.me.recovery_codes,
        needs_second_factor: signed.me.is_admin(),
        role: role_words(&signed.me.role, l).to_owned(),
        form,
    };
    Ok(show(status, &page))
}

/// The language of the account; the browser follows it.
async fn set_language(signed: Signed, Sent(form): Sent) -> Result<Response, Response> {
    let lang = Lang::of_tag(form.get("lang")).unwrap_or(signed.lang());
    let body = json!({"language": lang.tag()});
    let saved = signed.api().put::<Value>("/session/language", None, &body).await;
    saved.map_err(signed.fails())?;
    Ok(login::with_language(&signed.visitor, lang, go("/settings", "saved")))
}

/// Ends one session or all others.
async fn end_sessions(signed: Signed, Sent(form): Sent) -> Result<Response, Response> {
    let path = match form.get("session").parse::<u64>() {
        Ok(session) => format!("/sessions/{session}"),
        Err(_) => "/sessions".to_owned(),
    };
    match signed.api().delete(&path, None).await {
        Ok(()) => {}
        // It has ended by itself meanwhile.
        Err(Failure::Problem(problem)) if problem.status == 404 => {}
        Err(failure) => return Err(failed(&signed.visitor, &failure)),
    }
    Ok(go("/settings#sessions", "done"))
}

/// Takes one's own second factor away, for who knows the password.
async fn remove_factor(signed: Signed, Sent(mut form): Sent) -> Result<Response, Response> {
    let body = json!({"password": form.get("password")});
    match signed.api().delete_with("/session/totp", &body).await {
        Ok(()) => Ok(go("/settings", "removed")),
        Err(Failure::Problem(problem)) if matches!(problem.status, 400 | 409 | 422 | 429) => {
            form.take(&problem, |pointer| (pointer == "/password").then(|| "password".to_owned()));
            page(&signed, form, StatusCode::UNPROCESSABLE_ENTITY).await
        }
        Err(failure) => Err(failed(&signed.visitor, &failure)),
    }
}

#[cfg(test)]
mod tests;
