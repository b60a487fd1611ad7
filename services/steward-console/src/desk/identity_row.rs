//! A decision about who a record belongs to, as a row of the console's table: exactly what is captured and read by
//! `registry_rules::IdentityDecision`.

use super::action::{Question, RuleAction, kinds_for, moves_persons};
use super::decide::DecideError;
use super::decision_row::{after_the_last, ascii_json};
use super::sheet::CaseSheet;
use super::shown_record::ShownRecord;
use chrono::{DateTime, Utc};
use registry_rules::{FingerprintKey, RecordKey, RulingKind};
use sqlx::{Postgres, Transaction};
use uuid::Uuid;

/// One row of `console.identity_decision`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityRow {
    /// New for each decision.
    pub decision_id: Uuid,
    /// What is decided; none for one that only takes another back.
    pub ruling: Option<RulingKind>,
    /// The record and its anchor.
    pub subject: Option<(RecordKey, String)>,
    /// The record that it is held against, and its anchor.
    pub other: Option<(RecordKey, String)>,
    /// What the source is asked.
    pub question: Option<Question>,
    /// JSON in ASCII.
    pub considered: String,
    /// The decision that it takes back.
    pub reverses: Option<Uuid>,
    /// When.
    pub decided_at: DateTime<Utc>,
}

impl IdentityRow {
    /// The decision about what a sheet shows.
    ///
    /// # Errors
    /// What of the action does not fit what is shown.
    pub(crate) fn of(
        sheet: &CaseSheet,
        action: &RuleAction,
        key: &FingerprintKey,
        now: DateTime<Utc>,
    ) -> Result<Self, DecideError> {
        if !kinds_for(sheet.kind).contains(&action.kind) {
            return Err(DecideError::Kind);
        }
        if action.question.is_some() != (action.kind == RulingKind::SendBack) {
            return Err(DecideError::Question);
        }
        if action.other.is_some() != action.kind.names_two() || action.other.as_ref() == Some(&action.record)
        {
            return Err(DecideError::Other);
        }
        let subject = shown(sheet, &action.record)?;
        let other = action.other.as_ref().map(|other| shown(sheet, other)).transpose()?;
        if !has_effect(action.kind, subject, other, sheet) {
            return Err(DecideError::NoEffect);
        }
        let considered = sheet.records.iter().map(|record| record.considered(key)).collect();
        Ok(Self {
            decision_id: Uuid::new_v4(),
            ruling: Some(action.kind),
            subject: named(subject),
            other: other.and_then(named),
            question: action.question,
            considered: ascii_json(&considered),
            reverses: None,
            decided_at: after_the_last(now, sheet.last_decision.as_ref().map(|last| last.decided_at)),
        })
    }

    /// The decision that takes another one back.
    pub(crate) fn reversing(decision: Uuid, last: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        Self {
            decision_id: Uuid::new_v4(),
            ruling: None,
            subject: None,
            other: None,
            question: None,
            considered: "[]".to_owned(),
            reverses: Some(decision),
            decided_at: after_the_last(now, Some(last)),
        }
    }

    /// Writes it.
    pub(crate) async fn insert(
        &self,
        transaction: &mut Transaction<'_, Postgres>,
    ) -> Result<(), sqlx::Error> {
        let key = |named: &Option<(RecordKey, String)>| named.as_ref().map(|(key, _)| key.to_string());
        let anchor = |named: &Option<(RecordKey, String)>| named.as_ref().map(|(_, anchor)| anchor.clone());
        sqlx::query(
            "insert into console.identity_decision (decision_id, ruling, record, anchor, other_record, other_anchor,
               question, considered, reverses, decided_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(self.decision_id)
        .bind(self.ruling.map(RulingKind::as_str))
        .bind(key(&self.subject))
        .bind(anchor(&self.subject))
        .bind(key(&self.other))
        .bind(anchor(&self.other))
        .bind(self.question.map(Question::as_str))
        .bind(&self.considered)
        .bind(self.reverses)
        .bind(self.decided_at)
        .execute(&mut **transaction)
        .await?;
        Ok(())
    }
}

fn shown<'a>(sheet: &'a CaseSheet, key: &RecordKey) -> Result<&'a ShownRecord, DecideError> {
    let record = sheet.records.iter().find(|record| record.record_key == *key);
    record.filter(|record| record.can_travel()).ok_or(DecideError::Record)
}

fn named(record: &ShownRecord) -> Option<(RecordKey, String)> {
    Some((record.record_key.clone(), record.anchor.clone()?))
}

/// Whether the decision can change anything: what stands together is not joined, what stands alone is not parted.
fn has_effect(
    kind: RulingKind,
    subject: &ShownRecord,
    other: Option<&ShownRecord>,
    sheet: &CaseSheet,
) -> bool {
    let same_person = |a: &ShownRecord, b: &ShownRecord| {
        a.anchor == b.anchor || (a.person_id.is_some() && a.person_id == b.person_id)
    };
    match (kind, other) {
        (RulingKind::Merge | RulingKind::Link, Some(other)) => !same_person(subject, other),
        (RulingKind::Split, _) => {
            sheet.truncated
                || sheet.records.iter().any(|o| o.record_key != subject.record_key && same_person(o, subject))
        }
        _ => true,
    }
}

/// Whether one steward alone may not record it.
pub(crate) fn needs_a_second(row: &IdentityRow) -> bool {
    row.ruling.is_some_and(moves_persons)
}

#[cfg(test)]
#[path = "identity_row_tests.rs"]
mod tests;
