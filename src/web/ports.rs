//! What the API needs from the rest of the service. `app` gives it; tests give their own.
//!
//! The traits are object-safe, so that no handler is generic over them. Must not hold rules of its own.

pub mod vitals;

use crate::clock::Clock;
use crate::prompts::Recordings;
use crate::store::Store;
use crate::store::accounts::totp::TotpKey;
use crate::store::alarm_log::AlarmLog;
use crate::store::audit::Editor;
use crate::store::pins::PinKey;
use crate::store::snapshot::DirectoryHandle;
use crate::tasks::Tasks;
use crate::webhooks::Webhooks;
use jiff::Timestamp;
use lianfang_domain::alarm::{Actor, Alarm, CloseOutcome, Trigger};
use lianfang_domain::digits::Key;
use lianfang_domain::dispatch::{Dispatch, Route};
use lianfang_domain::id::{AlarmId, CommunityId, GridId};
use lianfang_domain::kind::AlarmKind;
use lianfang_domain::leg::RouteName;
use lianfang_domain::plan::{AddError, Added, PartyId, Plan};
use lianfang_domain::tariff::Tariff;
use metrics_exporter_prometheus::PrometheusHandle;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;
use vitals::{LineVitals, SectionView, Vitals};

/// What an asynchronous method of a port gives.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Everything that the API needs.
pub struct Ports {
    /// The databases; the API reads and edits the directory in them, and looks tokens up.
    pub store: Store,
    /// The routes that legs leave by, for what is told of a policy before it is saved.
    pub routes: Vec<Route>,
    /// What they cost, so far as it was configured.
    pub tariffs: BTreeMap<RouteName, Tariff>,
    /// The one of them that reaches lines that are registered here.
    pub lines_route: RouteName,
    /// The realm of the lines' secrets.
    pub realm: Arc<str>,
    /// Makes what is kept of PINs.
    pub pins: PinKey,
    /// Makes the keys of second factors.
    pub totp: TotpKey,
    /// Where messages may be sent, and what signs them.
    pub webhooks: Webhooks,
    /// The directory in memory.
    pub directory: DirectoryHandle,
    /// The live alarms.
    pub alarms: Arc<dyn Alarms>,
    /// The pages of those who are called.
    pub responders: Arc<dyn Responders>,
    /// What was recorded of alarms; only read here.
    pub alarm_log: AlarmLog,
    /// Who is registered.
    pub registrations: Arc<dyn Registrations>,
    /// Whether the service can do its work.
    pub readiness: Arc<dyn Readiness>,
    /// How well it does it.
    pub health: Arc<dyn Health>,
    /// What `/metrics` prints.
    pub metrics: PrometheusHandle,
    /// The time.
    pub clock: Clock,
    /// Where edits and triggers run, so that they end even when the client hangs up.
    pub tasks: Tasks,
    /// What people recorded, and what is played.
    pub recordings: Recordings,
    /// The numbers that workers call to record.
    pub recording_numbers: Vec<Arc<str>>,
    /// Passwords are taken over plain HTTP from other machines, too.
    pub is_insecure: bool,
    /// Communities that tell everybody how they do, without names.
    pub public: BTreeSet<CommunityId>,
}

impl Ports {
    /// An edit of the directory, now.
    pub(super) fn edited_by<'a>(&'a self, who: &'a str) -> Editor<'a> {
        self.store.directory().edited_by(who, self.clock.now())
    }
}

/// An alarm that was raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raised {
    /// The alarm.
    pub alarm: AlarmId,
    /// It was raised by this trigger; otherwise the trigger was known, or belongs to an alarm that was open.
    pub is_new: bool,
}

/// What an operator does to an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A party is coming.
    Acknowledge {
        /// Who.
        party: PartyId,
    },
    /// A party is at the door.
    Arrive {
        /// Who.
        party: PartyId,
    },
    /// What is the matter is said.
    NameKind {
        /// What.
        kind: AlarmKind,
    },
    /// The alarm is withdrawn.
    Cancel,
    /// The alarm is over.
    Close {
        /// What it was.
        outcome: CloseOutcome,
        /// What was the matter, if that is known.
        matter: Option<AlarmKind>,
    },
    /// The case has another owner.
    ChangeOwner {
        /// Who.
        party: PartyId,
    },
    /// Everybody is called again who is not coming.
    CallAgain,
    /// Somebody is called besides.
    AddParty {
        /// Whom.
        whom: Added,
    },
    /// Somebody at a wall or a desk takes it in hand.
    TakeInHand,
    /// A note was written.
    Note {
        /// Its number within the alarm.
        note: u32,
    },
}

/// Why a trigger raised nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RaiseError {
    /// The line was deleted in between.
    #[error("the line is not in the directory")]
    UnknownLine,
    /// The switchboard takes no more: its queue is full or it stops.
    #[error("the switchboard takes no triggers now")]
    Unavailable,
}

