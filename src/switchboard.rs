//! Owns the live alarms. One task: decide, apply in memory, commit, act.
//!
//! What an event asks of the world is done when the event is on disk, or when the commit deadline has passed, whichever
//! is first; so a dead disk delays nothing for longer than the deadline. Events of many alarms share a commit.
//! Restart is the same path: the log is folded, and each open alarm is told that the process was restarted.
//!
//! Must not know SIP, HTTP or SQL: carriers are behind [`Carriers`], the log behind `store::alarm_log`.

mod act;
mod bundling;
mod callers;
mod drills;
mod driver;
mod ended;
mod handover;
mod live;
mod measure;
mod outside;
mod pages;
mod presses;
mod recover;
mod texts;
mod turn;

use crate::clock::Clock;
use crate::store::alarm_log::{AlarmLog, OpenAlarms};
use crate::store::snapshot::DirectoryHandle;
use crate::tasks::Tasks;
use jiff::Timestamp;
use lianfang_domain::alarm::{CancelReason, CloseOutcome, NamedBy, ResidentNotice, Trigger};
use lianfang_domain::answer::Said;
use lianfang_domain::digits::Key;
use lianfang_domain::directory::LineRef;
use lianfang_domain::dispatch::{Dispatch, Route, RouteLoad};
use lianfang_domain::id::{AlarmId, LegId};
use lianfang_domain::kind::AlarmKind;
use lianfang_domain::leg::{LegOrder, LegReport, RouteName};
use lianfang_domain::phone::PhoneNumber;
use lianfang_domain::plan::{AddError, Added, PartyId, Plan, Policy};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

pub use callers::{CallWord, CallerId, HouseholdCall, Tell, Wanted};
pub use drills::{DrillBegun, DrillDoor, Notice, NoticeEnd, NoticeWords};
pub use ended::Over;
pub use lianfang_domain::dispatch::TooManyRoutes;
pub use pages::{Guest, PageSeen, Pages};
pub use texts::TextFate;

/// Presses of #9 that may wait: half a minute of two thousand a second, some 30 MiB, since a press that waits is late
/// and one that is refused may be lost. Beyond it a press is refused at its source, loudly: the line hears a failure and
/// the edge tries another node.
const PRESSES_MAX: usize = 65_536;
/// Reports of legs that may wait: ten seconds of a storm.
const REPORTS_MAX: usize = 65_536;
/// Requests of people and of health checks.
const REQUESTS_MAX: usize = 1_024;

/// The way to carriers. Nothing here waits: what cannot be taken is reported as a failed leg.
pub trait Carriers: Send + Sync + 'static {
    /// Reaches somebody over this route. Asked twice for one leg, it acts once.
    fn place(&self, order: LegOrder, route: &RouteName);
    /// Sends the announcement of a drill; `order` says to whom, and nothing of what.
    fn announce(&self, order: LegOrder, text: &str, route: &RouteName);
    /// A leg is needed no longer.
    fn cancel(&self, leg: LegId, reason: CancelReason);
    /// A voice leg of the process before this one may still ring: it is ended by what its id says.
    fn cancel_orphan(&self, order: LegOrder, route: &RouteName);
    /// Says something to the resident, if the handset is still up.
    fn tell_resident(&self, alarm: AlarmId, notice: ResidentNotice, plan: Arc<Plan>);
    /// Other words for a call that nobody has answered yet. Too late is no error: who has answered hears of it by SMS.
    fn reword(&self, order: LegOrder);
    /// The callee joins the talk of their alarm, and the resident too where the handset is still up.
    fn join_talk(&self, leg: LegId);
    /// The callee wanted to join the talk of their alarm, and there is no room.
    fn refuse_talk(&self, leg: LegId);
    /// A plan was made: names can be brought into memory, aside.
    fn prepare(&self, plan: &Arc<Plan>);
    /// Whether a number is a line that is registered here now.
    fn is_registered(&self, line: LineRef) -> bool;
}

/// The answer to a press.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raised {
    /// The alarm that the press raised or belongs to.
    pub alarm: AlarmId,
    /// It raised it.
    pub is_new: bool,
}

