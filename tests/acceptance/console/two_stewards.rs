//! What moves persons: proposed by one steward, approved by another, over what both have seen.

use super::world::{OTHER, REASON, WINNER, console, request, steward};
use registry_rules::RulingKind;
use steward_console::{DecideError, Decided, ProposalEnd};

#[tokio::test(flavor = "multi_thread")]
async fn what_moves_persons_takes_two_stewards() {
    let console = console().await.unwrap();
    let desk = console.desk();
    let [an, binh, xem] = ["an", "binh", "xem"].map(steward);
    let split = request(&desk, &console, RulingKind::Split).await;
    let Decided::Proposed(proposal) = steward_console::decide(&desk, &an, &split).await.unwrap() else {
        panic!("one steward alone splits nobody");
    };
    assert_eq!(console.count("select count(*) from console.identity_decision").await, 0);
    let end = |who, end| steward_console::end_proposal(&desk, who, proposal, end, REASON);
    assert!(matches!(end(&an, ProposalEnd::Approved).await, Err(DecideError::SamePerson)));
    assert!(matches!(end(&xem, ProposalEnd::Approved).await, Err(DecideError::NotAllowed)));
    assert!(matches!(end(&binh, ProposalEnd::Withdrawn).await, Err(DecideError::SamePerson)));
    assert_eq!(end(&binh, ProposalEnd::Approved).await.unwrap(), Some(proposal));
    assert!(matches!(end(&an, ProposalEnd::Withdrawn).await, Err(DecideError::NoProposal)));
    let row: (String, String, String, Option<String>) =
        sqlx::query_as("select ruling, record, anchor, other_record from console.identity_decision")
            .fetch_one(&console.owner)
            .await
            .unwrap();
    assert_eq!(row, ("split".to_owned(), OTHER.to_owned(), "residence/person/R-77".to_owned(), None));
    let trail = steward_console::case_trail(&desk, &console.case_id).await.unwrap();
    assert_eq!(trail.len(), 1);
    assert_eq!((trail[0].decided_by.as_str(), trail[0].proposed_by.as_deref()), ("binh", Some("an")));
    assert_eq!(trail[0].reason.as_deref(), Some(REASON));
    let acts = "select count(*) from console.audit where action in ('decision_proposed', 'case_decided', 'proposal_approved')";
    assert_eq!(console.count(acts).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_changed_since_is_not_approved() {
    let console = console().await.unwrap();
    let desk = console.desk();
    let split = request(&desk, &console, RulingKind::Split).await;
    let Decided::Proposed(proposal) = steward_console::decide(&desk, &steward("an"), &split).await.unwrap()
    else {
        panic!("a proposal");
    };
    sqlx::query("update record_latest set anchor = 'residence/person/elsewhere' where record_key = $1")
        .bind(WINNER)
        .execute(&console.registry)
        .await
        .unwrap();
    let stale = steward_console::decide(&desk, &steward("binh"), &split).await;
    assert!(matches!(stale, Err(DecideError::Changed)), "{stale:?}");
    let approved =
        steward_console::end_proposal(&desk, &steward("binh"), proposal, ProposalEnd::Approved, REASON).await;
    assert!(matches!(approved, Err(DecideError::Changed)), "{approved:?}");
    assert_eq!(console.count("select count(*) from console.proposal_outcome").await, 0);
    let ended =
        steward_console::end_proposal(&desk, &steward("an"), proposal, ProposalEnd::Withdrawn, REASON).await;
    assert_eq!(ended.unwrap(), None);
    assert_eq!(console.count("select count(*) from console.identity_decision").await, 0);
}
