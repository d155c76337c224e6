//! RFC 4475 and RFC 5118 at the gate: every section, with messages of our own, and what we chose where they leave it open.

use super::tests::{flow, gate_for_all_methods};
use super::{DropReason, Verdict};
use crate::message::{MessageExt as _, RequestExt as _};
use jiff::Timestamp;
use rsip::SipMessage;

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Pass,
    Answer(u16),
    Drop,
    /// Dropped as another's, not as unreadable.
    Misrouted,
}
use End::{Answer, Drop, Misrouted, Pass};

fn end_of(verdict: &Verdict) -> End {
    match verdict {
        Verdict::Pass(_) => Pass,
        Verdict::Answer(answer) => Answer(answer.status),
        Verdict::Drop(DropReason::Misrouted) => Misrouted,
        Verdict::Drop(_) | Verdict::Keepalive(_) => Drop,
    }
}

fn put(bytes: &[u8]) -> Verdict {
    gate_for_all_methods().on_packet(&flow("192.0.2.7:5060"), bytes, Timestamp::UNIX_EPOCH)
}

fn check(name: &str, message: &str, end: End) {
    let verdict = put(message.as_bytes());
    assert_eq!(end_of(&verdict), end, "{name}: {verdict:?}");
    if let Verdict::Answer(answer) = verdict {
        let status_line = format!("SIP/2.0 {} ", answer.status);
        let text = String::from_utf8(answer.bytes).unwrap();
        assert!(text.starts_with(&status_line) && text.contains("\r\nVia: SIP"), "{name}: {text}");
    }
}

