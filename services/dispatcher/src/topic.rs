//! Sends a lane into its agreement's topic: the full permitted record, or a leave and its tombstone.

use crate::agreements::InUse;
use crate::outgoing::columns;
use crate::plan::Turn;
use crate::receiver::{Received, ReceiverError, key_of};
use crate::run::Shared;
use disclosure_store::{Event, Outcome, Settlement};
use event_log::{
    Admin, OutSchema, OutgoingRecord, ProducerError, SchemaId, TopicSpec, TransactionalProducer, encode_out,
    put_wire_header,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Key of the record that closes the filling of a generation; no reference is so short.
const COMPLETE: &str = "complete";

/// The open topic of one version and generation.
#[derive(Debug)]
struct Open {
    version: i32,
    generation: i32,
    topic: Arc<str>,
    schema: OutSchema,
    schema_id: SchemaId,
    producer: TransactionalProducer,
}

/// A lane's topic.
#[derive(Debug)]
pub(crate) struct TopicReceiver {
    shared: Shared,
    open: Option<Open>,
}

fn away(error: &impl std::fmt::Display) -> ReceiverError {
    ReceiverError::Away(error.to_string())
}

impl TopicReceiver {
    pub(crate) const fn new(shared: Shared) -> Self {
        Self { shared, open: None }
    }

    /// Opens the topic of the version in force: makes it, registers the schema, fences older producers of the lane. Topics
    /// of earlier generations go: they hold what is no longer permitted.
    pub(crate) async fn prepare(&mut self, in_use: &InUse) -> Result<(), ReceiverError> {
        let (version, generation) = (in_use.row.version, in_use.row.generation);
        if self.open.as_ref().is_some_and(|open| open.version == version && open.generation == generation) {
            return Ok(());
        }
        self.open = None;
        let (agreement, kafka) = (&in_use.compiled.agreement, &self.shared.kafka);
        let topic = kafka.topics().out(&agreement.name, in_use.generation());
        let admin = Admin::open(kafka).map_err(|e| away(&e))?;
        let spec = TopicSpec::out(Arc::clone(&topic), self.shared.replay);
        admin.ensure(&[spec]).await.map_err(|e| away(&e))?;
        let old: Vec<_> = (1..in_use.generation()).map(|g| kafka.topics().out(&agreement.name, g)).collect();
        if !old.is_empty() {
            admin.delete(&old).await.map_err(|e| away(&e))?;
        }
        let names: Vec<_> = agreement.columns().iter().map(|c| c.name.as_str()).collect();
        let schema = OutSchema::for_fields(&agreement.name, &names).map_err(|e| away(&e))?;
        let subject = OutSchema::subject(&topic);
        let schema_id = self.shared.schemas.ensure(&subject, schema.json()).await.map_err(|e| away(&e))?;
        // The lane's name under the prefix: whoever opens it next fences this one.
        let id = format!("{}lane.{}.topic", kafka.topic_prefix, agreement.name);
        let producer = TransactionalProducer::open(kafka, &id).await.map_err(|e| failed(&e))?;
        self.open = Some(Open { version, generation, topic, schema, schema_id, producer });
        Ok(())
    }

    /// Sends all turns in one transaction; a record that is too large for the broker parks its person.
    pub(crate) async fn send(&mut self, turns: &[Turn]) -> Result<Received, ReceiverError> {
        let mut received = Received::default();
        let mut left: Vec<&Turn> = turns.iter().collect();
        while !left.is_empty() {
            let open = self.open.as_mut().ok_or_else(|| away(&"the topic is not open"))?;
            let (mut records, mut turn_of, mut unfit) = (Vec::new(), Vec::new(), None);
            for (n, turn) in left.iter().enumerate() {
                match open.records(turn) {
                    Ok(made) => {
                        turn_of.extend(made.iter().map(|_| n));
                        records.extend(made);
                    }
                    Err(reason) => unfit = Some((n, reason)),
                }
            }
            if let Some((n, reason)) = unfit {
                received.refused.push((key_of(left.remove(n)), reason));
                continue;
            }
            match open.producer.commit(records).await {
                Ok(()) => {
                    received.settled.extend(
                        left.drain(..)
                            .map(|turn| Settlement { key: key_of(turn), outcome: Outcome::Delivered }),
                    );
                }
                Err(ProducerError::TooLarge { index, .. }) => {
                    let n = turn_of.get(index).copied().unwrap_or(0);
                    received.refused.push((key_of(left.remove(n)), "too_large".to_owned()));
                }
                Err(error) => {
                    if !matches!(error, ProducerError::Retry { .. }) {
                        self.open = None;
                    }
                    return Err(failed(&error));
                }
            }
        }
        Ok(received)
    }

    /// Closes the filling of a generation.
    pub(crate) async fn complete(&mut self, in_use: &InUse) -> Result<(), ReceiverError> {
        let open = self.open.as_mut().ok_or_else(|| away(&"the topic is not open"))?;
        let row = [
            ("meta_event", COMPLETE.to_owned()),
            ("meta_agreement_version", in_use.compiled.agreement.version.to_string()),
        ];
        let row = row.map(|(name, text)| (name.to_owned(), text)).into();
        let record = open.record(COMPLETE, row).map_err(ReceiverError::Away)?;
        open.producer.commit(vec![record]).await.map_err(|e| failed(&e))
    }
}

fn failed(error: &ProducerError) -> ReceiverError {
    match error {
        ProducerError::Fenced { .. } => ReceiverError::Fenced,
        ProducerError::Configuration { .. }
        | ProducerError::Retry { .. }
        | ProducerError::Rebuild { .. }
        | ProducerError::TooLarge { .. } => away(error),
    }
}

impl Open {
    /// The record of a turn; with a leave, the tombstone that follows it in the same transaction.
    fn records(&self, turn: &Turn) -> Result<Vec<OutgoingRecord>, String> {
        let row = columns(&turn.newest.payload).ok_or_else(|| "payload".to_owned())?;
        let record = self.record(&turn.newest.reference, row)?;
        let leaves = turn.newest.event == Event::Left;
        let tombstone =
            leaves.then(|| OutgoingRecord::tombstone(&self.topic, turn.newest.reference.as_bytes()));
        Ok(std::iter::once(record).chain(tombstone).collect())
    }

    fn record(&self, key: &str, row: BTreeMap<String, String>) -> Result<OutgoingRecord, String> {
        let row = row.into_iter().map(|(name, text)| (name, Some(text))).collect();
        let mut payload = Vec::new();
        put_wire_header(self.schema_id, &mut payload);
        encode_out(&self.schema, &row, &mut payload).map_err(|_| "schema".to_owned())?;
        Ok(OutgoingRecord::new(&self.topic, key.as_bytes(), payload)
            .with_fingerprint(self.schema.fingerprint()))
    }
}
