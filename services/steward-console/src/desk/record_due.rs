//! Recording held decisions whose undo window is over: as decided, if what their authors saw is what is there now.

use super::chain;
use super::decide::{AboutCase, DecideError, may_decide, put_value};
use super::decision_row::{DecisionRow, after_the_last};
use super::held::{HeldEnd, end_wait};
use super::open::Desk;
use super::show_case;
use crate::audit::{self, Actor, Channel, Entry};
use chrono::{DateTime, Utc};
use registry_rules::RecordKey;
use uuid::Uuid;

/// Decisions of one look: the next look takes the others.
const MOST_AT_ONCE: i64 = 100;

#[derive(sqlx::FromRow)]
struct Due {
    decision_id: Uuid,
    case_id: String,
    follows: Uuid,
    seen: String,
    field: String,
    takes: String,
    considered: String,
    reason: String,
    held_by: String,
}

/// Records every held decision whose window is over, or ends its wait where it cannot be recorded any more. Any number of
/// consoles may look at once.
///
/// # Errors
/// When the console's database cannot be asked. What fails of one decision is logged, and tried again at the next look.
pub async fn record_due(desk: &Desk) -> Result<(), sqlx::Error> {
    let due: Vec<Due> = sqlx::query_as(
        "select h.decision_id, h.case_id, h.follows, h.seen, h.field, h.takes, h.considered, h.reason, h.held_by
         from console.held_now n join console.held_decision h using (decision_id)
         where n.held_until <= $1 order by n.held_until, n.decision_id limit $2",
    )
    .bind(desk.clock.now())
    .bind(MOST_AT_ONCE)
    .fetch_all(&desk.console)
    .await?;
    for one in due {
        if let Err(error) = one.settle(desk).await {
            tracing::warn!(decision = %one.decision_id, %error, "a held decision waits on; trying again");
        }
    }
    Ok(())
}

impl Due {
    async fn settle(&self, desk: &Desk) -> Result<(), DecideError> {
        let actor = Actor { name: self.held_by.clone(), channel: Channel::Window };
        let now = desk.clock.now();
        match may_decide(desk, &actor).await {
            Ok(()) => {}
            Err(DecideError::NotAllowed) => {
                return self.give_up(desk, &actor, HeldEnd::NotAllowed, now).await;
            }
            Err(error) => return Err(error),
        }
        if !self.is_as_seen(desk).await? {
            return self.give_up(desk, &actor, HeldEnd::Changed, now).await;
        }
        self.record(desk, &actor, now).await
    }

    fn follows(&self) -> Option<Uuid> {
        Some(self.follows).filter(|id| !id.is_nil())
    }

    /// Whether the case shows what its author saw.
    async fn is_as_seen(&self, desk: &Desk) -> Result<bool, DecideError> {
        let sheet = show_case::read(desk, &self.case_id).await?;
        Ok(sheet.is_some_and(|sheet| {
            sheet.seen == self.seen && sheet.last_decision.map(|last| last.decision_id) == self.follows()
        }))
    }

    async fn record(&self, desk: &Desk, actor: &Actor, now: DateTime<Utc>) -> Result<(), DecideError> {
        let mut transaction = desk.console.begin().await?;
        if end_wait(&mut transaction, self.decision_id, HeldEnd::Recorded, now).await?.is_none() {
            return Ok(());
        }
        let last = chain::last(&mut *transaction, &self.case_id).await?;
        let row = self.row(after_the_last(now, last.map(|last| last.decided_at)))?;
        let case = AboutCase {
            case_id: &self.case_id,
            follows: self.follows(),
            seen: &self.seen,
            reason: &self.reason,
        };
        put_value(&mut transaction, actor, &case, &row, true).await?;
        transaction.commit().await?;
        tracing::info!(decision = %self.decision_id, case = %self.case_id, "decision recorded: its undo window is over");
        Ok(())
    }

    async fn give_up(
        &self,
        desk: &Desk,
        actor: &Actor,
        why: HeldEnd<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), DecideError> {
        let mut transaction = desk.console.begin().await?;
        if end_wait(&mut transaction, self.decision_id, why, now).await?.is_none() {
            return Ok(());
        }
        let entry = Entry {
            case_id: Some(&self.case_id),
            held_decision_id: Some(self.decision_id),
            ..Entry::of("held_decision_given_up", actor, now)
        };
        audit::write(&mut *transaction, &entry).await?;
        transaction.commit().await?;
        tracing::info!(decision = %self.decision_id, case = %self.case_id, "held decision given up: the case has changed");
        Ok(())
    }

    fn row(&self, decided_at: DateTime<Utc>) -> Result<DecisionRow, DecideError> {
        let field = self.field.parse().ok();
        let takes = RecordKey::try_from(self.takes.clone()).ok();
        let (field, takes) = field.zip(takes).ok_or(DecideError::NotTakeable)?;
        Ok(DecisionRow {
            decision_id: self.decision_id,
            field,
            takes,
            considered: self.considered.clone(),
            reverses: None,
            decided_at,
        })
    }
}
