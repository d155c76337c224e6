//! Accounts of people, for admins: who may sign in, as what, and how far they reach; one-time passwords, shown once;
//! sessions ended; second factors taken away.

mod draft;
mod questions;
#[cfg(test)]
mod tests;
mod tokens;

use crate::Shared;
use crate::api::{Failure, Problem, Versioned};
use crate::directory::Crumb;
use crate::form::{Form, Sent};
use crate::frame::{Frame, failed, go, show};
use crate::lang::Lang;
use crate::narrow::{Choice, Narrow};
use crate::visit::Signed;
use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
pub(crate) use draft::Reach;
pub(crate) use draft::places;
use draft::{Choices, form_of};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/accounts", get(list))
        .route("/accounts/new", get(ask_new).post(add))
        .merge(tokens::routes())
        .route("/accounts/{id}", get(ask).post(save))
        .route("/accounts/{id}/password", get(questions::password).post(reset_password))
        .route(
            "/accounts/{id}/second-factor",
            get(questions::second_factor).post(reset_second_factor),
        )
        .route("/accounts/{id}/sessions", post(end_sessions))
        .route("/accounts/{id}/remove", get(ask_remove).post(remove))
}

const ROLES: [&str; 4] = ["admin", "operator", "auditor", "responder"];
/// What the list is narrowed down by.
const CHOICES: [Choice; 2] =
    [("role", "role", &ROLES), ("disabled", "disabled", &["true", "false"])];

/// An account, as the API tells it.
#[derive(Clone, Debug, Deserialize)]
struct Account {
    id: u64,
    name: String,
    display_name: String,
    role: String,
    reach: Reach,
    worker_id: Option<u64>,
    responder_id: Option<u64>,
    language: Option<String>,
    must_change: bool,
    has_second_factor: bool,
    recovery_codes: u32,
    is_disabled: bool,
    created_at: Timestamp,
}

/// Where somebody is signed in.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Session {
    pub(crate) id: u64,
    pub(crate) created_at: Timestamp,
    pub(crate) seen_at: Timestamp,
    pub(crate) client: String,
}

#[derive(Deserialize)]
struct Sessions {
    items: Vec<Session>,
}

#[derive(Deserialize)]
struct Accounts {
    items: Vec<Account>,
    next: Option<u64>,
}

/// What somebody does here, in words.
pub(crate) fn role_words(role: &str, l: Lang) -> &str {
    match role {
        "admin" => l.t("管理员", "Admin"),
        "operator" => l.t("值班员", "Duty worker"),
        "auditor" => l.t("审计员", "Auditor"),
        "responder" => l.t("响应人", "Responder"),
        other => other,
    }
}

impl Account {
    fn role(&self, l: &Lang) -> &str {
        role_words(&self.role, *l)
    }

    /// A second factor that must be there and is not.
    fn lacks_factor(&self) -> bool {
        self.role == "admin" && !self.has_second_factor
    }
}

/// An account with the words for where it reaches.
struct Row {
    account: Account,
    reach: String,
}

#[derive(Template)]
#[template(path = "accounts/list.html")]
struct ListPage {
    frame: Frame,
    l: Lang,
    rows: Vec<Row>,
    narrow: Narrow,
    more: Option<String>,
}

impl ListPage {
    fn roles(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        ROLES.iter().map(|role| (*role, role_words(role, self.l)))
    }
}

#[derive(Template)]
#[template(path = "accounts/edit.html")]
struct EditPage {
    frame: Frame,
    l: Lang,
    crumbs: Vec<Crumb>,
    title: String,
    /// Where the form goes.
    action: String,
    etag: String,
    form: Form,
    choices: Choices,
    /// The account as it is, and where it reaches in words; `None` for one that is new.
    account: Option<(Account, String)>,
    sessions: Vec<Session>,
    /// Somebody else changed it meanwhile.
    is_conflict: bool,
}

/// A secret that is shown this once.
#[derive(Template)]
#[template(path = "accounts/once.html")]
pub(crate) struct OncePage {
    pub(crate) frame: Frame,
    pub(crate) l: Lang,
    pub(crate) crumbs: Vec<Crumb>,
    pub(crate) title: String,
    /// For whom or what.
    pub(crate) name: String,
    pub(crate) secret: String,
    pub(crate) hint: &'static str,
    pub(crate) back: String,
}

#[derive(Template)]
#[template(path = "accounts/remove.html")]
struct RemovePage {
    frame: Frame,
    l: Lang,
    crumbs: Vec<Crumb>,
    account: Account,
    etag: String,
    form: Form,
}

