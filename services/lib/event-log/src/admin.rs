//! Makes the topics that are missing, with the settings of design §5.

use crate::KafkaConfig;
use crate::client::LoggingContext;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::config::FromClientConfigAndContext as _;
use rdkafka::error::RDKafkaErrorCode;
use std::sync::Arc;
use std::time::Duration;

/// How long a restored registry may lag behind its topics: nothing is compacted away before a backup of that age is gone.
pub const BACKUP_WINDOW: Duration = Duration::from_hours(7 * 24);
/// Between two looks for a topic that was just made.
const LOOK: Duration = Duration::from_millis(20);
/// One question to the brokers.
const ASK_TIMEOUT: Duration = Duration::from_secs(15);

/// What becomes of old records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cleanup {
    /// Kept for good.
    Keep,
    /// The newest of each key stays; older ones go after this time, tombstones too.
    Compact {
        /// Time a reader has to see every record.
        after: Duration,
    },
}

/// A topic as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSpec {
    /// Its name.
    pub name: Arc<str>,
    /// Partitions; none for what the configuration says.
    pub partitions: Option<i32>,
    /// What becomes of old records.
    pub cleanup: Cleanup,
}

impl TopicSpec {
    /// Compacted after the backup window: source records, person images, links.
    pub const fn state(name: Arc<str>) -> Self {
        Self { name, partitions: None, cleanup: Cleanup::Compact { after: BACKUP_WINDOW } }
    }

    /// Kept for good: feedback, quarantine.
    pub const fn history(name: Arc<str>) -> Self {
        Self { name, partitions: None, cleanup: Cleanup::Keep }
    }

    /// Kept for good, in one partition: answers. Each has one reader, and every partition that a transaction touches costs
    /// the broker two appends more.
    pub const fn answers(name: Arc<str>) -> Self {
        Self { name, partitions: Some(1), cleanup: Cleanup::Keep }
    }

    /// Kept for good, in one order for everybody: control.
    pub const fn control(name: Arc<str>) -> Self {
        Self { name, partitions: Some(1), cleanup: Cleanup::Keep }
    }

    /// The newest of each key, in one partition: positions.
    pub const fn positions(name: Arc<str>) -> Self {
        Self { name, partitions: Some(1), cleanup: Cleanup::Compact { after: Duration::ZERO } }
    }

    /// What an agreement may hold; `replay` is the promised window in which every record can be read again.
    pub const fn out(name: Arc<str>, replay: Duration) -> Self {
        Self { name, partitions: None, cleanup: Cleanup::Compact { after: replay } }
    }

    fn settings(&self, replication: i32) -> Vec<(&'static str, String)> {
        // Received time is the log's own, not a client's.
        let mut settings = vec![("message.timestamp.type", "LogAppendTime".to_owned())];
        if replication > 2 {
            // An acknowledged record is on two brokers, and one of three may be away.
            settings.push(("min.insync.replicas", "2".to_owned()));
        }
        match self.cleanup {
            Cleanup::Keep => {
                settings.push(("cleanup.policy", "delete".to_owned()));
                settings.push(("retention.ms", "-1".to_owned()));
                settings.push(("retention.bytes", "-1".to_owned()));
            }
            Cleanup::Compact { after } => {
                settings.push(("cleanup.policy", "compact".to_owned()));
                settings.push(("min.compaction.lag.ms", after.as_millis().to_string()));
                settings.push(("delete.retention.ms", after.as_millis().to_string()));
            }
        }
        settings
    }
}

/// The topics cannot be made as they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdminError {
    /// The client refuses its settings. Exit 78.
    #[error("kafka: the client settings are refused: {reason}; see [kafka] and its properties")]
    Configuration {
        /// librdkafka's words.
        reason: String,
    },
    /// The brokers do not answer. Exit 69.
    #[error("kafka: the brokers do not answer: {reason}")]
    Unavailable {
        /// librdkafka's words.
        reason: String,
    },
    /// A topic is refused. Exit 78.
    #[error("kafka: topic {topic} could not be made: {reason}")]
    Refused {
        /// The topic.
        topic: String,
        /// The broker's words.
        reason: String,
    },
    /// A topic that must have one order for everybody has several. Exit 78.
    #[error(
        "kafka: topic {topic} has {found} partitions and must have {expected}: delete it and start again"
    )]
    Partitions {
        /// The topic.
        topic: String,
        /// As it should be.
        expected: i32,
        /// As it is.
        found: usize,
    },
}

