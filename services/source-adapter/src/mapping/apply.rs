//! A change of a row in, records and withdrawals out, or the reasons why it cannot be mapped. Total, pure.

use super::file::DateFormat;
use super::forms::{self, CodeTable};
use super::plan::{ChoicePlan, GroupPlan, ReaderPlan, RolePlan, TablePlan, TimedCodes, ValuePlan};
use crate::postgres::Row;
use registry_rules::{
    ActReference, FieldName, FieldValue, Identifier, IdentifierKind, PartialDate, PartialDateError, Pin,
    RowKey, SourceRecord, Standing, Version, normalise_text,
};
use std::collections::BTreeMap;

/// What happened to a row.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// It is new in this epoch: inserted, or read by a snapshot.
    New(Row<'a>),
    /// It was read again; what it said before is not known here.
    Again(Row<'a>),
    /// It became another.
    Update {
        /// Before.
        old: Row<'a>,
        /// After.
        new: Row<'a>,
    },
    /// It is gone.
    Delete(Row<'a>),
}

/// What a change gives.
#[derive(Debug, Default)]
pub struct Mapped {
    /// The row it is about.
    pub row_key: Option<RowKey>,
    /// Records, withdrawals of an old key first.
    pub records: Vec<SourceRecord>,
    /// Set if the new row could not be mapped.
    pub rejected: Option<Rejection>,
}

/// A row that could not be mapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The row; one without a key is named `source/entity/(no key)`.
    pub row_key: RowKey,
    /// Reason codes, never values.
    pub reasons: Vec<String>,
}

type Reasons = Vec<String>;

impl TablePlan {
    /// Applies a change. Every role of the new image is given; a role the row no longer has is withdrawn.
    pub fn apply(&self, change: Change<'_>, version: Version) -> Mapped {
        let mut mapped = Mapped::default();
        match change {
            Change::New(new) | Change::Again(new) => {
                self.image(new, version, &mut mapped);
                if let (Change::Again(_), Some(key), None) = (change, &mapped.row_key, &mapped.rejected) {
                    let absent = self.roles.iter().filter(|role| !is_present(role, new));
                    mapped.records.extend(absent.map(|role| self.withdrawal(key, role, version)));
                }
            }
            Change::Update { old, new } => self.update(old, new, version, &mut mapped),
            Change::Delete(old) => {
                if let Ok(key) = self.row_key(old) {
                    self.withdraw(&key, old, None, version, &mut mapped.records);
                    mapped.row_key = Some(key);
                }
            }
        }
        mapped
    }

    fn update(&self, old: Row<'_>, new: Row<'_>, version: Version, mapped: &mut Mapped) {
        let old_key = self.row_key(old).ok();
        self.image(new, version, mapped);
        let moved = old_key.is_some() && old_key != mapped.row_key;
        if let (true, Some(old_key)) = (moved, &old_key) {
            let mut withdrawals = Vec::new();
            self.withdraw(old_key, old, None, version, &mut withdrawals);
            withdrawals.append(&mut mapped.records);
            mapped.records = withdrawals;
        } else if let (Some(key), None) = (&old_key, &mapped.rejected)
            && self.roles.iter().any(|role| !is_present(role, new))
        {
            self.withdraw(key, old, Some(new), version, &mut mapped.records);
        }
    }

    /// Withdraws the roles that stand under a key by its old row and not by its new one. A row that could not be mapped may
    /// hide an earlier image with any of its roles: then all of them.
    fn withdraw(
        &self,
        key: &RowKey,
        old: Row<'_>,
        new: Option<Row<'_>>,
        version: Version,
        out: &mut Vec<SourceRecord>,
    ) {
        let mut before = Mapped::default();
        self.image(old, version, &mut before);
        let hidden = before.rejected.is_some();
        for role in &self.roles {
            if new.is_none_or(|new| !is_present(role, new)) && (hidden || is_present(role, old)) {
                out.push(self.withdrawal(key, role, version));
            }
        }
    }

    fn withdrawal(&self, key: &RowKey, role: &RolePlan, version: Version) -> SourceRecord {
        SourceRecord {
            record_key: key.record(&role.role),
            version,
            kind: self.withdrawn_kind.clone(),
            standing: Standing::Withdrawn,
            act: None,
            refers_to: None,
            valid_from: None,
            valid_to: None,
            recorded_at: None,
            identifiers: Vec::new(),
            relation_group: None,
            fields: BTreeMap::new(),
            mapping_version: self.mapping_version,
        }
    }

    /// The key of a row, or the reasons why it has none.
    pub fn row_key(&self, row: Row<'_>) -> Result<RowKey, Vec<String>> {
        let mut key = String::new();
        let mut reasons = Vec::new();
        for (n, column) in self.key.iter().enumerate() {
            if n > 0 {
                key.push('-');
            }
            match row.value(*column) {
                Some(part) => key.push_str(part),
                None => reasons.push(format!("missing_key:{}", self.column(*column))),
            }
        }
        if reasons.is_empty() {
            RowKey::new(&self.source, &self.entity, &key).map_err(|_| vec!["missing_key".to_owned()])
        } else {
            Err(reasons)
        }
    }

    /// The key's cells, for going on after this row.
    pub fn key_cells(&self, row: Row<'_>) -> Vec<String> {
        self.key.iter().map(|column| row.get(*column).unwrap_or_default().to_owned()).collect()
    }

    /// The key under which a row without key is quarantined.
    pub fn no_key(&self) -> RowKey {
        // The parts are names from the mapping and a constant: none is empty unless the source's name is.
        RowKey::new(&self.source, &self.entity, "(no key)").unwrap_or_else(|_| unnamed())
    }

    /// All present roles of an image, or the reasons why not.
    fn image(&self, row: Row<'_>, version: Version, mapped: &mut Mapped) {
        let row_key = match self.row_key(row) {
            Ok(key) => key,
            Err(reasons) => {
                mapped.rejected = Some(Rejection { row_key: self.no_key(), reasons });
                return;
            }
        };
        let mut reasons = Reasons::new();
        let start = mapped.records.len();
        if let Some(frame) = self.frame(row, &row_key, version, &mut reasons) {
            for role in self.roles.iter().filter(|role| is_present(role, row)) {
                let mut record = frame.clone();
                record.record_key = row_key.record(&role.role);
                if let Some(act) = &mut record.act {
                    act.role = Some(role.role.clone());
                }
                self.person(role, row, &mut record, &mut reasons);
                mapped.records.push(record);
            }
        }
        if !reasons.is_empty() {
            mapped.records.truncate(start);
            reasons.sort();
            reasons.dedup();
            mapped.rejected = Some(Rejection { row_key: row_key.clone(), reasons });
        }
        mapped.row_key = Some(row_key);
    }

    /// What all roles of a row share.
    fn frame(
        &self,
        row: Row<'_>,
        key: &RowKey,
        version: Version,
        reasons: &mut Reasons,
    ) -> Option<SourceRecord> {
        let kind = self.choose(&self.kind, "kind", row, reasons);
        let standing = self.choose(&self.standing, "standing", row, reasons);
        let mut date = |plan: &Option<(usize, DateFormat)>| {
            plan.and_then(|(column, format)| self.date(column, format, row, reasons))
        };
        let (valid_from, valid_to) = (date(&self.valid_from), date(&self.valid_to));
        let recorded_at = self.recorded_at.and_then(|column| {
            let text = row.value(column)?;
            let read = forms::timestamp(text);
            if read.is_none() {
                reasons.push(format!("bad_timestamp:{}", self.column(column)));
            }
            read
        });
        let act =
            join_act(&self.act, row).map(|act| ActReference { source: self.source.clone(), act, role: None });
        let refers_to = self.refers_to.as_ref().and_then(|reference| {
            let act = join_act(&reference.columns, row)?;
            Some(ActReference { source: reference.source.clone(), act, role: reference.role.clone() })
        });
        let relation_group = match &self.group {
            GroupPlan::None => None,
            GroupPlan::RowKey => Some(key.as_str().to_owned()),
            GroupPlan::Columns { prefix, columns } => {
                join_act(columns, row).map(|rest| format!("{prefix}{rest}"))
            }
        };
        Some(SourceRecord {
            record_key: key.record(""),
            version,
            kind: kind?,
            standing: standing?,
            act,
            refers_to,
            valid_from,
            valid_to,
            recorded_at,
            identifiers: Vec::new(),
            relation_group,
            fields: BTreeMap::new(),
            mapping_version: self.mapping_version,
        })
    }

    fn choose<T: Clone>(
        &self,
        plan: &ChoicePlan<T>,
        what: &str,
        row: Row<'_>,
        reasons: &mut Reasons,
    ) -> Option<T> {
        let (column, codes, null, filled) = match plan {
            ChoicePlan::Constant(value) => return Some(value.clone()),
            ChoicePlan::Column { column, codes, null, filled } => (*column, codes, null, filled),
        };
        let (chosen, fault) = match row.value(column) {
            None => (null.as_ref(), "missing_value"),
            Some(text) => (codes.get(text).or(filled.as_ref()), "unknown_code"),
        };
        if chosen.is_none() {
            reasons.push(format!("{fault}:{what}:{}", self.column(column)));
        }
        chosen.cloned()
    }

    fn date(
        &self,
        column: usize,
        format: DateFormat,
        row: Row<'_>,
        reasons: &mut Reasons,
    ) -> Option<PartialDate> {
        match forms::date(row.value(column)?, format) {
            Ok(date) => Some(date),
            Err(error) => {
                let why = match error {
                    PartialDateError::Form => "bad_date",
                    PartialDateError::Calendar => "no_such_day",
                };
                reasons.push(format!("{why}:{}", self.column(column)));
                None
            }
        }
    }

    /// Identifiers and fields of one role.
    fn person(&self, role: &RolePlan, row: Row<'_>, record: &mut SourceRecord, reasons: &mut Reasons) {
        for (kind, column) in &role.identifiers {
            let Some(text) = row.value(*column) else { continue };
            let (good, fault) = match kind {
                IdentifierKind::Pin | IdentifierKind::ReplacesPin => (text.parse::<Pin>().is_ok(), "bad_pin"),
                IdentifierKind::Cmnd9 => (forms::is_digits(text, 9), "bad_cmnd9"),
                IdentifierKind::SourcePerson => (true, ""),
            };
            if good {
                record.identifiers.push(Identifier { kind: *kind, value: text.to_owned() });
            } else {
                reasons.push(format!("{fault}:{}", self.column(*column)));
            }
        }
        for (name, plan) in &role.fields {
            if let Some(value) = self.field(plan, row, reasons) {
                record.fields.insert(FieldName::clone(name), value);
            }
        }
    }

    fn field(&self, plan: &ValuePlan, row: Row<'_>, reasons: &mut Reasons) -> Option<FieldValue> {
        match plan {
            ValuePlan::Name { full, family, middle, given } => name([*full, *family, *middle, *given], row),
            ValuePlan::Scalar(reader) => self.read(reader, row, reasons).map(FieldValue::Text),
            ValuePlan::Constant { value, when } => {
                let counts = when.is_empty() || when.iter().any(|column| row.value(*column).is_some());
                counts.then(|| FieldValue::Text(value.clone()))
            }
            ValuePlan::Parts(parts) => {
                let mut values = BTreeMap::new();
                let mut says_something = false;
                for (part, reader) in parts {
                    if let Some(value) = self.read(reader, row, reasons) {
                        says_something |= !matches!(reader, ReaderPlan::Constant(_));
                        values.insert(part.clone(), value);
                    }
                }
                says_something.then_some(FieldValue::Parts(values))
            }
        }
    }

    fn read(&self, reader: &ReaderPlan, row: Row<'_>, reasons: &mut Reasons) -> Option<String> {
        match reader {
            ReaderPlan::Constant(value) => Some(value.clone()),
            ReaderPlan::Text(column) => {
                row.value(*column).map(normalise_text).filter(|text| !text.is_empty())
            }
            ReaderPlan::Date(column, format) => {
                self.date(*column, *format, row, reasons).map(|d| d.to_string())
            }
            ReaderPlan::Code(column, table) => self.code(row.value(*column)?, table, *column, reasons),
            ReaderPlan::CodeOn(column, timed) => {
                let code = row.value(*column)?;
                let table = self.list_on(timed, row, reasons)?;
                self.code(code, table, *column, reasons)
            }
        }
    }

    fn code(&self, code: &str, table: &CodeTable, column: usize, reasons: &mut Reasons) -> Option<String> {
        let ours = table.codes.get(code).cloned();
        if ours.is_none() {
            reasons.push(format!("unknown_code:{}:{}", table.list, self.column(column)));
        }
        ours
    }

    /// The list in force on the row's day. A day known to its year only says nothing about a list that ended within it.
    fn list_on<'a>(
        &self,
        timed: &'a TimedCodes,
        row: Row<'_>,
        reasons: &mut Reasons,
    ) -> Option<&'a CodeTable> {
        let (column, format) = timed.on;
        if row.value(column).is_none() {
            reasons.push(format!("missing_value:{}:{}", timed.of, self.column(column)));
        }
        let day = self.date(column, format, row, reasons)?;
        let list = timed.lists.iter().find(|(valid, _)| valid.has(day.earliest()) && valid.has(day.latest()));
        if list.is_none() {
            reasons.push(format!("no_list:{}:{}", timed.of, self.column(column)));
        }
        list.map(|(_, table)| table)
    }
}

