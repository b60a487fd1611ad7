//! The first load: nobody is told half a person.
//!
//! `keep`: records are only kept, each attached to what it names itself, until the snapshot of every configured source is
//! read. `attach`: now that the PIN register and all records of every source key are there, each record goes where it
//! belongs. `match`: the matcher links what only evidence speaks for, so that nobody gets an id that is merged away a moment
//! later. `facts`: each anchor gets its person and the person's facts. `merge`: each person is merged once, with
//! everybody's facts there. `live`: from here on every transaction merges whom it touches.

use crate::StoreError;
use crate::latest::{Sibling, SiblingColumns};
use crate::matching::is_swept;
use registry_rules::PersonId;
use sqlx::{PgConnection, PgPool};

/// Anchors that one transaction of the first load takes: large enough to spread its cost, small enough to repeat.
const SLICE_ANCHORS: i64 = 1_000;
/// Sorts after every anchor: they begin with `act:`, `person:`, `pin:` or `record:`.
const AFTER_ALL: &str = "z";
/// Begins the anchor of a record that shares its source key with no other.
const ALONE: &str = "record:";

/// Where the first load stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LoadStage {
    /// Records are kept.
    Keep,
    /// Records are attached.
    Attach,
    /// Records that nothing but evidence speaks for are linked.
    Match,
    /// Persons get ids and facts.
    Facts,
    /// Persons are merged.
    Merge,
    /// Done for good.
    Live,
}

impl LoadStage {
    /// The name in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Attach => "attach",
            Self::Match => "match",
            Self::Facts => "facts",
            Self::Merge => "merge",
            Self::Live => "live",
        }
    }

    /// Whether messages are applied: while the slices are worked off, they wait.
    pub const fn takes_records(self) -> bool {
        matches!(self, Self::Keep | Self::Live)
    }

    pub(crate) fn parse(text: &str) -> Result<Self, StoreError> {
        [Self::Keep, Self::Attach, Self::Match, Self::Facts, Self::Merge, Self::Live]
            .into_iter()
            .find(|stage| stage.as_str() == text)
            .ok_or(StoreError::Unreadable("stage of the first load"))
    }
}

/// Names the sources whose snapshots the first load waits for.
pub async fn declare_sources(connection: &mut PgConnection, sources: &[&str]) -> Result<(), StoreError> {
    sqlx::query("insert into load_source (source) select unnest($1::text[]) on conflict do nothing")
        .bind(sources)
        .execute(connection)
        .await?;
    Ok(())
}

/// A source's snapshot is read in all partitions.
pub async fn source_ended(connection: &mut PgConnection, source: &str) -> Result<(), StoreError> {
    sqlx::query(
        "insert into load_source (source, ended_at) values ($1, now())
         on conflict (source) do update set ended_at = coalesce(load_source.ended_at, excluded.ended_at)",
    )
    .bind(source)
    .execute(connection)
    .await?;
    Ok(())
}

