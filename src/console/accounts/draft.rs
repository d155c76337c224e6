//! The form of an account: what it reaches as one choice, and what the API takes of it.

use super::Account;
use crate::api::Failure;
use crate::directory::Noun;
use crate::directory::finding::{Hit, OFFERED, found};
use crate::form::Form;
use crate::visit::Signed;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Places of one kind that are offered.
const PLACES_MAX: usize = 1_000;
/// Places that are read at once.
const PAGE: usize = 200;
/// So many names of one kind are asked for one by one.
const FEW: usize = 4;

/// What an account reaches.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reach {
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) id: Option<u64>,
}

impl Reach {
    /// As one choice of a form, such as `community:7`.
    pub(crate) fn value(&self) -> String {
        self.id.map_or_else(|| self.kind.clone(), |id| format!("{}:{id}", self.kind))
    }

    /// As the API takes it; what is no choice is refused there.
    fn of_value(value: &str) -> Value {
        match value.split_once(':') {
            None => json!({"kind": value}),
            Some((kind, id)) => json!({"kind": kind, "id": id.parse::<u32>().ok()}),
        }
    }

    /// What one choice of a form stands for.
    fn chosen(value: &str) -> Self {
        let (kind, id) = value.split_once(':').unwrap_or((value, ""));
        Self { kind: kind.to_owned(), id: id.parse().ok() }
    }

    fn plural(&self) -> Option<&'static str> {
        match self.kind.as_str() {
            "street" => Some("streets"),
            "community" => Some("communities"),
            "grid" => Some("grids"),
            _ => None,
        }
    }
}

/// Names of places, each read once.
#[derive(Default)]
pub(super) struct Names(BTreeMap<Reach, String>);

#[derive(Deserialize)]
struct Named {
    id: u64,
    name: String,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Named>,
    next: Option<u64>,
}

impl Names {
    /// Reads the names of all places of a kind at once where many of them are asked for.
    pub(super) async fn prepare<'a>(
        &mut self,
        signed: &Signed,
        asked: impl Iterator<Item = &'a Reach>,
    ) {
        let mut by_kind: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
        for reach in asked {
            by_kind.entry(reach.kind.as_str()).or_default().extend(reach.id);
        }
        by_kind.retain(|_, ids| FEW < ids.len());
        for kind in by_kind.into_keys() {
            let reach = |id| Reach { kind: kind.to_owned(), id: Some(id) };
            let Some(plural) = reach(0).plural() else { continue };
            // One that is not among them is asked for by itself.
            let found = signed.api().get_all::<Named>(&format!("/{plural}?limit={PAGE}")).await;
            let found = found.unwrap_or_default().into_iter();
            self.0.extend(found.map(|named| (reach(named.id), named.name)));
        }
    }

    /// Where an account reaches, in words; what it is and its id where the place is gone.
    pub(super) async fn of(&mut self, signed: &Signed, reach: &Reach) -> String {
        let l = signed.lang();
        let (Some(plural), Some(id)) = (reach.plural(), reach.id) else {
            return l.t("全部", "Everything").to_owned();
        };
        if let Some(known) = self.0.get(reach) {
            return known.clone();
        }
        let name = name_of(signed, plural, id).await;
        self.0.insert(reach.clone(), name.clone());
        name
    }
}

/// What may be chosen in the form: value and words.
pub(super) struct Choices {
    pub(super) streets: Vec<(String, String)>,
    pub(super) communities: Vec<(String, String)>,
    /// Those of the community that is chosen, or whose grid is.
    pub(super) grids: Vec<(String, String)>,
    /// The name of that community.
    pub(super) grids_of: String,
    /// What is chosen and in none of the lists.
    pub(super) other: Option<(String, String)>,
    /// Workers and responders that were found, and who is chosen.
    pub(super) people: Vec<(String, String)>,
    /// Somebody was looked for, and nobody found.
    pub(super) is_nobody: bool,
}

impl Choices {
    /// Reads the places that the admin reaches, grids only of one community, and the people that words find.
    pub(super) async fn read(signed: &Signed, form: &Form) -> Result<Self, Failure> {
        let chosen = form.get("reach");
        let streets = places(signed, "street", "streets").await?;
        let communities = places(signed, "community", "communities").await?;
        let (grids_of, grids) = grids_near(signed, chosen, &communities).await?;
        let mut known = streets.iter().chain(&communities).chain(&grids);
        let is_known = chosen == "everything" || known.any(|(value, _)| value == chosen);
        let reach = Reach::chosen(chosen);
        let other = if is_known || chosen.is_empty() {
            None
        } else if reach.plural().is_none() || reach.id.is_none() {
            Some((chosen.to_owned(), chosen.to_owned()))
        } else {
            Some((chosen.to_owned(), Names::default().of(signed, &reach).await))
        };
        let words = form.get("person_q");
        let is_person = |hit: &Hit| matches!(&*hit.noun, "workers" | "responders");
        let hits = found(signed, words, OFFERED, is_person).await?;
        let is_nobody = !words.is_empty() && hits.is_empty();
        let person = |hit: Hit| {
            let kind = hit.noun.trim_end_matches('s');
            (format!("{kind}:{}", hit.id), format!("{} · {}", hit.name, hit.community))
        };
        let mut people: Vec<(String, String)> = hits.into_iter().map(person).collect();
        let now = form.get("person");
        if !now.is_empty() && people.iter().all(|(value, _)| value != now) {
            people.push((now.to_owned(), person_of(signed, now).await));
        }
        Ok(Self { streets, communities, grids, grids_of, other, people, is_nobody })
    }
}

