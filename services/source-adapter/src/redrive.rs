//! Reading rows again beside the running stream, without I/O: an incremental snapshot between two watermarks.
//!
//! A low mark goes into the source's log, the rows are read, a high mark follows. What changed between the marks is in the
//! stream already and drops out; the rest is given at the high mark's place in the order. Marks alone do not suffice: a
//! transaction can be in the log before the low mark and still be invisible to the read (it becomes visible only after its
//! fsync or its standby's answer). So the read also tells which transactions it did not see, and if one of those was in the
//! stream before the low mark, the chunk is read again.

use registry_rules::RowKey;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, VecDeque};

/// Transactions remembered: more than commit while one of them waits for its fsync or its standby.
const REMEMBERED_TRANSACTIONS: usize = 262_144;

/// Rows to read again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Task {
    /// Whose rows.
    pub(crate) entity: String,
    /// Which of them.
    #[serde(flatten)]
    pub(crate) scope: Scope,
}

/// Which rows.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scope {
    /// Those with these keys (columns joined by `-`).
    Keys(Vec<String>),
    /// All, after the one with these key columns; empty at the beginning.
    After(Vec<String>),
}

/// Keys of rows are not shown.
impl std::fmt::Debug for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Keys(keys) => write!(f, "Keys({})", keys.len()),
            Self::After(cursor) => write!(f, "After({} columns)", cursor.len()),
        }
    }
}

impl Task {
    /// Rows by their keys.
    pub(crate) fn keys(entity: &str, keys: Vec<String>) -> Self {
        Self { entity: entity.to_owned(), scope: Scope::Keys(keys) }
    }

    /// All rows of an entity.
    pub(crate) fn all(entity: &str) -> Self {
        Self { entity: entity.to_owned(), scope: Scope::After(Vec::new()) }
    }
}

/// A read's snapshot in PostgreSQL's words: `xmin:xmax:xip,…`, by the low 32 bits that the stream shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Visibility {
    /// The first transaction number that nobody had.
    pub(crate) xmax: u32,
    /// Below it, those that had not ended.
    pub(crate) in_progress: BTreeSet<u32>,
}

impl Visibility {
    /// Reads `pg_current_snapshot()::text`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        // The text counts in 64 bits, the stream in 32.
        let low = |text: &str| text.parse::<u64>().ok().and_then(|xid| u32::try_from(xid & 0xffff_ffff).ok());
        let mut parts = text.split(':').skip(1);
        let xmax = low(parts.next()?)?;
        let in_progress =
            parts.next()?.split(',').filter(|xid| !xid.is_empty()).map(low).collect::<Option<_>>()?;
        Some(Self { xmax, in_progress })
    }

    /// Whether the read cannot have seen a transaction.
    pub(crate) fn misses(&self, xid: u32) -> bool {
        // Numbers go round: half the circle is later.
        let is_later = xid.wrapping_sub(self.xmax) < u32::MAX / 2;
        is_later || self.in_progress.contains(&xid)
    }
}

/// What a chunk's read gave.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// What it could not see.
    pub(crate) visibility: Visibility,
    /// Rows, each with its key.
    pub(crate) rows: Vec<(RowKey, bytes::Bytes)>,
    /// Where to go on; none at the end.
    pub(crate) rest: Option<Task>,
}

/// What is to be done at the high mark.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Give these rows.
    Give(Vec<bytes::Bytes>),
    /// The read missed what the stream had given: read again.
    Again,
    /// The mark is not ours.
    Foreign,
}

/// A chunk that was given: what is left of its task.
#[derive(Debug)]
struct Outcome {
    rest: Option<Task>,
}

#[derive(Debug)]
struct Window {
    id: String,
    /// Transactions seen before the low mark, once that is passed.
    low_at: Option<u64>,
    changed: BTreeSet<RowKey>,
    chunk: Option<Chunk>,
}