/// An operator lets the first load go on without a source. `false`: no such source is configured.
pub async fn waive_source(connection: &mut PgConnection, source: &str) -> Result<bool, StoreError> {
    let done = sqlx::query("update load_source set waived = true where source = $1")
        .bind(source)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Goes on to the next stage when the present one is complete; answers with the stage that holds now. `model`: the version of
/// the weights that records are matched by; none: nobody matches. Waits for the transactions that rely on the present stage,
/// so it must be a transaction of its own. As long as there is nothing to go on to it waits for nobody: those who work on
/// slices ask after each of them.
pub async fn advance_stage(
    connection: &mut PgConnection,
    model: Option<&str>,
) -> Result<LoadStage, StoreError> {
    let stage: String =
        sqlx::query_scalar("select stage from load_state").fetch_one(&mut *connection).await?;
    let stage = LoadStage::parse(&stage)?;
    if !is_complete(connection, stage, model).await? {
        return Ok(stage);
    }
    let stage: String =
        sqlx::query_scalar("select stage from load_state for update").fetch_one(&mut *connection).await?;
    let stage = LoadStage::parse(&stage)?;
    if !is_complete(connection, stage, model).await? {
        return Ok(stage);
    }
    let next = match stage {
        LoadStage::Keep => {
            // Whoever writes a record holds the stage: nobody does while they are made.
            sqlx::query("select index_record_latest()").execute(&mut *connection).await?;
            cut_into_source_keys(connection).await?;
            LoadStage::Attach
        }
        LoadStage::Attach => LoadStage::Match,
        LoadStage::Match => {
            cut_into_anchors(connection).await?;
            LoadStage::Facts
        }
        LoadStage::Facts => LoadStage::Merge,
        LoadStage::Merge | LoadStage::Live => LoadStage::Live,
    };
    sqlx::query("update load_state set stage = $1, changed_at = now()")
        .bind(next.as_str())
        .execute(connection)
        .await?;
    Ok(next)
}

async fn is_complete(
    connection: &mut PgConnection,
    stage: LoadStage,
    model: Option<&str>,
) -> Result<bool, StoreError> {
    match stage {
        LoadStage::Keep => sources_ended(connection).await,
        LoadStage::Match => match model {
            Some(model) => is_swept(connection, model).await,
            None => Ok(true),
        },
        LoadStage::Attach | LoadStage::Facts | LoadStage::Merge => {
            let left: bool = sqlx::query_scalar("select exists (select from load_slice where stage = $1)")
                .bind(stage.as_str())
                .fetch_one(connection)
                .await?;
            Ok(!left)
        }
        LoadStage::Live => Ok(false),
    }
}

async fn sources_ended(connection: &mut PgConnection) -> Result<bool, StoreError> {
    let (all, ended): (i64, i64) = sqlx::query_as(
        "select count(*), count(*) filter (where waived or ended_at is not null) from load_source",
    )
    .fetch_one(connection)
    .await?;
    Ok(all > 0 && all == ended)
}

/// Records that may share a source key with others, by ranges of source keys; then those that share none and carry a
/// number or are named by a steward, by ranges of their own keys. All others stand where they put themselves.
async fn cut_into_source_keys(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query(
        "insert into load_slice (stage, from_anchor, until_anchor)
         select 'attach', source_key, coalesce(lead(source_key) over (order by source_key), $3) from (
           select source_key, row_number() over (order by source_key) as n from (
             select distinct source_key from record_latest where source_key is not null) d) s
         where n % $1 = 1
         union all
         select 'attach', $3 || record_key, coalesce($3 || lead(record_key) over (order by record_key), $2) from (
           select record_key, row_number() over (order by record_key) as n from record_latest r
           where source_key is null and (pin is not null or exists (select from record_ruling where record_key = r.record_key)
             or exists (select from key_join where key = $3 || r.record_key))) s
         where n % $1 = 1",
    )
    .bind(SLICE_ANCHORS)
    .bind(AFTER_ALL)
    .bind(ALONE)
    .execute(connection)
    .await?;
    Ok(())
}

/// The first slice begins before all anchors: where ids are recalled, some have no records any more.
async fn cut_into_anchors(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query(
        "insert into load_slice (stage, from_anchor, until_anchor)
         select 'facts', case n when 1 then '' else anchor end, coalesce(lead(anchor) over (order by anchor), $2) from (
           select anchor, row_number() over (order by anchor) as n from (
             select distinct anchor from record_latest where anchor is not null) d) s
         where n % $1 = 1",
    )
    .bind(SLICE_ANCHORS)
    .bind(AFTER_ALL)
    .execute(connection)
    .await?;
    Ok(())
}

/// A range of anchors, the end excluded.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct LoadSlice {
    /// First anchor.
    pub from_anchor: String,
    /// First anchor beyond.
    pub until_anchor: String,
}

/// Takes a slice for this transaction; those that another one has are left to it.
pub async fn take_slice(
    connection: &mut PgConnection,
    stage: LoadStage,
) -> Result<Option<LoadSlice>, StoreError> {
    let slice = sqlx::query_as(
        "select from_anchor, until_anchor from load_slice where stage = $1 limit 1 for update skip locked",
    )
    .bind(stage.as_str())
    .fetch_optional(connection)
    .await?;
    Ok(slice)
}

/// A slice's persons have their facts: it goes on to be merged.
pub async fn pass_slice_on(connection: &mut PgConnection, slice: &LoadSlice) -> Result<(), StoreError> {
    sqlx::query("update load_slice set stage = 'merge' where stage = 'facts' and from_anchor = $1")
        .bind(&slice.from_anchor)
        .execute(connection)
        .await?;
    Ok(())
}

