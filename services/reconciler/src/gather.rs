//! What merging persons needs: their records, numbers, decisions, cases, and the people around them. One statement for
//! each kind, whatever the number of persons.

use event_log::SourceMessage;
use registry_rules::{
    CaseSubject, Decision, IdentifierKind, MAX_TIES, PersonFacts, PersonId, Pin, RecordKey, RegisterEntry,
    SourceRecord, Tie, decisions_about, relation_group,
};
use registry_store::{
    AttachedRecord, PersonAnchor, PersonRow, StoreError, StoredCase, anchors_leading_to, case_subject,
    close_register, decisions_naming, entries_of, load_cases, lock_persons, persons_at_anchors,
    records_at_anchors, records_of_groups,
};
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// One person's own side.
#[derive(Debug, Default)]
pub(crate) struct Own {
    /// What is stored of the person; none for a new one.
    pub(crate) row: Option<PersonRow>,
    /// Anchors that lead here: an id without any is merged away.
    pub(crate) anchors: Vec<String>,
    /// Ids that lead here.
    pub(crate) absorbed: Vec<PersonId>,
    /// Attached records.
    pub(crate) records: Vec<SourceRecord>,
    /// Register entries of the person's numbers.
    pub(crate) register: Vec<RegisterEntry>,
    /// Decisions about the records.
    pub(crate) decisions: Vec<Decision>,
    /// Records whose number names somebody else.
    pub(crate) contradicted: Vec<RecordKey>,
}

impl Own {
    /// Whether the id is one that anchors lead to.
    pub(crate) const fn stands(&self) -> bool {
        !self.anchors.is_empty()
    }

    /// The relation groups that tie this person to others, each with the own record.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (String, &RecordKey)> {
        self.records.iter().filter_map(|record| Some((relation_group(record)?, &record.record_key)))
    }
}

/// Reads a stored record.
pub(crate) fn record_of(payload: &[u8]) -> Result<SourceRecord, StoreError> {
    match event_log::decode_source_message(payload) {
        Ok(SourceMessage::Record(record)) => Ok(record),
        Ok(
            SourceMessage::Marker(_)
            | SourceMessage::SnapshotBegin(_)
            | SourceMessage::SnapshotEnd(_)
            | SourceMessage::Fence(_),
        )
        | Err(_) => Err(StoreError::Unreadable("record")),
    }
}

/// The persons' own sides; the persons are locked from here on.
pub(crate) async fn gather(
    connection: &mut PgConnection,
    persons: &BTreeSet<PersonId>,
) -> Result<BTreeMap<PersonId, Own>, StoreError> {
    let ids: Vec<PersonId> = persons.iter().copied().collect();
    let mut own: BTreeMap<PersonId, Own> = ids.iter().map(|id| (*id, Own::default())).collect();
    for row in lock_persons(connection, &ids).await? {
        let id = row.person_id;
        own.entry(id).or_default().row = Some(row);
    }
    let anchors = anchors_leading_to(connection, &ids).await?;
    fill(connection, &mut own, &anchors).await?;
    Ok(own)
}

/// The own sides of persons that this transaction has made, by the anchors that it has made with them.
pub(crate) async fn gather_new(
    connection: &mut PgConnection,
    anchors: &[PersonAnchor],
) -> Result<BTreeMap<PersonId, Own>, StoreError> {
    let mut own = anchors.iter().map(|anchor| (anchor.leads_to, Own::default())).collect();
    fill(connection, &mut own, anchors).await?;
    Ok(own)
}

async fn fill(
    connection: &mut PgConnection,
    own: &mut BTreeMap<PersonId, Own>,
    anchors: &[PersonAnchor],
) -> Result<(), StoreError> {
    let names: Vec<&str> = anchors.iter().map(|a| a.anchor.as_str()).collect();
    let records = records_at_anchors(connection, &names).await?;
    let decided = put_records(own, anchors, &records)?;
    put_register(connection, own, anchors).await?;
    if !decided.is_empty() {
        put_decisions(connection, own, &decided).await?;
    }
    Ok(())
}

/// Gives each person anchors and records; answers with the records that decisions name.
fn put_records(
    own: &mut BTreeMap<PersonId, Own>,
    anchors: &[PersonAnchor],
    records: &[AttachedRecord],
) -> Result<Vec<String>, StoreError> {
    let mut person_of: BTreeMap<&str, PersonId> = BTreeMap::new();
    for anchor in anchors {
        person_of.insert(&anchor.anchor, anchor.leads_to);
        let Some(person) = own.get_mut(&anchor.leads_to) else { continue };
        person.anchors.push(anchor.anchor.clone());
        if anchor.person_id != anchor.leads_to {
            person.absorbed.push(anchor.person_id);
        }
    }
    let mut decided = Vec::new();
    for row in records {
        let Some(person) = person_of.get(row.anchor.as_str()).and_then(|id| own.get_mut(id)) else {
            continue;
        };
        let record = record_of(&row.payload)?;
        if row.contradicted {
            person.contradicted.push(record.record_key.clone());
        }
        if row.decided {
            decided.push(record.record_key.as_str().to_owned());
        }
        person.records.push(record);
    }
    Ok(decided)
}

async fn put_register(
    connection: &mut PgConnection,
    own: &mut BTreeMap<PersonId, Own>,
    anchors: &[PersonAnchor],
) -> Result<(), StoreError> {
    let person_of: BTreeMap<&str, PersonId> =
        anchors.iter().filter_map(|a| Some((a.anchor.strip_prefix("pin:")?, a.leads_to))).collect();
    let pins: Vec<&str> = person_of.keys().copied().collect();
    let mut entries = entries_of(connection, &pins).await?;
    entries.sort_by(|a, b| (&a.pin, &a.record_key).cmp(&(&b.pin, &b.record_key)));
    for entry in entries {
        if let Some(person) = person_of.get(entry.pin.as_str()).and_then(|id| own.get_mut(id)) {
            person.register.push(entry);
        }
    }
    Ok(())
}

