//! Garbage, floods of connections, and the messages of RFC 4475: no alarm, and phones are served all the same.

use super::phone::Phone;
use super::{CARRIER, STRANGER, World};
use lianfang::config::Transport;
use std::path::{Path, PathBuf};
use tokio::net::TcpStream;

/// Connections of one address that say nothing.
const IDLE: usize = 300;

/// Whether the service still answers, by a phone that asks after each piece of garbage.
async fn assert_alive(phone: &mut Phone, after: &str) {
    let dialog = phone.dialog("sip:phone.example");
    let text = phone.text("OPTIONS", &dialog, "", "");
    phone.send(text.as_bytes()).await;
    loop {
        let answer = phone.receive().await;
        if answer.headers("Call-ID") == [dialog.call_id.as_str()] {
            assert_eq!(answer.status(), Some(200), "after {after}");
            return;
        }
    }
}

#[tokio::test]
async fn garbage_raises_nothing_and_stops_nobody() {
    let mut world = World::new().await;
    for from in [STRANGER, CARRIER, super::SERVICE] {
        let mut phone = Phone::udp(from, world.address(Transport::Udp)).await;
        let long = format!("INVITE sip:%239@{} SIP/2.0\r\n\r\n", "x".repeat(60_000));
        let smuggled = "INVITE sip:%239@x SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK1\r\nFrom : <sip:a1@x>;tag=1\r\nTo:<sip:%239@x>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nP-Asserted-Identity\u{b}: <tel:+865925551234>\r\nContent-Length: 0\r\n\r\n";
        let negative = smuggled.replace("Content-Length: 0", "Content-Length: -1");
        let number = smuggled.replace("CSeq: 1 ", "CSeq: 99999999999999999999 ");
        for garbage in [
            &b"\0\0\0\0"[..],
            b"\r\n\r\n",
            b"INVITE",
            b"INVITE sip:%239@x SIP/2.0",
            b"SIP/2.0 200 OK\r\n\r\n",
            b"\xff\xfe\xfd INVITE sip:#9 SIP/2.0\r\nCall-ID: \xc4\xe3~1@lianfang\r\n\r\n",
            b"i: 1~999999999999999999999@lianfang\r\n\r\n",
            long.as_bytes(),
            smuggled.as_bytes(),
            negative.as_bytes(),
            number.as_bytes(),
        ] {
            phone.send(garbage).await;
            assert_alive(&mut phone, &String::from_utf8_lossy(garbage)).await;
        }
    }
    world.assert_no_press();
}

/// The messages in the folder that LIANFANG_RFC4475_DIR names, and in the folders in it.
#[tokio::test]
async fn the_torture_messages_raise_nothing() {
    let Some(folder) = std::env::var_os("LIANFANG_RFC4475_DIR") else { return };
    let mut world = World::new().await;
    let messages = messages_in(folder.as_ref());
    assert!(!messages.is_empty(), "no messages in {}", folder.display());
    for from in [STRANGER, CARRIER] {
        let mut phone = Phone::udp(from, world.address(Transport::Udp)).await;
        for path in &messages {
            phone.send(&std::fs::read(path).expect("a file")).await;
            assert_alive(&mut phone, &path.display().to_string()).await;
        }
    }
    world.assert_no_press();
}

fn messages_in(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(messages_in(&path));
        } else if path.extension().is_some_and(|ending| ending == "dat") {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn idle_connections_keep_nobody_out() {
    let mut world = World::new().await;
    let service = world.address(Transport::Tcp);
    let mut idle = Vec::new();
    for _ in 0..IDLE {
        idle.push(TcpStream::connect(service).await.expect("a connection"));
    }
    let mut phone = Phone::tcp(service).await;
    phone.register("MD5").await;
    let (call, _) = tokio::join!(phone.call("sip:%239@phone.example"), world.press());
    assert_eq!(call.1.status(), Some(200));
    drop(idle);
}
