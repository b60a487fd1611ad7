//! What a lane sends in a pass: decided, passed by the guard, and marked under the lease before anything is sent.

use crate::agreements::InUse;
use crate::lane::{Lane, LaneError};
use crate::metrics::DeliveryOutcome;
use crate::outgoing::columns;
use crate::plan::{InForce, Plan, Turn, plan};
use crate::receiver::key_of;
use disclosure_store::{DeliveryKey, OpenDelivery, Standing, mark_attempted, park, permitted_fields};
use registry_rules::guard;
use std::sync::Arc;
use std::time::Duration;

/// A person whom the guard stopped waits for a human.
const GUARDED: Duration = Duration::from_hours(1);

/// What is to be sent now.
pub(crate) enum Marked {
    /// Another instance has the lane.
    Lost,
    Again,
    Turns(Vec<Turn>),
}

impl Lane {
    /// Decides what goes and marks it as attempted, under the lease, before anything is sent.
    pub(crate) async fn mark(
        &mut self,
        prepared: &InUse,
        open: Vec<OpenDelivery>,
    ) -> Result<Marked, LaneError> {
        let in_force =
            prepared.row.state.lets_content_out().then_some(InForce { version: prepared.row.version });
        let mut plan = plan(open, in_force, self.receiver.answers());
        let stopped = self.guard(&mut plan).await?;
        let keys: Vec<DeliveryKey> =
            plan.turns.iter().filter(|turn| !turn.resolve_only).map(key_of).collect();
        let only_sends = plan.settled.is_empty() && plan.withdrawn.is_empty() && stopped.is_empty();
        let standing = if only_sends {
            let mut connection = self.shared.pool.acquire().await?;
            mark_attempted(&mut connection, &self.lease, &prepared.row, &keys).await?
        } else {
            let mut transaction = self.shared.pool.begin().await?;
            let standing = mark_attempted(&mut transaction, &self.lease, &prepared.row, &keys).await?;
            if standing == Standing::Ours {
                for key in &stopped {
                    park(&mut transaction, self.key(), key, GUARDED, "guard").await?;
                }
                self.write_outcomes(&mut transaction, &plan.settled, &plan.withdrawn).await?;
                transaction.commit().await?;
                self.count(&plan.settled);
            }
            standing
        };
        Ok(match standing {
            Standing::Lost => Marked::Lost,
            Standing::Changed => Marked::Again,
            Standing::Ours if plan.turns.is_empty() => Marked::Again,
            Standing::Ours => Marked::Turns(plan.turns),
        })
    }

    /// The second pair of eyes: a payload with anything that the plain rows do not permit does not go. Gives those.
    async fn guard(&mut self, plan: &mut Plan) -> Result<Vec<DeliveryKey>, LaneError> {
        let mut stopped = Vec::new();
        for turn in std::mem::take(&mut plan.turns) {
            if turn.resolve_only {
                plan.turns.push(turn);
                continue;
            }
            let rows = self.rows_of(turn.newest.agreement_version).await?;
            let record = columns(&turn.newest.payload).unwrap_or_default();
            let payload = record.iter().map(|(name, text)| (name.as_str(), text.as_str()));
            match guard(payload, &turn.newest.fields, &rows) {
                Ok(()) => plan.turns.push(turn),
                Err(violation) => {
                    self.shared.metrics.guard_violations.with([self.agreement()]).increment();
                    self.shared.metrics.count(self.agreement(), DeliveryOutcome::Withheld, 1);
                    tracing::error!(lane = %self.key(), %violation, "the guard stopped a payload; its person waits");
                    stopped.push(key_of(&turn));
                }
            }
        }
        Ok(stopped)
    }

    async fn rows_of(&mut self, version: i32) -> Result<Arc<[String]>, LaneError> {
        if let Some(rows) = self.rows.get(&version) {
            return Ok(Arc::clone(rows));
        }
        let mut connection = self.shared.pool.acquire().await?;
        let rows: Arc<[String]> = permitted_fields(&mut connection, self.agreement(), version).await?.into();
        self.rows.insert(version, Arc::clone(&rows));
        Ok(rows)
    }
}
