//! From a person's records to the golden record: a pure function of the records that stand together, the decisions, the
//! facts of related persons, the rules and the business date (design §3).

use crate::case::{CaseFinding, CaseKind, CaseSubject, FingerprintKey};
use crate::catalogue::{Cardinality, ConflictRule, FieldCatalogue, FieldDefinition};
use crate::claims::{Claim, Claims, compatible, earlier};
use crate::decision::{Decision, in_force};
use crate::facts::{PersonFacts, Tie, TieKind};
use crate::{
    FieldName, FieldState, FieldValue, IdentifierKind, Lifecycle, PartialDate, PersonId, PersonImage,
    PinStanding, PinState, RegisterEntry, SourceRecord, StandingField,
};
use chrono::NaiveDate;
use std::collections::{BTreeMap, BTreeSet};

/// Code of a married person, and of one whose spouse has died.
const MARRIED: &str = "marital_status:2";
const WIDOWED: &str = "marital_status:4";

/// All that the golden record of one person follows from.
#[derive(Clone, Copy, Debug)]
pub struct MergeInput<'a> {
    /// Who.
    pub person_id: PersonId,
    /// Ids that lead here.
    pub absorbed: &'a [PersonId],
    /// The latest version of each record attached to this person.
    pub records: &'a [SourceRecord],
    /// The register's entries of the person's numbers.
    pub register: &'a [RegisterEntry],
    /// Related persons, one hop away.
    pub ties: &'a [Tie],
    /// Decisions that name any of the records.
    pub decisions: &'a [Decision],
    /// The rules.
    pub catalogue: &'a FieldCatalogue,
    /// For fingerprints of cases.
    pub key: &'a FingerprintKey,
    /// The day in Vietnam for which it is merged.
    pub business_date: NaiveDate,
}

/// What merging gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergeOutcome {
    /// The golden record; `version` is 0 until the store gives it one.
    pub image: PersonImage,
    /// Open questions about fields.
    pub cases: Vec<CaseFinding>,
    /// The next day on which the outcome can differ with nothing else changed.
    pub next_date: Option<NaiveDate>,
}

/// Merges one person.
pub fn merge(input: &MergeInput<'_>) -> MergeOutcome {
    Prepared::of(input).merge(input)
}

/// What follows from a person's own records and decisions, worked out once: the facts that others may hear, and then, when
/// theirs are known, the golden record.
pub struct Prepared(Own);

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Prepared(***)")
    }
}

impl Prepared {
    /// Works out the person's own side; `ties` of the input may still be missing.
    pub fn of(input: &MergeInput<'_>) -> Self {
        Self(Own::of(input))
    }

    /// As [`facts`].
    pub fn facts(&self, input: &MergeInput<'_>) -> PersonFacts {
        facts_from(&self.0, input)
    }

    /// As [`merge`]; the input is the one this was prepared from, now with all ties.
    pub fn merge(self, input: &MergeInput<'_>) -> MergeOutcome {
        merge_own(self.0, input)
    }
}

fn merge_own(mut own: Own, input: &MergeInput<'_>) -> MergeOutcome {
    let relatives = relatives(input.ties, own.latest_marriage.as_ref());
    if let Some(spouse) = &relatives.spouse
        && !spouse.facts.alive
    {
        own.widow();
    }
    own.relation("npd.relatives", relatives.elements, input.catalogue);
    own.relation("npd.household", household(input.ties), input.catalogue);
    let lifecycle = own.lifecycle();
    MergeOutcome {
        image: PersonImage {
            person_id: input.person_id,
            version: 0,
            lifecycle,
            merged_into: None,
            absorbed: sorted(input.absorbed.iter().copied()),
            countable: own.countable(input),
            pins: own.pins,
            fields: own.fields,
            business_date: input.business_date,
        },
        cases: own.cases,
        next_date: own.next,
    }
}

/// What others may hear of the person: from own records and decisions only, whatever `ties` the input holds.
pub fn facts(input: &MergeInput<'_>) -> PersonFacts {
    facts_from(&Own::of(input), input)
}

fn facts_from(own: &Own, input: &MergeInput<'_>) -> PersonFacts {
    let text =
        |name: &str, part: &str| own.field(name).and_then(|f| f.value.part(part)).map(ToOwned::to_owned);
    PersonFacts {
        person_id: input.person_id,
        name: text("npd.birth_name", "full").or_else(|| name_by_evidence(input.records)),
        pin: text("npd.pin", ""),
        cmnd9: cmnd9(input.records),
        nationality: text("npd.nationality", ""),
        alive: own.lifecycle() != Lifecycle::Deceased,
    }
}

/// A person of whom no record claims a name is still called something where they are mentioned.
fn name_by_evidence(records: &[SourceRecord]) -> Option<String> {
    let name: FieldName = "npd.birth_name".parse().ok()?;
    let mentions = records
        .iter()
        .filter(|r| r.standing.counts())
        .filter_map(|r| Some((&r.record_key, r.fields.get(&name)?.part("full")?)));
    mentions.min().map(|(_, name)| name.to_owned())
}

