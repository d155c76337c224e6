//! Buildings as blocks on a page: where each stands and what is drawn of it. Pure and the same every time: where a block
//! stands depends on the doors there are, never on how their lines are.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Width of the drawing.
pub(crate) const WIDTH: u32 = 960;
/// Between blocks, and around them.
const GAP: u32 = 16;
/// Lines of text below a block.
const LABEL: u32 = 44;
/// Least width of a block, for its label.
const BLOCK_MIN: u32 = 144;
/// Within a block, around its doors.
const PAD: u32 = 6;
/// Doors of a staircase side by side; more of a floor stand below them.
const STAIR_MAX: usize = 20;
/// Doors side by side in all; a building with more, or with more floors than can be, is drawn as rows of doors.
const COLUMNS_MAX: usize = 80;
const ROWS_MAX: usize = 60;
const PLAIN_ROW: usize = 40;
/// Doors that are drawn of a building that is drawn as rows.
const PLAIN_MAX: usize = 1200;
/// Doors of one building that are marked; the label counts them all.
const MARKS_MAX: usize = 150;

/// A door, as far as it is drawn.
#[derive(Clone, Debug, Default)]
pub(crate) struct Door<'a> {
    pub(crate) unit: &'a str,
    pub(crate) floor: &'a str,
    pub(crate) door: &'a str,
    /// Colour of its alarm; none without one.
    pub(crate) alarm: Option<&'static str>,
    /// Its line is down.
    pub(crate) is_down: bool,
}

/// A rectangle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Area {
    pub(crate) x: u32,
    pub(crate) y: u32,
    pub(crate) w: u32,
    pub(crate) h: u32,
}

/// What is drawn of a building, within its [`Area`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Block {
    pub(crate) area: Area,
    /// Width of the building itself; the label may be wider.
    pub(crate) wall_w: u32,
    /// All doors: lines that are dashed into doors.
    pub(crate) doors: String,
    /// Height of a door.
    pub(crate) door_h: u32,
    /// Dash and gap of the lines.
    pub(crate) dashes: String,
    /// Doors whose line is down.
    pub(crate) down: String,
    /// Alarms: colour, and the middle of the door.
    pub(crate) alarms: Vec<(&'static str, u32, u32)>,
}

impl Block {
    /// Where the label stands.
    pub(crate) fn text_y(&self, line: u32) -> u32 {
        self.area.h - LABEL + 16 * line
    }

    /// The lower edge of what is drawn above the label.
    pub(crate) fn wall_h(&self) -> u32 {
        self.area.h - LABEL
    }
}

/// The size and the doors of a building: columns, rows, and the place of each door.
struct Cells {
    columns: usize,
    rows: usize,
    /// Column and row of each door, in the order of the doors.
    at: Vec<(usize, usize)>,
    /// First column, row and length of each line of doors.
    runs: Vec<(usize, usize, usize)>,
}

/// The floor, or what the door says of it: 502 is on the fifth.
pub(crate) fn floor_of(door: &Door<'_>) -> i64 {
    let digits = |text: &str| -> String { text.chars().take_while(char::is_ascii_digit).collect() };
    if let Ok(floor) = digits(door.floor.trim_start_matches('B')).parse::<i64>() {
        return if door.floor.starts_with('B') { -floor } else { floor };
    }
    let digits = digits(door.door);
    let floor = digits.len().checked_sub(2).and_then(|len| digits.get(..len)?.parse().ok());
    floor.unwrap_or_default()
}

