//! One run of a scenario against the service, and its report.

use crate::api::Api;
use crate::board::{Figures, Summary};
use crate::clock::now;
use crate::digest::{Algorithm, Credentials};
use crate::directory::{HOUSEHOLDS, NumberPlan};
use crate::provider::{Provider, ProviderConfig, ProviderCounts};
use crate::scenario::Scenario;
use crate::service::{Service, Setup};
use crate::usage::Usage;
use crate::world::{PhoneConfig, PhoneId, World, WorldConfig};
use anyhow::{Context as _, ensure};
use serde::Serialize;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

const TRUNK: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const CARRIER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));
/// Sockets for sound: enough that each buffer holds what comes while others are read.
const MEDIA_SOCKETS: usize = 64;
/// Longest start: a large directory is read, prompts are prepared.
const START_MAX: Duration = Duration::from_secs(120);
/// Registrations a second before the first press.
const REGISTERS_PER_S: u32 = 500;
/// Longest wait for all lines to be registered, besides the time that they are given.
const REGISTER_MAX: Duration = Duration::from_secs(60);
/// Lines that share an address, as behind one gateway.
const LINES_PER_ADDRESS: u32 = 100;
/// The world is left alone for so long before the first press, so that its memory is measured at rest.
const REST: Duration = Duration::from_secs(3);

/// What a run found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Name of the scenario.
    pub scenario: String,
    /// Alarms a second that were asked for.
    pub rate: f64,
    /// From our own packets.
    pub figures: Figures,
    /// Key heard to committed, by the service's own histogram: upper bounds of the buckets, p50 and p99.
    pub heard_to_committed_ms: (Option<f64>, Option<f64>),
    /// What the provider counted.
    pub sms: ProviderCounts,
    /// Lines that were registered when the presses began.
    pub lines: usize,
    /// CPU of the service in milliseconds an alarm.
    pub service_cpu_ms_per_alarm: f64,
    /// CPU of the service while it ran, in cores.
    pub service_cores: f64,
    /// CPU of this program while it ran, in cores.
    pub own_cores: f64,
    /// Memory of the service before the first press, in MiB.
    pub rss_at_rest_mib: f64,
    /// The most memory of the service, in MiB.
    pub rss_max_mib: f64,
    /// Most calls that were up at once.
    pub calls_at_once: u64,
    /// The growth of its memory by the time when the most calls were up, divided by these, in KiB.
    pub kib_per_call: f64,
}

impl Report {
    /// The heads of the columns of [`Self::row`], as Markdown.
    pub const HEAD: &str = "| run | alarms | trigger to last leg p50 / p95 / p99 / max, ms | lost / doubled / INVITEs again | CPU ms an alarm | RSS at rest / most, MiB | calls at once, KiB a call |\n|---|---|---|---|---|---|---|";

    /// The report as a row of a Markdown table.
    #[must_use]
    pub fn row(&self) -> String {
        let Figures { counts, lost, trigger_to_last_leg_ms: last, .. } = &self.figures;
        format!(
            "| {} | {} at {}/s, {} lines | {:.1} / {:.1} / {:.1} / {:.1} | {lost} / {} / {} | {:.1} | {:.0} / {:.0} | {}, {:.1} |",
            self.scenario,
            counts.pressed,
            self.rate,
            self.lines,
            last.p50,
            last.p95,
            last.p99,
            last.max,
            counts.doubled,
            counts.invites_again,
            self.service_cpu_ms_per_alarm,
            self.rss_at_rest_mib,
            self.rss_max_mib,
            self.calls_at_once,
            self.kib_per_call,
        )
    }

    /// Nothing lost, nothing doubled.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.figures.is_good()
    }
}

/// Runs a scenario against the program `binary`, which is started for it on free ports.
///
/// # Errors
/// When something cannot be started.
pub fn run(scenario: &Scenario, binary: &Path) -> anyhow::Result<Report> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let mut run = Run::build(scenario, binary, folder.path())?;
    run.register()?;
    run.play()?;
    run.report()
}

