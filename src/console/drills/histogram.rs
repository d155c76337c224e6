//! How many households took how long to a step of a drill: a chart of bars for each step, and all of it as a table.

use crate::lang::Lang;
use crate::reports::duration;
use serde::Deserialize;

/// Width of a span and height of the highest bar, in units of the drawing.
const SPAN: u64 = 40;
const HIGH: u64 = 100;
/// Where bars stand: above them is place for a count, below for the words of the span.
const GROUND: u64 = 118;

/// How many households took how long to a step.
#[derive(Deserialize)]
pub(super) struct Times {
    step: String,
    homes: u64,
    p50: Option<u64>,
    p99: Option<u64>,
    spans: Vec<Span>,
}

/// A span of time, from where the one before ends.
#[derive(Deserialize)]
struct Span {
    until_ms: Option<u64>,
    homes: u64,
}

/// A drawing.
pub(super) struct Chart {
    pub(super) title: &'static str,
    /// Half and nearly all, in words.
    pub(super) spread: String,
    /// What it shows, for those who hear it read.
    pub(super) words: String,
    pub(super) width: u64,
    pub(super) bars: Vec<Bar>,
}

/// A bar and what stands above and below it.
pub(super) struct Bar {
    /// Its left side and its middle.
    pub(super) x: u64,
    pub(super) middle: u64,
    pub(super) y: u64,
    pub(super) height: u64,
    pub(super) homes: u64,
    pub(super) span: String,
}

fn step(name: &str, l: Lang) -> &'static str {
    match name {
        "last_leg" => l.t("最后一路呼出", "Last call on the wire"),
        "first_ring" => l.t("首次响铃", "First ring"),
        "first_key" => l.t("首次按键", "First key"),
        "coming" => l.t("表示前往", "Coming"),
        "arrived" => l.t("已到场", "Arrived"),
        _ => l.t("其他", "Other"),
    }
}

/// A whole time in short, such as `5 s` or `2 min`.
fn short(ms: u64, l: Lang) -> String {
    match ms / 1000 {
        seconds @ 0..60 => format!("{seconds} {}", l.t("秒", "s")),
        seconds => format!("{} {}", seconds / 60, l.t("分", "min")),
    }
}

/// The words of each span: its end, and of the last one where it begins.
fn spans(times: &Times, l: Lang) -> Vec<String> {
    let last = times.spans.iter().filter_map(|span| span.until_ms).next_back();
    let words = |span: &Span| match (span.until_ms, last) {
        (Some(end), _) => format!("≤{}", short(end, l)),
        (None, Some(last)) => format!(">{}", short(last, l)),
        (None, None) => String::new(),
    };
    times.spans.iter().map(words).collect()
}

impl Chart {
    /// The chart of a step; none of what no household did.
    pub(super) fn of(times: &Times, l: Lang) -> Option<Self> {
        let most = times.spans.iter().map(|span| span.homes).max().filter(|most| *most > 0)?;
        let mut x = 0;
        let bar = |(span, words): (&Span, String)| {
            let height = u128::from(span.homes) * u128::from(HIGH) / u128::from(most);
            let height = u64::try_from(height).unwrap_or(HIGH);
            // What is there is seen.
            let height = if span.homes == 0 { 0 } else { height.max(2) };
            let at = x;
            x += SPAN;
            Bar {
                x: at + 4,
                middle: at + SPAN / 2,
                y: GROUND - height,
                height,
                homes: span.homes,
                span: words,
            }
        };
        let bars: Vec<Bar> = times.spans.iter().zip(spans(times, l)).map(bar).collect();
        let title = step(&times.step, l);
        let spread = match (times.p50, times.p99, l) {
            (Some(half), Some(most), Lang::Chinese) => {
                format!(
                    "{} 户；一半在 {} 内，99% 在 {} 内",
                    times.homes,
                    duration(half, l),
                    duration(most, l)
                )
            }
            (Some(half), Some(most), Lang::English) => format!(
                "{} households; half within {}, 99% within {}",
                times.homes,
                duration(half, l),
                duration(most, l)
            ),
            (_, _, Lang::Chinese) => format!("{} 户", times.homes),
            (_, _, Lang::English) => format!("{} households", times.homes),
        };
        let told = times.spans.iter().filter(|span| span.homes > 0);
        let told = told.map(|span| match (span.until_ms, l) {
            (Some(end), Lang::Chinese) => format!("{}内 {} 户", duration(end, l), span.homes),
            (Some(end), Lang::English) => format!("{} within {}", span.homes, short(end, l)),
            (None, Lang::Chinese) => format!("更久 {} 户", span.homes),
            (None, Lang::English) => format!("{} later", span.homes),
        });
        let told = told.collect::<Vec<_>>().join(l.t("，", ", "));
        let words = format!("{title}{}{told}", l.t("：", ": "));
        Some(Self { title, spread, words, width: x, bars })
    }
}

/// The figures of all charts.
pub(super) struct Table {
    /// The words of each step.
    pub(super) steps: Vec<&'static str>,
    /// The words of a span, and for each step its words and its households.
    pub(super) rows: Vec<(String, Vec<(&'static str, u64)>)>,
}

impl Table {
    pub(super) fn of(times: &[Times], l: Lang) -> Self {
        let words = times.first().map(|first| spans(first, l)).unwrap_or_default();
        let row = |(at, words): (usize, String)| {
            let cell = |times: &Times| {
                (step(&times.step, l), times.spans.get(at).map_or(0, |span| span.homes))
            };
            (words, times.iter().map(cell).collect())
        };
        let steps = times.iter().map(|times| step(&times.step, l)).collect();
        Self { steps, rows: words.into_iter().enumerate().map(row).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn times(homes: &[u64]) -> Times {
        let ends = (1..homes.len() as u64).map(|second| Some(second * 1000)).chain([None]);
        let spans = ends.zip(homes).map(|(until_ms, homes)| Span { until_ms, homes: *homes });
        Times { step: "coming".to_owned(), homes: 1, p50: None, p99: None, spans: spans.collect() }
    }

    proptest! {
        #[test]
        fn every_bar_stays_in_the_drawing(homes in prop::collection::vec(any::<u64>(), 0..12)) {
            let Some(chart) = Chart::of(&times(&homes), Lang::English) else {
                prop_assert!(homes.iter().all(|homes| *homes == 0));
                return Ok(());
            };
            for (bar, homes) in chart.bars.iter().zip(&homes) {
                prop_assert_eq!(bar.y + bar.height, GROUND);
                prop_assert!(bar.height <= HIGH && (bar.height > 0) == (*homes > 0));
                prop_assert!(bar.middle < chart.width);
            }
        }
    }
}
