use super::sms::shorten;
use super::*;
use crate::directory::Address;
use crate::id::{AlarmId, LegId};
use crate::id::{CommunityId, GridId, GroupId, HouseholdId, LineId};
use crate::kind::AlarmKind;
use crate::phone::PhoneNumber;
use crate::plan::{Party, PartyId, PartyNumber, Policy};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;

const MESSAGES: [Message; 14] = [
    Message::Alarm,
    Message::WeakAlarm,
    Message::OwnHousehold,
    Message::StillInDanger,
    Message::StandDown,
    Message::Cancelled,
    Message::SaidMistake,
    Message::KindNamed,
    Message::GoTogether,
    Message::AreYouThere,
    Message::Duress,
    Message::CloseReminder,
    Message::DrillOver,
    Message::PleaseReply,
];

fn address(place: &str, building: &str, unit: &str, floor: &str, door: &str) -> Address {
    Address {
        place: place.into(),
        building: building.into(),
        unit: unit.into(),
        floor: floor.into(),
        door: door.into(),
    }
}

fn plan(name: &str, address: Address) -> Plan {
    let party = |role, name: &str| Party {
        role,
        household: None,
        worker: None,
        responder: None,
        step: 0,
        is_added: false,
        name: name.into(),
        numbers: vec![PartyNumber {
            contact: None,
            name: name.into(),
            language: Language::Chinese,
            number: PhoneNumber::from_parts("+8613800000000", "13800000000"),
            has_voice: true,
            has_sms: true,
        }],
    };
    Plan {
        revision: 1,
        directory_version: 1,
        scene: Scene {
            line: LineId(1),
            household: HouseholdId(1),
            group: GroupId(1),
            grid: GridId(1),
            community: CommunityId(1),
            community_name: "文园社区".into(),
            household_name: name.into(),
            address,
            pronunciation: None,
            number: PhoneNumber::from_parts("+865925551234", "0592-5551234"),
            language: Language::Chinese,
            is_silent: false,
        },
        parties: vec![party(Role::DutyWorker, "李强"), party(Role::Neighbour, "302 曾强家")],
        policy: Policy::default(),
        left_out: Vec::new(),
        kind: crate::kind::AlarmKind::Unknown,
        is_drill: false,
        steps: Vec::new(),
        made_by: None,
    }
}

fn chen() -> Plan {
    plan("陈阿姨", address("", "3", "", "5", "502"))
}

fn text_of(clips: &[Clip], language: Language) -> String {
    clips.iter().map(|clip| clip.text(language)).collect::<Vec<_>>().join(" ").trim().to_owned()
}

#[test]
fn a_call_that_announces_a_drill_says_so_first() {
    let plan = Plan { is_drill: true, ..chen() };
    let said = |days, hour, minute, language| {
        let moment = Some(Moment { days, hour, minute });
        let told = Told { moment, ..Told::new(&plan, Message::DrillNotice) };
        let clips = spoken(&told, language);
        let length: u32 = clips.iter().map(|clip| clip.estimate_ms(language)).sum();
        assert!(length <= SPOKEN_MORE_MS_MAX, "{length} ms: {clips:?}");
        text_of(&clips, language)
    };
    assert_eq!(
        said(0, 10, 0, Language::Chinese),
        "演练预告，不是警情。联防演练时间是 今天 十 点 届时请接听并按键，不必出门。真有险情照常拨井九"
    );
    assert_eq!(
        said(1, 14, 30, Language::English),
        "Drill notice, no alarm. A neighbourhood drill begins tomorrow at fourteen hours thirty minutes \
         Please answer then and press a key. Do not go out. Hash nine stays a real alarm"
    );
    for language in Language::ALL {
        for (days, hour, minute) in [(0, 0, 5), (2, 23, 59), (7, 22, 47), (255, 255, 255)] {
            said(days, hour, minute, language);
        }
    }
    assert!(said(2, 9, 0, Language::Chinese).contains("两 天后 九 点"));
    assert!(said(0, 0, 5, Language::Chinese).contains("今天 零 点 五 分"));
}

#[test]
fn a_follow_up_is_asked_for_in_one_segment() {
    use Language::{Chinese, English};
    let scene = chen().scene;
    assert_eq!(
        follow_up(&scene, Chinese),
        "【平安联防】请回访文园社区3号楼502陈阿姨(0592-5551234)：报警后尚无人回访，请去电或上门，并登记。"
    );
    assert_eq!(
        follow_up(&scene, English),
        "Please call or visit bldg 3 502 文园社区 陈阿姨(0592-5551234) after the alarm"
    );
    let long = "很长的名字".repeat(20);
    let scene = plan(&long, address(&long, &long, &long, &long, &long)).scene;
    for language in Language::ALL {
        assert!(follow_up(&scene, language).encode_utf16().count() <= SMS_UNITS_MAX);
    }
}

