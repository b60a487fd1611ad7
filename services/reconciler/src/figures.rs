//! Numbers of the whole registry as metrics. One instance asks for them and shows them, so that nothing is counted twice.

use crate::run::Shared;
use registry_rules::CaseKind;
use registry_store::{Figures, UNREADABLE, figures, try_lease};
use service_runtime::metrics::{Counters, Gauges, Label, LabelSets, Metrics, catalogue};
use std::collections::BTreeMap;
use std::time::Duration;

/// The lease of whoever shows them.
const LEASE: &str = "figures";
/// Twice the time between two looks and more: a look may be late.
const LEASE_SECONDS: i32 = 45;
/// Between two looks. Somebody who is paged by them has not to wait, and the registry does not feel them.
const LOOK: Duration = Duration::from_secs(15);

/// The least and the greatest harm of a case (`schemas/field-catalogue.toml`).
const SEVERITIES: std::ops::RangeInclusive<u8> = 1..=5;
/// Cases whose clock has run out count as these instead, whatever their harm.
const OVERDUE: &str = "overdue";

/// Handles, made once.
#[derive(Clone, Debug)]
pub(crate) struct FigureMetrics {
    quarantine: Gauges<2>,
    quarantine_age: Gauges<1>,
    gaps: Gauges<1>,
    cases: Gauges<2>,
    case_age: Gauges<1>,
    sensitive_views: Counters<1>,
}

/// Everything shown, by family: what is no longer there goes down to 0 and does not stay at its last value.
#[derive(Debug, Default, PartialEq)]
struct Shown {
    quarantine: BTreeMap<[String; 2], f64>,
    quarantine_age: BTreeMap<[String; 1], f64>,
    gaps: BTreeMap<[String; 1], f64>,
    cases: BTreeMap<[String; 2], f64>,
    case_age: BTreeMap<[String; 1], f64>,
}

impl FigureMetrics {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        Self {
            quarantine: metrics.gauges(&catalogue::QUARANTINE_RECORDS, LabelSets::none()),
            quarantine_age: metrics.gauges(&catalogue::QUARANTINE_OLDEST_AGE, LabelSets::none()),
            gaps: metrics.gauges(&catalogue::LEDGER_GAP, LabelSets::none()),
            cases: metrics.gauges(&catalogue::CONFLICTS_OPEN, LabelSets::none()),
            case_age: metrics.gauges(&catalogue::CONFLICT_OLDEST_AGE, LabelSets::none()),
            sensitive_views: metrics.counters(&catalogue::SENSITIVE_VIEWS, LabelSets::none()),
        }
    }

    /// Views are noted by commands, which end before anybody reads their metrics. Only the instance that has the lease shows
    /// them, so that none begins at 0 and jumps.
    fn count_views(&self, noted: i64) {
        let counter = self.sensitive_views.with([Label::fixed("family_secret")]);
        counter.add(noted.unsigned_abs().saturating_sub(counter.value()));
    }

    fn show(&self, before: &Shown, now: &Shown) {
        set(&self.quarantine, &before.quarantine, &now.quarantine);
        set(&self.quarantine_age, &before.quarantine_age, &now.quarantine_age);
        set(&self.gaps, &before.gaps, &now.gaps);
        set(&self.cases, &before.cases, &now.cases);
        set(&self.case_age, &before.case_age, &now.case_age);
    }
}

/// Sets what is there; what was there and is not, another instance shows.
fn set<const N: usize>(
    gauges: &Gauges<N>,
    before: &BTreeMap<[String; N], f64>,
    now: &BTreeMap<[String; N], f64>,
) {
    for (labels, value) in now {
        gauges.with(labels.each_ref().map(|text| Label::id(text))).set(*value);
    }
    for labels in before.keys().filter(|labels| !now.contains_key(*labels)) {
        gauges.forget(labels.each_ref().map(|text| Label::id(text)));
    }
}

impl Shown {
    /// With a 0 for every source and kind of case: a figure that first appears when something is wrong shows no rise.
    fn of(figures: &Figures, sources: &[(String, String)]) -> Self {
        let mut shown = Self::default();
        for (source, _) in sources {
            shown.quarantine.insert([source.clone(), UNREADABLE.to_owned()], 0.0);
            shown.quarantine_age.insert([source.clone()], 0.0);
        }
        for kind in CaseKind::ALL {
            for severity in SEVERITIES {
                shown.cases.insert([kind.as_str().to_owned(), severity.to_string()], 0.0);
            }
            shown.cases.insert([kind.as_str().to_owned(), OVERDUE.to_owned()], 0.0);
            shown.case_age.insert([kind.as_str().to_owned()], 0.0);
        }
        for one in &figures.quarantine {
            shown.quarantine.insert([one.source.clone(), one.reason.clone()], count(one.records));
            oldest(&mut shown.quarantine_age, &one.source, one.oldest_seconds);
        }
        for (topic, gap) in &figures.gaps {
            shown.gaps.insert([topic.clone()], count(*gap));
        }
        for one in &figures.cases {
            shown.cases.insert([one.kind.clone(), one.severity.to_string()], count(one.cases - one.overdue));
            *shown.cases.entry([one.kind.clone(), OVERDUE.to_owned()]).or_default() += count(one.overdue);
            oldest(&mut shown.case_age, &one.kind, one.oldest_seconds);
        }
        shown
    }

    /// What went since the last look is shown as 0.
    fn with_zeros_of(mut self, before: &Self) -> Self {
        for labels in before.quarantine.keys() {
            self.quarantine.entry(labels.clone()).or_insert(0.0);
        }
        for labels in before.cases.keys() {
            self.cases.entry(labels.clone()).or_insert(0.0);
        }
        self
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts beyond 2^53 need no exact display")]
const fn count(count: i64) -> f64 {
    count as f64
}

fn oldest(ages: &mut BTreeMap<[String; 1], f64>, label: &str, seconds: f64) {
    let age = ages.entry([label.to_owned()]).or_insert(0.0);
    *age = age.max(seconds);
}

/// Shows them until the drain.
pub(crate) async fn show_figures(shared: Shared) -> anyhow::Result<()> {
    let metrics = shared.figures.clone();
    let sources: Vec<(String, String)> = shared
        .source_of_topic
        .iter()
        .map(|(topic, source)| (source.as_ref().to_owned(), topic.clone()))
        .collect();
    let mut shown = Shown::default();
    let mut look = tokio::time::interval(LOOK);
    while shared.drain.unless_requested(look.tick()).await.is_some() {
        let found = shared
            .steadily(|| async {
                let mut connection = shared.pool.acquire().await?;
                if !try_lease(&mut connection, LEASE, &shared.instance, LEASE_SECONDS).await? {
                    return Ok(None);
                }
                drop(connection);
                figures(&shared.pool, &shared.group, &sources).await.map(Some)
            })
            .await?;
        let now = match found {
            None => break,
            Some(None) => Shown::default(),
            Some(Some(figures)) => {
                metrics.count_views(figures.secret_views);
                Shown::of(&figures, &sources).with_zeros_of(&shown)
            }
        };
        metrics.show(&shown, &now);
        shown = now;
    }
    Ok(())
}
