//! A worker records what neighbours hear, by telephone: real SIP and RTP, real PINs, files and rows.

use super::callers::{bye, caller, info};
use super::legs::{LEG, order_of};
use super::phone::{Dialog, Message, Phone};
use super::{CARRIER, SERVICE, STRANGER, TRUNK, World, assert_press, store, trunk};
use lianfang::clock::Clock;
use lianfang::config::Transport;
use lianfang::media::{Codec, MediaConfig};
use lianfang::prompts::{Library, PromptsConfig, Recordings};
use lianfang::store::Store;
use lianfang::store::audit;
use lianfang::store::recordings::RecordingPlace;
use lianfang::store::worker_pins;
use lianfang_domain::alarm::{Proof, TriggerSource};
use lianfang_domain::directory::{Dialect, Language};
use lianfang_domain::id::{CommunityId, LegId, WorkerId};
use lianfang_domain::words::{Clip, Phrase};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tempfile::TempDir;

const NUMBER: &str = "sip:05925550008@phone.example";
/// It begins with 9: behind the # of the worker's number it must not be taken for an alarm code.
const WORKER_PIN: &str = "9035";
/// What the worker says, in Hz: no prompt is so pure.
const VOICE_HZ: f64 = 500.0;
const BEEP_HZ: f64 = 1000.0;
/// Packets of 20 ms in which something has to be heard: 30 s.
const PACKETS_MAX: usize = 1_500;

/// A second community, and a worker of the first.
const MORE: [(&str, &str); 7] = [
    ("communities.csv", "街,乙社区,0592,#9 *9,9100\n"),
    ("grids.csv", "街,乙社区,网格\n"),
    ("groups.csv", "街,乙社区,网格,一组\n"),
    ("households.csv", "街,乙社区,网格,一组,王家,101,1\n街,乙社区,网格,一组,赵强,102,2\n"),
    ("lines.csv", "街,乙社区,网格,一组,王家,b1,5552234,,sesame\n"),
    ("contacts.csv", "街,乙社区,网格,一组,赵强,赵强,0,13800000001\n"),
    ("workers.csv", "street,community,name,on_duty,numbers\n街,社区,王值班,yes,13900000009\n"),
];

/// A service where worker 1 may record, and a carrier.
struct Studio {
    world: World,
    carrier: Phone,
    store: Store,
    recordings: Recordings,
    library: Arc<Library>,
    folder: TempDir,
}

impl Studio {
    async fn new() -> Self {
        let store = store(&MORE).await;
        let editor = store.directory().edited_by("cli:test", Clock::system().now());
        worker_pins::set(&editor, WorkerId(1), Some(WORKER_PIN)).await.expect("sets");
        let folder = tempfile::tempdir().expect("a folder");
        let nowhere = PromptsConfig { directory: "/nonexistent".into(), voice: "false".into() };
        let library = Arc::new(Library::load(&nowhere).0);
        let root = folder.path().to_owned();
        let opened = Recordings::open(&library, store.directory(), root, Clock::system()).await;
        let recordings = opened.expect("opens").0;
        let mut carrier = Phone::udp(CARRIER, SocketAddr::from((CARRIER, 1))).await;
        let media = MediaConfig { bind_ip: IpAddr::V4(SERVICE), ..MediaConfig::default() };
        let setup = (None, trunk(carrier.address()), &media);
        let kept = Some(recordings.clone());
        let world = World::over(&store, Arc::clone(&library), kept, setup).await;
        carrier.set_service(world.address(Transport::Udp));
        Self { world, carrier, store, recordings, library, folder }
    }

    async fn dial(&self) -> Caller {
        self.dial_with(self.world.phone().await).await
    }

    /// With a phone that is registered.
    async fn dial_with(&self, mut phone: Phone) -> Caller {
        let (dialog, answer) = phone.call(NUMBER).await;
        Caller::new(phone, dialog, &answer, &self.library)
    }

    /// A call in which a clip may be keyed.
    async fn dial_in(&self) -> Caller {
        self.dial().await.proven().await
    }

