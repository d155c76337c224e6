//! What proxies say of a request that they pass on: `Forwarded` (RFC 7239), or the `X-Forwarded-` fields.
//!
//! Only reads; whether any of it is believed is decided in `client`. Nothing here fails: what cannot be read is a hop of
//! which nothing is known.

use axum::http::{HeaderMap, HeaderName, header};
use std::net::{IpAddr, SocketAddr};

/// Hops that are looked at, from the nearest.
const HOPS_MAX: usize = 32;

/// Which fields the trusted proxies write. One kind alone: a proxy that writes one passes the other on as it came, from
/// whoever wrote it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForwardedBy {
    /// `X-Forwarded-For`, `X-Forwarded-Proto`, `X-Forwarded-Host`.
    #[default]
    Extensions,
    /// `Forwarded` (RFC 7239).
    Standard,
}

/// What one proxy says of whom it got the request from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hop {
    /// From which address; `None` when it does not say.
    pub(crate) address: Option<IpAddr>,
    /// Over HTTPS; `None` when it does not say.
    pub(crate) is_https: Option<bool>,
    /// For which host.
    pub(crate) host: Option<String>,
}

/// The hops, the nearest first.
pub(crate) fn hops(headers: &HeaderMap, by: ForwardedBy) -> Vec<Hop> {
    match by {
        ForwardedBy::Standard => standard(headers),
        ForwardedBy::Extensions => extensions(headers),
    }
}

fn extensions(headers: &HeaderMap) -> Vec<Hop> {
    let list = |name: &'static str| listed(headers, &HeaderName::from_static(name));
    let addresses = list("x-forwarded-for");
    let (schemes, hosts) = (list("x-forwarded-proto"), list("x-forwarded-host"));
    // A proxy that does not append to a list says it once, for all hops.
    let nth = |of: &[String], index: usize| of.get(index).or(of.last()).cloned();
    let hop = |(index, address): (usize, &String)| Hop {
        address: node(address),
        is_https: nth(&schemes, index).and_then(|scheme| is_https(&scheme)),
        host: nth(&hosts, index).filter(|host| !host.is_empty()),
    };
    addresses.iter().enumerate().map(hop).collect()
}

fn standard(headers: &HeaderMap) -> Vec<Hop> {
    listed(headers, &header::FORWARDED)
        .iter()
        .map(|element| {
            let mut hop = Hop::default();
            for pair in split(element, b';') {
                let Some((name, value)) = pair.split_once('=') else { continue };
                let value = unquoted(value.trim());
                match name.trim().to_ascii_lowercase().as_str() {
                    "for" => hop.address = node(&value),
                    "proto" => hop.is_https = is_https(&value),
                    "host" => hop.host = Some(value).filter(|host| !host.is_empty()),
                    _ => {}
                }
            }
            hop
        })
        .collect()
}

/// The items of a field that lists them, over all of its lines, the last first.
fn listed(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let lines: Vec<_> = headers.get_all(name).iter().collect();
    let lines = lines.into_iter().rev();
    // What is no text is a hop that says nothing: it must not let an earlier one take its place.
    let items =
        lines.flat_map(|line| split(line.to_str().unwrap_or_default(), b',').into_iter().rev());
    items.map(|item| item.trim().to_owned()).take(HOPS_MAX).collect()
}

/// Splits, but not within quotes (RFC 9110 5.6.4).
fn split(text: &str, at: u8) -> Vec<&str> {
    let (mut parts, mut begun) = (Vec::new(), 0);
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (index, byte) in text.bytes().enumerate() {
        if is_escaped {
            is_escaped = false;
        } else if is_quoted && byte == b'\\' {
            is_escaped = true;
        } else if byte == b'"' {
            is_quoted = !is_quoted;
        } else if byte == at && !is_quoted {
            parts.push(text.get(begun..index).unwrap_or_default());
            begun = index + 1;
        }
    }
    parts.push(text.get(begun..).unwrap_or_default());
    parts
}

fn unquoted(text: &str) -> String {
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let Some(inner) = inner else { return text.to_owned() };
    let mut characters = inner.chars();
    let mut plain = String::with_capacity(inner.len());
    while let Some(character) = characters.next() {
        let character = if character == '\\' { characters.next() } else { Some(character) };
        plain.extend(character);
    }
    plain
}

