//! Whether who reports an error holds what the report is about (Circular 46/2022/TT-BCA art. 10(2) obliges users of the data, for
//! what they were given). Without that an answer would tell whoever asks whether a guess is right. What cannot be asked is denied.

use crate::run::Shared;
use disclosure_store::may_report;
use registry_rules::{CITIZEN, ErrorReport, FieldName, Refusal};
use registry_store::person_of_pin;
use sqlx::PgPool;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The longest wait for the disclosure database: other sources' records wait with the report.
const PATIENCE: Duration = Duration::from_secs(2);
/// So long it is not asked again after it gave no answer: an outage holds up a batch in five at most.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// The disclosure database, of which the reconciler may ask this one question.
#[derive(Debug)]
pub(crate) struct Reporters {
    disclosure: Option<PgPool>,
    silent_since: Mutex<Option<Instant>>,
}

impl Reporters {
    pub(crate) fn new(disclosure: Option<PgPool>) -> Self {
        if disclosure.is_none() {
            tracing::warn!("no [reporters] is configured: error reports of agreements are rejected");
        }
        Self { disclosure, silent_since: Mutex::new(None) }
    }

    /// The pool, unless it has just given no answer.
    fn to_ask(&self) -> Option<&PgPool> {
        let since = *self.silent_since.lock().unwrap_or_else(PoisonError::into_inner);
        self.disclosure.as_ref().filter(|_| since.is_none_or(|since| since.elapsed() >= ASK_AGAIN))
    }

    fn note(&self, silent_since: Option<Instant>) {
        *self.silent_since.lock().unwrap_or_else(PoisonError::into_inner) = silent_since;
    }
}

/// Why a report is not looked into, if so; none if the drain came first. A report that is taken back tells nothing and asks
/// nothing, and a gate knows citizens by more than their number.
pub(crate) async fn refusal(
    shared: &Shared,
    report: &ErrorReport,
) -> anyhow::Result<Option<Result<(), Refusal>>> {
    if report.withdrawn || report.reporter == CITIZEN {
        return Ok(Some(Ok(())));
    }
    let (Some(pool), Ok(item)) = (shared.reporters.to_ask(), report.field.parse::<FieldName>()) else {
        return Ok(Some(Err(Refusal::Unchecked)));
    };
    let person =
        shared.steadily(|| async { person_of_pin(&mut *shared.pool.acquire().await?, &report.pin).await });
    let Some(person) = person.await? else { return Ok(None) };
    let asked = tokio::time::timeout(PATIENCE, may_report(pool, &report.reporter, item.as_str(), person));
    Ok(Some(match asked.await {
        Ok(Ok(may)) => {
            shared.reporters.note(None);
            match (may.has_item, may.holds_person) {
                (true, true) => Ok(()),
                // First what the agreement alone decides: it is the same of every person.
                (false, _) => Err(Refusal::OutsideAgreement),
                (true, false) => Err(Refusal::NobodyHeld),
            }
        }
        Ok(Err(error)) => {
            tracing::warn!(%error, "whether a reporter holds the item cannot be asked; the report is rejected");
            shared.reporters.note(Some(Instant::now()));
            Err(Refusal::Unchecked)
        }
        Err(_) => {
            tracing::warn!("the disclosure database does not answer; the report is rejected");
            shared.reporters.note(Some(Instant::now()));
            Err(Refusal::Unchecked)
        }
    }))
}
