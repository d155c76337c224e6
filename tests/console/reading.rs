//! What readers meet on any page: by night, while it settles, and with keys alone.

use crate::browser::Browser;
use crate::keyboard::{TAB, keys};

/// Colours that are too close to each other, of the page as it is now; axe is there.
const COLOURS: &str = "const done = arguments[arguments.length - 1]; axe.run(document, {resultTypes: ['violations'], \
     preload: false, runOnly: ['color-contrast']}).then((found) => done([matchMedia('(prefers-color-scheme: \
     dark)').matches, found.violations.flatMap((v) => v.nodes.map((n) => n.html.slice(0, 160)))]))";
/// What moved by itself until the page has everything, with its first look at what is new, and was drawn with it.
const MOVED: &str = "const done = arguments[arguments.length - 1]; const moved = []; new PerformanceObserver((list) => \
     list.getEntries().forEach((one) => one.hadRecentInput || one.value < 0.0001 || \
     one.sources.every((part) => !part.node) || moved.push(`${one.value} \
     ${one.sources.map((part) => [part.node?.outerHTML?.slice(0, 60), JSON.stringify(part.previousRect), \
     JSON.stringify(part.currentRect)])}`))).observe({type: 'layout-shift', buffered: true}); \
     const { live, bar } = document.body.dataset; const look = () => { const has = document.readyState === 'complete' && \
     (!(live || bar) || performance.getEntriesByType('resource').some((one) => one.initiatorType === 'fetch')); if (has) \
     requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(moved), 20))); else setTimeout(look, 10); }; \
     look();";
/// Remembers where Tab stops, and what is wrong there; counts what it should stop at.
const STOPS: &str = "const name = (at) => [at.localName, at.type, at.name, at.type === 'radio' ? '' : at.id, at.type === 'radio' ? '' : at.value, \
     at.getAttribute('href'), at.form?.getAttribute('action'), at.type === 'radio' ? '' : \
     at.textContent.replace(/[0-9]+/g, '').trim().slice(0, 40)].join('|'); \
     const between = (low, high, end) => (Math.max(0, low) + Math.min(end, high)) / 2; \
     const stops = window.stops = new Set(); const wrong = window.wrong = new Set(); \
     window.wanted = () => [...document.querySelectorAll('a[href],button,input:not([type=hidden]),select,textarea,\
     summary,[tabindex]')].filter((at) => 0 <= at.tabIndex && !at.matches(':disabled') && \
     at.checkVisibility({visibilityProperty: true})).map(name); \
     document.addEventListener('keyup', (event) => { const at = document.activeElement; \
     if (event.key !== 'Tab' || at === document.body) return; stops.add(name(at)); const look = getComputedStyle(at); \
     if (look.outlineStyle === 'none' || parseFloat(look.outlineWidth) < 2) wrong.add(`no focus is seen on \
     ${at.outerHTML.slice(0, 120)}`); const box = at.getClientRects()[0]; if (!box) return; \
     const hit = document.elementFromPoint(between(box.left, box.right, innerWidth), between(box.top, box.bottom, innerHeight)); \
     const own = hit && (at.contains(hit) || [...at.labels || []].some((label) => label.contains(hit)) || \
     at.closest('svg')?.contains(hit)); if (!own) wrong.add(`${at.outerHTML.slice(0, 120)} is below \
     ${hit?.outerHTML.slice(0, 120)}`); }, true); return [wanted().length, \
     document.querySelectorAll('input[type=date],input[type=time],input[type=month],input[type=datetime-local],audio').length]";
const FOUND: &str =
    "return [window.wanted().filter((one) => !window.stops.has(one)), [...window.wrong]]";
/// Stops of a field of a date or a sound: each of its parts is one.
const PARTS: usize = 7;
/// How often all stops are gone through: what is replaced meanwhile is met the next time.
const ROUNDS: usize = 3;

impl Browser {
    /// Colours that cannot be told apart by night. Axe has looked at the page by day.
    pub(crate) async fn is_unclear_by_night(&self) -> Vec<String> {
        self.shows_as("", true).await;
        let found = self.client.execute_async(COLOURS, vec![]).await.expect("axe runs");
        self.shows_as("", false).await;
        let (is_dark, faults): (bool, Vec<String>) =
            serde_json::from_value(found).expect("findings");
        assert!(is_dark, "it is no night");
        faults.into_iter().map(|fault| format!("by night: {fault}")).collect()
    }

    /// What moves while the page that was just opened settles.
    pub(crate) async fn moves(&self) -> Vec<String> {
        let moved = self.client.execute_async(MOVED, vec![]).await.expect("is measured");
        let moved: Vec<String> = serde_json::from_value(moved).expect("a list");
        moved.into_iter().map(|what| format!("moves by {what}")).collect()
    }

    /// What keys do not reach, and where the focus cannot be seen.
    pub(crate) async fn is_out_of_reach(&self) -> Vec<String> {
        let count = self.run(STOPS).await;
        let (stops, dates): (usize, usize) = serde_json::from_value(count).expect("two numbers");
        let mut missed = Vec::new();
        for _ in 0..ROUNDS {
            keys(self, &TAB.repeat(stops + dates * PARTS + 2)).await;
            let (left, wrong): (Vec<String>, Vec<String>) =
                serde_json::from_value(self.run(FOUND).await).expect("two lists");
            if left.is_empty() {
                return wrong;
            }
            let left = left.into_iter().map(|what| format!("Tab never comes to {what}"));
            missed = left.chain(wrong).collect();
        }
        missed
    }
}

/// A page with a faint word by night, something that comes late, and a button that Tab passes by and one that is covered.
const FAULTS: &str = "const all = new CSSStyleSheet(); all.replaceSync(`@media (prefers-color-scheme: dark) { h1 { color: \
     #333 } } .cover { position: fixed; inset: 0; background: #000 } #reach { outline: none !important }`); \
     document.adoptedStyleSheets = [all]; const main = document.querySelector('main'); main.insertAdjacentHTML('beforeend', \
     '<button id=reach>x</button>'); const out = document.createElement('button'); out.id = out.textContent = 'out'; \
     out.onfocus = () => out.blur(); main.append(out); return 0";

#[test]
fn whoever_looks_sees_each_of_these_faults() {
    crate::stage::story(crate::browser::CHINESE, async |browser, stage| {
        browser.goto(&stage.page("/login")).await;
        assert_eq!(browser.moves().await, Vec::<String>::new());
        let down = "const gap = document.createElement('p'); gap.textContent = 'late'; document.body.prepend(gap); return 0";
        browser.run(down).await;
        assert_ne!(browser.moves().await, Vec::<String>::new(), "it moved");
        browser.goto(&stage.page("/login")).await;
        assert_eq!(browser.is_out_of_reach().await, Vec::<String>::new());
        browser.run(FAULTS).await;
        assert_eq!(browser.faults("faulty", (&[1440], &[1440])).await, Vec::<String>::new());
        let night = browser.is_unclear_by_night().await;
        assert!(night.iter().any(|fault| fault.contains("h1")), "{night:?}");
        let reach = browser.is_out_of_reach().await.join("\n");
        assert!(reach.contains("no focus is seen on <button id=\"reach\""), "{reach}");
        assert!(reach.contains("never comes to button|submit||out||||out"), "{reach}");
        browser.run("document.body.insertAdjacentHTML('beforeend', '<p class=cover></p>')").await;
        let reach = browser.is_out_of_reach().await;
        assert!(reach.iter().any(|fault| fault.contains("is below <p class=\"cover\"")));
    });
}
