use super::*;
use crate::{NamedRecord, Ruling};
use chrono::DateTime;
use proptest::prelude::*;

fn asked(decision: &str) -> Handling {
    Handling { decision: decision.to_owned(), waits_for: Some("residence".to_owned()) }
}

fn looked_into(decision: &str) -> Handling {
    Handling { decision: decision.to_owned(), waits_for: None }
}

/// What one transaction sees of a case.
#[derive(Clone, Debug)]
enum Seen {
    Found(&'static str, Option<Handling>),
    Lost(Ended),
}

fn run(steps: impl IntoIterator<Item = Seen>) -> (Option<CaseLife>, Vec<&'static str>) {
    let (mut life, mut events) = (None::<CaseLife>, Vec::new());
    for step in steps {
        let next = match &step {
            Seen::Found(fingerprint, handling) => {
                CaseLife::found(life.as_ref(), fingerprint, handling.as_ref())
            }
            Seen::Lost(ended) => life.as_ref().and_then(|life| life.lost(*ended)),
        };
        if let Some((next, event)) = next {
            events.push(event.as_str());
            life = Some(next);
        }
    }
    (life, events)
}

#[test]
fn a_life_from_opening_to_its_end() {
    use Seen::{Found, Lost};
    for (steps, state, events) in [
        (vec![Found("a", None), Found("a", None)], CaseState::New, vec!["opened"]),
        (vec![Found("a", None), Found("b", None)], CaseState::New, vec!["opened", "changed"]),
        (vec![Found("a", None), Lost(Ended::Answered)], CaseState::Closed, vec!["opened", "closed"]),
        // A source is asked, and the case waits until it says something new.
        (
            vec![Found("a", None), Found("a", Some(asked("d"))), Found("a", Some(asked("d")))],
            CaseState::Waiting,
            vec!["opened", "waiting"],
        ),
        (
            vec![Found("a", Some(asked("d"))), Found("b", Some(asked("d"))), Found("b", Some(asked("d")))],
            CaseState::Reopened,
            vec!["opened", "reopened"],
        ),
        // Asked once more, it waits once more.
        (
            vec![Found("a", Some(asked("d"))), Found("b", Some(asked("d"))), Found("b", Some(asked("e")))],
            CaseState::Waiting,
            vec!["opened", "reopened", "waiting"],
        ),
        (vec![Found("a", Some(asked("d"))), Found("a", None)], CaseState::New, vec!["opened", "resumed"]),
        (
            vec![Found("a", Some(asked("d"))), Found("a", Some(looked_into("e")))],
            CaseState::UnderInvestigation,
            vec!["opened", "under_investigation"],
        ),
        // A question that was answered is not asked again when a later decision is taken back.
        (
            vec![
                Found("a", Some(asked("d"))),
                Found("b", Some(asked("d"))),
                Found("b", Some(looked_into("e"))),
                Found("b", Some(asked("d"))),
                Found("b", Some(looked_into("e"))),
            ],
            CaseState::UnderInvestigation,
            vec!["opened", "reopened", "under_investigation", "resumed", "under_investigation"],
        ),
        // The decision that it once waited by does not answer a question that comes back.
        (
            vec![Found("a", Some(asked("d"))), Lost(Ended::Answered), Found("a", Some(asked("d")))],
            CaseState::Reopened,
            vec!["opened", "closed", "reopened"],
        ),
        (
            vec![Found("a", Some(asked("d"))), Lost(Ended::Merged), Lost(Ended::Answered)],
            CaseState::Superseded,
            vec!["opened", "superseded"],
        ),
        (
            vec![Found("a", None), Lost(Ended::Regrouped), Found("a", None), Lost(Ended::Died)],
            CaseState::Superseded,
            vec!["opened", "superseded", "reopened", "superseded"],
        ),
    ] {
        let (life, happened) = run(steps.clone());
        assert_eq!((life.unwrap().state, happened), (state, events), "{steps:?}");
    }
}

#[test]
fn the_latest_decision_about_a_record_of_the_case_counts() {
    let key = |text: &str| RecordKey::try_from(text.to_owned()).unwrap();
    let (own, other) = (key("residence/person/1/resident"), key("civil_status/birth/1/child"));
    let decision = |id: &str, kind, record: &RecordKey| IdentityDecision {
        id: id.to_owned(),
        ruling: Some(Ruling {
            kind,
            subject: NamedRecord { record_key: record.clone(), anchor: "pin:001190000001".to_owned() },
            other: None,
        }),
        considered: Vec::new(),
        decided_at: DateTime::UNIX_EPOCH,
        reverses: None,
    };
    let asked = decision("a", RulingKind::SendBack, &own);
    let looked = decision("b", RulingKind::UnderInvestigation, &own);
    let parted = decision("c", RulingKind::Split, &own);
    let elsewhere = decision("d", RulingKind::SendBack, &other);
    let of = |all: &[&IdentityDecision]| Handling::of(all, std::slice::from_ref(&own));
    assert_eq!(of(&[&asked, &parted, &elsewhere]).unwrap().waits_for.as_deref(), Some("residence"));
    assert_eq!(of(&[&asked, &looked]), Some(looked_into("b")));
    assert_eq!(of(&[&looked, &asked]).unwrap().decision, "a");
    assert_eq!(of(&[&parted, &elsewhere]), None);
}

fn seen() -> impl Strategy<Value = Seen> {
    let handling = prop_oneof![
        Just(None),
        prop::sample::select(vec!["d", "e"]).prop_map(|id| Some(asked(id))),
        prop::sample::select(vec!["f", "g"]).prop_map(|id| Some(looked_into(id))),
    ];
    prop_oneof![
        3 => (prop::sample::select(vec!["a", "b"]), handling).prop_map(|(f, h)| Seen::Found(f, h)),
        1 => prop::sample::select(vec![Ended::Answered, Ended::Merged, Ended::Regrouped, Ended::Died])
            .prop_map(Seen::Lost),
    ]
}

proptest! {
    #[test]
    fn a_case_is_open_exactly_while_it_is_found(steps in prop::collection::vec(seen(), 1..12)) {
        let (life, _) = run(steps.clone());
        let found = matches!(steps.last(), Some(Seen::Found(..)));
        prop_assert_eq!(life.as_ref().is_some_and(|life| life.state.is_open()), found);
        // Whom it waits for is said of waiting cases, and of those only.
        prop_assert!(life.is_none_or(|life| life.waits_for.is_some() == (life.state == CaseState::Waiting)));
    }

    #[test]
    fn what_is_seen_again_changes_nothing(steps in prop::collection::vec(seen(), 1..12)) {
        let (life, events) = run(steps.clone());
        let last = steps.last().cloned();
        let (again, more) = run(steps.into_iter().chain(last));
        prop_assert_eq!((again, more), (life, events));
    }
}
