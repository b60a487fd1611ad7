//! Which of the rule set's cohorts a person belongs to, from the person's own records.

use crate::authority::Cohort;
use crate::{IdentifierKind, PIN_REGISTER, PartialDate, SourceRecord, Standing};

/// Kind of a birth that was registered once more because the book was lost: the person was there before.
pub(crate) const REGISTERED_AGAIN: &str = "civil_status.birth_registered_again";

/// Kind of a birth registered in time, when a number is issued with the registration.
const REGISTERED: &str = "civil_status.birth_registered";

/// The cohorts a person belongs to, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cohorts(u64);

impl Cohorts {
    /// Works them out once for all items.
    pub(crate) fn of(cohorts: &[Cohort], records: &[&SourceRecord]) -> Self {
        let mut bits = 0;
        for (n, cohort) in (0_u32..).zip(cohorts) {
            if records.iter().any(|birth| cohort.has(birth, records)) {
                bits |= 1_u64.checked_shl(n).unwrap_or(0);
            }
        }
        Self(bits)
    }

    /// Whether a rule bound to a cohort, or to none, holds for the person.
    pub(crate) fn within(self, cohort: Option<u32>) -> bool {
        cohort.is_none_or(|n| self.0 & 1_u64.checked_shl(n).unwrap_or(0) != 0)
    }
}

impl Cohort {
    fn has(&self, birth: &SourceRecord, records: &[&SourceRecord]) -> bool {
        is_birth(birth)
            && birth.standing.counts()
            && (self.again || birth.kind != REGISTERED_AGAIN)
            && self.birth_registered_after.is_none_or(|day| legal_date(birth).is_some_and(|on| on > day))
            && (!self.number_issued || number_issued(birth, records))
    }
}

/// Whether a record is an act of birth about the person born. Asked of every record with every merge: its key is not taken
/// apart.
pub(crate) fn is_birth(record: &SourceRecord) -> bool {
    let key = record.record_key.as_str();
    key.starts_with("civil_status/birth/") && key.ends_with("/child")
}

/// The register names the act, or the act carries a number and was registered in time: a late one carries the number that
/// the person had before.
fn number_issued(birth: &SourceRecord, records: &[&SourceRecord]) -> bool {
    let carries = birth.kind == REGISTERED && birth.identifier(IdentifierKind::Pin).is_some();
    carries || records.iter().any(|entry| is_issued_for(entry, birth))
}

fn is_issued_for(entry: &SourceRecord, birth: &SourceRecord) -> bool {
    let place = (entry.record_key.source(), entry.record_key.entity());
    let gone = matches!(entry.standing, Standing::Annulled | Standing::Withdrawn);
    place == PIN_REGISTER
        && !gone
        && entry
            .refers_to
            .as_ref()
            .zip(birth.act.as_ref())
            .is_some_and(|(of, act)| of.source == act.source && of.act == act.act)
}

/// Legal date of a record, the latest day it can stand for.
pub(crate) fn legal_date(record: &SourceRecord) -> Option<chrono::NaiveDate> {
    record.valid_from.map(PartialDate::latest)
}
