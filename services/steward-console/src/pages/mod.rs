//! The web pages: rendered here, working without script, each answer with the strictest headers.

mod app;
mod assets;
mod case_acts;
mod case_filter;
mod case_page;
mod cases_page;
mod column;
mod decided_page;
mod guard;
mod language_page;
mod page;
mod records;
mod refusal;
mod router;
mod rule_form;
mod sign_in_page;
mod standing;
mod trail_lines;
mod value_text;
mod visitor;

pub(crate) use app::{App, PublicAddress};
pub(crate) use router::router;
