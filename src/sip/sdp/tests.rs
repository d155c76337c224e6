use super::*;
use proptest::prelude::*;

const LOCAL: &str = "10.0.0.11:16500";

fn local() -> Local {
    Local { media: LOCAL.parse().unwrap(), session: 7, version: 1 }
}

/// An offer with these lines behind the usual head.
fn offer(lines: &[&str]) -> Vec<u8> {
    format!("v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nt=0 0\r\n{}\r\n", lines.join("\r\n"))
        .into_bytes()
}

fn answer(lines: &[&str]) -> Result<(String, MediaPlan), SdpError> {
    answer_to(&offer(lines), &local())
        .map(|(bytes, plan)| (String::from_utf8(bytes).unwrap(), plan))
}

#[test]
fn our_offer_is_what_carriers_expect_and_answers_itself() {
    let offer = String::from_utf8(local().offer()).unwrap();
    assert_eq!(
        offer,
        "v=0\r\no=- 7 1 IN IP4 10.0.0.11\r\ns=-\r\nc=IN IP4 10.0.0.11\r\nt=0 0\r\n\
         m=audio 16500 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n"
    );
    let other = Local { media: "[2001:db8::2]:20000".parse().unwrap(), session: 1, version: 1 };
    let (answer, theirs) = answer_to(offer.as_bytes(), &other).unwrap();
    let ours = read_answer(&answer).unwrap();
    assert_eq!(theirs.remote, Some(local().media));
    assert_eq!(ours.remote, Some(other.media));
    assert_eq!((ours.codec, ours.payload_type), (Codec::Pcma, 8));
    assert_eq!((theirs.codec, theirs.payload_type), (Codec::Pcma, 8));
    assert_eq!(ours.telephone_event, [(101, 8000)]);
    assert_eq!((ours.ptime_ms, ours.direction), (20, Direction::SendRecv));
}

#[test]
fn codecs_are_chosen_with_and_without_rtpmap() {
    #[track_caller]
    fn check(lines: &[&str], wanted: Result<(Codec, u8), SdpError>) {
        let mut all = vec!["c=IN IP4 192.0.2.7"];
        all.extend(lines);
        assert_eq!(answer(&all).map(|(_, plan)| (plan.codec, plan.payload_type)), wanted);
    }
    check(&["m=audio 4000 RTP/AVP 8"], Ok((Codec::Pcma, 8)));
    check(&["m=audio 4000 RTP/AVP 0"], Ok((Codec::Pcmu, 0)));
    check(&["m=audio 4000 RTP/AVP 18 0 8"], Ok((Codec::Pcma, 8)));
    check(&["m=audio 4000/2 RTP/AVP 0"], Ok((Codec::Pcmu, 0)));
    check(&["m=audio 4000 rtp/avpf 0"], Ok((Codec::Pcmu, 0)));
    check(&["m=audio 4000 RTP/AVP 96", "a=rtpmap:96 pcma/8000/1"], Ok((Codec::Pcma, 96)));
    check(&["m=audio 4000 RTP/AVP 8", "a=rtpmap:8 G722/8000"], Err(SdpError::NoCodec));
    check(&["m=audio 4000 RTP/AVP 96", "a=rtpmap:96 PCMA/16000"], Err(SdpError::NoCodec));
    check(&["m=audio 4000 RTP/AVP 9 18"], Err(SdpError::NoCodec));
    check(&["m=audio 4000 RTP/AVP 256 -8 8x"], Err(SdpError::NoCodec));
    check(&["m=audio 4000 RTP/AVP"], Err(SdpError::NoCodec));
    check(&["m=audio 4000 RTP/SAVP 8"], Err(SdpError::NoAudio));
    check(&["m=audio 0 RTP/AVP 8"], Err(SdpError::NoAudio));
    check(&["m=audio 70000 RTP/AVP 8"], Err(SdpError::NoAudio));
    check(&["m=video 4000 RTP/AVP 8"], Err(SdpError::NoAudio));
    check(&["m=audio"], Err(SdpError::Malformed));
    check(&["m=audio 4000 RTP/AVP 8", "m="], Err(SdpError::Malformed));
    check(&[], Err(SdpError::NoAudio));
}

#[test]
fn an_answer_is_read_in_their_order_and_keys_in_either_type() {
    let text = |rest: &str| format!("v=0\nc=IN IP4 192.0.2.7\nm=audio 4000 RTP/AVP 0 8{rest}\n");
    let plan = read_answer(text("").as_bytes()).unwrap();
    assert_eq!((plan.codec, plan.telephone_event.len()), (Codec::Pcmu, 0));
    let plan = read_answer(text(" 96\na=rtpmap:96 telephone-event/8000").as_bytes()).unwrap();
    assert_eq!(plan.telephone_event, [(96, 8000), (101, 8000)]);
    let refused = b"v=0\r\nc=IN IP4 192.0.2.7\r\nm=audio 0 RTP/AVP 8\r\n";
    assert_eq!(read_answer(refused), Err(SdpError::NoAudio));
}

