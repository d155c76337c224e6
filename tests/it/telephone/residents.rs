//! Calls of residents: how #9 is heard, and from whom.

use super::phone::Phone;
use super::{CARRIER, PATIENCE, STRANGER, World, assert_press, since, trunk};
use lianfang::config::Transport;
use lianfang_domain::alarm::{Proof, TriggerSource};
use lianfang_domain::id::AlarmId;
use std::net::SocketAddr;

#[tokio::test]
async fn a_registered_phone_dials_and_hears_us() {
    for (algorithm, uri, code) in [
        ("MD5", "sip:%239@phone.example", "#9"),
        ("MD5", "sip:#9@phone.example", "#9"),
        ("SHA-256", "sip:*9@phone.example;user=phone", "*9"),
    ] {
        let mut world = World::new().await;
        let mut phone = Phone::udp(super::SERVICE, world.address(Transport::Udp)).await;
        phone.register(algorithm).await;
        let (call, press) = tokio::join!(phone.call(uri), world.press());
        assert_press(&press, code, TriggerSource::Dialled, Proof::Digest);
        let (mut dialog, answer) = call;
        assert_eq!(answer.status(), Some(200), "{}", answer.0);
        assert_eq!(
            press.trigger.idempotency_key,
            format!("{};{};{}", press.line.line, dialog.call_id, dialog.tag).into()
        );
        assert!(answer.header("Contact").contains(&world.address(Transport::Udp).to_string()));
        assert_eq!(phone.hear().await, (8, 172), "20 ms of A-law");
        let bye = phone.say("BYE", &mut dialog, ("", "")).await;
        assert_eq!(bye.status(), Some(200));
        world.wait_for_silence().await;
        world.assert_no_press();
    }
}

#[tokio::test]
async fn a_nonce_is_counted_beyond_a_byte() {
    let mut world = World::new().await;
    let mut phone = world.phone().await;
    let mut dialog = phone.dialog(&format!("sip:{}", world.address(Transport::Udp)));
    dialog.to = "<sip:a1@phone.example>".to_owned();
    for count in [0xfe, 0xff, 0x100, 0xfff] {
        phone.count_to(count);
        assert_eq!(phone.register_again(&mut dialog).await.status(), Some(200), "{count:x}");
    }
    phone.count_to(0xff);
    assert_eq!(phone.register_again(&mut dialog).await.status(), Some(401), "a count is used once");
    world.assert_no_press();
}

/// The alarm is raised and the call answered within 300 ms, with a switchboard that answers and with one that does
/// not. A machine that is busy with other things has three chances.
#[tokio::test]
async fn the_answer_does_not_wait() {
    let mut world = World::new().await;
    for is_answering in [true, false] {
        let mut fastest = PATIENCE;
        for _ in 0..3 {
            let mut phone = Phone::udp(CARRIER, world.address(Transport::Udp)).await;
            phone.extra = "P-Asserted-Identity: <sip:05925551234@carrier.example>\r\n".to_owned();
            let start = world.clock.now();
            let answer = if is_answering {
                let (call, _) = tokio::join!(phone.call("sip:%239@phone.example"), world.press());
                call.1
            } else {
                phone.call("sip:%239@phone.example").await.1
            };
            assert_eq!(answer.status(), Some(200));
            fastest = fastest.min(since(&world.clock, start));
        }
        assert!(fastest.as_millis() < 300, "{fastest:?} with an answer: {is_answering}");
    }
}

#[tokio::test]
async fn a_wrong_password_from_the_phone_itself_is_a_weak_alarm() {
    let mut world = World::new().await;
    let mut phone = world.phone().await;
    phone.password = "wrong";
    let (call, press) = tokio::join!(phone.call("sip:%239@phone.example"), world.press());
    assert_press(&press, "#9", TriggerSource::Dialled, Proof::Weak);
    assert_eq!(call.1.status(), Some(200));
    let (_, refused) = phone.call("sip:110@phone.example").await;
    assert_eq!(refused.status(), Some(403), "nothing less than a code");
    world.assert_no_press();
}

#[tokio::test]
async fn a_challenge_that_is_not_answered_is_a_weak_alarm_until_it_is_answered() {
    let mut world = World::new().await;
    let mut phone = world.phone().await;
    let (mut dialog, challenge) = phone.invite("sip:%239@phone.example").await;
    assert_eq!(challenge.status(), Some(401));
    let weak = world.press().await;
    assert_press(&weak, "#9", TriggerSource::Dialled, Proof::Weak);
    world.until_traced(AlarmId(1), &["INVITE ", "SIP/2.0 401"]).await;
    phone.send_proven(&mut dialog, &challenge).await;
    let proven = world.press().await;
    assert_press(&proven, "#9", TriggerSource::Dialled, Proof::Digest);
    assert_ne!(weak.trigger.idempotency_key, proven.trigger.idempotency_key);
    assert_eq!(phone.answer_to("INVITE").await.status(), Some(200));
    world.until_traced(AlarmId(1), &["INVITE ", "SIP/2.0 401", "INVITE ", "SIP/2.0 200"]).await;
    world.assert_no_press();
}

