//! What calls and messages cost, by the tariff of their route. Whole numbers only: the smallest unit of a currency.

use crate::leg::RouteName;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

/// What a route takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tariff {
    /// The currency: three letters of ISO 4217.
    pub currency: Arc<str>,
    /// The price of [`Self::price_per`] units, in the smallest unit of the currency, such as fen.
    pub price: u32,
    /// So many units have the price: 45 fen for 10 messages are 4.5 fen each.
    pub price_per: NonZeroU32,
    /// A unit of a call is so many seconds, and counts once it has begun. A unit of a message is a part of it.
    pub block_s: NonZeroU32,
}

impl Tariff {
    /// Units of an answered call of so many milliseconds: at least one.
    #[must_use]
    pub fn units_of_call(&self, ms: u64) -> u64 {
        ms.div_ceil(1000).div_ceil(u64::from(self.block_s.get())).max(1)
    }

    /// What so many units cost, in the smallest unit of the currency; a fraction of it counts as a whole.
    #[must_use]
    pub fn cost(&self, units: u64) -> u64 {
        units.saturating_mul(u64::from(self.price)).div_ceil(u64::from(self.price_per.get()))
    }
}

/// Units by route, to be summed up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bill {
    units: BTreeMap<RouteName, u64>,
}

impl Bill {
    /// Puts units of a route on it.
    pub fn add(&mut self, route: &RouteName, units: u64) {
        let sum = self.units.entry(Arc::clone(route)).or_default();
        *sum = sum.saturating_add(units);
    }

    /// The sums by currency. Units of a route without a tariff cost nothing: leave them out, and say so.
    #[must_use]
    pub fn sums(&self, tariffs: &BTreeMap<RouteName, Tariff>) -> BTreeMap<Arc<str>, u64> {
        let mut sums: BTreeMap<Arc<str>, u64> = BTreeMap::new();
        for (route, units) in &self.units {
            if let Some(tariff) = tariffs.get(route) {
                let sum = sums.entry(Arc::clone(&tariff.currency)).or_default();
                *sum = sum.saturating_add(tariff.cost(*units));
            }
        }
        sums
    }
}

/// Characters of GSM 03.38 that take one place of 160, beside ASCII.
const GSM: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ¤ÄÖÑÜ§¿äöñüà¡";
/// Those that take two.
const GSM_EXTENDED: &str = "^{}\\[~]|€";

/// How many parts a text message is sent in (GSM 03.40): 160 characters of the GSM alphabet or 70 others, and a few less
/// in each part where there are several. At least one.
#[must_use]
pub fn sms_parts(text: &str) -> u64 {
    let septets = |character: char| {
        let is_plain = character.is_ascii_graphic() || character == ' ';
        if GSM_EXTENDED.contains(character) {
            Some(2)
        } else if GSM.contains(character) || is_plain && character != '`' {
            Some(1)
        } else {
            None
        }
    };
    let places: Option<usize> = text.chars().map(septets).sum();
    let (places, alone, each) = match places {
        Some(septets) => (septets, 160, 153),
        None => (text.encode_utf16().count(), 70, 67),
    };
    let parts = if places <= alone { 1 } else { places.div_ceil(each) };
    u64::try_from(parts).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tariff(price: u32, price_per: u32, block_s: u32) -> Tariff {
        let number = |number| NonZeroU32::new(number).expect("not 0");
        let (price_per, block_s) = (number(price_per), number(block_s));
        Tariff { currency: "CNY".into(), price, price_per, block_s }
    }

    #[test]
    fn a_block_counts_once_it_has_begun() {
        let check = |block_s, ms, units| {
            assert_eq!(tariff(1, 1, block_s).units_of_call(ms), units, "{ms} ms of {block_s} s");
        };
        check(60, 0, 1);
        check(60, 1, 1);
        check(60, 60_000, 1);
        check(60, 60_001, 2);
        check(6, 14_200, 3);
        check(1, 14_200, 15);
    }

    #[test]
    fn a_fraction_counts_once_in_a_sum_and_not_in_every_leg() {
        let sms: RouteName = "sms".into();
        let tariffs = BTreeMap::from([(Arc::clone(&sms), tariff(45, 10, 60))]);
        assert_eq!(tariffs[&sms].cost(1), 5);
        let mut bill = Bill::default();
        (0..11).for_each(|_| bill.add(&sms, 1));
        bill.add(&"elsewhere".into(), 7);
        assert_eq!(bill.sums(&tariffs), BTreeMap::from([("CNY".into(), 50)]));
        assert_eq!(tariff(u32::MAX, 1, 1).cost(u64::MAX), u64::MAX);
    }

    #[test]
    fn parts_are_counted_as_networks_do() {
        let check = |text: String, parts| assert_eq!(sms_parts(&text), parts, "{text}");
        check(String::new(), 1);
        check("救".repeat(70), 1);
        check("救".repeat(71), 2);
        check("救".repeat(134), 2);
        check("救".repeat(135), 3);
        check("a".repeat(160), 1);
        check("a".repeat(161), 2);
        check("€".repeat(80), 1);
        check("€".repeat(81), 2);
        check("`".repeat(71), 2);
        check("😀".repeat(36), 2);
    }
}
