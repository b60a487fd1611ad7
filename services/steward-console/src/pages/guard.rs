//! Around every request: a place and a time limit, the rule against other sites' requests, the headers, the count.

use super::app::App;
use super::refusal::Refusal;
use super::visitor::Visitor;
use crate::access::cross_site;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use std::time::{Duration, Instant};

/// A page takes two small reads; longer means that a database is in trouble.
const LONGEST_REQUEST: Duration = Duration::from_secs(20);

/// No script at all, nothing from elsewhere, forms only to ourselves, in nobody's frame. `same-origin` for the
/// referrer, because `no-referrer` makes browsers send `Origin: null` with our own forms.
const HEADERS: [(HeaderName, &str); 8] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'; object-src 'none'; script-src 'none'; require-trusted-types-for 'script'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-embedder-policy"), "require-corp"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

/// Two years, as browsers' preload lists ask.
const HSTS: &str = "max-age=63072000; includeSubDomains";

pub(super) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let method = request.method().clone();
    let mut response = answer(&app, &route, request, next).await;
    add_headers(response.headers_mut(), app.address.tls);
    app.metrics.request(&route, &method, response.status(), began.elapsed());
    response
}

async fn answer(app: &App, route: &str, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let stranger = Visitor::stranger(&parts);
    if !cross_site::passes(&parts.method, &parts.headers, &app.address.origins) {
        app.metrics.cross_site_rejection(route);
        return Refusal::FORBIDDEN.page(&stranger);
    }
    let working = async {
        let _place = app.places.acquire().await.ok()?;
        Some(next.run(Request::from_parts(parts, body)).await)
    };
    match tokio::time::timeout(LONGEST_REQUEST, working).await {
        Ok(Some(response)) => response,
        Ok(None) | Err(_) => Refusal::BUSY.page(&stranger),
    }
}

fn add_headers(headers: &mut HeaderMap, tls: bool) {
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HSTS));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}
