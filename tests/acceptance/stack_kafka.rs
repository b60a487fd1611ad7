//! Kafka after a crash: what was committed is there, with one node and with three of which one is gone.

use std::sync::Arc;
use std::time::Duration;

use acceptance::stack::{Artefacts, Kafka, Scratch, Stack, exclusive};
use event_log::{
    Admin, KafkaConfig, OutgoingRecord, TopicSpec, Topics, TransactionalProducer, read_compacted,
};

const RECORDS: usize = 500;

fn config(kafka: &Kafka, prefix: &str, replication: i32) -> KafkaConfig {
    KafkaConfig { topic_prefix: format!("{prefix}."), replication, ..KafkaConfig::new(kafka.bootstrap()) }
}

fn records(topic: &Arc<str>, value: &str) -> Vec<OutgoingRecord> {
    (0..RECORDS).map(|n| OutgoingRecord::new(topic, n.to_string(), value)).collect()
}

/// How many keys of a compacted topic have this value.
async fn holding(config: &KafkaConfig, topic: &str, value: &str) -> usize {
    let held = read_compacted(config, topic).await.unwrap();
    held.values().filter(|bytes| bytes.as_slice() == value.as_bytes()).count()
}

/// Waits until the markers of the last commit are written.
async fn until_holding(config: &KafkaConfig, topic: &str, value: &str) {
    let reading = async { while holding(config, topic, value).await < RECORDS {} };
    tokio::time::timeout(Duration::from_mins(1), reading).await.expect("the commit stays invisible");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_committed_transaction_survives_the_crash_of_the_broker() {
    let stack = exclusive().await.unwrap();
    let config = config(&stack.kafka, &Stack::unique("crash"), 1);
    let topic = Topics::new(&config.topic_prefix).positions();
    Admin::open(&config).unwrap().ensure(&[TopicSpec::positions(Arc::clone(&topic))]).await.unwrap();
    let id = Stack::unique("crash");
    let mut producer = TransactionalProducer::open(&config, &id).await.unwrap();
    producer.commit(records(&topic, "before")).await.unwrap();
    // A commit is answered before its markers stand in the partitions. A lone broker that dies in between forgets them
    // (Kafka takes a partition without leader for a deleted one), so what is promised begins with the first reader.
    until_holding(&config, &topic, "before").await;

    stack.kafka.kill9().await.unwrap();
    stack.kafka.restart().await.unwrap();

    assert_eq!(holding(&config, &topic, "before").await, RECORDS);
    let mut producer = TransactionalProducer::open(&config, &id).await.unwrap();
    producer.commit(records(&topic, "after")).await.unwrap();
    until_holding(&config, &topic, "after").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_brokers_with_three_copies_go_on_without_one() {
    let scratch = Scratch::create().unwrap();
    std::fs::create_dir(scratch.path().join("log")).unwrap();
    let artefacts = Artefacts::fetch().await.unwrap();
    let kafka = Kafka::start(scratch.path(), &artefacts.kafka, 3, None).await.unwrap();
    let config = config(&kafka, "three", 3);
    let topic = Topics::new(&config.topic_prefix).positions();
    Admin::open(&config).unwrap().ensure(&[TopicSpec::positions(Arc::clone(&topic))]).await.unwrap();
    let mut producer = TransactionalProducer::open(&config, "three").await.unwrap();
    producer.commit(records(&topic, "all")).await.unwrap();

    kafka.kill9_node(1).await.unwrap();
    assert_eq!(kafka.pids().await.len(), 2);
    let mut producer = TransactionalProducer::open(&config, "three").await.unwrap();
    producer.commit(records(&topic, "two")).await.unwrap();
    kafka.restart_node(1).await.unwrap();
    until_holding(&config, &topic, "two").await;
    kafka.stop().await.unwrap();
}
