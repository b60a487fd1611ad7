//! A person of whom a record claims something and to whom nobody has given a number in time.

use crate::stale_link::evidence;
use crate::{CaseFinding, CaseKind, CaseSubject, FingerprintKey, PersonId, SourceRecord};
use chrono::{Days, NaiveDate};

/// Days that a number may take: a birth has its number at once, and what was entered without one in other registers is
/// matched or issued within a month or not by itself.
const DAYS_WITHOUT_NUMBER: u64 = 30;

/// Hours that Vietnam is ahead of UTC, the whole year.
const AHEAD: chrono::TimeDelta = chrono::TimeDelta::hours(7);

/// The question of a person without a number, or the day on which it arises. `claiming`: the records that claim anything.
/// A record whose source does not say when it was entered starts no clock.
pub(crate) fn orphan<'a>(
    person: PersonId,
    claiming: impl IntoIterator<Item = &'a SourceRecord>,
    today: NaiveDate,
    key: &FingerprintKey,
) -> (Option<CaseFinding>, Option<NaiveDate>) {
    let entered = |record: &SourceRecord| record.recorded_at.map(|at| (at + AHEAD).date_naive());
    let claiming: Vec<&SourceRecord> = claiming.into_iter().collect();
    let first = claiming.iter().filter_map(|record| entered(record)).min();
    let Some(late) = first.and_then(|day| day.checked_add_days(Days::new(DAYS_WITHOUT_NUMBER))) else {
        return (None, None);
    };
    if today < late {
        return (None, Some(late));
    }
    let said: Vec<_> = claiming.iter().map(|record| (&record.record_key, evidence(record))).collect();
    let finding = CaseFinding {
        subject: CaseSubject::Person(person),
        kind: CaseKind::Orphan,
        field: None,
        fingerprint: key.claims(said.iter().map(|(key, value)| (*key, value))),
        records: said.iter().map(|(key, _)| (*key).clone()).collect(),
        severity: CaseKind::Orphan.harm(),
    };
    (Some(finding), None)
}
