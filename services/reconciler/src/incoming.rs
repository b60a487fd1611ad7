//! A batch as the merge transaction takes it: decoded, so that nothing of it is worked out while locks are held.

use chrono::{DateTime, Utc};
use event_log::{ControlEvent, SourceMessage};
use registry_store::Received;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a message says.
#[derive(Clone)]
pub enum Body {
    /// A version of a record.
    Record(Received),
    /// A mark between records.
    Mark(SourceMessage),
    /// A day or a rule set.
    Control(ControlEvent),
    /// Not readable; why, without values.
    Unreadable {
        /// Why.
        reason: String,
        /// The message's key.
        key: Option<Vec<u8>>,
        /// Its bytes.
        payload: Option<Vec<u8>>,
    },
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Record(received) => write!(f, "Record({})", received.record.record_key),
            Self::Mark(mark) => write!(f, "Mark({})", mark.key()),
            Self::Control(event) => write!(f, "Control({event:?})"),
            Self::Unreadable { reason, .. } => write!(f, "Unreadable({reason})"),
        }
    }
}

/// A message with its place in the log.
#[derive(Clone, Debug)]
pub struct IncomingMessage {
    /// The topic.
    pub topic: Arc<str>,
    /// The source whose topic it is; empty for the control topic.
    pub source: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// Its place.
    pub offset: i64,
    /// When the log appended it.
    pub received_at: DateTime<Utc>,
    /// What it says.
    pub body: Body,
}

/// A batch in the order of each partition.
#[derive(Clone, Debug, Default)]
pub struct Incoming {
    /// The messages.
    pub messages: Vec<IncomingMessage>,
    /// Owner's epoch of each partition that occurs.
    pub claims: BTreeMap<(Arc<str>, i32), i64>,
}
