//! Rule 4 (design §3): which person a source key belongs to that nothing but evidence speaks for.
//!
//! One instance, the holder of a lease, does it all. What changed waits in `match_pending`; a step gives these records their
//! place in the blocks ([`index`]) and lets every source key that a block touched brings near be decided anew ([`decide`]).
//! A decision reads records and where they belong *without* rule 4, and the links of lesser source keys: so it comes to the
//! same whatever came first, and ends. A link is recorded with its evidence, and its records are attached anew with it, in
//! one transaction ([`settle`]). In the first load all of this comes before anybody has an id.

mod changed;
mod compared;
mod decide;
mod evidence;
mod index;
mod model;
mod settle;
pub(crate) mod task;

pub(crate) use changed::note_changes;
pub use model::MatchModel;

use crate::apply::Summary;
use crate::reconciler::Reconciler;
use registry_store::{
    LoadStage, MatchPhase, StoreError, again_all, begin_attaching, begin_matching, match_state,
    move_matching, try_lease,
};

/// The lease of whoever matches.
pub(crate) const LEASE: &str = "matcher";
/// How long it lasts without being renewed: longer than any step.
const LEASE_SECONDS: i32 = 30;

/// What a step of the matcher did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matched {
    /// Somebody else matches here, or nobody may yet: nothing was done.
    pub stands_by: bool,
    /// Records that got or changed their place in the blocks.
    pub records: usize,
    /// Source keys whose link was decided.
    pub decided: usize,
    /// Links recorded.
    pub linked: usize,
    /// Links ended without another one in their place.
    pub unlinked: usize,
    /// Pairs that wait for a human from now on.
    pub reviews: usize,
    /// Blocks that came over their bound.
    pub over_bound: usize,
    /// There was something to do, and there may be more.
    pub worked: bool,
}

impl Reconciler {
    /// Does a step of matching, if `holder` has or gets the lease; one transaction. Without a model there is nothing to do.
    ///
    /// # Errors
    /// Of the database; [`StoreError::is_contention`] means: again from the beginning.
    pub async fn match_step(&self, holder: &str, summary: &mut Summary) -> Result<Matched, StoreError> {
        let Some(model) = self.settings.matching.clone() else {
            return Ok(Matched { stands_by: true, ..Matched::default() });
        };
        let mut transaction = begin_attaching(&self.pool).await?;
        let now = self.now(&mut transaction).await?;
        let mut matched = Matched::default();
        let is_time = matches!(now.stage, LoadStage::Match | LoadStage::Live);
        if !is_time || !try_lease(&mut transaction, LEASE, holder, LEASE_SECONDS).await? {
            matched.stands_by = true;
            return Ok(matched);
        }
        match match_state(&mut transaction, model.version()).await? {
            MatchPhase::New => {
                begin_matching(&mut transaction, model.version()).await?;
                matched.worked = true;
            }
            MatchPhase::Keys(after) => {
                let next =
                    index::page(&mut transaction, &self.settings, &model, &after, &mut matched).await?;
                if next == MatchPhase::Live {
                    again_all(&mut transaction).await?;
                }
                move_matching(&mut transaction, &next).await?;
                matched.worked = true;
            }
            MatchPhase::Live => {
                index::pending(&mut transaction, &self.settings, &model, &mut matched).await?;
                self.decide_again(&mut transaction, &now, &model, (&mut matched, summary)).await?;
            }
        }
        service_runtime::crash_point!("match.before-commit");
        transaction.commit().await?;
        Ok(matched)
    }
}
