//! A producer's own thread: the client's calls block, and must not block the runtime.

use super::failure::ProducerError;
use super::sender::Sender;
use crate::{KafkaConfig, OutgoingRecord};
use tokio::sync::{mpsc, oneshot};

/// Batches that wait for the thread: one, so that whoever makes them is held back.
const WAITING_BATCHES: usize = 1;

pub(super) type Reply = oneshot::Sender<Result<(), ProducerError>>;

/// A batch, and whom to tell.
pub(super) struct Command {
    records: Vec<OutgoingRecord>,
    reply: Reply,
}

/// Handle of the thread. Dropping the last one lets the thread finish the batch in hand and end.
#[derive(Clone)]
pub(super) struct ProducerThread {
    commands: mpsc::Sender<Command>,
}

impl ProducerThread {
    /// Starts the thread; returns when `prepare` has succeeded there.
    pub(super) async fn start(
        config: &KafkaConfig,
        transactional_id: Option<&str>,
        prepare: fn(&Sender) -> Result<(), ProducerError>,
        handle: fn(&Sender, &[OutgoingRecord]) -> Result<(), ProducerError>,
    ) -> Result<Self, ProducerError> {
        let (commands, mut inbox) = mpsc::channel::<Command>(WAITING_BATCHES);
        let (ready, opened) = oneshot::channel();
        let config = config.clone();
        let id = transactional_id.map(str::to_owned);
        let work = move || {
            let sender = match Sender::open(&config, id.as_deref()).and_then(|s| prepare(&s).map(|()| s)) {
                Ok(sender) => sender,
                Err(error) => {
                    // Nobody listening means that the opening was given up.
                    ready.send(Err(error)).ok();
                    return;
                }
            };
            if ready.send(Ok(())).is_err() {
                return;
            }
            while let Some(Command { records, reply }) = inbox.blocking_recv() {
                // Whoever gave up waiting opens the producer anew and learns the outcome from the positions.
                reply.send(handle(&sender, &records)).ok();
            }
        };
        std::thread::Builder::new()
            .name("kafka-producer".to_owned())
            .spawn(work)
            .map_err(|e| ProducerError::Rebuild { reason: format!("no thread could be started: {e}") })?;
        opened.await.unwrap_or_else(|_| Err(gone()))?;
        Ok(Self { commands })
    }

    /// Hands a batch over and waits for its outcome.
    pub(super) async fn run(&self, records: Vec<OutgoingRecord>) -> Result<(), ProducerError> {
        let (reply, outcome) = oneshot::channel();
        self.commands.send(Command { records, reply }).await.map_err(|_| gone())?;
        outcome.await.unwrap_or_else(|_| Err(gone()))
    }
}

fn gone() -> ProducerError {
    ProducerError::Rebuild { reason: "the producer's thread has ended".to_owned() }
}
