//! From a person's records to the golden record: a pure function of the records that stand together, the decisions, the
//! facts of related persons, the rules and the business date (design §3).

use crate::adoption::Replaced;
use crate::authority::AuthorityRule;
use crate::case::{CaseFinding, CaseKind, CaseSubject, FingerprintKey};
use crate::catalogue::{Cardinality, Comparison, ConflictRule, FieldCatalogue, FieldDefinition};
use crate::claims::{Claims, Verdict, earlier, next_turn};
use crate::cohort::{Cohorts, REGISTERED_AGAIN};
use crate::confusion::confusion;
use crate::decision::{Decision, in_force};
use crate::error_report::error_reports;
use crate::facts::{PersonFacts, Tie};
use crate::numbers::{cmnd9, issue_order, pins};
use crate::orphan::orphan;
use crate::relatives::{household, relatives};
use crate::unit;
use crate::{
    FieldName, FieldState, FieldValue, Lifecycle, PersonId, PersonImage, Pin, PinStanding, PinState,
    RecordKey, RegisterEntry, SourceRecord, StandingField,
};
use chrono::NaiveDate;
use std::collections::{BTreeMap, BTreeSet};

/// Code of a married person, and of one whose spouse has died.
const MARRIED: &str = "marital_status:2";
const WIDOWED: &str = "marital_status:4";

/// Code of a person whom a court has declared missing: nobody's death (Civil Code 91/2015/QH13 art. 68).
const MISSING: &str = "death_kind:3";

