//! What the tests and the developers' commands stand on: the real parts, started on this machine.

pub mod cases;
pub mod follow;
pub mod life;
pub mod linkage;
pub mod pipeline;
pub mod population;
pub mod reference;
pub mod stack;
