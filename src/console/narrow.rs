//! What a list is narrowed down by: the choices of the address of its page, as the API is asked for them and as they stand
//! in the address of the next page. What is no choice is left out.

use crate::form::Form;
use crate::visit::Signed;

/// A choice: its name on the page and in the API, and what it may be.
pub(crate) type Choice = (&'static str, &'static str, &'static [&'static str]);

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Narrow {
    form: Form,
    /// By their names on the page and in the API.
    chosen: Vec<(&'static str, &'static str, String)>,
    after: Option<u64>,
}

impl Narrow {
    /// Reads the address of the page.
    pub(crate) fn of(signed: &Signed, choices: &[Choice]) -> Self {
        let query = signed.visitor.path.split_once('?').map_or("", |(_, query)| query);
        let form = Form::parse(query.as_bytes());
        let known = |(page, api, values): &Choice| {
            let value = values.iter().find(|value| **value == form.get(page))?;
            Some((*page, *api, (*value).to_owned()))
        };
        let chosen = choices.iter().filter_map(known).collect();
        Self { chosen, after: form.get("after").parse().ok(), form }
    }

    /// By what the number of a row says, too, such as that of a community.
    pub(crate) fn and_by(mut self, page: &'static str, api: &'static str) -> Self {
        if let Ok(id) = self.form.get(page).parse::<u32>() {
            self.chosen.push((page, api, id.to_string()));
        }
        self
    }

    /// Whether this is chosen.
    pub(crate) fn has(&self, name: &str, value: impl ToString) -> bool {
        let value = value.to_string();
        self.chosen.iter().any(|(page, _, chosen)| *page == name && *chosen == value)
    }

    /// Whether anything is.
    pub(crate) fn is_any(&self) -> bool {
        !self.chosen.is_empty()
    }

    /// The parameters of the API: so many rows, of those that are chosen, after those of the pages before.
    pub(crate) fn of_api(&self, limit: u32) -> String {
        let chosen = self.chosen.iter().map(|(_, api, value)| (*api, value.clone()));
        let after = self.after.map(|after| ("after", after.to_string()));
        written([("limit", limit.to_string())].into_iter().chain(chosen).chain(after))
    }

    /// What is chosen, for the address of another page; empty where nothing is.
    pub(crate) fn query(&self) -> String {
        written(self.chosen.iter().map(|(page, _, value)| (*page, value.clone())))
    }

    /// The address of the page that goes on after this row.
    pub(crate) fn more(&self, path: &str, after: u64) -> String {
        let chosen = self.chosen.iter().map(|(page, _, value)| (*page, value.clone()));
        format!("{path}?{}", written(chosen.chain([("after", after.to_string())])))
    }
}

fn written(pairs: impl Iterator<Item = (&'static str, String)>) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}
