//! What the user agent and the switchboard ask about lines and trunks: answered from the snapshot, at once.

use crate::clock::Seldom;
use crate::config::{CallerIdentity, TrunkConfig};
use crate::store::snapshot::DirectoryHandle;
use jiff::Timestamp;
use lianfang_domain::directory::{DigestAlgorithm, LineRef, LineSecret};
use lianfang_domain::id::{CommunityId, LineId};
use lianfang_domain::phone::Home;
use lianfang_sip::agent::UserAgent;
use lianfang_sip::agent::api::{Caller, Dialled, Flow};
use lianfang_sip::agent::lines::{Lines, Trunk};
use lianfang_sip::digest::{ChallengeOffer, Secrets};
use lianfang_sip::registrar::Supervision;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

/// A registration, for people to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Where from.
    pub remote: SocketAddr,
    /// The device, as it calls itself.
    pub user_agent: Option<Box<str>>,
    /// Since when, without a gap.
    pub since: Timestamp,
    /// When it ends unless it is renewed.
    pub expires: Timestamp,
}

/// A hash, if there is one.
type Ha1 = Option<Arc<str>>;

/// See the module.
#[derive(Debug)]
pub struct LineBook {
    directory: DirectoryHandle,
    realm: Arc<str>,
    trunks: Arc<[TrunkConfig]>,
    /// Written when a phone registers or falls silent, read at each alarm.
    registered: RwLock<BTreeMap<Arc<str>, Registration>>,
    /// When lines fell silent that were registered before; no more than there are lines.
    lost: RwLock<BTreeMap<Arc<str>, Timestamp>>,
    trunks_down: RwLock<BTreeSet<String>>,
}

impl LineBook {
    pub(super) fn new(directory: DirectoryHandle, realm: &str, trunks: Arc<[TrunkConfig]>) -> Self {
        Self {
            directory,
            realm: realm.into(),
            trunks,
            registered: RwLock::default(),
            lost: RwLock::default(),
            trunks_down: RwLock::default(),
        }
    }

    /// Whether the line is registered now.
    #[must_use]
    pub fn is_registered(&self, line: LineRef) -> bool {
        let directory = self.directory.current();
        directory.resolve(line).is_some_and(|(_, _, line)| self.is_up(&line.account))
    }

    /// Whether an account is registered now. Each look takes the lock anew: an alarm and a telephone that registers wait
    /// for one look of others, however many lines these look at.
    #[must_use]
    pub fn is_up(&self, account: &str) -> bool {
        self.registered.read().unwrap_or_else(PoisonError::into_inner).contains_key(account)
    }

    /// The registration of an account.
    #[must_use]
    pub fn registration(&self, account: &str) -> Option<Registration> {
        self.registered.read().unwrap_or_else(PoisonError::into_inner).get(account).cloned()
    }

    /// When the last telephone of an account fell silent; `None` while one is there, or if none was since the start.
    #[must_use]
    pub fn lost(&self, account: &str) -> Option<Timestamp> {
        self.lost.read().unwrap_or_else(PoisonError::into_inner).get(account).copied()
    }

    /// Keeps what people look at in step with the registrar.
    pub(super) fn on_registration(
        &self,
        supervision: &Supervision,
        agent: &UserAgent,
        now: Timestamp,
    ) {
        let account = match supervision {
            Supervision::Refreshed { account }
            | Supervision::Registered { account, .. }
            | Supervision::Moved { account, .. } => account,
            Supervision::Lost { account, cause, left, .. } => {
                static TOLD: Seldom = Seldom::new();
                if *left == 0
                    && let Some(times) = TOLD.tell(now)
                {
                    tracing::warn!(?cause, times, "A line is not registered any more");
                }
                account
            }
        };
        let binding = agent.bindings(account).iter().max_by_key(|binding| binding.expires_at);
        let mut registered = self.registered.write().unwrap_or_else(PoisonError::into_inner);
        match binding {
            Some(binding) => {
                let since = registered.get(account).map_or(now, |known| known.since);
                let registration = Registration {
                    remote: binding.flow.remote,
                    user_agent: binding.user_agent.as_deref().map(Box::from),
                    since,
                    expires: binding.expires_at,
                };
                registered.insert(Arc::clone(account), registration);
            }
            None => {
                registered.remove(account);
            }
        }
        let mut lost = self.lost.write().unwrap_or_else(PoisonError::into_inner);
        match binding {
            Some(_) => lost.remove(account),
            None => lost.insert(Arc::clone(account), now),
        };
        drop(lost);
        metrics::gauge!("lianfang_lines_registered").set(registered.len() as f64);
    }

