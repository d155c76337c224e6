//! What an alarm would cost by the tariffs of the routes: if every call were answered, the message heard once and a key
//! pressed, and every message went out. Nobody is charged less for that than for a real alarm which all answer at once.

use super::super::Web;
use super::super::words::in_language;
use crate::prompts::Library;
use lianfang_domain::directory::Language;
use lianfang_domain::id::CommunityId;
use lianfang_domain::leg::{Channel, LegOrder, RouteName};
use lianfang_domain::tariff::{Bill, Tariff, sms_parts};
use lianfang_domain::whatif::Departure;
use lianfang_domain::words::{self, Clip, Told};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// From the end of the message to the key.
const KEY_S: u64 = 3;

/// What a leg would cost.
#[derive(Serialize, ToSchema)]
pub(super) struct LegCostView {
    /// Started blocks of the call, or parts of the message.
    units: u64,
    /// How long the call would last once answered, in milliseconds; null for messages.
    answered_ms: Option<u64>,
    /// The currency; null where the leg is free.
    currency: Option<String>,
    /// In the smallest unit of the currency.
    minor: u64,
}

/// What all of it would cost.
#[derive(Serialize, ToSchema)]
pub(super) struct CostView {
    /// The first wave.
    first_wave: Vec<SumView>,
    /// Every leg that is shown.
    all: Vec<SumView>,
    /// Legs over routes without a tariff: what they cost is not known, and they are in no sum.
    unknown_legs: usize,
    /// These routes.
    unknown_routes: Vec<String>,
    /// What is assumed.
    assumes: String,
}

/// A sum in one currency.
#[derive(Serialize, ToSchema)]
struct SumView {
    /// The currency.
    currency: String,
    /// In its smallest unit.
    minor: u64,
}

/// Adds up what legs cost.
pub(super) struct Pricing<'a> {
    tariffs: &'a BTreeMap<RouteName, Tariff>,
    lines_route: &'a RouteName,
    library: &'a Library,
    community: CommunityId,
    language: Language,
    /// How long each announcement is played: most legs say the same.
    played: BTreeMap<(Language, Vec<Clip>), u64>,
    first_wave: Bill,
    all: Bill,
    unknown_legs: usize,
    unknown_routes: BTreeSet<RouteName>,
}

impl<'a> Pricing<'a> {
    pub(super) fn new(web: &'a Web, community: CommunityId, language: Language) -> Self {
        Self {
            tariffs: &web.tariffs,
            lines_route: &web.lines_route,
            library: web.recordings.library(),
            community,
            language,
            played: BTreeMap::new(),
            first_wave: Bill::default(),
            all: Bill::default(),
            unknown_legs: 0,
            unknown_routes: BTreeSet::new(),
        }
    }

    /// What a leg costs, which is put on the bill; `None` where nobody said.
    pub(super) async fn leg(
        &mut self,
        departure: &Departure,
        is_first_wave: bool,
    ) -> Option<LegCostView> {
        let Departure { route, order, .. } = departure;
        let answered_ms = match order.channel {
            Channel::Voice => Some(self.answered_ms(order).await),
            Channel::Sms => None,
        };
        let Some(tariff) = self.tariffs.get(route) else {
            if route == self.lines_route {
                return Some(LegCostView { units: 0, answered_ms, currency: None, minor: 0 });
            }
            self.unknown_legs += 1;
            self.unknown_routes.insert(RouteName::clone(route));
            return None;
        };
        let units = match answered_ms {
            Some(ms) => tariff.units_of_call(ms),
            None => sms_parts(&words::sms(&Told::from(order), order.language)),
        };
        self.all.add(route, units);
        if is_first_wave {
            self.first_wave.add(route, units);
        }
        let currency = Some(tariff.currency.to_string());
        Some(LegCostView { units, answered_ms, currency, minor: tariff.cost(units) })
    }

    /// From the answer to the key: the announcement as it is played now, once.
    async fn answered_ms(&mut self, order: &LegOrder) -> u64 {
        let key = (order.language, words::spoken(&Told::from(order), order.language));
        if let Some(ms) = self.played.get(&key) {
            return *ms;
        }
        let voice = self.library.voice(Some(self.community), order.language);
        // As when the alarm is raised; what is not there is left out then, too.
        voice.fetch(&key.1).await;
        let played = voice.announce(&key.1).duration().as_millis();
        let ms = u64::try_from(played).unwrap_or(u64::MAX).saturating_add(KEY_S * 1000);
        self.played.insert(key, ms);
        ms
    }

    /// The bill.
    pub(super) fn view(self) -> CostView {
        let sums = |bill: &Bill| {
            let sums = bill.sums(self.tariffs).into_iter();
            sums.map(|(currency, minor)| SumView { currency: currency.to_string(), minor })
                .collect()
        };
        CostView {
            first_wave: sums(&self.first_wave),
            all: sums(&self.all),
            unknown_legs: self.unknown_legs,
            unknown_routes: self.unknown_routes.iter().map(ToString::to_string).collect(),
            assumes: in_language!(
                self.language,
                "假定每个电话都接通，听完一遍并在 {KEY_S} 秒后按键；短信按实际内容计条；本处注册的话机免费",
                "Every call is answered, the message heard once and a key pressed {KEY_S} s later; messages count by the parts of their text; telephones registered here are free"
            ),
        }
    }
}
