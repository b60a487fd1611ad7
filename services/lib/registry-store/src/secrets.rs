//! What of a person's past only those may see who have a purpose for it: the family secret of an adoption, as it is now.
//! Whoever asks about an earlier moment is bound by it as well. A view for a purpose is noted before it is given.

use crate::show::{catalogue_in_force, record};
use crate::{RecordHistory, StoreError, history};
use chrono::{DateTime, NaiveDate, Utc};
use registry_rules::{
    Cardinality, Considered, FamilySecret, FieldCatalogue, FieldName, FieldValue, PersonId, RecordKey,
    STEWARD, SourceRecord, family_secret, offered_keys,
};
use sqlx::{PgConnection, PgPool};
use std::collections::BTreeSet;

/// Records of one person that are read; beyond it a person is an error of matching.
const MOST_RECORDS: i64 = 1_000;
/// Persons who have now what was once a person's: more are an error of matching, and nothing is shown.
const MOST_OTHERS: usize = 200;
/// Ids that lead to another: longer chains would be a fault of ours.
const MOST_REDIRECTS: usize = 16;

/// Versions of the acts of one secret that are read for their keys: a row that changed oftener is nobody's act.
const MOST_VERSIONS: i64 = 1_000;

/// A secret, since when the registry has known of it, and the keys by which its acts are found: an act's key holds its
/// number in the book.
#[derive(Clone, Debug)]
struct Kept {
    secret: FamilySecret,
    known_since: Option<DateTime<Utc>>,
    keys: BTreeSet<String>,
}

impl Kept {
    async fn of(connection: &mut PgConnection, secret: FamilySecret) -> Result<Self, StoreError> {
        let known_since = known_since(connection, &secret).await?;
        let keys = keys_of_acts(connection, &secret).await?;
        Ok(Self { secret, known_since, keys })
    }
}

/// The secrets that a person's past holds: their own adoption, and that of a child they gave birth to.
#[derive(Clone, Debug, Default)]
pub struct FamilySecrets(Vec<Kept>);

impl FamilySecrets {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether what an item said is secret: on a legal day, as known at a moment (none: now).
    pub fn hides(&self, field: &FieldName, valid_on: NaiveDate, known_at: Option<DateTime<Utc>>) -> bool {
        self.0.iter().any(|kept| {
            let untold = known_at.zip(kept.known_since).is_some_and(|(at, since)| at < since);
            kept.secret.covers(field, valid_on) || (untold && kept.secret.fields.contains(field))
        })
    }

    /// Whether a record tells of a secret: each role of a row names the others.
    pub fn hides_record(&self, record_key: &RecordKey) -> bool {
        let row = record_key.row();
        self.0.iter().flat_map(|kept| &kept.secret.records).any(|secret| secret.row() == row)
    }

    /// Whether an anchor or source key names a record or an act that tells of a secret.
    pub fn hides_anchor(&self, anchor: &str) -> bool {
        let alone = ["record:", "apart:"].iter().find_map(|kind| anchor.strip_prefix(kind));
        match alone.and_then(|key| RecordKey::try_from(key.to_owned()).ok()) {
            Some(record) => self.hides_record(&record),
            None => self.0.iter().any(|kept| kept.keys.contains(anchor)),
        }
    }
}

impl FamilySecrets {
    /// Whether a version of a record tells of a secret: the act's own, or a decision about it.
    pub(crate) fn hides_version(&self, entry: &RecordHistory) -> bool {
        if entry.record_key.source() != STEWARD {
            return self.hides_record(&entry.record_key);
        }
        let said = |name: &str| entry.fields.iter().find(|(field, _)| field.as_str() == name);
        let text = |name: &str| said(name).and_then(|(_, value)| value.text());
        let records = ["steward.takes", "steward.record", "steward.other_record"];
        let anchors = ["steward.anchor", "steward.other_anchor"];
        records.into_iter().filter_map(text).any(|key| self.hides_anchor(&format!("record:{key}")))
            || anchors.into_iter().filter_map(text).any(|anchor| self.hides_anchor(anchor))
    }

    /// Leaves out of a decision that is shown which of the records before the steward's eyes tell of a secret.
    pub(crate) fn strip(&self, entry: &mut RecordHistory) {
        let considered = entry.fields.iter_mut().find(|(field, _)| field.as_str() == "steward.considered");
        let Some((_, FieldValue::Text(json))) = considered else { return };
        let seen: Vec<Considered> = serde_json::from_str(json).unwrap_or_default();
        let open: Vec<&Considered> = seen.iter().filter(|one| !self.hides_record(&one.record_key)).collect();
        if open.len() < seen.len() {
            *json = serde_json::to_string(&open).unwrap_or_default();
        }
    }
}

