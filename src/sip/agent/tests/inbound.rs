//! One agent and hand-made peers: who may call, with what proof, and what is answered to anything else.

use super::world::{
    PASSWORD, PHONE, SERVICE, TOWN, TRUNK, Town, address, agent, at, drained, header, sdp, sleep,
    udp, word,
};
use crate::agent::UserAgent;
use crate::agent::api::{
    AgentConfig, CallHandle, Caller, Command, Event, Flow, Rejection, Transport,
};
use crate::digest::{ChallengeOffer, ClientAccount, DigestClient, SignedRequest};
use std::time::Duration;

/// A request from the line 8001 at `from`, with further header lines.
struct Ask<'a> {
    method: &'a str,
    uri: &'a str,
    from: &'a str,
    number: u32,
    branch: &'a str,
    headers: &'a str,
    body: &'a str,
}

const ALARM: Ask<'static> = Ask {
    method: "INVITE",
    uri: "sip:%239@town.example",
    from: PHONE,
    number: 1,
    branch: "z9hG4bKa",
    headers: "",
    body: "v=0\r\n",
};

impl Ask<'_> {
    fn text(&self) -> String {
        let Self { method, uri, from, number, branch, headers, body } = self;
        let cseq = if *method == "CANCEL" { "CANCEL" } else { method };
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch={branch};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:8001@town.example>;tag=p1\r\nTo: <{uri}>\r\n\
             Call-ID: phone-1\r\nCSeq: {number} {cseq}\r\nContact: <sip:8001@{from}>\r\n{headers}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }
}

struct Phone {
    agent: UserAgent,
    town: Town,
    now_ms: i64,
}

impl Phone {
    fn new() -> Self {
        Self::with(AgentConfig::default())
    }

    fn with(config: AgentConfig) -> Self {
        let town = TOWN;
        Self { agent: agent(config, 1), town, now_ms: 1_000 }
    }

    fn says(&mut self, ask: &Ask<'_>) -> (Vec<String>, Vec<Event>) {
        self.sends(udp(SERVICE, ask.from), &ask.text())
    }

    fn sends(&mut self, flow: Flow, text: &str) -> (Vec<String>, Vec<Event>) {
        self.now_ms += 1;
        self.agent.on_packet(flow, text.as_bytes(), &self.town, at(self.now_ms));
        let (sent, events) = drained(&mut self.agent);
        (sent.into_iter().map(|(_, text)| text).collect(), events)
    }

    /// The Authorization line that answers a 401.
    fn proof(&self, challenge: &str, ask: &Ask<'_>, password: &str) -> String {
        let mut client = DigestClient::new(ClientAccount {
            username: "8001".into(),
            password: password.into(),
            realm: None,
            host: "h".into(),
        });
        let values: Vec<&str> =
            challenge.lines().filter_map(|line| line.strip_prefix("WWW-Authenticate: ")).collect();
        client.on_challenge("h", &values).unwrap();
        let request = SignedRequest { method: ask.method, uri: ask.uri, body: ask.body.as_bytes() };
        format!("Authorization: {}\r\n", client.authorization(&request, 1).unwrap())
    }

    /// Asks, is challenged, and asks again with this password.
    fn proves(&mut self, ask: &Ask<'_>, password: &str) -> (Vec<String>, Vec<Event>) {
        let (sent, told) = self.says(ask);
        assert!(status(&sent) == 401 && told.is_empty(), "{sent:?} {told:?}");
        let headers = format!("{}{}", ask.headers, self.proof(&sent[0], ask, password));
        self.says(&Ask { headers: &headers, branch: "z9hG4bKb", number: 2, ..*ask })
    }

    /// Makes [`PHONE`] the live binding of 8001.
    fn registers(&mut self) {
        let ask = Ask { method: "REGISTER", uri: "sip:town.example", body: "", ..ALARM };
        let text = |ask: &Ask<'_>| {
            ask.text().replace("To: <sip:town.example>", "To: <sip:8001@town.example>")
        };
        let (sent, _) = self.sends(udp(SERVICE, PHONE), &text(&ask));
        assert_eq!(status(&sent), 401, "{sent:?}");
        let headers = self.proof(&sent[0], &ask, PASSWORD);
        let again = Ask { headers: &headers, branch: "z9hG4bKreg", number: 2, ..ask };
        let (sent, events) = self.sends(udp(SERVICE, PHONE), &text(&again));
        assert_eq!(status(&sent), 200, "{sent:?}");
        assert_eq!(events.len(), 1);
        assert_eq!(self.agent.bindings("8001").len(), 1);
    }
}