/// A hotline has nobody to talk to while its grace runs, so it is not waited for.
#[tokio::test]
async fn a_hotline_that_does_not_answer_its_challenge_is_a_weak_alarm() {
    let mut world = World::new().await;
    let mut phone = Phone::udp(super::SERVICE, world.address(Transport::Udp)).await;
    phone.account = "hot";
    phone.register("MD5").await;
    assert_eq!(phone.invite("sip:9@phone.example").await.1.status(), Some(401));
    assert_press(&world.press().await, "", TriggerSource::Hotline, Proof::Weak);
    world.assert_no_press();
}

#[tokio::test]
async fn a_stranger_raises_nothing_and_learns_nothing() {
    let mut world = World::new().await;
    let _registered = world.phone().await;
    let mut stranger = Phone::udp(STRANGER, world.address(Transport::Udp)).await;
    stranger.extra = "P-Asserted-Identity: <sip:05925551234@x>\r\nX-Alarm-Code: #9\r\n".to_owned();
    let mut seen = Vec::new();
    for account in ["a1", "nobody"] {
        stranger.account = account;
        stranger.password = "guessed";
        let (_, challenge) = stranger.invite("sip:%239@phone.example").await;
        assert_eq!(challenge.status(), Some(401));
        let (_, refused) = stranger.call("sip:%239@phone.example").await;
        assert_eq!(refused.status(), Some(403));
        let names = |text: &str| {
            let names = text.lines().map(|line| line.split([':', ' ']).next().unwrap_or_default());
            names.map(str::to_owned).collect::<Vec<_>>()
        };
        seen.push((names(&challenge.0), names(&refused.0)));
    }
    assert_eq!(seen[0], seen[1], "a line that exists looks like one that does not");
    world.assert_no_press();
}

#[tokio::test]
async fn a_trunk_names_the_line() {
    let mut world = World::new().await;
    let mut trunk = Phone::udp(CARRIER, world.address(Transport::Udp)).await;
    trunk.extra = "P-Asserted-Identity: <tel:+865925551234>\r\n".to_owned();
    let (call, press) = tokio::join!(trunk.call("sip:%239@phone.example"), world.press());
    assert_press(&press, "#9", TriggerSource::Dialled, Proof::Trunk);
    assert_eq!(call.1.status(), Some(200));
    trunk.extra = "P-Asserted-Identity: <tel:+865925559999>\r\n".to_owned();
    assert_eq!(trunk.call("sip:%239@phone.example").await.1.status(), Some(404));
    trunk.extra =
        "P-Asserted-Identity: <tel:+865925551234>\r\nDiversion: <tel:+865925551234>\r\n".to_owned();
    assert_eq!(trunk.call("sip:%239@phone.example").await.1.status(), Some(403), "forwarded");
    trunk.extra = String::new();
    assert_eq!(
        trunk.call("sip:%239@phone.example").await.1.status(),
        Some(404),
        "From is no proof"
    );
    world.assert_no_press();
}

#[tokio::test]
async fn what_is_no_code_raises_nothing() {
    for (ordinary_calls, status) in [(None, 404), (Some("sip:10.0.0.1"), 302)] {
        let trunk = trunk(SocketAddr::from((CARRIER, 5060)));
        let mut world = World::with(ordinary_calls, trunk).await;
        let mut phone = world.phone().await;
        for (uri, expected) in [
            ("sip:%23@phone.example", 484),
            ("sip:110@phone.example", status),
            ("sip:%238@phone.example", status),
        ] {
            let (_, answer) = phone.call(uri).await;
            assert_eq!(answer.status(), Some(expected), "{uri}");
            if expected == 302 {
                assert!(answer.header("Contact").contains("10.0.0.1"), "{}", answer.0);
            }
        }
        world.assert_no_press();
    }
}

