//! Networks of IP addresses, as they are written in a configuration.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// An address with the number of its bits that count, such as `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// What is no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Neither an address nor a network.
    #[error("need an address or a network, such as 10.0.0.7 or 10.0.0.0/24")]
    Form,
    /// More bits than the address has.
    #[error("an address of this kind has fewer bits")]
    Bits,
    /// It names a host of the network, which may be a slip.
    #[error("the bits behind the prefix must be zero, such as 10.0.0.0/24")]
    HostBits,
}

impl Network {
    /// Whether the address is in it. An IPv4 address within IPv6 counts as what it is.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let shift = 32 - u32::from(self.bits);
                own.to_bits().checked_shr(shift) == other.to_bits().checked_shr(shift)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let shift = 128 - u32::from(self.bits);
                own.to_bits().checked_shr(shift) == other.to_bits().checked_shr(shift)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }

    /// Whether it has every address there is: whoever trusts it trusts everybody.
    #[must_use]
    pub fn is_everybody(&self) -> bool {
        self.bits == 0
    }

    fn has_host_bits(&self) -> bool {
        let kept = |bits: u32, of: u32| bits.checked_sub(of).is_none();
        match self.address {
            IpAddr::V4(address) => {
                let trailing = address.to_bits().trailing_zeros();
                kept(trailing, 32 - u32::from(self.bits))
            }
            IpAddr::V6(address) => {
                let trailing = address.to_bits().trailing_zeros();
                kept(trailing, 128 - u32::from(self.bits))
            }
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => {
                let is_plain = !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit());
                (
                    address,
                    Some(bits.parse::<u8>().ok().filter(|_| is_plain).ok_or(NetworkError::Form)?),
                )
            }
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError::Form)?;
        let all = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(all);
        if all < bits {
            return Err(NetworkError::Bits);
        }
        let network = Self { address, bits };
        if network.has_host_bits() { Err(NetworkError::HostBits) } else { Ok(network) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    #[test]
    fn networks_are_read_and_mistakes_named() {
        let check = |text: &str, wanted: Result<&str, NetworkError>| {
            let read = text.parse::<Network>().map(|network| network.to_string());
            assert_eq!(read, wanted.map(str::to_owned), "{text}");
        };
        check("10.0.0.0/8", Ok("10.0.0.0/8"));
        check("192.0.2.7", Ok("192.0.2.7/32"));
        check("0.0.0.0/0", Ok("0.0.0.0/0"));
        check("::1", Ok("::1/128"));
        check("2001:db8::/32", Ok("2001:db8::/32"));
        check("::/0", Ok("::/0"));
        for text in [
            "",
            "/",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0.0/8/8",
            "x",
            "10.0.0/8",
            "10.0.0.0/999",
            "[::1]",
        ] {
            check(text, Err(NetworkError::Form));
        }
        check("10.0.0.0/33", Err(NetworkError::Bits));
        check("::/129", Err(NetworkError::Bits));
        check("10.0.0.1/8", Err(NetworkError::HostBits));
        check("2001:db8::1/32", Err(NetworkError::HostBits));
    }

    #[test]
    fn an_address_is_in_its_network_and_in_no_other() {
        let check = |network: &str, address: &str, wanted: bool| {
            let network: Network = network.parse().expect("a network");
            assert_eq!(
                network.contains(address.parse().expect("an address")),
                wanted,
                "{network} {address}"
            );
        };
        check("10.0.0.0/8", "10.255.0.1", true);
        check("10.0.0.0/8", "11.0.0.1", false);
        check("10.0.0.0/8", "::ffff:10.0.0.1", true);
        check("10.0.0.0/8", "::10.0.0.1", false);
        check("192.0.2.7", "192.0.2.7", true);
        check("192.0.2.7", "192.0.2.6", false);
        check("0.0.0.0/0", "255.255.255.255", true);
        check("0.0.0.0/0", "::1", false);
        check("::/0", "2001:db8::1", true);
        check("::/0", "192.0.2.1", false);
        check("2001:db8::/32", "2001:db8:ffff::1", true);
        check("2001:db8::/32", "2001:db9::1", false);
        check("::1", "::1", true);
    }

    proptest! {
        #[test]
        fn what_the_prefix_says_is_in_it(own: u32, other: u32, bits in 0_u8..=32) {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            let network = Network { address: Ipv4Addr::from(own & mask).into(), bits };
            prop_assert_eq!(network.contains(Ipv4Addr::from(other).into()), own & mask == other & mask);
            prop_assert_eq!(network.to_string().parse::<Network>(), Ok(network));
        }

        #[test]
        fn what_the_prefix_says_is_in_it_for_six(own: u128, other: u128, bits in 0_u8..=128) {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            prop_assume!(Ipv6Addr::from(own & mask).to_ipv4_mapped().is_none());
            prop_assume!(Ipv6Addr::from(other).to_ipv4_mapped().is_none());
            let network = Network { address: Ipv6Addr::from(own & mask).into(), bits };
            prop_assert_eq!(network.contains(Ipv6Addr::from(other).into()), own & mask == other & mask);
        }

        #[test]
        fn no_text_is_fatal(text in "\\PC{0,40}") {
            let _ = text.parse::<Network>();
        }
    }
}
