//! To whom an unplaced person's records belong: one person against several, each known by some records.
//!
//! Where numbers have said already which records are one person's, persons are compared, not records: two that stand under
//! different numbers are two, however alike, and a link must be better than the best other person by the margin. What comes
//! out is a function of the records given, not of their order, nor of what was linked before.

use crate::decided::Decided;
use crate::judge::{Band, Candidate, Reason, alone, kept_apart, twins};
use crate::score::{Scorer, probability};
use crate::twins::Twins;

/// A person known by records.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The records, by number in the table.
    pub records: Vec<u32>,
    /// Stands under a number or a decision: two such persons are never one.
    pub settled: bool,
    /// Holds a record that a person has once only, as the notice of the own birth.
    pub once: bool,
    /// A decision keeps this person apart from the one to be placed.
    pub apart: bool,
}

/// What speaks for one of the persons.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placing {
    /// Which person, by place in the list.
    pub person: usize,
    /// The pair of records that speaks most: the one to be placed, and the person's.
    pub pair: (u32, u32),
    /// Its weight in bits.
    pub weight: f64,
    /// Probability of one person.
    pub probability: f64,
    /// Bits above the best other person; none where there is no other.
    pub margin: Option<f64>,
    /// The band.
    pub band: Band,
    /// Why.
    pub reason: Reason,
}

/// Weighs a person to be placed against all others; those in the band `separate` by weight are left out. The best comes first.
pub fn place(scorer: &mut Scorer<'_>, own: &Known, persons: &[Known]) -> Vec<Placing> {
    let decided = Decided::default();
    let bands = scorer.model().bands();
    let mut found = Vec::new();
    for (number, person) in persons.iter().enumerate() {
        let Some(best) = best(scorer, own, person) else { continue };
        if best.weight < bands.review {
            continue;
        }
        let (left, right) = (best.left.min(best.right), best.left.max(best.right));
        let judged = alone(&Candidate { left, right, weight: best.weight }, scorer, &decided);
        let (band, reason) = if person.apart {
            (Band::Separate, Reason::Decided)
        } else if judged.reason != Reason::Twins && never(scorer, &decided, own, person) {
            (judged.band.max(Band::Review), Reason::Twins)
        } else {
            (judged.band, judged.reason)
        };
        found.push(Placing {
            person: number,
            pair: (best.left, best.right),
            weight: best.weight,
            probability: probability(best.weight),
            margin: None,
            band,
            reason,
        });
    }
    found.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.person.cmp(&b.person)));
    with_margins(scorer, own, persons, &mut found);
    found
}

/// Whether two persons are two whatever the score.
fn never(scorer: &Scorer<'_>, decided: &Decided, one: &Known, other: &Known) -> bool {
    one.once && other.once
        || one.records.iter().any(|a| other.records.iter().any(|b| kept_apart(scorer, decided, *a, *b)))
}

/// The pair of records that speaks most for one person; among equals the first.
fn best(scorer: &mut Scorer<'_>, one: &Known, other: &Known) -> Option<Candidate> {
    let mut best: Option<Candidate> = None;
    for left in &one.records {
        for right in &other.records {
            let weight = scorer.weight((*left).min(*right), (*left).max(*right));
            if best.is_none_or(|best| weight > best.weight) {
                best = Some(Candidate { left: *left, right: *right, weight });
            }
        }
    }
    best
}

fn with_margins(scorer: &mut Scorer<'_>, own: &Known, persons: &[Known], found: &mut [Placing]) {
    let least = scorer.model().bands().margin;
    let beside: Vec<(usize, f64)> = found
        .iter()
        .filter(|other| other.reason != Reason::Decided)
        // Nobody is a rival who cannot be the one to be placed.
        .filter(|other| !(own.once && persons.get(other.person).is_some_and(|person| person.once)))
        .map(|other| (other.person, other.weight))
        .collect();
    for placing in found.iter_mut().filter(|placing| placing.band != Band::Separate) {
        let Some(person) = persons.get(placing.person) else { continue };
        let mut rival: Option<f64> = None;
        for (number, weight) in beside.iter().filter(|(number, _)| *number != placing.person) {
            let other = persons.get(*number);
            if rival.is_none_or(|rival| *weight > rival)
                && other.is_some_and(|other| somebody_else(scorer, person, other))
            {
                rival = Some(*weight);
            }
        }
        if placing.band == Band::Link {
            rival = at_their_side(scorer, (own, person), persons, placing.weight - least)
                .into_iter()
                .chain(rival)
                .max_by(f64::total_cmp);
        }
        placing.margin = rival.map(|rival| placing.weight - rival);
        if placing.band == Band::Link && placing.margin.is_some_and(|margin| margin < least) {
            (placing.band, placing.reason) = (Band::Review, Reason::Margin);
        }
    }
}

