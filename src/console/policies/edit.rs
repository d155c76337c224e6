//! The editor of a policy: saving, trying it with what-if beside it, more steps. What is refused stands beside its field,
//! and what was typed stays.

use super::document::{self, Sent, StepInput, TARGETS, WHEN, WITHIN};
use super::whatif::{self, Asked, Shown};
use super::{Figure, Policy, Report, community_of, kinds, refused, town_of};
use crate::api::{Failure, Problem, Versioned};
use crate::board;
use crate::directory::finding;
use crate::form::{Form, Sent as SentForm};
use crate::frame::{Frame, go, show};
use crate::lang::Lang;
use crate::question::{self, Question};
use crate::visit::Signed;
use crate::wall::Named;
use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Codes of posts that the roster and the built-in policy know.
const CODES: [&str; 4] = ["A", "B", "leader", "grid"];

#[derive(Template)]
#[template(path = "policies/edit.html")]
struct EditPage {
    frame: Frame,
    l: Lang,
    community_id: u64,
    community: String,
    title: String,
    action: String,
    back: String,
    etag: String,
    form: Form,
    is_conflict: bool,
    scopes: Vec<(String, String)>,
    kinds: Vec<(&'static str, &'static str)>,
    when: Vec<(&'static str, &'static str)>,
    targets: Vec<(String, String)>,
    within: Vec<(&'static str, &'static str)>,
    pace: Vec<PaceInput>,
    steps: Vec<StepInput>,
    figure: Option<Figure>,
    asked: Asked,
    shown: Option<Shown>,
}

/// A pause, repeat or budget.
struct PaceInput {
    name: String,
    label: &'static str,
    hint: String,
}

/// What stands beside the form.
#[derive(Default)]
struct Beside {
    report: Option<Report>,
    asked: Asked,
    shown: Option<Shown>,
    /// Empty steps behind those that are there.
    more: usize,
    is_conflict: bool,
}

/// A policy while its editor is open.
struct Subject {
    community: u64,
    /// The stored one and its version; none for a new one.
    stored: Option<(u64, String)>,
}

#[derive(Deserialize)]
struct Listed {
    items: Vec<Value>,
}

/// The community that the query names.
fn community_asked(signed: &Signed) -> Result<u64, Failure> {
    let query = signed.visitor.path.split_once('?').map_or("", |(_, query)| query);
    let community = Form::parse(query.as_bytes()).get("community").parse();
    let problem = Problem { status: 404, ..Problem::default() };
    community.map_err(|_| Failure::Problem(Box::new(problem)))
}

/// What a new policy begins with: the first steps of the built-in one.
fn beginning() -> Value {
    json!({"name": "", "scope": "community", "kinds": [], "steps": [
        {"targets": [{"post": {"code": "A"}}, "helpers", "group"], "wait_s": 0, "when": "always"},
        {"targets": [{"post": {"code": "B"}}], "wait_s": 60, "when": "no_duty_worker"}],
        "helpers_first_s": 0,
        "drill": {"escalates": false, "from_hour": 9, "until_hour": 20, "announced_min": 60}})
}

pub(super) async fn ask_new(signed: Signed) -> Result<Response, Response> {
    signed.must_be_admin().map_err(signed.fails())?;
    let community = community_asked(&signed).map_err(signed.fails())?;
    let subject = Subject { community, stored: None };
    let form = document::form_of(&beginning());
    let beside = Beside { more: 1, ..Beside::default() };
    render(&signed, &subject, (form, StatusCode::OK), beside).await.map_err(signed.fails())
}

pub(super) async fn ask(signed: Signed, Path(id): Path<u64>) -> Result<Response, Response> {
    signed.must_be_admin().map_err(signed.fails())?;
    let (policy, subject) = stored(&signed, id).await.map_err(signed.fails())?;
    let form = document::form_of(&policy.document);
    let beside = Beside { more: 1, ..Beside::default() };
    render(&signed, &subject, (form, StatusCode::OK), beside).await.map_err(signed.fails())
}

