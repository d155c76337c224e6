//! A policy as a form and the form as a document for the API: steps with conditions and waits, whom each calls, how many
//! are wanted, never alone, repeats, drills. Must not ask the API.

use crate::form::Form;
use crate::lang::Lang;
use serde_json::{Map, Value, json};

/// Steps of a policy.
pub(super) const STEPS_MAX: usize = 16;
/// Targets of a step.
const TARGETS_MAX: usize = 16;
/// Empty places for targets below those that are there.
const TARGETS_MORE: usize = 2;

/// Chinese and English.
pub(super) type Words = (&'static str, &'static str);

/// Kinds of alarms.
pub(super) const KINDS: [&str; 6] = ["unknown", "fire", "intruder", "illness", "flood", "other"];
/// What must hold before a step is taken.
pub(super) const WHEN: [(&str, Words); 5] = [
    ("always", ("无论如何", "in any case")),
    ("no_duty_worker", ("没有值班人员接手", "no duty worker has taken the case")),
    ("not_enough", ("前往的人不够", "not enough are coming")),
    ("nobody_coming", ("无人前往", "nobody is coming")),
    ("nobody_arrived", ("无人到场", "nobody is at the door")),
];
/// Whom a step may call, posts aside.
pub(super) const TARGETS: [(&str, Words); 10] = [
    ("group", ("本组其他各户", "the other households of the group")),
    ("helpers", ("帮扶人（一助一）", "personal helpers of the household")),
    ("all_workers", ("社区全部工作者", "all workers of the community")),
    ("responders:helper", ("响应人：帮扶人", "responders: helpers")),
    ("responders:building_head", ("响应人：楼长", "responders: heads of the building")),
    ("responders:patrol", ("响应人：巡逻队", "responders: patrol")),
    ("responders:volunteer", ("响应人：志愿者", "responders: volunteers")),
    ("responders:street", ("响应人：街道值班", "responders: desk of the street")),
    ("responders:hotline", ("响应人：热线", "responders: hotline")),
    ("responders:loudspeaker", ("响应人：广播喇叭", "responders: loudspeakers")),
];
/// How far around the door responders are called.
pub(super) const WITHIN: [(&str, Words); 3] = [
    ("grid", ("本网格", "of the grid")),
    ("building", ("本楼", "of the building")),
    ("community", ("全社区", "of the whole community")),
];
/// Pauses, repeats and budgets: name, words, the least and the greatest.
pub(super) const PACE: [(&str, Words, u32, u32); 12] = [
    ("ring_timeout_s", ("响铃多久（秒）", "A telephone rings, seconds"), 15, 90),
    (
        "no_answer_retry_s",
        ("无人接听，隔多久再呼（秒）", "Pause before the second ring, seconds"),
        61,
        170,
    ),
    ("wave_s", ("邻居每轮间隔（秒）", "Pause between waves for neighbours, seconds"), 30, 600),
    ("wave_max_s", ("邻居最长间隔（秒）", "Longest pause for neighbours, seconds"), 30, 600),
    (
        "duty_wave_s",
        ("值班人员每轮间隔（秒）", "Pause between waves for duty workers, seconds"),
        30,
        600,
    ),
    (
        "calls_per_hour_max",
        ("邻居每号每小时最多几次", "Calls to a number of a neighbour in an hour"),
        2,
        60,
    ),
    (
        "duty_calls_per_hour_max",
        ("值班人员每号每小时最多几次", "Calls to a number of a duty worker in an hour"),
        6,
        60,
    ),
    (
        "weak_wait_s",
        (
            "未经认证的报警，等多久再扩大（秒）",
            "An alarm without proof waits before it widens, seconds",
        ),
        0,
        120,
    ),
    (
        "receipt_s",
        ("短信多久没有回执算迟（秒）", "An SMS without a receipt is late after, seconds"),
        5,
        300,
    ),
    (
        "arrival_s",
        ("前往者多久未到场再询问（秒）", "Who is coming is asked again after, seconds"),
        60,
        3600,
    ),
    (
        "arrival_grace_s",
        ("询问后等答复多久（秒）", "An answer to that is waited for, seconds"),
        30,
        600,
    ),
    (
        "close_s",
        ("到场后多久提醒结案（秒）", "From the arrival to the reminder to close, seconds"),
        300,
        604_800,
    ),
];

/// A document made of a form, and where its steps and targets stand in the form.
pub(super) struct Sent {
    pub(super) document: Value,
    steps: Vec<(usize, Vec<usize>)>,
}

/// A step of the form, ready to be written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct StepInput {
    pub(super) at: usize,
    pub(super) order: String,
    pub(super) wait: String,
    pub(super) wait_error: String,
    pub(super) when: String,
    pub(super) error: String,
    pub(super) targets: Vec<TargetInput>,
}

