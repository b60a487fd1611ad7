//! What merging reads: a person's anchors and records, and the records around them.
//!
//! Lateral subqueries with a limit or offset, here and beside, fix the order of the look-ups: by the keys given first,
//! whatever the planner believes of the tables' sizes. A plan is made once, often while they are empty.

use crate::StoreError;
use registry_rules::PersonId;
use sqlx::PgConnection;

/// An anchor that leads to a person.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct PersonAnchor {
    /// The anchor.
    pub anchor: String,
    /// Its own id.
    pub person_id: PersonId,
    /// The person.
    pub leads_to: PersonId,
}

/// All anchors that lead to the persons.
pub async fn anchors_leading_to(
    connection: &mut PgConnection,
    persons: &[PersonId],
) -> Result<Vec<PersonAnchor>, StoreError> {
    let rows = sqlx::query_as(
        "select a.* from unnest($1::uuid[]) as t (wanted)
         cross join lateral (select anchor, person_id, leads_to from anchor where leads_to = wanted offset 0) a",
    )
        .bind(persons)
        .fetch_all(connection)
        .await?;
    Ok(rows)
}

/// A record with where it is attached.
#[derive(Clone, sqlx::FromRow)]
pub struct AttachedRecord {
    /// Its anchor.
    pub anchor: String,
    /// Its number names somebody else.
    pub contradicted: bool,
    /// A steward's decision names it.
    pub decided: bool,
    /// A steward's decision about persons names it.
    pub ruled: bool,
    /// Its Avro body. Personal.
    pub payload: Vec<u8>,
}

impl std::fmt::Debug for AttachedRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AttachedRecord").field("payload_bytes", &self.payload.len()).finish_non_exhaustive()
    }
}

/// The records attached to anchors, as they stand.
pub async fn records_at_anchors(
    connection: &mut PgConnection,
    anchors: &[&str],
) -> Result<Vec<AttachedRecord>, StoreError> {
    let rows = sqlx::query_as(
        "select r.anchor, r.contradicted, v.payload,
           (select true from decision_record d where d.record_key = r.record_key limit 1) is not null as decided,
           (select true from identity_decision_key d where d.key = r.record_key limit 1) is not null as ruled
         from unnest($1::text[]) as t (wanted)
         cross join lateral (select * from record_latest where anchor = wanted offset 0) r
         cross join lateral (
           select v.payload from record_version v where v.record_key = r.record_key and v.epoch = r.epoch
             and v.position = r.position and v.ordinal = r.ordinal limit 1) v",
    )
    .bind(anchors)
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// Whom a record stands with.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct RecordPerson {
    /// The record.
    pub record_key: String,
    /// The person.
    pub person_id: PersonId,
    /// Neither dead nor merged away, as far as was published.
    pub living: bool,
}

/// The persons that records stand with. In the first load, whoever is not merged yet is as alive as the facts say: two slices that
/// are merged at once see nothing of each other.
pub async fn persons_of_records(
    connection: &mut PgConnection,
    record_keys: &[&str],
) -> Result<Vec<RecordPerson>, StoreError> {
    if record_keys.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query_as(
        "select r.record_key, a.leads_to as person_id, coalesce(p.living, true) as living
         from unnest($1::text[]) as t (wanted)
         cross join lateral (select record_key, anchor from record_latest where record_key = wanted limit 1) r
         cross join lateral (select leads_to from anchor where anchor = r.anchor limit 1) a
         left join lateral (
           select case when version > 0 or facts is null then lifecycle = 0
             else (facts::json->>'alive')::boolean and not coalesce((facts::json->>'missing')::boolean, false) end as living
           from person where person_id = a.leads_to limit 1) p on true",
    )
    .bind(record_keys)
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// A record that shares a relation group with somebody's.
#[derive(Clone, sqlx::FromRow)]
pub struct GroupRecord {
    /// The record.
    pub record_key: String,
    /// The group.
    pub relation_group: String,
    /// What it says of its person's relation to the head of household.
    pub relation_to_head: Option<String>,
    /// Where it is attached.
    pub anchor: String,
}

impl std::fmt::Debug for GroupRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GroupRecord({}, ***)", self.record_key)
    }
}

/// The attached records of relation groups, by record key.
pub async fn records_of_groups(
    connection: &mut PgConnection,
    groups: &[&str],
) -> Result<Vec<GroupRecord>, StoreError> {
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query_as(
        "select r.record_key, r.relation_group, r.relation_to_head, r.anchor
         from unnest($1::text[]) as t (wanted)
         cross join lateral (select * from record_latest where relation_group = wanted offset 0) r
         where r.anchor is not null order by r.record_key",
    )
    .bind(groups)
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// A person as others see it, by an anchor.
#[derive(Clone, sqlx::FromRow)]
pub struct AnchoredPerson {
    /// The anchor.
    pub anchor: String,
    /// The person that it leads to.
    pub person_id: PersonId,
    /// That person's facts (JSON); none before the first merge.
    pub facts: Option<String>,
}

impl std::fmt::Debug for AnchoredPerson {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AnchoredPerson({}, ***)", self.person_id)
    }
}

/// The persons that anchors lead to, with their facts.
pub async fn persons_at_anchors(
    connection: &mut PgConnection,
    anchors: &[&str],
) -> Result<Vec<AnchoredPerson>, StoreError> {
    if anchors.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query_as(
        "select a.anchor, a.leads_to as person_id, p.facts
         from unnest($1::text[]) as t (wanted)
         cross join lateral (select anchor, leads_to from anchor where anchor = wanted limit 1) a
         left join lateral (select p.facts from person p where p.person_id = a.leads_to limit 1) p on true",
    )
    .bind(anchors)
    .fetch_all(connection)
    .await?;
    Ok(rows)
}
