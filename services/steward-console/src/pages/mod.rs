//! The web pages: rendered here, working without script, each answer with the strictest headers.

mod app;
mod assets;
mod case_page;
mod cases_page;
mod column;
mod guard;
mod language_page;
mod page;
mod refusal;
mod router;
mod sign_in_page;
mod value_text;
mod visitor;

pub(crate) use app::{App, PublicAddress};
pub(crate) use router::router;
