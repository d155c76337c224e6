//! Directories for tests and load, as the CSV files that the service imports.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Most groups of the short numbers.
const SHORT_MAX: u32 = 10_000;

/// A number plan. Group g has the caller `57gggg00`, the neighbours `57gggg01` to `57gggg09` and the duty worker
/// `57gggg10`; beyond 10,000 groups the numbers begin with `6` and have five digits for the group.
#[derive(Clone, Copy, Debug)]
pub struct NumberPlan {
    /// How many groups.
    pub groups: u32,
    /// How many of them a community has. Each community has one duty worker: with one group each, every group has its own.
    pub groups_per_community: u32,
    /// Every household has a line, not the caller's only.
    pub has_all_lines: bool,
    /// Lines have the password `pw` and their number.
    pub has_passwords: bool,
}

/// Households of a group: the caller and nine neighbours.
pub const HOUSEHOLDS: u32 = 10;
/// The place of the duty worker in a group's numbers.
const DUTY_WORKER: u32 = 10;
/// The number that phones call to key the code.
pub const ACCESS_NUMBER: &str = "9000";

impl NumberPlan {
    /// What load runs on: each group has its own duty worker, so that an alarm is exactly ten legs and ten SMS.
    #[must_use]
    pub fn for_load(groups: u32) -> Self {
        Self { groups, groups_per_community: 1, has_all_lines: false, has_passwords: true }
    }

    /// What registered lines are measured on: as for load, and every household has a line.
    #[must_use]
    pub fn of_lines(groups: u32) -> Self {
        Self { has_all_lines: true, ..Self::for_load(groups) }
    }

    /// A whole town: every household has a line, a community has a hundred groups.
    #[must_use]
    pub fn town(groups: u32) -> Self {
        Self { groups, groups_per_community: 100, has_all_lines: true, has_passwords: false }
    }

    /// The number of a place in a group.
    #[must_use]
    pub fn number(&self, group: u32, place: u32) -> String {
        if self.groups <= SHORT_MAX {
            format!("57{group:04}{place:02}")
        } else {
            format!("6{group:05}{place:02}")
        }
    }

    /// Who presses in a group.
    #[must_use]
    pub fn caller(&self, group: u32) -> String {
        self.number(group, 0)
    }

    /// Who has to be called then.
    pub fn callees(&self, group: u32) -> impl Iterator<Item = String> {
        let plan = *self;
        (1..=DUTY_WORKER).map(move |place| plan.number(group, place))
    }

    /// Writes the CSV files.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let per_community = self.groups_per_community.max(1);
        let mut files = Files::create(folder)?;
        for community in 0..self.groups.div_ceil(per_community) {
            let name = format!("c{community:05}");
            writeln!(files.communities, "load,{name},0592,{ACCESS_NUMBER}")?;
            writeln!(files.grids, "load,{name},grid")?;
            let worker = self.number(community * per_community, DUTY_WORKER);
            writeln!(files.workers, "load,{name},值班员,yes,{worker}/both")?;
            let first = community * per_community;
            for group in first..(first + per_community).min(self.groups) {
                self.write_group(&mut files, &name, group)?;
            }
        }
        files.finish()
    }

    fn write_group(&self, files: &mut Files, community: &str, group: u32) -> io::Result<()> {
        writeln!(files.groups, "load,{community},grid,g{group:05}")?;
        for place in 0..HOUSEHOLDS {
            let path = format!("load,{community},grid,g{group:05}");
            let number = self.number(group, place);
            // Few different names: each is spoken ahead once, not once per group.
            let door = place + 101;
            writeln!(files.households, "{path},{door}室,文园里,3,{door},{place}")?;
            if place == 0 || self.has_all_lines {
                let password =
                    if self.has_passwords { format!("pw{number}") } else { String::new() };
                writeln!(files.lines, "{path},{door}室,{number},{number},{password}")?;
            }
            if 0 < place {
                writeln!(files.contacts, "{path},{door}室,邻居,{number}/both")?;
            }
        }
        Ok(())
    }
}

struct Files {
    communities: BufWriter<File>,
    grids: BufWriter<File>,
    groups: BufWriter<File>,
    households: BufWriter<File>,
    lines: BufWriter<File>,
    contacts: BufWriter<File>,
    workers: BufWriter<File>,
}

impl Files {
    fn create(folder: &Path) -> io::Result<Self> {
        let create = |name: &str, header: &str| {
            let mut file = BufWriter::new(File::create(folder.join(name))?);
            writeln!(file, "{header}")?;
            Ok::<_, io::Error>(file)
        };
        std::fs::write(folder.join("streets.csv"), "name\nload\n")?;
        let path = "street,community,grid,group";
        Ok(Self {
            communities: create("communities.csv", "street,name,area_code,access_numbers")?,
            grids: create("grids.csv", "street,community,name")?,
            groups: create("groups.csv", "street,community,grid,name")?,
            households: create(
                "households.csv",
                &format!("{path},name,place,building,door,position"),
            )?,
            lines: create("lines.csv", &format!("{path},household,account,number,password"))?,
            contacts: create("contacts.csv", &format!("{path},household,name,numbers"))?,
            workers: create("workers.csv", "street,community,name,on_duty,numbers")?,
        })
    }

    fn finish(self) -> io::Result<()> {
        let Self { communities, grids, groups, households, lines, contacts, workers } = self;
        for mut file in [communities, grids, groups, households, lines, contacts, workers] {
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
    fn every_number_is_there_once() {
        for groups in [3, SHORT_MAX + 1] {
            let plan = NumberPlan::for_load(groups);
            let numbers: BTreeSet<String> = (groups - 3..groups)
                .flat_map(|group| plan.callees(group).chain([plan.caller(group)]))
                .collect();
            assert_eq!(numbers.len(), 33);
            assert!(numbers.iter().all(|number| number.len() == 8), "{numbers:?}");
        }
    }

    #[test]
    fn an_alarm_is_ten_people() {
        let folder = tempfile::tempdir().expect("a folder");
        NumberPlan::for_load(2).write(folder.path()).expect("writes");
        let lines = |name: &str| {
            let text = std::fs::read_to_string(folder.path().join(name)).expect("is there");
            let columns: BTreeSet<usize> =
                text.lines().map(|line| line.split(',').count()).collect();
            assert_eq!(columns.len(), 1, "{name} has rows of one length: {text}");
            text.lines().count() - 1
        };
        assert_eq!((lines("contacts.csv"), lines("workers.csv")), (18, 2));
        assert_eq!((lines("households.csv"), lines("lines.csv")), (20, 2));
        assert_eq!((lines("communities.csv"), lines("groups.csv")), (2, 2));
    }

    /// `peer-directory 2` made it; made again it must be the same.
    #[test]
    fn the_shipped_sample_is_what_is_written() {
        let folder = tempfile::tempdir().expect("a folder");
        NumberPlan::for_load(2).write(folder.path()).expect("writes");
        let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/peer/sample/directory");
        let mut files = 0;
        for entry in std::fs::read_dir(sample).expect("is there") {
            let path = entry.expect("is an entry").path();
            let name = path.file_name().expect("has a name");
            let read = |path: &Path| std::fs::read_to_string(path).expect("can be read");
            assert_eq!(read(&path), read(&folder.path().join(name)), "{name:?}");
            files += 1;
        }
        assert_eq!(files, 8);
    }
}
