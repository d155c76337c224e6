//! Rows to choose from in a form, found by words: nobody has to know an id.

use super::noun::{Field, Kind, place};
use crate::api::Failure;
use crate::visit::Signed;
use serde::Deserialize;
use serde_json::Value;

/// Pages of what words find that are looked through.
const PAGES_MAX: usize = 10;
/// Rows that are offered; more words find the others.
pub(crate) const OFFERED: usize = 50;

#[derive(Deserialize)]
struct Page {
    items: Vec<Hit>,
    #[serde(default)]
    next: Option<u64>,
}

/// A row that words found.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Hit {
    pub(crate) noun: String,
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) place: String,
    #[serde(default)]
    pub(crate) household_id: Option<u64>,
    #[serde(default)]
    pub(crate) community_id: Option<u64>,
    #[serde(default)]
    pub(crate) community: String,
}

impl Hit {
    /// Its name and where it is.
    pub(crate) fn words(&self) -> String {
        format!("{} {}", self.name, self.place).trim().to_owned()
    }
}

/// What words find, of the rows that are wanted, so many and little more; nothing without words.
pub(crate) async fn found(
    signed: &Signed,
    words: &str,
    most: usize,
    is_wanted: impl Fn(&Hit) -> bool,
) -> Result<Vec<Hit>, Failure> {
    let (mut found, mut after) = (Vec::new(), 0);
    if words.is_empty() {
        return Ok(found);
    }
    let q: String = form_urlencoded::byte_serialize(words.as_bytes()).collect();
    for _ in 0..PAGES_MAX {
        let path = format!("/search?q={q}&after={after}&limit=100");
        let page: Page = signed.api().get(&path).await?;
        found.extend(page.items.into_iter().filter(|hit| is_wanted(hit)));
        let next = page.next.filter(|next| after < *next && found.len() < most);
        let Some(next) = next else { break };
        after = next;
    }
    Ok(found)
}

/// How the row is called that a field names by its id: the id where it is gone, and other values as they are.
pub(super) async fn named(signed: &Signed, field: &Field, value: String) -> String {
    if !matches!(field.kind, Kind::Grid | Kind::Household) {
        return value;
    }
    let plural = if field.kind == Kind::Grid { "grids" } else { "households" };
    let Ok(id) = value.parse::<u64>() else { return value };
    let row: Result<Value, Failure> = signed.api().get(&format!("/{plural}/{id}")).await;
    let Ok(row) = row else { return value };
    let name = row.get("name").and_then(Value::as_str).unwrap_or_default();
    format!("{name} {}", place(&row, signed.lang())).trim().to_owned()
}
