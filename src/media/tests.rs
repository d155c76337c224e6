//! The media thread over real sockets: what is sent and heard, in which order. How exactly it is paced is tested in
//! simulated time, in `session`.

use super::*;
use lianfang_sip::sdp;
use rtp_rs::{RtpPacketBuilder, RtpReader, Seq};
use std::net::UdpSocket;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

mod talk;

const LIMIT: Duration = Duration::from_secs(20);

struct Town {
    media: Media,
    tasks: Tasks,
    events: mpsc::Receiver<MediaEvent>,
    sender: mpsc::Sender<MediaEvent>,
}

impl Town {
    fn new(ports: RangeInclusive<u16>, room: usize) -> Self {
        Self::with_threads(ports, room, NonZeroU8::MIN)
    }

    fn with_threads(ports: RangeInclusive<u16>, room: usize, threads: NonZeroU8) -> Self {
        let config = MediaConfig { bind_ip: LOOPBACK, ports, threads, ..MediaConfig::default() };
        let tasks = Tasks::new(Handle::current(), CancellationToken::new());
        let media = Media::new(&config, &Clock::system(), &tasks).unwrap();
        let (sender, events) = mpsc::channel(room);
        Self { media, tasks, events, sender }
    }

    fn open(&self, id: u64) -> Result<SocketAddr, MediaError> {
        self.open_with(id, EarlyMedia::Dropped)
    }

    fn open_with(&self, id: u64, early: EarlyMedia) -> Result<SocketAddr, MediaError> {
        let opened = self.media.open(OpenSession { id, events: self.sender.clone(), early })?;
        Ok(SocketAddr::new(LOOPBACK, opened.local_port))
    }

    async fn next(&mut self) -> (u64, Report) {
        let event = tokio::time::timeout(LIMIT, self.events.recv()).await.unwrap().unwrap();
        (event.session, event.report)
    }

    /// Waits for a level that has no event.
    async fn until(&self, reached: impl Fn(Stats) -> bool) {
        let waiting = async {
            while !reached(self.media.stats()) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LIMIT, waiting).await.expect("the level is reached in time");
    }

    async fn stop(self) {
        assert!(self.tasks.stop(LIMIT).await, "the thread ends");
        assert_eq!(self.media.stats().sessions, 0);
        assert!(matches!(self.media.stop(1), Err(MediaError::Stopped)));
    }
}

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const WIDE: RangeInclusive<u16> = 20_000..=32_000;

/// A simple phone.
struct Phone(UdpSocket);

impl Phone {
    fn new() -> Self {
        let socket = UdpSocket::bind((LOOPBACK, 0)).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        Self(socket)
    }

    fn plan(&self) -> MediaPlan {
        plan_to(self.0.local_addr().unwrap())
    }

    /// Sequence number, timestamp and payload of the next packet, and where it came from.
    fn hear(&self) -> (u16, u32, Vec<u8>, SocketAddr) {
        let mut datagram = [0; 2048];
        let (len, from) = self.0.recv_from(&mut datagram).unwrap();
        let rtp = RtpReader::new(&datagram[..len]).unwrap();
        (rtp.sequence_number().into(), rtp.timestamp(), rtp.payload().to_vec(), from)
    }

    fn press(&self, event: u8, number: u16, to: SocketAddr) {
        let builder = RtpPacketBuilder::new().payload_type(101).ssrc(77).marked(true);
        let builder = builder.timestamp(u32::from(number) * 1600).sequence(Seq::from(number));
        self.0.send_to(&builder.payload(&[event, 0x8A, 3, 32]).build().unwrap(), to).unwrap();
    }
}

fn plan_to(remote: SocketAddr) -> MediaPlan {
    MediaPlan {
        remote: Some(remote),
        signalled_from: None,
        codec: Codec::Pcma,
        payload_type: 8,
        telephone_event: vec![(101, 8000)],
        ptime_ms: 20,
        direction: Direction::SendRecv,
    }
}

fn key(character: char) -> Report {
    Report::Key(Key::of_char(character).unwrap())
}