/// An address, with or without port and brackets (RFC 7239 6). Names that hide one are none.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let address = bare.unwrap_or(text).parse().ok();
    let address = address.or_else(|| text.parse().ok().map(|socket: SocketAddr| socket.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

fn is_https(scheme: &str) -> Option<bool> {
    match scheme.trim().to_ascii_lowercase().as_str() {
        "https" | "wss" => Some(true),
        "http" | "ws" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(
        by: ForwardedBy,
        lines: &[(&'static str, &str)],
    ) -> Vec<(String, Option<bool>, String)> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), value.parse().expect("a value"));
        }
        let shown = |hop: Hop| {
            let address = hop.address.map(|address| address.to_string());
            (address.unwrap_or_default(), hop.is_https, hop.host.unwrap_or_default())
        };
        hops(&headers, by).into_iter().map(shown).collect()
    }

    fn hop(address: &str, is_https: Option<bool>, host: &str) -> (String, Option<bool>, String) {
        (address.to_owned(), is_https, host.to_owned())
    }

    #[test]
    fn the_standard_field_is_read() {
        let check = |values: &[&str], wanted: &[(String, Option<bool>, String)]| {
            let lines: Vec<_> = values.iter().map(|value| ("forwarded", *value)).collect();
            assert_eq!(read(ForwardedBy::Standard, &lines), wanted, "{values:?}");
        };
        check(&[], &[]);
        check(&["for=192.0.2.43"], &[hop("192.0.2.43", None, "")]);
        check(
            &["For=\"[2001:db8:cafe::17]:4711\";proto=HTTPS; host=\"a.example:8443\""],
            &[hop("2001:db8:cafe::17", Some(true), "a.example:8443")],
        );
        check(
            &["for=192.0.2.1, for=198.51.100.17;proto=http", "for=\"10.0.0.1:80\""],
            &[
                hop("10.0.0.1", None, ""),
                hop("198.51.100.17", Some(false), ""),
                hop("192.0.2.1", None, ""),
            ],
        );
        check(&["for=unknown"], &[hop("", None, "")]);
        check(&["for=_hidden;proto=ftp"], &[hop("", None, "")]);
        check(&["for=\"1.2.3.4, for=5.6.7.8\""], &[hop("", None, "")]);
        check(&["for=\"\\1.2.3.4\""], &[hop("1.2.3.4", None, "")]);
        check(&["", "for=1.2.3.4"], &[hop("1.2.3.4", None, ""), hop("", None, "")]);
        check(&["for=::ffff:192.0.2.1"], &[hop("192.0.2.1", None, "")]);
    }

    #[test]
    fn the_extensions_are_read() {
        let check = |lines: &[(&'static str, &str)], wanted: &[(String, Option<bool>, String)]| {
            assert_eq!(read(ForwardedBy::Extensions, lines), wanted, "{lines:?}");
        };
        check(&[("x-forwarded-proto", "https")], &[]);
        check(
            &[("x-forwarded-for", "192.0.2.1, 10.0.0.1"), ("x-forwarded-proto", "https")],
            &[hop("10.0.0.1", Some(true), ""), hop("192.0.2.1", Some(true), "")],
        );
        check(
            &[
                ("x-forwarded-for", "1.1.1.1,2.2.2.2"),
                ("x-forwarded-proto", "https, http"),
                ("x-forwarded-host", "evil, a.example"),
            ],
            &[hop("2.2.2.2", Some(false), "a.example"), hop("1.1.1.1", Some(true), "evil")],
        );
        check(
            &[("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "[::1]:7, x")],
            &[hop("", None, ""), hop("::1", None, ""), hop("1.1.1.1", None, "")],
        );
    }

    proptest! {
        #[test]
        fn nothing_is_fatal_and_all_is_bounded(values in proptest::collection::vec("[ -~]{0,80}", 0..40)) {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::FORWARDED, value.parse().expect("visible"));
                headers.append("x-forwarded-for", value.parse().expect("visible"));
            }
            for by in [ForwardedBy::Standard, ForwardedBy::Extensions] {
                prop_assert!(hops(&headers, by).len() <= HOPS_MAX);
            }
        }

        #[test]
        fn quoting_is_undone(text in "[ -~]{0,40}") {
            let escaped: String = text.chars().flat_map(|it| ['\\', it]).collect();
            let quoted = format!("\"{escaped}\"");
            prop_assert_eq!(unquoted(&quoted), text);
            prop_assert_eq!(split(&quoted, b','), vec![quoted.as_str()]);
        }
    }
}