fn cells(doors: &[Door<'_>]) -> Cells {
    let mut by_unit: BTreeMap<&str, BTreeMap<Reverse<i64>, Vec<usize>>> = BTreeMap::new();
    for (index, door) in doors.iter().enumerate() {
        let floors = by_unit.entry(door.unit).or_default();
        floors.entry(Reverse(floor_of(door))).or_default().push(index);
    }
    // How many rows each floor takes, over all units.
    let mut heights: BTreeMap<Reverse<i64>, usize> = BTreeMap::new();
    for (floor, doors) in by_unit.values().flatten() {
        let height = heights.entry(*floor).or_insert(1);
        *height = (*height).max(doors.len().div_ceil(STAIR_MAX));
    }
    let widths: Vec<usize> = by_unit
        .values()
        .map(|floors| floors.values().map(|doors| doors.len().min(STAIR_MAX)).max().unwrap_or(1))
        .collect();
    let columns = widths.iter().sum::<usize>() + widths.len().saturating_sub(1);
    let rows = heights.values().sum();
    if COLUMNS_MAX < columns || ROWS_MAX < rows {
        return plain(doors.len());
    }
    let mut tops = BTreeMap::new();
    let mut top = 0;
    for (floor, height) in &heights {
        tops.insert(*floor, top);
        top += height;
    }
    let mut at = vec![(0, 0); doors.len()];
    let mut runs = Vec::new();
    let mut left = 0;
    for (floors, width) in by_unit.values().zip(&widths) {
        for (floor, doors) in floors {
            let top = tops.get(floor).copied().unwrap_or_default();
            for (row, doors) in doors.chunks(STAIR_MAX).enumerate() {
                runs.push((left, top + row, doors.len()));
                for (column, door) in doors.iter().enumerate() {
                    if let Some(place) = at.get_mut(*door) {
                        *place = (left + column, top + row);
                    }
                }
            }
        }
        // A staircase stands apart from the next.
        left += width + 1;
    }
    Cells { columns, rows, at, runs }
}

/// Doors row by row, where there are no floors to tell.
fn plain(doors: usize) -> Cells {
    let drawn = doors.min(PLAIN_MAX);
    let at = (0..drawn).map(|door| (door % PLAIN_ROW, door / PLAIN_ROW)).collect();
    let rows = drawn.div_ceil(PLAIN_ROW).max(1);
    let runs = (0..rows).map(|row| (0, row, PLAIN_ROW.min(drawn - row * PLAIN_ROW))).collect();
    Cells { columns: PLAIN_ROW.min(drawn.max(1)), rows, at, runs }
}

/// A building, not placed yet.
fn block(doors: &[Door<'_>]) -> Block {
    let size = |cells: usize, room: usize, most: usize| {
        u32::try_from((room / cells.max(1)).clamp(3, most)).unwrap_or(3)
    };
    let count = |cells: usize| u32::try_from(cells).unwrap_or(u32::MAX);
    let cells = cells(doors);
    let (w, h) = (size(cells.columns, 320, 12), size(cells.rows, 220, 12));
    let middle =
        |column: usize, row: usize| (PAD + count(column) * w + w / 2, PAD + count(row) * h + h / 2);
    let (door_w, door_h) = ((w - 1).max(2), (h - 2).max(2));
    let wall_w = count(cells.columns) * w + 2 * PAD;
    let mut block = Block {
        wall_w,
        area: Area {
            w: wall_w.max(BLOCK_MIN),
            h: count(cells.rows) * h + 2 * PAD + LABEL,
            ..Area::default()
        },
        door_h,
        dashes: format!("{door_w} {}", w - door_w),
        ..Block::default()
    };
    for (column, row, len) in cells.runs.into_iter().filter(|run| 0 < run.2) {
        let (x, y) = (PAD + count(column) * w, PAD + count(row) * h + h / 2);
        // Text takes everything that is written into it.
        let _ = write!(block.doors, "M{x} {y}h{}", count(len) * w - (w - door_w));
    }
    let mut marked = 0;
    for (door, (column, row)) in doors.iter().zip(cells.at) {
        let (x, y) = middle(column, row);
        match door.alarm {
            Some(colour) if block.alarms.len() < MARKS_MAX => block.alarms.push((colour, x, y)),
            None if door.is_down && marked < MARKS_MAX => {
                marked += 1;
                let (left, bottom) = (x - w / 2, y + door_h / 2);
                let _ = write!(block.down, "M{left} {bottom}h{door_w}l-{}-{door_h}z", door_w / 2);
            }
            Some(_) | None => {}
        }
    }
    block
}

/// Draws buildings in their order, row by row, each on the ground of its row. The height of the whole.
pub(crate) fn draw(buildings: &[Vec<Door<'_>>]) -> (Vec<Block>, u32) {
    let mut blocks: Vec<Block> = buildings.iter().map(|doors| block(doors)).collect();
    let (mut from, mut y) = (0, GAP);
    while from < blocks.len() {
        let (mut x, mut height, mut to) = (GAP, 0, from);
        while let Some(block) = blocks.get_mut(to) {
            if from < to && WIDTH < x + block.area.w + GAP {
                break;
            }
            block.area.x = x;
            x += block.area.w + GAP;
            height = height.max(block.area.h);
            to += 1;
        }
        for block in blocks.get_mut(from..to).unwrap_or_default() {
            block.area.y = y + height - block.area.h;
        }
        y += height + GAP;
        from = to;
    }
    (blocks, y)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn overlap(one: Area, other: Area) -> bool {
        one.x < other.x + other.w
            && other.x < one.x + one.w
            && one.y < other.y + other.h
            && other.y < one.y + one.h
    }

    type Written = Vec<Vec<(String, String, String)>>;

    fn doors(written: &Written, is_down: bool) -> Vec<Vec<Door<'_>>> {
        written
            .iter()
            .map(|doors| {
                doors
                    .iter()
                    .map(|(unit, floor, door)| Door {
                        unit,
                        floor,
                        door,
                        alarm: is_down.then_some("red"),
                        is_down,
                    })
                    .collect()
            })
            .collect()
    }

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![Just(String::new()), "[0-9]{1,4}", "B[0-9]", "[甲乙A-C层]{1,3}"]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn blocks_never_overlap_and_stand_where_they_stood(
            written in proptest::collection::vec(
                proptest::collection::vec((text(), text(), text()), 0..90), 0..20),
        ) {
            let (blocks, height) = draw(&doors(&written, false));
            for (index, block) in blocks.iter().enumerate() {
                let area = block.area;
                prop_assert!(area.x + area.w <= WIDTH && area.y + area.h <= height, "{area:?}");
                for other in &blocks[index + 1..] {
                    prop_assert!(!overlap(area, other.area), "{area:?} {:?}", other.area);
                }
            }
            let (marked, _) = draw(&doors(&written, true));
            let areas = |blocks: &[Block]| blocks.iter().map(|block| block.area).collect::<Vec<_>>();
            prop_assert_eq!(areas(&blocks), areas(&marked), "how lines are moves nothing");
            for block in &marked {
                for (_, x, y) in &block.alarms {
                    prop_assert!(*x <= block.area.w && *y <= block.wall_h(), "{block:?}");
                }
            }
        }
    }

    #[test]
    fn floors_are_rows_and_staircases_stand_apart() {
        let of = |unit: &'static str, door: &'static str| Door { unit, door, ..Door::default() };
        let doors = [of("1", "201"), of("1", "101"), of("1", "102"), of("2", "101")];
        let cells = cells(&doors);
        assert_eq!((cells.columns, cells.rows), (4, 2));
        assert_eq!(cells.at, [(0, 0), (0, 1), (1, 1), (3, 1)]);
        let cellar = Door { floor: "B1", ..Door::default() };
        assert_eq!((floor_of(&cellar), floor_of(&of("", "1203"))), (-1, 12));
    }

    #[test]
    fn a_building_without_floors_or_with_too_many_is_rows_of_doors() {
        let nameless = vec![Door::default(); 3000];
        let (blocks, _) = draw(&[nameless]);
        assert!(blocks[0].area.w < WIDTH && blocks[0].area.h < 400, "{:?}", blocks[0].area);
        assert!(draw(&[]).0.is_empty());
        assert_eq!(draw(&[Vec::new()]).0[0].doors, "");
    }
}