#[tokio::test]
async fn a_prompt_is_heard_whole_and_a_key_in_the_middle_of_it() {
    let mut town = Town::new(WIDE, 16);
    let phone = Phone::new();
    let local = town.open(1).unwrap();
    assert_eq!(local.port() % 2, 0);
    let speech: Vec<i16> = (0..4800).map(|sample| sample * 6 - 14_000).collect();
    let recording = Recording::encode(&speech);
    town.media.start(1, phone.plan()).unwrap();
    town.media
        .play(1, Playlist::once(5, [Piece::Silence(100), Piece::Recording(recording.clone())]))
        .unwrap();
    let mut heard = Vec::new();
    let mut last: Option<(u16, u32)> = None;
    while heard.len() < 1200 * 8 {
        let (sequence, timestamp, payload, from) = phone.hear();
        assert_eq!(from, local, "symmetric: sent from where we hear");
        if let Some((last_sequence, last_timestamp)) = last {
            assert_eq!(sequence, last_sequence.wrapping_add(1));
            // Greater than one frame only if this machine stood still for longer than is caught up.
            let step = timestamp.wrapping_sub(last_timestamp);
            assert!(step > 0 && step % 160 == 0, "{step}");
        }
        last = Some((sequence, timestamp));
        heard.extend(payload);
        if heard.len() == 160 * 10 {
            phone.press(1, 1, local);
        }
    }
    let octets = recording.octets(Codec::Pcma);
    let begin = heard.windows(octets.len()).position(|window| window == octets);
    assert!(begin.is_some_and(|begin| 800 <= begin), "the recording is heard as it is");
    assert_eq!(town.next().await, (1, key('1')));
    assert_eq!(town.next().await, (1, Report::PlaylistEnded(5)));
    town.media.close(1);
    let (_, Report::Closed(stats)) = town.next().await else { panic!("closed comes last") };
    assert_eq!((stats.received, stats.foreign, stats.malformed), (1, 0, 0));
    assert!(60 <= stats.sent, "{stats:?}");
    town.stop().await;
}

#[tokio::test]
async fn keys_before_the_start_are_heard_by_whoever_answers_only() {
    let mut town = Town::new(WIDE, 32);
    let phone = Phone::new();
    let offering = town.open_with(1, EarlyMedia::Dropped).unwrap();
    let answering = town.open_with(2, EarlyMedia::Heard).unwrap();
    // Some wait in the sockets when it starts, others have been read before.
    for round in 0..4 {
        phone.press(9, round.into(), offering);
        phone.press(round, round.into(), answering);
        town.until(|stats| stats.foreign == u64::from(round) + 1).await;
    }
    for (id, event) in [(1, 5), (2, 6)] {
        let local = if id == 1 { offering } else { answering };
        phone.press(event, 20, local);
        town.media.start(id, phone.plan()).unwrap();
    }
    for character in "01236".chars() {
        assert_eq!(town.next().await, (2, key(character)));
    }
    phone.press(7, 21, offering);
    assert_eq!(town.next().await, (1, key('7')), "and none of those before");
    assert_eq!(town.media.stats().foreign, 5);
    town.stop().await;
}

#[tokio::test]
async fn keys_of_a_stranger_are_not_heard() {
    let mut town = Town::new(WIDE, 16);
    let (phone, stranger) = (Phone::new(), Phone::new());
    let local = town.open(1).unwrap();
    town.media.start(1, phone.plan()).unwrap();
    phone.hear();
    phone.press(2, 1, local);
    assert_eq!(town.next().await, (1, key('2')));
    for number in 0..20 {
        stranger.press(1, number, local);
        stranger.0.send_to(b"not RTP", local).unwrap();
    }
    town.until(|stats| stats.foreign == 20 && stats.malformed == 20).await;
    phone.press(3, 2, local);
    assert_eq!(town.next().await, (1, key('3')), "and nothing of the stranger before");
    for _ in 0..10 {
        phone.hear();
    }
    stranger.0.set_nonblocking(true).unwrap();
    assert!(stranger.0.recv_from(&mut [0; 64]).is_err(), "and the stranger hears nothing");
    town.stop().await;
}

#[test]
fn packets_carry_their_code_point() {
    for (dscp, octet) in [(46, 184), (0, 0), (255, 252)] {
        let socket = bind_udp(SocketAddr::new(LOOPBACK, 0), dscp).unwrap();
        assert_eq!(socket2::SockRef::from(&socket).tos_v4().unwrap(), octet);
    }
}

#[tokio::test]
async fn two_of_us_hear_each_other() {
    let town = Town::new(WIDE, 16);
    let (one, two) = (town.open(1).unwrap(), town.open(2).unwrap());
    town.media.start(1, plan_to(two)).unwrap();
    town.media.start(2, MediaPlan { ptime_ms: 10, ..plan_to(one) }).unwrap();
    town.until(|stats| 30 <= stats.received).await;
    let stats = town.media.stats();
    assert_eq!((stats.sessions, stats.malformed, stats.send_failed), (2, 0, 0));
    town.stop().await;
}

