//! The questions about persons whose records resemble each other, from what the matcher leaves to a human.

use crate::gather::Own;
use crate::ruled::Ruled;
use registry_rules::{
    CaseFinding, FingerprintKey, PersonId, RecordKey, Resemblance, SourceRecord, evidence, resemblances,
};
use registry_store::{StoreError, open_reviews, persons_of_records, records_now};
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet};

/// The questions about pairs that one of the persons is of. Of the dead nothing is asked.
pub(crate) async fn resembling(
    connection: &mut PgConnection,
    own: &BTreeMap<PersonId, Own>,
    dead: &BTreeSet<PersonId>,
    key: &FingerprintKey,
) -> Result<Vec<CaseFinding>, StoreError> {
    let mut person_of: BTreeMap<RecordKey, PersonId> = BTreeMap::new();
    for (person, own) in own.iter().filter(|(_, own)| own.stands()) {
        person_of.extend(own.records.iter().map(|record| (record.record_key.clone(), *person)));
    }
    let names: Vec<&str> = person_of.keys().map(RecordKey::as_str).collect();
    let pairs = open_reviews(connection, &names).await?;
    if pairs.is_empty() {
        return Ok(Vec::new());
    }
    let read = |key: String| RecordKey::try_from(key).map_err(|_| StoreError::Unreadable("record key"));
    let mut found = Vec::with_capacity(pairs.len());
    for pair in pairs {
        let (record, other) = (read(pair.record_key)?, read(pair.other_key)?);
        found.push(Resemblance { record, other, twins: pair.twins });
    }
    let named: BTreeSet<&RecordKey> = found.iter().flat_map(|one| [&one.record, &one.other]).collect();
    let ruled = Ruled::on(connection, named.iter().map(|key| key.as_str())).await?;
    let (at_hand, others): (Vec<&RecordKey>, Vec<&RecordKey>) =
        named.into_iter().partition(|key| person_of.contains_key(*key));
    let says = said(connection, own, (&at_hand, &others)).await?;
    let others: Vec<&str> = others.into_iter().map(RecordKey::as_str).collect();
    for one in persons_of_records(connection, &others).await?.into_iter().filter(|one| one.living) {
        person_of.insert(read(one.record_key)?, one.person_id);
    }
    let living = |key: &RecordKey| person_of.get(key).copied().filter(|person| !dead.contains(person));
    let says = |key: &RecordKey| says.get(key).map(evidence);
    Ok(resemblances(found, &ruled.in_force(), living, says, key))
}

/// The records of the pairs: those at hand, and others as stored.
async fn said(
    connection: &mut PgConnection,
    own: &BTreeMap<PersonId, Own>,
    (at_hand, others): (&[&RecordKey], &[&RecordKey]),
) -> Result<BTreeMap<RecordKey, SourceRecord>, StoreError> {
    let at_hand: BTreeSet<&RecordKey> = at_hand.iter().copied().collect();
    let records = own.values().flat_map(|own| &own.records);
    let mut says: BTreeMap<RecordKey, SourceRecord> = records
        .filter(|record| at_hand.contains(&record.record_key))
        .map(|record| (record.record_key.clone(), record.clone()))
        .collect();
    let others: Vec<&str> = others.iter().map(|key| key.as_str()).collect();
    let others = records_now(connection, &others).await?;
    says.extend(others.into_iter().map(|record| (record.record_key.clone(), record)));
    Ok(says)
}
