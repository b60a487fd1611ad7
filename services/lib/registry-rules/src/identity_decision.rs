//! A steward's decision about *who* a record belongs to, as the console records it and the adapter captures it.
//!
//! It names record keys, never only persons: persons part and join. Beside each key stands the anchor that the record had
//! before the steward's eyes, so that attaching never has to ask where another record stands (design §3).

use crate::{Considered, DecisionError, IdentifierKind, RecordKey, SourceRecord, Standing};
use chrono::{DateTime, Utc};

/// The entity of these decisions in the source `steward`.
pub const IDENTITY_DECISION: &str = "identity_decision";

/// A record, and where it stood when the steward saw it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamedRecord {
    /// Which record.
    pub record_key: RecordKey,
    /// Its anchor then.
    pub anchor: String,
}

/// What a steward decides about records and persons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RulingKind {
    /// The record belongs to the person of the other record.
    Link,
    /// The record is not of the person it stands with.
    Split,
    /// Two records are of one person.
    Merge,
    /// Two records are of different persons, whatever later resembles.
    KeepSeparate,
    /// As [`Self::KeepSeparate`]: twins, who share nearly everything.
    ConfirmTwins,
    /// Two people are mixed up in one record; it takes the source to part them.
    MarkConfusion,
    /// The owner of the record is asked.
    SendBack,
    /// It is being looked into.
    UnderInvestigation,
}

impl RulingKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Link,
        Self::Split,
        Self::Merge,
        Self::KeepSeparate,
        Self::ConfirmTwins,
        Self::MarkConfusion,
        Self::SendBack,
        Self::UnderInvestigation,
    ];

    /// The name used in tables and commands.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Split => "split",
            Self::Merge => "merge",
            Self::KeepSeparate => "keep_separate",
            Self::ConfirmTwins => "confirm_twins",
            Self::MarkConfusion => "mark_confusion",
            Self::SendBack => "send_back",
            Self::UnderInvestigation => "under_investigation",
        }
    }

    /// Whether it is about two records.
    pub const fn names_two(self) -> bool {
        matches!(self, Self::Link | Self::Merge | Self::KeepSeparate | Self::ConfirmTwins)
    }

    /// Whether it can change where a record is attached.
    pub const fn moves_records(self) -> bool {
        self.names_two() || matches!(self, Self::Split)
    }
}

/// What was decided. `other` is there exactly for the kinds that name two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// Which kind.
    pub kind: RulingKind,
    /// The record it is about.
    pub subject: NamedRecord,
    /// The record it is held against.
    pub other: Option<NamedRecord>,
}

/// A decision about who a record belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityDecision {
    /// Id given by the console.
    pub id: String,
    /// What was decided; none for one that only takes another back.
    pub ruling: Option<Ruling>,
    /// All values seen.
    pub considered: Vec<Considered>,
    /// When it was decided.
    pub decided_at: DateTime<Utc>,
    /// The earlier decision that it takes back.
    pub reverses: Option<String>,
}

impl IdentityDecision {
    /// Whether a record of the source `steward` is one of these.
    pub fn is_one(record_key: &RecordKey) -> bool {
        (record_key.source(), record_key.entity()) == ("steward", IDENTITY_DECISION)
    }

    /// Reads a decision from its captured record. A withdrawn one gives none: decisions are reversed, not deleted.
    ///
    /// # Errors
    /// What is lacking or garbled; a decision with neither a ruling nor one that it takes back lacks its ruling.
    pub fn from_record(record: &SourceRecord) -> Result<Option<Self>, DecisionError> {
        if record.standing == Standing::Withdrawn {
            return Ok(None);
        }
        let reverses = text(record, "reverses").map(ToOwned::to_owned);
        let ruling = ruling(record)?;
        if ruling.is_none() && reverses.is_none() {
            return Err(DecisionError("ruling"));
        }
        let considered = text(record, "considered").unwrap_or("[]");
        Ok(Some(Self {
            id: record.identifier(IdentifierKind::SourcePerson).ok_or(DecisionError("id"))?.to_owned(),
            ruling,
            considered: serde_json::from_str(considered).map_err(|_| DecisionError("considered"))?,
            decided_at: record.recorded_at.ok_or(DecisionError("decided_at"))?,
            reverses,
        }))
    }

    /// The records that it names as its subjects.
    pub fn named(&self) -> impl Iterator<Item = &NamedRecord> {
        self.ruling.iter().flat_map(|ruling| std::iter::once(&ruling.subject).chain(&ruling.other))
    }
}

/// What a decision that sends a record back asks its source: the record, and the code of the question.
pub fn asked(record: &SourceRecord) -> Option<(RecordKey, &str)> {
    let is_asked = record.standing != Standing::Withdrawn
        && text(record, "ruling") == Some(RulingKind::SendBack.as_str());
    let key = text(record, "record").filter(|_| is_asked)?;
    Some((RecordKey::try_from(key.to_owned()).ok()?, text(record, "question")?))
}

