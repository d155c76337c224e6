//! A town as its files: streets, communities, grids, groups of ten doors of a staircase, people with names of people.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Households of a group.
pub(super) const HOUSEHOLDS: u32 = 10;
/// Grids of a community.
const GRIDS: u32 = 3;
/// Workers of a community; two hold its posts.
const WORKERS: u32 = 6;
/// Communities of a street.
const COMMUNITIES: u32 = 15;
/// Groups of this many have each so many communities.
const SPREAD: (u32, u32) = (100, 3);

const FIRSTS: [&str; 20] = [
    "文", "湖", "金", "银", "东", "西", "南", "北", "和", "安", "新", "古", "松", "竹", "梅", "兰",
    "凤", "龙", "海", "山",
];
const LASTS: [&str; 15] =
    ["园", "滨", "桥", "苑", "亭", "泉", "溪", "湾", "岭", "坊", "港", "林", "塘", "屿", "门"];
const SURNAMES: [&str; 40] = [
    "陈", "林", "黄", "张", "李", "王", "吴", "刘", "蔡", "杨", "许", "郑", "谢", "郭", "洪", "邱",
    "曾", "廖", "赖", "徐", "周", "叶", "苏", "庄", "江", "吕", "何", "罗", "高", "潘", "简", "朱",
    "钟", "彭", "游", "詹", "胡", "施", "沈", "欧阳",
];
const GIVEN: [&str; 30] = [
    "建", "秀", "志", "美", "国", "丽", "文", "淑", "永", "玉", "明", "雅", "俊", "惠", "家", "婷",
    "伟", "素", "宗", "春", "德", "月", "清", "金", "水", "阿", "荣", "宝", "福", "彩",
];
const ENDS: [&str; 23] = [
    "华", "英", "强", "玲", "平", "珍", "雄", "芬", "龙", "兰", "辉", "云", "成", "琴", "良", "梅",
    "发", "香", "源", "娥", "安", "敏", "杰",
];

/// A town of so many groups; 10,000 are 20 streets, 300 communities and 100,000 households.
#[derive(Clone, Copy, Debug)]
pub(super) struct Town {
    pub(super) groups: u32,
}

impl Town {
    pub(super) fn communities(self) -> u32 {
        let (groups, communities) = SPREAD;
        (self.groups * communities / groups).max(1)
    }

    pub(super) fn streets(self) -> u32 {
        self.communities().div_ceil(COMMUNITIES)
    }

    fn community_of(self, group: u32) -> u32 {
        let scaled = u64::from(group) * u64::from(self.communities()) / u64::from(self.groups);
        u32::try_from(scaled).unwrap_or_default()
    }

    /// The first group of a community.
    fn first_of(self, community: u32) -> u32 {
        let scaled = u64::from(community) * u64::from(self.groups);
        let first = scaled.div_ceil(u64::from(self.communities()));
        u32::try_from(first).unwrap_or_default()
    }

    /// The landline of a door, which is its account too.
    pub(super) fn line(group: u32, place: u32) -> String {
        format!("0592{}", 5_000_000 + group * HOUSEHOLDS + place)
    }

    /// The mobile of the first person behind a door.
    pub(super) fn mobile(group: u32, place: u32) -> String {
        format!("138{:08}", group * HOUSEHOLDS + place)
    }