#[tokio::test]
async fn keys_wait_when_nobody_takes_events_and_other_reports_make_room() {
    let mut town = Town::new(WIDE, 1);
    let phone = Phone::new();
    let local = town.open(1).unwrap();
    town.media.start(1, phone.plan()).unwrap();
    // One report fills the channel, the others wait.
    for id in 0..3 {
        town.media.play(1, Playlist::once(id, [])).unwrap();
        phone.hear();
        phone.hear();
        phone.hear();
    }
    for (number, event) in (0..16).enumerate() {
        phone.press(event, u16::try_from(number).unwrap(), local);
    }
    town.until(|stats| stats.received == 16).await;
    assert_eq!(town.next().await, (1, Report::PlaylistEnded(0)));
    for character in "0123456789*#ABCD".chars() {
        assert_eq!(town.next().await, (1, key(character)));
    }
    let stats = town.media.stats();
    assert_eq!((stats.reports_dropped, stats.keys_dropped), (2, 0));
    town.stop().await;
}

#[tokio::test]
async fn a_full_pool_is_an_error_until_a_session_closes() {
    let first = Phone::new().0.local_addr().unwrap().port().min(65_000);
    let mut town = Town::new(first..=first + 40, 16);
    let mut opened = 0;
    let refused = loop {
        match town.open(opened) {
            Ok(_) => opened += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, MediaError::PortsExhausted), "{refused}");
    assert!((1..=21).contains(&opened));
    town.media.close(0);
    assert!(matches!(town.next().await, (0, Report::Closed(_))));
    let opened = usize::try_from(opened).unwrap();
    town.until(|stats| stats.sessions < opened).await;
    town.open(100).unwrap();
    town.stop().await;
}

#[tokio::test]
async fn a_thousand_sessions_leave_nothing_behind() {
    let phone = Phone::new();
    // Just enough ports: each round needs those of the round before.
    let mut town = Town::new(33_000..=33_599, 1024);
    for round in 0..4 {
        let ids: Vec<u64> = (round * 250..(round + 1) * 250).collect();
        for id in &ids {
            town.open(*id).unwrap();
            town.media.start(*id, phone.plan()).unwrap();
            town.media.play(*id, Playlist::once(1, [Piece::Silence(10_000)])).unwrap();
        }
        assert_eq!(town.media.stats().sessions, 250);
        for id in &ids {
            town.media.close(*id);
        }
        for id in &ids {
            let (session, report) = town.next().await;
            assert!(session == *id && matches!(report, Report::Closed(_)), "{report:?}");
        }
        town.until(|stats| stats.sessions == 0).await;
    }
    assert_eq!(town.media.stats().reports_dropped, 0);
    town.stop().await;
}

#[tokio::test]
async fn a_session_opened_twice_is_the_second_one() {
    let mut town = Town::new(WIDE, 16);
    let first = town.open(1).unwrap();
    let second = town.open(1).unwrap();
    assert_ne!(first, second);
    assert!(matches!(town.next().await, (1, Report::Closed(_))));
    let phone = Phone::new();
    town.media.start(1, phone.plan()).unwrap();
    assert_eq!(phone.hear().3, second);
    town.until(|stats| stats.sessions == 1).await;
    town.stop().await;
}

#[test]
fn what_was_negotiated_is_what_is_done() {
    let directions = [
        (sdp::Direction::SendRecv, Direction::SendRecv),
        (sdp::Direction::SendOnly, Direction::SendOnly),
        (sdp::Direction::RecvOnly, Direction::RecvOnly),
        (sdp::Direction::Inactive, Direction::Inactive),
    ];
    let codecs = [(sdp::Codec::Pcma, Codec::Pcma), (sdp::Codec::Pcmu, Codec::Pcmu)];
    for ((theirs, direction), (agreed, codec)) in
        directions.into_iter().flat_map(|direction| codecs.map(|codec| (direction, codec)))
    {
        let negotiated = sdp::MediaPlan {
            remote: Some(SocketAddr::new(LOOPBACK, 4000)),
            codec: agreed,
            payload_type: 18,
            telephone_event: vec![(96, 8000), (97, 16_000)],
            ptime_ms: 30,
            direction: theirs,
        };
        let wanted = MediaPlan {
            remote: negotiated.remote,
            signalled_from: Some(LOOPBACK),
            codec,
            payload_type: 18,
            telephone_event: vec![(96, 8000), (97, 16_000)],
            ptime_ms: 30,
            direction,
        };
        assert_eq!(MediaPlan::of_sdp(&negotiated, Some(LOOPBACK)), wanted);
    }
}
