//! Keys from the body of SIP INFO: every spelling that phones and gateways use, read without regard to order and case.
//!
//! One INFO is one press. A body that cannot be read is ignored, never refused: the request itself is answered 200.

use super::Key;

/// What an INFO says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InfoBody {
    /// A key was pressed.
    Key(Key),
    /// The hook was flashed.
    HookFlash,
    /// Nothing about keys.
    Ignored,
}

/// Event code of a hook flash (RFC 2833 3.10).
const FLASH: u8 = 16;
/// Lines looked at; the longest body in use has three.
const LINES_MAX: usize = 8;

/// Reads a body. The content type may carry parameters.
///
/// Known are `application/dtmf-relay` (`Signal=#`, `Signal= 11`), `application/dtmf` (`#`, `11`),
/// `application/vnd.nortelnetworks.digits` (`d=#`), `audio/telephone-event` (an event block of RFC 4733) and
/// `application/hook-flash`. Senders mix them up, so each text form is read under each text type.
#[must_use]
pub fn read(content_type: &str, body: &[u8]) -> InfoBody {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let is = |known: &str| media_type.eq_ignore_ascii_case(known);
    if is("application/hook-flash") {
        return InfoBody::HookFlash;
    }
    if is("audio/telephone-event") {
        return match body {
            [event @ 0..=FLASH, _, _, _, ..] => of_event(*event),
            _ => read_text(body),
        };
    }
    let is_text = is("application/dtmf-relay")
        || is("application/dtmf")
        || is("application/vnd.nortelnetworks.digits");
    if is_text { read_text(body) } else { InfoBody::Ignored }
}

fn read_text(body: &[u8]) -> InfoBody {
    let lines = || body.split(|byte| matches!(byte, b'\r' | b'\n')).take(2 * LINES_MAX);
    let signal = lines().find_map(|line| {
        let (name, value) = split_field(line)?;
        let name = name.trim_ascii();
        let is_signal = name.eq_ignore_ascii_case(b"signal") || name.eq_ignore_ascii_case(b"d");
        is_signal.then_some(value)
    });
    // A lone `#` or `11`, without a name.
    let bare = || lines().find(|line| !trim(line).is_empty() && split_field(line).is_none());
    signal.or_else(bare).map_or(InfoBody::Ignored, of_value)
}

fn split_field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = line.iter().position(|byte| matches!(byte, b'=' | b':'))?;
    let (name, value) = line.split_at_checked(at)?;
    Some((name, value.get(1..)?))
}

/// Without blanks, quotes and zero bytes around it.
fn trim(mut value: &[u8]) -> &[u8] {
    let is_blank = |byte: u8| byte.is_ascii_whitespace() || byte == b'"' || byte == 0;
    while let [first, rest @ ..] = value
        && is_blank(*first)
    {
        value = rest;
    }
    while let [rest @ .., last] = value
        && is_blank(*last)
    {
        value = rest;
    }
    value
}

/// One character is a key; a number from 10 to 16 is an event code.
fn of_value(value: &[u8]) -> InfoBody {
    match trim(value) {
        [b'!'] => InfoBody::HookFlash,
        [character] => {
            Key::of_char(char::from(*character)).map_or(InfoBody::Ignored, InfoBody::Key)
        }
        [b'1', ones @ b'0'..=b'6'] => of_event(10 + (ones - b'0')),
        word if word.eq_ignore_ascii_case(b"hf") || word.eq_ignore_ascii_case(b"flash") => {
            InfoBody::HookFlash
        }
        _ => InfoBody::Ignored,
    }
}