/// How long a directory takes.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct LoadTime {
    /// Lines in it.
    pub lines: u32,
    /// `lianfang import`, in seconds.
    pub import_s: f64,
    /// From the start of the service until it is ready, in seconds.
    pub start_s: f64,
    /// Its memory then, in MiB.
    pub rss_mib: f64,
}

/// Imports a town of so many groups of ten lines and starts the service with it.
///
/// # Errors
/// When something cannot be started.
pub fn load_time(groups: u32, binary: &Path) -> anyhow::Result<LoadTime> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let mut setup = Setup::on_free_ports(folder.path(), SocketAddr::new(CARRIER, 9), TRUNK)?;
    setup.probe_s = 0;
    setup.write()?;
    let csv = folder.path().join("directory");
    NumberPlan::town(groups).write(&csv)?;
    let start = now();
    setup.command(binary, &["import", &csv.to_string_lossy()])?;
    let import_s = now().duration_since(start).as_secs_f64();
    let token = setup.command(binary, &["token", "create", "load", "--scope", "admin"])?;
    let api = Api::new(setup.http, token.trim())?;
    let start = now();
    let mut service = setup.serve(binary)?;
    // Nobody has to answer meanwhile: without probes the carrier counts as there.
    let mut pause = World::new(WorldConfig {
        carrier: SocketAddr::new(CARRIER, 0),
        phones_ip: TRUNK,
        phones_port: 0,
        service: setup.sip,
        phones_per_socket: 1,
        media_sockets: 1,
        seed: 0,
        keeps_diary: false,
    })?;
    service.wait_until_ready(&api, START_MAX, |wait| {
        pause.run_until(wait, |_| false)?;
        Ok(())
    })?;
    let start_s = now().duration_since(start).as_secs_f64();
    let usage = Usage::of(service.pid()).context("the service has gone")?;
    Ok(LoadTime { lines: groups * HOUSEHOLDS, import_s, start_s, rss_mib: mib(usage.rss_kib) })
}

struct Run<'a> {
    scenario: &'a Scenario,
    plan: NumberPlan,
    world: World,
    provider: Provider,
    service: Service,
    api: Api,
    callers: Vec<PhoneId>,
    before: Usage,
    own_before: Usage,
    seconds: f64,
    peak: Peak,
}

/// The moment when the most calls were up.
#[derive(Clone, Copy, Debug, Default)]
struct Peak {
    calls: u64,
    rss_kib: u64,
}

impl<'a> Run<'a> {
    fn build(scenario: &'a Scenario, binary: &Path, folder: &Path) -> anyhow::Result<Self> {
        let plan = match scenario.lines {
            0 => NumberPlan::for_load(scenario.alarms),
            lines => NumberPlan::of_lines(scenario.alarms.max(lines.div_ceil(HOUSEHOLDS))),
        };
        let mut world = World::new(WorldConfig {
            carrier: SocketAddr::new(CARRIER, 0),
            phones_ip: TRUNK,
            phones_port: 0,
            service: SocketAddr::new(TRUNK, 0),
            phones_per_socket: usize::MAX,
            media_sockets: MEDIA_SOCKETS,
            seed: scenario.seed,
            keeps_diary: false,
        })?;
        world.set_behaviours(scenario.behaviours());
        let mut config = ProviderConfig::faultless(SocketAddr::from(([127, 0, 0, 1], 0)));
        (config.faults, config.receipts) = (scenario.faults, scenario.receipts);
        let (account, secret) = (config.account_sid.clone(), config.auth_token.clone());
        let provider = Provider::start(config)?;
        let mut setup = Setup::on_free_ports(folder, world.carrier_address()?, TRUNK)?;
        setup.sms = (!scenario.is_voice_only).then(|| (provider.base_url(), account, secret));
        setup.use_all_ports();
        setup.write()?;
        world.set_service(setup.sip);
        let csv = folder.join("directory");
        plan.write(&csv)?;
        setup.command(binary, &["import", &csv.to_string_lossy()])?;
        let token = setup.command(binary, &["token", "create", "load", "--scope", "admin"])?;
        let api = Api::new(setup.http, token.trim())?;
        let mut service = setup.serve(binary)?;
        service.wait_until_ready(&api, START_MAX, |pause| {
            world.run_until(pause, |_| false)?;
            Ok(())
        })?;
        let mut run = Self {
            scenario,
            plan,
            world,
            provider,
            service,
            api,
            callers: Vec::new(),
            before: Usage::default(),
            own_before: Usage::default(),
            seconds: 0.0,
            peak: Peak::default(),
        };
        run.add_callers()?;
        Ok(run)
    }

