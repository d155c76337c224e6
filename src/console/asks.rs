//! Confirm only what cannot be undone: every place that asks once more stands here, with why it does.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Why it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// Telephones ring.
    Rings,
    /// What goes does not come back, or somebody is shut out at once.
    Final,
    /// It can be undone: what was the reason is asked, which the history keeps, with what comes of it.
    Reason,
    /// It is no question, but a form or what questions are made of.
    None,
}

/// A file of a page that has a sign of a question, and why.
const ASKS: &[(&str, Why)] = &[
    ("accounts/questions.rs", Why::Final),
    ("accounts/tokens.rs", Why::Final),
    ("directory/pins.rs", Why::Final),
    ("policies/edit.rs", Why::Reason),
    ("question.rs", Why::None),
    ("templates/accounts/remove.html", Why::Final),
    // Calls the telephone of whoever presses: they need not be asked.
    ("templates/alarm.html", Why::None),
    ("templates/directory/move.html", Why::None),
    ("templates/directory/move_sure.html", Why::Reason),
    ("templates/directory/remove.html", Why::Reason),
    ("templates/drills/plan.html", Why::None),
    ("templates/drills/sure.html", Why::Rings),
    ("templates/prompts/erase.html", Why::Final),
    ("templates/question.html", Why::None),
    ("templates/raise.html", Why::Rings),
    ("templates/sure.html", Why::Rings),
    ("templates/webhooks/discard.html", Why::Final),
    ("templates/webhooks/remove.html", Why::Final),
    ("webhooks.rs", Why::Final),
];
/// What questions have: what they are made of, the field that says yes, a way back beside the button.
const SIGNS: &[&str] =
    &["Question {", "name=\"sure\"", "l.t(\"返回\", \"Back\")", "l.t(\"不移动\", \"Do not move\")"];
/// What a page says that cannot be undone, or asks for why, or rings.
const SAYS: &[(Why, &[&str])] = &[
    (Why::Rings, &["将有", "响铃"]),
    (Why::Final, &["无法恢复", "作废", "只能重设"]),
    (Why::Reason, &["d::why(", "asks_why: true"]),
];

/// Files below a folder that have one of the signs, with their text.
fn asking(folder: &Path, root: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            asking(&path, root, found);
            continue;
        }
        let name = path.strip_prefix(root).expect("is below").to_string_lossy().into_owned();
        let is_page = name.ends_with(".html") || name.ends_with(".rs");
        if !is_page || name.ends_with("tests.rs") || name == "asks.rs" {
            continue;
        }
        let text = fs::read_to_string(&path).expect("is text");
        if SIGNS.iter().any(|sign| text.contains(sign)) {
            found.push((name, text));
        }
    }
}

#[test]
fn whoever_asks_once_more_has_a_reason_that_stands_here() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    asking(root, root, &mut found);
    let names: BTreeSet<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    let named: BTreeSet<&str> = ASKS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, named, "undo is better than to ask: say here why it is asked");
    for (name, why) in ASKS {
        let Some((_, words)) = SAYS.iter().find(|(meant, _)| meant == why) else { continue };
        let text = &found.iter().find(|(found, _)| found == name).expect("is there").1;
        assert!(words.iter().any(|words| text.contains(words)), "{name} does not say {why:?}");
    }
}

/// Nothing is asked by a box of the browser, which says neither what comes of it nor how to get it back.
#[test]
fn no_script_asks() {
    for script in [include_str!("assets/console.js"), include_str!("assets/plan.js")] {
        for word in ["confirm(", "alert(", "prompt("] {
            assert!(!script.contains(word), "{word}");
        }
    }
}
