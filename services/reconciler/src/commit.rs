//! What merging gave, written: persons, their versions, cases, whom else it concerns and when.

use crate::merge::{Ground, Merged};
use registry_store::{
    DueReason, OutboxTable, StoreError, add_due, put_outbox, put_persons, replace_dates, write_cases,
};
use sqlx::PgConnection;

/// Subject of person images.
const SUBJECT: &str = "dansync.PersonImage";

/// Writes the outcome of a merge in the transaction that made it.
pub(crate) async fn write_merged(
    connection: &mut PgConnection,
    ground: &Ground<'_>,
    merged: &Merged,
) -> Result<(), StoreError> {
    put_persons(connection, &merged.persons).await?;
    put_outbox(connection, OutboxTable::PersonVersion, SUBJECT, &merged.versions).await?;
    write_cases(connection, &merged.cases).await?;
    let neighbours: Vec<_> = merged.neighbours.iter().copied().collect();
    add_due(connection, &neighbours, DueReason::Neighbour, ground.date).await?;
    replace_dates(connection, &merged.dates).await
}
