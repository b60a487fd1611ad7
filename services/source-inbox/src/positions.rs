//! Positions of the consumer, kept beside the inbox: they move with the answers.

use crate::statements::Statements;
use async_trait::async_trait;
use event_log::{Claim, ClaimError, PositionStore, TopicPartition};
use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgConnection, PgPool};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A partition as stored: topic, number, next offset, owner's epoch.
type Row = (String, i32, Option<i64>, i64);

/// Claims partitions in the source's database.
#[derive(Clone, Debug)]
pub(crate) struct InboxPositions {
    pub(crate) pool: PgPool,
    pub(crate) group: Arc<str>,
    pub(crate) statements: Arc<Statements>,
}

#[async_trait]
impl PositionStore for InboxPositions {
    async fn claim(&self, partitions: &[TopicPartition]) -> Result<Vec<Claim>, ClaimError> {
        let (topics, numbers) = columns(partitions.iter());
        let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(self.statements.claim.as_str()))
            .bind(&*self.group)
            .bind(topics)
            .bind(numbers)
            .fetch_all(&self.pool)
            .await
            .map_err(|error| ClaimError { reason: describe(&error) })?;
        let claims = rows.into_iter().map(|(topic, partition, next_offset, owner_epoch)| Claim {
            partition: TopicPartition::new(topic, partition),
            next_offset,
            owner_epoch,
        });
        Ok(claims.collect())
    }
}

impl InboxPositions {
    /// Locks these partitions until the transaction ends; gives the next offset of those that are still ours.
    pub(crate) async fn fence(
        &self,
        connection: &mut PgConnection,
        claims: &BTreeMap<TopicPartition, i64>,
    ) -> Result<BTreeMap<TopicPartition, i64>, sqlx::Error> {
        let (topics, numbers) = columns(claims.keys());
        let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(self.statements.fence.as_str()))
            .bind(&*self.group)
            .bind(topics)
            .bind(numbers)
            .fetch_all(connection)
            .await?;
        Ok(rows
            .into_iter()
            .map(|(topic, partition, next, epoch)| (TopicPartition::new(topic, partition), next, epoch))
            .filter(|(partition, _, epoch)| claims.get(partition) == Some(epoch))
            .map(|(partition, next, _)| (partition, next.unwrap_or(0)))
            .collect())
    }

    /// Moves them.
    pub(crate) async fn advance(
        &self,
        connection: &mut PgConnection,
        next: &BTreeMap<TopicPartition, i64>,
    ) -> Result<(), sqlx::Error> {
        let (topics, numbers) = columns(next.keys());
        sqlx::query(AssertSqlSafe(self.statements.advance.as_str()))
            .bind(&*self.group)
            .bind(topics)
            .bind(numbers)
            .bind(next.values().copied().collect::<Vec<_>>())
            .execute(connection)
            .await?;
        Ok(())
    }
}

fn columns<'a>(partitions: impl Iterator<Item = &'a TopicPartition>) -> (Vec<&'a str>, Vec<i32>) {
    partitions.map(|p| (&*p.topic, p.partition)).unzip()
}

/// SQLSTATE only: a server's message may quote a row.
pub(crate) fn describe(error: &sqlx::Error) -> String {
    match error.as_database_error().and_then(sqlx::error::DatabaseError::code) {
        Some(code) => format!("the source's database answered with SQLSTATE {code}"),
        None => "the source's database does not answer".to_owned(),
    }
}
