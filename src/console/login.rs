//! Signing in and out, the first account, one's own password.

use crate::Shared;
use crate::api::{Failure, Problem};
use crate::form::{Form, Sent};
use crate::frame::{self, Frame, show};
use crate::lang::Lang;
use crate::visit::{self, Signed, Visitor};
use askama::Template;
use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use cookie::{Cookie, SameSite};
use serde::Deserialize;
use serde_json::{Value, json};

/// What is kept by the browser besides cookies goes with the session.
const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");
/// Characters of what a browser calls itself that name its session.
const BROWSER_MAX: usize = 120;

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/login", get(ask).post(sign_in))
        .route("/logout", post(sign_out))
        .route("/setup", get(ask_first).post(add_first))
        .route("/password", get(ask_password).post(change_password))
        .route("/look", post(change_look))
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    frame: Frame,
    l: Lang,
    form: Form,
    /// A code of the second factor is asked for.
    wants_code: bool,
}

#[derive(Template)]
#[template(path = "setup.html")]
struct SetupPage {
    frame: Frame,
    l: Lang,
    form: Form,
}

#[derive(Template)]
#[template(path = "password.html")]
struct PasswordPage {
    frame: Frame,
    l: Lang,
    form: Form,
    must_change: bool,
}

/// What signing in gives.
#[derive(Deserialize)]
struct Opened {
    secret: String,
}

async fn ask(visitor: Visitor) -> Response {
    if !visitor.is_guarded {
        return frame::unguarded(&visitor);
    }
    let query = visitor.path.split_once('?').map_or("", |(_, query)| query).to_owned();
    let asked = Form::parse(query.as_bytes());
    let form = Form::of([("next", asked.get("next")), ("unsaved", asked.get("unsaved"))]);
    login_page(&visitor, form, false, StatusCode::OK)
}

fn login_page(visitor: &Visitor, form: Form, wants_code: bool, status: StatusCode) -> Response {
    let l = visitor.lang;
    let frame = Frame::visitor(visitor, l.t("登录", "Sign in"));
    show(status, &LoginPage { frame, l, form, wants_code })
}

async fn sign_in(visitor: Visitor, headers: HeaderMap, Sent(mut form): Sent) -> Response {
    if !visitor.is_guarded {
        return frame::unguarded(&visitor);
    }
    let l = visitor.lang;
    let browser = headers.get(header::USER_AGENT).and_then(|browser| browser.to_str().ok());
    let browser: String = browser.unwrap_or_default().chars().take(BROWSER_MAX).collect();
    let mut body =
        json!({"name": form.get("name"), "password": form.get("password"), "client": browser});
    if !form.get("code").is_empty() {
        body["code"] = Value::from(form.get("code"));
    }
    let opened = visitor.api.post::<Opened>("/session", &body).await;
    let problem = match opened {
        Ok(opened) => {
            let next = visit::next_of(form.get("next")).to_owned();
            return with_session(&visitor, &opened.secret, Redirect::to(&next).into_response());
        }
        Err(Failure::Problem(problem)) if problem.status < 500 => problem,
        Err(failure) => return frame::failed(&visitor, &failure),
    };
    let wants_code = problem.is("code-needed") || !form.get("code").is_empty();
    if problem.is("code-needed") && form.get("code").is_empty() {
        let words =
            l.t("请输入验证器中的六位数字。", "Enter the six digits of your authenticator.");
        form.blame("code", words);
    } else {
        form.problem = Some(said(&problem));
    }
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
    login_page(&visitor, form, wants_code, status)
}

fn said(problem: &Problem) -> String {
    if problem.detail.is_empty() { problem.title.clone() } else { problem.detail.clone() }
}

