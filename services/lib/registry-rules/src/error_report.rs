//! Somebody who holds or is the subject of an item reports an error in it: a duty of whoever uses the data (Circular
//! 46/2022/TT-BCA art. 10(2)) and a right of the citizen (Decree 356/2025/ND-CP art. 5).
//!
//! A report is kept as a record about the person: so it goes with the person's number, is kept in all versions, and its case
//! is found by merging. What it proposes is no claim and no evidence of who somebody is: it stands in names of its own.

use crate::decision::{Decision, in_force};
use crate::{Answer, AnswerKind, Cardinality, Comparison, normalise_text, tone_key};
use crate::{
    CaseFinding, CaseKind, CaseSubject, FieldCatalogue, FieldDefinition, FieldName, FieldNameError,
    FieldValue, FingerprintKey, Identifier, IdentifierKind, PersonId, Pin, RecordKey, Refusal, RegisterEntry,
    RowKey, SourceRecord, Standing, StandingField, Version,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// The source whose records are error reports.
pub const FEEDBACK: &str = "feedback";
/// Who reports about themselves; any other reporter is the agreement under which they hold the item.
pub const CITIZEN: &str = "citizen";
/// The longest name of a reporter: agreements have no longer ones.
const LONGEST_REPORTER: usize = 64;
/// The longest value proposed, in characters: an address fits several times.
const LONGEST_PROPOSED: usize = 1_000;
/// The longest explanation, in characters: a page.
const LONGEST_EXPLANATION: usize = 2_000;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The value is not true.
    WrongValue,
    /// It was true and is not any more.
    Outdated,
    /// There should be one.
    Missing,
    /// It is another person's.
    OtherPerson,
}

impl Fault {
    /// All of them, in the order of the Avro enumeration.
    pub const ALL: [Self; 4] = [Self::WrongValue, Self::Outdated, Self::Missing, Self::OtherPerson];

    /// The name used in topics and pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WrongValue => "wrong_value",
            Self::Outdated => "outdated",
            Self::Missing => "missing",
            Self::OtherPerson => "other_person",
        }
    }

    /// Reads [`Self::as_str`].
    pub fn read(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.as_str() == name)
    }
}

/// A report as it travels in the topic `feedback`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorReport {
    /// A UUID given by the reporter: the same report sent again, corrected or withdrawn has the same one.
    pub report_id: String,
    /// The agreement under which the reporter holds the item, or [`CITIZEN`].
    pub reporter: String,
    /// The number of the person reported about.
    pub pin: String,
    /// The item, as the catalogue names it.
    pub field: String,
    /// What is wrong.
    pub fault: Fault,
    /// What the reporter holds to be true, in the form of the catalogue (a name in full, an ISO date, `list:code`).
    #[serde(default)]
    pub proposed: Option<String>,
    /// Why, in the reporter's words. For stewards only.
    #[serde(default)]
    pub explanation: Option<String>,
    /// When it was reported. Of two versions of a report the later stands.
    pub reported_at: DateTime<Utc>,
    /// The reporter takes it back.
    #[serde(default)]
    pub withdrawn: bool,
}

impl std::fmt::Debug for ErrorReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ErrorReport({}, ***)", self.report_id)
    }
}

/// Why a report is none. Holds no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}; {way_out}")]
pub struct ReportError {
    /// Which part.
    pub field: &'static str,
    /// What is wrong with it.
    pub reason: &'static str,
    /// What the reporter can do.
    pub way_out: &'static str,
}

const fn fault_of(field: &'static str, reason: &'static str, way_out: &'static str) -> ReportError {
    ReportError { field, reason, way_out }
}

