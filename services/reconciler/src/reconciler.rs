//! The reconciler without its log: what a batch, a due person, a sweep or a slice of the first load does to the registry.

use crate::matcher::MatchModel;
use crate::merge::Ground;
use crate::rules::{Rules, RulesInForce, rule_set_name};
use chrono::NaiveDate;
use event_log::Topics;
use registry_rules::{CaseClocks, FieldCatalogue, FingerprintKey};
use registry_store::{
    LoadStage, StoreError, advance_stage, declare_sources, ensure_rules, present, present_while_loading,
    stop_matching,
};
use sqlx::{PgConnection, PgPool};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a reconciler is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Consumer group.
    pub group: String,
    /// Partitions of each source's topic.
    pub sources: BTreeMap<String, i32>,
    /// Names of the topics.
    pub topics: Topics,
    /// For fingerprints of cases.
    pub key: FingerprintKey,
    /// By what records without a number are matched; none: they are not.
    pub matching: Option<Arc<MatchModel>>,
}

/// Applies what the sources say to the registry. Any number of them work on one registry.
#[derive(Debug)]
pub struct Reconciler {
    pub(crate) pool: PgPool,
    pub(crate) settings: Settings,
    rules: RulesInForce,
    clocks: CaseClocks,
    /// The first load is over: that never changes back, unless everything is made anew.
    live: AtomicBool,
}

/// Day, rules and stage of one transaction.
#[derive(Clone, Debug)]
pub(crate) struct Now {
    pub(crate) date: NaiveDate,
    pub(crate) rules: Arc<Rules>,
    pub(crate) stage: LoadStage,
}

impl Reconciler {
    /// Begins on a migrated registry: keeps the shipped rule set, and where none is in force yet, begins with it today.
    pub async fn open(
        pool: PgPool,
        settings: Settings,
        catalogue: &str,
        today: NaiveDate,
    ) -> Result<Self, StoreError> {
        let parsed = FieldCatalogue::parse(catalogue).map_err(|_| StoreError::Unreadable("rule set"))?;
        let clocks = CaseClocks::shipped().map_err(|_| StoreError::Unreadable("clocks of cases"))?;
        let name = rule_set_name(parsed.version, catalogue);
        let mut transaction = pool.begin().await?;
        let present = ensure_rules(&mut transaction, &name, catalogue, today).await?;
        if present.rule_set != name {
            tracing::warn!(
                in_force = present.rule_set,
                shipped = name,
                "another rule set is in force than the shipped one"
            );
        }
        let sources: Vec<&str> = settings.sources.keys().map(String::as_str).collect();
        declare_sources(&mut transaction, &sources).await?;
        if settings.matching.is_none() {
            stop_matching(&mut transaction).await?;
        }
        transaction.commit().await?;
        Ok(Self { pool, settings, rules: RulesInForce::default(), clocks, live: AtomicBool::new(false) })
    }

    /// Day and rules in force, and the stage of the first load, which holds until the transaction ends.
    pub(crate) async fn now(&self, connection: &mut PgConnection) -> Result<Now, StoreError> {
        let (present, stage) = if self.live.load(Ordering::Relaxed) {
            (present(connection).await?, LoadStage::Live)
        } else {
            present_while_loading(connection).await?
        };
        if stage == LoadStage::Live {
            self.live.store(true, Ordering::Relaxed);
        }
        let rules = self.rules.of(connection, &present.rule_set).await?;
        Ok(Now { date: present.date, rules, stage })
    }

    /// Whether this instance has seen that the first load is over.
    pub(crate) fn is_live(&self) -> bool {
        self.live.load(Ordering::Relaxed)
    }

    /// The first load begins again.
    pub(crate) fn forget_live(&self) {
        self.live.store(false, Ordering::Relaxed);
    }

    pub(crate) fn ground<'a>(&'a self, now: &'a Now) -> Ground<'a> {
        Ground {
            rules: &now.rules,
            key: &self.settings.key,
            topics: &self.settings.topics,
            clocks: &self.clocks,
            date: now.date,
        }
    }

    /// Goes on with the first load where a stage is complete; answers with the stage that holds.
    pub async fn advance(&self) -> Result<LoadStage, StoreError> {
        if self.live.load(Ordering::Relaxed) {
            return Ok(LoadStage::Live);
        }
        let model = self.settings.matching.as_deref().map(MatchModel::version);
        let mut transaction = self.pool.begin().await?;
        let stage = advance_stage(&mut transaction, model).await?;
        transaction.commit().await?;
        Ok(stage)
    }
}