/// The status of the first answer.
fn status(sent: &[String]) -> u16 {
    sent.first().and_then(|text| text.get(8..11)).unwrap_or("0").parse().unwrap()
}

fn words(events: &[Event]) -> Vec<String> {
    events.iter().map(word).collect()
}

fn call_of(events: &[Event]) -> CallHandle {
    match events {
        [Event::IncomingCall(call)] => call.call,
        other => panic!("no call came in: {other:?}"),
    }
}

#[test]
fn a_line_proves_itself_by_either_hash() {
    for offer in [ChallengeOffer::Sha256ThenMd5, ChallengeOffer::Md5Only] {
        let mut phone = Phone::new();
        phone.town.offer = offer;
        let (sent, told) = phone.proves(&ALARM, PASSWORD);
        assert_eq!(status(&sent), 100);
        let [Event::IncomingCall(call)] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!(call.caller, Caller::Line { account: "8001".into() });
        assert_eq!((call.dialled.user.as_str(), call.dialled.alarm_code.clone()), ("#9", None));
        assert_eq!(call.idempotency_key, "phone-1;p1");
        assert_eq!(phone.agent.load().challenges, 0);
    }
}

#[test]
fn a_challenge_offers_sha_256_first_and_keeps_nothing() {
    let mut phone = Phone::new();
    let (sent, _) = phone.says(&ALARM);
    let challenges: Vec<&str> =
        sent[0].lines().filter(|line| line.starts_with("WWW-Authenticate")).collect();
    assert!(challenges[0].contains("SHA-256") && challenges[1].contains("=MD5"), "{challenges:?}");
    assert!(header(&sent[0], "Via").contains("received=10.0.9.9"));
    let load = phone.agent.load();
    assert_eq!((load.transactions, load.challenges, load.calls), (0, 0, 0));
}

#[test]
fn strangers_learn_nothing_and_raise_nothing() {
    let mut phone = Phone::new();
    let stranger = ALARM.text().replace("8001", "9999");
    let (unknown, told) = phone.sends(udp(SERVICE, PHONE), &stranger);
    assert_eq!((status(&unknown), told.len()), (401, 0));
    let headers = phone.proof(&unknown[0], &ALARM, "guess").replace("8001", "9999");
    let stranger = Ask { headers: &headers, ..ALARM }.text().replace("8001", "9999");
    let (sent, told) = phone.sends(udp(SERVICE, PHONE), &stranger);
    assert_eq!((status(&sent), told.len()), (403, 0));
    // The same for a line that exists, but it is told to whoever counts guesses.
    let (sent, told) = phone.proves(&ALARM, "guess");
    assert_eq!((status(&sent), words(&told)), (403, vec!["failed proof 8001 false".to_owned()]));
    assert!(sleep(&mut phone.agent, phone.now_ms, Duration::from_secs(60)).is_empty());
    assert_eq!(phone.agent.load().timers, 0);
}

#[test]
fn a_wrong_proof_from_the_binding_stays_answerable() {
    let mut phone = Phone::new();
    phone.registers();
    let (sent, told) = phone.proves(&ALARM, "forgotten");
    assert_eq!(status(&sent), 100);
    let [Event::ChallengeFailed(unproven)] = told.as_slice() else { panic!("{told:?}") };
    assert!(unproven.source_is_live_binding);
    let call = unproven.call.unwrap();
    phone.agent.command(Command::Accept { call, sdp: sdp("weak") }, at(2_000));
    let (sent, _) = drained(&mut phone.agent);
    assert!(sent[0].1.starts_with("SIP/2.0 200"));
}

#[test]
fn a_wrong_proof_from_beside_the_binding_raises_nothing() {
    let mut phone = Phone::new();
    phone.registers();
    let (sent, told) = phone.proves(&Ask { from: "10.0.9.9:40001", ..ALARM }, "guess");
    assert_eq!((status(&sent), words(&told)), (403, vec!["failed proof 8001 false".to_owned()]));
}

