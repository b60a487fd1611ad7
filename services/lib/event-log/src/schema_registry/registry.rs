//! Ids of our schemas and schemas of others' ids, from the registry or from what it answered before.

use super::SchemaId;
use super::http::Http;
use super::memory::Memory;
use crate::{EmbeddedSchema, Fingerprint, SchemaError};
use apache_avro::Schema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where the registry is and where its answers are remembered.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemaRegistryConfig {
    /// Address of the Confluent API: `http://host:port` (Apicurio: with `/apis/ccompat/v7`).
    pub url: String,
    /// Directory of the remembered answers; it survives restarts.
    pub cache_dir: PathBuf,
}

/// The registry's answer cannot be had, or is a refusal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaRegistryError {
    /// It does not answer, and nothing is remembered. To be tried again; exit 69 at a first start.
    #[error("the schema registry at {url} does not answer and nothing is remembered of it: {reason}")]
    Away {
        /// Its address.
        url: String,
        /// Why.
        reason: String,
    },
    /// It refuses: most often a schema incompatible with an earlier one. Exit 78.
    #[error("the schema registry refuses {what} (status {status}): {reason}")]
    Refused {
        /// Subject or id.
        what: String,
        /// HTTP status.
        status: u16,
        /// Its words.
        reason: String,
    },
    /// It knows no schema of this id: the message was written with another registry's.
    #[error("the schema registry knows no schema {id}: the message was written against another registry")]
    Unknown {
        /// The id.
        id: SchemaId,
    },
    /// It gave something that is no schema, or we asked with something that is none.
    #[error("{subject} is not an Avro schema: {reason}")]
    Schema {
        /// Subject or id.
        subject: String,
        /// The parser's words.
        reason: String,
    },
}

impl From<SchemaError> for SchemaRegistryError {
    fn from(error: SchemaError) -> Self {
        Self::Schema { subject: error.subject, reason: error.reason }
    }
}

#[derive(Debug, Default)]
struct Known {
    /// Subject and fingerprint to id.
    ids: BTreeMap<(String, Fingerprint), SchemaId>,
    /// Ids given from memory while the registry was away: to be checked when it answers.
    unchecked: BTreeMap<(String, Fingerprint), String>,
    schemas: BTreeMap<SchemaId, Arc<Schema>>,
}

/// Client of a schema registry. Clones share what they have learnt.
#[derive(Clone, Debug)]
pub struct SchemaRegistry {
    http: Http,
    memory: Memory,
    known: Arc<Mutex<Known>>,
}

