//! Wires everything; the only module that may use all others. Start order, stop order, nothing else.
//!
//! Three runtimes: calls (SIP, switchboard, alarm log) have threads of their own, and so have messages, so that neither
//! a flood of API requests nor a burst of SMS can hold up a phone that has to ring.

mod api;
mod carriers;
mod erasure;
mod gauges;
mod health;
mod http;
mod names;
pub(crate) mod node_key;
mod notary;
mod replies;
mod roster_watch;
mod supervisor;
mod webhooks;

use crate::clock::Clock;
use crate::config::{Config, sip_lines_route};
use crate::media::{Media, MediaConfig};
use crate::prompts::{Library, NameVoice, PromptsConfig, Recordings};
use crate::sms::{self, SmsCarrier};
use crate::store::accounts::{self, totp::TotpKey};
use crate::store::alarm_log::{AlarmLog, LogOptions};
use crate::store::pins::PinKey;
use crate::store::snapshot::DirectoryHandle;
use crate::store::{Store, tokens};
use crate::switchboard::{self, Pages, Switchboard};
use crate::tasks::Tasks;
use crate::telephone::{LegKeys, Needs, PinCheck, RecordingNeeds, Telephone, Tracer};
use crate::{drills, evidence, follow_ups, telemetry, web};
use anyhow::Context;
use lianfang_domain::dispatch::Route;
use lianfang_domain::leg::Channel;
use lianfang_domain::plan::Policy;
use lianfang_domain::trigger::ReceptionRules;
use metrics_exporter_prometheus::PrometheusHandle;
use std::num::NonZeroU8;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The journal takes a record over when the database is this much slower than those who wait for it allow.
const JOURNAL_BEFORE_DEADLINE: f64 = 0.8;

/// Runs the service until it is asked to stop.
///
/// # Errors
/// When it cannot start; the message says what to do.
pub fn serve(config: Config) -> anyhow::Result<()> {
    let metrics = telemetry::start_metrics()?;
    let alarm_runtime = threads("alarm", half_of_the_cores())
        .context("cannot start the runtime of the alarm path")?;
    let message_runtime = threads("messages", 1).context("cannot start the runtime of SMS")?;
    let service_runtime =
        threads("service", half_of_the_cores()).context("cannot start the runtime of the API")?;
    let others = Others { messages: &message_runtime, service: &service_runtime };
    let result = alarm_runtime.block_on(run(config, metrics, others));
    service_runtime.shutdown_background();
    message_runtime.shutdown_background();
    alarm_runtime.shutdown_background();
    result
}

/// Runtimes beside that of the calls: what they do is worth less than a phone that rings.
struct Others<'a> {
    messages: &'a Runtime,
    service: &'a Runtime,
}

/// Sound, the disk and messages have threads of their own, and neither pages nor alarms take all cores. More threads would
/// mostly wake each other, which costs an alarm on a quiet evening half a millisecond and a storm a tenth of its CPU.
fn half_of_the_cores() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1))
}

fn threads(name: &'static str, number: usize) -> std::io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(number).thread_name(name).enable_all().build()
}

/// The groups of tasks, in the order in which they stop.
struct Stages {
    service: Tasks,
    messages: Tasks,
    alarm: Tasks,
    /// The alarm log stops last: what the others append until their end is kept.
    log: Tasks,
}

async fn run(config: Config, metrics: PrometheusHandle, others: Others<'_>) -> anyhow::Result<()> {
    // First of all: who asks right after READY=1, or while it starts, is heard, too.
    let mut stop_signals = StopSignals::listen().context("cannot listen for SIGTERM")?;
    let clock = Clock::system();
    let stop = CancellationToken::new();
    let own = tokio::runtime::Handle::current();
    let stages = Stages {
        service: Tasks::new(others.service.handle().clone(), stop.clone()),
        messages: Tasks::new(others.messages.handle().clone(), stop.child_token()),
        alarm: Tasks::new(own.clone(), stop.child_token()),
        log: Tasks::new(own, CancellationToken::new()),
    };
    let starting = async {
        let store = Store::open(&config.data_dir).await?;
        start(&config, &clock, &store, &stages, metrics).await.map(|()| store)
    };
    let started = tokio::select! {
        started = starting => Some(started),
        () = stop_signals.received() => None,
    };
    // A start that is broken off leaves what a crash leaves, and the next start goes on from there.
    let Some(Ok(store)) = started else {
        stop.cancel();
        return started.map_or(Ok(()), |started| started.map(drop));
    };
    supervisor::tell("READY=1");
    // A token that is cancelled though nobody asked: a task of that group panicked.
    let is_asked = tokio::select! {
        () = stop_signals.received() => true,
        () = stop.cancelled() => false,
        () = stages.messages.shutdown().cancelled() => false,
        () = stages.alarm.shutdown().cancelled() => false,
        () = stages.log.shutdown().cancelled() => false,
    };
    supervisor::tell("STOPPING=1");
    tracing::info!(is_asked, "Stopping");
    let grace = config.shutdown_grace;
    let groups = [
        ("service", &stages.service),
        ("messages", &stages.messages),
        ("alarm", &stages.alarm),
        ("log", &stages.log),
    ];
    for (name, tasks) in groups {
        if !tasks.stop(grace).await {
            tracing::error!(name, "Some tasks did not stop in time");
        }
    }
    store.close().await;
    tracing::info!("Stopped");
    anyhow::ensure!(is_asked, "a part of the service broke; the log says which");
    Ok(())
}

