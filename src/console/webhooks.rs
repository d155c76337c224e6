//! Webhooks, for admins who reach everything: which programs elsewhere are told what happens, how their messages fare,
//! and the messages that were given up.

mod dead;
mod draft;
mod messages;
#[cfg(test)]
mod tests;

use crate::Shared;
use crate::accounts::{OncePage, is_mistake, places};
use crate::api::{Failure, Versioned};
use crate::directory::Crumb;
use crate::form::{Form, Sent};
use crate::frame::{Frame, failed, go, show};
use crate::lang::Lang;
use crate::question::{self, Question};
use crate::visit::Signed;
use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use draft::{EVENTS, draft_of, field_of, form_of, path};
use jiff::Timestamp;
use messages::Messages;
use serde::Deserialize;
use serde_json::{Value, json};

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/settings/webhooks", get(list))
        .route("/settings/webhooks/new", get(ask_new).post(add))
        .route("/settings/webhooks/{id}", get(ask).post(save))
        .route("/settings/webhooks/{id}/pause", post(pause))
        .route("/settings/webhooks/{id}/ping", post(messages::ping))
        .route("/settings/webhooks/{id}/secret", get(ask_rotate).post(rotate))
        .route("/settings/webhooks/{id}/messages/{message}", post(messages::send_again))
        .route("/settings/webhooks/{id}/again", post(dead::again))
        .route("/settings/webhooks/{id}/discard", get(dead::ask).post(dead::discard))
        .route("/settings/webhooks/{id}/remove", get(ask_remove).post(remove))
}

/// A webhook, as the API tells it.
#[derive(Clone, Debug, Deserialize)]
struct Webhook {
    id: u64,
    url: String,
    description: String,
    events: Vec<String>,
    community_id: Option<u64>,
    with_drills: bool,
    is_enabled: bool,
    created_at: Timestamp,
    old_secret_until: Option<Timestamp>,
    #[serde(default)]
    standing: Standing,
}

/// How its messages fare.
#[derive(Clone, Debug, Default, Deserialize)]
struct Standing {
    waiting: u64,
    dead: u64,
    failing: u64,
    last_at: Option<Timestamp>,
    delivered_at: Option<Timestamp>,
}

impl Webhook {
    /// Whether the secret before the last one signs as well.
    fn has_old_secret(&self, now: &Timestamp) -> bool {
        self.old_secret_until.is_some_and(|until| *now < until)
    }

    /// What people call it: what it is for, or where it goes.
    fn title(&self) -> &str {
        if self.description.is_empty() { &self.url } else { &self.description }
    }

    /// The colour and the words of how it fares.
    fn state(&self, l: &Lang) -> (&'static str, &'static str) {
        let Standing { waiting, dead, failing, delivered_at, .. } = &self.standing;
        match (self.is_enabled, failing, dead, waiting) {
            (false, ..) => ("grey", l.t("已暂停", "paused")),
            (true, 1.., ..) => ("amber", l.t("对方没有收下", "not taken over there")),
            (true, 0, 1.., _) => ("amber", l.t("有消息已放弃", "messages given up")),
            (true, 0, 0, 1..) => ("blue", l.t("正在发送", "under way")),
            (true, 0, 0, 0) if delivered_at.is_some() => ("green", l.t("正常", "taken")),
            (true, 0, 0, 0) => ("grey", l.t("还没有发过", "nothing sent yet")),
        }
    }

    /// What it is told, in words.
    fn told(&self, l: &Lang) -> String {
        let words: Vec<_> = self.events.iter().map(|event| event_words(event, *l)).collect();
        words.join(l.t("、", ", "))
    }
}

/// What is told, in words.
fn event_words(event: &str, l: Lang) -> &str {
    let known = EVENTS.iter().find(|(name, _)| *name == event);
    known.map_or(event, |(_, (chinese, english))| l.t(chinese, english))
}

#[derive(Deserialize)]
struct Webhooks {
    items: Vec<Webhook>,
}

#[derive(Template)]
#[template(path = "webhooks/list.html")]
struct ListPage {
    frame: Frame,
    l: Lang,
    webhooks: Vec<Webhook>,
}

#[derive(Template)]
#[template(path = "webhooks/edit.html")]
struct EditPage {
    frame: Frame,
    l: Lang,
    crumbs: Vec<Crumb>,
    title: String,
    /// Where the form goes.
    action: String,
    etag: String,
    form: Form,
    /// Id and name.
    communities: Vec<(String, String)>,
    /// The webhook as it is with its messages; `None` for one that is new.
    webhook: Option<(Webhook, Messages)>,
    now: Timestamp,
    /// Somebody else changed it meanwhile.
    is_conflict: bool,
}

impl EditPage {
    /// What there is to be told: name and words.
    fn events(&self) -> Vec<(&'static str, &'static str)> {
        let words = |&(name, (chinese, english)): &(&'static str, (_, _))| {
            (name, self.l.t(chinese, english))
        };
        EVENTS.iter().map(words).collect()
    }
}

