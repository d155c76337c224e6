use super::*;
use proptest::prelude::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

/// A call that is a second older with each thing that happens.
struct Call {
    machine: RecordingCall,
    now: i64,
}

impl Call {
    fn new() -> Self {
        Self { machine: RecordingCall::new(at(0)), now: 0 }
    }

    fn on(&mut self, happening: Happening) -> Vec<Step> {
        self.now += 1;
        self.machine.on(happening, at(self.now));
        self.steps()
    }

    fn steps(&mut self) -> Vec<Step> {
        std::iter::from_fn(|| self.machine.poll_step()).collect()
    }

    fn keys(&mut self, keys: &str) -> Vec<Step> {
        keys.chars().flat_map(|key| self.on(Happening::Key(Key::of_char(key).unwrap()))).collect()
    }

    /// A call in which clips can be recorded.
    fn inside() -> Self {
        let mut call = Self::new();
        call.keys("7#1357#");
        call.on(Happening::Checked(PinCheck::Right));
        call
    }

    /// A call that waits for its 1.
    fn with_take() -> Self {
        let mut call = Self::inside();
        call.keys("101#");
        for happening in
            [Happening::Found(true), Happening::Said, Happening::Recorded, Happening::Cut(Ok(()))]
        {
            call.on(happening);
        }
        call
    }
}

fn say(phrases: &[Phrase]) -> Vec<Step> {
    vec![Step::Say(phrases.to_vec())]
}

#[test]
fn a_worker_records_a_clip_and_keeps_it() {
    let mut call = Call::new();
    assert_eq!(call.steps(), say(&[Phrase::EnterWorker]));
    assert_eq!(call.keys("12*7#"), say(&[Phrase::EnterPin]), "* begins anew");
    let check = Step::Check { worker: "7".into(), pin: "1357".into() };
    assert_eq!(call.keys("1357#"), [check]);
    assert_eq!(call.on(Happening::Checked(PinCheck::Right)), say(&[Phrase::EnterClip]));
    assert_eq!(call.keys("3*101#"), [Step::Find { code: "3*101".into() }]);
    assert_eq!(call.on(Happening::Found(true)), say(&[Phrase::SpeakNow]));
    assert_eq!(call.on(Happening::Said), [Step::Record]);
    assert_eq!(call.keys("12"), []);
    assert_eq!(call.keys("#"), [Step::Finish], "in case the recorder did not hear it");
    assert_eq!(call.on(Happening::Recorded), [Step::Cut]);
    assert_eq!(call.on(Happening::Cut(Ok(()))), [Step::PlayBack]);
    assert_eq!(call.keys("9"), [Step::PlayBack]);
    assert_eq!(call.keys("4567"), []);
    assert_eq!(call.keys("1"), [Step::Keep]);
    assert_eq!(call.keys("1"), [], "once");
    let next = say(&[Phrase::Kept, Phrase::EnterClip]);
    assert_eq!(call.on(Happening::Kept(true)), next);
    assert_eq!(call.keys("#"), [], "it may begin an alarm code");
    call.machine.on_timeout(call.machine.poll_timeout().unwrap());
    assert_eq!(call.steps(), [Step::HangUp, Step::Forget]);
    assert_eq!(call.machine.poll_timeout(), None);
}

#[test]
fn two_records_again_and_a_bad_recording_says_why() {
    let mut call = Call::with_take();
    assert_eq!(call.keys("2"), say(&[Phrase::SpeakNow]));
    assert_eq!(call.on(Happening::Said), [Step::Record]);
    call.on(Happening::Recorded);
    let quiet = Happening::Cut(Err(Refusal::Quiet { level_db: -50 }));
    assert_eq!(call.on(quiet), say(&[Phrase::TooQuiet, Phrase::SpeakNow]));
    assert_eq!(call.on(Happening::Said), [Step::Record]);
}

#[test]
fn an_unknown_code_is_asked_for_again() {
    let mut call = Call::inside();
    call.keys("999#");
    let again = say(&[Phrase::NoSuchClip, Phrase::EnterClip]);
    assert_eq!(call.on(Happening::Found(false)), again);
}

#[test]
fn three_wrong_pins_end_the_call() {
    let mut call = Call::new();
    call.steps();
    for _ in 1..TRIES_MAX {
        call.keys("7#0000#");
        let again = say(&[Phrase::NotRight, Phrase::EnterWorker]);
        assert_eq!(call.on(Happening::Checked(PinCheck::Wrong)), again);
    }
    call.keys("7#0000#");
    assert_eq!(call.on(Happening::Checked(PinCheck::Wrong)), say(&[Phrase::TooManyTries]));
    assert_eq!(call.keys("7#1357#"), [], "nothing is heard any more");
    assert_eq!(call.on(Happening::Said), [Step::HangUp, Step::Forget]);
    let mut locked = Call::new();
    locked.keys("7#1357#");
    assert_eq!(locked.on(Happening::Checked(PinCheck::Locked)), say(&[Phrase::TooManyTries]));
}

