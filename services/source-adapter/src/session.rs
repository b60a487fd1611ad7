//! One session with a source in hand: stream until something ends it.

use crate::batch::{Batch, BatchLimits, Batcher, Resume, StreamFault};
use crate::capture::{Capture, Sink};
use crate::chunk::{self, ChunkRead};
use crate::context::Context;
use crate::halt::{Halt, Refusal};
use crate::outbox::Outbox;
use crate::position::{state_of, stored_form};
use crate::postgres::{ChangeStream, Control, Frame, PgStream, Position, lsn};
use crate::preconditions::TableColumns;
use crate::redrive::{Chunk, Redrive, Task, Verdict};
use crate::requests::{self, HEARTBEAT, Request};
use event_log::OutgoingRecord;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use service_runtime::crash_point;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How long a question beside the stream may take before the session counts as lost.
const ASK_TIMEOUT: Duration = Duration::from_secs(15);
/// How often the session looks after itself while it streams.
const TICK: Duration = Duration::from_secs(1);
/// Frames taken in before the log is looked after again.
const FRAMES_PER_TURN: usize = 2048;
/// Pause before a chunk is read again that missed something, or failed.
const CHUNK_PAUSE: Duration = Duration::from_millis(500);
/// How long the high mark waits for the chunk's rows, which were read before it was written.
const CHUNK_TIMEOUT: Duration = Duration::from_mins(1);

/// A source in hand.
pub(crate) struct Session<'a> {
    context: &'a Context,
    control: Control,
    stream: PgStream,
    columns: TableColumns,
    system_id: String,
    outbox: Outbox,
    capture: Capture,
    batcher: Batcher<OutgoingRecord>,
    redrive: Redrive,
    reading: Option<BoxFuture<'static, Result<Chunk, Halt>>>,
    read_after: Instant,
    xid: u32,
    oldest_commit: Option<i64>,
    sending_commit: Option<i64>,
    heartbeat_at: Instant,
    may_emit: bool,
}

/// What a claimed source gives to its session.
pub(crate) struct Claimed {
    pub(crate) control: Control,
    pub(crate) stream: PgStream,
    pub(crate) columns: TableColumns,
    pub(crate) system_id: String,
    pub(crate) outbox: Outbox,
    pub(crate) capture: Capture,
    pub(crate) resume: Resume,
    pub(crate) tasks: Vec<Task>,
}

fn limits(context: &Context) -> BatchLimits {
    let limits = &context.config.limits;
    BatchLimits {
        items: limits.batch_records.max(1),
        bytes: limits.batch_bytes.as_usize().max(1),
        wait: limits.batch_wait.get(),
        pace: limits.batch_pace.get(),
        idle: limits.heartbeat.get(),
    }
}

/// What the loop woke up for.
enum Wake {
    Drain,
    Committed,
    Frame(Frame),
    Rest,
    Chunk(Result<Chunk, Halt>),
    Tick,
}

impl<'a> Session<'a> {
    /// Goes on with a source that was claimed.
    pub(crate) async fn new(context: &'a Context, claimed: Claimed) -> Result<Self, Halt> {
        let Claimed { mut control, stream, columns, system_id, outbox, capture, resume, tasks } = claimed;
        let redrive = Redrive::resume(tasks, control.next_xid().await?);
        let may_emit = control.may_emit().await?;
        let now = Instant::now();
        Ok(Self {
            context,
            control,
            stream,
            columns,
            system_id,
            outbox,
            capture,
            batcher: Batcher::resume(limits(context), resume, now),
            redrive,
            reading: None,
            read_after: now,
            xid: 0,
            oldest_commit: None,
            sending_commit: None,
            heartbeat_at: now,
            may_emit,
        })
    }

    /// Streams until the process drains; then what was taken in is committed and acknowledged.
    pub(crate) async fn run(mut self) -> Result<(), Halt> {
        self.context.measures.connected.set_flag(true);
        let outcome = self.turns().await;
        self.context.measures.connected.set_flag(false);
        outcome?;
        self.outbox.settle(&self.context.measures).await?;
        self.acknowledge();
        if let Some(batch) = self.batcher.last_batch(Instant::now()) {
            self.send(batch).await?;
            self.outbox.settle(&self.context.measures).await?;
            self.acknowledge();
        }
        self.stream.close(self.batcher.durable().position).await;
        self.control.close().await;
        Ok(())
    }

