//! Bars beside the figures of a table, drawn as SVG of a hundred units. What they show is told by the figures, too.

/// The width of a bar in units.
const WIDTH: u64 = 100;

/// Parts on top of each other: each begins where the one before it ends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stack {
    /// Where each part begins and how wide it is.
    pub(crate) parts: [(u64, u64); 3],
}

impl Stack {
    /// Of counts, where `most` is as wide as can be. What is there is seen: a part of one unit at least.
    pub(crate) fn of(counts: [u32; 3], most: u32) -> Self {
        let mut at = 0;
        let parts = counts.map(|count| {
            let wide = width(count.into(), most.into()).min(WIDTH - at.min(WIDTH));
            let part = (at, wide);
            at += wide;
            part
        });
        Self { parts }
    }
}

/// A time that half took, and a mark where nine of ten are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Bar {
    /// How wide it is.
    pub(crate) wide: u64,
    /// Where the mark is.
    pub(crate) mark: Option<u64>,
}

impl Bar {
    /// Of a median and the time of nine of ten, where `most` is as wide as can be.
    pub(crate) fn of((half, most_of): (Option<u64>, Option<u64>), most: u64) -> Self {
        let wide = half.map_or(0, |half| width(half, most));
        Self { wide, mark: most_of.map(|time| width(time, most).saturating_sub(1)) }
    }
}

fn width(part: u64, most: u64) -> u64 {
    let wide = u128::from(part) * u128::from(WIDTH) / u128::from(most.max(1));
    let wide = u64::try_from(wide).unwrap_or(WIDTH).min(WIDTH);
    if part == 0 { 0 } else { wide.max(1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bar_is_wider_than_its_place(counts: [u32; 3], most: u32, times: (Option<u64>, Option<u64>), slow: u64) {
            let Stack { parts } = Stack::of(counts, most);
            let [.., (at, wide)] = parts;
            prop_assert!(at + wide <= WIDTH);
            prop_assert!(parts.windows(2).all(|pair| pair[0].0 + pair[0].1 == pair[1].0));
            let bar = Bar::of(times, slow);
            prop_assert!(bar.wide <= WIDTH && bar.mark.is_none_or(|mark| mark < WIDTH));
        }
    }

    #[test]
    fn what_is_there_is_seen_and_nothing_else() {
        assert_eq!(Stack::of([1, 0, 0], 1000).parts[0], (0, 1));
        assert_eq!(Stack::of([0, 0, 0], 0).parts, [(0, 0); 3]);
        assert_eq!(Stack::of([5, 3, 2], 10).parts, [(0, 50), (50, 30), (80, 20)]);
        assert_eq!(Bar::of((None, None), 0), Bar { wide: 0, mark: None });
        assert_eq!(Bar::of((Some(50), Some(100)), 100), Bar { wide: 50, mark: Some(99) });
    }
}
