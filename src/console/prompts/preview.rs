//! Listening first: exactly what a neighbour will hear and read when a line raises an alarm. Nobody is called.

use super::clip::wav;
use super::{language_of, language_words, source};
use crate::Shared;
use crate::api::Failure;
use crate::directory::finding::{Hit, OFFERED, found};
use crate::directory::{Crumb, LANGUAGES};
use crate::form::Form;
use crate::frame::{Frame, failed, show};
use crate::lang::Lang;
use crate::visit::Signed;
use askama::Template;
use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/prompts/preview", get(preview)).route("/prompts/preview.wav", get(listen))
}

/// A choice: its value in the API, and its words.
type Choice = (&'static str, (&'static str, &'static str));

/// What is the matter.
const KINDS: [Choice; 6] = [
    ("unknown", ("没有说明", "nobody has said")),
    ("fire", ("火情", "fire")),
    ("intruder", ("有人闯入", "an intruder")),
    ("illness", ("急病或受伤", "illness or injury")),
    ("flood", ("漏水", "flood")),
    ("other", ("其他", "something else")),
];
/// Whom one can choose to listen, by their names in the API.
const WHOM: [&str; 3] = ["contact", "worker", "responder"];
/// What people are called to be told.
const MESSAGES: [Choice; 12] = [
    ("alarm", ("报警", "the alarm")),
    ("weak_alarm", ("报警，线路未证实", "the alarm, from a line that is not proven")),
    ("own_household", ("家人报警", "somebody of your household needs help")),
    ("still_in_danger", ("仍有危险", "still in danger")),
    ("kind_named", ("说明了警情", "what is the matter was said")),
    ("go_together", ("一起进去", "go in together")),
    ("are_you_there", ("是否到场", "are you there")),
    ("stand_down", ("不必再去", "you need not go")),
    ("cancelled", ("已撤销", "cancelled")),
    ("said_mistake", ("有人说是误报", "somebody says it is a mistake")),
    ("duress", ("受胁迫撤销", "withdrawn under duress")),
    ("close_reminder", ("请结案", "please close the case")),
];

#[derive(Template)]
#[template(path = "prompts/preview.html")]
struct PreviewPage {
    frame: Frame,
    l: Lang,
    crumbs: Vec<Crumb>,
    form: Form,
    /// Lines to choose from.
    found: Vec<Found>,
    is_searched: bool,
    /// The line that was chosen.
    line: Option<Line>,
    /// Who may be chosen to listen: value and words.
    listeners: Vec<(String, String)>,
    heard: Option<Heard>,
    /// Where the sound is.
    sound: String,
}

impl PreviewPage {
    fn choices(&self, name: &str) -> Vec<(&'static str, &'static str)> {
        let l = self.l;
        let words = |&(value, (chinese, english)): &Choice| (value, l.t(chinese, english));
        match name {
            "kind" => KINDS.iter().map(words).collect(),
            "message" => {
                let first = ("", l.t("最先听到的", "What they are told first"));
                std::iter::once(first).chain(MESSAGES.iter().map(words)).collect()
            }
            _ => {
                let own = ("", l.t("其本人的语言", "Their own"));
                std::iter::once(own).chain(LANGUAGES.iter().map(words)).collect()
            }
        }
    }
}

#[derive(Deserialize)]
struct Line {
    id: u64,
    account: String,
    household_id: u64,
}

/// A line that may be meant: its page, and what it is called.
struct Found {
    path: String,
    name: String,
    place: String,
}

#[derive(Deserialize)]
struct Lines {
    items: Vec<Line>,
}

/// What is heard and read.
#[derive(Deserialize)]
struct Heard {
    language: String,
    said_in: String,
    clips: Vec<Said>,
    spoken_ms: u64,
    sms: String,
    #[serde(default)]
    listeners: Vec<Listener>,
}

/// Somebody whom the alarm calls or tells.
#[derive(Deserialize)]
struct Listener {
    contact_id: Option<u32>,
    worker_id: Option<u32>,
    responder_id: Option<u32>,
    name: String,
    party: String,
    role: String,
    language: String,
    is_called: bool,
}

impl Listener {
    /// As one choice of the form, such as `contact:12`.
    fn value(&self) -> Option<String> {
        let kinds = WHOM.into_iter().zip([self.contact_id, self.worker_id, self.responder_id]);
        let mut known = kinds.filter_map(|(kind, id)| Some(format!("{kind}:{}", id?)));
        known.next()
    }

    fn words(&self, l: Lang) -> String {
        let role = match self.role.as_str() {
            "duty_worker" => l.t("值班人员", "duty worker"),
            "neighbour" => l.t("邻居", "neighbour"),
            "responder" => l.t("响应人", "responder"),
            "loudspeaker" => l.t("广播", "loudspeaker"),
            _ => l.t("报警户自家", "their own household"),
        };
        let name = if self.party.contains(&self.name) {
            self.party.clone()
        } else {
            format!("{} {}", self.party, self.name)
        };
        let only =
            if self.is_called { "" } else { l.t(" · 只收短信", " · text message only") };
        format!("{name} · {role} · {}{only}", language_words(&self.language, l))
    }
}

#[derive(Deserialize)]
struct Said {
    clip: String,
    text: String,
    source: String,
}

impl Said {
    fn source(&self, l: &Lang) -> (&'static str, &str) {
        source(&self.source, l)
    }
}

impl Heard {
    fn language(&self, l: &Lang) -> String {
        language_words(&self.language, *l)
    }

    fn said_in(&self, l: &Lang) -> String {
        language_words(&self.said_in, *l)
    }

    fn seconds(&self) -> String {
        format!("{}.{}", self.spoken_ms / 1000, self.spoken_ms % 1000 / 100)
    }
}

fn asked(signed: &Signed) -> Form {
    let query = signed.visitor.path.split_once('?').map_or("", |(_, query)| query);
    Form::parse(query.as_bytes())
}

/// The query of the API that a form, or the address of a sound, stands for; only words that it knows.
fn query_of(form: &Form) -> Result<String, Failure> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let known = |choices: &[Choice], name: &str| {
        choices.iter().map(|(value, _)| *value).find(|value| *value == form.get(name))
    };
    for (name, choices) in [("kind", &KINDS[..]), ("message", &MESSAGES[..])] {
        if let Some(value) = known(choices, name) {
            query.append_pair(name, value);
        }
    }
    let chosen = form.get("whom").split_once(':').filter(|(kind, _)| WHOM.contains(kind));
    // The address of the sound names them as the API does.
    let named =
        || WHOM.into_iter().map(|kind| (kind, form.get(kind))).find(|(_, id)| !id.is_empty());
    if let Some((kind, id)) = chosen.or_else(named)
        && let Ok(id) = id.parse::<u32>()
    {
        query.append_pair(kind, &id.to_string());
    }
    if form.has("drill", "yes") || form.has("drill", "true") {
        query.append_pair("drill", "true");
    }
    if !form.get("language").is_empty() {
        query.append_pair("language", language_of(form.get("language"))?);
    }
    Ok(query.finish())
}

