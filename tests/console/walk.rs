//! Every kind of page that somebody can get to by links, as each role would: none fails, axe finds nothing, none is too
//! large, none is wider than the screen of an old telephone.

use crate::browser::{Browser, CHINESE, ENGLISH, Look, WIDTHS, WITHOUT_SCRIPT};
use crate::languages::foreign;
use crate::people::arrives;
use crate::stage::{Stage, story};
use lianfang_loadtest::pages::walk::{is_page, kind_of};
use std::collections::{BTreeSet, VecDeque};

/// Kinds of pages, so that a fault that makes links without end ends.
const PAGES_MAX: usize = 200;
/// Bytes of a page without its style and script.
const BYTES_MAX: u64 = 100 * 1024;
/// Messages of the network of the alarm: 150 KB.
const MESSAGES: u32 = 40;
/// The links of a page that lead to pages.
const LINKS: &str = "return [...document.querySelectorAll('a[href]')].filter((a) => a.origin === location.origin && \
     !a.hasAttribute('download')).map((a) => a.pathname + a.search)";
/// Status and size of the page, and how often it has a heading of the first level.
const FACTS: &str = "const page = performance.getEntriesByType('navigation')[0]; return [page.responseStatus, \
     page.decodedBodySize, document.querySelectorAll('h1').length]";

/// What somebody saw who went wherever links lead.
#[derive(Default)]
struct Seen {
    kinds: BTreeSet<String>,
    faults: Vec<String>,
}

/// What is wrong with the page that the browser is at.
async fn faults_of(browser: &Browser, link: &str) -> Vec<String> {
    let facts = browser.run(FACTS).await;
    let (status, bytes, headings): (u16, u64, u32) =
        serde_json::from_value(facts).expect("three numbers");
    let mut faults = Vec::new();
    if status != 200 {
        faults.push(format!("{link}: status {status}"));
    }
    if BYTES_MAX < bytes {
        faults.push(format!("{link}: {bytes} bytes"));
    }
    if headings != 1 {
        faults.push(format!("{link}: {headings} headings of the first level"));
    }
    faults
}

/// What moves each time that the page is opened: once, it may be the bar, which has something to tell.
async fn moves(browser: &Browser, stage: &Stage, link: &str) -> Vec<String> {
    let mut found = browser.moves().await;
    if !found.is_empty() {
        browser.goto(&stage.page(link)).await;
        found = browser.moves().await;
    }
    found
}

/// Somebody of this role goes wherever links lead.
async fn walks(browser: &Browser, stage: &Stage, role: &str, look: Look) -> Seen {
    arrives(browser, stage, role).await;
    let mut queue = VecDeque::from(["/".to_owned()]);
    let mut seen = Seen { kinds: BTreeSet::from([kind_of("/")]), faults: Vec::new() };
    while let Some(link) = queue.pop_front() {
        if role == "admin" && look.has_script {
            // Where a page is looked at by keys it is opened wide, elsewhere narrow.
            let width = if look.lang == ENGLISH.lang { 1440 } else { 320 };
            browser.client.set_window_size(width, 900).await.expect("is resized");
        }
        browser.goto(&stage.page(&link)).await;
        seen.faults.extend(faults_of(browser, &link).await);
        seen.faults.extend(foreign(browser, stage, (look, &link)).await);
        if role == "admin" {
            let mut found =
                if look.has_script { moves(browser, stage, &link).await } else { Vec::new() };
            let name = kind_of(&link).replace(['/', '?', '#', '&', '='], "-");
            // The structure is the same in both languages; what is said, and how long it is, is not. Between them axe sees
            // the widest and the narrowest screen. Without script pages are others, as far as axe can tell.
            let (at, how): ((&[u32], &[u32]), _) = match (look.has_script, look.lang) {
                (false, _) => ((&[320], &[320]), "-plain"),
                (true, "zh-CN") => ((&WIDTHS, &[1440]), ""),
                (true, _) => ((&[320], &[320]), ""),
            };
            let name = format!("walk{name}-{}{how}", look.lang);
            seen.faults.extend(browser.faults(&name, at).await);
            match (look.has_script, look.lang) {
                (false, _) => {}
                (true, "zh-CN") => found.extend(browser.is_unclear_by_night().await),
                (true, _) => found.extend(browser.is_out_of_reach().await),
            }
            seen.faults.extend(found.into_iter().map(|fault| format!("{link}: {fault}")));
        }
        let links = browser.run(LINKS).await;
        let links: Vec<String> = serde_json::from_value(links).expect("links");
        for link in links.into_iter().filter(|link| is_page(link)) {
            if seen.kinds.len() < PAGES_MAX && seen.kinds.insert(kind_of(&link)) {
                queue.push_back(link);
            }
        }
    }
    if PAGES_MAX <= seen.kinds.len() {
        seen.faults.push(format!("there is no end: {:?}", seen.kinds));
    }
    seen
}

