//! Who may have done what an entry says, and what it may be about, to choose from in words: nobody has to know an id.

use super::{Asked, Entry, words};
use crate::accounts::role_words;
use crate::api::Failure;
use crate::board::Row;
use crate::directory::finding::{OFFERED, found};
use crate::directory::noun::place;
use crate::directory::{Noun, title_of};
use crate::frame::Frame;
use crate::visit::Signed;
use crate::wall::{Named, communities};
use serde::Deserialize;
use serde_json::Value;

/// Tables of rows that have a page, with the plural of their paths.
const PAGES: [(&str, &str); 11] = [
    ("account", "accounts"),
    ("community", "communities"),
    ("contact", "contacts"),
    ("grid", "grids"),
    ("household", "households"),
    ("household_group", "groups"),
    ("line", "lines"),
    ("policy", "policies"),
    ("responder", "responders"),
    ("street", "streets"),
    ("worker", "workers"),
];
/// Alarms that are offered; a time or more words find the others.
const ALARMS: u32 = 20;

/// What the forms of the trail offer.
pub(super) struct Choices {
    /// Value and words of everybody who is offered, and whether they are chosen.
    pub(super) actors: Vec<(String, String, bool)>,
    /// There are more of them than are offered.
    pub(super) has_more_actors: bool,
    /// Communities of alarms, and whether they are chosen.
    pub(super) communities: Vec<(Named, bool)>,
    /// Words find rows and alarms.
    pub(super) may_search: bool,
    /// What was looked for.
    pub(super) found: Option<Vec<Found>>,
    /// The row or alarm that is chosen.
    pub(super) chosen: Option<Chosen>,
}

/// A row or an alarm that was looked for.
pub(super) struct Found {
    /// Its entries.
    pub(super) path: String,
    pub(super) words: String,
    /// What or where it is.
    pub(super) detail: String,
}

/// The row or alarm that is chosen.
pub(super) struct Chosen {
    pub(super) words: String,
    /// Its page, if it has one.
    pub(super) path: Option<String>,
    /// The same without it.
    pub(super) without: String,
}

#[derive(Deserialize)]
struct Actors {
    items: Vec<Actor>,
    is_cut: bool,
}

#[derive(Deserialize)]
struct Actor {
    who: String,
    name: String,
    role: Option<String>,
}

#[derive(Deserialize)]
struct Cards {
    items: Vec<Row>,
}

impl Choices {
    /// Reads what there is to choose from, and what was looked for.
    pub(super) async fn read(
        signed: &Signed,
        (frame, asked): (&Frame, &Asked),
        entries: &[Entry],
    ) -> Result<Self, Failure> {
        let is_of_alarms = asked.chain == "alarms";
        let (actors, has_more_actors) = actors(signed, asked, entries).await?;
        let chosen = asked.form.get("community");
        let near = if is_of_alarms { communities(signed).await } else { Vec::new() };
        let communities = near.into_iter().map(|one| {
            let is_chosen = one.id.to_string() == chosen;
            (one, is_chosen)
        });
        let found = if is_of_alarms {
            alarms(signed, frame, asked).await?
        } else {
            rows(signed, asked).await?
        };
        Ok(Self {
            actors,
            has_more_actors,
            communities: communities.collect(),
            may_search: signed.me.may_act(),
            found,
            chosen: chosen_of(signed, asked).await,
        })
    }
}

/// Those who may have acted, or whom words find among them, and who is chosen.
async fn actors(
    signed: &Signed,
    asked: &Asked,
    entries: &[Entry],
) -> Result<(Vec<(String, String, bool)>, bool), Failure> {
    let (l, who) = (signed.lang(), asked.form.get("who"));
    let by: String = form_urlencoded::byte_serialize(asked.form.get("by").as_bytes()).collect();
    let Actors { items, is_cut } = signed.api().get(&format!("/audit/actors?q={by}")).await?;
    let option = |actor: Actor| {
        let role = actor.role.map(|role| format!(" · {}", role_words(&role, l)));
        let what = role.unwrap_or_else(|| l.t("（程序）", " (program)").to_owned());
        let is_chosen = actor.who == who;
        (actor.who, format!("{}{what}", actor.name), is_chosen)
    };
    let mut offered: Vec<_> = items.into_iter().map(option).collect();
    if !who.is_empty() && offered.iter().all(|(_, _, is_chosen)| !is_chosen) {
        let entry = entries.iter().find(|entry| entry.actor == who);
        let words = entry.map_or_else(|| who.to_owned(), |entry| entry.who(&l));
        offered.push((who.to_owned(), words, true));
    }
    Ok((offered, is_cut || !by.is_empty()))
}

