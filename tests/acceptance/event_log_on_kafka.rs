//! The event log's seams, each on the shared Kafka or schema registry.

use acceptance::stack::shared;

use crate::event_log;

#[tokio::test(flavor = "multi_thread")]
async fn transactions_are_fast() {
    let stack = shared().await.unwrap();
    event_log::transactions_are_fast(stack.kafka.bootstrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn aborted_records_are_invisible() {
    let stack = shared().await.unwrap();
    event_log::aborted_records_are_invisible(stack.kafka.bootstrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_younger_producer_fences_the_older() {
    let stack = shared().await.unwrap();
    event_log::a_younger_producer_fences_the_older(stack.kafka.bootstrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_commit_asks_for_a_new_producer() {
    let stack = shared().await.unwrap();
    event_log::an_abandoned_commit_asks_for_a_new_producer(stack.kafka.bootstrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_hands_over_without_loss_or_repetition() {
    let stack = shared().await.unwrap();
    event_log::a_group_hands_over_without_loss_or_repetition(stack.kafka.bootstrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_outside_the_log_is_told() {
    let stack = shared().await.unwrap();
    event_log::a_position_outside_the_log_is_told(stack.kafka.bootstrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_sends_arrive() {
    let stack = shared().await.unwrap();
    event_log::plain_sends_arrive(stack.kafka.bootstrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn schema_ids_outlive_the_registry() {
    let stack = shared().await.unwrap();
    event_log::schema_ids_outlive_the_registry(stack.apicurio.url()).await;
}