    /// Writes the CSV files.
    pub(super) fn write(self, folder: &Path) -> io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let mut files = Files::create(folder)?;
        for street in 0..self.streets() {
            writeln!(files.streets, "{}", street_name(street))?;
        }
        for community in 0..self.communities() {
            self.write_community(&mut files, community)?;
        }
        for group in 0..self.groups {
            self.write_group(&mut files, group)?;
        }
        files.finish()
    }

    fn write_community(self, files: &mut Files, community: u32) -> io::Result<()> {
        let path = path_of(community);
        let (_, name) = path.split_once(',').unwrap_or_default();
        writeln!(files.communities, "{path},0592,9000")?;
        for grid in 1..=GRIDS {
            writeln!(files.grids, "{path},第{grid}网格")?;
        }
        for worker in 0..WORKERS {
            let (person, on_duty) = (person(community + 7, worker), worker == 0);
            let on_duty = if on_duty { "yes" } else { "no" };
            writeln!(
                files.workers,
                "{path},{person},{on_duty},137{:08}/both",
                community * 10 + worker
            )?;
        }
        for (worker, post) in ["A", "B"].into_iter().enumerate() {
            let worker = u32::try_from(worker).unwrap_or_default();
            writeln!(
                files.posts,
                "{path},{post} 岗,{post},always,{}",
                person(community + 7, worker)
            )?;
        }
        let number = |index: u32| format!("136{:08}", community * 10 + index);
        writeln!(files.responders, "{path},{name}巡逻队,patrol,,,,,,{}", number(0))?;
        writeln!(files.responders, "{path},{name}志愿者,volunteer,first_aid,,,,,{}", number(1))?;
        writeln!(files.responders, "{path},一号楼楼长,building_head,,1,,,,{}", number(2))?;
        let group = self.first_of(community);
        let home = format!("第1网格,{},{}", group_name(0), home_name(group, 3));
        writeln!(files.responders, "{path},帮扶人,helper,,,{home},{}", number(3))
    }

    fn write_group(self, files: &mut Files, group: u32) -> io::Result<()> {
        let community = self.community_of(group);
        let first = self.first_of(community);
        let (index, groups) = (group - first, self.first_of(community + 1) - first);
        let grid = index * GRIDS / groups.max(1) + 1;
        let path = path_of(community);
        let (_, name) = path.split_once(',').unwrap_or_default();
        let estate = name.trim_end_matches("社区");
        let own = format!("{path},第{grid}网格,{}", group_name(index));
        writeln!(files.groups, "{own}")?;
        for place in 0..HOUSEHOLDS {
            let home = home_name(group, place);
            let floor = place / 2 + 1;
            let door = floor * 100 + place % 2 + 1;
            let (building, unit) = (index / 2 + 1, index % 2 + 1);
            writeln!(
                files.households,
                "{own},{home},{estate}小区,{building},{unit},{floor},{door},{place}"
            )?;
            let line = Self::line(group, place);
            writeln!(files.lines, "{own},{home},{line},{line},pw{line}")?;
            let mobile = Self::mobile(group, place);
            writeln!(files.contacts, "{own},{home},{},0,{mobile}/both", person(group, place))?;
            if place % 3 == 0 {
                let mobile = format!("139{}", mobile.trim_start_matches("138"));
                let other = person(group + 11, place + 10);
                writeln!(files.contacts, "{own},{home},{other},1,{mobile}/both")?;
            }
        }
        Ok(())
    }
}