    async fn versions(&self, language: Language) -> Vec<String> {
        let community = Some(CommunityId(1));
        let place = RecordingPlace { community, language, clip: "alarm".to_owned() };
        let versions = self.recordings.versions(&place).await.expect("reads");
        versions.into_iter().map(|row| row.facts.made_by).collect()
    }

    /// A neighbour of a line in trouble answers: the phone that hears what is said.
    async fn alarm(&mut self, account: &str, number: u32) -> Phone {
        let order = order_of(&self.world, account, "13800000000");
        let order = lianfang_domain::leg::LegOrder { leg: LegId { number, ..LEG }, ..order };
        self.world.telephone.place(order, &TRUNK.into());
        let invite = self.carrier.request("INVITE").await;
        let neighbour = Phone::udp(CARRIER, self.carrier.address()).await;
        self.carrier.respond(&invite, "200 OK", &neighbour.sdp()).await;
        self.carrier.request("ACK").await;
        neighbour
    }
}

/// Somebody in a call for recording.
struct Caller {
    phone: Phone,
    dialog: Dialog,
    media: SocketAddr,
    library: Arc<Library>,
    /// Timestamp of the next packet.
    at: u32,
}

impl Caller {
    #[track_caller]
    fn new(phone: Phone, dialog: Dialog, answer: &Message, library: &Arc<Library>) -> Self {
        assert_eq!(answer.status(), Some(200), "{}", answer.0);
        Self { phone, dialog, media: answer.media(), library: Arc::clone(library), at: 16_000 }
    }

    /// Keys by RTP.
    async fn keys(&mut self, keys: &str) {
        for key in keys.chars() {
            let event = "0123456789*#".find(key).and_then(|at| u8::try_from(at).ok());
            self.phone.press(event.expect("a key"), self.at, self.media).await;
            self.at += 1_600;
        }
    }

    async fn info(&mut self, keys: &str) {
        info(&mut self.phone, &mut self.dialog, keys).await;
    }

    /// Says who it is.
    async fn proven(mut self) -> Self {
        self.keys(&format!("1#{WORKER_PIN}#")).await;
        self.hears(Phrase::EnterClip).await;
        self
    }

    async fn hears(&self, phrase: Phrase) {
        hears(&self.phone, &self.library, phrase).await;
    }

    /// Waits for the beep, and until what is said is recorded.
    async fn waits_for_beep(&self) {
        hears_tone(&self.phone, BEEP_HZ, 10).await;
        let mut quiet = 0;
        while quiet < 12 {
            let packet = self.phone.sound(1).await;
            quiet = if share(&packet, BEEP_HZ) < 0.5 { quiet + 1 } else { 0 };
        }
    }

    /// A second of the voice.
    async fn speaks(&mut self) {
        for packet in tone(VOICE_HZ, 8_000).chunks(160) {
            self.phone.speak(packet, self.at, self.media).await;
            self.at += 160;
        }
    }

    async fn hung_up_on(mut self) -> Phone {
        let bye = self.phone.request("BYE").await;
        self.phone.respond(&bye, "200 OK", "").await;
        self.phone
    }
}

fn tone(hertz: f64, samples: u32) -> Vec<u8> {
    let sample = |index: u32| {
        let phase = std::f64::consts::TAU * hertz * f64::from(index) / 8000.0;
        #[expect(clippy::cast_possible_truncation, reason = "well within 16 bit")]
        let sample = (phase.sin() * 6_000.0) as i16;
        audio_codec_algorithms::encode_alaw(sample)
    };
    (0..samples).map(sample).collect()
}

/// Share of the power of some A-law that one tone has (Goertzel).
fn share(octets: &[u8], hertz: f64) -> f64 {
    let samples = octets.iter().map(|&octet| f64::from(audio_codec_algorithms::decode_alaw(octet)));
    let samples: Vec<f64> = samples.collect();
    let energy: f64 = samples.iter().map(|sample| sample * sample).sum();
    let count = f64::from(u32::try_from(samples.len()).expect("few"));
    if energy / count < 10_000.0 {
        return 0.0;
    }
    let feedback = 2.0 * (std::f64::consts::TAU * hertz / 8000.0).cos();
    let (before, last) = samples
        .iter()
        .fold((0.0, 0.0), |(before, last), sample| (last, sample + feedback * last - before));
    2.0 * (last * last + before * before - feedback * last * before) / (energy * count)
}

