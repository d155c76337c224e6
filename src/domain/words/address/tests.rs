use super::*;
use proptest::prelude::*;

const ALL: Limits = Limits { has_floor: true, signs_max: 16, spots_max: SPOTS_MAX };

fn address(building: &str, unit: &str, floor: &str, door: &str) -> Address {
    Address {
        place: "".into(),
        building: building.into(),
        unit: unit.into(),
        floor: floor.into(),
        door: door.into(),
    }
}

/// Building, unit, floor and door; what is heard in Chinese and in English.
const READ: &[([&str; 4], &str, &str)] = &[
    // Digits one by one, 1 as 幺.
    (["3", "", "", "502"], "三 号楼 五 零 二 室", "building three door five zero two"),
    (
        ["11", "1", "", "101"],
        "幺 幺 号楼 幺 单元 幺 零 幺 室",
        "building one one unit one door one zero one",
    ),
    (
        ["108", "", "", "1101"],
        "幺 零 八 号楼 幺 幺 零 幺 室",
        "building one zero eight door one one zero one",
    ),
    (
        ["07", "", "", "0302"],
        "零 七 号楼 零 三 零 二 室",
        "building zero seven door zero three zero two",
    ),
    // Words that were written with the number.
    (
        ["3号楼", "2单元", "", "502室"],
        "三 号楼 二 单元 五 零 二 室",
        "building three unit two door five zero two",
    ),
    (["12栋", "", "", "7B"], "幺 二 栋 七 B 室", "building one two door seven B"),
    (["5幢", "甲", "", "301"], "五 幢 甲 三 零 幺 室", "building five 甲 door three zero one"),
    (["A座", "", "", "2801"], "A 座 二 八 零 幺 室", "block A door two eight zero one"),
    (["A", "", "", "1"], "A 座 幺 室", "block A door one"),
    (["B2", "", "", "1204"], "B 二 号楼 幺 二 零 四 室", "building B two door one two zero four"),
    (["3号", "", "", "88号"], "三 号楼 八 八 号", "building three number eight eight"),
    (["3楼", "", "", ""], "三 号楼", "building three"),
    (["12#", "", "", "101#"], "幺 二 号楼 幺 零 幺 号", "building one two number one zero one"),
    (["12#楼", "", "", ""], "幺 二 号楼", "building one two"),
    (
        ["一期3栋", "C梯", "", "402房"],
        "一 期 三 栋 C 梯 四 零 二 房",
        "phase one building three staircase C room four zero two",
    ),
    (["", "", "", "15号院2排6号"], "幺 五 号院 二 排 六 号", "court one five row two number six"),
    (["", "", "", "3弄12号"], "三 弄 幺 二 号", "lane three number one two"),
    (["", "3门", "", "201"], "三 门 二 零 幺 室", "entrance three door two zero one"),
    (["东区8幢", "", "", ""], "东区8幢", "东区8幢"),
    (["A区8幢", "", "", ""], "A 区 八 幢", "zone A building eight"),
    // Full-width forms, spaces, small letters.
    (["３", "", "", "５０２"], "三 号楼 五 零 二 室", "building three door five zero two"),
    (["a座", "", "", "12 b"], "A 座 幺 二 B 室", "block A door one two B"),
    (["第3栋", "", "", "第502室"], "三 栋 五 零 二 室", "building three door five zero two"),
    // Chinese numerals, as numbers where they are numbers.
    (
        ["十二号楼", "三单元", "", "五零二室"],
        "十二 号楼 三 单元 五 零 二 室",
        "building twelve unit three door five zero two",
    ),
    (
        ["二十三栋", "", "", "一〇一"],
        "二十 三 栋 幺 零 幺 室",
        "building twenty three door one zero one",
    ),
    // Floors.
    (["", "", "5", ""], "五 层", "floor five"),
    (["", "", "1", ""], "一 层", "floor one"),
    (["", "", "12层", ""], "十二 层", "floor twelve"),
    (["", "", "12楼", ""], "十二 楼", "floor twelve"),
    (["", "", "十二楼", ""], "十二 楼", "floor twelve"),
    (["", "", "二楼", ""], "二 楼", "floor two"),
    (["", "", "33", ""], "三十 三 层", "floor thirty three"),
    (["", "", "40F", ""], "四十 层", "floor forty"),
    (["", "", "12A", ""], "十二 A 层", "floor twelve A"),
    (["", "", "101", ""], "幺 零 幺 层", "floor one zero one"),
    (["", "", "负一楼", ""], "负 一 楼", "basement one"),
    (["", "", "负2层", ""], "负 二 层", "basement two"),
    (["", "", "地下一层", ""], "负 一 层", "basement one"),
    (["", "", "B1", ""], "负 一 层", "basement one"),
    (["", "", "B2层", ""], "负 二 层", "basement two"),
    (["", "", "-1", ""], "负 一 层", "basement one"),
    (["", "", "", "B1层"], "负 一 层", "basement one"),
    (["", "", "", "B102"], "B 幺 零 二 室", "door B one zero two"),
    (["", "", "夹层", ""], "夹层", "夹层"),
    (["3", "", "5层", "502"], "三 号楼 五 零 二 室", "building three door five zero two"),
    (["3", "", "5", "2"], "三 号楼 五 层 二 室", "building three floor five door two"),
    // Everything in one field.
    (
        ["", "", "", "3-2-502"],
        "三 号楼 二 单元 五 零 二 室",
        "building three unit two door five zero two",
    ),
    (
        ["3", "", "", "2-502"],
        "三 号楼 二 单元 五 零 二 室",
        "building three unit two door five zero two",
    ),
    (
        ["3", "2", "", "5-2"],
        "三 号楼 二 单元 五 杠 二 室",
        "building three unit two door five dash two",
    ),
    (["", "", "", "3-502"], "三 杠 五 零 二 室", "door three dash five zero two"),
    (
        ["3-1", "", "", "502"],
        "三 杠 幺 号楼 五 零 二 室",
        "building three dash one door five zero two",
    ),
    (["", "", "", "A-12-3"], "A 座 幺 二 单元 三 室", "block A unit one two door three"),
    (
        ["", "", "", "3号楼2单元502"],
        "三 号楼 二 单元 五 零 二 室",
        "building three unit two door five zero two",
    ),
    (
        ["", "", "", "3栋-2单元-502室"],
        "三 栋 二 单元 五 零 二 室",
        "building three unit two door five zero two",
    ),
    (
        ["", "", "", "A栋12楼03室"],
        "A 栋 十二 楼 零 三 室",
        "building A floor twelve door zero three",
    ),
    // 之.
    (["", "", "", "502之一"], "五 零 二 之 一", "door five zero two part one"),
    (["", "", "", "502之1"], "五 零 二 之 一", "door five zero two part one"),
    (["", "", "", "5号之二"], "五 号 之 二", "number five part two"),
    (["", "", "", "12之2号"], "幺 二 之 二 号", "number one two part two"),
    (["", "", "", "502-1"], "五 零 二 杠 幺 室", "door five zero two dash one"),
    // English.
    (
        ["Building 7", "Unit 2", "5th floor", "Flat 4B"],
        "七 号楼 二 单元 五 层 四 B 室",
        "building seven unit two floor five door four B",
    ),
    (
        ["Block C", "", "21/F", "Room 2103"],
        "C 座 二十 一 层 二 幺 零 三 室",
        "block C floor twenty one door two one zero three",
    ),
    (["Tower 2", "", "Level 8", "6"], "二 座 八 层 六 室", "block two floor eight door six"),
    (["", "", "Basement 2", "No. 12"], "负 二 层 幺 二 号", "basement two number one two"),
    (["", "", "2nd floor", "3"], "二 层 三 室", "floor two door three"),
    // Names are names.
    (["望海楼", "", "", "502"], "望海楼 五 零 二 室", "望海楼 door five zero two"),
    (["Garden House", "", "", "2"], "Garden House 二 室", "Garden House door two"),
    (["七星公寓", "", "", "2"], "七星公寓 二 室", "七星公寓 door two"),
    (["", "", "", "老年活动室"], "老年活动室", "老年活动室"),
    (
        ["1-2-3-4-5", "", "", ""],
        "幺 杠 二 杠 三 杠 四 杠 五 号楼",
        "building one dash two dash three dash four dash five",
    ),
    (["", "", "", ""], "", ""),
];