fn reception_rules(config: &Config) -> ReceptionRules {
    ReceptionRules {
        ordinary_calls: config.sip.ordinary_calls.as_deref().map(Arc::from),
        call_back_numbers: config.call_back_numbers().into_iter().map(Arc::from).collect(),
        recording_numbers: config
            .sip
            .recording_numbers
            .iter()
            .map(|it| it.as_str().into())
            .collect(),
    }
}

#[expect(clippy::too_many_lines, reason = "the one place where the parts are put together")]
async fn start(
    config: &Config,
    clock: &Clock,
    store: &Store,
    stages: &Stages,
    metrics: PrometheusHandle,
) -> anyhow::Result<()> {
    let certificates = http::certificates(&config.http)?;
    let log = start_log(config, clock, store, stages).await?;
    let directory = DirectoryHandle::load(store).await?;
    directory.follow(&stages.service);
    let current = directory.current();
    tracing::info!(lines = current.lines_len(), version = current.version, "Directory loaded");
    let prompts = start_prompts(config, &directory, stages);
    let recordings = start_recordings(config, clock, store, &prompts).await?;
    let media = Media::new(&media_config(config), clock, &stages.alarm)
        .context("cannot start the media thread")?;
    let (switchboard, inboxes) = Switchboard::channel();
    let node_key = node_key::load(&config.data_dir)?;
    let pins = PinKey::new(&node_key);
    let tracer = store.traces().cloned();
    let tracer = tracer.map(|traces| Tracer::start(traces, &stages.service)).unwrap_or_default();
    let telephone = Telephone::start(
        &config.sip,
        &config.trunks,
        reception_rules(config),
        Needs {
            clock: clock.clone(),
            tasks: stages.alarm.clone(),
            directory: directory.clone(),
            media: media.clone(),
            media_address: config.media.advertised,
            prompts: Arc::clone(&prompts),
            switchboard: switchboard.clone(),
            leg_keys: LegKeys::new(node_key),
            pins: PinCheck(Arc::new(move |household, digits| pins.verdict(household, digits))),
            tracer,
            recording: Some(RecordingNeeds {
                recordings: recordings.clone(),
                database: store.directory().clone(),
                tasks: stages.service.clone(),
            }),
        },
    )
    .await?;
    let base_url = config.http.public_base_url.as_deref();
    let needs = sms::Needs {
        clock: clock.clone(),
        tasks: stages.messages.clone(),
        reports: switchboard.reports(),
        pauses: sms::Pauses::default(),
    };
    let sms = SmsCarrier::new(&config.sms, base_url, needs)?;
    let carriers =
        carriers::AllCarriers::new(telephone.clone(), sms.clone(), prompts, stages.service.clone());
    let pages = pages(config, &node_key).map(Arc::new);
    let ports = switchboard::Ports {
        directory: directory.clone(),
        log: log.clone(),
        carriers: Arc::new(carriers),
        clock: clock.clone(),
        routes: routes(config),
        lines_route: sip_lines_route().into(),
        policy: Policy::default(),
        commit_deadline: config.commit_deadline,
        node: config.node,
        pages: pages.clone(),
    };
    switchboard.start(inboxes, ports, &stages.alarm).await?;
    supervisor::watch(&switchboard, &stages.alarm);
    switchboard.start_hand_overs(store, &directory, clock, &stages.service);
    erasure::start(
        &stages.service,
        clock,
        (&log, store.traces(), store.directory()),
        config.plans_kept,
    );
    notary::start(&stages.service, store);
    start_drills(clock, store, &directory, (&switchboard, stages));
    let needs = follow_ups::Needs {
        log: log.clone(),
        directory: directory.clone(),
        switchboard: switchboard.clone(),
        clock: clock.clone(),
        policy: Policy::default(),
    };
    follow_ups::start(&stages.service, needs);
    let needs = evidence::Needs {
        store: store.clone(),
        log: log.clone(),
        directory: directory.clone(),
        clock: clock.clone(),
    };
    evidence::start(&stages.service, needs);
    gauges::start(&stages.service, clock, &log, &media, &switchboard);
    roster_watch::start(&stages.service, clock, (store, &directory));
    let needs = crate::webhooks::Needs {
        store: store.clone(),
        log: log.clone(),
        directory: directory.clone(),
        clock: clock.clone(),
        outside: Arc::new(webhooks::OfTelephone(telephone.clone())),
        lookup: crate::webhooks::Lookup::system(),
    };
    let webhooks = webhooks::start(&stages.service, &config.webhooks, &node_key, needs)?;
    sms.keep_warm();
    let texts = Arc::new(replies::ToSwitchboard(switchboard.clone()));
    let needs = health::Needs {
        config,
        store,
        log: &log,
        switchboard: &switchboard,
        metrics: &metrics,
        clock,
    };
    let health = health::Vital::start(&needs, &stages.service);
    let ports = api::ports(api::Parts {
        pages,
        store: store.clone(),
        realm: config.sip.realm.as_str().into(),
        pins: PinKey::new(&node_key),
        totp: TotpKey::new(&node_key),
        webhooks,
        routes: routes(config),
        tariffs: config.tariffs.clone(),
        directory,
        log,
        switchboard,
        telephone,
        metrics,
        clock: clock.clone(),
        tasks: stages.service.clone(),
        recordings,
        recording_numbers: reception_rules(config).recording_numbers,
        certificates: certificates.clone(),
        is_insecure: config.http.is_insecure,
        public: config.http.public_reports.clone(),
        health,
    });
    let api = web::router(ports);
    let router = api
        .clone()
        .merge(lianfang_console::router(api, http::console(&config.http, clock)))
        .merge(sms::router(&sms, &config.sms, base_url))
        .merge(sms::replies_router(&config.sms, base_url, texts));
    http::start(&config.http, certificates, router, (clock, &stages.service))?;
    // Whoever has an account needs no token to begin with.
    if !accounts::any(store.directory()).await?
        && let Some(secret) = tokens::create_first(store.directory(), clock.now()).await?
    {
        print_first_token(secret.reveal());
    }
    Ok(())
}

