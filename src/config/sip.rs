//! `[sip]`: where we listen, what we are called, how long calls last.

use super::reader::Section;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// A transport of SIP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
}

/// Where we listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    /// By which transport.
    pub transport: Transport,
    /// At which address.
    pub address: SocketAddr,
}

/// `[sip]`.
#[derive(Clone, Debug)]
pub struct SipConfig {
    /// `listen = ["udp://127.0.0.1:5060", "tcp://127.0.0.1:5060"]`
    pub listen: Vec<ListenAddress>,
    /// `advertised = "203.0.113.7"`: the address that peers see in Via, Contact and SDP. Default: where we listen.
    pub advertised: IpAddr,
    /// `realm`: in digest challenges and in the hashes of line secrets. Changing it makes every secret useless.
    pub realm: String,
    /// `dscp`: of signalling packets, 0-63. Default 24 (CS3).
    pub dscp: u8,
    /// `leg_shards`: threads that drive legs over trunks; one more drives the lines. Default: 1 on two cores, else half of the cores.
    pub leg_shards: usize,
    /// `lines_max`: registered lines at most.
    pub lines_max: usize,
    /// `resident_call_max_s`: how long the resident's own call stays up at most.
    pub resident_call_max: Duration,
    /// `access_call_max_s`: how long a call to an access number waits for the code.
    pub access_call_max: Duration,
    /// `ordinary_calls = "sip:10.0.0.1"`: where registered lines are sent (302) for any other number, 110 first of all.
    pub ordinary_calls: Option<String>,
    /// `call_back_numbers = ["05925550009"]`: the numbers that reach us when a callee calls back. Default: the
    /// `caller_number` of every trunk.
    pub call_back_numbers: Vec<String>,
    /// `recording_numbers = ["05925550008"]`: the numbers that workers call to record clips. Default: none.
    pub recording_numbers: Vec<String>,
    /// `auto_answer = ["Call-Info: <sip:lianfang>;answer-after=0"]`: headers that make a loudspeaker answer by itself.
    pub auto_answer: Vec<(String, String)>,
    /// `register_expires_s`: how long a registration holds when the phone asks for more or nothing.
    pub register_expires: Duration,
    /// `line_calls_per_second`: INVITEs towards registered lines.
    pub line_calls_per_second: u32,
    /// `line_channels`: simultaneous calls towards registered lines.
    pub line_channels: u32,
}

/// What telephones and loudspeakers of most makers take for an order to answer.
const AUTO_ANSWER: &[&str] = &[
    "Call-Info: <sip:lianfang>;answer-after=0",
    "Alert-Info: <http://lianfang>;info=alert-autoanswer",
];
const LISTEN: &[&str] = &["udp://127.0.0.1:5060", "tcp://127.0.0.1:5060"];
/// Long enough to hear who is coming, short enough to free the line.
const RESIDENT_CALL_MAX_S: u64 = 300;
/// Design: a call to an access number waits this long for the code.
const ACCESS_CALL_MAX_S: u64 = 120;
/// Adapters refresh at half of it; a dead line is noticed within it.
const REGISTER_EXPIRES_S: u64 = 120;

