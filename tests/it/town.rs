//! A town that presses #9: the real switchboard over the real store and directory; the telephones are a toy whose
//! callees the test plays. The clock stands still until the test moves it.

mod cast;
mod chance;
mod people;
mod talks;
mod wire;

pub(crate) use cast::{HELPER, LOUDSPEAKER, RESPONDERS, ROSTER};
pub(crate) use chance::Random;

pub(crate) use talks::{Hears, Power};
pub(crate) use wire::{LINES, SMS_1, SMS_2, TRUNK_1, TRUNK_2, Wire, routes};

use jiff::Timestamp;
use lianfang::clock::Clock;
use lianfang::store::Store;
use lianfang::store::alarm_log::{AlarmLog, LogOptions};
use lianfang::store::snapshot::{DirectoryHandle, count_edit};
use lianfang::switchboard::{
    ActError, Action, Load, PageSeen, Pages, Ports, Press, Raised, Switchboard, TextFate,
};
use lianfang::tasks::Tasks;
use lianfang::{drills, evidence, follow_ups};
use lianfang_domain::alarm::{Alarm, Event, Proof, Trigger, TriggerSource};
use lianfang_domain::answer;
use lianfang_domain::delivery::{self, Delivery};
use lianfang_domain::digits::Key;
use lianfang_domain::directory::{Directory, LineRef};
use lianfang_domain::dispatch::Route;
use lianfang_domain::id::{AlarmId, CommunityId};
use lianfang_domain::kind::AlarmKind;
use lianfang_domain::leg::{LegReport, Message};
use lianfang_domain::plan::Policy;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longest real wait for a level.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// Steps in which long times pass.
const STEP: Duration = Duration::from_secs(5);
const NOW_S: i64 = 1_795_305_600;

/// How a town differs from the usual one.
pub(crate) struct Setup {
    pub(crate) groups: u32,
    pub(crate) routes: Vec<Route>,
    /// How long the log waits for the database, in real time.
    pub(crate) log_deadline: Duration,
    /// More SQL for the directory.
    pub(crate) sql: &'static str,
    /// The task that holds drills runs.
    pub(crate) holds_drills: bool,
    /// The task that reminds of follow-ups runs.
    pub(crate) reminds: bool,
    /// The task that keeps what was seen of numbers runs.
    pub(crate) keeps_evidence: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            groups: 1,
            routes: wire::routes(100),
            log_deadline: Duration::from_secs(10),
            sql: "",
            holds_drills: false,
            reminds: false,
            keeps_evidence: false,
        }
    }
}

pub(crate) struct Town {
    folder: TempDir,
    pub(crate) clock: Clock,
    pub(crate) wire: Arc<Wire>,
    setup: Setup,
    process: Process,
    calls_made: u32,
}

/// One run of the service, with threads of its own: it can be killed.
struct Process {
    runtime: Option<Runtime>,
    store: Store,
    directory: DirectoryHandle,
    log: AlarmLog,
    switchboard: Switchboard,
    pages: Arc<Pages>,
    tasks: Tasks,
    /// They stop last.
    log_tasks: Tasks,
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Process {
    async fn start(folder: &Path, clock: &Clock, wire: &Arc<Wire>, setup: &Setup) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let store = Store::open(folder).await.expect("opens");
        let directory = DirectoryHandle::load(&store).await.expect("loads");
        let tasks = Tasks::new(runtime.handle().clone(), CancellationToken::new());
        let log_tasks = Tasks::new(runtime.handle().clone(), CancellationToken::new());
        let options = LogOptions {
            commit_deadline: setup.log_deadline,
            ..LogOptions::in_folder(&folder.join("journal"))
        };
        let (log, _) = AlarmLog::start(&store, &options, clock, &log_tasks).await.expect("starts");
        let (switchboard, inboxes) = Switchboard::channel();
        let pages = Pages::new(&[7; 32], "https://al.example", vec![wire::SMS_1.into()]);
        let pages = Arc::new(pages);
        wire.connect(switchboard.reports());
        let ports = Ports {
            directory: directory.clone(),
            log: log.clone(),
            carriers: Arc::clone(wire) as Arc<_>,
            clock: clock.clone(),
            routes: setup.routes.clone(),
            lines_route: LINES.into(),
            policy: Policy::default(),
            commit_deadline: Duration::from_millis(100),
            node: 1,
            pages: Some(Arc::clone(&pages)),
        };
        switchboard.start(inboxes, ports, &tasks).await.expect("starts");
        if setup.holds_drills {
            let needs = drills::Needs {
                store: store.clone(),
                directory: directory.clone(),
                switchboard: switchboard.clone(),
                clock: clock.clone(),
                policy: Policy::default(),
            };
            drills::start(&tasks, needs);
        }
        if setup.reminds {
            let needs = follow_ups::Needs {
                log: log.clone(),
                directory: directory.clone(),
                switchboard: switchboard.clone(),
                clock: clock.clone(),
                policy: Policy::default(),
            };
            follow_ups::start(&tasks, needs);
        }
        if setup.keeps_evidence {
            let needs = evidence::Needs {
                store: store.clone(),
                log: log.clone(),
                directory: directory.clone(),
                clock: clock.clone(),
            };
            evidence::start(&tasks, needs);
        }
        switchboard.start_hand_overs(&store, &directory, clock, &tasks);
        Self { runtime: Some(runtime), store, directory, log, switchboard, pages, tasks, log_tasks }
    }
}

