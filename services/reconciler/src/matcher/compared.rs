//! What is compared of a record: its own fields, and what the same row says of the mother.

use crate::matcher::MatchModel;
use crate::reconciler::Settings;
use record_linkage::{BlockKey, Table, TableBuilder};
use registry_rules::{FieldValue, IdentifierKind, PartialDate, RecordKey, SourceRecord};
use registry_store::StoreError;

/// The role whose record in a row speaks of the mother of the row's child.
const MOTHER: &str = "mother";
/// The role that a mother in the same row is the mother of.
const CHILD: &str = "child";
/// Where a birth is registered: what the number of its act stands for.
const BIRTH: (&str, &str) = ("civil_status", "birth");
/// The record that a person has once: the hospital's notice of the own birth. Two of them are two births.
const ONCE: (&str, &str, &str) = ("medical", "birth_notice", CHILD);
/// The lowest bits of a block's number tell its rule: a model has at most so many.
const RULES: i64 = 16;

/// A column of a linkage model, filled from the registry's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    FullName,
    Sex,
    BirthDate,
    BirthProvince,
    ResidenceProvince,
    MotherName,
    Delivery,
    BirthAct,
    Pin,
    Cmnd,
}

impl Column {
    /// All of them by name.
    pub(crate) const ALL: [(&'static str, Self); 10] = [
        ("full_name", Self::FullName),
        ("sex", Self::Sex),
        ("birth_date", Self::BirthDate),
        ("birth_province", Self::BirthProvince),
        ("residence_province", Self::ResidenceProvince),
        ("mother_name", Self::MotherName),
        ("delivery", Self::Delivery),
        ("birth_act", Self::BirthAct),
        ("pin", Self::Pin),
        ("cmnd", Self::Cmnd),
    ];

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, column)| column)
    }

    fn value(self, record: &SourceRecord, mother: Option<&SourceRecord>) -> Option<String> {
        let own = |field: &str, part: &str| part_of(record, field, part);
        match self {
            Self::FullName => own("npd.birth_name", "full"),
            Self::Sex => own("npd.sex", ""),
            Self::BirthDate => own("npd.date_of_birth", ""),
            Self::BirthProvince => own("npd.place_of_birth_registration", "province")
                .or_else(|| own("npd.place_of_birth", "province")),
            Self::ResidenceProvince => own("npd.permanent_residence", "province"),
            Self::MotherName => part_of(mother?, "npd.birth_name", "full"),
            Self::Delivery => {
                let number = mother?.identifier(IdentifierKind::Pin)?;
                let date: PartialDate = own("npd.date_of_birth", "")?.parse().ok()?;
                Some(format!("{number} {}", date.full()?))
            }
            Self::BirthAct => birth_act(record),
            Self::Pin => record.identifier(IdentifierKind::Pin).map(ToOwned::to_owned),
            Self::Cmnd => record.identifier(IdentifierKind::Cmnd9).map(ToOwned::to_owned),
        }
    }
}

fn part_of(record: &SourceRecord, field: &str, part: &str) -> Option<String> {
    let found = record.fields.iter().find(|(name, _)| name.as_str() == field);
    found.and_then(|(_, value): (_, &FieldValue)| value.part(part)).map(ToOwned::to_owned)
}

/// The act in which the person's birth is registered: the record's own, or the one it refers to.
fn birth_act(record: &SourceRecord) -> Option<String> {
    let referred = record.refers_to.as_ref().filter(|act| act.role.as_deref() == Some(CHILD));
    let key = &record.record_key;
    let registers = (key.source(), key.entity()) == BIRTH && key.role() == CHILD;
    referred.or_else(|| record.act.as_ref().filter(|_| registers)).map(|act| act.act.clone())
}

/// Whether a person has such a record only once.
pub(crate) fn is_once(record_key: &str) -> bool {
    let key = RecordKey::try_from(record_key.to_owned());
    key.is_ok_and(|key| (key.source(), key.entity(), key.role()) == ONCE)
}

/// Without any of these nothing is compared: a number or an address alone tells nobody from another.
const WHO: [&str; 2] = ["npd.birth_name", "npd.date_of_birth"];

/// Whether a record says who it speaks of.
pub(crate) fn says_who(record: &SourceRecord) -> bool {
    record.fields.keys().any(|field| WHO.contains(&field.as_str()))
}

/// Values in the model's order of columns; none of a record that does not count or does not say who it speaks of.
pub(crate) fn compared(
    record: &SourceRecord,
    mother: Option<&SourceRecord>,
    model: &MatchModel,
) -> Option<Vec<String>> {
    if !record.standing.counts() || !says_who(record) {
        return None;
    }
    let mother = mother.filter(|_| record.record_key.role() == CHILD);
    let values: Vec<String> =
        model.columns().iter().map(|column| column.value(record, mother).unwrap_or_default()).collect();
    values.iter().any(|value| !value.is_empty()).then_some(values)
}

/// Whether a record is the one that speaks of a row's mother.
pub(crate) fn is_mother(record_key: &RecordKey) -> bool {
    record_key.role() == MOTHER
}

/// Records as the model compares them, by key; a key may stand there once.
pub(crate) fn table<'r>(
    records: impl IntoIterator<Item = (&'r str, &'r [String])>,
    model: &MatchModel,
) -> Result<Table, StoreError> {
    let mut builder = TableBuilder::new(model.linkage());
    for (key, values) in records {
        builder.push(key, values.iter().map(String::as_str));
    }
    builder.finish().map_err(|_| StoreError::Unreadable("what is compared of a record"))
}

/// The blocks of a record: hashes under the registry's own key, the rule in the lowest bits.
pub(crate) fn blocks(record: u32, table: &Table, model: &MatchModel, settings: &Settings) -> Vec<i64> {
    let hash = |key: BlockKey| {
        let text = FieldValue::Text(format!("match\u{1f}{}\u{1f}{}", key.rule, key.key));
        let hex = settings.key.value(&text);
        let bits = hex.get(..16).and_then(|hex| u64::from_str_radix(hex, 16).ok())?;
        Some((bits.cast_signed() & !(RULES - 1)) | i64::try_from(key.rule).ok()?)
    };
    let keys = BlockKey::of(record, table, model.linkage()).into_iter();
    let mut blocks: Vec<i64> = keys.filter_map(hash).collect();
    blocks.sort_unstable();
    blocks.dedup();
    blocks
}

/// The rule of a block.
pub(crate) fn rule_of(block: i64) -> usize {
    usize::try_from(block & (RULES - 1)).unwrap_or(0)
}
