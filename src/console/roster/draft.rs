//! A part of a roster as a form, and the form as a draft for the API. Moments go by the clock on the wall of the community;
//! one that nobody touched stays as it was, to the microsecond. Must not ask the API.

use super::local::Local;
use super::part::{Field, Kind, Part};
use crate::form::Form;
use crate::lang::Lang;
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use serde_json::{Map, Value, json};

/// Most workers of a rotation or shift.
const WORKERS_MAX: usize = 64;
/// Empty places for workers below those that are there.
const WORKERS_MORE: usize = 3;

/// What may be chosen in a form.
#[derive(Clone, Debug)]
pub(super) struct Choices {
    pub(super) local: Local,
    pub(super) posts: Vec<Named>,
    pub(super) workers: Vec<Named>,
    pub(super) rotations: Vec<Named>,
    pub(super) grids: Vec<Named>,
}

/// An id, as it stands in a form, and a name.
pub(super) type Named = (String, String);

/// A field, ready to be written.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Input {
    pub(super) name: String,
    pub(super) label: &'static str,
    pub(super) hint: &'static str,
    /// The type of the input; or `choice`, `checks` or `workers`.
    pub(super) kind: &'static str,
    pub(super) value: String,
    pub(super) error: String,
    /// Value, words, whether it is ticked.
    pub(super) choices: Vec<(String, String, bool)>,
    /// Places of a list: what is chosen in each.
    pub(super) places: Vec<String>,
    /// What it is now, after somebody else changed it.
    pub(super) now: Option<String>,
}

/// The value of a field of a row.
fn value_of<'a>(row: &'a Value, name: &str) -> &'a Value {
    let found = name.split('.').try_fold(row, |value, part| value.get(part));
    found.unwrap_or(&Value::Null)
}

/// A value as a form has it.
fn written(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

fn moment(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

/// A value as it stands in a field of this kind.
fn shown(field: &Field, row: &Value, local: &Local) -> Vec<String> {
    let value = value_of(row, field.name);
    match field.kind {
        Kind::Moment | Kind::OptionalMoment => {
            vec![moment(value).map(|at| local.typed(at)).unwrap_or_default()]
        }
        Kind::Time => vec![written(value).chars().take(5).collect()],
        Kind::Workers | Kind::Some(_) => {
            value.as_array().into_iter().flatten().map(written).collect()
        }
        Kind::Text
        | Kind::Count
        | Kind::Date
        | Kind::OptionalDate
        | Kind::Post
        | Kind::OptionalPost
        | Kind::Worker
        | Kind::OptionalWorker
        | Kind::OptionalRotation
        | Kind::OptionalGrid
        | Kind::One(_) => vec![written(value)],
    }
}

/// The form of a part.
pub(super) fn form_of(part: &Part, row: &Value, local: &Local) -> Form {
    let mut form = Form::default();
    for field in part.fields {
        let values = shown(field, row, local);
        if field.kind != Kind::Workers {
            form.set_all(field.name, values);
            continue;
        }
        for (at, worker) in values.into_iter().enumerate() {
            form.set(&format!("{}.{at}", field.name), worker);
        }
    }
    form
}

/// The fields as they are written. After an edit of somebody else, `now` is the part as it is.
pub(super) fn inputs(
    part: &Part,
    form: &Form,
    choices: &Choices,
    now: Option<&Value>,
    l: Lang,
) -> Vec<Input> {
    let input = |field: &Field| {
        let typed = typed(field, form);
        let now = now.map(|row| shown(field, row, &choices.local)).filter(|now| *now != typed);
        let listed = choices.of(field, form, l);
        let words = |value: &String| {
            let known = listed.iter().find(|(known, _, _)| known == value);
            known.map_or_else(|| value.clone(), |(_, words, _)| words.clone())
        };
        let now = now.map(|now| now.iter().map(words).collect::<Vec<_>>().join(l.t("、", ", ")));
        Input {
            name: field.name.to_owned(),
            label: field.label(l),
            hint: field.hint(l),
            kind: input_kind(field.kind),
            value: form.get(field.name).to_owned(),
            error: form.error(field.name).to_owned(),
            places: if field.kind == Kind::Workers { places(&typed) } else { Vec::new() },
            choices: listed,
            now,
        }
    };
    part.fields.iter().map(input).collect()
}

/// What was typed in a field, without empty places.
fn typed(field: &Field, form: &Form) -> Vec<String> {
    if field.kind == Kind::Workers {
        let places =
            (0..WORKERS_MAX).map(|at| form.get(&format!("{}.{at}", field.name)).to_owned());
        return places.filter(|worker| !worker.is_empty()).collect();
    }
    if matches!(field.kind, Kind::Some(_)) {
        return form.all(field.name).map(str::to_owned).collect();
    }
    vec![form.get(field.name).to_owned()]
}

fn places(typed: &[String]) -> Vec<String> {
    let count = (typed.len() + WORKERS_MORE).min(WORKERS_MAX);
    typed.iter().cloned().chain(std::iter::repeat(String::new())).take(count).collect()
}

const fn input_kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Count => "number",
        Kind::Date | Kind::OptionalDate => "date",
        Kind::Time => "time",
        Kind::Moment | Kind::OptionalMoment => "datetime-local",
        Kind::Post
        | Kind::OptionalPost
        | Kind::Worker
        | Kind::OptionalWorker
        | Kind::OptionalRotation
        | Kind::OptionalGrid
        | Kind::One(_) => "choice",
        Kind::Workers => "workers",
        Kind::Some(_) => "checks",
    }
}

