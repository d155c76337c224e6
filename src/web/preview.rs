//! Exactly what a neighbour will hear and read: the plan, the words and the recordings of this moment, through the code
//! that an alarm takes. Nobody is called.

use super::Web;
use super::caller::{Caller, Operator};
use super::extract::{Parameters, PathId, wrong};
use super::problem::{ApiError, Must};
use super::reach::To;
use crate::prompts::{Voice, wav_of};
use crate::store::nouns::{self, Kind, Line};
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use lianfang_domain::directory::Language;
use lianfang_domain::id::{ContactId, LineId, ResponderId, WorkerId};
use lianfang_domain::leg::Message;
use lianfang_domain::plan::{self, Plan, PlanFor, Policy, Role};
use lianfang_domain::words::{self, Clip, Told};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default().routes(routes!(read))
}

/// What is not JSON.
pub(super) fn sounds() -> OpenApiRouter<Web> {
    OpenApiRouter::default().routes(routes!(listen))
}

/// What somebody will hear and read.
#[derive(Serialize, ToSchema)]
struct PreviewView {
    /// The language that they are spoken to in.
    language: &'static str,
    /// The language that it is said in: another one where the sentence was not recorded.
    said_in: &'static str,
    /// The clips, in order.
    clips: Vec<SaidView>,
    /// How long it is heard, in milliseconds.
    spoken_ms: u64,
    /// The text message.
    sms: String,
    /// Who is called and told, in the order of the plan; each person once.
    listeners: Vec<ListenerView>,
}

/// Somebody whom the alarm calls or tells.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
struct ListenerView {
    /// The person of a household; null of the others.
    #[schema(value_type = Option<u32>)]
    contact_id: Option<ContactId>,
    /// The worker.
    #[schema(value_type = Option<u32>)]
    worker_id: Option<WorkerId>,
    /// The responder.
    #[schema(value_type = Option<u32>)]
    responder_id: Option<ResponderId>,
    /// How the person is called.
    name: String,
    /// How the household, worker or responder is called when others are told of it.
    party: String,
    /// `duty_worker`, `neighbour`, `responder`, `loudspeaker` or `own_household`.
    #[schema(value_type = String)]
    role: Role,
    /// The language that they are spoken to in.
    language: &'static str,
    /// They are called; otherwise they are sent SMS only.
    is_called: bool,
}

/// A clip of an announcement.
#[derive(Serialize, ToSchema)]
struct SaidView {
    /// Its stem.
    clip: String,
    /// Its words.
    text: String,
    /// Where it comes from: `community`, `all`, `file`, `shipped`, `name`; `missing` is left out.
    source: &'static str,
}

/// Everybody in a plan, each person once.
fn listeners(plan: &Plan) -> Vec<ListenerView> {
    let mut listeners: Vec<ListenerView> = Vec::new();
    for (party, number) in plan
        .parties
        .iter()
        .flat_map(|party| party.numbers.iter().map(move |number| (party, number)))
    {
        let one = ListenerView {
            contact_id: number.contact,
            worker_id: party.worker,
            responder_id: party.responder,
            name: number.name.to_string(),
            party: party.name.to_string(),
            role: party.role,
            language: number.language.tag(),
            is_called: number.has_voice,
        };
        let is_same = |known: &&mut ListenerView| {
            (known.contact_id, known.worker_id, known.responder_id)
                == (one.contact_id, one.worker_id, one.responder_id)
        };
        match listeners.iter_mut().find(is_same) {
            Some(known) => known.is_called |= one.is_called,
            None => listeners.push(one),
        }
    }
    listeners
}

/// Who is meant to listen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Whom {
    contact: Option<ContactId>,
    worker: Option<WorkerId>,
    responder: Option<ResponderId>,
}

impl Whom {
    fn take(parameters: &mut Parameters) -> Result<Self, ApiError> {
        let mut id = |name: &str| parameters.take_number(name, 1..=u32::MAX);
        Ok(Self {
            contact: id("contact")?.map(ContactId),
            worker: id("worker")?.map(WorkerId),
            responder: id("responder")?.map(ResponderId),
        })
    }

    /// What they are to the alarm, and the language that they are spoken to in; `None` where nobody is meant.
    fn find(self, plan: &Plan) -> Result<Option<(Role, Language)>, ApiError> {
        if self == Self::default() {
            return Ok(None);
        }
        let all = plan
            .parties
            .iter()
            .flat_map(|party| party.numbers.iter().map(move |number| (party, number)));
        let mut meant = all.filter(|(party, number)| {
            let ids = (number.contact, party.worker, party.responder);
            ids == (self.contact, self.worker, self.responder)
        });
        let found = meant.next().map(|(party, number)| (party.role, number.language));
        found.map(Some).ok_or(ApiError::NotFound)
    }
}

/// What is asked for.
struct Asked {
    plan: Plan,
    message: Message,
    voice: Voice,
    language: Language,
}

impl Asked {
    fn clips(&self) -> Vec<Clip> {
        words::spoken(&self.told(), self.language)
    }

    fn told(&self) -> Told<'_> {
        Told::new(&self.plan, self.message)
    }
}

