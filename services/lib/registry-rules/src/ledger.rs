//! Entries of the disclosure ledger: canonical bytes, fixed for good (`schemas/ledger.md`).

use crate::Mode;
use crate::agreement::words;
use chrono::{DateTime, SecondsFormat, Utc};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use uuid::Uuid;

/// First line of every entry of this version.
const HEADER: &str = "dansync-ledger/1\n";

words! {
    /// What an entry records.
    LedgerEvent {
        /// A person becomes known to the subscriber.
        Entered = "entered",
        /// What the subscriber holds changes.
        Changed = "changed",
        /// The subscriber must forget the person.
        Left = "left",
        /// Answered on request: look-up, verification, written extract.
        Answered = "answered",
    }
}

/// One release, as the ledger keeps it: names and reasons, never values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerEntry {
    /// Random; also the id of the message that goes out.
    pub entry_id: Uuid,
    /// When it was authorised; written to the second.
    pub authorised_at: DateTime<Utc>,
    /// Keyed hash of the person's id.
    pub person: [u8; 20],
    /// The agreement.
    pub agreement: String,
    /// Its version.
    pub agreement_version: u32,
    /// The receiving body.
    pub subscriber: String,
    /// Its environment.
    pub environment: String,
    /// What for.
    pub purpose: String,
    /// The articles that permit it, in the agreement's order.
    pub legal_basis: Vec<String>,
    /// What happens.
    pub event: LedgerEvent,
    /// Why a person leaves.
    pub reason: Option<String>,
    /// Names of the fields that have a value in the payload.
    pub fields: BTreeSet<String>,
    /// Number of the release within (agreement, person); none for answers.
    pub release_no: Option<u64>,
    /// How it gets out.
    pub mode: Mode,
    /// [`payload_hash`] of what goes out.
    pub payload_hash: [u8; 32],
    /// What the requester calls the request.
    pub request_id: Option<String>,
    /// Code of the public-service procedure.
    pub procedure_code: Option<String>,
    /// The requesting agency.
    pub agency: Option<String>,
    /// The officer who asks.
    pub officer: Option<String>,
    /// On whose behalf.
    pub on_behalf_of: Option<String>,
    /// The consent that it rests on.
    pub consent_id: Option<String>,
}

impl LedgerEntry {
    /// The entry's bytes. Equal entries have equal bytes; no two different ones do.
    pub fn canonical_bytes(&self) -> Vec<u8> {
        let Self {
            entry_id,
            authorised_at,
            person,
            agreement,
            agreement_version,
            subscriber,
            environment,
            purpose,
            legal_basis,
            event,
            reason,
            fields,
            release_no,
            mode,
            payload_hash,
            request_id,
            procedure_code,
            agency,
            officer,
            on_behalf_of,
            consent_id,
        } = self;
        let mut out = Writer(HEADER.as_bytes().to_vec());
        out.text(&entry_id.to_string());
        out.text(&authorised_at.to_rfc3339_opts(SecondsFormat::Secs, true));
        out.text(&hex(person));
        out.text(agreement);
        out.text(&agreement_version.to_string());
        out.text(subscriber);
        out.text(environment);
        out.text(purpose);
        out.list(legal_basis.iter());
        out.text(event.as_str());
        out.optional(reason.as_deref());
        out.list(fields.iter());
        out.optional(release_no.map(|n| n.to_string()).as_deref());
        out.text(mode.as_str());
        out.text(&hex(payload_hash));
        for known_for_answers in [request_id, procedure_code, agency, officer, on_behalf_of, consent_id] {
            out.optional(known_for_answers.as_deref());
        }
        out.0
    }
}

/// SHA-256 over salt and payload. The salt stands beside the entry, not in it: who holds only entries cannot try values.
pub fn payload_hash(salt: &[u8; 16], payload: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(salt).chain_update(payload).finalize().into()
}

/// Netstrings: length, ':', bytes, ','; a lone '-' and ',' where there is no value.
struct Writer(Vec<u8>);

impl Writer {
    fn text(&mut self, text: &str) {
        self.0.extend_from_slice(format!("{}:", text.len()).as_bytes());
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(b',');
    }

    fn optional(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.text(text),
            None => self.0.extend_from_slice(b"-,"),
        }
    }

    fn list<'a>(&mut self, items: impl Iterator<Item = &'a String>) {
        let mut inner = Self(Vec::new());
        for item in items {
            inner.text(item);
        }
        self.0.extend_from_slice(format!("{}:", inner.0.len()).as_bytes());
        self.0.append(&mut inner.0);
        self.0.push(b',');
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        write!(out, "{byte:02x}").expect("writing to a String cannot fail");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> LedgerEntry {
        LedgerEntry {
            entry_id: Uuid::from_u128(1),
            authorised_at: DateTime::from_timestamp(1_800_000_000, 999_000_000).unwrap(),
            person: [0xab; 20],
            agreement: "education".into(),
            agreement_version: 2,
            subscriber: "moet".into(),
            environment: "demo".into(),
            purpose: "enrolment".into(),
            legal_basis: vec!["Decree 70/2024 art. 8".into(), "Law 26/2023 art. 10".into()],
            event: LedgerEvent::Entered,
            reason: None,
            fields: ["npd.sex".into(), "npd.birth_name.full".into()].into(),
            release_no: Some(1),
            mode: Mode::Topic,
            payload_hash: [0; 32],
            request_id: None,
            procedure_code: None,
            agency: None,
            officer: None,
            on_behalf_of: None,
            consent_id: None,
        }
    }

    #[test]
    fn bytes_are_those_of_the_specification() {
        let expected = concat!(
            "dansync-ledger/1\n",
            "36:00000000-0000-0000-0000-000000000001,",
            "20:2027-01-15T08:00:00Z,",
            "40:abababababababababababababababababababab,",
            "9:education,1:2,4:moet,4:demo,9:enrolment,",
            "48:21:Decree 70/2024 art. 8,19:Law 26/2023 art. 10,,",
            "7:entered,-,",
            "33:19:npd.birth_name.full,7:npd.sex,,",
            "1:1,5:topic,",
            "64:0000000000000000000000000000000000000000000000000000000000000000,",
            "-,-,-,-,-,-,",
        );
        assert_eq!(String::from_utf8(entry().canonical_bytes()).unwrap(), expected);
    }

    #[test]
    fn an_empty_text_is_not_a_missing_one() {
        let empty = LedgerEntry { reason: Some(String::new()), ..entry() };
        assert_ne!(empty.canonical_bytes(), entry().canonical_bytes());
    }

    #[test]
    fn the_salt_changes_the_payload_hash() {
        assert_ne!(payload_hash(&[0; 16], b"x"), payload_hash(&[1; 16], b"x"));
    }
}