impl SipConfig {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let listen: Vec<ListenAddress> = section
            .strings("listen", LISTEN)
            .iter()
            .filter_map(|text| read_listen(section, text))
            .collect();
        if listen.is_empty() {
            section
                .mistake("listen", "need at least one address, such as \"udp://127.0.0.1:5060\"");
        }
        let bound =
            listen.first().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |first| first.address.ip());
        let advertised = section.optional_ip("advertised");
        if bound.is_unspecified() && advertised.is_none() {
            section.mistake(
                "advertised",
                "is missing: listening on every address, we must know which one to tell peers",
            );
        }
        let ordinary_calls = section.optional_string("ordinary_calls");
        if ordinary_calls.as_deref().is_some_and(|uri| !is_plain_sip_uri(uri)) {
            section.mistake(
                "ordinary_calls",
                "need a SIP URI without user, such as \"sip:10.0.0.1:5060\"",
            );
        }
        let (call_back_numbers, recording_numbers) = read_numbers(section);
        let realm = section.string("realm", "lianfang");
        if realm.is_empty() || realm.contains(['"', '\\', '\r', '\n']) {
            section.mistake("realm", "need text without quotes and backslashes");
        }
        Self {
            listen,
            advertised: advertised.unwrap_or(bound),
            realm,
            dscp: u8::try_from(section.number("dscp", 24, 0..=63)).unwrap_or_default(),
            leg_shards: to_usize(section.number("leg_shards", default_leg_shards(), 1..=32)),
            lines_max: to_usize(section.number("lines_max", 200_000, 1..=10_000_000)),
            resident_call_max: seconds(
                section,
                "resident_call_max_s",
                RESIDENT_CALL_MAX_S,
                10..=3_600,
            ),
            access_call_max: seconds(section, "access_call_max_s", ACCESS_CALL_MAX_S, 10..=600),
            ordinary_calls,
            call_back_numbers,
            recording_numbers,
            auto_answer: auto_answer(section),
            register_expires: seconds(
                section,
                "register_expires_s",
                REGISTER_EXPIRES_S,
                30..=86_400,
            ),
            line_calls_per_second: to_u32(section.number(
                "line_calls_per_second",
                1_000,
                1..=100_000,
            )),
            line_channels: to_u32(section.number("line_channels", 10_000, 1..=1_000_000)),
        }
    }
}

fn auto_answer(section: &mut Section<'_>) -> Vec<(String, String)> {
    let lines = section.strings("auto_answer", AUTO_ANSWER);
    let headers = lines.iter().map(|line| {
        let (name, value) = line.split_once(':')?;
        let (name, value) = (name.trim(), value.trim());
        let is_name = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let is_header = is_name && !value.is_empty() && !value.contains(char::is_control);
        is_header.then(|| (name.to_owned(), value.to_owned()))
    });
    headers.collect::<Option<Vec<_>>>().unwrap_or_else(|| {
        section.mistake(
            "auto_answer",
            "need headers, such as [\"Call-Info: <sip:x>;answer-after=0\"]",
        );
        Vec::new()
    })
}

/// The numbers that reach us: those that are called back, and those for recording.
fn read_numbers(section: &mut Section<'_>) -> (Vec<String>, Vec<String>) {
    let mut read = |key| {
        let numbers = section.strings(key, &[]);
        let is_number = |text: &String| {
            let bare = text.trim_start_matches('+');
            (3..=20).contains(&bare.len()) && bare.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !numbers.iter().all(is_number) {
            let wanted = "need telephone numbers of digits alone, such as [\"05925550009\"]";
            section.mistake(key, wanted);
        }
        numbers
    };
    let (call_backs, recording) = (read("call_back_numbers"), read("recording_numbers"));
    if recording.iter().any(|number| call_backs.contains(number)) {
        section.mistake(
            "recording_numbers",
            "need numbers that are not in `call_back_numbers`: who calls one of those is told of an alarm",
        );
    }
    (call_backs, recording)
}

fn read_listen(section: &mut Section<'_>, text: &str) -> Option<ListenAddress> {
    let parsed = text.split_once("://").and_then(|(scheme, address)| {
        let transport = match scheme {
            "udp" => Transport::Udp,
            "tcp" => Transport::Tcp,
            _ => return None,
        };
        Some(ListenAddress { transport, address: address.parse().ok()? })
    });
    if parsed.is_none() {
        section.mistake(
            "listen",
            format!("`{text}` is no listen address, such as udp://127.0.0.1:5060"),
        );
    }
    parsed
}

fn is_plain_sip_uri(uri: &str) -> bool {
    let host = uri.strip_prefix("sip:").or_else(|| uri.strip_prefix("sips:"));
    host.is_some_and(|host| {
        !host.is_empty() && !host.contains(['@', ' ', '<', '>', '"', '\r', '\n'])
    })
}

fn default_leg_shards() -> u64 {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    u64::try_from(cores / 2).unwrap_or(1).clamp(1, 8)
}

pub(super) fn seconds(
    section: &mut Section<'_>,
    key: &str,
    default: u64,
    range: std::ops::RangeInclusive<u64>,
) -> Duration {
    Duration::from_secs(section.number(key, default, range))
}

pub(super) fn to_u32(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
