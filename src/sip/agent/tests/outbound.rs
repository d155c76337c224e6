//! One agent and a hand-made trunk: forks, challenges, probes, routes, and what a call weighs.

use super::world::{
    SERVICE, TOWN, TRUNK, address, agent, at, drained, header, leg, ring_up, sdp, sleep, udp, word,
};
use crate::agent::UserAgent;
use crate::agent::api::{
    AgentConfig, CallHandle, Command, Credentials, Event, Flow, OutboundInvite, Transport,
};
use crate::agent::calls::{Answered, Call, Calling, Stage};
use crate::agent::timers::Armed;
use crate::digest::{
    ChallengeOffer, ChallengeReason, Credentials as Proof, DigestConfig, DigestServer, Secrets,
    SignedRequest, Verdict,
};
use std::sync::Arc;
use std::time::Duration;

const CALL: CallHandle = CallHandle(1);

/// An answer of the trunk to a request of ours.
fn answer(request: &str, status: &str, tag: &str, more: &str) -> String {
    let copied = ["Via", "From", "Call-ID", "CSeq"];
    let copied: String =
        copied.iter().map(|name| format!("{name}: {}\r\n", header(request, name))).collect();
    let to = header(request, "To");
    format!("SIP/2.0 {status}\r\n{copied}To: {to};tag={tag}\r\n{more}Content-Length: 0\r\n\r\n")
}

fn hears(agent: &mut UserAgent, text: &str, ms: i64) -> (Vec<String>, Vec<Event>) {
    agent.on_packet(udp(SERVICE, TRUNK), text.as_bytes(), &TOWN, at(ms));
    let (sent, events) = drained(agent);
    (sent.into_iter().map(|(_, text)| text).collect(), events)
}

fn words(events: &[Event]) -> Vec<String> {
    events.iter().map(word).collect()
}

fn firsts(sent: &[String]) -> Vec<&str> {
    sent.iter().map(|text| text.split(' ').next().unwrap_or_default()).collect()
}

/// An agent that rings, and its INVITE.
fn ringing() -> (UserAgent, String) {
    ringing_with(ring_up(1))
}

fn ringing_with(command: Command) -> (UserAgent, String) {
    let mut agent = agent(AgentConfig::default(), 1);
    agent.command(command, at(0));
    let invite = drained(&mut agent).0.remove(0).1;
    (agent, invite)
}

fn with_credentials(realm: Option<&str>) -> Command {
    let credentials = Credentials {
        realm: realm.map(Arc::from),
        username: "trunk-user".into(),
        password: "secret".into(),
    };
    Command::Invite(Box::new(OutboundInvite {
        call: CALL,
        leg: leg(1, udp(SERVICE, TRUNK)),
        headers: vec![],
        sdp: sdp("offer"),
        credentials: Some(Arc::new(credentials)),
    }))
}

#[test]
fn an_invite_says_what_it_must() {
    let (_, invite) = ringing();
    assert!(invite.starts_with("INVITE sip:%239@town.example;user=phone SIP/2.0\r\n"), "{invite}");
    let rows = [
        ("Via", "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKleg1.1-1;rport"),
        ("From", "\"Lianfang\" <sip:95@town.example>;tag=f1"),
        ("To", "<sip:%239@town.example;user=phone>"),
        ("Call-ID", "leg-1"),
        ("CSeq", "1 INVITE"),
        ("Contact", "<sip:alarm@10.0.0.1:5060>"),
        ("Priority", "emergency"),
        ("Content-Type", "application/sdp"),
    ];
    for (name, value) in rows {
        assert_eq!(header(&invite, name), value);
    }
}

