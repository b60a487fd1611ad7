//! The `dansync` commands as an operator types them, one after another against one small running deployment: what they say,
//! in which form, with which exit code.

mod agreement;
mod config;
mod decision;
mod feedback;
mod identity;
mod live;
mod past;
mod registry;
mod secret;
mod source;

use futures_util::FutureExt as _;
use live::Live;
use std::panic::AssertUnwindSafe;

/// Notes a step that fails and lets the next one be tried: one run shows all that is wrong.
async fn step(failed: &mut Vec<String>, name: &str, trial: impl Future<Output = anyhow::Result<()>>) {
    match AssertUnwindSafe(Box::pin(trial)).catch_unwind().await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => failed.push(format!("{name}: {error:#}")),
        Err(_) => failed.push(format!("{name}: see the panic above")),
    }
}

/// One deployment for all of them: starting it takes longer than all commands together.
#[tokio::test(flavor = "multi_thread")]
async fn every_command_answers_as_documented() {
    let failed = Box::pin(tried()).await.unwrap();
    assert!(failed.is_empty(), "{failed:#?}");
}

/// Tries all of them; gives what failed.
async fn tried() -> anyhow::Result<Vec<String>> {
    let mut live = Box::pin(Live::start()).await?;
    let mut failed = Vec::new();
    let f = &mut failed;
    step(f, "config", config::faults_are_reported_all_at_once(&live)).await;
    step(f, "registry show", registry::a_person_is_shown_by_any_of_their_names(&live)).await;
    step(f, "registry hash", registry::the_hash_is_that_of_the_registry(&live)).await;
    step(f, "matcher", registry::who_watches_sees_how_the_matcher_stands(&live)).await;
    step(f, "another time", past::a_person_is_shown_explained_and_told_at_any_time(&live)).await;
    step(f, "reference", past::the_simplest_registry_comes_to_the_same(&live)).await;
    step(f, "family secret", secret::an_adoption_makes_the_past_a_secret(&live)).await;
    step(f, "rules rehearse", past::new_rules_are_rehearsed(&live)).await;
    step(f, "sweep, load, day, rules", registry::sweeps_loads_days_and_rules(&live)).await;
    step(f, "source status", source::each_source_says_where_it_stands(&live)).await;
    step(f, "source audit", source::an_audit_compares_with_the_registry(&live)).await;
    step(f, "quarantine", source::a_row_in_quarantine_is_listed_and_read_again(&mut live)).await;
    step(f, "agreement", agreement::agreements_go_the_steps_of_the_procedure(&live)).await;
    step(f, "case", decision::a_decision_by_command_reaches_the_sector(&mut live)).await;
    step(f, "feedback", feedback::a_report_becomes_a_case_and_is_answered(&mut live)).await;
    step(f, "page", decision::a_decision_on_the_page_reaches_the_sector(&mut live)).await;
    step(f, "who is it", identity::two_stewards_split_a_person_and_take_it_back(&mut live)).await;
    step(f, "source reset", source::a_reset_source_is_captured_anew(&mut live)).await;
    step(f, "registry rebuild", past::a_registry_is_made_anew(&mut live)).await;
    live.stop().await?;
    Ok(failed)
}
