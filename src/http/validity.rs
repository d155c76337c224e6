//! When a certificate is good: the two times in it (RFC 5280 4.1.2.5), and nothing else of it.
//!
//! A walk over a few DER elements. Whether a certificate is well made is for rustls to say; here nothing may panic on
//! what is not.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `[0] EXPLICIT Version`
const VERSION: u8 = 0xa0;

/// From when until when a certificate is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
}

impl Validity {
    /// Reads it from a certificate in DER; `None` when it is no certificate.
    pub(crate) fn of(certificate: &[u8]) -> Option<Self> {
        let mut outer = Der(certificate);
        let mut certificate = Der(outer.take(SEQUENCE)?);
        let mut fields = Der(certificate.take(SEQUENCE)?);
        if fields.tag() == Some(VERSION) {
            fields.take(VERSION)?;
        }
        // Serial number, signature algorithm, issuer.
        fields.take(INTEGER)?;
        fields.take(SEQUENCE)?;
        fields.take(SEQUENCE)?;
        let mut validity = Der(fields.take(SEQUENCE)?);
        Some(Self { from: validity.time()?, until: validity.time()? })
    }
}

/// What is left of a row of elements.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn tag(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The content of the next element, if it has this tag.
    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (&found, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            // As many bytes of length as that: a certificate has at most some KiB, so three are enough.
            0x81..=0x83 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x0f))?;
                (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        (found == tag).then_some(content)
    }

    fn time(&mut self) -> Option<Timestamp> {
        let (tag, years) = match self.tag()? {
            UTC_TIME => (UTC_TIME, 2),
            GENERALIZED_TIME => (GENERALIZED_TIME, 4),
            _ => return None,
        };
        let text = self.take(tag)?.strip_suffix(b"Z")?;
        let (year, rest) = text.split_at_checked(years)?;
        let year = number(year)?;
        let year = match (tag, year) {
            (UTC_TIME, 0..=49) => year + 2000,
            (UTC_TIME, _) => year + 1900,
            _ => year,
        };
        if rest.len() != 10 {
            return None;
        }
        let mut pairs = rest.chunks(2).map(number);
        let mut pair = || i8::try_from(pairs.next()??).ok();
        let (month, day, hour, minute, second) = (pair()?, pair()?, pair()?, pair()?, pair()?);
        let time = DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
        time.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    }
}

fn number(digits: &[u8]) -> Option<i16> {
    let text = std::str::from_utf8(digits).ok()?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    fn certificate(from: (i32, u8, u8), until: (i32, u8, u8)) -> Vec<u8> {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec!["a.example".to_owned()]).expect("parameters");
        params.not_before = date_time_ymd(from.0, from.1, from.2);
        params.not_after = date_time_ymd(until.0, until.1, until.2);
        params.self_signed(&key).expect("a certificate").der().to_vec()
    }

    #[test]
    fn the_times_are_those_that_were_written() {
        let check = |from: (i32, u8, u8), until: (i32, u8, u8), wanted: [&str; 2]| {
            let found = Validity::of(&certificate(from, until)).expect("a certificate");
            assert_eq!([found.from.to_string(), found.until.to_string()], wanted);
        };
        check((2026, 1, 2), (2026, 4, 2), ["2026-01-02T00:00:00Z", "2026-04-02T00:00:00Z"]);
        check((1975, 1, 1), (4096, 1, 1), ["1975-01-01T00:00:00Z", "4096-01-01T00:00:00Z"]);
        check((2049, 12, 31), (2050, 1, 1), ["2049-12-31T00:00:00Z", "2050-01-01T00:00:00Z"]);
    }

    #[test]
    fn what_is_cut_off_is_no_certificate() {
        let whole = certificate((2026, 1, 1), (2027, 1, 1));
        for length in 0..whole.len() {
            assert_eq!(Validity::of(&whole[..length]), None, "{length}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_fatal(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Validity::of(&bytes);
        }

        #[test]
        fn no_change_of_a_byte_is_fatal(index in 0_usize..200, byte: u8) {
            static WHOLE: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| certificate((2026, 1, 1), (2027, 1, 1)));
            let mut changed = WHOLE.clone();
            changed[index] = byte;
            let _ = Validity::of(&changed);
        }
    }
}
