//! Who claims what about a field, and which claim stands.

use crate::catalogue::{Comparison, ConflictRule, FieldDefinition};
use crate::{
    FieldValue, NameLevel, PartialDate, RecordKey, SourceRecord, Standing, compare_names, unaccented,
};
use chrono::NaiveDate;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// One record's statement of one field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim<'a> {
    pub(crate) record: &'a SourceRecord,
    pub(crate) value: &'a FieldValue,
    pub(crate) rank: usize,
}

impl Claim<'_> {
    pub(crate) fn key(&self) -> &RecordKey {
        &self.record.record_key
    }

    pub(crate) fn rule(&self, field: &FieldDefinition) -> String {
        format!("{}/{}", field.name, self.rank)
    }

    /// Design §3: rule rank, then corrected over the act it refers to, legal date, recorded at, record key. Never
    /// version, position or receipt: those differ between replays.
    fn precedence(&self) -> impl Ord + use<'_> {
        let record = self.record;
        (
            self.rank,
            record.standing != Standing::Corrected,
            Reverse(record.valid_from.map(PartialDate::latest)),
            Reverse(record.recorded_at),
            &record.record_key,
        )
    }
}

/// The claims that count on a day, and the next day on which that can change.
#[derive(Debug, Default)]
pub(crate) struct Claims<'a> {
    pub(crate) standing: Vec<Claim<'a>>,
    pub(crate) next: Option<NaiveDate>,
}

impl<'a> Claims<'a> {
    /// The claims on a field among the records, by precedence.
    pub(crate) fn gather(field: &FieldDefinition, records: &[&'a SourceRecord], today: NaiveDate) -> Self {
        let mut claims = Self::default();
        for record in records.iter().filter(|r| r.standing.counts()) {
            let key = &record.record_key;
            // Most records do not state most items: that is asked first, it is cheaper than whether they might.
            let Some(value) = record.fields.get(&field.name).filter(|v| !v.is_empty()) else { continue };
            let Some(rank) = field.rank(key.source(), key.entity(), key.role()) else { continue };
            if claims.in_time(field, record, today) {
                claims.standing.push(Claim { record, value, rank });
            }
        }
        claims.standing.sort_by(|a, b| a.precedence().cmp(&b.precedence()));
        claims
    }

    /// A claim counts from its first legal day on, and if the item changes in life, to its last.
    fn in_time(&mut self, field: &FieldDefinition, record: &SourceRecord, today: NaiveDate) -> bool {
        if let Some(from) = record.valid_from.and_then(PartialDate::full).filter(|from| *from > today) {
            self.next = earlier(self.next, Some(from));
            return false;
        }
        if field.conflict == ConflictRule::Latest
            && let Some(end) = record.valid_to.map(PartialDate::latest)
        {
            if end < today {
                return false;
            }
            self.next = earlier(self.next, end.succ_opt());
        }
        true
    }

    /// The first claim of each source, by precedence: what that source says now.
    pub(crate) fn by_source(&self) -> Vec<Claim<'a>> {
        let mut first: BTreeMap<&str, Claim<'a>> = BTreeMap::new();
        for claim in &self.standing {
            first.entry(claim.record.record_key.source()).or_insert(*claim);
        }
        let mut claims: Vec<_> = first.into_values().collect();
        claims.sort_by(|a, b| a.precedence().cmp(&b.precedence()));
        claims
    }
}

/// The earlier of two dates that may be missing.
pub(crate) fn earlier(a: Option<NaiveDate>, b: Option<NaiveDate>) -> Option<NaiveDate> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// Whether two values can both be true: equal, or one a less precise statement of the other.
pub(crate) fn compatible(comparison: Comparison, left: &FieldValue, right: &FieldValue) -> bool {
    if left == right {
        return true;
    }
    match comparison {
        Comparison::Exact => false,
        Comparison::Name => both(left, right, "full", |a, b| compare_names(a, b) != NameLevel::Different),
        Comparison::Date => {
            let part = if left.text().is_some() { "" } else { "date" };
            both(left, right, part, |a, b| match (a.parse::<PartialDate>(), b.parse::<PartialDate>()) {
                (Ok(a), Ok(b)) => a.compatible(b),
                _ => false,
            })
        }
        Comparison::Text => both(left, right, "", |a, b| unaccented(a) == unaccented(b)),
        Comparison::Address => addresses_compatible(left, right),
    }
}

fn both(left: &FieldValue, right: &FieldValue, part: &str, same: impl Fn(&str, &str) -> bool) -> bool {
    left.part(part).zip(right.part(part)).is_some_and(|(a, b)| same(a, b))
}

/// Parts that both sides have must agree; codes of different lists (old and new provinces) say nothing against it.
fn addresses_compatible(left: &FieldValue, right: &FieldValue) -> bool {
    let (FieldValue::Parts(a), FieldValue::Parts(b)) = (left, right) else {
        return false;
    };
    a.iter().filter_map(|(name, x)| b.get(name).map(|y| (x, y))).all(|(x, y)| {
        match (x.split_once(':'), y.split_once(':')) {
            (Some((list, _)), Some((other, _))) if list != other => true,
            _ => unaccented(x) == unaccented(y),
        }
    })
}
