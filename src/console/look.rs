//! How pages look: night mode and large type on each of them, nothing that moves what is being read, nothing inline.

use crate::fake::Fake;
use crate::hostile::PAGES;
use std::fs;
use std::path::{Path, PathBuf};

const STYLE: &str = include_str!("assets/console.css");

/// Every template, with its text.
fn templates() -> Vec<(PathBuf, String)> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("templates")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(20 < found.len());
    found
}

#[test]
fn every_page_stands_in_the_frame_and_has_nothing_inline() {
    for (path, text) in templates() {
        let name = path.file_name().unwrap().to_str().unwrap();
        let is_page = text.contains("{% block main %}") && name != "frame.html";
        let in_frame = text.starts_with("{% extends \"frame.html\" %}");
        let is_part = !text.contains("{% block ") && !text.contains("<html");
        assert!(in_frame || is_part || name == "frame.html", "{}", path.display());
        assert_eq!(is_page, in_frame, "{}", path.display());
        for inline in [" style=", "<style", " onclick=", " onload=", " onsubmit=", "javascript:"] {
            assert!(!text.contains(inline), "{inline} in {}", path.display());
        }
        // One script for all, and one for the page where things are dragged; none is inline.
        let has_script = name == "frame.html" || path.ends_with("map/plan.html");
        for script in ["<script", "<script src=\"/assets/"] {
            let scripts = text.matches(script).count();
            assert_eq!(scripts, usize::from(has_script), "{}", path.display());
        }
    }
}

#[tokio::test]
async fn night_mode_and_large_type_are_on_every_page() {
    let fake = Fake::new("admin");
    let mut seen = 0;
    for page in PAGES {
        let path = page.replace("ID", "1");
        for (look, class) in [
            ("night%20large", "class=\"night large\""),
            ("day", "class=\"day\""),
            ("pink", "class=\"\""),
        ] {
            let page = fake.get_looking(&path, look).await;
            if page.html.starts_with("<!doctype html>") {
                seen += 1;
                let head = page.html.lines().nth(1).unwrap();
                assert!(head.starts_with("<html ") && head.contains(class), "{path}: {head}");
                // It can be changed there, without a script.
                page.shows(&["action=\"/look\"", "value=\"night\"", "value=\"large\""]);
            }
        }
    }
    assert!(60 < seen, "{seen}");
}

#[test]
fn both_looks_are_made_of_the_same_tokens() {
    let tokens = |text: &str| {
        let mut names: Vec<String> = text
            .split(['{', ';', '}'])
            .filter_map(|rule| rule.trim().strip_prefix("--")?.split(':').next().map(str::to_owned))
            .collect();
        names.sort();
        names
    };
    let part = |from: &str| {
        let rest = STYLE.split_once(from).unwrap_or_else(|| panic!("no {from}")).1;
        tokens(rest.split_once('}').unwrap().0)
    };
    let day = part(":root{");
    let (chosen, wished) = (part("html.night{"), part("html:not(.day){"));
    assert_eq!(chosen, wished, "chosen or wished by the device, night is the same");
    let of_colour: Vec<String> = day.into_iter().filter(|name| name != "size").collect();
    assert_eq!(of_colour, chosen, "each colour has one for the night");
    assert!(
        STYLE.contains("@media (prefers-color-scheme:dark)")
            && STYLE.contains("html.large{--size:")
    );
}

#[test]
fn nothing_moves_while_it_is_read() {
    // Fonts of the device, sizes that are known before a sound or picture is there, styles before anything is drawn.
    assert!(!STYLE.contains("@font-face") && STYLE.contains("audio{"));
    let audio = STYLE.split_once("audio{").unwrap().1.split_once('}').unwrap().0;
    assert!(audio.contains("width:") && audio.contains("height:"), "{audio}");
    let frame = include_str!("templates/frame.html");
    let at = |text: &str| frame.find(text).unwrap_or_else(|| panic!("no {text}"));
    assert!(at("rel=\"stylesheet\"") < at("<script") && at("<script") < at("</head>"));
    assert!(frame.contains(" defer></script>"));
    for (path, text) in templates() {
        assert!(!text.contains("<img"), "{}: a picture needs its size", path.display());
        let sounds = text.matches("<audio").count();
        let patient = text.matches("preload=\"none\"").count();
        assert_eq!(sounds, patient, "{}", path.display());
    }
}
