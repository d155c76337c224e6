//! SIP text, read and written by hand. On purpose not the service's reader and writer: what both did wrong would look
//! right. Knows only what phones and carriers of a simulation need; must not be used on anything but test traffic.

use std::fmt::Write as _;

/// Most bytes of a datagram that are looked at.
pub const DATAGRAM_MAX: usize = 65_535;

/// A received message.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Request line or status line.
    pub start: &'a str,
    head: &'a str,
    /// What follows the empty line.
    pub body: &'a str,
}

impl<'a> Message<'a> {
    /// Splits a message; `None` for keepalives and what is no SIP.
    #[must_use]
    pub fn read(text: &'a str) -> Option<Self> {
        let (top, body) = text.split_once("\r\n\r\n")?;
        let (start, head) = top.split_once("\r\n")?;
        start.contains("SIP/2.0").then_some(Self { start, head, body })
    }

    /// The values of a header, in order, by its full or compact name.
    pub fn headers(&self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let compact = match name {
            "Via" => "v",
            "From" => "f",
            "To" => "t",
            "Call-ID" => "i",
            "Contact" => "m",
            "Content-Length" => "l",
            "Content-Type" => "c",
            _ => "",
        };
        self.head.split("\r\n").filter_map(move |line| {
            let (key, value) = line.split_once(':')?;
            let key = key.trim();
            let is_it = key.eq_ignore_ascii_case(name) || key.eq_ignore_ascii_case(compact);
            is_it.then_some(value.trim())
        })
    }

    /// The first value of a header; empty if there is none.
    #[must_use]
    pub fn header(&self, name: &'a str) -> &'a str {
        self.headers(name).next().unwrap_or_default()
    }

    /// The status of a response; `None` for a request.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.start.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    /// The method of a request; for a response the one of CSeq.
    #[must_use]
    pub fn method(&self) -> &'a str {
        if self.status().is_some() {
            self.header("CSeq").split_whitespace().nth(1).unwrap_or_default()
        } else {
            self.start.split(' ').next().unwrap_or_default()
        }
    }

    /// The number of CSeq.
    #[must_use]
    pub fn cseq(&self) -> u32 {
        let number = self.header("CSeq").split_whitespace().next();
        number.and_then(|number| number.parse().ok()).unwrap_or_default()
    }

    /// The Request-URI.
    #[must_use]
    pub fn uri(&self) -> &'a str {
        self.start.split(' ').nth(1).unwrap_or_default()
    }

    /// The branch of the topmost Via.
    #[must_use]
    pub fn branch(&self) -> &'a str {
        parameter(self.header("Via"), "branch").unwrap_or_default()
    }

    /// The URI of the first Contact.
    #[must_use]
    pub fn contact(&self) -> &'a str {
        bare_uri(self.header("Contact"))
    }

    /// A response to this request. `to_tag` is added to To if it has none; `extra` are whole lines with line ends.
    #[must_use]
    pub fn respond(&self, status: &str, to_tag: &str, extra: &str, body: &str) -> String {
        let mut out = format!("SIP/2.0 {status}\r\n");
        for name in ["Via", "Record-Route"] {
            for value in self.headers(name) {
                // Writing to a String cannot fail.
                let _ = write!(out, "{name}: {value}\r\n");
            }
        }
        let to = self.header("To");
        let tag = if to_tag.is_empty() || parameter(to, "tag").is_some() {
            String::new()
        } else {
            format!(";tag={to_tag}")
        };
        let _ = write!(
            out,
            "From: {}\r\nTo: {to}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n{extra}Content-Length: {}\r\n\r\n{body}",
            self.header("From"),
            self.header("Call-ID"),
            self.header("CSeq"),
            body.len(),
        );
        out
    }
}

/// The URI of a name-addr or addr-spec.
#[must_use]
pub fn bare_uri(value: &str) -> &str {
    match value.split_once('<') {
        Some((_, rest)) => rest.split('>').next().unwrap_or_default(),
        None => value.split([';', ',']).next().unwrap_or_default().trim(),
    }
}

/// The user part of a SIP URI, as written.
#[must_use]
pub fn user_of(uri: &str) -> &str {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    rest.split_once('@').map_or("", |(user, _)| user)
}

/// A parameter behind a header value, not one inside of its angle brackets.
#[must_use]
pub fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let outside = value.rsplit_once('>').map_or(value, |(_, rest)| rest);
    outside.split(';').skip(1).find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        key.trim().eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &str = "INVITE sip:5551234@10.0.0.9:5090 SIP/2.0\r\nv: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKa1;rport\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bKb2\r\nf: \"#9\" <sip:9@h;tag=no>;tag=f1\r\nTo: <sip:5551234@10.0.0.9>\r\nCall-ID: c1\r\nCSeq: 7 INVITE\r\nContact: <sip:a@10.0.0.1:5060;transport=udp>\r\nContent-Length: 4\r\n\r\nv=0\n";

    #[test]
    fn reads_what_it_needs() {
        let message = Message::read(INVITE).expect("is SIP");
        assert_eq!((message.method(), message.cseq(), message.status()), ("INVITE", 7, None));
        assert_eq!(user_of(message.uri()), "5551234");
        assert_eq!(message.branch(), "z9hG4bKa1");
        assert_eq!(message.contact(), "sip:a@10.0.0.1:5060;transport=udp");
        assert_eq!(parameter(message.header("From"), "tag"), Some("f1"));
        assert_eq!(message.body, "v=0\n");
    }

    #[test]
    fn a_response_goes_back_the_way_it_came() {
        let message = Message::read(INVITE).expect("is SIP");
        let text = message.respond("200 OK", "t9", "Contact: <sip:b@h>\r\n", "");
        let response = Message::read(&text).expect("is SIP");
        assert_eq!((response.status(), response.method()), (Some(200), "INVITE"));
        let vias: Vec<&str> = response.headers("Via").collect();
        assert_eq!(vias, message.headers("Via").collect::<Vec<_>>());
        assert_eq!(parameter(response.header("To"), "tag"), Some("t9"));
        assert_eq!(response.header("Content-Length"), "0");
    }

    #[test]
    fn what_is_no_sip_is_left_alone() {
        for text in ["", "\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "INVITE"] {
            assert!(Message::read(text).is_none(), "{text:?}");
        }
    }
}