/// Links to pages, where a route lets them through.
fn pages(config: &Config, node_key: &[u8; 32]) -> Option<Pages> {
    let base_url = config.http.public_base_url.as_deref()?;
    let routes = config.sms.iter().filter(|route| route.has_links);
    let routes: Vec<_> = routes.map(|route| route.name.as_str().into()).collect();
    (!routes.is_empty()).then(|| Pages::new(node_key, base_url, routes))
}

fn start_drills(
    clock: &Clock,
    store: &Store,
    directory: &DirectoryHandle,
    (switchboard, stages): (&Switchboard, &Stages),
) {
    let needs = drills::Needs {
        store: store.clone(),
        directory: directory.clone(),
        switchboard: switchboard.clone(),
        clock: clock.clone(),
        policy: Policy::default(),
    };
    drills::start(&stages.service, needs);
}

async fn start_log(
    config: &Config,
    clock: &Clock,
    store: &Store,
    stages: &Stages,
) -> anyhow::Result<AlarmLog> {
    let options = LogOptions {
        commit_deadline: config.commit_deadline.mul_f64(JOURNAL_BEFORE_DEADLINE),
        ..LogOptions::in_folder(&config.journal_dir)
    };
    let (log, replayed) = AlarmLog::start(store, &options, clock, &stages.log).await?;
    if replayed.records != 0 || replayed.lines_skipped != 0 {
        tracing::warn!(?replayed, "The journal held records of a bad day");
    }
    Ok(log)
}

