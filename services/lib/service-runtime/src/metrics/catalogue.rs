//! Every metric family of dansync, once: name, type, labels, help.
//!
//! Names carry the prefix `dansync_`, base units and `_total` on counters. A label's values are a closed enum or an
//! identifier from the configuration; `subscriber` is an agreement's name. A sum over any label means something.

use super::family::{CounterFamily, Description, GaugeFamily, HistogramFamily};

/// Seconds, for one database transaction or request.
const REQUEST_SECONDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Seconds, for a change on its way through the pipeline: from under the promised 200 ms to an hour.
const FRESHNESS_SECONDS: &[f64] =
    &[0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0];

/// Seconds, for the delay between a legal event and its registration: hours to years.
const REGISTRATION_SECONDS: &[f64] =
    &[86_400.0, 259_200.0, 604_800.0, 1_296_000.0, 2_592_000.0, 5_184_000.0, 15_552_000.0, 31_536_000.0];

/// Seconds, for a steward's decision: minutes to weeks.
const DECISION_SECONDS: &[f64] =
    &[300.0, 3_600.0, 14_400.0, 28_800.0, 86_400.0, 172_800.0, 432_000.0, 864_000.0, 2_592_000.0];

macro_rules! families {
    ($($kind:ident $constant:ident $name:literal [$($label:literal),*] $(in $buckets:ident)? $help:literal;)+) => {
        $(
            #[doc = concat!("`", $name, "`: ", $help)]
            pub static $constant: $kind<{ <[&str]>::len(&[$($label),*]) }> = $kind {
                name: $name,
                labels: [$($label),*],
                help: $help,
                $(buckets: $buckets,)?
            };
        )+

        /// Every family.
        pub static ALL: &[Description] = &[$($constant.describe()),+];
    };
}