#[test]
fn a_challenge_that_the_binding_does_not_answer_is_told_after_a_second() {
    let mut phone = Phone::new();
    phone.registers();
    phone.says(&ALARM);
    // Repetitions do not put it off.
    phone.says(&ALARM);
    assert_eq!(phone.agent.load().challenges, 1);
    let told = sleep(&mut phone.agent, phone.now_ms, Duration::from_millis(990));
    assert!(told.is_empty());
    let told = sleep(&mut phone.agent, phone.now_ms, Duration::from_millis(1_000));
    assert_eq!(words(&told), ["no proof 8001"]);
    assert_eq!(phone.agent.load().challenges, 0);
    // From elsewhere nobody waits for it.
    phone.says(&Ask { from: "10.0.9.8:5060", ..ALARM });
    assert_eq!(phone.agent.load().challenges, 0);
}

#[test]
fn a_proof_in_time_stops_the_wait() {
    let mut phone = Phone::new();
    phone.registers();
    let (sent, told) = phone.proves(&ALARM, PASSWORD);
    assert_eq!((status(&sent), words(&told)), (100, vec!["incoming #9".to_owned()]));
    let told = sleep(&mut phone.agent, phone.now_ms, Duration::from_secs(2));
    assert!(told.is_empty(), "{told:?}");
}

#[test]
fn a_trunk_is_believed_about_who_calls() {
    let rows = [
        ("", Some("8001")),
        ("P-Asserted-Identity: <sip:1@x>, <tel:+865925551234>\r\n", Some("+865925551234")),
        ("Remote-Party-ID: <sip:77@x>;party=calling;screen=yes\r\n", Some("77")),
        (
            "P-Asserted-Identity: <tel:+1>\r\nP-Served-User: <sip:+865925551234@x>;sescase=orig\r\n",
            Some("+865925551234"),
        ),
    ];
    for (headers, identity) in rows {
        let mut phone = Phone::new();
        let headers = format!("{headers}X-Alarm-Code: #9\r\nPrivacy: id\r\n");
        let (sent, told) = phone.says(&Ask { from: TRUNK, headers: &headers, ..ALARM });
        assert_eq!(status(&sent), 100);
        let [Event::IncomingCall(call)] = told.as_slice() else { panic!("{told:?}") };
        let Caller::Trunk { identity: found, .. } = &call.caller else { panic!("{call:?}") };
        assert_eq!(found.as_deref(), identity);
        assert_eq!(call.dialled.alarm_code.as_deref(), Some("#9"));
        assert!(call.is_private && !call.diverted);
    }
}

#[test]
fn what_only_a_trunk_may_say_is_not_heard_from_a_line() {
    let mut phone = Phone::new();
    let headers = "X-Alarm-Code: #9\r\nP-Asserted-Identity: <tel:+865925551234>\r\n";
    let (_, told) = phone.proves(&Ask { headers, ..ALARM }, PASSWORD);
    let [Event::IncomingCall(call)] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(call.caller, Caller::Line { account: "8001".into() });
    assert_eq!(call.dialled.alarm_code, None);
}

#[test]
fn forwarded_calls_are_marked() {
    let rows = [
        ("Diversion: <tel:+865925550000>;reason=unconditional\r\n", true),
        ("History-Info: <sip:%239@x>;index=1\r\n", false),
        (
            "History-Info: <sip:a@x?Reason=SIP%3Bcause%3D302>;index=1, <sip:b@x;cause=302>;index=1.1\r\n",
            true,
        ),
    ];
    for (headers, diverted) in rows {
        let mut phone = Phone::new();
        let (_, told) = phone.says(&Ask { from: TRUNK, headers, ..ALARM });
        let [Event::IncomingCall(call)] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!(call.diverted, diverted, "{headers}");
    }
}

