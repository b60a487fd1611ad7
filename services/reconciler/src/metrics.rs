//! What a reconciler counts.

use crate::apply::Summary;
use crate::matcher::Matched;
use chrono::{DateTime, Utc};
use event_log::{Standing, TopicPartition};
use registry_rules::CaseKind;
use registry_store::MatchCounts;
use service_runtime::metrics::{
    ConsumerLag, Counter, Counters, Gauge, Gauges, Histograms, Label, LabelSets, Metrics, catalogue,
};
use std::time::Duration;

const OUTCOMES: [&str; 5] = ["applied", "no_change", "duplicate", "stale", "quarantined"];
const DECISIONS: [&str; 4] = ["decided", "linked", "unlinked", "review"];
const FOUND: [&str; 3] = ["links", "reviews", "blocks_over_bound"];
const RULES: [(i16, &str); 5] =
    [(1, "steward"), (2, "number"), (3, "source_key"), (4, "scored"), (5, "provisional")];

/// Handles, made once.
#[derive(Clone, Debug)]
pub(crate) struct ReconcilerMetrics {
    records: Counters<2>,
    duration: Histograms<1>,
    matches: Counters<2>,
    decisions: Counters<1>,
    over_bound: Counter,
    backlog: Gauge,
    found: Gauges<1>,
    retries: Counter,
    fenced: Counter,
    lag: ConsumerLag,
    live: Gauge,
    absorbed: Gauge,
    opened: Counters<2>,
    reopened: Counters<1>,
    resolved: Counters<3>,
}

impl ReconcilerMetrics {
    pub(crate) fn new(metrics: &Metrics, sources: &[String], group: &str) -> Self {
        let sources = || Label::ids(sources.iter().map(String::as_str));
        let fixed = |values: &[&'static str]| values.iter().map(|v| Label::fixed(v)).collect::<Vec<_>>();
        let kinds = || CaseKind::ALL.iter().map(|kind| Label::fixed(kind.as_str())).collect::<Vec<_>>();
        let rules: Vec<Label> = RULES.iter().map(|(_, name)| Label::fixed(name)).collect();
        let persons = metrics.gauges(&catalogue::REGISTRY_RECORDS, LabelSets::none());
        let retries = metrics.counters(&catalogue::SERIALIZATION_RETRIES, LabelSets::none());
        Self {
            records: metrics
                .counters(&catalogue::RECONCILER_RECORDS, LabelSets::all([sources(), fixed(&OUTCOMES)])),
            duration: metrics
                .histograms(&catalogue::RECONCILER_APPLY_DURATION, LabelSets::all([fixed(&["all"])])),
            matches: metrics
                .counters(&catalogue::RECONCILER_MATCHES, LabelSets::all([rules, fixed(&["attached"])])),
            decisions: metrics.counters(&catalogue::MATCHER_DECISIONS, LabelSets::all([fixed(&DECISIONS)])),
            over_bound: metrics.counter(&catalogue::MATCHER_BLOCKS_OVER_BOUND),
            backlog: metrics.gauge(&catalogue::MATCHER_BACKLOG),
            found: metrics.gauges(&catalogue::MATCHER_FOUND, LabelSets::all([fixed(&FOUND)])),
            retries: retries.with(["reconciler"]),
            fenced: metrics.counter(&catalogue::FENCED_WRITES),
            lag: ConsumerLag::new(metrics, group),
            live: persons.with(["live"]),
            absorbed: persons.with(["merged"]),
            opened: metrics
                .counters(&catalogue::CONFLICTS_OPENED, LabelSets::all([kinds(), fixed(&["registry"])])),
            reopened: metrics.counters(&catalogue::CONFLICTS_REOPENED, LabelSets::all([kinds()])),
            resolved: metrics.counters(
                &catalogue::CONFLICTS_RESOLVED,
                LabelSets::all([kinds(), fixed(&["agreed", "superseded"]), fixed(&["registry"])]),
            ),
        }
    }

    /// Counts what a batch did; `source_of` names the source of a topic.
    pub(crate) fn applied(&self, summary: &Summary, duration: Duration, source_of: impl Fn(&str) -> String) {
        self.duration.with(["all"]).observe(duration);
        for ((topic, _), counts) in &summary.outcomes {
            let source = source_of(topic);
            let values =
                [counts.applied, counts.no_change, counts.duplicate, counts.stale, counts.quarantined];
            for (outcome, count) in OUTCOMES.iter().zip(values) {
                self.records.with([source.as_str(), *outcome]).add(count.unsigned_abs());
            }
        }
        self.fenced.add(summary.fenced.len() as u64);
        self.merged(summary);
    }

    /// Shows how far this instance is behind in these partitions.
    pub(crate) fn behind(&self, standings: &[Standing], now: DateTime<Utc>) {
        for s in standings {
            let partition = (&*s.partition.topic, s.partition.partition);
            self.lag.show(partition, s.behind, s.oldest_ms, now.timestamp_millis());
        }
    }

    /// Shows how far it has come in a partition.
    pub(crate) fn committed(&self, partition: &TopicPartition, next_offset: i64) {
        self.lag.committed(&partition.topic, partition.partition, next_offset);
    }

    /// Shows partitions no longer that went to another instance.
    pub(crate) fn given_up(&self, partitions: &[TopicPartition]) {
        for partition in partitions {
            self.lag.forget(&partition.topic, partition.partition);
        }
    }

    /// Counts what happened to records and cases by other ways than a batch.
    pub(crate) fn merged(&self, summary: &Summary) {
        for (code, name) in RULES {
            self.matches.with([name, "attached"]).add(summary.attached.get(&code).copied().unwrap_or(0));
        }
        for ((event, kind), count) in &summary.cases {
            match *event {
                "opened" => self.opened.with([kind.as_str(), "registry"]).add(*count),
                "reopened" => self.reopened.with([kind.as_str()]).add(*count),
                "superseded" => self.resolved.with([kind.as_str(), "superseded", "registry"]).add(*count),
                "closed" => self.resolved.with([kind.as_str(), "agreed", "registry"]).add(*count),
                _ => {}
            }
        }
    }

    /// Counts what the matcher decided.
    pub(crate) fn matched(&self, matched: &Matched) {
        let counts = [matched.decided, matched.linked, matched.unlinked, matched.reviews];
        for (outcome, count) in DECISIONS.iter().zip(counts) {
            self.decisions.with([*outcome]).add(count as u64);
        }
        self.over_bound.add(matched.over_bound as u64);
    }

    /// Shows what there is to match, and what was found.
    pub(crate) fn to_match(&self, counts: &MatchCounts) {
        self.backlog.set_count(counts.waiting.unsigned_abs());
        for (what, count) in FOUND.iter().zip([counts.links, counts.reviews, counts.over_bound]) {
            self.found.with([*what]).set_count(count.unsigned_abs());
        }
    }

    pub(crate) fn retried(&self) {
        self.retries.increment();
    }

    pub(crate) fn persons(&self, live: i64, merged: i64) {
        self.live.set_count(live.unsigned_abs());
        self.absorbed.set_count(merged.unsigned_abs());
    }
}
