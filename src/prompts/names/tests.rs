//! Names: how they come into being, stay and go.

use super::*;
use crate::prompts::Library;
use std::os::unix::fs::PermissionsExt;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

const LIMIT: Duration = Duration::from_secs(20);

fn name(text: &str) -> Clip {
    Clip::Name(text.into())
}

/// A voice for tests: copies a file, whatever it is to say; or does what `body` says.
fn voice(directory: &Path, body: &str) -> PathBuf {
    let spoken = directory.join("spoken.wav");
    let samples: Vec<i16> = (0..22_050).map(|n: i32| ((n % 40) * 400 - 8000) as i16).collect();
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 22_050,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&spoken, spec).unwrap();
    samples.iter().for_each(|sample| writer.write_sample(*sample).unwrap());
    writer.finalize().unwrap();
    let program = directory.join("voice.sh");
    let script = format!(
        "#!/bin/sh\ncd '{}'\necho run >>runs\nfor last; do :; done\n{body}\n",
        directory.display()
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    program
}

fn config(directory: &Path, body: &str) -> PromptsConfig {
    PromptsConfig { directory: directory.join("prompts"), voice: voice(directory, body) }
}

fn runs(directory: &Path) -> usize {
    std::fs::read_to_string(directory.join("runs")).unwrap_or_default().lines().count()
}

#[tokio::test]
async fn a_name_is_spoken_once_and_then_said() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path(), "cat >text; cp spoken.wav \"$last\"");
    let tasks = Tasks::new(Handle::current(), CancellationToken::new());
    let (library, _) = Library::load(&config);
    let voice = NameVoice::new(&config, &tasks);
    let clip = name("曾阿姨");
    assert_eq!(library.fetch(std::slice::from_ref(&clip), Language::Chinese).await, 1);
    voice.prepare(&clip, Language::Chinese).unwrap();
    let prepared = async {
        while !voice.missing(vec![(clip.clone(), Language::Chinese)]).await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, prepared).await.unwrap();
    let text = std::fs::read_to_string(directory.path().join("text")).unwrap();
    assert_eq!(text, clip.script(Language::Chinese), "surnames are spelt for the voice");
    assert_eq!(library.speak(std::slice::from_ref(&clip), Language::Chinese).pieces.len(), 0);
    // An English announcement says it too, with the voice that can.
    assert_eq!(library.fetch(std::slice::from_ref(&clip), Language::English).await, 0);
    let said = library.speak(std::slice::from_ref(&clip), Language::English).duration();
    assert!((900..1100).contains(&said.as_millis()), "{said:?}");
    synthesise_new(&config, &clip, Language::Chinese, 0).await;
    assert_eq!(runs(directory.path()), 1, "it is there already");
    assert!(tasks.stop(LIMIT).await);
}

#[tokio::test]
async fn a_voice_that_fails_leaves_nothing_behind() {
    for body in ["exit 3", "cp spoken.wav \"$last\"; kill -9 $$", "echo noise >\"$last\"", "exit 0"]
    {
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path(), body);
        let error = synthesise(&config, &name("李强"), Language::Chinese, 0).await.unwrap_err();
        let kind = match error {
            VoiceError::Failed(_) => "failed",
            VoiceError::Output(_) => "output",
            VoiceError::Store(_) => "nothing",
            VoiceError::Run(_) | VoiceError::Late | VoiceError::Encode(_) => "other",
        };
        let wanted = match body {
            "echo noise >\"$last\"" => "output",
            "exit 0" => "nothing",
            _ => "failed",
        };
        assert_eq!(kind, wanted, "{body}");
        let left = std::fs::read_dir(config.directory.join("synthesised/zh-CN")).unwrap();
        assert_eq!(left.count(), 0, "{body}");
    }
}

