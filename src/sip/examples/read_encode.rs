//! Measures what reading and writing an INVITE of a telephone costs: `cargo run -p lianfang-sip --example read_encode`.
//!
//! Run by hand; the figure depends on the machine and the profile and is not compared with anything.

use lianfang_sip::message::{MessageExt as _, encode};
use lianfang_sip::reader::read;
use std::hint::black_box;
use std::time::{Duration, Instant};

const ROUNDS: u32 = 20_000;

const INVITE: &str = "INVITE sip:%239@xm.example;user=phone SIP/2.0\r\n\
    Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK-524287-1---3f1c;rport\r\n\
    Max-Forwards: 70\r\n\
    Contact: <sip:05925551234@192.0.2.7:5060;transport=udp>\r\n\
    To: <sip:%239@xm.example;user=phone>\r\n\
    From: \"05925551234\" <sip:05925551234@xm.example;user=phone>;tag=1c99\r\n\
    Call-ID: 84732-b1c2@192.0.2.7\r\n\
    CSeq: 1 INVITE\r\n\
    Content-Type: application/sdp\r\n\
    Content-Length: 127\r\n\
    \r\n\
    v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n\
    m=audio 16500 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n";

#[expect(clippy::disallowed_methods, reason = "a measurement by hand reads the clock itself")]
fn timed(mut work: impl FnMut()) -> Duration {
    let start = Instant::now();
    (0..ROUNDS).for_each(|_| work());
    start.elapsed() / ROUNDS
}

#[expect(clippy::print_stdout, reason = "the result is for a person")]
fn main() -> Result<(), lianfang_sip::reader::Malformed> {
    let message = read(INVITE.as_bytes())?;
    let reading = timed(|| drop(black_box(read(black_box(INVITE.as_bytes())))));
    let writing = timed(|| drop(black_box(encode(black_box(&message)))));
    let typed = timed(|| {
        let message = black_box(&message);
        drop(black_box((message.via(), message.from_header(), message.to_header())));
    });
    println!(
        "{} bytes: read {reading:?}, encode {writing:?}, Via, From and To typed {typed:?}",
        INVITE.len()
    );
    Ok(())
}
