//! Records to blocks: what is compared of each record that changed, and whom that concerns.

use crate::gather::record_of;
use crate::matcher::compared::{blocks, compared, is_mother, rule_of, table};
use crate::matcher::{MatchModel, Matched};
use crate::reconciler::Settings;
use registry_rules::{RecordKey, SourceRecord};
use registry_store::{
    MatchPhase, MatchRecord, MatchRow, NewOver, Pending, StoreError, add_again, done_pending, match_records,
    match_rows, movable_in, put_match_records, record_page, remove_match_records, settle_all_over,
    settle_over, take_pending,
};
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet};

/// Records of one page when all are gone through.
const PAGE: i64 = 2_000;
/// Changed rows of one step: each has a few records, each record a place in a dozen blocks.
const PENDING: i64 = 500;

/// Gives a page of records their places. Nobody is decided about before all have theirs, so that it is enough to settle then
/// which blocks are over their bounds.
pub(super) async fn page(
    connection: &mut PgConnection,
    settings: &Settings,
    model: &MatchModel,
    after: &str,
    matched: &mut Matched,
) -> Result<MatchPhase, StoreError> {
    let keys = record_page(connection, after, PAGE).await?;
    let Some(last) = keys.last() else {
        let bounds: Vec<_> = model.rules().collect();
        note_over(settle_all_over(connection, &bounds).await?, matched);
        return Ok(MatchPhase::Live);
    };
    // Whole rows: what a row says of a mother belongs to its child.
    let rows: BTreeSet<&str> = keys.iter().filter_map(|key| Some(key.rsplit_once('/')?.0)).collect();
    let after = last.rsplit_once('/').map_or_else(|| last.clone(), |(row, _)| format!("{row}0"));
    let rows = match_rows(connection, &rows.into_iter().collect::<Vec<_>>()).await?;
    let now = places(&rows, model, settings)?;
    matched.records += now.len();
    put_match_records(connection, &BTreeMap::new(), &now).await?;
    Ok(MatchPhase::Keys(after))
}

/// Gives records of changed rows their places, and notes whose link that may change.
pub(super) async fn pending(
    connection: &mut PgConnection,
    settings: &Settings,
    model: &MatchModel,
    matched: &mut Matched,
) -> Result<(), StoreError> {
    let taken: Vec<Pending> = take_pending(connection, PENDING).await?;
    if taken.is_empty() {
        return Ok(());
    }
    matched.worked = true;
    let rows: BTreeSet<&str> = taken.iter().map(|pending| pending.row_key.as_str()).collect();
    let placed = place(connection, settings, model, &rows.into_iter().collect::<Vec<_>>(), matched).await?;
    let mut concerned = movable_in(connection, &placed.touched).await?;
    concerned.extend(placed.movable);
    add_again(connection, &concerned.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    done_pending(connection, &taken).await
}

/// What changed in the blocks.
struct Placed {
    /// Blocks in which somebody is to be decided about anew.
    touched: BTreeSet<i64>,
    /// Source keys of the records in question that rule 4 decides or decided about.
    movable: BTreeSet<String>,
}

async fn place(
    connection: &mut PgConnection,
    settings: &Settings,
    model: &MatchModel,
    row_keys: &[&str],
    matched: &mut Matched,
) -> Result<Placed, StoreError> {
    let rows = match_rows(connection, row_keys).await?;
    let keys: Vec<&str> = rows.iter().map(|row| row.record_key.as_str()).collect();
    let before = match_records(connection, &keys).await?;
    let before: BTreeMap<String, MatchRecord> =
        before.into_iter().map(|record| (record.record_key.clone(), record)).collect();
    let now = places(&rows, model, settings)?;
    let stay: BTreeSet<&str> = now.iter().map(|record| record.record_key.as_str()).collect();
    let gone: Vec<&MatchRecord> =
        before.values().filter(|record| !stay.contains(record.record_key.as_str())).collect();
    let both = before.values().chain(&now).filter(|record| record.movable);
    let movable = both.map(|record| record.source_key.clone()).collect();
    matched.records += now.len();
    let mut touched = put_match_records(connection, &before, &now).await?;
    touched.extend(remove_match_records(connection, &gone).await?);
    let bounds = touched.iter().filter_map(|block| Some((*block, model.rule(rule_of(*block))?))).collect();
    let (over, still) = settle_over(connection, &bounds).await?;
    note_over(over, matched);
    Ok(Placed { touched: touched.difference(&still).copied().collect(), movable })
}

fn note_over(over: Vec<NewOver>, matched: &mut Matched) {
    for NewOver { rule, blocks } in over {
        matched.over_bound += blocks;
        tracing::warn!(
            rule,
            blocks,
            "more records agree here than the model's bound: they are not compared by this rule"
        );
    }
}

/// What is compared of the records of whole rows, as they stand.
fn places(
    rows: &[MatchRow],
    model: &MatchModel,
    settings: &Settings,
) -> Result<Vec<MatchRecord>, StoreError> {
    let mut records: BTreeMap<RecordKey, (&MatchRow, SourceRecord)> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.anchor.is_some()) {
        let record = record_of(&row.payload)?;
        records.insert(record.record_key.clone(), (row, record));
    }
    let mothers: BTreeMap<&str, &SourceRecord> = records
        .iter()
        .filter(|(key, (_, record))| is_mother(key) && record.standing.counts())
        .filter_map(|(key, (_, record))| Some((key.as_str().rsplit_once('/')?.0, record)))
        .collect();
    let mut found = Vec::with_capacity(records.len());
    for (key, (row, record)) in &records {
        let mother = key.as_str().rsplit_once('/').and_then(|(row, _)| mothers.get(row).copied());
        if let Some(values) = compared(record, mother, model) {
            found.push(unblocked(row, record, values));
        }
    }
    let table = table(found.iter().map(|r| (r.record_key.as_str(), r.compared.as_slice())), model)?;
    for record in &mut found {
        let number = table.find(&record.record_key);
        record.blocks = number.map(|number| blocks(number, &table, model, settings)).unwrap_or_default();
    }
    // Whoever is in no block is compared with nobody.
    found.retain(|record| !record.blocks.is_empty());
    Ok(found)
}

/// Where a record belongs without rule 4. What only its source key speaks for is what rule 4 decides about; a record that
/// rule 5 puts elsewhere stands where a steward joined its source key to.
fn unblocked(row: &MatchRow, record: &SourceRecord, compared: Vec<String>) -> MatchRecord {
    const SCORED: i16 = 4;
    const PROVISIONAL: i16 = 5;
    let source_key = registry_rules::source_key(record);
    let anchor = row.anchor.clone().unwrap_or_else(|| source_key.clone());
    let movable = row.attach_rule == SCORED || (row.attach_rule == PROVISIONAL && anchor == source_key);
    MatchRecord {
        record_key: row.record_key.clone(),
        place: if movable { source_key.clone() } else { anchor },
        source_key,
        movable,
        content_hash: row.content_hash.clone(),
        compared,
        blocks: Vec::new(),
    }
}