impl Choices {
    fn of(&self, field: &Field, form: &Form, l: Lang) -> Vec<(String, String, bool)> {
        let named = |named: &[Named]| -> Vec<(String, String, bool)> {
            let is = |id: &str| form.get(field.name) == id;
            named.iter().map(|(id, name)| (id.clone(), name.clone(), is(id))).collect()
        };
        let or_none = |chosen: Vec<(String, String, bool)>| {
            let none = [(String::new(), l.t("（不选）", "(none)").to_owned(), false)];
            none.into_iter().chain(chosen).collect()
        };
        match field.kind {
            Kind::Post | Kind::OptionalPost => or_none(named(&self.posts)),
            Kind::Worker | Kind::OptionalWorker | Kind::Workers => or_none(named(&self.workers)),
            Kind::OptionalRotation => or_none(named(&self.rotations)),
            Kind::OptionalGrid => or_none(named(&self.grids)),
            Kind::One(words) | Kind::Some(words) => words
                .iter()
                .map(|(value, (chinese, english))| {
                    let is = form.has(field.name, value);
                    ((*value).to_owned(), l.t(chinese, english).to_owned(), is)
                })
                .collect(),
            Kind::Text
            | Kind::Count
            | Kind::Date
            | Kind::OptionalDate
            | Kind::Time
            | Kind::Moment
            | Kind::OptionalMoment => Vec::new(),
        }
    }
}

/// The draft that a form says; `row` is the part as it is. What cannot be understood is said beside its field.
pub(super) fn draft_of(
    part: &Part,
    form: &mut Form,
    (community, row): (u64, &Value),
    local: &Local,
    l: Lang,
) -> Value {
    let mut draft = Map::new();
    draft.insert("community_id".to_owned(), json!(community));
    let has_takes = ["takes.post_id", "takes.from", "takes.to"];
    let has_takes = has_takes.iter().any(|name| !form.get(name).is_empty());
    for field in part.fields {
        let read = Reading { field, row, local, l };
        let value = match field.name.split_once('.') {
            Some(("takes", _)) if !has_takes => continue,
            Some(("takes", _)) => read.required(form),
            _ => read.value(form),
        };
        match field.name.split_once('.') {
            None => drop(draft.insert(field.name.to_owned(), value)),
            Some((object, name)) => {
                let object = draft.entry(object).or_insert_with(|| json!({}));
                if let Some(object) = object.as_object_mut() {
                    object.insert(name.to_owned(), value);
                }
            }
        }
    }
    Value::Object(draft)
}

/// A field while it is read.
struct Reading<'a> {
    field: &'a Field,
    row: &'a Value,
    local: &'a Local,
    l: Lang,
}

