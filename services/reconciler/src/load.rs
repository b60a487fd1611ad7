//! The first load's slices: first every record's person, then, when the matcher is through, everybody's id and facts, then
//! everybody's golden record. Any instance takes any slice.

use crate::apply::Summary;
use crate::attach::attach_slice;
use crate::attaching::pin_of;
use crate::commit::write_merged;
use crate::gather::gather_new;
use crate::identify::{pin_anchor, put_links};
use crate::merge::{MergeRequest, facts_of, facts_text, merge};
use crate::reconciler::{Now, Reconciler};
use registry_rules::{Lifecycle, LinkEvent, LinkKind, PersonId, Pin};
use registry_store::{
    LoadStage, PersonAnchor, PersonWrite, StoreError, anchors_in_slice, close_register, finish_slice,
    insert_anchors, is_recalled, pass_slice_on, persons_in_slice, put_persons, reattach, records_in_slice,
    take_slice,
};
use sqlx::PgConnection;
use std::collections::BTreeSet;

impl Reconciler {
    /// Does one slice of the first load; `false`: there is none to take now.
    pub async fn load_slice(&self, summary: &mut Summary) -> Result<bool, StoreError> {
        let mut transaction = self.pool.begin().await?;
        let now = self.now(&mut transaction).await?;
        let Some(slice) = take_slice(&mut transaction, now.stage).await? else {
            return Ok(false);
        };
        match now.stage {
            LoadStage::Keep | LoadStage::Match | LoadStage::Live => return Ok(false),
            LoadStage::Attach => {
                let records = records_in_slice(&mut transaction, &slice).await?;
                let elsewhere = attach_slice(&mut transaction, records).await?;
                reattach(&mut transaction, &elsewhere).await?;
                summary.note_attached(elsewhere.iter().map(|(_, attached)| attached));
                finish_slice(&mut transaction, now.stage, &slice).await?;
            }
            LoadStage::Facts => {
                let anchors = anchors_in_slice(&mut transaction, &slice).await?;
                if is_recalled(&mut transaction).await? {
                    self.recall_facts(&mut transaction, &now, &anchors).await?;
                } else {
                    self.first_facts(&mut transaction, &now, anchors).await?;
                }
                pass_slice_on(&mut transaction, &slice).await?;
            }
            LoadStage::Merge => {
                let persons = persons_in_slice(&mut transaction, &slice).await?;
                let request =
                    MergeRequest { persons: persons.into_iter().collect(), ..MergeRequest::default() };
                let ground = self.ground(&now);
                let merged = merge(&mut transaction, &ground, &request).await?;
                write_merged(&mut transaction, &ground, &merged).await?;
                finish_slice(&mut transaction, now.stage, &slice).await?;
                summary.note(&merged);
            }
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Ids for anchors that records are attached to, and what others may hear of these persons.
    async fn first_facts(
        &self,
        connection: &mut PgConnection,
        now: &Now,
        anchors: Vec<String>,
    ) -> Result<(), StoreError> {
        let pins: BTreeSet<Pin> = anchors.iter().filter_map(|anchor| pin_of(anchor)).collect();
        let numbers: Vec<&str> = pins.iter().map(Pin::as_str).collect();
        let register = close_register(connection, &numbers).await?.register();
        let mut first = Vec::with_capacity(anchors.len());
        for anchor in anchors {
            let leads_to = PersonId::new_v4();
            for pin in pin_of(&anchor).map(|pin| register.class(&pin)).unwrap_or_default() {
                let name = pin_anchor(&pin);
                if name != anchor {
                    first.push(PersonAnchor { anchor: name, person_id: PersonId::new_v4(), leads_to });
                }
            }
            first.push(PersonAnchor { anchor, person_id: leads_to, leads_to });
        }
        let rows: Vec<_> = first.iter().map(|a| (a.anchor.as_str(), a.person_id, a.leads_to)).collect();
        insert_anchors(connection, &rows).await?;
        let own = gather_new(connection, &first).await?;
        let events: Vec<(LinkEvent, i64)> = first
            .into_iter()
            .map(|PersonAnchor { anchor, person_id: own_person_id, leads_to: person_id }| {
                (LinkEvent { anchor, own_person_id, person_id, event: LinkKind::FirstSeen }, 1)
            })
            .collect();
        put_links(connection, &events, &self.settings.topics).await?;
        let mut writes = Vec::with_capacity(own.len());
        for (person_id, facts) in facts_of(&own, &self.ground(now)) {
            writes.push(PersonWrite {
                person_id,
                version: 0,
                image_hash: None,
                lifecycle: Lifecycle::Active,
                countable: false,
                facts: Some(facts_text(&facts)?),
                next_due: None,
            });
        }
        put_persons(connection, &writes).await
    }
}