/// Why an action changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActError {
    /// No alarm has this id.
    #[error("no such alarm")]
    UnknownAlarm,
    /// The alarm is over.
    #[error("the alarm is closed")]
    Closed,
    /// The alarm's plan has no such party.
    #[error("the plan has no such party")]
    UnknownParty,
    /// Whom an operator wants to have called cannot be.
    #[error(transparent)]
    CannotAdd(AddError),
    /// The switchboard takes no more: its queue is full or it stops.
    #[error("the switchboard takes no actions now")]
    Unavailable,
}

/// The switchboard, as the API sees it.
pub trait Alarms: Send + Sync {
    /// Raises an alarm, or finds the one that this trigger belongs to. Answered once it is committed or its deadline
    /// has passed. `kind` is what a device says is the matter.
    fn raise(&self, trigger: Trigger, kind: AlarmKind) -> Answer<'_, Result<Raised, RaiseError>>;

    /// Does something to an open alarm. Doing the same twice is no error.
    fn act(&self, alarm: AlarmId, action: Action, actor: Actor)
    -> Answer<'_, Result<(), ActError>>;

    /// A copy of what real alarms have on the routes now; `None` when it is too much to copy, or nobody answers.
    fn on_routes(&self) -> Answer<'_, Option<Dispatch>>;
}

/// What somebody who is called may see of an alarm.
#[derive(Clone, Debug)]
pub struct Page {
    /// The alarm.
    pub alarm: Alarm,
    /// Who they are.
    pub party: PartyId,
    /// By which of their numbers they were told.
    pub number_index: u8,
    /// Plans of the other open alarms of the building.
    pub others: Vec<Arc<Plan>>,
}

/// The pages of those who are called.
pub trait Responders: Send + Sync {
    /// Whether this token is good for a page. Asks nobody else.
    fn knows(&self, token: &str) -> bool;

    /// How it stands for the one who has this token, after the answer if one is given; `None` if the token is good for
    /// nothing.
    fn page<'a>(
        &'a self,
        token: &'a str,
        key: Option<Key>,
    ) -> Answer<'a, Result<Option<Page>, ActError>>;

    /// The path of the page of a party, for somebody who proved otherwise who they are; `None` without pages.
    fn path(&self, alarm: AlarmId, party: PartyId) -> Option<String>;
}

/// Where a line is registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The address that the registration came from, such as `udp 192.0.2.7:5060`.
    pub from: String,
    /// The device, as it calls itself.
    pub device: Option<String>,
    /// Since when, without a gap.
    pub since: Timestamp,
    /// When it ends unless it is renewed.
    pub expires: Timestamp,
}

/// What should work, and what of it does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Down {
    /// The lines of each grid.
    pub lines: BTreeMap<(CommunityId, GridId), LineVitals>,
    /// Trunks that do not answer.
    pub routes: usize,
}

/// How a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineState {
    /// Registered.
    Up,
    /// Was registered since the service runs, and is not any more.
    Down,
    /// Was never registered since the service runs.
    Never,
}

/// Who is registered.
pub trait Registrations: Send + Sync {
    /// What should work, and what of it does not. Looks at every line: to be asked now and then, and aside.
    fn down(&self) -> Down;

    /// How the line of this account is.
    fn state_of(&self, account: &str) -> LineState;

    /// Where the line of this account is registered; empty when it is not.
    fn of_account<'a>(&'a self, account: &'a str) -> Answer<'a, Vec<Binding>>;

    /// When the last device of this account fell silent; `None` if none was registered since the service runs.
    fn lost<'a>(&'a self, account: &'a str) -> Answer<'a, Option<Timestamp>>;
}

/// Why the service cannot do all of its work; without personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unready {
    /// The switchboard does not answer.
    Switchboard,
    /// Events wait in the journal for the database.
    AlarmLog,
    /// A trunk does not answer.
    Trunk {
        /// Its name in the configuration.
        name: String,
    },
    /// The certificate of HTTPS has expired.
    CertificateExpired,
    /// The files of the certificate cannot be used now; an older one is.
    Certificate {
        /// What is wrong with them, as the log says it.
        why: String,
    },
}

/// Whether the service can do its work.
pub trait Readiness: Send + Sync {
    /// What is missing; empty when all is well.
    fn unready(&self) -> Answer<'_, Vec<Unready>>;
}

/// How the service fares, for people.
pub trait Health: Send + Sync {
    /// Its figures. Looks at files and the switchboard: to be asked now and then, by people.
    fn vitals(&self) -> Answer<'_, Vitals>;

    /// The configuration in force, without what is secret.
    fn configuration(&self) -> Vec<SectionView>;
}
