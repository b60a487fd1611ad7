//! The whole walk on real parts: source rows of synthetic citizens through Kafka and the registry to three sectors, while
//! services, instances, the broker and the databases crash; and what may be seen of those citizens afterwards.

mod account;
mod canaries;
mod join;
mod leaks;
mod run;
mod seen;

use run::{Fault, run};

/// It adds up, and everybody has something.
async fn assert_adds_up(fault: Fault) {
    let account = &run().await.accounts[&fault];
    assert!(account.differences.is_empty(), "{:#?}", account.differences);
    assert!(account.summary.adds_up);
    assert_eq!(account.summary.sources.len(), 4);
    assert!(account.summary.registry.persons_live > 600);
    assert!(
        account.summary.agreements.values().all(|a| a.delivered > 0),
        "{:#?}",
        account.summary.agreements
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_load_adds_up() {
    assert_adds_up(Fault::None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_arrives_though_each_service_crashes_under_load() {
    assert_adds_up(Fault::Crashes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_of_each_service_take_over_from_each_other_under_load() {
    assert_adds_up(Fault::Takeovers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_arrives_though_the_broker_crashes_under_load() {
    assert_adds_up(Fault::Kafka).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_arrives_though_the_databases_crash_under_load() {
    assert_adds_up(Fault::Postgres).await;
}
