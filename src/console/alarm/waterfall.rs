//! The waterfall of an alarm: each call and message as a bar, to scale, in milliseconds. Twice: the first second, which
//! shows what the service is good for, and the first minutes, which show what people did.

use super::detail::{Delivery, Detail, since};
use crate::lang::Lang;

/// Ten telephones are dialled within this time after #9; the line in the first chart.
const PROMISE_MS: i64 = 100;
/// What the first chart shows.
const FIRST_MS: i64 = 1_000;
/// The longest that the second chart shows.
const WHOLE_MAX_MS: i64 = 600_000;
/// The shortest.
const WHOLE_MIN_MS: i64 = 10_000;
/// Bars of one chart.
const BARS_MAX: usize = 60;
/// Width of the names, of the scale, and height of a bar, in units of the drawing.
const LEFT: i64 = 210;
const WIDTH: i64 = 770;
const ROW: i64 = 18;
const TOP: i64 = 24;

/// A drawing.
pub(crate) struct Chart {
    pub(crate) title: &'static str,
    pub(crate) height: i64,
    pub(crate) ticks: Vec<Tick>,
    pub(crate) bars: Vec<Bar>,
    /// Where the promise stands, and its words.
    pub(crate) promise: Option<(i64, String)>,
    /// Bars that are left out.
    pub(crate) more: usize,
}

/// A line of the scale.
pub(crate) struct Tick {
    pub(crate) x: i64,
    pub(crate) words: String,
}

/// A call or message.
pub(crate) struct Bar {
    pub(crate) y: i64,
    pub(crate) name: String,
    /// All its times, for those who point at it or hear it read.
    pub(crate) words: String,
    pub(crate) parts: Vec<Part>,
    pub(crate) marks: Vec<Mark>,
    /// Where its words stand in the drawing, too.
    pub(crate) told: Option<i64>,
}

/// A stretch of a bar.
pub(crate) struct Part {
    pub(crate) x: i64,
    pub(crate) width: i64,
    pub(crate) class: &'static str,
}

/// A moment of a bar.
pub(crate) struct Mark {
    pub(crate) x: i64,
    pub(crate) class: &'static str,
    /// Its shape, from the middle of its upper edge.
    pub(crate) shape: &'static str,
}

/// Shapes of marks: the alarm was heard, it is written down, somebody pressed a key.
const HEARD: &str = "m-5 6.5a5 5 0 1 0 10 0a5 5 0 1 0-10 0z";
const COMMITTED: &str = "m-2 0h4v13h-4z";
const KEY: &str = "m-4 0h8l-4 13z";

impl Bar {
    pub(crate) fn text_y(&self) -> i64 {
        self.y + 11
    }
}

/// Both charts; none where nobody was called.
pub(crate) fn charts(detail: &Detail, l: Lang) -> Vec<Chart> {
    let deliveries = detail.deliveries.as_slice();
    if deliveries.is_empty() {
        return Vec::new();
    }
    let words = match l {
        Lang::Chinese => format!("承诺 {PROMISE_MS} 毫秒"),
        Lang::English => format!("promise {PROMISE_MS} ms"),
    };
    let heard_ms = detail.heard_ms.unwrap_or_default();
    let promise = Some((x(heard_ms + PROMISE_MS, FIRST_MS), words));
    let first: Vec<&Delivery> = deliveries.iter().filter(|one| one.ordered_ms < FIRST_MS).collect();
    let last = deliveries.iter().map(end_ms).max().unwrap_or_default();
    let whole = last.clamp(WHOLE_MIN_MS, WHOLE_MAX_MS);
    let all: Vec<&Delivery> = deliveries.iter().filter(|one| one.ordered_ms < whole).collect();
    let titles = (
        l.t("第一秒：听到、记录、拨出", "The first second: heard, written down, dialled"),
        l.t("响铃、接听、按键", "Ringing, answer, key"),
    );
    let charts = [(titles.0, first, FIRST_MS), (titles.1, all, whole)];
    let charts = charts.map(|(title, deliveries, scale)| {
        let rows = beginning(detail, scale, l).into_iter();
        let rows = rows.chain(deliveries.into_iter().map(|one| bar(one, scale, l)));
        chart(title, rows.collect(), scale)
    });
    let [first, whole] = charts;
    vec![Chart { promise, ..first }, whole]
}