/// How a press is answered: called once, on the switchboard's task, so it must not wait.
pub type Reply = Box<dyn FnOnce(Raised) + Send>;

/// A recognised press.
pub struct Press {
    /// What was heard.
    pub trigger: Trigger,
    /// Where the line stands in the directory.
    pub line: LineRef,
    /// What is the matter, where it is said with the press.
    pub kind: AlarmKind,
    /// When the last digit was heard.
    pub heard_at: Timestamp,
    /// The line is to hear nothing of it, though it is no silent line.
    pub is_silent: bool,
    /// Told when the alarm is on disk, or at the commit deadline.
    pub reply: Reply,
}

impl std::fmt::Debug for Press {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Press").field("trigger", &self.trigger).finish_non_exhaustive()
    }
}

/// What a person does to an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Says that a party is coming.
    Acknowledge(PartyId),
    /// Says that a party is at the door.
    Arrive(PartyId),
    /// Says what is the matter.
    NameKind(AlarmKind),
    /// Withdraws the alarm.
    Cancel,
    /// Ends the alarm: what it was, and what was the matter if that is known.
    Close(CloseOutcome, Option<AlarmKind>),
    /// Gives the case to a party.
    ChangeOwner(PartyId),
    /// Has everybody called again who is not coming.
    CallAgain,
    /// Has somebody called besides.
    AddParty(Added),
    /// Takes it in hand.
    TakeInHand,
    /// Wrote the note of this number.
    Note(u32),
}

/// Why an action was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActError {
    /// No open alarm has this id.
    #[error("no such open alarm")]
    NotOpen,
    /// The plan has no such party.
    #[error("the alarm has no such party")]
    NoSuchParty,
    /// Whom an operator wants to have called cannot be.
    #[error(transparent)]
    CannotAdd(AddError),
    /// The alarm knows it already, or it does not fit.
    #[error("the alarm is past that")]
    NothingChanged,
    /// The switchboard does not answer.
    #[error("the switchboard is busy")]
    Busy,
}

/// Figures of the switchboard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Alarms that are not over.
    pub open_alarms: usize,
    /// Legs that wait for a slot.
    pub legs_waiting: usize,
    /// Presses and reports that were not looked at yet.
    pub inputs_waiting: usize,
    /// Turns whose commit is under way.
    pub commits_waiting: usize,
    /// How busy each route is.
    pub routes: Vec<RouteLoad>,
}

type Act = oneshot::Sender<Result<(), ActError>>;

enum Request {
    Act { alarm: AlarmId, action: Action, actor: Arc<str>, reply: Act },
    NameKind { alarm: AlarmId, kind: AlarmKind, by: NamedBy },
    RouteUp { route: RouteName, is_up: bool },
    Load { reply: oneshot::Sender<Load> },
    OnRoutes { reply: oneshot::Sender<Option<Box<Dispatch>>> },
    TakeOver(OpenAlarms),
    Ended(Vec<ended::End>),
    Drill { door: DrillDoor, reply: oneshot::Sender<DrillBegun> },
    Notices { notices: Vec<Notice>, told: mpsc::Sender<NoticeEnd>, reply: oneshot::Sender<bool> },
}

/// The handle. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Switchboard {
    presses: mpsc::Sender<Press>,
    reports: mpsc::Sender<(LegId, LegReport)>,
    requests: mpsc::Sender<Request>,
    words: mpsc::Sender<CallWord>,
    duty: mpsc::Sender<outside::DutyRequest>,
}

/// What the task receives from.
pub struct Inboxes {
    /// Presses of #9.
    pub presses: mpsc::Receiver<Press>,
    /// What carriers report.
    pub reports: mpsc::Receiver<(LegId, LegReport)>,
    /// What is said in calls in hand.
    pub words: mpsc::Receiver<CallWord>,
    requests: mpsc::Receiver<Request>,
    duty: mpsc::Receiver<outside::DutyRequest>,
}

