//! The steward console against a real PostgreSQL: signing in, looking at a case, deciding it once and only once.

mod browser;
mod deciding;
mod pages;
mod two_stewards;
mod undo_window;
mod world;

pub(crate) use browser::Browser;
