//! One open case as a sheet.

use super::open::{Desk, DeskError};
use super::sheet::{CaseSheet, RecordedDecision};
use crate::audit::{self, Actor, Entry};
use chrono::{DateTime, Utc};
use registry_store::case_facts;
use sqlx::PgPool;
use uuid::Uuid;

/// Reads an open case with its values, and notes in the audit log who looked at which item; none when it is not open.
///
/// # Errors
/// When a database does not answer.
pub async fn show_case(desk: &Desk, actor: &Actor, case_id: &str) -> Result<Option<CaseSheet>, DeskError> {
    let Some(sheet) = read(desk, case_id).await? else {
        return Ok(None);
    };
    let entry = Entry {
        case_id: Some(case_id),
        field: sheet.field.as_ref(),
        ..Entry::of("case_shown", actor, desk.clock.now())
    };
    audit::write(&desk.console, &entry).await?;
    Ok(Some(sheet))
}

/// The sheet as it is now.
pub(super) async fn read(desk: &Desk, case_id: &str) -> Result<Option<CaseSheet>, DeskError> {
    let Some(facts) = case_facts(&desk.registry, case_id).await? else {
        return Ok(None);
    };
    let mut sheet = CaseSheet::of(&facts, &desk.rules, &desk.key, desk.clock.business_date());
    sheet.last_decision = last_decision(&desk.console, case_id).await?;
    Ok(Some(sheet))
}

async fn last_decision(pool: &PgPool, case_id: &str) -> Result<Option<RecordedDecision>, sqlx::Error> {
    let row: Option<(Uuid, String, String, DateTime<Utc>, String)> = sqlx::query_as(
        "select d.decision_id, d.takes, c.decided_by, d.decided_at, c.seen
         from console.case_decision c join console.decision d using (decision_id)
         where c.case_id = $1 order by d.decided_at desc, d.decision_id desc limit 1",
    )
    .bind(case_id)
    .fetch_optional(pool)
    .await?;
    Ok(row.map(|(decision_id, takes, decided_by, decided_at, seen)| RecordedDecision {
        decision_id,
        takes,
        decided_by,
        decided_at,
        seen,
    }))
}
