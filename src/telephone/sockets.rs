//! The sockets of SIP: receives datagrams and streams, hands them to shards, sends what shards say.
//!
//! Must not read messages beyond the Call-ID. A datagram that finds its shard's queue full is dropped and counted: the
//! sender repeats it. Large ones go first, and the last places are kept for what the switchboard wants. A stream that
//! finds no place is slowed down by not reading on; it waits outside of the queue, where it is in nobody's way.

use super::routing::ShardTable;
use super::shard::ShardInput;
use crate::clock::Clock;
use crate::config::{ListenAddress, Transport as Listening};
use crate::tasks::Tasks;
use lianfang_sip::agent::api::{Bytes, Flow, Transport};
use lianfang_sip::framing::{Framed, Framer, FramingConfig, PING};
use socket2::{Domain, Protocol, Socket, Type};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Largest UDP payload.
const DATAGRAM_BYTES_MAX: usize = 65_535;
/// Datagrams taken in a row before others get their turn.
const DATAGRAMS_IN_A_ROW: usize = 256;
/// A datagram above this is large: few telephones ever send one.
const LARGE_BYTES: usize = 8 * 1024;
/// Inputs that may wait in a queue that still takes large datagrams, so that a flood of them fills no memory.
const LARGE_WAITING_MAX: usize = 1_024;
/// Places in the queue of a shard that datagrams leave to orders and answers of the switchboard.
const RESERVED: usize = 4_096;
/// Kernel buffers: a second of a storm fits in.
const SOCKET_BUFFER_BYTES: usize = 8 * 1024 * 1024;
/// Streams at once; further ones are closed at once.
const STREAMS_MAX: usize = 20_000;
/// Streams at once from one address: a whole building may sit behind it.
const STREAMS_PER_ADDRESS_MAX: usize = 2_000;
/// Messages that wait to be written into one stream; a peer that reads no faster loses its connection.
const STREAM_QUEUE_MAX: usize = 256;
const READ_BYTES: usize = 4 * 1024;
/// How often the first stream in line looks whether its shard has room again.
const STREAM_PAUSE: Duration = Duration::from_millis(2);
/// The framer has its own, shorter deadlines.
const IDLE_MAX: Duration = Duration::from_secs(4 * 3_600);
const CONNECT_MAX: Duration = Duration::from_secs(4);
const WRITE_MAX: Duration = Duration::from_secs(10);

/// Every open socket and stream.
#[derive(Debug)]
pub(super) struct Sockets {
    udp: BTreeMap<SocketAddr, Arc<UdpSocket>>,
    /// Where we listen, in the order of the configuration.
    listening: Vec<ListenAddress>,
    streams: Mutex<Streams>,
    turnstiles: Turnstiles,
    next_connection: AtomicU64,
    shards: ShardTable,
    clock: Clock,
    tasks: Tasks,
}

#[derive(Debug, Default)]
struct Streams {
    by_connection: HashMap<u64, Stream>,
    by_remote: HashMap<SocketAddr, u64>,
    by_address: HashMap<IpAddr, usize>,
}

/// Streams that found their shard full stand here in order; the first one looks whether it has room again. Large
/// messages wait for longer, so they have a line of their own.
#[derive(Debug, Default)]
struct Turnstiles {
    small: tokio::sync::Mutex<()>,
    large: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Stream {
    flow: Flow,
    writer: mpsc::Sender<Bytes>,
}

impl Sockets {
    /// Opens what is configured and starts to receive.
    ///
    /// # Errors
    /// When an address cannot be bound.
    pub(super) async fn open(
        listen: &[ListenAddress],
        dscp: u8,
        shards: ShardTable,
        clock: Clock,
        tasks: Tasks,
    ) -> Result<Arc<Self>, (SocketAddr, io::Error)> {
        let mut udp = BTreeMap::new();
        let mut listeners = Vec::new();
        let mut listening = Vec::new();
        for listen in listen {
            let failed = |error| (listen.address, error);
            let address = match listen.transport {
                Listening::Udp => {
                    let socket = bind_udp(listen.address, dscp).map_err(failed)?;
                    let local = socket.local_addr().map_err(failed)?;
                    udp.insert(local, Arc::new(socket));
                    local
                }
                Listening::Tcp => {
                    let listener = TcpListener::bind(listen.address).await.map_err(failed)?;
                    let local = listener.local_addr().map_err(failed)?;
                    listeners.push((listener, local));
                    local
                }
            };
            listening.push(ListenAddress { address, ..*listen });
        }
        let sockets = Arc::new(Self {
            udp,
            listening,
            streams: Mutex::default(),
            turnstiles: Turnstiles::default(),
            next_connection: AtomicU64::new(1),
            shards,
            clock,
            tasks,
        });
        for (local, socket) in &sockets.udp {
            let (sockets, socket, local) = (Arc::clone(&sockets), Arc::clone(socket), *local);
            let tasks = sockets.tasks.clone();
            tasks.start("sip_udp", move |stop| async move {
                receive(&sockets, &socket, local, stop).await
            });
        }
        for (listener, local) in listeners {
            let sockets = Arc::clone(&sockets);
            let tasks = sockets.tasks.clone();
            tasks.start("sip_tcp", move |stop| async move {
                accept(sockets, (listener, local), stop).await;
            });
        }
        Ok(sockets)
    }

