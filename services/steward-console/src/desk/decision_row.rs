//! A decision as a row of the console's table: exactly what is captured and read by `registry_rules::Decision`.

use super::sheet::CaseSheet;
use chrono::{DateTime, TimeDelta, Utc};
use registry_rules::{Considered, FieldName, FingerprintKey, RecordKey};
use uuid::Uuid;

/// One row of `console.decision`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionRow {
    /// New for each decision.
    pub decision_id: Uuid,
    /// The item.
    pub field: FieldName,
    /// The record whose value stands.
    pub takes: RecordKey,
    /// JSON in ASCII.
    pub considered: String,
    /// The decision that it takes back.
    pub reverses: Option<Uuid>,
    /// When.
    pub decided_at: DateTime<Utc>,
}

impl DecisionRow {
    /// The decision to take one record's value, all shown values considered. None where the sheet has no such record
    /// to take.
    pub fn taking(
        sheet: &CaseSheet,
        takes: &RecordKey,
        key: &FingerprintKey,
        now: DateTime<Utc>,
    ) -> Option<Self> {
        sheet.statement(takes).filter(|statement| statement.not_takeable.is_none())?;
        let considered = sheet.statements.iter().map(|statement| Considered {
            record_key: statement.record_key.clone(),
            value_hash: key.value(&statement.value),
        });
        let after = sheet.last_decision.as_ref().map(|last| last.decided_at);
        Some(Self {
            decision_id: Uuid::new_v4(),
            field: sheet.field.clone()?,
            takes: takes.clone(),
            considered: ascii_json(&considered.collect()),
            reverses: None,
            decided_at: after_the_last(now, after),
        })
    }
}

/// Of two decisions the later stands, so a clock that was set back must not make this one the earlier. PostgreSQL keeps
/// microseconds.
pub(super) fn after_the_last(now: DateTime<Utc>, last: Option<DateTime<Utc>>) -> DateTime<Utc> {
    let now = DateTime::from_timestamp_micros(now.timestamp_micros()).unwrap_or(now);
    match last {
        Some(last) if last >= now => last + TimeDelta::microseconds(1),
        _ => now,
    }
}

/// JSON that survives every treatment of texts on its way: no letter beyond ASCII, no white space.
pub(super) fn ascii_json(considered: &Vec<Considered>) -> String {
    // Keys and hashes are texts: writing them cannot fail.
    let json = serde_json::to_string(considered).unwrap_or_default();
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii_graphic() {
            out.push(c);
        } else {
            // White space stands only inside texts here.
            let mut units = [0_u16; 2];
            out.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    out
}

#[cfg(test)]
#[path = "decision_row_tests.rs"]
mod tests;
