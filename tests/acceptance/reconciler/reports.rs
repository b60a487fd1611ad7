//! Reports of errors, from their arrival to what the reporter hears in the end.

use super::cases::{entry, live, told};
use super::world::{Make, World, day};
use chrono::{DateTime, Utc};
use event_log::SourceMessage;
use reconciler::Reconciler;
use registry_rules::{AnswerKind, CaseState, ErrorReport, Fault, FieldValue, RecordKey};
use registry_store::{CaseView, find_person, list_cases};
use uuid::Uuid;

const PIN: &str = "001190000001";
const REGISTER: &str = "identity/pin/001190000001/holder";

fn report(id: u128, reporter: &str, proposed: Option<&str>) -> ErrorReport {
    ErrorReport {
        report_id: Uuid::from_u128(id).to_string(),
        reporter: reporter.to_owned(),
        pin: PIN.to_owned(),
        field: "npd.birth_name".to_owned(),
        fault: Fault::WrongValue,
        proposed: proposed.map(ToOwned::to_owned),
        explanation: None,
        reported_at: moment(5),
        withdrawn: false,
    }
}

fn moment(minute: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_772_000_000 + minute * 60, 0).unwrap()
}

/// Reports as they come; answers with the key of the last one.
async fn bring(world: &mut World, reconciler: &Reconciler, reports: &[ErrorReport]) -> RecordKey {
    let records: Vec<_> = reports.iter().map(|report| report.record().unwrap()).collect();
    let key = records.last().unwrap().record_key.clone();
    let batch = world.batch(records.into_iter().map(SourceMessage::Record));
    world.apply(reconciler, &batch).await;
    super::world::settle(reconciler).await;
    key
}

async fn open(world: &World) -> Vec<CaseView> {
    list_cases(&world.pool, true, 0, 9).await.unwrap()
}

async fn answers(world: &World, key: &RecordKey) -> i64 {
    sqlx::query_scalar("select count(*) from answer where key = $1")
        .bind(key.as_str())
        .fetch_one(&world.pool)
        .await
        .unwrap()
}

/// The decision that the register's name stands after all, with the reports seen.
fn decision(id: &str, seen: &[(&RecordKey, &str)]) -> Make {
    let key = registry_store::fingerprint_key("a key for tests");
    let hash = |name: &str| key.value(&FieldValue::parts([("full", name.to_owned())]));
    let register = RecordKey::try_from(REGISTER.to_owned()).unwrap();
    let seen = seen.iter().copied().chain([(&register, "Trần Mơ")]);
    let considered: Vec<_> = seen
        .map(|(record, name)| serde_json::json!({ "record_key": record, "value_hash": hash(name) }))
        .collect();
    Make::new("steward", "decision", id, "decision")
        .person(id)
        .text("steward.field", "npd.birth_name")
        .text("steward.takes", REGISTER)
        .text("steward.considered", &serde_json::to_string(&considered).unwrap())
}

#[tokio::test]
async fn a_report_opens_a_case_and_everybody_who_reported_hears_how_it_ends() {
    let (mut world, reconciler) = live().await;
    world.say(&reconciler, [entry()]).await;
    let agency = bring(&mut world, &reconciler, &[report(1, "vss_insurance", Some("Trần Mai"))]).await;
    let cases = open(&world).await;
    let [case] = cases.as_slice() else { panic!("{cases:?}") };
    assert_eq!((&*case.kind, case.field.as_deref()), ("error_report", Some("npd.birth_name")));
    assert_eq!(case.record_keys, [REGISTER, agency.as_str()]);
    // Ten working days from Sunday 1 March 2026.
    assert_eq!(case.standing.due_on, Some(day("2026-03-13")));
    let held = told(&world.pool, agency.as_str()).await;
    assert_eq!(
        (held.outcome, held.detail.as_deref(), held.deadline),
        (AnswerKind::Held, Some(&*case.case_id), Some(day("2026-03-13")))
    );

    // The same again is the same; another reporter joins the case.
    let citizen = bring(
        &mut world,
        &reconciler,
        &[report(1, "vss_insurance", Some("Trần Mai")), report(2, "citizen", Some("Trần Mơi"))],
    )
    .await;
    assert_eq!((open(&world).await.len(), answers(&world, &agency).await), (1, 1));
    assert_eq!(told(&world.pool, citizen.as_str()).await.outcome, AnswerKind::Held);

    // A decision that has seen one of them only does not answer the other.
    world.say(&reconciler, [decision("D1", &[(&agency, "Trần Mai")])]).await;
    assert_eq!(open(&world).await.len(), 1);
    let first = told(&world.pool, agency.as_str()).await;
    assert_eq!((first.outcome, first.detail.as_deref()), (AnswerKind::Decided, Some("D1")));
    assert_eq!(told(&world.pool, citizen.as_str()).await.outcome, AnswerKind::Held);
    let mut second = decision("D2", &[(&agency, "Trần Mai"), (&citizen, "Trần Mơi")]);
    second.0.recorded_at = Some(Utc::now());
    world.say(&reconciler, [second]).await;
    assert!(open(&world).await.is_empty());
    for key in [&agency, &citizen] {
        let decided = told(&world.pool, key.as_str()).await;
        assert_eq!((decided.outcome, decided.detail.as_deref()), (AnswerKind::Decided, Some("D2")));
        assert_eq!((decided.value, decided.reason), (None, None), "no value leaves by an answer");
    }
    let standing = list_cases(&world.pool, false, 0, 9).await.unwrap().remove(0).standing.state;
    assert_eq!(standing, CaseState::Closed);
}

