//! The style sheet and the icon: part of the program, addressed by their content.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};
use std::sync::LazyLock;

const CSS: &str = include_str!("../../static/console.css");
const ICON: &str = include_str!("../../static/icon.svg");

/// Content never changes under its address.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

static CSS_NAME: LazyLock<String> = LazyLock::new(|| named("console", CSS, "css"));
static ICON_NAME: LazyLock<String> = LazyLock::new(|| named("icon", ICON, "svg"));

fn named(stem: &str, content: &str, ending: &str) -> String {
    // Six bytes tell apart what one release after another may call by the same name.
    let digest = <[u8; 32]>::from(Sha256::digest(content));
    let hash = digest.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes) >> 16);
    format!("{stem}-{hash:012x}.{ending}")
}

/// The style sheet's file name.
pub(super) fn css() -> &'static str {
    &CSS_NAME
}

/// The icon's file name.
pub(super) fn icon() -> &'static str {
    &ICON_NAME
}

/// `GET /static/{name}`.
pub(super) async fn serve(Path(name): Path<String>) -> Response {
    let (content, kind) = if name == *CSS_NAME {
        (CSS, "text/css; charset=utf-8")
    } else if name == *ICON_NAME {
        (ICON, "image/svg+xml")
    } else {
        return StatusCode::NOT_FOUND.into_response();
    };
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, FOR_EVER)], content).into_response()
}