impl Town {
    pub(crate) async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    /// The usual town with more SQL for its directory.
    pub(crate) async fn where_also(sql: &'static str) -> Self {
        Self::with(Setup { sql, ..Setup::default() }).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Clock::simulated(Timestamp::from_second(NOW_S).expect("a time"));
        let wire = Arc::new(Wire::default());
        people::settle(folder.path(), setup.groups, setup.sql).await;
        let process = Process::start(folder.path(), &clock, &wire, &setup).await;
        let town = Self { folder, clock, wire, setup, process, calls_made: 0 };
        town.settle().await;
        town
    }

    // What people do.

    /// The resident dials a code; answers what the line is told.
    pub(crate) async fn dials(&mut self, code: &str) -> Raised {
        let pressed = self.dials_and_hangs_up(1, code);
        let raised = answer(pressed).await;
        self.settle().await;
        raised
    }

    /// The resident of a group dials a code, and nobody waits for what the line is told.
    pub(crate) fn dials_and_hangs_up(
        &mut self,
        group: u32,
        code: &str,
    ) -> oneshot::Receiver<Raised> {
        self.calls_made += 1;
        let call = format!("call-{}", self.calls_made);
        self.press(group, trigger(code, &call))
    }

    /// Presses with a trigger as it is; the line is that of a group.
    pub(crate) fn press(&self, group: u32, trigger: Trigger) -> oneshot::Receiver<Raised> {
        let trigger = Trigger { group: group.into(), ..trigger };
        self.press_on(self.line(group), trigger)
    }

    pub(crate) fn press_on(&self, line: LineRef, trigger: Trigger) -> oneshot::Receiver<Raised> {
        let (reply, raised) = oneshot::channel();
        let trigger = Trigger { line: line.line, household: line.household, ..trigger };
        let press = Press {
            trigger,
            line,
            kind: AlarmKind::Unknown,
            heard_at: self.clock.now(),
            is_silent: false,
            reply: Box::new(move |raised| {
                let _ = reply.send(raised);
            }),
        };
        assert!(self.process.switchboard.press(press).is_ok(), "the switchboard takes it");
        raised
    }

    /// The same press as often as it is told.
    pub(crate) async fn presses(&self, group: u32, trigger: Trigger) -> Raised {
        let raised = answer(self.press(group, trigger)).await;
        self.settle().await;
        raised
    }

    pub(crate) fn line(&self, group: u32) -> LineRef {
        self.line_of_account(&format!("line-{group}"))
    }

    pub(crate) fn line_of_account(&self, account: &str) -> LineRef {
        self.process.directory.current().line_by_account(account).expect("is a line")
    }

    pub(crate) async fn acts(&self, alarm: AlarmId, action: Action) -> Result<(), ActError> {
        let done = self.process.switchboard.act(alarm, action, "值班台".into()).await;
        self.settle().await;
        done
    }

    /// The same, and nobody waits for it here.
    #[expect(clippy::disallowed_methods, reason = "the test goes on meanwhile")]
    pub(crate) fn acts_soon(
        &self,
        alarm: AlarmId,
        action: Action,
    ) -> JoinHandle<Result<(), ActError>> {
        let switchboard = self.process.switchboard.clone();
        tokio::spawn(async move { switchboard.act(alarm, action, "值班台".into()).await })
    }

    /// A person of the first group does something with the phone that rings: `102`, `duty`, ...
    pub(crate) async fn phone(&self, who: &str, does: Does) {
        self.wire.phone(who, does);
        self.settle().await;
    }

    /// The provider of SMS tells about the newest message to a person.
    pub(crate) async fn provider(&self, who: &str, says: LegReport) {
        self.wire.provider(who, says);
        self.settle().await;
    }

    /// A text comes in from the mobile of a person of the first group.
    pub(crate) async fn texts(&self, who: &str, text: &str) -> TextFate {
        let number = people::number_of(who);
        let fate = self.process.switchboard.text(number, answer::read(text)).await;
        self.settle().await;
        fate.expect("there is room")
    }