/// A message with these headers, and those of the usual ones whose names are not among them.
pub(super) fn message(first: &str, headers: &[&str]) -> String {
    let method = match first.split(' ').next() {
        Some("SIP/2.0") | None => "INVITE",
        Some(method) => method,
    };
    let usual = [
        ("Via", "v", "SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK-t1".to_owned()),
        ("From", "f", "<sip:05925551234@xm.example>;tag=f1".to_owned()),
        ("To", "t", "<sip:alarm@xm.example>".to_owned()),
        ("Call-ID", "i", "t1@192.0.2.7".to_owned()),
        ("CSeq", "", format!("7 {method}")),
        ("Max-Forwards", "", "70".to_owned()),
    ];
    let mut text = format!("{first}\r\n");
    for (name, compact, value) in usual {
        let given = headers.iter().filter_map(|line| line.split_once(':')).map(|(n, _)| n.trim());
        let mut given =
            given.filter(|n| n.eq_ignore_ascii_case(name) || n.eq_ignore_ascii_case(compact));
        if given.next().is_none() {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    for line in headers.iter().filter(|line| !line.starts_with('-')) {
        text.push_str(&format!("{line}\r\n"));
    }
    text + "\r\n"
}

/// The usual headers without those named.
fn without(first: &str, missing: &[&str]) -> String {
    let omitted: Vec<String> = missing.iter().map(|name| format!("{name}:")).collect();
    let whole = message(first, &[]);
    let kept = whole.split_inclusive("\r\n").filter(|l| !omitted.iter().any(|o| l.starts_with(o)));
    kept.collect()
}

const OPTIONS: &str = "OPTIONS sip:xm.example SIP/2.0";
const INVITE: &str = "INVITE sip:%239@xm.example SIP/2.0";
const REGISTER: &str = "REGISTER sip:xm.example SIP/2.0";
const OK: &str = "SIP/2.0 200 OK";

/// White space, folding, case and order at their worst, 3.1.1.1.
const TORTUOUS: [&str; 9] = [
    "TO :\r\n sip:alarm@xm.example ;   tag    = 17",
    "from   : \"Old Wang \\\\\\\"\"     <sip:05925551234@xm.example>\r\n  ;\r\n  tag = 9a",
    "cseq: 0009\r\n  INVITE",
    "MaX-fOrWaRdS: 0068",
    "Via  : SIP  /   2.0\r\n /UDP\r\n    192.0.2.2;branch=390skdjuw",
    "v:  SIP  / 2.0  / TCP     spindle.example   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n SIP  /    2.0   / UDP  192.168.255.111   ; branch=\r\n z9hG4bK30239",
    "s :",
    "X-Strange: ;;,,;;,;",
    "m:\"Quoted \\\"\\\"\" <sip:j@xm.example> ; q = 0.33",
];

#[test]
fn section_3_1_1_valid_messages() {
    let long = format!("X-Long: {}", "long".repeat(500));
    let vias: Vec<String> = (0..34).map(|i| format!("vIa : SIP/2.0/TCP h{i}.example")).collect();
    let mut lengthy: Vec<&str> = vias.iter().map(String::as_str).collect();
    lengthy.push(&long);
    check("3.1.1.1", &message("INVITE sip:%239@xm.example;unknown SIP/2.0", &TORTUOUS), Pass);
    let odd = "!odd-Method_*+`.%indeed'~ sip:1_odd~(to-be!sure)&is't+it$/?,/;;*:&p=1,w!*@xm.example SIP/2.0";
    let bell = "To: \"BEL:\\\u{7} NUL:\\\u{0} DEL:\\\u{7f}\" <sip:a@xm.example>";
    check("3.1.1.2", &message(odd, &[bell, "eXt-!.%*+_`'~: \u{fffe}大停電"]), Answer(501));
    check(
        "3.1.1.2 with a known method",
        &message(&odd.replace("!odd-Method_*+`.%indeed'~", "OPTIONS"), &[bell]),
        Pass,
    );
    check(
        "3.1.1.3",
        &message(
            "INVITE sip:sips%3Aa%40b.example@xm.example SIP/2.0",
            &["To: sip:%75se%72@xm.example"],
        ),
        Pass,
    );
    check(
        "3.1.1.4",
        &message(REGISTER, &["To: sip:null-%00-null@xm.example", "m: <sip:%00@192.0.2.7>"]),
        Pass,
    );
    check(
        "3.1.1.5",
        &message("RE%47IST%45R sip:xm.example SIP/2.0", &["C%6Fntact: <sip:a@192.0.2.7>"]),
        Answer(501),
    );
    check("3.1.1.6", &message(OPTIONS, &["From: caller<sip:caller@xm.example>;tag=3"]), Pass);
    check("3.1.1.7", &message(INVITE, &lengthy), Pass);
    check("3.1.1.8", &format!("{}\r\nINVITE junk", message(REGISTER, &["l: 0"])), Pass);
    check(
        "3.1.1.9",
        &message(
            "OPTIONS sip:user;par=u%40b.example@xm.example SIP/2.0",
            &["Accept: application/sdp,\r\n\ttext/plain"],
        ),
        Pass,
    );
    check(
        "3.1.1.10",
        &message(
            OPTIONS,
            &[
                "Via: SIP/2.0/UDP t1.example;branch=z9hG4bKa",
                "Via: SIP/2.0/SCTP t2.example",
                "Via: SIP/2.0/UNKNOWN t4.example",
            ],
        ),
        Pass,
    );
    check(
        "3.1.1.11",
        &(message(
            "MESSAGE sip:a@xm.example SIP/2.0",
            &["Content-Type: multipart/mixed;boundary=7a", "l: 28"],
        ) + "--7a\r\n\r\nHello\u{0}\r\n--7a--\r\n\r\n--"),
        Pass,
    );
    check("3.1.1.12", &message("SIP/2.0 200 = 2**3 * 5**2 но сто девяносто девять", &[]), Pass);
    check("3.1.1.13", &message("SIP/2.0 100 ", &[]), Pass);
}

#[test]
fn section_3_1_2_invalid_messages() {
    check(
        "3.1.2.1",
        &message(
            INVITE,
            &["Via: SIP/2.0/UDP 192.0.2.15;;,;,,", "m: \"Joe\" <sip:j@xm.example>;;;;"],
        ),
        Answer(400),
    );
    check("3.1.2.2", &(message(INVITE, &["Content-Length: 9999"]) + "v=0\r\n"), Answer(400));
    check("3.1.2.3", &message(INVITE, &["Content-Length: -999"]), Answer(400));
    check(
        "3.1.2.4",
        &message(REGISTER, &["CSeq: 36893488147419103232 REGISTER", "Expires: 10000000000000"]),
        Answer(400),
    );
    check(
        "3.1.2.5",
        &message(
            OK,
            &["CSeq: 9292394834772304023312 OPTIONS", "Retry-After: 949302838503028349304"],
        ),
        Drop,
    );
    check("3.1.2.6", &message(INVITE, &["To: \"Mr. Wang <sip:wang@xm.example>"]), Answer(400));
    // Brackets, spaces between the parts and behind them leave no doubt; a space inside the URI does.
    check("3.1.2.7", &message("INVITE <sip:%239@xm.example> SIP/2.0", &[]), Pass);
    check("3.1.2.8", &message("INVITE sip:%239@xm.example; lr SIP/2.0", &[]), Answer(400));
    check("3.1.2.9", &message("INVITE  sip:%239@xm.example  SIP/2.0", &[]), Pass);
    check("3.1.2.10", &message("INVITE sip:%239@xm.example SIP/2.0  ", &[]), Pass);
    // Headers in a Request-URI are carried along and never obeyed.
    check(
        "3.1.2.11",
        &message("INVITE sip:%239@xm.example?Route=%3Csip:evil.example%3E SIP/2.0", &[]),
        Pass,
    );
    check("3.1.2.12", &message(INVITE, &["Date: Fri, 01 Jan 2010 16:00:00 EST"]), Pass);
    check(
        "3.1.2.13",
        &message(REGISTER, &["Contact: sip:a@xm.example?Route=%3Csip:b.example%3E"]),
        Answer(400),
    );
    check("3.1.2.14", &message(OPTIONS, &["To: \"Watson, T.\" < sip:t.watson@xm.example >"]), Pass);
    check(
        "3.1.2.15",
        &message(OPTIONS, &["From:    Bell, Alexander <sip:bell@xm.example>;tag=43"]),
        Pass,
    );
    check(
        "3.1.2.16",
        &message("OPTIONS sip:xm.example SIP/7.0", &["Via: SIP/7.0/UDP c.example;branch=z9hG4bKa"]),
        Answer(505),
    );
    check("3.1.2.17", &message(OPTIONS, &["CSeq: 8 INVITE"]), Answer(400));
    check(
        "3.1.2.18",
        &message("NEWMETHOD sip:xm.example SIP/2.0", &["CSeq: 8 INVITE"]),
        Answer(501),
    );
    check("3.1.2.19", &message("SIP/2.0 4294967301 better not", &[]), Drop);
}

#[test]
fn sections_3_2_to_3_3_8_transactions_and_applications() {
    check("3.2.1", &message(OPTIONS, &["Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK"]), Pass);
    check("3.3.1", &without(INVITE, &["From", "To", "Call-ID"]), Answer(400));
    check("3.3.2", &message("OPTIONS nobodyKnows:totallyopaque SIP/2.0", &[]), Answer(416));
    check("3.3.3", &message("OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0", &[]), Answer(416));
    check(
        "3.3.4",
        &message(
            REGISTER,
            &[
                "To: isbn:2983792873",
                "From: <http://www.xm.example>;tag=3",
                "Contact: <name:John_Smith>",
            ],
        ),
        Pass,
    );
    check(
        "3.3.5",
        &message(OPTIONS, &["Require: noneHasThis, norThis", "Proxy-Require: orThat"]),
        Answer(420),
    );
    // 415, 401 and 406 are for the layers behind, which know what they can play and whom they know.
    check(
        "3.3.6",
        &(message(INVITE, &["Content-Type: application/unknown", "l: 3"]) + "<a>"),
        Pass,
    );
    check("3.3.7", &message(REGISTER, &["Authorization: NoOneKnowsThis opaque-data=here"]), Pass);
    check(
        "3.3.8",
        &message(
            INVITE,
            &[
                "CSeq: 5 INVITE",
                "CSeq: 59 INVITE",
                "Call-ID: a",
                "Call-ID: b",
                "From: sip:a@xm.example;tag=1",
                "From: sip:b@xm.example;tag=2",
            ],
        ),
        Answer(400),
    );
}

#[test]
fn sections_3_3_9_to_3_4_applications() {
    check(
        "3.3.9",
        &(message(OPTIONS, &["Content-Length: 13", "l: 5"]) + "There's no way"),
        Answer(400),
    );
    check(
        "3.3.10",
        &message(
            OK,
            &[
                "Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKa",
                "Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bKb",
            ],
        ),
        Misrouted,
    );
    check("3.3.11", &message(OPTIONS, &["Max-Forwards: 0"]), Pass);
    check("3.3.11 INVITE", &message(INVITE, &["Max-Forwards: 0"]), Pass);
    check(
        "3.3.12",
        &message(REGISTER, &["Contact: sip:+19725552222@gw.example;unknownparam"]),
        Pass,
    );
    check(
        "3.3.13",
        &message(REGISTER, &["Contact: <sip:+19725552222@gw.example;unknownparam>"]),
        Pass,
    );
    check(
        "3.3.14",
        &message(REGISTER, &["M: <sip:user@xm.example?Route=%3Csip:b.example%3E>"]),
        Pass,
    );
    check("3.3.15", &message(INVITE, &["Accept: text/nobodyKnowsThis"]), Pass);
    let old = ["Via: SIP/2.0/UDP iftgw.example", "From: <sip:+13035551111@gw.example;user=phone>"];
    let old = without(&message(INVITE, &old).replace("\r\n\r\n", "\r\n"), &["Max-Forwards"]);
    check("3.4.1", &old, Pass);
}

#[test]
fn rfc_5118_ipv6() {
    let v6 = "INVITE sip:%239@[2001:db8::10] SIP/2.0";
    let via =
        "Via: SIP/2.0/UDP [2001:db8::9:1]:5080;branch=z9hG4bKas3;rport;received=[2001:db8::9:255]";
    check("4.1", &message(v6, &[via, "Contact: <sip:caller@[2001:db8::1]>"]), Pass);
    check("4.2", &message("REGISTER sip:2001:db8::10 SIP/2.0", &[]), Answer(400));
    check("4.3", &message("REGISTER sip:[2001:db8::10:5070] SIP/2.0", &[]), Pass);
    check("4.4", &message("REGISTER sip:[2001:db8::10]:5070 SIP/2.0", &[]), Pass);
    check(
        "4.5",
        &message(
            OPTIONS,
            &[&via.replace(['[', ']'], "").replace("2001:db8::9:1:", "[2001:db8::9:1]:")],
        ),
        Pass,
    );
    check("4.6", &(message(v6, &["l: 25"]) + "v=0\r\no=- 0 0 IN IP6 ::1\r\n"), Pass);
    check(
        "4.7",
        &message(
            "BYE sip:user@host.example.net SIP/2.0",
            &[
                "Via: SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKa",
                "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKb",
            ],
        ),
        Pass,
    );
    check(
        "4.9",
        &message(
            "INVITE sip:%239@[::ffff:192.0.2.10] SIP/2.0",
            &["Contact: <sip:a@[::ffff:192.0.2.2]>"],
        ),
        Pass,
    );
    check("4.10", &message("OPTIONS sip:user@[2001:db8:::192.0.2.1] SIP/2.0", &[]), Answer(400));
    let Verdict::Pass(SipMessage::Request(request)) =
        put(message("INVITE sip:%239@[2001:db8::10:5070] SIP/2.0", &[via]).as_bytes())
    else {
        panic!("4.3")
    };
    let target = request.target().unwrap();
    assert_eq!((target.to_string().as_str(), target.port), ("sip:%239@[2001:db8::10:5070]", None));
    assert_eq!(
        request.via().unwrap().to_string(),
        "SIP/2.0/UDP [2001:db8::9:1]:5080;branch=z9hG4bKas3;received=192.0.2.7;rport=5060"
    );
}

/// The messages of RFC 4475 itself, which may not lie in this tree, when the folder is there.
#[test]
fn rfc_4475_files() {
    let Some(folder) = std::env::var_os("LIANFANG_RFC4475_DIR").map(std::path::PathBuf::from)
    else {
        return;
    };
    let index = std::fs::read_to_string(folder.join("INDEX.tsv")).unwrap();
    let ends: std::collections::BTreeMap<&str, End> = FILES.iter().copied().collect();
    let mut seen = 0;
    for line in index.lines().filter(|line| !line.is_empty()) {
        let mut columns = line.split('\t');
        let (name, kind) = (columns.next().unwrap(), columns.next().unwrap());
        let bytes = std::fs::read(folder.join(kind).join(format!("{name}.dat"))).unwrap();
        let verdict = put(&bytes);
        assert_eq!(Some(&end_of(&verdict)), ends.get(name), "{name}: {verdict:?}");
        seen += 1;
    }
    assert_eq!(seen, FILES.len());
}

/// Passing an "invalid" one is a liberty the RFC grants in its text, and the reasons stand beside ours above.
const FILES: &[(&str, End)] = &[
    ("wsinv", Pass),
    ("intmeth", Answer(501)),
    ("esc01", Pass),
    ("escnull", Pass),
    ("esc02", Answer(501)),
    ("lwsdisp", Pass),
    ("longreq", Pass),
    ("dblreq", Pass),
    ("semiuri", Pass),
    ("transports", Pass),
    ("mpart01", Pass),
    ("unreason", Pass),
    ("noreason", Pass),
    ("badinv01", Answer(400)),
    ("clerr", Answer(400)),
    ("ncl", Answer(400)),
    ("scalar02", Answer(400)),
    ("scalarlg", Drop),
    ("quotbal", Answer(400)),
    ("ltgtruri", Pass),
    ("lwsruri", Answer(400)),
    ("lwsstart", Pass),
    ("trws", Pass),
    ("escruri", Pass),
    ("baddate", Pass),
    ("regbadct", Answer(400)),
    ("badaspec", Pass),
    ("baddn", Pass),
    ("badvers", Answer(505)),
    ("mismatch01", Answer(400)),
    ("mismatch02", Answer(501)),
    ("bigcode", Drop),
    ("badbranch", Pass),
    ("unkscm", Answer(416)),
    ("novelsc", Answer(416)),
    ("unksm2", Pass),
    ("bext01", Answer(420)),
    ("invut", Pass),
    ("regaut01", Pass),
    ("bcast", Misrouted),
    ("zeromf", Pass),
    ("cparam01", Pass),
    ("cparam02", Pass),
    ("regescrt", Pass),
    ("sdp01", Pass),
    ("inv2543", Pass),
    ("insuf", Answer(400)),
    ("multi01", Answer(400)),
    ("mcl01", Answer(400)),
];
