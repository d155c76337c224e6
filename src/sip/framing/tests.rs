use super::*;
use jiff::SignedDuration;
use proptest::prelude::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

fn framer() -> Framer {
    Framer::new(FramingConfig::default(), at(0))
}

/// Feeds the chunks and gives all that comes out.
fn cut<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Framed> {
    let mut framer = framer();
    let mut out = Vec::new();
    for chunk in chunks {
        framer.on_bytes(chunk, at(1));
        out.extend(std::iter::from_fn(|| framer.poll_output()));
    }
    out
}

fn packet(bytes: &[u8]) -> Framed {
    Framed::Packet(bytes.to_vec())
}

#[test]
fn messages_and_pings_come_out_one_by_one() {
    let whole =
        b"\r\nOPTIONS sip:a SIP/2.0\r\nl:\r\n 3\r\n\r\nabc\r\n\r\n\r\n\r\nBYE sip:b SIP/2.0\n\n";
    let expected = [
        packet(b"OPTIONS sip:a SIP/2.0\r\nl:\r\n 3\r\n\r\nabc"),
        packet(PING),
        packet(PING),
        packet(b"BYE sip:b SIP/2.0\n\n"),
    ];
    assert_eq!(cut([&whole[..]]), expected);
}

#[test]
fn what_cannot_be_cut_closes_once() {
    let endless = [b"X: ", "a".repeat(MESSAGE_MAX).as_bytes()].concat();
    let flood = vec![b'a'; BUFFER_MAX + 1];
    let cases: [(&[u8], FramingError, bool); 7] = [
        (b"INVITE a SIP/2.0\r\nContent-Length: -1\r\n\r\n", FramingError::Length, true),
        (b"INVITE a SIP/2.0\r\nl: 1\r\nContent-Length: 2\r\n\r\n", FramingError::Length, true),
        (b"INVITE a SIP/2.0\r\nContent-Type: a/b\r\n\r\n", FramingError::Length, true),
        (b"INVITE a SIP/2.0\r\nl: 99999999\r\n\r\n", FramingError::TooLarge, true),
        (b"\x16\x03\x01\x02\x00", FramingError::NotSip, false),
        (&endless, FramingError::TooLarge, false),
        (&flood, FramingError::TooLarge, false),
    ];
    for (bytes, error, is_answered) in cases {
        let mut framer = framer();
        framer.on_bytes(bytes, at(1));
        if is_answered {
            assert_eq!(framer.poll_output(), Some(packet(bytes)), "{error}");
        }
        assert_eq!(framer.poll_output(), Some(Framed::Close(error)));
        framer.on_bytes(b"OPTIONS sip:a SIP/2.0\r\n\r\n", at(1));
        assert_eq!((framer.poll_output(), framer.poll_timeout()), (None, None));
    }
}

#[test]
fn a_slow_sender_is_cut_off_whatever_it_drips() {
    let mut framer = framer();
    assert_eq!(framer.poll_timeout(), Some((at(32), Timer::First)));
    framer.on_bytes(b"OPTIONS sip:a SIP/2.0\r\n\r\n", at(5));
    assert!(framer.poll_output().is_some());
    assert_eq!(framer.poll_timeout(), Some((at(5 + 7200), Timer::Idle)));
    for second in 10..40 {
        framer.on_bytes(b"I", at(second));
        assert_eq!(framer.poll_output(), None);
        assert_eq!(framer.poll_timeout(), Some((at(42), Timer::Message)));
    }
    framer.on_timeout(at(41));
    assert_eq!(framer.poll_output(), None, "not yet");
    framer.on_timeout(at(42));
    assert_eq!(framer.poll_output(), Some(Framed::Close(FramingError::Slow(Timer::Message))));
    assert_eq!(framer.poll_output(), None);
}

#[test]
fn pings_keep_a_connection() {
    let mut framer = framer();
    framer.on_bytes(PING, at(20));
    assert_eq!(framer.poll_output(), Some(packet(PING)));
    assert_eq!(framer.poll_timeout(), Some((at(20 + 7200), Timer::Idle)));
}

/// Pieces of streams: whole messages, junk between them, and what breaks them.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => (0_usize..40, "[A-Z]{1,8}").prop_map(|(length, method)| {
            let head = format!("{method} sip:a@b SIP/2.0\r\nVia: x\r\nl: {length}\r\n\r\n");
            [head.into_bytes(), vec![b'\n'; length]].concat()
        }),
        3 => Just(b"\r\n".to_vec()),
        3 => Just(b"\r\n\r\n".to_vec()),
        2 => Just(b"OPTIONS sip:a SIP/2.0\n\n".to_vec()),
        1 => Just(b"X sip:a SIP/2.0\r\nl: x\r\n\r\n".to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn chunks_do_not_matter(stream in pieces(), sizes in prop::collection::vec(1_usize..20, 1..20)) {
        let whole = cut([stream.as_slice()]);
        let mut rest = stream.as_slice();
        let mut chunks = Vec::new();
        for size in sizes.iter().cycle() {
            if rest.is_empty() { break }
            let (chunk, tail) = rest.split_at(rest.len().min(*size));
            chunks.push(chunk);
            rest = tail;
        }
        prop_assert_eq!(cut(chunks), whole);
    }

    #[test]
    fn framer_and_reader_agree_on_the_end(stream in pieces()) {
        for framed in cut([stream.as_slice()]) {
            let Framed::Packet(bytes) = framed else { continue };
            if let Ok(Some(length)) = Block::read(&bytes).content_length() {
                prop_assert!(bytes.ends_with(&vec![b'\n'; length]), "{bytes:?}");
                prop_assert_eq!(cut([bytes.as_slice()]), [packet(&bytes)]);
            }
        }
    }

    #[test]
    fn what_goes_in_comes_out(bodies in prop::collection::vec("[ -~\r\n]{0,60}", 1..8)) {
        let messages: Vec<Vec<u8>> = bodies
            .iter()
            .map(|body| format!("MESSAGE sip:a SIP/2.0\r\nl: {}\r\n\r\n{body}", body.len()).into_bytes())
            .collect();
        let stream = messages.concat();
        let expected: Vec<Framed> = messages.into_iter().map(Framed::Packet).collect();
        prop_assert_eq!(cut([stream.as_slice()]), expected);
    }
}
