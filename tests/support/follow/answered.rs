//! Back to the offices: what the registry answered about the records, until it stands in the office's own inbox.

use super::captured::Captured;
use super::late::{Deadline, Stage};
use super::{Hop, Marks, Places, Teller};
use crate::pipeline::{INBOXES, inbox_of};
use anyhow::Context as _;
use chrono::{DateTime, Utc};
use event_log::decode_answer;
use registry_rules::{Answer, RecordKey};
use sqlx::{AssertSqlSafe, PgPool};

/// All records of the persons that these records are of: the number of a child is an answer to the birth, though it came
/// with another office's record.
const KEYS: &str = "select distinct o.record_key from record_latest r
     join anchor a on a.anchor = r.anchor join anchor b on b.leads_to = a.leads_to
     join record_latest o on o.anchor = b.anchor where r.record_key = any($1)";

const ANSWERS: &str = "select payload, received_at from answer where key = any($1) and topic = $2 and received_at >= $3 order by id";

pub(super) async fn answered(
    places: &Places,
    marks: &Marks,
    captured: &Captured,
    deadline: Deadline,
    teller: &mut Teller<'_>,
) -> anyhow::Result<()> {
    let records: Vec<&str> = captured.records.keys().map(RecordKey::as_str).collect();
    let mut keys: Vec<String> = sqlx::query_scalar(KEYS).bind(&records).fetch_all(&places.registry).await?;
    keys.extend(captured.rows.keys().map(|row| format!("{row}/*")));
    for source in INBOXES {
        let topic = places.kafka.topics().answers(source);
        let answers: Vec<(Vec<u8>, DateTime<Utc>)> = sqlx::query_as(ANSWERS)
            .bind(&keys)
            .bind(&*topic)
            .bind(marks.registry)
            .fetch_all(&places.registry)
            .await?;
        let database = places.captured().into_iter().find(|(name, _)| *name == source);
        let (_, database) = database.with_context(|| format!("there is no source {source}"))?;
        for (payload, since) in answers {
            let answer = decode_answer(&payload)?;
            let brought = async || brought(database, source, &answer, since).await;
            let at = deadline.until(Stage::Answer, brought).await?;
            teller.tell(Hop::Answered {
                source: source.to_owned(),
                entity: answer.record_key.entity().to_owned(),
                role: answer.record_key.role().to_owned(),
                outcome: answer.outcome.as_str().to_owned(),
                milliseconds: teller.since(at),
            });
        }
    }
    Ok(())
}

/// When the log had the answer, once the office has it. The log counts whole milliseconds.
async fn brought(
    database: &PgPool,
    source: &str,
    answer: &Answer,
    since: DateTime<Utc>,
) -> anyhow::Result<Option<DateTime<Utc>>> {
    let inbox = inbox_of(source)?;
    let (table, columns) = (&inbox.table, &inbox.columns);
    let at = columns.answered_at.as_deref().context("the inbox keeps no time")?;
    let sql = format!(
        "select {at} from {table} where {} = $1 and {} = $2 and {} = $3 and {at} >= $4 - interval '1 millisecond'",
        columns.record_key, columns.outcome, columns.field
    );
    let found = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(answer.record_key.as_str())
        .bind(answer.outcome.as_str())
        .bind(answer.field.as_deref().unwrap_or_default())
        .bind(since)
        .fetch_optional(database)
        .await?;
    Ok(found)
}
