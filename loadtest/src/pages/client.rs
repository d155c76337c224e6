//! A client that takes the time: from the last byte of a request to the first byte of its answer.

use crate::clock::now;
use anyhow::{Context as _, bail};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who asks.
#[derive(Clone, Debug)]
pub(super) enum As {
    /// A program with a token.
    Token(String),
    /// Somebody who is signed in on the console.
    Session(String),
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Until its first byte was there.
    pub(super) first_byte: Duration,
    pub(super) body: Vec<u8>,
}

/// Asks for a path over a connection of its own, which is there before the time begins.
pub(super) fn get(service: SocketAddr, path: &str, who: &As) -> anyhow::Result<Answer> {
    let mut stream = TcpStream::connect(service).context("the service is not there")?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let who = match who {
        As::Token(secret) => format!("Authorization: Bearer {secret}"),
        As::Session(secret) => format!("Cookie: lianfang={secret}"),
    };
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {service}\r\n{who}\r\nAccept: */*\r\nAccept-Language: zh-CN\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let start = now();
    let mut first = [0; 1];
    stream.read_exact(&mut first).with_context(|| format!("{path} is not answered"))?;
    let first_byte = now().duration_since(start);
    let mut rest = first.to_vec();
    stream.read_to_end(&mut rest)?;
    let end = rest.windows(4).position(|four| four == b"\r\n\r\n");
    let Some((head, body)) = end.and_then(|end| rest.split_at_checked(end + 4)) else {
        bail!("{path} has no end of its head");
    };
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.with_context(|| format!("{path} has no status"))?;
    let is_chunked = head.contains("transfer-encoding: chunked");
    let body = if is_chunked { joined(body) } else { body.to_vec() };
    Ok(Answer { status, first_byte, body })
}

/// The chunks of a body, without their heads; what is broken off ends it.
fn joined(mut body: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(end) = body.windows(2).position(|two| two == b"\r\n") {
        let size = body.get(..end).and_then(|size| std::str::from_utf8(size).ok());
        let size = size.and_then(|size| usize::from_str_radix(size.trim(), 16).ok());
        let Some(size) = size.filter(|size| 0 < *size) else { break };
        let Some(chunk) = body.get(end + 2..end + 2 + size) else { break };
        all.extend_from_slice(chunk);
        body = body.get(end + 2 + size + 2..).unwrap_or_default();
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn chunks_are_joined() {
        assert_eq!(joined(b"3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n"), b"abc0123456789");
        assert_eq!(joined(b"5\r\nab"), b"");
    }

    #[test]
    fn the_first_byte_is_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (mut stream, _) = listener.accept().expect("a client");
                let mut asked = [0; 4096];
                let read = stream.read(&mut asked).expect("a request");
                let asked = String::from_utf8_lossy(&asked[..read]).into_owned();
                assert!(asked.starts_with("GET /a HTTP/1.1\r\n"), "{asked}");
                assert!(asked.contains("Cookie: lianfang=lfs_1\r\n"), "{asked}");
                std::thread::park_timeout(Duration::from_millis(30));
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")
                    .expect("writes");
            });
            let answer = get(address, "/a", &As::Session("lfs_1".to_owned())).expect("answers");
            assert_eq!((answer.status, answer.body.as_slice()), (200, b"hi".as_slice()));
            assert!(Duration::from_millis(20) < answer.first_byte, "{:?}", answer.first_byte);
        });
    }
}
