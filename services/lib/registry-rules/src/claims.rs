//! Who claims what about a field, and which claim stands.

use crate::authority::{AuthorityRule, Effect};
use crate::case::FingerprintKey;
use crate::catalogue::{Comparison, ConflictRule, FieldDefinition};
use crate::cohort::legal_date;
use crate::decision::Decision;
use crate::unit;
use crate::{
    FieldState, FieldValue, NameLevel, PartialDate, RecordKey, SourceRecord, Standing, compare_names,
    unaccented,
};
use chrono::NaiveDate;
use std::cmp::Reverse;

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

    /// Design §3: rule rank, then corrected over the act it refers to, legal date, recorded at, record key. Never
    /// version, position or receipt: those differ between replays.
    fn precedence(&self) -> impl Ord + use<'_> {
        let record = self.record;
        (
            self.rank,
            record.standing != Standing::Corrected,
            Reverse(legal_date(record)),
            Reverse(record.recorded_at),
            &record.record_key,
        )
    }

    /// What was there first: without a time, last.
    fn age(&self) -> impl Ord + use<'_> {
        (self.record.recorded_at.is_none(), self.record.recorded_at, &self.record.record_key)
    }
}

/// The claims that count on a day, and the next day on which that can change.
#[derive(Debug, Default)]
pub(crate) struct Claims<'a> {
    pub(crate) standing: Vec<Claim<'a>>,
    pub(crate) next: Option<NaiveDate>,
    /// Statements in time that have no authority under the rule in force and may have some under another.
    without: Vec<(&'a SourceRecord, &'a FieldValue)>,
}

impl<'a> Claims<'a> {
    /// The claims on a field among the records under a rule, by precedence.
    pub(crate) fn gather(
        field: &FieldDefinition,
        rule: &AuthorityRule,
        records: &[&'a SourceRecord],
        today: NaiveDate,
    ) -> Self {
        let mut claims = Self::default();
        for record in records.iter().filter(|r| r.standing.counts()) {
            let key = &record.record_key;
            // Most records do not state most items: that is asked first, it is cheaper than whether they might.
            let Some(value) = record.fields.get(&field.name).filter(|v| !v.is_empty()) else { continue };
            let rank = rule.rank(key.source(), key.entity(), key.role());
            // Under another rule of the item somebody else may have a say.
            let elsewhere = || field.rank(key.source(), key.entity(), key.role()).is_some();
            if rank.is_none() && (field.rules.len() == 1 || !elsewhere()) {
                continue;
            }
            if claims.in_time(field, record, today) {
                match rank {
                    Some(rank) => claims.standing.push(Claim { record, value, rank }),
                    None => claims.without.push((record, value)),
                }
            }
        }
        claims.standing.sort_by(|a, b| a.precedence().cmp(&b.precedence()));
        claims
    }

    /// Whether nobody who may says anything.
    pub(crate) const fn is_empty(&self) -> bool {
        self.standing.is_empty() && self.without.is_empty()
    }

    /// The same statements under another rule.
    pub(crate) fn under(&self, rule: &AuthorityRule) -> Vec<Claim<'a>> {
        let stated =
            self.standing.iter().map(|claim| (claim.record, claim.value)).chain(self.without.iter().copied());
        let mut claims: Vec<_> = stated
            .filter_map(|(record, value)| {
                let key = &record.record_key;
                Some(Claim { record, value, rank: rule.rank(key.source(), key.entity(), key.role())? })
            })
            .collect();
        claims.sort_by(|a, b| a.precedence().cmp(&b.precedence()));
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
}

/// What stands of a field, and what speaks against it.
#[derive(Debug)]
pub(crate) struct Verdict<'a> {
    pub(crate) winner: Claim<'a>,
    /// The decision that took it, if one did.
    pub(crate) decision: Option<&'a Decision>,
    pub(crate) state: FieldState,
    /// What other sources say that cannot be true together with it and that no decision has seen.
    pub(crate) against: Vec<Claim<'a>>,
    /// Some of it is new to the decision, or there is none.
    pub(crate) open: bool,
}

