//! Adoption: who stands in a parent's place, and what is a family secret from then on.
//!
//! An adoption gives the child the adopting parents in place of the birth parents; a step-parent takes the place of one
//! (Law on Adoption 52/2010/QH12 art. 24). Its end gives the birth parents back: what counts is the act's standing.

use crate::cohort::{is_birth, legal_date};
use crate::{FieldCatalogue, FieldName, RecordKey, SourceRecord, Standing};
use chrono::NaiveDate;

/// Kinds of adoption in which one birth parent stays.
const BY_STEPFATHER: &str = "civil_status.adopted_by_stepfather";
const BY_STEPMOTHER: &str = "civil_status.adopted_by_stepmother";

/// Which birth parents somebody stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Replaced {
    pub(crate) mother: bool,
    pub(crate) father: bool,
}

impl Replaced {
    /// By the child's own acts of adoption that count.
    pub(crate) fn of(records: &[SourceRecord]) -> Self {
        let mut replaced = Self::default();
        for act in records.iter().filter(|r| is_adoption(r) && r.standing.counts()) {
            replaced.mother |= act.kind != BY_STEPFATHER;
            replaced.father |= act.kind != BY_STEPMOTHER;
        }
        replaced
    }
}

/// Whether a record is an act of adoption about the child.
fn is_adoption(record: &SourceRecord) -> bool {
    let key = record.record_key.as_str();
    key.starts_with("civil_status/adoption/") && key.ends_with("/child")
}

/// Whether a record about the person born is of a row that names who gave birth: the act, or the hospital's notice.
fn names_birth_parents(record: &SourceRecord) -> bool {
    let key = record.record_key.as_str();
    is_birth(record) || (key.starts_with("medical/birth_notice/") && key.ends_with("/child"))
}

/// What of a person's past only those may see who are entitled to a family secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FamilySecret {
    /// Items whose earlier values, and whose values in earlier versions, are secret.
    pub fields: Vec<FieldName>,
    /// The first adoption's legal date: older versions are secret in these items. None: all are.
    pub since: Option<NaiveDate>,
    /// Records that tell of the adoption or of the birth parents.
    pub records: Vec<RecordKey>,
}

impl FamilySecret {
    /// Whether an item of a version that was valid on a day is secret.
    pub fn covers(&self, field: &FieldName, valid_on: NaiveDate) -> bool {
        self.since.is_none_or(|since| valid_on < since) && self.fields.contains(field)
    }

    /// Whether a record is.
    pub fn covers_record(&self, record_key: &RecordKey) -> bool {
        self.records.contains(record_key)
    }
}

/// The family secret in a person's records, if there is one. An adoption that has ended is no less secret; one that was
/// annulled never was, and neither was one that its source has withdrawn.
pub fn family_secret(records: &[SourceRecord], catalogue: &FieldCatalogue) -> Option<FamilySecret> {
    let acts = || {
        records
            .iter()
            .filter(|r| is_adoption(r) && !matches!(r.standing, Standing::Annulled | Standing::Withdrawn))
    };
    acts().next()?;
    let since = acts().map(legal_date).min().flatten();
    let before = |r: &&SourceRecord| {
        names_birth_parents(r) && since.is_none_or(|since| legal_date(r).is_none_or(|on| on < since))
    };
    let mut keys: Vec<_> =
        acts().chain(records.iter().filter(before)).map(|r| r.record_key.clone()).collect();
    keys.sort();
    Some(FamilySecret {
        fields: catalogue.iter().filter(|f| f.family_secret).map(|f| f.name.clone()).collect(),
        since,
        records: keys,
    })
}
