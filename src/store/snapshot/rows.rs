//! Rows as the SQL of the snapshot gives them, and what the domain makes of them.

use crate::store::number::StoredNumber;
use lianfang_domain::directory::{
    Address, Community, Contact, ContactNumber, DigestAlgorithm, Group, Household, Language, Line,
    LineSecret, LineUse, Pins, Responder, ResponderKind, Worker,
};
use lianfang_domain::id::{
    CommunityId, ContactId, GridId, GroupId, HouseholdId, LineId, PolicyId, ResponderId, StreetId,
    WorkerId,
};
use lianfang_domain::phone::PhoneNumber;
use lianfang_domain::plan::PolicyVersion;
use lianfang_domain::policy::StoredPolicy;
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

#[derive(Deserialize)]
pub(super) struct CommunityRow {
    pub(super) id: CommunityId,
    pub(super) street: StreetId,
    pub(super) name: Arc<str>,
    pub(super) area_code: Arc<str>,
    pub(super) language: String,
    pub(super) time_zone: Arc<str>,
    pub(super) alarm_codes: Vec<Arc<str>>,
    pub(super) access_numbers: Vec<Arc<str>>,
    pub(super) silent_codes: Vec<Arc<str>>,
    pub(super) arrival_code: Arc<str>,
    pub(super) has_hand_over_calls: u8,
}

#[derive(Deserialize)]
pub(super) struct GridRow {
    pub(super) community: CommunityId,
    pub(super) id: GridId,
    pub(super) name: Arc<str>,
}

#[derive(Deserialize)]
pub(super) struct GroupRow {
    pub(super) community: CommunityId,
    pub(super) id: GroupId,
    pub(super) grid: GridId,
    pub(super) name: Arc<str>,
    pub(super) acknowledgements_wanted: u8,
}

#[derive(Deserialize)]
pub(super) struct WorkerRow {
    pub(super) community: CommunityId,
    pub(super) id: WorkerId,
    pub(super) name: Arc<str>,
    pub(super) language: Option<String>,
    pub(super) is_on_duty: u8,
    pub(super) numbers: Vec<StoredNumber>,
}

#[derive(Deserialize)]
pub(super) struct ResponderRow {
    pub(super) community: CommunityId,
    pub(super) id: ResponderId,
    pub(super) kind: ResponderKind,
    pub(super) name: Arc<str>,
    pub(super) language: Option<String>,
    pub(super) skills: Vec<Arc<str>>,
    pub(super) household: Option<HouseholdId>,
    pub(super) grid: Option<GridId>,
    pub(super) building: Option<Arc<str>>,
    pub(super) numbers: Vec<StoredNumber>,
}

#[derive(Deserialize)]
pub(super) struct PolicyRow {
    pub(super) community: CommunityId,
    pub(super) id: PolicyId,
    pub(super) version: u32,
    pub(super) document: Value,
}

#[derive(Deserialize)]
pub(super) struct HouseholdRow<'a> {
    pub(super) community: CommunityId,
    pub(super) id: HouseholdId,
    pub(super) group: GroupId,
    pub(super) name: Arc<str>,
    #[serde(borrow)]
    pub(super) place: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) building: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) unit: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) floor: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) door: Cow<'a, str>,
    pub(super) pronunciation: Option<Arc<str>>,
    pub(super) position: u16,
    #[serde(borrow)]
    pub(super) language: Option<Cow<'a, str>>,
    pub(super) cancel_pin: Option<Arc<str>>,
    pub(super) duress_pin: Option<Arc<str>>,
    #[serde(borrow, default)]
    pub(super) lines: Vec<LineRow<'a>>,
    #[serde(borrow, default)]
    pub(super) contacts: Vec<ContactRow<'a>>,
}

#[derive(Deserialize)]
pub(super) struct LineRow<'a> {
    pub(super) id: LineId,
    #[serde(borrow)]
    pub(super) key: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) written: Cow<'a, str>,
    pub(super) account: Arc<str>,
    pub(super) hotline_grace_s: Option<u8>,
    pub(super) is_silent: u8,
    #[serde(borrow, default)]
    pub(super) secrets: Vec<SecretRow<'a>>,
}

#[derive(Deserialize)]
pub(super) struct SecretRow<'a> {
    pub(super) algorithm: DigestAlgorithm,
    #[serde(borrow)]
    pub(super) realm: Cow<'a, str>,
    pub(super) ha1: Arc<str>,
}

#[derive(Deserialize)]
pub(super) struct ContactRow<'a> {
    pub(super) id: ContactId,
    pub(super) rank: u8,
    pub(super) name: Arc<str>,
    #[serde(borrow)]
    pub(super) language: Option<Cow<'a, str>>,
    pub(super) numbers: Vec<StoredNumber>,
}

fn language(tag: Option<&str>, otherwise: Language) -> Language {
    tag.and_then(Language::of_tag).unwrap_or(otherwise)
}

