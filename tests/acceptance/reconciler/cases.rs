//! Cases from opening to their end: who is waited for, until when, and what becomes of them when persons do.

use super::world::{Make, World, apply, day, settle};
use event_log::ControlEvent;
use reconciler::{Body, Incoming, IncomingMessage, Reconciler};
use registry_rules::{Answer, AnswerKind, CaseKind, CaseLife, CaseState, CaseSubject, Standing};
use registry_store::{
    CaseFilter, CaseRow, CaseView, StoredCase, case_subject, figures, find_person, list_cases, open_cases_of,
    show_person, write_cases,
};
use sqlx::PgPool;

const PIN: &str = "001190000001";
const REGISTER: &str = "identity/pin/001190000001/holder";
const RESIDENT: &str = "residence/person/R1/resident";

pub(super) fn entry() -> Make {
    Make::new("identity", "pin", PIN, "holder").pin(PIN).name("Trần Mơ").born("1990-01-02")
}

fn copy(born: &str) -> Make {
    Make::new("residence", "person", "R1", "resident").pin(PIN).name("Trần Mơ").born(born)
}

fn ruling(id: &str, kind: &str) -> Make {
    Make::new("steward", "identity_decision", id, "subject")
        .person(id)
        .text("steward.ruling", kind)
        .text("steward.record", RESIDENT)
        .text("steward.anchor", &format!("pin:{PIN}"))
}

pub(super) async fn live() -> (World, Reconciler) {
    let (mut world, reconciler) = World::new().await;
    world.go_live(&reconciler).await;
    (world, reconciler)
}

async fn open(pool: &PgPool) -> Vec<CaseView> {
    list_cases(pool, true, 0, 9).await.unwrap()
}

async fn only(pool: &PgPool) -> CaseView {
    let mut cases = open(pool).await;
    assert_eq!(cases.len(), 1, "{cases:?}");
    cases.remove(0)
}

/// Event, state and what brought it, of each step.
fn steps(case: &CaseView) -> Vec<(String, String, Option<String>)> {
    let text = |step: &serde_json::Value, name: &str| step.get(name)?.as_str().map(ToOwned::to_owned);
    let history = case.history.as_array().unwrap();
    history
        .iter()
        .map(|step| (text(step, "event").unwrap(), text(step, "state").unwrap(), text(step, "by")))
        .collect()
}

async fn open_day(world: &mut World, reconciler: &Reconciler, date: &str) {
    world.offset += 1;
    let opened = IncomingMessage {
        topic: world.topics.control(),
        source: "".into(),
        partition: 0,
        offset: world.offset,
        received_at: chrono::Utc::now(),
        body: Body::Control(ControlEvent::DayOpened { date: day(date) }),
    };
    let batch = world.claimed(Incoming { messages: vec![opened], ..Incoming::default() });
    apply(reconciler, &batch).await;
    settle(reconciler).await;
}

#[tokio::test]
async fn a_case_waits_for_the_source_that_was_asked_until_it_says_something_new() {
    let (mut world, reconciler) = live().await;
    world.say(&reconciler, [entry(), copy("1990-01-03")]).await;
    let case = only(&world.pool).await;
    assert_eq!((case.standing.state, case.standing.waits_for.as_deref()), (CaseState::New, None));
    world.say(&reconciler, [ruling("I1", "send_back")]).await;
    let waiting = only(&world.pool).await.standing;
    assert_eq!((waiting.state, waiting.waits_for.as_deref()), (CaseState::Waiting, Some("residence")));
    assert_eq!(waiting.by_decision.as_deref(), Some("I1"));
    assert!(waiting.since > case.standing.since);
    let waits = CaseFilter { waits_for: Some("residence".to_owned()), ..CaseFilter::default() };
    assert_eq!(open_cases_of(&world.pool, &waits, None, 9).await.unwrap().len(), 1);
    world.say(&reconciler, [copy("1990-01-04").at(110)]).await;
    assert_eq!(only(&world.pool).await.standing.state, CaseState::Reopened);
    assert!(open_cases_of(&world.pool, &waits, None, 9).await.unwrap().is_empty());
    world.say(&reconciler, [ruling("I2", "under_investigation")]).await;
    assert_eq!(only(&world.pool).await.standing.state, CaseState::UnderInvestigation);
    let back = Make::new("steward", "identity_decision", "I3", "subject").person("I3");
    let mut back = back.text("steward.reverses", "I2");
    back.0.recorded_at = Some(chrono::Utc::now());
    world.say(&reconciler, [back]).await;
    assert_eq!(only(&world.pool).await.standing.state, CaseState::New);
    world.say(&reconciler, [copy("1990-01-02").at(120)]).await;
    assert!(open(&world.pool).await.is_empty());
    let closed = list_cases(&world.pool, false, 0, 9).await.unwrap().remove(0);
    let by = |text: &str| Some(text.to_owned());
    let record = format!("record:{RESIDENT}");
    let step = |event: &str, state: &str, by: Option<String>| (event.to_owned(), state.to_owned(), by);
    let register = format!("record:{REGISTER}");
    assert_eq!(
        steps(&closed),
        [
            step("opened", "new", by(&register)),
            step("waiting", "waiting", by("decision:I1")),
            step("reopened", "reopened", by(&record)),
            step("under_investigation", "under_investigation", by("decision:I2")),
            step("resumed", "new", by("decision:I3")),
            step("closed", "closed", by(&record)),
        ]
    );
}