fn crumbs(l: Lang) -> Vec<Crumb> {
    vec![
        ("/settings".to_owned(), l.t("设置", "Settings").to_owned()),
        ("/accounts".to_owned(), l.t("账号", "Accounts").to_owned()),
    ]
}

async fn list(signed: Signed) -> Result<Response, Response> {
    let (l, narrow) = (signed.lang(), Narrow::of(&signed, &CHOICES));
    let path = format!("/accounts?{}", narrow.of_api(50));
    let found: Accounts = signed.api().get(&path).await.map_err(signed.fails())?;
    let mut rows = Vec::with_capacity(found.items.len());
    let mut names = draft::Names::default();
    names.prepare(&signed, found.items.iter().map(|account| &account.reach)).await;
    for account in found.items {
        let reach = names.of(&signed, &account.reach).await;
        rows.push(Row { account, reach });
    }
    let frame = Frame::signed(&signed, l.t("账号", "Accounts")).await;
    let more = found.next.map(|next| narrow.more("/accounts", next));
    Ok(show(StatusCode::OK, &ListPage { frame, l, rows, narrow, more }))
}

async fn ask_new(signed: Signed) -> Result<Response, Response> {
    let form = Form::of([("role", "operator"), ("reach", "everything")]);
    new_page(&signed, form, StatusCode::OK).await
}

async fn new_page(signed: &Signed, form: Form, status: StatusCode) -> Result<Response, Response> {
    let l = signed.lang();
    let choices = Choices::read(signed, &form).await.map_err(signed.fails())?;
    let title = l.t("新账号", "New account").to_owned();
    let page = EditPage {
        frame: Frame::signed(signed, title.clone()).await,
        l,
        crumbs: crumbs(l),
        title,
        action: "/accounts/new".to_owned(),
        etag: String::new(),
        form,
        choices,
        account: None,
        sessions: Vec::new(),
        is_conflict: false,
    };
    Ok(show(status, &page))
}

/// An account that was made.
#[derive(Deserialize)]
struct Made {
    display_name: String,
    one_time_password: Option<String>,
}

async fn add(signed: Signed, Sent(mut form): Sent) -> Result<Response, Response> {
    if form.get("do") == "look" {
        return new_page(&signed, form, StatusCode::OK).await;
    }
    let body = draft::draft_of(&form);
    match signed.api().post::<Made>("/accounts", &body).await {
        Ok(made) => {
            let secret = made.one_time_password.unwrap_or_default();
            Ok(password_page(&signed, made.display_name, secret).await)
        }
        Err(Failure::Problem(problem)) if is_mistake(&problem) => {
            form.take(&problem, draft::field_of);
            new_page(&signed, form, StatusCode::UNPROCESSABLE_ENTITY).await
        }
        Err(failure) => Err(failed(&signed.visitor, &failure)),
    }
}

/// Something is wrong with what was typed.
pub(crate) fn is_mistake(problem: &Problem) -> bool {
    matches!(problem.status, 400 | 409 | 422)
}

/// The one-time password, this once.
async fn password_page(signed: &Signed, name: String, secret: String) -> Response {
    let l = signed.lang();
    let title = l.t("一次性密码", "One-time password").to_owned();
    let page = OncePage {
        frame: Frame::signed(signed, title.clone()).await,
        l,
        crumbs: crumbs(l),
        title,
        name,
        secret,
        hint: l.t(
            "请当面或打电话告诉本人，只显示这一次；第一次登录时必须换成自己的密码。",
            "Tell it in person or by telephone; it is shown only now. It has to be changed at the next sign-in.",
        ),
        back: "/accounts".to_owned(),
    };
    show(StatusCode::OK, &page)
}

async fn ask(signed: Signed, Path(id): Path<u64>) -> Result<Response, Response> {
    let account = read(&signed, id).await?;
    let form = form_of(&account.row);
    edit_page(&signed, account, (form, false), StatusCode::OK).await
}

async fn read(signed: &Signed, id: u64) -> Result<Versioned<Account>, Response> {
    signed.api().get_versioned(&format!("/accounts/{id}")).await.map_err(signed.fails())
}

async fn edit_page(
    signed: &Signed,
    Versioned { row, etag }: Versioned<Account>,
    (form, is_conflict): (Form, bool),
    status: StatusCode,
) -> Result<Response, Response> {
    let l = signed.lang();
    let path = format!("/accounts/{}/sessions", row.id);
    let sessions: Sessions = signed.api().get(&path).await.map_err(signed.fails())?;
    let choices = Choices::read(signed, &form).await.map_err(signed.fails())?;
    let reach = draft::Names::default().of(signed, &row.reach).await;
    let page = EditPage {
        frame: Frame::signed(signed, row.display_name.clone()).await,
        l,
        crumbs: crumbs(l),
        title: row.display_name.clone(),
        action: format!("/accounts/{}", row.id),
        etag,
        form,
        choices,
        account: Some((row, reach)),
        sessions: sessions.items,
        is_conflict,
    };
    Ok(show(status, &page))
}

