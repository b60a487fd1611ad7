//! Into the registry: the records at their new version, and the versions of the persons that this has made.

use super::captured::Captured;
use super::late::{Deadline, Stage};
use super::{Hop, Marks, Places, Teller, Tie};
use chrono::{DateTime, Utc};
use event_log::{SourceMessage, decode_person_image, decode_source_message};
use registry_rules::{FieldName, PersonId, PersonImage, RecordKey, Version};
use sqlx::PgPool;
use std::collections::{BTreeMap, BTreeSet};

/// A person with a new version.
#[derive(Debug)]
pub(super) struct News {
    /// Who.
    pub(super) person_id: PersonId,
    /// The newest version.
    pub(super) version: i64,
    /// Fields whose value is another than before the step.
    pub(super) values: BTreeSet<FieldName>,
}

/// Rows that are not at their version yet.
const RECORDS_BEHIND: &str = "select count(*) from unnest($1::text[], $2::int[], $3::bigint[], $4::int[]) as w (key, epoch, position, ordinal)
     where not exists (select 1 from record_latest r
       where r.record_key = w.key and (r.epoch, r.position, r.ordinal) >= (w.epoch, w.position, w.ordinal))";
const MARKERS_BEHIND: &str = "select count(*) from unnest($1::text[], $2::int[], $3::bigint[], $4::int[]) as w (key, epoch, position, ordinal)
     where not exists (select 1 from row_marker r
       where r.row_key = w.key and (r.epoch, r.position, r.ordinal) >= (w.epoch, w.position, w.ordinal))";

/// Whose the records are; a decision is about those whose records it names.
const OWN: &str = "select distinct p from record_latest r join anchor a on a.anchor = r.anchor,
       lateral unnest(array[a.person_id, a.leads_to]) as p
     where r.record_key = any($1) or r.record_key in (
       select n.record_key from decision_record n join decision d using (decision_id) where d.record_key = any($1)
       union select k.key from identity_decision d
         join identity_decision_key k on k.decision_id in (d.decision_id, d.reverses) where d.record_key = any($1))";

/// What the records said of ties, in their newest and in the version before: who loses a tie hears of it, too.
const PAYLOADS: &str = "select v.payload from unnest($1::text[]) as t (wanted)
     cross join lateral (select payload from record_version where record_key = wanted
       order by epoch desc, position desc, ordinal desc limit 2) v";

const RELATED: &str = "select distinct b.leads_to
     from (select r.relation_group from anchor a join record_latest r on r.anchor = a.anchor
           where a.leads_to = any($1) and r.relation_group is not null
           union select unnest($2::text[])) as g
     join record_latest o on o.relation_group = g.relation_group
     join anchor b on b.anchor = o.anchor
     where b.leads_to <> all($1)";

const DUE: &str = "select count(*) from due
     where person_id = any($1) and on_date <= coalesce((select date from business_day), current_date)";

/// The versions made since, and the one before them.
const VERSIONS: &str =
    "select id, payload, received_at from person_version where key = $1 and id >= coalesce(
       (select max(id) from person_version where key = $1 and received_at < $2), 0) order by id";

pub(super) async fn merged(
    places: &Places,
    marks: &Marks,
    captured: &Captured,
    deadline: Deadline,
    teller: &mut Teller<'_>,
) -> anyhow::Result<Vec<News>> {
    let pool = &places.registry;
    let records: Vec<_> = captured.records.iter().map(|(key, version)| (key.as_str(), *version)).collect();
    let rows: Vec<_> = captured.rows.iter().map(|(key, version)| (key.as_str(), *version)).collect();
    for (statement, wanted) in [(RECORDS_BEHIND, &records), (MARKERS_BEHIND, &rows)] {
        deadline.until(Stage::Merge, async || arrived(pool, statement, wanted).await).await?;
    }
    let own: Vec<PersonId> = sqlx::query_scalar(OWN)
        .bind(records.iter().map(|(key, _)| *key).collect::<Vec<_>>())
        .fetch_all(pool)
        .await?;
    let related = related(pool, &own, captured.records.keys()).await?;
    let all: Vec<PersonId> = own.iter().chain(&related).copied().collect();
    let nobody_due = async || {
        let due: i64 = sqlx::query_scalar(DUE).bind(&all).fetch_one(pool).await?;
        Ok((due == 0).then_some(()))
    };
    deadline.until(Stage::Merge, nobody_due).await?;
    let mut news = Vec::new();
    for (tie, persons) in [(Tie::Own, own), (Tie::Related, related)] {
        for person_id in persons {
            news.extend(versions(pool, marks, (person_id, tie), teller).await?);
        }
    }
    Ok(news)
}

