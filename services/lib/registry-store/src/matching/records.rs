//! What is compared of each record, and the blocks that say with whom.

use crate::StoreError;
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet};

/// A record of a row, as it stands.
#[derive(Clone, sqlx::FromRow)]
pub struct MatchRow {
    /// Which record.
    pub record_key: String,
    /// Its source key, where another record may have it too.
    pub source_key: Option<String>,
    /// Where it is attached; none of a withdrawn one.
    pub anchor: Option<String>,
    /// By which rule of design §3.
    pub attach_rule: i16,
    /// What it says, as a hash.
    pub content_hash: Vec<u8>,
    /// Its Avro body. Personal.
    pub payload: Vec<u8>,
}

impl std::fmt::Debug for MatchRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MatchRow({}, ***)", self.record_key)
    }
}

/// The records of these rows, by key.
pub async fn match_rows(
    connection: &mut PgConnection,
    row_keys: &[&str],
) -> Result<Vec<MatchRow>, StoreError> {
    let rows = sqlx::query_as(
        "select r.record_key, r.source_key, r.anchor, r.attach_rule, r.content_hash, v.payload
         from (select distinct row_key from unnest($1::text[]) as t (row_key)) t
         cross join lateral (
           select * from record_latest where record_key > t.row_key || '/' and record_key < t.row_key || '0' offset 0) r
         cross join lateral (
           select v.payload from record_version v where v.record_key = r.record_key and v.epoch = r.epoch
             and v.position = r.position and v.ordinal = r.ordinal limit 1) v
         order by r.record_key",
    )
    .bind(row_keys)
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// The keys of the next records.
pub async fn record_page(
    connection: &mut PgConnection,
    after: &str,
    limit: i64,
) -> Result<Vec<String>, StoreError> {
    let keys = sqlx::query_scalar(
        "select record_key from record_latest where record_key > $1 order by record_key limit $2",
    )
    .bind(after)
    .bind(limit)
    .fetch_all(connection)
    .await?;
    Ok(keys)
}

/// What is compared of a record.
#[derive(Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct MatchRecord {
    /// Which record.
    pub record_key: String,
    /// The source key that it offers.
    pub source_key: String,
    /// Where it belongs without rule 4.
    pub place: String,
    /// Nothing but its source key says so.
    pub movable: bool,
    /// What it says, as a hash.
    pub content_hash: Vec<u8>,
    /// Values in the model's order of columns; empty: none. Personal.
    pub compared: Vec<String>,
    /// Its blocks, sorted.
    pub blocks: Vec<i64>,
}

impl std::fmt::Debug for MatchRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MatchRecord({}, ***)", self.record_key)
    }
}

/// What is compared of these records; those that give nothing to compare are not there.
pub async fn match_records(
    connection: &mut PgConnection,
    record_keys: &[&str],
) -> Result<Vec<MatchRecord>, StoreError> {
    if record_keys.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query_as(
        "select m.* from unnest($1::text[]) as t (wanted)
         cross join lateral (select * from match_record where record_key = wanted limit 1) m",
    )
    .bind(record_keys)
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// The records of source keys that rule 4 may decide about, each with where it is attached now and by which rule.
pub async fn match_own(
    connection: &mut PgConnection,
    source_keys: &[&str],
) -> Result<Vec<(MatchRecord, Option<String>)>, StoreError> {
    #[derive(sqlx::FromRow)]
    struct Own {
        #[sqlx(flatten)]
        record: MatchRecord,
        anchor: Option<String>,
    }
    let rows: Vec<Own> = sqlx::query_as(
        "select m.*, l.anchor from unnest($1::text[]) as t (wanted)
         cross join lateral (select * from match_record where source_key = wanted and movable offset 0) m
         cross join lateral (select anchor from record_latest where record_key = m.record_key limit 1) l
         order by m.record_key",
    )
    .bind(source_keys)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|own| (own.record, own.anchor)).collect())
}

