//! The weeks of a roster as a drawing: weeks as rows, hours as a ruler, posts as bars, gaps hatched.
//!
//! Only numbers and words come out of here; the template draws them. A day is as wide as any other, however long it is.

use super::local::{self, Local};
use super::{Day, Held, Roster, Segment};
use crate::lang::Lang;
use jiff::Timestamp;

/// Width of the drawing; letters are 12 high.
pub(super) const WIDTH: i32 = 1120;
/// Room for the names of posts.
const LEFT: i32 = 126;
/// Width of a day.
const DAY: i32 = 142;
/// Height of the day's name and its ruler.
const HEAD: i32 = 34;
/// Height of a post.
const LANE: i32 = 24;
/// Height of a bar.
const BAR: i32 = 21;
/// Space below a week.
const FOOT: i32 = 10;
/// Hours of the ruler.
const HOURS: [i8; 4] = [0, 6, 12, 18];

/// Weeks one below the other.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Chart {
    pub(super) height: i32,
    pub(super) weeks: Vec<Week>,
}

/// A row of seven days. Lines and bars of one look are one path each, so that a month of ten posts stays small.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Week {
    /// Where its lanes begin and end.
    pub(super) top: i32,
    pub(super) bottom: i32,
    pub(super) days: Vec<Head>,
    /// Where days begin, and the hours of the ruler.
    pub(super) grid: String,
    pub(super) ticks: Vec<(i32, i32, i8)>,
    /// Days on which nobody works.
    pub(super) free: String,
    /// Where somebody is there, and where nobody is.
    pub(super) held: String,
    pub(super) gaps: String,
    /// Names of posts, and of who holds them.
    pub(super) texts: Vec<(i32, i32, String)>,
    /// Words in gaps.
    pub(super) warnings: Vec<(i32, i32, String)>,
    /// Where now is.
    pub(super) now: Option<i32>,
}

/// The name of a day.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) words: String,
    /// Of another month than the one that is shown.
    pub(super) is_other: bool,
}

/// Draws the days of a roster, seven in a row, with these of its posts. Days of another month than `month` are pale.
pub(super) fn draw(
    roster: &Roster,
    (first, count): (usize, usize),
    month: Option<i8>,
    l: Lang,
) -> Chart {
    let local = roster.local();
    let mut chart = Chart::default();
    for days in roster.days.chunks(7) {
        let top = chart.height + HEAD;
        let posts = || (0..).zip(roster.posts.iter().skip(first).take(count));
        let bottom = top + LANE * posts().count().try_into().unwrap_or(0);
        let mut week = Week { top, bottom, ..Week::default() };
        for (place, day) in (0..).zip(days) {
            let x = LEFT + DAY * place;
            week.add_day(roster.now, &local, (day, x), l);
            let is_other = month.is_some_and(|month| month != day.date.month());
            if let Some(head) = week.days.last_mut() {
                head.is_other = is_other;
            }
        }
        for (lane, post) in posts() {
            let y = top + LANE * lane;
            week.texts.push((2, y + 15, fit(&post.name, LEFT - 8)));
            post.segments.iter().for_each(|segment| week.add(roster, days, (segment, y), l));
        }
        chart.height = bottom + FOOT;
        chart.weeks.push(week);
    }
    chart
}

impl Week {
    fn add_day(&mut self, now: Timestamp, local: &Local, (day, x): (&Day, i32), l: Lang) {
        let top = self.top - HEAD;
        let words = format!("{} {}", local::day(day.date, l), day.mark(l));
        let words = fit(words.trim_end(), DAY - 4);
        self.days.push(Head { x: x + 3, y: top + 14, words, is_other: false });
        self.grid.push_str(&format!("M{x} {top}V{}", self.bottom));
        if day.kind != "workday" {
            self.free.push_str(&rect(x, top, DAY, self.bottom - top));
        }
        for hour in HOURS {
            let Some(at) = local.at(day.date.at(hour, 0, 0, 0)) else { continue };
            let x = x_in(day, x, at);
            self.grid.push_str(&format!("M{x} {}v9", self.top - 9));
            self.ticks.push((x + 2, self.top - 3, hour));
        }
        if day.from <= now && now < day.to {
            self.now = Some(x_in(day, x, now));
        }
    }