impl<'a> Verdict<'a> {
    /// The verdict over claims in order of precedence.
    pub(crate) fn of(
        field: &FieldDefinition,
        rule: &AuthorityRule,
        claims: &[Claim<'a>],
        decision: Option<&'a Decision>,
        key: &FingerprintKey,
    ) -> Option<Self> {
        let decided = decision.and_then(|d| decided_claim(d, claims, key).map(|claim| (d, claim)));
        let first = *claims.first()?;
        let by_source = by_source(claims);
        let winner = match decided {
            Some((_, claim)) => claim,
            None => held(field, rule, first, &by_source).unwrap_or(first),
        };
        let against = contradicting(field, winner, &by_source);
        let open = against.iter().any(|c| decided.is_none_or(|(d, _)| !d.saw(c.key(), c.value, key)));
        let state = match (decided.is_some(), open, rule.effect) {
            (true, true, _) | (false, true, Effect::Stand) => FieldState::Disputed,
            (false, true, Effect::Verify | Effect::Hold) => FieldState::UnderVerification,
            (true, false, _) => FieldState::Decided,
            (false, false, _) if by_source.len() > 1 => FieldState::Agreed,
            (false, false, _) => FieldState::SoleSource,
        };
        Some(Self { winner, decision: decided.map(|(d, _)| d), state, against, open })
    }

    /// Whether another verdict says the same of the person.
    pub(crate) fn same(&self, other: &Self) -> bool {
        let against = |v: &Self| v.against.iter().map(|c| c.key().clone()).collect::<Vec<_>>();
        self.winner.key() == other.winner.key()
            && self.state == other.state
            && against(self) == against(other)
    }
}

/// The next day on which another rule gives another verdict, with nothing else changed.
pub(crate) fn next_turn<'a>(
    field: &FieldDefinition,
    claims: &Claims<'a>,
    (rule, verdict): (&AuthorityRule, Option<&Verdict<'a>>),
    (decision, key): (Option<&'a Decision>, &FingerprintKey),
    rule_on: impl Fn(NaiveDate) -> Option<&'a AuthorityRule>,
    today: NaiveDate,
) -> Option<NaiveDate> {
    field.turns.iter().copied().filter(|turn| *turn > today).find(|turn| {
        let Some(then) = rule_on(*turn) else { return verdict.is_some() };
        let undisputed = verdict.is_none_or(|now| now.against.is_empty());
        if then.same_order == rule.same_order && (undisputed || then.effect == rule.effect) {
            return false;
        }
        let claims = claims.under(then);
        match (verdict, Verdict::of(field, then, &claims, decision, key)) {
            (None, None) => false,
            (Some(now), Some(then)) => !now.same(&then),
            (None, Some(_)) | (Some(_), None) => true,
        }
    })
}

/// The claim that a decision takes, while the record it names still says the same.
fn decided_claim<'a>(decision: &Decision, claims: &[Claim<'a>], key: &FingerprintKey) -> Option<Claim<'a>> {
    claims
        .iter()
        .find(|claim| *claim.key() == decision.takes && decision.saw(claim.key(), claim.value, key))
        .copied()
}

/// The first claim of each source, by precedence: what that source says now.
fn by_source<'a>(claims: &[Claim<'a>]) -> Vec<Claim<'a>> {
    let mut first: Vec<Claim<'a>> = Vec::with_capacity(claims.len().min(4));
    for claim in claims {
        if first.iter().all(|known| known.key().source() != claim.key().source()) {
            first.push(*claim);
        }
    }
    first
}

/// Where a later statement waits: the one recorded first among those that cannot be true together. An act of correction
/// was verified when it was registered, so with one among them the order of authority stands.
fn held<'a>(
    field: &FieldDefinition,
    rule: &AuthorityRule,
    first: Claim<'a>,
    by_source: &[Claim<'a>],
) -> Option<Claim<'a>> {
    if rule.effect != Effect::Hold || by_source.len() < 2 {
        return None;
    }
    let corrected = by_source.iter().any(|claim| claim.record.standing == Standing::Corrected);
    let against = contradicting(field, first, by_source);
    if corrected || against.is_empty() {
        return None;
    }
    std::iter::once(first).chain(against).min_by(|a, b| a.age().cmp(&b.age()))
}