impl ErrorReport {
    /// The report as a record about the person.
    ///
    /// # Errors
    /// [`ReportError`] where a part has not the form of its kind.
    pub fn record(&self) -> Result<SourceRecord, ReportError> {
        let id: Uuid = self
            .report_id
            .parse()
            .map_err(|_| fault_of("report_id", "not a UUID", "give each report one"))?;
        let named = (1..=LONGEST_REPORTER).contains(&self.reporter.len())
            && self.reporter.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !named {
            return Err(fault_of(
                "reporter",
                "not the name of an agreement",
                "name the agreement, or 'citizen'",
            ));
        }
        let pin: Pin =
            self.pin.parse().map_err(|_| fault_of("pin", "not twelve digits", "look it up again"))?;
        let field: FieldName = self.field.parse().map_err(|_| {
            fault_of("field", "not the form of an item's name", "name it as the agreement does")
        })?;
        let proposed = bounded(self.proposed.as_deref(), LONGEST_PROPOSED, "proposed")?;
        let explanation = bounded(self.explanation.as_deref(), LONGEST_EXPLANATION, "explanation")?;
        let position = u64::try_from(self.reported_at.timestamp_micros())
            .map_err(|_| fault_of("reported_at", "before 1970", "give the moment of the report"))?;
        let row = RowKey::new(FEEDBACK, "report", &format!("{}:{id}", self.reporter))
            .map_err(|_| fault_of("report_id", "no key can be made of it", "give each report a UUID"))?;
        let said = [
            ("field", Some(field.as_str().to_owned())),
            ("fault", Some(self.fault.as_str().to_owned())),
            ("proposed", proposed),
            ("explanation", explanation),
        ];
        let said = said.into_iter().filter_map(|(name, text)| {
            Some((format!("{FEEDBACK}.{name}").parse().ok()?, FieldValue::Text(text?)))
        });
        Ok(SourceRecord {
            record_key: row.record("subject"),
            version: Version { epoch: 1, position, ordinal: 0 },
            kind: "feedback.error_reported".to_owned(),
            standing: if self.withdrawn { Standing::Withdrawn } else { Standing::Asserted },
            act: None,
            refers_to: None,
            valid_from: None,
            valid_to: None,
            recorded_at: Some(self.reported_at),
            identifiers: vec![Identifier { kind: IdentifierKind::Pin, value: pin.as_str().to_owned() }],
            relation_group: None,
            fields: said.collect(),
            mapping_version: 1,
        })
    }
}

/// A report's record as it is kept where the report is not looked into: what was reported and why not, without what it says of
/// the person.
///
/// # Errors
/// [`FieldNameError`]: never, as the names are ours.
pub fn refused_record(mut record: SourceRecord, refusal: Refusal) -> Result<SourceRecord, FieldNameError> {
    for said in ["proposed", "explanation"] {
        record.fields.remove(&format!("{FEEDBACK}.{said}").parse()?);
    }
    let why = FieldValue::Text(refusal.as_str().to_owned());
    record.fields.insert(format!("{FEEDBACK}.refused").parse()?, why);
    Ok(record)
}

/// The text without white space around it, if there is any.
fn bounded(text: Option<&str>, most: usize, field: &'static str) -> Result<Option<String>, ReportError> {
    let text = text.map(normalise_text).filter(|text| !text.is_empty());
    if text.as_ref().is_some_and(|text| text.chars().count() > most) {
        return Err(fault_of(field, "too long", "say it in fewer words"));
    }
    Ok(text)
}

/// What a kept report says.
#[derive(Clone, Copy, Debug)]
pub struct Reported<'a> {
    /// Its record.
    pub record_key: &'a RecordKey,
    /// The agreement of the reporter, or [`CITIZEN`].
    pub reporter: &'a str,
    /// The item.
    pub field: &'a str,
    /// What is wrong.
    pub fault: Fault,
    /// What the reporter holds to be true.
    pub proposed: Option<&'a str>,
    /// Why.
    pub explanation: Option<&'a str>,
    /// It is not looked into.
    pub refusal: Option<Refusal>,
}

impl<'a> Reported<'a> {
    /// Reads a record; none where it is no report that counts.
    pub fn read(record: &'a SourceRecord) -> Option<Self> {
        if record.record_key.source() != FEEDBACK || !record.standing.counts() {
            return None;
        }
        let text = |name: &str| {
            let found = record
                .fields
                .iter()
                .find(|(field, _)| field.as_str().strip_prefix("feedback.") == Some(name));
            found.and_then(|(_, value)| value.text())
        };
        let own = record.record_key.as_str().split('/').nth(2)?;
        Some(Self {
            record_key: &record.record_key,
            reporter: own.split_once(':')?.0,
            field: text("field")?,
            fault: Fault::read(text("fault")?)?,
            proposed: text("proposed"),
            explanation: text("explanation"),
            refusal: text("refused").map(Refusal::read),
        })
    }

    /// What it says as a value of the item: the proposal, else what is wrong. A decision names it as considered.
    pub fn value(&self, field: &FieldDefinition) -> FieldValue {
        match self.proposed {
            None => FieldValue::Text(self.fault.as_str().to_owned()),
            Some(text) if field.parts.iter().any(|part| part == "full") => {
                FieldValue::parts([("full", text.to_owned())])
            }
            Some(text) => FieldValue::Text(text.to_owned()),
        }
    }