    /// Adds the part of a segment that is within the week.
    fn add(&mut self, roster: &Roster, days: &[Day], (segment, y): (&Segment, i32), l: Lang) {
        let (Some(begin), Some(end)) = (days.first(), days.last()) else { return };
        let (from, to) = (segment.from.max(begin.from), segment.to.min(end.to));
        let held = segment.held();
        if to <= from || held == Held::Free {
            return;
        }
        let x = x_of(days, from);
        let width = (x_of(days, to) - x - 1).max(2);
        let bar = rect(x, y, width, BAR);
        let words = match held {
            Held::Gap if segment.worker_ids.is_empty() => l.t("空岗", "uncovered").to_owned(),
            Held::Gap => format!("{} {}", l.t("请假", "away"), roster.names(segment, l)),
            Held::Somebody | Held::Free => roster.names(segment, l),
        };
        let words = (x + 3, y + 15, fit(&words, width - 4));
        let (bars, texts) = match held {
            Held::Gap => (&mut self.gaps, &mut self.warnings),
            Held::Somebody | Held::Free => (&mut self.held, &mut self.texts),
        };
        bars.push_str(&bar);
        texts.push(words);
    }
}

/// A rectangle of a path.
fn rect(x: i32, y: i32, width: i32, height: i32) -> String {
    format!("M{x} {y}h{width}v{height}h-{width}z")
}

/// Where a moment of a week stands.
fn x_of(days: &[Day], at: Timestamp) -> i32 {
    for (place, day) in (0..).zip(days) {
        if at < day.to {
            return x_in(day, LEFT + DAY * place, at);
        }
    }
    LEFT + DAY * i32::try_from(days.len()).unwrap_or(7)
}

/// Where a moment of a day stands that begins at `x`.
fn x_in(day: &Day, x: i32, at: Timestamp) -> i32 {
    let long = day.to.duration_since(day.from).as_secs().max(1);
    let since = at.duration_since(day.from).as_secs().clamp(0, long);
    x + i32::try_from(i64::from(DAY) * since / long).unwrap_or_default()
}

/// As much of the words as has room: a letter of Chinese is 12 wide, others 7.
fn fit(words: &str, room: i32) -> String {
    let wide = |letter: char| if letter.is_ascii() { 7 } else { 12 };
    let mut used = 0;
    let kept: String = words
        .chars()
        .take_while(|letter| {
            used += wide(*letter);
            used <= room
        })
        .collect();
    kept.trim_end().to_owned()
}

/// What somebody who cannot see the drawing is told: each post of a day, hour by hour.
pub(super) fn told(
    roster: &Roster,
    day: &Day,
    (first, count): (usize, usize),
    l: Lang,
) -> Vec<Told> {
    let local = roster.local();
    let of_post = |post: &super::Post| {
        let parts = post.segments.iter().filter(|one| one.from < day.to && day.from < one.to);
        let part = |segment: &Segment| part(roster, &local, (day, segment), l);
        Told { post: post.name.clone(), parts: parts.filter_map(part).collect() }
    };
    let posts = roster.posts.iter().skip(first).take(count);
    posts.map(of_post).filter(|told| !told.parts.is_empty()).collect()
}

/// A post on one day.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) post: String,
    pub(super) parts: Vec<Part>,
}

/// A stretch of one day.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) hours: String,
    pub(super) names: String,
    pub(super) is_gap: bool,
}

fn part(roster: &Roster, local: &Local, (day, segment): (&Day, &Segment), l: Lang) -> Option<Part> {
    let held = segment.held();
    let (from, to) = (segment.from.max(day.from), segment.to.min(day.to));
    let hours = if (from, to) == (day.from, day.to) {
        l.t("全天", "all day").to_owned()
    } else {
        let end = if to == day.to { "24:00".to_owned() } else { local.time(to) };
        format!("{}–{end}", local.time(from))
    };
    let names = roster.names(segment, l);
    (held != Held::Free).then_some(Part { hours, names, is_gap: held == Held::Gap })
}