async fn stored(signed: &Signed, id: u64) -> Result<(Policy, Subject), Failure> {
    let Versioned { row, etag } =
        signed.api().get_versioned::<Policy>(&format!("/policies/{id}")).await?;
    let subject = Subject { community: row.community_id, stored: Some((id, etag)) };
    Ok((row, subject))
}

pub(super) async fn add(
    signed: Signed,
    SentForm(mut form): SentForm,
) -> Result<Response, Response> {
    signed.must_be_admin().map_err(signed.fails())?;
    let community = community_asked(&signed).map_err(signed.fails())?;
    let subject = Subject { community, stored: None };
    if form.get("do") != "save" {
        return look(&signed, &subject, form).await.map_err(signed.fails());
    }
    let sent = document::document_of(&mut form, signed.lang());
    if !form.is_wrong() {
        let draft = json!({"community_id": subject.community, "document": sent.document});
        let api = signed.api().because(form.get("reason"));
        match api.post::<Policy>("/policies", &draft).await {
            Ok(policy) => return Ok(go(&format!("/policies/{}", policy.id), "added")),
            Err(failure) => take(&mut form, &sent, failure).map_err(signed.fails())?,
        }
    }
    wrong(&signed, &subject, form).await
}

pub(super) async fn save(
    signed: Signed,
    Path(id): Path<u64>,
    SentForm(mut form): SentForm,
) -> Result<Response, Response> {
    signed.must_be_admin().map_err(signed.fails())?;
    let (_, subject) = stored(&signed, id).await.map_err(signed.fails())?;
    if form.get("do") != "save" {
        return look(&signed, &subject, form).await.map_err(signed.fails());
    }
    let sent = document::document_of(&mut form, signed.lang());
    let etag = form.get("etag").to_owned();
    if !form.is_wrong() {
        let draft = json!({"community_id": subject.community, "document": sent.document});
        let api = signed.api().because(form.get("reason"));
        match api.put::<Policy>(&format!("/policies/{id}"), Some(&etag), &draft).await {
            Ok(_) => return Ok(go(&format!("/policies/{id}"), "saved")),
            Err(Failure::Problem(problem)) if matches!(problem.status, 412 | 428) => {
                let beside = Beside { is_conflict: true, ..Beside::default() };
                let page = (form, StatusCode::PRECONDITION_FAILED);
                return render(&signed, &subject, page, beside).await.map_err(signed.fails());
            }
            Err(failure) => take(&mut form, &sent, failure).map_err(signed.fails())?,
        }
    }
    wrong(&signed, &subject, form).await
}

async fn wrong(signed: &Signed, subject: &Subject, form: Form) -> Result<Response, Response> {
    let page = (form, StatusCode::UNPROCESSABLE_ENTITY);
    render(signed, subject, page, Beside::default()).await.map_err(signed.fails())
}