    /// The UDP address from which we reach somebody: the first of the same family, and on the loopback only what is
    /// there too, since packets from one do not get to the other.
    pub(super) fn udp_towards(&self, remote: SocketAddr) -> Option<SocketAddr> {
        let is_way = |local: IpAddr| {
            let is_loopback_alike = local.is_loopback() == remote.ip().is_loopback();
            local.is_ipv4() == remote.is_ipv4() && (local.is_unspecified() || is_loopback_alike)
        };
        let is_family = |local: IpAddr| local.is_ipv4() == remote.is_ipv4();
        let udp = || {
            let listening = self.listening.iter().filter(|known| known.transport == Listening::Udp);
            listening.map(|known| known.address)
        };
        udp().find(|local| is_way(local.ip())).or_else(|| udp().find(|local| is_family(local.ip())))
    }

    /// Where we listen, with the ports that the system chose where none was given.
    pub(super) fn listening(&self) -> &[ListenAddress] {
        &self.listening
    }

    /// Sends one message. What cannot be sent now is dropped and counted; transactions repeat it.
    pub(super) fn send(self: &Arc<Self>, flow: Flow, bytes: Bytes) {
        match flow.transport {
            Transport::Udp => {
                let Some(socket) = self.udp.get(&flow.local) else {
                    return count_unsent("no_socket");
                };
                if socket.try_send_to(&bytes, flow.remote).is_err() {
                    count_unsent("udp");
                }
            }
            Transport::Tcp | Transport::Tls => self.send_stream(flow, bytes),
        }
    }

    fn send_stream(self: &Arc<Self>, flow: Flow, bytes: Bytes) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = match flow.connection {
            0 => streams.by_remote.get(&flow.remote).copied().unwrap_or_else(|| {
                let connection = self.connect(&mut streams, flow);
                connection.unwrap_or_default()
            }),
            connection => connection,
        };
        let sent =
            streams.by_connection.get(&connection).map(|stream| stream.writer.try_send(bytes));
        if !matches!(sent, Some(Ok(()))) {
            count_unsent("stream");
        }
    }

    /// Opens a stream of ours; what is sent meanwhile waits in its queue.
    fn connect(self: &Arc<Self>, streams: &mut Streams, flow: Flow) -> Option<u64> {
        let connection = self.next_connection.fetch_add(1, Ordering::Relaxed);
        let (writer, queue) = mpsc::channel(STREAM_QUEUE_MAX);
        let flow = Flow { connection, ..flow };
        if !streams.insert(flow, writer) {
            return None;
        }
        let sockets = Arc::clone(self);
        self.tasks.start("sip_connect", move |stop| async move {
            match tokio::time::timeout(CONNECT_MAX, TcpStream::connect(flow.remote)).await {
                Ok(Ok(stream)) => sockets.run_stream(stream, flow, queue, stop).await,
                Ok(Err(_)) | Err(_) => sockets.forget_stream(flow).await,
            }
        });
        Some(connection)
    }

    async fn run_stream(
        self: &Arc<Self>,
        stream: TcpStream,
        flow: Flow,
        queue: mpsc::Receiver<Bytes>,
        stop: CancellationToken,
    ) {
        // Signalling is small and urgent; failing to say so is no reason to refuse it.
        let _ = stream.set_nodelay(true);
        let (reader, writer) = stream.into_split();
        tokio::select! {
            () = self.read_stream(reader, flow) => {}
            () = write_stream(writer, queue) => {}
            () = stop.cancelled() => {}
        }
        self.forget_stream(flow).await;
    }

