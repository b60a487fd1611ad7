//! Rows of `copy … to stdout`, line by line. The server writes no faster than the lines are taken: memory is bounded by one.

use super::control::Control;
use crate::halt::Halt;
use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt as _};

/// Lines of a copy, without their ends.
pub(crate) struct CopyLines<'c> {
    chunks: BoxStream<'c, sqlx::Result<Bytes>>,
    partial: Vec<u8>,
}

/// Starts `copy (query) to stdout` in text format.
pub(crate) async fn copy_rows<'c>(control: &'c mut Control, query: &str) -> Result<CopyLines<'c>, Halt> {
    let statement = format!("copy ({query}) to stdout");
    let chunks = control.connection().copy_out_raw(&statement).await?;
    Ok(CopyLines { chunks, partial: Vec::new() })
}

impl CopyLines<'_> {
    /// The next line.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Halt> {
        // PostgreSQL sends one line a message; the protocol would allow less.
        while let Some(chunk) = self.chunks.next().await {
            let chunk = chunk?;
            match (chunk.strip_suffix(b"\n"), self.partial.is_empty()) {
                (Some(line), true) => return Ok(Some(chunk.slice(..line.len()))),
                (Some(rest), false) => {
                    self.partial.extend_from_slice(rest);
                    return Ok(Some(Bytes::from(std::mem::take(&mut self.partial))));
                }
                (None, _) => self.partial.extend_from_slice(&chunk),
            }
        }
        if self.partial.is_empty() { Ok(None) } else { Err(Halt::lost("source: a copied line has no end")) }
    }
}