#[test]
fn a_repeated_invite_is_answered_identically() {
    let mut phone = Phone::new();
    let ask = Ask { from: TRUNK, ..ALARM };
    let (first, told) = phone.says(&ask);
    let call = call_of(&told);
    let (again, told) = phone.says(&ask);
    assert_eq!((again, told.len()), (first, 0));
    let rejection = Rejection { status: 486, contact: None, headers: Vec::new() };
    phone.agent.command(Command::Reject { call, rejection }, at(phone.now_ms));
    let (sent, _) = drained(&mut phone.agent);
    let (again, told) = phone.says(&ask);
    assert_eq!((vec![sent[0].1.clone()], 0), (again, told.len()));
}

#[test]
fn a_302_names_its_contact() {
    let mut phone = Phone::new();
    let (_, told) = phone.says(&Ask { from: TRUNK, uri: "sip:110@town.example", ..ALARM });
    let rejection = Rejection {
        status: 302,
        contact: Some("<sip:110@pbx.example>".into()),
        headers: vec![("X-Why".into(), "ordinary\r\nEvil: yes".into())],
    };
    phone.agent.command(Command::Reject { call: call_of(&told), rejection }, at(2_000));
    let (sent, _) = drained(&mut phone.agent);
    assert_eq!(header(&sent[0].1, "Contact"), "<sip:110@pbx.example>");
    assert_eq!(header(&sent[0].1, "X-Why"), "ordinary  Evil: yes");
}

#[test]
fn a_cancelled_call_gets_487_until_it_is_acknowledged() {
    let mut phone = Phone::new();
    let ask = Ask { from: TRUNK, ..ALARM };
    let (_, told) = phone.says(&ask);
    let call = call_of(&told);
    let cancel = Ask { method: "CANCEL", body: "", ..ask };
    let (sent, told) = phone.says(&cancel);
    let statuses: Vec<&str> = sent.iter().map(|text| text.get(8..11).unwrap()).collect();
    assert_eq!((statuses, words(&told)), (vec!["200", "487"], vec!["cancelled".to_owned()]));
    assert_eq!(header(&sent[0], "To"), header(&sent[1], "To"), "both answers have one tag");
    phone.agent.on_timeout(at(phone.now_ms + 600));
    let (sent, _) = drained(&mut phone.agent);
    assert!(sent[0].1.starts_with("SIP/2.0 487"), "timer G");
    let (sent, _) = phone.says(&Ask { method: "ACK", body: "", ..ALARM_AT_TRUNK });
    assert!(sent.is_empty());
    phone.agent.command(Command::Accept { call, sdp: sdp("late") }, at(phone.now_ms));
    assert!(drained(&mut phone.agent).0.is_empty(), "a cancelled call cannot be accepted");
    assert!(sleep(&mut phone.agent, phone.now_ms, Duration::from_secs(40)).is_empty());
    assert_eq!(phone.agent.load().transactions, 0);
}

const ALARM_AT_TRUNK: Ask<'static> = Ask { from: TRUNK, ..ALARM };

#[test]
fn other_requests_are_answered_as_the_rfc_says() {
    let rows = [
        ("OPTIONS", "sip:10.0.0.1", 200),
        ("CANCEL", "sip:%239@town.example", 481),
        ("BYE", "sip:alarm@10.0.0.1", 481),
        ("INFO", "sip:alarm@10.0.0.1", 481),
        ("UPDATE", "sip:alarm@10.0.0.1", 481),
        ("PRACK", "sip:alarm@10.0.0.1", 481),
        ("NOTIFY", "sip:alarm@10.0.0.1", 405),
        ("MESSAGE", "sip:alarm@10.0.0.1", 405),
        ("SUBSCRIBE", "sip:alarm@10.0.0.1", 405),
        ("REFER", "sip:alarm@10.0.0.1", 405),
        ("PUBLISH", "sip:alarm@10.0.0.1", 405),
        ("REGISTER", "sip:town.example", 401),
    ];
    for (method, uri, wanted) in rows {
        let mut phone = Phone::new();
        let (sent, told) = phone.says(&Ask { method, uri, body: "", ..ALARM });
        assert_eq!((status(&sent), told.len()), (wanted, 0), "{method}");
        if wanted == 405 || method == "OPTIONS" {
            assert!(header(&sent[0], "Allow").contains("INVITE"), "{method}");
        }
        if wanted != 405 && method != "REGISTER" {
            let text = Ask { method, uri, body: "", branch: "z9hG4bKt", ..ALARM }.text();
            let text = text.replace("To: <", "To: <sip:x@y>;tag=none\r\nX: <");
            let (sent, _) = phone.sends(udp(SERVICE, PHONE), &text);
            assert_eq!(status(&sent), 481, "{method} in no dialog");
        }
    }
    let mut phone = Phone::new();
    let (sent, told) = phone.says(&Ask { method: "ACK", body: "", ..ALARM });
    assert!(sent.is_empty() && told.is_empty(), "an ACK is never answered");
}