    fn add_callers(&mut self) -> anyhow::Result<()> {
        for group in 0..self.scenario.alarms {
            let caller = self.plan.caller(group);
            self.world.board_mut().add_group(&caller, self.plan.callees(group));
            let config =
                PhoneConfig { account: caller, credentials: None, registers: false, ip: None };
            self.callers.push(self.world.add_phone(config, Duration::ZERO, now())?);
        }
        self.world.board_mut().set_warm_up(self.scenario.warm_up.into());
        Ok(())
    }

    /// Registers the lines, evenly spread, and waits for all of them.
    fn register(&mut self) -> anyhow::Result<()> {
        let lines = self.scenario.lines;
        for line in 0..lines {
            let account = self.plan.number(line / HOUSEHOLDS, line % HOUSEHOLDS);
            let credentials = Credentials {
                username: account.clone(),
                password: format!("pw{account}"),
                algorithm: Algorithm::Sha256,
            };
            let place = line / LINES_PER_ADDRESS;
            let [.., high, low] = (place + 1).to_be_bytes();
            let config = PhoneConfig {
                account,
                credentials: Some(credentials),
                registers: true,
                ip: Some(IpAddr::from([127, 1, high, low])),
            };
            let after = Duration::from_secs(line.into()) / REGISTERS_PER_S;
            self.world.add_phone(config, after, now())?;
        }
        let wanted = usize::try_from(lines)?;
        let longest = REGISTER_MAX + Duration::from_secs((lines / REGISTERS_PER_S).into());
        let is_done = self.world.run_until(longest, |world| wanted <= world.registered())?;
        let registered = self.world.registered();
        ensure!(
            is_done,
            "{registered} of {lines} lines are registered:\n{}",
            self.service.log_end()
        );
        self.world.run_until(REST, |_| false)?;
        Ok(())
    }

    /// Presses, open loop: a late service does not slow the phones down.
    fn play(&mut self) -> anyhow::Result<()> {
        self.before = Usage::of(self.service.pid()).context("the service has gone")?;
        self.own_before = Usage::of(std::process::id()).unwrap_or_default();
        let start = now();
        let hold = Duration::from_millis(self.scenario.hold_ms);
        for (due, caller) in self.scenario.due().into_iter().zip(self.callers.clone()) {
            let at = start + Duration::from_secs_f64(due);
            while now() < at {
                let wait = at.saturating_duration_since(now());
                self.world.run_until(wait, |_| at <= now())?;
                self.look();
            }
            self.world.press(caller, self.scenario.form.form(), hold, now());
        }
        let end = now() + Duration::from_secs(self.scenario.drain_s);
        while now() < end {
            let is_over = self.world.run_until(Duration::from_millis(100), |world| {
                world.board().is_complete() && world.is_quiet()
            })?;
            self.look();
            if is_over {
                break;
            }
        }
        self.seconds = now().duration_since(start).as_secs_f64();
        Ok(())
    }

    /// Notes the memory of the service when more calls are up than ever.
    fn look(&mut self) {
        let calls = self.world.calls_up();
        // A look into /proc for every tenth part more is enough.
        if self.peak.calls + self.peak.calls / 50 < calls
            && let Some(usage) = Usage::of(self.service.pid())
        {
            self.peak = Peak { calls, rss_kib: usage.rss_kib };
        }
    }

