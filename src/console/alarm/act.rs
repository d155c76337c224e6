//! What is done to an alarm, by forms: each becomes one request to the API. Only what rings telephones is asked about
//! once more, with how many will ring; cancelling and closing where they do.

use super::detail::{Candidate, Detail, Human};
use super::{Wanted, candidates, segment};
use crate::api::{Failure, Problem};
use crate::board::{self, Row};
use crate::form::{Form, Sent};
use crate::frame::{self, Frame, show};
use crate::lang::Lang;
use crate::visit::{Signed, next_of};
use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Value, json};

/// A request to the API that a form stands for.
struct Request {
    /// The last part of its path.
    path: &'static str,
    body: Value,
    /// What is said when it is done; see `frame::notice`.
    did: &'static str,
    /// The field of the form that a mistake in this part of the body is beside.
    fields: &'static [(&'static str, &'static str)],
}

#[derive(Template)]
#[template(path = "sure.html")]
struct SurePage {
    frame: Frame,
    l: Lang,
    id: String,
    action: String,
    heading: String,
    button: &'static str,
    /// What the form was sent with, to be sent again.
    fields: Vec<(String, String)>,
    /// How many telephones ring at once.
    count: usize,
}

#[derive(Template)]
#[template(path = "alarm_act.html")]
struct ActPage {
    frame: Frame,
    l: Lang,
    id: String,
    row: Row,
    action: String,
    heading: &'static str,
    form: Form,
    /// A note that is sent twice is added once.
    key: String,
    humans: Vec<Human>,
    candidates: Vec<Candidate>,
    words: String,
}

/// What a form is for; `None` where an action has none.
fn heading(action: &str, l: Lang) -> Option<&'static str> {
    Some(match action {
        "notes" => l.t("添加备注", "Add a note"),
        "follow-up" => l.t("登记回访", "Note a call or visit after"),
        "acknowledge" => l.t("谁前往", "Who is coming"),
        "arrive" => l.t("谁到场", "Who is there"),
        "owner" => l.t("交给谁负责", "Hand over to"),
        "kind" => l.t("警情类型", "What is the matter"),
        "parties" => l.t("加叫一人", "Call somebody besides"),
        "close" => l.t("结案", "Close the alarm"),
        _ => return None,
    })
}

