//! A row as a form and a form as a draft for the API, and what changed meanwhile.
//!
//! The values of the row that the form was made of go along in hidden fields (`was.…`), so that after an edit of
//! somebody else the form can say what is new. Must not ask the API.

use super::noun::{Field, Kind, Noun};
use super::number::{self, is_masked, numbers_of, text_of};
use crate::form::Form;
use crate::lang::Lang;
use serde_json::{Map, Value, json};

/// Most numbers of one person.
const NUMBERS_MAX: usize = 10;
/// Empty places for numbers below those that are there.
const NUMBERS_MORE: usize = 2;

/// A field of a form, ready to be written.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Input {
    /// Its name in the form.
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) hint: &'static str,
    /// `text`, `number`, `tel`, `flag`, `choice`, `grid`, `household` or `numbers`.
    pub(crate) kind: &'static str,
    pub(crate) value: String,
    pub(crate) error: String,
    /// Value, words.
    pub(crate) choices: Vec<(&'static str, &'static str)>,
    /// Rows of the directory to choose from: id, words.
    pub(crate) options: Vec<(String, String)>,
    /// What was looked for among them.
    pub(crate) sought: String,
    /// What it is now, after somebody else changed it.
    pub(crate) now: Option<String>,
    /// What it was when the form was made.
    pub(crate) was: String,
    /// How a number was recognised.
    pub(crate) recognised: String,
    /// Places of a list of numbers.
    pub(crate) numbers: Vec<NumberInput>,
}

/// A place for a number.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct NumberInput {
    pub(crate) at: usize,
    pub(crate) text: String,
    pub(crate) voice: bool,
    /// `yes`, `no`, or empty where the number decides.
    pub(crate) sms: String,
    pub(crate) error: String,
    pub(crate) recognised: String,
    pub(crate) to_confirm: bool,
}

/// The form of a row; of a new one where it is null.
pub(crate) fn form_of(noun: &Noun, row: &Value) -> Form {
    let mut form = Form::default();
    for field in noun.fields {
        let value = match field.kind {
            Kind::Number => numbers_of(row).first().map(|n| number::mask(text_of(n, "written"))),
            Kind::Numbers => None,
            Kind::Text
            | Kind::Optional
            | Kind::Count
            | Kind::OptionalCount
            | Kind::Grid
            | Kind::Household
            | Kind::Flag
            | Kind::Language
            | Kind::OptionalLanguage
            | Kind::Responder
            | Kind::Visits
            | Kind::List => Some(field.written(row)),
        };
        form.set(field.name, value.unwrap_or_default());
        form.set(&format!("was.{}", field.name), known(field, row));
    }
    for (at, number) in numbers_of(row).iter().enumerate() {
        form.set(&format!("number.{at}"), number::mask(text_of(number, "written")));
        let flag = |name: &str| number.get(name).and_then(Value::as_bool).unwrap_or_default();
        form.set(&format!("voice.{at}"), if flag("voice") { "yes" } else { "" });
        form.set(&format!("sms.{at}"), if flag("sms") { "yes" } else { "no" });
    }
    form
}

/// A field of a row in few words, to be compared: numbers are masked.
fn known(field: &Field, row: &Value) -> String {
    if !matches!(field.kind, Kind::Number | Kind::Numbers) {
        return field.written(row);
    }
    let one = |number: &Value| {
        let mark = |name: &str, mark: &'static str| {
            if number.get(name).and_then(Value::as_bool).unwrap_or_default() { mark } else { "" }
        };
        let text = number::mask(text_of(number, "written"));
        format!("{text}{}{}", mark("voice", " ☎"), mark("sms", " ✉"))
    };
    numbers_of(row).iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The fields as they are written. After an edit of somebody else, `now` is the row as it is.
pub(crate) fn inputs(
    noun: &Noun,
    form: &Form,
    row: Option<&Value>,
    now: Option<&Value>,
    l: Lang,
) -> Vec<Input> {
    let input = |field: &Field| {
        let was = form.get(&format!("was.{}", field.name)).to_owned();
        let changed = now.map(|row| known(field, row)).filter(|value| *value != was);
        let changed = changed.map(|value| match now {
            Some(row) if !matches!(field.kind, Kind::Number | Kind::Numbers) => field.shown(row, l),
            Some(_) | None => value,
        });
        let recognised = match (field.kind, row.and_then(|row| numbers_of(row).first())) {
            (Kind::Number, Some(number)) if !form.get(field.name).is_empty() => {
                said_of(number, form.get(field.name), l)
            }
            _ => String::new(),
        };
        Input {
            name: field.name.to_owned(),
            label: field.label(l).to_owned(),
            hint: field.hint(l),
            kind: input_kind(field.kind),
            value: form.get(field.name).to_owned(),
            error: form.error(field.name).to_owned(),
            choices: field.choices(l),
            options: Vec::new(),
            sought: form.get(&format!("{}.q", field.name)).to_owned(),
            now: changed,
            was: if now.is_some() {
                now.map(|row| known(field, row)).unwrap_or_default()
            } else {
                was
            },
            recognised,
            numbers: if field.kind == Kind::Numbers {
                number_inputs(form, row, l)
            } else {
                Vec::new()
            },
        }
    };
    noun.fields.iter().map(input).collect()
}

