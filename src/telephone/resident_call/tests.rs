use super::*;

const LIMITS: Limits =
    Limits { resident: Duration::from_secs(300), access: Duration::from_secs(120) };

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).expect("a time")
}

fn key(character: char) -> Key {
    Key::of_char(character).expect("a key")
}

fn codes() -> Codes {
    Codes { alarm: vec!["#9".into()], silent: vec!["#9*".into()], arrival: "#97".into() }
}

fn raise(code: &str, source: TriggerSource) -> Step {
    Step::Raise { heard: HeardCode::plain(code.into()), source }
}

/// Keys, half a second apart.
fn keyed(from: i64, text: &str) -> Vec<(i64, Happening)> {
    let times = (0..).map(|index| from + 500 * index);
    times.zip(text.chars()).map(|(at, character)| (at, Happening::Key(key(character)))).collect()
}

/// Plays what happens at which millisecond and returns every step with its time.
fn check(kind: Kind, happenings: &[(i64, Happening)]) -> Vec<(i64, Step)> {
    let mut call = ResidentCall::new(kind, codes(), LIMITS, at(0));
    let mut steps: Vec<(i64, Step)> = Vec::new();
    let mut pending = happenings.iter().peekable();
    for now in 0..400_000 {
        call.on_timeout(at(now));
        while let Some((_, happening)) = pending.next_if(|(when, _)| *when == now) {
            call.on(*happening, at(now));
        }
        steps.extend(std::iter::from_fn(|| call.poll_step()).map(|step| (now, step)));
    }
    steps
}

fn dialled() -> Kind {
    Kind::Alarm(HeardCode::plain("#9".into()))
}

#[test]
fn a_dialled_code_raises_before_the_answer() {
    let steps = check(dialled(), &[(4, Happening::Raised), (9_000, Happening::HungUp)]);
    let expected =
        [(0, raise("#9", TriggerSource::Dialled)), (4, Step::Accept), (9_000, Step::Forget)];
    assert_eq!(steps, expected);
}

#[test]
fn a_slow_disk_does_not_hold_up_the_answer() {
    let steps = check(dialled(), &[(5_000, Happening::Raised), (9_000, Happening::HungUp)]);
    assert_eq!(steps.get(1), Some(&(200, Step::Accept)));
}

#[test]
fn hanging_up_at_once_withdraws_nothing() {
    let steps = check(dialled(), &[(1, Happening::HungUp), (3, Happening::Raised)]);
    assert_eq!(steps, [(0, raise("#9", TriggerSource::Dialled)), (1, Step::Forget)]);
}

#[test]
fn the_line_is_freed_in_the_end() {
    let steps = check(dialled(), &[(1, Happening::Raised)]);
    assert_eq!(steps.get(2), Some(&(300_001, Step::HangUp)));
}

#[test]
fn a_code_keyed_into_an_access_number_raises() {
    let keyed = [keyed(900, "#9"), vec![(2_000, Happening::HungUp)]].concat();
    let expected = [
        (0, Step::Accept),
        (0, Step::Say(Saying::ForHelpPress)),
        (0, Step::AskWanted),
        (1_400, raise("#9", TriggerSource::Keyed)),
        (2_000, Step::Forget),
    ];
    assert_eq!(check(Kind::Access, &keyed), expected);
}

#[test]
fn nobody_keys_anything() {
    let steps = check(Kind::Access, &[(3, Happening::NotWanted)]);
    assert_eq!(steps.get(3), Some(&(120_000, Step::HangUp)));
}

#[test]
fn a_phone_that_is_gone_frees_the_line() {
    let steps = check(dialled(), &[(2, Happening::Raised), (60_000, Happening::Silent)]);
    assert_eq!(steps.get(2), Some(&(60_000, Step::HangUp)));
    let kind = Kind::Hotline { grace: Duration::from_secs(5) };
    let steps = check(kind, &[(2_000, Happening::Silent)]);
    assert_eq!(steps.get(2), Some(&(5_000, raise("", TriggerSource::Hotline))));
}

#[test]
fn a_hotline_that_is_cut_off_in_its_grace_raises_at_once() {
    let kind = || Kind::Hotline { grace: Duration::from_secs(5) };
    let steps = check(kind(), &[(2_000, Happening::Lost)]);
    assert_eq!(
        steps.get(2..),
        Some(&[(2_000, raise("", TriggerSource::Hotline)), (2_000, Step::Forget)][..])
    );
    let steps = check(kind(), &[(2_000, Happening::HungUp)]);
    assert_eq!(steps.get(2..), Some(&[(2_000, Step::Forget)][..]));
}

#[test]
fn a_hotline_raises_after_its_grace() {
    let kind = Kind::Hotline { grace: Duration::from_secs(5) };
    let steps = check(kind, &[(6_000, Happening::HungUp)]);
    assert_eq!(steps.get(2), Some(&(5_000, raise("", TriggerSource::Hotline))));
}

#[test]
fn a_hotline_without_grace_raises_at_once() {
    let steps = check(Kind::Hotline { grace: Duration::ZERO }, &[(1, Happening::HungUp)]);
    assert_eq!(steps.first(), Some(&(0, raise("", TriggerSource::Hotline))));
}

