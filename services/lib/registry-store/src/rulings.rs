//! Stewards' decisions about persons: kept as read from their records, and what those in force say.

use crate::StoreError;
use chrono::{DateTime, Utc};
use registry_rules::{IdentityDecision, NamedRecord, RecordKey, Ruling, RulingKind, Rulings};
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet};

/// Decisions that one change may concern: those about the same records, and those that take them back.
const DECISIONS_LIMIT: i64 = 100_000;

/// What changed by decisions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RulingChange {
    /// The records that they name, and those that decisions name which they take back.
    pub records: BTreeSet<String>,
    /// The anchors that links, separations and merges about these records name, before and after.
    pub anchors: BTreeSet<String>,
}

/// Keeps decisions and brings up to date what those in force say of the records concerned. Nobody attaches meanwhile
/// ([`crate::begin_ruling`]): a record that arrives now would not be seen here, nor would it see the decision.
pub async fn keep_rulings(
    connection: &mut PgConnection,
    decisions: &[(RecordKey, IdentityDecision)],
) -> Result<RulingChange, StoreError> {
    let mut change = RulingChange::default();
    if decisions.is_empty() {
        return Ok(change);
    }
    put_decisions(connection, decisions).await?;
    let ids: Vec<&str> = decisions.iter().map(|(_, decision)| decision.id.as_str()).collect();
    change.records = records_ruled(connection, &ids).await?;
    let records: Vec<&str> = change.records.iter().map(String::as_str).collect();
    let rulings = Rulings::of(&decisions_on(connection, &records).await?);
    take_out(connection, &records, &mut change.anchors).await?;
    put_in(connection, &change.records, &rulings, &mut change.anchors).await?;
    Ok(change)
}

async fn put_decisions(
    connection: &mut PgConnection,
    decisions: &[(RecordKey, IdentityDecision)],
) -> Result<(), StoreError> {
    let rulings = || decisions.iter().map(|(_, decision)| decision.ruling.as_ref());
    let subjects = || rulings().map(|ruling| ruling.map(|r| &r.subject));
    let others = || rulings().map(|ruling| ruling.and_then(|r| r.other.as_ref()));
    let considered = decisions.iter().map(|(_, d)| serde_json::to_value(&d.considered));
    sqlx::query(
        "insert into identity_decision (decision_id, record_key, ruling, subject, subject_anchor, other, other_anchor,
           considered, decided_at, reverses)
         select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
           $8::jsonb[], $9::timestamptz[], $10::text[])
         on conflict (decision_id) do nothing",
    )
    .bind(decisions.iter().map(|(_, d)| d.id.as_str()).collect::<Vec<_>>())
    .bind(decisions.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>())
    .bind(rulings().map(|ruling| ruling.map(|r| r.kind.as_str())).collect::<Vec<_>>())
    .bind(subjects().map(|named| named.map(|n| n.record_key.as_str())).collect::<Vec<_>>())
    .bind(subjects().map(|named| named.map(|n| n.anchor.as_str())).collect::<Vec<_>>())
    .bind(others().map(|named| named.map(|n| n.record_key.as_str())).collect::<Vec<_>>())
    .bind(others().map(|named| named.map(|n| n.anchor.as_str())).collect::<Vec<_>>())
    .bind(considered.collect::<Result<Vec<_>, _>>().map_err(|_| StoreError::Unwritable("a decision"))?)
    .bind(decisions.iter().map(|(_, d)| d.decided_at).collect::<Vec<_>>())
    .bind(decisions.iter().map(|(_, d)| d.reverses.as_deref()).collect::<Vec<_>>())
    .execute(&mut *connection)
    .await?;
    let named = || decisions.iter().flat_map(|(_, d)| d.named().map(|named| (d.id.as_str(), named)));
    let (ids, keys): (Vec<&str>, Vec<&str>) =
        named().flat_map(|(id, n)| [(id, n.record_key.as_str()), (id, n.anchor.as_str())]).unzip();
    sqlx::query(
        "insert into identity_decision_key (decision_id, key) select * from unnest($1::text[], $2::text[])
         on conflict do nothing",
    )
    .bind(ids)
    .bind(keys)
    .execute(connection)
    .await?;
    Ok(())
}

/// The records that decisions name, and those named by what they take back, and so on.
async fn records_ruled(connection: &mut PgConnection, ids: &[&str]) -> Result<BTreeSet<String>, StoreError> {
    let named: Vec<(Option<String>, Option<String>)> = sqlx::query_as(
        "with recursive concerned (decision_id) as (
           select decision_id collate \"C\" from unnest($1::text[]) as t (decision_id)
           union
           select d.reverses from concerned c cross join lateral (
             select reverses from identity_decision d where d.decision_id = c.decision_id and d.reverses is not null
             offset 0) d)
         select d.subject, d.other from concerned c cross join lateral (
           select subject, other from identity_decision d where d.decision_id = c.decision_id offset 0) d",
    )
    .bind(ids)
    .fetch_all(connection)
    .await?;
    Ok(named.into_iter().flat_map(|(subject, other)| [subject, other]).flatten().collect())
}

#[derive(sqlx::FromRow)]
struct DecisionColumns {
    decision_id: String,
    ruling: Option<String>,
    subject: Option<String>,
    subject_anchor: Option<String>,
    other: Option<String>,
    other_anchor: Option<String>,
    considered: serde_json::Value,
    decided_at: DateTime<Utc>,
    reverses: Option<String>,
}

