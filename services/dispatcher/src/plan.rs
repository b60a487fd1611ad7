//! What a lane does with everything that is open for some persons. Pure.

use disclosure_store::{DeliveryKey, Event, OpenDelivery, Outcome, Settlement};
use registry_rules::PersonId;

/// What holds for content now; none when the agreement lets none out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InForce {
    pub(crate) version: i32,
}

/// Whether a receiver can say which release it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answers {
    /// A guard row tells.
    Yes,
    /// It cannot be asked: what may have been sent counts as delivered.
    No,
}

/// One person's turn: the newest release, and older ones that may have been received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) newest: OpenDelivery,
    /// Release numbers, to be resolved by what the receiver has.
    pub(crate) unresolved: Vec<i64>,
    /// The newest may not be sent any more, and is resolved like the older ones.
    pub(crate) resolve_only: bool,
}

/// What is to be done, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Outcomes that are certain without the receiver.
    pub(crate) settled: Vec<Settlement>,
    /// Persons and releases whose content the subscriber does not get.
    pub(crate) withdrawn: Vec<(PersonId, i64)>,
    /// What goes to the receiver.
    pub(crate) turns: Vec<Turn>,
}

/// Plans for open deliveries sorted by person and release.
pub(crate) fn plan(open: Vec<OpenDelivery>, in_force: Option<InForce>, answers: Answers) -> Plan {
    let mut plan = Plan::default();
    let mut person: Vec<OpenDelivery> = Vec::new();
    for delivery in open {
        if person.first().is_some_and(|first| first.reference != delivery.reference) {
            plan.person(std::mem::take(&mut person), in_force, answers);
        }
        person.push(delivery);
    }
    plan.person(person, in_force, answers);
    plan
}

impl Plan {
    fn person(&mut self, mut open: Vec<OpenDelivery>, in_force: Option<InForce>, answers: Answers) {
        let Some(newest) = open.pop() else { return };
        let mut unresolved = Vec::new();
        for older in open {
            match (older.attempted, answers) {
                (false, _) => self.settle(&older, Outcome::Superseded),
                (true, Answers::No) => self.settle(&older, Outcome::Delivered),
                (true, Answers::Yes) => unresolved.push(older.release_no),
            }
        }
        let may_go =
            newest.event == Event::Left || in_force.is_some_and(|f| f.version == newest.agreement_version);
        if may_go {
            self.turns.push(Turn { newest, unresolved, resolve_only: false });
            return;
        }
        match (newest.attempted, answers) {
            (false, _) if unresolved.is_empty() => self.withdraw(&newest),
            (false, _) => {
                self.withdraw(&newest);
                // Only the older ones are left to be asked about.
                self.turns.push(Turn { newest, unresolved, resolve_only: true });
            }
            (true, Answers::No) => self.settle(&newest, Outcome::Delivered),
            (true, Answers::Yes) => {
                unresolved.push(newest.release_no);
                self.turns.push(Turn { newest, unresolved, resolve_only: true });
            }
        }
    }

    fn settle(&mut self, delivery: &OpenDelivery, outcome: Outcome) {
        let key = DeliveryKey { reference: delivery.reference.clone(), release_no: delivery.release_no };
        self.settled.push(Settlement { key, outcome });
    }

    fn withdraw(&mut self, delivery: &OpenDelivery) {
        self.settle(delivery, Outcome::Withdrawn);
        self.withdrawn.push((delivery.person_id, delivery.release_no));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V2: Option<InForce> = Some(InForce { version: 2 });

    fn open(reference: &str, release_no: i64, event: Event, attempted: bool) -> OpenDelivery {
        OpenDelivery {
            reference: reference.to_owned(),
            release_no,
            person_id: PersonId::from_u128(1),
            agreement_version: 2,
            generation: 1,
            event,
            fields: vec![],
            payload: vec![],
            attempted,
            attempts: 0,
            authorised_at: chrono::DateTime::UNIX_EPOCH,
        }
    }

    fn outcomes(plan: &Plan) -> Vec<(i64, Outcome)> {
        plan.settled.iter().map(|s| (s.key.release_no, s.outcome)).collect()
    }

    #[test]
    fn what_waits_is_folded_into_the_newest() {
        let waiting = vec![
            open("a", 1, Event::Entered, false),
            open("a", 2, Event::Changed, false),
            open("b", 7, Event::Left, false),
        ];
        let plan = plan(waiting, V2, Answers::Yes);
        assert_eq!(outcomes(&plan), [(1, Outcome::Superseded)]);
        let sent: Vec<_> =
            plan.turns.iter().map(|t| (t.newest.reference.as_str(), t.newest.release_no)).collect();
        assert_eq!(sent, [("a", 2), ("b", 7)]);
    }

    #[test]
    fn an_attempted_one_is_resolved_at_the_receiver_or_counts_as_delivered() {
        let waiting = || vec![open("a", 1, Event::Entered, true), open("a", 2, Event::Changed, false)];
        let asked = plan(waiting(), V2, Answers::Yes);
        assert_eq!((outcomes(&asked), asked.turns[0].unresolved.clone()), (vec![], vec![1]));
        let silent = plan(waiting(), V2, Answers::No);
        assert_eq!(outcomes(&silent), [(1, Outcome::Delivered)]);
    }

    #[test]
    fn content_of_another_version_is_withdrawn_and_a_leave_goes_in_any() {
        for in_force in [None, Some(InForce { version: 3 })] {
            let waiting = vec![open("a", 1, Event::Entered, false), open("b", 2, Event::Left, false)];
            let plan = plan(waiting, in_force, Answers::Yes);
            assert_eq!(outcomes(&plan), [(1, Outcome::Withdrawn)]);
            assert_eq!(plan.withdrawn.len(), 1);
            assert_eq!(plan.turns.len(), 1);
            assert!(!plan.turns[0].resolve_only);
        }
    }

    #[test]
    fn attempted_content_is_never_withdrawn_unasked() {
        let waiting = || vec![open("a", 1, Event::Entered, true)];
        let asked = plan(waiting(), None, Answers::Yes);
        assert!(asked.settled.is_empty() && asked.turns[0].resolve_only);
        assert_eq!(outcomes(&plan(waiting(), None, Answers::No)), [(1, Outcome::Delivered)]);
    }

    proptest::proptest! {
        #[test]
        fn each_delivery_has_one_fate(
            shape in proptest::collection::vec((0_u8..3, 0_u8..3, proptest::bool::ANY, 1_i32..4), 0..12),
            answers in proptest::bool::ANY,
        ) {
            let mut all: Vec<OpenDelivery> = shape.iter().enumerate().map(|(n, (person, event, attempted, version))| {
                let event = [Event::Entered, Event::Changed, Event::Left][usize::from(*event)];
                let one = open(&format!("r{person}"), i64::try_from(n).unwrap(), event, *attempted);
                OpenDelivery { agreement_version: *version, ..one }
            }).collect();
            all.sort_by(|a, b| (&a.reference, a.release_no).cmp(&(&b.reference, b.release_no)));
            let answers = if answers { Answers::Yes } else { Answers::No };
            let plan = plan(all.clone(), V2, answers);
            let mut fates: Vec<i64> = plan.settled.iter().map(|s| s.key.release_no).collect();
            for turn in &plan.turns {
                fates.extend(&turn.unresolved);
                if !turn.resolve_only {
                    fates.push(turn.newest.release_no);
                }
            }
            fates.sort_unstable();
            let mut expected: Vec<i64> = all.iter().map(|d| d.release_no).collect();
            expected.sort_unstable();
            proptest::prop_assert_eq!(fates, expected);
        }
    }
}
