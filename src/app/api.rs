//! The service as the API sees it: its ports, made of the switchboard, the telephone and the store.

use crate::clock::Clock;
use crate::config::sip_lines_route;
use crate::prompts::Recordings;
use crate::store::Store;
use crate::store::accounts::totp::TotpKey;
use crate::store::alarm_log::AlarmLog;
use crate::store::pins::PinKey;
use crate::store::snapshot::DirectoryHandle;
use crate::switchboard::{self, Pages, Press, Switchboard};
use crate::tasks::Tasks;
use crate::telephone::Telephone;
use crate::web::ports::vitals::LineVitals;
use crate::web::ports::{
    ActError, Action, Alarms, Answer, Binding, Down, Health, LineState, Page, Ports, RaiseError,
    Raised, Readiness, Registrations, Responders, Unready,
};
use crate::webhooks::Webhooks;
use jiff::Timestamp;
use lianfang_domain::alarm::{Actor, Alarm, Trigger};
use lianfang_domain::digits::Key;
use lianfang_domain::dispatch::{Dispatch, Route};
use lianfang_domain::id::{AlarmId, CommunityId};
use lianfang_domain::kind::AlarmKind;
use lianfang_domain::leg::RouteName;
use lianfang_domain::plan::PartyId;
use lianfang_domain::tariff::Tariff;
use lianfang_http::Certificates;
use metrics_exporter_prometheus::PrometheusHandle;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::oneshot;

/// The switchboard answers within its commit deadline; longer than this it is broken.
const RAISE_MAX: Duration = Duration::from_secs(5);

/// What the ports are made of.
pub(super) struct Parts {
    pub(super) pages: Option<Arc<Pages>>,
    pub(super) store: Store,
    pub(super) realm: Arc<str>,
    pub(super) pins: PinKey,
    pub(super) totp: TotpKey,
    pub(super) webhooks: Webhooks,
    pub(super) routes: Vec<Route>,
    pub(super) tariffs: BTreeMap<RouteName, Tariff>,
    pub(super) directory: DirectoryHandle,
    pub(super) log: AlarmLog,
    pub(super) switchboard: Switchboard,
    pub(super) telephone: Telephone,
    pub(super) metrics: PrometheusHandle,
    pub(super) clock: Clock,
    pub(super) tasks: Tasks,
    pub(super) recordings: Recordings,
    pub(super) recording_numbers: Vec<Arc<str>>,
    pub(super) certificates: Option<Certificates>,
    pub(super) is_insecure: bool,
    pub(super) public: BTreeSet<CommunityId>,
    pub(super) health: Arc<dyn Health>,
}

pub(super) fn ports(parts: Parts) -> Ports {
    let live = Arc::new(Live {
        switchboard: parts.switchboard,
        directory: parts.directory.clone(),
        log: parts.log.clone(),
        telephone: parts.telephone,
        clock: parts.clock.clone(),
        pages: parts.pages,
        certificates: parts.certificates,
    });
    Ports {
        store: parts.store,
        realm: parts.realm,
        pins: parts.pins,
        totp: parts.totp,
        webhooks: parts.webhooks,
        routes: parts.routes,
        tariffs: parts.tariffs,
        lines_route: sip_lines_route().into(),
        directory: parts.directory,
        alarms: Arc::clone(&live) as Arc<dyn Alarms>,
        responders: Arc::clone(&live) as Arc<dyn Responders>,
        alarm_log: parts.log,
        registrations: Arc::clone(&live) as Arc<dyn Registrations>,
        readiness: live,
        metrics: parts.metrics,
        clock: parts.clock,
        tasks: parts.tasks,
        recordings: parts.recordings,
        recording_numbers: parts.recording_numbers,
        is_insecure: parts.is_insecure,
        public: parts.public,
        health: parts.health,
    }
}

struct Live {
    switchboard: Switchboard,
    directory: DirectoryHandle,
    log: AlarmLog,
    telephone: Telephone,
    clock: Clock,
    pages: Option<Arc<Pages>>,
    certificates: Option<Certificates>,
}

impl Alarms for Live {
    fn raise(&self, trigger: Trigger, kind: AlarmKind) -> Answer<'_, Result<Raised, RaiseError>> {
        Box::pin(async move {
            let directory = self.directory.current();
            let line = directory.line_of(trigger.household, trigger.line);
            let line = line.ok_or(RaiseError::UnknownLine)?;
            let (reply, raised) = oneshot::channel();
            let press = Press {
                trigger,
                line,
                kind,
                heard_at: self.clock.now(),
                is_silent: false,
                reply: Box::new(move |raised| {
                    // Whoever asked may have given up; the alarm rings all the same.
                    let _ = reply.send(raised);
                }),
            };
            self.switchboard.press(press).map_err(|_| RaiseError::Unavailable)?;
            match tokio::time::timeout(RAISE_MAX, raised).await {
                Ok(Ok(raised)) => Ok(Raised { alarm: raised.alarm, is_new: raised.is_new }),
                Ok(Err(_)) | Err(_) => Err(RaiseError::Unavailable),
            }
        })
    }

    fn act(
        &self,
        alarm: AlarmId,
        action: Action,
        actor: Actor,
    ) -> Answer<'_, Result<(), ActError>> {
        Box::pin(async move {
            let action = match action {
                Action::Acknowledge { party } => switchboard::Action::Acknowledge(party),
                Action::Arrive { party } => switchboard::Action::Arrive(party),
                Action::NameKind { kind } => switchboard::Action::NameKind(kind),
                Action::Cancel => switchboard::Action::Cancel,
                Action::Close { outcome, matter } => switchboard::Action::Close(outcome, matter),
                Action::ChangeOwner { party } => switchboard::Action::ChangeOwner(party),
                Action::CallAgain => switchboard::Action::CallAgain,
                Action::AddParty { whom } => switchboard::Action::AddParty(whom),
                Action::TakeInHand => switchboard::Action::TakeInHand,
                Action::Note { note } => switchboard::Action::Note(note),
            };
            match self.switchboard.act(alarm, action, actor).await {
                // Doing the same twice is no error.
                Ok(()) | Err(switchboard::ActError::NothingChanged) => Ok(()),
                Err(switchboard::ActError::NoSuchParty) => Err(ActError::UnknownParty),
                Err(switchboard::ActError::CannotAdd(error)) => Err(ActError::CannotAdd(error)),
                Err(switchboard::ActError::Busy) => Err(ActError::Unavailable),
                Err(switchboard::ActError::NotOpen) => match self.log.alarm(alarm).await {
                    Ok(Some(_)) => Err(ActError::Closed),
                    Ok(None) => Err(ActError::UnknownAlarm),
                    Err(_) => Err(ActError::Unavailable),
                },
            }
        })
    }

    fn on_routes(&self) -> Answer<'_, Option<Dispatch>> {
        Box::pin(self.switchboard.on_routes())
    }
}