#[test]
fn an_sms_says_who_and_where_first() {
    use Language::{Chinese, English};
    let check = |message, language, expected: &str| {
        assert_eq!(sms(&Told::new(&chen(), message), language), expected);
    };
    check(
        Message::Alarm,
        Chinese,
        "【平安联防】求助：文园社区3号楼502陈阿姨(0592-5551234)。请立即查看，危险请拨110。回1前往 回2去不了",
    );
    check(
        Message::WeakAlarm,
        Chinese,
        "【平安联防】求助(未核实)：文园社区3号楼502陈阿姨(0592-5551234)的电话或同设备另一部。请查看，危险请拨110。回1前往",
    );
    check(
        Message::StillInDanger,
        Chinese,
        "【平安联防】仍有危险：文园社区3号楼502陈阿姨(0592-5551234)。请立即查看，危险请拨110。回1前往 回2去不了",
    );
    check(
        Message::OwnHousehold,
        Chinese,
        "【平安联防】文园社区3号楼502陈阿姨报警，正在呼叫邻居。请您注意安全，危险请拨110。",
    );
    check(
        Message::StandDown,
        Chinese,
        "【平安联防】文园社区3号楼502陈阿姨(0592-5551234)已有足够的人前往，您不用去了，谢谢您。",
    );
    check(
        Message::Cancelled,
        Chinese,
        "【平安联防】文园社区3号楼502陈阿姨(0592-5551234)的求助已取消，谢谢您。",
    );
    check(
        Message::Alarm,
        English,
        "SOS bldg 3 502 文园社区 陈阿姨. Danger: call 110. Reply 1 coming, 2 no",
    );
    check(
        Message::WeakAlarm,
        English,
        "SOS bldg 3 502 文园社区 陈阿姨 (unproven). Danger: call 110",
    );
}

#[test]
fn a_long_place_gives_way_before_building_and_door() {
    let long = plan(
        "欧阳春花奶奶和爷爷及其孙子一家",
        address("厦门市思明区文园路一百零八号怡景花园二期北区", "A座", "12", "33", "3302"),
    );
    for message in MESSAGES {
        for language in Language::ALL {
            let text = sms(&Told::new(&long, message), language);
            assert!(text.encode_utf16().count() <= SMS_UNITS_MAX, "{text}");
            assert!(text.contains("A座") && text.contains("3302"), "{text}");
            let heard = text_of(&spoken(&Told::new(&long, message), language), language);
            if message != Message::OwnHousehold {
                let door = match language.written() {
                    Written::Chinese => "三 三 零 二 室",
                    Written::English => "door three three zero two",
                };
                assert!(heard.contains(door), "{heard}");
            }
        }
    }
}

#[test]
fn an_alarm_is_heard_as_who_where_and_which_keys() {
    let check = |plan: &Plan, message, language, expected: &str| {
        assert_eq!(text_of(&spoken(&Told::new(plan, message), language), language), expected);
    };
    check(
        &chen(),
        Message::Alarm,
        Language::Chinese,
        "平安联防紧急求助 文园社区 三 号楼 五 零 二 室 陈阿姨 家 请马上去看，危险打一一〇 能去按一，不能按二",
    );
    check(
        &plan("李强家", address("怡景花园", "A座", "2", "11", "1101")),
        Message::StillInDanger,
        Language::Chinese,
        "仍有危险，再次求助 怡景花园 A 座 二 单元 幺 幺 零 幺 室 李强家 请马上去看，危险打一一〇 能去按一，不能按二",
    );
    check(
        &chen(),
        Message::WeakAlarm,
        Language::Chinese,
        "求助，线路未核实，来自 文园社区 三 号楼 五 零 二 室 陈阿姨 家 的电话或同一设备 能去按一，不能按二",
    );
    check(
        &plan("Mary", address("Garden Road", "7", "", "", "1B")),
        Message::Alarm,
        Language::English,
        "Neighbourhood alarm. Help is needed Garden Road building seven door one B at the home of Mary Please go and look now. In danger, call one one zero Press one if you come, two if you cannot",
    );
    check(
        &chen(),
        Message::Cancelled,
        Language::Chinese,
        "文园社区 三 号楼 五 零 二 室 陈阿姨 家 的求助已取消，谢谢您",
    );
}

