//! Two subscribers put their data side by side and try to find the same person by anything but what both were given.

use super::run::{Run, run};
use super::seen::{Message, Subscriber};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Right matches that chance brings: with numbers such as partition and offset, which every message of both has, about one
/// person in all is met by accident, whatever their number; more than this has a probability below one in a million.
const CHANCE: usize = 10;

/// Something by which one might look for a person at the other subscriber.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Handle {
    /// What the agreement names.
    Content(String),
    /// Anything else.
    Other(String),
}

/// Handle → value → references that have it.
type Handles = BTreeMap<Handle, BTreeMap<String, BTreeSet<String>>>;

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Everything that a message says beside its payload.
fn around(message: &Message) -> Vec<(String, String)> {
    let mut values = vec![
        ("key".to_owned(), message.key.clone()),
        ("partition".to_owned(), message.partition.to_string()),
        ("offset".to_owned(), message.offset.to_string()),
        ("place".to_owned(), format!("{}/{}", message.partition, message.offset)),
        ("time".to_owned(), message.timestamp_ms.to_string()),
        ("length".to_owned(), message.payload.len().to_string()),
        ("hash".to_owned(), hexadecimal(&Sha256::digest(&message.payload))),
    ];
    let headers = message.headers.iter().map(|(name, value)| (format!("header {name}"), hexadecimal(value)));
    values.extend(headers);
    values
}

/// What a subscriber can look for, of the persons who were told of before `until` only: the moment of a live change is
/// known to both.
fn handles(subscriber: &Subscriber, until: i64) -> Handles {
    let late: BTreeSet<&str> = subscriber
        .messages
        .iter()
        .filter(|message| message.timestamp_ms >= until)
        .map(|message| message.key.as_str())
        .collect();
    let mut handles = Handles::new();
    let mut note = |handle: Handle, value: String, reference: &str| {
        if subscriber.persons.contains_key(reference) && !late.contains(reference) {
            handles.entry(handle).or_default().entry(value).or_default().insert(reference.to_owned());
        }
    };
    for message in &subscriber.messages {
        for (name, value) in around(message) {
            note(Handle::Other(name), value, &message.key);
        }
        for (name, text) in message.columns.iter().flatten() {
            let handle = Some(Handle::Other(name.clone())).filter(|_| name.starts_with("meta_"));
            note(handle.unwrap_or_else(|| Handle::Content(name.clone())), text.clone(), &message.key);
        }
    }
    for (table, rows) in &subscriber.tables {
        let key = if *table == subscriber.table { subscriber.ref_column.as_str() } else { "ref" };
        for row in rows {
            let Some(reference) = row.get(key) else { continue };
            for (column, value) in row {
                let is_content = *table == subscriber.table && column != key;
                let handle = if is_content { Handle::Content } else { Handle::Other };
                note(handle(format!("row {column}")), value.clone(), reference);
            }
        }
    }
    handles
}

/// How many persons each pair of handles finds: a value that one person has here and one there, who are the same.
/// Content against content is left to the agreements.
fn found(a: (&Subscriber, &Handles), b: (&Subscriber, &Handles)) -> BTreeMap<(Handle, Handle), usize> {
    let only = |references: &BTreeSet<String>| {
        (references.len() == 1).then(|| references.first().cloned()).flatten()
    };
    let mut found = BTreeMap::new();
    for (left, here) in a.1 {
        for (right, there) in b.1 {
            if matches!((left, right), (Handle::Content(_), Handle::Content(_))) {
                continue;
            }
            let same = here.iter().filter(|(value, references)| {
                let one = only(references).and_then(|reference| a.0.persons.get(&reference));
                let other =
                    there.get(*value).and_then(only).and_then(|reference| b.0.persons.get(&reference));
                one.is_some() && one == other
            });
            found.insert((left.clone(), right.clone()), same.count());
        }
    }
    found
}

/// The pairs of handles that find more persons than chance does.
fn joins(run: &Run, a: &Subscriber, b: &Subscriber) -> Vec<(Handle, Handle)> {
    let (left, right) = (handles(a, run.loaded_ms), handles(b, run.loaded_ms));
    let found = found((a, &left), (b, &right));
    found.into_iter().filter(|(_, persons)| *persons > CHANCE).map(|(pair, _)| pair).collect()
}

fn pairs(run: &Run) -> [(&Subscriber, &Subscriber); 3] {
    let one = |agreement| &run.seen.subscribers[agreement];
    let [education, health, insurance] = ["education", "health_province", "vss_insurance"].map(one);
    [(education, insurance), (health, insurance), (education, health)]
}

#[tokio::test(flavor = "multi_thread")]
async fn two_subscribers_cannot_join_what_they_hold() {
    let run = run().await;
    for (a, b) in pairs(run) {
        let (left, right) = (handles(a, run.loaded_ms), handles(b, run.loaded_ms));
        assert!(left.len() > 20 && right.len() > 20, "there is enough to try: {:?}", left.keys());
        assert_eq!(joins(run, a, b), []);
        let references: BTreeSet<_> = a.persons.keys().collect();
        assert!(b.persons.keys().all(|reference| !references.contains(reference)));
    }
    // Many persons are known to both of the first pair, or there would be nothing to join.
    let (a, b) = pairs(run)[0];
    let persons: BTreeSet<_> = a.persons.values().collect();
    assert!(b.persons.values().filter(|person| persons.contains(person)).count() > 100);
}

/// Writes something about a person into a message.
type Plant = fn(&mut Message, String);

fn planted(subscriber: &Subscriber, plant: Plant) -> Subscriber {
    let mut subscriber = subscriber.clone();
    for message in &mut subscriber.messages {
        if let Some(person) = subscriber.persons.get(&message.key) {
            plant(message, person.to_string());
        }
    }
    subscriber
}

/// The attempt itself: whatever both messages of a person have in common is found.
#[tokio::test(flavor = "multi_thread")]
async fn a_planted_common_value_joins() {
    let run = run().await;
    let (a, b) = pairs(run)[0];
    let plants: [(&str, Plant); 4] = [
        ("meta_trace", |message, person| {
            message.columns.iter_mut().for_each(|c| drop(c.insert("meta_trace".to_owned(), person.clone())));
        }),
        ("header x-trace", |message, person| {
            message.headers.push(("x-trace".to_owned(), person.into_bytes()));
        }),
        ("hash", |message, person| message.payload = person.into_bytes()),
        ("time", |message, person| {
            let number: u64 = person.bytes().fold(7, |sum, byte| sum * 31 % 1_000_000_007 + u64::from(byte));
            message.timestamp_ms = message.timestamp_ms.min(i64::try_from(number).unwrap());
        }),
    ];
    for (name, change) in plants {
        let [a, b] = [a, b].map(|one| planted(one, change));
        let handle = || Handle::Other(name.to_owned());
        assert!(joins(run, &a, &b).contains(&(handle(), handle())), "{name}");
    }
}
