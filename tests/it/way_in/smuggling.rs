//! A proxy and the service must see the same requests: whatever leaves room for doubt where one ends gets one answer and
//! an end (RFC 9112, section 11.2).

use super::{PATIENCE, Program};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What stands behind the first request and must never be read as another.
const BEHIND: &str = "GET /healthz HTTP/1.1\r\nHost: alarm.example\r\n\r\n";
/// Heads and bodies of requests whose end two readers may see in different places.
const DOUBTFUL: [(&str, &str); 8] = [
    ("HTTP/1.1\r\nContent-Length: 6\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
    ("HTTP/1.1\r\nContent-Length: 6\r\nContent-Length: 7", "abcdefg"),
    ("HTTP/1.1\r\nTransfer-Encoding: chunked, identity", "0\r\n\r\n"),
    ("HTTP/1.1\r\nTransfer-Encoding : chunked", "0\r\n\r\n"),
    ("HTTP/1.1\r\nContent-Length: +6", "abcdef"),
    ("HTTP/1.1\r\nX: a\r\n Transfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\n"),
    ("HTTP/1.1\r\nTransfer-Encoding: xchunked\r\nContent-Length: 5", "0\r\n\r\n"),
    ("HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
];

/// Everything that is answered until the connection ends.
async fn said_to(program: &Program, request: &str) -> String {
    let talk = async {
        let mut stream = TcpStream::connect(program.address).await.expect("connects");
        stream.write_all(request.as_bytes()).await.expect("is sent");
        let mut said = Vec::new();
        // An end with a reset is an end.
        let _ = stream.read_to_end(&mut said).await;
        String::from_utf8_lossy(&said).into_owned()
    };
    tokio::time::timeout(PATIENCE, talk).await.unwrap_or_else(|_| panic!("goes on: {request}"))
}

#[tokio::test]
async fn nobody_hides_a_request_behind_another() {
    let program = Program::start(tempfile::tempdir().expect("a folder"), "").await;
    for (head, body) in DOUBTFUL {
        let request = format!("POST /login {head}\r\nHost: alarm.example\r\n\r\n{body}{BEHIND}");
        let said = said_to(&program, &request).await;
        assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "{head}: {said}");
        assert!(said.starts_with("HTTP/1.1 40"), "{head}: {said}");
    }
    // One whose end is clear is followed by the next.
    let clear = format!(
        "GET /healthz HTTP/1.1\r\nHost: alarm.example\r\n\r\n{}",
        BEHIND.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")
    );
    assert_eq!(said_to(&program, &clear).await.matches("HTTP/1.1 200").count(), 2);
}
