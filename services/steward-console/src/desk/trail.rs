//! The decisions of a case from the first to the last: who decided what, what was taken back, and what each changed.

use super::open::{Desk, DeskError};
use chrono::{DateTime, Utc};
use registry_store::{DecisionEffect, EffectQuestion, decision_effect};
use serde::Serialize;
use uuid::Uuid;

/// Decisions of one case that are read at most: beyond it stewards are fighting, and nobody reads them.
const MOST_DECISIONS: i64 = 200;

/// The undo window of a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UndoWindow {
    /// When it began.
    pub held_at: DateTime<Utc>,
    /// Until when the decision could be undone, or can.
    pub held_until: DateTime<Utc>,
    /// `recorded`, `undone`, or why it was given up: `changed`, `not_allowed`; none while it can be undone.
    pub outcome: Option<String>,
    /// Who undid it.
    pub ended_by: Option<String>,
    /// When it was recorded, undone or given up.
    pub ended_at: Option<DateTime<Utc>>,
}

impl UndoWindow {
    /// Whether the decision has become one.
    pub fn is_recorded(&self) -> bool {
        self.outcome.as_deref() == Some("recorded")
    }
}

/// One decision.
#[derive(Clone, Debug, Serialize)]
pub struct TrailEntry {
    /// Its id.
    pub decision_id: Uuid,
    /// `take_value`, `take_back` or the name of a ruling.
    pub kind: String,
    /// The record whose value it takes, or that it is about.
    pub record: Option<String>,
    /// Where that record stood when it was made.
    pub anchor: Option<String>,
    /// The record that it is held against.
    pub other: Option<String>,
    /// Where that one stood.
    pub other_anchor: Option<String>,
    /// What the source was asked.
    pub question: Option<String>,
    /// The decision that it takes back.
    pub reverses: Option<Uuid>,
    /// The decision that takes it back.
    pub taken_back_by: Option<Uuid>,
    /// Who made it; who approved it, where two were needed.
    pub decided_by: String,
    /// Who proposed it, where two were needed.
    pub proposed_by: Option<String>,
    /// When.
    pub decided_at: DateTime<Utc>,
    /// Why.
    pub reason: Option<String>,
    /// The window in which it could be undone; none where it was recorded at once.
    pub undo_window: Option<UndoWindow>,
    /// What it changed in the registry.
    pub effect: DecisionEffect,
}

impl TrailEntry {
    /// Whether it is a decision: not one that is held, was undone or given up.
    pub fn is_recorded(&self) -> bool {
        self.undo_window.as_ref().is_none_or(UndoWindow::is_recorded)
    }
}

#[derive(sqlx::FromRow)]
struct Columns {
    decision_id: Uuid,
    is_value: bool,
    kind: String,
    record: Option<String>,
    anchor: Option<String>,
    other: Option<String>,
    other_anchor: Option<String>,
    question: Option<String>,
    reverses: Option<Uuid>,
    taken_back_by: Option<Uuid>,
    decided_by: String,
    proposed_by: Option<String>,
    decided_at: DateTime<Utc>,
    reason: Option<String>,
}

const TRAIL: &str = "
    select coalesce(d.decision_id, i.decision_id) as decision_id, d.decision_id is not null as is_value,
      case when coalesce(d.reverses, i.reverses) is not null then 'take_back' else coalesce(i.ruling, 'take_value') end
        as kind,
      coalesce(d.takes, i.record, b.record) as record, coalesce(i.anchor, b.anchor) as anchor,
      coalesce(i.other_record, b.other_record) as other, coalesce(i.other_anchor, b.other_anchor) as other_anchor,
      i.question, coalesce(d.reverses, i.reverses) as reverses,
      coalesce((select r.decision_id from console.decision r where r.reverses = d.decision_id),
        (select r.decision_id from console.identity_decision r where r.reverses = i.decision_id)) as taken_back_by,
      c.decided_by, p.proposed_by, coalesce(d.decided_at, i.decided_at) as decided_at,
      coalesce((select a.reason from console.audit a where a.decision_id = d.decision_id limit 1),
        (select a.reason from console.audit a where a.identity_decision_id = i.decision_id limit 1)) as reason
    from console.case_decision c
      left join console.decision d on d.decision_id = c.decision_id
      left join console.identity_decision i on i.decision_id = c.identity_decision_id
      left join console.identity_decision b on b.decision_id = i.reverses
      left join console.proposal p on p.proposal_id = i.decision_id
    where c.case_id = $1 order by decided_at, decision_id limit $2";

