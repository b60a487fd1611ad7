//! A person's versions, as published.

use crate::StoreError;
use chrono::{DateTime, Utc};
use registry_rules::{PersonId, PersonImage};
use serde::Serialize;
use sqlx::PgPool;

/// The longest history that one question gives.
const HISTORY_LIMIT: i64 = 10_000;

/// One version.
#[derive(Clone, Debug, Serialize)]
pub struct HistoryEntry {
    /// When the registry made it.
    pub received_at: DateTime<Utc>,
    /// What it said.
    pub image: PersonImage,
}

/// All versions of a person, the oldest first.
pub async fn person_history(pool: &PgPool, person: PersonId) -> Result<Vec<HistoryEntry>, StoreError> {
    let rows: Vec<(DateTime<Utc>, Vec<u8>)> =
        sqlx::query_as("select received_at, payload from person_version where key = $1 order by id limit $2")
            .bind(person.to_string())
            .bind(HISTORY_LIMIT)
            .fetch_all(pool)
            .await?;
    rows.into_iter()
        .map(|(received_at, payload)| Ok(HistoryEntry { received_at, image: image(&payload)? }))
        .collect()
}

/// Reads a stored image.
pub(crate) fn image(payload: &[u8]) -> Result<PersonImage, StoreError> {
    event_log::decode_person_image(payload).map_err(|_| StoreError::Unreadable("person image"))
}
