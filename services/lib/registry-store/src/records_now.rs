//! Records as they stand.

use crate::{StoreError, show};
use registry_rules::SourceRecord;
use sqlx::PgConnection;

/// The newest version of each of these records; whoever names them knows how many they are.
pub async fn records_now(
    connection: &mut PgConnection,
    record_keys: &[&str],
) -> Result<Vec<SourceRecord>, StoreError> {
    if record_keys.is_empty() {
        return Ok(Vec::new());
    }
    let payloads: Vec<Vec<u8>> = sqlx::query_scalar(
        "select v.payload from unnest($1::text[]) as t (wanted)
         cross join lateral (select * from record_latest where record_key = wanted limit 1) r
         join record_version v on v.record_key = r.record_key and v.epoch = r.epoch and v.position = r.position
           and v.ordinal = r.ordinal",
    )
    .bind(record_keys)
    .fetch_all(connection)
    .await?;
    payloads.iter().map(|payload| show::record(payload)).collect()
}
