//! The command line of the load generator.

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use lianfang_loadtest::behaviour::{Behaviour, Behaviours};
use lianfang_loadtest::directory::NumberPlan;
use lianfang_loadtest::pages::{self, PagesConfig};
use lianfang_loadtest::provider::{Provider, ProviderConfig};
use lianfang_loadtest::run::LoadTime;
use lianfang_loadtest::say::say;
use lianfang_loadtest::scenario::Scenario;
use lianfang_loadtest::service::Setup;
use lianfang_loadtest::world::{World, WorldConfig};
use lianfang_loadtest::{demo, run};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// The world around Lianfang, simulated: phones, neighbours, a carrier, an SMS provider.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// One alarm against the real service, told in plain words.
    Demo {
        /// The program of the service.
        #[arg(long)]
        service: PathBuf,
        /// Ends by itself; status 0 only if everything happened.
        #[arg(long)]
        once: bool,
    },
    /// Runs a scenario against a service that is started for it; status 0 only if nothing was lost or doubled.
    Run(RunArguments),
    /// Prints the head of the table that `run --row` fills.
    Head,
    /// Imports a town of so many groups of ten lines, starts a service with it, and tells how long that takes.
    LoadTime {
        /// How many groups.
        groups: u32,
        /// The program of the service.
        #[arg(long)]
        service: PathBuf,
    },
    /// Asks for every page and every list in a town, tells how fast they are, and how fast alarms are meanwhile; status 0
    /// only if nothing is over its limit.
    Pages(PagesArguments),
    /// Writes a directory and a configuration for the number plan of the SIPp bench: 57gggg00 calls, 57gggg01 to
    /// 57gggg10 ring.
    PeerDirectory {
        /// How many groups; beyond 10,000 the numbers have another form.
        groups: u32,
        /// Where to.
        folder: PathBuf,
        /// Gives every household a line, and a hundred groups to a community: a whole town.
        #[arg(long)]
        town: bool,
    },
    /// Runs a Twilio-compatible provider until Ctrl-C.
    Provider {
        /// Where it listens.
        #[arg(long, default_value = "127.0.0.1:4010")]
        listen: SocketAddr,
    },
    /// Runs a carrier whose phones ring, answer and press 1, until Ctrl-C.
    Carrier {
        /// Where it listens.
        #[arg(long, default_value = "127.0.0.3:5090")]
        listen: SocketAddr,
        /// How long phones ring.
        #[arg(long, default_value_t = 100)]
        answer_ms: u64,
        /// How long people listen before they press.
        #[arg(long, default_value_t = 1_000)]
        then_ms: u64,
    },
}

#[derive(Debug, Args)]
struct RunArguments {
    /// The scenario, a TOML file.
    scenario: PathBuf,
    /// The program of the service.
    #[arg(long)]
    service: PathBuf,
    /// Another seed.
    #[arg(long)]
    seed: Option<u64>,
    /// Other alarms a second.
    #[arg(long)]
    rate: Option<f64>,
    /// Another number of alarms.
    #[arg(long)]
    alarms: Option<u32>,
    /// Another number of registered lines.
    #[arg(long)]
    lines: Option<u32>,
    /// Reports as JSON.
    #[arg(long, conflicts_with = "row")]
    json: bool,
    /// Reports as a row of a Markdown table.
    #[arg(long)]
    row: bool,
}

#[derive(Debug, Args)]
struct PagesArguments {
    /// How many groups of ten households.
    #[arg(default_value_t = 10_000)]
    groups: u32,
    /// How many alarms there were.
    #[arg(long, default_value_t = 300)]
    alarms: u32,
    /// How often each page is asked for.
    #[arg(long, default_value_t = 20)]
    rounds: usize,
    /// Keeps the town in this folder; the next run with it begins where this one is.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// The program of the service.
    #[arg(long)]
    service: PathBuf,
}

