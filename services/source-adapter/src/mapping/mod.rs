//! The mapping: a source's file and real columns in, rows' records out.
//!
//! [`Mapping`] is the file, checked by itself; [`TablePlan`] is one table of it with every column resolved to its number,
//! made once per table and shape, so that a row costs no look-up by name.

mod apply;
mod compile;
pub mod file;
mod forms;
mod plan;
#[cfg(test)]
mod tests;

pub use apply::{Change, Mapped, Rejection};
pub use compile::{Mapping, MappingFault};
pub use plan::TablePlan;
