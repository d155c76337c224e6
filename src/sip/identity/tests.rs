use super::*;
use crate::message::{Method, new_request};

const VICTIM: &str = "<tel:+865925559999>";
const FROM: (&str, &str) = ("From", "\"陈\" <sip:05925551234@xm.example>;tag=9");

fn request(headers: &[(&str, &str)]) -> Request {
    let target = SipUri::parse("sip:%239@xm.example;user=phone").unwrap();
    let mut request = new_request(Method::Invite, &target);
    for (name, value) in headers {
        request.push_header(name, *value);
    }
    request
}

fn trunk(trusts_from: bool) -> Trunk {
    Trunk { name: "trunk1".into(), trusts_from }
}

/// What a trunk that is not trusted with From says by these headers.
fn by_trunk(headers: &[(&str, &str)]) -> (Option<(String, AssertedBy)>, bool, bool) {
    let caller = identify(&request(headers), Source::Trunk(&trunk(false)));
    let Identity::Trunk { trunk, asserted } = caller.identity else {
        panic!("{caller:?}");
    };
    assert_eq!(&*trunk, "trunk1");
    let asserted = asserted.map(|asserted| (asserted.identity.to_string(), asserted.by));
    (asserted, caller.is_diverted, caller.is_private)
}

#[test]
fn the_account_is_the_line_whatever_the_headers_say() {
    let claims = request(&[
        ("From", VICTIM),
        ("P-Asserted-Identity", VICTIM),
        ("P-Preferred-Identity", VICTIM),
        ("P-Served-User", VICTIM),
        ("Remote-Party-ID", "<sip:9@x>;party=calling;screen=yes"),
        ("Diversion", "<tel:+865925550000>;reason=unconditional"),
        ("Privacy", "id"),
    ]);
    let account: Arc<str> = "05925551234".into();
    let caller = identify(&claims, Source::Line(&account));
    let wanted =
        Caller { identity: Identity::Line { account }, is_diverted: false, is_private: true };
    assert_eq!(caller, wanted);
}

#[test]
fn headers_of_strangers_are_not_looked_at() {
    for headers in [
        [FROM, ("P-Asserted-Identity", VICTIM), ("Privacy", "id")],
        [FROM, ("P-Asserted-Identity ", VICTIM), ("P-Asserted-Identity\t", VICTIM)],
        [
            FROM,
            ("P-Served-User", VICTIM),
            ("Remote-Party-ID", "<sip:9@x>;party=calling;screen=yes"),
        ],
        [FROM, ("Diversion", VICTIM), ("History-Info", "<sip:a@x>;index=1;mp=1")],
    ] {
        let caller = identify(&request(&headers), Source::Stranger);
        let wanted = Caller { identity: Identity::Stranger, is_diverted: false, is_private: false };
        assert_eq!(caller, wanted, "{headers:?}");
    }
}

#[test]
fn a_trunk_asserts_in_the_order_of_trust() {
    #[track_caller]
    fn check(headers: &[(&str, &str)], wanted: Option<(&str, AssertedBy)>) {
        let (asserted, _, _) = by_trunk(headers);
        assert_eq!(asserted.as_ref().map(|(number, by)| (number.as_str(), *by)), wanted);
    }
    let served = ("P-Served-User", "<sip:+865925551234@xm.example>;sescase=orig;regstate=reg");
    let both = (
        "P-Asserted-Identity",
        "\"05925551234\" <sip:+865925550001@xm.example;user=phone>, <tel:+865925550002>",
    );
    let party =
        ("Remote-Party-ID", "\"x\" <sip:05925550003@pbx>;party=calling;screen=yes;privacy=off");
    let hidden = ("From", "\"anonymous\" <sip:anonymous@anonymous.invalid>;tag=9");
    let by_served = Some(("+865925551234", AssertedBy::ServedUser));
    let by_tel = Some(("+865925550002", AssertedBy::AssertedIdentity));
    let by_party = Some(("05925550003", AssertedBy::RemotePartyId));

    check(&[hidden, party, both, served], by_served);
    check(&[hidden, party, both], by_tel);
    check(&[FROM, party], by_party);
    check(&[FROM], None);
    check(&[], None);

    // The served user of a terminating session is the one who is called.
    let called = ("P-Served-User", "<sip:+865925551234@xm.example>;sescase=term");
    check(&[called, both], by_tel);
    // The anonymous assert nobody, and the next header counts.
    check(&[("P-Served-User", "<sip:anonymous@anonymous.invalid>"), both], by_tel);
    check(&[("P-Asserted-Identity", "<sip:Restricted@xm.example>"), party], by_party);
    check(&[("P-Asserted-Identity", "<sip:xm.example>"), party], by_party);
    check(&[("P-Asserted-Identity", "<http://x/>"), party], by_party);
    check(&[("P-Asserted-Identity", "<sip:unclosed"), party], by_party);

    let sip_only = ("P-Asserted-Identity", "<sip:%2B865925550001@xm.example>");
    check(&[sip_only], Some(("+865925550001", AssertedBy::AssertedIdentity)));
    let two =
        [("P-Asserted-Identity", "<sip:1@x>"), ("P-Asserted-Identity", "<tel:+865925550002>")];
    check(&two, by_tel);
    let local = ("P-Asserted-Identity", "<tel:5551234;phone-context=+86592>");
    check(&[local], Some(("+865925551234", AssertedBy::AssertedIdentity)));
    let local = ("P-Asserted-Identity", "<sip:801;phone-context=pbx.example@pbx.example>");
    check(&[local], Some(("801", AssertedBy::AssertedIdentity)));
    let long = format!("<sip:{}@x>", "5".repeat(200));
    check(&[("P-Asserted-Identity", &long)], None);

    for unverified in [
        "<sip:05925550003@pbx>;party=calling",
        "<sip:05925550003@pbx>;party=calling;screen=no",
        "<sip:05925550003@pbx>;party=called;screen=yes",
    ] {
        check(&[("Remote-Party-ID", unverified)], None);
    }
    check(&[("Remote-Party-ID", "<sip:05925550003@pbx>;screen=\"YES\"")], by_party);
    // A name with white space inside is another header, also behind a trunk.
    check(&[("P-Asserted-Identity ", VICTIM), ("P-Asserted-Identity\t", VICTIM), FROM], None);
    check(&[("p-asserted-identity", "<tel:+865925550002>")], by_tel);
}

