//! What a dispatcher counts.

use service_runtime::Metrics;
use service_runtime::label_enum;
use service_runtime::metrics::{
    ConsumerLag, Counter, Counters, Gauges, Histograms, Label, LabelSets, catalogue,
};

label_enum! {
    /// What became of a delivery, or of an attempt.
    pub(crate) enum DeliveryOutcome {
        /// Received now.
        Delivered = "delivered",
        /// Had been received before: the guard at the receiver absorbed it.
        Duplicate = "duplicate",
        /// Overtaken by a later release.
        Superseded = "superseded",
        /// No longer permitted.
        Withdrawn = "withdrawn",
        /// An attempt failed; another follows.
        Retried = "retried",
        /// The receiver refused it; the person waits.
        Failed = "failed",
        /// The guard stopped it.
        Withheld = "withheld",
    }
}

label_enum! {
    /// Where something failed.
    pub(crate) enum Stage { Receiving = "receiving", Processing = "processing", Sending = "sending" }
}

label_enum! {
    /// What failed.
    pub(crate) enum ErrorType {
        /// A message that cannot be read; it is in quarantine.
        Unreadable = "unreadable",
        /// The disclosure database is away.
        DisclosureAway = "disclosure_away",
        /// A sector's database, or Kafka, does not take what is sent.
        ReceiverAway = "receiver_away",
        /// A receiver refuses one person's row.
        RowRefused = "row_refused",
        /// An agreement in force cannot be read by this version.
        AgreementUnreadable = "agreement_unreadable",
    }
}

label_enum! {
    /// Why a field is not given.
    pub(crate) enum WithheldReason { NoRule = "no_rule" }
}

label_enum! {
    /// Why a lane does not send.
    pub(crate) enum PausedReason { Mapping = "mapping", Receiver = "receiver" }
}

/// The families of a dispatcher.
#[derive(Clone, Debug)]
pub(crate) struct DispatcherMetrics {
    pub(crate) deliveries: Counters<2>,
    pub(crate) delivery_duration: Histograms<1>,
    pub(crate) pending: Gauges<1>,
    pub(crate) oldest_pending: Gauges<1>,
    pub(crate) subscriber_up: Gauges<1>,
    pub(crate) subscriber_paused: Gauges<2>,
    pub(crate) disclosed: Counters<3>,
    pub(crate) withheld: Counters<3>,
    pub(crate) guard_violations: Counters<1>,
    pub(crate) evaluation_errors: Counters<1>,
    pub(crate) policy: Gauges<2>,
    pub(crate) freshness: Histograms<3>,
    pub(crate) lag: ConsumerLag,
    pub(crate) fenced: Counter,
    pub(crate) contention: Counter,
    errors: Counters<2>,
}

impl DispatcherMetrics {
    /// All families, with the label sets that are known at 0.
    pub(crate) fn new(metrics: &Metrics, group: &str) -> Self {
        let errors = LabelSets::all([Stage::labels(), ErrorType::labels()]);
        Self {
            deliveries: metrics.counters(&catalogue::DELIVERIES, LabelSets::none()),
            delivery_duration: metrics.histograms(&catalogue::DELIVERY_DURATION, LabelSets::none()),
            pending: metrics.gauges(&catalogue::DELIVERY_PENDING, LabelSets::none()),
            oldest_pending: metrics.gauges(&catalogue::DELIVERY_OLDEST_PENDING_AGE, LabelSets::none()),
            subscriber_up: metrics.gauges(&catalogue::SUBSCRIBER_UP, LabelSets::none()),
            subscriber_paused: metrics.gauges(&catalogue::SUBSCRIBER_PAUSED, LabelSets::none()),
            disclosed: metrics.counters(&catalogue::DISCLOSED_FIELDS, LabelSets::none()),
            withheld: metrics.counters(&catalogue::WITHHELD_FIELDS, LabelSets::none()),
            guard_violations: metrics.counters(&catalogue::DISCLOSURE_GUARD_VIOLATIONS, LabelSets::none()),
            evaluation_errors: metrics.counters(&catalogue::DISCLOSURE_POLICY_EVAL_ERRORS, LabelSets::none()),
            policy: metrics.gauges(&catalogue::DISCLOSURE_POLICY_INFO, LabelSets::none()),
            freshness: metrics.histograms(&catalogue::EVENT_FRESHNESS, LabelSets::none()),
            lag: ConsumerLag::new(metrics, group),
            fenced: metrics.counter(&catalogue::FENCED_WRITES),
            contention: metrics
                .counters(&catalogue::SERIALIZATION_RETRIES, LabelSets::none())
                .with([Label::fixed("dispatcher")]),
            errors: metrics.counters(&catalogue::ERRORS, errors),
        }
    }

    /// Shows an agreement's families at 0.
    pub(crate) fn know(&self, agreement: &str, version: u32) {
        for outcome in DeliveryOutcome::ALL {
            self.deliveries.with([Label::id(agreement), (*outcome).into()]);
        }
        self.guard_violations.with([agreement]);
        self.evaluation_errors.with([agreement]);
        self.policy.with([Label::id(agreement), Label::id(&version.to_string())]).set(1.0);
    }

    /// Counts outcomes of deliveries.
    pub(crate) fn count(&self, agreement: &str, outcome: DeliveryOutcome, count: usize) {
        self.deliveries.with([Label::id(agreement), outcome.into()]).add(count as u64);
    }

    /// Counts a failure.
    pub(crate) fn failed(&self, stage: Stage, error: ErrorType) {
        self.errors.with([Label::from(stage), error.into()]).increment();
    }
}
