//! The numbers of a person: from the register, and from the records that carry some.

use crate::{IdentifierKind, MergeInput, PartialDate, Pin, PinStanding, PinState, SourceRecord};
use chrono::NaiveDate;
use std::collections::{BTreeMap, BTreeSet};

/// The person's numbers: those of the register, and those that records carry and the register does not know.
pub(crate) fn pins(input: &MergeInput<'_>) -> Vec<PinState> {
    let mut pins: BTreeMap<String, PinStanding> = BTreeMap::new();
    for entry in input.register {
        let state = if entry.cancelled { PinStanding::Cancelled } else { PinStanding::Current };
        let known = pins.entry(entry.pin.as_str().to_owned()).or_insert(state);
        *known = (*known).min(state);
        if let Some(old) = &entry.replaces {
            pins.entry(old.as_str().to_owned()).or_insert(PinStanding::Cancelled);
        }
    }
    // Without a register entry a number stands for the person only if no entry speaks against it: it was accepted.
    if input.register.is_empty() {
        let carried = input.records.iter().filter_map(|r| r.identifier(IdentifierKind::Pin));
        for pin in carried.filter(|pin| pin.parse::<Pin>().is_ok()) {
            pins.entry(pin.to_owned()).or_insert(PinStanding::Unknown);
        }
    }
    pins.into_iter().map(|(value, state)| PinState { value, state }).collect()
}

/// Of several numbers in force the one issued last stands (legal date, then digits).
pub(crate) fn issue_order(input: &MergeInput<'_>, pin: &str) -> (Option<NaiveDate>, String) {
    let issued = input
        .records
        .iter()
        .filter(|r| {
            r.record_key.source() == crate::PIN_REGISTER.0 && r.identifier(IdentifierKind::Pin) == Some(pin)
        })
        .filter_map(|r| r.valid_from.map(PartialDate::latest))
        .max();
    (issued, pin.to_owned())
}

/// Nine-digit numbers that records carry, sorted.
pub(crate) fn cmnd9(records: &[SourceRecord]) -> Vec<String> {
    let numbers = records.iter().filter(|r| r.standing.counts()).flat_map(|r| &r.identifiers);
    let distinct: BTreeSet<_> =
        numbers.filter(|i| i.kind == IdentifierKind::Cmnd9).map(|i| i.value.clone()).collect();
    distinct.into_iter().collect()
}