const fn input_kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Text | Kind::Optional | Kind::List => "text",
        Kind::Count | Kind::OptionalCount => "number",
        Kind::Grid => "grid",
        Kind::Household => "household",
        Kind::Flag => "flag",
        Kind::Language | Kind::OptionalLanguage | Kind::Responder | Kind::Visits => "choice",
        Kind::Number => "tel",
        Kind::Numbers => "numbers",
    }
}

fn number_inputs(form: &Form, row: Option<&Value>, l: Lang) -> Vec<NumberInput> {
    let stored = row.map_or(&[][..], numbers_of);
    let last = (0..NUMBERS_MAX).rev().find(|at| !form.get(&format!("number.{at}")).is_empty());
    let places = (last.map_or(0, |last| last + 1) + NUMBERS_MORE).min(NUMBERS_MAX);
    let place = |at: usize| {
        let text = form.get(&format!("number.{at}")).to_owned();
        let number = stored.get(at);
        NumberInput {
            at,
            // An empty place is ready for a number that may be called.
            voice: text.is_empty() || !form.get(&format!("voice.{at}")).is_empty(),
            sms: form.get(&format!("sms.{at}")).to_owned(),
            error: form.error(&format!("number.{at}")).to_owned(),
            recognised: number.map(|number| said_of(number, &text, l)).unwrap_or_default(),
            to_confirm: number.is_some_and(|number| {
                number.get("to_confirm").and_then(Value::as_bool).unwrap_or_default()
                    && number::mask(text_of(number, "written")) == text
            }),
            text,
        }
    };
    (0..places).map(place).collect()
}

/// How a number was recognised: for a masked one only whether it can be a mobile telephone.
fn said_of(number: &Value, text: &str, l: Lang) -> String {
    if text == text_of(number, "written") {
        return number::recognised(text_of(number, "key"), l);
    }
    String::new()
}

/// The draft that a form says. `row` is the row as it is, for numbers that are masked; what cannot be understood is
/// said beside its field.
pub(crate) fn draft_of(noun: &Noun, form: &mut Form, row: &Value, l: Lang) -> Value {
    let mut draft = Map::new();
    if let Some((_, parent)) = noun.parent {
        let id = form.get(parent).parse::<u32>().ok().map(Value::from);
        draft
            .insert(parent.to_owned(), id.or_else(|| row.get(parent).cloned()).unwrap_or_default());
    }
    // A row is replaced as a whole: what this form does not know stays as it is.
    for (name, value) in row.as_object().into_iter().flatten() {
        let is_known = noun.fields.iter().any(|field| field.name == name);
        if !is_known && !matches!(name.as_str(), "id" | "version") && !draft.contains_key(name) {
            draft.insert(name.clone(), value.clone());
        }
    }
    for field in noun.fields {
        let text = form.get(field.name).to_owned();
        let value = match field.kind {
            Kind::Text => Some(json!(text)),
            Kind::Optional => (!text.is_empty()).then(|| json!(text)),
            Kind::Count | Kind::OptionalCount | Kind::Grid | Kind::Household => {
                count(form, field, &text, l)
            }
            Kind::Flag => Some(json!(!text.is_empty())),
            Kind::Language | Kind::OptionalLanguage | Kind::Responder | Kind::Visits => {
                (!text.is_empty()).then(|| json!(text))
            }
            Kind::List => Some(json!(text.split_whitespace().collect::<Vec<_>>())),
            Kind::Number => Some(json!(number(form, field.name, (&text, 0), row, l))),
            Kind::Numbers => Some(numbers(form, row, l)),
        };
        if let Some(value) = value {
            draft.insert(field.name.to_owned(), value);
        }
    }
    Value::Object(draft)
}

fn count(form: &mut Form, field: &Field, text: &str, l: Lang) -> Option<Value> {
    if text.is_empty() {
        return None;
    }
    if let Ok(number) = text.parse::<u32>() {
        return Some(json!(number));
    }
    form.blame(field.name, l.t("请填写整数。", "Please write a whole number."));
    None
}

fn number(form: &mut Form, field: &str, (text, at): (&str, usize), row: &Value, l: Lang) -> String {
    if !is_masked(text) {
        return text.to_owned();
    }
    if let Some(written) = number::unmask(text, at, numbers_of(row)) {
        return written.to_owned();
    }
    let words = l.t(
        "请填写完整的号码：打码的号码已经变了。",
        "Please write the whole number: the masked one is not there any more.",
    );
    form.blame(field, words);
    String::new()
}

