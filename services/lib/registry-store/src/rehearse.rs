//! New rules on all that is kept, beside those in force. Reads only, page by page in one view of the registry.

use crate::person_pages::{PersonPages, ground_at};
use crate::{Found, StoreError};
use chrono::NaiveDate;
use registry_rules::{FieldCatalogue, FingerprintKey, PersonId, Rehearsal, Terms};
use sqlx::{PgConnection, PgPool};
use std::collections::{BTreeMap, BTreeSet};

/// Records that stand elsewhere than they are kept, that one rehearsal looks at.
const MOST_MOVED: usize = 100_000;

/// What a rehearsal gives.
#[derive(Debug)]
pub struct Rehearsed {
    /// The difference.
    pub rehearsal: Rehearsal,
    /// The day for which both were merged.
    pub day: NaiveDate,
}

/// Records that would stand elsewhere: how many go from where to where.
type Moves = BTreeMap<(String, String), u64>;

/// Merges everybody by the rules in force and by new ones, for the business date or a day to come.
pub async fn rehearse(
    pool: &PgPool,
    new: &FieldCatalogue,
    day: Option<NaiveDate>,
    key: &FingerprintKey,
) -> Result<Rehearsed, StoreError> {
    let mut transaction = pool.begin().await?;
    sqlx::query("set transaction isolation level repeatable read, read only")
        .execute(&mut *transaction)
        .await?;
    let (today, live) = ground_at(&mut transaction, None).await?;
    let day = day.unwrap_or(today);
    let terms = |catalogue| Terms { catalogue, key, today: day, day };
    let mut rehearsal = Rehearsal::default();
    let mut moves = Moves::new();
    let mut moved = 0;
    let mut pages = PersonPages::new(None);
    while let Some(page) = pages.next(&mut transaction).await? {
        for anchor in &page.anchors {
            let by = |catalogue| page.found.known.person(anchor, PersonId::nil(), &terms(catalogue));
            if let (Some(before), Some(after)) = (by(&live), by(new)) {
                rehearsal.compare(&before, &after);
            }
        }
        moved += note_moves(&mut transaction, &page.found, &page.anchors, &mut moves).await?;
        if moved > MOST_MOVED {
            return Err(StoreError::TooMany { what: "records that stand elsewhere", limit: MOST_MOVED });
        }
    }
    (rehearsal.pairs_joined, rehearsal.pairs_split) = pairs(&mut transaction, &moves).await?;
    transaction.commit().await?;
    Ok(Rehearsed { rehearsal, day })
}

/// Notes which records of a page's persons are kept at another anchor than they would stand at.
async fn note_moves(
    connection: &mut PgConnection,
    found: &Found,
    anchors: &[String],
    moves: &mut Moves,
) -> Result<usize, StoreError> {
    let records = anchors.iter().flat_map(|anchor| found.known.records_at(anchor));
    let keys: Vec<&str> = records.map(registry_rules::RecordKey::as_str).collect();
    let kept: Vec<(String, String)> = sqlx::query_as(
        "select r.record_key, r.anchor from unnest($1::text[]) as t (wanted)
         cross join lateral (select record_key, anchor from record_latest where record_key = wanted limit 1) r
         where r.anchor is not null",
    )
    .bind(keys)
    .fetch_all(connection)
    .await?;
    let mut moved = 0;
    for (record, before) in kept {
        let key = record.try_into().map_err(|_| StoreError::Unreadable("record key"))?;
        let Some(after) = found.known.attachment(&key).map(|to| to.anchor.clone()) else { continue };
        if after != before {
            *moves.entry((before, after)).or_default() += 1;
            moved += 1;
        }
    }
    Ok(moved)
}

/// Pairs of records that come together, and that part.
async fn pairs(connection: &mut PgConnection, moves: &Moves) -> Result<(u64, u64), StoreError> {
    let touched: BTreeSet<&str> = moves.keys().flat_map(|(from, to)| [from.as_str(), to.as_str()]).collect();
    let sizes: Vec<(String, i64)> = sqlx::query_as(
        "select wanted, (select count(*) from record_latest where anchor = wanted) from unnest($1::text[]) as t (wanted)",
    )
    .bind(touched.iter().copied().collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    let sizes: BTreeMap<String, u64> = sizes.into_iter().map(|(a, n)| (a, n.cast_unsigned())).collect();
    let (mut joined, mut split) = (0, 0);
    for anchor in touched {
        let size = sizes.get(anchor).copied().unwrap_or_default();
        let leaving: Vec<u64> =
            moves.iter().filter(|((from, _), _)| from == anchor).map(|(_, n)| *n).collect();
        let coming: Vec<u64> = moves.iter().filter(|((_, to), _)| to == anchor).map(|(_, n)| *n).collect();
        let stay = size.saturating_sub(leaving.iter().sum());
        let together = |groups: &[u64]| groups.iter().copied().map(choose).sum::<u64>();
        split += choose(size).saturating_sub(choose(stay) + together(&leaving));
        let now = stay + coming.iter().sum::<u64>();
        joined += choose(now).saturating_sub(choose(stay) + together(&coming));
    }
    Ok((joined, split))
}

/// Pairs among so many.
const fn choose(n: u64) -> u64 {
    n * n.saturating_sub(1) / 2
}
