//! What became of a record, told to its source. The first load is history: nobody waits for an answer to it.

use crate::attaching::Attaching;
use crate::merge::Merged;
use event_log::Topics;
use registry_rules::{
    Answer, AnswerKind, Decision, FEEDBACK, FieldName, FieldValue, IdentityDecision, RecordKey, STEWARD,
    SourceRecord, asked,
};
use registry_store::{MarkerRow, OutboxRow, OutboxTable, StoreError, put_outbox, records_now};
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet};

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
        if one.new.anchor.is_none() || [STEWARD, FEEDBACK].contains(&key.source()) {
            continue;
        }
        answers.push(match merged.held.get(&key) {
            None => Answer::new(key, AnswerKind::Accepted),
            Some(held) => Answer {
                detail: Some(held.case_id.clone()),
                deadline: held.due,
                ..Answer::new(key, AnswerKind::Held)
            },
        });
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
            answers.push(Answer { pin: Some(pin.clone()), ..Answer::new(key, AnswerKind::PinIssued) });
        }
    }
    for (_, decision) in decisions {
        // Whoever reported an error hears that it is decided, not what another source says, and not while it is asked about.
        let is_report = |key: &RecordKey| key.source() == FEEDBACK;
        let seen = decision.considered.iter().map(|considered| &considered.record_key);
        let told = seen.filter(|key| !is_report(key) || !merged.held.contains_key(*key));
        answers.extend(told.map(|key| Answer {
            detail: Some(decision.id.clone()),
            field: Some(decision.field.as_str().to_owned()),
            reason: (!is_report(key)).then(|| decision.takes.as_str().to_owned()),
            ..Answer::new(key.clone(), AnswerKind::Decided)
        }));
    }
    answers
}

/// What stewards ask the sources of records that they send back: held, with the code of the question.
pub(crate) fn questions<'a>(records: impl IntoIterator<Item = &'a SourceRecord>) -> Vec<Answer> {
    let decisions = records.into_iter().filter(|record| IdentityDecision::is_one(&record.record_key));
    let answer = |(record_key, question): (RecordKey, &str)| Answer {
        detail: Some(format!("asked:{question}")),
        ..Answer::new(record_key, AnswerKind::Held)
    };
    decisions.filter_map(asked).map(answer).collect()
}

/// The answers to a row that its adapter could not read, one for each reason: no role can be named, so all of them.
pub(crate) fn rejected<'a>(markers: impl IntoIterator<Item = &'a MarkerRow>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for marker in markers {
        let Ok(key) = RecordKey::try_from(format!("{}/*", marker.row_key)) else { continue };
        answers.extend(marker.reasons.iter().map(|reason| Answer::rejected(key.clone(), reason)));
    }
    answers
}

/// Puts the value that each decision took beside its name: what the record says now, which is what stands.
async fn with_values(connection: &mut PgConnection, answers: &[Answer]) -> Result<Vec<Answer>, StoreError> {
    let is_open = |answer: &&Answer| answer.outcome == AnswerKind::Decided && answer.value.is_none();
    let taken: BTreeSet<&str> = answers.iter().filter(is_open).filter_map(|a| a.reason.as_deref()).collect();
    let records = records_now(connection, &taken.into_iter().collect::<Vec<_>>()).await?;
    let mut told = answers.to_vec();
    for answer in told.iter_mut().filter(|answer| is_open(&&**answer)) {
        let record = records.iter().find(|r| Some(r.record_key.as_str()) == answer.reason.as_deref());
        let field = answer.field.as_ref().and_then(|field| field.parse().ok());
        answer.value = field
            .zip(record)
            .and_then(|(field, record): (FieldName, _)| record.fields.get(&field))
            .map(FieldValue::readable);
    }
    Ok(told)
}

/// Publishes answers.
pub(crate) async fn put_answers(
    connection: &mut PgConnection,
    topics: &Topics,
    answers: &[Answer],
) -> Result<(), StoreError> {
    let answers = with_values(connection, answers).await?;
    let mut places: BTreeMap<&RecordKey, i64> = BTreeMap::new();
    let mut rows = Vec::with_capacity(answers.len());
    for answer in &answers {
        let place = places.entry(&answer.record_key).or_default();
        let mut payload = Vec::with_capacity(96);
        event_log::encode_answer(answer, &mut payload).map_err(|_| StoreError::Unwritable("an answer"))?;
        let topic = topics.answers(answer.record_key.source());
        rows.push(OutboxRow { key: answer.record_key.to_string(), id: *place, topic, payload });
        *place += 1;
    }
    put_outbox(connection, OutboxTable::Answer, SUBJECT, &rows).await
}
