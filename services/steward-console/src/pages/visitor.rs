//! Who sent a request, and in which language they read.

use super::app::App;
use super::page::go;
use super::refusal::Refusal;
use crate::access::session::{self, SignedIn};
use crate::access::token::SessionToken;
use crate::audit::{Actor, Channel};
use crate::language::Language;
use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

/// The cookie that remembers the language.
pub(super) const LANGUAGE_COOKIE: &str = "dansync-language";

/// Whoever sent the request.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    pub(super) language: Language,
    /// Path and query of the request; for a form the page that it stands on.
    pub(super) here: String,
    pub(super) signed_in: Option<SignedIn>,
}

/// A visitor who is signed in; anybody else is sent to the sign-in page.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) visitor: Visitor,
    pub(super) user: SignedIn,
}

impl Member {
    pub(super) fn actor(&self) -> Actor {
        Actor { name: self.user.name.clone(), channel: Channel::Page }
    }
}

/// The one value of a cookie; none where a name is there twice, as another site's cookie would make it.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let pairs = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'));
    let mut values = pairs.filter_map(|pair| pair.trim().split_once('=')).filter(|(found, _)| *found == name);
    let (_, value) = values.next()?;
    if values.next().is_some() { None } else { Some(value) }
}

impl Visitor {
    /// The visitor without looking for a session.
    pub(super) fn stranger(parts: &Parts) -> Self {
        let here = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        Self {
            language: Language::of_tag(cookie(&parts.headers, LANGUAGE_COOKIE).unwrap_or_default()),
            here: if parts.method.is_safe() { here.to_owned() } else { "/cases".to_owned() },
            signed_in: None,
        }
    }
}

impl FromRequestParts<App> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let mut visitor = Self::stranger(parts);
        let token = cookie(&parts.headers, app.address.session_cookie()).and_then(SessionToken::parse);
        if let Some(token) = token {
            let found = session::find(&app.desk.console, token, app.desk.clock.now(), app.limits).await;
            visitor.signed_in = found.map_err(|error| Refusal::unavailable(&error).page(&visitor))?;
        }
        Ok(visitor)
    }
}

impl FromRequestParts<App> for Member {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let visitor = Visitor::from_request_parts(parts, app).await?;
        match visitor.signed_in.clone() {
            Some(user) => Ok(Self { visitor, user }),
            None if cookie(&parts.headers, app.address.session_cookie()).is_some() => {
                Err(go("/sign-in?ended=1").into_response())
            }
            None => Err(go("/sign-in")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn a_cookie_counts_only_where_it_stands_once() {
        let headers = |lines: &[&'static str]| {
            let mut map = HeaderMap::new();
            for line in lines {
                map.append(header::COOKIE, HeaderValue::from_static(line));
            }
            map
        };
        assert_eq!(cookie(&headers(&["a=1; sid=x"]), "sid"), Some("x"));
        assert_eq!(cookie(&headers(&["a=1", "sid=x"]), "sid"), Some("x"));
        assert_eq!(cookie(&headers(&["sid=x; sid=y"]), "sid"), None);
        assert_eq!(cookie(&headers(&["xsid=x"]), "sid"), None);
        assert_eq!(cookie(&headers(&[]), "sid"), None);
    }
}
