//! The margin rule: a link stands only if it is better than the best other one by so many bits.
//!
//! A rival is a third record that would do nearly as well for one side and is somebody else than the other side. Who is
//! whose rival follows from weights of pairs alone, never from what was linked before: the order of arrival cannot matter.

use crate::decided::Decided;
use crate::judge::{Band, Judged, twins};
use crate::score::Scorer;
use crate::twins::Twins;
use std::collections::BTreeMap;

/// The places of links that are not better than a rival by the margin.
pub(crate) fn without_margin(judged: &[Judged], scorer: &mut Scorer<'_>, decided: &Decided) -> Vec<usize> {
    let bands = scorer.model().bands();
    let mut beside: BTreeMap<u32, Vec<(u32, f64)>> = BTreeMap::new();
    for pair in judged.iter().filter(|pair| pair.weight >= bands.review) {
        // Whom a decision has set apart is nobody's rival any more.
        if decided.verdict(pair.left, pair.right).is_none() {
            beside.entry(pair.left).or_default().push((pair.right, pair.weight));
            beside.entry(pair.right).or_default().push((pair.left, pair.weight));
        }
    }
    let mut without = Vec::new();
    for (place, pair) in judged.iter().enumerate().filter(|(_, pair)| pair.band == Band::Link) {
        let sides = [(pair.left, pair.right), (pair.right, pair.left)];
        let has_rival = sides.into_iter().any(|(one, other)| {
            let near = beside.get(&one).map_or(&[][..], Vec::as_slice).iter();
            near.filter(|(third, weight)| *third != other && *weight > pair.weight - bands.margin)
                .any(|(third, _)| somebody_else(scorer, decided, *third, other))
        });
        if has_rival {
            without.push(place);
        }
    }
    without
}

fn somebody_else(scorer: &mut Scorer<'_>, decided: &Decided, left: u32, right: u32) -> bool {
    let (left, right) = (left.min(right), left.max(right));
    decided.verdict(left, right).is_some()
        || twins(scorer, left, right) != Twins::No
        || scorer.weight(left, right) < scorer.model().bands().review
}
