//! The newest image of each person: what every comparison starts from, and the lock under which it runs.

use crate::StoreError;
use chrono::{DateTime, Utc};
use registry_rules::{PersonId, Version};
use sqlx::PgConnection;

/// A person's newest image as received.
#[derive(Clone, PartialEq, Eq)]
pub struct PersonState {
    /// Who.
    pub person_id: PersonId,
    /// The image's place in the registry's commit order.
    pub version: Version,
    /// The message's bytes.
    pub image: Vec<u8>,
    /// When the log appended it.
    pub appended_at: DateTime<Utc>,
}

impl std::fmt::Debug for PersonState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PersonState({}, {}, {} bytes)", self.person_id, self.version, self.image.len())
    }
}

/// Locks what is stored of these persons, in the order of their ids.
pub async fn lock_persons(connection: &mut PgConnection, persons: &[PersonId]) -> Result<(), StoreError> {
    sqlx::query("select 1 from person_state where person_id = any($1) order by person_id for update")
        .bind(persons)
        .execute(connection)
        .await?;
    Ok(())
}

/// Stores images that are newer than what is there; gives the ids of those that were. At most one image a person.
pub async fn upsert_persons(
    connection: &mut PgConnection,
    states: &[&PersonState],
) -> Result<Vec<PersonId>, StoreError> {
    let applied = sqlx::query_scalar(
        "insert into person_state as p (person_id, epoch, position, ordinal, image, appended_at)
         select * from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[], $6::timestamptz[])
         order by 1
         on conflict (person_id) do update set
             epoch = excluded.epoch, position = excluded.position, ordinal = excluded.ordinal,
             image = excluded.image, appended_at = excluded.appended_at
         where (p.epoch, p.position, p.ordinal) < (excluded.epoch, excluded.position, excluded.ordinal)
         returning person_id",
    )
    .bind(states.iter().map(|s| s.person_id).collect::<Vec<_>>())
    .bind(states.iter().map(|s| i64::from(s.version.epoch)).collect::<Vec<_>>())
    // Positions of PostgreSQL's log stay below 2^63; the cast keeps the order up to there.
    .bind(states.iter().map(|s| s.version.position.cast_signed()).collect::<Vec<_>>())
    .bind(states.iter().map(|s| i64::from(s.version.ordinal)).collect::<Vec<_>>())
    .bind(states.iter().map(|s| s.image.as_slice()).collect::<Vec<_>>())
    .bind(states.iter().map(|s| s.appended_at).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    Ok(applied)
}

/// The stored images of these persons.
pub async fn persons_by_id(
    connection: &mut PgConnection,
    persons: &[PersonId],
) -> Result<Vec<(PersonId, Vec<u8>)>, StoreError> {
    let rows = sqlx::query_as("select person_id, image from person_state where person_id = any($1)")
        .bind(persons)
        .fetch_all(connection)
        .await?;
    Ok(rows)
}

/// The ids that follow `after`, at most `limit`: how a comparison over everybody goes on where it stopped.
pub async fn person_page(
    connection: &mut PgConnection,
    after: Option<PersonId>,
    limit: i64,
) -> Result<Vec<PersonId>, StoreError> {
    let page = sqlx::query_scalar(
        "select person_id from person_state where person_id > coalesce($1, '00000000-0000-0000-0000-000000000000')
         order by person_id limit $2",
    )
    .bind(after)
    .bind(limit)
    .fetch_all(connection)
    .await?;
    Ok(page)
}