/// The row of the alarm itself: when it was heard, and when that was written down; none where it was not measured.
fn beginning(detail: &Detail, scale: i64, l: Lang) -> Option<Bar> {
    let moments = [
        (detail.heard_ms, "f-red", HEARD, l.t("听到", "heard")),
        (detail.committed_ms, "f-blue", COMMITTED, l.t("已记录", "written down")),
    ];
    let known: Vec<_> = moments
        .into_iter()
        .filter_map(|(at, class, shape, words)| Some((at?, class, shape, words)))
        .collect();
    let words: Vec<String> =
        known.iter().map(|(at, .., words)| format!("{words} {}", since(*at))).collect();
    let mark = |(at, class, shape, _): &(i64, &'static str, &'static str, &str)| Mark {
        x: x(*at, scale),
        class,
        shape,
    };
    let marks: Vec<Mark> = known.iter().map(mark).collect();
    Some(Bar {
        y: 0,
        name: l.t("报警", "Alarm").to_owned(),
        words: words.join(l.t("，", ", ")),
        parts: Vec::new(),
        told: marks.iter().map(|mark| mark.x + 10).max(),
        marks,
    })
    .filter(|bar| !bar.marks.is_empty())
}

fn end_ms(one: &Delivery) -> i64 {
    let key = one.keys.iter().map(|key| key.at_ms).max();
    let times =
        [one.ended_ms, key, one.answered_ms, one.ringing_ms, one.accepted_ms, one.placed_ms];
    times.into_iter().flatten().max().unwrap_or(one.ordered_ms)
}

fn chart(title: &'static str, rows: Vec<Bar>, scale: i64) -> Chart {
    let more = rows.len().saturating_sub(BARS_MAX);
    let rows = (0..).zip(rows.into_iter().take(BARS_MAX));
    let bars: Vec<Bar> = rows.map(|(row, bar)| Bar { y: TOP + row * ROW, ..bar }).collect();
    let count = i64::try_from(bars.len()).unwrap_or_default();
    let step = step(scale);
    let ticks =
        (0..=scale / step).map(|tick| Tick { x: x(tick * step, scale), words: since(tick * step) });
    Chart {
        title,
        height: TOP + count * ROW + 4,
        ticks: ticks.collect(),
        bars,
        promise: None,
        more,
    }
}

/// A round step with five to ten lines.
fn step(scale: i64) -> i64 {
    let steps = [100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 60_000, 120_000];
    steps.into_iter().find(|step| scale / step <= 10).unwrap_or(120_000)
}

fn x(ms: i64, scale: i64) -> i64 {
    LEFT + ms.clamp(0, scale) * WIDTH / scale.max(1)
}

