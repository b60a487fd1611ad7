//! The form of a named case: what the sources say, in order, and what must come of it (`tests/fixtures/cases/README.md`).

use anyhow::{Context as _, anyhow, bail};
use chrono::{DateTime, NaiveDate, NaiveTime};
use registry_rules::{
    ActReference, CodeLists, Considered, FieldName, FieldValue, FingerprintKey, Identifier, IdentifierKind,
    IdentityDecision, Pin, RecordKey, SourceRecord, Standing, Version, normalise_text,
};
use serde::Deserialize;
use std::collections::BTreeMap;

/// One case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseFile {
    /// What it is called, in Vietnamese.
    pub title: String,
    /// The same in English.
    pub title_en: String,
    /// What happens and why it must end so, in Vietnamese.
    pub about: String,
    /// The same in English.
    pub about_en: String,
    /// What the sources say, in the order in which it happens.
    record: Vec<Statement>,
    /// What must come of it.
    pub expect: Vec<Expectation>,
}

/// A row of a source about one person in one role, as its mapping would read it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Statement {
    /// What it says, for the reader.
    says: String,
    /// `source/entity/key/role`; the same key again is the row as it reads later.
    key: String,
    kind: Option<String>,
    standing: Option<String>,
    /// `office/book/year/number`.
    act: Option<String>,
    refers_to: Option<String>,
    valid_from: Option<String>,
    valid_to: Option<String>,
    recorded: NaiveDate,
    pin: Option<String>,
    replaces_pin: Option<String>,
    cmnd9: Option<String>,
    source_person: Option<String>,
    group: Option<String>,
    #[serde(default)]
    fields: BTreeMap<String, Said>,
    decision: Option<Decided>,
    ruling: Option<Ruled>,
}

/// A steward's decision about who a record belongs to, in a record of the source `steward`: the record it is about and the
/// other one, each with where it stood before the steward's eyes; or the earlier decision that it takes back.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ruled {
    kind: Option<String>,
    record: Option<String>,
    anchor: Option<String>,
    other_record: Option<String>,
    other_anchor: Option<String>,
    reverses: Option<String>,
}

/// A steward's decision, in a record of the source `steward`: which record's value stands, and whose values were seen, as
/// those records say at that point of the case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Decided {
    field: String,
    takes: String,
    considered: Vec<String>,
    reverses: Option<String>,
}

/// A value as the case writes it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Said {
    Text(String),
    Parts(BTreeMap<String, String>),
}

/// What must come of the first so many records on a day.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// Why, for the reader.
    pub because: String,
    /// The business date.
    pub on: NaiveDate,
    /// How many of the records are known; left out: all.
    pub after: Option<usize>,
    /// Everybody there is.
    pub person: Vec<ExpectedPerson>,
}

/// A person that must be there.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedPerson {
    /// Exactly these records.
    pub records: Vec<String>,
    /// Exactly these numbers, with their state.
    #[serde(default)]
    pub pins: BTreeMap<String, String>,
    /// `active` or `deceased`.
    pub lifecycle: Option<String>,
    /// Whether the person is in populations.
    pub countable: Option<bool>,
    /// Some of the values that stand.
    #[serde(default)]
    pub field: BTreeMap<String, ExpectedField>,
    /// Fields of which nothing stands.
    #[serde(default)]
    pub without: Vec<String>,
    /// Exactly these open questions.
    #[serde(default)]
    pub case: Vec<ExpectedCase>,
    /// The next day on which the answer can change; left out: not looked at.
    pub next: Option<NaiveDate>,
    /// Versions of before this day hold a family secret; left out: there is none.
    pub secret_before: Option<NaiveDate>,
}

/// A value that must stand.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedField {
    /// The value, or the elements of a list.
    pub value: Shown,
    /// How it stands.
    pub state: Option<String>,
    /// The record it is taken from.
    pub from: Option<String>,
    /// By which rule.
    pub rule: Option<String>,
    /// The article that the rule stands on.
    pub article: Option<String>,
}

/// A value as a reader sees it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Shown {
    /// One.
    One(String),
    /// The elements of a list.
    List(Vec<String>),
}

/// A question that must be open.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedCase {
    /// What kind.
    pub kind: String,
    /// The field in question.
    #[serde(default)]
    pub field: String,
    /// The records that differ, the one that stands first.
    pub records: Vec<String>,
}

impl CaseFile {
    /// Reads a case; `lists` translate the codes that it writes in a source's own numbering, `key` hashes the values that
    /// its decisions have seen.
    pub fn read(
        text: &str,
        lists: &CodeLists,
        key: &FingerprintKey,
    ) -> anyhow::Result<(Self, Vec<SourceRecord>)> {
        let file: Self = toml::from_str(text)?;
        let mut records: Vec<SourceRecord> = Vec::new();
        for (statement, place) in file.record.iter().zip(1_u64..) {
            let read = || {
                let mut record = statement.record(place, lists)?;
                if let Some(decided) = &statement.decision {
                    decided.put(&mut record, &records, key)?;
                }
                if let Some(ruled) = &statement.ruling {
                    ruled.put(&mut record)?;
                }
                anyhow::Ok(record)
            };
            let record = read().with_context(|| format!("record {place} ({})", statement.key))?;
            records.push(record);
        }
        Ok((file, records))
    }
}