/// What the task needs.
pub struct Ports {
    /// The directory of the moment.
    pub directory: DirectoryHandle,
    /// The log.
    pub log: AlarmLog,
    /// The carriers.
    pub carriers: Arc<dyn Carriers>,
    /// The clock.
    pub clock: Clock,
    /// Routes, in order of preference.
    pub routes: Vec<Route>,
    /// The one of them that reaches lines that are registered here.
    pub lines_route: RouteName,
    /// How long things take where a group says nothing else.
    pub policy: Policy,
    /// How long a commit is waited for.
    pub commit_deadline: Duration,
    /// The node's number, part of alarm ids.
    pub node: u8,
    /// Links to pages, where some route allows them.
    pub pages: Option<Arc<Pages>>,
}

/// How long a person's request may take.
const ACT_MAX: Duration = Duration::from_secs(5);

impl Switchboard {
    /// Makes the handle and the inboxes of the task that is started later: carriers need the handle first.
    #[must_use]
    pub fn channel() -> (Self, Inboxes) {
        let (presses, presses_in) = mpsc::channel(PRESSES_MAX);
        let (reports, reports_in) = mpsc::channel(REPORTS_MAX);
        let (requests, requests_in) = mpsc::channel(REQUESTS_MAX);
        let (words, words_in) = mpsc::channel(callers::WORDS_MAX);
        let (duty, duty_in) = mpsc::channel(outside::DUTY_MAX);
        let inboxes = Inboxes {
            presses: presses_in,
            reports: reports_in,
            words: words_in,
            requests: requests_in,
            duty: duty_in,
        };
        (Self { presses, reports, requests, words, duty }, inboxes)
    }

    /// Takes up the open alarms of the log and starts the task. What the log cannot tell now is taken up once it can.
    ///
    /// # Errors
    /// When the routes cannot be shared.
    pub async fn start(
        &self,
        inboxes: Inboxes,
        ports: Ports,
        tasks: &Tasks,
    ) -> Result<(), TooManyRoutes> {
        let (log, clock) = (ports.log.clone(), ports.clock.clone());
        let pages = ports.pages.clone();
        let mut driver = driver::Driver::new(ports)?;
        let open = recover::read(&log).await;
        let is_complete = open.is_some() && !recover::is_behind(&log);
        driver.take_over(open.unwrap_or_default());
        tasks.start("switchboard", move |stop| driver.run(inboxes, stop));
        let (parts, requests) = ((log.clone(), clock.clone()), self.requests.clone());
        tasks.start("ended alarms", move |stop| async move {
            // What is not taken up is told at the next start.
            stop.run_until_cancelled(ended::recover(parts, pages, requests)).await;
        });
        if !is_complete {
            let requests = self.requests.clone();
            tasks.start("recovery", move |stop| async move {
                // What is not taken up yet is still open at the next start.
                stop.run_until_cancelled(recover::later(log, clock, requests)).await;
            });
        }
        Ok(())
    }

    /// Hands over a press.
    ///
    /// # Errors
    /// Gives the press back when the switchboard takes no more.
    pub fn press(&self, press: Press) -> Result<(), Press> {
        self.presses.try_send(press).map_err(|error| match error {
            mpsc::error::TrySendError::Full(press) | mpsc::error::TrySendError::Closed(press) => {
                press
            }
        })
    }

    /// Hands over what is said in a call in hand.
    ///
    /// # Errors
    /// Gives the word back when the switchboard takes no more of them now: whoever said it may say it again.
    pub fn say(&self, word: CallWord) -> Result<(), CallWord> {
        self.words.try_send(word).map_err(|error| match error {
            mpsc::error::TrySendError::Full(word) | mpsc::error::TrySendError::Closed(word) => {
                metrics::counter!("lianfang_call_words_refused_total").increment(1);
                word
            }
        })
    }

    /// Somebody wrote back. Answered once it is decided what becomes of it.
    ///
    /// # Errors
    /// [`ActError::Busy`].
    pub async fn text(&self, from: PhoneNumber, said: Said) -> Result<TextFate, ActError> {
        let (told, fate) = oneshot::channel();
        let tell = Box::new(move |fate| {
            // Whoever asked may have given up.
            let _ = told.send(fate);
        });
        self.say(CallWord::Text { from, said, tell }).map_err(|_| ActError::Busy)?;
        match tokio::time::timeout(ACT_MAX, fate).await {
            Ok(Ok(fate)) => Ok(fate),
            Ok(Err(_)) | Err(_) => Err(ActError::Busy),
        }
    }