families! {
    // Every process
    GaugeFamily BUILD_INFO "dansync_build_info" ["version", "commit", "rustc"]
        "Which build runs; always 1.";
    GaugeFamily CONFIG_INFO "dansync_config_info" ["config_hash"]
        "Which configuration runs; always 1.";
    GaugeFamily READY "dansync_ready" ["check"]
        "1 while the readiness check passes.";
    GaugeFamily DEPENDENCY_UP "dansync_dependency_up" ["dependency"]
        "1 when the last exchange with the dependency succeeded.";
    HistogramFamily DEPENDENCY_REQUEST_DURATION "dansync_dependency_request_duration_seconds" ["dependency", "operation"]
        in REQUEST_SECONDS
        "Duration of outbound requests.";
    CounterFamily ERRORS "dansync_errors_total" ["stage", "error_type"]
        "Failed operations, by stage of the work and kind of error; what a retry heals is counted too.";
    CounterFamily TASK_PANICS "dansync_task_panics_total" ["task"]
        "Panics caught in a named task.";
    GaugeFamily CLOCK_OFFSET "dansync_clock_offset_seconds" ["reference"]
        "Own clock minus the reference clock.";

    // Source adapter
    GaugeFamily SOURCE_CONNECTED "dansync_source_connected" ["source"]
        "1 while the stream from the source is open.";
    CounterFamily SOURCE_EVENTS "dansync_source_events_total" ["source", "entity", "op"]
        "Rows captured.";
    CounterFamily SOURCE_REJECTED_EVENTS "dansync_source_rejected_events_total" ["source", "reason"]
        "Rows that could not be mapped and went to quarantine.";
    GaugeFamily SOURCE_LAST_EVENT_TIMESTAMP "dansync_source_last_event_timestamp_seconds" ["source"]
        "Commit time of the newest event seen, as Unix time.";
    GaugeFamily SOURCE_EXPECTED_INTERVAL "dansync_source_expected_interval_seconds" ["source"]
        "Longest silence to be expected of the source, from the configuration.";
    GaugeFamily SOURCE_BACKLOG "dansync_source_backlog_records" ["source"]
        "Rows read from the source and not yet acknowledged by Kafka.";
    GaugeFamily SOURCE_REPLICATION_LAG "dansync_source_replication_lag_bytes" ["source"]
        "Log that the source keeps for our position.";
    GaugeFamily SOURCE_SNAPSHOT_REMAINING "dansync_source_snapshot_remaining_records" ["source", "table"]
        "Rows of the running snapshot still to read.";
    HistogramFamily SOURCE_CAPTURE_DURATION "dansync_source_capture_duration_seconds" ["source"]
        in FRESHNESS_SECONDS
        "From the commit in the source to the acknowledgement by Kafka.";
    GaugeFamily SOURCE_CONTROL_TOTAL_DIFFERENCE "dansync_source_control_total_difference_records"
        ["source", "entity"]
        "The count of the source minus ours, at the last audit fence.";

    // Kafka clients
    CounterFamily PRODUCED_RECORDS "dansync_produced_records_total" ["topic"]
        "Records acknowledged by Kafka.";
    CounterFamily PRODUCE_ERRORS "dansync_produce_errors_total" ["topic", "error_type"]
        "Records or transactions that Kafka refused.";
    GaugeFamily CONSUMER_LAG "dansync_consumer_lag_records" ["group", "topic", "partition"]
        "High watermark minus applied offset.";
    GaugeFamily CONSUMER_LAG_SECONDS "dansync_consumer_lag_seconds" ["group", "topic", "partition"]
        "Age of the oldest unprocessed record; 0 when none waits.";
    GaugeFamily CONSUMER_COMMITTED_OFFSET "dansync_consumer_committed_offset" ["group", "topic", "partition"]
        "Next offset as stored in the database.";
    CounterFamily CONSUMER_REBALANCES "dansync_consumer_rebalances_total" ["group", "kind"]
        "Partitions assigned, revoked and lost, in rebalances.";
    GaugeFamily CONSUMER_ASSIGNED_PARTITIONS "dansync_consumer_assigned_partitions" ["group"]
        "Partitions that this instance reads.";
    CounterFamily FENCED_WRITES "dansync_fenced_writes_total" []
        "Writes refused because a newer owner exists.";

    // Reconciler and registry
    CounterFamily RECONCILER_RECORDS "dansync_reconciler_records_total" ["source", "outcome"]
        "Records read; the outcomes add up to them.";
    HistogramFamily RECONCILER_APPLY_DURATION "dansync_reconciler_apply_duration_seconds" ["source"]
        in REQUEST_SECONDS
        "Duration of one registry transaction.";
    CounterFamily RECONCILER_MATCHES "dansync_reconciler_matches_total" ["method", "decision"]
        "Attachments of records to anchors.";
    CounterFamily RECONCILER_FIELD_DECISIONS "dansync_reconciler_field_decisions_total"
        ["field_group", "winner"]
        "Field values taken, by the source that won.";
    CounterFamily MATCHER_DECISIONS "dansync_matcher_decisions_total" ["outcome"]
        "Source keys without a number: decided, linked, unlinked; pairs given to a human.";
    CounterFamily MATCHER_BLOCKS_OVER_BOUND "dansync_matcher_blocks_over_bound_total" []
        "Blocks that came over their bound: their records are not compared by that rule.";
    GaugeFamily MATCHER_BACKLOG "dansync_matcher_backlog_records" []
        "Changed rows and source keys that wait for the matcher.";
    GaugeFamily MATCHER_STANDING "dansync_matcher_standing" ["standing"]
        "1 for how far the matcher is: off, sweeping (which links there will be is open), live.";
    GaugeFamily MATCHER_UNATTENDED "dansync_matcher_unattended_seconds" []
        "For how long nobody has held the matcher's lease; 0 while somebody does.";
    GaugeFamily MATCHER_FOUND "dansync_matcher_found" ["what"]
        "Links that stand, pairs that wait for a human, blocks over their bound.";
    CounterFamily SERIALIZATION_RETRIES "dansync_serialization_retries_total" ["service"]
        "Transactions repeated after a deadlock or serialization failure.";
    GaugeFamily QUARANTINE_RECORDS "dansync_quarantine_records" ["source", "reason"]
        "Rows whose newest version cannot be read, and messages that are none.";
    GaugeFamily QUARANTINE_OLDEST_AGE "dansync_quarantine_oldest_age_seconds" ["source"]
        "Age of the oldest record in quarantine.";
    GaugeFamily LEDGER_GAP "dansync_ledger_gap_records" ["topic"]
        "Records read of which nothing became; must stay 0.";
    GaugeFamily REGISTRY_RECORDS "dansync_registry_records" ["status"]
        "Persons in the registry.";
    HistogramFamily EVENT_FRESHNESS "dansync_event_freshness_seconds" ["stage", "source", "subscriber"]
        in FRESHNESS_SECONDS
        "From the commit in the source to the stage.";
    HistogramFamily REGISTRATION_DELAY "dansync_registration_delay_seconds" ["event_type"]
        in REGISTRATION_SECONDS
        "From the legal event to its registration.";

    // Answers to the sources
    CounterFamily INBOX_ANSWERS "dansync_inbox_answers_total" ["source", "outcome"]
        "Answers written into a source's own table.";

    // Stewardship
    GaugeFamily CONFLICTS_OPEN "dansync_conflicts_open" ["type", "priority"]
        "Open cases.";
    GaugeFamily CONFLICT_OLDEST_AGE "dansync_conflict_oldest_age_seconds" ["type"]
        "Age of the oldest open case.";
    GaugeFamily CONFLICT_TARGET "dansync_conflict_target_seconds" ["type"]
        "Age at which a case is late, by law or service rule.";
    CounterFamily CONFLICTS_OPENED "dansync_conflicts_opened_total" ["type", "source"]
        "Cases opened.";
    CounterFamily CONFLICTS_RESOLVED "dansync_conflicts_resolved_total" ["type", "resolution", "actor"]
        "Cases closed; the actor is a role, never a person.";
    HistogramFamily CONFLICT_RESOLUTION_DURATION "dansync_conflict_resolution_duration_seconds" ["type"]
        in DECISION_SECONDS
        "From opening to closing of a case.";
    CounterFamily CONFLICTS_REOPENED "dansync_conflicts_reopened_total" ["type"]
        "Cases that opened again.";

    // Disclosure
    CounterFamily DELIVERIES "dansync_deliveries_total" ["subscriber", "outcome"]
        "Deliveries, by outcome.";
    HistogramFamily DELIVERY_DURATION "dansync_delivery_duration_seconds" ["subscriber"] in REQUEST_SECONDS
        "Duration of one send to a subscriber.";
    GaugeFamily DELIVERY_PENDING "dansync_delivery_pending_records" ["subscriber"]
        "Deliveries authorised and still without outcome.";
    GaugeFamily DELIVERY_OLDEST_PENDING_AGE "dansync_delivery_oldest_pending_age_seconds" ["subscriber"]
        "Age of the oldest delivery without outcome.";
    GaugeFamily SUBSCRIBER_UP "dansync_subscriber_up" ["subscriber"]
        "1 when the last send to the subscriber succeeded.";
    GaugeFamily SUBSCRIBER_PAUSED "dansync_subscriber_paused" ["subscriber", "reason"]
        "1 while sending to the subscriber is paused.";
    CounterFamily DISCLOSED_FIELDS "dansync_disclosed_fields_total"
        ["subscriber", "field_group", "legal_basis"]
        "Fields released.";
    CounterFamily WITHHELD_FIELDS "dansync_withheld_fields_total" ["subscriber", "field_group", "reason"]
        "Fields not released.";
    CounterFamily DISCLOSURE_GUARD_VIOLATIONS "dansync_disclosure_guard_violations_total" ["subscriber"]
        "Payloads stopped by the second guard; must stay 0.";
    CounterFamily DISCLOSURE_POLICY_EVAL_ERRORS "dansync_disclosure_policy_eval_errors_total" ["subscriber"]
        "Evaluations of an agreement that failed.";
    GaugeFamily DISCLOSURE_POLICY_INFO "dansync_disclosure_policy_info" ["policy_hash", "version"]
        "Which agreements are in force; always 1.";
    GaugeFamily SUBSCRIBER_DRIFT "dansync_subscriber_drift_records" ["subscriber", "kind"]
        "Differences between holdings and what the subscriber has.";
    GaugeFamily SUBSCRIBER_DRIFT_LAST_CHECK_TIMESTAMP "dansync_subscriber_drift_last_check_timestamp_seconds"
        ["subscriber"]
        "Time of the last comparison, as Unix time.";

    // Console
    CounterFamily HTTP_REQUESTS "dansync_http_requests_total" ["route", "method", "status_class"]
        "Requests; the route is a template, never a path.";
    HistogramFamily HTTP_REQUEST_DURATION "dansync_http_request_duration_seconds" ["route", "method", "status_class"]
        in REQUEST_SECONDS
        "Duration of requests.";
    CounterFamily AUTH_EVENTS "dansync_auth_events_total" ["event", "result"]
        "Sign-ins and other authentication events.";
    CounterFamily SENSITIVE_VIEWS "dansync_sensitive_views_total" ["kind"]
        "How often values of a person were shown to somebody, each noted in an audit log with who and what.";
    CounterFamily RATE_LIMITED_REQUESTS "dansync_rate_limited_requests_total" ["route"]
        "Requests refused because too many came.";
    CounterFamily CROSS_SITE_REJECTIONS "dansync_cross_site_rejections_total" ["route"]
        "Requests refused because another site sent them.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::family::Kind;
    use super::*;

    /// Labels that would carry a value of a person or without a bound.
    const FORBIDDEN_LABELS: &[&str] = &["person", "pin", "name", "record_key", "ref", "event_id", "message"];

    fn is_snake_case(text: &str) -> bool {
        text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
            && !text.contains("__")
    }

    #[test]
    fn names_follow_the_rules() {
        for family in ALL {
            let name = family.name;
            assert!(name.starts_with("dansync_") && is_snake_case(name), "{name}");
            assert_eq!(name.ends_with("_total"), family.kind == Kind::Counter, "{name}");
            assert!(family.kind != Kind::Histogram || name.ends_with("_seconds"), "{name}");
            assert!(!name.ends_with("_ratio"), "{name}");
            assert!(family.help.ends_with('.'), "{name}");
            for label in family.labels {
                assert!(is_snake_case(label) && !FORBIDDEN_LABELS.contains(label), "{name}: {label}");
            }
        }
    }

    #[test]
    fn names_are_unique() {
        let names: BTreeSet<&str> = ALL.iter().map(|family| family.name).collect();
        assert_eq!(names.len(), ALL.len());
    }

    #[test]
    fn buckets_rise() {
        for buckets in [REQUEST_SECONDS, FRESHNESS_SECONDS, REGISTRATION_SECONDS, DECISION_SECONDS] {
            assert!(buckets.is_sorted_by(|a, b| a < b));
        }
    }
}
