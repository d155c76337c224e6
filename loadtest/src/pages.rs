//! How fast every page of the console and every list of the API is in a town of 100,000 households, and whether an alarm
//! is as fast while people search.

mod client;
mod past;
mod sign_in;
mod town;
pub mod walk;

use crate::api::Api;
use crate::board::Summary;
use crate::provider::{Provider, ProviderConfig};
use crate::say::say;
use crate::service::{Service, Setup};
use crate::usage::Usage;
use crate::world::{World, WorldConfig};
use anyhow::Context as _;
use client::{As, get};
use past::beside;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use town::Town;

const TRUNK: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const CARRIER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));
/// Longest start: a large directory is read, names are spoken ahead.
const START_MAX: Duration = Duration::from_secs(300);
/// The first byte of an answer is wanted by then.
const FIRST_BYTE: Duration = Duration::from_millis(50);
/// Bytes that a page may have.
const PAGE_MAX: usize = 100 * 1024;
/// Alarms a second while the past is made.
const PAST_RATE: f64 = 5.0;
/// Alarms a second while people search, and how many there are with and without them.
const BESIDE_RATE: f64 = 2.0;
const BESIDE: u32 = 60;
/// People who search at once, one question after the other.
const SEARCHERS: usize = 4;
/// What they ask.
const QUESTIONS: &[&str] = &[
    "/api/v1/search?q=cxh",
    "/api/v1/search?q=zzzz",
    "/api/v1/reports/communities",
    "/api/v1/search?q=3-502",
    "/api/v1/reachability?state=unreachable",
    "/api/v1/lines/status?state=down",
    "/api/v1/search?q=500123",
];

/// What is asked of a run.
#[derive(Clone, Debug)]
pub struct PagesConfig {
    /// Groups of ten households.
    pub groups: u32,
    /// Alarms of the past.
    pub alarms: u32,
    /// How often each page is asked for.
    pub rounds: usize,
    /// The folder of the town, which is made there once; without one it is gone afterwards.
    pub folder: Option<PathBuf>,
}

/// Makes the town, starts the service with it, asks for everything, and prints the figures as Markdown. Returns whether
/// nothing is over its limit.
///
/// # Errors
/// When something cannot be started or is not answered.
pub fn run(config: &PagesConfig, binary: &Path) -> anyhow::Result<bool> {
    let temporary = tempfile::tempdir().context("cannot make a temporary folder")?;
    let folder = config.folder.as_deref().unwrap_or(temporary.path());
    let mut stage = Stage::build(config, binary, folder)?;
    let (service, rounds) = (stage.setup.http, config.rounds.max(1));
    let session = As::Session(stage.session.clone());
    let token = As::Token(stage.token.clone());
    let api = &stage.api;
    let asked = beside(&mut stage.world, || {
        let pages = walk::pages(|path| get(service, path, &session))?;
        let description = api.get_json("/api/v1/openapi.json")?;
        let readable = walk::readable(&description, |path| get(service, path, &token))?;
        let own = |path: &String| path.starts_with("/api/v1/session");
        let lists = readable.paths.iter().filter(|path| !own(path));
        let pages = measure(service, pages.iter(), &session, rounds)?;
        let lists = measure(service, lists, &token, rounds)?;
        anyhow::Ok((pages, lists, readable.left_out))
    });
    let (pages, lists, left_out) = asked??;
    say(format!("## Pages ({})\n\n{HEAD}", pages.len()));
    pages.iter().for_each(|row| say(row.told(PAGE_MAX)));
    say(format!("\n## API ({})\n\n{HEAD}", lists.len()));
    lists.iter().for_each(|row| say(row.told(usize::MAX)));
    say(format!(
        "\nNot asked for, since nothing is there or it has no end: {}\n",
        left_out.join(", ")
    ));
    let usage = Usage::of(stage.service.pid()).context("the service has gone")?;
    say(format!(
        "Memory of the service: {} MiB, at most {} MiB\n",
        usage.rss_kib >> 10,
        usage.rss_max_kib >> 10
    ));
    stage.alarms_beside(config.alarms)?;
    let is_good = pages.iter().all(|row| row.is_good(PAGE_MAX))
        && lists.iter().all(|row| row.is_good(usize::MAX));
    Ok(is_good)
}

const HEAD: &str = "| path | status | first byte p50 / p99, ms | KiB | |\n|---|---|---|---|---|";

/// How fast something was answered.
struct Row {
    path: String,
    status: u16,
    p50: Duration,
    p99: Duration,
    bytes: usize,
}

impl Row {
    fn is_good(&self, bytes_max: usize) -> bool {
        self.p99 <= FIRST_BYTE && self.bytes <= bytes_max && self.status < 500
    }

    fn told(&self, bytes_max: usize) -> String {
        let Self { path, status, p50, p99, bytes } = self;
        let mut marks = Vec::new();
        if FIRST_BYTE < *p50 {
            marks.push("**slow**");
        } else if FIRST_BYTE < *p99 {
            marks.push("slow at times");
        }
        if bytes_max < *bytes {
            marks.push("**large**");
        }
        if 400 <= *status {
            marks.push("**status**");
        }
        let ms = |time: &Duration| time.as_secs_f64() * 1e3;
        let kib = bytes.div_ceil(1024);
        format!(
            "| `{path}` | {status} | {:.1} / {:.1} | {kib} | {} |",
            ms(p50),
            ms(p99),
            marks.join(", ")
        )
    }
}