impl Reading<'_> {
    /// The value; null where it may be missing and is.
    fn value(&self, form: &mut Form) -> Value {
        let may_be_missing = matches!(
            self.field.kind,
            Kind::OptionalDate
                | Kind::OptionalMoment
                | Kind::OptionalPost
                | Kind::OptionalWorker
                | Kind::OptionalRotation
                | Kind::OptionalGrid
        );
        if may_be_missing && form.get(self.field.name).is_empty() {
            return Value::Null;
        }
        self.required(form)
    }

    fn required(&self, form: &mut Form) -> Value {
        let text = form.get(self.field.name).to_owned();
        match self.field.kind {
            Kind::Text => json!(text),
            Kind::Count => self.number(&text, form),
            Kind::Date | Kind::OptionalDate => match text.parse::<Date>() {
                Ok(date) => json!(date),
                Err(_) => self.blame(form, self.l.t("请填写日期。", "Please write a date.")),
            },
            Kind::Time => match text.parse::<Time>() {
                Ok(time) => json!(time),
                Err(_) => self.blame(
                    form,
                    self.l.t("请填写时间，如 08:00。", "Please write a time, such as 08:00."),
                ),
            },
            Kind::Moment | Kind::OptionalMoment => self.moment(&text, form),
            Kind::Post
            | Kind::OptionalPost
            | Kind::Worker
            | Kind::OptionalWorker
            | Kind::OptionalRotation
            | Kind::OptionalGrid => match text.parse::<u32>() {
                Ok(id) => json!(id),
                Err(_) => self.blame(form, self.l.t("请选择。", "Please choose.")),
            },
            Kind::Workers => {
                let ids = typed(self.field, form);
                json!(ids.iter().filter_map(|id| id.parse::<u32>().ok()).collect::<Vec<_>>())
            }
            Kind::Some(known) => {
                let chosen: Vec<&str> = form.all(self.field.name).collect();
                let known = known.iter().map(|(value, _)| *value);
                let chosen: Vec<&str> = known.filter(|value| chosen.contains(value)).collect();
                if chosen.is_empty() {
                    return self
                        .blame(form, self.l.t("请至少选一项。", "Please choose at least one."));
                }
                json!(chosen)
            }
            Kind::One(_) => json!(text),
        }
    }

    fn number(&self, text: &str, form: &mut Form) -> Value {
        match text.parse::<u16>() {
            Ok(number) => json!(number),
            Err(_) => self.blame(form, self.l.t("请填写整数。", "Please write a whole number.")),
        }
    }

    fn moment(&self, text: &str, form: &mut Form) -> Value {
        let stored = moment(value_of(self.row, self.field.name));
        if let Some(stored) = stored.filter(|at| self.local.typed(*at) == text) {
            return json!(stored);
        }
        match self.local.read(text) {
            Ok(at) => json!(at),
            Err(why) => self.blame(form, why.words(self.l)),
        }
    }

    fn blame(&self, form: &mut Form, words: &str) -> Value {
        form.blame(self.field.name, words);
        Value::Null
    }
}

