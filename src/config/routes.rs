//! `[[trunk]]` and `[[sms]]`: the ways out, in order of preference.

use super::Secret;
use super::http::HttpConfig;
use super::reader::Section;
use super::sip::{ListenAddress, SipConfig, Transport, seconds, to_u32};
use lianfang_domain::dispatch::CalleeBudget;
use lianfang_domain::phone::NumberFormat;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Nobody owns a wider network, so nobody can speak for all of it.
const TRUSTED_BITS_MIN: u8 = 8;
/// Budgets of one route: a minute, an hour, a day, and one to spare.
const CALLEE_BUDGETS_MAX: usize = 4;
/// Attempts that a budget can allow.
const CALLEE_CALLS_MAX: u32 = 1_000;
/// Longest time of a budget, in seconds: departures are remembered for so long, at most the route's rate times this.
const CALLEE_TIME_MAX_S: u32 = 86_400;

/// Which identity of a call that comes in over a trunk is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerIdentity {
    /// P-Served-User, then P-Asserted-Identity, then Remote-Party-ID.
    Headers,
    /// These, and the From header where they are missing: only for trunks that let nobody choose it.
    HeadersOrFrom,
}

/// How we say who we are on an outgoing call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrunkIdentityHeader {
    /// Only the From header.
    None,
    /// P-Asserted-Identity (RFC 3325).
    PAssertedIdentity,
    /// Remote-Party-ID.
    RemotePartyId,
}

/// `[[trunk]]`: a SIP trunk by address.
#[derive(Clone, Debug)]
pub struct TrunkConfig {
    /// `name`: in logs, metrics and events.
    pub name: String,
    /// `address = "10.0.0.1:5060"`: where calls go out to.
    pub address: SocketAddr,
    /// `domain`: host in the URIs of the trunk. Default: the address.
    pub domain: String,
    /// `inbound = ["10.0.0.0/29"]`: addresses whose calls are trusted. Default: the host of `address`.
    pub inbound: Vec<(IpAddr, u8)>,
    /// `caller_identity = "headers" | "headers_or_from"`
    pub caller_identity: CallerIdentity,
    /// `trust_alarm_code`: the trunk is an edge of ours, its X-Alarm-Code header is believed.
    pub trust_alarm_code: bool,
    /// `area_code`: home area of numbers that come in without one.
    pub area_code: String,
    /// `number_format = "as-is" | "e164" | "national" | "86" | "local"`: of numbers that go out.
    pub number_format: NumberFormat,
    /// `caller_number`: the service number that callees see.
    pub caller_number: String,
    /// `display_name`: empty for none.
    pub display_name: String,
    /// `identity_header = "none" | "p-asserted-identity" | "remote-party-id"`
    pub identity_header: TrunkIdentityHeader,
    /// `user_phone`: adds `;user=phone` to URIs.
    pub has_user_phone: bool,
    /// `priority_header`: adds `Priority: emergency`.
    pub has_priority_header: bool,
    /// `username`, `password`: for trunks that challenge.
    pub credentials: Option<(String, Secret<String>)>,
    /// `calls_per_second`: INVITEs at most.
    pub calls_per_second: u32,
    /// `channels`: simultaneous calls at most.
    pub channels: u32,
    /// `callee_budgets = ["1/60", "5/3600"]`: calls to one callee in any so many seconds. Default: no limit.
    pub callee_budgets: Vec<CalleeBudget>,
    /// `probe_s`: pause between OPTIONS probes; 0 sends none.
    pub probe: Duration,
}

impl TrunkConfig {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let name = section.required_string("name", "carrier");
        let written = section.required_string("address", "10.0.0.1:5060");
        let address = read_address(section, &written);
        let inbound = section
            .strings("inbound", &[])
            .iter()
            .filter_map(|text| read_network(section, text))
            .collect::<Vec<_>>();
        let area_code = section.string("area_code", "");
        let number_format = read_format(section, &area_code);
        let credentials = read_credentials(section);
        Self {
            name,
            address,
            domain: section.optional_string("domain").unwrap_or(written),
            inbound: if inbound.is_empty() {
                vec![(address.ip(), host_bits(address.ip()))]
            } else {
                inbound
            },
            caller_identity: section.choice(
                "caller_identity",
                &[
                    ("headers", CallerIdentity::Headers),
                    ("headers_or_from", CallerIdentity::HeadersOrFrom),
                ],
                CallerIdentity::Headers,
            ),
            trust_alarm_code: section.flag("trust_alarm_code", false),
            area_code,
            number_format,
            caller_number: section.required_string("caller_number", "05925550009"),
            display_name: section.string("display_name", ""),
            identity_header: section.choice(
                "identity_header",
                &[
                    ("none", TrunkIdentityHeader::None),
                    ("p-asserted-identity", TrunkIdentityHeader::PAssertedIdentity),
                    ("remote-party-id", TrunkIdentityHeader::RemotePartyId),
                ],
                TrunkIdentityHeader::PAssertedIdentity,
            ),
            has_user_phone: section.flag("user_phone", false),
            has_priority_header: section.flag("priority_header", false),
            credentials,
            calls_per_second: to_u32(section.number("calls_per_second", 100, 1..=100_000)),
            channels: to_u32(section.number("channels", 300, 1..=1_000_000)),
            callee_budgets: read_callee_budgets(section),
            probe: seconds(section, "probe_s", 10, 0..=3_600),
        }
    }

    /// Addresses of the trunk, so far as they can be counted: networks larger than 256 give their first 256.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let networks = self.inbound.iter().flat_map(|(network, bits)| {
            let free = u32::from(host_bits(*network) - *bits).min(8);
            (0..1_u32 << free).filter_map(move |offset| nth(*network, *bits, offset))
        });
        std::iter::once(self.address.ip()).chain(networks)
    }

    /// Whether calls from this address come in over the trunk.
    #[must_use]
    pub fn is_source(&self, address: IpAddr) -> bool {
        self.inbound.iter().any(|(network, bits)| is_within(address, *network, *bits))
    }
}

