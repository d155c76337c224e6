//! Chromium without a window, as a person would use it, and what axe finds on a page.

use crate::skip;
use fantoccini::elements::Element;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

/// Rules of WCAG 2.2 A and AA, and good practice. Colours are the same in every width and are looked at once.
const AXE: &str = "const done = arguments[arguments.length - 1]; axe.run(document, {resultTypes: ['violations'], \
     preload: false, rules: {'color-contrast': {enabled: arguments[0]}}}).then((found) => done(found.violations.map((v) \
     => v.id + ': ' + v.help + ' | ' + v.nodes.map((n) => n.html.slice(0, 160)).join(' ## '))))";
/// Where scripts are off, what `<noscript>` holds is part of the page, which axe does not believe; and no clock of a page
/// goes. What a tester runs runs all the same: axe waits for no time before it says what it found, so that at once will do.
const WITHOUT_SCRIPT_AS_IT_IS: &str = "for (const it of document.querySelectorAll('noscript')) \
     it.replaceWith(...it.childNodes); window.setTimeout = (does, after) => { if (!after) Promise.resolve().then(does); \
     return 0 };";
/// Longest wait for anything.
pub(crate) const LONGEST: Duration = Duration::from_secs(30);
/// Widths of pages that are looked at.
pub(crate) const WIDTHS: [u32; 3] = [1440, 768, 320];

/// How often it is looked whether something is there.
const LOOK_EVERY: Duration = Duration::from_millis(15);
/// How often something is pressed that is replaced meanwhile.
const TRIES: u32 = 20;

/// A browser of its own, with nothing kept from another.
pub(crate) struct Browser {
    pub(crate) client: Client,
    driver: Child,
    axe: String,
    has_script: bool,
    /// Of the driver.
    pub(crate) address: String,
}

/// How the browser is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) lang: &'static str,
    pub(crate) has_script: bool,
}

pub(crate) const CHINESE: Look = Look { lang: "zh-CN", has_script: true };
pub(crate) const ENGLISH: Look = Look { lang: "en", has_script: true };
pub(crate) const WITHOUT_SCRIPT: Look = Look { lang: "zh-CN", has_script: false };

/// Tells a story in a browser of its own with this look.
pub(crate) fn browse(look: Look, told: impl AsyncFnOnce(&Browser)) {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).enable_all().build().expect("builds");
    let browser = runtime.block_on(Browser::open(look));
    let telling = || runtime.block_on(told(&browser));
    let end = std::panic::catch_unwind(AssertUnwindSafe(telling));
    // Also after a story that ends badly: a driver that is killed leaves its browser running.
    runtime.block_on(browser.close());
    if let Err(panic) = end {
        std::panic::resume_unwind(panic);
    }
}

impl Browser {
    /// Whether there is one; where there is none, says so.
    pub(crate) fn is_there() -> bool {
        let has_axe = axe_file().is_file() || skip::needs("axe-core (tests/packages.sh)").is_some();
        has_axe && skip::needs("chromium").is_some() && skip::needs("chromedriver").is_some()
    }