/// Listens until so many packets in a row are this tone.
async fn hears_tone(phone: &Phone, hertz: f64, packets: usize) {
    let mut run = 0;
    for _ in 0..PACKETS_MAX {
        let packet = phone.sound(1).await;
        run = if 0.8 < share(&packet, hertz) { run + 1 } else { 0 };
        if run == packets {
            return;
        }
    }
    panic!("{hertz} Hz is not heard");
}

/// Listens until the shipped words are heard, octet by octet.
async fn hears(phone: &Phone, library: &Library, phrase: Phrase) {
    let words = library.speak(&[Clip::Phrase(phrase)], Language::Chinese).octets(Codec::Pcma);
    // A tenth of a second from their middle is like no other.
    let (_, rest) = words.split_at(words.len() / 2);
    let wanted = rest.get(..800).expect("longer");
    let mut heard = Vec::new();
    for _ in 0..PACKETS_MAX {
        heard.extend(phone.sound(1).await);
        let tail = heard.len().saturating_sub(1_000);
        if heard[tail..].windows(wanted.len()).any(|window| window == wanted) {
            return;
        }
    }
    panic!("{phrase:?} is not heard");
}

#[tokio::test]
async fn what_a_worker_records_is_heard_in_the_next_alarm() {
    let mut studio = Studio::new().await;
    let mut worker = studio.dial().await;
    worker.hears(Phrase::EnterWorker).await;
    worker.keys("1#").await;
    worker.hears(Phrase::EnterPin).await;
    worker.keys(&format!("{WORKER_PIN}#")).await;
    worker.hears(Phrase::EnterClip).await;
    worker.keys("101#").await;
    worker.hears(Phrase::SpeakNow).await;
    worker.waits_for_beep().await;
    worker.speaks().await;
    worker.keys("#").await;
    worker.hears(Phrase::YouSaid).await;
    hears_tone(&worker.phone, VOICE_HZ, 40).await;
    assert_eq!(studio.versions(Language::Chinese).await, [""; 0], "nothing is kept without 1");
    worker.keys("1").await;
    worker.hears(Phrase::Kept).await;
    assert_eq!(studio.versions(Language::Chinese).await, ["worker 1"]);
    worker.keys("#").await;
    worker.hung_up_on().await;

    let neighbour = studio.alarm("a1", 1).await;
    hears_tone(&neighbour, VOICE_HZ, 40).await;
    let other = studio.alarm("b1", 2).await;
    hears(&other, &studio.library, Phrase::Alarm).await;
    studio.world.assert_no_press();
}

#[tokio::test]
async fn all_is_keyed_by_info_in_another_tongue() {
    let studio = Studio::new().await;
    let mut worker = studio.dial().await;
    worker.info(&format!("1#{WORKER_PIN}#")).await;
    worker.hears(Phrase::EnterClip).await;
    worker.info("3*999#").await;
    worker.hears(Phrase::NoSuchClip).await;
    worker.info("3*101#").await;
    worker.waits_for_beep().await;
    let before = studio.world.media.stats().received;
    worker.speaks().await;
    // INFO takes another way than what was said.
    studio.world.until_media(|stats| before + 50 <= stats.received).await;
    worker.info("#").await;
    hears_tone(&worker.phone, VOICE_HZ, 40).await;
    worker.info("1").await;
    worker.hears(Phrase::Kept).await;
    assert_eq!(studio.versions(Language::Dialect(Dialect::Minnan)).await, ["worker 1"]);
    assert_eq!(studio.versions(Language::Chinese).await, [""; 0]);
    bye(&mut worker.phone, &mut worker.dialog).await;
    studio.world.wait_for_silence().await;
}

