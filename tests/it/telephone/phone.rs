//! A phone in plain text: knows SIP no better than it must, and nothing of the code that it tests.

use super::{PASSWORD, PATIENCE, REALM};
use md5::Md5;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

/// A message as it came.
#[derive(Clone, Debug)]
pub(super) struct Message(pub(super) String);

impl Message {
    /// The status of a response; `None` for a request.
    pub(super) fn status(&self) -> Option<u16> {
        self.0.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    pub(super) fn method(&self) -> &str {
        self.0.split(' ').next().unwrap_or_default()
    }

    pub(super) fn headers(&self, name: &str) -> Vec<&str> {
        let head = self.0.split("\r\n\r\n").next().unwrap_or_default();
        let lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines
            .filter(|(known, _)| known.trim().eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .collect()
    }

    #[track_caller]
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers(name).first().copied().unwrap_or_else(|| panic!("no {name}: {}", self.0))
    }

    /// Where the session description wants media.
    pub(super) fn media(&self) -> SocketAddr {
        let value = |start: &str| self.0.lines().find_map(|line| line.strip_prefix(start));
        let address = value("c=IN IP4 ").expect("an address").trim();
        let port = value("m=audio ").expect("media").split(' ').next().expect("a port");
        format!("{address}:{port}").parse().expect("an address")
    }

    fn parameter(challenge: &str, name: &str) -> Option<String> {
        let start = challenge.find(&format!("{name}="))? + name.len() + 1;
        let rest = challenge.get(start..)?;
        let quoted = rest.strip_prefix('"').and_then(|rest| rest.split('"').next());
        Some(quoted.unwrap_or_else(|| rest.split([',', ' ']).next().unwrap_or(rest)).to_owned())
    }
}

enum Wire {
    Udp(UdpSocket),
    Tcp(TcpStream, Vec<u8>),
}

/// What a phone knows of a challenge.
#[derive(Clone, Debug)]
struct Nonce {
    algorithm: String,
    nonce: String,
    count: u32,
}

/// A dialog that the phone began.
#[derive(Clone, Debug)]
pub(super) struct Dialog {
    pub(super) uri: String,
    pub(super) call_id: String,
    pub(super) tag: String,
    pub(super) cseq: u32,
    pub(super) to: String,
}

pub(super) struct Phone {
    wire: Wire,
    local: SocketAddr,
    service: SocketAddr,
    pub(super) account: &'static str,
    pub(super) password: &'static str,
    /// Headers of every request, such as an asserted identity.
    pub(super) extra: String,
    pub(super) rtp: UdpSocket,
    nonce: Option<Nonce>,
    algorithm: String,
    made: u32,
}

impl Phone {
    pub(super) async fn udp(from: Ipv4Addr, service: SocketAddr) -> Self {
        let socket = UdpSocket::bind((from, 0)).await.expect("a socket");
        let local = socket.local_addr().expect("an address");
        Self::new(Wire::Udp(socket), local, service).await
    }

    pub(super) async fn tcp(service: SocketAddr) -> Self {
        let stream = TcpStream::connect(service).await.expect("a connection");
        let local = stream.local_addr().expect("an address");
        Self::new(Wire::Tcp(stream, Vec::new()), local, service).await
    }