#[tokio::test]
async fn without_the_program_a_name_is_an_error_and_no_more() {
    let directory = tempfile::tempdir().unwrap();
    let config = PromptsConfig {
        directory: directory.path().to_owned(),
        voice: directory.path().join("no-such-program"),
    };
    let error = synthesise(&config, &name("李强"), Language::Chinese, 0).await.unwrap_err();
    assert!(matches!(error, VoiceError::Failed(_)), "{error}");
}

#[tokio::test]
async fn a_recording_of_people_comes_before_a_synthesised_one() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path(), "cp spoken.wav \"$last\"");
    let clip = name("陈阿姨");
    synthesise(&config, &clip, Language::Chinese, 0).await.unwrap();
    let path = recording_path(&config.directory, &clip, Language::Chinese);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    wav::write(std::fs::File::create(path).unwrap(), &[900; 800]).unwrap();
    let names = Names::new(config.directory);
    let id = NameId::File(key(&clip, Language::Chinese));
    assert!(names.fetch([id.clone()]).await);
    let found = names.get(&id).unwrap();
    assert_eq!(found.duration(), Duration::from_millis(100));
}

#[tokio::test]
async fn names_of_people_who_left_are_removed() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path(), "cp spoken.wav \"$last\"");
    let tasks = Tasks::new(Handle::current(), CancellationToken::new());
    let voice = NameVoice::new(&config, &tasks);
    assert_eq!(voice.keep_only(&BTreeSet::new()).await.unwrap(), 0, "there is no folder yet");
    for (text, language) in
        [("李强", Language::Chinese), ("陈阿姨", Language::Chinese), ("Mary", Language::English)]
    {
        synthesise(&config, &name(text), language, 0).await.unwrap();
    }
    let recorded = recording_path(&config.directory, &name("陈阿姨"), Language::Chinese);
    std::fs::create_dir_all(recorded.parent().unwrap()).unwrap();
    wav::write(std::fs::File::create(&recorded).unwrap(), &[900; 800]).unwrap();
    let kept = BTreeSet::from([key(&name("李强"), Language::English)]);
    assert_eq!(voice.keep_only(&kept).await.unwrap(), 2);
    let both = vec![(name("李强"), Language::Chinese), (name("Mary"), Language::English)];
    assert_eq!(voice.missing(both).await, [(name("Mary"), Language::English)]);
    assert!(recorded.exists(), "what people recorded stays");
    assert!(tasks.stop(LIMIT).await);
}

#[tokio::test]
async fn only_so_many_names_wait() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path(), "cp spoken.wav \"$last\"");
    let tasks = Tasks::new(Handle::current(), CancellationToken::new());
    let voice = NameVoice::new(&config, &tasks);
    // Nothing else runs on this thread until the next await.
    for number in 0..WAITING_MAX {
        voice.prepare(&name(&number.to_string()), Language::English).unwrap();
    }
    assert_eq!(voice.prepare(&name("one more"), Language::English), Err(VoiceBusy));
    assert_eq!(voice.prepare(&Clip::Tone, Language::English), Ok(()), "no name, nothing to do");
    assert!(tasks.stop(LIMIT).await, "and stopping does not wait for them");
}

#[test]
fn memory_is_bounded_and_keeps_what_is_used() {
    let mut memory = Memory::default();
    let second = Recording::encode_small(&[0; 8000]);
    let key = |number: usize| NameId::File((Language::Chinese, number.to_string()));
    for number in 0..5000 {
        memory.put(key(number), second.clone());
        assert!(memory.get(&key(0)).is_some(), "used again and again");
        assert!(memory.size <= MEMORY_MAX);
    }
    let kept = MEMORY_MAX / 8000;
    assert_eq!((memory.recordings.len(), memory.by_use.len()), (kept, kept));
    assert!(memory.get(&key(1)).is_none() && memory.get(&key(4999)).is_some());
    for number in 0..5000 {
        memory.remove(&key(number));
    }
    assert_eq!((memory.size, memory.by_use.len()), (0, 0));
}
