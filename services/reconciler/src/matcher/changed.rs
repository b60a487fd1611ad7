//! Which changes of a batch matter to matching: noted in the batch's transaction, looked at by the matcher.

use crate::attaching::Attaching;
use crate::keep::Kept;
use crate::matcher::compared::says_who;
use registry_rules::STEWARD;
use registry_store::{StoreError, add_pending, add_pending_of_placed};
use sqlx::PgConnection;
use std::collections::BTreeSet;

/// Notes the rows of records that say something else now, stand elsewhere, or were decided about.
pub(crate) async fn note_changes(
    connection: &mut PgConnection,
    kept: &Kept<'_>,
    attaching: &Attaching,
    ruled: &BTreeSet<String>,
) -> Result<(), StoreError> {
    let row = |key: &str| key.rsplit_once('/').map(|(row, _)| row.to_owned());
    let mut rows: BTreeSet<String> = BTreeSet::new();
    let mut perhaps: Vec<(&str, String)> = Vec::new();
    for (key, change) in &kept.changes {
        let record = &change.new.record;
        if record.record_key.source() == STEWARD {
            continue;
        }
        if says_who(record) {
            rows.extend(row(key));
        } else if change.old.is_some() {
            perhaps.extend(row(key).map(|row| (*key, row)));
        }
    }
    rows.extend(ruled.iter().filter_map(|key| row(key)));
    rows.extend(attaching.others.iter().filter_map(|one| row(&one.record_key)));
    add_pending(connection, &rows.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    perhaps.retain(|(_, row)| !rows.contains(row));
    add_pending_of_placed(connection, &perhaps).await
}
