//! Every page in the language of its reader: what is ours is said in it, in text, titles, labels and what stands in for
//! pictures. What people typed, names of things, and what is marked with the language that it is in may be otherwise.

use crate::browser::{Browser, Look};
use crate::stage::Stage;
use std::collections::BTreeSet;

/// Lists with names and addresses that people typed.
const TYPED: [&str; 11] = [
    "streets",
    "communities",
    "grids",
    "groups",
    "households",
    "contacts",
    "workers",
    "responders",
    "posts",
    "policies",
    "accounts",
];
/// Fields of them that people typed.
const FIELDS: [&str; 10] = [
    "name",
    "display_name",
    "place",
    "building",
    "unit",
    "floor",
    "door",
    "pronunciation",
    "code",
    "account",
];
/// Everything that is read or read aloud, but for what is marked as code or as another language than that of the page.
const WORDS: &str = "const own = document.documentElement.lang; const words = []; \
     const other = (it) => { const marked = it.closest('[lang]'); return marked && marked.lang !== own; }; \
     const skipped = 'script,style,code,kbd,pre,textarea,noscript,.client,[translate=no]'; \
     const add = (it, text) => { if (text && text.trim() && !other(it) && !it.closest(skipped)) words.push(text.trim()); }; \
     const walker = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT); \
     for (let at; at = walker.nextNode();) add(at.parentElement, at.data); \
     for (const it of document.querySelectorAll('*')) { \
       for (const name of ['title', 'alt', 'aria-label', 'aria-description', 'placeholder', 'data-label', 'label']) \
         add(it, it.getAttribute(name)); \
       if (it.matches('input[type=submit],input[type=button],input[type=reset]')) add(it, it.value); } \
     return words";

/// What people typed, the longest first, so that no part of it is left over.
pub(crate) fn typed(stage: &Stage) -> Vec<String> {
    let mut found = BTreeSet::new();
    for list in TYPED {
        let rows = stage.get(&format!("/{list}"))["items"].clone();
        for row in rows.as_array().expect("rows") {
            for field in FIELDS {
                found.extend(row[field].as_str().map(str::to_owned));
            }
            let policy = row["document"]["name"].as_str();
            found.extend(policy.map(str::to_owned));
            let skills = row["skills"].as_array().into_iter().flatten();
            found.extend(skills.filter_map(|skill| Some(skill.as_str()?.to_owned())));
        }
    }
    // What is configured has a name, too.
    for (list, items) in [("/tokens", "items"), ("/health", "routes")] {
        let rows = stage.get(list)[items].clone();
        let names = rows.as_array().expect("rows").iter();
        found.extend(names.filter_map(|row| Some(row["name"].as_str()?.to_owned())));
    }
    // A digit or a letter is in many words that nobody typed.
    let mut found: Vec<String> =
        found.into_iter().filter(|text| has_chinese(text) || has_english(text)).collect();
    found.sort_by_key(|text| std::cmp::Reverse(text.len()));
    found
}

/// Words of ours on the page that are not in the language of the look.
pub(crate) async fn foreign(
    browser: &Browser,
    stage: &Stage,
    (look, link): (Look, &str),
) -> Vec<String> {
    let words: Vec<String> = serde_json::from_value(browser.run(WORDS).await).expect("words");
    let typed = stage.typed(typed);
    let mut faults = BTreeSet::new();
    for words in words {
        let ours = typed.iter().fold(words.clone(), |words, typed| words.replace(typed, " "));
        let is_foreign = if look.lang == "en" { has_chinese(&ours) } else { has_english(&ours) };
        if is_foreign {
            faults.insert(format!("{link}: not in {}: {words}", look.lang));
        }
    }
    faults.into_iter().collect()
}

fn has_chinese(words: &str) -> bool {
    words.chars().any(|letter| matches!(letter, '\u{2e80}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}'))
}

/// Words that Chinese texts have, too: names of programs, of formats, of keys and of what is typed into a shell.
const TERMS: [&str; 10] = [
    "iCalendar",
    "Ctrl",
    "Lianfang",
    "SQLite",
    "Linux",
    "lianfang",
    "audit",
    "verify",
    "udp",
    "tcp",
];

/// Whether there is a word that no Chinese text has: of three small letters or more, and no name, address or hash.
fn has_english(words: &str) -> bool {
    let words =
        words.split(|letter: char| !letter.is_ascii_alphanumeric() && !"_-./:@#*".contains(letter));
    words.into_iter().any(|word| {
        let small = word.chars().filter(char::is_ascii_lowercase).count();
        let is_name =
            word.chars().any(|letter| "_./:@#*".contains(letter) || letter.is_ascii_digit());
        2 < small && !is_name && !TERMS.contains(&word)
    })
}

#[test]
fn a_word_of_another_language_is_found() {
    for (words, chinese, english) in [
        ("3号楼 502", true, false),
        ("Settings", false, true),
        ("SMS · CSV", false, false),
        ("，", true, false),
        ("/etc/lianfang.toml 用 lianfang audit verify", true, false),
        ("0401cdf5…", false, false),
        ("已登记 registered", true, true),
    ] {
        assert_eq!((has_chinese(words), has_english(words)), (chinese, english), "{words}");
    }
}
