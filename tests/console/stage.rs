//! The service with the sample directory, and people with accounts.

pub(crate) use crate::browser::LONGEST;
use crate::browser::{Browser, Look, browse};
use crate::town::{self, Town};
use lianfang::clock::Clock;
use lianfang::store::traces::{TraceMessage, Traces};
use lianfang_domain::id::AlarmId;
use lianfang_loadtest::api::Api;
use lianfang_loadtest::clock::now;
use lianfang_loadtest::service::{Service, Setup};
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tempfile::TempDir;

/// What all people of the tests sign in with.
pub(crate) const PASSWORD: &str = "three quiet herons";
const SERVICE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// The only host that webhooks may be sent to. Nobody has this name.
pub(crate) const HOOKS: &str = "hooks.example.com";
/// How often a press is sent again while the service is busy.
const PRESSES: u32 = 10;
/// How often it is looked whether something has come about.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Cases run one after the other: each has a service and a browser of its own, and two cores are few.
static ONE: Mutex<()> = Mutex::new(());

/// Tells a story: the service first, then a browser with this look.
pub(crate) fn story(look: Look, told: impl AsyncFnOnce(&Browser, &Stage)) {
    if Browser::is_there() {
        let stage = Stage::new("");
        browse(look, async |browser| told(browser, &stage).await);
    }
}

/// The same with a map of tiles from there.
pub(crate) fn tiled_story(look: Look, tiles: &str, told: impl AsyncFnOnce(&Browser, &Stage)) {
    if Browser::is_there() {
        let stage = Stage::new(&format!("map_tiles = \"{tiles}\"\n"));
        browse(look, async |browser| told(browser, &stage).await);
    }
}

/// The same with telephones that ring and answer.
pub(crate) fn living_story(look: Look, told: impl AsyncFnOnce(&Browser, &Stage, &Town)) {
    if Browser::is_there() {
        let (stage, town) = Stage::living();
        browse(look, async |browser| told(browser, &stage, &town).await);
    }
}

/// A service that starts for the first time, with the token that it shows.
pub(crate) fn first_story(look: Look, told: impl AsyncFnOnce(&Browser, &Stage, &str)) {
    if Browser::is_there() {
        let (stage, token) = Stage::first();
        browse(look, async |browser| told(browser, &stage, &token).await);
    }
}

/// A running service.
pub(crate) struct Stage {
    pub(crate) setup: Setup,
    api: Api,
    typed: OnceLock<Vec<String>>,
    _service: Service,
    folder: TempDir,
    _one: MutexGuard<'static, ()>,
}

impl Stage {
    /// With the sample directory and an admin token. Nobody is there who could be called.
    fn new(of_http: &str) -> Self {
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().expect("a folder");
        let nobody = TcpListener::bind((SERVICE, 0)).and_then(|socket| socket.local_addr());
        let carrier: SocketAddr = nobody.expect("a free port");
        let setup = Setup::on_free_ports(folder.path(), carrier, SERVICE).expect("ports are free");
        write(&setup, of_http);
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/sample");
        import(&setup, &sample);
        Self::serve(setup, folder, one)
    }

    /// With a carrier and people who answer; everybody has a mobile. One line is registered and can press.
    fn living() -> (Self, Town) {
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().expect("a folder");
        let town = Town::start();
        let nowhere = SocketAddr::new(SERVICE, 0);
        let mut setup =
            Setup::on_free_ports(folder.path(), nowhere, SERVICE).expect("ports are free");
        town.tell(&mut setup);
        write(&setup, "");
        import(&setup, &town::with_mobiles(folder.path()));
        let stage = Self::serve(setup, folder, one);
        town.registers(town::ACCOUNT);
        (stage, town)
    }

    /// With nothing in it. The token is the one that is shown then, and never again.
    fn first() -> (Self, String) {
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().expect("a folder");
        let nowhere = SocketAddr::new(SERVICE, 9);
        let setup = Setup::on_free_ports(folder.path(), nowhere, SERVICE).expect("ports are free");
        write(&setup, "");
        let service = setup.serve(binary()).expect("starts");
        let deadline = now() + LONGEST;
        let token = loop {
            let shown = std::fs::read_to_string(setup.log()).unwrap_or_default();
            let is_of_token = |sign: char| sign.is_ascii_alphanumeric() || "_-".contains(sign);
            let mut words = shown.split(|sign| !is_of_token(sign));
            if let Some(token) = words.find(|word| word.starts_with("lf_")) {
                break token.to_owned();
            }
            assert!(now() < deadline, "no token is shown: {shown}");
            std::thread::park_timeout(LOOK_EVERY);
        };
        (Self::ready((setup, service), &token, (folder, one)), token)
    }

    fn serve(setup: Setup, folder: TempDir, one: MutexGuard<'static, ()>) -> Self {
        let arguments = ["token", "create", "console", "--scope", "admin"];
        let token = setup.command(binary(), &arguments).expect("makes a token").trim().to_owned();
        let service = setup.serve(binary()).expect("starts");
        Self::ready((setup, service), &token, (folder, one))
    }