#[test]
fn of_forked_answers_the_first_is_kept() {
    let (mut agent, invite) = ringing();
    let contact = "Contact: <sip:a@10.0.0.2>\r\n";
    for tag in ["r1", "r2"] {
        let (_, told) = hears(&mut agent, &answer(&invite, "180 Ringing", tag, ""), 10);
        assert!(words(&told).contains(&"ringing 180 false".to_owned()));
    }
    let (sent, told) = hears(&mut agent, &answer(&invite, "200 OK", "r1", contact), 20);
    assert_eq!((firsts(&sent), words(&told)), (vec!["ACK"], vec!["answered false".to_owned()]));
    let first_ack = sent;
    for tag in ["r2", "r3"] {
        let (sent, told) = hears(&mut agent, &answer(&invite, "200 OK", tag, contact), 30);
        assert_eq!((firsts(&sent), told.len()), (vec!["ACK", "BYE"], 0));
        assert!(sent.iter().all(|text| header(text, "To").ends_with(tag)), "{sent:?}");
        // Its repetition is acknowledged again and not hung up twice.
        let (sent, _) = hears(&mut agent, &answer(&invite, "200 OK", tag, contact), 40);
        assert_eq!(firsts(&sent), ["ACK"]);
    }
    let (sent, told) = hears(&mut agent, &answer(&invite, "200 OK", "r1", contact), 500);
    assert_eq!((sent, told.len()), (first_ack, 0));
    assert_eq!(agent.load().calls, 1);
}

#[test]
fn many_forks_are_bounded() {
    let (mut agent, invite) = ringing();
    for number in 0..100 {
        let text = answer(&invite, "200 OK", &format!("t{number}"), "");
        hears(&mut agent, &text, 20);
    }
    assert!(agent.load().transactions <= 17, "{:?}", agent.load());
}

#[test]
fn a_trunk_is_answered_its_challenge_once() {
    for (status, asked, given) in [
        ("401 Unauthorized", "WWW-Authenticate", "Authorization"),
        ("407 Proxy Authentication Required", "Proxy-Authenticate", "Proxy-Authorization"),
    ] {
        for offer in [ChallengeOffer::Sha256ThenMd5, ChallengeOffer::Md5Only] {
            let config = DigestConfig {
                realm: "trunk".into(),
                nonce_lifetime: Duration::from_secs(60),
                nonces_max: 10,
            };
            let mut server = DigestServer::new(config, &[3; 32], at(0));
            let flow = udp(TRUNK, SERVICE);
            let (mut agent, invite) = ringing_with(with_credentials(Some("trunk")));
            let challenges: String = server
                .challenge(offer, &flow, ChallengeReason::Unproven, at(5))
                .iter()
                .map(|value| format!("{asked}: {value}\r\n"))
                .collect();
            let (sent, told) = hears(&mut agent, &answer(&invite, status, "c", &challenges), 10);
            assert_eq!((firsts(&sent), told.len()), (vec!["ACK", "INVITE"], 0));
            let again = &sent[1];
            assert_eq!(header(again, "CSeq"), "2 INVITE");
            assert!(header(again, "Via").contains("z9hG4bKleg1.1-2"));
            let proof = Proof::find([header(again, given)], "trunk").unwrap().unwrap();
            let secrets = Secrets::from_password("trunk-user", "trunk", "secret");
            let request = SignedRequest {
                method: "INVITE",
                uri: "sip:%239@town.example;user=phone",
                body: &sdp("offer"),
            };
            let verdict = server.verify(&proof, Some(&secrets), (&request, &flow), at(10));
            assert!(matches!(verdict, Verdict::Proven(_)), "{verdict:?}");
            // A second challenge is the end.
            let (sent, told) = hears(&mut agent, &answer(again, status, "c", &challenges), 20);
            assert_eq!(firsts(&sent), ["ACK"]);
            assert!(words(&told)[0].starts_with("failed 40"), "{told:?}");
        }
    }
}

#[test]
fn a_foreign_realm_gets_no_proof() {
    let (mut agent, invite) = ringing_with(with_credentials(Some("trunk")));
    let evil = "WWW-Authenticate: Digest realm=\"evil\", nonce=\"n\", algorithm=MD5\r\n";
    let (sent, told) = hears(&mut agent, &answer(&invite, "401 No", "c", evil), 10);
    assert_eq!((firsts(&sent), words(&told)), (vec!["ACK"], vec!["failed 401".to_owned()]));
}

#[test]
fn a_failure_says_why() {
    let (mut agent, invite) = ringing();
    let more = "Reason: Q.850;cause=17;text=\"User busy\"\r\nRetry-After: 20 (later)\r\n";
    let (_, told) = hears(&mut agent, &answer(&invite, "503 Full", "c", more), 10);
    let [Event::Failed { failure, .. }] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(failure.status, 503);
    assert_eq!(failure.reason.as_deref(), Some("Q.850;cause=17;text=\"User busy\""));
    assert_eq!(failure.retry_after, Some(Duration::from_secs(20)));
    assert!(!failure.is_local);
}