    /// Somebody opens their page, or answers by it. `None` where the alarm is not driven here: it is over.
    ///
    /// # Errors
    /// [`ActError::Busy`].
    pub async fn page(
        &self,
        guest: Guest,
        key: Option<Key>,
    ) -> Result<Option<Box<PageSeen>>, ActError> {
        let (told, seen) = oneshot::channel();
        let tell = Box::new(move |seen| {
            // Whoever asked may have given up.
            let _ = told.send(seen);
        });
        self.say(CallWord::Page { guest, key, tell }).map_err(|_| ActError::Busy)?;
        match tokio::time::timeout(ACT_MAX, seen).await {
            Ok(Ok(seen)) => Ok(seen),
            Ok(Err(_)) | Err(_) => Err(ActError::Busy),
        }
    }

    /// Where carriers report to.
    #[must_use]
    pub fn reports(&self) -> mpsc::Sender<(LegId, LegReport)> {
        self.reports.clone()
    }

    /// A person acts.
    ///
    /// # Errors
    /// [`ActError`].
    pub async fn act(
        &self,
        alarm: AlarmId,
        action: Action,
        actor: Arc<str>,
    ) -> Result<(), ActError> {
        let (reply, answer) = oneshot::channel();
        self.requests
            .try_send(Request::Act { alarm, action, actor, reply })
            .map_err(|_| ActError::Busy)?;
        match tokio::time::timeout(ACT_MAX, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) | Err(_) => Err(ActError::Busy),
        }
    }

    /// The resident says what is the matter, by a digit after the code. Nothing waits for it; a switchboard that is too
    /// busy to hear it calls everybody for an unknown matter.
    pub fn kind_named(&self, alarm: AlarmId, kind: AlarmKind, by: NamedBy) {
        if self.requests.try_send(Request::NameKind { alarm, kind, by }).is_err() {
            tracing::error!(alarm.id = %alarm, "The switchboard is too busy to hear what is the matter");
        }
    }

    /// Begins a door of a drill. `None` when the switchboard does not answer: asked again, it begins once.
    pub async fn drill(&self, door: DrillDoor) -> Option<DrillBegun> {
        let (reply, answer) = oneshot::channel();
        self.requests.try_send(Request::Drill { door, reply }).ok()?;
        tokio::time::timeout(ACT_MAX, answer).await.ok()?.ok()
    }

    /// Announces a drill to some. Whether it did: not while anything else waits for a route, and by call only where no
    /// real alarm is in the way. How each announcement ends is told to `told`; what waits when nobody listens there any
    /// more is not made.
    pub async fn announce(&self, notices: Vec<Notice>, told: mpsc::Sender<NoticeEnd>) -> bool {
        let (reply, answer) = oneshot::channel();
        if self.requests.try_send(Request::Notices { notices, told, reply }).is_err() {
            return false;
        }
        matches!(tokio::time::timeout(ACT_MAX, answer).await, Ok(Ok(true)))
    }

    /// Tells that a route works or does not. Dropped when the switchboard is busy; the next probe says it again.
    pub fn route_is(&self, route: &RouteName, is_up: bool) {
        // See above: a lost word about a route is repeated by the next probe.
        let _ = self.requests.try_send(Request::RouteUp { route: Arc::clone(route), is_up });
    }

    /// A copy of what alarms have on the routes now, to try things on; `None` when it is too much to copy, or the
    /// switchboard does not answer.
    pub async fn on_routes(&self) -> Option<Dispatch> {
        let (reply, answer) = oneshot::channel();
        self.requests.try_send(Request::OnRoutes { reply }).ok()?;
        let copy = tokio::time::timeout(ACT_MAX, answer).await.ok()?.ok()?;
        copy.map(|copy| *copy)
    }

    /// Its figures; `None` when it does not answer in time, which makes the service not ready.
    pub async fn load(&self) -> Option<Load> {
        let (reply, answer) = oneshot::channel();
        self.requests.try_send(Request::Load { reply }).ok()?;
        tokio::time::timeout(ACT_MAX, answer).await.ok()?.ok()
    }
}