#[derive(Template)]
#[template(path = "webhooks/remove.html")]
struct RemovePage {
    frame: Frame,
    l: Lang,
    crumbs: Vec<Crumb>,
    webhook: Webhook,
    etag: String,
    form: Form,
}

/// What a page is made of besides the row.
struct Shape {
    form: Form,
    is_conflict: bool,
    status: StatusCode,
    now: Timestamp,
}

fn crumbs(l: Lang) -> Vec<Crumb> {
    vec![
        ("/settings".to_owned(), l.t("设置", "Settings").to_owned()),
        ("/settings/webhooks".to_owned(), l.t("消息推送", "Webhooks").to_owned()),
    ]
}

async fn list(signed: Signed) -> Result<Response, Response> {
    let l = signed.lang();
    // There are fewer than one page of the API holds.
    let found: Webhooks =
        signed.api().get("/webhooks?after=0&limit=200").await.map_err(signed.fails())?;
    let frame = Frame::signed(&signed, l.t("消息推送", "Webhooks")).await;
    Ok(show(StatusCode::OK, &ListPage { frame, l, webhooks: found.items }))
}

async fn ask_new(State(shared): State<Shared>, signed: Signed) -> Result<Response, Response> {
    let mut form = Form::of([("is_enabled", "yes")]);
    form.set_all(
        "event",
        ["alarm.raised", "alarm.acknowledged", "alarm.closed"].map(str::to_owned),
    );
    let now = (shared.settings.now)();
    new_page(&signed, Shape { form, is_conflict: false, status: StatusCode::OK, now }).await
}

async fn new_page(signed: &Signed, shape: Shape) -> Result<Response, Response> {
    let l = signed.lang();
    let title = l.t("新推送", "New webhook").to_owned();
    let page = EditPage {
        frame: Frame::signed(signed, title.clone()).await,
        l,
        crumbs: crumbs(l),
        title,
        action: "/settings/webhooks/new".to_owned(),
        etag: String::new(),
        form: shape.form,
        communities: communities(signed).await?,
        webhook: None,
        now: shape.now,
        is_conflict: false,
    };
    Ok(show(shape.status, &page))
}

async fn communities(signed: &Signed) -> Result<Vec<(String, String)>, Response> {
    let found = places(signed, "community", "communities").await.map_err(signed.fails())?;
    let id = |value: String| value.rsplit(':').next().unwrap_or_default().to_owned();
    Ok(found.into_iter().map(|(value, name)| (id(value), name)).collect())
}

/// A webhook that was made.
#[derive(Deserialize)]
struct Made {
    #[serde(flatten)]
    webhook: Webhook,
    secret: String,
}

async fn add(
    State(shared): State<Shared>,
    signed: Signed,
    Sent(mut form): Sent,
) -> Result<Response, Response> {
    match signed.api().post::<Made>("/webhooks", &draft_of(&form)).await {
        Ok(Made { webhook, secret }) => Ok(secret_page(&signed, &webhook, secret).await),
        Err(Failure::Problem(problem)) if is_mistake(&problem) => {
            form.take(&problem, field_of);
            let (status, now) = (StatusCode::UNPROCESSABLE_ENTITY, (shared.settings.now)());
            new_page(&signed, Shape { form, is_conflict: false, status, now }).await
        }
        Err(failure) => Err(failed(&signed.visitor, &failure)),
    }
}

/// The secret, this once.
async fn secret_page(signed: &Signed, webhook: &Webhook, secret: String) -> Response {
    let l = signed.lang();
    let title = l.t("签名密钥", "Signing secret").to_owned();
    let page = OncePage {
        frame: Frame::signed(signed, title.clone()).await,
        l,
        crumbs: crumbs(l),
        title,
        name: webhook.title().to_owned(),
        secret,
        hint: l.t(
            "只显示这一次。请放进接收消息的程序：它用密钥核对签名（Standard Webhooks），知道消息确实来自这里、没有被改动。",
            "It is shown only now. Put it into the program that takes the messages: with it the program checks the \
             signature (Standard Webhooks), and knows that a message is from here and was not changed.",
        ),
        back: path(webhook.id),
    };
    show(StatusCode::OK, &page)
}

async fn read(signed: &Signed, id: u64) -> Result<Versioned<Webhook>, Response> {
    signed.api().get_versioned(&format!("/webhooks/{id}")).await.map_err(signed.fails())
}

async fn ask(
    State(shared): State<Shared>,
    signed: Signed,
    Path(id): Path<u64>,
) -> Result<Response, Response> {
    let now = read(&signed, id).await?;
    let form = form_of(&now.row);
    let at = (shared.settings.now)();
    edit_page(&signed, now, Shape { form, is_conflict: false, status: StatusCode::OK, now: at })
        .await
}

