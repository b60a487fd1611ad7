//! Names and weights of events; what they write is tested where a database runs (tests/acceptance).

use super::*;
use registry_rules::RecordKey;
use std::collections::BTreeSet;

#[test]
fn each_event_has_a_name_and_a_weight() {
    let names: BTreeSet<_> = LifeEvent::all().map(LifeEvent::as_str).collect();
    assert_eq!(names.len(), LifeEvent::WEIGHTS.len());
    assert!(LifeEvent::WEIGHTS.iter().all(|(_, weight)| *weight > 0));
    for event in LifeEvent::all() {
        assert_eq!(event.to_string().parse::<LifeEvent>().unwrap(), event);
    }
    let error = "birthday".parse::<LifeEvent>().unwrap_err().to_string();
    assert!(error.contains("birth") && error.contains("reissue-pin"), "{error}");
}

#[test]
fn a_written_row_names_its_records() {
    let row =
        WrittenRow::new(("civil_status", "hotich.khai_sinh", "birth"), 7, &["child", "mother"]).unwrap();
    assert_eq!(row.row_key.as_str(), "civil_status/birth/7");
    assert_eq!(
        row.records.iter().map(RecordKey::as_str).collect::<Vec<_>>(),
        ["civil_status/birth/7/child", "civil_status/birth/7/mother"]
    );
}
