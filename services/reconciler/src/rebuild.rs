//! A registry made anew: everything derived follows again from the record versions that were kept, under the ids that were
//! given.

use crate::attach::unattached;
use crate::former::former_keys;
use crate::gather::record_of;
use crate::keep::{Change, Kept};
use crate::reconciler::Reconciler;
use crate::register::keep_register;
use registry_rules::{Decision, IdentityDecision, RecordKey, STEWARD, Standing};
use registry_store::{
    KeptVersion, Received, StoreError, begin_recall, clear_derived, keep_decisions, keep_former,
    keep_rulings, put_latest, recall_anchors, recall_persons, versions_after,
};
use sqlx::PgConnection;
use std::collections::BTreeMap;

/// Records of one page.
const PAGE: i64 = 1_000;
/// What was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Record versions.
    pub versions: u64,
    /// Records.
    pub records: u64,
}

impl Reconciler {
    /// Makes everything derived anew from what was received, linked and published, in one transaction; no other instance
    /// may be at work. The first load's stages follow ([`Reconciler::advance`], [`Reconciler::load_slice`]).
    pub async fn rebuild(&self) -> Result<Rebuilt, StoreError> {
        let mut transaction = self.pool.begin().await?;
        clear_derived(&mut transaction).await?;
        recall_anchors(&mut transaction).await?;
        recall_persons(&mut transaction).await?;
        let (mut rebuilt, mut after) = (Rebuilt::default(), String::new());
        loop {
            let page = versions_after(&mut transaction, &after, PAGE).await?;
            rebuilt.versions += page.len() as u64;
            let received = page.into_iter().map(received).collect::<Result<Vec<_>, _>>()?;
            let Some(last) = received.last() else { break };
            last.record.record_key.as_str().clone_into(&mut after);
            rebuilt.records += keep_again(&mut transaction, &received).await?;
        }
        begin_recall(&mut transaction).await?;
        transaction.commit().await?;
        self.forget_live();
        Ok(rebuilt)
    }
}

fn received(kept: KeptVersion) -> Result<Received, StoreError> {
    let record = record_of(&kept.payload)?;
    Ok(Received {
        content_hash: record.content_hash(),
        record,
        payload: kept.payload.into(),
        fingerprint: kept.schema_fingerprint.into(),
        received_at: kept.received_at,
    })
}

/// Lets the newest version of each record stand, as the first load does. Answers how many records there are.
async fn keep_again(connection: &mut PgConnection, received: &[Received]) -> Result<u64, StoreError> {
    let mut kept = Kept::default();
    let mut decisions: BTreeMap<&RecordKey, Decision> = BTreeMap::new();
    let mut rulings: BTreeMap<&RecordKey, IdentityDecision> = BTreeMap::new();
    for one in received {
        let key = &one.record.record_key;
        if IdentityDecision::is_one(key) {
            if let Ok(Some(decision)) = IdentityDecision::from_record(&one.record) {
                rulings.insert(key, decision);
            }
        } else if key.source() == STEWARD
            && one.record.standing != Standing::Withdrawn
            && let Ok(Some(decision)) = Decision::from_record(&one.record)
        {
            decisions.insert(key, decision);
        }
        // Versions come in their order, so whoever is overtaken here has stood, or came late: its keys lead to it all the same.
        if let Some(before) = kept.changes.insert(key.as_str(), Change { old: None, new: one }) {
            kept.passing.push(before.new);
        }
    }
    let decisions: Vec<_> = decisions.into_iter().map(|(key, decision)| (key.clone(), decision)).collect();
    keep_decisions(connection, &decisions).await?;
    let rulings: Vec<_> = rulings.into_iter().map(|(key, ruling)| (key.clone(), ruling)).collect();
    keep_rulings(connection, &rulings).await?;
    keep_former(connection, &former_keys(&kept)).await?;
    put_latest(connection, &unattached(&kept)).await?;
    keep_register(connection, &kept).await?;
    Ok(kept.changes.len() as u64)
}