impl Registrations for Live {
    fn down(&self) -> Down {
        let (book, directory) = (self.telephone.lines(), self.directory.current());
        let mut lines = BTreeMap::<_, LineVitals>::new();
        for community in directory.communities() {
            for household in &community.households {
                let grid = community.grid_of(household).unwrap_or_default();
                let counts = lines.entry((community.id, grid)).or_default();
                for line in &household.lines {
                    let is_up = book.is_up(&line.account);
                    counts.registered += usize::from(is_up);
                    counts.down += usize::from(!is_up && !line.secrets.is_empty());
                }
            }
        }
        Down { lines, routes: book.trunks_down().len() }
    }

    fn state_of(&self, account: &str) -> LineState {
        let book = self.telephone.lines();
        match () {
            () if book.is_up(account) => LineState::Up,
            () if book.lost(account).is_some() => LineState::Down,
            () => LineState::Never,
        }
    }

    fn of_account<'a>(&'a self, account: &'a str) -> Answer<'a, Vec<Binding>> {
        Box::pin(async move {
            let registration = self.telephone.lines().registration(account);
            let binding = registration.map(|registration| Binding {
                from: registration.remote.to_string(),
                device: registration.user_agent.map(String::from),
                since: registration.since,
                expires: registration.expires,
            });
            binding.into_iter().collect()
        })
    }

    fn lost<'a>(&'a self, account: &'a str) -> Answer<'a, Option<Timestamp>> {
        Box::pin(std::future::ready(self.telephone.lines().lost(account)))
    }
}

impl Readiness for Live {
    fn unready(&self) -> Answer<'_, Vec<Unready>> {
        Box::pin(async move {
            let mut unready = Vec::new();
            if self.switchboard.load().await.is_none() {
                unready.push(Unready::Switchboard);
            }
            if self.log.counters().is_behind.load(Ordering::Relaxed) != 0 {
                unready.push(Unready::AlarmLog);
            }
            let trunks = self.telephone.lines().trunks_down();
            let trunks = trunks.into_iter().map(|name| Unready::Trunk { name });
            unready.extend(trunks);
            let tls = self.certificates.as_ref().and_then(|certificates| {
                let has_expired = certificates.expires() <= self.clock.now();
                let trouble = certificates.trouble().map(|why| Unready::Certificate { why });
                trouble.or(has_expired.then_some(Unready::CertificateExpired))
            });
            unready.extend(tls);
            unready
        })
    }
}

impl Responders for Live {
    fn knows(&self, token: &str) -> bool {
        let now = self.clock.now();
        self.pages.as_ref().is_some_and(|pages| pages.guest(token, now).is_some())
    }

    fn page<'a>(
        &'a self,
        token: &'a str,
        key: Option<Key>,
    ) -> Answer<'a, Result<Option<Page>, ActError>> {
        Box::pin(async move {
            let now = self.clock.now();
            let guest = self.pages.as_ref().and_then(|pages| pages.guest(token, now));
            let Some(guest) = guest else { return Ok(None) };
            let seen = self.switchboard.page(guest, key).await;
            let seen = seen.map_err(|_| ActError::Unavailable)?;
            let (alarm, others) = match seen {
                Some(seen) => (seen.alarm, seen.others),
                None => match self.log.alarm(guest.alarm).await {
                    Ok(Some(stored)) => {
                        let plans: Vec<_> = stored.plans.into_iter().map(Arc::new).collect();
                        let events = stored.events.iter().map(|event| (event.at, &event.event));
                        // A plan that was erased shows nothing.
                        let Ok(alarm) = Alarm::fold(guest.alarm, &plans, events) else {
                            return Ok(None);
                        };
                        (alarm, Vec::new())
                    }
                    Ok(None) => return Ok(None),
                    Err(_) => return Err(ActError::Unavailable),
                },
            };
            Ok(Some(Page { alarm, party: guest.party, number_index: guest.number_index, others }))
        })
    }

    fn path(&self, alarm: AlarmId, party: PartyId) -> Option<String> {
        self.pages.as_ref().map(|pages| pages.path(alarm, party))
    }
}
