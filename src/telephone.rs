//! The telephone: the shell around the SIP user agent. Sockets, shards, calls of residents, legs to neighbours.
//!
//! Read in the order of an alarm: `sockets` → `routing` → `shard` → `desk` (the press) → the switchboard →
//! `legs` → `trunk` → `sockets`. The machines `resident_call` and `voice_leg` are pure.

mod callers;
mod deadlines;
mod desk;
mod legs;
mod lines;
mod pad;
mod recording_call;
mod resident_call;
mod routing;
mod session;
mod shard;
mod sockets;
mod speaker;
mod trace;
mod trunk;
mod voice_leg;

pub use lines::{LineBook, Registration};
pub use recording_call::RecordingNeeds;
pub use trace::Tracer;
pub use trunk::LegKeys;

use crate::clock::{Clock, Seldom};
use crate::config::{ListenAddress, SipConfig, TrunkConfig};
use crate::media::{Media, MediaEvent};
use crate::prompts::Library;
use crate::store::snapshot::DirectoryHandle;
use crate::switchboard::{CallWord, Switchboard};
use crate::tasks::Tasks;
use jiff::Timestamp;
use lianfang_domain::alarm::{CancelReason, PinVerdict, ResidentNotice};
use lianfang_domain::directory::Household;
use lianfang_domain::id::{AlarmId, LegId};
use lianfang_domain::leg::{LegOrder, LegOutcome, LegReport, RouteName};
use lianfang_domain::plan::Plan;
use lianfang_domain::trigger::ReceptionRules;
use lianfang_sip::agent::UserAgent;
use lianfang_sip::agent::api::AgentConfig;
use lianfang_sip::gate::{GateConfig, Rate};
use lianfang_sip::registrar::RegistrarConfig;
use routing::ShardTable;
use shard::{INBOX_MAX, MEDIA_MAX, Shard, ShardInput};
use sockets::Sockets;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use tokio::sync::mpsc;

/// What one trunk may send to a shard of legs: answers to two thousand calls a second, some repeated.
const TRUNK_RATE: Rate = Rate { per_s: 20_000, burst: 40_000 };

/// Says whether digits are a PIN of the household.
type Compare = dyn Fn(&Household, &str) -> PinVerdict + Send + Sync;

/// Compares what was keyed with the PINs of a household: at once, and without keeping it.
#[derive(Clone)]
pub struct PinCheck(pub Arc<Compare>);

impl std::fmt::Debug for PinCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PinCheck")
    }
}

/// What the telephone works with.
#[derive(Debug)]
pub struct Needs {
    /// The clock.
    pub clock: Clock,
    /// Tasks of the alarm path.
    pub tasks: Tasks,
    /// The directory.
    pub directory: DirectoryHandle,
    /// RTP.
    pub media: Media,
    /// The address in SDP.
    pub media_address: IpAddr,
    /// What is said.
    pub prompts: Arc<Library>,
    /// Where presses and reports go.
    pub switchboard: Switchboard,
    /// From which tags and branches are made.
    pub leg_keys: LegKeys,
    /// Who says whether a PIN is right.
    pub pins: PinCheck,
    /// Where copies of messages go.
    pub tracer: Tracer,
    /// Where workers record by telephone; `None` where they cannot.
    pub recording: Option<RecordingNeeds>,
}

/// What every shard shares.
struct Parts {
    clock: Clock,
    directory: DirectoryHandle,
    lines: Arc<LineBook>,
    trunks: Arc<[TrunkConfig]>,
    media: Media,
    media_address: IpAddr,
    prompts: Arc<Library>,
    switchboard: Switchboard,
    reports: mpsc::Sender<(LegId, LegReport)>,
    leg_keys: LegKeys,
    pins: PinCheck,
    /// Headers that make a loudspeaker answer by itself.
    auto_answer: Vec<(Arc<str>, Arc<str>)>,
    /// The shard of the lines.
    desk: mpsc::Sender<ShardInput>,
    tracer: Tracer,
    recording: Option<RecordingNeeds>,
    rules: ReceptionRules,
    advertised: SocketAddr,
    sockets: OnceLock<Arc<Sockets>>,
}

impl Parts {
    /// Sockets are opened before any shard runs.
    fn sockets(&self) -> &Arc<Sockets> {
        self.sockets.get().expect("the sockets are set before the shards start")
    }

    /// Tells the switchboard what was said in a call; who said it says it again when nothing comes of it.
    fn say(&self, word: CallWord) {
        if self.switchboard.say(word).is_err() {
            static TOLD: Seldom = Seldom::new();
            if let Some(times) = TOLD.tell(self.clock.now()) {
                tracing::error!(times, "The switchboard takes no more words of calls");
            }
        }
    }

