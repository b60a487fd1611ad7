//! A decision about a value can be undone until its window is over; nothing leaves the console before.

use super::world::{Console, OTHER, PASSWORD, REASON, WINNER, console_holding, steward};
use chrono::{DateTime, TimeDelta, Utc};
use service_runtime::{Clock, ManualClock};
use std::sync::Arc;
use std::time::Duration;
use steward_console::{
    Action, DecideError, DecideRequest, Decided, Desk, PageRequest, ReverseRequest, case_trail, decide,
    list_cases, record_due, reverse, show_case, undo,
};
use uuid::Uuid;

const WINDOW: TimeDelta = TimeDelta::minutes(10);
/// On a busy machine with two cores.
const WITHIN: Duration = Duration::from_secs(30);
const DECISIONS: &str = "select count(*) from console.decision";

/// A console that holds decisions for ten minutes of a clock that stands.
async fn holding() -> (Console, Arc<ManualClock>) {
    // After whatever the database dates by its own clock, and whole: PostgreSQL keeps no nanoseconds.
    let now = DateTime::from_timestamp(Utc::now().timestamp() + 2, 0).unwrap();
    let clock = Arc::new(ManualClock::new(now));
    let of_console: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
    (console_holding("10m", of_console).await.unwrap(), clock)
}

/// The decision for the residence file's value, over what the case shows now.
async fn request(desk: &Desk, console: &Console) -> DecideRequest {
    let sheet = show_case(desk, &steward("an"), &console.case_id).await.unwrap().unwrap();
    DecideRequest {
        case_id: console.case_id.clone(),
        action: Action::TakeValue(OTHER.to_owned().try_into().unwrap()),
        follows: sheet.last_decision.as_ref().map(|last| last.decision_id),
        seen: sheet.seen,
        reason: REASON.to_owned(),
    }
}

/// Decides as `an`: the decision that is held.
async fn held(desk: &Desk, console: &Console) -> Uuid {
    let request = request(desk, console).await;
    let Decided::Held(id, until) = decide(desk, &steward("an"), &request).await.unwrap() else {
        panic!("it is held first");
    };
    let sheet = show_case(desk, &steward("an"), &console.case_id).await.unwrap().unwrap();
    assert_eq!(sheet.held.map(|held| (held.decision_id, held.held_until)), Some((id, until)));
    id
}

