//! How the matcher stands, for those who watch the service: while it lags or nobody is at it, records that no number places may
//! stand elsewhere than they will. Nothing else waits for it, so no readiness check fails by it.

use crate::matcher::LEASE;
use crate::run::Shared;
use registry_store::{MatcherAt, MatcherStanding, matcher_standing};
use serde_json::json;
use service_runtime::Detail;
use service_runtime::metrics::{Gauge, Gauges, Label, LabelSets, Metrics, catalogue};
use std::time::Duration;

/// Between two looks: the rhythm of scrapes.
const LOOK: Duration = Duration::from_secs(15);
const STANDINGS: [&str; 3] = ["off", "sweeping", "live"];

/// Handles, made once.
#[derive(Clone, Debug)]
pub(crate) struct MatcherSigns {
    standing: Gauges<1>,
    unattended: Gauge,
    detail: Detail,
}

impl MatcherSigns {
    pub(crate) fn new(metrics: &Metrics, detail: Detail) -> Self {
        let standings = STANDINGS.map(Label::fixed).to_vec();
        Self {
            standing: metrics.gauges(&catalogue::MATCHER_STANDING, LabelSets::all([standings])),
            unattended: metrics.gauge(&catalogue::MATCHER_UNATTENDED),
            detail,
        }
    }

    fn show(&self, standing: &MatcherStanding) {
        let (name, waiting) = match standing.at {
            MatcherAt::Off => ("off", 0),
            MatcherAt::Sweeping => ("sweeping", 0),
            MatcherAt::Live(waiting) => ("live", waiting),
        };
        for one in STANDINGS {
            self.standing.with([one]).set_flag(one == name);
        }
        self.unattended.set(standing.unattended_seconds);
        self.detail.set(json!({
            "standing": name,
            "waiting": waiting,
            "unattended_seconds": standing.unattended_seconds,
        }));
    }
}

/// Shows it until the drain.
pub(crate) async fn show_matcher(shared: Shared, signs: MatcherSigns) -> anyhow::Result<()> {
    let mut look = tokio::time::interval(LOOK);
    while shared.drain.unless_requested(look.tick()).await.is_some() {
        let Some(standing) = shared.steadily(|| matcher_standing(&shared.pool, LEASE)).await? else { break };
        signs.show(&standing);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use service_runtime::Readiness;

    #[test]
    fn exactly_one_standing_is_shown_and_told_where_readiness_is_asked() {
        let metrics = Metrics::new();
        let readiness = Readiness::new(&metrics);
        let signs = MatcherSigns::new(&metrics, readiness.detail("matcher"));
        for (at, name, waiting) in [
            (MatcherAt::Off, "off", 0),
            (MatcherAt::Sweeping, "sweeping", 0),
            (MatcherAt::Live(7), "live", 7),
        ] {
            signs.show(&MatcherStanding { at, unattended_seconds: 40.0 });
            let shown = metrics.render();
            for one in STANDINGS {
                let line =
                    format!("dansync_matcher_standing{{standing=\"{one}\"}} {}\n", u8::from(one == name));
                assert!(shown.contains(&line), "{line} in {shown}");
            }
            assert!(shown.contains("dansync_matcher_unattended_seconds 40\n"), "{shown}");
            let told = json!({ "standing": name, "waiting": waiting, "unattended_seconds": 40.0 });
            assert_eq!(readiness.details()["matcher"], told);
        }
        assert!(readiness.is_ready(), "nothing but links waits for the matcher");
    }
}