async fn sign_out(signed: Signed, Sent(_): Sent) -> Response {
    // A session that is over already is as good.
    let _ = signed.api().delete("/session", None).await;
    let mut response = Redirect::to("/login").into_response();
    response
        .headers_mut()
        .insert(CLEAR_SITE_DATA, HeaderValue::from_static(r#""cache", "storage""#));
    with_cookie(response, session_cookie(&signed.visitor, "", true))
}

async fn ask_first(visitor: Visitor) -> Response {
    if !visitor.is_guarded {
        return frame::unguarded(&visitor);
    }
    setup_page(&visitor, Form::default(), StatusCode::OK)
}

fn setup_page(visitor: &Visitor, form: Form, status: StatusCode) -> Response {
    let l = visitor.lang;
    let frame = Frame::visitor(visitor, l.t("第一次使用", "First use"));
    show(status, &SetupPage { frame, l, form })
}

/// The first account is made with the token that the first start printed.
async fn add_first(visitor: Visitor, Sent(mut form): Sent) -> Response {
    if !visitor.is_guarded {
        return frame::unguarded(&visitor);
    }
    let l = visitor.lang;
    if form.get("password") != form.get("again") {
        form.blame("again", l.t("两次输入不一样。", "The two are not the same."));
        return setup_page(&visitor, form, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let api = visitor.api.with_secret(form.get("token").to_owned());
    let body = json!({
        "name": form.get("name"), "display_name": form.get("display_name"),
        "password": form.get("password"), "role": "admin", "reach": {"kind": "everything"},
        "language": l.tag(),
    });
    match api.post::<Value>("/accounts", &body).await {
        Ok(_) => Redirect::to("/login").into_response(),
        Err(Failure::Problem(problem)) if problem.status == 401 => {
            let words = l.t(
                "这个令牌不对。首次启动时服务会显示它。",
                "This token is not right. The first start of the service shows it.",
            );
            form.blame("token", words);
            setup_page(&visitor, form, StatusCode::UNPROCESSABLE_ENTITY)
        }
        Err(Failure::Problem(problem)) if problem.status < 500 => {
            form.take(&problem, |pointer| pointer.strip_prefix('/').map(ToOwned::to_owned));
            setup_page(&visitor, form, StatusCode::UNPROCESSABLE_ENTITY)
        }
        Err(failure) => frame::failed(&visitor, &failure),
    }
}

async fn ask_password(signed: Signed) -> Response {
    password_page(&signed, Form::default(), StatusCode::OK).await
}

async fn password_page(signed: &Signed, form: Form, status: StatusCode) -> Response {
    let l = signed.lang();
    let frame = Frame::signed(signed, l.t("更改密码", "Change the password")).await;
    let must_change = signed.me.must_change;
    show(status, &PasswordPage { frame, l, form, must_change })
}

async fn change_password(signed: Signed, Sent(mut form): Sent) -> Response {
    let l = signed.lang();
    if form.get("new") != form.get("again") {
        form.blame("again", l.t("两次输入不一样。", "The two are not the same."));
        return password_page(&signed, form, StatusCode::UNPROCESSABLE_ENTITY).await;
    }
    let body = json!({"old": form.get("old"), "new": form.get("new")});
    match signed.api().put::<Value>("/session/password", None, &body).await {
        Ok(_) => frame::go("/", "saved"),
        Err(Failure::Problem(problem)) if problem.status < 500 => {
            form.take(&problem, |pointer| pointer.strip_prefix('/').map(ToOwned::to_owned));
            password_page(&signed, form, StatusCode::UNPROCESSABLE_ENTITY).await
        }
        Err(failure) => frame::failed(&signed.visitor, &failure),
    }
}

/// Night mode, large type and language are kept by the browser.
async fn change_look(visitor: Visitor, Sent(form): Sent) -> Response {
    let back = visit::next_of(form.get("back")).to_owned();
    let response = Redirect::to(&back).into_response();
    let words = ["night", "day", "large"].into_iter().filter(|word| form.has("look", word));
    let look = words.collect::<Vec<_>>().join(" ");
    let response = with_cookie(response, lasting(&visitor, true, look));
    match Lang::of_tag(form.get("lang")) {
        Some(lang) => with_language(&visitor, lang, response),
        None => response,
    }
}

/// Lets the browser keep a language that was chosen.
pub(crate) fn with_language(visitor: &Visitor, lang: Lang, response: Response) -> Response {
    with_cookie(response, lasting(visitor, false, lang.tag().to_owned()))
}

/// Keeps the language of an address such as `/?lang=en`, so that the next page is in it, too.
pub(crate) async fn keep_language(visitor: Visitor, request: Request, next: Next) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let asked = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "lang");
    let lang = asked.and_then(|(_, tag)| Lang::of_tag(&tag));
    let response = next.run(request).await;
    match lang {
        Some(lang) => with_language(&visitor, lang, response),
        None => response,
    }
}

fn lasting(visitor: &Visitor, is_look: bool, value: String) -> Cookie<'static> {
    Cookie::build((visit::lasting_cookie(is_look, visitor.is_https), value))
        .path("/")
        .same_site(SameSite::Lax)
        .http_only(true)
        .secure(visitor.is_https)
        .permanent()
        .build()
}

fn with_session(visitor: &Visitor, secret: &str, response: Response) -> Response {
    with_cookie(response, session_cookie(visitor, secret, false))
}

fn session_cookie(visitor: &Visitor, secret: &str, is_over: bool) -> Cookie<'static> {
    let name = visit::session_cookie(visitor.is_https);
    let mut cookie = Cookie::build((name, secret.to_owned()))
        .path("/")
        .same_site(SameSite::Lax)
        .http_only(true)
        .secure(visitor.is_https)
        .build();
    if is_over {
        cookie.make_removal();
    }
    cookie
}

fn with_cookie(mut response: Response, cookie: Cookie<'_>) -> Response {
    if let Ok(value) = HeaderValue::from_str(&cookie.encoded().to_string()) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}

#[cfg(test)]
mod tests;