/// A place for somebody whom a step calls.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TargetInput {
    pub(super) at: usize,
    pub(super) target: String,
    pub(super) within: String,
    pub(super) skill: String,
    pub(super) error: String,
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A number as a form has it; empty where there is none.
fn number(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_u64).map(|number| number.to_string()).unwrap_or_default()
}

/// A target as it is chosen: such as `group`, `post:A` or `responders:patrol`; how far around the door; the skill.
pub(super) fn target_of(target: &Value) -> (String, String, String) {
    if let Some(word) = target.as_str() {
        return (word.to_owned(), String::new(), String::new());
    }
    if let Some(post) = target.get("post") {
        return (format!("post:{}", text(post, "code")), String::new(), String::new());
    }
    let responders = target.get("responders").unwrap_or(&Value::Null);
    let kind = format!("responders:{}", text(responders, "kind"));
    (kind, text(responders, "within").to_owned(), text(responders, "skill").to_owned())
}

/// The form of a document.
pub(super) fn form_of(document: &Value) -> Form {
    let mut form = Form::default();
    form.set("name", text(document, "name"));
    let scope = document.get("scope").unwrap_or(&Value::Null);
    let grid = scope.get("grid").and_then(Value::as_u64);
    let group = scope.get("group").and_then(Value::as_u64);
    form.set(
        "scope",
        match (grid, group) {
            (Some(id), _) => format!("grid:{id}"),
            (None, Some(id)) => format!("group:{id}"),
            (None, None) => "community".to_owned(),
        },
    );
    let kinds = document.get("kinds").and_then(Value::as_array).into_iter().flatten();
    form.set_all("kinds", kinds.filter_map(Value::as_str).map(str::to_owned));
    let steps = document.get("steps").and_then(Value::as_array);
    for (at, step) in steps.into_iter().flatten().enumerate() {
        form.set(&format!("step.{at}.order"), (at + 1).to_string());
        form.set(&format!("step.{at}.wait"), number(step, "wait_s"));
        let when = text(step, "when");
        form.set(&format!("step.{at}.when"), if when.is_empty() { "always" } else { when });
        let targets = step.get("targets").and_then(Value::as_array);
        for (place, target) in targets.into_iter().flatten().enumerate() {
            let (target, within, skill) = target_of(target);
            form.set(&format!("target.{at}.{place}"), target);
            form.set(&format!("within.{at}.{place}"), within);
            form.set(&format!("skill.{at}.{place}"), skill);
        }
    }
    form.set("wanted", number(document, "acknowledgements_wanted"));
    form.set("together", number(document, "together"));
    form.set("helpers_first", number(document, "helpers_first_s"));
    let pace = document.get("pace").unwrap_or(&Value::Null);
    for (name, ..) in PACE {
        form.set(&format!("pace.{name}"), number(pace, name));
    }
    let busy = pace.get("busy_retry_s").and_then(Value::as_array);
    for (at, pause) in busy.into_iter().flatten().enumerate() {
        form.set(&format!("busy.{at}"), pause.to_string());
    }
    let drill = document.get("drill").unwrap_or(&Value::Null);
    let escalates = drill.get("escalates").and_then(Value::as_bool).unwrap_or_default();
    form.set("drill.escalates", if escalates { "yes" } else { "" });
    for name in ["from_hour", "until_hour", "announced_min"] {
        form.set(&format!("drill.{name}"), number(drill, name));
    }
    form
}

/// The steps of a form as they are written, with this many empty ones behind.
pub(super) fn steps_of(form: &Form, more: usize) -> Vec<StepInput> {
    let is_filled = |at: &usize| {
        ["order", "wait"].iter().any(|name| !form.get(&format!("step.{at}.{name}")).is_empty())
            || places_of(form, *at).next().is_some()
    };
    let last = (0..STEPS_MAX).rev().find(is_filled).map_or(0, |last| last + 1);
    let step = |at: usize| {
        let of = |name: &str| form.get(&format!("step.{at}.{name}")).to_owned();
        let filled = places_of(form, at).last().map_or(0, |last| last + 1);
        let target = |place: usize| TargetInput {
            at: place,
            target: form.get(&format!("target.{at}.{place}")).to_owned(),
            within: form.get(&format!("within.{at}.{place}")).to_owned(),
            skill: form.get(&format!("skill.{at}.{place}")).to_owned(),
            error: form.error(&format!("target.{at}.{place}")).to_owned(),
        };
        StepInput {
            at,
            order: of("order"),
            wait: of("wait"),
            wait_error: form.error(&format!("step.{at}.wait")).to_owned(),
            when: of("when"),
            error: form.error(&format!("step.{at}")).to_owned(),
            targets: (0..(filled + TARGETS_MORE).min(TARGETS_MAX)).map(target).collect(),
        }
    };
    (0..(last + more).min(STEPS_MAX)).map(step).collect()
}