/// The secrets of a person, or of who the id leads to now; and those of whom records belong to that were once this person's, or
/// were taken for it: an earlier moment shows them here.
pub async fn family_secrets(pool: &PgPool, person: PersonId) -> Result<FamilySecrets, StoreError> {
    let catalogue = catalogue_in_force(pool).await?;
    let mut connection = pool.acquire().await?;
    let person = standing_id(&mut connection, person).await?;
    let mut found = own_secrets(&mut connection, person, &catalogue).await?;
    for other in now_elsewhere(&mut connection, person).await? {
        found.extend(own_secrets(&mut connection, other, &catalogue).await?);
    }
    Ok(FamilySecrets(found))
}

/// Who has now what once offered, or was linked or ruled to, a key of the person ($1).
const NOW_ELSEWHERE: &str = "
    with key (anchor) as (select anchor from anchor where leads_to = $1),
      once (record_key) as (
        select r.record_key from key cross join lateral (
          select record_key from record_former where key = key.anchor offset 0) r
        union select r.record_key from key cross join lateral (
          select source_key from scored_link where anchor = key.anchor offset 0) l
        cross join lateral (
          select record_key from record_latest where source_key = l.source_key
          union all select substr(l.source_key, 8) where l.source_key like 'record:%' offset 0) r
        union select n.record_key from key cross join lateral (
          select decision_id from identity_decision_key k where k.key = key.anchor offset 0) k
        join identity_decision d on d.decision_id = k.decision_id
        cross join lateral (values (d.subject), (d.other)) n (record_key) where n.record_key is not null)
    select distinct a.leads_to from once cross join lateral (
      select anchor from record_latest where record_key = once.record_key limit 1) r
    join anchor a on a.anchor = r.anchor where a.leads_to <> $1 limit $2";

async fn now_elsewhere(connection: &mut PgConnection, person: PersonId) -> Result<Vec<PersonId>, StoreError> {
    let others: Vec<PersonId> = sqlx::query_scalar(NOW_ELSEWHERE)
        .bind(person)
        .bind(i64::try_from(MOST_OTHERS).unwrap_or(i64::MAX).saturating_add(1))
        .fetch_all(connection)
        .await?;
    if others.len() > MOST_OTHERS {
        return Err(StoreError::TooMany { what: "persons whose records were once here", limit: MOST_OTHERS });
    }
    Ok(others)
}

async fn own_secrets(
    connection: &mut PgConnection,
    person: PersonId,
    catalogue: &FieldCatalogue,
) -> Result<Vec<Kept>, StoreError> {
    let own = records_of(connection, person).await?;
    let mut found = Vec::new();
    if let Some(secret) = family_secret(&own, catalogue) {
        found.push(Kept::of(connection, secret).await?);
    }
    for act in own.iter().filter(|record| is_adopting(&record.record_key)) {
        // Whoever adopts is a parent like any other; only the act tells.
        let records = vec![act.record_key.clone()];
        let secret = FamilySecret { fields: Vec::new(), since: None, records };
        found.push(Kept::of(connection, secret).await?);
    }
    for birth in own.iter().filter(|record| is_parent(&record.record_key)) {
        found.extend(of_child(connection, birth, catalogue).await?);
    }
    Ok(found)
}

/// The secrets of all whose records or keys these are, taken together: for what names several persons.
pub async fn secrets_around(
    pool: &PgPool,
    records: &BTreeSet<String>,
    anchors: &BTreeSet<String>,
) -> Result<FamilySecrets, StoreError> {
    let persons: Vec<PersonId> = sqlx::query_scalar(
        "select a.leads_to from unnest($1::text[]) as t (wanted)
           cross join lateral (select anchor from record_latest where record_key = wanted limit 1) r
           join anchor a on a.anchor = r.anchor
         union select a.leads_to from anchor a where a.anchor = any($2)",
    )
    .bind(records.iter().collect::<Vec<_>>())
    .bind(anchors.iter().collect::<Vec<_>>())
    .fetch_all(pool)
    .await?;
    let mut all = FamilySecrets::default();
    for person in persons {
        all.0.extend(family_secrets(pool, person).await?.0);
    }
    Ok(all)
}

/// Whether a record is of a parent in a row about a birth.
fn is_parent(key: &RecordKey) -> bool {
    matches!((key.source(), key.entity()), ("civil_status", "birth") | ("medical", "birth_notice"))
        && matches!(key.role(), "mother" | "father")
}