/// Makes and inspects topics.
pub struct Admin {
    client: Arc<AdminClient<LoggingContext>>,
    partitions: i32,
    replication: i32,
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admin").field("partitions", &self.partitions).finish_non_exhaustive()
    }
}

impl Admin {
    /// Opens the client; the brokers need not answer yet.
    pub fn open(config: &KafkaConfig) -> Result<Self, AdminError> {
        let client = AdminClient::from_config_and_context(&config.admin_client(), LoggingContext)
            .map_err(|e| AdminError::Configuration { reason: e.to_string() })?;
        Ok(Self { client: Arc::new(client), partitions: config.partitions, replication: config.replication })
    }

    /// Makes the topics that are missing. Existing ones keep their settings and partitions; where the number of partitions
    /// is part of a topic's meaning, another number is an error.
    pub async fn ensure(&self, specs: &[TopicSpec]) -> Result<(), AdminError> {
        let settings: Vec<_> = specs.iter().map(|spec| spec.settings(self.replication)).collect();
        let topics: Vec<NewTopic<'_>> = specs
            .iter()
            .zip(&settings)
            .map(|(spec, settings)| {
                let topic = NewTopic::new(
                    &spec.name,
                    spec.partitions.unwrap_or(self.partitions),
                    TopicReplication::Fixed(self.replication),
                );
                settings.iter().fold(topic, |topic, (name, value)| topic.set(name, value))
            })
            .collect();
        let options =
            AdminOptions::new().request_timeout(Some(ASK_TIMEOUT)).operation_timeout(Some(ASK_TIMEOUT));
        let results = self
            .client
            .create_topics(&topics, &options)
            .await
            .map_err(|e| AdminError::Unavailable { reason: e.to_string() })?;
        for result in results {
            match result {
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((topic, code)) => return Err(AdminError::Refused { topic, reason: code.to_string() }),
            }
        }
        for spec in specs {
            let found = self.visible_partitions(&spec.name).await?;
            if let Some(expected) = spec.partitions
                && i32::try_from(found) != Ok(expected)
            {
                return Err(AdminError::Partitions { topic: spec.name.to_string(), expected, found });
            }
        }
        Ok(())
    }

    /// The partitions of a topic that exists: what was just made shows in the brokers' metadata a moment later.
    async fn visible_partitions(&self, topic: &str) -> Result<usize, AdminError> {
        let mut looks = tokio::time::interval(LOOK);
        let seen = async {
            loop {
                looks.tick().await;
                let found = self.partition_count(topic).await?;
                if found > 0 {
                    return Ok(found);
                }
            }
        };
        let late = || AdminError::Unavailable { reason: format!("topic {topic} was made and does not show") };
        tokio::time::timeout(ASK_TIMEOUT, seen).await.unwrap_or_else(|_| Err(late()))
    }

    /// Deletes topics, records and all; those that are not there are as they should be.
    pub async fn delete(&self, topics: &[Arc<str>]) -> Result<(), AdminError> {
        let names: Vec<&str> = topics.iter().map(|topic| &**topic).collect();
        let options =
            AdminOptions::new().request_timeout(Some(ASK_TIMEOUT)).operation_timeout(Some(ASK_TIMEOUT));
        let results = self
            .client
            .delete_topics(&names, &options)
            .await
            .map_err(|e| AdminError::Unavailable { reason: e.to_string() })?;
        for result in results {
            match result {
                Ok(_)
                | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic)) => {}
                Err((topic, code)) => return Err(AdminError::Refused { topic, reason: code.to_string() }),
            }
        }
        Ok(())
    }

    /// How many partitions a topic has; 0 when there is no such topic.
    pub async fn partition_count(&self, topic: &str) -> Result<usize, AdminError> {
        let (client, topic) = (Arc::clone(&self.client), topic.to_owned());
        let unavailable = |reason: String| AdminError::Unavailable { reason };
        tokio::task::spawn_blocking(move || {
            // Asking for all: asking for one that is missing would make it.
            let metadata =
                client.inner().fetch_metadata(None, ASK_TIMEOUT).map_err(|e| unavailable(e.to_string()))?;
            Ok(metadata.topics().iter().find(|t| t.name() == topic).map_or(0, |t| t.partitions().len()))
        })
        .await
        .unwrap_or_else(|e| Err(unavailable(e.to_string())))
    }
}
