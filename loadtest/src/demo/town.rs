//! The community of the demonstration: ten doors of one building and a duty worker, and how each behaves today.

use crate::behaviour::{Behaviour, Behaviours};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

/// A person who is called.
#[derive(Clone, Copy, Debug)]
pub(super) struct Person {
    /// Name and door, as a neighbour says them.
    pub(super) chinese: &'static str,
    /// The same in English.
    pub(super) english: &'static str,
    /// The door; empty for the duty worker.
    pub(super) door: &'static str,
    /// The mobile.
    pub(super) mobile: &'static str,
    today: Today,
}

/// What a person does today.
#[derive(Clone, Copy, Debug)]
enum Today {
    /// Answers and presses a key: after how many milliseconds, which, after how many more.
    Answers(u64, char, u64),
    Busy,
    Away,
    Mailbox,
    Declines,
    /// Music instead of ringing, and nobody answers.
    Music,
}

/// Account of the resident's line.
pub(super) const RESIDENT_ACCOUNT: &str = "wy3-502";
const RESIDENT: (&str, &str) = ("陈阿姨", "502");

pub(super) const PEOPLE: [Person; 10] = [
    person(
        "社区值班 周敏",
        "duty worker Zhou Min",
        "",
        "13900005900",
        Today::Answers(700, '1', 4_000),
    ),
    person("林建国", "Lin Jianguo, 501", "501", "13800005501", Today::Answers(900, '1', 3_200)),
    person("王秀英", "Wang Xiuying, 503", "503", "13800005503", Today::Busy),
    person("李强", "Li Qiang, 402", "402", "13800005402", Today::Answers(1_300, '1', 4_100)),
    person("张伟", "Zhang Wei, 401", "401", "13800005401", Today::Away),
    person("黄丽", "Huang Li, 403", "403", "13800005403", Today::Mailbox),
    person("吴志明", "Wu Zhiming, 602", "602", "13800005602", Today::Declines),
    person("蔡小红", "Cai Xiaohong, 601", "601", "13800005601", Today::Music),
    person("许国华", "Xu Guohua, 302", "302", "13800005302", Today::Answers(1_100, '2', 2_500)),
    person("郑美玲", "Zheng Meiling, 603", "603", "13800005603", Today::Away),
];

const fn person(
    chinese: &'static str,
    english: &'static str,
    door: &'static str,
    mobile: &'static str,
    today: Today,
) -> Person {
    Person { chinese, english, door, mobile, today }
}

/// Who has a number, in the form of the directory or with its country code.
pub(super) fn who(number: &str) -> Option<&'static Person> {
    let national = number.strip_prefix("+86").unwrap_or(number);
    PEOPLE.iter().find(|person| person.mobile == national)
}

pub(super) fn behaviours() -> Behaviours {
    let ms = Duration::from_millis;
    let mut behaviours = Behaviours::all(Behaviour::never_answers());
    for person in PEOPLE {
        let behaviour = match person.today {
            Today::Answers(answer, key, then) => Behaviour::presses(key, ms(answer), ms(then)),
            Today::Busy => Behaviour::refuses(486, ms(120)),
            Today::Away => Behaviour::never_answers(),
            Today::Mailbox => Behaviour::voicemail(ms(1_500)),
            Today::Declines => Behaviour::refuses(603, ms(1_200)),
            Today::Music => Behaviour::early_media('1', ms(60_000), ms(1_000)),
        };
        behaviours.set(person.mobile, behaviour);
    }
    behaviours
}

/// Writes the CSV files.
pub(super) fn write(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let path = "筼筜街道,文园社区,第一网格,3号楼一组";
    let mut households =
        "street,community,grid,group,name,place,building,unit,floor,door,position\n".to_owned();
    let mut contacts = "street,community,grid,group,household,name,numbers\n".to_owned();
    let (name, door) = RESIDENT;
    let mut add = |name: &str, door: &str| {
        let (floor, position) = (door.get(..1).unwrap_or_default(), door);
        // Writing to a String cannot fail.
        let _ = writeln!(households, "{path},{name},文园小区,3,1,{floor},{door},{position}");
    };
    add(name, door);
    for person in PEOPLE.iter().filter(|person| !person.door.is_empty()) {
        let Person { chinese, door, mobile, .. } = person;
        add(chinese, door);
        let _ = writeln!(contacts, "{path},{chinese},{chinese},{mobile}");
    }
    let duty = &PEOPLE[0];
    let files = [
        ("streets.csv", "name\n筼筜街道\n".to_owned()),
        (
            "communities.csv",
            "street,name,area_code,access_numbers\n筼筜街道,文园社区,0592,9000\n".to_owned(),
        ),
        ("grids.csv", "street,community,name\n筼筜街道,文园社区,第一网格\n".to_owned()),
        (
            "groups.csv",
            "street,community,grid,name\n筼筜街道,文园社区,第一网格,3号楼一组\n".to_owned(),
        ),
        ("households.csv", households),
        (
            "lines.csv",
            format!(
                "street,community,grid,group,household,account,number\n{path},{name},{RESIDENT_ACCOUNT},0592-5553{door}\n"
            ),
        ),
        ("contacts.csv", contacts),
        (
            "workers.csv",
            format!(
                "street,community,name,on_duty,numbers\n筼筜街道,文园社区,周敏,是,{}\n",
                duty.mobile
            ),
        ),
    ];
    for (name, text) in files {
        std::fs::write(folder.join(name), text)?;
    }
    Ok(())
}
