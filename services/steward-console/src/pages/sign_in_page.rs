//! Signing in and out.

use super::app::App;
use super::page::{Frame, go, show};
use super::refusal::Refusal;
use super::visitor::{Member, Visitor};
use crate::access::session;
use crate::access::sign_in::{self, SignIn};
use crate::audit::{self, Entry};
use crate::metrics::{AuthEvent, AuthResult};
use askama::Template;
use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
    notice: Option<&'static str>,
    error: Option<&'static str>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Arrival {
    #[serde(default)]
    ended: u8,
    #[serde(default)]
    out: u8,
}

#[derive(Debug, Deserialize)]
pub(super) struct Credentials {
    user_name: String,
    #[serde(deserialize_with = "secret")]
    password: SecretString,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

/// What a form of a signed-in user carries beside its own fields.
#[derive(Debug, Deserialize)]
pub(super) struct TokenForm {
    form_token: String,
}

/// `GET /sign-in`.
pub(super) async fn show_form(visitor: Visitor, Query(arrival): Query<Arrival>) -> Response {
    if visitor.signed_in.is_some() {
        return go("/cases");
    }
    let frame = Frame::of(&visitor);
    let notice = match arrival {
        Arrival { out: 1, .. } => Some(frame.t.signed_out),
        Arrival { ended: 1, .. } => Some(frame.t.session_ended),
        Arrival { .. } => None,
    };
    show(StatusCode::OK, &SignInPage { frame, notice, error: None })
}

/// `POST /sign-in`.
pub(super) async fn sign_in(
    State(app): State<App>,
    visitor: Visitor,
    form: Result<Form<Credentials>, FormRejection>,
) -> Response {
    let Ok(Form(credentials)) = form else {
        return Refusal::BAD_REQUEST.page(&visitor);
    };
    let name = credentials.user_name.trim();
    let now = app.desk.clock.now();
    let outcome = sign_in::sign_in(&app.desk.console, name, credentials.password, now, app.limits).await;
    let t = visitor.language.texts();
    let (status, error) = match outcome {
        Ok(SignIn::Opened(token)) => {
            app.metrics.auth(AuthEvent::SignIn, AuthResult::Success);
            let seconds = app.limits.absolute.num_seconds();
            let cookie = app.address.cookie(app.address.session_cookie(), Some(&token.text()), seconds);
            return (AppendHeaders([(header::SET_COOKIE, cookie)]), go("/cases")).into_response();
        }
        Ok(SignIn::Refused) => {
            app.metrics.auth(AuthEvent::SignIn, AuthResult::Failure);
            (StatusCode::UNAUTHORIZED, t.sign_in_refused)
        }
        Ok(SignIn::Blocked) => {
            app.metrics.auth(AuthEvent::SignIn, AuthResult::Blocked);
            app.metrics.rate_limited("/sign-in");
            (StatusCode::TOO_MANY_REQUESTS, t.sign_in_blocked)
        }
        Err(error) => return Refusal::unavailable(&error).page(&visitor),
    };
    let visitor = Visitor { here: "/sign-in".to_owned(), signed_in: None, ..visitor };
    show(status, &SignInPage { frame: Frame::of(&visitor), notice: None, error: Some(error) })
}

/// `POST /sign-out`.
pub(super) async fn sign_out(
    State(app): State<App>,
    member: Member,
    form: Result<Form<TokenForm>, FormRejection>,
) -> Response {
    if !form.is_ok_and(|Form(form)| member.user.token.made(&form.form_token)) {
        return Refusal::FORBIDDEN.page(&member.visitor);
    }
    let actor = member.actor();
    let entry = Entry::of("signed_out", &actor, app.desk.clock.now());
    let done = async {
        session::close(&app.desk.console, &member.user.token).await?;
        audit::write(&app.desk.console, &entry).await
    };
    if let Err(error) = done.await {
        return Refusal::unavailable(&error).page(&member.visitor);
    }
    app.metrics.auth(AuthEvent::SignOut, AuthResult::Success);
    let cookie = app.address.cookie(app.address.session_cookie(), None, 0);
    (AppendHeaders([(header::SET_COOKIE, cookie)]), go("/sign-in?out=1")).into_response()
}