    async fn read_stream(&self, mut reader: OwnedReadHalf, flow: Flow) {
        let mut framer = Framer::new(FramingConfig::default(), self.clock.now());
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let wait = framer.poll_timeout().map_or(IDLE_MAX, |(due, _)| self.clock.until(due));
            let read = match tokio::time::timeout(wait, reader.read(&mut buffer)).await {
                Ok(Ok(0)) | Ok(Err(_)) => return,
                Ok(Ok(read)) => read,
                Err(_) => 0,
            };
            match read {
                0 => framer.on_timeout(self.clock.now()),
                read => framer.on_bytes(buffer.get(..read).unwrap_or_default(), self.clock.now()),
            }
            while let Some(framed) = framer.poll_output() {
                match framed {
                    Framed::Packet(bytes) if bytes == PING => self.pong(flow),
                    Framed::Packet(bytes) => {
                        let shard = self.shards.of_message(&bytes);
                        self.turnstiles.wait_for_room(shard, bytes.len()).await;
                        if shard.send(ShardInput::Packet { flow, bytes }).await.is_err() {
                            return;
                        }
                    }
                    Framed::Close(error) => {
                        tracing::debug!(%error, "A SIP stream is closed");
                        return;
                    }
                }
            }
        }
    }

    /// Answers a keepalive (RFC 5626 4.4.1).
    fn pong(&self, flow: Flow) {
        let streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stream) = streams.by_connection.get(&flow.connection) {
            // A full queue means that the peer does not read; its keepalive may then fail.
            let _ = stream.writer.try_send(Bytes::from(&b"\r\n"[..]));
        }
    }

    async fn forget_stream(&self, flow: Flow) {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner).remove(flow);
        for shard in self.shards.all() {
            let closed = shard.send(ShardInput::StreamClosed { flow });
            if tokio::time::timeout(WRITE_MAX, closed).await.is_err() {
                tracing::error!("A SIP shard does not take inputs");
            }
        }
    }
}

impl Streams {
    fn insert(&mut self, flow: Flow, writer: mpsc::Sender<Bytes>) -> bool {
        let of_address = self.by_address.get(&flow.remote.ip()).copied().unwrap_or_default();
        if STREAMS_MAX <= self.by_connection.len() || STREAMS_PER_ADDRESS_MAX <= of_address {
            return false;
        }
        self.by_address.insert(flow.remote.ip(), of_address + 1);
        self.by_remote.insert(flow.remote, flow.connection);
        self.by_connection.insert(flow.connection, Stream { flow, writer });
        true
    }

    fn remove(&mut self, flow: Flow) {
        let Some(stream) = self.by_connection.remove(&flow.connection) else { return };
        if self.by_remote.get(&stream.flow.remote) == Some(&flow.connection) {
            self.by_remote.remove(&stream.flow.remote);
        }
        if let Some(count) = self.by_address.get_mut(&stream.flow.remote.ip()) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&stream.flow.remote.ip());
            }
        }
    }
}

async fn receive(
    sockets: &Sockets,
    socket: &UdpSocket,
    local: SocketAddr,
    stop: CancellationToken,
) {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        tokio::select! {
            readable = socket.readable() => {
                if let Err(error) = readable {
                    tracing::error!(%error, "The SIP socket fails");
                    return;
                }
            }
            () = stop.cancelled() => return,
        }
        for _ in 0..DATAGRAMS_IN_A_ROW {
            let Ok((length, remote)) = socket.try_recv_from(&mut buffer) else { break };
            let bytes = buffer.get(..length).unwrap_or_default();
            let flow = Flow { transport: Transport::Udp, local, remote, connection: 0 };
            let shard = sockets.shards.of_message(bytes);
            let is_taken = has_room(shard, length)
                && shard.try_send(ShardInput::Packet { flow, bytes: bytes.to_vec() }).is_ok();
            if !is_taken {
                metrics::counter!("lianfang_sip_shed_total", "where" => "queue").increment(1);
            }
        }
    }
}

/// Whether a datagram of this length may wait in the queue.
fn has_room(shard: &mpsc::Sender<ShardInput>, length: usize) -> bool {
    let waiting = shard.max_capacity().saturating_sub(shard.capacity());
    let is_small_or_early = length <= LARGE_BYTES || waiting < LARGE_WAITING_MAX;
    is_small_or_early && RESERVED < shard.capacity()
}

impl Turnstiles {
    /// Waits until what a stream has read may go into the queue. Whoever waited inside of it would be served before the
    /// switchboard's orders, which are then refused.
    async fn wait_for_room(&self, shard: &mpsc::Sender<ShardInput>, length: usize) {
        if has_room(shard, length) {
            return;
        }
        metrics::counter!("lianfang_sip_streams_slowed_total").increment(1);
        let line = if length <= LARGE_BYTES { &self.small } else { &self.large };
        let _first_in_line = line.lock().await;
        while !has_room(shard, length) && !shard.is_closed() {
            tokio::time::sleep(STREAM_PAUSE).await;
        }
    }
}

