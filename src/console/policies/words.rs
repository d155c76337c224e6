//! A policy in words, line by line, and what differs between two versions.

use super::document::{KINDS, PACE, TARGETS, WHEN, WITHIN, Words, target_of};
use crate::board;
use crate::lang::Lang;
use serde_json::Value;

/// Lines of one policy that are compared: more than any has.
const LINES_MAX: usize = 200;

/// A line of two versions.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) words: String,
    /// Whether it is only in the older or only in the newer one.
    pub(super) change: Change,
}

/// Where a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Both,
    Gone,
    New,
}

fn chosen(words: &[(&'static str, Words)], value: &str, l: Lang) -> String {
    let found = words.iter().find(|(known, _)| *known == value);
    found.map_or_else(
        || value.to_owned(),
        |(_, (chinese, english))| l.t(chinese, english).to_owned(),
    )
}

fn number(value: &Value, name: &str) -> Option<u64> {
    value.get(name).and_then(Value::as_u64)
}

/// For which doors it holds; `places` are the names of grids and groups.
pub(super) fn scope(document: &Value, places: &dyn Fn(&str, u64) -> String, l: Lang) -> String {
    let scope = document.get("scope").unwrap_or(&Value::Null);
    if let Some(id) = number(scope, "grid") {
        return format!("{} {}", l.t("网格", "grid"), places("grids", id));
    }
    if let Some(id) = number(scope, "group") {
        return format!("{} {}", l.t("联防组", "group"), places("groups", id));
    }
    l.t("整个社区", "the whole community").to_owned()
}

/// For which kinds of alarms it holds.
pub(super) fn kinds(document: &Value, l: Lang) -> String {
    let has = document.get("kinds").and_then(Value::as_array);
    let named = |kind: &str| has.is_some_and(|kinds| kinds.iter().any(|one| one == kind));
    let named: Vec<&str> =
        KINDS.into_iter().filter(|kind| named(kind)).map(|kind| board::kind(kind, l)).collect();
    if named.is_empty() {
        return l.t("所有警情", "every kind of alarm").to_owned();
    }
    named.join(l.t("、", ", "))
}

/// Whom a step calls.
pub(super) fn target(target: &Value, l: Lang) -> String {
    let (target, within, skill) = target_of(target);
    if let Some(code) = target.strip_prefix("post:") {
        return format!("{} {code}", l.t("岗位", "post"));
    }
    let mut words = chosen(&TARGETS, &target, l);
    if target.starts_with("responders:") {
        let within = if within.is_empty() { "grid" } else { &within };
        words = match l {
            Lang::Chinese => format!("{words}（{}）", chosen(&WITHIN, within, l)),
            Lang::English => format!("{words} {}", chosen(&WITHIN, within, l)),
        };
        if !skill.is_empty() {
            words.push_str(&format!(" {}", l.t("有技能 ", "with the skill ")));
            words.push_str(&skill);
        }
    }
    words
}

/// A step but for whom it calls.
fn step(at: usize, step: &Value, l: Lang) -> String {
    if at == 0 {
        return l.t("第 1 级，立即", "Step 1, at once").to_owned();
    }
    let wait = number(step, "wait_s").unwrap_or_default();
    let when = step.get("when").and_then(Value::as_str).unwrap_or("always");
    let when = chosen(&WHEN, when, l);
    let number = at + 1;
    match l {
        Lang::Chinese => format!("第 {number} 级，再过 {wait} 秒，{when}"),
        Lang::English => format!("Step {number}, {wait} s later, {when}"),
    }
}

/// The whole document, line by line.
pub(super) fn lines(
    document: &Value,
    places: &dyn Fn(&str, u64) -> String,
    l: Lang,
) -> Vec<String> {
    let said = |label: &str, value: String| format!("{label}{}{value}", l.t("：", ": "));
    let name = document.get("name").and_then(Value::as_str).unwrap_or_default();
    let mut lines = vec![
        said(l.t("名称", "Name"), name.to_owned()),
        said(l.t("适用于", "Holds for"), scope(document, places, l)),
        said(l.t("警情", "Alarms"), kinds(document, l)),
    ];
    let steps = document.get("steps").and_then(Value::as_array);
    for (at, one) in steps.into_iter().flatten().enumerate() {
        let targets = one.get("targets").and_then(Value::as_array).into_iter().flatten();
        let targets: Vec<String> = targets.map(|one| target(one, l)).collect();
        lines.push(said(&step(at, one, l), targets.join(l.t("、", "; "))));
    }
    let counts = [
        ("acknowledgements_wanted", l.t("应到户数", "Households wanted")),
        ("together", l.t("至少几人才进门", "At least so many go in together")),
        (
            "helpers_first_s",
            l.t("帮扶人先呼叫（秒）", "Personal helpers are called before the others, seconds"),
        ),
    ];
    for (field, label) in counts {
        let value =
            number(document, field).filter(|value| (field, *value) != ("helpers_first_s", 0));
        lines.extend(value.map(|value| said(label, value.to_string())));
    }
    let pace = document.get("pace").unwrap_or(&Value::Null);
    for (field, (chinese, english), ..) in PACE {
        let value = number(pace, field);
        lines.extend(value.map(|value| said(l.t(chinese, english), value.to_string())));
    }
    if let Some(pauses) = pace.get("busy_retry_s").and_then(Value::as_array) {
        let pauses: Vec<String> = pauses.iter().map(Value::to_string).collect();
        lines.push(said(
            l.t("占线后再呼（秒）", "Pauses after a busy signal, seconds"),
            pauses.join(", "),
        ));
    }
    lines.extend(drill(document.get("drill").unwrap_or(&Value::Null), l));
    lines
}

fn drill(drill: &Value, l: Lang) -> Option<String> {
    let from = number(drill, "from_hour")?;
    let until = number(drill, "until_hour")?;
    let announced = number(drill, "announced_min").unwrap_or_default();
    let escalates = drill.get("escalates").and_then(Value::as_bool).unwrap_or_default();
    let steps = if escalates {
        l.t("各级都呼叫", "all steps")
    } else {
        l.t("只呼叫第一级", "the first step alone")
    };
    Some(match l {
        Lang::Chinese => {
            format!("演练：{from} 点到 {until} 点，提前 {announced} 分钟告知，{steps}")
        }
        Lang::English => format!(
            "Drills: from {from} to {until} o'clock, announced {announced} minutes before, {steps}"
        ),
    })
}

/// What differs: the lines of both in order (a longest common subsequence).
pub(super) fn difference(older: &[String], newer: &[String]) -> Vec<Line> {
    let older: Vec<&String> = older.iter().take(LINES_MAX).collect();
    let newer: Vec<&String> = newer.iter().take(LINES_MAX).collect();
    // `common[i][j]`: lines in common of what is left from i and j on.
    let mut common = vec![vec![0_usize; newer.len() + 1]; older.len() + 1];
    let at = |common: &[Vec<usize>], i: usize, j: usize| {
        common.get(i).and_then(|row| row.get(j)).copied().unwrap_or_default()
    };
    for (i, old) in older.iter().enumerate().rev() {
        for (j, new) in newer.iter().enumerate().rev() {
            let best = if old == new {
                at(&common, i + 1, j + 1) + 1
            } else {
                at(&common, i + 1, j).max(at(&common, i, j + 1))
            };
            if let Some(cell) = common.get_mut(i).and_then(|row| row.get_mut(j)) {
                *cell = best;
            }
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut lines = Vec::with_capacity(older.len() + newer.len());
    let line = |words: &String, change| Line { words: words.clone(), change };
    loop {
        match (older.get(i), newer.get(j)) {
            (Some(old), Some(new)) if old == new => {
                lines.push(line(old, Change::Both));
                (i, j) = (i + 1, j + 1);
            }
            (Some(old), Some(_)) if at(&common, i, j + 1) <= at(&common, i + 1, j) => {
                lines.push(line(old, Change::Gone));
                i += 1;
            }
            (Some(old), None) => {
                lines.push(line(old, Change::Gone));
                i += 1;
            }
            (_, Some(new)) => {
                lines.push(line(new, Change::New));
                j += 1;
            }
            (None, None) => return lines,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn places(plural: &str, id: u64) -> String {
        format!("{plural}-{id}")
    }

    #[test]
    fn a_policy_is_told_in_words() {
        let document = json!({"name": "入室", "scope": {"grid": 3}, "kinds": ["intruder"], "steps": [
            {"targets": [{"post": {"code": "A"}}, "group"], "wait_s": 0, "when": "always"},
            {"targets": [{"responders": {"kind": "patrol", "within": "building", "skill": "first_aid"}}],
                "wait_s": 30, "when": "not_enough"}],
            "together": 2, "helpers_first_s": 0, "pace": {"ring_timeout_s": 40, "busy_retry_s": [15, 30]},
            "drill": {"escalates": false, "from_hour": 9, "until_hour": 20, "announced_min": 60}});
        assert_eq!(
            lines(&document, &places, Lang::English),
            [
                "Name: 入室",
                "Holds for: grid grids-3",
                "Alarms: Intruder",
                "Step 1, at once: post A; the other households of the group",
                "Step 2, 30 s later, not enough are coming: responders: patrol of the building with the skill first_aid",
                "At least so many go in together: 2",
                "A telephone rings, seconds: 40",
                "Pauses after a busy signal, seconds: 15, 30",
                "Drills: from 9 to 20 o'clock, announced 60 minutes before, the first step alone",
            ]
        );
        let chinese = lines(&document, &places, Lang::Chinese).join("\n");
        for words in [
            "名称：入室",
            "第 1 级，立即：岗位 A、本组其他各户",
            "第 2 级，再过 30 秒，前往的人不够：",
            "（本楼）",
        ] {
            assert!(chinese.contains(words), "{words}: {chinese}");
        }
        assert_eq!(lines(&Value::Null, &places, Lang::English).len(), 3);
    }

    #[test]
    fn what_differs_is_marked_and_nothing_else() {
        let lines = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
        let changes: String = difference(&lines("abcd"), &lines("axcde"))
            .iter()
            .map(|line| match line.change {
                Change::Both => line.words.clone(),
                Change::Gone => format!("-{}", line.words),
                Change::New => format!("+{}", line.words),
            })
            .collect();
        assert_eq!(changes, "a-b+xcd+e");
    }

    proptest! {
        #[test]
        fn both_versions_can_be_read_out_of_the_difference(a in "[a-d]{0,12}", b in "[a-d]{0,12}") {
            let lines = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
            let told = difference(&lines(&a), &lines(&b));
            let without = |change| {
                told.iter().filter(|line| line.change != change).map(|line| &*line.words).collect::<String>()
            };
            prop_assert_eq!(without(Change::New), a);
            prop_assert_eq!(without(Change::Gone), b);
        }
    }
}
