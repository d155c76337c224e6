//! Who is on the other side: the one function that says it, for limits, the audit trail, cookies and headers.

use crate::forwarded::{ForwardedBy, hops};
use crate::networks::Network;
use axum::http::uri::Authority;
use axum::http::{Extensions, HeaderMap, header};
use std::net::IpAddr;

/// Who asks. Every request that [`crate::serve`] hands on has it as an extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The address that the request comes from: that of the connection, or what trusted proxies say.
    pub address: IpAddr,
    /// It comes over HTTPS, up to us or up to a trusted proxy.
    pub is_https: bool,
    /// The host that was asked for, with its port where it has one; `None` when it is named badly or not at all.
    pub host: Option<Box<str>>,
}

impl Client {
    /// Whether nobody on the way can read along: HTTPS, or a program on this machine that asked for this machine by its
    /// loopback name. Plain HTTP from a loopback address for any other name comes through a proxy that nobody has named.
    #[must_use]
    pub fn is_guarded(&self) -> bool {
        let is_local = || self.host.as_deref().is_none_or(is_this_machine);
        self.is_https || self.address.is_loopback() && is_local()
    }
}

/// Whether a request came over HTTPS; not where nobody says so.
#[must_use]
pub fn is_https(extensions: &Extensions) -> bool {
    extensions.get::<Client>().is_some_and(|client| client.is_https)
}

/// Names that never leave this machine (RFC 6761 6.3).
fn is_this_machine(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host().trim_end_matches('.').to_ascii_lowercase();
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(&name);
    match bare.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => name == "localhost" || name.ends_with(".localhost"),
    }
}

/// The proxies that are believed.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    /// Where they are.
    pub trusted: Vec<Network>,
    /// Which fields they write.
    pub by: ForwardedBy,
}

impl Proxies {
    /// Who asks, over a connection from `peer`.
    ///
    /// Each trusted hop is believed about the one before it, from the nearest on; the first that is not trusted is the
    /// client, and nothing that it says itself counts. Where a trusted hop does not say whom it got the request from,
    /// it is itself the client.
    #[must_use]
    pub fn client(&self, peer: IpAddr, is_tls: bool, headers: &HeaderMap) -> Client {
        let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
        let mut client = Client {
            address: peer.to_canonical(),
            is_https: is_tls,
            host: host.and_then(well_named),
        };
        if !self.trusts(client.address) {
            return client;
        }
        for hop in hops(headers, self.by) {
            let Some(address) = hop.address else { break };
            client.address = address;
            client.is_https = hop.is_https.unwrap_or(client.is_https);
            client.host = hop.host.as_deref().and_then(well_named).or(client.host);
            if !self.trusts(address) {
                break;
            }
        }
        client
    }

    /// Whether this address is one of theirs.
    #[must_use]
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(address))
    }
}

