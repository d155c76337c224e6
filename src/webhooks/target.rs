//! Where messages may go: hosts that the configuration names, over HTTPS, and addresses of the public internet, or of
//! networks that it names besides.
//!
//! A host is looked at as it is written, an address when its name was resolved, right before the connection: a name that
//! stands for a public address today and for a machine of ours tomorrow leads nowhere. Everything that is not known to be
//! public is refused, so that what is forgotten here is closed and not open.

use lianfang_http::Network;
use reqwest::Url;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The port that a host without one means.
const HTTPS: u16 = 443;
/// IPv4 networks that are not the public internet (IANA special-purpose address registry, RFC 6890).
const NOT_PUBLIC_4: [(Ipv4Addr, u8); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    // Shared by carriers; some clouds keep their metadata here.
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    // Link-local; most clouds keep their metadata here.
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    // Multicast, and what is reserved above it.
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];
/// Within 2000::/3, the only global unicast space, those that are not public or wrap an IPv4 address.
const NOT_PUBLIC_6: [(Ipv6Addr, u8); 4] = [
    // IETF protocols, Teredo, benchmarks, ORCHID.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    // 6to4.
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Where messages may go.
#[derive(Clone, Debug, Default)]
pub struct Targets {
    /// Hosts, as URLs write them, and their ports.
    hosts: Vec<(String, u16)>,
    /// Networks that are not public and are allowed all the same.
    networks: Vec<Network>,
    /// Certificates of authorities that are trusted besides those of the system, in PEM.
    authorities: Vec<u8>,
}

/// Why a message may not go there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It is no URL that begins with `https://`, or it has a user, a password or a fragment.
    #[error("must be a URL that begins with https://, without user, password and fragment")]
    Form,
    /// The configuration does not name the host with this port.
    #[error("the configuration does not allow this host and port")]
    Host,
    /// The address is not public, and the configuration does not name its network.
    #[error("the address is not public")]
    Address,
}

impl Targets {
    /// These hosts, such as `hooks.example.com` or `10.1.2.3:8443`; networks that are not public and are allowed; and
    /// authorities that are trusted besides those of the system, in PEM.
    ///
    /// # Errors
    /// The first host that is none.
    pub fn new(
        hosts: &[String],
        networks: Vec<Network>,
        authorities: Vec<u8>,
    ) -> Result<Self, String> {
        let hosts = hosts.iter().map(|text| host_of(text).ok_or_else(|| text.clone()));
        Ok(Self { hosts: hosts.collect::<Result<_, _>>()?, networks, authorities })
    }

    pub(super) fn authorities(&self) -> &[u8] {
        &self.authorities
    }

    /// The URL, if messages may go to it; an address that is written in it is looked at too.
    ///
    /// # Errors
    /// Why they may not.
    pub fn check(&self, text: &str) -> Result<Url, TargetError> {
        let url = Url::parse(text.trim()).map_err(|_| TargetError::Form)?;
        let is_plain = url.scheme() == "https"
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none();
        let host = url.host_str().filter(|_| is_plain).ok_or(TargetError::Form)?;
        let port = url.port_or_known_default().unwrap_or(HTTPS);
        if !self.hosts.iter().any(|(known, of)| known == host && *of == port) {
            return Err(TargetError::Host);
        }
        match address_of(host) {
            Some(address) if !self.allows(address) => Err(TargetError::Address),
            Some(_) | None => Ok(url),
        }
    }

    /// Whether a connection to this address is allowed.
    #[must_use]
    pub fn allows(&self, address: IpAddr) -> bool {
        is_public(address) || self.networks.iter().any(|network| network.contains(address))
    }
}

/// A host with its port, as URLs write it: `2130706433`, `0x7f.1` and `127.0.0.1` are one.
fn host_of(text: &str) -> Option<(String, u16)> {
    let url = Url::parse(&format!("https://{text}/")).ok()?;
    let is_alone = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    let host = url.host_str().filter(|_| is_alone && !text.contains(['/', '*', '@']))?;
    Some((host.to_owned(), url.port_or_known_default().unwrap_or(HTTPS)))
}

