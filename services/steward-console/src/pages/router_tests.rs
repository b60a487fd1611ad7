use super::*;
use crate::config::Config;
use crate::desk::Desk;
use crate::metrics::ConsoleMetrics;
use crate::pages::PublicAddress;
use service_runtime::{Fate, Runtime, SystemClock};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const ROUTES: [&str; 7] =
    ["/", "/sign-in", "/language/en", "/cases", "/cases/c0ffee", "/static/none.css", "/no/such/page"];
const CHANGING: [&str; 8] = [
    "/sign-in",
    "/sign-out",
    "/cases/c0ffee/decide",
    "/cases/c0ffee/rule",
    "/cases/c0ffee/undo",
    "/cases/c0ffee/take-back",
    "/cases/c0ffee/claim",
    "/cases/c0ffee/proposals/6f1c9f6e-0d1f-4a52-8f0e-3f2a8f1f6f10",
];

/// The pages over databases that do not answer.
async fn console(runtime: &Runtime, public_url: Option<&str>) -> SocketAddr {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, "0a".repeat(32)).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let text = format!(
        "fingerprint_key_file = {key:?}\n[console]\ndsn = \"postgres://c@127.0.0.1:1/c\"\n\
         [registry]\ndsn = \"postgres://c@127.0.0.1:1/r\"\n"
    );
    let file = folder.path().join("console.toml");
    std::fs::write(&file, text).unwrap();
    let loaded =
        service_runtime::config::load_with_environment::<Config>(&file, std::collections::BTreeMap::new());
    let config = loaded.unwrap().config;
    let desk = Desk::open(&config, Arc::clone(&runtime.clock)).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let bound = listener.local_addr().unwrap();
    let metrics = ConsoleMetrics::new(&runtime.metrics);
    let app = App::new(desk, PublicAddress::of(public_url, bound), config.session.limits(), metrics);
    runtime.tasks.spawn(
        "pages",
        Fate::EndsService,
        async move { Ok(axum::serve(listener, router(app)).await?) },
    );
    bound
}

async fn ask(address: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n{headers}\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn every_answer_has_the_headers() {
    let runtime = Runtime::new(Arc::new(SystemClock));
    let plain = console(&runtime, None).await;
    let tls = console(&runtime, Some("https://console.example.vn")).await;
    for address in [plain, tls] {
        for (method, path) in
            ROUTES.iter().map(|path| ("GET", path)).chain(CHANGING.iter().map(|path| ("POST", path)))
        {
            let answer = ask(address, method, path, "", "").await.to_lowercase();
            let (head, _) = answer.split_once("\r\n\r\n").unwrap();
            for header in [
                "content-security-policy: default-src 'none'; style-src 'self'",
                "frame-ancestors 'none'",
                "script-src 'none'",
                "x-content-type-options: nosniff",
                "referrer-policy: same-origin",
                "cross-origin-opener-policy: same-origin",
                "cache-control: no-store",
            ] {
                assert!(head.contains(header), "{method} {path}: {header} is missing in\n{head}");
            }
            assert_eq!(head.contains("strict-transport-security: "), address == tls, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn nothing_is_changed_for_another_site() {
    let runtime = Runtime::new(Arc::new(SystemClock));
    let address = console(&runtime, None).await;
    for path in CHANGING {
        for headers in
            ["", "Sec-Fetch-Site: cross-site\r\n", "Origin: https://evil.example\r\n", "Origin: null\r\n"]
        {
            let answer = ask(address, "POST", path, headers, "").await;
            assert!(answer.starts_with("HTTP/1.1 403"), "{path} {headers}: {answer}");
        }
    }
    assert!(
        runtime
            .metrics
            .render()
            .contains("dansync_cross_site_rejections_total{route=\"/cases/{id}/decide\"} 4")
    );
}

#[tokio::test]
async fn who_is_not_signed_in_is_sent_to_the_door() {
    let runtime = Runtime::new(Arc::new(SystemClock));
    let address = console(&runtime, None).await;
    for path in ["/cases", "/cases/c0ffee"] {
        let answer = ask(address, "GET", path, "", "").await;
        assert!(
            answer.starts_with("HTTP/1.1 303") && answer.contains("location: /sign-in\r\n"),
            "{path}: {answer}"
        );
    }
    let headers = format!("Origin: http://{address}\r\n");
    for path in ["/sign-out", "/cases/c0ffee/decide"] {
        let answer = ask(address, "POST", path, &headers, "form_token=x").await;
        assert!(
            answer.starts_with("HTTP/1.1 303") && answer.contains("location: /sign-in\r\n"),
            "{path}: {answer}"
        );
    }
}

#[tokio::test]
async fn the_sign_in_page_is_in_the_language_chosen_and_its_style_is_ours() {
    let runtime = Runtime::new(Arc::new(SystemClock));
    let address = console(&runtime, None).await;
    let page = ask(address, "GET", "/sign-in", "", "").await;
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("lang=\"vi\"") && page.contains("Đăng nhập"));
    let choice = ask(address, "GET", "/language/en?back=//evil.example", "", "").await;
    assert!(
        choice.contains("location: /cases\r\n") && choice.contains("dansync-language=en; Path=/"),
        "{choice}"
    );
    let page = ask(address, "GET", "/sign-in", "Cookie: dansync-language=en\r\n", "").await;
    assert!(page.contains("lang=\"en\"") && page.contains("Sign in"));
    let css = page.split("href=\"/static/").nth(1).unwrap().split('"').next().unwrap();
    let style = ask(address, "GET", &format!("/static/{css}"), "", "").await;
    assert!(style.starts_with("HTTP/1.1 200") && style.contains("immutable"), "{style}");
}

#[tokio::test]
async fn a_form_that_is_too_large_is_refused() {
    let runtime = Runtime::new(Arc::new(SystemClock));
    let address = console(&runtime, None).await;
    let headers = format!("Origin: http://{address}\r\n");
    let body = format!("user_name=an&password={}", "a".repeat(LARGEST_FORM));
    let answer = ask(address, "POST", "/sign-in", &headers, &body).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}