fn is_adopting(key: &RecordKey) -> bool {
    (key.source(), key.entity()) == ("civil_status", "adoption") && matches!(key.role(), "mother" | "father")
}

/// Of a birth whose child was adopted since: that it names this parent, and whom the parent was related to by it.
async fn of_child(
    connection: &mut PgConnection,
    birth: &SourceRecord,
    catalogue: &FieldCatalogue,
) -> Result<Option<Kept>, StoreError> {
    let child: Option<PersonId> = sqlx::query_scalar(
        "select a.leads_to from record_latest r join anchor a on a.anchor = r.anchor where r.record_key = $1",
    )
    .bind(birth.record_key.row().record("child").as_str())
    .fetch_optional(&mut *connection)
    .await?;
    let Some(child) = child else { return Ok(None) };
    let Some(secret) = family_secret(&records_of(connection, child).await?, catalogue) else {
        return Ok(None);
    };
    // Of the adoption, which stands with the child.
    let known_since = known_since(connection, &secret).await?;
    let relations = catalogue.iter().filter(|f| f.family_secret && f.cardinality == Cardinality::Relation);
    let secret = FamilySecret {
        fields: relations.map(|f| f.name.clone()).collect(),
        since: secret.since,
        records: vec![birth.record_key.clone()],
    };
    let keys = keys_of_acts(connection, &secret).await?;
    Ok(Some(Kept { secret, known_since, keys }))
}

/// The source keys that the records of a secret have ever offered, other than those of their persons.
async fn keys_of_acts(
    connection: &mut PgConnection,
    secret: &FamilySecret,
) -> Result<BTreeSet<String>, StoreError> {
    let payloads: Vec<Vec<u8>> =
        sqlx::query_scalar("select payload from record_version where record_key = any($1) limit $2")
            .bind(secret.records.iter().map(RecordKey::as_str).collect::<Vec<_>>())
            .bind(MOST_VERSIONS)
            .fetch_all(connection)
            .await?;
    let mut keys = BTreeSet::new();
    for payload in payloads {
        keys.extend(offered_keys(&record(&payload)?).into_iter().filter(|key| key.starts_with("act:")));
    }
    Ok(keys)
}

async fn known_since(
    connection: &mut PgConnection,
    secret: &FamilySecret,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let acts = secret.records.iter().filter(|key| key.entity() == "adoption");
    let since = sqlx::query_scalar("select min(received_at) from record_version where record_key = any($1)")
        .bind(acts.map(RecordKey::as_str).collect::<Vec<_>>())
        .fetch_one(connection)
        .await?;
    Ok(since)
}

async fn standing_id(connection: &mut PgConnection, person: PersonId) -> Result<PersonId, StoreError> {
    let mut person = person;
    for _ in 0..MOST_REDIRECTS {
        let image = history::newest_image(connection, person).await?;
        match image.and_then(|image| image.merged_into) {
            Some(into) => person = into,
            None => break,
        }
    }
    Ok(person)
}

async fn records_of(
    connection: &mut PgConnection,
    person: PersonId,
) -> Result<Vec<SourceRecord>, StoreError> {
    let payloads: Vec<Vec<u8>> = sqlx::query_scalar(
        "select v.payload from anchor a join record_latest r on r.anchor = a.anchor
         join record_version v on v.record_key = r.record_key and v.epoch = r.epoch and v.position = r.position
           and v.ordinal = r.ordinal
         where a.leads_to = $1 limit $2",
    )
    .bind(person)
    .bind(MOST_RECORDS)
    .fetch_all(connection)
    .await?;
    payloads.iter().map(|payload| record(payload)).collect()
}

/// Who sees a person's whole past, and what for.
#[derive(Clone, Copy, Debug)]
pub struct SecretView<'a> {
    /// Who.
    pub viewer: &'a str,
    /// Whose past.
    pub person: PersonId,
    /// What for.
    pub purpose: &'a str,
    /// By which command.
    pub command: &'a str,
}

/// Notes a view, before anything is shown.
pub async fn note_secret_view(pool: &PgPool, view: &SecretView<'_>) -> Result<(), StoreError> {
    sqlx::query("insert into secret_view (viewer, person_id, purpose, command) values ($1, $2, $3, $4)")
        .bind(view.viewer)
        .bind(view.person)
        .bind(view.purpose)
        .bind(view.command)
        .execute(pool)
        .await?;
    Ok(())
}
