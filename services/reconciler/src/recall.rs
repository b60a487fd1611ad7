//! The first load of a registry that is made anew: keys have their ids already, and these are kept.

use crate::attach::settled;
use crate::attaching::Relocated;
use crate::commit::write_merged;
use crate::gather::gather;
use crate::identify::identify;
use crate::merge::{MergeRequest, facts_of, facts_text, merge};
use crate::reconciler::{Now, Reconciler};
use registry_store::{Attached, StoreError, put_facts, siblings_at};
use sqlx::PgConnection;

impl Reconciler {
    /// Ids for anchors that records are attached to, as they were given and as they follow from what stands together now;
    /// and what others may hear of these persons.
    pub(crate) async fn recall_facts(
        &self,
        connection: &mut PgConnection,
        now: &Now,
        anchors: &[String],
    ) -> Result<(), StoreError> {
        let siblings = siblings_at(connection, anchors).await?;
        let mut found = settled(connection, &siblings).await?;
        found.changed = siblings
            .into_iter()
            .map(|sibling| Relocated {
                record_key: sibling.record_key,
                old: Attached::default(),
                new: sibling.attached,
            })
            .collect();
        let identified = identify(connection, &found, &self.settings.topics).await?;
        let ground = self.ground(now);
        let own = gather(connection, &identified.persons).await?;
        let mut facts = Vec::with_capacity(own.len());
        for (person, told) in facts_of(&own, &ground) {
            facts.push((person, facts_text(&told)?));
        }
        put_facts(connection, &facts).await?;
        if identified.merged.is_empty() {
            return Ok(());
        }
        let request = MergeRequest {
            persons: identified.merged.keys().copied().collect(),
            merged: identified.merged,
            ..MergeRequest::default()
        };
        let merged = merge(connection, &ground, &request).await?;
        write_merged(connection, &ground, &merged).await
    }
}
