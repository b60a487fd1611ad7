//! The head of each golden record.

use crate::StoreError;
use crate::latest::all;
use chrono::NaiveDate;
use registry_rules::{Lifecycle, PersonId, PersonImage};
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;

/// A person as stored.
#[derive(Clone, sqlx::FromRow)]
pub struct PersonRow {
    /// Who.
    pub person_id: PersonId,
    /// Versions published so far.
    pub version: i64,
    /// Hash of the newest version's content; none before the first.
    pub image_hash: Option<Vec<u8>>,
    /// What others may hear (JSON).
    pub facts: Option<String>,
    /// The next day on which the image can differ by itself.
    pub next_due: Option<NaiveDate>,
}

impl std::fmt::Debug for PersonRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PersonRow({}, version {})", self.person_id, self.version)
    }
}

/// The persons that are there, locked for this transaction: one writer at a time.
pub async fn lock_persons(
    connection: &mut PgConnection,
    persons: &[PersonId],
) -> Result<Vec<PersonRow>, StoreError> {
    let rows = sqlx::query_as(
        "select p.person_id, p.version, p.image_hash, p.facts, p.next_due
         from (select wanted from unnest($1::uuid[]) as t (wanted) order by wanted) t
         join person p on p.person_id = t.wanted for update of p",
    )
    .bind(persons)
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// A person as it stands from now on.
#[derive(Clone)]
pub struct PersonWrite {
    /// Who.
    pub person_id: PersonId,
    /// Versions published.
    pub version: i64,
    /// Hash of the newest version's content.
    pub image_hash: Option<[u8; 32]>,
    /// Where the person stands in life.
    pub lifecycle: Lifecycle,
    /// Whether it may be in any population.
    pub countable: bool,
    /// What others may hear (JSON).
    pub facts: Option<String>,
    /// The next day on which the image can differ by itself.
    pub next_due: Option<NaiveDate>,
}

impl std::fmt::Debug for PersonWrite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PersonWrite({}, version {})", self.person_id, self.version)
    }
}

/// The code of a lifecycle in the table: its place in [`Lifecycle::ALL`].
pub(crate) const fn lifecycle_code(lifecycle: Lifecycle) -> i16 {
    match lifecycle {
        Lifecycle::Active => 0,
        Lifecycle::Deceased => 1,
        Lifecycle::Merged => 2,
    }
}

/// Writes persons that this transaction has locked or made.
pub async fn put_persons(connection: &mut PgConnection, persons: &[PersonWrite]) -> Result<(), StoreError> {
    if persons.is_empty() {
        return Ok(());
    }
    let done = sqlx::query(
        "insert into person as p (person_id, version, image_hash, lifecycle, countable, facts, next_due)
         select * from unnest($1::uuid[], $2::bigint[], $3::bytea[], $4::smallint[], $5::bool[], $6::text[], $7::date[])
         on conflict (person_id) do update set version = excluded.version, image_hash = excluded.image_hash,
           lifecycle = excluded.lifecycle, countable = excluded.countable, facts = excluded.facts,
           next_due = excluded.next_due
         where p.version in (excluded.version, excluded.version - 1)",
    )
    .bind(persons.iter().map(|p| p.person_id).collect::<Vec<_>>())
    .bind(persons.iter().map(|p| p.version).collect::<Vec<_>>())
    .bind(persons.iter().map(|p| p.image_hash.as_ref().map(<[u8; 32]>::as_slice)).collect::<Vec<_>>())
    .bind(persons.iter().map(|p| lifecycle_code(p.lifecycle)).collect::<Vec<_>>())
    .bind(persons.iter().map(|p| p.countable).collect::<Vec<_>>())
    .bind(persons.iter().map(|p| p.facts.as_deref()).collect::<Vec<_>>())
    .bind(persons.iter().map(|p| p.next_due).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    all(done.rows_affected(), persons.len(), "a person")
}

/// Hash of all that an image says, whatever version and day it was made at.
pub fn image_hash(image: &PersonImage) -> Result<[u8; 32], StoreError> {
    let content = PersonImage { version: 0, business_date: NaiveDate::default(), ..image.clone() };
    let mut payload = Vec::with_capacity(2_048);
    event_log::encode_person_image(&content, &mut payload)
        .map_err(|_| StoreError::Unwritable("a person image"))?;
    Ok(Sha256::digest(&payload).into())
}
