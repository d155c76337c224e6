//! The form of an account: what it reaches as one choice, and what the API takes of it.

use super::Account;
use crate::api::Failure;
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

    /// Where an account reaches, in words; its id where the place is gone.
    pub(super) async fn of(&mut self, signed: &Signed, reach: &Reach) -> String {
        let l = signed.lang();
        let (Some(plural), Some(id)) = (reach.plural(), reach.id) else {
            return l.t("全部", "Everything").to_owned();
        };
        if let Some(known) = self.0.get(reach) {
            return known.clone();
        }
        let named: Result<Named, Failure> = signed.api().get(&format!("/{plural}/{id}")).await;
        let name = named.map_or_else(|_| reach.value(), |named| named.name);
        self.0.insert(reach.clone(), name.clone());
        name
    }
}

/// What may be chosen in the form.
pub(super) struct Choices {
    /// Value and words; places by kind.
    pub(super) streets: Vec<(String, String)>,
    pub(super) communities: Vec<(String, String)>,
    pub(super) grids: Vec<(String, String)>,
    /// What is chosen and in none of the lists.
    pub(super) other: Option<String>,
}

impl Choices {
    /// Reads the places that the admin reaches.
    pub(super) async fn read(signed: &Signed, chosen: &str) -> Result<Self, Failure> {
        let streets = places(signed, "street", "streets").await?;
        let communities = places(signed, "community", "communities").await?;
        let grids = places(signed, "grid", "grids").await?;
        let mut known = streets.iter().chain(&communities).chain(&grids);
        let is_known = chosen == "everything" || known.any(|(value, _)| value == chosen);
        let other = (!is_known && !chosen.is_empty()).then(|| chosen.to_owned());
        Ok(Self { streets, communities, grids, other })
    }
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
    let number = |id: Option<u64>| id.map(|id| id.to_string()).unwrap_or_default();
    let (worker, responder) = (number(account.worker_id), number(account.responder_id));
    Form::of([
        ("name", &account.name),
        ("display_name", &account.display_name),
        ("role", &account.role),
        ("reach", &account.reach.value()),
        ("worker_id", &worker),
        ("responder_id", &responder),
        ("language", account.language.as_deref().unwrap_or_default()),
        ("is_disabled", if account.is_disabled { "yes" } else { "" }),
    ])
}

/// What the API takes of a form.
pub(super) fn draft_of(form: &Form) -> Value {
    // What is no number stays a text, so that the API says that it is none.
    let number = |name: &str| match form.get(name) {
        "" => Value::Null,
        text => text.parse::<u32>().map_or_else(|_| json!(text), |id| json!(id)),
    };
    let language = form.get("language");
    json!({
        "name": form.get("name"),
        "display_name": form.get("display_name"),
        "role": form.get("role"),
        "reach": Reach::of_value(form.get("reach")),
        "worker_id": number("worker_id"),
        "responder_id": number("responder_id"),
        "language": (!language.is_empty()).then_some(language),
        "is_disabled": form.has("is_disabled", "yes"),
    })
}

/// The field of a mistake.
pub(super) fn field_of(pointer: &str) -> Option<String> {
    let field = pointer.trim_start_matches('/').split('/').next()?;
    let known = ["name", "display_name", "role", "reach", "worker_id", "responder_id", "language"];
    known.contains(&field).then(|| field.to_owned())
}