#[test]
fn what_cannot_be_kept_is_said() {
    let mut call = Call::with_take();
    call.keys("1");
    assert_eq!(call.on(Happening::Kept(false)), say(&[Phrase::NotKept]));
    assert_eq!(call.on(Happening::Said), [Step::HangUp, Step::Forget]);
}

#[test]
fn what_cannot_be_done_is_said() {
    for mut call in [Call::inside(), Call::with_take()] {
        assert_eq!(call.on(Happening::Failed), say(&[Phrase::NotKept]));
        assert_eq!(call.on(Happening::Said), [Step::HangUp, Step::Forget]);
    }
}

/// Which of the keys of a call an alarm code is looked for in.
#[track_caller]
fn check_code(call: &mut Call, keys: &str, expected: &str) {
    let mut heard = String::new();
    for key in keys.chars() {
        if call.machine.may_be_code(Key::of_char(key).unwrap()) {
            heard.push(key);
        }
        call.keys(&key.to_string());
    }
    assert_eq!(heard, expected, "{keys}");
}

#[test]
fn an_alarm_code_is_told_from_what_is_asked_for() {
    check_code(&mut Call::new(), "#9", "#9");
    check_code(&mut Call::new(), "*9#", "*9#");
    check_code(&mut Call::new(), "7#9035#", "");
    check_code(&mut Call::new(), "12*9#9035#", "");
    check_code(&mut Call::new(), "7##9", "#9");
    check_code(&mut Call::inside(), "9305#", "");
    check_code(&mut Call::inside(), "3*101#", "");
    check_code(&mut Call::inside(), "#9", "#9");
    check_code(&mut Call::with_take(), "9#9", "#9");
    let recording = || {
        let mut call = Call::inside();
        call.keys("101#");
        call.on(Happening::Found(true));
        call.on(Happening::Said);
        call
    };
    // However soon the keys follow each other: the recorder takes its time.
    check_code(&mut recording(), "##9", "#9");
    check_code(&mut recording(), "#9", "");
    let mut recording = recording();
    check_code(&mut recording, "#", "");
    recording.on(Happening::Recorded);
    recording.on(Happening::Cut(Ok(())));
    check_code(&mut recording, "9", "");
}

#[test]
fn the_line_of_somebody_silent_is_freed() {
    let mut call = Call::new();
    call.steps();
    call.machine.on_timeout(at(44));
    assert_eq!(call.steps(), []);
    call.machine.on_timeout(at(45));
    assert_eq!(call.steps(), [Step::HangUp, Step::Forget]);
    let mut gone = Call::with_take();
    assert_eq!(gone.on(Happening::Gone), [Step::Forget], "nothing is kept");
}

fn happenings() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => proptest::sample::select("0123456789*#".chars().collect::<Vec<_>>())
            .prop_map(|key| Happening::Key(Key::of_char(key).unwrap())),
        2 => Just(Happening::Said),
        1 => proptest::sample::select(vec![PinCheck::Right, PinCheck::Wrong, PinCheck::Locked])
            .prop_map(Happening::Checked),
        1 => any::<bool>().prop_map(Happening::Found),
        1 => Just(Happening::Recorded),
        1 => any::<bool>().prop_map(|is_ok| {
            Happening::Cut(if is_ok { Ok(()) } else { Err(Refusal::Silent) })
        }),
        1 => any::<bool>().prop_map(Happening::Kept),
    ]
}

proptest! {
    /// Whatever happens in whatever order: nothing is recorded or kept before a PIN was right, and the call ends once.
    #[test]
    fn nothing_is_kept_without_a_pin(story in proptest::collection::vec(happenings(), 0..200)) {
        let mut call = Call::new();
        let (mut is_right, mut ends) = (false, 0);
        let mut is_asked = false;
        for happening in story {
            is_right |= is_asked && happening == Happening::Checked(PinCheck::Right);
            for step in call.on(happening) {
                is_asked |= matches!(step, Step::Check { .. });
                let needs_pin = matches!(step, Step::Record | Step::Keep | Step::Find { .. });
                prop_assert!(is_right || !needs_pin, "{:?}", step);
                ends += usize::from(step == Step::Forget);
            }
        }
        prop_assert!(ends <= 1);
        prop_assert_eq!(ends == 1, call.machine.poll_timeout().is_none());
    }
}