async fn accept(
    sockets: Arc<Sockets>,
    (listener, local): (TcpListener, SocketAddr),
    stop: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        let (stream, remote) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors: closing streams frees some.
                tracing::warn!(%error, "Cannot accept a SIP connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let connection = sockets.next_connection.fetch_add(1, Ordering::Relaxed);
        let flow = Flow { transport: Transport::Tcp, local, remote, connection };
        let (writer, queue) = mpsc::channel(STREAM_QUEUE_MAX);
        let fits =
            sockets.streams.lock().unwrap_or_else(PoisonError::into_inner).insert(flow, writer);
        if !fits {
            metrics::counter!("lianfang_sip_shed_total", "where" => "streams").increment(1);
            continue;
        }
        let sockets = Arc::clone(&sockets);
        let tasks = sockets.tasks.clone();
        tasks.start("sip_stream", move |stop| async move {
            sockets.run_stream(stream, flow, queue, stop).await;
        });
    }
}

async fn write_stream(mut writer: OwnedWriteHalf, mut queue: mpsc::Receiver<Bytes>) {
    while let Some(bytes) = queue.recv().await {
        let written = tokio::time::timeout(WRITE_MAX, writer.write_all(&bytes)).await;
        if !matches!(written, Ok(Ok(()))) {
            return;
        }
    }
}

fn bind_udp(address: SocketAddr, dscp: u8) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    // The kernel may grant less; that is no reason to fail.
    let _ = socket.set_recv_buffer_size(SOCKET_BUFFER_BYTES);
    let _ = socket.set_send_buffer_size(SOCKET_BUFFER_BYTES);
    let octet = u32::from(dscp) << 2;
    let _ = match address {
        SocketAddr::V4(_) => socket.set_tos_v4(octet),
        SocketAddr::V6(_) => socket.set_tclass_v6(octet),
    };
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

fn count_unsent(why: &'static str) {
    metrics::counter!("lianfang_sip_unsent_total", "why" => why).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telephone::shard::INBOX_MAX;

    #[tokio::test]
    async fn a_flood_leaves_places_for_the_switchboard_and_fills_no_memory() {
        let (shard, _inbox) = mpsc::channel(INBOX_MAX);
        let fill = |length: usize| {
            let mut taken = 0;
            while has_room(&shard, length) {
                shard.try_send(ShardInput::Probe { trunk: 0 }).expect("room");
                taken += 1;
            }
            taken
        };
        assert_eq!(fill(DATAGRAM_BYTES_MAX), LARGE_WAITING_MAX);
        assert_eq!(fill(LARGE_BYTES), INBOX_MAX - LARGE_WAITING_MAX - RESERVED);
        assert_eq!(shard.capacity(), RESERVED);
    }

    #[tokio::test]
    async fn a_flood_over_streams_leaves_places_for_the_switchboard() {
        let (shard, mut inbox) = mpsc::channel(INBOX_MAX);
        while has_room(&shard, LARGE_BYTES) {
            shard.try_send(ShardInput::Probe { trunk: 0 }).expect("room");
        }
        let turnstiles = Turnstiles::default();
        let stream = || turnstiles.wait_for_room(&shard, LARGE_BYTES);
        let (mut first, mut second) = (std::pin::pin!(stream()), std::pin::pin!(stream()));
        assert!(at_once(first.as_mut()).await.is_none(), "no place of the switchboard's");
        assert!(at_once(second.as_mut()).await.is_none());
        for _ in 0..RESERVED {
            shard.try_send(ShardInput::Probe { trunk: 1 }).expect("the switchboard has its places");
        }
        for _ in 0..=RESERVED {
            inbox.recv().await.expect("an input");
        }
        let both = async { tokio::join!(first, second) };
        tokio::time::timeout(Duration::from_secs(5), both).await.expect("room again");
    }

    /// The result, if there is one without waiting.
    async fn at_once<T>(waiting: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = waiting => Some(done),
            () = std::future::ready(()) => None,
        }
    }

    #[test]
    fn streams_are_counted_by_address_and_forgotten() {
        let mut streams = Streams::default();
        let flow = |connection: u64, port: u16| Flow {
            transport: Transport::Tcp,
            local: SocketAddr::from(([127, 0, 0, 1], 5060)),
            remote: SocketAddr::from(([127, 0, 0, 2], port)),
            connection,
        };
        let (writer, _queue) = mpsc::channel(1);
        let most = u64::try_from(STREAMS_PER_ADDRESS_MAX).expect("fits");
        for connection in 1..=most {
            let port = u16::try_from(connection).expect("fits");
            assert!(streams.insert(flow(connection, port), writer.clone()));
        }
        assert!(!streams.insert(flow(most + 1, 60_000), writer.clone()), "one address has enough");
        streams.remove(flow(1, 1));
        assert!(streams.insert(flow(most + 1, 60_000), writer));
        for connection in 2..=most + 1 {
            streams.remove(flow(connection, 0));
        }
        let left = (streams.by_connection.len(), streams.by_remote.len(), streams.by_address.len());
        assert_eq!(left, (0, 0, 0));
    }
}
