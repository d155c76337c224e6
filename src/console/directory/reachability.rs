//! Whether numbers reach their people: whose is doubtful, whom to ask in person and by when, and the note that somebody
//! asked.
//!
//! How sure a number is, the API judges; here it is only told in words. Numbers stay masked.

use super::number::{numbers_of, text_of};
use super::{Noun, Shape, node_page, noun_of};
use crate::Shared;
use crate::api::{Failure, Problem, Versioned};
use crate::form::{Form, Sent};
use crate::frame::{Frame, failed, go, show};
use crate::lang::Lang;
use crate::visit::Signed;
use crate::wall::Named;
use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

/// The nouns whose rows are people with numbers.
const PEOPLE: [&str; 3] = ["contacts", "workers", "responders"];
/// The states that may be asked for.
const STATES: [&str; 4] = ["confirmed", "never_confirmed", "doubtful", "unreachable"];

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/directory/reachability", get(list))
        .route("/directory/{plural}/{id}/visits", post(visited))
}

/// A number and what is known of it, as the API tells it.
#[derive(Deserialize)]
pub(super) struct Number {
    community_id: u64,
    contact_id: Option<u64>,
    worker_id: Option<u64>,
    responder_id: Option<u64>,
    name: String,
    pub(super) number: String,
    pub(super) state: String,
    pub(super) why: String,
    pub(super) last: Option<Seen>,
    pub(super) due_at: Timestamp,
    pub(super) is_due: bool,
    /// The name of the community and its time zone.
    #[serde(skip)]
    community: String,
    #[serde(skip)]
    pub(super) zone: String,
}

/// Something that was seen of a number.
#[derive(Deserialize)]
pub(super) struct Seen {
    what: String,
    pub(super) at: Timestamp,
    pub(super) alarm_id: Option<String>,
}

/// A community, to choose from and to tell times in.
#[derive(Deserialize)]
struct Community {
    id: u64,
    name: String,
    #[serde(default)]
    time_zone: String,
}

#[derive(Deserialize)]
struct Numbers {
    items: Vec<Number>,
    #[serde(default)]
    next: Option<String>,
}

/// A state in words.
fn state_words(state: &str, l: Lang) -> &str {
    match state {
        "confirmed" => l.t("已确认", "confirmed"),
        "never_confirmed" => l.t("从未确认", "never confirmed"),
        "doubtful" => l.t("存疑", "doubtful"),
        "unreachable" => l.t("无法联系", "unreachable"),
        other => other,
    }
}

impl Number {
    /// The page of the person.
    fn path(&self) -> String {
        let id = [("contacts", self.contact_id), ("workers", self.worker_id)];
        let known = id.into_iter().find_map(|(plural, id)| Some((plural, id?)));
        let (plural, id) = known.unwrap_or(("responders", self.responder_id.unwrap_or_default()));
        format!("/directory/{plural}/{id}#reachability")
    }

    pub(super) fn words(&self, l: &Lang) -> &str {
        state_words(&self.state, *l)
    }

    pub(super) fn colour(&self) -> &'static str {
        match self.state.as_str() {
            "confirmed" => "green",
            "never_confirmed" => "grey",
            _ => "amber",
        }
    }
}

impl Seen {
    /// What was seen. A receipt of a carrier is no word of a person, and is not told as one.
    pub(super) fn words<'a>(&'a self, l: &Lang) -> &'a str {
        match self.what.as_str() {
            "key" => l.t("按键应答", "pressed a key"),
            "reply" => l.t("回复短信", "replied to an SMS"),
            "call_back" => l.t("回拨", "called back"),
            "page" => l.t("网页应答", "answered on the page"),
            "visit" => l.t("当面核对", "asked in person"),
            "loudspeaker" => l.t("喇叭接通", "the loudspeaker took the call"),
            "delivered" => l.t("短信有回执", "SMS confirmed by the carrier"),
            "picked_up" => l.t("已接听，未按键", "answered, no key"),
            "no_answer" => l.t("未接", "no answer"),
            "busy" => l.t("忙", "busy"),
            "rejected" => l.t("拒接", "rejected"),
            "undelivered" => l.t("短信没有送到", "SMS did not arrive"),
            "sms_refused" => l.t("短信被拒收", "SMS refused"),
            "no_such_number" => l.t("空号", "no such number"),
            other => other,
        }
    }
}

/// What is asked for, as far as it makes sense.
struct Asked {
    community: Option<u64>,
    group: Option<u64>,
    state: &'static str,
    due: &'static str,
    after: String,
}

impl Asked {
    fn of(query: &str) -> Self {
        let form = Form::parse(query.as_bytes());
        let known = |choices: &[&'static str], name: &str| {
            choices.iter().copied().find(|one| *one == form.get(name)).unwrap_or_default()
        };
        let after = form.get("after");
        let is_place = after.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        Self {
            community: form.get("community").parse().ok(),
            group: form.get("group").parse().ok(),
            state: known(&STATES, "state"),
            due: known(&["true", "false"], "due"),
            after: if is_place { after.to_owned() } else { String::new() },
        }
    }

    /// The parameters of the API or, by other names of community and group, of this page.
    fn query(&self, [community, group]: [&str; 2], after: &str) -> String {
        let written = |id: Option<u64>| id.map(|id| id.to_string()).unwrap_or_default();
        let (in_community, in_group) = (written(self.community), written(self.group));
        let places = [(community, &*in_community), (group, &*in_group)];
        let others = [("state", self.state), ("due", self.due), ("after", after)];
        let pairs = places.into_iter().chain(others).filter(|(_, value)| !value.is_empty());
        form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    }
}

