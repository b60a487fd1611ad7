//! What all pages have in common: language, title, who is signed in.

use super::assets;
use super::visitor::Visitor;
use crate::language::{Language, Texts};
use askama::Template;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

/// The frame around each page.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) t: &'static Texts,
    pub(super) language: Language,
    /// This page's own address, for the switch of languages.
    pub(super) here: String,
    pub(super) css: &'static str,
    pub(super) icon: &'static str,
    pub(super) user: Option<User>,
}

/// Who is signed in, as the frame shows them.
#[derive(Debug)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) role: &'static str,
    pub(super) may_decide: bool,
    pub(super) form_token: String,
}

impl Frame {
    pub(super) fn of(visitor: &Visitor) -> Self {
        let t = visitor.language.texts();
        let user = visitor.signed_in.as_ref().map(|user| User {
            name: user.name.clone(),
            role: if user.role.may_decide() { t.role_steward } else { t.role_reader },
            may_decide: user.role.may_decide(),
            form_token: user.token.form_token(),
        });
        Self {
            t,
            language: visitor.language,
            here: visitor.here.clone(),
            css: assets::css(),
            icon: assets::icon(),
            user,
        }
    }

    pub(super) fn other_language(&self) -> Language {
        match self.language {
            Language::Vietnamese => Language::English,
            Language::English => Language::Vietnamese,
        }
    }
}

/// The name of who reads the page; empty for a stranger.
pub(super) fn reader_of(frame: &Frame) -> &str {
    frame.user.as_ref().map_or("", |user| user.name.as_str())
}

/// Renders a page.
pub(super) fn show(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page cannot be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Sends the browser to another of our pages.
pub(super) fn go(path: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, path)]).into_response()
}