#[derive(sqlx::FromRow)]
struct HeldColumns {
    decision_id: Uuid,
    takes: String,
    reason: String,
    held_by: String,
    held_at: DateTime<Utc>,
    held_until: DateTime<Utc>,
    outcome: Option<String>,
    ended_by: Option<String>,
    ended_at: Option<DateTime<Utc>>,
}

/// The newest ones: what was undone most often is of least use.
const HELD: &str = "
    select h.decision_id, h.takes, h.reason, h.held_by, h.held_at, h.held_until, o.outcome, o.ended_by, o.ended_at
    from console.held_decision h left join console.held_outcome o using (decision_id)
    where h.case_id = $1 order by h.held_at desc, h.decision_id limit $2";

/// The decisions of a case, the first one first, with those that are held, were undone or given up; of a closed case too.
///
/// # Errors
/// When a database does not answer.
pub async fn case_trail(desk: &Desk, case_id: &str) -> Result<Vec<TrailEntry>, DeskError> {
    let rows: Vec<Columns> =
        sqlx::query_as(TRAIL).bind(case_id).bind(MOST_DECISIONS).fetch_all(&desk.console).await?;
    let times: Vec<DateTime<Utc>> = rows.iter().map(|row| row.decided_at).skip(1).collect();
    let mut trail = Vec::with_capacity(rows.len());
    for (n, row) in rows.into_iter().enumerate() {
        let effect = effect(desk, &row, times.get(n).copied()).await?;
        trail.push(row.entry(effect));
    }
    let held: Vec<HeldColumns> =
        sqlx::query_as(HELD).bind(case_id).bind(MOST_DECISIONS).fetch_all(&desk.console).await?;
    for one in held {
        one.put(&mut trail);
    }
    trail.sort_by_key(|entry| (entry.decided_at, entry.decision_id));
    Ok(trail)
}

impl HeldColumns {
    /// Puts the window beside the decision that it led to, else in a place of its own.
    fn put(self, trail: &mut Vec<TrailEntry>) {
        let window = UndoWindow {
            held_at: self.held_at,
            held_until: self.held_until,
            outcome: self.outcome,
            ended_by: self.ended_by,
            ended_at: self.ended_at,
        };
        if let Some(entry) = trail.iter_mut().find(|entry| entry.decision_id == self.decision_id) {
            entry.undo_window = Some(window);
            return;
        }
        trail.push(TrailEntry {
            decision_id: self.decision_id,
            kind: "take_value".to_owned(),
            record: Some(self.takes),
            anchor: None,
            other: None,
            other_anchor: None,
            question: None,
            reverses: None,
            taken_back_by: None,
            decided_by: self.held_by,
            proposed_by: None,
            decided_at: self.held_at,
            reason: Some(self.reason),
            undo_window: Some(window),
            effect: DecisionEffect::default(),
        });
    }
}

async fn effect(
    desk: &Desk,
    row: &Columns,
    until: Option<DateTime<Utc>>,
) -> Result<DecisionEffect, DeskError> {
    let entity = if row.is_value { "decision" } else { registry_rules::IDENTITY_DECISION };
    let decision = format!("steward/{entity}/{}/subject", row.decision_id);
    let question = EffectQuestion {
        decision: &decision,
        records: row.record.iter().chain(&row.other).map(String::as_str).collect(),
        anchors: row.anchor.iter().chain(&row.other_anchor).map(String::as_str).collect(),
        until,
    };
    Ok(decision_effect(&desk.registry, &question).await?)
}

impl Columns {
    fn entry(self, effect: DecisionEffect) -> TrailEntry {
        TrailEntry {
            decision_id: self.decision_id,
            kind: self.kind,
            record: self.record,
            anchor: self.anchor,
            other: self.other,
            other_anchor: self.other_anchor,
            question: self.question,
            reverses: self.reverses,
            taken_back_by: self.taken_back_by,
            decided_by: self.decided_by,
            proposed_by: self.proposed_by,
            decided_at: self.decided_at,
            reason: self.reason,
            undo_window: None,
            effect,
        }
    }
}
