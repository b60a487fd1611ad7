//! What stewards' decisions about persons make of cases: questions that they raise themselves, and what they say of others.

use crate::gather::Own;
use registry_rules::{
    CaseFinding, FingerprintKey, IdentityDecision, PersonId, RecordKey, SourceRecord, in_force,
    questions_of_rulings,
};
use registry_store::{StoreError, decisions_on, records_now};
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet};

/// Decisions about persons that name some records, with those that take them back.
#[derive(Debug, Default)]
pub(crate) struct Ruled(Vec<IdentityDecision>);

impl Ruled {
    /// Reads the decisions that name records.
    pub(crate) async fn on<'a>(
        connection: &mut PgConnection,
        records: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, StoreError> {
        let keys: BTreeSet<&str> = records.into_iter().collect();
        if keys.is_empty() {
            return Ok(Self::default());
        }
        Ok(Self(decisions_on(connection, &keys.into_iter().collect::<Vec<_>>()).await?))
    }

    /// Those in force, the earliest first.
    pub(crate) fn in_force(&self) -> Vec<&IdentityDecision> {
        in_force(&self.0)
    }

    /// The decision that takes another one back.
    pub(crate) fn reversal_of(&self, decision: &str) -> Option<&str> {
        let reversal = self.0.iter().find(|other| other.reverses.as_deref() == Some(decision));
        reversal.map(|decision| decision.id.as_str())
    }
}

/// The questions about records that decisions name: two people in one record, and a link whose ground has changed.
pub(crate) async fn found_on_records(
    connection: &mut PgConnection,
    own: &BTreeMap<PersonId, Own>,
    key: &FingerprintKey,
) -> Result<Vec<CaseFinding>, StoreError> {
    let named = own.values().flat_map(|own| &own.ruled).map(RecordKey::as_str);
    let ruled = Ruled::on(connection, named).await?;
    if ruled.0.is_empty() {
        return Ok(Vec::new());
    }
    let now = named_now(connection, own, &ruled.0).await?;
    let standing = own.values().filter(|own| own.stands() && !own.ruled.is_empty());
    Ok(standing.flat_map(|own| questions_of_rulings(&own.records, &ruled.0, &now, key)).collect())
}

/// All records that the decisions name, as they stand: the persons' own, and others as stored.
async fn named_now(
    connection: &mut PgConnection,
    own: &BTreeMap<PersonId, Own>,
    decisions: &[IdentityDecision],
) -> Result<BTreeMap<RecordKey, SourceRecord>, StoreError> {
    let wanted: BTreeSet<&RecordKey> =
        decisions.iter().flat_map(IdentityDecision::named).map(|named| &named.record_key).collect();
    let at_hand = own.values().flat_map(|own| &own.records).filter(|r| wanted.contains(&r.record_key));
    let mut now: BTreeMap<RecordKey, SourceRecord> =
        at_hand.map(|record| (record.record_key.clone(), record.clone())).collect();
    let others: Vec<&str> =
        wanted.into_iter().filter(|key| !now.contains_key(*key)).map(RecordKey::as_str).collect();
    let others = records_now(connection, &others).await?;
    now.extend(others.into_iter().map(|record| (record.record_key.clone(), record)));
    Ok(now)
}