fn text<'a>(record: &'a SourceRecord, name: &str) -> Option<&'a str> {
    let field = record.fields.iter().find(|(field, _)| field.as_str().strip_prefix("steward.") == Some(name));
    field.and_then(|(_, value)| value.text())
}

fn ruling(record: &SourceRecord) -> Result<Option<Ruling>, DecisionError> {
    let Some(kind) = text(record, "ruling") else {
        return Ok(None);
    };
    let kind =
        RulingKind::ALL.into_iter().find(|known| known.as_str() == kind).ok_or(DecisionError("ruling"))?;
    let subject = named(record, "record", "anchor")?.ok_or(DecisionError("record"))?;
    let other = named(record, "other_record", "other_anchor")?;
    if other.is_some() != kind.names_two() {
        return Err(DecisionError("other_record"));
    }
    Ok(Some(Ruling { kind, subject, other }))
}

fn named(
    record: &SourceRecord,
    key: &'static str,
    anchor: &'static str,
) -> Result<Option<NamedRecord>, DecisionError> {
    match (text(record, key), text(record, anchor)) {
        (None, None) => Ok(None),
        (Some(record_key), Some(anchor)) => {
            let record_key = RecordKey::try_from(record_key.to_owned()).map_err(|_| DecisionError(key))?;
            Ok(Some(NamedRecord { record_key, anchor: anchor.to_owned() }))
        }
        (None, Some(_)) => Err(DecisionError(key)),
        (Some(_), None) => Err(DecisionError(anchor)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FieldValue, Identifier, Version};

    fn record(fields: &[(&str, &str)]) -> SourceRecord {
        SourceRecord {
            record_key: "steward/identity_decision/d1/subject".to_owned().try_into().unwrap(),
            version: Version::default(),
            kind: "steward.identity_decided".into(),
            standing: Standing::Asserted,
            act: None,
            refers_to: None,
            valid_from: None,
            valid_to: None,
            recorded_at: Some(DateTime::UNIX_EPOCH),
            identifiers: vec![Identifier { kind: IdentifierKind::SourcePerson, value: "d1".into() }],
            relation_group: None,
            fields: fields
                .iter()
                .map(|(name, value)| {
                    (format!("steward.{name}").parse().unwrap(), FieldValue::Text((*value).to_owned()))
                })
                .collect(),
            mapping_version: 1,
        }
    }

    const SUBJECT: [(&str, &str); 2] =
        [("record", "residence/person/9/resident"), ("anchor", "pin:001090000001")];
    const OTHER: [(&str, &str); 2] =
        [("other_record", "civil_status/birth/5/child"), ("other_anchor", "act:civil_status/x/child")];

    fn read(ruling: &str, parts: &[&[(&str, &str)]]) -> Result<Option<IdentityDecision>, DecisionError> {
        IdentityDecision::from_record(&record(&[&[("ruling", ruling)], parts.concat().as_slice()].concat()))
    }

    #[test]
    fn each_kind_names_as_many_records_as_it_is_about() {
        for kind in RulingKind::ALL {
            let one = read(kind.as_str(), &[&SUBJECT]);
            let two = read(kind.as_str(), &[&SUBJECT, &OTHER]);
            let (fits, unfit) = if kind.names_two() { (two, one) } else { (one, two) };
            let decision = fits.unwrap().unwrap();
            assert_eq!(decision.ruling.as_ref().unwrap().kind, kind);
            assert_eq!(decision.named().count(), if kind.names_two() { 2 } else { 1 });
            assert_eq!(unfit, Err(DecisionError("other_record")), "{}", kind.as_str());
        }
    }

    #[test]
    fn only_what_is_sent_back_asks_its_source() {
        for kind in RulingKind::ALL {
            let fields = [&[("ruling", kind.as_str()), ("question", "check_person")], &SUBJECT[..]].concat();
            let sent_back = record(&fields);
            let expected =
                (kind == RulingKind::SendBack).then_some(("residence/person/9/resident", "check_person"));
            let found = asked(&sent_back);
            assert_eq!(found.as_ref().map(|(key, question)| (key.as_str(), *question)), expected);
        }
    }

    #[test]
    fn what_is_lacking_is_named() {
        assert_eq!(read("guess", &[&SUBJECT]), Err(DecisionError("ruling")));
        assert_eq!(read("split", &[]), Err(DecisionError("record")));
        assert_eq!(read("split", &[&SUBJECT[..1]]), Err(DecisionError("anchor")));
        assert_eq!(IdentityDecision::from_record(&record(&[])), Err(DecisionError("ruling")));
        let reversal = IdentityDecision::from_record(&record(&[("reverses", "d0")])).unwrap().unwrap();
        assert_eq!((reversal.ruling, reversal.reverses.as_deref()), (None, Some("d0")));
        let mut gone = record(&[]);
        gone.standing = Standing::Withdrawn;
        assert_eq!(IdentityDecision::from_record(&gone), Ok(None));
    }
}