fn sorted<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    items.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
}

fn cmnd9(records: &[SourceRecord]) -> Vec<String> {
    let numbers = records.iter().filter(|r| r.standing.counts()).flat_map(|r| &r.identifiers);
    sorted(numbers.filter(|i| i.kind == IdentifierKind::Cmnd9).map(|i| i.value.clone()))
}

/// What follows from the person's own records and decisions.
struct Own {
    fields: BTreeMap<FieldName, StandingField>,
    pins: Vec<PinState>,
    cases: Vec<CaseFinding>,
    next: Option<NaiveDate>,
    /// The marriage record that the marital status was taken from.
    latest_marriage: Option<crate::RecordKey>,
}

impl Own {
    fn of(input: &MergeInput<'_>) -> Self {
        let mut records: Vec<_> = input.records.iter().collect();
        records.sort_by(|a, b| a.record_key.cmp(&b.record_key));
        let mut own = Self {
            fields: BTreeMap::new(),
            pins: pins(input),
            cases: Vec::new(),
            next: None,
            latest_marriage: None,
        };
        for field in input.catalogue.iter() {
            match field.cardinality {
                Cardinality::One => own.one(field, &records, input),
                Cardinality::Collected => own.collected(field, &records, input),
                Cardinality::Identifier => own.identifier(field, input),
                Cardinality::Relation => {}
            }
        }
        own.latest_marriage = own
            .field("npd.marital_status")
            .filter(|f| f.value.text() == Some(MARRIED))
            .and_then(|f| f.record_key.clone())
            .filter(|key| key.entity() == "marriage");
        own
    }

    fn field(&self, name: &str) -> Option<&StandingField> {
        self.fields.iter().find(|(field, _)| field.as_str() == name).map(|(_, standing)| standing)
    }

    fn one(&mut self, field: &FieldDefinition, records: &[&SourceRecord], input: &MergeInput<'_>) {
        let claims = Claims::gather(field, records, input.business_date);
        self.next = earlier(self.next, claims.next);
        let decision = in_force(input.decisions, &field.name);
        let decided =
            decision.and_then(|d| decided_claim(d, &claims.standing, input.key).map(|claim| (d, claim)));
        let Some(winner) = decided.map(|(_, claim)| claim).or_else(|| claims.standing.first().copied())
        else {
            return;
        };
        let by_source = claims.by_source();
        let against = contradicting(field, winner, &by_source);
        let unseen =
            |claim: &&Claim<'_>| decided.is_none_or(|(d, _)| !d.saw(claim.key(), claim.value, input.key));
        let open = against.iter().any(|claim| unseen(&claim));
        let state = match (decided.is_some(), open) {
            (_, true) => FieldState::Disputed,
            (true, false) => FieldState::Decided,
            (false, false) if by_source.len() > 1 => FieldState::Agreed,
            (false, false) => FieldState::SoleSource,
        };
        if open {
            self.cases.push(conflict(field, winner, &against, input));
        }
        let rule = decided.map_or_else(|| winner.rule(field), |(d, _)| format!("decision/{}", d.id));
        let standing = StandingField {
            value: winner.value.clone(),
            state,
            record_key: Some(winner.key().clone()),
            rule,
        };
        self.fields.insert(field.name.clone(), standing);
    }

    fn collected(&mut self, field: &FieldDefinition, records: &[&SourceRecord], input: &MergeInput<'_>) {
        let claims = Claims::gather(field, records, input.business_date);
        self.next = earlier(self.next, claims.next);
        let elements = sorted(claims.standing.iter().map(|claim| claim.value.clone()));
        self.list(field, elements, "collected");
    }

    fn identifier(&mut self, field: &FieldDefinition, input: &MergeInput<'_>) {
        if field.name.as_str() == "npd.cmnd9" {
            let numbers = cmnd9(input.records).into_iter().map(FieldValue::Text).collect();
            self.list(field, numbers, "collected");
        } else if field.name.as_str() == "npd.pin"
            && let Some(pin) =
                self.pins.iter().max_by_key(|p| (std::cmp::Reverse(p.state), issue_order(input, &p.value)))
        {
            let state = if pin.state == PinStanding::Current {
                FieldState::SoleSource
            } else {
                FieldState::UnderVerification
            };
            let entry = input.register.iter().find(|e| e.pin.as_str() == pin.value);
            let standing = StandingField {
                value: FieldValue::Text(pin.value.clone()),
                state,
                record_key: entry.map(|e| e.record_key.clone()),
                rule: format!("{}/register", field.name),
            };
            self.fields.insert(field.name.clone(), standing);
        }
    }

    fn list(&mut self, field: &FieldDefinition, elements: Vec<FieldValue>, rule: &str) {
        if !elements.is_empty() {
            let standing = StandingField {
                value: FieldValue::List(elements),
                state: FieldState::SoleSource,
                record_key: None,
                rule: format!("{}/{rule}", field.name),
            };
            self.fields.insert(field.name.clone(), standing);
        }
    }

