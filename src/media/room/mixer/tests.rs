//! The mixer in simulated time: who hears what, that nobody hears himself, and that loudspeakers do not howl.

use super::*;
use crate::clock::Clock;
use crate::media::playlist::{Piece, Recording, Rounds};
use crate::media::ports::splitmix;
use crate::media::signal::{amplitude, tone};
use proptest::prelude::*;

const CODEC: Codec = Codec::Pcma;

fn at_tick(tick: i32) -> Timestamp {
    Timestamp::UNIX_EPOCH + TICK_LEN * tick
}

/// A mixer whose members say and hear a frame each tick.
struct Town {
    mixer: Mixer,
    chairs: Vec<Chair>,
    tick: i32,
}

impl Town {
    fn new(talks: &[Talk]) -> Self {
        let mut mixer = Mixer::new();
        let chairs = talks.iter().enumerate().map(|(index, talk)| {
            let ticket = u64::try_from(index).unwrap() + 1;
            mixer.sit(index, Box::new(Place::new(ticket, *talk)));
            Chair { index, ticket }
        });
        let chairs = chairs.collect();
        Self { mixer, chairs, tick: 0 }
    }

    /// One tick: each says a frame; what each hears.
    fn talk(&mut self, frames: &[Frame]) -> Vec<Frame> {
        for (chair, frame) in self.chairs.iter().zip(frames) {
            let payload = frame.map(|sample| CODEC.encode(sample));
            let timestamp = u32::try_from(self.tick).unwrap() * 160;
            let audio = Audio { ssrc: 1, timestamp, codec: CODEC, payload: &payload };
            self.mixer.hear(*chair, &audio);
        }
        let now = at_tick(self.tick);
        self.tick += 1;
        let heard = self.chairs.iter().map(|chair| {
            let mut frame = [1; TICK];
            self.mixer.mix(*chair, false, &mut frame, now);
            frame
        });
        heard.collect()
    }
}

fn coded(sample: i16) -> i16 {
    CODEC.decode(CODEC.encode(sample))
}

fn arb_frame() -> impl Strategy<Value = Frame> {
    // Whispers, talk, and shouting at the edge.
    let level = prop_oneof![Just(100_i16), Just(3000), Just(i16::MAX)];
    (level, any::<u64>()).prop_map(|(level, mut seed)| {
        let span = u64::from(level.unsigned_abs()) * 2 + 1;
        std::array::from_fn(|_| {
            i16::try_from(i32::try_from(splitmix(&mut seed) % span).unwrap() - i32::from(level))
                .unwrap()
        })
    })
}

proptest! {
    /// Each hears the sum of the others, as loud as there is: never his own voice, and never a sum that has wrapped.
    #[test]
    fn each_hears_the_sum_of_the_others(frames in proptest::collection::vec(arb_frame(), 1..=8)) {
        let mut town = Town::new(&vec![Talk::Full; frames.len()]);
        let silence = vec![[0; TICK]; frames.len()];
        town.talk(&frames);
        town.talk(&silence);
        let heard = town.talk(&silence);
        for (member, heard) in heard.iter().enumerate() {
            for (index, heard) in heard.iter().enumerate() {
                let others = frames.iter().enumerate().filter(|(other, _)| *other != member);
                let sum: i32 = others.map(|(_, frame)| i32::from(coded(frame[index]))).sum();
                let wanted = sum.clamp(i32::from(i16::MIN), i32::from(i16::MAX));
                prop_assert_eq!(i32::from(*heard), wanted, "member {}, sample {}", member, index);
                // And encoded again it is still that, but for the rounding of the codec.
                let error = coded(*heard).abs_diff(*heard);
                prop_assert!(error <= 16 + heard.unsigned_abs() / 16, "{} {}", heard, error);
            }
        }
    }

    /// What is laid over a talk never wraps either.
    #[test]
    fn a_clip_over_talk_never_wraps(talk in -262_144..=262_144_i32, clip in any::<i16>()) {
        let sum = i64::from(talk / 4) + i64::from(clip);
        let wanted = sum.clamp(i64::from(i16::MIN), i64::from(i16::MAX));
        prop_assert_eq!(i64::from(lay_over(talk, clip)), wanted);
    }
}

