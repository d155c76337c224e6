//! `[rtp]`: ports, addresses and patience of the media path.

use super::reader::Section;
use super::sip::{SipConfig, seconds};
use std::net::IpAddr;
use std::time::Duration;

/// `[rtp]`.
#[derive(Clone, Debug)]
pub struct MediaConfig {
    /// `port_first`, `port_last`: UDP ports for RTP; even ones are used.
    pub ports: std::ops::RangeInclusive<u16>,
    /// `bind`: the local address of RTP sockets. Default: where SIP listens.
    pub bind: IpAddr,
    /// `advertised`: the address in SDP. Default: that of SIP.
    pub advertised: IpAddr,
    /// `dscp`: of RTP packets, 0-63. Default 46 (EF).
    pub dscp: u8,
    /// `silence_timeout_s`: a call that sends no media for so long is ended; 0 never ends one.
    pub silence_timeout: Duration,
}

impl MediaConfig {
    pub(super) fn read(section: &mut Section<'_>, sip: &SipConfig) -> Self {
        let first = section.number("port_first", 16_384, 1_024..=65_534);
        let last = section.number("port_last", 32_767, 1_025..=65_535);
        if last <= first {
            section.mistake("port_last", format!("need a port above `port_first` ({first})"));
        }
        let port = |number: u64| u16::try_from(number).unwrap_or(u16::MAX);
        let bound = sip.listen.first().map_or(sip.advertised, |first| first.address.ip());
        Self {
            ports: port(first)..=port(last),
            bind: section.optional_ip("bind").unwrap_or(bound),
            advertised: section.optional_ip("advertised").unwrap_or(sip.advertised),
            dscp: u8::try_from(section.number("dscp", 46, 0..=63)).unwrap_or_default(),
            silence_timeout: seconds(section, "silence_timeout_s", 60, 0..=3_600),
        }
    }
}