/// Nothing is left to do in a slice.
pub async fn finish_slice(
    connection: &mut PgConnection,
    stage: LoadStage,
    slice: &LoadSlice,
) -> Result<(), StoreError> {
    sqlx::query("delete from load_slice where stage = $1 and from_anchor = $2")
        .bind(stage.as_str())
        .bind(&slice.from_anchor)
        .execute(connection)
        .await?;
    Ok(())
}

/// The attached records of a slice of source keys; those that share theirs with none only where they carry a number.
pub async fn records_in_slice(
    connection: &mut PgConnection,
    slice: &LoadSlice,
) -> Result<Vec<Sibling>, StoreError> {
    const SHARED: &str =
        "select r.record_key, r.source_key, r.relation_group, r.pin, r.anchor, r.attach_rule, r.contradicted, v.payload
         from (select * from record_latest where source_key >= $1 and source_key < $2 offset 0) r
         left join lateral (
           select v.payload from record_version v where r.pin is not null and v.record_key = r.record_key
             and v.epoch = r.epoch and v.position = r.position and v.ordinal = r.ordinal limit 1) v on true
         where r.anchor is not null";
    const SINGLE: &str =
        "select r.record_key, r.source_key, r.relation_group, r.pin, r.anchor, r.attach_rule, r.contradicted, v.payload
         from (select * from record_latest l where record_key >= $1 and record_key < $2 and source_key is null
           and (pin is not null or exists (select from record_ruling where record_key = l.record_key)
             or exists (select from key_join where key = $3 || l.record_key)
             or exists (select from scored_link where source_key = $3 || l.record_key and until is null)) and anchor is not null offset 0) r
         left join lateral (
           select v.payload from record_version v where r.pin is not null and v.record_key = r.record_key
             and v.epoch = r.epoch and v.position = r.position and v.ordinal = r.ordinal limit 1) v on true";
    let from = slice.from_anchor.strip_prefix(ALONE);
    let until = slice.until_anchor.strip_prefix(ALONE).unwrap_or(&slice.until_anchor);
    let rows: Vec<SiblingColumns> = match from {
        None => sqlx::query_as(SHARED).bind(&slice.from_anchor).bind(&slice.until_anchor),
        Some(from) => sqlx::query_as(SINGLE).bind(from).bind(until).bind(ALONE),
    }
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// The anchors of a slice that records are attached to.
pub async fn anchors_in_slice(
    connection: &mut PgConnection,
    slice: &LoadSlice,
) -> Result<Vec<String>, StoreError> {
    let anchors = sqlx::query_scalar(
        "select distinct anchor from record_latest where anchor >= $1 and anchor < $2 order by 1",
    )
    .bind(&slice.from_anchor)
    .bind(&slice.until_anchor)
    .fetch_all(connection)
    .await?;
    Ok(anchors)
}

/// The persons whose own anchors are in a slice.
pub async fn persons_in_slice(
    connection: &mut PgConnection,
    slice: &LoadSlice,
) -> Result<Vec<PersonId>, StoreError> {
    let persons = sqlx::query_scalar(
        "select leads_to from anchor where anchor >= $1 and anchor < $2 and person_id = leads_to order by 1",
    )
    .bind(&slice.from_anchor)
    .bind(&slice.until_anchor)
    .fetch_all(connection)
    .await?;
    Ok(persons)
}

/// Where the registry as a whole stands, for those who watch it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct RecordCounts {
    /// Persons that stand.
    pub persons_live: i64,
    /// Ids that lead to another person.
    pub persons_merged: i64,
    /// Cases that wait for somebody.
    pub cases_open: i64,
    /// Persons still to be merged today.
    pub due: i64,
    /// Slices of the first load still to be done.
    pub slices: i64,
}

/// Counts persons, cases and what is left to do.
pub async fn record_counts(pool: &PgPool) -> Result<RecordCounts, StoreError> {
    let counts = sqlx::query_as(
        "select (select count(*) from person where lifecycle <> 2 and version > 0) as persons_live,
           (select count(*) from person where lifecycle = 2) as persons_merged,
           (select count(*) from registry_case where open) as cases_open,
           (select count(*) from due d, business_day b where d.on_date <= b.date) as due,
           (select count(*) from load_slice) as slices",
    )
    .fetch_one(pool)
    .await?;
    Ok(counts)
}
