//! What a registry has answered, kept on disk: services that have started once start without it.

use crate::{Fingerprint, SchemaId};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// One file per answer, so that several processes may share the directory. Ids are worth nothing at another registry, so
/// each answer names the registry's address.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    directory: PathBuf,
    url: String,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct RememberedId {
    url: String,
    subject: String,
    fingerprint: String,
    id: u32,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct RememberedSchema {
    url: String,
    id: u32,
    schema: String,
}

impl Memory {
    pub(super) fn new(directory: &Path, url: &str) -> Self {
        Self { directory: directory.to_owned(), url: url.to_owned() }
    }

    fn file(&self, parts: &[&str]) -> PathBuf {
        let mut hash = Sha256::new();
        for part in std::iter::once(&self.url.as_str()).chain(parts) {
            hash.update(part.len().to_be_bytes());
            hash.update(part.as_bytes());
        }
        let digest: [u8; 32] = hash.finalize().into();
        let name = digest.first_chunk::<16>().map_or(0, |half| u128::from_be_bytes(*half));
        self.directory.join(format!("{name:032x}.json"))
    }

    fn load<T: serde::de::DeserializeOwned>(&self, parts: &[&str]) -> Option<T> {
        // A file that is missing or torn is an answer not remembered.
        serde_json::from_slice(&fs::read(self.file(parts)).ok()?).ok()
    }

    /// Written beside and renamed, so that nobody reads half of it.
    fn store(&self, parts: &[&str], answer: &impl Serialize) -> std::io::Result<()> {
        fs::create_dir_all(&self.directory)?;
        let file = self.file(parts);
        let beside = file.with_extension(uuid::Uuid::new_v4().simple().to_string());
        let mut writing = fs::File::create(&beside)?;
        writing.write_all(&serde_json::to_vec_pretty(answer)?)?;
        writing.sync_all()?;
        fs::rename(&beside, &file)
    }

    pub(super) fn id(&self, subject: &str, fingerprint: &Fingerprint) -> Option<SchemaId> {
        let found: RememberedId = self.load(&["id", subject, fingerprint.as_str()])?;
        let same =
            found.url == self.url && found.subject == subject && found.fingerprint == fingerprint.as_str();
        same.then_some(SchemaId(found.id))
    }

    pub(super) fn keep_id(
        &self,
        subject: &str,
        fingerprint: &Fingerprint,
        id: SchemaId,
    ) -> std::io::Result<()> {
        let answer = RememberedId {
            url: self.url.clone(),
            subject: subject.to_owned(),
            fingerprint: fingerprint.to_string(),
            id: id.0,
        };
        self.store(&["id", subject, fingerprint.as_str()], &answer)
    }

    pub(super) fn schema(&self, id: SchemaId) -> Option<String> {
        let found: RememberedSchema = self.load(&["schema", &id.to_string()])?;
        (found.url == self.url && found.id == id.0).then_some(found.schema)
    }

    pub(super) fn keep_schema(&self, id: SchemaId, schema: &str) -> std::io::Result<()> {
        let answer = RememberedSchema { url: self.url.clone(), id: id.0, schema: schema.to_owned() };
        self.store(&["schema", &id.to_string()], &answer)
    }
}