impl Statement {
    fn record(&self, place: u64, lists: &CodeLists) -> anyhow::Result<SourceRecord> {
        if self.says.trim().is_empty() {
            bail!("'says' is empty");
        }
        let record_key = RecordKey::try_from(self.key.clone())?;
        for number in self.pin.iter().chain(&self.replaces_pin) {
            number.parse::<Pin>()?;
        }
        let standing = self.standing.as_deref().unwrap_or("asserted");
        let date = |text: &Option<String>| text.as_deref().map(str::parse).transpose();
        let mut fields = BTreeMap::new();
        for (name, said) in &self.fields {
            let value = said.value(lists).with_context(|| format!("field {name}"))?;
            fields.insert(name.parse()?, value);
        }
        Ok(SourceRecord {
            kind: self
                .kind
                .clone()
                .unwrap_or_else(|| format!("{}.{}", record_key.source(), record_key.entity())),
            version: Version { epoch: 1, position: place, ordinal: 0 },
            standing: Standing::ALL
                .into_iter()
                .find(|one| one.as_str() == standing)
                .ok_or_else(|| anyhow!("no standing '{standing}'"))?,
            act: self.act.as_deref().map(|act| reference(act, None)),
            refers_to: self.refers_to.as_deref().map(|act| match act.rsplit_once('#') {
                Some((act, role)) => reference(act, Some(role)),
                None => reference(act, None),
            }),
            valid_from: date(&self.valid_from)?,
            valid_to: date(&self.valid_to)?,
            recorded_at: Some(DateTime::from_naive_utc_and_offset(
                self.recorded.and_time(NaiveTime::MIN),
                chrono::Utc,
            )),
            identifiers: self.identifiers(),
            relation_group: self.group.clone(),
            fields,
            mapping_version: 1,
            record_key,
        })
    }

    fn identifiers(&self) -> Vec<Identifier> {
        [
            (IdentifierKind::SourcePerson, &self.source_person),
            (IdentifierKind::Pin, &self.pin),
            (IdentifierKind::ReplacesPin, &self.replaces_pin),
            (IdentifierKind::Cmnd9, &self.cmnd9),
        ]
        .into_iter()
        .filter_map(|(kind, value)| Some(Identifier { kind, value: value.clone()? }))
        .collect()
    }
}

/// An act of the civil-status register.
fn reference(act: &str, role: Option<&str>) -> ActReference {
    ActReference { source: "civil_status".to_owned(), act: act.to_owned(), role: role.map(ToOwned::to_owned) }
}

impl Ruled {
    /// Writes the decision as the console's row is mapped.
    fn put(&self, record: &mut SourceRecord) -> anyhow::Result<()> {
        for (name, text) in [
            ("ruling", &self.kind),
            ("record", &self.record),
            ("anchor", &self.anchor),
            ("other_record", &self.other_record),
            ("other_anchor", &self.other_anchor),
            ("reverses", &self.reverses),
        ] {
            if let Some(text) = text {
                record.fields.insert(format!("steward.{name}").parse()?, FieldValue::Text(text.clone()));
            }
        }
        IdentityDecision::from_record(record)?.context("a decision that decides nothing")?;
        Ok(())
    }
}

impl Decided {
    /// Writes the decision as the console's row is mapped.
    fn put(
        &self,
        record: &mut SourceRecord,
        before: &[SourceRecord],
        key: &FingerprintKey,
    ) -> anyhow::Result<()> {
        let field: FieldName = self.field.parse()?;
        let mut considered = Vec::new();
        for seen in &self.considered {
            let record_key = RecordKey::try_from(seen.clone())?;
            let said =
                before.iter().rev().find(|r| r.record_key == record_key).and_then(|r| r.fields.get(&field));
            let value = said.with_context(|| format!("{seen} says nothing of {field} before"))?;
            considered.push(Considered { record_key, value_hash: key.value(value) });
        }
        let mut put = |name: &str, text: String| {
            anyhow::Ok(record.fields.insert(format!("steward.{name}").parse()?, FieldValue::Text(text)))
        };
        put("field", field.to_string())?;
        put("takes", self.takes.clone())?;
        put("considered", serde_json::to_string(&considered)?)?;
        if let Some(reversed) = &self.reverses {
            put("reverses", reversed.clone())?;
        }
        Ok(())
    }
}

impl Said {
    fn value(&self, lists: &CodeLists) -> anyhow::Result<FieldValue> {
        Ok(match self {
            Self::Text(text) => FieldValue::Text(coded(text, lists)?),
            Self::Parts(parts) => FieldValue::Parts(
                parts
                    .iter()
                    .map(|(name, text)| Ok((name.clone(), coded(text, lists)?)))
                    .collect::<anyhow::Result<_>>()?,
            ),
        })
    }
}

/// A text as it is kept; `list < numbering : code` is translated as the source's mapping would.
fn coded(text: &str, lists: &CodeLists) -> anyhow::Result<String> {
    let Some((list, foreign)) = text.split_once(" < ") else {
        return Ok(normalise_text(text));
    };
    let (numbering, code) =
        foreign.split_once(" : ").context("a foreign code is 'list < numbering : code'")?;
    let found = lists.get(list).and_then(|list| list.translate(Some(numbering), code));
    found.with_context(|| format!("{list} does not understand '{code}' of {numbering}"))
}
