//! Recordings on a real disk and in a real database: how they come, stay, go, and survive what goes wrong.

use super::*;
use crate::prompts::{ClipSource, PromptsConfig, Voice};
use crate::store::Store;
use jiff::Timestamp;
use lianfang_domain::directory::Dialect;
use lianfang_domain::words::{self, Phrase};
use std::time::Duration;

const MINNAN: Language = Language::Dialect(Dialect::Minnan);
const HAKKA: Language = Language::Dialect(Dialect::Hakka);
const HERE: CommunityId = CommunityId(1);
const THERE: CommunityId = CommunityId(2);

struct Shop {
    recordings: Recordings,
    store: Store,
    folder: tempfile::TempDir,
}

impl Shop {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("data")).await.unwrap();
        let sql = "INSERT INTO street (id, name) VALUES (1, '街');
            INSERT INTO community (id, street_id, name, area_code) VALUES (1, 1, '甲', '0592'), (2, 1, '乙', '0592')";
        let mut change = store.directory().write().await.unwrap();
        sqlx::raw_sql(sql).execute(&mut *change).await.unwrap();
        change.commit().await.unwrap();
        let recordings = open(&store, folder.path()).await.0;
        Self { recordings, store, folder }
    }

    /// The service as it starts again.
    async fn start_again(&mut self) -> Vec<RecordingProblem> {
        let (recordings, problems) = open(&self.store, self.folder.path()).await;
        self.recordings = recordings;
        problems
    }

    async fn sql(&self, sql: &str) {
        let mut change = self.store.directory().write().await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut *change).await.unwrap();
        change.commit().await.unwrap();
    }

    async fn record(&self, place: &RecordingPlace, ms: u32) -> RecordingRow {
        self.recordings.upload(place, wav(ms), "token").await.unwrap()
    }

    fn voice(&self, community: CommunityId, language: Language) -> Voice {
        self.recordings.library().voice(Some(community), language)
    }

    fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        let mut folders = vec![self.folder.path().join("recordings")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push(path.file_name().unwrap().to_string_lossy().into_owned());
                }
            }
        }
        files.sort();
        files
    }
}

async fn open(store: &Store, folder: &Path) -> (Recordings, Vec<RecordingProblem>) {
    let config = PromptsConfig { directory: folder.join("prompts"), voice: "none".into() };
    let (library, _) = Library::load(&config);
    let clock = Clock::simulated(Timestamp::from_second(1_795_305_600).unwrap());
    let database = store.directory();
    Recordings::open(&library, database, folder.join("recordings"), clock).await.unwrap()
}

/// A sound of so many milliseconds, which tells it from others.
#[expect(clippy::cast_possible_truncation, reason = "within the range of the type")]
fn wav(ms: u32) -> Vec<u8> {
    let sample = |n: u32| (f64::from(n) * 0.35).sin() * 9000.0;
    let samples: Vec<i16> = (0..8 * ms).map(|n| sample(n) as i16).collect();
    let mut bytes = io::Cursor::new(Vec::new());
    wav::write(&mut bytes, &samples).unwrap();
    bytes.into_inner()
}

fn place(community: Option<CommunityId>, language: Language, clip: &Clip) -> RecordingPlace {
    RecordingPlace { community, language, clip: clip.file_stem() }
}

fn alarm() -> Clip {
    Clip::Phrase(Phrase::Alarm)
}

/// How long a sentence of these clips sounds, without its gaps.
fn heard_ms(voice: &Voice, clips: &[Clip]) -> u128 {
    let pieces = voice.speak(clips).pieces;
    let recordings = pieces.iter().filter_map(|piece| match piece {
        crate::media::Piece::Recording(recording) => Some(recording.duration()),
        crate::media::Piece::Silence(_) => None,
    });
    recordings.sum::<Duration>().as_millis()
}

fn is_near(found: u128, wanted: u128) -> bool {
    found.abs_diff(wanted) <= 30
}

#[tokio::test]
async fn the_nearest_recording_is_heard() {
    let shop = Shop::new().await;
    let shipped = heard_ms(&shop.voice(HERE, Language::Chinese), &[alarm()]);
    shop.record(&place(None, Language::Chinese, &alarm()), 700).await;
    shop.record(&place(Some(HERE), Language::Chinese, &alarm()), 1500).await;
    let check = |community, language, wanted: u128, source| {
        let voice = shop.voice(community, language);
        let heard = heard_ms(&voice, &[alarm()]);
        assert!(is_near(heard, wanted), "{community} {language:?}: {heard}");
        assert_eq!(voice.sources(&[alarm()]), [source]);
    };
    check(HERE, Language::Chinese, 1500, ClipSource::Community);
    check(THERE, Language::Chinese, 700, ClipSource::Everybody);
    // A dialect that nobody recorded is Mandarin, as it is heard there.
    check(HERE, MINNAN, 1500, ClipSource::Community);
    let withdrawn = place(Some(HERE), Language::Chinese, &alarm());
    assert!(shop.recordings.withdraw(&withdrawn).await.unwrap());
    assert!(!shop.recordings.withdraw(&withdrawn).await.unwrap());
    check(HERE, Language::Chinese, 700, ClipSource::Everybody);
    assert!(shop.recordings.withdraw(&place(None, Language::Chinese, &alarm())).await.unwrap());
    check(HERE, Language::Chinese, shipped, ClipSource::Shipped);
}

