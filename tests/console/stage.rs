//! The service with the sample directory, and people with accounts.

use crate::browser::{Browser, LONGEST, Look, browse};
use lianfang_loadtest::api::Api;
use lianfang_loadtest::service::{Service, Setup};
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tempfile::TempDir;

/// What all people of the tests sign in with.
pub(crate) const PASSWORD: &str = "three quiet herons";
const SERVICE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Cases run one after the other: each has a service and a browser of its own, and two cores are few.
static ONE: Mutex<()> = Mutex::new(());

/// Tells a story: the service first, then a browser with this look.
pub(crate) fn story(look: Look, told: impl AsyncFnOnce(&Browser, &Stage)) {
    if !Browser::is_there() {
        return;
    }
    let stage = Stage::new();
    browse(look, async |browser| told(browser, &stage).await);
}

/// A running service.
pub(crate) struct Stage {
    pub(crate) setup: Setup,
    api: Api,
    _service: Service,
    _folder: TempDir,
    _one: MutexGuard<'static, ()>,
}

impl Stage {
    /// With the sample directory and an admin token.
    pub(crate) fn new() -> Self {
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().expect("a folder");
        let nobody = TcpListener::bind((SERVICE, 0)).and_then(|socket| socket.local_addr());
        let carrier: SocketAddr = nobody.expect("a free port");
        let setup = Setup::on_free_ports(folder.path(), carrier, SERVICE).expect("ports are free");
        setup.write().expect("writes");
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/sample");
        setup.command(binary(), &["import", &sample.to_string_lossy()]).expect("imports");
        let arguments = ["token", "create", "console", "--scope", "admin"];
        let token = setup.command(binary(), &arguments).expect("makes a token").trim().to_owned();
        let api = Api::new(setup.http, &token).expect("builds");
        let mut service = setup.serve(binary()).expect("starts");
        let pause = |pause| {
            std::thread::park_timeout(pause);
            Ok(())
        };
        service.wait_until_ready(&api, LONGEST, pause).expect("is ready");
        Self { setup, api, _service: service, _folder: folder, _one: one }
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
        let pressed = self.ask(|api| api.press(account, "#9", "press")).expect("answers");
        pressed["id"].as_str().expect("an id").to_owned()
    }

    /// Asks the API with the token of an admin, beside the browser.
    pub(crate) fn ask<T>(&self, question: impl FnOnce(&Api) -> T) -> T {
        tokio::task::block_in_place(|| question(&self.api))
    }

    /// The address of a page.
    pub(crate) fn page(&self, path: &str) -> String {
        format!("http://{}{path}", self.setup.http)
    }
}

/// The program under test.
fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_lianfang"))
}
