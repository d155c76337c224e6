use super::*;
use crate::message::{MessageExt as _, RequestExt as _, ResponseExt as _, Rport, encode};

const HEAD: &str = "Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK-t1;rport\r\n\
    From: <sip:05925551234@xm.example>;tag=f1\r\nTo: <sip:alarm@xm.example>\r\n\
    Call-ID: t1@192.0.2.7\r\nCSeq: 7 INVITE\r\n";

fn request(text: impl AsRef<[u8]>) -> Request {
    match read(text.as_ref()) {
        Ok(SipMessage::Request(request)) => request,
        other => panic!("{other:?}: {}", String::from_utf8_lossy(text.as_ref())),
    }
}

fn reason(text: impl AsRef<[u8]>) -> Option<Reason> {
    read(text.as_ref()).err().map(|malformed| malformed.reason)
}

fn invite(uri: &str) -> Request {
    request(format!("INVITE {uri} SIP/2.0\r\n{HEAD}\r\n"))
}

#[test]
fn every_form_of_the_code_is_heard() {
    let cases = [
        ("sip:%239@xm.example", "#9", "sip:%239@xm.example"),
        ("sip:#9@xm.example", "#9", "sip:%239@xm.example"),
        ("SIP:%239@XM.example", "#9", "sip:%239@xm.example"),
        ("sip:%239@xm.example;user=phone", "#9", "sip:%239@xm.example;user=phone"),
        ("sip:*9@xm.example", "*9", "sip:*9@xm.example"),
        (
            "sip:#9;phone-context=+86@10.1.1.1;user=phone",
            "#9",
            "sip:%239;phone-context=+86@10.1.1.1;user=phone",
        ),
        ("tel:%239;phone-context=xm.example", "#9", "tel:%239;phone-context=xm.example"),
        ("tel:#9;phone-context=+86", "#9", "tel:%239;phone-context=+86"),
        (
            "sip:%239;phone-context=xm.example@xm.example;user=dialstring",
            "#9",
            "sip:%239;phone-context=xm.example@xm.example;user=dialstring",
        ),
        ("sip:alarm@10.0.0.11", "alarm", "sip:alarm@10.0.0.11"),
        ("sip:9@[2001:db8::1]:5070", "9", "sip:9@[2001:db8::1]:5070"),
        ("sip:@xm.example", "", "sip:@xm.example"),
        ("sip:xm.example", "", "sip:xm.example"),
        // Decoded once: this one dialled the five characters "%239".
        ("sip:%25239@xm.example", "%239", "sip:%25239@xm.example"),
        ("sip:%2@xm.example", "%2", "sip:%252@xm.example"),
        (
            "sips:%239:secret@xm.example;lr?subject=x%20y",
            "#9",
            "sips:%239:secret@xm.example;lr?subject=x%20y",
        ),
    ];
    for (uri, user, printed) in cases {
        let request = invite(uri);
        assert_eq!(request.target_text(), uri);
        let target = request.target().unwrap();
        assert_eq!((target.user_name(), target.to_string().as_str()), (user, printed), "{uri}");
        assert_eq!(SipUri::parse(printed), Some(target), "{uri}");
    }
    assert_eq!(invite("tel:%239;phone-context=a.b").target().unwrap().phone_context(), Some("a.b"));
    assert_eq!(invite("sip:#9;phone-context=+86@h").target().unwrap().phone_context(), Some("+86"));
    assert_eq!(
        SipUri::sip("#9;x@%", message::Host::Name("h".into()), None).to_string(),
        "sip:%239%3Bx%40%25@h"
    );
}

#[test]
fn uris_that_are_none_are_refused() {
    for uri in [
        "sip:",
        "sip:a@",
        "sip:a@h:port",
        "sip:a@h:70000",
        "sip:a@[::1",
        "sip:a@::1",
        "tel:",
        "a@h",
        "sip:a@h:",
        "#9",
    ] {
        assert_eq!(
            reason(format!("INVITE {uri} SIP/2.0\r\n{HEAD}\r\n")),
            Some(Reason::Uri),
            "{uri}"
        );
    }
}