#[tokio::test]
async fn a_corrected_source_answers_a_report_and_a_withdrawn_one_asks_nothing() {
    let (mut world, reconciler) = live().await;
    world.say(&reconciler, [entry()]).await;
    let key = bring(&mut world, &reconciler, &[report(1, "citizen", Some("Trần Mai"))]).await;
    let other = bring(&mut world, &reconciler, &[report(2, "citizen", Some("Trần Mây"))]).await;
    world.say(&reconciler, [entry().name("Trần Mai").at(110)]).await;
    let decided = told(&world.pool, key.as_str()).await;
    assert_eq!((decided.outcome, decided.detail, decided.value), (AnswerKind::Decided, None, None));
    assert_eq!(told(&world.pool, other.as_str()).await.outcome, AnswerKind::Held);
    assert_eq!(open(&world).await.len(), 1);
    let withdrawn =
        ErrorReport { withdrawn: true, reported_at: moment(9), ..report(2, "citizen", Some("Trần Mây")) };
    bring(&mut world, &reconciler, &[withdrawn]).await;
    assert!(open(&world).await.is_empty());
    assert_eq!(told(&world.pool, other.as_str()).await.outcome, AnswerKind::Accepted);
}

#[tokio::test]
async fn a_report_about_nobody_is_told_so_and_asks_when_the_number_is_issued() {
    let (mut world, reconciler) = live().await;
    let key = bring(&mut world, &reconciler, &[report(1, "citizen", Some("Trần Mai"))]).await;
    let refused = told(&world.pool, key.as_str()).await;
    let text = |text: &Option<String>| text.clone().unwrap();
    assert_eq!(
        (refused.outcome, text(&refused.field), text(&refused.reason), text(&refused.way_out)),
        (AnswerKind::Rejected, "pin".to_owned(), "unknown_person".to_owned(), "check_number".to_owned())
    );
    assert!(open(&world).await.is_empty());
    world.say(&reconciler, [entry()]).await;
    assert_eq!(open(&world).await.len(), 1, "whatever the order, the same question is open");
    assert_eq!(told(&world.pool, key.as_str()).await.outcome, AnswerKind::Held);
}

#[tokio::test]
async fn a_report_is_in_what_is_rebuilt_and_moves_no_person() {
    let (mut world, reconciler) = live().await;
    world.say(&reconciler, [entry()]).await;
    let before = find_person(&world.pool, PIN).await.unwrap();
    let versions = "select count(*) from person_version";
    let published: i64 = sqlx::query_scalar(versions).fetch_one(&world.pool).await.unwrap();
    bring(&mut world, &reconciler, &[report(1, "citizen", Some("Phạm Quốc Khánh"))]).await;
    assert_eq!(find_person(&world.pool, PIN).await.unwrap(), before);
    let after: i64 = sqlx::query_scalar(versions).fetch_one(&world.pool).await.unwrap();
    assert_eq!(after, published, "nobody is told anything about the person");
    let kinds: Vec<_> = open(&world).await.into_iter().map(|case| case.kind).collect();
    assert_eq!(kinds, ["error_report"], "a proposed name is no evidence against the number");
    let state = world.state().await;
    reconciler.rebuild().await.unwrap();
    super::world::settle(&reconciler).await;
    assert_eq!(world.state().await, state);
}