    /// Lines that were registered and are not any more since before this, at most `limit`.
    #[must_use]
    pub fn lost_before(&self, limit_at: Timestamp, limit: usize) -> Vec<LineId> {
        let directory = self.directory.current();
        let lost = self.lost.read().unwrap_or_else(PoisonError::into_inner);
        let away = lost.iter().filter(|(_, since)| **since <= limit_at);
        let lines = away.filter_map(|(account, _)| Some(directory.line_by_account(account)?.line));
        lines.take(limit).collect()
    }

    /// Those of these lines that are registered, or are not in the directory any more.
    #[must_use]
    pub fn up_of(&self, lines: &BTreeSet<LineId>) -> BTreeSet<LineId> {
        let directory = self.directory.current();
        let is_up = |line: &&LineId| {
            let found = directory.line_by_id(**line).and_then(|place| directory.resolve(place));
            found.is_none_or(|(_, _, line)| self.is_up(&line.account))
        };
        lines.iter().filter(is_up).copied().collect()
    }

    /// Trunks that do not answer.
    #[must_use]
    pub fn trunks_down(&self) -> Vec<String> {
        self.trunks_down.read().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    pub(super) fn trunk_is(&self, name: &str, is_up: bool) {
        let mut down = self.trunks_down.write().unwrap_or_else(PoisonError::into_inner);
        if is_up {
            down.remove(name);
        } else {
            down.insert(name.to_owned());
        }
    }

    /// HA1 of a line in our realm, by MD5 and by SHA-256; `None` where no such line exists.
    fn ha1s(&self, account: &str) -> Option<(Ha1, Ha1)> {
        let directory = self.directory.current();
        let (_, _, line) = directory.resolve(directory.line_by_account(account)?)?;
        let of = |algorithm| {
            let mut secrets = line.secrets.iter();
            let fits =
                |secret: &&LineSecret| secret.algorithm == algorithm && secret.realm == self.realm;
            secrets.find(fits).map(|secret| Arc::clone(&secret.ha1))
        };
        Some((of(DigestAlgorithm::Md5), of(DigestAlgorithm::Sha256)))
    }

    /// Where the numbers of a trunk are at home.
    pub(super) fn home_of(&self, caller: &Caller) -> Home {
        let area_code = match caller {
            Caller::Trunk { trunk, .. } => self.named(trunk).map(|trunk| trunk.area_code.as_str()),
            Caller::Line { .. } => None,
        };
        Home { area_code: area_code.unwrap_or_default().into(), community: CommunityId::default() }
    }

    /// Whether the trunk is an edge of ours.
    pub(super) fn trusts_alarm_code(&self, trunk: &str) -> bool {
        self.named(trunk).is_some_and(|trunk| trunk.trust_alarm_code)
    }

    fn named(&self, name: &str) -> Option<&TrunkConfig> {
        self.trunks.iter().find(|trunk| trunk.name == name)
    }

    /// The trunk whose addresses hold this one.
    pub(super) fn trunk_of(&self, remote: SocketAddr) -> Option<&TrunkConfig> {
        self.trunks.iter().find(|trunk| trunk.is_source(remote.ip()))
    }
}

impl Lines for LineBook {
    fn secrets(&self, account: &str) -> Option<Secrets> {
        let (md5, sha256) = self.ha1s(account)?;
        // A hash that cannot be read proves nothing: the line can then not be proven, as without a secret.
        Some(Secrets::from_hex(md5.as_deref(), sha256.as_deref()).unwrap_or_default())
    }

    /// A line of which only the MD5 hash is kept is offered nothing else: there are phones that then give up.
    fn challenge_offer(&self, account: &str) -> ChallengeOffer {
        match self.ha1s(account) {
            Some((Some(_), None)) => ChallengeOffer::Md5Only,
            Some(_) | None => ChallengeOffer::Sha256ThenMd5,
        }
    }

    fn trunk(&self, flow: &Flow) -> Option<Trunk> {
        let trunk = self.trunk_of(flow.remote)?;
        let trusts_from = trunk.caller_identity == CallerIdentity::HeadersOrFrom;
        Some(Trunk { name: trunk.name.as_str().into(), trusts_from })
    }

    /// Only who may use the reserved share is asked here, so a broad answer is a safe one.
    fn is_alarm(&self, dialled: &Dialled, account: Option<&str>) -> bool {
        let is_code = |user: &str| user.starts_with(['#', '*']) || user.is_empty();
        let directory = self.directory.current();
        let line = account.and_then(|account| directory.line_by_account(account));
        let community = line.and_then(|line| directory.community(line.community));
        let is_known = community.is_some_and(|community| {
            let numbers = community.alarm_codes.iter().chain(&community.access_numbers);
            numbers.into_iter().any(|code| **code == dialled.user)
        });
        dialled.alarm_code.is_some() || is_code(&dialled.user) || is_known
    }

    fn has_binding_elsewhere(&self, account: &str, flow: &Flow) -> bool {
        self.registration(account).is_some_and(|registration| registration.remote == flow.remote)
    }
}
