//! What went wrong, counted by closed kinds: the stage of the work and the type of the error.

use super::catalogue;
use super::handle::{Counter, Counters};
use super::label::{Label, LabelSets};
use crate::label_enum;

label_enum! {
    /// Where in a service's work an error arose.
    pub enum Stage {
        /// Taking in: a source, a topic, a request.
        Receiving = "receiving",
        /// The service's own step and its database.
        Processing = "processing",
        /// Handing on: a topic, a subscriber, an answer.
        Sending = "sending",
    }
}

label_enum! {
    /// What kind of error it was.
    pub enum ErrorType {
        /// Bytes that are not in the promised form.
        Decode = "decode",
        /// A schema that is unknown or does not fit.
        Schema = "schema",
        /// Data in the right form that breaks a rule.
        Invalid = "invalid",
        /// A dependency does not answer.
        Unavailable = "unavailable",
        /// A dependency did not answer in time.
        Timeout = "timeout",
        /// The other side refused.
        Refused = "refused",
        /// A credential or permission is missing.
        Permission = "permission",
        /// Another transaction was first.
        Contention = "contention",
        /// A newer owner exists.
        Fenced = "fenced",
        /// A limit was exceeded.
        TooLarge = "too_large",
        /// Whatever else: a fault of our own.
        Internal = "internal",
    }
}

/// The counters `dansync_errors_total`, every combination at 0 from the start.
#[derive(Debug, Clone)]
pub struct Errors(Counters<2>);

impl Errors {
    pub(super) fn new(metrics: &super::Metrics) -> Self {
        Self(metrics.counters(&catalogue::ERRORS, LabelSets::all([Stage::labels(), ErrorType::labels()])))
    }

    /// One more error.
    pub fn count(&self, stage: Stage, error_type: ErrorType) {
        self.of(stage, error_type).increment();
    }

    /// The counter of one combination.
    pub fn of(&self, stage: Stage, error_type: ErrorType) -> Counter {
        self.0.with([Label::from(stage), Label::from(error_type)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    #[test]
    fn every_combination_is_there_from_the_start() {
        let metrics = Metrics::new();
        let zeros = metrics.render().lines().filter(|line| line.starts_with("dansync_errors_total{")).count();
        assert_eq!(zeros, Stage::ALL.len() * ErrorType::ALL.len());
        metrics.errors().count(Stage::Sending, ErrorType::Refused);
        assert!(
            metrics.render().contains("dansync_errors_total{error_type=\"refused\",stage=\"sending\"} 1")
        );
    }
}