    /// Tells the switchboard about a leg.
    fn report(&self, leg: LegId, report: LegReport) {
        if self.reports.try_send((leg, report)).is_err() {
            metrics::counter!("lianfang_reports_dropped_total").increment(1);
            static TOLD: Seldom = Seldom::new();
            if let Some(times) = TOLD.tell(self.clock.now()) {
                tracing::error!(leg.id = %leg, times, "The switchboard takes no reports");
            }
        }
    }

    /// A press is lost here: loudly, though not once for each of a storm.
    fn tell_refused(&self) {
        metrics::counter!("lianfang_presses_refused_total").increment(1);
        static TOLD: Seldom = Seldom::new();
        if let Some(times) = TOLD.tell(self.clock.now()) {
            tracing::error!(times, "The switchboard takes no more presses");
        }
    }
}

/// Why there is no telephone.
#[derive(Debug, thiserror::Error)]
pub enum TelephoneError {
    /// An address cannot be bound.
    #[error("cannot listen for SIP on {address}; is another program there?")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The system has no random numbers.
    #[error("cannot get random numbers")]
    Random(#[source] getrandom::Error),
}

/// The handle. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Telephone {
    clock: Clock,
    shards: ShardTable,
    lines: Arc<LineBook>,
    reports: mpsc::Sender<(LegId, LegReport)>,
    listening: Arc<[ListenAddress]>,
}

impl Telephone {
    /// Opens the sockets and starts the shards.
    ///
    /// # Errors
    /// When an address cannot be bound.
    pub async fn start(
        config: &SipConfig,
        trunks: &[TrunkConfig],
        rules: ReceptionRules,
        needs: Needs,
    ) -> Result<Self, TelephoneError> {
        let trunks: Arc<[TrunkConfig]> = trunks.into();
        let clock = needs.clock.clone();
        let lines =
            Arc::new(LineBook::new(needs.directory.clone(), &config.realm, Arc::clone(&trunks)));
        let inboxes: Vec<_> = (0..=config.leg_shards).map(|_| mpsc::channel(INBOX_MAX)).collect();
        let mut senders = inboxes.iter().map(|(sender, _)| sender.clone());
        let first = senders.next().expect("there is a shard for the lines");
        let table = ShardTable::new(first, senders.collect());
        let sockets = Sockets::open(
            &config.listen,
            config.dscp,
            table.clone(),
            needs.clock.clone(),
            needs.tasks.clone(),
        )
        .await
        .map_err(|(address, source)| TelephoneError::Listen { address, source })?;
        let port = sockets.listening().first().map_or(5060, |listen| listen.address.port());
        let reports = needs.switchboard.reports();
        let parts = Arc::new(Parts {
            clock: needs.clock,
            directory: needs.directory,
            lines: Arc::clone(&lines),
            trunks: Arc::clone(&trunks),
            media: needs.media,
            media_address: needs.media_address,
            prompts: needs.prompts,
            switchboard: needs.switchboard,
            reports: reports.clone(),
            leg_keys: needs.leg_keys,
            pins: needs.pins,
            auto_answer: auto_answer(config),
            desk: table.lines().clone(),
            tracer: needs.tracer,
            recording: needs.recording,
            rules,
            advertised: SocketAddr::new(config.advertised, port),
            sockets: OnceLock::from(Arc::clone(&sockets)),
        });
        for (number, (sender, inbox)) in inboxes.into_iter().enumerate() {
            let (events, media) = mpsc::channel::<MediaEvent>(MEDIA_MAX);
            let mut agent = agent(config, number, &sockets, parts.clock.now())?;
            for address in trunks.iter().flat_map(TrunkConfig::addresses) {
                agent.protect(address, parts.clock.now());
            }
            let desk = desk::Desk::new(
                Arc::clone(&parts),
                sender,
                events.clone(),
                config.resident_call_max,
                config.access_call_max,
            );
            let legs = legs::Legs::new(number, Arc::clone(&parts), events);
            let shard = Shard::new(agent, desk, legs, Arc::clone(&parts));
            needs.tasks.start("sip_shard", move |stop| shard.run(inbox, media, stop));
        }
        for (index, trunk) in trunks.iter().enumerate().filter(|(_, trunk)| !trunk.probe.is_zero())
        {
            let (pause, inbox) = (trunk.probe, table.lines().clone());
            needs.tasks.start("trunk_probe", move |stop| async move {
                while stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
                    // A full shard has better things to do than to probe.
                    let _ = inbox.try_send(ShardInput::Probe { trunk: index });
                }
            });
        }
        let listening = sockets.listening().into();
        Ok(Self { clock, shards: table, lines, reports, listening })
    }

    /// Where it listens, in the order of the configuration, with the ports that the system chose where none was given.
    #[must_use]
    pub fn listening(&self) -> &[ListenAddress] {
        &self.listening
    }

    /// Lines and their registrations.
    #[must_use]
    pub fn lines(&self) -> &Arc<LineBook> {
        &self.lines
    }

    /// Rings somebody.
    pub fn place(&self, order: LegOrder, route: &RouteName) {
        let leg = order.leg;
        let input = ShardInput::Place { order: Box::new(order), route: Arc::clone(route) };
        if self.shard_of(leg, route).try_send(input).is_err() {
            count_shed("orders", false);
            static TOLD: Seldom = Seldom::new();
            if let Some(times) = TOLD.tell(self.clock.now()) {
                tracing::error!(leg.id = %leg, times, "A SIP shard takes no orders");
            }
            // A full report queue is counted where it is read: the alarm gives the leg up by itself.
            let _ = self
                .reports
                .try_send((leg, LegReport::Ended { outcome: LegOutcome::CarrierFailed }));
        }
    }

    /// A leg is needed no longer. Asked of every shard that may have it.
    pub fn cancel(&self, leg: LegId, reason: CancelReason) {
        for shard in [self.shards.of_leg(leg).1, self.shards.lines()] {
            // A leg that hears nothing of it rings on until its limit, which is the safe side.
            count_shed("cancels", shard.try_send(ShardInput::CancelLeg { leg, reason }).is_ok());
        }
    }

    /// Other words for a call that nobody has answered yet.
    pub fn reword(&self, order: LegOrder) {
        let leg = order.leg;
        for shard in [self.shards.of_leg(leg).1, self.shards.lines()] {
            let input = ShardInput::Reword { order: Box::new(order.clone()) };
            // The callee hears the old words, and the update by SMS.
            count_shed("rewordings", shard.try_send(input).is_ok());
        }
    }

    /// A callee joins the talk of their alarm.
    pub fn join_talk(&self, leg: LegId) {
        for shard in [self.shards.of_leg(leg).1, self.shards.lines()] {
            // Who hears nothing of it presses 5 again.
            count_shed("talks", shard.try_send(ShardInput::JoinTalk { leg }).is_ok());
        }
    }

    /// A callee who wants to join the talk of their alarm is told that it is full.
    pub fn refuse_talk(&self, leg: LegId) {
        for shard in [self.shards.of_leg(leg).1, self.shards.lines()] {
            // As above.
            count_shed("talks", shard.try_send(ShardInput::RefuseTalk { leg }).is_ok());
        }
    }

    /// Ends a leg of the process before this one.
    pub fn cancel_orphan(&self, order: LegOrder, route: &RouteName) {
        let shard = self.shard_of(order.leg, route);
        let input = ShardInput::CancelOrphan { order: Box::new(order), route: Arc::clone(route) };
        // As above.
        count_shed("cancels", shard.try_send(input).is_ok());
    }

    /// Says something to the resident.
    pub fn tell_resident(&self, alarm: AlarmId, notice: &ResidentNotice, plan: &Arc<Plan>) {
        let input = ShardInput::Tell { alarm, notice: notice.clone(), plan: Arc::clone(plan) };
        // An announcement is worth no wait.
        count_shed("announcements", self.shards.lines().try_send(input).is_ok());
    }

    fn shard_of(&self, leg: LegId, route: &RouteName) -> &mpsc::Sender<ShardInput> {
        if **route == *crate::config::sip_lines_route() {
            self.shards.lines()
        } else {
            self.shards.of_leg(leg).1
        }
    }
}