#[tokio::test]
async fn a_sentence_is_said_in_one_language() {
    let mut shop = Shop::new().await;
    let sentence = [Clip::Tone, alarm(), Clip::Phrase(Phrase::Home)];
    let said = |shop: &Shop, language| shop.voice(HERE, language).language_of(&sentence);
    shop.record(&place(Some(HERE), MINNAN, &alarm()), 800).await;
    assert_eq!(said(&shop, MINNAN), Language::Chinese, "the other half is missing");
    assert_eq!(shop.voice(HERE, MINNAN).language_of(&[alarm()]), MINNAN);
    // Halves of the community and of all make a whole.
    shop.record(&place(None, MINNAN, &Clip::Phrase(Phrase::Home)), 400).await;
    assert_eq!(said(&shop, MINNAN), MINNAN);
    assert_eq!(shop.voice(THERE, MINNAN).language_of(&sentence), Language::Chinese);
    // Hakka was not recorded: Mandarin, or what the community says comes before it.
    assert_eq!(said(&shop, HAKKA), Language::Chinese);
    shop.recordings.set_order(HERE, vec![Language::English, MINNAN]).await.unwrap();
    assert_eq!(said(&shop, HAKKA), MINNAN, "and never English, whose words come in another order");
    assert_eq!(said(&shop, Language::Chinese), Language::Chinese);
    assert!(shop.start_again().await.is_empty());
    assert_eq!(said(&shop, HAKKA), MINNAN);
    let unknown = shop.recordings.set_order(CommunityId(9), vec![MINNAN]).await;
    assert!(matches!(unknown, Err(RecordingError::UnknownCommunity)));
}

#[tokio::test]
async fn a_call_goes_on_with_what_it_began_with() {
    let shop = Shop::new().await;
    let at = place(Some(HERE), Language::Chinese, &alarm());
    shop.record(&at, 600).await;
    let under_way = shop.voice(HERE, Language::Chinese);
    shop.record(&at, 1800).await;
    assert!(is_near(heard_ms(&under_way, &[alarm()]), 600));
    assert!(is_near(heard_ms(&shop.voice(HERE, Language::Chinese), &[alarm()]), 1800));
}

#[tokio::test]
async fn versions_are_kept_taken_back_and_erased() {
    let mut shop = Shop::new().await;
    let at = place(Some(HERE), Language::Chinese, &alarm());
    for (version, ms) in [(1, 600), (2, 900), (3, 1200)] {
        assert_eq!(shop.record(&at, ms).await.version, version);
    }
    let states = async |shop: &Shop| -> Vec<(u32, &'static str)> {
        let versions = shop.recordings.versions(&at).await.unwrap();
        versions.iter().map(|row| (row.version, row.state.name())).collect()
    };
    assert_eq!(states(&shop).await, [(3, "current"), (2, "kept"), (1, "kept")]);
    assert_eq!(shop.recordings.restore(&at, 1).await.unwrap().state.name(), "current");
    assert!(is_near(heard_ms(&shop.voice(HERE, Language::Chinese), &[alarm()]), 600));
    assert!(matches!(shop.recordings.restore(&at, 7).await, Err(RecordingError::UnknownVersion)));
    assert_eq!(states(&shop).await, [(3, "kept"), (2, "kept"), (1, "current")]);
    assert!(shop.start_again().await.is_empty());
    assert!(is_near(heard_ms(&shop.voice(HERE, Language::Chinese), &[alarm()]), 600));
    let file = shop.recordings.file(&at, 2).await.unwrap();
    assert_eq!(shop.files().len(), 3);
    shop.recordings.erase(&at, 2).await.unwrap();
    assert_eq!(shop.files().len(), 2);
    assert!(matches!(shop.recordings.file(&at, 2).await, Err(RecordingError::UnknownVersion)));
    // The same sound twice is one file, and stays as long as one of them does.
    let cut = intake::of_file(&file, 9000, &|| false).unwrap();
    shop.recordings.keep(&at, cut.clone(), "token").await.unwrap();
    shop.recordings.keep(&at, cut, "token").await.unwrap();
    assert_eq!(shop.files().len(), 3);
    shop.recordings.erase(&at, 5).await.unwrap();
    assert_eq!(shop.files().len(), 3);
    assert_eq!(shop.voice(HERE, Language::Chinese).sources(&[alarm()]), [ClipSource::Shipped]);
    shop.recordings.erase(&at, 4).await.unwrap();
    assert_eq!(shop.files().len(), 2);
}