async fn preview(signed: Signed) -> Result<Response, Response> {
    page(&signed).await.map_err(signed.fails())
}

async fn page(signed: &Signed) -> Result<Response, Failure> {
    let (l, mut form) = (signed.lang(), asked(signed));
    let line = form.get("line").parse::<u64>().ok();
    let (mut chosen, mut heard, mut sound) = (None, None, String::new());
    if let Some(id) = line {
        let mut query = query_of(&form)?;
        heard = Some(hear(signed, id, &mut form, &mut query).await?);
        chosen = Some(signed.api().get::<Line>(&format!("/lines/{id}")).await?);
        sound = format!("/prompts/preview.wav?line={id}&{query}");
    }
    let (found, is_searched) = match line {
        Some(_) => (Vec::new(), false),
        None => find(signed, &form).await?,
    };
    let told = heard.iter().flat_map(|heard| &heard.listeners);
    let listeners = told.filter_map(|one| Some((one.value()?, one.words(l)))).collect();
    let page = PreviewPage {
        frame: Frame::signed(signed, l.t("试听", "Listen first")).await,
        l,
        crumbs: vec![("/prompts".to_owned(), l.t("语音", "Prompts").to_owned())],
        form,
        found,
        is_searched,
        line: chosen,
        listeners,
        heard,
        sound,
    };
    Ok(show(StatusCode::OK, &page))
}

/// What is heard. Somebody who is not called any more, by a link of yesterday, is left out.
async fn hear(
    signed: &Signed,
    line: u64,
    form: &mut Form,
    query: &mut String,
) -> Result<Heard, Failure> {
    let heard = signed.api().get::<Heard>(&format!("/lines/{line}/preview?{query}")).await;
    match heard {
        Err(Failure::Problem(problem)) if problem.status == 404 && !form.get("whom").is_empty() => {
            form.set("whom", "");
            *query = query_of(form)?;
            signed.api().get(&format!("/lines/{line}/preview?{query}")).await
        }
        heard => heard,
    }
}

/// The lines of a household, or those that words find.
async fn find(signed: &Signed, form: &Form) -> Result<(Vec<Found>, bool), Failure> {
    let of_line = |id: u64, name: String, place: String| Found {
        path: format!("/prompts/preview?line={id}"),
        name,
        place,
    };
    if let Ok(household) = form.get("household").parse::<u64>() {
        let path = format!("/lines?household_id={household}&limit=50");
        let lines: Lines = signed.api().get(&path).await?;
        let found = lines.items.into_iter();
        let found = found.map(|line| of_line(line.id, line.account, String::new()));
        return Ok((found.collect(), true));
    }
    if form.get("q").is_empty() {
        return Ok((Vec::new(), false));
    }
    let is_wanted = |hit: &Hit| matches!(&*hit.noun, "lines" | "households" | "contacts");
    let hits = found(signed, form.get("q"), OFFERED, is_wanted).await?;
    let found = hits.into_iter().filter_map(|hit| match hit.noun.as_str() {
        "lines" => Some(of_line(hit.id, hit.name, hit.place)),
        "households" | "contacts" => {
            let household = if hit.noun == "households" { Some(hit.id) } else { hit.household_id };
            let path = format!("/prompts/preview?household={}", household?);
            Some(Found { path, name: hit.name, place: hit.place })
        }
        _ => None,
    });
    Ok((found.collect(), true))
}

/// The sound itself.
async fn listen(signed: Signed) -> Result<Response, Response> {
    let form = asked(&signed);
    let query = query_of(&form).map_err(signed.fails())?;
    let Ok(id) = form.get("line").parse::<u64>() else {
        return Err(failed(&signed.visitor, &super::nothing()));
    };
    Ok(wav(&signed, &format!("/lines/{id}/preview.wav?{query}")).await)
}