#[test]
fn every_compact_name_in_any_case_becomes_long() {
    let pairs = "a Accept-Contact b Referred-By c Content-Type d Request-Disposition e Content-Encoding f From \
        i Call-ID j Reject-Contact k Supported l Content-Length m Contact n Identity-Info o Event r Refer-To \
        s Subject t To u Allow-Events v Via x Session-Expires y Identity";
    let words: Vec<&str> = pairs.split_whitespace().collect();
    for pair in words.chunks(2) {
        let (letter, name) = (pair[0], pair[1]);
        for letter in [letter.to_owned(), letter.to_uppercase()] {
            assert_eq!(message::long_name(&letter), name);
        }
        if "filtv".contains(letter) {
            continue;
        }
        let text = format!("INVITE sip:a@h SIP/2.0\r\n{HEAD}{letter} : some value\r\n\r\n");
        assert_eq!(request(&text).header(name), Some("some value"), "{letter}");
    }
    let compact = "INVITE sip:a@h SIP/2.0\nV: SIP/2.0/UDP h\nf:sip:a@h\nT:sip:b@h\ni:x\ncSEQ:1 INVITE\nL:2\n\nabc";
    let request = request(compact);
    assert_eq!((request.call_id(), request.body.as_slice()), (Some("x"), b"ab".as_slice()));
    assert_eq!(request.header("Content-Length"), None, "a length follows from the body");
}

#[test]
fn folds_line_ends_and_lists_are_resolved() {
    let text = format!(
        "\r\n\r\nINVITE sip:a@h SIP/2.0\r\n{HEAD}Via: SIP/2.0/TCP [2001:db8::1]:5062;x=\"a,b\" ,\r\n\t SIP/2.0/UDP h2\r\n\
        Route: <sip:p1;lr>,<sip:p2,x;lr>\r\nRecord-Route:\r\n <sip:r1;lr>, <sip:r2;lr>\r\nno colon here\r\n\
        Contact: \"Wang, \\\"A\\\" <x>\" <sip:a@h;x=1>;q=0.5, sip:b@h;expires=60\r\nSubject:\r\n\r\nbody"
    );
    let request = request(&text);
    assert_eq!(request.via_count(), 3);
    assert_eq!(request.routes(), ["<sip:p1;lr>", "<sip:p2,x;lr>"]);
    assert_eq!(request.record_routes(), ["<sip:r1;lr>", "<sip:r2;lr>"]);
    let contacts = request.contacts();
    assert_eq!(contacts[0].display, "Wang, \"A\" <x>");
    assert_eq!(contacts[0].to_string(), "\"Wang, \\\"A\\\" <x>\" <sip:a@h;x=1>;q=0.5");
    assert_eq!(contacts[1].params.value("Expires"), Some("60"));
    assert_eq!(
        (request.header("subject"), request.body.as_slice()),
        (Some(""), b"body".as_slice())
    );
    let via = request.via().unwrap();
    assert_eq!((via.rport, via.unique_branch()), (Some(Rport::Asked), Some("z9hG4bK-t1")));
}

#[test]
fn names_in_gbk_and_other_bytes_cost_nothing() {
    let (gbk, _, _) = encoding_rs::GBK.encode("王奶奶");
    // 俓 ends in a backslash and 譁 in a closing bracket's neighbour, which no reader of bytes survives.
    let (tricky, _, _) = encoding_rs::GBK.encode("俓朶");
    let cases: [(&[u8], &str); 4] =
        [(&gbk, "王奶奶"), (&tricky, "俓朶"), ("王".as_bytes(), "王"), (b"\xff\xfe\xe9", "ÿþé")];
    let rest = HEAD.replace("From", "X-From");
    for (bytes, display) in cases {
        let parts: [&[u8]; 5] = [
            b"INVITE sip:%239@xm.example SIP/2.0\r\nf: \"",
            bytes,
            b"\" <sip:05925551234@xm.example>;tag=1\r\n",
            rest.as_bytes(),
            b"\r\n",
        ];
        let request = request(parts.concat());
        assert_eq!(request.from_header().unwrap().display, display);
        assert_eq!(request.from_header().unwrap().uri.user_name(), "05925551234");
        assert_eq!(request.header_list().iter().count(), 6);
    }
}