async fn outcome(console: &Console, decision: Uuid) -> (String, Option<String>) {
    sqlx::query_as("select outcome, ended_by from console.held_outcome where decision_id = $1")
        .bind(decision)
        .fetch_one(&console.owner)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_is_recorded_once_when_its_window_is_over() {
    let (console, clock) = holding().await;
    let desk = console.desk();
    let [an, binh] = ["an", "binh"].map(steward);
    let asked = request(&desk, &console).await;
    let attempts = (0..10).map(|_| decide(&desk, &an, &asked));
    let outcomes = futures_util::future::join_all(attempts).await;
    let held: Vec<_> = outcomes.iter().filter_map(|one| one.as_ref().ok()).collect();
    let [Decided::Held(id, until)] = held[..] else { panic!("one gets through: {outcomes:?}") };
    assert!(outcomes.iter().all(|one| matches!(one, Ok(_) | Err(DecideError::Held))), "{outcomes:?}");
    assert!(*until - clock.now() == WINDOW, "{until}");
    assert!(matches!(decide(&desk, &binh, &asked).await, Err(DecideError::Held)));
    let back = ReverseRequest { decision_id: *id, reason: REASON.to_owned() };
    assert!(matches!(reverse(&desk, &an, &back).await, Err(DecideError::Held)));
    let list = list_cases(&desk, &an, PageRequest::default()).await.unwrap();
    assert_eq!((list.cases[0].held_until, list.cases[0].decided), (Some(*until), false));

    clock.advance(WINDOW - TimeDelta::milliseconds(1));
    record_due(&desk).await.unwrap();
    assert_eq!(console.count(DECISIONS).await, 0, "a window is not over before its end");
    clock.advance(TimeDelta::milliseconds(1));
    let looks = (0..10).map(|_| record_due(&desk));
    futures_util::future::try_join_all(looks).await.unwrap();
    assert_eq!(console.count(DECISIONS).await, 1);
    let recorded: Vec<(String, String, Option<Uuid>)> = sqlx::query_as(
        "select action, channel, decision_id from console.audit where held_decision_id = $1 order by at",
    )
    .bind(id)
    .fetch_all(&console.owner)
    .await
    .unwrap();
    let told = |action: &str, channel: &str, id| (action.to_owned(), channel.to_owned(), id);
    assert_eq!(recorded, [told("decision_held", "command", None), told("case_decided", "window", Some(*id))]);
    assert_eq!(outcome(&console, *id).await, ("recorded".to_owned(), None));

    assert!(matches!(undo(&desk, &an, *id).await, Err(DecideError::WindowOver)));
    let Decided::Recorded(reversal) = reverse(&desk, &binh, &back).await.unwrap() else {
        panic!("what stands wrongly is taken back at once");
    };
    let trail = case_trail(&desk, &console.case_id).await.unwrap();
    assert_eq!(trail.iter().map(|entry| entry.decision_id).collect::<Vec<_>>(), [*id, reversal]);
    let window = trail[0].undo_window.clone().unwrap();
    assert!(trail[0].is_recorded() && window.held_until == *until);
    assert_eq!((&*trail[0].decided_by, trail[0].reason.as_deref()), ("an", Some(REASON)));
    assert_eq!(trail[1].undo_window, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_undone_is_never_a_decision() {
    let (console, clock) = holding().await;
    let desk = console.desk();
    let [an, binh, xem] = ["an", "binh", "xem"].map(steward);
    let id = held(&desk, &console).await;
    assert!(matches!(undo(&desk, &xem, id).await, Err(DecideError::NotAllowed)));
    assert!(matches!(undo(&desk, &an, Uuid::new_v4()).await, Err(DecideError::UnknownDecision)));
    undo(&desk, &binh, id).await.unwrap();
    assert!(matches!(undo(&desk, &an, id).await, Err(DecideError::Undone)));
    clock.advance(WINDOW * 2);
    record_due(&desk).await.unwrap();
    assert_eq!(console.count(DECISIONS).await, 0);
    assert_eq!(outcome(&console, id).await, ("undone".to_owned(), Some("binh".to_owned())));
    let trail = case_trail(&desk, &console.case_id).await.unwrap();
    assert_eq!((trail.len(), trail[0].decision_id, trail[0].is_recorded()), (1, id, false));
    let noted = "select count(*) from console.audit where action = 'decision_undone' and actor = 'binh'";
    assert_eq!(console.count(noted).await, 1);

    // Undone at the very end of the window: recorded or undone, never both and never neither.
    let id = held(&desk, &console).await;
    clock.advance(WINDOW);
    let (looked, undone) = futures_util::join!(record_due(&desk), undo(&desk, &an, id));
    looked.unwrap();
    record_due(&desk).await.unwrap();
    match undone {
        Ok(()) => assert_eq!(console.count(DECISIONS).await, 0),
        Err(DecideError::WindowOver) => assert_eq!(console.count(DECISIONS).await, 1),
        Err(error) => panic!("{error}"),
    }
    assert_eq!(console.count("select count(*) from console.held_now").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_decision_is_given_up_when_its_ground_or_its_authors_right_is_gone() {
    let (console, clock) = holding().await;
    let desk = console.desk();
    let id = held(&desk, &console).await;
    sqlx::query("update record_latest set anchor = 'residence/person/elsewhere' where record_key = $1")
        .bind(WINNER)
        .execute(&console.registry)
        .await
        .unwrap();
    clock.advance(WINDOW);
    record_due(&desk).await.unwrap();
    assert_eq!(outcome(&console, id).await, ("changed".to_owned(), None));

    let id = held(&desk, &console).await;
    sqlx::query("update console.steward_user set role = 'reader' where name = 'an'")
        .execute(&console.owner)
        .await
        .unwrap();
    clock.advance(WINDOW);
    record_due(&desk).await.unwrap();
    assert_eq!(outcome(&console, id).await, ("not_allowed".to_owned(), None));
    assert_eq!(console.count(DECISIONS).await, 0);
    let published = "select count(*) from pg_publication_tables where tablename like 'held%'";
    assert_eq!(console.count(published).await, 0, "what is held is not captured");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_steward_undoes_on_the_page_and_is_told_when_it_is_too_late() {
    let (console, clock) = holding().await;
    let (mut browser, service) = console.serve().await;
    assert_eq!(browser.sign_in("an", PASSWORD).await.status, 303);
    let path = format!("/cases/{}", console.case_id);
    let decide = async || {
        let page = browser.get(&path).await.unwrap();
        let hidden = ["form_token", "seen", "follows"].map(|name| (name, page.hidden(name)));
        let mut form: Vec<_> = hidden.iter().map(|(name, value)| (*name, value.as_str())).collect();
        form.extend([("takes", OTHER), ("reason", REASON)]);
        let answer = browser.post(&format!("{path}/decide"), &form).await;
        assert_eq!((answer.status, answer.location), (303, format!("{path}#held")));
        browser.get(&path).await.unwrap()
    };
    let page = decide().await;
    assert!(page.body.contains("Quyết định đang được giữ lại") && page.body.contains("Hoàn tác quyết định"));
    assert!(!page.body.contains("name=\"takes\"") && !page.body.contains("/rule\""), "{}", page.body);
    assert!(browser.get("/cases").await.unwrap().body.contains("Đang giữ lại, hoàn tác được đến"));
    let (token, decision) = (page.hidden("form_token"), page.hidden("decision"));
    let form = [("form_token", token.as_str()), ("decision", decision.as_str())];
    assert_eq!(browser.post(&format!("{path}/undo"), &[("decision", &decision)]).await.status, 403);
    assert_eq!(browser.post(&format!("{path}/undo"), &form).await.status, 303);
    let page = browser.get(&path).await.unwrap();
    assert!(
        page.body.contains("Đã hoàn tác bởi an") && page.body.contains("name=\"takes\""),
        "{}",
        page.body
    );

    let decision = decide().await.hidden("decision");
    clock.advance(WINDOW);
    let recorded = async {
        let mut rhythm = tokio::time::interval(Duration::from_millis(50));
        while !browser.get(&path).await.unwrap().body.contains("Được ghi khi hết thời gian hoàn tác")
        {
            rhythm.tick().await;
        }
    };
    tokio::time::timeout(WITHIN, recorded).await.expect("the service records what is due");
    let form = [("form_token", token.as_str()), ("decision", decision.as_str())];
    let late = browser.post(&format!("{path}/undo"), &form).await;
    assert_eq!(late.status, 422);
    for part in ["Quyết định đã được ghi, không hoàn tác được nữa", "href=\"#trail\"", "/take-back"]
    {
        assert!(late.body.contains(part), "{part}: {}", late.body);
    }
    service.end().await;
}
