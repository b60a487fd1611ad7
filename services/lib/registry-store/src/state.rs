//! The state hash: one number that says whether two registries hold the same.

use crate::cases::read_subject;
use crate::load::record_counts;
use crate::{RecordCounts, StoreError, anchors_leading_to, history, records_at_anchors, show};
use registry_rules::{
    CaseFinding, CaseKind, CaseSubject, PersonId, RecordKey, SourceRecord, StateHash, person_hash,
};
use sqlx::{PgConnection, PgPool};
use std::collections::BTreeMap;

/// Persons read at once.
const PAGE: i64 = 2_000;

/// What the registry holds.
#[derive(Clone, Copy, Debug)]
pub struct RegistryState {
    /// Sum of the hashes of persons with records.
    pub hash: StateHash,
    /// Persons, cases and what is left to do.
    pub counts: RecordCounts,
}

/// Computes the state hash from what is stored, in one consistent view.
pub async fn registry_state(pool: &PgPool) -> Result<RegistryState, StoreError> {
    let mut transaction = pool.begin().await?;
    sqlx::query("set transaction isolation level repeatable read, read only")
        .execute(&mut *transaction)
        .await?;
    let mut hash = StateHash::default();
    let mut after = PersonId::nil();
    loop {
        let persons: Vec<PersonId> = sqlx::query_scalar(
            "select person_id from person where person_id > $1 order by person_id limit $2",
        )
        .bind(after)
        .bind(PAGE)
        .fetch_all(&mut *transaction)
        .await?;
        let Some(last) = persons.last() else { break };
        after = *last;
        for one in page(&mut transaction, &persons).await? {
            hash.add(&one);
        }
    }
    transaction.commit().await?;
    Ok(RegistryState { hash, counts: record_counts(pool).await? })
}

/// How far the matcher is from what follows from the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MatcherAt {
    /// No record was ever compared here, or nobody compares any more.
    Off,
    /// Every record gets its place in the blocks: which links there will be is open.
    Sweeping,
    /// So many rows and source keys wait for it; none: links are what the records say.
    Live(i64),
}

/// Where the matcher is.
pub async fn matcher_at(pool: &PgPool) -> Result<MatcherAt, StoreError> {
    let row: Option<(String, i64)> = sqlx::query_as(
        "select phase, (select count(*) from match_pending) + (select count(*) from match_again) from match_state",
    )
    .fetch_optional(pool)
    .await?;
    Ok(match row {
        None => MatcherAt::Off,
        Some((phase, waiting)) if phase == "live" => MatcherAt::Live(waiting),
        Some(_) => MatcherAt::Sweeping,
    })
}

/// How the matcher stands: how far it is, and whether somebody is at it.
#[derive(Clone, Debug, PartialEq)]
pub struct MatcherStanding {
    /// How far it is.
    pub at: MatcherAt,
    /// For how long nobody has held its lease; 0 while somebody does, and where nobody ever has.
    pub unattended_seconds: f64,
}

/// How the matcher stands that works under a lease of this name.
pub async fn matcher_standing(pool: &PgPool, lease: &str) -> Result<MatcherStanding, StoreError> {
    let at = matcher_at(pool).await?;
    let unattended: Option<f64> = sqlx::query_scalar(
        "select greatest(extract(epoch from now() - until), 0)::float8 from lease where name = $1",
    )
    .bind(lease)
    .fetch_optional(pool)
    .await?;
    Ok(MatcherStanding { at, unattended_seconds: unattended.unwrap_or_default() })
}