fn of_event(event: u8) -> InfoBody {
    match Key::of_event(event) {
        Some(key) => InfoBody::Key(key),
        None if event == FLASH => InfoBody::HookFlash,
        None => InfoBody::Ignored,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RELAY: &str = "application/dtmf-relay";
    const DTMF: &str = "application/dtmf";
    const NORTEL: &str = "application/vnd.nortelnetworks.digits";
    const EVENT: &str = "audio/telephone-event";

    /// `!` stands for a flash, a blank for nothing.
    fn check(content_type: &str, body: &[u8], expected: char) {
        let expected = match expected {
            '!' => InfoBody::HookFlash,
            ' ' => InfoBody::Ignored,
            key => InfoBody::Key(Key::of_char(key).unwrap()),
        };
        assert_eq!(read(content_type, body), expected, "{content_type} {:?}", body.escape_ascii());
    }

    #[test]
    fn every_spelling_is_read() {
        for (content_type, body, expected) in [
            (RELAY, "Signal=#\r\nDuration=160\r\n", '#'),
            (RELAY, "Signal= 11\r\nDuration= 250\r\n", '#'),
            (RELAY, "signal=5\nduration=160", '5'),
            (RELAY, "Signal=9\r\nDuration=160", '9'),
            (RELAY, "Signal=9", '9'),
            (RELAY, "Duration=160\r\nSignal=9\r\n", '9'),
            (RELAY, "SIGNAL = d \r\n", 'D'),
            (RELAY, "\r\nSignal=*\r\n", '*'),
            (RELAY, "Signal=10\r\n", '*'),
            (RELAY, "Signal=12\n", 'A'),
            (RELAY, "Signal=16\n", '!'),
            (RELAY, "signal=hf\r\n", '!'),
            (RELAY, "Signal=!\r\n", '!'),
            (RELAY, "Signal=\"#\"\r\n", '#'),
            (RELAY, "Signal: 7\r\n", '7'),
            (RELAY, "9\r\n", '9'),
            ("Application/DTMF-Relay; charset=utf-8", "Signal=0\r\n", '0'),
            (DTMF, "#", '#'),
            (DTMF, "11", '#'),
            (DTMF, "11\r\n", '#'),
            (DTMF, " 9 \n", '9'),
            (DTMF, "9\0", '9'),
            (DTMF, "Signal=9\r\n", '9'),
            (NORTEL, "p=Digit-Collection\r\ny=Digits\r\nd=11\r\n", '#'),
            (NORTEL, "p=Digit-Collection\r\ny=Digits\r\nd=9\r\n", '9'),
            (NORTEL, "d=#", '#'),
            (EVENT, "5\r\n", '5'),
            ("application/hook-flash", "", '!'),
            ("application/hook-flash", "anything", '!'),
        ] {
            check(content_type, body.as_bytes(), expected);
        }
        check(EVENT, &[11, 0x0a, 0, 160], '#');
        check(EVENT, &[9, 0x8a, 3, 32], '9');
        check(EVENT, &[16, 0x8a, 3, 32], '!');
    }

    #[test]
    fn anything_else_is_ignored() {
        for (content_type, body) in [
            (RELAY, ""),
            (RELAY, "Signal=\r\nDuration=160\r\n"),
            (RELAY, "Signal=17\r\n"),
            (RELAY, "Signal=#9\r\n"),
            (RELAY, "Signal=E\r\n"),
            (RELAY, "Duration=160\r\n"),
            (DTMF, "hello"),
            (DTMF, "\u{ff03}"),
            (EVENT, "S"),
            ("text/plain", "Signal=9\r\n"),
            ("application/media_control+xml", "<media_control/>"),
            ("", "9"),
        ] {
            check(content_type, body.as_bytes(), ' ');
        }
        check(EVENT, &[66, 0x8a, 3, 32], ' ');
        check(EVENT, &[9, 0x8a], ' ');
    }

    proptest! {
        #[test]
        fn no_body_panics(content_type in 0..4_usize, body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read([RELAY, DTMF, NORTEL, EVENT][content_type], &body);
        }

        #[test]
        fn a_key_reads_back_with_any_blanks(event in 0..16_u8, before in "[ \t]{0,3}", after in "[ \t]{0,3}") {
            let key = Key::of_event(event).unwrap();
            let body = format!("Signal={before}{}{after}\r\nDuration=100\r\n", key.as_char());
            prop_assert_eq!(read(RELAY, body.as_bytes()), InfoBody::Key(key));
        }
    }
}