/// The same house, another alarm in it.
fn other(plan: &Plan) -> AlongLeg {
    AlongLeg { leg: LegId { alarm: AlarmId(2), number: 1 }, plan: Arc::new(plan.clone()) }
}

#[test]
fn the_kind_changes_what_is_said_and_what_to_do() {
    let check = |kind, together, expected: &str| {
        let mut plan = chen();
        plan.kind = kind;
        plan.policy.together = together;
        let heard = text_of(
            &spoken(&Told::new(&plan, Message::Alarm), Language::Chinese),
            Language::Chinese,
        );
        assert_eq!(heard, expected);
    };
    check(
        AlarmKind::Fire,
        1,
        "平安联防紧急求助 火情 文园社区 三 号楼 五 零 二 室 陈阿姨 家 请马上去，火大先打一一九 能去按一，不能按二",
    );
    check(
        AlarmKind::Intruder,
        2,
        "平安联防紧急求助 有人闯入 文园社区 三 号楼 五 零 二 室 陈阿姨 家 切勿单独进入，先打一一〇 能去按一，不能按二",
    );
    let check = |kind, together, language, expected: &str| {
        let mut plan = chen();
        plan.kind = kind;
        plan.policy.together = together;
        assert_eq!(sms(&Told::new(&plan, Message::Alarm), language), expected);
    };
    check(
        AlarmKind::Fire,
        1,
        Language::Chinese,
        "【平安联防】火情求助：文园社区3号楼502陈阿姨(0592-5551234)。请立即查看，火大先拨119。回1前往 回2去不了",
    );
    check(
        AlarmKind::Intruder,
        2,
        Language::Chinese,
        "【平安联防】有人闯入求助：文园社区3号楼502陈阿姨(0592-5551234)。切勿单独进入，危险请拨110。回1前往 回2去不了",
    );
    check(
        AlarmKind::Illness,
        1,
        Language::English,
        "SOS ILL bldg 3 502 文园社区 陈阿姨. Ambulance: 120. Reply 1 coming, 2 no",
    );
}

#[test]
fn several_alarms_of_a_building_are_told_in_one() {
    let check = |others, voice: &str, text: &str| {
        let plan = chen();
        let along: Vec<AlongLeg> = (0..others).map(|_| other(&plan)).collect();
        let told = Told { along: &along, ..Told::new(&plan, Message::Alarm) };
        let heard = text_of(&spoken(&told, Language::Chinese), Language::Chinese);
        assert!(heard.contains(voice), "{heard}");
        let read = sms(&told, Language::Chinese);
        assert!(read.contains(text), "{read}");
    };
    check(1, "家 同楼求助的还有 五 零 二 室 请马上去看", "，同楼502");
    check(2, "家 同楼求助的还有 五 零 二 室 五 零 二 室 请马上去看", "，同楼502、502");
    check(4, "家 同楼求助的还有 五 零 二 室 一共 五 户求助 请马上去看", "，同楼502、502等共5户");
}

#[test]
fn those_who_come_hear_with_whom_and_a_drill_says_so_twice() {
    let mut plan = chen();
    let told = Told { coming: &[PartyId(1)], ..Told::new(&plan, Message::GoTogether) };
    let heard = text_of(&spoken(&told, Language::Chinese), Language::Chinese);
    assert!(heard.ends_with("一起进去，同去的有 302 曾强家"), "{heard}");
    let read = sms(&told, Language::Chinese);
    assert!(read.ends_with("302 曾强家也在前往，请会合后一起进去。"), "{read}");
    plan.is_drill = true;
    let told = Told::new(&plan, Message::Alarm);
    let heard = text_of(&spoken(&told, Language::Chinese), Language::Chinese);
    assert!(heard.starts_with("这是演练") && heard.ends_with("这是演练"), "{heard}");
    assert!(sms(&told, Language::Chinese).starts_with("【平安联防】(演练)求助"));
    assert!(sms(&told, Language::English).starts_with("DRILL SOS"));
}

#[test]
fn a_pronunciation_wins_over_name_and_address() {
    let mut pronounced = chen();
    pronounced.scene.pronunciation = Some("wen2 yuan2 she4 qu1 3号楼502 chen2 a1 yi2".into());
    let clips = spoken(&Told::new(&pronounced, Message::Alarm), Language::Chinese);
    let scripts: Vec<String> = clips.iter().map(|clip| clip.script(Language::Chinese)).collect();
    assert_eq!(clips.len(), 5);
    assert!(
        scripts.contains(&"wen2 yuan2 she4 qu1 san1 号楼 wu3 ling2 er4  chen2 a1 yi2".to_owned()),
        "{scripts:?}"
    );
    let other_language = spoken(&Told::new(&pronounced, Message::Alarm), Language::English);
    assert!(other_language.contains(&Clip::Name("陈阿姨".into())));
}

