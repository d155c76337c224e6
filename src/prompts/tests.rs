//! The shipped prompts, measured; and how a library is put together.

use super::level::{active_db, of_pcm, peak_db, to_db};
use super::*;
use crate::media::Piece;
use lianfang_domain::directory::Address;
use lianfang_domain::id::{CommunityId, GridId, GroupId, HouseholdId, LineId};
use lianfang_domain::leg::Message;
use lianfang_domain::phone::PhoneNumber;
use lianfang_domain::plan::{Plan, Policy, Scene};
use lianfang_domain::words::{Phrase, Told, spoken};
use std::time::Duration;

/// Full scale of G.711 in dBm0 (ITU-T G.711: a sine at full scale is +3.14 dBm0), and a sine's level below its peak.
#[expect(clippy::approx_constant, reason = "a level, not the circle's number")]
const FULL_SCALE_DBM0: f64 = 3.14;
const SINE_RMS_DB: f64 = -3.01;

fn config(directory: &Path) -> PromptsConfig {
    PromptsConfig { directory: directory.to_owned(), voice: "espeak-ng".into() }
}

fn shipped_samples(clip: &Clip, language: Language) -> Vec<f64> {
    let stem = clip.file_stem();
    let (_, chinese, english) =
        shipped::SHIPPED.iter().find(|(shipped, ..)| *shipped == stem).unwrap();
    let bytes = if language == Language::Chinese { chinese } else { english };
    of_pcm(&wav::read(*bytes, Path::new(&stem)).unwrap())
}

#[test]
fn every_fixed_clip_is_shipped_and_nothing_else() {
    let mut wanted: Vec<_> = Clip::all_fixed().iter().map(Clip::file_stem).collect();
    let mut shipped: Vec<_> =
        shipped::SHIPPED.iter().map(|(stem, ..)| (*stem).to_owned()).collect();
    wanted.sort();
    shipped.sort();
    assert_eq!(shipped, wanted, "bring src/prompts/shipped.rs up to date and run prompts/make.sh");
    for language in Language::ALL {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts").join(language.tag());
        assert_eq!(std::fs::read_dir(directory).unwrap().count(), wanted.len(), "stray files");
    }
}

#[test]
fn shipped_clips_have_the_level_and_length_of_a_telephone() {
    for language in Language::ALL {
        for clip in Clip::all_fixed() {
            let name = format!("{}/{}", language.tag(), clip.file_stem());
            let samples = shipped_samples(&clip, language);
            let seconds = Duration::from_micros(125 * u64::try_from(samples.len()).unwrap());
            let (active, peak) = (active_db(&samples), peak_db(&samples));
            assert!(peak <= -3.0, "{name}: peak {peak}");
            assert!((-24.0..=-17.0).contains(&active), "{name}: active level {active}");
            let longest = Duration::from_millis(6000);
            assert!(
                (Duration::from_millis(120)..=longest).contains(&seconds),
                "{name}: {seconds:?}"
            );
            assert!(samples.iter().any(|sample| *sample != 0.0));
        }
    }
}

#[test]
fn the_tone_wakes_but_is_no_key() {
    for language in Language::ALL {
        let tone = shipped_samples(&Clip::Tone, language);
        assert_eq!(tone.len(), 6400, "0.8 s");
        let rms = (tone.iter().map(|sample| sample * sample).sum::<f64>() / 6400.0).sqrt();
        assert!(to_db(rms) - SINE_RMS_DB + FULL_SCALE_DBM0 <= -10.0);
        assert!(peak_db(&tone) + FULL_SCALE_DBM0 <= -10.0);
        for frame in tone.chunks(400) {
            let share = |hertz: f64| {
                let angle = std::f64::consts::TAU * hertz / 8000.0;
                let sum = |wave: fn(f64) -> f64| -> f64 {
                    frame.iter().zip(0_u32..).map(|(s, n)| s * wave(angle * f64::from(n))).sum()
                };
                let energy = frame.iter().map(|sample| sample * sample).sum::<f64>();
                2.0 * (sum(f64::sin).powi(2) + sum(f64::cos).powi(2)) / (energy * 400.0)
            };
            let low = [697.0, 770.0, 852.0, 941.0].map(share).into_iter().fold(0.0, f64::max);
            let high = [1209.0, 1336.0, 1477.0, 1633.0].map(share).into_iter().fold(0.0, f64::max);
            assert!(low.min(high) < 0.02 && low + high < 0.2, "low {low}, high {high}");
        }
    }
}