#[test]
fn who_calls_is_read_from_every_header_of_an_ims() {
    let text = format!(
        "INVITE sip:%239@xm.example;user=phone SIP/2.0\r\n{HEAD}\
        P-Asserted-Identity: \"0592, 5551234\" <sip:+865925551234@xm.example;user=phone>, <tel:+865925551234>\r\n\
        P-Served-User: <sip:+865925551234@xm.example>;sescase=orig;regstate=reg\r\n\
        Remote-Party-ID: \"x\" <sip:1@h>;party=calling\r\n\
        History-Info: <sip:%239@xm.example>;index=1\r\nSupported: 100rel,timer\r\nExpires: 99999999999\r\n\r\n"
    );
    let request = request(&text);
    let identities = request.asserted_identities();
    assert_eq!(identities[0].uri.user_name(), "+865925551234");
    assert_eq!(identities[1].uri.to_string(), "tel:+865925551234");
    assert_eq!(request.served_user().unwrap().params.value("sescase"), Some("orig"));
    assert_eq!(request.remote_party_ids()[0].params.value("party"), Some("calling"));
    assert!(request.lists("Supported", "TIMER") && !request.lists("Supported", "rel"));
    assert_eq!((request.expires(), request.max_forwards()), (Some(u32::MAX), None));
}

#[test]
fn rfc_2543_peers_are_heard() {
    let text = "INVITE sip:a@h SIP/2.0\r\nVia: SIP/2.0/UDP gw.example\r\nFrom: sip:1@h\r\nTo: sip:2@h\r\n\
        Call-ID: x\r\nCSeq: 0 INVITE\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n";
    let request = request(text);
    assert_eq!(
        (request.from_tag(), request.to_tag(), request.cseq()),
        (None, None, Some((0, rsip::Method::Invite)))
    );
    assert_eq!(request.via().unwrap().branch, None);
    assert!(request.is_content_type("Application/SDP"));
    assert_eq!(request.body, b"v=0\r\n");
}

#[test]
fn numbers_and_lengths_are_strict() {
    let cases = [
        ("CSeq: 2147483648 INVITE", Some(Reason::Bad(Field::CSeq))),
        ("CSeq: 2147483647 INVITE", None),
        ("CSeq: +1 INVITE", Some(Reason::Bad(Field::CSeq))),
        ("CSeq: INVITE", Some(Reason::Bad(Field::CSeq))),
        ("CSeq: 1 invite", Some(Reason::CSeqMethod)),
        ("CSeq: 1 INVITE\r\nCSeq: 1 INVITE", None),
        ("CSeq: 1 INVITE\r\nCSeq: 2 INVITE", Some(Reason::Repeated(Field::CSeq))),
        ("CSeq: 1 INVITE\r\nTo: sip:x@h", Some(Reason::Repeated(Field::To))),
        ("CSeq: 1 INVITE\r\nl: 2\r\nContent-Length: 2", None),
        (
            "CSeq: 1 INVITE\r\nl: 2\r\nContent-Length: 3",
            Some(Reason::Repeated(Field::ContentLength)),
        ),
        ("CSeq: 1 INVITE\r\nl: 5", Some(Reason::Truncated)),
        ("CSeq: 1 INVITE\r\nl: abc", Some(Reason::Bad(Field::ContentLength))),
        ("CSeq: 1 INVITE\r\nl: 99999999999999999999999", Some(Reason::Bad(Field::ContentLength))),
        ("X-None: 1", Some(Reason::Missing(Field::CSeq))),
    ];
    for (line, expected) in cases {
        let text = format!(
            "INVITE sip:a@h SIP/2.0\r\n{}{line}\r\n\r\nbody",
            HEAD.replace("CSeq: 7 INVITE\r\n", "")
        );
        assert_eq!(reason(&text), expected, "{line}");
    }
    let repeated = request(format!("INVITE sip:a@h SIP/2.0\r\n{HEAD}cseq: 7 INVITE\r\n\r\n"));
    assert_eq!(repeated.header_lines("CSeq").count(), 1);
}

