//! Which changes of a batch matter to matching: noted in the batch's transaction, looked at by the matcher.

use crate::attaching::Attaching;
use crate::keep::Kept;
use registry_rules::STEWARD;
use registry_store::{StoreError, add_pending};
use sqlx::PgConnection;
use std::collections::BTreeSet;

/// Without any of these nothing is compared: a record that never said one is in no block.
const COMPARED: [&str; 2] = ["npd.birth_name", "npd.date_of_birth"];

/// Notes the rows of records that say something else now, stand elsewhere, or were decided about.
pub(crate) async fn note_changes(
    connection: &mut PgConnection,
    kept: &Kept<'_>,
    attaching: &Attaching,
    ruled: &BTreeSet<String>,
) -> Result<(), StoreError> {
    let row = |key: &str| key.rsplit_once('/').map(|(row, _)| row.to_owned());
    let mut rows: BTreeSet<String> = BTreeSet::new();
    for (key, change) in &kept.changes {
        let record = &change.new.record;
        let says = record.fields.keys().any(|field| COMPARED.contains(&field.as_str()));
        if record.record_key.source() != STEWARD && (says || change.old.is_some()) {
            rows.extend(row(key));
        }
    }
    rows.extend(ruled.iter().filter_map(|key| row(key)));
    rows.extend(attaching.others.iter().filter_map(|one| row(&one.record_key)));
    add_pending(connection, &rows.iter().map(String::as_str).collect::<Vec<_>>()).await
}