#[tokio::test]
async fn a_name_is_heard_as_it_was_recorded() {
    let mut shop = Shop::new().await;
    let name = Clip::Name("曾阿姨".into());
    let at = place(Some(HERE), MINNAN, &name);
    let row = shop.record(&at, 900).await;
    let check = async |shop: &Shop, community, language, wanted| {
        let voice = shop.voice(community, language);
        let missing = voice.fetch(std::slice::from_ref(&name)).await;
        assert_eq!(voice.sources(std::slice::from_ref(&name)), [wanted]);
        assert_eq!(missing == 0, wanted != ClipSource::Missing);
    };
    check(&shop, HERE, MINNAN, ClipSource::Community).await;
    check(&shop, HERE, Language::Chinese, ClipSource::Missing).await;
    check(&shop, THERE, MINNAN, ClipSource::Missing).await;
    shop.record(&place(None, Language::Chinese, &name), 700).await;
    check(&shop, THERE, MINNAN, ClipSource::Everybody).await;
    // An English announcement says a Chinese name in Chinese.
    check(&shop, THERE, Language::English, ClipSource::Everybody).await;
    assert!(shop.start_again().await.is_empty());
    check(&shop, HERE, MINNAN, ClipSource::Community).await;
    fs::remove_file(shop.recordings.path(&at, &row)).unwrap();
    let problems = shop.start_again().await;
    assert_eq!(problems.len(), 1);
    check(&shop, HERE, MINNAN, ClipSource::Everybody).await;
}

#[tokio::test]
async fn a_damaged_file_is_left_out_and_named() {
    let mut shop = Shop::new().await;
    let (zh, en) = (Language::Chinese, Language::English);
    let damaged = place(Some(HERE), zh, &alarm());
    let row = shop.record(&damaged, 900).await;
    shop.record(&place(None, zh, &alarm()), 1400).await;
    shop.record(&place(Some(HERE), en, &alarm()), 1100).await;
    // Still a WAV file, and not what was recorded.
    fs::write(shop.recordings.path(&damaged, &row), wav(300)).unwrap();
    let problems = shop.start_again().await;
    let [problem] = problems.as_slice() else { panic!("{problems:?}") };
    assert_eq!(problem.to_string(), "cannot play version 1 of `alarm` in zh-CN");
    assert!(matches!(problem.why, RecordingError::Damaged { .. }));
    assert!(is_near(heard_ms(&shop.voice(HERE, zh), &[alarm()]), 1400), "the next one is heard");
    assert!(is_near(heard_ms(&shop.voice(HERE, en), &[alarm()]), 1100));
    let restored = shop.recordings.restore(&damaged, 1).await;
    assert!(matches!(restored, Err(RecordingError::Damaged { .. })));
    let given = shop.recordings.file(&damaged, 1).await;
    assert!(matches!(given, Err(RecordingError::Damaged { .. })));
    // Recorded once more, it is whole again.
    shop.record(&damaged, 900).await;
    assert!(shop.start_again().await.is_empty());
}

#[tokio::test]
async fn a_crash_between_file_and_row_changes_nothing() {
    let mut shop = Shop::new().await;
    let at = place(Some(HERE), Language::Chinese, &alarm());
    shop.record(&at, 600).await;
    shop.sql(
        "CREATE TRIGGER crash BEFORE INSERT ON recording BEGIN SELECT RAISE(ABORT, 'crash'); END",
    )
    .await;
    let lost = shop.recordings.upload(&at, wav(1500), "token").await;
    assert!(matches!(lost, Err(RecordingError::Store(_))), "{lost:?}");
    assert_eq!(shop.files().len(), 2, "the file is there, without a row");
    assert!(is_near(heard_ms(&shop.voice(HERE, Language::Chinese), &[alarm()]), 600));
    assert!(shop.start_again().await.is_empty());
    assert!(is_near(heard_ms(&shop.voice(HERE, Language::Chinese), &[alarm()]), 600));
    shop.sql("DROP TRIGGER crash").await;
    assert_eq!(shop.record(&at, 1500).await.version, 2);
    assert_eq!(shop.files().len(), 2);
}