fn numbers(rows: Vec<StoredNumber>) -> Vec<ContactNumber> {
    rows.into_iter().map(StoredNumber::into_domain).collect()
}

impl CommunityRow {
    pub(super) fn into_domain(self) -> Community {
        Community {
            id: self.id,
            street: self.street,
            name: self.name,
            area_code: self.area_code,
            language: language(Some(&self.language), Language::default()),
            time_zone: self.time_zone,
            alarm_codes: self.alarm_codes,
            silent_codes: self.silent_codes,
            arrival_code: self.arrival_code,
            has_hand_over_calls: self.has_hand_over_calls != 0,
            access_numbers: self.access_numbers,
            grids: Vec::new(),
            groups: Vec::new(),
            households: Vec::new(),
            workers: Vec::new(),
            roster: Arc::default(),
            responders: Vec::new(),
            policies: Vec::new(),
        }
    }
}

impl GroupRow {
    pub(super) fn into_domain(self) -> Group {
        Group {
            id: self.id,
            grid: self.grid,
            name: self.name,
            acknowledgements_wanted: self.acknowledgements_wanted,
            households: Vec::new(),
        }
    }
}

impl WorkerRow {
    pub(super) fn into_domain(self, otherwise: Language) -> Worker {
        Worker {
            id: self.id,
            name: self.name,
            language: language(self.language.as_deref(), otherwise),
            is_on_duty: self.is_on_duty != 0,
            numbers: numbers(self.numbers),
        }
    }
}

impl ResponderRow {
    pub(super) fn into_domain(self, otherwise: Language) -> Responder {
        Responder {
            id: self.id,
            kind: self.kind,
            name: self.name,
            language: language(self.language.as_deref(), otherwise),
            skills: self.skills,
            household: self.household,
            grid: self.grid,
            building: self.building,
            numbers: numbers(self.numbers),
        }
    }
}

impl PolicyRow {
    /// `None` for a document that this release cannot read: the next wider policy holds then, and the log says so.
    pub(super) fn into_domain(self) -> Option<StoredPolicy> {
        let version = PolicyVersion { policy: self.id, version: self.version };
        match serde_json::from_value(self.document) {
            Ok(document) => Some(StoredPolicy { version, document: Arc::new(document) }),
            Err(error) => {
                tracing::error!(policy.id = %self.id, %error, "Cannot read a policy; another one holds in its place");
                None
            }
        }
    }
}

impl HouseholdRow<'_> {
    pub(super) fn into_domain(self, otherwise: Language, words: &mut Words) -> Household {
        let own = language(self.language.as_deref(), otherwise);
        let mut lines: Vec<Line> =
            self.lines.into_iter().map(|line| line.into_domain(words)).collect();
        lines.sort_unstable_by_key(|line| line.id);
        let mut contacts = self.contacts;
        contacts.sort_unstable_by_key(|contact| (contact.rank, contact.id));
        Household {
            id: self.id,
            group: self.group,
            name: self.name,
            address: Address {
                place: words.shared(&self.place),
                building: words.shared(&self.building),
                unit: words.shared(&self.unit),
                floor: words.shared(&self.floor),
                door: words.shared(&self.door),
            },
            pronunciation: self.pronunciation,
            position: self.position,
            language: own,
            lines,
            contacts: contacts.into_iter().map(|contact| contact.into_domain(own)).collect(),
            pins: Pins { cancel: self.cancel_pin, duress: self.duress_pin },
        }
    }
}

impl LineRow<'_> {
    pub(super) fn into_domain(self, words: &mut Words) -> Line {
        let secret = |row: SecretRow<'_>| LineSecret {
            algorithm: row.algorithm,
            realm: words.shared(&row.realm),
            ha1: row.ha1,
        };
        Line {
            id: self.id,
            number: PhoneNumber::from_parts(&self.key, &self.written),
            account: self.account,
            line_use: self
                .hotline_grace_s
                .map_or(LineUse::Code, |grace_s| LineUse::Hotline { grace_s }),
            is_silent: self.is_silent != 0,
            secrets: self.secrets.into_iter().map(secret).collect(),
        }
    }
}

impl ContactRow<'_> {
    pub(super) fn into_domain(self, otherwise: Language) -> Contact {
        Contact {
            id: self.id,
            name: self.name,
            language: language(self.language.as_deref(), otherwise),
            numbers: numbers(self.numbers),
        }
    }
}

/// Gives equal words one place in memory: buildings, units and floors repeat a million times.
#[derive(Debug, Default)]
pub(super) struct Words(HashSet<Arc<str>>);

impl Words {
    pub(super) fn shared(&mut self, word: &str) -> Arc<str> {
        if let Some(known) = self.0.get(word) {
            return Arc::clone(known);
        }
        let new: Arc<str> = word.into();
        self.0.insert(Arc::clone(&new));
        new
    }
}
