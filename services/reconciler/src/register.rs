//! The PIN register's entries, and whoever a change of them, or of what merges join, concerns.

use crate::keep::{Change, Kept};
use crate::named::Named;
use registry_rules::{Pin, register_entry};
use registry_store::{
    RulingChange, StoreError, close_register, key_of_anchor, lock_keys, recorded_links, replace_entries,
    source_keys_of_pins,
};
use sqlx::PgConnection;
use std::collections::BTreeSet;

/// Rounds in which the classes of changed register entries may grow under other transactions' hands.
const CLASS_ROUNDS: usize = 8;

/// The first load's part of the PIN register. Each entry has one writer, as its record has; nobody reads it yet.
pub(crate) async fn keep_register(connection: &mut PgConnection, kept: &Kept<'_>) -> Result<(), StoreError> {
    let changes: Vec<_> = kept.changes.iter().filter(|(_, change)| is_register(change)).collect();
    let entries: Vec<_> =
        changes.iter().filter_map(|(_, change)| register_entry(&change.new.record)).collect();
    replace_entries(connection, &former_pins(&changes), &entries).await
}

fn is_register(change: &Change<'_>) -> bool {
    let key = &change.new.record.record_key;
    (key.source(), key.entity()) == registry_rules::PIN_REGISTER
}

/// The numbers under which records stood in the register.
fn former_pins<'a>(changes: &[(&&'a str, &'a Change<'_>)]) -> Vec<(&'a str, &'a str)> {
    changes.iter().filter_map(|(key, change)| Some((change.old.as_ref()?.pin.as_deref()?, **key))).collect()
}

/// Brings the register's entries up to date, and puts in question whoever has a number of a class that this, or a merge
/// decision, changes. Gives the numbers of these classes, before and after, all of them locked.
pub(crate) async fn change_register(
    connection: &mut PgConnection,
    kept: &Kept<'_>,
    ruled: &RulingChange,
    keys: &mut Named,
) -> Result<BTreeSet<Pin>, StoreError> {
    let changes: Vec<_> = kept.changes.iter().filter(|(_, change)| is_register(change)).collect();
    let entries: Vec<_> =
        changes.iter().filter_map(|(_, change)| register_entry(&change.new.record)).collect();
    let old = former_pins(&changes);
    let mut class: BTreeSet<String> = old.iter().map(|(pin, _)| (*pin).to_owned()).collect();
    class.extend(ruled.anchors.iter().map(|anchor| key_of_anchor(anchor).to_owned()));
    for entry in &entries {
        class.insert(entry.pin.as_str().to_owned());
        class.extend(entry.replaces.as_ref().map(|pin| pin.as_str().to_owned()));
    }
    if class.is_empty() {
        return Ok(BTreeSet::new());
    }
    close(connection, &mut class).await?;
    replace_entries(connection, &old, &entries).await?;
    let pins: BTreeSet<Pin> = class.iter().filter_map(|key| key.parse().ok()).collect();
    keys.source_keys.extend(class.into_iter().filter(|key| key.parse::<Pin>().is_err()));
    follow_pins(connection, &pins, keys).await?;
    Ok(pins)
}

/// Adds all that stands together with the keys; locks it.
async fn close(connection: &mut PgConnection, class: &mut BTreeSet<String>) -> Result<(), StoreError> {
    for _ in 0..CLASS_ROUNDS {
        lock_keys(connection, class.iter().map(String::as_str)).await?;
        let known = close_register(connection, &class.iter().map(String::as_str).collect::<Vec<_>>()).await?;
        let before = class.len();
        for entry in known.entries {
            class.insert(entry.pin.as_str().to_owned());
            class.extend(entry.replaces.map(|pin| pin.as_str().to_owned()));
        }
        class.extend(known.joined.iter().map(|(one, _)| key_of_anchor(one).to_owned()));
        if class.len() == before {
            return Ok(());
        }
    }
    Err(StoreError::Overtaken("a class of numbers"))
}

/// All records that carry one of the numbers, or are linked to one, are to be attached anew, with those that share their
/// source keys.
async fn follow_pins(
    connection: &mut PgConnection,
    pins: &BTreeSet<Pin>,
    keys: &mut Named,
) -> Result<(), StoreError> {
    let numbers: Vec<&str> = pins.iter().map(Pin::as_str).collect();
    let mut further = BTreeSet::new();
    for (record_key, source_key) in source_keys_of_pins(connection, &numbers).await? {
        match source_key {
            Some(source_key) => further.insert(source_key),
            None => keys.records.insert(record_key),
        };
    }
    keys.records.extend(recorded_links(connection, &[], &numbers).await?.linked);
    lock_keys(connection, further.difference(&keys.source_keys).map(String::as_str)).await?;
    keys.source_keys.extend(further);
    Ok(())
}