#[test]
fn who_shouts_silences_nobody() {
    let mut town = Town::new(&[Talk::Full; 4]);
    let (mut heard, mut seed) = (Vec::new(), 3);
    let whisper = tone(700.0, 1500.0, 16_000);
    for chunk in whisper.as_chunks::<TICK>().0 {
        let noise =
            std::array::from_fn(|_| i16::try_from(splitmix(&mut seed) % 20_001).unwrap() - 10_000);
        let said = [[0; TICK], noise, *chunk, [0; TICK]];
        heard.extend(town.talk(&said)[0]);
    }
    let level = amplitude(&heard[1600..], 700.0);
    assert!((1300.0..1700.0).contains(&level), "{level}");
}

#[test]
fn clips_play_to_all_one_after_the_other_over_the_talk() {
    let mut town = Town::new(&[Talk::Full; 2]);
    let clip = |hz| {
        let recording = Recording::encode(&tone(hz, 8000.0, 8000));
        Playlist::once(1, [Piece::Recording(recording)])
    };
    town.mixer.play(clip(1000.0));
    town.mixer.play(clip(1500.0));
    let talk = tone(600.0, 8000.0, 24_000);
    let (mut one, mut two) = (Vec::new(), Vec::new());
    for chunk in talk.as_chunks::<TICK>().0 {
        let heard = town.talk(&[*chunk, [0; TICK]]);
        one.extend(heard[0]);
        two.extend(heard[1]);
    }
    // A second each, then only talk: what the two hear of both clips and of the talk.
    let wanted = [(8000.0, 0.0, 2000.0), (0.0, 8000.0, 2000.0), (0.0, 0.0, 8000.0)];
    for (second, (first, next, talk)) in wanted.into_iter().enumerate() {
        let part = |heard: &[i16]| heard[second * 8000 + 800..(second + 1) * 8000].to_vec();
        let check = |name: &str, heard: &[i16], hz, wanted: f64| {
            let level = amplitude(&part(heard), hz);
            assert!((level - wanted).abs() < 300.0, "second {second}, {name}: {level}");
        };
        check("first clip", &one, 1000.0, first);
        check("next clip", &one, 1500.0, next);
        check("own voice", &one, 600.0, 0.0);
        check("first clip, two", &two, 1000.0, first);
        check("next clip, two", &two, 1500.0, next);
        check("talk", &two, 600.0, talk);
    }
}

#[test]
fn clips_that_wait_are_bounded_and_can_be_stopped() {
    let mut mixer = Mixer::new();
    let endless = Playlist::once(1, [Piece::Silence(20)]).repeated(Rounds::Endless, 0);
    for _ in 0..20 {
        mixer.play(endless.clone());
    }
    assert_eq!((mixer.clips.len(), mixer.clips.capacity()), (CLIPS_MAX, CLIPS_MAX));
    assert!(mixer.clip().is_some());
    mixer.stop();
    assert_eq!(mixer.clip(), None);
}

#[test]
fn a_chair_that_was_given_away_is_nobodys() {
    let mut town = Town::new(&[Talk::Full; 2]);
    let old = town.chairs[0];
    town.mixer.sit(0, Box::new(Place::new(9, Talk::Full)));
    town.chairs[0] = Chair { index: 0, ticket: 9 };
    town.mixer.rise(old);
    let loud = [5000; TICK];
    for _ in 0..5 {
        town.talk(&[[0; TICK], loud]);
    }
    let mut frame = [1; TICK];
    town.mixer.mix(old, false, &mut frame, at_tick(5));
    assert_eq!(frame, [0; TICK], "the earlier member");
    town.mixer.mix(town.chairs[0], false, &mut frame, at_tick(5));
    assert_eq!(frame, [coded(5000); TICK], "the later one");
}