fn at(words: &[&'static str], index: u32) -> &'static str {
    let index = usize::try_from(index).unwrap_or_default();
    words.get(index % words.len().max(1)).copied().unwrap_or_default()
}

fn street_name(street: u32) -> String {
    let turn = street / 20;
    let turn = if turn == 0 { String::new() } else { turn.to_string() };
    format!("{}浦{turn}街道", at(&FIRSTS, street))
}

/// Street and community, as they stand in rows.
fn path_of(community: u32) -> String {
    let (first, last, turn) = (at(&FIRSTS, community), at(&LASTS, community / 20), community / 300);
    let turn = if turn == 0 { String::new() } else { turn.to_string() };
    format!("{},{first}{last}{turn}社区", street_name(community / COMMUNITIES))
}

fn group_name(index: u32) -> String {
    format!("{}号楼{}单元", index / 2 + 1, index % 2 + 1)
}

/// Within a group no two have the same name.
fn person(group: u32, place: u32) -> String {
    let surname = at(&SURNAMES, group * 7 + place * 3);
    format!("{surname}{}{}", at(&GIVEN, group + place), at(&ENDS, group / 30 + place * 5))
}

fn home_name(group: u32, place: u32) -> String {
    format!("{}家", person(group, place))
}

struct Files {
    streets: BufWriter<File>,
    communities: BufWriter<File>,
    grids: BufWriter<File>,
    groups: BufWriter<File>,
    households: BufWriter<File>,
    lines: BufWriter<File>,
    contacts: BufWriter<File>,
    workers: BufWriter<File>,
    posts: BufWriter<File>,
    responders: BufWriter<File>,
}

impl Files {
    fn create(folder: &Path) -> io::Result<Self> {
        let create = |name: &str, header: &str| {
            let mut file = BufWriter::new(File::create(folder.join(name))?);
            writeln!(file, "{header}")?;
            Ok::<_, io::Error>(file)
        };
        let group = "street,community,grid,group";
        Ok(Self {
            streets: create("streets.csv", "name")?,
            communities: create("communities.csv", "street,name,area_code,access_numbers")?,
            grids: create("grids.csv", "street,community,name")?,
            groups: create("groups.csv", "street,community,grid,name")?,
            households: create(
                "households.csv",
                &format!("{group},name,place,building,unit,floor,door,position"),
            )?,
            lines: create("lines.csv", &format!("{group},household,account,number,password"))?,
            contacts: create("contacts.csv", &format!("{group},household,name,rank,numbers"))?,
            workers: create("workers.csv", "street,community,name,on_duty,numbers")?,
            posts: create("posts.csv", "street,community,name,code,cover,workers")?,
            responders: create(
                "responders.csv",
                "street,community,name,kind,skills,building,helps_grid,helps_group,helps_household,numbers",
            )?,
        })
    }

    fn finish(self) -> io::Result<()> {
        let Self {
            streets,
            communities,
            grids,
            groups,
            households,
            lines,
            contacts,
            workers,
            posts,
            responders,
        } = self;
        let files = [streets, communities, grids, groups, households];
        for mut file in files.into_iter().chain([lines, contacts, workers, posts, responders]) {
            file.flush()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_town_has_the_shape_of_one() {
        let town = Town { groups: 10_000 };
        assert_eq!((town.streets(), town.communities()), (20, 300));
        let folder = tempfile::tempdir().expect("a folder");
        Town { groups: 200 }.write(folder.path()).expect("writes");
        let rows = |name: &str| -> Vec<Vec<String>> {
            let text = std::fs::read_to_string(folder.path().join(name)).expect("is there");
            let row = |line: &str| line.split(',').map(str::to_owned).collect::<Vec<_>>();
            let rows: Vec<Vec<String>> = text.lines().map(row).collect();
            assert!(rows.iter().all(|row| row.len() == rows[0].len()), "{name}: {text}");
            rows.into_iter().skip(1).collect()
        };
        let (homes, lines) = (rows("households.csv"), rows("lines.csv"));
        assert_eq!((homes.len(), lines.len()), (2000, 2000));
        let keys: BTreeSet<&[String]> = homes.iter().map(|row| &row[..5]).collect();
        assert_eq!(keys.len(), homes.len(), "within a group no name is there twice");
        let groups: BTreeSet<String> = rows("groups.csv").iter().map(|row| row.join(",")).collect();
        assert_eq!(groups.len(), 200);
        assert!(homes.iter().all(|row| groups.contains(&row[..4].join(","))));
        let homes: BTreeSet<String> = homes.iter().map(|row| row[..5].join(",")).collect();
        assert!(lines.iter().all(|row| homes.contains(&row[..5].join(","))));
        assert!(rows("contacts.csv").iter().all(|row| homes.contains(&row[..5].join(","))));
        let helped = rows("responders.csv").into_iter().filter(|row| row[3] == "helper");
        for row in helped {
            let home = [&row[..2], &row[6..9]].concat().join(",");
            assert!(homes.contains(&home), "{home}");
        }
    }
}