/// The hashes of those persons that have records: an id without any is history, not state.
async fn page(connection: &mut PgConnection, persons: &[PersonId]) -> Result<Vec<[u8; 32]>, StoreError> {
    let anchors = anchors_leading_to(connection, persons).await?;
    let by_anchor: BTreeMap<&str, PersonId> =
        anchors.iter().map(|a| (a.anchor.as_str(), a.leads_to)).collect();
    let keys: Vec<&str> = by_anchor.keys().copied().collect();
    let mut records: BTreeMap<PersonId, Vec<SourceRecord>> = BTreeMap::new();
    for row in records_at_anchors(connection, &keys).await? {
        if let Some(person) = by_anchor.get(row.anchor.as_str()) {
            records.entry(*person).or_default().push(show::record(&row.payload)?);
        }
    }
    let images: Vec<(Vec<u8>,)> = sqlx::query_as(
        "select v.payload from unnest($1::uuid[]) as t (wanted)
         cross join lateral (select person_id, version from person where person_id = wanted limit 1) p
         cross join lateral (
           select payload from person_version where key = p.person_id::text and id = p.version limit 1) v",
    )
    .bind(records.keys().copied().collect::<Vec<_>>())
    .fetch_all(&mut *connection)
    .await?;
    let cases = open_cases(connection, &records).await?;
    let mut hashes = Vec::with_capacity(records.len());
    for (payload,) in images {
        let image = history::image(&payload)?;
        let own = records.get(&image.person_id).map_or(&[][..], Vec::as_slice);
        let open = cases.get(&image.person_id).map_or(&[][..], Vec::as_slice);
        hashes.push(person_hash(own, &image, open));
    }
    Ok(hashes)
}

async fn open_cases(
    connection: &mut PgConnection,
    records: &BTreeMap<PersonId, Vec<SourceRecord>>,
) -> Result<BTreeMap<PersonId, Vec<CaseFinding>>, StoreError> {
    let mut subjects: BTreeMap<String, (PersonId, CaseSubject)> = BTreeMap::new();
    for (person, own) in records {
        let mut add =
            |subject: CaseSubject| subjects.insert(crate::case_subject(&subject), (*person, subject));
        add(CaseSubject::Person(*person));
        for record in own {
            add(CaseSubject::Record(record.record_key.clone()));
        }
    }
    let rows: Vec<CaseColumns> = sqlx::query_as(
        "select null::uuid as person_id, c.* from unnest($1::text[]) as t (wanted) cross join lateral (
           select subject, kind, field, fingerprint, records, severity from registry_case
           where open and subject = wanted offset 0) c
         union all
         select p.person_id, c.* from unnest($2::uuid[]) as t (person) cross join lateral (
           select person_id, subject from case_pair where person_id = person offset 0) p
         cross join lateral (
           select subject, kind, field, fingerprint, records, severity from registry_case c
           where open and c.subject = p.subject offset 0) c",
    )
    .bind(subjects.keys().collect::<Vec<_>>())
    .bind(records.keys().copied().collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    let mut cases: BTreeMap<PersonId, Vec<CaseFinding>> = BTreeMap::new();
    for row in rows {
        let pair = read_subject(&row.subject).zip(row.person_id).map(|(pair, person)| (person, pair));
        let Some((person, subject)) = pair.or_else(|| subjects.get(&row.subject).cloned()) else { continue };
        cases.entry(person).or_default().push(row.finding(subject)?);
    }
    Ok(cases)
}

#[derive(sqlx::FromRow)]
struct CaseColumns {
    /// Of a pair, the one of the two that is asked about.
    person_id: Option<PersonId>,
    subject: String,
    kind: String,
    field: String,
    fingerprint: String,
    records: Vec<String>,
    severity: i16,
}

impl CaseColumns {
    fn finding(self, subject: CaseSubject) -> Result<CaseFinding, StoreError> {
        let unreadable = || StoreError::Unreadable("case");
        let field = (!self.field.is_empty()).then(|| self.field.parse()).transpose();
        let records = self.records.into_iter().map(RecordKey::try_from).collect::<Result<_, _>>();
        Ok(CaseFinding {
            subject,
            kind: CaseKind::ALL.into_iter().find(|k| k.as_str() == self.kind).ok_or_else(unreadable)?,
            field: field.map_err(|_| unreadable())?,
            fingerprint: self.fingerprint,
            records: records.map_err(|_| unreadable())?,
            severity: u8::try_from(self.severity).map_err(|_| unreadable())?,
        })
    }
}