/// The last answer that a record's source got.
pub(super) async fn told(pool: &PgPool, record_key: &str) -> Answer {
    let last = "select payload from answer where key = $1 order by id desc limit 1";
    let payload: Vec<u8> = sqlx::query_scalar(last).bind(record_key).fetch_one(pool).await.unwrap();
    event_log::decode_answer(&payload).unwrap()
}

#[tokio::test]
async fn the_source_of_a_held_record_is_told_until_when() {
    let (mut world, reconciler) = live().await;
    world.say(&reconciler, [entry(), copy("1990-01-03")]).await;
    let case = only(&world.pool).await;
    let held = told(&world.pool, RESIDENT).await;
    assert_eq!((held.outcome, held.detail.as_ref()), (AnswerKind::Held, Some(&case.case_id)));
    assert_eq!(held.deadline, Some(day("2026-03-04")));
    // Another wrong date a day later is the same question, and its clock goes on.
    open_day(&mut world, &reconciler, "2026-03-02").await;
    world.say(&reconciler, [copy("1990-01-04").at(110)]).await;
    let again = told(&world.pool, RESIDENT).await;
    assert_eq!((again.outcome, again.deadline), (AnswerKind::Held, Some(day("2026-03-04"))));
    world.say(&reconciler, [copy("1990-01-02").at(120)]).await;
    let settled = told(&world.pool, RESIDENT).await;
    assert_eq!((settled.outcome, settled.deadline), (AnswerKind::Accepted, None));
}

#[tokio::test]
async fn a_clock_runs_in_working_days_and_begins_anew_when_the_case_reopens() {
    let (mut world, reconciler) = live().await;
    world.say(&reconciler, [entry(), copy("1990-01-03")]).await;
    // Opened on Sunday 1 March 2026: three working days.
    let case = only(&world.pool).await.standing;
    assert_eq!((case.opened_on, case.due_on), (Some(day("2026-03-01")), Some(day("2026-03-04"))));
    assert!(!case.due_provisional);
    let late = CaseFilter { overdue: true, ..CaseFilter::default() };
    for (date, overdue) in [("2026-03-04", false), ("2026-03-05", true)] {
        open_day(&mut world, &reconciler, date).await;
        assert_eq!(only(&world.pool).await.standing.overdue, overdue, "{date}");
        let found = open_cases_of(&world.pool, &late, None, 9).await.unwrap();
        assert_eq!(found.len(), usize::from(overdue), "{date}");
        let counts = figures(&world.pool, "none", &[]).await.unwrap().cases;
        assert_eq!((counts[0].cases, counts[0].overdue), (1, i64::from(overdue)), "{date}");
    }
    world.say(&reconciler, [copy("1990-01-02").at(110)]).await;
    world.say(&reconciler, [copy("1990-01-03").at(120)]).await;
    let again = only(&world.pool).await.standing;
    assert_eq!(
        (again.state, again.due_on, again.overdue),
        (CaseState::Reopened, Some(day("2026-03-10")), false)
    );
}

#[tokio::test]
async fn a_case_goes_with_a_person_that_is_merged_and_comes_back_with_it() {
    let (mut world, reconciler) = live().await;
    let copy = || {
        let mut make = Make::new("residence", "person", "R1", "resident")
            .person("R1")
            .name("Trần Mơ")
            .born("1990-01-02");
        make.0.recorded_at = Some("2025-12-01T03:00:00Z".parse().unwrap());
        make
    };
    world.say(&reconciler, [entry(), copy()]).await;
    let alone = find_person(&world.pool, RESIDENT).await.unwrap().unwrap();
    let orphan = only(&world.pool).await;
    assert_eq!((&*orphan.kind, &*orphan.subject), ("orphan", &*format!("person:{alone}")));
    world.say(&reconciler, [copy().pin(PIN).at(110)]).await;
    assert!(open(&world.pool).await.is_empty(), "nobody is there to ask about");
    let known = find_person(&world.pool, PIN).await.unwrap().unwrap();
    let gone = list_cases(&world.pool, false, 0, 9).await.unwrap().remove(0);
    assert_eq!(gone.standing.state, CaseState::Superseded);
    assert_eq!(steps(&gone)[1].2.as_deref(), Some(&*format!("merge:{known}")));
    world.say(&reconciler, [copy().at(120)]).await;
    let back = only(&world.pool).await;
    assert_eq!((back.case_id, back.standing.state), (orphan.case_id, CaseState::Reopened));
    assert_eq!(show_person(&world.pool, alone).await.unwrap().unwrap().cases.len(), 1);
}

