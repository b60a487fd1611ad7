//! Which address shows what.

use super::app::App;
use super::refusal::Refusal;
use super::visitor::Visitor;
use super::{assets, case_acts, case_page, cases_page, guard, language_page, page, sign_in_page};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{get, post};

/// The largest form: a reason of 2000 letters, each of up to nine bytes when encoded three times over, and the rest.
const LARGEST_FORM: usize = 64 * 1024;

pub(crate) fn router(app: App) -> Router {
    Router::new()
        .route("/", get(async || page::go("/cases")))
        .route("/sign-in", get(sign_in_page::show_form).post(sign_in_page::sign_in))
        .route("/sign-out", post(sign_in_page::sign_out))
        .route("/language/{tag}", get(language_page::choose))
        .route("/cases", get(cases_page::show_list))
        .route("/cases/{id}", get(case_page::show_page))
        .route("/cases/{id}/decide", post(case_acts::decide))
        .route("/cases/{id}/rule", post(case_acts::rule))
        .route("/cases/{id}/undo", post(case_acts::undo))
        .route("/cases/{id}/take-back", post(case_acts::take_back))
        .route("/cases/{id}/claim", post(case_acts::take))
        .route("/cases/{id}/proposals/{proposal}", post(case_acts::end))
        .route("/static/{name}", get(assets::serve))
        .fallback(not_found)
        .method_not_allowed_fallback(not_found)
        .layer(DefaultBodyLimit::max(LARGEST_FORM))
        .layer(from_fn_with_state(app.clone(), guard::guard))
        .with_state(app)
}

async fn not_found(visitor: Visitor) -> Response {
    Refusal::NOT_FOUND.page(&visitor)
}

#[cfg(test)]
#[path = "router_tests.rs"]
mod tests;
