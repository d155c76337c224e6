//! The thread that sends and hears for its sessions: one poll over all sockets, one calendar of what is due.
//!
//! Must not decide anything about a call: `session` does. Nothing here waits for anybody: a full channel makes events
//! wait in a short backlog, a full socket drops a packet.

use super::calendar::Calendar;
use super::ports::PortLease;
use super::recording::{Recorder, TakeEnd};
use super::room::{Room, Seat};
use super::session::{FRAME_MAX, Session};
use super::{
    Counters, EarlyMedia, MediaError, MediaEvent, MediaPlan, OpenSession, Playlist, Report,
};
use crate::clock::Clock;
use jiff::Timestamp;
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Registry, Token, Waker};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::error::TrySendError;
use tokio_util::sync::CancellationToken;

/// Token of the waker; sockets have their port, which is even and never 1.
const WAKER: Token = Token(1);
/// Sockets told of in one round of the loop; the others are told of in the next.
const EVENTS_MAX: usize = 1024;
/// Longest wait: how soon the thread sees that the process stops.
const WAIT_MAX: Duration = Duration::from_millis(100);
/// Packets read from one socket before the others have their turn: a flood on one port must not delay the rest.
const READS_MAX: usize = 16;
/// Longest datagram that is read; longer ones are cut and then not RTP that we asked for.
const DATAGRAM_MAX: usize = 2048;
/// Events of one session that wait for room in its channel.
const BACKLOG_MAX: usize = 16;

/// What the thread is told.
#[derive(Debug)]
pub(super) enum Command {
    /// A socket was bound for a session.
    Open(Box<Opening>),
    /// Offer and answer are settled.
    Start(u64, MediaPlan),
    /// Play this from now on.
    Play(u64, Playlist),
    /// Play nothing.
    Stop(u64),
    /// Sit down in a room.
    Join(u64, Box<Seat>),
    /// Leave the room.
    Leave(u64),
    /// Play this to all in a room.
    PlayInRoom(Room, Playlist),
    /// Play nothing to all in a room.
    StopInRoom(Room),
    /// Record what is heard.
    Record(u64, Box<Recorder>),
    /// End what is recorded.
    FinishRecording(u64),
    /// Free everything.
    Close(u64),
}

/// A session with its socket.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) open: OpenSession,
    pub(super) socket: UdpSocket,
    pub(super) lease: PortLease,
    /// Seed of what has to be random in RTP.
    pub(super) seed: u64,
}

/// Commands on their way to the thread, bounded by [`Queue::COMMANDS_MAX`] but for closings, of which there is one a
/// session.
#[derive(Debug)]
pub(super) struct Queue {
    commands: Mutex<Commands>,
    waker: Waker,
    registry: Registry,
}

#[derive(Debug, Default)]
struct Commands {
    waiting: VecDeque<Command>,
    is_stopped: bool,
}

impl Queue {
    /// Commands that wait at most. 1,000 calls that open, start and play at once are 3,000.
    const COMMANDS_MAX: usize = 32_768;

    /// Hands over a session. Its socket is registered here, so that a refusal of the system reaches the caller.
    pub(super) fn open(&self, mut opening: Opening) -> Result<(), MediaError> {
        let token = Token(usize::from(opening.lease.port()));
        self.registry
            .register(&mut opening.socket, token, Interest::READABLE)
            .map_err(MediaError::Socket)?;
        self.push(Command::Open(Box::new(opening)))
    }

    /// Adds a command.
    pub(super) fn push(&self, command: Command) -> Result<(), MediaError> {
        self.add(command, Self::COMMANDS_MAX)
    }

    /// Adds a closing, whatever else waits.
    pub(super) fn close(&self, id: u64) {
        // It fails only once the thread has stopped, and everything is closed then.
        let _ = self.add(Command::Close(id), usize::MAX);
    }