/// Saves what was typed, if nobody else changed the account since.
async fn save(
    signed: Signed,
    Path(id): Path<u64>,
    Sent(mut form): Sent,
) -> Result<Response, Response> {
    let etag = form.get("etag").to_owned();
    if form.get("do") == "look" {
        let mut now = read(&signed, id).await?;
        now.etag = etag;
        return edit_page(&signed, now, (form, false), StatusCode::OK).await;
    }
    let body = draft::draft_of(&form);
    let saved = signed.api().put::<Value>(&format!("/accounts/{id}"), Some(&etag), &body).await;
    match saved {
        Ok(_) => Ok(go(&format!("/accounts/{id}"), "saved")),
        Err(Failure::Problem(problem)) if problem.status == 412 => {
            let now = read(&signed, id).await?;
            edit_page(&signed, now, (form, true), StatusCode::PRECONDITION_FAILED).await
        }
        Err(Failure::Problem(problem)) if is_mistake(&problem) => {
            form.take(&problem, draft::field_of);
            let mut now = read(&signed, id).await?;
            now.etag = etag;
            edit_page(&signed, now, (form, false), StatusCode::UNPROCESSABLE_ENTITY).await
        }
        Err(failure) => Err(failed(&signed.visitor, &failure)),
    }
}

#[derive(Deserialize)]
struct OneTime {
    one_time_password: String,
}

async fn reset_password(
    signed: Signed,
    Path(id): Path<u64>,
    Sent(_): Sent,
) -> Result<Response, Response> {
    let account = read(&signed, id).await?.row;
    let path = format!("/accounts/{id}/password-reset");
    let made: OneTime = signed.api().post(&path, &json!({})).await.map_err(signed.fails())?;
    Ok(password_page(&signed, account.display_name, made.one_time_password).await)
}

async fn reset_second_factor(
    signed: Signed,
    Path(id): Path<u64>,
    Sent(_): Sent,
) -> Result<Response, Response> {
    let path = format!("/accounts/{id}/totp");
    signed.api().delete(&path, None).await.map_err(signed.fails())?;
    Ok(go(&format!("/accounts/{id}"), "removed"))
}

/// Ends one session, or all of them.
async fn end_sessions(
    signed: Signed,
    Path(id): Path<u64>,
    Sent(form): Sent,
) -> Result<Response, Response> {
    let path = match form.get("session").parse::<u64>() {
        Ok(session) => format!("/accounts/{id}/sessions/{session}"),
        Err(_) => format!("/accounts/{id}/sessions"),
    };
    match signed.api().delete(&path, None).await {
        Ok(()) => {}
        // It has ended by itself meanwhile.
        Err(Failure::Problem(problem)) if problem.status == 404 => {}
        Err(failure) => return Err(failed(&signed.visitor, &failure)),
    }
    Ok(go(&format!("/accounts/{id}"), "done"))
}

async fn ask_remove(signed: Signed, Path(id): Path<u64>) -> Result<Response, Response> {
    remove_page(&signed, id, Form::default(), StatusCode::OK).await
}

async fn remove_page(
    signed: &Signed,
    id: u64,
    form: Form,
    status: StatusCode,
) -> Result<Response, Response> {
    let l = signed.lang();
    let Versioned { row: account, etag } = read(signed, id).await?;
    let frame = Frame::signed(signed, l.t("删除账号", "Delete the account")).await;
    Ok(show(status, &RemovePage { frame, l, crumbs: crumbs(l), account, etag, form }))
}

/// Deletes an account, if nobody changed it since it was asked. The last admin stays.
async fn remove(
    signed: Signed,
    Path(id): Path<u64>,
    Sent(mut form): Sent,
) -> Result<Response, Response> {
    let etag = form.get("etag").to_owned();
    match signed.api().delete(&format!("/accounts/{id}"), Some(&etag)).await {
        Ok(()) => Ok(go("/accounts", "removed")),
        Err(Failure::Problem(problem)) if matches!(problem.status, 409 | 412) => {
            form.take(&problem, |_| None);
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::CONFLICT);
            remove_page(&signed, id, form, status).await
        }
        Err(failure) => Err(failed(&signed.visitor, &failure)),
    }
}
