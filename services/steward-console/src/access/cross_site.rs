//! Which requests may change something: those that a page of ours sent, as the browser itself says (ASVS 5.0 3.5.1, 3.5.3).

use axum::http::{HeaderMap, Method, header};

/// Whether a request passes: reading always, anything else only when the browser says that it comes from our origin.
/// Without any such word from the browser: no.
pub(crate) fn passes(method: &Method, headers: &HeaderMap, origins: &[String]) -> bool {
    if matches!(*method, Method::GET | Method::HEAD) {
        return true;
    }
    let one = |name: &str| {
        let mut values = headers.get_all(name).iter();
        let first = values.next()?;
        Some(if values.next().is_none() { first.to_str().unwrap_or("?") } else { "?" })
    };
    let origin = one(header::ORIGIN.as_str());
    let ours = |origin: &str| origins.iter().any(|own| own == origin);
    match (one("sec-fetch-site"), origin) {
        (Some(site), origin) => site == "same-origin" && origin.is_none_or(ours),
        (None, Some(origin)) => ours(origin),
        (None, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    const OURS: &str = "https://console.example.vn";

    fn check(method: &Method, headers: &[(&'static str, &'static str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        passes(method, &map, &[OURS.to_owned()])
    }

    #[test]
    fn reading_always_passes() {
        assert!(check(&Method::GET, &[("sec-fetch-site", "cross-site")]));
        assert!(check(&Method::HEAD, &[]));
    }

    #[test]
    fn writing_needs_the_browsers_word() {
        for (headers, passes) in [
            (vec![("sec-fetch-site", "same-origin")], true),
            (vec![("sec-fetch-site", "same-origin"), ("origin", OURS)], true),
            (vec![("origin", OURS)], true),
            (vec![], false),
            (vec![("sec-fetch-site", "same-site")], false),
            (vec![("sec-fetch-site", "cross-site"), ("origin", OURS)], false),
            (vec![("sec-fetch-site", "none")], false),
            (vec![("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")], false),
            (vec![("sec-fetch-site", "same-origin"), ("sec-fetch-site", "same-origin")], false),
            (vec![("origin", "null")], false),
            (vec![("origin", "http://console.example.vn")], false),
            (vec![("origin", "https://console.example.vn.evil.example")], false),
            (vec![("origin", OURS), ("origin", OURS)], false),
        ] {
            for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
                assert_eq!(check(&method, &headers), passes, "{method} {headers:?}");
            }
        }
    }
}