/// All decisions about persons that name one of the records, and those that take these back, and so on.
pub async fn decisions_on(
    connection: &mut PgConnection,
    record_keys: &[&str],
) -> Result<Vec<IdentityDecision>, StoreError> {
    let rows: Vec<DecisionColumns> = sqlx::query_as(
        "with recursive wanted (decision_id) as (
           select k.decision_id from unnest($1::text[]) as t (wanted) cross join lateral (
             select decision_id from identity_decision_key where key = wanted offset 0) k
           union
           select d.decision_id from wanted w cross join lateral (
             select decision_id from identity_decision d where d.reverses = w.decision_id offset 0) d)
         select d.decision_id, d.ruling, d.subject, d.subject_anchor, d.other, d.other_anchor, d.considered, d.decided_at,
           d.reverses
         from wanted w cross join lateral (
           select * from identity_decision d where d.decision_id = w.decision_id offset 0) d limit $2",
    )
    .bind(record_keys)
    .bind(DECISIONS_LIMIT)
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(decision).collect()
}

fn decision(row: DecisionColumns) -> Result<IdentityDecision, StoreError> {
    const UNREADABLE: StoreError = StoreError::Unreadable("a decision about a person");
    let named = |record: Option<String>, anchor: Option<String>| -> Result<Option<NamedRecord>, StoreError> {
        let Some((record, anchor)) = record.zip(anchor) else { return Ok(None) };
        let record_key = RecordKey::try_from(record).map_err(|_| UNREADABLE)?;
        Ok(Some(NamedRecord { record_key, anchor }))
    };
    let kind =
        |name: String| RulingKind::ALL.into_iter().find(|kind| kind.as_str() == name).ok_or(UNREADABLE);
    let other = named(row.other, row.other_anchor)?;
    let ruling = match (row.ruling.map(kind).transpose()?, named(row.subject, row.subject_anchor)?) {
        (Some(kind), Some(subject)) => Some(Ruling { kind, subject, other }),
        (None, _) => None,
        (Some(_), None) => return Err(UNREADABLE),
    };
    Ok(IdentityDecision {
        id: row.decision_id,
        ruling,
        considered: serde_json::from_value(row.considered).map_err(|_| UNREADABLE)?,
        decided_at: row.decided_at,
        reverses: row.reverses,
    })
}

/// Takes out what was said of the records; notes the anchors that it named.
async fn take_out(
    connection: &mut PgConnection,
    records: &[&str],
    anchors: &mut BTreeSet<String>,
) -> Result<(), StoreError> {
    let said: Vec<(Option<String>, Vec<String>)> = sqlx::query_as(
        "delete from record_ruling r using unnest($1::text[]) as t (wanted) where r.record_key = t.wanted
         returning r.anchor, r.separated",
    )
    .bind(records)
    .fetch_all(&mut *connection)
    .await?;
    for (anchor, separated) in said {
        anchors.extend(anchor.into_iter().chain(separated));
    }
    let joined: Vec<String> = sqlx::query_scalar(
        "delete from key_join j using (
           select j.* from unnest($1::text[]) as t (wanted) cross join lateral (
             select * from key_join where less = wanted union select * from key_join where more = wanted) j) gone
         where j.key = gone.key and j.other = gone.other and j.less = gone.less and j.more = gone.more
         returning j.key",
    )
    .bind(records)
    .fetch_all(connection)
    .await?;
    anchors.extend(joined.iter().map(|key| anchor_of_key(key)));
    Ok(())
}

/// Puts in what the decisions in force say of the records; notes the anchors that they name.
async fn put_in(
    connection: &mut PgConnection,
    records: &BTreeSet<String>,
    rulings: &Rulings,
    anchors: &mut BTreeSet<String>,
) -> Result<(), StoreError> {
    let on: BTreeMap<&str, _> = rulings
        .records()
        .into_iter()
        .filter(|key| records.contains(key.as_str()))
        .map(|key| (key.as_str(), rulings.on(key)))
        .collect();
    for links in on.values() {
        anchors.extend(links.steward.map(ToOwned::to_owned));
        anchors.extend(links.separated.iter().cloned());
    }
    let lists = on.values().map(|links| serde_json::to_value(links.separated));
    sqlx::query(
        "insert into record_ruling (record_key, anchor, separated)
         select record_key, anchor, array(select jsonb_array_elements_text(separated))
         from unnest($1::text[], $2::text[], $3::jsonb[]) as t (record_key, anchor, separated)",
    )
    .bind(on.keys().collect::<Vec<_>>())
    .bind(on.values().map(|links| links.steward).collect::<Vec<_>>())
    .bind(lists.collect::<Result<Vec<_>, _>>().map_err(|_| StoreError::Unwritable("a ruling"))?)
    .execute(&mut *connection)
    .await?;
    let (mut keys, mut others, mut less, mut more) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let concerns = |key: &RecordKey| records.contains(key.as_str());
    for ((one, two), (anchor, other)) in rulings.merges().filter(|((a, b), _)| concerns(a) || concerns(b)) {
        anchors.extend([anchor.to_owned(), other.to_owned()]);
        for (key, other) in [(anchor, other), (other, anchor)] {
            keys.push(key_of_anchor(key));
            others.push(key_of_anchor(other));
            less.push(one.as_str());
            more.push(two.as_str());
        }
    }
    sqlx::query(
        "insert into key_join (key, other, less, more)
         select * from unnest($1::text[], $2::text[], $3::text[], $4::text[])",
    )
    .bind(keys)
    .bind(others)
    .bind(less)
    .bind(more)
    .execute(connection)
    .await?;
    Ok(())
}

/// The key under which an anchor is locked and joined: the bare number, or the source key.
pub fn key_of_anchor(anchor: &str) -> &str {
    anchor.strip_prefix("pin:").unwrap_or(anchor)
}

/// The anchor of a key: source keys say what they are, numbers are bare.
pub fn anchor_of_key(key: &str) -> String {
    if key.parse::<registry_rules::Pin>().is_ok() { format!("pin:{key}") } else { key.to_owned() }
}