fn bar(one: &Delivery, scale: i64, l: Lang) -> Bar {
    let is_sms = one.channel == "sms";
    let channel = if is_sms { l.t("短信", "SMS") } else { l.t("电话", "Call") };
    let name = one.name.clone().unwrap_or_else(|| format!("#{}", one.party));
    let end = end_ms(one);
    let steps = [
        (Some(one.ordered_ms), "f-soft", l.t("安排", "ordered")),
        (one.placed_ms, "f-grey", l.t("拨出", "dialled")),
        (one.ringing_ms, "f-blue", l.t("响铃", "ringing")),
        (one.answered_ms, "f-amber", l.t("接听", "answered")),
        (one.accepted_ms, "f-blue", l.t("运营商受理", "taken by the carrier")),
    ];
    let known: Vec<(i64, &'static str, &str)> =
        steps.into_iter().filter_map(|(at, class, words)| Some((at?, class, words))).collect();
    let ends = known.iter().skip(1).map(|(at, _, _)| *at).chain([end]);
    let parts = known.iter().zip(ends).map(|((from, class, _), to)| {
        let (from, to) = (x(*from, scale), x(to.max(*from), scale));
        Part { x: from, width: (to - from).max(1), class }
    });
    let key = |at_ms: i64, answer: &str| Mark {
        x: x(at_ms, scale),
        class: if matches!(answer, "coming" | "arrived") { "f-green" } else { "f-red" },
        shape: KEY,
    };
    let keys = one.keys.iter().filter(|key| key.at_ms < scale);
    let marks = keys.clone().map(|one| key(one.at_ms, &one.answer)).collect();
    let mut words: Vec<String> =
        known.iter().map(|(at, _, words)| format!("{words} {}", since(*at))).collect();
    words.extend(one.keys.iter().map(|key| format!("{} {}", l.t("按键", "key"), since(key.at_ms))));
    words.extend(one.ended_ms.map(|at| format!("{} {}", l.t("结束", "over"), since(at))));
    Bar {
        y: 0,
        told: None,
        words: format!("{channel} {name}{}{}", l.t("：", ": "), words.join(l.t("，", ", "))),
        name: format!("{channel} {}", name.chars().take(14).collect::<String>()),
        parts: parts.collect(),
        marks,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(placed: i64, ringing: i64, key: i64) -> Delivery {
        Delivery {
            channel: "voice".into(),
            name: Some("302 李强".into()),
            placed_ms: Some(placed),
            ringing_ms: Some(ringing),
            answered_ms: Some(key - 500),
            keys: vec![super::super::detail::Key { at_ms: key, answer: "coming".into() }],
            ended_ms: Some(key + 500),
            ..Delivery::default()
        }
    }

    fn of(deliveries: Vec<Delivery>) -> Detail {
        Detail { deliveries, ..Detail::default() }
    }

    #[test]
    fn what_was_heard_and_written_down_is_marked_and_the_promise_counts_from_there() {
        let measured = Detail {
            heard_ms: Some(-20),
            committed_ms: Some(40),
            ..of(vec![call(50, 900, 9_500)])
        };
        let charts = charts(&measured, Lang::English);
        let [first, whole] = charts.as_slice() else { panic!("two charts") };
        assert_eq!(first.promise.as_ref().unwrap().0, LEFT + 80 * WIDTH / 1_000);
        let row = &first.bars[0];
        assert_eq!((row.y, row.words.as_str()), (TOP, "heard −20 ms, written down +40 ms"));
        let marks: Vec<_> = row.marks.iter().map(|mark| (mark.x, mark.shape)).collect();
        assert_eq!(marks, [(LEFT, HEARD), (LEFT + 40 * WIDTH / 1_000, COMMITTED)]);
        assert_eq!((first.bars[1].y, whole.bars.len()), (TOP + ROW, 2));
        let late = Detail { committed_ms: None, ..measured };
        let charts = super::charts(&late, Lang::Chinese);
        assert_eq!(charts[0].bars[0].words, "听到 −20 ms", "the disk was slower than the deadline");
    }

    #[test]
    fn bars_are_to_scale() {
        let charts = charts(&of(vec![call(10, 900, 9_500)]), Lang::English);
        let [first, whole] = charts.as_slice() else { panic!("two charts") };
        assert_eq!(first.promise.as_ref().unwrap().0, LEFT + WIDTH / 10);
        let xs: Vec<_> =
            whole.bars[0].parts.iter().map(|part| (part.x, part.width, part.class)).collect();
        // 10 s wide: 77 units a second.
        assert_eq!(
            xs,
            [
                (LEFT, 1, "f-soft"),
                (LEFT, 69, "f-grey"),
                (LEFT + 69, 624, "f-blue"),
                (LEFT + 693, 77, "f-amber"),
            ]
        );
        assert_eq!(
            (whole.bars[0].marks[0].x, whole.bars[0].marks[0].class),
            (LEFT + 731, "f-green")
        );
        assert_eq!(whole.ticks.len(), 11);
        assert_eq!(
            whole.bars[0].words,
            "Call 302 李强: ordered +0 ms, dialled +10 ms, ringing +900 ms, answered +9.0 s, key +9.5 s, over +10.0 s"
        );
    }

    #[test]
    fn an_alarm_of_hours_is_cut_and_says_what_is_left_out() {
        let mut late = call(5_000_000, 5_001_000, 5_002_000);
        late.ordered_ms = 4_999_000;
        let many: Vec<Delivery> = (0..70).map(|_| call(10, 900, 9_500)).chain([late]).collect();
        let charts = charts(&of(many), Lang::Chinese);
        assert_eq!((charts[1].bars.len(), charts[1].more), (60, 10));
        assert!(
            charts[1]
                .bars
                .iter()
                .all(|bar| bar.parts.iter().all(|part| part.x + part.width <= LEFT + WIDTH + 1))
        );
        assert!(super::charts(&Detail::default(), Lang::Chinese).is_empty());
    }
}
