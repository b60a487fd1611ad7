//! All persons as they follow from the kept record versions, page by page: for whoever looks at the whole registry at
//! another moment, or by other rules.

use crate::known::{Found, Seeds, known_around};
use crate::{Present, StoreError, catalogue_of, present, present_at};
use chrono::{DateTime, NaiveDate, Utc};
use registry_rules::{FieldCatalogue, FingerprintKey, PersonId, RecordKey, StateHash, Terms, person_hash};
use sha2::{Digest as _, Sha256};
use sqlx::{PgConnection, PgPool};
use std::collections::{BTreeSet, HashSet};

/// Records of one page: few enough that a page with all around fits in memory many times over.
const PAGE: i64 = 500;
/// Records of persons told already that are remembered at most, so that pages to come do not read these persons again for each of
/// their records: about 100 MB. Of more records some are read again, and nothing else changes.
const MOST_REMEMBERED: usize = 4_000_000;
/// Records that a page may read with all around it.
const MOST_RECORDS: usize = 200_000;

/// The persons of a page: each person is in the page of the first of its record keys, so in one only.
#[derive(Debug)]
pub struct PersonPage {
    /// The records of the page's persons and around them.
    pub found: Found,
    /// Where the page's persons stand.
    pub anchors: Vec<String>,
}

/// Walks all persons.
#[derive(Debug)]
pub struct PersonPages {
    until: Option<DateTime<Utc>>,
    after: Option<String>,
    records: i64,
    /// Digests of records ahead whose persons were in a page before.
    told: HashSet<[u8; 16]>,
}

impl PersonPages {
    /// From the first page on: what had been received by a moment, or all.
    pub fn new(until: Option<DateTime<Utc>>) -> Self {
        Self::of(until, PAGE)
    }

    /// The same in pages of so many records.
    pub fn of(until: Option<DateTime<Utc>>, records: i64) -> Self {
        Self { until, after: Some(String::new()), records, told: HashSet::new() }
    }

    /// The next page; none after the last.
    pub async fn next(&mut self, connection: &mut PgConnection) -> Result<Option<PersonPage>, StoreError> {
        while let Some(after) = self.after.take() {
            let keys: Vec<String> = sqlx::query_scalar(
                "select record_key from record_latest where record_key > $1 order by 1 limit $2",
            )
            .bind(after)
            .bind(self.records)
            .fetch_all(&mut *connection)
            .await?;
            self.after = keys.last().cloned();
            // A person begins with its first record: whoever was told is in no page to come.
            let records: BTreeSet<String> =
                keys.into_iter().filter(|key| !self.told.remove(&digest(key))).collect();
            if !records.is_empty() {
                return self.page(connection, records).await.map(Some);
            }
        }
        Ok(None)
    }

    async fn page(
        &mut self,
        connection: &mut PgConnection,
        records: BTreeSet<String>,
    ) -> Result<PersonPage, StoreError> {
        let seeds = Seeds { keys: BTreeSet::new(), records };
        let found = known_around(connection, &seeds, self.until, MOST_RECORDS).await?;
        let begins = |anchor: &&str| {
            let first: Option<&RecordKey> = found.known.records_at(anchor).next();
            first.is_some_and(|first| seeds.records.contains(first.as_str()))
        };
        let anchors: Vec<String> = found.known.anchors().filter(begins).map(ToOwned::to_owned).collect();
        let end = self.after.as_deref().unwrap_or_default();
        let ahead = anchors.iter().flat_map(|anchor| found.known.records_at(anchor));
        for key in ahead.map(RecordKey::as_str).filter(|key| *key > end) {
            if self.told.len() < MOST_REMEMBERED {
                self.told.insert(digest(key));
            }
        }
        Ok(PersonPage { found, anchors })
    }
}

/// Half a SHA-256: no two keys that ever come have the same.
fn digest(key: &str) -> [u8; 16] {
    let digest = Sha256::digest(key.as_bytes());
    digest.first_chunk::<16>().copied().unwrap_or_default()
}

/// The state hash that a registry would have that had received only what came by a moment: the same pure merge over the
/// kept versions. Reads the whole registry in one view.
pub async fn state_hash_at(
    pool: &PgPool,
    known: Option<DateTime<Utc>>,
    key: &FingerprintKey,
) -> Result<StateHash, StoreError> {
    let mut transaction = pool.begin().await?;
    sqlx::query("set transaction isolation level repeatable read, read only")
        .execute(&mut *transaction)
        .await?;
    let (today, catalogue) = ground_at(&mut transaction, known).await?;
    let terms = Terms { catalogue: &catalogue, key, today, day: today };
    let mut pages = PersonPages::new(known);
    let mut hash = StateHash::default();
    while let Some(page) = pages.next(&mut transaction).await? {
        for anchor in &page.anchors {
            if let Some(person) = page.found.known.person(anchor, PersonId::nil(), &terms) {
                hash.add(&person_hash(&person.records, &person.outcome.image, &person.cases));
            }
        }
    }
    transaction.commit().await?;
    Ok(hash)
}

/// Day and rules of a moment.
pub(crate) async fn ground_at(
    connection: &mut PgConnection,
    known: Option<DateTime<Utc>>,
) -> Result<(NaiveDate, FieldCatalogue), StoreError> {
    let Present { date, rule_set } = match known {
        Some(moment) => present_at(connection, moment).await?,
        None => present(connection).await?,
    };
    let text = catalogue_of(connection, &rule_set).await?;
    let catalogue = text.and_then(|text| FieldCatalogue::parse(&text).ok());
    Ok((date, catalogue.ok_or(StoreError::Unreadable("rule set"))?))
}
