//! What is published: rows that are only ever inserted, captured by the adapter as they are.

use crate::StoreError;
use crate::latest::all;
use sqlx::PgConnection;
use std::sync::Arc;

/// Which of the captured tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutboxTable {
    /// Person images.
    PersonVersion,
    /// Ids of anchors.
    Link,
    /// Answers to the sources.
    Answer,
}

/// A message to be published.
#[derive(Clone)]
pub struct OutboxRow {
    /// Key of the message.
    pub key: String,
    /// Rises within the key.
    pub id: i64,
    /// Topic.
    pub topic: Arc<str>,
    /// Avro body, without wire header. Personal.
    pub payload: Vec<u8>,
}

impl std::fmt::Debug for OutboxRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutboxRow").field("topic", &self.topic).field("id", &self.id).finish_non_exhaustive()
    }
}

const PERSON_VERSION: &str = "insert into person_version (key, id, topic, subject, payload)
   select key, id, topic, $5, payload from unnest($1::text[], $2::bigint[], $3::text[], $4::bytea[])
   as t (key, id, topic, payload) on conflict do nothing";
const LINK: &str = "insert into link (key, id, topic, subject, payload)
   select key, id, topic, $5, payload from unnest($1::text[], $2::bigint[], $3::text[], $4::bytea[])
   as t (key, id, topic, payload) on conflict do nothing";
/// Answers about one record follow each other by the database's clock, and never within a microsecond: the record's
/// partition has one writer.
const ANSWER: &str = "insert into answer (key, id, topic, subject, payload)
   select key, id + (extract(epoch from clock_timestamp()) * 1000000)::bigint, topic, $5, payload
   from unnest($1::text[], $2::bigint[], $3::text[], $4::bytea[])
   as t (key, id, topic, payload) on conflict do nothing";

/// Inserts messages of one Avro subject. `id` of an answer is its place among those of the same record.
pub async fn put_outbox(
    connection: &mut PgConnection,
    table: OutboxTable,
    subject: &str,
    rows: &[OutboxRow],
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let statement = match table {
        OutboxTable::PersonVersion => PERSON_VERSION,
        OutboxTable::Link => LINK,
        OutboxTable::Answer => ANSWER,
    };
    let done = sqlx::query(statement)
        .bind(rows.iter().map(|r| r.key.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.id).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| &*r.topic).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.payload.as_slice()).collect::<Vec<_>>())
        .bind(subject)
        .execute(connection)
        .await?;
    all(done.rows_affected(), rows.len(), "a published message")
}