#[test]
fn early_media_is_passed_on() {
    let (mut agent, invite) = ringing();
    let more = "Content-Type: application/sdp\r\n";
    let text = answer(&invite, "183 Session Progress", "c", more)
        .replace("Content-Length: 0\r\n\r\n", "Content-Length: 5\r\n\r\nv=0\r\n");
    let (_, told) = hears(&mut agent, &text, 10);
    assert_eq!(words(&told), ["trying", "ringing 183 true"]);
}

#[test]
fn a_call_follows_the_route_that_was_recorded() {
    let (mut agent, invite) = ringing();
    let more = "Record-Route: <sip:p2;lr>\r\nRecord-Route: <sip:p1;lr>\r\n\
                Contact: <sip:callee@10.7.7.7>\r\n";
    let (sent, _) = hears(&mut agent, &answer(&invite, "200 OK", "c", more), 10);
    assert!(sent[0].starts_with("ACK sip:callee@10.7.7.7 "), "{}", sent[0]);
    let routes: Vec<&str> = sent[0].lines().filter(|line| line.starts_with("Route")).collect();
    assert_eq!(routes, ["Route: <sip:p1;lr>", "Route: <sip:p2;lr>"]);
    agent.command(Command::Hangup { call: CALL }, at(20));
    let (sent, _) = drained(&mut agent);
    assert_eq!(sent[0].0, udp(SERVICE, TRUNK), "nobody can aim us elsewhere");
    assert_eq!(header(&sent[0].1, "CSeq"), "2 BYE");
}

#[test]
fn probes_tell_who_lives() {
    let mut agent = agent(AgentConfig::default(), 1);
    let probe =
        |probe| Command::Probe { probe, flow: udp(SERVICE, TRUNK), uri: "sip:10.0.0.2".into() };
    agent.command(probe(1), at(0));
    let options = drained(&mut agent).0.remove(0).1;
    assert!(options.starts_with("OPTIONS sip:10.0.0.2 SIP/2.0\r\n"));
    let (_, told) = hears(&mut agent, &answer(&options, "405 No", "c", ""), 10);
    assert_eq!(words(&told), ["probe 405"]);
    agent.command(probe(2), at(100));
    let told = sleep(&mut agent, 100, Duration::from_secs(4));
    assert_eq!(words(&told), ["probe lost"]);
    sleep(&mut agent, 100, Duration::from_secs(10));
    assert_eq!((agent.load().transactions, agent.load().timers), (0, 0));
}

#[test]
fn stray_responses_do_nothing() {
    let (mut agent, invite) = ringing();
    let stray = answer(&invite, "200 OK", "c", "").replace("leg1.1", "other");
    assert_eq!(hears(&mut agent, &stray, 10).0.len(), 0);
    assert_eq!(agent.counters().stray, 1);
}

#[test]
fn a_leg_on_a_lost_connection_fails() {
    let flow = Flow {
        transport: Transport::Tcp,
        local: address(SERVICE),
        remote: address(TRUNK),
        connection: 5,
    };
    let invite = OutboundInvite {
        call: CALL,
        leg: leg(1, flow),
        headers: vec![],
        sdp: sdp("offer"),
        credentials: None,
    };
    let (mut agent, invite) = ringing_with(Command::Invite(Box::new(invite)));
    assert!(header(&invite, "Contact").ends_with(";transport=tcp>"));
    hears(&mut agent, &answer(&invite, "180 Ringing", "c", ""), 10);
    agent.on_stream_closed(flow, at(20));
    assert_eq!(words(&drained(&mut agent).1), ["failed 503"]);
    assert_eq!((agent.load().calls, agent.load().transactions), (0, 0));
}

#[test]
fn a_full_agent_says_so() {
    let mut agent = agent(AgentConfig { calls_max: 1, ..AgentConfig::default() }, 1);
    agent.command(ring_up(1), at(0));
    agent.command(ring_up(2), at(0));
    assert_eq!(words(&drained(&mut agent).1), ["failed 503"]);
}

