//! What became of a record, told to its source. The first load is history: nobody waits for an answer to it.

use crate::attaching::Attaching;
use crate::merge::Merged;
use event_log::Topics;
use registry_rules::{
    Answer, AnswerKind, Decision, IdentityDecision, RecordKey, STEWARD, SourceRecord, asked,
};
use registry_store::{MarkerRow, OutboxRow, OutboxTable, StoreError, put_outbox};
use sqlx::PgConnection;
use std::collections::BTreeMap;

/// Subject of answers.
const SUBJECT: &str = "dansync.Answer";

/// The birth act's record that asks for a number.
const ASKS_FOR_PIN: (&str, &str, &str) = ("civil_status", "birth", "child");

/// The answers to what a batch changed.
pub(crate) fn answers(
    attaching: &Attaching,
    merged: &Merged,
    decisions: &[(RecordKey, Decision)],
) -> Vec<Answer> {
    let mut answers = Vec::new();
    for one in &attaching.changed {
        let Ok(key) = RecordKey::try_from(one.record_key.clone()) else { continue };
        if one.new.anchor.is_none() || key.source() == STEWARD {
            continue;
        }
        let case = merged.held.get(&key).cloned();
        let outcome = if case.is_some() { AnswerKind::Held } else { AnswerKind::Accepted };
        answers.push(Answer { record_key: key, outcome, pin: None, detail: case });
    }
    for one in attaching.changed.iter().chain(&attaching.others) {
        let Ok(key) = RecordKey::try_from(one.record_key.clone()) else { continue };
        let asks = (key.source(), key.entity(), key.role()) == ASKS_FOR_PIN;
        let is_pin = |anchor: &Option<String>| anchor.as_deref().is_some_and(|a| a.starts_with("pin:"));
        if asks
            && is_pin(&one.new.anchor)
            && !is_pin(&one.old.anchor)
            && let Some(pin) = merged.pins.get(&key)
        {
            let pin = Some(pin.clone());
            answers.push(Answer { record_key: key, outcome: AnswerKind::PinIssued, pin, detail: None });
        }
    }
    for (_, decision) in decisions {
        answers.extend(decision.considered.iter().map(|considered| Answer {
            record_key: considered.record_key.clone(),
            outcome: AnswerKind::Decided,
            pin: None,
            detail: Some(decision.id.clone()),
        }));
    }
    answers
}

/// What stewards ask the sources of records that they send back: held, with the code of the question.
pub(crate) fn questions<'a>(records: impl IntoIterator<Item = &'a SourceRecord>) -> Vec<Answer> {
    let decisions = records.into_iter().filter(|record| IdentityDecision::is_one(&record.record_key));
    let answer = |(record_key, question): (RecordKey, &str)| Answer {
        record_key,
        outcome: AnswerKind::Held,
        pin: None,
        detail: Some(format!("asked:{question}")),
    };
    decisions.filter_map(asked).map(answer).collect()
}

/// The answer to a row that its adapter could not read: no role can be named, so all of them.
pub(crate) fn rejected<'a>(markers: impl IntoIterator<Item = &'a MarkerRow>) -> Vec<Answer> {
    let answer = |marker: &MarkerRow| {
        Some(Answer {
            record_key: RecordKey::try_from(format!("{}/*", marker.row_key)).ok()?,
            outcome: AnswerKind::Rejected,
            pin: None,
            detail: Some(marker.reasons.join(",")),
        })
    };
    markers.into_iter().filter_map(answer).collect()
}

/// Publishes answers.
pub(crate) async fn put_answers(
    connection: &mut PgConnection,
    topics: &Topics,
    answers: &[Answer],
) -> Result<(), StoreError> {
    let mut places: BTreeMap<&RecordKey, i64> = BTreeMap::new();
    let mut rows = Vec::with_capacity(answers.len());
    for answer in answers {
        let place = places.entry(&answer.record_key).or_default();
        let mut payload = Vec::with_capacity(96);
        event_log::encode_answer(answer, &mut payload).map_err(|_| StoreError::Unwritable("an answer"))?;
        let topic = topics.answers(answer.record_key.source());
        rows.push(OutboxRow { key: answer.record_key.to_string(), id: *place, topic, payload });
        *place += 1;
    }
    put_outbox(connection, OutboxTable::Answer, SUBJECT, &rows).await
}
