//! The audit log: who did what and when, in the transaction that does it; never a value of a person.

use chrono::{DateTime, Utc};
use registry_rules::{FieldName, RecordKey};
use sqlx::PgExecutor;
use uuid::Uuid;

/// The way by which somebody acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// The web page, after signing in.
    Page,
    /// The command line; who may read the configuration and its secrets is trusted to say who they are.
    Command,
    /// The end of an undo window: it records what the actor decided when it began.
    Window,
}

impl Channel {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Command => "command",
            Self::Window => "window",
        }
    }
}

/// Who acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The user's name.
    pub name: String,
    /// By which way.
    pub channel: Channel,
}

/// One entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) action: &'static str,
    pub(crate) actor: &'a Actor,
    pub(crate) at: DateTime<Utc>,
    pub(crate) case_id: Option<&'a str>,
    pub(crate) decision_id: Option<Uuid>,
    /// A decision about who a record belongs to.
    pub(crate) identity_decision_id: Option<Uuid>,
    pub(crate) proposal_id: Option<Uuid>,
    /// A decision that is, or was, within its undo window.
    pub(crate) held_decision_id: Option<Uuid>,
    pub(crate) field: Option<&'a FieldName>,
    pub(crate) takes: Option<&'a RecordKey>,
    pub(crate) reason: Option<&'a str>,
}

impl<'a> Entry<'a> {
    /// An entry about nothing but the act itself.
    pub(crate) const fn of(action: &'static str, actor: &'a Actor, at: DateTime<Utc>) -> Self {
        Self {
            action,
            actor,
            at,
            case_id: None,
            decision_id: None,
            identity_decision_id: None,
            proposal_id: None,
            held_decision_id: None,
            field: None,
            takes: None,
            reason: None,
        }
    }
}

/// Writes an entry.
pub(crate) async fn write(to: impl PgExecutor<'_>, entry: &Entry<'_>) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into console.audit (audit_id, at, actor, channel, action, case_id, decision_id, field, takes, reason,
           identity_decision_id, proposal_id, held_decision_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(Uuid::new_v4())
    .bind(entry.at)
    .bind(&entry.actor.name)
    .bind(entry.actor.channel.as_str())
    .bind(entry.action)
    .bind(entry.case_id)
    .bind(entry.decision_id)
    .bind(entry.field.map(FieldName::as_str))
    .bind(entry.takes.map(RecordKey::as_str))
    .bind(entry.reason)
    .bind(entry.identity_decision_id)
    .bind(entry.proposal_id)
    .bind(entry.held_decision_id)
    .execute(to)
    .await?;
    Ok(())
}
