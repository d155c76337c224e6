//! `[routes.<name>] tariff`: what a route costs, for the bill of what-if. Rings nobody more or less.

use super::reader::Section;
use super::routes::{SmsRouteConfig, TrunkConfig};
use super::sip::to_u32;
use lianfang_domain::leg::{Channel, RouteName};
use lianfang_domain::tariff::Tariff;
use std::collections::BTreeMap;
use std::num::NonZeroU32;

/// Calls are paid by the started minute unless the contract says otherwise.
const BLOCK_S: u64 = 60;
const EXAMPLE: &str = r#"tariff = { currency = "CNY", price = 12, block_s = 60 }"#;

/// The tariffs, by the name of the route. A route without one costs nobody knows what.
pub(super) fn read(
    root: &mut Section<'_>,
    trunks: &[TrunkConfig],
    sms: &[SmsRouteConfig],
) -> BTreeMap<RouteName, Tariff> {
    let voice = trunks.iter().map(|trunk| (trunk.name.as_str(), Channel::Voice));
    let sms = sms.iter().map(|route| (route.name.as_str(), Channel::Sms));
    let lines = (super::sip_lines_route(), Channel::Voice);
    let known: BTreeMap<&str, Channel> = std::iter::once(lines).chain(voice).chain(sms).collect();
    root.section("routes", |routes| {
        let mut tariffs = BTreeMap::new();
        for name in routes.keys() {
            let channel = known.get(name.as_str()).copied();
            if channel.is_none() {
                let names: Vec<&str> = known.keys().copied().collect();
                let hint = format!("is no route; need the name of one: {}", names.join(", "));
                routes.mistake(&name, hint);
            }
            let tariff = routes.section(&name, |route| {
                if !route.has("tariff") {
                    route.mistake("tariff", format!("is missing; write for example `{EXAMPLE}`"));
                }
                route.section("tariff", |tariff| read_tariff(tariff, channel))
            });
            tariffs.extend(tariff.map(|tariff| (RouteName::from(name), tariff)));
        }
        tariffs
    })
}

/// `None` when it is not whole; every reason is told but that nothing was written at all, which is told before.
fn read_tariff(section: &mut Section<'_>, channel: Option<Channel>) -> Option<Tariff> {
    if section.keys().is_empty() {
        return None;
    }
    let currency = section.required_string("currency", "CNY");
    let is_currency = currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase());
    if !is_currency && !currency.is_empty() {
        section.mistake("currency", "need three capital letters of ISO 4217, such as CNY");
    }
    if !section.has("price") {
        section.mistake(
            "price",
            "is missing; a whole number of the smallest unit of the currency (fen, cent), such as `price = 12`",
        );
    }
    let price = to_u32(section.number("price", 0, 0..=1_000_000));
    let price_per = to_u32(section.number("price_per", 1, 1..=10_000));
    if channel == Some(Channel::Sms) && section.has("block_s") {
        section.mistake("block_s", "is for calls; messages are counted by the parts of their text");
    }
    let block_s = to_u32(section.number("block_s", BLOCK_S, 1..=3_600));
    let (price_per, block_s) = NonZeroU32::new(price_per).zip(NonZeroU32::new(block_s))?;
    is_currency.then(|| Tariff { currency: currency.into(), price, price_per, block_s })
}
