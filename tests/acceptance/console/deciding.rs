//! Deciding: once and only once, on one desk, and for good.

use super::world::{OTHER, REASON, WINNER, console, request, steward};
use registry_rules::RulingKind;
use steward_console::{
    Action, Actor, Channel, DecideError, DecideRequest, Decided, PageRequest, ReverseRequest,
};
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread")]
async fn of_many_decisions_at_once_one_is_recorded() {
    let console = console().await.unwrap();
    let desk = console.desk();
    let actor = Actor { name: "an".to_owned(), channel: Channel::Command };
    let list = steward_console::list_cases(&desk, &actor, PageRequest::default()).await.unwrap();
    assert_eq!(list.cases.len(), 1);
    let sheet = steward_console::show_case(&desk, &actor, &console.case_id).await.unwrap().unwrap();
    assert_eq!(sheet.statements.len(), 2);
    assert!(sheet.statements[0].stands && sheet.statements[0].record_key.as_str() == WINNER);
    let request = DecideRequest {
        case_id: console.case_id.clone(),
        action: Action::TakeValue(OTHER.to_owned().try_into().unwrap()),
        seen: sheet.seen,
        follows: None,
        reason: REASON.to_owned(),
    };
    let attempts = (0..20).map(|_| steward_console::decide(&desk, &actor, &request));
    let outcomes = futures_util::future::join_all(attempts).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert!(
        outcomes.iter().all(|outcome| matches!(outcome, Ok(_) | Err(DecideError::Changed))),
        "{outcomes:?}"
    );
    assert_eq!(console.count("select count(*) from console.decision").await, 1);
    assert_eq!(console.count("select count(*) from console.case_decision").await, 1);
    sqlx::query("update registry_case set open = false").execute(&console.registry).await.unwrap();
    let closed = steward_console::decide(&desk, &actor, &request).await;
    assert!(matches!(closed, Err(DecideError::NotOpen)), "{closed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_decided_and_noted_stays() {
    let console = console().await.unwrap();
    let desk = console.desk();
    let actor = Actor { name: "an".to_owned(), channel: Channel::Command };
    steward_console::show_case(&desk, &actor, &console.case_id).await.unwrap().unwrap();
    let mut connection = console.owner.acquire().await.unwrap();
    for statement in
        ["update console.audit set actor = 'x'", "delete from console.audit", "truncate console.audit"]
    {
        assert!(sqlx::query(statement).execute(&mut *connection).await.is_err(), "{statement}");
    }
    let role = sqlx::AssertSqlSafe(format!("set role {}", console.role));
    sqlx::query(role).execute(&mut *connection).await.unwrap();
    for statement in [
        "delete from console.decision",
        "delete from console.identity_decision",
        "update console.identity_decision set ruling = 'split'",
        "delete from console.proposal_outcome",
        "update console.decision set takes = 'x'",
        "select * from console.audit",
        "insert into console.steward_user values ('mallory', 'steward', 'x')",
    ] {
        let error = sqlx::query(statement).execute(&mut *connection).await.unwrap_err();
        assert!(error.to_string().contains("permission denied"), "{statement}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_chain_holds_decisions_of_both_sorts_and_each_is_taken_back_once() {
    let console = console().await.unwrap();
    let desk = console.desk();
    let an = steward("an");
    let ask = request(&desk, &console, RulingKind::SendBack).await;
    let take =
        DecideRequest { action: Action::TakeValue(OTHER.to_owned().try_into().unwrap()), ..ask.clone() };
    let outcomes = futures_util::join!(
        steward_console::decide(&desk, &an, &ask),
        steward_console::decide(&desk, &an, &take),
    );
    let recorded: Vec<_> = [outcomes.0, outcomes.1].into_iter().filter_map(Result::ok).collect();
    let [Decided::Recorded(first)] = recorded[..] else { panic!("one gets through: {recorded:?}") };
    let question: Option<String> = sqlx::query_scalar("select max(question) from console.identity_decision")
        .fetch_one(&console.owner)
        .await
        .unwrap();
    assert!(question.is_none_or(|question| question == "check_person"));
    let back = ReverseRequest { decision_id: first, reason: REASON.to_owned() };
    let Decided::Recorded(second) = steward_console::reverse(&desk, &an, &back).await.unwrap() else {
        panic!("what moves nobody needs nobody else");
    };
    let again = steward_console::reverse(&desk, &an, &back).await;
    assert!(matches!(again, Err(DecideError::TakenBack)), "{again:?}");
    let trail = steward_console::case_trail(&desk, &console.case_id).await.unwrap();
    assert_eq!(trail.iter().map(|entry| entry.decision_id).collect::<Vec<_>>(), [first, second]);
    assert_eq!((trail[0].taken_back_by, trail[1].reverses), (Some(second), Some(first)));
    let unknown = ReverseRequest { decision_id: Uuid::new_v4(), reason: REASON.to_owned() };
    let unknown = steward_console::reverse(&desk, &an, &unknown).await;
    assert!(matches!(unknown, Err(DecideError::UnknownDecision)), "{unknown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_on_one_desk_is_decided_there() {
    let console = console().await.unwrap();
    let desk = console.desk();
    let [an, binh] = ["an", "binh"].map(steward);
    steward_console::claim(&desk, &an, &console.case_id).await.unwrap();
    assert!(matches!(
        steward_console::claim(&desk, &binh, &console.case_id).await,
        Err(DecideError::Claimed)
    ));
    let ask = request(&desk, &console, RulingKind::UnderInvestigation).await;
    assert!(matches!(steward_console::decide(&desk, &binh, &ask).await, Err(DecideError::Claimed)));
    steward_console::decide(&desk, &an, &ask).await.unwrap();
    steward_console::release(&desk, &binh, &console.case_id).await.unwrap();
    steward_console::claim(&desk, &binh, &console.case_id).await.unwrap();
}