/// The best weight, above `least`, that another unplaced person has with `person` who is not the one to be placed.
fn at_their_side(
    scorer: &mut Scorer<'_>,
    (own, person): (&Known, &Known),
    persons: &[Known],
    least: f64,
) -> Option<f64> {
    let mut rival = None;
    for other in persons.iter().filter(|other| !other.settled && !std::ptr::eq(*other, person)) {
        let Some(theirs) = best(scorer, other, person) else { continue };
        let near = theirs.weight > least && theirs.weight >= scorer.model().bands().review;
        if near && rival.is_none_or(|rival| theirs.weight > rival) && somebody_else(scorer, own, other) {
            rival = Some(theirs.weight);
        }
    }
    rival
}

/// Whether two persons are rivals for a record: not one person by what is known of them.
fn somebody_else(scorer: &mut Scorer<'_>, one: &Known, other: &Known) -> bool {
    if one.settled && other.settled || one.once && other.once {
        return true;
    }
    let Some(pair) = best(scorer, one, other) else { return true };
    let review = scorer.model().bands().review;
    pair.weight < review || twins(scorer, pair.left.min(pair.right), pair.left.max(pair.right)) != Twins::No
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::{PLAIN, model};
    use crate::{Model, Table, TableBuilder};

    /// Columns in the model's order: act, born, mother, name, number.
    fn table(model: &Model, rows: &[(&str, [&str; 5])]) -> Table {
        let mut builder = TableBuilder::new(model);
        for (id, values) in rows {
            builder.push(id, values.iter().copied());
        }
        builder.finish().unwrap()
    }

    fn settled(record: u32) -> Known {
        Known { records: vec![record], settled: true, ..Known::default() }
    }

    fn one(record: u32) -> Known {
        Known { records: vec![record], ..Known::default() }
    }

    #[test]
    fn the_right_person_is_found_and_namesakes_of_that_day_are_rivals() {
        let model = model(PLAIN).unwrap();
        let na = ["", "2012-06-07", "Trần Thị Mơ", "Lê Thị Na", ""];
        let table = table(
            &model,
            &[("a", na), ("b", na), ("c", ["", "1960-01-01", "", "Phạm Khánh", ""]), ("d", na)],
        );
        let mut scorer = Scorer::new(&table, &model).unwrap();
        let found = place(&mut scorer, &one(0), &[settled(1), settled(2)]);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].person, found[0].band, found[0].margin), (0, Band::Link, None));
        let found = place(&mut scorer, &one(0), &[settled(1), settled(3)]);
        let bands: Vec<_> = found.iter().map(|p| (p.band, p.reason, p.margin)).collect();
        assert_eq!(bands, vec![(Band::Review, Reason::Margin, Some(0.0)); 2]);
        // Not yet known by numbers, two such records are one person's, and no rivals.
        let found = place(&mut scorer, &one(0), &[settled(1), one(3)]);
        assert!(found.iter().all(|placing| placing.band == Band::Link), "{found:?}");
    }

    #[test]
    fn twins_are_never_linked_and_what_nobody_has_twice_parts() {
        let model = model(PLAIN).unwrap();
        let table = table(
            &model,
            &[
                ("a", ["", "2012-06-07", "Trần Thị Mơ", "Lê Thị Na", ""]),
                ("b", ["", "2012-06-07", "Trần Thị Mơ", "Lê Văn Bình", ""]),
                ("c", ["", "2012-06-07", "Trần Thị Mơ", "", ""]),
                ("d", ["", "2012-06-07", "Trần Thị Mơ", "", ""]),
            ],
        );
        let mut scorer = Scorer::new(&table, &model).unwrap();
        let found = place(&mut scorer, &one(0), &[settled(1)]);
        assert!(found.iter().all(|p| p.band != Band::Link && p.reason == Reason::Twins), "{found:?}");
        // A notice without a name speaks for both twins.
        let found = place(&mut scorer, &one(2), &[settled(0), settled(1)]);
        assert!(found.len() == 2 && found.iter().all(|p| p.band == Band::Review), "{found:?}");
        // Two notices of one day and mother are of two births.
        let notice = |record| Known { once: true, ..one(record) };
        let found = place(&mut scorer, &notice(2), &[settled(0), notice(3)]);
        assert!(found.iter().all(|p| p.band != Band::Link), "{found:?}");
    }

    #[test]
    fn a_decision_stands_over_the_score_and_its_person_is_no_rival() {
        let model = model(PLAIN).unwrap();
        let na = ["", "2012-06-07", "Trần Thị Mơ", "Lê Thị Na", ""];
        let table = table(&model, &[("a", na), ("b", na), ("c", na)]);
        let mut scorer = Scorer::new(&table, &model).unwrap();
        let apart = Known { apart: true, ..settled(1) };
        let found = place(&mut scorer, &one(0), &[apart, settled(2)]);
        let of = |person| found.iter().find(|p| p.person == person).map(|p| (p.band, p.reason));
        assert_eq!(of(0), Some((Band::Separate, Reason::Decided)));
        assert_eq!(of(1), Some((Band::Link, Reason::Weight)));
    }
}