/// What a neighbour will read, and the clips that they will hear.
#[utoipa::path(
    get, path = "/lines/{id}/preview", tag = "lines", operation_id = "preview",
    params(
        ("id" = u32, Path, description = "Id of the line that raises the alarm"),
        ("contact" = Option<u32>, Query, description = "Who is called: their language"),
        ("worker" = Option<u32>, Query, description = "Or the worker who is called"),
        ("responder" = Option<u32>, Query, description = "Or the responder who is called"),
        ("message" = Option<String>, Query, description = "What is said, such as `alarm` or `still_in_danger`; if not given, what they are told first"),
        ("kind" = Option<String>, Query, description = "What is the matter, such as `fire`; unknown if not given"),
        ("drill" = Option<bool>, Query, description = "As a drill says it"),
        ("language" = Option<String>, Query, description = "Another language than that of whoever is called or, without one, of the household"),
    ),
    responses((status = 200, description = "What is heard and read", body = PreviewView)),
)]
async fn read(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId(id): PathId<LineId>,
    parameters: Parameters,
) -> Result<Json<PreviewView>, ApiError> {
    caller.reaches(&web, To::See, (Kind::Line, id)).await?;
    let asked = asked(&web, id, parameters).await?;
    let clips = asked.clips();
    let sources = asked.voice.sources(&clips);
    let spoken = asked.voice.announce(&clips).duration();
    let said = |(clip, source): (&Clip, &crate::prompts::ClipSource)| SaidView {
        clip: clip.file_stem(),
        text: clip.text(asked.language),
        source: source.name(),
    };
    Ok(Json(PreviewView {
        language: asked.language.tag(),
        said_in: asked.voice.language_of(&clips).tag(),
        spoken_ms: u64::try_from(spoken.as_millis()).unwrap_or(u64::MAX),
        sms: words::sms(&asked.told(), asked.language),
        listeners: listeners(&asked.plan),
        clips: clips.iter().zip(&sources).map(said).collect(),
    }))
}

/// The sound that a neighbour will hear: the very G.711 that their telephone is sent, as a WAV file.
#[utoipa::path(
    get, path = "/lines/{id}/preview.wav", tag = "lines", operation_id = "preview_sound",
    params(
        ("id" = u32, Path, description = "Id of the line that raises the alarm"),
        ("contact" = Option<u32>, Query, description = "Who is called: their language"),
        ("worker" = Option<u32>, Query, description = "Or the worker who is called"),
        ("responder" = Option<u32>, Query, description = "Or the responder who is called"),
        ("message" = Option<String>, Query, description = "What is said, such as `alarm` or `still_in_danger`; if not given, what they are told first"),
        ("kind" = Option<String>, Query, description = "What is the matter, such as `fire`; unknown if not given"),
        ("drill" = Option<bool>, Query, description = "As a drill says it"),
        ("language" = Option<String>, Query, description = "Another language than that of whoever is called or, without one, of the household"),
    ),
    responses((status = 200, description = "8 kHz, mono, 16 bit", body = Vec<u8>, content_type = "audio/wav")),
)]
async fn listen(
    caller: Caller<Operator>,
    State(web): State<Web>,
    PathId(id): PathId<LineId>,
    parameters: Parameters,
) -> Result<impl IntoResponse, ApiError> {
    caller.reaches(&web, To::See, (Kind::Line, id)).await?;
    let asked = asked(&web, id, parameters).await?;
    let playlist = asked.voice.announce(&asked.clips());
    let wav = wav_of(&playlist).map_err(|error| ApiError::Internal(error.into()))?;
    Ok(([(header::CONTENT_TYPE, "audio/wav")], wav))
}

async fn asked(web: &Web, id: LineId, mut parameters: Parameters) -> Result<Asked, ApiError> {
    let line = nouns::get::<Line>(web.store.directory(), id).await?;
    let directory = web.directory.current();
    let place = directory.line_of(line.household_id, id).ok_or(ApiError::NotFound)?;
    let kind = parameters
        .take("kind")
        .map(|name| serde_json::from_value(name.into()).map_err(|_| wrong("kind", Must::Kind)));
    let is_drill = match parameters.take("drill").as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(wrong("drill", Must::Flag)),
    };
    let defaults = Policy::default();
    let wanted = PlanFor {
        kind: kind.transpose()?.unwrap_or_default(),
        is_drill,
        ..PlanFor::unknown(&defaults, web.clock.now())
    };
    let plan = plan::build(&directory, place, &wanted).ok_or(ApiError::NotFound)?;
    let whom = Whom::take(&mut parameters)?.find(&plan)?;
    let asked_for = parameters
        .take("language")
        .map(|tag| Language::of_tag(&tag).ok_or_else(|| wrong("language", Must::Language)));
    let message = parameters.take("message").map(|name| {
        serde_json::from_value(name.into()).map_err(|_| wrong("message", Must::Message))
    });
    parameters.finish()?;
    let own = whom.map_or(plan.scene.language, |(_, language)| language);
    let language = asked_for.transpose()?.unwrap_or(own);
    let first = match whom {
        Some((Role::OwnHousehold, _)) => Message::OwnHousehold,
        Some((Role::DutyWorker | Role::Neighbour | Role::Responder | Role::Loudspeaker, _))
        | None => Message::Alarm,
    };
    let message = message.transpose()?.unwrap_or(first);
    let voice = web.recordings.library().voice(Some(place.community), language);
    let asked = Asked { plan, message, voice, language };
    // As when the alarm is raised; what is not there is left out then, too.
    asked.voice.fetch(&asked.clips()).await;
    Ok(asked)
}