async fn edit_page(
    signed: &Signed,
    Versioned { row, etag }: Versioned<Webhook>,
    shape: Shape,
) -> Result<Response, Response> {
    let l = signed.lang();
    let messages = Messages::read(signed, row.id).await.map_err(signed.fails())?;
    let title = row.title().to_owned();
    let page = EditPage {
        frame: Frame::signed(signed, title.clone()).await,
        l,
        crumbs: crumbs(l),
        title,
        action: path(row.id),
        etag,
        form: shape.form,
        communities: communities(signed).await?,
        webhook: Some((row, messages)),
        now: shape.now,
        is_conflict: shape.is_conflict,
    };
    Ok(show(shape.status, &page))
}

/// Saves what was typed, if nobody else changed the webhook since.
async fn save(
    State(shared): State<Shared>,
    signed: Signed,
    Path(id): Path<u64>,
    Sent(mut form): Sent,
) -> Result<Response, Response> {
    let etag = form.get("etag").to_owned();
    let at = (shared.settings.now)();
    let api_path = format!("/webhooks/{id}");
    match signed.api().put::<Value>(&api_path, Some(&etag), &draft_of(&form)).await {
        Ok(_) => Ok(go(&path(id), "saved")),
        Err(Failure::Problem(problem)) if problem.status == 412 => {
            let now = read(&signed, id).await?;
            let status = StatusCode::PRECONDITION_FAILED;
            edit_page(&signed, now, Shape { form, is_conflict: true, status, now: at }).await
        }
        Err(Failure::Problem(problem)) if is_mistake(&problem) => {
            form.take(&problem, field_of);
            let mut now = read(&signed, id).await?;
            now.etag = etag;
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            edit_page(&signed, now, Shape { form, is_conflict: false, status, now: at }).await
        }
        Err(failure) => Err(failed(&signed.visitor, &failure)),
    }
}

/// Lets messages wait, or sends those that waited.
async fn pause(
    signed: Signed,
    Path(id): Path<u64>,
    Sent(form): Sent,
) -> Result<Response, Response> {
    let Versioned { row, etag } = read(&signed, id).await?;
    let mut draft = draft_of(&form_of(&row));
    if let Some(is_enabled) = draft.get_mut("is_enabled") {
        *is_enabled = json!(form.has("on", "yes"));
    }
    let saved = signed.api().put::<Value>(&format!("/webhooks/{id}"), Some(&etag), &draft).await;
    saved.map_err(signed.fails())?;
    Ok(go(&path(id), "saved"))
}

#[derive(Deserialize)]
struct NewSecret {
    secret: String,
}

/// Asks whether there shall be a new secret.
async fn ask_rotate(signed: Signed, Path(id): Path<u64>) -> Result<Response, Response> {
    let l = signed.lang();
    let webhook = read(&signed, id).await?.row;
    let question = Question {
        crumbs: crumbs(l),
        heading: format!("{} · {}", l.t("换新密钥", "A new signing secret"), webhook.title()),
        words: l.t(
            "现在的密钥一天后作废，更早的立即作废。接收消息的程序须在一天内换上新的，否则不再相信这里的消息。",
            "The secret of now is void after a day, one before it at once. The program that takes the messages has to get the \
             new one within a day, or it believes no message any more.",
        ),
        action: format!("{}/secret", path(id)),
        etag: String::new(),
        asks_why: false,
        button: l.t("换新密钥", "Make a new one"),
        back: path(id),
    };
    Ok(question::page(&signed, question).await)
}

async fn rotate(signed: Signed, Path(id): Path<u64>, Sent(_): Sent) -> Result<Response, Response> {
    let webhook = read(&signed, id).await?.row;
    let made = signed.api().post(&format!("/webhooks/{id}/rotate-secret"), &json!({})).await;
    let NewSecret { secret } = made.map_err(signed.fails())?;
    Ok(secret_page(&signed, &webhook, secret).await)
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
    let Versioned { row: webhook, etag } = read(signed, id).await?;
    let frame = Frame::signed(signed, l.t("删除推送", "Delete the webhook")).await;
    Ok(show(status, &RemovePage { frame, l, crumbs: crumbs(l), webhook, etag, form }))
}

/// Deletes a webhook with its messages, if nobody changed it since it was asked.
async fn remove(
    signed: Signed,
    Path(id): Path<u64>,
    Sent(mut form): Sent,
) -> Result<Response, Response> {
    let etag = form.get("etag").to_owned();
    match signed.api().delete(&format!("/webhooks/{id}"), Some(&etag)).await {
        Ok(()) => Ok(go("/settings/webhooks", "removed")),
        Err(Failure::Problem(problem)) if matches!(problem.status, 409 | 412) => {
            form.take(&problem, |_| None);
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::CONFLICT);
            remove_page(&signed, id, form, status).await
        }
        Err(failure) => Err(failed(&signed.visitor, &failure)),
    }
}