#[test]
fn zero_or_hanging_up_cancels_a_hotline() {
    let kind = || Kind::Hotline { grace: Duration::from_secs(5) };
    let zero = check(kind(), &[(2_000, Happening::Key(key('0'))), (3_000, Happening::Said)]);
    let gone = check(kind(), &[(2_000, Happening::HungUp)]);
    for steps in [&zero, &gone] {
        assert!(!steps.iter().any(|(_, step)| matches!(step, Step::Raise { .. })), "{steps:?}");
    }
    assert_eq!(
        zero.get(2..4),
        Some(&[(2_000, Step::Say(Saying::Noted)), (3_000, Step::HangUp)][..])
    );
}

#[test]
fn the_code_again_says_that_the_danger_goes_on() {
    let again =
        [vec![(2, Happening::Raised)], keyed(8_500, "#9"), vec![(19_500, Happening::HungUp)]];
    let steps = check(dialled(), &again.concat());
    let expected = (11_000, raise("#9", TriggerSource::Keyed));
    assert_eq!(steps.get(2), Some(&expected), "it could have been the arrival code");
}

#[test]
fn digits_name_the_kind_and_a_pin_is_tried() {
    let all = [vec![(2, Happening::Raised)], keyed(1_000, "3"), keyed(5_000, "01234#")];
    let steps = check(dialled(), &all.concat());
    assert_eq!(steps.get(2), Some(&(1_000, Step::NameKind(AlarmKind::Illness))));
    assert_eq!(steps.get(3), Some(&(5_000, Step::Say(Saying::KeyPin))));
    assert!(matches!(steps.get(4), Some((7_500, Step::TryPin(pin))) if pin.digits() == "1234"));
    assert!(!format!("{steps:?}").contains("1234"), "nobody is shown the PIN");
}

#[test]
fn three_wrong_pins_are_enough() {
    let mut happenings = vec![(2, Happening::Raised)];
    for round in 0..5 {
        happenings.extend(keyed(1_000 + round * 20_000, "01234#"));
        happenings.push((5_000 + round * 20_000, Happening::PinWrong));
    }
    let steps = check(dialled(), &happenings);
    let tried = steps.iter().filter(|(_, step)| matches!(step, Step::TryPin(_))).count();
    assert_eq!(tried, 3);
}

#[test]
fn somebody_at_the_door_raises_nothing() {
    for (is_open, saying) in [(true, Saying::ArrivalNoted), (false, Saying::NoOpenAlarm)] {
        let happenings = [(5, Happening::Door { is_open }), (3_000, Happening::Said)];
        let expected = [
            (0, Step::Accept),
            (0, Step::DoorReached),
            (5, Step::Say(saying)),
            (3_000, Step::HangUp),
            (3_000, Step::Forget),
        ];
        assert_eq!(check(Kind::Arrival, &happenings), expected);
    }
    let late = check(Kind::Arrival, &[]);
    assert_eq!(late.get(2), Some(&(2_000, Step::Say(Saying::NoOpenAlarm))));
}

#[test]
fn the_arrival_code_in_the_call_is_no_other_press() {
    let all =
        [vec![(2, Happening::Raised)], keyed(9_000, "#97"), vec![(20_000, Happening::HungUp)]];
    let steps = check(dialled(), &all.concat());
    assert_eq!(steps.get(2..), Some(&[(10_000, Step::DoorReached), (20_000, Step::Forget)][..]));
}

#[test]
fn a_caller_hears_one_alarm_after_the_other() {
    let happenings = [
        (5, Happening::Lent),
        (20_000, Happening::Returned),
        (20_005, Happening::Lent),
        (40_000, Happening::Returned),
        (40_005, Happening::NotWanted),
        (45_000, Happening::Said),
    ];
    let expected = [
        (0, Step::Accept),
        (0, Step::AskWanted),
        (20_000, Step::AskWanted),
        (40_000, Step::AskWanted),
        (40_005, Step::HangUp),
        (40_005, Step::Forget),
    ];
    assert_eq!(check(Kind::CallBack, &happenings), expected);
}

#[test]
fn who_is_not_wanted_hears_who_we_are() {
    let steps = check(Kind::CallBack, &[(5, Happening::NotWanted), (4_000, Happening::Said)]);
    assert_eq!(steps.get(2), Some(&(5, Step::Say(Saying::Welcome))));
    assert_eq!(steps.get(3), Some(&(4_000, Step::HangUp)));
    let steps = check(Kind::CallBack, &[]);
    assert_eq!(steps.get(2), Some(&(2_000, Step::Say(Saying::Welcome))), "a busy switchboard");
}

#[test]
fn a_line_that_hears_of_another_alarm_still_raises_its_own() {
    let all = [vec![(5, Happening::Lent)], keyed(3_000, "#9"), vec![(9_000, Happening::HungUp)]];
    let steps = check(Kind::Access, &all.concat());
    assert_eq!(steps.get(3), Some(&(3_500, raise("#9", TriggerSource::Keyed))));
}

#[test]
fn the_household_in_trouble_may_withdraw_from_elsewhere() {
    let all = [vec![(5, Happening::Household)], keyed(3_000, "01234#")];
    let steps = check(Kind::CallBack, &all.concat());
    assert!(steps.iter().any(|(_, step)| matches!(step, Step::TryPin(_))), "{steps:?}");
    let stranger = check(Kind::CallBack, &keyed(500, "01234#"));
    assert!(!stranger.iter().any(|(_, step)| matches!(step, Step::TryPin(_))), "{stranger:?}");
}