/// The community that is chosen, or whose grid is, and its grids.
async fn grids_near(
    signed: &Signed,
    chosen: &str,
    communities: &[(String, String)],
) -> Result<(String, Vec<(String, String)>), Failure> {
    let id = match chosen.split_once(':') {
        Some(("community", id)) => id.parse::<u64>().ok(),
        Some(("grid", id)) => match id.parse::<u64>() {
            // One that is gone has no community any more.
            Ok(id) => {
                let grid = signed.api().get::<Value>(&format!("/grids/{id}")).await;
                grid.ok().and_then(|grid| grid.get("community_id")?.as_u64())
            }
            Err(_) => None,
        },
        Some(_) | None => None,
    };
    let Some(id) = id else { return Ok((String::new(), Vec::new())) };
    let value = format!("community:{id}");
    let Some((_, name)) = communities.iter().find(|(known, _)| *known == value) else {
        return Ok((String::new(), Vec::new()));
    };
    let path = format!("/grids?limit={PAGE}&community_id={id}");
    let rows: Vec<Named> = signed.api().get_all(&path).await?;
    let grids = rows.into_iter().map(|row| (format!("grid:{}", row.id), row.name));
    Ok((name.clone(), grids.collect()))
}

/// The name of a worker or responder, such as `worker:3`; that itself where it is neither.
async fn person_of(signed: &Signed, person: &str) -> String {
    match person.split_once(':').map(|(kind, id)| (kind, id.parse())) {
        Some(("worker", Ok(id))) => name_of(signed, "workers", id).await,
        Some(("responder", Ok(id))) => name_of(signed, "responders", id).await,
        Some(_) | None => person.to_owned(),
    }
}

/// How a row is called; what it is and its id where it is gone.
async fn name_of(signed: &Signed, plural: &str, id: u64) -> String {
    let what = Noun::of(plural).map_or("", |noun| noun.words(signed.lang()));
    let row = signed.api().get::<Named>(&format!("/{plural}/{id}")).await;
    row.map_or_else(|_| format!("{what} {id}"), |row| row.name)
}

/// The places of one kind that somebody reaches, as value and words.
pub(crate) async fn places(
    signed: &Signed,
    kind: &str,
    plural: &str,
) -> Result<Vec<(String, String)>, Failure> {
    let mut found = Vec::new();
    let mut after = Some(0);
    while let Some(from) = after.filter(|_| found.len() < PLACES_MAX) {
        let page: Page = signed.api().get(&format!("/{plural}?after={from}&limit={PAGE}")).await?;
        found.extend(page.items.into_iter().map(|row| (format!("{kind}:{}", row.id), row.name)));
        // A page that leads back would never end.
        after = page.next.filter(|next| from < *next);
    }
    Ok(found)
}

/// The form of an account as it is.
pub(super) fn form_of(account: &Account) -> Form {
    let person = match (account.worker_id, account.responder_id) {
        (Some(id), _) => format!("worker:{id}"),
        (None, Some(id)) => format!("responder:{id}"),
        (None, None) => String::new(),
    };
    Form::of([
        ("name", &account.name),
        ("display_name", &account.display_name),
        ("role", &account.role),
        ("reach", &account.reach.value()),
        ("person", &person),
        ("language", account.language.as_deref().unwrap_or_default()),
        ("is_disabled", if account.is_disabled { "yes" } else { "" }),
    ])
}

/// What the API takes of a form.
pub(super) fn draft_of(form: &Form) -> Value {
    let person = |kind: &str| {
        let id = form.get("person").split_once(':').filter(|(known, _)| *known == kind);
        id.and_then(|(_, id)| id.parse::<u32>().ok())
    };
    let language = form.get("language");
    json!({
        "name": form.get("name"),
        "display_name": form.get("display_name"),
        "role": form.get("role"),
        "reach": Reach::of_value(form.get("reach")),
        "worker_id": person("worker"),
        "responder_id": person("responder"),
        "language": (!language.is_empty()).then_some(language),
        "is_disabled": form.has("is_disabled", "yes"),
    })
}

/// The field of a mistake.
pub(super) fn field_of(pointer: &str) -> Option<String> {
    let field = pointer.trim_start_matches('/').split('/').next()?;
    match field {
        "worker_id" | "responder_id" => Some("person".to_owned()),
        "name" | "display_name" | "role" | "reach" | "language" => Some(field.to_owned()),
        _ => None,
    }
}
