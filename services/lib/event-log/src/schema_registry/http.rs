//! The two questions of the Confluent API that services ask.

use super::{SchemaId, SchemaRegistryError};
use serde::Deserialize;
use std::time::Duration;
use ureq::Agent;

/// One question. A registry that is slower counts as away; ids are remembered.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);
/// The media type of the Confluent API.
const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";

#[derive(Deserialize)]
struct Registered {
    id: u32,
}

#[derive(Deserialize)]
struct Stored {
    schema: String,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    message: String,
}

/// Blocking client: called on threads that may block.
#[derive(Clone, Debug)]
pub(super) struct Http {
    agent: Agent,
    url: String,
}

impl Http {
    pub(super) fn new(url: &str) -> Self {
        let agent = Agent::config_builder()
            .timeout_global(Some(ASK_TIMEOUT))
            .http_status_as_error(false)
            .build()
            .new_agent();
        Self { agent, url: url.trim_end_matches('/').to_owned() }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Registers a schema, or finds the id it has already: the registry answers both alike.
    pub(super) fn register(&self, subject: &str, json: &str) -> Result<SchemaId, SchemaRegistryError> {
        match self.register_once(subject, json) {
            // Apicurio answers so, too, to whoever loses the race for a new subject; the second answer tells.
            Err(SchemaRegistryError::Refused { status: 409, .. }) => self.register_once(subject, json),
            answered => answered,
        }
    }

    fn register_once(&self, subject: &str, json: &str) -> Result<SchemaId, SchemaRegistryError> {
        let request = self
            .agent
            .post(format!("{}/subjects/{subject}/versions", self.url))
            .header("content-type", MEDIA_TYPE)
            .header("accept", MEDIA_TYPE);
        let answer = request.send_json(serde_json::json!({ "schema": json }));
        self.read::<Registered>(subject, answer).map(|r| SchemaId(r.id))
    }

    /// The text of a schema.
    pub(super) fn schema(&self, id: SchemaId) -> Result<String, SchemaRegistryError> {
        let request = self.agent.get(format!("{}/schemas/ids/{id}", self.url)).header("accept", MEDIA_TYPE);
        match self.read::<Stored>(&format!("schema {id}"), request.call()) {
            Err(SchemaRegistryError::Refused { status: 404, .. }) => Err(SchemaRegistryError::Unknown { id }),
            other => other.map(|s| s.schema),
        }
    }

    fn read<T: serde::de::DeserializeOwned>(
        &self,
        what: &str,
        answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<T, SchemaRegistryError> {
        let away = |reason: String| SchemaRegistryError::Away { url: self.url.clone(), reason };
        let mut answer = answer.map_err(|e| away(e.to_string()))?;
        let status = answer.status();
        if status.is_success() {
            return answer.body_mut().read_json().map_err(|e| away(e.to_string()));
        }
        if status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429) {
            return Err(away(status.to_string()));
        }
        let reason =
            answer.body_mut().read_json::<Refusal>().map_or_else(|_| status.to_string(), |r| r.message);
        Err(SchemaRegistryError::Refused { what: what.to_owned(), status: status.as_u16(), reason })
    }
}