/// The address of a host that is written as one.
fn address_of(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let bits = address.to_bits();
            !NOT_PUBLIC_4.iter().any(|(network, length)| {
                let shift = 32 - u32::from(*length);
                network.to_bits() >> shift == bits >> shift
            })
        }
        IpAddr::V6(address) => {
            let bits = address.to_bits();
            bits >> 125 == 0b001
                && !NOT_PUBLIC_6.iter().any(|(network, length)| {
                    let shift = 128 - u32::from(*length);
                    network.to_bits() >> shift == bits >> shift
                })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn targets() -> Targets {
        let hosts = [
            "hooks.example.com",
            "Alarms.Example.cn:8443",
            "公司.example",
            "127.0.0.1",
            "10.1.2.3:9443",
            "[fd00::1]",
            "[::ffff:10.1.2.3]",
            "8.8.8.8",
        ];
        let networks = vec!["10.1.2.0/24".parse().expect("a network")];
        Targets::new(&hosts.map(str::to_owned), networks, Vec::new()).expect("hosts")
    }

    #[test]
    fn only_hosts_that_are_named_are_targets() {
        let targets = targets();
        let check = |url: &str, wanted: Result<(), TargetError>| {
            assert_eq!(targets.check(url).map(|_| ()), wanted, "{url}");
        };
        for good in [
            "https://hooks.example.com",
            "https://hooks.example.com:443/a?b=c",
            "HTTPS://HOOKS.EXAMPLE.COM/",
            " https://alarms.example.cn:8443/x ",
            "https://xn--55qx5d.example/",
            "https://10.1.2.3:9443/",
            "https://0x0a.0x01.0x02.3:9443/",
            "https://167838211:9443/",
            "https://8.8.8.8/",
        ] {
            check(good, Ok(()));
        }
        for form in [
            "",
            "hooks.example.com",
            "http://hooks.example.com/",
            "ftp://hooks.example.com/",
            "file:///etc/passwd",
            "https://user@hooks.example.com/",
            "https://user:secret@hooks.example.com/",
            "https://:secret@hooks.example.com/",
            "https://hooks.example.com/#fragment",
            "https://",
            "https://hooks.example.com:99999/",
            "https://hooks example.com/",
            "https://256.256.256.256/",
        ] {
            check(form, Err(TargetError::Form));
        }
        for host in [
            "https://example.com/",
            "https://a.hooks.example.com/",
            "https://hooks.example.com.evil.example/",
            "https://hooks.example.com./",
            "https://hooks.example.com:8443/",
            "https://alarms.example.cn/",
            "https://evil.example/hooks.example.com",
            "https://evil.example\\@hooks.example.com/",
            "https://hooks.example.com@evil.example\\/",
            "https://8.8.4.4/",
            "https://169.254.169.254/latest/meta-data",
            "https://[::1]/",
            "https://10.1.2.3/",
        ] {
            let refused = targets.check(host).map(|_| ());
            assert!(
                matches!(refused, Err(TargetError::Host | TargetError::Form)),
                "{host}: {refused:?}"
            );
        }
        // Named, but not public, and in no network that is named.
        for address in [
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://127.1/",
            "https://[fd00::1]/",
        ] {
            check(address, Err(TargetError::Address));
        }
        check("https://[::ffff:10.1.2.3]/", Ok(()));
        assert_eq!(Targets::default().check("https://hooks.example.com/"), Err(TargetError::Host));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for bad in [
            "",
            "a/b",
            "a b",
            "https://a",
            "*.example.com",
            "user@a",
            "a:99999",
            "a?b",
            "a#b",
            "[::1",
        ] {
            let made = Targets::new(&[bad.to_owned()], Vec::new(), Vec::new());
            assert_eq!(made.map(|targets| targets.hosts).err().as_deref(), Some(bad));
        }
    }

    #[test]
    fn only_public_addresses_and_named_networks_are_connected_to() {
        let targets = targets();
        let check = |text: &str, wanted: bool| {
            assert_eq!(targets.allows(text.parse().expect("an address")), wanted, "{text}");
        };
        for public in [
            "8.8.8.8",
            "223.5.5.5",
            "100.63.255.255",
            "100.128.0.0",
            "172.32.0.1",
            "2400:3200::1",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
        ] {
            check(public, true);
        }
        check("10.1.2.3", true);
        check("::ffff:10.1.2.3", true);
        for other in [
            "0.0.0.0",
            "10.1.3.1",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "192.0.0.192",
            "198.18.0.1",
            "224.0.0.1",
            "239.255.255.250",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:0:127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "3fff::1",
            "4000::1",
        ] {
            check(other, false);
        }
    }

    proptest! {
        #[test]
        fn no_text_is_fatal_and_none_leads_elsewhere(text in "\\PC{0,60}") {
            if let Ok(url) = targets().check(&format!("https://{text}")) {
                let known = targets().hosts;
                let port = url.port_or_known_default().unwrap_or(0);
                prop_assert!(known.iter().any(|(host, of)| Some(host.as_str()) == url.host_str() && *of == port));
            }
        }

        #[test]
        fn an_address_within_an_address_is_that_address(bits: u32) {
            let four = Ipv4Addr::from(bits);
            let six = four.to_ipv6_mapped();
            prop_assert_eq!(is_public(four.into()), is_public(six.into()));
        }
    }
}
