//! The telephone from outside: real sockets, phones written by hand, a switchboard that the test plays itself.

mod callers;
mod hostile;
mod legs;
mod phone;
mod recording;
mod residents;

use jiff::Timestamp;
use lianfang::clock::Clock;
use lianfang::config::{
    CallerIdentity, ListenAddress, SipConfig, Transport, TrunkConfig, TrunkIdentityHeader,
};
use lianfang::import::{ImportOptions, import};
use lianfang::media::{Media, MediaConfig};
use lianfang::prompts::{Library, PromptsConfig, Recordings};
use lianfang::store::Store;
use lianfang::store::snapshot::DirectoryHandle;
use lianfang::store::traces::Traces;
use lianfang::switchboard::{CallWord, Inboxes, Press, Raised, Switchboard};
use lianfang::tasks::Tasks;
use lianfang::telephone::{LegKeys, Needs, PinCheck, RecordingNeeds, Telephone, Tracer};
use lianfang_domain::alarm::{PinVerdict, Proof, TriggerSource};
use lianfang_domain::id::AlarmId;
use lianfang_domain::phone::NumberFormat;
use lianfang_domain::trigger::ReceptionRules;
use phone::Phone;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// Longer than anything takes that goes well, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(20);
const REALM: &str = "lianfang";
const PASSWORD: &str = "sesame";
const SERVICE: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// Where the trunk is; a trunk is known by its address alone.
const CARRIER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);
const PIN: &str = "1357";
const DURESS_PIN: &str = "7531";
const TRUNK: &str = "carrier";

const TOWN: [(&str, &str); 7] = [
    ("streets.csv", "name\n街\n"),
    (
        "communities.csv",
        "street,name,area_code,alarm_codes,access_numbers\n街,社区,0592,#9 *9,9000\n",
    ),
    ("grids.csv", "street,community,name\n街,社区,网格\n"),
    ("groups.csv", "street,community,grid,name\n街,社区,网格,一组\n"),
    (
        "households.csv",
        "street,community,grid,group,name,door,position\n街,社区,网格,一组,陈阿姨,502,1\n街,社区,网格,一组,李强,301,2\n",
    ),
    (
        "lines.csv",
        "street,community,grid,group,household,account,number,hotline_grace_s,password\n街,社区,网格,一组,陈阿姨,a1,5551234,,sesame\n街,社区,网格,一组,李强,hot,5551235,60,sesame\n",
    ),
    (
        "contacts.csv",
        "street,community,grid,group,household,name,rank,numbers\n街,社区,网格,一组,李强,李强,0,13800000000\n",
    ),
];

/// A service without alarms: what it hears is for the test to see.
struct World {
    telephone: Telephone,
    inboxes: Inboxes,
    directory: DirectoryHandle,
    media: Media,
    clock: Clock,
    tasks: Tasks,
    traces: Traces,
    _folder: TempDir,
}

impl Drop for World {
    fn drop(&mut self) {
        self.tasks.shutdown().cancel();
    }
}

impl World {
    async fn word(&mut self) -> CallWord {
        let word = tokio::time::timeout(PATIENCE, self.inboxes.words.recv()).await;
        word.expect("a word in time").expect("a word")
    }

    async fn new() -> Self {
        Self::with(None, trunk(SocketAddr::from((CARRIER, 5060)))).await
    }

    /// A service with a place for ordinary calls and a trunk.
    async fn with(ordinary_calls: Option<&str>, trunk: TrunkConfig) -> Self {
        let media = MediaConfig { bind_ip: IpAddr::V4(SERVICE), ..MediaConfig::default() };
        Self::with_media(ordinary_calls, trunk, &media).await
    }

    async fn with_media(
        ordinary_calls: Option<&str>,
        trunk: TrunkConfig,
        media: &MediaConfig,
    ) -> Self {
        let store = store(&[]).await;
        Self::over(&store, prompts(), None, (ordinary_calls, trunk, media)).await
    }

    /// A service over a store of the test's own.
    async fn over(
        store: &Store,
        prompts: Arc<Library>,
        recordings: Option<Recordings>,
        (ordinary_calls, trunk, media): (Option<&str>, TrunkConfig, &MediaConfig),
    ) -> Self {
        let directory = DirectoryHandle::load(store).await.expect("loads");
        let clock = Clock::system();
        let tasks = Tasks::new(Handle::current(), CancellationToken::new());
        let media = Media::new(media, &clock, &tasks).expect("media");
        let (switchboard, inboxes) = Switchboard::channel();
        let folder = tempfile::tempdir().expect("a folder");
        let traces = Traces::in_folder(folder.path());
        let needs = Needs {
            clock: clock.clone(),
            tasks: tasks.clone(),
            directory: directory.clone(),
            media: media.clone(),
            media_address: IpAddr::V4(SERVICE),
            prompts,
            switchboard,
            leg_keys: LegKeys::new([7; 32]),
            tracer: Tracer::start(traces.clone(), &tasks),
            recording: recordings.map(|recordings| RecordingNeeds {
                recordings,
                database: store.directory().clone(),
                tasks: tasks.clone(),
            }),
            pins: PinCheck(Arc::new(|_, digits| match digits {
                PIN => PinVerdict::Right,
                DURESS_PIN => PinVerdict::Duress,
                _ => PinVerdict::Wrong,
            })),
        };
        let rules = ReceptionRules {
            ordinary_calls: ordinary_calls.map(Arc::from),
            call_back_numbers: vec![trunk.caller_number.as_str().into()],
            recording_numbers: vec!["05925550008".into()],
        };
        let telephone = Telephone::start(&sip(), &[trunk], rules, needs).await;
        let telephone = telephone.expect("a telephone");
        Self { telephone, inboxes, directory, media, clock, tasks, traces, _folder: folder }
    }

