//! Enter, change and leave: the difference between what an agreement holds and what it may hold. Pure.

use disclosure_store::{Event, HoldingRow};
use registry_rules::{ContentHash, PersonId, Release};

/// What a comparison asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// The holding as it is to be written; none if it stands as it should.
    pub(crate) holding: Option<HoldingRow>,
    /// What is to be sent, under the holding's new release number.
    pub(crate) event: Option<Event>,
}

/// Which agreement compares.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Comparing<'a> {
    pub(crate) agreement: &'a str,
    pub(crate) version: i32,
    /// Whether its state lets content out; leaves go in any.
    pub(crate) content_goes: bool,
}

/// Compares a holding, or none, with a release and its hash.
pub(crate) fn compare(
    comparing: Comparing<'_>,
    person_id: PersonId,
    holding: Option<&HoldingRow>,
    release: &Release,
    hash: ContentHash,
) -> Difference {
    let held = holding.is_some_and(|h| h.member);
    let same = holding.is_some_and(|h| h.content_hash == Some(hash));
    let event = match (held, release.member) {
        (false, true) if comparing.content_goes => Some(Event::Entered),
        (true, true) if !same && comparing.content_goes => Some(Event::Changed),
        (true, false) => Some(Event::Left),
        (false | true, true) | (false, false) => None,
    };
    let before = holding.cloned().unwrap_or_else(|| HoldingRow {
        person_id,
        agreement: comparing.agreement.to_owned(),
        release_no: 0,
        agreement_version: comparing.version,
        member: false,
        content_hash: None,
        next_review_on: None,
    });
    let mut after = HoldingRow { next_review_on: release.next_review_on, ..before.clone() };
    if event.is_some() {
        after.release_no += 1;
        after.agreement_version = comparing.version;
        after.member = release.member;
        after.content_hash = release.member.then_some(hash);
    }
    Difference { holding: (after != before).then_some(after), event }
}

#[cfg(test)]
mod tests {
    use super::*;
    use registry_rules::ReleaseReason;

    const PERSON: PersonId = PersonId::from_u128(1);
    const ACTIVE: Comparing<'_> = Comparing { agreement: "a", version: 3, content_goes: true };
    const SUSPENDED: Comparing<'_> = Comparing { content_goes: false, ..ACTIVE };

    fn release(member: bool, review: Option<&str>) -> Release {
        Release {
            member,
            reason: if member { ReleaseReason::Member } else { ReleaseReason::OutsidePopulation },
            columns: std::collections::BTreeMap::new(),
            fields: std::collections::BTreeSet::new(),
            next_review_on: review.map(|day| day.parse().unwrap()),
        }
    }

    fn holding(member: bool, hash: Option<u8>) -> HoldingRow {
        HoldingRow {
            person_id: PERSON,
            agreement: "a".to_owned(),
            release_no: 4,
            agreement_version: 2,
            member,
            content_hash: hash.map(|byte| ContentHash([byte; 32])),
            next_review_on: None,
        }
    }

    #[test]
    fn the_difference_in_every_case() {
        let (yes, no) = (release(true, None), release(false, None));
        let new = ContentHash([9; 32]);
        for (case, comparing, holding, release, event, release_no) in [
            ("enters", ACTIVE, None, &yes, Some(Event::Entered), 1),
            ("comes back", ACTIVE, Some(holding(false, None)), &yes, Some(Event::Entered), 5),
            ("changes", ACTIVE, Some(holding(true, Some(1))), &yes, Some(Event::Changed), 5),
            ("content unknown", ACTIVE, Some(holding(true, None)), &yes, Some(Event::Changed), 5),
            ("equal", ACTIVE, Some(holding(true, Some(9))), &yes, None, 4),
            ("leaves", ACTIVE, Some(holding(true, Some(9))), &no, Some(Event::Left), 5),
            ("gone", ACTIVE, Some(holding(false, None)), &no, None, 4),
            ("never in", ACTIVE, None, &no, None, 0),
            ("suspended: no entering", SUSPENDED, None, &yes, None, 0),
            ("suspended: no change", SUSPENDED, Some(holding(true, Some(1))), &yes, None, 4),
            ("suspended: leaving", SUSPENDED, Some(holding(true, Some(1))), &no, Some(Event::Left), 5),
        ] {
            let difference = compare(comparing, PERSON, holding.as_ref(), release, new);
            assert_eq!(difference.event, event, "{case}");
            assert_eq!(difference.holding.is_some(), event.is_some(), "{case}");
            if let Some(after) = difference.holding {
                assert_eq!((after.release_no, after.agreement_version), (release_no, 3), "{case}");
                assert_eq!(after.content_hash, after.member.then_some(new), "{case}");
            }
        }
    }

    #[test]
    fn a_review_day_alone_is_noted_and_sends_nothing() {
        let difference =
            compare(ACTIVE, PERSON, None, &release(false, Some("2030-01-01")), ContentHash([0; 32]));
        assert_eq!(difference.event, None);
        let noted = difference.holding.unwrap();
        assert_eq!((noted.member, noted.release_no), (false, 0));
        assert_eq!(noted.next_review_on, Some("2030-01-01".parse().unwrap()));
    }

    #[test]
    fn comparing_twice_sends_once() {
        for release in [release(true, None), release(false, None)] {
            for start in
                [None, Some(holding(true, Some(1))), Some(holding(true, None)), Some(holding(false, None))]
            {
                let once = compare(ACTIVE, PERSON, start.as_ref(), &release, ContentHash([9; 32]));
                let stands = once.holding.or(start);
                let twice = compare(ACTIVE, PERSON, stands.as_ref(), &release, ContentHash([9; 32]));
                assert_eq!(twice, Difference { holding: None, event: None });
            }
        }
    }
}
