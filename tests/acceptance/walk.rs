//! The whole walk on real parts: source rows of synthetic citizens through Kafka and the registry to three sectors.

use acceptance::life::LifeStream;
use acceptance::pipeline::{Deployment, DeploymentOptions, Eyes, Summary, audit};
use acceptance::population::{self, Plan, Rates};
use acceptance::stack::{Scratch, Stack, shared};
use chrono::NaiveDate;
use std::time::Duration;

const PEOPLE: usize = 1_500;
const CHANGES: usize = 60;
/// On a busy machine with two cores.
const WITHIN: Duration = Duration::from_mins(4);

fn day() -> NaiveDate {
    chrono::Utc::now().date_naive()
}

/// A filled deployment of its own on the shared stack.
async fn deployed(stack: &Stack, scratch: &Scratch) -> anyhow::Result<(Deployment, LifeStream)> {
    let name = Stack::unique("walk");
    let options = DeploymentOptions {
        suffix: format!("_{name}"),
        topic_prefix: format!("{name}."),
        dir: scratch.path().to_owned(),
    };
    let deployment = Deployment::prepare(stack, options).await?;
    let databases = deployment.source_databases().await?;
    let plan = Plan { people: PEOPLE, seed: 7, today: day(), rates: Rates::default() };
    population::load(&population::generate(&plan), &databases).await?;
    let life = LifeStream::open(databases, 7, day()).await?;
    Ok((deployment, life))
}

fn assert_adds_up(summary: &Summary) {
    assert!(summary.adds_up, "{:#?}", summary.differences);
    assert_eq!(summary.sources.len(), 4);
    assert!(summary.registry.persons_live > u64::try_from(PEOPLE).unwrap() / 2);
    assert!(summary.agreements.values().all(|a| a.delivered > 0), "{:#?}", summary.agreements);
}

/// Kills an instance as a crash would, and starts it anew.
async fn crash(deployment: &mut Deployment, service: &str, name: &str) -> anyhow::Result<()> {
    let running = deployment.service(service, name).expect("the service was started");
    running.process.kill9().await;
    deployment.start().await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_arrives_though_each_service_crashes_under_load() -> anyhow::Result<()> {
    let (stack, scratch) = (shared().await?, Scratch::create()?);
    let (mut deployment, mut life) = deployed(&stack, &scratch).await?;
    deployment.start().await?;
    Eyes::open(&deployment).await?.settled(&[], 0, WITHIN).await?;
    for (service, name) in [
        ("source-adapter", "civil_status"),
        ("reconciler", "1"),
        ("source-adapter", "registry"),
        ("dispatcher", "1"),
    ] {
        for _ in 0..CHANGES / 4 {
            life.next().await?;
        }
        crash(&mut deployment, service, name).await?;
    }
    life.settle().await?;
    let summary = audit(&stack, &deployment, WITHIN).await?;
    deployment.stop().await?;
    assert_adds_up(&summary);
    Ok(())
}
