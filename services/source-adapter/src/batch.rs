//! Batches and positions, without I/O: what the stream said in, batches with the position that belongs to them out.
//!
//! Laws (tested over every point of a crash): a position is given out only together with every event before it; what the slot
//! may forget was committed to the log before; resuming at a committed [`Resume`] neither skips nor repeats an event.
//! A position is a transaction's end. Inside a transaction too big for one batch, it is the end of the one before it and the
//! number of events already given: the source sends the whole transaction again, and that many are passed over.

use std::time::{Duration, Instant};

/// Where to go on: the part that is stored with the events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resume {
    /// Everything that committed before this position has been given.
    pub position: u64,
    /// How far the next transaction has been given, if it was split.
    pub part: Option<Part>,
}

/// A transaction that was split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where it committed.
    pub commit: u64,
    /// How many of its events have been given.
    pub events: u32,
}

/// When a batch is full, or old enough.
#[derive(Clone, Copy, Debug)]
pub struct BatchLimits {
    /// Items.
    pub items: usize,
    /// Bytes of the items.
    pub bytes: usize,
    /// Age of its first item.
    pub wait: Duration,
    /// Shortest time from one batch to the next, unless it is full: what came in between goes together. A log that is slow to
    /// store a batch stretches it, so that it rests as long as it worked.
    pub pace: Duration,
    /// A position without items is stored no more often than this, unless the source asks.
    pub idle: Duration,
}

/// How many times its length a slow log stretches the pace at most.
const LONGEST_PACE: u32 = 5;

/// Items with the position that they lead to.
#[derive(Debug)]
pub struct Batch<T> {
    /// The items in order.
    pub items: Vec<T>,
    /// Where to go on once they are stored.
    pub resume: Resume,
}

/// The stream contradicts itself or the stored position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamFault {
    /// A transaction begins inside another, or ends outside of one, or an event stands between two.
    #[error("the replication stream is out of order: {0}")]
    Order(&'static str),
    /// The transaction that was given in part is not sent again.
    #[error("the source does not send the transaction at {0:X} again, of which a part was captured")]
    PartLost(u64),
}

#[derive(Debug)]
struct Transaction {
    commit: u64,
    seen: u32,
    skip: u32,
}

/// Collects items into batches and knows which position is safe.
#[derive(Debug)]
pub struct Batcher<T> {
    limits: BatchLimits,
    items: Vec<T>,
    bytes: usize,
    first_at: Option<Instant>,
    transaction: Option<Transaction>,
    /// A split transaction that is to come again.
    expected: Option<Part>,
    /// End of the last whole transaction, or what an idle source reported.
    complete: u64,
    sending: Option<Resume>,
    durable: Resume,
    stored_at: Instant,
    pace: Duration,
    urgent: bool,
}

impl<T> Batcher<T> {
    /// Goes on where a stored position says.
    pub fn resume(limits: BatchLimits, stored: Resume, now: Instant) -> Self {
        Self {
            limits,
            items: Vec::new(),
            bytes: 0,
            first_at: None,
            transaction: None,
            expected: stored.part,
            complete: stored.position,
            sending: None,
            durable: stored,
            stored_at: now,
            pace: limits.pace,
            urgent: false,
        }
    }

    /// A transaction begins, which committed at `commit`.
    pub fn begin(&mut self, commit: u64) -> Result<(), StreamFault> {
        if self.transaction.is_some() {
            return Err(StreamFault::Order("a transaction begins inside another"));
        }
        let skip = match self.expected {
            Some(part) if part.commit == commit => part.events,
            Some(part) if part.commit < commit => return Err(StreamFault::PartLost(part.commit)),
            // A source that sends again what it was told is stored: all of it is passed over.
            Some(_) | None if commit < self.complete => u32::MAX,
            Some(_) | None => 0,
        };
        self.transaction = Some(Transaction { commit, seen: 0, skip });
        Ok(())
    }

    /// An event of the transaction: its place in it (from 1), or none if it was given before.
    pub fn admit(&mut self) -> Result<Option<u32>, StreamFault> {
        let transaction =
            self.transaction.as_mut().ok_or(StreamFault::Order("an event outside a transaction"))?;
        transaction.seen = transaction.seen.saturating_add(1);
        Ok((transaction.seen > transaction.skip).then_some(transaction.seen))
    }

