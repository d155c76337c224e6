//! RTP: paced prompts out, keys in, rooms to talk in, recordings. One thread of its own sends and hears for all calls.
//!
//! Read in this order: [`playlist`] (what is played), `session` (one call: a protocol machine without clock or
//! socket), `engine` (the thread that drives all of them), [`room`] (sessions that hear each other), [`recording`]
//! (what a session hears, kept). Must not know dialogs, alarms or files.

mod calendar;
mod engine;
mod plan;
mod ports;
mod session;

pub mod playlist;
pub mod recording;
pub mod room;

pub use plan::{Direction, MediaPlan};
pub use playlist::{Codec, Piece, Playlist, Recording, Rounds};
pub use recording::{RecordLimits, Take, TakeEnd};
pub use room::{RoomId, Talk};
pub use session::{EVENT_TYPES_MAX, SessionStats};

use crate::clock::Clock;
use crate::tasks::Tasks;
use engine::{Command, Queue};
use jiff::Timestamp;
use lianfang_domain::digits::Key;
use ports::{PortLease, PortPool};
use recording::Studio;
use room::Rooms;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU8;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

/// How often we try another port when the system says that one is taken by somebody else.
const BIND_ATTEMPTS_MAX: usize = 32;

/// Where and how media flows.
#[derive(Clone, Debug)]
pub struct MediaConfig {
    /// The address that the sockets are bound to.
    pub bind_ip: IpAddr,
    /// The ports; the even ones are used. How many there are is how many sessions there can be.
    pub ports: RangeInclusive<u16>,
    /// Differentiated services code point of what we send, 0 to 63.
    pub dscp: u8,
    /// Threads that send and hear. One carries several thousand calls.
    pub threads: NonZeroU8,
    /// How long nothing may be heard from a peer that should send before [`Report::PeerSilent`]; zero is for ever.
    pub silence_timeout: Duration,
}

impl Default for MediaConfig {
    /// Every IPv4 address, 8,192 sessions in the range that carriers' firewalls know, expedited forwarding (RFC 4594
    /// 4.1), 30 s of silence (what trunks themselves grant).
    fn default() -> Self {
        Self {
            bind_ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            ports: 16_384..=32_767,
            dscp: 46,
            threads: NonZeroU8::MIN,
            silence_timeout: Duration::from_secs(30),
        }
    }
}

/// A session to be opened.
#[derive(Debug)]
pub struct OpenSession {
    /// Its id, chosen by the caller and used once.
    pub id: u64,
    /// Where its events go. When it is full, keys wait (16 for a session), other reports make room for them.
    pub events: mpsc::Sender<MediaEvent>,
    /// What becomes of packets that come before [`Media::start`].
    pub early: EarlyMedia,
}

/// What becomes of packets that arrive before the session starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EarlyMedia {
    /// They count for nothing: we have offered, and they were sent before the answer (RFC 3264 5.1).
    Dropped,
    /// They are heard as soon as it starts: we answer, and nobody knows the port before they have our answer. A
    /// device that keys within a millisecond of the 200 must not be ahead of the thread.
    Heard,
}

/// A session that was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The port that it hears on, for the SDP.
    pub local_port: u16,
}

/// Something happened in a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaEvent {
    /// The id of the session.
    pub session: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub report: Report,
}

/// What happened in a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// A key was pressed; told once, at the start of the press.
    Key(Key),
    /// A playlist was played to its end; its id. Not told of one that was replaced or stopped.
    PlaylistEnded(u32),
    /// Nothing was heard for the configured time. Told once for each silence.
    PeerSilent,
    /// A recording has ended, for whichever reason; told once for each that began. It waits like a key when the
    /// channel is full.
    Recorded(Arc<Take>),
    /// The session was closed: its last event. Like any other but a key it is dropped when the channel is full.
    Closed(SessionStats),
}

/// Why media is refused.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// As many sessions as there are ports.
    #[error("cannot open a media session: every RTP port is taken")]
    PortsExhausted,
    /// The system gives us no socket.
    #[error("cannot open an RTP socket")]
    Socket(#[source] io::Error),
    /// Eight sit in the room already. One that has just left may still count for a moment.
    #[error("cannot join the room: all its places are taken")]
    RoomFull,
    /// [`recording::RECORDINGS_MAX`] recordings are under way or kept in memory.
    #[error("cannot record: as many recordings as there may be are under way")]
    RecordingsExhausted,
    /// The thread is 32,768 commands behind.
    #[error("cannot tell the media thread: its queue is full")]
    QueueFull,
    /// The process stops.
    #[error("cannot tell the media thread: it has stopped")]
    Stopped,
}

impl MediaError {
    /// Whether it may work in a moment.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::PortsExhausted | Self::QueueFull | Self::Socket(_) => true,
            Self::RoomFull | Self::RecordingsExhausted => true,
            Self::Stopped => false,
        }
    }
}