    fn add(&self, command: Command, max: usize) -> Result<(), MediaError> {
        let mut commands = self.lock();
        if commands.is_stopped {
            return Err(MediaError::Stopped);
        }
        if max <= commands.waiting.len() {
            return Err(MediaError::QueueFull);
        }
        commands.waiting.push_back(command);
        let is_first = commands.waiting.len() == 1;
        drop(commands);
        if is_first && let Err(error) = self.waker.wake() {
            tracing::warn!(%error, "Cannot wake the media thread, it looks by itself in 100 ms");
        }
        Ok(())
    }

    fn take(&self) -> VecDeque<Command> {
        std::mem::take(&mut self.lock().waiting)
    }

    fn stop(&self) {
        let mut commands = self.lock();
        commands.is_stopped = true;
        commands.waiting.clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Commands> {
        // Each change is complete before anything could panic.
        self.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The state of one media thread.
#[derive(Debug)]
pub(super) struct Engine {
    clock: Clock,
    silence_timeout: Duration,
    counters: Arc<Counters>,
    queue: Arc<Queue>,
    poll: Poll,
    /// By port.
    slots: BTreeMap<u16, Box<Slot>>,
    /// Port of a session.
    ports: BTreeMap<u64, u16>,
    /// One entry for each started session; an entry of a closed session is dropped when it comes up.
    calendar: Calendar,
    /// Ports that may have more to read than one round takes.
    unread: BTreeSet<u16>,
}

/// A session and what drives it.
#[derive(Debug)]
struct Slot {
    id: u64,
    session: Session,
    // The socket is dropped before the lease, so that the port is free when it is said to be.
    socket: UdpSocket,
    _lease: PortLease,
    events: tokio::sync::mpsc::Sender<MediaEvent>,
    backlog: VecDeque<MediaEvent>,
    is_scheduled: bool,
    /// Packets are left in the socket until the session starts.
    is_deaf: bool,
}

impl Engine {
    /// Makes an engine and the queue that tells it what to do.
    pub(super) fn new(
        clock: Clock,
        silence_timeout: Duration,
        counters: Arc<Counters>,
    ) -> io::Result<(Arc<Queue>, Self)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let registry = poll.registry().try_clone()?;
        let queue = Arc::new(Queue { commands: Mutex::default(), waker, registry });
        let engine = Self {
            clock,
            silence_timeout,
            counters,
            queue: Arc::clone(&queue),
            poll,
            slots: BTreeMap::new(),
            ports: BTreeMap::new(),
            calendar: Calendar::default(),
            unread: BTreeSet::new(),
        };
        Ok((queue, engine))
    }

    /// Runs until `stop`.
    pub(super) fn run(mut self, stop: &CancellationToken) {
        let mut events = Events::with_capacity(EVENTS_MAX);
        while !stop.is_cancelled() {
            let wait = self.wait();
            match self.poll.poll(&mut events, Some(wait)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    tracing::error!(%error, "Cannot poll the media sockets");
                    stop.cancel();
                }
            }
            self.round(&events);
        }
        self.queue.stop();
        for (_, slot) in std::mem::take(&mut self.slots) {
            slot.close(self.clock.now(), &self.counters);
        }
    }

    /// How long nothing has to be done.
    fn wait(&self) -> Duration {
        if !self.unread.is_empty() {
            return Duration::ZERO;
        }
        let next = self.calendar.first().map(|due| self.clock.until(due));
        next.map_or(WAIT_MAX, |next| next.min(WAIT_MAX))
    }

    /// One round: what is due is sent first, whatever else there is.
    fn round(&mut self, events: &Events) {
        self.send_due(self.clock.now());
        for command in self.queue.take() {
            self.obey(command, self.clock.now());
        }
        let now = self.clock.now();
        for port in std::mem::take(&mut self.unread) {
            self.read(port, now);
        }
        for event in events {
            if let Ok(port) = u16::try_from(event.token().0)
                && event.token() != WAKER
            {
                self.read(port, now);
            }
        }
    }

    fn send_due(&mut self, now: Timestamp) {
        while let Some(sessions) = self.calendar.take(now) {
            for &(port, id) in &sessions {
                let Some(slot) = self.slots.get_mut(&port).filter(|slot| slot.id == id) else {
                    continue;
                };
                slot.send(now, &self.counters);
                slot.schedule(port, &mut self.calendar);
            }
            self.calendar.give_back(sessions);
        }
    }

    fn obey(&mut self, command: Command, now: Timestamp) {
        match command {
            Command::Open(opening) => self.open(*opening, now),
            Command::Start(id, plan) => {
                let waiting = self.slot(id).filter(|(_, slot)| !slot.is_scheduled);
                if let Some((port, _)) = waiting {
                    // What waits in the socket of a session that hears was sent before the answer and counts for
                    // nothing.
                    self.read(port, now);
                }
                if let Some((port, slot)) = self.slot(id) {
                    slot.session.start(&plan, now);
                    if std::mem::take(&mut slot.is_deaf) {
                        self.unread.insert(port);
                    }
                }
                let due = self.slot(id).and_then(|(port, slot)| {
                    // A session that is scheduled already keeps its place.
                    let is_scheduled = std::mem::replace(&mut slot.is_scheduled, true);
                    Some((slot.session.poll_timeout().filter(|_| !is_scheduled)?, port))
                });
                if let Some((due, port)) = due {
                    self.calendar.add(due, port, id);
                }
            }
            Command::Play(id, playlist) => self.change(id, |session| session.play(playlist)),
            Command::Stop(id) => self.change(id, Session::stop),
            // A seat or a recorder for a session that is gone is dropped, which frees it.
            Command::Join(id, seat) => self.change(id, |session| session.join(seat)),
            Command::Leave(id) => self.change(id, Session::leave),
            Command::PlayInRoom(room, playlist) => room.play(playlist),
            Command::StopInRoom(room) => room.stop(),
            Command::Record(id, recorder) => {
                self.finish_recording(id, now);
                self.change(id, |session| session.record(recorder));
            }
            Command::FinishRecording(id) => self.finish_recording(id, now),
            Command::Close(id) => self.close(id, now),
        }
    }

    fn change(&mut self, id: u64, change: impl FnOnce(&mut Session)) {
        if let Some((_, slot)) = self.slot(id) {
            change(&mut slot.session);
        }
    }

    fn finish_recording(&mut self, id: u64, now: Timestamp) {
        let counters = Arc::clone(&self.counters);
        if let Some((_, slot)) = self.slot(id) {
            slot.session.finish_recording(TakeEnd::Asked);
            slot.report(now, &counters);
        }
    }

    fn slot(&mut self, id: u64) -> Option<(u16, &mut Slot)> {
        let port = *self.ports.get(&id)?;
        self.slots.get_mut(&port).map(|slot| (port, &mut **slot))
    }

    /// A second session of the same id takes the place of the first.
    fn open(&mut self, opening: Opening, now: Timestamp) {
        let Opening { open: OpenSession { id, events, early }, socket, lease, seed } = opening;
        self.close(id, now);
        let port = lease.port();
        let slot = Slot {
            id,
            session: Session::new(seed, self.silence_timeout),
            socket,
            _lease: lease,
            events,
            backlog: VecDeque::new(),
            is_scheduled: false,
            is_deaf: early == EarlyMedia::Heard,
        };
        self.ports.insert(id, port);
        self.slots.insert(port, Box::new(slot));
        // The socket was registered before the slot was here: what came meanwhile is told of only once.
        self.unread.insert(port);
    }

    fn close(&mut self, id: u64, now: Timestamp) {
        if let Some(slot) = self.ports.remove(&id).and_then(|port| self.slots.remove(&port)) {
            slot.close(now, &self.counters);
        }
    }

    fn read(&mut self, port: u16, now: Timestamp) {
        let Some(slot) = self.slots.get_mut(&port).filter(|slot| !slot.is_deaf) else { return };
        if !slot.read(now, &self.counters) {
            self.unread.insert(port);
        }
    }
}

impl Slot {
    /// Sends what is due and passes on what has happened.
    fn send(&mut self, now: Timestamp, counters: &Counters) {
        let before = self.session.stats();
        let mut packet = [0; FRAME_MAX];
        while let Some((len, to)) = self.session.poll_packet(now, &mut packet) {
            let sent = self.socket.send_to(packet.get(..len).unwrap_or_default(), to);
            count(if sent.is_ok() { &counters.sent } else { &counters.send_failed });
        }
        counters.add(before, self.session.stats());
        self.report(now, counters);
        self.flush();
    }

