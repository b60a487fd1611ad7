//! After a snapshot: what it did not show is gone from the source, unless it is so much that a human should look first.

use crate::apply::Summary;
use crate::incoming::{Body, IncomingMessage};
use crate::keep::keep;
use crate::reconciler::Reconciler;
use chrono::{DateTime, Utc};
use event_log::{Message as _, SourceMessage};
use registry_rules::{RecordKey, SourceRecord, Standing, Version};
use registry_store::{
    MissingRecord, Received, StoreError, Sweep, begin_attaching, finish_sweep, missing_records, take_sweep,
    wait_for_operator,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Rows that may always go without a question.
const ALWAYS: i64 = 20;
/// One row in so many may go without a question.
const SHARE: i64 = 1_000;
/// Records withdrawn in one transaction.
const PAGE: i64 = 2_000;

impl Reconciler {
    /// Does a page of a sweep; `false`: none is to be done now. `now` is the received time of the withdrawals.
    pub async fn sweep(&self, received_at: DateTime<Utc>, summary: &mut Summary) -> Result<bool, StoreError> {
        let mut transaction = begin_attaching(&self.pool).await?;
        let now = self.now(&mut transaction).await?;
        if !now.stage.takes_records() {
            return Ok(false);
        }
        let Some(sweep) = take_sweep(&mut transaction).await? else { return Ok(false) };
        let limit = (sweep.total / SHARE).max(ALWAYS);
        if sweep.state == "pending" && sweep.missing > 0 && (sweep.truncated || sweep.missing > limit) {
            tracing::warn!(
                source = sweep.source,
                entity = sweep.entity,
                epoch = sweep.epoch,
                missing = sweep.missing,
                total = sweep.total,
                "a snapshot did not show more rows than may go without a question: dansync source sweep allow"
            );
            wait_for_operator(&mut transaction, &sweep).await?;
            transaction.commit().await?;
            return Ok(true);
        }
        let missing = missing_records(&mut transaction, &sweep, PAGE).await?;
        let messages =
            missing.iter().map(|m| withdrawal(m, &sweep, received_at)).collect::<Result<Vec<_>, _>>()?;
        let kept = keep(&mut transaction, &messages.iter().collect::<Vec<_>>()).await?;
        self.reconcile(&mut transaction, &now, &kept, summary).await?;
        if missing.len() < usize::try_from(PAGE).unwrap_or(usize::MAX) {
            finish_sweep(&mut transaction, &sweep).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }
}

/// The version that says a record is gone: the first of the snapshot's epoch, so that anything the source says of the row
/// in that epoch stands over it.
fn withdrawal(
    missing: &MissingRecord,
    sweep: &Sweep,
    received_at: DateTime<Utc>,
) -> Result<IncomingMessage, StoreError> {
    let record_key =
        RecordKey::try_from(missing.record_key.clone()).map_err(|_| StoreError::Unreadable("record key"))?;
    let record = SourceRecord {
        kind: format!("{}.withdrawn", record_key.source()),
        record_key,
        version: Version { epoch: sweep.epoch.cast_unsigned(), position: 0, ordinal: 0 },
        standing: Standing::Withdrawn,
        act: None,
        refers_to: None,
        valid_from: None,
        valid_to: None,
        recorded_at: None,
        identifiers: Vec::new(),
        relation_group: None,
        fields: BTreeMap::new(),
        mapping_version: 0,
    };
    let mut payload = Vec::with_capacity(128);
    let content_hash = record.content_hash();
    let message = SourceMessage::Record(record.clone());
    message.encode(&mut payload).map_err(|_| StoreError::Unwritable("a withdrawal"))?;
    let fingerprint =
        SourceMessage::schema().fingerprint().map_err(|_| StoreError::Unwritable("a withdrawal"))?;
    let received = Received {
        record,
        content_hash,
        payload: payload.into(),
        fingerprint: fingerprint.as_str().into(),
        received_at,
    };
    Ok(IncomingMessage {
        topic: Arc::from(""),
        source: sweep.source.as_str().into(),
        partition: 0,
        offset: 0,
        received_at,
        body: Body::Record(received),
    })
}
