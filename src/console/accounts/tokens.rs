//! Tokens of the API, for programs: made with a scope and an end, shown once, revoked.

use super::{OncePage, is_mistake};
use crate::Shared;
use crate::api::{Failure, Problem};
use crate::form::{Form, Sent};
use crate::frame::{Frame, failed, go, show};
use crate::lang::Lang;
use crate::narrow::{Choice, Narrow};
use crate::question::{self, Question};
use crate::visit::Signed;
use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::json;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/accounts/tokens", get(list).post(make))
        .route("/accounts/tokens/{id}/revoke", get(ask_revoke).post(revoke))
}

/// What a token may do: its name in the API, and its words.
const SCOPES: [(&str, (&str, &str)); 5] = [
    ("trigger", ("报警：只能代线路报警", "Trigger: raises alarms, nothing else")),
    ("metrics", ("指标：只读运行指标", "Metrics: reads metrics, nothing else")),
    ("auditor", ("审计：审计记录和报表", "Auditor: the audit trail and reports")),
    ("operator", ("值班：处理警情，查看目录", "Operator: alarms, and reading the directory")),
    ("admin", ("管理：一切", "Admin: everything")),
];
/// How long it lasts, in days; empty for ever.
const DAYS: [(&str, (&str, &str)); 4] = [
    ("90", ("90 天", "90 days")),
    ("30", ("30 天", "30 days")),
    ("365", ("一年", "a year")),
    ("", ("不限", "for ever")),
];

/// What the list is narrowed down by. The form below it has a scope of its own.
const CHOICES: [Choice; 2] = [
    ("may", "scope", &["trigger", "metrics", "auditor", "operator", "admin"]),
    ("works", "works", &["true", "false"]),
];

/// What a token may do, in short.
fn scope_words(known: &str, l: Lang) -> &str {
    let found = SCOPES.iter().find(|(scope, _)| *scope == known);
    found.map_or(known, |(_, (chinese, english))| {
        let words = l.t(chinese, english);
        words.split(['：', ':']).next().unwrap_or(words)
    })
}

#[derive(Template)]
#[template(path = "accounts/tokens.html")]
struct TokensPage {
    frame: Frame,
    l: Lang,
    tokens: Vec<Token>,
    narrow: Narrow,
    more: Option<String>,
    now: Timestamp,
    form: Form,
}

impl TokensPage {
    fn scopes(&self) -> Vec<(&'static str, &'static str)> {
        self.words(&SCOPES)
    }

    fn short_scopes(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        SCOPES.iter().map(|(scope, _)| (*scope, scope_words(scope, self.l)))
    }

    fn days(&self) -> Vec<(&'static str, &'static str)> {
        self.words(&DAYS)
    }