#[tokio::test]
async fn three_wrong_pins_end_the_call_and_lock() {
    let studio = Studio::new().await;
    let mut stranger = studio.dial().await;
    for _ in 0..2 {
        stranger.keys("1#0000#").await;
        stranger.hears(Phrase::NotRight).await;
    }
    stranger.keys("1#0000#").await;
    stranger.hears(Phrase::TooManyTries).await;
    let phone = stranger.hung_up_on().await;
    let mut worker = studio.dial_with(phone).await;
    worker.keys(&format!("1#{WORKER_PIN}#")).await;
    worker.hears(Phrase::TooManyTries).await;
    worker.hung_up_on().await;
    let trail = audit::entries_after(studio.store.directory(), 0, 1_000).await.expect("reads");
    let refused = trail.iter().filter(|entry| &*entry.action == "refuse");
    let told: Vec<_> = refused.map(|entry| (&*entry.actor, &*entry.noun, entry.row_id)).collect();
    assert_eq!(told, [("line:1", "worker_pin", 1); 3]);
}

#[tokio::test]
async fn hanging_up_while_recording_keeps_nothing() {
    let studio = Studio::new().await;
    let mut worker = studio.dial_in().await;
    worker.keys("101#").await;
    worker.waits_for_beep().await;
    worker.speaks().await;
    bye(&mut worker.phone, &mut worker.dialog).await;
    studio.world.wait_for_silence().await;
    studio.world.until_media(|stats| stats.recordings == 0).await;
    assert_eq!(studio.versions(Language::Chinese).await, [""; 0]);
    assert_eq!(std::fs::read_dir(studio.folder.path()).expect("a folder").count(), 0);
}

#[tokio::test]
async fn who_says_nothing_is_told_so() {
    let studio = Studio::new().await;
    let mut worker = studio.dial_in().await;
    worker.keys("101#").await;
    worker.waits_for_beep().await;
    worker.keys("#").await;
    worker.hears(Phrase::TooQuiet).await;
    worker.hears(Phrase::SpeakNow).await;
    bye(&mut worker.phone, &mut worker.dialog).await;
}

/// The code counts at once, even while something else is asked or recorded; not within what is asked for.
#[tokio::test]
async fn the_alarm_code_raises_an_alarm() {
    let mut studio = Studio::new().await;
    let mut resident = studio.dial().await;
    resident.keys("#9").await;
    let press = studio.world.press().await;
    assert_press(&press, "#9", TriggerSource::Keyed, Proof::Digest);
    bye(&mut resident.phone, &mut resident.dialog).await;

    let mut worker = studio.dial_with(resident.phone).await.proven().await;
    studio.world.assert_no_press();
    worker.keys("101#").await;
    worker.waits_for_beep().await;
    worker.keys("##9").await;
    let press = studio.world.press().await;
    assert_press(&press, "#9", TriggerSource::Keyed, Proof::Digest);
    bye(&mut worker.phone, &mut worker.dialog).await;
    studio.world.wait_for_silence().await;
}

#[tokio::test]
async fn recording_takes_eight_calls_and_no_strangers() {
    let mut studio = Studio::new().await;
    let mut phone = studio.world.phone().await;
    let mut calls = Vec::new();
    for _ in 0..8 {
        let (dialog, answer) = phone.call(NUMBER).await;
        assert_eq!(answer.status(), Some(200), "{}", answer.0);
        calls.push(dialog);
    }
    assert_eq!(phone.call(NUMBER).await.1.status(), Some(486));
    for mut dialog in calls {
        bye(&mut phone, &mut dialog).await;
    }
    // Whom a carrier names may try a PIN; a key raises no alarm there.
    let mut mobile = caller(&studio.world, "13900000009").await;
    let (dialog, answer) = mobile.call(NUMBER).await;
    let mut mobile = Caller::new(mobile, dialog, &answer, &studio.library);
    mobile.info(&format!("#91#{WORKER_PIN}#")).await;
    bye(&mut mobile.phone, &mut mobile.dialog).await;
    let mut nobody = Phone::udp(STRANGER, studio.world.address(Transport::Udp)).await;
    nobody.account = "nobody";
    let status = nobody.call(NUMBER).await.1.status();
    assert!(matches!(status, Some(401 | 403)), "{status:?}");
    studio.world.wait_for_silence().await;
    studio.world.assert_no_press();
}