/// A plan with everything that an address can have.
fn plan() -> Plan {
    let text = Arc::<str>::from;
    Plan {
        revision: 1,
        directory_version: 1,
        scene: Scene {
            line: LineId(1),
            household: HouseholdId(1),
            group: GroupId(1),
            grid: GridId(1),
            community: CommunityId(1),
            community_name: text("文园社区"),
            household_name: text("曾阿姨"),
            address: Address {
                place: text("湖滨花园"),
                building: text("12"),
                unit: text("2"),
                floor: text("15"),
                door: text("1502"),
            },
            pronunciation: None,
            number: PhoneNumber::from_parts("+865925551234", "0592-5551234"),
            language: Language::Chinese,
            is_silent: false,
        },
        parties: Vec::new(),
        policy: Policy::default(),
        left_out: Vec::new(),
        kind: lianfang_domain::kind::AlarmKind::Unknown,
        is_drill: false,
        steps: Vec::new(),
        made_by: None,
    }
}

#[test]
fn what_callees_hear_takes_fifteen_seconds_at_most() {
    let directory = tempfile::tempdir().unwrap();
    let (library, problems) = Library::load(&config(directory.path()));
    assert!(problems.is_empty(), "{problems:?}");
    let messages = [
        Message::Alarm,
        Message::WeakAlarm,
        Message::StillInDanger,
        Message::OwnHousehold,
        Message::StandDown,
        Message::Cancelled,
        Message::SaidMistake,
    ];
    for (language, message) in
        Language::ALL.into_iter().flat_map(|language| messages.map(|message| (language, message)))
    {
        let clips = spoken(&Told::new(&plan(), message), language);
        let playlist = library.speak(&clips, language);
        let (fixed, names): (Vec<_>, Vec<_>) = clips.iter().partition(|clip| clip.is_fixed());
        let recordings = playlist.pieces.iter().filter(|p| matches!(p, Piece::Recording(_)));
        assert_eq!(recordings.count(), fixed.len(), "all but the names, which nobody spoke");
        let names_ms: u32 = names.iter().map(|clip| clip.estimate_ms(language)).sum();
        let ms = playlist.duration().as_millis() + u128::from(names_ms) + 300;
        assert!((2000..=15_000).contains(&ms), "{language:?} {message:?}: {ms} ms");
    }
}

#[test]
fn a_recording_of_people_takes_the_place_of_a_shipped_clip() {
    let directory = tempfile::tempdir().unwrap();
    let tag = directory.path().join("zh-CN");
    std::fs::create_dir(&tag).unwrap();
    wav::write(File::create(tag.join("alarm.wav")).unwrap(), &[100; 8000]).unwrap();
    std::fs::write(tag.join("keys.wav"), b"not a WAV file").unwrap();
    let (library, problems) = Library::load(&config(directory.path()));
    let duration = |phrase, language| {
        let playlist = library.speak(&[Clip::Phrase(phrase)], language);
        playlist.duration() - Duration::from_millis(u64::from(GAP_AFTER_PHRASE_MS))
    };
    assert_eq!(duration(Phrase::Alarm, Language::Chinese), Duration::from_secs(1));
    assert_ne!(duration(Phrase::Alarm, Language::English), Duration::from_secs(1));
    // The bad one is told of, and the shipped clip is said.
    let [problem] = problems.as_slice() else { panic!("{problems:?}") };
    assert!(problem.to_string().contains("zh-CN/keys.wav"), "{problem}");
    assert!(Duration::from_millis(500) < duration(Phrase::Keys, Language::Chinese));
}