    fn report(self) -> anyhow::Result<Report> {
        let after = Usage::of(self.service.pid())
            .with_context(|| format!("the service has gone:\n{}", self.service.log_end()))?;
        let own = Usage::of(std::process::id()).unwrap_or_default();
        let cpu_s = after.cpu_s - self.before.cpu_s;
        let histogram = "lianfang_heard_to_committed_seconds";
        let committed =
            (self.api.quantile_ms(histogram, 0.5)?, self.api.quantile_ms(histogram, 0.99)?);
        let growth = mib(self.peak.rss_kib.saturating_sub(self.before.rss_kib)) * 1024.0;
        Ok(Report {
            scenario: self.scenario.name.clone(),
            rate: self.scenario.rate,
            figures: self.world.board().figures(),
            heard_to_committed_ms: committed,
            sms: self.provider.counts(),
            lines: self.world.registered(),
            service_cpu_ms_per_alarm: cpu_s * 1e3 / f64::from(self.scenario.alarms),
            service_cores: cpu_s / self.seconds,
            own_cores: (own.cpu_s - self.own_before.cpu_s) / self.seconds,
            rss_at_rest_mib: mib(self.before.rss_kib),
            rss_max_mib: mib(after.rss_max_kib),
            calls_at_once: self.peak.calls,
            kib_per_call: growth / exact(self.peak.calls.max(1)),
        })
    }
}

fn mib(kib: u64) -> f64 {
    exact(kib) / 1024.0
}

#[expect(clippy::cast_precision_loss, reason = "a figure to read")]
fn exact(count: u64) -> f64 {
    count as f64
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figures = &self.figures;
        let counts = &figures.counts;
        let verdict = if self.is_good() { "good" } else { "NOT GOOD" };
        writeln!(f, "{}: {} alarms at {}/s: {verdict}", self.scenario, counts.pressed, self.rate)?;
        writeln!(
            f,
            "  lost {}  doubled {}  {:?} {:?}",
            figures.lost, counts.doubled, figures.lost_examples, figures.doubled_examples
        )?;
        for (name, summary) in [
            ("trigger -> first leg", figures.trigger_to_first_leg_ms),
            ("trigger -> last leg", figures.trigger_to_last_leg_ms),
            ("trigger -> first key", figures.trigger_to_first_key_ms),
            ("trigger -> 200 to the resident", figures.trigger_to_answer_ms),
            ("answer -> first sound", figures.answer_to_sound_ms),
        ] {
            let Summary { n, p50, p95, p99, max } = summary;
            writeln!(
                f,
                "  {name:<31} p50 {p50:8.2}  p95 {p95:8.2}  p99 {p99:8.2}  max {max:8.2} ms  (n {n})"
            )?;
        }
        let bound = |bound: Option<f64>| bound.map_or("-".to_owned(), |ms| format!("<= {ms}"));
        let (p50, p99) = self.heard_to_committed_ms;
        writeln!(
            f,
            "  heard -> committed (its histogram) p50 {}  p99 {} ms",
            bound(p50),
            bound(p99)
        )?;
        writeln!(
            f,
            "  legs {}  answered {}  keys {}  cancelled {}  refused callers {}",
            counts.legs, counts.answered, counts.keys, counts.cancelled, counts.refused_callers
        )?;
        writeln!(
            f,
            "  sent again: INVITEs of the service {}  its other requests {}  ours {}",
            counts.invites_again, counts.requests_again, counts.ours_again
        )?;
        writeln!(
            f,
            "  sound: {} packets heard, {} missing, {} gaps",
            counts.sound_packets, counts.sound_missing, counts.sound_gaps
        )?;
        writeln!(
            f,
            "  SMS: {} requests  {} taken  {} refused  {} faults  {} receipts",
            self.sms.requests,
            self.sms.accepted,
            self.sms.refused,
            self.sms.faults,
            self.sms.receipts
        )?;
        writeln!(
            f,
            "  service: {:.2} ms CPU an alarm, {:.2} cores; this program {:.2} cores",
            self.service_cpu_ms_per_alarm, self.service_cores, self.own_cores
        )?;
        write!(
            f,
            "  memory: {:.1} MiB at rest with {} lines, {:.1} MiB at most; {} calls at once, {:.1} KiB a call",
            self.rss_at_rest_mib,
            self.lines,
            self.rss_max_mib,
            self.calls_at_once,
            self.kib_per_call
        )
    }
}