    fn relation(&mut self, name: &str, elements: Vec<FieldValue>, catalogue: &FieldCatalogue) {
        if let Some(field) = name.parse().ok().and_then(|name| catalogue.get(&name)) {
            self.list(field, elements, "one_hop");
        }
    }

    /// The death of the spouse changes the marital status without any act of the widowed person.
    fn widow(&mut self) {
        if let Some(field) = self.fields.iter_mut().find(|(name, _)| name.as_str() == "npd.marital_status") {
            field.1.value = FieldValue::Text(WIDOWED.to_owned());
            "npd.marital_status/spouse_died".clone_into(&mut field.1.rule);
        }
    }

    fn lifecycle(&self) -> Lifecycle {
        if self.field("npd.death_or_missing").is_some() { Lifecycle::Deceased } else { Lifecycle::Active }
    }

    fn countable(&self, input: &MergeInput<'_>) -> bool {
        let claims = input.records.iter().filter(|r| r.standing.counts()).any(|r| {
            let key = &r.record_key;
            input.catalogue.claims_anything(key.source(), key.entity(), key.role())
        });
        claims && (self.pins.is_empty() || self.pins.iter().any(|p| p.state != PinStanding::Unknown))
    }
}

/// The claim that a decision takes, while the record it names still says the same.
fn decided_claim<'a>(decision: &Decision, claims: &[Claim<'a>], key: &FingerprintKey) -> Option<Claim<'a>> {
    claims
        .iter()
        .find(|claim| *claim.key() == decision.takes && decision.saw(claim.key(), claim.value, key))
        .copied()
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

fn conflict(
    field: &FieldDefinition,
    winner: Claim<'_>,
    against: &[Claim<'_>],
    input: &MergeInput<'_>,
) -> CaseFinding {
    let all = || std::iter::once(&winner).chain(against);
    CaseFinding {
        subject: CaseSubject::Person(input.person_id),
        kind: CaseKind::FieldConflict,
        field: Some(field.name.clone()),
        fingerprint: input.key.claims(all().map(|claim| (claim.key(), claim.value))),
        records: all().map(|claim| claim.key().clone()).collect(),
        severity: field.harm,
    }
}

/// The person's numbers: those of the register, and those that records carry and the register does not know.
fn pins(input: &MergeInput<'_>) -> Vec<PinState> {
    let mut pins: BTreeMap<String, PinStanding> = BTreeMap::new();
    for entry in input.register {
        let state = if entry.cancelled { PinStanding::Cancelled } else { PinStanding::Current };
        let known = pins.entry(entry.pin.as_str().to_owned()).or_insert(state);
        *known = (*known).min(state);
        if let Some(old) = &entry.replaces {
            pins.entry(old.as_str().to_owned()).or_insert(PinStanding::Cancelled);
        }
    }
    // Without a register entry a number stands for the person only if no entry speaks against it: it was accepted.
    if input.register.is_empty() {
        let carried = input.records.iter().filter_map(|r| r.identifier(IdentifierKind::Pin));
        for pin in carried.filter(|pin| pin.parse::<crate::Pin>().is_ok()) {
            pins.entry(pin.to_owned()).or_insert(PinStanding::Unknown);
        }
    }
    pins.into_iter().map(|(value, state)| PinState { value, state }).collect()
}

/// Of several numbers in force the one issued last stands (legal date, then digits).
fn issue_order(input: &MergeInput<'_>, pin: &str) -> (Option<NaiveDate>, String) {
    let issued = input
        .records
        .iter()
        .filter(|r| {
            r.record_key.source() == crate::PIN_REGISTER.0 && r.identifier(IdentifierKind::Pin) == Some(pin)
        })
        .filter_map(|r| r.valid_from.map(PartialDate::latest))
        .max();
    (issued, pin.to_owned())
}

struct Relatives<'a> {
    elements: Vec<FieldValue>,
    spouse: Option<&'a Tie>,
}

/// Parents, children and the spouse of the marriage that stands.
fn relatives<'a>(ties: &'a [Tie], marriage: Option<&crate::RecordKey>) -> Relatives<'a> {
    let mut elements = BTreeSet::new();
    let mut spouse = None;
    for tie in ties {
        match tie.kind() {
            Some(kind @ (TieKind::Mother | TieKind::Father | TieKind::Child)) => {
                elements.insert(tie.element(kind.as_str()));
            }
            Some(kind @ TieKind::Spouse) if marriage == Some(&tie.own) => {
                spouse = Some(tie);
                if tie.facts.alive {
                    elements.insert(tie.element(kind.as_str()));
                }
            }
            Some(TieKind::Spouse | TieKind::Household) | None => {}
        }
    }
    Relatives { elements: elements.into_iter().collect(), spouse }
}

/// The living members of the household that the person is registered in.
fn household(ties: &[Tie]) -> Vec<FieldValue> {
    let members = ties.iter().filter(|tie| tie.kind() == Some(TieKind::Household) && tie.facts.alive);
    sorted(members.map(|tie| tie.element(tie.relation_to_head.as_deref().unwrap_or(""))))
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
