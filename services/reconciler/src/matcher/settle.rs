//! Source keys whose link is to be decided anew: what was decided is recorded, and their records are attached with it.

use crate::apply::Summary;
use crate::attach::attach_again;
use crate::attaching::Attaching;
use crate::commit::write_merged;
use crate::identify::identify;
use crate::matcher::compared::table;
use crate::matcher::decide::{Decision, Links, Question, decide};
use crate::matcher::{MatchModel, Matched};
use crate::merge::{MergeRequest, merge};
use crate::reconciler::{Now, Reconciler};
use record_linkage::Scorer;
use registry_rules::PersonId;
use registry_store::{
    LoadStage, MatchRecord, ReviewPair, StoreError, add_again, close_register, end_links, end_reviews,
    key_of_anchor, keys_of_blocks, linked_to, match_candidates, match_own, match_records, movable_in,
    persons_of_records, put_links_scored, put_reviews, reattach, recorded_links, reviews_of, scored_anchors,
    take_again,
};
use sqlx::PgConnection;
use std::collections::{BTreeMap, BTreeSet};

/// Source keys of one step: each may be compared with the records of a dozen blocks.
const AGAIN: i64 = 100;

/// What a step knows of the source keys in question.
#[derive(Debug, Default)]
struct Situation {
    /// Their records that rule 4 decides about.
    own: BTreeMap<String, Vec<MatchRecord>>,
    /// Where those are attached now.
    attached: BTreeMap<String, BTreeSet<Option<String>>>,
    /// All records in their blocks.
    beside: BTreeMap<String, MatchRecord>,
    blocks: BTreeMap<i64, Vec<String>>,
    links: Links,
    reviews: BTreeMap<String, Vec<ReviewPair>>,
    apart: BTreeMap<String, BTreeSet<String>>,
}

/// What a step changes.
#[derive(Debug, Default)]
struct Changes {
    /// Source keys whose link is another one now, with where it led and leads.
    moved: BTreeMap<String, [Option<String>; 2]>,
    decisions: BTreeMap<String, Decision>,
    /// Source keys whose records are not where their link leads.
    astray: BTreeSet<String>,
}

impl Reconciler {
    /// Decides the first source keys that wait, in their order.
    pub(super) async fn decide_again(
        &self,
        connection: &mut PgConnection,
        now: &Now,
        model: &MatchModel,
        (matched, summary): (&mut Matched, &mut Summary),
    ) -> Result<(), StoreError> {
        let keys = take_again(connection, AGAIN).await?;
        if keys.is_empty() {
            return Ok(());
        }
        matched.worked = true;
        matched.decided += keys.len();
        let mut situation = situation(connection, &keys, model).await?;
        let changes = changes(&keys, &mut situation, model)?;
        let persons = record(connection, &situation, &changes, matched).await?;
        pass_on(connection, &keys, &situation, &changes).await?;
        let attaching = attach_moved(connection, &situation, &changes, summary).await?;
        if now.stage != LoadStage::Live {
            // Nobody has an id yet, nor a question that is open: both follow from where the records stand.
            return Ok(());
        }
        let request = self.identify_moved(connection, attaching, persons).await?;
        let ground = self.ground(now);
        let merged = merge(connection, &ground, &request).await?;
        write_merged(connection, &ground, &merged).await?;
        summary.note(&merged);
        Ok(())
    }

    /// Whom moved records, or a new question, touch.
    async fn identify_moved(
        &self,
        connection: &mut PgConnection,
        attaching: Option<Attaching>,
        persons: BTreeSet<PersonId>,
    ) -> Result<MergeRequest, StoreError> {
        let mut request = MergeRequest { persons, ..MergeRequest::default() };
        if let Some(attaching) = attaching {
            let identified = identify(connection, &attaching, &self.settings.topics).await?;
            request.persons.extend(identified.persons);
            request.merged = identified.merged;
            request.regrouped = identified.regrouped;
            request.groups = attaching.groups;
        }
        Ok(request)
    }
}

/// Attaches the records of source keys whose link changed; none: there are no such records.
async fn attach_moved(
    connection: &mut PgConnection,
    situation: &Situation,
    changes: &Changes,
    summary: &mut Summary,
) -> Result<Option<Attaching>, StoreError> {
    let moved: BTreeSet<&String> = changes.moved.keys().chain(&changes.astray).collect();
    let records = moved.iter().filter_map(|key| situation.own.get(*key)).flatten();
    let records: BTreeSet<String> = records.map(|record| record.record_key.clone()).collect();
    if records.is_empty() {
        return Ok(None);
    }
    let source_keys = moved.iter().map(|key| (*key).clone()).collect();
    let attaching = attach_again(connection, source_keys, records).await?;
    let others: Vec<_> = attaching.others.iter().map(|r| (r.record_key.clone(), r.new.clone())).collect();
    reattach(connection, &others).await?;
    summary.note_attached(attaching.others.iter().map(|one| &one.new));
    Ok(Some(attaching))
}