#[test]
fn real_addresses_are_read_as_people_say_them() {
    for ([building, unit, floor, door], chinese, english) in READ {
        let address = address(building, unit, floor, door);
        for (language, wanted) in [(Language::Chinese, chinese), (Language::English, english)] {
            let said = clips(&address, ALL, language);
            let said: Vec<String> = said.iter().map(|clip| clip.text(language)).collect();
            assert_eq!(said.join(" "), **wanted, "{building}|{unit}|{floor}|{door}");
        }
    }
}

#[test]
fn every_number_below_a_hundred_is_said() {
    for number in 1..=99 {
        let clips = Clip::number(number);
        assert!(clips.iter().all(|clip| Clip::all_fixed().contains(clip)), "{number}");
        let said: String = clips.iter().map(|clip| clip.text(Language::Chinese)).collect();
        assert_eq!(numeral(&said), Some(number), "{said}");
    }
    assert!(Clip::number(0).is_empty() && Clip::number(100).is_empty());
}

proptest! {
    #[test]
    fn whatever_is_written_is_said_within_its_bound(
        parts in proptest::array::uniform4("\\PC{0,12}|[0-9A-Za-z#之负一二十座栋层楼室号单元 -]{0,12}"),
        signs_max in 1..12_usize,
    ) {
        let [building, unit, floor, door] = &parts;
        let address = address(building, unit, floor, door);
        for language in Language::ALL {
            let said = clips(&address, Limits { signs_max, ..ALL }, language);
            prop_assert!(said.len() <= 4 * SPOTS_MAX * (signs_max + 2), "{said:?}");
        }
    }

    #[test]
    fn no_digit_of_a_door_is_lost(door in "[0-9]{1,5}[A-Z]?") {
        let said = clips(&address("", "", "", &door), ALL, Language::Chinese);
        let signs: String = said
            .iter()
            .filter_map(|clip| if let Clip::Sign(sign) = clip { Some(sign.as_char()) } else { None })
            .collect();
        prop_assert_eq!(signs, door);
    }
}
