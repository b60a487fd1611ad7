//! Consumers that begin where their store says and hand over batches with the claims they were read under.

mod assignment;
mod batch;
mod demand;
mod group_consumer;
mod position_store;
mod reader_thread;
mod standing;

pub use batch::{Batch, ConsumedRecord, Limits};
pub use group_consumer::{ConsumerError, GroupConsumer};
pub use position_store::{Claim, ClaimError, PositionStore, TopicPartition};
pub(crate) use reader_thread::copy_message;
pub use standing::Standing;
