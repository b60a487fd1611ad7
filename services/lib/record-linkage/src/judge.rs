//! From weights to bands: the guards, then the margin.

use crate::block::Blocks;
use crate::decided::{Decided, Verdict};
use crate::margin::without_margin;
use crate::score::{Scorer, probability};
use crate::twins::Twins;

/// What becomes of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Band {
    /// One person.
    Link,
    /// A human looks.
    Review,
    /// Two persons.
    Separate,
}

impl Band {
    /// The name used in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Review => "review",
            Self::Separate => "separate",
        }
    }
}

/// Why a pair is in its band.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Its weight.
    Weight,
    /// A number agrees and nothing else speaks for it.
    NumberAlone,
    /// They may be twins.
    Twins,
    /// A decision keeps them apart.
    Decided,
    /// Another record is nearly as good, and is somebody else.
    Margin,
    /// It would join records that are kept apart.
    Conflict,
    /// It would make a cluster of more records than any person has.
    Crowded,
}

impl Reason {
    /// The name used in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Weight => "weight",
            Self::NumberAlone => "number_alone",
            Self::Twins => "twins",
            Self::Decided => "decided",
            Self::Margin => "margin",
            Self::Conflict => "conflict",
            Self::Crowded => "crowded",
        }
    }
}

/// A pair that weighs enough to be looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The smaller record.
    pub left: u32,
    /// The larger one.
    pub right: u32,
    /// Weight in bits.
    pub weight: f64,
}

/// A pair with its band.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// The smaller record.
    pub left: u32,
    /// The larger one.
    pub right: u32,
    /// Weight in bits.
    pub weight: f64,
    /// Probability of one person.
    pub probability: f64,
    /// Its band.
    pub band: Band,
    /// Why.
    pub reason: Reason,
}

/// Compares all pairs of the blocks; keeps those that are listed or looked at. Answers with how many were compared.
pub fn candidates(blocks: &Blocks, scorer: &mut Scorer<'_>) -> (Vec<Candidate>, u64) {
    let bands = scorer.model().bands();
    let least = bands.list.unwrap_or(bands.review).min(bands.review);
    let (mut kept, mut compared) = (Vec::new(), 0);
    blocks.each_pair(|left, right| {
        compared += 1;
        let weight = scorer.weight(left, right);
        if weight >= least {
            kept.push(Candidate { left, right, weight });
        }
    });
    kept.sort_unstable_by_key(|pair| (pair.left, pair.right));
    (kept, compared)
}

/// Puts each pair into its band.
pub fn judge(candidates: &[Candidate], scorer: &mut Scorer<'_>, decided: &Decided) -> Vec<Judged> {
    let mut judged: Vec<Judged> = candidates.iter().map(|pair| alone(pair, scorer, decided)).collect();
    for place in without_margin(&judged, scorer, decided) {
        if let Some(pair) = judged.get_mut(place) {
            (pair.band, pair.reason) = (Band::Review, Reason::Margin);
        }
    }
    judged
}

/// What a pair is by itself.
pub(crate) fn alone(pair: &Candidate, scorer: &mut Scorer<'_>, decided: &Decided) -> Judged {
    let Candidate { left, right, weight } = *pair;
    let bands = scorer.model().bands();
    let by_weight = if weight >= bands.link {
        Band::Link
    } else if weight >= bands.review {
        Band::Review
    } else {
        Band::Separate
    };
    let capped = by_weight.max(Band::Review);
    let (band, reason) = if decided.verdict(left, right).is_some() {
        (Band::Separate, Reason::Decided)
    } else if twins(scorer, left, right) != Twins::No {
        (capped, Reason::Twins)
    } else if by_weight == Band::Link && number_alone(scorer, left, right) {
        (Band::Review, Reason::NumberAlone)
    } else {
        (by_weight, Reason::Weight)
    };
    Judged { left, right, weight, probability: probability(weight), band, reason }
}

/// A number agrees and the rest does not speak for one person.
fn number_alone(scorer: &mut Scorer<'_>, left: u32, right: u32) -> bool {
    let parts = scorer.parts(left, right);
    parts.alone > 0.0 && parts.rest <= 0.0
}

pub(crate) fn twins(scorer: &Scorer<'_>, left: u32, right: u32) -> Twins {
    let columns = scorer.model().twins.as_ref();
    columns.map_or(Twins::No, |columns| columns.judge(scorer.table(), left, right))
}

/// Whether two records must never be in one cluster.
pub(crate) fn kept_apart(scorer: &Scorer<'_>, decided: &Decided, left: u32, right: u32) -> bool {
    let verdict = decided.verdict(left, right);
    matches!(verdict, Some(Verdict::Different | Verdict::Twins))
        || twins(scorer, left, right) == Twins::Likely
}
