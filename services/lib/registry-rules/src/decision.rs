//! A steward's decision about a value, as the console records it and the adapter captures it.

use crate::{FieldName, FieldValue, IdentifierKind, RecordKey, SourceRecord, Standing};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// One value that the steward had before their eyes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Considered {
    /// The record that stated it.
    pub record_key: RecordKey,
    /// Keyed hash of the value it stated then.
    pub value_hash: String,
}

/// "Take the value of this record." Names records, never only persons: persons part and join.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Id given by the console.
    pub id: String,
    /// The field decided about.
    pub field: FieldName,
    /// The record whose value stands.
    pub takes: RecordKey,
    /// All values seen, that of `takes` among them.
    pub considered: Vec<Considered>,
    /// When it was decided.
    pub decided_at: DateTime<Utc>,
    /// The decision that it takes back. Such a decision says nothing itself: the rules decide again.
    pub reverses: Option<String>,
}

/// Why a record of the source `steward` is not a decision.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("decision record lacks or garbles '{0}'")]
pub struct DecisionError(pub &'static str);

impl Decision {
    /// Reads a decision from its captured record. A withdrawn one gives none: decisions are reversed, not deleted.
    pub fn from_record(record: &SourceRecord) -> Result<Option<Self>, DecisionError> {
        if record.standing == Standing::Withdrawn {
            return Ok(None);
        }
        let text = |name: &'static str| {
            let wanted = format!("steward.{name}");
            record
                .fields
                .iter()
                .find(|(field, _)| field.as_str() == wanted)
                .and_then(|(_, value)| value.text())
        };
        let need = |name: &'static str| text(name).ok_or(DecisionError(name));
        let parse_key = |text: &str| RecordKey::try_from(text.to_owned()).map_err(|_| DecisionError("takes"));
        Ok(Some(Self {
            id: record.identifier(IdentifierKind::SourcePerson).ok_or(DecisionError("id"))?.to_owned(),
            field: need("field")?.parse().map_err(|_| DecisionError("field"))?,
            takes: parse_key(need("takes")?)?,
            considered: serde_json::from_str(need("considered")?).map_err(|_| DecisionError("considered"))?,
            decided_at: record.recorded_at.ok_or(DecisionError("decided_at"))?,
            reverses: text("reverses").map(ToOwned::to_owned),
        }))
    }

    /// Whether the steward had seen this record state this value.
    pub fn saw(&self, record_key: &RecordKey, value: &FieldValue, key: &crate::FingerprintKey) -> bool {
        let hash = key.value(value);
        self.considered.iter().any(|seen| seen.record_key == *record_key && seen.value_hash == hash)
    }
}

/// The decision that counts for a field: not taken back by one that counts itself; of two, the later, then by id.
pub(crate) fn in_force<'a>(decisions: &'a [Decision], field: &FieldName) -> Option<&'a Decision> {
    decisions
        .iter()
        .filter(|d| {
            d.field == *field && d.reverses.is_none() && !is_reversed(decisions, &d.id, decisions.len())
        })
        .max_by_key(|d| (d.decided_at, &d.id))
}

/// A reversal may itself be reversed; the depth is bounded by the number of decisions.
fn is_reversed(decisions: &[Decision], id: &str, depth: usize) -> bool {
    depth > 0
        && decisions
            .iter()
            .any(|d| d.reverses.as_deref() == Some(id) && !is_reversed(decisions, &d.id, depth - 1))
}