/// The rows that words find; `None` where none are looked for.
async fn rows(signed: &Signed, asked: &Asked) -> Result<Option<Vec<Found>>, Failure> {
    let (l, q) = (signed.lang(), asked.form.get("words"));
    if q.is_empty() || !signed.me.may_act() {
        return Ok(None);
    }
    let table = |plural: &str| PAGES.iter().find(|(_, known)| *known == plural).map(|one| one.0);
    let hits = found(signed, q, OFFERED, |hit| table(&hit.noun).is_some()).await?;
    let told = hits.into_iter().filter_map(|hit| {
        let table = table(&hit.noun)?;
        let detail = format!("{} {}", words::noun(table, l), hit.community).trim().to_owned();
        let path = asked.about(&[("noun", table), ("id", &hit.id.to_string())]);
        Some(Found { path, words: hit.words(), detail })
    });
    Ok(Some(told.take(OFFERED).collect()))
}

/// The alarms of a community, or that words find, in the span that is asked for; `None` where none are looked for.
async fn alarms(
    signed: &Signed,
    frame: &Frame,
    asked: &Asked,
) -> Result<Option<Vec<Found>>, Failure> {
    let l = signed.lang();
    let community = asked.form.get("community").parse::<u32>().ok();
    let q = Some(asked.form.get("words")).filter(|q| !q.is_empty() && signed.me.may_act());
    if community.is_none() && q.is_none() {
        return Ok(None);
    }
    let community = community.map(|id| ("community_id", id.to_string()));
    let pairs = [("limit", ALARMS.to_string())].into_iter().chain(community);
    let pairs = pairs.chain(asked.span.pairs()).chain(q.map(|q| ("q", q.to_owned())));
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let cards: Cards = signed.api().get(&format!("/alarms/cards?{query}")).await?;
    let told = cards.items.into_iter().map(|row| {
        let at = frame.moment_in(row.zone(), &row.raised_at);
        let place = row.place.as_ref().map(|place| place.community.clone());
        Found {
            path: asked.about(&[("id", &row.id)]),
            words: format!("{at} {} {}", row.where_words(&l), row.household(&l)).trim().to_owned(),
            detail: format!("{} {}", place.unwrap_or_default(), row.kind_words(&l)).trim().into(),
        }
    });
    Ok(Some(told.collect()))
}

/// What is chosen, as people call it; its number where it is gone or the reader may not see it.
async fn chosen_of(signed: &Signed, asked: &Asked) -> Option<Chosen> {
    let (l, table, id) = (signed.lang(), asked.form.get("noun"), asked.form.get("id"));
    if id.is_empty() {
        return None;
    }
    let without = asked.about(&[]);
    let is_alarm = matches!(table, "" | "alarm" | "alarm_event" | "alarm_plan");
    if is_alarm {
        let is_id = id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let path = is_id.then(|| format!("/alarms/{id}"));
        let words = format!("{} {id}", words::noun("alarm", l));
        return Some(Chosen { words, path, without });
    }
    let plural = PAGES.iter().find(|(known, _)| *known == table).map(|(_, plural)| *plural);
    let name = match plural.zip(id.parse::<u64>().ok()) {
        Some((plural, id)) => name_of(signed, plural, id).await,
        None => None,
    };
    let what = words::noun(table, l);
    let path = name.as_ref().and(plural).and_then(|plural| page_of(signed, plural, id));
    let words = format!("{what} {}", name.as_deref().unwrap_or(id)).trim().to_owned();
    Some(Chosen { words, path, without })
}

/// How a row is called, if the reader may see it.
async fn name_of(signed: &Signed, plural: &str, id: u64) -> Option<String> {
    let row: Value = signed.api().get(&format!("/{plural}/{id}")).await.ok()?;
    let name = match Noun::of(plural) {
        Some(noun) => format!("{} {}", title_of(noun, &row), place(&row, signed.lang())),
        None => {
            let name = row.get("display_name").or_else(|| row.get("name"))?;
            name.as_str()?.to_owned()
        }
    };
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// The page of a row, for whoever may open it.
fn page_of(signed: &Signed, plural: &str, id: &str) -> Option<String> {
    match plural {
        "policies" => Some(format!("/policies/{id}")),
        _ if !signed.me.is_admin() => None,
        "accounts" => Some(format!("/accounts/{id}")),
        _ => Some(format!("/directory/{plural}/{id}")),
    }
}

/// The entries about a row of the directory or a policy; none where the trail calls it by no table.
pub(crate) fn entries_about(plural: &str, id: &str) -> Option<String> {
    let (table, _) = PAGES.iter().find(|(_, known)| *known == plural)?;
    Some(super::found("directory", &[("noun", table), ("id", id)]))
}