impl SchemaRegistry {
    /// A client; the registry is asked when something is wanted.
    pub fn new(config: &SchemaRegistryConfig) -> Self {
        Self {
            http: Http::new(&config.url),
            memory: Memory::new(&config.cache_dir, &config.url),
            known: Arc::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Each change is one insertion, so a panic elsewhere leaves nothing half done.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The id of one of our own schemas.
    pub async fn ensure_embedded(&self, schema: &EmbeddedSchema) -> Result<SchemaId, SchemaRegistryError> {
        self.ensure(schema.subject, schema.json).await
    }

    /// Registers a schema or finds it, and gives its id. While the registry is away, the id it gave last is given; see
    /// [`SchemaRegistry::check`].
    pub async fn ensure(&self, subject: &str, schema_json: &str) -> Result<SchemaId, SchemaRegistryError> {
        let schema = parse(subject, schema_json)?;
        let key = (subject.to_owned(), Fingerprint::of(&schema));
        if let Some(id) = self.known().ids.get(&key) {
            return Ok(*id);
        }
        let id = match self.register(&key, schema_json).await {
            Err(SchemaRegistryError::Away { url, reason }) => {
                let (memory, wanted) = (self.memory.clone(), key.clone());
                let remembered = self.blocking(move || Ok(memory.id(&wanted.0, &wanted.1))).await?;
                let id = remembered.ok_or(SchemaRegistryError::Away { url, reason })?;
                tracing::warn!(subject, %id, "the schema registry is away: its last answer is used");
                self.known().unchecked.insert(key.clone(), schema_json.to_owned());
                id
            }
            other => other?,
        };
        let mut known = self.known();
        known.ids.insert(key, id);
        known.schemas.insert(id, Arc::new(schema));
        Ok(id)
    }

    /// Asks again for what was given from memory; gives the subjects whose id is another one now (the registry was lost
    /// and made anew): what is published under the old id cannot be read by others. Stays quiet while it is away.
    pub async fn check(&self) -> Result<Vec<String>, SchemaRegistryError> {
        let unchecked = self.known().unchecked.clone();
        let mut moved = Vec::new();
        for (key, schema_json) in unchecked {
            let id = match self.register(&key, &schema_json).await {
                Err(SchemaRegistryError::Away { .. }) => continue,
                other => other?,
            };
            let mut known = self.known();
            known.unchecked.remove(&key);
            if known.ids.insert(key.clone(), id) != Some(id) {
                moved.push(key.0);
            }
        }
        Ok(moved)
    }

    async fn register(
        &self,
        key: &(String, Fingerprint),
        schema_json: &str,
    ) -> Result<SchemaId, SchemaRegistryError> {
        let (registry, key, json) = (self.clone(), key.clone(), schema_json.to_owned());
        self.blocking(move || {
            let id = registry.http.register(&key.0, &json)?;
            if let Err(error) = registry.memory.keep_id(&key.0, &key.1, id) {
                tracing::warn!(%error, "the schema registry's answer could not be remembered");
            }
            Ok(id)
        })
        .await
    }

    /// The schema of an id.
    pub(crate) async fn schema(&self, id: SchemaId) -> Result<Arc<Schema>, SchemaRegistryError> {
        if let Some(schema) = self.known().schemas.get(&id) {
            return Ok(Arc::clone(schema));
        }
        let registry = self.clone();
        let json = self
            .blocking(move || match registry.http.schema(id) {
                Ok(json) => {
                    if let Err(error) = registry.memory.keep_schema(id, &json) {
                        tracing::warn!(%error, "the schema registry's answer could not be remembered");
                    }
                    Ok(json)
                }
                Err(away @ SchemaRegistryError::Away { .. }) => registry.memory.schema(id).ok_or(away),
                Err(other) => Err(other),
            })
            .await?;
        let schema = Arc::new(parse(&format!("schema {id}"), &json)?);
        self.known().schemas.insert(id, Arc::clone(&schema));
        Ok(schema)
    }

    /// The text of an id's schema.
    pub async fn schema_json(&self, id: SchemaId) -> Result<String, SchemaRegistryError> {
        let schema = self.schema(id).await?;
        serde_json::to_string(&*schema).map_err(|e| SchemaRegistryError::Schema {
            subject: format!("schema {id}"),
            reason: e.to_string(),
        })
    }

    /// As if the registry had answered.
    #[cfg(test)]
    pub(crate) fn remember(&self, id: SchemaId, json: &str) {
        self.memory.keep_schema(id, json).unwrap();
    }

    /// As if the registry had answered.
    #[cfg(test)]
    pub(crate) fn remember_id(&self, schema: &EmbeddedSchema, id: SchemaId) {
        self.memory.keep_id(schema.subject, schema.fingerprint().unwrap(), id).unwrap();
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, SchemaRegistryError> + Send + 'static,
    ) -> Result<T, SchemaRegistryError> {
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|e| {
            Err(SchemaRegistryError::Away { url: self.http.url().to_owned(), reason: e.to_string() })
        })
    }
}

fn parse(subject: &str, json: &str) -> Result<Schema, SchemaRegistryError> {
    Schema::parse_str(json)
        .map_err(|e| SchemaRegistryError::Schema { subject: subject.to_owned(), reason: e.to_string() })
}