    async fn turns(&mut self) -> Result<(), Halt> {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut at_rest = false;
        loop {
            if let Some(batch) = self.batcher.next_batch(Instant::now(), at_rest) {
                self.send(batch).await?;
            }
            let wake = self.wake(&mut tick).await?;
            at_rest = matches!(wake, Wake::Rest);
            match wake {
                Wake::Drain => return Ok(()),
                Wake::Committed => {
                    self.acknowledge();
                    at_rest = true;
                }
                Wake::Frame(frame) => {
                    self.frame(frame).await?;
                    at_rest = self.take_in().await?;
                }
                Wake::Rest => {}
                Wake::Chunk(result) => self.chunk(result)?,
                Wake::Tick => self.tick().await?,
            }
        }
    }

    async fn wake(&mut self, tick: &mut tokio::time::Interval) -> Result<Wake, Halt> {
        let wait = self.batcher.deadline().map_or(TICK, |at| at.saturating_duration_since(Instant::now()));
        let drain = self.context.runtime.drain.clone();
        let reading = &mut self.reading;
        let chunk = async {
            match reading {
                Some(reading) => reading.await,
                None => std::future::pending().await,
            }
        };
        Ok(tokio::select! {
            biased;
            () = drain.requested() => Wake::Drain,
            done = self.outbox.done(&self.context.measures) => {
                done?;
                Wake::Committed
            }
            chunk = chunk => Wake::Chunk(chunk),
            _ = tick.tick() => Wake::Tick,
            frame = tokio::time::timeout(wait, self.stream.next()), if self.batcher.wants_input() => match frame {
                Ok(frame) => Wake::Frame(frame?),
                Err(_) => Wake::Rest,
            },
        })
    }

    /// Takes in what has arrived already. Says whether the stream is at rest.
    async fn take_in(&mut self) -> Result<bool, Halt> {
        for _ in 0..FRAMES_PER_TURN {
            if !self.batcher.wants_input() || (self.batcher.is_full() && !self.outbox.is_busy()) {
                return Ok(false);
            }
            // Without the runtime's own budget, which would feign a stream at rest after 128 frames.
            match tokio::task::unconstrained(self.stream.next()).now_or_never() {
                Some(frame) => self.frame(frame?).await?,
                None => return Ok(true),
            }
        }
        Ok(false)
    }

    async fn frame(&mut self, frame: Frame) -> Result<(), Halt> {
        match frame {
            Frame::Begin { commit, xid, committed_at } => {
                self.batcher.begin(commit).map_err(|fault| self.fault(&fault))?;
                self.xid = xid;
                self.oldest_commit.get_or_insert(committed_at);
                self.context
                    .measures
                    .last_event
                    .set_count(u64::try_from(committed_at / 1_000_000).unwrap_or(0));
                Ok(())
            }
            Frame::Change(bytes) => {
                let now = Instant::now();
                let mut sink = Sink { batcher: &mut self.batcher, redrive: &mut self.redrive, now };
                self.capture.change(self.context, &bytes, &mut sink)
            }
            Frame::Message { prefix, content } => self.message(&prefix, &content).await,
            Frame::Commit { end } => {
                self.batcher.commit(end)?;
                self.redrive.committed(self.xid);
                Ok(())
            }
            Frame::Keepalive { end, urgent } => {
                self.batcher.keepalive(end, urgent);
                Ok(())
            }
        }
    }

    fn fault(&self, fault: &StreamFault) -> Halt {
        match fault {
            StreamFault::Order(_) => Halt::lost(fault.to_string()),
            StreamFault::PartLost(_) => {
                let source_name = self.context.mapping.source().to_owned();
                Refusal::Stream { what: fault.to_string(), source_name }.into()
            }
        }
    }

    async fn message(&mut self, prefix: &str, content: &[u8]) -> Result<(), Halt> {
        let Some(ordinal) = self.batcher.admit()? else { return Ok(()) };
        let position = self.batcher.commit_position().unwrap_or(0);
        match requests::read(prefix, content) {
            Request::Nothing => {}
            Request::Redrive(request) => {
                tracing::info!(
                    tasks = request.tasks.len(),
                    position = lsn(position),
                    ordinal,
                    "redrive asked for"
                );
                request.tasks.into_iter().for_each(|task| self.redrive.add(task));
                self.batcher.store_soon();
            }
            Request::Fence(fence) => {
                tracing::info!(id = fence.id, position = lsn(fence.position), "fence");
                let now = Instant::now();
                let mut sink = Sink { batcher: &mut self.batcher, redrive: &mut self.redrive, now };
                self.capture.fence(fence.id, fence.position.min(position), &mut sink);
            }
            Request::Low(id) => self.redrive.low(&id),
            Request::High(id) => self.high_mark(&id).await?,
        }
        Ok(())
    }

