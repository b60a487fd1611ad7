//! What is asked of a running adapter through its source's own log: messages that arrive in the stream at their place in the
//! commit order, whichever process writes them and whichever instance is active.

use crate::redrive::Task;
use serde::{Deserialize, Serialize};

/// Prefix of all messages of ours.
const PREFIX: &str = "dansync.";
/// An idle source's sign of life: moves the slot on.
pub(crate) const HEARTBEAT: &str = "dansync.heartbeat";
/// Rows to read again.
pub(crate) const REDRIVE: &str = "dansync.redrive";
/// A fence to put into every partition.
pub(crate) const FENCE: &str = "dansync.fence";
/// Marks around a chunk that is read again.
pub(crate) const WATERMARK: &str = "dansync.watermark";
/// A request longer than this is not ours.
const MAX_BYTES: usize = 1024 * 1024;

/// Asks for rows to be read again.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RedriveRequest {
    pub(crate) tasks: Vec<Task>,
}

/// Asks for a fence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FenceRequest {
    /// Name of the audit.
    pub(crate) id: String,
    /// The audit saw everything that committed at or below this position.
    pub(crate) position: u64,
}

/// A message that the stream brought.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    Redrive(RedriveRequest),
    Fence(FenceRequest),
    Low(String),
    High(String),
    /// Not for us, or not readable; the latter is said in the log.
    Nothing,
}

/// Reads a message. Anybody who may write into the source may write such a message, so its content is not trusted.
pub(crate) fn read(prefix: &str, content: &[u8]) -> Request {
    if !prefix.starts_with(PREFIX) || content.len() > MAX_BYTES {
        return Request::Nothing;
    }
    let unreadable = |error: serde_json::Error| {
        tracing::warn!(
            prefix,
            line = error.line(),
            column = error.column(),
            "a message in the source's log is unreadable"
        );
        Request::Nothing
    };
    match prefix {
        REDRIVE => serde_json::from_slice(content).map_or_else(unreadable, Request::Redrive),
        FENCE => serde_json::from_slice(content).map_or_else(unreadable, Request::Fence),
        WATERMARK => {
            let text = String::from_utf8_lossy(content);
            match text.split_once(':') {
                Some(("low", id)) => Request::Low(id.to_owned()),
                Some(("high", id)) => Request::High(id.to_owned()),
                Some(_) | None => Request::Nothing,
            }
        }
        _ => Request::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_read_back_and_strangers_are_ignored() {
        let task = Task::keys("birth", vec!["7".to_owned()]);
        let text =
            serde_json::to_vec(&RedriveRequest { tasks: vec![task.clone(), Task::all("death")] }).unwrap();
        assert!(matches!(read(REDRIVE, &text), Request::Redrive(r) if r.tasks == [task, Task::all("death")]));
        let fence = FenceRequest { id: "a".to_owned(), position: 7 };
        assert!(matches!(read(FENCE, &serde_json::to_vec(&fence).unwrap()), Request::Fence(f) if f == fence));
        assert!(matches!(read(WATERMARK, b"low:x"), Request::Low(id) if id == "x"));
        for (prefix, content) in
            [("other", "{}"), (REDRIVE, "{"), (FENCE, "[]"), (WATERMARK, "x"), (HEARTBEAT, "")]
        {
            assert!(matches!(read(prefix, content.as_bytes()), Request::Nothing), "{prefix}");
        }
    }
}
