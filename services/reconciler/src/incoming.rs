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

impl Incoming {
    /// Shares a batch out over so many lanes: each partition always goes to the same one, in its order.
    pub(crate) fn split(self, lanes: usize) -> Vec<Self> {
        let mut parts = vec![Self::default(); lanes];
        for (partition, epoch) in self.claims {
            if let Some(part) = parts.get_mut(lane(&partition.0, partition.1, lanes)) {
                part.claims.insert(partition, epoch);
            }
        }
        for message in self.messages {
            if let Some(part) = parts.get_mut(lane(&message.topic, message.partition, lanes)) {
                part.messages.push(message);
            }
        }
        parts
    }
}

/// The lane of a partition: neighbours of one topic, and topics of one name's length, do not gather in one.
fn lane(topic: &str, partition: i32, lanes: usize) -> usize {
    let topic: usize = topic.bytes().map(usize::from).sum();
    (topic + usize::try_from(partition).unwrap_or_default()) % lanes.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_partition_goes_to_one_lane_with_its_claim_and_in_its_order() {
        let mut batch = Incoming::default();
        for n in 0..40_usize {
            let topic: Arc<str> = ["a", "b"][n % 2].into();
            let (partition, offset) = (i32::try_from(n % 5).unwrap(), i64::try_from(n).unwrap());
            batch.claims.insert((Arc::clone(&topic), partition), 7);
            batch.messages.push(IncomingMessage {
                topic,
                source: "".into(),
                partition,
                offset,
                received_at: DateTime::default(),
                body: Body::Unreadable { reason: String::new(), key: None, payload: None },
            });
        }
        let parts = batch.clone().split(2);
        assert_eq!(parts.iter().map(|p| p.messages.len()).sum::<usize>(), 40);
        assert!(parts.iter().all(|p| !p.messages.is_empty()));
        for part in &parts {
            let seen: std::collections::BTreeSet<_> =
                part.messages.iter().map(|m| (Arc::clone(&m.topic), m.partition)).collect();
            assert!(seen.iter().eq(part.claims.keys()));
            assert!(part.messages.iter().map(|m| m.offset).is_sorted());
        }
        let [one, other] = parts.as_slice() else { panic!("two lanes") };
        assert!(one.claims.keys().all(|partition| !other.claims.contains_key(partition)));
    }
}