/// The places of a step where somebody is chosen.
fn places_of(form: &Form, at: usize) -> impl DoubleEndedIterator<Item = usize> + '_ {
    (0..TARGETS_MAX).filter(move |place| !form.get(&format!("target.{at}.{place}")).is_empty())
}

/// The document that a form says. What is no number is said beside its field.
pub(super) fn document_of(form: &mut Form, l: Lang) -> Sent {
    let mut document = Map::new();
    document.insert("name".to_owned(), json!(form.get("name")));
    document.insert("scope".to_owned(), scope_of(form));
    let kinds: Vec<&str> = KINDS.into_iter().filter(|kind| form.has("kinds", kind)).collect();
    document.insert("kinds".to_owned(), json!(kinds));
    // A stable sort: steps of one number stay as they stand. One without a number comes last.
    let mut steps: Vec<(usize, Vec<usize>)> =
        (0..STEPS_MAX).map(|at| (at, places_of(form, at).collect())).collect();
    steps.retain(|(_, places): &(usize, Vec<usize>)| !places.is_empty());
    steps.sort_by_key(|(at, _)| form.get(&format!("step.{at}.order")).parse().unwrap_or(u32::MAX));
    let written: Vec<Value> =
        steps.iter().map(|(at, places)| step_of(form, *at, places, l)).collect();
    document.insert("steps".to_owned(), json!(written));
    for (name, field) in [("acknowledgements_wanted", "wanted"), ("together", "together")] {
        if let Some(value) = count(form, field, l) {
            document.insert(name.to_owned(), value);
        }
    }
    if let Some(value) = count(form, "helpers_first", l) {
        document.insert("helpers_first_s".to_owned(), value);
    }
    document.insert("pace".to_owned(), pace_of(form, l));
    let mut drill = Map::new();
    drill.insert("escalates".to_owned(), json!(form.has("drill.escalates", "yes")));
    for name in ["from_hour", "until_hour", "announced_min"] {
        if let Some(value) = count(form, &format!("drill.{name}"), l) {
            drill.insert(name.to_owned(), value);
        }
    }
    document.insert("drill".to_owned(), Value::Object(drill));
    Sent { document: Value::Object(document), steps }
}

fn scope_of(form: &Form) -> Value {
    let scope = form.get("scope");
    let id = |start: &str| scope.strip_prefix(start)?.parse::<u32>().ok();
    match (id("grid:"), id("group:")) {
        (Some(id), _) => json!({"grid": id}),
        (None, Some(id)) => json!({"group": id}),
        (None, None) => json!("community"),
    }
}

fn step_of(form: &mut Form, at: usize, places: &[usize], l: Lang) -> Value {
    let wait = count(form, &format!("step.{at}.wait"), l).unwrap_or(json!(0));
    let when = form.get(&format!("step.{at}.when")).to_owned();
    let when = if when.is_empty() { "always" } else { &when };
    let target = |place: &usize| {
        let of = |name: &str| form.get(&format!("{name}.{at}.{place}")).to_owned();
        let target = of("target");
        match target.split_once(':') {
            Some(("post", code)) => json!({"post": {"code": code}}),
            Some((_, kind)) => {
                let within = of("within");
                let within = if within.is_empty() { "grid" } else { &within };
                let mut responders = json!({"kind": kind, "within": within});
                if let (false, Some(object)) = (of("skill").is_empty(), responders.as_object_mut())
                {
                    object.insert("skill".to_owned(), json!(of("skill")));
                }
                json!({"responders": responders})
            }
            None => json!(target),
        }
    };
    let targets: Vec<Value> = places.iter().map(target).collect();
    json!({"targets": targets, "wait_s": wait, "when": when})
}

fn pace_of(form: &mut Form, l: Lang) -> Value {
    let mut pace = Map::new();
    for (name, ..) in PACE {
        if let Some(value) = count(form, &format!("pace.{name}"), l) {
            pace.insert(name.to_owned(), value);
        }
    }
    let is_busy = ["busy.0", "busy.1"].iter().any(|name| !form.get(name).is_empty());
    if is_busy {
        let pauses = ["busy.0", "busy.1"].map(|name| {
            let pause = count(form, name, l);
            if pause.is_none() && form.error(name).is_empty() {
                form.blame(name, l.t("两个都要填写。", "Please write both."));
            }
            pause
        });
        pace.insert("busy_retry_s".to_owned(), json!(pauses));
    }
    Value::Object(pace)
}

/// A whole number; none where the field is empty.
fn count(form: &mut Form, field: &str, l: Lang) -> Option<Value> {
    let text = form.get(field).to_owned();
    if text.is_empty() {
        return None;
    }
    if let Ok(number) = text.parse::<u32>() {
        return Some(json!(number));
    }
    form.blame(field, l.t("请填写整数。", "Please write a whole number."));
    None
}

