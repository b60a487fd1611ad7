//! What a link or a question was found by, as it is kept: levels, weights, candidates, margin; never values.

use crate::matcher::MatchModel;
use record_linkage::{Placing, Scorer, explain};
use registry_store::MatchRecord;
use serde_json::{Value, json};

/// Candidates that are kept with a link: the best ones.
const KEPT: usize = 10;

/// Bits as people read them; and so that equal evidence has equal bytes.
fn bits(weight: f64) -> f64 {
    (weight * 10_000.0).round() / 10_000.0
}

/// One side of the pair that speaks most.
fn side(record: &MatchRecord) -> Value {
    let bytes = record.content_hash.iter();
    let hash = bytes.fold(String::new(), |hash, byte| format!("{hash}{byte:02x}"));
    json!({ "record_key": record.record_key, "content_hash": hash })
}

/// The evidence for one of those found: the waterfall of its best pair, and who else there was.
pub(super) fn evidence(
    scorer: &mut Scorer<'_>,
    model: &MatchModel,
    placing: &Placing,
    (own, other): (&MatchRecord, &MatchRecord),
    (found, places, compared): (&[Placing], &[&str], usize),
) -> Value {
    let waterfall = explain(scorer, placing.pair.0, placing.pair.1);
    let steps: Vec<Value> = waterfall
        .steps
        .iter()
        .map(|step| {
            json!({ "column": step.column, "level": step.level, "bits": bits(step.bits),
                "rarity": bits(step.rarity), "sum": bits(step.sum) })
        })
        .collect();
    let candidates: Vec<Value> = found
        .iter()
        .take(KEPT)
        .map(|one| {
            json!({ "anchor": places.get(one.person), "weight": bits(one.weight), "band": one.band.as_str(),
                "reason": one.reason.as_str() })
        })
        .collect();
    json!({
        "model": model.linkage().name(),
        "weights": model.version(),
        "pair": [side(own), side(other)],
        "prior": bits(waterfall.prior),
        "steps": steps,
        "weight": bits(placing.weight),
        "probability": placing.probability,
        "margin": placing.margin.map(bits),
        "candidates": candidates,
        "persons_compared": compared,
    })
}

/// The weight as it is kept.
pub(super) fn kept_weight(placing: &Placing) -> f64 {
    bits(placing.weight)
}