/// `[[sms]]`: a Twilio-compatible provider.
#[derive(Clone, Debug)]
pub struct SmsRouteConfig {
    /// `name`: in logs, metrics and events.
    pub name: String,
    /// `base_url = "https://api.twilio.com"`
    pub base_url: String,
    /// `account_sid`
    pub account_sid: String,
    /// `auth_token`: signs requests and checks the signatures of callbacks.
    pub auth_token: Secret<String>,
    /// `auth_token_next`: accepted as well while the token is rotated.
    pub auth_token_next: Option<Secret<String>>,
    /// `from`: the sender's number or name.
    pub from: String,
    /// `messages_per_second`: at most.
    pub messages_per_second: u32,
    /// `in_flight`: requests under way at most.
    pub in_flight: u32,
    /// `callee_budgets = ["1/60", "5/3600"]`: messages to one number in any so many seconds. Default: no limit.
    pub callee_budgets: Vec<CalleeBudget>,
    /// `timeout_ms`: from connect to the whole answer.
    pub timeout: Duration,
    /// `status_callbacks`: asks for delivery receipts; needs `http.public_base_url`.
    pub wants_status_callbacks: bool,
    /// `links`: the provider lets web links through, so that messages carry one to the reader's page; needs
    /// `http.public_base_url`.
    pub has_links: bool,
}

impl SmsRouteConfig {
    pub(super) fn read(section: &mut Section<'_>, http: &HttpConfig) -> Self {
        let base_url = section.string("base_url", "https://api.twilio.com");
        let is_url = reqwest::Url::parse(&base_url)
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if !is_url {
            section.mistake("base_url", format!("`{base_url}` is no http:// or https:// address"));
        }
        let wants_status_callbacks =
            section.flag("status_callbacks", http.public_base_url.is_some());
        if wants_status_callbacks && http.public_base_url.is_none() {
            section.mistake(
                "status_callbacks",
                "needs `http.public_base_url`, the address under which the provider reaches us",
            );
        }
        let has_links = section.flag("links", false);
        if has_links && http.public_base_url.is_none() {
            section.mistake(
                "links",
                "needs `http.public_base_url`, the address under which people reach us",
            );
        }
        let name = section.required_string("name", "sms");
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
            section
                .mistake("name", "need letters, digits, `-` and `_`: it is part of a web address");
        }
        Self {
            name,
            base_url: base_url.trim_end_matches('/').to_owned(),
            account_sid: section.required_string("account_sid", "AC..."),
            auth_token: Secret::new(section.required_string("auth_token", "...")),
            auth_token_next: section.optional_string("auth_token_next").map(Secret::new),
            from: section.required_string("from", "+8659212349"),
            messages_per_second: to_u32(section.number("messages_per_second", 100, 1..=100_000)),
            in_flight: to_u32(section.number("in_flight", 64, 1..=10_000)),
            callee_budgets: read_callee_budgets(section),
            timeout: Duration::from_millis(section.number("timeout_ms", 5_000, 100..=60_000)),
            wants_status_callbacks,
            has_links,
        }
    }
}

/// Routes are told apart by name in events and metrics.
pub(super) fn check_names(root: &mut Section<'_>, trunks: &[TrunkConfig], sms: &[SmsRouteConfig]) {
    let mut names: Vec<&str> = vec![super::sip_lines_route()];
    let trunks = trunks.iter().map(|trunk| ("trunk", trunk.name.as_str()));
    for (kind, name) in trunks.chain(sms.iter().map(|route| ("sms", route.name.as_str()))) {
        if names.contains(&name) {
            root.mistake(kind, format!("the name `{name}` is taken; every route needs its own"));
        }
        names.push(name);
    }
}

fn read_address(section: &mut Section<'_>, written: &str) -> SocketAddr {
    let address = written.parse().ok();
    let is_callable = |address: &SocketAddr| address.port() != 0 && !address.ip().is_unspecified();
    address.filter(is_callable).unwrap_or_else(|| {
        if !written.is_empty() {
            section.mistake(
                "address",
                format!("`{written}` is no address with port, such as 10.0.0.1:5060"),
            );
        }
        SocketAddr::from(([0, 0, 0, 0], 0))
    })
}