/// The page of one form, so that nothing else on it loses what is typed. Whoever reloads the page of something that was
/// refused and has no form is back at the alarm.
pub(super) async fn form(
    signed: Signed,
    Path((id, action)): Path<(String, String)>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Response> {
    let id = segment(&id);
    if heading(&action, signed.lang()).is_none() || !signed.me.may_act() {
        return Ok(Redirect::to(&format!("/alarms/{id}")).into_response());
    }
    alone(&signed, (&id, &action), wanted, (Form::default(), StatusCode::OK)).await
}

/// One form of an alarm and nothing else.
async fn alone(
    signed: &Signed,
    (id, action): (&str, &str),
    wanted: Wanted,
    (form, status): (Form, StatusCode),
) -> Result<Response, Response> {
    let path = format!("/alarms/{id}");
    let mut detail: Detail = signed.api().get(&path).await.map_err(signed.fails())?;
    let (row, l) = (std::mem::take(&mut detail.board), signed.lang());
    let is_call = action == "parties";
    let heading = heading(action, l).unwrap_or_else(|| l.t("没有完成", "It was not done"));
    let mut frame = Frame::signed(signed, heading).await;
    frame.zone = frame.zone_in(row.zone());
    let page = ActPage {
        frame,
        l,
        id: id.to_owned(),
        action: action.to_owned(),
        heading,
        form,
        key: signed.new_key(),
        humans: detail.humans(&row, l),
        candidates: if is_call {
            candidates(signed, &row, id, &wanted.q).await
        } else {
            Vec::new()
        },
        words: wanted.q,
        row,
    };
    Ok(show(status, &page))
}

/// `None` where there is no such action.
fn request(action: &str, form: &Form) -> Option<Request> {
    let party = || json!({"party": form.get("party").parse::<u16>().ok()});
    let made = |path, body, fields| Request { path, body, did: "done", fields };
    Some(match action {
        "acknowledge" => made("acknowledge", party(), &[("/party", "acknowledge-party")]),
        "arrive" => made("arrive", party(), &[("/party", "arrive-party")]),
        "owner" => made("owner", party(), &[("/party", "owner-party")]),
        "kind" => made("kind", json!({"kind": form.get("kind")}), &[("/kind", "kind")]),
        "take" => made("take", Value::Null, &[]),
        "cancel" => made("cancel", Value::Null, &[]),
        "notes" => {
            let request = made("notes", json!({"text": form.get("text")}), &[("/text", "text")]);
            Request { did: "added", ..request }
        }
        "follow-up" => {
            let body = json!({"kind": form.get("follow"), "text": form.get("how")});
            made("follow-up", body, &[("/kind", "follow"), ("/text", "how")])
        }
        "close" => {
            let mut body = json!({"outcome": form.get("outcome")});
            if form.get("outcome") == "genuine" && !form.get("matter").is_empty() {
                body["matter"] = json!(form.get("matter"));
            }
            let request = made("close", body, &[("/outcome", "outcome"), ("/matter", "matter")]);
            Request { did: "closed", ..request }
        }
        "call-again" => Request { did: "called", ..made("call-again", Value::Null, &[]) },
        "parties" => {
            let (kind, rest) = form.get("who").split_once(':').unwrap_or_default();
            let id = rest.split(':').next().and_then(|id| id.parse::<u32>().ok());
            let body = match kind {
                "worker" => json!({"worker_id": id}),
                "responder" => json!({"responder_id": id}),
                _ => json!({"contact_id": id}),
            };
            Request { did: "called", ..made("parties", body, &[("", "who")]) }
        }
        _ => return None,
    })
}

pub(super) async fn act(
    signed: Signed,
    Path((id, action)): Path<(String, String)>,
    Sent(form): Sent,
) -> Result<Response, Response> {
    let (id, l) = (segment(&id), signed.lang());
    let Some(request) = request(&action, &form) else {
        let problem = Problem { status: 404, ..Problem::default() };
        return Err(frame::failed(&signed.visitor, &Failure::Problem(Box::new(problem))));
    };
    if let Some((field, words)) = missing(&action, &form, l) {
        return again(&signed, (&id, &action), form, |form| form.blame(field, words)).await;
    }
    if form.get("sure").is_empty()
        && let Some(page) = ask(&signed, &id, &action, &form).await?
    {
        return Ok(page);
    }
    let path = format!("/alarms/{id}/{}", request.path);
    let api = signed.api().once(form.get("key"));
    match api.post::<Value>(&path, &request.body).await {
        Ok(_) => {
            let back = form.get("back");
            let here = format!("/alarms/{id}");
            let back = if back.is_empty() { here.as_str() } else { next_of(back) };
            Ok(frame::go(back, request.did))
        }
        Err(Failure::Problem(problem)) if matches!(problem.status, 400 | 409 | 422) => {
            let field = |pointer: &str| {
                let known = request.fields.iter().find(|(part, _)| *part == pointer);
                known.map(|(_, field)| (*field).to_owned())
            };
            again(&signed, (&id, &action), form, |form| form.take(&problem, field)).await
        }
        Err(failure) => Err(frame::failed(&signed.visitor, &failure)),
    }
}

/// What has to be filled in, and is not.
fn missing(action: &str, form: &Form, l: Lang) -> Option<(&'static str, &'static str)> {
    let who = l.t("请选择一人。", "Choose somebody.");
    let (field, sent, words) = match action {
        "acknowledge" => ("acknowledge-party", "party", who),
        "arrive" => ("arrive-party", "party", who),
        "owner" => ("owner-party", "party", who),
        "parties" => ("who", "who", who),
        "kind" => ("kind", "kind", l.t("请选择警情类型。", "Choose what is the matter.")),
        "notes" => ("text", "text", l.t("请填写内容。", "Write something.")),
        "close" => ("outcome", "outcome", l.t("请选择结果。", "Choose what it was.")),
        "follow-up" => ("follow", "follow", l.t("请选择方式。", "Choose how.")),
        _ => return None,
    };
    form.get(sent).is_empty().then_some((field, words))
}

/// The form again, with what is wrong.
async fn again(
    signed: &Signed,
    which: (&str, &str),
    mut form: Form,
    blame: impl FnOnce(&mut Form),
) -> Result<Response, Response> {
    blame(&mut form);
    alone(signed, which, Wanted::default(), (form, StatusCode::UNPROCESSABLE_ENTITY)).await
}

/// Asks once more, with how many telephones will ring; `None` where none does, and nobody has to be asked.
async fn ask(
    signed: &Signed,
    id: &str,
    action: &str,
    form: &Form,
) -> Result<Option<Response>, Response> {
    if !matches!(action, "call-again" | "parties" | "cancel" | "close") {
        return Ok(None);
    }
    let path = format!("/alarms/{id}");
    let detail: Detail = signed.api().get(&path).await.map_err(signed.fails())?;
    let l = signed.lang();
    let call = l.t("呼叫", "Call");
    let (count, heading, button) = match action {
        "cancel" => {
            let button = l.t("撤销", "Cancel the alarm");
            (detail.rings_if_cancelled, button.to_owned(), button)
        }
        "close" => {
            let button = l.t("结案", "Close the alarm");
            (detail.rings_if_closed, button.to_owned(), button)
        }
        "parties" => {
            let name = form.get("who").splitn(3, ':').nth(2).unwrap_or_default();
            (1, format!("{}: {name}", l.t("加叫", "Call besides")), call)
        }
        _ => {
            let heading = l.t("再次呼叫", "Call everybody again");
            (detail.board.rings_if_called_again, heading.to_owned(), call)
        }
    };
    if count == 0 && matches!(action, "cancel" | "close") {
        return Ok(None);
    }
    let own = ["csrf", "sure"];
    let fields = form.fields().iter().filter(|(name, _)| !own.contains(&name.as_str()));
    let page = SurePage {
        frame: Frame::signed(signed, heading.clone()).await,
        l,
        id: id.to_owned(),
        action: action.to_owned(),
        heading,
        button,
        fields: fields.cloned().collect(),
        count,
    };
    Ok(Some(show(StatusCode::OK, &page)))
}