#[test]
fn from_counts_only_where_the_trunk_says_so() {
    let caller =
        |headers: &[(&str, &str)]| match identify(&request(headers), Source::Trunk(&trunk(true)))
            .identity
        {
            Identity::Trunk { asserted, .. } => asserted,
            other @ (Identity::Line { .. } | Identity::Stranger) => panic!("{other:?}"),
        };
    let from = Asserted { identity: "05925551234".into(), by: AssertedBy::From };
    assert_eq!(caller(&[FROM]), Some(from));
    assert_eq!(caller(&[("From", "<sip:anonymous@anonymous.invalid>")]), None);
    let asserted = caller(&[FROM, ("P-Asserted-Identity", VICTIM)]).unwrap();
    assert_eq!(asserted.by, AssertedBy::AssertedIdentity);
}

#[test]
fn forwarded_calls_are_marked_and_mapped_codes_are_not() {
    #[track_caller]
    fn check(headers: &[(&str, &str)], wanted: bool) {
        assert_eq!(by_trunk(headers).1, wanted);
    }
    check(&[], false);
    check(&[("Diversion", "<tel:+865925550000>;reason=unconditional;counter=1")], true);
    check(&[("History-Info", "<sip:%239@xm.example>;index=1")], false);
    check(&[("History-Info", "<sip:0592@x>;index=1, <sip:0592@node2>;index=1.1;np=1")], false);
    check(&[("History-Info", "<sip:0592@x>;index=1, <sip:0592@10.0.0.1>;index=1.1;rc=1")], false);
    check(&[("History-Info", "<sip:0592@x>;index=1, <sip:%239@x>;index=1.1;mp=1")], true);
    check(
        &[("History-Info", "<sip:0592@x>;index=1"), ("History-Info", "<sip:9@x>;index=1.1;mp=1")],
        true,
    );
    check(&[("History-Info", "<sip:%239@x>;index=1.1;mp=1")], false);
    check(&[("History-Info", "<sip:%239@x>;index=1, <sip:alarm@as>;index=1.1;mp=1")], false);
    check(&[("History-Info", "<sip:*9@x>;index=1, <sip:a@as;cause=302>;index=1.1")], false);
    check(&[("History-Info", "<sip:0592@x>;index=1, <sip:a@as;cause=302>;index=1.1")], true);
    check(&[("History-Info", "<sip:0592@x?Reason=SIP%3Bcause%3D302>;index=1")], true);
    check(&[("History-Info", "<sip:0592@x?Privacy=none&Reason=SIP%3Bcause%3D486>;index=1")], true);
    check(&[("History-Info", "<sip:%239@x?Reason=SIP%3Bcause%3D503>;index=1")], false);
    check(&[("History-Info", "nonsense;mp=1")], false);
}

#[test]
fn privacy_is_noted_and_stops_nothing() {
    #[track_caller]
    fn check(headers: &[(&str, &str)], wanted: bool) {
        let mut all = vec![("P-Asserted-Identity", "<tel:+865925551234>")];
        all.extend(headers);
        let (asserted, _, is_private) = by_trunk(&all);
        assert_eq!(is_private, wanted);
        assert_eq!(asserted.map(|(number, _)| number).as_deref(), Some("+865925551234"));
    }
    check(&[FROM], false);
    check(&[("Privacy", "none")], false);
    check(&[("Privacy", "critical; ID")], true);
    check(&[("Privacy", "user")], true);
    check(&[("Privacy", "session"), ("Privacy", "header")], true);
    check(&[("From", "\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=9")], true);
    check(&[FROM, ("Remote-Party-ID", "<sip:1@x>;privacy=full")], true);
    check(&[FROM, ("Remote-Party-ID", "<sip:1@x>;privacy=off")], false);
}