/// Shows the form again without saving it: with more steps, with lines that were found, or tried.
async fn look(signed: &Signed, subject: &Subject, mut form: Form) -> Result<Response, Failure> {
    let l = signed.lang();
    let town = town_of(signed, subject.community).await?;
    let mut beside = Beside { more: usize::from(form.get("do") == "more"), ..Beside::default() };
    beside.asked = Asked::of(signed, &form, (&town, form.get("kinds"))).await?;
    let sent = document::document_of(&mut form, l);
    let is_tried = matches!(form.get("do"), "try" | "find") && !form.is_wrong();
    if is_tried {
        let draft = json!({"community_id": subject.community, "document": sent.document});
        let id = subject.stored.as_ref().map(|(id, _)| *id);
        let replaced = id.map(|id| format!("?policy_id={id}")).unwrap_or_default();
        match signed.api().post::<Report>(&format!("/policies/check{replaced}"), &draft).await {
            Ok(report) => beside.report = Some(report),
            Err(failure) => take(&mut form, &sent, failure)?,
        }
        match whatif::drafted(signed, &beside.asked, (&draft, id)).await {
            Ok(told) => beside.shown = told.map(|told| told.shown(None, &town, l)),
            // Said by the check already.
            Err(Failure::Problem(problem)) if problem.status == 422 => {}
            Err(failure) => return Err(failure),
        }
    }
    let wrong = form.is_wrong() || beside.asked.error.is_some();
    let status = if wrong { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    render(signed, subject, (form, status), beside).await
}

/// Asks whether a policy shall go.
pub(super) async fn ask_remove(signed: Signed, Path(id): Path<u64>) -> Result<Response, Response> {
    let l = signed.lang();
    signed.must_be_admin().map_err(signed.fails())?;
    let path = format!("/policies/{id}");
    let Versioned { row: policy, etag } =
        signed.api().get_versioned::<Policy>(&path).await.map_err(signed.fails())?;
    let community = community_of(&signed, policy.community_id).await.map_err(signed.fails())?;
    let of_community = format!("/policies?community={}", policy.community_id);
    let question = Question {
        crumbs: vec![
            ("/policies".to_owned(), l.t("预案", "Policies").to_owned()),
            (of_community, community),
            (path.clone(), policy.name().to_owned()),
        ],
        heading: format!("{} · {}", l.t("删除预案", "Remove the policy"), policy.name()),
        words: l.t(
            "从下一起警情起不再照它呼叫，改用本社区的其他预案或内置的做法。各版本仍可查看；删错了，在“最近的修改和删除”里恢复。",
            "From the next alarm on nobody is called by it: other policies of the community count, or what is built in. Its \
             versions can still be read, and it can be restored under “Latest changes and removals”.",
        ),
        action: format!("{path}/remove"),
        etag,
        asks_why: true,
        button: l.t("删除", "Remove"),
        back: path,
    };
    Ok(question::page(&signed, question).await)
}

/// Removes a policy that was seen at this version; its versions stay.
pub(super) async fn remove(
    signed: Signed,
    Path(id): Path<u64>,
    SentForm(form): SentForm,
) -> Result<Response, Response> {
    let (policy, _) = stored(&signed, id).await.map_err(signed.fails())?;
    let etag = form.get("etag").to_owned();
    let api = signed.api().because(form.get("reason"));
    match api.delete(&format!("/policies/{id}"), Some(&etag)).await {
        Ok(()) => Ok(go(&format!("/policies?community={}", policy.community_id), "removed")),
        Err(failure) => refused(&signed, id, failure).await,
    }
}

/// What the API found wrong, beside the fields; anything else is no matter of the form.
fn take(form: &mut Form, sent: &Sent, failure: Failure) -> Result<(), Failure> {
    match failure {
        Failure::Problem(problem) if matches!(problem.status, 400 | 409 | 422) => {
            form.take(&problem, |pointer| sent.field_of(pointer));
            Ok(())
        }
        failure @ (Failure::Problem(_) | Failure::Unreadable(_)) => Err(failure),
    }
}

/// Whom a step may call: posts of the community and those that the form names, then the others.
async fn targets(
    signed: &Signed,
    community: u64,
    steps: &[StepInput],
    l: Lang,
) -> Vec<(String, String)> {
    let path = format!("/posts?community_id={community}&limit=200");
    let posts = signed.api().get::<Listed>(&path).await.map(|posts| posts.items);
    let mut codes: BTreeSet<String> = CODES.map(str::to_owned).into();
    let code = |post: &Value| post.get("code").and_then(Value::as_str).map(str::to_owned);
    codes.extend(posts.unwrap_or_default().iter().filter_map(code));
    let named = steps.iter().flat_map(|step| &step.targets);
    codes.extend(named.filter_map(|one| one.target.strip_prefix("post:").map(str::to_owned)));
    let none = (String::new(), l.t("（不选）", "(none)").to_owned());
    let post = |code| (format!("post:{code}"), format!("{} {code}", l.t("岗位", "post")));
    let other = |(value, (chinese, english)): (&str, (&str, &str))| {
        (value.to_owned(), l.t(chinese, english).to_owned())
    };
    [none].into_iter().chain(codes.into_iter().map(post)).chain(TARGETS.map(other)).collect()
}

/// What a policy may hold for: the community, its grids, the groups that words find, and the one that is chosen.
async fn scopes(
    signed: &Signed,
    community: u64,
    form: &mut Form,
) -> Result<Vec<(String, String)>, Failure> {
    let l = signed.lang();
    let path = format!("/grids?community_id={community}&limit=200");
    let grids = signed.api().get::<Listed>(&path).await.map(|grids| grids.items);
    let grid = |row: &Value| {
        let name = row.get("name").and_then(Value::as_str).unwrap_or_default();
        let id = row.get("id").and_then(Value::as_u64)?;
        Some((format!("grid:{id}"), format!("{} {name}", l.t("网格", "grid"))))
    };
    let all = ("community".to_owned(), l.t("整个社区", "the whole community").to_owned());
    let grids: Vec<_> = grids.unwrap_or_default().iter().filter_map(grid).collect();
    let mut scopes: Vec<_> = [all].into_iter().chain(grids).collect();
    let group = |id: u64, words: &str| {
        (format!("group:{id}"), format!("{} {words}", l.t("联防组", "group")))
    };
    let is_wanted =
        |hit: &finding::Hit| hit.noun == "groups" && hit.community_id == Some(community);
    let hits = finding::found(signed, form.get("group_q"), finding::OFFERED, is_wanted).await?;
    scopes.extend(hits.iter().map(|hit| group(hit.id, &hit.words())));
    let chosen = form.get("scope").strip_prefix("group:").and_then(|id| id.parse::<u64>().ok());
    if let Some(id) = chosen.filter(|id| hits.iter().all(|hit| hit.id != *id)) {
        let row = signed.api().get::<Named>(&format!("/groups/{id}")).await;
        scopes.push(group(id, &row.map(|row| row.name).unwrap_or_else(|_| id.to_string())));
    }
    if form.get("do") == "group" {
        match hits.as_slice() {
            [] => form.blame(
                "group_q",
                l.t("本社区没有这样的联防组。", "No group of this community is so."),
            ),
            // The only one that is found is chosen.
            [one] => form.set("scope", format!("group:{}", one.id)),
            _ => {}
        }
    }
    Ok(scopes)
}

fn pace(l: Lang) -> Vec<PaceInput> {
    let input =
        |(name, (chinese, english), min, max): (&str, (&'static str, &'static str), u32, u32)| {
            PaceInput {
                name: format!("pace.{name}"),
                label: l.t(chinese, english),
                hint: format!("{min}–{max}"),
            }
        };
    document::PACE.map(input).into()
}

async fn render(
    signed: &Signed,
    subject: &Subject,
    (mut form, status): (Form, StatusCode),
    beside: Beside,
) -> Result<Response, Failure> {
    let l = signed.lang();
    let Subject { community: community_id, stored } = subject;
    let Beside { report, asked, shown, more, is_conflict } = beside;
    let (title, action, back) = match stored {
        Some((id, _)) => (
            format!("{} {}", l.t("修改预案", "Change the policy"), form.get("name")),
            format!("/policies/{id}/edit"),
            format!("/policies/{id}"),
        ),
        None => (
            l.t("添加预案", "Add a policy").to_owned(),
            format!("/policies/add?community={community_id}"),
            format!("/policies?community={community_id}"),
        ),
    };
    // After an edit of somebody else, saving again counts; until then the version is that of the form.
    let now = stored.as_ref().map(|(_, etag)| etag.clone()).unwrap_or_default();
    let seen = form.get("etag").to_owned();
    let etag = if is_conflict || seen.is_empty() { now } else { seen };
    let words = |words: &[(&'static str, (&'static str, &'static str))]| {
        words.iter().map(|(value, (chinese, english))| (*value, l.t(chinese, english))).collect()
    };
    let steps = document::steps_of(&form, more);
    let scopes = scopes(signed, *community_id, &mut form).await?;
    let page = EditPage {
        frame: Frame::signed(signed, title.clone()).await,
        l,
        community_id: *community_id,
        community: community_of(signed, *community_id).await?,
        title,
        action,
        back,
        etag,
        is_conflict,
        scopes,
        kinds: kinds(l),
        when: words(&WHEN),
        targets: targets(signed, *community_id, &steps, l).await,
        within: words(&WITHIN),
        pace: pace(l),
        steps,
        figure: report.map(|report| report.figure(l)),
        asked,
        shown,
        form,
    };
    Ok(show(status, &page))
}
