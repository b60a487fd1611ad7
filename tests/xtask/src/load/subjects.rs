//! Whose addresses change: persons with one registration, a number, and a place in a sector.

use acceptance::pipeline::Deployment;
use anyhow::Context;
use std::collections::{BTreeMap, BTreeSet};

/// Social insurance has nearly everybody.
const AGREEMENT: &str = "vss_insurance";

/// A registered person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subject {
    /// Of the row of permanent residence.
    pub(super) row: i64,
    /// As text, as it is the key of versions.
    pub(super) person_id: String,
}

/// All who will do, in an order of chance. Nobody is named twice.
pub(super) async fn subjects(deployment: &Deployment, seed: u64) -> anyhow::Result<Vec<Subject>> {
    let residence = deployment.agencies.databases.get("residence").context("no such source")?;
    let rows: Vec<(i64, String)> = sqlx::query_as(
        "select id, 'residence/permanent/' || id || '/resident' from cu_tru.thuong_tru
         where trang_thai = 1 and so_dinh_danh is not null order by md5(id || '.' || $1)",
    )
    .bind(seed.to_string())
    .fetch_all(&residence.administrator().await?)
    .await?;
    let persons: BTreeMap<String, String> = sqlx::query_as(
        "select l.record_key, a.leads_to::text from record_latest l join anchor a on a.anchor = l.anchor
         where l.record_key like 'residence/permanent/%'",
    )
    .fetch_all(&deployment.registries.registry.administrator().await?)
    .await?
    .into_iter()
    .collect();
    let mut members: BTreeSet<String> =
        sqlx::query_scalar("select person_id::text from holding where agreement = $1 and member")
            .bind(AGREEMENT)
            .fetch_all(&deployment.registries.disclosure.administrator().await?)
            .await?
            .into_iter()
            .collect();
    let found = rows.into_iter().filter_map(|(row, record)| {
        let person_id = persons.get(&record)?.clone();
        members.remove(&person_id).then_some(Subject { row, person_id })
    });
    Ok(found.collect())
}