    fn words(
        &self,
        choices: &[(&'static str, (&'static str, &'static str))],
    ) -> Vec<(&'static str, &'static str)> {
        let words =
            |&(value, (chinese, english)): &(&'static str, _)| (value, self.l.t(chinese, english));
        choices.iter().map(words).collect()
    }
}

#[derive(Deserialize)]
struct Tokens {
    items: Vec<Token>,
    next: Option<u64>,
}

#[derive(Deserialize)]
struct Token {
    id: u64,
    name: String,
    scope: String,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
}

impl Token {
    /// What it may do, in short.
    fn scope(&self, l: &Lang) -> &str {
        scope_words(&self.scope, *l)
    }

    fn works(&self, now: &Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| *now < end)
    }
}

#[derive(Deserialize)]
struct Made {
    name: String,
    secret: String,
}

async fn list(State(shared): State<Shared>, signed: Signed) -> Result<Response, Response> {
    page(&signed, (shared.settings.now)(), Form::default(), StatusCode::OK).await
}

async fn page(
    signed: &Signed,
    now: Timestamp,
    form: Form,
    status: StatusCode,
) -> Result<Response, Response> {
    let (l, narrow) = (signed.lang(), Narrow::of(signed, &CHOICES));
    let path = format!("/tokens?{}", narrow.of_api(50));
    let tokens: Tokens = signed.api().get(&path).await.map_err(signed.fails())?;
    let page = TokensPage {
        frame: Frame::signed(signed, l.t("令牌", "Tokens")).await,
        l,
        tokens: tokens.items,
        more: tokens.next.map(|next| narrow.more("/accounts/tokens", next)),
        narrow,
        now,
        form,
    };
    Ok(show(status, &page))
}

async fn make(
    State(shared): State<Shared>,
    signed: Signed,
    Sent(mut form): Sent,
) -> Result<Response, Response> {
    let (l, now) = (signed.lang(), (shared.settings.now)());
    let known = DAYS.iter().find(|(days, _)| *days == form.get("days")).map(|(days, _)| *days);
    let days: Option<i64> = known.and_then(|days| days.parse().ok());
    let lasts = days.map(|days| SignedDuration::from_hours(24 * days));
    let expires = lasts.and_then(|lasts| now.checked_add(lasts).ok());
    // A choice that is none must not become a token that lasts for ever.
    if known.is_none() || !SCOPES.iter().any(|(scope, _)| *scope == form.get("scope")) {
        let field = if known.is_none() { "days" } else { "scope" };
        form.blame(field, l.t("请选择一项。", "Choose one."));
        return page(&signed, now, form, StatusCode::UNPROCESSABLE_ENTITY).await;
    }
    let body = json!({"name": form.get("name"), "scope": form.get("scope"),
        "expires_at": expires.map(|end| end.to_string())});
    match signed.api().post::<Made>("/tokens", &body).await {
        Ok(made) => {
            let title = l.t("新令牌", "New token").to_owned();
            let page = OncePage {
                frame: Frame::signed(&signed, title.clone()).await,
                l,
                crumbs: super::crumbs(l),
                title,
                name: made.name,
                secret: made.secret,
                hint: l.t(
                    "只显示这一次。请立即放进要用它的程序里。",
                    "It is shown only now. Put it into the program that is to use it.",
                ),
                back: "/accounts/tokens".to_owned(),
            };
            Ok(show(StatusCode::OK, &page))
        }
        Err(Failure::Problem(problem)) if is_mistake(&problem) => {
            form.take(&problem, |pointer| match pointer {
                "/name" => Some("name".to_owned()),
                "/scope" => Some("scope".to_owned()),
                "/expires_at" => Some("days".to_owned()),
                _ => None,
            });
            page(&signed, now, form, StatusCode::UNPROCESSABLE_ENTITY).await
        }
        Err(failure) => Err(failed(&signed.visitor, &failure)),
    }
}

/// Asks whether a token shall work no more.
async fn ask_revoke(signed: Signed, Path(id): Path<u64>) -> Result<Response, Response> {
    let l = signed.lang();
    // The next one after those before it is the one itself, if it is there.
    let path = format!("/tokens?after={}&limit=1", id.saturating_sub(1));
    let tokens: Tokens = signed.api().get(&path).await.map_err(signed.fails())?;
    let Some(token) = tokens.items.into_iter().find(|token| token.id == id) else {
        let problem = Problem { status: 404, ..Problem::default() };
        return Err(failed(&signed.visitor, &Failure::Problem(Box::new(problem))));
    };
    let back = "/accounts/tokens".to_owned();
    let mut crumbs = super::crumbs(l);
    crumbs.push((back.clone(), l.t("令牌", "Tokens").to_owned()));
    let question = Question {
        crumbs,
        heading: format!("{} · {}", l.t("吊销令牌", "Revoke the token"), token.name),
        words: l.t(
            "吊销后无法恢复。用它的程序立即被拒绝：用来报警的，从此报不了警，直到换上新令牌。",
            "It cannot be taken back. The program that has it is refused at once; one that raises alarms raises none until it \
             has a new token.",
        ),
        action: format!("/accounts/tokens/{id}/revoke"),
        etag: String::new(),
        asks_why: false,
        button: l.t("吊销", "Revoke"),
        back,
    };
    Ok(question::page(&signed, question).await)
}

async fn revoke(signed: Signed, Path(id): Path<u64>, Sent(_): Sent) -> Result<Response, Response> {
    signed.api().delete(&format!("/tokens/{id}"), None).await.map_err(signed.fails())?;
    Ok(go("/accounts/tokens", "done"))
}