#[test]
fn an_invite_by_two_ways_is_one_call() {
    let mut phone = Phone::new();
    let (_, told) = phone.says(&ALARM_AT_TRUNK);
    call_of(&told);
    let (sent, told) = phone.says(&Ask { branch: "z9hG4bKother", ..ALARM_AT_TRUNK });
    assert_eq!((status(&sent), told.len()), (482, 0));
}

#[test]
fn info_is_always_answered_and_told() {
    let mut phone = Phone::new();
    let (_, told) = phone.says(&ALARM_AT_TRUNK);
    phone.agent.command(Command::Accept { call: call_of(&told), sdp: sdp("a") }, at(1_100));
    let (sent, _) = drained(&mut phone.agent);
    let to = header(&sent[0].1, "To").to_owned();
    let headers = "Content-Type: Application/DTMF-Relay;x=y\r\n";
    let body = "Signal=#\r\nDuration=160\r\n";
    let ask =
        Ask { method: "INFO", number: 2, branch: "z9hG4bKi", headers, body, ..ALARM_AT_TRUNK };
    let text = ask.text().replace("To: <sip:%239@town.example>", &format!("To: {to}"));
    let (sent, told) = phone.sends(udp(SERVICE, TRUNK), &text);
    assert_eq!(status(&sent), 200);
    let [Event::Info { content_type, body: heard, .. }] = told.as_slice() else { panic!() };
    assert_eq!((content_type.as_str(), &**heard), ("application/dtmf-relay", body.as_bytes()));
    // Again the same: answered from the transaction, not told twice.
    let (sent, told) = phone.sends(udp(SERVICE, TRUNK), &text);
    assert_eq!((status(&sent), told.len()), (200, 0));
}

#[test]
fn required_reliable_ringing_is_kept_by_not_ringing() {
    let mut phone = Phone::new();
    let (_, told) = phone.says(&Ask { headers: "Require: 100rel\r\n", ..ALARM_AT_TRUNK });
    let call = call_of(&told);
    phone.agent.command(Command::Ringing { call }, at(1_100));
    assert!(drained(&mut phone.agent).0.is_empty());
    phone.agent.command(Command::Accept { call, sdp: sdp("a") }, at(1_200));
    assert!(drained(&mut phone.agent).0[0].1.starts_with("SIP/2.0 200"));
}

#[test]
fn a_full_agent_still_takes_alarms() {
    let config = AgentConfig {
        calls_max: 6,
        calls_reserved: 3,
        calls_per_source_max: 2,
        ..AgentConfig::default()
    };
    let mut phone = Phone::with(config);
    let mut ask = |number: u32, uri: &str| {
        let text = Ask { uri, branch: &format!("z9hG4bK{number}"), ..ALARM_AT_TRUNK }
            .text()
            .replace("phone-1", &format!("call-{number}"));
        let (sent, _) = phone.sends(udp(SERVICE, TRUNK), &text);
        (status(&sent), header(&sent[0], "Retry-After").to_owned())
    };
    for number in 0..3 {
        assert_eq!(ask(number, "sip:110@town.example").0, 100);
    }
    assert_eq!(ask(3, "sip:110@town.example"), (503, "5".to_owned()));
    for number in 4..7 {
        assert_eq!(ask(number, "sip:%239@town.example").0, 100);
    }
    assert_eq!(ask(7, "sip:%239@town.example").0, 503);
    assert_eq!(phone.agent.counters().shed, 2);
    assert_eq!(phone.agent.load().calls, 6);
}

