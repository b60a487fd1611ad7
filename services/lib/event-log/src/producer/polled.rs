//! A client with a thread that serves its acknowledgements.

use super::deliveries::Deliveries;
use rdkafka::ClientConfig;
use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::producer::BaseProducer;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long one call serves. The binding counts what is left of it in whole milliseconds and spins through the last of them: with
/// the 100 ms of its own threaded producer a dozen idle clients took the twentieth part of a processor.
const TURN: Duration = Duration::from_secs(1);

/// A producer whose acknowledgements are served as they come. When it is dropped its thread ends within a [`TURN`], and the client
/// with it.
pub(super) struct PolledProducer {
    client: Arc<BaseProducer<Deliveries>>,
    is_over: Arc<AtomicBool>,
}

impl PolledProducer {
    /// Makes the client and starts its thread.
    pub(super) fn open(config: &ClientConfig) -> KafkaResult<Self> {
        let client = Arc::new(BaseProducer::from_config_and_context(config, Deliveries::default())?);
        let is_over = Arc::new(AtomicBool::new(false));
        let (served, ends) = (Arc::clone(&client), Arc::clone(&is_over));
        let serve = move || {
            while !ends.load(Ordering::Relaxed) {
                served.poll(TURN);
            }
        };
        std::thread::Builder::new()
            .name("kafka-delivery".to_owned())
            .spawn(serve)
            .map_err(|error| KafkaError::ClientCreation(format!("no thread could be started: {error}")))?;
        Ok(Self { client, is_over })
    }
}

impl Deref for PolledProducer {
    type Target = BaseProducer<Deliveries>;

    fn deref(&self) -> &Self::Target {
        &self.client
    }
}

impl Drop for PolledProducer {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}
