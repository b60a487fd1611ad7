//! Which records speak of the same person: probabilistic record linkage after Fellegi and Sunter (1969), driven by a model
//! file, with comparison levels made for Vietnamese data.
//!
//! Pure: no clock, no I/O, no randomness, no hash-map iteration. The walk of a table:
//! [`Model`] → [`Table`] (each value read once into compact keys) → [`Blocks`] (which pairs are compared) → [`judge`] (weight,
//! guards, margin, band) → [`cluster`]. [`learn`] estimates the weights: u from random pairs, m by expectation maximisation for
//! each blocking rule (Winkler 2000; Linacre et al., Splink, 2022).
//!
//! Invariants kept here and proven by this crate's tests:
//! - the outcome is a function of the *set* of records: the order in which they come cannot matter;
//! - no cluster holds two records that a decision or the twin guard keeps apart;
//! - a number alone never links: the rest of the evidence must not speak against it;
//! - what a bound leaves out is reported.

mod act_key;
mod block;
mod cluster;
mod code_key;
mod column;
mod date_key;
mod decided;
mod estimate;
mod explain;
mod frequency;
mod intern;
mod judge;
mod kind;
#[cfg(test)]
mod laws;
mod learn;
mod margin;
mod model;
mod model_file;
mod name_key;
mod number_key;
mod numeric;
mod patterns;
mod place;
mod score;
mod table;
mod text_key;
mod truth;
mod twins;
mod write;

pub use block::{BlockKey, Blocks, OverBound};
pub use cluster::{Clusters, cluster};
pub use decided::{Decided, DecidedError, Verdict};
pub use explain::{Step, Waterfall, band_of, explain, rules_between};
pub use judge::{Band, Candidate, Judged, Reason, candidates, judge};
pub use kind::{Kind, Test};
pub use learn::{LearnError, Learned, learn};
pub use model::{Model, ModelError, ModelFault};
pub use model_file::{Bands, ModelFile, Odds, Weights};
pub use place::{Known, Placing, place};
pub use score::Scorer;
pub use table::{Table, TableBuilder, TableError};
pub use truth::{Agreement, agreement};
pub use write::write_model;