/// The field of a JSON pointer, such as `/gives/from` or `/worker_ids/2`. Empty places are not sent, so the places of
/// workers are counted anew, as the page shows them then.
pub(super) fn field_of(part: &Part, pointer: &str) -> Option<String> {
    let name = pointer.strip_prefix('/')?.replace('/', ".");
    let is_it = |field: &&Field| {
        name == field.name
            || name.strip_prefix(field.name).is_some_and(|rest| rest.starts_with('.'))
    };
    part.fields.iter().find(is_it).map(|field| field.name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const L: Lang = Lang::English;

    fn china() -> Local {
        Local::of("Asia/Shanghai")
    }

    fn drafted(plural: &str, row: &Value) -> (Form, Value) {
        let part = Part::of(plural).unwrap();
        let mut form = form_of(part, row, &china());
        let draft = draft_of(part, &mut form, (2, row), &china(), L);
        (form, draft)
    }

    #[test]
    fn a_form_that_nobody_touched_is_the_part_again() {
        let turn = |from: &str| json!({"post_id": 1, "from": from, "to": "2026-11-28T12:00:00Z"});
        for (plural, row) in [
            (
                "posts",
                json!({"community_id": 2, "grid_id": null, "code": "A", "name": "A岗", "cover": "always"}),
            ),
            (
                "rotations",
                json!({"community_id": 2, "name": "三班倒", "worker_ids": [3, 1, 2], "at_once": 1, "every": 1,
                    "unit": "days", "anchor": "2026-11-23"}),
            ),
            (
                "shifts",
                json!({"community_id": 2, "post_id": 1, "rotation_id": null, "worker_ids": [4], "weekdays": ["monday"],
                    "day_kinds": ["workday", "holiday"], "starts": "08:00:00", "ends": "20:00:00", "days_later": 0,
                    "first_day": "2026-12-01", "last_day": null}),
            ),
            (
                "overrides",
                json!({"community_id": 2, "post_id": 1, "worker_id": 3, "instead_of_id": null,
                    "from": "2026-11-28T00:00:00.5Z", "to": "2026-11-28T12:00:00Z"}),
            ),
            (
                "swaps",
                json!({"community_id": 2, "proposer_id": 3, "other_id": 4, "gives": turn("2026-11-28T00:00:00Z"),
                    "takes": turn("2026-11-27T00:00:00Z")}),
            ),
            (
                "absences",
                json!({"community_id": 2, "worker_id": 3, "stand_in_id": 4, "from": "2026-11-28T00:00:00Z",
                    "to": "2026-11-29T00:00:00Z"}),
            ),
        ] {
            let (form, draft) = drafted(plural, &row);
            assert!(!form.is_wrong(), "{plural}: {form:?}");
            assert_eq!(draft, row, "{plural}");
        }
    }

    #[test]
    fn what_cannot_be_understood_is_said_beside_its_field() {
        let (form, _) = drafted("shifts", &json!({}));
        for name in ["post_id", "starts", "ends", "days_later", "weekdays", "day_kinds"] {
            assert!(!form.error(name).is_empty(), "{name}");
        }
        assert!(form.error("first_day").is_empty() && form.error("rotation_id").is_empty());
        let part = Part::of("swaps").unwrap();
        let mut form = Form::parse(b"takes.from=2026-11-28T08:00&gives.from=now");
        draft_of(part, &mut form, (2, &Value::Null), &china(), L);
        assert!(!form.error("takes.post_id").is_empty(), "half of it is not nothing");
        assert!(!form.error("gives.from").is_empty());
        let mut form = Form::parse(b"from=2026-03-29T02:30");
        let part = Part::of("absences").unwrap();
        draft_of(part, &mut form, (2, &Value::Null), &Local::of("Europe/Berlin"), L);
        assert!(form.error("from").contains("put forward"), "{form:?}");
    }

    #[test]
    fn nothing_is_taken_in_return_where_nothing_is_said() {
        let form = b"proposer_id=3&other_id=4&gives.post_id=1&gives.from=2026-11-28T08:00&gives.to=2026-11-28+20:00";
        let mut form = Form::parse(form);
        let part = Part::of("swaps").unwrap();
        let draft = draft_of(part, &mut form, (2, &Value::Null), &china(), L);
        assert!(!form.is_wrong(), "{form:?}");
        let gives =
            json!({"post_id": 1, "from": "2026-11-28T00:00:00Z", "to": "2026-11-28T12:00:00Z"});
        assert_eq!(
            draft,
            json!({"community_id": 2, "proposer_id": 3, "other_id": 4, "gives": gives})
        );
    }

    #[test]
    fn mistakes_find_their_fields() {
        for (plural, pointer, field) in [
            ("swaps", "/gives/from", Some("gives.from")),
            ("rotations", "/worker_ids/2", Some("worker_ids")),
            ("shifts", "/days_later", Some("days_later")),
            ("shifts", "", None),
            ("posts", "/community_id", None),
        ] {
            let found = field_of(Part::of(plural).unwrap(), pointer);
            assert_eq!(found.as_deref(), field, "{plural} {pointer}");
        }
    }

    #[test]
    fn what_somebody_else_changed_is_said() {
        let row = json!({"name": "A岗", "code": "A", "grid_id": null, "cover": "always"});
        let part = Part::of("posts").unwrap();
        let form = form_of(part, &row, &china());
        let mut changed = row.clone();
        changed["cover"] = json!("shifts");
        let choices = Choices {
            local: china(),
            posts: Vec::new(),
            workers: Vec::new(),
            rotations: Vec::new(),
            grids: Vec::new(),
        };
        let inputs = inputs(part, &form, &choices, Some(&changed), L);
        let told: Vec<_> =
            inputs.iter().filter_map(|input| Some((&*input.name, input.now.as_deref()?))).collect();
        assert_eq!(told, [("cover", "only while it has a shift")]);
    }
}