fn well_named(host: &str) -> Option<Box<str>> {
    let authority: Authority = host.parse().ok()?;
    (!authority.as_str().contains('@')).then(|| authority.as_str().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn proxies(trusted: &[&str], by: ForwardedBy) -> Proxies {
        let trusted = trusted.iter().map(|text| text.parse().expect("a network")).collect();
        Proxies { trusted, by }
    }

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().expect("a value"));
        }
        headers
    }

    #[test]
    fn only_trusted_hops_are_believed() {
        let check = |peer: &str, lines: &[(&'static str, &str)], wanted: (&str, bool)| {
            let proxies = proxies(&["10.0.0.0/8", "::1"], ForwardedBy::Extensions);
            let client = proxies.client(peer.parse().expect("an address"), false, &headers(lines));
            assert_eq!(
                (client.address.to_string().as_str(), client.is_https),
                wanted,
                "{peer} {lines:?}"
            );
        };
        let https = ("x-forwarded-proto", "https");
        check("192.0.2.1", &[], ("192.0.2.1", false));
        // A stranger who pretends to be behind a proxy.
        check("192.0.2.1", &[("x-forwarded-for", "10.0.0.1"), https], ("192.0.2.1", false));
        check("192.0.2.1", &[("forwarded", "for=10.0.0.1;proto=https")], ("192.0.2.1", false));
        // A client that pretends towards the proxy to be somebody else: what it says stands to the left.
        check(
            "10.0.0.1",
            &[("x-forwarded-for", "203.0.113.9, 192.0.2.1"), https],
            ("192.0.2.1", true),
        );
        check(
            "10.0.0.1",
            &[("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", "192.0.2.1")],
            ("192.0.2.1", false),
        );
        check("10.0.0.1", &[("x-forwarded-for", "127.0.0.1, 192.0.2.1")], ("192.0.2.1", false));
        check("10.0.0.1", &[("x-forwarded-for", "x, 192.0.2.1")], ("192.0.2.1", false));
        // Two proxies of ours.
        check(
            "10.0.0.1",
            &[("x-forwarded-for", "203.0.113.9, 192.0.2.1, 10.0.0.2")],
            ("192.0.2.1", false),
        );
        check("::ffff:10.0.0.1", &[("x-forwarded-for", "192.0.2.1:4711")], ("192.0.2.1", false));
        check("::1", &[("x-forwarded-for", "2001:db8::7")], ("2001:db8::7", false));
        // All of ours: the farthest of them asks itself.
        check("10.0.0.1", &[("x-forwarded-for", "10.0.0.3, 10.0.0.2")], ("10.0.0.3", false));
        // A proxy that does not know, or hides it, is the client.
        check("10.0.0.1", &[("x-forwarded-for", "unknown"), https], ("10.0.0.1", false));
        check("10.0.0.1", &[("x-forwarded-for", "192.0.2.1, unknown")], ("10.0.0.1", false));
        check("10.0.0.1", &[("x-forwarded-for", "192.0.2.1,")], ("10.0.0.1", false));
        check(
            "10.0.0.1",
            &[("x-forwarded-for", "192.0.2.1, unknown, 10.0.0.2")],
            ("10.0.0.2", false),
        );
        // The field that the proxies do not write counts for nothing.
        check("10.0.0.1", &[("forwarded", "for=203.0.113.9;proto=https")], ("10.0.0.1", false));
    }

    #[test]
    fn the_standard_field_counts_where_the_proxies_write_it() {
        let proxies = proxies(&["10.0.0.0/8"], ForwardedBy::Standard);
        let lines = [
            (
                "forwarded",
                "for=203.0.113.9;proto=http;host=evil.example, for=\"192.0.2.1:80\";proto=https;host=a.example",
            ),
            ("x-forwarded-for", "198.51.100.1"),
            ("host", "inside:8080"),
        ];
        let client =
            proxies.client("10.0.0.1".parse().expect("an address"), false, &headers(&lines));
        let address = "192.0.2.1".parse().expect("an address");
        assert_eq!(client, Client { address, is_https: true, host: Some("a.example".into()) });
    }

    #[test]
    fn a_host_is_well_named_or_none() {
        let check = |host: &str, wanted: Option<&str>| {
            let client = Proxies::default().client(
                "192.0.2.1".parse().expect("an address"),
                true,
                &headers(&[("host", host)]),
            );
            assert_eq!((client.host.as_deref(), client.is_https), (wanted, true), "{host}");
        };
        check("a.example", Some("a.example"));
        check("a.example:8443", Some("a.example:8443"));
        check("[2001:db8::1]:8443", Some("[2001:db8::1]:8443"));
        for bad in ["", "a b", "a/b", "user@a.example", "a.example/../x", "\"x\""] {
            check(bad, None);
        }
    }

    #[test]
    fn a_request_that_nobody_looked_at_is_not_https() {
        assert!(!is_https(&Extensions::new()));
    }

    fn any_field() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            Just("10.0.0.1".to_owned()),
            Just("10.9.9.9".to_owned()),
            Just("203.0.113.9".to_owned()),
            Just("unknown".to_owned()),
            Just("::1".to_owned()),
            "[ -~]{0,12}".prop_map(|text| text)
        ];
        proptest::collection::vec(part, 0..5).prop_map(|parts| parts.join(","))
    }

    #[test]
    fn plain_http_is_guarded_only_within_the_machine() {
        let check = |address: &str, is_https: bool, host: Option<&str>, wanted: bool| {
            let address = address.parse().expect("an address");
            let client = Client { address, is_https, host: host.map(Into::into) };
            assert_eq!(client.is_guarded(), wanted, "{client:?}");
        };
        check("192.0.2.1", true, Some("a.example"), true);
        check("192.0.2.1", false, Some("localhost"), false);
        check("127.0.0.1", false, None, true);
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "a.localhost",
            "127.0.0.1:8080",
            "127.9.9.9",
            "[::1]:80",
        ] {
            check("127.0.0.1", false, Some(host), true);
            check("::1", false, Some(host), true);
        }
        for host in
            ["a.example", "localhost.example", "notlocalhost", "192.0.2.1:8080", "[2001:db8::1]"]
        {
            check("127.0.0.1", false, Some(host), false);
            check("127.0.0.1", true, Some(host), true);
        }
    }

    proptest! {
        /// Whatever a client writes, an honest proxy that appends where it got it from decides who the client is.
        #[test]
        fn nothing_that_a_client_writes_changes_who_it_is(claimed in proptest::collection::vec(any_field(), 0..4), proto in any_field()) {
            let proxies = proxies(&["10.0.0.0/8"], ForwardedBy::Extensions);
            let mut fields = HeaderMap::new();
            for claim in &claimed {
                fields.append("x-forwarded-for", claim.parse().expect("visible"));
            }
            fields.append("forwarded", proto.parse().expect("visible"));
            fields.append("x-forwarded-for", "192.0.2.1".parse().expect("visible"));
            fields.append("x-forwarded-proto", "https".parse().expect("visible"));
            let client = proxies.client("10.0.0.1".parse().expect("an address"), false, &fields);
            prop_assert_eq!((client.address.to_string(), client.is_https), ("192.0.2.1".to_owned(), true));
        }

        #[test]
        fn a_stranger_is_who_the_connection_says(claim in any_field(), other in any_field()) {
            let proxies = proxies(&["10.0.0.0/8"], ForwardedBy::Extensions);
            let mut fields = HeaderMap::new();
            for name in ["x-forwarded-for", "forwarded", "x-forwarded-proto", "x-forwarded-host", "x-real-ip"] {
                fields.append(name, claim.parse().expect("visible"));
                fields.append(name, other.parse().expect("visible"));
            }
            let client = proxies.client("192.0.2.1".parse().expect("an address"), false, &fields);
            prop_assert_eq!((client.address.to_string(), client.is_https, client.host), ("192.0.2.1".to_owned(), false, None));
        }
    }
}