#[test]
fn what_is_no_message_gets_no_answer() {
    let cases = [
        "GET / HTTP/1.1\r\nHost: x",
        "INVITE sip:a@h SIP/2.0",
        "SIP/2.0 200 OK\r\nCall-ID: x\r\n\r\n",
        "SIP/2.0 099 X\r\nVia: SIP/2.0/UDP h\r\n\r\n",
        "SIP/3.0 200 OK\r\nVia: SIP/2.0/UDP h\r\n\r\n",
        "\0\0\0\0\0",
        "INVITE",
        " ",
    ];
    for text in cases {
        let malformed = read(text.as_bytes()).unwrap_err();
        assert_eq!(malformed.reply, None, "{text}: {}", malformed.reason);
    }
    assert_eq!(
        reason(format!("INVITE sip:a@h SIP/2.0\r\n{HEAD}Subject: cut sh")),
        Some(Reason::Unterminated)
    );
    assert_eq!(
        reason(format!("INVITE sip:a@h SIP/2.0\r\n{HEAD}")),
        None,
        "only the empty line is missing"
    );
}

#[test]
fn a_lone_cr_does_not_forge_a_header() {
    let text = format!(
        "INVITE sip:a@h SIP/2.0\r\n{HEAD}X-A: 1\rP-Asserted-Identity: <sip:x@h>\r\nP-Asserted-Identity : <sip:y@h>\r\n\r\n"
    );
    let request = request(&text);
    assert_eq!(request.header("X-A"), Some("1 P-Asserted-Identity: <sip:x@h>"));
    assert_eq!(
        request.asserted_identities().len(),
        1,
        "white space before the colon hides nothing"
    );
}

#[test]
fn a_decoded_line_end_does_not_forge_a_header() {
    let mut request = invite("sip:%0D%0AX-A:1@h");
    let user = SipUri::parse("sip:a%0D%0AX-B: 1@h").unwrap().user_name().to_owned();
    assert_eq!(user, "a\r\nX-B");
    request.push_header("Subject", user);
    let Ok(SipMessage::Request(again)) = read(&encode(&request.into())) else { panic!() };
    assert_eq!((again.header("Subject"), again.header("X-B")), (Some("a  X-B"), None));
    assert_eq!(again.target_text(), "sip:%0D%0AX-A:1@h");
}

#[test]
fn a_response_keeps_its_words_and_an_echo_its_escapes() {
    let request = request(
        format!("INVITE sip:%239@h SIP/2.0\r\n{HEAD}Record-Route: <sip:r>\r\nSubject: x\r\n\r\n")
            .replace("alarm", "%239"),
    );
    let response = message::response_to(&request, 183, "", Some("t9"));
    let bytes = encode(&response.clone().into());
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert!(text.starts_with("SIP/2.0 183 Session Progress\r\nVia: "), "{text}");
    assert!(text.contains("\r\nTo: <sip:%239@xm.example>;tag=t9\r\n"), "{text}");
    assert!(text.contains("\r\nRecord-Route: <sip:r>\r\n") && !text.contains("Subject"), "{text}");
    assert_eq!(read(&bytes).unwrap(), SipMessage::Response(response));
    let Ok(SipMessage::Response(odd)) = read(format!("sip/2.0 486 忙\r\n{HEAD}\r\n").as_bytes())
    else {
        panic!()
    };
    assert_eq!((odd.status(), odd.reason()), (486, "忙"));
    let tagged = message::response_to(&request, 200, "", Some("t9")).headers;
    let again = Request { headers: tagged, ..request };
    assert_eq!(message::response_to(&again, 200, "Fine", Some("other")).to_tag(), Some("t9"));
}