#[tokio::test]
async fn taking_the_call_back_does_not_take_the_alarm_back() {
    let mut world = World::new().await;
    let mut trunk = Phone::udp(CARRIER, world.address(Transport::Udp)).await;
    trunk.extra = "P-Asserted-Identity: <sip:05925551234@carrier.example>\r\n".to_owned();
    let dialog = trunk.dialog("sip:%239@phone.example");
    let invite = trunk.text("INVITE", &dialog, "", "");
    let cancel = trunk.text("CANCEL", &dialog, "", "").replace("-CANCEL-", "-INVITE-");
    trunk.send(invite.as_bytes()).await;
    trunk.send(cancel.as_bytes()).await;
    assert_eq!(trunk.answer_to("INVITE").await.status(), Some(487));
    assert_press(&world.press().await, "#9", TriggerSource::Dialled, Proof::Trunk);
    world.wait_for_silence().await;
    world.assert_no_press();
}

#[tokio::test]
async fn a_code_is_keyed_by_info() {
    let mut world = World::new().await;
    let mut phone = world.phone().await;
    let (mut dialog, answer) = phone.call("sip:9000@phone.example").await;
    assert_eq!(answer.status(), Some(200), "{}", answer.0);
    for (kind, body) in
        [("application/dtmf-relay", "Signal=#\r\nDuration=160\r\n"), ("application/dtmf", "9")]
    {
        let kind = format!("Content-Type: {kind}\r\n");
        let answer = phone.say("INFO", &mut dialog, (&kind, body)).await;
        assert_eq!(answer.status(), Some(200));
    }
    assert_press(&world.press().await, "#9", TriggerSource::Keyed, Proof::Digest);
    world.assert_no_press();
}

#[tokio::test]
async fn a_code_is_keyed_in_sound() {
    let mut world = World::new().await;
    let mut phone = world.phone().await;
    let (_, answer) = phone.call("sip:9000@phone.example").await;
    assert_eq!(phone.hear().await, (8, 172));
    phone.press(11, 16_000, answer.media()).await;
    phone.press(9, 32_000, answer.media()).await;
    assert_press(&world.press().await, "#9", TriggerSource::Keyed, Proof::Digest);
    world.assert_no_press();
}

#[tokio::test]
async fn a_hotline_that_hangs_up_in_time_raises_nothing() {
    let mut world = World::new().await;
    let mut phone = Phone::udp(super::SERVICE, world.address(Transport::Udp)).await;
    phone.account = "hot";
    phone.register("MD5").await;
    let (mut dialog, answer) = phone.call("sip:9@phone.example").await;
    assert_eq!(answer.status(), Some(200));
    assert_eq!(phone.say("BYE", &mut dialog, ("", "")).await.status(), Some(200));
    world.wait_for_silence().await;
    world.assert_no_press();
}

/// Nobody hung up: the connection broke, in the middle of the grace.
#[tokio::test]
async fn a_hotline_that_is_cut_off_raises_at_once() {
    let mut world = World::new().await;
    let mut phone = Phone::tcp(world.address(Transport::Tcp)).await;
    phone.account = "hot";
    phone.register("MD5").await;
    let (_, answer) = phone.call("sip:9@phone.example").await;
    assert_eq!(answer.status(), Some(200));
    drop(phone);
    assert_press(&world.press().await, "", TriggerSource::Hotline, Proof::Digest);
    world.wait_for_silence().await;
}

/// Whatever media a phone offers, its alarm stands.
#[tokio::test]
async fn a_call_without_media_that_we_know_still_raises() {
    let mut world = World::new().await;
    let mut trunk = Phone::udp(CARRIER, world.address(Transport::Udp)).await;
    trunk.extra = "P-Asserted-Identity: <sip:05925551234@carrier.example>\r\n".to_owned();
    for body in ["no session description", "v=0\r\nm=video 9 RTP/AVP 31\r\n"] {
        let dialog = trunk.dialog("sip:%239@phone.example");
        let text = trunk.text("INVITE", &dialog, "Content-Type: application/sdp\r\n", body);
        trunk.send(text.as_bytes()).await;
        assert_press(&world.press().await, "#9", TriggerSource::Dialled, Proof::Trunk);
        assert_eq!(trunk.answer_to("INVITE").await.status(), Some(488));
        world.wait_for_silence().await;
    }
}

#[tokio::test]
async fn a_phone_on_a_stream_registers_and_dials() {
    let mut world = World::new().await;
    let mut phone = Phone::tcp(world.address(Transport::Tcp)).await;
    phone.register("SHA-256").await;
    let (call, press) = tokio::join!(phone.call("sip:%239@phone.example"), world.press());
    assert_press(&press, "#9", TriggerSource::Dialled, Proof::Digest);
    let (mut dialog, answer) = call;
    assert_eq!(answer.status(), Some(200));
    assert!(answer.header("Contact").contains(&world.address(Transport::Tcp).to_string()));
    assert_eq!(phone.hear().await.0, 8);
    assert_eq!(phone.say("BYE", &mut dialog, ("", "")).await.status(), Some(200));
    world.wait_for_silence().await;
}