fn auto_answer(config: &SipConfig) -> Vec<(Arc<str>, Arc<str>)> {
    let headers = config.auto_answer.iter();
    headers.map(|(name, value)| (name.as_str().into(), value.as_str().into())).collect()
}

/// Counts what found no room in the queue of a shard.
fn count_shed(what: &'static str, is_taken: bool) {
    if !is_taken {
        metrics::counter!("lianfang_sip_shed_total", "where" => what).increment(1);
    }
}

fn agent(
    config: &SipConfig,
    shard: usize,
    sockets: &Sockets,
    now: Timestamp,
) -> Result<UserAgent, TelephoneError> {
    let advertised = sockets
        .listening()
        .iter()
        .filter(|known| known.address.is_ipv4() == config.advertised.is_ipv4())
        .map(|known| (known.address, SocketAddr::new(config.advertised, known.address.port())))
        .collect();
    let mut gate = GateConfig::default();
    if shard != 0 {
        gate.protected = TRUNK_RATE;
    }
    let agent = AgentConfig {
        gate,
        shard: u8::try_from(shard).unwrap_or(u8::MAX),
        advertised,
        realm: config.realm.as_str().into(),
        registrar: RegistrarConfig {
            expires_default: config.register_expires,
            expires_max: config.register_expires,
            expires_min: RegistrarConfig::default().expires_min.min(config.register_expires),
            bindings_max: config.lines_max,
            ..RegistrarConfig::default()
        },
        ..AgentConfig::default()
    };
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(TelephoneError::Random)?;
    Ok(UserAgent::new(agent, &seed, now))
}
