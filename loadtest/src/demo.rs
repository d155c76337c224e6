//! One alarm against the real service, told so that a newcomer understands it; with a verdict at the end.

mod story;
mod town;

use crate::api::Api;
use crate::clock::now;
use crate::digest::{Algorithm, Credentials};
use crate::provider::{Provider, ProviderConfig};
use crate::say::say;
use crate::service::{Service, Setup};
use crate::world::{Form, PhoneConfig, PhoneId, PhoneState, World, WorldConfig};
use anyhow::{Context as _, bail};
use serde_json::json;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use story::Story;

const PHONES: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));
const CARRIER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 3));
/// Longest start of the service: the first one prepares prompts and names.
const START_MAX: Duration = Duration::from_secs(60);
/// Longest wait for the phone to register.
const REGISTER_MAX: Duration = Duration::from_secs(10);
/// Longest wait for everything that has to happen in the alarm.
const ALARM_MAX: Duration = Duration::from_secs(30);
/// What is still under way when the last one presses is looked at for so long.
const AFTERWARDS: Duration = Duration::from_secs(3);

/// Runs the demonstration. With `once` it ends by itself; else it waits until it is stopped. Returns whether everything
/// happened.
///
/// # Errors
/// When something cannot even be started.
pub fn run(binary: &Path, once: bool, is_stopped: &AtomicBool) -> anyhow::Result<bool> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let mut stage = Stage::build(binary, folder.path())?;
    stage.register(binary)?;
    let mut missing = stage.play(is_stopped)?;
    missing.extend(stage.close()?);
    stage.story.tell_record(&stage.api)?;
    if missing.is_empty() {
        say("\n结果：一切如期发生。· Everything happened as it should.");
    } else {
        say("\n结果：以下没有发生 · What did not happen:");
        missing.iter().for_each(|what| say(format!("  ✗ {what}")));
        say(format!("\n服务日志末尾 · End of the service's log:\n{}", stage.service.log_end()));
    }
    let http = stage.setup.http;
    say(format!("\n接口文档 · API docs: http://{http}/api/docs\n令牌 · Token: {}", stage.token));
    if !once {
        say("Ctrl-C 结束 · Ctrl-C ends it.");
        while !is_stopped.load(Ordering::Relaxed) {
            stage.world.run_until(Duration::from_millis(200), |_| false)?;
            stage.story.tell(&mut stage.world, &stage.provider);
        }
    }
    Ok(missing.is_empty())
}

/// Becomes true at Ctrl-C or when the process is told to end.
///
/// # Errors
/// When the system gives no thread.
pub fn stop_flag() -> anyhow::Result<Arc<AtomicBool>> {
    let is_stopped = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&is_stopped);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.spawn(async move {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut ended) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = ended.recv() => {}
            }
            flag.store(true, Ordering::Relaxed);
        }
    });
    // Signals are heard as long as the process lives.
    std::mem::forget(runtime);
    Ok(is_stopped)
}

/// Everything that plays.
struct Stage {
    world: World,
    provider: Provider,
    setup: Setup,
    service: Service,
    api: Api,
    token: String,
    resident: Option<PhoneId>,
    story: Story,
}

impl Stage {
    fn build(binary: &Path, folder: &Path) -> anyhow::Result<Self> {
        let mut world = World::new(WorldConfig {
            carrier: SocketAddr::new(CARRIER, 0),
            phones_ip: PHONES,
            phones_port: 0,
            service: SocketAddr::new(PHONES, 0),
            phones_per_socket: 1,
            media_sockets: 4,
            seed: 1,
            keeps_diary: true,
        })
        .context("cannot open the sockets of the simulated carrier")?;
        world.set_behaviours(town::behaviours());
        let config = ProviderConfig::faultless(SocketAddr::from(([127, 0, 0, 1], 0)));
        let (account, secret) = (config.account_sid.clone(), config.auth_token.clone());
        let provider = Provider::start(config)?;
        let mut setup = Setup::on_free_ports(folder, world.carrier_address()?, CARRIER)?;
        setup.sms = Some((provider.base_url(), account, secret));
        setup.write()?;
        world.set_service(setup.sip);
        let csv = folder.join("directory");
        town::write(&csv)?;
        say("导入社区通讯录 · Importing the directory of the community");
        setup.command(binary, &["import", &csv.to_string_lossy()])?;
        let token = setup.command(binary, &["token", "create", "demo", "--scope", "admin"])?;
        let token = token.trim().to_owned();
        let api = Api::new(setup.http, &token)?;
        say("启动服务 · Starting the service");
        let mut service = setup.serve(binary)?;
        service.wait_until_ready(&api, START_MAX, |pause| {
            world.run_until(pause, |_| false)?;
            Ok(())
        })?;
        let story = Story::new(now());
        Ok(Self { world, provider, setup, service, api, token, resident: None, story })
    }