#[derive(Template)]
#[template(path = "directory/reachability.html")]
struct ListPage {
    frame: Frame,
    l: Lang,
    communities: Vec<Community>,
    asked: Asked,
    /// The group that is asked for.
    group: Option<Named>,
    numbers: Vec<Number>,
    more: Option<String>,
}

impl ListPage {
    fn states(&self) -> [(&'static str, &str); 4] {
        STATES.map(|state| (state, state_words(state, self.l)))
    }

    fn is_chosen(&self, id: &u64) -> bool {
        self.asked.community == Some(*id)
    }
}

async fn list(signed: Signed) -> Result<Response, Response> {
    let l = signed.lang();
    let asked = Asked::of(signed.visitor.path.split_once('?').map_or("", |(_, query)| query));
    let path = format!("/reachability?{}", asked.query(["community_id", "group_id"], &asked.after));
    let Numbers { items: mut numbers, next } =
        signed.api().get(&path).await.map_err(signed.fails())?;
    let communities: Vec<Community> =
        signed.api().get_all("/communities?limit=200").await.map_err(signed.fails())?;
    for number in &mut numbers {
        let of = communities.iter().find(|community| community.id == number.community_id);
        number.community = of.map(|community| community.name.clone()).unwrap_or_default();
        number.zone = of.map(|community| community.time_zone.clone()).unwrap_or_default();
    }
    let more = next.map(|next| {
        format!("/directory/reachability?{}", asked.query(["community", "group"], &next))
    });
    let group = match asked.group {
        Some(id) => Some(signed.api().get(&format!("/groups/{id}")).await.map_err(signed.fails())?),
        None => None,
    };
    let frame = Frame::signed(&signed, l.t("核对号码", "Numbers to ask about")).await;
    let page = ListPage { frame, l, communities, asked, group, numbers, more };
    Ok(show(StatusCode::OK, &page))
}

/// How sure the numbers of a person are, in the order of calling; none for what is no person, or where the directory that
/// is in force does not have them yet.
pub(super) async fn of(signed: &Signed, noun: &Noun, id: u64) -> Result<Vec<Number>, Failure> {
    if !PEOPLE.contains(&noun.plural) {
        return Ok(Vec::new());
    }
    let found = signed.api().get(&format!("/{}/{id}/reachability", noun.plural)).await;
    let Numbers { items: mut numbers, .. } = match found {
        Ok(found) => found,
        Err(Failure::Problem(problem)) if problem.status == 404 => return Ok(Vec::new()),
        Err(failure) => return Err(failure),
    };
    if let Some(community) = numbers.first().map(|number| number.community_id) {
        let community: Community = signed.api().get(&format!("/communities/{community}")).await?;
        numbers.iter_mut().for_each(|number| number.zone.clone_from(&community.time_zone));
    }
    Ok(numbers)
}

/// Notes that somebody asked in person, and that these numbers are right: the ones they saw, and no others that somebody
/// wrote in their place meanwhile.
async fn visited(
    signed: Signed,
    Path((plural, id)): Path<(String, u64)>,
    Sent(mut form): Sent,
) -> Result<Response, Response> {
    let l = signed.lang();
    let noun = noun_of(&plural).map_err(signed.fails())?;
    if !PEOPLE.contains(&noun.plural) {
        let problem = Problem { status: 404, ..Problem::default() };
        return Err(failed(&signed.visitor, &Failure::Problem(Box::new(problem))));
    }
    let path = format!("/{plural}/{id}");
    let row: Versioned<Value> = signed.api().get_versioned(&path).await.map_err(signed.fails())?;
    let again = async |form: Form, status| {
        let shape = Shape { in_full: false, form, status };
        node_page(&signed, noun, &row, shape).await.map_err(signed.fails())
    };
    if form.get("etag") != row.etag {
        let words = l.t(
            "刚有人改过，请核对现在的号码后再登记。",
            "Somebody has just changed this. Please compare the numbers as they are now.",
        );
        form.blame("number", words);
        form.set_all("number", []);
        return again(form, StatusCode::PRECONDITION_FAILED).await;
    }
    let known = numbers_of(&row.row);
    let places = form.all("number").filter_map(|at| known.get(at.parse::<usize>().ok()?));
    let right: Vec<&str> = places.map(|number| text_of(number, "key")).collect();
    if right.is_empty() {
        form.blame("number", l.t("请勾选核对过的号码。", "Tick the numbers that are right."));
        return again(form, StatusCode::UNPROCESSABLE_ENTITY).await;
    }
    let body = json!({ "numbers": right });
    match signed.api().post::<Value>(&format!("{path}/visits"), &body).await {
        Ok(_) => Ok(go(&format!("{}#reachability", noun.path(id)), "noted")),
        Err(Failure::Problem(problem)) if matches!(problem.status, 400 | 409 | 422) => {
            let field =
                |pointer: &str| pointer.starts_with("/numbers").then(|| "number".to_owned());
            form.take(&problem, field);
            again(form, StatusCode::UNPROCESSABLE_ENTITY).await
        }
        Err(failure) => Err(failed(&signed.visitor, &failure)),
    }
}

#[cfg(test)]
mod tests;