/// Bytes that the only call takes: structures twice, for the free half of a table, and the texts that hang on them.
/// `unanswered` is what the transaction keeps for repetitions.
fn weigh(agent: &UserAgent, unanswered: usize) -> usize {
    let stage = agent.stage_of(CALL);
    let stage = match stage {
        Stage::Calling(calling) => {
            let leg = &calling.leg;
            let key = &leg.key;
            let texts = [&key.call_id, &key.from_tag, &key.branch, &leg.uri, &leg.from, &leg.to];
            size_of::<Calling>() + texts.iter().map(|text| text.len() + 16).sum::<usize>()
        }
        Stage::Answered(answered) => {
            size_of::<Answered>() + answered.dialog.weigh() + answered.branch.len() + 16
        }
        Stage::Offered(_) => panic!("not ours"),
    };
    let tables = size_of::<(CallHandle, Call)>() + 2 * (size_of::<Armed>() + 64);
    2 * tables + stage + 2 * agent.transactions.weigh() + unanswered
}

#[test]
fn an_outbound_call_weighs_little() {
    let (mut agent, invite) = ringing();
    let waiting = weigh(&agent, invite.len() + 16);
    hears(&mut agent, &answer(&invite, "180 Ringing", "c", ""), 10);
    let ringing = weigh(&agent, 0);
    let contact =
        "Contact: <sip:+865925552222@10.0.0.2:5060>\r\nRecord-Route: <sip:10.0.0.3;lr>\r\n";
    hears(&mut agent, &answer(&invite, "200 OK", "c", contact), 20);
    let answered = weigh(&agent, 0);
    assert!(
        waiting < 3_000 && ringing < 2_000 && answered < 4_000,
        "{waiting} {ringing} {answered}"
    );
}

#[test]
fn a_challenge_from_another_address_gets_no_proof() {
    let (mut agent, invite) = ringing_with(with_credentials(None));
    let asked = "WWW-Authenticate: Digest realm=\"trunk\", nonce=\"n\", algorithm=MD5\r\n";
    let text = answer(&invite, "401 No", "c", asked);
    agent.on_packet(udp(SERVICE, "10.66.6.6:5060"), text.as_bytes(), &TOWN, at(10));
    let (sent, told) = drained(&mut agent);
    assert_eq!((sent.len(), words(&told)), (1, vec!["failed 401".to_owned()]));
    assert!(sent[0].1.starts_with("ACK"));
}

#[test]
fn a_challenged_bye_is_proven_once() {
    let (mut agent, invite) = ringing_with(with_credentials(Some("trunk")));
    hears(&mut agent, &answer(&invite, "180 Ringing", "c", ""), 10);
    hears(&mut agent, &answer(&invite, "200 OK", "c", ""), 20);
    agent.command(Command::Hangup { call: CALL }, at(30));
    let bye = drained(&mut agent).0.remove(0).1;
    let asked = "Proxy-Authenticate: Digest realm=\"trunk\", nonce=\"n\", algorithm=MD5\r\n";
    let refuse =
        |bye: &str| answer(bye, "407 Who", "c", asked).replacen(";tag=c;tag=c", ";tag=c", 1);
    let (sent, told) = hears(&mut agent, &refuse(&bye), 40);
    assert_eq!((firsts(&sent), told.len()), (vec!["BYE"], 0));
    assert!(header(&sent[0], "Proxy-Authorization").contains("trunk-user"));
    assert_eq!(header(&sent[0], "CSeq"), "3 BYE");
    let (sent, told) = hears(&mut agent, &refuse(&sent[0]), 50);
    assert_eq!((sent.len(), words(&told)), (0, vec!["ended Local".to_owned()]));
}

#[test]
fn what_is_stopped_before_a_challenge_is_just_stopped() {
    let (mut agent, invite) = ringing_with(with_credentials(Some("trunk")));
    agent.command(Command::Cancel { call: CALL, reason: None }, at(5));
    let asked = "WWW-Authenticate: Digest realm=\"trunk\", nonce=\"n\", algorithm=MD5\r\n";
    let (sent, told) = hears(&mut agent, &answer(&invite, "401 Who", "c", asked), 10);
    assert_eq!((firsts(&sent), words(&told)), (vec!["ACK"], vec!["failed 487".to_owned()]));
}