/// Reads all that the decisions about these source keys depend on.
async fn situation(
    connection: &mut PgConnection,
    keys: &[String],
    model: &MatchModel,
) -> Result<Situation, StoreError> {
    let mut found = Situation::default();
    let names: Vec<&str> = keys.iter().map(String::as_str).collect();
    for (record, anchor) in match_own(connection, &names).await? {
        found.attached.entry(record.source_key.clone()).or_default().insert(anchor);
        found.own.entry(record.source_key.clone()).or_default().push(record);
    }
    let blocks: BTreeSet<i64> = found.own.values().flatten().flat_map(|r| &r.blocks).copied().collect();
    let mut beside: BTreeSet<String> = BTreeSet::new();
    for (block, record_key) in match_candidates(connection, &blocks, model.most()).await? {
        beside.insert(record_key.clone());
        found.blocks.entry(block).or_default().push(record_key);
    }
    let beside: Vec<&str> = beside.iter().map(String::as_str).collect();
    for record in match_records(connection, &beside).await? {
        found.beside.insert(record.record_key.clone(), record);
    }
    let unplaced = found.beside.values().filter(|record| record.movable);
    let mut named: BTreeSet<&str> = unplaced.map(|record| record.source_key.as_str()).collect();
    named.extend(&names);
    let named: Vec<&str> = named.into_iter().collect();
    for (source_key, anchor) in scored_anchors(connection, &named).await? {
        found.links.add(source_key, anchor);
    }
    for (source_key, anchor) in linked_to(connection, &named).await? {
        found.links.add(source_key, anchor);
    }
    found.apart = parted(connection, &found.own).await?;
    for pair in reviews_of(connection, &names).await? {
        found.reviews.entry(pair.source_key.clone()).or_default().push(pair);
    }
    Ok(found)
}

/// The anchors that decisions in force keep source keys apart from, as they stand.
async fn parted(
    connection: &mut PgConnection,
    own: &BTreeMap<String, Vec<MatchRecord>>,
) -> Result<BTreeMap<String, BTreeSet<String>>, StoreError> {
    let key_of: BTreeMap<&str, &String> = own
        .iter()
        .flat_map(|(key, records)| records.iter().map(move |record| (record.record_key.as_str(), key)))
        .collect();
    let records: Vec<&str> = key_of.keys().copied().collect();
    let links = recorded_links(connection, &records, &[]).await?;
    let separated =
        || links.records.iter().flat_map(|(key, on)| on.separated.iter().map(move |to| (key, to)));
    let named: BTreeSet<&str> = separated().map(|(_, anchor)| key_of_anchor(anchor)).collect();
    if named.is_empty() {
        return Ok(BTreeMap::new());
    }
    let together = close_register(connection, &named.into_iter().collect::<Vec<_>>()).await?;
    let register = together.register();
    let mut apart: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (record, anchor) in separated() {
        if let Some(key) = key_of.get(record.as_str()) {
            apart.entry((*key).clone()).or_default().insert(register.resolve(anchor));
        }
    }
    Ok(apart)
}

impl Situation {
    /// The records in the blocks of a source key.
    fn beside<'a>(&'a self, own: &[MatchRecord]) -> Vec<&'a MatchRecord> {
        let blocks: BTreeSet<i64> = own.iter().flat_map(|record| &record.blocks).copied().collect();
        let keys: BTreeSet<&String> =
            blocks.iter().filter_map(|block| self.blocks.get(block)).flatten().collect();
        keys.into_iter().filter_map(|key| self.beside.get(key)).collect()
    }
}

