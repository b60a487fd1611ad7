//! PostgreSQL as a source: its stream's bytes, its rows, its catalog.

mod control;
mod copy;
mod pgoutput;
mod row;
mod stream;

pub use control::{Control, SlotFacts};
pub(crate) use control::{quote_literal, quote_name, quote_table};
pub(crate) use copy::copy_rows;
pub use pgoutput::{DecodeError, Message, OldTuple, Relation, Tuple, decode};
pub use row::{Cell, Row, RowBuffer, RowError};
pub use stream::{ChangeStream, Frame, PgStream, Position};
pub(crate) use stream::{NewSlot, lsn};