#[test]
fn packets_of_any_length_are_filled_without_a_gap() {
    for ms in [10, 20, 30, 40, 60] {
        let mut town = Town::new(&[Talk::Full; 2]);
        let (mut heard, mut said) = (Vec::new(), 0);
        for now_ms in (0..6000).step_by(10) {
            let now = Timestamp::UNIX_EPOCH + SignedDuration::from_millis(now_ms);
            if now_ms % 20 == 0 {
                let payload = [CODEC.encode(5000); TICK];
                let audio = Audio { ssrc: 1, timestamp: said, codec: CODEC, payload: &payload };
                said += 160;
                town.mixer.hear(town.chairs[0], &audio);
                town.mixer.mix(town.chairs[0], false, &mut [0; TICK], now);
            }
            if now_ms % ms == 0 {
                let mut frame = vec![0; usize::try_from(ms * 8).unwrap()];
                town.mixer.mix(town.chairs[1], false, &mut frame, now);
                heard.extend(frame);
            }
        }
        assert_eq!(heard.len(), 48_000);
        let begin = heard.iter().position(|sample| *sample != 0).unwrap();
        assert!(begin <= 1280, "{ms} ms: heard after {begin} samples");
        // The packet length may not fit the first tick: then one gap at the begin, and none later.
        let gaps = heard[2000..].iter().filter(|sample| **sample != coded(5000)).count();
        assert_eq!(gaps, 0, "{ms} ms");
        let capacity = town.mixer.place(town.chairs[1]).unwrap().to_hear.capacity();
        assert_eq!(capacity, TO_HEAR_MAX + TICK, "nothing was allocated on the way");
    }
}

#[test]
fn a_stall_is_caught_up_a_little_and_then_left_out() {
    let mut town = Town::new(&[Talk::Full; 1]);
    town.talk(&[[0; TICK]]);
    let due = |town: &mut Town, tick| {
        town.mixer.mix(town.chairs[0], false, &mut [0; TICK], at_tick(tick));
        town.mixer.due.unwrap()
    };
    assert_eq!(due(&mut town, 4), at_tick(5));
    assert_eq!(due(&mut town, 100_000), at_tick(100_001));
    // Another thread may be a little behind.
    assert_eq!(due(&mut town, 99_999), at_tick(100_001));
    assert_eq!(due(&mut town, 100_001), at_tick(100_002));
}

/// A room in which loudspeakers hear themselves.
struct Loop {
    /// How much louder the microphone hears what the loudspeaker plays.
    gain: f64,
    delay_ticks: usize,
    speakers: usize,
    talk: Talk,
    /// Where somebody talks: 0 is the telephone, 1 the first loudspeaker.
    talker: usize,
}

impl Loop {
    /// Somebody says a tone for two seconds; then nobody says anything for three. The loudest sample of each
    /// second, that anybody hears.
    fn run(&self) -> Vec<u16> {
        let mut talks = vec![self.talk; self.speakers];
        talks.insert(0, Talk::Full);
        let mut town = Town::new(&talks);
        let mut played = vec![VecDeque::from(vec![[0; TICK]; self.delay_ticks]); self.speakers];
        let words = tone(800.0, 3000.0, 16_000);
        let mut words = words.as_chunks::<TICK>().0.iter();
        let mut loudest = Vec::new();
        let mut seed = 11;
        for _ in 0..5 {
            let mut loudest_now = 0;
            for _ in 0..50 {
                let mut said = vec![[0; TICK]];
                said.extend(played.iter_mut().map(|played| {
                    let echo = played.pop_front().unwrap();
                    // A microphone is never quite silent: what would howl begins with its noise.
                    echo.map(|sample| {
                        let noise = (splitmix(&mut seed) % 41) as f64 - 20.0;
                        (f64::from(sample) * self.gain + noise) as i16
                    })
                }));
                if let Some(words) = words.next() {
                    let pairs = said[self.talker].iter_mut().zip(words);
                    pairs.for_each(|(sample, word)| *sample = sample.saturating_add(*word));
                }
                let heard = town.talk(&said);
                let samples = heard.iter().flatten().map(|sample| sample.unsigned_abs());
                loudest_now = samples.max().unwrap().max(loudest_now);
                for (played, heard) in played.iter_mut().zip(&heard[1..]) {
                    played.push_back(*heard);
                }
            }
            loudest.push(loudest_now);
        }
        loudest
    }
}