#[test]
fn surnames_are_read_as_surnames_and_digits_alone() {
    let check = |text: &str, expected: &str| {
        assert_eq!(Clip::Name(text.into()).script(Language::Chinese), expected);
    };
    check("陈阿姨", "陈阿姨");
    check("曾阿姨", "zeng1 阿姨");
    check("单于明", "chan2 yu2 明");
    check("仇英", "qiu2 英");
    check("尉迟恭", "yu4 chi2 恭");
    check("302 曾强家", "san1 ling2 er4  zeng1 强家");
    check("2单元李家", "er4 单元李家");
    check("陈区任", "陈区任");
    check("101", "yao1 ling2 yao1");
    assert_eq!(Clip::Text("曾厝垵502".into()).script(Language::Chinese), "曾厝垵 wu3 ling2 er4");
}

#[test]
fn a_resident_hears_how_many_are_called_and_who_comes() {
    let check = |notice, expected: &str| {
        assert_eq!(
            text_of(&resident(&chen(), &notice, Language::Chinese), Language::Chinese),
            expected
        );
    };
    check(
        ResidentNotice::HelpCalled { households: 9 },
        "正在呼叫 九 户邻居和值班人员，请您注意安全",
    );
    check(
        ResidentNotice::HelpCalled { households: 2 },
        "正在呼叫 两 户邻居和值班人员，请您注意安全",
    );
    check(
        ResidentNotice::HelpCalled { households: 12 },
        "正在呼叫 十二 户邻居和值班人员，请您注意安全",
    );
    check(
        ResidentNotice::HelpCalled { households: 20 },
        "正在呼叫 二十 户邻居和值班人员，请您注意安全",
    );
    check(ResidentNotice::HelpCalled { households: 0 }, "已为您求助，请您注意安全");
    check(ResidentNotice::HelpCalled { households: 500 }, "已为您求助，请您注意安全");
    check(ResidentNotice::Coming { party: PartyId(0) }, "社区值班人员 李强 正在赶来");
    check(ResidentNotice::Coming { party: PartyId(1) }, "302 曾强家 正在赶来");
    check(ResidentNotice::Coming { party: PartyId(9) }, "已为您求助，请您注意安全");
    let mut silent = chen();
    silent.scene.is_silent = true;
    let notice = ResidentNotice::HelpCalled { households: 9 };
    assert_eq!(resident(&silent, &notice, Language::Chinese), []);
    assert_eq!(text_of(&access("#9"), Language::Chinese), "求助请按 井号 九");
}

