//! The admin port of every service: `/metrics`, `/healthz`, `/readyz`. Plain HTTP, for the machine's own network.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context as _;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;

use crate::exit::ExitClass;
use crate::runtime::Runtime;

/// Where the admin port listens.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdminConfig {
    /// Address and port; port 0 takes a free one, which the log names.
    pub listen: SocketAddr,
}

impl Default for AdminConfig {
    /// A free port of the loopback interface: nothing is open to a network unless asked for.
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)) }
    }
}

/// The text format's media type.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Opens the port and serves it until the process ends, also while it drains. Returns the address in use.
pub async fn serve(config: &AdminConfig, runtime: &Runtime) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| {
            format!("admin.listen: {} cannot be opened; free it or name another port", config.listen)
        })
        .context(ExitClass::Configuration)?;
    let address = listener.local_addr().context("reading the admin port's address")?;
    let router = router(runtime.clone());
    // Outside `Tasks`: a drain is watched through this port, so it must not wait for it.
    #[expect(clippy::disallowed_methods, reason = "lives as long as the process and needs no drain")]
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the admin port closed");
        }
    });
    tracing::info!(admin_url = %format_args!("http://{address}"), "admin port open");
    Ok(address)
}

fn router(runtime: Runtime) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .with_state(runtime)
}

async fn metrics(State(runtime): State<Runtime>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, METRICS_TYPE)], runtime.metrics.render())
}

/// Answers as long as the process turns its event loop.
async fn healthz() -> &'static str {
    "ok\n"
}

async fn readyz(State(runtime): State<Runtime>) -> Response {
    let is_draining = runtime.drain.is_requested();
    let is_ready = runtime.readiness.is_ready() && !is_draining;
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "ready": is_ready,
        "draining": is_draining,
        "checks": runtime.readiness.states(),
        "details": runtime.readiness.details(),
    });
    (status, Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;
    use crate::clock::SystemClock;

    async fn ask(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn the_three_pages_answer() {
        let runtime = Runtime::new(Arc::new(SystemClock));
        let registry = runtime.readiness.check("registry");
        let address = serve(&AdminConfig::default(), &runtime).await.unwrap();
        assert!(ask(address, "/healthz").await.starts_with("HTTP/1.1 200"));
        assert!(ask(address, "/readyz").await.starts_with("HTTP/1.1 503"));
        let detail = runtime.readiness.detail("matcher");
        assert!(ask(address, "/readyz").await.contains("\"details\":{\"matcher\":null}"));
        detail.set(json!({ "waiting": 3 }));
        assert!(ask(address, "/readyz").await.contains("\"details\":{\"matcher\":{\"waiting\":3}}"));
        registry.set(true);
        assert!(ask(address, "/readyz").await.starts_with("HTTP/1.1 200"));
        assert!(ask(address, "/metrics").await.contains("dansync_ready{check=\"registry\"} 1"));
        runtime.drain.request();
        assert!(ask(address, "/readyz").await.contains("\"draining\":true"));
    }

    #[tokio::test]
    async fn a_port_in_use_is_a_configuration_fault() {
        let runtime = Runtime::new(Arc::new(SystemClock));
        let listen = serve(&AdminConfig::default(), &runtime).await.unwrap();
        let error = serve(&AdminConfig { listen }, &runtime).await.unwrap_err();
        assert_eq!(ExitClass::code_of(&error), 78);
    }
}
