//! Writes our own requests. Text in, bytes out; what cannot stand in a header never gets there.

use super::api::Bytes;
use std::fmt::Write as _;

/// A request on its way to bytes.
#[derive(Debug)]
pub(super) struct Compose(String);

impl Compose {
    /// Begins with the request line.
    pub(super) fn request(method: &str, uri: &str) -> Self {
        let mut text = String::with_capacity(1_024);
        text.push_str(method);
        text.push(' ');
        push_clean(&mut text, uri);
        text.push_str(" SIP/2.0\r\n");
        Self(text)
    }

    /// Adds a header. Control characters of the value become spaces, so that nobody's name can add a header.
    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        push_clean(&mut self.0, name);
        self.0.push_str(": ");
        push_clean(&mut self.0, value);
        self.0.push_str("\r\n");
        self
    }

    /// Adds a header for each value.
    pub(super) fn headers<'a>(
        mut self,
        name: &str,
        values: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        for value in values {
            self = self.header(name, value);
        }
        self
    }

    /// Ends with a body of SDP, or with none.
    pub(super) fn finish(mut self, sdp: Option<&[u8]>) -> Bytes {
        let body = sdp.unwrap_or_default();
        if sdp.is_some() {
            self.0.push_str("Content-Type: application/sdp\r\n");
        }
        // Writing to a String cannot fail.
        let _ = write!(self.0, "Content-Length: {}\r\n\r\n", body.len());
        let mut bytes = self.0.into_bytes();
        bytes.extend_from_slice(body);
        bytes.into()
    }
}

fn push_clean(text: &mut String, value: &str) {
    if value.chars().any(char::is_control) {
        text.extend(value.chars().map(|c| if c.is_control() { ' ' } else { c }));
    } else {
        text.push_str(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_can_add_a_header() {
        let bytes = Compose::request("OPTIONS", "sip:a@b\r\nX: y")
            .header("Subject", "a\r\nContact: <sip:evil@b>")
            .finish(None);
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert_eq!(
            text,
            "OPTIONS sip:a@b  X: y SIP/2.0\r\nSubject: a  Contact: <sip:evil@b>\r\n\
             Content-Length: 0\r\n\r\n"
        );
    }
}