#[test]
fn every_fixed_clip_has_words_and_a_file_of_its_own() {
    let clips = Clip::all_fixed();
    let stems: BTreeSet<String> = clips.iter().map(Clip::file_stem).collect();
    assert_eq!(stems.len(), clips.len());
    let is_stem = |stem: &str| {
        stem.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    for clip in clips {
        assert!(is_stem(&clip.file_stem()) && clip.is_fixed(), "{clip:?}");
        for language in Language::ALL {
            assert_eq!(clip.spoken_in(language), language);
            assert_eq!(clip.script(language).is_empty(), clip == Clip::Tone, "{clip:?}");
            assert_eq!(clip.text(language).is_empty(), clip == Clip::Tone, "{clip:?}");
            assert!(clip.script(language).is_ascii(), "{clip:?}");
            assert!(!clip.text(language).contains(['!', '！', '你']), "{clip:?}");
        }
    }
    assert_eq!(Clip::Name("陈阿姨".into()).file_stem(), "name-80e354e382b1b1c3");
}

#[test]
fn a_name_has_the_voice_that_can_read_it() {
    use Language::{Chinese, English};
    assert_eq!(Clip::Name("陈阿姨".into()).spoken_in(English), Chinese);
    assert_eq!(Clip::Name("Mary".into()).spoken_in(Chinese), English);
    assert_eq!(Clip::Text("chen2 a1 yi2".into()).spoken_in(Chinese), Chinese);
    assert_eq!(Clip::Text("Garden Road".into()).spoken_in(English), English);
}

#[test]
fn shortening_never_splits_a_character() {
    assert_eq!(shorten("𠮷𠮷𠮷", 5), "𠮷𠮷");
    assert_eq!(shorten(" 陈\n阿姨 ", 2), "陈阿");
    assert_eq!(shorten("abc", 0), "");
}

proptest! {
    #[test]
    fn whatever_the_directory_holds_fits(
        name in ".{0,40}",
        place in ".{0,40}",
        building in "[0-9A-Z座号楼𠮷]{1,40}",
        unit in "\\PC{0,20}",
        floor in "[0-9]{0,3}",
        door in "[0-9A-Z]{1,8}",
        pronunciation in proptest::option::of("\\PC{0,80}"),
        kind in 0..AlarmKind::ALL.len(),
        is_drill in any::<bool>(),
        together in 1..3_u8,
        others in 0..6_usize,
    ) {
        let mut plan = plan(&name, address(&place, &building, &unit, &floor, &door));
        plan.scene.pronunciation = pronunciation.map(Into::into);
        plan.kind = AlarmKind::ALL[kind];
        plan.is_drill = is_drill;
        plan.policy.together = together;
        let along: Vec<AlongLeg> = (0..others).map(|_| other(&plan)).collect();
        let coming = [PartyId(0), PartyId(1), PartyId(9)];
        for message in MESSAGES {
            // The line of a drill is never in doubt.
            if is_drill && message == Message::WeakAlarm {
                continue;
            }
            for language in Language::ALL {
                let told =
                    Told { coming: &coming, along: &along, ..Told::new(&plan, message) };
                let text = sms(&told, language);
                prop_assert!(text.encode_utf16().count() <= SMS_UNITS_MAX, "{text}");
                let head: String = door.chars().take(6).collect();
                prop_assert!(text.contains(&head), "{text}");
                let has_110 = ["110", "119", "120"].iter().any(|number| text.contains(number));
                let is_call_for_help = matches!(
                    message,
                    Message::Alarm | Message::WeakAlarm | Message::StillInDanger
                );
                prop_assert!(has_110 || is_drill || !is_call_for_help, "{text}");
                let spoken = spoken(&told, language);
                let is_drill_said = spoken.iter().filter(|clip| **clip == Clip::Phrase(Phrase::Drill));
                prop_assert_eq!(is_drill_said.count(), if is_drill { 2 } else { 0 });
                prop_assert_eq!(text.contains("演练)") || text.starts_with("DRILL "), is_drill);
                let length: u32 = spoken.iter().map(|clip| clip.estimate_ms(language)).sum();
                prop_assert!(length <= longest_ms(&told), "{length} ms: {spoken:?}");
            }
        }
    }
}

#[test]
fn a_link_takes_the_place_of_what_to_reply_and_never_of_who_and_where() {
    let link = "https://al.example/r/0123456789abcde";
    let plan = plan("陈阿姨", address("文园路", "3", "2", "", "502"));
    let told = Told { link: Some(link), ..Told::new(&plan, Message::Alarm) };
    let text = sms(&told, Language::Chinese);
    assert!(text.ends_with(&format!(" {link}")) && !text.contains("回1"), "{text}");
    for part in ["文园路", "3", "2", "502", "陈阿姨"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(text.encode_utf16().count() <= SMS_UNITS_MAX);
    let long = format!("https://{}.example/r/0123456789abcde", "a".repeat(60));
    let told = Told { link: Some(&long), ..Told::new(&plan, Message::Alarm) };
    let text = sms(&told, Language::Chinese);
    assert!(
        text.contains("回1前往") && !text.contains("https"),
        "without room it is left out: {text}"
    );
    let over = Told { link: Some(link), ..Told::new(&plan, Message::Cancelled) };
    assert!(!sms(&over, Language::Chinese).contains("https"), "there is nothing to answer");
}

#[test]
fn a_neighbour_is_taken_apart_into_door_and_name() {
    let check = |called: &str, wanted: Option<(&str, &str)>| {
        let found = door_and_name(called, Language::Chinese).map(|(door, name)| {
            let said: Vec<String> = door.iter().map(|clip| clip.text(Language::Chinese)).collect();
            (said.concat(), name.text(Language::Chinese))
        });
        let wanted = wanted.map(|(door, name)| (door.to_owned(), name.to_owned()));
        assert_eq!(found, wanted, "{called}");
    };
    check("302 李强家", Some(("三零二室", "李强家")));
    check("1502 Mary Smith", Some(("幺五零二室", "Mary Smith")));
    check("Mary Smith", None);
    check("李强家", None);
    check("302 ", None);
    check("后门3旁 李强", None);
    check("", None);
}