#[test]
fn two_open_loudspeakers_would_howl() {
    let open = Loop { gain: 2.0, delay_ticks: 5, speakers: 2, talk: Talk::Full, talker: 0 };
    let loudest = open.run();
    assert!(30_000 < loudest[4], "the simulated loop howls: {loudest:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    /// However loud a loudspeaker is in its own microphone, and however long the way back: nothing grows.
    #[test]
    fn loudspeakers_do_not_howl(
        gain in 1.1..10.0_f64,
        delay_ticks in 1..=25_usize,
        speakers in 1..=3_usize,
        talker in 0..=1_usize,
    ) {
        let talk = Talk::HalfDuplexSpeaker;
        let loudest = Loop { gain, delay_ticks, speakers, talk, talker }.run();
        // The tone of 3,000 and no more while it sounds, then at most the noise of 20 once around a loop of 10.
        prop_assert!(loudest[..2].iter().all(|level| *level < 3500), "{:?}", loudest);
        prop_assert!(loudest[3..].iter().all(|level| *level < 250), "{:?}", loudest);
    }
}

#[test]
fn a_talk_of_telephone_and_loudspeaker_goes_both_ways() {
    let mut town = Town::new(&[Talk::Full, Talk::HalfDuplexSpeaker]);
    let (ask, answer) = (tone(500.0, 4000.0, 8000), tone(900.0, 4000.0, 16_000));
    let silence = vec![0; 16_000];
    // The telephone asks for a second while the loudspeaker's place is loud; then it answers for two.
    let said = [[&ask[..], &silence].concat(), [&answer[..8000], &answer].concat()];
    let (mut phone, mut speaker) = (Vec::new(), Vec::new());
    for (one, two) in said[0].as_chunks::<TICK>().0.iter().zip(said[1].as_chunks::<TICK>().0) {
        let heard = town.talk(&[*one, *two]);
        phone.extend(heard[0]);
        speaker.extend(heard[1]);
    }
    assert!(3500.0 < amplitude(&speaker[800..8000], 500.0));
    assert!(amplitude(&phone[800..8000], 900.0) < 50.0, "closed while the telephone talks");
    assert!(amplitude(&phone[8000..12_500], 900.0) < 50.0, "and a while after");
    assert!(3500.0 < amplitude(&phone[14_000..], 900.0), "then it is heard");
}

#[test]
fn mixing_costs_little() {
    let mut town = Town::new(&[Talk::Full; MEMBERS_MAX]);
    let clock = Clock::system();
    let (mut seed, ticks) = (5, 500);
    let said: Vec<Frame> = (0..MEMBERS_MAX)
        .map(|_| std::array::from_fn(|_| i16::try_from(splitmix(&mut seed) % 8000).unwrap() - 4000))
        .collect();
    let before = clock.now();
    for _ in 0..ticks {
        for frame in town.talk(&said) {
            std::hint::black_box(frame.map(|sample| CODEC.encode(sample)));
        }
    }
    let took = clock.now().duration_since(before).as_micros();
    let frames = i128::from(ticks) * i128::try_from(MEMBERS_MAX).unwrap();
    let place = size_of::<Place>() + 2 * (TO_HEAR_MAX + TICK) + 2 * 2560;
    println!("mixing: {} ns for a frame of a member, {place} bytes a member", took * 1000 / frames);
    // Even unoptimised and on a busy machine it has to fit into the time that there is.
    assert!(took / i128::from(ticks) < 10_000, "{took} µs for {ticks} ticks");
    assert!(place < 10_000, "{place} bytes");
}

#[test]
fn a_silent_line_is_heard_and_hears_nothing() {
    let mut mixer = Mixer::new();
    let chair = |index| Chair { index, ticket: 1 };
    mixer.sit(0, Box::new(Place::new(1, Talk::Unhearing)));
    mixer.sit(1, Box::new(Place::new(1, Talk::Full)));
    let mut total = [0_i32; TICK];
    total.fill(9_000);
    let clip: Frame = [9_000; TICK];
    for place in mixer.places.iter_mut().flatten() {
        place.listen(&total, Some(&clip));
    }
    let mut heard = |index| {
        let mut samples = [1_i16; TICK];
        mixer.mix(chair(index), false, &mut samples, Timestamp::UNIX_EPOCH);
        samples.iter().any(|sample| *sample != 0)
    };
    assert!(!heard(0), "the silent line");
    assert!(heard(1), "the others");
}