fn numbers(form: &mut Form, row: &Value, l: Lang) -> Value {
    let mut numbers = Vec::new();
    for at in 0..NUMBERS_MAX {
        let field = format!("number.{at}");
        let text = form.get(&field).to_owned();
        if text.is_empty() {
            continue;
        }
        let written = number(form, &field, (&text, at), row, l);
        let voice = !form.get(&format!("voice.{at}")).is_empty();
        let sms = match form.get(&format!("sms.{at}")) {
            "yes" => Value::Bool(true),
            "no" => Value::Bool(false),
            _ => Value::Null,
        };
        numbers.push(json!({"number": written, "voice": voice, "sms": sms}));
    }
    Value::Array(numbers)
}

/// The field of a JSON pointer. Empty places are not sent, so the places of numbers are counted again.
pub(crate) fn field_of(noun: &Noun, form: &Form, pointer: &str) -> Option<String> {
    let mut parts = pointer.strip_prefix('/')?.split('/');
    let name = parts.next()?;
    if name == "numbers" {
        let index: usize = parts.next()?.parse().ok()?;
        let filled = (0..NUMBERS_MAX).filter(|at| !form.get(&format!("number.{at}")).is_empty());
        return filled.clone().nth(index).map(|at| format!("number.{at}"));
    }
    noun.fields.iter().find(|field| field.name == name).map(|field| field.name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contacts() -> &'static Noun {
        Noun::of("contacts").unwrap()
    }

    fn row() -> Value {
        json!({"id": 4, "household_id": 9, "name": "李强", "rank": 0, "language": null, "numbers": [
            {"key": "+8613812341234", "written": "13812341234", "voice": true, "sms": true},
            {"key": "+865925551234", "written": "05925551234", "voice": true, "sms": false}]})
    }

    #[test]
    fn a_form_that_nobody_touched_is_the_row_again() {
        let mut form = form_of(contacts(), &row());
        assert_eq!(form.get("number.0"), "138****1234");
        let draft = draft_of(contacts(), &mut form, &row(), Lang::English);
        assert!(!form.is_wrong(), "{form:?}");
        let wanted = json!({"household_id": 9, "name": "李强", "rank": 0, "numbers": [
            {"number": "13812341234", "voice": true, "sms": true},
            {"number": "05925551234", "voice": true, "sms": false}]});
        assert_eq!(draft, wanted);
    }

    #[test]
    fn what_the_form_does_not_know_stays_as_it_is() {
        let mut row = row();
        row["since"] = json!("2026");
        row["version"] = json!(7);
        let mut form = form_of(contacts(), &row);
        let draft = draft_of(contacts(), &mut form, &row, Lang::English);
        assert_eq!(
            (&draft["since"], draft.get("version"), draft.get("id")),
            (&json!("2026"), None, None)
        );
    }

    #[test]
    fn places_without_a_number_are_left_out_and_blamed_right() {
        let mut form = form_of(contacts(), &row());
        form.set("number.0", "");
        form.set("number.3", "139");
        let draft = draft_of(contacts(), &mut form, &row(), Lang::English);
        assert_eq!(draft["numbers"][1], json!({"number": "139", "voice": false, "sms": null}));
        assert_eq!(field_of(contacts(), &form, "/numbers/1/number").as_deref(), Some("number.3"));
        assert_eq!(field_of(contacts(), &form, "/numbers/1").as_deref(), Some("number.3"));
        assert_eq!(field_of(contacts(), &form, "/numbers/7/number"), None);
        assert_eq!(field_of(contacts(), &form, "/nothing"), None);
    }

    #[test]
    fn a_masked_number_that_is_gone_has_to_be_written_again() {
        let mut form = form_of(contacts(), &row());
        form.set("number.0", "139****0000");
        form.set("rank", "first");
        draft_of(contacts(), &mut form, &row(), Lang::English);
        assert!(!form.error("number.0").is_empty() && !form.error("rank").is_empty());
    }

    #[test]
    fn what_changed_meanwhile_is_said_and_only_that() {
        let form = form_of(contacts(), &row());
        let mut now = row();
        now["name"] = json!("李刚");
        now["numbers"].as_array_mut().unwrap().pop();
        let inputs = inputs(contacts(), &form, Some(&now), Some(&now), Lang::English);
        let changed: Vec<_> =
            inputs.iter().filter_map(|input| Some((&*input.name, input.now.as_deref()?))).collect();
        assert_eq!(changed, [("name", "李刚"), ("numbers", "138****1234 ☎ ✉")]);
        assert_eq!(inputs[0].value, "李强", "what was typed is kept");
    }
}
