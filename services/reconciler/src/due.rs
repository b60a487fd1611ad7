//! Whoever is due, merged anew: for a neighbour's news, for a day that has come, for other rules.

use crate::answer::put_answers;
use crate::apply::Summary;
use crate::commit::write_merged;
use crate::merge::{MergeRequest, merge};
use crate::reconciler::Reconciler;
use crate::reports::case_answers;
use registry_store::{LoadStage, StoreError, take_due, wait_briefly};
use std::collections::BTreeSet;

/// Persons of one transaction: enough to spread its cost, few enough to be repeated after a deadlock.
const CHUNK: i64 = 500;

impl Reconciler {
    /// Merges some of those who are due; answers how many. Zero: nobody is, or others have them.
    pub async fn merge_due(&self, summary: &mut Summary) -> Result<usize, StoreError> {
        let mut transaction = self.pool.begin().await?;
        let now = self.now(&mut transaction).await?;
        if now.stage != LoadStage::Live {
            return Ok(0);
        }
        // Whoever applies a batch holds keys and then waits for persons; here it is the other way round.
        wait_briefly(&mut transaction).await?;
        let persons = take_due(&mut transaction, now.date, CHUNK).await?;
        if persons.is_empty() {
            return Ok(0);
        }
        let count = persons.len();
        let request = MergeRequest { persons: persons.into_iter().collect(), ..MergeRequest::default() };
        let ground = self.ground(&now);
        let merged = merge(&mut transaction, &ground, &request).await?;
        write_merged(&mut transaction, &ground, &merged).await?;
        let told = case_answers(&merged, &BTreeSet::new());
        put_answers(&mut transaction, &self.settings.topics, &told).await?;
        transaction.commit().await?;
        summary.note(&merged);
        Ok(count)
    }
}
