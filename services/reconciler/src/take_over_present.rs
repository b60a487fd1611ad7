//! Days and rules as `control` tells them: each with the log's time, so that a registry made anew knows what was in force at
//! any moment before.

use crate::reconciler::Reconciler;
use crate::rules::rule_set_name;
use crate::take_over::TakeOverError;
use crate::whole_topic::WholeTopic;
use event_log::{ControlEvent, KafkaConfig, SchemaRegistry};
use registry_rules::FieldCatalogue;
use registry_store::{
    Outcomes, Present, StoreError, activate_rules, begin_present, claim_positions, keep_rules,
    move_positions, open_day, present,
};
use service_runtime::clock::business_date_at;
use sqlx::PgConnection;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What was taken over from `control`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PresentTaken {
    /// Messages that opened a day.
    pub days: u64,
    /// Messages that put a rule set in force.
    pub rules: u64,
    /// Rule sets put in force whose text nobody gave: those before them stand for their time.
    pub unknown: BTreeSet<String>,
    /// The rule set with which all begins, where the log only says that another one followed.
    pub assumed: Option<String>,
}

impl Reconciler {
    /// Replays `control` into a new registry, whose reconcilers go on after it.
    pub(crate) async fn take_over_present(
        &self,
        connection: &mut PgConnection,
        kafka: &KafkaConfig,
        schemas: &SchemaRegistry,
        earlier: &[String],
    ) -> Result<PresentTaken, TakeOverError> {
        let given = keep(connection, earlier).await?;
        let shipped = present(connection).await?.rule_set;
        let first = given.first().unwrap_or(&shipped);
        let topic = self.settings.topics.control();
        let mut messages: WholeTopic<ControlEvent> = WholeTopic::open(kafka, schemas, &topic);
        let mut taken = PresentTaken::default();
        while let Some(page) = messages.page().await? {
            for (event, at) in page {
                if taken.days + taken.rules == 0 {
                    let date = match &event {
                        ControlEvent::DayOpened { date } => *date,
                        ControlEvent::RulesActivated { .. } => business_date_at(at),
                    };
                    begin_present(connection, &Present { date, rule_set: first.clone() }).await?;
                }
                match event {
                    ControlEvent::DayOpened { date } => {
                        open_day(connection, date, at).await?;
                        taken.days += 1;
                    }
                    ControlEvent::RulesActivated { rule_set } => {
                        if !activate_rules(connection, &rule_set, at).await? {
                            taken.unknown.insert(rule_set);
                        }
                        taken.rules += 1;
                    }
                }
            }
        }
        if taken.rules > 0 && given.is_empty() {
            taken.assumed = Some(first.clone());
        }
        self.go_on_after(connection, &topic, messages.next_offset()).await?;
        Ok(taken)
    }

    async fn go_on_after(
        &self,
        connection: &mut PgConnection,
        topic: &Arc<str>,
        next_offset: i64,
    ) -> Result<(), StoreError> {
        let group = &self.settings.group;
        claim_positions(connection, group, &[(Arc::clone(topic), 0)]).await?;
        let counts = Outcomes::default();
        move_positions(connection, group, &[(Arc::clone(topic), 0, next_offset, counts)]).await
    }
}

/// Keeps rule sets under the names that the log knows them by.
async fn keep(connection: &mut PgConnection, texts: &[String]) -> Result<Vec<String>, StoreError> {
    let mut names = Vec::with_capacity(texts.len());
    for text in texts {
        let parsed = FieldCatalogue::parse(text).map_err(|_| StoreError::Unreadable("rule set"))?;
        let name = rule_set_name(parsed.version, text);
        keep_rules(connection, &name, text).await?;
        names.push(name);
    }
    Ok(names)
}