fn main() -> anyhow::Result<ExitCode> {
    let is_good = match Cli::parse().command {
        Command::Demo { service, once } => demo::run(&service, once, &*demo::stop_flag()?)?,
        Command::Run(arguments) => run_scenario(&arguments)?,
        Command::Head => {
            say(run::Report::HEAD);
            true
        }
        Command::LoadTime { groups, service } => {
            let LoadTime { lines, import_s, start_s, rss_mib } = run::load_time(groups, &service)?;
            say(format!(
                "{lines} lines: import {import_s:.1} s, start until ready {start_s:.1} s, RSS {rss_mib:.0} MiB"
            ));
            true
        }
        Command::Pages(PagesArguments { groups, alarms, rounds, folder, service }) => {
            pages::run(&PagesConfig { groups, alarms, rounds, folder }, &service)?
        }
        Command::PeerDirectory { groups, folder, town } => {
            peer_directory(groups, &folder, town)?;
            true
        }
        Command::Provider { listen } => {
            let provider = Provider::start(ProviderConfig::faultless(listen))?;
            say(format!("listening at {}", provider.base_url()));
            wait_for_ctrl_c()?;
            say(serde_json::to_string(&provider.counts())?);
            true
        }
        Command::Carrier { listen, answer_ms, then_ms } => {
            carrier(listen, Duration::from_millis(answer_ms), Duration::from_millis(then_ms))?;
            true
        }
    };
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run_scenario(arguments: &RunArguments) -> anyhow::Result<bool> {
    let path = &arguments.scenario;
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut scenario = Scenario::read(&text)?;
    scenario.seed = arguments.seed.unwrap_or(scenario.seed);
    scenario.rate = arguments.rate.unwrap_or(scenario.rate);
    scenario.alarms = arguments.alarms.unwrap_or(scenario.alarms);
    scenario.lines = arguments.lines.unwrap_or(scenario.lines);
    scenario.check()?;
    let report = run::run(&scenario, &arguments.service)?;
    if arguments.json {
        say(serde_json::to_string(&report)?);
    } else if arguments.row {
        say(report.row());
    } else {
        say(&report);
    }
    Ok(report.is_good())
}

fn peer_directory(groups: u32, folder: &Path, town: bool) -> anyhow::Result<()> {
    let plan = if town { NumberPlan::town(groups) } else { NumberPlan::for_load(groups) };
    plan.write(&folder.join("directory"))?;
    let setup = Setup {
        folder: folder.to_owned(),
        sip: SocketAddr::from(([127, 0, 0, 1], 25_060)),
        http: SocketAddr::from(([127, 0, 0, 1], 8_080)),
        rtp: (10_000, 24_998),
        carrier: SocketAddr::from(([127, 0, 0, 3], 5_090)),
        inbound: IpAddr::from([127, 0, 0, 2]),
        sms: None,
        calls_per_second: 2_000,
        probe_s: 0,
    };
    setup.write()?;
    say(format!("wrote {}/directory and {}/lianfang.toml", folder.display(), folder.display()));
    Ok(())
}

fn carrier(listen: SocketAddr, answer: Duration, then: Duration) -> anyhow::Result<()> {
    let mut world = World::new(WorldConfig {
        carrier: listen,
        phones_ip: listen.ip(),
        phones_port: 0,
        service: listen,
        phones_per_socket: 1,
        media_sockets: 16,
        seed: 1,
        keeps_diary: true,
    })?;
    world.set_behaviours(Behaviours::all(Behaviour::presses('1', answer, then)));
    say(format!("listening at {listen}; Ctrl-C ends it"));
    loop {
        world.run_until(Duration::from_millis(200), |_| false)?;
        for happening in world.take_diary() {
            say(format!("{} {:?}", happening.who, happening.what));
        }
    }
}

fn wait_for_ctrl_c() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(tokio::signal::ctrl_c()).context("cannot wait for Ctrl-C")
}