/// Each person gets the decisions that name a record of theirs, and those that take these back.
async fn put_decisions(
    connection: &mut PgConnection,
    own: &mut BTreeMap<PersonId, Own>,
    decided: &[String],
) -> Result<(), StoreError> {
    let keys: Vec<&str> = decided.iter().map(String::as_str).collect();
    let decisions = decisions_naming(connection, &keys).await?;
    for person in own.values_mut() {
        let keys: BTreeSet<&RecordKey> = person.records.iter().map(|r| &r.record_key).collect();
        person.decisions = decisions_about(&decisions, &keys);
    }
    Ok(())
}

/// The records around the persons, by relation group.
#[derive(Debug, Default)]
pub(crate) struct Around {
    members: BTreeMap<String, Vec<Member>>,
    facts: BTreeMap<PersonId, PersonFacts>,
}

/// A record of a group, with its person.
#[derive(Debug)]
struct Member {
    record_key: String,
    relation_to_head: Option<String>,
    person_id: PersonId,
}

/// Loads the members of groups. Of the persons themselves nothing is read again: `fresh` are the facts that this
/// transaction has made of them.
pub(crate) async fn around(
    connection: &mut PgConnection,
    groups: &BTreeSet<String>,
    own: &BTreeMap<PersonId, Own>,
    fresh: &BTreeMap<PersonId, PersonFacts>,
) -> Result<Around, StoreError> {
    let names: Vec<&str> = groups.iter().map(String::as_str).collect();
    let records = records_of_groups(connection, &names).await?;
    let mut person_of: HashMap<String, PersonId> = own
        .iter()
        .flat_map(|(person, own)| own.anchors.iter().map(|anchor| (anchor.clone(), *person)))
        .collect();
    let others: BTreeSet<&str> =
        records.iter().map(|r| r.anchor.as_str()).filter(|anchor| !person_of.contains_key(*anchor)).collect();
    let mut found = Around { members: BTreeMap::new(), facts: fresh.clone() };
    for other in persons_at_anchors(connection, &others.into_iter().collect::<Vec<_>>()).await? {
        if let (Some(text), false) = (&other.facts, found.facts.contains_key(&other.person_id)) {
            let facts =
                serde_json::from_str(text).map_err(|_| StoreError::Unreadable("facts of a person"))?;
            found.facts.insert(other.person_id, facts);
        }
        person_of.insert(other.anchor, other.person_id);
    }
    for record in records {
        let Some(person_id) = person_of.get(&record.anchor).copied() else { continue };
        let member =
            Member { record_key: record.record_key, relation_to_head: record.relation_to_head, person_id };
        found.members.entry(record.relation_group).or_default().push(member);
    }
    Ok(found)
}

impl Around {
    /// The persons that share a group.
    pub(crate) fn persons(&self, group: &str) -> impl Iterator<Item = PersonId> + '_ {
        self.members.get(group).into_iter().flatten().map(|member| member.person_id)
    }

    /// The ties of a person, in an order of their own.
    pub(crate) fn ties(&self, person: PersonId, own: &Own) -> Vec<Tie> {
        let mut ties = Vec::new();
        for (group, record_key) in own.groups() {
            let members = self.members.get(&group).map_or(&[][..], Vec::as_slice);
            for member in members.iter().take(MAX_TIES).filter(|member| member.person_id != person) {
                let Some(facts) = self.facts.get(&member.person_id) else { continue };
                let Ok(other) = RecordKey::try_from(member.record_key.clone()) else { continue };
                ties.push(Tie {
                    own: record_key.clone(),
                    other,
                    relation_to_head: member.relation_to_head.clone(),
                    facts: facts.clone(),
                });
            }
        }
        ties.sort_by(|a, b| (&a.own, &a.other).cmp(&(&b.own, &b.other)));
        ties
    }
}

/// The cases about persons, and about records that are or were contradicted.
pub(crate) async fn cases_about(
    connection: &mut PgConnection,
    own: &BTreeMap<PersonId, Own>,
    were_contradicted: &BTreeSet<RecordKey>,
) -> Result<Vec<StoredCase>, StoreError> {
    let mut subjects: Vec<String> = own.keys().map(|id| case_subject(&CaseSubject::Person(*id))).collect();
    let contradicted = own.values().flat_map(|o| &o.contradicted).chain(were_contradicted);
    subjects.extend(contradicted.map(|key| case_subject(&CaseSubject::Record(key.clone()))));
    load_cases(connection, &subjects).await
}

/// The register entries that speak against contradicted records, by the class of the number each carries.
pub(crate) async fn speaking_against(
    connection: &mut PgConnection,
    own: &BTreeMap<PersonId, Own>,
) -> Result<registry_rules::PinRegister, StoreError> {
    let contradicted: BTreeSet<&RecordKey> = own.values().flat_map(|o| &o.contradicted).collect();
    let records = own.values().flat_map(|o| &o.records).filter(|r| contradicted.contains(&r.record_key));
    let pins: BTreeSet<Pin> =
        records.filter_map(|r| r.identifier(IdentifierKind::Pin)?.parse().ok()).collect();
    let pins: Vec<&str> = pins.iter().map(Pin::as_str).collect();
    Ok(close_register(connection, &pins).await?.register())
}
