//! The switch between the languages: a link that sets a cookie and leads back.

use super::app::App;
use super::page::go;
use super::visitor::LANGUAGE_COOKIE;
use crate::language::Language;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{AppendHeaders, IntoResponse, Response};
use serde::Deserialize;

/// A year: the choice is a habit.
const SECONDS: i64 = 365 * 86_400;

#[derive(Debug, Deserialize)]
pub(super) struct Back {
    #[serde(default)]
    back: String,
}

/// `GET /language/{tag}?back=/cases`.
pub(super) async fn choose(
    State(app): State<App>,
    Path(tag): Path<String>,
    Query(back): Query<Back>,
) -> Response {
    let cookie = app.address.cookie(LANGUAGE_COOKIE, Some(Language::of_tag(&tag).tag()), SECONDS);
    let back = if is_own_path(&back.back) { back.back.as_str() } else { "/cases" };
    (AppendHeaders([(header::SET_COOKIE, cookie)]), go(back)).into_response()
}

/// Only paths of our own: `//host` and `/\host` lead elsewhere.
fn is_own_path(path: &str) -> bool {
    path.starts_with('/')
        && !path.starts_with("//")
        && path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_is_our_own() {
        for path in ["/", "/cases?after=5~1~x", "/cases/00000000-0000-0000-0000-000000000007"] {
            assert!(is_own_path(path), "{path}");
        }
        for path in [
            "",
            "cases",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/a\r\nSet-Cookie: x",
            "/ế",
        ] {
            assert!(!is_own_path(path), "{path}");
        }
    }
}