impl Sent {
    /// The field of a JSON pointer into the draft.
    pub(super) fn field_of(&self, pointer: &str) -> Option<String> {
        let mut parts = pointer.strip_prefix("/document/")?.split('/');
        let name = parts.next()?;
        let rest: Vec<&str> = parts.collect();
        let field = match (name, rest.as_slice()) {
            ("acknowledgements_wanted", _) => "wanted".to_owned(),
            ("helpers_first_s", _) => "helpers_first".to_owned(),
            ("name" | "scope" | "kinds" | "together" | "steps", []) => name.to_owned(),
            ("scope" | "kinds", _) => name.to_owned(),
            ("pace", ["busy_retry_s", at, ..]) => format!("busy.{at}"),
            ("pace", ["busy_retry_s"]) => "busy.0".to_owned(),
            ("pace" | "drill", [field, ..]) => format!("{name}.{field}"),
            ("steps", [step, rest @ ..]) => {
                let (at, places) = self.steps.get(step.parse::<usize>().ok()?)?;
                match rest {
                    ["wait_s", ..] => format!("step.{at}.wait"),
                    ["targets", place, ..] => {
                        let place = places.get(place.parse::<usize>().ok()?)?;
                        format!("target.{at}.{place}")
                    }
                    _ => format!("step.{at}"),
                }
            }
            _ => return None,
        };
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Value {
        json!({"name": "入室", "scope": {"grid": 3}, "kinds": ["intruder"], "steps": [
            {"targets": [{"post": {"code": "A"}}, "helpers", "group"], "wait_s": 0, "when": "always"},
            {"targets": [{"responders": {"kind": "patrol", "within": "building", "skill": "first_aid"}}],
                "wait_s": 30, "when": "not_enough"}],
            "acknowledgements_wanted": 3, "together": 2, "helpers_first_s": 20,
            "pace": {"ring_timeout_s": 40, "busy_retry_s": [15, 30]},
            "drill": {"escalates": true, "from_hour": 9, "until_hour": 20, "announced_min": 60}})
    }

    #[test]
    fn a_form_that_nobody_touched_is_the_document_again() {
        let mut other = document();
        other["scope"] = json!("community");
        let mut third = document();
        third["scope"] = json!({"group": 12});
        for document in [document(), other, third] {
            let mut form = form_of(&document);
            let sent = document_of(&mut form, Lang::English);
            assert!(!form.is_wrong(), "{form:?}");
            assert_eq!(sent.document, document);
        }
    }

    #[test]
    fn steps_are_ordered_by_their_numbers_and_empty_ones_left_out() {
        let mut form = form_of(&document());
        form.set("step.0.order", "2");
        form.set("step.1.order", "1");
        form.set("target.5.3", "all_workers");
        form.set("step.4.wait", "60");
        let sent = document_of(&mut form, Lang::English);
        let steps = sent.document["steps"].as_array().unwrap();
        assert_eq!(steps.len(), 3);
        assert_eq!(steps[0]["wait_s"], 30);
        assert_eq!(steps[2], json!({"targets": ["all_workers"], "wait_s": 0, "when": "always"}));
        for (pointer, field) in [
            ("/document/steps/0/wait_s", Some("step.1.wait")),
            ("/document/steps/1/targets/2", Some("target.0.2")),
            ("/document/steps/2/targets/0", Some("target.5.3")),
            ("/document/steps/2", Some("step.5")),
            ("/document/steps/1/targets", Some("step.0")),
            ("/document/steps/7", None),
            ("/document/steps", Some("steps")),
            ("/document/scope/grid", Some("scope")),
            ("/document/pace/busy_retry_s/1", Some("busy.1")),
            ("/document/pace/wave_s", Some("pace.wave_s")),
            ("/document/drill/until_hour", Some("drill.until_hour")),
            ("/document/acknowledgements_wanted", Some("wanted")),
            ("/document/nothing", None),
            ("/community_id", None),
        ] {
            assert_eq!(sent.field_of(pointer).as_deref(), field, "{pointer}");
        }
        let written = steps_of(&form, 1);
        assert_eq!((written.len(), written[5].targets.len(), written[6].targets.len()), (7, 6, 2));
    }

    #[test]
    fn what_is_no_number_is_said_beside_its_field() {
        let mut form = form_of(&document());
        for field in ["step.1.wait", "wanted", "pace.wave_s", "drill.from_hour"] {
            form.set(field, "many");
        }
        form.set("busy.1", "");
        document_of(&mut form, Lang::English);
        for field in ["step.1.wait", "wanted", "pace.wave_s", "drill.from_hour", "busy.1"] {
            assert!(!form.error(field).is_empty(), "{field}");
        }
    }
}