/// Counters of all sessions since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Sessions that are open: ports that are taken.
    pub sessions: usize,
    /// Sessions that can be open.
    pub sessions_max: usize,
    /// Packets sent.
    pub sent: u64,
    /// Packets that the system did not take.
    pub send_failed: u64,
    /// Frames that were left out because the thread was late.
    pub late: u64,
    /// Packets heard and used.
    pub received: u64,
    /// Packets that are not RTP.
    pub malformed: u64,
    /// Packets from somebody else or of a type that was not agreed.
    pub foreign: u64,
    /// Reports other than keys that found the channel full.
    pub reports_dropped: u64,
    /// Keys and recordings that found the channel and the backlog of their session full.
    pub keys_dropped: u64,
    /// Rooms in which somebody sits.
    pub rooms: usize,
    /// Recordings under way, or handed over and still in memory.
    pub recordings: usize,
}

/// The counters behind [`Stats`].
#[derive(Debug, Default)]
struct Counters {
    sent: AtomicU64,
    send_failed: AtomicU64,
    late: AtomicU64,
    received: AtomicU64,
    malformed: AtomicU64,
    foreign: AtomicU64,
    reports_dropped: AtomicU64,
    keys_dropped: AtomicU64,
}

impl Counters {
    /// Adds what a session has counted since `before`.
    fn add(&self, before: SessionStats, after: SessionStats) {
        let add = |counter: &AtomicU64, before: u32, after: u32| {
            if before < after {
                counter.fetch_add(u64::from(after - before), Ordering::Relaxed);
            }
        };
        add(&self.late, before.late, after.late);
        add(&self.received, before.received, after.received);
        add(&self.malformed, before.malformed, after.malformed);
        add(&self.foreign, before.foreign, after.foreign);
    }
}

/// A handle to the media threads. Its methods do not wait; they may be called from anywhere.
#[derive(Clone, Debug)]
pub struct Media(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    bind_ip: IpAddr,
    dscp: u8,
    pool: PortPool,
    queues: Vec<Arc<Queue>>,
    counters: Arc<Counters>,
    rooms: Rooms,
    studio: Studio,
}

impl Media {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system gives us no thread, no poll or no random seed.
    pub fn new(config: &MediaConfig, clock: &Clock, tasks: &Tasks) -> io::Result<Self> {
        let pool = PortPool::new(&config.ports, getrandom::u64()?);
        let counters = Arc::new(Counters::default());
        let mut queues = Vec::new();
        for _ in 0..config.threads.get() {
            let (queue, engine) =
                engine::Engine::new(clock.clone(), config.silence_timeout, Arc::clone(&counters))?;
            tasks.start_thread("media", move |stop| engine.run(&stop))?;
            queues.push(queue);
        }
        Ok(Self(Arc::new(Shared {
            bind_ip: config.bind_ip,
            dscp: config.dscp,
            pool,
            queues,
            counters,
            rooms: Rooms::default(),
            studio: Studio::new(),
        })))
    }

    /// Opens a session: binds its socket here and now, so that the port can be offered at once. Nothing is sent
    /// before [`Media::start`].
    ///
    /// # Errors
    /// When no port or socket is left, or the thread does not take it.
    pub fn open(&self, open: OpenSession) -> Result<Opened, MediaError> {
        let (socket, lease) = self.bind()?;
        let local_port = lease.port();
        let queue = self.queue(open.id)?;
        let seed = getrandom::u64().map_err(|error| MediaError::Socket(error.into()))?;
        queue.open(engine::Opening { open, socket, lease, seed })?;
        Ok(Opened { local_port })
    }

    /// Starts to send and hear, or changes how (re-INVITE). A change opens the peer's address to be learnt anew.
    ///
    /// # Errors
    /// When the thread does not take it. A session that is not open is no error: it may just have been closed.
    pub fn start(&self, id: u64, plan: MediaPlan) -> Result<(), MediaError> {
        self.queue(id)?.push(Command::Start(id, plan))
    }

    /// Plays instead of whatever plays now, from the next packet on. Before [`Media::start`] it waits for it.
    ///
    /// # Errors
    /// As [`Media::start`].
    pub fn play(&self, id: u64, playlist: Playlist) -> Result<(), MediaError> {
        self.queue(id)?.push(Command::Play(id, playlist))
    }

    /// Stops what plays; silence is sent on.
    ///
    /// # Errors
    /// As [`Media::start`].
    pub fn stop(&self, id: u64) -> Result<(), MediaError> {
        self.queue(id)?.push(Command::Stop(id))
    }

    /// Lets a session talk with the others in a room, from its next packet on: it hears all of them and not itself.
    /// A session that sits in another room leaves it; joining again changes how it talks.
    ///
    /// Everything else goes on: keys are reported, and what [`Media::play`] plays is laid over the talk, which goes on
    /// at a quarter. So whoever joins should stop what plays without end. A member that is on hold, sends nothing or
    /// has died is silence. The room ends when its last member leaves or is closed.
    ///
    /// # Errors
    /// [`MediaError::RoomFull`] when [`room::MEMBERS_MAX`] others sit there; otherwise as [`Media::start`].
    pub fn join(&self, id: u64, room: RoomId, talk: Talk) -> Result<(), MediaError> {
        let seat = self.0.rooms.reserve(id, room, talk)?;
        self.queue(id)?.push(Command::Join(id, Box::new(seat)))
    }