#[test]
fn vias_are_pushed_marked_and_popped() {
    let mut request = invite("sip:a@h");
    let mut via =
        Via::new(message::Transport::Tls, "[2001:db8::1]:5061".parse().unwrap(), "z9hG4bK2");
    request.push_via(&via);
    assert_eq!(request.header("Via"), Some("SIP/2.0/TLS [2001:db8::1]:5061;branch=z9hG4bK2;rport"));
    via.mark_source("[2001:db8::2]:777".parse().unwrap());
    request.replace_via(&via);
    let text = "SIP/2.0/TLS [2001:db8::1]:5061;branch=z9hG4bK2;received=2001:db8::2;rport=777";
    assert_eq!(request.header("Via"), Some(text));
    assert_eq!((request.pop_via(), request.via_count()), (Some(via), 1));
    assert_eq!(request.pop_via().unwrap().branch.as_deref(), Some("z9hG4bK-t1"));
    assert_eq!(request.pop_via(), None);
    let bare = Via::parse("SIP/2.0/UDP h;branch=z9hG4bK").unwrap();
    assert_eq!(bare.unique_branch(), None);
}

#[test]
fn answers_find_their_way_through_nat_and_dual_stack_sockets() {
    let cases = [
        (
            "SIP/2.0/UDP h.example;branch=z",
            "192.0.2.7:999",
            "192.0.2.7:5060",
            ";received=192.0.2.7",
        ),
        ("SIP/2.0/UDP 192.0.2.7:5070", "192.0.2.7:999", "192.0.2.7:5070", ""),
        (
            "SIP/2.0/UDP 192.0.2.7:5070;rport",
            "192.0.2.7:999",
            "192.0.2.7:999",
            ";received=192.0.2.7;rport=999",
        ),
        ("SIP/2.0/UDP 10.0.0.3:5060", "192.0.2.7:999", "192.0.2.7:999", ";received=192.0.2.7"),
        ("SIP/2.0/UDP 192.0.2.7", "[::ffff:192.0.2.7]:999", "[::ffff:192.0.2.7]:5060", ""),
        (
            "SIP/2.0/TLS h;received=6.6.6.6",
            "[2001:db8::1]:9",
            "[2001:db8::1]:5061",
            ";received=2001:db8::1",
        ),
    ];
    for (text, source, answer, marked) in cases {
        let source = source.parse().unwrap();
        let mut via = Via::parse(text).unwrap();
        assert_eq!(via.answer_address(source), answer.parse().unwrap(), "{text}");
        via.mark_source(source);
        assert!(via.to_string().ends_with(marked), "{via}");
        assert_eq!(via.received.is_some(), !marked.is_empty(), "{via}");
    }
}

#[test]
fn a_contact_matters_only_where_it_is_registered() {
    let text = |method: &str| {
        format!("{method} sip:a@h SIP/2.0\r\n{}m: nothing\r\n\r\n", HEAD.replace("INVITE", method))
    };
    assert_eq!(reason(text("REGISTER")), Some(Reason::Bad(Field::Contact)));
    assert_eq!(request(text("INVITE")).contact(), None);
}

#[test]
fn setting_a_header_keeps_its_place() {
    let mut request = invite("sip:a@h");
    request.push_header("m", "<sip:x@h>");
    request.push_header("X-A", "1");
    request.push_header("contact", "<sip:y@h>");
    request.set_header("m", "*");
    assert!(request.is_contact_star());
    request.set_header("x-b", "2");
    request.remove_header("X-a");
    let names: Vec<String> = request.headers.iter().skip(5).map(ToString::to_string).collect();
    assert_eq!(names, ["Contact: *", "x-b: 2"]);
}
