//! Divides the rows of chapters among parts that have room for so many bytes. Pure.

use std::ops::Range;

/// Rows of one chapter that stand in one part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// The chapter, from 0.
    pub(super) chapter: usize,
    /// Its rows; none when the chapter has none.
    pub(super) rows: Range<usize>,
}

/// Divides rows of these sizes: each stands in one part, in order, and a part is full when the next row finds no room.
/// A row that is larger than the room has a part of its own. There is one part at least.
pub(super) fn divide(chapters: &[Vec<usize>], room: usize) -> Vec<Vec<Span>> {
    let (mut parts, mut part, mut used) = (Vec::new(), Vec::<Span>::new(), 0);
    for (chapter, sizes) in chapters.iter().enumerate() {
        if sizes.is_empty() {
            part.push(Span { chapter, rows: 0..0 });
        }
        for (row, size) in sizes.iter().enumerate() {
            if 0 < used && room < used + size {
                parts.push(std::mem::take(&mut part));
                used = 0;
            }
            used += size;
            match part.last_mut() {
                Some(span) if span.chapter == chapter => span.rows.end = row + 1,
                Some(_) | None => part.push(Span { chapter, rows: row..row + 1 }),
            }
        }
    }
    parts.push(part);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(chapters: &[&[usize]], wanted: &[&[(usize, Range<usize>)]]) {
        let chapters: Vec<Vec<usize>> = chapters.iter().map(|sizes| sizes.to_vec()).collect();
        let divided = divide(&chapters, 10);
        let found: Vec<Vec<_>> = divided
            .iter()
            .map(|part| part.iter().map(|span| (span.chapter, span.rows.clone())).collect())
            .collect();
        assert_eq!(found, wanted, "{chapters:?}");
    }

    #[test]
    fn a_part_is_full_when_the_next_row_finds_no_room() {
        check(&[], &[&[]]);
        check(&[&[]], &[&[(0, 0..0)]]);
        check(&[&[4, 6], &[]], &[&[(0, 0..2), (1, 0..0)]]);
        check(&[&[4, 7], &[3, 1]], &[&[(0, 0..1)], &[(0, 1..2), (1, 0..1)], &[(1, 1..2)]]);
        check(&[&[1], &[], &[10]], &[&[(0, 0..1), (1, 0..0)], &[(2, 0..1)]]);
        check(&[&[2, 99, 2]], &[&[(0, 0..1)], &[(0, 1..2)], &[(0, 2..3)]]);
    }

    proptest! {
        #[test]
        fn every_row_stands_in_one_part_and_in_order(
            chapters in prop::collection::vec(prop::collection::vec(1_usize..120, 0..40), 0..8),
        ) {
            let parts = divide(&chapters, 100);
            let size = |span: &Span| chapters[span.chapter][span.rows.clone()].iter().sum::<usize>();
            for part in &parts {
                let rows: usize = part.iter().map(|span| span.rows.len()).sum();
                prop_assert!(part.iter().map(size).sum::<usize>() <= 100 || rows == 1, "{part:?}");
            }
            let rows = |span: &Span| span.rows.clone().map(|row| (span.chapter, row)).collect::<Vec<_>>();
            let found: Vec<_> = parts.iter().flatten().flat_map(rows).collect();
            let all = |(chapter, sizes): (usize, &Vec<usize>)| (0..sizes.len()).map(move |row| (chapter, row));
            let wanted: Vec<_> = chapters.iter().enumerate().flat_map(all).collect();
            prop_assert_eq!(found, wanted);
            let named = parts.iter().flatten().map(|span| span.chapter).collect::<std::collections::BTreeSet<_>>();
            prop_assert_eq!(named.len(), chapters.len());
        }
    }
}