    /// Somebody opens the link of their last message, and may press a key there; `None` if it leads nowhere.
    pub(crate) async fn page(&self, who: &str, key: Option<char>) -> Option<PageSeen> {
        let text = self.wire.read_by(who);
        let token = text.rsplit_once("/r/").map(|(_, token)| token.to_owned());
        let token = token.unwrap_or_else(|| panic!("no link: {text}"));
        self.link(&token, key).await
    }

    /// Whether a link is still good.
    pub(crate) fn has_guest(&self, token: &str) -> bool {
        self.process.pages.guest(token, self.clock.now()).is_some()
    }

    /// Until it is: links of closed alarms are read aside after a start.
    pub(crate) async fn until_has_guest(&self, token: &str) {
        let reached = async {
            let mut tick = tokio::time::interval(Duration::from_millis(1));
            while !self.has_guest(token) {
                tick.tick().await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.expect("is known");
    }

    pub(crate) async fn link(&self, token: &str, key: Option<char>) -> Option<PageSeen> {
        let guest = self.process.pages.guest(token, self.clock.now())?;
        let key = key.map(|key| Key::of_char(key).expect("a key"));
        let seen = self.process.switchboard.page(guest, key).await.expect("there is room");
        self.settle().await;
        seen.map(|seen| *seen)
    }

    pub(crate) fn route_is(&self, route: &str, is_up: bool) {
        self.process.switchboard.route_is(&route.into(), is_up);
    }

    /// Somebody changes the directory.
    pub(crate) async fn edit(&self, sql: &'static str) {
        let mut change = self.process.store.directory().write().await.expect("begins");
        sqlx::raw_sql(sql).execute(&mut *change).await.expect("is good SQL");
        count_edit(&mut change, &[CommunityId(1)]).await.expect("counts");
        change.commit().await.expect("commits");
        self.process.directory.refresh().await.expect("refreshes");
    }

    /// Somebody tampers with the database of alarms.
    pub(crate) async fn of_alarms(&self, sql: &'static str) {
        let mut change = self.process.store.alarms().write().await.expect("begins");
        sqlx::raw_sql(sql).execute(&mut *change).await.expect("is good SQL");
        change.commit().await.expect("commits");
    }

    // Time and crashes.

    /// Time passes, and everything that is due happens.
    pub(crate) async fn pass(&self, seconds: u64) {
        let mut left = Duration::from_secs(seconds);
        while !left.is_zero() {
            let step = left.min(STEP);
            self.clock.advance(step);
            self.settle().await;
            left -= step;
        }
    }

    /// Time leaps over a silence.
    pub(crate) async fn leap(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        self.settle().await;
    }

    /// Until nothing is left to do at this moment.
    pub(crate) async fn settle(&self) {
        self.until_load(|load| load.inputs_waiting == 0 && load.commits_waiting == 0).await;
    }

    /// Until something is seen that a task beside the alarms does.
    pub(crate) async fn until(&self, level: impl Fn(&Self) -> bool) {
        let reached = async {
            let mut tick = tokio::time::interval(Duration::from_millis(2));
            while !level(self) {
                tick.tick().await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.expect("reaches the level");
        self.settle().await;
    }

    pub(crate) async fn until_load(&self, level: impl Fn(Load) -> bool) {
        let reached = async {
            let mut tick = tokio::time::interval(Duration::from_millis(1));
            while !self.process.switchboard.load().await.is_some_and(&level) {
                tick.tick().await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.expect("reaches the level");
    }

    /// The power fails: nothing of the process is left but its disk, and what rings goes on ringing.
    pub(crate) async fn crashes(&mut self) {
        let gone = self.process.switchboard.reports();
        self.wire.disconnect();
        let runtime = self.process.runtime.take().expect("it runs");
        runtime.shutdown_background();
        tokio::time::timeout(PATIENCE, gone.closed()).await.expect("it is gone");
    }

    /// It is asked to stop, as for an update.
    pub(crate) async fn stops(&mut self) {
        assert!(self.process.tasks.stop(PATIENCE).await, "in time");
        self.log_stops().await;
        self.wire.disconnect();
        self.process.store.close().await;
    }

    pub(crate) async fn log_stops(&self) {
        assert!(self.process.log_tasks.stop(PATIENCE).await, "in time");
    }

    /// The service starts on what the disk holds.
    pub(crate) async fn starts(&mut self) {
        // No two processes raise alarms in the same millisecond.
        self.clock.advance(Duration::from_secs(1));
        self.process =
            Process::start(self.folder.path(), &self.clock, &self.wire, &self.setup).await;
        self.settle().await;
    }

    /// What the power does in the middle of a story.
    pub(crate) async fn power(&mut self, power: Power) {
        match power {
            Power::Stays => {}
            Power::Fails => self.restarts().await,
        }
    }

    pub(crate) async fn restarts(&mut self) {
        self.crashes().await;
        self.starts().await;
    }

    // What can be seen.

    /// Exactly these phones ring or are in a call with us.
    #[track_caller]
    pub(crate) fn expect_ringing(&self, expected: &[&str]) {
        let mut expected: Vec<&str> = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(self.wire.ringing(), expected);
    }

    #[track_caller]
    pub(crate) fn expect_silence(&self) {
        self.expect_ringing(&[]);
    }

    #[track_caller]
    pub(crate) fn expect_no_silence(&self) {
        assert_ne!(self.wire.ringing(), Vec::<String>::new());
    }

    /// What a person was called for, in order.
    pub(crate) fn calls_to(&self, who: &str) -> Vec<Message> {
        self.wire.voice_to(who)
    }

    /// What a person was sent, in order.
    pub(crate) fn texts_to(&self, who: &str) -> Vec<Message> {
        self.wire.sms_to(who)
    }

    pub(crate) fn log(&self) -> &AlarmLog {
        &self.process.log
    }

    pub(crate) fn switchboard(&self) -> &Switchboard {
        &self.process.switchboard
    }

    pub(crate) fn directory_handle(&self) -> &DirectoryHandle {
        &self.process.directory
    }

    pub(crate) fn directory(&self) -> Arc<Directory> {
        self.process.directory.current()
    }

    pub(crate) fn store(&self) -> &Store {
        &self.process.store
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) async fn load(&self) -> Load {
        self.process.switchboard.load().await.expect("answers")
    }

    /// Until the log has nothing left that is not in the database.
    pub(crate) async fn until_written_back(&self) {
        let behind = &self.log().counters().is_behind;
        let reached = async {
            let mut tick = tokio::time::interval(Duration::from_millis(5));
            while behind.load(std::sync::atomic::Ordering::Relaxed) != 0 {
                tick.tick().await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.expect("is written back");
    }

    pub(crate) async fn events(&self, alarm: AlarmId) -> Vec<Event> {
        let stored = self.log().alarm(alarm).await.expect("reads").expect("is there");
        let sequences: Vec<u32> = stored.events.iter().map(|event| event.sequence).collect();
        let expected: Vec<u32> = (0..).take(sequences.len()).collect();
        assert_eq!(sequences, expected, "neither gap nor double");
        stored.events.into_iter().map(|stored| stored.event).collect()
    }

    /// Every call and message to a person of the first group, as operators see them.
    pub(crate) async fn deliveries(&self, alarm: AlarmId, who: &str) -> Vec<Delivery> {
        let stored = self.log().alarm(alarm).await.expect("reads").expect("is there");
        let events = stored.events.iter().map(|stored| (stored.at, &stored.event));
        let plan = stored.plans.last().expect("a plan");
        let number = people::number_of(who);
        let is_meant = |delivery: &Delivery| {
            let party = plan.party(delivery.party).expect("is planned");
            party.numbers[usize::from(delivery.number_index)].number.key() == number.key()
        };
        delivery::read(events).into_iter().filter(is_meant).collect()
    }

    /// The alarm as the log tells it.
    pub(crate) async fn alarm(&self, id: AlarmId) -> Alarm {
        let stored = self.log().alarm(id).await.expect("reads").expect("is there");
        let plans: Vec<_> = stored.plans.into_iter().map(Arc::new).collect();
        let events = stored.events.iter().map(|stored| (stored.at, &stored.event));
        Alarm::fold(id, &plans, events).expect("folds")
    }
}

/// Writes the directory of the usual town into a folder.
pub(crate) async fn people(folder: &Path) {
    people::settle(folder, 1, "").await;
}

/// What a person does with a phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Does {
    /// It rings.
    Ring,
    /// Picks up.
    Answer,
    /// Picks up, if they have not, and presses a key.
    Press(char),
    /// Puts the handset down, after a key or none.
    HangUp,
    /// Talks to somebody else.
    Busy,
    /// Does not pick up.
    NoAnswer,
    /// Refuses the call.
    Decline,
    /// Has no such number any more.
    BadNumber,
}

pub(crate) fn trigger(code: &str, call: &str) -> Trigger {
    Trigger {
        line: 0.into(),
        household: 0.into(),
        group: 0.into(),
        code: code.into(),
        source: TriggerSource::Dialled,
        proof: Proof::Digest,
        idempotency_key: call.into(),
    }
}

pub(crate) async fn answer(raised: oneshot::Receiver<Raised>) -> Raised {
    let raised = tokio::time::timeout(PATIENCE, raised).await.expect("is told in time");
    raised.expect("is told")
}

/// Reports go here until the first process runs.
type Reports = mpsc::Sender<(lianfang_domain::id::LegId, LegReport)>;
