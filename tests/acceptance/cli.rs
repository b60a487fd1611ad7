//! The `dansync` commands as an operator types them, one after another against one small running deployment: what they say,
//! in which form, with which exit code.

mod agreement;
mod config;
mod decision;
mod live;
mod registry;
mod source;

use live::Live;

/// One deployment for all of them: starting it takes longer than all commands together.
#[tokio::test(flavor = "multi_thread")]
async fn every_command_answers_as_documented() -> anyhow::Result<()> {
    let mut live = Live::start().await?;
    config::faults_are_reported_all_at_once(&live).await?;
    registry::a_person_is_shown_by_any_of_their_names(&live).await?;
    registry::the_hash_is_that_of_the_registry(&live).await?;
    registry::sweeps_loads_days_and_rules(&live).await?;
    source::each_source_says_where_it_stands(&live).await?;
    source::an_audit_compares_with_the_registry(&live).await?;
    source::a_row_in_quarantine_is_listed_and_read_again(&mut live).await?;
    agreement::agreements_go_the_steps_of_the_procedure(&live).await?;
    decision::a_decision_by_command_reaches_the_sector(&mut live).await?;
    decision::a_decision_on_the_page_reaches_the_sector(&mut live).await?;
    source::a_reset_source_is_captured_anew(&mut live).await?;
    live.stop().await
}