#[tokio::test]
async fn a_full_disk_refuses_and_plays_on() {
    let shop = Shop::new().await;
    let here = place(Some(HERE), Language::Chinese, &alarm());
    let there = place(Some(THERE), Language::Chinese, &alarm());
    let row = shop.record(&here, 900).await;
    // Where the new file is to be written first, nothing can be: the system says that the device is full.
    let path = shop.recordings.path(&there, &row);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink("/dev/full", path.with_extension("part")).unwrap();
    let refused = shop.recordings.upload(&there, wav(900), "token").await;
    let Err(RecordingError::File { source, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(source.kind(), io::ErrorKind::StorageFull);
    assert_eq!(shop.recordings.versions(&there).await.unwrap(), []);
    assert_eq!(shop.voice(THERE, Language::Chinese).sources(&[alarm()]), [ClipSource::Shipped]);
    assert_eq!(shop.voice(HERE, Language::Chinese).sources(&[alarm()]), [ClipSource::Community]);
    // What was in the way went with the failed attempt.
    assert_eq!(shop.record(&there, 900).await.version, 1);
}

#[tokio::test]
async fn only_clips_that_exist_are_taken() {
    let shop = Shop::new().await;
    for clip in ["tone", "", "alarm.wav", "../../x", "name-123", "name-80e354e382b1b1cX", "sign-1 "]
    {
        let at = RecordingPlace { community: None, language: MINNAN, clip: clip.to_owned() };
        let refused = shop.recordings.upload(&at, wav(500), "token").await;
        assert!(matches!(refused, Err(RecordingError::UnknownClip)), "{clip}: {refused:?}");
    }
    let nowhere = place(Some(CommunityId(9)), MINNAN, &alarm());
    let refused = shop.recordings.upload(&nowhere, wav(500), "token").await;
    assert!(matches!(refused, Err(RecordingError::UnknownCommunity)), "{refused:?}");
    let long =
        place(None, MINNAN, &Clip::Sign(lianfang_domain::words::Sign::of_char('1').unwrap()));
    let refused = shop.recordings.upload(&long, wav(6000), "token").await;
    assert!(matches!(refused, Err(RecordingError::Refused(Refusal::Long { .. }))), "{refused:?}");
    assert_eq!(shop.files(), Vec::<String>::new().as_slice());
}

#[tokio::test]
async fn the_recorded_name_of_a_neighbour_is_heard_behind_the_door() {
    let shop = Shop::new().await;
    let (called, name) = (Clip::Name("302 李强家".into()), Clip::Name("李强家".into()));
    let coming = [called.clone(), Clip::Phrase(Phrase::IsComing)];
    let door = words::door_and_name("302 李强家", Language::Chinese).unwrap().0;
    let heard = async |community, language, clips: &[Clip]| {
        let voice = shop.voice(community, language);
        voice.fetch(clips).await;
        heard_ms(&voice, clips)
    };
    let check = async |community, language, wanted: u128| {
        let found = heard(community, language, &coming).await;
        assert!(is_near(found, wanted), "{found} ms, not {wanted} ms");
    };
    // Synthesised in one, as it always was.
    let file = shop.folder.path().join("prompts/synthesised/zh-CN");
    fs::create_dir_all(&file).unwrap();
    fs::write(file.join(called.file_stem()).with_extension("wav"), wav(3000)).unwrap();
    let is_coming = heard(HERE, Language::Chinese, &coming[1..]).await;
    let signs = heard(HERE, Language::Chinese, &door).await;
    check(HERE, Language::Chinese, 3000 + is_coming).await;

    shop.record(&place(Some(HERE), Language::Chinese, &name), 900).await;
    check(HERE, Language::Chinese, signs + 900 + is_coming).await;
    check(THERE, Language::Chinese, 3000 + is_coming).await;
    // The sentence is in Mandarin where it was not recorded in the dialect.
    shop.record(&place(Some(HERE), MINNAN, &name), 1400).await;
    check(HERE, MINNAN, signs + 900 + is_coming).await;
    // Where it was, the name is too; the door comes once it can be said in the dialect.
    shop.record(&place(Some(HERE), MINNAN, &coming[1]), 1000).await;
    check(HERE, MINNAN, 1400 + 1000).await;
    let mut fixed: Vec<&Clip> = door.iter().collect();
    fixed.sort();
    fixed.dedup();
    for sign in fixed {
        shop.record(&place(Some(HERE), MINNAN, sign), 400).await;
    }
    check(HERE, MINNAN, 400 * door.len() as u128 + 1400 + 1000).await;
    check(HERE, Language::Chinese, signs + 900 + is_coming).await;
    let sources = shop.voice(HERE, MINNAN).sources(&coming);
    assert_eq!(sources, [ClipSource::Community, ClipSource::Community]);
}
