//! What the command line does with agreements: import, steps, counts.

use disclosure_store::{
    AgreementRow, ChangeError, StoreError, agreements_in_use, business_date, change_state, document,
    import_agreement, outcome_counts, person_page, persons_by_id,
};
use event_log::{MessageReader, ReadError, SchemaRegistry, UnknownFields};
use registry_rules::{AgreementState, FieldCatalogue, PersonImage, covered};
use serde::Serialize;
use sqlx::postgres::PgPool;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Persons read at a time.
const PAGE: i64 = 1_000;

/// The field catalogue that this build carries.
pub fn catalogue() -> anyhow::Result<FieldCatalogue> {
    FieldCatalogue::parse(include_str!("../../../schemas/field-catalogue.toml")).map_err(|faults| {
        anyhow::anyhow!(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}

/// A file that was not imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Not readable.
    #[error("{path}: {source}")]
    File {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Refused.
    #[error("{path}: {source}")]
    Refused {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ChangeError,
    },
}

/// Makes or changes the tables of the disclosure database, and lets a login role dispatch; for the database's owner.
pub async fn migrate(pool: &PgPool, dispatcher_role: &str) -> Result<(), StoreError> {
    disclosure_store::migrate(pool).await?;
    disclosure_store::grant_dispatcher(pool, dispatcher_role).await
}

/// Imports every `*.toml` of a directory, in the order of their names; gives the agreements' names. Importing again
/// changes nothing.
pub async fn import_agreements(
    pool: &PgPool,
    directory: &Path,
    catalogue: &FieldCatalogue,
) -> Result<Vec<String>, ImportError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| ImportError::File { path, source }
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(unreadable(directory))? {
        paths.push(entry.map_err(unreadable(directory))?.path());
    }
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    let mut names = Vec::with_capacity(paths.len());
    for path in paths {
        let text = std::fs::read_to_string(&path).map_err(unreadable(&path))?;
        let imported = import_agreement(pool, &text, catalogue).await;
        names.push(imported.map_err(|source| ImportError::Refused { path, source })?.name);
    }
    Ok(names)
}

/// Puts a version (the newest if none is named) into force.
pub async fn activate(
    pool: &PgPool,
    agreement: &str,
    version: Option<u32>,
    actor: &str,
    catalogue: &FieldCatalogue,
) -> Result<AgreementRow, ChangeError> {
    change_state(pool, agreement, AgreementState::Active, version, (actor, catalogue)).await
}

/// Takes an agreement to another state than active.
pub async fn step(
    pool: &PgPool,
    agreement: &str,
    to: AgreementState,
    actor: &str,
    catalogue: &FieldCatalogue,
) -> Result<AgreementRow, ChangeError> {
    change_state(pool, agreement, to, None, (actor, catalogue)).await
}

/// One agreement's figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AgreementStatus {
    /// The agreement.
    pub agreement: String,
    /// How many it covers today, by the second evaluator over the stored persons.
    pub population: u64,
    /// Entries on the ledger; each mode counts for itself.
    pub authorised: u64,
    /// Received.
    pub delivered: u64,
    /// Overtaken before they were sent.
    pub superseded: u64,
    /// Taken back before they were sent.
    pub withdrawn: u64,
    /// Without outcome yet.
    pub waiting: u64,
}

/// Why figures could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// The disclosure database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A stored image cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl From<sqlx::Error> for StatusError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// The figures of every imported agreement.
pub async fn agreement_status(
    pool: &PgPool,
    schemas: &SchemaRegistry,
) -> Result<Vec<AgreementStatus>, StatusError> {
    let counts = outcome_counts(pool).await?;
    let mut populations = populations(pool, schemas).await?;
    let count = |n: i64| n.unsigned_abs();
    Ok(counts
        .into_iter()
        .map(|c| AgreementStatus {
            population: populations.remove(&c.agreement).unwrap_or(0),
            agreement: c.agreement,
            authorised: count(c.authorised),
            delivered: count(c.delivered),
            superseded: count(c.superseded),
            withdrawn: count(c.withdrawn),
            waiting: count(c.waiting),
        })
        .collect())
}

/// Counts by `covered`, which shares nothing with what authorises.
async fn populations(pool: &PgPool, schemas: &SchemaRegistry) -> Result<BTreeMap<String, u64>, StatusError> {
    let mut connection = pool.acquire().await?;
    let mut tables = Vec::new();
    for row in agreements_in_use(&mut connection).await? {
        let in_force = matches!(row.state, AgreementState::Active | AgreementState::Suspended);
        let text = document(&mut connection, &row.agreement, row.version).await?.unwrap_or_default();
        if let Ok(table) = text.parse::<toml::Table>()
            && in_force
        {
            tables.push((row.agreement, table));
        }
    }
    let mut counts: BTreeMap<String, u64> = tables.iter().map(|(name, _)| (name.clone(), 0)).collect();
    let Some(day) = business_date(&mut connection).await? else { return Ok(counts) };
    let mut reader: MessageReader<PersonImage> = MessageReader::new(schemas.clone(), UnknownFields::LeaveOut);
    let mut after = None;
    loop {
        let page = person_page(&mut connection, after, PAGE).await?;
        let Some(last) = page.last().copied() else { return Ok(counts) };
        for (_, bytes) in persons_by_id(&mut connection, &page).await? {
            let image = reader.read_payload(&bytes, None).await?;
            for (name, _) in tables.iter().filter(|(_, table)| covered(&image, table, day)) {
                *counts.entry(name.clone()).or_default() += 1;
            }
        }
        after = Some(last);
    }
}
