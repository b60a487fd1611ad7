//! Producers: one that commits batches with their positions, and one for single events.

mod deliveries;
mod failure;
mod idempotent_producer;
mod polled;
mod sender;
mod thread;
mod transactional_producer;

pub use failure::ProducerError;
pub use idempotent_producer::IdempotentProducer;
pub use transactional_producer::TransactionalProducer;

/// Largest record (key, payload and headers) that is sent: what a broker takes by default, less the batch's own bytes.
pub const MAX_RECORD_BYTES: usize = 1_000_000;