    async fn new(wire: Wire, local: SocketAddr, service: SocketAddr) -> Self {
        let rtp = UdpSocket::bind((local.ip(), 0)).await.expect("a socket");
        Self {
            wire,
            local,
            service,
            account: "a1",
            password: PASSWORD,
            extra: String::new(),
            rtp,
            nonce: None,
            algorithm: "MD5".to_owned(),
            made: 0,
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.local
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) {
        match &mut self.wire {
            Wire::Udp(socket) => {
                socket.send_to(bytes, self.service).await.expect("sends");
            }
            Wire::Tcp(stream, _) => stream.write_all(bytes).await.expect("sends"),
        }
    }

    /// The next message, whatever it is.
    pub(super) async fn receive(&mut self) -> Message {
        tokio::time::timeout(PATIENCE, self.receive_some()).await.expect("a message in time")
    }

    async fn receive_some(&mut self) -> Message {
        let mut buffer = vec![0; 65_535];
        match &mut self.wire {
            Wire::Udp(socket) => {
                let (length, _) = socket.recv_from(&mut buffer).await.expect("receives");
                Message(String::from_utf8_lossy(&buffer[..length]).into_owned())
            }
            Wire::Tcp(stream, waiting) => loop {
                if let Some(message) = take_message(waiting) {
                    return message;
                }
                let length = stream.read(&mut buffer).await.expect("receives");
                assert_ne!(length, 0, "the connection was closed");
                waiting.extend_from_slice(&buffer[..length]);
            },
        }
    }

    /// The next response to this method that is final.
    pub(super) async fn answer_to(&mut self, method: &str) -> Message {
        loop {
            let message = self.receive().await;
            let is_final = message.status().is_some_and(|status| 200 <= status);
            if is_final && message.header("CSeq").ends_with(method) {
                return message;
            }
        }
    }

    /// The next request with this method.
    pub(super) async fn request(&mut self, method: &str) -> Message {
        loop {
            let message = self.receive().await;
            if message.status().is_none() && message.method() == method {
                return message;
            }
        }
    }

    pub(super) fn dialog(&mut self, uri: &str) -> Dialog {
        self.made += 1;
        let name = format!("{}-{}", self.local.port(), self.made);
        Dialog {
            uri: uri.to_owned(),
            call_id: format!("{name}@phone"),
            tag: format!("t{name}"),
            cseq: 1,
            to: format!("<{uri}>"),
        }
    }

    /// A request in a dialog, or to begin one.
    pub(super) fn text(&mut self, method: &str, dialog: &Dialog, more: &str, body: &str) -> String {
        let branch = format!("z9hG4bK{}-{method}-{}", dialog.call_id, dialog.cseq);
        self.text_with((method, &branch), dialog, more, body)
    }

    fn text_with(
        &self,
        (method, branch): (&str, &str),
        dialog: &Dialog,
        more: &str,
        body: &str,
    ) -> String {
        let transport = match &self.wire {
            Wire::Udp(_) => "UDP",
            Wire::Tcp(..) => "TCP",
        };
        let Dialog { uri, call_id, tag, cseq, to } = dialog;
        let (local, account, extra) = (self.local, self.account, &self.extra);
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{transport} {local};branch={branch};rport\r\nMax-Forwards: 70\r\nFrom: <sip:{account}@phone.example>;tag={tag}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\nContact: <sip:{account}@{local}>\r\n{extra}{more}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    /// An offer of A-law and keys.
    pub(super) fn sdp(&self) -> String {
        let port = self.rtp.local_addr().expect("an address").port();
        let ip = self.local.ip();
        format!(
            "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n"
        )
    }

    /// Registers by a challenge; the nonce serves later calls.
    pub(super) async fn register(&mut self, algorithm: &str) {
        algorithm.clone_into(&mut self.algorithm);
        let mut dialog = self.dialog(&format!("sip:{}", self.service));
        dialog.to = format!("<sip:{}@phone.example>", self.account);
        let more = "Expires: 3600\r\n";
        let text = self.text("REGISTER", &dialog, more, "");
        self.send(text.as_bytes()).await;
        let challenge = self.answer_to("REGISTER").await;
        assert_eq!(challenge.status(), Some(401), "{}", challenge.0);
        self.take_challenge(&challenge);
        let answer = self.register_again(&mut dialog).await;
        assert_eq!(answer.status(), Some(200), "{}", answer.0);
        assert!(answer.header("Contact").contains("expires=120"), "{}", answer.0);
    }

    /// Refreshes with the next count of the nonce.
    pub(super) async fn register_again(&mut self, dialog: &mut Dialog) -> Message {
        dialog.cseq += 1;
        let uri = dialog.uri.clone();
        let more = format!("Expires: 3600\r\n{}", self.proof("REGISTER", &uri));
        let text = self.text("REGISTER", dialog, &more, "");
        self.send(text.as_bytes()).await;
        self.answer_to("REGISTER").await
    }

    /// Counts the nonce on to this.
    pub(super) fn count_to(&mut self, count: u32) {
        self.nonce.as_mut().expect("a nonce").count = count;
    }

    fn take_challenge(&mut self, message: &Message) {
        let challenges = message.headers("WWW-Authenticate");
        let is_wanted = |challenge: &&&str| {
            let algorithm = Message::parameter(challenge, "algorithm");
            algorithm.unwrap_or_else(|| "MD5".to_owned()) == self.algorithm
        };
        let challenge = challenges.iter().find(is_wanted).expect("a challenge of the algorithm");
        let nonce = Message::parameter(challenge, "nonce").expect("a nonce");
        self.nonce = Some(Nonce { algorithm: self.algorithm.clone(), nonce, count: 0 });
    }

    /// The header that proves who we are.
    pub(super) fn proof(&mut self, method: &str, uri: &str) -> String {
        let (account, password) = (self.account, self.password);
        let nonce = self.nonce.as_mut().expect("a nonce");
        nonce.count += 1;
        let hash = |text: &str| match nonce.algorithm.as_str() {
            "SHA-256" => hex(&Sha256::digest(text)),
            _ => hex(&Md5::digest(text)),
        };
        let count = format!("{:08x}", nonce.count);
        let secret = hash(&format!("{account}:{REALM}:{password}"));
        let what = hash(&format!("{method}:{uri}"));
        let response = hash(&format!("{secret}:{}:{count}:c0ffee:auth:{what}", nonce.nonce));
        format!(
            "Authorization: Digest username=\"{account}\", realm=\"{REALM}\", nonce=\"{}\", uri=\"{uri}\", response=\"{response}\", algorithm={}, cnonce=\"c0ffee\", qop=auth, nc={count}\r\n",
            nonce.nonce, nonce.algorithm
        )
    }

    /// Begins a call and answers no challenge: the dialog, and the first final answer.
    pub(super) async fn invite(&mut self, uri: &str) -> (Dialog, Message) {
        let mut dialog = self.dialog(uri);
        let sdp = self.sdp();
        let text = self.text("INVITE", &dialog, "Content-Type: application/sdp\r\n", &sdp);
        self.send(text.as_bytes()).await;
        let answer = self.answer_to("INVITE").await;
        self.take_answer(&mut dialog, &answer).await;
        (dialog, answer)
    }

    /// Sends the INVITE once more, with a proof.
    pub(super) async fn send_proven(&mut self, dialog: &mut Dialog, challenge: &Message) {
        self.take_challenge(challenge);
        dialog.cseq += 1;
        dialog.to = format!("<{}>", dialog.uri);
        let uri = dialog.uri.clone();
        let more = format!("Content-Type: application/sdp\r\n{}", self.proof("INVITE", &uri));
        let sdp = self.sdp();
        let text = self.text("INVITE", dialog, &more, &sdp);
        self.send(text.as_bytes()).await;
    }

    /// Calls and proves itself when asked to: the dialog, and the last answer.
    pub(super) async fn call(&mut self, uri: &str) -> (Dialog, Message) {
        let (mut dialog, answer) = self.invite(uri).await;
        if answer.status() != Some(401) {
            return (dialog, answer);
        }
        self.send_proven(&mut dialog, &answer).await;
        let answer = self.answer_to("INVITE").await;
        self.take_answer(&mut dialog, &answer).await;
        (dialog, answer)
    }

    /// Acknowledges a final answer.
    pub(super) async fn take_answer(&mut self, dialog: &mut Dialog, answer: &Message) {
        answer.header("To").clone_into(&mut dialog.to);
        let is_success = answer.status() == Some(200);
        let purpose = if is_success { "ACK" } else { "INVITE" };
        let branch = format!("z9hG4bK{}-{purpose}-{}", dialog.call_id, dialog.cseq);
        let text = self.text_with(("ACK", &branch), dialog, "", "");
        self.send(text.as_bytes()).await;
    }

    /// A request in an answered call, and its answer.
    pub(super) async fn say(
        &mut self,
        method: &str,
        dialog: &mut Dialog,
        (more, body): (&str, &str),
    ) -> Message {
        dialog.cseq += 1;
        let text = self.text(method, dialog, more, body);
        self.send(text.as_bytes()).await;
        self.answer_to(method).await
    }

    /// Answers a request that came in, as `who` of a dialog.
    pub(super) async fn respond(&mut self, request: &Message, status: &str, body: &str) {
        let mut text = format!("SIP/2.0 {status}\r\n");
        for name in ["Via", "From", "Call-ID", "CSeq"] {
            for value in request.headers(name) {
                write!(text, "{name}: {value}\r\n").expect("writes");
            }
        }
        let to = request.header("To");
        let tag = if to.contains(";tag=") { "" } else { ";tag=theirs" };
        let local = self.local;
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        write!(
            text,
            "To: {to}{tag}\r\nContact: <sip:theirs@{local}>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .expect("writes");
        self.send(text.as_bytes()).await;
    }

    /// The next packet of sound: its payload type and length.
    pub(super) async fn hear(&self) -> (u8, usize) {
        let mut buffer = [0; 2_048];
        let heard = tokio::time::timeout(PATIENCE, self.rtp.recv_from(&mut buffer)).await;
        let (length, _) = heard.expect("sound in time").expect("receives");
        (buffer[1] & 0x7f, length)
    }

    /// The payload of so many packets of sound.
    pub(super) async fn sound(&self, packets: usize) -> Vec<u8> {
        let mut sound = Vec::new();
        let mut buffer = [0; 2_048];
        for _ in 0..packets {
            let heard = tokio::time::timeout(PATIENCE, self.rtp.recv_from(&mut buffer)).await;
            let (length, _) = heard.expect("sound in time").expect("receives");
            sound.extend_from_slice(&buffer[12..length]);
        }
        sound
    }

    /// Presses a key as RFC 4733 tells it: three packets, and three more at its end.
    pub(super) async fn press(&self, event: u8, at: u32, to: SocketAddr) {
        for packet in 0..6_u8 {
            let is_end = 3 <= packet;
            let duration: u16 = 160 * u16::from(packet.min(3) + 1);
            let mut bytes = vec![0x80, if packet == 0 { 0x80 | 101 } else { 101 }];
            let sequence = u16::try_from(at / 160).expect("fits") + u16::from(packet);
            bytes.extend(sequence.to_be_bytes());
            bytes.extend(at.to_be_bytes());
            bytes.extend([1, 2, 3, 4]);
            bytes.extend([event, if is_end { 0x8a } else { 0x0a }]);
            bytes.extend(duration.to_be_bytes());
            self.rtp.send_to(&bytes, to).await.expect("sends");
        }
    }

    /// Says a packet of A-law, 20 ms, with the timestamp `at`.
    pub(super) async fn speak(&self, octets: &[u8], at: u32, to: SocketAddr) {
        let mut bytes = vec![0x80, 8];
        bytes.extend(u16::try_from(at / 160).expect("fits").to_be_bytes());
        bytes.extend(at.to_be_bytes());
        bytes.extend([1, 2, 3, 4]);
        bytes.extend(octets);
        self.rtp.send_to(&bytes, to).await.expect("sends");
    }

    pub(super) fn set_service(&mut self, service: SocketAddr) {
        self.service = service;
    }
}

/// Cuts one message out of what a stream brought.
fn take_message(waiting: &mut Vec<u8>) -> Option<Message> {
    let text = String::from_utf8_lossy(waiting).into_owned();
    let head = text.find("\r\n\r\n")? + 4;
    let length = Message(text.clone()).header("Content-Length").parse::<usize>().ok()?;
    let whole = head + length;
    if waiting.len() < whole {
        return None;
    }
    let rest = waiting.split_off(whole);
    let message = std::mem::replace(waiting, rest);
    Some(Message(String::from_utf8_lossy(&message).into_owned()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