    fn address(&self, transport: Transport) -> SocketAddr {
        let listening = self.telephone.listening().iter();
        let mut fitting = listening.filter(|known| known.transport == transport);
        fitting.next().expect("it listens").address
    }

    /// A phone of the household in trouble, registered.
    async fn phone(&self) -> Phone {
        let mut phone = Phone::udp(SERVICE, self.address(Transport::Udp)).await;
        phone.register("MD5").await;
        phone
    }

    /// Until what the media threads count is as it should be.
    async fn until_media(&self, is_so: impl Fn(&lianfang::media::Stats) -> bool) {
        let waiting = async {
            while !is_so(&self.media.stats()) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("what is waited for comes");
    }

    /// Until the trace of an alarm has messages that begin so, in this order.
    async fn until_traced(&self, alarm: AlarmId, expected: &[&str]) {
        let has_all = || {
            let mut messages = self.traces.read(alarm).expect("reads").into_iter();
            expected.iter().all(|start| messages.any(|message| message.text.starts_with(start)))
        };
        let waiting = async {
            let mut tick = tokio::time::interval(Duration::from_millis(5));
            while !has_all() {
                tick.tick().await;
            }
        };
        let reached = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(reached.is_ok(), "{:?}", self.traces.read(alarm));
    }

    /// The next press, answered as the switchboard does.
    async fn press(&mut self) -> Press {
        let press = tokio::time::timeout(PATIENCE, self.inboxes.presses.recv()).await;
        let mut press = press.expect("a press in time").expect("a press");
        let reply = std::mem::replace(&mut press.reply, Box::new(|_| ()));
        reply(Raised { alarm: AlarmId(1), is_new: true });
        press
    }

    #[track_caller]
    fn assert_no_press(&mut self) {
        assert!(self.inboxes.presses.try_recv().is_err(), "an alarm was raised");
    }

    /// Waits until no call holds a port any more.
    async fn wait_for_silence(&self) {
        self.until_media(|stats| stats.sessions == 0).await;
    }
}

#[track_caller]
fn assert_press(press: &Press, code: &str, source: TriggerSource, proof: Proof) {
    let trigger = &press.trigger;
    assert_eq!((&*trigger.code, trigger.source, trigger.proof), (code, source, proof));
}

/// The town, with more rows in its tables.
async fn store(more: &[(&str, &str)]) -> Store {
    let store = Store::open_in_memory().await.expect("opens");
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in TOWN {
        let rows = more.iter().filter(|(table, _)| *table == name).map(|(_, rows)| *rows);
        let text: String = std::iter::once(text).chain(rows).collect();
        std::fs::write(folder.path().join(name), text).expect("writes");
    }
    for (name, text) in more.iter().filter(|(name, _)| TOWN.iter().all(|(known, _)| known != name))
    {
        std::fs::write(folder.path().join(name), text).expect("writes");
    }
    let options = ImportOptions { replace: false, dry_run: false, realm: REALM.to_owned() };
    let editor = store.directory().edited_by("cli:test", jiff::Timestamp::UNIX_EPOCH);
    import(&editor, folder.path(), &options).await.expect("imports");
    store
}

/// Encoded once for all tests.
fn prompts() -> Arc<Library> {
    static LIBRARY: OnceLock<Arc<Library>> = OnceLock::new();
    let load = || {
        let nowhere = PromptsConfig { directory: "/nonexistent".into(), voice: "false".into() };
        Arc::new(Library::load(&nowhere).0)
    };
    Arc::clone(LIBRARY.get_or_init(load))
}

fn sip() -> SipConfig {
    let address = SocketAddr::from((SERVICE, 0));
    let listen = [Transport::Udp, Transport::Tcp]
        .map(|transport| ListenAddress { transport, address })
        .to_vec();
    SipConfig {
        listen,
        advertised: IpAddr::V4(SERVICE),
        realm: REALM.to_owned(),
        dscp: 24,
        leg_shards: 1,
        lines_max: 100,
        resident_call_max: Duration::from_secs(300),
        access_call_max: Duration::from_secs(120),
        ordinary_calls: None,
        call_back_numbers: Vec::new(),
        recording_numbers: Vec::new(),
        auto_answer: vec![("Call-Info".to_owned(), "<sip:x>;answer-after=0".to_owned())],
        register_expires: Duration::from_secs(120),
        line_calls_per_second: 100,
        line_channels: 100,
    }
}

fn trunk(address: SocketAddr) -> TrunkConfig {
    TrunkConfig {
        callee_budgets: Vec::new(),
        name: TRUNK.to_owned(),
        address,
        domain: "carrier.example".to_owned(),
        inbound: vec![(address.ip(), 32)],
        caller_identity: CallerIdentity::Headers,
        trust_alarm_code: false,
        area_code: "0592".to_owned(),
        number_format: NumberFormat::E164,
        caller_number: "05925550009".to_owned(),
        display_name: String::new(),
        identity_header: TrunkIdentityHeader::PAssertedIdentity,
        has_user_phone: false,
        has_priority_header: true,
        credentials: None,
        calls_per_second: 100,
        channels: 100,
        probe: Duration::ZERO,
    }
}

fn since(clock: &Clock, start: Timestamp) -> Duration {
    clock.now().duration_since(start).try_into().unwrap_or_default()
}
