//! A door, as people write it.

use lianfang_domain::directory::{Language, Written};

/// Building, unit, floor and door in words; what brings its own word, such as `A座`, gets no other, and what is empty is
/// left out.
pub(super) fn door_in_words(
    [building, unit, floor, door]: [&str; 4],
    language: Language,
) -> String {
    let parts = [
        (building, "号楼", "Building"),
        (unit, "单元", "unit"),
        (floor, "层", "floor"),
        (door, "", "door"),
    ];
    let written = language.written();
    let said = |(part, chinese, english): (&str, &str, &str)| match written {
        Written::Chinese if part.ends_with(|last: char| last.is_ascii_alphanumeric()) => {
            format!("{part}{chinese}")
        }
        Written::Chinese => part.to_owned(),
        Written::English => format!("{english} {part}"),
    };
    let parts: Vec<String> =
        parts.into_iter().filter(|(part, ..)| !part.is_empty()).map(said).collect();
    let joint = match written {
        Written::Chinese => " ",
        Written::English => ", ",
    };
    parts.join(joint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_reads_as_people_write_it() {
        for (door, chinese, english) in [
            (
                ["3", "1", "5", "502"],
                "3号楼 1单元 5层 502",
                "Building 3, unit 1, floor 5, door 502",
            ),
            (["A座", "", "", "502"], "A座 502", "Building A座, door 502"),
            (["", "", "", ""], "", ""),
        ] {
            assert_eq!(door_in_words(door, Language::Chinese), chinese);
            assert_eq!(door_in_words(door, Language::English), english);
        }
    }
}
