//! Every case comes out as it must, in every order; and a wrong expectation would be noticed.

use super::*;
use registry_rules::Standing;

/// What the corpus must hold at least: the traps that the law and the data are known to set.
const NAMED: [&str; 26] = [
    "adoption",
    "birth_revoked",
    "birth_year_corrected",
    "cohort_2016",
    "commune_divided_2025",
    "commune_numbers_2025",
    "correction_annulled",
    "declared_dead_returned",
    "declared_missing",
    "death_and_household",
    "divorce_and_marriage",
    "law_of_2027",
    "muong_06_or_04",
    "nine_to_twelve_digits",
    "number_before_birth",
    "province_number_changed_hands",
    "registered_again",
    "registered_again_without_number",
    "same_named_elders",
    "sex_redetermined",
    "steward_takes_a_value",
    "tone_marks",
    "twins",
    "typed_digit",
    "wrong_merge_undone",
    "year_only",
];

#[test]
fn every_case_comes_out_as_it_must() {
    let rules = Rules::filed().unwrap();
    let corpus = corpus().unwrap();
    let faults: Vec<String> = corpus.iter().flat_map(|case| case.faults(&rules)).collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    let names: Vec<&str> = corpus.iter().map(|case| case.name.as_str()).collect();
    for name in NAMED {
        assert!(names.contains(&name), "{name} is missing");
    }
}

/// Broken on purpose: each case is noticed when one of its records says something else, or is not there.
#[test]
fn a_case_that_comes_out_otherwise_is_noticed() {
    let rules = Rules::filed().unwrap();
    for mut case in corpus().unwrap() {
        let name = case.name.clone();
        let last = case.records.last_mut().unwrap();
        last.standing =
            if last.standing == Standing::Withdrawn { Standing::Asserted } else { Standing::Withdrawn };
        assert!(!case.faults(&rules).is_empty(), "{name} does not notice that its last record is gone");
    }
}

/// Broken on purpose: the version guard is gone, and the last to come stands.
#[test]
fn without_the_version_guard_an_order_shows() {
    let rules = Rules::filed().unwrap();
    let mut noticed = 0;
    for mut case in corpus().unwrap() {
        let keys: std::collections::BTreeSet<_> = case.records.iter().map(|r| r.record_key.clone()).collect();
        let has_versions = keys.len() < case.records.len();
        for record in &mut case.records {
            record.version = registry_rules::Version::default();
        }
        if has_versions {
            assert!(!case.faults(&rules).is_empty(), "{}", case.name);
            noticed += 1;
        }
    }
    assert!(noticed >= 5, "{noticed}");
}
