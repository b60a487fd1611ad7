//! The closing account of a deployment: each source counted and digested at a fence, the registry's answer below it, the
//! sectors' own rows. Nothing here is a service's counter.

use super::{AgreementSummary, Database, Deployment, Eyes, RegistrySummary, SourceSummary, Summary};
use crate::stack::Stack;
use anyhow::Context;
use event_log::{
    KafkaConfig, SchemaRegistry, SchemaRegistryConfig, SourceMessage, decode_source_message, read_whole,
    split_wire_header,
};
use service_runtime::config;
use source_adapter::AuditReport;
use sqlx::AssertSqlSafe;
use std::collections::BTreeSet;
use std::time::Duration;

/// Audits all agencies' databases, waits until everything below the fences has come through, and adds up.
pub async fn audit(stack: &Stack, deployment: &Deployment, within: Duration) -> anyhow::Result<Summary> {
    let kafka = kafka(stack, deployment);
    let mut audits = Vec::new();
    for instance in deployment.instances.iter().filter(|i| i.service == "source-adapter") {
        if deployment.agencies.databases.contains_key(instance.name.as_str()) {
            let config: source_adapter::Config = config::load(&instance.file)?;
            audits.push(async move { source_adapter::audit(&config).await });
        }
    }
    let reports = futures_util::future::try_join_all(audits).await.context("auditing a source")?;
    let fences: Vec<String> = reports.iter().map(|r| r.id.clone()).collect();
    let eyes = Eyes::open(deployment).await?;
    eyes.settled(&fences, i64::from(kafka.partitions), within).await?;

    let mut summary = Summary { version: 1, ..Summary::default() };
    for report in &reports {
        let source = source(&kafka, deployment, report, &mut summary).await?;
        summary.sources.insert(report.source.clone(), source);
    }
    registry(deployment, &mut summary.registry).await?;
    agreements(stack, deployment, &mut summary).await?;
    summary.close();
    Ok(summary)
}

/// How tests and figures reach the brokers.
pub fn kafka(stack: &Stack, deployment: &Deployment) -> KafkaConfig {
    let mut kafka = KafkaConfig::new(stack.kafka.bootstrap());
    kafka.topic_prefix.clone_from(&deployment.options.topic_prefix);
    kafka
}

async fn source(
    kafka: &KafkaConfig,
    deployment: &Deployment,
    report: &AuditReport,
    summary: &mut Summary,
) -> anyhow::Result<SourceSummary> {
    let registry = deployment.registries.registry.administrator().await?;
    let (epoch, position): (i32, i64) =
        sqlx::query_as("select epoch, position from fence where fence_id = $1 limit 1")
            .bind(&report.id)
            .fetch_one(&registry)
            .await?;
    let held = registry_store::fence_digests(
        &registry,
        &report.source,
        epoch.unsigned_abs(),
        position.cast_unsigned(),
    )
    .await?;
    let mut account = SourceSummary::default();
    for table in &report.tables {
        account.rows += table.rows;
        account.rows_quarantined += table.rows_quarantined;
        let there = held.get(&table.entity).copied().unwrap_or_default();
        if there.digest.hex() == table.digest {
            account.rows_mapped += table.rows - table.rows_quarantined;
        } else {
            summary.differences.push(format!(
                "{} {}: the registry holds {} records of {} rows, the source gives {} records of {} rows, or their contents differ",
                report.source, table.entity, there.digest.members, there.rows, table.records, table.rows - table.rows_quarantined
            ));
        }
    }
    account.records = messages_below(kafka, &report.source, &report.id).await?;
    let counts = registry_store::fence_counts(&registry, &report.id).await?;
    for outcomes in counts.values().map(|c| c.outcomes) {
        let r = &mut summary.registry;
        let count = |n: i64| n.unsigned_abs();
        r.applied += count(outcomes.applied);
        r.no_change += count(outcomes.no_change);
        r.duplicate += count(outcomes.duplicate);
        r.stale += count(outcomes.stale);
        r.quarantined += count(outcomes.quarantined);
    }
    Ok(account)
}

/// Records in a source's topic before the fence of that name, partition by partition; markers and marks aside.
async fn messages_below(kafka: &KafkaConfig, source: &str, fence: &str) -> anyhow::Result<u64> {
    let fence = fence.to_owned();
    let start = (0_u64, BTreeSet::new());
    let (records, _) =
        read_whole(kafka, &kafka.topics().source(source), start, move |(records, passed), record| {
            let Some(payload) = record.payload else { return };
            let message =
                split_wire_header(payload).ok().and_then(|(_, body)| decode_source_message(body).ok());
            match message {
                Some(SourceMessage::Fence(mark)) if mark.id == fence => {
                    passed.insert(record.partition);
                }
                Some(SourceMessage::Record(_)) if !passed.contains(&record.partition) => *records += 1,
                _ => {}
            }
        })
        .await?;
    Ok(records)
}

async fn registry(deployment: &Deployment, account: &mut RegistrySummary) -> anyhow::Result<()> {
    let state =
        registry_store::registry_state(&deployment.registries.registry.administrator().await?).await?;
    let count = |n: i64| n.unsigned_abs();
    account.persons_live = count(state.counts.persons_live);
    account.persons_merged = count(state.counts.persons_merged);
    account.cases_open = count(state.counts.cases_open);
    account.state_hash = state.hash.to_string();
    Ok(())
}

async fn agreements(stack: &Stack, deployment: &Deployment, summary: &mut Summary) -> anyhow::Result<()> {
    let pool = deployment.registries.disclosure.administrator().await?;
    let config = SchemaRegistryConfig {
        url: stack.apicurio.url().to_owned(),
        cache_dir: deployment.options.dir.join("services/schema-ids"),
    };
    for status in dispatcher::agreement_status(&pool, &SchemaRegistry::new(&config)).await? {
        let Some((name, database)) = deployment.sectors.databases.get_key_value(status.agreement.as_str())
        else {
            continue;
        };
        let table = deployment.sectors.mappings.get(name).map(|m| m.table.clone()).unwrap_or_default();
        let account = AgreementSummary {
            population: status.population,
            held: rows(database, table).await?,
            authorised: status.authorised,
            delivered: status.delivered,
            superseded: status.superseded,
            withdrawn: status.withdrawn,
        };
        summary.agreements.insert(status.agreement, account);
    }
    Ok(())
}

/// Rows of a sector's table; its name comes from a file of this project.
async fn rows(database: &Database, table: String) -> anyhow::Result<u64> {
    let count: i64 = sqlx::query_scalar(AssertSqlSafe(format!("select count(*) from {table}")))
        .fetch_one(&database.administrator().await?)
        .await?;
    Ok(count.unsigned_abs())
}