#[test]
fn only_the_first_usable_audio_stream_is_taken() {
    let (text, plan) = answer(&[
        "c=IN IP4 192.0.2.7",
        "m=video 3000 RTP/AVP 31",
        "m=audio 4000 RTP/AVP 9",
        "m=audio 4002 RTP/AVP 0",
        "m=audio 4004 RTP/AVP 8",
        "m=image 4006 udptl t38",
    ])
    .unwrap();
    assert_eq!(plan.remote, Some("192.0.2.7:4002".parse().unwrap()));
    let streams: Vec<&str> = text.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(
        streams,
        [
            "m=video 0 RTP/AVP 31",
            "m=audio 0 RTP/AVP 9",
            "m=audio 16500 RTP/AVP 0",
            "m=audio 0 RTP/AVP 8",
            "m=image 0 udptl t38",
        ]
    );
}

#[test]
fn telephone_events_of_all_clocks_are_taken() {
    let (text, plan) = answer(&[
        "c=IN IP4 192.0.2.7",
        "m=audio 4000 RTP/AVP 0 8 97 101 110",
        "a=rtpmap:97 telephone-event/48000",
        "a=rtpmap:101 telephone-event/8000",
        "a=rtpmap:110 Telephone-Event/16000",
        "a=rtpmap:99 telephone-event/8000",
    ])
    .unwrap();
    assert_eq!(plan.telephone_event, [(101, 8000), (97, 48000), (110, 16000)]);
    assert!(text.contains("m=audio 16500 RTP/AVP 8 101 97 110\r\n"), "{text}");
    assert!(text.contains("a=rtpmap:110 telephone-event/16000\r\na=fmtp:110 0-16\r\n"), "{text}");
}

#[test]
fn the_packet_length_is_theirs_where_we_can_make_it() {
    #[track_caller]
    fn check(session: &str, media: &str, wanted_ms: u32) {
        let lines = ["c=IN IP4 192.0.2.7", session, "m=audio 4000 RTP/AVP 8", media];
        let (text, plan) = answer(&lines).unwrap();
        assert_eq!(plan.ptime_ms, wanted_ms);
        assert!(text.contains(&format!("a=ptime:{wanted_ms}\r\n")));
    }
    for ptime in [10, 20, 30, 40, 60] {
        check("", &format!("a=ptime:{ptime}"), ptime);
        check(&format!("a=ptime:{ptime}"), "", ptime);
    }
    check("a=ptime:10", "a=ptime:30", 30);
    check("", "a=ptime: 30.0", 30);
    for nonsense in ["0", "25", "-20", "4294967316", "99999999999999999999", "x", ""] {
        check("", &format!("a=ptime:{nonsense}"), 20);
    }
}

#[test]
fn directions_are_mirrored_and_hold_is_honoured() {
    #[track_caller]
    fn check(address: &str, session: &str, media: &str, wanted: Direction, remote: bool) {
        let lines = [address, session, "m=audio 4000 RTP/AVP 8", media];
        let (text, plan) = answer(&lines).unwrap();
        assert_eq!((plan.direction, plan.remote.is_some()), (wanted, remote));
        assert!(text.contains(&format!("a={}\r\n", wanted.attribute())), "{text}");
        assert!(!plan.direction.sends() || plan.remote.is_some());
    }
    let there = "c=IN IP4 192.0.2.7";
    check(there, "", "", Direction::SendRecv, true);
    check(there, "", "a=sendrecv", Direction::SendRecv, true);
    check(there, "", "a=sendonly", Direction::RecvOnly, true);
    check(there, "", "a=recvonly", Direction::SendOnly, true);
    check(there, "", "a=inactive", Direction::Inactive, true);
    check(there, "a=sendonly", "", Direction::RecvOnly, true);
    check(there, "a=sendonly", "a=SendRecv", Direction::SendRecv, true);
    check("c=IN IP4 0.0.0.0", "", "", Direction::RecvOnly, false);
    check("c=IN IP4 0.0.0.0", "", "a=sendonly", Direction::RecvOnly, false);
    check("c=IN IP4 0.0.0.0", "", "a=recvonly", Direction::Inactive, false);
    check("c=IN IP4 0.0.0.0", "", "a=inactive", Direction::Inactive, false);
    check("c=IN IP6 ::", "", "", Direction::RecvOnly, false);
}

