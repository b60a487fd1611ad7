//! Versions of agreements, their state, and the steps from one to the next.

use crate::{StoreError, backfill};
use registry_rules::{Agreement, AgreementError, AgreementState, FieldCatalogue};
use sqlx::PgConnection;
use sqlx::postgres::PgPool;

/// An agreement that has been activated at least once: who is in it is compared with what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgreementRow {
    /// The agreement.
    pub agreement: String,
    /// Where it stands.
    pub state: AgreementState,
    /// The version in force.
    pub version: i32,
    /// The generation of its topic.
    pub generation: i32,
}

/// One agreement as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct AgreementListing {
    /// The agreement.
    pub agreement: String,
    /// Where it stands.
    pub state: String,
    /// The version in force.
    pub version: Option<i32>,
    /// The newest version there is.
    pub newest_version: i32,
    /// The generation of its topic.
    pub generation: i32,
}

/// Why an agreement was not imported or did not change its state.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The file has faults.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Faults(Vec<AgreementError>),
    /// The version is there, and says something else.
    #[error(
        "agreement {agreement} version {version} exists and says something else; a version never changes: raise it"
    )]
    VersionTaken {
        /// The agreement.
        agreement: String,
        /// The version.
        version: u32,
    },
    /// No such agreement or version.
    #[error("agreement {0} is not there; import it first")]
    Unknown(String),
    /// The step is not one of those that the procedure has.
    #[error("agreement {agreement} is {from} and cannot become {to} (Circular 46/2022/TT-BCA art. 7)")]
    Step {
        /// The agreement.
        agreement: String,
        /// Where it stands.
        from: &'static str,
        /// Where it should go.
        to: &'static str,
    },
    /// A version without a mode through which the subscriber already holds persons: they could not be taken back.
    #[error(
        "agreement {0}: the version in force sends by a mode that the new one does not have; end the agreement instead"
    )]
    DropsMode(String),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for ChangeError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Imports one file. The same version with the same content is no change; with another content it is refused. A new
/// agreement starts where the file says, at most approved: switching on is an act of its own.
pub async fn import_agreement(
    pool: &PgPool,
    text: &str,
    catalogue: &FieldCatalogue,
) -> Result<Agreement, ChangeError> {
    let agreement = Agreement::parse(text, catalogue).map_err(ChangeError::Faults)?;
    let version = agreement.version.cast_signed();
    let mut transaction = pool.begin().await?;
    let inserted = sqlx::query(
        "insert into agreement_version (agreement, version, document) values ($1, $2, $3) on conflict do nothing",
    )
    .bind(&agreement.name)
    .bind(version)
    .bind(text)
    .execute(&mut *transaction)
    .await?;
    if inserted.rows_affected() == 0 {
        let stored = document(&mut transaction, &agreement.name, version).await?;
        // What counts is what it says: a comment may be added to the file.
        if stored.map(|text| Agreement::parse(&text, catalogue)) != Some(Ok(agreement.clone())) {
            return Err(ChangeError::VersionTaken { agreement: agreement.name, version: agreement.version });
        }
        return Ok(agreement);
    }
    sqlx::query("insert into agreement_field (agreement, version, field) select $1, $2, unnest($3::text[])")
        .bind(&agreement.name)
        .bind(version)
        .bind(agreement.fields.iter().map(String::as_str).collect::<Vec<_>>())
        .execute(&mut *transaction)
        .await?;
    let state = if agreement.state.is_compared() { AgreementState::Approved } else { agreement.state };
    sqlx::query("insert into agreement_state (agreement, state) values ($1, $2) on conflict do nothing")
        .bind(&agreement.name)
        .bind(state.as_str())
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(agreement)
}

/// The text of a version.
pub async fn document(
    connection: &mut PgConnection,
    agreement: &str,
    version: i32,
) -> Result<Option<String>, StoreError> {
    let text =
        sqlx::query_scalar("select document from agreement_version where agreement = $1 and version = $2")
            .bind(agreement)
            .bind(version)
            .fetch_optional(connection)
            .await?;
    Ok(text)
}

/// The agreements that are compared, with the versions in force, as this statement's snapshot sees them. Takes no lock.
pub async fn agreements_in_use(connection: &mut PgConnection) -> Result<Vec<AgreementRow>, StoreError> {
    let rows: Vec<(String, String, i32, i32)> = sqlx::query_as(
        "select agreement, state, version, generation from agreement_state where version is not null order by agreement",
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|(agreement, state, version, generation)| {
            let state = read_state(&state)?;
            Ok(AgreementRow { agreement, state, version, generation })
        })
        .collect()
}

fn read_state(word: &str) -> Result<AgreementState, StoreError> {
    AgreementState::from_word(word).ok_or(StoreError::Content { table: "agreement_state", column: "state" })
}

/// The plain rows of a version: what the guard reads.
pub async fn permitted_fields(
    connection: &mut PgConnection,
    agreement: &str,
    version: i32,
) -> Result<Vec<String>, StoreError> {
    let fields =
        sqlx::query_scalar("select field from agreement_field where agreement = $1 and version = $2")
            .bind(agreement)
            .bind(version)
            .fetch_all(connection)
            .await?;
    Ok(fields)
}