    async fn high_mark(&mut self, id: &str) -> Result<(), Halt> {
        if self.redrive.awaits_chunk(id)
            && let Some(reading) = self.reading.take()
        {
            let result = tokio::time::timeout(CHUNK_TIMEOUT, reading).await;
            self.chunk(result.unwrap_or_else(|_| Err(Halt::lost("a chunk's rows did not come"))))?;
        }
        let task = self.redrive.tasks().into_iter().next();
        match self.redrive.high(id) {
            Verdict::Foreign => Ok(()),
            Verdict::Again => {
                tracing::info!("a chunk did not see what was in the log already: it is read again");
                self.read_after = Instant::now() + CHUNK_PAUSE;
                Ok(())
            }
            Verdict::Give(rows) => {
                let Some(read) = task.and_then(|task| self.chunk_read(task, String::new())) else {
                    return Ok(());
                };
                tracing::info!(entity = read.task.entity, rows = rows.len(), "rows read again");
                let now = Instant::now();
                for row in rows {
                    let mut sink = Sink { batcher: &mut self.batcher, redrive: &mut self.redrive, now };
                    self.capture.row_again(self.context, &read.plan, &row, &mut sink)?;
                }
                self.batcher.store_soon();
                Ok(())
            }
        }
    }

    fn chunk(&mut self, result: Result<Chunk, Halt>) -> Result<(), Halt> {
        self.reading = None;
        match result {
            Ok(chunk) => self.redrive.chunk(chunk),
            Err(Halt::Unfit(why)) => {
                tracing::warn!(
                    why,
                    "a redrive names keys that the source's columns cannot hold: it is dropped"
                );
                self.redrive.drop_task();
                self.batcher.store_soon();
            }
            Err(Halt::Lost(error)) => {
                tracing::warn!(error = format!("{error:#}"), "a chunk could not be read: it is tried again");
                self.redrive.abandon();
                self.read_after = Instant::now() + CHUNK_PAUSE * 4;
            }
            Err(halt @ (Halt::Refused(_) | Halt::Standby(_))) => return Err(halt),
        }
        Ok(())
    }

    fn chunk_read(&self, task: Task, id: String) -> Option<ChunkRead> {
        let spec =
            self.context.mapping.file().tables.iter().find(|table| table.entity == task.entity)?.clone();
        let columns = self.columns.get(&spec.table)?;
        let plan = self.context.mapping.compile(&spec, columns).ok()?;
        Some(ChunkRead { id, task, spec, plan })
    }

    async fn tick(&mut self) -> Result<(), Halt> {
        let now = Instant::now();
        if !self.redrive.is_idle() && self.reading.is_none() && now >= self.read_after {
            self.read_chunk();
        }
        if now < self.heartbeat_at {
            return Ok(());
        }
        self.heartbeat_at = now + self.context.config.limits.heartbeat.get();
        let beat = async {
            if self.may_emit {
                self.control.emit(HEARTBEAT, "").await?;
            }
            self.control.retained_bytes(self.context.slot()).await
        };
        let retained = tokio::time::timeout(ASK_TIMEOUT, beat)
            .await
            .map_err(|_| Halt::lost("the source does not answer on the control connection"))??;
        self.context.measures.retained.set_count(retained.unwrap_or(0));
        Ok(())
    }

    fn read_chunk(&mut self) {
        let id = Uuid::new_v4().to_string();
        let Some(task) = self.redrive.open(&id) else { return };
        if let Some(read) = self.chunk_read(task, id) {
            self.reading = Some(Box::pin(chunk::read(self.context.config.clone(), read)));
        } else {
            tracing::warn!("a redrive names an entity that the mapping does not have: it is dropped");
            self.redrive.drop_task();
            self.batcher.store_soon();
        }
    }

    async fn send(&mut self, batch: Batch<OutgoingRecord>) -> Result<(), Halt> {
        let mut records = batch.items;
        self.context.measures.backlog.set_count(records.len() as u64);
        let mut position = self.context.position(self.capture.epoch, &self.system_id);
        (position.position, position.part) = stored_form(batch.resume);
        position.snapshot = state_of(&self.redrive.tasks(), position.position);
        records.push(self.capture.publisher.position(&position)?);
        if let Some(envelopes) = &mut self.capture.envelopes {
            envelopes.make_topics(&self.context.config).await?;
        }
        self.sending_commit = self.oldest_commit.take();
        self.outbox.start(records)
    }

    fn acknowledge(&mut self) {
        let position: Position = self.batcher.committed(Instant::now());
        crash_point!("capture.before-acknowledge");
        self.stream.acknowledge(position);
        self.context.measures.backlog.set_count(0);
        if let Some(committed_at) = self.sending_commit.take() {
            let now = self.context.runtime.clock.now().timestamp_micros();
            let micros = u64::try_from(now.saturating_sub(committed_at)).unwrap_or(0);
            self.context.measures.capture.observe(Duration::from_micros(micros));
        }
    }
}
