//! From the registry's answers back to the office: what became of a row that it sent on, into a table of its own database.
//!
//! `answers.<source>` → [`bring`](mod@bring): read, written over the answer before, position moved; one transaction of the
//! source's database. The office's registrar reads the table; the child's number comes to the civil-status office that way.
//!
//! Laws kept here:
//! - a position moves only with its answers, for the owner of its partition: each answer has its effect once;
//! - the role writes the inbox and its positions and reads nothing else of the office's;
//! - a database that is away holds up its own answers only.

mod bring;
mod config;
mod inbox;
mod metrics;
mod positions;
mod preconditions;
mod run;
mod statements;

pub use config::Config;
pub use inbox::{Inbox, InboxError};
pub use run::run;