    /// The resident's phone gets its password and registers with it.
    fn register(&mut self, binary: &Path) -> anyhow::Result<()> {
        let account = town::RESIDENT_ACCOUNT;
        let secret = self.setup.command(binary, &["line", "secret", account])?;
        let password = secret.lines().find_map(|line| line.strip_prefix("password:"));
        let password = password.context("`line secret` printed no password")?.trim().to_owned();
        let config = PhoneConfig {
            account: account.to_owned(),
            credentials: Some(Credentials {
                username: account.to_owned(),
                password,
                algorithm: Algorithm::Sha256,
            }),
            registers: true,
            ip: None,
        };
        // The service takes a new secret up within a second.
        let wait = Duration::from_millis(1_200);
        let phone = self.world.add_phone(config, wait, now())?;
        let is_registered = self
            .world
            .run_until(REGISTER_MAX, |world| world.phone_state(phone) == PhoneState::Registered)?;
        self.story.tell(&mut self.world, &self.provider);
        if !is_registered {
            let state = self.world.phone_state(phone);
            bail!(
                "the resident's phone is not registered ({state:?}):\n{}",
                self.service.log_end()
            );
        }
        self.resident = Some(phone);
        Ok(())
    }

    /// #9 is pressed, and everybody does what they do. Returns what did not happen.
    fn play(&mut self, is_stopped: &AtomicBool) -> anyhow::Result<Vec<String>> {
        let Some(phone) = self.resident else { bail!("nobody is there to press") };
        say(
            "\n502 室陈阿姨拿起电话，按下 #9 · Auntie Chen at door 502 lifts the handset and presses #9\n",
        );
        let start = now();
        self.story.begin(start);
        let form = Form::Dial("%239".to_owned());
        self.world.press(phone, form, Duration::from_secs(60), start);
        let deadline = start + ALARM_MAX;
        let mut done_at = None;
        while now() < deadline && !is_stopped.load(Ordering::Relaxed) {
            self.world.run_until(Duration::from_millis(10), |_| false)?;
            self.story.tell(&mut self.world, &self.provider);
            if self.story.missing().is_empty() {
                let done = *done_at.get_or_insert_with(now);
                if done + AFTERWARDS <= now() {
                    break;
                }
            }
        }
        self.world.hang_up(phone, now());
        self.world.run_until(Duration::from_millis(200), |_| false)?;
        self.story.tell(&mut self.world, &self.provider);
        Ok(self.story.missing_at_the_end())
    }

    /// The duty worker closes the alarm through the API. Returns what did not happen.
    fn close(&mut self) -> anyhow::Result<Vec<String>> {
        let alarms = self.api.alarms()?;
        let Some(id) = alarms.first().and_then(|alarm| alarm["id"].as_str()) else {
            return Ok(vec!["警情没有记录 · the API lists no alarm".to_owned()]);
        };
        let body = json!({ "outcome": "genuine" });
        let (status, text) = self.api.post(&format!("/api/v1/alarms/{id}/close"), &body)?;
        let alarm = self.api.alarm(id)?;
        self.story.set_alarm(id);
        if status == 204 && alarm["closed_at"].is_string() {
            self.story.say_closed(id);
            return Ok(Vec::new());
        }
        Ok(vec![format!("警情没有结案 · the alarm was not closed ({status}: {text})")])
    }
}