    /// Where the open transaction committed.
    pub fn commit_position(&self) -> Option<u64> {
        self.transaction.as_ref().map(|transaction| transaction.commit)
    }

    /// Something to send, of this many bytes.
    pub fn push(&mut self, item: T, bytes: usize, now: Instant) {
        self.items.push(item);
        self.bytes += bytes;
        self.first_at.get_or_insert(now);
    }

    /// The transaction is complete; `end` is where the source goes on after it.
    pub fn commit(&mut self, end: u64) -> Result<(), StreamFault> {
        let transaction =
            self.transaction.take().ok_or(StreamFault::Order("a commit outside a transaction"))?;
        if self.expected.is_some_and(|part| part.commit == transaction.commit) {
            self.expected = None;
        }
        self.complete = self.complete.max(end);
        Ok(())
    }

    /// The source says how far it has read its log. Between transactions everything before that has been sent.
    /// `urgent`: it waits for an answer.
    pub fn keepalive(&mut self, end: u64, urgent: bool) {
        if self.transaction.is_none() {
            self.complete = self.complete.max(end);
            self.urgent |= urgent && self.complete > self.durable.position;
        }
    }

    /// Stores the position at the next opportunity, even without items.
    pub const fn store_soon(&mut self) {
        self.urgent = true;
    }

    /// Whether a batch is full.
    pub fn is_full(&self) -> bool {
        self.items.len() >= self.limits.items || self.bytes >= self.limits.bytes
    }

    /// Whether more can be taken in: not while a full batch waits for the one before it.
    pub fn wants_input(&self) -> bool {
        self.sending.is_none() || !self.is_full()
    }

    /// Whether everything taken in is stored.
    pub fn is_settled(&self) -> bool {
        self.sending.is_none() && self.items.is_empty() && self.complete == self.durable.position
    }