/// A key that nothing else has, for a mapping whose names are empty.
fn unnamed() -> RowKey {
    RowKey::try_from("unnamed/unnamed/unnamed".to_owned()).expect("three parts, none empty")
}

fn is_present(role: &RolePlan, row: Row<'_>) -> bool {
    role.present.is_empty() || role.present.iter().any(|column| row.value(*column).is_some())
}

/// Columns joined by `/`; none when one is null or blank. A slash inside a part is escaped, so that parts stay countable.
fn join_act(columns: &[usize], row: Row<'_>) -> Option<String> {
    let mut out = String::new();
    for (n, column) in columns.iter().enumerate() {
        if n > 0 {
            out.push('/');
        }
        let part = row.value(*column)?;
        if part.contains(['%', '/']) {
            out.push_str(&part.replace('%', "%25").replace('/', "%2F"));
        } else {
            out.push_str(part);
        }
    }
    (!out.is_empty()).then_some(out)
}

/// A name's parts; the whole name is joined from the others where the source has none.
fn name([full, family, middle, given]: [Option<usize>; 4], row: Row<'_>) -> Option<FieldValue> {
    let read = |column: Option<usize>| {
        column.and_then(|column| row.value(column)).map(normalise_text).filter(|text| !text.is_empty())
    };
    let parts = [("family", read(family)), ("middle", read(middle)), ("given", read(given))];
    let full = read(full).or_else(|| {
        let joined: Vec<&str> = parts.iter().filter_map(|(_, part)| part.as_deref()).collect();
        (!joined.is_empty()).then(|| joined.join(" "))
    })?;
    let mut values = BTreeMap::from([("full".to_owned(), full)]);
    values.extend(parts.into_iter().filter_map(|(name, part)| Some((name.to_owned(), part?))));
    Some(FieldValue::Parts(values))
}