    fn ready(
        (setup, mut service): (Setup, Service),
        token: &str,
        (folder, one): (TempDir, MutexGuard<'static, ()>),
    ) -> Self {
        let api = Api::new(setup.http, token).expect("builds");
        let pause = |pause| {
            std::thread::park_timeout(pause);
            Ok(())
        };
        service.wait_until_ready(&api, LONGEST, pause).expect("is ready");
        Self { setup, api, typed: OnceLock::new(), _service: service, folder, _one: one }
    }

    /// Makes an account with [`PASSWORD`] that reaches everything.
    pub(crate) fn person(&self, name: &str, role: &str) {
        let account = json!({
            "name": name, "display_name": "王敏", "role": role,
            "reach": {"kind": "everything"}, "password": PASSWORD,
        });
        let (status, text) =
            self.ask(|api| api.post("/api/v1/accounts", &account)).expect("answers");
        assert_eq!(status, 201, "{text}");
    }

    /// Somebody presses #9 on the line of this account. The id of the alarm.
    pub(crate) fn raises(&self, account: &str) -> String {
        // A machine that is busy with browsers says so at times: a PBX tries again, with the key of the same press.
        let press = || self.ask(|api| api.press(account, "#9", "press"));
        let is_busy = |error: &anyhow::Error| error.to_string().contains("answered with 503");
        let mut pressed = press();
        for _ in 0..PRESSES {
            if !pressed.as_ref().is_err_and(is_busy) {
                break;
            }
            pressed = press();
        }
        let pressed = pressed.expect("answers");
        pressed["id"].as_str().expect("an id").to_owned()
    }

    /// Asks the API with the token of an admin, beside the browser.
    pub(crate) fn ask<T>(&self, question: impl FnOnce(&Api) -> T) -> T {
        tokio::task::block_in_place(|| question(&self.api))
    }

    /// What the API says there.
    pub(crate) fn get(&self, path: &str) -> Value {
        self.ask(|api| api.get_json(&format!("/api/v1{path}"))).expect("answers")
    }

    /// What people typed, read once a story.
    pub(crate) fn typed(&self, read: impl FnOnce(&Self) -> Vec<String>) -> &[String] {
        self.typed.get_or_init(|| read(self))
    }

    /// Does something by the API, beside the browser.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self.ask(|api| api.post(&format!("/api/v1{path}"), body));
        let (status, text) = answer.expect("answers");
        assert!((200..300).contains(&status), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Waits until the API says there what is wanted.
    pub(crate) fn until(&self, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let deadline = now() + LONGEST;
        loop {
            let said = self.get(path);
            if is_so(&said) {
                return said;
            }
            assert!(now() < deadline, "{path} says still: {said:#}");
            std::thread::park_timeout(LOOK_EVERY);
        }
    }

    /// So many messages of the network passed in the calls of an alarm: more than a page of its dossier has room for.
    pub(crate) fn traces(&self, alarm: &str, count: u32) {
        let alarm: AlarmId = alarm.parse().expect("an id");
        let via = |hop| format!("Via: SIP/2.0/UDP 192.0.2.{hop}:5060;branch=z9hG4bK{hop:032}\r\n");
        let vias: String = (1..=40).map(via).collect();
        let message = |number: u32| TraceMessage {
            at: Clock::system().now(),
            is_sent: number.is_multiple_of(2),
            remote: "udp 192.0.2.7:5060".to_owned(),
            text: format!(
                "OPTIONS sip:{number}@192.0.2.7 SIP/2.0\r\n{vias}CSeq: {number} OPTIONS\r\n\r\n"
            ),
        };
        let traces = Traces::in_folder(&self.setup.folder.join("data/traces"));
        let left_out = traces.append((0..count).map(|number| (alarm, message(number))));
        assert_eq!(left_out.expect("are written"), 0);
    }

    /// A file for the browser to send.
    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let file = self.folder.path().join(name);
        std::fs::write(&file, bytes).expect("is written");
        file
    }

    /// The address of a page.
    pub(crate) fn page(&self, path: &str) -> String {
        format!("http://{}{path}", self.setup.http)
    }
}

/// The configuration, with the figures of the first community for everybody, links in messages, and one host for
/// webhooks.
fn write(setup: &Setup, of_http: &str) {
    setup.write().expect("writes");
    let public = format!("[http]\npublic_reports = [\"1\"]\n{of_http}");
    let config = setup.toml().replace("[http]\n", &public);
    let config = config.replace("[[sms]]\n", "[[sms]]\nlinks = true\n");
    let config = format!("{config}\n[webhooks]\nallowed_hosts = [\"{HOOKS}\"]\n");
    std::fs::write(setup.folder.join("lianfang.toml"), config).expect("writes");
}

fn import(setup: &Setup, folder: &Path) {
    setup.command(binary(), &["import", &folder.to_string_lossy()]).expect("imports");
}

/// The program under test.
fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_lianfang"))
}