/// The records of blocks: (block, record key). Of a block over its bound nothing, of any other at most `most`.
pub async fn match_candidates(
    connection: &mut PgConnection,
    blocks: &BTreeSet<i64>,
    most: i64,
) -> Result<Vec<(i64, String)>, StoreError> {
    if blocks.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query_as(
        "select k.block, k.record_key from unnest($1::bigint[]) as t (wanted)
         cross join lateral (select block, record_key from match_key where block = wanted limit $2) k
         where not exists (select from match_block_over o where o.block = wanted)",
    )
    .bind(blocks.iter().copied().collect::<Vec<_>>())
    .bind(most)
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

/// The source keys that rule 4 may decide about with a record in one of the blocks.
pub async fn movable_in(
    connection: &mut PgConnection,
    blocks: &BTreeSet<i64>,
) -> Result<BTreeSet<String>, StoreError> {
    if blocks.is_empty() {
        return Ok(BTreeSet::new());
    }
    let keys: Vec<String> = sqlx::query_scalar(
        "select distinct m.source_key from unnest($1::bigint[]) as t (wanted)
         cross join lateral (select record_key from match_key where block = wanted and movable offset 0) k
         cross join lateral (select source_key from match_record where record_key = k.record_key limit 1) m",
    )
    .bind(blocks.iter().copied().collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    Ok(keys.into_iter().collect())
}

/// The blocks that records stand in with the records of an anchor that a link leads to.
pub async fn keys_of_blocks(
    connection: &mut PgConnection,
    source_keys: &[&str],
) -> Result<BTreeSet<i64>, StoreError> {
    let blocks: Vec<i64> = sqlx::query_scalar(
        "select distinct b from unnest($1::text[]) as t (wanted)
         cross join lateral (select blocks from match_record where source_key = wanted and movable offset 0) m
         cross join lateral unnest(m.blocks) as u (b)",
    )
    .bind(source_keys)
    .fetch_all(connection)
    .await?;
    Ok(blocks.into_iter().collect())
}

/// Writes what is compared of records, in place of `before`; answers with all blocks that somebody came to, left, or changed in.
pub async fn put_match_records(
    connection: &mut PgConnection,
    before: &BTreeMap<String, MatchRecord>,
    now: &[MatchRecord],
) -> Result<BTreeSet<i64>, StoreError> {
    let changed: Vec<&MatchRecord> =
        now.iter().filter(|record| before.get(&record.record_key) != Some(record)).collect();
    let mut touched = BTreeSet::new();
    let (mut gone, mut come) = (Vec::new(), Vec::new());
    for record in &changed {
        let old = before.get(&record.record_key);
        let stays =
            |block: &i64| old.is_some_and(|old| old.movable == record.movable && old.blocks.contains(block));
        let left = old.iter().flat_map(|old| &old.blocks).filter(|block| {
            old.is_some_and(|old| old.movable != record.movable) || !record.blocks.contains(block)
        });
        gone.extend(left.map(|block| (*block, record.record_key.as_str())));
        let new = record.blocks.iter().filter(|block| !stays(block));
        come.extend(new.map(|block| (*block, record.record_key.as_str(), record.movable)));
        touched.extend(record.blocks.iter().chain(old.iter().flat_map(|old| &old.blocks)));
    }
    write_records(connection, &changed).await?;
    remove_keys(connection, &gone).await?;
    if !come.is_empty() {
        sqlx::query(
            "insert into match_key (block, record_key, movable)
             select * from unnest($1::bigint[], $2::text[], $3::bool[])",
        )
        .bind(come.iter().map(|key| key.0).collect::<Vec<_>>())
        .bind(come.iter().map(|key| key.1).collect::<Vec<_>>())
        .bind(come.iter().map(|key| key.2).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    }
    Ok(touched)
}

async fn write_records(connection: &mut PgConnection, records: &[&MatchRecord]) -> Result<(), StoreError> {
    if records.is_empty() {
        return Ok(());
    }
    // An array of arrays would have to be rectangular: lists travel as texts.
    sqlx::query(
        "insert into match_record (record_key, source_key, place, movable, content_hash, compared, blocks)
         select record_key, source_key, place, movable, content_hash, compared::text[], blocks::bigint[]
         from unnest($1::text[], $2::text[], $3::text[], $4::bool[], $5::bytea[], $6::text[], $7::text[])
           as t (record_key, source_key, place, movable, content_hash, compared, blocks)
         on conflict (record_key) do update set source_key = excluded.source_key, place = excluded.place,
           movable = excluded.movable, content_hash = excluded.content_hash, compared = excluded.compared,
           blocks = excluded.blocks",
    )
    .bind(records.iter().map(|r| r.record_key.as_str()).collect::<Vec<_>>())
    .bind(records.iter().map(|r| r.source_key.as_str()).collect::<Vec<_>>())
    .bind(records.iter().map(|r| r.place.as_str()).collect::<Vec<_>>())
    .bind(records.iter().map(|r| r.movable).collect::<Vec<_>>())
    .bind(records.iter().map(|r| r.content_hash.as_slice()).collect::<Vec<_>>())
    .bind(records.iter().map(|r| array_text(r.compared.iter())).collect::<Vec<_>>())
    .bind(records.iter().map(|r| array_text(r.blocks.iter())).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// A list as PostgreSQL writes an array: `{"a","b"}`.
fn array_text<T: ToString>(values: impl Iterator<Item = T>) -> String {
    let mut text = String::from("{");
    for value in values {
        if text.len() > 1 {
            text.push(',');
        }
        text.push('"');
        for c in value.to_string().chars() {
            if matches!(c, '"' | '\\') {
                text.push('\\');
            }
            text.push(c);
        }
        text.push('"');
    }
    text.push('}');
    text
}

async fn remove_keys(connection: &mut PgConnection, gone: &[(i64, &str)]) -> Result<(), StoreError> {
    if gone.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "delete from match_key k using unnest($1::bigint[], $2::text[]) as t (block, record_key)
         where k.block = t.block and k.record_key = t.record_key",
    )
    .bind(gone.iter().map(|key| key.0).collect::<Vec<_>>())
    .bind(gone.iter().map(|key| key.1).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes out records that give nothing to compare any more; answers with the blocks they left.
pub async fn remove_match_records(
    connection: &mut PgConnection,
    gone: &[&MatchRecord],
) -> Result<BTreeSet<i64>, StoreError> {
    if gone.is_empty() {
        return Ok(BTreeSet::new());
    }
    let keys: Vec<(i64, &str)> = gone
        .iter()
        .flat_map(|record| record.blocks.iter().map(|block| (*block, record.record_key.as_str())))
        .collect();
    remove_keys(connection, &keys).await?;
    sqlx::query("delete from match_record where record_key = any($1)")
        .bind(gone.iter().map(|record| record.record_key.as_str()).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(keys.into_iter().map(|(block, _)| block).collect())
}

/// A block that has come over its bound: the rule it is of, as the model names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOver {
    /// The rule.
    pub rule: String,
    /// How many blocks of it.
    pub blocks: usize,
}

/// Settles which of all blocks are over their bounds, where nobody settled it for any: rules with their bounds in the order of
/// their numbers, which the lowest four bits of a block tell. Answers as [`settle_over`], first part.
pub async fn settle_all_over(
    connection: &mut PgConnection,
    rules: &[(&str, i64)],
) -> Result<Vec<NewOver>, StoreError> {
    let Some(least) = rules.iter().map(|(_, bound)| *bound).min() else { return Ok(Vec::new()) };
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "with come as (
           insert into match_block_over (block, rule)
           select k.block, r.rule
           from (select block, count(*) as records from match_key group by block having count(*) > $3) k
           join unnest($1::text[], $2::bigint[]) with ordinality as r (rule, bound, number)
             on r.number - 1 = k.block & 15 and k.records > r.bound
           on conflict do nothing returning rule)
         select rule, count(*) from come group by rule order by rule",
    )
    .bind(rules.iter().map(|(rule, _)| *rule).collect::<Vec<_>>())
    .bind(rules.iter().map(|(_, bound)| *bound).collect::<Vec<_>>())
    .bind(least)
    .fetch_all(connection)
    .await?;
    let new = |(rule, blocks)| NewOver { rule, blocks: usize::try_from(blocks).unwrap_or(0) };
    Ok(rows.into_iter().map(new).collect())
}

/// Settles which of these blocks are over their bounds, each given with its rule and bound. Answers with those that have come
/// over it, by rule, and with the blocks that were over their bound before and still are: nobody there is compared.
pub async fn settle_over(
    connection: &mut PgConnection,
    blocks: &BTreeMap<i64, (&str, i64)>,
) -> Result<(Vec<NewOver>, BTreeSet<i64>), StoreError> {
    if blocks.is_empty() {
        return Ok((Vec::new(), BTreeSet::new()));
    }
    let rows: Vec<(i64, bool, bool)> = sqlx::query_as(
        "select t.block, exists (select from match_block_over o where o.block = t.block),
           exists (select from match_key k where k.block = t.block offset t.bound limit 1)
         from unnest($1::bigint[], $2::bigint[]) as t (block, bound)",
    )
    .bind(blocks.keys().copied().collect::<Vec<_>>())
    .bind(blocks.values().map(|(_, bound)| *bound).collect::<Vec<_>>())
    .fetch_all(&mut *connection)
    .await?;
    let (mut come, mut left, mut still) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (block, before, now) in rows {
        match (before, now) {
            (false, true) => come.push(block),
            (true, false) => left.push(block),
            (true, true) => drop(still.insert(block)),
            (false, false) => {}
        }
    }
    if !left.is_empty() {
        sqlx::query("delete from match_block_over where block = any($1)")
            .bind(left)
            .execute(&mut *connection)
            .await?;
    }
    let mut by_rule: BTreeMap<&str, usize> = BTreeMap::new();
    let rules: Vec<&str> = come.iter().filter_map(|block| blocks.get(block)).map(|(rule, _)| *rule).collect();
    for rule in &rules {
        *by_rule.entry(rule).or_default() += 1;
    }
    if !come.is_empty() {
        sqlx::query(
            "insert into match_block_over (block, rule) select * from unnest($1::bigint[], $2::text[])",
        )
        .bind(come)
        .bind(rules)
        .execute(connection)
        .await?;
    }
    let come = by_rule.into_iter().map(|(rule, blocks)| NewOver { rule: rule.to_owned(), blocks }).collect();
    Ok((come, still))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_written_as_postgresql_reads_them() {
        assert_eq!(array_text(["a,b", "", r#"say "\"#].iter()), r#"{"a,b","","say \"\\"}"#);
        assert_eq!(array_text([-1_i64, 2].iter()), r#"{"-1","2"}"#);
        assert_eq!(array_text(<[i64; 0]>::default().iter()), "{}");
    }
}
