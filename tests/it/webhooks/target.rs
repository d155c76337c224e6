//! A target of messages: an HTTPS server of a few lines that answers as a test wants.

use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The name that it proves.
pub(super) const HOST: &str = "hooks.example.com";

/// What it answers.
#[derive(Clone)]
pub(super) enum Answer {
    Status(u16),
    Redirect(String),
    /// Success, and then a body without an end.
    Endless,
    /// No HTTP.
    Garbage,
    /// Nothing, with the connection open.
    Never,
}

/// What was sent to it.
pub(super) struct Message {
    pub(super) head: String,
    pub(super) body: String,
}

impl Message {
    pub(super) fn header(&self, name: &str) -> &str {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

pub(super) struct Target {
    port: u16,
    /// What trusts it, in PEM.
    pub(super) authority: String,
    messages: mpsc::Receiver<Message>,
    connections: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Target {
    /// Answers in turn, and in the end as the last one says.
    pub(super) async fn start(answers: Vec<Answer>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![HOST.to_owned()]).expect("parameters");
        let certificate = params.self_signed(&key).expect("a certificate");
        let secret = PrivatePkcs8KeyDer::from(key.serialize_der());
        let config = ServerConfig::builder().with_no_client_auth();
        let config = config.with_single_cert(vec![certificate.der().clone()], secret.into());
        let acceptor = TlsAcceptor::from(Arc::new(config.expect("a configuration")));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (tell, messages) = mpsc::channel(100);
        let connections = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        let counted = Arc::clone(&connections);
        tasks.spawn(async move {
            let mut served = JoinSet::new();
            let answers = Arc::new(Mutex::new(answers));
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                served.spawn(serve(stream, acceptor.clone(), Arc::clone(&answers), tell.clone()));
            }
        });
        let authority = certificate.pem();
        Self { port, authority, messages, connections, _tasks: tasks }
    }

    /// As the configuration names it.
    pub(super) fn host(&self) -> String {
        format!("{HOST}:{}", self.port)
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.host())
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(super) async fn next(&mut self) -> Message {
        let message = tokio::time::timeout(super::PATIENCE, self.messages.recv()).await;
        message.expect("a message in time").expect("the target runs")
    }
}

async fn serve(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    answers: Arc<Mutex<Vec<Answer>>>,
    tell: mpsc::Sender<Message>,
) {
    // Whoever does not trust it goes away.
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    let Some(message) = read(&mut stream).await else { return };
    let answer = {
        let mut answers = answers.lock().await;
        let answer = answers.first().cloned().expect("an answer");
        if 1 < answers.len() {
            answers.remove(0);
        }
        answer
    };
    tell.send(message).await.expect("the test listens");
    let text = match &answer {
        Answer::Status(status) => format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n"),
        Answer::Redirect(to) => {
            format!("HTTP/1.1 302 X\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n")
        }
        Answer::Endless => "HTTP/1.1 200 X\r\ncontent-length: 9999999999\r\n\r\n".to_owned(),
        Answer::Garbage => "SSH-2.0-OpenSSH_9.9\r\n\r\n".to_owned(),
        Answer::Never => return std::future::pending().await,
    };
    // The other side may be gone already.
    let _ = stream.write_all(text.as_bytes()).await;
    if matches!(answer, Answer::Endless) {
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    }
    let _ = stream.shutdown().await;
}

async fn read(stream: &mut TlsStream<TcpStream>) -> Option<Message> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let count = stream.read(&mut piece).await.ok().filter(|count| *count != 0)?;
        bytes.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let message = Message { head: format!("{head}\r\n"), body: body.to_owned() };
        let length: usize = message.header("content-length").parse().expect("a length");
        if length <= message.body.len() {
            return Some(message);
        }
    }
}