fn start_prompts(config: &Config, directory: &DirectoryHandle, stages: &Stages) -> Arc<Library> {
    let prompts = PromptsConfig {
        directory: config.prompts_dir.clone().unwrap_or_else(|| config.data_dir.join("prompts")),
        voice: config.voice.clone().unwrap_or_default(),
    };
    let (library, problems) = Library::load(&prompts);
    for problem in problems {
        tracing::error!(error = %problem, "A recording cannot be used, the shipped one is said instead");
    }
    match config.voice.as_deref() {
        Some(program) if names::is_installed(program) => {
            let voice = NameVoice::new(&prompts, &stages.service);
            names::start(voice, directory.clone(), &stages.service);
        }
        Some(program) => {
            tracing::warn!(program = %program.display(), "Names are left out of prompts: the voice is not installed");
        }
        None => {}
    }
    Arc::new(library)
}

/// What cannot be played is named; the service starts all the same.
async fn start_recordings(
    config: &Config,
    clock: &Clock,
    store: &Store,
    library: &Library,
) -> anyhow::Result<Recordings> {
    let folder = config.recordings_dir.clone();
    let opened = Recordings::open(library, store.directory(), folder, clock.clone()).await;
    let (recordings, problems) = opened.context("cannot take up the recordings of people")?;
    for problem in problems {
        let why: &dyn std::error::Error = &problem.why;
        tracing::error!(error = %problem, why, "A recording is left out, the next in order is said instead");
    }
    Ok(recordings)
}

fn media_config(config: &Config) -> MediaConfig {
    MediaConfig {
        bind_ip: config.media.bind,
        ports: config.media.ports.clone(),
        dscp: config.media.dscp,
        threads: NonZeroU8::MIN,
        silence_timeout: config.media.silence_timeout,
    }
}

/// Phones that are registered here first, then the trunks and providers in the order of the configuration.
fn routes(config: &Config) -> Vec<Route> {
    let lines = Route {
        name: sip_lines_route().into(),
        channel: Channel::Voice,
        per_second: config.sip.line_calls_per_second,
        channels: config.sip.line_channels,
        callee_budgets: Vec::new(),
        preference: 0,
    };
    let preference = |index: usize| u8::try_from(index + 1).unwrap_or(u8::MAX);
    let trunks = config.trunks.iter().enumerate().map(|(index, trunk)| Route {
        name: trunk.name.as_str().into(),
        channel: Channel::Voice,
        per_second: trunk.calls_per_second,
        channels: trunk.channels,
        callee_budgets: trunk.callee_budgets.clone(),
        preference: preference(index),
    });
    let sms = config.sms.iter().enumerate().map(|(index, route)| Route {
        name: route.name.as_str().into(),
        channel: Channel::Sms,
        per_second: route.messages_per_second,
        channels: route.in_flight,
        callee_budgets: route.callee_budgets.clone(),
        preference: preference(index),
    });
    std::iter::once(lines).chain(trunks).chain(sms).collect()
}

/// Once in the life of a database, and nowhere but here: never into a log.
#[expect(clippy::print_stdout, reason = "the operator reads it at the first start")]
fn print_first_token(secret: &str) {
    println!("First API token (admin), shown this once: {secret}");
}

/// The signals that ask the program to stop.
struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// From now on these signals end nothing by themselves: each is kept until [`Self::received`] hears it.
    fn listen() -> std::io::Result<Self> {
        let (terminate, interrupt) = (SignalKind::terminate(), SignalKind::interrupt());
        Ok(Self { terminate: signal(terminate)?, interrupt: signal(interrupt)? })
    }

    async fn received(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lianfang_domain::dispatch::CalleeBudget;

    #[test]
    fn routes_keep_to_the_budgets_of_their_providers() {
        let environment = [
            (
                "LIANFANG_TRUNK",
                r#"[{ name = "carrier", address = "127.0.0.1:5080", caller_number = "1", callee_budgets = ["1/60", "5/3600"] },
                    { name = "spare", address = "127.0.0.1:5090", caller_number = "1" }]"#,
            ),
            (
                "LIANFANG_SMS",
                r#"[{ name = "sms", account_sid = "A", auth_token = "t", from = "1", callee_budgets = ["10/86400"] }]"#,
            ),
        ];
        let environment = environment.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let config = Config::load(None, environment).expect("valid");
        let budget = |calls, per_s| CalleeBudget { calls, per_s };
        let wanted = [
            ("lines", vec![]),
            ("carrier", vec![budget(1, 60), budget(5, 3600)]),
            ("spare", vec![]),
            ("sms", vec![budget(10, 86_400)]),
        ];
        let routes = routes(&config);
        assert_eq!(routes.len(), wanted.len());
        for (route, (name, budgets)) in routes.iter().zip(wanted) {
            assert_eq!((&*route.name, &route.callee_budgets), (name, &budgets));
        }
    }
}