#[tokio::test]
async fn nothing_is_open_about_the_dead_until_they_return() {
    let (mut world, reconciler) = live().await;
    world.say(&reconciler, [entry(), copy("1990-01-03")]).await;
    let case = only(&world.pool).await;
    let death = |at| {
        let act = Make::new("civil_status", "death", "D1", "deceased").pin(PIN).name("Trần Mơ");
        act.text("death_or_missing", "2026-02-27").at(at)
    };
    world.say(&reconciler, [death(100)]).await;
    assert!(open(&world.pool).await.is_empty());
    let gone = list_cases(&world.pool, false, 0, 9).await.unwrap().remove(0);
    assert_eq!(gone.standing.state, CaseState::Superseded);
    assert_eq!(steps(&gone)[1].2.as_deref(), Some("death"));
    world.say(&reconciler, [death(110).standing(Standing::Annulled)]).await;
    let back = only(&world.pool).await;
    assert_eq!((back.case_id, back.standing.state), (case.case_id, CaseState::Reopened));
}

#[tokio::test]
async fn a_link_opens_a_case_when_what_the_steward_saw_has_changed() {
    let (mut world, reconciler) = live().await;
    let key = registry_store::fingerprint_key("a key for tests");
    let alone =
        Make::new("residence", "person", "R1", "resident").person("R1").name("Trần Mơ").born("1990-01-02");
    let seen: Vec<_> =
        [&entry().0, &alone.0].map(|record| registry_rules::considered(record, &key)).into_iter().collect();
    world.say(&reconciler, [entry(), alone.clone()]).await;
    let link = Make::new("steward", "identity_decision", "L1", "subject")
        .person("L1")
        .text("steward.ruling", "link")
        .text("steward.record", RESIDENT)
        .text("steward.anchor", "person:residence/R1")
        .text("steward.other_record", REGISTER)
        .text("steward.other_anchor", &format!("pin:{PIN}"))
        .text("steward.considered", &serde_json::to_string(&seen).unwrap());
    world.say(&reconciler, [link]).await;
    assert!(open(&world.pool).await.is_empty());
    assert_eq!(
        find_person(&world.pool, RESIDENT).await.unwrap(),
        find_person(&world.pool, PIN).await.unwrap()
    );
    world.say(&reconciler, [alone.clone().name("Trần Mai").at(110)]).await;
    let kinds: Vec<_> = open(&world.pool).await.into_iter().map(|case| (case.kind, case.subject)).collect();
    assert!(kinds.contains(&("stale_link".to_owned(), format!("record:{RESIDENT}"))), "{kinds:?}");
    world.say(&reconciler, [alone.at(120)]).await;
    assert!(open(&world.pool).await.is_empty());
}

#[tokio::test]
async fn the_case_of_a_pair_is_found_from_both_counts_and_ends_when_they_become_one() {
    let (mut world, reconciler) = live().await;
    let copy =
        || Make::new("residence", "person", "R1", "resident").person("R1").name("Trần Mơ").born("1990-01-02");
    world.say(&reconciler, [entry(), copy()]).await;
    let mut persons = Vec::new();
    for name in [RESIDENT, PIN] {
        persons.push(find_person(&world.pool, name).await.unwrap().unwrap());
    }
    let before = world.state().await;
    let subject = CaseSubject::pair(persons[1], persons[0]).unwrap();
    let life = CaseLife::found(None, "f", None).unwrap();
    let case = StoredCase {
        subject: case_subject(&subject),
        kind: CaseKind::Duplicate.as_str().to_owned(),
        field: String::new(),
        records: vec![RESIDENT.to_owned(), REGISTER.to_owned()],
        life: life.0,
        due_on: None,
    };
    let row = CaseRow { case, event: life.1, by: None, severity: 4, on: day("2026-03-01"), due: None };
    write_cases(&mut world.pool.acquire().await.unwrap(), &[row]).await.unwrap();
    assert_ne!(world.state().await, before, "an open question is part of what the registry holds");
    for person in &persons {
        let cases = show_person(&world.pool, *person).await.unwrap().unwrap().cases;
        assert_eq!(cases.iter().map(|case| &*case.kind).collect::<Vec<_>>(), ["duplicate"]);
    }
    let open_pair = open_cases_of(&world.pool, &CaseFilter::default(), None, 9).await.unwrap().remove(0);
    persons.sort();
    assert_eq!((open_pair.finding.subject, open_pair.persons), (subject, persons));
    world.say(&reconciler, [copy().pin(PIN).at(110)]).await;
    assert!(open(&world.pool).await.is_empty());
    let gone = list_cases(&world.pool, false, 0, 9).await.unwrap().remove(0);
    assert_eq!(gone.standing.state, CaseState::Superseded);
    assert!(steps(&gone)[1].2.as_deref().unwrap().starts_with("merge:"));
}