    /// The item reported about, where stewards can decide about its value.
    fn item<'c>(
        &self,
        catalogue: &'c FieldCatalogue,
    ) -> Result<&'c FieldDefinition, (&'static str, &'static str)> {
        let name = self.field.parse().map_err(|_| ("unknown_field", "name_as_agreement"))?;
        let field = catalogue.get(&name).ok_or(("unknown_field", "name_as_agreement"))?;
        // Numbers follow from the register, relatives from other persons' records: neither is a value to be taken.
        if field.cardinality == Cardinality::One {
            Ok(field)
        } else {
            Err(("not_of_one_value", "report_to_source"))
        }
    }

    /// The answer to a report that opens no case, and why; none where it may open one.
    pub fn refused(&self, catalogue: &FieldCatalogue, is_known: bool) -> Option<Answer> {
        let refused = |field: &str, (reason, way_out): (&str, &str)| Answer {
            field: Some(field.to_owned()),
            reason: Some(reason.to_owned()),
            way_out: Some(way_out.to_owned()),
            ..Answer::new(self.record_key.clone(), AnswerKind::Rejected)
        };
        // Before anything that depends on the person.
        if let Some(refusal) = self.refusal {
            return Some(refused(refusal.part(), (refusal.as_str(), refusal.way_out())));
        }
        if !is_known {
            return Some(refused("pin", ("unknown_person", "check_number")));
        }
        self.item(catalogue).err().map(|why| refused("field", why))
    }
}

/// The questions that reports about a person raise: one for each item, whoever reports it. A report is answered when what it
/// proposes stands, or when a decision in force about the item has considered it.
pub(crate) fn error_reports<'a>(
    person: PersonId,
    records: impl IntoIterator<Item = &'a SourceRecord>,
    (fields, register, decisions): (&BTreeMap<FieldName, StandingField>, &[RegisterEntry], &[Decision]),
    (catalogue, key): (&FieldCatalogue, &FingerprintKey),
) -> Vec<CaseFinding> {
    let mut open: BTreeMap<&FieldName, BTreeMap<&RecordKey, FieldValue>> = BTreeMap::new();
    // A number that nobody issued names nobody.
    let records = records.into_iter().filter(|_| !register.is_empty());
    for report in records.filter_map(Reported::read).filter(|report| report.refusal.is_none()) {
        let Ok(field) = report.item(catalogue) else { continue };
        let said = report.value(field);
        let stands = fields.get(&field.name);
        let is_so = report.proposed.is_some() && stands.is_some_and(|s| same(field, &s.value, &said));
        let considered =
            in_force(decisions, &field.name).is_some_and(|d| d.saw(report.record_key, &said, key));
        if !is_so && !considered {
            open.entry(&field.name).or_default().insert(report.record_key, said);
        }
    }
    let finding = |(name, said): (&FieldName, BTreeMap<&RecordKey, FieldValue>)| {
        let stands = fields.get(name).and_then(|standing| standing.record_key.clone());
        CaseFinding {
            subject: CaseSubject::Person(person),
            kind: CaseKind::ErrorReport,
            field: Some(name.clone()),
            fingerprint: key.claims(said.iter().map(|(record, value)| (*record, value))),
            records: stands.into_iter().chain(said.keys().map(|record| (*record).clone())).collect(),
            severity: catalogue.get(name).map_or(CaseKind::ErrorReport.harm(), |field| field.harm),
        }
    };
    open.into_iter().map(finding).collect()
}

/// Whether what stands is what was proposed: a less precise statement of it is not.
fn same(field: &FieldDefinition, stands: &FieldValue, proposed: &FieldValue) -> bool {
    let text = |value: &FieldValue| {
        let text = normalise_text(value.part("full").or_else(|| value.text())?);
        Some(if field.comparison == Comparison::Name { tone_key(&text) } else { text })
    };
    text(stands).is_some() && text(stands) == text(proposed)
}

/// The reports among the records of a case.
pub fn reports_among<'a>(records: impl IntoIterator<Item = &'a str>) -> BTreeSet<RecordKey> {
    let keys = records.into_iter().filter_map(|key| RecordKey::try_from(key.to_owned()).ok());
    keys.filter(|key| key.source() == FEEDBACK).collect()
}