/// What other sources say that cannot be true together with the value that stands.
fn contradicting<'a>(field: &FieldDefinition, winner: Claim<'a>, by_source: &[Claim<'a>]) -> Vec<Claim<'a>> {
    if field.conflict == ConflictRule::Latest {
        return Vec::new();
    }
    by_source
        .iter()
        .filter(|c| c.key() != winner.key() && !compatible(field.comparison, winner.value, c.value))
        .copied()
        .collect()
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

/// Parts that both sides have must agree. Where units are of different times, the old one must have gone into the new one, and
/// of what lies in them no more can be said: a commune that is only named, a hamlet, a street may be called otherwise since.
fn addresses_compatible(left: &FieldValue, right: &FieldValue) -> bool {
    let (FieldValue::Parts(a), FieldValue::Parts(b)) = (left, right) else {
        return false;
    };
    let coded = |name: &str| Some((a.get(name)?.split_once(':')?, b.get(name)?.split_once(':')?));
    let of_different_times =
        ["province", "commune"].into_iter().filter_map(coded).any(|((list, _), (other, _))| list != other);
    a.iter().filter_map(|(name, x)| b.get(name).map(|y| (name.as_str(), x, y))).all(|(name, x, y)| match name
    {
        "commune" | "detail" if coded(name).is_none() && of_different_times => true,
        // A number on one side and a name on the other cannot be held against each other.
        "commune" if x.contains(':') != y.contains(':') => true,
        "country" | "province" | "commune" => {
            coded(name).map_or_else(|| unaccented(x) == unaccented(y), |(x, y)| unit::compatible(x, y))
        }
        _ => unaccented(x) == unaccented(y),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(province: &str, commune: &str) -> FieldValue {
        FieldValue::parts([("province", province.to_owned()), ("commune", commune.to_owned())])
    }

    /// 15 was Yên Bái and is Lào Cai, into which both Yên Bái (15) and Lào Cai (10) went.
    #[test]
    fn addresses_of_different_times_agree_where_the_old_province_went_into_the_new() {
        for (left, right, same) in [
            (("province_2004:15", "Xã A"), ("province_2004:15", "xa a"), true),
            (("province_2004:15", "Xã A"), ("province_2004:15", "Xã B"), false),
            (("province_2004:15", "Xã A"), ("province_2025:15", "Xã B"), true),
            (("province_2004:10", "Xã A"), ("province_2025:15", "Xã B"), true),
            (("province_2025:15", "Xã B"), ("province_2004:10", "Xã A"), true),
            (("province_2004:24", "Xã A"), ("province_2025:15", "Xã A"), false),
            (("province_2004:27", "Xã A"), ("province_2025:24", "Xã A"), true),
            (("province_2004:99", "Xã A"), ("province_2025:24", "Xã A"), true),
            (("province_2004:01", "commune_2004:00013"), ("province_2025:01", "commune_2025:00004"), true),
            (("province_2004:01", "commune_2004:00013"), ("province_2025:01", "commune_2025:00008"), false),
            (("province_2025:01", "commune_2004:00016"), ("province_2025:01", "commune_2025:00008"), true),
            (("province_2025:01", "commune_2025:00004"), ("province_2025:01", "commune_2025:00008"), false),
            (("province_2004:01", "commune_2004:00013"), ("province_2004:01", "Phường Quán Thánh"), true),
            (("province_2004:01", "commune_2004:00013"), ("province_2025:01", "Phường Ba Đình"), true),
        ] {
            let (a, b) = (address(left.0, left.1), address(right.0, right.1));
            assert_eq!(compatible(Comparison::Address, &a, &b), same, "{left:?} {right:?}");
        }
    }

    #[test]
    fn a_house_in_communes_of_different_times_may_be_named_otherwise() {
        let house = |commune: &str, detail: &str| {
            FieldValue::parts([("commune", commune.to_owned()), ("detail", detail.to_owned())])
        };
        let (old, new) = (house("commune_2004:00013", "Tổ 3"), house("commune_2025:00004", "Tổ 14"));
        assert!(compatible(Comparison::Address, &old, &new));
        assert!(!compatible(Comparison::Address, &old, &house("commune_2004:00013", "Tổ 14")));
        assert!(!compatible(
            Comparison::Address,
            &house("commune_2004:00013", "1:2"),
            &house("commune_2004:00013", "3:2")
        ));
    }
}