    /// Starts one.
    pub(crate) async fn open(look: Look) -> Self {
        let axe = std::fs::read_to_string(axe_file()).expect("axe is there");
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null());
        let mut driver = command.spawn().expect("chromedriver starts");
        // It stays open: the driver may say more.
        let port = port_of(driver.stdout.as_mut().expect("is piped"));
        let mut capabilities = serde_json::Map::new();
        capabilities.insert("goog:chromeOptions".into(), options(look));
        // Servers of the tests prove their names themselves.
        capabilities.insert("acceptInsecureCerts".into(), json!(true));
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities);
        let address = format!("http://127.0.0.1:{port}");
        let connecting = tokio::time::timeout(LONGEST, builder.connect(&address)).await;
        let client = connecting.expect("the browser starts in time").expect("the browser starts");
        Self { client, driver, axe, has_script: look.has_script, address }
    }

    /// Opens a page.
    pub(crate) async fn goto(&self, url: &str) {
        self.client.goto(url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
    }

    /// Types into the field of this name, instead of what stands there.
    pub(crate) async fn fill(&self, name: &str, text: &str) {
        let field = self.find(&format!("main [name='{name}']")).await;
        field.clear().await.expect("is a field");
        field.send_keys(text).await.expect("is typed");
    }

    /// Presses what this selector finds, and waits for what comes.
    pub(crate) async fn press(&self, selector: &str) {
        self.press_at(Locator::Css(selector)).await;
    }

    pub(crate) async fn press_at(&self, place: Locator<'_>) {
        for _ in 0..TRIES {
            match self.find_at(place).await.click().await {
                // A live part was replaced between the look and the press: a person would see the new one.
                Err(error)
                    if error.is_stale_element_reference()
                        || error.to_string().contains("does not belong to the document") => {}
                done => return done.unwrap_or_else(|error| panic!("{place:?}: {error}")),
            }
        }
        panic!("{place:?} never stays");
    }

    /// Waits for what this selector finds.
    pub(crate) async fn find(&self, selector: &str) -> Element {
        self.find_at(Locator::Css(selector)).await
    }

    pub(crate) async fn find_at(&self, place: Locator<'_>) -> Element {
        let waiting = self.client.wait().at_most(LONGEST).every(LOOK_EVERY).for_element(place);
        match waiting.await {
            Ok(element) => element,
            Err(error) => panic!("no {place:?}: {error}\n{}", self.told().await),
        }
    }

    /// Waits until the page, without its frame, says this.
    pub(crate) async fn waits_for(&self, words: &str) {
        let path = format!("//main[contains(., '{words}')]");
        self.find_at(Locator::XPath(&path)).await;
    }

    /// Where the browser is and what the page says, for whoever has to find out what went wrong.
    async fn told(&self) -> String {
        let url = self.client.current_url().await.map(|url| url.to_string());
        let said = self.run("return document.body.innerText").await;
        format!("at {url:?} ({}): {}", self.address, said.as_str().unwrap_or_default())
    }

    /// Looks at the page in every width, and keeps a picture: axe finds nothing, nothing is wider than the screen.
    pub(crate) async fn looks_right(&self, name: &str) {
        assert_eq!(self.faults(name, (&WIDTHS, &[1440, 320])).await, Vec::<String>::new());
        self.client.set_window_size(WIDTHS[0], 900).await.expect("is resized");
    }

    /// What is not right with the page in these widths, and what axe, which takes its time, finds in those. A picture of
    /// each width is kept. The page stays in the last one.
    pub(crate) async fn faults(
        &self,
        name: &str,
        (widths, of_axe): (&[u32], &[u32]),
    ) -> Vec<String> {
        let mut faults = Vec::new();
        if !of_axe.is_empty() {
            let before = if self.has_script { "" } else { WITHOUT_SCRIPT_AS_IT_IS };
            self.run(&format!("{}; {before} return 0", self.axe)).await;
        }
        for &width in widths {
            self.client.set_window_size(width, 900).await.expect("is resized");
            let wide =
                self.run("return [document.documentElement.scrollWidth, window.innerWidth]").await;
            let wide: (u32, u32) = serde_json::from_value(wide).expect("two numbers");
            if wide.1.max(width) < wide.0 {
                faults.push(format!("{name} at {width}: {} px wide", wide.0));
            }
            if of_axe.contains(&width) {
                // Nor are they others in another language.
                let is_first = width == WIDTHS[0];
                let found = self.axe_finds(name, is_first).await.into_iter();
                faults.extend(found.map(|fault| format!("{name} at {width}: {fault}")));
            }
            if let Some(folder) = std::env::var_os("LIANFANG_SCREENSHOTS") {
                let picture = self.client.screenshot().await.expect("is drawn");
                let file = PathBuf::from(folder).join(format!("{name}-{width}.png"));
                std::fs::write(&file, picture).expect("is written");
            }
        }
        faults
    }

    async fn axe_finds(&self, name: &str, with_colours: bool) -> Vec<String> {
        let found = self.client.execute_async(AXE, vec![json!(with_colours)]).await;
        let found = found.unwrap_or_else(|error| panic!("{name}: axe does not run: {error}"));
        serde_json::from_value(found).expect("a list of findings")
    }

    /// Runs a script as a tester, past the rules for pages.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.client
            .execute(script, vec![])
            .await
            .unwrap_or_else(|error| panic!("{script:.80}: {error}"))
    }

    pub(crate) async fn close(&self) {
        self.client.clone().close().await.expect("closes");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // After a panic too, nothing of ours is left running.
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// The port that the driver says it has, of its own choice.
fn port_of(said: &mut ChildStdout) -> u16 {
    let lines = BufReader::new(said).lines().map_while(Result::ok);
    let mut ports = lines.filter_map(|line| {
        line.split_once("on port ")?.1.trim_end_matches('.').parse::<u16>().ok()
    });
    // The first line has the port that was asked for, which is none.
    ports.find(|port| *port != 0).expect("chromedriver says its port")
}

fn options(look: Look) -> Value {
    let script = if look.has_script { 1 } else { 2 };
    json!({
        "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            format!("--lang={}", look.lang), "--hide-scrollbars", "--autoplay-policy=no-user-gesture-required"],
        "prefs": {
            "intl.accept_languages": look.lang,
            "profile.managed_default_content_settings.javascript": script,
        },
    })
}

/// Where `tests/packages.sh` puts axe.
fn axe_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/browser/package/axe.min.js")
}