/// Redrives of one session.
#[derive(Debug)]
pub(crate) struct Redrive {
    tasks: VecDeque<Task>,
    window: Option<Window>,
    /// Set at the high mark; counts once its transaction is complete.
    outcome: Option<Outcome>,
    committed: VecDeque<u32>,
    /// Transactions forgotten.
    forgotten: u64,
    /// Transactions begun before this session may have been given by an earlier one.
    horizon: u32,
}

impl Redrive {
    /// Goes on with stored tasks. `horizon`: the first transaction number nobody had when the session began.
    pub(crate) fn resume(tasks: Vec<Task>, horizon: u32) -> Self {
        Self {
            tasks: tasks.into(),
            window: None,
            outcome: None,
            committed: VecDeque::new(),
            forgotten: 0,
            horizon,
        }
    }

    /// One more task; one that waits already is not taken twice.
    pub(crate) fn add(&mut self, task: Task) {
        if !self.tasks.contains(&task) {
            self.tasks.push_back(task);
        }
    }

    /// What is still to be done, as it is stored.
    pub(crate) fn tasks(&self) -> Vec<Task> {
        self.tasks.iter().cloned().collect()
    }

    /// Whether nothing is to be done.
    pub(crate) fn is_idle(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Opens a window under this name for the next task, unless one is open.
    pub(crate) fn open(&mut self, id: &str) -> Option<Task> {
        if self.window.is_some() || self.outcome.is_some() {
            return None;
        }
        let task = self.tasks.front().cloned()?;
        self.window = Some(Window { id: id.to_owned(), low_at: None, changed: BTreeSet::new(), chunk: None });
        Some(task)
    }

    /// Gives the window up: the read failed. Its task stays.
    pub(crate) fn abandon(&mut self) {
        self.window = None;
    }

    /// Drops the task at the front: its rows cannot be read.
    pub(crate) fn drop_task(&mut self) {
        self.window = None;
        self.tasks.pop_front();
    }

    /// The rows have been read.
    pub(crate) fn chunk(&mut self, chunk: Chunk) {
        if let Some(window) = &mut self.window {
            window.chunk = Some(chunk);
        }
    }

    /// Whether the stream came to the high mark before the rows were handed over.
    pub(crate) fn awaits_chunk(&self, id: &str) -> bool {
        self.window.as_ref().is_some_and(|window| window.id == id && window.chunk.is_none())
    }

    /// Whether changed rows matter now.
    pub(crate) fn is_watching(&self) -> bool {
        self.window.as_ref().is_some_and(|window| window.low_at.is_some())
    }

    /// A row changed.
    pub(crate) fn changed(&mut self, key: RowKey) {
        if let Some(window) = self.window.as_mut().filter(|window| window.low_at.is_some()) {
            window.changed.insert(key);
        }
    }

    /// A transaction is complete.
    pub(crate) fn committed(&mut self, xid: u32) {
        if self.committed.len() >= REMEMBERED_TRANSACTIONS {
            self.committed.pop_front();
            self.forgotten += 1;
        }
        self.committed.push_back(xid);
        if let Some(outcome) = self.outcome.take() {
            self.tasks.pop_front();
            if let Some(rest) = outcome.rest {
                self.tasks.push_front(rest);
            }
        }
    }

    /// The stream is at a low mark.
    pub(crate) fn low(&mut self, id: &str) {
        let seen = self.forgotten + self.committed.len() as u64;
        if let Some(window) = self.window.as_mut().filter(|window| window.id == id) {
            window.low_at = Some(seen);
        }
    }

    /// The stream is at a high mark.
    pub(crate) fn high(&mut self, id: &str) -> Verdict {
        let Some(window) = self.window.take_if(|window| window.id == id && window.chunk.is_some()) else {
            return Verdict::Foreign;
        };
        let (Some(chunk), Some(low_at)) = (window.chunk, window.low_at) else { return Verdict::Again };
        let is_older = |xid: u32| xid.wrapping_sub(self.horizon) > u32::MAX / 2;
        // What came after the low mark is among the changed rows.
        let before_low = usize::try_from(low_at.saturating_sub(self.forgotten)).unwrap_or(usize::MAX);
        let missed = chunk.visibility.in_progress.iter().any(|xid| is_older(*xid))
            || self.committed.iter().take(before_low).any(|xid| chunk.visibility.misses(*xid));
        if missed {
            return Verdict::Again;
        }
        self.outcome = Some(Outcome { rest: chunk.rest });
        let rows = chunk.rows.into_iter().filter(|(key, _)| !window.changed.contains(key));
        Verdict::Give(rows.map(|(_, row)| row).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u32) -> RowKey {
        RowKey::new("s", "e", &n.to_string()).unwrap()
    }

    fn chunk(snapshot: &str, rest: Option<Task>) -> Chunk {
        let rows = (1..=3).map(|n| (key(n), bytes::Bytes::from(n.to_string()))).collect();
        Chunk { visibility: Visibility::parse(snapshot).unwrap(), rows, rest }
    }

    fn given(verdict: Verdict) -> Vec<bytes::Bytes> {
        match verdict {
            Verdict::Give(rows) => rows,
            Verdict::Again | Verdict::Foreign => panic!("rows expected, not {verdict:?}"),
        }
    }

    #[test]
    fn rows_changed_between_the_marks_drop_out_and_the_rest_is_next() {
        let mut redrive = Redrive::resume(vec![Task::all("e")], 10);
        assert_eq!(redrive.open("a"), Some(Task::all("e")));
        assert_eq!(redrive.open("b"), None);
        redrive.changed(key(1));
        redrive.low("other");
        assert!(!redrive.is_watching());
        redrive.low("a");
        redrive.changed(key(2));
        assert!(redrive.awaits_chunk("a"));
        let rest = Task { entity: "e".to_owned(), scope: Scope::After(vec!["3".to_owned()]) };
        redrive.chunk(chunk("20:22:21", Some(rest.clone())));
        assert_eq!(given(redrive.high("a")), ["1", "3"]);
        assert_eq!(
            redrive.tasks(),
            [Task::all("e")],
            "a crash before the mark's commit reads the chunk again"
        );
        redrive.committed(30);
        assert_eq!(redrive.tasks(), [rest]);
    }

    #[test]
    fn a_transaction_in_the_log_but_not_in_the_read_makes_it_read_again() {
        for (committed, snapshot, again) in [
            (1241, "1241:1243:1241", true),
            (1243, "1241:1243:1241", true),
            (1242, "1241:1243:1241", false),
            (1240, "1241:1243:1241", false),
            // An earlier session may have given what was under way when this one began.
            (1, "5:1243:5", true),
            // 64 bits against 32, beyond the first round.
            (7, "4294967303:4294967305:4294967303", true),
        ] {
            let mut redrive = Redrive::resume(vec![Task::all("e")], if committed == 7 { 2 } else { 100 });
            redrive.committed(committed);
            redrive.open("a").unwrap();
            redrive.low("a");
            redrive.chunk(chunk(snapshot, None));
            assert_eq!(matches!(redrive.high("a"), Verdict::Again), again, "{committed} {snapshot}");
            assert_eq!(redrive.open("b").is_some(), again);
        }
    }

    #[test]
    fn marks_of_an_earlier_session_are_not_ours() {
        let mut redrive = Redrive::resume(vec![Task::all("e")], 10);
        redrive.low("x");
        assert!(matches!(redrive.high("x"), Verdict::Foreign));
        assert_eq!(redrive.tasks().len(), 1);
    }

    #[test]
    fn texts_of_snapshots() {
        let visibility = Visibility::parse("100:104:100,102").unwrap();
        assert!([100, 102, 104, 105].into_iter().all(|xid| visibility.misses(xid)));
        assert!([99, 101, 103].into_iter().all(|xid| !visibility.misses(xid)));
        assert!(Visibility::parse("100:104:").unwrap().in_progress.is_empty());
        assert_eq!(Visibility::parse("100"), None);
    }
}
