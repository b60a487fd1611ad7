//! What the adapter counts.

use crate::mapping::Mapping;
use service_runtime::metrics::{Counter, Counters, Gauge, Gauges, Histogram, Label, LabelSets, catalogue};
use service_runtime::{Metrics, label_enum};

label_enum! {
    /// What happened to a row.
    pub(crate) enum Operation { Insert = "insert", Update = "update", Delete = "delete", Snapshot = "snapshot" }
}

label_enum! {
    /// Kind of reason by which a row was rejected; the reasons with their columns are in the marker.
    pub(crate) enum RejectionKind {
        UnknownCode = "unknown_code",
        BadDate = "bad_date",
        BadIdentifier = "bad_identifier",
        MissingKey = "missing_key",
        TooLarge = "record_too_large",
        Other = "other",
    }
}

impl RejectionKind {
    fn of(reason: &str) -> Self {
        match reason.split(':').next().unwrap_or_default() {
            "unknown_code" | "missing_value" => Self::UnknownCode,
            "bad_date" | "no_such_day" | "bad_timestamp" => Self::BadDate,
            "bad_pin" | "bad_cmnd9" => Self::BadIdentifier,
            "missing_key" => Self::MissingKey,
            "record_too_large" => Self::TooLarge,
            _ => Self::Other,
        }
    }
}

/// Handles of one adapter.
#[derive(Debug)]
pub(crate) struct Measures {
    source: Label,
    events: Counters<3>,
    rejected: Counters<2>,
    produced: Counters<1>,
    errors: Counters<2>,
    remaining: Gauges<2>,
    pub(crate) connected: Gauge,
    pub(crate) last_event: Gauge,
    pub(crate) backlog: Gauge,
    pub(crate) retained: Gauge,
    pub(crate) capture: Histogram,
}

/// Counters of one table.
#[derive(Clone, Debug)]
pub(crate) struct TableMeasures {
    insert: Counter,
    update: Counter,
    delete: Counter,
    snapshot: Counter,
}

impl TableMeasures {
    pub(crate) fn count(&self, operation: Operation) {
        match operation {
            Operation::Insert => self.insert.increment(),
            Operation::Update => self.update.increment(),
            Operation::Delete => self.delete.increment(),
            Operation::Snapshot => self.snapshot.increment(),
        }
    }
}

impl Measures {
    pub(crate) fn new(metrics: &Metrics, mapping: &Mapping, expected_interval: std::time::Duration) -> Self {
        let source = Label::id(mapping.source());
        let entities = || Label::ids(mapping.file().tables.iter().map(|table| table.entity.as_str()));
        let one = || vec![source.clone()];
        let gauge = |family| metrics.gauges(family, LabelSets::all([one()])).with([source.clone()]);
        gauge(&catalogue::SOURCE_EXPECTED_INTERVAL).set_duration(expected_interval);
        Self {
            events: metrics.counters(
                &catalogue::SOURCE_EVENTS,
                LabelSets::all([one(), entities(), Operation::labels()]),
            ),
            rejected: metrics.counters(
                &catalogue::SOURCE_REJECTED_EVENTS,
                LabelSets::all([one(), RejectionKind::labels()]),
            ),
            produced: metrics.counters(&catalogue::PRODUCED_RECORDS, LabelSets::none()),
            errors: metrics.counters(&catalogue::ERRORS, LabelSets::none()),
            remaining: metrics
                .gauges(&catalogue::SOURCE_SNAPSHOT_REMAINING, LabelSets::all([one(), entities()])),
            connected: gauge(&catalogue::SOURCE_CONNECTED),
            last_event: gauge(&catalogue::SOURCE_LAST_EVENT_TIMESTAMP),
            backlog: gauge(&catalogue::SOURCE_BACKLOG),
            retained: gauge(&catalogue::SOURCE_REPLICATION_LAG),
            capture: metrics
                .histograms(&catalogue::SOURCE_CAPTURE_DURATION, LabelSets::all([one()]))
                .with([source.clone()]),
            source,
        }
    }

    pub(crate) fn table(&self, entity: &str) -> TableMeasures {
        let counter = |operation: Operation| {
            self.events.with([self.source.clone(), Label::id(entity), operation.into()])
        };
        TableMeasures {
            insert: counter(Operation::Insert),
            update: counter(Operation::Update),
            delete: counter(Operation::Delete),
            snapshot: counter(Operation::Snapshot),
        }
    }

    pub(crate) fn rejected(&self, reasons: &[String]) {
        if let Some(reason) = reasons.first() {
            self.rejected.with([self.source.clone(), RejectionKind::of(reason).into()]).increment();
        }
    }

    pub(crate) fn produced(&self, topic: &str, records: u64) {
        self.produced.with([Label::id(topic)]).add(records);
    }

    pub(crate) fn error(&self, stage: &'static str, kind: &'static str) {
        self.errors.with([Label::fixed(stage), Label::fixed(kind)]).increment();
    }

    pub(crate) fn remaining(&self, entity: &str, rows: u64) {
        self.remaining.with([self.source.clone(), Label::id(entity)]).set_count(rows);
    }
}