    /// When the open batch is due at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        let first_at = self.first_at.filter(|_| self.sending.is_none())?;
        // What came before its pace goes as soon as that is over and the stream at rest.
        Some(if first_at < self.paced_at() { self.paced_at() } else { first_at + self.limits.wait })
    }

    /// When the open batch may go, however small.
    fn paced_at(&self) -> Instant {
        self.stored_at + self.pace
    }

    /// The next batch, if one is due: full; or between transactions with the stream at rest or its time over. An open
    /// transaction is cut only for size, or when the stream stalls in its midst.
    pub fn next_batch(&mut self, now: Instant, stream_at_rest: bool) -> Option<Batch<T>> {
        if self.sending.is_some() {
            return None;
        }
        let is_old = self.first_at.is_some_and(|at| now.duration_since(at) >= self.limits.wait);
        let due = if self.items.is_empty() {
            let moved = self.complete > self.durable.position;
            self.urgent || (moved && now.duration_since(self.stored_at) >= self.limits.idle)
        } else if self.transaction.is_some() {
            self.is_full() || (is_old && stream_at_rest)
        } else {
            self.is_full() || ((is_old || stream_at_rest) && now >= self.paced_at())
        };
        due.then(|| self.take_batch(now))
    }

    /// What is there, due or not; for the end of a session.
    pub fn last_batch(&mut self, now: Instant) -> Option<Batch<T>> {
        (self.sending.is_none() && !self.is_settled()).then(|| self.take_batch(now))
    }

    fn take_batch(&mut self, now: Instant) -> Batch<T> {
        let part = match (&self.transaction, self.expected) {
            (Some(open), expected) if open.skip < u32::MAX => {
                let before = expected.filter(|part| part.commit == open.commit).map_or(0, |part| part.events);
                let events = open.seen.max(before);
                (events > 0).then_some(Part { commit: open.commit, events })
            }
            (_, expected) => expected,
        };
        let resume = Resume { position: self.complete, part };
        self.sending = Some(resume);
        self.bytes = 0;
        self.first_at = None;
        self.urgent = false;
        self.stored_at = now;
        Batch { items: std::mem::take(&mut self.items), resume }
    }

    /// The batch in flight is stored. Gives the position that the source may forget up to.
    pub fn committed(&mut self, now: Instant) -> u64 {
        let took = now.saturating_duration_since(self.stored_at);
        self.pace = (took * 2).clamp(self.limits.pace, self.limits.pace * LONGEST_PACE);
        if let Some(resume) = self.sending.take() {
            self.durable = resume;
        }
        self.durable.position
    }

    /// What is stored.
    pub const fn durable(&self) -> Resume {
        self.durable
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: BatchLimits = BatchLimits {
        items: 4,
        bytes: 1000,
        wait: Duration::from_millis(20),
        pace: Duration::from_millis(25),
        idle: Duration::from_secs(10),
    };

    #[derive(Clone, Copy, Debug)]
    enum Frame {
        Begin(u64),
        Event,
        Commit(u64),
        Idle(u64),
    }

    /// What a source sends from a position on: whole transactions that committed at or after it.
    fn frames(log: &[(u32, bool)], from: u64) -> Vec<Frame> {
        let mut out = Vec::new();
        for (n, (events, idle)) in log.iter().enumerate() {
            let (commit, end) = (commit_of(n), commit_of(n) + 5);
            if commit >= from {
                out.push(Frame::Begin(commit));
                out.extend((0..*events).map(|_| Frame::Event));
                out.push(Frame::Commit(end));
            }
            // The next commit may begin exactly where the source says it has read to.
            if *idle && commit_of(n + 1) > from {
                out.push(Frame::Idle(commit_of(n + 1)));
            }
        }
        out
    }

    fn commit_of(n: usize) -> u64 {
        100 + n as u64 * 10
    }

    struct World {
        log: Vec<(u32, bool)>,
        published: Vec<(u64, u32)>,
        stored: Resume,
        confirmed: u64,
        now: Instant,
    }

    impl World {
        /// One life of an adapter: takes steps until it crashes or is done.
        fn life(&mut self, steps: &mut impl Iterator<Item = u8>) -> bool {
            assert!(self.stored.position >= self.confirmed, "the slot forgot what is not stored");
            let mut batcher = Batcher::resume(LIMITS, self.stored, self.now);
            let mut frames = frames(&self.log, self.stored.position).into_iter();
            let mut in_flight: Option<Batch<(u64, u32)>> = None;
            loop {
                match steps.next() {
                    Some(0) => {
                        // The log may have committed what the adapter never heard of.
                        self.store(in_flight.filter(|batch| batch.items.len() % 2 == 0));
                        return false;
                    }
                    Some(1..=3) if in_flight.is_some() => {
                        self.store(in_flight.take());
                        let ack = batcher.committed(self.now);
                        assert!(ack <= self.stored.position);
                        self.confirmed = self.confirmed.max(ack);
                    }
                    Some(4) => self.now += Duration::from_millis(15),
                    Some(_) if batcher.wants_input() => match frames.next() {
                        Some(frame) => feed(&mut batcher, frame, self.now),
                        None => batcher.store_soon(),
                    },
                    Some(_) => {}
                    None => {
                        self.store(in_flight.take());
                        batcher.committed(self.now);
                        self.last_frames(batcher, frames);
                        return true;
                    }
                }
                if in_flight.is_none() {
                    in_flight = batcher.next_batch(self.now, true);
                }
            }
        }

        fn last_frames(&mut self, mut batcher: Batcher<(u64, u32)>, frames: impl Iterator<Item = Frame>) {
            for frame in frames {
                feed(&mut batcher, frame, self.now);
                while let Some(batch) = batcher.next_batch(self.now, false) {
                    self.store(Some(batch));
                    batcher.committed(self.now);
                }
            }
            self.store(batcher.last_batch(self.now));
        }

        fn store(&mut self, batch: Option<Batch<(u64, u32)>>) {
            let Some(batch) = batch else { return };
            assert!(batch.resume.position >= self.stored.position, "a position moves backwards");
            self.published.extend(batch.items);
            self.stored = batch.resume;
        }
    }

    fn feed(batcher: &mut Batcher<(u64, u32)>, frame: Frame, now: Instant) {
        match frame {
            Frame::Begin(commit) => batcher.begin(commit).unwrap(),
            Frame::Event => {
                if let Some(ordinal) = batcher.admit().unwrap() {
                    batcher.push((batcher.commit_position().unwrap(), ordinal), 10, now);
                }
            }
            Frame::Commit(end) => batcher.commit(end).unwrap(),
            Frame::Idle(end) => batcher.keepalive(end, end % 20 == 0),
        }
    }

    proptest! {
        #[test]
        fn nothing_is_skipped_or_repeated_over_any_crash(
            log in proptest::collection::vec((0_u32..11, any::<bool>()), 0..8),
            steps in proptest::collection::vec(0_u8..12, 0..300),
        ) {
            let (stored, now) = (Resume::default(), Instant::now());
            let mut world = World { log, published: Vec::new(), stored, confirmed: 0, now };
            let mut steps = steps.into_iter();
            while !world.life(&mut steps) {}
            let all: Vec<(u64, u32)> = world.log.iter().enumerate()
                .flat_map(|(n, (events, _))| (1..=*events).map(move |ordinal| (commit_of(n), ordinal)))
                .collect();
            prop_assert_eq!(world.published, all);
        }
    }

    #[test]
    fn small_batches_keep_their_pace_and_a_lone_change_does_not_wait() {
        let start = Instant::now();
        let mut batcher = Batcher::<(u64, u32)>::resume(LIMITS, Resume::default(), start);
        let change = |batcher: &mut Batcher<_>, n, now| {
            for frame in [Frame::Begin(commit_of(n)), Frame::Event, Frame::Commit(commit_of(n) + 5)] {
                feed(batcher, frame, now);
            }
        };
        let now = start + Duration::from_secs(1);
        change(&mut batcher, 0, now);
        assert!(batcher.next_batch(now, true).is_some(), "nothing was sent for a while");
        batcher.committed(now);
        let paced_at = now + LIMITS.pace;
        let now = now + Duration::from_millis(5);
        change(&mut batcher, 1, now);
        assert!(batcher.next_batch(now, true).is_none());
        assert_eq!(batcher.deadline(), Some(paced_at));
        let now = paced_at;
        assert_eq!(batcher.next_batch(now, false).map(|batch| batch.items.len()), Some(1));
        batcher.committed(now);
        for n in 2..6 {
            change(&mut batcher, n, now);
        }
        assert!(batcher.next_batch(now, false).is_some(), "a full batch goes at once");
    }

    #[test]
    fn a_slow_log_rests_as_long_as_it_worked() {
        let start = Instant::now();
        let mut batcher = Batcher::<(u64, u32)>::resume(LIMITS, Resume::default(), start);
        let mut now = start + Duration::from_secs(1);
        for (n, took, rest) in [(0, 1, 25), (1, 30, 60), (2, 900, 125), (3, 1, 25)] {
            for frame in [Frame::Begin(commit_of(n)), Frame::Event, Frame::Commit(commit_of(n) + 5)] {
                feed(&mut batcher, frame, now);
            }
            now = batcher.deadline().filter(|deadline| *deadline > now && n > 0).unwrap_or(now);
            assert!(batcher.next_batch(now, true).is_some());
            batcher.committed(now + Duration::from_millis(took));
            assert_eq!(batcher.paced_at(), now + Duration::from_millis(rest));
        }
    }

    #[test]
    fn a_split_transaction_that_never_comes_again_is_a_fault() {
        let stored = Resume { position: 100, part: Some(Part { commit: 110, events: 3 }) };
        let mut batcher = Batcher::<()>::resume(LIMITS, stored, Instant::now());
        assert_eq!(batcher.begin(120), Err(StreamFault::PartLost(110)));
    }

    #[test]
    fn an_idle_source_is_stored_when_its_time_has_come_or_it_asks() {
        let now = Instant::now();
        let mut batcher = Batcher::<()>::resume(LIMITS, Resume { position: 100, part: None }, now);
        batcher.keepalive(200, false);
        assert!(batcher.next_batch(now, true).is_none());
        assert_eq!(batcher.next_batch(now + LIMITS.idle, true).unwrap().resume.position, 200);
        assert_eq!(batcher.committed(now), 200);
        batcher.keepalive(300, true);
        assert_eq!(batcher.next_batch(now + LIMITS.idle, true).unwrap().resume.position, 300);
    }
}