/// Calls go out over UDP, from an address of the same family.
pub(super) fn check_ways_out(root: &mut Section<'_>, sip: &SipConfig, trunks: &[TrunkConfig]) {
    for (index, trunk) in trunks.iter().enumerate().filter(|(_, trunk)| trunk.address.port() != 0) {
        let is_way = |listen: &ListenAddress| {
            listen.transport == Transport::Udp
                && listen.address.is_ipv4() == trunk.address.is_ipv4()
        };
        if !sip.listen.iter().any(is_way) {
            root.mistake(
                &format!("trunk[{index}].address"),
                "`sip.listen` has no UDP address of its family to call from",
            );
        }
    }
}

/// How often the provider lets one callee be tried: attempts and seconds, with a slash between.
fn read_callee_budgets(section: &mut Section<'_>) -> Vec<CalleeBudget> {
    const KEY: &str = "callee_budgets";
    let written = section.strings(KEY, &[]);
    if CALLEE_BUDGETS_MAX < written.len() {
        section.mistake(KEY, format!("need at most {CALLEE_BUDGETS_MAX} budgets"));
    }
    let mut budgets = Vec::new();
    for text in written.iter().take(CALLEE_BUDGETS_MAX) {
        let numbers = text.split_once('/').and_then(|(calls, seconds)| {
            Some((calls.trim().parse().ok()?, seconds.trim().parse().ok()?))
        });
        match numbers {
            Some((calls @ 1..=CALLEE_CALLS_MAX, per_s @ 1..=CALLEE_TIME_MAX_S)) => {
                budgets.push(CalleeBudget { calls, per_s });
            }
            Some(_) | None => section.mistake(
                KEY,
                format!(
                    "`{text}` is no budget; write attempts (1 to {CALLEE_CALLS_MAX}) and seconds (1 to \
                     {CALLEE_TIME_MAX_S}), such as \"1/60\" for one a minute and \"5/3600\" for five an hour"
                ),
            ),
        }
    }
    budgets
}

fn read_credentials(section: &mut Section<'_>) -> Option<(String, Secret<String>)> {
    match (section.optional_string("username"), section.optional_string("password")) {
        (Some(username), Some(password)) => Some((username, Secret::new(password))),
        (None, None) => None,
        (Some(_), None) => {
            section.mistake("password", "is missing: `username` is set");
            None
        }
        (None, Some(_)) => {
            section.mistake("username", "is missing: `password` is set");
            None
        }
    }
}

fn read_format(section: &mut Section<'_>, area_code: &str) -> NumberFormat {
    let local = NumberFormat::Local { area_code: area_code.into() };
    let choices = [
        ("as-is", NumberFormat::AsIs),
        ("e164", NumberFormat::E164),
        ("national", NumberFormat::National),
        ("86", NumberFormat::Bare86),
        ("local", local),
    ];
    let names = choices.each_ref().map(|(name, _)| (*name, *name));
    let chosen = section.choice("number_format", &names, "e164");
    if chosen == "local" && area_code.is_empty() {
        section.mistake(
            "area_code",
            "is missing: `number_format = \"local\"` needs to know which area is local",
        );
    }
    let found = choices.into_iter().find(|(name, _)| *name == chosen);
    found.map_or(NumberFormat::E164, |(_, format)| format)
}

fn read_network(section: &mut Section<'_>, text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address.parse().ok(), bits.parse().ok()),
        None => {
            let address: Option<IpAddr> = text.parse().ok();
            (address, address.map(host_bits))
        }
    };
    let network = address.zip(bits).filter(|(address, bits)| *bits <= host_bits(*address));
    match network {
        None => section
            .mistake("inbound", format!("`{text}` is no address or network, such as 10.0.0.0/29")),
        Some((_, bits)) if bits < TRUSTED_BITS_MIN => section.mistake(
            "inbound",
            format!("`{text}` is too wide: everybody in it may raise alarms in any line's name"),
        ),
        Some(_) => {}
    }
    network
}

/// The address of a network at an offset from its first.
fn nth(network: IpAddr, bits: u8, offset: u32) -> Option<IpAddr> {
    let free = u32::from(host_bits(network) - bits);
    match network {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(free).unwrap_or(0);
            Some(IpAddr::V4((u32::from(address) & mask).checked_add(offset)?.into()))
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(free).unwrap_or(0);
            Some(IpAddr::V6((u128::from(address) & mask).checked_add(offset.into())?.into()))
        }
    }
}

fn host_bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn is_within(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    let (value, base, width) = match (address.to_canonical(), network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            (u128::from(u32::from(address)), u128::from(u32::from(network)), 32)
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            (u128::from(address), u128::from(network), 128)
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
    };
    let free = width - u32::from(bits);
    value.checked_shr(free).unwrap_or(0) == base.checked_shr(free).unwrap_or(0)
}