/// The item that says that a person has died.
const DEATH: &str = "npd.death_or_missing";

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
    let relatives = relatives(input.ties, own.latest_marriage.as_ref(), own.replaced);
    if let Some(spouse) = &relatives.spouse
        && !spouse.facts.alive
    {
        own.widow();
    }
    own.relation("npd.relatives", relatives.elements, input.catalogue);
    own.relation("npd.household", household(input.ties), input.catalogue);
    let lifecycle = own.lifecycle();
    own.about_the_person(input);
    if lifecycle == Lifecycle::Deceased && !own.missing() {
        // Nobody is helped by what is asked of the dead, but for whether and when they died.
        own.cases.retain(|case| case.field.as_ref().is_some_and(|field| field.as_str() == DEATH));
    }
    MergeOutcome {
        image: PersonImage {
            person_id: input.person_id,
            version: 0,
            lifecycle,
            merged_into: None,
            absorbed: sorted(input.absorbed.iter().copied()),
            countable: own.countable(),
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
        alive: own.lifecycle() != Lifecycle::Deceased || own.missing(),
        missing: own.missing(),
        mother_replaced: own.replaced.mother,
        father_replaced: own.replaced.father,
        registered_again: own.pins.is_empty() && !own.newly_registered && own.registered_again,
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

/// What follows from the person's own records and decisions.
struct Own {
    fields: BTreeMap<FieldName, StandingField>,
    pins: Vec<PinState>,
    cases: Vec<CaseFinding>,
    next: Option<NaiveDate>,
    /// The marriage record that the marital status was taken from.
    latest_marriage: Option<RecordKey>,
    replaced: Replaced,
    /// Some record claims an item, and it is no registration of a birth once more.
    newly_registered: bool,
    /// A registration of a birth once more counts.
    registered_again: bool,
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
            replaced: Replaced::of(input.records),
            newly_registered: false,
            registered_again: false,
        };
        own.claims_anything(input);
        let cohorts = Cohorts::of(&input.catalogue.cohorts, &records);
        for field in input.catalogue.iter() {
            match field.cardinality {
                Cardinality::One => own.one(field, &records, cohorts, input),
                Cardinality::Collected => own.collected(field, &records, cohorts, input),
                Cardinality::Identifier => own.identifier(field, input),
                Cardinality::Relation => {}
            }
        }
        own.latest_marriage = own
            .field("npd.marital_status")
            .filter(|f| f.value.text() == Some(MARRIED))
            .and_then(|f| f.record_key.clone())
            .filter(|key| key.entity() == "marriage");
        own.digits(input);
        own
    }

    fn field(&self, name: &str) -> Option<&StandingField> {
        self.fields.iter().find(|(field, _)| field.as_str() == name).map(|(_, standing)| standing)
    }

    fn one<'a>(
        &mut self,
        field: &FieldDefinition,
        records: &[&'a SourceRecord],
        cohorts: Cohorts,
        input: &MergeInput<'a>,
    ) {
        let today = input.business_date;
        let Some(rule) = field.rule_on(today, cohorts) else { return };
        let claims = Claims::gather(field, rule, records, today);
        self.next = earlier(self.next, claims.next);
        if claims.is_empty() {
            return;
        }
        let by = (in_force(input.decisions, &field.name), input.key);
        let verdict = Verdict::of(field, rule, &claims.standing, by.0, by.1);
        let rule_on = |day| field.rule_on(day, cohorts);
        self.next =
            earlier(self.next, next_turn(field, &claims, (rule, verdict.as_ref()), by, rule_on, today));
        let Some(verdict) = verdict else { return };
        if verdict.open {
            self.cases.push(conflict(field, rule, &verdict, input));
        }
        let standing = StandingField {
            value: self.of_today(field, verdict.winner.value, today),
            state: verdict.state,
            record_key: Some(verdict.winner.key().clone()),
            rule: match verdict.decision {
                Some(decision) => format!("decision/{}", decision.id),
                None => rule.names.get(verdict.winner.rank).cloned().unwrap_or_default(),
            },
        };
        self.fields.insert(field.name.clone(), standing);
    }

    /// Where somebody lives is told in the units of the day, whatever they were called when it was registered; where somebody was
    /// born stays as it was recorded.
    fn of_today(&mut self, field: &FieldDefinition, value: &FieldValue, today: NaiveDate) -> FieldValue {
        if (field.comparison, field.conflict) != (Comparison::Address, ConflictRule::Latest) {
            return value.clone();
        }
        self.next = earlier(self.next, unit::next_reform(value, today));
        unit::on_day(value, today).unwrap_or_else(|| value.clone())
    }

    fn collected(
        &mut self,
        field: &FieldDefinition,
        records: &[&SourceRecord],
        cohorts: Cohorts,
        input: &MergeInput<'_>,
    ) {
        let Some(rule) = field.rule_on(input.business_date, cohorts) else { return };
        let claims = Claims::gather(field, rule, records, input.business_date);
        self.next = earlier(self.next, claims.next);
        let elements = sorted(claims.standing.iter().map(|claim| claim.value.clone()));
        self.list(field, elements, &field.collected);
    }

    /// The digits of the number in force against what stands: the number is flagged, each difference is a case. A cancelled
    /// number was cancelled because it differed, and one that the register does not know says nothing.
    fn digits(&mut self, input: &MergeInput<'_>) {
        let Some(rule) = input.catalogue.number() else { return };
        let number = self.field("npd.pin").filter(|f| f.state == FieldState::SoleSource);
        let number = number.and_then(|f| Some((f.value.text()?.parse::<Pin>().ok()?, f.record_key.clone()?)));
        let Some((pin, bearer)) = number else { return };
        let number = FieldValue::Text(pin.as_str().to_owned());
        let mut differing = Vec::new();
        for (name, standing) in &self.fields {
            let Some(stated_by) = &standing.record_key else { continue };
            if rule.contradicts(&pin, name.as_str(), &standing.value) {
                let said = [(stated_by, &standing.value), (&bearer, &number)];
                differing.push(CaseFinding {
                    subject: CaseSubject::Person(input.person_id),
                    kind: CaseKind::DigitMismatch,
                    field: Some(name.clone()),
                    fingerprint: input.key.claims(said),
                    records: said.into_iter().map(|(key, _)| key.clone()).collect(),
                    severity: rule.severity,
                });
            }
        }
        if differing.is_empty() {
            return;
        }
        if let Some((_, flagged)) = self.fields.iter_mut().find(|(name, _)| name.as_str() == "npd.pin") {
            flagged.state = FieldState::Disputed;
        }
        self.cases.extend(differing);
    }

    /// Whether any record that counts states an item, and of what kind those are.
    fn claims_anything(&mut self, input: &MergeInput<'_>) {
        for record in input.records.iter().filter(|r| r.standing.counts()) {
            let key = &record.record_key;
            if record.kind == REGISTERED_AGAIN {
                self.registered_again |= key.role() == "child";
            } else if !self.newly_registered {
                self.newly_registered =
                    input.catalogue.claims_anything(key.source(), key.entity(), key.role());
            }
        }
    }

    fn identifier(&mut self, field: &FieldDefinition, input: &MergeInput<'_>) {
        if field.name.as_str() == "npd.cmnd9" {
            let numbers = cmnd9(input.records).into_iter().map(FieldValue::Text).collect();
            self.list(field, numbers, &field.collected);
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
                rule: rule.to_owned(),
            };
            self.fields.insert(field.name.clone(), standing);
        }
    }

    fn relation(&mut self, name: &str, elements: Vec<FieldValue>, catalogue: &FieldCatalogue) {
        if let Some(field) = name.parse().ok().and_then(|name| catalogue.get(&name)) {
            self.list(field, elements, &format!("{name}/one_hop"));
        }
    }

    /// The death of the spouse changes the marital status without any act of the widowed person.
    fn widow(&mut self) {
        if let Some(field) = self.fields.iter_mut().find(|(name, _)| name.as_str() == "npd.marital_status") {
            field.1.value = FieldValue::Text(WIDOWED.to_owned());
            "npd.marital_status/spouse_died".clone_into(&mut field.1.rule);
        }
    }

    /// The questions about who the person is, not about an item.
    fn about_the_person(&mut self, input: &MergeInput<'_>) {
        let mut records: Vec<_> = input.records.iter().collect();
        records.sort_by(|a, b| a.record_key.cmp(&b.record_key));
        self.cases.extend(confusion(input.person_id, &records, input.key));
        let ground = (&self.fields, input.register, input.decisions);
        let by = (input.catalogue, input.key);
        self.cases.extend(error_reports(input.person_id, records.iter().copied(), ground, by));
        if self.pins.is_empty() && self.newly_registered && self.lifecycle() != Lifecycle::Deceased {
            let claiming = records.into_iter().filter(|record| {
                let key = &record.record_key;
                record.standing.counts()
                    && record.kind != REGISTERED_AGAIN
                    && input.catalogue.claims_anything(key.source(), key.entity(), key.role())
            });
            let (found, arises) = orphan(input.person_id, claiming, input.business_date, input.key);
            self.cases.extend(found);
            self.next = earlier(self.next, arises);
        }
    }

    fn lifecycle(&self) -> Lifecycle {
        if self.field(DEATH).is_some() { Lifecycle::Deceased } else { Lifecycle::Active }
    }

    /// A court's declaration that the person is missing stands, and no death.
    fn missing(&self) -> bool {
        self.field(DEATH).is_some_and(|f| f.value.part("kind") == Some(MISSING))
    }

    /// A birth registered again is about somebody who is registered: without a number it makes nobody countable.
    fn countable(&self) -> bool {
        let known = self.pins.iter().any(|p| p.state != PinStanding::Unknown);
        if self.pins.is_empty() {
            self.newly_registered
        } else {
            known && (self.newly_registered || self.registered_again)
        }
    }
}

fn conflict(
    field: &FieldDefinition,
    rule: &AuthorityRule,
    verdict: &Verdict<'_>,
    input: &MergeInput<'_>,
) -> CaseFinding {
    let all = || std::iter::once(&verdict.winner).chain(&verdict.against);
    CaseFinding {
        subject: CaseSubject::Person(input.person_id),
        kind: CaseKind::FieldConflict,
        field: Some(field.name.clone()),
        fingerprint: input.key.claims(all().map(|claim| (claim.key(), claim.value))),
        records: all().map(|claim| claim.key().clone()).collect(),
        severity: rule.severity,
    }
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