async fn arrived(
    pool: &PgPool,
    statement: &'static str,
    wanted: &[(&str, Version)],
) -> anyhow::Result<Option<()>> {
    if wanted.is_empty() {
        return Ok(Some(()));
    }
    let behind: i64 = sqlx::query_scalar(statement)
        .bind(wanted.iter().map(|(key, _)| *key).collect::<Vec<_>>())
        .bind(wanted.iter().map(|(_, v)| v.epoch.cast_signed()).collect::<Vec<_>>())
        .bind(wanted.iter().map(|(_, v)| v.position.cast_signed()).collect::<Vec<_>>())
        .bind(wanted.iter().map(|(_, v)| v.ordinal.cast_signed()).collect::<Vec<_>>())
        .fetch_one(pool)
        .await?;
    Ok((behind == 0).then_some(()))
}

/// Who shares an act or a residence file with the persons, or did so before.
async fn related(
    pool: &PgPool,
    own: &[PersonId],
    records: impl Iterator<Item = &RecordKey>,
) -> anyhow::Result<Vec<PersonId>> {
    let keys: Vec<&str> = records.map(RecordKey::as_str).collect();
    let payloads: Vec<Vec<u8>> = sqlx::query_scalar(PAYLOADS).bind(&keys).fetch_all(pool).await?;
    let groups: BTreeSet<String> = payloads
        .iter()
        .filter_map(|payload| match decode_source_message(payload) {
            Ok(SourceMessage::Record(record)) => record.relation_group,
            Ok(
                SourceMessage::Marker(_)
                | SourceMessage::SnapshotBegin(_)
                | SourceMessage::SnapshotEnd(_)
                | SourceMessage::Fence(_),
            )
            | Err(_) => None,
        })
        .collect();
    let groups: Vec<String> = groups.into_iter().collect();
    Ok(sqlx::query_scalar(RELATED).bind(own).bind(&groups).fetch_all(pool).await?)
}

/// Tells the versions of a person since the marks. Who is only related and has none is not spoken of.
async fn versions(
    pool: &PgPool,
    marks: &Marks,
    (person_id, tie): (PersonId, Tie),
    teller: &mut Teller<'_>,
) -> anyhow::Result<Option<News>> {
    let rows: Vec<(i64, Vec<u8>, DateTime<Utc>)> =
        sqlx::query_as(VERSIONS).bind(person_id.to_string()).bind(marks.registry).fetch_all(pool).await?;
    let (mut before, mut news): (Option<PersonImage>, Option<News>) = (None, None);
    for (version, payload, received_at) in rows {
        let image = decode_person_image(&payload)?;
        if received_at < marks.registry {
            before = Some(image);
            continue;
        }
        let (fields, values) = difference(before.as_ref(), &image);
        let milliseconds = teller.since(received_at);
        teller.tell(Hop::Merged { person_id, tie, version, fields, milliseconds });
        let mut all = news.map_or_else(BTreeSet::new, |news: News| news.values);
        all.extend(values);
        news = Some(News { person_id, version, values: all });
        before = Some(image);
    }
    if let (None, Some(image), Tie::Own) = (&news, &before, tie) {
        teller.tell(Hop::Unchanged { person_id, version: image.version.cast_signed() });
    }
    Ok(news)
}

/// Fields that stand otherwise than before, and those of them whose value is another.
fn difference(before: Option<&PersonImage>, now: &PersonImage) -> (Vec<FieldName>, BTreeSet<FieldName>) {
    let empty = BTreeMap::new();
    let was = before.map_or(&empty, |image| &image.fields);
    let names: BTreeSet<&FieldName> = was.keys().chain(now.fields.keys()).collect();
    let (mut stand, mut values) = (Vec::new(), BTreeSet::new());
    for name in names {
        let (old, new) = (was.get(name), now.fields.get(name));
        if old.map(|f| &f.value) != new.map(|f| &f.value) {
            values.insert(name.clone());
        } else if old.map(|f| f.state) == new.map(|f| f.state) {
            continue;
        }
        stand.push(name.clone());
    }
    (stand, values)
}