/// Ordinary calls are few from one address; the alarms of a gateway may be as many as the reserved share.
#[test]
fn one_address_cannot_fill_the_agent() {
    for (uri, fitting) in [("sip:110@town.example", 2), (ALARM.uri, 5)] {
        let config =
            AgentConfig { calls_per_source_max: 2, calls_reserved: 5, ..AgentConfig::default() };
        let mut phone = Phone::with(config);
        let call = Ask { uri, ..ALARM };
        for number in 1..=fitting + 1 {
            let rename = |text: String| text.replace("phone-1", &format!("call-{number}"));
            let (sent, _) = phone.sends(udp(SERVICE, PHONE), &rename(call.text()));
            let headers = phone.proof(&sent[0], &call, PASSWORD);
            let branch = format!("z9hG4bK{number}");
            let again = Ask { headers: &headers, branch: &branch, number: 2, ..call };
            let (sent, _) = phone.sends(udp(SERVICE, PHONE), &rename(again.text()));
            let wanted = if number <= fitting { 100 } else { 503 };
            assert_eq!(status(&sent), wanted, "call {number} to {uri}");
        }
    }
}

#[test]
fn a_flood_of_strangers_leaves_nothing() {
    let mut phone = Phone::new();
    for number in 0..200 {
        let text = ALARM.text().replace("phone-1", &format!("flood-{number}"));
        let text = text.replace("z9hG4bKa", &format!("z9hG4bK{number}"));
        phone.sends(udp(SERVICE, PHONE), &text);
    }
    let load = phone.agent.load();
    let held = (load.calls, load.transactions, load.timers, load.challenges);
    assert_eq!(held, (0, 0, 0, 0));
}

#[test]
fn a_closed_connection_ends_what_hung_on_it() {
    let mut phone = Phone::new();
    let flow = Flow {
        transport: Transport::Tcp,
        local: address(SERVICE),
        remote: address(TRUNK),
        connection: 7,
    };
    let (_, told) = phone.sends(flow, &ALARM_AT_TRUNK.text());
    call_of(&told);
    phone.agent.on_stream_closed(Flow { connection: 8, ..flow }, at(2_000));
    assert_eq!(phone.agent.load().calls, 1);
    phone.agent.on_stream_closed(flow, at(2_000));
    let (_, told) = drained(&mut phone.agent);
    assert_eq!(words(&told), ["cancelled"]);
    sleep(&mut phone.agent, 2_000, Duration::from_secs(40));
    let load = phone.agent.load();
    assert_eq!((load.calls, load.transactions, load.timers), (0, 0, 0));
}

#[test]
fn answers_go_where_rport_says() {
    let mut phone = Phone::new();
    phone.town = TOWN;
    let text = ALARM.text();
    let plain = text.replace(";rport", "").replace(PHONE, "10.0.9.9:5070");
    for (text, to) in [(text, PHONE), (plain, "10.0.9.9:5070")] {
        phone.agent.on_packet(udp(SERVICE, PHONE), text.as_bytes(), &phone.town, at(1_000));
        let (sent, _) = drained(&mut phone.agent);
        assert_eq!(sent[0].0.remote, address(to));
    }
}

#[test]
fn a_call_that_nobody_decides_about_is_refused_at_last() {
    let mut phone = Phone::new();
    phone.says(&ALARM_AT_TRUNK);
    let told = sleep(&mut phone.agent, phone.now_ms, Duration::from_secs(29));
    assert!(told.is_empty());
    let told = sleep(&mut phone.agent, phone.now_ms, Duration::from_secs(31));
    assert_eq!(words(&told), ["cancelled"]);
    sleep(&mut phone.agent, phone.now_ms, Duration::from_secs(90));
    let load = phone.agent.load();
    assert_eq!((load.calls, load.transactions, load.timers), (0, 0, 0));
}

#[test]
fn a_trunk_with_calls_is_shed_last() {
    let mut phone = Phone::new();
    let mut taken = 0;
    for number in 0..1_000 {
        let text = ALARM_AT_TRUNK.text().replace("phone-1", &format!("call-{number}"));
        let text = text.replace("z9hG4bKa", &format!("z9hG4bK{number}"));
        phone.agent.on_packet(udp(SERVICE, TRUNK), text.as_bytes(), &phone.town, at(1_000));
        taken += usize::from(drained(&mut phone.agent).0[0].1.starts_with("SIP/2.0 100"));
    }
    assert_eq!((taken, phone.agent.counters().dropped), (1_000, 0));
}
