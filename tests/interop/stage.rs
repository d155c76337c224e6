//! The service with its surroundings, for one case at a time.

use lianfang_loadtest::api::Api;
use lianfang_loadtest::clock::now;
use lianfang_loadtest::directory::NumberPlan;
use lianfang_loadtest::service::{Service, Setup};
use lianfang_loadtest::world::{Happening, World, WorldConfig};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tempfile::TempDir;

/// Calls from here are the trunk's.
pub(crate) const TRUNK: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
/// Here are the phones that are called.
pub(crate) const CARRIER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));
/// Longest wait for anything.
pub(crate) const LONGEST: Duration = Duration::from_secs(30);
/// The line that presses.
pub(crate) const CALLER: &str = "57000000";

/// Cases run one after the other: each has a service of its own, and two cores are few.
static ONE: Mutex<()> = Mutex::new(());

/// A running service with one group of ten, and the world around it.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) setup: Setup,
    pub(crate) api: Api,
    pub(crate) diary: Vec<Happening>,
    service: Option<Service>,
    folder: TempDir,
    _one: MutexGuard<'static, ()>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with_lines(None)
    }

    /// With another `lines.csv`.
    pub(crate) fn with_lines(lines: Option<&str>) -> Self {
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().expect("a folder");
        let mut world = World::new(WorldConfig {
            carrier: SocketAddr::new(CARRIER, 0),
            phones_ip: TRUNK,
            phones_port: 0,
            service: SocketAddr::new(TRUNK, 0),
            phones_per_socket: 1,
            media_sockets: 2,
            seed: 1,
            keeps_diary: true,
        })
        .expect("opens");
        let carrier = world.carrier_address().expect("is bound");
        let setup = Setup::on_free_ports(folder.path(), carrier, TRUNK).expect("ports are free");
        setup.write().expect("writes");
        world.set_service(setup.sip);
        import(&setup, lines);
        let arguments = ["token", "create", "interop", "--scope", "admin"];
        let token = setup.command(binary(), &arguments).expect("makes a token");
        let api = Api::new(setup.http, token.trim()).expect("builds");
        let diary = Vec::new();
        let mut stage = Self { world, setup, api, diary, service: None, folder, _one: one };
        stage.restart();
        stage
    }

    /// The same, but somebody else answers for the carrier.
    pub(crate) fn with_carrier_at(carrier: SocketAddr) -> Self {
        let mut stage = Self::new();
        stage.kill();
        stage.setup.carrier = carrier;
        stage.setup.probe_s = 0;
        stage.setup.write().expect("writes");
        stage.restart();
        stage
    }

    pub(crate) fn kill(&mut self) {
        self.service.take().expect("runs").kill().expect("is killed");
    }

    pub(crate) fn restart(&mut self) {
        let mut service = self.setup.serve(binary()).expect("starts");
        let world = &mut self.world;
        let meanwhile = |pause| {
            world.run_until(pause, |_| false)?;
            Ok(())
        };
        service.wait_until_ready(&self.api, LONGEST, meanwhile).expect("is ready");
        self.service = Some(service);
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Lets the world go on for a moment and notes what happens.
    pub(crate) fn go_on(&mut self) {
        self.world.run_until(Duration::from_millis(20), |_| false).expect("runs");
        self.diary.extend(self.world.take_diary());
    }

    /// Waits for a level.
    pub(crate) fn expect(&mut self, what: &str, mut is_reached: impl FnMut(&mut Self) -> bool) {
        let deadline = now() + LONGEST;
        while !is_reached(self) {
            if deadline <= now() {
                let log = self.service.as_ref().map(Service::log_end).unwrap_or_default();
                panic!("{what} did not happen.\ndiary: {:#?}\nlog:\n{log}", self.diary);
            }
            self.go_on();
        }
    }

    /// Waits for the only alarm and returns it as the API shows it.
    pub(crate) fn expect_alarm(&mut self) -> Value {
        self.expect("an alarm", |stage| !stage.api.alarms().expect("answers").is_empty());
        self.alarm()
    }

    pub(crate) fn alarm(&self) -> Value {
        let alarms = self.api.alarms().expect("answers");
        assert_eq!(alarms.len(), 1, "there is one alarm");
        self.api.alarm(alarms[0]["id"].as_str().expect("has an id")).expect("answers")
    }

    pub(crate) fn expect_no_alarm(&self) {
        assert_eq!(self.api.alarms().expect("answers"), Vec::<Value>::new());
    }

    pub(crate) fn log_end(&self) -> String {
        self.service.as_ref().map(Service::log_end).unwrap_or_default()
    }
}

fn import(setup: &Setup, lines: Option<&str>) {
    let csv = setup.folder.join("directory");
    NumberPlan::for_load(1).write(&csv).expect("writes");
    if let Some(lines) = lines {
        std::fs::write(csv.join("lines.csv"), lines).expect("writes");
    }
    setup.command(binary(), &["import", &csv.to_string_lossy()]).expect("imports");
}

/// The program under test.
pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_lianfang"))
}

/// Where the scenarios are.
pub(crate) fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/sipp")
}

/// How the voice legs of an alarm ended, by the place of the callee in the group; the duty worker is 10.
pub(crate) fn outcomes(alarm: &Value) -> BTreeMap<u32, Vec<String>> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut places = BTreeMap::new();
    for party in list(&alarm["parties"]) {
        let name = party["name"].as_str().expect("has a name");
        let door = name.split(' ').next().and_then(|door| door.parse::<u32>().ok());
        let place =
            if party["role"] == "duty_worker" { Some(10) } else { door.map(|door| door - 101) };
        places.insert(party["party"].as_u64(), place.expect("is known"));
    }
    let mut legs = BTreeMap::new();
    let mut outcomes = BTreeMap::<u32, Vec<String>>::new();
    for moment in list(&alarm["timeline"]) {
        let event = &moment["event"];
        for leg in list(&event["legs"]).iter().filter(|leg| leg["channel"] == "voice") {
            legs.insert(leg["leg"].as_u64(), places[&leg["party"].as_u64()]);
        }
        if event["kind"] == "leg_ended"
            && let Some(place) = legs.get(&event["leg"].as_u64())
        {
            let outcome = event["outcome"].as_str().expect("is text").to_owned();
            outcomes.entry(*place).or_default().push(outcome);
        }
    }
    outcomes
}

/// Whether the timeline has an event of this kind.
pub(crate) fn has_event(alarm: &Value, kind: &str) -> bool {
    let timeline = alarm["timeline"].as_array();
    timeline.is_some_and(|timeline| timeline.iter().any(|moment| moment["event"]["kind"] == kind))
}

/// The trigger that raised the alarm.
pub(crate) fn trigger(alarm: &Value) -> &Value {
    let timeline = alarm["timeline"].as_array().expect("has a timeline");
    let raised = timeline.iter().find(|moment| moment["event"]["kind"] == "raised");
    &raised.expect("was raised")["event"]["trigger"]
}
