use super::super::routing::call_id_of;
use super::*;
use lianfang_domain::id::LegId;
use lianfang_sip::agent::api::Transport;

fn flow() -> Flow {
    let address = "192.0.2.7:5060".parse().expect("an address");
    Flow { transport: Transport::Udp, local: address, remote: address, connection: 0 }
}

fn tap() -> (Tap, mpsc::Receiver<(AlarmId, Traced)>) {
    let (queue, inbox) = mpsc::channel(4);
    (Tracer(Some(queue)).tap(), inbox)
}

fn message(start: &str, call_id: &str, method: &str) -> Vec<u8> {
    format!("{start}\r\nVia: x\r\nCall-ID: {call_id}\r\nCSeq: 1 {method}\r\n\r\n").into_bytes()
}

fn taken(inbox: &mut mpsc::Receiver<(AlarmId, Traced)>) -> Vec<(u64, bool)> {
    let next = || inbox.try_recv().ok().map(|(alarm, traced)| (alarm.0, traced.is_sent));
    std::iter::from_fn(next).collect()
}

#[test]
fn a_leg_names_its_alarm_and_a_call_learns_it() {
    let (mut tap, mut inbox) = tap();
    let now = Timestamp::UNIX_EPOCH;
    let leg = call_id_of(LegId { alarm: AlarmId(7), number: 3 }, 1);
    tap.note(flow(), &message("INVITE sip:a SIP/2.0", &leg, "INVITE"), true, now);
    tap.note(flow(), &message("SIP/2.0 180 Ringing", &leg, "INVITE"), false, now);
    assert_eq!(taken(&mut inbox), [(7, true), (7, false)]);

    tap.note(flow(), &message("INVITE sip:%239 SIP/2.0", "c@phone", "INVITE"), false, now);
    tap.note(flow(), &message("SIP/2.0 100 Trying", "c@phone", "INVITE"), true, now);
    assert_eq!(taken(&mut inbox), [], "nobody knows yet");
    tap.link("c@phone", AlarmId(9));
    tap.link("other@phone", AlarmId(9));
    tap.note(flow(), &message("BYE sip:x SIP/2.0", "c@phone", "BYE"), false, now);
    assert_eq!(taken(&mut inbox), [(9, false), (9, true), (9, false)]);
    // The same call is told of another alarm: that one has how it began too, and both how it ends.
    tap.link("c@phone", AlarmId(9));
    tap.link("c@phone", AlarmId(12));
    assert_eq!(taken(&mut inbox), [(12, false), (12, true), (12, false)]);
    tap.note(flow(), &message("SIP/2.0 200 OK", "c@phone", "BYE"), true, now);
    assert_eq!(taken(&mut inbox), [(9, true), (12, true)]);
}

#[test]
fn a_call_is_of_so_many_alarms_and_no_more() {
    let (mut tap, mut inbox) = tap();
    let now = Timestamp::UNIX_EPOCH;
    tap.note(flow(), &message("INVITE sip:a SIP/2.0", "c", "INVITE"), false, now);
    for alarm in 0..100 {
        tap.link("c", AlarmId(alarm));
        taken(&mut inbox);
    }
    assert!(tap.calls.values().all(|call| call.alarms.len() == ALARMS_MAX));
}

#[test]
fn what_is_of_no_call_or_finds_no_room_is_left_out() {
    let (mut tap, mut inbox) = tap();
    let now = Timestamp::UNIX_EPOCH;
    let leg = call_id_of(LegId { alarm: AlarmId(7), number: 3 }, 1);
    for (start, method) in [
        ("REGISTER sip:x SIP/2.0", "REGISTER"),
        ("OPTIONS sip:x SIP/2.0", "OPTIONS"),
        ("SIP/2.0 200 OK", "OPTIONS"),
        ("\r\n\r\n", "INVITE"),
        ("", ""),
    ] {
        tap.note(flow(), &message(start, &leg, method), false, now);
    }
    tap.note(flow(), b"", false, now);
    tap.note(flow(), b"SIP/2.0", false, now);
    assert_eq!(taken(&mut inbox), []);
    for _ in 0..9 {
        tap.note(flow(), &message("INVITE sip:a SIP/2.0", &leg, "INVITE"), true, now);
    }
    assert_eq!(taken(&mut inbox).len(), 4, "the queue has four places");
    for call in 0..2000 {
        for _ in 0..30 {
            let bytes = message("INVITE sip:a SIP/2.0", &call.to_string(), "INVITE");
            tap.note(flow(), &bytes, true, now);
        }
    }
    assert_eq!((tap.calls.len(), tap.order.len()), (CALLS_MAX, CALLS_MAX));
    assert!(tap.calls.values().all(|call| call.first.len() == WAITING_MAX));
    let mut off = Tracer::default().tap();
    off.note(flow(), &message("INVITE sip:a SIP/2.0", &leg, "INVITE"), true, now);
    assert!(off.calls.is_empty());
}

#[test]
fn digest_answers_media_keys_and_pressed_keys_are_masked() {
    let text = "INVITE sip:x SIP/2.0\r\n\
        Authorization: Digest username=\"1001\", realm=\"r\", nonce=\"n0nce\", response=\"s3cret\",\r\n \
        cnonce=\"c0nce\", qop=auth, nc=00000001\r\n\
        proxy-authorization:Digest response=s3cret\r\n\
        Authentication-Info: nextnonce=\"n0nce\", rspauth=\"s3cret\"\r\n\
        From: <sip:1001@x>\r\n\r\n\
        v=0\r\na=crypto:1 AES inline:s3cret\r\nk=clear:s3cret\r\na=sendrecv\r\n";
    let masked = mask(text);
    for secret in ["s3cret", "n0nce", "c0nce"] {
        assert!(!masked.contains(secret), "{masked}");
    }
    for kept in ["username=\"1001\"", "realm=\"r\"", "qop=auth", "From: <sip:1001@x>", "a=sendrecv"]
    {
        assert!(masked.contains(kept), "{kept}: {masked}");
    }
    let info = "INFO sip:x SIP/2.0\r\nContent-Type: application/dtmf-relay\r\n\r\nSignal=7\r\nDuration=160\r\n";
    let masked = mask(info);
    assert!(!masked.contains("Signal=7") && masked.contains("dtmf-relay"), "{masked}");
    let plain = "SIP/2.0 200 OK\r\nCSeq: 1 BYE\r\n\r\n";
    assert_eq!(mask(plain), plain);
    for odd in
        ["", "\n", ":", "Authorization", "Authorization:", "Authorization: ,=,\n x", "陈\r\n\r\n\0"]
    {
        let _ = mask(odd);
    }
}

#[test]
fn what_is_handed_over_reaches_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let traces = Traces::in_folder(folder.path());
    let bytes = message("INVITE sip:a SIP/2.0", "c", "INVITE");
    let traced = Traced { at: Timestamp::UNIX_EPOCH, is_sent: true, flow: flow(), bytes };
    write(&traces, vec![(AlarmId(5), traced)]);
    let read = traces.read(AlarmId(5)).expect("reads");
    assert_eq!((read.len(), read[0].remote.as_str()), (1, "udp 192.0.2.7:5060"));
    assert!(read[0].text.starts_with("INVITE sip:a"));
}