    /// Passes on what has happened, besides keys.
    fn report(&mut self, now: Timestamp, counters: &Counters) {
        while let Some(report) = self.session.poll_report() {
            self.tell(MediaEvent { session: self.id, at: now, report }, counters);
        }
    }

    /// Enters when it wants to send next.
    fn schedule(&mut self, port: u16, calendar: &mut Calendar) {
        let due = self.session.poll_timeout();
        self.is_scheduled = due.is_some();
        if let Some(due) = due {
            calendar.add(due, port, self.id);
        }
    }

    /// Reads what came. False when there may be more.
    fn read(&mut self, now: Timestamp, counters: &Counters) -> bool {
        let before = self.session.stats();
        let is_drained = self.drain(now, counters);
        counters.add(before, self.session.stats());
        is_drained
    }

    fn drain(&mut self, now: Timestamp, counters: &Counters) -> bool {
        let mut datagram = [0; DATAGRAM_MAX];
        for _ in 0..READS_MAX {
            match self.socket.recv_from(&mut datagram) {
                Ok((len, from)) => {
                    let bytes = datagram.get(..len).unwrap_or_default();
                    for key in self.session.on_packet(bytes, from, now) {
                        let report = Report::Key(key);
                        self.tell(MediaEvent { session: self.id, at: now, report }, counters);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                // An ICMP error of an earlier packet; reading it clears it.
                Err(_) => {}
            }
        }
        false
    }

    /// Passes an event on; when the channel is full, keys and recordings wait before anything else does.
    fn tell(&mut self, event: MediaEvent, counters: &Counters) {
        self.flush();
        if self.backlog.is_empty() {
            match self.events.try_send(event) {
                Ok(()) | Err(TrySendError::Closed(_)) => return,
                Err(TrySendError::Full(event)) => return self.backlog.push_back(event),
            }
        }
        if self.backlog.len() < BACKLOG_MAX {
            return self.backlog.push_back(event);
        }
        let is_precious =
            |event: &MediaEvent| matches!(event.report, Report::Key(_) | Report::Recorded(_));
        let expendable = self.backlog.iter().position(|waiting| !is_precious(waiting));
        match (is_precious(&event), expendable) {
            (true, Some(index)) => {
                self.backlog.remove(index);
                self.backlog.push_back(event);
                count(&counters.reports_dropped);
            }
            (true, None) => count(&counters.keys_dropped),
            (false, _) => count(&counters.reports_dropped),
        }
    }

    /// Sends what waits, as far as there is room.
    fn flush(&mut self) {
        while let Some(event) = self.backlog.pop_front() {
            if let Err(TrySendError::Full(event)) = self.events.try_send(event) {
                self.backlog.push_front(event);
                return;
            }
        }
    }

    /// Says how it went and frees socket and port.
    fn close(mut self, now: Timestamp, counters: &Counters) {
        self.session.finish_recording(TakeEnd::Closed);
        self.report(now, counters);
        let stats = self.session.stats();
        let event = MediaEvent { session: self.id, at: now, report: Report::Closed(stats) };
        self.tell(event, counters);
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
