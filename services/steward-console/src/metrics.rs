//! What the console counts. Labels are closed sets: routes as templates, never paths.

use axum::http::{Method, StatusCode};
use service_runtime::label_enum;
use service_runtime::metrics::{Counters, Histograms, Label, LabelSets, Metrics, catalogue};
use std::time::Duration;

label_enum! {
    /// What a user did.
    pub(crate) enum AuthEvent { SignIn = "sign_in", SignOut = "sign_out" }
}

label_enum! {
    /// How it ended.
    pub(crate) enum AuthResult { Success = "success", Failure = "failure", Blocked = "blocked" }
}

label_enum! {
    /// What of a person was shown.
    pub(crate) enum SensitiveView {
        /// The values of a case.
        Case = "case",
    }
}

/// Routes that change something.
const CHANGING: [&str; 3] = ["/sign-in", "/sign-out", "/cases/{id}/decide"];

/// The console's counters.
#[derive(Clone, Debug)]
pub(crate) struct ConsoleMetrics {
    requests: Counters<3>,
    durations: Histograms<3>,
    auth: Counters<2>,
    cross_site: Counters<1>,
    rate_limited: Counters<1>,
    sensitive_views: Counters<1>,
}

impl ConsoleMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let auth = LabelSets::all([AuthEvent::labels(), AuthResult::labels()]);
        Self {
            requests: metrics.counters(&catalogue::HTTP_REQUESTS, LabelSets::none()),
            durations: metrics.histograms(&catalogue::HTTP_REQUEST_DURATION, LabelSets::none()),
            auth: metrics.counters(&catalogue::AUTH_EVENTS, auth),
            cross_site: metrics
                .counters(&catalogue::CROSS_SITE_REJECTIONS, LabelSets::all([Label::ids(CHANGING)])),
            rate_limited: metrics
                .counters(&catalogue::RATE_LIMITED_REQUESTS, LabelSets::all([Label::ids(["/sign-in"])])),
            sensitive_views: metrics
                .counters(&catalogue::SENSITIVE_VIEWS, LabelSets::all([SensitiveView::labels()])),
        }
    }

    pub(crate) fn request(&self, route: &str, method: &Method, status: StatusCode, took: Duration) {
        // A method of the sender's own making is no label.
        let method = match *method {
            Method::GET => "GET",
            Method::HEAD => "HEAD",
            Method::POST => "POST",
            _ => "other",
        };
        let class = match status.as_u16() / 100 {
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            5 => "5xx",
            _ => "other",
        };
        let labels = || [Label::id(route), Label::fixed(method), Label::fixed(class)];
        self.requests.with(labels()).increment();
        self.durations.with(labels()).observe(took);
    }

    pub(crate) fn auth(&self, event: AuthEvent, result: AuthResult) {
        self.auth.with([Label::from(event), Label::from(result)]).increment();
    }

    pub(crate) fn cross_site_rejection(&self, route: &str) {
        self.cross_site.with([Label::id(route)]).increment();
    }

    pub(crate) fn viewed(&self, what: SensitiveView) {
        self.sensitive_views.with([what]).increment();
    }

    pub(crate) fn rate_limited(&self, route: &'static str) {
        self.rate_limited.with([Label::fixed(route)]).increment();
    }
}