/// Field names that the version in force or an earlier one has had.
pub async fn fields_ever(
    connection: &mut PgConnection,
    agreement: &str,
    version: i32,
) -> Result<Vec<String>, StoreError> {
    let fields = sqlx::query_scalar(
        "select distinct field from agreement_field where agreement = $1 and version <= $2",
    )
    .bind(agreement)
    .bind(version)
    .fetch_all(connection)
    .await?;
    Ok(fields)
}

/// Every agreement with its state.
pub async fn list_agreements(pool: &PgPool) -> Result<Vec<AgreementListing>, StoreError> {
    let list = sqlx::query_as(
        "select s.agreement, s.state, s.version, v.newest_version, s.generation
         from agreement_state s
         join (select agreement, max(version) as newest_version from agreement_version group by 1) v using (agreement)
         order by 1",
    )
    .fetch_all(pool)
    .await?;
    Ok(list)
}

/// A step of an agreement, by whom. Becoming active takes a version (the newest if none is named) into force; that, a
/// suspension and an end ask for everybody to be compared anew. Permitting less, or by other modes, opens a new
/// generation of the topic.
pub async fn change_state(
    pool: &PgPool,
    agreement: &str,
    to: AgreementState,
    version: Option<u32>,
    who: (&str, &FieldCatalogue),
) -> Result<AgreementRow, ChangeError> {
    let (actor, catalogue) = who;
    let mut transaction = pool.begin().await?;
    let unknown = || ChangeError::Unknown(agreement.to_owned());
    let (state, old, generation): (String, Option<i32>, i32) = sqlx::query_as(
        "select state, version, generation from agreement_state where agreement = $1 for update",
    )
    .bind(agreement)
    .fetch_optional(&mut *transaction)
    .await?
    .ok_or_else(unknown)?;
    let from = read_state(&state)?;
    let changes_version = from == AgreementState::Active && to == AgreementState::Active;
    if !from.may_become(to) && !changes_version {
        return Err(ChangeError::Step {
            agreement: agreement.to_owned(),
            from: from.as_str(),
            to: to.as_str(),
        });
    }
    let new = if to == AgreementState::Active {
        Some(wanted_version(&mut transaction, agreement, version).await?.ok_or_else(unknown)?)
    } else {
        old
    };
    let anew = match (old, new) {
        (Some(old), Some(new)) if old != new => {
            opens_generation(&mut transaction, agreement, (old, new), catalogue).await?
        }
        (Some(_) | None, Some(_) | None) => false,
    };
    let generation = generation + i32::from(anew);
    record_step(&mut transaction, agreement, (from, to), (new, generation), actor).await?;
    if new.is_some() && to.is_compared() {
        backfill::request(&mut transaction, agreement).await?;
    }
    transaction.commit().await?;
    Ok(AgreementRow { agreement: agreement.to_owned(), state: to, version: new.unwrap_or(0), generation })
}

async fn wanted_version(
    connection: &mut PgConnection,
    agreement: &str,
    version: Option<u32>,
) -> Result<Option<i32>, StoreError> {
    let found = sqlx::query_scalar(
        "select max(version) from agreement_version where agreement = $1 and version = coalesce($2, version)",
    )
    .bind(agreement)
    .bind(version.map(u32::cast_signed))
    .fetch_one(connection)
    .await?;
    Ok(found)
}

async fn opens_generation(
    connection: &mut PgConnection,
    agreement: &str,
    (old, new): (i32, i32),
    catalogue: &FieldCatalogue,
) -> Result<bool, ChangeError> {
    let unknown = || ChangeError::Unknown(agreement.to_owned());
    let before = document(connection, agreement, old).await?.ok_or_else(unknown)?;
    let after = document(connection, agreement, new).await?.ok_or_else(unknown)?;
    let before = Agreement::parse(&before, catalogue).map_err(ChangeError::Faults)?;
    let after = Agreement::parse(&after, catalogue).map_err(ChangeError::Faults)?;
    if !after.modes.is_superset(&before.modes) {
        return Err(ChangeError::DropsMode(agreement.to_owned()));
    }
    Ok(after.is_narrower_than(&before) || after.modes != before.modes)
}

async fn record_step(
    connection: &mut PgConnection,
    agreement: &str,
    (from, to): (AgreementState, AgreementState),
    (version, generation): (Option<i32>, i32),
    actor: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "update agreement_state set state = $2, version = $3, generation = $4, changed_at = clock_timestamp()
         where agreement = $1",
    )
    .bind(agreement)
    .bind(to.as_str())
    .bind(version)
    .bind(generation)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "insert into agreement_event (agreement, actor, from_state, to_state, version, generation)
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(agreement)
    .bind(actor)
    .bind(from.as_str())
    .bind(to.as_str())
    .bind(version)
    .bind(generation)
    .execute(connection)
    .await?;
    Ok(())
}