#[test]
fn addresses_are_read_at_either_level_and_dangerous_ones_refused() {
    #[track_caller]
    fn check(session: &str, media: &str, port: u16, wanted: Result<&str, SdpError>) {
        let stream = format!("m=audio {port} RTP/AVP 8");
        let got = answer(&[session, &stream, media]).map(|(_, plan)| plan.remote);
        assert_eq!(got, wanted.map(|text| Some(text.parse().unwrap())));
    }
    let ok = "c=IN IP4 192.0.2.7";
    check(ok, "", 4000, Ok("192.0.2.7:4000"));
    check("", ok, 4000, Ok("192.0.2.7:4000"));
    check("c=IN IP4 224.0.0.1", ok, 4000, Ok("192.0.2.7:4000"));
    check("c=IN IP6 2001:db8::7", "", 4000, Ok("[2001:db8::7]:4000"));
    check("c=IN IP4 127.0.0.1", "", 4000, Ok("127.0.0.1:4000"));
    check("c=IN IP6 ::ffff:192.0.2.7", "", 4000, Ok("192.0.2.7:4000"));
    check("", "", 4000, Err(SdpError::NoAddress));
    for nothing in
        ["c=IN IP4 phone.example", "c=IN IP4", "c=", "c=IN IP4 1.2.3", "c=IN IP4 1.2.3.999"]
    {
        check(nothing, "", 4000, Err(SdpError::NoAddress));
    }
    for forbidden in [
        "c=IN IP4 224.2.1.1/127",
        "c=IN IP4 239.255.255.255",
        "c=IN IP4 255.255.255.255",
        "c=IN IP4 0.0.0.1",
        "c=IN IP4 240.0.0.1",
        "c=IN IP6 ff02::1",
        "c=IN IP6 ::ffff:224.0.0.1",
    ] {
        check(forbidden, "", 4000, Err(SdpError::ForbiddenAddress));
    }
    for port in [1, 53, 1023, 5060, 5061] {
        check(ok, "", port, Err(SdpError::ForbiddenAddress));
    }
}

#[test]
fn sloppy_text_is_read_and_endless_text_is_not() {
    let sloppy = b"v=0\no=\xc4\xe3 1 1 IN IP4 x\ngarbage\n\n c=IN  IP4  192.0.2.7 \nm=audio  4000  RTP/AVP  8 \na=rtcp:9 IN IP4 224.0.0.1\n";
    let (_, plan) = answer_to(sloppy, &local()).unwrap();
    assert_eq!(plan.remote, Some("192.0.2.7:4000".parse().unwrap()));

    let long = |line: &str, count: usize| {
        let lines = vec![line; count].join("\r\n");
        answer(&["c=IN IP4 192.0.2.7", "m=audio 4000 RTP/AVP 8", &lines])
            .map(|(_, plan)| plan.codec)
    };
    assert_eq!(long("m=video 0 RTP/AVP 31", 15), Ok(Codec::Pcma));
    assert_eq!(long("m=video 0 RTP/AVP 31", 16), Err(SdpError::TooLong));
    assert_eq!(long("a=x", 129), Err(SdpError::TooLong));
    assert_eq!(long("x=y", 16 * 1024), Err(SdpError::TooLong));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = answer_to(&bytes, &local());
        let _ = read_answer(&bytes);
    }

    #[test]
    fn no_lines_panic_and_every_plan_is_safe(
        lines in prop::collection::vec(
            "(m=(audio|video) [0-9/]{1,7} RTP/AVP( [0-9]{1,3}){0,5}|c=IN IP[46] [0-9a-f.:/]{1,15}|a=(rtpmap|fmtp|ptime):[0-9]{0,12} ?[A-Za-z-]{0,15}/?[0-9]{0,11}|[a-z]=.{0,20})",
            0..30,
        ),
    ) {
        let text = lines.join("\r\n");
        if let Ok((answer, plan)) = answer_to(text.as_bytes(), &local()) {
            prop_assert!(PTIMES_MS.contains(&plan.ptime_ms));
            if let Some(remote) = plan.remote {
                prop_assert!(!remote.ip().is_multicast() && !remote.ip().is_unspecified());
                prop_assert!(PORT_MIN <= remote.port());
            }
            // An answer has the streams of its offer, and can be read by whoever made that.
            let count = |text: &str| text.split(['\r', '\n']).filter(|line| line.trim().starts_with("m=")).count();
            let answer = String::from_utf8(answer).unwrap();
            prop_assert_eq!(count(&answer), count(&text));
            prop_assert_eq!(read_answer(answer.as_bytes()).map(|plan| plan.codec), Ok(plan.codec));
        }
    }

    #[test]
    fn no_mutation_panics(at: prop::sample::Index, with: u8, cut: bool) {
        let mut bytes = local().offer();
        let index = at.index(bytes.len());
        bytes[index] = with;
        if cut {
            bytes.truncate(index);
        }
        let _ = answer_to(&bytes, &local());
        let _ = read_answer(&bytes);
    }
}