    /// Leaves the room. What plays to the session alone goes on.
    ///
    /// # Errors
    /// As [`Media::start`]. A session that sits in no room is no error.
    pub fn leave(&self, id: u64) -> Result<(), MediaError> {
        self.queue(id)?.push(Command::Leave(id))
    }

    /// Plays to all members of a room over their talk, which goes on at a quarter; after what is played to the room
    /// already. Nobody is told of its end. When [`room::CLIPS_MAX`] wait it is left out, and so is what is played to a
    /// room where nobody sits.
    ///
    /// # Errors
    /// As [`Media::start`].
    pub fn play_in_room(&self, room: RoomId, playlist: Playlist) -> Result<(), MediaError> {
        let Some(known) = self.0.rooms.get(room) else { return Ok(()) };
        self.queue(room.0)?.push(Command::PlayInRoom(known, playlist))
    }

    /// Stops what plays to all members of a room, and what waits.
    ///
    /// # Errors
    /// As [`Media::start`].
    pub fn stop_in_room(&self, room: RoomId) -> Result<(), MediaError> {
        let Some(known) = self.0.rooms.get(room) else { return Ok(()) };
        self.queue(room.0)?.push(Command::StopInRoom(known))
    }

    /// Stops what plays, plays a beep, and records what the session says, until the limits or
    /// [`Media::finish_recording`]. Then [`Report::Recorded`] comes, also when the session is closed meanwhile. A
    /// recording under way ends and is reported first.
    ///
    /// # Errors
    /// [`MediaError::RecordingsExhausted`]; otherwise as [`Media::start`].
    pub fn record(&self, id: u64, limits: RecordLimits) -> Result<(), MediaError> {
        let recorder = self.0.studio.begin(limits)?;
        self.queue(id)?.push(Command::Record(id, Box::new(recorder)))
    }

    /// Ends what is recorded; [`Report::Recorded`] follows at once. When nothing is recorded, nothing follows.
    ///
    /// # Errors
    /// As [`Media::start`].
    pub fn finish_recording(&self, id: u64) -> Result<(), MediaError> {
        self.queue(id)?.push(Command::FinishRecording(id))
    }

    /// Closes the session and frees its port. Never refused, so that nothing can leak.
    pub fn close(&self, id: u64) {
        if let Ok(queue) = self.queue(id) {
            queue.close(id);
        }
    }

    /// What was counted so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let counters = &self.0.counters;
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            sessions: self.0.pool.len() - self.0.pool.free(),
            sessions_max: self.0.pool.len(),
            sent: get(&counters.sent),
            send_failed: get(&counters.send_failed),
            late: get(&counters.late),
            received: get(&counters.received),
            malformed: get(&counters.malformed),
            foreign: get(&counters.foreign),
            reports_dropped: get(&counters.reports_dropped),
            keys_dropped: get(&counters.keys_dropped),
            rooms: self.0.rooms.len(),
            recordings: self.0.studio.len(),
        }
    }

    /// The queue of the thread that has this session.
    fn queue(&self, id: u64) -> Result<&Arc<Queue>, MediaError> {
        let count = u64::try_from(self.0.queues.len()).unwrap_or(1).max(1);
        let index = usize::try_from(id % count).unwrap_or(0);
        self.0.queues.get(index).ok_or(MediaError::Stopped)
    }

    /// Binds a socket on a free port. Ports that the system refuses stay leased until one is found, so that none is
    /// tried twice.
    fn bind(&self) -> Result<(mio::net::UdpSocket, PortLease), MediaError> {
        let mut refused = Vec::new();
        loop {
            let lease = self.0.pool.take().ok_or(MediaError::PortsExhausted)?;
            match bind_udp(SocketAddr::new(self.0.bind_ip, lease.port()), self.0.dscp) {
                Ok(socket) => return Ok((socket, lease)),
                Err(error)
                    if error.kind() == io::ErrorKind::AddrInUse
                        && refused.len() < BIND_ATTEMPTS_MAX =>
                {
                    refused.push(lease);
                }
                Err(error) => return Err(MediaError::Socket(error)),
            }
        }
    }
}

/// Binds a nonblocking UDP socket whose packets carry `dscp`.
fn bind_udp(address: SocketAddr, dscp: u8) -> io::Result<mio::net::UdpSocket> {
    use socket2::{Domain, Protocol, Socket, Type};
    let kind = Type::DGRAM.nonblocking();
    let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::UDP))?;
    // The code point is the upper six bits of the octet (RFC 2474 3). A system that refuses it still carries the call.
    let octet = u32::from(dscp.min(63)) << 2;
    let marked = match address {
        SocketAddr::V4(_) => socket.set_tos_v4(octet),
        SocketAddr::V6(_) => socket.set_tclass_v6(octet),
    };
    if let Err(error) = marked {
        tracing::debug!(%error, dscp, "Cannot mark RTP with its code point");
    }
    socket.bind(&address.into())?;
    Ok(mio::net::UdpSocket::from_std(socket.into()))
}

#[cfg(test)]
mod signal;
#[cfg(test)]
mod tests;