/// Decides about each source key, in their order: a lesser key's link is known before a greater one reads it.
fn changes(keys: &[String], situation: &mut Situation, model: &MatchModel) -> Result<Changes, StoreError> {
    let mut all: BTreeMap<&str, &[String]> = BTreeMap::new();
    for record in situation.beside.values().chain(situation.own.values().flatten()) {
        all.insert(&record.record_key, &record.compared);
    }
    let table = table(all, model)?;
    let Some(mut scorer) = Scorer::new(&table, model.linkage()) else { return Ok(Changes::default()) };
    let (mut changes, none) = (Changes::default(), BTreeSet::new());
    let mut links = std::mem::take(&mut situation.links);
    for key in keys {
        let own = situation.own.get(key).map_or(&[][..], Vec::as_slice);
        let decision = if own.is_empty() {
            Decision::default()
        } else {
            let question = Question {
                source_key: key,
                own: own.iter().collect(),
                beside: situation.beside(own),
                apart: situation.apart.get(key).unwrap_or(&none),
            };
            decide(&mut scorer, model, &question, &links)?
        };
        let (before, after) =
            (links.of.get(key).cloned(), decision.link.as_ref().map(|link| link.anchor.clone()));
        let stand = situation.attached.get(key).into_iter().flatten();
        let belongs = after.as_ref().unwrap_or(key);
        if stand.flatten().any(|anchor| anchor != belongs) {
            changes.astray.insert(key.clone());
        }
        if before != after {
            links.remove(key);
            if let Some(anchor) = &after {
                links.add(key.clone(), anchor.clone());
            }
            changes.moved.insert(key.clone(), [before, after]);
        }
        changes.decisions.insert(key.clone(), decision);
    }
    Ok(changes)
}

/// Records links and questions that differ from those that stand; answers with the persons that questions are about.
async fn record(
    connection: &mut PgConnection,
    situation: &Situation,
    changes: &Changes,
    matched: &mut Matched,
) -> Result<BTreeSet<PersonId>, StoreError> {
    let moved: Vec<&str> = changes.moved.keys().map(String::as_str).collect();
    let links: Vec<_> = changes
        .decisions
        .iter()
        .filter(|(key, _)| changes.moved.contains_key(*key))
        .filter_map(|(_, decision)| decision.link.clone())
        .collect();
    matched.linked += links.len();
    matched.unlinked += moved.len() - links.len();
    end_links(connection, &moved).await?;
    put_links_scored(connection, &links).await?;
    let (mut gone, mut come) = (Vec::new(), Vec::new());
    for (key, decision) in &changes.decisions {
        let stood = situation.reviews.get(key).map_or(&[][..], Vec::as_slice);
        let same = |a: &ReviewPair, b: &ReviewPair| {
            let of = |p: &ReviewPair| (p.record_key.clone(), p.other_key.clone(), p.anchor.clone());
            of(a) == of(b)
                && a.reason == b.reason
                && a.weights == b.weights
                && a.weight.total_cmp(&b.weight).is_eq()
        };
        gone.extend(stood.iter().filter(|old| !decision.reviews.iter().any(|new| same(old, new))));
        come.extend(decision.reviews.iter().filter(|new| !stood.iter().any(|old| same(old, new))));
    }
    matched.reviews += come.len();
    end_reviews(connection, &gone).await?;
    put_reviews(connection, &come).await?;
    let about = gone.iter().chain(&come).flat_map(|pair| [pair.record_key.as_str(), pair.other_key.as_str()]);
    let persons = persons_of_records(connection, &about.collect::<Vec<_>>()).await?;
    Ok(persons.into_iter().map(|one| one.person_id).collect())
}

/// Lets greater source keys be decided anew that read a link which changed: those in the blocks of either side, and those
/// linked to it. Lesser ones do not read it, so this ends.
async fn pass_on(
    connection: &mut PgConnection,
    keys: &[String],
    situation: &Situation,
    changes: &Changes,
) -> Result<(), StoreError> {
    if changes.moved.is_empty() {
        return Ok(());
    }
    let is_source_key = |anchor: &&String| !anchor.starts_with("pin:");
    let ends = changes.moved.values().flatten().flatten().filter(is_source_key);
    let named: BTreeSet<&str> = changes.moved.keys().chain(ends).map(String::as_str).collect();
    let named: Vec<&str> = named.into_iter().collect();
    let mut blocks = keys_of_blocks(connection, &named).await?;
    blocks.extend(
        situation
            .own
            .iter()
            .filter(|(key, _)| changes.moved.contains_key(*key))
            .flat_map(|(_, records)| records.iter().flat_map(|record| record.blocks.iter().copied())),
    );
    let mut concerned = movable_in(connection, &blocks).await?;
    concerned.extend(linked_to(connection, &named).await?.into_iter().map(|(source_key, _)| source_key));
    let least = changes.moved.keys().next();
    concerned.retain(|key| least.is_some_and(|least| key > least) && keys.binary_search(key).is_err());
    add_again(connection, &concerned.iter().map(String::as_str).collect::<Vec<_>>()).await
}