/// Asks for each path so often, after once to warm up; the slowest first.
fn measure<'a>(
    service: SocketAddr,
    paths: impl Iterator<Item = &'a String>,
    who: &As,
    rounds: usize,
) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for path in paths {
        let mut last = get(service, path, who)?;
        let mut times = Vec::with_capacity(rounds);
        for _ in 0..rounds {
            last = get(service, path, who)?;
            times.push(last.first_byte);
        }
        times.sort_unstable();
        let at = |percent: usize| {
            let rank = (times.len() * percent).div_ceil(100).max(1) - 1;
            times.get(rank).copied().unwrap_or_default()
        };
        let (p50, p99) = (at(50), at(99));
        rows.push(Row {
            path: path.clone(),
            status: last.status,
            p50,
            p99,
            bytes: last.body.len(),
        });
    }
    rows.sort_by_key(|row| std::cmp::Reverse(row.p50));
    Ok(rows)
}

/// The service in its town.
struct Stage {
    world: World,
    // Ends when it is dropped.
    _provider: Provider,
    setup: Setup,
    service: Service,
    api: Api,
    token: String,
    session: String,
    town: Town,
}

impl Stage {
    fn build(config: &PagesConfig, binary: &Path, folder: &Path) -> anyhow::Result<Self> {
        let mut world = World::new(WorldConfig {
            carrier: SocketAddr::new(CARRIER, 0),
            phones_ip: TRUNK,
            phones_port: 0,
            service: SocketAddr::new(TRUNK, 0),
            phones_per_socket: usize::MAX,
            media_sockets: 16,
            seed: 1,
            keeps_diary: false,
        })?;
        world.set_behaviours(past::behaviours());
        let provided = ProviderConfig::faultless(SocketAddr::from(([127, 0, 0, 1], 0)));
        let (account, secret) = (provided.account_sid.clone(), provided.auth_token.clone());
        let provider = Provider::start(provided)?;
        let mut setup = Setup::on_free_ports(folder, world.carrier_address()?, TRUNK)?;
        setup.sms = Some((provider.base_url(), account, secret));
        setup.write()?;
        world.set_service(setup.sip);
        let town = Town { groups: config.groups };
        let known = folder.join("secrets");
        let is_new = !known.exists();
        if is_new {
            let csv = folder.join("directory");
            town.write(&csv)?;
            setup.command(binary, &["import", &csv.to_string_lossy()])?;
            let token = setup.command(binary, &["token", "create", "pages", "--scope", "admin"])?;
            std::fs::write(&known, token.trim())?;
        }
        let secrets = std::fs::read_to_string(&known)?;
        let mut secrets = secrets.lines().map(str::to_owned);
        let token = secrets.next().unwrap_or_default();
        let api = Api::new(setup.http, &token)?;
        let mut service = setup.serve(binary)?;
        service.wait_until_ready(&api, START_MAX, |pause| {
            world.run_until(pause, |_| false)?;
            Ok(())
        })?;
        let session = match secrets.next() {
            Some(session) => session,
            None => {
                let session = sign_in::first_admin(setup.http, &api)?;
                sign_in::duty_workers(&api, town.communities().min(120))?;
                std::fs::write(&known, format!("{token}\n{session}\n"))?;
                session
            }
        };
        let mut stage =
            Self { world, _provider: provider, setup, service, api, token, session, town };
        if is_new {
            stage.make_a_past(config.alarms)?;
        }
        Ok(stage)
    }

    fn make_a_past(&mut self, alarms: u32) -> anyhow::Result<()> {
        let groups = 0..alarms.min(self.town.groups);
        past::press(&mut self.world, groups, PAST_RATE)?;
        self.close()
    }

    fn close(&mut self) -> anyhow::Result<()> {
        let api = &self.api;
        beside(&mut self.world, || past::close(api, OPEN))?
    }

    /// Presses alone, and the same while people search.
    fn alarms_beside(&mut self, used: u32) -> anyhow::Result<()> {
        let free = |turn: u32| {
            let first = (used + turn * BESIDE).min(self.town.groups);
            first..(first + BESIDE).min(self.town.groups)
        };
        let (alone, beside) = (free(0), free(1));
        let alone = past::press(&mut self.world, alone, BESIDE_RATE)?;
        let (service, who) = (self.setup.http, As::Token(self.token.clone()));
        let (is_over, answers) = (AtomicBool::new(false), AtomicU64::new(0));
        let world = &mut self.world;
        let (is_over, answers, who) = (&is_over, &answers, &who);
        let searched = std::thread::scope(|scope| {
            for turn in 0..SEARCHERS {
                scope.spawn(move || {
                    for path in QUESTIONS.iter().cycle().skip(turn) {
                        if is_over.load(Ordering::Relaxed) {
                            return;
                        }
                        if get(service, path, who).is_ok() {
                            answers.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
            let searched = past::press(world, beside, BESIDE_RATE);
            is_over.store(true, Ordering::Relaxed);
            searched
        })?;
        say(
            "## Alarms while people search\n\n| | alarms | lost | trigger to last leg p50 / p95 / p99 / max, ms |\n|---|---|---|---|",
        );
        let answers = answers.load(Ordering::Relaxed);
        let both = [
            ("nobody asks".to_owned(), alone),
            (format!("{SEARCHERS} people search without a pause ({answers} answers)"), searched),
        ];
        for (who, figures) in both {
            let Summary { p50, p95, p99, max, .. } = figures.trigger_to_last_leg_ms;
            let (pressed, lost) = (figures.counts.pressed, figures.lost);
            say(format!(
                "| {who} | {pressed} | {lost} | {p50:.1} / {p95:.1} / {p99:.1} / {max:.1} |"
            ));
        }
        self.close()
    }
}

/// Alarms that stay open.
const OPEN: usize = 12;
