//! What an inbox's writer counts.

use registry_rules::AnswerKind;
use service_runtime::metrics::{
    ConsumerLag, Counter, Counters, Errors, Label, LabelSets, Metrics, catalogue,
};

/// Handles, made once.
#[derive(Clone, Debug)]
pub(crate) struct InboxMetrics {
    answers: Counters<2>,
    source: Label,
    pub(crate) fenced: Counter,
    pub(crate) lag: ConsumerLag,
    pub(crate) errors: Errors,
}

impl InboxMetrics {
    pub(crate) fn new(metrics: &Metrics, source: &str, group: &str) -> Self {
        let outcomes = AnswerKind::ALL.iter().map(|kind| Label::fixed(kind.as_str())).collect();
        Self {
            answers: metrics
                .counters(&catalogue::INBOX_ANSWERS, LabelSets::all([vec![Label::id(source)], outcomes])),
            source: Label::id(source),
            fenced: metrics.counter(&catalogue::FENCED_WRITES),
            lag: ConsumerLag::new(metrics, group),
            errors: metrics.errors(),
        }
    }

    pub(crate) fn brought(&self, outcome: AnswerKind) {
        self.answers.with([self.source.clone(), Label::fixed(outcome.as_str())]).increment();
    }
}
