//! Where records stand, and how the ids of their anchors moved: what a decision about persons is made of and has done.

use crate::StoreError;
use chrono::{DateTime, Utc};
use registry_rules::{PersonId, RecordKey};
use serde::Serialize;
use sqlx::{PgConnection, PgPool};
use std::collections::BTreeMap;

/// Movements of the anchors of one decision that are read at most: a decision names two records.
const MOST_MOVES: i64 = 200;

/// Where a record stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordPlace {
    /// Its anchor.
    pub anchor: String,
    /// The person that the anchor leads to; none while the first load gives no ids.
    pub person_id: Option<PersonId>,
}

/// What the registry knows of a decision about persons: whether it has it, and whom each named record belonged to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DecisionEffect {
    /// When the registry received it; none: it is on its way.
    pub received_at: Option<DateTime<Utc>>,
    /// Where the named records stand now, by record key.
    pub now: BTreeMap<RecordKey, RecordPlace>,
    /// What became of the ids of the anchors since the decision was received and before the next one, by time.
    pub moved: Vec<AnchorMove>,
}

/// The id of an anchor became another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AnchorMove {
    /// When.
    pub at: DateTime<Utc>,
    /// The anchor.
    pub anchor: String,
    /// `first_seen`, `merged` or `split`.
    pub event: &'static str,
    /// The person before; none where the anchor was seen for the first time.
    pub before: Option<PersonId>,
    /// The person after.
    pub after: PersonId,
}

/// A decision whose effect is asked for.
#[derive(Clone, Debug)]
pub struct EffectQuestion<'a> {
    /// The decision's own record key: `steward/…/<id>/subject`.
    pub decision: &'a str,
    /// The records that it names.
    pub records: Vec<&'a str>,
    /// Their anchors when it was made.
    pub anchors: Vec<&'a str>,
    /// When the next decision about the same case was made.
    pub until: Option<DateTime<Utc>>,
}

/// Where records stand; those that the registry has not got are not in the answer.
pub(crate) async fn places(
    connection: &mut PgConnection,
    keys: &[String],
) -> Result<BTreeMap<RecordKey, RecordPlace>, StoreError> {
    let rows: Vec<(String, String, Option<PersonId>)> = sqlx::query_as(
        "select r.record_key, r.anchor, a.leads_to from record_latest r left join anchor a on a.anchor = r.anchor
         where r.record_key = any($1) and r.anchor is not null",
    )
    .bind(keys)
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|(key, anchor, person_id)| {
            let key = RecordKey::try_from(key).map_err(|_| StoreError::Unreadable("record key"))?;
            Ok((key, RecordPlace { anchor, person_id }))
        })
        .collect()
}

/// What became of a decision about persons.
///
/// # Errors
/// When the database does not answer or holds what cannot be read.
pub async fn decision_effect(
    pool: &PgPool,
    question: &EffectQuestion<'_>,
) -> Result<DecisionEffect, StoreError> {
    let mut connection = pool.acquire().await?;
    let received_at: Option<DateTime<Utc>> =
        sqlx::query_scalar("select min(received_at) from record_version where record_key = $1")
            .bind(question.decision)
            .fetch_one(&mut *connection)
            .await?;
    let keys: Vec<String> = question.records.iter().map(|key| (*key).to_owned()).collect();
    let now = places(&mut connection, &keys).await?;
    let Some(received) = received_at else {
        return Ok(DecisionEffect { received_at, now, moved: Vec::new() });
    };
    let mut anchors: Vec<String> = question.anchors.iter().map(|anchor| (*anchor).to_owned()).collect();
    anchors.extend(question.records.iter().map(|key| format!("apart:{key}")));
    anchors.extend(now.values().map(|place| place.anchor.clone()));
    let moved = moves(&mut connection, &anchors, received, question.until).await?;
    Ok(DecisionEffect { received_at, now, moved })
}

/// When, the event, and the one before it on the same key.
type EventPair = (DateTime<Utc>, Vec<u8>, Option<Vec<u8>>);

async fn moves(
    connection: &mut PgConnection,
    anchors: &[String],
    from: DateTime<Utc>,
    until: Option<DateTime<Utc>>,
) -> Result<Vec<AnchorMove>, StoreError> {
    let rows: Vec<EventPair> = sqlx::query_as(
        "select l.received_at, l.payload,
           (select b.payload from link b where b.key = l.key and b.id < l.id order by b.id desc limit 1)
         from link l where l.key = any($1) and l.received_at >= $2 and ($3::timestamptz is null or l.received_at < $3)
         order by l.received_at, l.key, l.id limit $4",
    )
    .bind(anchors)
    .bind(from)
    .bind(until)
    .bind(MOST_MOVES)
    .fetch_all(connection)
    .await?;
    let read =
        |payload: &[u8]| event_log::decode_link_event(payload).map_err(|_| StoreError::Unreadable("link"));
    rows.into_iter()
        .map(|(at, payload, before)| {
            let event = read(&payload)?;
            let before = before.as_deref().map(read).transpose()?.map(|event| event.person_id);
            let (anchor, after) = (event.anchor, event.person_id);
            Ok(AnchorMove { at, anchor, event: event.event.as_str(), before, after })
        })
        .collect()
}
