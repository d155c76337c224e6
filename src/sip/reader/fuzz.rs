//! Mutated messages and arbitrary text: nothing panics, and what is read survives being written and read again.

use super::*;
use crate::message::{MessageExt as _, Params, RequestExt as _, User, encode, quote, unquote};
use proptest::prelude::*;

const SEEDS: [&str; 6] = [
    "INVITE sip:%239;phone-context=+86@xm.example;user=phone SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK1;rport\r\n\
     Route: <sip:as.example;lr>, <sip:[2001:db8::1]:5060;lr>\r\nFrom: \"Wang \\\"A\\\", B\" <sip:1@xm.example>;tag=9\r\nTo: <sip:%239@xm.example>\r\n\
     Call-ID: a@b\r\nCSeq: 7 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:1@192.0.2.7>;q=0.3\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n",
    "REGISTER sip:xm.example SIP/2.0\r\nv: SIP / 2.0 / TCP h ;\r\n branch = z9hG4bK2 , SIP/2.0/UDP [::1]\r\nf: sip:1@h;tag=1\r\nt: sip:1@h\r\n\
     i: x\r\nCSeq: 1 REGISTER\r\nm: *\r\nExpires: 0\r\nAuthorization: Digest username=\"1\", realm=\"a,b\"\r\nl: 0\r\n\r\n",
    "SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK3;received=::1\r\nFrom: <tel:110>;tag=a\r\nTo: x <sip:y@h?a=b>;tag=b\r\n\
     Call-ID: z\r\nCSeq: 2 INVITE\r\nRecord-Route: <sip:p;lr>,<sip:q;lr>\r\n\r\n",
    "OPTIONS tel:%23;phone-context=h SIP/2.0\nVia:SIP/2.0/UDP h\nFrom:sip:a@h\nTo:sip:b@h\nCall-ID:1\nCSeq:0 OPTIONS\nX:\n y\n\n",
    "ACK isbn:1 SIP/2.0\r\nVia: SIP/2.0/TLS h:5061;ttl=3;maddr=m;rport=1\r\nFrom: sip:a@h\r\nTo: sip:b@h;tag=\r\nCall-ID: 1\r\nCSeq: 0 ACK\r\n\r\n",
    "BYE sips:a:b@h:1;lr?x=y SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nFrom: sip:a@h\r\nTo: sip:b@h\r\nCall-ID: 1\r\nCSeq: 3 BYE\r\nRequire: a,b\r\n\r\n",
];

/// What mutations like to put in: what a reader looks for.
const TOKENS: [&[u8]; 20] = [
    b"\r\n",
    b"\n",
    b"\r",
    b" ",
    b"\t",
    b":",
    b";",
    b",",
    b"<",
    b">",
    b"\"",
    b"\\",
    b"@",
    b"%",
    b"%00",
    b"=",
    b"[::1]",
    b"\xba\xc3\x5c",
    b"SIP/2.0",
    b"\r\nContent-Length: 9\r\n",
];

/// A small generator of our own, so that a failing seed fails the same way everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }
}

fn mutate(dice: &mut Dice) -> Vec<u8> {
    let mut bytes = SEEDS[dice.below(SEEDS.len())].as_bytes().to_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len());
        let end = (at + dice.below(12)).min(bytes.len());
        match dice.below(8) {
            0 => bytes[at..end].fill(u8::try_from(dice.below(256)).unwrap()),
            1 => drop(bytes.drain(at..end)),
            2..=5 => drop(bytes.splice(at..at, TOKENS[dice.below(TOKENS.len())].iter().copied())),
            6 => drop(bytes.splice(at..at, bytes.clone()[at..end].to_vec())),
            _ => bytes.truncate(at.max(1)),
        }
        if bytes.is_empty() {
            break;
        }
    }
    bytes
}

/// Touches every reader of values.
fn touch(message: &SipMessage) {
    let addresses =
        [message.from_header(), message.to_header(), message.contact(), message.served_user()];
    for address in addresses.into_iter().flatten().chain(message.asserted_identities()) {
        let again = NameAddr::parse(&address.to_string());
        assert_eq!(again.as_ref(), Some(&address), "{address}");
    }
    if let Some(via) = message.via() {
        assert_eq!(Via::parse(&via.to_string()).as_ref(), Some(&via), "{via}");
    }
    if let SipMessage::Request(request) = message {
        let target = request.target().unwrap();
        assert_eq!(SipUri::parse(&target.to_string()).as_ref(), Some(&target), "{target}");
        let _ = message::response_to(request, 200, "", Some("t"));
    }
    let _ = (message.cseq(), message.from_tag(), message.to_tag(), message.routes());
    let _ = (message.expires(), message.max_forwards(), message.is_contact_star());
}

#[test]
fn mutations_neither_panic_nor_change_by_being_written() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut accepted = 0;
    for _ in 0..MUTATIONS {
        let bytes = mutate(&mut dice);
        let Ok(message) = read(&bytes) else { continue };
        accepted += 1;
        touch(&message);
        let again = read(&encode(&message));
        assert_eq!(again.as_ref(), Ok(&message), "{}", String::from_utf8_lossy(&bytes));
    }
    assert!(MUTATIONS / 10 < accepted && accepted < MUTATIONS, "{accepted}");
}

/// A few seconds of a debug build.
const MUTATIONS: u32 = 40_000;

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&bytes);
    }

    #[test]
    fn a_user_prints_and_reads_back(plain in "\\PC{0,12}") {
        let uri = SipUri::sip(&plain, message::Host::Name("h".into()), Some(1));
        let again = SipUri::parse(&uri.to_string());
        prop_assert_eq!(again.as_ref().map(SipUri::user_name), Some(plain.as_str()));
        prop_assert_eq!(again, Some(uri));
        let user = User::new(&plain);
        prop_assert!(user.wire().is_ascii() && !user.wire().contains(['#', '@', ' ', ';']));
    }

    #[test]
    fn uris_are_stable_after_one_reading(text in "(sip|sips|tel|x):[ -~]{0,30}") {
        if let Some(uri) = SipUri::parse(&text) {
            prop_assert_eq!(SipUri::parse(&uri.to_string()), Some(uri));
        }
    }

    #[test]
    fn quoting_is_undone(text in "[^\r\n]{0,20}") {
        prop_assert_eq!(unquote(&quote(&text)), text);
    }

    #[test]
    fn parameters_are_stable(text in "[a-c;=\"<>\\\\, ]{0,24}") {
        let params = Params::parse(&text);
        prop_assert_eq!(Params::parse(&params.to_string()), params);
    }

    #[test]
    fn a_body_arrives_to_the_byte(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let Ok(mut sent) = read(SEEDS[0].as_bytes()) else { panic!() };
        if let SipMessage::Request(request) = &mut sent {
            request.body = body;
        }
        prop_assert_eq!(read(&encode(&sent)), Ok(sent));
    }
}