/// The kinds of pages that this role gets to, once an alarm is there.
fn told(role: &'static str, look: Look, wanted: &[&str], hidden: &[&str]) {
    story(look, async |browser, stage| {
        let alarm = stage.raises("05925551502");
        // Its dossier has parts.
        stage.traces(&alarm, MESSAGES);
        let Seen { kinds: seen, faults } = walks(browser, stage, role, look).await;
        assert!(faults.is_empty(), "{role}:\n{}", faults.join("\n"));
        for place in wanted {
            assert!(
                seen.iter().any(|kind| kind.starts_with(place)),
                "{role}: {place} not in {seen:?}"
            );
        }
        for place in hidden {
            assert!(
                !seen.iter().any(|kind| kind.starts_with(place)),
                "{role}: {place} in {seen:?}"
            );
        }
    });
}

/// A part of a dossier behind the first.
const PART: &str = "/alarms/#/dossier?as_of&part";
const PLACES: &[&str] =
    &["/directory", "/lines", "/roster", "/policies", "/prompts", "/drills", "/reports", "/map"];

#[test]
fn an_admin_walks_through_every_page() {
    let places = [PLACES, &["/audit", "/accounts", "/alarms/#", PART]].concat();
    told("admin", CHINESE, &places, &[]);
}

#[test]
fn an_admin_walks_through_every_page_in_english() {
    told("admin", ENGLISH, PLACES, &[]);
}

#[test]
fn an_admin_walks_through_every_page_without_script() {
    let places = [PLACES, &["/audit", "/accounts/#", "/alarms/#"]].concat();
    told("admin", WITHOUT_SCRIPT, &places, &[]);
}

#[test]
fn an_operator_walks_through_every_page_without_script() {
    told("operator", WITHOUT_SCRIPT, PLACES, &["/audit", "/accounts/#"]);
}

#[test]
fn an_auditor_walks_through_what_there_is_to_read() {
    told("auditor", CHINESE, &["/audit", "/reports", "/alarms/#", PART], &["/accounts/#"]);
}

#[test]
fn a_responder_walks_through_what_is_theirs() {
    told("responder", ENGLISH, &["/"], &["/audit", "/accounts/#", "/directory/households"]);
}

/// A fault that stands where only browsers without script look.
const FAULT: &str =
    "document.querySelector('main').innerHTML += '<noscript><img src=\"x\"></noscript>'";

#[test]
fn axe_sees_what_is_there_without_script_alone() {
    for (look, wanted) in [(ENGLISH, 0), (WITHOUT_SCRIPT, 1)] {
        story(look, async |browser, stage| {
            browser.goto(&stage.page("/login")).await;
            browser.run(FAULT).await;
            let faults = browser.faults("noscript", (&[320], &[320])).await;
            assert_eq!(faults.len(), wanted, "{faults:?}");
            assert!(faults.iter().all(|fault| fault.contains("image-alt")), "{faults:?}");
        });
    }
}
