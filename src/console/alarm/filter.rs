//! What lists of alarms are narrowed down by: what was typed, as it stands in links, and as the API is asked.

use crate::board;
use crate::form::Form;
use crate::lang::Lang;
use crate::span::{self, Span};
use crate::visit::Signed;

/// Choices, each with what it may be.
const CHOICES: [(&str, &[&str]); 4] = [
    ("state", &["open", "closed"]),
    ("drill", &["true", "false"]),
    ("kind", &["fire", "intruder", "illness", "flood", "other", "unknown"]),
    ("outcome", &["genuine", "false_alarm", "drill", "test", "unknown"]),
];

/// A choice of a list: value, words, whether it is chosen.
type Choice = (&'static str, &'static str, bool);

/// Parameters with their values.
type Pairs = Vec<(&'static str, String)>;

/// See the module.
pub(super) struct Filter {
    pub(super) form: Form,
    span: Span,
    /// Words are for those who may search.
    may_search: bool,
    l: Lang,
}

impl Filter {
    /// Reads the address of the page. A time that cannot be read is told beside its field.
    pub(super) fn of(signed: &Signed) -> Self {
        let query = signed.visitor.path.split_once('?').map_or("", |(_, query)| query);
        let (mut form, l) = (Form::parse(query.as_bytes()), signed.lang());
        let span = Span::read(&mut form, signed.me.zone(), l);
        Self { form, span, may_search: signed.me.may_act(), l }
    }

    /// Whether anything is wrong with it.
    pub(super) fn is_wrong(&self) -> bool {
        self.form.is_wrong()
    }

    /// Whether words may be looked for.
    pub(super) fn may_search(&self) -> bool {
        self.may_search
    }

    pub(super) fn community(&self) -> Option<u32> {
        self.form.get("community").parse().ok()
    }

    pub(super) fn is_community(&self, id: &u32) -> bool {
        self.community() == Some(*id)
    }

    /// What was chosen of the choices `names`, and the words.
    fn chosen(&self, names: &[&str]) -> Pairs {
        let choices = CHOICES.iter().filter(|(name, _)| names.contains(name));
        let choices = choices.filter_map(|(name, known)| {
            let chosen = known.iter().find(|value| **value == self.form.get(name))?;
            Some((*name, (*chosen).to_owned()))
        });
        let words = self.form.get("q");
        let words = (self.may_search && !words.is_empty()).then(|| ("q", words.to_owned()));
        choices.chain(words).collect()
    }

    /// The parameters of the API: `first`, and these choices.
    pub(super) fn of_api(&self, first: &[(&'static str, &str)], names: &[&str]) -> String {
        let community = self.community().map(|id| ("community_id", id.to_string()));
        let after = self.after().map(|after| ("after", after.to_owned()));
        let first = first.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let (states, others) = self.parted(names);
        let pairs = first.chain(states).chain(community).chain(others);
        written(pairs.chain(self.span.pairs()).chain(after))
    }

    /// The address of the page that goes on after this alarm.
    pub(super) fn link(&self, after: &str, names: &[&str]) -> String {
        let community = self.community().map(|id| ("community", id.to_string()));
        let typed = span::FIELDS.map(|name| (name, self.form.get(name).to_owned()));
        let typed = typed.into_iter().filter(|(_, typed)| !typed.is_empty());
        let (states, others) = self.parted(names);
        let pairs = states.into_iter().chain(community).chain(others).chain(typed);
        written(pairs.chain([("after", after.to_owned())]))
    }

    /// State and drills, and the others.
    fn parted(&self, names: &[&str]) -> (Pairs, Pairs) {
        let is_state = |(name, _): &(&'static str, String)| matches!(*name, "state" | "drill");
        self.chosen(names).into_iter().partition(is_state)
    }

    /// The last alarm of the page before.
    fn after(&self) -> Option<&str> {
        let after = self.form.get("after");
        let is_id = !after.is_empty() && after.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_id.then_some(after)
    }

    /// What was the matter, for a list to choose from.
    pub(super) fn kinds(&self) -> Vec<Choice> {
        self.choices("kind", board::kind)
    }

    /// How alarms end, for a list to choose from.
    pub(super) fn outcomes(&self) -> Vec<Choice> {
        self.choices("outcome", board::outcome)
    }

    fn choices(&self, name: &str, words: fn(&str, Lang) -> &'static str) -> Vec<Choice> {
        let known = CHOICES.iter().filter(|(choice, _)| *choice == name);
        let known = known.flat_map(|(_, values)| values.iter());
        known.map(|value| (*value, words(value, self.l), self.form.has(name, value))).collect()
    }
}

fn written(pairs: impl Iterator<Item = (&'static str, String)>) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}
